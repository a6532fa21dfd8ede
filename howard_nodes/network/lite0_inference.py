"""`lite0` without training: the same numbers with less copying.

Each decoder stage convolves its parts apart and adds the results, in place of a convolution over all of them
put together first: what is added has half the channels of what was to be copied.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from howard_nodes.network.lite0 import Lite0Coarse, trunk_input

__all__ = ["Lite0Inference"]


class Lite0Inference(nn.Module):
    """A trained `Lite0Coarse` whose normalisations are folded in.

    Parameters
    ----------
    coarse : Lite0Coarse
        Shares its weights with this one.
    """

    def __init__(self, coarse: Lite0Coarse) -> None:
        super().__init__()
        self.features = coarse.features
        self.signed = coarse.signed
        self.trunk = coarse.trunk
        self.branches = coarse.context.branches
        self.overall = coarse.context.overall
        branch = self.overall.out_channels
        self.project = _SplitConv(_first(coarse.context.project), [branch * len(self.branches), branch])
        self.decode8 = _SplitConv(_first(coarse.decode8), [128, 40])
        self.decode4 = _SplitConv(_first(coarse.decode4), [80, 24])
        self.decode2 = _SplitConv(_first(coarse.decode2), [48, 16])
        self.decode1 = _SplitConv(coarse.decode1, [32, 9])
        self.head = coarse.head

    def forward(self, plate: Tensor, clean: Tensor) -> Tensor:
        """Predict as `Lite0Coarse` does.

        Parameters
        ----------
        plate, clean : Tensor
            N 3 h w, the network's encoding, 0 to 1; any height and width.

        Returns
        -------
        Tensor
            N (5 + features) h w, before any clamp: alpha, foreground residual (3), error, features.
        """
        x = torch.cat([plate, clean], 1)
        y, skip8, skip4, skip2 = self.trunk(trunk_input(x, self.signed))
        overall = F.relu_(_of_one_pixel(y.mean((2, 3), keepdim=True), self.overall.weight, self.overall.bias))
        y = self.project(torch.cat([branch(y) for branch in self.branches], 1), overall)
        x = torch.cat([x, (plate - clean).abs()], 1)
        stages = (self.decode8, skip8), (self.decode4, skip4), (self.decode2, skip2), (self.decode1, x)
        for stage, skip in stages:
            y = F.interpolate(y, skip.shape[2:], mode="bilinear", align_corners=False)
            y = stage(y, skip)
        return self.head(y)


class _SplitConv(nn.Module):
    """A convolution of several inputs side by side, and ReLU."""

    def __init__(self, conv: nn.Conv2d, widths: Sequence[int]) -> None:
        super().__init__()
        assert conv.in_channels == sum(widths)
        assert conv.bias is not None
        self.padding = conv.padding
        self.bias = conv.bias
        self.weights = nn.ParameterList(
            nn.Parameter(part.contiguous(memory_format=torch.channels_last), requires_grad=False)
            for part in conv.weight.detach().split(list(widths), 1)
        )

    def forward(self, first: Tensor, *others: Tensor) -> Tensor:
        out = F.conv2d(first, self.weights[0], self.bias, padding=self.padding)
        for other, weight in zip(others, self.weights[1:], strict=True):
            if other.shape[2:] == weight.shape[2:] == (1, 1):
                out += _of_one_pixel(other, weight)
            else:
                out += F.conv2d(other, weight, padding=self.padding)
        return F.relu_(out)


def _of_one_pixel(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolve pictures of one pixel with 1x1 kernels, N C 1 1: added up alike on however many threads.

    A convolution's channels may be shared out among threads where there is nothing else to share.
    """
    out = (x.flatten(1)[:, None] * weight.flatten(1)).sum(2)
    return (out if bias is None else out + bias)[..., None, None]


def _first(stage: nn.Module) -> nn.Conv2d:
    conv = next(stage.children())
    assert isinstance(conv, nn.Conv2d)
    return conv
