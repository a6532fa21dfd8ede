# SPDX-License-Identifier: GPL-3.0-or-later
"""What is no person in the bank: plants, fur, slats, nets, spokes, thin glass and paper."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

sys.path.append(str(Path(__file__).parent / "demo_shot"))

from hair import grow_fuzz
from person import normals, unit, wander
from props import add_chair
from room import add_box, add_lathe, add_mesh, add_strands, hsv
from shapes import add_ball, add_tube, cloth, dyed_hair, grid_faces, plain, surface_of, thin_glass, vec

__all__ = ["build_thing"]


def build_thing(subject: str, thing: dict[str, Any], detail: int) -> list[bpy.types.Object]:
    """Build what is no person over the origin, some metres high.

    Parameters
    ----------
    subject : str
        Of a recipe.
    thing : dict
        Of the recipe.
    detail : int
        Seed of all grain.

    Returns
    -------
    list of bpy.types.Object
    """
    before = set(bpy.context.scene.objects)
    rng = np.random.default_rng(detail)
    _MAKERS[subject](thing, rng)
    return [item for item in bpy.context.scene.objects if item not in before]


def _cloth_of(
    thing: dict[str, Any], rng: np.random.Generator, coordinates: str = "Object"
) -> bpy.types.Material:
    pattern = rng.choice(["plain", "stripes", "blots", "spots", "white", "black", "shiny"])
    scale, wrinkles = rng.uniform(0.5, 2.0), 0.5
    spec = {"pattern": str(pattern), "first": thing["first"], "second": thing["second"]}
    return cloth({**spec, "scale": float(scale), "wrinkles": wrinkles}, coordinates)


def _blades(
    name: str,
    start: np.ndarray,
    end: np.ndarray,
    bend: np.ndarray,
    width: float,
    material: bpy.types.Material,
) -> None:
    """Add flat leaves from start to end, N 3, bent by vectors, a width in metres."""
    s = np.linspace(0, 1, 9)[None, :, None]
    points = start[:, None] * (1 - s) + end[:, None] * s + bend[:, None] * s * (1 - s) * 2
    shape = np.sin(np.pi * np.clip(np.linspace(0.06, 1.0, 9), 0, 1)) ** 0.8 + 0.02
    vary = width / 2
    _add_leaves(name, points, vary * shape, material)


def _add_leaves(
    name: str, points: np.ndarray, half: np.ndarray, material: bpy.types.Material
) -> bpy.types.Object:
    """Make flat strips with a keel along courses N K 3, half as wide as `half`, K or N K, metres."""
    count, steps, _ = points.shape
    along = unit(np.gradient(points, axis=1))
    side = np.cross(along, [0.0, 0.0, 1.0])
    side = unit(np.where(np.linalg.norm(side, axis=2, keepdims=True) < 0.1, [1.0, 0, 0], side))
    under = np.cross(side, along)
    half = np.broadcast_to(half, (count, steps))[..., None]
    rows = np.stack(
        [points - side * half + under * half * 0.25, points, points + side * half + under * half * 0.25], 2
    )
    face = grid_faces(steps, 3)
    faces = (face[None] + np.arange(count)[:, None, None] * steps * 3).reshape(-1, 4)
    return add_mesh(name, rows.reshape(-1, 3), faces, material, smooth=True)


def _leaf_material(rng: np.random.Generator) -> bpy.types.Material:
    dry = rng.random() < 0.2
    hue = rng.uniform(0.03, 0.14) if dry or rng.random() < 0.1 else rng.uniform(0.18, 0.4)
    return plain("leaf", hsv(hue, rng.uniform(0.35, 0.85), rng.uniform(0.15, 0.7)), rng.uniform(0.25, 0.6))


def _plant(thing: dict[str, Any], rng: np.random.Generator) -> None:
    leaf = _leaf_material(rng)
    stem = plain("stem", hsv(rng.uniform(0.06, 0.3), 0.5, rng.uniform(0.15, 0.4)), 0.7)
    amount, thick = thing["amount"], thing["thickness"]
    if thing["kind"] == "grass":
        count = int(150 + 450 * amount)
        root = np.c_[rng.normal(0, 0.09, (count, 2)), np.zeros(count)]
        lean = rng.normal(0, 0.3, (count, 2))
        tall = rng.uniform(0.3, 1.0, count)
        end = root + np.c_[lean * tall[:, None], tall]
        _blades("grass", root, end, np.c_[-lean * 0.3, np.full(count, 0.1)], 0.004 + 0.01 * thick, leaf)
        return
    if thing["kind"] in ("leafy", "fern") and rng.random() < 0.6:
        pot = [(0.001, 0), (0.09, 0), (0.13, 0.22), (0.14, 0.22)]
        pot += [(0.14, 0.25), (0.12, 0.25), (0.11, 0.2), (0.001, 0.2)]
        add_lathe(pot, _cloth_of(thing, rng), (0, 0, -0.2))
    fronds = int(7 + 16 * amount)
    starts, ends, bends = [], [], []
    if thing["kind"] == "branch":
        courses = _branches(rng, 4 + int(4 * amount))
    else:
        courses = []
        for _ in range(fronds):
            lean = rng.normal(0, 0.42, 2)
            s = np.linspace(0, 1, 10)
            tall = rng.uniform(0.4, 1.0)
            droop = rng.uniform(0.1, 0.5)
            courses.append(np.stack([lean[0] * s * tall, lean[1] * s * tall, tall * (s - droop * s**2.2)], 1))
    for course in courses:
        add_tube("stem", course, np.linspace(0.006, 0.002, len(course)), stem)
        fern = thing["kind"] == "fern"
        number = 26 if fern else int(rng.integers(2, 9))
        for share in np.linspace(0.15, 1, number) if fern else rng.uniform(0.25, 1, number):
            k = min(int(share * (len(course) - 1)), len(course) - 2)
            at = course[k] + (course[k + 1] - course[k]) * (share * (len(course) - 1) - k)
            along = unit(course[k + 1] - course[k])
            long = (0.1 * np.sin(np.pi * min(1.0, share * 0.95)) + 0.015) if fern else rng.uniform(0.08, 0.24)
            for side in (-1, 1) if fern else (0,):
                if fern:
                    out = np.cross(along, [0, 0, 1.0]) * side + along * 0.4
                else:
                    out = along * 0.7 + rng.normal(0, 0.6, 3)
                starts.append(at)
                ends.append(at + unit(out) * long)
                bends.append([0, 0, 0.25 * long])
    width = 0.012 + 0.01 * thick if thing["kind"] == "fern" else 0.03 + 0.06 * thick
    _blades("leaves", np.array(starts), np.array(ends), np.array(bends), width, leaf)


def _branches(rng: np.random.Generator, count: int) -> list[np.ndarray]:
    """Courses of twigs that fork."""
    courses = []
    queue = [(np.array([0.0, 0, 0]), unit(np.array([rng.normal(0, 0.4), rng.normal(0, 0.4), 1.0])), 0.7, 0)]
    while queue:
        start, heading, length, depth = queue.pop()
        steps = 8
        walk = (
            np.cumsum(np.vstack([np.zeros(3), heading + rng.normal(0, 0.25, (steps - 1, 3))]), 0)
            * length
            / steps
        )
        course = start + walk
        courses.append(course)
        if depth < 2:
            for _ in range(count if depth == 0 else 3):
                k = int(rng.integers(2, steps))
                queue.append(
                    (
                        course[k],
                        unit(heading + rng.normal(0, 0.65, 3)),
                        length * rng.uniform(0.35, 0.6),
                        depth + 1,
                    )
                )
    return courses


def _animal(thing: dict[str, Any], rng: np.random.Generator) -> None:
    family = bpy.data.metaballs.new("animal")
    family.resolution = family.render_resolution = 0.045
    item = bpy.data.objects.new("animal", family)
    bpy.context.scene.collection.objects.link(item)
    size = rng.uniform(0.8, 1.3)

    def lump(place, radius) -> None:
        ball = family.elements.new()
        ball.co, ball.radius = place, radius * 1.5  # the surface lies well inside a metaball's reach

    def chain(first, last, radius, end_radius, count=5) -> None:
        for share in np.linspace(0, 1, count):
            lump(
                np.array(first) * (1 - share) + np.array(last) * share,
                radius * (1 - share) + end_radius * share,
            )

    amount = thing["amount"]
    if thing["kind"] == "ball of fur":
        lump((0, 0, 0.2), 0.2)
        lump((rng.uniform(-0.1, 0.1), -0.14, 0.33), 0.1)
        ears, muzzle = vec(0, -0.14, 0.42), vec(0, -0.25, 0.32)
    elif thing["kind"] == "sitting":
        chain((0, 0.06, 0.16), (0, -0.04, 0.48), 0.17, 0.11, 6)
        chain((0, -0.06, 0.5), (0, -0.1, 0.64), 0.08, 0.1, 3)
        for x in (-0.09, 0.09):
            chain((x, -0.1, 0.4), (x, -0.16, 0.02), 0.05, 0.035, 7)
            chain((x * 1.5, 0.02, 0.1), (x * 1.5, -0.16, 0.03), 0.075, 0.035, 4)
        ears, muzzle = np.array([0, -0.1, 0.74]), np.array([0, -0.22, 0.62])
        chain((0, 0.2, 0.05), (0.25 * rng.choice([-1, 1]), 0.22, 0.08 + 0.25 * amount), 0.04, 0.025, 6)
    else:
        long = 0.28 + 0.18 * amount
        chain((0, long, 0.46), (0, -long, 0.46), 0.13, 0.15, 7)
        head = np.array([0, -long - 0.16, 0.62 + 0.1 * rng.random()])
        chain((0, -long, 0.5), head, 0.1, 0.08, 4)
        lump(head, 0.1)
        for x in (-0.09, 0.09):
            for y in (-long, long):
                step = rng.normal(0, 0.06)
                chain((x, y, 0.38), (x, y + step, 0.02), 0.055, 0.03, 9)
        chain(
            (0, long + 0.1, 0.48),
            (rng.normal(0, 0.15), long + 0.35, 0.45 + rng.uniform(-0.2, 0.3)),
            0.035,
            0.02,
            7,
        )
        ears, muzzle = head + vec(0, 0.02, 0.1), head + vec(0, -0.12, -0.03)
    lump(muzzle, 0.05)
    pointed = rng.random() < 0.6
    for x in (-0.06, 0.06):
        end = ears + vec(x * 1.2, 0, 0.09) if pointed else ears + vec(x * 2.4, 0.01, -0.07)
        chain(ears + vec(x, 0, -0.03), end, 0.03, 0.012, 5)
    bpy.context.view_layer.update()
    points, quads = surface_of(item)
    bpy.data.objects.remove(item)
    first, second = hsv(*thing["first"]), hsv(*thing["second"])
    if rng.random() < 0.75:  # most animals have an animal's colours
        first = hsv(rng.uniform(0.04, 0.11), rng.uniform(0.0, 0.7), rng.uniform(0.15, 0.95))
        second = hsv(rng.uniform(0.04, 0.11), rng.uniform(0.0, 0.4), rng.uniform(0.1, 0.95))
    skin = add_mesh(
        "skin",
        points,
        [tuple(dict.fromkeys(q)) for q in quads.tolist()],
        plain("skin", first * 0.5, 0.7),
        smooth=True,
    )
    skin.matrix_world = Matrix.Scale(size, 4)
    points = points * size
    normal = normals(points, quads)
    fur = float(np.interp(thing["hair"], [0, 0.6, 1], [0.012, 0.035, 0.09]))
    patches = np.sin(points @ rng.normal(0, 9, 3) + 2 * np.sin(points @ rng.normal(0, 7, 3))) > rng.uniform(
        -0.5, 1.0
    )
    for on, color, name in ((~patches, first, "fur"), (patches, second, "patches")):
        chosen = quads[on[quads[:, 0]]]
        if len(chosen):
            number = int(22000 * len(chosen) / len(quads)) + 10
            grown = grow_fuzz(points, chosen, normal, rng, number, fur, 0.0004 + 0.0002 * rng.random(), 0.35)
            add_strands(name, *grown, dyed_hair(name, color, 0.4))
    dark = plain("dark", (0.01, 0.008, 0.008), 0.1)
    add_ball("nose", (muzzle + vec(0, -0.055, 0.01)) * size, (0.018 * size,) * 3, dark, 8)
    for x in (-0.045, 0.045):
        add_ball("eye", ((ears + muzzle) / 2 + vec(x, -0.06, 0.0)) * size, (0.014 * size,) * 3, dark, 8)
    whiskers = (
        np.linspace(0, 1, 6)[None, :, None]
        * unit(rng.normal(0, 1, (14, 1, 3)) * [1.0, 0.3, 0.25])
        * 0.12
        * size
    )
    add_strands(
        "whiskers",
        muzzle * size + whiskers,
        np.full((14, 6), 0.0004),
        dyed_hair("whisker", np.full(3, 0.7), 0.3),
    )


def _chair(thing: dict[str, Any], rng: np.random.Generator) -> None:
    thick = 0.012 + 0.03 * thing["thickness"]
    frame, other = _cloth_of(thing, rng), plain("slat", hsv(*thing["second"]), rng.uniform(0.15, 0.8))
    if thing["kind"] == "ladder":
        tall, wide = rng.uniform(1.2, 2.2), rng.uniform(0.3, 0.5)
        for x in (-wide / 2, wide / 2):
            add_tube("rail", np.array([[x, 0.0, 0], [x * 0.9, 0.3, tall]]), thick * 0.7, frame)
        for share in np.arange(0.1, 1.0, 0.28 / tall):
            add_tube(
                "rung",
                np.array([[-wide / 2, 0.3 * share, tall * share], [wide / 2, 0.3 * share, tall * share]]),
                thick * 0.5,
                other,
            )
        return
    add_chair(
        rng.uniform(0.4, 0.75),
        frame,
        other,
        rng,
        int(3 + 8 * thing["amount"]),
        thick,
        thing["kind"] == "slats",
    )


def _net(thing: dict[str, Any], rng: np.random.Generator) -> None:
    wide, tall = rng.uniform(0.7, 1.6), rng.uniform(0.7, 1.3)
    mesh = float(np.interp(thing["amount"], [0, 1], [0.025, 0.12]))
    radius = 0.0006 + 0.003 * thing["thickness"]
    columns, rows = int(wide / mesh) + 1, int(tall / mesh) + 1
    material = plain("cord", hsv(*thing["first"]), 0.8)
    turn = thing["kind"] == "fence" or rng.random() < 0.5

    def at(u, v):
        sag = 0.0 if thing["kind"] == "fence" else 0.12 * np.sin(np.pi * u) * (1 - v)
        x = (u - 0.5) * wide * (1 - (0.25 * (1 - v) if thing["kind"] == "hanging" else 0.0))
        y = 0.1 * np.sin(3 * u + 2 * v) + sag
        return np.stack([x, y, v * tall - 0.2 * sag], -1)

    wobble = 0.0 if thing["kind"] == "fence" else 0.12 * mesh
    u, v = np.meshgrid(np.linspace(0, 1, columns), np.linspace(0, 1, rows))
    knots = at(u, v) + rng.normal(0, max(wobble, 1e-6), (rows, columns, 3))
    if turn:  # diamonds: cords run through knots diagonally
        courses = []
        for start in range(-rows, columns):
            for way in (1, -1):
                cells = [(k, start + k if way > 0 else columns - 1 - start - k) for k in range(rows)]
                run = [knots[r, c] for r, c in cells if 0 <= c < columns]
                if len(run) > 1:
                    courses.append(np.array(run))
        for course in courses:
            add_strands("cord", course[None], np.full((1, len(course)), radius), material)
    else:
        add_strands("cords", knots, np.full((rows, columns), radius), material)
        add_strands("cords", knots.transpose(1, 0, 2), np.full((columns, rows), radius), material)
    edge = plain("edge", hsv(*thing["second"]), 0.5)
    border = np.concatenate([knots[0], knots[1:, -1], knots[-1, -2::-1], knots[-2:0:-1, 0]])
    add_tube("edge", border, 0.004 + 2 * radius, edge, closed=True)
    if thing["kind"] == "fence":
        for x in (-wide / 2, wide / 2):
            add_tube("post", np.array([[x, 0.02, -0.3], [x, 0.02, tall + 0.1]]), 0.02, edge)


def _wheel_at(
    center: np.ndarray, radius: float, spokes: int, thing: dict[str, Any], turn: float = 0.0
) -> None:
    """Build a spoked wheel in the XZ plane."""
    center = np.asarray(center, float)
    t = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    ring = np.stack([np.cos(t), np.zeros(72), np.sin(t)], 1)
    add_tube(
        "tyre",
        center + ring * radius,
        0.012 + 0.02 * thing["thickness"],
        plain("tyre", (0.012,) * 3, 0.7),
        closed=True,
    )
    metal = plain("rim", hsv(*thing["first"]), 0.25, Metallic=0.7)
    add_tube("rim", center + ring * radius * 0.94, 0.009, metal, closed=True)
    add_tube("hub", np.array([center - [0, 0.05, 0], center + vec(0, 0.05, 0)]), 0.02, metal)
    angle = np.linspace(0, 2 * np.pi, spokes, endpoint=False) + turn
    cross = np.where(np.arange(spokes) % 2, 0.9, -0.9) * thing["amount"]
    hub = np.stack([np.cos(angle + cross), np.zeros(spokes), np.sin(angle + cross)], 1) * 0.022
    hub[:, 1] = np.where(np.arange(spokes) % 4 < 2, 0.035, -0.035)
    end = np.stack([np.cos(angle), np.zeros(spokes), np.sin(angle)], 1) * radius * 0.94
    lines = center + np.stack([hub, end], 1)
    add_strands("spokes", lines, np.full((spokes, 2), 0.001 + 0.0012 * thing["thickness"]), metal)


def _wheel(thing: dict[str, Any], rng: np.random.Generator) -> None:
    spokes = int(rng.choice([12, 20, 28, 36]))
    if thing["kind"] == "wheel":
        _wheel_at((0, 0, 0), rng.uniform(0.25, 0.36), spokes, thing)
        return
    for x in (-0.52, 0.52):
        _wheel_at((x, 0, 0.34), 0.33, spokes, thing, rng.random())
    paint = plain("frame", hsv(*thing["second"]), 0.2)
    seat, crank, head, low = (
        np.array(p) for p in ((-0.17, 0, 0.82), (-0.05, 0, 0.28), (0.33, 0, 0.86), (0.37, 0, 0.72))
    )
    for a, b in (
        (seat, crank),
        (crank, low),
        (seat - [-0.02, 0, 0.06], head),
        (head + vec(-0.02, 0, 0.12), low),
    ):
        add_tube("tube", np.array([a, b]), 0.014, paint)
    for y in (-0.05, 0.05):
        for a, b in (((-0.52, y, 0.34), crank), ((-0.52, y, 0.34), seat), ((0.52, y, 0.34), low)):
            add_tube("stay", np.array([a, b]), 0.007, paint)
    dark = plain("dark", (0.015,) * 3, 0.5)
    add_ball("saddle", seat + vec(0, 0, 0.06), (0.13, 0.06, 0.03), dark, 10)
    top = head + vec(-0.02, 0, 0.14)
    add_tube("bar", np.array([top + vec(-0.1, -0.26, 0.02), top, top + vec(-0.1, 0.26, 0.02)]), 0.011, dark)
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    add_tube(
        "chainring",
        crank + 0.09 * np.stack([np.cos(t), 0 * t - 0.05 / 0.09, np.sin(t)], 1),
        0.005,
        dark,
        closed=True,
    )
    for side in (-1, 1):
        add_tube(
            "crank",
            np.array([crank + vec(0, 0.06 * side, 0), crank + vec(0.12 * side, 0.06 * side, -0.12 * side)]),
            0.008,
            dark,
        )
        add_box(crank + vec(0.12 * side, 0.1 * side, -0.12 * side), (0.08, 0.07, 0.02), dark)


def _glass(thing: dict[str, Any], rng: np.random.Generator) -> None:
    material = thin_glass(float(rng.uniform(0.55, 0.95)), 0.02 + 0.1 * thing["thickness"] ** 3)
    wide = 0.035 + 0.03 * thing["amount"]
    if thing["kind"] == "wine":
        profile = [
            (0.001, 0),
            (wide, 0.001),
            (wide, 0.004),
            (0.006, 0.012),
            (0.004, 0.03),
            (0.004, 0.08),
            (0.012, 0.09),
        ]
        profile += [(wide * np.sin(a), 0.13 - 0.045 * np.cos(a)) for a in np.linspace(0.4, 1.9, 9)]
        profile += [(wide * 0.8, 0.19)]
        fill = [(0.001, 0.09), (wide * 0.9, 0.115), (wide * 0.96, 0.128), (0.001, 0.128)]
    elif thing["kind"] == "bottle":
        profile = [
            (0.001, 0),
            (wide, 0),
            (wide, 0.17),
            (wide * 0.7, 0.2),
            (0.014, 0.23),
            (0.013, 0.29),
            (0.016, 0.3),
        ]
        fill = [(0.001, 0.003), (wide * 0.94, 0.003), (wide * 0.94, 0.1), (0.001, 0.1)]
    else:
        t = np.linspace(0, 1, 14)
        profile = [(0.001, 0), *((wide * (1 + 0.4 * np.sin(3.4 * a + 0.3)), 0.26 * a) for a in t)]
        fill = []
    add_lathe(profile, material, (0, 0, 0), 48)
    if fill and rng.random() < 0.6:
        add_lathe(fill, plain("drink", hsv(*thing["first"]), 0.1), (0, 0, 0), 48)
    if thing["kind"] == "vase":
        green = _leaf_material(rng)
        count = int(rng.integers(3, 9))
        lean = rng.normal(0, 0.1, (count, 2))
        root = np.c_[lean * -0.2, np.full(count, 0.02)]
        end = np.c_[lean, rng.uniform(0.28, 0.5, count)]
        _blades("stems", root, end, np.zeros((count, 3)), 0.006, green)
        where = end[rng.integers(count, size=30)] - rng.uniform(0, 0.1, (30, 1)) * [0, 0, 1]
        _blades("leaves", where, where + rng.normal(0, 0.05, (30, 3)), np.zeros((30, 3)), 0.02, green)


def _paper(thing: dict[str, Any], rng: np.random.Generator) -> None:
    if thing["kind"] == "sheets":
        for k in range(int(rng.integers(1, 7))):
            n = 26
            u, v = np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, n), indexing="ij")
            bend = np.zeros((n, n))
            for _ in range(6):
                way = rng.normal(0, 1, 2)
                bend += np.abs(u * way[0] + v * way[1] - rng.normal(0, 0.6)) * rng.normal(
                    0, 0.16 * thing["amount"] + 0.02
                )
            curl = rng.uniform(-0.5, 0.5)
            points = np.stack([u * 0.105, bend * 0.1 + curl * 0.1 * u**2, v * 0.148], -1).reshape(-1, 3)
            sheet = add_mesh(
                "sheet",
                points,
                grid_faces(n, n),
                _cloth_of(thing, rng) if k % 2 else plain("paper", (0.75, 0.73, 0.68), 0.9),
            )
            turn = Matrix.Rotation(rng.uniform(-1, 1), 4, "Y") @ Matrix.Rotation(rng.uniform(-1, 1), 4, "X")
            sheet.matrix_world = Matrix.Translation(rng.normal(0, 0.13, 3)) @ turn
        return
    for _ in range(int(4 + 14 * thing["amount"])):
        steps = 60
        s = np.linspace(0, 1, steps)
        turns, radius = rng.uniform(1, 7), rng.uniform(0.01, 0.07)
        course = np.stack(
            [
                radius * np.cos(turns * 6.28 * s),
                radius * np.sin(turns * 6.28 * s),
                -rng.uniform(0.3, 1.0) * s,
            ],
            1,
        )
        course = course + rng.normal(0, 0.16, 3) * [1, 0.5, 0.3] + wander(rng, 1, steps)[0] * 0.12
        half = np.full(steps, 0.003 + 0.014 * thing["thickness"])
        color = hsv(thing["first"][0] + rng.normal(0, 0.25), 0.7 * rng.random(), rng.uniform(0.3, 0.95))
        _add_leaves("ribbon", course[None], half, plain("ribbon", color, 0.5))


_MAKERS = {
    "plant": _plant,
    "animal": _animal,
    "chair": _chair,
    "net": _net,
    "wheel": _wheel,
    "glass": _glass,
    "paper": _paper,
}
