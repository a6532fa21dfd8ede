from __future__ import annotations

import math
import time

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from howard_nodes.color import BRIGHTEST_KEY, DARKEST_KEY, auto_exposure


def scene(key: float, height: int = 270, width: int = 480, contrast: float = 1.0) -> NDArray[np.float32]:
    """Make soft shapes, log-normal around a key."""
    rng = np.random.default_rng(11)
    coarse = cv2.resize(
        rng.normal(size=(9, 16)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    light = key * 2.0 ** (contrast * (coarse - np.median(coarse)))
    tint = np.float32([1.05, 1.0, 0.85])
    return (light[..., None] * tint).astype(np.float32)


@pytest.mark.parametrize("key", [0.025, 0.05, 0.18, 0.3, 0.45])
def test_normal_pictures_are_left_alone(key: float) -> None:
    assert auto_exposure(scene(key), scene(key)) == 0.0


def test_dark_pictures_are_lifted_to_the_edge_of_normal() -> None:
    assert auto_exposure(scene(0.001), scene(0.001)) == pytest.approx(
        math.log2(DARKEST_KEY / 0.001), abs=0.15
    )


def test_bright_pictures_are_brought_down_to_the_edge_of_normal() -> None:
    assert auto_exposure(scene(20.0), scene(20.0)) == pytest.approx(math.log2(BRIGHTEST_KEY / 20.0), abs=0.15)


def test_lift_ends_at_8_stops() -> None:
    assert auto_exposure(scene(1e-7), scene(1e-7)) == 8.0


@settings(max_examples=60)
@given(stop=st.floats(-14.0, 8.0), step=st.floats(0.0, 0.25))
def test_changes_continuously_with_the_light(stop: float, step: float) -> None:
    picture = scene(0.18, 54, 96)
    first = auto_exposure(picture * np.float32(2.0**stop), picture * np.float32(2.0**stop))
    second = auto_exposure(
        picture * np.float32(2.0 ** (stop + step)), picture * np.float32(2.0 ** (stop + step))
    )
    assert -1e-3 <= first - second <= step + 1e-3


@pytest.mark.parametrize("value", [0.0, 1e-4, 1000.0])
def test_a_region_black_or_blown_out_does_not_count(value: float) -> None:
    for key in (0.001, 0.18, 20.0):
        picture = scene(key)
        spoiled = picture.copy()
        spoiled[:100, :150] = value  # an eighth of it
        assert auto_exposure(spoiled, picture) == pytest.approx(auto_exposure(picture, picture), abs=0.35)
    assert auto_exposure(spoiled * np.float32(0.18 / 20), spoiled * np.float32(0.18 / 20)) == 0.0


def test_letterbox_does_not_count() -> None:
    picture = scene(0.001)
    boxed = picture.copy()
    boxed[:40] = boxed[-40:] = 0.0
    assert auto_exposure(boxed, boxed) == pytest.approx(auto_exposure(picture, picture), abs=0.2)


def test_plate_and_clean_plate_count_jointly() -> None:
    dark, normal = scene(0.0005), scene(0.18)
    both = auto_exposure(dark, normal)
    assert both == auto_exposure(normal, dark)
    assert 0.0 <= both < auto_exposure(dark, dark)


@pytest.mark.parametrize("key", [0.002, 8.0])
def test_nearly_the_same_at_any_resolution(key: float) -> None:
    large = scene(key, 1080, 1920)
    values = [
        auto_exposure(small, small)
        for small in (large, cv2.resize(large, (960, 540), interpolation=cv2.INTER_AREA), large[::7, ::7])
    ]
    assert max(values) - min(values) < 0.03
    assert abs(values[0]) > 2


def test_grain_does_not_change_it() -> None:
    clean = scene(0.004, 540, 960)
    noisy = clean + np.random.default_rng(3).normal(0.0, 0.002, clean.shape).astype(np.float32)
    assert auto_exposure(noisy, noisy) == pytest.approx(auto_exposure(clean, clean), abs=0.15)


def test_is_deterministic_and_takes_tensors_and_views() -> None:
    picture = scene(0.002)
    first = auto_exposure(picture, picture)
    assert first == auto_exposure(picture.copy(), picture.copy())
    assert first == auto_exposure(torch.from_numpy(picture), torch.from_numpy(picture))
    assert first == auto_exposure(np.asfortranarray(picture), picture)


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 500, 3), (500, 2, 3), (0, 0, 3)])
def test_small_black_and_empty_pictures(shape: tuple[int, int, int]) -> None:
    assert auto_exposure(np.full(shape, 0.2, np.float32), np.full(shape, 0.2, np.float32)) == 0.0
    assert auto_exposure(np.zeros(shape, np.float32), np.zeros(shape, np.float32)) == 0.0


def test_is_cheap_at_full_hd() -> None:
    """A few milliseconds; the bound leaves room for a busy machine."""
    picture = scene(0.18, 1080, 1920)
    best = math.inf
    for _ in range(10):
        start = time.perf_counter()
        auto_exposure(picture, picture)
        best = min(best, time.perf_counter() - start)
    assert best < 0.02
