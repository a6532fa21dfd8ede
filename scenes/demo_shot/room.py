# SPDX-License-Identifier: GPL-3.0-or-later
"""The place of the demo shot: a reading corner at dusk, all of it procedural, for Cycles.

Metres, Z up. The camera looks along +Y, the person stands near the origin, the wall is at ``WALL``.
"""

from __future__ import annotations

import colorsys
from itertools import pairwise
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector

WALL = 2.5


class Material:
    """A small builder for node materials."""

    def __init__(self, name: str):
        self.data = bpy.data.materials.new(name)
        self.data.use_nodes = True
        self.tree = self.data.node_tree
        self.tree.nodes.clear()
        self.output = self.node("ShaderNodeOutputMaterial")

    def node(self, kind: str, **attributes):
        """Add a node and set its attributes."""
        node = self.tree.nodes.new(kind)
        for key, value in attributes.items():
            setattr(node, key, value)
        return node

    def link(self, source, target):
        """Connect an output socket to an input socket."""
        self.tree.links.new(source, target)

    def put(self, socket, value):
        """Feed an input from a socket, a colour or a number."""
        if hasattr(value, "node"):
            self.link(value, socket)
        elif np.ndim(value):
            socket.default_value = (*[float(v) for v in value[:3]], 1.0)
        else:
            socket.default_value = float(value)

    def principled(self, color, roughness=0.5, specular=0.5, **inputs):
        """Close the material with a Principled BSDF."""
        shader = self.node("ShaderNodeBsdfPrincipled")
        self.link(shader.outputs[0], self.output.inputs[0])
        self.put(shader.inputs["Base Color"], color)
        self.put(shader.inputs["Roughness"], roughness)
        self.put(shader.inputs["Specular IOR Level"], specular)
        for key, value in inputs.items():
            self.put(shader.inputs[key.replace("_", " ")], value)
        return shader

    def texture(self, kind: str, scale: float, coordinates="Object", stretch=(1, 1, 1), **inputs):
        """Add a procedural texture with its own mapping."""
        where = self.node("ShaderNodeTexCoord")
        mapping = self.node("ShaderNodeMapping")
        mapping.inputs["Scale"].default_value = stretch
        self.link(where.outputs[coordinates], mapping.inputs[0])
        node = self.node("ShaderNodeTex" + kind)
        self.link(mapping.outputs[0], node.inputs["Vector"])
        node.inputs["Scale"].default_value = scale
        for key, value in inputs.items():
            if key in node.inputs:
                self.put(node.inputs[key], value)
            else:
                setattr(node, key, value)
        return node

    def ramp(self, factor, *stops):
        """Map 0..1 to colours; each stop is (position, colour or grey)."""
        node = self.node("ShaderNodeValToRGB")
        elements = node.color_ramp.elements
        while len(elements) < len(stops):
            elements.new(0.5)
        for element, (position, color) in zip(elements, stops):
            element.position = position
            color = color if np.ndim(color) else (color,) * 3
            element.color = (*[float(c) for c in color[:3]], 1.0)
        self.link(factor, node.inputs[0])
        return node.outputs[0]

    def mix(self, factor, first, second, mode="MIX"):
        """Blend two colours."""
        node = self.node("ShaderNodeMix", data_type="RGBA", blend_type=mode)
        for value, index in ((factor, 0), (first, 6), (second, 7)):
            self.put(node.inputs[index], value)
        return node.outputs[2]

    def bump(self, shader, height, strength, distance=0.01):
        """Perturb the shader's normal by a height."""
        node = self.node("ShaderNodeBump")
        node.inputs["Strength"].default_value = strength
        node.inputs["Distance"].default_value = distance
        self.link(height, node.inputs["Height"])
        self.link(node.outputs[0], shader.inputs["Normal"])

    def emission(self, color, strength):
        """Close the material with a flat emission."""
        node = self.node("ShaderNodeEmission")
        self.put(node.inputs[0], color)
        self.put(node.inputs[1], strength)
        self.link(node.outputs[0], self.output.inputs[0])
        return self.data


def hsv(hue: float, saturation: float, value: float) -> np.ndarray:
    """Display hue, saturation, value to linear RGB."""
    return np.array(colorsys.hsv_to_rgb(hue % 1, min(max(saturation, 0), 1), value)) ** 2.2


