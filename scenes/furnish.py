# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands along the back of a rendered place, and before it.

The back is the wall of the demo shot's room: it faces -Y at ``room.WALL``, the ground is at 0; metres.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Euler, Matrix, Vector

sys.path.append(str(Path(__file__).parent / "demo_shot"))

import room
from person import wander
from props import add_chair
from room import WALL, Material, add_box, add_lathe, add_strands, hsv
from shapes import add_ball, add_tube, plain, vec
from surfaces import add_panel
from things import build_thing

__all__ = ["HOLES", "add_along", "add_around", "add_leaves", "hole_of"]

# What needs a hole in the wall.
HOLES = ("window", "blinds")


def hole_of(x: float, wide: float, height: float) -> tuple[float, float, float, float]:
    """Where a window's hole lies in the wall: left, right, bottom, top."""
    return x - wide * 0.38, x + wide * 0.38, 0.9, min(2.3, height - 0.25)


def _paint(spec: dict[str, Any], roughness: float = 0.5, second: bool = False) -> bpy.types.Material:
    return room.plain_material(hsv(*spec["second" if second else "first"]), roughness, 0.2)


def add_along(spec: dict[str, Any], x: float, wide: float, height: float) -> None:
    """Add something along the back.

    Parameters
    ----------
    spec : dict
        ``kind``, two colours and ``detail`` of a recipe.
    x, wide : float
        Middle of its slot and how wide that is.
    height : float
        Of the back.
    """
    rng = np.random.default_rng(spec["detail"])
    _ALONG[spec["kind"]](spec, x, wide, height, rng)


def _shelf(_spec: dict, x: float, wide: float, height: float, rng: np.random.Generator) -> None:
    levels = list(np.arange(rng.uniform(0.08, 0.4), min(height - 0.4, 2.3), rng.uniform(0.32, 0.42)))
    room.build_shelf(rng, x - wide / 2 + 0.02, x + wide / 2 - 0.02, levels)


def _window(spec: dict, x: float, wide: float, height: float, rng: np.random.Generator) -> None:
    x0, x1, z0, z1 = hole_of(x, wide, height)
    room.build_window(x0, x1, z0, z1)
    if rng.random() < 0.7:
        color = hsv(*spec["first"])
        for a, b in ((x0 - 0.12, x0 + 0.14), (x1 - 0.14, x1 + 0.12)):
            room.build_curtain(a, b, 0.05 if rng.random() < 0.6 else z0 - 0.1, z1 + 0.12, color)


def _blinds(spec: dict, x: float, wide: float, height: float, rng: np.random.Generator) -> None:
    x0, x1, z0, z1 = hole_of(x, wide, height)
    room.build_window(x0, x1, z0, z1)
    paint = _paint(spec, 0.4)
    lean = rng.uniform(0.2, 1.1)
    for z in np.arange(z0 + rng.uniform(0, 0.5) * (z1 - z0), z1, 0.05):
        add_box((x, WALL - 0.08, z), (x1 - x0 + 0.1, 0.045, 0.002), paint, rotation=(lean, 0, 0))
    for at in (x0 + 0.15, x1 - 0.15):
        add_tube("cord", np.array([[at, WALL - 0.11, z0], [at, WALL - 0.11, z1]]), 0.0012, paint)


def _pictures(_spec: dict, x: float, wide: float, height: float, rng: np.random.Generator) -> None:
    frame = plain("frame", hsv(rng.random(), rng.uniform(0, 0.5), rng.choice([0.1, 0.4, 0.9])), 0.4)
    rows, columns = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    tall, across = min(1.4, height - 1.3) / rows, wide * 0.9 / columns
    for row in range(rows):
        for column in range(columns):
            w, h = across * rng.uniform(0.5, 0.85), tall * rng.uniform(0.5, 0.85)
            cx, cz = x + (column - (columns - 1) / 2) * across, 1.0 + (row + 0.5) * tall
            add_box((cx, WALL - 0.02, cz), (w, 0.035, h), frame, bevel=0.004)
            paper = plain("mount", (0.75, 0.73, 0.68), 0.8)
            add_box((cx, WALL - 0.039, cz), (w - 0.04, 0.003, h - 0.04), paper)
            picture = room.painting_material(rng)
            add_box((cx, WALL - 0.041, cz), (w * 0.7, 0.003, h * 0.7), picture)


