"""Reading pictures by channel name, and looking into files without reading their pixels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813

from howard_nodes.errors import FrameError
from howard_nodes.frames.frame import Frame, Window
from howard_nodes.frames.metadata import all_attributes, carried_metadata, tagged_colorspace

__all__ = [
    "FORMATS",
    "FileInfo",
    "PartInfo",
    "has_layer",
    "inspect_file",
    "read_attributes",
    "read_frame",
    "verify_file",
]

FORMATS = {"openexr": "EXR", "png": "PNG", "tiff": "TIFF", "dpx": "DPX", "jpeg": "JPEG"}
"""Formats read, by OpenImageIO's name."""

_CANONICAL = {
    "r": "R",
    "g": "G",
    "b": "B",
    "a": "A",
    "red": "R",
    "green": "G",
    "blue": "B",
    "alpha": "A",
}
_ORDER = ("R", "G", "B", "A")
_UINT_MAX = 2.0**32 - 1
_BAND = 256  # rows verified at a time


@dataclass(frozen=True)
class PartInfo:
    """One part of a file (only EXR and TIFF have more than one), from its header.

    Parameters
    ----------
    index : int
        Number of the part, from 0.
    name : str
        Its name, empty where it has none.
    channels : dict of str to str
        Full channel names in file order, and their types (``half``, ``float``, ``uint8`` ...).
    layers : dict of str to tuple of str
        Layer names, as `read_frame` takes them, and their channels. The main picture is called ``""``.
    data_window, display_window : Window
        Where pixels lie, and what is meant to be seen.
    pixel_aspect : float
        Width of a pixel divided by its height.
    compression : str
        As the file names it, empty where it names none.
    tile : tuple of int or None
        Tile width and height, None for scan lines.
    colorspace : str or None
        What the file's own tags say, see `read_frame`.
    metadata : dict
        What would be carried to an output.
    """

    index: int
    name: str
    channels: dict[str, str]
    layers: dict[str, tuple[str, ...]]
    data_window: Window
    display_window: Window
    pixel_aspect: float
    compression: str
    tile: tuple[int, int] | None
    colorspace: str | None
    metadata: dict[str, Any]


@dataclass(frozen=True)
class FileInfo:
    """A file's header.

    Parameters
    ----------
    path : Path
        The file.
    format : str
        ``EXR``, ``PNG``, ``TIFF``, ``DPX`` or ``JPEG``, by content, not by suffix.
    size : int
        Bytes.
    parts : tuple of PartInfo
        At least one.
    """

    path: Path
    format: str
    size: int
    parts: tuple[PartInfo, ...]


def _explain(message: str) -> str:
    """Turn what OpenImageIO says into something to act on."""
    lines = dict.fromkeys(line.strip() for line in message.splitlines() if line.strip())
    text = "; ".join(lines) or "the end of the file is missing"
    if "Subsampled channels" in text:
        return (
            "luminance-chroma EXR (subsampled RY, BY channels) cannot be read; convert it to RGB first, "
            "for example by writing it again from Nuke or Blender"
        )
    return text


@contextmanager
def _opened(path: Path, frame: int | None) -> Iterator[oiio.ImageInput]:
    if not path.exists():
        raise FrameError("no such file", path=path, frame=frame)
    if not path.is_file():
        raise FrameError("is not a file", path=path, frame=frame)
    try:
        if path.stat().st_size == 0:
            raise FrameError("the file is empty (0 bytes); render or copy it again", path=path, frame=frame)
        with path.open("rb"):
            pass
    except OSError as error:
        raise FrameError(f"cannot be opened: {error.strerror}", path=path, frame=frame) from error
    config = oiio.ImageSpec()
    # Colour stays as it lies in the file: OpenImageIO would premultiply it before it is linear.
    config.attribute("oiio:UnassociatedAlpha", 1)
    oiio.geterror()
    try:
        source = oiio.ImageInput.open(str(path), config)
    except UnicodeEncodeError as error:
        raise FrameError("the name is not valid UTF-8; rename the file", path=path, frame=frame) from error
    if source is None:
        reason = _explain(oiio.geterror())
        raise FrameError(f"cannot be read as a picture: {reason}", path=path, frame=frame)
    try:
        name = source.format_name()
        if name not in FORMATS:
            raise FrameError(
                f"{name} files are not read; convert it to one of {', '.join(FORMATS.values())}",
                path=path,
                frame=frame,
            )
        yield source
    finally:
        source.close()


