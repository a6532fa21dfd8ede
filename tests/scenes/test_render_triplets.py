"""Whole rendered scenes: what is drawn, how takes differ, and that plate, foreground and alpha agree."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from blender.wheels import installed_blenders

from howard_nodes.evaluation import cases
from howard_nodes.frames import read_frame, write_image

RENDER = Path(__file__).parents[2] / "scenes"
sys.path.append(str(RENDER))

import batches  # noqa: E402
from recipe import draw_recipe, to_text  # noqa: E402
from triplet_recipe import KINDS, draw_triplet  # noqa: E402
from triplets import TRIPLETS, finish_triplet, read_passes  # noqa: E402

BLENDER = installed_blenders().get("4.5")
SIZE = (96, 54)


@pytest.fixture(scope="module")
def drawn() -> list[dict]:
    return [draw_triplet(7, number) for number in range(54)]


def test_a_triplet_is_drawn_from_the_seed_and_its_number_alone(drawn):
    assert draw_triplet(7, 12) == drawn[12]
    assert draw_triplet(8, 12) != drawn[12]
    assert json.loads(to_text(drawn[12])) == drawn[12]


def test_nine_triplets_hold_one_of_each_kind_that_cases_know(drawn):
    assert [one["kind"] for one in drawn[:9]] == list(KINDS)
    assert set(KINDS) <= set(cases.KINDS)


def test_each_kind_is_what_it_says(drawn):
    people = dict.fromkeys(KINDS, 1) | {"no subject": 0, "two subjects": 2}
    for one in drawn:
        kind, drift = one["kind"], np.hypot(*one["drift"]) + one["travel"]
        assert len(one["people"]) == people[kind]
        assert (one["camera"]["blur"] > 0.012) == (kind == "motion blur")
        assert 2.5 <= drift <= 6.01 if kind == "misregistered" else drift < 1.01
        stops = abs(np.log2(np.mean(one["gain"])))
        assert stops > 0.1 if kind == "exposure drift" else stops < 0.08
        if kind == "shadow":
            assert one["place"]["inside"]
            assert one["place"]["distance"] < 1.3
        if kind == "camouflage":
            assert one["place"]["back"]["as is"]
        if kind == "hair":
            assert one["people"][0]["hair"]["length"] > 0.06


def _passes(folder: Path, number: int, rng: np.random.Generator) -> None:
    """Write passes as triplet_scene.py does, of noise: coverage in a box, black (as if covered) outside."""
    box = (20, 8, 60, 50)
    inside = np.zeros(SIZE[::-1], bool)
    inside[box[1] : box[3], box[0] : box[2]] = True
    cover = np.where(inside, rng.random(SIZE[::-1]), 0.0).astype(np.float32)
    color = rng.random((*SIZE[::-1], 3), np.float32) * inside[..., None]
    for name in ("behind", "clean"):
        picture = rng.gamma(2.0, 0.3, (*SIZE[::-1], 3)).astype(np.float32)
        write_image(folder / f"{number:05d}.{name}.exr", picture, "RGB")
    write_image(folder / f"{number:05d}.cover.exr", cover[..., None], "Y", depth="float")
    write_image(folder / f"{number:05d}.color.exr", np.dstack([color, inside.astype(np.float32)]), "RGBA")
    (folder / f"{number:05d}.box.json").write_text(json.dumps(box))


def test_outside_the_box_that_was_rendered_nothing_is_covered(tmp_path):
    _passes(tmp_path, 0, np.random.default_rng(3))
    truth, _, _ = read_passes(tmp_path, 0)
    assert truth.alpha[:8].max() == 0
    assert truth.alpha[:, 60:].max() == 0
    assert truth.alpha[8:50, 20:60].max() > 0.9


def test_takes_have_grain_of_their_own_and_truth_has_none(tmp_path):
    found = {}
    for grain in (0.0, 1.0):
        _passes(tmp_path, 7, np.random.default_rng(4))
        recipe = draw_triplet(7, 7) | {"grain": grain, "gain": [1.0, 1.0, 1.0]}
        target = tmp_path / f"scene-{grain}"
        finish_triplet(recipe, tmp_path, target)
        case = cases.read_case(target)
        found[grain] = [read_frame(target / f"{name}.0001.exr").rgb for name in ("plate", "clean")]
        found[grain].append(case.truth(1).foreground)
    noise = [(noisy - still).ravel() for still, noisy in zip(found[0.0], found[1.0])]
    assert noise[0].std() > 0.003
    assert noise[1].std() > 0.003
    assert abs(np.corrcoef(noise[0], noise[1])[0, 1]) < 0.1
    assert noise[2].std() == 0
    assert not list(tmp_path.glob("00007.*"))


def test_a_case_that_is_there_is_not_made_again(tmp_path):
    for number in (0, 3):
        TRIPLETS.place(tmp_path, draw_triplet(7, number)).mkdir()
    assert batches.missing(TRIPLETS, tmp_path, 5, 7) == [1, 2, 4]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scene-00000-plain", "scene-00003-camouflage"]


@pytest.mark.skipif(BLENDER is None, reason="no Blender 4.5 in .venv-bpy: make blenders BLENDERS=4.5")
def test_a_rendered_scene_is_foreground_over_a_place_that_it_shades(tmp_path):
    number = next(n for n in range(500) if draw_recipe(7, n)["subject"] == "chair")
    recipe = draw_triplet(7, 0) | {
        key: draw_recipe(7, number)[key] for key in ("people", "thing", "subject", "detail", "camera")
    }
    recipe |= {"drift": [0.0, 0.0], "travel": 0.0, "roll": 0.0, "gain": [1.0, 1.0, 1.0], "grain": 0.0}
    (tmp_path / "recipes.json").write_text(json.dumps([recipe]))
    passes = tmp_path / "passes"
    command = [BLENDER, RENDER / "triplet_scene.py", tmp_path / "recipes.json", tmp_path, passes]
    done = subprocess.run([*command, "--size", *map(str, SIZE)], capture_output=True, text=True, timeout=120)
    assert "rendered 00000" in done.stdout, done.stdout[-2000:] + done.stderr[-2000:]
    seen, behind, clean = read_passes(passes, 0)
    assert (behind < 0.9 * clean).mean() > 0.01  # its shadow
    assert np.quantile(np.abs(behind - clean) / (clean + 1e-3), 0.1) < 0.02  # far from it nothing differs
    finish_triplet(recipe, passes, tmp_path / "case")
    case = cases.read_case(tmp_path / "case")
    assert (case.kind, case.made, case.frames) == ("plain", "scene", (1,))
    truth = case.truth(1)
    plate = read_frame(tmp_path / "case" / "plate.0001.exr").rgb
    assert plate.shape == (54, 96, 3)
    assert truth.alpha.min() == 0
    assert truth.alpha.max() == 1
    assert truth.alpha == pytest.approx(seen.alpha, abs=1e-3)
    gain = float(np.median(plate[truth.alpha == 0] / np.maximum(behind[truth.alpha == 0], 1e-6)))
    alpha = truth.alpha[..., None]
    expected = truth.foreground * alpha + (1 - alpha) * behind * gain
    assert plate == pytest.approx(expected, rel=2e-3, abs=2e-3)
    assert list(passes.iterdir()) == []
