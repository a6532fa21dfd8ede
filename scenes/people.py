# SPDX-License-Identifier: GPL-3.0-or-later
"""People of the bank: a posed body, its clothes, hair, hats, glasses and what it holds."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector
from mathutils.bvhtree import BVHTree

sys.path.append(str(Path(__file__).parent / "demo_shot"))

from body import Body
from hair import grow_beard, grow_fuzz, grow_hair
from person import add_eyes, add_face_hair, moving_mesh, normals, unit
from props import add_prop
from room import Material, add_mesh, add_strands, hsv
from shapes import add_tube, cloth, dyed_hair, grid_faces, hair_color, plain, vec

__all__ = ["build_person"]


@dataclass
class Garment:
    """Where a garment covers and how it is worn."""

    name: str
    field: np.ndarray  # one a vertex, metres inside its seams; below 0 it is cut away
    offset: float | np.ndarray  # from the skin, metres
    material: bpy.types.Material
    group: str = "helper-tights"
    wrinkles: float = 0.0
    levels: int = 2


class _Cut:
    """A surface cut along where a field is 0; what moving_mesh needs of a figure."""

    def __init__(self, body: Body, quads: np.ndarray, field: np.ndarray) -> None:
        inside = field >= 0
        count = inside[quads[:, :4]].sum(1)
        whole = quads[count == 4]
        added: dict[tuple[int, int], int] = {}
        sources: list[tuple[int, int, float]] = []
        corners: list[tuple[int, int, float]] = []
        pieces = []

        def crossing(a: int, b: int, ua: int, ub: int) -> tuple[int, int]:
            share = field[a] / (field[a] - field[b])
            if (a, b) not in added:
                added[a, b] = added[b, a] = len(body.rest) + len(sources)
                sources.append((a, b, share))
            corners.append((ua, ub, share))
            return added[a, b], len(body.uv) + len(corners) - 1

        for quad in quads[(count > 0) & (count < 4)].tolist():
            ring = []
            for k in range(4):
                a, b, ua, ub = quad[k], quad[(k + 1) % 4], quad[4 + k], quad[4 + (k + 1) % 4]
                if inside[a]:
                    ring.append((a, ua))
                if a != b and inside[a] != inside[b]:
                    ring.append(crossing(a, b, ua, ub))
            for k in range(1, len(ring) - 1, 2):
                piece = [ring[0], *ring[k : k + 3]]
                piece += piece[-1:] * (4 - len(piece))
                if len({p[0] for p in piece}) > 2:
                    pieces.append([p[0] for p in piece] + [p[1] for p in piece])
        self.quads = np.concatenate([whole, np.array(pieces, int).reshape(-1, 8)])

        def extended(values: np.ndarray, between: list[tuple[int, int, float]]) -> np.ndarray:
            if not between:
                return values
            a, b, share = (np.array(x) for x in zip(*between))
            share = share.reshape(-1, *[1] * (values.ndim - 1))
            return np.concatenate([values, values[a] * (1 - share) + values[b] * share])

        self.middle, self.close = extended(body.middle, sources), extended(body.close, sources)
        self.rest, self.uv = extended(body.rest, sources), extended(body.uv, corners)
        self.extend = lambda values: extended(values, sources)


def _skin(body: Body, tone) -> object:
    """Skin: mottled, lips and lids redder."""
    material = Material("skin")
    color = np.array(tone) ** 2.2
    blotches = material.texture("Noise", 35.0, "UV", Detail=4.0)
    base = material.mix(
        material.ramp(blotches.outputs[0], (0.4, 0), (0.7, 1)), color * [1.05, 0.95, 0.92], color * 1.05
    )
    for name, factor, tint in (
        ("mpfb_lips.jpg", 1.0, color * [0.9, 0.52, 0.55]),
        ("mpfb_inside-mouth.jpg", 1.0, (0.2, 0.04, 0.04)),
        ("mpfb_eyelids.jpg", 0.45, color * [0.6, 0.46, 0.45]),
    ):
        image = bpy.data.images.load(str(body.textures / name), check_existing=True)
        image.colorspace_settings.name = "Non-Color"
        node = material.node("ShaderNodeTexImage", image=image)
        scaled = material.node("ShaderNodeMath", operation="MULTIPLY")
        material.link(node.outputs[0], scaled.inputs[0])
        scaled.inputs[1].default_value = factor
        base = material.mix(scaled.outputs[0], base, tint)
    shader = material.principled(base, 0.45, 0.4)
    material.bump(shader, blotches.outputs[0], 0.1, 0.002)
    return material.data


def _along(body: Body, first: str, last: str, prefixes: tuple[str, ...]) -> np.ndarray:
    """How far along from joint to joint vertices of these bones lie, 0 to 1; -9 for all others."""
    start, end = body.joint(first), body.joint(last)
    axis = end - start
    share = (body.rest - start) @ axis / (axis @ axis)
    return np.where(body.owned(*prefixes), share, -9.0)


def _sleeve(body: Body, side: str, end: float) -> np.ndarray:
    """Metres inside a sleeve that ends a share of the way from shoulder to wrist."""
    names = tuple(f"{bone}.{side}" for bone in ("upperarm01", "upperarm02", "lowerarm01", "lowerarm02"))
    share = _along(body, f"upperarm01.{side}", f"wrist.{side}", names)
    share[
        body.owned(f"wrist.{side}", "finger", "metacarpal")
        & (body.rest[:, 0] * (1 if side == "L" else -1) > 0)
    ] = 9
    return (end - share) * np.linalg.norm(body.joint(f"wrist.{side}") - body.joint(f"upperarm01.{side}"))


def _collar(body: Body, rise: float) -> np.ndarray:
    """Metres below a collar, a plane that tilts forward, `rise` above the neck's root."""
    normal = np.array([0, -0.45, 0.893])
    below = rise - (body.rest - body.joint("neck01")) @ normal
    return np.where(body.owned("head", "eye"), -0.2, below)


