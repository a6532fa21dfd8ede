from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from howard_nodes.errors import InputError
from howard_nodes.solve import TRUSTED, comp_error, composite, solve_foreground


def saturated(foreground):
    """What the network could say of it at best: nothing above 1."""
    return np.minimum(foreground, 1.0)


def test_the_foreground_is_the_plate_to_the_bit_where_alpha_is_1(shot, rng):
    shot.foreground *= np.exp(rng.uniform(-3.0, np.log(100.0), shot.foreground.shape)).astype(np.float32)
    shot.foreground[60:64, 80:84] = -0.25
    plate = shot.plate
    assert plate.max() > 50.0
    solved = solve_foreground(plate, shot.clean, shot.alpha, saturated(shot.foreground))
    solid = shot.alpha == 1.0
    assert solid.sum() > 1000
    assert np.array_equal(solved[solid].view(np.uint32), plate[solid].view(np.uint32))


def test_an_exact_alpha_gives_the_true_colours_and_the_plate_back(shot):
    plate = shot.plate
    solved = solve_foreground(plate, shot.clean, shot.alpha, saturated(shot.foreground))
    error = comp_error(plate, shot.clean, shot.alpha, solved)
    assert error.max() < 0.005
    assert error[shot.partial].mean() < 0.001
    assert error[~shot.partial].max() == 0.0
    assert np.abs(solved - shot.foreground)[shot.alpha > 0.3].max() < 0.02


def test_comp_error_stays_below_the_stated_bound_even_with_a_useless_estimate(shot, rng):
    estimate = rng.uniform(0.0, 0.8, shot.foreground.shape).astype(np.float32)
    plate = shot.plate
    solved = solve_foreground(plate, shot.clean, shot.alpha, estimate)
    # The prior lies between 0 and 0.8 like the colours themselves.
    assert comp_error(plate, shot.clean, shot.alpha, solved).max() < 0.023 * 0.8


@pytest.mark.parametrize("light", [5.0, 50.0])
def test_highlights_keep_their_light_through_a_soft_edge(shot, light):
    shot.foreground[...] = light * np.array([1.0, 0.9, 0.7], np.float32)
    plate = shot.plate
    solved = solve_foreground(plate, shot.clean, shot.alpha, np.full_like(plate, 0.97))
    assert np.allclose(solved, shot.foreground, rtol=0.02)
    assert comp_error(plate, shot.clean, shot.alpha, solved).max() < 0.001 * light


def test_brighter_light_gives_the_same_foreground_brighter(shot):
    estimate = saturated(shot.foreground)
    plain = solve_foreground(shot.plate, shot.clean, shot.alpha, estimate)
    bright = solve_foreground(
        shot.plate * 64.0, shot.clean * 64.0, shot.alpha, estimate * 64.0, trusted=TRUSTED * 64.0
    )
    assert bright.max() > 40.0
    assert np.allclose(bright / 64.0, plain, atol=1e-3)


def test_colours_spread_beyond_the_edge(shot):
    red = np.array([0.6, 0.05, 0.02], np.float32)
    shot.foreground[...] = red
    shot.clean[...] = [0.05, 0.7, 0.1]
    estimate = np.where(shot.alpha[..., None] > 0.0, red, shot.clean).astype(np.float32)
    solved = solve_foreground(shot.plate, shot.clean, shot.alpha, estimate)
    assert np.abs(solved - red).max() < 0.005


