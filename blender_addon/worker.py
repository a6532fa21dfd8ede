# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one worker that all nodes share, and the threads that wait for it. Nothing here touches Blender."""

from __future__ import annotations

import atexit
import os
import shutil
import threading
from collections.abc import Callable, Mapping
from typing import Any

from .client import (
    CANCELLED,
    NOT_STARTED,
    Request,
    Worker,
    WorkerError,
    command_words,
    usual_places,
)
from .errors import AddonError
from .threads import ThreadWork

__all__ = ["Work", "close", "command", "words"]

_LOCK = threading.Lock()
_STARTED: list[tuple[list[str], Worker]] = []
_WHERE = "Press Install Howard in the preferences (Add-ons, Howard Matte), or set the path of howard there."
_BROKEN = "If it was installed from there, press Repair."

Task = Callable[[Worker, Callable[[dict[str, Any]], None]], "Request | dict[str, Any]"]


def command(
    preference: str, environ: Mapping[str, str], installed: Callable[[], list[str]] = list
) -> list[str]:
    """Choose the howard command.

    Parameters
    ----------
    preference : str
        The path that the artist set, or a command with arguments; empty to search: the environment's
        `HOWARD`, then the Howard installed from the add-on, then the PATH, then where it usually is.
    environ : mapping of str to str
        The environment.
    installed : callable, optional
        Gives the words of the Howard that was installed from the add-on, none where none was.

    Returns
    -------
    list of str
        Its words.

    Raises
    ------
    AddonError
        It is not there, or broken.
    """
    for origin, text in (
        ("The preference", preference),
        ("The environment variable HOWARD", environ.get("HOWARD", "")),
    ):
        text = text.strip()
        if not text:
            continue
        chosen = command_words(text)
        if shutil.which(chosen[0], path=environ.get("PATH")) is None:
            raise AddonError(f"{origin} says that howard is {text}, which cannot be run. {_WHERE}")
        return chosen
    if ours := installed():
        return ours
    found = shutil.which("howard", path=environ.get("PATH"))
    if found is None:
        # A desktop starts Blender with a PATH that knows nothing of these.
        found = next((str(path) for path in usual_places() if os.access(path, os.X_OK)), None)
    if found is None:
        raise AddonError(f"The howard command was not found. {_WHERE}")
    return [found]


def words(error: Exception) -> str:
    """Say what went wrong, and what to do about it in Blender."""
    if isinstance(error, WorkerError) and error.code == NOT_STARTED:
        return f"{error.message}\n{_WHERE} {_BROKEN}"
    said = str(error)
    return said[:1].upper() + said[1:]


class Work(ThreadWork):
    """Something that the worker does. `result` raises `WorkerError`, whose `data` may say what was done.

    Parameters
    ----------
    command : list of str
        From `command`.
    task : callable
        Called in the thread with the worker and with what takes progress; gives a request, which is waited
        for, or what came of it.
    """

    def __init__(self, command: list[str], task: Task) -> None:
        self._command, self._task = command, task
        self._request: Request | None = None
        super().__init__("howard-work")

    def cancel(self) -> None:
        """Ask for an end: frames in work are finished."""
        with self._lock:
            super().cancel()
            if self._request is not None:
                self._request.cancel()

    def _run(self) -> None:
        try:
            given = self._task(_worker(self._command), self._events.put)
            if isinstance(given, dict):
                self._result = given
                return
            with self._lock:
                self._request = given
                if self._is_cancelled:
                    given.cancel()
            self._result = given.result()
        except WorkerError as error:
            self._error = error
        except Exception as error:  # whatever it is, an artist who waits is told
            self._error = WorkerError(CANCELLED if self._is_cancelled else NOT_STARTED, repr(error))


def close() -> None:
    """End the worker; what it does is cancelled."""
    with _LOCK:
        while _STARTED:
            _STARTED.pop()[1].close()


def _worker(command: list[str]) -> Worker:
    """Give the worker; start it where there is none, none any more, or another was meant."""
    with _LOCK:
        if _STARTED and (_STARTED[0][0] != command or not _STARTED[0][1].is_alive):
            _STARTED.pop()[1].close()
        if not _STARTED:
            _STARTED.append((command, Worker(command)))
        return _STARTED[0][1]


atexit.register(close)