def _lettering(rng: np.random.Generator) -> bpy.types.Material:
    """Make paper with lines of what reads as words from afar."""
    material = Material("lettering")
    paper, ink = hsv(rng.random(), rng.uniform(0, 0.4), 0.9), hsv(rng.random(), rng.uniform(0, 0.9), 0.2)
    words = material.texture(
        "Brick", 1.0, offset=0.43, offset_frequency=3, squash=1.6, squash_frequency=2,
        Color1=ink, Color2=ink * 1.6, Mortar=paper,
    )  # fmt: skip
    for name, value in (("Mortar Size", 0.011), ("Brick Width", 0.09), ("Row Height", 0.04)):
        words.inputs[name].default_value = value
    material.principled(words.outputs[0], 0.6, 0.3)
    return material.data


def _posters(_spec: dict, x: float, wide: float, height: float, rng: np.random.Generator) -> None:
    for _ in range(int(rng.integers(2, 6))):
        w = rng.uniform(0.25, 0.6)
        h = w * rng.uniform(1.2, 1.5)
        at = (
            x + rng.uniform(-0.4, 0.4) * wide,
            WALL - 0.004 - 0.004 * rng.random(),
            rng.uniform(1.0, height - 0.6),
        )
        material = _lettering(rng) if rng.random() < 0.6 else room.painting_material(rng)
        add_panel(w, h, material, at, (np.pi / 2, rng.normal(0, 0.03), 0))


def _cabinet(spec: dict, x: float, wide: float, height: float, rng: np.random.Generator) -> None:
    tall, deep = rng.uniform(0.7, min(1.9, height - 0.3)), 0.42
    wood = room.wood_material(hsv(0.07, 0.6, rng.uniform(0.3, 0.8)))
    body = wood if rng.random() < 0.6 else _paint(spec)
    across = wide * 0.9
    add_box((x, WALL - deep / 2, tall / 2), (across, deep, tall), body, bevel=0.008)
    knob = plain("knob", (0.5, 0.4, 0.2), 0.3, Metallic=1.0)
    rows, columns = int(rng.integers(2, 5)), int(rng.integers(1, 4))
    for row in range(rows):
        for column in range(columns):
            w, h = across / columns - 0.03, (tall - 0.1) / rows - 0.02
            cx = x + (column - (columns - 1) / 2) * across / columns
            cz = 0.07 + (row + 0.5) * (tall - 0.1) / rows
            add_box((cx, WALL - deep - 0.008, cz), (w, 0.018, h), body, bevel=0.004)
            add_ball("knob", (cx, WALL - deep - 0.035, cz), (0.016,) * 3, knob, 6)
    _clutter(x, across, tall, WALL - deep / 2, rng)


def _cupboards(spec: dict, x: float, wide: float, height: float, rng: np.random.Generator) -> None:
    front, top = _paint(spec, 0.3), room.plain_material(hsv(*spec["second"]), 0.15, 0.5, 30.0)
    handle = plain("handle", (0.6, 0.6, 0.6), 0.25, Metallic=1.0)
    for low, tall, deep in ((0.1, 0.76, 0.55), (1.45, min(0.75, height - 1.55), 0.33)):
        for k in (0, 1):
            cx = x + (k - 0.5) * wide / 2
            at = (cx, WALL - deep / 2, low + tall / 2)
            add_box(at, (wide / 2 - 0.006, deep, tall), front, bevel=0.004)
            bar = np.array([[cx + 0.12, WALL - deep - 0.03, low + tall * 0.3]])
            add_tube("handle", np.concatenate([bar, bar + vec(0, 0, 0.16)]), 0.006, handle)
    add_box((x, WALL - 0.3, 0.88), (wide, 0.62, 0.04), top, bevel=0.006)
    _clutter(x, wide, 0.9, WALL - 0.25, rng)


