"""A result checked in parts: report and page come out as from one check of all frames."""

from __future__ import annotations

import json
import random
import re

import numpy as np
import pytest
from nights import verify

from howard_nodes.color import ColorConfig
from howard_nodes.errors import InputError
from howard_nodes.frames import Sequence
from howard_nodes.sheets import check_parts
from howard_nodes.sheets.album import Album, FrameView
from howard_nodes.sheets.check_parts import CheckParts
from howard_nodes.sheets.page import Review, page_document
from howard_nodes.sheets.reviewing import Reviewed
from howard_nodes.shot.checking import CheckedFile, CheckedFrame

PARTITIONS = {
    "halves": ["1001-1006", "1007-1012"],
    "every third": ["1001-1012x3", "1002-1012x3", "1003-1012x3"],
    "one by one": [str(frame) for frame in range(1001, 1013)],
    "all": ["1001-1012"],
}


def without_date(text: str) -> str:
    return re.sub(r'"made": ?"[^"]*"', "", text)


@pytest.mark.parametrize("parts", PARTITIONS.values(), ids=PARTITIONS)
def test_whatever_the_parts_page_and_report_are_the_same(parts, result, page, tmp_path):
    whole, joined = tmp_path / "whole.json", tmp_path / "joined.json"
    shot = (result.output, "--frames", "1001-1012")
    assert verify(*shot, "--report", whole) == 1
    for part in parts:
        assert verify(*shot, "--part", part) == 0
    shown = tmp_path / "joined.html"
    files = ("--report", joined, "--page", shown, "--plate", result.plate)
    assert verify(*shot, "--part", "join", *files) == 1
    assert without_date(joined.read_text()) == without_date(whole.read_text())
    assert without_date(shown.read_text()) == without_date(page.read_text())


@pytest.fixture
def long_night(monkeypatch, tmp_path):
    """700 frames as they are checked: made up, as those of 700 files would take minutes."""
    chance = random.Random(1)
    frames = tuple(range(1, 701))
    path = tmp_path / "shot.0001.exr"
    path.write_bytes(b"")
    seen = {}
    for frame in frames:
        names = ("comp", "alpha")
        view = FrameView(
            {name: f"small {name} {frame}".encode() for name in names},
            {name: f"large {name} {frame}".encode() for name in names},
            np.full((4, 4), chance.random(), np.float32),
            chance.choice([0.01, 0.02, chance.random() / 20]),  # many are alike
            "error",
        )
        failed = chance.random() < 0.02
        file = CheckedFile(0, frame, path, facts={"size": "1"}, fit="failed: why" if failed else "good: fits")
        missing = CheckedFile(0, frame, path, "missing", f"{path}: is missing")
        seen[frame] = (
            CheckedFrame(frame, (file,), view) if frame % 97 else CheckedFrame(frame, (missing,), None)
        )
    monkeypatch.setattr(
        check_parts, "check_frames", lambda _result, wanted, _album: (seen[frame] for frame in wanted)
    )
    return frames, seen, Sequence.output(str(tmp_path / "shot.####.exr"))


def test_of_a_long_shot_the_same_pictures_are_kept(long_night):
    frames, seen, sequence = long_night
    config = ColorConfig.load(None)

    def reviewed(checked):
        made = Reviewed(Review("shot.####.exr", frames, Album(frames, config)))
        for one in checked:
            made.take(one)
        made.review.album.finish()
        made.finish()
        return made.review

    chance = random.Random(2)
    owners = {frame: chance.randrange(3) if frame < 200 else frame // 150 + 3 for frame in frames}
    parts = CheckParts(sequence.pattern, {"": sequence}, frames)
    for owner in set(owners.values()):
        list(parts.check(tuple(frame for frame in frames if owners[frame] == owner)))
    one, other = reviewed(seen.values()), reviewed(parts.joined())
    assert one.album.large == other.album.large
    assert len(one.album.large) < 250
    assert one.album.small == other.album.small
    documents = [{**page_document(review), "made": ""} for review in (one, other)]
    assert json.dumps(documents[0]) == json.dumps(documents[1]).replace("shot.0001", "shot.0001")


def test_parts_of_another_check_are_refused(long_night):
    frames, _, sequence = long_night
    parts = CheckParts(sequence.pattern, {"": sequence}, frames)
    list(parts.check(frames[:400]))
    with pytest.raises(InputError, match=r"no check of the frames 401-700: make them with the same command"):
        next(parts.joined())
    other = CheckParts(sequence.pattern, {"": sequence}, frames[:500])
    with pytest.raises(InputError, match=r"1\+400.safetensors is of another check"):
        next(other.joined())
    with pytest.raises(InputError, match="the shot has no frames 900"):
        next(parts.check((900,)))
