"""The residual flow: lens and parallax are followed, what a homography explains is left to it."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from takes import Take, make_take, place

from howard_nodes.plates.flow import MOST_FLOW, residual_flow
from howard_nodes.plates.registration import IDENTITY, prepare, register
from howard_nodes.plates.warp import warp

W, H = 320, 180
LENS = 0.015


@cache
def room(seed: int) -> np.ndarray:
    return place(np.random.default_rng(seed), W, H, margin=0.1)


def handheld(seed: int, **more) -> Take:
    usual = {"width": W, "height": H, "frames": 3, "motion": "handheld", "drift_px": 10.0}
    return make_take(np.random.default_rng(seed + 9), room(seed % 2), **usual | more)


def bent(seed: int, **more) -> tuple[Take, Take]:
    """A plate through a lens that bends, a clean plate through one that does not."""
    return handheld(seed, lens=LENS, **more), handheld(seed, **more)


def looked_up(homography: np.ndarray, flow: np.ndarray | None) -> np.ndarray:
    """Where each pixel of the plate comes from in the clean plate, H W 2."""
    y, x = np.mgrid[0:H, 0:W].astype(np.float32)
    moved, _ = warp(np.dstack([x, y]), homography, (W, H), flow=flow)
    return moved


def true_lookup(plate: Take, clean: Take, i: int, j: int) -> np.ndarray:
    y, x = np.mgrid[0:H, 0:W].astype(np.float64)
    cx, cy = (W - 1) / 2, (H - 1) / 2
    bend = 1 + plate.lens * ((x - cx) ** 2 + (y - cy) ** 2) / (cx**2 + cy**2)
    points = np.stack([cx + (x - cx) * bend, cy + (y - cy) * bend], axis=-1).reshape(1, -1, 2)
    return cv2.perspectiveTransform(points, np.linalg.inv(plate.between(clean, i, j))).reshape(H, W, 2)


def apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Difference as eyes and network see it: highlights do not outweigh all else."""
    return np.abs(np.sqrt(one) - np.sqrt(other))


def inner(valid: np.ndarray) -> np.ndarray:
    framed = cv2.copyMakeBorder(valid, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0.0)
    return cv2.erode(framed, np.ones((17, 17)))[1:-1, 1:-1] > 0


@pytest.mark.parametrize("seed", [0, 1])
def test_a_lens_is_followed(seed):
    plate, clean = bent(seed)
    light, other = plate.clean(0), clean.clean(2)
    one, two = prepare(light), prepare(other)
    found = register(one, two)
    assert found.trusted, found.reason
    made = residual_flow(one, two, found.homography)
    assert made is not None
    flow, without, within = made
    assert flow.dtype == np.float32
    assert flow.shape[2] == 2
    assert within < 0.5 * without
    flat, valid = warp(other, found.homography, (W, H))
    followed, also = warp(other, found.homography, (W, H), flow=flow)
    seen = inner(valid * also)
    assert apart(followed, light)[seen].mean() < 0.7 * apart(flat, light)[seen].mean()
    truth = true_lookup(plate, clean, 0, 2)
    before = np.hypot(*(looked_up(found.homography, None) - truth)[seen].T)
    after = np.hypot(*(looked_up(found.homography, flow) - truth)[seen].T)
    assert np.median(after) < 0.15
    assert np.quantile(after, 0.95) < min(0.6, np.quantile(before, 0.95))


@pytest.mark.parametrize("noise", [0.0, 0.02])
@pytest.mark.parametrize("motion", ["static", "handheld"])
def test_a_plane_needs_none(motion, noise):
    take = handheld(1, motion=motion, noise=noise)
    one, two = prepare(take.clean(0)), prepare(take.clean(2))
    assert residual_flow(one, two, register(one, two).homography) is None


