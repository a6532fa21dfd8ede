"""Whether whoever moves in a take ever moves away: a clean plate of it holds them where they do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.plates.background import Background

__all__ = ["Staying", "who_stays"]

Array = NDArray[Any]

_SHOWS = 0.3  # of a picture under which something stands before the background
_RESTLESS = 0.3  # of the pictures in which background moves, from which it is doubted
_NEVER = 0.4  # of the area in which anything ever moved, from which it is one who never leaves
_LEAST = 0.005  # share of the picture: smaller things do not matter
_NOTHING = 0.001  # share of the picture in which something must move, or else nothing does
_SIDE = 60  # the longer side over this: what is joined


@dataclass(frozen=True)
class Staying:
    """What moves and never leaves.

    Attributes
    ----------
    area : ndarray or None
        h w bool: where it is; None where whoever moves leaves.
    unmoving : bool
        Whether nothing moves at all, so that nothing tells a subject from background.
    """

    area: Array | None
    unmoving: bool


def who_stays(found: Background, valid: Array) -> Staying:
    """Find what moves in its place and never uncovers it.

    Where somebody walks, the background is seen in some picture nearly everywhere. Where most of the area in
    which anything moves is never uncovered, or moves on and on though it is taken for background, somebody
    stays. One who does not move at all cannot be told from background.

    Parameters
    ----------
    found : Background
        As `howard_nodes.plates.background.find_background` gives it.
    valid : ndarray
        N h w, 1 where the picture covers the pixel.

    Returns
    -------
    Staying
        Of the same size.
    """
    looked = valid.any(0)
    stays = looked & ((found.seen < 0.5) | (found.moves > _RESTLESS))
    hidden = np.asarray(((found.shows < _SHOWS) & (valid > 0.5)).any(0), np.uint8)
    ever = (cv2.morphologyEx(hidden, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8)) > 0) | stays
    unmoving = bool(ever.mean() < _NOTHING)
    if stays.mean() < _LEAST or stays.sum() < _NEVER * ever.sum():
        return Staying(None, unmoving)
    side = max(3, max(stays.shape) // _SIDE) | 1
    closed = cv2.morphologyEx(stays.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    return Staying(closed > 0, unmoving)
