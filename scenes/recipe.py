# SPDX-License-Identifier: Apache-2.0
"""What a foreground of the bank shows: drawn from the bank's seed and the foreground's number alone.

A recipe is a plain dictionary that JSON keeps whole. It holds every choice that can be named; grain such as
where single hairs lie comes from its ``detail`` seed. Angles are degrees, lengths metres, else shares of 1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = [
    "HDRIS",
    "POSES",
    "PROPS",
    "SUBJECTS",
    "VERSION",
    "between",
    "draw_camera",
    "draw_color",
    "draw_head",
    "draw_light",
    "draw_recipe",
    "normal",
    "note",
    "people_of",
    "pick",
    "shows",
    "to_text",
]

# Raise when the same number would look different; what a bank holds already stays as it is.
VERSION = 4

# How often a foreground shows what; a fifth are not people.
SUBJECTS = {
    "person": 0.71,
    "two people": 0.09,
    "plant": 0.045,
    "animal": 0.045,
    "chair": 0.03,
    "net": 0.02,
    "wheel": 0.02,
    "glass": 0.02,
    "paper": 0.02,
}

POSES = {
    "relaxed": 0.17,
    "hips": 0.07,
    "wave": 0.06,
    "arms up": 0.07,
    "hand at head": 0.06,
    "crossed": 0.05,
    "hands before body": 0.11,
    "point": 0.05,
    "walk": 0.09,
    "run": 0.05,
    "sit": 0.09,
    "dance": 0.13,
}

SHOTS = {"head": 0.16, "bust": 0.24, "half": 0.22, "three quarters": 0.16, "full": 0.22}

# Shares for women and men: not a claim about anyone, only a spread of silhouettes.
HAIR = {
    "bald": (0.02, 0.10),
    "buzz": (0.03, 0.12),
    "short": (0.10, 0.26),
    "tousled": (0.05, 0.12),
    "bob": (0.12, 0.03),
    "straight": (0.17, 0.07),
    "wavy": (0.16, 0.08),
    "curly": (0.13, 0.09),
    "afro": (0.07, 0.07),
    "locs": (0.04, 0.05),
    "ponytail": (0.08, 0.03),
    "bun": (0.07, 0.03),
}

LENGTHS = {
    "bald": (0.0, 0.0),
    "buzz": (0.006, 0.014),
    "short": (0.025, 0.06),
    "tousled": (0.05, 0.10),
    "bob": (0.17, 0.24),
    "straight": (0.22, 0.50),
    "wavy": (0.20, 0.45),
    "curly": (0.13, 0.32),
    "afro": (0.05, 0.12),
    "locs": (0.12, 0.38),
    "ponytail": (0.14, 0.18),
    "bun": (0.14, 0.18),
}

# Display sRGB.
SKINS = [
    (0.93, 0.76, 0.67),
    (0.88, 0.68, 0.57),
    (0.80, 0.58, 0.47),
    (0.70, 0.47, 0.35),
    (0.64, 0.45, 0.32),
    (0.55, 0.36, 0.25),
    (0.40, 0.25, 0.17),
    (0.26, 0.16, 0.11),
]

TOPS = {
    "t-shirt": 0.24,
    "sleeveless": 0.1,
    "long sleeves": 0.22,
    "loose shirt": 0.22,
    "turtleneck": 0.1,
    "dress": 0.12,
}
BOTTOMS = {"trousers": 0.5, "tights": 0.2, "shorts": 0.16, "skirt": 0.14}
PATTERNS = {
    "plain": 0.3,
    "black": 0.13,
    "white": 0.11,
    "stripes": 0.1,
    "plaid": 0.08,
    "spots": 0.07,
    "blots": 0.09,
    "shiny": 0.12,
    "sheer": 0.05,
}
HATS = {"beanie": 0.3, "cap": 0.28, "wide brim": 0.24, "bowler": 0.18}
PROPS = {
    "ball": 0.12,
    "bottle": 0.1,
    "book": 0.1,
    "guitar": 0.12,
    "phone": 0.1,
    "umbrella": 0.12,
    "racket": 0.12,
    "stick": 0.1,
    "flowers": 0.12,
}
THINGS = {
    "plant": {"leafy": 0.35, "fern": 0.25, "grass": 0.2, "branch": 0.2},
    "animal": {"four legs": 0.5, "sitting": 0.3, "ball of fur": 0.2},
    "chair": {"slats": 0.5, "stool": 0.2, "ladder": 0.3},
    "net": {"net": 0.5, "fence": 0.25, "hanging": 0.25},
    "wheel": {"wheel": 0.6, "bicycle": 0.4},
    "glass": {"wine": 0.4, "bottle": 0.3, "vase": 0.3},
    "paper": {"sheets": 0.5, "ribbons": 0.5},
}
HDRIS = ("city", "courtyard", "forest", "interior", "night", "studio", "sunrise", "sunset")


def draw_recipe(seed: int, number: int) -> dict[str, Any]:
    """Draw what one foreground shows.

    Parameters
    ----------
    seed : int
        Of the bank.
    number : int
        Of the foreground, from 0. Neither other numbers nor how many there are matter.

    Returns
    -------
    dict
        Plain values that JSON keeps: ``subject``, ``people`` (none to two), ``thing``, ``camera``, ``light``.
    """
    rng = np.random.default_rng([seed, number])
    subject = pick(rng, SUBJECTS)
    count = {"person": 1, "two people": 2}.get(subject, 0)
    return {
        "version": VERSION,
        "seed": seed,
        "number": number,
        "detail": int(rng.integers(2**31)),
        "subject": subject,
        "people": [_person(rng, alone=count == 1) for _ in range(count)],
        "thing": None if count else _thing(rng, subject),
        "camera": draw_camera(rng, person=count > 0),
        "light": draw_light(rng),
    }


def draw_head(seed: int, number: int) -> dict[str, Any]:
    """Draw a head of hair that fills the picture, sharp, with nothing over it: see `draw_recipe`."""
    rng = np.random.default_rng([seed, number, 1])
    recipe = draw_recipe(seed, number) | {
        "subject": "person",
        "detail": int(rng.integers(2**31)),
        "thing": None,
    }
    person = _person(rng, alone=False)
    while person["hair"]["kind"] in ("bald", "buzz", "short"):
        person = _person(rng, alone=False)
    person |= {"hat": "", "hood": False, "scarf": False}
    camera = draw_camera(rng, person=True)
    camera |= {"shot": "head", "zoom": between(rng, 0.85, 1.05), "defocus": 0.0, "blur": 0.0}
    camera |= {"lens": float(rng.choice([50, 85])), "right": normal(rng, 0.04), "up": normal(rng, 0.02)}
    return recipe | {"people": [person], "camera": camera}


def people_of(recipe: Mapping[str, Any]) -> list[str]:
    """Name the files of a recipe's bodies, without suffix: one for each person."""
    return [f"{recipe['number']:05d}.{k}" for k in range(len(recipe["people"]))]


