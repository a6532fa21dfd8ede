from __future__ import annotations

import itertools
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pytest
from shots import gradient

from howard_nodes.description import FitSettings, MatteSettings
from howard_nodes.description.job import Job
from howard_nodes.errors import InputError
from howard_nodes.frames import Window, read_attributes, read_frame, write_image
from howard_nodes.shot.events import (
    Event,
    Finished,
    FrameDone,
    FrameFailed,
    FrameFitted,
    FrameStarted,
    Note,
    to_json,
)
from howard_nodes.shot.output import output_paths
from howard_nodes.shot.run import Report, run
from howard_nodes.shot.shot import FINGERPRINT_ATTRIBUTE

AS_IT_IS = FitSettings(align="off", match_exposure="off")
SHIPPED = Path("howard-lite0")  # where a matte must have edges; those of random weights are empty


def _run(shot, random_weights: Path, /, **changes) -> tuple[Report, list[Event]]:
    events: list[Event] = []
    output = str(shot.folder / "out" / "shot.####.exr")
    usual = {"plate": shot.plate, "clean_plate": shot.clean, "output": output, "weights": str(random_weights)}
    job = Job(**usual | changes)
    return run(job, events.append), events


def _warnings(events: list[Event]) -> list[str]:
    return [event.message for event in events if isinstance(event, Note) and event.warning]


def _bits(folder: Path) -> dict[str, bytes]:
    """Pixels of all layers, not the files' bytes: those hold a date."""
    found = {}
    for path in sorted(folder.iterdir()):
        source = oiio.ImageInput.open(str(path))
        found[path.name] = source.read_image(0, 0, 0, source.spec().nchannels, "half").tobytes()
        source.close()
    return found


def test_a_shot_becomes_layered_files_and_nothing_else(make_shot, random_weights):
    shot = make_shot(3)
    report, events = _run(shot, random_weights)
    assert (report.done, report.skipped, report.failed) == (shot.frames, (), {})
    assert sorted(os.listdir(shot.folder / "out")) == [f"shot.{frame}.exr" for frame in shot.frames]
    source = oiio.ImageInput.open(str(shot.folder / "out" / "shot.1002.exr"))
    assert sorted(source.spec().channelnames) == sorted(
        ["R", "G", "B", "A", "foreground.R", "foreground.G", "foreground.B", "alpha.A", "coarse.A", "error.A"]
    )
    assert not source.seek_subimage(1, 0)
    assert source.spec().getattribute("compression") == "zip"
    assert {str(source.spec().format)} == {"half"}
    assert isinstance(events[-1], Finished)
    assert [event.frame for event in events if isinstance(event, FrameDone)] == list(shot.frames)


def test_rgba_is_the_premultiplied_foreground(make_shot, random_weights):
    shot = make_shot(1)
    _run(shot, random_weights, depth="float")
    path = shot.folder / "out" / "shot.1001.exr"
    beauty, straight = read_frame(path), read_frame(path, layer="foreground")
    np.testing.assert_allclose(beauty.rgb, straight.rgb * beauty.alpha[..., None], rtol=1e-6)
    np.testing.assert_array_equal(read_frame(path, layer="alpha").pixels[..., 0], beauty.alpha)


def test_the_foreground_is_the_plate_to_the_bit_where_alpha_is_one(make_shot, random_weights, tmp_path):
    shot = make_shot(1)
    inside = np.zeros((72, 104, 1), np.float32)
    inside[20:40, 30:60] = 1
    write_image(tmp_path / "inside.exr", inside, "A")
    _run(shot, random_weights, depth="float", inside=str(tmp_path / "inside.exr"))
    foreground = read_frame(shot.folder / "out" / "shot.1001.exr", layer="foreground").rgb
    plate = read_frame(shot.folder / "plate.1001.exr").rgb
    np.testing.assert_array_equal(foreground[20:40, 30:60], plate[20:40, 30:60])
    assert foreground.max() > 3.9


