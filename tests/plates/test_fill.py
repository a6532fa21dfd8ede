from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from howard_nodes.errors import InputError
from howard_nodes.plates.fill import fill_holes


def ramp(height=90, width=160):
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.stack([0.2 + x / width, 0.5 + y / height, 3 - x / width], axis=2)


def test_valid_pixels_stay_to_the_bit_and_holes_ignore_what_they_hold():
    rng = np.random.default_rng(0)
    picture = rng.normal(size=(77, 121, 3)).astype(np.float32) * 20
    valid = (rng.random((77, 121)) > 0.3).astype(np.float32)
    spoilt = picture.copy()
    spoilt[valid == 0] = np.nan

    filled = fill_holes(spoilt, valid)

    assert filled.dtype == np.float32
    assert np.array_equal(filled[valid == 1], picture[valid == 1])
    assert np.isfinite(filled).all()
    assert np.array_equal(filled, fill_holes(picture, valid))
    assert not np.shares_memory(filled, spoilt)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**31), st.floats(0, 1))
def test_holes_stay_in_the_range_of_the_valid_pixels(height, width, seed, share):
    rng = np.random.default_rng(seed)
    picture = rng.uniform(-1, 40, (height, width, 3)).astype(np.float32)
    valid = (rng.random((height, width)) < share).astype(np.float32)

    filled = fill_holes(picture, valid)

    if not valid.any():
        assert not filled.any()
        return
    seen = picture[valid == 1]
    assert np.all(filled >= seen.min(axis=0) - 1e-4)
    assert np.all(filled <= seen.max(axis=0) + 1e-4)


def test_a_single_valid_pixel_colours_everything():
    picture, valid = np.zeros((37, 61, 3), np.float32), np.zeros((37, 61), np.float32)
    picture[11, 50], valid[11, 50] = (0.25, 4.0, -0.5), 1
    assert np.allclose(fill_holes(picture, valid), (0.25, 4.0, -0.5), rtol=1e-5)


def test_a_border_goes_on_smoothly():
    picture, valid = ramp(), np.zeros((90, 160), np.float32)
    valid[6:-6, 9:-9] = 1

    filled = fill_holes(picture, valid)

    assert np.abs(filled - picture).max() < 0.12  # of a range of 1
    steps = [np.abs(np.diff(filled, axis=axis)).max() for axis in (0, 1)]
    assert max(steps) < 0.04  # a sixteenth of that range from pixel to pixel would be a seam


def test_a_hole_between_dark_and_bright_shows_both():
    picture, valid = np.zeros((64, 64, 3), np.float32), np.ones((64, 64), np.float32)
    picture[:, 32:] = 1
    valid[20:44, 12:52] = 0

    filled = fill_holes(picture, valid)[32, :, 0]

    assert filled[14] < 0.15
    assert filled[49] > 0.85
    assert np.all(np.diff(filled) >= -1e-3)


def test_partly_covered_pixels_are_filled_too():
    picture, valid = np.ones((32, 32, 3), np.float32), np.ones((32, 32), np.float32)
    picture[:, :4], valid[:, :4] = 0.3, 0.3  # mixed with the black outside
    assert np.allclose(fill_holes(picture, valid), 1)


def test_nothing_valid_gives_black_and_nothing_missing_a_copy():
    picture = ramp()
    assert not fill_holes(picture, np.zeros((90, 160))).any()
    copy = fill_holes(picture, np.ones((90, 160)))
    assert np.array_equal(copy, picture)
    assert copy is not picture


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 1), (20, 30, 2), (20, 30, 4)])
def test_any_number_of_channels(shape):
    picture, valid = np.ones(shape, np.float32), np.ones((20, 30), np.float32)
    valid[:, :7] = 0
    picture[:, :7] = 9
    filled = fill_holes(picture, valid)
    assert filled.shape == shape
    assert np.allclose(filled, 1)


def test_threads_do_not_change_a_bit():
    rng = np.random.default_rng(1)
    picture = rng.random((360, 640, 3)).astype(np.float32)
    valid = np.ones((360, 640), np.float32)
    valid[:40], valid[200:260, 100:300] = 0, 0
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        alone = fill_holes(picture, valid)
        cv2.setNumThreads(4)
        assert np.array_equal(alone, fill_holes(picture, valid))
    finally:
        cv2.setNumThreads(threads)


def test_shapes_must_agree():
    with pytest.raises(InputError, match="validity"):
        fill_holes(np.ones((4, 4, 3), np.float32), np.ones((4, 5), np.float32))
