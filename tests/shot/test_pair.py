"""Two takes as files, made to fit in a run: reports, fits given back, holes, movies, and what goes wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pytest
from takes import Subject, Take, make_take, place

from howard_nodes.description import FitSettings
from howard_nodes.description.job import Job
from howard_nodes.errors import InputError
from howard_nodes.frames import read_frame, write_image
from howard_nodes.plates.fit import ShotFit
from howard_nodes.shot.events import Event, FrameFitted, Note, PlatesFitted
from howard_nodes.shot.run import Report, run

W, H = 208, 118
FRAMES = (1001, 1002, 1003)
SPACE = "lin_rec709_scene"
GAIN = 0.7


@cache
def room() -> np.ndarray:
    return place(np.random.default_rng(1), W, H, margin=0.25)


@cache
def plate_take(motion: str = "handheld") -> Take:
    who = Subject(np.random.default_rng(5), W, H, cover=0.25, path="across", plain=0.5)
    return make_take(
        np.random.default_rng(4),
        room(),
        width=W,
        height=H,
        frames=len(FRAMES),
        motion=motion,
        drift_px=3.0,
        noise=0.01,
        subject=who,
    )


@cache
def plate_light(i: int, motion: str = "handheld") -> np.ndarray:
    return plate_take(motion).plate(i)


@cache
def clean_take(*, moved: bool = True) -> Take:
    return make_take(
        np.random.default_rng(2),
        room(),
        width=W,
        height=H,
        frames=1,
        noise=0.01,
        start=(3.4, -1.7) if moved else (0.0, 0.0),
        gain=(GAIN, GAIN, GAIN) if moved else (1.0, 1.0, 1.0),
    )


@dataclass(frozen=True)
class Files:
    folder: Path
    plate: str
    clean: str

    def run(self, **changes) -> tuple[Report, list[Event]]:
        events: list[Event] = []
        usual = {
            "plate": self.plate,
            "clean_plate": self.clean,
            "output": str(self.folder / "out" / "shot.####.exr"),
            "depth": "float",
            "device": "cpu",
        }
        return run(Job(**usual | changes), events.append), events

    def layer(self, name: str, frame: int, folder: str = "out") -> np.ndarray:
        pixels = read_frame(self.folder / folder / f"shot.{frame}.exr", layer=name).pixels
        return pixels[..., 0] if pixels.shape[2] == 1 else pixels


def written(folder: Path, motion: str, *, moved: bool) -> Files:
    for i, frame in enumerate(FRAMES):
        write_image(
            folder / f"plate.{frame}.exr", plate_light(i, motion), "RGB", colorspace=SPACE, depth="float"
        )
    light = clean_take(moved=moved).clean(0)
    write_image(folder / "clean.exr", light, "RGB", colorspace=SPACE, depth="float")
    return Files(folder, str(folder / "plate.####.exr"), str(folder / "clean.exr"))


@pytest.fixture
def shot(tmp_path: Path) -> Files:
    """Three frames from a hand, and a still clean plate from elsewhere, half a stop darker."""
    return written(tmp_path, "handheld", moved=True)


def bits(folder: Path) -> dict[str, bytes]:
    """Pixels of all layers, not the files' bytes: those hold a date."""
    found = {}
    for path in sorted(folder.iterdir()):
        source = oiio.ImageInput.open(str(path))
        found[path.name] = source.read_image(0, 0, 0, source.spec().nchannels, "float").tobytes()
        source.close()
    return found


def warnings(events: list[Event]) -> list[str]:
    return [event.message for event in events if isinstance(event, Note) and event.warning]


