from __future__ import annotations

import json
from pathlib import Path

import av
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
        "the file has no tag",
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
    assert "none.####.exr: no file matches; found: " in ended.err
    assert howard("info", shot.clean, "--colorspace", "nonsense").code == 2
    broken = tmp_path / "broken.exr"
    broken.write_bytes(b"no picture")
    ended = howard("info", broken)
    assert ended.code == 1
    assert f"howard: error: {broken}: cannot be read as an image" in ended.err


def make_movie(path, tags=(1, 9, 9, 18)):
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"bf": "2", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        stream.metadata["timecode"] = "10:00:59:24"
        stream.set_display_rotation(90)
        context = stream.codec_context
        context.color_range, context.colorspace, context.color_primaries, context.color_trc = tags
        for index in range(10):
            grey = np.full((48, 48), 20 * index, np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(grey, "yuv420p")))
        output.mux(stream.encode())
    return path


def test_movie(howard, tmp_path):
    path = make_movie(tmp_path / "take.mov")
    ended = howard("info", path)
    assert ended.code == 0
    text = " ".join(ended.out.split())
    for words in (
        "frames 1-10 (10), 0.40 s",
        "codec h264",
        "pixels yuv420p, chroma left",
        "size 32 x 48",
        "turned 270 degrees clockwise",
        "rate 25 frames a second (25/1)",
        "timecode 10:00:59:24",
        "tags range limited, matrix BT.2020, primaries BT.2020, transfer HLG",
        "colour take.mov: Rec.2100-HLG - Display, from the file's own tag hlg_rec2020_display",
        "notes take.mov: rotated by 270 degrees, from its header",
    ):
        assert words in text
    found = json.loads(howard("info", path, "--json").out)
    assert (found["frames"], found["frame_count"]) == ("1-10", 10)
    assert found["movie"]["rate"] == "25/1"
    assert found["movie"]["colorspace"] == "hlg_rec2020_display"
    assert found["resolved"]["space"] == "Rec.2100-HLG - Display"
    assert found["notes"] == ["take.mov: rotated by 270 degrees, from its header"]


def test_movie_numbered_from_a_start(howard, shot, tmp_path):
    path = make_movie(tmp_path / "take.mov")
    assert "frames 1001-1010 (10)" in " ".join(howard("info", path, "--start-frame", "1001").out.split())
    found = json.loads(howard("info", path, "--start-frame", "timecode", "--json").out)
    assert found["frames"] == "901499-901508"  # 10:00:59:24 at 25 a second
    ended = howard("info", path, "--start-frame", "noon")
    assert (ended.code, "must be a frame number, or timecode" in ended.err) == (2, True)
    ended = howard("info", shot.plate, "--start-frame", "1001")
    assert (ended.code, "is not a movie" in ended.err) == (2, True)


def test_movie_that_says_nothing(howard, tmp_path):
    path = make_movie(tmp_path / "take.mp4", (0, 2, 2, 2))
    text = " ".join(howard("info", path).out.split())
    assert "matrix not tagged, primaries not tagged, transfer not tagged" in text
    assert "take.mp4: its range and matrix are not tagged; assumed BT.709, limited range" in text
    assert "Rec.1886 Rec.709 - Display, by file rule Movies of howard.ocio" in text
    assert "applelog" not in text
    asked = json.loads(howard("info", path, "--colorspace", "applelog", "--json").out)
    assert asked["resolved"]["space"] == "Apple Log"


def test_broken_movie(howard, tmp_path):
    path = make_movie(tmp_path / "take.mov")
    path.write_bytes(path.read_bytes()[:900])
    ended = howard("info", path)
    assert ended.code == 2
    assert "its index (the moov atom) is missing" in " ".join(ended.err.split())


def test_timecode_digits(howard, tmp_path):
    path = tmp_path / "a.exr"
    pixels = np.zeros((2, 2, 3), np.float32)
    for packed, words in ((0x23595923, "23:59:59:23"), (0x01495869, "01:49:58;29")):
        write_image(path, pixels, "RGB", metadata={"smpte:TimeCode": TypedValue((packed, 0), "timecode")})
        assert f"smpte:TimeCode = {words}" in howard("info", path).out
