# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Painting an override: an image that starts as what Howard saw, plugged in and ready for the brush."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import EnumProperty, StringProperty

from . import baking, description, group, images, pull
from .errors import AddonError

__all__ = ["PAINTED", "PaintOverride", "register", "unregister"]

PAINTED = {"coarse_matte": "coarse_override", "error_map": "error_override"}
"""Outputs that can be painted over, and the inputs that take them back."""


class PaintOverride(bpy.types.Operator):
    """Paint over a pass."""

    bl_idname = "howard.paint_override"
    bl_label = "Paint Override"
    bl_description = (
        "Make an image of what the node shows at this frame, plug it into the override, and paint on it. "
        "It counts for all frames that are pulled while it is plugged in"
    )
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012
    __annotations__ = {
        "group": StringProperty(options={"HIDDEN", "SKIP_SAVE"}),
        "output": EnumProperty(
            name="Pass", items=[(name, description.outputs()[name]["label"], "") for name in PAINTED]
        ),
    }

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Make the image, and show it in an image editor where one is open."""
        try:
            image = _painted(group.find(self.group, context), self.output, context.scene.frame_current)
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        for area in context.screen.areas if context.screen else ():
            if area.type == "IMAGE_EDITOR":
                area.spaces.active.image, area.spaces.active.ui_mode = image, "PAINT"
                break
        return {"FINISHED"}


def register() -> None:
    """Register the operator."""
    bpy.utils.register_class(PaintOverride)


def unregister() -> None:
    """Take it back."""
    bpy.utils.unregister_class(PaintOverride)


def _painted(node: bpy.types.Node, output: str, frame: int) -> bpy.types.Image:
    label = description.outputs()[output]["label"]
    shown = group.shown_size(node.node_tree)
    if shown is None:
        raise AddonError(f"There is no {label} to paint on yet: pull the matte of this frame first.")
    path = _unused(pull.folder(node.node_tree) / "painted", f"{output}.{frame:04d}")
    baking.bake(node.outputs[label], [(frame, path)], shown)
    image = bpy.data.images.load(str(path))
    # Numbers, not colours; set before anything is painted.
    image.colorspace_settings.is_data = True
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
