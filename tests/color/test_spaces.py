"""The colour spaces that ship give the values their makers publish."""

from __future__ import annotations

import numpy as np
import PyOpenColorIO as ocio  # noqa: N813
import pytest
import torch
from numpy.typing import NDArray

from howard_nodes.color import SHIPPED_CONFIG, ColorConfig
from howard_nodes.color.encoding import encode

LOGS = [
    "applelog",
    "logc3",
    "logc4",
    "bmdfilm5",
    "davinci",
    "clog2",
    "clog3",
    "dlog",
    "vlog",
    "log3g10",
    "slog3",
    "slog3_sgamut3",
    "slog3_venice_sgamut3",
    "slog3_venice_sgamut3cine",
    "acescct",
    "cineon",
]
LINEAR = ["acescg", "aces", "lin_rec709", "lin_rec2020", "lin_p3d65", "lin_awg3", "lin_awg4", "lin_rwg"]
VIDEO = ["srgb", "srgb_p3d65", "g22_rec709", "g24_rec709", "rec709", "rec1886", "srgb_display"]
VIDEO += ["g24_rec2020_display", "g24_p3d65_display", "pq", "pq_p3d65_display", "hlg"]
EVERY = [*LOGS, *LINEAR, *VIDEO]


# Code values of grey light, as published: ARRI (LogC3 2012, LogC4 2022), Sony (S-Log3 2014), Panasonic (V-Log
# 2014), RED (915-0187), Apple (2023), Canon (2020), Blackmagic (2021), DJI (2017), Academy S-2014-003 and
# S-2016-001, Kodak (Cineon 1995), IEC 61966-2-1, ITU-R BT.709, BT.1886, BT.2100 and BT.2408 (203 cd/m2 is
# 58 % of PQ and 75 % of HLG).
@pytest.mark.parametrize(
    ("space", "light", "code"),
    [
        ("logc3", 0.18, 0.391007),
        ("logc3", 0.0, 0.092809),
        ("logc4", 0.18, 0.278396),
        ("logc4", 0.0, 95 / 1023),
        ("slog3", 0.18, 420 / 1023),
        ("slog3", 0.0, 95 / 1023),
        ("slog3", 0.9, 598 / 1023),
        ("slog3_sgamut3", 0.18, 420 / 1023),
        ("vlog", 0.18, 433 / 1023),
        ("vlog", 0.0, 128 / 1023),
        ("vlog", 0.9, 602 / 1023),
        ("log3g10", 0.18, 1 / 3),
        ("log3g10", 0.0, 0.091551),
        ("log3g10", 184.322, 1.0),
        ("applelog", 0.18, 0.488272),
        ("applelog", 0.0, 0.150477),
        ("applelog", -0.05641088, 0.0),
        ("clog2", 0.18, 0.398254),
        ("clog2", 0.0, 0.092864),
        ("clog3", 0.18, 0.343389),
        ("clog3", 0.0, 0.125122),
        ("davinci", 0.18, 0.336043),
        ("bmdfilm5", 0.18, 0.383562),
        ("dlog", 0.18, 0.398764),
        ("acescct", 0.18, 0.413588),
        ("acescct", 0.0, 0.072906),
        ("acescc", 0.18, 0.413588),
        ("cineon", 1.0, 685 / 1023),
        ("cineon", 0.0, 95 / 1023),
        ("srgb", 0.18, 0.461356),
        ("srgb", 1.0, 1.0),
        ("rec709", 0.18, 0.409008),
        ("rec1886", 0.18, 0.489435),
        ("g24_rec2020_display", 0.18, 0.489435),
        ("g24_p3d65_display", 0.18, 0.489435),
        ("pq", 1.0, 0.508078),
        ("pq", 2.03, 0.580689),
        ("pq", 100.0, 1.0),
        ("pq_p3d65_display", 10.0, 0.751827),
        ("hlg", 10.0, 1.0),
        ("hlg", 2.03, 0.749877),
        ("hlg", 0.0, 0.0),
        ("acescg", 0.18, 0.18),
        ("aces", 0.18, 0.18),
    ],
)
def test_published_code_values(shipped: ColorConfig, space: str, light: float, code: float) -> None:
    grey = np.full((1, 1, 3), light, np.float32)
    np.testing.assert_allclose(shipped.from_linear_rec709(grey, space)[0, 0], code, rtol=1e-4, atol=3e-4)


