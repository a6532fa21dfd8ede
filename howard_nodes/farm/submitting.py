"""Handing a job to a scheduler, once at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from howard_nodes.errors import FarmError, InputError
from howard_nodes.farm.bundle import Bundle
from howard_nodes.farm.claim import check_claim
from howard_nodes.farm.scheduler import Options, Scheduler, find_scheduler
from howard_nodes.farm.submission import Submission

__all__ = ["check_over", "submit"]


def submit(bundle: Bundle, scheduler: Scheduler, options: Options) -> Submission:
    """Hand a job to a scheduler.

    Parameters
    ----------
    bundle : Bundle
        The job.
    scheduler : Scheduler
        Any.
    options : Options
        What it is told beside the job.

    Returns
    -------
    Submission
        Remembered in the bundle's folder.

    Raises
    ------
    InputError
        The scheduler is not there, the output belongs to another job now, or the job is running already.
    FarmError
        The scheduler refused it; nothing of it is left there.
    """
    if options.pack > 1 and scheduler.name != "slurm":
        raise InputError(f"--pack {options.pack}: only Slurm takes it; leave it out for {scheduler.name}.")
    scheduler.check()
    check_claim(bundle.output, str(bundle.values["JobId"]))
    earlier = check_over(bundle)
    number = int(earlier.folder.name) + 1 if earlier is not None else 1
    folder = bundle.folder / "submissions" / f"{number:04d}"
    made = datetime.now(UTC).isoformat(timespec="seconds")
    submission = Submission(folder, scheduler.name, bundle, options.retries, made)
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    submission = replace(submission, known=scheduler.submit(submission, options))
    submission.save()
    return submission


def check_over(bundle: Bundle) -> Submission | None:
    """Make sure that nothing of a job runs or waits any more.

    Parameters
    ----------
    bundle : Bundle
        The job.

    Returns
    -------
    Submission or None
        The latest; None where there was none.

    Raises
    ------
    InputError
        It is running.
    """
    earlier = Submission.latest(bundle)
    if earlier is None:
        return None
    try:
        states = find_scheduler(earlier.scheduler).states(earlier)
    except (FarmError, InputError):
        return earlier  # a scheduler that does not answer must not keep a job from another one
    if {"waiting", "running"} & set(states.values()):
        raise InputError(
            f"{bundle.folder}: is already running on {earlier.scheduler}; check it with howard "
            "farm status, or stop it with howard farm cancel."
        )
    return earlier
