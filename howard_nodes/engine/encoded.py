"""Between scene-linear light, as plates have it, and what the network sees of it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from howard_nodes.color import ColorConfig
from howard_nodes.color.encoding import decode, encode_halves
from howard_nodes.engine.results import Prediction

__all__ = ["encoded_colors", "encoded_picture", "light_of", "plane", "solver_estimate"]

_COLORS = 8192  # decoded at a time


def encoded_picture(linear: np.ndarray, exposure: float) -> Tensor:
    """Encode a picture, H W 3 linear Rec.709: 1 3 H W, channels last."""
    return encode_halves(torch.from_numpy(linear), exposure).permute(2, 0, 1)[None]


def encoded_colors(colors: np.ndarray, exposure: float, config: ColorConfig, space: str) -> np.ndarray:
    """Encode colours of a space, N 3 scene-linear: N 3."""
    seen = config.to_linear_rec709(colors[None], space)[0]
    return encode_halves(torch.from_numpy(seen), exposure).numpy()


def light_of(encoded: np.ndarray, exposure: float, config: ColorConfig, space: str) -> np.ndarray:
    """Take colours, N 3, from the network's encoding to scene-linear: the inverse of `encoded_colors`."""
    if not len(encoded):
        return encoded
    # In parts of one size: where threads split an array, its numbers are rounded otherwise.
    parts = torch.from_numpy(encoded).split(_COLORS)
    light = torch.cat([decode(part, exposure) for part in parts]).numpy()
    return config.from_linear_rec709(light[None], space)[0]


def solver_estimate(prediction: Prediction, alpha: np.ndarray, config: ColorConfig, space: str) -> np.ndarray:
    """Take the network's foreground to scene-linear where it matters, at partial alpha; 0 elsewhere.

    Parameters
    ----------
    prediction : Prediction
        It has the foreground, and the exposure that it was seen with.
    alpha : ndarray
        H W, 0 to 1.
    config : ColorConfig
        Decides what `space` is.
    space : str
        The colour space wanted; scene-linear.

    Returns
    -------
    ndarray
        H W 3 float32.
    """
    estimate = np.zeros((alpha.size, 3), np.float32)
    partial = np.flatnonzero((alpha > 0.0) & (alpha < 1.0))
    if partial.size:
        seen = prediction.encoded.reshape(-1, 3).take(partial, axis=0)
        estimate[partial] = light_of(seen, prediction.exposure, config, space)
    return estimate.reshape(*alpha.shape, 3)


def plane(x: Tensor) -> np.ndarray:
    """Take a map from the network, 1 1 H W: H W float32, owned by nobody else."""
    return np.ascontiguousarray(x[0, 0].float().cpu().numpy())
