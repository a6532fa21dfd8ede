"""A small shot made for the tests: a bright disc that moves over a gradient."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Shot:
    """Files of a small shot: a bright disc that moves over a gradient."""

    folder: Path
    plate: str
    clean: str
    frames: tuple[int, ...]

    def light(self, frame: int) -> np.ndarray:
        """The plate's pixels, H W 3, scene-linear."""
        return disc_over_gradient(frame - self.frames[0])[0]


def gradient(height: int = 72, width: int = 104) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return np.dstack([0.05 + 0.3 * x / width, 0.1 + 0.2 * y / height, np.full_like(x, 0.25)])


def disc_over_gradient(step: int, height: int = 72, width: int = 104) -> tuple[np.ndarray, np.ndarray]:
    """Plate and true alpha: a disc of light 4 with a soft edge."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    distance = np.hypot(x - (width / 3 + 3 * step), y - height / 2)
    alpha = np.clip((height / 4 - distance) / 4 + 0.5, 0, 1).astype(np.float32)
    color = np.array([4.0, 1.5, 0.4], np.float32)
    background = gradient(height, width)
    return alpha[..., None] * color + (1 - alpha[..., None]) * background, alpha
