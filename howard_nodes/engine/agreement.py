"""One matte of several: each look of the coarse stage goes its way to the end, and most of them are right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from howard_nodes.engine.results import Prediction
from howard_nodes.network import CLOSE

__all__ = ["agreed"]

Seen = TypeVar("Seen")
_STEPS = np.float32(65535)
_ROWS = 256  # merged at a time


def agreed(seen: Sequence[Seen], predicted: Callable[[Seen], Prediction]) -> Prediction:
    """Make one prediction of several of the same frame.

    Parameters
    ----------
    seen : sequence
        What each is made of, one or an odd number.
    predicted : callable
        Makes it. Little of one is kept when the next is made.

    Returns
    -------
    Prediction
        Alpha is the median; foreground and doubt are means of those whose alpha is close to it, each the more
        the closer: who sees another alpha there sees another colour too. The region is that of any.
    """
    found = one = predicted(seen[0])
    if len(seen) == 1:
        return found
    alphas, colors, doubts = [], [], []
    for i in range(len(seen)):
        if i > 0:
            one = predicted(seen[i])
            found = replace(found, region=_any(found.region, one.region))
        alphas.append(one.alpha)
        # As whole numbers they take half the memory.
        colors.append((one.encoded * _STEPS + np.float32(0.5)).astype(np.uint16))
        if one.doubt is not None:
            doubts.append(one.doubt)
    alpha, encoded = np.empty_like(found.alpha), np.empty_like(found.encoded)
    doubt = None if found.doubt is None else np.empty_like(alpha)
    for first in range(0, len(alpha), _ROWS):
        rows = slice(first, first + _ROWS)
        alpha[rows] = middle = np.median([one[rows] for one in alphas], axis=0)
        weights = [np.maximum(1 - np.abs(one[rows] - middle) / np.float32(CLOSE), 0) for one in alphas]
        total = sum(weights)
        encoded[rows] = sum(w[..., None] * one[rows] for w, one in zip(weights, colors, strict=True))
        encoded[rows] /= (total * _STEPS)[..., None]
        if doubt is not None:
            doubt[rows] = sum(w * one[rows] for w, one in zip(weights, doubts, strict=True)) / total
    return replace(found, alpha=alpha, encoded=encoded, doubt=doubt)


def _any(region: np.ndarray | None, other: np.ndarray | None) -> np.ndarray | None:
    return None if region is None or other is None else np.maximum(region, other)
