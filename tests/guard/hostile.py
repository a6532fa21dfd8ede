"""Files that ask for more than a machine has: small on disk, made byte by byte."""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

__all__ = ["CONFIGS", "MOVIES", "PICTURES", "exr", "multipart_exr"]

_MANY = 1_000_000
_MADE: dict[str, Callable[[Path], None]] = {}


# EXR.


def _attribute(name: str, kind: str, value: bytes) -> bytes:
    return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value


def _header(
    size: tuple[int, int], display: tuple[int, int] | None, channels: list[str], *more: bytes
) -> bytes:
    listed = b"".join(name.encode() + b"\0" + struct.pack("<iB3xii", 1, 0, 1, 1) for name in channels)
    windows = [struct.pack("<4i", 0, 0, width - 1, height - 1) for width, height in (size, display or size)]
    return (
        _attribute("channels", "chlist", listed + b"\0")
        + _attribute("compression", "compression", b"\3")
        + _attribute("dataWindow", "box2i", windows[0])
        + _attribute("displayWindow", "box2i", windows[1])
        + _attribute("lineOrder", "lineOrder", b"\0")
        + _attribute("pixelAspectRatio", "float", struct.pack("<f", 1))
        + _attribute("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0))
        + _attribute("screenWindowWidth", "float", struct.pack("<f", 1))
        + b"".join(more)
        + b"\0"
    )


def exr(
    size: tuple[int, int], *more: bytes, display: tuple[int, int] | None = None, channels: int = 3
) -> bytes:
    """A scan-line EXR of half floats, of its header and some zeros."""
    names = ["B", "G", "R"] if channels == 3 else [f"c{i:06}" for i in range(channels)]
    flags = 2 | (0x200 if any(b"tiledesc" in one for one in more) else 0)
    return struct.pack("<II", 20000630, flags) + _header(size, display, names, *more) + b"\0" * 4096


def multipart_exr(parts: int) -> bytes:
    """An EXR of small parts, without their pixels."""
    headers = (
        _header(
            (8, 8), None, ["B", "G", "R"], _attribute("name", "string", f"p{i}".encode()),
            _attribute("type", "string", b"scanlineimage"), _attribute("chunkCount", "int", b"\1\0\0\0"),
        )
        for i in range(parts)
    )  # fmt: skip
    return struct.pack("<II", 20000630, 2 | 0x1000) + b"".join(headers) + b"\0" * (8 * parts + 1)


# Other pictures.


def _png(width: int, height: int, data: bytes, *more: tuple[bytes, bytes]) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), *more, (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def _zeros(megabytes: int) -> bytes:
    packer = zlib.compressobj(1)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(megabytes)) + packer.flush()


def _tiff_page(width: int, height: int, channels: int = 3, compression: int = 1) -> bytes:
    entries = (
        (256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, compression), (262, 3, 2), (273, 4, 8),
        (277, 3, channels), (278, 4, height), (279, 4, 100), (284, 3, 1),
    )  # fmt: skip
    made = struct.pack("<H", len(entries))
    for tag, kind, value in entries:
        made += struct.pack("<HHI", tag, kind, 1) + struct.pack(
            "<I" if kind == 4 else "<HH", *((value,) if kind == 4 else (value, 0))
        )
    return made


def _tiff(*pages: bytes) -> bytes:
    at, made = 200, struct.pack("<2sHI", b"II", 42, 200) + bytes(192)
    for number, page in enumerate(pages):
        at += len(page) + 4
        made += page + struct.pack("<I", at if number + 1 < len(pages) else 0)
    return made


def _jpeg(size: int, scans: int) -> bytes:
    """A progressive JPEG whose header says another size, and whose last scan comes again and again."""
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (512, 512)).save(file, "jpeg", progressive=True)
    made = bytearray(file.getvalue())
    if size:
        struct.pack_into(">HH", made, made.find(b"\xff\xc2") + 5, size, size)
    last = bytes(made[made.rfind(b"\xff\xda") : -2])
    return bytes(made[:-2]) + last * scans + b"\xff\xd9"


def _written(path: Path, channels: int = 3) -> bytes:
    import OpenImageIO as oiio  # noqa: N813

    target = oiio.ImageOutput.create(str(path))
    assert target is not None
    assert target.open(str(path), oiio.ImageSpec(16, 16, channels, "uint8"))
    assert target.write_image(np.zeros((16, 16, channels), np.uint8))
    assert target.close()
    return path.read_bytes()


def _dpx(path: Path) -> bytes:
    made = bytearray(_written(path))
    struct.pack_into(">II" if made[:4] == b"SDPX" else "<II", made, 772, _MANY, _MANY)
    return bytes(made)


def _webp(path: Path) -> bytes:
    made = bytearray(_written(path))
    at = made.find(b"VP8 ")  # the frame's size, after its tag and start code
    struct.pack_into("<HH", made, at + 14, 16383, 16383)
    return bytes(made)


