"""The refiner without gradients: the same numbers, in a fraction of the time.

Lin et al. enlarge all feature channels over the whole picture, then cut 8x8 windows around the chosen
patches. Here neighbouring patches are computed together in square blocks, which share their margins, and only
what the blocks need is interpolated. Each 2x2 pixels of full resolution form one cell with four times the
channels, so that all four convolutions run on the half-resolution grid: nothing is enlarged, and a 3x3 kernel
of full resolution becomes a 2x2 kernel of cells.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from howard_nodes.network.refiner import Refiner, inside_window, sample_enlarged

__all__ = ["refine_blocks"]

# Block edges to choose from, in patches.
_EDGES = (1, 2, 4, 8, 16)
# Cells computed at once. It bounds the memory: no tensor of a CPU's is above 32 MB, from where on Linux hands
# out fresh pages each time, which takes longer than computing them.
_CELLS_CPU = 131_072
_CELLS_GPU = 1_048_576


def refine_blocks(
    refiner: Refiner,
    plate: Tensor,
    clean: Tensor,
    alpha: Tensor,
    residual: Tensor,
    features: Tensor,
    region: Tensor,
) -> tuple[Tensor, Tensor]:
    """Refine the chosen patches of a picture.

    Parameters
    ----------
    refiner : Refiner
        In eval mode.
    plate, clean : Tensor
        N 3 H W, encoded 0..1; H and W divisible by 4. Fastest in channels-last memory.
    alpha, residual, features : Tensor
        The coarse stage's result, N 1|3|F h w.
    region : Tensor
        N H/4 W/4, bool: the patches to refine.

    Returns
    -------
    alpha : Tensor
        N 1 H W, 0..1.
    foreground : Tensor
        N 3 H W, encoded 0..1, channels-last in memory.
    """
    height, width = plate.shape[2:]
    last = torch.channels_last
    plate = plate.contiguous(memory_format=last)
    clean = clean.contiguous(memory_format=last)
    out_alpha = _enlarge(alpha, height, width).clamp_(0, 1).contiguous()
    foreground = _enlarge(residual, height, width).add_(plate).clamp_(0, 1)

    edge = _best_edge(region, refiner)
    if edge is None:
        return out_alpha, foreground
    chosen, n, row, column = _tile(region, edge)
    weights = _Weights(refiner)
    coarse = torch.cat([x.permute(0, 2, 3, 1) for x in (features, alpha, residual)], 3)
    pictures = [x.permute(0, 2, 3, 1).reshape(-1, 6) for x in (plate, clean)]
    # A patch is four runs of four pixels.
    alpha_runs = out_alpha.view(-1, 4)
    foreground_runs = foreground.permute(0, 2, 3, 1).view(-1, 12)
    runs = torch.arange(4, device=plate.device) * (width // 4)

    step = max(1, (_CELLS_CPU if plate.device.type == "cpu" else _CELLS_GPU) // (2 * edge + 6) ** 2)
    for start in range(0, len(n), step):
        part = slice(start, start + step)
        values, pixels = _compute(
            weights, pictures, coarse, n[part], row[part], column[part], edge, height, width
        )
        block, patch_row, patch_column = chosen[part].nonzero(as_tuple=True)
        # Pictures are in the network's numbers, which on a GPU are half; coarse maps never are.
        values = _patches(values, edge, 4)[block, patch_row, patch_column].to(out_alpha.dtype)
        pixels = _patches(pixels, edge, 3)[block, patch_row, patch_column]
        at = (n[part][block] * height + (row[part][block] * edge + patch_row) * 4) * (width // 4)
        at = at + column[part][block] * edge + patch_column
        index = (at[:, None] + runs).view(-1)
        alpha_runs.index_copy_(0, index, values[..., 0].clamp(0, 1).reshape(-1, 4))
        refined = (values[..., 1:] + pixels).clamp_(0, 1)
        foreground_runs.index_copy_(0, index, refined.reshape(-1, 12))
    return out_alpha, foreground


def _compute(
    weights: _Weights,
    pictures: list[Tensor],
    coarse: Tensor,
    n: Tensor,
    row: Tensor,
    column: Tensor,
    edge: int,
    height: int,
    width: int,
) -> tuple[Tensor, Tensor]:
    """Run the four convolutions on blocks; gives K 2e 2e cells of results (16) and of plate pixels (12)."""
    size = 2 * edge + 6
    half_height, half_width = height // 2, width // 2
    steps = torch.arange(-3, size - 3, device=n.device)
    rows = row[:, None] * (2 * edge) + steps
    columns = column[:, None] * (2 * edge) + steps
    above = (n[:, None] * height + rows.clamp(0, half_height - 1) * 2) * half_width
    across = columns.clamp(0, half_width - 1)
    across = torch.stack([across, across + half_width], 2).view(len(n), 1, -1)
    index = (above[:, :, None] + across).view(-1)
    cells = torch.stack([x.index_select(0, index).view(-1, size, size, 12) for x in pictures], 3).flatten(3)
    x = sample_enlarged(coarse, n, rows, columns, (half_height, half_width))
    least, most = n.new_tensor([0, 0]), n.new_tensor([half_height - 1, half_width - 1])
    first, last = torch.stack([rows[:, 0], columns[:, 0]], 1), torch.stack([rows[:, -1], columns[:, -1]], 1)
    border = ((first < least) | (last > most)).any(1).nonzero()[:, 0]
    if len(border):
        inside = inside_window(rows[border], columns[border], half_height, half_width)
        cells[border] *= inside
        x[border] *= inside

    plate_pixels = cells[:, 3:-3, 3:-3, :12]
    cells, x = cells.to(weights.mean.dtype), x.to(weights.mean.dtype)
    half = F.conv2d(cells.permute(0, 3, 1, 2), weights.mean)
    x = torch.cat([x.permute(0, 3, 1, 2), half], 1)
    x = F.relu_(F.conv2d(x, *weights.conv1))
    x = F.relu_(F.conv2d(x, *weights.conv2))
    x = torch.cat([x, cells[:, 2:-2, 2:-2].permute(0, 3, 1, 2)], 1)
    x = F.relu_(F.conv2d(x, *weights.conv3))
    x = F.conv2d(x, *weights.conv4)
    return x.permute(0, 2, 3, 1).to(plate_pixels.dtype), plate_pixels


def _enlarge(image: Tensor, height: int, width: int) -> Tensor:
    """Enlarge bilinearly into channels-last memory, columns first: rows are then mixed whole."""
    image = image.contiguous(memory_format=torch.channels_last)
    small = image.shape[2]
    factor = height // small
    if factor * small != height or factor % 2:
        out = F.interpolate(image, (height, width), mode="bilinear", align_corners=False)
        return out.contiguous(memory_format=torch.channels_last)
    if image.shape[3] * factor == width:
        wide = _widen(image, factor)
    else:
        wide = F.interpolate(image, (small, width), mode="bilinear", align_corners=False).permute(0, 2, 3, 1)
    wide = torch.cat([wide[:, :1], wide, wide[:, -1:]], 1)
    out = wide.new_empty((len(wide), small, factor, *wide.shape[2:]))
    for i in range(factor):
        first, part = _between(i, factor)
        pair = wide[:, first : first + small], wide[:, first + 1 : first + 1 + small]
        torch.lerp(*pair, part, out=out[:, :, i])
    return out.view(len(wide), height, width, -1).permute(0, 3, 1, 2)


def _widen(image: Tensor, factor: int) -> Tensor:
    """Enlarge N C h w in width alone to N h w*factor C; as a convolution, which is ten times as fast."""
    channels = image.shape[1]
    image = torch.cat([image[..., :1], image, image[..., -1:]], 3)
    taps = image.new_zeros((factor, channels, channels, 1, 3))
    for i in range(factor):
        first, part = _between(i, factor)
        taps[i, :, :, 0, first] = torch.eye(channels) * (1 - part)
        taps[i, :, :, 0, first + 1] = torch.eye(channels) * part
    wide = F.conv2d(image, taps.flatten(0, 1).contiguous(memory_format=torch.channels_last))
    return wide.permute(0, 2, 3, 1).reshape(len(image), image.shape[2], -1, channels)


def _between(i: int, factor: int) -> tuple[int, float]:
    """Find the left neighbour of step `i`, counted from the pixel before, and the right one's weight."""
    position = (i + 0.5) / factor + 0.5
    return int(position), position - int(position)


