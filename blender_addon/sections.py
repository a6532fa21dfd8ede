# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the panels of the tab Howard share: whom they are drawn for, and lines of text."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import blf
import bpy

from . import group
from .errors import AddonError

__all__ = ["Section", "is_compositor", "lines", "matte", "width", "wrapped"]

_MARGIN = 62
"""Left and right of a line of text in the sidebar, tabs and all, in units of the interface."""


class Section:
    """A panel of the tab Howard; it has `draw_matte`."""

    bl_space_type = "NODE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Howard"
    bl_order = 0

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Compositors that have a matte."""
        return is_compositor(context) and matte(context) is not None

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


def is_compositor(context: bpy.types.Context) -> bool:
    """Tell whether a node editor shows a compositor."""
    return context.space_data.tree_type == "CompositorNodeTree"


def matte(context: bpy.types.Context) -> bpy.types.Node | None:
    """Give the active Howard Matte, else the only one there is; None for none or several."""
    try:
        return group.find("", context)
    except AddonError:
        return None


def width(context: bpy.types.Context) -> float:
    """Give the width that is left for text in the sidebar, in pixels."""
    return float(context.region.width - _MARGIN * context.preferences.system.ui_scale)


def lines(context: bpy.types.Context, layout: bpy.types.UILayout, text: str) -> None:
    """Write text in the width of the sidebar."""
    blf.size(0, context.preferences.ui_styles[0].widget.points * context.preferences.system.ui_scale)
    column = layout.column(align=True)
    column.scale_y = 0.8
    for line in wrapped(text, width(context), lambda part: blf.dimensions(0, part)[0]):
        column.label(text=line)
