"""`howard matte` as a task: told to stop, killed, tried again, in company, with nothing but its folders."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from farm.conftest import SLOW_FRAMES as FRAMES
from farm.conftest import Ended, surroundings

from howard_nodes.frames import verify_file


def begin(command: list[str], **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        env=surroundings(**environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def until(holds: Callable[[], object], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.005)


def frames(folder: Path) -> list[Path]:
    return sorted(folder.glob("shot.*.exr"))


def unfinished(folder: Path) -> list[Path]:
    return list(folder.glob(".howard-*"))


def end(process: subprocess.Popen[str]) -> Ended:
    said, _ = process.communicate(timeout=120)
    return Ended(process.returncode, said)


def finish(command: list[str], folder: Path, before: dict[Path, int]) -> None:
    """A further attempt makes what is missing, and that alone."""
    ended = end(begin(command))
    assert ended.code == 0, ended.said
    assert ended.said.count("already there") == len(before) + 1  # in lines of frames, and in the summary
    assert len(frames(folder)) == len(FRAMES)
    for path in frames(folder):
        verify_file(path)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert not unfinished(folder)


def test_told_to_stop_more_than_once(command, tmp_path):
    process = begin(command)
    until(lambda: len(frames(tmp_path / "out")) >= 2, process)
    began = time.monotonic()
    # A scheduler signals the task, and what runs the task passes it on.
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    ended = end(process)
    assert ended.code == 143, ended.said
    assert time.monotonic() - began < 10
    there = frames(tmp_path / "out")
    assert 2 <= len(there) < len(FRAMES)
    assert not unfinished(tmp_path / "out")
    for path in there:
        verify_file(path)
    assert f"{len(there)} of {len(FRAMES)} frames are done" in ended.said


def test_killed_in_the_middle_of_a_frame(command, tmp_path):
    process = begin(command)
    out = tmp_path / "out"
    until(lambda: len(frames(out)) >= 2 and unfinished(out), process)
    process.kill()
    process.communicate()
    there = {path: path.stat().st_mtime_ns for path in frames(out)}
    assert 2 <= len(there) < len(FRAMES)
    for path in there:
        verify_file(path)
    finish(command, out, there)


def test_two_on_the_same_frames(command, tmp_path):
    both = [begin(command), begin(command)]
    for process in both:
        ended = end(process)
        assert ended.code == 0, ended.said
    assert len(frames(tmp_path / "out")) == len(FRAMES)
    for path in frames(tmp_path / "out"):
        verify_file(path)
    assert not unfinished(tmp_path / "out")


def test_the_output_folder_is_gone_for_some_frames(command, tmp_path):
    process = begin(command)
    out, away = tmp_path / "out", tmp_path / "away"
    until(lambda: len(frames(out)) >= 2, process)
    out.rename(away)
    ended = end(process)
    assert ended.code == 1
    assert "its folder is gone" in ended.said
    # Nothing was put where the disk should be.
    assert not out.exists()
    there = {path: path.stat().st_mtime_ns for path in frames(away)}
    away.rename(out)
    finish(command, out, {out / path.name: at for path, at in there.items()})


def test_progress_for_an_engine(command, slow_shot, tmp_path):
    broken = tmp_path / "shot"
    broken.mkdir()
    for frame in FRAMES[:4]:
        (broken / f"plate.{frame}.exr").hardlink_to(slow_shot / "plate.1001.exr")
    (broken / "plate.1003.exr").unlink()
    (broken / "plate.1003.exr").write_bytes(b"no picture")
    command[4] = f"{broken}/plate.####.exr"
    ended = end(begin(command))
    assert ended.code == 1
    assert re.findall(r"openjd_progress: (.*)", ended.said) == ["25.0", "50.0", "75.0", "100.0"]
    assert re.findall(r"openjd_status: (.*)", ended.said)[-1] == "3 of 4 frames done, 1 failed"
    (failed,) = re.findall(r"openjd_fail: (.*)", ended.said)
    assert "plate.1003.exr" in failed
    assert "frame 1003" in failed


WATCHED = """
import os, runpy, sys
allowed = tuple(os.environ["MAY_WRITE"].split(os.pathsep))

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "urllib.Request"):
        print("NETWORK", arguments, flush=True)
    if event == "open" and isinstance(arguments[0], (str, os.PathLike)):
        path, flags = os.path.abspath(os.fsdecode(arguments[0])), arguments[2] or 0
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes and not path.startswith((*allowed, "/dev/", "/proc/")):
            print("WRITES", path, flush=True)
    if event in ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink"):
        path = os.path.abspath(os.fsdecode(arguments[0]))
        if not path.startswith(allowed):
            print("WRITES", event, path, flush=True)

sys.addaudithook(watch)
sys.argv = ["howard", *sys.argv[1:]]
runpy.run_module("howard_nodes", run_name="__main__")
"""


def test_with_nothing_but_its_folders(make_shot, tmp_path):
    """No home, no cache, no network, an installation that nobody writes to; the weights are inside."""
    shot = make_shot(2, folder=tmp_path / "shot")
    output = tmp_path / "out"
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    output.mkdir()
    names = ("PATH", "LANG", "LD_LIBRARY_PATH")
    environment = {name: os.environ[name] for name in names if name in os.environ}
    done = subprocess.run(
        [
            *(sys.executable, "-B", "-c", WATCHED, "matte", shot.plate, "--clean", shot.clean),
            *("-o", f"{output}/shot.####.exr", "--device", "cpu", "--openjd"),
        ],
        env={
            **environment,
            "HOME": "/nonexistent",
            "TMPDIR": str(temporary),
            "MAY_WRITE": os.pathsep.join((str(output), str(temporary))),
        },
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WRITES" not in done.stdout
    assert "NETWORK" not in done.stdout
    assert len(frames(output)) == 2
    assert list(temporary.iterdir()) == []
