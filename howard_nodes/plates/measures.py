"""What is measured on a plate and a clean plate that lies on it: coverage, clipping, difference."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from howard_nodes.plates.takes import Reduced

__all__ = ["ceiling_of", "coverage_of", "difference_of"]

Array = NDArray[Any]

_CLIPPED = 0.004  # share of a picture that is equally bright, and nothing brighter: clipped


def coverage_of(look: Reduced, valid: Array) -> float:
    """Share of the plate's picture for which there is clean plate; `valid` is h w, 0 to 1."""
    if look.valid is None:
        return float(valid.mean())
    return 1 - float((1 - valid).sum()) / max(float(look.valid.sum()), 1.0)


def ceiling_of(plate: Array) -> tuple[float, float, float] | None:
    """Light at which a plate (h w 3) is clipped, per channel; None where it is not."""
    sample = plate[::2, ::2].reshape(-1, 3)
    # Video overshoots where it is clipped: the very highest value says little.
    top = np.quantile(sample, 1 - 0.75 * _CLIPPED, axis=0)
    clipped = (np.abs(sample - top) < 0.03 * top).all(axis=1)
    brighter = (sample > 1.1 * top).any(axis=1)
    if top.min() <= 0 or clipped.mean() < _CLIPPED or brighter.mean() > _CLIPPED / 8:
        return None
    red, green, blue = (float(value) for value in np.median(sample[clipped], axis=0))
    return red, green, blue


def difference_of(plate: Array, fitted: Array, weight: Array) -> float:
    """Median difference in light of two pictures h w 3, where a weight h w has more than half."""
    # A median over every third row and column is as good.
    apart = np.abs(plate[::3, ::3] - fitted[::3, ::3]).mean(axis=2)
    inside = weight[::3, ::3] > 0.5
    return float(np.median(apart[inside] if inside.any() else apart))
