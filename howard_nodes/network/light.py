"""The third look at an edge: a network that is told what the light says, and decides whom to believe.

Unmixing asks the light of each pixel alone and weighs what it hears by rules. This network sees the same
evidence over a neighbourhood, beside what the coarse network and the refiner made of it: alpha, its error,
the foreground, features. It works on cells of 2x2 pixels where coverage is in doubt and nowhere else. As
cells lie along edges, its convolutions are sparse: a cell that is not there counts as zero [1]_.

References
----------
.. [1] B. Graham, M. Engelcke, L. van der Maaten, "3D Semantic Segmentation with Submanifold Sparse
   Convolutional Networks", CVPR 2018.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["Judged", "LightRefiner", "features_at", "light_inputs"]

# Of each pixel: plate and clean plate, alpha and its error, the evidence; of each cell: foreground colour by
# the light and by the network, texture; then the coarse stage's features.
_PIXEL, _CELL = 3 + 3 + 2 + 8, 3 + 3 + 1
_OUT = 4 * 4 + 3
# Cells computed at a time: what they gather stays in a core's cache.
_CHUNK = 2048
# How sure the network must be before another word counts than that of the light.
_RELUCTANT = -2.0
# How far alpha may move for each doubt about it.
_FREE = 10.0


@dataclass(frozen=True)
class Judged:
    """What the network makes of the evidence.

    Attributes
    ----------
    alpha : Tensor
        N 4: of each cell's pixels, not limited to 0..1.
    doubt : Tensor
        N 4: the mean absolute error to be expected of it, not limited.
    foreground : Tensor
        N 3: straight, in the network's encoding, not limited.
    """

    alpha: Tensor
    doubt: Tensor
    foreground: Tensor


class LightRefiner(nn.Module):
    """Weighs evidence about alpha over neighbourhoods of cells.

    Parameters
    ----------
    features : int
        Feature channels that come from the coarse stage.
    widths : sequence of int
        Channels at cells of 2, 4 and 8 pixels.
    """

    def __init__(self, features: int = 16, widths: Sequence[int] = (32, 48, 64)) -> None:
        super().__init__()
        first, second, third = widths
        self.features = features
        self.widths = (first, second, third)
        self.inputs = nn.Linear(4 * _PIXEL + _CELL + features, first)
        self.down = nn.ModuleList([nn.Linear(first, second), nn.Linear(second, third)])
        self.up = nn.ModuleList([nn.Linear(second, first), nn.Linear(third, second)])
        self.before = nn.ModuleList([_Block(first), _Block(second), _Block(third)])
        self.after = nn.ModuleList([_Block(first), _Block(second)])
        self.out = nn.Linear(first, _OUT)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    @torch.no_grad()
    def widened(self, times: int) -> LightRefiner:
        """Make a network with more channels that says the same, to the rounding of its sums.

        Parameters
        ----------
        times : int
            How many times as many channels, 2 or more.

        Returns
        -------
        LightRefiner
            What its new channels see is drawn at random; what they are worth is 0, and to be learnt.
        """
        wide = LightRefiner(self.features, [times * width for width in self.widths])
        wide.load_state_dict(
            {name: _grown(value, wide.state_dict()[name]) for name, value in self.state_dict().items()}
        )
        return wide

    def forward(self, inputs: Tensor, cells: Tensor) -> Judged:
        """Judge cells.

        Parameters
        ----------
        inputs : Tensor
            N C, from `light_inputs`.
        cells : Tensor
            B h w, bool: where the N cells lie, in reading order.

        Returns
        -------
        Judged
            Of the N cells.
        """
        levels = [_Level(cells)]
        for _ in self.down:
            levels.append(levels[-1].coarser())
        x = F.relu_(self.inputs(inputs))
        seen = []
        for level, block, down in zip(levels, self.before, [*self.down, None], strict=True):
            x = block(x, level)
            if down is not None:
                seen.append(x)
                x = F.relu_(down(level.gathered(x)))
        for level, block, up in list(zip(levels, self.after, self.up, strict=False))[::-1]:
            x = block(level.handed_down(up(x)).add_(seen.pop()), level)
        # Channels to a power of 2, which are added up alike on however many threads.
        more = (0, -_OUT % 32)
        out = F.linear(x, F.pad(self.out.weight, (0, 0, *more)), F.pad(self.out.bias, more))
        # Cells in parts of one size: where threads split an array, its numbers are rounded otherwise.
        parts = zip(out.split(_CHUNK), inputs.split(_CHUNK), strict=True)
        judged = [vars(self._judged(*part)).values() for part in parts]
        return Judged(*(torch.cat(values) for values in zip(*judged, strict=True)))

    def _judged(self, out: Tensor, inputs: Tensor) -> Judged:
        pixels = inputs[:, : 4 * _PIXEL].unflatten(1, (4, _PIXEL))
        believed, error, unmixed, deviation, light = pixels[..., 6:11].unbind(2)
        steps = out[:, :16].unflatten(1, (4, 4))
        network, alone = torch.sigmoid(steps[..., :2] + _RELUCTANT).unbind(2)
        change = network * (believed - unmixed) + alone * (light - unmixed) + steps[..., 2]
        # Nothing moves where nobody doubts it: no step shows to what was not asked about.
        doubted = torch.maximum(torch.maximum(error, deviation), (light - unmixed).abs())
        free = (_FREE * doubted).clamp(max=1.0)
        doubt = free * (0.3 * deviation + steps[..., 3])
        color = inputs[:, 4 * _PIXEL : 4 * _PIXEL + 3]
        return Judged(unmixed + free * change, doubt, color + out[:, 16:_OUT])


def _grown(known: Tensor, drawn: Tensor) -> Tensor:
    """Put what is known into a larger parameter: its outputs see nothing of what is new."""
    grown = drawn.clone()
    grown[: len(known)] = 0.0
    grown[tuple(slice(length) for length in known.shape)] = known
    return grown


class _Block(nn.Module):
    """Two sparse 3x3 convolutions beside what goes in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor, level: _Level) -> Tensor:
        return F.relu_(level.convolved(self.conv2, F.relu_(level.convolved(self.conv1, x))).add_(x))