def _clutter(x: float, wide: float, z: float, y: float, rng: np.random.Generator) -> None:
    """Put small things side by side on a board at height z."""
    at = x - wide / 2 + 0.1
    while at < x + wide / 2 - 0.1:
        kind, size = rng.random(), rng.uniform(0.04, 0.1)
        material = room.plain_material(hsv(*rng.random(2), rng.uniform(0.2, 0.95)), rng.uniform(0.1, 0.7))
        if kind < 0.3:
            t = np.linspace(0, 1, 12)
            profile = np.stack([size * (0.5 + 0.5 * np.sin(0.4 + 2.6 * t)), t * rng.uniform(0.12, 0.34)], 1)
            add_lathe([(0.001, 0), *profile], material, (at, y, z), 24)
        elif kind < 0.5:
            tall = rng.uniform(0.08, 0.25)
            turned = (0, 0, rng.normal(0, 0.4))
            add_box((at, y, z + tall / 2), (size * 1.6, size, tall), material, turned, 0.004)
        elif kind < 0.62:
            lean = {"kind": "wine", "first": [rng.random(), 0.7, 0.4], "second": [0.1, 0.5, 0.5]}
            amounts = {"amount": 0.3, "thickness": 0.2, "hair": 0.0}
            _place(build_thing("glass", lean | amounts, int(rng.integers(2**31))), (at, y, z), 0.0)
        elif kind < 0.72:
            room.build_plant(rng, (at, y, z + 0.2), rng.uniform(0.25, 0.5), 50)
        else:
            for k in range(int(rng.integers(1, 5))):
                turned = (0, 0, rng.normal(0, 0.25))
                add_box((at, y, z + 0.015 + 0.03 * k), (0.2, 0.14, 0.027), room.book_material(rng), turned)
        at += size + rng.uniform(0.12, 0.4)


def _radiator(spec: dict, x: float, wide: float, _height: float, rng: np.random.Generator) -> None:
    paint = plain("enamel", np.maximum(hsv(spec["first"][0], 0.1, 0.9), 0.2), 0.3)
    low, high = 0.12, rng.uniform(0.6, 0.9)
    for at in np.arange(x - wide * 0.42, x + wide * 0.42, 0.055):
        box = (0.038, 0.1, high - low)
        add_box((at, WALL - 0.1, (low + high) / 2), box, paint, bevel=0.012)
    for z in (low + 0.05, high - 0.05):
        ends = np.array([[x - wide * 0.47, WALL - 0.1, z], [x + wide * 0.47, WALL - 0.1, z]])
        add_tube("pipe", ends, 0.018, paint)


def _hooks(spec: dict, x: float, wide: float, height: float, rng: np.random.Generator) -> None:
    metal = plain("steel", (0.45,) * 3, 0.3, Metallic=1.0)
    z = rng.uniform(1.4, min(1.9, height - 0.4))
    rail = np.array([[x - wide * 0.45, WALL - 0.06, z], [x + wide * 0.45, WALL - 0.06, z]])
    add_tube("rail", rail, 0.008, metal)
    for at in np.arange(x - wide * 0.4, x + wide * 0.4, rng.uniform(0.09, 0.18)):
        long = rng.uniform(0.12, 0.4)
        material = metal if rng.random() < 0.5 else _paint(spec, 0.4, rng.random() < 0.5)
        add_tube("shaft", np.array([[at, WALL - 0.07, z], [at, WALL - 0.07, z - long]]), 0.006, material)
        if rng.random() < 0.7:
            size = rng.uniform(0.025, 0.08)
            add_ball(
                "end", (at, WALL - 0.08, z - long), (size, 0.012, size * rng.uniform(0.8, 1.6)), material
            )
    if rng.random() < 0.4:
        room.build_curtain(x + wide * 0.15, x + wide * 0.45, 0.3, z, hsv(*spec["second"]))


