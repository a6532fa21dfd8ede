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
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path

import bpy

__all__ = [
    "Part",
    "Steps",
    "compositor",
    "look_at",
    "out_folder",
    "override",
    "picture",
    "play",
    "press",
    "sheet",
    "sidebar",
    "split",
    "stroke",
    "until",
]

Steps = Iterator[float]
Part = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels of an image, from its upper left corner."""

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
    # The mouse is left wherever it was needed last.
    preferences.view.show_tooltips = False
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
    _xdo("mousemove", *_on_screen(one.x + one.width // 2, one.y + one.height // 2), "key", key)


def look_at(one: bpy.types.Area, part: Part) -> None:
    """Have an image editor show a part of its image."""
    xmin, ymin, xmax, ymax = _in_region(one, part)
    with override(one):
        bpy.ops.image.view_zoom_border(xmin=xmin, ymin=ymin, xmax=xmax, ymax=ymax, wait_for_input=False)


def stroke(one: bpy.types.Area, points: Sequence[tuple[int, int]]) -> Steps:
    """Draw a stroke with the mouse over the image of an image editor, in steps: `yield from stroke(...)`.

    Parameters
    ----------
    one : Area
        An image editor.
    points : sequence of (int, int)
        In pixels of the image, from its upper left corner.
    """
    for count, (x, y) in enumerate(points):
        right, up, *_ = _in_region(one, (x, y, x, y))
        there = _on_screen(_window_region(one).x + right, _window_region(one).y + up)
        _xdo("mousemove", *there, *(() if count else ("mousedown", "1")))
        yield 2 * _TICK
    _xdo("mouseup", "1")
    yield 2 * _TICK


def picture(name: str, one: bpy.types.Area | None = None, part: Part | None = None) -> Path:
    """Take a picture: of the screen, of an area, or of a part of the image that an image editor shows.

    Blender's own are black under software GL.
    """
    path, crop = out_folder() / f"{name}.png", ()
    if one is not None:
        rectangle = one.x, one.y, one.x + one.width, one.y + one.height
        if part is not None:
            region = _window_region(one)
            rectangle = tuple(
                corner + start
                for corner, start in zip(_in_region(one, part), (region.x, region.y) * 2, strict=True)
            )
        left, top = _on_screen(rectangle[0], rectangle[3])
        right, bottom = _on_screen(rectangle[2], rectangle[1])
        crop = ("-crop", f"{right - left}x{bottom - top}+{left}+{top}", "+repage")
    subprocess.run(["import", "-window", "root", *crop, str(path)], check=True, timeout=60)
    print("picture", path, flush=True)
    return path


def sheet(name: str, *pictures: Path, height: int) -> None:
    """Put pictures side by side into a JPEG for the documentation, so many pixels high."""
    path = out_folder() / "docs" / f"{name}.jpg"
    path.parent.mkdir(exist_ok=True)
    frame = ["-bordercolor", "#303030", "-border", "2"] if len(pictures) > 1 else []
    how = ["-resize", f"x{height}", *frame, "+append"]
    # Letters keep their edges with the colours at full resolution.
    how += ["-strip", "-sampling-factor", "4:4:4", "-quality", "88"]
    subprocess.run(["magick", *map(str, pictures), *how, str(path)], check=True, timeout=60)
    print("for docs", path, flush=True)


def _window_region(one: bpy.types.Area) -> bpy.types.Region:
    return next(each for each in one.regions if each.type == "WINDOW")


def _in_region(one: bpy.types.Area, part: Part) -> Part:
    """Give where an image editor shows a part of its image: left, bottom, right and top, upwards."""
    width, height = one.spaces.active.image.size
    left, top, right, bottom = part
    view = _window_region(one).view2d
    # An image goes from 0 to 1 in its editor, upwards.
    lower = view.view_to_region(left / width, 1 - bottom / height, clip=False)
    upper = view.view_to_region(right / width, 1 - top / height, clip=False)
    return (*lower, *upper)


def _on_screen(x: float, y: float) -> tuple[int, int]:
    """Give X's coordinates of a place in the window: downwards, where Blender's go up."""
    return round(x), bpy.context.window_manager.windows[0].height - round(y)


def _xdo(*words: object) -> None:
    subprocess.run(["xdotool", *map(str, words)], check=True, timeout=60)
