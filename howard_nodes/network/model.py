"""`MattingNetwork`: plate and clean plate to a coarse matte, and that to a refined one."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from howard_nodes.network.backbones import AtrousPyramid, Decoder, MobileNetV2Encoder, ResNetEncoder
from howard_nodes.network.blocks import refine_blocks
from howard_nodes.network.light import LightRefiner
from howard_nodes.network.lite0 import Lite0Coarse
from howard_nodes.network.lite0_inference import Lite0Inference
from howard_nodes.network.looks import (
    Coarse,
    Refined,
    calibrated,
    padded,
)
from howard_nodes.network.refiner import Refiner, select_region

__all__ = ["BACKBONES", "REFINE_MODES", "MattingNetwork"]

BACKBONES = ("lite0", "mobilenetv2", "resnet50", "resnet101")
REFINE_MODES = ("sampling", "thresholding", "full")
# Feature channels, and widths of the refiner.
_AUTHORS = (32, (24, 16, 12))
_LITE0 = (16, (16, 16, 12))


class MattingNetwork(nn.Module):
    """The matting network in two stages.

    Architecture of Lin et al., "Real-Time High-Resolution Background Matting", CVPR 2021. `mobilenetv2`,
    `resnet50` and `resnet101` are the authors' own and load their checkpoints; `lite0` is Howard's.

    Parameters
    ----------
    backbone : {"lite0", "mobilenetv2", "resnet50", "resnet101"}
        The coarse network.
    backbone_scale : float
        Resolution of the coarse stage relative to the picture's: above 0, at most 1. The authors use 1/4 for
        HD, 1/8 for 4K.
    features : int, optional
        Feature channels handed to the refiner, where other than the backbone's usual.
    refiner_widths : sequence of int, optional
        The refiner's three widths, where other than the backbone's usual.
    signed : bool
        Of `lite0`: its trunk sees the plates' signed difference too.
    light_widths : sequence of int, optional
        Widths of a `LightRefiner`; without, the network has none.

    Attributes
    ----------
    quiet_error : float
        What the predicted error says where nothing is wrong, see `calibrated`; 0 unless that was measured.
    light : LightRefiner or None
        Weighs what the light says; weights of others have none.
    """

    def __init__(
        self,
        backbone: str = "lite0",
        *,
        backbone_scale: float = 0.25,
        features: int | None = None,
        refiner_widths: Sequence[int] | None = None,
        signed: bool = True,
        light_widths: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        if backbone not in BACKBONES:
            raise ValueError(f"backbone {backbone!r}: use one of {', '.join(BACKBONES)}")
        usual_features, usual_widths = _LITE0 if backbone == "lite0" else _AUTHORS
        features = usual_features if features is None else features
        self.backbone_name = backbone
        self.backbone_scale = backbone_scale
        self.quiet_error = 0.0
        self.folded = False
        if backbone == "lite0":
            self.lite0 = Lite0Coarse(features, signed=signed)
        else:
            encoder: MobileNetV2Encoder | ResNetEncoder
            if backbone == "mobilenetv2":
                encoder = MobileNetV2Encoder()
            else:
                encoder = ResNetEncoder((3, 4, 6, 3) if backbone == "resnet50" else (3, 4, 23, 3))
            self.backbone = encoder
            self.aspp = AtrousPyramid(encoder.channels)
            self.decoder = Decoder((*encoder.shortcut_channels, 6), 5 + features)
        self.refiner = Refiner(features, usual_widths if refiner_widths is None else refiner_widths)
        self.light = None if light_widths is None else LightRefiner(features, light_widths)

    def coarse(self, plate: Tensor, clean: Tensor, *, backbone_scale: float | None = None) -> Coarse:
        """Run the coarse stage.

        Parameters
        ----------
        plate, clean : Tensor
            N 3 H W, encoded 0..1, any height and width.
        backbone_scale : float, optional
            In place of the network's own.

        Returns
        -------
        Coarse
            At floor(H' * scale) x floor(W' * scale), H' and W' rounded up to a multiple of 4; at least
            float32.
        """
        scale = self.backbone_scale if backbone_scale is None else backbone_scale
        if not 0 < scale <= 1:
            raise ValueError(f"backbone scale {scale}: must be above 0 and at most 1")
        if plate.shape != clean.shape:
            raise ValueError(
                f"plate {tuple(plate.shape)} and clean plate {tuple(clean.shape)} differ in size"
            )
        # The two stages may differ: a coarse stage in bfloat16 leaves the refiner in float32.
        dtype = next(self.parameters()).dtype
        plate, clean = (self.downsample(x, scale).to(dtype) for x in (plate, clean))
        raw = self.raw_coarse(plate, clean)
        raw = raw.to(torch.promote_types(raw.dtype, torch.float32))
        return Coarse(
            raw[:, 0:1].clamp(0, 1),
            raw[:, 1:4],
            calibrated(raw[:, 4:5], self.quiet_error),
            F.relu(raw[:, 5:]),
        )

    def looks(
        self, plate: Tensor, clean: Tensor, scales: Sequence[float], mirrored: int = 0
    ) -> tuple[Coarse, ...]:
        """Run the coarse stage at several scales, and at some of these on the mirrored pictures too.

        No scale is right for all pictures: a small one sees that a body is whole, a large one sees strands.
        And where it is not sure, it says another thing of a picture's mirror image.

        Parameters
        ----------
        plate, clean : Tensor
            As for `coarse`.
        scales : sequence of float
            The finest first.
        mirrored : int
            At how many of them, from the first on, it looks into the mirror too.

        Returns
        -------
        tuple of Coarse
            One for each look, those into the mirror last and turned back.
        """
        looks = [self.coarse(plate, clean, backbone_scale=scale) for scale in scales]
        turned = [padded(x).flip(3) for x in (plate, clean)] if mirrored else []
        for scale in scales[:mirrored]:
            maps = vars(self.coarse(*turned, backbone_scale=scale)).values()
            looks.append(Coarse(*(x.flip(3) for x in maps)))
        return tuple(looks)

    def refine(
        self,
        plate: Tensor,
        clean: Tensor,
        coarse: Coarse,
        *,
        mode: str = "sampling",
        sample_pixels: int = 80_000,
        threshold: float = 0.1,
    ) -> Refined:
        """Refine a coarse matte where its error is high.

        Where gradients are asked for, or the network is in training mode, this is a plain differentiable
        computation; otherwise the same numbers come faster (`howard_nodes.network.blocks`).

        Parameters
        ----------
        plate, clean : Tensor
            The pictures that `coarse` was made from. Fastest in channels-last memory: an array H W 3
            permuted.
        coarse : Coarse
            From `coarse`; alpha and error may have been replaced.
        mode : {"sampling", "thresholding", "full"}
            How patches are chosen, see `howard_nodes.network.refiner.select_region`.
        sample_pixels : int
            Pixels to refine in mode ``sampling``, 16 to a patch. The authors use 80,000 for HD, 320,000 for
            4K.
        threshold : float
            Least error to refine in mode ``thresholding``, 0..1.

        Returns
        -------
        Refined
            At the picture's size.
        """
        rows, columns = plate.shape[2:]
        plate, clean = padded(plate), padded(clean)
        height, width = plate.shape[2:]
        options: dict[str, Any] = {"mode": mode, "sample_pixels": sample_pixels, "threshold": threshold}
        maps = coarse.alpha, coarse.foreground_residual
        if self.training or torch.is_grad_enabled():
            alpha, residual, region = self.refiner(
                plate, clean, *maps, coarse.error, coarse.features, **options
            )
            alpha, foreground = alpha.clamp(0, 1), (residual + plate).clamp(0, 1)
        else:
            chosen = select_region(coarse.error, height // 4, width // 4, **options)
            alpha, foreground = refine_blocks(self.refiner, plate, clean, *maps, coarse.features, chosen)
            region = chosen.unsqueeze(1).to(alpha.dtype)
        return Refined(
            alpha[:, :, :rows, :columns],
            foreground[:, :, :rows, :columns],
            region,
        )

    def forward(self, plate: Tensor, clean: Tensor) -> tuple[Coarse, Refined]:
        """Run both stages with their defaults.

        Parameters
        ----------
        plate, clean : Tensor
            N 3 H W, encoded 0..1.

        Returns
        -------
        tuple of Coarse and Refined
            The two stages' results.
        """
        coarse = self.coarse(plate, clean)
        return coarse, self.refine(plate, clean, coarse)

    def prepared(self) -> MattingNetwork:
        """Make a copy for inference: normalisations folded into convolutions, channels-last weights.

        Returns
        -------
        MattingNetwork
            In eval mode, without gradients. Its results are within 1e-5 of the original's; it cannot be
            saved.
        """
        network = copy.deepcopy(self).eval().requires_grad_(False)
        for name, module in network.named_children():
            # The refiner's few weights are folded with every picture.
            if name != "refiner":
                _fold_norms(module)
        if network.backbone_name == "lite0" and not network.folded:
            network.add_module("lite0", Lite0Inference(network.lite0))
        network.folded = True
        for parameter in network.parameters():
            if parameter.dim() == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        return network

    def raw_coarse(self, plate: Tensor, clean: Tensor) -> Tensor:
        """Run the coarse network alone, as training needs it.

        Parameters
        ----------
        plate, clean : Tensor
            N 3 h w, encoded 0..1, at the coarse stage's resolution.

        Returns
        -------
        Tensor
            N (5 + F) h w, before any clamp: alpha, foreground residual, error, features.
        """
        if self.backbone_name == "lite0":
            return self.lite0(plate, clean)
        x, *shortcuts = self.backbone(torch.cat([plate, clean], 1))
        return self.decoder(self.aspp(x), *shortcuts)

    def downsample(self, x: Tensor, scale: float) -> Tensor:
        """Bring a picture to the coarse stage's resolution.

        Parameters
        ----------
        x : Tensor
            N C H W.
        scale : float
            Above 0, at most 1.

        Returns
        -------
        Tensor
            N C floor(H' * scale) floor(W' * scale), H' and W' rounded up to a multiple of 4. The authors'
            networks see it bilinear, as they were trained; `lite0` sees means of areas, half as noisy.
        """
        x = padded(x)
        height, width = x.shape[2:]
        size = max(1, int(height * scale)), max(1, int(width * scale))
        if size == (height, width):
            return x
        if self.backbone_name == "lite0":
            factor = round(1 / scale)
            if size == (height // factor, width // factor):
                return _means(x, factor)
            return F.interpolate(x, size, mode="area")
        return F.interpolate(x, size, mode="bilinear", align_corners=False)


def _means(x: Tensor, factor: int) -> Tensor:
    """Give `F.avg_pool2d`, which takes ten times as long on few channels in channels-last memory."""
    count, channels, height, width = x.shape
    last = x.is_contiguous(memory_format=torch.channels_last)
    if not last or channels > 4 or height % factor or width % factor:
        return F.avg_pool2d(x, factor)
    rows = x.permute(0, 2, 3, 1).view(count, height // factor, factor, width // factor, factor * channels)
    rows = rows.sum(2).permute(0, 3, 1, 2)
    across = torch.eye(channels, dtype=x.dtype, device=x.device).repeat(1, factor) / factor**2
    return F.conv2d(rows, across[:, :, None, None].contiguous(memory_format=torch.channels_last))


def _fold_norms(module: nn.Module) -> None:
    """Fold each BatchNorm2d into the Conv2d before it, in place.

    Pairs are neighbours in a Sequential, or `conv1` and `bn1`, `conv2` and `bn2`, ... of any module.
    """
    children = dict(module.named_children())
    for name, child in children.items():
        after = str(int(name) + 1) if name.isdecimal() else name.replace("conv", "bn")
        norm = children.get(after)
        if isinstance(child, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            setattr(module, name, fuse_conv_bn_eval(child, norm))
            setattr(module, after, nn.Identity())
        _fold_norms(child)