def _pipes(spec: dict, x: float, wide: float, height: float, rng: np.random.Generator) -> None:
    for _ in range(int(rng.integers(2, 6))):
        material = plain("pipe", hsv(*spec["first" if rng.random() < 0.5 else "second"]), 0.4)
        radius = rng.uniform(0.006, 0.05)
        y, at = WALL - radius - 0.02, x + rng.uniform(-0.45, 0.45) * wide
        if rng.random() < 0.3:
            z = rng.uniform(0.3, height - 0.2)
            add_tube("pipe", np.array([[x - wide, y, z], [x + wide, y, z]]), radius, material)
        else:
            add_tube("pipe", np.array([[at, y, 0], [at, y, height]]), radius, material)


def _board(_spec: dict, x: float, wide: float, height: float, rng: np.random.Generator) -> None:
    white, frame = plain("board", (0.8,) * 3, 0.15), plain("frame", (0.4,) * 3, 0.3, Metallic=1.0)
    tall = min(1.1, height - 1.3)
    add_box((x, WALL - 0.02, 1.0 + tall / 2), (wide * 0.95, 0.03, tall + 0.05), frame, bevel=0.004)
    add_box((x, WALL - 0.036, 1.0 + tall / 2), (wide * 0.92, 0.004, tall), white)
    pens = [plain("pen", color, 0.6) for color in ((0.01, 0.01, 0.02), (0.5, 0.02, 0.02), (0.02, 0.05, 0.5))]
    for z in np.arange(1.1, 1.0 + tall - 0.1, 0.09):
        steps, long = 90, wide * rng.uniform(0.1, 0.8)
        line = np.stack([np.linspace(0, long, steps), np.zeros(steps), 0.02 * rng.normal(0, 1, steps)], 1)
        line += [x - wide * 0.43, WALL - 0.04, z]
        add_strands("writing", line[None], np.full((1, steps), 0.0025), pens[int(rng.integers(3))])
    course = wander(rng, 3, 60) * 0.5 + [x, 0, 1.0 + tall / 2]
    course[..., 1] = WALL - 0.04
    add_strands("scribble", course, np.full((3, 60), 0.003), pens[0])


def _desk(_spec: dict, x: float, wide: float, _height: float, rng: np.random.Generator) -> None:
    wood = room.wood_material(hsv(0.08, rng.uniform(0.2, 0.7), rng.uniform(0.4, 0.9)))
    add_box((x, WALL - 0.35, 0.73), (wide, 0.65, 0.035), wood, bevel=0.004)
    dark = plain("legs", (0.03,) * 3, 0.5)
    for side in (-1, 1):
        for y in (WALL - 0.08, WALL - 0.62):
            at = x + side * (wide / 2 - 0.05)
            add_tube("leg", np.array([[at, y, 0], [at, y, 0.72]]), 0.018, dark)
    add_box((x, WALL - 0.25, 1.0), (0.56, 0.03, 0.34), plain("bezel", (0.01,) * 3, 0.4), bevel=0.005)
    add_panel(0.53, 0.31, _screen(rng), (x, WALL - 0.267, 1.0), (np.pi / 2, 0, 0))
    add_tube("stand", np.array([[x, WALL - 0.22, 0.75], [x, WALL - 0.22, 0.95]]), 0.02, dark)
    if wide > 1.2 and rng.random() < 0.6:
        room.build_lamp(x - wide * 0.35, WALL - 0.3, 0.75, 0.9)
    _clutter(x + wide * 0.3, wide * 0.4, 0.75, WALL - 0.3, rng)


def _screen(rng: np.random.Generator) -> bpy.types.Material:
    material = Material("screen")
    noise = material.texture("Noise", 7.0, Detail=2.0)
    stops = [(p, hsv(rng.random(), 0.5, rng.uniform(0.2, 1))) for p in (0.4, 0.45, 0.5, 0.56)]
    return material.emission(material.ramp(noise.outputs[0], *stops), float(rng.uniform(0.4, 2.5)))


