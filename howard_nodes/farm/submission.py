"""One time that a job was handed to an engine: what is remembered of it, in the bundle's folder."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from howard_nodes.atomic import write_file
from howard_nodes.errors import FarmError, InputError
from howard_nodes.farm.bundle import Bundle, Task
from howard_nodes.farm.claim import check_claim
from howard_nodes.farm.engine import Engine, Options, find_engine

__all__ = ["ATTEMPT_MARK", "EXIT_MARK", "Submission", "check_over", "submit"]

ATTEMPT_MARK, EXIT_MARK = "howard-farm: attempt", "howard-farm: exit"
"""Begin lines of a task's log: `howard-farm: attempt 1 on HOST at TIME` and `howard-farm: exit 0`."""

_FILE = "submission.json"


@dataclass(frozen=True)
class Submission:
    """A job that was handed to an engine.

    Attributes
    ----------
    folder : Path
        For its logs; in the bundle's.
    engine : str
        Its name.
    bundle : Bundle
        The job.
    retries : int
        How often a failed task is tried again.
    made : str
        When, ISO 8601.
    known : dict
        What the engine needs to find it again.
    """

    folder: Path
    engine: str
    bundle: Bundle
    retries: int
    made: str
    known: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def latest(cls, bundle: Bundle) -> Submission | None:
        """Give the last submission of a bundle; None where there was none.

        Raises
        ------
        InputError
            What is remembered of it is damaged.
        """
        found = sorted(bundle.folder.glob(f"submissions/*/{_FILE}"))
        return cls.load(found[-1].parent, bundle) if found else None

    @classmethod
    def load(cls, folder: Path, bundle: Bundle | None = None) -> Submission:
        """Read a submission from its folder. Raises `InputError`."""
        path = folder / _FILE
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            parts = {name: kept[name] for name in ("engine", "retries", "made", "known")}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: cannot be read ({error}): is it a submission's folder?") from error
        return cls(folder=folder, bundle=bundle or Bundle.load(folder.parents[1]), **parts)

    def log(self, task: Task) -> Path:
        """Name the log of a task, all its attempts in one."""
        return self.folder / "logs" / f"{task.step}.{task.number:04d}.log"

    def save(self) -> None:
        """Remember it. Raises `WriteError`."""
        kept = {
            "format": "howard-farm-submission",
            "version": 1,
            "engine": self.engine,
            "retries": self.retries,
            "made": self.made,
            "known": self.known,
        }
        write_file(self.folder / _FILE, json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


def submit(bundle: Bundle, engine: Engine, options: Options) -> Submission:
    """Hand a job to an engine.

    Parameters
    ----------
    bundle : Bundle
        The job.
    engine : Engine
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
        The engine is not there, the output belongs to another job now, or the job is running already.
    FarmError
        The engine refused it; nothing of it is left there.
    """
    engine.check()
    check_claim(bundle.output, str(bundle.values["JobId"]))
    earlier = check_over(bundle)
    number = int(earlier.folder.name) + 1 if earlier is not None else 1
    folder = bundle.folder / "submissions" / f"{number:04d}"
    made = datetime.now(UTC).isoformat(timespec="seconds")
    submission = Submission(folder, engine.name, bundle, options.retries, made)
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    submission = replace(submission, known=engine.submit(submission, options))
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
        states = find_engine(earlier.engine).states(earlier)
    except (FarmError, InputError):
        return earlier  # an engine that does not answer must not keep a job from another one
    if {"waiting", "running"} & set(states.values()):
        raise InputError(
            f"{bundle.folder}: is running on {earlier.engine}; see howard farm status, or end it with "
            "howard farm cancel."
        )
    return earlier
