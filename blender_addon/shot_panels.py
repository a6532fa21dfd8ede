# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sidebar's panels about the whole shot: its clean plate, its verdicts, what was painted."""

from __future__ import annotations

from typing import Any

import bpy

from . import description, paint, plates, sections, strokes, verdicts, waiting

__all__ = ["CleanPlatePanel", "OverridesPanel", "VerdictsPanel"]

_CELL = 20
"""Width of a cell of the strip, in the same units."""

_ICONS = {
    "good": "COLLECTION_COLOR_04",
    "doubtful": "COLLECTION_COLOR_03",
    "failed": "COLLECTION_COLOR_01",
    "not made": "CANCEL",
    "": "COLLECTION_COLOR_05",
}
"""Of a verdict: green, yellow, red; blue where none was asked for."""


class CleanPlatePanel(sections.Section, bpy.types.Panel):
    """Fitting and building clean plates."""

    bl_idname = "HOWARD_PT_clean_plate"
    bl_label = "Howard Clean Plate"

    def draw_matte(
        self, context: bpy.types.Context, layout: bpy.types.UILayout, node: bpy.types.Node
    ) -> None:
        """Draw the buttons, and how the last one went."""
        tree = node.node_tree
        layout.operator(plates.FitCleanPlate.bl_idname, icon="CON_TRACKTO").group = tree.name
        layout.label(text="Build from the Take")
        row = layout.row(align=True)
        for camera, text in (("STILL", "Camera Still"), ("MOVING", "Camera Moves")):
            button = row.operator(plates.BuildCleanPlate.bl_idname, text=text)
            button.group, button.camera = tree.name, camera
        sections.lines(context, layout, tree.howard.clean_status)


class VerdictsPanel(sections.Section, bpy.types.Panel):
    """The shot at a glance."""

    bl_idname = "HOWARD_PT_verdicts"
    bl_label = "Howard Verdicts"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There are results."""
        node = sections.matte(context) if sections.is_compositor(context) else None
        return node is not None and bool(verdicts.glance(node.node_tree).said)

    def draw_matte(
        self, context: bpy.types.Context, layout: bpy.types.UILayout, node: bpy.types.Node
    ) -> None:
        """Draw a strip of verdicts, this frame's in words, and who made them."""
        seen, tree, here = verdicts.glance(node.node_tree), node.node_tree, context.scene.frame_current
        count = len(seen.to_look_at())
        layout.label(
            text=f"{count} of {len(seen.said)} frames to look at" if count else "No frame to look at"
        )
        _strip(context, layout, seen)
        row = layout.row(align=True)
        for direction, icon in (("PREVIOUS", "TRIA_LEFT"), ("NEXT", "TRIA_RIGHT")):
            button = row.operator(verdicts.NextToLookAt.bl_idname, icon=icon, text=direction.capitalize())
            button.group, button.direction = tree.name, direction
        if here in seen.said:
            verdict, why = seen.said[here]
            parts = [part for part in (verdict or "clean plate used as is", why) if part]
            sections.lines(context, layout, f"Frame {here}: {'; '.join(parts)}")
        for version, frames in sorted(seen.others.items()):
            which = f"Frame {frames[0]} was" if len(frames) == 1 else f"{len(frames)} frames were"
            made = f"by Howard {version}" if version else "by a Howard that the file does not name"
            ours = description.load()["howard"]
            sections.lines(
                context, layout, f"{which} made {made}; this is {ours}. Pull again to make all alike."
            )
        if not seen.is_whole:
            bpy.app.timers.register(waiting.redraw, first_interval=0.1)


class OverridesPanel(sections.Section, bpy.types.Panel):
    """Painting, and what is painted."""

    bl_idname = "HOWARD_PT_overrides"
    bl_label = "Howard Overrides"

    def draw_matte(
        self, context: bpy.types.Context, layout: bpy.types.UILayout, node: bpy.types.Node
    ) -> None:
        """Draw a button for each pass that can be painted, and what was painted over it."""
        tree, frame = node.node_tree, context.scene.frame_current
        for output in strokes.PAINTED:
            label = description.outputs()[output]["label"]
            button = layout.operator(paint.PaintOverride.bl_idname, icon="BRUSH_DATA", text=f"Paint {label}")
            button.group, button.output = tree.name, output
            for place, painted in enumerate(tree.howard.painted):
                if painted.output == output:
                    _painted(layout, tree, place, painted, is_here=strokes.covers(painted, frame))


def _strip(context: bpy.types.Context, layout: bpy.types.UILayout, seen: verdicts.Glance) -> None:
    scale = context.preferences.system.ui_scale
    most = int(sections.width(context) / (_CELL * scale))
    row = layout.row(align=True)
    row.use_property_split = False
    for frames in seen.cells(most):
        worst = seen.worst(frames)
        cell = row.row(align=True)
        if worst is None:
            cell.label(icon="BLANK1")
            continue
        verdict, why = seen.said[worst]
        is_here = context.scene.frame_current in frames
        button = cell.operator(verdicts.GoToFrame.bl_idname, text="", icon=_ICONS[verdict], depress=is_here)
        button.frame = worst
        many = f"Frames {frames[0]}-{frames[-1]}, worst " if len(frames) > 1 else "Frame "
        button.about = f"{many}{worst}: {verdict or 'clean plate used as is'}" + (f"; {why}" if why else "")


def _painted(
    layout: bpy.types.UILayout,
    tree: bpy.types.NodeTree,
    place: int,
    painted: Any,
    *,
    is_here: bool,
) -> None:
    row = layout.row(align=True)
    row.use_property_split = False
    button = row.operator(
        verdicts.GoToFrame.bl_idname,
        text=f"Frame {painted.frame}",
        icon="RADIOBUT_ON" if is_here else "RADIOBUT_OFF",
    )
    button.frame = painted.frame
    if painted.image is None:
        row.label(text="Its image was removed", icon="ERROR")
    else:
        row.prop(painted, "used", text="")
    removed = row.operator(paint.RemovePainted.bl_idname, text="", icon="X")
    removed.group, removed.place = tree.name, place
    if painted.used == "RANGE":
        row = layout.row(align=True)
        row.use_property_split = False
        row.prop(painted, "first")
        row.prop(painted, "last")
