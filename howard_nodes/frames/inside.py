"""What is inside a file of pictures: parts, layers and channels, and which of them are meant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813

from howard_nodes.frames.frame import Window
from howard_nodes.frames.header import channels_of, text_of
from howard_nodes.frames.orientation import Orientation

__all__ = [
    "FileInfo",
    "PartInfo",
    "choose",
    "find_layer",
    "is_data",
    "layer_channels",
    "layer_of",
    "layers_of",
    "orientation_of",
    "pixel_aspect_of",
    "short_name",
    "what_is_there",
    "windows",
]

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
    is_float : bool
        Whether it holds floating-point numbers.
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
    is_float: bool
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
    picture : str or None
        The layer that is read where none is named, empty for the main one; None where that cannot be told.
    """

    path: Path
    format: str
    size: int
    parts: tuple[PartInfo, ...]
    picture: str | None


def windows(spec: oiio.ImageSpec) -> tuple[Window, Window]:
    """Give the data window and the display window."""
    return (
        Window(spec.x, spec.y, spec.width, spec.height),
        Window(spec.full_x, spec.full_y, spec.full_width, spec.full_height),
    )


def orientation_of(source: oiio.ImageInput, spec: oiio.ImageSpec) -> Orientation:
    """Give how a picture is to be turned; an EXR is upright whatever it says: nobody heeds that there."""
    if source.format_name() == "openexr":
        return Orientation()
    return Orientation.of_exif(spec.get_int_attribute("Orientation", 1))


def pixel_aspect_of(spec: oiio.ImageSpec) -> float:
    """Give how wide a pixel is for its height."""
    aspect = spec.get_float_attribute("PixelAspectRatio", 1.0)
    return aspect if np.isfinite(aspect) and aspect > 0 else 1.0


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
    names = channels_of(spec)
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


# Last parts of the names of layers, without their numbers, in lower case.
_PICTURES = {"beauty", "rgba", "rgb", "combined", "c", "ci", "main", "color", "colour", "composite", "final"}
_DATA = re.compile(
    r"(u?crypto|(diff|gloss|trans|diffuse|glossy|transmission|specular|subsurface)_?(col|color|filter|albedo)\d*\b"
    r"|(albedo|basecolor|base_color|normals?|n|ng|ns|p|po|pref|pworld|position|point|z|depth|deep|zdepth|uvs?"
    r"|st|ids?|index(ob|ma)|object|material|matid|objid|mask|mattes?|mist|motion|motionvector|vectors?|velocity"
    r"|speed|mv|ao|occlusion|denoising|variance|samples?|samplecount|wire|wireframe|curvature|facing)\d*\b)"
)


def is_data(layer: str) -> bool:
    """Tell from its name whether a layer is data (ids, normals, albedo ...) and no picture."""
    return any(_DATA.match(word.lower()) is not None for word in (layer.rpartition(".")[2], layer))


def _main_picture(specs: list[oiio.ImageSpec], wanted: range) -> tuple[int, list[int]] | None:
    """Where the picture is: plain colour channels, else the layer whose name says so, else the only one.

    None where that cannot be told: several layers could be meant, or none.
    """
    layers = []
    for i in wanted:
        names, title = channels_of(specs[i]), text_of(specs[i], "name")
        for prefix in dict.fromkeys(name.rpartition(".")[0] for name in names):
            chosen = layer_channels(names, prefix)
            layers.append((i, prefix, chosen, {short_name(names[c]) for c in chosen}, prefix or title))
    plain = [layer for layer in layers if layer[1] == "" and layer[3] & {"R", "G", "B", "Y", "A"}]
    if len(plain) > 1:
        # Parts of one file, each with plain channels: told apart by their titles alone.
        plain = [layer for layer in plain if not is_data(layer[4])] or plain
        plain = [layer for layer in plain if _says_picture(layer[4])] or plain
    colored = [layer for layer in layers if layer[3] >= {"R", "G", "B"} and not is_data(layer[4])]
    named = [layer for layer in colored if _says_picture(layer[4])]
    others = [layer for layer in layers if layer[1] == ""]
    for found in (plain[:1], named[:1], colored, layers, others):
        if len(found) == 1:
            return found[0][0], found[0][2]
    return None


def _says_picture(layer: str) -> bool:
    return layer.rpartition(".")[2].lower() in _PICTURES


def choose(
    specs: list[oiio.ImageSpec], layer: str | None, part: int | str | None
) -> tuple[int, list[int]] | None:
    """Part number and channels for what was asked; None where there is no such thing."""
    titles = [text_of(spec, "name") for spec in specs]
    wanted = range(len(specs))
    if part is not None:
        index = part if isinstance(part, int) else titles.index(part) if part in titles else -1
        if not 0 <= index < len(specs):
            return None
        wanted = range(index, index + 1)
    if layer is None:
        return _main_picture(specs, wanted)
    for i in wanted:
        chosen = find_layer(channels_of(specs[i]), layer)
        if chosen:
            return i, chosen
    for i in wanted:  # a part named like the layer, with plain channel names
        if titles[i].lower() == layer.lower():
            names = channels_of(specs[i])
            return i, layer_channels(names, "") or list(range(len(names)))
    if layer.lower() in ("rgb", "rgba", "main", "beauty"):
        return choose(specs, None, part)
    return None


def layer_of(specs: list[oiio.ImageSpec], index: int, chosen: list[int]) -> str:
    """Name the layer that channels of a part belong to; empty where there is only the one picture."""
    prefix = channels_of(specs[index])[chosen[0]].rpartition(".")[0]
    return prefix or (text_of(specs[index], "name") if len(specs) > 1 else "")


def what_is_there(specs: list[oiio.ImageSpec]) -> str:
    """List parts and layers of a file, for a message."""
    found = []
    for spec in specs:
        name = text_of(spec, "name")
        inside = [p or "(main)" for p in layers_of(spec)]
        found.append(f"part {name!r}: {', '.join(inside)}" if len(specs) > 1 else ", ".join(inside))
    return "; ".join(found)
