from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pytest

from howard_nodes.errors import FrameError, InputError
from howard_nodes.frames import (
    Frame,
    Window,
    fit_window,
    inspect_file,
    read_attributes,
    read_frame,
    sanitize,
    verify_file,
    write_image,
)

NINE = ("R", "G", "B", "A", "foreground.R", "foreground.G", "foreground.B", "coarse.A", "error.A")


def _ramp(channels: int, height: int = 40, width: int = 56) -> np.ndarray:
    """Every channel different, every value a half."""
    y, x = np.mgrid[:height, :width]
    return (
        np.stack([(x + y * 0.5 + 8 * c) / 64 for c in range(channels)], -1)
        .astype(np.float16)
        .astype(np.float32)
    )


# --- layers, parts, types


def test_layers_are_found_by_name(tmp_path: Path) -> None:
    pixels = _ramp(9)
    write_image(tmp_path / "nine.exr", pixels, NINE)
    main = read_frame(tmp_path / "nine.exr", frame=12)
    assert main.channels == ("R", "G", "B", "A")
    assert main.frame == 12
    assert main.path == tmp_path / "nine.exr"
    assert main.pixels.dtype == np.float32
    assert main.pixels.flags.c_contiguous
    np.testing.assert_array_equal(main.pixels, pixels[..., :4])
    np.testing.assert_array_equal(main.rgb, pixels[..., :3])
    np.testing.assert_array_equal(main.alpha, pixels[..., 3])
    foreground = read_frame(tmp_path / "nine.exr", layer="foreground")
    assert foreground.channels == ("R", "G", "B")
    assert foreground.alpha is None
    np.testing.assert_array_equal(foreground.pixels, pixels[..., 4:7])
    for spelling in ("coarse", "coarse.A", "COARSE"):
        coarse = read_frame(tmp_path / "nine.exr", layer=spelling)
        assert coarse.channels == ("A",)
        np.testing.assert_array_equal(coarse.pixels, pixels[..., 7:8])
        np.testing.assert_array_equal(coarse.rgb, np.repeat(pixels[..., 7:8], 3, axis=2))
    assert read_frame(tmp_path / "nine.exr", layer="rgba").channels == ("R", "G", "B", "A")


def test_missing_layer_says_what_is_there(tmp_path: Path) -> None:
    write_image(tmp_path / "nine.exr", _ramp(9), NINE)
    with pytest.raises(
        FrameError, match=r"nine\.exr, frame 7: has no layer 'depth'; it has .*foreground"
    ) as info:
        read_frame(tmp_path / "nine.exr", layer="depth", frame=7)
    assert info.value.frame == 7
    assert info.value.path == tmp_path / "nine.exr"
    with pytest.raises(FrameError, match="has no part 3"):
        read_frame(tmp_path / "nine.exr", part=3)


@pytest.mark.parametrize(
    ("channels", "read"),
    [
        (("Y",), ("Y",)),
        (("A",), ("A",)),
        (("Z", "Y"), ("Y",)),
        (("B", "Z", "G", "R", "id"), ("R", "G", "B")),
        (("view.B", "view.G", "view.R"), ("R", "G", "B")),
        (("ViewLayer.Combined.R", "ViewLayer.Combined.G", "ViewLayer.Combined.B"), ("R", "G", "B")),
        (("V.AO.R", "V.AO.G", "V.AO.B", "V.Combined.R", "V.Combined.G", "V.Combined.B"), ("R", "G", "B")),
        (("Z", "beauty.R", "beauty.G", "beauty.B"), ("R", "G", "B")),
        (("red", "green", "blue", "alpha"), ("R", "G", "B", "A")),
    ],
)
def test_main_picture(tmp_path: Path, channels: tuple[str, ...], read: tuple[str, ...]) -> None:
    pixels = _ramp(len(channels))
    write_image(tmp_path / "main.exr", pixels, channels)
    frame = read_frame(tmp_path / "main.exr")
    assert frame.channels == read
    names = [name.rpartition(".")[2][:1].upper() if len(name) > 1 else name for name in channels]
    names[:3] = [""] * 3 if "V.AO.R" in channels else names[:3]
    for position, name in enumerate(read):
        np.testing.assert_array_equal(frame.pixels[..., position], pixels[..., names.index(name)])
    assert frame.rgb.shape == (40, 56, 3)


