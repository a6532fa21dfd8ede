"""Parts of a place that moved: the clean plate follows them, and never a subject."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from howard_nodes.description.job import Job
from howard_nodes.frames import read_frame, write_image
from howard_nodes.node import HowardMatte
from howard_nodes.plates.fitted import Fitted
from howard_nodes.plates.moved import follow_moved_parts
from howard_nodes.shot.run import run

HEIGHT, WIDTH = 270, 480
PART = np.s_[60:200, 60:220]
WELL_INSIDE = np.s_[85:175, 85:195]
SUBJECT = np.s_[40:230, 300:400]
WELL_WITHIN = np.s_[60:210, 320:380]


def texture(seed: int, fine: float = 3.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rough = cv2.GaussianBlur(rng.standard_normal((HEIGHT, WIDTH, 3)).astype(np.float32), (0, 0), fine)
    return 0.2 * np.exp(0.5 * rough / rough.std())


def grain(picture: np.ndarray, seed: int, amount: float = 0.004) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (picture + amount * rng.standard_normal(picture.shape)).astype(np.float32)


def moved(place: np.ndarray, x: float, y: float) -> np.ndarray:
    """Show the place with a part of it shifted, softly let in."""
    there = cv2.warpAffine(
        place, np.array([[1.0, 0, x], [0, 1, y]]), (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT
    )
    weight = np.zeros((HEIGHT, WIDTH), np.float32)
    weight[PART] = 1.0
    return place + cv2.GaussianBlur(weight, (0, 0), 5)[..., None] * (there - place)


def off(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).mean())


@settings(max_examples=12, deadline=None)
@given(
    x=st.floats(-5, 5).filter(lambda x: abs(x) > 1.5),
    y=st.floats(-4, 4),
    stops=st.floats(-6, 4),
    seed=st.integers(0, 99),
)
@example(x=5.0, y=4.0, stops=0.0, seed=59)  # moved by twice the size of what is seen in it
def test_a_part_that_moved_is_followed_in_any_light(x, y, stops, seed):
    place = texture(seed) * np.float32(2.0**stops)
    shown = moved(place, x, y)
    plate, clean = (grain(picture, seed + n, 0.004 * 2.0**stops) for n, picture in enumerate((shown, place)))
    followed = follow_moved_parts(plate, Fitted(clean, None)).clean
    before, after = (
        off(plate[WELL_INSIDE], clean[WELL_INSIDE]),
        off(plate[WELL_INSIDE], followed[WELL_INSIDE]),
    )
    assert after < 0.3 * before
    assert followed.dtype == np.float32
    # Elsewhere not a bit changes.
    np.testing.assert_array_equal(followed[:, 260:], clean[:, 260:])


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 99), fine=st.floats(1.5, 12), amount=st.floats(0.0, 0.03))
def test_what_stood_still_is_the_very_same(seed, fine, amount):
    place = texture(seed, fine)
    given_plate = Fitted(grain(place, 1, amount), None)
    plate = grain(place, 2, amount)
    plate[SUBJECT] = texture(seed + 1, fine)[SUBJECT] * np.float32([1.5, 0.7, 0.5])
    assert follow_moved_parts(plate, given_plate) is given_plate


def test_a_subject_in_front_of_what_moved_is_not_taken_for_the_place():
    place = texture(1)
    plate = grain(moved(place, 4, -2), 2)
    plate[SUBJECT] = texture(5, 4.0)[SUBJECT] * np.float32([1.5, 0.7, 0.5])
    clean = grain(place, 3)
    followed = follow_moved_parts(plate, Fitted(clean, None)).clean
    np.testing.assert_array_equal(followed[WELL_WITHIN], clean[WELL_WITHIN])
    assert off(plate[WELL_INSIDE], followed[WELL_INSIDE]) < 0.3 * off(plate[WELL_INSIDE], clean[WELL_INSIDE])


def test_a_plain_subject_beside_something_of_its_colour_is_not_taken_for_it():
    place = texture(1)
    place[SUBJECT] = (0.3, 0.3, 0.35)  # a plain wardrobe, and a plain coat four pixels beside it
    plate = place.copy()
    plate[40:230, 396:430] = (0.3, 0.3, 0.35)
    clean = grain(place, 3)
    followed = follow_moved_parts(grain(plate, 2), Fitted(clean, None)).clean
    np.testing.assert_array_equal(followed[60:210, 412:424], clean[60:210, 412:424])


def test_light_above_one_is_kept_and_none_falls_below_zero():
    place = texture(2)
    place[100:110, 100:110] = 40.0
    place[120:124, 120:160] = 0.0
    followed = follow_moved_parts(moved(place, 3, 2).astype(np.float32), Fitted(place, None)).clean
    assert followed.min() >= 0.0
    np.testing.assert_allclose(followed[104:108, 105:111], 40.0, rtol=0.1)


def test_what_was_filled_is_left_alone():
    place = texture(3)
    valid = np.ones((HEIGHT, WIDTH), np.float32)
    valid[:, :240] = 0.0
    given_plate = Fitted(grain(place, 1), valid)
    assert follow_moved_parts(grain(moved(place, 4, 2), 2), given_plate) is given_plate


def test_any_number_of_threads_gives_the_same_bits():
    place, threads = texture(4), cv2.getNumThreads()
    plate, given_plate = grain(moved(place, -3, 2), 1), Fitted(grain(place, 2), None)
    try:
        made = []
        for count in (1, 2, 5):
            cv2.setNumThreads(count)
            made.append(follow_moved_parts(plate, given_plate).clean.tobytes())
    finally:
        cv2.setNumThreads(threads)
    assert len(set(made)) == 1


def test_a_picture_too_small_to_follow_anything_is_left_alone():
    given_plate = Fitted(np.ones((8, 8, 3), np.float32), None)
    assert follow_moved_parts(np.zeros((8, 8, 3), np.float32), given_plate) is given_plate


def test_black_plates_are_no_trouble():
    given_plate = Fitted(np.zeros((HEIGHT, WIDTH, 3), np.float32), None)
    assert follow_moved_parts(np.zeros((HEIGHT, WIDTH, 3), np.float32), given_plate) is given_plate


def test_each_frame_of_a_shot_follows_what_moved_in_it(tmp_path: Path, random_weights: Path) -> None:
    place = texture(7)
    write_image(tmp_path / "c.exr", grain(place, 3), "RGB", depth="float", colorspace="lin_rec709_scene")
    for number in range(1, 5):
        plate = grain(moved(place, 1.5 * number, 2), number)
        write_image(tmp_path / f"p.{number}.exr", plate, "RGB", depth="float", colorspace="lin_rec709_scene")
    shot = Job(
        plate=str(tmp_path / "p.#.exr"),
        clean_plate=str(tmp_path / "c.exr"),
        output=str(tmp_path / "all.#.exr"),
        weights=str(random_weights),
        device="cpu",
        report=str(tmp_path / "fit.json"),
        layers=("alpha", "foreground", "clean"),
    )
    run(shot, lambda _: None)
    for number in range(1, 5):
        alone = replace(
            shot, output=str(tmp_path / "one.#.exr"), frames=str(number), fit=shot.report, report=None
        )
        run(alone, lambda _: None)
        one, among = (read_frame(tmp_path / f"{name}.{number}.exr", layer="alpha") for name in ("one", "all"))
        np.testing.assert_array_equal(one.pixels, among.pixels)


@pytest.mark.parametrize(
    ("align", "follows"), [("auto", True), ("flow", True), ("homography", False), ("off", False)]
)
def test_a_matte_shows_no_part_that_moved(align, follows):
    place = texture(6)
    plate = grain(moved(place, 5, 3), 2)
    plate[SUBJECT] = texture(9, 20.0)[SUBJECT] * np.float32([4.0, 1.0, 0.3])
    inputs = {"plate": plate, "clean_plate": grain(place, 3)}
    fitted = HowardMatte(align=align).evaluate(1001, inputs)["fitted_clean_plate"]
    better = off(plate[WELL_INSIDE], fitted[WELL_INSIDE]) < 0.4 * off(plate[WELL_INSIDE], place[WELL_INSIDE])
    assert better == follows