def _heic(size: int) -> bytes:
    import io

    import pillow_heif

    file = io.BytesIO()
    pillow_heif.from_bytes("RGB", (64, 64), bytes(64 * 64 * 3)).save(file, quality=50)
    made, at = bytearray(file.getvalue()), 0
    while (at := made.find(b"ispe", at)) > 0:
        struct.pack_into(">II", made, at + 8, size, size)
        at += 4
    return bytes(made)


_TILE = _attribute("tiles", "tiledesc", struct.pack("<IIB", 100_000, 100_000, 0))
_BEYOND = r"its header says \d+x\d+.* MB.*HOWARD_MAX_FRAME_MB=\d+"

PICTURES: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "size.exr": (lambda _: exr((_MANY, _MANY)), _BEYOND),
    "display.exr": (lambda _: exr((8, 8), display=(_MANY, _MANY)), _BEYOND),
    "tile.exr": (lambda _: exr((100_000, 100_000), _TILE), _BEYOND),
    "channels.exr": (lambda _: exr((8, 8), channels=100_000), "1024 channels.*HOWARD_MAX_CHANNELS=2048"),
    "parts.exr": (lambda _: multipart_exr(5000), "1024 parts.*HOWARD_MAX_PARTS=2048"),
    "attributes.exr": (
        lambda _: exr((8, 8), *(_attribute(f"a{i}", "int", bytes(4)) for i in range(50_000))),
        "4096 attributes",
    ),
    "attribute.exr": (
        lambda _: struct.pack("<II", 20000630, 2) + b"a\0string\0" + struct.pack("<i", 2**31 - 1) + b"x" * 99,
        "cannot be read as an image",
    ),
    "header.exr": (
        lambda _: exr((8, 8), *(_attribute(f"a{i}", "string", bytes(9 << 20)) for i in range(8))),
        "longer than 64 MB.*HOWARD_MAX_HEADER_MB=128",
    ),
    "size.png": (lambda _: _png(_MANY, _MANY, _zeros(1)), _BEYOND),
    "bomb.png": (lambda _: _png(60_000, 60_000, _zeros(64)), r"promises \d+ MB"),
    "profile.png": (
        lambda _: _png(4, 4, zlib.compress(bytes(4 * 13)), (b"iCCP", b"x\0\0" + _zeros(2000))),
        "",  # the picture is whole: the profile is left out
    ),
    "size.tif": (lambda _: _tiff(_tiff_page(_MANY, _MANY)), _BEYOND),
    "packed.tif": (lambda _: _tiff(_tiff_page(_MANY, _MANY, compression=5)), _BEYOND),
    "strip.tif": (lambda _: _tiff(_tiff_page(60_000, 60_000, compression=8)), r"promises \d+ MB"),
    "channels.tif": (lambda _: _tiff(_tiff_page(8, 8, 60_000)), "1024.*channels|channels.*1024"),
    "parts.tif": (lambda _: _tiff(*[_tiff_page(8, 8)] * 20_000), "1024 parts.*HOWARD_MAX_PARTS=2048"),
    "size.jpg": (lambda _: _jpeg(65_500, 0) + bytes(8 << 20), _BEYOND),
    "scans.jpg": (lambda _: _jpeg(0, 20_000), r"20\d\d\d steps \(scans\), more than 100"),
    "size.dpx": (_dpx, _BEYOND),
    "size.webp": (_webp, "webp|cannot be read|more memory|corrupt"),
    "size.heic": (lambda _: _heic(_MANY), _BEYOND),
    "large.heic": (lambda _: _heic(30_000), "cannot be read as HEIC"),
}  # fmt: skip
"""What makes each, and what is said of it; nothing where it is read."""


# Movies.


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, kind) + content


def _movie(path: Path, codec: str, pixels: str) -> bytearray:
    import av

    with av.open(str(path), "w") as output:
        stream = output.add_stream(
            codec, rate=25, options={"profile": "dnxhr_lb"} if codec == "dnxhd" else {}
        )
        stream.width, stream.height, stream.pix_fmt = 256, 128, pixels
        for number in range(3):
            frame = av.VideoFrame(256, 128, pixels)
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return bytearray(path.read_bytes())


def _put(content: bytearray, box: bytes, at: int, *numbers: int) -> None:
    struct.pack_into(f">{len(numbers)}I", content, content.find(box) + 4 + at, *numbers)


def _samples(path: Path, count: int) -> bytes:
    made = _movie(path, "mpeg4", "yuv420p")
    _put(made, b"stsz", 4, 1, count)
    _put(made, b"stts", 8, count)
    _put(made, b"stsc", 12, count)
    return bytes(made)


def _times(path: Path, box: bytes, at: int, *numbers: int) -> bytes:
    made = _movie(path, "mpeg4", "yuv420p")
    _put(made, box, at, *numbers)
    return bytes(made)


def _units(path: Path, count: int) -> bytes:
    made, at = _movie(path, "dnxhd", "yuv422p"), 0
    duration = struct.pack(">HHQ", 0x0202, 8, 3)  # in an MXF, of each of its parts
    while (at := made.find(duration, at)) >= 0:
        struct.pack_into(">Q", made, at + 4, count)
        at += 12
    return bytes(made)


