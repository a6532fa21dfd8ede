"""`howard farm`: a shot as a job, handed to a scheduler, looked at and ended."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from howard_nodes.cli import farm_tasks
from howard_nodes.cli.console import print_json, print_table, say_seconds, typed, warn
from howard_nodes.cli.options import Json, as_job, described
from howard_nodes.cli.pace import Steady

if TYPE_CHECKING:
    from howard_nodes.farm.status import Status, TaskStatus
    from howard_nodes.farm.submission import Submission
    from howard_nodes.shot.events import Event

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Run a shot on a render farm.")

_JOB = Annotated[Path, typer.Argument(metavar="JOB", help="Job folder, made by howard farm bundle.")]
_FARM = "Farm"
_POLL_SECONDS, _POLL_SHARE = 1.0, 10.0
_MOST_MESSAGES = 10


@app.command()
@described(without=("report", "resume"))
def bundle(
    folder: Annotated[Path, typer.Option("-b", "--bundle", metavar="JOB", help="Job folder to write.")],
    name: Annotated[
        str, typer.Option(help="Job name. By default the output's name.", rich_help_panel=_FARM)
    ] = "",
    chunk: Annotated[
        int, typer.Option(metavar="FRAMES", help="Frames per task.", rich_help_panel=_FARM)
    ] = 25,
    fit_chunk: Annotated[
        int,
        typer.Option(
            metavar="FRAMES",
            help="Frames per task of Fit and Verify; a shot with no more is one task.",
            rich_help_panel=_FARM,
        ),
    ] = 400,
    chunk_seconds: Annotated[
        int,
        typer.Option(
            metavar="S",
            help="Target task length in seconds, for schedulers that adapt the chunk size.",
            rich_help_panel=_FARM,
        ),
    ] = 0,
    cores: Annotated[int, typer.Option(help="CPU cores per task.", rich_help_panel=_FARM)] = 2,
    memory: Annotated[
        int, typer.Option(metavar="MiB", help="Memory per task, in MiB.", rich_help_panel=_FARM)
    ] = 4096,
    seconds_a_frame: Annotated[
        int,
        typer.Option(metavar="S", help="Time limit of a task, in seconds per frame.", rich_help_panel=_FARM),
    ] = 120,
    howard: Annotated[
        str, typer.Option(metavar="COMMAND", help="The howard command on the workers.", rich_help_panel=_FARM)
    ] = "howard",
    adapt: Annotated[
        int,
        typer.Option(
            metavar="STEPS",
            help="Adapt the weights to the shot first, with N training steps; 80 is a good start.",
            rich_help_panel=_FARM,
        ),
    ] = 0,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Take over an output folder that holds another job's frames.",
            rich_help_panel=_FARM,
        ),
    ] = False,
    as_json: Json = False,
    **values: Any,
) -> None:
    """Make a farm job of a shot: a folder that any scheduler for Open Job Description takes.

    Everything that can be checked is checked now: files, sizes, layers, colour spaces, and whether the output
    folder holds another job's frames. Steps: Fit (the clean plate), Adapt (with --adapt), Matte (in chunks),
    Verify. Of a long shot Fit and Verify are in chunks too, with Scout before, Join and Report after them.

    [bold]Example:[/bold]  howard farm bundle plate.####.exr --clean clean.exr -o out/shot.####.exr
    --frames 1001-1240 --chunk 10 -b job/

    Exit codes: 0 done, 2 wrong input.
    """
    from howard_nodes.errors import InputError
    from howard_nodes.farm import Bundle, Farming, make_bundle
    from howard_nodes.farm.submitting import check_over

    farming = Farming(
        name=name,
        chunk=chunk,
        fit_chunk=fit_chunk,
        chunk_seconds=chunk_seconds,
        cores=cores,
        memory=memory,
        seconds_a_frame=seconds_a_frame,
        howard=howard,
        adapt=adapt,
        overwrite=overwrite,
    )
    try:
        there = Bundle.load(folder)
    except InputError:
        there = None  # new, or damaged
    if there is not None:
        check_over(there)
    made = make_bundle(as_job(values), folder, farming, _warn)
    counts = {step.name: len(step.tasks) for step in made.steps}
    if as_json:
        print_json({"event": "bundle", "path": made.folder, "name": made.name, "tasks": counts})
        return
    tasks = ", ".join(f"{step} {count}" for step, count in counts.items())
    print(f"{made.folder}: {len(made.frames)} frames; tasks: {tasks}")
    print(f"next: howard farm submit {typed(folder)} --scheduler {'|'.join(_schedulers())}")


@app.command()
def submit(
    job: _JOB,
    scheduler: Annotated[
        str,
        typer.Option(
            "--scheduler", "--engine", metavar="NAME", help="local, slurm, deadline-cloud or opencue."
        ),
    ],
    retries: Annotated[int, typer.Option(help="How many times a failed task is retried.")] = 2,
    partition: Annotated[
        str | None, typer.Option(help="Slurm's partition, Deadline Cloud's queue, OpenCue's show.")
    ] = None,
    priority: Annotated[int | None, typer.Option(help="Job priority, on the scheduler's own scale.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ARG", help="Extra argument for the scheduler's own submit command; may be repeated."
        ),
    ] = None,
    pack: Annotated[
        int,
        typer.Option(
            metavar="TASKS", help="Slurm: tasks that a slot works one after another, in one warm process."
        ),
    ] = 1,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the job to end; the exit code says how it ended.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Submit a job to a scheduler. A retried task renders only the frames that are missing.

    [bold]Example:[/bold]  howard farm submit job/ --scheduler slurm --partition night

    Exit codes: 0 submitted (with --wait: all done), 1 refused or failed, 2 wrong input.
    """
    from howard_nodes.farm import Bundle
    from howard_nodes.farm.scheduler import Options, find_scheduler
    from howard_nodes.farm.submitting import submit as hand_over

    chosen = find_scheduler(scheduler)
    options = Options(retries, partition, priority, tuple(option or ()), pack)
    submission = hand_over(Bundle.load(job), chosen, options)
    if as_json:
        print_json(
            {"event": "submitted", "engine": scheduler, "path": submission.folder, "known": submission.known}
        )
    else:
        print(
            f"{submission.bundle.name}: submitted to {scheduler}; check it with howard farm "
            f"status {typed(job)}"
        )
    if wait:
        raise typer.Exit(_watch(submission, as_json))


