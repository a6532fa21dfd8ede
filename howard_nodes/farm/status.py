"""How a job stands: what its scheduler knows, and what its tasks' logs say."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from howard_nodes.farm.bundle import Task
from howard_nodes.farm.claim import missing_frames
from howard_nodes.farm.scheduler import State, find_scheduler
from howard_nodes.farm.submission import ATTEMPT_MARK, EXIT_MARK, Submission

__all__ = ["Status", "TaskStatus", "status"]

_ATTEMPT = re.compile(re.escape(ATTEMPT_MARK) + r" (\d+) on (\S+) at (\S+)")
_EXIT = re.compile(re.escape(EXIT_MARK) + r" (\d+)")
_PROGRESS = re.compile(r"(?:^(\S+)\t)?openjd_status: (\d+) of (\d+) frames", re.MULTILINE)
_FAIL = re.compile(r"openjd_fail: (.+)")
_ERROR = re.compile(r"howard: error: (.+)")


@dataclass(frozen=True)
class TaskStatus:
    """How a task stands.

    Attributes
    ----------
    task : Task
        Which.
    state : str
        `waiting`, `running`, `done`, `failed` or `cancelled`.
    done : int
        Frames that are done, of the frames it makes or compares.
    attempts : int
        How often it was begun.
    began : datetime or None
        Its first attempt.
    advanced : datetime or None
        When it last told how many frames are done.
    host : str
        Where its last attempt ran.
    message : str
        Why the last attempt that failed did; empty for none.
    """

    task: Task
    state: State
    done: int
    attempts: int
    began: datetime | None
    advanced: datetime | None
    host: str
    message: str


@dataclass(frozen=True)
class Status:
    """How a job stands.

    Attributes
    ----------
    tasks : tuple of TaskStatus
        All of them, step by step.
    state : str
        Of the whole.
    total, done, failed, running : int
        Frames; running are those of tasks that run and are not done yet.
    missing : tuple of int
        Frames without their files, once it is over.
    seconds_left : float or None
        After the last frame that was done, at the pace so far; None where that is not known. Between two
        frames it stays as it is.
    """

    tasks: tuple[TaskStatus, ...]
    state: State
    total: int
    done: int
    failed: int
    running: int
    seconds_left: float | None
    missing: tuple[int, ...] = ()

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ("done", "failed", "cancelled")


def status(submission: Submission) -> Status:
    """Find out how a job stands.

    Parameters
    ----------
    submission : Submission
        As it was handed over.

    Raises
    ------
    FarmError
        The scheduler does not answer.
    """
    known = find_scheduler(submission.scheduler).states(submission)
    tasks = tuple(
        _task(task, known.get((task.step, task.number)), submission) for task in submission.bundle.tasks
    )
    making = [one for one in tasks if one.task.frames]
    done = sum(one.done for one in making)
    failed = sum(len(one.task.frames) - one.done for one in making if one.state == "failed")
    running = sum(len(one.task.frames) - one.done for one in making if one.state == "running")
    total = len(submission.bundle.frames)
    state = _whole(tasks)
    began = min((one.began for one in making if one.began is not None), default=None)
    left = None
    if state == "running" and began is not None and done and total > done + failed:
        advanced = max((one.advanced for one in making if one.advanced is not None), default=None)
        spent = (advanced or datetime.now(UTC)) - began
        left = max(0.0, spent.total_seconds()) / done * (total - done - failed)
    found = Status(tasks, state, total, done, failed, running, left)
    return replace(found, missing=missing_frames(submission.bundle)) if found.is_over else found


def _whole(tasks: tuple[TaskStatus, ...]) -> State:
    states = {one.state for one in tasks}
    if "running" in states or ("waiting" in states and "done" in states):
        return "running"
    if "waiting" in states:
        return "running" if any(one.attempts for one in tasks) else "waiting"
    for state in ("failed", "cancelled"):
        if state in states:
            return state
    return "done"


def _task(task: Task, known: State | None, submission: Submission) -> TaskStatus:
    log = submission.log(task)
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    attempts = list(_ATTEMPT.finditer(text))
    last = text[attempts[-1].start() :] if attempts else ""
    ended = _EXIT.search(last)
    state: State
    if ended is not None and ended[1] == "0":
        state = "done"
    elif known is not None:
        state = known
    else:
        state = "failed" if attempts else "cancelled"
    told = list(_PROGRESS.finditer(text)) if task.frames else []
    done = len(task.frames)
    if state != "done":
        # An attempt counts what those before it left as done when it comes to it.
        done = max((int(found[2]) for found in told), default=0)
    message = ""
    if state != "done" and attempts:
        reasons = _FAIL.findall(text) or _ERROR.findall(text)
        message = reasons[-1].strip() if reasons else ""
        if state == "failed" and not message:
            message = f"it ended without a message on {attempts[-1][2]}: see {log}"
    return TaskStatus(
        task=task,
        state=state,
        done=min(done, len(task.frames)),
        attempts=len(attempts),
        began=datetime.fromisoformat(attempts[0][3]) if attempts else None,
        advanced=_time(told[-1][1]) if told else None,
        host=attempts[-1][2] if attempts else "",
        message=message,
    )


def _time(stamp: str | None) -> datetime | None:
    """Read the time in front of a log's line; None where there is none."""
    try:
        found = datetime.fromisoformat(stamp or "")
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