def _windows(spec: oiio.ImageSpec) -> tuple[Window, Window]:
    return (
        Window(spec.x, spec.y, spec.width, spec.height),
        Window(spec.full_x, spec.full_y, spec.full_width, spec.full_height),
    )


def _pixel_aspect(spec: oiio.ImageSpec) -> float:
    aspect = spec.get_float_attribute("PixelAspectRatio", 1.0)
    return aspect if np.isfinite(aspect) and aspect > 0 else 1.0


def _parts(source: oiio.ImageInput) -> list[oiio.ImageSpec]:
    specs: list[oiio.ImageSpec] = []
    while source.seek_subimage(len(specs), 0):
        specs.append(source.spec())
    source.geterror()  # the failed seek past the last part
    return specs


def _short(channel: str) -> str:
    last = channel.rpartition(".")[2]
    return _CANONICAL.get(last.lower(), last)


def _layer_channels(names: tuple[str, ...], layer: str) -> list[int]:
    """Which channels make up a layer: R, G, B, A where it has colour, else all of it."""
    chosen = [i for i, name in enumerate(names) if name.rpartition(".")[0] == layer]
    by_name = {_short(names[i]): i for i in reversed(chosen)}
    if "R" in by_name or "G" in by_name or "B" in by_name:
        return [by_name[c] for c in _ORDER if c in by_name]
    if layer == "":
        # Extra channels (Z, ids) beside luminance or alpha do not belong to the picture.
        for main in ("Y", "A"):
            if main in by_name:
                return [by_name[c] for c in dict.fromkeys((main, "A")) if c in by_name]
    return sorted(chosen, key=lambda i: (_short(names[i]) == "A", i))


def _layers(spec: oiio.ImageSpec) -> dict[str, tuple[str, ...]]:
    names = tuple(spec.channelnames)
    prefixes = sorted({name.rpartition(".")[0] for name in names})
    return {p: tuple(names[i] for i in _layer_channels(names, p)) for p in prefixes}


def _find_layer(names: tuple[str, ...], layer: str) -> list[int]:
    """Channels of a layer by its name, a channel's full name, any case, or the end of a nested name."""
    prefixes = dict.fromkeys(name.rpartition(".")[0] for name in names)
    if layer in prefixes:
        return _layer_channels(names, layer)
    if layer in names:
        return [names.index(layer)]
    lower = layer.lower()
    close = [p for p in prefixes if p and (p.lower() == lower or p.lower().endswith("." + lower))]
    return _layer_channels(names, close[0]) if len(close) == 1 else []


def _main_picture(specs: list[oiio.ImageSpec], wanted: range) -> tuple[int, list[int]]:
    """Where the picture is: plain colour channels, else a layer of colour, else what comes first."""
    layers = [
        (i, prefix, _layer_channels(tuple(specs[i].channelnames), prefix))
        for i in wanted
        for prefix in dict.fromkeys(name.rpartition(".")[0] for name in specs[i].channelnames)
    ]

    def rank(layer: tuple[int, str, list[int]]) -> int:
        i, prefix, chosen = layer
        names = {_short(specs[i].channelnames[c]) for c in chosen}
        if prefix == "" and names & {"R", "G", "B", "Y", "A"}:
            return 0
        if names >= {"R", "G", "B"}:
            # Blender's name for the picture among its passes
            return 1 if prefix.rpartition(".")[2] == "Combined" else 2
        return 3 if prefix == "" else 4

    i, _, chosen = min(layers, key=rank)  # the first of the best
    return i, chosen


def _choose(
    specs: list[oiio.ImageSpec], layer: str | None, part: int | str | None
) -> tuple[int, list[int]] | None:
    """Part number and channels for what was asked; None where there is no such thing."""
    titles = [spec.get_string_attribute("name") for spec in specs]
    wanted = range(len(specs))
    if part is not None:
        index = part if isinstance(part, int) else titles.index(part) if part in titles else -1
        if not 0 <= index < len(specs):
            return None
        wanted = range(index, index + 1)
    if layer is None:
        return _main_picture(specs, wanted)
    for i in wanted:
        chosen = _find_layer(tuple(specs[i].channelnames), layer)
        if chosen:
            return i, chosen
    for i in wanted:  # a part named like the layer, with plain channel names
        if titles[i].lower() == layer.lower():
            names = tuple(specs[i].channelnames)
            return i, _layer_channels(names, "") or list(range(len(names)))
    if layer.lower() in ("rgb", "rgba", "main", "beauty"):
        return _choose(specs, None, part)
    return None


