"""What a user may rely on from the weights that ship, on the shot that ships."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from howard_nodes.color import ColorConfig
from howard_nodes.color.encoding import encode
from howard_nodes.description import FitSettings, MatteSettings
from howard_nodes.engine.engine import Engine
from howard_nodes.evaluation.metrics import mad
from howard_nodes.evaluation.rivals import difference_key
from howard_nodes.frames import Sequence, read_frame
from howard_nodes.network import describe_weights, load_weights
from howard_nodes.plates.fill import cover_holes
from howard_nodes.plates.solving import fit_shot
from howard_nodes.plates.takes import Takes
from howard_nodes.sheets.demo import shot_folder
from howard_nodes.solve import comp_error, composite

_SPACE = "lin_rec709"
# Every space a plate may come in: those of cameras, ACES, linear and sRGB.
_SPACES = (
    "ARRI LogC3 (EI800)",
    "ARRI LogC4",
    "slog3",
    "vlog",
    "log3g10",
    "applelog",
    "clog3",
    "ACES2065-1",
    "ACEScg",
    "srgb",
)


@pytest.fixture(scope="module")
def config() -> ColorConfig:
    return ColorConfig.load("howard")


@pytest.fixture(scope="module")
def node(config) -> Engine:
    return Engine(load_weights(fused=False), config)


@pytest.fixture(scope="module")
def demo() -> dict[str, np.ndarray]:
    folder = shot_folder()
    plates = Sequence.find(folder / "plate.####.exr")
    frame = plates.frames[len(plates) // 2]
    truth = Sequence.find(folder / "truth" / "alpha.####.exr").path(frame)
    return {
        "plate": read_frame(plates.path(frame)).rgb,
        "clean": read_frame(folder / "clean.exr").rgb,
        "truth": np.ascontiguousarray(read_frame(truth).pixels[..., 0]),
    }


@pytest.fixture(scope="module")
def result(node, demo):
    return node.evaluate(demo["plate"], demo["clean"], _SPACE)


def test_the_demo_is_matted_far_better_than_by_a_difference_key(result, demo):
    plate, clean = (encode(torch.from_numpy(demo[name])).numpy() for name in ("plate", "clean"))
    keys = [mad(difference_key(plate, clean, t), demo["truth"]) for t in np.linspace(0, 0.3, 31)]
    ours = mad(result.alpha, demo["truth"])
    assert ours < 12
    assert ours * 3 < min(keys)


def test_high_quality_is_no_worse(config, demo, result):
    engine = Engine(load_weights(fused=False), config, MatteSettings(quality="high"))
    high = engine.evaluate(demo["plate"], demo["clean"], _SPACE)
    assert mad(high.alpha, demo["truth"]) < 1.05 * mad(result.alpha, demo["truth"])
    assert (high.alpha[demo["truth"] == 1] < 0.5).mean() < 1e-3


def test_the_refiner_helps(result, demo):
    assert mad(result.alpha, demo["truth"]) < mad(result.coarse, demo["truth"])


def test_where_no_clean_plate_is_the_matte_reaches_as_far_as_beside_it(node, demo):
    clean, valid = demo["clean"].copy(), np.ones(demo["truth"].shape, np.float32)
    clean[-20:], valid[-20:] = 0.0, 0.0
    cover_holes(clean, valid)
    stage = node.coarse(demo["plate"], clean, _SPACE, valid=valid)
    assert (stage.limit[valid > 0] == 1).all()
    assert (stage.error[valid == 0] == 1).all()
    alpha = node.refine(stage).alpha
    assert (alpha <= stage.limit).all()
    assert alpha[-20:][demo["truth"][-20:] > 0.99].mean() > 0.9
    # A painted coarse matte has the last word.
    painted = np.zeros((*valid.shape, 2), np.float32)
    painted[-20:, :60] = 1.0
    free = node.refine(stage, coarse_override=painted).alpha
    assert (free[-12:, :50] > stage.limit[-12:, :50] + 0.5).any()
    assert (free[-20:, 80:] <= stage.limit[-20:, 80:]).all()


def test_core_and_background_are_clean(result, demo):
    assert np.mean(result.alpha == 0) > 0.4
    assert np.mean(result.alpha[demo["truth"] == 1] == 1) > 0.9


def test_highlights_above_one_stay(result, demo):
    bright = (result.alpha == 1) & (demo["plate"].max(2) > 1)
    assert bright.sum() > 50
    np.testing.assert_array_equal(result.foreground[bright], demo["plate"][bright])


def test_foreground_over_clean_plate_gives_the_plate_back(result, demo):
    """Where the subject is; elsewhere shadow and grain stay with the plate."""
    error = comp_error(demo["plate"], demo["clean"], result.alpha, result.foreground)
    seen = result.alpha > 0.05
    assert error[seen].mean() < 0.01
    back = composite(result.foreground, result.alpha, demo["clean"])
    np.testing.assert_array_equal(back[result.alpha == 1], demo["plate"][result.alpha == 1])


def _refined(node, plate, clean, space):
    """Refine as usual, and all."""
    stage, usual = node.coarse(plate, clean, space), node.settings
    some = node.refine(stage)
    node.settings = replace(usual, refine_mode="full")
    everything = node.refine(stage)
    node.settings = usual
    return some, everything


def _assert_same(one, other):
    assert np.abs(one[1].alpha - other[1].alpha).max() <= 2 / 255
    # As usual, the last patches that are refined may be others where errors differ in the fifth digit.
    other_patch = one[0].region != other[0].region
    assert other_patch.mean() < 2e-4
    assert np.abs(one[0].alpha - other[0].alpha)[~other_patch].max() <= 2 / 255


@pytest.mark.parametrize("space", _SPACES)
def test_every_colour_space_gives_the_same_matte(node, config, demo, result, space):
    """The picture is limited to light that all of these curves hold."""
    mattes = []
    plate, clean = (np.clip(demo[name], 0, 5) for name in ("plate", "clean"))
    for through in (None, space):
        pair = []
        for picture in (plate, clean):
            if through is not None:
                coded = config.convert(picture, _SPACE, through)
                picture = config.convert(coded, through, _SPACE)
            pair.append(picture)
        mattes.append(_refined(node, *pair, _SPACE))
    _assert_same(*mattes)


def test_the_scene_linear_space_a_plate_is_in_does_not_matter(node, config, demo):
    mattes = []
    for space in ("lin_rec709", "ACEScg", "ACES2065-1"):
        pair = [config.convert(demo[name], _SPACE, space) for name in ("plate", "clean")]
        mattes.append(_refined(node, *pair, space))
    for matte in mattes[1:]:
        _assert_same(matte, mattes[0])


def test_nobody_in_front_of_the_place_gives_no_matte(node, demo):
    """The clean plate against itself with other grain."""
    grain = np.random.default_rng(1).normal(1, 0.01, demo["clean"].shape).astype(np.float32)
    result = node.evaluate(demo["clean"] * grain, demo["clean"], _SPACE)
    assert result.alpha.mean() < 0.002


def test_the_weights_say_where_they_come_from():
    metadata = describe_weights("default").metadata
    assert {"commit", "samples", "training"} <= set(metadata)
    assert json.loads(metadata["training"])["backbone"] == "lite0"
    card = Path(describe_weights("default").path).with_suffix(".md").read_text(encoding="utf-8")
    for word in ("Licence", "CC0", "Apache-2.0", "howard train", "howard evaluate", "MAD"):
        assert word in card, word


def test_somebody_left_in_the_clean_plate_is_said(node, demo):
    def said(plate: np.ndarray, clean: np.ndarray) -> list[str]:
        notes: list[str] = []
        takes = Takes(
            frames=(1,),
            plate=lambda _: plate,
            clean_frames=(1,),
            clean=lambda _: (clean, None),
            same_number=lambda frame: frame,
            space=_SPACE,
            to_rec709=lambda pixels: pixels,
            subject=lambda one, other: node.coarse_matte(one, other, _SPACE),
        )
        fit_shot(takes, FitSettings(), on_note=lambda message, _: notes.append(message))
        return notes

    assert said(demo["plate"], demo["clean"]) == []
    # The takes mixed up: the person is in the clean plate.
    (note,) = said(demo["clean"], demo["plate"])
    assert "is the subject still in it" in note
