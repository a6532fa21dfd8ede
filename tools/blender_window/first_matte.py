# SPDX-License-Identifier: GPL-3.0-or-later
"""From the zip to a comp in a fresh Blender, as a newcomer does: Install Howard, and the demo shot.

WINDOW_SIZE=1440x810 tools/blender_window/window.sh ROOM OUT tools/blender_window/first_matte.py \
    ZIP [WHEELS [PYTHON]]

ZIP and WHEELS, a folder of wheels for a machine without a network, lie in the checkout or in OUT; PYTHON,
where Blender's own Python has no wheels, in the room. At the end it prints the seconds that all took.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import bpy
from window import Steps, compositor, out_folder, override, picture, play, press, sheet, sidebar, until

ADDON = "bl_ext.user_default.howard_matte"
LAST = 1008


def steps() -> Steps:
    """Install the add-on and Howard, pull, and comp."""
    archive, *more = (str(Path(word).resolve()) for word in sys.argv[sys.argv.index("--") + 1 :])
    began = time.monotonic()
    assert bpy.ops.extensions.package_install_files(
        filepath=archive, repo="user_default", enable_on_install=True
    ) == {"FINISHED"}
    bpy.context.scene.render.compositor_device = "CPU"
    area = yield from compositor()
    installed = yield from _installed(area, more)
    area.ui_type = "CompositorNodeTree"
    yield 1.0
    area.spaces.active.node_tree = bpy.context.scene.compositing_node_group
    yield from _comp(area)
    print(f"install: {installed:.0f} s; all else: {time.monotonic() - began - installed:.0f} s")


def _installed(area: bpy.types.Area, more: list[str]) -> Generator[float, None, float]:
    """Press Install Howard in the preferences, say yes, wait, press Test; give how long the install took."""
    area.ui_type = "PREFERENCES"
    bpy.context.preferences.active_section = "ADDONS"
    bpy.context.window_manager.addon_search = "Howard"
    bpy.ops.preferences.addon_expand(module=ADDON)
    ours: Any = bpy.context.preferences.addons[ADDON].preferences
    ours.device = "cpu"
    ours.wheels, ours.python, *_ = [*more, "", ""]
    bpy.context.preferences.system.use_online_access = not more
    yield 2.0
    picture("preferences")
    with override(area):
        bpy.ops.howard.install("INVOKE_DEFAULT", action="INSTALL")
    yield 1.5
    asked = picture("asked")
    press("Return", area)
    began = time.monotonic()
    yield 8.0
    going = picture("installing")
    yield from until(
        lambda: "is installed" in ours.installed or "rror" in ours.installed, 500, ours.installed
    )
    seconds = time.monotonic() - began
    print(ours.installed)
    with override(area):
        bpy.ops.howard.test("INVOKE_DEFAULT")
    yield from until(lambda: "runs on" in ours.tested, 60, ours.tested)
    print(ours.tested)
    yield 1.0
    picture("installed")
    sheet("blender_install", asked, going, height=500)
    return seconds


def _comp(area: bpy.types.Area) -> Steps:
    """Pull the demo shot's matte, and put it over a street."""
    tree = area.spaces.active.node_tree
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    bpy.ops.wm.save_as_mainfile(filepath=str(out_folder() / "first.blend"))
    demo = next((out_folder() / "blender-user").rglob("howard_nodes/data/demo"))
    with override(area):
        bpy.ops.howard.add_matte()
        bpy.ops.howard.open_input(socket="plate", filepath=str(demo / "plate.1001.exr"))
        bpy.ops.howard.open_input(socket="clean_plate", filepath=str(demo / "clean.exr"))
        bpy.ops.howard.match_plate()
        bpy.ops.howard.pull_matte("INVOKE_DEFAULT", frames="RANGE")
    node = tree.nodes.active
    sidebar(area, "Howard")
    yield from until(lambda: node.node_tree.howard.status, 180, "the pull did not end")
    print(node.node_tree.howard.status)
    assert node.node_tree.howard.status.startswith(f"Done: frames 1001-{LAST}")
    street, over, output = (
        tree.nodes.new(kind) for kind in ("CompositorNodeImage", "CompositorNodeAlphaOver", "NodeGroupOutput")
    )
    street.image = bpy.data.images.load(str(demo / "new_background.exr"))
    for one, right, up in ((street, 0, 320), (over, 260, 120), (output, 440, 120)):
        one.location = (node.location.x + right, node.location.y + up)
    tree.links.new(street.outputs["Image"], over.inputs["Background"])
    tree.links.new(node.outputs["Image"], over.inputs["Foreground"])
    tree.links.new(over.outputs["Image"], output.inputs["Image"])
    with override(area):
        bpy.ops.howard.preview(what="CHECKERBOARD")
    yield 3.0
    picture("first_matte")
    bpy.ops.wm.save_mainfile()


play(steps)
