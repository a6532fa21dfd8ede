# SPDX-License-Identifier: GPL-3.0-or-later
"""What walls and grounds of rendered places are made of: procedural materials in metres."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import bpy
import numpy as np

sys.path.append(str(Path(__file__).parent / "demo_shot"))

from room import Material, add_mesh, hsv

__all__ = ["add_panel", "surface"]

# What is rather of the ground, of brick and of wood has their colours; the rest any.
_EARTHY = {
    "brick": (0.01, 0.09),
    "stone": (0.05, 0.14),
    "boards": (0.04, 0.11),
    "planks": (0.04, 0.11),
    "parquet": (0.04, 0.11),
    "gravel": (0.05, 0.13),
    "litter": (0.03, 0.12),
    "lawn": (0.17, 0.3),
    "paving": (0.05, 0.14),
}


def add_panel(
    wide: float, tall: float, material: bpy.types.Material, location: Any, rotation: Any = (0, 0, 0)
) -> bpy.types.Object:
    """Add a flat rectangle in its own X and Y, its middle at a place; textures run in metres."""
    x, y = wide / 2, tall / 2
    corners = [(-x, -y, 0), (x, -y, 0), (x, y, 0), (-x, y, 0)]
    return add_mesh("panel", corners, [(0, 1, 2, 3)], material, location=location, rotation=rotation)


def surface(spec: dict[str, Any]) -> bpy.types.Material:
    """Make the material of a recipe's surface; its pattern lies in X and Y of the object.

    Parameters
    ----------
    spec : dict
        ``kind``, two colours, ``scale`` and ``shine``.
    """
    kind = spec["kind"]
    first, second = _colors(spec)
    material = Material(kind)
    scale, shine = spec["scale"], spec["shine"]
    height = None
    rough, specular, bump = 0.9 - 0.5 * shine, 0.3, 0.15
    if kind in ("paint", "plaster", "concrete", "asphalt"):
        color, height = _rough_coat(material, kind, first, scale)
        rough = 0.6 if kind == "paint" else 0.9
    elif kind in ("brick", "stone", "tiles", "paving", "boards", "planks", "parquet"):
        color, height = _laid(material, kind, first, second, scale)
        rough = {"tiles": 0.08 + 0.3 * shine, "parquet": 0.2 + 0.4 * shine}.get(kind, 0.85)
        bump = 0.5
    elif kind in ("stripes", "dots", "flowers", "diamonds"):
        color = _printed(material, kind, first, second, scale)
    elif kind == "checks":
        checks = material.texture("Checker", 1 / (0.35 * scale))
        material.put(checks.inputs["Color1"], first * 0.9)
        material.put(checks.inputs["Color2"], np.maximum(second, 0.3))
        color, rough = _worn(material, checks.outputs[0], 0.25, 3.0), 0.1 + 0.4 * shine
    elif kind == "carpet":
        pile = material.texture("Noise", 260.0, Detail=2.0)
        medallion = material.texture("Voronoi", 2.2 / scale, distance="MANHATTAN", Randomness=0.0)
        border = material.ramp(medallion.outputs[0], (0.3, 0), (0.34, 1), (0.5, 1), (0.53, 0), (0.56, 1))
        color = material.mix(border if shine > 0.5 else 0.0, first, second)
        color = material.mix(0.7, color, material.ramp(pile.outputs[0], (0.3, 0.3), (0.7, 1.2)), "MULTIPLY")
        height, rough, bump = pile.outputs[0], 1.0, 0.4
    else:  # gravel, litter, lawn
        stones = material.texture("Voronoi", (16 if kind == "litter" else 42) / scale)
        shade = material.texture("Noise", 1.3, Detail=5.0)
        color = material.mix(material.ramp(stones.outputs["Color"], (0.2, 0), (0.8, 1)), first, second)
        color = material.mix(0.8, color, material.ramp(shade.outputs[0], (0.3, 0.4), (0.7, 1.2)), "MULTIPLY")
        height, rough, bump = stones.outputs[0], 0.95, 0.8
    shader = material.principled(color, rough, specular)
    if height is not None:
        material.bump(shader, height, bump, 0.01)
    return material.data


def _colors(spec: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Linear colours of a surface, in the hues that its kind has."""
    colors = []
    for hue, saturation, value in (spec["first"], spec["second"]):
        if (hues := _EARTHY.get(spec["kind"])) is not None and not spec.get("as is"):
            hue = hues[0] + (hues[1] - hues[0]) * hue
            saturation = 0.15 + 0.55 * saturation
            value = 0.2 + 0.55 * value
        elif spec["kind"] in ("paint", "plaster", "concrete", "asphalt", "tiles") and not spec.get("as is"):
            grey = spec["kind"] in ("concrete", "asphalt")
            saturation *= 0.12 if grey else 0.55
            value = 0.2 + 0.3 * value if spec["kind"] == "asphalt" else 0.35 + 0.6 * value
        colors.append(hsv(hue, saturation, value))
    return colors[0], colors[1]


