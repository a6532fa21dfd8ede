# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Going to a frame from the sidebar."""

from __future__ import annotations

import bpy
from bpy.props import IntProperty

__all__ = ["GoToFrame", "register", "unregister"]


class GoToFrame(bpy.types.Operator):
    """Go to a frame."""

    bl_idname = "howard.go_to_frame"
    bl_label = "Go to Frame"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012
    __annotations__ = {"frame": IntProperty(name="Frame")}

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        """Name the frame."""
        return f"Go to frame {properties.frame}"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Make it the current one."""
        context.scene.frame_set(self.frame)
        return {"FINISHED"}


def register() -> None:
    """Register the operator."""
    bpy.utils.register_class(GoToFrame)


def unregister() -> None:
    """Take it back."""
    bpy.utils.unregister_class(GoToFrame)