def _door(spec: dict, x: float, wide: float, height: float, rng: np.random.Generator) -> None:
    tall, across = min(2.05, height - 0.2), min(0.85, wide * 0.85)
    paint, frame = _paint(spec, 0.4), _paint(spec, 0.4, second=True)
    add_box((x, WALL - 0.02, tall / 2), (across, 0.05, tall), paint, bevel=0.004)
    panels = int(rng.integers(2, 5))
    for k in range(panels):
        h = (tall - 0.3) / panels
        add_box((x, WALL - 0.05, 0.2 + (k + 0.5) * h), (across * 0.7, 0.02, h - 0.12), paint, bevel=0.008)
    for side in (-1, 1):
        add_box((x + side * (across / 2 + 0.04), WALL - 0.03, tall / 2), (0.09, 0.07, tall + 0.09), frame)
    add_box((x, WALL - 0.03, tall + 0.05), (across + 0.17, 0.07, 0.09), frame)
    brass = plain("handle", (0.55, 0.4, 0.15), 0.25, Metallic=1.0)
    lever = np.array([[x + across * 0.4, WALL - 0.1, 1.0], [x + across * 0.26, WALL - 0.1, 1.0]])
    add_tube("handle", lever, 0.01, brass)


def _mirror(_spec: dict, x: float, wide: float, height: float, rng: np.random.Generator) -> None:
    tall = rng.uniform(0.7, min(1.5, height - 0.8))
    frame = room.wood_material(hsv(0.09, 0.6, 0.6))
    add_box((x, WALL - 0.02, 0.6 + tall / 2), (wide * 0.6, 0.04, tall), frame, bevel=0.01)
    glass = plain("mirror", (0.9,) * 3, 0.02, Metallic=1.0)
    add_box((x, WALL - 0.042, 0.6 + tall / 2), (wide * 0.6 - 0.08, 0.003, tall - 0.08), glass)


def _bush(_spec: dict, x: float, wide: float, height: float, rng: np.random.Generator) -> None:
    tall = rng.uniform(0.6, min(1.8, height))
    u = rng.normal(0, 1, (1500, 3))
    u *= (rng.random(1500) ** 0.25 / np.linalg.norm(u, axis=1))[:, None]
    places = u * [wide * 0.5, 0.4, tall / 2] + [x, WALL - 0.45, tall / 2]
    add_leaves(places[places[:, 2] > 0], rng, 0.05)


def add_leaves(places: np.ndarray, rng: np.random.Generator, size: float) -> None:
    """Add a leaf at each place, N 3, about `size` metres long, in one hue of green that varies."""
    count = len(places)
    way = rng.normal(0, 1, (count, 1, 3)) + vec(0, -0.5, 0.3)
    way *= size * rng.uniform(0.6, 1.4, (count, 1, 1)) / np.linalg.norm(way, axis=2, keepdims=True)
    points = places[:, None] + way * np.linspace(0, 1, 5)[None, :, None]
    points[..., 2] -= 0.25 * size * np.linspace(0, 1, 5) ** 2
    material = Material("leaves")
    hue, value = rng.uniform(0.17, 0.36), rng.uniform(0.25, 0.6)
    dry = hsv(rng.uniform(0.06, 0.14), 0.6, value)
    random = material.node("ShaderNodeHairInfo").outputs["Random"]
    stops = (
        (0.0, hsv(hue, 0.7, value * 0.5)),
        (0.6, hsv(hue, 0.6, value)),
        (0.93, hsv(hue - 0.05, 0.6, value)),
    )
    material.principled(material.ramp(random, *stops, (0.98, dry)), 0.5, 0.3)
    shape = size * 0.22 * np.array([0.25, 0.9, 1.0, 0.7, 0.1])
    add_strands("leaves", points, np.tile(shape, (count, 1)), material.data)


def _crates_along(spec: dict, x: float, wide: float, _height: float, rng: np.random.Generator) -> None:
    _place(_made(lambda: _crates(spec, rng)), (x + rng.uniform(-0.3, 0.3) * wide, WALL - 0.5, 0), 0.2)


_ALONG = {
    "shelf": _shelf,
    "window": _window,
    "blinds": _blinds,
    "pictures": _pictures,
    "posters": _posters,
    "cabinet": _cabinet,
    "cupboards": _cupboards,
    "radiator": _radiator,
    "hooks": _hooks,
    "pipes": _pipes,
    "board": _board,
    "desk": _desk,
    "door": _door,
    "mirror": _mirror,
    "bush": _bush,
    "crates": _crates_along,
}


