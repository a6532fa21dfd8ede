"""The whole node: plate and clean plate as they are in the script, everything it finds side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from howard_nodes.color import BRIGHTEST_KEY, DARKEST_KEY, LUMINANCE
from howard_nodes.color.encoding import SHOULDER
from howard_nodes.description import WORTH_REFINING
from howard_nodes.hosts.nuke.inference.coarse import CoarseNetwork
from howard_nodes.hosts.nuke.inference.refine import RefineNetwork, select
from howard_nodes.hosts.nuke.inference.solve import Solve
from howard_nodes.network import AGREED, CLOSE, KNEE, LEAST_ERROR, MattingNetwork, calibrated
from howard_nodes.solve import PRIOR_STRENGTH, TRUSTED

__all__ = ["CHANNELS_IN", "CHANNELS_OUT", "InferenceModel", "Quality"]

_nn: Any = torch._C._nn

CHANNELS_IN = ("rgba.red", "rgba.green", "rgba.blue", "forward.u", "forward.v", "backward.u")
"""Nuke's channels for the plate's and the clean plate's red, green and blue."""

CHANNELS_OUT = (
    *("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha"),
    *("forward.u", "forward.v", "backward.u"),
    *("mask.a", "rotopaint_mask.a", "mask_planartrack.a"),
)
"""Nuke's channels for the image (premultiplied), straight foreground, coarse matte, error map and region."""

# Light beyond is bounded, as `howard_nodes.color` bounds what it converts.
_BRIGHTEST = 1e9
# The most that a half float holds.
_HALF = 65504.0


class Quality(NamedTuple):
    """What a quality chooses.

    Attributes
    ----------
    first_scale, least_scale : float
        Of the coarse stage: it is halved counted from first, not below the least,
    longest_side : float
        until the coarse stage sees no more pixels than these on the longer side.
    looks : int
        Scales that the coarse stage looks at, each half of the one before.
    mirrored : int
        At how many of them, from the first on, it looks into the mirror too.
    hd_pixels : float
        To refine at 1920 x 1080, at most.
    """

    first_scale: float
    least_scale: float
    longest_side: float
    looks: int
    mirrored: int
    hd_pixels: float


