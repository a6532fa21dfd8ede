# SPDX-License-Identifier: GPL-3.0-or-later
"""Pull a matte on the demo shot as an artist does, in the window, and take the pictures of the documentation.

WINDOW_SIZE=1440x810 tools/blender_window/window.sh ROOM OUT tools/blender_window/howard_matte.py ZIP
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path

import bpy
from window import (
    Steps,
    compositor,
    look_at,
    out_folder,
    override,
    picture,
    play,
    press,
    sheet,
    sidebar,
    stroke,
    until,
)

DEMO = Path(__file__).parents[2] / "howard_nodes" / "data" / "demo"
FIRST, LAST = 1001, 1008
# A lock beside the neck that the coarse stage takes for the wall: from here to there it is painted.
LOCK = ((502, 262), (499, 280), (496, 296), (491, 312))
BRUSH = 30
"""In pixels of the image, as all of these."""
AROUND_LOCK = (380, 140, 640, 360)
WHOLE = (0, 0, 960, 540)


def steps() -> Steps:
    """Install, add, open, pull, cancel, pull again; look at it, paint, put it over a street."""
    _install(Path(sys.argv[sys.argv.index("--") + 1]).resolve())
    bpy.context.scene.render.compositor_device = "CPU"
    area = yield from compositor()
    area.spaces.active.node_tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    bpy.ops.wm.save_as_mainfile(filepath=str(out_folder() / "shot.blend"))
    node = yield from _first_matte(area)
    shown = yield from _previews(area)
    yield from _painted(area, shown)
    yield from _the_shot(area, node)
    yield from _comp(area, shown, node)
    bpy.ops.wm.save_mainfile()
    with override(area):
        bpy.ops.preferences.addon_disable(module="bl_ext.user_default.howard_matte")
    yield 1.0


def _install(archive: Path) -> None:
    # Blender says FINISHED of a file that is not there.
    assert archive.is_file(), f"{archive} is not there: put it into the checkout or beside the pictures"
    assert "FINISHED" in bpy.ops.extensions.package_install_files(
        filepath=str(archive), repo="user_default", enable_on_install=True
    )


def _first_matte(area: bpy.types.Area) -> Generator[float, None, bpy.types.Node]:
    """Add the node, open its files, pull: cancelled once, then all of it."""
    tree = area.spaces.active.node_tree
    press("shift+a", area)
    yield 0.5
    for key in "howard":
        press(key, area)
        yield 0.2
    yield 0.5
    picture("add")
    press("Escape", area)
    yield 0.5
    press("Escape", area)
    yield 0.5

    with override(area):
        bpy.ops.howard.add_matte()
    node = tree.nodes.active
    with override(area):
        bpy.ops.howard.open_input(socket="plate", filepath=str(DEMO / f"plate.{FIRST}.exr"))
        bpy.ops.howard.open_input(socket="clean_plate", filepath=str(DEMO / "clean.exr"))
    sidebar(area, "Howard")
    yield from _framed(area)
    picture("before")
    with override(area):
        bpy.ops.howard.match_plate()

    with override(area):
        bpy.ops.howard.pull_matte("INVOKE_DEFAULT", frames="RANGE")
    settings = node.node_tree.howard
    folder = out_folder() / "howard"
    yield from until(lambda: len(list(folder.glob("*/*.exr"))) > 2, 120, "no frames came")
    yield 0.4
    sheet("blender_progress", picture("progress"), height=810)
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
    return node


def _previews(area: bpy.types.Area) -> Generator[float, None, bpy.types.Area]:
    """Press each button; the first one opens an image editor."""
    taken: dict[str, Path] = {}
    for what in ("ERROR_MAP", "COARSE_MATTE", "ALPHA", "ERROR_HEAT", "CHECKERBOARD", "BACKGROUND"):
        with override(area):
            assert bpy.ops.howard.preview(what=what) == {"FINISHED"}
        shown = next(one for one in bpy.context.screen.areas if one.type == "IMAGE_EDITOR")
        shown.spaces.active.show_gizmo = False
        yield 3.0
        picture("editor_" + what.lower(), shown)
        taken[what] = picture("preview_" + what.lower(), shown, WHOLE)
        if what == "ERROR_MAP":
            yield from _framed(area)
            sheet("blender_error_map", picture("error_map"), height=810)
        if what == "ALPHA":
            yield from _backdrop(area)
    sheet("blender_previews", taken["ERROR_HEAT"], taken["CHECKERBOARD"], height=400)
    return shown


def _backdrop(area: bpy.types.Area) -> Steps:
    """Look at a matte behind the nodes: under AgX, white is white there too."""
    assert bpy.context.scene.view_settings.view_transform == "AgX"
    area.spaces.active.show_backdrop = True
    yield 2.0
    image = bpy.data.images.load(str(picture("backdrop", area)))
    brightest = max(min(image.pixels[at : at + 3]) for at in range(0, len(image.pixels), 4 * 997))
    bpy.data.images.remove(image)
    assert brightest == 1.0, f"white is {brightest:.3f} in the backdrop"
    area.spaces.active.show_backdrop = False


def _the_shot(area: bpy.types.Area, node: bpy.types.Node) -> Steps:
    """Fit, see the verdicts, and what the painting changed."""
    settings = node.node_tree.howard
    with override(area):
        bpy.ops.howard.fit_clean_plate("INVOKE_DEFAULT")
    yield from until(lambda: settings.clean_status, 120, "the fit did not end")
    print("fitted:", settings.clean_status)
    with override(area):
        assert bpy.ops.howard.preview(what="WIPE") == {"FINISHED"}
    yield 3.0
    picture("wipe")
    # Room for what is about the whole shot.
    settings.status = ""
    yield 1.0
    sheet("blender_shot", picture("shot"), height=810)


def _painted(area: bpy.types.Area, shown: bpy.types.Area) -> Steps:
    """Paint a lock of hair into the coarse matte, and pull this frame again."""
    with override(area):
        bpy.ops.howard.preview(what="ALPHA")
    yield from _around_lock(shown)
    before = picture("alpha_before", shown, AROUND_LOCK)
    with override(area):
        assert bpy.ops.howard.paint_override(output="coarse_matte") == {"FINISHED"}
    canvas = next(one for one in bpy.context.screen.areas if _is_painted_on(one))
    canvas.spaces.active.show_gizmo = False
    yield from _around_lock(canvas)
    brush = bpy.context.tool_settings.image_paint.unified_paint_settings
    brush.size = round(BRUSH * canvas.spaces.active.zoom[0])
    press("x", canvas)  # black and white change places
    yield 0.5
    yield from stroke(canvas, LOCK)
    assert canvas.spaces.active.image.is_dirty, "the stroke did not paint"
    painting = picture("painting", canvas, AROUND_LOCK)
    with override(area):
        bpy.ops.howard.pull_matte("INVOKE_DEFAULT")
    yield from until(lambda: not bpy.ops.howard.cancel_pull.poll(), 120, "the pull did not end")
    yield 3.0
    after = picture("alpha_after", shown, AROUND_LOCK)
    yield from _framed(area)
    picture("painted")
    sheet("blender_override", before, painting, after, height=400)
    with override(canvas):
        bpy.ops.screen.area_close()
    yield 1.0


def _is_painted_on(one: bpy.types.Area) -> bool:
    return one.type == "IMAGE_EDITOR" and one.spaces.active.ui_mode == "PAINT"


def _comp(area: bpy.types.Area, shown: bpy.types.Area, node: bpy.types.Node) -> Steps:
    """Put it over a street at night, with nodes of Blender's."""
    tree = area.spaces.active.node_tree
    street, over, output = (
        tree.nodes.new(kind) for kind in ("CompositorNodeImage", "CompositorNodeAlphaOver", "NodeGroupOutput")
    )
    street.image = bpy.data.images.load(str(DEMO / "new_background.exr"))
    street.label, street.width = "Street", node.width
    viewer = next(one for one in tree.nodes if one.bl_idname == "CompositorNodeViewer")
    for one, right, up in ((street, 0, 320), (over, 250, 120), (output, 420, 120), (viewer, 420, 0)):
        one.location = (node.location.x + right, node.location.y + up)
        one.select = False
    # A closer look at the nodes: their pictures need room.
    for one in (each for each in tree.nodes if each.bl_idname == "CompositorNodeImage"):
        one.show_preview = False
    for given, taken in (
        (street.outputs["Image"], over.inputs["Background"]),
        (node.outputs["Image"], over.inputs["Foreground"]),
        (over.outputs["Image"], output.inputs["Image"]),
        (over.outputs["Image"], viewer.inputs["Image"]),
    ):
        tree.links.new(given, taken)
    bpy.data.images["Viewer Node"].use_view_as_render = True
    yield 3.0
    yield from _framed(area)
    yield from _framed(shown)
    sheet("blender_comp", picture("comp"), height=810)


def _around_lock(shown: bpy.types.Area) -> Steps:
    yield from _framed(shown)
    look_at(shown, AROUND_LOCK)
    yield 0.5


def _framed(area: bpy.types.Area) -> Steps:
    """Let an area show all it has."""
    yield 1.0
    with override(area):
        if area.type == "IMAGE_EDITOR":
            bpy.ops.image.view_all(fit_view=True)
        else:
            bpy.ops.node.view_all()
    yield 1.5


play(steps)
