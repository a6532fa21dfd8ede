"""Fitting whole shots: one motion where the camera stands, one a frame where it moves; nothing stops it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
import pytest
import torch
from takes import Subject, Take, make_take, place

from howard_nodes.description import FitSettings
from howard_nodes.errors import FrameError, InputError
from howard_nodes.plates import frame_solving
from howard_nodes.plates.fit import FrameFit, ShotFit
from howard_nodes.plates.registration import IDENTITY
from howard_nodes.plates.solving import fit_shot
from howard_nodes.plates.takes import Takes

W, H = 256, 144
AT = (3.4, -2.2)  # where the clean plate's camera stands, in most tests

Pictures = dict[int, np.ndarray | None]
Solved = tuple[ShotFit, list[str]]


@cache
def room(seed: int = 1) -> np.ndarray:
    return place(np.random.default_rng(seed), W, H, margin=0.2)


def take(seed: int, frames: int, **more) -> Take:
    usual = {"width": W, "height": H, "frames": frames, "motion": "static", "noise": 0.005}
    return make_take(np.random.default_rng(seed), room(), **usual | more)


@cache
def walker() -> Subject:
    return Subject(np.random.default_rng(5), W, H, cover=0.3, path="across")


def plates(of: Take, first: int = 1001) -> Pictures:
    return {first + i: of.plate(i) for i in range(len(of))}


def cleans(of: Take, first: int = 1) -> Pictures:
    return {first + i: of.clean(i) for i in range(len(of))}


def differs(plate: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """A matte by difference: what the network's coarse stage does, worse."""
    apart = np.abs(np.sqrt(np.maximum(plate, 0)) - np.sqrt(np.maximum(clean, 0))).max(axis=2)
    return np.clip(cv2.GaussianBlur(apart, (0, 0), 2) / 0.1 - 0.5, 0, 1).astype(np.float32)


def solve(
    plate: Pictures,
    clean: Pictures,
    settings: FitSettings | None = None,
    same_number: Callable[[int], int] = lambda frame: frame,
) -> Solved:
    def reader(pictures: Pictures) -> Callable[[int], np.ndarray]:
        def read(frame: int) -> np.ndarray:
            picture = pictures.get(frame)
            if picture is None:
                raise FrameError("cannot be read", frame=frame)
            return picture

        return read

    read_clean = reader(clean)
    takes = Takes(
        frames=tuple(sorted(plate)),
        plate=reader(plate),
        clean_frames=tuple(sorted(clean)),
        clean=lambda frame: (read_clean(frame), None),
        same_number=same_number,
        space="lin_rec709_scene",
        to_rec709=lambda pixels: pixels,
        subject=differs,
    )
    told: list[FrameFit] = []
    notes: list[str] = []
    shot = fit_shot(
        takes,
        settings or FitSettings(),
        on_fit=told.append,
        on_note=lambda message, warning: notes.append(message),
    )
    assert [fit.frame for fit in told] == sorted(shot.frames)
    assert list(shot.notes) == notes
    for frame, fit in shot.frames.items():
        assert fit.frame == frame
        assert fit.message.startswith(f"{fit.verdict}: ")
    return shot, notes


def errors(fit: FrameFit, truth: np.ndarray) -> np.ndarray:
    """Where the fit puts pixels of the plate, less where they belong, N 2."""
    x, y = np.meshgrid(np.linspace(0, W - 1, 9), np.linspace(0, H - 1, 7))
    points = np.stack([x.ravel(), y.ravel()], axis=1)[None]
    there = cv2.perspectiveTransform(points, np.linalg.inv(truth))
    return (cv2.perspectiveTransform(there, fit.sources[0].matrix) - points)[0]


def off(fit: FrameFit, truth: np.ndarray) -> float:
    return float(np.median(np.hypot(*errors(fit, truth).T)))


# ---- a camera that stands


@cache
def stands() -> Solved:
    """Nine frames of which one is kicked, one black, one lost."""
    pictures = plates(take(1, 9, subject=walker()))
    pictures[1003] = None
    pictures[1005] = take(3, 1, start=(6.0, 3.0)).clean(0)  # the very middle
    pictures[1008] = np.zeros((H, W, 3), np.float32)
    return solve(pictures, cleans(take(2, 1, start=AT, gain=(0.5, 0.6, 0.4))))


