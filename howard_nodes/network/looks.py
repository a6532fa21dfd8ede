"""What the network sees at one look or more, and how that lies over the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = [
    "AGREED",
    "CLOSE",
    "KNEE",
    "LEAST_ERROR",
    "Coarse",
    "Refined",
    "calibrated",
    "consensus",
    "feathered",
    "from_coarse",
    "padded",
    "to_coarse",
]

AGREED = 0.7
"""How much of mean error and spread the error of a consensus is."""

CLOSE = 0.1
"""A look whose alpha is this far from what most see says nothing of the foreground."""

KNEE, LEAST_ERROR = 5.0, 1e-4
"""Times what an error map says of nothing, from where on it holds as it is; and what is left below."""


@dataclass(frozen=True)
class Coarse:
    """What the coarse stage sees, at `backbone_scale` of the padded picture.

    The padded picture has height and width rounded up to a multiple of 4; `to_coarse` and `from_coarse` lead
    from and to the picture itself. `refine` takes one whose alpha and error a caller has replaced
    (`dataclasses.replace`); nothing else of the network's state matters to it.
    """

    alpha: Tensor
    """N 1 h w, 0..1."""
    foreground_residual: Tensor
    """N 3 h w, foreground minus plate in the network's encoding."""
    error: Tensor
    """N 1 h w, 0..1: how far alpha is expected to be wrong. 0 protects a patch from refinement."""
    features: Tensor
    """N F h w, not negative."""


@dataclass(frozen=True)
class Refined:
    """The result at the picture's resolution."""

    alpha: Tensor
    """N 1 H W, 0..1."""
    foreground: Tensor
    """N 3 H W, in the network's encoding, 0..1."""
    region: Tensor
    """N 1 ceil(H/4) ceil(W/4), 1 where a 4x4 patch was refined, else 0."""


def calibrated(error: Tensor, quiet: float) -> Tensor:
    """Take from a predicted error what it says where nothing is wrong.

    Parameters
    ----------
    error : Tensor
        Any shape, any values.
    quiet : float
        Up to this it says nothing: 0.0001 is left, since an error of 0 protects. From five times as much on
        it stays as it is.

    Returns
    -------
    Tensor
        Same shape, 0..1.
    """
    error = error.clamp(0, 1)
    if quiet <= 0:
        return error
    low = ((error - quiet) * (KNEE / (KNEE - 1))).clamp_min(LEAST_ERROR)
    return torch.where(error < KNEE * quiet, low, error)


def consensus(looks: Sequence[Coarse]) -> tuple[Tensor, Tensor]:
    """Make one coarse matte of several looks at the same pictures.

    What most of them say counts, and how far they are apart tells how wrong that may be.

    Parameters
    ----------
    looks : sequence of Coarse
        One or an odd number, the finest first.

    Returns
    -------
    tuple of Tensor
        N 1 h w, 0..1, at the finest's size: the median of alphas; and as error 0.7 times the sum of the mean
        error and the standard deviation of the alphas.
    """
    finest = looks[0]
    if len(looks) == 1:
        return finest.alpha, finest.error
    size = finest.alpha.shape[2:]

    def enlarged(x: Tensor) -> Tensor:
        return x if x.shape[2:] == size else F.interpolate(x, size, mode="bilinear", align_corners=False)

    alphas = torch.cat([enlarged(look.alpha) for look in looks], 1)
    errors = torch.cat([enlarged(look.error) for look in looks], 1)
    error = AGREED * (errors.mean(1, keepdim=True) + alphas.std(1, unbiased=False, keepdim=True))
    return alphas.median(1, keepdim=True).values, error.clamp(0, 1)


def feathered(refined: Refined, coarse: Tensor) -> Tensor:
    """Let a refined alpha grow out of the coarse one over two pixels where the refined region begins.

    Without, a step shows the 4x4 patches there.

    Parameters
    ----------
    refined : Refined
        From `MattingNetwork.refine`.
    coarse : Tensor
        N 1 H W: the coarse alpha, enlarged.

    Returns
    -------
    Tensor
        N 1 H W, alpha.
    """
    if bool(refined.region.all()):
        return refined.alpha
    height, width = refined.alpha.shape[2:]
    weight = F.interpolate(refined.region, scale_factor=4, mode="bilinear", align_corners=False)
    weight = (2 * weight[:, :, :height, :width] - 1).clamp_(0, 1)
    return torch.lerp(coarse.to(refined.alpha), refined.alpha, weight)


def to_coarse(x: Tensor, coarse: Coarse) -> Tensor:
    """Bring a map of the picture to the coarse grid, as an override needs it.

    Parameters
    ----------
    x : Tensor
        N C H W, at the picture's size.
    coarse : Coarse
        Of the same picture.

    Returns
    -------
    Tensor
        N C h w: the means of the areas that fall on each coarse pixel.
    """
    height, width = coarse.alpha.shape[2:]
    return F.adaptive_avg_pool2d(padded(x), (height, width))


def from_coarse(x: Tensor, height: int, width: int) -> Tensor:
    """Bring a map of the coarse grid to the picture's size, as the network itself does.

    Parameters
    ----------
    x : Tensor
        N C h w.
    height, width : int
        Size of the picture.

    Returns
    -------
    Tensor
        N C H W, bilinear.
    """
    padded = -(-height // 4) * 4, -(-width // 4) * 4
    return F.interpolate(x, padded, mode="bilinear", align_corners=False)[:, :, :height, :width]


def padded(x: Tensor) -> Tensor:
    """Repeat the border of pictures, N C H W, to whole multiples of 4."""
    below, right = -x.shape[2] % 4, -x.shape[3] % 4
    if not below and not right:
        return x
    return F.pad(x, (0, right, 0, below), mode="replicate")
