# SPDX-License-Identifier: Apache-2.0
"""What a whole rendered scene shows: people in a place, drawn from a seed and its number alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from place_recipe import draw_place, shows_place
from recipe import between, draw_recipe, normal, shows

__all__ = ["KINDS", "TRIPLET_VERSION", "draw_triplet", "shows_triplet"]

# Raise when the same number would look different.
TRIPLET_VERSION = 1

# What makes a triplet hard; they take turns, so that nine hold one of each.
KINDS = (
    "plain",
    "hair",
    "motion blur",
    "camouflage",
    "shadow",
    "misregistered",
    "exposure drift",
    "no subject",
    "two subjects",
)

# Hair of which much is seen through.
_LOOSE = ("straight", "wavy", "curly", "afro", "tousled", "bob")


def draw_triplet(seed: int, number: int) -> dict[str, Any]:
    """Draw a plate, its clean plate and what differs between their takes.

    Parameters
    ----------
    seed : int
        Of the set.
    number : int
        Of the triplet, from 0; its kind is ``KINDS[number % len(KINDS)]``.

    Returns
    -------
    dict
        A foreground's recipe (see `recipe.draw_recipe`; its people are none where there is no subject) with
        ``kind``, ``place``, ``exposure`` in stops, ``drift`` and ``travel`` of the clean plate's camera
        (pixels of a picture 1080 high), its ``roll`` (degrees), ``gain`` (its exposure), ``grain`` of both.
    """
    rng = np.random.default_rng([seed, number, TRIPLET_VERSION])
    kind = KINDS[number % len(KINDS)]
    recipe = _people(rng, number, kind)
    place = draw_place(rng)
    while kind == "shadow" and not place["inside"]:
        place = draw_place(rng)
    if kind == "camouflage":
        _hide(recipe, place)
    if kind == "shadow":
        _throw(recipe, place, rng)
    far = between(rng, 2.5, 6.0) if kind == "misregistered" else _in_half(rng, 0.2, 1.0)
    way, share = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.0)
    wrong = kind == "exposure drift"
    stops = between(rng, 0.2, 0.5) if wrong else _in_half(rng, 0.0, 0.04)
    tint = rng.normal(0, 0.04 if wrong else 0.006, 3)
    gain = 2.0 ** (stops * rng.choice([-1, 1])) * (1 + tint)
    return recipe | {
        "version": TRIPLET_VERSION,
        "seed": seed,
        "kind": kind,
        "place": place,
        "exposure": normal(rng, 0.25),
        "drift": [round(float(far * share * c), 4) for c in (np.cos(way), np.sin(way))],
        "travel": round(float(far * (1 - share)), 4),
        "roll": normal(rng, 0.03) if far > 1 else 0.0,
        "gain": [round(float(g), 5) for g in gain],
        "grain": between(rng, 0.4, 1.5),
    }


def shows_triplet(recipe: dict[str, Any]) -> str:
    """Say in a few words what a triplet shows."""
    return f"{recipe['kind']} | {shows(recipe)} | {shows_place(recipe['place'])}"


def _in_half(rng: np.random.Generator, low: float, high: float) -> float:
    return between(rng, low, high) if rng.random() < 0.5 else 0.0


def _people(rng: np.random.Generator, number: int, kind: str) -> dict[str, Any]:
    """Draw foregrounds until one suits a kind."""
    while True:
        recipe = draw_recipe(int(rng.integers(2**31)), number)
        if _suits(recipe, kind):
            break
    if kind == "no subject":
        recipe |= {"subject": "nobody", "people": []}
    return recipe


def _suits(recipe: dict[str, Any], kind: str) -> bool:
    people, camera = recipe["people"], recipe["camera"]
    if len(people) != (2 if kind == "two subjects" else 1):
        return False
    # A sitting person may lack a chair; the ground is level.
    if any(person["pose"]["style"] == "sit" for person in people) or abs(camera["tilt"]) > 10:
        return False
    if (camera["blur"] > 0.012) != (kind == "motion blur"):
        return False
    person, hair = people[0], people[0]["hair"]
    if kind == "hair":
        loose = hair["kind"] in _LOOSE and hair["length"] > 0.06 and hair["flyaways"] > 0.015
        return loose and not person["hat"] and not person["hood"] and camera["shot"] in ("head", "bust")
    if kind == "shadow":
        return camera["shot"] in ("half", "three quarters", "full")
    return True


def _hide(recipe: dict[str, Any], place: dict[str, Any]) -> None:
    """Paint a place in the colours of clothes and hair."""
    clothes = recipe["people"][0]["clothes"]
    outer = clothes["coat cloth" if recipe["people"][0]["coat"] else "top cloth"]
    color = {"black": [0.0, 0.0, 0.15], "white": [0.1, 0.04, 0.9]}.get(outer["pattern"], outer["first"])
    place["back"] |= {"first": color, "second": outer["second"], "as is": True}
    place["ground"] |= {"first": clothes["bottom cloth"]["first"]}
    for one in (*place["along"], *place["around"]):
        one |= {"first": color, "second": clothes["bottom cloth"]["first"]}


def _throw(recipe: dict[str, Any], place: dict[str, Any], rng: np.random.Generator) -> None:
    """Light from the camera's side with one hard lamp, before a wall that is near."""
    place["distance"] = between(rng, 0.75, 1.2)
    place["turn"] *= 0.5
    for lamp in place["lamps"]:
        lamp["stops"] -= 3.0
    recipe["light"] |= {
        "stops": -2.5,
        "lamps": [
            {
                "azimuth": recipe["camera"]["yaw"] + float(rng.choice([-1, 1])) * between(rng, 18, 45),
                "height": between(rng, 8, 25),
                "size": 0.06,
                "stops": 1.5,
                "warmth": between(rng, -0.3, 0.8),
            }
        ],
    }
