"""Parts of the place that moved since the clean plate was shot: leaves, curtains, a chair, what is near.

The fit moves a picture as a whole and bends it smoothly. Here each pixel is looked for around where it should
be, and the clean plate follows where what is found there is what the plate shows, down to noise, in detail
that cannot be mistaken. A subject is not in the clean plate, so it is not found there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from howard_nodes.color.encoding import encode_halves
from howard_nodes.plates.dense_flow import dense_flow, ends_of, looked_up
from howard_nodes.plates.fitted import Fitted
from howard_nodes.plates.flow import MOST_FLOW
from howard_nodes.plates.views import KEY, LEAST_LIGHT, reduced_size

__all__ = ["follow_moved_parts"]

Array = NDArray[Any]

_SEEN = 0.3  # weight from which a glance counts: most shots stand still, and looking closely takes 0.1 s
_AROUND = 9  # pixels of the reduced picture, a side of the square over which pictures are compared
_BRIGHTNESS = np.array([0.3, 0.5, 0.2], np.float32)  # of red, green, blue, in what is followed
# Multiples of the noise, and on top, of the encoding's 0 to 1: what two pictures of one thing may differ by,
# and what is a difference or a detail at all.
_SAME = 2.5, 0.01
_OTHER = 2.0, 0.008
_DETAIL = 2.0, 0.008
_BETTER = 0.5  # the difference must fall to this part of what it was
_QUARTER_TO_NOISE = 2.1  # the median of a normal error's absolute values, of their lower quartile
_STRIP = 128  # rows worked on at a time: keeps temporaries small
_LEAST_CHANGED = 0.002  # weight under which nothing has to be done to a pixel


def follow_moved_parts(plate: Array, fitted: Fitted) -> Fitted:
    """Let a fitted clean plate follow what moved in front of the camera.

    Parameters
    ----------
    plate : ndarray
        H W 3 float32, scene-linear: the frame.
    fitted : Fitted
        Its clean plate, of the same size.

    Returns
    -------
    Fitted
        The very one that was given where nothing moved. The same bits on however many threads.
    """
    height, width = plate.shape[:2]
    size = reduced_size(width, height)
    key = KEY / max(float(np.median(fitted.clean[::8, ::8].max(axis=2))), LEAST_LIGHT)
    here, there = (_reduced(picture, size, key) for picture in (plate, fitted.clean))
    _, glance = _found(cv2.pyrDown(here), cv2.pyrDown(there))
    if glance.max() < _SEEN:
        return fitted
    flow, weight = _found(here, there)
    if fitted.valid is not None:
        weight *= cv2.resize(fitted.valid, size, interpolation=cv2.INTER_AREA) > 0.999
    if weight.max() < _LEAST_CHANGED:
        return fitted
    flow *= np.array([width / size[0], height / size[1]], np.float32)
    return replace(fitted, clean=_moved(fitted.clean, flow, weight), followed=True)


def _reduced(picture: Array, size: tuple[int, int], key: float) -> Array:
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return encode_halves(torch.from_numpy(small * np.float32(key))).numpy()


def _found(here: Array, there: Array) -> tuple[Array, Array]:
    """Find where each pixel is in the other picture: h w 2, pixels; and how far that may be believed, h w."""
    grey = [np.rint(255 * (picture @ _BRIGHTNESS)).astype(np.uint8) for picture in (here, there)]
    flow = dense_flow(*grey)
    moved = looked_up(there, ends_of(flow))
    before, after = (np.abs(here - other).mean(axis=2) for other in (there, moved))
    noise = _QUARTER_TO_NOISE * float(np.percentile(before, 25))
    before, after = _around(before), _around(after)
    green = moved[..., 1]
    detail = np.sqrt(np.maximum(_around(green * green) - _around(green) ** 2, 0.0))
    longest = MOST_FLOW * max(grey[0].shape)
    weight = (
        (1 - _rise(after, _BETTER * np.maximum(before, 1e-4)))
        * _rise(before, _limit(_OTHER, noise))
        * (1 - _rise(after, _limit(_SAME, noise)))
        * _rise(detail, _limit(_DETAIL, noise))
        * (1 - _rise(np.hypot(flow[..., 0], flow[..., 1]), longest))
    )
    # Not specks that fit by chance; and what was compared is a square around each pixel.
    weight = cv2.morphologyEx(weight, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    weight = cv2.dilate(weight, np.ones((_AROUND, _AROUND), np.uint8))
    return flow, cv2.blur(weight, (5, 5))


def _around(values: Array) -> Array:
    return np.asarray(cv2.blur(values, (_AROUND, _AROUND)))


def _limit(of: tuple[float, float], noise: float) -> float:
    return of[0] * noise + of[1]


def _rise(values: Array, limit: Array | float) -> Array:
    """From 0 to 1 around a limit: no step, that grain would decide anew in each frame."""
    return np.clip((values / limit - 0.8) / 0.4, 0.0, 1.0)


def _moved(picture: Array, flow: Array, weight: Array) -> Array:
    """Move a picture where there is weight; flow and weight are enlarged to its size."""
    height, width = picture.shape[:2]
    low, narrow = weight.shape
    source = np.ascontiguousarray(picture, np.float32)
    out = source.copy()
    columns = np.arange(width, dtype=np.float32)
    for top in range(0, height, _STRIP):
        rows = np.arange(top, min(top + _STRIP, height), dtype=np.float32)
        across, down = np.meshgrid(
            (columns + 0.5) * (narrow / width) - 0.5, (rows + 0.5) * (low / height) - 0.5
        )
        here, way = (looked_up(small, (across, down)) for small in (weight, flow))
        if here.max() < _LEAST_CHANGED:
            continue
        ends = columns + way[..., 0], rows[:, None] + way[..., 1]
        part = looked_up(source, ends, cv2.INTER_CUBIC)
        strip = slice(top, top + _STRIP)
        if source[strip].min() >= 0.0:
            np.maximum(part, 0.0, out=part)  # cubic interpolation undershoots beside highlights
        out[strip] += here[..., None] * (part - source[strip])
    return out
