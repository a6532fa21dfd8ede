"""What `howard plate` writes: clean plates fitted to their plate, or built from the take itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from howard_nodes.atomic import write_file
from howard_nodes.color import ColorConfig
from howard_nodes.description.job import Job
from howard_nodes.engine.runtime import Warm, WarmEngine
from howard_nodes.errors import InputError
from howard_nodes.frames import Sequence, check_readable, choose_frames, format_frames
from howard_nodes.plates.building import BuiltPlate, build_plate
from howard_nodes.plates.fit import ShotFit
from howard_nodes.shot.barred import bars_of, tell_of_bars
from howard_nodes.shot.events import Event, Finished, FrameDone, FrameFailed, Note, Started, Step
from howard_nodes.shot.output import check_output, prepare_output, reason_of, write_frame
from howard_nodes.shot.pair import Plates
from howard_nodes.shot.plan import open_plate, open_plates
from howard_nodes.shot.take import VALID_LAYER, Light, Take

__all__ = [
    "PlateReport",
    "align_plates",
    "build_plates",
    "plates_of",
    "say_finished",
    "say_started",
    "warm_of",
]


@dataclass(frozen=True)
class PlateReport:
    """What became of a job: frames written and failed, and the fit or the built plate."""

    done: tuple[int, ...]
    failed: dict[int, str]
    fit: ShotFit | None = None
    built: BuiltPlate | None = None

    @property
    def misfits(self) -> tuple[int, ...]:
        """Frames that count as done, and whose clean plate could not be fitted."""
        fits = {} if self.fit is None else self.fit.frames
        return tuple(frame for frame in self.done if frame in fits and fits[frame].verdict == "failed")


def align_plates(job: Job, on_event: Callable[[Event], None] = lambda _: None) -> PlateReport:
    """Fit a clean plate and write it, a file a frame.

    The EXRs hold `R G B` (the fitted clean plate, in the plate's scene-linear space), `valid.A` (1 where
    there is clean plate) and `difference.R/G/B` (how far the plate is from it).

    Parameters
    ----------
    job : Job
        What to do; its layers, mattes and refinement are of no concern.
    on_event : callable
        Told of everything that happens.

    Returns
    -------
    PlateReport
        A frame whose clean plate could not be fitted is written as it lies, and counts as failed.

    Raises
    ------
    InputError
        Nothing can be done as asked; nothing was written.
    """
    began = time.monotonic()
    config = ColorConfig.load(job.ocio)
    plates = plates_of(job, config, on_event)
    frames = plates.frames
    output = _output(job, frames, (plates.plate, plates.clean))
    warm = warm_of(job, config, on_event)
    on_event(say_started(frames, warm, job))
    plates.solve(warm.engine, job.fit, job.report)
    done: list[int] = []
    failed: dict[int, str] = {}
    for frame in frames:
        started = time.monotonic()
        try:
            light, fitted = plates.fitted(frame)
            valid = fitted.valid
            if valid is None:
                valid = np.ones(fitted.clean.shape[:2], np.float32)
            pixels = np.dstack([fitted.clean, valid, np.abs(light.pixels - fitted.clean)])
            channels = ("R", "G", "B", f"{VALID_LAYER}.A", "difference.R", "difference.G", "difference.B")
            fit = plates.frame_fit(frame)
            about = {"howard:fit": fit.message} if fit.message else {}
            path = output.path(frame)
            _write(path, pixels, channels, light, config, job, about)
        except Exception as error:
            failed[frame] = reason_of(frame, error)
            on_event(FrameFailed(frame, failed[frame]))
            continue
        if fit.verdict == "failed":
            failed[frame] = f"{path}: frame {frame}: {fit.message}"
            on_event(FrameFailed(frame, failed[frame]))
            continue
        done.append(frame)
        on_event(FrameDone(frame, (path,), time.monotonic() - started))
    on_event(say_finished(done, failed, began))
    return PlateReport(tuple(done), failed, fit=plates.fit)


def build_plates(job: Job, on_event: Callable[[Event], None] = lambda _: None) -> PlateReport:
    """Build a clean plate from a take and write it.

    An output that is one file is the clean plate as the middle of the move sees it; a pattern gives one a
    frame, each as that frame's camera sees it. They hold `R G B` and `valid.A`, 1 where background was seen.
    The report says what was seen and what never.

    Parameters
    ----------
    job : Job
        What to do, without a clean plate.
    on_event : callable
        Told of everything that happens.

    Returns
    -------
    PlateReport
        With what was never seen. Where the subject never moves away, what could be built is written, and
        counts as failed.

    Raises
    ------
    InputError
        Nothing can be done as asked, or too few frames fit together; nothing was written.
    """
    began = time.monotonic()
    config = ColorConfig.load(job.ocio)
    plate = Take(open_plate(job), config, on_event, layer=job.layer, colorspace=job.colorspace)
    frames = choose_frames(plate.footage, job.frames)
    output = _output(job, plate.footage.frames, (plate,), one_file=True)
    if plate.footage.is_still:
        raise InputError(
            f"{job.plate}: one image does not show what is behind the subject; give a sequence or a movie."
        )
    present = plate.footage.select(frames)
    check_readable(plate.footage, present[0], layer=job.layer)
    warm = warm_of(job, config, on_event)
    on_event(say_started(present, warm, job))
    first = plate.light(present[0])
    space, display = first.space, first.header.display_window
    headers: dict[int, Light] = {}
    bars = bars_of(plate)
    tell_of_bars(plate, bars, on_event)

    def read(frame: int) -> np.ndarray:
        light = plate.light(frame, space)
        headers[frame] = replace(light, pixels=np.empty((0, 0, 3), np.float32))
        pixels = light.on(display)[0]
        return pixels if bars is None else np.ascontiguousarray(pixels[bars.picture(*pixels.shape[:2])])

    def subject(picture: np.ndarray, other: np.ndarray, valid: np.ndarray) -> np.ndarray:
        matte = warm.engine.coarse_matte(picture, other, space)
        return np.asarray(cv2.resize(matte, valid.shape[::-1], interpolation=cv2.INTER_LINEAR))

    built = build_plate(
        present,
        read,
        subject,
        to_rec709=lambda pixels: config.to_linear_rec709(pixels, space),
        on_progress=lambda what, number, count: on_event(Step(what, number, count)),
    )
    if bars is not None:
        built = built.beside(*bars.around(display.height, display.width))
    on_event(Note(str(built), warning=built.verdict != "good"))
    for frame, reason in built.untrusted.items():
        on_event(Note(f"not used: {reason or 'it could not be registered'}", True, frame))
    done: list[int] = []
    failed: dict[int, str] = {}
    for frame in (built.reference,) if output.is_still else present:
        if frame not in headers:
            failed[frame] = built.untrusted.get(frame, f"frame {frame} could not be read")
            on_event(FrameFailed(frame, failed[frame]))
            continue
        started = time.monotonic()
        clean, valid = built.view(frame)
        path = output.path(frame)
        try:
            _write(
                path,
                np.dstack([clean, valid]),
                ("R", "G", "B", f"{VALID_LAYER}.A"),
                headers[frame],
                config,
                job,
                {"howard:built": str(built)},
                on_display=True,
            )
        except Exception as error:
            failed[frame] = reason_of(frame, error)
            on_event(FrameFailed(frame, failed[frame]))
            continue
        if built.stays:
            failed[frame] = f"{path}: frame {frame}: it is no clean plate where valid.A is 0."
            on_event(FrameFailed(frame, failed[frame]))
            continue
        done.append(frame)
        on_event(FrameDone(frame, (path,), time.monotonic() - started))
    if job.report is not None:
        _save_report(Path(job.report), built, present)
    on_event(say_finished(done, failed, began))
    return PlateReport(tuple(done), failed, built=built)


def plates_of(job: Job, config: ColorConfig, tell: Callable[[Event], None]) -> Plates:
    """Open plate and clean plate of a job, and see that they fit together. Raises `InputError`."""
    plates = open_plates(job, config, tell)
    plates.check_headers()
    return plates


def warm_of(job: Job, config: ColorConfig, tell: Callable[[Event], None]) -> WarmEngine:
    """Load the engine of a job. Raises `InputError`."""
    return Warm(0).engine(config, job.settings, job, lambda message: tell(Note(message, warning=True)))


def say_started(frames: tuple[int, ...], warm: WarmEngine, job: Job) -> Started:
    """Say that work on some frames begins."""
    engine = warm.engine
    return Started(
        format_frames(frames),
        len(frames),
        str(engine.network.device),
        engine.network.precision,
        warm.weights,
        job.output,
    )


def say_finished(done: list[int], failed: dict[int, str], began: float) -> Finished:
    """Say that it is over."""
    return Finished(format_frames(done), "", format_frames(failed), time.monotonic() - began)


def _output(
    job: Job, frames: tuple[int, ...], takes: tuple[Take, ...], *, one_file: bool = False
) -> Sequence:
    if Path(job.output).suffix.lower() != ".exr":
        raise InputError(f"{job.output}: clean plates are written as EXR; use a name that ends in .exr.")
    inputs = [take.footage.path(frame) for take in takes for frame in take.footage.frames]
    check_output(job.output, frames, inputs, report=job.report, one_file=one_file)
    prepare_output(job.output, job.report)
    return Sequence.output(job.output)


def _write(
    path: Path,
    pixels: np.ndarray,
    channels: tuple[str, ...],
    light: Light,
    config: ColorConfig,
    job: Job,
    about: dict[str, Any],
    *,
    on_display: bool = False,
) -> None:
    write_frame(
        path,
        pixels,
        channels,
        light.header,
        config=config,
        space=light.space,
        file_space=light.file_space,
        guessed=light.guessed,
        depth=job.depth,
        compression=job.compression,
        about=about,
        on_display=on_display,
    )


def _save_report(path: Path, built: BuiltPlate, frames: tuple[int, ...]) -> None:
    document = {
        "format": "howard-built-plate",
        "version": 1,
        "summary": str(built),
        "verdict": built.verdict,
        "frames": format_frames(frames),
        "reference": built.reference,
        "static": built.static,
        "share_unseen": round(built.share_unseen, 6),
        "unseen_box": built.unseen_box,
        "not_used": {str(frame): reason for frame, reason in built.untrusted.items()},
        "gains": {str(frame): [float(value) for value in gain] for frame, gain in built.gains.items()},
    }
    write_file(path, json.dumps(document, indent=1, ensure_ascii=False) + "\n")
