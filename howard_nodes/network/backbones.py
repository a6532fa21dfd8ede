"""The authors' coarse networks: MobileNetV2 and ResNet encoders, atrous pyramid, decoder.

Module names are those of the published BackgroundMattingV2 checkpoints (and thus of torchvision's encoders),
so that their weights load without renaming.

References
----------
.. [1] S. Lin et al., "Real-Time High-Resolution Background Matting", CVPR 2021.
.. [2] M. Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018.
.. [3] K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016.
.. [4] L.-C. Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation", 2017.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from howard_nodes.network.depthwise import DepthwiseConv2d

__all__ = ["AtrousPyramid", "Decoder", "MobileNetV2Encoder", "ResNetEncoder"]


def _conv_norm_relu6(
    inputs: int, outputs: int, kernel: int, *, stride: int = 1, dilation: int = 1, depthwise: bool = False
) -> nn.Sequential:
    padding = (kernel - 1) // 2 * dilation
    conv = (
        DepthwiseConv2d(outputs, kernel, stride=stride, padding=padding, dilation=dilation)
        if depthwise
        else nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=False)
    )
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU6(inplace=True))


class _InvertedResidual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int, dilation: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.residual = stride == 1 and inputs == outputs
        layers: list[nn.Module] = [_conv_norm_relu6(inputs, hidden, 1)] if expansion != 1 else []
        layers += [
            _conv_norm_relu6(hidden, hidden, 3, stride=stride, dilation=dilation, depthwise=True),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)


class MobileNetV2Encoder(nn.Module):
    """MobileNetV2 to stride 16, its last stage dilated instead of strided.

    Parameters
    ----------
    inputs : int
        Channels of the input.
    """

    # expansion, channels, repeats, stride, dilation; the 160s keep the first block undilated
    STAGES: ClassVar[list[tuple[int, int, int, int, int]]] = [
        (1, 16, 1, 1, 1),
        (6, 24, 2, 2, 1),
        (6, 32, 3, 2, 1),
        (6, 64, 4, 2, 1),
        (6, 96, 3, 1, 1),
        (6, 160, 1, 1, 1),
        (6, 160, 2, 1, 2),
        (6, 320, 1, 1, 2),
    ]
    # After these features come the shortcuts, at strides 2, 4 and 8.
    SHORTCUTS = (1, 3, 6)
    shortcut_channels = (32, 24, 16)
    channels = 320

    def __init__(self, inputs: int = 6) -> None:
        super().__init__()
        layers: list[nn.Module] = [_conv_norm_relu6(inputs, 32, 3, stride=2)]
        previous = 32
        for expansion, width, repeats, stride, dilation in self.STAGES:
            for i in range(repeats):
                layers.append(
                    _InvertedResidual(previous, width, stride if i == 0 else 1, expansion, dilation)
                )
                previous = width
        self.features = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Give the features at strides 16, 8, 4, 2 and the input itself.

        Parameters
        ----------
        x : Tensor
            N C h w.

        Returns
        -------
        list of Tensor
            Coarsest first.
        """
        results = [x]
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in self.SHORTCUTS:
                results.append(x)
        return [x, *reversed(results)]


class _Bottleneck(nn.Module):
    def __init__(self, inputs: int, width: int, stride: int, dilation: int) -> None:
        super().__init__()
        outputs = width * 4
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        y += x if self.downsample is None else self.downsample(x)
        return self.relu(y)


