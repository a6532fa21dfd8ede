"""Files as the field sends them: odd text, odd fields, sideways stills, layers without a plain picture."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ImageCms

from howard_nodes.errors import FrameError, HowardError, UnsupportedError
from howard_nodes.frames import (
    Frame,
    Sequence,
    Window,
    expected_frames,
    inspect_file,
    read_attributes,
    read_frame,
    verify_file,
    write_image,
)
from howard_nodes.frames.header import cleaned
from howard_nodes.frames.inside import is_data
from howard_nodes.frames.orientation import Orientation

Write = Callable[..., Path]


def _picture(height: int = 6, width: int = 9, channels: int = 3) -> np.ndarray:
    return np.arange(height * width * channels, dtype=np.float32).reshape(height, width, channels) / 200


# Text.


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"M\xfcller", "Müller"),
        ("Müller".encode(), "Müller"),
        (b"\xff" * 8, ""),
        (b"Arri\xff\xff\xff", "Arri"),
        (b"", ""),
        (b"a\x00\x01b\nc", "ab\nc"),
        ("caf\udce9", "café"),
        ("lone \ud800 half", "lone ? half"),
    ],
)
def test_text_of_any_bytes(raw: str | bytes, text: str) -> None:
    assert cleaned(raw) == text


@given(st.binary(max_size=40))
def test_any_bytes_become_text_that_can_be_written(raw: bytes) -> None:
    cleaned(raw).encode()


def _with_text(path: Path, value: bytes) -> Path:
    write_image(path, _picture(), "RGB", compression="none", metadata={"Copyright": "0" * len(value)})
    content = path.read_bytes()
    assert b"0" * len(value) in content
    path.write_bytes(content.replace(b"0" * len(value), value))
    return path


@pytest.mark.parametrize(("raw", "kept"), [(b"\xff" * 12, None), (b"B\xfcro \xa9 2026", "Büro © 2026")])
def test_header_text_that_is_not_utf8_costs_no_frame(tmp_path: Path, raw: bytes, kept: str | None) -> None:
    path = _with_text(tmp_path / "x.exr", raw)
    frame = read_frame(path)
    assert frame.metadata.get("Copyright") == kept
    verify_file(path)
    json.dumps(inspect_file(path).parts[0].metadata, ensure_ascii=False).encode()
    write_image(tmp_path / "y.exr", frame.pixels, "RGB", metadata=frame.metadata)
    assert read_frame(tmp_path / "y.exr").metadata.get("Copyright") == kept


def test_an_attribute_that_cannot_be_written_costs_that_attribute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from howard_nodes.frames import writing

    usual = writing.set_attribute

    def refuse(spec: oiio.ImageSpec, name: str, *more: object, **also: object) -> None:
        if name == "odd":
            raise RuntimeError("construction from null is not valid")
        usual(spec, name, *more, **also)  # type: ignore[arg-type]

    monkeypatch.setattr(writing, "set_attribute", refuse)
    write_image(tmp_path / "x.exr", _picture(), "RGB", metadata={"odd": "value", "Software": "mine"})
    assert read_frame(tmp_path / "x.exr").metadata["Software"] == "mine"
    assert "'odd' cannot be written" in caplog.text


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(8, 420), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_header_of_any_bytes_raises_nothing_but_ours(
    tmp_path: Path, changes: list[tuple[int, int]]
) -> None:
    whole = tmp_path / "whole.exr"
    if not whole.exists():
        write_image(whole, _picture(), "RGB", metadata={"Copyright": "somebody", "framesPerSecond": 24.0})
    content = bytearray(whole.read_bytes())
    for place, value in changes:
        content[min(place, len(content) - 1)] = value
    path = tmp_path / "changed.exr"
    path.write_bytes(content)
    for look in (read_frame, inspect_file, verify_file, read_attributes):
        with suppress(HowardError):
            look(path)


@pytest.mark.parametrize("suffix", ["tif", "jpg", "webp", "png"])
def test_a_color_profile_costs_no_file(tmp_path: Path, spec_writer: Write, suffix: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    spec = oiio.ImageSpec(8, 8, 3, "uint8")
    spec.attribute("ICCProfile", oiio.TypeDesc(f"uint8[{len(profile)}]"), profile)
    path = spec_writer(tmp_path / f"x.{suffix}", spec, np.full((8, 8, 3), 0.5, np.float32))
    np.testing.assert_allclose(read_frame(path).pixels, 0.5, atol=0.03)
    assert len(read_attributes(path)["ICCProfile"]) == len(profile)
    (part,) = inspect_file(path).parts
    assert part.colorspace == "srgb_rec709_scene"
    assert "ICCProfile" not in part.metadata
    verify_file(path)


def test_primaries_that_are_none_are_left_out(tmp_path: Path) -> None:
    for text in ("0.64 0.33 0.3", "12345678", "0.64 0.33 0.3 0.6 0.15 0.06 0.3127 nan"):
        write_image(tmp_path / "x.png", _picture(), "RGB", metadata={"Chromaticities": text, "Artist": "me"})
        metadata = read_frame(tmp_path / "x.png").metadata
        assert metadata.get("Artist") == "me"
        assert not [name for name in metadata if name.lower() == "chromaticities"]


def test_a_mistake_of_ours_does_not_pass_for_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from howard_nodes.frames import reading

    write_image(tmp_path / "x.exr", _picture(), "RGB")
    for mistake in (TypeError, ValueError, IndexError, AttributeError, KeyError):

        def fail(*_: object, mistake: type[Exception] = mistake) -> None:
            raise mistake("of ours")

        monkeypatch.setattr(reading, "carried_metadata", fail)
        with pytest.raises(mistake, match="of ours"):
            read_frame(tmp_path / "x.exr")


# Headers that promise more than there is.


def _says_16000(content: bytes) -> bytes:
    """Change the size in a JPEG's header."""
    changed = bytearray(content)
    at = max(content.find(b"\xff\xc0"), content.find(b"\xff\xc2"))
    struct.pack_into(">2H", changed, at + 5, 16_000, 16_000)
    return bytes(changed)


