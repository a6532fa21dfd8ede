"""One matte of several: each look of the coarse stage goes its way to the end, and most of them are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from howard_nodes.engine.results import Prediction
from howard_nodes.network import CLOSE

__all__ = ["agreed"]


def agreed(predictions: Sequence[Prediction]) -> Prediction:
    """Make one prediction of several of the same frame.

    Parameters
    ----------
    predictions : sequence of Prediction
        One or an odd number.

    Returns
    -------
    Prediction
        Alpha is the median; foreground and doubt are means of those whose alpha is close to it, each the more
        the closer: who sees another alpha there sees another colour too. The region is that of any.
    """
    first, *others = predictions
    if not others:
        return first
    alpha = np.median([one.alpha for one in predictions], axis=0)
    total = np.zeros_like(alpha)
    encoded = np.zeros_like(first.encoded)
    doubt = None if first.doubt is None else np.zeros_like(alpha)
    region = first.region
    for one in predictions:
        weight = np.maximum(1 - np.abs(one.alpha - alpha) / np.float32(CLOSE), 0)
        total += weight
        encoded += weight[..., None] * one.encoded
        if doubt is not None:
            doubt += weight * one.doubt
        if region is not None and one.region is not None:
            region = np.maximum(region, one.region)
    encoded /= total[..., None]
    if doubt is not None:
        doubt /= total
    return replace(first, alpha=alpha, encoded=encoded, doubt=doubt, region=region)