def test_end_of_a_nested_layer_name_is_enough(tmp_path: Path) -> None:
    channels = [f"ViewLayer.{p}.{c}" for p in ("Combined", "Noisy") for c in "RGB"]
    write_image(tmp_path / "blender.exr", _ramp(6), channels)
    np.testing.assert_array_equal(
        read_frame(tmp_path / "blender.exr", layer="Noisy").pixels, _ramp(6)[..., 3:]
    )


def test_vectors_are_no_colour(tmp_path: Path) -> None:
    write_image(tmp_path / "motion.exr", _ramp(5), ("R", "G", "B", "forward.u", "forward.v"))
    motion = read_frame(tmp_path / "motion.exr", layer="forward")
    assert motion.channels == ("u", "v")
    with pytest.raises(FrameError, match="u, v are not a colour image"):
        _ = motion.rgb


def test_multi_part(tmp_path: Path, parts_writer: Callable[..., Path]) -> None:
    rgb, depth, red = (
        _ramp(3).astype(np.float16),
        _ramp(1) + 1e-6,
        _ramp(3).astype(np.float16) * np.float16(2),
    )
    path = parts_writer(
        tmp_path / "parts.exr",
        [
            ("depth", ("Z",), depth),
            ("rgba", ("R", "G", "B"), rgb),
            ("fg", ("foreground.red", "foreground.green", "foreground.blue"), red),
        ],
    )
    np.testing.assert_array_equal(read_frame(path).pixels, rgb)  # the first part with colour
    assert read_frame(path, part=0).channels == ("Z",)
    np.testing.assert_array_equal(read_frame(path, part="rgba").pixels, rgb)
    np.testing.assert_array_equal(read_frame(path, part=1).pixels, rgb)
    np.testing.assert_array_equal(read_frame(path, layer="rgba").pixels, rgb)
    np.testing.assert_array_equal(read_frame(path, layer="depth").pixels, depth)
    for layer in ("fg", "foreground"):
        frame = read_frame(path, layer=layer)
        assert frame.channels == ("R", "G", "B")
        np.testing.assert_array_equal(frame.pixels, red)
    info = inspect_file(path)
    assert [part.name for part in info.parts] == ["depth", "rgba", "fg"]
    assert info.parts[0].channels == {"Z": "float"}
    with pytest.raises(FrameError, match=r"has no layer 'x'; it has part 'depth': \(main\); part 'rgba'"):
        read_frame(path, layer="x")


@pytest.mark.parametrize("tile", [0, 16])
@pytest.mark.parametrize("depth", ["half", "float"])
def test_windows_tiles_and_depths(
    tmp_path: Path, spec_writer: Callable[..., Path], tile: int, depth: str
) -> None:
    pixels = _ramp(4)
    spec = oiio.ImageSpec(56, 40, 4, depth)
    spec.x, spec.y, spec.full_x, spec.full_y, spec.full_width, spec.full_height = -7, 3, 2, -5, 1920, 1080
    spec.tile_width = spec.tile_height = tile
    path = spec_writer(tmp_path / "w.exr", spec, pixels)
    frame = read_frame(path)
    assert frame.data_window == Window(-7, 3, 56, 40)
    assert frame.display_window == Window(2, -5, 1920, 1080)
    np.testing.assert_array_equal(frame.pixels, pixels)
    part = inspect_file(path).parts[0]
    assert part.tile == ((16, 16) if tile else None)
    assert set(part.channels.values()) == {depth}
    verify_file(path)
    verify_file(path, full=False)


def test_integer_ids_keep_their_value(tmp_path: Path, spec_writer: Callable[..., Path]) -> None:
    spec = oiio.ImageSpec(8, 4, 4, "float")
    spec.channelnames = ("R", "G", "B", "id")
    spec.channelformats = (oiio.TypeHalf, oiio.TypeHalf, oiio.TypeHalf, oiio.TypeUInt32)
    path = spec_writer(tmp_path / "id.exr", spec, np.full((4, 8, 4), 0.5, np.float32))
    identity = read_frame(path, layer="id")
    np.testing.assert_allclose(identity.pixels, 0.5 * 2**32, rtol=1e-6)
    np.testing.assert_array_equal(read_frame(path).pixels, 0.5)


