"""The network's encoding: scene-linear light as a display would show it, highlights rolled off.

Both plates go through the same curve with the same exposure, so equal light stays equal. The curve never
clips above: light of 1, 5 and 50 gives three different values below 1, and `decode` takes them back.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

__all__ = ["SHOULDER", "decode", "encode", "encode_halves"]

SHOULDER = 0.8
"""Scene-linear value above which highlights roll off; below it the curve is sRGB's."""

_BRIGHTEST = 65504.0  # the most a half float holds
_STRIP = 1 << 15  # values looked up at a time: they stay in a core's cache, and torch on one thread


def encode(linear: Tensor, exposure: float | Tensor = 0.0) -> Tensor:
    """Encode scene-linear light for the network.

    The sRGB curve (IEC 61966-2-1) after a shoulder ``s + (1 - s) u / (1 + u)``, ``u = (x - s) / (1 - s)``,
    with slope 1 where it begins. Values below 0 (colours outside the gamut) become 0.

    Parameters
    ----------
    linear : Tensor
        Any shape, linear Rec.709 primaries, unbounded, finite.
    exposure : float or Tensor
        Stops added before the curve.

    Returns
    -------
    Tensor
        Same shape, 0 to 1; below 1 for light up to 65504, the most a half float holds, after the exposure.
    """
    gain = 2.0**exposure
    x = (linear if isinstance(gain, float) and gain == 1.0 else linear * gain).clamp_min(0.0)
    over = (x - SHOULDER).clamp_min(0.0) / (1.0 - SHOULDER)
    x = x.clamp_max(SHOULDER) + (1.0 - SHOULDER) * over / (1.0 + over)
    return torch.where(x <= 0.0031308, x * 12.92, 1.055 * x.clamp_min(0.0031308).pow(1.0 / 2.4) - 0.055)


def encode_halves(linear: Tensor, exposure: float = 0.0) -> Tensor:
    """Encode scene-linear light as `encode` does, rounded to half floats first: some ten times as fast.

    Parameters
    ----------
    linear : Tensor
        Any shape, on the CPU, linear Rec.709 primaries, finite; brighter than 65504 counts as that.
    exposure : float
        Stops added before the curve.

    Returns
    -------
    Tensor
        Same shape, contiguous, 0 to 1; at most 0.0003 from what `encode` gives.
    """
    curve = _curve(exposure)
    encoded = torch.empty(linear.shape)
    values, into = linear.reshape(-1), encoded.view(-1)
    for first in range(0, len(values), _STRIP):
        part = slice(first, first + _STRIP)
        halves = values[part].clamp(0.0, _BRIGHTEST).half().view(torch.int16)
        # Without the sign of -0.
        torch.index_select(curve, 0, halves.to(torch.int32).bitwise_and_(0x7FFF), out=into[part])
    return encoded


@functools.lru_cache(maxsize=8)
def _curve(exposure: float) -> Tensor:
    """Give the encoding of all finite half floats that are 0 or more."""
    return encode(torch.arange(0x7C00, dtype=torch.int16).view(torch.float16).float(), exposure)


def decode(encoded: Tensor, exposure: float | Tensor = 0.0) -> Tensor:
    """Take the network's encoding back to scene-linear light: the inverse of `encode` for light of 0 to 1000.

    Parameters
    ----------
    encoded : Tensor
        Any shape, 0 to 1; values outside are clamped.
    exposure : float or Tensor
        The stops that `encode` was given.

    Returns
    -------
    Tensor
        Same shape, linear Rec.709 primaries, from 0 to about 1000 (at exposure 0).
    """
    y = encoded.clamp(0.0, 1.0)
    x = torch.where(y <= 0.04045, y / 12.92, ((y.clamp_min(0.04045) + 0.055) / 1.055).pow(2.4))
    rolled = ((x - SHOULDER) / (1.0 - SHOULDER)).clamp(0.0, 0.9998)
    x = torch.where(x <= SHOULDER, x, SHOULDER + (1.0 - SHOULDER) * rolled / (1.0 - rolled))
    return x * 2.0 ** (-exposure)
