from __future__ import annotations

import json
import pickle
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from howard_nodes.frames import TypedValue, Window, inspect_file, read_attributes, read_frame, write_image

PlainExr = Callable[[Path], tuple[dict[str, tuple[str, bytes]], dict[str, np.ndarray]]]

PIXELS = np.full((6, 9, 3), 0.5, np.float32)
MATRIX = tuple(float(i) / 8 for i in range(16))

RICH: dict[str, tuple[Any, Any]] = {
    "smpte:TimeCode": (oiio.TypeTimeCode, (0x10203004, 7)),
    "smpte:KeyCode": (oiio.TypeKeyCode, (1, 2, 3, 4, 5, 6, 7)),
    "framesPerSecond": (oiio.TypeRational, (24000, 1001)),
    "chromaticities": (oiio.TypeDesc("float[8]"), (0.5, 0.25, 0.25, 0.5, 0.125, 0.0625, 0.3125, 0.328125)),
    "worldToCamera": (oiio.TypeMatrix44, MATRIX),
    "lens/matrix": (oiio.TypeMatrix33, MATRIX[:9]),
    "adoptedNeutral": (oiio.TypeVector2, (0.25, 0.5)),
    "offset": (oiio.TypeVector2i, (-3, 4)),
    "vector": (oiio.TypeVector, (1.0, 2.0, 3.0)),
    "box": (oiio.TypeBox2i, (1, 2, 3, 4)),
    "boxf": (oiio.TypeBox2, (1.0, 2.0, 3.0, 4.0)),
    "curve": (oiio.TypeDesc("float[5]"), (1.0, 2.0, 3.0, 4.0, 5.0)),
    "views": (oiio.TypeDesc("string[2]"), ("left", "right")),
    "ratio": (oiio.TypeRational, (3, 4)),
    "nuke/input/filename": (None, "/shows/höhle 東京/plate.exr"),
    "shot take": (None, "12A"),
    "a" * 60: (None, "long name"),
    "iso": (None, 800),
    "temperature": (None, 5600.5),
    "DateTime": (None, "2024:05:06 07:08:09"),
    "Copyright": (None, "somebody"),
    "ImageDescription": (None, "a comment"),
    "ExposureTime": (None, 0.25),
    "screenWindowWidth": (None, 1.25),
    "XResolution": (None, 72.0),
}


def _rich_file(path: Path, spec_writer: Callable[..., Path]) -> Path:
    spec = oiio.ImageSpec(9, 6, 3, "half")
    for name, (kind, value) in RICH.items():
        if kind is None:
            spec.attribute(name, value)
        else:
            spec.attribute(name, kind, value)
    spec.attribute("compression", "piz")
    spec.attribute("name", "left")
    spec.attribute("openexr:lineOrder", "decreasingY")
    spec.attribute("howard:fingerprint", "of another file")
    return spec_writer(path, spec, PIXELS)


def test_everything_survives_exr_to_exr(
    tmp_path: Path, spec_writer: Callable[..., Path], plain_exr: PlainExr
) -> None:
    first = read_frame(_rich_file(tmp_path / "in.exr", spec_writer))
    for name, (_, value) in RICH.items():
        assert first.metadata[name] == value, name
    for gone in ("compression", "name", "openexr:lineOrder", "howard:fingerprint", "PixelAspectRatio"):
        assert gone not in first.metadata
    write_image(
        tmp_path / "out.exr", first.pixels, first.channels, compression="zip", metadata=first.metadata
    )
    second = read_frame(tmp_path / "out.exr")
    assert second.metadata == first.metadata
    # Types too, by a reader of our own.
    before, _ = plain_exr(_rezip(tmp_path, first))
    after, _ = plain_exr(tmp_path / "out.exr")
    after.pop("howard:seal")
    after.pop("ResolutionUnit", None)  # what OpenImageIO says about xDensity, kept as text
    assert after == before
    assert after["timeCode"] == ("timecode", struct.pack("<2I", 0x10203004, 7))
    assert after["keyCode"][0] == "keycode"
    assert after["framesPerSecond"] == ("rational", struct.pack("<iI", 24000, 1001))
    assert after["chromaticities"][0] == "chromaticities"
    assert after["worldToCamera"] == ("m44f", struct.pack("<16f", *MATRIX))
    assert after["lens/matrix"][0] == "m33f"
    assert after["box"][0] == "box2i"
    assert after["boxf"][0] == "box2f"
    assert after["offset"][0] == "v2i"
    assert after["views"][0] == "stringvector"
    assert after["iso"][0] == "int"
    assert after["temperature"][0] == "float"
    assert after["capDate"] == ("string", b"2024:05:06 07:08:09")


