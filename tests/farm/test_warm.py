"""The warm process of a session: tasks run as if each ran alone, and nothing of it outlives the session."""

from __future__ import annotations

import filecmp
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from farm.conftest import HOWARD, PLAIN, SLOW_FRAMES, Ended, surroundings
from farm.test_tasks import begin, end, frames, unfinished, until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no warm process")


def serving(session: Path) -> list[int]:
    """Processes that serve a session."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if {"daemon", "serve", str(session)} <= set(words):
                found.append(int(process.name))
    return found


def gone(session: Path, seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while serving(session) and time.monotonic() < end:
        time.sleep(0.05)
    return not serving(session)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Path]:
    """A session's folder, with a name too long for a socket's path; its process is started."""
    folder = tmp_path / ("it's a session, größer " * 5)
    folder.mkdir()
    assert daemon("start", folder).code == 0
    yield folder
    assert daemon("stop", folder).code == 0
    assert gone(folder, 5)


def daemon(*arguments: object) -> Ended:
    return end(begin([*HOWARD, "farm", "daemon", *map(str, arguments)]))


def handed_over(command: list[str], session: Path) -> list[str]:
    return [*HOWARD, "farm", "daemon", "run", str(session), *command[len(HOWARD) :]]


def test_frames_words_and_exit_codes_are_those_of_a_task_that_runs_alone(command, session, tmp_path):
    alone = [*command, "--frames", "1001-1003"]
    first = end(begin(alone))
    out, plain = tmp_path / "out", tmp_path / "plain"
    out.rename(plain)
    out.mkdir()
    warm = end(begin(handed_over(alone, session)))
    again = end(begin(handed_over(alone, session)))
    assert first.code == warm.code == again.code == 0, warm.said

    def words(said: str) -> str:
        return re.sub(r"\d+(\.\d+)? (ms|s|frames/s)", "", said)

    assert words(first.said) == words(warm.said)
    assert again.said.count("already there") == 4
    names = [path.name for path in frames(out)]
    assert len(names) == 3
    assert filecmp.cmpfiles(plain, out, names, shallow=False) == (names, [], [])
    wrong = end(begin(handed_over([*command, "--frames", "5"], session)))
    assert (wrong.code, "has none of the frames 5" in wrong.said) == (2, True)
    assert len(serving(session)) == 1


def test_a_task_that_is_stopped_or_killed_stops_its_frames_and_leaves_the_process(command, session, tmp_path):
    out = tmp_path / "out"
    process = begin(handed_over(command, session))
    until(lambda: len(frames(out)) >= 2, process)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    ended = end(process)
    assert ended.code == 143, ended.said
    assert f"{len(frames(out))} of {len(SLOW_FRAMES)} frames are done" in ended.said
    process = begin(handed_over(command, session))
    until(lambda: "already there" in (process.stdout.readline() if process.stdout else ""), process)
    process.kill()
    process.wait()
    assert len(serving(session)) == 1
    quick = end(begin(handed_over([*command, "--frames", "1001"], session)))
    assert (quick.code, len(frames(out)) < len(SLOW_FRAMES)) == (0, True), quick.said
    assert not unfinished(out)


def test_a_process_that_is_killed_costs_no_frame(command, session, tmp_path):
    """Out of memory, say: its task begins again in another, which makes what is missing."""
    out = tmp_path / "out"
    process = begin(handed_over(command, session))
    until(lambda: len(frames(out)) >= 2, process)
    (first,) = serving(session)
    os.kill(first, signal.SIGKILL)
    ended = end(process)
    assert ended.code == 0, ended.said
    assert "the warm process was killed; the task begins again in another" in ended.said
    assert len(frames(out)) == len(SLOW_FRAMES)
    assert not unfinished(out)
    assert serving(session) not in ([], [first])


def test_one_that_is_killed_again_fails_the_task(command, session, tmp_path):
    process = begin(handed_over(command, session))
    killed: set[int] = set()
    while len(killed) < 2 and process.poll() is None:
        for number in set(serving(session)) - killed:
            if len(frames(tmp_path / "out")) > len(killed):
                os.kill(number, signal.SIGKILL)
                killed.add(number)
    ended = end(process)
    assert ended.code == 1
    assert "openjd_fail: the warm process was killed twice; out of memory?" in ended.said


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_the_session(make_job, how, tmp_path):
    _, job = make_job(40, *PLAIN, "--chunk", 20)
    out = job.parent / "out"
    process = subprocess.Popen(
        [*HOWARD, "farm", "run", str(job), "--step", "Matte"],
        env=surroundings(TMPDIR=str(tmp_path)),
        stdout=subprocess.DEVNULL,
    )
    until_frames = time.monotonic() + 60
    while len(frames(out)) < 2:
        assert time.monotonic() < until_frames
        time.sleep(0.01)
    (session,) = (path for path in (tmp_path / "OpenJD").iterdir() if serving(path))
    process.send_signal(how)
    process.wait(60)
    assert gone(session, 15)
    there = len(frames(out))
    assert there < 40
    time.sleep(0.5)
    assert len(frames(out)) == there


def test_where_there_can_be_none_the_task_runs_by_itself(command, tmp_path):
    session = tmp_path / "session"
    (session / "howard").mkdir(parents=True)
    (session / "howard").chmod(0o777)
    started = daemon("start", session)
    assert (started.code, "others may write there" in started.said) == (0, True)
    ended = end(begin(handed_over([*command, "--frames", "1001"], session)))
    assert (ended.code, "The task runs by itself" in ended.said) == (0, True), ended.said
    assert len(frames(tmp_path / "out")) == 1


def test_the_socket_is_the_users_alone_and_a_folder_that_others_may_write_to_is_refused(tmp_path):
    session, other = tmp_path / "session", tmp_path / "other"
    for folder in (session, other):
        folder.mkdir()
    assert daemon("start", session).code == 0
    assert (session / "howard").stat().st_mode & 0o777 == 0o700
    assert daemon("stop", session).code == 0
    (other / "howard").mkdir()
    (other / "howard").chmod(0o777)
    started = daemon("start", other)
    assert "others may write there" in started.said
    assert not serving(other)