class _SparseConvolution(torch.autograd.Function):
    """A 3x3 convolution where cells are; `beside` is N 9, who lies around each, N where nobody does."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, beside: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight, beside)
        out = x.new_empty((len(x), weight.shape[1]))
        for part, around in _around(x, beside):
            if bias is None:
                torch.mm(around, weight, out=out[part])
            else:
                torch.addmm(bias, around, weight, out=out[part])
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        x, weight, beside = ctx.saved_tensors
        # Whom a cell's eighth neighbour is to, it is the first of.
        turned = weight.unflatten(0, (9, -1)).flip(0).transpose(1, 2).flatten(0, 1)
        to_x = _SparseConvolution.apply(gradient.contiguous(), turned, None, beside)
        to_weight = torch.zeros_like(weight)
        for part, around in _around(x, beside):
            to_weight.addmm_(around.T, gradient[part])
        return to_x, to_weight, gradient.sum(0), None


def _around(x: Tensor, beside: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Each cell's nine neighbours side by side, some cells at a time."""
    padded = F.pad(x, (0, 0, 0, 1))
    # Into memory that is there: fresh pages cost as much as what is done with them.
    room = x.new_empty((9 * min(_CHUNK, len(x)), x.shape[1]))
    for start in range(0, len(x), _CHUNK):
        part = slice(start, min(start + _CHUNK, len(x)))
        near = beside[part].reshape(-1)
        gathered = room[: len(near)]
        torch.index_select(padded, 0, near, out=gathered)
        yield part, gathered.view(-1, 9 * x.shape[1])