def _rezip(folder: Path, frame: Any) -> Path:
    """Write the same again straight through OpenImageIO, to compare headers."""
    spec = oiio.ImageSpec(9, 6, 3, "half")
    for name, (kind, value) in RICH.items():
        if kind is None:
            spec.attribute(name, value)
        else:
            spec.attribute(name, kind, value)
    output = oiio.ImageOutput.create("openexr")
    assert output.open(str(folder / "ref.exr"), spec)
    assert output.write_image(frame.pixels)
    assert output.close()
    return folder / "ref.exr"


def test_metadata_survives_a_png(tmp_path: Path, spec_writer: Callable[..., Path]) -> None:
    first = read_frame(_rich_file(tmp_path / "in.exr", spec_writer))
    write_image(tmp_path / "out.png", first.pixels, "RGB", metadata=first.metadata, pixel_aspect=2.0)
    through = read_frame(tmp_path / "out.png")
    assert through.pixel_aspect == 2.0
    assert through.metadata["smpte:TimeCode"] == (0x10203004, 0)  # the user bits have no place in text
    assert through.metadata["framesPerSecond"] == (24000, 1001)
    assert through.metadata["worldToCamera"] == MATRIX
    assert through.metadata["nuke/input/filename"] == "/shows/höhle 東京/plate.exr"
    write_image(tmp_path / "again.exr", PIXELS, "RGB", metadata=through.metadata)
    again = read_frame(tmp_path / "again.exr").metadata
    for name in ("framesPerSecond", "smpte:KeyCode", "worldToCamera", "chromaticities", "ExposureTime"):
        assert again[name] == RICH[name][1], name
    assert again["smpte:TimeCode"] == (0x10203004, 0)


def test_typed_values_are_plain_tuples_to_others() -> None:
    value = TypedValue((24000, 1001), "rational")
    assert value == (24000, 1001)
    assert json.dumps({"rate": value}) == '{"rate": [24000, 1001]}'
    again = pickle.loads(pickle.dumps(value))
    assert again == value
    assert again.type == "rational"
    assert repr(value) == "TypedValue((24000, 1001), 'rational')"


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("framesPerSecond", (25, 1), (25, 1)),
        ("framesPerSecond", 24, (24, 1)),
        ("framesPerSecond", 23.976, (24000, 1001)),
        ("FramesPerSecond", "29.97", (30000, 1001)),
        ("smpte:TimeCode", "10:20:30:04", (0x10203004, 0)),
        ("timeCode", (1, 2), (1, 2)),
        ("flag", True, 1),
        ("big", 2**40, str(2**40)),
        ("list", [1.5, 2.5], (1.5, 2.5)),
        ("words", ["a", "b"], ("a", "b")),
        ("nested", {"a": [1, {"b": "ü"}]}, '{"a": [1, {"b": "ü"}]}'),
        ("mixed", [1, "a"], '[1, "a"]'),
        ("array", np.arange(3), (0, 1, 2)),
        ("scalar", np.float32(0.5), 0.5),
        ("nothing", None, None),
        ("empty", "", None),
    ],
)
def test_plain_values(tmp_path: Path, name: str, value: Any, read: Any) -> None:
    write_image(tmp_path / "x.exr", PIXELS, "RGB", metadata={name: value})
    found = read_frame(tmp_path / "x.exr").metadata
    stored = {"FramesPerSecond": "framesPerSecond", "timeCode": "smpte:TimeCode"}.get(name, name)
    if read is None:
        assert stored not in found
    else:
        assert found[stored] == read


