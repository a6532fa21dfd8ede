"""Letterboxed and pillarboxed takes, whose camera has moved beneath the bars."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from takes import Subject, Take, make_take, place

from howard_nodes.description.job import Job
from howard_nodes.frames import read_frame, write_image
from howard_nodes.plates.fit import ShotFit
from howard_nodes.shot.clean_plates import build_plates
from howard_nodes.shot.events import Event, Note
from howard_nodes.shot.run import run

W, H = 240, 136
LETTERBOX, PILLARBOX = np.s_[18:-18, :], np.s_[:, 40:-40]


def take(frames: int, start: tuple[float, float] = (0.0, 0.0), **more: Any) -> Take:
    big = place(np.random.default_rng(1), W, H, margin=0.3)
    usual = {"width": W, "height": H, "frames": frames, "start": start, "noise": 0.004}
    return make_take(np.random.default_rng(int(abs(start[0])) + 2), big, **usual | more)


def walker(path: Any = "across") -> Subject:
    return Subject(np.random.default_rng(5), W, H, cover=0.2, path=path)


def stored(path: Path, picture: np.ndarray, where: Any, color: float = 0.0) -> str:
    out = np.full_like(picture, color)
    out[where] = picture[where]
    write_image(path, out, "RGB", depth="float", colorspace="lin_rec709_scene")
    return str(path)


def job(folder: Path, weights: Path, **more: Any) -> Job:
    usual: dict[str, Any] = {
        "plate": str(folder / "p.####.exr"),
        "clean_plate": str(folder / "c.exr"),
        "output": str(folder / "out" / "o.####.exr"),
        "weights": str(weights),
        "device": "cpu",
        "depth": "float",
        "report": str(folder / "fit.json"),
        "layers": ("alpha", "valid"),
    }
    return Job(**usual | more)


@pytest.mark.parametrize(
    ("where", "color"),
    [(LETTERBOX, 0.0), (PILLARBOX, 0.0), (LETTERBOX, 0.18)],
    ids=["letter", "pillar", "grey"],
)
def test_bars_do_not_hold_the_picture_and_are_no_picture(
    tmp_path: Path, random_weights: Path, where: Any, color: float
) -> None:
    plate, clean = take(3, subject=walker()), take(1, start=(7.0, -9.0))
    for i in range(3):
        stored(tmp_path / f"p.{1001 + i}.exr", plate.plate(i), where, color)
    stored(tmp_path / "c.exr", clean.clean(0), where, color)
    events: list[Event] = []
    run(job(tmp_path, random_weights), events.append)
    said = [event.message for event in events if isinstance(event, Note)]
    assert sum("bars around the picture" in message for message in said) == 2
    truth = plate.between(clean, 0, 0)
    corners = np.array([[[60.0, 40], [180, 40], [180, 90], [60, 90]]])
    beyond = np.ones((H, W), bool)
    beyond[where] = False
    for frame, fit in ShotFit.load(tmp_path / "fit.json").frames.items():
        off = cv2.perspectiveTransform(corners, fit.sources[0].matrix) - cv2.perspectiveTransform(
            corners, truth
        )
        assert np.abs(off).max() < 0.3
        # Of the picture alone, and where the other's bars lie on it there is no clean plate.
        assert 0.75 < fit.coverage < 0.98
        made = tmp_path / "out" / f"o.{frame}.exr"
        alpha, valid = (read_frame(made, layer=layer).pixels[..., 0] for layer in ("alpha", "valid"))
        assert not alpha[beyond].any()
        assert valid[where].mean() == pytest.approx(fit.coverage, abs=0.05)


def test_bars_of_the_clean_plate_alone_are_no_clean_plate(tmp_path: Path, random_weights: Path) -> None:
    plate, clean = take(2, subject=walker()), take(1, start=(7.0, 0.0))
    for i in range(2):
        stored(tmp_path / f"p.{1001 + i}.exr", plate.plate(i), np.s_[:])
    stored(tmp_path / "c.exr", clean.clean(0), PILLARBOX)
    run(job(tmp_path, random_weights))
    valid = read_frame(tmp_path / "out" / "o.1001.exr", layer="valid").pixels[..., 0]
    assert not valid[:, :30].any()
    assert valid[:, 50:-50].all()


def test_a_night_plate_keeps_its_borders(tmp_path: Path, random_weights: Path) -> None:
    plate, clean = take(2, subject=walker()), take(1)
    for i in range(2):
        stored(tmp_path / f"p.{1001 + i}.exr", plate.plate(i) * np.float32(2.0**-6), np.s_[:])
    stored(tmp_path / "c.exr", clean.clean(0) * np.float32(2.0**-6), np.s_[:])
    events: list[Event] = []
    run(job(tmp_path, random_weights), events.append)
    assert not any("bars" in event.message for event in events if isinstance(event, Note))
    assert (read_frame(tmp_path / "out" / "o.1001.exr", layer="valid").pixels > 0).all()


def test_a_clean_plate_is_built_of_the_picture_alone(tmp_path: Path, random_weights: Path) -> None:
    sways = take(10, subject=walker(), motion="handheld", drift_px=6.0)
    for i in range(10):
        stored(tmp_path / f"p.{1001 + i}.exr", sways.plate(i), LETTERBOX)
    more = {"clean_plate": None, "output": str(tmp_path / "b.####.exr"), "report": None}
    report = build_plates(job(tmp_path, random_weights, **more))
    assert report.built is not None
    assert not report.built.static
    for i in (2, 7):
        clean = read_frame(tmp_path / f"b.{1001 + i}.exr")
        valid = read_frame(tmp_path / f"b.{1001 + i}.exr", layer="valid").pixels[..., 0] > 0.5
        assert clean.rgb.shape == (H, W, 3)
        assert not valid[:4].any()  # farther than the camera moved: nobody saw that
        assert valid[LETTERBOX].mean() > 0.8
        apart = np.abs(np.log2((clean.rgb.mean(-1) + 0.02) / (sways.truth(i).mean(-1) + 0.02)))
        assert np.median(apart[valid]) < 0.05
