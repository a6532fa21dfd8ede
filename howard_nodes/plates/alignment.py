"""Direct alignment: a homography refined on the pixels themselves, to a few hundredths of a pixel.

Gauss-Newton on all textured pixels of two normalised pictures, symmetric in their gradients (ESM), robust:
what does not belong to the plane of the background (the subject above all) weighs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.plates.views import Level, View, slopes
from howard_nodes.plates.warp import warp

__all__ = ["Agreement", "agreement", "align"]

Array = NDArray[Any]

_TUKEY = 4.685
_QUARTILE = 0.3186  # of |r| of a normal distribution with deviation 1
_LEAST_SCALE = 0.02
_ITERATIONS = (8, 8, 12)  # from fine to coarse
_ENOUGH = 0.01  # pixels of the level, where an iteration moves the corners by less
_MOST_PIXELS = 50_000
_LEAST_PIXELS = 200
_TILE = 30  # pixels of a side, at the finest level
_TEXTURE = 2e-3  # mean squared slope of a tile that shows anything
_ALIKE = 0.55  # correlation of two tiles that show the same
_MOST_SHIFT = 3.0  # pixels of the level: farther the linear estimate does not reach
_RIDGE = 1e-4
_ROW = 512  # pixels looked up in a row


@dataclass(frozen=True)
class Agreement:
    """How well two pictures fit under a homography, in tiles of about 1/32 of the longer side.

    Attributes
    ----------
    textured : ndarray
        rows cols bool: tiles of the fixed picture's background with texture to compare, and a counterpart.
    alike : ndarray
        rows cols bool: of these, those in which both show the same.
    shift : ndarray
        rows cols 2: displacement that is left, full-resolution pixels; 0 where not alike.
    correlation : ndarray
        rows cols, -1 to 1.
    """

    textured: Array
    alike: Array
    shift: Array
    correlation: Array

    @property
    def residual(self) -> float:
        """Median displacement over the tiles that are alike, full-resolution pixels."""
        if not self.alike.any():
            return float("inf")
        return float(np.median(np.hypot(*self.shift[self.alike].T)))


def align(
    fixed: View,
    moving: View,
    initial: Array,
    background: Array | None = None,
    *,
    levels: int | None = None,
) -> tuple[Array, float]:
    """Refine a homography.

    Parameters
    ----------
    fixed, moving : View
        Plate and clean plate.
    initial : ndarray
        3 3, moving to fixed coordinates of the full pictures; within some pixels of the coarsest level.
    background : ndarray, optional
        H W, 0 to 1, of the fixed picture, any size: what may be compared.
    levels : int, optional
        How many to go through, the finest among them; by default all.

    Returns
    -------
    homography : ndarray
        3 3 float64, moving to fixed.
    uncertainty : float
        Standard deviation of what it does to the background, full-resolution pixels, root mean square over
        the picture: large where little texture, or texture on one side only, holds it.

    References
    ----------
    Benhimane and Malis, "Homography-based 2D Visual Tracking and Servoing", IJRR 2007.
    """
    inverse = np.linalg.inv(initial)
    uncertainty = float("inf")
    for number in reversed(range(len(fixed.levels) if levels is None else min(levels, len(fixed.levels)))):
        still, other = fixed.levels[number], moving.levels[min(number, len(moving.levels) - 1)]
        # Fixed level coordinates to moving level coordinates.
        level_inverse = np.linalg.inv(other.to_full) @ inverse @ still.to_full
        weight = None if background is None else _resized(background, still.normal.shape)
        level_inverse, deviation = _refine(still, other, level_inverse, weight, _ITERATIONS[number])
        inverse = other.to_full @ level_inverse @ np.linalg.inv(still.to_full)
        inverse /= inverse[2, 2]
        uncertainty = deviation * still.to_full[0, 0]
    homography = np.linalg.inv(inverse)
    return homography / homography[2, 2], uncertainty


def agreement(
    fixed: View,
    moving: View,
    homography: Array,
    background: Array | None = None,
    *,
    flow: Array | None = None,
    level: int = 0,
) -> Agreement:
    """Compare two pictures tile by tile.

    Parameters
    ----------
    fixed, moving, background
        As for `align`.
    homography : ndarray
        3 3, moving to fixed.
    flow : ndarray, optional
        h w 2, as `howard_nodes.plates.warp.warp` takes it.
    level : int
        Which level of the views; tiles have as many of its pixels as at the finest.

    Returns
    -------
    Agreement
        Tiles of 30 x 30 pixels of the level.
    """
    still = fixed.levels[min(level, len(fixed.levels) - 1)]
    other = moving.levels[min(level, len(moving.levels) - 1)]
    scale = still.to_full[0, 0]
    inverse = np.linalg.inv(other.to_full) @ np.linalg.inv(homography) @ still.to_full
    warped, valid = warp(
        other.normal,
        np.linalg.inv(inverse),
        still.normal.shape[::-1],
        flow=None if flow is None else flow / np.float32(scale),
    )
    weight = valid if background is None else valid * _resized(background, still.normal.shape)
    gx, gy = still.gradient
    wx, wy = slopes(warped)
    gx, gy = (gx + wx) / 2, (gy + wy) / 2
    a, b = still.normal, warped
    difference = b - a
    height, width = a.shape
    rows, cols = max(1, round(height / _TILE)), max(1, round(width / _TILE))
    share = cv2.resize(weight, (cols, rows), interpolation=cv2.INTER_AREA).reshape(rows, cols)
    total: Array = np.maximum(share, 1e-6).astype(np.float64)

    def mean(values: Array) -> Array:
        tiles = cv2.resize(values, (cols, rows), interpolation=cv2.INTER_AREA)
        return np.asarray(tiles.reshape(rows, cols) / total)

    gx_weighted, gy_weighted = gx * weight, gy * weight
    a_weighted, b_weighted = a * weight, b * weight
    xx, xy, yy = mean(gx_weighted * gx), mean(gx_weighted * gy), mean(gy_weighted * gy)
    bx, by = mean(gx_weighted * difference), mean(gy_weighted * difference)
    ma, mb = mean(a_weighted), mean(b_weighted)
    aa, bb, ab = mean(a_weighted * a), mean(b_weighted * b), mean(a_weighted * b)
    correlation = (ab - ma * mb) / np.sqrt(np.maximum((aa - ma * ma) * (bb - mb * mb), 1e-9))
    # warped(x) = still(x + d): d is the displacement of the moving picture that is left.
    determinant = (xx + _RIDGE) * (yy + _RIDGE) - xy * xy
    shift = np.stack([(yy + _RIDGE) * bx - xy * by, (xx + _RIDGE) * by - xy * bx], axis=-1)
    shift /= determinant[..., None]
    least = (xx + yy) / 2 - np.sqrt(((xx - yy) / 2) ** 2 + xy * xy)
    textured = (share > 0.5) & (least > _TEXTURE)
    alike = textured & (correlation > _ALIKE) & (np.hypot(shift[..., 0], shift[..., 1]) < _MOST_SHIFT)
    return Agreement(textured, alike, np.where(alike[..., None], shift, 0.0) * scale, correlation)


def _refine(
    still: Level, other: Level, inverse: Array, background: Array | None, iterations: int
) -> tuple[Array, float]:
    height, width = still.normal.shape
    gx, gy = still.gradient
    strength = gx * gx + gy * gy
    if background is not None:
        strength = strength * background
    chosen = _strongest(strength)
    if len(chosen) < _LEAST_PIXELS:
        return inverse, float("inf")
    y, x = np.divmod(chosen, width)
    # Coordinates of about -1 to 1 keep the equations well conditioned.
    scale = max(height, width) / 2
    to_unit = np.array(
        [[1 / scale, 0, -(width - 1) / 2 / scale], [0, 1 / scale, -(height - 1) / 2 / scale], [0, 0, 1]]
    )
    from_unit = np.linalg.inv(to_unit)
    u = (x / scale + to_unit[0, 2]).astype(np.float32)
    v = (y / scale + to_unit[1, 2]).astype(np.float32)
    values = still.normal.ravel()[chosen]
    own_x, own_y = gx.ravel()[chosen], gy.ravel()[chosen]
    prior = None if background is None else background.ravel()[chosen]
    moving = cv2.merge([other.normal, *other.gradient])
    deviation = float("inf")
    for _ in range(iterations):
        sampled, inside = _sampled(moving, inverse, x, y)
        residual = values - sampled[:, 0]
        # The moving picture's slopes are not turned with it: that only matters far from the solution.
        sx, sy = (own_x + sampled[:, 1]) / 2, (own_y + sampled[:, 2]) / 2
        if prior is not None:
            inside = inside * prior
        weight, spread = _tukey(residual, inside)
        projected = sx * u + sy * v
        slope = np.stack(
            [sx, sx * u, sx * v, sy, sy * u, sy * v, u * projected, v * projected], axis=1
        ) * np.float32(scale)
        weighted = slope * weight[:, None]
        normal = (weighted.T @ slope).astype(np.float64)
        right = (weighted.T @ residual).astype(np.float64)
        # As much as pixels can say at all: what little holds is left where it is.
        damping = np.diag(np.full(8, 1e-6 * np.trace(normal) / 8 + 1e-9))
        p = np.linalg.solve(normal + damping, right)
        step = np.array([[1 + p[1], p[2], p[0]], [p[4], 1 + p[5], p[3]], [-p[6], -p[7], 1.0]])
        inverse = inverse @ from_unit @ step @ to_unit
        inverse = inverse / inverse[2, 2]
        covariance = np.linalg.inv(normal + damping) * spread**2 * 4.0  # neighbours' noise is not independent
        deviation = _deviation(covariance, height / max(height, width), width / max(height, width)) * scale
        if np.abs(p).sum() * scale < _ENOUGH:
            break
    return inverse, deviation


def _deviation(covariance: Array, height: float, width: float) -> float:
    """Root mean square over the picture of the deviation of a displaced point, in units."""
    v, u = (
        axis.ravel() for axis in np.meshgrid(np.linspace(-height, height, 9), np.linspace(-width, width, 9))
    )
    one, zero = np.ones_like(u), np.zeros_like(u)
    dx = np.stack([one, u, v, zero, zero, zero, u * u, u * v])
    dy = np.stack([zero, zero, zero, one, u, v, u * v, v * v])
    variance = np.einsum("in,ij,jn->n", dx, covariance, dx) + np.einsum("in,ij,jn->n", dy, covariance, dy)
    return float(np.sqrt(np.maximum(variance, 0.0).mean()))


def _strongest(strength: Array) -> Array:
    """Pick the pixels with texture, at most so many, spread over the picture."""
    flat = strength.ravel()
    chosen = np.flatnonzero(flat > 1e-3)
    if len(chosen) > _MOST_PIXELS:
        # A percentile of a sample: the threshold needs no exactness.
        sample = flat[chosen[:: max(1, len(chosen) // 20_000)]]
        chosen = chosen[flat[chosen] > np.quantile(sample, 1 - _MOST_PIXELS / len(chosen))]
    return chosen


def _tukey(residual: Array, inside: Array) -> tuple[Array, float]:
    """Tukey's biweight; its scale from the lower quartile, since most of the picture may be subject."""
    magnitude = np.abs(residual)
    counted = magnitude[inside > 0.5]
    if len(counted) < _LEAST_PIXELS:
        return np.zeros_like(residual), 1.0
    spread = max(
        float(np.quantile(counted[:: max(1, len(counted) // 20_000)], 0.25)) / _QUARTILE, _LEAST_SCALE
    )
    reduced = magnitude / np.float32(_TUKEY * spread)
    return np.square(np.maximum(1 - reduced * reduced, 0.0)) * inside, spread


def _sampled(picture: Array, inverse: Array, x: Array, y: Array) -> tuple[Array, Array]:
    """Look a picture up where `inverse` sends the pixels x, y: N C values, and 1 where it has any."""
    points = inverse @ np.stack([x, y, np.ones_like(x)]).astype(np.float64)
    u, v = (points[:2] / points[2]).astype(np.float32)
    height, width = picture.shape[:2]
    inside = (u >= 0) & (v >= 0) & (u <= width - 1) & (v <= height - 1)
    # remap takes pictures of at most 32767 rows.
    rows = -(-len(u) // _ROW)
    across, down = (np.pad(axis, (0, rows * _ROW - len(u))).reshape(rows, _ROW) for axis in (u, v))
    found = cv2.remap(picture, across, down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return found.reshape(-1, picture.shape[2])[: len(u)], inside.astype(np.float32)


def _resized(weight: Array, shape: tuple[int, ...]) -> Array:
    if weight.shape == shape:
        return np.asarray(weight, np.float32)
    shrinks = weight.shape[0] > shape[0]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.asarray(weight, np.float32), (shape[1], shape[0]), interpolation=method))
