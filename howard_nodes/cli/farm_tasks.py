"""What of `howard farm` a farm's machines run: tasks, several in a slot, and what each starts with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["check", "run", "share", "work"]


def run(
    job: Annotated[Path, typer.Argument(metavar="JOB", help="Job folder, made by howard farm bundle.")],
    step: Annotated[str, typer.Option(help="A step of the job: Fit, Matte, Verify.")],
    task: Annotated[
        int | None, typer.Option(metavar="N", help="Task number, from 0. By default all.")
    ] = None,
) -> None:
    """Run a task on this machine, as schedulers do, with Open Job Description's own runner.

    Exit codes: 0 done, 1 failed, 2 wrong input.
    """
    from howard_nodes.errors import InputError
    from howard_nodes.farm import Bundle
    from howard_nodes.farm.bundle import openjd_command
    from howard_nodes.shot.mending import JOB_VARIABLE
    from howard_nodes.system.processes import hold_children

    bundle = Bundle.load(job)
    found = bundle.step(step)
    if task is not None and not 0 <= task < len(found.tasks):
        raise InputError(f"{job}: {step} has no task {task}, only 0 to {len(found.tasks) - 1}.")
    tasks = found.tasks if task is None else (found.tasks[task],)
    _first_on_path()
    command = openjd_command(bundle, found, tasks)
    os.environ[JOB_VARIABLE] = str(bundle.folder)  # for what a task tells to type
    sys.stdout.flush()
    if sys.platform == "win32":
        # Windows cannot put a program in the place of another; whoever ends this one ends what it started.
        hold_children()
        raise typer.Exit(subprocess.run(command, check=False).returncode)
    # In this process's place: signals reach the engine, which passes them on.
    os.execv(command[0], command)


def check(
    output: Annotated[
        str, typer.Argument(metavar="OUT", help="The job's output, such as out/shot.####.exr.")
    ],
    job_id: Annotated[str, typer.Option(metavar="ID", help="ID of the job.")],
    version: Annotated[str, typer.Option(help="The version of howard that made the job.")],
) -> None:
    """Check that this machine can run a job's tasks; every task starts with this.

    Exit codes: 0 it can, 2 it cannot.
    """
    from howard_nodes import __version__
    from howard_nodes.errors import InputError
    from howard_nodes.farm.claim import check_claim
    from howard_nodes.system.machine import host_name

    here = host_name()
    if version != __version__:
        raise InputError(
            f"{here} has howard {__version__}, the job was made with {version}: install that version."
        )
    check_claim(output, job_id)
    print(f"openjd_status: howard {__version__} on {here}", flush=True)


def share(
    folder: Annotated[Path, typer.Argument(metavar="SUBMISSION")],
    step: Annotated[str, typer.Option()],
    pack: Annotated[int, typer.Option()],
    share: Annotated[int, typer.Option()],
) -> None:
    """Work a share of a step's tasks on this machine, in one session."""
    from howard_nodes.farm.share import work_share
    from howard_nodes.farm.submission import Submission
    from howard_nodes.shot.mending import JOB_VARIABLE

    submission = Submission.load(folder)
    _first_on_path()
    os.environ[JOB_VARIABLE] = str(submission.bundle.folder)
    found = submission.bundle.step(step)
    raise typer.Exit(work_share(submission, found, found.tasks[share * pack : (share + 1) * pack]))


def work(folder: Annotated[Path, typer.Argument(metavar="SUBMISSION")]) -> None:
    """Run a submission's tasks on this machine: the local scheduler's background process."""
    from howard_nodes.farm.local import work as run_all

    raise typer.Exit(run_all(folder))


def _first_on_path() -> None:
    """Have the `howard` of a bundle be the one that belongs to this Python."""
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
