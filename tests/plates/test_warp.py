"""Moving a picture: to the pixel where the motion is whole, with nothing made up outside."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from howard_nodes.plates.warp import warp


def shifted(x: float, y: float) -> np.ndarray:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def noise(height: int, width: int, channels: int = 3, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 4, (height, width, channels)).astype(np.float32)


def smooth(height: int, width: int) -> np.ndarray:
    """Waves long enough for a cubic to follow."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([waves(x, y, phase) for phase in (0.0, 1.0, 2.0)], axis=-1)


def waves(x: np.ndarray, y: np.ndarray, phase: float) -> np.ndarray:
    return (1.5 + np.sin(x / 7 + phase) * np.cos(y / 9 - phase)).astype(np.float32)


def test_the_identity_gives_the_very_array():
    picture = noise(9, 13)
    moved, valid = warp(picture, np.eye(3), (13, 9))
    assert moved is picture
    assert valid.dtype == np.float32
    assert valid.min() == 1


@settings(max_examples=40, deadline=None)
@given(st.integers(-20, 20), st.integers(-20, 20))
def test_whole_pixels_move_to_the_bit(x, y):
    """Right and down are positive; what is outside is marked, what is inside is the source's own value."""
    height, width = 24, 31
    picture = noise(height, width)
    moved, valid = warp(picture, shifted(x, y), (width, height))
    expected = np.zeros((height, width), bool)
    into = slice(max(0, y), height + min(0, y)), slice(max(0, x), width + min(0, x))
    expected[into] = True
    np.testing.assert_array_equal(valid, expected)
    out_of = slice(max(0, -y), height - max(0, y)), slice(max(0, -x), width - max(0, x))
    np.testing.assert_array_equal(moved[into], picture[out_of])
    flow = np.broadcast_to(np.float32([x, y]), (3, 5, 2))
    moved, valid = warp(picture, np.eye(3), (width, height), flow=flow)
    np.testing.assert_array_equal(valid, expected)
    np.testing.assert_allclose(moved[into], picture[out_of], atol=1e-4)


def test_flow_is_where_the_result_lies_beyond_the_homography():
    """A flow of (3, -2) on top of a move by (4, 5) is a move by (7, 3)."""
    picture = smooth(40, 50)
    flow = np.broadcast_to(np.float32([3, -2]), (2, 2, 2))
    moved, valid = warp(picture, shifted(4, 5), (50, 40), flow=flow)
    other, also = warp(picture, shifted(7, 3), (50, 40))
    np.testing.assert_array_equal(valid, also)
    np.testing.assert_allclose(moved[valid > 0], other[valid > 0], atol=1e-5)


def test_fractions_and_turns_are_interpolated():
    height, width = 60, 80
    turn = shifted(6.3, -2.6) @ np.vstack([cv2.getRotationMatrix2D((40, 30), 7.0, 1.05), [0, 0, 1]])
    moved, valid = warp(smooth(height, width), turn, (width, height))
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    points = np.linalg.inv(turn) @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    truth = waves(points[0], points[1], 1.0).reshape(height, width)
    inner = (points[0] > 2) & (points[0] < width - 3) & (points[1] > 2) & (points[1] < height - 3)
    assert 0.5 < inner.mean() < 0.95
    assert np.abs(moved[..., 1] - truth).ravel()[inner].max() < 0.01
    inside = (points[0] > -0.4) & (points[0] < width - 0.6) & (points[1] > -0.4) & (points[1] < height - 0.6)
    outside = (points[0] < -0.6) | (points[0] > width - 0.4) | (points[1] < -0.6) | (points[1] > height - 0.4)
    assert valid.ravel()[inside].min() == 1
    assert valid.ravel()[outside].max() == 0


def test_another_size_and_any_channels():
    for channels in (1, 2, 4):
        picture = noise(20, 30, channels)
        moved, valid = warp(picture, shifted(10, 0), (50, 25))
        assert moved.reshape(25, 50, -1).shape == (25, 50, channels)
        np.testing.assert_array_equal(moved.reshape(25, 50, channels)[:20, 10:40], picture)
        assert valid[:20, 10:40].min() == 1
        assert valid.sum() == 600


def test_no_light_below_zero_appears_beside_a_highlight():
    picture = np.full((21, 21, 3), 0.01, np.float32)
    picture[8:12, 8:12] = 50
    for flow in (None, np.full((2, 2, 2), 0.2, np.float32)):
        moved, _ = warp(picture, shifted(0.4, 0.3), (21, 21), flow=flow)
        assert moved.min() >= 0
        assert moved.max() > 45


def test_light_that_is_below_zero_stays():
    picture = np.full((12, 12, 3), -0.25, np.float32)
    moved, _ = warp(picture, shifted(0.5, 0.5), (12, 12))
    np.testing.assert_allclose(moved, -0.25, rtol=1e-5)


def test_the_source_is_not_touched():
    picture = noise(10, 10)
    before = picture.copy()
    warp(picture, shifted(0.5, 0), (10, 10))
    np.testing.assert_array_equal(picture, before)


@pytest.mark.parametrize("threads", [1, 4])
def test_threads_change_no_bit(threads):
    picture, motion = noise(270, 480), shifted(1.25, -0.75) @ np.diag([1.01, 0.99, 1.0])
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(threads)
        moved, _ = warp(picture, motion, (480, 270))
        bent, _ = warp(picture, motion, (480, 270), flow=np.ones((9, 16, 2), np.float32))
        cv2.setNumThreads(2)
        assert moved.tobytes() == warp(picture, motion, (480, 270))[0].tobytes()
        again, _ = warp(picture, motion, (480, 270), flow=np.ones((9, 16, 2), np.float32))
        assert bent.tobytes() == again.tobytes()
    finally:
        cv2.setNumThreads(before)
