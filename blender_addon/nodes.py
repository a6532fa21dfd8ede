# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adding a Howard Matte, and picking its files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import bpy
from bpy.props import BoolProperty, StringProperty

from . import description, group, images, versions
from .errors import AddonError

__all__ = ["AddMatte", "OpenInput", "register", "unregister"]

_WIDTH = 220


class AddMatte(bpy.types.Operator):
    """Add the node."""

    bl_idname = "howard.add_matte"
    bl_label = "Howard Matte"
    bl_description = "Add a Howard Matte: a plate and a clean plate in, a matte out"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add it where the artist is, else to the scene's compositor."""
        space = context.space_data if getattr(context.space_data, "type", "") == "NODE_EDITOR" else None
        tree = getattr(space, "edit_tree", None)
        if tree is None or tree.bl_idname != "CompositorNodeTree":
            tree = versions.compositor_tree(context.scene, create=True)
        for node in tree.nodes:
            node.select = False
        made = tree.nodes.new("CompositorNodeGroup")
        made.node_tree = group.create()
        made.name, made.width = description.load()["label"], _WIDTH
        made.select, tree.nodes.active = True, made
        if space is not None:
            made.location = space.cursor_location
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Add it, and let it hang on the cursor."""
        done = self.execute(context)
        if getattr(context.space_data, "type", "") == "NODE_EDITOR":
            bpy.ops.node.translate_attach_remove_on_cancel("INVOKE_DEFAULT")
        return done


class OpenInput(bpy.types.Operator):
    """Choose the files of an input."""

    bl_idname = "howard.open_input"
    bl_label = "Open"
    bl_description = "Choose a picture, any picture of a sequence, or a movie"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012
    __annotations__ = {
        "group": StringProperty(options={"HIDDEN", "SKIP_SAVE"}),
        "socket": StringProperty(name="Input", default="plate", options={"HIDDEN", "SKIP_SAVE"}),
        "filepath": StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"}),
        "sequence": BoolProperty(
            name="Sequence", description="With the files that are numbered like this one", default=True
        ),
        "filter_image": BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"}),
        "filter_movie": BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"}),
        "filter_folder": BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"}),
    }

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Show the files in an Image node, and plug it in."""
        try:
            node = group.find(self.group, context)
            label = description.inputs()[self.socket]["label"]
            path = os.path.normpath(bpy.path.abspath(self.filepath))
            if not Path(path).is_file():
                raise AddonError(f"{path} is no file: choose one.")
            _plug(node, label, path, context.scene, sequence=self.sequence)
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the file."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}


def register() -> None:
    """Register the operators."""
    bpy.utils.register_class(AddMatte)
    bpy.utils.register_class(OpenInput)


def unregister() -> None:
    """Take them back."""
    bpy.utils.unregister_class(OpenInput)
    bpy.utils.unregister_class(AddMatte)


def _plug(node: bpy.types.Node, label: str, path: str, scene: bpy.types.Scene, *, sequence: bool) -> None:
    try:
        image = bpy.data.images.load(path, check_existing=True)
    except RuntimeError as error:
        raise AddonError(f"{path} cannot be opened: {error}") from error
    numbers = images.numbers_beside(path) if sequence and image.source != "MOVIE" else []
    if len(numbers) > 1:
        image.source = "SEQUENCE"
    source = images.plug(node, label, image, label)
    timing = _timing(image, numbers, scene)
    if timing is not None:
        source.frame_start, source.frame_duration, source.frame_offset = timing
        source.use_auto_refresh = True


def _timing(image: Any, numbers: list[int], scene: bpy.types.Scene) -> tuple[int, int, int] | None:
    """Give start, length and offset: a shot that is numbered as the scene keeps its numbers."""
    if image.source == "MOVIE":
        return scene.frame_start, max(image.frame_duration, 1), 0
    if image.source != "SEQUENCE":
        return None
    first, count = numbers[0], numbers[-1] - numbers[0] + 1
    start = first if scene.frame_start <= first <= scene.frame_end else scene.frame_start
    return start, count, first - 1
