"""What stays from one evaluation to the next: networks, what stages gave, how clean plates fit."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from howard_nodes.color import ColorConfig
from howard_nodes.description import ComputeSettings, MatteSettings, knobs_of
from howard_nodes.engine.cache import StageCache, key_of
from howard_nodes.engine.engine import Engine
from howard_nodes.errors import InputError
from howard_nodes.frames.digests import file_digest
from howard_nodes.network import describe_weights, load_weights
from howard_nodes.plates.fit import ShotFit

__all__ = ["CACHE_VARIABLE", "KnownFit", "Warm", "WarmEngine"]

CACHE_VARIABLE = "HOWARD_CACHE_MB"
"""Environment variable with the megabytes that hosts keep of stages; else 1024: some five frames in HD."""

_ENGINES = 2
_FITS = 16


@dataclass(frozen=True)
class WarmEngine:
    """An engine, the name of its weights, and keys of what it computes with.

    Attributes
    ----------
    engine : Engine
        With its weights loaded.
    weights : str
        Their name, or their file's name without its folder: headers are no place for a machine's paths.
    weights_hash : str
        Of the file.
    key : str
        Of weights, configuration, device and precision.
    """

    engine: Engine
    weights: str
    weights_hash: str
    key: str


@dataclass
class KnownFit:
    """A fit of a shot, and hashes of the files it was seen to belong to, by frame, as frames are read."""

    fit: ShotFit
    digests: dict[int, dict[str, str]] = field(default_factory=dict)


class Warm:
    """What stays from one evaluation to the next.

    Parameters
    ----------
    cache_bytes : int, optional
        Memory for what stages gave; 0 for a process that sees every frame once. By default as
        `CACHE_VARIABLE` says.

    Raises
    ------
    InputError
        The variable is no number of megabytes.
    """

    def __init__(self, cache_bytes: int | None = None) -> None:
        self.cache = StageCache(_cache_bytes() if cache_bytes is None else cache_bytes)
        self._engines: OrderedDict[str, WarmEngine] = OrderedDict()
        self._fits: OrderedDict[str, KnownFit] = OrderedDict()

    def engine(
        self,
        config: ColorConfig,
        settings: MatteSettings,
        computing: ComputeSettings,
        on_note: Callable[[str], None],
    ) -> WarmEngine:
        """Give an engine, loaded before or now.

        Parameters
        ----------
        config : ColorConfig
            Decides what colour spaces are.
        settings : MatteSettings
            How the network works from now on.
        computing : ComputeSettings
            Weights, device and precision.
        on_note : callable
            Told what a user should know, from now on.

        Returns
        -------
        WarmEngine
            The same one for the same weights (by content), configuration, device and precision.

        Raises
        ------
        InputError
            Weights that are not there or damaged, or a device that is not there.
        """
        info = describe_weights(computing.weights)
        weights_hash = _hash_file(info.path)
        # The weights by their content, the other knobs by their value.
        others = {one.name: getattr(computing, one.name) for one in knobs_of(ComputeSettings)} | {
            "weights": ""
        }
        key = key_of(weights_hash, config.fingerprint, others)
        warm = self._engines.get(key)
        if warm is None:
            network = load_weights(computing.weights, fused=False)
            engine = Engine(network, config, settings, computing, on_note=on_note)
            engine.network.free_memory = self._forget
            warm = self._engines[key] = WarmEngine(engine, Path(info.name).stem, weights_hash, key)
            if len(self._engines) > _ENGINES:
                self._engines.popitem(last=False)
        self._engines.move_to_end(key)
        warm.engine.settings, warm.engine.network.on_note = settings, on_note
        return warm

    def _forget(self) -> bool:
        """Forget what stages gave; say whether there was something."""
        was_kept = len(self.cache) > 0
        self.cache.clear()
        return was_kept

    def known_fit(
        self, shot: str, frames: Iterable[int], digests: Callable[[int, ShotFit], dict[str, str] | None]
    ) -> ShotFit | None:
        """Give the fit of a shot, where one is known that holds for some of its frames.

        So a frame that was fitted as one of many keeps that fit when it is asked for alone.

        Parameters
        ----------
        shot : str
            Key of plate, clean plate and all settings that a fit depends on.
        frames : iterable of int
            Frames that are wanted.
        digests : callable
            Gives the hashes of a frame's files as they are now, with a fit; None where they cannot be read.

        Returns
        -------
        ShotFit or None
            None where it is not known, or a file has changed since.
        """
        known = self._fits.get(shot)
        if known is None:
            return None
        for frame in frames:
            before = known.digests.get(frame)
            if before is None or frame not in known.fit.frames or digests(frame, known.fit) != before:
                return None
        self._fits.move_to_end(shot)
        return known.fit

    def keep_fit(self, shot: str, fit: ShotFit) -> KnownFit:
        """Keep the fit of a shot in place of an earlier one.

        Returns
        -------
        KnownFit
            To be told the hashes of frames as they are read.
        """
        known = self._fits[shot] = KnownFit(fit)
        self._fits.move_to_end(shot)
        if len(self._fits) > _FITS:
            self._fits.popitem(last=False)
        return known


def _cache_bytes() -> int:
    text = os.environ.get(CACHE_VARIABLE, "1024")
    if not text.strip().isdecimal():
        raise InputError(f"{CACHE_VARIABLE}={text}: must be a whole number of megabytes, such as 1024.")
    return int(text) << 20


def _hash_file(path: Path) -> str:
    try:
        return file_digest(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({os.strerror(error.errno or 0)}).") from error