def test_a_camera_that_stands_has_one_motion_and_one_exposure():
    shot, _ = stands()
    assert shot.static
    assert (shot.size, shot.space) == ((W, H), "lin_rec709_scene")
    usual = [shot.frames[frame] for frame in (1001, 1002, 1004, 1006, 1007, 1009)]
    assert len({fit.fingerprint for fit in usual}) == 1
    truth = take(1, 9).between(take(2, 1, start=AT), 0, 0)
    assert off(usual[0], truth) < 0.1
    np.testing.assert_allclose(usual[0].gain, (2.0, 1 / 0.6, 2.5), rtol=0.01)
    assert {fit.verdict for fit in usual} == {"good"}
    assert shot.summary == "clean plate fit: 7 good, 1 doubtful, one motion for all"


def test_a_kicked_frame_is_found_and_fitted_on_its_own():
    shot, _ = stands()
    kicked = shot.frames[1005]
    truth = take(3, 1, start=(6.0, 3.0)).between(take(2, 1, start=AT), 0, 0)
    assert off(kicked, truth) < 0.1
    assert kicked.motion == "homography"
    assert kicked.verdict == "good"
    assert kicked.sources != shot.frames[1004].sources


def test_a_black_frame_takes_the_shots_motion_and_is_counted():
    shot, _ = stands()
    black = shot.frames[1008]
    assert black.sources == shot.frames[1007].sources
    assert black.gain == shot.frames[1007].gain
    assert (black.motion, black.verdict) == ("borrowed", "doubtful")
    assert "the rest of the shot" in black.message
    assert "the frame is black" in black.message
    assert shot.numbers("doubtful") == "1008"


def test_a_frame_that_cannot_be_read_is_left_out():
    assert 1003 not in stands()[0].frames


def test_what_is_not_covered_is_measured():
    fit = stands()[0].frames[1001]
    assert fit.coverage == pytest.approx((W - 3.4) * (H - 2.2) / (W * H), abs=0.005)
    assert "covered" in fit.message


def test_where_nothing_moved_the_clean_plate_keeps_its_bits():
    shot, notes = solve(plates(take(1, 4, subject=walker())), cleans(take(2, 1)))
    assert shot.static
    assert all(fit.changes_nothing for fit in shot.frames.values())
    assert {fit.motion for fit in shot.frames.values()} == {"none"}
    assert {fit.verdict for fit in shot.frames.values()} == {"good"}
    assert all(fit.coverage == 1 for fit in shot.frames.values())
    assert not any("of the plate itself" in note for note in notes)


def test_one_frame_is_a_shot():
    shot, _ = solve({7: take(1, 1).plate(0)}, cleans(take(2, 1, start=AT)))
    assert off(shot.frames[7], take(1, 1).between(take(2, 1, start=AT), 0, 0)) < 0.1
    assert shot.summary == "clean plate fit: 1 good"


# ---- a camera in a hand


@cache
def handheld() -> Solved:
    """Ten frames, the first, the last and one in the middle black."""
    pictures = plates(take(4, 10, subject=walker(), motion="handheld", drift_px=6.0))
    for frame in (1001, 1005, 1010):
        pictures[frame] = np.zeros((H, W, 3), np.float32)
    return solve(pictures, cleans(take(2, 1, start=AT, noise=0.01)))


def handheld_truth(frame: int) -> np.ndarray:
    return take(4, 10, motion="handheld", drift_px=6.0).between(take(2, 1, start=AT), frame - 1001, 0)


def test_a_camera_in_a_hand_is_followed_frame_by_frame_without_jitter():
    shot, _ = handheld()
    assert not shot.static
    fitted = [frame for frame, fit in shot.frames.items() if fit.verdict == "good"]
    assert fitted == [1002, 1003, 1004, 1006, 1007, 1008, 1009]
    wrong = {frame: errors(shot.frames[frame], handheld_truth(frame)) for frame in fitted}
    assert np.median(np.concatenate([np.hypot(*error.T) for error in wrong.values()])) < 0.06
    steps = [wrong[frame + 1] - wrong[frame] for frame in fitted if frame + 1 in wrong]
    assert np.sqrt(np.mean(np.square(steps))) < 0.06  # frame to frame, root mean square


