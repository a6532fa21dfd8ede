from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from howard_nodes.errors import InputError
from howard_nodes.solve import apply_inside_outside, merge_override

unit = hnp.arrays(np.float32, (3, 5), elements=st.floats(0, 1, width=32))


def full(value, *shape):
    return np.full(shape or (4, 6), value, np.float32)


def test_inside_raises_outside_removes_and_outside_wins():
    alpha = np.array([[0.2, 0.8, 0.5, 0.5, 1.0]], np.float32)
    inside = np.array([[0.6, 0.6, 1.0, 1.0, 0.0]], np.float32)
    outside = np.array([[0.0, 0.0, 1.0, 0.25, 0.5]], np.float32)
    assert np.allclose(apply_inside_outside(alpha, inside), [[0.6, 0.8, 1.0, 1.0, 1.0]])
    assert np.allclose(apply_inside_outside(alpha, None, outside), [[0.2, 0.8, 0.0, 0.5, 0.5]])
    assert np.allclose(apply_inside_outside(alpha, inside, outside), [[0.6, 0.8, 0.0, 0.75, 0.5]])


def test_without_mattes_alpha_is_copied():
    alpha = full(0.3)
    result = apply_inside_outside(alpha)
    assert np.array_equal(result, alpha)
    assert result is not alpha


def test_mattes_are_clamped_and_what_is_not_a_number_does_nothing():
    bad = np.array([[np.nan, 7.0, -3.0]], np.float32)
    alpha = full(0.5, 1, 3)
    assert np.array_equal(apply_inside_outside(alpha, inside=bad), [[0.5, 1.0, 0.5]])
    assert np.array_equal(apply_inside_outside(alpha, outside=bad), [[0.5, 0.0, 0.5]])


def test_a_matte_of_another_size_is_named():
    with pytest.raises(InputError, match="outside matte is 6x3, the plate 6x4"):
        apply_inside_outside(full(0.5), full(0.5), full(0.5)[1:])


@given(unit, unit, unit)
def test_inside_outside_stay_in_range_and_outside_is_the_last_word(alpha, inside, outside):
    result = apply_inside_outside(alpha, inside, outside)
    assert result.min() >= 0.0
    assert result.max() <= 1.0
    assert (result <= 1.0 - outside).all()
    assert (result >= np.minimum(inside, 1.0 - outside)).all()


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 1), (4, 6, 3)])
def test_an_override_without_alpha_replaces_everywhere(shape):
    assert np.array_equal(merge_override(full(0.3), full(0.75, *shape)), full(0.75))


@pytest.mark.parametrize("channels", [2, 4])
def test_an_override_with_alpha_replaces_where_it_covers(channels):
    override = full(0.0, 4, 6, channels)
    override[1, :] = 1.0  # refine here
    override[2, :, -1] = 1.0  # keep the coarse value there
    override[3, :] = 0.5  # white, half covering, premultiplied
    result = merge_override(full(0.4), override)
    assert np.allclose(result[:, 0], [0.4, 1.0, 0.0, 0.7])


def test_straight_black_and_white_paint_means_the_same_as_premultiplied():
    premultiplied, straight = full(0.5, 4, 6, 4), full(1.0, 4, 6, 4)
    straight[..., 3] = 0.5
    assert np.array_equal(merge_override(full(0.2), premultiplied), merge_override(full(0.2), straight))


def test_overrides_are_clamped_and_what_is_not_a_number_is_0():
    override = np.array([[np.nan, 9.0, -2.0, np.inf]], np.float32)
    assert np.array_equal(merge_override(full(0.5, 1, 4), override), [[0.0, 1.0, 0.0, 1.0]])
    painted = np.full((1, 4, 4), np.nan, np.float32)
    assert np.array_equal(merge_override(full(0.5, 1, 4), painted), full(0.5, 1, 4))


def test_an_override_at_full_resolution_is_averaged_by_area():
    override = np.zeros((16, 24, 4), np.float32)
    override[:, :10] = 1.0  # covers two and a half of the six coarse columns
    result = merge_override(full(0.2), override)
    assert np.allclose(result, np.array([1.0, 1.0, 0.6, 0.2, 0.2, 0.2]), atol=1e-6)


def test_a_small_override_is_enlarged():
    assert np.allclose(merge_override(full(0.2), full(0.9, 2, 3)), 0.9)


@pytest.mark.parametrize("shape", [(4, 6, 5), (4,), (0, 6), (4, 6, 0)])
def test_an_override_that_cannot_be_one_is_an_input_error(shape):
    with pytest.raises(InputError, match="one channel, a value and an alpha, RGB or RGBA"):
        merge_override(full(0.2), np.zeros(shape, np.float32))


@given(unit, hnp.arrays(np.float32, (7, 11, 4), elements=st.floats(-1, 2, width=32)))
def test_any_paint_gives_0_to_1_and_leaves_the_inputs_alone(value, override):
    before = value.copy(), override.copy()
    result = merge_override(value, override)
    assert result.shape == value.shape
    assert result.dtype == np.float32
    assert result.min() >= 0.0
    assert result.max() <= 1.0
    assert np.array_equal(value, before[0])
    assert np.array_equal(override, before[1])