def test_a_clean_plate_from_elsewhere_gives_the_matte_of_one_that_fits(shot):
    """Half a stop and several pixels off: fitted, it is as good as the perfect one; as it lies, far worse."""
    perfect = shot.folder / "perfect.####.exr"
    for i, frame in enumerate(FRAMES):
        path = str(perfect).replace("####", str(frame))
        write_image(path, plate_take().clean(i), "RGB", colorspace=SPACE, depth="float")
    off = FitSettings(align="off", match_exposure="off")
    wrong = {}
    for name, clean, fitting in (
        ("perfect", str(perfect), off),
        ("fitted", shot.clean, FitSettings()),
        ("as it lies", shot.clean, off),
    ):
        output = str(shot.folder / name / "shot.####.exr")
        report, _ = shot.run(output=output, clean_plate=clean, fitting=fitting, layers=("alpha", "valid"))
        assert report.done == FRAMES
        apart = [
            np.abs(shot.layer("alpha", frame, name) - plate_take().alpha(i))[
                shot.layer("valid", frame, name) > 0
            ]
            for i, frame in enumerate(FRAMES)
        ]
        wrong[name] = float(np.mean(np.concatenate(apart)))
    assert wrong["fitted"] < 1.3 * wrong["perfect"] + 0.002
    assert wrong["as it lies"] > 2 * wrong["fitted"]


def test_a_fit_given_back_gives_the_same_bits_in_any_split(shot):
    fit = str(shot.folder / "fit.json")
    layers = ("rgba", "foreground", "alpha", "coarse", "error", "clean", "difference", "valid")
    report, events = shot.run(report=fit, layers=layers)
    assert report.done == FRAMES
    assert [event.frame for event in events if isinstance(event, FrameFitted)] == list(FRAMES)
    whole = bits(shot.folder / "out")
    output = str(shot.folder / "split" / "shot.####.exr")
    for frames in ("1002-1003", "1001"):
        part, events = shot.run(fit=fit, layers=layers, output=output, frames=frames)
        assert not part.failed
        assert not any(isinstance(event, FrameFitted) for event in events)  # nothing is fitted again
        assert any(isinstance(event, PlatesFitted) for event in events)
    assert bits(shot.folder / "split") == whole
    shot.run(fit=fit, report=str(shot.folder / "again.json"), frames="1001")
    assert (shot.folder / "again.json").read_bytes() == (shot.folder / "fit.json").read_bytes()


def test_the_clean_layer_is_the_background_and_what_it_lacks_is_marked_and_counted(shot):
    fit = shot.folder / "fit.json"
    shot.run(report=str(fit), layers=("error", "valid", "clean"))
    saved = ShotFit.load(fit)
    uncovered = []
    for frame in FRAMES:
        valid = shot.layer("valid", frame)
        assert set(np.unique(valid)) == {0.0, 1.0}
        assert (shot.layer("error", frame)[valid == 0] == 1).all()
        truth, clean = plate_take().truth(frame - FRAMES[0]), shot.layer("clean", frame)
        assert np.isfinite(clean).all()
        # Where there is clean plate, it is the plate's own background, in its light.
        inside = valid > 0
        assert np.median(np.abs(np.log2((clean + 0.02) / (truth + 0.02)))[inside]) < 0.06
        assert abs(np.median(np.log2((clean[inside] + 1e-4) / truth[inside]))) < 0.03
        assert saved.frames[frame].coverage == pytest.approx(valid.mean(), abs=0.002)
        uncovered.append(1 - valid.mean())
    assert 0.01 < np.mean(uncovered) < 0.2
    assert json.loads(fit.read_text())["uncovered"] == pytest.approx(np.mean(uncovered), abs=0.002)


def test_a_shot_that_needs_nothing_gets_nothing(tmp_path):
    files = written(tmp_path, "static", moved=False)
    report, events = files.run(layers=("clean", "valid"))
    assert report.fit is not None
    assert report.fit.static
    assert warnings(events) == []
    light = read_frame(tmp_path / "clean.exr").rgb
    for frame in FRAMES:
        np.testing.assert_array_equal(files.layer("clean", frame), light)
        assert files.layer("valid", frame).min() == 1
    other = FitSettings(align="off", match_exposure="off")
    files.run(output=str(tmp_path / "off" / "shot.####.exr"), fitting=other, layers=("clean", "valid"))
    assert bits(tmp_path / "out") == bits(tmp_path / "off")