@pytest.mark.parametrize("progressive", [0, 1])
def test_a_jpeg_that_cannot_be_as_large_as_it_says(
    tmp_path: Path, spec_writer: Write, progressive: int
) -> None:
    spec = oiio.ImageSpec(2048, 1024, 3, "uint8")
    spec.attribute("jpeg:progressive", progressive)
    path = spec_writer(tmp_path / "x.jpg", spec, np.zeros((1024, 2048, 3), np.float32))
    assert read_frame(path).pixels.max() == 0  # black is small, and whole
    verify_file(path)
    path.write_bytes(_says_16000(path.read_bytes())[: 1 << 13])
    for look in (read_frame, verify_file, inspect_file):
        with pytest.raises(FrameError, match=r"x\.jpg: is damaged: its header says 16000x16000"):
            look(path)


def test_an_exr_that_cannot_be_as_large_as_it_says(tmp_path: Path) -> None:
    path = tmp_path / "x.exr"
    write_image(path, _picture(), "RGB")
    content = bytearray(path.read_bytes())
    for name in (b"dataWindow", b"displayWindow"):
        at = content.index(name + b"\0box2i\0") + len(name) + 11
        struct.pack_into("<4i", content, at, 0, 0, 29_999, 29_999)
    path.write_bytes(content)
    with pytest.raises(FrameError, match=r"x\.exr: .*damaged.*5149 MB of pixels in a file of \d+ bytes"):
        read_frame(path)


