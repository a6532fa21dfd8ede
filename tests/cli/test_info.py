from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from howard_nodes.frames import TypedValue, Window, write_image


def test_sequence(howard, shot):
    Path(shot.plate.replace("####", "1003")).unlink()
    ended = howard("info", shot.plate)
    assert ended.code == 0
    assert ended.out.splitlines()[0] == shot.plate
    assert "1001-1002,1004 (3), missing 1003" in ended.out
    assert "64 x 48" in ended.out
    assert "(main): R G B, half" in ended.out
    assert "zip" in ended.out
    assert "ACEScg, from the file's own tag lin_ap1_scene" in ended.out
    assert "framesPerSecond = 24/1" in ended.out


def test_json(howard, shot):
    ended = howard("info", shot.plate, "--json")
    (line,) = ended.out.splitlines()
    found = json.loads(line)
    assert (found["frames"], found["frame_count"], found["missing"]) == ("1001-1004", 4, "")
    assert found["format"] == "EXR"
    (part,) = found["parts"]
    assert part["channels"] == {"R": "half", "G": "half", "B": "half"}
    assert part["layers"] == {"": ["R", "G", "B"]}
    assert part["display_window"] == {"x": 0, "y": 0, "width": 64, "height": 48}
    assert part["resolved"]["space"] == "ACEScg"
    assert part["metadata"]["framesPerSecond"] == "24/1"


def test_layers_windows_and_metadata_of_one_file(howard, tmp_path):
    path = tmp_path / "größe.exr"
    write_image(
        path,
        np.zeros((20, 30, 4), np.float32),
        ("R", "G", "B", "matte.A"),
        depth="float",
        compression="piz",
        data_window=Window(-5, -5, 30, 20),
        display_window=Window(0, 0, 20, 10),
        pixel_aspect=2.0,
        metadata={"smpte:TimeCode": TypedValue((0x01020304, 0), "timecode"), "scene": "12"},
    )
    ended = howard("info", path)
    assert ended.code == 0
    for words in (
        "30x20-5-5 in display window 20x10+0+0",
        "pixel aspect",
        "piz",
        "matte: A, float",
        "smpte:TimeCode = 01:02:03:04",
        "scene = 12",
        "the file does not say",
    ):
        assert words in ended.out
    assert "frames" not in ended.out


def test_requested_space_and_other_configuration(howard, shot):
    path = shot.plate.replace("####", "1001")
    ended = howard("info", path, "--colorspace", "logc3", "--ocio", "ocio://studio-config-latest", "--json")
    found = json.loads(howard("info", path, "--colorspace", "lin_rec709_scene", "--json").out)
    assert found["parts"][0]["resolved"]["reason"].endswith("as asked for")
    assert ended.code == 2
    ended = howard("info", path, "--ocio", "ocio://studio-config-latest", "--json")
    assert json.loads(ended.out)["ocio"].startswith("ocio://studio-config-latest")


def test_wrong_input(howard, shot, tmp_path):
    ended = howard("info", tmp_path / "none.####.exr")
    assert ended.code == 2
    assert "none.####.exr: no file matches; there is: " in ended.err
    assert howard("info", shot.clean, "--colorspace", "nonsense").code == 2
    broken = tmp_path / "broken.exr"
    broken.write_bytes(b"no picture")
    ended = howard("info", broken)
    assert ended.code == 1
    assert f"howard: error: {broken}: cannot be read as a picture" in ended.err