def test_non_finite_values_are_read_as_they_are(tmp_path: Path, spec_writer: Callable[..., Path]) -> None:
    pixels = np.ones((4, 4, 3), np.float32)
    pixels[0, 0], pixels[1, 1, 0], pixels[2, 2, 2] = np.nan, np.inf, -np.inf
    path = spec_writer(tmp_path / "nan.exr", oiio.ImageSpec(4, 4, 3, "half"), pixels)
    frame = read_frame(path)
    np.testing.assert_array_equal(frame.pixels, pixels)
    clean, count = sanitize(frame.pixels)
    assert count == 3
    assert clean[0, 0].tolist() == [0, 0, 0]
    assert clean[1, 1].tolist() == [65504, 1, 1]
    assert clean[2, 2].tolist() == [1, 1, 0]
    assert np.isnan(frame.pixels[0, 0, 0])  # the input is left alone
    same, none = sanitize(clean)
    assert same is clean
    assert none == 0
    assert sanitize(pixels[..., 0])[1] == 2


# --- other formats, against OpenCV


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_integer_formats_at_full_depth(tmp_path: Path, dtype: type, suffix: str) -> None:
    top = np.iinfo(dtype).max
    bgr = np.random.default_rng(3).integers(0, top, (33, 47, 3), dtype, endpoint=True)
    path = tmp_path / f"picture.{suffix}"
    assert cv2.imwrite(str(path), bgr)
    frame = read_frame(path)
    assert frame.channels == ("R", "G", "B")
    assert frame.data_window == frame.display_window == Window(0, 0, 47, 33)
    np.testing.assert_array_equal(np.rint(frame.pixels * top), bgr[..., ::-1])
    np.testing.assert_allclose(frame.pixels, bgr[..., ::-1] / top, atol=1e-7)


def test_png_alpha_stays_straight(tmp_path: Path) -> None:
    bgra = np.random.default_rng(4).integers(0, 65535, (9, 11, 4), np.uint16, endpoint=True)
    bgra[0, :, 3] = 0  # colour under alpha 0 survives
    assert cv2.imwrite(str(tmp_path / "a.png"), bgra)
    frame = read_frame(tmp_path / "a.png")
    assert frame.straight_alpha
    np.testing.assert_array_equal(np.rint(frame.pixels * 65535), bgra[..., [2, 1, 0, 3]])


def test_grey_png_and_jpeg(tmp_path: Path) -> None:
    grey = np.tile(np.arange(0, 65536, 1024, dtype=np.uint16), (32, 1))
    assert cv2.imwrite(str(tmp_path / "g.png"), grey)
    frame = read_frame(tmp_path / "g.png")
    assert frame.channels == ("Y",)
    np.testing.assert_array_equal(np.rint(frame.rgb[..., 2] * 65535), grey)
    assert cv2.imwrite(str(tmp_path / "g.jpg"), (grey >> 8).astype(np.uint8))
    assert read_frame(tmp_path / "g.jpg").channels == ("Y",)