def test_windows_timecode_and_metadata_reach_the_output(make_shot, random_weights):
    data, display = Window(-4, -2, 104, 72), Window(0, 0, 96, 68)
    metadata = {
        "smpte:TimeCode": "01:02:03:04",
        "framesPerSecond": 24,
        "cameraLabel": "A",
        "slate": 7,
    }
    shot = make_shot(1, data_window=data, display_window=display, metadata=metadata)
    _run(shot, random_weights)
    result, plate = (
        read_frame(shot.folder / "out" / "shot.1001.exr"),
        read_frame(shot.folder / "plate.1001.exr"),
    )
    assert (result.data_window, result.display_window) == (data, display)
    for name in plate.metadata:
        if not name.startswith("howard:"):
            assert result.metadata[name] == plate.metadata[name], name
    assert result.colorspace == "lin_rec709_scene"


@pytest.mark.parametrize("steadiness", [0, 1, 2])
def test_the_same_frame_gives_the_same_bits_however_frames_are_split(make_shot, steadiness):
    shot = make_shot(4)
    settings = MatteSettings(steadiness=steadiness)
    _run(shot, SHIPPED, output=str(shot.folder / "whole" / "s.####.exr"), settings=settings)
    for frames in ("1003-1004", "1001", "1002"):
        output = str(shot.folder / "split" / "s.####.exr")
        _run(shot, SHIPPED, output=output, frames=frames, settings=settings)
    assert _bits(shot.folder / "whole") == _bits(shot.folder / "split")


@pytest.mark.parametrize("steadiness", [0, 1])
def test_very_large_frames_are_done_one_at_a_time_to_the_same_bits(make_shot, monkeypatch, steadiness):
    shot = make_shot(5)
    settings = MatteSettings(steadiness=steadiness)
    _run(shot, SHIPPED, settings=settings, output=str(shot.folder / "usual" / "s.####.exr"))
    monkeypatch.setattr("howard_nodes.shot.shot._LARGE", 1)
    _, events = _run(shot, SHIPPED, settings=settings, output=str(shot.folder / "large" / "s.####.exr"))
    assert _bits(shot.folder / "usual") == _bits(shot.folder / "large")
    if not steadiness:
        order = [type(event) for event in events if isinstance(event, FrameStarted | FrameDone)]
        assert order == [FrameStarted, FrameDone] * 5


def test_neighbours_steady_a_frame_as_far_as_is_asked_for(make_shot):
    shot = make_shot(5)
    alphas = []
    for steadiness in (0, 1, 2, 3):
        output = str(shot.folder / str(steadiness) / "s.####.exr")
        settings = MatteSettings(steadiness=steadiness)
        report, _ = _run(shot, SHIPPED, output=output, settings=settings, frames="1002", fitting=AS_IT_IS)
        assert report.done == (1002,)
        alphas.append(read_frame(shot.folder / str(steadiness) / "s.1002.exr", layer="alpha").pixels)
    assert all(np.any(one != other) for one, other in itertools.pairwise(alphas))


def test_progress_of_a_fit_counts_the_frames_that_are_made(make_shot):
    shot = make_shot(5)
    settings = MatteSettings(steadiness=2)
    report, events = _run(shot, SHIPPED, frames="1002-1003", settings=settings)
    assert [event.frame for event in events if isinstance(event, FrameFitted)] == [1002, 1003]
    assert sorted(report.fit.frames) == [1001, 1002, 1003, 1004, 1005]


def test_neighbours_are_those_of_the_fit(make_shot):
    shot, fit = make_shot(4), {}
    for name, frames in (("all", None), ("some", "1002-1003")):
        fit[name] = str(shot.folder / f"{name}.json")
        _run(shot, SHIPPED, frames=frames, report=fit[name])
    made = {}
    for name in fit:
        output = str(shot.folder / name / "s.####.exr")
        settings = MatteSettings(steadiness=1)
        _run(shot, SHIPPED, output=output, frames="1002-1003", fit=fit[name], settings=settings)
        made[name] = _bits(shot.folder / name)
    assert all(made["all"][name] != made["some"][name] for name in made["all"])


def test_a_neighbour_that_cannot_be_read_is_named_and_done_without(make_shot):
    shot = make_shot(4)
    fit = str(shot.folder / "fit.json")
    _run(shot, SHIPPED, report=fit)
    path = shot.folder / "plate.1002.exr"
    path.write_bytes(path.read_bytes()[:3000])
    output = str(shot.folder / "steady" / "s.####.exr")
    report, events = _run(shot, SHIPPED, output=output, fit=fit, settings=MatteSettings(steadiness=1))
    assert (report.done, tuple(report.failed)) == ((1001, 1003, 1004), (1002,))
    told = [one for one in _warnings(events) if "without frame 1002" in one]
    assert [one.split()[1] for one in told] == ["1001", "1003"]