def _says_rows(path: Path, rows: int) -> None:
    """Change the height in a TIFF's header."""
    content = bytearray(path.read_bytes())
    order = ">" if content[:2] == b"MM" else "<"
    (at,) = struct.unpack_from(f"{order}I", content, 4)
    (count,) = struct.unpack_from(f"{order}H", content, at)
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        (tag,) = struct.unpack_from(f"{order}H", content, entry)
        if tag == 257:
            struct.pack_into(f"{order}HII", content, entry + 2, 4, 1, rows)
    path.write_bytes(content)


def test_a_tiff_without_most_of_its_rows_ends_at_the_first(tmp_path: Path, spec_writer: Write) -> None:
    spec = oiio.ImageSpec(20, 14, 3, "half")
    spec.attribute("planarconfig", "separate")
    path = spec_writer(tmp_path / "x.tif", spec, _picture(14, 20))
    _says_rows(path, 60_000)
    began = time.monotonic()
    with pytest.raises(FrameError, match=r"x\.tif: is truncated or corrupt") as refusal:
        read_frame(path)
    assert time.monotonic() - began < 1
    assert len(str(refusal.value)) < 1000


def test_an_uncompressed_tiff_that_cannot_be_as_large_as_it_says(tmp_path: Path, spec_writer: Write) -> None:
    for planar in ("contig", "separate"):
        spec = oiio.ImageSpec(20, 14, 3, "half")
        spec.attribute("planarconfig", planar)
        spec.attribute("compression", "none")
        path = spec_writer(tmp_path / f"{planar}.tif", spec, _picture(14, 20))
        verify_file(path)
        _says_rows(path, 60_000)
        for look in (read_frame, verify_file):
            with pytest.raises(FrameError, match=r"is damaged: its header says 20x60000"):
                look(path)


def test_a_blank_tiff_is_read_in_bands_to_the_same_values(tmp_path: Path, spec_writer: Write) -> None:
    pixels = np.zeros((2100, 300, 4), np.float32)
    pixels[1023:1025, 7] = pixels[2099, 8] = (0.2, 0.4, 0.6, 1.0)
    spec = oiio.ImageSpec(300, 2100, 4, "float")
    spec.attribute("compression", "zip")
    path = spec_writer(tmp_path / "x.tif", spec, pixels)
    assert path.stat().st_size * 64 < pixels.nbytes
    np.testing.assert_array_equal(read_frame(path).pixels, pixels)
    np.testing.assert_array_equal(read_frame(path, layer="A").pixels, pixels[..., 3:])


def test_a_picture_beyond_the_limit_says_how_to_raise_it(tmp_path: Path) -> None:
    write_image(tmp_path / "x.exr", np.zeros((600, 600, 3), np.float32), "RGB")
    usual = oiio.get_int_attribute("limits:imagesize_MB")
    oiio.attribute("limits:imagesize_MB", 1)
    try:
        with pytest.raises(FrameError, match=r"says 600x600.*HOWARD_MAX_FRAME_MB=3"):
            read_frame(tmp_path / "x.exr")
    finally:
        oiio.attribute("limits:imagesize_MB", usual)
    read_frame(tmp_path / "x.exr")


def test_a_picture_that_memory_cannot_hold_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from howard_nodes.frames import reading

    def full(*_: object) -> None:
        raise MemoryError

    write_image(tmp_path / "x.exr", _picture(), "RGB")
    monkeypatch.setattr(reading, "_read_channels", full)
    with pytest.raises(FrameError, match=r"x\.exr, frame 4: needs more memory .* 9x6 pixels of 3 channels"):
        read_frame(tmp_path / "x.exr", frame=4)


# DPX.