def _what_is_there(specs: list[oiio.ImageSpec]) -> str:
    found = []
    for spec in specs:
        name = spec.get_string_attribute("name")
        inside = [p or "(main)" for p in _layers(spec)]
        found.append(f"part {name!r}: {', '.join(inside)}" if len(specs) > 1 else ", ".join(inside))
    return "; ".join(found)


def _read_channels(
    source: oiio.ImageInput, spec: oiio.ImageSpec, index: int, chosen: list[int]
) -> np.ndarray | None:
    """Channels as float32, in the order asked for; None or a short array where OpenImageIO fails."""
    begin, end = min(chosen), max(chosen) + 1
    # float straight from the decoder: as fast as half and converting afterwards, and never 8 bit.
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


def read_frame(
    path: Path | str,
    *,
    layer: str | None = None,
    part: int | str | None = None,
    frame: int | None = None,
) -> Frame:
    """Read one picture, exactly as its file keeps it.

    Nothing is converted or repaired: colours stay in the file's space, NaN and Inf stay (see `sanitize`),
    the pixels cover the data window. Integer files are scaled to 0..1 at their full depth. The GIL is
    released while pixels are read.

    Parameters
    ----------
    path : Path or str
        EXR (scan line, tiled, multi-part, any channel types), PNG, TIFF, DPX or JPEG.
    layer : str, optional
        ``foreground`` picks ``foreground.R``, ``foreground.G`` ...; a full channel name like ``coarse.A``
        picks that one; the name of a part works too. By default the main picture: channels without a prefix.
    part : int or str, optional
        Part of a multi-part EXR, by number or name. By default the first that has the layer.
    frame : int, optional
        Frame number, for the result and for messages.

    Returns
    -------
    Frame
        `Frame.colorspace` is set only from the file's own tags, never from its type or name: our
        ``howard:colorspace`` first, then ``colorInteropID``, the ACES container flag or ``oiio:ColorSpace``
        of an EXR, the cICP, iCCP, sRGB or gAMA chunk of a PNG, Exif or ICC of TIFF and JPEG, a linear DPX.
        Chromaticities alone name no space; they are in the metadata.

    Raises
    ------
    FrameError
        If the file is missing, empty, truncated, corrupt, deep, of another format, or has no such layer.
    """
    path = Path(path)
    with _opened(path, frame) as source:
        specs = _parts(source)
        found = _choose(specs, layer, part)
        if found is None:
            asked = " and ".join(
                f"{what} {value!r}" for what, value in (("layer", layer), ("part", part)) if value is not None
            )
            raise FrameError(f"has no {asked}; there is {_what_is_there(specs)}", path=path, frame=frame)
        index, chosen = found
        spec = specs[index]
        names = tuple(spec.channelnames)
        _refuse(spec, names, chosen, path, frame)
        pixels = _read_channels(source, spec, index, chosen)
        # A truncated JPEG gives a full picture and a message.
        message = source.geterror()
        if pixels is None or message or _cut_short(path, source.format_name()):
            raise FrameError(
                f"is truncated or corrupt, its pixels cannot be read ({_explain(message)}); "
                "render or copy it again",
                path=path,
                frame=frame,
            )
        data_window, display_window = _windows(spec)
        return Frame(
            pixels=pixels,
            channels=tuple(_short(names[i]) for i in chosen),
            colorspace=tagged_colorspace(spec, source.format_name(), path),
            data_window=data_window,
            display_window=display_window,
            pixel_aspect=_pixel_aspect(spec),
            metadata=carried_metadata(spec),
            path=path,
            frame=frame,
            straight_alpha=bool(
                spec.get_int_attribute("oiio:UnassociatedAlpha") or source.format_name() == "png"
            ),
        )