def test_metadata_cannot_change_the_encoding(tmp_path: Path) -> None:
    write_image(
        tmp_path / "x.exr",
        PIXELS,
        "RGB",
        compression="zips",
        metadata={
            "compression": "dwaa",
            "acesImageContainerFlag": 1,
            "oiio:ColorSpace": "sRGB",
            "colorInteropID": "srgb_rec709_scene",
            "tiles": "x",
            "channels": "x",
            "PixelAspectRatio": 3.0,
            "type": "tiledimage",
            "dataWindow": (1, 2, 3, 4),
        },
    )
    part = inspect_file(tmp_path / "x.exr").parts[0]
    assert (part.compression, part.colorspace, part.pixel_aspect) == ("zips", None, 1.0)
    assert part.data_window == Window(0, 0, 9, 6)


def test_colour_tag_of_a_camera_log_survives(tmp_path: Path) -> None:
    for suffix in ("exr", "png"):
        path = tmp_path / f"x.{suffix}"
        write_image(path, PIXELS, "RGB", colorspace="ARRI LogC3 (EI800)")
        assert read_frame(path).colorspace == "ARRI LogC3 (EI800)"
        assert read_attributes(path)["howard:colorspace"] == "ARRI LogC3 (EI800)"
        write_image(path, PIXELS, "RGB")
        assert read_frame(path).colorspace is None


def test_own_attributes_are_written_but_not_carried(tmp_path: Path) -> None:
    write_image(tmp_path / "x.exr", PIXELS, "RGB", metadata={"howard:fingerprint": "abc"})
    assert read_attributes(tmp_path / "x.exr")["howard:fingerprint"] == "abc"
    assert "howard:fingerprint" not in read_frame(tmp_path / "x.exr").metadata


def test_dpx_rate_and_timecode(tmp_path: Path, spec_writer: Callable[..., Path]) -> None:
    spec = oiio.ImageSpec(9, 6, 3, "uint16")
    spec.attribute("dpx:TemporalFrameRate", 23.976)
    spec.attribute("smpte:TimeCode", oiio.TypeTimeCode, (0x01020304, 0))
    spec.attribute("PixelAspectRatio", 2.0)
    frame = read_frame(spec_writer(tmp_path / "x.dpx", spec, PIXELS))
    assert frame.metadata["framesPerSecond"] == (24000, 1001)
    assert frame.metadata["smpte:TimeCode"] == (0x01020304, 0)
    assert frame.pixel_aspect == 2.0
    assert "dpx:Packing" not in frame.metadata
    write_image(tmp_path / "x.exr", frame.pixels, frame.channels, metadata=frame.metadata, pixel_aspect=2.0)
    again = read_frame(tmp_path / "x.exr")
    assert again.metadata["framesPerSecond"] == (24000, 1001)
    assert again.pixel_aspect == 2.0


_NAMES = st.text("abcdefgh_/ :.äß", min_size=1, max_size=40).filter(
    lambda s: s.strip() == s and "  " not in s
)
_VALUES = st.one_of(
    st.text(min_size=1, max_size=30).filter(lambda s: "\0" not in s and s.isprintable()),
    st.integers(-(2**31), 2**31 - 1),
    st.floats(width=32, allow_nan=False),
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=20),
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(_NAMES, _VALUES, max_size=6), st.sampled_from(["exr", "png"]))
def test_arbitrary_metadata_never_fails_a_write(metadata: dict[str, Any], suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"x.{suffix}")
        write_image(path, PIXELS, "RGB", metadata=metadata)
        found = read_frame(path).metadata
    for name, value in metadata.items():
        if suffix == "exr":
            assert found[name] == (tuple(value) if isinstance(value, list) else value)
        elif isinstance(value, str) and name.isascii():
            assert found[name] == value


def test_a_late_timecode_survives_a_png(tmp_path: Path) -> None:
    path = tmp_path / "late.png"
    late = TypedValue((0x23595923, 0), "timecode")
    write_image(
        path, np.zeros((4, 4, 3), np.float32), "RGB", depth="uint16", metadata={"smpte:TimeCode": late}
    )
    assert read_frame(path).metadata["smpte:TimeCode"] == late
