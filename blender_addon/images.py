# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is plugged into a node to files that the worker reads, and back."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path
from typing import Any

import bpy

from . import description
from .errors import AddonError

__all__ = [
    "Footage",
    "Timing",
    "footage",
    "frame_of",
    "is_still",
    "name",
    "numbers_beside",
    "picture",
    "play",
    "plug",
    "required",
    "result",
    "sequence_pattern",
    "source",
    "time",
    "timing_of",
]


_WIDTH = 240
_SHOWING = ("CompositorNodeImage", "CompositorNodeMovieClip")
_PICTURES = ("Image", "Combined")


@dataclasses.dataclass(frozen=True)
class Timing:
    """Which picture of a sequence is shown when: what an Image node has, and as Blender counts.

    Attributes
    ----------
    start : int
        The scene's frame at which it starts.
    count : int
        How many frames; after them the last one holds.
    offset : int
        At the start, file offset + 1 is shown.
    cyclic : bool
        Whether it starts again instead.
    """

    start: int
    count: int
    offset: int
    cyclic: bool = False

    @property
    def end(self) -> int:
        """The scene's frame at which the last picture comes first."""
        return self.start + self.count - 1

    def number(self, frame: int) -> int | None:
        """Give the number of the picture that is shown at a frame of the scene; None before the start."""
        place = frame - self.start + 1
        if self.cyclic:
            place = (place - 1) % self.count + 1
        if place < 1:
            return None
        return min(place, self.count) + self.offset

    @property
    def shift(self) -> int:
        """The number of a picture, less the scene's frame at which it is shown."""
        return self.offset + 1 - self.start

    def frame(self, number: int) -> int:
        """Give the scene's frame at which a picture is shown, the first one where it is shown again."""
        return number - self.shift


@dataclasses.dataclass(frozen=True)
class Footage:
    """Files that an Image or Movie Clip node shows.

    Attributes
    ----------
    pattern : str
        As the worker takes it, absolute.
    timing : Timing or None
        None for a single image.
    colorspace : str or None
        As Blender has it; None for data.
    size : tuple of int
        Width and height; 0 where Blender does not know.
    """

    pattern: str
    timing: Timing | None
    colorspace: str | None
    size: tuple[int, int]


def footage(node: bpy.types.Node, socket: dict[str, Any]) -> Footage | None:
    """Find the files behind the plate or the clean plate.

    Parameters
    ----------
    node : Node
        A Howard Matte.
    socket : dict
        The input, of the description.

    Returns
    -------
    Footage or None
        None where nothing is plugged in.

    Raises
    ------
    AddonError
        There are none behind it, or they are not there; the message says what to do.
    """
    label = socket["label"]
    plugged = source(node, socket)
    if plugged is None:
        return None
    shown = plugged.node
    if shown.bl_idname in _SHOWING and plugged.name not in _PICTURES:
        raise AddonError(
            f"{label} comes from the socket {plugged.name} of {shown.name}: plug in its image. "
            "For a layer of the file, name it in the sidebar (Howard, Frames)."
        )
    if shown.bl_idname == "CompositorNodeImage":
        return _of_image(label, shown)
    if shown.bl_idname == "CompositorNodeMovieClip":
        return _of_clip(label, shown)
    raise AddonError(
        f"{label} comes from the node {shown.name}, which has no file: plug in an Image or Movie "
        "Clip node directly. Render computed images to files first."
    )


def required(node: bpy.types.Node, name: str) -> Footage:
    """Find the files behind an input that must be plugged in, as `footage` does. Raises `AddonError`."""
    socket = description.inputs()[name]
    found = footage(node, socket)
    if found is None:
        raise AddonError(
            f"Nothing is plugged into {socket['label']}: plug in an Image or a Movie Clip node, "
            "or choose a file in the sidebar (Howard)."
        )
    return found


def is_still(node: bpy.types.Node) -> bool:
    """Tell whether the plate of a Howard Matte is a single image."""
    try:
        plate = footage(node, description.inputs()["plate"])
    except AddonError:  # said when the matte is pulled
        return False
    return plate is not None and plate.timing is None


