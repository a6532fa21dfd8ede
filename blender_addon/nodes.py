# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adding a Howard Matte, and picking its files."""

from __future__ import annotations

import os
from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from . import description, group, images, overlays, versions
from .errors import AddonError

__all__ = [
    "AddCheckerboard",
    "AddErrorHeat",
    "AddMatte",
    "MatchPlate",
    "OpenInput",
    "register",
    "unmatched",
    "unregister",
]


def unmatched(node: bpy.types.Node, scene: bpy.types.Scene) -> images.Footage | None:
    """Give the plate of a Howard Matte where the scene has another size or other frames, else None."""
    try:
        plate = images.footage(node, description.inputs()["plate"])
    except AddonError:  # said when the matte is pulled
        return None
    if plate is None or not all(plate.size):
        return None
    differs = plate.size != (scene.render.resolution_x, scene.render.resolution_y)
    if plate.timing is not None:
        differs |= (plate.timing.start, plate.timing.end) != (scene.frame_start, scene.frame_end)
    return plate if differs else None


class _Adding:
    """An operator that has `make`."""

    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012

    def make(self, tree: bpy.types.NodeTree, scene: bpy.types.Scene) -> bpy.types.Node:
        """Make the node."""
        raise NotImplementedError

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add it where the artist is, else to the scene's compositor."""
        space = context.space_data if getattr(context.space_data, "type", "") == "NODE_EDITOR" else None
        tree = getattr(space, "edit_tree", None)
        if tree is None or tree.bl_idname != "CompositorNodeTree":
            tree = versions.compositor_tree(context.scene, create=True)
            assert tree is not None
        for node in tree.nodes:
            node.select = False
        made = self.make(tree, context.scene)
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


class AddMatte(_Adding, bpy.types.Operator):
    """Add a Howard Matte."""

    bl_idname = "howard.add_matte"
    bl_label = "Howard Matte"
    bl_description = "Add a Howard Matte: a plate and a clean plate in, a matte out"

    def make(self, tree: bpy.types.NodeTree, _scene: bpy.types.Scene) -> bpy.types.Node:
        """Make it with a group of its own."""
        return group.add(tree)


class AddErrorHeat(_Adding, bpy.types.Operator):
    """Add the heat overlay."""

    bl_idname = "howard.add_error_heat"
    bl_label = overlays.ERROR_HEAT
    bl_description = (
        "Add a node that shows an error map as heat colours over its plate; it renders without the add-on"
    )

    def make(self, tree: bpy.types.NodeTree, _scene: bpy.types.Scene) -> bpy.types.Node:
        """Make it with the group that all share."""
        return overlays.add(tree, overlays.error_heat())


class AddCheckerboard(_Adding, bpy.types.Operator):
    """Add the checkerboard."""

    bl_idname = "howard.add_checkerboard"
    bl_label = overlays.CHECKERBOARD
    bl_description = (
        "Add a node that puts an image over a checkerboard of the scene's size; it renders without the add-on"
    )

    def make(self, tree: bpy.types.NodeTree, scene: bpy.types.Scene) -> bpy.types.Node:
        """Make it with the group for this size."""
        size = scene.render.resolution_x, scene.render.resolution_y
        return overlays.add(tree, overlays.checkerboard(size))


class OpenInput(bpy.types.Operator):
    """Choose the files of an input."""

    bl_idname = "howard.open_input"
    bl_label = "Open"
    bl_description = "Choose an image, any frame of a sequence, or a movie"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012
    __annotations__ = {
        "group": StringProperty(options={"HIDDEN", "SKIP_SAVE"}),
        "socket": StringProperty(name="Input", default="plate", options={"HIDDEN", "SKIP_SAVE"}),
        "filepath": StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"}),
        "sequence": BoolProperty(
            name="Sequence", description="Include the other frames of the sequence", default=True
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
                raise AddonError(f"{path} is not a file: choose one.")
            _plug(node, label, path, context.scene, sequence=self.sequence)
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the file."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}


class MatchPlate(bpy.types.Operator):
    """Make the scene fit the plate."""

    bl_idname = "howard.match_plate"
    bl_label = "Use the Plate's Size"
    bl_description = (
        "Set the scene's resolution to the plate's; for a sequence or a movie, the frame range too"
    )
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012
    __annotations__ = {"group": StringProperty(options={"HIDDEN", "SKIP_SAVE"})}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set size and frames."""
        scene = context.scene
        try:
            plate = unmatched(group.find(self.group, context), scene)
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if plate is None:
            return {"FINISHED"}
        scene.render.resolution_x, scene.render.resolution_y = plate.size
        if plate.timing is not None:
            scene.frame_start, scene.frame_end = plate.timing.start, plate.timing.end
            scene.frame_set(min(max(scene.frame_current, plate.timing.start), plate.timing.end))
        return {"FINISHED"}


def register() -> None:
    """Register the operators."""
    for operator in _OPERATORS:
        bpy.utils.register_class(operator)


def unregister() -> None:
    """Take them back."""
    for operator in reversed(_OPERATORS):
        bpy.utils.unregister_class(operator)


def _plug(node: bpy.types.Node, label: str, path: str, scene: bpy.types.Scene, *, sequence: bool) -> None:
    try:
        image = bpy.data.images.load(path, check_existing=True)
    except RuntimeError as error:
        raise AddonError(f"{path} cannot be opened: {error}") from error
    numbers = images.numbers_beside(path) if sequence and image.source != "MOVIE" else []
    if len(numbers) > 1:
        image.source = "SEQUENCE"
    images.play(images.plug(node, label, image, label), scene)


_OPERATORS = (AddMatte, AddErrorHeat, AddCheckerboard, OpenInput, MatchPlate)
