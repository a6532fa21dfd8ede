# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A howard command that runs beside Blender and tells its progress as JSON. Nothing here touches Blender."""

from __future__ import annotations

import atexit
import collections
import contextlib
import json
import subprocess
import threading

from .client import CANCELLED, GONE, WorkerError, start
from .threads import ThreadWork

__all__ = ["Program"]

_FAILED_FRAMES = 1  # exit code of a command that did what it could
_LAST_WORDS = 6
_RUNNING: set[subprocess.Popen[bytes]] = set()


class Program(ThreadWork):
    """A command in a process of its own.

    `result` gives the last event of each kind, by its name, or raises `WorkerError`: it could not do it at
    all, or was cancelled.

    Parameters
    ----------
    command : list of str
        All its words; with `--json` among them.
    """

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._words: collections.deque[str] = collections.deque(maxlen=_LAST_WORDS)
        self._process: subprocess.Popen[bytes] | None = None
        super().__init__("howard-program")

    def cancel(self) -> None:
        """Ask it to stop."""
        with self._lock:
            super().cancel()
            if self._process is not None:
                self._process.terminate()

    def _run(self) -> None:
        try:
            self._error = self._followed()
        except WorkerError as error:
            self._error = error
        except Exception as error:  # whatever it is, an artist who waits is told
            self._error = WorkerError(GONE, repr(error))
        if self._is_cancelled and self._error is not None:
            self._error = WorkerError(CANCELLED, "Cancelled.")

    def _followed(self) -> WorkerError | None:
        with self._lock:
            if self._is_cancelled:
                return WorkerError(CANCELLED, "Cancelled.")
            process = self._process = start(self._command)
            _RUNNING.add(process)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        listening = threading.Thread(target=self._listen, args=(process,), daemon=True)
        listening.start()
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

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        self._words.extend(line.decode("utf-8", "replace").rstrip() for line in process.stderr)


@atexit.register
def _end_all() -> None:
    for process in list(_RUNNING):
        process.terminate()
