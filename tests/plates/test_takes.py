"""The ground truth itself: what a take says of its motion is where things are."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from takes import Subject, make_take, place, place_from, psnr, sample

W, H = 240, 136


@pytest.mark.parametrize("kind", ["textured", "plain", "repeating", "dark"])
def test_a_place_has_the_light_of_a_photograph(kind: str) -> None:
    big = place(np.random.default_rng(1), W, H, kind=kind)
    assert big.dtype == np.float32
    assert big.shape[0] > 2 * H
    assert big.shape[1] > 2 * W
    assert 0.005 < np.median(big) < 0.25
    assert big.min() > 0
    assert big.max() <= 5
    if kind == "textured":
        assert big.max() > 2


def test_homographies_are_exact() -> None:
    """A dot of the place lies where the homography says, to a hundredth of a pixel."""
    big = np.full((500, 800, 3), 0.01, np.float32)
    y, x = np.mgrid[0:500, 0:800]
    dots = np.array([(300.25, 200.5), (411.7, 250.0), (380.0, 310.4), (500.5, 222.2)])
    for dx, dy in dots:
        big += np.exp(-((x - dx) ** 2 + (y - dy) ** 2) / (2 * 4.0**2))[..., None].astype(np.float32)
    take = make_take(
        np.random.default_rng(2), big, width=W, height=H, frames=5, motion="handheld", drift_px=12
    )
    for i in range(len(take)):
        light = take.clean(i)[..., 0] - 0.01
        for dot in dots:
            where = cv2.perspectiveTransform(dot[None, None], take.true_homography(i))[0, 0]
            px, py = np.round(where).astype(int)
            box = slice(py - 11, py + 12), slice(px - 11, px + 12)
            ys, xs = np.mgrid[box]
            weight = light[box]
            found = (weight * xs).sum() / weight.sum(), (weight * ys).sum() / weight.sum()
            assert np.hypot(found[0] - where[0], found[1] - where[1]) < 0.01


def test_two_takes_fit_by_the_homography_between_them() -> None:
    rng = np.random.default_rng(3)
    big = place(rng, W, H)
    a = make_take(rng, big, width=W, height=H, frames=4, motion="handheld", drift_px=15)
    b = make_take(rng, big, width=W, height=H, frames=4, motion="pan", drift_px=30, start=(3.3, -2.1))
    y, x = np.mgrid[0:H, 0:W].astype(np.float64)
    points = np.linalg.inv(a.between(b, 2, 1)) @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    bx, by = (points[0] / points[2]).reshape(H, W), (points[1] / points[2]).reshape(H, W)
    seen = (bx > 2) & (bx < W - 3) & (by > 2) & (by < H - 3)
    fitted = sample(b.truth(1), bx, by)
    assert seen.mean() > 0.7
    exact = psnr(np.clip(fitted, 0, 1), np.clip(a.truth(2), 0, 1), seen)
    off = psnr(np.clip(sample(b.truth(1), bx + 0.5, by), 0, 1), np.clip(a.truth(2), 0, 1), seen)
    assert exact > 38
    assert exact > off + 6


@pytest.mark.parametrize("cover", [0.15, 0.6])
def test_the_subject_covers_what_was_asked(cover: float) -> None:
    rng = np.random.default_rng(4)
    big = place(rng, W, H)
    who = Subject(rng, W, H, cover=cover, path="still", plain=0.5)
    take = make_take(rng, big, width=W, height=H, frames=2, subject=who, gain=(1.5, 1, 1), noise=0.01)
    assert abs(float(take.alpha(0).mean()) - cover) < 0.03
    empty = take.alpha(0) == 0
    np.testing.assert_allclose(take.plate(0)[empty], take.truth(0)[empty], atol=0.2)
    assert np.abs(take.plate(0) - take.plate(1)).max() > 0  # noise is new in every frame
    ratio = take.truth(0)[..., 0] / make_take(rng, big, width=W, height=H, frames=1).truth(0)[..., 0]
    np.testing.assert_allclose(ratio, 1.5, rtol=1e-4)


def test_near_things_and_lenses_leave_the_plane() -> None:
    picture = np.random.default_rng(5).uniform(0, 1, (200, 300, 3)).astype(np.float32)
    big = place_from(cv2.GaussianBlur(picture, (0, 0), 3), W, H)
    flat = make_take(np.random.default_rng(6), big, width=W, height=H, frames=3, motion="handheld")
    near = make_take(
        np.random.default_rng(6), big, width=W, height=H, frames=3, motion="handheld", parallax=0.5
    )
    bent = make_take(np.random.default_rng(6), big, width=W, height=H, frames=3, motion="handheld", lens=0.02)
    assert np.abs(near.truth(2) - flat.truth(2)).max() > 0.05
    assert np.abs(bent.truth(2) - flat.truth(2)).max() > 0.02
