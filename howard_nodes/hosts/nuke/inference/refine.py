"""The refiner on blocks of patches: what `howard_nodes.network.blocks` does, in few operators."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from howard_nodes.hosts.nuke.inference.coarse import Conv
from howard_nodes.network.refiner import Refiner

__all__ = ["RefineNetwork", "select"]

_nn: Any = torch._C._nn

_RELU = 1
# Half-resolution cells computed at once; bounds the memory.
_CELLS = 262_144


def select(error: Tensor, height: int, width: int, mode: int, pixels: int, threshold: float) -> Tensor:
    """Choose the patches to refine, as `howard_nodes.network.refiner.select_region` does.

    Parameters
    ----------
    error : Tensor
        1 1 h w, 0..1.
    height, width : int
        Rows and columns of patches.
    mode : int
        0 sampling, 1 thresholding, 2 (or anything else) full.
    pixels : int
        To refine in mode 0.
    threshold : float
        Least error in mode 1.

    Returns
    -------
    Tensor
        1 1 ``height`` ``width``, bool.
    """
    if mode != 0 and mode != 1:
        return torch.ones([1, 1, height, width], dtype=torch.bool, device=error.device)
    if error.shape[2] != height or error.shape[3] != width:
        error = _nn.upsample_bilinear2d(error, [height, width], False)
    if mode == 1:
        return error > max(threshold, 0.0)
    flat = error.reshape([-1])
    count = min(pixels // 16, height * width)
    if count <= 0:
        return error < 0.0
    # topk alone leaves open which of several equal errors it takes.
    least = torch.min(torch.topk(flat, count)[0])
    above = flat > least
    equal = flat == least
    room = count - int(torch.sum(above.to(torch.int64)).item())
    equal = equal & (torch.cumsum(equal.to(torch.int64), 0) <= room)
    return ((above | equal) & (flat > 0.0)).reshape([1, 1, height, width])


def crop(image: Tensor, rows: Tensor, columns: Tensor, size: int) -> Tensor:
    """Cut squares out of an image.

    Parameters
    ----------
    image : Tensor
        1 C H W.
    rows, columns : Tensor
        Upper left corners, K.
    size : int
        Edge of the squares, which lie on the image entirely.

    Returns
    -------
    Tensor
        K C size size.
    """
    index = square_index(rows, columns, size, image.shape[3])
    channels = image.shape[1]
    pixels = torch.index_select(image.reshape([channels, -1]), 1, index)
    return pixels.reshape([channels, -1, size, size]).permute([1, 0, 2, 3])


def square_index(rows: Tensor, columns: Tensor, size: int, width: int) -> Tensor:
    """Give the numbers of squares' pixels on an image of that width, square by square: K * size * size."""
    steps = torch.arange(size, device=rows.device)
    down = (rows.unsqueeze(1) + steps) * width
    across = columns.unsqueeze(1) + steps
    return (down.unsqueeze(2) + across.unsqueeze(1)).reshape([-1])


class RefineNetwork(nn.Module):
    """The refiner.

    Parameters
    ----------
    refiner : Refiner
        As trained.
    """

    def __init__(self, refiner: Refiner) -> None:
        super().__init__()
        self.conv1 = Conv(refiner.conv1, refiner.bn1, _RELU)
        self.conv2 = Conv(refiner.conv2, refiner.bn2, _RELU)
        self.conv3 = Conv(refiner.conv3, refiner.bn3, _RELU)
        self.conv4 = Conv(refiner.conv4)
        self.cells = _CELLS

    def forward(self, pictures: Tensor, coarse: Tensor, region: Tensor, numbers: int) -> Tensor:
        """Refine the chosen patches.

        Parameters
        ----------
        pictures : Tensor
            1 6 H W float32, encoded plate and clean plate; H and W divisible by 4.
        coarse : Tensor
            1 (F + 4) h w float32: features, alpha, foreground residual.
        region : Tensor
            1 1 H/4 W/4, bool.
        numbers : int
            Type the convolutions compute in.

        Returns
        -------
        Tensor
            1 4 H W float32: alpha and foreground residual, not limited.
        """
        height, width = pictures.shape[2], pictures.shape[3]
        patch_rows, patch_columns = height // 4, width // 4
        channels = coarse.shape[1]
        out = _nn.upsample_bilinear2d(coarse[:, channels - 4 :], [height, width], False)
        chosen = region.to(torch.float32)
        if float(torch.max(chosen).item()) == 0.0:
            return out
        # Small blocks where little is chosen: fewer pixels for nothing. Large ones share their margins.
        edge = 4
        if float(torch.mean(chosen).item()) > 0.3:
            edge = 16
        rows, columns = (patch_rows + edge - 1) // edge, (patch_columns + edge - 1) // edge
        below, right = rows * edge - patch_rows, columns * edge - patch_columns
        tiles = torch.constant_pad_nd(chosen, [0, right, 0, below], 0.0)
        blocks = torch.nonzero(torch.max_pool2d(tiles, [edge, edge], [edge, edge])[0, 0])

        half = torch.cat(
            [
                _nn.upsample_bilinear2d(coarse, [height // 2, width // 2], False),
                _nn.avg_pool2d(pictures, [2, 2], [2, 2]),
            ],
            1,
        ).to(numbers)
        half = torch.constant_pad_nd(half, [3, 3 + right * 2, 3, 3 + below * 2], 0.0)
        full = torch.constant_pad_nd(pictures.to(numbers), [2, 2 + right * 4, 2, 2 + below * 4], 0.0)
        wide = width + right * 4
        refined = torch.zeros([4, (height + below * 4) * wide], device=out.device)
        step = max(1, self.cells // ((2 * edge + 6) * (2 * edge + 6)))
        count = blocks.shape[0]
        for i in range((count + step - 1) // step):
            first = blocks[i * step : min(count, i * step + step)]
            down, across = first[:, 0] * edge, first[:, 1] * edge
            x = crop(half, down * 2, across * 2, 2 * edge + 6)
            x = self.conv2(self.conv1(x))
            x = _nn.upsample_nearest2d(x, [4 * edge + 4, 4 * edge + 4])
            x = torch.cat([x, crop(full, down * 4, across * 4, 4 * edge + 4)], 1)
            x = self.conv4(self.conv3(x)).to(torch.float32)
            x = x.permute([1, 0, 2, 3]).reshape([4, -1])
            refined.index_copy_(1, square_index(down * 4, across * 4, 4 * edge, wide), x)
        refined = refined.reshape([1, 4, -1, wide])[:, :, 0:height, 0:width]
        there = _nn.upsample_nearest2d(chosen, [height, width]) > 0.5
        return torch.where(there.expand([1, 4, height, width]), refined, out)
