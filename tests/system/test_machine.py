"""The machine's name, folders and pipes."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from howard_nodes.cli import app, main
from howard_nodes.cli.console import typed
from howard_nodes.errors import InputError
from howard_nodes.farm.local import Local
from howard_nodes.system import machine


def test_the_machine_is_called_as_it_calls_itself():
    assert machine.host_name() == os.uname().nodename
    assert machine.cores() == len(os.sched_getaffinity(0))


def test_what_was_freed_goes_back():
    kept = [bytearray(b"\1" * 100_000) for _ in range(2_000)]
    last = bytearray(b"\1" * 100_000)  # the C library gives back by itself what has nothing behind it
    full = _resident()
    kept.clear()
    machine.return_memory()
    assert _resident() < full - 150_000_000
    assert last


_AGAIN = """
import ctypes, resource
from howard_nodes.system.machine import keep_memory
c = ctypes.CDLL(None)
c.malloc.restype, c.malloc.argtypes, c.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
keep_memory()
def taken():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for size in (48 << 20, 30 << 20, 60 << 20):
        at = [c.malloc(size) for _ in range(2)]
        for one in at:
            ctypes.memset(one, 1, size)
        for one in at:
            c.free(one)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print(taken(), taken())
"""


def test_memory_of_the_last_frame_serves_the_next_one():
    said = subprocess.run([sys.executable, "-c", _AGAIN], check=True, stdout=subprocess.PIPE, text=True)
    first, again = map(int, said.stdout.split())
    # Pages that the system cleared: of what size is up to it.
    assert again < first / 10
    assert again < 100


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    ("platform", "variables", "folder"),
    [
        ("linux", {}, "~/.local/share"),
        ("linux", {"LOCALAPPDATA": "C:/x"}, "~/.local/share"),
        ("darwin", {}, "~/Library/Application Support"),
        ("win32", {}, "~/AppData/Local"),
        ("win32", {"LOCALAPPDATA": "D:/data"}, "D:/data"),
        ("win32", {"LOCALAPPDATA": "D:/data", "XDG_DATA_HOME": "E:/x"}, "E:/x"),
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data"),
    ],
)
def test_data_lies_where_the_system_has_it(monkeypatch, platform, variables, folder):
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert machine.data_folder() == Path(folder).expanduser()


def test_a_pipe_in_a_countrys_code_page_takes_any_name(monkeypatch, on_windows, capsys):
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="cp1252", newline="\r\n")
    monkeypatch.setattr(sys, "stdout", pipe)
    with pytest.raises(UnicodeEncodeError):
        print("Łódź plate")
    machine.speak_utf8()
    print("Łódź plate, B\udcfcro")
    pipe.flush()
    assert pipe.buffer.getvalue() == "Łódź plate, B\\udcfcro\r\n".encode()


def test_other_systems_pipes_stay_as_they_are(monkeypatch):
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", pipe)
    machine.speak_utf8()
    assert pipe.encoding == "latin-1"


def test_the_command_line_begins_with_that(monkeypatch, on_windows):
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", pipe)
    monkeypatch.setattr("signal.SIGBREAK", signal.SIGUSR1, raising=False)
    monkeypatch.setattr(app, "app", lambda **_: sys.exit(0))
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGUSR1)
    with pytest.raises(SystemExit):
        main(["--version"])
    assert signal.getsignal(signal.SIGUSR1) is signal.getsignal(signal.SIGTERM)  # its window is closed
    for number, handler in zip((signal.SIGTERM, signal.SIGUSR1), before):
        signal.signal(number, handler)
    assert pipe.encoding == "utf-8"


@pytest.mark.parametrize(
    ("platform", "path", "said"),
    [
        ("linux", "jobs/shot 10", "'jobs/shot 10'"),
        ("win32", r"C:\jobs\shot 10", r'"C:\jobs\shot 10"'),
        ("win32", r"C:\jobs\shot", r"C:\jobs\shot"),
    ],
)
def test_a_path_is_shown_as_it_is_typed(monkeypatch, platform, path, said):
    monkeypatch.setattr(sys, "platform", platform)
    assert typed(Path(path)) == said


def test_the_local_scheduler_refuses_windows_and_says_what_to_do(on_windows):
    with pytest.raises(InputError, match="Linux or macOS; on Windows use howard matte"):
        Local().check()