def _refuse(
    spec: oiio.ImageSpec, names: tuple[str, ...], chosen: list[int], path: Path, frame: int | None
) -> None:
    if spec.deep:
        raise FrameError("deep pixels are not read; flatten the file first", path=path, frame=frame)
    if spec.depth > 1:
        raise FrameError("is a volume, not a picture", path=path, frame=frame)
    prefix = names[chosen[0]].rpartition(".")[0]
    if {_short(names[i]) for i in chosen} <= {"Y", "A"} and f"{prefix}.RY".lstrip(".") in names:
        raise FrameError(
            "luminance-chroma pictures (Y, RY, BY) are not read; convert it to RGB first",
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
    with _opened(path, None) as source:
        parts = []
        for index, spec in enumerate(_parts(source)):
            data_window, display_window = _windows(spec)
            parts.append(
                PartInfo(
                    index=index,
                    name=spec.get_string_attribute("name"),
                    channels={name: str(spec.channelformat(i)) for i, name in enumerate(spec.channelnames)},
                    layers=_layers(spec),
                    data_window=data_window,
                    display_window=display_window,
                    pixel_aspect=_pixel_aspect(spec),
                    compression=spec.get_string_attribute("compression"),
                    tile=(spec.tile_width, spec.tile_height) if spec.tile_width else None,
                    colorspace=tagged_colorspace(spec, source.format_name(), path),
                    metadata=carried_metadata(spec),
                )
            )
        return FileInfo(path, FORMATS[source.format_name()], path.stat().st_size, tuple(parts))


def has_layer(path: Path | str, layer: str) -> bool:
    """Tell from the header alone whether `read_frame` would find a layer.

    Raises
    ------
    FrameError
        If the file is missing or its header cannot be read.
    """
    with _opened(Path(path), None) as source:
        return _choose(_parts(source), layer, None) is not None


def read_attributes(path: Path | str) -> dict[str, Any]:
    """Read all header attributes of a file's first part, ``howard:*`` included, and no pixels.

    Raises
    ------
    FrameError
        If the file is missing or its header cannot be read.
    """
    with _opened(Path(path), None) as source:
        return all_attributes(source.spec())


def verify_file(path: Path | str, *, full: bool = True) -> None:
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

    Raises
    ------
    FrameError
        If anything is missing, truncated or corrupt.
    """
    path = Path(path)
    with _opened(path, None) as source:
        if _cut_short(path, source.format_name()):
            raise FrameError("is truncated, the end of the file is missing", path=path)
        for index, spec in enumerate(_parts(source)):
            if spec.deep:
                raise FrameError("deep pixels are not read; flatten the file first", path=path)
            source.seek_subimage(index, 0)
            step = -(-_BAND // spec.tile_height) * spec.tile_height if spec.tile_height else _BAND
            starts = range(0, spec.height, step)
            for top in starts if full else starts[-1:]:
                bottom = min(top + step, spec.height)
                if not full and not spec.tile_height:
                    top = bottom - 1
                decoded, message = _decodes(source, spec, index, top, bottom), source.geterror()
                if not decoded or message:
                    raise FrameError(
                        f"is truncated or corrupt, rows {top}-{bottom - 1} of {spec.height} cannot be read "
                        f"({_explain(message)})",
                        path=path,
                    )


def _cut_short(path: Path, file_format: str) -> bool:
    """Whether the end mark is missing: decoders forgive that in JPEG and PNG."""
    if file_format == "jpeg":
        content = path.read_bytes()
        return content.rfind(b"\xff\xd9") < content.rfind(b"\xff\xda")
    if file_format == "png":
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - (1 << 16)))
            return b"IEND\xaeB`\x82" not in file.read()
    return False


def _decodes(source: oiio.ImageInput, spec: oiio.ImageSpec, index: int, top: int, bottom: int) -> bool:
    """Whether rows (counted from the data window's first) of all channels decode."""
    rows = (spec.y + top, spec.y + bottom)
    if spec.tile_height:
        columns = (spec.x, spec.x + spec.width)
        pixels = source.read_tiles(
            index, 0, *columns, *rows, spec.z, spec.z + 1, 0, spec.nchannels, spec.format
        )
    else:
        pixels = source.read_scanlines(index, 0, *rows, spec.z, 0, spec.nchannels, spec.format)
    return pixels is not None
