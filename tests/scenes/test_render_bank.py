"""The bank of rendered foregrounds: what is drawn, how it is finished, and a real render of one thing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from blender.wheels import installed_blenders

from howard_nodes.frames import read_attributes, read_frame
from howard_nodes.samples.banks import ForegroundBank

RENDER = Path(__file__).parents[2] / "scenes"
sys.path.append(str(RENDER))

import batches  # noqa: E402
import recipe  # noqa: E402
from bank import FOREGROUNDS  # noqa: E402
from finish import alpha_of, finish, straighten  # noqa: E402

BLENDER = installed_blenders().get("4.5")


@pytest.fixture(scope="module")
def drawn() -> list[dict]:
    return [recipe.draw_recipe(7, number) for number in range(3000)]


def test_a_foreground_is_drawn_from_the_seed_and_its_number_alone(drawn):
    assert recipe.draw_recipe(7, 42) == drawn[42]
    assert recipe.draw_recipe(8, 42) != drawn[42]
    assert drawn[42] != drawn[43]


def test_a_recipe_survives_json(drawn):
    for one in drawn[:200]:
        assert json.loads(recipe.to_text(one)) == one


def test_a_fifth_are_not_people_and_subjects_have_their_shares(drawn):
    found = Counter(one["subject"] for one in drawn)
    assert sum(recipe.SUBJECTS.values()) == pytest.approx(1)
    for subject, share in recipe.SUBJECTS.items():
        spread = (share * (1 - share) / len(drawn)) ** 0.5
        assert found[subject] / len(drawn) == pytest.approx(share, abs=4 * spread), subject
    assert sum(not one["people"] for one in drawn) / len(drawn) == pytest.approx(0.2, abs=0.03)


def test_every_kind_occurs(drawn):
    people = [person for one in drawn for person in one["people"]]
    assert {p["pose"]["style"] for p in people} == set(recipe.POSES)
    assert {p["hair"]["kind"] for p in people} == set(recipe.HAIR)
    assert {p["hat"] for p in people} == {"", *recipe.HATS}
    assert {p["prop"] for p in people} == {"", *recipe.PROPS}
    assert {p["clothes"]["top"] for p in people} == set(recipe.TOPS)
    assert {p["clothes"]["bottom"] for p in people} == {"dress", *recipe.BOTTOMS}
    assert {p["clothes"]["top cloth"]["pattern"] for p in people} == set(recipe.PATTERNS)
    assert {one["light"]["hdri"] for one in drawn} == set(recipe.HDRIS)
    kinds = {(one["subject"], one["thing"]["kind"]) for one in drawn if one["thing"]}
    assert kinds == {(subject, kind) for subject, some in recipe.THINGS.items() for kind in some}
    for name in ("defocus", "blur"):
        assert 0.1 < np.mean([one["camera"][name] > 0 for one in drawn]) < 0.35, name
    assert all(p["hair"]["flyaways"] > 0 for p in people)


def test_heads_are_close_sharp_and_have_hair_that_shows():
    heads = [recipe.draw_head(7, number) for number in range(300)]
    assert recipe.draw_head(7, 42) == heads[42] == json.loads(recipe.to_text(heads[42]))
    assert len({head["detail"] for head in heads}) == 300
    for head in heads:
        (person,) = head["people"]
        assert person["hair"]["kind"] not in ("bald", "buzz", "short")
        assert not any(person[name] for name in ("hat", "hood", "scarf"))
        assert head["camera"]["shot"] == "head"
        assert not head["camera"]["defocus"]
        assert not head["camera"]["blur"]
        assert head["subject"] in recipe.shows(head)


def test_two_people_of_a_picture_have_files_of_their_own(drawn):
    pair = next(one for one in drawn if one["subject"] == "two people")
    assert recipe.people_of(pair) == [f"{pair['number']:05d}.0", f"{pair['number']:05d}.1"]


def test_colour_is_straight_at_thin_edges_and_reaches_beyond_them():
    rng = np.random.default_rng(1)
    shape = np.zeros((160, 160), np.float32)
    cv2.circle(shape, (80, 80), 40, 1.0, -1)
    cv2.line(shape, (80, 80), (150, 20), 0.3, 1, cv2.LINE_AA)
    samples = 20
    coverage = rng.binomial(samples, cv2.GaussianBlur(shape, (0, 0), 2)) / samples
    color = np.array([0.2, 0.5, 3.0])
    straight = straighten(coverage[..., None] * color, coverage)
    assert straight == pytest.approx(np.broadcast_to(color, straight.shape), rel=0.02)


def test_colour_reaches_to_the_far_side_of_a_wide_picture():
    coverage = np.zeros((48, 1200), np.float32)
    coverage[10:40, 30:90] = 1.0
    color = np.array([0.2, 0.5, 3.0])
    straight = straighten(coverage[..., None] * color, coverage)
    assert straight[:, :900] == pytest.approx(np.broadcast_to(color, (48, 900, 3)), rel=0.02)


def test_alpha_is_whole_where_nothing_or_all_is_covered():
    alpha = alpha_of(np.array([[1.0, 0.9999, 0.25, 0.0001, 0.0, 1.2]], np.float32))
    assert alpha.tolist() == [[0.0, 0.0, 0.75, 1.0, 1.0, 0.0]]


def test_a_bank_goes_on_where_it_was_and_grows(tmp_path):
    batches.claim(tmp_path, 1, 512)
    for number in (0, 2):
        (tmp_path / f"foreground.{number:05d}.exr").touch()
    assert batches.missing(FOREGROUNDS, tmp_path, 3, 1) == [1]
    assert batches.missing(FOREGROUNDS, tmp_path, 5, 1) == [1, 3, 4]
    batches.claim(tmp_path, 1, 512)
    with pytest.raises(batches.BatchError, match="seed 1 and size 512"):
        batches.claim(tmp_path, 2, 512)


def test_some_of_a_bank_can_be_made_alone_and_are_those_of_the_whole(tmp_path):
    furry = batches.wanted(FOREGROUNDS, 200, 1, ["animal"])
    assert furry
    assert all("animal" in FOREGROUNDS.shows(recipe) for recipe in furry)
    everything = batches.wanted(FOREGROUNDS, 200, 1)
    assert [one for one in everything if one in furry] == furry
    FOREGROUNDS.place(tmp_path, furry[0]).touch()
    left = batches.missing(FOREGROUNDS, tmp_path, 200, 1, ["animal"])
    assert left == [recipe["number"] for recipe in furry[1:]]


def test_what_no_picture_shows_is_told(tmp_path):
    command = [sys.executable, RENDER / "bank.py", "--count", "3", "--output", tmp_path / "bank"]
    done = subprocess.run([*command, "--only", "unicorn"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "--only: none of 3 foregrounds shows unicorn" in done.stderr


def test_a_missing_python_is_named(tmp_path):
    command = [sys.executable, RENDER / "bank.py", "--count", "1", "--output", tmp_path / "bank"]
    command += ["--bpy-python", tmp_path / "nowhere"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert "nowhere" in done.stderr
    assert not (tmp_path / "bank").exists()


def test_pythons_that_lack_what_they_need_end_it_at_once(tmp_path):
    here = Path(sys.executable)
    for people, said in ((0, "cannot render"), (1, "cannot pose bodies")):
        seed = next(s for s in range(500) if len(recipe.draw_recipe(s, 0)["people"]) == people)
        folder = tmp_path / str(people)
        with pytest.raises(batches.BatchError, match=said):
            batches.make(FOREGROUNDS, folder, count=1, seed=seed, bpy=here, anny=here, size=32)
        assert [file.name for file in folder.iterdir()] == ["bank.json"]


@pytest.mark.skipif(BLENDER is None, reason="no Blender 4.5 in .venv-bpy: make blenders BLENDERS=4.5")
def test_a_rendered_thing_becomes_a_foreground_that_training_reads(tmp_path):
    number = next(n for n in range(500) if recipe.draw_recipe(7, n)["subject"] == "wheel")
    wheel = recipe.draw_recipe(7, number)
    broken = {**wheel, "subject": "nothing", "number": number + 1}
    (tmp_path / "recipes.json").write_text(json.dumps([broken, wheel]))
    command = [BLENDER, RENDER / "scene.py", tmp_path / "recipes.json", tmp_path, tmp_path / "passes"]
    done = subprocess.run([*command, "--size", "64", "64"], capture_output=True, text=True, timeout=120)
    assert f"failed {number + 1:05d} KeyError" in done.stdout  # and the rest goes on
    assert f"rendered {number:05d}" in done.stdout, done.stdout + done.stderr
    target = tmp_path / "foreground.exr"
    finish(wheel, tmp_path / "passes", target)
    frame = read_frame(target)
    assert frame.pixels.shape == (64, 64, 4)
    assert frame.alpha.min() == 0
    assert frame.alpha.max() == 1
    assert frame.rgb.max() > 0
    assert read_attributes(target)["howard:shows"] == recipe.shows(wheel)
    assert json.loads(read_attributes(target)["howard:recipe"]) == wheel
    assert list((tmp_path / "passes").iterdir()) == []
    color, alpha = ForegroundBank.load([target]).draw(np.random.default_rng(1), 64)
    assert color.shape == (64, 64, 3)
    assert alpha.max() > 0.5
