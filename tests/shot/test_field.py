"""Shots as the field sends them: windows that begin elsewhere, alpha that means something, gaps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shots import Shot, disc_over_gradient, gradient

from howard_nodes.description import FitSettings
from howard_nodes.description.job import Job
from howard_nodes.errors import InputError
from howard_nodes.frames import Window, read_frame, write_image
from howard_nodes.shot.events import Event, Note
from howard_nodes.shot.run import Report, run

SPACE = "lin_rec709_scene"
Pull = Callable[..., tuple[Report, np.ndarray, list[str]]]


def picture(path: Path, pixels: np.ndarray, channels: Any = "RGB", **more: Any) -> str:
    write_image(path, pixels.astype(np.float32), channels, depth="float", colorspace=SPACE, **more)
    return str(path)


@pytest.fixture
def pull(tmp_path: Path, random_weights: Path) -> Pull:
    """Matte a shot of one frame; give the report, alpha and what was said."""

    def call(plate: str, clean: str, **more: Any) -> tuple[Report, np.ndarray, list[str]]:
        job = Job(
            plate=plate,
            clean_plate=clean,
            output=str(tmp_path / "out" / "o.####.exr"),
            weights=str(random_weights),
            device="cpu",
            depth="float",
            fitting=FitSettings("off", "off"),
        )
        events: list[Event] = []
        report = run(replace(job, **more), events.append)
        said = [event.message for event in events if isinstance(event, Note)]
        made = sorted((tmp_path / "out").glob("*.exr"))
        return report, read_frame(made[0], layer="alpha").pixels[..., 0], said

    return call


@pytest.fixture
def plain(tmp_path: Path) -> tuple[str, str]:
    plate, _ = disc_over_gradient(0)
    return picture(tmp_path / "p.1001.exr", plate), picture(tmp_path / "c.exr", gradient())


def test_display_windows_lie_on_each_other_wherever_they_begin(
    pull: Pull, plain: tuple[str, str], tmp_path: Path
) -> None:
    _, expected, _ = pull(*plain)
    moved = Window(100, 50, 104, 72)
    plate = picture(
        tmp_path / "moved.1001.exr", disc_over_gradient(0)[0], data_window=moved, display_window=moved
    )
    _, alpha, _ = pull(plate, plain[1])
    np.testing.assert_array_equal(alpha, expected)
    # A matte too, at yet another place.
    elsewhere = Window(-7, 3, 104, 72)
    outside = picture(
        tmp_path / "g.exr",
        np.ones((72, 104, 1)),
        ("A",),
        data_window=elsewhere,
        display_window=elsewhere,
    )
    _, alpha, _ = pull(plate, plain[1], outside=outside)
    assert alpha.max() == 0


@pytest.mark.parametrize("is_premultiplied", [True, False])
def test_alpha_of_a_clean_plate_says_where_it_is_one(
    pull: Pull, plain: tuple[str, str], tmp_path: Path, is_premultiplied: bool
) -> None:
    there = np.zeros((72, 104, 1), np.float32)
    there[:, 30:] = 1
    color = gradient() * (there if is_premultiplied else 1)
    layered = picture(tmp_path / "l.exr", np.dstack([color, there]), ("R", "G", "B", "valid.A"))
    rgba = picture(tmp_path / "a.exr", np.dstack([color, there]), "RGBA")
    _, expected, _ = pull(plain[0], layered)
    _, alpha, said = pull(plain[0], rgba)
    np.testing.assert_array_equal(alpha, expected)
    assert any("29% of it has no clean plate" in one for one in said)


def test_a_clean_plate_of_straight_alpha_keeps_its_colour_at_soft_edges(
    pull: Pull, plain: tuple[str, str], tmp_path: Path
) -> None:
    soft = np.linspace(0.6, 1.0, 104, dtype=np.float32)[None, :, None] * np.ones((72, 1, 1), np.float32)
    rgba = picture(tmp_path / "a.exr", np.dstack([gradient() * soft, soft]), "RGBA")
    _, expected, _ = pull(*plain)
    _, alpha, _ = pull(plain[0], rgba)
    np.testing.assert_allclose(alpha, expected, atol=1e-3)


def test_where_the_plate_has_no_alpha_nothing_is_there(
    pull: Pull, plain: tuple[str, str], tmp_path: Path
) -> None:
    plate, _ = disc_over_gradient(0)
    there = np.ones((72, 104, 1), np.float32)
    there[30:50, 20:60] = 0
    rgba = picture(tmp_path / "a.1001.exr", np.dstack([plate * there, there]), "RGBA")
    _, alpha, _ = pull(rgba, plain[1])
    assert alpha[30:50, 20:60].max() == 0
    assert alpha[:20].max() > 0


def test_an_alpha_that_is_0_everywhere_is_ignored_and_said(
    pull: Pull, plain: tuple[str, str], tmp_path: Path
) -> None:
    plate, _ = disc_over_gradient(0)
    rgba = picture(tmp_path / "a.1001.exr", np.dstack([plate, np.zeros((72, 104, 1))]), "RGBA")
    _, expected, _ = pull(*plain)
    _, alpha, said = pull(rgba, plain[1])
    np.testing.assert_array_equal(alpha, expected)
    assert sum("alpha is 0 everywhere" in one for one in said) == 1


def test_a_gap_is_said_and_its_frames_fail(make_shot: Callable[..., Shot], random_weights: Path) -> None:
    shot = make_shot(4)
    (shot.folder / "plate.1003.exr").unlink()
    events: list[Event] = []
    job = Job(
        plate=shot.plate,
        clean_plate=shot.clean,
        output=str(shot.folder / "out" / "o.####.exr"),
        weights=str(random_weights),
        device="cpu",
    )
    report = run(job, events.append)
    assert report.done == (1001, 1002, 1004)
    assert "no plate" in report.failed[1003]
    notes = [event.message for event in events if isinstance(event, Note)]
    assert sum("frame 1003 is missing" in note for note in notes) == 1
    # Every second frame is no gap, and frames that were asked for are as they were asked for.
    (shot.folder / "plate.1002.exr").unlink()
    (shot.folder / "plate.1004.exr").rename(shot.folder / "plate.1003.exr")
    assert run(job).failed == {}
    assert run(replace(job, frames="1001")).done == (1001,)


@pytest.mark.parametrize("which", ["clean_plate", "outside", "error_override"])
def test_a_still_that_cannot_be_read_is_said_once_before_anything(
    make_shot: Callable[..., Shot], random_weights: Path, which: str
) -> None:
    shot = make_shot(3)
    broken = shot.folder / "broken.exr"
    broken.write_bytes(Path(shot.clean).read_bytes()[:700])
    job = Job(
        plate=shot.plate,
        clean_plate=shot.clean,
        output=str(shot.folder / "out" / "o.####.exr"),
        weights=str(random_weights),
        device="cpu",
    )
    with pytest.raises(InputError, match=r"broken\.exr"):
        run(replace(job, **{which: str(broken)}))
    assert not (shot.folder / "out").exists()


def test_a_sequence_of_a_kind_that_is_not_read_is_said_once(
    make_shot: Callable[..., Shot], random_weights: Path
) -> None:
    shot = make_shot(3)
    for frame in shot.frames:
        # A GIF by its content: no name makes it an EXR.
        (shot.folder / f"plate.{frame}.exr").write_bytes(
            b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00"
            b"\x00\x02\x02D\x01\x00;"
        )
    with pytest.raises(InputError, match="gif files are not supported"):
        run(
            Job(
                plate=shot.plate,
                clean_plate=shot.clean,
                output=str(shot.folder / "out" / "o.####.exr"),
                weights=str(random_weights),
                device="cpu",
            )
        )


def test_a_take_is_not_its_own_clean_plate(make_shot: Callable[..., Shot], random_weights: Path) -> None:
    shot = make_shot(3)
    job = Job(
        plate=shot.plate,
        clean_plate=shot.plate,
        output=str(shot.folder / "out" / "o.####.exr"),
        weights=str(random_weights),
        device="cpu",
    )
    with pytest.raises(InputError, match="is the plate itself.*--clean-frames"):
        run(job)
    # Its first frame may be empty, and an offset is a wish.
    assert run(replace(job, clean_plate=str(shot.folder / "plate.1001.exr"))).done == shot.frames
    assert run(replace(job, clean_offset=-1, frames="1002-1003")).done == (1002, 1003)


# What colour space a clean plate is in.


@pytest.mark.parametrize(
    ("plate_suffix", "clean_suffix", "requested", "expected"),
    [
        (".exr", ".exr", "lin_rec709", "Linear Rec.709"),
        (".exr", ".exr", "slog3", "S-Log3"),
        (".png", ".png", "g24_rec709_display", "Rec.1886"),
        (".exr", ".png", "slog3", "sRGB"),
    ],
)
def test_a_clean_plate_that_does_not_say_its_space_takes_the_plates(
    tmp_path: Path,
    random_weights: Path,
    plate_suffix: str,
    clean_suffix: str,
    requested: str,
    expected: str,
) -> None:
    plate, clean = tmp_path / f"p.1001{plate_suffix}", tmp_path / f"c{clean_suffix}"
    write_image(plate, np.clip(disc_over_gradient(0)[0], 0, 1), "RGB")
    write_image(clean, gradient(), "RGB")
    events: list[Event] = []
    run(
        Job(
            plate=str(plate),
            clean_plate=str(clean),
            output=str(tmp_path / "out" / "o.####.exr"),
            weights=str(random_weights),
            device="cpu",
            colorspace=requested,
        ),
        events.append,
    )
    (said,) = (
        event.message for event in events if isinstance(event, Note) and f"c{clean_suffix}:" in event.message
    )
    assert expected in said
    assert ("like the plate" in said) == (plate_suffix == clean_suffix)
    if plate_suffix != clean_suffix:
        assert "--clean-colorspace" in said
        assert "S-Log3" in said


def test_a_guess_is_never_written_as_a_tag(tmp_path: Path, random_weights: Path) -> None:
    write_image(tmp_path / "p.1001.exr", disc_over_gradient(0)[0], "RGB")
    write_image(tmp_path / "c.exr", gradient(), "RGB")
    job = Job(
        plate=str(tmp_path / "p.1001.exr"),
        clean_plate=str(tmp_path / "c.exr"),
        output=str(tmp_path / "out" / "o.####.exr"),
        weights=str(random_weights),
        device="cpu",
    )
    run(job)
    assert read_frame(tmp_path / "out" / "o.1001.exr").colorspace is None
    # What was asked for, or came of a conversion, is known.
    run(replace(job, output=str(tmp_path / "out" / "b.####.exr"), colorspace="ACEScg"))
    assert read_frame(tmp_path / "out" / "b.1001.exr").colorspace == "lin_ap1_scene"
    run(replace(job, output=str(tmp_path / "out" / "c.####.exr"), output_colorspace="lin_rec709"))
    assert read_frame(tmp_path / "out" / "c.1001.exr").colorspace == "lin_rec709_scene"


def test_overscan_without_a_clean_plate_is_said_once(
    pull: Pull, plain: tuple[str, str], tmp_path: Path
) -> None:
    display, data = Window(0, 0, 104, 72), Window(-8, -6, 120, 84)
    plate = picture(
        tmp_path / "o.1001.exr",
        np.pad(disc_over_gradient(0)[0], ((6, 6), (8, 8), (0, 0)), mode="edge"),
        data_window=data,
        display_window=display,
    )
    _, _, said = pull(plate, plain[1])
    assert sum("overscan" in one for one in said) == 1
    wide = picture(
        tmp_path / "w.exr",
        np.pad(gradient(), ((6, 6), (8, 8), (0, 0)), mode="edge"),
        data_window=data,
        display_window=display,
    )
    _, _, said = pull(plate, wide)
    assert not any("overscan" in one for one in said)


@pytest.mark.parametrize("command", ["matte", "align", "fit"])
def test_a_foreign_exception_is_one_frames_error(
    make_shot: Callable[..., Shot], random_weights: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    from howard_nodes.shot import take
    from howard_nodes.shot.clean_plates import align_plates
    from howard_nodes.shot.fitting import fit_plates

    usual = take.sanitize
    shot = make_shot(3)

    def odd(pixels: np.ndarray) -> tuple[np.ndarray, int]:
        if np.array_equal(pixels, shot.light(1002)):
            raise RuntimeError("basic_string: construction from null is not valid")
        return usual(pixels)

    monkeypatch.setattr(take, "sanitize", odd)
    does = {"matte": run, "align": align_plates, "fit": fit_plates}[command]
    output = "fit.json" if command == "fit" else "out/o.####.exr"
    report = does(
        Job(
            plate=shot.plate,
            clean_plate=shot.clean,
            output=str(shot.folder / output),
            weights=str(random_weights),
            device="cpu",
        )
    )
    assert report.done == (1001, 1003)
    assert list(report.failed) == [1002]
    if command != "fit":
        assert "plate.1002.exr" in report.failed[1002]


def test_frames_of_the_take_itself_may_be_its_clean_plate(
    make_shot: Callable[..., Shot], random_weights: Path
) -> None:
    shot = make_shot(4)
    job = Job(
        plate=shot.plate,
        clean_plate=shot.plate,
        clean_frames="1001",
        output=str(shot.folder / "out" / "o.####.exr"),
        weights=str(random_weights),
        device="cpu",
    )
    assert run(job).done == shot.frames
