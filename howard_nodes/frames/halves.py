"""Half floats, as EXR files keep them."""

from __future__ import annotations

import numpy as np

from howard_nodes.frames.frame import HALF_MAX, sanitize

__all__ = ["halves"]

_ROWS = 16  # converted at a time, so that they stay in the cache


def halves(pixels: np.ndarray, *, most: float = HALF_MAX, out: np.ndarray | None = None) -> np.ndarray:
    """Round pixels to half floats, finite ones.

    Parameters
    ----------
    pixels : ndarray
        H W C, float16, float32 or float64. It is left as it is.
    most : float
        Light beyond this, on either side of 0, becomes that; at most 65504. NaN and -Inf become 0.
    out : ndarray, optional
        H W C float16, C-contiguous: takes the result. By default a new one.

    Returns
    -------
    ndarray
        H W C float16.
    """
    import torch  # numpy takes ten times as long

    result = np.empty(pixels.shape, np.float16) if out is None else out
    beyond = int(np.float16(most).view(np.uint16))
    for top in range(0, len(pixels), _ROWS):
        strip, into = (
            np.require(pixels[top : top + _ROWS], requirements=("C", "W")),
            result[top : top + _ROWS],
        )
        torch.from_numpy(into).copy_(torch.from_numpy(strip))
        # As whole numbers, halves without their sign are in order, with Inf and NaN last.
        if int((into.view(np.uint16) & 0x7FFF).max(initial=0)) > beyond:
            into[:] = np.clip(sanitize(strip)[0], -most, most)
    return result
