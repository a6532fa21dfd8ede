"""A fit: kept to the last bit, refused when it is damaged, and made into a clean plate that lies right."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from howard_nodes.errors import InputError, WriteError
from howard_nodes.frames import Window
from howard_nodes.plates.fit import FrameFit, ShotFit, Source
from howard_nodes.plates.fitted import fitted_clean
from howard_nodes.plates.photometric import ExposureMatch

SIZE = (40, 24)
DISPLAY = Window(0, 0, *SIZE)

number = st.floats(allow_nan=False, allow_infinity=False, width=64)
flows = st.none() | st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(0, 99)).map(
    lambda made: np.random.default_rng(made[2]).standard_normal((made[0], made[1], 2)).astype(np.float32)
)


def shift(x: float, y: float) -> tuple[float, ...]:
    return (1.0, 0.0, float(x), 0.0, 1.0, float(y), 0.0, 0.0, 1.0)


def noise(seed: int = 1, size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.1, 3, (size[1], size[0], 3)).astype(np.float32)


def fit_of(*sources: Source, **more) -> FrameFit:
    return FrameFit(1001, sources or (Source(7),), **more)


def shot_of(*frames: FrameFit, **more) -> ShotFit:
    return ShotFit(SIZE, "ACEScg", {fit.frame: fit for fit in frames}, **more)


def same(one: FrameFit, other: FrameFit) -> bool:
    for entry in fields(FrameFit):
        a, b = getattr(one, entry.name), getattr(other, entry.name)
        if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
            if (
                a is None
                or b is None
                or a.tobytes() != b.tobytes()
                or a.shape != b.shape
                or a.dtype != b.dtype
            ):
                return False
        elif a != b:
            return False
    return True


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-9, 9999), st.lists(number, min_size=9, max_size=9)), min_size=1, max_size=3
    ),
    flows,
    st.tuples(number, number, number),
    st.none() | st.lists(number, min_size=6, max_size=6).map(tuple),
    st.none() | st.tuples(number, number, number),
    st.booleans(),
    st.none() | number,
    st.text(max_size=20),
)
def test_a_saved_fit_comes_back_to_the_last_bit(
    tmp_path_factory, sources, flow, gain, field, ceiling, moved, residual, message
):
    path = tmp_path_factory.mktemp("fit") / "fit.json"
    fit = fit_of(
        *(Source(frame, tuple(values)) for frame, values in sources),
        flow=flow,
        gain=gain,
        gain_field=field,
        ceiling=ceiling,
        moved=moved,
        residual=residual,
        message=message,
        verdict="doubtful",
        motion="homography",
        inliers=12,
        coverage=0.75,
    )
    shot = shot_of(fit, replace(fit, frame=-3), static=True, notes=("a note", "ein Wörtchen"))
    shot.save(path)
    again = ShotFit.load(path)
    assert (again.size, again.space, again.static, again.notes) == (SIZE, "ACEScg", True, shot.notes)
    assert sorted(again.frames) == [-3, 1001]
    assert same(again.frames[1001], fit)
    assert again.frames[1001].fingerprint == fit.fingerprint


def test_the_report_is_for_people_and_machines(tmp_path):
    """A line a frame, and what is good, doubtful and failed on top."""
    fits = [
        replace(fit_of(coverage=coverage), frame=frame, verdict=verdict, message=f"{verdict}: so it is")
        for frame, verdict, coverage in ((1, "good", 1.0), (2, "failed", 0.5), (3, "doubtful", 0.75))
    ]
    shot = shot_of(*fits)
    assert shot.summary == "clean plate fit: 1 good, 1 doubtful, 1 failed"
    assert (shot.count("good"), shot.numbers("failed")) == (1, "2")
    shot.save(tmp_path / "new folder" / "fit.json")
    text = (tmp_path / "new folder" / "fit.json").read_text(encoding="utf-8")
    assert [path.name for path in (tmp_path / "new folder").iterdir()] == ["fit.json"]
    assert sum(line.startswith('  {"frame": ') for line in text.splitlines()) == 3
    document = json.loads(text)
    assert document["good"] == "1"
    assert document["failed"] == "2"
    assert document["summary"] == shot.summary
    assert document["uncovered"] == pytest.approx(0.25)
    assert [entry["message"] for entry in document["frames"]][1] == "failed: so it is"
    assert shot_of(*fits[:1], static=True).summary == "clean plate fit: 1 good"
    assert shot_of(fits[0], fits[2], static=True).summary.endswith(", one motion for all")
    assert shot_of().summary == "clean plate fit: no frames"


def test_a_report_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WriteError, match=r"fit\.json: cannot be written"):
        shot_of(fit_of()).save(tmp_path / "file" / "fit.json")


def damaged(text: str, how: str) -> str | None:
    document = json.loads(text)
    frame = document["frames"][0]
    if how == "missing":
        return None
    if how == "cut":
        return text[: len(text) // 2]
    if how == "empty":
        return ""
    if how == "list":
        return "[1, 2]"
    if how == "foreign":
        return '{"format": "something else"}'
    if how == "newer":
        document["version"] = 99
    elif how == "no frames":
        del document["frames"]
    elif how == "frames are a number":
        document["frames"] = 3
    elif how == "no sources":
        frame["sources"] = []
    elif how == "eight numbers":
        frame["sources"][0]["homography"].pop()
    elif how == "infinite":
        frame["gain"][0] = float("inf")
    elif how == "words for numbers":
        frame["gain"] = ["a", "b", "c"]
    elif how == "short field":
        frame["gain_field"] = [0.1, 0.2]
    elif how == "flow cut":
        frame["flow"]["float32"] = frame["flow"]["float32"][:8]
    elif how == "flow too small":
        frame["flow"]["rows"] += 1
    elif how == "unknown field":
        frame["colour"] = "red"
    elif how == "no frame number":
        del frame["frame"]
    elif how == "size":
        document["size"] = [1]
    elif how == "frame is a list":
        document["frames"][0] = [1, 2]
    elif how == "frame is text":
        frame["frame"] = "1001"
    elif how == "frame is a list of numbers":
        frame["frame"] = [1001]
    elif how == "number too large":
        frame["gain"][1] = 10**400
    elif how == "size too large":
        document["size"][0] = float("inf")
    elif how == "verdict":
        frame["verdict"] = "splendid"
    elif how == "coverage":
        frame["coverage"] = None
    elif how == "flow is not finite":
        packed = zlib.compress(np.full((2, 3, 2), np.nan, "<f4").tobytes())
        frame["flow"]["float32"] = base64.b64encode(packed).decode()
    elif how == "flow is larger than it says":
        packed = zlib.compress(bytes(100_000_000))
        frame["flow"]["float32"] = base64.b64encode(packed).decode()
    elif how == "nested":
        return "[" * 100_000
    return json.dumps(document)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("missing", "cannot be read"),
        ("cut", "is damaged or not JSON"),
        ("empty", "is damaged or not JSON"),
        ("list", "is not a clean plate fit"),
        ("foreign", "is not a clean plate fit"),
        ("newer", "is of version 99"),
        ("no frames", "is damaged"),
        ("frames are a number", "is damaged"),
        ("no sources", "is damaged"),
        ("eight numbers", "is damaged"),
        ("infinite", "is damaged"),
        ("words for numbers", "is damaged"),
        ("short field", "is damaged"),
        ("flow cut", "is damaged"),
        ("flow too small", "is damaged"),
        ("unknown field", "is damaged"),
        ("no frame number", "is damaged"),
        ("size", "is damaged"),
        ("frame is a list", "is damaged"),
        ("frame is text", "is damaged"),
        ("frame is a list of numbers", "is damaged"),
        ("number too large", "is damaged"),
        ("size too large", "is damaged"),
        ("verdict", "'splendid' is none of good, doubtful, failed"),
        ("coverage", "is damaged"),
        ("flow is not finite", "is damaged"),
        ("flow is larger than it says", "is damaged"),
        ("nested", "is nested too deeply"),
    ],
)
def test_what_is_no_fit_is_refused_with_its_name(tmp_path, how, said):
    path = tmp_path / "fit.json"
    shot_of(fit_of(flow=np.ones((2, 3, 2), np.float32))).save(path)
    text = damaged(path.read_text(encoding="utf-8"), how)
    if text is None:
        path.unlink()
    else:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as refusal:
        ShotFit.load(path)
    assert str(path) in str(refusal.value)
    assert said in str(refusal.value)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "fit.json"
    path.write_bytes(b"v/1\x01\xff\xfe\x80")
    with pytest.raises(InputError, match=r"fit\.json"):
        ShotFit.load(path)


def test_a_fit_belongs_to_its_shot():
    shot = shot_of(fit_of())
    assert shot.covering([1001], SIZE, "ACEScg", "fit.json") is shot
    for frames, size, space, said in (
        ([1001, 1002, 1003], SIZE, "ACEScg", "no fit for the frames 1002-1003"),
        ([1001], (24, 40), "ACEScg", "40x24, the plate is 24x40"),
        ([1001], SIZE, "lin_rec709_scene", "its gains are for ACEScg"),
    ):
        with pytest.raises(InputError, match=rf"fit\.json: .*{said}"):
            shot.covering(frames, size, space, "fit.json")


def test_the_fingerprint_knows_what_changes_pixels_and_nothing_else():
    fit = fit_of(flow=np.ones((2, 3, 2), np.float32))
    talk = {
        "frame": 5,
        "verdict": "failed",
        "message": "other words",
        "inliers": 3,
        "residual": 0.5,
        "difference": 0.1,
        "coverage": 0.2,
        "motion": "borrowed",
    }
    for name, value in talk.items():
        assert replace(fit, **{name: value}).fingerprint == fit.fingerprint, name
    bent = np.ones((2, 3, 2), np.float32)
    bent[0, 0, 0] += 1e-6
    does = [
        {"sources": (Source(8),)},
        {"sources": (Source(7, shift(1e-12, 0)),)},
        {"sources": (Source(7), Source(8))},
        {"flow": None},
        {"flow": bent},
        {"flow": np.ones((3, 2, 2), np.float32)},
        {"gain": (1.0, 1.0, 1.0 + 1e-12)},
        {"gain_field": (0.0,) * 6},
        {"ceiling": (1.0, 1.0, 1.0)},
        {"moved": True},
    ]
    prints = {replace(fit, **change).fingerprint for change in does} | {fit.fingerprint}
    assert len(prints) == len(does) + 1


def reader(*pictures: np.ndarray | tuple[np.ndarray, np.ndarray]):
    """Clean frames 0, 1, ... and which were asked for."""
    asked: list[int] = []

    def read(frame: int):
        asked.append(frame)
        picture = pictures[frame]
        return picture if isinstance(picture, tuple) else (picture, None)

    return read, asked


def test_where_nothing_is_to_be_done_the_clean_plate_keeps_its_bits():
    picture = noise()
    fit = fit_of(Source(0))
    assert fit.changes_nothing
    fitted = fitted_clean(fit, reader(picture)[0], DISPLAY, DISPLAY)
    assert fitted.clean is picture
    assert fitted.valid is None
    for change in ({"gain": (1.0, 1.0, 1.01)}, {"flow": np.zeros((1, 1, 2), np.float32)}):
        assert not replace(fit, **change).changes_nothing


def test_motion_gain_and_holes():
    """A clean plate 5 pixels too far left, a stop too dark: what it shows is right, the rest is marked."""
    truth = noise()
    dark = np.zeros_like(truth)
    dark[:, :-5] = truth[:, 5:] / 2
    fit = fit_of(Source(0, shift(5, 0)), gain=(2.0, 2.0, 2.0))
    fitted = fitted_clean(fit, reader(dark)[0], DISPLAY, DISPLAY)
    assert fitted.valid is not None
    assert fitted.valid[:, :5].max() == 0
    assert fitted.valid[:, 5:].min() == 1
    np.testing.assert_array_equal(fitted.clean[:, 5:], truth[:, 5:])
    # Holes take the colours beside them, no others.
    assert fitted.clean[:, :5].min() >= truth[:, 5:].min()
    assert fitted.clean[:, :5].max() <= truth[:, 5:].max()


def test_a_clean_plate_made_brighter_is_clipped_where_the_plate_is():
    light = np.full((24, 40, 3), 0.4, np.float32)
    light[:, 20:] = 0.9
    fit = fit_of(Source(0), gain=(2.0, 2.0, 2.0), ceiling=(1.0, 1.5, 1.75))
    clean = fitted_clean(fit, reader(light)[0], DISPLAY, DISPLAY).clean
    np.testing.assert_allclose(clean[0, 0], 0.8)
    np.testing.assert_allclose(clean[0, -1], (1.0, 1.5, 1.75))


def test_holes_are_filled_from_the_next_clean_frame_and_only_where_it_is_needed():
    truth = noise()
    left, right = np.zeros_like(truth), np.zeros_like(truth)
    left[:, :-8] = truth[:, 8:]
    right[:, 10:] = truth[:, :-10]
    sources = Source(0, shift(8, 0)), Source(1, shift(-10, 0)), Source(2)
    read, asked = reader(left, right, truth)
    fitted = fitted_clean(fit_of(*sources), read, DISPLAY, DISPLAY)
    assert fitted.valid is None
    np.testing.assert_allclose(fitted.clean, truth, atol=1e-5)
    assert asked == [0, 1]  # the third is not read where two do


def test_frames_do_not_meet_in_a_hard_line():
    """Two clean frames that differ in light: the seam is a ramp, not a step."""
    one, other = np.full((24, 40, 3), 1.0, np.float32), np.full((24, 40, 3), 1.2, np.float32)
    sources = Source(0, shift(10, 0)), Source(1, shift(-4, 0))
    fitted = fitted_clean(fit_of(*sources), reader(one, other)[0], DISPLAY, DISPLAY)
    assert fitted.valid is None
    row = fitted.clean[12, :, 0]
    np.testing.assert_allclose(row[:10], 1.2, rtol=1e-6)
    assert row.min() >= 1 - 1e-6
    assert np.abs(np.diff(row)).max() < 0.05
    assert row[30] == 1


def test_a_clean_plate_with_holes_of_its_own():
    """Its validity moves with it; a pixel that a hole had a part in is a hole."""
    truth = noise()
    known = np.ones((24, 40), np.float32)
    known[10:14, 20:25] = 0
    spoiled = np.where(known[..., None] > 0, truth, 1000.0).astype(np.float32)
    still = fitted_clean(fit_of(Source(0)), reader((spoiled, known))[0], DISPLAY, DISPLAY)
    assert still.valid is not None
    np.testing.assert_array_equal(still.valid, known)
    np.testing.assert_array_equal(still.clean[known > 0], truth[known > 0])
    assert still.clean.max() <= truth.max()
    moved = fitted_clean(fit_of(Source(0, shift(0.5, 0))), reader((spoiled, known))[0], DISPLAY, DISPLAY)
    assert moved.valid is not None
    assert moved.clean.max() < 10
    other = noise(2)
    filled = fitted_clean(fit_of(Source(0), Source(1)), reader((spoiled, known), other)[0], DISPLAY, DISPLAY)
    assert filled.valid is None
    np.testing.assert_array_equal(filled.clean[known == 0], other[known == 0])


def test_nothing_covered_at_all():
    fitted = fitted_clean(fit_of(Source(0, shift(500, 0))), reader(noise())[0], DISPLAY, DISPLAY)
    assert fitted.valid is not None
    assert fitted.valid.max() == 0
    assert np.isfinite(fitted.clean).all()


@pytest.mark.parametrize("display", [Window(0, 0, 40, 24), Window(100, -50, 40, 24)])
def test_overscan_lies_where_the_display_window_says(display):
    """With more around the picture, the picture is the same, and what is around goes on."""
    big = noise(3, (60, 40))
    wide = Window(display.x - 12, display.y - 9, 60, 40)
    inside = np.ascontiguousarray(big[9:33, 12:52])
    flow = np.random.default_rng(1).uniform(-1, 1, (3, 5, 2)).astype(np.float32)
    for more in ({}, {"flow": flow}, {"gain": (2.0, 1.0, 0.5), "gain_field": (0.1, -0.2, 0.3, 0, 0.1, -0.4)}):
        fit = fit_of(Source(0, (1.01, 0.02, 2.25, -0.01, 0.99, -1.5, 1e-5, 2e-5, 1.0)), **more)
        whole = fitted_clean(fit, reader(big)[0], wide, display)
        part = fitted_clean(fit, reader(inside)[0], display, display)
        assert whole.valid is not None
        assert part.valid is not None
        seen = (part.valid > 0) & (whole.valid[9:33, 12:52] > 0)
        seen[:6] = seen[-6:] = seen[:, :6] = seen[:, -6:] = False  # cubic taps reach beyond the picture
        assert seen.mean() > 0.3
        np.testing.assert_allclose(whole.clean[9:33, 12:52][seen], part.clean[seen], rtol=2e-3, atol=2e-3)


def test_the_field_of_gains_goes_on_beyond_the_display_window():
    field = (0.5, 0.0, 0.0, 0.0, 0.0, 0.0)
    wide = Window(-10, -5, 60, 34)
    flat = np.ones((34, 60, 3), np.float32)
    clean = fitted_clean(fit_of(Source(0), gain_field=field), reader(flat)[0], wide, DISPLAY).clean
    part = fitted_clean(
        fit_of(Source(0), gain_field=field), reader(flat[:24, :40])[0], DISPLAY, DISPLAY
    ).clean
    np.testing.assert_array_equal(clean[5:29, 10:50], part)
    np.testing.assert_array_equal(clean[:, :10], np.broadcast_to(clean[:, 10:11], (34, 10, 3)))
    assert part[0, -1, 0] / part[0, 0, 0] == pytest.approx(2.0, rel=1e-3)


def test_the_path_may_be_anywhere(tmp_path: Path):
    path = tmp_path / "Größe 'fit' 一.json"
    shot_of(fit_of()).save(path)
    assert ShotFit.load(path).frames[1001].changes_nothing


def test_bands_are_kept_and_done_to_pixels_as_they_were_measured(tmp_path: Path) -> None:
    rows = tuple(float(v) for v in 0.3 * np.sin(np.linspace(0, 9, 25)))
    fit = fit_of(Source(0), gain=(1.2, 1.1, 0.9), gain_field=(0.1, -0.2, 0.0, 0.1, 0.0, 0.2), gain_rows=rows)
    shot_of(fit).save(tmp_path / "fit.json")
    again = ShotFit.load(tmp_path / "fit.json").frames[1001]
    assert again.gain_rows == rows
    assert again.fingerprint == fit.fingerprint != replace(fit, gain_rows=None).fingerprint
    clean = noise()
    match = ExposureMatch(fit.gain, fit.gain_field, 50, 0.0, True, rows=rows)
    made = fitted_clean(fit, lambda _: (clean.copy(), None), DISPLAY, DISPLAY).clean
    np.testing.assert_allclose(made, match.apply(clean), rtol=1e-5)
    # Beyond the display window, the edge goes on.
    wide = Window(0, -6, SIZE[0], SIZE[1] + 12)
    flat = np.ones((wide.height, wide.width, 3), np.float32)
    beyond = fitted_clean(replace(fit, gain_field=None), lambda _: (flat.copy(), None), wide, DISPLAY).clean
    np.testing.assert_array_equal(beyond[:7], np.broadcast_to(beyond[6], beyond[:7].shape))


def test_a_fit_from_before_bands_were_known_is_read(tmp_path: Path) -> None:
    shot_of(fit_of()).save(tmp_path / "fit.json")
    document = json.loads((tmp_path / "fit.json").read_text())
    for frame in document["frames"]:
        del frame["gain_rows"], frame["moved"]
    (tmp_path / "fit.json").write_text(json.dumps(document))
    assert ShotFit.load(tmp_path / "fit.json").frames[1001].gain_rows is None
    assert ShotFit.load(tmp_path / "fit.json").frames[1001].moved is False
