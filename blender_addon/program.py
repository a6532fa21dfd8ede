# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A howard command that runs beside Blender and tells its progress as JSON. Nothing here touches Blender."""

from __future__ import annotations

import atexit
import collections
import contextlib
import json
import os
import queue
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

from .client import CANCELLED, GONE, NOT_STARTED, WorkerError

__all__ = ["Program"]

_FAILED_FRAMES = 1  # exit code of a command that did what it could
_LAST_WORDS = 6
_RUNNING: set[subprocess.Popen[str]] = set()


class Program:
    """A command in a process of its own; it has what `waiting.Waiting` asks of work.

    Parameters
    ----------
    command : list of str
        All its words; with `--json` among them.
    """

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._words: collections.deque[str] = collections.deque(maxlen=_LAST_WORDS)
        self._result: dict[str, Any] = {}
        self._error: WorkerError | None = None
        self._is_cancelled = False
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="howard-program", daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return not self._thread.is_alive()

    @property
    def is_cancelled(self) -> bool:
        """Whether it was asked to stop."""
        return self._is_cancelled

    def cancel(self) -> None:
        """Ask it to stop."""
        with self._lock:
            self._is_cancelled = True
            if self._process is not None:
                self._process.terminate()

    def events(self) -> Iterator[dict[str, Any]]:
        """Give the progress that came since, without waiting."""
        with contextlib.suppress(queue.Empty):
            while True:
                yield self._events.get_nowait()

    def wait(self, seconds: float) -> None:
        """Wait for the end, some time."""
        self._thread.join(seconds)

    def result(self) -> dict[str, Any]:
        """Give the last event of each kind, by its name, when it is over.

        Raises
        ------
        WorkerError
            It could not do it at all, or was cancelled.
        """
        if self._error is not None:
            raise self._error
        return self._result

    def _run(self) -> None:
        try:
            self._error = self._followed()
        except Exception as error:  # whatever it is, an artist who waits is told
            self._error = WorkerError(GONE, repr(error))
        if self._is_cancelled and self._error is not None:
            self._error = WorkerError(CANCELLED, "Cancelled.")

    def _followed(self) -> WorkerError | None:
        environment = {
            name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")
        }
        with self._lock:
            if self._is_cancelled:
                return WorkerError(CANCELLED, "Cancelled.")
            try:
                process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=environment,
                    encoding="utf-8",
                    errors="replace",
                )
            except OSError as error:
                return WorkerError(NOT_STARTED, f"{self._command[0]} cannot be started: {error.strerror}.")
            self._process = process
            _RUNNING.add(process)
        listening = threading.Thread(target=self._listen, args=(process,), daemon=True)
        listening.start()
        assert process.stdout is not None
        for line in process.stdout:
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                self._result[event["event"]] = event
                self._events.put(event)
        code = process.wait()
        listening.join(1.0)
        _RUNNING.discard(process)
        if code in (0, _FAILED_FRAMES) and "finished" in self._result:
            return None
        said = "\n".join(self._words) or f"{self._command[0]} ended with exit code {code}."
        return WorkerError(GONE, said.removeprefix("howard: error: "))

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        self._words.extend(line.rstrip() for line in process.stderr)


@atexit.register
def _end_all() -> None:
    for process in list(_RUNNING):
        process.terminate()