def _dpx(path: Path, write: Write, *, pixels_at: int, industry: int) -> Path:
    """Write a DPX of 10 bit, its pixels at some place, with or without the film and television header."""
    spec = oiio.ImageSpec(64, 48, 3, "uint16")
    spec.attribute("oiio:BitsPerSample", 10)
    content = bytearray(write(path, spec, np.full((48, 64, 3), 0.3, np.float32)).read_bytes())
    order = ">" if content[:4] == b"SDPX" else "<"
    (begins,) = struct.unpack_from(f"{order}I", content, 4)
    body = bytes(content[begins:])
    head = content[:1664] + (content[1664:2048] if pixels_at >= 2048 else b"")
    for place, value in ((4, pixels_at), (16, pixels_at + len(body)), (28, industry), (808, pixels_at)):
        struct.pack_into(f"{order}I", head, place, value)
    path.write_bytes(bytes(head).ljust(pixels_at, b"\xab") + body)
    return path


@pytest.mark.parametrize("pixels_at", [1664, 2048])
def test_what_is_no_header_of_a_dpx_is_not_read_as_one(
    tmp_path: Path, spec_writer: Write, pixels_at: int
) -> None:
    path = _dpx(tmp_path / "x.dpx", spec_writer, pixels_at=pixels_at, industry=0)
    if pixels_at == 2048:
        content = bytearray(path.read_bytes())
        content[1664:2048] = b"\x9c" * 384
        path.write_bytes(content)
    frame = read_frame(path)
    assert not [name for name in frame.metadata if name.lower().startswith(("dpx:", "smpte:", "frames"))]
    np.testing.assert_allclose(frame.pixels, 0.3, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "value", "is_kept"),
    [
        ("smpte:TimeCode", (0x10203011, 0), True),
        ("smpte:TimeCode", (0x25283411, 0), False),  # 25 hours
        ("smpte:TimeCode", (0x102030FA, 0), False),  # no decimal digits
        ("smpte:KeyCode", (1, 2, 345678, 1234, 0, 4, 64), True),
        ("smpte:KeyCode", (0, 0, 0, 0, 0, 4, 64), False),
        ("smpte:KeyCode", (400, 2, 345678, 1234, 0, 4, 64), False),
        ("framesPerSecond", (24000, 1001), True),
        ("framesPerSecond", (24, 0), False),
        ("framesPerSecond", (0, 1), False),
    ],
)
def test_a_field_that_cannot_be_is_left_out(
    tmp_path: Path, spec_writer: Write, name: str, value: tuple[int, ...], is_kept: bool
) -> None:
    spec = oiio.ImageSpec(8, 8, 3, "half")
    kind = {"smpte:TimeCode": "timecode", "smpte:KeyCode": "keycode", "framesPerSecond": "rational"}[name]
    spec.attribute(name, oiio.TypeDesc(kind), value)
    frame = read_frame(spec_writer(tmp_path / "x.exr", spec, np.zeros((8, 8, 3), np.float32)))
    assert frame.metadata.get(name) == (value if is_kept else None)


@pytest.mark.parametrize("transfer", ["ITU-R 709-4", "SMPTE 274M", "ITU-R 601-5 system M"])
def test_a_dpx_of_video_is_video(tmp_path: Path, spec_writer: Write, transfer: str) -> None:
    spec = oiio.ImageSpec(8, 8, 3, "uint16")
    spec.attribute("dpx:Transfer", transfer)
    path = spec_writer(tmp_path / "x.dpx", spec, np.zeros((8, 8, 3), np.float32))
    assert read_frame(path).colorspace == "g24_rec709_display"


# Sideways stills.


def _turned(upright: np.ndarray, code: int) -> np.ndarray:
    """Give the stored pixels that Exif's code turns upright."""
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }
    return np.ascontiguousarray(stored[code])


