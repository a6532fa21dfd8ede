"""Where a camera stands, and how it moves."""

from __future__ import annotations

import cv2
import numpy as np

__all__ = ["after", "drawn_camera", "drawn_way", "view"]

Array = np.ndarray


def drawn_camera(rng: np.random.Generator, height: int, *, shift: float, turn: float) -> Array:
    """Draw where another take's camera stood: shift as a share of the height, turn in degrees."""
    matrix = cv2.getRotationMatrix2D(
        (height * 8 / 9, height / 2), rng.normal(0, turn), 1 + rng.normal(0, 0.1 * shift)
    )
    matrix[:, 2] = matrix[:, 2] + rng.normal(0, shift * height, 2)
    return matrix


def drawn_way(rng: np.random.Generator, height: int, reach: float, frames: int) -> list[Array]:
    """Draw a smooth way of `frames` steps, `reach` of the height long or so; the first one is where it is."""
    ways = []
    phase, speed = rng.uniform(0, 2 * np.pi, 3), rng.uniform(0.5, 1.1, 3)
    for frame in range(frames):
        x, y, turn = np.sin(phase + speed * frame) - np.sin(phase)
        matrix = cv2.getRotationMatrix2D((height * 8 / 9, height / 2), turn * reach * 40, 1.0)
        matrix[:, 2] = matrix[:, 2] + np.array([x, y]) * reach * height
        ways.append(matrix)
    return ways


def after(later: Array, earlier: Array) -> Array:
    """Give the affine map that does one, then the other."""
    return later @ np.vstack([earlier, [0, 0, 1]])


def view(place: Array, camera: Array, height: int, width: int) -> Array:
    """See a place, with room around the picture, through a camera."""
    margin = (place.shape[0] - height) // 2
    matrix = after(camera, np.array([[1.0, 0, -margin], [0, 1, -margin]]))
    return cv2.warpAffine(
        place, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    ).clip(0.0)
