"""Tell whether the subject is still in the clean plate.

Where plate and clean plate differ, one of them shows something that stands before the background. The outline
of the difference is that thing's outline, so the picture that contains it has an edge there, and in the other
one the background goes on from inside to outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.errors import InputError

__all__ = ["Leftover", "find_leftovers", "is_same_frame", "is_same_picture"]

Array = NDArray[Any]

_SIDE = 512  # longest side that pictures are compared at, in pixels
_SMALLEST = 0.002  # share of the picture under which a difference is not looked at
_REACH = 7  # pixels of that looked at on either side of an outline
_GAP = 2  # pixels either side left out: a coarse matte is not sharper
_OWNS = 0.25  # surplus of the clean plate's edges, -1 to 1, from which a thing is its own
_ARCS = 0.7  # share of the outline's parts that must say so


@dataclass(frozen=True)
class Leftover:
    """Something that the clean plate shows and the plate does not.

    Parameters
    ----------
    x, y : int
        Upper left pixel of its box, in pixels of the pictures given.
    width, height : int
        Size of the box.
    share : float
        Its area as a share of the picture, 0 to 1.
    confidence : float
        0 to 1; 0.5 is as little as is ever reported.
    """

    x: int
    y: int
    width: int
    height: int
    share: float
    confidence: float


def find_leftovers(plate: Array, clean: Array, matte: Array, valid: Array) -> tuple[Leftover, ...]:
    """Find what is in the clean plate but not in the plate, such as the subject itself.

    Parameters
    ----------
    plate, clean : ndarray
        H W 3, float32, scene-linear, aligned, the clean plate matched to the plate in exposure.
    matte : ndarray
        H W, 0 to 1: where the two differ, whichever of them shows something.
    valid : ndarray
        H W, 0 to 1: where the clean plate covers the plate.

    Returns
    -------
    tuple of Leftover
        The largest first; empty when there is none, or none that is sure.

    Raises
    ------
    InputError
        When the arrays' shapes do not fit together.
    """
    _check(plate, clean)
    for name, array in (("matte", matte), ("validity", valid)):
        if array.shape != plate.shape[:2]:
            raise InputError(f"the {name} has shape {array.shape}, but the plate {plate.shape}")
    height, width = matte.shape
    pictures = _encode(plate, clean)
    size = pictures[0].shape[1::-1]
    blobs: Array = (_shrink(matte, size) > 0.5).astype(np.uint8)
    blobs = cv2.morphologyEx(blobs, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    covered = cv2.erode((_shrink(valid, size) > 0.99).astype(np.uint8), np.ones((5, 5), np.uint8))
    outline = _outline(blobs, covered)
    strength = [_contrast(picture, outline) for picture in pictures]
    found = []
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(blobs, connectivity=4)
    at = labels[outline.rows, outline.columns]
    for label in range(1, count):
        x, y, across, down, area = (int(value) for value in boxes[label])
        mine = at == label
        if area < _SMALLEST * labels.size or np.count_nonzero(mine) < 24:
            continue
        confidence = _clean_owns(
            strength[0][mine], strength[1][mine], outline.rows[mine], outline.columns[mine]
        )
        if confidence < 0.5:
            continue
        left, right = x * width // size[0], -(-(x + across) * width // size[0])
        top, bottom = y * height // size[1], -(-(y + down) * height // size[1])
        found.append(Leftover(left, top, right - left, bottom - top, area / labels.size, confidence))
    return tuple(sorted(found, key=lambda leftover: -leftover.share))


def is_same_picture(plate: Array, clean: Array) -> bool:
    """Whether nothing but noise tells the two pictures apart.

    So it is when the clean plate is the plate itself or a frame of the take in which the subject keeps still.
    So it is too, rightly, when the camera stands still and the plate shows the empty place: one such frame
    does not prove a mistake. `is_same_frame` can tell the copy.

    Parameters
    ----------
    plate, clean : ndarray
        H W 3, float32, scene-linear, aligned.

    Returns
    -------
    bool
        True where the pictures agree to the bit, or their difference is as small, averaged over a few pixels,
        as noise that knows nothing of its neighbours.

    Raises
    ------
    InputError
        When the arrays' shapes do not fit together.
    """
    _check(plate, clean)
    if np.array_equal(plate, clean):
        return True
    first, second = _encode(plate, clean)
    difference = first - second
    cells = _cell_means(difference)
    grain = np.sqrt(np.median(_cell_means(_detail(difference) ** 2)))
    allowed = max(5 * float(grain) / 8, 0.012)
    return bool(np.quantile(np.abs(cells).max(axis=2), 0.998) < allowed)


def is_same_frame(plate: Array, clean: Array) -> bool:
    """Whether the clean plate is a copy of this very frame: the grain is the same too.

    Parameters
    ----------
    plate, clean : ndarray
        H W 3, float32, scene-linear, aligned.

    Returns
    -------
    bool
        True for copies, compressed or stored again too. Never for two exposures of one place with grain.
        Renders without grain are copies when they agree to the bit.

    Raises
    ------
    InputError
        When the arrays' shapes do not fit together.
    """
    _check(plate, clean)
    if np.array_equal(plate, clean):
        return True
    if not is_same_picture(plate, clean):
        return False
    first, second = _encode(plate, clean)
    apart = _cell_means(_detail(first - second) ** 2).mean(axis=2)
    alone = sum(_cell_means(_detail(picture) ** 2).mean(axis=2) for picture in (first, second))
    quiet = alone <= np.quantile(alone, 0.3)
    return bool(np.median(apart[quiet]) < 0.15 * np.median(alone[quiet]))


@dataclass(frozen=True)
class _Outline:
    rows: Array  # N, pixels on the outline of a blob
    columns: Array
    down: Array  # N, outward normal
    right: Array


def _check(plate: Array, clean: Array) -> None:
    if plate.ndim != 3 or plate.shape[2] != 3 or clean.shape != plate.shape:
        raise InputError(
            f"the plate has shape {plate.shape} and the clean plate {clean.shape}: both need H W 3"
        )


def _shrink(picture: Array, size: tuple[int, int]) -> Array:
    picture = np.ascontiguousarray(picture, np.float32)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _encode(plate: Array, clean: Array) -> tuple[Array, Array]:
    """Both on one scale near to what is seen, in stops, reduced to a common size."""
    height, width = plate.shape[:2]
    reduce = max(1.0, max(height, width) / _SIDE)
    size = (max(1, round(width / reduce)), max(1, round(height / reduce)))
    pictures = [
        np.nan_to_num(np.maximum(_shrink(picture, size), 0), posinf=65504.0) for picture in (plate, clean)
    ]
    floor = 0.05 * max(float(np.median(picture)) for picture in pictures) + 1e-5
    return np.log2(pictures[0] + floor), np.log2(pictures[1] + floor)


def _outline(blobs: Array, covered: Array) -> _Outline:
    """Pixels on the outlines, away from the picture's borders, with normals that point outward."""
    edge = blobs & (1 - cv2.erode(blobs, np.ones((3, 3), np.uint8), borderValue=1))
    inner = np.zeros_like(blobs)
    inner[_REACH:-_REACH, _REACH:-_REACH] = 1
    smooth = cv2.GaussianBlur(blobs.astype(np.float32), (0, 0), 2.5)
    down, right = -cv2.Sobel(smooth, cv2.CV_32F, 0, 1), -cv2.Sobel(smooth, cv2.CV_32F, 1, 0)
    length = np.hypot(down, right)
    rows, columns = np.nonzero((edge & inner & covered > 0) & (length > 1e-3))
    length = length[rows, columns]
    return _Outline(rows, columns, down[rows, columns] / length, right[rows, columns] / length)