def test_resume_knows_the_fit(shot):
    fit = shot.folder / "fit.json"
    shot.run(report=str(fit))
    report, _ = shot.run(fit=str(fit), resume=True)
    assert report.skipped == (1001, 1002, 1003)
    # Solved anew it is the same.
    report, _ = shot.run(resume=True)
    assert report.skipped == (1001, 1002, 1003)
    document = json.loads(fit.read_text())
    document["frames"][1]["gain"][0] *= 1.001
    document["frames"][2]["message"] = "good: other words"
    fit.write_text(json.dumps(document))
    report, _ = shot.run(fit=str(fit), resume=True)
    assert (report.done, report.skipped) == ((1002,), (1001, 1003))


def refusals(shot: Files) -> dict[str, dict]:
    fit = shot.folder / "fit.json"
    shot.run(report=str(fit), frames="1001-1002", layers=("alpha",))
    document = json.loads(fit.read_text())
    (shot.folder / "cut.json").write_text(fit.read_text()[:300])
    (shot.folder / "small.json").write_text(json.dumps(document | {"size": [104, 59]}))
    (shot.folder / "space.json").write_text(json.dumps(document | {"space": "ACEScg"}))
    return {
        "no fit for the frames 1003": {"fit": str(fit)},
        "damaged": {"fit": str(shot.folder / "cut.json")},
        "104x59, the plate is 208x118": {"fit": str(shot.folder / "small.json"), "frames": "1001"},
        "gains are for ACEScg": {"fit": str(shot.folder / "space.json"), "frames": "1001"},
        "none.json": {"fit": str(shot.folder / "none.json")},
        "would overwrite an input": {"report": shot.clean},
        r"clean\.exr: cannot write there": {"report": str(shot.folder / "clean.exr" / "in the way.json")},
    }


def test_fits_and_reports_that_cannot_be_are_refused_and_nothing_is_written(shot):
    for said, changes in refusals(shot).items():
        with pytest.raises(InputError, match=said):
            shot.run(output=str(shot.folder / "none" / "shot.####.exr"), **changes)
        assert list((shot.folder / "none").iterdir()) == [], said


def test_a_clean_plate_of_another_place_is_said_and_the_night_goes_on(shot):
    other = make_take(
        np.random.default_rng(3),
        place(np.random.default_rng(9), W, H, margin=0.1),
        width=W,
        height=H,
        frames=1,
    )
    write_image(shot.clean, other.clean(0), "RGB", colorspace=SPACE)
    fit = shot.folder / "fit.json"
    report, events = shot.run(report=str(fit))
    assert report.done == FRAMES
    assert report.fit is not None
    assert report.fit.summary == "clean plate fit: 3 failed"
    (told,) = (event for event in events if isinstance(event, PlatesFitted))
    assert told.failed == "1001-1003"
    assert set(told.messages) == set(FRAMES)
    assert ShotFit.load(fit).count("failed") == 3


@pytest.mark.parametrize("odd", [1001, 1002])
def test_a_plate_frame_of_another_size_fails_alone(shot, odd):
    light = plate_light(1)[:-16]
    write_image(shot.folder / f"plate.{odd}.exr", light, "RGB", colorspace=SPACE)
    if odd == 1001:
        # The first one decides whether the takes fit at all.
        with pytest.raises(InputError, match="208x118.*208x102"):
            shot.run()
        return
    report, _ = shot.run()
    assert report.done == (1001, 1003)
    assert "208x102" in report.failed[1002]


def test_a_damaged_frame_says_what_is_wrong_with_it(shot):
    path = shot.folder / "plate.1003.exr"
    path.write_bytes(path.read_bytes()[:-3000])
    report, _ = shot.run()
    assert report.done == (1001, 1002)
    assert "plate.1003.exr" in report.failed[1003]
    assert "truncated" in report.failed[1003]


def test_a_damaged_clean_still_is_said_once_before_anything(shot):
    Path(shot.clean).write_bytes(Path(shot.clean).read_bytes()[:-3000])
    with pytest.raises(InputError, match=r"clean\.exr.*truncated"):
        shot.run()
    assert not (shot.folder / "out").exists()