def add_object(name, data, material=None, location=(0, 0, 0), rotation=(0, 0, 0)):
    """Put data into the scene."""
    item = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(item)
    item.location, item.rotation_euler = location, rotation
    if material is not None:
        data.materials.append(material)
    return item


def add_mesh(name, vertices, faces, material, smooth=False, **place):
    """Make a mesh object."""
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata([tuple(v) for v in vertices], [], [tuple(f) for f in faces])
    if smooth:
        mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), bool))
    return add_object(name, mesh, material, **place)


def add_box(center, size, material, rotation=(0, 0, 0), bevel=0.0):
    """Make a box."""
    x, y, z = (s / 2 for s in size)
    vertices = [(a, b, c) for a in (-x, x) for b in (-y, y) for c in (-z, z)]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    box = add_mesh("box", vertices, faces, material, location=center, rotation=rotation)
    if bevel:
        modifier = box.modifiers.new("bevel", "BEVEL")
        modifier.width, modifier.segments = bevel, 2
    return box


def add_lathe(profile, material, location, segments=40):
    """Turn a profile of (radius, height) around Z."""
    angles = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    vertices = [(r * np.cos(a), r * np.sin(a), z) for r, z in profile for a in angles]
    faces = [
        (
            k * segments + i,
            k * segments + (i + 1) % segments,
            (k + 1) * segments + (i + 1) % segments,
            (k + 1) * segments + i,
        )
        for k in range(len(profile) - 1)
        for i in range(segments)
    ]
    return add_mesh("lathe", vertices, faces, material, smooth=True, location=location)


def add_strands(name, points, radius, material):
    """Make hair curves from points (N, K, 3) and radii (N, K)."""
    count, steps, _ = points.shape
    curves = bpy.data.hair_curves.new(name)
    curves.add_curves([steps] * count)
    curves.position_data.foreach_set("vector", points.reshape(-1).astype(np.float32))
    width = curves.attributes.get("radius") or curves.attributes.new("radius", "FLOAT", "POINT")
    width.data.foreach_set("value", radius.reshape(-1).astype(np.float32))
    return add_object(name, curves, material)


def brick_material():
    """Worn red brick with pale mortar."""
    m = Material("brick")
    brick = m.texture(
        "Brick",
        4.2,
        **{
            "Color1": (0.30, 0.095, 0.055),
            "Color2": (0.15, 0.05, 0.035),
            "Mortar": (0.30, 0.26, 0.22),
            "Mortar Size": 0.018,
            "Mortar Smooth": 0.3,
            "Bias": -0.1,
        },
    )
    coarse = m.texture("Noise", 2.3, Detail=3.0)
    fine = m.texture("Noise", 38.0, Detail=3.0)
    color = m.mix(0.75, brick.outputs[0], m.ramp(coarse.outputs[0], (0.3, 0.45), (0.7, 1.5)), "MULTIPLY")
    color = m.mix(0.55, color, m.ramp(fine.outputs[0], (0.3, 0.5), (0.7, 1.4)), "MULTIPLY")
    shader = m.principled(color, 0.85, 0.25)
    height = m.mix(0.35, m.ramp(brick.outputs["Fac"], (0.0, 1.0), (1.0, 0.0)), fine.outputs[0])
    m.bump(shader, height, 0.9, 0.012)
    return m.data


def wood_material(tone, scale=3.0, stretch=(0.25, 3, 3)):
    """Grained wood along X."""
    m = Material("wood")
    grain = m.texture("Noise", scale * 3, stretch=stretch, Detail=3.0, Distortion=0.6)
    color = m.ramp(grain.outputs[0], (0.3, np.array(tone) * 0.45), (0.62, tone), (0.75, np.array(tone) * 1.4))
    shader = m.principled(color, 0.45, 0.4)
    m.bump(shader, grain.outputs[0], 0.25, 0.004)
    return m.data


def plain_material(color, roughness=0.5, wear=0.3, scale=14.0, **inputs):
    """Make a colour with some wear."""
    m = Material("plain")
    noise = m.texture("Noise", scale, Detail=3.0)
    mixed = m.mix(wear, color, m.ramp(noise.outputs[0], (0.3, 0.35), (0.7, 1.3)), "MULTIPLY")
    shader = m.principled(mixed, roughness, 0.4, **inputs)
    m.bump(shader, noise.outputs[0], 0.15, 0.003)
    return m.data