def _patches(cells: Tensor, edge: int, channels: int) -> Tensor:
    """K 2e 2e 4c cells as K e e 4 4 c patches, rows of pixels before columns."""
    x = cells.reshape(-1, edge, 2, edge, 2, 2, 2, channels)
    return x.permute(0, 1, 3, 2, 5, 4, 6, 7)


class _Weights:
    """A refiner's weights with the normalisations folded in and full resolution turned into cells."""

    def __init__(self, refiner: Refiner) -> None:
        last = torch.channels_last
        weight1, bias1 = _fold(refiner.conv1, refiner.bn1)
        weight2, bias2 = _fold(refiner.conv2, refiner.bn2)
        weight3, bias3 = _fold(refiner.conv3, refiner.bn3)
        weight4, bias4 = refiner.conv4.weight, refiner.conv4.bias
        assert bias4 is not None
        # Pixel a of a cell sees, through tap k, pixel e of the cell d further on where a + k = 2 d + e.
        taps = torch.zeros((2, 3, 2, 2), dtype=weight1.dtype, device=weight1.device)
        for a in range(2):
            for k in range(3):
                taps[a, k, (a + k) // 2, (a + k) % 2] = 1
        inner = refiner.widths[1]
        third = refiner.widths[2]
        enlarged = torch.einsum("oikl,akd,blg->aboidg", weight3[:, :inner], taps.sum(3), taps.sum(3))
        pictures = torch.einsum(
            "opikl,akde,blgf->abopefidg", weight3[:, inner:].unflatten(1, (2, 3)), taps, taps
        )
        cells3 = torch.cat([enlarged.flatten(0, 2), pictures.flatten(0, 2).flatten(1, 4)], 1)
        cells4 = torch.einsum("oikl,akde,blgf->aboefidg", weight4, taps, taps).flatten(0, 2).flatten(1, 3)
        assert cells3.shape[:2] == (4 * third, inner + 24)
        self.conv1 = (weight1.contiguous(memory_format=last), bias1)
        self.conv2 = (weight2.contiguous(memory_format=last), bias2)
        self.conv3 = (cells3.contiguous(memory_format=last), bias3.repeat(4))
        self.conv4 = (cells4.contiguous(memory_format=last), bias4.repeat(4))
        # The half-resolution picture: the mean of each cell.
        mean = torch.eye(3, dtype=weight1.dtype, device=weight1.device).repeat(1, 4) / 4
        self.mean = torch.block_diag(mean, mean)[:, :, None, None].contiguous(memory_format=last)


def _fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
    return conv.weight * scale[:, None, None, None], norm.bias - norm.running_mean * scale


def _tile(region: Tensor, edge: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Find the blocks that hold chosen patches: which patches (K e e), picture, block row and column (K)."""
    rows, columns = (-(-size // edge) for size in region.shape[1:])
    region = F.pad(region, (0, columns * edge - region.shape[2], 0, rows * edge - region.shape[1]))
    tiles = region.view(-1, rows, edge, columns, edge).transpose(2, 3)
    n, row, column = tiles.flatten(3).any(3).nonzero(as_tuple=True)
    return tiles[n, row, column], n, row, column


def _best_edge(region: Tensor, refiner: Refiner) -> int | None:
    """Find the block edge that costs least for this region; None where nothing is chosen."""
    first, second, third = refiner.widths
    level = region[:, None].float()
    counts = []
    for i, edge in enumerate(_EDGES):
        if i:
            level = F.max_pool2d(level, edge // _EDGES[i - 1], ceil_mode=True)
        counts.append(level.sum())
    costs = []
    for edge, blocks in zip(_EDGES, torch.stack(counts).tolist(), strict=True):
        half = 2 * edge
        lanes = [-(-width // 16) * 16 for width in (first, second, 4 * third)]
        # Multiplications, and for each cell the price of gathering it, measured as about 3,500 of them.
        cost = (half + 6) ** 2 * 3500 + (half + 4) ** 2 * 9 * (refiner.features + 10) * lanes[0]
        cost += (half + 2) ** 2 * 9 * first * lanes[1] + (half + 1) ** 2 * 4 * (second + 24) * lanes[2]
        cost += half**2 * 4 * 4 * third * 16
        costs.append((blocks * cost, edge, blocks))
    best = min(costs)
    return best[1] if best[2] else None
