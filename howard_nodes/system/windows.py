"""Calls of Windows that Python does not have, each as Microsoft documents it.

Nothing here is called elsewhere. The module can be imported anywhere: tests have a double of kernel32.
"""

from __future__ import annotations

import ctypes
import sys
from ctypes import wintypes
from typing import Any

__all__ = ["hold_children", "lives", "memory_bytes"]

_SYNCHRONIZE = 0x00100000
_WAIT_TIMEOUT = 258
_ERROR_ACCESS_DENIED = 5
_KILL_ON_JOB_CLOSE = 0x2000
_EXTENDED_LIMITS = 9
_ELSEWHERE = "Windows alone has a kernel32."

_jobs: list[int] = []


class _BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION."""

    _fields_ = (
        ("PerProcessUserTimeLimit", ctypes.c_int64),
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", ctypes.c_uint32),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", ctypes.c_uint32),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", ctypes.c_uint32),
        ("SchedulingClass", ctypes.c_uint32),
    )


class _ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION; the six counters of IO_COUNTERS are 64 bits each."""

    _fields_ = (
        ("BasicLimitInformation", _BasicLimits),
        ("IoInfo", ctypes.c_ulonglong * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    )


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX."""

    _fields_ = (
        ("Length", ctypes.c_uint32),
        ("MemoryLoad", ctypes.c_uint32),
        ("TotalPhys", ctypes.c_uint64),
        ("Others", ctypes.c_uint64 * 6),
    )


def memory_bytes() -> int:
    """Give the size of the machine's memory; 0 where Windows does not say."""
    status = _MemoryStatus(Length=ctypes.sizeof(_MemoryStatus))
    return int(status.TotalPhys) if _kernel32().GlobalMemoryStatusEx(ctypes.byref(status)) else 0


def hold_children() -> bool:
    """Put this process into a job that Windows ends with it, and with it all that it starts from now on.

    Returns
    -------
    bool
        False where Windows refuses: then children have to notice the end of their pipes.
    """
    kernel32 = _kernel32()
    job = kernel32.CreateJobObjectW(None, None)
    if not job:
        return False
    limits = _ExtendedLimits()
    limits.BasicLimitInformation.LimitFlags = _KILL_ON_JOB_CLOSE
    size = ctypes.sizeof(limits)
    if not (
        kernel32.SetInformationJobObject(job, _EXTENDED_LIMITS, ctypes.byref(limits), size)
        and kernel32.AssignProcessToJobObject(job, kernel32.GetCurrentProcess())
    ):
        kernel32.CloseHandle(job)
        return False
    _jobs.append(job)  # never closed: Windows does that when this process ends, however it ends
    return True


def lives(process: int) -> bool:
    """Tell whether there is a process of a number.

    `os.kill(process, 0)` would not ask on Windows: it sends Ctrl-C, or ends the process.
    """
    if sys.platform != "win32":
        raise NotImplementedError(_ELSEWHERE)
    kernel32 = _kernel32()
    handle = kernel32.OpenProcess(_SYNCHRONIZE, False, process)
    if not handle:
        return ctypes.get_last_error() == _ERROR_ACCESS_DENIED  # somebody else's
    try:
        return bool(kernel32.WaitForSingleObject(handle, 0) == _WAIT_TIMEOUT)
    finally:
        kernel32.CloseHandle(handle)


def _kernel32() -> Any:
    """Give kernel32, with the types of what is called: handles are longer than int."""
    if sys.platform != "win32":
        raise NotImplementedError(_ELSEWHERE)
    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    handle, dword = wintypes.HANDLE, wintypes.DWORD
    for call, result, arguments in (
        (kernel32.CreateJobObjectW, handle, (ctypes.c_void_p, wintypes.LPCWSTR)),
        (kernel32.SetInformationJobObject, wintypes.BOOL, (handle, ctypes.c_int, ctypes.c_void_p, dword)),
        (kernel32.AssignProcessToJobObject, wintypes.BOOL, (handle, handle)),
        (kernel32.GetCurrentProcess, handle, ()),
        (kernel32.OpenProcess, handle, (dword, wintypes.BOOL, dword)),
        (kernel32.WaitForSingleObject, dword, (handle, dword)),
        (kernel32.CloseHandle, wintypes.BOOL, (handle,)),
        (kernel32.GlobalMemoryStatusEx, wintypes.BOOL, (ctypes.c_void_p,)),
    ):
        call.restype, call.argtypes = result, arguments
    return kernel32
