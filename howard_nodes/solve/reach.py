"""How far a matte reaches where no clean plate is."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["alpha_limit"]

Array = NDArray[Any]

_NEAR = 2  # coarse pixels beside what is not known that speak for it
_SUBJECT = 0.5  # alpha from which a pixel there is subject
_EDGE = 400.0  # coarse pixels of way that a step of 1 in the encoded plate stands for
_DOUBT = 1.5  # how much shorter the way to the subject must be: most of a picture is background
_SOFT = 0.1  # share of both ways over which one gives way to the other
_ROUNDS = 8  # sweeps of the whole grid, in which a way may turn as often
_FAR = np.float32(1e9)


def alpha_limit(alpha: Array, missing: Array, picture: Array) -> Array:
    """Limit a coarse matte where no clean plate is by what it is beside that.

    There the network compares the plate with a fill, and whatever stands there differs from it. But a subject
    does not begin there: it is seen beside, too, and goes on without an edge. So every pixel goes to whom the
    way is shorter, subject or background beside; a way is longer across the edges of the plate itself.

    Parameters
    ----------
    alpha : ndarray
        h w, 0 to 1: the coarse matte.
    missing : ndarray
        h w, true where some or all of the clean plate is missing.
    picture : ndarray
        h w 3 float32: the plate, encoded.

    Returns
    -------
    ndarray
        h w float32: no less than alpha where it is known; where it is not, 0 except where a subject beside
        goes on. All 1 where nothing is known at all.

    References
    ----------
    Bai and Sapiro, "A Geodesic Framework for Fast Interactive Image and Video Segmentation and Matting",
    ICCV 2007.
    """
    if missing.all() or not missing.any():
        return np.ones(alpha.shape, np.float32)
    square = np.ones((2 * _NEAR + 1, 2 * _NEAR + 1), np.uint8)
    beside = (cv2.dilate(missing.astype(np.uint8), square) > 0) & ~missing
    subject = beside & (alpha > _SUBJECT)
    near = cv2.dilate(np.where(missing, 0.0, alpha).astype(np.float32), square)
    touching = missing & (cv2.dilate((~missing).astype(np.uint8), square) > 0)
    limit = np.where(missing, 0.0, near).astype(np.float32)
    if subject.any():
        across, down = _steps(picture, missing | beside)
        ours = _ways(subject, across, down)
        theirs = _ways(beside & ~subject, across, down)
        share = theirs / (_DOUBT * ours + theirs)
        limit[missing] = np.clip((share - 0.5) / _SOFT + 0.5, 0.0, 1.0)[missing]
    # A thin veil, too, goes on for a little.
    limit[touching] = np.maximum(limit, near)[touching]
    return limit


def _steps(picture: Array, open_: Array) -> tuple[Array, Array]:
    """Lengths of the steps to the right, h w-1, and down, h-1 w; those out of what is open never end."""
    smooth = cv2.GaussianBlur(np.asarray(picture, np.float32), (0, 0), 0.7)
    out = []
    for axis in (1, 0):
        length = 1 + _EDGE * np.abs(np.diff(smooth, axis=axis)).max(-1)
        both = open_[:, 1:] & open_[:, :-1] if axis else open_[1:] & open_[:-1]
        out.append(np.where(both, length, _FAR).astype(np.float32))
    return out[0], out[1]


def _ways(start: Array, across: Array, down: Array) -> Array:
    """Length of the shortest way from `start`, h w: sweeps over rows and columns until nothing changes."""
    way = np.where(start, np.float32(0), _FAR)
    turned = np.ascontiguousarray(across.T)
    for _ in range(_ROUNDS):
        before = way.copy()
        _sweep(way, down)
        columns = np.ascontiguousarray(way.T)
        _sweep(columns, turned)
        way = np.ascontiguousarray(columns.T)
        if np.array_equal(way, before):
            break
    return np.minimum(way, _FAR)


def _sweep(way: Array, steps: Array) -> None:
    """Go over the rows, down and up again, in place."""
    for row in range(1, len(way)):
        np.minimum(way[row], way[row - 1] + steps[row - 1], out=way[row])
    for row in range(len(way) - 2, -1, -1):
        np.minimum(way[row], way[row + 1] + steps[row], out=way[row])
