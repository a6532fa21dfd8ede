"""The shot at a glance: what results on disk say, and going to what wants a look."""

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
        panel: Any = importlib.import_module(f"{artist.MODULE}.panel")
        scene = bpy.context.scene
        bpy.ops.wm.read_homefile(use_empty=True)
        node = artist.add_matte(str(shot / "plate.1001.exr"), str(shot / "clean.exr"))
        artist.say("not saved", list(verdicts.glance(node.node_tree).said))
        artist.start_scene(project, (1, 5))
        scene = bpy.context.scene
        node = artist.add_matte(str(shot / "plate.1001.exr"), str(shot / "clean.exr"))
        tree, sources = node.node_tree, {n.label: n for n in artist.compositor().nodes if n.label}

        def seen() -> dict[str, str]:
            return {str(frame): verdict for frame, (verdict, _) in verdicts.glance(tree).said.items()}

        artist.say("nothing yet", seen())
        artist.say("drawn at first", {one.bl_label: artist.drawn(one) for one in panel._PANELS})
        sources["Plate"].frame_duration = 5
        artist.refused(bpy.ops.howard.pull_matte, frames="RANGE")
        artist.say("as is", seen())
        tree.howard.align = "auto"
        sources["Clean Plate"].image = bpy.data.images.load(str(shot / "another_place.exr"))
        scene.frame_set(2)
        artist.refused(bpy.ops.howard.pull_matte)
        artist.say("another place", seen())
        artist.say("why", verdicts.glance(tree).said[2][1])
        went = []
        for direction in ("NEXT", "NEXT", "NEXT", "PREVIOUS", "PREVIOUS"):
            assert bpy.ops.howard.next_to_look_at(direction=direction) == {"FINISHED"}
            went.append(scene.frame_current)
        artist.say("went", went)
        assert bpy.ops.howard.go_to_frame(frame=3) == {"FINISHED"}
        artist.say("cells", verdicts.glance(tree).cells(2))

        # Another Howard's, which says so, and a file that says nothing.
        folder = project / "howard/Howard_Matte"
        older = folder / "Howard_Matte.1003.exr"
        data = older.read_bytes()
        version = verdicts.glance(tree)
        artist.say("ours", version.others)
        older.unlink()
        ours = verdicts.description.load()["howard"].encode()
        assert data.count(b"howard:version\0string\0") == 1
        at = data.index(b"howard:version\0string\0") + len(b"howard:version\0string\0") + 4
        assert data[at : at + len(ours)] == ours
        older.write_bytes(data[:at] + b"9" * len(ours) + data[at + len(ours) :])
        artist.say("others", verdicts.glance(tree).others)
        scene.frame_set(2)
        assert bpy.ops.howard.paint_override(output="error_map") == {"FINISHED"}
        tree.howard.painted[0].used = "RANGE"
        artist.say("drawn", {one.bl_label: artist.drawn(one) for one in panel._PANELS})
        assert bpy.ops.howard.remove_painted(place=0) == {"FINISHED"}
        (folder / "Howard_Matte.1003.exr").unlink()
        artist.say("gone", seen())
        # What is mended is no longer said.
        for number in (1004, 1005):
            (shot / f"plate.{number}.exr").write_bytes((shot / "plate.1003.exr").read_bytes())
        tree.howard.align = "off"
        assert bpy.ops.howard.pull_matte(frames="RANGE") == {"FINISHED"}
        artist.say("mended", seen())
        artist.say("none to look at", bpy.ops.howard.next_to_look_at() == {"CANCELLED"})


main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
