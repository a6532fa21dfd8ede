"""From the zip to a matte without a terminal: Install Howard, from the real indexes, and the demo shot."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import artist
import bpy
import install_words


def main(zip_file: str, torch_index: str, shot: Path, project: Path) -> None:
    with artist.addon(zip_file, ""):
        preferences = artist.preferences()
        artist.say("not installed", install_words.shown())
        artist.say("offline", artist.refused(bpy.ops.howard.install))
        bpy.context.preferences.system.use_online_access = True
        preferences.device, preferences.torch_index = "cpu", torch_index
        start = time.monotonic()
        assert bpy.ops.howard.install() == {"FINISHED"}, preferences.installed
        artist.say("seconds", time.monotonic() - start)
        artist.say("installed", preferences.installed)
        artist.say("command", install_words.command())
        assert bpy.ops.howard.test() == {"FINISHED"}
        artist.say("tested", preferences.tested)

        artist.start_scene(project, (1, 250), (1920, 1080))
        node = artist.add_matte(str(shot / "plate.1001.exr"), str(shot / "clean.exr"))
        node.node_tree.howard.align = node.node_tree.howard.match_exposure = "auto"
        assert bpy.ops.howard.match_plate() == {"FINISHED"}
        start = time.monotonic()
        assert bpy.ops.howard.pull_matte(frames="RANGE") == {"FINISHED"}
        artist.say("pulled", [node.node_tree.howard.status, time.monotonic() - start])

        # Deleted by somebody who made room: seen, said, and mended without fetching the rest.
        environment = Path(install_words.command()[0]).parents[1]
        site = next(environment.glob("lib/python3*/site-packages"))
        (site / "torch" / "__init__.py").unlink()
        artist.say("broken", [install_words.shown(), artist.refused(bpy.ops.howard.test)])
        start = time.monotonic()
        assert bpy.ops.howard.install(action="REPAIR") == {"FINISHED"}, preferences.installed
        artist.say("repaired", [preferences.installed, time.monotonic() - start])
        assert bpy.ops.howard.test() == {"FINISHED"}
        assert bpy.ops.howard.install(action="REMOVE") == {"FINISHED"}, preferences.installed
        artist.say("removed", [install_words.shown(), install_words.folder().exists()])


main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
