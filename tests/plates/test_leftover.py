from __future__ import annotations

import cv2
import numpy as np
import pytest

from howard_nodes.errors import InputError
from howard_nodes.plates.leftover import find_leftovers, is_copy

HEIGHT, WIDTH = 180, 320
ALL = np.ones((HEIGHT, WIDTH), np.float32)


def texture(rng, contrast):
    stops = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for octave in range(1, 6):
        grid = rng.normal(size=(max(2, HEIGHT >> (7 - octave)), max(2, WIDTH >> (7 - octave)), 3))
        grid = 0.3 * grid + grid.mean(axis=2, keepdims=True)
        stops += (
            cv2.resize(grid.astype(np.float32), (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) * 0.8**octave
        )
    return np.exp2(contrast * stops - 2).astype(np.float32)


def place(rng):
    drawn = texture(rng, 0.4)
    for _ in range(8):
        x, y = rng.integers(WIDTH), rng.integers(HEIGHT)
        drawn[y : y + rng.integers(8, 90), x : x + rng.integers(8, 100)] *= np.exp2(rng.normal())
    return drawn


def figure(rng, x, size=1.0):
    """Draw a person's outline, soft, with the feet below the picture's lower border."""
    drawn = np.zeros((HEIGHT, WIDTH), np.uint8)
    height = size * 130
    cv2.ellipse(drawn, (int(x), HEIGHT), (int(height * 0.28), int(height * 0.75)), 0, 0, 360, 1, -1)
    cv2.circle(drawn, (int(x + rng.normal() * 4), int(HEIGHT - height * 0.85)), int(height * 0.15), 1, -1)
    return cv2.GaussianBlur(drawn.astype(np.float32), (0, 0), 0.8)


def clothes(rng):
    return texture(rng, 0.15) * np.exp2(rng.choice([-1.8, 1.8])).astype(np.float32)


def over(mask, subject, background):
    return subject * mask[..., None] + background * (1 - mask[..., None])


def grainy(rng, light, grain=0.01):
    noise = rng.normal(size=light.shape).astype(np.float32) * grain * np.sqrt(light)
    return np.maximum(light + noise, 0).astype(np.float32)


def coarse(rng, *masks):
    """Make what a network finds at low resolution: rough and soft."""
    rough = cv2.resize(rng.normal(size=(15, 27)).astype(np.float32), (WIDTH, HEIGHT)) * 0.15
    union = np.maximum.reduce(masks)
    near = cv2.GaussianBlur(union, (0, 0), 2.5)
    return np.clip(near + rough * (near > 0.05), 0, 1).astype(np.float32)


def scene(seed, who):
    """Plate, clean plate, coarse matte and the masks of a figure in the plate and one in the clean plate."""
    rng = np.random.default_rng(seed)
    empty = place(rng)
    first, second = figure(rng, rng.uniform(50, 120)), figure(rng, rng.uniform(210, 280), rng.uniform(0.5, 1))
    moved = cv2.warpAffine(empty, np.float32([[1, 0, 0.4], [0, 1, -0.3]]), (WIDTH, HEIGHT), borderMode=1)
    plate, clean, masks = moved, empty, []
    if who in ("plate", "both"):
        plate, masks = over(first, clothes(rng), plate), [*masks, first]
    if who in ("clean", "both"):
        clean, masks = over(second, clothes(rng), clean), [*masks, second]
    return grainy(rng, plate), grainy(rng, clean), coarse(rng, *masks), second


@pytest.mark.parametrize("who", ["clean", "both"])
def test_a_figure_in_the_clean_plate_is_found_where_it_stands(who):
    found = 0
    for seed in range(25):
        plate, clean, matte, mask = scene(seed, who)
        leftovers = find_leftovers(plate, clean, matte, ALL)
        if not leftovers:
            continue
        found += 1
        first = leftovers[0]
        assert len(leftovers) == 1
        assert 0.5 <= first.confidence <= 1
        assert first.share == pytest.approx(mask.mean(), rel=0.4)
        assert mask[first.y + first.height // 2, first.x + first.width // 2] > 0.5
        x, _, width, _ = cv2.boundingRect((mask > 0.5).astype(np.uint8))
        assert abs(first.x - x) < 12
        assert abs(first.width - width) < 20
    assert found >= 23


def test_a_figure_in_the_plate_is_no_leftover():
    assert [seed for seed in range(60) if find_leftovers(*scene(seed, "plate")[:3], ALL)] == []


def test_a_shadow_in_the_plate_and_a_wrong_matte_are_no_leftovers():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        empty, mask = place(rng), figure(rng, 160)
        shaded = empty * (1 - 0.5 * cv2.GaussianBlur(mask, (0, 0), 3.0))[..., None]
        matte = coarse(rng, mask)
        assert find_leftovers(grainy(rng, shaded), grainy(rng, empty), matte, ALL) == ()
        assert find_leftovers(grainy(rng, empty), grainy(rng, empty), matte, ALL) == ()


def test_a_subject_that_moved_a_little_is_found_more_often_than_not():
    found = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        empty, worn = place(rng), clothes(rng)
        here, there = figure(rng, 120), figure(rng, 175)
        plate, clean = over(here, worn, empty), over(there, worn, empty)
        different = np.abs(np.log2(plate / clean)).max(axis=2) > 0.3
        matte = coarse(rng, np.maximum(here, there)) * cv2.blur(different.astype(np.float32), (5, 5))
        found += bool(find_leftovers(grainy(rng, plate), grainy(rng, clean), matte, ALL))
    assert found >= 12


def test_boxes_are_in_pixels_of_the_pictures_given():
    plate, clean, matte, mask = scene(1, "clean")
    large = [
        cv2.resize(picture, (1280, 720), interpolation=cv2.INTER_CUBIC) for picture in (plate, clean, matte)
    ]
    small = find_leftovers(plate, clean, matte, ALL)[0]
    found = find_leftovers(*large, np.ones((720, 1280), np.float32))[0]
    assert found.x == pytest.approx(4 * small.x, abs=24)
    assert found.width == pytest.approx(4 * small.width, abs=40)
    assert found.y + found.height <= 720
    assert found.share == pytest.approx(mask.mean(), rel=0.4)


def test_what_lies_outside_the_clean_plate_is_no_leftover():
    plate, _, _, mask = scene(2, "plate")
    clean, valid = plate.copy(), ALL.copy()
    clean[:, 200:], valid[:, 200:] = 0.2, 0
    matte = (1 - valid).astype(np.float32)
    assert find_leftovers(plate, clean, matte, valid) == ()
    assert find_leftovers(plate, clean, np.zeros_like(mask), valid) == ()


def test_odd_pixels_are_survived():
    plate, clean, matte, _ = scene(3, "clean")
    plate[10:20, 10:20], clean[50:60, 50:60] = np.nan, np.inf
    assert len(find_leftovers(plate, clean, matte, ALL)) == 1
    assert not is_copy(plate, clean)


@pytest.mark.parametrize("who", ["plate", "clean", "both"])
def test_different_pictures_are_no_copies(who):
    for seed in range(10):
        plate, clean, _, _ = scene(seed, who)
        assert not is_copy(plate, clean)


def test_a_frame_and_its_half_float_are_copies():
    for seed in range(5):
        plate, _, _, _ = scene(seed, "plate")
        assert is_copy(plate, plate)
        assert is_copy(plate, plate.astype(np.float16).astype(np.float32))


def test_two_exposures_of_one_still_scene_are_no_copies():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        still = over(figure(rng, 150), clothes(rng), place(rng))
        for grain in (0.004, 0.02):
            assert not is_copy(grainy(rng, still, grain), grainy(rng, still, grain))


def test_black_pictures_are_copies_of_nothing():
    black = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    assert not is_copy(black, black.copy())


def test_shapes_must_agree():
    picture = np.ones((HEIGHT, WIDTH, 3), np.float32)
    with pytest.raises(InputError, match="clean plate"):
        find_leftovers(picture, picture[:9], ALL, ALL)
    with pytest.raises(InputError, match="matte"):
        find_leftovers(picture, picture, ALL[:9], ALL)
    with pytest.raises(InputError, match="validity"):
        find_leftovers(picture, picture, ALL, ALL[:9])
    with pytest.raises(InputError, match="clean plate"):
        is_copy(picture, picture[:9])
