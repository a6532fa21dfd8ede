# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Howard's nodes are added: Add, Howard; the matte also in Add, Keying."""

from __future__ import annotations

import bpy

from . import nodes

__all__ = ["register", "unregister"]


class HowardMenu(bpy.types.Menu):
    """Howard's nodes."""

    bl_idname = "HOWARD_MT_add"
    bl_label = "Howard"

    def draw(self, _context: bpy.types.Context) -> None:
        """Draw it."""
        _item(self.layout)
        for overlay in (nodes.AddErrorHeat, nodes.AddCheckerboard):
            self.layout.operator(overlay.bl_idname)


def register() -> None:
    """Put them in."""
    bpy.utils.register_class(HowardMenu)
    bpy.types.NODE_MT_add.append(_in_add)
    bpy.types.NODE_MT_category_compositor_keying.append(_in_keying)


def unregister() -> None:
    """Take them out."""
    bpy.types.NODE_MT_category_compositor_keying.remove(_in_keying)
    bpy.types.NODE_MT_add.remove(_in_add)
    bpy.utils.unregister_class(HowardMenu)


def _in_add(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    # All node editors share this menu.
    if getattr(context.space_data, "tree_type", "") == "CompositorNodeTree":
        self.layout.menu(HowardMenu.bl_idname)


def _in_keying(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    _item(self.layout)


def _item(layout: bpy.types.UILayout) -> None:
    layout.operator_context = "INVOKE_REGION_WIN"
    layout.operator(nodes.AddMatte.bl_idname)
