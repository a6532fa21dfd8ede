"""What cannot be done, and what Blender says then."""

from __future__ import annotations

import importlib
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import artist
import bpy


def main(zip_file: str, howard: str, shot: Path, project: Path) -> None:
    with artist.addon(zip_file, howard):
        pull = bpy.ops.howard.pull_matte
        sections: Any = importlib.import_module(f"{artist.MODULE}.sections")
        artist.say("lines", list(sections.wrapped("a frame has\n/a/very/long/path in it", 10, len)))
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
        sources["Clean Plate"].image = bpy.data.images.load(str(shot / "another_place.exr"))
        tree.howard.align = "auto"
        artist.say("another place", artist.refused(pull))
        tree.howard.align = "off"
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
        newer = [str(Path(howard).with_name("python")), str(Path(__file__).with_name("newer_howard.py"))]
        preferences.command = shlex.join(newer)
        artist.say("worker newer", artist.refused(pull))
        preferences.command = ""
        os.environ["HOWARD"], path = "/no/howard", os.environ["PATH"]
        artist.say("environment", artist.refused(pull))
        del os.environ["HOWARD"]
        os.environ["PATH"] = "/nowhere"
        os.environ["HOME"] = "/nowhere"
        artist.say("not found", artist.refused(pull))
        os.environ["PATH"] = f"{Path(howard).parent}:{path}"
        assert pull() == {"FINISHED"}

        # Folders that are there, and in which not even root can write.
        shown, name = tree.nodes["Result"].image.filepath, tree.name
        tree.name, tree.howard.folder = "self", "/proc"
        artist.say("read-only folder", artist.refused(pull))
        artist.say("read-only painting", artist.refused(bpy.ops.howard.paint_override, output="error_map"))
        value = artist.compositor().nodes.new("CompositorNodeRGB").outputs[0]
        link = artist.compositor().links.new(value, node.inputs["Inside"])
        artist.say("read-only matte", artist.refused(pull))
        artist.compositor().links.remove(link)
        assert tree.nodes["Result"].image.filepath == shown
        tree.name, tree.howard.folder = name, str(project)
        assert pull() == {"FINISHED"}


main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
