"""Measure weights on held-out cases: what the node gives a user, from files, beside its rivals."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from howard_nodes.description import MatteSettings
from howard_nodes.engine.runtime import Warm
from howard_nodes.errors import InputError
from howard_nodes.evaluation.cases import Case, Truth
from howard_nodes.evaluation.limit import LIMIT, with_true_colors
from howard_nodes.evaluation.metrics import (
    change,
    conn,
    dtssd,
    foreground_mse,
    fringe,
    grad,
    mad,
    mad_by_place,
    mad_partial,
    mse,
    unknown_band,
)
from howard_nodes.evaluation.reliability import Calibration, Refining
from howard_nodes.evaluation.rivals import RIVALS, Tuner
from howard_nodes.evaluation.scores import MEASURES, ErrorMap, Evaluation, Score
from howard_nodes.frames import read_frame
from howard_nodes.network import describe_weights
from howard_nodes.node import HowardMatte, Outputs

__all__ = ["Pictures", "evaluate", "label"]

_CACHE_BYTES = 1 << 30
_MOST_PAINTED = 0.99  # an error of 1 would be refined however much there is of it

Progress = Callable[[str], None]

Pictures = Callable[[Case, str, Mapping[str, np.ndarray]], None]
"""Shown the pictures of a case's first frame: the case, the method, arrays by what they are.

