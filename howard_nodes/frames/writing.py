"""Writing pictures so that a file is either there and complete, or not there at all."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import OpenImageIO as oiio  # noqa: N813

from howard_nodes.atomic import reason, replacing
from howard_nodes.errors import FrameError, InputError, WriteError
from howard_nodes.frames.color_tags import COLORSPACE_ATTRIBUTE
from howard_nodes.frames.frame import HALF_MAX, Window, fit_window, sanitize
from howard_nodes.frames.halves import halves
from howard_nodes.frames.header import message_of
from howard_nodes.frames.metadata import set_attribute
from howard_nodes.frames.reading import verify_file
from howard_nodes.frames.seal import SEAL_ATTRIBUTE, UNSEALED, seal

__all__ = [
    "EXR_COMPRESSIONS",
    "Depth",
    "validate_compression",
    "write_image",
]

_LOG = logging.getLogger(__name__)

Depth = Literal["half", "float", "uint16"]

EXR_COMPRESSIONS: tuple[str, ...] = (
    "none",
    "rle",
    "zips",
    "zip",
    "piz",
    "pxr24",
    "b44",
    "b44a",
    "dwaa",
    "dwab",
)
"""OpenEXR's compressions. pxr24 is lossy for float only; b44, b44a, dwaa and dwab are lossy."""

# Lossy codecs overshoot, b44 by up to a factor of two, dwa by some percent, and past 65504 lies infinity.
_CEILING = {"b44": HALF_MAX / 2, "b44a": HALF_MAX / 2, "dwaa": 49152.0, "dwab": 49152.0}

# What OpenImageIO raises of a value that its types cannot hold.
_REFUSALS = (TypeError, ValueError, RuntimeError, OverflowError)

_STRIP = 64  # rows converted at a time, so that a strip stays in the cache


def validate_compression(name: str) -> str:
    """Check the name of an EXR compression: OpenImageIO silently takes zip for one it does not know.

    Parameters
    ----------
    name : str
        One of `EXR_COMPRESSIONS`, in any case.

    Returns
    -------
    str
        The name in lower case.

    Raises
    ------
    InputError
        If there is no such compression.
    """
    lower = name.strip().lower()
    if lower not in EXR_COMPRESSIONS:
        raise InputError(f"unknown compression {name!r}; use one of {', '.join(EXR_COMPRESSIONS)}")
    return lower