def test_near_things_are_followed():
    """Parallax of 30 % of a 14 pixel drift, half as much in the picture as in HD."""
    width, height = 480, 270
    big = place(np.random.default_rng(2), width, height, margin=0.1)
    take = make_take(
        np.random.default_rng(11),
        big,
        width=width,
        height=height,
        frames=3,
        motion="handheld",
        drift_px=14,
        parallax=0.3,
    )
    light, other = take.clean(0), take.clean(2)
    one, two = prepare(light), prepare(other)
    found = register(one, two)
    assert found.trusted, found.reason
    made = residual_flow(one, two, found.homography)
    assert made is not None
    flat, valid = warp(other, found.homography, (width, height))
    followed, also = warp(other, found.homography, (width, height), flow=made[0])
    seen = inner(valid * also)
    assert made[2] < 0.8 * made[1]
    assert apart(followed, light)[seen].mean() < apart(flat, light)[seen].mean()


def test_it_is_bounded():
    """However wrong the homography is: the flow is for what is left, not for finding a place."""
    take = handheld(1, drift_px=25.0)
    one, two = prepare(take.clean(0)), prepare(take.clean(2))
    made = residual_flow(one, two, IDENTITY)
    for flow in [] if made is None else [made[0]]:
        assert np.hypot(flow[..., 0], flow[..., 1]).max() <= MOST_FLOW * W * 1.001
    plate, clean = bent(2)
    off = plate.between(clean, 0, 2)
    off[:2, 2] += 7
    made = residual_flow(prepare(plate.clean(0)), prepare(clean.clean(2)), off)
    for flow in [] if made is None else [made[0]]:
        assert np.hypot(flow[..., 0], flow[..., 1]).max() <= MOST_FLOW * W * 1.001


def garbage(seed: int, light: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """A subject: another place's picture, or the clean plate itself moved, where `inside` is."""
    other = np.roll(light, (4, 5), (0, 1)) if seed == 0 else handheld(seed, motion="static").clean(0)
    return np.where(inside[..., None], other, light)


def test_it_is_blind_under_the_subject():
    """What stands there does not bend the background, nor a background that needs no bending."""
    inside = np.zeros((H, W), bool)
    inside[32:, 96:224] = True
    background = 1 - cv2.dilate(inside.astype(np.float32), np.ones((13, 13)))
    plate, clean = bent(3)
    light, two = plate.clean(0), prepare(clean.clean(2))
    homography = register(prepare(light), two).homography
    truth = true_lookup(plate, clean, 0, 2)
    _, valid = warp(light, homography, (W, H))
    seen = inner(valid) & (background > 0)
    flows = []
    for seed in (0, 1):
        made = residual_flow(prepare(garbage(seed, light, inside)), two, homography, background)
        assert made is not None
        off = np.hypot(*(looked_up(homography, made[0]) - truth)[seen].T)
        assert np.median(off) < 0.2
        flows.append(cv2.resize(made[0], (W, H), interpolation=cv2.INTER_CUBIC))
    apart = np.hypot(*(flows[0] - flows[1]).transpose(2, 0, 1))
    assert np.quantile(apart[seen], 0.95) < 0.3
    assert apart.max() < 2.0
    take = handheld(3)
    light, two = take.clean(0), prepare(take.clean(2))
    homography = register(prepare(light), two).homography
    for seed in (0, 1):
        assert residual_flow(prepare(garbage(seed, light, inside)), two, homography, background) is None


@pytest.mark.parametrize("size", [(1, 1), (9, 5), (64, 48)])
def test_pictures_without_anything_to_follow_give_none(size):
    width, height = size
    picture = np.random.default_rng(1).uniform(0, 1, (height, width, 3)).astype(np.float32)
    views = prepare(picture), prepare(np.zeros_like(picture))
    assert residual_flow(*views, IDENTITY) is None
    assert residual_flow(*views[::-1], IDENTITY) is None
    everything, nothing = np.ones((height, width), np.float32), np.zeros((height, width), np.float32)
    assert residual_flow(views[0], views[0], IDENTITY, everything) is None
    assert residual_flow(views[0], views[0], IDENTITY, nothing) is None
