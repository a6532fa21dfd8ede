"""All frames averaged into a first clean plate, where they show background."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.errors import FrameError
from howard_nodes.plates.background import stabilise
from howard_nodes.plates.canvas import move, seen_from
from howard_nodes.plates.corners import farthest, unit
from howard_nodes.plates.fill import fill_holes
from howard_nodes.plates.photometric import match_exposure
from howard_nodes.plates.registration import prepare, refine
from howard_nodes.plates.small_copies import shrink

__all__ = ["average"]

Array = NDArray[Any]

_MOST_CORRECTION = 3.0  # pixels, of a registration to the first plate
_DILATION = 0.006  # of the frame's longer side: soft edges that the coarse matte misses


def average(
    frames: list[int],
    read: Callable[[int], Array],
    subject: Callable[[Array, Array, Array], Array] | None,
    to_rec709: Callable[[Array], Array],
    first: Array,
    first_weight: Array,
    seen: Array,
    homographies: dict[int, Array],
    gains: dict[int, Array],
    static: bool,
    size: tuple[int, int],
    tell: Callable[[str, int, int], None],
) -> tuple[Array, dict[int, Array], dict[int, Array]]:
    """Average all frames into the first plate where they show background; make motion and gain exact.

    Parameters
    ----------
    frames : list of int
        In the order of time.
    read : callable
        Frame number to H W 3, scene-linear; a frame that raises `FrameError` is left out.
    subject : callable, optional
        Plate, clean plate and the clean plate's validity to the subject's matte.
    to_rec709 : callable
        The frames' light to linear Rec.709.
    first, first_weight, seen : ndarray
        As `howard_nodes.plates.first_plate.first_plate` gives them.
    homographies, gains : dict of int to ndarray
        Canvas to frame, and its light divided by the reference frame's.
    static : bool
        Whether the camera stands.
    size : tuple of int
        Width and height of a frame.
    tell : callable
        Told what is done, how many frames of how many.

    Returns
    -------
    plate : ndarray
        h w 3 float32, on the canvas.
    homographies, gains : dict of int to ndarray
        The exact ones, of the frames that took part.
    """
    full = (first.shape[1], first.shape[0])
    filled = fill_holes(first, seen)
    reference = stabilise(filled)
    tolerance = _tolerance(reference)
    total, weight = np.zeros_like(first), np.zeros_like(seen)
    exact: dict[int, Array] = {}
    exact_gains: dict[int, Array] = {}
    gain = np.ones(3)
    radius = 2 * max(1, round(_DILATION * max(size))) + 1
    for number, frame in enumerate(frames):
        tell("average", number, len(frames))
        try:
            pixels = read(frame)
        except FrameError:
            continue
        gain = gains.get(frame, gain)
        clean, valid = seen_from(filled, seen, homographies[frame], size)
        clean = clean * gain.astype(np.float32)
        matte = np.zeros_like(valid) if subject is None else subject(pixels, clean, valid)
        if matte.shape != valid.shape:
            matte = cv2.resize(matte, size, interpolation=cv2.INTER_LINEAR)
        background = (1 - cv2.dilate(matte, np.ones((radius, radius), np.uint8))) * valid
        homography = homographies[frame]
        if not static:
            correction = refine(prepare(to_rec709(pixels)), prepare(to_rec709(clean)), np.eye(3), background)
            if correction.trusted and farthest(correction.homography, size) < _MOST_CORRECTION:
                homography = unit(correction.homography @ homography)
                clean, valid = seen_from(filled, seen, homography, size)
                clean = clean * gain.astype(np.float32)
        match = match_exposure(shrink(pixels), shrink(clean), shrink(background), field=False)
        if match.trusted:
            gain = gain * np.asarray(match.gain)
        exact[frame], exact_gains[frame] = homography, gain
        back = np.linalg.inv(homography)
        light, covers = move(np.dstack([pixels / gain.astype(np.float32), background]), back, full)
        distance = cv2.blur(np.square(stabilise(light[..., :3]) - reference).mean(-1), (3, 3))
        share = np.clip(light[..., 3], 0, 1) ** 2 * covers * np.exp(-0.5 * distance / tolerance)
        total += light[..., :3] * share[..., None]
        weight += share
    tell("average", len(frames), len(frames))
    # Where no frame agrees with the first plate, the first plate stands.
    least = 0.05
    prior = least * np.minimum(first_weight, 1) + 1e-6
    plate = (total + first * prior[..., None]) / (weight + prior)[..., None]
    return plate.astype(np.float32), exact, exact_gains


def _tolerance(reference: Array) -> Array:
    """How far, mean square, stabilised light may be from the first plate and still be background."""
    gx = cv2.Sobel(reference, cv2.CV_32F, 1, 0, scale=1 / 8)
    gy = cv2.Sobel(reference, cv2.CV_32F, 0, 1, scale=1 / 8)
    slope = cv2.blur(np.square(gx).mean(-1) + np.square(gy).mean(-1), (3, 3))
    return np.asarray(0.015**2 + 0.15**2 * slope, np.float32)
