"""`howard plate`: make a clean plate fit its plate, or build one from the take itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from howard_nodes.cli.options import Json, OpenJD, as_job, described
from howard_nodes.cli.progress import reporter
from howard_nodes.description.job import FIT_NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from howard_nodes.shot.clean_plates import PlateReport
    from howard_nodes.shot.events import Event

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Fit a clean plate to its plate, or build one from the take.")

_FILES = ("output", "report", "depth", "compression")
_READ = ("plate", "frames", "start_frame", "layer", "colorspace", "ocio")
_BUILD = (*_FILES, *_READ, "weights", "device", "precision")


@app.command()
@described(only=(*FIT_NAMES, *_FILES, "fit"))
def align(as_json: Json = False, **values: Any) -> None:
    """Fit a clean plate to every frame of its plate: registration, exposure and a verdict.

    Writes R G B (the fitted clean plate), valid.A (1 where there is clean plate) and difference.R/G/B (its
    difference from the plate). Use them with howard matte --align off --match-exposure off.

    [bold]Example:[/bold]  howard plate align plate.####.exr --clean clean.mov -o fit.####.exr

    Exit codes: 0 all fitted, 1 some frames could not be fitted or read, 2 wrong input.
    """
    from howard_nodes.shot.clean_plates import align_plates

    job = as_job(values)
    _run(lambda tell: align_plates(job, tell), as_json)


@app.command()
@described(only=(*FIT_NAMES, "output"))
def fit(
    part: Annotated[
        str | None,
        typer.Option(
            metavar="scout|RANGE|join",
            help="Do a part: a look at the whole shot (scout) first, then frames in chunks, then join them.",
        ),
    ] = None,
    as_json: Json = False,
    as_openjd: OpenJD = False,
    **values: Any,
) -> None:
    """Find how a clean plate fits its plate, and save only that, for howard matte --fit.

    On a farm this runs first, so that frames do not depend on the chunks: whatever the parts, the fit is the
    same. Where the clean plate cannot be fitted it is used as is, and the frames are listed.

    [bold]Example:[/bold]  howard plate fit plate.####.exr --clean clean.exr -o fit.json

    Exit codes: 0 all fitted, 1 some frames could not be fitted or read, 2 wrong input.
    """
    from howard_nodes.shot.fitting import fit_plates

    job = as_job(values)
    _run(
        lambda tell: fit_plates(job, tell, part=part, make_folder=not as_openjd),
        as_json,
        as_openjd=as_openjd,
        task="fit",
    )


@app.command()
@described(only=_BUILD)
def build(as_json: Json = False, **values: Any) -> None:
    """Build a clean plate from the take itself, if none was shot.

    Each part of the background must be uncovered in some frame; the rest is filled, set to 0 in
    valid.A, and reported. A single output file is the clean plate from the middle of the move; clean.####.exr
    is one per frame, for a moving camera.

    [bold]Example:[/bold]  howard plate build plate.####.exr -o clean.####.exr

    Exit codes: 0 done, 1 some frames failed or the subject never moves away, 2 wrong input.
    """
    from howard_nodes.shot.clean_plates import build_plates

    job = as_job(values)
    _run(lambda tell: build_plates(job, tell), as_json)


def _run(
    work: Callable[[Callable[[Event], None]], PlateReport],
    as_json: bool,
    *,
    as_openjd: bool = False,
    task: str = "write",
) -> None:
    with reporter(as_json, task, as_openjd=as_openjd) as report:
        try:
            result = work(report)
        except KeyboardInterrupt as interrupt:
            raise type(interrupt)(report.so_far()) from None
        if result.misfits and not as_openjd:
            report.misfits(result.misfits)
    # A farm goes on: frames are matted all the same, and its last task fails for those.
    if result.failed or (result.misfits and not as_openjd):
        raise typer.Exit(1)
