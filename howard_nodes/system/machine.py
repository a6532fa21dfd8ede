"""The machine: its name, its cores, where a user's data lies, and what reads its output."""

from __future__ import annotations

import ctypes
import io
import os
import socket
import sys
from pathlib import Path

from howard_nodes.system import windows

__all__ = [
    "cores",
    "data_folder",
    "host_name",
    "keep_memory",
    "memory_bytes",
    "return_memory",
    "speak_utf8",
    "takes_long_paths",
]


# Of glibc's malloc.h. What is larger than the first is mapped and unmapped alone; up to the second is kept.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_FROM_HEAP, _KEPT = 64 << 20, 1 << 30

_FILE_SYSTEM = r"SYSTEM\CurrentControlSet\Control\FileSystem"


def host_name() -> str:
    """Give the machine's name, as `uname -n` has it."""
    return socket.gethostname()


def cores() -> int:
    """Count the cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_bytes() -> int:
    """Give the size of the machine's memory; 0 where the system does not say."""
    if sys.platform == "win32":
        return windows.memory_bytes()
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return 0


def keep_memory() -> None:
    """Keep what is freed for the next frame: the system clears every page that it hands out anew.

    glibc gives back all that is free above some 64 MB, which costs a frame of 1080p a tenth to a fifth of its
    time. `return_memory` still returns it. For our own programs: a host's memory is its own.
    """
    if sys.platform == "linux":
        option = getattr(ctypes.CDLL(None), "mallopt", None)  # glibc's own, musl has none
        if option is not None:
            option(_M_MMAP_THRESHOLD, _FROM_HEAP)
            option(_M_TRIM_THRESHOLD, _KEPT)


def return_memory() -> None:
    """Return to the system what was freed; where the C library has no call for it, it does so by itself."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's own, musl has none
        if trim is not None:
            trim(0)


def takes_long_paths() -> bool | None:
    """Tell whether Windows was set up to take paths of any length from any program; None elsewhere."""
    if sys.platform == "win32":
        import winreg

        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _FILE_SYSTEM) as key:
                return bool(winreg.QueryValueEx(key, "LongPathsEnabled")[0])
        except OSError:
            return False
    return None


def data_folder() -> Path:
    """Give the folder where this system keeps a user's data; it need not be there.

    Returns
    -------
    Path
        ``$XDG_DATA_HOME`` where that is set. Else ``~/.local/share``, on Windows ``%LOCALAPPDATA%``, on macOS
        ``~/Library/Application Support``.
    """
    if named := os.environ.get("XDG_DATA_HOME"):
        return Path(named)
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return Path(local) if local else Path.home() / "AppData" / "Local"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path.home() / ".local" / "share"


def speak_utf8() -> None:
    """Have stdout and stderr take any name, whoever reads them.

    On Windows a pipe or a file gets the code page of the country, in which a name such as Łódź ends the
    program; who reads Howard's output finds UTF-8. A console takes all of Unicode as it is.
    """
    if sys.platform == "win32":
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper) and not stream.isatty():
                stream.reconfigure(encoding="utf-8", errors="backslashreplace")