def test_failed_frames_borrow_from_both_sides_and_are_counted():
    shot, _ = handheld()
    lost = [shot.frames[frame] for frame in (1001, 1005, 1010)]
    assert {(fit.motion, fit.verdict) for fit in lost} == {("borrowed", "doubtful")}
    assert shot.count("doubtful") == 3
    assert lost[0].sources == shot.frames[1002].sources
    assert lost[2].sources == shot.frames[1009].sources
    assert "frame 1002" in lost[0].message
    assert "frame 1009" in lost[2].message
    # In the middle, the way between the neighbours.
    between = (errors(shot.frames[1004], IDENTITY) + errors(shot.frames[1006], IDENTITY)) / 2
    np.testing.assert_allclose(errors(lost[1], IDENTITY), between, atol=0.05)


def test_the_same_shot_gives_the_same_fit_whatever_the_threads():
    pictures = plates(take(4, 2, subject=walker(), motion="handheld", drift_px=6.0))
    clean = cleans(take(2, 1, start=AT))
    before = cv2.getNumThreads(), torch.get_num_threads()
    prints = []
    try:
        for threads in (1, 4):
            cv2.setNumThreads(threads)
            torch.set_num_threads(threads)
            prints.append([fit.fingerprint for fit in solve(pictures, clean)[0].frames.values()])
    finally:
        cv2.setNumThreads(before[0])
        torch.set_num_threads(before[1])
    assert prints[0] == prints[1]


# ---- exposure


def test_an_exposure_that_drifts_is_followed_frame_by_frame():
    gains = np.exp2(np.linspace(-0.5, 1.0, 5))[:, None] * np.float32([1.2, 1.0, 0.8])
    shot, _ = solve(plates(take(1, 5, subject=walker(), gain=gains)), cleans(take(2, 1)))
    assert shot.static
    for i, frame in enumerate(sorted(shot.frames)):
        np.testing.assert_allclose(shot.frames[frame].gain, gains[i], rtol=0.02)
    assert {fit.motion for fit in shot.frames.values()} == {"none"}


def test_exposure_can_be_left_alone():
    settings = FitSettings(match_exposure="off")
    shot, _ = solve(plates(take(1, 2)), cleans(take(2, 1, gain=(2.0, 2.0, 2.0))), settings)
    assert {fit.gain for fit in shot.frames.values()} == {(1.0, 1.0, 1.0)}
    assert all(fit.changes_nothing for fit in shot.frames.values())


# ---- settings


def test_aligning_can_be_left_out():
    settings = FitSettings(align="off")
    clean = cleans(take(2, 1, start=AT, gain=(2.0, 2.0, 2.0)))
    shot, _ = solve(plates(take(1, 2)), clean, settings)
    assert {fit.motion for fit in shot.frames.values()} == {"off"}
    assert all(np.array_equal(fit.sources[0].matrix, IDENTITY) for fit in shot.frames.values())
    # A sequence is then taken by number alone, and what is missing is missed.
    clean = dict.fromkeys((1001, 1003), clean[1])
    shot, _ = solve(plates(take(1, 3)), clean, settings)
    assert [fit.sources[0].frame for fit in shot.frames.values()] == [1001, 1002, 1003]
    assert shot.numbers("failed") == "1002"


def test_a_flow_follows_a_lens_unless_only_a_homography_is_wanted():
    bent = plates(take(6, 1, lens=0.015))
    clean = cleans(take(2, 1, start=AT))
    motions = {}
    for align in ("auto", "homography"):
        shot, _ = solve(bent, clean, FitSettings(align=align))
        motions[align] = {fit.motion for fit in shot.frames.values()}
        assert all((fit.flow is None) == (align == "homography") for fit in shot.frames.values())
    assert motions == {"auto": {"flow"}, "homography": {"homography"}}


@pytest.mark.parametrize(("name", "value"), [("align", "on"), ("match_exposure", "maybe")])
def test_settings_are_checked(name, value):
    with pytest.raises(InputError, match=value):
        FitSettings(**{name: value})
    assert FitSettings("off", "off").does_nothing
    assert not FitSettings().does_nothing


# ---- two moving takes


@cache
def two_pans() -> tuple[Solved, Take, Take]:
    plate = take(7, 5, subject=walker(), motion="pan", drift_px=90.0, timing=lambda t: t**1.4)
    clean = take(8, 9, motion="pan", drift_px=90.0, gain=(0.7, 0.7, 0.6))
    pictures = cleans(clean)
    pictures[5] = None
    return solve(plates(plate), pictures), plate, clean


