# SPDX-License-Identifier: GPL-3.0-or-later
"""Hair of the bank's people: guides that grow on the posed head, and the strands between them.

Strands are arrays N K 3 in metres, root first; radii N K in metres.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from mathutils import Vector
from mathutils.bvhtree import BVHTree

sys.path.append(str(Path(__file__).parent / "demo_shot"))

from body import Body
from person import resample, scatter, unit, wander

__all__ = ["grow_beard", "grow_fuzz", "grow_hair", "keep_out", "lying_on"]

Strands = tuple[np.ndarray, np.ndarray]

# Where the hair begins, by degrees from straight ahead, in crown heights above the eyes.
HAIRLINE = ([0, 25, 55, 75, 95, 115, 140, 180], [0.62, 0.60, 0.48, 0.18, 0.08, -0.2, -0.55, -0.66])

# By kind: how hard roots stand up and strands hang, turns a metre of waves or curls, their size, locks.
STYLES = {
    "buzz": (1.2, 0.0, 0, 0.0, 0.0),
    "short": (0.7, 0.25, 12, 0.001, 0.3),
    "tousled": (1.2, 0.35, 14, 0.004, 0.55),
    "bob": (0.45, 1.3, 4, 0.001, 0.3),
    "straight": (0.45, 1.3, 3, 0.001, 0.3),
    "wavy": (0.6, 1.1, 11, 0.009, 0.55),
    "curly": (1.3, 0.8, 32, 0.009, 0.9),
    "afro": (2.5, 0.0, 60, 0.006, 0.5),
    "locs": (0.6, 1.1, 9, 0.004, 1.0),
    "ponytail": (0.25, 0.0, 0, 0.0, 0.2),
    "bun": (0.25, 0.0, 0, 0.0, 0.2),
}

# What would hang before the face.
_HANGING = ("bob", "straight", "wavy", "curly", "locs")


def keep_out(tree: BVHTree, places: np.ndarray, margins: np.ndarray) -> np.ndarray:
    """Move places, N 3, out of a surface until they are their margin, N, above it."""
    result = places.copy()
    for k, place in enumerate(places):
        hit, normal, _, _ = tree.find_nearest(Vector(place), 0.08)
        if hit is not None and (Vector(place) - hit).dot(normal) < margins[k]:
            result[k] = np.array(hit) + np.array(normal) * margins[k]
    return result


def lying_on(tree: BVHTree, strands: np.ndarray, margin: float) -> np.ndarray:
    """Lay strands on a surface wherever they run below it."""
    flat = strands.reshape(-1, 3)
    return keep_out(tree, flat, np.full(len(flat), margin)).reshape(strands.shape)


def _scalp(body: Body, limit: float) -> np.ndarray:
    """Quads that carry hair: above the hairline, below `limit` crown heights."""
    quads = body.body[:, :4]
    place = (body.rest - body.center) / body.crown
    azimuth = np.degrees(np.arctan2(np.abs(place[:, 0]), -place[:, 1]))
    line = np.interp(azimuth, *HAIRLINE)
    on = ((place[:, 2] > line) & (place[:, 2] < limit) & body.on_head)[quads].mean(1) > 0.7
    return quads[on & ~body.masked("mpfb_ears.jpg", body.body, 0.25)]


def _flow(
    kind: str, where: np.ndarray, parting: float, fringe: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Which way strands are combed, in the head's own axes."""
    side = np.tanh((where[:, 0] - parting) / 0.35) * np.where(where[:, 2] > 0, 1, 0.35)
    count = len(where)
    if kind in ("short", "buzz"):
        flow = np.stack([0.4 * np.tanh(where[:, 0] / 0.5), np.full(count, -0.4), np.full(count, -0.1)], 1)
    elif kind == "tousled":
        flow = np.stack([side * 0.5, np.full(count, 0.2), np.full(count, 0.1)], 1) + rng.normal(
            0, 0.7, (count, 3)
        )
    else:
        # In front to the sides and back, or it would hang before the face.
        front = np.clip((-where[:, 1] - 0.2) / 0.5, 0, 1)
        away = np.sign(where[:, 0] - parting) * 0.9 * front
        flow = np.stack([side + away, 0.5 + 0.5 * front, np.full(count, -0.12)], 1)
    forward = np.stack([where[:, 0] * 0.5, np.full(count, -1.0), np.full(count, -0.6)], 1)
    return np.where(fringe[:, None], forward, flow)


