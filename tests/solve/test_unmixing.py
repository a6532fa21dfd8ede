from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from howard_nodes.errors import InputError
from howard_nodes.solve import unmix, unmixing_cells


def believed(shot) -> np.ndarray:
    """What a network makes of a soft edge: half covered, all of it, where it is partial."""
    return np.where(shot.partial, 0.5, shot.alpha).astype(np.float32)


def doubted(shot, much: float = 0.3) -> np.ndarray:
    return np.where(shot.partial, much, 0.001).astype(np.float32)


@pytest.fixture
def plain(shot):
    """A subject of one colour, whose brightness no background has."""
    shot.foreground[...] = (0.9, 0.2, 1.4)
    return shot


def test_the_light_gives_the_true_alpha_of_a_soft_edge(plain):
    found = unmix(plain.plate, plain.clean, believed(plain), doubted(plain))
    assert np.abs(believed(plain) - plain.alpha)[plain.partial].mean() > 0.2
    assert np.abs(found.alpha - plain.alpha)[plain.partial].mean() < 0.01
    assert np.abs(found.alpha - plain.alpha).max() < 0.06
    assert found.deviation[plain.partial].mean() < 0.05


def test_colours_that_change_towards_an_edge_are_found_where_nobody_was_sure() -> None:
    y, x = np.mgrid[0:160, 0:160].astype(np.float32)
    far = np.hypot(x - 80, y - 80)
    alpha, outwards = np.clip((50 - far) / 4 + 0.5, 0, 1), np.clip(far / 54, 0, 1) ** 2
    foreground = np.stack([0.9 - 0.7 * outwards, np.full_like(far, 0.2), 0.1 + 1.2 * outwards], -1)
    clean = 0.2 + 0.1 * np.stack([np.sin(x / 9), np.cos(y / 7), np.sin((x + y) / 11)], -1)
    plate = clean + alpha[..., None] * (foreground - clean)
    unsure = np.abs(far - 50) < 20
    shown = plate, clean, np.where(unsure, 0.3, alpha), np.where(unsure, 0.5, 0.001)
    found = unmix(*(plane.astype(np.float32) for plane in shown))
    wrong = np.abs(found.alpha - alpha)
    assert wrong.max() < 0.45
    assert wrong[(alpha > 0) & (alpha < 1)].mean() < 0.1


@pytest.mark.parametrize("light", [5.0, 100.0, 1e4])
def test_it_does_so_in_any_light(plain, light):
    clean = plain.clean * light
    found = unmix(plain.plate * light, clean, believed(plain), doubted(plain))
    assert np.abs(found.alpha - plain.alpha)[plain.partial].mean() < 0.01


def test_a_highlight_on_a_dark_place_is_as_good(plain):
    plain.foreground[...] = 50.0
    found = unmix(plain.plate, plain.clean, believed(plain), doubted(plain))
    assert np.abs(found.alpha - plain.alpha)[plain.partial].mean() < 0.01


def test_an_estimate_beyond_what_its_encoding_tells_apart_is_no_brighter_than_what_is_sure(plain):
    alpha, error = believed(plain), doubted(plain)
    cells = unmixing_cells(alpha, error)
    told = [
        unmix(plain.plate, plain.clean, alpha, error, cells, np.full((cells.sum(), 3), light), evidence=True)
        for light in (1.4, 1000.0)
    ]
    assert np.array_equal(told[0].alpha, told[1].alpha)
    assert np.array_equal(told[0].evidence.least, told[1].evidence.least)


def test_a_pixels_light_tells_how_much_there_is_at_least(plain):
    plain.foreground[...] = (3.0, 2.0, 4.0)
    alpha, error = believed(plain), doubted(plain)
    cells = unmixing_cells(alpha, error)
    rows, columns = np.nonzero(cells)
    least = unmix(plain.plate, plain.clean, alpha, error, cells, evidence=True).evidence.least[:, 0]
    truth = plain.alpha[2 * rows, 2 * columns]
    assert (least <= truth + 0.001).all()
    assert (least > 0.5 * truth - 0.05).all()
    # Where the plate is darker, a shadow may be all there is.
    darker = unmix(plain.clean * np.float32(0.5), plain.clean, alpha, error, cells, evidence=True)
    assert not darker.evidence.least.any()


def test_each_side_of_a_subject_is_unmixed_with_its_own_colour(shot):
    shot.foreground[:, :90] = (1.2, 0.1, 0.1)
    shot.foreground[:, 90:] = (0.1, 0.1, 1.2)
    found = unmix(shot.plate, shot.clean, believed(shot), doubted(shot))
    assert np.abs(found.alpha - shot.alpha)[shot.partial].mean() < 0.02


def test_strands_that_the_network_runs_together_come_apart(plain):
    plain.alpha[20:60, 88:92] = 1.0  # a trunk to take the colour from
    plain.alpha[20:60, 92:130:4] = 0.6
    vague = cv2.GaussianBlur(plain.alpha, (0, 0), 3)
    error = np.full_like(vague, 0.2)
    found = unmix(plain.plate, plain.clean, vague, error).alpha
    strands = (slice(20, 60), slice(92, 130))
    before, after = (np.abs(one - plain.alpha)[strands].mean() for one in (vague, found))
    assert after < 0.1 * before


