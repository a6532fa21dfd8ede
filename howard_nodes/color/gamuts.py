"""Gamuts by their chromaticities: which space of a configuration a file's primaries are those of."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["LUMINANCE", "matching_gamut", "primaries_of"]

LUMINANCE = 0.2126, 0.7152, 0.0722
"""Of linear Rec.709's red, green and blue: ITU-R BT.709."""

_D65 = (0.3127, 0.3290)
_SAME = 5e-3  # of x and y: configurations adapt white in several ways, headers round
# Linear Rec.709 to CIE XYZ, both of D65: ITU-R BT.709.
_REC709_TO_XYZ = np.array(
    [[0.4123908, 0.3575843, 0.1804808], [0.2126390, 0.7151687, 0.0721923], [0.0193308, 0.1191948, 0.9505322]]
)


def primaries_of(
    to_linear_rec709: Callable[[NDArray[np.float32]], NDArray[np.float32]],
) -> NDArray[np.float64] | None:
    """Find out the primaries of a linear space, as light of D65 shows them.

    Parameters
    ----------
    to_linear_rec709 : callable
        Converts 1 3 3 float32 of the space.

    Returns
    -------
    ndarray or None
        x, y of red, green and blue; None where one of them is no light.
    """
    light = to_linear_rec709(np.eye(3, dtype=np.float32)[None])[0].astype(np.float64) @ _REC709_TO_XYZ.T
    total = light.sum(axis=1, keepdims=True)
    return (light[:, :2] / total).ravel() if (np.abs(total) > 1e-6).all() else None


def matching_gamut(
    chromaticities: NDArray[np.float64], gamuts: Mapping[str, NDArray[np.float64]]
) -> str | None:
    """Give the space whose primaries a file has; None where there is none, or its white is not D65.

    Parameters
    ----------
    chromaticities : ndarray
        x, y of red, green, blue and white.
    gamuts : mapping of str to ndarray
        Primaries by space, from `primaries_of`.
    """
    if not np.allclose(chromaticities[6:], _D65, rtol=0.0, atol=1e-3):
        return None  # what a configuration adapts to another white is told by name alone
    near = [(float(np.abs(chromaticities[:6] - own).max()), name) for name, own in gamuts.items()]
    apart, name = min(near, default=(1.0, ""))
    return name if apart < _SAME else None
