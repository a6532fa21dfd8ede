"""What the light gives with the true foreground colours."""

from __future__ import annotations

import numpy as np

from howard_nodes.evaluation.limit import with_true_colors

_SHAPE = (64, 96)


def _edge() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    clean = 0.1 + 0.4 * rng.random((*_SHAPE, 3), np.float32)
    alpha = np.clip((np.arange(_SHAPE[1], dtype=np.float32) - 40) / 16, 0, 1)[None].repeat(_SHAPE[0], 0)
    foreground = np.full_like(clean, 2.5)
    plate = alpha[..., None] * foreground + (1 - alpha[..., None]) * clean
    return plate, clean, foreground, alpha


def test_a_matte_in_doubt_becomes_the_true_one():
    plate, clean, foreground, alpha = _edge()
    wrong = np.clip(alpha + 0.2 * ((alpha > 0) & (alpha < 1)), 0, 1)
    doubt = np.where(alpha == wrong, 0.0, 0.2).astype(np.float32)
    found = with_true_colors(plate, clean, foreground, alpha, wrong, doubt)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, alpha, atol=0.01)


def test_what_is_not_in_doubt_stays():
    plate, clean, foreground, alpha = _edge()
    wrong = np.clip(alpha + 0.2, 0, 1)
    np.testing.assert_array_equal(
        with_true_colors(plate, clean, foreground, alpha, wrong, np.zeros_like(wrong)), wrong
    )


def test_a_foreground_of_the_clean_plates_colour_says_nothing():
    _, clean, _, alpha = _edge()
    found = with_true_colors(clean, clean, clean, alpha, alpha, np.full_like(alpha, 0.3))
    np.testing.assert_allclose(found, alpha, atol=1e-3)
