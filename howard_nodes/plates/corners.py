"""Motions by what they do to a picture's corners: how far they move it, which are one, which are none."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.plates.views import FINE

__all__ = [
    "corners_of",
    "displaced",
    "farthest",
    "from_displaced",
    "moved_corners",
    "no_motion",
    "one_motion",
    "overlap",
    "unit",
]

Array = NDArray[Any]

_STILL = 0.00008  # of the longer side: 0.15 px in HD; motions closer than that are one
_NONE = 0.00006  # of the longer side: 0.12 px; a motion smaller than that is none


def corners_of(size: tuple[int, int]) -> Array:
    """Give the centres of a picture's corner pixels, 4 2, clockwise from the first one."""
    right, bottom = size[0] - 1.0, size[1] - 1.0
    return np.array([[0.0, 0.0], [right, 0.0], [right, bottom], [0.0, bottom]])


def moved_corners(homography: Array, size: tuple[int, int]) -> Array:
    """Give where a homography puts the corners of a picture, 4 2 pixels."""
    return np.asarray(cv2.perspectiveTransform(corners_of(size)[None], homography)[0])


def displaced(homography: Array, size: tuple[int, int]) -> Array:
    """Tell how far a homography moves the corners of a picture, 4 2 pixels."""
    moved: Array = moved_corners(homography, size) - corners_of(size)
    return moved


def from_displaced(displaced: Array, size: tuple[int, int]) -> Array:
    """Give the homography that moves the corners so far: the inverse of `displaced`."""
    corners = corners_of(size).astype(np.float32)
    target = (corners_of(size) + displaced).astype(np.float32)
    return np.asarray(cv2.getPerspectiveTransform(corners, target), np.float64)


def farthest(homography: Array, size: tuple[int, int]) -> float:
    """Tell how far, in pixels across or down, a homography moves a corner at most."""
    return float(np.abs(displaced(homography, size)).max())


def overlap(homography: Array, size: tuple[int, int]) -> float:
    """Tell which share of a picture is covered by the picture moved, 0 to 1."""
    moved, still = (
        corners.astype(np.float32) for corners in (moved_corners(homography, size), corners_of(size))
    )
    area, _ = cv2.intersectConvexConvex(moved, still)
    return float(area) / (size[0] * size[1])


def unit(homography: Array) -> Array:
    """Scale a homography to 1 in its last place."""
    return homography / homography[2, 2]


def one_motion(size: tuple[int, int]) -> float:
    """Give the pixels by which two motions may differ at the corners and be one."""
    return _STILL * _longest(size)


def no_motion(size: tuple[int, int]) -> float:
    """Give the pixels up to which a motion of the corners is none."""
    return _NONE * _longest(size)


def _longest(size: tuple[int, int]) -> int:
    return max(FINE, *size)  # a small picture's own pixels tell no finer