def _heights(body: Body) -> dict[str, float]:
    """Heights at rest, metres: waist, crotch, knee, ankle."""
    middle = body.rest[body.on_body & (np.abs(body.rest[:, 0]) < 0.012)]
    return {
        "waist": body.joint("spine04")[2] + 0.02,
        "crotch": middle[:, 2].min(),
        "knee": body.joint("lowerleg01.L")[2],
        "ankle": body.joint("foot.L")[2],
    }


def _wardrobe(body: Body, person: dict[str, Any], rng: np.random.Generator) -> list[Garment]:
    """Choose the garments of a person."""
    clothes = person["clothes"]
    top, bottom, hem = clothes["top"], clothes["bottom"], clothes["hem"]
    z, high = body.rest[:, 2], _heights(body)
    arms = body.owned("upperarm", "lowerarm", "wrist", "finger", "metacarpal")
    sleeve = {"t-shirt": 0.18 + 0.22 * hem, "sleeveless": 0.02, "dress": 0.02 + 0.3 * hem}.get(top, 0.97)
    rise = {"turtleneck": 0.07, "sleeveless": -0.01}.get(top, 0.0 + 0.035 * hem)
    loose = {"loose shirt": 0.026, "turtleneck": 0.008, "dress": 0.007}.get(top, 0.007 + 0.008 * hem)
    bottom_cloth = cloth(clothes["bottom cloth"])
    top_cloth = cloth(clothes["top cloth"])
    lower = high["crotch"] + (0.02 + 0.1 * rng.random() if top != "dress" else 0.1)
    tucked = top not in ("dress", "loose shirt") and rng.random() < 0.35
    if tucked:
        lower = high["waist"] - 0.03

    def upper(sleeve_end: float, collar: float, low: float) -> np.ndarray:
        field = np.minimum(_collar(body, collar), np.where(arms, 9.0, z - low))
        for side in "LR":
            field = np.minimum(field, _sleeve(body, side, sleeve_end))
        return field

    garments = []
    skirt = bottom in ("skirt", "dress")
    if not skirt:
        end = {"shorts": high["knee"] + 0.02 + 0.2 * hem * (high["crotch"] - high["knee"])}.get(
            bottom, high["ankle"] + 0.02
        )
        # Under a shirt trousers end soon and lie close, so that they never show through it.
        waist = high["waist"] + 0.02 if tucked else lower + 0.06
        close = 0.0 if tucked else 0.016 * np.clip(1 - (waist - z) / 0.12, 0, 1)
        field = np.where(arms, -0.2, np.minimum(z - end, waist - z))
        room = 0.003 if bottom == "tights" else 0.006 + 0.009 * tucked
        flare = np.clip((high["crotch"] - z) / high["crotch"], 0, 1) * (
            0.0 if bottom == "tights" else 0.012 + 0.02 * hem
        )
        wrinkles = 0.0 if bottom == "tights" else 0.014 * clothes["bottom cloth"]["wrinkles"]
        garments.append(Garment("bottom", field, room + flare - close, bottom_cloth, wrinkles=wrinkles))
    # Over the trousers, or tucked into them.
    flare = np.clip((high["waist"] + 0.25 - z) / 0.4, 0, 1) * (
        -0.4 * loose if tucked else 0.009 + 0.8 * loose
    )
    garments.append(
        Garment(
            "top",
            upper(sleeve, rise, lower),
            loose + np.where(arms, loose * 0.3, flare),
            top_cloth,
            wrinkles=(0.02 if top == "loose shirt" else 0.011) * clothes["top cloth"]["wrinkles"],
        )
    )
    angle = np.arctan2(body.rest[:, 1], body.rest[:, 0])

    def skirt_offset(room: float, folds: int, depth: float) -> np.ndarray:
        down = np.clip((high["waist"] - z) / 0.5, 0, 1)
        return room + down * depth * (1 + np.sin(folds * angle + 2 * np.sin(angle)))

    if skirt:
        length = high["knee"] + (hem - 0.35) * (high["crotch"] - high["knee"])
        material = top_cloth if bottom == "dress" else bottom_cloth
        offset = skirt_offset(0.012, int(rng.integers(7, 16)), 0.02 + 0.02 * hem)
        garments.append(Garment("skirt", z - length, offset, material, "helper-skirt", 0.006))
    if person["coat"]:
        material = cloth(clothes["coat cloth"])
        gap = 0.035 + 0.05 * rng.random()
        open_front = np.where(body.rest[:, 1] < body.joint("spine01")[1], np.abs(body.rest[:, 0]) - gap, 9.0)
        field = np.minimum(upper(0.98, 0.0, lower - 0.02), np.where(arms, 9.0, open_front))
        garments.append(Garment("coat", field, loose + 0.022, material, wrinkles=0.018))
        if hem > 0.35:
            field = np.minimum(z - (high["knee"] - 0.1 * hem), open_front)
            garments.append(
                Garment("tails", field, skirt_offset(loose + 0.03, 5, 0.015), material, "helper-skirt", 0.014)
            )
    return garments


