"""Runs that do not go to their end: cancelled, without their worker, without Blender."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import artist
import bpy

LONG = 40


def soon(act: Callable[[], None]) -> None:
    """Do something while the first pull loads its network."""
    threading.Timer(0.7, act).start()


def gone(process: int) -> bool:
    """Wait for a process to end."""
    for _ in range(150):
        state = Path(f"/proc/{process}/stat")
        if not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.1)
    return False


def cancelled_half_way(shot: Path, project: Path, pull: Any) -> None:
    """Cancel a long pull as soon as there is a frame."""
    for number in range(1101, 1101 + LONG):
        shutil.copy(shot / "plate.1001.exr", shot / f"long.{number}.exr")
    artist.start_scene(project, (1101, 1100 + LONG))
    node = artist.add_matte(str(shot / "long.1101.exr"), str(shot / "clean.exr"))
    result = project / "howard/Howard_Matte"

    def cancel() -> None:
        while not list(result.glob("*.exr")):
            time.sleep(0.01)
        pull._RUNNING["Howard Matte"].cancel()

    threading.Thread(target=cancel, daemon=True).start()
    done = bpy.ops.howard.pull_matte(frames="RANGE")
    status = node.node_tree.howard.status
    artist.say("cancelled half-way", [list(done), status, len(list(result.iterdir()))])


def main(zip_file: str, howard: str, shot: Path, project: Path, *what: str) -> None:
    with artist.addon(zip_file, howard):
        worker: Any = importlib.import_module(f"{artist.MODULE}.worker")
        pull: Any = importlib.import_module(f"{artist.MODULE}.pull")
        artist.start_scene(project, (1, 3))
        artist.add_matte(str(shot / "plate.1001.exr"), str(shot / "clean.exr"))
        tree = bpy.data.node_groups["Howard Matte"]

        def process() -> int:
            while not worker._STARTED:
                time.sleep(0.05)
            return int(worker._STARTED[0][1].pid)

        if what:

            def die() -> None:
                print(process(), flush=True)
                os.kill(os.getpid(), signal.SIGKILL)

            soon(die)
            bpy.ops.howard.pull_matte(frames="RANGE")

        soon(lambda: pull._RUNNING["Howard Matte"].cancel())
        artist.say("cancelled", [list(bpy.ops.howard.pull_matte(frames="RANGE")), tree.howard.status])
        worker.close()
        soon(lambda: os.killpg(process(), signal.SIGKILL))
        artist.say("killed", artist.refused(bpy.ops.howard.pull_matte, frames="RANGE"))
        assert bpy.ops.howard.pull_matte(frames="RANGE") == {"FINISHED"}
        cancelled_half_way(shot, project / "long", pull)
        left = process()
    artist.say("gone with the add-on", gone(left))
    command = [sys.executable, __file__, *sys.argv[1:4], str(project / "other"), "die"]
    died = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    artist.say("died", died.returncode)
    artist.say("gone with Blender", gone(int(died.stdout.splitlines()[-1])))


main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), *sys.argv[5:])
