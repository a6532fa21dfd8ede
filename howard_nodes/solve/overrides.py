"""What an artist paints by hand: inside and outside mattes, overrides of coarse matte and error map."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.errors import InputError

__all__ = ["apply_inside_outside", "merge_override"]

Array = NDArray[Any]


def apply_inside_outside(alpha: Array, inside: Array | None = None, outside: Array | None = None) -> Array:
    """Raise alpha to at least the inside matte, then take the outside matte away: outside wins.

    Parameters
    ----------
    alpha : ndarray
        H W, 0 to 1.
    inside, outside : ndarray, optional
        H W, clamped to 0..1; not a number counts as 0.

    Returns
    -------
    ndarray
        H W, float32, a new array: ``min(max(alpha, inside), 1 - outside)``.

    Raises
    ------
    InputError
        When a matte has another size.
    """
    result = np.array(alpha, dtype=np.float32)
    for name, matte in (("inside", inside), ("outside", outside)):
        if matte is None:
            continue
        if matte.shape != alpha.shape:
            raise InputError(
                f"the {name} matte is {_size(matte)}, the plate {_size(alpha)}: give it the plate's size"
            )
        if name == "inside":
            np.maximum(result, _clamped(matte), out=result)
        else:
            np.minimum(result, 1.0 - _clamped(matte), out=result)
    return result


def merge_override(value: Array, override: Array) -> Array:
    """Replace the network's coarse matte or error map by what is painted.

    An override with an alpha is premultiplied, as EXR and paint nodes have it: ``red + (1 - alpha) value``.
    Since a value of 0 to 1 cannot exceed its coverage, red is limited by alpha; that makes a straight
    override painted in black and white give the same.

    For an error map 1 forces refinement and 0 protects the coarse value.

    Parameters
    ----------
    value : ndarray
        h w, 0 to 1: the network's, at the resolution of the coarse stage.
    override : ndarray
        H W, H W 1 or H W 3: the first channel replaces the value everywhere. H W 2 or H W 4: it does so where
        the last channel, alpha, says. Data, not colour: never converted. Clamped to 0..1; not a number counts
        as 0. Another size than the value's is averaged down by area, or enlarged bilinearly.

    Returns
    -------
    ndarray
        h w, float32, 0 to 1, a new array.

    Raises
    ------
    InputError
        When the override has no pixels or more than four channels.
    """
    channels = 1 if override.ndim == 2 else override.shape[2] if override.ndim == 3 else 0
    if not 1 <= channels <= 4 or override.size == 0:
        raise InputError(
            "an override has one channel, a value and an alpha, RGB or RGBA, "
            f"but this one has shape {override.shape}"
        )
    planes = override.reshape(*override.shape[:2], channels)
    painted = _clamped(planes[..., 0])
    if channels in (1, 3):
        return _resampled(painted, value.shape)
    coverage = _clamped(planes[..., -1])
    painted = _resampled(np.minimum(painted, coverage), value.shape)
    coverage = _resampled(coverage, value.shape)
    return np.clip(painted + (1.0 - coverage) * value, 0.0, 1.0, dtype=np.float32)


def _clamped(matte: Array) -> Array:
    """0 to 1, a new array, 0 for what is not a number."""
    return np.nan_to_num(np.clip(matte, 0.0, 1.0, dtype=np.float32), copy=False, nan=0.0)


def _resampled(matte: Array, shape: tuple[int, ...]) -> Array:
    if matte.shape == shape:
        return matte
    smaller = matte.shape[0] >= shape[0] and matte.shape[1] >= shape[1]
    method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return cv2.resize(np.ascontiguousarray(matte), shape[::-1], interpolation=method).reshape(shape)


def _size(matte: Array) -> str:
    return f"{matte.shape[1]}x{matte.shape[0]}" if matte.ndim == 2 else f"of shape {matte.shape}"
