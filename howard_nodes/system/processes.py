"""Processes: whether one lives, how one ended, and that none is left behind."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

from howard_nodes.system import windows

__all__ = ["END_SIGNALS", "die_with_parent", "ending", "hold_children", "lives", "watch", "window_flags"]

if sys.platform == "win32":
    END_SIGNALS: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGINT, signal.SIGBREAK)
else:
    END_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""What asks a process to end. On Windows closing a console's window is a SIGBREAK, as Ctrl-Break is."""

_PR_SET_PDEATHSIG = 1
_MOST_EXIT_CODE = 0xFFFF  # Windows gives what it ended a process for as a large one: 0xC0000005


def lives(process: int) -> bool:
    """Tell whether there is a process of a number, whoever's it is."""
    if sys.platform == "win32":
        return windows.lives(process)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's
    return True


def watch(process: int) -> Callable[[], bool]:
    """Give what tells whether a process has ended since; on Linux even where another has its number now."""
    if sys.platform == "linux":
        try:
            handle = os.pidfd_open(process)
        except ProcessLookupError:
            return lambda: True
        except OSError:  # an old kernel
            return lambda: not lives(process)
        # Ended, not only reaped: whose child it is may never ask how it ended.
        return lambda: bool(select.select([handle], [], [], 0)[0])
    return lambda: not lives(process)


def hold_children() -> None:
    """Have Windows end all that this process starts, when this process ends, however that comes.

    Elsewhere a child sees to it itself: `die_with_parent`, and the end of its stdin.
    """
    if sys.platform == "win32":
        windows.hold_children()


def die_with_parent() -> None:
    """Have Linux end this process with a SIGTERM when the thread that started it is gone.

    macOS has no such call: there the end of stdin tells. On Windows the parent holds it: `hold_children`.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def window_flags() -> int:
    """Give the `creationflags` of a child that nobody is to see: on Windows no console opens for it."""
    if sys.platform == "win32":
        return subprocess.CREATE_NO_WINDOW
    return 0


def ending(code: int) -> str:
    """Say how a process ended.

    Parameters
    ----------
    code : int
        As `subprocess` gives it.

    Returns
    -------
    str
        ``exit code 1``, ``signal SIGSEGV``; on Windows ``exit code 0xC0000005`` where that ended it.
    """
    if code >= 0:
        return f"exit code {code}" if code <= _MOST_EXIT_CODE else f"exit code 0x{code:08X}"
    with suppress(ValueError):
        return f"signal {signal.Signals(-code).name}"
    return f"signal {-code}"