def test_resume_minds_the_neighbours(make_shot):
    shot, settings = make_shot(5), MatteSettings(steadiness=1)
    _run(shot, SHIPPED, settings=settings, fitting=AS_IT_IS)
    whole = _bits(shot.folder / "out")
    (shot.folder / "out" / "shot.1001.exr").unlink()
    report, _ = _run(shot, SHIPPED, resume=True, settings=settings, fitting=AS_IT_IS)
    assert (report.done, report.skipped) == ((1001,), (1002, 1003, 1004, 1005))
    assert _bits(shot.folder / "out") == whole
    write_image(shot.folder / "plate.1005.exr", shot.light(1003), "RGB", colorspace="lin_rec709_scene")
    report, _ = _run(shot, SHIPPED, resume=True, settings=settings, fitting=AS_IT_IS)
    assert (report.done, report.skipped) == ((1004, 1005), (1001, 1002, 1003))


def test_what_is_painted_for_a_frame_is_not_averaged_away(make_shot, tmp_path):
    shot = make_shot(3)
    painted = np.zeros((72, 104, 2), np.float32)
    painted[20:50, 30:70] = 1  # value and coverage
    for frame in shot.frames:
        write_image(tmp_path / f"o.{frame}.exr", painted if frame == 1002 else 0 * painted, ("Y", "A"))
    alphas = []
    for steadiness in (0, 1):
        output = str(shot.folder / str(steadiness) / "s.####.exr")
        _run(
            shot,
            SHIPPED,
            output=output,
            coarse_override=str(tmp_path / "o.####.exr"),
            settings=MatteSettings(steadiness=steadiness, sample_pixels=0),
        )
        alphas.append(read_frame(shot.folder / str(steadiness) / "s.1002.exr", layer="alpha").pixels)
    np.testing.assert_array_equal(alphas[0][20:50, 30:70], alphas[1][20:50, 30:70])
    assert np.any(alphas[0] != alphas[1])


def test_resume_makes_only_what_is_missing_damaged_or_of_other_inputs(make_shot, random_weights):
    shot = make_shot(4)
    _run(shot, random_weights)
    out = shot.folder / "out"
    (out / "shot.1001.exr").unlink()
    damaged = out / "shot.1002.exr"
    damaged.write_bytes(damaged.read_bytes()[:-200])
    write_image(shot.folder / "plate.1003.exr", shot.light(1004), "RGB", colorspace="lin_rec709_scene")
    untouched = (out / "shot.1004.exr").stat().st_mtime_ns
    report, _ = _run(shot, random_weights, resume=True)
    assert (report.done, report.skipped) == ((1001, 1002, 1003), (1004,))
    assert (out / "shot.1004.exr").stat().st_mtime_ns == untouched


@pytest.mark.parametrize(
    "changes", [{"layers": ("rgba", "alpha")}, {"depth": "float"}, {"colorspace": "acescg"}]
)
def test_resume_makes_frames_anew_when_a_setting_changed(make_shot, random_weights, changes):
    shot = make_shot(1)
    _run(shot, random_weights)
    report, _ = _run(shot, random_weights, resume=True, **changes)
    assert report.done == shot.frames
    report, _ = _run(shot, random_weights, resume=True, **changes)
    assert report.skipped == shot.frames


def test_without_resume_everything_is_made_again(make_shot, random_weights):
    shot = make_shot(2)
    _run(shot, random_weights)
    report, _ = _run(shot, random_weights)
    assert report.done == shot.frames


def test_a_file_of_the_right_name_is_not_taken_for_a_result(make_shot, random_weights):
    shot = make_shot(1)
    (shot.folder / "out").mkdir()
    write_image(shot.folder / "out" / "shot.1001.exr", shot.light(1001), "RGB")
    report, _ = _run(shot, random_weights, resume=True)
    assert report.done == (1001,)
    assert FINGERPRINT_ATTRIBUTE in read_attributes(shot.folder / "out" / "shot.1001.exr")


