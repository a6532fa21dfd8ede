# SPDX-License-Identifier: GPL-3.0-or-later
"""Build and render the places of recipes with Cycles, denoised.

Runs in a Python that has bpy (4.5); places.py starts it:

    python scenes/place_scene.py RECIPES.json BODIES FOLDER --size 1280 720 --threads 2

FOLDER gets ``NNNNN.place.exr``; BODIES is not looked at. What it says is what scene.py says.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector

sys.path.append(str(Path(__file__).parent / "demo_shot"))

from furnish import HOLES, add_along, add_around, add_leaves, hole_of
from room import WALL, Material, add_area, add_box, add_object, add_strands, hsv, plain_material
from scene import FRAMING, SENSOR, Laps, aim, lamps, serve, shoot, sky, start
from shapes import add_tube, plain, vec
from surfaces import add_panel, surface

__all__ = ["PLACE_SAMPLES", "build_place", "keep_inside"]

# Denoised; more would cost more than they show.
PLACE_SAMPLES = 3

# How far the ground and the back reach to each side under the sky.
FAR = 14.0


def build_place(place: dict[str, Any], yaw: float, distance: float) -> list[bpy.types.Object]:
    """Build a place around the origin, its back behind it as a camera sees it.

    Parameters
    ----------
    place : dict
        Of a recipe.
    yaw : float
        Where the camera looks, radians about Z from +Y.
    distance : float
        Of the camera from the origin, metres: walls at the sides reach so far.

    Returns
    -------
    list of bpy.types.Object
        All of it, lights too.
    """
    before = set(bpy.context.scene.objects)
    height, half = place["height"], place["width"] / 2
    if place["inside"]:
        _room(place, half, height, place["distance"] + distance + 1.0)
    else:
        _outside(place, height)
    slot = place["slot"]
    reach = half if place["inside"] else FAR * 0.5
    for x, one in zip(_slots(reach, slot), place["along"]):
        if one["kind"]:
            add_along(one, x, slot, height)
    for one in place["around"]:
        x, y = one["at"][0] * (half - 0.5), WALL - 0.7 - one["at"][1] * max(place["distance"] - 1.2, 0.0)
        # Near the middle it would stand in the person.
        if place["distance"] < 1.6 or abs(x) < 0.3:
            x = math.copysign(max(abs(x), 0.9), x)
        add_around(one, x, y, height)
    made = [item for item in bpy.context.scene.objects if item not in before]
    # What glows is bright, but lamps give the light: so a few samples do, and no light tree is needed.
    bpy.context.scene.cycles.use_light_tree = False
    for material in bpy.data.materials:
        material.cycles.emission_sampling = "NONE"
    root = add_object("place", None)
    for item in made:
        if item.parent is None:
            item.parent = root
    root.matrix_world = (
        Matrix.Rotation(yaw, 4, "Z")
        @ Matrix.Translation((place["shift"], place["distance"], 0))
        @ Matrix.Rotation(math.radians(place["turn"]), 4, "Z")
        @ Matrix.Translation((0, -WALL, 0))
    )
    return [*made, root]


def keep_inside(camera: dict[str, Any], target: float, height: float, ceiling: float) -> dict[str, Any]:
    """Tilt a camera no further than it stays above the ground and below the ceiling.

    Parameters
    ----------
    camera : dict
        Of a recipe.
    target, height : float
        Height above the ground it aims at, and that of the picture there, metres.
    ceiling : float
        Where the ceiling is, metres.

    Returns
    -------
    dict
        The camera.
    """
    far = height / (SENSOR / camera["lens"])
    low, high = (
        math.degrees(math.asin(max(-1.0, min(1.0, (z - target) / far)))) for z in (0.35, ceiling - 0.25)
    )
    return {**camera, "tilt": max(low, min(high, camera["tilt"]))}


def _slots(reach: float, slot: float) -> list[float]:
    """Middles of the slots along a back, from the middle outwards."""
    count = max(1, int(2 * reach / slot))
    return sorted(((np.arange(count) - (count - 1) / 2) * slot).tolist(), key=abs)


def _room(place: dict[str, Any], half: float, height: float, depth: float) -> None:
    """Add walls, ground, ceiling and lamps of a room."""
    wall = surface(place["back"])
    slot = place["slot"]
    windows = [
        hole_of(x, slot, height) for x, one in zip(_slots(half, slot), place["along"]) if one["kind"] in HOLES
    ]
    _wall_with_holes(half, height, sorted(windows), wall)
    middle = WALL - depth / 2
    for side in (-1, 1):
        turned = (math.pi / 2, 0, -side * math.pi / 2)
        add_panel(depth, height, wall, (side * half, middle, height / 2), turned)
    skirting = plain("skirting", hsv(place["back"]["second"][0], 0.15, 0.85), 0.4)
    if place["lower"]:
        panel = surface(place["lower"])
        low = min((bottom - 0.08 for _, _, bottom, _ in windows), default=0.85)
        add_panel(2 * half, low, panel, (0, WALL - 0.012, low / 2), (math.pi / 2, 0, 0))
        add_box((0, WALL - 0.02, low), (2 * half, 0.04, 0.05), skirting)
    add_box((0, WALL - 0.01, 0.05), (2 * half, 0.03, 0.1), skirting)
    for side in (-1, 1):
        add_box((side * (half - 0.01), middle, 0.05), (0.03, depth, 0.1), skirting)
    add_panel(2 * half, depth, surface(place["ground"]), (0, middle, 0))
    ceiling = plain_material((0.75, 0.74, 0.71), 0.9, 0.1, 2.0)
    add_panel(2 * half, depth, ceiling, (0, middle, height), (math.pi, 0, 0))
    tint = hsv(0.09 if place["warmth"] > 0 else 0.6, abs(place["warmth"]) * 0.45, 1.0)
    glow = Material("fitting").emission(tint, 6.0)
    for lamp in place["lamps"]:
        x, y = lamp["at"][0] * (half - 0.6), WALL - 0.5 - lamp["at"][1] * (place["distance"] + 0.5)
        watts = 45.0 * 2 ** lamp["stops"] * (half / 3)
        add_area((x, y, height - 0.12), (x, y, 0), 0.5, watts, tint)
        add_box((x, y, height - 0.05), (0.6, 0.2, 0.05), glow, bevel=0.01)


def _wall_with_holes(
    half: float, height: float, holes: list[tuple[float, float, float, float]], material: bpy.types.Material
) -> None:
    """Add a wall but for holes: left, right, bottom, top. Its texture runs on from piece to piece."""

    def piece(x0: float, x1: float, z0: float, z1: float) -> None:
        corners = [(x0, z0, 0), (x1, z0, 0), (x1, z1, 0), (x0, z1, 0)]
        mesh = bpy.data.meshes.new("wall")
        mesh.from_pydata(corners, [], [(0, 1, 2, 3)])
        add_object("wall", mesh, material, location=(0, WALL, 0), rotation=(math.pi / 2, 0, 0))

    at = -half
    for x0, x1, z0, z1 in holes:
        piece(at, x0, 0, height)
        piece(x0, x1, 0, z0)
        piece(x0, x1, z1, height)
        at = x1
    piece(at, half, 0, height)


def _outside(place: dict[str, Any], height: float) -> None:
    """Add the ground, the back and the sun of a place under the sky."""
    rng = np.random.default_rng(place["along"][0]["detail"])
    ground = place["ground"]
    add_panel(2 * FAR, 2 * FAR, surface(ground), (0, WALL - FAR + 6.0, 0))
    if ground["kind"] == "lawn":
        _grass(ground, place["distance"], rng)
    back = place["back"]
    if back["kind"] == "hedge":
        reach = FAR * 0.5
        places = rng.uniform((-reach, WALL - 0.15, 0), (reach, WALL + 0.1, height * 0.75), (34000, 3))
        places[:, 1] += 0.1 * np.sin(places[:, 0] * 3.1) * np.sin(places[:, 2] * 2.3)
        add_leaves(places, rng, 0.09)
        dark = plain("inside", hsv(0.25, 0.5, 0.12), 1.0)
        add_panel(FAR, height * 0.7, dark, (0, WALL + 0.12, height * 0.36), (math.pi / 2, 0, 0))
    elif back["kind"] == "front":
        _front(back, height * 2, rng)
    elif back["kind"] == "trees":
        spec = {"kind": "tree", "first": back["first"], "second": back["second"], "turn": 0.0}
        for _ in range(9):
            add_around(
                {**spec, "detail": int(rng.integers(2**31))},
                rng.uniform(-5, 5), WALL + rng.uniform(-1.0, 5.0), height,
            )  # fmt: skip
        places = rng.uniform((-9, WALL + 5, 0), (9, WALL + 6.5, 4.5), (5000, 3))
        add_leaves(places, rng, 0.16)
    elif back["kind"] in ("mesh", "railing"):
        _railing(back, rng)
        places = rng.uniform((-9, WALL + 3, 0), (9, WALL + 4.5, 3.0), (4000, 3))
        places = places[places[:, 2] < 1.6 + np.sin(places[:, 0] * 1.3) + 0.4 * np.sin(places[:, 0] * 3.7)]
        add_leaves(places, rng, 0.12)
    else:
        tall = height * (0.65 if back["kind"] == "planks" else 1.1)
        add_panel(2 * FAR, tall, surface(back), (0, WALL, tall / 2), (math.pi / 2, 0, 0))
        add_box((0, WALL, tall), (2 * FAR, 0.12, 0.06), plain_material(hsv(0.08, 0.2, 0.6), 0.9, 0.4))
    if place["sun"]:
        sun = place["sun"]
        light = bpy.data.lights.new("sun", "SUN")
        light.angle, light.energy = math.radians(sun["soft"]), 3.0 * 2 ** sun["stops"]
        light.color = (1.0, 0.9, 0.76)
        azimuth, up = math.radians(sun["azimuth"]), math.radians(sun["height"])
        way = Vector((math.sin(azimuth) * math.cos(up), -math.cos(azimuth) * math.cos(up), math.sin(up)))
        add_object("sun", light).rotation_euler = way.to_track_quat("Z", "Y").to_euler()


def _grass(ground: dict[str, Any], distance: float, rng: np.random.Generator) -> None:
    """Add blades where the lawn is near enough to see them."""
    count = 26000
    root = rng.uniform((-4, WALL - distance - 1.5, 0), (4, WALL, 0), (count, 3))
    tall = rng.uniform(0.02, 0.08, count)
    lean = rng.normal(0, 0.5, (count, 2)) * tall[:, None]
    tip = root + np.c_[lean, tall]
    middle = root * 0.5 + tip * 0.5 + np.c_[-lean * 0.25, tall * 0.15]
    material = Material("grass")
    random = material.node("ShaderNodeHairInfo").outputs["Random"]
    hue, _, value = ground["first"]
    stops = [(p, hsv(0.17 + 0.13 * hue + h, 0.7, v * (0.4 + 0.5 * value))) for p, h, v in (
        (0.0, 0.02, 0.5), (0.7, 0.0, 0.9), (0.95, -0.06, 1.0)
    )]  # fmt: skip
    material.principled(material.ramp(random, *stops), 0.6, 0.2)
    add_strands(
        "grass", np.stack([root, middle, tip], 1), np.tile([0.002, 0.0016, 0.0002], (count, 1)), material.data
    )


def _front(back: dict[str, Any], height: float, rng: np.random.Generator) -> None:
    """Add the front of a house: rows of windows in a wall."""
    kind = str(rng.choice(["plaster", "brick", "stone"]))
    wall = surface({**back, "kind": kind})
    add_panel(2 * FAR, height, wall, (0, WALL, height / 2), (math.pi / 2, 0, 0))
    frame = plain("frame", hsv(back["second"][0], 0.2, 0.85), 0.4)
    glass = plain("pane", (0.02, 0.025, 0.03), 0.04)
    step, wide, tall = rng.uniform(1.3, 2.2), rng.uniform(0.7, 1.1), rng.uniform(1.1, 1.7)
    for z in np.arange(0.8, height - tall, tall + 0.9):
        for x in np.arange(-4 * step, 4.1 * step, step):
            middle = (x, WALL - 0.02, z + tall / 2)
            add_box(middle, (wide + 0.14, 0.06, tall + 0.14), frame, bevel=0.006)
            add_box((x, WALL - 0.052, z + tall / 2), (wide, 0.004, tall), glass)
            add_box((x, WALL - 0.055, z + tall / 2), (0.04, 0.03, tall), frame)
            for share in (0.33, 0.66):
                add_box((x, WALL - 0.055, z + tall * share), (wide, 0.03, 0.03), frame)
            add_box((x, WALL - 0.08, z - 0.08), (wide + 0.3, 0.2, 0.06), frame)
    plinth = surface({**back, "kind": "stone", "first": back["second"]})
    add_panel(2 * FAR, 0.5, plinth, (0, WALL - 0.06, 0.25), (math.pi / 2, 0, 0))


def _railing(back: dict[str, Any], rng: np.random.Generator) -> None:
    """Add a fence one sees through: upright bars, or wire in diamonds."""
    metal = plain("bars", hsv(*back["first"]), 0.5, Metallic=0.3)
    tall, reach = rng.uniform(1.0, 1.9), 7.0
    if back["kind"] == "railing":
        for x in np.arange(-reach, reach, rng.uniform(0.09, 0.16)):
            add_tube("bar", np.array([[x, WALL, 0.05], [x, WALL, tall]]), 0.008, metal)
    else:
        mesh = 0.06 * back["scale"]
        for way in (-1, 1):
            start = np.arange(-reach - tall, reach + tall, mesh)
            low = np.stack([start, np.full(len(start), WALL), np.zeros(len(start))], 1)
            wires = np.stack([low, low + vec(way * tall, 0, tall)], 1)
            add_strands("wires", wires, np.full((len(start), 2), 0.0016), metal)
    for z in (0.1, tall):
        add_tube("rail", np.array([[-reach, WALL, z], [reach, WALL, z]]), 0.015, metal)
    for x in np.arange(-reach, reach, 2.0):
        add_tube("post", np.array([[x, WALL + 0.02, 0], [x, WALL + 0.02, tall + 0.1]]), 0.03, metal)


def _render(
    recipe: dict[str, Any], _bodies: Path, folder: Path, size: tuple[int, int], threads: int
) -> dict[str, float]:
    """Render a place as it is seen past where a person would stand; returns seconds by step."""
    laps = Laps()
    start(size, threads)
    camera = recipe["camera"]
    height, below = FRAMING.get(camera["shot"], (2.1, 0.65))
    height /= camera["zoom"]
    target = np.array([0, 0, 1.62 - below])
    rng = np.random.default_rng(recipe["detail"])
    camera = keep_inside(camera, target[2], height, recipe["place"]["height"])
    aim(camera, target, height, target, rng)
    build_place(recipe["place"], 0.0, bpy.context.scene.camera.location.length)
    lamps(recipe["light"], target, height)
    sky(recipe["light"])
    laps.lap("build")
    shoot(folder / f"{recipe['number']:05d}.place.exr", PLACE_SAMPLES, 1, color=True, film=False)
    laps.lap("place")
    return laps.took


if __name__ == "__main__":
    serve(__doc__.splitlines()[0], _render)