def book_material(rng):
    """Make a book's spine: a colour with bands across."""
    m = Material("book")
    hue = rng.choice([0.0, 0.02, 0.05, 0.08, 0.11, 0.13, 0.42, 0.55, 0.6, 0.62, 0.96]) + rng.normal(0, 0.012)
    color = hsv(hue, rng.uniform(0.3, 0.75), rng.uniform(0.2, 0.7))
    if rng.random() < 0.3:
        color = hsv(0.1, rng.uniform(0.05, 0.25), rng.uniform(0.6, 0.9))
    band = hsv(rng.choice([0.12, 0.1, 0.0]), rng.choice([0.1, 0.6]), rng.uniform(0.6, 0.9))
    wave = m.texture("Wave", rng.uniform(1.2, 3.5), bands_direction="Z")
    wave.inputs["Phase Offset"].default_value = rng.uniform(0, 6)
    edge = rng.uniform(0.9, 0.985)
    noise = m.texture("Noise", 45.0, Detail=3.0)
    mixed = m.mix(m.ramp(wave.outputs["Fac"], (edge, 0), (edge + 0.02, 1)), color, band)
    mixed = m.mix(0.4, mixed, m.ramp(noise.outputs[0], (0.3, 0.4), (0.7, 1.3)), "MULTIPLY")
    m.principled(mixed, rng.uniform(0.35, 0.8), 0.4)
    return m.data


def painting_material(rng):
    """Paint an abstract print."""
    m = Material("painting")
    noise = m.texture("Noise", rng.uniform(3, 7), Detail=3.0, Distortion=rng.uniform(0.5, 3))
    hue = rng.uniform(0.0, 0.12)
    stops = [
        (p, hsv(hue + rng.normal(0, 0.12), rng.uniform(0.2, 0.8), rng.uniform(0.25, 0.95)))
        for p in (0.3, 0.42, 0.5, 0.58, 0.7)
    ]
    m.principled(m.ramp(noise.outputs[0], *stops), 0.35)
    return m.data


def build_shelf(rng, x0, x1, levels, depth=0.28):
    """Build a bookcase filled with books, vases and boxes."""
    wood = wood_material((0.20, 0.105, 0.055))
    back = WALL - 0.02
    y = back - depth / 2
    width = x1 - x0
    books = [book_material(rng) for _ in range(22)]
    for x in (x0, x0 + width * 0.5, x1):
        add_box((x, y, levels[-1] / 2), (0.03, depth, levels[-1]), wood, bevel=0.003)
    add_box(((x0 + x1) / 2, back - 0.005, levels[-1] / 2), (width, 0.01, levels[-1]), wood)
    for level, ceiling in zip(levels, [*levels[1:], levels[-1] + 0.45]):
        add_box(((x0 + x1) / 2, y, level), (width + 0.03, depth, 0.028), wood, bevel=0.003)
        x = x0 + 0.025
        room = ceiling - level - 0.06
        while x < x1 - 0.05:
            if abs(x - (x0 + width * 0.5)) < 0.03:
                x += 0.04
            if rng.random() < 0.06:
                tall = rng.uniform(0.12, min(0.26, room))
                r = rng.uniform(0.04, 0.065)
                t = np.linspace(0, 1, 16)
                profile = np.stack([r * (0.55 + 0.6 * np.sin(0.4 + 2.6 * t)), t * tall], 1)
                glaze = plain_material(
                    hsv(rng.choice([0.05, 0.09, 0.5, 0.58]), rng.uniform(0.1, 0.5), rng.uniform(0.35, 0.8)),
                    0.15,
                )
                add_lathe([(0.001, 0), *profile], glaze, (x + r, y - 0.03, level + 0.014))
                x += 2 * r + 0.04
                continue
            if rng.random() < 0.04:
                x += rng.uniform(0.05, 0.14)
                continue
            thick = rng.uniform(0.015, 0.05)
            tall = min(rng.uniform(0.17, 0.31), room)
            deep = rng.uniform(0.13, 0.21)
            lean = rng.normal(0, 0.015) if rng.random() < 0.85 else rng.uniform(0.08, 0.2)
            add_box(
                (
                    x + thick / 2 + abs(lean) * tall / 2,
                    back - 0.02 - deep / 2 - rng.uniform(0, 0.04),
                    level + 0.014 + tall / 2,
                ),
                (thick, deep, tall),
                books[rng.integers(len(books))],
                rotation=(0, lean, 0),
                bevel=0.002,
            )
            x += thick + 0.002 + abs(lean) * tall


