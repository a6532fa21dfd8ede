from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from howard_nodes.errors import FrameError, InputError
from howard_nodes.evaluation.cases import SPACE, Truth, find_cases, read_case, write_case
from howard_nodes.frames import read_frame, write_image


@pytest.fixture
def case(tmp_path) -> Path:
    rng = np.random.default_rng(2)
    plates = [rng.random((20, 30, 3), np.float32) * 4 for _ in range(2)]
    truths = [Truth(plate / 2, plate[..., 0] / 4) for plate in plates]
    folder = tmp_path / "set" / "one"
    write_case(
        folder, kind="static sequence", made="drawn", plates=plates, cleans=plates[:1], truths=truths, seed=7
    )
    return folder


def test_what_is_written_is_read_back(case):
    found = read_case(case)
    assert (found.name, found.kind, found.made, found.seed) == ("one", "static sequence", "drawn", 7)
    assert found.frames == (1, 2)
    assert found.clean == str(case / "clean.0001.exr")
    assert found.still_frames == ()
    plate, truth = read_frame(case / "plate.0002.exr"), found.truth(2)
    assert plate.colorspace == SPACE
    np.testing.assert_allclose(truth.foreground, plate.rgb / 2, rtol=2e-3)
    np.testing.assert_allclose(truth.alpha, plate.rgb[..., 0] / 4, rtol=2e-3)


def test_sets_and_single_cases_are_found(case):
    assert [found.name for found in find_cases([case.parent])] == ["one"]
    assert [found.name for found in find_cases([case])] == ["one"]
    with pytest.raises(InputError, match="two cases have this name"):
        find_cases([case.parent, case])


def test_a_folder_without_cases_says_how_to_make_some(tmp_path):
    with pytest.raises(InputError, match="howard cases"):
        find_cases([tmp_path])


def test_a_frame_without_truth_is_named(case):
    (case / "truth.0002.exr").unlink()
    with pytest.raises(FrameError, match=r"truth\.0002\.exr, frame 2.*no ground truth"):
        read_case(case)


def test_a_truth_of_another_size_is_named(case):
    write_image(case / "truth.0002.exr", np.zeros((10, 30, 4), np.float32), "RGBA", colorspace=SPACE)
    with pytest.raises(
        FrameError, match=r"truth\.0002\.exr, frame 2: the ground truth is 30x10, the plate 30x20"
    ):
        read_case(case).truth(2)


def test_a_truth_without_alpha_is_named(case):
    write_image(case / "truth.0001.exr", np.zeros((20, 30, 3), np.float32), "RGB", colorspace=SPACE)
    with pytest.raises(FrameError, match=r"truth\.0001\.exr.*R G B A, this has R G B"):
        read_case(case).truth(1)


def test_a_truth_that_is_not_a_number_is_named(case):
    import OpenImageIO as oiio  # noqa: N813

    pixels = np.zeros((20, 30, 4), np.float32)
    pixels[3, 4] = np.nan
    image = oiio.ImageBuf(oiio.ImageSpec(30, 20, 4, "half"))
    image.set_pixels(oiio.ROI(), pixels)
    image.write(str(case / "truth.0001.exr"))
    with pytest.raises(FrameError, match=r"truth\.0001\.exr, frame 1: 4 values are NaN or Inf"):
        read_case(case).truth(1)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"kind": "blurry"}, "'blurry' is unknown; choose from plain"),
        ({"made": "found"}, "'found' is unknown; choose from rendered"),
        ({"kind": None}, "None is unknown; choose from plain"),
    ],
)
def test_a_note_that_says_something_else_is_refused(case, change, word):
    note = case / "case.json"
    about = json.loads(note.read_text())
    note.write_text(json.dumps(about | change))
    with pytest.raises(InputError, match=word):
        read_case(case)
    del about["made"]
    note.write_text(json.dumps(about))
    with pytest.raises(InputError, match=r"case\.json: is not a valid case file \('made'\)"):
        read_case(case)
    note.write_text("[" * 100_000)
    with pytest.raises(InputError, match=r"case\.json: is damaged.*make the case again"):
        read_case(case)


def test_clean_plates_are_one_or_as_many_as_plates(case):
    for number in (3, 4):
        pixels = np.zeros((20, 30, 3), np.float32)
        write_image(case / f"clean.{number:04d}.exr", pixels, "RGB", colorspace=SPACE)
    with pytest.raises(InputError, match="2 plates and 3 clean plates"):
        read_case(case)
    for path in case.glob("clean.*"):
        path.unlink()
    with pytest.raises(InputError, match=r"no clean\.0001\.exr"):
        read_case(case)