def picture(node: bpy.types.Node) -> bpy.types.NodeSocket:
    """Give the picture of an Image node: a file of several layers has another socket for it."""
    return next(output for output in node.outputs if output.enabled and output.name in _PICTURES)


def play(node: bpy.types.Node, scene: bpy.types.Scene) -> None:
    """Have an Image node play its sequence or movie: one that is numbered as the scene keeps its numbers."""
    image = node.image
    if image.source == "MOVIE":
        node.frame_start, node.frame_duration = scene.frame_start, max(image.frame_duration, 1)
        node.frame_offset = 0
    elif image.source == "SEQUENCE":
        numbers = numbers_beside(os.path.normpath(bpy.path.abspath(image.filepath)))
        first, last = (numbers[0], numbers[-1]) if numbers else (1, 1)
        as_numbered = scene.frame_start <= first <= scene.frame_end
        node.frame_start = first if as_numbered else scene.frame_start
        node.frame_duration, node.frame_offset = last - first + 1, first - 1
    else:
        return
    node.use_auto_refresh = True


def plug(node: bpy.types.Node, label: str, image: bpy.types.Image, name: str) -> bpy.types.Node:
    """Show an image in the Image node that feeds an input; make one where there is none.

    Parameters
    ----------
    node : Node
        A Howard Matte.
    label : str
        Of the input.
    image : Image
        Any.
    name : str
        What the Image node is to say.

    Returns
    -------
    Node
        The Image node.
    """
    tree, socket = node.id_data, node.inputs[label]
    shown = socket.links[0].from_node if socket.links else None
    feeds = [link.to_socket for output in shown.outputs for link in output.links] if shown else []
    if shown is None or shown.bl_idname != "CompositorNodeImage" or feeds != [socket]:
        shown = tree.nodes.new("CompositorNodeImage")
        place = list(node.inputs).index(socket)
        shown.width = _WIDTH
        shown.location = (node.location.x - _WIDTH - 180, node.location.y + 160 - 480 * place)
        tree.nodes.active = node
        shown.select = False
    shown.label, shown.image = name, image
    tree.links.new(picture(shown), socket)
    return shown


def sequence_pattern(path: str) -> tuple[str, int]:
    """Split the name of a sequence's file.

    Parameters
    ----------
    path : str
        Any file of it, as /shots/plate.1001.exr.

    Returns
    -------
    pattern : str
        As the worker takes it: /shots/plate.####.exr.
    number : int
        Of the file that was named.

    Raises
    ------
    AddonError
        There is no number in the name.
    """
    folder, name = os.path.split(path)
    match = re.fullmatch(r"(.*?)(\d+)(\D*)", Path(name).stem)
    if match is None:
        raise AddonError(f"{path} is not part of a sequence: its name has no frame number.")
    head, digits, tail = match.groups()
    return f"{folder}/{head}{'#' * len(digits)}{tail}{Path(name).suffix}", int(digits)


def numbers_beside(path: str) -> list[int]:
    """List the numbers of the files that make a sequence with this one, sorted; empty where it has none."""
    try:
        pattern, _ = sequence_pattern(path)
    except AddonError:
        return []
    folder, name = os.path.split(pattern)
    head, tail = name.split("#", 1)[0], name.rsplit("#", 1)[1]
    digits = name.count("#", len(head), len(name) - len(tail))
    like = re.compile(re.escape(head) + rf"(\d{{{digits},}})" + re.escape(tail))
    found = (like.fullmatch(entry.name) for entry in Path(folder).iterdir())
    return sorted(int(match.group(1)) for match in found if match)


def result(node: bpy.types.Node, path: str, name: str, timing: Timing | None) -> None:
    """Have an Image node show a result, as it lies on disk now.

    Parameters
    ----------
    node : Node
        An Image node; it gets a socket for every layer of the file.
    path : str
        The file, or the first of the sequence; absolute, and it is there.
    name : str
        Of the image, where it is a new one.
    timing : Timing or None
        When which picture is shown; None for a single image.
    """
    kind = "FILE" if timing is None else "SEQUENCE"
    image = node.image
    if image is None or image.source != kind or not _same_files(image, path):
        image = bpy.data.images.load(path)
        image.name, image.source = name, kind
    # Of a sequence, Blender learns the layers from this file, so it must be one that is there.
    image.filepath = bpy.path.relpath(path) if bpy.data.filepath else path
    image.reload()
    node.image = image
    if timing is not None:
        time(node, timing)