def build_window(x0, x1, z0, z1):
    """Window frame and curtains; the hole itself is left in the wall."""
    paint = plain_material((0.62, 0.58, 0.52), 0.4, 0.15)
    x, z = (x0 + x1) / 2, (z0 + z1) / 2
    wide, tall = x1 - x0, z1 - z0
    for cx in (x0, x1):
        add_box((cx, WALL - 0.01, z), (0.06, 0.09, tall + 0.06), paint, bevel=0.006)
    for cz in (z0, z1):
        add_box((x, WALL - 0.01, cz), (wide + 0.06, 0.09, 0.06), paint, bevel=0.006)
    add_box((x, WALL + 0.02, z), (0.035, 0.04, tall), paint, bevel=0.004)
    for f in (0.36, 0.7):
        add_box((x, WALL + 0.02, z0 + tall * f), (wide, 0.035, 0.025), paint, bevel=0.004)
    add_box((x, WALL - 0.09, z0 - 0.03), (wide + 0.2, 0.2, 0.03), paint, bevel=0.006)


def build_curtain(x0, x1, z0, z1, color):
    """Hang a folded curtain."""
    m = Material("curtain")
    weave = m.texture("Noise", 90.0, Detail=3.0)
    shader = m.principled(
        m.mix(0.35, color, weave.outputs[0], "MULTIPLY"), 0.9, 0.1, Sheen_Weight=0.3, Transmission_Weight=0.0
    )
    m.bump(shader, weave.outputs[0], 0.2, 0.003)
    steps, rows = 160, 12
    t = np.linspace(0, 1, steps)
    vertices, faces = [], []
    for row in range(rows):
        f = row / (rows - 1)
        z = z1 + (z0 - z1) * f
        flare = 1 + 0.15 * f
        x = x0 + (x1 - x0) * (0.5 + (t - 0.5) * flare)
        y = (
            WALL
            - 0.16
            + (0.022 + 0.02 * f) * np.sin((x1 - x0) * 62 * t + 0.8 * np.sin(7 * t + f))
            + 0.01 * np.sin(31 * t)
        )
        vertices += list(zip(x, y, np.full(steps, z)))
    for row in range(rows - 1):
        faces += [
            (row * steps + i, row * steps + i + 1, (row + 1) * steps + i + 1, (row + 1) * steps + i)
            for i in range(steps - 1)
        ]
    return add_mesh("curtain", vertices, faces, m.data, smooth=True)


def build_lamp(x, y, z, scale=1.0):
    """Build a table lamp that is lit: shade about 2, bulb 60 times white."""
    brass = Material("brass")
    brass.principled((0.55, 0.36, 0.14), 0.25, 0.5, Metallic=1.0)
    base = [
        (0.001, 0),
        (0.085, 0),
        (0.085, 0.012),
        (0.03, 0.03),
        (0.014, 0.06),
        (0.024, 0.12),
        (0.04, 0.18),
        (0.018, 0.25),
        (0.009, 0.28),
        (0.009, 0.4),
    ]
    add_lathe([(r * scale, h * scale) for r, h in base], brass.data, (x, y, z))
    shade = Material("shade")
    weave = shade.texture("Noise", 70.0, stretch=(1, 1, 0.2), Detail=3.0)
    separate = shade.node("ShaderNodeSeparateXYZ")
    where = shade.node("ShaderNodeTexCoord")
    shade.link(where.outputs["Generated"], separate.inputs[0])
    glow = shade.ramp(
        separate.outputs[2], (0.0, (1.0, 0.62, 0.30)), (0.45, (1.0, 0.74, 0.44)), (1.0, (0.55, 0.27, 0.10))
    )
    glow = shade.mix(0.5, glow, weave.outputs[0], "MULTIPLY")
    shade.emission(glow, 2.4)
    cone = [(0.155, 0.0), (0.10, 0.21)]
    lathe = add_lathe([(r * scale, h * scale) for r, h in cone], shade.data, (x, y, z + 0.33 * scale))
    lathe.visible_shadow = False
    bulb = Material("bulb").emission((1.0, 0.72, 0.42), 60.0)
    t = np.linspace(0, np.pi, 14)
    add_lathe(
        [(0.033 * scale * np.sin(a) + 0.0005, -0.045 * scale * np.cos(a)) for a in t],
        bulb,
        (x, y - 0.0, z + 0.335 * scale),
    )
    light = bpy.data.lights.new("lamp", "POINT")
    light.energy, light.color, light.shadow_soft_size = 22.0, (1.0, 0.66, 0.36), 0.06
    add_object("lamp", light, location=(x, y, z + 0.42 * scale))


