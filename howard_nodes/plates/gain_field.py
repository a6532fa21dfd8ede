"""A smooth gain over the picture, in stops: a lens that darkens its corners, daylight that drifts.

Six factors, of x, y, x^2, xy, y^2 and r^4, with x and y from -1 at the centres of the first column and row to
1 at those of the last, and r the distance from the centre, 1 in the corners of the picture.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["field_basis", "field_stops"]

Array = NDArray[Any]

_FIELD_LIMIT = 1.0  # stops, either way


def field_stops(
    field: tuple[float, ...],
    height: int,
    width: int,
    *,
    rows: Array | None = None,
    columns: Array | None = None,
) -> Array:
    """Evaluate a gain field.

    Parameters
    ----------
    field : tuple of six floats
        Factors of x, y, x^2, xy, y^2 and r^4.
    height, width : int
        Size of the picture.
    rows, columns : ndarray, optional
        Indices of the rows and columns that are wanted; by default all.

    Returns
    -------
    ndarray
        H W float32, stops.
    """
    x, y = (np.linspace(-1, 1, size) if size > 1 else np.zeros(1) for size in (width, height))
    # Powers of y times factors times powers of x.
    x, y = x if columns is None else x[columns], y if rows is None else y[rows]
    a, b = 1 / (1 + (height / width) ** 2), (height / width) ** 2 / (1 + (height / width) ** 2)
    fx, fy, fxx, fxy, fyy, fr = field
    factors = np.zeros((5, 5))  # of y^i x^j
    factors[0, 1], factors[1, 0], factors[0, 2], factors[1, 1], factors[2, 0] = fx, fy, fxx, fxy, fyy
    factors[0, 4], factors[2, 2], factors[4, 0] = fr * a * a, fr * 2 * a * b, fr * b * b
    down = np.stack([y**power for power in range(5)], axis=1) @ factors
    across = np.stack([x**power for power in range(5)])
    stops = down.astype(np.float32) @ across.astype(np.float32)
    return np.clip(stops, -_FIELD_LIMIT, _FIELD_LIMIT, out=stops)


def field_basis(x: Array, y: Array, aspect: float) -> Array:
    """Evaluate what a field is made of at places of the picture.

    Parameters
    ----------
    x, y : ndarray
        N, -1 to 1.
    aspect : float
        Height of the picture divided by its width.

    Returns
    -------
    ndarray
        7 N: 1, then what the six factors of a field belong to.
    """
    radius = (x * x + (aspect * y) ** 2) / (1 + aspect**2)
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y, radius * radius])
