"""What a job's logs say of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from howard_nodes.farm import Bundle, FarmStep, Requirements, Task
from howard_nodes.farm import status as of_farm
from howard_nodes.farm.submission import Submission

BEGAN = datetime(2026, 3, 1, 20, 0, 0, tzinfo=UTC)


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Submission:
    """A job of one task of ten frames, which runs."""
    task = Task("Matte", 0, tuple(range(1001, 1011)), {})
    step = FarmStep("Matte", (), (task,), Requirements(), None)
    bundle = Bundle(tmp_path, "shot", (step,), "out/shot.####.exr", task.frames, {})
    scheduler = SimpleNamespace(states=lambda _: {("Matte", 0): "running"})
    monkeypatch.setattr(of_farm, "find_scheduler", lambda _: scheduler)
    (tmp_path / "logs").mkdir()
    return Submission(tmp_path, "local", bundle, 2, BEGAN.isoformat())


def write(submission: Submission, frames: int, *, seconds: float, stamped: bool = True) -> None:
    lines = [f"howard-farm: attempt 1 on node at {BEGAN.isoformat()}"]
    for done in range(1, frames + 1):
        stamp = f"{(BEGAN + timedelta(seconds=done * seconds)).isoformat()}\t" if stamped else ""
        lines += [f"{stamp}openjd_progress: {10.0 * done}", f"{stamp}openjd_status: {done} of 10 frames done"]
    submission.log(submission.bundle.tasks[0]).write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_time_left_is_counted_from_the_last_frame_that_was_done(running):
    write(running, 4, seconds=30.0)
    # However long it has been since then: the time left does not grow while a frame is in work.
    first, second = of_farm.status(running), of_farm.status(running)
    assert first.done == 4
    assert first.seconds_left == second.seconds_left == pytest.approx(6 * 30.0)
    write(running, 5, seconds=30.0)
    assert of_farm.status(running).seconds_left == pytest.approx(5 * 30.0)


def test_logs_without_times_are_taken_as_of_now(running):
    write(running, 4, seconds=30.0, stamped=False)
    spent = (datetime.now(UTC) - BEGAN).total_seconds()
    assert of_farm.status(running).seconds_left == pytest.approx(6 * spent / 4, rel=0.01)


def test_nothing_is_known_before_the_first_frame(running):
    write(running, 0, seconds=1.0)
    assert of_farm.status(running).seconds_left is None