def build_garland(rng, hooks, count, y, power=15.0):
    """Hang a string of small lamps from hook to hook; out of focus they are discs brighter than 1."""
    cord = plain_material((0.02, 0.03, 0.02), 0.6)
    warm = Material("fairy").emission((1.0, 0.63, 0.28), power)
    points = []
    for (x0, z0), (x1, z1) in pairwise(hooks):
        t = np.linspace(0, 1, count, endpoint=False)
        sag = 0.16 * abs(x1 - x0)
        x = x0 + (x1 - x0) * t
        z = z0 + (z1 - z0) * t - 4 * sag * t * (1 - t) + rng.normal(0, 0.008, count)
        points += list(zip(x, y + rng.normal(0, 0.015, count), z))
    curve = bpy.data.curves.new("cord", "CURVE")
    curve.dimensions, curve.bevel_depth = "3D", 0.0022
    spline = curve.splines.new("POLY")
    spline.points.add(len(points) - 1)
    for point, place in zip(spline.points, points):
        point.co = (*place, 1)
    add_object("cord", curve, cord)
    t = np.linspace(0, np.pi, 7)
    for x, py, z in points:
        add_lathe(
            [(0.0075 * np.sin(a) + 0.0003, -0.011 * np.cos(a)) for a in t],
            warm,
            (x, py, z - 0.018),
            segments=10,
        )


def build_plant(rng, center, height, leaves=110):
    """Build a pot plant with blade leaves."""
    steps = 9
    s = np.linspace(0, 1, steps)[None, :, None]
    direction = rng.normal(0, 0.5, (leaves, 1, 3))
    direction[..., 2] = 1
    length = height * rng.uniform(0.45, 1, (leaves, 1, 1))
    points = np.array(center) + direction * s * length
    points[..., 2] -= s[..., 0] ** 2.2 * height * 0.6 * rng.uniform(0.2, 1, (leaves, 1))
    profile = np.sin(np.pi * np.clip(np.linspace(0.04, 1, steps), 0, 1))[None] * rng.uniform(
        0.5, 1.2, (leaves, 1)
    )
    m = Material("leaf")
    hue = m.node("ShaderNodeHairInfo")
    m.principled(
        m.ramp(
            hue.outputs["Random"],
            (0.0, (0.02, 0.075, 0.016)),
            (0.6, (0.06, 0.16, 0.03)),
            (1.0, (0.16, 0.26, 0.05)),
        ),
        0.38,
    )
    add_strands("leaves", points, 0.016 * profile, m.data)
    pot = plain_material((0.42, 0.17, 0.09), 0.7, 0.4)
    x, y, z = center
    add_lathe(
        [(0.001, -0.24), (0.09, -0.24), (0.125, 0.0), (0.115, 0.0), (0.1, -0.03), (0.001, -0.03)],
        pot,
        (x, y, z),
    )


def build_world(hdri: str, strength: float, turn: float, seen: float):
    """Light the scene with an HDRI that comes with Blender (CC0); the camera sees it darker, as dusk."""
    world = bpy.data.worlds.new("world")
    bpy.context.scene.world = world
    world.use_nodes = True
    tree = world.node_tree
    tree.nodes.clear()
    where = tree.nodes.new("ShaderNodeTexCoord")
    mapping = tree.nodes.new("ShaderNodeMapping")
    image = tree.nodes.new("ShaderNodeTexEnvironment")
    background = tree.nodes.new("ShaderNodeBackground")
    output = tree.nodes.new("ShaderNodeOutputWorld")
    folder = Path(bpy.utils.system_resource("DATAFILES")) / "studiolights" / "world"
    image.image = bpy.data.images.load(str(folder / f"{hdri}.exr"))
    mapping.inputs["Rotation"].default_value = (0, 0, turn)
    pixels = np.empty(len(image.image.pixels), np.float32)
    image.image.pixels.foreach_get(pixels)
    mean = float(pixels.reshape(-1, 4)[:, :3].mean())
    background.inputs[1].default_value = strength / mean
    dusk = tree.nodes.new("ShaderNodeMix")
    dusk.data_type, dusk.blend_type = "RGBA", "MULTIPLY"
    dusk.inputs[7].default_value = (0.55 * seen, 0.75 * seen, 1.25 * seen, 1)
    for source, target in (
        (where.outputs["Generated"], mapping.inputs[0]),
        (mapping.outputs[0], image.inputs[0]),
        (image.outputs[0], dusk.inputs[6]),
        (tree.nodes.new("ShaderNodeLightPath").outputs["Is Camera Ray"], dusk.inputs[0]),
        (dusk.outputs[2], background.inputs[0]),
        (background.outputs[0], output.inputs[0]),
    ):
        tree.links.new(source, target)
    world.cycles.sampling_method = "MANUAL"
    world.cycles.sample_map_resolution = 512


