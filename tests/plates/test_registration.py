"""Registration: known motions are found to a part of a pixel; what cannot be is refused, with a reason."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from takes import Subject, Take, between, make_take, place

from howard_nodes.plates.registration import IDENTITY, Registration, prepare, refine, register

W, H = 320, 180


@cache
def room(seed: int) -> np.ndarray:
    return place(np.random.default_rng(seed), W, H, margin=0.15)


def errors(found: np.ndarray, truth: np.ndarray, size: tuple[int, int] = (W, H)) -> np.ndarray:
    """How far `found` puts the pixels of the fixed picture from where they belong."""
    x, y = np.meshgrid(np.linspace(0, size[0] - 1, 17), np.linspace(0, size[1] - 1, 10))
    points = np.stack([x.ravel(), y.ravel()], axis=1)[None]
    there = cv2.perspectiveTransform(points, np.linalg.inv(truth))
    return np.hypot(*(cv2.perspectiveTransform(there, found) - points)[0].T)


def handheld(seed: int, big: np.ndarray, **more) -> Take:
    usual = {"width": W, "height": H, "frames": 3, "motion": "handheld", "drift_px": 10.0}
    return make_take(np.random.default_rng(seed), big, **usual | more)


def refused(found: Registration) -> bool:
    return not found.trusted and bool(found.reason) and np.array_equal(found.homography, IDENTITY)


CASES = [
    # seed, cover, stops of the clean plate, white balance in stops, noise, blur of the clean plate
    pytest.param(2, 0.0, 0.0, 0.0, 0.0, 0.0, id="nothing in the way"),
    pytest.param(3, 0.6, 0.0, 0.0, 0.0, 0.0, id="subject on 60 %"),
    pytest.param(4, 0.3, 2.0, 0.5, 0.01, 0.0, id="two stops brighter, warmer, grain"),
    pytest.param(6, 0.2, 0.0, 0.0, 0.03, 0.0, id="much grain"),
    pytest.param(7, 0.3, 0.5, 0.0, 0.005, 1.5, id="clean plate out of focus"),
    pytest.param(8, 0.6, -2.0, 0.7, 0.02, 0.0, id="60 %, two stops, grain"),
]


@pytest.mark.parametrize(("seed", "cover", "stops", "white", "noise", "blur"), CASES)
def test_known_motions_are_found(seed, cover, stops, white, noise, blur):
    big = room(seed % 2)
    gain = tuple(float(2 ** (stops + tint)) for tint in (white, 0.0, -white))
    who = Subject(np.random.default_rng(seed), W, H, cover=cover, path="still", plain=0.4) if cover else None
    plate = handheld(seed, big, subject=who, noise=noise)
    clean = handheld(seed + 100, big, gain=gain, noise=noise, blur=blur, start=(9.0, -5.5))
    found = register(prepare(plate.plate(2)), prepare(clean.clean(1)))
    assert found.trusted, found.reason
    assert found.reason == ""
    off = errors(found.homography, plate.between(clean, 2, 1))
    assert np.median(off) <= 0.25
    assert np.quantile(off, 0.95) <= 0.75
    assert found.residual < 0.5
    assert found.inliers >= 8


@settings(max_examples=4, deadline=None, derandomize=True)
@given(
    st.floats(-0.15, 0.15),
    st.floats(0.85, 1.2),
    st.floats(-30, 30),
    st.floats(-20, 20),
    st.integers(0, 3),
)
def test_turned_zoomed_and_moved_pictures(angle, zoom, x, y, seed):
    """Any such motion is found, and backwards is its inverse."""
    big = room(seed)
    poses = np.eye(3), cv2.getRotationMatrix2D((W / 2, H / 2), np.degrees(angle), zoom)
    poses = poses[0], np.vstack([poses[1] + [[0, 0, x], [0, 0, y]], [0, 0, 1]])
    onto = np.array([[0.5, 0, -(big.shape[1] / 4 - W / 2)], [0, 0.5, -(big.shape[0] / 4 - H / 2)], [0, 0, 1]])
    homographies = [pose @ onto for pose in poses]
    one, other = (
        prepare(cv2.warpPerspective(big, pose, (W, H), flags=cv2.INTER_AREA)) for pose in homographies
    )
    there, back = register(other, one), register(one, other)
    assert there.trusted, there.reason
    assert back.trusted, back.reason
    assert np.quantile(errors(there.homography, between(homographies[1], homographies[0])), 0.95) < 0.5
    assert np.quantile(errors(there.homography, np.linalg.inv(back.homography)), 0.95) < 0.5


def test_a_picture_lies_on_itself():
    picture = handheld(1, room(1)).clean(0)
    found = register(prepare(picture), prepare(picture.copy()))
    assert found.trusted
    assert errors(found.homography, IDENTITY).max() < 1e-3
    assert found.residual < 1e-3


def test_grain_does_not_move_a_camera_that_stands():
    take = handheld(2, room(2), motion="static", noise=0.01)
    found = register(prepare(take.clean(0)), prepare(take.clean(1)))
    assert found.trusted
    assert errors(found.homography, IDENTITY).max() < 0.1


def picture_of(kind: str, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if kind == "black":
        return np.zeros((H, W, 3), np.float32)
    if kind == "grey":
        return np.full((H, W, 3), 0.18, np.float32)
    if kind == "soft wall":
        return handheld(seed, place(rng, W, H, kind="plain", margin=0.1)).clean(0)
    if kind == "soft wall with grain":
        return handheld(seed, place(rng, W, H, kind="plain", margin=0.1), noise=0.01).clean(0)
    if kind == "grain":
        return rng.uniform(0, 1, (H, W, 3)).astype(np.float32)
    if kind == "stripes":
        stripes = np.where(np.arange(W) % 16 < 8, 0.05, 0.6)[None, :, None]
        return np.broadcast_to(stripes, (H, W, 3)).astype(np.float32)
    picture = handheld(seed, room(seed % 4)).clean(0)
    return np.ascontiguousarray(picture[:, ::-1]) if kind == "mirrored" else picture


@pytest.mark.parametrize("kind", ["black", "grey", "soft wall", "soft wall with grain", "grain", "stripes"])
def test_pictures_without_texture_are_refused(kind):
    one, other = prepare(picture_of(kind, 1)), prepare(picture_of(kind, 2))
    found = register(one, other)
    assert refused(found)
    assert refused(register(one, prepare(picture_of("room", 1))))
    assert refused(register(prepare(picture_of("room", 1)), other))
    if kind in ("black", "grey"):
        assert "too little texture" in found.reason


@pytest.mark.parametrize(("seed", "other"), [(0, 1), (2, 3)])
def test_another_place_is_refused(seed, other):
    views = prepare(picture_of("room", seed)), prepare(picture_of("room", other))
    for initial in (None, IDENTITY):
        found = register(*views, initial=initial)
        assert refused(found)
        assert not np.isinf(found.spread)
    assert refused(refine(*views, IDENTITY))


@pytest.mark.parametrize("seed", [0, 1])
def test_a_mirrored_picture_is_refused(seed):
    found = register(prepare(picture_of("room", seed)), prepare(picture_of("mirrored", seed)))
    assert refused(found)


def test_a_picture_that_repeats_itself_is_found_right_or_not_at_all():
    big = place(np.random.default_rng(5), W, H, kind="repeating", margin=0.15)
    plate, clean = handheld(5, big), handheld(6, big, start=(7.0, 3.0))
    found = register(prepare(plate.clean(2)), prepare(clean.clean(1)))
    if found.trusted:
        assert np.median(errors(found.homography, plate.between(clean, 2, 1))) < 0.5


def test_texture_on_one_side_alone_is_not_trusted_with_the_other():
    """A poster at the left edge says nothing of what is a picture's width away: right, or refused."""
    for seed in range(2):
        take = handheld(seed, room(seed), drift_px=14.0)
        views, side = [], W // 5
        for i in (0, 2):
            picture = take.clean(i).copy()
            picture[:, side:] = 0.18
            views.append(prepare(picture))
        found = register(*views)
        if found.trusted:
            off = errors(found.homography, take.between(take, 0, 2))
            assert np.quantile(off, 0.95) <= 0.75


