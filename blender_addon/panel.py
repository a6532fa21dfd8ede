# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sidebar of the node editor: files, the button, previews, and the knobs in their groups."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable
from typing import Any

import bpy

from . import description, folders, images, nodes, preview, pull, sections, waiting
from .errors import AddonError
from .shot_panels import CleanPlatePanel, OverridesPanel, VerdictsPanel

__all__ = ["register", "unregister"]

_OPEN_GROUPS = ("Quality", "Refinement")


class MattePanel(sections.Section, bpy.types.Panel):
    """Plates, the button, and how it went."""

    bl_idname = "HOWARD_PT_matte"
    bl_label = "Howard Matte"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """All compositors."""
        return sections.is_compositor(context)

    def draw(self: Any, context: bpy.types.Context) -> None:
        """Draw it, or a way to add a matte."""
        try:
            sections.Section.draw(self, context)
        except AddonError as error:
            sections.lines(context, self.layout, str(error))
            self.layout.operator(nodes.AddMatte.bl_idname, icon="ADD", text="Add Howard Matte")

    def draw_matte(
        self, context: bpy.types.Context, layout: bpy.types.UILayout, node: bpy.types.Node
    ) -> None:
        """Draw them."""
        _plates(context, layout, node)
        _button(layout, node.node_tree)
        sections.lines(context, layout, node.node_tree.howard.status)


class PreviewPanel(sections.Section, bpy.types.Panel):
    """What the viewer shows."""

    bl_idname = "HOWARD_PT_preview"
    bl_label = "Howard Preview"

    def draw_matte(
        self, _context: bpy.types.Context, layout: bpy.types.UILayout, node: bpy.types.Node
    ) -> None:
        """Draw the buttons; the one whose preview is shown is pressed."""
        shown = preview.current(node)
        grid = layout.grid_flow(row_major=True, columns=2, even_columns=True, align=True)
        for name, kind in preview.PREVIEWS.items():
            button = grid.operator(preview.Preview.bl_idname, text=kind.label, depress=name == shown)
            button.group, button.what = node.node_tree.name, name
        if shown == preview.BACKGROUND:
            layout.template_ID(node.node_tree, "howard_background", open="image.open")
        if shown == preview.WIPE:
            layout.prop(node.node_tree, "howard_wipe", slider=True)


class SettingsPanel(sections.Section, bpy.types.Panel):
    """The knobs."""

    bl_idname = "HOWARD_PT_settings"
    bl_label = "Howard Settings"

    def draw_matte(
        self, _context: bpy.types.Context, layout: bpy.types.UILayout, node: bpy.types.Node
    ) -> None:
        """Draw the knobs in their groups."""
        settings = node.node_tree.howard
        shown = sorted(description.shown(), key=_place)
        for name, knobs in itertools.groupby(shown, key=lambda knob: knob["group"]):
            header, body = layout.panel(f"howard_{name}", default_closed=name not in _OPEN_GROUPS)
            header.label(text=name)
            if body is not None:
                _knobs(body, settings, knobs)


class ResultsPanel(sections.Section, bpy.types.Panel):
    """Where results go."""

    bl_idname = "HOWARD_PT_results"
    bl_label = "Howard Results"
    bl_options = {"DEFAULT_CLOSED"}  # noqa: RUF012

    def draw_matte(
        self, _context: bpy.types.Context, layout: bpy.types.UILayout, node: bpy.types.Node
    ) -> None:
        """Draw the folder, and a way into it."""
        layout.prop(node.node_tree.howard, "folder")
        layout.prop(node.node_tree.howard, "more_layers")
        with contextlib.suppress(AddonError):  # the file is not saved yet
            folder = folders.folder(node.node_tree)
            if folder.is_dir():
                layout.operator("wm.path_open", icon="FILE_FOLDER", text="Open Folder").filepath = str(folder)


_PANELS = (
    MattePanel,
    PreviewPanel,
    CleanPlatePanel,
    VerdictsPanel,
    OverridesPanel,
    SettingsPanel,
    ResultsPanel,
)


def register() -> None:
    """Register the panels, and show progress in the header."""
    for place, panel in enumerate(_PANELS):
        panel.bl_order = place
        bpy.utils.register_class(panel)
    bpy.types.NODE_HT_header.append(_header)


def unregister() -> None:
    """Take them back."""
    bpy.types.NODE_HT_header.remove(_header)
    for panel in reversed(_PANELS):
        bpy.utils.unregister_class(panel)


def _plates(context: bpy.types.Context, layout: bpy.types.UILayout, node: bpy.types.Node) -> None:
    for name, socket in description.inputs().items():
        if not socket["required"]:
            continue
        shown = images.name(node, socket)
        row = layout.split(factor=0.4, align=True)
        row.label(text=socket["label"], icon="CHECKMARK" if shown else "ERROR")
        opened = row.operator(nodes.OpenInput.bl_idname, icon="FILE_FOLDER", text=shown or "Open")
        opened.group, opened.socket = node.node_tree.name, name
    plate = nodes.unmatched(node, context.scene)
    if plate is not None:
        frames = f", frames {plate.timing.start}-{plate.timing.end}" if plate.timing else ""
        said = f"The plate is {plate.size[0]} x {plate.size[1]}{frames}. The scene differs."
        sections.lines(context, layout, said)
        text = "Use Its Size and Frames" if plate.timing else nodes.MatchPlate.bl_label
        layout.operator(nodes.MatchPlate.bl_idname, text=text).group = node.node_tree.name


def _button(layout: bpy.types.UILayout, tree: bpy.types.NodeTree) -> None:
    if pull.is_running(tree):
        done = waiting.progress() or (0.0, "")
        layout.progress(factor=done[0], text=done[1])
        layout.operator(pull.CancelPull.bl_idname, icon="CANCEL").group = tree.name
        return
    layout.label(text="Pull Matte")
    row = layout.row(align=True)
    row.scale_y = 1.4
    for wanted, text in (("CURRENT", "This Frame"), ("RANGE", "Frame Range")):
        button = row.operator(pull.PullMatte.bl_idname, text=text)
        button.group, button.frames = tree.name, wanted


def _knobs(layout: bpy.types.UILayout, settings: Any, knobs: Iterable[dict[str, Any]]) -> None:
    for knob in knobs:
        only = knob["only_with"]
        if only and getattr(settings, only["knob"]) != only["value"]:
            continue
        if not knob["automatic"]:
            layout.prop(settings, knob["name"])
            continue
        automatic = knob["name"] + description.AUTOMATIC
        layout.row(heading=knob["label"]).prop(settings, automatic, text="Automatic")
        if not getattr(settings, automatic):
            layout.prop(settings, knob["name"])


def _place(knob: dict[str, Any]) -> int:
    """Keep groups in the order in which they first come."""
    groups = list(dict.fromkeys(one["group"] for one in description.shown()))
    return groups.index(knob["group"])


def _header(self: bpy.types.Header, context: bpy.types.Context) -> None:
    done = waiting.progress()
    if done is not None and sections.is_compositor(context):
        self.layout.progress(factor=done[0], text=f"Howard {done[0]:.0%}")
        self.layout.operator(pull.CancelPull.bl_idname, icon="CANCEL", text="")
