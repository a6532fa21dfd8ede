from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from howard_nodes.errors import InputError
from howard_nodes.evaluation.cases import KINDS, USUAL_KINDS, find_cases, read_case
from howard_nodes.evaluation.composing import compose_cases
from howard_nodes.evaluation.stock import read_stock
from howard_nodes.frames import read_frame, write_image
from howard_nodes.samples.places import PLACES, draw_place

_HEIGHT = 180
_GRAIN = 0.04  # more than five standard deviations of the strongest


def _foreground(path: Path, shows: str) -> None:
    person = np.zeros((128, 128, 4), np.float32)
    person[..., :3] = np.random.default_rng(len(shows)).random((8, 8, 3)).repeat(16, 0).repeat(16, 1)
    coverage = np.zeros((128, 128), np.float32)
    cv2.ellipse(coverage, (64, 60), (22, 28), 0, 0, 360, 1.0, -1)
    cv2.rectangle(coverage, (34, 84), (94, 127), 1.0, -1)
    person[..., 3] = cv2.GaussianBlur(coverage, (0, 0), 1.5)
    write_image(path, person, "RGBA", colorspace="lin_rec709_scene", metadata={"howard:shows": shows})


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("stock")
    foregrounds, pictures = root / "foregrounds", root / "pictures"
    foregrounds.mkdir()
    pictures.mkdir()
    _foreground(foregrounds / "long.exr", "person: walk, wavy, t-shirt; blur")
    _foreground(foregrounds / "short.exr", "person: relaxed, buzz, shirt")
    photo = np.random.default_rng(1).integers(0, 256, (12, 20, 3), np.uint8)
    cv2.imwrite(str(pictures / "photo.png"), cv2.resize(photo, (320, 200), interpolation=cv2.INTER_CUBIC))
    return foregrounds, pictures