def _dress(body: Body, garments: list[Garment], thickness: float, levels: int) -> list[bpy.types.Object]:
    """Make the garments' meshes."""
    items = []
    for number, garment in enumerate(garments):
        quads = body.groups[garment.group]
        piece = _Cut(body, quads, garment.field)
        if len(piece.quads) < 4:
            continue
        offset = garment.offset
        if np.ndim(offset):
            offset = piece.extend(np.asarray(offset))
        item, _ = moving_mesh(
            piece, f"garment{number}", piece.quads, offset, garment.material, min(levels, garment.levels)
        )
        if garment.wrinkles:
            texture = bpy.data.textures.new("wrinkles", "CLOUDS")
            texture.noise_scale, texture.noise_depth = 0.12, 2
            modifier = item.modifiers.new("wrinkles", "DISPLACE")
            modifier.texture, modifier.strength, modifier.mid_level = texture, garment.wrinkles, 0.35
            modifier.texture_coords = "GLOBAL"
        solid = item.modifiers.new("thickness", "SOLIDIFY")
        solid.thickness, solid.offset = thickness, 1
        items.append(item)
    return items


def _shoes(body: Body, color: np.ndarray) -> list[bpy.types.Object]:
    """Cover the feet with shoes."""
    high = body.joint("foot.L")[2] + 0.03
    piece = _Cut(
        body, body.body, np.where(body.owned("foot", "toe", "lowerleg02"), high - body.rest[:, 2], -0.2)
    )
    item, _ = moving_mesh(piece, "shoes", piece.quads, 0.014, plain("shoe", color, 0.35), 1)
    smooth = item.modifiers.new("toes", "SMOOTH")
    smooth.factor, smooth.iterations = 0.5, 14
    item.modifiers.move(1, 0)
    return [item]


