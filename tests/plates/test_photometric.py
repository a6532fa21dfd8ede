from __future__ import annotations

import cv2
import numpy as np
import pytest

from howard_nodes.errors import InputError
from howard_nodes.plates.light_left import find_light_left
from howard_nodes.plates.photometric import ExposureMatch, match_exposure

HEIGHT, WIDTH = 180, 320


def place(rng, height=HEIGHT, width=WIDTH, contrast=0.6):
    """Draw a textured place in scene-linear light around 0.25, with detail of several sizes and edges."""
    stops = np.zeros((height, width, 3), np.float32)
    for octave in range(1, 6):
        grid = rng.normal(size=(max(2, height >> (7 - octave)), max(2, width >> (7 - octave)), 3))
        grid = 0.3 * grid + grid.mean(axis=2, keepdims=True)
        stops += (
            cv2.resize(grid.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC) * 0.8**octave
        )
    for _ in range(12):
        x, y = rng.integers(width), rng.integers(height)
        stops[y : y + rng.integers(8, height // 2), x : x + rng.integers(8, width // 3)] += rng.normal()
    return np.exp2(contrast * stops - 2).astype(np.float32)


def subject(rng, share, height=HEIGHT, width=WIDTH):
    """Draw a soft silhouette of ellipses that stands together and covers about that share of the picture."""
    drawn = np.zeros((height, width), np.uint8)
    while drawn.mean() < share:
        size = np.sqrt(share * width * height)
        x, y = width * 0.5 + rng.normal() * size * 0.45, height * 0.6 + rng.normal() * size * 0.4
        axes = (int(size * rng.uniform(0.1, 0.25)), int(size * rng.uniform(0.1, 0.35)))
        cv2.ellipse(drawn, (int(x), int(y)), axes, rng.uniform(0, 180), 0, 360, 1, -1)
    return cv2.GaussianBlur(drawn.astype(np.float32), (0, 0), 1.0)


def grainy(rng, light, grain):
    noise = rng.normal(size=light.shape).astype(np.float32) * grain * np.sqrt(np.maximum(light, 0))
    return np.maximum(light + noise, 0).astype(np.float32)


def coordinates(height=HEIGHT, width=WIDTH):
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return x, y


def missed(match, gain, stops=0.0):
    """Return the median error over the picture, as a factor above 1."""
    measured = np.log2(match.apply(np.ones((HEIGHT, WIDTH, 3), np.float32)))
    wanted = np.log2(gain) + np.broadcast_to(stops, (HEIGHT, WIDTH))[..., None]
    return float(np.exp2(np.median(np.abs(measured - wanted)))) - 1


ALL = np.ones((HEIGHT, WIDTH), np.float32)


def random_gain(rng):
    """Up to two stops of light, and between two channels up to a factor of two."""
    return np.exp2(rng.uniform(-2, 2) + rng.uniform(-0.5, 0.5, 3)).astype(np.float32)


@pytest.mark.parametrize("seed", range(6))
def test_gain_without_noise_is_within_one_percent(seed):
    rng = np.random.default_rng(seed)
    clean, gain = place(rng), random_gain(rng)
    matte = subject(rng, rng.uniform(0.1, 0.6))[..., None]
    plate = clean * gain * (1 - matte) + place(rng) * matte

    match = match_exposure(plate, clean, ALL)

    assert match.trusted
    assert match.reason == ""
    assert match.cells > 100
    assert np.abs(np.array(match.gain) / gain - 1).max() < 0.01
    assert missed(match, gain) < 0.01


@pytest.mark.parametrize("seed", range(10, 20))
def test_gain_of_grainy_footage_is_within_two_percent(seed):
    rng = np.random.default_rng(seed)
    wide, gain = place(rng, HEIGHT + 8, WIDTH + 8), random_gain(rng)
    clean = wide[4:-4, 4:-4]
    shifted = wide[3:-5, 5:-3]  # off by 1.4 pixels
    matte = subject(rng, rng.uniform(0.1, 0.6))[..., None]
    plate = shifted * gain * (1 - matte) + place(rng) * matte

    match = match_exposure(grainy(rng, plate, 0.02), grainy(rng, clean, 0.02), ALL)

    assert match.trusted
    assert missed(match, gain) < 0.02


@pytest.mark.parametrize("kind", ["vignette", "drift"])
@pytest.mark.parametrize("amount", [-0.7, 0.4])
def test_a_smooth_field_is_found(kind, amount):
    rng = np.random.default_rng(3)
    x, y = coordinates()
    radius = (x * x + (HEIGHT / WIDTH * y) ** 2) / (1 + (HEIGHT / WIDTH) ** 2)
    stops = amount * (radius if kind == "vignette" else 0.8 * x - 0.2 * y)
    clean, gain = place(rng), random_gain(rng)
    matte = subject(rng, 0.4)[..., None]
    plate = clean * gain * np.exp2(stops)[..., None] * (1 - matte) + place(rng) * matte
    plate, clean = grainy(rng, plate, 0.01), grainy(rng, clean, 0.01)

    match = match_exposure(plate, clean, ALL)
    flat = match_exposure(plate, clean, ALL, field=False)

    assert match.trusted
    assert match.field is not None
    assert missed(match, gain, stops) < 0.02
    assert flat.field is None
    assert missed(flat, gain, stops) > 0.03


def test_no_field_where_there_is_none_and_a_shadow_does_not_make_one():
    rng = np.random.default_rng(4)
    clean = place(rng)
    matte = subject(rng, 0.2)
    shadow = cv2.GaussianBlur(np.roll(matte, (8, 25), (0, 1)), (0, 0), 4.0)
    plate = clean * (1 - 0.4 * shadow[..., None]) * (1 - matte[..., None]) + 0.2 * matte[..., None]

    match = match_exposure(grainy(rng, plate, 0.01), grainy(rng, clean, 0.01), ALL)

    assert match.trusted
    assert missed(match, np.ones(3)) < 0.01


def test_pictures_of_one_exposure_are_left_as_they_are():
    rng = np.random.default_rng(5)
    clean = place(rng)
    plate = clean * np.float32(1.001)

    match = match_exposure(plate, clean, ALL)

    assert match.trusted
    assert match.gain == (1.0, 1.0, 1.0)
    assert match.field is None
    assert match.apply(clean) is clean


def test_what_is_known_to_be_subject_takes_no_part():
    rng = np.random.default_rng(6)
    clean = place(rng, contrast=0.02)  # a plain wall, and a plain coat in front of most of it
    plate = clean * np.float32(1.5)
    matte = np.zeros((HEIGHT, WIDTH), np.float32)
    matte[20:, 60:290] = 1
    plate[matte > 0] = place(rng, contrast=0.02)[matte > 0] * 0.2

    match = match_exposure(plate, clean, 1 - matte)

    assert match.trusted
    assert missed(match, np.full(3, 1.5)) < 0.01


def test_a_plain_wall_half_hidden_by_something_plain_is_not_guessed():
    rng = np.random.default_rng(7)
    clean = place(rng, contrast=0.02)
    plate = clean * np.float32(1.5)
    plate[:, 75:245] = place(rng, contrast=0.02)[:, 75:245] * np.float32([0.3, 0.2, 0.4])

    match = match_exposure(plate, clean, ALL)

    assert not match.trusted
    assert match.gain == (1.0, 1.0, 1.0)
    assert match.reason


def test_clipped_light_takes_no_part():
    rng = np.random.default_rng(8)
    clean = 2 * place(rng)
    gain = np.float32([1.9, 1.6, 1.3])
    plate, clean = np.minimum(clean * gain, 1), np.minimum(clean, 1)
    assert np.mean(plate.max(axis=2) >= 1) > 0.2

    match = match_exposure(plate, clean, ALL)

    assert match.trusted
    assert missed(match, gain) < 0.01


def test_light_above_one_is_no_clipping():
    rng = np.random.default_rng(9)
    clean = 40 * place(rng)
    match = match_exposure(clean * np.float32(0.5), clean, ALL)
    assert match.trusted
    assert missed(match, np.full(3, 0.5)) < 0.005


def test_a_wall_of_one_colour_is_matched():
    clean = np.full((HEIGHT, WIDTH, 3), 0.18, np.float32)
    match = match_exposure(clean * 2, clean, ALL)
    assert match.trusted
    assert match.gain == pytest.approx((2, 2, 2), rel=1e-3)


def test_unrelated_pictures_are_refused():
    trusted = 0
    for seed in range(20):
        rng = np.random.default_rng(100 + seed)
        match = match_exposure(place(rng), place(rng), ALL)
        trusted += match.trusted
        assert match.trusted or (match.gain == (1.0, 1.0, 1.0) and match.field is None and match.reason)
    assert trusted == 0


@pytest.mark.parametrize(
    "what", ["black plate", "black clean plate", "no background", "tiny", "not a number"]
)
def test_too_little_to_go_by_is_refused_with_a_reason(what):
    rng = np.random.default_rng(11)
    clean = place(rng)
    plate, background = clean.copy(), ALL
    if what == "black plate":
        plate = np.zeros_like(clean)
    elif what == "black clean plate":
        clean = np.zeros_like(clean)
    elif what == "no background":
        background = np.zeros_like(ALL)
    elif what == "tiny":
        plate, clean, background = plate[:4, :4], clean[:4, :4], ALL[:4, :4]
    else:
        plate = np.full_like(clean, np.nan)

    match = match_exposure(plate, clean, background)

    assert not match.trusted
    assert "too little" in match.reason
    assert match.apply(clean) is clean


def test_bad_pixels_and_holes_do_not_spoil_the_match():
    rng = np.random.default_rng(12)
    clean = place(rng)
    plate = clean * np.float32(1.7)
    plate[40:60, 40:60] = np.nan
    clean[100:110, 100:110] = np.inf
    clean[:, :30] = 0
    background = ALL.copy()
    background[:, :30] = 0

    match = match_exposure(plate, clean, background)

    assert match.trusted
    assert missed(match, np.full(3, 1.7)) < 0.01


def test_full_resolution_and_reduced_agree():
    rng = np.random.default_rng(13)
    clean = cv2.resize(place(rng), (1280, 720), interpolation=cv2.INTER_CUBIC)
    x, _ = coordinates(720, 1280)
    plate = (clean * np.exp2(0.5 * x)[..., None] * np.float32(0.6)).astype(np.float32)
    small = [cv2.resize(picture, (320, 180), interpolation=cv2.INTER_AREA) for picture in (plate, clean)]

    full = match_exposure(plate, clean, np.ones((720, 1280), np.float32))
    reduced = match_exposure(*small, ALL)

    assert full.gain == pytest.approx(reduced.gain, rel=0.01)
    assert full.field is not None
    assert full.field[0] == pytest.approx(0.5, abs=0.02)
    assert np.abs(np.log2(full.apply(clean) / plate)).max() < 0.03


def test_a_field_is_bounded_and_applied_at_any_size():
    match = ExposureMatch((1.0, 1.0, 1.0), (5.0, 0.0, 0.0, 0.0, 0.0, 0.0), 500, 0.02, True)
    for height, width in ((1, 1), (9, 17), (HEIGHT, WIDTH)):
        lit = match.apply(np.ones((height, width, 3), np.float32))
        assert lit.dtype == np.float32
        assert 0.5 <= lit.min() <= lit.max() <= 2


def test_shapes_must_agree():
    picture = np.ones((8, 8, 3), np.float32)
    with pytest.raises(InputError, match="clean plate"):
        match_exposure(picture, picture[:4], picture[..., 0])
    with pytest.raises(InputError, match="background"):
        match_exposure(picture, picture, picture[:4, :, 0])
    with pytest.raises(InputError, match="clean plate has shape"):
        ExposureMatch((2.0, 1.0, 1.0), None, 1, 0.0, True).apply(picture[..., 0])


# Bands, and what is left.


def bands(turns, phase, depth=0.12, height=HEIGHT):
    y = np.arange(height, dtype=np.float32)[:, None, None] / height
    return 1 + np.float32(depth) * np.sin(2 * np.pi * (turns * y + phase))


@pytest.mark.parametrize("turns", [0.8, 1.6, 3.0])
@pytest.mark.parametrize("covered", [0.0, 0.35])
def test_bands_of_flicker_are_evened(turns, covered):
    rng = np.random.default_rng(7)
    light = place(rng)
    mask = subject(rng, covered)[..., None] if covered else np.zeros((HEIGHT, WIDTH, 1), np.float32)
    person = place(np.random.default_rng(8)) * np.float32(1.7)
    plate = grainy(rng, (light * (1 - mask) + person * mask) * bands(turns, 0.37) * 1.3, 0.01)
    clean = grainy(rng, light * bands(turns, 0.77), 0.01)
    match = match_exposure(plate, clean, ALL)
    assert match.trusted
    fitted = match.apply(clean)
    background = mask[..., 0] < 0.02
    off = np.abs(np.log2((fitted + 1e-4) / (plate + 1e-4)).mean(axis=2))[background]
    assert np.median(off) < 0.04
    left = find_light_left(plate, fitted, ALL)
    assert left is None or left.stops < 0.06


@pytest.mark.parametrize("seed", range(4))
def test_no_bands_are_found_where_there_are_none(seed):
    rng = np.random.default_rng(seed)
    light = place(rng)
    x, y = coordinates()
    mask = subject(rng, 0.4)[..., None]
    uneven = np.exp2(0.4 * (0.5 * y - 0.4 * (x * x + y * y)))[..., None].astype(np.float32)
    plate = grainy(rng, light * uneven * (1 - mask) + 0.4 * mask, 0.02)
    assert match_exposure(plate, grainy(rng, light, 0.02), ALL).rows is None


def srgb(light):
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-6) ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("is_plate", [True, False])
def test_another_curve_leaves_light_and_is_named(is_plate):
    rng = np.random.default_rng(3)
    pictures = [grainy(rng, place(np.random.default_rng(4), contrast=0.8), 0.01) for _ in range(2)]
    pictures[0 if is_plate else 1] = srgb(pictures[0 if is_plate else 1]).astype(np.float32)
    plate, clean = pictures
    left = find_light_left(plate, match_exposure(plate, clean, ALL).apply(clean), ALL)
    assert left is not None
    assert left.stops > 0.2
    assert left.cause == "curve"


def test_bands_that_cannot_be_evened_are_named():
    rng = np.random.default_rng(3)
    light = place(np.random.default_rng(4))
    plate = grainy(rng, light * bands(1.6, 0.1, 0.2), 0.01)
    left = find_light_left(plate, grainy(rng, light, 0.01), ALL)
    assert left is not None
    assert left.stops > 0.1
    assert left.cause == "bands"


@pytest.mark.parametrize("seed", range(4))
def test_what_fits_leaves_no_light_whoever_stands_in_front(seed):
    rng = np.random.default_rng(seed)
    light, mask = place(rng), subject(rng, 0.5)[..., None]
    plate = grainy(rng, light * random_gain(rng) * (1 - mask) + place(rng) * mask, 0.03)
    clean = grainy(rng, light, 0.03)
    match = match_exposure(plate, clean, 1 - (mask[..., 0] > 0.01).astype(np.float32))
    left = find_light_left(plate, match.apply(clean), ALL)
    assert left is None or left.stops < 0.06