def test_what_is_said_to_be_subject_takes_no_part():
    """A crowd that moves as one would win by numbers; the background mask keeps it out."""
    big = room(1)
    crowd = handheld(11, room(2), frames=2, motion="static").clean(0)
    take = handheld(12, big, drift_px=12.0)
    inside = np.zeros((H, W), bool)
    inside[24:, 40:280] = True
    plate, clean = take.clean(0).copy(), take.clean(2).copy()
    plate[inside] = crowd[inside]
    clean[inside] = np.roll(crowd, (3, -4), (0, 1))[inside]
    found = register(prepare(plate), prepare(clean), background=1 - inside.astype(np.float32))
    assert found.trusted, found.reason
    assert np.median(errors(found.homography, take.between(take, 0, 2))) < 0.25


def test_a_guess_helps_where_features_are_few_and_does_no_harm_where_it_is_wrong():
    take = handheld(3, room(3), drift_px=12.0)
    one, other = prepare(take.clean(0)), prepare(take.clean(2))
    truth = take.between(take, 0, 2)
    near, wrong = truth.copy(), truth.copy()
    near[:2, 2] += 1.5
    wrong[:2, 2] += 90
    for guess in (near, wrong, np.full((3, 3), np.nan)):
        found = register(one, other, initial=guess)
        assert found.trusted, found.reason
        assert np.median(errors(found.homography, truth)) < 0.1
    # Blurred beyond what features see.
    soft = [prepare(cv2.GaussianBlur(take.clean(i), (0, 0), 4)) for i in (0, 2)]
    found = register(*soft, initial=near)
    assert found.trusted, found.reason
    assert np.median(errors(found.homography, truth)) < 0.25


