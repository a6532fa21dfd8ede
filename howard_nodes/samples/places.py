"""Places drawn from nothing: walls, curtains, leaves, lights at night, rooms, screens.

Scene-linear Rec.709, H W 3 float32, their median at 0.05 to 0.3. Nothing of them is in what weights train on.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from howard_nodes.samples.conditions import defocus

__all__ = ["PLACES", "draw_place"]

Array = np.ndarray


def draw_place(
    rng: np.random.Generator, height: int, width: int, name: str | None = None
) -> tuple[str, Array]:
    """Draw a place.

    Parameters
    ----------
    rng : Generator
        Draws it.
    height, width : int
        Its size.
    name : str, optional
        One of `PLACES`; by default any.

    Returns
    -------
    tuple of str and ndarray
        Which one it is, and H W 3.
    """
    name = name or str(rng.choice(list(PLACES)))
    place = np.maximum(PLACES[name](rng, height, width), 0.002)
    place = place * _falloff(rng, height, width, 0.25 if name == "screen" else 0.8)
    if name not in ("lights", "leaves", "room"):  # these have a depth of their own
        place, _ = defocus(
            place, np.zeros(place.shape[:2], np.float32), 0.5 + rng.uniform(0.0, 0.003) * height
        )
    level = {"screen": rng.uniform(0.12, 0.25), "lights": rng.uniform(0.03, 0.06)}
    median = float(np.median(place[::8, ::8].max(axis=2)))
    wanted = level.get(name, rng.uniform(0.06, 0.3))
    return name, np.ascontiguousarray(place * np.float32(wanted / median), np.float32)


def _plaster(rng: np.random.Generator, height: int, width: int) -> Array:
    relief = _noise(rng, height, width, 40) * 0.06 + _noise(rng, height, width, 5) * 0.04
    return _paint(rng) * (1 + relief)[..., None]


def _bricks(rng: np.random.Generator, height: int, width: int) -> Array:
    tall = rng.uniform(0.035, 0.06) * height
    wide, joint = tall * rng.uniform(2.2, 3.2), tall * rng.uniform(0.1, 0.16)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    row = np.floor(y / tall).astype(int)
    along = x / wide + 0.5 * (row % 2)
    column = np.floor(along).astype(int)
    gap = np.minimum.reduce(
        [y - row * tall, (row + 1) * tall - y, (along - column) * wide, (column + 1 - along) * wide]
    )
    is_brick = np.clip((gap - joint / 2) / 1.5 + 0.5, 0, 1)[..., None]
    tints = np.exp(rng.normal(0, 0.16, (row.max() + 1, column.max() + 1, 1)) + rng.normal(0, 0.03, (1, 1, 3)))
    brick = np.array([0.28, 0.1, 0.06]) * np.exp(rng.normal(0, 0.15, 3)) * tints[row, column]
    rough = (
        1 + 0.12 * _noise(rng, height, width, 3)[..., None] + 0.08 * _noise(rng, height, width, 60)[..., None]
    )
    return (brick * is_brick + np.array([0.32, 0.3, 0.27]) * (1 - is_brick)) * rough


def _boards(rng: np.random.Generator, height: int, width: int) -> Array:
    wide = rng.uniform(0.05, 0.12) * height
    x = np.arange(width, dtype=np.float32) + rng.uniform(0, wide)
    board = np.floor(x / wide).astype(int)
    edge = np.minimum(x - board * wide, (board + 1) * wide - x)
    light = np.exp(rng.normal(0, 0.12, board.max() + 1))[board] * np.clip(0.25 + edge / 3, 0, 1)
    streaks = cv2.resize(_noise(rng, height // 12, width, 2), (width, height), interpolation=cv2.INTER_CUBIC)
    wood = np.array([0.3, 0.17, 0.09]) * np.exp(rng.normal(0, 0.25)) * np.exp(rng.normal(0, 0.08, 3))
    return wood * (light[None, :] * (1 + 0.14 * streaks))[..., None]


def _curtain(rng: np.random.Generator, height: int, width: int) -> Array:
    sway = _noise(rng, height, width, 120) * 1.2
    x = np.linspace(0, 2 * np.pi * rng.uniform(8, 22), width, dtype=np.float32)
    folds = np.sin(x[None, :] + sway + 1.5 * np.sin(0.31 * x)[None, :])
    weave = 1 + 0.05 * _noise(rng, height, width, 2)
    return _paint(rng) * ((0.62 + 0.38 * folds) * weave)[..., None]


def _leaves(rng: np.random.Generator, height: int, width: int) -> Array:
    canvas = np.full((height, width, 3), (10, 26, 14), np.uint8)
    for layer in range(4):
        for _ in range(900):
            center = (int(rng.integers(width)), int(rng.integers(height)))
            long = height * rng.uniform(0.012, 0.03) * (1 + 0.35 * layer)
            axes = (max(1, int(long)), max(1, int(long * rng.uniform(0.3, 0.5))))
            shade = (0.35 + 0.2 * layer) * rng.uniform(0.5, 1.3)
            color = np.clip(np.array([105, 135, 70]) * shade * np.exp(rng.normal(0, 0.12, 3)), 0, 255)
            cv2.ellipse(canvas, center, axes, rng.uniform(0, 360), 0, 360, color.tolist(), -1, cv2.LINE_AA)
        canvas[:] = cv2.GaussianBlur(canvas, (0, 0), max(0.6, (2.4 - layer) * 0.0025 * height))
    light = (canvas / np.float32(255)) ** 2.2
    gaps = cv2.GaussianBlur(_noise(rng, height, width, 0.02 * height), (0, 0), 0.002 * height)
    sky = np.clip(4 * gaps - 8.0, 0, 1)[..., None]
    return light * (1 - sky) + sky * np.array([1.4, 1.7, 2.0])


def _lights(rng: np.random.Generator, height: int, width: int) -> Array:
    place = np.array([0.02, 0.025, 0.035]) * np.exp(0.5 * _noise(rng, height, width, 100))[..., None]
    radius = rng.uniform(0.012, 0.035) * height
    for _ in range(rng.integers(25, 70)):
        disc = np.zeros((height, width), np.uint8)
        center = (int(rng.integers(width)), int(np.clip(rng.normal(0.45, 0.18), 0, 1) * height))
        cv2.circle(disc, center, max(1, int(radius * rng.uniform(0.7, 1.2))), 255, -1, cv2.LINE_AA)
        hue = np.array(rng.choice([(1.0, 0.6, 0.25), (1.0, 0.85, 0.6), (0.5, 0.7, 1.0), (1.0, 0.2, 0.1)]))
        place += (disc / np.float32(255))[..., None] * hue * float(np.exp(rng.normal(-1.2, 0.8)))
    return cv2.GaussianBlur(place.astype(np.float32), (0, 0), 0.08 * radius + 0.5)


def _room(rng: np.random.Generator, height: int, width: int) -> Array:
    place = np.broadcast_to(_paint(rng), (height, width, 3)).astype(np.float32).copy()
    floor = int(height * rng.uniform(0.68, 0.82))
    place[floor:] = _paint(rng) * 0.6
    left, right, top = (np.array([rng.uniform(0, 0.5), rng.uniform(0.6, 1), rng.uniform(0, 0.2)])).tolist()
    place[int(top * height) : int(0.55 * height), int(left * width) : int(right * width)] = rng.uniform(
        1.5, 4
    )
    for _ in range(rng.integers(6, 14)):
        w, h = rng.uniform(0.02, 0.2) * width, rng.uniform(0.05, 0.4) * height
        x, y = int(rng.uniform(-0.05, 1) * width), int(floor - h * rng.uniform(0.3, 1.6))
        place[max(y, 0) : max(y + int(h), 0), max(x, 0) : max(x + int(w), 0)] = _paint(rng) * rng.uniform(
            0.2, 1
        )
    place *= (1 + 0.05 * _noise(rng, height, width, 12))[..., None]
    return defocus(place, place[..., 0] * 0, rng.uniform(0.004, 0.012) * height)[0]


def _screen(rng: np.random.Generator, height: int, width: int) -> Array:
    color = np.array([0.06, 0.35, 0.09] if rng.random() < 0.6 else [0.04, 0.09, 0.4])
    return (
        color
        * (1 + 0.05 * _noise(rng, height, width, 150) + 0.01 * _noise(rng, height, width, 12))[..., None]
    )


PLACES: dict[str, Callable[[np.random.Generator, int, int], Array]] = {
    "plaster": _plaster,
    "bricks": _bricks,
    "boards": _boards,
    "curtain": _curtain,
    "leaves": _leaves,
    "lights": _lights,
    "room": _room,
    "screen": _screen,
}
"""What is drawn, by name."""


def _paint(rng: np.random.Generator) -> Array:
    """Draw a wall's or cloth's colour: mostly muted."""
    color = rng.uniform(0.1, 0.5) * np.exp(rng.normal(0, 0.12 if rng.random() < 0.6 else 0.45, 3))
    return np.asarray(color, np.float32)


def _noise(rng: np.random.Generator, height: int, width: int, grain: float) -> Array:
    """Draw smooth noise of standard deviation 1 whose detail is about `grain` pixels: H W float32."""
    noise = np.zeros((height, width), np.float32)
    for octave in range(3):
        step = grain * 2**octave
        grid = rng.standard_normal((int(height / step) + 3, int(width / step) + 3), dtype=np.float32)
        noise += cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC) * np.float32(
            0.6 + 0.2 * octave
        )
    return noise / np.float32(noise.std() + 1e-6)


def _falloff(rng: np.random.Generator, height: int, width: int, stops: float) -> Array:
    """Light from one side: a lamp's pool over the picture, H W 1."""
    y, x = np.mgrid[:height, :width].astype(np.float32) / height
    aspect = width / height
    distance = np.hypot(x - rng.uniform(-0.2, 1.2) * aspect, y - rng.uniform(-0.3, 0.6))
    return (2.0 ** (-stops * rng.uniform(0.3, 1.0) * distance)).astype(np.float32)[..., None]
