"""A gain that changes from row to row: mains flicker, as a rolling shutter sees it.

A camera that reads its rows one after the other while a lamp flickers records bands; in another take they lie
elsewhere. What both takes show of the same structure tells how much light each row has.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from howard_nodes.plates.cells import Cells

__all__ = ["find_rows", "row_stops"]

Array = NDArray[Any]

_KNOTS = 25  # heights at which the gain is told, the first and the last row among them
_STIFF = 0.02  # how much a profile resists bending, where 1 is as much as a cell pulls
_LIMIT = 0.6  # stops, either way
_LEAST = 0.03  # stops between the lowest and the highest row under which there are no bands
_WORTH = 0.6  # bands must lower what is left of cells they were not found with below this part
_SEEN = 0.7  # share of the heights that cells must lie at


def find_rows(cells: Cells, residual: Array, bent: Array, same: Array) -> tuple[float, ...] | None:
    """Look for bands in what a gain leaves.

    Parameters
    ----------
    cells : Cells
        Of the two pictures.
    residual, bent : ndarray
        3 N, stops that one gain leaves of their ratios, and those that a gain with a smooth field leaves.
    same : ndarray
        N bool: cells in which both pictures show the same.

    Returns
    -------
    tuple of float, or None
        Stops at heights evenly spread from the first row to the last; None where there are no bands, or they
        cannot be told from the subject.
    """
    height, left = cells.basis[2][same], residual.mean(axis=0)[same]
    part, weight = cells.part[same], (cells.weight / cells.sigma**2)[same]
    hats = _hats(height)
    if len(height) < 4 * _KNOTS or np.count_nonzero(hats.sum(axis=0) > 1) < _SEEN * _KNOTS:
        return None
    smooth = bent.mean(axis=0)[same]
    missed, missed_with = 0.0, 0.0
    for half in (0, 1):
        learn, check = part == half, part != half
        profile = _profile(hats[learn], left[learn], weight[learn])
        missed += min(
            float(np.abs(one[check] - _middle(one[learn], weight[learn])) @ weight[check])
            for one in (left, smooth)
        )
        missed_with += float(np.abs(left[check] - hats[check] @ profile) @ weight[check])
    profile = _profile(hats, left, weight)
    profile -= profile.mean()  # that is the gain's
    if missed_with > _WORTH * missed or np.ptp(profile) < _LEAST or np.abs(profile).max() > _LIMIT:
        return None
    return tuple(float(value) for value in profile)


def row_stops(rows: tuple[float, ...], height: int, wanted: Array | None = None) -> Array:
    """Evaluate the gain of rows.

    Parameters
    ----------
    rows : tuple of float
        From `find_rows`.
    height : int
        Of the picture.
    wanted : ndarray, optional
        Indices of the rows that are wanted; by default all.

    Returns
    -------
    ndarray
        N float32, stops.
    """
    where = np.arange(height) if wanted is None else wanted
    knots = np.linspace(0, max(height - 1, 1), len(rows))
    return np.interp(where, knots, rows).astype(np.float32)


def _hats(height: Array) -> Array:
    """How much each knot counts at heights from -1 to 1: N knots."""
    place = (height + 1) / 2 * (_KNOTS - 1)
    return np.maximum(0.0, 1.0 - np.abs(place[:, None] - np.arange(_KNOTS)))


def _profile(hats: Array, left: Array, weight: Array) -> Array:
    """Fit a profile, the less believing cells the further off they are."""
    bend = np.diff(np.eye(_KNOTS), 2, axis=0)
    stiff = _STIFF * float(np.median(weight)) * len(weight) / _KNOTS * bend.T @ bend
    believed = weight
    profile = np.zeros(_KNOTS)
    for scale in (0.3, 0.15, 0.08, 0.08):
        weighted = hats * believed[:, None]
        ridge = 1e-6 * float(believed.sum()) * np.eye(_KNOTS)
        profile = np.linalg.solve(hats.T @ weighted + stiff + ridge, weighted.T @ left)
        off = left - hats @ profile
        believed = weight / (1 + (off / scale) ** 2) ** 2
    return profile


def _middle(left: Array, weight: Array) -> float:
    order = np.argsort(left)
    total = np.cumsum(weight[order])
    return float(left[order][np.searchsorted(total, total[-1] / 2)])
