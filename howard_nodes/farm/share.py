"""Several tasks of a step in one slot of a farm: one session, one warm process, a log for each task.

A task that fails ends a session of Open Job Description: those after it run in the next one.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from howard_nodes.farm.bundle import FarmStep, Task, openjd_command
from howard_nodes.farm.scheduler import State
from howard_nodes.farm.submission import ATTEMPT_MARK, EXIT_MARK, Submission, attempt_line, exit_line
from howard_nodes.system.machine import host_name
from howard_nodes.system.processes import die_with_parent

__all__ = ["share_command", "share_log", "state_in_share", "work_share"]

_TASK_BEGINS = re.compile(rb"(\S+\t)?-+ Running Task\s*")
_EXIT = re.compile(rf"^{re.escape(EXIT_MARK)} (\d+)$", re.MULTILINE)


def share_command(submission: Submission, step: FarmStep, pack: int) -> list[str]:
    """Give the command line that works a share of a step; the share's number is to come last."""
    command = [sys.executable, "-m", "howard_nodes", "farm", "share", str(submission.folder)]
    return [*command, "--step", step.name, "--pack", str(pack), "--share"]


def share_log(submission: Submission, step: FarmStep, share: int) -> Path:
    """Name the log of a share; its tasks have their own."""
    return submission.folder / "logs" / f"{step.name}.share.{share:04d}.log"


def work_share(submission: Submission, step: FarmStep, tasks: Sequence[Task]) -> int:
    """Work those of some tasks that are not done and may be tried, one after another.

    Parameters
    ----------
    submission : Submission
        With the tasks' logs.
    step : FarmStep
        Theirs.
    tasks : sequence of Task
        In order.

    Returns
    -------
    int
        0: all are done; 1: some are not.

    Raises
    ------
    KeyboardInterrupt
        It was told to end; the task that ran has ended, and its attempt does not count.
    """
    left = tuple(task for task in tasks if _may_run(submission, task))
    while left:
        left = _work_session(submission, step, left)
    return 0 if all(_codes(submission, task)[-1:] == [0] for task in tasks) else 1


def state_in_share(submission: Submission, task: Task) -> State:
    """Tell how a task stands that is not done, in a share that is being worked."""
    attempts = _log(submission, task).count(ATTEMPT_MARK)
    codes = _codes(submission, task)
    if attempts > len(codes):
        return "running"
    return "waiting" if len(codes) <= submission.retries else "failed"


def _may_run(submission: Submission, task: Task) -> bool:
    codes = _codes(submission, task)
    return codes[-1:] != [0] and len(codes) <= submission.retries


def _log(submission: Submission, task: Task) -> str:
    try:
        return submission.log(task).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _codes(submission: Submission, task: Task) -> list[int]:
    """Give how a task's attempts ended; those that somebody else ended are left out."""
    return [int(code) for code in _EXIT.findall(_log(submission, task))]


def _work_session(submission: Submission, step: FarmStep, tasks: tuple[Task, ...]) -> tuple[Task, ...]:
    """Run a session; give the tasks that it did not come to."""
    process = subprocess.Popen(
        openjd_command(submission.bundle, step, tasks),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=die_with_parent if sys.platform != "win32" else None,
    )
    assert process.stdout is not None
    lines, interrupt = _Lines(submission, tasks), None
    while True:
        try:
            for line in process.stdout:
                lines.take(line)
            break
        except KeyboardInterrupt as asked:
            interrupt = asked
            process.terminate()
    code = process.wait()
    if interrupt is not None:
        lines.close(None)
        raise interrupt
    return lines.close(code if code >= 0 else 128 - code)


class _Lines:
    """Puts what a session says into the logs of its tasks."""

    def __init__(self, submission: Submission, tasks: tuple[Task, ...]) -> None:
        self._submission, self._tasks = submission, tasks
        self._before: list[bytes] = []
        self._at = -1

    def take(self, line: bytes) -> None:
        """Take a line."""
        if _TASK_BEGINS.fullmatch(line) and self._at + 1 < len(self._tasks):
            if self._at >= 0:
                self._end(0)
            self._at += 1
            self._begin()
        if self._at < 0:
            self._before.append(line)
        else:
            self._write(line)

    def close(self, code: int | None) -> tuple[Task, ...]:
        """End the task that ran last, with no code where somebody ended it; give those that did not begin."""
        if self._at < 0 and code is not None:
            # The machine will not do: no task could begin.
            for number in range(len(self._tasks)):
                self._at = number
                self._begin()
                self._end(code)
        elif self._at >= 0:
            self._end(code)
        return self._tasks[self._at + 1 :] if code is not None else ()

    def _begin(self) -> None:
        task = self._tasks[self._at]
        number = _log(self._submission, task).count(ATTEMPT_MARK) + 1
        host = os.environ.get("SLURMD_NODENAME") or host_name()
        self._write(attempt_line(number, host), *self._before)

    def _end(self, code: int | None) -> None:
        self._write(exit_line(code) if code is not None else b"howard-farm: ended\n")
        task = self._tasks[self._at]
        print(f"{task.step} {task.number}: {'ended' if code is None else f'exit {code}'}", flush=True)

    def _write(self, *lines: bytes) -> None:
        with self._submission.log(self._tasks[self._at]).open("ab") as log:
            log.writelines(lines)