With weights come `plate`, `clean` (fitted), `truth`, `alpha`, `foreground` (straight), `coarse` and `error`;
with a rival `truth` and `alpha`. Colour is H W 3 scene-linear Rec.709, a matte H W.
"""


def label(weights: str | None, others: Sequence[str | None] = ()) -> str:
    """Name weights as tables do: their name or file, and their backbone.

    Parameters
    ----------
    weights : str or None
        Name, file, or None for the default weights.
    others : sequence of str or None
        What else is in the table: a file's folder is named where its own name is not enough.

    Raises
    ------
    WeightsError
        They cannot be found or read.
    """
    info = describe_weights(weights)
    name = info.path.stem
    if sum(describe_weights(other).path.stem == name for other in others) > 1:
        name = f"{info.path.parent.name}/{name}"
    backbone = str(info.backbone)
    return name if backbone in name else f"{name} ({backbone})"


def evaluate(
    cases: Sequence[Case],
    weights: Sequence[str | None] = (None,),
    *,
    rivals: bool = True,
    device: str = "auto",
    steadiness: int = 0,
    limit: bool = False,
    on_step: Progress = lambda _: None,
    on_pictures: Pictures = lambda *_: None,
) -> Evaluation:
    """Run cases through the node as a user would, with its defaults, and measure what comes out.

    Parameters
    ----------
    cases : sequence of Case
        From `find_cases`.
    weights : sequence of str or None
        Names or files; None for the default weights.
    rivals : bool
        Measure the rivals too, on the clean plates that were fitted with the first weights.
    device : str
        Knob of the node.
    steadiness : int
        Knob of the node, for sequences.
    limit : bool
        Measure too what the light would give of the first weights' mattes with the true foreground colours.
    on_step : callable
        Told what was done, once for each case and method.
    on_pictures : callable
        Shown each first frame.

    Raises
    ------
    InputError
        Weights or a device that are not there.
    FrameError
        A picture of a case is missing, damaged or does not fit.
    """
    labels = [label(one, weights) for one in weights]
    twice = [one for one in labels if labels.count(one) > 1]
    if twice:
        raise InputError(f"{twice[0]}: these weights are named twice; name each once.")
    scores: list[Score] = []
    error_maps: dict[str, ErrorMap] = {}
    knobs: dict[str, str] = {}
    tuners = [Tuner(rival) for rival in RIVALS] if rivals else []
    with tempfile.TemporaryDirectory(prefix="howard-evaluate-") as scratch:
        for index, (one, method) in enumerate(zip(weights, labels, strict=True)):
            warm = Warm(_CACHE_BYTES)
            runner = _Runner(
                method, HowardMatte(weights=one, device=device, steadiness=steadiness, warm=warm)
            )
            keep = Path(scratch) if rivals and index == 0 else None
            for case in cases:
                first = index == 0
                scores += runner.run(case, tuners if first else [], keep, on_pictures, limit=limit and first)
                on_step(f"{method}: {case.name}")
            error_maps[method] = runner.error_map()
        for tuner in tuners:
            key, knobs[tuner.rival.name] = tuner.best()
            for case in cases:
                scores.append(_run_rival(case, tuner.rival.name, key, Path(scratch), on_pictures))
                on_step(f"{tuner.rival.name}: {case.name}")
    methods = (*labels, *([LIMIT] if limit else []), *(tuner.rival.name for tuner in tuners))
    return Evaluation(methods, tuple(scores), knobs, error_maps)


class _Runner:
    """Runs cases with one set of weights, and gathers how honest its error maps are."""

    def __init__(self, method: str, node: HowardMatte) -> None:
        self.method, self.node = method, node
        self._coarse, self._full, self._doubt = Calibration(), Calibration(), Calibration()
        self._refining: list[list[float]] = []

    def run(
        self, case: Case, tuners: list[Tuner], keep: Path | None, on_pictures: Pictures, *, limit: bool
    ) -> list[Score]:
        """Matte and measure a case; keeps its fitted clean plates in a folder, where one is given."""
        inputs: dict[str, Any] = {"plate": case.plate, "clean_plate": case.clean}
        began = time.perf_counter()
        fit = self.node.fit(case.frames, inputs)
        seconds = time.perf_counter() - began
        rows, alphas, truths = [], [], []
        best: list[np.ndarray] = []
        for frame in case.frames:
            truth = case.truth(frame)
            began = time.perf_counter()
            outputs = self.node.evaluate(frame, inputs, fit=fit)
            seconds += time.perf_counter() - began
            if keep is not None:
                np.save(_kept(keep, case, frame), outputs["fitted_clean_plate"].astype(np.float16))
            row = _matte_values(outputs["alpha"], truth.alpha)
            row["foreground_mse"] = foreground_mse(outputs["foreground"], truth.foreground, truth.alpha)
            colors = outputs["foreground"], truth.alpha, truth.foreground, unknown_band(truth.alpha)
            row["fringe"], row["fringe_shown"] = fringe(outputs["alpha"], *colors)
            row["mad_coarse"] = mad(outputs["coarse_matte"], truth.alpha)
            rows.append(row)
            alphas.append(outputs["alpha"])
            truths.append(truth.alpha)
            if limit or frame == case.frames[0]:
                plate = _plate(case, frame)
            if limit:
                known = truth.foreground, truth.alpha
                asked = outputs["alpha"], outputs["doubt"]
                best.append(with_true_colors(plate, outputs["fitted_clean_plate"], *known, *asked))
            if frame == case.frames[0]:
                for tuner in tuners:
                    tuner.add(plate, outputs["fitted_clean_plate"], truth.alpha)
                on_pictures(
                    case,
                    self.method,
                    {
                        "plate": plate,
                        "clean": outputs["fitted_clean_plate"],
                        "truth": truth.alpha,
                        "alpha": outputs["alpha"],
                        "foreground": outputs["foreground"],
                        "coarse": outputs["coarse_matte"],
                        "error": outputs["error_map"],
                    },
                )
                if limit:
                    on_pictures(case, LIMIT, {"truth": truth.alpha, "alpha": best[0]})
                self._look_at_errors(frame, inputs, fit, outputs, truth)
        values = _means(rows) | _over_time(alphas, truths) | {"floor": self._floor(case)}
        found = [_score(case, self.method, values | {"seconds": seconds / len(case.frames)})]
        if limit:
            rows = [_matte_values(*pair) for pair in zip(best, truths, strict=True)]
            found.append(_score(case, LIMIT, _means(rows) | _over_time(best, truths)))
        return found

    def error_map(self) -> ErrorMap:
        """Sum up what was seen of the error maps."""
        refining = Refining(*np.mean(self._refining, axis=0).tolist())
        return ErrorMap(self._coarse.result(), self._full.result(), self._doubt.result(), refining)

    def _look_at_errors(
        self, frame: int, inputs: dict[str, Any], fit: Any, outputs: Outputs, truth: Truth
    ) -> None:
        height, width = truth.alpha.shape
        coarse, predicted = outputs["coarse_matte"], outputs["error_map"]
        true = np.abs(coarse - truth.alpha)
        scale = MatteSettings().scales_for(height, width)[0]
        known = _predicted(outputs.valid, truth.alpha.shape, round(1 / scale))
        self._full.add(predicted[known > 0], true[known > 0])
        self._doubt.add(outputs["doubt"][known > 0], np.abs(outputs["alpha"] - truth.alpha)[known > 0])
        size = (max(1, int(width * scale)), max(1, int(height * scale)))
        planes = (predicted, coarse, truth.alpha, known)
        means = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in planes]
        whole = means[3] >= 1
        self._coarse.add(means[0][whole], np.abs(means[1] - means[2])[whole])

        def refined(error: np.ndarray | None = None, **knobs: Any) -> float:
            before = self.node.values
            # The light would make up for what is not refined.
            self.node.configure(unmix="off", **knobs)
            painted = {} if error is None else {"error_override": error.astype(np.float32)}
            try:
                matte = self.node.evaluate(frame, inputs | painted, fit=fit)["alpha"]
            finally:
                self.node.configure(**before)
            return mad(matte, truth.alpha)

        tenth = {"refine_mode": "sampling", "sample_pixels": height * width // 10}
        noise = np.random.default_rng(frame).random(size[::-1], np.float32)
        random = cv2.resize(noise, (width, height), interpolation=cv2.INTER_NEAREST)
        self._refining.append(
            [
                mad(coarse, truth.alpha),
                refined(refine_mode="full"),
                refined(**tenth),
                refined(random * _MOST_PAINTED, **tenth),
                refined(true * _MOST_PAINTED, **tenth),
            ]
        )

    def _floor(self, case: Case) -> float:
        frames = case.still_frames
        if len(frames) < 2:
            return math.nan
        # The clean plate of the one picture that all of them show.
        clean = case.clean.replace("####", f"{case.frames[0]:04d}")
        inputs = {"plate": case.still, "clean_plate": clean}
        fit = self.node.fit(frames, inputs)
        return change(np.stack([self.node.evaluate(frame, inputs, fit=fit)["alpha"] for frame in frames]))


def _predicted(valid: np.ndarray | None, shape: tuple[int, ...], factor: int) -> np.ndarray:
    """Mark where an error map is a prediction: H W, 1 there.

    Where there is no clean plate it says 1 on purpose, and so it does a coarse pixel or two around that.
    """
    if valid is None:
        return np.ones(shape, np.float32)
    reach = 2 * factor
    return cv2.erode(valid, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))


def _run_rival(case: Case, name: str, key: Any, kept: Path, on_pictures: Pictures) -> Score:
    rows, alphas, truths, seconds = [], [], [], 0.0
    for frame in case.frames:
        truth = case.truth(frame).alpha
        plate, clean = _plate(case, frame), np.load(_kept(kept, case, frame)).astype(np.float32)
        began = time.perf_counter()
        alpha = key(plate, clean)
        seconds += time.perf_counter() - began
        rows.append(_matte_values(alpha, truth))
        alphas.append(alpha)
        truths.append(truth)
        if frame == case.frames[0]:
            on_pictures(case, name, {"truth": truth, "alpha": alpha})
    values = _means(rows) | _over_time(alphas, truths)
    return _score(case, name, values | {"seconds": seconds / len(case.frames)})


def _matte_values(alpha: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    band = unknown_band(truth)
    in_band, holes, ghosts = mad_by_place(alpha, truth, band)
    return {
        "mad": mad(alpha, truth),
        "mad_unknown": mad(alpha, truth, band) if band.any() else math.nan,
        "mad_partial": mad_partial(alpha, truth),
        "mse": mse(alpha, truth),
        "grad": grad(alpha, truth),
        "conn": conn(alpha, truth),
        "mad_in_band": in_band,
        "mad_holes": holes,
        "mad_ghosts": ghosts,
    }


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    means = {}
    for name in rows[0]:
        values = [row[name] for row in rows if not math.isnan(row[name])]
        means[name] = float(np.mean(values)) if values else math.nan
    return means


def _over_time(alphas: Iterable[np.ndarray], truths: Iterable[np.ndarray]) -> dict[str, float]:
    mattes, true = np.stack(list(alphas)), np.stack(list(truths))
    if len(mattes) < 2:
        return {}
    return {"dtssd": dtssd(mattes, true), "change": change(mattes), "true_change": change(true)}


def _score(case: Case, method: str, values: dict[str, float]) -> Score:
    every = {measure: values.get(measure, math.nan) for measure in MEASURES}
    return Score(case.name, case.kind, case.made, method, every)


def _plate(case: Case, frame: int) -> np.ndarray:
    return read_frame(case.folder / f"plate.{frame:04d}.exr", frame=frame).rgb


def _kept(folder: Path, case: Case, frame: int) -> Path:
    return folder / f"{case.name}.{frame}.npy"
