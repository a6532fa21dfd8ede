"""Putting a foreground over a background, in linear light, and how far that misses a plate."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from howard_nodes.errors import InputError

__all__ = ["comp_error", "composite"]

Array = NDArray[Any]


def composite(foreground: Array, alpha: Array, background: Array) -> Array:
    """Comp a straight foreground over a background: ``alpha F + (1 - alpha) B``.

    Alpha is coverage, the part of a pixel's light that comes from the foreground, so the sum holds in
    scene-linear light only. An alpha that looks right when the sum is taken of sRGB code values is another
    number: white covering half a pixel over black gives light 0.5, code value 0.735.

    Parameters
    ----------
    foreground, background : ndarray
        H W 3, scene-linear, unbounded.
    alpha : ndarray
        H W, 0 to 1.

    Returns
    -------
    ndarray
        H W 3, float32. The foreground to the bit where alpha is 1, the background where it is 0.

    Raises
    ------
    InputError
        When the shapes do not fit together.
    """
    if not foreground.shape == background.shape == (*alpha.shape, 3):
        raise InputError(
            f"cannot comp a foreground {foreground.shape} with an alpha {alpha.shape} over a background "
            f"{background.shape}: make them the same size"
        )
    alpha3 = np.repeat(np.asarray(alpha, np.float32), 3).reshape(foreground.shape)
    result = foreground * alpha3
    np.subtract(np.float32(1.0), alpha3, out=alpha3)
    alpha3 *= background
    result += alpha3
    return result


def comp_error(plate: Array, clean: Array, alpha: Array, foreground: Array) -> Array:
    """How far the foreground comped over the clean plate misses the plate.

    Parameters
    ----------
    plate, clean, foreground : ndarray
        H W 3, scene-linear.
    alpha : ndarray
        H W, 0 to 1.

    Returns
    -------
    ndarray
        H W, float32: the largest absolute difference of the three channels, in scene-linear light.

    Raises
    ------
    InputError
        When the shapes do not fit together.
    """
    difference = composite(foreground, alpha, clean)
    difference -= plate
    return np.abs(difference, out=difference).max(axis=2)
