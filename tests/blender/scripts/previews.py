"""Previews, one after the other; what the viewer is fed with is rendered."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import artist
import bpy

PREVIEWS = ("ALPHA", "COARSE_MATTE", "ERROR_MAP", "ERROR_HEAT", "CHECKERBOARD", "BACKGROUND")


def fed(node: Any) -> Any:
    """Give what an input gets."""
    return node.inputs[0].links[0].from_socket


def render(socket: Any, file: Path) -> None:
    """Render it at frame 2, and unplug it again."""
    artist.render(socket, 2, file)
    links = artist.compositor().links
    links.remove(artist.final_output().links[0])


def shown_as_render() -> bool | None:
    """Tell whether the viewer goes through the view transform once a window has computed it.

    Without a window nothing computes it, and 5.0 does not even make its image.
    """
    viewer = bpy.data.images.get("Viewer Node")
    for handler in bpy.app.handlers.composite_post:
        handler(bpy.context.scene, None)
    return None if viewer is None else viewer.use_view_as_render


def main(zip_file: str, howard: str, shot: Path, project: Path) -> None:
    with artist.addon(zip_file, howard):
        artist.start_scene(project, (1, 3))
        node = artist.add_matte(str(shot / "plate.1001.exr"), str(shot / "clean.exr"))
        tree = artist.compositor()
        artist.say("too early", artist.refused(bpy.ops.howard.preview, what="ALPHA"))
        bpy.context.scene.frame_set(2)
        assert bpy.ops.howard.pull_matte(frames="CURRENT") == {"FINISHED"}
        if bpy.app.version < (5, 0, 0):
            tree.nodes.new("CompositorNodeComposite")
        artists = tree.nodes.new("CompositorNodeViewer")
        tree.links.new(node.outputs["Foreground"], artists.inputs[0])
        artist.final_output()
        tree.nodes.active = node
        before = {one.name for one in tree.nodes}

        nodes, as_render = {}, {}
        for what in PREVIEWS:
            for _ in range(2):
                assert bpy.ops.howard.preview(what=what) == {"FINISHED"}
            nodes[what] = sorted({one.name for one in tree.nodes} - before)
            render(fed(tree.nodes["Howard Preview"]), project / f"{what}.exr")
            as_render[what] = shown_as_render()
            assert tree.nodes.active == node
        image = bpy.data.images.new("Sky", 104, 72, float_buffer=True, is_data=True)
        image.generated_color = 0.25, 0.5, 1.5, 1
        node.node_tree.howard_background = image
        nodes["sky"] = sorted({one.name for one in tree.nodes} - before)
        render(fed(tree.nodes["Howard Preview"]), project / "sky.exr")
        node.node_tree.howard_background = None
        bpy.ops.howard.preview(what="ALPHA")
        nodes["again"] = sorted({one.name for one in tree.nodes} - before)
        artist.say("as render", as_render)
        artist.say("artist's viewer", fed(artists).name)

        # What changed: nothing was pulled before, then one frame of two was.
        artist.say("nothing before", artist.refused(bpy.ops.howard.preview, what="WIPE"))
        first = project / "howard/Howard_Matte/Howard_Matte.1002.exr"
        (project / "first.exr").write_bytes(first.read_bytes())
        node.node_tree.howard.quality = "draft"
        assert bpy.ops.howard.pull_matte(frames="CURRENT") == {"FINISHED"}
        assert first.read_bytes() != (project / "first.exr").read_bytes()
        for what in ("WIPE", "CHANGE"):
            for _ in range(2):
                assert bpy.ops.howard.preview(what=what) == {"FINISHED"}
            nodes[what] = sorted({one.name for one in tree.nodes} - before)
            if what == "WIPE":
                node.node_tree.howard_wipe = 0.25
            render(fed(tree.nodes["Howard Preview"]), project / f"{what}.exr")
        bpy.ops.howard.preview(what="ALPHA")
        nodes["after all"] = sorted({one.name for one in tree.nodes} - before)
        assert bpy.ops.howard.pull_matte(frames="CURRENT") == {"FINISHED"}
        kept = project / "howard/Howard_Matte/before/Howard_Matte.1002.exr"
        artist.say("kept", kept.read_bytes() != (project / "first.exr").read_bytes())
        (project / "second.exr").write_bytes(first.read_bytes())
        node.node_tree.howard.quality = "standard"
        assert bpy.ops.howard.pull_matte(frames="CURRENT") == {"FINISHED"}

        artist.say("nodes", nodes)
        # What previews leave for an artist's own comp.
        assert bpy.ops.howard.add_error_heat() == {"FINISHED"}
        heat = tree.nodes.active
        tree.links.new(node.inputs["Plate"].links[0].from_socket, heat.inputs["Plate"])
        for error in (0.0, 1.0):
            heat.inputs["Error Map"].default_value, heat.inputs["Opacity"].default_value = error, 0.25
            render(heat.outputs[0], project / f"heat.{error:g}.exr")
        assert bpy.ops.howard.add_checkerboard() == {"FINISHED"}
        board = tree.nodes.active
        tree.links.new(node.outputs["Image"], board.inputs[0])
        artist.render(board.outputs[0], 2, project / "board.exr")
        bpy.ops.wm.save_mainfile()
        used = [one for one in bpy.data.node_groups if one.name.startswith("Howard")]
        artist.say("groups", sorted(one.name for one in used))
    bpy.ops.wm.open_mainfile(filepath=str(project / "shot.blend"))
    bpy.context.scene.frame_set(2)
    bpy.context.scene.render.filepath = str(project / "without.exr")
    assert bpy.ops.render.render(write_still=True) == {"FINISHED"}


main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