def test_primaries_of_aces() -> None:
    """Academy TB-2014-004, AP1 to AP0; ITU-R BT.709 in ACEScg with Bradford."""
    config = ColorConfig.load("howard")
    unit = np.eye(3, dtype=np.float32)[None]
    np.testing.assert_allclose(
        config.convert(unit, "acescg", "aces")[0],
        np.float32(
            [
                [0.6954522, 0.0447946, -0.0055259],
                [0.1406787, 0.8596711, 0.0040252],
                [0.1638691, 0.0955343, 1.0015007],
            ]
        ),
        atol=2e-6,
    )
    np.testing.assert_allclose(
        config.from_linear_rec709(unit, "acescg")[0],
        np.float32(
            [
                [0.6130974, 0.0701937, 0.0206156],
                [0.3395231, 0.9163539, 0.1095698],
                [0.0473795, 0.0134524, 0.8698146],
            ]
        ),
        atol=2e-6,
    )


@pytest.mark.parametrize("space", EVERY)
def test_every_space_gives_the_same_light(
    shipped: ColorConfig, picture: NDArray[np.float32], space: str
) -> None:
    coded = shipped.from_linear_rec709(picture, space)
    np.testing.assert_allclose(shipped.to_linear_rec709(coded, space), picture, rtol=2e-3, atol=2e-5)


@pytest.mark.parametrize("space", EVERY)
def test_the_network_sees_the_same_from_every_space(
    shipped: ColorConfig, picture: NDArray[np.float32], space: str
) -> None:
    """Within 2/255 as files hold it: log in 12 bits, video in 16, light in half floats."""
    coded = shipped.from_linear_rec709(picture, space)
    if space in LINEAR:
        stored = coded.astype(np.float16).astype(np.float32)
    else:
        steps = 4095 if space in LOGS else 65535
        stored = (np.round(coded * steps) / steps).astype(np.float32)
    seen = encode(torch.from_numpy(shipped.to_linear_rec709(stored, space)))
    apart = float((seen - encode(torch.from_numpy(picture))).abs().max())
    assert apart < 2 / 255


@pytest.mark.parametrize("space", [space for space in EVERY if space != "clog3"])
def test_values_to_50_come_back(shipped: ColorConfig, picture: NDArray[np.float32], space: str) -> None:
    """Canon Log 3 alone ends before, at code 1 for light of 14.7."""
    bright = picture * np.float32(50 / 12)
    coded = shipped.from_linear_rec709(bright, space)
    np.testing.assert_allclose(shipped.to_linear_rec709(coded, space), bright, rtol=2e-3, atol=2e-5)


@pytest.mark.parametrize("space", [space for space in EVERY if space not in ("clog2", "clog3", "cineon")])
def test_negatives_come_back(shipped: ColorConfig, space: str) -> None:
    """A little below black, as grain goes; Cineon ends at -0.0109."""
    pixels = np.random.default_rng(5).uniform(-0.008, 0.02, (40, 50, 3)).astype(np.float32)
    coded = shipped.from_linear_rec709(pixels, space)
    np.testing.assert_allclose(shipped.to_linear_rec709(coded, space), pixels, rtol=2e-3, atol=2e-5)


def test_apple_log_equals_the_built_in_transform() -> None:
    """Ours is of parts that profile 2.2 has; OpenColorIO's own needs 2.4."""
    codes = np.repeat(np.linspace(-0.1, 1.2, 60_001, dtype=np.float32)[:, None], 3, axis=1)
    results = []
    for processor in (
        ocio.Config.CreateFromFile(str(SHIPPED_CONFIG)).getProcessor("Apple Log", "ACES2065-1"),
        ocio.Config.CreateRaw().getProcessor(ocio.BuiltinTransform("APPLE_LOG_to_ACES2065-1")),
    ):
        pixels = codes.copy()
        processor.getOptimizedCPUProcessor(ocio.OPTIMIZATION_LOSSLESS).apply(
            ocio.PackedImageDesc(pixels, len(codes), 1, 3)
        )
        results.append(pixels)
    np.testing.assert_allclose(results[0], results[1], rtol=2e-5, atol=1e-6)


