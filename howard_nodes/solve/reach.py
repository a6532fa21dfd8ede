"""How far a matte reaches where no clean plate is."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["alpha_limit"]

Array = NDArray[Any]

_FAR = 24  # coarse pixels from what is known up to which it says something
_NEAR = 2  # coarse pixels that the matte may grow at once


def alpha_limit(alpha: Array, missing: Array) -> Array:
    """Limit a coarse matte where no clean plate is by what it is beside that.

    Along a border that the moved clean plate does not reach, whatever stands there differs from the fill. But
    a subject does not begin there: it is seen beside, too. So the limit at a distance d from what is known is
    the largest known alpha within some 2 d.

    Parameters
    ----------
    alpha : ndarray
        h w, 0 to 1: the coarse matte.
    missing : ndarray
        h w, true where some or all of the clean plate is missing.

    Returns
    -------
    ndarray
        h w float32: no less than alpha where it is known; 1 farther than 24 pixels from that.
    """
    known = np.where(missing, 0.0, alpha).astype(np.float32)
    limit = np.where(missing, 1.0, cv2.dilate(known, _square(_NEAR))).astype(np.float32)
    if missing.all():
        return limit
    distance = cv2.distanceTransform(missing.astype(np.uint8), cv2.DIST_L2, 3)
    for step in range(1, min(_FAR, math.ceil(float(distance.max()))) + 1):
        ring = (distance > step - 1) & (distance <= step)
        limit[ring] = cv2.dilate(known, _square(2 * step + _NEAR))[ring]
    return limit


def _square(reach: int) -> NDArray[np.uint8]:
    return np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
