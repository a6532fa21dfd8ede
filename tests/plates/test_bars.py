"""Bars around pictures are found; what is only dark, plain or empty is not taken for them."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from takes import Subject, make_take, place

from howard_nodes.plates.bars import Bars, find_bars

W, H = 240, 136


def pictures(light: float = 1.0, grain: float = 0.004) -> list[np.ndarray]:
    """Four frames of a take from a hand, with somebody who walks through."""
    return [(plate * np.float32(light)).astype(np.float32) for plate in plates(grain)]


@cache
def plates(grain: float) -> list[np.ndarray]:
    big = place(np.random.default_rng(3), W, H, margin=0.2)
    who = Subject(np.random.default_rng(4), W, H, cover=0.2, path="across")
    more = {"motion": "handheld", "drift_px": 6.0, "noise": grain, "subject": who}
    take = make_take(np.random.default_rng(5), big, width=W, height=H, frames=4, **more)
    return [take.plate(i) for i in range(4)]


def barred(picture: np.ndarray, counts: tuple[int, int, int, int], color: float = 0.0) -> np.ndarray:
    out = picture.copy()
    top, bottom, left, right = counts
    out[:top], out[:, :left] = color, color
    out[H - bottom :], out[:, W - right :] = color, color
    return out


def stored(picture: np.ndarray, quality: int) -> np.ndarray:
    """As a codec of 8 bits leaves it."""
    light = np.clip(picture, 0, 1)
    code = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-6) ** (1 / 2.4) - 0.055)
    _, data = cv2.imencode(".jpg", np.round(255 * code).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])
    seen = cv2.imdecode(data, cv2.IMREAD_COLOR) / np.float32(255)
    return np.where(seen < 0.04045, seen / 12.92, ((seen + 0.055) / 1.055) ** 2.4).astype(np.float32)


@pytest.mark.parametrize("light", [1.0, 2.0**-5], ids=["day", "night"])
@pytest.mark.parametrize("color", [0.0, 0.18, 1.0])
@pytest.mark.parametrize(
    "counts", [(17, 17, 0, 0), (0, 0, 40, 40), (9, 0, 0, 0), (12, 15, 30, 28), (0, 0, 0, 1)]
)
def test_bars_are_found_to_the_line(counts, color: float, light: float) -> None:
    found = find_bars([barred(picture, counts, color) for picture in pictures(light)])
    assert found is not None
    assert found.counts == counts
    assert all(found.still_there(barred(picture, counts, color)) for picture in pictures(light))


@pytest.mark.parametrize("quality", [95, 75])
@pytest.mark.parametrize("counts", [(17, 17, 0, 0), (0, 0, 40, 43)])
def test_bars_that_a_codec_has_touched_are_found(counts, quality: int) -> None:
    frames = [stored(barred(picture, counts), quality) for picture in pictures()]
    found = find_bars(frames)
    assert found is not None
    assert np.abs(np.subtract(found.counts, counts)).max() <= 1
    assert all(map(found.still_there, frames))


def test_noise_in_bars_does_not_hide_them() -> None:
    rng = np.random.default_rng(6)
    counts = (17, 17, 0, 0)
    frames = [barred(picture, counts) for picture in pictures()]
    found = find_bars([(f + rng.normal(0, 0.0005, f.shape)).astype(np.float32) for f in frames])
    assert found is not None
    assert found.counts == counts


@pytest.mark.parametrize("light", [1.0, 2.0**-5, 2.0**-8])
def test_a_night_plate_has_no_bars(light: float) -> None:
    assert find_bars(pictures(light)) is None
    # Crushed: much of it is exactly black.
    assert (
        find_bars([np.maximum(picture - np.float32(0.1 * light), 0) for picture in pictures(light)]) is None
    )


def test_a_night_sky_over_roofs_is_no_bar() -> None:
    roofs = np.random.default_rng(7).integers(20, 60, W // 8)
    frames = pictures()
    for picture in frames:
        for place_, roof in enumerate(roofs):
            picture[:roof, 8 * place_ : 8 * place_ + 8] = 0
    assert find_bars(frames) is None


def test_a_subject_before_black_has_no_bars() -> None:
    y, x = np.mgrid[0:H, 0:W]
    frames = []
    for step in range(4):
        inside = np.hypot((x - 90 - 20 * step) / 30, (y - 80) / 60) < 1
        frames.append((inside[..., None] * pictures()[step]).astype(np.float32))
    assert find_bars(frames) is None


@pytest.mark.parametrize("frame", [np.zeros((H, W, 3), np.float32), np.full((H, W, 3), 0.2, np.float32)])
def test_a_picture_of_one_colour_has_no_bars(frame: np.ndarray) -> None:
    assert find_bars([frame] * 3) is None


def test_a_black_leader_says_nothing() -> None:
    counts = (17, 17, 0, 0)
    leader = np.zeros((H, W, 3), np.float32)
    found = find_bars([leader, *(barred(picture, counts) for picture in pictures())])
    assert found is not None
    assert found.counts == counts


def test_a_wall_that_the_other_take_shows_is_no_bar() -> None:
    wall = [barred(picture, (40, 0, 0, 0), 0.3) for picture in pictures()]
    seen = find_bars(wall[:1])
    assert seen is not None
    assert seen.without_what(wall) is None
    assert seen.without_what(pictures()) is not None
    # Both have it: it is a bar.
    assert seen.without_what(wall, find_bars(wall)) is not None


def test_a_frame_that_shows_something_in_a_bar_has_none() -> None:
    counts = (30, 0, 0, 0)
    frames = [barred(picture, counts) for picture in pictures()]
    found = find_bars(frames)
    assert found is not None
    frames[2][10:30, 100:130] = 0.4
    assert not found.still_there(frames[2])


def test_where_nothing_is_needed_nothing_is_missing() -> None:
    bars = Bars((10, 0, 0, 0), ((0.1,) * 3,) * 4, 5e-4, soft=False)
    valid = bars.mask(H, W)
    assert bars.needed(valid) is None
    valid[:, :12] = 0
    needed = bars.needed(valid)
    assert needed is not None
    assert (needed[:, :12] == 0).all()
    assert (needed[:, 12:] == 1).all()
    assert bars.needed(None) is None
