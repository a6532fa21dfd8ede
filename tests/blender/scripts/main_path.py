"""From the zip to every socket rendered; then again from the saved file."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import artist
import bpy


def main(zip_file: str, howard: str, shot: Path, project: Path) -> None:
    with artist.addon(zip_file, howard):
        assert bpy.ops.howard.test() == {"FINISHED"}
        artist.say("tested", artist.preferences().tested)
        artist.start_scene(project, (1, 250), (1920, 1080))
        node = artist.add_matte(str(shot / "plate.1001.exr"), str(shot / "clean.exr"))
        tree, scene = node.node_tree, bpy.context.scene
        assert bpy.ops.howard.match_plate() == {"FINISHED"}
        size = scene.render.resolution_x, scene.render.resolution_y
        artist.say("scene as the plate", [*size, scene.frame_start, scene.frame_end])
        artist.say("sockets", [[s.name for s in node.inputs], [s.name for s in node.outputs if not s.hide]])
        artist.render(node.outputs["Image"], 2, project / "before.exr")

        bpy.context.scene.frame_set(2)
        assert bpy.ops.howard.pull_matte(frames="CURRENT") == {"FINISHED"}
        artist.say("after one", sorted(path.name for path in (project / "howard/Howard_Matte").iterdir()))
        assert bpy.ops.howard.pull_matte(frames="RANGE") == {"FINISHED"}
        artist.say("status", tree.howard.status)
        # 4.2 greys nothing out.
        artist.say("greyed out", [s.name for s in node.inputs if getattr(s, "is_inactive", False)])
        artist.say("file", tree.nodes["Result"].image.filepath)
        tree.howard.more_layers = True
        assert bpy.ops.howard.pull_matte(group=tree.name, frames="RANGE") == {"FINISHED"}
        for output in [output for output in node.outputs if not output.hide]:
            for frame in (1, 3):
                artist.render(output, frame, project / f"{output.name}.{frame}.exr")
        shutil.copytree(project / "howard/Howard_Matte", project / "standard")

        # A knob that is turned acts, and is seen at once: nothing old stays in Blender's memory.
        tree.howard.quality = "draft"
        tree.howard.refine_mode, tree.howard.threshold = "thresholding", 1.0
        bpy.context.scene.frame_set(2)
        assert bpy.ops.howard.pull_matte(frames="CURRENT") == {"FINISHED"}
        artist.render(node.outputs["Alpha"], 2, project / "draft.exr")

        artist.render(node.outputs["Image"], 1, project / "saved.exr")
        bpy.ops.wm.save_mainfile()
        bpy.ops.wm.open_mainfile(filepath=str(project / "shot.blend"))
        tree = bpy.data.node_groups["Howard Matte"]
        artist.say("reloaded", [tree.howard.quality, tree.howard.status])
        assert bpy.ops.howard.pull_matte(frames="RANGE") == {"FINISHED"}
        bpy.context.scene.render.filepath = "//farm/comp.####"
        bpy.ops.wm.save_mainfile()
    # The file that is open keeps its node when the add-on goes.
    node = next(node for node in artist.compositor().nodes if getattr(node, "node_tree", None) == tree)
    artist.render(node.outputs["Image"], 2, project / "without.exr")


main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
