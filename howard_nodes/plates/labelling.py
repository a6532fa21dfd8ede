"""One labelling of all cells of a grid that disagrees least with what each of them and each pair says."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["disagreement", "hidden_parts", "propagated"]

Array = NDArray[Any]

_ROUNDS = 60
_DAMPING = 0.4


def disagreement(one: Array, other: Array, both: Array, smooth: Array) -> Array:
    """Cost of each pair of labels of neighbours, rows cols K K, 0 to 1.

    The share of the pictures in which one shows the background and the other not, though they are smooth.
    """
    labels, _, rows, cols = one.shape
    cost = np.zeros((rows, cols, labels, labels), np.float32)
    count = np.maximum(both.sum(0), 1.0)
    for a in range(labels):
        for b in range(labels):
            apart = np.maximum(np.abs(one[a] - other[b]) - 0.25, 0.0) / 0.75 * both
            cost[..., a, b] = (apart * smooth).sum(0) / count
    return cost


def hidden_parts(label: Array, shows: Array, unary: Array, horizontal: Array, vertical: Array) -> Array:
    """Find parts that never change of which "never seen" as a whole costs less: rows cols bool.

    Belief propagation changes cell by cell and does not get there by itself.
    """
    chosen = np.take_along_axis(shows, label[None, None], 0)[0]
    none = len(shows) - 1
    count, parts = cv2.connectedComponents((chosen.mean(0) > 0.7).astype(np.uint8), connectivity=4)
    own = np.take_along_axis(unary, label[None], 0)[0]
    change = np.zeros(count)
    np.add.at(change, parts, unary[-1] - own)
    for one, other, cost in (
        (np.s_[:, :-1], np.s_[:, 1:], horizontal),
        (np.s_[:, 1:], np.s_[:, :-1], horizontal.swapaxes(-1, -2)),
        (np.s_[:-1], np.s_[1:], vertical),
        (np.s_[1:], np.s_[:-1], vertical.swapaxes(-1, -2)),
    ):
        edge = parts[one] != parts[other]
        mine, theirs, pair = label[one][edge], label[other][edge], cost[edge]
        rows = np.arange(len(mine))
        np.add.at(change, parts[one][edge], pair[rows, none, theirs] - pair[rows, mine, theirs])
    hidden = change < 0
    hidden[0] = False
    return np.asarray(hidden[parts])


def propagated(unary: Array, horizontal: Array, vertical: Array) -> Array:
    """Min-sum belief propagation on the grid; rows cols of labels."""
    own = np.moveaxis(unary, 0, -1).copy()
    from_left, from_right = np.zeros_like(own), np.zeros_like(own)
    from_above, from_below = np.zeros_like(own), np.zeros_like(own)

    def send(belief: Array, cost: Array) -> Array:
        message = (belief[..., None] + cost).min(-2)
        return message - message.min(-1, keepdims=True)

    for number in range(2 * _ROUNDS):
        # First as if everything had been seen once: else "never seen" spreads from every doubtful cell.
        own[..., -1] = unary[-1] + (0.3 if number < _ROUNDS else 0.0)
        belief = own + from_left + from_right + from_above + from_below
        right = send((belief - from_right)[:, :-1], horizontal)
        left = send((belief - from_left)[:, 1:], horizontal.swapaxes(-1, -2))
        below = send((belief - from_below)[:-1], vertical)
        above = send((belief - from_above)[1:], vertical.swapaxes(-1, -2))
        from_left[:, 1:] += (1 - _DAMPING) * (right - from_left[:, 1:])
        from_right[:, :-1] += (1 - _DAMPING) * (left - from_right[:, :-1])
        from_above[1:] += (1 - _DAMPING) * (below - from_above[1:])
        from_below[:-1] += (1 - _DAMPING) * (above - from_below[:-1])
    belief = own + from_left + from_right + from_above + from_below
    return np.asarray(belief.argmin(-1))
