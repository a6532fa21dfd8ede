"""Steady an alpha by its neighbours in time, along the optical flow of the plates.

A network sees frames one by one: grain and small changes make it judge an edge a little differently in each,
and edges boil. Where a neighbour shows the same, moved by the flow, it has judged the same, and the mean of
them is steadier.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.errors import InputError
from howard_nodes.plates.dense_flow import dense_flow, ends_of, looked_up

__all__ = ["Glimpse", "glimpse", "steadied"]

Array = NDArray[Any]

_SIDE = 960  # longest side at which flow is looked for, in pixels
_SAME = 0.03  # root mean square difference of what is seen, 0 to 1, at which a neighbour counts 0.6
_ASTRAY = 0.5  # pixels of the flow by which there and back may miss, at which a neighbour counts 0.6
_AROUND = 1.0  # standard deviation of the window over which both are judged, in pixels of the flow


@dataclass(frozen=True, eq=False)
class Glimpse:
    """What is needed of a frame to steady it or a neighbour.

    Attributes
    ----------
    alpha : ndarray
        H W float32, 0 to 1.
    seen : ndarray
        h w 3 uint8: the plate, reduced, on a scale near to what is seen.
    """

    alpha: Array
    seen: Array
    _flows: WeakKeyDictionary[Glimpse, Array] = field(
        default_factory=WeakKeyDictionary, init=False, repr=False
    )

    def flow_to(self, other: Glimpse) -> Array:
        """Find where each pixel seen is in another glimpse: h w 2 float32, in pixels across and down.

        It is found once: both frames of a pair need the flow there and back.
        """
        flow = self._flows.get(other)
        if flow is None:
            grey = [cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY) for seen in (self.seen, other.seen)]
            flow = self._flows[other] = dense_flow(*grey)
        return flow


def glimpse(alpha: Array, plate: Array, exposure: float = 0.0) -> Glimpse:
    """Take from a frame what steadying needs.

    Parameters
    ----------
    alpha : ndarray
        H W float32, 0 to 1; it is kept, not copied.
    plate : ndarray
        H W 3 float32, scene-linear, finite.
    exposure : float
        Stops that bring it to usual brightness.

    Returns
    -------
    Glimpse
        Its `seen` is reduced by a whole number, to 960 pixels or less.
    """
    height, width = alpha.shape
    factor = -(-max(height, width) // _SIDE)
    size = (max(1, width // factor), max(1, height // factor))
    light = np.maximum(cv2.resize(plate, size, interpolation=cv2.INTER_AREA), 0) * np.float32(2.0**exposure)
    return Glimpse(alpha, (np.sqrt(light / (1 + light)) * 255).round().astype(np.uint8))


def steadied(own: Glimpse, neighbours: Iterable[Glimpse], free: Array | None = None) -> Array:
    """Average an alpha with those of its neighbours, where they show the same.

    Each neighbour is brought here along the flow of the plates (Kroeger et al., Fast Optical Flow using Dense
    Inverse Search, ECCV 2016) and counts up to as much as the frame itself: the less, the more the plates
    differ there, and the farther from its start the flow ends there and back. What came into sight, moved too
    fast or was cut away therefore keeps its alpha.

    Parameters
    ----------
    own : Glimpse
        Of the frame.
    neighbours : iterable of Glimpse
        Of frames before and after it; their order changes the result by rounding only.
    free : ndarray, optional
        H W, 0 to 1: how much of what is averaged is taken. By default 1.

    Returns
    -------
    ndarray
        H W float32, 0 to 1. The same bits for the same frames, on however many threads.

    Raises
    ------
    InputError
        A neighbour is of another size.
    """
    total, weight = own.alpha.copy(), np.ones_like(own.alpha)
    for other in neighbours:
        if other.alpha.shape != own.alpha.shape:
            sizes = [f"{alpha.shape[1]}x{alpha.shape[0]}" for alpha in (own.alpha, other.alpha)]
            raise InputError(f"a frame is {sizes[0]}, its neighbour {sizes[1]}: give both the same size.")
        moved, counts = _brought_here(own, other)
        total += counts * moved
        weight += counts
    mean = total / weight
    if free is not None:
        mean = own.alpha + free * (mean - own.alpha)
    return np.clip(mean, 0.0, 1.0, out=mean)


def _brought_here(own: Glimpse, other: Glimpse) -> tuple[Array, Array]:
    """Bring a neighbour's alpha here, and say how much it counts: both H W."""
    height, width = own.alpha.shape
    flow, back = own.flow_to(other), other.flow_to(own)
    ends = across, down = ends_of(flow)
    seen = looked_up(other.seen, ends).astype(np.float32)
    apart = ((seen - own.seen) ** 2).mean(axis=2, dtype=np.float32) / (255 * _SAME) ** 2
    astray = ((flow + looked_up(back, ends)) ** 2).sum(axis=2) / _ASTRAY**2
    counts = np.exp(cv2.GaussianBlur(apart + astray, (0, 0), _AROUND) * np.float32(-0.5))
    # What comes from beyond the picture's border was not seen.
    inside = (across > -1) & (across < flow.shape[1]) & (down > -1) & (down < flow.shape[0])
    scale = np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
    large = cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR) * scale
    counts = cv2.resize(counts * inside, (width, height), interpolation=cv2.INTER_LINEAR)
    return looked_up(other.alpha, ends_of(large)), counts
