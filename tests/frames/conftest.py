"""Pictures made for the tests, and a second EXR reader that shares no code with the first."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pytest

_DTYPES = {0: np.dtype("<u4"), 1: np.dtype("<f2"), 2: np.dtype("<f4")}


def _unzip(data: bytes, size: int) -> bytes:
    """Undo OpenEXR's zip: inflate, running sum, and the two halves of the bytes woven together."""
    if len(data) == size:
        return data
    coded = np.frombuffer(zlib.decompress(data), np.uint8).astype(np.int64)
    coded[1:] -= 128
    summed = (np.cumsum(coded) & 255).astype(np.uint8)
    out = np.empty(size, np.uint8)
    half = (size + 1) // 2
    out[0::2], out[1::2] = summed[:half], summed[half:]
    return out.tobytes()


def read_plain_exr(path: Path) -> tuple[dict[str, tuple[str, bytes]], dict[str, np.ndarray]]:
    """Read a single-part scan-line EXR, uncompressed or zip, as the OpenEXR file layout document has it."""
    content = path.read_bytes()
    assert content[:4] == b"\x76\x2f\x31\x01"
    at = 8
    attributes: dict[str, tuple[str, bytes]] = {}

    def text() -> str:
        nonlocal at
        end = content.index(b"\0", at)
        found, at = content[at:end].decode(), end + 1
        return found

    while name := text():
        kind = text()
        (size,) = struct.unpack_from("<i", content, at)
        attributes[name] = (kind, content[at + 4 : at + 4 + size])
        at += 4 + size
    x0, y0, x1, y1 = struct.unpack("<4i", attributes["dataWindow"][1])
    width, height = x1 - x0 + 1, y1 - y0 + 1
    channels, raw = [], attributes["channels"][1]
    while raw[0]:
        name, _, raw = raw.partition(b"\0")
        channels.append((name.decode(), _DTYPES[struct.unpack_from("<i", raw)[0]]))
        raw = raw[16:]
    compression = attributes["compression"][1][0]
    lines = {0: 1, 2: 1, 3: 16}[compression]
    pixels = {name: np.empty((height, width), dtype) for name, dtype in channels}
    for offset in struct.unpack_from(f"<{-(-height // lines)}Q", content, at):
        y, size = struct.unpack_from("<2i", content, offset)
        rows = range(y - y0, min(y - y0 + lines, height))
        line = sum(dtype.itemsize * width for _, dtype in channels)
        data, start = _unzip(content[offset + 8 : offset + 8 + size], line * len(rows)), 0
        for row in rows:
            for name, dtype in channels:
                pixels[name][row] = np.frombuffer(data, dtype, width, start)
                start += dtype.itemsize * width
    return attributes, pixels


@pytest.fixture(scope="session")
def plain_exr() -> Callable[[Path], tuple[dict[str, tuple[str, bytes]], dict[str, np.ndarray]]]:
    return read_plain_exr


@pytest.fixture(scope="session")
def picture() -> np.ndarray:
    """A smooth scene-linear picture with a highlight of 50 and a negative value; every value is a half."""
    y, x = np.mgrid[:48, :64].astype(np.float32)
    colour = np.stack([x / 63, y / 47, (x + y) / 110], axis=-1)
    colour[10:14, 20:24] = 50.0
    colour[30, 5] = -0.25
    return colour.astype(np.float16).astype(np.float32)


def write_parts(
    path: Path, parts: list[tuple[str, tuple[str, ...], np.ndarray]], **attributes: object
) -> Path:
    """Write an EXR of several parts with OpenImageIO."""
    specs = []
    for name, channels, pixels in parts:
        depth = "half" if pixels.dtype == np.float16 else "float"
        spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], depth)
        spec.channelnames = channels
        spec.attribute("name", name)
        spec.attribute("oiio:subimagename", name)
        for key, value in attributes.items():
            spec.attribute(key, value)
        specs.append(spec)
    output = oiio.ImageOutput.create("openexr")
    assert output.open(str(path), tuple(specs)), output.geterror()
    for index, (_, _, pixels) in enumerate(parts):
        if index:
            assert output.open(str(path), specs[index], "AppendSubimage"), output.geterror()
        assert output.write_image(pixels), output.geterror()
    assert output.close()
    return path


@pytest.fixture(scope="session")
def parts_writer() -> Callable[..., Path]:
    return write_parts


def write_spec(path: Path, spec: oiio.ImageSpec, pixels: np.ndarray) -> Path:
    """Write one picture of any format with OpenImageIO, whatever the spec says."""
    output = oiio.ImageOutput.create(str(path))
    assert output is not None, oiio.geterror()
    assert output.open(str(path), spec), output.geterror()
    if spec.tile_width:
        assert output.write_tiles(spec.x, spec.x + spec.width, spec.y, spec.y + spec.height, 0, 1, pixels), (
            output.geterror()
        )
    else:
        assert output.write_image(pixels), output.geterror()
    assert output.close(), output.geterror()
    return path


@pytest.fixture(scope="session")
def spec_writer() -> Callable[..., Path]:
    return write_spec
