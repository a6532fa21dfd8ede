"""What a fit leaves of light in the background, and what it may come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from howard_nodes.plates.cells import Cells, measure_cells
from howard_nodes.plates.gain import FEWEST_CELLS

__all__ = ["LightLeft", "find_light_left", "showing_the_same"]

Array = NDArray[Any]

_ALIKE, _TEXTURED = 0.7, 0.3  # of a cell in which both pictures surely show the same
_QUANTILE = 0.75  # of the cells: a shadow on a quarter of the background is what it is
_EXPLAINS = 0.5  # share of what is left that a cause must explain to be named
_GROUPS = 12


@dataclass(frozen=True)
class LightLeft:
    """Light that is left.

    Attributes
    ----------
    stops : float
        How far background is still apart, where it is worst but for a quarter of it, beyond grain.
    cause : str
        `curve`: it goes with how bright the background is, as where a file is in another colour space;
        `bands`: with the row; `light`: with neither.
    """

    stops: float
    cause: Literal["curve", "bands", "light"]


def showing_the_same(cells: Cells) -> Array:
    """Tell in which cells both pictures surely show the same, by structure, whatever their light; N bool."""
    return np.asarray((cells.alike > _ALIKE) & (cells.texture > _TEXTURED))


def find_light_left(plate: Array, fitted: Array, valid: Array) -> LightLeft | None:
    """Measure what is left.

    Parameters
    ----------
    plate, fitted : ndarray
        H W 3, scene-linear: the plate, and the clean plate with its exposure matched.
    valid : ndarray
        H W, 0 to 1, where there is clean plate. Where the subject is need not be known.

    Returns
    -------
    LightLeft or None
        None where too few cells surely show the same.
    """
    cells = measure_cells(plate, fitted, valid)
    same = showing_the_same(cells)
    if np.count_nonzero(same) < FEWEST_CELLS:
        return None
    left, sigma, weight = cells.ratio[:, same], cells.sigma[same], cells.weight[same]
    apart = np.sqrt(np.maximum(np.mean(left**2, axis=0) - sigma**2, 0.0))
    order = np.argsort(apart)
    total = np.cumsum(weight[order])
    stops = float(apart[order][np.searchsorted(total, _QUANTILE * total[-1])])
    middle = left.mean(axis=0)
    by_level = _explained(cells.level[same], middle, weight)
    by_row = _explained(cells.basis[2][same], middle, weight)
    cause: Literal["curve", "bands", "light"] = "light"
    if max(by_level, by_row) > _EXPLAINS:
        cause = "curve" if by_level >= by_row else "bands"
    return LightLeft(stops, cause)


def _explained(place: Array, left: Array, weight: Array) -> float:
    """Share of the variance of what is left that goes with a place, 0 to 1."""
    edges = np.quantile(place, np.linspace(0, 1, _GROUPS + 1)[1:-1])
    group = np.searchsorted(edges, place)
    total = np.bincount(group, weight, _GROUPS)
    mean = np.bincount(group, weight * left, _GROUPS) / np.maximum(total, 1e-12)
    middle = float((weight * left).sum() / weight.sum())
    whole = float((weight * (left - middle) ** 2).sum())
    return 1.0 - float((weight * (left - mean[group]) ** 2).sum()) / whole if whole > 0 else 0.0
