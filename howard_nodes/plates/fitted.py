"""The clean plate as it is made to fit a frame: moved, bent, exposed, its holes filled.

What is done is in a `howard_nodes.plates.fit.FrameFit`; here it is done to pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.frames import Window
from howard_nodes.plates.fill import cover_holes
from howard_nodes.plates.fit import FrameFit
from howard_nodes.plates.gain_field import field_stops
from howard_nodes.plates.gain_rows import row_stops
from howard_nodes.plates.warp import warp

__all__ = ["Fitted", "fitted_clean"]

Array = NDArray[Any]

_FEATHER = 12  # pixels over which one clean frame gives way to the next
_STRIP = 128  # rows worked on at a time: keeps temporaries small
_WHOLE = 0.99  # of a moved validity mask: below, a missing pixel had a part in the value


@dataclass(frozen=True)
class Fitted:
    """A clean plate as it was made to fit.

    Attributes
    ----------
    clean : ndarray
        H W 3 float32, scene-linear, holes filled smoothly.
    valid : ndarray or None
        H W float32, 1 where there is clean plate, 0 where it was filled; None where there is everywhere.
    followed : bool
        Whether it follows parts that moved in this frame, and so is no other frame's.
    """

    clean: Array
    valid: Array | None
    followed: bool = False


def fitted_clean(
    fit: FrameFit,
    read: Callable[[int], tuple[Array, Array | None]],
    window: Window,
    display: Window,
) -> Fitted:
    """Make the clean plate fit a frame.

    Parameters
    ----------
    fit : FrameFit
        What is known of the frame.
    read : callable
        Gives a clean frame by its number, H W 3 float32 scene-linear on `window`, and where it is valid (H W,
        0 to 1, or None for everywhere).
    window : Window
        What the result covers: the plate's data window.
    display : Window
        The plate's display window, which the fit was made on.

    Returns
    -------
    Fitted
        The very array that `read` gave where nothing is to be done.
    """
    clean: Array | None = None
    valid: Array | None = None
    size = (window.width, window.height)
    bent = None if fit.flow is None else _flow_on(fit.flow, window, display)
    picture: Array | None = None
    for number, source in enumerate(fit.sources):
        picture, known = read(source.frame)
        matrix, flow = _matrix_on(source.matrix, window, display), bent if number == 0 else None
        moved, covered = warp(picture, matrix, size, flow=flow)
        if known is not None:
            share, _ = warp(np.ascontiguousarray(known)[..., None], matrix, size, flow=flow)
            covered = covered * (share.reshape(covered.shape) >= _WHOLE)
        if clean is None or valid is None:
            clean, valid = moved, covered
        else:
            clean, valid = _joined(clean, valid, moved, covered)
        if valid.all():
            break
    assert clean is not None
    assert valid is not None
    if clean is picture and not fit.changes_nothing:
        clean = np.array(clean, np.float32)  # what was read stays as it was
    _expose(clean, fit, window, display)
    if fit.ceiling is not None:
        np.minimum(clean, np.array(fit.ceiling, np.float32), out=clean)
    if valid.all():
        return Fitted(clean, None)
    if clean is picture:
        clean = np.array(clean, np.float32)
    cover_holes(clean, valid)
    return Fitted(clean, valid)


def _matrix_on(matrix: Array, window: Window, display: Window) -> Array:
    """Take a homography from pixels of the display window to those of another."""
    x, y = window.x - display.x, window.y - display.y
    if (x, y) == (0, 0):
        return matrix
    away = np.array([[1.0, 0.0, -x], [0.0, 1.0, -y], [0.0, 0.0, 1.0]])
    return away @ matrix @ np.linalg.inv(away)


def _flow_on(flow: Array, window: Window, display: Window) -> Array:
    """Take a flow from the display window to another; outside it goes on as at the edge."""
    if window == display:
        return flow
    rows, cols = flow.shape[:2]
    x = (np.arange(window.width) + window.x - display.x + 0.5) * cols / display.width - 0.5
    y = (np.arange(window.height) + window.y - display.y + 0.5) * rows / display.height - 0.5
    x, y = (np.ascontiguousarray(axis, np.float32) for axis in np.meshgrid(x, y))
    return np.asarray(cv2.remap(flow, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))


def _expose(clean: Array, fit: FrameFit, window: Window, display: Window) -> None:
    """Bring a clean plate to the plate's exposure, in place: pictures are large."""
    if fit.gain != (1.0, 1.0, 1.0):
        np.multiply(clean, np.array(fit.gain, np.float32), out=clean)
    if fit.gain_field is None and fit.gain_rows is None:
        return
    # Both belong to the display window; beyond, its edge goes on.
    x = np.clip(np.arange(window.width) + window.x - display.x, 0, display.width - 1)
    y = np.clip(np.arange(window.height) + window.y - display.y, 0, display.height - 1)
    for top in range(0, window.height, _STRIP):
        rows = slice(top, top + _STRIP)
        stops = np.zeros((len(y[rows]), 1), np.float32)
        if fit.gain_field is not None:
            stops = field_stops(fit.gain_field, display.height, display.width, rows=y[rows], columns=x)
        if fit.gain_rows is not None:
            stops = stops + row_stops(fit.gain_rows, display.height, y[rows])[:, None]
        clean[rows] *= np.exp2(stops)[..., None]


def _joined(first: Array, valid: Array, second: Array, covered: Array) -> tuple[Array, Array]:
    """Fill the holes of one picture from another, with a soft seam."""
    inside = cv2.distanceTransform((valid > 0).astype(np.uint8), cv2.DIST_L2, 3)
    # Beyond the picture's own edge there is no hole to blend towards.
    weight = np.where(covered > 0, np.clip(inside / _FEATHER, 0.0, 1.0), 1.0) * valid
    weight = weight.astype(np.float32)
    joined = second + weight[..., None] * (first - second)
    joined[(valid == 0) & (covered == 0)] = 0.0
    return joined, np.maximum(valid, covered)
