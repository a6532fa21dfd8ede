# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Painting over a pass: an image a frame, that starts as what Howard saw, ready for the brush."""

from __future__ import annotations

import functools
from pathlib import Path

import bpy
from bpy.props import EnumProperty, IntProperty, StringProperty

from . import baking, description, editors, folders, group, images, strokes, versions
from .errors import AddonError

__all__ = ["PaintOverride", "RemovePainted", "register", "unregister"]


class PaintOverride(bpy.types.Operator):
    """Paint over a pass."""

    bl_idname = "howard.paint_override"
    bl_label = "Paint Override"
    bl_description = (
        "Paint on this frame's result: what you change is used when this frame is pulled again, or in as "
        "many frames as you say"
    )
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012
    __annotations__ = {
        "group": StringProperty(options={"HIDDEN", "SKIP_SAVE"}),
        "output": EnumProperty(
            name="Pass", items=[(name, description.outputs()[name]["label"], "") for name in strokes.PAINTED]
        ),
    }

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Give this frame's image, a new one where it has none, and show it in an Image Editor."""
        frame = context.scene.frame_current
        try:
            node = group.find(self.group, context)
            painted = strokes.covering(node.node_tree, self.output)
            there = next((one for one in painted if one.frame == frame), None)
            image = there.image if there is not None else _begun(node, self.output, frame)
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        _show(context, image)
        return {"FINISHED"}


class RemovePainted(bpy.types.Operator):
    """Take a painted image out."""

    bl_idname = "howard.remove_painted"
    bl_label = "Remove"
    bl_description = "No longer use what was painted here; its file stays beside the result"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012
    __annotations__ = {
        "group": StringProperty(options={"HIDDEN", "SKIP_SAVE"}),
        "place": IntProperty(name="Place", description="Which of the painted images", min=0),
    }

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Save what is painted, and forget it."""
        try:
            painted = group.find(self.group, context).node_tree.howard.painted
            if self.place >= len(painted):
                raise AddonError("There is no such painted image.")
            image = painted[self.place].image
            if image is not None:
                strokes.keep(image)
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        painted.remove(self.place)
        return {"FINISHED"}


def register() -> None:
    """Register the operators."""
    bpy.utils.register_class(PaintOverride)
    bpy.utils.register_class(RemovePainted)


def unregister() -> None:
    """Take them back."""
    bpy.utils.unregister_class(RemovePainted)
    bpy.utils.unregister_class(PaintOverride)


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


def _begun(node: bpy.types.Node, output: str, frame: int) -> bpy.types.Image:
    tree, label = node.node_tree, description.outputs()[output]["label"]
    shown = group.shown_size(tree)
    if shown is None:
        raise AddonError(f"No {label} to paint on yet: pull the matte of this frame first.")
    path = _unused(folders.folder(tree) / "painted", f"{output}.{frame:04d}")
    baking.bake(node.outputs[label], [(frame, path)], shown)
    strokes.begin(path)
    image = bpy.data.images.load(str(path))
    # Numbers, not colours; set before anything is painted.
    image.colorspace_settings.is_data = True
    if bpy.data.filepath:
        image.filepath = bpy.path.relpath(str(path))
    made = tree.howard.painted.add()
    made.image, made.output, made.frame, made.first, made.last = image, output, frame, frame, frame
    made.name = f"{label}, frame {frame}"
    if images.is_still(node):
        made.used = "ALL"
    return image


def _unused(folder: Path, stem: str) -> Path:
    """Name a file that is not there: what was painted before stays."""
    path, take = folder / f"{stem}.exr", 1
    while path.exists():
        take += 1
        path = folder / f"{stem}_{take}.exr"
    return path
