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

__all__ = ["Leftover", "find_leftovers", "is_copy"]

Array = NDArray[Any]

_STORED, _STORED_DARK = 0.002, 1e-4  # how far a stored value may be off: a part of it, and light
_SIDE = 512  # longest side that pictures are compared at, in pixels
_SMALLEST = 0.002  # share of the picture under which a difference is not looked at
_REACH = 7  # pixels of that looked at on either side of an outline
_GAP = 2  # pixels either side left out: a coarse matte is not sharper
_STRETCH = 10  # the longest side over this: length of outline that is judged together
_OWNS = 0.4  # surplus of the clean plate's edges, -1 to 1, from which a stretch is its own
_SHORTEST = 24  # pixels of outline under which nothing is said
_WHOLE = 0.8  # the share from which all that the outline encloses is the clean plate's
_ENOUGH = 0.2  # share of an outline that must be so


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
        0.5 to 1, by how much of its outline is the clean plate's.
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

    Notes
    -----
    Strict, as a false alarm costs more than a miss. On made pictures (drawn silhouettes and rendered people
    over photographs and drawn places, with grain, up to a pixel of misregistration and a rough matte): no
    false alarm in 1514 frames whose clean plate is empty; something that stands alone in the clean plate is
    found in 96 % of frames, beside another one in the plate in 76 %, and where both overlap, the subject
    having moved a little, in 64 %.

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
    surplus = _surplus(_contrast(pictures[0], outline), _contrast(pictures[1], outline))
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(blobs, connectivity=4)
    at = labels[outline.rows, outline.columns]
    found = []
    for label in range(1, count):
        rows, columns = outline.rows[at == label], outline.columns[at == label]
        if boxes[label, cv2.CC_STAT_AREA] < _SMALLEST * labels.size or rows.size < _SHORTEST:
            continue
        owned = _local(surplus[:, at == label], rows, columns, labels.shape) > _OWNS
        part = float(owned.mean())
        if part < _ENOUGH or np.count_nonzero(owned) < _SHORTEST:
            continue
        if part > _WHOLE:
            x, y, across, down, _ = (int(value) for value in boxes[label])
        else:  # something of the plate's hangs together with it
            x, y, across, down = cv2.boundingRect(
                np.stack([columns[owned], rows[owned]], axis=1).astype(np.int32)
            )
        share = float(np.mean(labels[y : y + down, x : x + across] == label) * across * down / labels.size)
        left, right = x * width // size[0], -(-(x + across) * width // size[0])
        top, bottom = y * height // size[1], -(-(y + down) * height // size[1])
        confidence = min(1.0, 0.5 + (part - _ENOUGH))
        found.append(Leftover(left, top, right - left, bottom - top, share, confidence))
    return tuple(sorted(found, key=lambda leftover: -leftover.share))


def is_copy(plate: Array, clean: Array) -> bool:
    """Whether the clean plate is this very frame of the plate, stored again.

    Parameters
    ----------
    plate, clean : ndarray
        H W 3, float32, scene-linear.

    Returns
    -------
    bool
        True where nearly all values agree to what a half float keeps. Two exposures of one place differ by
        their grain; black pictures are copies of nothing.

    Raises
    ------
    InputError
        When the arrays' shapes do not fit together.
    """
    _check(plate, clean)
    larger = np.maximum(np.abs(plate), np.abs(clean))
    same = np.abs(plate - clean) <= _STORED * larger + _STORED_DARK
    return bool(larger.max() > 0.01 and same.mean() > 0.995)


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


def _surplus(in_plate: Array, in_clean: Array) -> Array:
    """Return by how much the clean plate's contrast is the greater, and the sum of both: 2 N."""
    return np.stack([in_clean - in_plate, in_clean + in_plate + 0.05])


def _local(surplus: Array, rows: Array, columns: Array, shape: tuple[int, ...]) -> Array:
    """Average over the stretch of outline around each pixel: from -1, the plate's, to 1, the clean one's."""
    side = max(shape) // _STRETCH | 1
    sums = []
    for values in surplus:
        drawn = np.zeros(shape, np.float32)
        drawn[rows, columns] = values
        sums.append(cv2.blur(drawn, (side, side), borderType=cv2.BORDER_CONSTANT)[rows, columns])
    return sums[0] / sums[1]