def write_image(
    path: Path | str,
    pixels: np.ndarray,
    channels: Sequence[str],
    *,
    depth: Depth = "half",
    compression: str = "zip",
    colorspace: str | None = None,
    data_window: Window | None = None,
    display_window: Window | None = None,
    pixel_aspect: float = 1.0,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write an EXR or a 16-bit PNG, whole or not at all.

    The picture goes into a hidden file in the same folder, an EXR sealed (`check_seal`), is flushed to disk,
    read back, and only then takes its name. Whatever happens, an interrupt too, no partial or temporary file
    stays, and a file that was there before stays as it was. Its folder must be there. The GIL is released
    while OpenImageIO works. Threads that write must be joined before the process ends, so no daemons: one
    that is cut off inside OpenImageIO can abort the process.

    Parameters
    ----------
    path : Path or str
        Ends in ``.exr`` or ``.png``.
    pixels : numpy.ndarray
        H W C (or H W for one channel), floating point, covers `data_window`. NaN and Inf are never written
        (see `sanitize`); half clamps at +-65504 (b44 at half of that, dwa at 49152, because they overshoot),
        PNG at 0..1.
    channels : sequence of str
        C names; any order and prefixes for EXR, ``Y``, ``Y A``, ``R G B`` or ``R G B A`` for PNG.
    depth : {"half", "float", "uint16"}
        Of an EXR, half or float. A PNG is always 16 bit, its alpha straight as the format demands: pass
        colours that are not premultiplied.
    compression : str
        Of an EXR, one of `EXR_COMPRESSIONS`.
    colorspace : str, optional
        Name of the colour space the pixels are in. Kept in ``howard:colorspace``, and in the file's own tag
        where OpenImageIO knows the space (``colorInteropID`` in EXR).
    data_window, display_window : Window, optional
        By default the picture at the origin; display as data. A PNG knows no windows: it is cut or filled
        with 0 to the display window.
    pixel_aspect : float
        Width of a pixel divided by its height.
    metadata : mapping, optional
        As `Frame.metadata`, and whatever else to keep; JSON-able values become text. A PNG keeps text only.
        What cannot be written is left out, with a warning in the log.

    Raises
    ------
    InputError
        If suffix, depth, compression, channels or windows do not fit.
    WriteError
        If the file cannot be written or does not read back: full disk, read-only folder.
    """
    path = Path(path)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    names = tuple(channels)
    if pixels.ndim != 3 or pixels.shape[2] != len(names) or 0 in pixels.shape:
        raise InputError(f"{path}: pixels {pixels.shape} do not fit channels {', '.join(names)}")
    if len(set(names)) != len(names):
        raise InputError(f"{path}: a channel is named twice: {', '.join(names)}")
    data = data_window or Window(0, 0, pixels.shape[1], pixels.shape[0])
    display = display_window or data
    if (data.height, data.width) != pixels.shape[:2]:
        raise InputError(
            f"{path}: pixels {pixels.shape[1]}x{pixels.shape[0]} do not cover data window {data}"
        )
    suffix = path.suffix.lower()
    if suffix == ".exr":
        file_format, spec, encoded = "openexr", *_exr(path, pixels, names, depth, compression, data, display)
    elif suffix == ".png":
        file_format, spec, encoded = "png", *_png(path, pixels, names, data, display)
    else:
        raise InputError(f"{path}: cannot write {suffix or 'a file without suffix'}; use .exr or .png")
    for name, value in (metadata or {}).items():
        if name == SEAL_ATTRIBUTE:
            continue  # another file's
        if file_format == "png" and name in ("XResolution", "YResolution", "ResolutionUnit"):
            continue  # a PNG keeps pixel aspect in their place
        try:
            set_attribute(spec, name, value, as_text=file_format == "png")
        except _REFUSALS as error:
            _LOG.warning("%s: the header's '%s' cannot be written and is left out (%s)", path, name, error)
    if pixel_aspect != 1.0:
        spec.attribute("PixelAspectRatio", float(pixel_aspect))
    if colorspace is None and file_format == "png":
        spec.attribute("oiio:ColorSpace", "unknown")  # OpenImageIO would tag it sRGB
    if colorspace:
        spec.attribute("oiio:ColorSpace", colorspace)
        spec.attribute(COLORSPACE_ATTRIBUTE, colorspace)
    if file_format == "openexr":
        spec.attribute(SEAL_ATTRIBUTE, UNSEALED)
    with replacing(path) as temporary:
        _write(temporary, file_format, spec, encoded, path)


def _exr(
    path: Path,
    pixels: np.ndarray,
    names: tuple[str, ...],
    depth: Depth,
    compression: str,
    data: Window,
    display: Window,
) -> tuple[oiio.ImageSpec, np.ndarray]:
    if depth not in ("half", "float"):
        raise InputError(f"{path}: depth {depth!r} does not fit EXR; use half or float")
    spec = oiio.ImageSpec(data.width, data.height, len(names), depth)
    spec.x, spec.y = data.x, data.y
    spec.full_x, spec.full_y = display.x, display.y
    spec.full_width, spec.full_height = display.width, display.height
    spec.channelnames = names
    spec.alpha_channel = names.index("A") if "A" in names else -1
    compression = validate_compression(compression)
    spec.attribute("compression", compression)
    if depth == "float":
        clean, _ = sanitize(pixels.astype(np.float32, copy=False))
        if compression in ("dwaa", "dwab"):  # half inside
            clean = np.clip(clean, -_CEILING[compression], _CEILING[compression])
        return spec, np.ascontiguousarray(clean)
    return spec, halves(pixels, most=_CEILING.get(compression, HALF_MAX))


_PNG_CHANNELS = {1: ("Y",), 2: ("Y", "A"), 3: ("R", "G", "B"), 4: ("R", "G", "B", "A")}


def _png(
    path: Path, pixels: np.ndarray, names: tuple[str, ...], data: Window, display: Window
) -> tuple[oiio.ImageSpec, np.ndarray]:
    # One channel is a grey picture whatever its name is.
    if len(names) not in _PNG_CHANNELS or (len(names) > 1 and names != _PNG_CHANNELS[len(names)]):
        raise InputError(f"{path}: a PNG holds R, G, B, A or one channel, not {', '.join(names)}")
    spec = oiio.ImageSpec(display.width, display.height, len(names), "uint16")
    spec.channelnames = _PNG_CHANNELS[len(names)]
    spec.attribute("oiio:UnassociatedAlpha", 1)
    # A quarter of the time of the defaults for a file about as large.
    spec.attribute("png:compressionLevel", 1)
    spec.attribute("png:filter", 8)
    placed = fit_window(pixels, data, display)
    encoded = np.empty(placed.shape, np.uint16)
    for top in range(0, placed.shape[0], _STRIP):
        strip, _ = sanitize(placed[top : top + _STRIP])
        encoded[top : top + _STRIP] = np.rint(np.clip(strip, 0.0, 1.0) * 65535.0)
    return spec, encoded


def _write(temporary: Path, file_format: str, spec: oiio.ImageSpec, encoded: np.ndarray, path: Path) -> None:
    message_of(oiio.geterror)
    output = oiio.ImageOutput.create(file_format)
    if output is None:
        raise WriteError(f"cannot be written: {message_of(oiio.geterror)}", path=path)
    try:
        # A full disk can be reported by any of these, by a message after a True, or not at all.
        done = output.open(str(temporary), spec) and output.write_image(encoded)
    finally:
        closed = output.close()
    message = message_of(output.geterror) or message_of(oiio.geterror)
    if not (done and closed) or message:
        raise WriteError(f"cannot be written: {_full_or(message, temporary)}", path=path)
    with temporary.open("rb+") as file:
        seal(file)
        file.flush()
        os.fsync(file.fileno())
    try:
        verify_file(temporary, full=False)
    except FrameError as error:
        raise WriteError(
            f"was not written completely, it does not read back: {_full_or('', temporary)}", path=path
        ) from error


def _full_or(message: str, temporary: Path) -> str:
    """Repeat what OpenImageIO said, or what the system says when the file is to grow a little."""
    try:
        with temporary.open("ab") as file:
            file.write(bytes(1 << 16))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return reason(error)
    return "; ".join(dict.fromkeys(message.split("\n"))).strip("; ") or "is the disk full?"
