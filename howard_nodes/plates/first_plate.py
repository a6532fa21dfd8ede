"""A first clean plate: of the frames that have small copies, where these show background."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.plates.background import Background, find_background
from howard_nodes.plates.canvas import Canvas, move, seen_from
from howard_nodes.plates.corners import farthest, unit
from howard_nodes.plates.fill import fill_holes
from howard_nodes.plates.photometric import match_exposure
from howard_nodes.plates.registration import prepare, register
from howard_nodes.plates.small_copies import SmallCopy, scale_of
from howard_nodes.plates.staying import Staying, who_stays

__all__ = ["first_plate"]

Array = NDArray[Any]

_SETTLED = 0.05  # pixels, or stops, of a round that changes nothing
_MOST_STEP = 0.08  # of the longer side, of a fit to the plate found so far


def first_plate(
    small: list[SmallCopy],
    homographies: dict[int, Array],
    gains: dict[int, Array],
    read: Callable[[int], Array],
    canvas: Canvas,
    size: tuple[int, int],
    to_rec709: Callable[[Array], Array],
    static: bool,
    memory: float,
    tell: Callable[[str, int, int], None],
) -> tuple[Array, Array, Array, Staying]:
    """Put together a plate of the frames with small copies.

    Parameters
    ----------
    small : list of SmallCopy
        These.
    homographies : dict of int to ndarray
        Canvas to frame, 3 3; made more exact for these frames.
    gains : dict of int to ndarray
        Their light divided by the reference frame's; made more exact too.
    read : callable
        Frame number to H W 3, scene-linear.
    canvas : Canvas
        What the camera saw.
    size : tuple of int
        Width and height of a frame.
    to_rec709 : callable
        The frames' light to linear Rec.709.
    static : bool
        Whether the camera stands.
    memory : float
        Bytes to use at most for the pictures that are compared.
    tell : callable
        Told what is done, how many frames of how many.

    Returns
    -------
    plate : ndarray
        h w 3, on the canvas; rough where the background was not seen.
    weight : ndarray
        h w, how many frames each pixel is made of.
    seen : ndarray
        h w, 1 where the background was seen, else 0.
    stays : Staying
        What moves and never leaves, which is not seen then; small.
    """
    full = (canvas.width, canvas.height)
    scale, _ = scale_of(size)
    factor = float(scale[0, 0])
    pixels = full[0] * full[1] * factor**2
    factor *= min(1.0, (memory / 200 / len(small) / pixels) ** 0.5)
    shape = (max(8, round(full[0] * factor)), max(8, round(full[1] * factor)))
    to_small = np.diag([shape[0] / full[0], shape[1] / full[1], 1.0])
    to_small[:2, 2] = (to_small[0, 0] - 1) / 2, (to_small[1, 1] - 1) / 2
    for last in (False, False, True):
        stack, valid = [], []
        for one in small:
            moved = to_small @ np.linalg.inv(homographies[one.frame]) @ np.linalg.inv(scale)
            light, covers = move(one.light / gains[one.frame].astype(np.float32), moved, shape)
            stack.append(light)
            valid.append(covers)
        covered = np.stack(valid)
        found = find_background(np.stack(stack), covered)
        del stack, valid
        if (
            last
            or _fit_small(small, found, homographies, gains, scale, to_small, to_rec709, static) < _SETTLED
        ):
            break
    stays = who_stays(found, covered)
    del covered
    total = np.zeros((full[1], full[0], 3), np.float32)
    weight = np.zeros((full[1], full[0]), np.float32)
    for number, one in enumerate(small):
        tell("compare", number, len(small))
        light, covers = move(read(one.frame), np.linalg.inv(homographies[one.frame]), full)
        shows = cv2.resize(cv2.erode(found.shows[number], np.ones((3, 3), np.uint8)), full)
        covers = covers * np.maximum(shows, 0.02 * cv2.resize(found.shows[number], full))
        total += light * (covers[..., None] / gains[one.frame].astype(np.float32))
        weight += covers
    tell("compare", len(small), len(small))
    rough = cv2.resize(found.light, full, interpolation=cv2.INTER_CUBIC)
    plate = np.where((weight > 1e-3)[..., None], total / np.maximum(weight, 1e-3)[..., None], rough)
    known = found.seen if stays.area is None else found.seen * ~stays.area
    seen = cv2.resize(known, full, interpolation=cv2.INTER_LINEAR) > 0.5
    seen &= weight > 1e-3
    return plate.astype(np.float32), weight, seen.astype(np.float32), stays


def _fit_small(
    small: list[SmallCopy],
    found: Background,
    homographies: dict[int, Array],
    gains: dict[int, Array],
    scale: Array,
    to_small: Array,
    to_rec709: Callable[[Array], Array],
    static: bool,
) -> float:
    """Fit the plate found so far to each small copy; motion and gain are updated.

    A plate without the subject says more about a frame's motion than another frame with the subject. Returns
    how far, in pixels of the small copies, the farthest but a few moved.
    """
    plate = fill_holes(found.light, found.seen)
    steps = []
    for number, one in enumerate(small):
        light = one.light.astype(np.float32)
        size = (light.shape[1], light.shape[0])
        to_frame = scale @ homographies[one.frame] @ np.linalg.inv(to_small)
        gain = gains[one.frame].astype(np.float32)
        clean, valid = seen_from(plate, found.seen, to_frame, size)
        shows = np.clip(move(found.shows[number], to_frame, size)[0], 0, 1) * valid
        clean = clean * gain
        if not static:
            correction = register(
                prepare(to_rec709(light)), prepare(to_rec709(clean)), background=valid, initial=np.eye(3)
            )
            step = farthest(correction.homography, size)
            if correction.trusted and step < _MOST_STEP * max(size):
                full = np.linalg.inv(scale) @ correction.homography @ scale
                homographies[one.frame] = unit(full @ homographies[one.frame])
                steps.append(step)
                clean, _ = move(clean, correction.homography, size)
        match = match_exposure(light, clean, shows, field=False)
        if match.trusted:
            gains[one.frame] = gains[one.frame] * np.asarray(match.gain)
            steps.append(float(np.abs(np.log2(match.gain)).max()))
    return float(np.quantile(steps, 0.9)) if steps else 0.0