@app.command()
def status(
    job: _JOB,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the job to end.")] = False,
    as_json: Json = False,
) -> None:
    """Show the status of a job: frames done, failed and running, and time left.

    Exit codes: 0 running or done, 1 failed or cancelled, 2 wrong input.
    """
    from howard_nodes.farm.status import status as find_out

    submission = _latest(job)
    if wait:
        raise typer.Exit(_watch(submission, as_json))
    found = find_out(submission)
    _show(submission, found, as_json)
    raise typer.Exit(1 if found.state in ("failed", "cancelled") else 0)


@app.command()
def cancel(job: _JOB) -> None:
    """Cancel a job. Finished frames stay, partial files do not; submit it again to continue.

    A job that has ended already stays as it is, and its status is shown.

    Exit codes: 0 the job has ended, now or before; 1 the scheduler does not answer, 2 wrong input.
    """
    from howard_nodes.errors import FarmError
    from howard_nodes.farm.scheduler import find_scheduler
    from howard_nodes.farm.status import status as find_out

    submission = _latest(job)
    scheduler, found = find_scheduler(submission.scheduler), find_out(submission)
    if found.state in ("done", "failed"):
        if found.state == "failed":
            with suppress(FarmError):  # a scheduler may hold tasks that will never run
                scheduler.cancel(submission)
        print(f"{submission.bundle.name}: had ended already, nothing to cancel; {_line(found)}")
        return
    scheduler.cancel(submission)
    print(
        f"{submission.bundle.name}: cancelled; finished frames stay in "
        f"{Path(submission.bundle.output).parent}"
    )


app.command()(farm_tasks.run)
app.command()(farm_tasks.check)
app.command(hidden=True)(farm_tasks.work)
app.command(hidden=True)(farm_tasks.share)


