"""All cores of this machine as a farm: as many of a job's tasks at a time as fit, each with its retries."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from howard_nodes.errors import FarmError, InputError
from howard_nodes.farm.bundle import FarmStep, Task, task_command
from howard_nodes.farm.scheduler import Options, State
from howard_nodes.farm.submission import EXIT_MARK, Submission, attempt_line, exit_line
from howard_nodes.system.locks import is_locked, lock
from howard_nodes.system.machine import cores, host_name

__all__ = ["Local", "work"]

_LOCK = "local.lock"
_GRACE_SECONDS = 40  # a little more than a bundle's own


class Local:
    """A process in the background has the tasks run on this machine; it outlives the terminal."""

    name = "local"

    def check(self) -> None:
        """Refuse Windows, where nothing asks a process in the background to tidy up and end."""
        if sys.platform == "win32":
            raise InputError(
                "the local scheduler needs Linux or macOS; on Windows use howard matte for the whole shot, "
                "or howard farm run for one step after the other."
            )

    def submit(self, submission: Submission, _options: Options) -> dict[str, Any]:
        """Begin; see `Scheduler.submit`."""
        # The process reads what is remembered, so that has to be there first.
        submission.save()
        with (submission.folder / "local.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "howard_nodes", "farm", "work", str(submission.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + 30
        while not (submission.folder / _LOCK).exists():
            if process.poll() is not None or time.monotonic() > deadline:
                said = (submission.folder / "local.log").read_text(encoding="utf-8", errors="replace")
                raise FarmError(
                    f"the local scheduler did not start: {said.strip()[-500:] or 'it printed nothing'}"
                )
            time.sleep(0.02)
        return {"pid": process.pid, "host": host_name()}

    def states(self, submission: Submission) -> dict[tuple[str, int], State]:
        """Give the states; see `Scheduler.states`. Once it is over, logs tell all."""
        if not _is_held(submission.folder / _LOCK):
            return {}
        states: dict[tuple[str, int], State] = {}
        for task in submission.bundle.tasks:
            states[task.step, task.number] = _state(submission.log(task), submission.retries)
        return states

    def cancel(self, submission: Submission) -> None:
        """End it, and wait until it has; see `Scheduler.cancel`."""
        path = submission.folder / _LOCK
        if not _is_held(path):
            return
        if submission.known.get("host") != host_name():
            raise FarmError(f"the job runs on {submission.known.get('host')}: cancel it there.")
        with suppress(ProcessLookupError):
            os.kill(int(submission.known["pid"]), signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_SECONDS + 10
        while _is_held(path):
            if time.monotonic() > deadline:
                raise FarmError(f"process {submission.known['pid']} does not stop; kill it by hand.")
            time.sleep(0.1)


def work(folder: Path) -> int:
    """Run all tasks of a submission, and wait for them.

    Parameters
    ----------
    folder : Path
        The submission's.

    Returns
    -------
    int
        0: all are done; 1: some are not.

    Raises
    ------
    InputError
        It is no submission's.
    """
    submission = Submission.load(folder)
    with (folder / _LOCK).open("a") as file:
        # Held as long as this process lives: so others know that it does.
        # It waits for those who look at this moment whether it is held.
        lock(file, wait=True)
        runner = _Runner(submission)
        signal.signal(signal.SIGTERM, lambda *_: runner.stop())
        done: set[str] = set()
        for step in submission.bundle.steps:
            if set(step.needs) <= done and runner.run(step):
                done.add(step.name)
        return 0 if len(done) == len(submission.bundle.steps) else 1


class _Runner:
    def __init__(self, submission: Submission) -> None:
        self._submission = submission
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Begin nothing more, and have what runs end."""
        self._stopped.set()

    def run(self, step: FarmStep) -> bool:
        """Run a step's tasks; tell whether all are done."""
        at_once = max(1, cores() // step.requirements.cores)
        with ThreadPoolExecutor(at_once, step.name) as pool:
            return all(list(pool.map(self._task, step.tasks)))

    def _task(self, task: Task) -> bool:
        log = self._submission.log(task)
        for attempt in range(1, self._submission.retries + 2):
            if self._stopped.is_set():
                return False
            with log.open("ab", buffering=0) as lines:
                lines.write(attempt_line(attempt, host_name()))
                code = self._attempt(task, lines)
                lines.write(exit_line(code))
            if code == 0:
                return True
        return False

    def _attempt(self, task: Task, log: Any) -> int:
        process = subprocess.Popen(
            task_command(self._submission.bundle, task),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        ends: float | None = None
        while True:
            with suppress(subprocess.TimeoutExpired):
                code = process.wait(0.1)
                break
            if self._stopped.is_set() and ends is None:
                process.terminate()
                ends = time.monotonic() + _GRACE_SECONDS
            if ends is not None and time.monotonic() > ends:
                _kill(process)
        return code if code >= 0 else 128 - code


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a task and all that it started in its session."""
    if sys.platform != "win32":  # which `check` refuses
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _state(log: Path, retries: int) -> State:
    """Tell how a task stands that is not done; while the process lives, it is tried as often as it may be."""
    try:
        ended = log.read_text(encoding="utf-8", errors="replace").count(f"\n{EXIT_MARK} ")
    except FileNotFoundError:
        return "waiting"
    return "failed" if ended > retries else "running"


def _is_held(path: Path) -> bool:
    try:
        with path.open() as file:
            return is_locked(file)
    except FileNotFoundError:
        return False