def test_black_frames_are_made_like_others(shot):
    for frame in (1001, 1002):
        path = shot.folder / f"plate.{frame}.exr"
        write_image(path, np.zeros((H, W, 3), np.float32), "RGB", colorspace=SPACE)
    report, _ = shot.run()
    assert report.done == FRAMES
    assert report.fit is not None
    assert report.fit.numbers("doubtful") == "1001-1002"
    assert np.isfinite(shot.layer("alpha", 1002)).all()


@pytest.mark.parametrize("size", [(1, 1), (33, 2)])
def test_pictures_too_small_to_fit_are_made_all_the_same(tmp_path, size):
    light = np.random.default_rng(1).uniform(0, 2, (*size[::-1], 3)).astype(np.float32)
    for name in ("plate.1001.exr", "clean.exr"):
        write_image(tmp_path / name, light, "RGB", colorspace=SPACE)
        light = light * 0.5
    report, _ = Files(tmp_path, str(tmp_path / "plate.####.exr"), str(tmp_path / "clean.exr")).run()
    assert report.done == (1001,)
    assert report.fit is not None
    assert report.fit.count("good") == 0


# ---- movies


def encoded(light: np.ndarray) -> np.ndarray:
    """Gamma 2.4: what a movie without tags is taken for."""
    return np.clip(np.maximum(light, 0) ** (1 / 2.4) * 255 + 0.5, 0, 255).astype(np.uint8)


def movie(path: Path, pictures: list[np.ndarray], *, codec: str, pixels: str, rotation: int = 0) -> str:
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=Fraction(24))
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixels
        if rotation:
            stream.set_display_rotation(rotation)
        for light in pictures:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(encoded(light), format="rgb24")))
        output.mux(stream.encode())
    return str(path)


def movies(folder: Path, *, rotation: int = 0) -> tuple[str, str]:
    one = movie(
        folder / "take1.mov",
        [plate_light(i) for i in range(len(FRAMES))],
        codec="prores_ks",
        pixels="yuv422p10le",
    )
    two = movie(
        folder / "take2.mov",
        [clean_take().clean(0)] * 2,
        codec="prores_ks",
        pixels="yuv422p10le",
        rotation=rotation,
    )
    return one, two


def test_two_movies_as_they_were_shot(tmp_path):
    plate, clean = movies(tmp_path)
    files = Files(tmp_path, plate, clean)
    report, _ = files.run(report=str(tmp_path / "fit.json"), layers=("alpha", "clean", "valid"))
    assert report.done == (1, 2, 3)
    assert report.fit is not None
    assert report.fit.count("good") == 3
    for fit in report.fit.frames.values():
        truth = plate_take().between(clean_take(), fit.frame - 1, 0)
        corner = fit.sources[0].matrix @ [W / 2, H / 2, 1], truth @ [W / 2, H / 2, 1]
        apart = corner[0][:2] / corner[0][2] - corner[1][:2] / corner[1][2]
        assert np.hypot(*apart) < 0.25
        assert np.median(np.log2(fit.gain)) == pytest.approx(-np.log2(GAIN), abs=0.05)
    wrong = np.mean(
        [np.abs(files.layer("alpha", f"{i + 1:04d}") - plate_take().alpha(i)).mean() for i in range(3)]
    )
    assert wrong < 0.08


def test_a_movie_turned_on_its_side_is_refused(tmp_path):
    plate, clean = movies(tmp_path, rotation=90)
    with pytest.raises(InputError, match=r"118x208.*208x118.*is one of them rotated\?"):
        Files(tmp_path, plate, clean).run()


def test_a_broken_movie_is_named(tmp_path):
    plate, clean = movies(tmp_path)
    whole = Path(clean).read_bytes()
    Path(clean).write_bytes(whole[: len(whole) // 3])
    with pytest.raises(InputError, match=r"take2\.mov"):
        Files(tmp_path, plate, clean).run()
    Path(clean).write_bytes(b"")
    with pytest.raises(InputError, match=r"take2\.mov"):
        Files(tmp_path, plate, clean).run()