def add_area(location, target, size, energy, color):
    """Add a soft light, unseen by the camera."""
    light = bpy.data.lights.new("area", "AREA")
    light.size, light.energy, light.color = size, energy, color
    item = add_object("area", light, location=location)
    item.rotation_euler = (Vector(target) - item.location).to_track_quat("-Z", "Y").to_euler()
    item.visible_camera = False
    return item


def build_reading_corner(seed: int = 7) -> None:
    """Build the room of the shot with its lights, but for the person's key light."""
    rng = np.random.default_rng(seed)
    build_world("courtyard", 0.3, 2.2, 0.16)
    brick = brick_material()
    wx0, wx1, wz0, wz1 = 0.62, 1.42, 1.02, 2.25

    def wall(x0, x1, z0, z1):
        add_mesh(
            "wall",
            [(x0, z0, 0), (x1, z0, 0), (x1, z1, 0), (x0, z1, 0)],
            [(0, 1, 2, 3)],
            brick,
            location=(0, WALL, 0),
            rotation=(np.pi / 2, 0, 0),
        )

    wall(-4, wx0, 0, 3)
    wall(wx1, 4, 0, 3)
    wall(wx0, wx1, 0, wz0)
    wall(wx0, wx1, wz1, 3)
    floor = wood_material((0.24, 0.13, 0.07), 2.0)
    add_box((0, 0, -0.05), (8, 9, 0.1), floor)
    plaster = plain_material((0.55, 0.50, 0.44), 0.9, 0.15, 3.0)
    add_box((-2.6, 0, 1.5), (0.1, 9, 3), plaster)
    add_box((2.6, 0, 1.5), (0.1, 9, 3), plaster)
    add_box((0, 0.6, 3.05), (8, 5, 0.1), plaster)
    build_shelf(rng, -1.85, -0.12, [0.35, 0.75, 1.12, 1.49, 1.86, 2.25])
    build_window(wx0, wx1, wz0, wz1)
    build_curtain(1.38, 1.75, 0.05, 2.4, (0.08, 0.17, 0.17))
    build_curtain(0.42, 0.63, 0.05, 2.4, (0.08, 0.17, 0.17))
    oak = wood_material((0.3, 0.17, 0.08))
    add_box((0.82, 1.75, 0.86), (0.75, 0.42, 0.035), oak, bevel=0.005)
    build_lamp(0.80, 1.75, 0.88, 1.15)
    for x, thick, tint in ((0.57, 0.04, 0.0), (0.58, 0.03, 0.1), (0.565, 0.035, 0.55)):
        add_box(
            (x, 1.7, 0.9 + tint * 0.06 + thick),
            (0.2, 0.14, thick),
            plain_material(hsv(tint, 0.6, 0.6), 0.6),
            rotation=(0, 0, rng.normal(0, 0.2)),
        )
    for cx, cz, w, h in ((0.18, 1.86, 0.24, 0.32), (0.2, 1.42, 0.28, 0.22)):
        add_box(
            (cx, WALL - 0.02, cz),
            (w + 0.05, 0.03, h + 0.05),
            plain_material((0.03, 0.02, 0.015), 0.4),
            bevel=0.004,
        )
        add_box((cx, WALL - 0.037, cz), (w, 0.006, h), painting_material(rng))
    build_garland(
        rng,
        [(-1.9, 1.98), (-0.95, 2.06), (-0.05, 2.04), (0.55, 2.14), (1.45, 2.08), (2.0, 1.95)],
        8,
        WALL - 0.36,
    )
    build_plant(rng, (-1.05, 1.35, 0.95), 0.62)
    add_box((-1.05, 1.35, 0.35), (0.36, 0.36, 0.7), oak, bevel=0.006)
