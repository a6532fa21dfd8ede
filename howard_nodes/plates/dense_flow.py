"""Dense optical flow: where each pixel of a picture is in another (DIS, Kroeger et al., ECCV 2016)."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["dense_flow", "ends_of", "looked_up"]

Array = NDArray[Any]

_SMALLEST = 32  # pixels of a side under which nothing can be followed


def dense_flow(here: Array, there: Array) -> Array:
    """Find where each pixel is in another picture.

    Parameters
    ----------
    here, there : ndarray
        h w uint8, grey, of one size.

    Returns
    -------
    ndarray
        h w 2 float32, pixels across and down; 0 where a side is shorter than 32. The same bits on however
        many threads.
    """
    if min(here.shape) < _SMALLEST:
        return np.zeros((*here.shape, 2), np.float32)
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return np.asarray(search.calc(here, there, None))  # type: ignore[call-overload]


def ends_of(flow: Array) -> tuple[Array, Array]:
    """Say where a flow, h w 2 in pixels, leads from each pixel: across and down, h w each."""
    rows, columns = np.indices(flow.shape[:2], np.float32)
    return columns + flow[..., 0], rows + flow[..., 1]


def looked_up(picture: Array, ends: tuple[Array, Array], how: int = cv2.INTER_LINEAR) -> Array:
    """Take from a picture what is at some places; beyond its border it goes on as at the border.

    Parameters
    ----------
    picture : ndarray
        H W or H W C, float32 or uint8.
    ends : tuple of two ndarrays
        Across and down, h w float32, pixels.
    how : int
        OpenCV's interpolation.

    Returns
    -------
    ndarray
        h w or h w C, of the picture's type.
    """
    return np.asarray(cv2.remap(picture, *ends, how, borderMode=cv2.BORDER_REPLICATE))
