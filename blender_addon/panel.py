# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sidebar of the node editor: files, the button, and the knobs in their groups."""

from __future__ import annotations

import itertools
from typing import Any

import bpy

from . import description, group, nodes, paint, pull, waiting
from .errors import AddonError

__all__ = ["register", "unregister"]

_OPEN_GROUPS = ("Quality", "Refinement")


class MattePanel(bpy.types.Panel):
    """A Howard Matte's settings."""

    bl_idname = "HOWARD_PT_matte"
    bl_label = "Howard Matte"
    bl_space_type = "NODE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Howard"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Compositors only."""
        return context.space_data.tree_type == "CompositorNodeTree"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw it for the active node, else for the only one there is."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        try:
            node = group.find("", context)
        except AddonError as error:
            _lines(layout, str(error))
            layout.operator(nodes.AddMatte.bl_idname, icon="ADD", text="Add Howard Matte")
            return
        tree = node.node_tree
        _plates(layout, node)
        _button(layout, tree)
        _lines(layout, tree.howard.status)
        for output in paint.PAINTED:
            text = f"Paint {description.outputs()[output]['label']}"
            button = layout.operator(paint.PaintOverride.bl_idname, icon="BRUSH_DATA", text=text)
            button.group, button.output = tree.name, output
        _knobs(layout, tree.howard)
        header, body = layout.panel("howard_results", default_closed=True)
        header.label(text="Results")
        if body is not None:
            body.prop(tree.howard, "folder")
            body.prop(tree.howard, "more_layers")


def register() -> None:
    """Register the panel, and show progress in the header."""
    bpy.utils.register_class(MattePanel)
    bpy.types.NODE_HT_header.append(_header)


def unregister() -> None:
    """Take them back."""
    bpy.types.NODE_HT_header.remove(_header)
    bpy.utils.unregister_class(MattePanel)


def _plates(layout: bpy.types.UILayout, node: bpy.types.Node) -> None:
    for name, socket in description.inputs().items():
        if not socket["required"]:
            continue
        row = layout.row(align=True)
        linked = socket["label"] in node.inputs and node.inputs[socket["label"]].is_linked
        row.label(text=socket["label"], icon="CHECKMARK" if linked else "ERROR")
        opened = row.operator(nodes.OpenInput.bl_idname, icon="FILE_FOLDER", text="Open")
        opened.group, opened.socket = node.node_tree.name, name


def _button(layout: bpy.types.UILayout, tree: bpy.types.NodeTree) -> None:
    if pull.is_running(tree):
        done = waiting.progress() or (0.0, "")
        layout.progress(factor=done[0], text=done[1])
        layout.operator(pull.CancelPull.bl_idname, icon="CANCEL").group = tree.name
        return
    layout.label(text="Pull Matte")
    row = layout.row(align=True)
    row.scale_y = 1.4
    for frames, text in (("CURRENT", "This Frame"), ("RANGE", "Frame Range")):
        button = row.operator(pull.PullMatte.bl_idname, text=text)
        button.group, button.frames = tree.name, frames


def _knobs(layout: bpy.types.UILayout, settings: Any) -> None:
    shown = sorted(description.shown(), key=_place)
    for name, knobs in itertools.groupby(shown, key=lambda knob: knob["group"]):
        header, body = layout.panel(f"howard_{name}", default_closed=name not in _OPEN_GROUPS)
        header.label(text=name)
        if body is None:
            continue
        for knob in knobs:
            if not knob["automatic"]:
                body.prop(settings, knob["name"])
                continue
            automatic = knob["name"] + description.AUTOMATIC
            body.row(heading=knob["label"]).prop(settings, automatic, text="Automatic")
            if not getattr(settings, automatic):
                body.prop(settings, knob["name"])


def _place(knob: dict[str, Any]) -> int:
    """Keep groups in the order in which they first come."""
    groups = list(dict.fromkeys(one["group"] for one in description.shown()))
    return groups.index(knob["group"])


def _header(self: bpy.types.Header, context: bpy.types.Context) -> None:
    done = waiting.progress()
    if done is not None and context.space_data.tree_type == "CompositorNodeTree":
        self.layout.progress(factor=done[0], text=f"Howard: {done[1]}")
        self.layout.operator(pull.CancelPull.bl_idname, icon="CANCEL", text="")


def _lines(layout: bpy.types.UILayout, text: str) -> None:
    column = layout.column(align=True)
    column.scale_y = 0.8
    for line in text.splitlines():
        column.label(text=line)