def _hood(body: Body, material: bpy.types.Material) -> list[bpy.types.Object]:
    """Pull a hood over the head, open at the face."""
    place = (body.rest - body.center) / body.crown
    open_at = place[:, 1] + 0.3 + 0.12 * place[:, 2] + 3 * np.maximum(0, -place[:, 2] - 1.15)
    field = np.where(body.on_head, open_at * body.crown, -0.2)
    piece = _Cut(body, body.body, field)
    item, _ = moving_mesh(piece, "hood", piece.quads, 0.035, material, 1)
    smooth = item.modifiers.new("ears", "SMOOTH")
    smooth.factor, smooth.iterations = 0.5, 25
    item.modifiers.move(1, 0)
    solid = item.modifiers.new("thickness", "SOLIDIFY")
    solid.thickness = 0.006
    return [item]


def _skull(body: Body) -> tuple[float, float, np.ndarray]:
    """Half width and half depth of the head above the eyes, and its middle at rest."""
    place = body.rest[body.on_head & (body.rest[:, 2] > body.center[2] + 0.25 * body.crown)]
    low, high = place.min(0), place.max(0)
    middle = (low + high) / 2
    return (high[0] - low[0]) / 2, (high[1] - low[1]) / 2, np.array([middle[0], middle[1], body.center[2]])