def test_near_the_edge_the_colours_are_those_of_the_nearest_foreground(shot):
    shot.foreground[:, :90] = [0.8, 0.1, 0.1]
    shot.foreground[:, 90:] = [0.1, 0.1, 0.8]
    solved = solve_foreground(shot.plate, shot.clean, shot.alpha, saturated(shot.foreground))
    height, width = shot.alpha.shape
    for beyond in (45, 50, 55, 60):
        left, right = (solved[height // 2, width // 2 + side * beyond] for side in (-1, 1))
        assert left[0] > 2.0 * left[2]
        assert right[2] > 2.0 * right[0]


def test_a_filtered_edge_picks_up_neither_black_nor_the_old_background(shot):
    shot.foreground[...] = 0.5
    shot.clean[...] = [0.02, 0.9, 0.02]
    grey = np.full_like(shot.clean, 0.5)
    estimate = np.where(shot.alpha[..., None] > 0.0, shot.foreground, 0.0).astype(np.float32)
    solved = solve_foreground(shot.plate, shot.clean, shot.alpha, estimate)
    for sigma in (1.0, 4.0, 16.0):
        filtered = [cv2.GaussianBlur(image, (0, 0), sigma) for image in (solved, shot.alpha)]
        assert np.abs(composite(filtered[0], filtered[1], grey) - 0.5).max() < 0.005


def test_noise_in_both_plates_is_not_amplified(shot, rng):
    sigma = 0.02
    noisy = [p + rng.normal(0.0, sigma, p.shape).astype(np.float32) for p in (shot.plate, shot.clean)]
    solved = solve_foreground(*noisy, shot.alpha, saturated(shot.foreground))
    seen = shot.alpha[..., None] * (solved - shot.foreground)
    assert np.sqrt((seen[shot.partial] ** 2).mean()) < 1.2 * sigma
    # Straight colours too: dividing by alpha alone makes them several times as noisy.
    thin = shot.partial & (shot.alpha < 0.1)
    alpha = shot.alpha[..., None]
    divided = (noisy[0] - (1.0 - alpha) * noisy[1])[thin] / alpha[thin]
    noise, divided_noise = (
        np.sqrt(((colours - shot.foreground[thin]) ** 2).mean()) for colours in (solved[thin], divided)
    )
    assert noise < 6.0 * sigma
    assert noise < 0.2 * divided_noise
    assert np.sqrt((comp_error(*noisy, shot.alpha, solved)[shot.partial] ** 2).mean()) < 1.5 * sigma
    assert solved.min() >= min(0.0, float(noisy[0].min()))


def test_a_clean_plate_shifted_by_a_pixel_leaves_no_wild_colours(shot):
    y, x = np.mgrid[: shot.clean.shape[0], : shot.clean.shape[1]]
    shot.clean[...] = np.where((x // 5 + y // 7) % 2, 0.9, 0.05)[..., None]
    shifted = np.roll(shot.clean, 1, axis=1)
    solved = solve_foreground(shot.plate, shifted, shot.alpha, saturated(shot.foreground))
    off = np.abs(solved - shot.foreground)[shot.partial]
    assert off.max() < 0.9
    assert off.mean() < 0.1
    assert solved.min() >= 0.0


def test_the_estimate_steadies_a_wisp_that_the_body_does_not_resemble(shot):
    wisp = (slice(10, 14), slice(20, 160))
    shot.foreground[...] = [0.6, 0.3, 0.1]
    shot.foreground[wisp] = [0.02, 0.3, 0.7]
    shot.clean[...] = 0.5
    shot.alpha[wisp] = 0.06
    plate = shot.plate
    shot.clean += 0.02  # the light had changed a little when the clean plate was taken
    helped, alone = (
        np.abs(solve_foreground(plate, shot.clean, shot.alpha, e) - shot.foreground)[wisp].mean()
        for e in (shot.foreground, np.full_like(plate, 5.0))
    )
    assert helped < 0.5 * alone


def test_the_estimate_counts_neither_above_its_shoulder_nor_where_nothing_shows(shot, rng):
    plate = shot.plate
    results = [
        solve_foreground(plate, shot.clean, shot.alpha, rng.uniform(1.0, 9.0, plate.shape).astype(np.float32))
        for _ in range(2)
    ]
    assert np.array_equal(*results)
    estimate = shot.foreground.copy()
    estimate[shot.alpha == 0.0] = 0.3
    changed = solve_foreground(plate, shot.clean, shot.alpha, estimate)
    estimate[shot.alpha == 0.0] = 0.0
    assert np.array_equal(changed, solve_foreground(plate, shot.clean, shot.alpha, estimate))


def test_no_negative_colours_but_those_outside_the_gamut(shot):
    too_thin = np.clip(shot.alpha * 0.7, 0.0, 1.0)
    plate = shot.plate
    assert solve_foreground(plate, shot.clean + 0.2, too_thin, saturated(shot.foreground)).min() >= 0.0
    shot.foreground[..., 2] = -0.1
    solved = solve_foreground(shot.plate, shot.clean, shot.alpha, saturated(shot.foreground))
    assert np.allclose(solved[shot.alpha > 0.5][:, 2], -0.1, atol=0.02)
    assert solved.min() > -0.2


def test_a_soft_outside_matte_fades_the_foreground_without_changing_its_colour(shot):
    shot.clean[...] = 0.9
    shot.foreground[...] = [0.3, 0.1, 0.05]
    outside = np.zeros_like(shot.alpha)
    outside[:, 60:120] = np.linspace(0.0, 1.0, 60)
    outside[:, 120:] = 1.0
    solved = solve_foreground(shot.plate, shot.clean, shot.alpha, saturated(shot.foreground), outside=outside)
    assert np.allclose(solved, shot.foreground, atol=0.01)


def test_what_the_outside_matte_removes_gives_no_colour(shot):
    shot.foreground[:, :90] = [0.8, 0.1, 0.1]
    shot.foreground[:, 90:] = [0.1, 0.8, 0.1]
    outside = np.zeros_like(shot.alpha)
    outside[:, 90:] = 1.0
    solved = solve_foreground(shot.plate, shot.clean, shot.alpha, saturated(shot.foreground), outside=outside)
    assert np.abs(solved - [0.8, 0.1, 0.1]).max() < 0.02


def test_no_foreground_at_all_is_black(shot):
    nothing = np.zeros_like(shot.alpha)
    assert not solve_foreground(shot.clean, shot.clean, nothing, shot.foreground).any()
    gone = np.ones_like(shot.alpha)
    assert not solve_foreground(shot.plate, shot.clean, shot.alpha, shot.foreground, outside=gone).any()


def test_smoke_without_anything_solid_is_solved_too(shot):
    shot.alpha *= 0.4
    solved = solve_foreground(shot.plate, shot.clean, shot.alpha, saturated(shot.foreground))
    assert np.abs(solved - shot.foreground)[shot.alpha > 0.3].max() < 0.02


def test_the_number_of_threads_does_not_change_a_bit(shot):
    threads = cv2.getNumThreads()
    arguments = (shot.plate, shot.clean, shot.alpha, saturated(shot.foreground))
    try:
        results = []
        for count in (1, 2, 3):
            cv2.setNumThreads(count)
            results.append(solve_foreground(*arguments))
    finally:
        cv2.setNumThreads(threads)
    assert all(np.array_equal(results[0], other) for other in results[1:])


@pytest.mark.parametrize("wrong", ["plate", "clean", "estimate", "outside"])
def test_sizes_that_do_not_fit_are_named(shot, wrong):
    arguments = {
        "plate": shot.plate,
        "clean": shot.clean,
        "alpha": shot.alpha,
        "estimate": shot.foreground,
        "outside": shot.alpha,
    }
    arguments[wrong] = arguments[wrong][1:]
    with pytest.raises(InputError, match=r"shape \(136, 180"):
        solve_foreground(**arguments)


light = hnp.from_dtype(
    np.dtype(np.float32), min_value=0.0, max_value=50.0, allow_nan=False, allow_subnormal=False
)
coverage = st.one_of(
    st.sampled_from([0.0, 1.0]), hnp.from_dtype(np.dtype(np.float32), min_value=0.0, max_value=1.0)
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_size_and_content_gives_finite_light_and_leaves_the_inputs_alone(data):
    height, width = (data.draw(st.integers(1, 35)) for _ in range(2))
    colour = hnp.arrays(np.float32, (height, width, 3), elements=light, fill=light)
    matte = hnp.arrays(np.float32, (height, width), elements=coverage, fill=coverage)
    plate, clean, estimate = (data.draw(colour) for _ in range(3))
    alpha, outside = data.draw(matte), data.draw(st.none() | matte)
    arguments = [plate, clean, alpha, estimate, outside]
    before = [None if a is None else a.copy() for a in arguments]
    solved = solve_foreground(plate, clean, alpha, estimate, outside=outside)
    assert solved.shape == plate.shape
    assert solved.dtype == np.float32
    assert solved.flags.c_contiguous
    assert np.isfinite(solved).all()
    assert solved.min() >= 0.0
    for array, copy in zip(arguments, before, strict=True):
        assert array is None or np.array_equal(array, copy)
    final = alpha if outside is None else np.minimum(alpha, 1.0 - outside)
    assert np.array_equal(solved[final == 1.0], plate[final == 1.0])
