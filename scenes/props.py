# SPDX-License-Identifier: GPL-3.0-or-later
"""What people of the bank hold, and the chair they sit on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix

sys.path.append(str(Path(__file__).parent / "demo_shot"))

from body import Body
from person import unit
from room import add_box, add_lathe, add_mesh, add_strands, hsv
from shapes import add_ball, add_tube, cloth, grid_faces, plain, thin_glass, vec

__all__ = ["add_chair", "add_prop"]


def _grip(body: Body, side: str) -> Matrix:
    """Find the frame of a closed hand: X out of the palm, Y along the hand, Z along what it grips."""
    at = {
        bone: body.posed[f"{bone}.{side}"][:3, 3]
        for bone in ("wrist", "finger2-1", "finger3-1", "finger5-1", "finger3-3")
    }
    along = unit(at["finger3-1"] - at["wrist"])
    grip = at["finger2-1"] - at["finger5-1"]
    grip = unit(grip - (grip @ along) * along)
    palm = np.cross(along, grip)
    palm *= np.sign(palm @ (at["finger3-3"] - at["finger3-1"])) or 1.0
    frame = np.eye(4)
    frame[:3, 0], frame[:3, 1], frame[:3, 2] = palm, along, grip
    frame[:3, 3] = at["wrist"] * 0.3 + at["finger3-1"] * 0.7 + palm * 0.028
    return Matrix(frame.tolist())


def _upright(frame: Matrix, share: float) -> Matrix:
    """Turn a grip so that its Z is upright by a share."""
    matrix = np.array(frame)
    axis = matrix[:3, 2] * (1 if matrix[2, 2] >= 0 else -1)
    up = unit(axis * (1 - share) + np.array([0, 0, share]))
    side = unit(np.cross(matrix[:3, 1], up))
    matrix[:3, 0], matrix[:3, 1], matrix[:3, 2] = side, np.cross(up, side), up
    return Matrix(matrix.tolist())


def add_prop(
    kind: str, body: Body, clothes: dict[str, Any], rng: np.random.Generator
) -> list[bpy.types.Object]:
    """Put a prop into the hand that the pose holds it with."""
    frame = _grip(body, body.holds)
    material = cloth(clothes["coat cloth"], "Object")
    accent = plain("prop", hsv(*clothes["accent"]), 0.35)
    items = _MAKERS[kind](rng, material, accent)
    if kind == "guitar":
        frame = Matrix(body.carried("spine03").tolist()) @ Matrix.Translation(
            body.joint("spine04") + np.array([0.0, -0.2, -0.02])
        )
        frame = frame @ Matrix.Rotation(rng.uniform(-0.5, -0.1), 4, "Y")
    elif kind in ("umbrella", "flowers", "stick", "racket", "bottle"):
        frame = _upright(frame, {"umbrella": 0.85, "flowers": 0.6, "bottle": 0.5}.get(kind, 0.2))
    bpy.context.view_layer.update()  # for the places of boxes that were only just made
    for item in items:
        item.matrix_world = frame @ item.matrix_world
    return items


def _ball(
    rng: np.random.Generator, material: bpy.types.Material, _accent: bpy.types.Material
) -> list[bpy.types.Object]:
    size = rng.uniform(0.035, 0.13)
    return [add_ball("ball", (size + 0.005, 0, 0), (size,) * 3, material)]


def _bottle(
    rng: np.random.Generator, material: bpy.types.Material, accent: bpy.types.Material
) -> list[bpy.types.Object]:
    profile = [
        (0.001, -0.1),
        (0.034, -0.1),
        (0.036, -0.09),
        (0.036, 0.05),
        (0.03, 0.08),
        (0.014, 0.11),
        (0.013, 0.15),
        (0.001, 0.15),
    ]
    glass = rng.random() < 0.5
    bottle = add_lathe(
        profile, thin_glass(rng.uniform(0.3, 0.8), 0.03) if glass else accent, (0.01, 0, 0), 28
    )
    cap = add_lathe([(0.015, 0.13), (0.015, 0.155), (0.001, 0.155)], material, (0.01, 0, 0), 20)
    return [bottle, cap]


def _book(
    rng: np.random.Generator, _material: bpy.types.Material, accent: bpy.types.Material
) -> list[bpy.types.Object]:
    wide, tall = rng.uniform(0.12, 0.2), rng.uniform(0.18, 0.28)
    cover = add_box((0.005, wide * 0.35, 0), (0.03, wide, tall), accent, bevel=0.002)
    pages = add_box(
        (0.005, wide * 0.35 + 0.004, 0), (0.022, wide, tall - 0.012), plain("paper", (0.7, 0.67, 0.6), 0.9)
    )
    return [cover, pages]


def _phone(
    _rng: np.random.Generator, _material: bpy.types.Material, accent: bpy.types.Material
) -> list[bpy.types.Object]:
    body = add_box(
        (0.0, 0.03, 0), (0.009, 0.15, 0.072), plain("phone", (0.01, 0.01, 0.012), 0.15), bevel=0.004
    )
    return [body, add_box((-0.005, 0.03, 0), (0.001, 0.145, 0.068), accent)]


def _stick(
    rng: np.random.Generator, _material: bpy.types.Material, accent: bpy.types.Material
) -> list[bpy.types.Object]:
    low, high = -rng.uniform(0.05, 0.7), rng.uniform(0.3, 0.9)
    z = np.linspace(low, high, 12)
    points = np.stack([rng.normal(0, 0.004, 12), rng.normal(0, 0.004, 12), z], 1)
    return [add_tube("stick", points, rng.uniform(0.004, 0.014), accent)]


def _umbrella(
    rng: np.random.Generator, material: bpy.types.Material, accent: bpy.types.Material
) -> list[bpy.types.Object]:
    up, reach, ribs = rng.uniform(0.5, 0.75), rng.uniform(0.42, 0.58), 8
    items = [add_tube("shaft", np.array([[0, 0, -0.1], [0, 0, up + 0.06]]), 0.006, accent)]
    s = np.linspace(0, 1, 9)
    rows = []
    for t in np.linspace(0, 2 * np.pi, ribs * 6, endpoint=False):
        slack = 1 - 0.10 * np.abs(np.sin(t * ribs / 2)) * s  # the cloth hangs in between the ribs
        radius = reach * np.sin(s * 1.25) / np.sin(1.25) * slack
        height = up - 0.24 * (1 - np.cos(s * 1.25)) / (1 - np.cos(1.25))
        rows.append(np.stack([radius * np.cos(t), radius * np.sin(t), height], 1))
    points = np.array(rows).transpose(1, 0, 2).reshape(-1, 3)
    items.append(add_mesh("canopy", points, grid_faces(9, ribs * 6, wrap=True), material, smooth=True))
    for k in range(ribs):
        rib = np.array(rows[k * 6]) - [0, 0, 0.004]
        items.append(add_tube("rib", rib, 0.0016, accent))
        spoke = np.array([[0, 0, up - 0.28], rib[4]])
        items.append(add_tube("spoke", spoke, 0.0014, accent))
    return items


def _racket(
    _rng: np.random.Generator, material: bpy.types.Material, accent: bpy.types.Material
) -> list[bpy.types.Object]:
    wide, tall, low = 0.12, 0.16, 0.3
    t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    center = np.array([0, 0, low + tall])
    rim = center + np.stack([np.zeros(48), np.cos(t) * wide, np.sin(t) * tall], 1)
    items = [
        add_tube("rim", rim, 0.008, accent, closed=True),
        add_tube("shaft", np.array([[0, 0, -0.12], [0, 0, 0.16]]), 0.015, material),
    ]
    for side in (-1, 1):
        items.append(
            add_tube(
                "throat",
                np.array([[0, 0, 0.14], [0, side * 0.04, low - 0.02], [0, side * 0.075, low + 0.035]]),
                0.008,
                accent,
            )
        )
    strings = []
    for y in np.linspace(-wide, wide, 17)[1:-1]:
        half = tall * np.sqrt(1 - (y / wide) ** 2)
        strings.append([center + vec(0, y, -half), center + vec(0, y, half)])
    for z in np.linspace(-tall, tall, 21)[1:-1]:
        half = wide * np.sqrt(1 - (z / tall) ** 2)
        strings.append([center + vec(0, -half, z), center + vec(0, half, z)])
    white = plain("string", (0.7, 0.7, 0.65), 0.4)
    return [*items, add_strands("strings", np.array(strings), np.full((len(strings), 2), 0.0007), white)]


def _guitar(
    rng: np.random.Generator, _material: bpy.types.Material, _accent: bpy.types.Material
) -> list[bpy.types.Object]:
    t = np.linspace(0, 2 * np.pi, 56, endpoint=False)
    # Two bouts and a waist, along X.
    x = np.cos(t) * 0.24
    half = (
        np.sqrt(np.clip(1 - (x / 0.245) ** 2, 0, 1))
        * (0.155 - 0.04 * x / 0.24)
        * (1 - 0.28 * np.exp(-(((x - 0.04) / 0.07) ** 2)))
    )
    outline = np.stack([x, np.zeros(56), np.sign(np.sin(t)) * half], 1)
    deep = 0.09 if rng.random() < 0.6 else 0.045
    rings = np.concatenate([outline + vec(0, y, 0) for y in (-deep / 2, deep / 2)])
    wood = plain("wood", hsv(rng.uniform(0.0, 0.11), rng.uniform(0.3, 0.95), rng.uniform(0.2, 0.9)), 0.2)
    faces = [*map(tuple, grid_faces(2, 56, wrap=True)), tuple(range(56)), tuple(range(111, 55, -1))]
    items = [add_mesh("body", rings, faces, wood)]
    dark = plain("dark", (0.03, 0.02, 0.015), 0.4)
    items.append(add_box((0.5, -deep / 2 - 0.005, 0), (0.58, 0.022, 0.05), dark))
    items.append(add_box((0.86, -deep / 2 - 0.005, 0), (0.15, 0.018, 0.075), wood))
    items.append(add_lathe([(0.001, 0), (0.05, 0)], dark, (0, 0, 0), 24))
    items[-1].matrix_world = Matrix.Translation((0.09, -deep / 2 - 0.002, 0)) @ Matrix.Rotation(
        np.pi / 2, 4, "X"
    )
    items.append(add_box((-0.12, -deep / 2 - 0.006, 0), (0.025, 0.012, 0.13), dark))
    z = np.linspace(-0.02, 0.02, 6)
    front = -deep / 2 - 0.018
    strings = np.array([[[-0.12, front, a], [0.8, front, a * 0.9]] for a in z])
    items.append(
        add_strands(
            "strings", strings, np.full((6, 2), 0.0006), plain("steel", (0.6,) * 3, 0.25, Metallic=1.0)
        )
    )
    for k in range(6):
        side = 1 if k % 2 else -1
        x = 0.81 + 0.04 * (k // 2)
        items.append(add_tube("peg", np.array([[x, -deep / 2, 0], [x, -deep / 2, side * 0.06]]), 0.004, dark))
    return items


def _flowers(
    rng: np.random.Generator, material: bpy.types.Material, accent: bpy.types.Material
) -> list[bpy.types.Object]:
    count = int(rng.integers(4, 14))
    green = plain("stem", hsv(rng.uniform(0.22, 0.36), 0.6, rng.uniform(0.2, 0.5)), 0.5)
    items = []
    for _ in range(count):
        lean = rng.normal(0, 0.28, 2)
        tall = rng.uniform(0.16, 0.36)
        s = np.linspace(0, 1, 8)
        line = np.stack([lean[0] * s**1.5 * tall, lean[1] * s**1.5 * tall, tall * s - 0.08], 1)
        items.append(add_tube("stem", line, 0.0018, green))
        tip, number = line[-1], int(rng.integers(6, 16))
        angle = np.linspace(0, 2 * np.pi, number, endpoint=False) + rng.random()
        long = rng.uniform(0.018, 0.04)
        out = np.stack([np.cos(angle), np.sin(angle), rng.uniform(0.1, 0.9, number)], 1)
        petals = tip + out[:, None] * np.linspace(0.1, 1, 5)[None, :, None] * long
        width = long * 0.3 * np.array([0.4, 0.9, 1.0, 0.8, 0.1])
        items.append(add_strands("petals", petals, np.tile(width, (number, 1)), accent))
        items.append(add_ball("heart", tip, (long * 0.28,) * 3, material, 6))
    leaves = int(rng.integers(4, 12))
    s = np.linspace(0, 1, 7)[None, :, None]
    heading = np.concatenate([rng.normal(0, 0.5, (leaves, 2)), np.ones((leaves, 1))], 1)[:, None]
    blades = heading * s * rng.uniform(0.1, 0.25, (leaves, 1, 1)) - np.array([0, 0, 0.05]) * (1 + s**2)
    items.append(
        add_strands(
            "blades", blades, 0.008 * np.sin(np.pi * np.linspace(0.1, 1, 7)) * np.ones((leaves, 1)), green
        )
    )
    return items


_MAKERS = {
    "ball": _ball,
    "bottle": _bottle,
    "book": _book,
    "guitar": _guitar,
    "phone": _phone,
    "umbrella": _umbrella,
    "racket": _racket,
    "stick": _stick,
    "flowers": _flowers,
}


def add_chair(
    seat: float,
    material: bpy.types.Material,
    other: bpy.types.Material,
    rng: np.random.Generator,
    slats: int,
    thick: float,
    back: bool = True,
) -> list[bpy.types.Object]:
    """Build a chair over the origin that faces -Y, its seat at a height in metres.

    Parameters
    ----------
    seat : float
        Height of the seat.
    material, other
        Of its frame, and of slats and seat.
    rng : numpy.random.Generator
    slats : int
        How many the back has.
    thick : float
        Of its legs, metres.
    back : bool
        False makes a stool.
    """
    wide, deep = rng.uniform(0.38, 0.5), rng.uniform(0.38, 0.46)
    round_legs = rng.random() < 0.5
    items = []

    def bar(start, end, size, of=material):
        if round_legs:
            items.append(add_tube("bar", np.array([start, end]), size / 2, of))
            return
        start, end = np.array(start), np.array(end)
        box = add_box((0, 0, 0), (size, size, np.linalg.norm(end - start)), of)
        axis = unit(end - start)
        side = unit(np.cross(axis, [0.3, 1, 0.2]))
        frame = np.eye(4)
        frame[:3, 0], frame[:3, 1], frame[:3, 2], frame[:3, 3] = (
            side,
            np.cross(axis, side),
            axis,
            (start + end) / 2,
        )
        box.matrix_world = Matrix(frame.tolist())
        items.append(box)

    items.append(add_box((0, 0, seat - 0.02), (wide, deep, 0.035), other, bevel=0.01))
    tall = rng.uniform(0.35, 0.6)
    lean = rng.uniform(0.02, 0.12)
    for x in (-wide / 2 + thick, wide / 2 - thick):
        bar((x * 1.05, -deep / 2 + thick, 0), (x, -deep / 2 + thick, seat - 0.03), thick)
        bar((x * 1.05, deep / 2, 0), (x, deep / 2 - thick, seat), thick)
        if back:
            bar((x, deep / 2 - thick, seat), (x, deep / 2 - thick + lean, seat + tall), thick)
    low = seat * rng.uniform(0.3, 0.6)
    for y in (-deep / 2 + thick, deep / 2 - thick):
        bar((-wide / 2 + thick, y, low), (wide / 2 - thick, y, low), thick * 0.6)
    if back:
        upright = rng.random() < 0.6
        shares = (np.arange(slats) + 0.5) / slats
        top = np.array([0, deep / 2 - thick + lean, seat + tall - 0.02])
        bottom = np.array([0, deep / 2 - thick, seat + (0.0 if upright else 0.12)])
        inner = wide / 2 - thick
        bar(top - [inner, 0, 0], top + vec(inner, 0, 0), thick)
        for share in shares:
            if upright:
                x = (share * 2 - 1) * inner
                bar(bottom + vec(x, 0, 0), top + vec(x, 0, 0), thick * 0.5, other)
            else:
                middle = bottom + (top - bottom) * share
                bar(middle - [inner, 0, 0], middle + vec(inner, 0, 0), thick * 0.6, other)
    return items