def time(node: bpy.types.Node, timing: Timing) -> None:
    """Have an Image node show its sequence at these frames."""
    node.frame_start, node.frame_duration = timing.start, timing.count
    node.frame_offset, node.use_cyclic = timing.offset, timing.cyclic
    node.use_auto_refresh = True


def name(node: bpy.types.Node, socket: dict[str, Any]) -> str:
    """Name what is plugged into an input: its image or clip, else its node; empty for nothing."""
    plugged = source(node, socket)
    if plugged is None:
        return ""
    block = getattr(plugged.node, "image", None) or getattr(plugged.node, "clip", None)
    return (block or plugged.node).name


def source(node: bpy.types.Node, socket: dict[str, Any]) -> bpy.types.NodeSocket | None:
    """Give the output that is plugged into an input, followed back through reroutes."""
    plugged = node.inputs.get(socket["label"])
    while plugged is not None and plugged.is_linked and plugged.links:
        found = plugged.links[0].from_socket
        if found.node.bl_idname != "NodeReroute":
            return found
        plugged = found.node.inputs[0]
    return None


def frame_of(timing: Timing | None, number: int) -> int:
    """Give the scene's frame at which a picture is shown; of a single image, its number."""
    return number if timing is None else timing.frame(number)


def timing_of(node: bpy.types.Node) -> Timing:
    """Give when an Image node shows which picture of its sequence or movie."""
    return Timing(node.frame_start, max(node.frame_duration, 1), node.frame_offset, node.use_cyclic)


def _same_files(image: bpy.types.Image, path: str) -> bool:
    known = os.path.normpath(bpy.path.abspath(image.filepath))
    if image.source == "FILE":
        return known == os.path.normpath(path)
    return sequence_pattern(known)[0] == sequence_pattern(os.path.normpath(path))[0]


def _of_image(label: str, node: bpy.types.Node) -> Footage:
    image = node.image
    if image is None:
        raise AddonError(f"{label}: the Image node {node.name} has no image: choose one in it.")
    if image.packed_file or image.packed_files:
        raise AddonError(
            f"{label}: the image {image.name} is packed into the blend file: unpack it (File, External Data)."
        )
    if image.source not in ("FILE", "SEQUENCE", "MOVIE"):
        raise AddonError(
            f"{label}: the image {image.name} has not been saved: save it (Image Editor, Image, Save)."
        )
    if image.is_dirty:
        raise AddonError(
            f"{label}: the image {image.name} has unsaved changes: save it (Image Editor, Image, Save)."
        )
    path = _absolute(label, image)
    timing = None if image.source == "FILE" else timing_of(node)
    if image.source == "SEQUENCE":
        path = sequence_pattern(path)[0]
    return Footage(path, timing, _colorspace(image), tuple(image.size))


def _of_clip(label: str, node: bpy.types.Node) -> Footage:
    clip = node.clip
    if clip is None:
        raise AddonError(f"{label}: the Movie Clip node {node.name} has no clip: choose one in it.")
    path, offset = _absolute(label, clip), clip.frame_offset
    if clip.source == "SEQUENCE":
        path, first = sequence_pattern(path)
        offset += first - 1
    timing = Timing(clip.frame_start, max(clip.frame_duration, 1), offset)
    return Footage(path, timing, _colorspace(clip), tuple(clip.size))


def _absolute(label: str, block: Any) -> str:
    path = os.path.normpath(bpy.path.abspath(block.filepath, library=block.library))
    if not Path(path).is_absolute():
        raise AddonError(f"{label}: {block.filepath} is relative: save the blend file first.")
    # A movie that is named as a sequence would be looked for under the wrong name; and a file may be gone.
    if block.source != "SEQUENCE" and not Path(path).is_file():
        raise AddonError(f"{label}: {path} is missing: choose the file again in the node.")
    return path


def _colorspace(block: Any) -> str | None:
    settings = block.colorspace_settings
    return None if getattr(settings, "is_data", False) else settings.name
