from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from howard_nodes.errors import InputError
from howard_nodes.solve import glimpse, steadied

HEIGHT, WIDTH = 180, 240


def _texture(seed: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Blotches of a few pixels that a flow can follow, scene-linear."""
    noise = np.random.default_rng(seed).random((height, width, 3)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return 0.4 * (blurred - blurred.min()) / (blurred.max() - blurred.min()) + 0.02


def _shot(step: float, frames: int = 3) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Plates and true alphas of a disc that moves by `step` pixels a frame."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    plates, alphas = [], []
    for number in range(frames):
        moved = np.float32([[1, 0, step * number], [0, 1, 0]])
        color = cv2.warpAffine(_texture(2), moved, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
        distance = np.hypot(x - WIDTH / 3 - step * number, y - HEIGHT / 2)
        alpha = np.clip((40 - distance) / 6 + 0.5, 0, 1).astype(np.float32)
        plates.append(_texture(1) + alpha[..., None] * (color * 2 - _texture(1)))
        alphas.append(alpha)
    return plates, alphas


def _steadied(plates: list[np.ndarray], alphas: list[np.ndarray], at: int = 1) -> np.ndarray:
    looks = [glimpse(alpha, plate) for alpha, plate in zip(alphas, plates, strict=True)]
    return steadied(looks[at], looks[:at] + looks[at + 1 :])


def test_what_boils_becomes_steadier_and_nearer_to_the_truth():
    plates, alphas = _shot(0)
    rng = np.random.default_rng(3)
    edge = (alphas[0] > 0) & (alphas[0] < 1)
    judged = [np.clip(alpha + 0.06 * edge * rng.normal(size=alpha.shape), 0, 1) for alpha in alphas]
    judged = [alpha.astype(np.float32) for alpha in judged]
    before = np.abs(judged[1] - alphas[1])[edge].mean()
    after = np.abs(_steadied(plates, judged) - alphas[1])[edge].mean()
    assert after < 0.65 * before  # the mean of three has 0.58 of the noise


@pytest.mark.parametrize("step", [1, 4, 9])
def test_what_moves_is_followed_not_smeared(step):
    plates, alphas = _shot(step)
    smeared = np.abs(np.mean(alphas, axis=0) - alphas[1])
    assert np.abs(_steadied(plates, alphas) - alphas[1]).mean() < 0.3 * smeared.mean() + 1e-4


def test_a_cut_keeps_every_frame_as_it_is():
    _, alphas = _shot(0)
    plates = [0.1 * _texture(1), _texture(2) + 0.5, 0.1 * _texture(3)]
    others = [np.ones_like(alphas[0]), alphas[1], np.ones_like(alphas[0])]
    assert np.abs(_steadied(plates, others) - alphas[1]).max() < 0.02


def test_what_the_camera_panned_away_from_does_not_count():
    panned, alpha = 12, np.full((HEIGHT, WIDTH), 0.5, np.float32)
    wide = _texture(1, HEIGHT, WIDTH + panned)
    own, other = (np.ascontiguousarray(part) for part in (wide[:, :WIDTH], wide[:, panned:]))
    result = steadied(glimpse(alpha, own), [glimpse(np.ones_like(alpha), other)])
    assert result[:, : panned - 4].mean() < 0.52
    assert result[:, 2 * panned :].mean() > 0.72


def test_a_flow_that_went_astray_does_not_count():
    alpha = np.full((HEIGHT, WIDTH), 0.5, np.float32)
    own, other = _texture(1), _texture(2)
    result = steadied(glimpse(alpha, own), [glimpse(np.ones_like(alpha), other)])
    assert result.mean() < 0.52  # something alike is found everywhere, but not there and back


def test_what_is_not_free_is_kept():
    plates, alphas = _shot(0)
    own, other = glimpse(alphas[0], plates[0]), glimpse(1 - alphas[0], plates[0])
    free = np.zeros_like(alphas[0])
    free[:90] = 1
    result = steadied(own, [other], free)
    np.testing.assert_array_equal(result[90:], alphas[0][90:])
    np.testing.assert_allclose(result[:90], 0.5, atol=1e-6)


def test_without_neighbours_nothing_changes():
    plates, alphas = _shot(0)
    np.testing.assert_array_equal(_steadied(plates[:1], alphas[:1], at=0), alphas[0])


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 90), st.integers(1, 1100), st.integers(0, 99), st.floats(-8, 8))
def test_any_size_and_light_stays_between_the_frames(height, width, seed, exposure):
    rng = np.random.default_rng(seed)
    plates = (rng.random((3, height, width, 3)) * 2.0 ** rng.uniform(-9, 9)).astype(np.float32)
    alphas = rng.random((3, height, width)).astype(np.float32)
    looks = [glimpse(alpha, plate, exposure) for alpha, plate in zip(alphas, plates, strict=True)]
    assert max(looks[0].seen.shape[:2]) <= 960
    result = steadied(looks[0], looks[1:])
    assert (result.shape, result.dtype) == ((height, width), np.float32)
    assert result.min() >= alphas.min() - 1e-5
    assert result.max() <= alphas.max() + 1e-5
    np.testing.assert_array_equal(result, steadied(looks[0], looks[1:]))


def test_bits_do_not_depend_on_the_number_of_threads():
    plates, alphas = _shot(5)
    before, results = cv2.getNumThreads(), []
    try:
        for threads in (1, 2, 5):
            cv2.setNumThreads(threads)
            results.append(_steadied(plates, alphas))
    finally:
        cv2.setNumThreads(before)
    for other in results[1:]:
        np.testing.assert_array_equal(results[0], other)


def test_frames_of_two_sizes_are_refused():
    small, large = (np.zeros((size, size), np.float32) for size in (40, 50))
    looks = [glimpse(alpha, np.dstack([alpha] * 3)) for alpha in (small, large)]
    with pytest.raises(InputError, match="40x40, its neighbour 50x50"):
        steadied(looks[0], looks[1:])
