"""What a scheduler is to Howard: a program that exists already, and the few things that are asked of it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from howard_nodes.errors import InputError
from howard_nodes.farm.submission import Submission

__all__ = ["SCHEDULERS", "Options", "Scheduler", "State", "find_scheduler"]

State = Literal["waiting", "running", "done", "failed", "cancelled"]
"""Of a task."""

SCHEDULERS = {
    "local": ("howard_nodes.farm.local", "Local"),
    "slurm": ("howard_nodes.farm.slurm", "Slurm"),
    "deadline-cloud": ("howard_nodes.farm.deadline", "DeadlineCloud"),
    "opencue": ("howard_nodes.farm.opencue", "OpenCue"),
}
"""Module and class of each scheduler, by name."""


@dataclass(frozen=True)
class Options:
    """What a scheduler is told beside the bundle.

    Attributes
    ----------
    retries : int
        How often a task that failed is tried again.
    partition : str or None
        Part of the farm: Slurm's partition, Deadline Cloud's queue, OpenCue's show.
    priority : int or None
        As the scheduler counts; None for its default.
    extra : tuple of str
        Further arguments for the scheduler's own command.
    pack : int
        Tasks of a step that one slot of Slurm works, one after another in a warm process.
    """

    retries: int = 2
    partition: str | None = None
    priority: int | None = None
    extra: tuple[str, ...] = ()
    pack: int = 1

    def __post_init__(self) -> None:
        if self.retries < 0:
            raise InputError(f"retries {self.retries}: must be at least 0.")
        if self.pack < 1:
            raise InputError(f"pack {self.pack}: must be at least 1.")


class Scheduler(Protocol):
    """A scheduler."""

    name: str

    def check(self) -> None:
        """Make sure that it is installed and answers. Raises `InputError`, which says what to do."""
        ...

    def submit(self, submission: Submission, options: Options) -> dict[str, Any]:
        """Hand a job over, whole or not at all.

        Parameters
        ----------
        submission : Submission
            The job, and where logs go.
        options : Options
            What else it is told.

        Returns
        -------
        dict
            What it needs to find the job again, fit for JSON.

        Raises
        ------
        InputError, FarmError
            It did not take the job.
        """
        ...

    def states(self, submission: Submission) -> dict[tuple[str, int], State]:
        """Give the states of the tasks it knows, by step and number; those it forgot are left out.

        Raises
        ------
        FarmError
            It does not answer.
        """
        ...

    def cancel(self, submission: Submission) -> None:
        """End all tasks of a job that are not over. Raises `FarmError`."""
        ...


def find_scheduler(name: str) -> Scheduler:
    """Give a scheduler by its name.

    Raises
    ------
    InputError
        There is none of that name.
    """
    if name not in SCHEDULERS:
        raise InputError(f"unknown scheduler '{name}'; choose from {', '.join(SCHEDULERS)}.")
    module, kind = SCHEDULERS[name]
    made: Scheduler = getattr(importlib.import_module(module), kind)()
    return made
