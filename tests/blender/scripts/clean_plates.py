"""Clean plates: how well one fits, before a matte is pulled, and one built from the take."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

import artist
import bpy


def main(zip_file: str, howard: str, shot: Path, project: Path) -> None:
    with artist.addon(zip_file, howard):
        verdicts: Any = importlib.import_module(f"{artist.MODULE}.verdicts")
        bpy.ops.wm.read_homefile(use_empty=True)
        node = artist.add_matte("", "")
        artist.say("not saved", artist.refused(bpy.ops.howard.fit_clean_plate))
        artist.start_scene(project, (11, 22), (200, 120))
        node = artist.add_matte(str(shot / "walk.1001.exr"), "")
        tree = node.node_tree
        tree.howard.align = tree.howard.match_exposure = "auto"
        artist.say("nothing plugged in", artist.refused(bpy.ops.howard.fit_clean_plate))

        def seen() -> dict[str, str]:
            return {str(frame): verdict for frame, (verdict, _) in verdicts.glance(tree).said.items()}

        for camera, name in (("STILL", "clean.exr"), ("MOVING", "clean.1001.exr")):
            assert bpy.ops.howard.build_clean_plate(camera=camera) == {"FINISHED"}
            artist.say(f"built {camera}", tree.howard.clean_status)
            shown = node.inputs["Clean Plate"].links[0].from_node
            artist.say(f"plugged in {camera}", [shown.image.filepath, shown.image.source])
            artist.say(f"there {camera}", (project / "howard/Howard_Matte/clean" / name).is_file())
        assert bpy.ops.howard.fit_clean_plate() == {"FINISHED"}
        artist.say("fitted", seen())
        artist.say("status", tree.howard.clean_status)
        for frame in (1001, 1012):
            artist.render(shown.outputs[0], 11 if frame == 1001 else 22, project / f"shown.{frame}.exr")
        # A pull knows better.
        tree.howard.align = tree.howard.match_exposure = "off"
        bpy.context.scene.frame_set(12)
        assert bpy.ops.howard.pull_matte() == {"FINISHED"}
        artist.say("pulled", seen())

        tree.howard.align = "auto"
        bpy.ops.howard.open_input(socket="clean_plate", filepath=str(shot / "noise.exr"))
        artist.say("no fit", artist.refused(bpy.ops.howard.fit_clean_plate))
        artist.say("seen", seen())
        bpy.ops.howard.open_input(socket="plate", filepath=str(shot / "stays.1001.exr"))
        clean = node.inputs["Clean Plate"].links[0].from_node.image.filepath
        artist.say("stays", artist.refused(bpy.ops.howard.build_clean_plate))
        artist.say("still plugged in", clean == node.inputs["Clean Plate"].links[0].from_node.image.filepath)
        bpy.ops.howard.open_input(socket="plate", filepath=str(shot / "noise.exr"), sequence=False)
        artist.say("one image", artist.refused(bpy.ops.howard.build_clean_plate))
        artist.preferences().command = "/bin/false"
        bpy.ops.howard.open_input(socket="plate", filepath=str(shot / "walk.1001.exr"))
        artist.say("no howard", artist.refused(bpy.ops.howard.build_clean_plate))


main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