@pytest.mark.parametrize("code", range(1, 9))
@pytest.mark.parametrize("suffix", ["tif", "png", "jpg"])
def test_stills_stand_upright(tmp_path: Path, spec_writer: Write, code: int, suffix: str) -> None:
    upright = np.zeros((32, 48, 3), np.float32)
    upright[:12, :16] = (0.2, 0.6, 0.9)
    upright[20:, 30:] = (0.9, 0.3, 0.1)
    stored = _turned(upright, code)
    spec = oiio.ImageSpec(stored.shape[1], stored.shape[0], 3, "uint8")
    spec.attribute("Orientation", code)
    spec.attribute("CompressionQuality", 100)
    path = spec_writer(tmp_path / f"x.{suffix}", spec, stored)
    frame = read_frame(path)
    assert np.abs(frame.pixels - upright).mean() < (0.03 if suffix == "jpg" else 0.003)
    assert frame.display_window == frame.data_window == Window(0, 0, 48, 32)
    assert Sequence.find(path).display_size(1) == (48, 32)
    assert "Orientation" not in frame.metadata


def test_an_exr_is_upright_whatever_it_says(tmp_path: Path, spec_writer: Write) -> None:
    spec = oiio.ImageSpec(9, 6, 3, "float")
    spec.attribute("Orientation", 6)
    frame = read_frame(spec_writer(tmp_path / "x.exr", spec, _picture()))
    np.testing.assert_array_equal(frame.pixels, _picture())
    assert "Orientation" not in frame.metadata


@given(st.integers(1, 8), st.integers(0, 5), st.integers(0, 5), st.integers(1, 6), st.integers(1, 6))
def test_a_window_goes_where_its_pixels_go(code: int, x: int, y: int, width: int, height: int) -> None:
    within, window = Window(0, 0, 12, 11), Window(x, y, width, height)
    marked = np.zeros((11, 12, 1), np.float32)
    marked[y : y + height, x : x + width] = 1
    turn = Orientation.of_exif(code)
    placed, turned = turn.place(window, within), turn.turn(marked)
    inside = turned[placed.y : placed.y + placed.height, placed.x : placed.x + placed.width]
    assert inside.size == turned.sum() == width * height
    assert inside.all()


# Which layer is the picture.


def _layers(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}.{channel}" for name in names for channel in "RGB")


@pytest.mark.parametrize(
    ("names", "picture"),
    [
        (_layers("CryptoObject00", "beauty"), "beauty"),
        (_layers("albedo", "rgba"), "rgba"),
        (_layers("N", "P", "C"), "C"),
        (_layers("ViewLayer.DiffCol", "ViewLayer.Combined", "ViewLayer.Noisy Image"), "ViewLayer.Combined"),
        (_layers("diffuse_albedo", "take1", "normal"), "take1"),
        (_layers("crypto_material"), "crypto_material"),
        (("depth.Z", *_layers("fg")), "fg"),
    ],
)
def test_the_picture_among_layers(tmp_path: Path, names: tuple[str, ...], picture: str) -> None:
    pixels = np.random.default_rng(1).random((4, 5, len(names)), np.float32)
    write_image(tmp_path / "x.exr", pixels, names, depth="float")
    frame = read_frame(tmp_path / "x.exr")
    assert frame.layer == inspect_file(tmp_path / "x.exr").picture == picture
    np.testing.assert_array_equal(
        frame.pixels, pixels[..., [names.index(f"{picture}.{channel}") for channel in "RGB"]]
    )


@pytest.mark.parametrize("names", [_layers("left", "right"), _layers("N", "P"), _layers("key", "fill", "N")])
def test_a_picture_that_could_be_any_is_not_chosen_in_silence(tmp_path: Path, names: tuple[str, ...]) -> None:
    write_image(tmp_path / "x.exr", np.zeros((4, 5, len(names)), np.float32), names)
    first = names[0].partition(".")[0]
    with pytest.raises(UnsupportedError, match=rf"which of its layers.*--layer.*{first}"):
        read_frame(tmp_path / "x.exr")
    assert inspect_file(tmp_path / "x.exr").picture is None
    assert read_frame(tmp_path / "x.exr", layer=first).layer == first