class _Level:
    """Cells of one size: who is beside whom, and who lies in whom."""

    def __init__(self, cells: Tensor) -> None:
        self.cells = cells
        self.count = int(cells.sum())
        batch, height, width = cells.shape
        self.index = cells.new_full((batch, height + 2, width + 2), self.count, dtype=torch.int32)
        picture, row, column = self.where = cells.nonzero(as_tuple=True)
        self.index[picture, row + 1, column + 1] = torch.arange(
            self.count, dtype=torch.int32, device=cells.device
        )
        at = (picture * (height + 2) + row) * (width + 2) + column
        steps = torch.tensor([i * (width + 2) + j for i in range(3) for j in range(3)], device=cells.device)
        self.beside = self.index.view(-1)[at[:, None] + steps]

    def convolved(self, conv: nn.Conv2d, x: Tensor) -> Tensor:
        weight = conv.weight.permute(2, 3, 1, 0).flatten(0, 2)
        return _SparseConvolution.apply(x, weight, conv.bias, self.beside)

    def coarser(self) -> _Level:
        """Give the cells twice as large that hold these."""
        height, width = self.cells.shape[1:]
        padded = F.pad(self.cells, (0, width % 2, 0, height % 2))
        blocks = padded.unflatten(2, (-1, 2)).unflatten(1, (-1, 2))
        larger = _Level(blocks.any(4).any(2))
        picture, row, column = self.where
        self.parents = larger.index[picture, row // 2 + 1, column // 2 + 1]
        self.shares = torch.bincount(self.parents, minlength=larger.count).clamp(min=1)
        return larger

    def gathered(self, x: Tensor) -> Tensor:
        """Give each larger cell the mean of those that lie in it."""
        sums = x.new_zeros((len(self.shares), x.shape[1])).index_add(0, self.parents, x)
        return sums / self.shares[:, None].to(x.dtype)

    def handed_down(self, x: Tensor) -> Tensor:
        """Give each cell what the larger one has that it lies in."""
        return x.index_select(0, self.parents)


def light_inputs(
    plate: Tensor,
    clean: Tensor,
    alpha: Tensor,
    error: Tensor,
    evidence: Tensor,
    cell_color: Tensor,
    own_color: Tensor,
    texture: Tensor,
    features: Tensor,
) -> Tensor:
    """Put together what a `LightRefiner` sees of N cells.

    Parameters
    ----------
    plate, clean : Tensor
        N 4 3, the network's encoding: of each cell's pixels, rows before columns.
    alpha, error : Tensor
        N 4, 0 to 1: what went into the unmixing.
    evidence : Tensor
        N 4 8, of `howard_nodes.solve.Evidence`.
    cell_color, own_color : Tensor
        N 3, the network's encoding: the foreground by the light, and by the network.
    texture : Tensor
        N, of `howard_nodes.solve.Evidence`.
    features : Tensor
        N F, the coarse stage's.

    Returns
    -------
    Tensor
        N C.
    """
    pixels = torch.cat([plate, clean, alpha[..., None], error[..., None], evidence], 2)
    return torch.cat([pixels.flatten(1), cell_color, own_color, texture[:, None], features], 1)


def features_at(features: Tensor, rows: Tensor, columns: Tensor, height: int, width: int) -> Tensor:
    """Sample the coarse stage's features at the middle of cells, bilinearly.

    Parameters
    ----------
    features : Tensor
        1 F h w.
    rows, columns : Tensor
        N each: of the cells.
    height, width : int
        Of the picture.

    Returns
    -------
    Tensor
        N F.
    """
    # As elsewhere, the coarse picture covers the picture rounded up to a multiple of 4.
    size = [-(-length // 4) * 4 for length in (width, height)]
    at = torch.stack([(2 * columns + 1) / size[0], (2 * rows + 1) / size[1]], 1).to(features.dtype)
    sampled = F.grid_sample(
        features, (2 * at - 1)[None, None], mode="bilinear", padding_mode="border", align_corners=False
    )
    return sampled[0, :, 0].T