def test_clean_plate_frames_pair_by_number_and_offset(make_shot, random_weights):
    shot = make_shot(3, clean_sequence=True)
    report, _ = _run(shot, random_weights, clean_offset=1, fitting=AS_IT_IS)
    assert report.done == (1001, 1002)
    assert "clean.1004.exr" in report.failed[1003]
    assert "frame 1003" in report.failed[1003]


def test_pairing_follows_numbers_not_order(make_shot, random_weights):
    shot = make_shot(3, clean_sequence=True)
    (shot.folder / "clean.1001.exr").unlink()
    report, _ = _run(shot, random_weights, fitting=AS_IT_IS)
    assert list(report.failed) == [1001]
    assert report.done == (1002, 1003)


def test_a_missing_plate_frame_is_named_and_the_others_are_made(make_shot, random_weights):
    shot = make_shot(3)
    (shot.folder / "plate.1002.exr").unlink()
    report, events = _run(shot, random_weights, frames="1001-1003")
    assert report.done == (1001, 1003)
    assert "plate.1002.exr" in report.failed[1002]
    assert [event.frame for event in events if isinstance(event, FrameFailed)] == [1002]


def test_a_truncated_plate_fails_alone(make_shot, random_weights):
    shot = make_shot(3)
    path = shot.folder / "plate.1002.exr"
    path.write_bytes(path.read_bytes()[:3000])
    report, _ = _run(shot, random_weights)
    assert report.done == (1001, 1003)
    assert "plate.1002.exr" in report.failed[1002]
    assert sorted(os.listdir(shot.folder / "out")) == ["shot.1001.exr", "shot.1003.exr"]


def test_nan_and_inf_are_named_and_never_reach_the_output(make_shot, random_weights):
    shot = make_shot(1)
    pixels = shot.light(1001)
    pixels[10, 10], pixels[50, 50, 0], pixels[60, 3] = np.nan, np.inf, -np.inf
    # Straight through OpenImageIO: our own writer would not write them.
    spec = oiio.ImageSpec(104, 72, 3, "float")
    target = oiio.ImageOutput.create("openexr")
    assert target.open(str(shot.folder / "plate.1001.exr"), spec)
    assert target.write_image(pixels)
    target.close()
    report, events = _run(shot, random_weights, depth="float", colorspace="lin_rec709")
    assert report.done == (1001,)
    assert any("plate.1001.exr" in text and "3 pixels" in text for text in _warnings(events))
    assert np.isfinite(read_frame(shot.folder / "out" / "shot.1001.exr", layer="foreground").pixels).all()


def test_the_coarse_layers_do_not_feel_the_overrides(make_shot, random_weights, tmp_path):
    shot = make_shot(1)
    painted = np.zeros((72, 104, 1), np.float32)
    painted[:, :50] = 1
    write_image(tmp_path / "coarse.exr", painted, "Y")
    write_image(tmp_path / "error.exr", 0 * painted, "Y")
    _run(shot, random_weights, depth="float", output=str(tmp_path / "a.exr"))
    overrides = {f"{name}_override": str(tmp_path / f"{name}.exr") for name in ("coarse", "error")}
    _run(shot, random_weights, depth="float", output=str(tmp_path / "b.exr"), **overrides)
    for layer in ("coarse", "error"):
        without, with_ = (read_frame(tmp_path / name, layer=layer).pixels for name in ("a.exr", "b.exr"))
        np.testing.assert_array_equal(without, with_)
    without, with_ = (read_frame(tmp_path / name, layer="alpha").pixels for name in ("a.exr", "b.exr"))
    assert np.abs(without - with_).max() > 0.1


def test_a_coarse_override_shows_where_the_error_is_zero(make_shot, random_weights, tmp_path):
    shot = make_shot(1)
    roto = np.zeros((72, 104, 1), np.float32)
    roto[:, 52:] = 1
    write_image(tmp_path / "roto.exr", roto, "Y")
    write_image(tmp_path / "error.exr", np.zeros_like(roto), "Y")
    _run(
        shot,
        random_weights,
        coarse_override=str(tmp_path / "roto.exr"),
        error_override=str(tmp_path / "error.exr"),
        layers=("alpha", "region"),
    )
    path = shot.folder / "out" / "shot.1001.exr"
    alpha = read_frame(path, layer="alpha").pixels[..., 0]
    np.testing.assert_array_equal(alpha[:, :48], 0)
    np.testing.assert_array_equal(alpha[:, 56:], 1)
    assert not read_frame(path, layer="region").pixels.any()


