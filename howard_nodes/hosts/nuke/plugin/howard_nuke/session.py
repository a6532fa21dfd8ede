"""The one worker that all groups of this Nuke share."""

from __future__ import annotations

import atexit
import os
import threading

from . import command, description, host
from .client import Worker  # type: ignore[import-not-found]

__all__ = ["close", "command_line", "worker"]

_LOCK = threading.Lock()
_STARTED: list[Worker] = []


def command_line() -> tuple[list[str], dict[str, str]]:
    """Find out what starts a worker: in Nuke's main thread.

    Returns
    -------
    words : list of str
        The command howard.
    environment : dict
        What differs in its environment from Nuke's.

    Raises
    ------
    PluginError
        It is not there.
    """
    installed = description.load("installed.json")["command"]
    words = command.howard(host.preference(command.PREFERENCE), os.environ, installed)
    return words, command.environment(os.environ, host.folder())


def worker(words: list[str], environment: dict[str, str]) -> Worker:
    """Give the worker; start it where there is none, or none any more. From any thread.

    Parameters
    ----------
    words, environment
        From `command_line`; they count when it is started.

    Returns
    -------
    Worker
        Its network stays warm until Nuke ends.

    Raises
    ------
    WorkerError
        It cannot be started; the message says what to do.
    """
    with _LOCK:
        if _STARTED and not _STARTED[0].is_alive:
            _STARTED.pop().close()
        if not _STARTED:
            _STARTED.append(Worker(words, env=environment))
        return _STARTED[0]


def close() -> None:
    """End the worker."""
    with _LOCK:
        while _STARTED:
            _STARTED.pop().close()


atexit.register(close)
