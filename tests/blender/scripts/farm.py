"""Render the animation of a saved file, as `blender -b FILE -a` does: the add-on is not installed here."""

from __future__ import annotations

import sys

import bpy

bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
assert not hasattr(bpy.types.CompositorNodeTree, "howard")
assert bpy.ops.render.render(animation=True) == {"FINISHED"}