def _contrast(picture: Array, outline: _Outline) -> Array:
    """Compare the colours just inside and just outside the outline, in stops, at each of its pixels."""
    if outline.rows.size == 0:
        return np.zeros(0, np.float32)
    steps = np.arange(_GAP, _REACH + 1, dtype=np.float32)
    sides = []
    for sign in (-1, 1):
        x = outline.columns[:, None] + sign * steps * outline.right[:, None]
        y = outline.rows[:, None] + sign * steps * outline.down[:, None]
        colors = cv2.remap(
            picture,
            x.astype(np.float32),
            y.astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        sides.append(colors.mean(axis=1))
    return np.linalg.norm(sides[0] - sides[1], axis=1)


def _clean_owns(in_plate: Array, in_clean: Array, rows: Array, columns: Array) -> float:
    """How sure it is, 0 to 1, that the clean plate contains what the outline encloses."""
    surplus = float((in_clean - in_plate).sum() / (in_clean + in_plate + 0.05).sum())
    angle = np.arctan2(rows - rows.mean(), columns - columns.mean())
    part = ((angle + np.pi) / (2 * np.pi) * 15.999).astype(int)
    votes = np.bincount(part, in_clean - in_plate, 16)
    present = np.bincount(part, minlength=16) > 0
    agree = np.count_nonzero(votes[present] > 0) / np.count_nonzero(present)
    return float(np.clip(0.5 + (surplus - _OWNS), 0, 1)) if agree >= _ARCS else 0.0


def _detail(picture: Array) -> Array:
    """Keep what is finer than two pixels, scaled so that grain keeps its variance."""
    kernel = np.outer([1, -2, 1], [1, -2, 1]).astype(np.float32) / 6
    return np.asarray(cv2.filter2D(picture, -1, kernel))


def _cell_means(picture: Array) -> Array:
    height, width = picture.shape[:2]
    return _shrink(picture, (max(1, width // 8), max(1, height // 8)))
