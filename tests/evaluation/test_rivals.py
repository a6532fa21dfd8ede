from __future__ import annotations

import cv2
import numpy as np
import pytest

from howard_nodes.evaluation.metrics import mad
from howard_nodes.evaluation.rivals import RIVALS, Tuner, difference_key, screen_key

_GREEN = np.array([0.05, 0.4, 0.1], np.float32)


def _disc(height: int = 80, width: int = 120) -> np.ndarray:
    alpha = np.zeros((height, width), np.float32)
    cv2.circle(alpha, (60, 40), 25, 1.0, -1)
    return cv2.GaussianBlur(alpha, (0, 0), 2)


def _over(color: tuple[float, ...], alpha: np.ndarray, clean: np.ndarray) -> np.ndarray:
    return alpha[..., None] * np.array(color, np.float32) + (1 - alpha[..., None]) * clean


def test_the_difference_key_rises_over_its_softness():
    plate = np.zeros((1, 5, 3), np.float32)
    plate[0, :, 1] = (0.0, 0.1, 0.125, 0.15, 0.5)
    key = difference_key(plate, np.zeros_like(plate), 0.1, 0.05)
    np.testing.assert_allclose(key[0], (0, 0, 0.5, 1, 1), atol=1e-6)


def test_on_a_green_screen_it_is_the_keyer_that_is_known():
    # s of this foreground is 0: a screen subtraction gives its coverage exactly, uneven screen or not.
    falloff = np.linspace(0.5, 1.5, 120, dtype=np.float32)[None, :, None]
    clean = np.broadcast_to(_GREEN * falloff, (80, 120, 3)).astype(np.float32)
    alpha = _disc()
    key = screen_key(_over((0.3, 0.25, 0.2), alpha, clean), clean, weight=0.5)
    np.testing.assert_allclose(key, alpha, atol=1e-5)


def test_one_screen_never_sees_what_is_brighter_all_channels_do():
    clean = np.full((80, 120, 3), 0.2, np.float32)
    alpha = _disc()
    bright = _over((1.0, 1.0, 1.0), alpha, clean)
    assert screen_key(bright, clean, weight=0.0).max() == 0
    np.testing.assert_allclose(screen_key(bright, clean, weight=None), alpha, atol=1e-5)
    black = _over((0.0, 0.0, 0.0), alpha, clean)
    np.testing.assert_allclose(screen_key(black, clean, weight=None), alpha, atol=1e-5)


def test_the_grade_sets_black_and_white_point():
    clean = np.full((1, 3, 3), 0.2, np.float32)
    plate = clean * np.array([0.9, 0.7, 0.3], np.float32)[None, :, None]
    key = screen_key(plate, clean, weight=None, low=0.1, high=0.5)
    np.testing.assert_allclose(key[0], (0, 0.5, 1), atol=1e-5)


def test_the_grain_of_a_screen_darker_than_that_does_not_key():
    clean = np.full((1, 1, 3), 0.002, np.float32)
    assert screen_key(clean * 0.5, clean, weight=None)[0, 0] == pytest.approx(0.5)
    assert screen_key(clean * 0.5, clean, weight=None, darkest=0.1)[0, 0] == pytest.approx(0.01)


@pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: rival.name)
def test_knobs_are_the_best_for_the_whole_set(rival):
    rng = np.random.default_rng(3)
    tuner, shots = Tuner(rival), []
    for color in ((0.3, 0.25, 0.2), (0.02, 0.02, 0.02)):
        clean = np.broadcast_to(_GREEN, (80, 120, 3)) + rng.normal(0, 0.01, (80, 120, 3))
        alpha = _disc()
        shots.append((_over(color, alpha, clean).astype(np.float32), clean.astype(np.float32), alpha))
        tuner.add(*shots[-1])
    key, words = tuner.best()
    assert "black point" in words

    def quick(keyer):
        picked = [[picture[::4, ::4] for picture in shot] for shot in shots]
        return np.mean([mad(keyer(plate, clean), alpha) for plate, clean, alpha in picked])

    best = quick(key)
    assert best < 20
    for setting in rival.settings[:3]:
        for low, high in rival.grades[::7]:

            def other(plate, clean, setting=setting, low=low, high=high):
                return np.clip((rival.raw(plate, clean, **setting) - low) / (high - low), 0, 1)

            assert quick(other) >= best - 1e-3
