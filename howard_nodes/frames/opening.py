"""Opening files of pictures: what is refused, and what the library says of it, in plain words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import OpenImageIO as oiio  # noqa: N813

from howard_nodes.errors import FrameError, UnsupportedError
from howard_nodes.frames.claims import check_picture_claims
from howard_nodes.frames.header import message_of, text_of
from howard_nodes.frames.heif import is_heif, unpacked
from howard_nodes.frames.limits import CHANNELS, FRAME_MB, PARTS

__all__ = ["FORMATS", "explain", "opened", "parts_of"]

FORMATS = {"openexr": "EXR", "png": "PNG", "tiff": "TIFF", "dpx": "DPX", "jpeg": "JPEG", "webp": "WebP"}
"""Formats read, by OpenImageIO's name."""


# What OpenImageIO may raise of a header that makes no sense. No more, or mistakes here would pass for damage.
_FOREIGN = (UnicodeError, RuntimeError, OverflowError)

_MOST_LINES = 4  # of a message

# What OpenImageIO says of headers that promise too much.
_CLAIM = re.compile(r"header claims a (\d+) MB image from a (\d+) byte file")
_EXCESS = re.compile(r"image size ([\d.]+) MB exceeds the (\d+) MB limit.*claimed to be (\d+x\d+)")

# Bytes of pixels to one byte of a file. Of a JPEG: black, progressive, with optimal codes, has half as many.
_MOST_OF_JPEG = 2048
# Of a TIFF without compression: 1 bit and palettes become 8 bits a channel.
_MOST_OF_PLAIN = 32


def explain(message: str) -> str:
    """Turn what OpenImageIO says into something to act on."""
    lines = list(dict.fromkeys(line.strip() for line in message.splitlines() if line.strip()))
    text = (
        "; ".join([*lines[:_MOST_LINES], "..."] if len(lines) > _MOST_LINES else lines)
        or "the end of the file is missing"
    )
    if "Subsampled channels" in text:
        return (
            "luminance-chroma EXR (subsampled RY, BY channels) cannot be read; convert it to RGB "
            "first, for example by re-rendering it from Nuke or Blender"
        )
    if claim := _CLAIM.search(text):
        return (
            f"its header is damaged, it promises {claim[1]} MB of pixels in a file of {claim[2]} bytes; "
            "render or copy it again"
        )
    if excess := _EXCESS.search(text):
        return (
            f"its header says {excess[3]}, {excess[1]} MB of pixels: it is damaged, or too large for this "
            f"machine; if it is sound, set {FRAME_MB.variable}={int(float(excess[1])) + 1}"
        )
    return text


@contextmanager
def opened(path: Path, frame: int | None) -> Iterator[oiio.ImageInput]:
    """Open a file of pictures. Raises `FrameError` for one that is not there, damaged or of another kind."""
    if not path.exists():
        raise FrameError("no such file", path=path, frame=frame)
    if not path.is_file():
        raise FrameError("is not a file", path=path, frame=frame)
    try:
        if path.stat().st_size == 0:
            raise FrameError("the file is empty (0 bytes); render or copy it again", path=path, frame=frame)
        heif = is_heif(path)
        check_picture_claims(path, frame)
    except OSError as error:
        raise FrameError(f"cannot be opened: {error.strerror}", path=path, frame=frame) from error
    with unpacked(path, frame) if heif else nullcontext(path) as file:
        yield from _opened(file, path, frame)


def _opened(file: Path, path: Path, frame: int | None) -> Iterator[oiio.ImageInput]:
    config = oiio.ImageSpec()
    # Colour stays as it lies in the file: OpenImageIO would premultiply it before it is linear.
    config.attribute("oiio:UnassociatedAlpha", 1)
    message_of(oiio.geterror)
    oiio.attribute("limits:channels", CHANNELS.most)
    if FRAME_MB.is_set:
        oiio.attribute("limits:imagesize_MB", FRAME_MB.most)
    try:
        source = oiio.ImageInput.open(str(file), config)
    except UnicodeEncodeError as error:
        raise FrameError("the name is not valid UTF-8; rename the file", path=path, frame=frame) from error
    if source is None:
        reason = explain(message_of(oiio.geterror))
        raise FrameError(f"cannot be read as an image: {reason}", path=path, frame=frame)
    try:
        name = source.format_name()
        if name not in FORMATS:
            raise UnsupportedError(
                f"{name} files are not supported; convert it to one of {', '.join(FORMATS.values())}",
                path=path,
                frame=frame,
            )
        _check_promise(source, file, path, frame)
        yield source
    except MemoryError as error:
        spec = source.spec()
        raise FrameError(
            f"needs more memory than there is, for {spec.width}x{spec.height} pixels of {spec.nchannels} "
            "channels; close other programs, or use a machine with more",
            path=path,
            frame=frame,
        ) from error
    except _FOREIGN as error:
        raise FrameError(
            f"is damaged, it cannot be read ({type(error).__name__}: {error}); render or copy it again",
            path=path,
            frame=frame,
        ) from error
    finally:
        source.close()


def _check_promise(source: oiio.ImageInput, file: Path, path: Path, frame: int | None) -> None:
    """Refuse a header that says more than its file can hold, where decoders make up what is not there.

    Of other formats the first rows that are missing end the reading.
    """
    spec, size, kind = source.spec(), file.stat().st_size, source.format_name()
    plain = kind == "tiff" and text_of(spec, "compression") == "none"
    most = _MOST_OF_JPEG if kind == "jpeg" else _MOST_OF_PLAIN if plain else 0
    if most and spec.image_bytes() > most * size:
        raise FrameError(
            f"is damaged: its header says {spec.width}x{spec.height}, which its {size} bytes cannot hold; "
            "render or copy it again",
            path=path,
            frame=frame,
        )


def parts_of(source: oiio.ImageInput, path: Path, frame: int | None) -> list[oiio.ImageSpec]:
    """List the headers of all parts. Raises `FrameError` for too many."""
    specs: list[oiio.ImageSpec] = []
    if source.format_name() == "webp":
        return [source.spec()]  # after looking for more it reads no pixels
    while source.seek_subimage(len(specs), 0):
        if len(specs) == PARTS.most:
            raise FrameError(
                f"has more than {PARTS.most} parts: it is damaged, or made to do harm; {PARTS.advice()}",
                path=path,
                frame=frame,
            )
        specs.append(source.spec())
    message_of(source.geterror)  # the failed seek past the last part
    return specs
