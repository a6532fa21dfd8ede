"""Moving a picture: by a homography, and by a smooth flow where one is given."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["warp"]

Array = NDArray[Any]

_STRIP = 128  # rows worked on at a time: keeps temporaries small


def warp(
    picture: Array, homography: Array, size: tuple[int, int], *, flow: Array | None = None
) -> tuple[Array, Array]:
    """Move a picture to where a homography says, cubic interpolation.

    Parameters
    ----------
    picture : ndarray
        H W C float32.
    homography : ndarray
        3 3, takes the picture's coordinates to the result's; pixel centres at integers.
    size : tuple of int
        Width and height of the result.
    flow : ndarray, optional
        h w 2 float32 of any size, enlarged to the result's: how far, in full-resolution pixels, each pixel of
        the result lies from the place where the homography alone puts it.

    Returns
    -------
    picture : ndarray
        height width C float32. The source itself where nothing moves. Not below 0 where the source is not:
        cubic interpolation undershoots beside highlights.
    valid : ndarray
        height width float32: 1 where the source covers the pixel and its neighbours, else 0.
    """
    width, height = size
    if flow is None and np.array_equal(homography, np.eye(3)) and picture.shape[:2] == (height, width):
        return picture, np.ones((height, width), np.float32)
    inverse = np.linalg.inv(homography)
    inverse /= inverse[2, 2]
    source = np.ascontiguousarray(picture, np.float32)
    valid = np.empty((height, width), np.float32)
    if flow is None:
        moved = cv2.warpPerspective(
            source,
            inverse,
            size,
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        large = None
    else:
        moved = np.empty((height, width, *source.shape[2:]), np.float32)
        large = cv2.resize(np.asarray(flow, np.float32), size, interpolation=cv2.INTER_CUBIC)
    for top in range(0, height, _STRIP):
        rows = slice(top, min(top + _STRIP, height))
        x, y = _coordinates(inverse, rows, width, None if large is None else large[rows])
        valid[rows] = _inside(x, y, picture.shape[1], picture.shape[0])
        if large is not None:
            part = cv2.remap(source, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
            moved[rows] = part.reshape(moved[rows].shape)
    if moved.min() < 0.0 <= source.min():
        np.maximum(moved, 0.0, out=moved)
    return moved, valid


def _coordinates(inverse: Array, rows: slice, width: int, flow: Array | None) -> tuple[Array, Array]:
    """Where the pixels of some rows of the result lie in the source."""
    x: Array = np.arange(width, dtype=np.float32)[None]
    y: Array = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]
    if flow is not None:
        x, y = x - flow[..., 0], y - flow[..., 1]
    a = inverse.astype(np.float64)
    depth = a[2, 0] * x + a[2, 1] * y + 1.0
    return (
        ((a[0, 0] * x + a[0, 1] * y + a[0, 2]) / depth).astype(np.float32),
        ((a[1, 0] * x + a[1, 1] * y + a[1, 2]) / depth).astype(np.float32),
    )


def _inside(x: Array, y: Array, width: int, height: int) -> Array:
    """Whether places lie on the picture, its outermost half pixel included."""
    inside: Array = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    return inside