def test_the_same_move_at_another_pace_is_paired_and_its_holes_are_filled():
    (shot, notes), plate, clean = two_pans()
    assert {fit.verdict for fit in shot.frames.values()} == {"good"}
    taken = [fit.sources[0].frame for fit in shot.frames.values()]
    assert taken == sorted(taken)
    assert 5 not in {source.frame for fit in shot.frames.values() for source in fit.sources}
    for frame, fit in shot.frames.items():
        for number, source in enumerate(fit.sources):
            truth = plate.between(clean, frame - 1001, source.frame - 1)
            one = FrameFit(frame, (source,))
            assert off(one, truth) < (0.1 if number == 0 else 0.3)
        assert fit.coverage > 0.95
        np.testing.assert_allclose(fit.gain, (1 / 0.7, 1 / 0.7, 1 / 0.6), rtol=0.02)
    assert max(len(fit.sources) for fit in shot.frames.values()) > 1
    assert any(note.startswith("clean frame 5 is left out: ") for note in notes)
    assert any("the takes move differently in time" in note for note in notes)


def test_a_lost_clean_frame_is_stood_in_for_by_its_neighbour():
    plate = take(7, 4, subject=walker(), motion="pan", drift_px=60.0)
    pictures = cleans(take(8, 4, motion="pan", drift_px=60.0), first=1001)
    del pictures[1003]
    shot, notes = solve(plates(plate), pictures)
    assert any("1003" in note and "missing" in note for note in notes)
    assert [fit.sources[0].frame for fit in shot.frames.values()] == [1001, 1002, 1002, 1004]
    assert shot.numbers("failed") == ""


# ---- what is worth a word, and what cannot be helped


def test_a_clean_plate_that_is_a_frame_of_the_take_is_said():
    pictures = plates(take(1, 4, subject=walker()))
    _, notes = solve(pictures, {1: pictures[1004]})
    (note,) = (note for note in notes if "of the plate itself" in note)
    assert "frame 1004" in note


def bad(kind: str) -> tuple[Pictures, Pictures]:
    pictures, clean = plates(take(1, 2, subject=walker())), cleans(take(2, 1, start=AT))
    black = np.zeros((H, W, 3), np.float32)
    other = make_take(
        np.random.default_rng(3),
        place(np.random.default_rng(9), W, H, margin=0.1),
        width=W,
        height=H,
        frames=1,
    )
    if kind == "black plate":
        return dict.fromkeys(pictures, black), clean
    if kind == "black clean plate":
        return pictures, {1: black}
    if kind == "another place":
        return pictures, {1: other.clean(0)}
    if kind == "no clean plate can be read":
        return pictures, {1: None}
    if kind == "no clean frame can be read":
        return pictures, {1: None, 2: None}
    if kind == "turned on its side":
        return pictures, {1: np.ascontiguousarray(np.rot90(clean[1]))}
    assert kind == "cropped"
    return pictures, {1: clean[1][:-8]}


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("black plate", "the frame is black"),
        ("black clean plate", "the clean plate is black"),
        ("another place", "too little in common|do not show the same place"),
        ("no clean plate can be read", "frame 1: cannot be read"),
        ("no clean frame can be read", "cannot be read"),
        ("turned on its side", "the clean plate is 144x256, the plate 256x144"),
        ("cropped", "the clean plate is 256x136, the plate 256x144"),
    ],
)
def test_what_does_not_fit_fails_in_words_and_is_used_as_it_is(kind, said):
    shot, _ = solve(*bad(kind))
    assert shot.numbers("failed") == "1001-1002"
    for fit in shot.frames.values():
        assert np.array_equal(fit.sources[0].matrix, IDENTITY)
        assert (fit.gain, fit.gain_field, fit.flow) == ((1.0, 1.0, 1.0), None, None)
        assert re.search(said, fit.message)


@pytest.mark.parametrize("odd", [1001, 1002])
def test_a_frame_of_another_size_fails_alone(odd):
    pictures = plates(take(1, 3, subject=walker()))
    pictures[odd] = np.ascontiguousarray(pictures[odd][:-20])
    shot, _ = solve(pictures, cleans(take(2, 1, start=AT)))
    assert shot.size == (W, H)
    assert "256x124" in shot.frames[odd].message
    assert shot.frames[odd].verdict != "good"
    assert shot.count("good") == 2


