"""`howard matte`: mattes for a shot, with progress for people and machines."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import typer

from howard_nodes.cli.options import Json, OpenJD, as_job, described
from howard_nodes.cli.progress import reporter

if TYPE_CHECKING:
    from howard_nodes.description.job import Job
    from howard_nodes.engine.runtime import Warm

__all__ = ["WARM", "matte", "run_job"]

WARM: ContextVar[Warm | None] = ContextVar("warm", default=None)
"""What runs in this process leave for the next, where it has more than one."""


@described()
def matte(as_json: Json = False, as_openjd: OpenJD = False, **values: Any) -> None:
    """Matte a shot: plate and clean plate in, alpha, straight foreground, coarse matte and error map out.

    [bold]Examples:[/bold]

    howard matte plate.####.exr --clean clean.exr -o out/shot.####.exr --frames 1001-1240

    howard matte plate.####.png --clean clean.####.png -o out/shot.####.png --layers alpha,foreground

    Exit codes: 0 all done, 1 some frames failed (the rest are written), or the clean plate could not be
    fitted to some (they are written too), 2 wrong input, 130 interrupted.
    """
    run_job(as_job(values), as_json=as_json, as_openjd=as_openjd)


def run_job(job: Job, *, as_json: bool, as_openjd: bool = False) -> None:
    """Run a job, show its progress, and list what failed.

    Parameters
    ----------
    job : Job
        The shot.
    as_json : bool
        Events as JSON lines on stdout instead of progress for people.
    as_openjd : bool
        As a farm task: progress as Open Job Description's engines read it, and the output's folder must be
        there.

    Raises
    ------
    typer.Exit
        With 1 when frames failed, or their clean plate could not be fitted; the latter on a farm only at the
        end of the job, in howard verify: another attempt would fit no better.
    KeyboardInterrupt
        With a message that says which frames are done.
    HowardError
        As `howard_nodes.shot.run.run`.
    """
    from howard_nodes.shot.run import run

    with reporter(as_json, as_openjd=as_openjd) as report:
        try:
            result = run(job, report, warm=WARM.get(), make_folder=not as_openjd)
        except KeyboardInterrupt as interrupt:
            raise type(interrupt)(report.so_far()) from None
        if result.misfits and not as_openjd:
            report.misfits(result.misfits)
    if result.failed or (result.misfits and not as_openjd):
        raise typer.Exit(1)
