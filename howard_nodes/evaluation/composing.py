"""Compose held-out cases: a subject over a place, as a compositor would be sent it, with its truth.

Everything happens in linear light at the case's size.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from howard_nodes.errors import InputError
from howard_nodes.evaluation.cameras import after, drawn_camera, drawn_way, view
from howard_nodes.evaluation.cases import KINDS, USUAL_KINDS, Truth, write_case
from howard_nodes.evaluation.casting import MARGIN, Turn, camouflaged, choose_place, choose_subject
from howard_nodes.evaluation.stock import Foreground, Stock
from howard_nodes.samples.conditions import (
    bounce,
    cast_shadow,
    defocus,
    grain,
    light_drift,
    motion_blur,
    moved_parts,
    over,
    placed,
)

__all__ = ["compose_cases"]

Array = np.ndarray

_FRAMES = 8
_STILLS = 4


@dataclass
class _Shot:
    """A shot that is being made: who is in it, how it moves, and what goes wrong.

    Each of `layers` comes with the matrix that puts it into the first frame. `sway` and `handheld` are how
    far subject and camera move, as shares of the height; `blur` is a subject's way while the shutter is open,
    in pixels, `defocus` the radius of its circle of confusion; `shadow` its shift in pixels and its depth. Of
    the clean plate: `off` is where its camera stood, `stops` its gain by channel, `drift` how many stops its
    light drifts over the picture, `moving` by how many pixels parts of its place moved.
    """

    place: Array
    off: Array
    stops: Array
    layers: list[tuple[Foreground, Array]] = field(default_factory=list)
    frames: int = 1
    sway: float = 0.0
    handheld: float = 0.0
    blur: tuple[float, float] = (0.0, 0.0)
    defocus: float = 0.0
    shadow: tuple[float, float, float] | None = None
    drift: float = 0.0
    moving: float = 0.0


def compose_cases(
    output: Path,
    stock: Stock,
    *,
    count: int,
    seed: int,
    height: int = 1080,
    kinds: tuple[str, ...] = USUAL_KINDS,
) -> Iterator[tuple[Path, bool]]:
    """Compose cases that are not there yet.

    Parameters
    ----------
    output : Path
        The set's folder.
    stock : Stock
        What they are made of: of every kind `count` with foregrounds where there are some, and `count` drawn.
    count : int
        Cases of each kind; half as many, but one at least, of those that are sequences.
    seed : int
        Of the set. Each case has a seed of its own, made of it and the case's name: of the same stock, a name
        is the same case, however many there are and whichever were there before.
    height : int
        Of the pictures, 16:9.
    kinds : tuple of str
        Which.

    Yields
    ------
    tuple of Path and bool
        Folder of each case, and whether it was made now.

    Raises
    ------
    InputError
        A kind that there is not, no foreground that suits one, or one that cannot be used.
    WriteError
        A case cannot be written.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise InputError(f"kind {kind!r}: use one of {', '.join(KINDS)}.")
    for made in ("rendered", "drawn") if stock.foregrounds else ("drawn",):
        for kind in kinds:
            if kind == "close-up" and made == "drawn":
                continue  # no drawn silhouette has hair that bears a close look
            is_sequence = kind.endswith("sequence")
            for number in range(1, (max(1, count // 2) if is_sequence else count) + 1):
                name = f"{made}_{kind.replace(' ', '_')}_{number:02d}"
                folder = output / name
                is_new = not (folder / "case.json").exists()
                if is_new:
                    _compose(folder, stock, kind, made, number, seed, height)
                yield folder, is_new


def _compose(folder: Path, stock: Stock, kind: str, made: str, number: int, seed: int, height: int) -> None:
    turn = Turn(seed, number, kind)
    case_seed = zlib.crc32(f"{seed} {folder.name}".encode())
    rng = np.random.default_rng(case_seed)
    width = height * 16 // 9
    place_name, place = choose_place(rng, stock, made, turn, height, width)
    # Any two takes from a tripod are a third of a pixel and some hundredths of a stop apart.
    off = drawn_camera(rng, height, shift=0.0003, turn=0.01)
    shot = _Shot(place, off, rng.normal(0, 0.02) + rng.normal(0, 0.008, 3))
    _make_hard(rng, shot, kind, height)
    if kind != "no subject":
        many = 2 if kind == "two subjects" else 1
        shot.layers += [
            choose_subject(rng, stock, made, turn, height, width, (index, many)) for index in range(many)
        ]
    amount, size = rng.uniform(0.006, 0.018), float(rng.choice([0.0, 0.5, 0.7]))
    ingredients: dict[str, Any] = {
        "place": place_name,
        "foregrounds": [layer.name for layer, _ in shot.layers],
        "shows": [layer.shows for layer, _ in shot.layers],
        "grain": round(amount, 5),
        "clean plate": {
            "shift": np.round(shot.off[:, 2], 2).tolist(),
            "turn": round(float(np.degrees(np.arcsin(shot.off[1, 0]))), 3),
            "stops": np.round(shot.stops, 3).tolist(),
        },
    }
    pictures, truths, cleans = _shoot(rng, shot, kind, height, width)

    def with_grain(picture: Array) -> Array:
        return grain(rng, picture, amount, size=size)

    write_case(
        folder,
        kind=kind,
        made=made,
        plates=[with_grain(picture) for picture in pictures],
        cleans=[with_grain(picture) for picture in cleans],
        truths=truths,
        stills=[with_grain(pictures[0]) for _ in range(_STILLS)] if len(pictures) > 1 else None,
        seed=case_seed,
        ingredients=ingredients,
    )


def _shoot(
    rng: np.random.Generator, shot: _Shot, kind: str, height: int, width: int
) -> tuple[list[Array], list[Truth], list[Array]]:
    """Shoot both takes, without grain: plates, their truths, clean plates."""
    if kind == "camouflage":
        shot.layers = [(camouflaged(layer, matrix, shot.place), matrix) for layer, matrix in shot.layers]
    pictures, truths = [], []
    cameras = drawn_way(rng, height, shot.handheld, shot.frames)
    sways = drawn_way(rng, height, shot.sway, shot.frames)
    margin = round(MARGIN * height)
    for camera, sway in zip(cameras, sways, strict=True):
        color, alpha = np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.float32)
        for layer, matrix in shot.layers:
            one, covers = placed(layer.color, layer.alpha, after(camera, after(sway, matrix)), height, width)
            if shot.blur != (0.0, 0.0):
                one, covers = motion_blur(one, covers, *shot.blur)
            if shot.defocus:
                one, covers = defocus(one, covers, shot.defocus)
            color, alpha = over(one, covers, color, alpha)
        place = shot.place
        if shot.shadow is not None:
            dx, dy, depth = shot.shadow
            falls = cv2.copyMakeBorder(alpha, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
            place = cast_shadow(
                place, falls, np.array([[1, 0, dx], [0, 1, dy]]), softness=0.012 * height, depth=depth
            )
        behind = view(place, camera, height, width)
        if shot.shadow is not None:
            behind = bounce(behind, color, alpha, reach=0.05 * height, amount=0.08)
        pictures.append(color * alpha[..., None] + (1 - alpha[..., None]) * behind)
        truths.append(Truth(color, alpha))
    place = shot.place
    if shot.moving:
        place = moved_parts(rng, place, share=0.35, reach=shot.moving)
    if shot.drift:
        place = light_drift(rng, place, stops=shot.drift)
    place = place * (2.0**shot.stops).astype(np.float32)
    ways = drawn_way(rng, height, shot.handheld, shot.frames) if shot.handheld else [np.eye(2, 3)]
    cleans = [view(place, after(shot.off, way), height, width) for way in ways]
    return pictures, truths, cleans


def _make_hard(rng: np.random.Generator, shot: _Shot, kind: str, height: int) -> None:
    """Give a shot what its kind is about; camouflage and hair are in who is chosen."""
    if kind == "motion blur":
        length, angle = rng.uniform(0.012, 0.05) * height, rng.normal(0, 0.5)
        shot.blur = (float(length * np.cos(angle)), float(length * np.sin(angle)))
    elif kind == "defocus":
        shot.defocus = float(rng.uniform(0.003, 0.015)) * height
    elif kind == "shadow":
        side = rng.choice([-1, 1]) * rng.uniform(0.04, 0.16)
        shot.shadow = (side * height, rng.uniform(0.0, 0.08) * height, rng.uniform(0.35, 0.65))
    elif kind == "misregistered":
        shot.off = drawn_camera(rng, height, shift=0.008, turn=0.25)
    elif kind == "exposure drift":
        shot.stops = rng.choice([-1, 1]) * rng.uniform(0.15, 0.7) + rng.normal(0, 0.06, 3)
        shot.drift = 0.08
    elif kind == "moving background":
        shot.moving = rng.uniform(0.004, 0.012) * height
    elif kind == "static sequence":
        shot.frames, shot.sway = _FRAMES, 0.006
    elif kind == "handheld sequence":
        shot.frames, shot.sway, shot.handheld = _FRAMES, 0.005, 0.006
    elif kind in ("plain", "two subjects") and rng.random() < 0.5:
        shot.shadow = (rng.uniform(-0.05, 0.05) * height, 0.02 * height, rng.uniform(0.05, 0.25))
