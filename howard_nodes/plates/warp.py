"""Moving a picture: by a homography, and by a smooth flow where one is given."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["warp"]

Array = NDArray[Any]


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
    inverse = np.linalg.inv(homography)
    if flow is None and np.array_equal(homography, np.eye(3)) and picture.shape[:2] == (height, width):
        return picture, np.ones((height, width), np.float32)
    source = np.ascontiguousarray(picture, np.float32)
    if flow is None:
        moved = cv2.warpPerspective(
            source,
            inverse,
            size,
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    else:
        x, y = _coordinates(inverse, size, flow)
        moved = cv2.remap(source, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    if moved.min() < 0.0 <= source.min():
        np.maximum(moved, 0.0, out=moved)
    return moved, _covered(picture.shape[:2], inverse, size, flow)


def _coordinates(inverse: Array, size: tuple[int, int], flow: Array) -> tuple[Array, Array]:
    width, height = size
    large = cv2.resize(np.asarray(flow, np.float32), size, interpolation=cv2.INTER_CUBIC)
    x = np.arange(width, dtype=np.float32)[None] - large[..., 0]
    y = np.arange(height, dtype=np.float32)[:, None] - large[..., 1]
    a = inverse.astype(np.float64) / inverse[2, 2]
    depth = a[2, 0] * x + a[2, 1] * y + 1.0
    return (
        ((a[0, 0] * x + a[0, 1] * y + a[0, 2]) / depth).astype(np.float32),
        ((a[1, 0] * x + a[1, 1] * y + a[1, 2]) / depth).astype(np.float32),
    )


def _covered(shape: tuple[int, ...], inverse: Array, size: tuple[int, int], flow: Array | None) -> Array:
    """Where the source has pixels, its outermost half pixel included."""
    rows, cols = shape[:2]
    width, height = size
    if flow is None:
        # Exact and cheap: the source's outline, filled, would be off at the corners; the map is affine in w.
        x = np.arange(width, dtype=np.float32)[None]
        y = np.arange(height, dtype=np.float32)[:, None]
        a = (inverse / inverse[2, 2]).astype(np.float32)
        depth = a[2, 0] * x + a[2, 1] * y + 1.0
        u, v = a[0, 0] * x + a[0, 1] * y + a[0, 2], a[1, 0] * x + a[1, 1] * y + a[1, 2]
        inside = (u >= -0.5 * depth) & (u <= (cols - 0.5) * depth)
        inside &= (v >= -0.5 * depth) & (v <= (rows - 0.5) * depth)
    else:
        u, v = _coordinates(inverse, size, flow)
        inside = (u >= -0.5) & (u <= cols - 0.5) & (v >= -0.5) & (v <= rows - 0.5)
    return inside.astype(np.float32)
