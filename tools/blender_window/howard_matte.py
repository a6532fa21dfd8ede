# SPDX-License-Identifier: GPL-3.0-or-later
"""Pull a matte on the demo shot as an artist does, in the window, and take the pictures of the documentation.

tools/blender_window/window.sh ROOM OUT tools/blender_window/howard_matte.py dist/howard_matte-0.1.0.zip
"""

from __future__ import annotations

import sys
from pathlib import Path

import bpy
from window import (
    Steps,
    compositor,
    out_folder,
    override,
    picture,
    play,
    press,
    sidebar,
    split,
    until,
)

DEMO = Path(__file__).parents[2] / "howard_nodes" / "data" / "demo"
FIRST, LAST = 1001, 1008


def steps() -> Steps:
    """Install, add, open, pull, cancel, pull again, look at the error map."""
    archive = Path(sys.argv[sys.argv.index("--") + 1]).resolve()
    assert "FINISHED" in bpy.ops.extensions.package_install_files(
        filepath=str(archive), repo="user_default", enable_on_install=True
    )
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = FIRST, LAST
    scene.frame_set(FIRST)
    scene.render.compositor_device = "CPU"
    area = yield from compositor()
    space = area.spaces.active
    tree = space.node_tree
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    bpy.ops.wm.save_as_mainfile(filepath=str(out_folder() / "shot.blend"))
    yield 1.0

    press("shift+a", area)
    yield 1.0
    picture("add")
    press("Escape", area)
    yield 0.5

    with override(area):
        bpy.ops.howard.add_matte()
    node = tree.nodes.active
    with override(area):
        bpy.ops.howard.open_input(socket="plate", filepath=str(DEMO / f"plate.{FIRST}.exr"))
        bpy.ops.howard.open_input(socket="clean_plate", filepath=str(DEMO / "clean.exr"))
    sidebar(area, "Howard")
    viewer = tree.nodes.new("CompositorNodeViewer")
    viewer.location = (node.location.x + 400, node.location.y)
    tree.links.new(node.outputs["Image"], viewer.inputs[0])
    yield 1.0
    with override(area):
        bpy.ops.node.view_all()
    yield 2.0
    picture("before")

    with override(area):
        bpy.ops.howard.pull_matte("INVOKE_DEFAULT", frames="RANGE")
    settings = node.node_tree.howard
    folder = out_folder() / "howard"
    yield from until(lambda: list(folder.glob("*/*.exr")), 120, "no frame came")
    yield 0.4
    picture("progress")
    press("Escape", area)
    yield from until(lambda: settings.status, 30, "ESC did not end it")
    print("after ESC:", settings.status, sorted(each.name for each in folder.glob("*/*")))
    yield 1.0
    picture("cancelled")

    settings.status = ""
    with override(area):
        bpy.ops.howard.pull_matte("INVOKE_DEFAULT", frames="RANGE")
    paused = yield from until(lambda: settings.status, 180, "the pull did not end")
    print(f"pulled, no answer for {paused:.2f} s at most:", settings.status)
    assert len(list(folder.glob("*/*.exr"))) == LAST - FIRST + 1, settings.status
    yield 1.0
    picture("node")

    shown = split(area, "VERTICAL", 0.4, "IMAGE_EDITOR")
    shown.spaces.active.show_region_toolbar = False
    # Blender computes a viewer only where somebody looks at it.
    shown.spaces.active.image = bpy.data.images["Viewer Node"]
    for label in ("Error Map", "Coarse Matte", "Alpha", "Foreground", "Image"):
        tree.links.new(node.outputs[label], viewer.inputs[0])
        yield 3.0
        with override(area):
            bpy.ops.node.view_all()
        with override(shown):
            bpy.ops.image.view_all(fit_view=True)
        yield 2.0
        picture("viewer_" + label.lower().replace(" ", "_"))
    bpy.ops.wm.save_mainfile()
    with override(area):
        bpy.ops.preferences.addon_disable(module="bl_ext.user_default.howard_matte")
    yield 1.0


play(steps)
