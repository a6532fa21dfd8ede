"""All that a camera saw on one canvas, and pictures moved onto it and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.plates.corners import moved_corners, unit

__all__ = ["Canvas", "looked_at", "most_central", "move", "outline", "seen_from"]

Array = NDArray[Any]

_BYTES_A_PIXEL = 72  # of the canvas, while frames are averaged


@dataclass(frozen=True)
class Canvas:
    """A rectangle in the reference frame's pixels; `cut` says whether the camera saw more."""

    x: int
    y: int
    width: int
    height: int
    cut: bool

    @property
    def from_reference(self) -> Array:
        """What takes the reference frame's pixels to the canvas', 3 3."""
        return np.array([[1.0, 0, -self.x], [0, 1.0, -self.y], [0, 0, 1.0]])


def most_central(motion: dict[int, Array], size: tuple[int, int]) -> int:
    """Find the frame that is nearest to all: the canvas then keeps its sharpness where most is seen."""
    frames = list(motion)
    centres = np.array([moved_corners(motion[frame], size).mean(0) for frame in frames])
    distance = np.hypot(*(centres - (centres.min(0) + centres.max(0)) / 2).T)
    # Of frames that are as good, the middle one.
    middle = np.abs(np.arange(len(frames)) - (len(frames) - 1) / 2) / len(frames)
    return frames[int(np.argmin(distance + middle))]


def outline(motion: dict[int, Array], size: tuple[int, int], memory: float) -> Canvas:
    """Find what the camera saw, or as much of it as fits.

    Parameters
    ----------
    motion : dict of int to ndarray
        3 3 for each frame, frame to reference frame.
    size : tuple of int
        Width and height of a frame.
    memory : float
        Bytes to use at most while frames are averaged.

    Returns
    -------
    Canvas
        It holds the reference frame at least.
    """
    corners = np.concatenate([moved_corners(homography, size) for homography in motion.values()])
    low, high = np.floor(corners.min(0) + 1e-6).astype(int), np.ceil(corners.max(0) - 1e-6).astype(int)
    most = max(1.5 * size[0] * size[1], memory / _BYTES_A_PIXEL)
    cut = False
    while (high[0] - low[0] + 1) * (high[1] - low[1] + 1) > most:
        # From the side that reaches farthest out of the reference frame.
        out = np.concatenate([-low, high - np.array(size) + 1])
        side = int(np.argmax(out))
        step = max(1, int(0.05 * out[side]))
        if side < 2:
            low[side] += step
        else:
            high[side - 2] -= step
        cut = True
    return Canvas(int(low[0]), int(low[1]), int(high[0] - low[0] + 1), int(high[1] - low[1] + 1), cut)


def looked_at(homographies: dict[int, Array], canvas: Canvas, size: tuple[int, int]) -> Array:
    """Mark what any frame covers, h w bool."""
    out = np.zeros((canvas.height, canvas.width), np.uint8)
    for homography in homographies.values():
        corners = moved_corners(np.linalg.inv(homography), size)
        cv2.fillConvexPoly(out, np.round(corners).astype(np.int32), 1)
    return out > 0


def move(picture: Array, homography: Array, size: tuple[int, int]) -> tuple[Array, Array]:
    """Move a picture as `howard_nodes.plates.warp.warp` does, but sharper, and say where it has pixels.

    Every pixel of the plate is resampled twice, to the canvas and to a frame. With cubic interpolation that
    costs 6 dB more than with Lanczos.
    """
    rows, cols = picture.shape[:2]
    inverse = np.linalg.inv(homography)
    if np.array_equal(homography, np.eye(3)) and (cols, rows) == size:
        return picture, np.ones((rows, cols), np.float32)
    moved = cv2.warpPerspective(
        np.ascontiguousarray(picture, np.float32),
        inverse,
        size,
        flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if moved.min() < 0.0 <= picture.min():
        np.maximum(moved, 0.0, out=moved)
    x = np.arange(size[0], dtype=np.float32)[None]
    y = np.arange(size[1], dtype=np.float32)[:, None]
    a = unit(inverse).astype(np.float32)
    depth = a[2, 0] * x + a[2, 1] * y + 1.0
    u, v = a[0, 0] * x + a[0, 1] * y + a[0, 2], a[1, 0] * x + a[1, 1] * y + a[1, 2]
    inside = (
        (u >= -0.5 * depth) & (u <= (cols - 0.5) * depth) & (v >= -0.5 * depth) & (v <= (rows - 0.5) * depth)
    )
    return moved, inside.astype(np.float32)


def seen_from(canvas: Array, seen: Array, homography: Array, size: tuple[int, int]) -> tuple[Array, Array]:
    """Move a canvas and what is seen of it to a frame; say where the frame shows what is seen."""
    both, covers = move(np.dstack([canvas, seen]), homography, size)
    if both.shape[:2] == canvas.shape[:2] and np.array_equal(homography, np.eye(3)):
        return np.ascontiguousarray(both[..., :3]), seen * covers
    return np.ascontiguousarray(both[..., :3]), covers * (both[..., 3] > 0.98).astype(np.float32)
