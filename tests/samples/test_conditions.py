from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from howard_nodes.samples import conditions

PLACE = np.random.default_rng(3).uniform(0.1, 0.9, (60, 80, 3)).astype(np.float32)
COLOR = np.full((60, 80, 3), (0.8, 0.2, 0.1), np.float32)
ALPHA = np.zeros((60, 80), np.float32)
ALPHA[20:50, 30:50] = 1.0


@settings(max_examples=20, deadline=None)
@given(dx=st.floats(-20, 20), dy=st.floats(-20, 20), radius=st.floats(0.2, 8))
def test_blurs_keep_coverage_and_stay_in_range(dx, dy, radius):
    for color, alpha in (
        conditions.motion_blur(COLOR, ALPHA, dx, dy),
        conditions.defocus(COLOR, ALPHA, radius),
    ):
        assert alpha.sum() == pytest.approx(ALPHA.sum(), rel=2e-3)
        assert 0 <= alpha.min() <= alpha.max() <= 1
        np.testing.assert_allclose(color, COLOR, atol=1e-5)


def test_a_motion_blur_is_as_long_as_the_motion():
    _, alpha = conditions.motion_blur(COLOR, ALPHA, 12.0, 0.0)
    across = (alpha[35] > 0.01) & (alpha[35] < 0.99)
    assert 10 <= across.sum() / 2 <= 14
    np.testing.assert_allclose(alpha[10], 0.0, atol=1e-6)


def test_a_shadow_takes_light_away_and_only_where_it_falls():
    matrix = np.array([[1.0, 0, 16], [0, 1, 0]])
    dark = conditions.cast_shadow(PLACE, ALPHA, matrix, softness=1.0, depth=0.5)
    ratio = dark / PLACE
    assert ratio.max() <= 1.0 + 1e-6
    np.testing.assert_allclose(ratio[35, 55], 0.5, atol=0.03)
    np.testing.assert_allclose(ratio[35, 10], 1.0, atol=1e-3)
    warm = conditions.cast_shadow(PLACE, ALPHA, matrix, softness=1.0, depth=np.array([0.9, 0.8, 0.7]))
    np.testing.assert_allclose((warm / PLACE)[35, 55], [0.1, 0.2, 0.3], atol=0.03)


def test_a_veil_leaves_some_coverage_in_its_part_and_all_elsewhere():
    for seed in range(20):
        left = conditions.veil(np.random.default_rng(seed), ALPHA)
        assert 0.04 < left[25:45, 36:44].min() <= left[25:45, 36:44].max() < 0.97
        np.testing.assert_array_equal(left[:, 65:], 1.0)


def test_a_clean_plate_that_was_moved_ends_short_of_some_borders():
    rng = np.random.default_rng(1)
    masks = [conditions.covered(rng, np.ones((60, 80), np.float32), reach=10.0) for _ in range(20)]
    assert {0.0, 1.0} == set(np.unique(masks))
    assert all(mask[12:-12, 12:-12].all() for mask in masks)
    assert all((mask == 0).mean() < 0.35 for mask in masks)


def test_one_subject_over_another_is_what_both_over_a_place_in_turn_are():
    rng = np.random.default_rng(3)
    front, color = rng.random((2, 9, 9, 3), np.float32) * 4
    covers, alpha = rng.random((2, 9, 9), np.float32)
    covers[0], alpha[1], covers[2], alpha[2] = 1, 0, 0, 0
    place = rng.random((9, 9, 3), np.float32)
    both, total = conditions.over(front, covers, color, alpha)
    behind = color * alpha[..., None] + place * (1 - alpha[..., None])
    expected = front * covers[..., None] + behind * (1 - covers[..., None])
    np.testing.assert_allclose(both * total[..., None] + place * (1 - total[..., None]), expected, atol=1e-5)


def test_bounce_has_the_subjects_colour():
    lit = conditions.bounce(PLACE, COLOR, ALPHA, reach=10.0, amount=0.2)
    gained = (lit / PLACE - 1)[35, 52]
    assert gained[0] > gained[1] > gained[2] > 0


def test_a_reflection_lies_below_its_row():
    seen = conditions.reflection(PLACE, COLOR, ALPHA, row=50, amount=0.5, blur=0.0)
    np.testing.assert_array_equal(seen[:50], PLACE[:50])
    np.testing.assert_allclose(seen[50, 40], (PLACE[50, 40] + COLOR[49, 40]) / 2, rtol=1e-5)
    np.testing.assert_array_equal(seen[55, 5], PLACE[55, 5])


@pytest.mark.parametrize("size", [0.0, 0.6])
@pytest.mark.parametrize("shape", [(64, 64), (200, 1700)])
def test_grain_is_as_strong_as_asked_and_grows_with_light(size, shape):
    rng = np.random.default_rng(1)
    dark, light = (np.full((*shape, 3), value, np.float32) for value in (0.0, 0.99))
    noise = [conditions.grain(rng, picture, 0.05, size=size) - picture for picture in (dark, light)]
    assert noise[0].std() == pytest.approx(0.005, rel=0.1)
    assert noise[1].std() == pytest.approx(0.05, rel=0.1)
    assert abs(np.corrcoef(noise[0].ravel(), noise[1].ravel())[0, 1]) < 0.1


def test_what_moves_stays_within_reach():
    ramp = np.repeat(np.arange(80, dtype=np.float32)[None, :, None], 60, 0).repeat(3, 2)
    for moved in (
        conditions.parallax(np.random.default_rng(2), ramp, reach=1.0),
        conditions.moved_parts(np.random.default_rng(2), ramp, share=0.5, reach=1.0),
    ):
        shift = np.abs(moved - ramp)[:, 6:-6]
        assert 0.05 < shift.max() < 5


def test_compression_changes_little_and_sharpening_keeps_flat_parts():
    across = np.linspace(0.1, 0.9, 80, dtype=np.float32)
    ramp = np.broadcast_to(across[None, :, None], (60, 80, 3))
    assert 0 < np.abs(conditions.compressed(ramp, 90) - ramp).mean() < 0.02
    np.testing.assert_allclose(conditions.sharpened(COLOR, 0.7, 1.0), COLOR, atol=1e-5)


@pytest.mark.parametrize(("bits", "steps"), [(10, 58), (8, 15)])
def test_a_log_file_keeps_light_above_1_in_steps(bits, steps):
    light = np.geomspace(0.01, 200, 4002, dtype=np.float32).reshape(46, 29, 3)
    kept = conditions.logged(light, bits)
    np.testing.assert_allclose(kept, light, rtol=0.6 * np.log(2) / steps)
    stop = np.unique(kept[(light >= 1) & (light < 2)])
    assert abs(len(stop) - steps) <= 1
    assert conditions.logged(np.full((1, 1, 3), 500, np.float32), bits).max() == pytest.approx(
        222.9, rel=0.01
    )


def test_another_tint_is_as_bright():
    rng = np.random.default_rng(3)
    color = rng.random((40, 50, 3)).astype(np.float32) ** 2 * 5
    weights = np.array([0.2126, 0.7152, 0.0722], np.float32)
    for _ in range(20):
        other = conditions.tinted(rng, color)
        assert other.dtype == np.float32
        assert (other >= 0).all()
        assert other @ weights == pytest.approx(color @ weights, rel=1e-3, abs=1e-5)
        assert np.abs(other - color).mean() > 0.02