def _made(make: Any) -> list[bpy.types.Object]:
    before = set(bpy.context.scene.objects)
    make()
    return [item for item in bpy.context.scene.objects if item not in before]


def _place(items: list[bpy.types.Object], at: Any, turn: float, size: float = 1.0) -> None:
    """Move things that were built over the origin."""
    bpy.context.view_layer.update()  # for the places of boxes that were only just made
    matrix = Matrix.LocRotScale(at, Euler((0, 0, turn)), (size,) * 3)
    for item in items:
        if item.parent is None:
            item.matrix_world = matrix @ item.matrix_world


def add_around(spec: dict[str, Any], x: float, y: float, height: float) -> None:
    """Add something that stands on the ground at a place, under a ceiling (or about as high as it)."""
    rng = np.random.default_rng(spec["detail"])
    kind, turn = spec["kind"], np.radians(spec["turn"])
    if kind == "garland":
        hooks = [(a, height - rng.uniform(0.1, 0.4)) for a in np.arange(x - 3, x + 3.1, 1.2)]
        room.build_garland(rng, hooks, 8, y, 12.0)
    elif kind == "lamp":
        pole = plain("pole", (0.05,) * 3, 0.3, Metallic=0.8)
        add_tube("pole", np.array([[x, y, 0], [x, y, 1.2]]), 0.012, pole)
        room.build_lamp(x, y, 0.95, 1.3)
    elif kind in _THINGS:
        subject, name, size = _THINGS[kind]
        thing = {
            "kind": name if isinstance(name, str) else str(rng.choice(name)),
            "first": spec["first"],
            "second": spec["second"],
            **{key: float(rng.random()) for key in ("amount", "thickness", "hair")},
        }
        items = build_thing(subject, thing, spec["detail"])
        bpy.context.view_layer.update()
        low = min((item.matrix_world @ Vector(c)).z for item in items for c in item.bound_box)
        _place(items, (x, y, -low * size), turn, size)
    else:
        _place(_made(lambda: _AROUND[kind](spec, rng)), (x, y, 0), turn)


def _sofa(spec: dict, rng: np.random.Generator) -> None:
    material = room.plain_material(hsv(*spec["first"]), 0.9, 0.25, 120.0, Sheen_Weight=0.3)
    wide, soft = rng.uniform(1.3, 2.1), 0.06
    add_box((0, 0, 0.3), (wide, 0.85, 0.28), material, bevel=soft)
    add_box((0, 0.36, 0.6), (wide, 0.2, 0.5), material, (-0.12, 0, 0), soft)
    for side in (-1, 1):
        add_box((side * wide / 2, 0, 0.42), (0.18, 0.85, 0.4), material, bevel=soft)
    for _ in range(int(rng.integers(0, 4))):
        pillow = room.painting_material(rng) if rng.random() < 0.5 else _paint(spec, 0.9, second=True)
        at = (rng.uniform(-0.4, 0.4) * wide, 0.12, 0.6)
        add_box(at, (0.4, 0.12, 0.38), pillow, (-0.3, rng.normal(0, 0.3), 0), 0.05)


def _table(_spec: dict, rng: np.random.Generator) -> None:
    wood = room.wood_material(hsv(0.08, rng.uniform(0.2, 0.7), rng.uniform(0.3, 0.9)))
    wide, deep = rng.uniform(0.7, 1.5), rng.uniform(0.6, 0.9)
    add_box((0, 0, 0.74), (wide, deep, 0.035), wood, bevel=0.006)
    for a in (-1, 1):
        for b in (-1, 1):
            add_box((a * (wide / 2 - 0.05), b * (deep / 2 - 0.05), 0.36), (0.06, 0.06, 0.72), wood)
    _clutter(0, wide, 0.758, 0, rng)
    if rng.random() < 0.4:
        _clutter(0.1, wide * 0.7, 0.758, -deep * 0.3, rng)


