"""Pairing two moving takes: never back in time, and close to the frame that shows the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from takes import Subject, Take, make_take, place

from howard_nodes.plates.pairing import best_path, interpolated, likeness, thumbnail
from howard_nodes.plates.registration import prepare

W, H = 192, 108
CLEANS = 20

# Where the plate's camera is in the move at time 0..1; the clean plate's goes evenly from 0 to 1.
TIMINGS: dict[str, Callable[[float], float]] = {
    "same": lambda t: t,
    "late": lambda t: 0.25 + 0.75 * t,
    "ends early": lambda t: 0.6 * t,
    "slow then fast": lambda t: t**1.6,
    "waits in the middle": lambda t: min(t, 0.4) if t < 0.6 else 0.4 + (t - 0.6) * 1.5,
}


@cache
def long_room() -> np.ndarray:
    return place(np.random.default_rng(3), W, H, margin=0.5)


def pan(seed: int, frames: int, **more) -> Take:
    usual = {"width": W, "height": H, "frames": frames, "motion": "pan", "drift_px": 120.0}
    return make_take(np.random.default_rng(seed), long_room(), **usual | more)


@cache
def cleans() -> np.ndarray:
    """Another exposure, another white balance, grain."""
    take = pan(2, CLEANS, gain=(2.0, 1.6, 1.2), noise=0.01)
    return np.stack([thumbnail(prepare(take.clean(i))) for i in range(CLEANS)])


def paired(plate: Take, *, with_subject: bool) -> tuple[int, ...]:
    pictures = [plate.plate(i) if with_subject else plate.clean(i) for i in range(len(plate))]
    return best_path(np.stack([likeness(thumbnail(prepare(picture)), cleans()) for picture in pictures]))


def off(plate: Take, path: tuple[int, ...]) -> np.ndarray:
    """How far apart, in widths, the paired pictures are; less what the nearest frame would be."""
    clean = pan(2, CLEANS)
    apart = [[abs(plate.between(clean, i, j)[0, 2]) for j in range(CLEANS)] for i in range(len(plate))]
    return np.array([row[j] - min(row) for row, j in zip(apart, path, strict=True)]) / W


@pytest.mark.parametrize("timing", TIMINGS)
def test_a_pan_at_another_pace_is_followed(timing):
    plate = pan(1, 9, timing=TIMINGS[timing], noise=0.01)
    path = paired(plate, with_subject=False)
    assert list(path) == sorted(path)
    assert off(plate, path).max() < 0.1
    assert np.median(off(plate, path)) < 0.03


@pytest.mark.parametrize("timing", ["same", "late", "slow then fast"])
def test_somebody_on_forty_percent_of_the_picture_does_not_lead_it_astray(timing):
    who = Subject(np.random.default_rng(5), W, H, cover=0.4, path="sway")
    plate = pan(1, 9, timing=TIMINGS[timing], noise=0.01, subject=who)
    path = paired(plate, with_subject=True)
    assert list(path) == sorted(path)
    assert off(plate, path).max() < 0.15
    assert np.median(off(plate, path)) < 0.05


def test_a_picture_is_most_like_itself_and_less_so_the_farther_it_has_moved():
    clean = pan(2, CLEANS)
    scores = likeness(thumbnail(prepare(clean.clean(10))), cleans())
    assert scores.shape == (CLEANS,)
    assert scores.argmax() == 10
    assert scores[10] > 2 * scores[:4].max()
    assert scores[9:12].min() > scores[[0, 1, 18, 19]].max()


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (96, 64), (97, 63)])
def test_any_picture_has_a_thumbnail(size):
    width, height = size
    rng = np.random.default_rng(1)
    for light in (np.zeros((height, width, 3)), rng.uniform(-1, 50, (height, width, 3))):
        small = thumbnail(prepare(light.astype(np.float32)))
        assert small.shape == (64, 49)
        assert small.dtype == np.complex64
        assert np.isfinite(small).all()
        assert np.isfinite(likeness(small, np.stack([small, small]))).all()


scores_of = st.tuples(st.integers(1, 5), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.floats(0, 1, width=32))
)


@settings(max_examples=150, deadline=None)
@given(scores_of)
def test_the_path_is_the_best_of_all_that_never_go_back(scores):
    path = best_path(scores)
    plates, count = scores.shape
    assert len(path) == plates
    assert list(path) == sorted(path)
    assert path[0] >= 0
    assert path[-1] < count

    def total(way: tuple[int, ...]) -> float:
        return float(sum(scores[row, column] for row, column in enumerate(way)))

    best = max(total(way) for way in combinations_with_replacement(range(count), plates))
    assert total(path) > best - 0.01  # less what evenness is worth


def test_where_all_frames_look_the_same_time_goes_on_evenly():
    path = best_path(np.full((11, 21), 0.3, np.float32))
    assert path == tuple(range(0, 21, 2))
    assert best_path(np.zeros((1, 1), np.float32)) == (0,)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=6), st.integers(1, 7))
def test_frames_between_the_compared_ones_are_spread_evenly(steps, stride):
    path = tuple(np.cumsum(steps).tolist())
    anchors = tuple(range(1001, 1001 + stride * len(path), stride))
    frames = tuple(range(1001, anchors[-1] + 1))
    spread = interpolated(anchors, path, frames)
    assert len(spread) == len(frames)
    assert list(spread) == sorted(spread)
    assert [spread[frames.index(anchor)] for anchor in anchors] == list(path)
