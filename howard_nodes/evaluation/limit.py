"""How far a matte could be better: what the light says where the foreground's true colour is known.

The clean plate is known, so with the foreground's colour F alpha is nearly a division,
``(I - B).(F - B) / |F - B|^2``. What is off then is grain, and a clean plate that does not fit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from howard_nodes.solve.spread import enlarged, plate_noise

__all__ = ["LIMIT", "with_true_colors"]

Array = NDArray[Any]

LIMIT = "true colours (a limit)"
"""What tables call it."""

_CLEAN = 0.02  # how far off a clean plate is at least, as a part of it
_DEVIATION = 1.25  # of a normal distribution, as a part of its mean absolute error
_LEAST = 1e-9


def with_true_colors(
    plate: Array, clean: Array, foreground: Array, true_alpha: Array, alpha: Array, doubt: Array
) -> Array:
    """Ask the light again, knowing the foreground's true colour, as far as a matte is in doubt.

    Parameters
    ----------
    plate, clean : ndarray
        H W 3, scene-linear; the clean plate as it was fitted.
    foreground : ndarray
        H W 3, scene-linear: the true straight foreground. Where nothing of it shows, any colour will do.
    true_alpha : ndarray
        H W, 0 to 1: tells where the plates' noise can be measured.
    alpha, doubt : ndarray
        H W, 0 to 1: the matte, and how far it is expected to be wrong.

    Returns
    -------
    ndarray
        H W float32, 0 to 1: the mean of matte and light, each weighed by its variance.
    """
    way, off = foreground - clean, plate - clean
    long = np.square(way).sum(-1) + _LEAST
    light = np.clip((way * off).sum(-1) / long, 0.0, 1.0)
    noise = enlarged(plate_noise(plate, clean, true_alpha), alpha.shape[1]) / 3
    noise = noise + _CLEAN**2 / 3 * np.square(clean).sum(-1) + _LEAST
    believed = np.square(_DEVIATION * doubt) * long
    return np.asarray(alpha + believed / (believed + noise) * (light - alpha), np.float32)