def test_nothing_that_can_be_read_gives_no_fits():
    shot, _ = solve({1: None, 2: None}, cleans(take(2, 1)))
    assert shot.frames == {}


def test_flat_pictures_that_agree_are_used_as_they_lie():
    flat = np.full((H, W, 3), 0.2, np.float32)
    shot, _ = solve({1: flat, 2: flat * 1.01}, {1: flat})
    assert {fit.verdict for fit in shot.frames.values()} == {"good"}
    assert all("used as is" in fit.message for fit in shot.frames.values())


def screen(*, marks: bool = False) -> np.ndarray:
    """A green screen: nearly one colour, darker in the corners, with tracking marks or without."""
    y, x = np.mgrid[-1 : 1 : H * 1j, -1 : 1 : W * 1j]
    light = np.exp2(0.1 * x - 0.15 * (x * x + y * y))[..., None] * np.array([0.05, 0.3, 0.07])
    for down in np.linspace(12, H - 12, 5) if marks else ():
        for across in np.linspace(14, W - 14, 9):
            cv2.circle(light, (round(across), round(down)), 3, (0.02, 0.12, 0.03), -1, cv2.LINE_AA)
    return light.astype(np.float32)


def close_up(clean: np.ndarray, cover: float, grain: float = 0.004) -> np.ndarray:
    who = Subject(np.random.default_rng(8), W, H, cover=cover, plain=0.4)
    color, alpha = who.at((0.0, 0.0))
    light = clean + alpha[..., None] * (color - clean)
    noise = np.random.default_rng(9).standard_normal(light.shape) * grain * np.sqrt(light + 0.01)
    return (light + noise).astype(np.float32)


@pytest.mark.parametrize("marks", [False, True])
@pytest.mark.parametrize("stops", [-0.4, 0.0, 0.3])
@pytest.mark.parametrize("cover", [0.5, 0.7])
def test_a_subject_that_is_most_of_a_green_screen(cover: float, stops: float, marks: bool):
    clean = screen(marks=marks)
    shot, _ = solve({1: close_up(clean, cover), 2: close_up(clean, cover)}, {1: clean * np.float32(2**stops)})
    for fit in shot.frames.values():
        assert fit.verdict == "good"
        np.testing.assert_allclose(np.log2(fit.gain), -stops, atol=0.02)
        assert np.array_equal(fit.sources[0].matrix, IDENTITY)


def test_a_screen_of_another_colour_is_not_called_good():
    clean = screen()
    shot, _ = solve({1: close_up(clean, 0.6)}, {1: clean[..., [1, 0, 2]].copy()})
    assert shot.frames[1].verdict == "doubtful"
    assert "the colour differs" in shot.frames[1].message


def test_clean_frames_that_show_no_more_are_not_tried_for_every_frame(monkeypatch):
    tried = []
    usual = frame_solving.register

    def counted(*views, **more):
        tried.append(more.get("background") is not None)
        return usual(*views, **more)

    monkeypatch.setattr(frame_solving, "register", counted)
    plate, clean = take(21, 16), take(22, 16, start=AT)
    shot, _ = solve(plates(plate), cleans(clean, 1001))
    assert all(fit.coverage < 1 - frame_solving.HOLE for fit in shot.frames.values())
    assert sum(tried) <= 3 * frame_solving._MOST_TRIES


def test_another_focus_is_called_that():
    plate, clean = take(1, 3), take(2, 1, start=AT)
    soft = {frame: cv2.GaussianBlur(picture, (0, 0), 2) for frame, picture in cleans(clean).items()}
    shot, _ = solve(plates(plate), soft)
    for fit in shot.frames.values():
        assert "focus" in fit.message
        assert "parallax" not in fit.message
    shot, _ = solve(plates(plate), cleans(clean))
    assert not any("focus" in fit.message for fit in shot.frames.values())


def test_a_flash_and_a_black_leader_are_said():
    plate, clean = plates(take(1, 9)), cleans(take(2, 1, start=AT))
    plate[1005] = plate[1005] * 2.2
    plate[1001] = np.zeros_like(plate[1001])
    shot, _ = solve(plate, clean)
    assert "1.1 stops brighter than the frames around it" in shot.frames[1005].message
    assert shot.frames[1005].verdict == "doubtful"
    assert "the frame is black" in shot.frames[1001].message
    assert shot.frames[1001].verdict != "good"
    assert shot.count("good") == 7