def test_an_error_of_one_is_refined_whatever_the_budget(make_shot, random_weights, tmp_path):
    shot = make_shot(1)
    painted = np.zeros((72, 104, 1), np.float32)
    painted[:40] = 1
    write_image(tmp_path / "error.exr", painted, "Y")
    _run(shot, random_weights, error_override=str(tmp_path / "error.exr"), layers=("region",))
    region = read_frame(shot.folder / "out" / "shot.1001.exr", layer="region").pixels[..., 0]
    np.testing.assert_array_equal(region[:40], 1)
    np.testing.assert_array_equal(region[44:], 0)


def test_outside_wins_over_inside(make_shot, random_weights, tmp_path):
    shot = make_shot(1)
    left, top = np.zeros((72, 104, 1), np.float32), np.zeros((72, 104, 1), np.float32)
    left[:, :50], top[:30] = 1, 1
    write_image(tmp_path / "inside.exr", left, "A")
    write_image(tmp_path / "outside.exr", top, "A")
    _run(shot, random_weights, inside=str(tmp_path / "inside.exr"), outside=str(tmp_path / "outside.exr"))
    alpha = read_frame(shot.folder / "out" / "shot.1001.exr", layer="alpha").pixels[..., 0]
    np.testing.assert_array_equal(alpha[:30], 0)
    np.testing.assert_array_equal(alpha[30:, :50], 1)


def test_png_writes_one_16_bit_sequence_a_layer(make_shot, random_weights):
    shot = make_shot(2, suffix=".png", colorspace="srgb_rec709_scene")
    output = str(shot.folder / "out" / "shot.####.png")
    report, _ = _run(shot, random_weights, output=output, layers=("foreground", "alpha", "error"))
    names = {
        f"shot_{layer}.{frame}.png" for layer in ("foreground", "alpha", "error") for frame in shot.frames
    }
    assert set(os.listdir(shot.folder / "out")) == names
    assert report.done == shot.frames
    source = oiio.ImageInput.open(str(shot.folder / "out" / "shot_alpha.1001.png"))
    assert (source.spec().nchannels, str(source.spec().format)) == (1, "uint16")
    report, _ = _run(
        shot, random_weights, output=output, layers=("foreground", "alpha", "error"), resume=True
    )
    assert report.skipped == shot.frames


@pytest.mark.parametrize("fitting", [AS_IT_IS, FitSettings()])
def test_overscan_without_clean_plate_is_filled_and_marked(make_shot, random_weights, fitting):
    shot = make_shot(1, data_window=Window(-4, -2, 104, 72), display_window=Window(0, 0, 96, 68))
    clean = read_frame(shot.folder / "clean.exr").rgb[2:70, 4:100]
    write_image(shot.folder / "clean.exr", clean, "RGB", colorspace="lin_rec709_scene", depth="float")
    layers = ("alpha", "error", "clean", "valid", "difference")
    report, _ = _run(shot, random_weights, fitting=fitting, layers=layers, depth="float")
    assert report.done == (1001,)
    made = shot.folder / "out" / "shot.1001.exr"
    valid = read_frame(made, layer="valid").pixels[..., 0]
    inside = np.zeros((72, 104), bool)
    inside[2:70, 4:100] = True
    np.testing.assert_array_equal(valid, inside)
    assert (read_frame(made, layer="error").pixels[~inside] == 1).all()
    used = read_frame(made, layer="clean").pixels
    np.testing.assert_array_equal(used[2:70, 4:100], clean)
    # The fill goes on from the edge.
    assert np.abs(used - gradient()).max() < 0.05
    apart = np.abs(read_frame(shot.folder / "plate.1001.exr").pixels - used)
    np.testing.assert_allclose(read_frame(made, layer="difference").pixels, apart, atol=1e-6)


