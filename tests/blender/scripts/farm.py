"""Render a saved file as it is: the add-on is not installed here."""

from __future__ import annotations

import sys

import bpy

bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
assert not hasattr(bpy.types.CompositorNodeTree, "howard")
for frame in (1, 2, 3):
    bpy.context.scene.frame_set(frame)
    bpy.context.scene.render.filepath = f"{sys.argv[2]}.{frame}.exr"
    assert bpy.ops.render.render(write_still=True) == {"FINISHED"}
