"""One time that a job was handed to a scheduler: what is remembered of it, in the bundle's folder."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from howard_nodes.atomic import read_json, write_file
from howard_nodes.errors import InputError
from howard_nodes.farm.bundle import Bundle, Task

__all__ = ["ATTEMPT_MARK", "EXIT_MARK", "Submission", "attempt_line", "exit_line"]

ATTEMPT_MARK, EXIT_MARK = "howard-farm: attempt", "howard-farm: exit"
"""Begin lines of a task's log: `howard-farm: attempt 1 on HOST at TIME` and `howard-farm: exit 0`."""

_FILE = "submission.json"


def attempt_line(number: int, host: str) -> bytes:
    """Give the line that an attempt's log begins with."""
    return (
        f"{ATTEMPT_MARK} {number} on {host} at {datetime.now(UTC).isoformat(timespec='seconds')}\n".encode()
    )


def exit_line(code: int) -> bytes:
    """Give the line that an attempt's log ends with."""
    return f"{EXIT_MARK} {code}\n".encode()


@dataclass(frozen=True)
class Submission:
    """A job that was handed to a scheduler.

    Attributes
    ----------
    folder : Path
        For its logs; in the bundle's.
    scheduler : str
        Its name.
    bundle : Bundle
        The job.
    retries : int
        How often a failed task is tried again.
    made : str
        When, ISO 8601.
    known : dict
        What the scheduler needs to find it again.
    """

    folder: Path
    scheduler: str
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
        kept = read_json(path, "name a submission folder")
        try:
            parts = {name: kept[name] for name in ("retries", "made", "known")}
            scheduler = kept["engine"]
        except (KeyError, TypeError) as error:
            raise InputError(f"{path}: cannot be read ({error}): is it a submission folder?") from error
        return cls(
            folder=folder, scheduler=scheduler, bundle=bundle or Bundle.load(folder.parents[1]), **parts
        )

    def log(self, task: Task) -> Path:
        """Name the log of a task, all its attempts in one."""
        return self.folder / "logs" / f"{task.step}.{task.number:04d}.log"

    def save(self) -> None:
        """Remember it. Raises `WriteError`."""
        kept = {
            "format": "howard-farm-submission",
            "version": 1,
            "engine": self.scheduler,
            "retries": self.retries,
            "made": self.made,
            "known": self.known,
        }
        write_file(self.folder / _FILE, json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