class ResNetEncoder(nn.Module):
    """ResNet-50 or ResNet-101 to stride 16, its last stage dilated instead of strided.

    Parameters
    ----------
    repeats : sequence of int
        Blocks of the four stages: (3, 4, 6, 3) or (3, 4, 23, 3).
    inputs : int
        Channels of the input.
    """

    shortcut_channels = (512, 256, 64)
    channels = 2048

    def __init__(self, repeats: Sequence[int], inputs: int = 6) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        previous = 64
        stages = []
        for stage, (width, count) in enumerate(zip((64, 128, 256, 512), repeats, strict=True), 1):
            blocks = []
            for i in range(count):
                stride = 2 if i == 0 and stage in (2, 3) else 1
                dilation = 2 if i > 0 and stage == 4 else 1
                blocks.append(_Bottleneck(previous, width, stride, dilation))
                previous = width * 4
            stages.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3, self.layer4 = stages

    def forward(self, x: Tensor) -> list[Tensor]:
        """Give the features at strides 16, 8, 4, 2 and the input itself.

        Parameters
        ----------
        x : Tensor
            N C h w.

        Returns
        -------
        list of Tensor
            Coarsest first.
        """
        x0 = x
        x1 = self.relu(self.bn1(self.conv1(x0)))
        x2 = self.layer1(self.maxpool(x1))
        x3 = self.layer2(x2)
        return [self.layer4(self.layer3(x3)), x3, x2, x1, x0]


def _conv_norm_relu(inputs: int, outputs: int, kernel: int, dilation: int = 1) -> list[nn.Module]:
    padding = dilation if kernel == 3 else 0
    return [
        nn.Conv2d(inputs, outputs, kernel, padding=padding, dilation=dilation, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]


class _Overall(nn.Sequential):
    """The mean of the whole picture, seen by every pixel."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(1), *_conv_norm_relu(inputs, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).expand(-1, -1, *x.shape[2:])


class AtrousPyramid(nn.Module):
    """DeepLabV3's pyramid with rates 3, 6, 9 and 256 channels.

    Parameters
    ----------
    inputs : int
        Channels of the input.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__()
        branches: list[nn.Module] = [nn.Sequential(*_conv_norm_relu(inputs, 256, 1))]
        branches += [nn.Sequential(*_conv_norm_relu(inputs, 256, 3, rate)) for rate in (3, 6, 9)]
        self.convs = nn.ModuleList([*branches, _Overall(inputs, 256)])
        self.project = nn.Sequential(*_conv_norm_relu(5 * 256, 256, 1), nn.Dropout(0.5))

    def forward(self, x: Tensor) -> Tensor:
        """Gather context.

        Parameters
        ----------
        x : Tensor
            N C h w.

        Returns
        -------
        Tensor
            N 256 h w.
        """
        return self.project(torch.cat([branch(x) for branch in self.convs], 1))


class Decoder(nn.Module):
    """Enlarges step by step, at each joined by the encoder's features of that resolution.

    Parameters
    ----------
    shortcuts : sequence of int
        Channels of the encoder's features at strides 8, 4, 2 and 1.
    outputs : int
        Channels of the result.
    """

    def __init__(self, shortcuts: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(shortcuts[0] + 256, 128, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(128)
        self.conv2 = nn.Conv2d(shortcuts[1] + 128, 64, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.conv3 = nn.Conv2d(shortcuts[2] + 64, 48, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(48)
        self.conv4 = nn.Conv2d(shortcuts[3] + 48, outputs, 3, padding=1)

    def forward(self, x: Tensor, x3: Tensor, x2: Tensor, x1: Tensor, x0: Tensor) -> Tensor:
        """Decode.

        Parameters
        ----------
        x, x3, x2, x1, x0 : Tensor
            Features at strides 16, 8, 4, 2 and 1.

        Returns
        -------
        Tensor
            N outputs h w, at the size of `x0`.
        """
        x = F.relu_(self.bn1(self.conv1(_join(x, x3))))
        x = F.relu_(self.bn2(self.conv2(_join(x, x2))))
        x = F.relu_(self.bn3(self.conv3(_join(x, x1))))
        return self.conv4(_join(x, x0))


def _join(x: Tensor, shortcut: Tensor) -> Tensor:
    x = F.interpolate(x, shortcut.shape[2:], mode="bilinear", align_corners=False)
    return torch.cat([x, shortcut], 1)
