"""The coarse networks, all in one form: stages, pyramid, decoder."""

# TorchScript wants the types of attributes themselves, so there is no __future__ import here.

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from howard_nodes.network import MattingNetwork

__all__ = ["CoarseNetwork", "Conv", "units"]

# The operators themselves: their wrappers in torch.nn.functional differ from version to version.
_nn: Any = torch._C._nn

_LINEAR, _RELU, _RELU6 = 0, 1, 2


class Conv(nn.Module):
    """A convolution, its normalisation folded in, and what is applied to its result.

    It computes in the input's type, whatever its weights' is: a host that halves the weights must not break
    it where there is no half precision, on CPUs.

    Parameters
    ----------
    conv : Conv2d
        With or without bias.
    norm : BatchNorm2d, optional
        In eval mode.
    activation : int
        0 for none, 1 for ReLU, 2 for ReLU6.
    """

    weight: Tensor
    bias: Tensor

    def __init__(
        self, conv: nn.Conv2d, norm: nn.BatchNorm2d | None = None, activation: int = _LINEAR
    ) -> None:
        super().__init__()
        if norm is not None:
            conv = fuse_conv_bn_eval(conv, norm)
        bias = torch.zeros(conv.out_channels) if conv.bias is None else conv.bias.detach()
        # Buffers, not parameters: nothing is to be trained, and a host need not switch gradients off.
        self.register_buffer("weight", conv.weight.detach().clone())
        self.register_buffer("bias", bias.clone())
        self.stride = [int(step) for step in conv.stride]
        self.padding = [int(margin) for margin in conv.padding]
        self.dilation = [int(step) for step in conv.dilation]
        self.groups = conv.groups
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to N C H W."""
        weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
        y = torch.conv2d(x, weight, bias, self.stride, self.padding, self.dilation, self.groups)
        if self.activation == 1:
            return torch.relu(y)
        if self.activation == 2:
            return torch.clamp(y, 0.0, 6.0)
        return y


class _Residual(nn.Module):
    """The sum of a body and a shortcut, with or without ReLU."""

    def __init__(self, body: nn.Module, shortcut: nn.Module, activate: bool) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x) + self.shortcut(x)
        return torch.relu(y) if self.activate else y


class _MaxPool(nn.Module):
    """A 3x3 maximum at every second pixel."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.max_pool2d(x, [3, 3], [2, 2], [1, 1])


class _Pyramid(nn.Module):
    """Branches that look near and far, and one that sees the mean of the whole picture."""

    def __init__(self, branches: Sequence[nn.Module], overall: nn.Module, project: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)
        self.overall = overall
        self.project = project

    def forward(self, x: Tensor) -> Tensor:
        parts: list[Tensor] = []
        for branch in self.branches:
            parts.append(branch(x))
        mean = self.overall(torch.mean(x, [2, 3], True))
        parts.append(mean.expand([-1, -1, x.shape[2], x.shape[3]]))
        return self.project(torch.cat(parts, 1))


class CoarseNetwork(nn.Module):
    """The coarse network of a `MattingNetwork`, any backbone.

    Parameters
    ----------
    network : MattingNetwork
        As trained: not `prepared`.
    """

    def __init__(self, network: MattingNetwork) -> None:
        super().__init__()
        self.means = network.backbone_name == "lite0"
        self.signed = self.means and network.lite0.signed
        if self.means:
            self._take_lite0(network.lite0)
        else:
            self._take_authors(network)

    def forward(self, plate: Tensor, clean: Tensor) -> Tensor:
        """Predict, as `MattingNetwork.raw_coarse` does.

        Parameters
        ----------
        plate, clean : Tensor
            N 3 h w, encoded 0..1, at the coarse stage's resolution.

        Returns
        -------
        Tensor
            N (5 + F) h w, before any clamp: alpha, foreground residual, error, features.
        """
        x = torch.cat([plate, clean], 1)
        seen = (x - self.middle) / self.spread
        if self.signed:
            seen = torch.cat([seen, _signed_difference(plate, clean)], 1)
        skip2 = self.stage2(seen)
        skip4 = self.stage4(skip2)
        skip8 = self.stage8(skip4)
        y = self.pyramid(self.stage16(skip8))
        if self.means:
            x = torch.cat([x, torch.abs(plate - clean)], 1)
        y = self.decode8(self.join(y, skip8))
        y = self.decode4(self.join(y, skip4))
        y = self.decode2(self.join(y, skip2))
        return self.decode1(self.join(y, x))

    def join(self, y: Tensor, skip: Tensor) -> Tensor:
        """Enlarge `y` to the size of `skip` and put them side by side."""
        size = [skip.shape[2], skip.shape[3]]
        return torch.cat([_nn.upsample_bilinear2d(y, size, False), skip], 1)

    def _take_lite0(self, lite0: Any) -> None:
        self.middle, self.spread = 0.498, 0.502
        blocks = [_mobile_block(block) for block in lite0.trunk.blocks]
        self.stage2 = nn.Sequential(*units(lite0.trunk.stem), *blocks[:1])
        self.stage4 = nn.Sequential(*blocks[1:3])
        self.stage8 = nn.Sequential(*blocks[3:5])
        self.stage16 = nn.Sequential(*blocks[5:])
        context = lite0.context
        self.pyramid = _Pyramid(
            [nn.Sequential(*units(branch)) for branch in context.branches],
            nn.Sequential(Conv(context.overall, activation=_RELU)),
            nn.Sequential(*units(context.project)),
        )
        self.decode8 = nn.Sequential(*units(lite0.decode8))
        self.decode4 = nn.Sequential(*units(lite0.decode4))
        self.decode2 = nn.Sequential(*units(lite0.decode2))
        self.decode1 = nn.Sequential(Conv(lite0.decode1, activation=_RELU), Conv(lite0.head))

    def _take_authors(self, network: MattingNetwork) -> None:
        self.middle, self.spread = 0.0, 1.0
        parts: Any = network
        backbone, decoder = parts.backbone, parts.decoder
        stages: Sequence[list[nn.Module]]
        if network.backbone_name == "mobilenetv2":
            blocks = [_inverted_residual(block) for block in backbone.features]
            stages = blocks[:2], blocks[2:4], blocks[4:7], blocks[7:]
        else:
            layers = [[_bottleneck(block) for block in getattr(backbone, f"layer{i}")] for i in range(1, 5)]
            first: list[nn.Module] = [Conv(backbone.conv1, backbone.bn1, _RELU)]
            stages = first, [_MaxPool(), *layers[0]], layers[1], [*layers[2], *layers[3]]
        self.stage2, self.stage4, self.stage8, self.stage16 = (nn.Sequential(*stage) for stage in stages)
        *branches, overall = (nn.Sequential(*units(branch)) for branch in parts.aspp.convs)
        self.pyramid = _Pyramid(branches, overall, nn.Sequential(*units(parts.aspp.project)))
        self.decode8 = nn.Sequential(Conv(decoder.conv1, decoder.bn1, _RELU))
        self.decode4 = nn.Sequential(Conv(decoder.conv2, decoder.bn2, _RELU))
        self.decode2 = nn.Sequential(Conv(decoder.conv3, decoder.bn3, _RELU))
        self.decode1 = nn.Sequential(Conv(decoder.conv4))