def _worn(material: Material, color: Any, amount: float, scale: float) -> Any:
    """Vary a colour slowly, as dirt and light years do."""
    noise = material.texture("Noise", scale, Detail=4.0)
    return material.mix(amount, color, material.ramp(noise.outputs[0], (0.3, 0.4), (0.7, 1.3)), "MULTIPLY")


def _rough_coat(material: Material, kind: str, first: np.ndarray, scale: float) -> tuple[Any, Any]:
    fine = material.texture("Noise", {"paint": 180.0, "asphalt": 300.0}.get(kind, 45.0) / scale, Detail=4.0)
    color = _worn(material, first, {"paint": 0.12, "plaster": 0.45}.get(kind, 0.6), 1.2)
    color = material.mix(
        0.12 if kind == "paint" else 0.5,
        color,
        material.ramp(fine.outputs[0], (0.3, 0.4), (0.7, 1.3)),
        "MULTIPLY",
    )
    if kind == "concrete":  # the seams of its forms
        seams = material.texture(
            "Brick", 1.0, offset=0.0, **{"Color1": (1,) * 3, "Color2": (1,) * 3, "Mortar": (0.35,) * 3}
        )
        for name, value in (
            ("Mortar Size", 0.006),
            ("Brick Width", 1.6 * scale),
            ("Row Height", 0.9 * scale),
        ):
            seams.inputs[name].default_value = value
        color = material.mix(1.0, color, seams.outputs[0], "MULTIPLY")
    return color, fine.outputs[0]


def _laid(
    material: Material, kind: str, first: np.ndarray, second: np.ndarray, scale: float
) -> tuple[Any, Any]:
    """Bricks, tiles and planks: width and height of one in metres, the joint, how far rows are shifted."""
    wide, tall, joint, offset = {
        "brick": (0.22, 0.075, 0.008, 0.5),
        "stone": (0.42 * scale, 0.24 * scale, 0.014, 0.37),
        "tiles": (0.14 * scale, 0.14 * scale, 0.003, 0.0),
        "paving": (0.3 * scale, 0.3 * scale, 0.008, 0.5),
        "boards": (4.0, 0.11 * scale, 0.004, 0.31),
        "planks": (4.0, 0.16 * scale, 0.012, 0.31),
        "parquet": (0.9 * scale, 0.09, 0.002, 0.37),
    }[kind]
    wooden = kind in ("boards", "planks", "parquet")
    other = first * (0.7 if kind != "tiles" else 0.97)
    mortar = first * 0.15 if wooden else np.maximum(second, 0.1) * (0.9 if kind == "brick" else 0.5)
    laid = material.texture("Brick", 1.0, offset=offset, Color1=first, Color2=other, Mortar=mortar, Bias=0.0)
    for name, value in (("Mortar Size", joint), ("Brick Width", wide), ("Row Height", tall)):
        laid.inputs[name].default_value = value
    if kind in ("boards", "planks"):  # they stand
        mapping = laid.inputs["Vector"].links[0].from_node
        mapping.inputs["Rotation"].default_value = (0, 0, math.pi / 2)
    color = laid.outputs[0]
    if wooden:
        along = (0.08, 1, 1) if kind == "parquet" else (1, 0.08, 1)
        grain = material.texture("Noise", 40.0, stretch=along, Detail=4.0, Distortion=0.7)
        color = material.mix(0.7, color, material.ramp(grain.outputs[0], (0.3, 0.35), (0.7, 1.3)), "MULTIPLY")
    else:
        color = _worn(material, color, 0.1 if kind == "tiles" else 0.6, 7.0 if kind == "tiles" else 4.0)
    return color, material.ramp(laid.outputs["Fac"], (0.0, 1.0), (1.0, 0.0))


def _printed(material: Material, kind: str, first: np.ndarray, second: np.ndarray, scale: float) -> Any:
    """Print of a wallpaper."""
    if kind == "stripes":
        wave = material.texture("Wave", 3.5 / scale, bands_direction="X")
        shape = material.ramp(
            wave.outputs[1], (0.35, 0), (0.37, 1), (0.6, 1), (0.62, 0), (0.66, 0), (0.68, 1)
        )
    elif kind == "diamonds":
        checks = material.texture("Checker", 6.0 / scale)
        mapping = checks.inputs["Vector"].links[0].from_node
        mapping.inputs["Rotation"].default_value = (0, 0, math.pi / 4)
        mapping.inputs["Scale"].default_value = (1, 0.6, 1)
        shape = checks.outputs["Fac"]
    else:
        regular = 0.0 if kind == "dots" else 0.75
        cells = material.texture("Voronoi", (11.0 if kind == "dots" else 5.0) / scale, Randomness=regular)
        if kind == "dots":
            shape = material.ramp(cells.outputs[0], (0.2, 1), (0.23, 0))
        else:
            noise = material.texture("Noise", 22.0 / scale, Detail=3.0)
            leaves = material.ramp(noise.outputs[0], (0.5, 0), (0.52, 1), (0.6, 1), (0.62, 0))
            petals = material.ramp(cells.outputs[0], (0.1, 0), (0.12, 1), (0.26, 1), (0.3, 0))
            shape = material.mix(0.5, petals, leaves, "LIGHTEN")
    return _worn(material, material.mix(shape, first, second), 0.1, 1.0)
