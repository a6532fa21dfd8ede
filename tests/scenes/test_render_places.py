"""Rendered places: what is drawn, and a real render of one."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from blender.wheels import installed_blenders

from howard_nodes.frames import read_attributes, read_frame

RENDER = Path(__file__).parents[2] / "scenes"
sys.path.append(str(RENDER))

import batches  # noqa: E402
import place_recipe  # noqa: E402
from places import PLACES, expose  # noqa: E402
from recipe import HDRIS, SHOTS, to_text  # noqa: E402

BLENDER = installed_blenders().get("4.5")


@pytest.fixture(scope="module")
def drawn() -> list[dict]:
    return [place_recipe.draw_place_recipe(7, number) for number in range(1500)]


def test_a_place_is_drawn_from_the_seed_and_its_number_alone(drawn):
    assert place_recipe.draw_place_recipe(7, 42) == drawn[42]
    assert place_recipe.draw_place_recipe(8, 42) != drawn[42]
    assert drawn[42] != drawn[43]
    assert json.loads(to_text(drawn[42])) == drawn[42]


def test_places_have_their_shares_and_every_surface_and_thing_occurs(drawn):
    found = Counter(one["place"]["kind"] for one in drawn)
    assert sum(place_recipe.KINDS.values()) == pytest.approx(1)
    for kind, share in place_recipe.KINDS.items():
        spread = (share * (1 - share) / len(drawn)) ** 0.5
        assert found[kind] / len(drawn) == pytest.approx(share, abs=4 * spread), kind
        here = [one["place"] for one in drawn if one["place"]["kind"] == kind]
        for part, table in (("back", place_recipe.BACKS), ("ground", place_recipe.GROUNDS)):
            assert {place[part]["kind"] for place in here} == set(table[kind]), (kind, part)
        for part, table in (("along", place_recipe.ALONG), ("around", place_recipe.AROUND)):
            assert {one["kind"] for place in here for one in place[part]} == set(table[kind]), (kind, part)
    assert {one["camera"]["shot"] for one in drawn} == set(SHOTS)
    assert {one["light"]["hdri"] for one in drawn} == set(HDRIS)
    assert 0.25 < np.mean([one["camera"]["defocus"] > 0 for one in drawn]) < 0.45
    assert not any(one["camera"]["blur"] for one in drawn)


def test_a_wall_has_windows_of_one_colour(drawn):
    for one in drawn[:200]:
        colors = {str(part["first"]) for part in one["place"]["along"] if part["kind"] == "window"}
        assert len(colors) <= 1


def test_a_place_is_brought_to_a_middle_grey():
    picture = np.random.default_rng(1).gamma(2.0, 3.0, (20, 30, 3))
    assert np.median((picture * expose(picture, 0.0)).mean(2)) == pytest.approx(0.18)
    assert expose(picture, 1.0) == pytest.approx(2 * expose(picture, 0.0))
    assert np.isfinite(expose(np.zeros((4, 4, 3)), 0.0))


@pytest.mark.skipif(BLENDER is None, reason="no Blender 4.5 in .venv-bpy: make blenders BLENDERS=4.5")
def test_a_deleted_place_is_made_again_and_the_others_are_left_alone(tmp_path):
    options = {"seed": 7, "bpy": BLENDER, "anny": Path("nowhere"), "size": 64}
    (tmp_path / "place.00000.exr").touch()  # as if it were there
    assert batches.make(PLACES, tmp_path, count=2, **options) == {}
    frame = read_frame(tmp_path / "place.00001.exr")
    assert frame.pixels.shape == (36, 64, 3)
    assert np.isfinite(frame.pixels).all()
    assert np.median(frame.rgb.mean(2)) == pytest.approx(0.18 * 2 ** PLACES.draw(7, 1)["exposure"], rel=0.02)
    assert frame.rgb.std() > 0.01
    attributes = read_attributes(tmp_path / "place.00001.exr")
    assert json.loads(attributes["howard:recipe"]) == PLACES.draw(7, 1)
    assert (tmp_path / "place.00000.exr").stat().st_size == 0
    before = (tmp_path / "place.00001.exr").stat().st_mtime_ns
    assert batches.make(PLACES, tmp_path, count=2, **options) == {}  # nothing is missing, nothing starts
    assert (tmp_path / "place.00001.exr").stat().st_mtime_ns == before
    assert batches.missing(PLACES, tmp_path, 3, 7) == [2]