def test_a_strand_that_the_network_did_not_see_is_found_where_the_plates_differ(plain):
    seen = plain.alpha.copy()
    plain.alpha[70, 30:150] = 0.5  # a hair far from the edge
    error = np.full_like(seen, 0.01)
    without = unmixing_cells(seen, error)
    found = unmixing_cells(seen, error, (plain.plate, plain.clean))
    assert not (without & ~found).any()
    far = cv2.distanceTransform((seen[::2, ::2] < 0.01).astype(np.uint8), cv2.DIST_L2, 3)
    hair = plain.alpha[::2, ::2] > np.maximum(seen[::2, ::2], 0.01)
    near = hair & (far > 4) & (far < 18)
    assert near.any()
    assert not without[near].any()
    assert found[near].all()
    # Neither what is too far to be a strand of this subject nor what was protected.
    assert not found[far > 24].any()
    error[60:80] = 0.0
    assert not unmixing_cells(seen, error, (plain.plate, plain.clean))[32:38].any()


def test_an_error_of_0_protects_to_the_bit(plain):
    error = doubted(plain)
    error[:, :90] = 0.0
    alpha = np.clip(plain.alpha + 0.2, 0.0, 1.0)
    found = unmix(plain.plate, plain.clean, alpha, error)
    assert np.array_equal(found.alpha[:, :90], alpha[:, :90])
    assert not found.deviation[:, :90].any()
    assert not np.array_equal(found.alpha[:, 90:], alpha[:, 90:])


def test_an_error_of_1_hands_over_to_the_light(plain):
    nothing = np.where(plain.alpha == 1.0, 1.0, 0.0).astype(np.float32)
    found = unmix(plain.plate, plain.clean, nothing, np.ones_like(nothing))
    assert np.abs(nothing - plain.alpha)[plain.partial].mean() > 0.4
    assert np.abs(found.alpha - plain.alpha)[plain.partial].mean() < 0.1


def test_where_the_network_is_sure_and_nothing_is_partial_nothing_changes(plain):
    plain.alpha = believed(plain)
    error = np.full_like(plain.alpha, 0.005)
    alpha = plain.alpha.copy()
    alpha[:40] = 0.0
    far = cv2.dilate(cv2.absdiff(alpha, cv2.blur(alpha, (3, 3))), np.ones((17, 17))) == 0
    assert far.sum() > 10_000
    assert np.array_equal(unmix(plain.plate, plain.clean, alpha, error).alpha[far], alpha[far])


def test_where_the_colours_are_alike_the_network_is_believed(shot):
    shot.foreground = shot.clean + np.float32(0.002)
    alpha = np.clip(shot.alpha * 0.8 + 0.1, 0.0, 1.0)
    plate = shot.plate + np.random.default_rng(1).normal(0, 0.01, shot.clean.shape).astype(np.float32)
    found = unmix(plate, shot.clean, alpha, np.full_like(alpha, 0.05))
    inner = (shot.alpha > 0.2) & (shot.alpha < 0.8)
    assert np.abs(found.alpha - alpha)[inner].mean() < 0.03


def test_noise_makes_an_answer_less_sure_and_leaves_more_to_the_network(plain):
    rng = np.random.default_rng(3)
    results = []
    for grain in (0.002, 0.05, 0.3):
        plate, clean = (
            picture + rng.normal(0, grain, picture.shape).astype(np.float32)
            for picture in (plain.plate, plain.clean)
        )
        results.append(unmix(plate, clean, believed(plain), doubted(plain, 0.1)))
    deviation = [float(result.deviation[plain.partial].mean()) for result in results]
    moved = [float(np.abs(result.alpha - believed(plain))[plain.partial].mean()) for result in results]
    assert deviation == sorted(deviation)
    assert moved == sorted(moved, reverse=True)


def test_a_clean_plate_that_is_off_makes_an_answer_less_sure(plain):
    shadowed = plain.clean * np.float32(1.25)
    good, off = (
        unmix(plain.plate, clean, believed(plain), doubted(plain, 0.1)) for clean in (plain.clean, shadowed)
    )
    assert off.deviation[plain.partial].mean() > 1.2 * good.deviation[plain.partial].mean()


def test_a_plate_that_is_its_own_clean_plate_throughout_says_nothing(shot):
    found = unmix(shot.clean, shot.clean, np.full_like(shot.alpha, 0.5), np.full_like(shot.alpha, 0.3))
    assert found.alpha.max() <= 0.5


