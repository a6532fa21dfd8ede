# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Painting an override: an image that starts as what Howard saw, plugged in and ready for the brush."""

from __future__ import annotations

import functools
from pathlib import Path

import bpy
from bpy.props import EnumProperty, StringProperty

from . import baking, description, editors, group, images, pull, versions
from .errors import AddonError

__all__ = ["PAINTED", "PaintOverride", "UnplugOverride", "painted", "register", "unregister"]

PAINTED = {"coarse_matte": "coarse_override", "error_map": "error_override"}
"""Outputs that can be painted over, and the inputs that take them back."""

_FRAME = "howard_painted_frame"


def painted(node: bpy.types.Node, output: str) -> tuple[int, bool] | None:
    """Tell of the painted override that is plugged in.

    Parameters
    ----------
    node : Node
        A Howard Matte.
    output : str
        Of `PAINTED`.

    Returns
    -------
    tuple of int and bool, or None
        The frame on which it was painted, and whether it has strokes that are not in its file; None where
        nothing painted is plugged in.
    """
    image = _image(node, output)
    return None if image is None else (image[_FRAME], image.is_dirty)


class PaintOverride(bpy.types.Operator):
    """Paint over a pass."""

    bl_idname = "howard.paint_override"
    bl_label = "Paint Override"
    bl_description = (
        "Make an image of this frame's result, plug it into the override, and paint on it. It is "
        "used for every frame pulled while it is plugged in"
    )
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012
    __annotations__ = {
        "group": StringProperty(options={"HIDDEN", "SKIP_SAVE"}),
        "output": EnumProperty(
            name="Pass", items=[(name, description.outputs()[name]["label"], "") for name in PAINTED]
        ),
    }

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Make the image, and show it in an Image Editor."""
        try:
            image = _painted(group.find(self.group, context), self.output, context.scene.frame_current)
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        _show(context, image)
        return {"FINISHED"}


class UnplugOverride(bpy.types.Operator):
    """Unplug an override."""

    bl_idname = "howard.unplug_override"
    bl_label = "Unplug"
    bl_description = "Unplug the painted override; its node and file stay, to be plugged in again"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012
    __annotations__ = {
        "group": StringProperty(options={"HIDDEN", "SKIP_SAVE"}),
        "output": PaintOverride.__annotations__["output"],
    }

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Save what is painted, and remove the link."""
        try:
            node = group.find(self.group, context)
            _keep(node, self.output)
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        for link in node.inputs[description.inputs()[PAINTED[self.output]]["label"]].links:
            node.id_data.links.remove(link)
        return {"FINISHED"}


def register() -> None:
    """Register the operators."""
    bpy.utils.register_class(PaintOverride)
    bpy.utils.register_class(UnplugOverride)


def unregister() -> None:
    """Take them back."""
    bpy.utils.unregister_class(UnplugOverride)
    bpy.utils.unregister_class(PaintOverride)


def _image(node: bpy.types.Node, output: str) -> bpy.types.Image | None:
    """Give the painted image that is plugged in."""
    plugged = images.source(node, description.inputs()[PAINTED[output]])
    image = getattr(plugged.node, "image", None) if plugged is not None else None
    return None if image is None or _FRAME not in image else image


def _keep(node: bpy.types.Node, output: str) -> None:
    """Save the painted image before it is unplugged: an image that nothing uses is not asked about."""
    image = _image(node, output)
    if image is None or not image.is_dirty:
        return
    try:
        image.save()
    except RuntimeError as error:
        raise AddonError(f"{image.filepath} could not be saved: {error}") from error


def _show(context: bpy.types.Context, image: bpy.types.Image) -> None:
    """Have an Image Editor paint on it; without a window nothing is done."""
    if context.area is None or context.area.type != "NODE_EDITOR":
        return
    area = editors.best(context, _rank) or editors.opened_beside(context)
    space = area.spaces.active
    space.image, space.ui_mode = image, "PAINT"
    versions.hide_uvs(space)
    # By then the brushes have taken their part of the editor.
    fit = functools.partial(editors.show_all, image.name, _rank)
    bpy.app.timers.register(fit, first_interval=0.3)


def _rank(space: bpy.types.SpaceImageEditor) -> int:
    """Prefer the editor in which the artist paints; the one with the viewer is to go on showing it."""
    return 0 if editors.shows_viewer(space) else 1 + (space.ui_mode == "PAINT")


def _painted(node: bpy.types.Node, output: str, frame: int) -> bpy.types.Image:
    label = description.outputs()[output]["label"]
    shown = group.shown_size(node.node_tree)
    if shown is None:
        raise AddonError(f"No {label} to paint on yet: pull the matte of this frame first.")
    _keep(node, output)
    path = _unused(pull.folder(node.node_tree) / "painted", f"{output}.{frame:04d}")
    baking.bake(node.outputs[label], [(frame, path)], shown)
    image = bpy.data.images.load(str(path))
    # Numbers, not colours; set before anything is painted.
    image.colorspace_settings.is_data = True
    image[_FRAME] = frame
    if bpy.data.filepath:
        image.filepath = bpy.path.relpath(str(path))
    socket = description.inputs()[PAINTED[output]]
    images.plug(node, socket["label"], image, f"Painted {label}")
    return image


def _unused(folder: Path, stem: str) -> Path:
    """Name a file that is not there: what was painted before stays."""
    path, take = folder / f"{stem}.exr", 1
    while path.exists():
        take += 1
        path = folder / f"{stem}_{take}.exr"
    return path
