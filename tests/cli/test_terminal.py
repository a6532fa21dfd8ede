"""What people see: a real pseudo-terminal in place of stdout."""

from __future__ import annotations

import logging
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from howard_nodes.cli import main
from howard_nodes.cli.console import StderrHandler, say_seconds
from howard_nodes.cli.progress import reporter
from howard_nodes.shot.events import Finished, FrameDone, FrameFailed, Note, Started


@contextmanager
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Make stdout and stderr a terminal; what was shown is in the list afterwards."""
    ours, theirs = os.openpty()
    os.set_blocking(ours, False)
    shown: list[str] = []
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal, monkeypatch.context() as patch:
        for name, value in (("TERM", "xterm"), ("COLUMNS", "160")):
            patch.setenv(name, value)
        patch.delenv("NO_COLOR", raising=False)
        patch.setattr(sys, "stdout", terminal)
        patch.setattr(sys, "stderr", terminal)
        yield shown
        terminal.flush()
        with suppress(BlockingIOError):
            while True:
                shown.append(os.read(ours, 1 << 16).decode())
    os.close(ours)


def test_a_bar_with_frames_a_second(monkeypatch):
    with screen(monkeypatch) as shown, reporter(False) as report:
        report(Started("1001-1004", 4, "cpu", "float32", "default", "out/shot.####.exr"))
        report(FrameDone(1001, (Path("out/shot.1001.exr"),), 0.5))
        report(Note("plate.1002.exr: 3 pixels are NaN or Inf", warning=True, frame=1002))
        report(FrameFailed(1002, "plate.1002.exr, frame 1002: is truncated"))
        report(FrameDone(1003, (Path("out/shot.1003.exr"),), 0.5, skipped=True))
        report(FrameDone(1004, (Path("out/shot.1004.exr"),), 0.5))
        report(Finished("1001,1004", "1003", "1002", 2.0))
    seen = "".join(shown)
    assert "4/4" in seen
    assert "frames/s" in seen
    assert "howard: warning: frame 1002: plate.1002.exr: 3 pixels" in seen
    assert "2 frames done in 2.00 s, 1 frames/s; 1 already there; 1 failed: 1002" in seen
    assert seen.rstrip().endswith("plate.1002.exr, frame 1002: is truncated")
    assert seen.count("\x1b[?25l") == seen.count("\x1b[?25h") == 1  # the cursor comes back


def test_a_bar_says_how_long_it_still_takes(monkeypatch):
    monkeypatch.setattr("howard_nodes.cli.pace._LEAST_SECONDS", 0.1)
    with screen(monkeypatch) as shown, reporter(False) as report:
        report(Started("1001-1100", 100, "cpu", "float32", "default", "out/shot.####.exr"))
        for frame in range(1001, 1004):
            report(FrameDone(frame, (Path(f"out/shot.{frame}.exr"),), 0.3))
            time.sleep(0.3)
    assert re.search(r"\d s left", "".join(shown))


def test_info_and_verify(monkeypatch, shot):
    for arguments in (["info", shot.plate], ["verify", shot.plate]):
        with screen(monkeypatch) as shown, pytest.raises(SystemExit) as ended:
            main(arguments)
        assert not ended.value.code
        seen = "".join(shown)
        said = {"info": "1001-1004 (4)", "verify": "4 of 4 frames passed"}
        assert said[arguments[0]] in seen


def test_a_warning_with_every_frame_is_shown_a_few_times(capsys):
    logger = logging.getLogger("howard_nodes.color.conversion")
    handler = StderrHandler()
    logger.addHandler(handler)
    try:
        for number in range(100):
            logger.warning("%d values are far outside", number)
        logger.warning("something else")
    finally:
        logger.removeHandler(handler)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("howard: ")]
    assert len(lines) == 7
    assert "not shown" in lines[5]
    assert lines[6] == "howard: warning: something else"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.844, "0.84 s"), (9.96, "10 s"), (59.4, "59 s"), (200, "3 min 20 s"), (3899, "1 h 04 min")],
)
def test_seconds_as_people_say_them(seconds, said):
    assert say_seconds(seconds) == said
