"""A made-up subject in front of a made-up place, with everything about it known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest


@dataclass
class Shot:
    foreground: np.ndarray
    alpha: np.ndarray
    clean: np.ndarray

    @property
    def plate(self) -> np.ndarray:
        alpha = self.alpha[..., None]
        return (alpha * self.foreground + (1.0 - alpha) * self.clean).astype(np.float32)

    @property
    def partial(self) -> np.ndarray:
        return (self.alpha > 0.0) & (self.alpha < 1.0)


def wave(height: int, width: int, step: float) -> np.ndarray:
    """Smooth colours, 0.2 to 0.8."""
    y, x = np.mgrid[:height, :width]
    planes = [np.sin(x / (7.0 + step * k) + k) * np.cos(y / (9.0 - k) + step) for k in range(3)]
    return (0.5 + 0.3 * np.dstack(planes)).astype(np.float32)


def disc(height: int, width: int, soft: float) -> np.ndarray:
    """A disc in the middle, its edge ``soft`` pixels wide, exactly 0 and 1 beyond."""
    y, x = np.mgrid[:height, :width]
    distance = np.hypot(x - width / 2.0, y - height / 2.0)
    return np.clip((height / 4.0 - distance) / soft + 0.5, 0.0, 1.0).astype(np.float32)


@pytest.fixture
def shot() -> Shot:
    """137x180, a soft-edged subject of about the brightness of the place."""
    return Shot(wave(137, 180, 1.5), disc(137, 180, 12.0), wave(137, 180, 4.0)[::-1].copy())


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)
