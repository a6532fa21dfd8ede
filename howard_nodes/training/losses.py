"""Losses that training steps add up."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from howard_nodes.network import MattingNetwork

__all__ = ["coarse_losses", "error_loss", "joint_losses"]

_WINDOW = 256


def _roughness(x: Tensor) -> Tensor:
    """Mean absolute difference of neighbouring pixels, across and down."""
    across, down = x[..., :, 1:] - x[..., :, :-1], x[..., 1:, :] - x[..., :-1, :]
    return across.abs().mean() + down.abs().mean()


def _alpha_and_color(
    prefix: str, raw: Tensor, plate: Tensor, alpha: Tensor, color: Tensor
) -> dict[str, Tensor]:
    """Losses of raw alpha and foreground residual (4 channels): L1 and L1 of gradients, as in the paper."""
    seen = alpha > 0.01
    # What is clamped later may go beyond 0 and 1 freely: cores and backgrounds become clean.
    low, high = raw[:, :1].clamp_min(0.0), raw[:, :1].clamp_max(1.0)
    matte = torch.where(alpha < 0.001, low, torch.where(alpha > 0.999, high, raw[:, :1]))
    return {
        f"{prefix}alpha": F.l1_loss(matte, alpha),
        f"{prefix}gradient": _roughness(matte - alpha),
        f"{prefix}foreground": 0.5 * F.l1_loss((raw[:, 1:4] + plate) * seen, color * seen),
    }


def coarse_losses(
    network: MattingNetwork, plate: Tensor, clean: Tensor, alpha: Tensor, color: Tensor
) -> dict[str, Tensor]:
    """Losses of the coarse stage on samples as large as what it sees, see `joint_losses`."""
    raw = network.raw_coarse(plate, clean).float()
    error = (raw[:, :1].detach().clamp(0, 1) - alpha).abs()
    losses = _alpha_and_color("coarse_", raw[:, :4], plate, alpha, color)
    return losses | {"coarse_error": error_loss(raw[:, 4:5], error)}


def error_loss(predicted: Tensor, error: Tensor) -> Tensor:
    """Loss of a predicted error: squared distance relative to what is predicted.

    Most of a picture has little error, and that must be right too. What is divided by is no part of the
    gradient, so what is learnt remains the mean.

    Parameters
    ----------
    predicted : Tensor
        Any shape, not yet limited to 0..1.
    error : Tensor
        Same shape, the true error, 0..1.
    """
    expected = predicted.detach().clamp_min(0.0) + 0.02
    return 0.1 * ((predicted - error).square() / expected).mean()


def joint_losses(
    network: MattingNetwork,
    factor: int,
    plate: Tensor,
    clean: Tensor,
    alpha: Tensor,
    color: Tensor,
    *,
    refine: bool = True,
) -> dict[str, Tensor]:
    """Losses of both stages on samples.

    Parameters
    ----------
    network : MattingNetwork
        Not a prepared one.
    factor : int
        How much smaller the coarse stage's picture is: 1, 2, 4 or 8.
    plate, clean, alpha, color : Tensor
        N 3|3|1|3 S S: samples, encoded (`howard_nodes.samples.source.Sample`); S a multiple of 64.
    refine : bool
        The refiner's losses too, on each sample's window with most partial coverage.

    Returns
    -------
    dict of str to Tensor
        To be added up.
    """
    small_plate, small_clean = (network.downsample(picture, 1 / factor) for picture in (plate, clean))
    raw = network.raw_coarse(small_plate, small_clean).float()
    targets = F.avg_pool2d(alpha, factor), F.avg_pool2d(color, factor)
    losses = _alpha_and_color("coarse_", raw[:, :4], small_plate, *targets)
    # The error is that of the enlarged matte: what no coarse pixel can show is for the refiner as well.
    matte = raw[:, :1].detach().clamp(0, 1)
    enlarged = F.interpolate(matte, scale_factor=factor, mode="bilinear", align_corners=False)
    losses["coarse_error"] = error_loss(raw[:, 4:5], F.avg_pool2d((enlarged - alpha).abs(), factor))
    if not refine:
        return losses
    # The coarse stage learns from its own losses alone, but for its features, which only the refiner reads.
    coarse = torch.cat([matte, raw[:, 1:4].detach(), raw[:, 4:5].detach().clamp(0, 1), F.relu(raw[:, 5:])], 1)
    corners = _edge_windows(alpha, _WINDOW)
    plate, clean, alpha, color = (_cut(x, corners, _WINDOW) for x in (plate, clean, alpha, color))
    coarse = _cut(coarse, corners // factor, _WINDOW // factor)
    refined, residual, _ = network.refiner(
        plate, clean, coarse[:, :1], coarse[:, 1:4], coarse[:, 4:5], coarse[:, 5:], mode="full"
    )
    raw_refined = torch.cat([refined, residual], 1).float()
    return losses | _alpha_and_color("refined_", raw_refined, plate, alpha, color)


def _edge_windows(alpha: Tensor, window: int) -> Tensor:
    """Find each sample's window with most partial coverage, in steps of 64: N 2, row and column."""
    side = alpha.shape[2]
    if side <= window:
        return torch.zeros((len(alpha), 2), dtype=torch.long)
    blocks = F.avg_pool2d(alpha * (1 - alpha), 64)
    sums = F.avg_pool2d(blocks, window // 64, 1)
    best = sums.flatten(1).argmax(1).cpu()
    return 64 * torch.stack([best // sums.shape[3], best % sums.shape[3]], 1)


def _cut(x: Tensor, corners: Tensor, window: int) -> Tensor:
    """Cut a square of `window` pixels, or less where there are less, out of each picture (N C H W)."""
    pieces = [
        picture[:, row : row + window, column : column + window]
        for picture, (row, column) in zip(x, corners.tolist(), strict=True)
    ]
    return torch.stack(pieces).contiguous(memory_format=torch.channels_last)