@pytest.fixture(scope="module")
def made(folders, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("cases") / "set"
    stock = read_stock(*folders)
    told = list(compose_cases(output, stock, count=1, seed=5, height=_HEIGHT, kinds=KINDS))
    assert all(is_new for _, is_new in told)
    assert len(told) == 2 * len(KINDS) - 1
    return output


def test_every_kind_is_there_rendered_and_drawn(made):
    cases = find_cases([made])
    assert {(case.made, case.kind) for case in cases} == {
        (how, kind) for how in ("rendered", "drawn") for kind in KINDS
    } - {("drawn", "close-up")}


def test_unless_told_a_set_has_the_usual_kinds(folders, tmp_path):
    told = compose_cases(tmp_path, read_stock(*folders), count=1, seed=5, height=180)
    assert "_".join(next(told)[0].name.split("_")[1:-1]) in USUAL_KINDS
    assert not {"defocus", "translucent", "close-up", "own light"} & set(USUAL_KINDS)
    with pytest.raises(InputError, match="blurry"):
        list(compose_cases(tmp_path, read_stock(*folders), count=1, seed=5, height=180, kinds=("blurry",)))


def test_close_ups_are_before_bright_and_dark_smooth_and_busy_places(folders, tmp_path):
    list(compose_cases(tmp_path, read_stock(*folders), count=4, seed=5, height=180, kinds=("close-up",)))
    cases = sorted(find_cases([tmp_path]), key=lambda case: case.folder.name)
    levels = [np.median(read_frame(case.folder / "clean.0001.exr").rgb.max(2)) for case in cases]
    assert [level > 0.2 for level in levels] == [True, True, False, False]
    for case in cases:
        rows = np.flatnonzero((case.truth(1).alpha > 0.1).any(1))
        assert rows[-1] - rows[0] > 0.75 * 180


def test_who_is_translucent_or_out_of_focus_is_so_throughout(made):
    kinds = {case.kind: case.truth(1).alpha for case in find_cases([made]) if case.made == "rendered"}
    shown = kinds["translucent"] > 0.01
    assert (kinds["translucent"][shown] < 0.9).mean() > 0.99
    soft, sharp = (
        ((kinds[kind] > 0.02) & (kinds[kind] < 0.98)).sum() / (kinds[kind] >= 0.98).sum()
        for kind in ("defocus", "plain")
    )
    assert soft > sharp


def test_subjects_in_a_light_of_their_own_are_much_brighter_or_darker(folders, tmp_path):
    list(compose_cases(tmp_path, read_stock(*folders), count=2, seed=5, height=180, kinds=("own light",)))
    light: dict[str, list[float]] = {}
    for case in sorted(find_cases([tmp_path]), key=lambda case: case.folder.name):
        truth = case.truth(1)
        light.setdefault(case.made, []).append(float(truth.foreground[truth.alpha > 0.9].mean()))
    for bright, dark in light.values():
        assert bright > 0.8
        assert dark < 0.05


def test_plates_show_the_truth_and_clean_plates_the_place(made):
    for case in find_cases([made]):
        assert len(case.frames) == (8 if "sequence" in case.kind else 1)
        frame = case.frames[-1]
        truth = case.truth(frame)
        plate = read_frame(case.folder / f"plate.{frame:04d}.exr").rgb
        assert plate.shape == (_HEIGHT, _HEIGHT * 16 // 9, 3)
        solid = truth.alpha >= 1
        shown = np.abs(plate - truth.foreground)[solid]
        # Coverage just below 1 is 1 as a half float, and what is behind it may be very bright: hence not all.
        assert not solid.any() or (shown < _GRAIN * np.sqrt(truth.foreground[solid] + 0.1)).mean() > 0.99
        assert (truth.alpha.max() == 0) == (case.kind == "no subject")
        if case.kind in ("plain", "hair", "no subject", "motion blur", "two subjects"):
            clean = read_frame(case.clean).rgb
            empty = cv2.erode((truth.alpha == 0).astype(np.uint8), np.ones((9, 9))) > 0
            assert np.median(np.abs(plate - clean)[empty] / (clean[empty] + 0.05)) < 0.15, case.name


def test_subjects_are_as_large_as_on_a_shot(made):
    for case in find_cases([made]):
        if case.kind in ("no subject", "motion blur", "two subjects"):
            continue
        rows = np.flatnonzero((case.truth(1).alpha > 0.1).any(axis=1))
        assert 0.17 * _HEIGHT < rows[-1] - rows[0] + 1 <= 0.95 * _HEIGHT, case.name


def test_sequences_move_and_have_a_still_to_measure_grain_on(made):
    for case in find_cases([made]):
        if "sequence" not in case.kind:
            assert case.still_frames == ()
            continue
        assert len(list(case.folder.glob("clean.*.exr"))) == (8 if case.kind == "handheld sequence" else 1)
        assert np.abs(case.truth(1).alpha - case.truth(4).alpha).max() > 0.1
        stills = [read_frame(case.folder / f"still.{frame:04d}.exr").rgb for frame in case.still_frames]
        plate = read_frame(case.folder / "plate.0001.exr").rgb
        assert len(stills) == 4
        for one in stills:
            difference = np.abs(one - plate)
            assert 0 < np.median(difference) < _GRAIN
            assert (difference < 2 * _GRAIN * np.sqrt(np.maximum(plate, 0) + 0.1)).mean() > 0.999


def test_a_misregistered_or_drifted_clean_plate_says_by_how_much(made):
    kinds = {case.kind: case for case in find_cases([made]) if case.made == "rendered"}
    assert np.abs(kinds["exposure drift"].ingredients["clean plate"]["stops"]).max() > 0.1
    assert np.abs(kinds["misregistered"].ingredients["clean plate"]["shift"]).max() > 0.2
    assert kinds["plain"].ingredients["foregrounds"][0].endswith(".exr")


def test_a_case_depends_on_seed_and_name_alone(folders, made, tmp_path):
    alone = list(
        compose_cases(
            tmp_path, read_stock(*folders), count=2, seed=5, height=_HEIGHT, kinds=("hair", "static sequence")
        )
    )
    assert len(alone) == 2 * (2 + 1)
    for folder, _ in alone:
        before = made / folder.name
        if before.exists():
            assert sorted(path.name for path in folder.iterdir()) == sorted(p.name for p in before.iterdir())
            for path in folder.glob("*.exr"):
                np.testing.assert_array_equal(
                    read_frame(path).pixels, read_frame(before / path.name).pixels, err_msg=str(path)
                )
    other = compose_cases(
        tmp_path / "other", read_stock(*folders), count=1, seed=6, height=_HEIGHT, kinds=("hair",)
    )
    folder, _ = next(other)
    assert np.abs(read_case(folder).truth(1).alpha - read_case(made / folder.name).truth(1).alpha).max() > 0.5


def test_what_is_there_stays_and_what_is_half_done_is_made_again(folders, tmp_path):
    def make() -> list[bool]:
        stock = read_stock(*folders)
        return [
            new for _, new in compose_cases(tmp_path, stock, count=1, seed=5, height=180, kinds=KINDS[:2])
        ]

    assert make() == [True] * 4
    (tmp_path / "drawn_plain_01" / "case.json").unlink()
    assert make() == [False, False, True, False]


def test_without_foregrounds_all_is_drawn(tmp_path):
    stock = read_stock(None, None)
    told = list(compose_cases(tmp_path, stock, count=1, seed=5, height=180, kinds=("plain",)))
    assert [folder.name for folder, _ in told] == ["drawn_plain_01"]


def test_hair_needs_foregrounds_that_show_some(folders, tmp_path):
    bald = tmp_path / "bald"
    bald.mkdir()
    _foreground(bald / "one.exr", "person: relaxed, buzz, shirt")
    stock = read_stock(bald, None)
    with pytest.raises(InputError, match="shows hair"):
        list(compose_cases(tmp_path / "set", stock, count=1, seed=5, height=180, kinds=("hair",)))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: has no images"):
        read_stock(tmp_path / "empty", None)


@pytest.mark.parametrize("name", PLACES)
def test_a_place_is_lit_as_places_are(name):
    drawn, place = draw_place(np.random.default_rng(4), 90, 160, name)
    assert drawn == name
    assert place.shape == (90, 160, 3)
    assert place.dtype == np.float32
    assert place.min() > 0
    assert 0.02 < np.median(place.max(axis=2)) < 0.35
    again = draw_place(np.random.default_rng(4), 90, 160, name)[1]
    np.testing.assert_array_equal(place, again)
