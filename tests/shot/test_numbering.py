"""A shot whose movies are numbered from a start, and a clean plate that is a part of its take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from shots import disc_over_gradient, gradient

from howard_nodes.description import FitSettings
from howard_nodes.description.job import Job
from howard_nodes.errors import InputError
from howard_nodes.farm import Farming, make_bundle
from howard_nodes.frames import read_frame, write_image
from howard_nodes.plates.fit import ShotFit
from howard_nodes.shot.clean_plates import build_plates
from howard_nodes.shot.plan import plan
from howard_nodes.shot.run import run

AS_IT_IS = FitSettings(align="off", match_exposure="off")


def _movie(path: Path, pictures: list[np.ndarray], timecode: str = "") -> str:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mjpeg", rate=24, options={"qmin": "1", "q": "1"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuvj444p"
        if timecode:
            stream.metadata["timecode"] = timecode
        for picture in pictures:
            shown = (np.clip(picture, 0, 1) * 255).astype(np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(shown, "rgb24").reformat(format="yuvj444p")))
        output.mux(stream.encode())
    return str(path)


@pytest.fixture
def job(tmp_path: Path, random_weights: Path) -> Job:
    """Four frames of movie, a movie of as many as its clean plate, and one as its garbage matte."""
    garbage = [np.full((72, 104, 3), step / 4, np.float32) for step in range(4)]
    return Job(
        plate=_movie(
            tmp_path / "take1.mov", [disc_over_gradient(step)[0] for step in range(4)], "00:00:10:00"
        ),
        clean_plate=_movie(tmp_path / "take2.mov", [gradient()] * 4),
        outside=_movie(tmp_path / "garbage.mov", garbage),
        output=str(tmp_path / "out/shot.####.exr"),
        weights=str(random_weights),
        device="cpu",
        fitting=AS_IT_IS,
    )


@pytest.mark.parametrize(("start", "first"), [("1001", 1001), ("timecode", 240)])
def test_a_start_changes_numbers_and_nothing_else(job: Job, start: str, first: int) -> None:
    plain = run(job)
    numbered = run(replace(job, start_frame=start))
    assert plain.done == (1, 2, 3, 4)
    assert numbered.done == tuple(range(first, first + 4))
    folder = Path(job.output).parent
    for number, same in zip(numbered.done, plain.done):
        pair = [read_frame(folder / f"shot.{frame:04d}.exr") for frame in (number, same)]
        np.testing.assert_array_equal(pair[0].pixels, pair[1].pixels)
        assert pair[0].metadata["smpte:TimeCode"] == pair[1].metadata["smpte:TimeCode"]


def test_frames_are_asked_for_by_their_numbers(job: Job) -> None:
    numbered = replace(job, start_frame="1001")
    assert run(replace(numbered, frames="1002-1003")).done == (1002, 1003)
    assert run(replace(numbered, resume=True)).skipped == (1002, 1003)
    with pytest.raises(InputError, match=r"take1\.mov: has none of the frames 1-4, only 1001-1004"):
        plan(replace(numbered, frames="1-4"))


def test_a_clean_plate_has_a_start_of_its_own(job: Job, make_shot, tmp_path: Path) -> None:
    shot = make_shot(4, folder=tmp_path / "files", colorspace="srgb_rec709_scene")
    sequence = replace(job, plate=shot.plate, outside=None)
    assert run(replace(sequence, clean_start_frame="1001")).done == shot.frames
    assert run(replace(sequence, clean_start_frame="1002")).done == shot.frames[1:]
    with pytest.raises(InputError, match="is not a movie"):
        plan(replace(sequence, start_frame="1001"))


def test_a_fit_is_of_the_numbers_it_was_made_with(job: Job, tmp_path: Path) -> None:
    numbered = replace(job, start_frame="1001", fitting=FitSettings(), report=str(tmp_path / "fit.json"))
    run(numbered)
    assert sorted(ShotFit.load(tmp_path / "fit.json").frames) == [1001, 1002, 1003, 1004]
    again = replace(numbered, report=None, fit=str(tmp_path / "fit.json"), resume=True)
    assert run(again).skipped == (1001, 1002, 1003, 1004)
    with pytest.raises(InputError, match=r"fit\.json"):
        run(replace(again, start_frame=None))


def test_a_clean_plate_is_built_with_the_movies_numbers(job: Job, tmp_path: Path) -> None:
    place = np.kron(np.random.default_rng(4).random((30, 40, 3), np.float32), np.ones((6, 6, 1), np.float32))
    pictures = [place.copy() for _ in range(6)]
    for step, picture in enumerate(pictures):
        picture[60:120, 10 + 35 * step : 40 + 35 * step] = (1.0, 0.2, 0.1)
    _movie(Path(job.plate), pictures)
    report = build_plates(
        replace(job, clean_plate=None, output=str(tmp_path / "clean.####.exr"), start_frame="1001")
    )
    assert report.done == tuple(range(1001, 1007))
    assert (tmp_path / "clean.1001.exr").is_file()


@pytest.mark.parametrize("fitting", [AS_IT_IS, FitSettings()])
def test_frames_that_are_not_the_clean_plate_are_never_read(
    make_shot, random_weights: Path, tmp_path: Path, fitting: FitSettings
) -> None:
    shot = make_shot(3, clean_sequence=True)
    for frame in (1004, 1005):  # another size: whoever reads them fails
        write_image(tmp_path / f"clean.{frame}.exr", gradient()[:40], "RGB", colorspace="lin_rec709_scene")
    job = Job(
        plate=shot.plate,
        clean_plate=shot.clean,
        output=str(tmp_path / "out/shot.####.exr"),
        weights=str(random_weights),
        report=str(tmp_path / "fit.json"),
        fitting=fitting,
    )
    report = run(replace(job, clean_frames="1001-1003"))
    assert (report.done, report.failed) == (shot.frames, {})
    if not fitting.does_nothing:
        used = {
            source.frame
            for fit in ShotFit.load(tmp_path / "fit.json").frames.values()
            for source in fit.sources
        }
        assert used <= {1001, 1002, 1003}
    # One frame is a still clean plate.
    assert run(replace(job, clean_frames="1002", report=None)).done == shot.frames
    with pytest.raises(InputError, match=r"clean\.####\.exr: has none of the frames 1-40, only 1001-1005"):
        plan(replace(job, clean_frames="1-40"))


def test_a_frame_that_is_not_used_is_no_missing_file(make_shot, random_weights: Path, tmp_path: Path) -> None:
    shot = make_shot(3, clean_sequence=True)
    report = run(
        Job(
            plate=shot.plate,
            clean_plate=shot.clean,
            output=str(tmp_path / "out/shot.####.exr"),
            weights=str(random_weights),
            clean_frames="1001-1002",
            fitting=AS_IT_IS,
        )
    )
    assert report.done == (1001, 1002)
    assert report.failed[1003].endswith(
        "clean.1003.exr, frame 1003: only frames 1001-1002 are used: this frame has no clean plate."
    )


def test_a_farm_passes_it_on(job: Job, tmp_path: Path) -> None:
    numbered = replace(job, start_frame="1001", clean_frames="1001-1002", clean_plate=job.clean_plate)
    bundle = make_bundle(numbered, tmp_path / "job", Farming(chunk=2))
    assert bundle.frames == (1001, 1002, 1003, 1004)
    assert (bundle.values["StartFrame"], bundle.values["CleanFrames"]) == ("1001", "1001-1002")
    template = (tmp_path / "job/template.yaml").read_text(encoding="utf-8")
    # Matte reads both, Verify's page the plate; nothing is fitted.
    assert (template.count("--start-frame"), template.count("--clean-frames")) == (2, 1)
    with_fit = make_bundle(
        replace(numbered, fitting=FitSettings()), tmp_path / "fitted", Farming(overwrite=True)
    )
    template = (with_fit.folder / "template.yaml").read_text(encoding="utf-8")
    assert (template.count("--start-frame"), template.count("--clean-frames")) == (3, 2)  # Fit too


def test_a_farm_lists_only_the_clean_frames_it_may_read(
    make_shot, random_weights: Path, tmp_path: Path
) -> None:
    shot = make_shot(3, clean_sequence=True)
    job = Job(
        plate=shot.plate,
        clean_plate=shot.clean,
        output=str(tmp_path / "out/shot.####.exr"),
        weights=str(random_weights),
        clean_frames="1002-1003",
    )
    make_bundle(job, tmp_path / "job", Farming())
    listed = (tmp_path / "job/asset_references.yaml").read_text(encoding="utf-8")
    assert "clean.1002.exr" in listed
    assert "clean.1001.exr" not in listed


@pytest.mark.parametrize("value", ["soon", "10.5", "1e3", "99999999999"])
def test_a_start_that_is_none_is_refused_before_any_file(value: str) -> None:
    with pytest.raises(InputError, match=rf"start frame '{value}': must be a frame number, or timecode"):
        Job(plate="take.mov", output="o.####.exr", start_frame=value)