def _crates(spec: dict, rng: np.random.Generator) -> None:
    z = 0.0
    for _ in range(int(rng.integers(1, 5))):
        wide, deep, tall = rng.uniform(0.35, 0.7), rng.uniform(0.3, 0.5), rng.uniform(0.2, 0.4)
        turn = (0, 0, rng.normal(0, 0.15))
        kind = rng.random()
        if kind < 0.5:
            card = room.plain_material(hsv(0.08, 0.45, rng.uniform(0.5, 0.75)), 0.9, 0.2)
            add_box((0, 0, z + tall / 2), (wide, deep, tall), card, turn, 0.004)
            tape = plain("tape", (0.3, 0.2, 0.1), 0.2)
            add_box((0, 0, z + tall / 2), (0.05, deep + 0.004, tall + 0.004), tape, turn)
        else:  # slats
            wood = room.wood_material(hsv(0.09, 0.5, rng.uniform(0.4, 0.8)))
            for level in np.arange(0.04, tall, 0.085):
                add_box((0, 0, z + level), (wide, deep, 0.06), wood, turn)
            inner = plain("inside", hsv(*spec["first"]) * 0.2, 0.9)
            add_box((0, 0, z + tall / 2), (wide - 0.03, deep - 0.03, tall), inner, turn)
        z += tall


def _tree(_spec: dict, rng: np.random.Generator) -> None:
    bark = room.plain_material(hsv(0.07, 0.4, rng.uniform(0.2, 0.5)), 0.95, 0.7, 25.0)
    steps = 12
    s = np.linspace(0, 1, steps)
    trunk = np.stack(
        [np.cumsum(rng.normal(0, 0.03, steps)), np.cumsum(rng.normal(0, 0.03, steps)), 4.5 * s], 1
    )
    size = rng.uniform(0.06, 0.2)
    add_tube("trunk", trunk, size * (1.25 - 0.7 * s), bark)
    ends = []
    for _ in range(int(rng.integers(5, 12))):
        k = int(rng.integers(4, steps))
        heading = np.append(rng.normal(0, 1, 2), rng.uniform(0.1, 0.9))
        course = trunk[k] + heading * np.linspace(0, rng.uniform(0.5, 1.4), 9)[:, None]
        course = course + np.cumsum(rng.normal(0, 0.04, (9, 3)), 0)
        add_tube("branch", course, size * np.linspace(0.35, 0.05, 9), bark)
        ends.append(course[3:])
    at = np.concatenate(ends)
    places = at[rng.integers(len(at), size=900)] + rng.normal(0, 0.18, (900, 3))
    add_leaves(places, rng, 0.09)


def _pole(spec: dict, rng: np.random.Generator) -> None:
    material = plain("pole", hsv(*spec["first"]), 0.4)
    size, tall = rng.uniform(0.02, 0.07), rng.uniform(2.2, 4.5)
    add_tube("pole", np.array([[0, 0, 0], [0, 0, tall]]), size, material)
    if rng.random() < 0.7:
        sign = plain("sign", hsv(*spec["second"]), 0.4)
        at = min(tall, 2.4) - 0.3
        if rng.random() < 0.5:
            add_ball("sign", (0, -size, at), (0.25, 0.01, 0.25), sign)
            add_ball("sign", (0, -size - 0.008, at), (0.18, 0.01, 0.18), plain("inner", (0.8,) * 3, 0.4))
        else:
            add_box((0, -size - 0.01, at), (0.5, 0.015, 0.35), sign)
            add_panel(0.45, 0.3, _lettering(rng), (0, -size - 0.02, at), (np.pi / 2, 0, 0))


def _seat(spec: dict, rng: np.random.Generator) -> None:
    frame, other = plain("chair", hsv(*spec["first"]), 0.5), plain("seat", hsv(*spec["second"]), 0.6)
    add_chair(rng.uniform(0.42, 0.5), frame, other, rng, int(rng.integers(3, 9)), rng.uniform(0.018, 0.04))


_THINGS = {
    "plant": ("plant", ("leafy", "fern", "grass"), 1.3),
    "ladder": ("chair", "ladder", 1.0),
    "bicycle": ("wheel", "bicycle", 1.1),
    "net": ("net", ("net", "hanging", "fence"), 1.6),
}
_AROUND = {"chair": _seat, "sofa": _sofa, "table": _table, "crates": _crates, "tree": _tree, "pole": _pole}
