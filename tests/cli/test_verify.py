from __future__ import annotations

import json
from pathlib import Path

import pytest

from howard_nodes.frames import read_frame, write_image


@pytest.fixture
def result(shot):
    """A result of eight frames, as `matte` writes it."""
    picture = read_frame(shot.clean).pixels
    Path(shot.output).parent.mkdir()
    for frame in range(1001, 1009):
        metadata = {
            "howard:fingerprint": f"{frame:032x}",
            "howard:version": "0.1.0",
            "howard:weights": "default",
            "howard:settings": "one",
        }
        path = shot.output.replace("####", str(frame))
        write_image(path, picture, ("R", "G", "alpha.A"), colorspace="lin_ap1_scene", metadata=metadata)
    return shot


def _frame(result, frame):
    return Path(result.output.replace("####", str(frame)))


def test_all_well(howard, result):
    ended = howard("verify", result.output, "--frames", "1001-1008")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "8 of 8 frames passed\n"


def test_missing_and_corrupt_frames_are_named(howard, result):
    _frame(result, 1004).unlink()
    corrupt = _frame(result, 1006)
    corrupt.write_bytes(corrupt.read_bytes()[:-200])
    ended = howard("verify", result.output, "--frames", "1001-1009")
    assert ended.code == 1
    lines = ended.out.splitlines()
    assert lines[0] == f"{_frame(result, 1004)}: frame 1004 is missing"
    assert lines[1].startswith(f"{corrupt}: is truncated or corrupt")
    assert lines[2] == f"{_frame(result, 1009)}: frame 1009 is missing"
    assert lines[3] == "6 of 9 frames passed; failed: 1004,1006,1009"


def test_without_frames_gaps_are_missing_but_steps_are_not(howard, result):
    for frame in (1002, 1004, 1006, 1008):
        _frame(result, frame).unlink()
    assert howard("verify", result.output).code == 0
    _frame(result, 1003).rename(_frame(result, 1004))
    assert "; failed: 1002-1003,1006" in howard("verify", result.output).out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"metadata": {"howard:settings": "two"}}, "settings two"),
        ({"metadata": {"howard:weights": "resnet50"}}, "weights resnet50"),
        ({"channels": ("R", "G", "region.A")}, "layers R:half G:half region.A:half"),
        ({"compression": "piz"}, "compression piz"),
        ({"depth": "float"}, "layers R:float"),
        ({"colorspace": "lin_rec709_scene"}, "colour space lin_rec709_scene"),
    ],
)
def test_frames_that_differ_are_named(howard, result, change, said):
    picture = read_frame(result.clean).pixels
    usual = {"howard:version": "0.1.0", "howard:weights": "default", "howard:settings": "one"}
    change = {"channels": ("R", "G", "alpha.A"), "colorspace": "lin_ap1_scene"} | change
    change["metadata"] = usual | change.get("metadata", {})
    write_image(_frame(result, 1003), picture, **change)
    ended = howard("verify", result.output)
    assert ended.code == 1
    assert f"{_frame(result, 1003)}: {said}" in ended.out
    assert "; failed: 1003" in ended.out


def test_json(howard, result):
    _frame(result, 1008).unlink()
    ended = howard("verify", result.output, "--frames", "1007-1008", "--json")
    assert ended.code == 1
    told = [json.loads(line) for line in ended.out.splitlines()]
    assert [(event["event"], event.get("frame")) for event in told] == [
        ("frame_checked", 1007),
        ("frame_checked", 1008),
        ("finished", None),
    ]
    assert told[0]["problem"] is None
    assert "missing" in told[1]["problem"]
    assert told[2]["bad"] == "1008"


def test_wrong_input(howard, result):
    ended = howard("verify", result.output.replace("shot", "shto"))
    assert ended.code == 2
    assert "shto.####.exr: no file matches; found: shot.####.exr" in ended.err
    assert howard("verify", result.output, "--frames", "first-last").code == 2
    ended = howard("verify", _frame(result, 1001), "--frames", "1001-1008")
    assert ended.code == 2
    assert "####" in ended.err


def test_what_matte_wrote(howard, matte, shot, png_shot):
    assert matte(shot, "--frames", "1001-1002").code == 0
    assert howard("verify", shot.output, "--frames", "1001-1002").code == 0
    assert matte(png_shot, "--frames", "1001-1002", "--layers", "alpha,error").code == 0
    assert howard("verify", png_shot.output, "--frames", "1001-1002").code == 0
    (Path(png_shot.output).parent / "shot_error.1002.png").unlink()
    ended = howard("verify", png_shot.output)
    assert ended.code == 1
    assert "shot_error.1002.png: frame 1002 is missing" in ended.out


def test_a_report_and_a_contact_sheet(howard, shot, matte):
    assert matte(shot, "--align", "off").code == 0
    Path(shot.output.replace("####", "1002")).unlink()
    report, sheet = shot.folder / "told/report.json", shot.folder / "told/sheet.png"
    ended = howard(
        "verify",
        *(shot.output, "--frames", "1001-1004", "--report", report, "--contact-sheet", sheet, "--openjd"),
    )
    assert ended.code == 1
    assert "openjd_fail: 3 of 4 frames passed; failed: 1002" in ended.out
    told = json.loads(report.read_text(encoding="utf-8"))
    assert (told["total"], told["well"], list(told["problems"])) == (4, 3, ["1002"])
    assert list(told["facts"]["settings"].values()) == [3]
    shown = read_frame(sheet).pixels
    # Three rows of comp, alpha and error map, and they show the subject.
    assert shown.shape[1] > 1500
    assert shown.std() > 0.1


def test_a_contact_sheet_of_what_there_is(howard, png_shot, matte):
    assert matte(png_shot, "--align", "off", "--layers", "alpha").code == 0
    sheet = png_shot.folder / "sheet.png"
    assert howard("verify", png_shot.output, "--contact-sheet", sheet).code == 0
    assert read_frame(sheet).pixels.shape[1] < 800  # one column
    sheet.unlink()
    ended = howard("verify", png_shot.plate, "--contact-sheet", sheet)
    assert (ended.code, sheet.exists()) == (0, False)
    assert "has no rgba or alpha layer to show" in ended.err