def test_parts_with_plain_channels_are_told_apart_by_their_names(tmp_path: Path) -> None:
    spec = oiio.ImageSpec(5, 4, 3, "half")
    specs = []
    for name in ("albedo", "beauty"):
        one = spec.copy()
        one.attribute("name", name)
        specs.append(one)
    target = oiio.ImageOutput.create("openexr")
    assert target.open(str(tmp_path / "x.exr"), tuple(specs))
    for i, one in enumerate(specs):
        if i:
            assert target.open(str(tmp_path / "x.exr"), one, "AppendSubimage")
        target.write_image(np.full((4, 5, 3), float(i), np.float32))
    target.close()
    frame = read_frame(tmp_path / "x.exr")
    assert frame.layer == "beauty"
    assert frame.pixels.min() == 1


@pytest.mark.parametrize(
    "name", ["N", "P", "CryptoAsset01", "uCryptoObject", "V.Normal", "DiffCol", "IndexOB", "z", "Z2"]
)
def test_names_of_data(name: str) -> None:
    assert is_data(name)


@pytest.mark.parametrize(
    "name", ["beauty", "Combined", "plate", "paint", "noise_free", "zoe", "unreal", "specular"]
)
def test_names_that_are_none_of_data(name: str) -> None:
    assert not is_data(name)


# Kinds of stills.


def test_webp(tmp_path: Path, spec_writer: Write) -> None:
    pixels = np.zeros((32, 48, 3), np.float32)
    pixels[:, 24:] = 0.8
    spec = oiio.ImageSpec(48, 32, 3, "uint8")
    spec.attribute("compression", "lossless:100")
    path = spec_writer(tmp_path / "x.webp", spec, pixels)
    frame = read_frame(path)
    np.testing.assert_allclose(frame.pixels, pixels, atol=0.01)
    assert frame.colorspace == "srgb_rec709_scene"
    assert inspect_file(path).format == "WebP"
    verify_file(path)


@pytest.mark.parametrize("bits", [8, 10])
def test_heic(tmp_path: Path, bits: int) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    ramp = np.linspace(0, 1, 64, dtype=np.float32)[None, :, None] * np.ones((48, 1, 3), np.float32)
    mode, kind, most = ("RGB", np.uint8, 255) if bits == 8 else ("RGB;16", np.uint16, 65535)
    stored = np.rint(ramp * most).astype(kind)
    path = tmp_path / "IMG_0042.HEIC"
    pillow_heif.from_bytes(mode, (64, 48), stored.tobytes()).save(path, quality=-1)
    frame = read_frame(path)
    np.testing.assert_allclose(frame.pixels, ramp, atol=0.02)
    assert frame.colorspace == "srgb_rec709_scene"
    assert inspect_file(path).format == "HEIC"
    verify_file(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:300])
    with pytest.raises(FrameError, match="HEIC"):
        read_frame(path)
    path.write_bytes(whole.replace(b"hvcC", b"hvcX"))
    with pytest.raises(FrameError, match="it has no picture that can be decoded"):
        read_frame(path)


# Gaps.


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((1, 2, 4), (1, 2, 3, 4)),
        ((1001, 1004, 1010), (1001, 1004, 1007, 1010)),
        ((7,), (7,)),
        ((-2, 0, 2), (-2, 0, 2)),
    ],
)
def test_expected_frames(found: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert expected_frames(found) == expected


def test_a_link_to_nowhere_is_no_frame(tmp_path: Path) -> None:
    for number in (1, 3):
        write_image(tmp_path / f"p.{number}.exr", _picture(), "RGB")
    (tmp_path / "p.2.exr").symlink_to(tmp_path / "gone.exr")
    assert Sequence.find(tmp_path / "p.#.exr").frames == (1, 3)


def test_a_frame_read_keeps_no_layer_where_there_is_but_one(tmp_path: Path) -> None:
    write_image(tmp_path / "x.exr", _picture(), "RGB")
    frame: Frame = read_frame(tmp_path / "x.exr")
    assert frame.layer == ""
