"""The engine of the node: the stages of one frame, on arrays.

Arrays and names of colour spaces go in, arrays come out; nothing is remembered.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import replace

import cv2
import numpy as np
import torch
from torch import Tensor

from howard_nodes.color import ColorConfig, auto_exposure
from howard_nodes.description import ComputeSettings, MatteSettings
from howard_nodes.engine.agreement import agreed
from howard_nodes.engine.asking_light import unmixed
from howard_nodes.engine.devices import PlacedNetwork
from howard_nodes.engine.encoded import encoded_picture, plane, solver_estimate
from howard_nodes.engine.no_clean_plate import without_clean_plate
from howard_nodes.engine.painting import doubted_with_paint
from howard_nodes.engine.refining import refined
from howard_nodes.engine.results import ON_REQUEST, CleanSeen, CoarseLook, CoarseStage, Prediction
from howard_nodes.errors import InputError
from howard_nodes.layers import MatteResult
from howard_nodes.network import Coarse, MattingNetwork, consensus, from_coarse
from howard_nodes.solve import (
    TRUSTED,
    apply_inside_outside,
    doubt_of_network,
    merge_override,
    solve_foreground,
    unmixing_cells,
)

__all__ = ["Engine"]

_LOG = logging.getLogger(__name__)
# A network's 0 and 1 are never quite that; an artist's core and background must be.
_SNAP = 0.006
# Longer side of a coarse matte that only keeps the subject out.
_SMALL = 320


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
        Told what a user should know, such as a fallback for lack of memory.

    Attributes
    ----------
    network : PlacedNetwork
        The network, its device and precision; what is told and asked where memory does not suffice.

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
        self.network = PlacedNetwork(network, computing or ComputeSettings(), on_note)

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

    def seen_clean(self, clean: np.ndarray, space: str) -> CleanSeen:
        """Encode a clean plate for `coarse`: one that stays need not be encoded for every frame.

        Parameters
        ----------
        clean, space
            As for `evaluate`.

        Returns
        -------
        CleanSeen
            With the exposure that the plate is seen with too.
        """
        clean_709 = self.config.to_linear_rec709(clean, space)
        exposure = self.settings.exposure
        if exposure is None:
            # From the clean plate alone: a still one then gives the whole shot one exposure.
            exposure = auto_exposure(clean_709, clean_709)
        return CleanSeen(encoded_picture(clean_709, exposure), exposure)

    def coarse(
        self,
        plate: np.ndarray,
        clean: np.ndarray,
        space: str,
        *,
        valid: np.ndarray | None = None,
        seen: CleanSeen | None = None,
    ) -> CoarseStage:
        """Run the coarse stage: the first of `evaluate`'s four.

        Parameters
        ----------
        plate, clean, space, valid
            As for `evaluate`.
        seen : CleanSeen, optional
            From `seen_clean`, of the same clean plate.

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
        seen = seen or self.seen_clean(clean, space)
        plate_seen = encoded_picture(self.config.to_linear_rec709(plate, space), seen.exposure)
        height, width = plate.shape[:2]
        scales = self.settings.scales_for(height, width)

        @torch.inference_mode()
        def run() -> tuple[Tensor, Tensor, tuple[Coarse, ...]]:
            pictures = self.network.picture(plate_seen), self.network.picture(seen.picture)
            return *pictures, self.network.model.looks(*pictures, scales, self.settings.mirrored)

        encoded_plate, encoded_clean, looks = self.network.with_memory(run)
        limit: np.ndarray | None = None
        if valid is not None:
            looks, most = zip(
                *(without_clean_plate(look, valid, encoded_plate) for look in looks), strict=True
            )
            limits = [plane(from_coarse(one, height, width)) for one in most]
            limit = np.median(limits, axis=0) if len(limits) > 1 else limits[0]
            limit[valid > 0] = 1.0
        alpha, error = (plane(from_coarse(agreed_on, height, width)) for agreed_on in consensus(looks))
        if valid is not None:
            error[valid == 0] = 1.0
        return CoarseStage(encoded_plate, encoded_clean, looks, alpha, error, seen.exposure, limit)

    def refine(
        self,
        stage: CoarseStage,
        *,
        coarse_override: np.ndarray | None = None,
        error_override: np.ndarray | None = None,
        layers: Collection[str] = ON_REQUEST,
    ) -> Prediction:
        """Refine a coarse matte: the second of `evaluate`'s four stages.

        Parameters
        ----------
        stage : CoarseStage
            From `coarse`; it is left as it is.
        coarse_override, error_override
            As for `evaluate`.
        layers : collection of str
            Those of the result; those `ON_REQUEST` are None where they are not among them.

        Returns
        -------
        Prediction
            At the plate's size.
        """
        looks = [CoarseLook(stage, look, coarse_override, error_override, layers) for look in stage.looks]
        found = agreed(looks, self._refined)
        return replace(found, looks=tuple(looks)) if len(looks) > 1 else found

    def _refined(self, look: CoarseLook) -> Prediction:
        stage = look.stage
        found = self.network.with_memory(lambda: refined(self.network, look, self.settings))
        height, width = stage.alpha.shape
        alpha, limit = plane(found.alpha), stage.limit
        doubted = doubted_with_paint(look)
        if limit is not None:
            if look.coarse_override is not None:
                limit = np.maximum(limit, merge_override(limit, look.coarse_override))
            np.minimum(alpha, limit, out=alpha)
        doubt = region = None
        if "doubt" in look.layers:
            doubt = doubt_of_network(doubted, unmixing_cells(alpha, doubted))
        if "region" in look.layers:
            region = plane(found.region.repeat_interleave(4, 2).repeat_interleave(4, 3))[:height, :width]
        return Prediction(
            alpha=alpha,
            encoded=found.foreground[0].permute(1, 2, 0).float().cpu().numpy(),
            coarse=stage.alpha,
            error=stage.error,
            doubted=doubted,
            doubt=doubt,
            region=region,
            features=look.coarse.features[0].float().cpu().numpy(),
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
        weigh = self.network.model.light is not None and self.settings.weighs_light

        def asked(one: Prediction) -> Prediction:
            return unmixed(self.network, self.config, one, plate, clean, space, valid, weigh=weigh)

        if not prediction.looks:
            return asked(prediction)
        # Each is refined again: together they would fill the memory.
        return agreed(prediction.looks, lambda look: asked(self._refined(look)))

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
            coarse = self.network.model.coarse(
                *(self.network.picture(encoded_picture(picture, exposure)) for picture in (plate, clean)),
                backbone_scale=1.0,
            )
            return plane(from_coarse(coarse.alpha, *plate.shape[:2]))

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
            solver_estimate(prediction, alpha, self.config, space),
            outside=outside,
            trusted=TRUSTED / 2.0**prediction.exposure,
        )
        doubt = prediction.doubt
        for painted in (inside, outside):
            if painted is not None and doubt is not None:  # what an artist says is not in doubt
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
