"""The engine of the node: the stages of one frame, on arrays.

Arrays and names of colour spaces go in, arrays come out; nothing is remembered.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor

from howard_nodes.color import ColorConfig, auto_exposure
from howard_nodes.color.encoding import decode, encode
from howard_nodes.description import WORTH_REFINING, ComputeSettings, MatteSettings
from howard_nodes.engine.devices import PRECISIONS, chosen_device, chosen_precision
from howard_nodes.engine.painting import was_painted, with_paint
from howard_nodes.engine.results import CoarseStage, Prediction
from howard_nodes.engine.weighing import cell_inputs, pixels_of
from howard_nodes.errors import InputError
from howard_nodes.layers import MatteResult
from howard_nodes.network import (
    Coarse,
    Judged,
    MattingNetwork,
    Refined,
    consensus,
    feathered,
    from_coarse,
    to_coarse,
)
from howard_nodes.solve import (
    TRUSTED,
    Evidence,
    alpha_limit,
    apply_inside_outside,
    doubt_of_light,
    doubt_of_network,
    halved,
    merge_override,
    solve_foreground,
    unmix,
    unmixing_cells,
)

__all__ = ["Engine"]


T = TypeVar("T")

_LOG = logging.getLogger(__name__)
# A network's 0 and 1 are never quite that; an artist's core and background must be.
_SNAP = 0.006
# Longer side of a coarse matte that only keeps the subject out.
_SMALL = 320
# Rows encoded at a time: keeps temporaries small.
_STRIP = 128


class Engine:
    """Network, colour and solve, ready to compute.

    Parameters
    ----------
    network : MattingNetwork
        With its weights, from `howard_nodes.network.load_weights`.
    config : ColorConfig
        Decides what colour spaces are.
    settings : MatteSettings
        How the network works; may be replaced between frames.
    computing : ComputeSettings
        Its device and precision.
    on_note : callable
        Told what a user should know, such as a fallback for lack of memory; may be replaced.

    Attributes
    ----------
    device : torch.device
        What computes.
    precision : str
        Of the network's numbers: `float32`, `float16` or `bfloat16`.
    free_memory : callable
        Asked, where the device's memory does not suffice, to free what others keep there; says whether it
        did. May be replaced.

    Raises
    ------
    InputError
        A device or precision that is not there.
    """

    def __init__(
        self,
        network: MattingNetwork,
        config: ColorConfig,
        settings: MatteSettings | None = None,
        computing: ComputeSettings | None = None,
        *,
        on_note: Callable[[str], None] = _LOG.warning,
    ) -> None:
        self.config = config
        self.settings = settings or MatteSettings()
        computing = computing or ComputeSettings()
        self.device = chosen_device(computing.device)
        self.precision = chosen_precision(computing.precision, self.device)
        self.on_note = on_note
        self.free_memory: Callable[[], bool] = lambda: False
        self._network = network.prepared()
        self._place()

    def evaluate(
        self,
        plate: np.ndarray,
        clean: np.ndarray,
        space: str,
        *,
        coarse_override: np.ndarray | None = None,
        error_override: np.ndarray | None = None,
        inside: np.ndarray | None = None,
        outside: np.ndarray | None = None,
        valid: np.ndarray | None = None,
    ) -> MatteResult:
        """Matte one frame.

        Parameters
        ----------
        plate, clean : ndarray
            H W 3 float32, scene-linear, unbounded, finite.
        space : str
            Their colour space; scene-linear.
        coarse_override, error_override : ndarray, optional
            H W or H W C, see `howard_nodes.solve.merge_override`; they act before the refiner.
        inside, outside : ndarray, optional
            H W, 0 to 1; they act on the result, outside wins.
        valid : ndarray, optional
            H W, 1 where there is clean plate, 0 where it is a fill: the error map is 1 there. By default 1.

        Returns
        -------
        MatteResult
            In the plate's space, all layers included.

        Raises
        ------
        InputError
            Sizes that do not fit.
        """
        coarse = self.coarse(plate, clean, space, valid=valid)
        prediction = self.refine(coarse, coarse_override=coarse_override, error_override=error_override)
        if self.settings.unmix != "off":
            prediction = self.unmix(prediction, plate, clean, space, valid=valid)
        return self.solve(prediction, plate, clean, space, inside=inside, outside=outside, valid=valid)

    def coarse(
        self, plate: np.ndarray, clean: np.ndarray, space: str, *, valid: np.ndarray | None = None
    ) -> CoarseStage:
        """Run the coarse stage: the first of `evaluate`'s four.

        Parameters
        ----------
        plate, clean, space, valid
            As for `evaluate`.

        Returns
        -------
        CoarseStage
            For `refine`.

        Raises
        ------
        InputError
            Plate and clean plate differ in size.
        """
        if plate.shape != clean.shape:
            raise InputError(
                f"the clean plate is {clean.shape[1]}x{clean.shape[0]}, "
                f"the plate {plate.shape[1]}x{plate.shape[0]}; give both the same size."
            )
        clean_709 = self.config.to_linear_rec709(clean, space)
        exposure = self.settings.exposure
        if exposure is None:
            # From the clean plate alone: a still one then gives the whole shot one exposure.
            exposure = auto_exposure(clean_709, clean_709)
        plate_seen = _encoded(self.config.to_linear_rec709(plate, space), exposure)
        clean_seen = _encoded(clean_709, exposure)
        height, width = plate.shape[:2]
        scales = self.settings.scales_for(height, width)

        @torch.inference_mode()
        def run() -> tuple[Tensor, Tensor, Coarse]:
            pictures = self._on_device(plate_seen), self._on_device(clean_seen)
            looks = [self._network.coarse(*pictures, backbone_scale=scale) for scale in scales]
            return *pictures, consensus(looks)

        encoded_plate, encoded_clean, coarse = self._with_memory(run)
        limit: np.ndarray | None = None
        if valid is not None:
            # Nobody knows the background there: whatever the network thinks of the fill, it may be wrong.
            missing = to_coarse(torch.from_numpy(1 - valid)[None, None], coarse).to(coarse.error) > 0
            known = coarse.alpha[0, 0].float().cpu().numpy()
            most = torch.from_numpy(alpha_limit(known, missing[0, 0].cpu().numpy()))[None, None]
            coarse = replace(
                coarse,
                alpha=torch.where(missing, torch.minimum(coarse.alpha, most.to(coarse.alpha)), coarse.alpha),
                error=torch.where(missing, 1.0, coarse.error),
            )
            limit = _plane(from_coarse(most, height, width))
            limit[valid > 0] = 1.0
        alpha = _plane(from_coarse(coarse.alpha, height, width))
        error = _plane(from_coarse(coarse.error, height, width))
        if valid is not None:
            error[valid == 0] = 1.0
        return CoarseStage(encoded_plate, encoded_clean, coarse, alpha, error, exposure, limit)

    def refine(
        self,
        stage: CoarseStage,
        *,
        coarse_override: np.ndarray | None = None,
        error_override: np.ndarray | None = None,
    ) -> Prediction:
        """Refine a coarse matte: the second of `evaluate`'s four stages.

        Parameters
        ----------
        stage : CoarseStage
            From `coarse`; it is left as it is.
        coarse_override, error_override
            As for `evaluate`.

        Returns
        -------
        Prediction
            At the plate's size.
        """
        refined = self._with_memory(lambda: self._refine(stage, coarse_override, error_override))
        height, width = stage.alpha.shape
        alpha, limit, doubted = _plane(refined.alpha), stage.limit, stage.error
        if coarse_override is not None:
            # What is painted against the network's own word is not doubted by its error map.
            against = np.abs(merge_override(stage.alpha, coarse_override) - stage.alpha)
            doubted = doubted * np.clip(1 - 2 * against, 0.0, 1.0)
        if limit is not None:
            if coarse_override is not None:
                limit = np.maximum(limit, merge_override(limit, coarse_override))
            np.minimum(alpha, limit, out=alpha)
        if error_override is not None:
            painted = merge_override(stage.error, error_override)
            doubted = np.where(was_painted(stage.error, painted), painted, doubted)
        region = refined.region.repeat_interleave(4, 2).repeat_interleave(4, 3)[:, :, :height, :width]
        return Prediction(
            alpha=alpha,
            encoded=refined.foreground[0].permute(1, 2, 0).float().cpu().numpy(),
            coarse=stage.alpha,
            error=stage.error,
            doubted=doubted,
            doubt=doubt_of_network(doubted, unmixing_cells(alpha, doubted)),
            region=_plane(region),
            features=stage.coarse.features[0].float().cpu().numpy(),
            exposure=stage.exposure,
            limit=limit,
        )

    def unmix(
        self,
        prediction: Prediction,
        plate: np.ndarray,
        clean: np.ndarray,
        space: str,
        *,
        valid: np.ndarray | None = None,
    ) -> Prediction:
        """Let the light decide where the network is in doubt: the third stage, on the CPU alone.

        Parameters
        ----------
        prediction : Prediction
            From `refine`, of the same plates; it is left as it is.
        plate, clean, space, valid
            As for `evaluate`. Where no clean plate is, alpha stays.

        Returns
        -------
        Prediction
            With another alpha and doubt; where the network weighs the light, another foreground too.
        """
        weigh = self._network.light is not None and self.settings.weighs_light
        cells = unmixing_cells(prediction.alpha, prediction.doubted, (plate, clean) if weigh else None)
        if valid is not None:
            cells &= halved(valid) >= 1
        weigh = weigh and bool(cells.any())
        own = halved(prediction.encoded)[cells]
        found = unmix(
            plate,
            clean,
            prediction.alpha,
            prediction.doubted,
            cells,
            self._light(own, prediction.exposure, space),
            evidence=weigh,
        )
        doubt = doubt_of_light(prediction.doubt, found.deviation)
        alpha, seen = found.alpha, prediction.encoded
        evidence = found.evidence
        if evidence is not None:
            judged = self._with_memory(
                lambda: self._judged(prediction, plate, clean, space, cells, own, evidence)
            )
            where = pixels_of(cells, *alpha.shape)
            alpha[where], doubt[where], color = (x.clamp(0, 1).numpy() for x in vars(judged).values())
            seen = seen.copy()
            seen[where] = color[:, None]
        if prediction.limit is not None:
            np.minimum(alpha, prediction.limit, out=alpha)
        return replace(prediction, alpha=alpha, encoded=seen, doubt=doubt)

    def coarse_matte(self, plate: np.ndarray, clean: np.ndarray, space: str) -> np.ndarray:
        """Run the coarse stage alone, small: enough to keep a subject out of what is measured.

        Parameters
        ----------
        plate, clean : ndarray
            H W 3 float32, scene-linear, of any size.
        space : str
            Their colour space.

        Returns
        -------
        ndarray
            h w, 0 to 1, 320 pixels on its longer side where the pictures have that many.
        """
        height, width = plate.shape[:2]
        factor = min(1.0, _SMALL / max(height, width))
        if factor < 1.0:
            size = (max(8, round(width * factor)), max(8, round(height * factor)))
            plate, clean = (cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in (plate, clean))
        plate, clean = (self.config.to_linear_rec709(picture, space) for picture in (plate, clean))
        exposure = (
            self.settings.exposure if self.settings.exposure is not None else auto_exposure(clean, clean)
        )
        with torch.inference_mode():
            coarse = self._network.coarse(
                *(self._on_device(_encoded(picture, exposure)) for picture in (plate, clean)),
                backbone_scale=1.0,
            )
            return _plane(from_coarse(coarse.alpha, *plate.shape[:2]))

    def solve(
        self,
        prediction: Prediction,
        plate: np.ndarray,
        clean: np.ndarray,
        space: str,
        *,
        inside: np.ndarray | None = None,
        outside: np.ndarray | None = None,
        valid: np.ndarray | None = None,
    ) -> MatteResult:
        """Solve the foreground in linear light: the last of `evaluate`'s stages, on the CPU alone.

        Alpha within 0.006 of 0 or 1 becomes that, with a stretch of the rest that keeps it continuous.

        Parameters
        ----------
        prediction : Prediction
            From `refine` or `unmix`, of the same plates.
        plate, clean, space, inside, outside, valid
            As for `evaluate`.

        Returns
        -------
        MatteResult
            In the plate's space, all layers included.

        Raises
        ------
        InputError
            A matte of another size.
        """
        alpha = np.clip((prediction.alpha - _SNAP) * np.float32(1 / (1 - 2 * _SNAP)), 0.0, 1.0)
        alpha = apply_inside_outside(alpha, inside=inside)
        foreground = solve_foreground(
            plate,
            clean,
            alpha,
            self._estimate(prediction, alpha, space),
            outside=outside,
            trusted=TRUSTED / 2.0**prediction.exposure,
        )
        doubt = prediction.doubt
        for painted in (inside, outside):
            if painted is not None:  # what an artist says is not in doubt
                doubt = doubt * (1 - np.clip(np.nan_to_num(painted), 0.0, 1.0))
        return MatteResult(
            foreground=foreground,
            alpha=apply_inside_outside(alpha, outside=outside),
            doubt=doubt,
            coarse=prediction.coarse,
            error=prediction.error,
            region=prediction.region,
            clean=clean,
            plate=plate,
            valid=valid,
        )

    @torch.inference_mode()
    def _judged(
        self,
        prediction: Prediction,
        plate: np.ndarray,
        clean: np.ndarray,
        space: str,
        cells: np.ndarray,
        own: np.ndarray,
        evidence: Evidence,
    ) -> Judged:
        """Let the network weigh what the light said, on its device."""

        def encoded(colors: np.ndarray) -> np.ndarray:
            seen = self.config.to_linear_rec709(colors[None], space)[0]
            return encode(torch.from_numpy(seen), prediction.exposure).numpy()

        inputs = cell_inputs(
            plate,
            clean,
            prediction.alpha,
            prediction.doubted,
            cells,
            evidence,
            own,
            prediction.features,
            encoded,
        )
        light = self._network.light
        assert light is not None
        numbers = light.out.weight.dtype
        judged = light(inputs.to(self.device, numbers), torch.from_numpy(cells)[None].to(self.device))
        return Judged(*(value.float().cpu() for value in vars(judged).values()))

    def _estimate(self, prediction: Prediction, alpha: np.ndarray, space: str) -> np.ndarray:
        """Take the network's foreground to scene-linear where it matters, at partial alpha; 0 elsewhere."""
        estimate = np.zeros((alpha.size, 3), np.float32)
        partial = np.flatnonzero((alpha > 0.0) & (alpha < 1.0))
        if partial.size:
            seen = prediction.encoded.reshape(-1, 3).take(partial, axis=0)
            estimate[partial] = self._light(seen, prediction.exposure, space)
        return estimate.reshape(*alpha.shape, 3)

    def _light(self, encoded: np.ndarray, exposure: float, space: str) -> np.ndarray:
        """Take colours, N 3, from the network's encoding to scene-linear."""
        if not len(encoded):
            return encoded
        light = decode(torch.from_numpy(encoded), exposure).numpy()
        return self.config.from_linear_rec709(light[None], space)[0]

    @torch.inference_mode()
    def _refine(
        self,
        stage: CoarseStage,
        coarse_override: np.ndarray | None,
        error_override: np.ndarray | None,
    ) -> Refined:
        settings, (height, width) = self.settings, stage.plate.shape[2:]
        plate, clean = self._on_device(stage.plate), self._on_device(stage.clean)
        # The device may be another one since, where a GPU's memory did not suffice.
        used = Coarse(*(map_.to(plate.device) for map_ in vars(stage.coarse).values()))
        pixels = settings.pixels_for(height, width)
        if coarse_override is not None:
            used = replace(used, alpha=with_paint(used.alpha, stage.alpha, coarse_override, used))
        if error_override is not None:
            used = replace(used, error=with_paint(used.error, stage.error, error_override, used))
        if settings.sample_pixels is None:
            worth = float((used.error > WORTH_REFINING).float().mean())
            pixels = min(pixels, round(worth * height * width))
        if error_override is not None or stage.limit is not None:
            # What is painted 1 or has no clean plate is refined, however much it is.
            share = float((used.error >= 0.999).float().mean())
            pixels = max(pixels, round(share * height * width) + 16)
        refined = self._network.refine(
            plate,
            clean,
            used,
            mode=settings.refine_mode,
            sample_pixels=pixels,
            threshold=settings.threshold,
        )
        return replace(refined, alpha=feathered(refined, from_coarse(used.alpha, height, width)))

    def _on_device(self, picture: Tensor) -> Tensor:
        return picture.to(self.device, self._network.refiner.conv4.weight.dtype)

    def _with_memory(self, compute: Callable[[], T]) -> T:
        """Compute; where the device's memory does not suffice, step down and say so."""
        while True:
            try:
                return compute()
            except torch.OutOfMemoryError as error:
                if self.device.type == "cpu":
                    raise
                is_freed = self.free_memory()
                if self.device.type == "cuda":
                    torch.cuda.empty_cache()
                if is_freed:
                    continue
                if self.precision == "float32":
                    self.precision = "float16"
                    self.on_note(f"{self.device} is out of memory: going on in float16.")
                else:
                    self.device, self.precision = torch.device("cpu"), "float32"
                    self.on_note(f"the GPU is out of memory ({error}): going on with the CPU, slower.")
                self._place()

    def _place(self) -> None:
        network, dtype = self._network, PRECISIONS[self.precision]
        if self.device.type == "cpu" and network.backbone_name == "lite0":
            # On a CPU only the coarse stage gains by a shorter type; the refiner keeps its accuracy.
            network.to(self.device, torch.float32)
            network.lite0.to(dtype)
        else:
            network.to(self.device, dtype)


def _encoded(linear: np.ndarray, exposure: float) -> Tensor:
    """H W 3 linear Rec.709 to 1 3 H W encoded, channels last."""
    source = torch.from_numpy(linear)
    out = torch.empty_like(source)
    for y in range(0, len(source), _STRIP):
        out[y : y + _STRIP] = encode(source[y : y + _STRIP], exposure)
    return out.permute(2, 0, 1)[None]


def _plane(x: Tensor) -> np.ndarray:
    """1 1 H W to H W float32, owned by nobody else."""
    return np.ascontiguousarray(x[0, 0].float().cpu().numpy())
