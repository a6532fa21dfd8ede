# SPDX-License-Identifier: GPL-3.0-or-later
"""What a script in the window needs: steps with pauses between them, areas, pictures.

Blender draws between steps only, so a script is a generator: `yield SECONDS` lets Blender draw and go on.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import bpy

__all__ = [
    "Steps",
    "compositor",
    "out_folder",
    "override",
    "picture",
    "play",
    "press",
    "sidebar",
    "split",
    "until",
]

Steps = Iterator[float]
_TICK = 0.1


def out_folder() -> Path:
    """Give the folder that window.sh was told to leave things in."""
    return Path(os.environ["WINDOW_OUT"])


def play(steps: Callable[[], Steps]) -> None:
    """Walk through the steps of a script, then end Blender; an exception in one ends it with exit code 1."""
    running = steps()

    def step() -> float:
        try:
            return next(running)
        except StopIteration:
            _end(0)
        except BaseException:
            traceback.print_exc()
            _end(1)
        raise AssertionError

    preferences = bpy.context.preferences
    preferences.view.show_splash = False
    # Beside the nodes, not over them: what is framed is seen.
    preferences.system.use_region_overlap = False
    bpy.app.timers.register(step, first_interval=2.0)


def _end(code: int) -> None:
    # quit_blender asks about unsaved work, and knows no exit code.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def until(condition: Callable[[], object], seconds: float, otherwise: str) -> Generator[float, None, float]:
    """Wait for a condition, in steps: `yield from until(...)`.

    Returns
    -------
    float
        The longest time, in seconds, that Blender did not answer meanwhile.

    Raises
    ------
    TimeoutError
        It did not come true in time; `otherwise` says so.
    """
    end, longest = time.monotonic() + seconds, 0.0
    while not condition():
        before = time.monotonic()
        if before > end:
            raise TimeoutError(otherwise)
        yield _TICK
        longest = max(longest, time.monotonic() - before - _TICK)
    return longest


def override(one: bpy.types.Area, region: str = "WINDOW") -> object:
    """Make a context in which an operator acts in this area, as if the mouse were there."""
    window = bpy.context.window_manager.windows[0]
    where = next(each for each in one.regions if each.type == region)
    return bpy.context.temp_override(window=window, screen=window.screen, area=one, region=where)


def compositor() -> Generator[float, None, bpy.types.Area]:
    """Make the window one empty compositor, in steps: `area = yield from compositor()`."""
    window = bpy.context.window_manager.windows[0]
    largest = max(window.screen.areas, key=lambda one: one.width * one.height)
    while len(window.screen.areas) > 1:
        other = next(one for one in window.screen.areas if one != largest)
        with bpy.context.temp_override(window=window, screen=window.screen, area=other):
            bpy.ops.screen.area_close()
    largest.ui_type = "CompositorNodeTree"
    space = largest.spaces.active
    scene = bpy.context.scene
    if scene.compositing_node_group is None:
        scene.compositing_node_group = bpy.data.node_groups.new("Compositing", "CompositorNodeTree")
    space.node_tree = scene.compositing_node_group
    yield 1.0  # the asset shelf is there, and can be closed, once it was drawn
    space.show_region_asset_shelf = False
    return largest


def split(one: bpy.types.Area, direction: str, factor: float, ui_type: str) -> bpy.types.Area:
    """Split an area, `VERTICAL` or `HORIZONTAL`, and give the new part another editor."""
    window = bpy.context.window_manager.windows[0]
    before = set(window.screen.areas)
    with override(one):
        bpy.ops.screen.area_split(direction=direction, factor=factor)
    new = next(each for each in window.screen.areas if each not in before)
    new.ui_type = ui_type
    return new


def sidebar(one: bpy.types.Area, tab: str) -> None:
    """Open the sidebar of an area at a tab."""
    one.spaces.active.show_region_ui = True
    next(each for each in one.regions if each.type == "UI").active_panel_category = tab


def press(key: str, one: bpy.types.Area) -> None:
    """Press a key, by X's name for it, with the mouse in the middle of an area."""
    window = bpy.context.window_manager.windows[0]
    x, y = one.x + one.width // 2, window.height - (one.y + one.height // 2)
    subprocess.run(["xdotool", "mousemove", str(x), str(y), "key", key], check=True, timeout=60)


def picture(name: str) -> Path:
    """Take a picture of the screen as it is now: Blender's own screenshots are black under software GL."""
    path = out_folder() / f"{name}.png"
    subprocess.run(["import", "-window", "root", str(path)], check=True, timeout=60)
    print("picture", path, flush=True)
    return path