def _schedulers() -> tuple[str, ...]:
    from howard_nodes.farm.scheduler import SCHEDULERS

    return tuple(SCHEDULERS)


def _latest(job: Path) -> Submission:
    from howard_nodes.errors import InputError
    from howard_nodes.farm import Bundle
    from howard_nodes.farm.submission import Submission

    submission = Submission.latest(Bundle.load(job))
    if submission is None:
        raise InputError(f"{job}: has not been submitted yet: use howard farm submit.")
    return submission


def _watch(submission: Submission, as_json: bool) -> int:
    from howard_nodes.farm.status import status as find_out

    told, steady = "", Steady()
    while True:
        began = time.monotonic()
        found = find_out(submission)
        found = replace(found, seconds_left=steady(found.seconds_left))
        line = _line(found)
        if found.is_over:
            _show(submission, found, as_json)
            return 0 if found.state == "done" else 1
        if line != told and not as_json:
            print(line, flush=True)
            told = line
        # Each look reads every task's log: thousands of them, on a shared disk, are not read all the time.
        time.sleep(max(_POLL_SECONDS, _POLL_SHARE * (time.monotonic() - began)))


def _show(submission: Submission, found: Status, as_json: bool) -> None:
    from howard_nodes.frames import format_frames

    if as_json:
        print_json(
            {
                "event": "status",
                "engine": submission.scheduler,
                "state": found.state,
                "total": found.total,
                "done": found.done,
                "failed": found.failed,
                "running": found.running,
                "missing": format_frames(found.missing) if found.missing else "",
                "seconds_left": found.seconds_left,
                "tasks": [_as_json(one) for one in found.tasks],
            }
        )
        return
    print(f"{submission.bundle.name}, {submission.scheduler}: {_line(found)}")
    rows = []
    for step in submission.bundle.steps:
        of_step = [one for one in found.tasks if one.task.step == step.name]
        counts = {
            state: sum(one.state == state for one in of_step)
            for state in ("done", "running", "waiting", "failed", "cancelled")
        }
        again = sum(max(0, one.attempts - 1) for one in of_step)
        said = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        rows.append((step.name, f"{len(of_step)} tasks", said + (f"; {again} retries" if again else "")))
    print_table(("step", "tasks", "status"), rows)
    worst = [one for one in found.tasks if one.message and one.state != "done"]
    for one in worst[:_MOST_MESSAGES]:
        warn(f"{one.task.step} {one.task.number}: {one.message}")
    if len(worst) > _MOST_MESSAGES:
        warn(f"and {len(worst) - _MOST_MESSAGES} more: see the logs in {submission.folder / 'logs'}")
    if found.missing:
        count = f"{len(found.missing)} frame{'s are' if len(found.missing) > 1 else ' is'}"
        warn(f"{count} not in {Path(submission.bundle.output).parent}: {format_frames(found.missing)}")
    if found.missing or found.state in ("failed", "cancelled"):
        print(
            f"next: howard farm submit {typed(submission.bundle.folder)} --scheduler {submission.scheduler} "
            "makes the frames that are missing or corrupt"
        )


def _line(found: Status) -> str:
    parts = [f"{found.state}: {found.done} of {found.total} frames done"]
    parts += [f"{found.failed} failed"] if found.failed else []
    parts += [f"{found.running} running"] if found.running else []
    parts += [f"{say_seconds(found.seconds_left)} left"] if found.seconds_left is not None else []
    return ", ".join(parts)


def _as_json(one: TaskStatus) -> dict[str, Any]:
    from howard_nodes.frames import format_frames

    return {
        "step": one.task.step,
        "number": one.task.number,
        "frames": format_frames(one.task.frames) if one.task.frames else "",
        "state": one.state,
        "done": one.done,
        "attempts": one.attempts,
        "host": one.host,
        "message": one.message,
    }


def _warn(event: Event) -> None:
    from howard_nodes.shot.events import Note

    if isinstance(event, Note) and event.warning:
        warn(event.message)
