"""All of a job that can be checked before anything is computed: without torch, and without side effects."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from howard_nodes.color import ColorConfig
from howard_nodes.description.job import Job
from howard_nodes.engine.cache import StageCache
from howard_nodes.errors import InputError
from howard_nodes.frames import (
    Footage,
    Movie,
    Narrowed,
    check_readable,
    choose_frames,
    is_movie,
    name_frames,
    open_footage,
)
from howard_nodes.layers import validate_layers
from howard_nodes.shot.events import Event, Note
from howard_nodes.shot.output import check_output, output_paths
from howard_nodes.shot.pair import Plates
from howard_nodes.shot.take import Take

__all__ = ["Plan", "open_mattes", "open_plate", "open_plates", "plan"]

_SUFFIXES = (".exr", ".png")


@dataclass(frozen=True)
class Plan:
    """A job that can be done, as far as that can be seen.

    Attributes
    ----------
    job : Job
        What is asked for.
    config : ColorConfig
        Its colour configuration.
    layers : tuple of str
        What is written.
    plates : Plates
        Plate and clean plate, opened.
    mattes : dict of str to Footage
        Overrides and mattes, by name of socket.
    """

    job: Job
    config: ColorConfig
    layers: tuple[str, ...]
    plates: Plates
    mattes: dict[str, Footage]

    @property
    def frames(self) -> tuple[int, ...]:
        """Frames asked for, missing ones included."""
        return self.plates.frames

    @property
    def footage(self) -> dict[str, Footage]:
        """All that is connected, by name of socket."""
        plates = {"plate": self.plates.plate.footage, "clean_plate": self.plates.clean.footage}
        return plates | self.mattes

    def paths(self, frame: int) -> tuple[Path, ...]:
        """Name the files that a frame is written to."""
        return output_paths(self.job.output, self.layers, frame)


def plan(
    job: Job,
    tell: Callable[[Event], None] = lambda _: None,
    cache: StageCache | None = None,
    *,
    spared: Collection[int] = (),
) -> Plan:
    """Look at a job: what is there, how large, in which colour, and whether its result can be written.

    Parameters
    ----------
    job : Job
        What is asked for.
    tell : callable
        Told what is worth knowing.
    cache : StageCache, optional
        Keeps frames that are read later on.
    spared : collection of int
        Frames that are not to be read, see `howard_nodes.shot.pair.Plates`.

    Returns
    -------
    Plan
        For `howard_nodes.shot.run.Shot`.

    Raises
    ------
    InputError
        It cannot be done as asked.
    WeightsError
        Weights that were named cannot be used.
    """
    layers = validate_layers(job.layers)
    config = ColorConfig.load(job.ocio)
    _check_spaces(job, config)
    plates = open_plates(job, config, tell, cache=cache, reach=job.settings.steadiness, spared=spared)
    mattes = open_mattes(job, plates.plate.footage)
    _check_suffix(job.output)
    inputs = [
        path
        for frame in plates.frames
        for path in (*plates.paths(frame), *(matte.path(frame) for matte in mattes.values()))
    ]
    check_output(job.output, plates.frames, inputs, layers=layers, report=job.report)
    plates.check_headers()
    for matte in mattes.values():
        if matte.is_still:
            check_readable(matte, matte.frames[0])
    if job.weights is not None:
        # Only here torch is needed: the weights inside are as they should be.
        from howard_nodes.network import describe_weights

        describe_weights(job.weights)
    return Plan(job, config, layers, plates, mattes)


def open_plate(job: Job) -> Footage:
    """Open the plate of a job. Raises `InputError`."""
    return open_footage(job.plate, job.start_frame)


def open_plates(
    job: Job,
    config: ColorConfig,
    tell: Callable[[Event], None],
    *,
    cache: StageCache | None = None,
    reach: int = 0,
    spared: Collection[int] = (),
) -> Plates:
    """Open plate and clean plate of a job. Raises `InputError`."""
    plate = Take(open_plate(job), config, tell, layer=job.layer, colorspace=job.colorspace, cache=cache)
    clean = Take(
        _open_clean(job, plate.footage),
        config,
        tell,
        what="clean plate",
        layer=job.clean_layer,
        colorspace=job.clean_colorspace,
        cache=cache,
        beside=plate,
    )
    frames = choose_frames(plate.footage, job.frames)
    _check_apart(job, plate.footage, clean.footage)
    missing = plate.footage.missing(frames)
    if missing:
        many = f"frames {name_frames(missing)} are" if len(missing) > 1 else f"frame {missing[0]} is"
        tell(Note(f"{job.plate}: {many} missing.", warning=True))
    return Plates(
        plate, clean, frames, job.fitting, tell, offset=job.clean_offset, reach=reach, spared=spared
    )


def _check_apart(job: Job, plate: Footage, clean: Footage) -> None:
    """Refuse a take that is its own clean plate, frame by frame. Raises `InputError`."""
    # One of its frames, for all the others, may well be empty; and so may those that were named.
    if job.clean_offset or job.clean_frames or (clean.is_still and len(plate.frames) > 1):
        return
    if not set(plate.frames) & set(clean.frames):
        return
    ours, others = plate.path(plate.frames[0]), clean.path(plate.frames[0])
    if ours.exists() and others.exists() and ours.samefile(others):
        raise InputError(
            f"{job.clean_plate}: is the plate itself. Name an empty take or still; or which of its frames "
            "are empty: --clean-frames 1-40, or --clean-offset."
        )


def open_mattes(job: Job, plate: Footage) -> dict[str, Footage]:
    """Open the overrides and mattes of a job, by name of socket. Raises `InputError`."""
    painted = {name: job.pattern(name) for name in ("coarse_override", "error_override", "inside", "outside")}
    return {name: _open_beside(pattern, plate) for name, pattern in painted.items() if pattern is not None}


def _open_clean(job: Job, plate: Footage) -> Footage:
    pattern, start = job.required_clean, job.clean_start_frame
    footage = _open_beside(pattern, plate) if start is None else open_footage(pattern, start)
    return footage if job.clean_frames is None else Narrowed(footage, job.clean_frames)


def _open_beside(pattern: str, plate: Footage) -> Footage:
    """Open what goes with a plate: movies are numbered alike, so that the n-th frames belong together."""
    path = Path(pattern)
    both = isinstance(plate, Movie) and path.is_file() and is_movie(path)
    return open_footage(pattern, plate.frames[0] if both else None)


def _check_spaces(job: Job, config: ColorConfig) -> None:
    if job.output_colorspace is not None:
        config.space(job.output_colorspace)
    is_exr = Path(job.output).suffix.lower() == ".exr"
    if is_exr and job.output_colorspace and not config.is_scene_linear(job.output_colorspace):
        raise InputError(
            f"output colour space '{job.output_colorspace}': an EXR's layers must be scene-linear; "
            f"use {config.scene_linear}, or write PNG."
        )


def _check_suffix(output: str) -> None:
    if Path(output).suffix.lower() not in _SUFFIXES:
        raise InputError(f"{output}: the output must end in .exr or .png.")
