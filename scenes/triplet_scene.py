# SPDX-License-Identifier: GPL-3.0-or-later
"""Render the passes of whole scenes: a subject in a place, and the place without it.

Runs in a Python that has bpy (4.5); triplets.py starts it:

    python scenes/triplet_scene.py RECIPES.json BODIES FOLDER --size 1920 1080 --threads 2

FOLDER gets ``NNNNN.behind.exr``, the place with the subject's shadow, bounce and reflection but not itself;
``NNNNN.clean.exr``, the place without it, from where the camera drifted to; and, unless there is nobody,
``NNNNN.color.exr`` and ``NNNNN.cover.exr`` as scene.py makes them, lit by the place, and ``NNNNN.box.json``:
the pixels (left, top, right, bottom) that these two were rendered for. What it says is what scene.py says.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Euler, Matrix, Vector

sys.path.append(str(Path(__file__).parent / "demo_shot"))

from place_scene import build_place, keep_inside
from scene import (
    FRAMING,
    SENSOR,
    Laps,
    aim,
    blacken,
    build_subject,
    lamps,
    move,
    serve,
    shoot,
    sky,
    start,
)

__all__: list[str] = []

# Of the place: few, but the same in both takes, so that where nothing differs their noise does not either.
BEHIND_SAMPLES = 5
COLOR_SAMPLES = 6
COVER_SAMPLES = 192

_SOLID = ("MESH", "CURVE", "CURVES")


def _build(
    recipe: dict[str, Any], bodies: Path, size: tuple[int, int]
) -> tuple[list[bpy.types.Object], list[bpy.types.Object]]:
    """Build subject, place, camera and lamps; returns what is solid of subject and place."""
    camera, place = recipe["camera"], recipe["place"]
    rng = np.random.default_rng(recipe["detail"])
    subject: list[bpy.types.Object] = []
    if recipe["people"] or recipe["thing"]:
        subject, target, height, focus = build_subject(recipe, bodies, size[1], rng)
    else:
        height, below = FRAMING.get(camera["shot"], (2.1, 0.65))
        target = np.array([0, 0, 1.62 - below])
        focus = target
    camera = keep_inside(camera, float(target[2]), height, place["height"])
    aim(camera, target, height, focus, rng)
    away = (bpy.context.scene.camera.location - Vector(target)).length
    solid = build_place(place, math.radians(camera["yaw"]), away)
    light = recipe["light"]
    if place["inside"]:  # lamps hang below the ceiling
        room = (place["height"] - 0.2 - float(target[2])) / (1.2 + height)
        highest = math.degrees(math.asin(min(1.0, max(0.0, room))))
        lower = [{**lamp, "height": min(lamp["height"], highest)} for lamp in light["lamps"]]
        light = {**light, "lamps": lower}
    lamps(light, target, height)
    sky(light)
    move(subject, camera, height)
    return tuple([item for item in items if item.type in _SOLID] for items in (subject, solid))


def _box(items: list[bpy.types.Object], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Find the pixels that objects can reach, moved or out of focus: left, top, right, bottom."""
    scene = bpy.context.scene
    corners = []
    for frame in (0, 1, 2) if scene.render.use_motion_blur else (1,):
        scene.frame_set(frame)
        graph = bpy.context.evaluated_depsgraph_get()
        for item in items:
            shown = item.evaluated_get(graph)
            corners += [
                world_to_camera_view(scene, scene.camera, shown.matrix_world @ Vector(c))
                for c in shown.bound_box
            ]
    scene.frame_set(1)
    places = np.array(corners)
    if (places[:, 2] <= 0.02).any():
        return 0, 0, *size
    margin = 0.06 if scene.camera.data.dof.use_dof else 0.02
    low, high = places[:, :2].min(0) - margin, places[:, :2].max(0) + margin
    low, high = np.clip(low, 0, 1), np.clip(high, 0, 1)
    left, right = int(low[0] * size[0]), math.ceil(high[0] * size[0])
    top, bottom = int((1 - high[1]) * size[1]), math.ceil((1 - low[1]) * size[1])
    return left, top, right, bottom


def _look_at(box: tuple[int, int, int, int], size: tuple[int, int]) -> None:
    """Render only some pixels; the rest of the picture stays black."""
    render = bpy.context.scene.render
    render.use_border, render.use_crop_to_border = True, False
    render.border_min_x, render.border_max_x = box[0] / size[0], box[2] / size[0]
    render.border_min_y, render.border_max_y = 1 - box[3] / size[1], 1 - box[1] / size[1]


def _drift(recipe: dict[str, Any]) -> Matrix:
    """Move the camera to where the clean plate is taken from; returns where it was."""
    camera = bpy.context.scene.camera
    bpy.context.view_layer.update()
    before = camera.matrix_world.copy()
    pixel = SENSOR / camera.data.lens / 1080
    depth = camera.location.length + recipe["place"]["distance"]
    x, y = (value * pixel for value in recipe["drift"])
    turn = Euler((y, x, math.radians(recipe["roll"]))).to_matrix().to_4x4()
    camera.matrix_world = before @ Matrix.Translation((recipe["travel"] * pixel * depth, 0, 0)) @ turn
    return before


def _render(
    recipe: dict[str, Any], bodies: Path, folder: Path, size: tuple[int, int], threads: int
) -> dict[str, float]:
    """Render all passes of a recipe; returns seconds by step."""
    laps = Laps()
    start(size, threads)
    subject, place = _build(recipe, bodies, size)
    name = f"{recipe['number']:05d}"
    laps.lap("build")
    for item in subject:
        item.visible_camera = False
    shoot(folder / f"{name}.behind.exr", BEHIND_SAMPLES, 1, color=True, film=False)
    laps.lap("behind")
    for item in subject:
        item.visible_camera, item.hide_render = True, True
    before = _drift(recipe)
    shoot(folder / f"{name}.clean.exr", BEHIND_SAMPLES, 1, color=True, film=False)
    laps.lap("clean")
    if not subject:
        return laps.took
    scene = bpy.context.scene
    scene.camera.matrix_world = before
    for item in subject:
        item.hide_render = False
    for item in place:
        item.visible_camera = False
    box = _box(subject, size)
    (folder / f"{name}.box.json").write_text(json.dumps(box), encoding="utf-8")
    _look_at(box, size)
    shoot(folder / f"{name}.color.exr", COLOR_SAMPLES, 2, color=True)
    laps.lap("color")
    for item in place:
        item.hide_render = True
    blacken()
    shoot(folder / f"{name}.cover.exr", COVER_SAMPLES, 3, color=False)
    laps.lap("cover")
    return laps.took


if __name__ == "__main__":
    serve(__doc__.splitlines()[0], _render)
