"""Installs that cannot be, and what the preferences say and draw."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import artist
import bpy
import install_words


def drawn() -> list[str]:
    layout = artist.Drawn()
    artist.preferences().installed = ""
    install_words.panel().draw(layout, artist.preferences())
    return layout.texts


def main(zip_file: str, project: Path) -> None:
    with artist.addon(zip_file, ""):
        preferences, install = artist.preferences(), bpy.ops.howard.install
        folder = install_words.folder()
        artist.say("folder", [str(folder), folder.exists()])
        artist.say("drawn", drawn())
        artist.say("offline", [artist.refused(install), preferences.installed])
        bpy.context.preferences.system.use_online_access = True
        preferences.wheels = str(project / "none")
        artist.say("no wheels", artist.refused(install))
        preferences.wheels = ""
        preferences.device = "mps"
        artist.say("no such build", artist.refused(install))
        preferences.device = "cpu"
        project.mkdir()
        (project / "file").touch()
        preferences.folder = str(project / "file")
        artist.say("a file", artist.refused(install))
        preferences.folder = str(project / "howard")
        preferences.python = str(project / "python")
        artist.say("no python", artist.refused(install))
        preferences.python = ""
        preferences.index = preferences.torch_index = "http://127.0.0.1:9/simple"
        artist.say("no index", artist.refused(install))
        artist.say("drawn after", drawn())
        artist.say("left", sorted(path.name for path in (project / "howard").iterdir()))
        artist.say("nothing to repair", artist.refused(bpy.ops.howard.test))

        # Another Blender is at it.
        hold = (
            "import fcntl, sys; file = open(sys.argv[1], 'a+'); fcntl.flock(file, fcntl.LOCK_EX); "
            "print('held', flush=True); sys.stdin.read()"
        )
        other = subprocess.Popen(
            [sys.executable, "-c", hold, str(project / "howard" / "howard-install.lock")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        artist.say("two at once", artist.refused(install))
        other.communicate()
        assert bpy.ops.howard.install(action="REMOVE") == {"FINISHED"}
        artist.say("removed", [preferences.installed, (project / "howard").exists()])


main(sys.argv[1], Path(sys.argv[2]))
