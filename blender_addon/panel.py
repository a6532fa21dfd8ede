# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sidebar of the node editor: files, the button, previews, and the knobs in their groups."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import blf
import bpy

from . import description, folders, group, images, nodes, paint, preview, pull, strokes, verdicts, waiting
from .errors import AddonError

__all__ = ["register", "unregister", "wrapped"]

_MARGIN = 62
"""Left and right of a line of text in the sidebar, tabs and all, in units of the interface."""

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

_OPEN_GROUPS = ("Quality", "Refinement")


class _Section:
    """A panel of the tab Howard; it has `draw_matte`."""

    bl_space_type = "NODE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Howard"
    bl_order = 0

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Compositors that have a matte."""
        return _is_compositor(context) and _matte(context) is not None

    def draw(self: Any, context: bpy.types.Context) -> None:
        """Draw it for the active node, else for the only one there is."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        self.draw_matte(context, layout, group.find("", context))

    def draw_matte(
        self, context: bpy.types.Context, layout: bpy.types.UILayout, node: bpy.types.Node
    ) -> None:
        """Draw it for this node."""
        raise NotImplementedError


class MattePanel(_Section, bpy.types.Panel):
    """Plates, the button, and how it went."""

    bl_idname = "HOWARD_PT_matte"
    bl_label = "Howard Matte"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """All compositors."""
        return _is_compositor(context)

    def draw(self: Any, context: bpy.types.Context) -> None:
        """Draw it, or a way to add a matte."""
        try:
            super().draw(context)
        except AddonError as error:
            _lines(context, self.layout, str(error))
            self.layout.operator(nodes.AddMatte.bl_idname, icon="ADD", text="Add Howard Matte")

    def draw_matte(
        self, context: bpy.types.Context, layout: bpy.types.UILayout, node: bpy.types.Node
    ) -> None:
        """Draw them."""
        _plates(context, layout, node)
        _button(layout, node.node_tree)
        _lines(context, layout, node.node_tree.howard.status)


class PreviewPanel(_Section, bpy.types.Panel):
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


class VerdictsPanel(_Section, bpy.types.Panel):
    """The shot at a glance."""

    bl_idname = "HOWARD_PT_verdicts"
    bl_label = "Howard Verdicts"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There are results."""
        node = _matte(context) if _is_compositor(context) else None
        return node is not None and bool(verdicts.glance(node.node_tree).said)

    def draw_matte(
        self, context: bpy.types.Context, layout: bpy.types.UILayout, node: bpy.types.Node
    ) -> None:
        """Draw a strip of verdicts, this frame's in words, and who made them."""
        seen, tree, here = verdicts.glance(node.node_tree), node.node_tree, context.scene.frame_current
        _strip(context, layout, seen)
        row = layout.row(align=True)
        for direction, icon in (("LAST", "TRIA_LEFT"), ("NEXT", "TRIA_RIGHT")):
            button = row.operator(verdicts.NextToLookAt.bl_idname, icon=icon, text=direction.capitalize())
            button.group, button.direction = tree.name, direction
        count = len(seen.to_look_at())
        row.label(text=f"{count} of {len(seen.said)} to look at" if count else "None to look at")
        if here in seen.said:
            verdict, why = seen.said[here]
            parts = [part for part in (verdict or "clean plate used as is", why) if part]
            _lines(context, layout, f"Frame {here}: {'; '.join(parts)}")
        for version, frames in sorted(seen.others.items()):
            which = f"Frame {frames[0]} was" if len(frames) == 1 else f"{len(frames)} frames were"
            made = f"by Howard {version}" if version else "by a Howard that the file does not name"
            ours = description.load()["howard"]
            _lines(context, layout, f"{which} made {made}; this is {ours}. Pull again to make all alike.")
        if not seen.is_whole:
            bpy.app.timers.register(waiting.redraw, first_interval=0.1)


class OverridesPanel(_Section, bpy.types.Panel):
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


class SettingsPanel(_Section, bpy.types.Panel):
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


class ResultsPanel(_Section, bpy.types.Panel):
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


_PANELS = (MattePanel, PreviewPanel, VerdictsPanel, OverridesPanel, SettingsPanel, ResultsPanel)


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


def wrapped(text: str, width: float, measure: Callable[[str], float]) -> Iterator[str]:
    """Break text into lines, between words where that can be.

    Parameters
    ----------
    text : str
        Any; its own lines stay apart.
    width : float
        Of a line.
    measure : callable
        Gives the width of a text.

    Yields
    ------
    str
        A line.
    """
    for paragraph in text.splitlines():
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}".lstrip()
            if measure(longer) <= width:
                line = longer
                continue
            if line:
                yield line
            line = word
            while measure(line) > width and len(line) > 1:  # a path has no blanks
                fits = next((n for n in range(len(line) - 1, 1, -1) if measure(line[:n]) <= width), 1)
                yield line[:fits]
                line = line[fits:]
        yield line


def _is_compositor(context: bpy.types.Context) -> bool:
    return context.space_data.tree_type == "CompositorNodeTree"


def _matte(context: bpy.types.Context) -> bpy.types.Node | None:
    try:
        return group.find("", context)
    except AddonError:
        return None


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
        _lines(context, layout, f"The plate is {plate.size[0]} x {plate.size[1]}{frames}. The scene differs.")
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


def _strip(context: bpy.types.Context, layout: bpy.types.UILayout, seen: verdicts.Glance) -> None:
    scale = context.preferences.system.ui_scale
    row = layout.row(align=True)
    row.use_property_split = False
    for frames in seen.cells(int((context.region.width - _MARGIN * scale) / (_CELL * scale))):
        worst = seen.worst(frames)
        cell = row.row(align=True)
        if worst is None:
            cell.label(icon="BLANK1")
            continue
        verdict, why = seen.said[worst]
        cell.active = context.scene.frame_current in frames
        button = cell.operator(
            verdicts.GoToFrame.bl_idname, text="", icon=_ICONS[verdict], depress=cell.active
        )
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
    if done is not None and _is_compositor(context):
        self.layout.progress(factor=done[0], text=f"Howard {done[0]:.0%}")
        self.layout.operator(pull.CancelPull.bl_idname, icon="CANCEL", text="")


def _lines(context: bpy.types.Context, layout: bpy.types.UILayout, text: str) -> None:
    """Write text in the width of the sidebar."""
    scale = context.preferences.system.ui_scale
    blf.size(0, context.preferences.ui_styles[0].widget.points * scale)
    column = layout.column(align=True)
    column.scale_y = 0.8
    for line in wrapped(
        text, context.region.width - _MARGIN * scale, lambda part: blf.dimensions(0, part)[0]
    ):
        column.label(text=line)