def _hat(
    body: Body, kind: str, material: bpy.types.Material, accent: bpy.types.Material, rng: np.random.Generator
) -> list[bpy.types.Object]:
    """Put a hat on: rings of an ellipse around the head, riding on it."""
    wide, deep, middle = _skull(body)
    crown = body.crown
    room = 0.012
    tall = {"beanie": 1.12 + 0.3 * rng.random(), "cap": 1.12, "wide brim": 1.3, "bowler": 1.35}[kind] * crown
    low = {"beanie": 0.3, "cap": 0.42, "wide brim": 0.42, "bowler": 0.45}[kind] * crown
    t = np.linspace(0, np.pi / 2, 9)
    power = 0.75 if kind in ("beanie", "cap") else 0.5
    profile = [(np.cos(a) ** power, low + (tall - low) * np.sin(a) ** 0.9) for a in t[:-1]] + [(0.0, tall)]
    brim = {"wide brim": rng.uniform(0.07, 0.13), "bowler": 0.045}.get(kind, 0.0)
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    bend = rng.uniform(-0.03, 0.04)
    points = []
    if brim:
        for out in (brim, brim * 0.5, 0.004):
            sag = bend * np.cos(2 * angles) * out / brim
            points.append(
                [
                    (np.cos(a) * (wide + room + out), np.sin(a) * (deep + room + out), low + s)
                    for a, s in zip(angles, sag)
                ]
            )
    if kind == "beanie":
        for up, out in ((0.03, 0.0), (0.0, 0.006), (0.0, 0.008), (0.03, 0.008), (0.034, 0.004)):
            points.append(
                [(np.cos(a) * (wide + room + out), np.sin(a) * (deep + room + out), low + up) for a in angles]
            )
    for share, height in profile:
        points.append(
            [(np.cos(a) * (wide + room) * share, np.sin(a) * (deep + room) * share, height) for a in angles]
        )
    rows = len(points)
    vertices = np.array(points).reshape(-1, 3) + middle
    items = [add_mesh("hat", vertices, grid_faces(rows, 40, wrap=True), material, smooth=True)]
    if kind == "cap":
        spread = np.linspace(-1.05, 1.05, 21)
        out = 0.075 * np.cos(spread * 1.2) ** 0.6
        inner = np.stack(
            [np.sin(spread) * (wide + room), -np.cos(spread) * (deep + room), np.full(21, low + 0.004)], 1
        )
        outer = inner + np.stack([np.sin(spread) * 0.25 * out, -out, -0.018 - 0.02 * spread**2], 1)
        shade = np.concatenate([inner, outer]) + middle
        items.append(add_mesh("peak", shade, grid_faces(2, 21), accent, smooth=True))
    for item in items:
        item.modifiers.new("smooth", "SUBSURF").render_levels = 1
        item.modifiers.new("thickness", "SOLIDIFY").thickness = 0.003
        item.matrix_world = Matrix(body.head[1].tolist())
    if kind == "beanie" and rng.random() < 0.5:
        ball = vertices[-1] + vec(0, 0, 0.025)
        normal = unit(rng.normal(0, 1, (700, 3)))
        s = np.linspace(0, 1, 4)[None, :, None]
        strands = ball + normal[:, None] * s * rng.uniform(0.025, 0.04, (700, 1, 1))
        pompom = add_strands("pompom", strands, np.full((700, 4), 0.0006), accent)
        pompom.matrix_world = Matrix(body.head[1].tolist())
        items.append(pompom)
    return items


def _glasses(body: Body, rng: np.random.Generator) -> list[bpy.types.Object]:
    """Put glasses on: two rims, a bridge, two temples."""
    left, right = (body.rest[e].mean(0) for e in body.eyes)
    size = np.linalg.norm(body.rest[body.eyes[0]] - left, axis=1).max()
    nose = body.rest[body.on_head][:, 1].min()
    front = min(left[1] - 2.0 * size, nose + 0.022)
    dark = rng.random() < 0.3
    material = plain("frame", hsv(rng.random(), rng.random() * 0.6, rng.choice([0.1, 0.3, 0.8])), 0.3)
    thick = float(rng.choice([0.0007, 0.0012, 0.0022]))
    power = float(rng.choice([1.0, 0.55]))
    wide, tall = rng.uniform(0.022, 0.029), rng.uniform(0.015, 0.023)
    t = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    shape = np.stack(
        [
            np.sign(np.cos(t)) * np.abs(np.cos(t)) ** power * wide,
            np.sign(np.sin(t)) * np.abs(np.sin(t)) ** power * tall,
        ],
        1,
    )
    items, head_wide = [], _skull(body)[0]
    for eye in (left, right):
        sign = np.sign(eye[0])
        ring = np.stack(
            [eye[0] + sign * 0.001 + shape[:, 0], front + 5 * shape[:, 0] ** 2, eye[2] - 0.003 + shape[:, 1]],
            1,
        )
        items.append(add_tube("rim", ring, thick, material, closed=True))
        hinge = np.array([eye[0] + sign * wide, front + 5 * wide**2, eye[2] + 0.003])
        ear = np.array([sign * (head_wide + 0.002), body.center[1] + 0.005, eye[2] + 0.004])
        bend = np.array([sign * (head_wide + 0.001), hinge[1] + 0.02, eye[2] + 0.004])
        end = ear + vec(0, 0.025, -0.03)
        items.append(add_tube("temple", np.array([hinge, bend, ear, end]), thick, material))
        if dark:
            items.append(add_mesh("lens", ring, [tuple(range(36))], plain("lens", (0.01, 0.01, 0.012), 0.05)))
    ends = [e + vec(-np.sign(e[0]) * wide, 0, 0.002) for e in (left, right)]
    bridge = np.array(
        [
            [ends[0][0], front, ends[0][2]],
            [0, front - 0.004, left[2] + 0.004],
            [ends[1][0], front, ends[1][2]],
        ]
    )
    items.append(add_tube("bridge", bridge, thick, material))
    for item in items:
        item.matrix_world = Matrix(body.head[1].tolist())
    return items


