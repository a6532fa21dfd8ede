"""`howard plate`: what a user types, what is written, what is said, and how it ends."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from takes import Subject, Take, make_take, place

from howard_nodes.frames import inspect_file, read_attributes, read_frame, write_image
from howard_nodes.plates.fit import ShotFit

W, H = 208, 118
FRAMES = (1001, 1002, 1003, 1004)
SPACE = "lin_rec709_scene"


@cache
def take(motion: str = "handheld") -> Take:
    rng = np.random.default_rng(4)
    who = Subject(np.random.default_rng(5), W, H, cover=0.2, path="across", plain=0.5)
    more = {"motion": motion, "drift_px": 3.0, "noise": 0.004, "subject": who}
    return make_take(rng, place(rng, W, H, margin=0.2), width=W, height=H, frames=len(FRAMES), **more)


@cache
def plate(i: int, motion: str = "handheld") -> np.ndarray:
    return take(motion).plate(i)


@cache
def empty() -> np.ndarray:
    """The clean plate: from elsewhere, half a stop darker."""
    big = place(np.random.default_rng(4), W, H, margin=0.2)
    more = {"start": (3.4, -1.7), "gain": (0.7, 0.7, 0.7), "noise": 0.004}
    return make_take(np.random.default_rng(2), big, width=W, height=H, frames=1, **more).clean(0)


def exr(path: Path, light: np.ndarray) -> None:
    write_image(path, light, "RGB", colorspace=SPACE, depth="float")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i, frame in enumerate(FRAMES):
        exr(tmp_path / f"plate.{frame}.exr", plate(i))
    exr(tmp_path / "clean.exr", empty())
    return tmp_path


@pytest.fixture
def align(howard, folder):
    """Call `howard plate align` in the folder."""

    def call(*more, plate="plate.####.exr", clean="clean.exr", output="fit/fit.####.exr"):
        places = (folder / plate, "--clean", folder / clean, "-o", folder / output)
        return howard("plate", "align", *places, "--device", "cpu", *more)

    return call


@pytest.fixture
def build(howard, folder):
    """Call `howard plate build` in the folder."""

    def call(*more, plate="plate.####.exr", output="built.####.exr"):
        return howard("plate", "build", folder / plate, "-o", folder / output, "--device", "cpu", *more)

    return call


def pixels(folder: Path) -> dict[str, bytes]:
    found = {}
    for path in sorted(folder.glob("*.exr")):
        layers = sorted(inspect_file(path).parts[0].layers)
        found[path.name] = b"".join(read_frame(path, layer=name or None).pixels.tobytes() for name in layers)
    return found


def test_align_writes_a_clean_plate_a_frame_and_how_it_fits(align, folder):
    ended = align("--report", folder / "fit.json", "--depth", "float")
    assert ended.code == 0, ended.err
    assert sorted(path.name for path in (folder / "fit").iterdir()) == [
        f"fit.{frame}.exr" for frame in FRAMES
    ]
    assert "clean plate fit: 4 good" in ended.out
    assert "4 frames done" in ended.out
    saved = ShotFit.load(folder / "fit.json")
    for i, frame in enumerate(FRAMES):
        path = folder / "fit" / f"fit.{frame}.exr"
        assert any(
            line.startswith(f"{frame}  ") and line.endswith(str(path)) for line in ended.out.splitlines()
        )
        assert set(inspect_file(path).parts[0].layers) == {"", "valid", "difference"}
        clean, valid = read_frame(path), read_frame(path, layer="valid").pixels[..., 0]
        assert clean.colorspace == SPACE
        assert read_attributes(path)["howard:fit"] == saved.frames[frame].message
        assert set(np.unique(valid)) == {0.0, 1.0}
        assert valid.mean() == pytest.approx(saved.frames[frame].coverage, abs=0.002)
        plate = read_frame(folder / f"plate.{frame}.exr").rgb
        difference = read_frame(path, layer="difference").rgb
        np.testing.assert_allclose(difference, np.abs(plate - clean.rgb), atol=1e-6)
        truth = take().truth(i)
        apart = np.abs(np.log2((clean.rgb + 0.02) / (truth + 0.02)))[valid > 0]
        assert np.median(apart) < 0.05


def test_a_fit_given_back_gives_the_same_bits_in_any_split(align, folder):
    fit = folder / "fit.json"
    assert align("--report", fit).code == 0
    whole = pixels(folder / "fit")
    for frames in ("1001", "1002-1004"):
        ended = align("--fit", fit, "--frames", frames, output="split/fit.####.exr")
        assert ended.code == 0, ended.err
        assert "moved by" not in ended.out  # nothing was fitted
    assert pixels(folder / "split") == whole


def test_matte_takes_the_fitted_plates_as_they_are(align, howard, folder):
    assert align().code == 0
    ended = howard(
        "matte",
        folder / "plate.####.exr",
        *("--clean", folder / "fit" / "fit.####.exr", "-o", folder / "out" / "shot.####.exr"),
        *(
            "--align",
            "off",
            "--match-exposure",
            "off",
            "--layers",
            "alpha,error,clean,valid",
            "--device",
            "cpu",
        ),
    )
    assert ended.code == 0, ended.err
    for i, frame in enumerate(FRAMES):
        made, fitted = folder / "out" / f"shot.{frame}.exr", folder / "fit" / f"fit.{frame}.exr"
        valid = read_frame(fitted, layer="valid").pixels
        np.testing.assert_array_equal(read_frame(made, layer="valid").pixels, valid)
        assert (read_frame(made, layer="error").pixels[valid == 0] == 1).all()
        inside = valid[..., 0] > 0
        np.testing.assert_array_equal(
            read_frame(made, layer="clean").rgb[inside], read_frame(fitted).rgb[inside]
        )
        alpha = read_frame(made, layer="alpha").pixels[..., 0]
        assert np.abs(alpha - take().alpha(i))[inside].mean() < 0.05


def test_json_has_events_and_nothing_else(align):
    ended = align("--json", "--frames", "1001-1002")
    assert ended.code == 0, ended.err
    events = [json.loads(line) for line in ended.out.splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds[-1] == "finished"
    assert kinds.count("frame_fitted") == kinds.count("frame_done") == 2
    (fitted,) = (event for event in events if event["event"] == "plates_fitted")
    assert (fitted["good"], fitted["doubtful"], fitted["failed"]) == ("1001-1002", "", "")


def test_one_picture_and_one_clean_plate(align, folder):
    ended = align(plate="plate.1003.exr", output="fit.exr")
    assert ended.code == 0, ended.err
    assert "1 frame done" in ended.out
    assert read_frame(folder / "fit.exr").rgb.shape == (H, W, 3)


def test_what_does_not_fit_is_written_as_it_lies_and_counts_as_failed(align, folder):
    exr(folder / "black.exr", np.zeros((H, W, 3), np.float32))
    ended = align("--report", folder / "fit.json", "--frames", "1001-1002", clean="black.exr")
    assert ended.code == 1
    assert "clean plate fit: 2 failed" in ended.out
    assert "howard: 2 of 2 frames failed:" in ended.err
    assert "the clean plate is black" in ended.err
    assert "Traceback" not in ended.err
    assert len(list((folder / "fit").iterdir())) == 2
    assert ShotFit.load(folder / "fit.json").numbers("failed") == "1001-1002"


def test_a_failed_fit_ends_every_command_with_the_same_code(howard, folder, weights):
    exr(folder / "black.exr", np.zeros((H, W, 3), np.float32))
    common = ("--frames", "1001-1003", "--device", "cpu", "--align", "homography")
    for name, output, more in (
        (("matte",), "out/shot.####.exr", ("--weights", weights)),
        (("plate", "align"), "aligned/fit.####.exr", ()),
        (("plate", "fit"), "fit.json", ()),
    ):
        plates = (folder / "plate.####.exr", "--clean", folder / "black.exr", "-o", folder / output)
        ended = howard(*name, *plates, *common, *more)
        assert ended.code == 1, name
        assert "1001-1003" in ended.err.splitlines()[-1], name
    assert len(list((folder / "out").iterdir())) == 3  # matted all the same
    # Kept frames are no better.
    plates = (folder / "plate.####.exr", "--clean", folder / "black.exr", "-o", folder / "out/shot.####.exr")
    ended = howard("matte", *plates, *common, "--weights", weights, "--resume")
    assert (ended.code, ended.out.count("already there")) == (1, 4)
    last = ended.err.splitlines()[-1]
    assert (
        last
        == "howard: error: the clean plate could not be fitted to frames 1001-1003; it is used as is there"
    )
    # A fit that was made before says the same, of the frames that are asked for.
    one = ("--frames", "1002", "--fit", folder / "fit.json", "--weights", weights, "--device", "cpu")
    ended = howard("matte", *plates, *one)
    assert (ended.code, "fitted to frame 1002;" in ended.err) == (1, True)
    # On a farm frames go on, and the last task tells.
    ended = howard("matte", *plates, *one, "--openjd")
    assert (ended.code, "clean plate fit failed" in ended.err) == (0, True)
    ended = howard("verify", folder / "out/shot.####.exr", "--openjd", "--report", folder / "report.json")
    assert ended.code == 1
    assert "openjd_fail: 0 of 3 frames passed; failed: 1001-1003" in ended.out
    assert "frame 1001: clean plate fit failed: the clean plate is black" in ended.out
    assert len(json.loads((folder / "report.json").read_text(encoding="utf-8"))["facts"]["settings"]) == 1


def test_a_broken_frame_fails_alone(align, folder):
    path = folder / "plate.1002.exr"
    path.write_bytes(path.read_bytes()[:-2000])
    ended = align("--frames", "1001-1002")
    assert ended.code == 1
    assert "plate.1002.exr, frame 1002: is truncated" in ended.err
    assert len(list((folder / "fit").iterdir())) == 1


@pytest.mark.parametrize(
    ("more", "patterns", "said"),
    [
        ([], {"output": "fit.exr"}, ["4 frames need a frame number", "fit.####.exr"]),
        ([], {"output": "fit.####.png"}, ["fit.####.png", "written as EXR"]),
        ([], {"output": "plate.####.exr"}, ["plate.1001.exr", "would overwrite an input"]),
        ([], {"output": "clean.exr/fit.####.exr"}, ["clean.exr", "choose another folder"]),
        ([], {"clean": "nothing.exr"}, ["nothing.exr"]),
        ([], {"clean": "small.exr"}, ["small.exr", "the clean plate is 60x34", "208x118"]),
        ([], {"clean": "turned.exr"}, ["turned.exr", "118x208", "is one of them rotated"]),
        ([], {"clean": "broken.mov"}, ["broken.mov"]),
        (["--frames", "7-9"], {}, ["7-9", "1001-1004"]),
        (["--fit", "{}/plate.1001.exr"], {}, ["plate.1001.exr", "damaged or not JSON"]),
        (["--align", "on"], {}, ["on"]),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list | dict) else None,
)
def test_wrong_input_ends_with_2_and_a_reason(align, folder, more, patterns, said):
    exr(folder / "small.exr", empty()[:34, :60])
    exr(folder / "turned.exr", np.ascontiguousarray(np.rot90(empty())))
    (folder / "broken.mov").write_bytes(b"\x00\x00\x00\x14ftypqt  \x00\x00\x02\x00qt  " + bytes(40))
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    ended = align(*(text.replace("{}", str(folder)) for text in more), **patterns)
    assert ended.code == 2
    for words in said:
        assert words in ended.err
    assert "Traceback" not in ended.err
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    assert not list(folder.glob("fit/*"))


# ---- build


def brightness_apart(found: np.ndarray, truth: np.ndarray, valid: np.ndarray) -> np.ndarray:
    return np.abs(np.log2((found + 0.02) / (truth + 0.02)))[valid > 0]


def test_build_a_still_and_one_a_frame(build, folder):
    ended = build("--report", folder / "built.json")
    assert ended.code == 0, ended.err
    assert "4 frames done" in ended.out
    for i, frame in enumerate(FRAMES):
        path = folder / f"built.{frame}.exr"
        assert set(inspect_file(path).parts[0].layers) == {"", "valid"}
        clean, valid = read_frame(path), read_frame(path, layer="valid").pixels[..., 0]
        assert clean.colorspace == SPACE
        assert valid.mean() > 0.8
        assert np.median(brightness_apart(clean.rgb, take().truth(i), valid)) < 0.06
    document = json.loads((folder / "built.json").read_text())
    assert document["format"] == "howard-built-plate"
    assert document["frames"] == "1001-1004"
    assert document["not_used"] == {}
    ended = build(output="still.exr")
    assert ended.code == 0, ended.err
    assert "1 frame done" in ended.out
    reference = document["reference"]
    np.testing.assert_array_equal(
        read_frame(folder / "still.exr").rgb, read_frame(folder / f"built.{reference}.exr").rgb
    )


def test_a_built_plate_mattes_its_own_take(build, howard, folder):
    for i, frame in enumerate(FRAMES):
        exr(folder / f"plate.{frame}.exr", plate(i, "static"))
    assert build(output="still.exr").code == 0
    ended = howard(
        "matte",
        folder / "plate.####.exr",
        *("--clean", folder / "still.exr", "-o", folder / "out" / "shot.####.exr", "--device", "cpu"),
    )
    assert ended.code == 0, ended.err
    for i, frame in enumerate(FRAMES):
        alpha = read_frame(folder / "out" / f"shot.{frame}.exr", layer="alpha").pixels[..., 0]
        assert np.abs(alpha - take("static").alpha(i)).mean() < 0.05


def test_a_take_whose_subject_never_moves_away_is_no_success(build, tmp_path):
    who = Subject(np.random.default_rng(5), W, H, cover=0.3, path="sway")
    big = place(np.random.default_rng(4), W, H, margin=0.2)
    sways = make_take(np.random.default_rng(4), big, width=W, height=H, frames=10, noise=0.004, subject=who)
    for i in range(10):
        exr(tmp_path / f"plate.{1001 + i}.exr", sways.plate(i))
    ended = build("--report", tmp_path / "built.json", output="still.exr")
    assert ended.code == 1
    assert "the subject never moves away" in ended.err
    assert json.loads((tmp_path / "built.json").read_text())["verdict"] == "failed"
    valid = read_frame(tmp_path / "still.exr", layer="valid").pixels[..., 0]
    never = np.min([sways.alpha(i) for i in range(10)], axis=0) > 0.5
    assert valid[never].mean() < 0.1


@pytest.mark.parametrize(
    ("more", "patterns", "said"),
    [
        ([], {"plate": "plate.1001.exr"}, ["plate.1001.exr", "one image does not show"]),
        ([], {"output": "built.png"}, ["built.png", "written as EXR"]),
        ([], {"output": "plate.####.exr"}, ["would overwrite an input"]),
        (["--frames", "7-9"], {}, ["7-9", "1001-1004"]),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list | dict) else None,
)
def test_what_cannot_be_built_ends_with_2_and_a_reason(build, folder, more, patterns, said):
    ended = build(*more, **patterns)
    assert ended.code == 2
    for words in said:
        assert words in ended.err
    assert "Traceback" not in ended.err
    assert not list(folder.glob("built*"))


def test_black_frames_make_no_plate(build, folder):
    for frame in FRAMES:
        exr(folder / f"plate.{frame}.exr", np.zeros((H, W, 3), np.float32))
    ended = build()
    assert ended.code == 2
    assert "of 4 frames can be registered (too little texture" in ended.err
    assert "Traceback" not in ended.err
    assert not list(folder.glob("built*"))


def test_help_names_the_commands(howard):
    ended = howard("plate", "--help")
    assert ended.code == 0
    assert "align" in ended.out
    assert "build" in ended.out


def test_a_fit_alone_is_that_of_align(howard, folder, align):
    assert align("--report", folder / "fit/aligned.json").code == 0
    (folder / "alone").mkdir()
    places = (folder / "plate.####.exr", "--clean", folder / "clean.exr")
    ended = howard("plate", "fit", *places, "-o", folder / "alone/fit.json", "--device", "cpu", "--openjd")
    assert ended.code == 0, ended.err
    aligned, alone = (ShotFit.load(folder / name) for name in ("fit/aligned.json", "alone/fit.json"))
    assert {n: fit.fingerprint for n, fit in alone.frames.items()} == {
        n: fit.fingerprint for n, fit in aligned.frames.items()
    }
    assert [path.name for path in (folder / "alone").iterdir()] == ["fit.json"]
    assert "openjd_status: 4 of 4 frames compared" in ended.out
    assert ended.out.rindex("openjd_progress: 100.0") > ended.out.rindex("openjd_progress: 25.0")


def test_a_fit_that_cannot_be(howard, folder):
    places = (folder / "plate.####.exr", "--clean", folder / "clean.exr", "--device", "cpu")
    nothing = howard(
        "plate", "fit", *places, "-o", folder / "f.json", "--align", "off", "--match-exposure", "off"
    )
    assert (nothing.code, "nothing to fit" in nothing.err) == (2, True)
    named = howard("plate", "fit", *places, "-o", folder / "fit.exr")
    assert (named.code, "a name that ends in .json" in named.err) == (2, True)
    (folder / "plate.1002.exr").write_bytes(b"no picture")
    partly = howard("plate", "fit", *places, "-o", folder / "fit.json")
    assert (partly.code, "frame 1002" in partly.err) == (1, True)
    assert set(ShotFit.load(folder / "fit.json").frames) == {1001, 1003, 1004}
