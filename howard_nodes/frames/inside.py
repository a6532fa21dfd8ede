"""What is inside a file of pictures: parts, layers and channels, and which of them are meant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813

from howard_nodes.errors import FrameError
from howard_nodes.frames.frame import Window

__all__ = [
    "FORMATS",
    "FileInfo",
    "PartInfo",
    "choose",
    "explain",
    "find_layer",
    "layer_channels",
    "layers_of",
    "opened",
    "parts_of",
    "pixel_aspect_of",
    "short_name",
    "windows",
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


def explain(message: str) -> str:
    """Turn what OpenImageIO says into something to act on."""
    lines = dict.fromkeys(line.strip() for line in message.splitlines() if line.strip())
    text = "; ".join(lines) or "the end of the file is missing"
    if "Subsampled channels" in text:
        return (
            "luminance-chroma EXR (subsampled RY, BY channels) cannot be read; convert it to RGB "
            "first, for example by re-rendering it from Nuke or Blender"
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
        reason = explain(oiio.geterror())
        raise FrameError(f"cannot be read as an image: {reason}", path=path, frame=frame)
    try:
        name = source.format_name()
        if name not in FORMATS:
            raise FrameError(
                f"{name} files are not supported; convert it to one of {', '.join(FORMATS.values())}",
                path=path,
                frame=frame,
            )
        yield source
    finally:
        source.close()


def windows(spec: oiio.ImageSpec) -> tuple[Window, Window]:
    """Give the data window and the display window."""
    return (
        Window(spec.x, spec.y, spec.width, spec.height),
        Window(spec.full_x, spec.full_y, spec.full_width, spec.full_height),
    )


def pixel_aspect_of(spec: oiio.ImageSpec) -> float:
    """Give how wide a pixel is for its height."""
    aspect = spec.get_float_attribute("PixelAspectRatio", 1.0)
    return aspect if np.isfinite(aspect) and aspect > 0 else 1.0


def parts_of(source: oiio.ImageInput) -> list[oiio.ImageSpec]:
    """List the headers of all parts."""
    specs: list[oiio.ImageSpec] = []
    while source.seek_subimage(len(specs), 0):
        specs.append(source.spec())
    source.geterror()  # the failed seek past the last part
    return specs


def short_name(channel: str) -> str:
    """Give a channel's name without its layer's."""
    last = channel.rpartition(".")[2]
    return _CANONICAL.get(last.lower(), last)


def layer_channels(names: tuple[str, ...], layer: str) -> list[int]:
    """Which channels make up a layer: R, G, B, A where it has colour, else all of it."""
    chosen = [i for i, name in enumerate(names) if name.rpartition(".")[0] == layer]
    by_name = {short_name(names[i]): i for i in reversed(chosen)}
    if "R" in by_name or "G" in by_name or "B" in by_name:
        return [by_name[c] for c in _ORDER if c in by_name]
    if layer == "":
        # Extra channels (Z, ids) beside luminance or alpha do not belong to the picture.
        for main in ("Y", "A"):
            if main in by_name:
                return [by_name[c] for c in dict.fromkeys((main, "A")) if c in by_name]
    return sorted(chosen, key=lambda i: (short_name(names[i]) == "A", i))


def layers_of(spec: oiio.ImageSpec) -> dict[str, tuple[str, ...]]:
    """Give the channels of each layer of a part, by their full names."""
    names = tuple(spec.channelnames)
    prefixes = sorted({name.rpartition(".")[0] for name in names})
    return {p: tuple(names[i] for i in layer_channels(names, p)) for p in prefixes}


def find_layer(names: tuple[str, ...], layer: str) -> list[int]:
    """Channels of a layer by its name, a channel's full name, any case, or the end of a nested name."""
    prefixes = dict.fromkeys(name.rpartition(".")[0] for name in names)
    if layer in prefixes:
        return layer_channels(names, layer)
    if layer in names:
        return [names.index(layer)]
    lower = layer.lower()
    close = [p for p in prefixes if p and (p.lower() == lower or p.lower().endswith("." + lower))]
    return layer_channels(names, close[0]) if len(close) == 1 else []


def _main_picture(specs: list[oiio.ImageSpec], wanted: range) -> tuple[int, list[int]]:
    """Where the picture is: plain colour channels, else a layer of colour, else what comes first."""
    layers = [
        (i, prefix, layer_channels(tuple(specs[i].channelnames), prefix))
        for i in wanted
        for prefix in dict.fromkeys(name.rpartition(".")[0] for name in specs[i].channelnames)
    ]

    def rank(layer: tuple[int, str, list[int]]) -> int:
        i, prefix, chosen = layer
        names = {short_name(specs[i].channelnames[c]) for c in chosen}
        if prefix == "" and names & {"R", "G", "B", "Y", "A"}:
            return 0
        if names >= {"R", "G", "B"}:
            # Blender's name for the picture among its passes
            return 1 if prefix.rpartition(".")[2] == "Combined" else 2
        return 3 if prefix == "" else 4

    i, _, chosen = min(layers, key=rank)  # the first of the best
    return i, chosen


def choose(
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
        chosen = find_layer(tuple(specs[i].channelnames), layer)
        if chosen:
            return i, chosen
    for i in wanted:  # a part named like the layer, with plain channel names
        if titles[i].lower() == layer.lower():
            names = tuple(specs[i].channelnames)
            return i, layer_channels(names, "") or list(range(len(names)))
    if layer.lower() in ("rgb", "rgba", "main", "beauty"):
        return choose(specs, None, part)
    return None


def _what_is_there(specs: list[oiio.ImageSpec]) -> str:
    found = []
    for spec in specs:
        name = spec.get_string_attribute("name")
        inside = [p or "(main)" for p in layers_of(spec)]
        found.append(f"part {name!r}: {', '.join(inside)}" if len(specs) > 1 else ", ".join(inside))
    return "; ".join(found)
