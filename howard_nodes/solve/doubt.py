"""How wrong the final alpha may be, so that an artist knows where to look."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["doubt_of_light", "doubt_of_network"]

Array = NDArray[Any]

_REFINED = 0.8  # what is left of the error map's error at partial coverage once it is refined
_SOLID = 0.15  # and where nothing is partial
_LOST = 0.3, 0.8  # error from which that no longer holds, and from which alpha is as doubtful as it says
_SHARE, _KNEE = 1.5, 0.05  # of a deviation d the mean error is 1.5 d^2 / (d + 0.05): small ones overstate it


def doubt_of_network(error: Array, cells: Array) -> Array:
    """Expect of a refined alpha what the error map lets expect.

    Parameters
    ----------
    error : ndarray
        H W, 0 to 1: the error map, of the coarse matte.
    cells : ndarray
        ceil(H/2) ceil(W/2), bool: where coverage is partial, from `unmixing_cells`.

    Returns
    -------
    ndarray
        H W float32, 0 to 1: the mean absolute error to be expected. Where nobody knows (an error of 1), 1.
    """
    height, width = error.shape
    partial = cv2.resize(
        cells.astype(np.uint8), (2 * cells.shape[1], 2 * cells.shape[0]), interpolation=cv2.INTER_NEAREST
    )
    low, high = _LOST
    share = np.clip((error - low) * (1 / (high - low)), 0.0, 1.0)
    least = np.where(partial[:height, :width] > 0, np.float32(_REFINED), np.float32(_SOLID))
    share *= 1 - least
    share += least
    share *= error
    return np.asarray(share, np.float32)


def doubt_of_light(network: Array, deviation: Array) -> Array:
    """Expect of an unmixed alpha what its deviation lets expect, and elsewhere what the network does.

    Parameters
    ----------
    network : ndarray
        H W, 0 to 1, from `doubt_of_network`.
    deviation : ndarray
        H W, 0 to 1, of `Unmixed`: 0 where nothing was unmixed.

    Returns
    -------
    ndarray
        H W float32, 0 to 1. The factors were fitted to ten composites of rendered people over photographs and
        to two frames of the demo shot; `howard evaluate` says how well they hold on others.
    """
    light = _SHARE * np.square(deviation) / (deviation + _KNEE)
    return np.where(deviation > 0, np.minimum(light, 1.0), network).astype(np.float32)