def _scarf(
    body: Body, material: bpy.types.Material, rng: np.random.Generator
) -> tuple[list[bpy.types.Object], np.ndarray]:
    """Wind a scarf around the neck and let an end hang; returns its objects and its ring's points."""
    low = body.posed["neck01"][:3, 3]
    high = body.posed["head"][:3, 3]
    axis = unit(high - low)
    around = body.middle[body.on_head & body.owned("neck")]
    middle = low + axis * 0.03
    radius = np.percentile(np.linalg.norm(np.cross(around - middle, axis), axis=1), 60)
    side = unit(np.cross(axis, [0, 1.0, 0]))
    front = np.cross(axis, side)
    t = np.linspace(0, 4 * np.pi, 70)
    wobble = np.interp(t, np.linspace(0, t[-1], 14), rng.normal(0, 0.006, 14))
    reach = radius + 0.022 + wobble + 0.012 * (t > 2 * np.pi)
    ring = middle + reach[:, None] * (np.cos(t)[:, None] * side + np.sin(t)[:, None] * front)
    ring = ring + axis * (0.03 * (t / t[-1]) - 0.015 + wobble)[:, None]
    size = 0.02 + np.interp(t, np.linspace(0, t[-1], 20), rng.uniform(0, 0.008, 20))
    items = [add_tube("scarf", ring, size, material)]
    s = np.linspace(0, 1, 16)
    length = rng.uniform(0.2, 0.5)
    start = ring[np.argmin(ring[:, 1])]
    sway = np.cumsum(rng.normal(0, 0.004, 16))
    line = start + np.stack([sway, -0.03 * np.sin(s * 2), -length * s], 1)
    wide = rng.uniform(0.035, 0.06)
    points = np.concatenate([line - [wide, 0, 0], line, line + vec(wide, 0, 0)])
    end = add_mesh("scarf end", points, grid_faces(3, 16), material, smooth=True)
    end.modifiers.new("smooth", "SUBSURF").render_levels = 1
    end.modifiers.new("thickness", "SOLIDIFY").thickness = 0.008
    items.append(end)
    fringe = np.repeat(np.linspace(points[15], points[-1], 24), 2, 0)
    fall = np.linspace(0, 1, 4)[None, :, None] * np.array([0, 0, -0.05])
    strands = fringe[:, None] + fall + rng.normal(0, 0.004, (48, 1, 3)) * np.linspace(0, 1, 4)[None, :, None]
    items.append(add_strands("scarf fringe", strands, np.full((48, 4), 0.0012), material))
    return items, ring


