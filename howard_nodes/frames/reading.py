"""Reading pictures by channel name, and looking into files without reading their pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813

from howard_nodes.errors import FrameError, UnsupportedError
from howard_nodes.frames.claims import check_size_claim
from howard_nodes.frames.color_tags import tagged_colorspace
from howard_nodes.frames.frame import Frame, Window
from howard_nodes.frames.header import channels_of, message_of, text_of
from howard_nodes.frames.heif import is_heif
from howard_nodes.frames.inside import (
    FileInfo,
    PartInfo,
    choose,
    layer_of,
    layers_of,
    orientation_of,
    pixel_aspect_of,
    short_name,
    what_is_there,
    windows,
)
from howard_nodes.frames.metadata import all_attributes, carried_metadata
from howard_nodes.frames.opening import FORMATS, explain, opened, parts_of
from howard_nodes.frames.orientation import Orientation

__all__ = ["check_picture", "has_layer", "inspect_file", "read_attributes", "read_frame", "verify_file"]


_UINT_MAX = 2.0**32 - 1
_BAND = 256  # rows verified at a time
_READ_BAND = 1024  # rows read at a time, where a file is small for what it promises:
_SPARSE = 64  # bytes of pixels to a byte of it


def _read_channels(
    source: oiio.ImageInput, spec: oiio.ImageSpec, index: int, chosen: list[int], size: int
) -> np.ndarray | None:
    """Channels as float32, in the order asked for; None or a short array where OpenImageIO fails."""
    begin, end = min(chosen), max(chosen) + 1
    # float straight from the decoder: as fast as half and converting afterwards, and never 8 bit.
    doubtful = source.format_name() == "tiff" and spec.image_bytes() > _SPARSE * size
    if doubtful and not spec.tile_width:
        pixels = _read_bands(source, spec, index, begin, end)
    else:
        pixels = source.read_image(index, 0, begin, end, "float")
    if pixels is None:
        return None
    pixels = pixels.reshape(spec.height, spec.width, end - begin)
    order = [i - begin for i in chosen]
    if order != list(range(end - begin)):
        pixels = np.ascontiguousarray(pixels[..., order])
    if source.format_name() == "openexr":
        for position, channel in enumerate(chosen):
            if str(spec.channelformat(channel)) == "uint":
                pixels[..., position] *= _UINT_MAX  # ids are numbers, not fractions of 2^32
    return pixels


def _read_bands(
    source: oiio.ImageInput, spec: oiio.ImageSpec, index: int, begin: int, end: int
) -> np.ndarray | None:
    """Read rows until one cannot be: all at once, each row of a TIFF would be tried, minutes at worst."""
    if not source.seek_subimage(index, 0):
        return None
    pixels = np.empty((spec.height, spec.width, end - begin), np.float32)
    for top in range(0, spec.height, _READ_BAND):
        bottom = min(top + _READ_BAND, spec.height)
        band = source.read_scanlines(index, 0, spec.y + top, spec.y + bottom, spec.z, begin, end, "float")
        if band is None or source.has_error:
            return None
        pixels[top:bottom] = band.reshape(bottom - top, spec.width, end - begin)
    return pixels


def read_frame(
    path: Path | str,
    *,
    layer: str | None = None,
    part: int | str | None = None,
    frame: int | None = None,
) -> Frame:
    """Read one picture as its file keeps it, upright.

    Nothing is converted or repaired: colours stay in the file's space, NaN and Inf stay (see `sanitize`),
    the pixels cover the data window. Stills are turned as their orientation says. Integer files are scaled to
    0..1 at their full depth. The GIL is released while pixels are read.

    Parameters
    ----------
    path : Path or str
        EXR (scan line, tiled, multi-part, any channel types), PNG, TIFF, DPX, JPEG, WebP or HEIC.
    layer : str, optional
        ``foreground`` picks ``foreground.R``, ``foreground.G`` ...; a full channel name like ``coarse.A``
        picks that one; the name of a part works too. By default the main picture: channels without a prefix,
        else a layer called beauty, rgba, Combined or alike, else the only one that is no data.
    part : int or str, optional
        Part of a multi-part EXR, by number or name. By default the first that has the layer.
    frame : int, optional
        Frame number, for the result and for messages.

    Returns
    -------
    Frame
        `Frame.colorspace` is set only from the file's own tags, never from its type or name: our
        ``howard:colorspace`` first, then ``colorInteropID``, the ACES container flag or ``oiio:ColorSpace``
        of an EXR, the cICP, iCCP, sRGB or gAMA chunk of a PNG, Exif or ICC of TIFF and JPEG, the transfer
        of a DPX. Chromaticities alone name no space; they are in the metadata.

    Raises
    ------
    FrameError
        If the file is missing, empty, truncated, corrupt, deep, of another format, has no such layer, or
        does not say which of its layers is the picture.
    """
    path = Path(path)
    with opened(path, frame) as source:
        specs = parts_of(source, path, frame)
        found = choose(specs, layer, part)
        if found is None:
            raise _no_such(specs, layer, part, path, frame)
        index, chosen = found
        spec = specs[index]
        names = channels_of(spec)
        _refuse(spec, names, chosen, path, frame)
        pixels = _read_channels(source, spec, index, chosen, path.stat().st_size)
        # A truncated JPEG gives a full picture and a message.
        message = message_of(source.geterror)
        if pixels is None or message or _cut_short(path, source.format_name()):
            raise FrameError(
                f"is truncated or corrupt, its pixels cannot be read ({explain(message)}); "
                "render or copy it again",
                path=path,
                frame=frame,
            )
        data_window, display_window, aspect = _upright(source, spec)
        return Frame(
            pixels=orientation_of(source, spec).turn(pixels),
            channels=tuple(short_name(names[i]) for i in chosen),
            colorspace=tagged_colorspace(spec, source.format_name(), path),
            data_window=data_window,
            display_window=display_window,
            pixel_aspect=aspect,
            metadata=carried_metadata(spec, path),
            path=path,
            frame=frame,
            layer=layer_of(specs, index, chosen),
            is_float=_is_float(str(spec.channelformat(chosen[0]))),
            straight_alpha=bool(
                spec.get_int_attribute("oiio:UnassociatedAlpha") or source.format_name() in ("png", "webp")
            ),
        )


def _is_float(stored: str) -> bool:
    return stored in ("half", "float", "double")


def _upright(source: oiio.ImageInput, spec: oiio.ImageSpec) -> tuple[Window, Window, float]:
    """Give data window, display window and pixel aspect of the picture as it is read: turned upright."""
    orientation = orientation_of(source, spec)
    data, display = windows(spec)
    aspect = pixel_aspect_of(spec)
    if orientation == Orientation():
        return data, display, aspect
    return (
        orientation.place(data, display),
        orientation.place(display, display),
        1 / aspect if orientation.swaps else aspect,
    )


def _no_such(
    specs: list[oiio.ImageSpec], layer: str | None, part: int | str | None, path: Path, frame: int | None
) -> UnsupportedError:
    there = what_is_there(specs)
    asked = " and ".join(
        f"{what} {value!r}" for what, value in (("layer", layer), ("part", part)) if value is not None
    )
    if not asked:
        return UnsupportedError(
            "does not say which of its layers is the picture; name it with --layer (plate) or "
            f"--clean-layer: {there}",
            path=path,
            frame=frame,
        )
    return UnsupportedError(f"has no {asked}; it has {there}", path=path, frame=frame)


def _refuse(
    spec: oiio.ImageSpec, names: tuple[str, ...], chosen: list[int], path: Path, frame: int | None
) -> None:
    if spec.deep:
        raise UnsupportedError("deep EXR is not supported; flatten the file first", path=path, frame=frame)
    if spec.depth > 1:
        raise UnsupportedError("is a volume, not an image", path=path, frame=frame)
    # What lies between two channels is read with them; a picture is laid into its display window.
    check_size_claim(spec.width, spec.height, max(chosen) + 1 - min(chosen), path, frame)
    check_size_claim(spec.full_width, spec.full_height, len(chosen), path, frame)
    prefix = names[chosen[0]].rpartition(".")[0]
    if {short_name(names[i]) for i in chosen} <= {"Y", "A"} and f"{prefix}.RY".lstrip(".") in names:
        raise UnsupportedError(
            "luminance-chroma EXR (Y, RY, BY) is not supported; convert it to RGB first",
            path=path,
            frame=frame,
        )


def inspect_file(path: Path | str) -> FileInfo:
    """Read a file's header: parts, layers, channels, windows, compression, colour tag, metadata.

    Raises
    ------
    FrameError
        If the file is missing or its header cannot be read.
    """
    path = Path(path)
    with opened(path, None) as source:
        parts = []
        specs = parts_of(source, path, None)
        for index, spec in enumerate(specs):
            data_window, display_window, aspect = _upright(source, spec)
            parts.append(
                PartInfo(
                    index=index,
                    name=text_of(spec, "name"),
                    channels={name: str(spec.channelformat(i)) for i, name in enumerate(channels_of(spec))},
                    layers=layers_of(spec),
                    data_window=data_window,
                    display_window=display_window,
                    pixel_aspect=aspect,
                    compression=text_of(spec, "compression"),
                    tile=(spec.tile_width, spec.tile_height) if spec.tile_width else None,
                    colorspace=tagged_colorspace(spec, source.format_name(), path),
                    is_float=_is_float(str(spec.channelformat(0))),
                    metadata=carried_metadata(spec, path),
                )
            )
        found = choose(specs, None, None)
        picture = None if found is None else layer_of(specs, *found)
        kind = "HEIC" if is_heif(path) else FORMATS[source.format_name()]
        return FileInfo(path, kind, path.stat().st_size, tuple(parts), picture)


def check_picture(path: Path | str, *, layer: str | None = None, frame: int | None = None) -> None:
    """Make sure from the header alone that `read_frame` can read a file, as far as that shows.

    Raises
    ------
    FrameError
        As `read_frame` does.
    """
    path = Path(path)
    with opened(path, frame) as source:
        specs = parts_of(source, path, frame)
        found = choose(specs, layer, None)
        if found is None:
            raise _no_such(specs, layer, None, path, frame)
        index, chosen = found
        _refuse(specs[index], channels_of(specs[index]), chosen, path, frame)


def has_layer(path: Path | str, layer: str) -> bool:
    """Tell from the header alone whether `read_frame` would find a layer.

    Raises
    ------
    FrameError
        If the file is missing or its header cannot be read.
    """
    path = Path(path)
    with opened(path, None) as source:
        return choose(parts_of(source, path, None), layer, None) is not None


def read_attributes(path: Path | str) -> dict[str, Any]:
    """Read all header attributes of a file's first part, ``howard:*`` included, and no pixels.

    Raises
    ------
    FrameError
        If the file is missing or its header cannot be read.
    """
    with opened(Path(path), None) as source:
        return all_attributes(source.spec())


def verify_file(
    path: Path | str, *, full: bool = True, seen: Callable[[int, int, np.ndarray], None] | None = None
) -> None:
    """Make sure that a file can be read to its end.

    A changed byte is only found where the compression notices it: always in PNG and zip-compressed EXR,
    never in uncompressed files.

    Parameters
    ----------
    path : Path or str
        Any file `read_frame` reads.
    full : bool
        Decode every pixel of every part, in bands that bound memory; else only the end of each part,
        which shows whether a writer got that far.
    seen : callable, optional
        Is given what was decoded: number of the part, first row (counted from the data window's) and H W C
        float32 pixels of all channels in file order, so that who wants to see a file reads it once.

    Raises
    ------
    FrameError
        If anything is missing, truncated or corrupt.
    """
    path = Path(path)
    with opened(path, None) as source:
        if _cut_short(path, source.format_name()):
            raise FrameError("is truncated, the end of the file is missing", path=path)
        for index, spec in enumerate(parts_of(source, path, None)):
            if spec.deep:
                raise FrameError("deep EXR is not supported; flatten the file first", path=path)
            check_size_claim(spec.width, min(spec.height, _BAND), spec.nchannels, path, None)
            source.seek_subimage(index, 0)
            step = -(-_BAND // spec.tile_height) * spec.tile_height if spec.tile_height else _BAND
            starts = range(0, spec.height, step)
            for top in starts if full else starts[-1:]:
                bottom = min(top + step, spec.height)
                if not full and not spec.tile_height:
                    top = bottom - 1
                kind = spec.format if seen is None else "float"
                decoded = _decoded(source, spec, index, (top, bottom), kind)
                message = message_of(source.geterror)
                if decoded is None or message:
                    raise FrameError(
                        f"is truncated or corrupt, rows {top}-{bottom - 1} of {spec.height} cannot be read "
                        f"({explain(message)})",
                        path=path,
                    )
                if seen is not None:
                    seen(index, top, decoded.reshape(-1, spec.width, spec.nchannels))


def _cut_short(path: Path, file_format: str) -> bool:
    """Whether the end mark is missing: decoders forgive that in JPEG and PNG."""
    if is_heif(path):
        return False
    if file_format == "jpeg":
        content = path.read_bytes()
        return content.rfind(b"\xff\xd9") < content.rfind(b"\xff\xda")
    if file_format == "png":
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - (1 << 16)))
            return b"IEND\xaeB`\x82" not in file.read()
    return False


def _decoded(
    source: oiio.ImageInput, spec: oiio.ImageSpec, index: int, band: tuple[int, int], kind: Any
) -> np.ndarray | None:
    """Rows (counted from the data window's first) of all channels; None where they do not decode."""
    top, bottom = band
    rows = (spec.y + top, spec.y + bottom)
    pixels: np.ndarray | None
    if spec.tile_height:
        columns = (spec.x, spec.x + spec.width)
        pixels = source.read_tiles(index, 0, *columns, *rows, spec.z, spec.z + 1, 0, spec.nchannels, kind)
    else:
        pixels = source.read_scanlines(index, 0, *rows, spec.z, 0, spec.nchannels, kind)
    return pixels