def test_jpeg(tmp_path: Path, picture: np.ndarray) -> None:
    bgr = np.rint(np.clip(picture[..., ::-1], 0, 1) * 255).astype(np.uint8)
    assert cv2.imwrite(str(tmp_path / "p.jpg"), bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])
    again = cv2.imread(str(tmp_path / "p.jpg"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(read_frame(tmp_path / "p.jpg").pixels, again[..., ::-1] / 255, atol=3.5 / 255)


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_dpx(tmp_path: Path, spec_writer: Callable[..., Path], bits: int) -> None:
    steps = 2**bits - 1
    codes = np.random.default_rng(5).integers(0, steps, (16, 24, 3), endpoint=True)
    spec = oiio.ImageSpec(24, 16, 3, "uint16")
    spec.attribute("oiio:BitsPerSample", bits)
    path = spec_writer(tmp_path / "p.dpx", spec, (codes / steps).astype(np.float32))
    np.testing.assert_allclose(read_frame(path).pixels * steps, codes, atol=0.07)  # 12 bits widened to 16
    assert inspect_file(path).format == "DPX"


def test_float_tiff(tmp_path: Path, spec_writer: Callable[..., Path]) -> None:
    pixels = _ramp(3) * 30 - 1
    path = spec_writer(tmp_path / "f.tif", oiio.ImageSpec(56, 40, 3, "float"), pixels)
    np.testing.assert_array_equal(read_frame(path).pixels, pixels)
    assert not read_frame(path).straight_alpha


def test_the_content_decides_not_the_suffix(tmp_path: Path) -> None:
    write_image(tmp_path / "a.exr", _ramp(3), "RGB")
    (tmp_path / "a.exr").rename(tmp_path / "a.png")
    assert inspect_file(tmp_path / "a.png").format == "EXR"
    np.testing.assert_array_equal(read_frame(tmp_path / "a.png").pixels, _ramp(3))


# --- the colour a file says it is in


def _with_chunk(source: Path, target: Path, name: bytes, data: bytes) -> Path:
    content = source.read_bytes()
    chunk = struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    target.write_bytes(content[:33] + chunk + content[33:])  # after IHDR
    return target


def test_untagged_files_have_no_colour_space(tmp_path: Path, spec_writer: Callable[..., Path]) -> None:
    grey = np.full((8, 8, 3), 128, np.uint8)
    for suffix in ("png", "jpg", "tif"):
        assert cv2.imwrite(str(tmp_path / f"x.{suffix}"), grey)
        assert read_frame(tmp_path / f"x.{suffix}").colorspace is None, suffix
    spec = oiio.ImageSpec(8, 8, 3, "half")
    spec.attribute(
        "chromaticities", oiio.TypeDesc("float[8]"), (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329)
    )
    frame = read_frame(spec_writer(tmp_path / "x.exr", spec, grey / np.float32(255)))
    assert frame.colorspace is None
    assert frame.metadata["chromaticities"] == pytest.approx(
        (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329)
    )


@pytest.mark.parametrize(
    ("chunk", "data", "space"),
    [
        (b"sRGB", b"\0", "srgb_rec709_scene"),
        (b"gAMA", struct.pack(">I", 100000), "lin_rec709_scene"),
        (b"cICP", bytes([9, 16, 0, 1]), "pq_rec2020_display"),
        (b"tIME", bytes([7, 230, 1, 1, 0, 0, 0]), None),
    ],
)
def test_png_chunks(tmp_path: Path, chunk: bytes, data: bytes, space: str | None) -> None:
    assert cv2.imwrite(str(tmp_path / "plain.png"), np.full((8, 8, 3), 128, np.uint8))
    path = _with_chunk(tmp_path / "plain.png", tmp_path / "tagged.png", chunk, data)
    assert read_frame(path).colorspace == space
    assert inspect_file(path).parts[0].colorspace == space


@pytest.mark.parametrize(
    ("tag", "read"),
    [
        ("ACEScg", "lin_ap1_scene"),
        ("lin_rec709", "lin_rec709_scene"),
        ("sRGB", "srgb_rec709_scene"),
        ("ARRI LogC3 (EI800)", None),  # dropped by OpenImageIO
    ],
)
def test_exr_interop_id(tmp_path: Path, spec_writer: Callable[..., Path], tag: str, read: str | None) -> None:
    spec = oiio.ImageSpec(8, 8, 3, "half")
    spec.attribute("oiio:ColorSpace", tag)
    assert read_frame(spec_writer(tmp_path / "x.exr", spec, _ramp(3, 8, 8))).colorspace == read


@pytest.mark.parametrize(
    ("name", "kind", "value", "space"),
    [
        (b"oiio:ColorSpace", b"string", b"Linear", None),
        (b"oiio:ColorSpace", b"string", b"ACEScg", "ACEScg"),
        (b"acesImageContainerFlag", b"int", b"\1\0\0\0", "lin_ap0_scene"),
    ],
)
def test_exr_tags_that_others_write(
    tmp_path: Path, name: bytes, kind: bytes, value: bytes, space: str | None
) -> None:
    write_image(
        tmp_path / "x.exr", _ramp(3, 1, 8), "RGB", compression="none", metadata={"placeholder": "0" * 64}
    )
    content = (tmp_path / "x.exr").read_bytes()
    attribute = name + b"\0" + kind + b"\0" + struct.pack("<i", len(value)) + value
    old = b"placeholder\0string\0" + struct.pack("<i", 64) + b"0" * 64
    rest = len(old) - len(attribute) - len(b"p\0string\0") - 4
    assert old in content
    padding = b"p\0string\0" + struct.pack("<i", rest) + b"0" * rest  # keeps every offset where it was
    (tmp_path / "x.exr").write_bytes(content.replace(old, attribute + padding))
    assert read_frame(tmp_path / "x.exr").colorspace == space


@pytest.mark.parametrize(
    ("transfer", "space"),
    [
        ("Linear", "lin_rec709_scene"),
        ("Logarithmic", None),
        ("Printing density", None),
        ("User defined", None),
    ],
)
def test_dpx_transfer(
    tmp_path: Path, spec_writer: Callable[..., Path], transfer: str, space: str | None
) -> None:
    spec = oiio.ImageSpec(8, 8, 3, "uint16")
    spec.attribute("dpx:Transfer", transfer)
    frame = read_frame(spec_writer(tmp_path / "x.dpx", spec, _ramp(3, 8, 8) / 2))
    assert frame.colorspace == space
    assert "dpx:Transfer" not in frame.metadata
    assert read_attributes(frame.path)["dpx:Transfer"] == transfer


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_exif_says_srgb(tmp_path: Path, spec_writer: Callable[..., Path], suffix: str) -> None:
    spec = oiio.ImageSpec(8, 8, 3, "uint8")
    spec.attribute("Exif:ColorSpace", 1)
    path = spec_writer(tmp_path / f"x.{suffix}", spec, np.full((8, 8, 3), 0.5, np.float32))
    assert read_frame(path).colorspace == "srgb_rec709_scene"


# --- bad input


def test_missing_empty_and_wrong_files(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match=r"gone\.exr, frame 3: no such file"):
        read_frame(tmp_path / "gone.exr", frame=3)
    with pytest.raises(FrameError, match="is not a file"):
        read_frame(tmp_path)
    (tmp_path / "empty.exr").touch()
    with pytest.raises(FrameError, match=r"empty \(0 bytes\)"):
        inspect_file(tmp_path / "empty.exr")
    for name, content in (
        ("garbage.exr", b"\x93NUMPY" * 200),
        ("text.png", b"not a picture"),
        ("x.exr", b"\x76\x2f"),
    ):
        (tmp_path / name).write_bytes(content)
        for look in (read_frame, inspect_file, read_attributes, verify_file):
            with pytest.raises(FrameError, match=f"{name}: cannot be read as an image"):
                look(tmp_path / name)


def test_other_formats_are_refused(tmp_path: Path, spec_writer: Callable[..., Path]) -> None:
    path = spec_writer(tmp_path / "x.tga", oiio.ImageSpec(8, 8, 3, "uint8"), _ramp(3, 8, 8))
    with pytest.raises(FrameError, match="targa files are not supported; convert it to one of EXR, PNG"):
        read_frame(path)


def _noise(path: Path, spec_writer: Callable[..., Path], **attributes: object) -> Path:
    suffix = path.suffix[1:]
    depth = {"exr": "half", "jpg": "uint8"}.get(suffix, "uint16")
    spec = oiio.ImageSpec(96, 80, 3, depth)
    for name, value in attributes.items():
        spec.attribute(name, value)
    if attributes.get("tile"):
        spec.tile_width = spec.tile_height = 32
    return spec_writer(path, spec, np.random.default_rng(1).random((80, 96, 3), np.float32))


@pytest.mark.parametrize(
    ("suffix", "attributes"),
    [
        ("exr", {"compression": "zip"}),
        ("exr", {"compression": "none"}),
        ("exr", {"compression": "piz"}),
        ("exr", {"compression": "dwaa"}),
        ("exr", {"compression": "zip", "tile": 1}),
        ("png", {}),
        ("jpg", {}),
        ("tif", {"compression": "lzw"}),
        ("tif", {"compression": "none"}),
        ("dpx", {}),
    ],
)
def test_truncated_files(
    tmp_path: Path, spec_writer: Callable[..., Path], suffix: str, attributes: dict[str, object]
) -> None:
    path = _noise(tmp_path / f"cut.{suffix}", spec_writer, **attributes)
    verify_file(path)
    content = path.read_bytes()
    for keep in (10, 200, len(content) // 2, len(content) - 20, len(content) - 1):
        path.write_bytes(content[:keep])
        with pytest.raises(FrameError, match=rf"cut\.{suffix}.*(truncated|corrupt|cannot be read)"):
            read_frame(path, frame=1)
        with pytest.raises(FrameError, match=rf"cut\.{suffix}"):
            verify_file(path)
    if suffix in ("exr", "jpg", "png"):  # copied by something that filled the hole with zeros
        path.write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))
        with pytest.raises(FrameError):
            read_frame(path)


def test_a_changed_byte_is_found_where_compression_notices(
    tmp_path: Path, spec_writer: Callable[..., Path]
) -> None:
    for name in ("z.exr", "p.png"):
        path = _noise(tmp_path / name, spec_writer, compression="zip")
        content = bytearray(path.read_bytes())
        content[len(content) * 2 // 3] ^= 255
        path.write_bytes(content)
        with pytest.raises(FrameError, match="truncated or corrupt"):
            verify_file(path)
        with pytest.raises(FrameError, match="truncated or corrupt"):
            read_frame(path)


def test_quick_verify_looks_at_the_end_only(tmp_path: Path, spec_writer: Callable[..., Path]) -> None:
    path = _noise(tmp_path / "z.exr", spec_writer, compression="zips")
    verify_file(path, full=False)
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(FrameError, match="rows 79-79 of 80"):
        verify_file(path, full=False)


def test_luminance_chroma_is_refused_clearly(tmp_path: Path) -> None:
    write_image(tmp_path / "yc.exr", _ramp(3, 8, 8), ("BY", "RY", "Y"), compression="none")
    with pytest.raises(FrameError, match="luminance-chroma"):
        read_frame(tmp_path / "yc.exr")
    content = (tmp_path / "yc.exr").read_bytes()
    for name in (b"BY", b"RY"):
        plain = name + b"\0" + struct.pack("<iiii", 1, 0, 1, 1)
        assert content.count(plain) == 1
        content = content.replace(plain, name + b"\0" + struct.pack("<iiii", 1, 0, 2, 2))
    (tmp_path / "yc.exr").write_bytes(content)
    with pytest.raises(FrameError, match=r"yc\.exr.*luminance-chroma EXR .* convert it to RGB"):
        read_frame(tmp_path / "yc.exr")


def test_deep_files_are_refused(tmp_path: Path) -> None:
    spec = oiio.ImageSpec(4, 4, 5, "float")
    spec.channelnames = ("R", "G", "B", "A", "Z")
    spec.deep = True
    deep = oiio.DeepData()
    deep.init(16, 5, tuple([oiio.TypeFloat] * 5), spec.channelnames)
    output = oiio.ImageOutput.create("openexr")
    assert output.open(str(tmp_path / "deep.exr"), spec)
    assert output.write_deep_image(deep)
    assert output.close()
    for look in (read_frame, verify_file):
        with pytest.raises(FrameError, match="deep EXR is not supported"):
            look(tmp_path / "deep.exr")
    assert inspect_file(tmp_path / "deep.exr").parts[0].layers[""] == ("R", "G", "B", "A")


def test_names_of_any_script(tmp_path: Path) -> None:
    folder = tmp_path / "Aufnahmen 2 – 東京? #1"
    folder.mkdir()
    path = folder / "plåte %d & кадр.0001.exr"
    write_image(path, _ramp(3), "RGB")
    np.testing.assert_array_equal(read_frame(path).pixels, _ramp(3))
    verify_file(path)
    assert [p.name for p in folder.iterdir()] == [path.name]


# --- windows


def test_fit_window() -> None:
    pixels = np.arange(12, dtype=np.float32).reshape(3, 4, 1) + 1
    source = Window(-1, 2, 4, 3)
    assert fit_window(pixels, source, source) is pixels
    cut = fit_window(pixels, source, Window(0, 3, 2, 2))
    np.testing.assert_array_equal(cut[..., 0], [[6, 7], [10, 11]])
    grown = fit_window(pixels, source, Window(-2, 1, 6, 5))
    np.testing.assert_array_equal(grown[1:4, 1:5], pixels)
    assert grown.sum() == pixels.sum()
    assert not fit_window(pixels, source, Window(100, 100, 2, 2)).any()
    np.testing.assert_array_equal(fit_window(grown, Window(-2, 1, 6, 5), source), pixels)
    with pytest.raises(InputError, match="do not cover"):
        fit_window(pixels, Window(0, 0, 3, 3), source)


def test_frame_is_immutable() -> None:
    frame = Frame(np.zeros((2, 2, 1), np.float32), ("Y",), None, Window(0, 0, 2, 2), Window(0, 0, 2, 2))
    with pytest.raises(AttributeError):
        frame.colorspace = "ACEScg"  # type: ignore[misc]
    assert str(Window(-7, 3, 56, 40)) == "56x40-7+3"
