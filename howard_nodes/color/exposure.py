"""How many stops to add before the network's encoding, for plates far from a normal exposure."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from howard_nodes.color.gamuts import LUMINANCE

__all__ = ["BRIGHTEST_KEY", "DARKEST_KEY", "auto_exposure"]

DARKEST_KEY = 0.02
"""Scene-linear key (middle luminance) below which pictures are lifted."""

BRIGHTEST_KEY = 0.5
"""Scene-linear key above which pictures are brought down."""

_MOST_LIFT = 8.0
_ROWS = 96
_COLUMNS = 160


def auto_exposure(plate: ArrayLike, clean: ArrayLike) -> float:
    """Choose the exposure at which the network sees a plate and its clean plate.

    The key of the pair is the mean of log2 luminance over the middle half of both pictures' pixels taken
    together, so neither a blown-out window nor a dark corner of up to a quarter of the picture counts. Pixels
    that are exactly black (letterboxes, outside the data window) are left out. A key between `DARKEST_KEY`
    and `BRIGHTEST_KEY` needs nothing; beyond, the pair is brought to the nearer of the two, so that the
    exposure changes continuously with the light.

    Parameters
    ----------
    plate, clean : array_like
        H W 3, linear Rec.709, finite. The sizes may differ.

    Returns
    -------
    float
        Stops: 0 for normal pictures, at most 8; the same for the same pixels, whatever the number of threads.

    Notes
    -----
    Looks at 96 rows of each picture, averaged in 160 columns, so it costs the same at any resolution.
    """
    levels = np.sort(np.concatenate([_log_luminance(np.asarray(plate)), _log_luminance(np.asarray(clean))]))
    if levels.size == 0:
        return 0.0
    quarter = levels.size // 4
    key = float(levels[quarter : levels.size - quarter].mean())
    low, high = float(np.log2(DARKEST_KEY)), float(np.log2(BRIGHTEST_KEY))
    return min(max(low - key, 0.0), _MOST_LIFT) if key < high else high - key


def _log_luminance(pixels: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sample log2 luminance of a picture, floored where the greatest lift ends."""
    height, width = pixels.shape[:2]
    if height == 0 or width == 0:
        return np.empty(0)
    rows = ((np.arange(min(height, _ROWS)) + 0.5) * height / min(height, _ROWS)).astype(int)
    picked = pixels[rows]
    red, green, blue = LUMINANCE
    luminance = red * picked[..., 0] + green * picked[..., 1] + blue * picked[..., 2]
    edges = np.arange(min(width, _COLUMNS)) * width // min(width, _COLUMNS)
    counts = np.diff(np.append(edges, width))
    means = np.add.reduceat(luminance, edges, axis=1, dtype=np.float64) / counts
    floor = DARKEST_KEY * 2.0**-_MOST_LIFT
    lit: NDArray[np.float64] = np.log2(np.maximum(means[means != 0.0], floor))
    return lit