def test_without_any_sure_foreground_the_networks_colour_serves(plain):
    plain.alpha *= 0.6
    alpha = np.full_like(plain.alpha, 0.3) * (plain.alpha > 0)
    error = np.full_like(alpha, 0.3)
    cells = unmixing_cells(alpha, error)
    colour = np.repeat(plain.foreground[:1, 0], cells.sum(), 0)
    found = unmix(plain.plate, plain.clean, alpha, error, cells, colour).alpha
    alone = unmix(plain.plate, plain.clean, alpha, error).alpha
    off = [np.abs(one - plain.alpha)[plain.partial].mean() for one in (found, alone, alpha)]
    assert off == sorted(off)


def test_without_any_background_it_is_as_good(plain):
    part = (slice(40, 100), slice(60, 120))
    plain.alpha, plain.foreground, plain.clean = (
        x[part] for x in (plain.alpha, plain.foreground, plain.clean)
    )
    plain.alpha = np.maximum(plain.alpha, 0.3)
    assert plain.partial.any()
    found = unmix(plain.plate, plain.clean, np.sqrt(plain.alpha), doubted(plain))
    assert np.abs(found.alpha - plain.alpha)[plain.partial].mean() < 0.01


def test_what_an_answer_rests_on_is_told_and_changes_no_bit(plain):
    alpha, error = believed(plain), doubted(plain)
    cells = unmixing_cells(alpha, error)
    silent = unmix(plain.plate, plain.clean, alpha, error, cells)
    told = unmix(plain.plate, plain.clean, alpha, error, cells, evidence=True)
    assert silent.evidence is None
    assert np.array_equal(silent.alpha, told.alpha)
    assert np.array_equal(silent.deviation, told.deviation)
    evidence = told.evidence
    rows, columns = np.nonzero(cells)
    for pixel, (y, x) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        assert np.array_equal(evidence.pixels[:, pixel, 0], told.alpha[2 * rows + y, 2 * columns + x])
        assert np.array_equal(evidence.pixels[:, pixel, 1], told.deviation[2 * rows + y, 2 * columns + x])
    edge = plain.partial[::2, ::2][cells]
    np.testing.assert_allclose(np.median(evidence.color[edge], 0), (0.9, 0.2, 1.4), rtol=0.05)
    # The light alone knows as much here: the network's guess of one half takes no part in that.
    truth = plain.alpha[2 * rows, 2 * columns]
    assert np.abs(evidence.pixels[:, 0, 2] - truth)[edge].mean() < 0.03
    for likely in (3, 4):
        assert 0 <= evidence.pixels[..., likely].min() <= evidence.pixels[..., likely].max() <= 1


def test_the_number_of_threads_does_not_change_a_bit(plain):
    threads = cv2.getNumThreads()
    try:
        results = []
        for count in (1, 2, 3):
            cv2.setNumThreads(count)
            results.append(unmix(plain.plate, plain.clean, believed(plain), np.full_like(plain.alpha, 0.1)))
    finally:
        cv2.setNumThreads(threads)
    assert all(np.array_equal(results[0].alpha, other.alpha) for other in results[1:])
    assert all(np.array_equal(results[0].deviation, other.deviation) for other in results[1:])


@pytest.mark.parametrize("wrong", ["plate", "clean", "error"])
def test_sizes_that_do_not_fit_are_named(shot, wrong):
    arguments = {"plate": shot.plate, "clean": shot.clean, "alpha": shot.alpha, "error": doubted(shot)}
    arguments[wrong] = arguments[wrong][1:]
    with pytest.raises(InputError, match=r"shape \(136, 180"):
        unmix(**arguments)


light = st.one_of(
    st.sampled_from([0.0, 1.0, -0.5, 1e4, 1e8]),
    hnp.from_dtype(np.dtype(np.float32), min_value=-10.0, max_value=1e4, allow_subnormal=False),
)
coverage = st.one_of(
    st.sampled_from([0.0, 1.0]), hnp.from_dtype(np.dtype(np.float32), min_value=0.0, max_value=1.0)
)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_any_size_and_content_gives_an_alpha_and_leaves_the_inputs_alone(data):
    height, width = (data.draw(st.integers(1, 35)) for _ in range(2))
    colour = hnp.arrays(np.float32, (height, width, 3), elements=light, fill=light)
    matte = hnp.arrays(np.float32, (height, width), elements=coverage, fill=coverage)
    plate, clean = data.draw(colour), data.draw(colour)
    alpha, error = data.draw(matte), data.draw(matte)
    cells = unmixing_cells(alpha, error)
    estimate = data.draw(st.none() | st.just(np.full((int(cells.sum()), 3), 0.4, np.float32)))
    arguments = [plate, clean, alpha, error]
    before = [array.copy() for array in arguments]
    found = unmix(*arguments, cells, estimate)
    for plane in (found.alpha, found.deviation):
        assert plane.shape == alpha.shape
        assert plane.dtype == np.float32
        assert np.isfinite(plane).all()
        assert plane.min() >= 0.0
        assert plane.max() <= 1.0
    kept = error == 0.0
    assert np.array_equal(found.alpha[kept], alpha[kept])
    for array, copy in zip(arguments, before, strict=True):
        assert np.array_equal(array, copy)