def _framed(path: Path, size: int) -> bytes:
    """PNG in a movie, whose pictures claim a size of their own."""
    made = _movie(path, "png", "rgb24")
    at = made.find(b"IHDR")
    while at > 0:
        struct.pack_into(">II", made, at + 4, size, size)
        struct.pack_into(">I", made, at + 17, zlib.crc32(made[at : at + 17]))
        at = made.find(b"IHDR", at + 4)
    return bytes(made)


def _tracks(_: Path) -> bytes:
    return _box(b"ftyp", b"qt  \0\0\2\0qt  ") + _box(b"moov", _box(b"trak", b"") * _MANY)


def _matroska(_: Path) -> bytes:
    def element(kind: bytes, content: bytes) -> bytes:
        return kind + struct.pack(">Q", 1 << 56 | len(content)) + content

    number, video, codec = (
        element(bytes([k]), v) for k, v in ((0xD7, b"\1"), (0x83, b"\1"), (0x86, b"V_PNG"))
    )
    tracks = element(b"\x16\x54\xae\x6b", element(b"\xae", number + video + codec) * 200_000)
    return element(b"\x1a\x45\xdf\xa3", element(b"\x42\x82", b"matroska")) + element(
        b"\x18\x53\x80\x67", tracks
    )


MOVIES: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "tracks.mov": (_tracks, "more than 1000 tracks"),
    "tracks.mkv": (_matroska, "cannot be read as a movie"),
    "samples.mov": (lambda path: _samples(path, 50_000_000), "its index says 50000000 frames"),
    "more_samples.mov": (lambda path: _samples(path, 2**31 - 1), "its index says 2147483647 frames"),
    "duration.mov": (lambda path: _times(path, b"mdhd", 16, 2**32 - 1), ""),  # its frames are counted
    "slow.mov": (lambda path: _times(path, b"stts", 12, 2**32 - 1), ""),
    "rate.mov": (lambda path: _times(path, b"mdhd", 12, 2**31 - 1), ""),
    "units.mxf": (lambda path: _units(path, 10**9), "more than 1000000 frames"),
    "more_units.mxf": (lambda path: _units(path, 10**12), "more than 1000000 frames"),
    "size.mov": (lambda path: _framed(path, _MANY), "can be decoded|cannot be decoded"),
    "large.mov": (lambda path: _framed(path, 16_000), "can be decoded|cannot be decoded"),
}
"""What makes each, given a file to try out with, and what is said of it; nothing where it is read."""


# Configurations.

_CONFIG = """ocio_profile_version: 2
search_path: .
roles: {default: lin, scene_linear: lin}
displays: {d: [!<View> {name: v, colorspace: lin}]}
colorspaces:
  - !<ColorSpace> {name: lin, encoding: scene-linear}
  - !<ColorSpace> {name: odd, to_scene_reference: TRANSFORM}
"""


def _reads(source: str) -> Callable[[Path], bytes]:
    one = f"!<FileTransform> {{src: {source}}}"
    return lambda _: _CONFIG.replace("TRANSFORM", f"!<GroupTransform> {{children: [{one}]}}").encode()


def _piped(path: Path) -> bytes:
    os.mkfifo(path.with_name("pipe"))
    return _reads("pipe")(path)


def _with_table(name: str, content: str) -> Callable[[Path], bytes]:
    def make(path: Path) -> bytes:
        path.with_name(name).write_text(content)
        return _reads(name)(path)

    return make


def _laughing(_: Path) -> bytes:
    lines = ["a0: &a0 [x, x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12))]
    return ("\n".join(lines) + "\n" + _CONFIG.replace("search_path: .", "search_path: *a11")).encode()


def _entities() -> str:
    entities = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12))
    return f'<!DOCTYPE x [<!ENTITY a0 "lol">{entities}]><ProcessList id="&a11;" compCLFversion="3"/>'


CONFIGS: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "device.ocio": (_reads("/dev/zero"), "/dev/zero, which is a device or a pipe"),
    "pipe.ocio": (_piped, "pipe, which is a device or a pipe"),
    "large.ocio": (lambda _: _CONFIG.replace("odd", "o" * (20 << 20)).encode(), "has 20 MB, more than 16"),
    "cube.ocio": (_with_table("a.cube", "LUT_3D_SIZE 100000\n0 0 0\n"), "must be between 2 and"),
    "long.ocio": (
        _with_table("a.spi1d", "Version 1\nFrom 0 1\nLength 2000000000\nComponents 3\n{\n}\n"),
        "must be between",
    ),
    "clf.ocio": (_with_table("a.clf", f'<?xml version="1.0"?>{_entities()}'), "amplification"),
    "laughing.ocio": (_laughing, "cannot be read"),
}  # fmt: skip
"""What makes each, given the file that it will be, and what is said of it."""


def weights(header: object, length: int | None = None) -> bytes:
    """A safetensors file of a header alone, which may say that it is longer."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + bytes(100)
