# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an artist painted over a pass: what was changed of it, for the frames that it is meant for."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import bpy
from bpy.props import EnumProperty, IntProperty, PointerProperty, StringProperty

from . import description
from .errors import AddonError

try:
    import numpy as np
except ImportError:  # Blender brings it; a distribution's own Blender may leave it out
    np = None  # type: ignore[assignment]

__all__ = ["PAINTED", "PROPERTIES", "begin", "covering", "covers", "is_for", "keep", "write"]

PAINTED = {"coarse_matte": "coarse_override", "error_map": "error_override"}
"""Outputs that can be painted over, and the inputs that take them back."""

_OUTPUTS = {name: output for output, name in PAINTED.items()}

_BEGUN = 1 - 1 / 128
"""Alpha of what was not painted on: too near 1 to be seen, and every stroke takes it on towards 1."""

_LEAST = 0.01  # of a stroke, below which nothing was painted

PROPERTIES = {
    "image": PointerProperty(type=bpy.types.Image, name="Image", description="What was painted"),
    "output": StringProperty(name="Pass"),
    "frame": IntProperty(name="Frame", description="The frame on which it was painted"),
    "used": EnumProperty(
        name="Used For",
        description="Frames for which the strokes are used",
        items=(
            ("FRAME", "This Frame", "The frame on which it was painted"),
            ("RANGE", "Frames", "The strokes in a range of frames; the rest of each stays its own"),
            ("ALL", "Every Frame", "The strokes in every frame; the rest of each stays its own"),
        ),
        default="FRAME",
    ),
    "first": IntProperty(name="First", description="First frame for which the strokes are used"),
    "last": IntProperty(name="Last", description="Last frame for which the strokes are used"),
}
"""Of a painted image of a pass: the image, and the frames that it is for."""


def covers(painted: Any, frame: int) -> bool:
    """Tell whether what was painted is for a frame of the scene."""
    if painted.used == "RANGE":
        return painted.first <= frame <= painted.last
    return painted.used == "ALL" or frame == painted.frame


def covering(tree: bpy.types.NodeTree, output: str, frame: int | None = None) -> list[Any]:
    """List what was painted over a pass.

    Parameters
    ----------
    tree : NodeTree
        Of a Howard Matte.
    output : str
        Of `PAINTED`.
    frame : int, optional
        Only what is for this frame of the scene.

    Returns
    -------
    list
        Entries of the tree's `howard.painted`, in the order in which they were begun, later strokes on top;
        without those whose image was removed.
    """
    return [
        one
        for one in tree.howard.painted
        if one.output == output and one.image is not None and (frame is None or covers(one, frame))
    ]


def is_for(tree: bpy.types.NodeTree, name: str, frames: Iterable[int]) -> bool:
    """Tell whether something was painted for an input and one of these frames of the scene."""
    return name in _OUTPUTS and any(covering(tree, _OUTPUTS[name], frame) for frame in frames)


def begin(path: Path) -> None:
    """Make a file of a pass one to paint on, and keep beside it what it began as. Raises `AddonError`."""
    _need_numpy()
    pixels = _load(path)
    pixels[..., 3] = 1
    _save(path, pixels * np.float32(_BEGUN))
    shutil.copyfile(path, _start_of(path))


def keep(image: bpy.types.Image) -> None:
    """Save what is painted, as an image that is not saved is lost with Blender's end. Raises `AddonError`."""
    if not image.is_dirty:
        return
    try:
        image.save()
    except RuntimeError as error:
        raise AddonError(f"{image.filepath} could not be saved: {error}") from error