def _signed_difference(plate: Tensor, clean: Tensor) -> Tensor:
    """Give what `howard_nodes.network.lite0.signed_difference` does."""
    difference = plate - clean
    energy = torch.mean(difference * difference, [1], True)
    size = [(energy.shape[2] + 7) // 8, (energy.shape[3] + 7) // 8]
    blocks = _nn.adaptive_avg_pool2d(energy, size).reshape([energy.shape[0], -1])
    quiet = torch.pow(torch.sort(blocks, 1)[0][:, blocks.shape[1] // 5], 0.5).reshape([-1, 1, 1, 1])
    return difference / (torch.abs(difference) + torch.clamp(4.0 * quiet, min=0.01))


def units(modules: Iterable[nn.Module]) -> list[nn.Module]:
    """Turn convolutions, normalisations and activations that follow one another into `Conv` modules.

    Parameters
    ----------
    modules : iterable of Module
        Sequentials are opened. What does nothing here (dropout; the mean, which the pyramid takes itself) is
        left out.

    Returns
    -------
    list of Module
        One for each convolution.
    """
    found: list[tuple[nn.Conv2d, nn.BatchNorm2d | None, int]] = []
    for module in _leaves(modules):
        if isinstance(module, nn.Conv2d):
            found.append((module, None, _LINEAR))
        elif isinstance(module, nn.BatchNorm2d):
            found[-1] = (found[-1][0], module, _LINEAR)
        elif isinstance(module, nn.ReLU6):
            found[-1] = (*found[-1][:2], _RELU6)
        elif isinstance(module, nn.ReLU):
            found[-1] = (*found[-1][:2], _RELU)
        elif not isinstance(module, nn.Dropout | nn.AdaptiveAvgPool2d):
            raise TypeError(f"{type(module).__name__} cannot be exported for the Inference node")
    return [Conv(*unit) for unit in found]


def _leaves(modules: Iterable[nn.Module]) -> Iterable[nn.Module]:
    for module in modules:
        if isinstance(module, nn.Sequential):
            yield from _leaves(module)
        else:
            yield module


def _mobile_block(block: Any) -> nn.Module:
    parts = [part for part in (block.expand, block.depthwise, block.project) if part is not None]
    return _with_shortcut(nn.Sequential(*units(parts)), block.residual)


def _inverted_residual(block: Any) -> nn.Module:
    if isinstance(block, nn.Sequential):  # the stem
        return nn.Sequential(*units(block))
    return _with_shortcut(nn.Sequential(*units(block.conv)), block.residual)


def _with_shortcut(body: nn.Module, residual: bool) -> nn.Module:
    return _Residual(body, nn.Identity(), False) if residual else body


def _bottleneck(block: Any) -> nn.Module:
    body = nn.Sequential(
        Conv(block.conv1, block.bn1, _RELU), Conv(block.conv2, block.bn2, _RELU), Conv(block.conv3, block.bn3)
    )
    shortcut = nn.Identity() if block.downsample is None else nn.Sequential(*units(block.downsample))
    return _Residual(body, shortcut, True)
