"""What cannot be done, and what Blender says then."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import artist
import bpy


def main(zip_file: str, howard: str, shot: Path, project: Path) -> None:
    with artist.addon(zip_file, howard):
        pull = bpy.ops.howard.pull_matte
        bpy.ops.wm.read_homefile(use_empty=True)
        artist.say("no node", artist.refused(pull))
        bpy.ops.howard.add_matte()
        artist.say("no plate", artist.refused(pull))
        bpy.ops.wm.read_homefile(use_empty=True)
        artist.prepare_scene(bpy.context.scene, (1, 3), (104, 72))
        node = artist.add_matte(str(shot / "plate.1001.exr"), str(shot / "clean.exr"))
        tree, sources = node.node_tree, {n.label: n for n in artist.compositor().nodes if n.label}
        artist.say("not saved", artist.refused(pull))
        (project / "file").parent.mkdir(parents=True)
        (project / "file").touch()
        tree.howard.folder = str(project / "file" / "below")
        artist.say("no folder", artist.refused(pull))
        tree.howard.folder = "somewhere"
        artist.say("half a path", artist.refused(pull))
        tree.howard.folder = str(project)

        bpy.context.scene.frame_set(-5)
        artist.say("too early", artist.refused(pull))
        sources["Plate"].frame_duration, bpy.context.scene.frame_end = 5, 5
        artist.say("missing frames", artist.refused(pull, frames="RANGE"))
        artist.say("status", tree.howard.status)
        artist.say("shown", tree.nodes["Result"].image.filepath)
        bpy.context.scene.frame_set(1)
        sources["Clean Plate"].image = None
        artist.say("no image", artist.refused(pull))
        sources["Clean Plate"].image = bpy.data.images.new("Painted", 104, 72)
        artist.say("no file", artist.refused(pull))
        sources["Clean Plate"].image = bpy.data.images.load(str(shot / "small.exr"))
        artist.say("another size", artist.refused(pull))
        blur = artist.compositor().nodes.new("CompositorNodeBlur")
        artist.compositor().links.new(blur.outputs[0], node.inputs["Clean Plate"])
        artist.say("a chain", artist.refused(pull))
        artist.say("no such file", artist.refused(bpy.ops.howard.open_input, filepath=str(shot / "none.exr")))
        bpy.ops.howard.open_input(socket="clean_plate", filepath=str(shot / "clean.exr"))

        preferences = artist.preferences()
        for name, command in (("missing", "/no/howard"), ("mute", "/bin/true"), ("other", "/bin/echo")):
            preferences.command = command
            artist.say("worker " + name, artist.refused(pull))
        artist.say("test", [artist.refused(bpy.ops.howard.test), preferences.tested])
        preferences.command = ""
        os.environ["HOWARD"], path = "/no/howard", os.environ["PATH"]
        artist.say("environment", artist.refused(pull))
        del os.environ["HOWARD"]
        os.environ["PATH"] = "/nowhere"
        os.environ["HOME"] = "/nowhere"
        artist.say("not found", artist.refused(pull))
        os.environ["PATH"] = f"{Path(howard).parent}:{path}"
        assert pull() == {"FINISHED"}


main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
