"""The second stage: 4x4 patches of the picture refined at half and at full resolution.

The network is that of Lin et al., "Real-Time High-Resolution Background Matting" (CVPR 2021), section 3.2,
with free widths. How it is computed is ours: only what the chosen patches need is interpolated.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["Refiner", "inside_window", "sample_enlarged", "select_region"]


def select_region(
    error: Tensor,
    height: int,
    width: int,
    *,
    mode: str = "sampling",
    sample_pixels: int = 80_000,
    threshold: float = 0.1,
) -> Tensor:
    """Choose the 4x4 patches to refine.

    Parameters
    ----------
    error : Tensor
        The coarse stage's error map, N 1 h w, 0..1, at any size.
    height, width : int
        Rows and columns of patches: a quarter of the picture's.
    mode : {"sampling", "thresholding", "full"}
        ``sampling`` takes the ``sample_pixels // 16`` patches of highest error of each picture; among equals
        the first in reading order. ``thresholding`` takes every patch whose error is above ``threshold``.
        A patch whose error is exactly 0 is taken by neither: painting 0 into the error protects the coarse
        matte. ``full`` takes all.

    Returns
    -------
    Tensor
        N ``height`` ``width``, bool.
    """
    if mode == "full":
        return torch.ones((error.shape[0], height, width), dtype=torch.bool, device=error.device)
    error = error.detach()
    if error.shape[2:] != (height, width):
        error = F.interpolate(error, (height, width), mode="bilinear", align_corners=False)
    error = error[:, 0]
    if mode == "thresholding":
        return error > max(threshold, 0.0)
    if mode != "sampling":
        raise ValueError(f"refine mode {mode!r}: use sampling, thresholding or full")
    flat = error.reshape(error.shape[0], -1)
    count = min(sample_pixels // 16, flat.shape[1])
    if count <= 0:
        return torch.zeros_like(error, dtype=torch.bool)
    # topk alone leaves open which of several equal errors it takes; only its smallest value is used.
    least = flat.topk(count, dim=1, sorted=False).values.amin(1, keepdim=True)
    above = flat > least
    equal = flat == least
    room = count - above.sum(1, keepdim=True)
    if bool((equal.sum(1, keepdim=True) > room).any()):
        equal &= equal.cumsum(1) <= room
    chosen = above | equal
    return (chosen & (flat > 0)).view_as(error)


class Refiner(nn.Module):
    """Refines a coarse matte at full resolution where its error is high.

    Parameters
    ----------
    features : int
        Feature channels that come from the coarse stage.
    widths : sequence of int
        Output channels of conv1, conv2 (half resolution) and conv3 (full); the authors' by default.
    """

    def __init__(self, features: int = 32, widths: Sequence[int] = (24, 16, 12)) -> None:
        super().__init__()
        first, second, third = widths
        self.features = features
        self.widths = (first, second, third)
        self.conv1 = nn.Conv2d(features + 4 + 6, first, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(first)
        self.conv2 = nn.Conv2d(first, second, 3, bias=False)
        self.bn2 = nn.BatchNorm2d(second)
        self.conv3 = nn.Conv2d(second + 6, third, 3, bias=False)
        self.bn3 = nn.BatchNorm2d(third)
        self.conv4 = nn.Conv2d(third, 4, 3)

    def forward(
        self,
        plate: Tensor,
        clean: Tensor,
        alpha: Tensor,
        residual: Tensor,
        error: Tensor,
        features: Tensor,
        *,
        mode: str = "sampling",
        sample_pixels: int = 80_000,
        threshold: float = 0.1,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Refine, with gradients.

        Parameters
        ----------
        plate, clean : Tensor
            N 3 H W, encoded 0..1; H and W divisible by 4.
        alpha, residual, error, features : Tensor
            The coarse stage's result, N 1|3|1|F h w, at any size.
        mode, sample_pixels, threshold
            See `select_region`.

        Returns
        -------
        alpha : Tensor
            N 1 H W, not limited to 0..1.
        residual : Tensor
            N 3 H W, foreground minus plate, not limited.
        region : Tensor
            N 1 H/4 W/4, 1 where refined, else 0.
        """
        height, width = plate.shape[2:]
        pictures = torch.cat([plate, clean], 1)
        coarse = torch.cat([features, alpha, residual], 1)
        region = select_region(
            error, height // 4, width // 4, mode=mode, sample_pixels=sample_pixels, threshold=threshold
        )
        if mode == "full":
            out = self._whole(pictures, coarse)
        else:
            out = F.interpolate(coarse[:, -4:], (height, width), mode="bilinear", align_corners=False)
            where = region.nonzero(as_tuple=True)
            if len(where[0]):
                out = _replace(out, self._patches(pictures, coarse, where), where)
        return out[:, :1], out[:, 1:], region.unsqueeze(1).to(plate.dtype)

    def _half(self, x: Tensor, pictures: Tensor) -> Tensor:
        x = F.relu(self.bn1(_convolve(self.conv1, x, pictures)))
        return F.relu(self.bn2(self.conv2(x)))

    def _full(self, x: Tensor, pictures: Tensor) -> Tensor:
        return self.conv4(F.relu(self.bn3(_convolve(self.conv3, x, pictures))))

    def _whole(self, pictures: Tensor, coarse: Tensor) -> Tensor:
        height, width = pictures.shape[2:]
        size = (height // 2, width // 2)
        x = F.interpolate(coarse, size, mode="bilinear", align_corners=False)
        y = F.interpolate(pictures, size, mode="bilinear", align_corners=False)
        x = self._half(F.pad(x, (3, 3, 3, 3)), F.pad(y, (3, 3, 3, 3)))
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        return self._full(x, F.pad(pictures, (2, 2, 2, 2)))

    def _patches(self, pictures: Tensor, coarse: Tensor, where: tuple[Tensor, ...]) -> Tensor:
        n, row, column = where
        height, width = pictures.shape[2:]
        # 16 pixels of the picture give both the 8 of half resolution and, cropped, the 8 of full resolution.
        full = _crop(pictures, n, row * 4 - 6, column * 4 - 6, 16)
        half = F.avg_pool2d(full, 2)
        steps = torch.arange(-3, 5, device=row.device)
        rows, columns = row[:, None] * 2 + steps, column[:, None] * 2 + steps
        x = sample_enlarged(coarse.permute(0, 2, 3, 1), n, rows, columns, (height // 2, width // 2))
        x = x * inside_window(rows, columns, height // 2, width // 2)
        x = x.permute(0, 3, 1, 2)
        x = self._half(x, half)
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        return self._full(x, full[:, :, 4:-4, 4:-4])


def _convolve(conv: nn.Conv2d, x: Tensor, pictures: Tensor) -> Tensor:
    """Convolve `x` and the pictures put together, without the copy, and without the pictures' gradient."""
    channels = x.shape[1]
    out = F.conv2d(x, conv.weight[:, :channels], conv.bias)
    return out + F.conv2d(pictures, conv.weight[:, channels:])


def _crop(image: Tensor, n: Tensor, row: Tensor, column: Tensor, size: int) -> Tensor:
    """Squares of `image` (N C H W) at the given corners, 0 outside the image: P C size size."""
    height, width = image.shape[2:]
    steps = torch.arange(size, device=image.device)
    rows, columns = row[:, None] + steps, column[:, None] + steps
    inside = inside_window(rows, columns, height, width)
    index = n[:, None, None] * (height * width)
    index = index + rows.clamp(0, height - 1)[:, :, None] * width + columns.clamp(0, width - 1)[:, None, :]
    pixels = image.permute(0, 2, 3, 1).reshape(-1, image.shape[1])
    out = pixels.index_select(0, index.reshape(-1)).view(len(n), size, size, -1)
    return (out * inside).permute(0, 3, 1, 2)


def inside_window(rows: Tensor, columns: Tensor, height: int, width: int) -> Tensor:
    """Tell which pixels of windows lie on a picture.

    Parameters
    ----------
    rows, columns : Tensor
        Rows and columns of each window: P S and P T.
    height, width : int
        Size of the picture.

    Returns
    -------
    Tensor
        P S T 1, bool.
    """
    inside_rows = (rows >= 0) & (rows < height)
    inside_columns = (columns >= 0) & (columns < width)
    return (inside_rows[:, :, None] & inside_columns[:, None, :])[..., None]


def sample_enlarged(
    image: Tensor, n: Tensor, rows: Tensor, columns: Tensor, enlarged: tuple[int, int]
) -> Tensor:
    """Windows of an image enlarged bilinearly, without enlarging it all.

    Parameters
    ----------
    image : Tensor
        N h w C.
    n : Tensor
        The picture each window is cut from: P.
    rows, columns : Tensor
        Rows and columns of each window on the enlarged image: P S and P T. Those outside repeat its border.
    enlarged : tuple of int
        Height and width of the enlarged image.

    Returns
    -------
    Tensor
        P S T C; the values of `torch.nn.functional.interpolate` with align_corners=False.
    """
    _, height, width, channels = image.shape
    top, down = _taps(rows, height, enlarged[0])
    left, right = _taps(columns, width, enlarged[1])
    # The four taps of a pixel, (row, column) = (0, 0) (0, 1) (1, 0) (1, 1), are laid out for whole rows at
    # once, so that what remains for each pixel is one addition for its index and one for its weight.
    step = torch.tensor([0, 1], device=image.device)
    across = step.clamp(max=width - 1) + (step.clamp(max=height - 1) * width)[:, None]
    index = (n[:, None] * height + top) * width
    index = index[:, :, None] + (left[:, :, None, None] + across).view(len(n), 1, -1)
    weight = torch.stack([1 - right, right], 2)
    upper = torch.stack([weight, torch.zeros_like(weight)], 2).view(len(n), 1, -1)
    slope = torch.stack([-weight, weight], 2).view(len(n), 1, -1)
    weight = torch.addcmul(upper, down[:, :, None], slope)

    index, weight = index.view(-1, 4), weight.view(-1, 4).to(image.dtype)
    pixels = image.reshape(-1, channels)
    if image.device.type == "cpu":
        out = F.embedding_bag(index, pixels, mode="sum", per_sample_weights=weight)
    else:
        out = pixels.index_select(0, index[:, 0]) * weight[:, :1]
        for i in range(1, 4):
            out = out + pixels.index_select(0, index[:, i]) * weight[:, i : i + 1]
    return out.view(len(n), rows.shape[1], columns.shape[1], channels)


def _taps(at: Tensor, small: int, large: int) -> tuple[Tensor, Tensor]:
    """Find the first of two neighbours, and the second's weight, on an axis enlarged from `small` to `large`.

    The arithmetic of torch's bilinear interpolation with align_corners=False, in float32.
    """
    position = ((at.to(torch.float32) + 0.5) * (small / large) - 0.5).clamp_(0, small - 1)
    first = position.long().clamp_(max=max(small - 2, 0))
    return first, position - first


def _replace(image: Tensor, patches: Tensor, where: tuple[Tensor, ...]) -> Tensor:
    """`image` (N C H W) with 4x4 `patches` (P C 4 4) put in at `where` (picture, patch row, patch column)."""
    n, c, height, width = image.shape
    tiles = image.reshape(n, c, height // 4, 4, width // 4, 4).permute(0, 2, 4, 1, 3, 5)
    tiles = tiles.index_put(where, patches.to(image.dtype))
    return tiles.permute(0, 3, 1, 4, 2, 5).reshape(n, c, height, width)
