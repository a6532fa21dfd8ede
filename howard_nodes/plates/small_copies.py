"""Small copies of a take's frames, in which the background is found, and their exposures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.plates.background import stabilise
from howard_nodes.plates.canvas import move
from howard_nodes.plates.photometric import match_exposure

__all__ = ["SmallCopy", "scale_of", "shrink", "small_gains", "without_repeats"]

Array = NDArray[Any]

_SMALL = 480  # longer side of the copies in which the background is found
_DETAIL = np.outer([1, -2, 1], [1, -2, 1]).astype(np.float32) / 6  # keeps the variance of grain
_SAME = 1e-3  # stabilised light by which pictures differ that are stored twice
_LESS_GRAIN = 0.4  # of the grain between other pictures, and in a picture: what coding a picture again leaves
_SIDE = 8  # pixels of the blocks that are compared for motion
_MOVED = 0.02  # stabilised light of a block from which something moved


@dataclass(frozen=True)
class SmallCopy:
    """A small copy of a frame: its light in half precision."""

    frame: int
    light: Array


def scale_of(size: tuple[int, int]) -> tuple[Array, tuple[int, int]]:
    """From a picture's pixels to its small copy's, and the copy's size."""
    factor = min(1.0, _SMALL / max(size))
    small = (max(1, round(size[0] * factor)), max(1, round(size[1] * factor)))
    fx, fy = small[0] / size[0], small[1] / size[1]
    return np.array([[fx, 0, (fx - 1) / 2], [0, fy, (fy - 1) / 2], [0, 0, 1.0]]), small


def shrink(pixels: Array) -> Array:
    """Reduce a picture to the size of small copies, bounded to what half precision holds."""
    size = (pixels.shape[1], pixels.shape[0])
    _, small = scale_of(size)
    light = np.clip(pixels, -60000, 60000)
    return np.asarray(light if small == size else cv2.resize(light, small, interpolation=cv2.INTER_AREA))


def without_repeats(small: list[SmallCopy]) -> list[SmallCopy]:
    """Leave out pictures that repeat the one before, such as held frames: they say nothing that it does not.

    A repeat that was stored again, or coded again, has next to no grain of its own: neither beside what other
    pictures of the shot change by, nor beside what it shows itself.

    Parameters
    ----------
    small : list of SmallCopy
        In the order of time, of one size.

    Returns
    -------
    list of SmallCopy
        The first of each run.
    """
    if len(small) < 2:
        return small
    before = stabilise(small[0].light.astype(np.float32))
    changes, grains, moves = [], [], []
    for one in small[1:]:
        light = stabilise(one.light.astype(np.float32))
        change = light - before
        changes.append(float(np.median(np.abs(cv2.filter2D(change, -1, _DETAIL)))))
        # Of a picture's detail, what is in its plainest parts is grain; a difference has that of two.
        own = float(np.quantile(np.abs(cv2.filter2D(light, -1, _DETAIL)), 0.25))
        grains.append(own * 0.6745 / 0.3186 * 2**0.5)
        blocks = (max(1, light.shape[1] // _SIDE), max(1, light.shape[0] // _SIDE))
        most = np.abs(cv2.resize(change, blocks, interpolation=cv2.INTER_AREA)).max()
        moves.append((float(np.abs(change).max()), float(most)))
        before = light
    usual = float(np.quantile(changes, 0.75))
    kept = [small[0]]
    for one, grain, own, (most, moved) in zip(small[1:], changes, grains, moves):
        again = grain < _LESS_GRAIN * min(usual, own) and moved < _MOVED
        if most > _SAME and not again:
            kept.append(one)
    return kept


def small_gains(
    small: list[SmallCopy], motion: dict[int, Array], reference: int, size: tuple[int, int]
) -> dict[int, Array]:
    """Find the gain of each copy's frame against the reference frame, outwards from it.

    Parameters
    ----------
    small : list of SmallCopy
        In the order of time.
    motion : dict of int to ndarray
        3 3 for each frame, frame to reference frame.
    reference : int
        That frame.
    size : tuple of int
        Width and height of a frame.

    Returns
    -------
    dict of int to ndarray
        Three factors for each frame that has a copy.
    """
    scale, small_size = scale_of(size)
    frames = [one.frame for one in small]
    start = min(range(len(frames)), key=lambda i: abs(frames[i] - reference))
    gains: dict[int, Array] = {frames[start]: np.ones(3)}
    for order in (range(start + 1, len(small)), range(start - 1, -1, -1)):
        before = start
        for i in order:
            for other in (start, before):
                between = (
                    scale @ np.linalg.inv(motion[frames[other]]) @ motion[frames[i]] @ np.linalg.inv(scale)
                )
                moved, valid = move(small[i].light.astype(np.float32), between, small_size)
                if other == start and before != start and valid.mean() < 0.5:
                    continue
                match = match_exposure(moved, small[other].light.astype(np.float32), valid, field=False)
                if match.trusted:
                    gains[frames[i]] = gains[frames[other]] * np.asarray(match.gain)
                    break
            gains.setdefault(frames[i], gains[frames[before]])
            before = i
    return gains
