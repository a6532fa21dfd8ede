"""A plausible colour for pixels that no clean plate covers.

The network wants a picture without holes. What is put there is only plausible: it is smooth, follows the
colours at the hole's rim, and is never to be taken for the place itself.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.errors import InputError

__all__ = ["cover_holes", "fill_holes"]

Array = NDArray[Any]

_VALID = 0.999  # validity from which a pixel is taken as it is
_SMALLER = 4
_STRIP = 128  # rows worked on at a time


def fill_holes(picture: Array, valid: Array) -> Array:
    """Fill invalid pixels smoothly from the valid ones around them (push-pull).

    The picture is halved again and again, each level an average of its valid pixels; holes then take the
    colours of the next coarser level, so that a pixel near the rim follows the rim and one far inside the
    colours all around. Only averages are taken: no value leaves the range of the valid ones.

    Parameters
    ----------
    picture : ndarray
        H W or H W C, float, scene-linear or any other scale, unbounded. What invalid pixels hold is ignored,
        NaN too.
    valid : ndarray
        H W, 0 to 1. A pixel that is partly covered counts as invalid: its colour is mixed with what is
        outside.

    Returns
    -------
    ndarray
        The picture's shape, float32, new; the picture to the bit where valid is 1, all 0 when nothing is.

    Raises
    ------
    InputError
        When the shapes do not fit together.

    References
    ----------
    Gortler et al., "The Lumigraph", SIGGRAPH 1996 (push-pull).
    """
    if picture.ndim not in (2, 3) or picture.shape[:2] != valid.shape:
        raise InputError(
            f"the picture has shape {picture.shape} and its validity {valid.shape}: they must agree"
        )
    taken = (np.asarray(valid) >= _VALID).astype(np.uint8)
    channels = np.ascontiguousarray(picture, np.float32)
    if taken.all():
        return np.array(channels)
    if not taken.any():
        return np.zeros_like(channels)
    filled = _copy_where(taken, channels, np.zeros_like(channels))
    coarser = _push_pull(*_pull(filled, taken.astype(np.float32)))
    return _copy_where(1 - taken, _resize(coarser, filled.shape[1::-1], cv2.INTER_LINEAR), filled)


def cover_holes(picture: Array, valid: Array) -> None:
    """Fill a picture's holes in place, from a quarter of its size: smooth as they are, nobody sees that.

    Parameters
    ----------
    picture : ndarray
        H W 3 float32; holes must be finite.
    valid : ndarray
        H W float32: filled where it is 0.
    """
    height, width = valid.shape
    small = (-(-width // _SMALLER), -(-height // _SMALLER))
    filled = fill_holes(
        cv2.resize(picture, small, interpolation=cv2.INTER_AREA),
        cv2.resize(valid, small, interpolation=cv2.INTER_AREA),
    )
    x, y = small[0] / width, small[1] / height
    for top in range(0, height, _STRIP):
        rows = slice(top, min(top + _STRIP, height))
        missing = (valid[rows] == 0).astype(np.uint8)
        if missing.any():
            matrix = np.array([[x, 0, x / 2 - 0.5], [0, y, (top + 0.5) * y - 0.5]])
            large = cv2.warpAffine(
                filled,
                matrix,
                (width, rows.stop - top),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )
            cv2.copyTo(large, missing, picture[rows])


def _pull(light: Array, weight: Array) -> tuple[Array, Array]:
    """Go to the next coarser level. One valid in a quarter counts in full: coarser ones know no better."""
    size = ((weight.shape[1] + 1) // 2, (weight.shape[0] + 1) // 2)
    light, weight = _resize(light, size, cv2.INTER_AREA), _resize(weight, size, cv2.INTER_AREA)
    counts = np.minimum(1, 4 * weight)
    return light * _each(counts / np.maximum(weight, 1e-9), light), counts


def _push_pull(light: Array, weight: Array) -> Array:
    """Colours at every pixel of a level, from its colours times their weights."""
    height, width = weight.shape
    if height == width == 1:
        return light / _each(np.maximum(weight, 1e-9), light)
    spread = _resize(_push_pull(*_pull(light, weight)), (width, height), cv2.INTER_LINEAR)
    spread = cv2.blur(spread, (3, 3), borderType=cv2.BORDER_REPLICATE).reshape(light.shape)
    return light + _each(1 - weight, light) * spread


def _each(weight: Array, picture: Array) -> Array:
    return weight.reshape(*weight.shape, *(1 for _ in picture.shape[2:]))


def _resize(picture: Array, size: Any, method: int) -> Array:
    """OpenCV's, which keeps the picture's corners in place and drops an axis of one channel: put back."""
    resized = cv2.resize(picture, tuple(size), interpolation=method)
    return np.asarray(resized).reshape(size[1], size[0], *picture.shape[2:])


def _copy_where(mask: Array, source: Array, target: Array) -> Array:
    return np.asarray(cv2.copyTo(source, mask, target)).reshape(target.shape)
