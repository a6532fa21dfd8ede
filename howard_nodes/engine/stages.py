"""The stages of a frame with what they gave before: only what depends on a change runs again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from howard_nodes.description import counting
from howard_nodes.engine.cache import KeptWhileSame, StageCache, key_of
from howard_nodes.engine.engine import Engine
from howard_nodes.engine.results import ON_REQUEST, CleanSeen, CoarseStage, Prediction
from howard_nodes.layers import MatteResult
from howard_nodes.solve import Glimpse, glimpse, merge_override, steadied

__all__ = ["Around", "KeyedMatte", "Pictures", "Stages"]

Around = tuple[tuple[str, Glimpse], ...]
"""A frame, then the neighbours that steady it: what is seen of each, with a key of that; empty for none."""


@dataclass(frozen=True)
class Pictures:
    """What the stages read and fit give: plate and clean plate of a frame.

    Attributes
    ----------
    key : str
        Of all that they were made of.
    plate, clean : ndarray
        H W 3 float32, scene-linear.
    space : str
        Their colour space.
    clean_key : str
        Of all that the clean plate was made of: the same for the same pixels.
    valid : ndarray, optional
        H W, 1 where there is clean plate; None for everywhere.
    """

    key: str
    plate: np.ndarray
    clean: np.ndarray
    space: str
    clean_key: str
    valid: np.ndarray | None = None


@dataclass(frozen=True)
class KeyedMatte:
    """An override, or an inside or outside matte: its pixels (H W, or H W C), and a key of them."""

    key: str
    pixels: np.ndarray


class Stages:
    """The stages coarse, refine, unmix and solve, each remembered by what it depends on.

    Parameters
    ----------
    engine : Engine
        What computes them, with its settings of now.
    key : str
        Of the engine's weights, configuration, device and precision.
    cache : StageCache
        What they gave before.
    on_stage : callable
        Told the name of each stage that runs.
    layers : collection of str
        Those of the results; of those `ON_REQUEST` the others are None.
    """

    def __init__(
        self,
        engine: Engine,
        key: str,
        cache: StageCache,
        on_stage: Callable[[str], None] = lambda _: None,
        layers: Collection[str] = ON_REQUEST,
    ) -> None:
        self.engine = engine
        self.cache = cache
        self._key = key
        self._on_stage = on_stage
        # What was computed for other layers serves these too.
        self._on_request = [name for name in ON_REQUEST if name in layers]
        self._clean_seen: KeptWhileSame[CleanSeen] = KeptWhileSame()

    def predicted(self, pictures: Pictures, mattes: Mapping[str, KeyedMatte]) -> Prediction:
        """Run the stages coarse, refine and unmix, as far as they are asked for and not known.

        Parameters
        ----------
        pictures : Pictures
            Plate and clean plate.
        mattes : mapping of str to KeyedMatte
            `coarse_override` and `error_override`, where given; others are left alone.

        Returns
        -------
        Prediction
            Shared with the cache: leave it as it is.

        Raises
        ------
        InputError
            Sizes that do not fit.
        """

        def refine() -> Prediction:
            coarse = self._coarse(pictures)
            self._on_stage("refine")
            return self.engine.refine(
                coarse,
                coarse_override=_pixels(mattes, "coarse_override"),
                error_override=_pixels(mattes, "error_override"),
                layers=self._on_request,
            )

        def unmix() -> Prediction:
            known = self.cache.get(self._refine_key(pictures, mattes), refine)
            self._on_stage("unmix")
            return self.engine.unmix(
                known, pictures.plate, pictures.clean, pictures.space, valid=pictures.valid
            )

        compute = unmix if self.engine.settings.unmix != "off" else refine
        return self.cache.get(self._predicted_key(pictures, mattes), compute)

    def glimpse(
        self, pictures: Pictures, mattes: Mapping[str, KeyedMatte], prediction: Prediction
    ) -> tuple[str, Glimpse]:
        """Take from a frame what steadies it and its neighbours, and a key of that.

        Parameters
        ----------
        pictures, mattes
            As for `solved`.
        prediction : Prediction
            From `predicted`, of the same.

        Returns
        -------
        tuple of str and Glimpse
            For the `around` of `solved`.
        """
        look = glimpse(prediction.alpha, pictures.plate, prediction.exposure)
        return self._predicted_key(pictures, mattes), look

    def solved(
        self,
        pictures: Pictures,
        mattes: Mapping[str, KeyedMatte],
        prediction: Prediction | None = None,
        around: Around = (),
    ) -> MatteResult:
        """Run all stages, as far as they are not known.

        Parameters
        ----------
        pictures, mattes
            As for `predicted`; here `inside` and `outside` act too.
        prediction : Prediction, optional
            From `predicted`, where that was called already.
        around : tuple of tuple of str and Glimpse
            This frame and its neighbours, from `glimpse`: those steady alpha, but for where a coarse matte is
            painted.

        Returns
        -------
        MatteResult
            Shared with the cache: leave it as it is.

        Raises
        ------
        InputError
            Sizes that do not fit.
        """

        def compute() -> MatteResult:
            predicted = self.predicted(pictures, mattes) if prediction is None else prediction
            self._on_stage("solve")
            if around:
                predicted = _steadied(predicted, mattes, around)
            return self.engine.solve(
                predicted,
                pictures.plate,
                pictures.clean,
                pictures.space,
                inside=_pixels(mattes, "inside"),
                outside=_pixels(mattes, "outside"),
                valid=pictures.valid,
            )

        known = self._predicted_key(pictures, mattes)
        knobs = counting(self.engine.settings, "solve")
        key = key_of("solve", known, knobs, _keys(mattes, "inside", "outside"), [one for one, _ in around])
        return self.cache.get(key, compute)

    def _coarse(self, pictures: Pictures) -> CoarseStage:
        def compute() -> CoarseStage:
            self._on_stage("coarse")
            engine, clean, space = self.engine, pictures.clean, pictures.space
            key = (pictures.clean_key, engine.settings.exposure)
            seen = self._clean_seen.get(key, lambda: engine.seen_clean(clean, space))
            return engine.coarse(pictures.plate, clean, space, valid=pictures.valid, seen=seen)

        return self.cache.get(self._coarse_key(pictures), compute)

    # A stage's key holds the key of what comes before, its knobs that count, and what is connected to it.

    def _coarse_key(self, pictures: Pictures) -> str:
        return key_of("coarse", self._key, pictures.key, counting(self.engine.settings, "fit", "coarse"))

    def _refine_key(self, pictures: Pictures, mattes: Mapping[str, KeyedMatte]) -> str:
        overrides = _keys(mattes, "coarse_override", "error_override")
        knobs = counting(self.engine.settings, "refine")
        return key_of("refine", self._coarse_key(pictures), knobs, overrides, self._on_request)

    def _predicted_key(self, pictures: Pictures, mattes: Mapping[str, KeyedMatte]) -> str:
        key = self._refine_key(pictures, mattes)
        if self.engine.settings.unmix == "off":
            return key
        return key_of("unmix", key, counting(self.engine.settings, "unmix"))


def _steadied(prediction: Prediction, mattes: Mapping[str, KeyedMatte], around: Around) -> Prediction:
    own, *others = (look for _, look in around)
    painted = _pixels(mattes, "coarse_override")
    free: np.ndarray | None = None
    if painted is not None:
        # What an artist painted for this frame is not averaged with what the others lack.
        ends = (np.full_like(prediction.alpha, value) for value in (0.0, 1.0))
        low, high = (merge_override(end, painted) for end in ends)
        free = high - low
    return replace(prediction, alpha=steadied(own, others, free))


def _pixels(mattes: Mapping[str, KeyedMatte], name: str) -> np.ndarray | None:
    return mattes[name].pixels if name in mattes else None


def _keys(mattes: Mapping[str, KeyedMatte], *names: str) -> dict[str, str]:
    return {name: mattes[name].key for name in names if name in mattes}
