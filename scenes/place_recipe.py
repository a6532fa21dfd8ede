# SPDX-License-Identifier: Apache-2.0
"""What a rendered place shows: drawn from a seed and the place's number alone.

As in recipe.py: a plain dictionary, angles in degrees, lengths in metres. A place has its back (a wall, a
hedge) behind where a person would stand, things along it, and things around; ``detail`` seeds all grain.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from recipe import between, draw_camera, draw_color, draw_light, normal, pick

__all__ = ["KINDS", "PLACE_VERSION", "draw_place", "draw_place_recipe", "shows_place"]

# Raise when the same number would look different; what a folder holds already stays as it is.
PLACE_VERSION = 1

# How often; six kinds of rooms, five of places under the sky.
KINDS = {
    "living room": 0.13,
    "kitchen": 0.1,
    "library": 0.09,
    "office": 0.11,
    "hall": 0.11,
    "workshop": 0.1,
    "garden": 0.1,
    "street": 0.09,
    "courtyard": 0.06,
    "wood": 0.06,
    "yard": 0.05,
}

# Surfaces of the back, of its lower part where it has one, and of the ground.
BACKS = {
    "living room": {
        "paint": 0.35,
        "stripes": 0.2,
        "dots": 0.12,
        "flowers": 0.15,
        "diamonds": 0.08,
        "brick": 0.1,
    },
    "kitchen": {"tiles": 0.6, "paint": 0.3, "brick": 0.1},
    "library": {"paint": 0.5, "boards": 0.3, "stripes": 0.2},
    "office": {"paint": 0.6, "concrete": 0.2, "boards": 0.2},
    "hall": {"plaster": 0.4, "paint": 0.4, "concrete": 0.2},
    "workshop": {"brick": 0.45, "concrete": 0.3, "boards": 0.25},
    "garden": {"hedge": 0.6, "planks": 0.3, "brick": 0.1},
    "street": {"front": 0.7, "brick": 0.15, "plaster": 0.15},
    "courtyard": {"stone": 0.5, "brick": 0.3, "plaster": 0.2},
    "wood": {"trees": 1.0},
    "yard": {"mesh": 0.45, "planks": 0.3, "railing": 0.25},
}
LOWER = {"boards": 0.4, "tiles": 0.3, "paint": 0.3}
GROUNDS = {
    "living room": {"parquet": 0.6, "carpet": 0.4},
    "kitchen": {"checks": 0.5, "tiles": 0.3, "parquet": 0.2},
    "library": {"parquet": 0.6, "carpet": 0.4},
    "office": {"carpet": 0.6, "parquet": 0.2, "concrete": 0.2},
    "hall": {"checks": 0.35, "parquet": 0.35, "tiles": 0.3},
    "workshop": {"concrete": 0.7, "parquet": 0.3},
    "garden": {"lawn": 0.8, "gravel": 0.2},
    "street": {"paving": 0.6, "asphalt": 0.4},
    "courtyard": {"paving": 0.5, "gravel": 0.5},
    "wood": {"litter": 0.6, "lawn": 0.4},
    "yard": {"asphalt": 0.4, "gravel": 0.3, "lawn": 0.3},
}

# What stands or hangs along the back, and what stands before it; an empty name leaves a gap.
ALONG = {
    "living room": {
        "shelf": 0.2,
        "window": 0.24,
        "pictures": 0.24,
        "cabinet": 0.1,
        "radiator": 0.08,
        "": 0.14,
    },
    "kitchen": {"cupboards": 0.5, "window": 0.25, "hooks": 0.15, "": 0.1},
    "library": {"shelf": 0.8, "window": 0.1, "pictures": 0.1},
    "office": {"blinds": 0.26, "board": 0.2, "desk": 0.22, "shelf": 0.14, "posters": 0.08, "": 0.1},
    "hall": {"door": 0.36, "pictures": 0.2, "radiator": 0.12, "mirror": 0.12, "": 0.2},
    "workshop": {"hooks": 0.3, "pipes": 0.25, "desk": 0.2, "window": 0.15, "posters": 0.1},
    "garden": {"bush": 0.5, "": 0.5},
    "street": {"posters": 0.3, "pipes": 0.3, "": 0.4},
    "courtyard": {"door": 0.3, "window": 0.3, "pipes": 0.15, "bush": 0.15, "": 0.1},
    "wood": {"": 1.0},
    "yard": {"bush": 0.3, "crates": 0.3, "": 0.4},
}
AROUND = {
    "living room": {"chair": 0.2, "sofa": 0.25, "plant": 0.25, "lamp": 0.2, "garland": 0.1},
    "kitchen": {"table": 0.4, "chair": 0.3, "plant": 0.15, "crates": 0.15},
    "library": {"chair": 0.3, "ladder": 0.3, "lamp": 0.2, "table": 0.2},
    "office": {"chair": 0.35, "plant": 0.25, "table": 0.25, "crates": 0.15},
    "hall": {"plant": 0.3, "chair": 0.3, "bicycle": 0.2, "crates": 0.2},
    "workshop": {"ladder": 0.25, "crates": 0.3, "bicycle": 0.2, "net": 0.25},
    "garden": {"plant": 0.45, "tree": 0.25, "chair": 0.15, "pole": 0.15},
    "street": {"bicycle": 0.3, "pole": 0.4, "crates": 0.15, "tree": 0.15},
    "courtyard": {"plant": 0.3, "table": 0.2, "chair": 0.2, "garland": 0.3},
    "wood": {"plant": 0.4, "tree": 0.6},
    "yard": {"bicycle": 0.2, "net": 0.3, "pole": 0.2, "crates": 0.3},
}
OUTSIDE = ("garden", "street", "courtyard", "wood", "yard")


def draw_place(rng: np.random.Generator) -> dict[str, Any]:
    """Draw a place: its ``kind``, back, ground, what is along and around it, and its own lamps."""
    kind = pick(rng, KINDS)
    inside = kind not in OUTSIDE
    slot = between(rng, 0.9, 1.7)
    along = [_item(rng, pick(rng, ALONG[kind])) for _ in range(9)]
    for one in along:  # cupboards of a kitchen, windows of a wall are of one colour
        like = next(other for other in along if other["kind"] == one["kind"])
        one |= {"first": like["first"], "second": like["second"]}
    return {
        "kind": kind,
        "inside": inside,
        "distance": between(rng, 1.1, 3.5) if inside else between(rng, 1.5, 7.0),
        "turn": normal(rng, 14.0 if inside else 20.0),
        "shift": normal(rng, 0.6),
        "width": between(rng, 4.5, 9.0),
        "height": between(rng, 2.5, 3.6),
        "back": _surface(rng, pick(rng, BACKS[kind])),
        "lower": _surface(rng, pick(rng, LOWER)) if inside and rng.random() < 0.2 else None,
        "ground": _surface(rng, pick(rng, GROUNDS[kind])),
        "slot": slot,
        "along": along,
        "around": [_item(rng, pick(rng, AROUND[kind])) for _ in range(int(rng.integers(1, 6)))],
        "lamps": [
            {"at": [between(rng, -1.0, 1.0), between(rng, 0.1, 1.0)], "stops": between(rng, -1.2, 1.0)}
            for _ in range(int(rng.integers(1, 4)))
        ],
        "warmth": between(rng, -0.5, 1.0),
        "sun": {
            "azimuth": between(rng, -80, 80),
            "height": between(rng, 20, 65),
            "soft": between(rng, 0.5, 6.0),
            "stops": between(rng, -1.0, 1.5),
        }
        if not inside and rng.random() < 0.6
        else None,
    }


def draw_place_recipe(seed: int, number: int) -> dict[str, Any]:
    """Draw a picture of a place.

    Parameters
    ----------
    seed : int
        Of the folder.
    number : int
        Of the picture, from 0. Neither other numbers nor how many there are matter.

    Returns
    -------
    dict
        Plain values that JSON keeps: ``place``, ``camera``, ``light``; ``exposure`` in stops.
    """
    rng = np.random.default_rng([seed, number, PLACE_VERSION])
    detail = int(rng.integers(2**31))
    place = draw_place(rng)
    camera = draw_camera(rng, person=True)
    camera |= {"yaw": 0.0, "tilt": round(camera["tilt"] * 0.6, 5), "blur": 0.0}
    camera["defocus"] = float(rng.choice([1.4, 2.0, 2.8, 4.0])) if rng.random() < 0.35 else 0.0
    return {
        "version": PLACE_VERSION,
        "seed": seed,
        "number": number,
        "detail": detail,
        "place": place,
        "camera": camera,
        "light": draw_light(rng),
        "exposure": normal(rng, 0.6),
    }


def shows_place(place: dict[str, Any]) -> str:
    """Say in a few words what a place is, such as ``kitchen: tiles, checks; cupboards, window, chair``."""
    things = dict.fromkeys(one["kind"] for one in (*place["along"], *place["around"]) if one["kind"])
    return f"{place['kind']}: {place['back']['kind']}, {place['ground']['kind']}; {', '.join(things)}"


def _muted(rng: np.random.Generator) -> list[float]:
    """Draw a colour as rooms have it: mostly of little saturation."""
    hue, saturation, value = draw_color(rng)
    return [hue, saturation if rng.random() < 0.15 else round(saturation * 0.5, 5), value]


def _surface(rng: np.random.Generator, kind: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "first": _muted(rng),
        "second": _muted(rng),
        "scale": between(rng, 0.6, 1.6),
        "shine": between(rng, 0.0, 1.0),
    }


def _item(rng: np.random.Generator, kind: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "at": [between(rng, -1.0, 1.0), between(rng, 0.0, 1.0)],
        "turn": normal(rng, 40.0),
        "first": _muted(rng),
        "second": _muted(rng),
        "detail": int(rng.integers(2**31)),
    }