def test_refine_makes_a_known_motion_exact():
    take = handheld(4, room(0), drift_px=12.0, noise=0.005)
    truth = take.between(take, 0, 2)
    near = truth.copy()
    near[:2, 2] += (0.8, -0.7)
    found = refine(prepare(take.clean(0)), prepare(take.clean(2)), near)
    assert found.trusted, found.reason
    assert np.quantile(errors(found.homography, truth), 0.95) < 0.1


def test_full_size_and_reduced_pictures_give_the_same_motion():
    """Homographies are in pixels of the full picture, whatever size was compared."""
    take = handheld(5, room(1), drift_px=10.0)
    big = [cv2.resize(take.clean(i), (4 * W, 4 * H), interpolation=cv2.INTER_CUBIC) for i in (0, 2)]
    enlarge = np.array([[4, 0, 1.5], [0, 4, 1.5], [0, 0, 1.0]])
    truth = enlarge @ take.between(take, 0, 2) @ np.linalg.inv(enlarge)
    found = register(*(prepare(np.maximum(picture, 0)) for picture in big))
    assert found.trusted, found.reason
    assert np.quantile(errors(found.homography, truth, (4 * W, 4 * H)), 0.95) < 0.75


def test_sizes_may_differ():
    take = handheld(6, room(2), motion="static")
    picture = take.clean(0)
    found = register(prepare(picture), prepare(np.ascontiguousarray(picture[15:165, 30:290])))
    assert found.trusted, found.reason
    assert errors(found.homography, np.array([[1, 0, 30], [0, 1, 15], [0, 0, 1.0]])).max() < 0.1


SIZES = [(1, 1), (1, 9), (3, 2), (8, 8), (17, 9), (63, 61), (401, 7), (7, 401), (1200, 3)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_tiny_and_odd_sizes_are_survived(width, height):
    picture = cv2.resize(picture_of("room", 1), (width, height), interpolation=cv2.INTER_AREA)
    picture = picture.reshape(height, width, 3)
    one, other = prepare(picture), prepare(np.roll(picture, 1, axis=1))
    for found in (register(one, other), register(one, other, initial=IDENTITY), refine(one, other, IDENTITY)):
        assert found.trusted != bool(found.reason)
        assert np.isfinite(found.homography).all()


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.integers(0, 10**6), st.integers(24, 90), st.integers(24, 90), st.floats(0, 3), st.floats(-3, 3))
def test_any_pictures_at_all(seed, width, height, smooth, stops):
    """Blobs, specks, highlights, light below zero: an answer, never an exception."""
    rng = np.random.default_rng(seed)
    pictures = []
    for _ in range(2):
        light = rng.standard_normal((height, width, 3)).astype(np.float32) * np.float32(2**stops)
        light *= rng.uniform(0, 1, (height, width, 1)) < rng.choice([0.01, 0.2, 1.0])
        pictures.append(light if smooth < 0.3 else cv2.GaussianBlur(light, (0, 0), smooth))
    views = [prepare(picture) for picture in pictures]
    background = (rng.uniform(0, 1, (height, width)) > 0.5).astype(np.float32)
    for found in (
        register(*views),
        register(*views, background=background, initial=IDENTITY),
        register(views[0], views[0]),
    ):
        assert found.trusted != bool(found.reason)
        assert np.isfinite(found.homography).all()