def test_a_lost_clean_frame_is_stood_in_for_and_told(make_shot, random_weights):
    shot = make_shot(3, clean_sequence=True)
    (shot.folder / "clean.1001.exr").unlink()
    report, events = _run(shot, random_weights)
    assert report.done == (1001, 1002, 1003)
    assert any("1001" in warning and "missing" in warning for warning in _warnings(events))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"plate": "nowhere/plate.####.exr"}, "nowhere"),
        ({"clean_plate": "nowhere.exr"}, "nowhere.exr"),
        ({"frames": "2001-2010"}, "2001-2010"),
        ({"frames": "abc"}, "abc"),
        ({"layers": ("alfa",)}, "alpha"),
        ({"colorspace": "logc9"}, "logc9"),
        ({"output_colorspace": "srgb_texture"}, "scene-linear"),
        ({"ocio": "nowhere.ocio"}, "nowhere.ocio"),
        ({"weights": "nothing"}, "nothing"),
        ({"compression": "zipp"}, "zipp"),
        ({"depth": "double"}, "double"),
        ({"device": "tpu"}, "tpu"),
        ({"precision": "float16", "device": "cpu"}, "float16"),
        ({"output": "out/shot.exr"}, "####"),
        ({"output": "out/shot.####.mov"}, ".exr or .png"),
        ({"inside": "nowhere.####.exr"}, "nowhere"),
    ],
)
def test_wrong_input_is_refused_before_anything_is_written(
    make_shot, random_weights, changes, words, monkeypatch
):
    shot = make_shot(2)
    monkeypatch.chdir(shot.folder)
    before = sorted(os.listdir(shot.folder))
    with pytest.raises(InputError, match=".") as caught:
        _run(shot, random_weights, **changes)
    assert words in str(caught.value)
    assert [name for name in sorted(os.listdir(shot.folder)) if name != "out"] == before
    assert not list(shot.folder.glob("out/*"))


def test_a_clean_plate_of_another_size_is_refused_at_once(make_shot, random_weights):
    shot = make_shot(3)
    write_image(shot.folder / "clean.exr", np.zeros((40, 40, 3), np.float32), "RGB")
    with pytest.raises(InputError, match="40x40.*104x72"):
        _run(shot, random_weights)


def test_the_output_never_overwrites_an_input(make_shot, random_weights):
    shot = make_shot(1)
    with pytest.raises(InputError, match="overwrite an input"):
        _run(shot, random_weights, output=shot.plate)


def test_names_may_hold_spaces_quotes_and_other_scripts(make_shot, random_weights, tmp_path):
    folder = tmp_path / "sh o't ü 東京"
    folder.mkdir()
    shot = make_shot(1, folder=folder)
    report, _ = _run(shot, random_weights, output=str(folder / "ö ut" / "mätte.####.exr"))
    assert report.done == (1001,)
    assert (folder / "ö ut" / "mätte.1001.exr").exists()


def test_a_full_disk_fails_frames_with_a_reason_and_leaves_nothing(make_shot, random_weights):
    shot = make_shot(2)
    output = str(shot.folder / "out" / "s.####.exr")
    script = f"""
import json, resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from howard_nodes.description.job import Job
from howard_nodes.shot.run import run
report = run(Job(plate={shot.plate!r}, clean_plate={shot.clean!r}, output={output!r},
                      weights={str(random_weights)!r}, depth="float", compression="none"))
print(json.dumps(report.failed))
"""
    assert resource.RLIMIT_FSIZE is not None
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    failed = json.loads(result.stdout.splitlines()[-1])
    assert set(failed) == {"1001", "1002"}
    assert "s.1001.exr" in failed["1001"]
    assert os.listdir(shot.folder / "out") == []


def test_events_are_one_line_of_json_each(make_shot, random_weights):
    _, events = _run(make_shot(1), random_weights)
    rows = [json.loads(to_json(event)) for event in events]
    assert rows[0]["event"] == "started"
    assert rows[-1]["event"] == "finished"
    assert "frame_done" in {row["event"] for row in rows}


def test_output_paths():
    assert [str(p) for p in output_paths("o/s.####.exr", ("rgba", "alpha"), 7)] == ["o/s.0007.exr"]
    paths = output_paths("o/s.####.png", ("rgba", "alpha"), 7)
    assert [str(p) for p in paths] == ["o/s.0007.png", "o/s_alpha.0007.png"]
