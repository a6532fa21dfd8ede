"""What a plane cannot explain: a smooth residual flow, for parallax and lens distortion.

Displacements of tiles, coarse to fine, smoothed over their neighbours. Under the subject the flow is
continued from around it. It is bounded, and kept only where the pictures are more alike with it than without.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.plates.alignment import agreement
from howard_nodes.plates.views import View

__all__ = ["MOST_FLOW", "residual_flow"]

Array = NDArray[Any]

MOST_FLOW = 0.015
"""Longest flow, as a share of the picture's longer side: 29 pixels in HD."""

_ROUNDS = (1, 2, 3)  # at the finest level, the next, the coarsest
_SMOOTH = 1.0  # tiles: standard deviation of the smoothing
_WORTH = 0.8  # the residual must fall to this part of what it was ...
_LEAST = 0.00005  # ... and by this share of the longer side: 0.1 px in HD
_BETTER = 0.01  # gain of a tile's correlation from which the flow counts in full


def residual_flow(
    fixed: View,
    moving: View,
    homography: Array,
    background: Array | None = None,
    *,
    eager: bool = False,
) -> tuple[Array, float, float] | None:
    """Find how the picture moves beyond a homography.

    Parameters
    ----------
    fixed, moving : View
        Plate and clean plate.
    homography : ndarray
        3 3, moving to fixed, aligned.
    background : ndarray, optional
        H W, 0 to 1, of the fixed picture, any size: where it may be believed.
    eager : bool
        Keep it wherever it helps at all, not only where it helps clearly.

    Returns
    -------
    tuple of (ndarray, float, float) or None
        The flow, h w 2 float32 in full-resolution pixels, one vector for a tile of 1/32 of the longer side,
        as `howard_nodes.plates.warp.warp` takes it; the residual without it and with it, pixels. None where
        it does not help.
    """
    before = agreement(fixed, moving, homography, background)
    if not eager and _residual(before.shift, before.alike, before.textured) < 2 * _LEAST * max(fixed.size):
        return None
    rows, cols = before.alike.shape
    limit = MOST_FLOW * max(fixed.size)
    flow = np.zeros((rows, cols, 2), np.float32)
    for level in reversed(range(len(fixed.levels))):
        for _ in range(_ROUNDS[level]):
            seen = agreement(fixed, moving, homography, background, flow=flow, level=level)
            shift, weight = seen.shift.astype(np.float32), seen.alike.astype(np.float32)
            if not weight.any():
                break
            step = _spread(shift, weight)
            flow += cv2.resize(step, (cols, rows), interpolation=cv2.INTER_LINEAR).reshape(rows, cols, 2)
            length = np.hypot(flow[..., 0], flow[..., 1])
            flow *= (limit / np.maximum(length, limit))[..., None]
    after = agreement(fixed, moving, homography, background, flow=flow)
    # Only where it makes the pictures more alike; unseen tiles follow their neighbours.
    gain = np.where(after.textured, after.correlation - before.correlation, 0.0)
    gate = _spread(
        np.clip(gain / _BETTER, 0.0, 1.0).astype(np.float32)[..., None], after.textured.astype(np.float32)
    )
    flow *= np.clip(gate, 0.0, 1.0).reshape(rows, cols, 1)
    after = agreement(fixed, moving, homography, background, flow=flow)
    both = before.textured & after.textured
    if not both.any():
        return None
    without, within = _residual(before.shift, before.alike, both), _residual(after.shift, after.alike, both)
    least = 0.0 if eager else _LEAST * max(fixed.size)
    if within > (1.0 if eager else _WORTH) * without or without - within <= least:
        return None
    return flow, without, within


def _residual(shift: Array, alike: Array, tiles: Array) -> float:
    """Mean displacement over tiles; those not alike count as a pixel and a half of the finest level."""
    if not tiles.any():
        return float("inf")
    return float(np.where(alike, np.hypot(shift[..., 0], shift[..., 1]), 3.0)[tiles].mean())


def _spread(values: Array, weight: Array) -> Array:
    """Smooth over tiles by weight (normalised convolution); wider and wider where there is none."""
    out = np.zeros_like(values)
    missing = np.ones(weight.shape, np.float32)
    sigma = _SMOOTH
    while missing.max() > 0.02 and sigma < 4 * max(weight.shape):
        total = cv2.GaussianBlur(weight, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
        blurred = cv2.GaussianBlur(values * weight[..., None], (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
        blurred = blurred.reshape(values.shape)
        known = np.clip(total / 0.1, 0.0, 1.0) * missing
        out += blurred / np.maximum(total, 1e-6)[..., None] * known[..., None]
        missing = missing - known
        sigma *= 2
    return out
