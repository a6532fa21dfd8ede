"""Refining what is worth it: how many pixels, and what was painted on before."""

from __future__ import annotations

from dataclasses import replace

import torch

from howard_nodes.description import WORTH_REFINING, MatteSettings
from howard_nodes.engine.devices import PlacedNetwork
from howard_nodes.engine.painting import with_paint
from howard_nodes.engine.results import CoarseLook
from howard_nodes.network import Coarse, Refined, calibrated, feathered, from_coarse

__all__ = ["refined"]


@torch.inference_mode()
def refined(network: PlacedNetwork, look: CoarseLook, settings: MatteSettings) -> Refined:
    """Refine a coarse matte where its error is highest.

    Parameters
    ----------
    network : PlacedNetwork
        What computes it.
    look : CoarseLook
        It is left as it is.
    settings : MatteSettings
        How many pixels, chosen how.

    Returns
    -------
    Refined
        On the device, feathered into the coarse matte.
    """
    stage, coarse_override, error_override = look.stage, look.coarse_override, look.error_override
    height, width = stage.plate.shape[2:]
    plate, clean = network.picture(stage.plate), network.picture(stage.clean)
    # The device may be another one since, where a GPU's memory did not suffice.
    used = Coarse(*(map_.to(plate.device) for map_ in vars(look.coarse).values()))
    pixels = settings.pixels_for(height, width)
    if coarse_override is not None:
        used = replace(used, alpha=with_paint(used.alpha, stage.alpha, coarse_override, used))
    if error_override is not None:
        used = replace(used, error=with_paint(used.error, stage.error, error_override, used))
    if settings.sample_pixels is None:
        worth = calibrated(torch.tensor(WORTH_REFINING), network.model.quiet_error)
        share = float((used.error > worth).float().mean())
        pixels = min(pixels, round(share * height * width))
    if error_override is not None or stage.limit is not None:
        # What is painted 1 or has no clean plate is refined, however much it is.
        share = float((used.error >= 0.999).float().mean())
        pixels = max(pixels, round(share * height * width) + 16)
    found = network.model.refine(
        plate,
        clean,
        used,
        mode=settings.refine_mode,
        sample_pixels=pixels,
        threshold=settings.threshold,
    )
    return replace(found, alpha=feathered(found, from_coarse(used.alpha, height, width)))