def test_apple_log_equals_the_published_formula(shipped: ColorConfig) -> None:
    code = np.linspace(0.0, 1.1, 5001)
    toe = 47.28711236 * (0.01 + 0.05641088) ** 2
    light = np.where(
        code >= toe,
        2.0 ** ((code - 0.69336945) / 0.08550479) - 0.00964052,
        np.sqrt(code / 47.28711236) - 0.05641088,
    )
    pixels = np.repeat(code.astype(np.float32)[None, :, None], 3, axis=2)
    ours = shipped.convert(pixels, "Apple Log", "lin_rec2020")
    np.testing.assert_allclose(ours[0, :, 1], light, rtol=4e-4, atol=4e-6)


def test_pq_equals_the_published_formula(shipped: ColorConfig) -> None:
    """ITU-R BT.2100-2, table 4: 10,000 cd/m2 is light of 100."""
    code = np.linspace(0.0, 1.0, 1024)
    root = code ** (32 / 2523)
    ratio = np.maximum(root - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * root)
    pixels = np.repeat(code.astype(np.float32)[None, :, None], 3, axis=2)
    ours = shipped.to_linear_rec709(pixels, "pq")[0, :, 1]
    np.testing.assert_allclose(ours, 100 * ratio ** (16384 / 2610), rtol=2e-5, atol=1e-5)


def test_hlg_equals_the_published_formula(shipped: ColorConfig) -> None:
    """ITU-R BT.2100-2, table 5: inverse OETF, then the OOTF of a display of 1000 cd/m2, gamma 1.2."""
    rng = np.random.default_rng(8)
    code = rng.uniform(0.0, 1.0, (20, 50, 3)).astype(np.float32)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    luminance = scene @ np.array([[0.2627], [0.6780], [0.0593]])
    shown = 10 * scene * luminance**0.2
    ours = shipped.convert(code, "hlg", "lin_rec2020")
    np.testing.assert_allclose(ours, shown, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["take.mov", "TAKE.MP4", "a.m4v", "a.MKV", "a.mxf", "a.avi", "a.webm"])
def test_movies_that_say_nothing_are_video(shipped: ColorConfig, name: str) -> None:
    found = shipped.resolve(name, None, None)
    assert (found.space, found.guessed) == ("Rec.1886 Rec.709 - Display", True)


def test_cineon_equals_the_published_formula(shipped: ColorConfig) -> None:
    code = np.linspace(0.0, 1.0, 1024)
    black = 10 ** ((95 - 685) * 0.002 / 0.6)
    light = (10 ** ((1023 * code - 685) * 0.002 / 0.6) - black) / (1 - black)
    pixels = np.repeat(code.astype(np.float32)[None, :, None], 3, axis=2)
    np.testing.assert_allclose(
        shipped.to_linear_rec709(pixels, "cineon")[0, :, 0], light, rtol=2e-4, atol=1e-5
    )


def test_spaces_equal_those_of_the_aces_studio_configuration(
    shipped: ColorConfig, studio: ColorConfig
) -> None:
    rng = np.random.default_rng(7)
    codes = rng.uniform(0.0, 1.0, (30, 100, 3)).astype(np.float32)
    compared = 0
    for space in shipped.spaces():
        theirs = next((name for name in (space.name, *space.aliases) if studio.knows(name)), None)
        if theirs is None or space.encoding == "data":
            continue
        there = studio.to_linear_rec709(codes, theirs)
        scale = np.maximum(np.abs(there).max(axis=2, keepdims=True), 0.01)
        apart = np.abs(shipped.to_linear_rec709(codes, space.name) - there) / scale
        assert float(apart.max()) < 5e-4, space.name
        compared += 1
    assert compared >= 35
