# SPDX-License-Identifier: GPL-3.0-or-later
"""Small shapes and materials that people, props and things are built of."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy
import numpy as np

sys.path.append(str(Path(__file__).parent / "demo_shot"))

from person import hair_material
from room import Material, add_mesh, add_object, hsv

__all__ = [
    "add_ball",
    "add_tube",
    "cloth",
    "dyed_hair",
    "grid_faces",
    "hair_color",
    "plain",
    "surface_of",
    "thin_glass",
    "vec",
]


def vec(*values: float) -> np.ndarray:
    """Make a vector."""
    return np.array(values, float)


def add_tube(
    name: str,
    points: np.ndarray,
    radius: float | np.ndarray,
    material: bpy.types.Material,
    closed: bool = False,
) -> bpy.types.Object:
    """Make a round tube along points, N 3, of a radius in metres or one for each point."""
    curve = bpy.data.curves.new(name, "CURVE")
    curve.dimensions, curve.bevel_depth, curve.bevel_resolution = "3D", 1.0, 2
    spline = curve.splines.new("POLY")
    spline.points.add(len(points) - 1)
    spline.points.foreach_set("co", np.c_[points, np.ones(len(points))].astype(np.float32).ravel())
    spline.points.foreach_set("radius", np.broadcast_to(radius, len(points)).astype(np.float32))
    spline.use_cyclic_u = closed
    spline.use_smooth = True
    curve.use_fill_caps = not closed
    return add_object(name, curve, material)


def add_ball(
    name: str, center: Sequence[float], size: Sequence[float], material: bpy.types.Material, rings: int = 20
) -> bpy.types.Object:
    """Make an ellipsoid of half axes `size`."""
    segments = rings * 2
    polar = np.linspace(0, np.pi, rings + 1)
    around = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    points = np.stack(
        [
            np.outer(np.sin(polar), np.cos(around)),
            np.outer(np.sin(polar), np.sin(around)),
            np.outer(np.cos(polar), np.ones(segments)),
        ],
        -1,
    ).reshape(-1, 3) * np.asarray(size) + np.asarray(center)
    return add_mesh(name, points, grid_faces(rings + 1, segments, wrap=True), material, smooth=True)


def grid_faces(rows: int, columns: int, wrap: bool = False) -> np.ndarray:
    """Quads of a grid of rows x columns points, closed along its columns if wrapped: N 4."""
    last = columns if wrap else columns - 1
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(last), indexing="ij")
    right = (j + 1) % columns
    corners = [i * columns + j, i * columns + right, (i + 1) * columns + right, (i + 1) * columns + j]
    return np.stack(corners, -1).reshape(-1, 4)


def surface_of(item: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """Vertices in the world and quads (triangles repeat a corner) of an object as it is rendered."""
    graph = bpy.context.evaluated_depsgraph_get()
    shown = item.evaluated_get(graph)
    mesh = shown.to_mesh()
    points = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", points)
    world = np.array(shown.matrix_world)
    points = points.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3]
    quads = np.array([[*p.vertices, p.vertices[-1]][:4] for p in mesh.polygons], int)
    shown.to_mesh_clear()
    return points.astype(float), quads


def plain(name: str, color: Sequence[float], roughness: float = 0.5, **inputs: Any) -> bpy.types.Material:
    """Make a plain material of a linear colour."""
    material = Material(name)
    material.principled(color, roughness, 0.5, **inputs)
    return material.data


def thin_glass(tint: float, roughness: float) -> bpy.types.Material:
    """Make glass so thin that it bends nothing: what it reflects and absorbs covers, the rest shows.

    So its coverage is what a compositor lays over another background.
    """
    material = Material("glass")
    through = material.node("ShaderNodeBsdfTransparent")
    material.put(through.inputs[0], (tint,) * 3)
    mirror = material.node("ShaderNodeBsdfGlossy")
    material.put(mirror.inputs["Roughness"], roughness)
    fresnel = material.node("ShaderNodeFresnel")
    material.put(fresnel.inputs["IOR"], 1.5)
    mix = material.node("ShaderNodeMixShader")
    for source, target in ((fresnel, 0), (through, 1), (mirror, 2)):
        material.link(source.outputs[0], mix.inputs[target])
    material.link(mix.outputs[0], material.output.inputs[0])
    return material.data


def dyed_hair(name: str, color: np.ndarray, roughness: float) -> bpy.types.Material:
    """Make hair or fur of a linear colour."""
    material = Material(name)
    shader = material.node("ShaderNodeBsdfHairPrincipled", parametrization="COLOR")
    material.put(shader.inputs["Color"], np.minimum(color, 0.95))
    for key, value in {"Roughness": roughness, "Random Roughness": 0.1}.items():
        shader.inputs[key].default_value = value
    material.link(shader.outputs[0], material.output.inputs[0])
    return material.data


def hair_color(name: str, hair: dict[str, Any], rng: np.random.Generator) -> bpy.types.Material:
    """Make the hair material of a recipe."""
    roughness = float(rng.uniform(0.22, 0.45))
    if hair["color"] == "dyed":
        return dyed_hair(name, hsv(*hair["dye"]), roughness)
    return hair_material(name, hair["melanin"], hair["redness"], roughness)


def cloth(spec: dict[str, Any], coordinates: str = "UV") -> bpy.types.Material:
    """Make the cloth of a recipe."""
    pattern = spec["pattern"]
    material = Material("sheer" if pattern == "sheer" else "cloth")
    scale = spec["scale"] * (1.0 if coordinates == "UV" else 0.25)
    first, second = hsv(*spec["first"]), hsv(*spec["second"])
    if pattern == "black":
        first = np.full(3, 0.004 + 0.016 * spec["first"][2])
    elif pattern == "white":
        first = np.array([0.8, 0.79, 0.76]) * (0.75 + 0.25 * spec["first"][2])
    color = first
    if pattern in ("stripes", "plaid"):
        ways = "XY" if pattern == "plaid" else "XY"[int(spec["second"][0] > 0.5)]
        for way in ways:
            wave = material.texture("Wave", 34 * scale, coordinates, bands_direction=way)
            amount = 0.55 if pattern == "plaid" else 1.0
            color = material.mix(material.ramp(wave.outputs[1], (0.48, 0), (0.54, amount)), color, second)
    elif pattern == "spots":
        spot = material.texture("Voronoi", 60 * scale, coordinates)
        color = material.mix(material.ramp(spot.outputs[0], (0.26, 1), (0.3, 0)), first, second)
    elif pattern == "blots":
        blot = material.texture("Noise", 30 * scale, coordinates, Detail=4.0, Distortion=1.2)
        color = material.mix(material.ramp(blot.outputs[0], (0.46, 0), (0.54, 1)), first, second)
    if pattern not in ("black", "white", "shiny"):
        wear = material.texture("Noise", 9.0, "Object", Detail=3.0)
        color = material.mix(0.35, color, material.ramp(wear.outputs[0], (0.3, 0.5), (0.65, 1)), "MULTIPLY")
    shiny = pattern == "shiny"
    inputs = {} if shiny else {"Sheen_Weight": 0.2}
    roughness = 0.12 + 0.25 * spec["second"][1] if shiny else 0.8
    shader = material.principled(color, roughness, 0.6 if shiny else 0.25, **inputs)
    if pattern == "sheer":
        material.put(shader.inputs["Alpha"], 0.3 + 0.5 * spec["second"][1])
    folds = material.texture("Noise", 20.0, "Object", Detail=2.0, Distortion=1.2)
    material.bump(shader, folds.outputs[0], 0.5 * spec["wrinkles"], 0.012)
    return material.data