def _off_face(body: Body, places: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Part places, N 3, that hang before the face, to the side where they come from."""
    local = (places - body.head[1][:3, 3]) @ body.head[1][:3, :3]
    x, y, z = ((local - body.center) / body.crown).T
    before = (y < -0.35) & (z < 0.5) & (z > -1.4) & (np.abs(x) < 0.66)
    wanted = np.where(sides < 0, -0.66, 0.66) * body.crown + body.center[0]
    local[:, 0] += np.where(before, 0.35 * (wanted - local[:, 0]), 0.0)
    return local @ body.head[1][:3, :3].T + body.head[1][:3, 3]


def _guides(
    body: Body,
    hair: dict[str, Any],
    rng: np.random.Generator,
    tree: BVHTree,
    scalp: np.ndarray,
    tie: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Grow guide hairs; returns their roots N 3 and their courses from the root N K 3."""
    kind, length = hair["kind"], hair["length"]
    lift, weight, _, _, _ = STYLES[kind]
    steps = 22 if length > 0.15 else 14 if length > 0.04 else 6
    count = 620 if length > 0.04 else 350
    at = scatter(rng, body.rest, scalp, count)
    root, up = at(body.middle), unit(at(body.normal))
    where = (at(body.rest) - body.center) / body.crown
    fringe = np.zeros(count, bool)
    if hair["fringe"]:
        azimuth = np.degrees(np.arctan2(np.abs(where[:, 0]), -where[:, 1]))
        fringe = (azimuth < 48) & (where[:, 2] > 0.3)
    flow = _flow(kind, where, hair["parting"], fringe, rng) @ body.head[1][:3, :3].T
    own = length * rng.uniform(0.88, 1.1, count)
    own[fringe] = np.minimum(own[fringe], rng.uniform(0.06, 0.085, int(fringe.sum())))
    step = own / (steps - 1)
    layer = rng.random(count)
    curly = kind in ("curly", "afro")
    margin = (0.018 if curly else 0.007) * (0.3 + 1.4 * layer)
    jitter = {"tousled": 0.25, "curly": 0.18, "afro": 0.25}.get(kind, 0.05)
    points = np.zeros((count, steps, 3))
    points[:, 0] = root
    heading = up.copy()
    for i in range(1, steps):
        s = (i * step)[:, None]
        stand = up * lift * np.exp(-s / (0.05 if curly else 0.014))
        if tie is not None:
            pull = heading * 0.4 + unit(tie - points[:, i - 1]) * 1.2 + stand
        elif kind == "afro":
            pull = up + 0.25 * heading
        else:
            down = np.array([*hair["wind"], -1.0]) * weight * np.minimum(1, s / 0.06)
            pull = heading * 1.2 + stand + flow * 0.85 * np.exp(-s / 0.09) + down
        heading = unit(pull + rng.normal(0, jitter, (count, 3)))
        place = points[:, i - 1] + heading * step[:, None]
        if kind in _HANGING:
            place[~fringe] = _off_face(body, place[~fringe], where[~fringe, 0] - hair["parting"])
        place = keep_out(tree, place, margin * min(1, i / 3))
        heading = unit(place - points[:, i - 1])
        points[:, i] = points[:, i - 1] + heading * step[:, None]
    if tie is not None:  # those that reach the tie stay there
        far = np.linalg.norm(points - tie, axis=2)
        reached = np.maximum.accumulate(far < 0.018, axis=1)
        points = np.where(reached[..., None], tie + rng.normal(0, 0.006, (count, 1, 3)), points)
    return root, points - points[:, :1]


def _nearest(points: np.ndarray, others: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest `count` of others to each point: indices and squared distances, N count."""
    index = np.empty((len(points), count), int)
    squares = np.empty((len(points), count))
    for a in range(0, len(points), 3000):
        part = slice(a, a + 3000)
        square = (points[part] ** 2).sum(1)[:, None] + (others**2).sum(1) - 2 * points[part] @ others.T
        index[part] = np.argpartition(square, count, 1)[:, :count]
        squares[part] = np.take_along_axis(square, index[part], 1)
    return index, np.maximum(squares, 0)


def grow_hair(
    body: Body, hair: dict[str, Any], rng: np.random.Generator, tree: BVHTree, count: int, limit: float = 9.0
) -> list[Strands]:
    """Grow the hair of a head.

    Parameters
    ----------
    body : people.Body
    hair : dict
        Of a recipe.
    rng : numpy.random.Generator
    tree : BVHTree
        What hair may not enter: the body with its clothes.
    count : int
        How many strands.
    limit : float
        Nothing grows above this, in crown heights above the eyes: what a hat hides.
    """
    kind = hair["kind"]
    if kind == "bald":
        return []
    scalp = _scalp(body, limit)
    if len(scalp) < 8:
        return []
    tie = None
    if kind in ("ponytail", "bun"):
        high = rng.uniform(-0.1, 0.9 if kind == "bun" else 0.6)
        out = np.sqrt(max(0.0, 1 - (high * 0.75) ** 2)) * 1.02
        tie = _carry(body, body.center + body.crown * np.array([0, out, high]))
    guide_root, guides = _guides(body, hair, rng, tree, scalp, tie)
    steps = guides.shape[1]
    if hair["length"] > 0.1 and STYLES[kind][2] > 8:
        steps = 40 if kind in ("curly", "afro") else 30
        guides = resample(guides, steps)
    at = scatter(rng, body.rest, scalp, count)
    root, up = at(body.middle), unit(at(body.normal))
    nearest, squares = _nearest(root, guide_root, 3)
    weight = 1 / (squares + 2e-5)
    weight /= weight.sum(1, keepdims=True)
    strands = root[:, None] + (guides[nearest] * weight[:, :, None, None]).sum(1)
    strands = _lock(strands, root, hair, rng)
    strands = _loosen(strands, up, hair, rng)
    if tie is None:
        strands = _shorten(strands, np.clip(rng.normal(0.92, 0.09, count), 0.4, 1.0))
    base = _radius(count) * rng.uniform(0.75, 1.2, (count, 1))
    base[: _flying(count, hair)] *= 0.6
    taper = 1 - 0.75 * np.linspace(0, 1, steps)[None] ** 3
    parts = [(strands, base * taper)]
    if hair["length"] > 0.04:  # a coat of short thick strands hides the scalp where the hair parts
        coat = _shorten(strands[::5], np.full(len(strands[::5]), min(1.0, 0.03 / hair["length"])))
        parts.append((coat, np.full(coat.shape[:2], 3 * _radius(count))))
    if kind == "ponytail":
        parts.append(_tail(body, hair, rng, tree, tie, count // 3))
    if kind == "bun":
        parts.append(_bun(body, hair, rng, tie, count // 4))
    return parts


def _flying(count: int, hair: dict[str, Any]) -> int:
    """How many strands, the first ones, fly away."""
    return int(np.ceil(count * hair["flyaways"]))


def _radius(count: int) -> float:
    """Metres that make so many strands cover a head as hair does: fewer are thicker."""
    return 0.00005 * (26000 / count) ** 0.85


def _carry(body: Body, point: np.ndarray) -> np.ndarray:
    """Carry a point of the head at rest along with the posed head."""
    return (body.head[1] @ np.append(point, 1.0))[:3]


def _lock(
    strands: np.ndarray, root: np.ndarray, hair: dict[str, Any], rng: np.random.Generator
) -> np.ndarray:
    """Gather strands into locks that wave or curl."""
    _, _, turns, size, gather = STYLES[hair["kind"]]
    count, steps, _ = strands.shape
    s = np.linspace(0, 1, steps)
    thick = hair["kind"] == "locs"
    locks = 90 if thick else max(40, min(count // 45, 420))
    seeds = rng.choice(count, locks, replace=False)
    member = _nearest(root, root[seeds], 1)[0][:, 0]
    loose = rng.random(count) < (0.03 if thick else 0.25)
    share = gather * np.where(
        loose, rng.uniform(0.1, 0.5, count), rng.uniform(0.93 if thick else 0.6, 1.0, count)
    )
    amount = share[:, None, None] * np.minimum(1, s * 3)[None, :, None] ** 0.8
    leader = strands[seeds]
    if hair["length"] > 0.02:
        leader = leader + wander(rng, locks, steps) * 0.06 * hair["length"]
    spread = (root - root[seeds][member])[:, None] * (0.0 if thick else 0.5)
    if thick:
        spread = rng.normal(0, 0.0022, (count, 1, 3))
    result = strands * (1 - amount) + (leader[member] + spread) * amount
    if turns:
        along = unit(np.gradient(strands[seeds], axis=1) + 1e-9)
        side = unit(np.cross(along, unit(rng.normal(0, 1, (locks, 1, 3)))))
        other = np.cross(along, side)
        if hair["kind"] == "wavy":  # waves lie flat, curls turn around
            other = other * 0.35
        number = turns * hair["length"] * rng.uniform(0.8, 1.25, locks) * rng.choice([-1.0, 1.0], locks)
        phase = rng.uniform(0, 6.28, locks)[member] + rng.normal(0, np.where(loose, 1.2, 0.4), count)
        own = number[member] * (1 + rng.normal(0, np.where(loose, 0.15, 0.03), count))
        theta = 2 * np.pi * own[:, None] * s + phase[:, None]
        width = size * rng.uniform(0.7, 1.3, locks)[member][:, None] * np.minimum(1, s * 4)
        result = result + (width * np.cos(theta))[..., None] * side[member]
        result = result + (width * np.sin(theta))[..., None] * other[member]
    return result


def _loosen(
    strands: np.ndarray, up: np.ndarray, hair: dict[str, Any], rng: np.random.Generator
) -> np.ndarray:
    """Add frizz to all strands and let a few fly away."""
    count, steps, _ = strands.shape
    length = max(hair["length"], 0.01)
    frizz = 0.05 * length * hair["frizz"] * np.abs(rng.normal(0, 1, (count, 1, 1)))
    strands = strands + wander(rng, count, steps) * np.minimum(frizz, 0.012)
    number = _flying(count, hair)
    flying = slice(number)
    s = np.linspace(0, 1, steps)[None, :, None]
    reach = min(length, 0.16)
    away = unit(up[flying] + rng.normal(0, 0.6, (number, 3)))[:, None] * s
    strands[flying] += away * reach * rng.uniform(0.05, 0.45, (number, 1, 1))
    strands[flying] += wander(rng, number, steps) * reach * 0.13
    return strands


def _shorten(strands: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Cut strands to a share of their length, N, keeping their number of points."""
    count, steps, _ = strands.shape
    u = np.linspace(0, 1, steps)[None] * length[:, None] * (steps - 1)
    low = np.minimum(u.astype(int), steps - 2)
    rows = np.arange(count)[:, None]
    part = (u - low)[..., None]
    return strands[rows, low] * (1 - part) + strands[rows, low + 1] * part


def _tail(
    body: Body, hair: dict[str, Any], rng: np.random.Generator, tree: BVHTree, tie: np.ndarray, count: int
) -> Strands:
    """Let a ponytail hang from its tie."""
    steps, locks = 24, 26
    length = rng.uniform(0.15, 0.42)
    back, side = body.head[1][:3, 1], body.head[1][:3, 0]
    s = np.linspace(0, 1, steps)
    core = (
        tie
        + back * (0.055 * (1 - np.exp(-s * 6)))[:, None]
        + np.array([*hair["wind"], -1.0]) * (length * s**1.35)[:, None]
    )
    angle, radius = rng.uniform(0, 6.28, locks), 0.014 * np.sqrt(rng.random(locks))
    wide = 1 + 2.2 * np.sin(np.pi * np.minimum(s * 0.85, 1))
    leaders = core + (radius * np.cos(angle))[:, None, None] * wide[:, None] * side
    leaders = leaders + (radius * np.sin(angle))[:, None, None] * wide[:, None] * back
    leaders = leaders + wander(rng, locks, steps) * rng.uniform(0.01, 0.05)
    leaders = lying_on(tree, leaders, 0.012)
    member = rng.integers(locks, size=count)
    strands = (
        leaders[member] + rng.normal(0, 0.005, (count, 1, 3)) * np.minimum(1, 0.3 + s * 2)[None, :, None]
    )
    strands = strands + wander(rng, count, steps) * 0.018 * hair["frizz"] * np.abs(
        rng.normal(0, 1, (count, 1, 1))
    )
    strands = _shorten(strands, np.clip(rng.normal(0.9, 0.12, count), 0.3, 1.0))
    taper = 1 - 0.75 * s[None] ** 3
    return strands, _radius(count * 3) * np.ones((count, 1)) * taper


def _bun(body: Body, hair: dict[str, Any], rng: np.random.Generator, tie: np.ndarray, count: int) -> Strands:
    """Wind strands into a bun at the tie."""
    steps = 20
    size = rng.uniform(0.026, 0.045)
    out = unit(tie - _carry(body, body.center))
    middle = tie + out * size * 0.75
    start = unit(rng.normal(0, 1, (count, 3)))
    axis = unit(out + rng.normal(0, 0.7, (count, 3)))
    theta = np.linspace(0, 1, steps)[None, :, None] * rng.uniform(1.5, 4.5, (count, 1, 1))
    across = np.cross(axis, start)
    along = (axis * start).sum(1, keepdims=True) * axis
    ring = (start - along)[:, None] * np.cos(theta) + across[:, None] * np.sin(theta) + along[:, None]
    strands = middle + ring * size * rng.uniform(0.75, 1.03, (count, 1, 1))
    strands = strands + wander(rng, count, steps) * 0.012 * hair["frizz"] * np.abs(
        rng.normal(0, 1, (count, 1, 1))
    )
    stray = rng.random(count) < 0.03
    s = np.linspace(0, 1, steps)[None, :, None]
    strands[stray] += out * s**2 * rng.uniform(0.01, 0.06, (int(stray.sum()), 1, 1))
    return strands, np.full((count, steps), _radius(count * 4))


def grow_beard(body: Body, length: float, rng: np.random.Generator, count: int) -> Strands:
    """Grow a beard or stubble of a length in metres."""
    quads = body.body[:, :4]
    place = (body.rest[quads].mean(1) - body.center) / body.crown
    side, forward, high = np.abs(place[:, 0]), place[:, 1], place[:, 2]
    on = (high < -0.42) & (high > -1.35) & (forward < 0.25) & (side < 0.75) & body.on_head[quads].all(1)
    on &= ~((side > 0.25) & (high > -0.62) & (forward < -0.35))
    for name in ("mpfb_lips.jpg", "mpfb_inside-mouth.jpg"):
        on &= ~body.masked(name, body.body, 0.15)
    at = scatter(rng, body.rest, quads[on], count)
    root, up = at(body.middle), unit(at(body.normal))
    steps = 7
    s = np.linspace(0, 1, steps)[None, :, None]
    heading = unit(up * 0.7 + np.array([0, -0.15, -0.7]) + rng.normal(0, 0.25, (count, 3)))
    own = length * rng.uniform(0.4, 1.1, (count, 1, 1))
    strands = root[:, None] + heading[:, None] * s * own + np.array([0, 0, -0.35]) * own * s**2
    strands = strands + wander(rng, count, steps) * own * 0.35
    return strands, np.full((count, steps), 0.00006 * np.sqrt(7000 / count)) * np.linspace(1, 0.3, steps)


def grow_fuzz(
    vertices: np.ndarray,
    quads: np.ndarray,
    normal: np.ndarray,
    rng: np.random.Generator,
    count: int,
    length: float,
    radius: float,
    hang: float = 0.2,
) -> Strands:
    """Grow fibres or fur on quads; length in metres on average, hang how much they fall."""
    at = scatter(rng, vertices, quads, count)
    root, up = at(vertices), unit(at(normal))
    steps = 6
    s = np.linspace(0, 1, steps)[None, :, None]
    heading = unit(up + rng.normal(0, 0.45, (count, 3)))
    own = length * rng.gamma(5.0, 0.2, (count, 1, 1))
    strands = root[:, None] + heading[:, None] * s * own + np.array([0, 0, -hang]) * own * s**2
    strands = strands + wander(rng, count, steps) * own * 0.25
    return strands, np.full((count, steps), radius) * np.linspace(1, 0.25, steps)
