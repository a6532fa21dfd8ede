"""The straight foreground, solved as `howard_nodes.solve.solve_foreground` does.

The same steps, on the device: the colours that the data gives, spread by push-pull; the network's estimate
where it is to be believed; Tikhonov's solution, leaning on both.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Solve"]

_nn: Any = torch._C._nn


def areas(small: int, large: int, like: Tensor) -> Tensor:
    """Give the matrix, ``small`` x ``large``, that takes the means of equal parts of an axis."""
    step = float(large) / float(small)
    begin = torch.arange(small, device=like.device, dtype=like.dtype).unsqueeze(1) * step
    pixel = torch.arange(large, device=like.device, dtype=like.dtype).unsqueeze(0)
    overlap = torch.min(begin + step, pixel + 1.0) - torch.max(begin, pixel)
    return torch.clamp(overlap, min=0.0) / step


def halved(x: Tensor) -> Tensor:
    """Half the size, rounded up: means of the areas that fall on each pixel of N C H W."""
    height, width = x.shape[2], x.shape[3]
    if height % 2 == 0 and width % 2 == 0:
        return _nn.avg_pool2d(x, [2, 2], [2, 2])
    x = torch.matmul(areas((height + 1) // 2, height, x), x)
    return torch.matmul(x, areas((width + 1) // 2, width, x).t())


def push_pull(total: Tensor, weight: Tensor, coarser: float) -> Tensor:
    """Weighted mean of the neighbourhood: small where there is weight nearby, wide where there is not.

    Parameters
    ----------
    total : Tensor
        1 C H W, values times weights.
    weight : Tensor
        1 1 H W.
    coarser : float
        Weight of the next level of the pyramid in each.

    Returns
    -------
    Tensor
        1 C H W.
    """
    channels = total.shape[1]
    levels: list[Tensor] = [torch.cat([total, weight], 1)]
    while max(levels[-1].shape[2], levels[-1].shape[3]) > 1:
        levels.append(halved(levels[-1]))
    top = levels[-1]
    values = top[:, 0:channels] / torch.clamp(top[:, channels:], min=1e-30)
    for i in range(1, len(levels)):
        level = levels[len(levels) - 1 - i]
        size = [level.shape[2], level.shape[3]]
        values = _nn.upsample_bilinear2d(values, size, False) * coarser + level[:, 0:channels]
        values = values / (level[:, channels:] + coarser)
    return values


def squared(colors: Tensor) -> Tensor:
    """Sum of the squared channels."""
    return torch.sum(colors * colors, 1, True)


class Solve(nn.Module):
    """Solves ``plate = alpha F + (1 - alpha) clean`` for F.

    Parameters
    ----------
    strength : float
        How strongly the prior steadies the solution.
    """

    def __init__(self, strength: float) -> None:
        super().__init__()
        self.strength = strength

    def forward(
        self, plate: Tensor, clean: Tensor, alpha: Tensor, estimate: Tensor, trusted: float
    ) -> Tensor:
        """Solve one frame.

        Parameters
        ----------
        plate, clean : Tensor
            1 3 H W float32, scene-linear, finite.
        alpha : Tensor
            1 1 H W, 0 to 1.
        estimate : Tensor
            1 3 H W, the network's straight foreground in the same space.
        trusted : float
            Light around which belief in the estimate fades out.

        Returns
        -------
        Tensor
            1 3 H W: the plate to the bit where alpha is 1, spread colours where it is 0; all 0 where alpha is
            0 everywhere.
        """
        height, width = plate.shape[2], plate.shape[3]
        if float(torch.max(alpha).item()) <= 0.0:
            return torch.zeros_like(plate)
        noise = self.noise(plate, clean, alpha)
        spread = self.spread(plate, clean, alpha, noise)
        out = torch.zeros_like(plate)
        rows = 256
        for i in range((height + rows - 1) // rows):
            top, bottom = i * rows, min(height, i * rows + rows)
            out[:, :, top:bottom] = self.solved(
                plate[:, :, top:bottom],
                clean[:, :, top:bottom],
                alpha[:, :, top:bottom],
                estimate[:, :, top:bottom],
                spread[:, :, top:bottom, 0:width],
                noise[:, :, top:bottom],
                trusted,
            )
        return out

    def noise(self, plate: Tensor, clean: Tensor, alpha: Tensor) -> Tensor:
        """Squared difference of the plates in the background nearby, 1 1 H W, from every fourth row."""
        height, width = plate.shape[2], plate.shape[3]
        background = (alpha[:, :, 0:height:4] <= 0.004).to(plate.dtype)
        difference = squared(plate[:, :, 0:height:4] - clean[:, :, 0:height:4]) * background
        sums = torch.cat([difference, background], 1)
        count = sums.shape[2]
        # Four of these rows to a strip of sixteen; the last may have fewer.
        strips = (height + 15) // 16
        strip = torch.arange(strips, device=plate.device).unsqueeze(1)
        belongs = (torch.arange(count, device=plate.device).unsqueeze(0) // 4 == strip).to(plate.dtype)
        belongs = belongs / torch.sum(belongs, 1, True)
        means = torch.matmul(belongs, torch.matmul(sums, areas((width + 15) // 16, width, sums).t()))
        small = push_pull(means[:, 0:1], means[:, 1:], 0.1)
        return _nn.upsample_bilinear2d(small, [height, width], False)

    def spread(self, plate: Tensor, clean: Tensor, alpha: Tensor, noise: Tensor) -> Tensor:
        """Colours of the foreground, spread over the whole picture (an odd size rounded up to even)."""
        height, width = plate.shape[2], plate.shape[3]
        behind = 1.0 - alpha
        # What thin coverage says is worth less the further off the clean plate is.
        doubt = behind * behind * noise / (0.01 * squared(clean) + 1e-4) + 1.0
        part = alpha / doubt
        light = (alpha * clean - clean + plate) * part
        sums = torch.cat([light, part * alpha], 1)
        if height % 2 == 1 or width % 2 == 1:
            sums = _nn.replication_pad2d(sums, [0, width % 2, 0, height % 2])
        sums = _nn.avg_pool2d(sums, [2, 2], [2, 2])
        colors = push_pull(sums[:, 0:3], sums[:, 3:], 0.02)
        # Noise in thin coverage may leave less light than none.
        darkest = min(0.0, float(torch.min(plate).item()), float(torch.min(clean).item()))
        colors = torch.clamp(colors, min=darkest)
        return _nn.upsample_bilinear2d(colors, [colors.shape[2] * 2, colors.shape[3] * 2], False)

    def solved(
        self,
        plate: Tensor,
        clean: Tensor,
        alpha: Tensor,
        estimate: Tensor,
        spread: Tensor,
        noise: Tensor,
        trusted: float,
    ) -> Tensor:
        """Tikhonov's solution, pixel by pixel."""
        brightest = torch.max(estimate, 1, True)[0]
        believed = torch.clamp((1.2 * trusted - brightest) * (2.5 / trusted), 0.0, 1.0)
        believed = believed * torch.clamp(alpha * 20.0, max=1.0)
        prior = spread + believed * (estimate - spread)
        light = squared(prior) + 1e-4
        steady = squared(clean) + 1e-4
        steady = steady / (steady + light) * self.strength + 4.0 * noise / light
        behind = 1.0 - alpha
        steady = steady * behind * behind + 1e-12
        found = alpha * clean - clean + plate
        # Less light than none is an error of alpha or clean plate, unless plate or prior have it.
        found = torch.max(found, torch.clamp(torch.min(plate, prior), max=0.0))
        total = alpha * alpha + steady
        solution = found * (alpha / total) + prior * (steady / total)
        return torch.where((alpha >= 1.0).expand_as(plate), plate, solution)