def build_person(
    folder: Path, name: str, person: dict[str, Any], detail: int, pixels: float
) -> tuple[list[bpy.types.Object], Body]:
    """Build a person in the scene.

    Parameters
    ----------
    folder : Path
        Where poses.py wrote.
    name : str
        Of the person's file.
    person : dict
        Of a recipe.
    detail : int
        Seed of all grain.
    pixels : float
        About how many pixels high the head will be: decides how many hairs are worth their while.

    Returns
    -------
    tuple
        The objects made, and the body.
    """
    before = set(bpy.context.scene.objects)
    rng = np.random.default_rng(detail)
    body = Body(folder, name)
    clothes = person["clothes"]
    levels = 2 if pixels > 60 else 1
    garments = _wardrobe(body, person, rng)
    _dress(body, garments, 0.003, levels)
    covered = np.zeros(len(body.rest), bool)
    for garment in garments:
        if garment.group == "helper-tights":
            covered |= garment.field > 0.02
    moving_mesh(body, "body", body.body, np.where(covered, -0.012, 0.0), _skin(body, person["skin"]))
    add_eyes(body)
    teeth = plain("teeth", (0.6, 0.52, 0.43), 0.25)
    for group in ("helper-upper-teeth", "helper-lower-teeth"):
        moving_mesh(body, "teeth", body.groups[group], 0.0, teeth)
    accent = plain("accent", hsv(*clothes["accent"]), 0.6)
    if rng.random() < 0.85:
        _shoes(body, hsv(clothes["accent"][0], 0.3, clothes["accent"][2] * 0.6))
    if pixels > 45:
        add_face_hair(body, rng)
    hat_cloth = cloth(clothes["coat cloth"], "Object")
    if person["hat"]:
        _hat(body, person["hat"], hat_cloth, accent, rng)
    if person["hood"]:
        _hood(body, garments[-1].material)
    if person["glasses"]:
        _glasses(body, rng)
    ring = _scarf(body, hat_cloth, rng)[1] if person["scarf"] else None

    count = int(np.clip(pixels**2 * 0.8, 4500, 16000))
    places = body.middle.copy()
    thick = np.zeros(len(places))
    for garment in garments:
        if garment.group == "helper-tights":
            thick = np.maximum(
                thick, np.where(garment.field > 0, garment.offset, 0.0) + 0.004 * (garment.field > 0)
            )
    tights = body.groups["helper-tights"][:, :4]
    places += normals(body.middle, tights) * thick[:, None]
    solid = np.concatenate([body.body[:, :4], tights[(thick[tights] > 0).all(1)]])
    polygons = [tuple(q) for q in solid.tolist()]
    points = [Vector(p) for p in places]
    if ring is not None:
        start = len(points)
        points += [Vector(p + vec(0, 0, 0.02)) for p in ring] + [Vector(p - [0, 0, 0.02]) for p in ring]
        polygons += [(start + k, start + k + 1, start + 71 + k, start + 70 + k) for k in range(69)]
    tree = BVHTree.FromPolygons(points, polygons)
    hair = dict(person["hair"])
    limit = (
        0.3
        if person["hood"]
        else {"beanie": 0.32, "cap": 0.45, "wide brim": 0.45, "bowler": 0.48}.get(person["hat"], 9.0)
    )
    material = hair_color("hair", hair, rng)
    if not (person["hood"] and hair["kind"] in ("buzz", "short", "tousled")):
        for strands, radius in grow_hair(body, hair, rng, tree, count, limit):
            add_strands("hair", strands, radius, material)
    if hair["beard"]:
        strands, radius = grow_beard(body, hair["beard"], rng, int(np.clip(pixels**2 * 0.3, 1500, 6000)))
        add_strands("beard", strands, radius, material)
    outermost = "coat" if person["coat"] else "top"
    spec = clothes[f"{outermost} cloth"]
    if spec["fuzz"] and pixels > 30:
        garment = next(garment for garment in garments if garment.name == outermost)
        worn = tights[(garment.field[tights] > 0).all(1)]
        fibres = int(np.clip(pixels**2 * 0.6, 2500, 12000))
        length, radius, lift = (0.05, 0.0002, 0.015) if person["coat"] else (0.012, 0.00006, 0.0)
        normal = normals(places, worn)
        roots = places + normal * lift
        fuzz = grow_fuzz(roots, worn, normal, rng, fibres, length * spec["fuzz"], radius)
        add_strands("fuzz", *fuzz, dyed_hair("fuzz", hsv(*spec["first"]), 0.55))
    if person["prop"] and body.holds:
        add_prop(person["prop"], body, clothes, rng)
    return [item for item in bpy.context.scene.objects if item not in before], body
