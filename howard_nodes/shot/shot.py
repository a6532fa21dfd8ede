"""One shot that can be matted: each of its frames read, predicted and written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from howard_nodes.engine.results import Prediction
from howard_nodes.engine.runtime import Warm
from howard_nodes.engine.stages import Around
from howard_nodes.errors import FrameError
from howard_nodes.frames import check_seal, read_attributes, verify_file
from howard_nodes.plates.fit import ShotFit
from howard_nodes.shot.events import Event, Note
from howard_nodes.shot.inputs import Connected, ConnectedFrame, Content
from howard_nodes.shot.output import prepare_output, write_frame
from howard_nodes.shot.plan import Plan

__all__ = ["FINGERPRINT_ATTRIBUTE", "FIT_ATTRIBUTE", "SETTINGS_ATTRIBUTE", "Inputs", "Shot"]

FINGERPRINT_ATTRIBUTE = "howard:fingerprint"
"""Header attribute with the hash of all inputs and settings of a frame."""

FIT_ATTRIBUTE = "howard:fit"
"""Header attribute with the verdict on how the clean plate fits; it begins with good, doubtful or failed."""

SETTINGS_ATTRIBUTE = "howard:settings"
"""Header attribute with the hash of all settings: the same for all frames of a run."""

# Raised when the same inputs give other pixels than before, so that --resume makes frames anew.
_NUMERICS = 4
_LARGE = 20_000_000  # pixels; 4K has 9 million, 8K 33
_DISPLAY_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")


@dataclass(frozen=True)
class Inputs:
    """One frame to be made.

    Attributes
    ----------
    frame : int
        Its number.
    fingerprint : str
        Hash of all inputs and settings.
    read : ConnectedFrame or None
        None where the frame's output is there already, made of the same.
    content : Content or None
        What it was read of; None where it was not.
    """

    frame: int
    fingerprint: str
    read: ConnectedFrame | None = None
    content: Content | None = None

    @property
    def complete(self) -> bool:
        """Whether nothing is to be done."""
        return self.read is None


class Shot:
    """A plan with its network loaded and its output's folder made.

    The clean plate is fitted with `fit_plates`; then a frame is `read`, then `predict`, then `write`.

    Parameters
    ----------
    made : Plan
        What to do, from `howard_nodes.shot.plan.plan`.
    warm : Warm
        What is left of earlier shots, and takes what this one leaves.
    tell : callable
        Told what is worth knowing; may be called from any thread.
    make_folder : bool
        Make the output's folder where it is not there.

    Attributes
    ----------
    frames : tuple of int
        Frames to make, missing ones included.
    engine : Engine
        What computes them.
    weights_name : str
        Name of its weights.
    reach : int
        Frames before and after each that steady it.

    Raises
    ------
    InputError
        Weights, device or folder cannot be used.
    """

    def __init__(
        self,
        made: Plan,
        warm: Warm,
        tell: Callable[[Event], None],
        *,
        make_folder: bool = True,
    ) -> None:
        self._warm = warm
        job = made.job
        self.plan, self.job, self.reach = made, job, job.settings.steadiness
        self.frames, self.paths = made.frames, made.paths
        self._config, self._layers, self._plates = made.config, made.layers, made.plates
        prepare_output(job.output, job.report, make_folder=make_folder)
        warm_engine = self._warm.engine(
            self._config, job.settings, job, lambda message: tell(Note(message, warning=True))
        )
        self.engine, self.weights_name = warm_engine.engine, warm_engine.weights
        self._connected = Connected(
            self._plates, made.mattes, warm_engine, self._warm, tell, layers=self._layers
        )
        self._settings_text = json.dumps(
            {
                "numerics": _NUMERICS,
                "weights": warm_engine.weights_hash,
                "config": self._config.fingerprint,
                "settings": asdict(job.settings),
                "precision": self.engine.network.precision,
                "layers": self._layers,
                "layer": [job.layer, job.clean_layer],
                "colorspaces": [job.colorspace, job.clean_colorspace, job.output_colorspace],
                "depth": job.depth,
                "compression": job.compression,
                "format": Path(job.output).suffix.lower(),
            },
            sort_keys=True,
        )

    @cached_property
    def is_large(self) -> bool:
        """Whether frames are so large that they are best done one after another, for memory."""
        footage = self._plates.plate.footage
        for frame in self.frames:
            with suppress(FrameError):
                width, height = footage.display_size(frame)
                return width * height >= _LARGE
        return False

    @property
    def fit(self) -> ShotFit | None:
        """How the clean plate fits; None before `fit_plates`, and where it is used as it is."""
        return self._plates.fit

    def fit_plates(self) -> None:
        """Find out how the clean plate fits each frame, and write the report where one is asked for.

        Raises
        ------
        InputError
            A fit that was given does not belong to this shot, or the report cannot be written.
        """
        self._connected.solve_fit(self.job.fit, self.job.report)

    # The three steps of a frame.

    def read(self, frame: int) -> Inputs:
        """Read all that one frame needs, convert it to scene-linear, repair NaN and Inf.

        Raises
        ------
        FrameError
            A file is missing, damaged or of another size.
        """
        content = self._connected.content(frame)
        fingerprint = self._fingerprint(content.hashes(frame))
        if self.job.resume and self._complete(frame, fingerprint):
            return Inputs(frame, fingerprint)
        return Inputs(frame, fingerprint, self._connected.read(frame, content), content)

    def predict(self, inputs: Inputs) -> Prediction:
        """Run the network on what `read` gave: not on `Inputs` that are `complete`."""
        assert inputs.read is not None
        prediction = self._connected.predicted(inputs.read)
        if self.reach:
            self._connected.remember(inputs.frame, inputs.read, prediction)
        return prediction

    def around(self, inputs: Inputs, reader: Executor) -> Around:
        """Look at what steadies a frame; the frames up to `reach` after it are best predicted before.

        Parameters
        ----------
        inputs : Inputs
            From `read`; not `complete`.
        reader : Executor
            Reads neighbours that were not predicted, since nobody wants them or they are there already.

        Returns
        -------
        tuple of tuple of str and Glimpse
            For `write`.
        """
        assert inputs.read is not None
        assert inputs.content is not None
        read = self._connected.read
        return self._connected.around(
            inputs.frame,
            inputs.read,
            inputs.content,
            lambda frame, content: reader.submit(read, frame, content).result(),
        )

    def write(self, inputs: Inputs, prediction: Prediction, around: Around = ()) -> tuple[Path, ...]:
        """Solve the foreground and write all layers; give the files' names.

        Raises
        ------
        WriteError
            A file cannot be written; no partial one is left.
        """
        assert inputs.read is not None
        job, pictures, plate = self.job, inputs.read.pictures, inputs.read.header
        result = self._connected.solved(inputs.read, prediction, around)
        paths = self.paths(inputs.frame)
        is_exr = paths[0].suffix.lower() == ".exr"
        space = self._output_space(inputs.read, is_exr)
        common: dict[str, Any] = {
            "config": self._config,
            "file_space": inputs.read.file_space,
            "guessed": inputs.read.guessed,
            "compression": job.compression,
            "about": {
                FINGERPRINT_ATTRIBUTE: inputs.fingerprint,
                SETTINGS_ATTRIBUTE: hashlib.blake2b(self._settings_text.encode(), digest_size=8).hexdigest(),
                "howard:weights": self.weights_name,
                "howard:exposure": float(prediction.exposure),
                **self._fit_told(inputs.frame),
            },
        }
        if is_exr:
            if space != pictures.space:
                apart = "difference" in self._layers
                wanted: dict[str, np.ndarray | None] = {
                    "foreground": result.foreground,
                    "clean": result.clean if apart or "clean" in self._layers else None,
                    "plate": result.plate if apart else None,
                }
                converted: dict[str, Any] = {
                    name: None if color is None else self._config.convert(color, pictures.space, space)
                    for name, color in wanted.items()
                }
                result = replace(result, **converted)
            pixels, channels = result.exr_channels(self._layers, half=job.depth == "half")
            del result
            write_frame(paths[0], pixels, channels, plate, space=space, depth=job.depth, **common)
            return paths
        for layer, path in zip(self._layers, paths, strict=True):
            pixels, channels = result.layer(layer)
            has_color = pixels.shape[2] >= 3
            if has_color:
                color = self._config.convert(np.ascontiguousarray(pixels[..., :3]), pictures.space, space)
                pixels = np.dstack([color, pixels[..., 3:]]) if pixels.shape[2] > 3 else color
            write_frame(
                path, pixels, channels, plate, space=space if has_color else None, depth="uint16", **common
            )
        return paths

    def _fit_told(self, frame: int) -> dict[str, Any]:
        fit = self.fit.frames.get(frame) if self.fit is not None else None
        return {FIT_ATTRIBUTE: fit.message} if fit is not None and fit.message else {}

    # Colour and resuming.

    def _output_space(self, read: ConnectedFrame, is_exr: bool) -> str:
        requested = self.job.output_colorspace
        if requested is not None:
            return self._config.space(requested)
        if is_exr:
            return read.pictures.space
        suffix = Path(self.job.plate).suffix.lower()
        if suffix in _DISPLAY_SUFFIXES and not self._config.is_scene_linear(read.file_space):
            return read.file_space
        return self._config.resolve("layer.png", None, None).space

    def _fingerprint(self, parts: dict[str, str]) -> str:
        digest = hashlib.blake2b(self._settings_text.encode(), digest_size=16)
        for name in sorted(parts):
            digest.update(f"{name}:{parts[name]}".encode())
        return digest.hexdigest()

    def _complete(self, frame: int, fingerprint: str) -> bool:
        for path in self.paths(frame):
            try:
                if not path.is_file() or read_attributes(path).get(FINGERPRINT_ATTRIBUTE) != fingerprint:
                    return False
                verify_file(path)
                check_seal(path)
            except FrameError:
                return False
        return True