def shows(recipe: Mapping[str, Any]) -> str:
    """Say in a few words what a recipe shows, such as ``person: walk, curly, glasses, ball``."""
    if recipe["thing"]:
        words = [recipe["thing"]["kind"]]
    else:
        words = []
        for person in recipe["people"]:
            hair = person["hair"]
            parts = [person["pose"]["style"], hair["kind"], person["clothes"]["top"]]
            parts += [name for name in ("beard",) if hair["beard"]]
            parts += [name for name in ("glasses", "scarf", "hood", "coat") if person[name]]
            parts += [person[name] for name in ("hat", "prop") if person[name]]
            words.append(", ".join(parts))
    extra = [name for name in ("defocus", "blur") if recipe["camera"][name]]
    return f"{recipe['subject']}: " + "; ".join(words + extra)


def to_text(recipe: Mapping[str, Any]) -> str:
    """Write a recipe as JSON on one line."""
    return json.dumps(recipe, separators=(",", ":"))


def note(recipe: Mapping[str, Any], shown: str) -> dict[str, Any]:
    """Say in a file's metadata what it shows, and what it was drawn from."""
    return {
        "howard:shows": shown,
        "howard:seed": recipe["seed"],
        "howard:number": recipe["number"],
        "howard:recipe_version": recipe["version"],
        "howard:recipe": to_text(recipe),
    }


