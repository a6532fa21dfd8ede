"""A shot fitted in parts: whatever the parts, every frame gets the bits that it gets in one go."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plates.test_solving import AT, Pictures, cleans, differs, plates, take, walker

from howard_nodes.description import FitSettings
from howard_nodes.errors import FrameError, InputError
from howard_nodes.plates import solving
from howard_nodes.plates.fit import ShotFit
from howard_nodes.plates.frame_solving import Found
from howard_nodes.plates.parts import FitPart, ScoutFile, part_path, scout_path
from howard_nodes.plates.scouting import scout_shot
from howard_nodes.plates.solving import fit_shot, joined, solve_frames
from howard_nodes.plates.takes import Takes

SHOTS = ("static", "handheld", "flickering", "odd")
COUNT = 12


@pytest.fixture(autouse=True)
def _short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that short shots have several."""
    monkeypatch.setattr(solving, "BLOCK", 4)


@cache
def pictures(shot: str) -> tuple[Pictures, Pictures]:
    """Plate and clean plate of a kind of shot."""
    if shot == "handheld":
        return plates(take(11, COUNT, subject=walker(), motion="handheld", drift_px=9.0)), cleans(
            take(12, 3, motion="handheld", drift_px=9.0, start=AT)
        )
    plate = plates(take(1, COUNT, subject=walker()))
    if shot == "flickering":
        light = random.Random(3)
        for frame, picture in plate.items():
            assert picture is not None
            plate[frame] = (picture * 2 ** light.uniform(-0.6, 0.6)).astype(np.float32)
    if shot == "odd":
        plate[1001] = plate[1009] = None  # unreadable, the first among them
        plate[1004] = take(3, 1, start=(6.0, 3.0)).clean(0)  # a kick
        plate[1008] = np.zeros_like(plate[1002])  # black
    return plate, cleans(take(2, 1, start=AT, gain=(0.5, 0.6, 0.4)))


@cache
def takes(shot: str) -> Takes:
    plate, clean = pictures(shot)

    def read(frame: int) -> np.ndarray:
        picture = plate[frame]
        if picture is None:
            raise FrameError("cannot be read", frame=frame)
        return picture

    return Takes(
        frames=tuple(sorted(plate)),
        plate=read,
        clean_frames=tuple(sorted(clean)),
        clean=lambda frame: (clean[frame], None),  # type: ignore[return-value]
        same_number=lambda frame: frame,
        space="lin_rec709_scene",
        to_rec709=lambda picture: picture,
        subject=differs,
    )


@cache
def in_one_go(shot: str) -> bytes:
    path = Path(f"{shot}.fit.json")
    written: list[bytes] = []
    fit = fit_shot(takes(shot), FitSettings())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("howard_nodes.plates.fit.write_file", lambda _, text: written.append(text.encode()))
        fit.save(path)
    return written[0]


@pytest.mark.parametrize("shot", SHOTS)
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(owners=st.lists(st.integers(0, 3), min_size=COUNT, max_size=COUNT), order=st.randoms())
def test_whatever_the_parts_the_fit_has_the_same_bits(shot, owners, order, tmp_path):
    fit, usual = tmp_path / f"{shot}.fit.json", FitSettings()
    ScoutFile(scout_shot(takes(shot), usual), "settings").save(scout_path(fit))
    frames = takes(shot).frames
    parts = [tuple(f for f, owner in zip(frames, owners, strict=True) if owner == one) for one in range(4)]
    parts = [part for part in parts if part]
    order.shuffle(parts)
    for part in parts:
        scout = ScoutFile.load(scout_path(fit), "")
        found = solve_frames(takes(shot), usual, scout.scouted, part)
        FitPart(part, found, scout.mark, "files").save(part_path(fit, part))
    together: dict[int, Found] = {}
    for part in parts:
        together |= FitPart.load(part_path(fit, part)).found
    joined(ScoutFile.load(scout_path(fit), "").scouted, together, usual).save(fit)
    assert fit.read_bytes() == in_one_go(shot)


def test_a_part_costs_a_block_more_at_most():
    read: list[int] = []
    counted = replace(takes("static"), plate=lambda frame: read.append(frame) or takes("static").plate(frame))
    scouted = scout_shot(counted, FitSettings())
    read.clear()
    assert list(solve_frames(counted, FitSettings(), scouted, (1007, 1011))) == [1007, 1011]
    assert read == [1005, 1006, 1007, 1009, 1010, 1011]


def test_damaged_parts_are_refused(tmp_path):
    fit = tmp_path / "shot.fit.json"
    scouted = scout_shot(takes("static"), FitSettings())
    ScoutFile(scouted, "settings").save(scout_path(fit))
    found = solve_frames(takes("static"), FitSettings(), scouted, (1001, 1002))
    FitPart((1001, 1002), found, "mark", "files").save(part_path(fit, (1001, 1002)))
    for path, load in (
        (scout_path(fit), lambda path: ScoutFile.load(path, "make it again")),
        (part_path(fit, (1001, 1002)), FitPart.load),
    ):
        text = path.read_text()
        for broken in (text[: len(text) // 2], "{}", text.replace("1001", "true"), "[]"):
            path.write_text(broken)
            with pytest.raises(InputError, match=re.escape(str(path))):
                load(path)


def test_a_task_reads_of_a_long_fit_what_it_needs(tmp_path):
    path = tmp_path / "shot.fit.json"
    fit = fit_shot(takes("handheld"), FitSettings())
    fit.save(path)
    some = ShotFit.load(path, (1002, 1005))
    assert sorted(some.frames) == [1002, 1005]
    assert some.frames[1005].fingerprint == ShotFit.load(path).frames[1005].fingerprint
    assert (some.size, some.static, some.notes) == (fit.size, fit.static, fit.notes)
    path.write_text(path.read_text()[:-40])
    with pytest.raises(InputError, match="is damaged"):
        ShotFit.load(path, (1002, 1005))
