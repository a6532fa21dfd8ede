"""The gain that most cells agree on: a robust fit that no subject takes part in, however large.

The densest cluster of the cells' colour ratios, then of their light ratios, starts a fit whose scale shrinks
(graduated non-convexity).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.plates.cells import Cells

__all__ = [
    "FEWEST_CELLS",
    "LARGEST_GAIN",
    "RIVAL",
    "GainFit",
    "agreeing",
    "best_start",
    "field_is_worth_it",
    "polish",
    "spread_of",
]

Array = NDArray[Any]

FEWEST_CELLS = 40
"""Cells from which a match is tried."""

LARGEST_GAIN = 3.5
"""Stops, either way, in which a gain is looked for."""

RIVAL = 0.6
"""Score of a second match, as a part of the first, from which neither is believed."""

_COLORS = 2.5  # stops, either way, in which a colour cast is looked for
_BIN = 0.05  # stops a bin of the histograms
_AGREE = 0.15  # stops within which cells agree with a match, beside their own uncertainty
_SCALES = (0.6, 0.4, 0.25, 0.15, 0.1)  # stops: from where many matches are possible to where one is left
_TINT = 0.15  # stops: a field does not tint, so colours are held to that from the beginning
_FIELD_WORTH = 0.88  # a field must lower the residual of cells it was not fitted to below this part
_FIELD_LEAST = 0.02  # stops between its lowest and highest value under which a field is none


@dataclass(frozen=True)
class GainFit:
    """A gain in stops, a field where there is one, and how far each cell is from them."""

    gain: Array  # 3, stops
    field: Array | None  # 6
    residual: Array  # 3 N, stops


def best_start(cells: Cells, with_field: bool) -> tuple[GainFit, float]:
    """Fit some of the cells from each dense cluster, with a shrinking scale.

    Parameters
    ----------
    cells : Cells
        Of the two pictures.
    with_field : bool
        Whether a field may be used.

    Returns
    -------
    GainFit
        The best one.
    float
        The best score among the cells that it leaves out, as a part of its own: see `RIVAL`.
    """
    few = cells.few(1000)
    clusters = _clusters(cells.few(3000))
    best = max(
        (_closing_in(few, gain, _SCALES, with_field) for gain in clusters), key=lambda fit: _score(few, fit)
    )
    rest = few.take(~agreeing(few, best.residual))
    highest = max(_score(few, best), 1e-12)
    rival = 0.0
    if rest.weight.sum() > RIVAL * highest:  # or it cannot be one
        rival = max(_score(rest, _closing_in(rest, gain, _SCALES[1:], with_field)) for gain in clusters)
    start = GainFit(best.gain, best.field, _residual(cells, best.gain, best.field))
    return start, rival / highest


def polish(cells: Cells, fit: GainFit, times: int) -> GainFit:
    """Fit all cells, at the scale that they turn out to have."""
    scale = float(np.clip(2.5 * spread_of(cells, fit.residual), 0.03, 0.3))
    return _improve(cells, fit, scale, times)


def field_is_worth_it(cells: Cells, flat: GainFit, bent: GainFit) -> bool:
    """Tell whether a field fits cells it was not fitted to clearly better than one gain does."""
    assert bent.field is not None
    near = agreeing(cells, bent.residual)
    if not near.any() or np.ptp(bent.field @ cells.basis[1:, near]) < _FIELD_LEAST:
        return False
    missed = {False: 0.0, True: 0.0}
    for half in (0, 1):
        learn, check = cells.take(cells.part == half), cells.take((cells.part != half) & near)
        if learn.count < FEWEST_CELLS or check.count < FEWEST_CELLS:
            return False
        for fit in (flat, bent):
            again = _improve(
                learn, GainFit(fit.gain, fit.field, _residual(learn, fit.gain, fit.field)), 0.2, 2
            )
            residual = np.minimum(np.abs(_residual(check, again.gain, again.field)), 0.5)
            missed[fit is bent] += float((residual @ (check.weight / check.sigma**2)).sum())
    return missed[True] < _FIELD_WORTH * missed[False]


def agreeing(cells: Cells, residual: Array) -> Array:
    """Tell which cells agree with a fit, N bool, by what it leaves of their ratios, 3 N stops."""
    red, green, blue = np.abs(residual)
    return np.maximum(np.maximum(red, green), blue) < _AGREE + 2 * cells.sigma


def spread_of(cells: Cells, residual: Array) -> float:
    """Robust standard deviation, in stops, of the cells that agree."""
    near = agreeing(cells, residual)
    return 1.4826 * float(np.median(np.abs(residual[:, near]))) if near.any() else 1.0


def _closing_in(cells: Cells, gain: Array, scales: tuple[float, ...], with_field: bool) -> GainFit:
    fit = GainFit(gain, np.zeros(6) if with_field else None, cells.ratio - gain[:, None])
    for scale in scales:
        fit = _improve(cells, fit, scale, 2)
    return fit


def _improve(cells: Cells, fit: GainFit, scale: float, times: int) -> GainFit:
    """Fit again, the less believing cells the further off they are (Geman and McClure's weights)."""
    columns = 1 if fit.field is None else 7
    basis = cells.basis[:columns]
    prior = cells.weight / cells.sigma**2
    light_scale = scale**2 + 4 * cells.sigma**2
    color_scale = min(scale, _TINT) ** 2 + 4 * cells.sigma**2
    mean = cells.ratio.mean(axis=0)
    tints = cells.ratio - mean
    gain, field, residual = fit.gain, fit.field, fit.residual
    for _ in range(times):
        red, green, blue = residual
        light = (red + green + blue) / 3
        color = (red - light) ** 2 + (green - light) ** 2 + (blue - light) ** 2
        trust = prior / (1 + 3 * light * light / light_scale + color / color_scale) ** 2
        weighted = basis * trust
        normal = weighted @ basis.T
        normal[np.diag_indices(columns)] += 1e-3 * normal[0, 0]
        normal[0, 0] /= 1.001  # the gain itself is not held back
        common = np.linalg.solve(normal, weighted @ mean)  # the channels share the field and differ in gain
        gain = common[0] + tints @ trust / trust.sum()
        field = None if fit.field is None else common[1:]
        residual = _residual(cells, gain, field)
    return GainFit(gain, field, residual)


def _residual(cells: Cells, gain: Array, field: Array | None) -> Array:
    if field is None:
        return cells.ratio - gain[:, None]
    return cells.ratio - gain[:, None] - field @ cells.basis[1:]


def _score(cells: Cells, fit: GainFit) -> float:
    """Weigh the cells that agree by how far apart they lie: background surrounds, a subject does not."""
    mass = cells.weight * agreeing(cells, fit.residual)
    total = float(mass.sum())
    if total <= 0:
        return 0.0
    x, y = cells.basis[1], cells.basis[2]
    variance = mass @ (x * x + y * y) / total - (mass @ x / total) ** 2 - (mass @ y / total) ** 2
    return total * (0.2 + float(np.sqrt(max(variance, 0.0))))


def _clusters(cells: Cells) -> list[Array]:
    """Gains, in stops, where many cells agree: densest colour ratios first, then densest light ratios."""
    light = cells.ratio.mean(axis=0)
    red, blue = cells.ratio[0] - light, cells.ratio[2] - light
    size = round(2 * _COLORS / _BIN)
    colors = _histogram([red, blue], cells.weight, _COLORS, size)
    found = []
    for row, column in _peaks(cv2.GaussianBlur(colors, (0, 0), 1.2), 2, 6):
        at_red, at_blue = (_BIN * (place + 0.5) - _COLORS for place in (row, column))
        near = (red - at_red) ** 2 + (blue - at_blue) ** 2 < 0.25**2
        lights = _histogram([light], cells.weight * near, LARGEST_GAIN, round(2 * LARGEST_GAIN / _BIN))
        for place, _ in _peaks(cv2.GaussianBlur(lights[:, None], (0, 0), 3.0), 2, 12):
            level = _BIN * (place + 0.5) - LARGEST_GAIN
            found.append(np.array([level + at_red, level - at_red - at_blue, level + at_blue]))
    return found or [np.median(cells.ratio, axis=1)]


def _histogram(values: list[Array], weight: Array, limit: float, bins: int) -> Array:
    """Count in bins from -limit to limit, as many dimensions as there are values."""
    index = np.zeros(weight.shape, np.int64)
    inside = np.ones(weight.shape, bool)
    for value in values:
        place = np.floor((value + limit) / _BIN).astype(np.int64)
        inside &= (place >= 0) & (place < bins)
        index = index * bins + place
    counts = np.bincount(index[inside], weight[inside], bins ** len(values))
    # Of no values at all the counts are whole numbers, weights or not.
    return counts.astype(np.float64).reshape([bins] * len(values))


def _peaks(density: Array, most: int, apart: int) -> list[tuple[int, int]]:
    """Places of the highest values, each at least that far from the others and half as high as the first."""
    density = density.copy()
    highest = float(density.max())
    found: list[tuple[int, int]] = []
    while len(found) < most and highest > 0:
        row, column = (int(place) for place in np.unravel_index(int(density.argmax()), density.shape))
        if density[row, column] < 0.5 * highest:
            break
        found.append((row, column))
        density[max(0, row - apart) : row + apart + 1, max(0, column - apart) : column + apart + 1] = 0
    return found