def pick(rng: np.random.Generator, shares: Mapping[str, float]) -> str:
    """Draw a name by its share."""
    names = list(shares)
    weights = np.array([shares[name] for name in names])
    return names[int(rng.choice(len(names), p=weights / weights.sum()))]


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a number between two."""
    return round(float(rng.uniform(low, high)), 5)


def normal(rng: np.random.Generator, spread: float) -> float:
    """Draw a number around 0 by its standard deviation."""
    return round(float(rng.normal(0, spread)), 5)


def draw_color(rng: np.random.Generator) -> list[float]:
    """Draw display hue, saturation and value."""
    value = between(rng, 0.08, 0.35) if rng.random() < 0.4 else between(rng, 0.35, 0.95)
    return [between(rng, 0, 1), round(float(rng.beta(1.4, 1.5)), 5), value]


def _cloth(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "pattern": pick(rng, PATTERNS),
        "first": draw_color(rng),
        "second": draw_color(rng),
        "scale": between(rng, 0.5, 2.0),
        "wrinkles": between(rng, 0.2, 1.0),
        "fuzz": between(rng, 0.3, 1.0) if rng.random() < 0.22 else 0.0,
    }


def _person(rng: np.random.Generator, *, alone: bool) -> dict[str, Any]:
    woman = bool(rng.random() < 0.5)
    child = bool(rng.random() < 0.1)
    old = bool(not child and rng.random() < 0.15)
    age = between(rng, 0.34, 0.52) if child else between(rng, 0.88, 1.0) if old else between(rng, 0.6, 0.85)
    kinds = {name: share[0 if woman else 1] for name, share in HAIR.items()}
    if child:
        kinds["bald"] = 0.0
    kind = pick(rng, kinds)
    hat = pick(rng, HATS) if kind not in ("afro", "bun") and rng.random() < 0.16 else ""
    hood = bool(not hat and kind not in ("afro", "bun", "ponytail") and rng.random() < 0.06)
    top = pick(rng, TOPS if woman else {k: v for k, v in TOPS.items() if k != "dress"})
    bottoms = BOTTOMS if woman else {**BOTTOMS, "tights": 0.06, "skirt": 0.03}
    coat = bool(top != "dress" and rng.random() < 0.17)
    style = pick(rng, POSES)
    shares = rng.dirichlet([0.8, 0.8, 0.8])
    tint = rng.random()
    color = "dyed" if tint < 0.1 else "grey" if tint < (0.7 if old else 0.16) else "natural"
    return {
        "phenotype": {
            "gender": between(rng, 0.75, 1.0) if woman else between(rng, 0.0, 0.25),
            "age": age,
            "muscle": round(float(rng.beta(2, 2)), 5),
            "weight": round(float(rng.beta(1.6, 1.8)), 5),
            "height": round(float(rng.beta(2, 2)), 5),
            "proportions": between(rng, 0.3, 1.0),
            "african": round(float(shares[0]), 5),
            "asian": round(float(shares[1]), 5),
            "caucasian": round(float(shares[2]), 5),
        },
        "woman": woman,
        "skin": [round(float(c * rng.uniform(0.93, 1.05)), 5) for c in SKINS[rng.integers(len(SKINS))]],
        "pose": {
            "style": style,
            "detail": int(rng.integers(2**31)),
            "spread": bool(rng.random() < 0.4),
            "swing": between(rng, 2, 14) if rng.random() < 0.5 else 0.0,
        },
        "hair": {
            "kind": kind,
            "length": between(rng, *LENGTHS[kind]),
            "color": color,
            "melanin": between(rng, 0.0, 0.12) if color == "grey" else round(float(rng.beta(1.1, 0.7)), 5),
            "redness": round(float(rng.beta(1.2, 2.5)), 5) * (color != "grey"),
            "dye": [between(rng, 0, 1), between(rng, 0.5, 1.0), between(rng, 0.4, 0.9)],
            "wind": [normal(rng, 0.9), normal(rng, 0.6)] if rng.random() < 0.15 else [0.0, 0.0],
            "parting": float(rng.choice([-0.3, 0.0, 0.3])),
            "fringe": bool(kind in ("bob", "straight", "short", "bun") and rng.random() < 0.3),
            "frizz": between(rng, 0.15, 1.0),
            "flyaways": round(float(np.exp(rng.uniform(np.log(0.006), np.log(0.05)))), 5),
            "beard": 0.0
            if woman or child or rng.random() < 0.6
            else float(rng.choice([0.003, 0.012, 0.03, 0.06])),
        },
        "hat": hat,
        "hood": hood,
        "glasses": bool(rng.random() < 0.22),
        "scarf": bool(rng.random() < 0.1),
        "coat": coat,
        "prop": pick(rng, PROPS) if alone and style not in ("crossed", "hips") and rng.random() < 0.3 else "",
        "clothes": {
            "top": top,
            "bottom": "dress" if top == "dress" else pick(rng, bottoms),
            "hem": between(rng, 0.0, 1.0),
            "top cloth": _cloth(rng),
            "bottom cloth": _cloth(rng),
            "coat cloth": _cloth(rng),
            "accent": draw_color(rng),
        },
    }


def _thing(rng: np.random.Generator, subject: str) -> dict[str, Any]:
    return {
        "kind": pick(rng, THINGS[subject]),
        "first": draw_color(rng),
        "second": draw_color(rng),
        "amount": between(rng, 0, 1),
        "thickness": between(rng, 0, 1),
        "hair": between(rng, 0, 1),
    }


def draw_camera(rng: np.random.Generator, *, person: bool) -> dict[str, Any]:
    """Draw how a person, or a thing, is seen: shot, lens, angles, defocus, blur of movement."""
    turn = rng.random()
    if not person:  # many things are flat
        yaw = rng.normal(0, 32)
    elif turn < 0.1:
        yaw = 180 + rng.normal(0, 25)
    elif turn < 0.24:
        yaw = rng.choice([-90, 90]) + rng.normal(0, 15)
    else:
        yaw = rng.normal(0, 28)
    shot = pick(rng, SHOTS) if person else "thing"
    return {
        "shot": shot,
        "zoom": between(rng, 0.78, 1.12),
        "lens": float(rng.choice([35, 50, 85] if shot == "head" else [24, 35, 50, 85])),
        "yaw": round(float(yaw), 3),
        "tilt": round(float(np.clip(rng.normal(0, 9), -22, 22)), 3),
        "roll": normal(rng, 2.5),
        "right": normal(rng, 0.1),
        "up": normal(rng, 0.05),
        "defocus": float(rng.choice([1.4, 2.0, 2.8, 4.0])) if rng.random() < 0.24 else 0.0,
        "blur": between(rng, 0.005, 0.04) if rng.random() < 0.2 else 0.0,
        "direction": between(rng, 0, 360),
    }


def draw_light(rng: np.random.Generator) -> dict[str, Any]:
    """Draw an HDRI and the lamps beside it."""
    lamps = [
        {
            "azimuth": between(rng, 0, 360),
            "height": between(rng, -10, 70),
            "size": between(rng, 0.3, 1.6),
            "stops": between(rng, -2, 1.5),
            "warmth": between(rng, -1, 1),
        }
        for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.3, 0.35, 0.25, 0.1])))
    ]
    return {
        "hdri": HDRIS[rng.integers(len(HDRIS))],
        "turn": between(rng, 0, 360),
        "stops": between(rng, -1.5, 1.0),
        "lamps": lamps,
    }
