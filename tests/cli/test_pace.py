"""How long a run will still take, with a clock that the test sets."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import pytest

from howard_nodes.cli.pace import Steady, TimeLeft


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def shown(seconds: Iterable[float], total: int | None = None) -> list[float | None]:
    """What is shown after each frame of a run whose frames take these times."""
    seconds = list(seconds)
    clock = Clock()
    left = TimeLeft(clock)
    said = []
    for done, spent in enumerate(seconds, 1):
        clock.now += spent
        said.append(left.update(done, total or len(seconds)))
    return said


def rises(said: list[float | None]) -> list[tuple[float, float]]:
    known = [value for value in said if value is not None]
    return [(before, after) for before, after in itertools.pairwise(known) if after > before]


def test_it_falls_to_nothing_and_is_right():
    said = shown([2.0] * 50)
    assert said[0] is None  # one frame says nothing of the next: the first loads all
    assert said[1:] == pytest.approx([2.0 * (50 - done) for done in range(2, 51)])


@pytest.mark.parametrize("seed", range(5))
def test_frames_that_take_unequal_time_never_make_it_rise(seed):
    seconds = np.random.default_rng(seed).lognormal(0.5, 0.5, 240)
    said = shown(seconds)
    assert rises(said[20:]) == []
    for done in range(40, 200, 20):
        truth = seconds[done + 1 :].sum()
        assert 0.6 * truth < said[done] < 1.5 * truth


def test_a_run_that_stalls_keeps_it():
    clock = Clock()
    left = TimeLeft(clock)
    for done in range(1, 11):
        clock.now += 3.0
        left.update(done, 20)
    assert left.seconds == pytest.approx(30.0)
    for _ in range(600):  # the bar is drawn on and on
        clock.now += 1.0
        assert left.update(10, 20) == pytest.approx(30.0)
    # Then it goes on as before: told once that it takes longer, and down again.
    said = []
    for done in range(11, 21):
        clock.now += 3.0
        said.append(left.update(done, 20))
    assert len(rises([30.0, *said])) <= 1
    assert said[-1] == 0.0


def test_a_run_that_gets_slower_says_so_in_few_large_steps():
    said = shown([1.0] * 100 + [4.0] * 200)
    steps = rises(said)
    assert 1 <= len(steps) <= 6
    assert all(after > 1.25 * before for before, after in steps)
    assert said[250] == pytest.approx(4.0 * 49, rel=0.2)


def test_what_was_there_already_does_not_count():
    clock = Clock()
    left = TimeLeft(clock)
    # A hundred frames are kept in no time, then each takes two seconds.
    for done in range(1, 101):
        clock.now += 0.01
        assert left.update(0, 200 - done) is None
    for done in range(1, 101):
        clock.now += 2.0
        said = left.update(done, 100)
        assert said == (None if done == 1 else pytest.approx(2.0 * (100 - done)))


def test_estimates_as_they_are_shown():
    steady = Steady()
    given = [None, 100.0, 104.0, 98.0, 120.0, 200.0, 201.0, None, 50.0]
    assert [steady(one) for one in given] == [None, 100.0, 100.0, 98.0, 98.0, 200.0, 200.0, None, 50.0]
