"""Locks on files, which the system gives back when whoever holds them ends, however that comes."""

from __future__ import annotations

import errno
import sys
import time
from typing import IO

__all__ = ["is_locked", "lock"]

_LOOK_SECONDS = 0.05


def lock(file: IO[str] | IO[bytes], *, wait: bool) -> bool:
    """Lock a file against other processes that ask, until it is closed.

    Parameters
    ----------
    file : file object
        Open for writing. Its content does not matter, and is not to be written: Windows keeps others from the
        first byte.
    wait : bool
        Until it is free.

    Returns
    -------
    bool
        False where another holds it, and this does not wait.
    """
    if sys.platform == "win32":
        import msvcrt

        while True:
            file.seek(0)
            try:
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            except OSError as error:
                if error.errno in (errno.EBADF, errno.EINVAL):
                    raise
                if not wait:
                    return False
                time.sleep(_LOOK_SECONDS)
            else:
                return True
    else:
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        return True


def is_locked(file: IO[str] | IO[bytes]) -> bool:
    """Tell whether another process holds a file's lock at this moment; two may ask at once."""
    if sys.platform == "win32":
        import msvcrt

        if not lock(file, wait=False):
            return True
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
        return False
    else:
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