def write(
    paths: dict[int, Path],
    shown: dict[int, int],
    tree: bpy.types.NodeTree,
    name: str,
    size: tuple[int, int],
    *,
    is_baked: bool,
) -> None:
    """Write an override of strokes: premultiplied, with an alpha that says where something was painted.

    Parameters
    ----------
    paths : dict of int to Path
        By the plate's number.
    shown : dict of int to int
        For each number the frame of the scene.
    tree : NodeTree
        Of a Howard Matte.
    name : str
        The input.
    size : tuple of int
        Width and height, of the plate.
    is_baked : bool
        The files hold what is plugged into the input, RGBA: that is painted over.

    Raises
    ------
    AddonError
        A painted image is of another size or gone, or a file cannot be written.
    """
    _need_numpy()
    output = _OUTPUTS[name]
    known: dict[str, np.ndarray] = {}
    empty: Path | None = None
    for number, path in sorted(paths.items()):
        parts = covering(tree, output, shown[number])
        if not parts and is_baked:
            continue
        if not parts and empty is not None:
            shutil.copyfile(empty, path)
            continue
        pixels = _load(path) if is_baked else np.zeros((size[1], size[0], 4), np.float32)
        for one in parts:
            if one.image.name not in known:
                known[one.image.name] = _strokes(one.image, name)
            strokes = known[one.image.name]
            if strokes.shape != pixels.shape:
                raise AddonError(
                    f"{one.image.name} was painted at {strokes.shape[1]} x {strokes.shape[0]}, the plate is "
                    f"{size[0]} x {size[1]}: remove it, and paint again."
                )
            pixels = strokes + pixels * (1 - strokes[..., 3:])
        _save(path, pixels)
        empty = empty or (None if parts else path)


def _strokes(image: bpy.types.Image, name: str) -> np.ndarray:
    """Height, width, RGBA premultiplied: the strokes alone, without what they were painted on."""
    path = Path(bpy.path.abspath(image.filepath, library=image.library))
    if not image.has_data:
        label = description.inputs()[name]["label"]
        raise AddonError(f"{path} is missing: restore it, or remove it from {label} in the sidebar (Howard).")
    pixels = _pixels(image)
    value, alpha = pixels[..., 0], pixels[..., 3]
    if not _start_of(path).is_file():
        return np.stack([value, value, value, np.ones_like(value)], -1)
    began = _load(_start_of(path))[..., 0]
    if began.shape != value.shape:
        raise AddonError(f"{path} and {_start_of(path)} differ in size: remove both, and paint again.")
    stroke = np.clip((alpha - _BEGUN) / (1 - _BEGUN), 0, 1)
    # A brush that spares alpha leaves no other trace than lighter or darker.
    change = (value - began) * (stroke < _LEAST)
    lighter, darker = change / np.maximum(1 - began, _LEAST), -change / np.maximum(began, _LEAST)
    stroke = np.clip(np.maximum(stroke, np.maximum(lighter, darker)), 0, 1)
    stroke[stroke < _LEAST] = 0
    color = np.clip(value - (1 - stroke) * began, 0, stroke)
    return np.stack([color, color, color, stroke], -1).astype(np.float32)


def _need_numpy() -> None:
    if np is None:
        raise AddonError(
            "Painting needs numpy, which Blender brings along, but this one's Python lacks: install it "
            "(on Debian the package python3-numpy), or use Blender from blender.org."
        )


def _start_of(path: Path) -> Path:
    return path.with_name(f"{path.stem}.start{path.suffix}")


def _pixels(image: bpy.types.Image) -> np.ndarray:
    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    return pixels.reshape(height, width, 4)


def _load(path: Path) -> np.ndarray:
    with _borrowed(bpy.data.images.load(str(path))) as image:
        image.colorspace_settings.is_data = True
        return _pixels(image)


def _save(path: Path, pixels: np.ndarray) -> None:
    height, width, _ = pixels.shape
    made = bpy.data.images.new("Howard", width, height, alpha=True, float_buffer=True, is_data=True)
    with _borrowed(made) as image:
        image.alpha_mode = "PREMUL"
        image.pixels.foreach_set(np.ascontiguousarray(pixels, np.float32).ravel())
        image.file_format, image.filepath_raw = "OPEN_EXR", str(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save()
        except (OSError, RuntimeError) as error:
            raise AddonError(
                f"{path} could not be written: choose another folder for the results."
            ) from error


@contextlib.contextmanager
def _borrowed(image: bpy.types.Image) -> Iterator[Any]:
    try:
        yield image
    finally:
        bpy.data.images.remove(image)
