"""Pixels through OpenColorIO's processors: in strips, by several threads, bounded and finite."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import PyOpenColorIO as ocio  # noqa: N813
from numpy.typing import NDArray

from howard_nodes.system.machine import cores

__all__ = ["BRIGHTEST", "convert_pixels", "usual_threads"]

BRIGHTEST = 1e9
"""Conversions give no value beyond this, and no NaN: a wrong camera log turns 20 into infinity."""

_LOG = logging.getLogger(__name__)
_STRIP_PIXELS = 1 << 17
_MOST_THREADS = 8


def convert_pixels(
    cpu: ocio.CPUProcessor | None, pixels: NDArray[np.float32], source_name: str, threads: int
) -> NDArray[np.float32]:
    """Convert pixels.

    Parameters
    ----------
    cpu : CPUProcessor or None
        What converts them; None leaves them as they are.
    pixels : ndarray
        H W 3, float32.
    source_name : str
        The space that they are in, for a warning.
    threads : int
        How many convert.

    Returns
    -------
    ndarray
        H W 3, float32, new; where anything is converted finite and at most `BRIGHTEST` (a warning is logged
        where that took a hand).
    """
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"pixels must be H W 3, not {pixels.shape}")
    source = np.ascontiguousarray(pixels, np.float32)
    if cpu is None or source.size == 0:
        return source.copy()
    result = np.empty_like(source)
    height, width = source.shape[:2]
    rows = max(1, _STRIP_PIXELS // width)

    def strip(top: int) -> int:
        part, into = source[top : top + rows], result[top : top + rows]
        cpu.apply(
            ocio.PackedImageDesc(part, width, part.shape[0], 3),
            ocio.PackedImageDesc(into, width, part.shape[0], 3),
        )
        return _bound(into)

    tops = range(0, height, rows)
    if threads == 1 or len(tops) == 1:
        beyond = sum(map(strip, tops))
    else:
        with ThreadPoolExecutor(min(threads, len(tops)), thread_name_prefix="color") as pool:
            beyond = sum(pool.map(strip, tops))
    if beyond:
        _LOG.warning(
            "%d values are far outside %s (highest %g) and were bounded: is the picture really in that "
            "space? --colorspace says which.",
            beyond,
            source_name,
            float(source.max()),
        )
    return result


def usual_threads() -> int:
    """Give the cores that this process may use, at most 8."""
    return min(cores(), _MOST_THREADS)


def _bound(pixels: NDArray[np.float32]) -> int:
    """Bring values to within `BRIGHTEST` and NaN to 0, in place; count them."""
    if pixels.max() <= BRIGHTEST and pixels.min() >= -BRIGHTEST:  # false for NaN
        return 0
    bad = ~(np.abs(pixels) <= BRIGHTEST)
    np.nan_to_num(pixels, copy=False, nan=0.0, posinf=BRIGHTEST, neginf=-BRIGHTEST)
    np.clip(pixels, -BRIGHTEST, BRIGHTEST, out=pixels)
    return int(np.count_nonzero(bad))
