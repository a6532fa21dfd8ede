"""Calls of Windows, against a double of kernel32 that holds them to what Microsoft documents."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from howard_nodes.system import processes, windows
from howard_nodes.system.locks import is_locked, lock


class Kernel32:
    """As much of kernel32 as is called; handles are numbers beyond 32 bits, as they may be."""

    def __init__(self) -> None:
        self.log: list[tuple[Any, ...]] = []
        self.answers: dict[str, int] = {"GetCurrentProcess": -1}

    def __getattr__(self, name: str) -> Callable[..., int]:
        def call(*arguments: Any) -> int:
            assert len(arguments) == len(call.argtypes), name
            self.log.append((name, *arguments))
            return self.answers.get(name, (1 << 33) + len(self.log))

        # A function of a library remembers its types.
        self.__dict__[name] = call
        return call


@pytest.fixture
def kernel32(monkeypatch: pytest.MonkeyPatch, on_windows: None) -> Kernel32:
    double = Kernel32()
    monkeypatch.setattr(ctypes, "WinDLL", lambda name, use_last_error: double, raising=False)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: double.answers["error"], raising=False)
    monkeypatch.setattr(windows, "_jobs", [])
    return double


def test_all_that_is_started_is_in_a_job_that_ends_with_its_only_handle(kernel32):
    processes.hold_children()
    job = (1 << 33) + 1
    (made, limits, current, assigned) = kernel32.log
    assert made == ("CreateJobObjectW", None, None)
    assert limits[:3] == ("SetInformationJobObject", job, 9)  # JobObjectExtendedLimitInformation
    assert limits[4] == 144  # bytes of JOBOBJECT_EXTENDED_LIMIT_INFORMATION on 64 bits
    assert bytes(limits[3]._obj)[16:20] == (0x2000).to_bytes(4, "little")  # KILL_ON_JOB_CLOSE
    assert current == ("GetCurrentProcess",)
    assert assigned == ("AssignProcessToJobObject", job, -1)
    assert windows._jobs == [job]
    assert kernel32.CreateJobObjectW.restype is ctypes.c_void_p  # not an int, which would be cut


@pytest.mark.parametrize("call", ["CreateJobObjectW", "SetInformationJobObject", "AssignProcessToJobObject"])
def test_where_there_is_no_job_nothing_is_left_open(kernel32, call):
    kernel32.answers[call] = 0
    assert not windows.hold_children()
    closed = [entry for entry in kernel32.log if entry[0] == "CloseHandle"]
    assert len(closed) == (0 if call == "CreateJobObjectW" else 1)
    assert not windows._jobs


@pytest.mark.parametrize(("waited", "alive"), [(258, True), (0, False)])
def test_a_process_is_asked_for_and_no_signal_is_sent(kernel32, monkeypatch, waited, alive):
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("on Windows that ends it"))
    kernel32.answers["WaitForSingleObject"] = waited
    assert processes.lives(4711) is alive
    assert [entry[0] for entry in kernel32.log] == ["OpenProcess", "WaitForSingleObject", "CloseHandle"]
    assert kernel32.log[0][1:] == (0x00100000, False, 4711)


@pytest.mark.parametrize(("error", "alive"), [(87, False), (5, True)])
def test_a_process_of_somebody_else_lives(kernel32, error, alive):
    kernel32.answers |= {"OpenProcess": 0, "error": error}
    assert processes.lives(4711) is alive


def test_elsewhere_there_is_no_kernel32():
    with pytest.raises(NotImplementedError):
        windows.lives(1)
    assert processes.lives(os.getpid())
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert not processes.lives(process.pid)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (0, "exit code 0"),
        (2, "exit code 2"),
        (0xC0000005, "exit code 0xC0000005"),
        (-11, "signal SIGSEGV"),
        (-99, "signal 99"),
    ],
)
def test_how_a_process_ended_is_said(code, said):
    assert processes.ending(code) == said


class Msvcrt(ModuleType):
    """The lock of one byte of a file, for all that have it open."""

    LK_NBLCK, LK_UNLCK = 2, 0

    def __init__(self) -> None:
        super().__init__("msvcrt")
        self.held: dict[tuple[int, int], int] = {}
        self.refusals = 0

    def locking(self, descriptor: int, mode: int, count: int) -> None:
        assert os.lseek(descriptor, 0, os.SEEK_CUR) == 0
        assert count == 1
        status = os.fstat(descriptor)
        place = status.st_dev, status.st_ino
        if mode == self.LK_UNLCK:
            assert self.held.pop(place) == descriptor
        elif place in self.held:
            self.refusals += 1
            if self.refusals == 5:  # whoever holds it ends
                del self.held[place]
            raise PermissionError(13, "Permission denied")
        else:
            self.held[place] = descriptor


def test_a_lock_of_windows_keeps_others_out_and_is_waited_for(tmp_path, monkeypatch, on_windows):
    msvcrt = Msvcrt()
    monkeypatch.setitem(sys.modules, "msvcrt", msvcrt)
    path = tmp_path / "lock"
    with path.open("a") as first, path.open("a") as second:
        first.write("something that moves the position")
        assert not is_locked(second)
        assert lock(first, wait=False)
        assert is_locked(second)
        assert not lock(second, wait=False)
        assert lock(second, wait=True)
        assert msvcrt.refusals == 5


def test_a_lock_keeps_others_out_and_goes_with_its_file(tmp_path):
    path = tmp_path / "lock"
    with path.open("a") as first, path.open("a") as second:
        assert lock(first, wait=False)
        assert is_locked(second)
        assert not lock(second, wait=False)
        first.close()
        assert not is_locked(second)
        assert lock(second, wait=True)