class InferenceModel(nn.Module):
    """The node without its files: one clean plate that fits, no overrides, no inside or outside matte.

    Its attributes are the node's knobs: `quality` (0 draft, 1 standard, 2 high), `backbone_scale`,
    `refine_mode` (0 sampling, 1 thresholding, 2 full), `sample_pixels`, `threshold` and `exposure`; where
    NAME_automatic is true, the node chooses the value of NAME.

    Parameters
    ----------
    network : MattingNetwork
        As trained: not `prepared`.
    to_rec709, from_rec709 : sequence of 9 float
        Matrices, row by row, from the script's working space to linear Rec.709 and back.
    qualities : sequence of Quality
        What each value of `quality` chooses.
    """

    def __init__(
        self,
        network: MattingNetwork,
        to_rec709: Sequence[float],
        from_rec709: Sequence[float],
        qualities: Sequence[Quality],
    ) -> None:
        super().__init__()
        self.quality = 1
        self.backbone_scale = 0.25
        self.backbone_scale_automatic = True
        self.refine_mode = 0
        self.sample_pixels = 80_000
        self.sample_pixels_automatic = True
        self.threshold = 0.1
        self.exposure = 0.0
        self.exposure_automatic = True

        self.to_rec709 = [float(value) for value in to_rec709]
        self.from_rec709 = [float(value) for value in from_rec709]
        self.first_scales = [one.first_scale for one in qualities]
        self.least_scales = [one.least_scale for one in qualities]
        self.longest_sides = [one.longest_side for one in qualities]
        self.looks = [one.looks for one in qualities]
        self.mirrored = [one.mirrored for one in qualities]
        self.hd_pixels = [one.hd_pixels for one in qualities]
        self.shoulder, self.trusted, self.kept, self.close = SHOULDER, TRUSTED, AGREED, CLOSE
        self.quiet, self.knee, self.least_error = network.quiet_error, KNEE, LEAST_ERROR
        self.worth = float(calibrated(torch.tensor(WORTH_REFINING), self.quiet))
        self.darkest_key = DARKEST_KEY
        self.red, self.green, self.blue = LUMINANCE
        self.low, self.high = math.log2(DARKEST_KEY), math.log2(BRIGHTEST_KEY)
        self.brightest, self.most_half = _BRIGHTEST, _HALF
        self.coarse = CoarseNetwork(network)
        self.refiner = RefineNetwork(network.refiner)
        self.solve = Solve(PRIOR_STRENGTH)

    def forward(self, input: Tensor) -> Tensor:
        """Matte one frame.

        Parameters
        ----------
        input : Tensor
            1 6 H W, plate and clean plate, scene-linear in the working space, unbounded; half or float.

        Returns
        -------
        Tensor
            1 10 H W, of the input's type: premultiplied foreground and alpha, straight foreground, coarse
            matte, error map, refine region.
        """
        # Light and geometry are computed in float32, whatever the host halves: a half has eleven bits.
        pictures = input.to(torch.float32)
        pictures = torch.where(pictures == pictures, pictures, torch.zeros_like(pictures))  # NaN is not
        pictures = torch.clamp(pictures, -self.brightest, self.brightest)
        plate, clean = pictures[:, 0:3], pictures[:, 3:6]
        height, width = pictures.shape[2], pictures.shape[3]
        numbers: torch.dtype = torch.float32
        if input.is_cuda:
            numbers = self.refiner.conv1.weight.dtype

        plate709, clean709 = self.converted(plate, self.to_rec709), self.converted(clean, self.to_rec709)
        exposure = self.exposure
        if self.exposure_automatic:
            exposure = self.find_exposure(clean709)
        gain = 2.0**exposure
        # Of the nearest half floats, as the engine encodes.
        light = torch.cat([plate709, clean709], 1).clamp(0.0, 65504.0).half().to(plate709.dtype)
        encoded = self.encode(light * gain)
        below, right = (4 - height % 4) % 4, (4 - width % 4) % 4
        if below > 0 or right > 0:
            encoded = _nn.replication_pad2d(encoded, [0, right, 0, below])
        high, wide = height + below, width + right

        raw, coarse_alpha, coarse_error = self.looks_at(encoded, self.find_scale(height, width), numbers)
        alpha, estimate, region = self.refined(encoded, raw[0], height, width, numbers)
        if len(raw) > 1:
            alphas, estimates = [alpha], [estimate]
            for other in raw[1:]:
                another, color, where = self.refined(encoded, other, height, width, numbers)
                alphas.append(another)
                estimates.append(color)
                region = torch.max(region, where)
            alpha, estimate = self.agreed(alphas, estimates)
        parts = torch.cat([coarse_alpha, coarse_error], 1)
        maps = _nn.upsample_bilinear2d(parts, [high, wide], False)[:, :, 0:height, 0:width]
        # A network's 0 and 1 are never quite that; an artist's core and background must be.
        alpha = torch.clamp((alpha - 0.006) * (1.0 / 0.988), 0.0, 1.0)
        estimate = self.converted(self.decode(estimate) * (1.0 / gain), self.from_rec709)
        foreground = self.solve(plate, clean, alpha, estimate, self.trusted / gain)

        patches = _nn.upsample_nearest2d(region.to(torch.float32), [high, wide])[:, :, 0:height, 0:width]
        out = torch.cat([foreground * alpha, alpha, foreground, maps, patches], 1)
        if input.dtype == torch.float16:
            out = torch.clamp(out, -self.most_half, self.most_half)
        return out.to(input.dtype)

    def looks_at(
        self, encoded: Tensor, scale: float, numbers: torch.dtype
    ) -> tuple[list[Tensor], Tensor, Tensor]:
        """Run the coarse stage for each look, and find alpha and error that they agree on.

        See `MattingNetwork.looks` and `howard_nodes.network.consensus`.
        """
        which = min(max(self.quality, 0), len(self.looks) - 1)
        raw: list[Tensor] = []
        for i in range(self.looks[which]):
            raw.append(self.look(encoded, scale / 2.0**i, numbers))
        for i in range(self.mirrored[which]):
            raw.append(self.turned(self.look(self.turned(encoded), scale / 2.0**i, numbers)))
        if len(raw) == 1:
            return raw, raw[0][:, 0:1], raw[0][:, 4:5]
        size = [raw[0].shape[2], raw[0].shape[3]]
        alphas: list[Tensor] = []
        errors: list[Tensor] = []
        for one in raw:
            alphas.append(_nn.upsample_bilinear2d(one[:, 0:1], size, False))
            errors.append(_nn.upsample_bilinear2d(one[:, 4:5], size, False))
        every = torch.cat(alphas, 1)
        away = every - torch.mean(every, [1], True)
        spread = torch.pow(torch.mean(away * away, [1], True), 0.5)
        error = torch.mean(torch.cat(errors, 1), [1], True) * self.kept + spread * self.kept
        middle = len(raw) // 2
        alpha = torch.sort(every, 1)[0][:, middle : middle + 1]
        return raw, alpha, torch.clamp(error, 0.0, 1.0)

    def turned(self, x: Tensor) -> Tensor:
        """Mirror N C H W, left to right."""
        return x.index_select(3, torch.arange(x.shape[3] - 1, -1, -1, device=x.device))

    def look(self, encoded: Tensor, scale: float, numbers: torch.dtype) -> Tensor:
        """Run the coarse stage at one scale: N (5 + F) h w, as `Coarse` has it."""
        small = self.downsample(encoded, scale).to(numbers)
        raw = self.coarse(small[:, 0:3], small[:, 3:]).to(torch.float32)
        alpha, error = torch.clamp(raw[:, 0:1], 0.0, 1.0), self.calibrated(raw[:, 4:5])
        return torch.cat([alpha, raw[:, 1:4], error, torch.relu(raw[:, 5:])], 1)

    def refined(
        self, encoded: Tensor, look: Tensor, height: int, width: int, numbers: torch.dtype
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Refine a look: alpha and foreground at the picture's size, and the region, in patches."""
        alpha, error = look[:, 0:1], look[:, 4:5]
        pixels = self.find_pixels(height, width)
        if self.sample_pixels_automatic:
            worth = float(torch.mean((error > self.worth).to(torch.float32)).item())
            pixels = min(pixels, int(round(worth * float(height * width))))  # noqa: RUF046 - as below
        high, wide = encoded.shape[2], encoded.shape[3]
        region = select(error, high // 4, wide // 4, self.refine_mode, pixels, self.threshold)
        seen = torch.cat([look[:, 5:], alpha, look[:, 1:4]], 1)
        found = self.refiner(encoded, seen, region, numbers)[:, :, 0:height, 0:width]
        # The refined alpha grows out of the coarse one where the region begins: no step there.
        before = _nn.upsample_bilinear2d(alpha, [high, wide], False)[:, :, 0:height, 0:width]
        weight = _nn.upsample_bilinear2d(region.to(torch.float32), [high, wide], False)
        weight = torch.clamp(2.0 * weight[:, :, 0:height, 0:width] - 1.0, 0.0, 1.0)
        alpha = before + weight * (torch.clamp(found[:, 0:1], 0.0, 1.0) - before)
        color = torch.clamp(found[:, 1:] + encoded[:, 0:3, 0:height, 0:width], 0.0, 1.0)
        return alpha, color, region.to(torch.float32)

    def agreed(self, alphas: list[Tensor], colors: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Find alpha and foreground that several looks agree on, see `howard_nodes.engine.agreement`."""
        middle = len(alphas) // 2
        alpha = torch.sort(torch.cat(alphas, 1), 1)[0][:, middle : middle + 1]
        total, color = torch.zeros_like(alpha), torch.zeros_like(colors[0])
        for i in range(len(alphas)):
            weight = torch.clamp(1.0 - torch.abs(alphas[i] - alpha) / self.close, min=0.0)
            total = total + weight
            color = color + colors[i] * weight
        return alpha, color / total

    def calibrated(self, error: Tensor) -> Tensor:
        """Take from a predicted error what it says of nothing, see `howard_nodes.network.calibrated`."""
        error = torch.clamp(error, 0.0, 1.0)
        low = torch.clamp((error - self.quiet) * (self.knee / (self.knee - 1.0)), self.least_error, 1.0)
        return torch.where(error < self.knee * self.quiet, low, error)

    def converted(self, x: Tensor, matrix: list[float]) -> Tensor:
        """Take N 3 H W through a matrix."""
        r, g, b = x[:, 0:1], x[:, 1:2], x[:, 2:3]
        if matrix == [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]:
            return x
        return torch.cat(
            [
                r * matrix[0] + g * matrix[1] + b * matrix[2],
                r * matrix[3] + g * matrix[4] + b * matrix[5],
                r * matrix[6] + g * matrix[7] + b * matrix[8],
            ],
            1,
        )

    def encode(self, x: Tensor) -> Tensor:
        """Encode light for the network, see `howard_nodes.color.encoding.encode`."""
        x = torch.clamp(x, min=0.0)
        over = torch.clamp(x - self.shoulder, min=0.0) / (1.0 - self.shoulder)
        x = torch.clamp(x, max=self.shoulder) + (1.0 - self.shoulder) * over / (1.0 + over)
        curve = 1.055 * torch.pow(torch.clamp(x, min=0.0031308), 1.0 / 2.4) - 0.055
        return torch.where(x <= 0.0031308, x * 12.92, curve)

    def decode(self, y: Tensor) -> Tensor:
        """Take the encoding back to light, see `howard_nodes.color.encoding.decode`."""
        curve = torch.pow((torch.clamp(y, min=0.04045) + 0.055) / 1.055, 2.4)
        x = torch.where(y <= 0.04045, y / 12.92, curve)
        rolled = torch.clamp((x - self.shoulder) / (1.0 - self.shoulder), 0.0, 0.9998)
        return torch.where(
            x <= self.shoulder, x, self.shoulder + (1.0 - self.shoulder) * rolled / (1.0 - rolled)
        )

    def downsample(self, x: Tensor, scale: float) -> Tensor:
        """Bring a padded picture to the coarse stage's resolution, as `MattingNetwork.downsample` does."""
        height, width = x.shape[2], x.shape[3]
        high, wide = max(1, int(height * scale)), max(1, int(width * scale))
        if high == height and wide == width:
            return x
        if not self.coarse.means:
            return _nn.upsample_bilinear2d(x, [high, wide], False)
        factor = int(round(1.0 / scale))  # noqa: RUF046 - TorchScript's gives a float
        if high == height // factor and wide == width // factor:
            return _nn.avg_pool2d(x, [factor, factor], [factor, factor])
        return _nn.adaptive_avg_pool2d(x, [high, wide])

    def find_scale(self, height: int, width: int) -> float:
        """Choose the coarse stage's resolution, see `MatteSettings.scale_for`."""
        if not self.backbone_scale_automatic:
            return min(1.0, max(0.01, self.backbone_scale))
        which = min(max(self.quality, 0), len(self.first_scales) - 1)
        scale = self.first_scales[which]
        while max(height, width) * scale > self.longest_sides[which] and scale > self.least_scales[which]:
            scale = scale / 2.0
        return scale

    def find_pixels(self, height: int, width: int) -> int:
        """Choose how many pixels to refine, see `MatteSettings.pixels_for`."""
        if not self.sample_pixels_automatic:
            return self.sample_pixels
        which = min(max(self.quality, 0), len(self.hd_pixels) - 1)
        size = float(height * width) / 2073600.0
        usual = self.hd_pixels[which] * max(size, size**0.5)
        return min(height * width, int(round(usual)))  # noqa: RUF046 - as above

    def find_exposure(self, clean: Tensor) -> float:
        """Choose the exposure of a clean plate, see `howard_nodes.color.auto_exposure`."""
        height, width = clean.shape[2], clean.shape[3]
        count = min(height, 96)
        rows = ((torch.arange(count).to(torch.float64) + 0.5) * float(height) / float(count)).to(torch.int64)
        # A few rows on the CPU, in double precision: the same on every device.
        picked = clean[0].index_select(1, rows.to(clean.device)).cpu()
        light = self.red * picked[0] + self.green * picked[1] + self.blue * picked[2]
        sums = torch.cat([torch.zeros([count, 1], dtype=torch.float64), light.to(torch.float64)], 1)
        sums = torch.cumsum(sums, 1)
        parts = min(width, 160)
        edges = torch.arange(parts + 1) * width // parts
        means = sums.index_select(1, edges[1:]) - sums.index_select(1, edges[0:parts])
        means = (means / (edges[1:] - edges[0:parts]).to(torch.float64)).reshape([-1])
        levels = torch.log2(torch.clamp(means[means != 0.0], min=self.darkest_key / 256.0))
        # The pair of pictures that is asked about is the clean plate twice.
        levels = torch.sort(torch.cat([levels, levels]))[0]
        if levels.shape[0] == 0:
            return 0.0
        quarter = levels.shape[0] // 4
        key = float(torch.mean(levels[quarter : levels.shape[0] - quarter]).item())
        if key < self.high:
            return min(max(self.low - key, 0.0), 8.0)
        return self.high - key
