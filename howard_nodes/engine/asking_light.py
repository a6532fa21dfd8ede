"""The stage unmix: asking the light where the network is in doubt, and letting a small network weigh it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from howard_nodes.color import ColorConfig
from howard_nodes.engine.devices import PlacedNetwork
from howard_nodes.engine.encoded import encoded_colors, light_of
from howard_nodes.engine.results import Prediction
from howard_nodes.engine.weighing import at_cells, cell_inputs, judged, pixels_of
from howard_nodes.solve import doubt_of_light, halved, unmix, unmixing_cells

__all__ = ["unmixed"]


def unmixed(
    network: PlacedNetwork,
    config: ColorConfig,
    prediction: Prediction,
    plate: np.ndarray,
    clean: np.ndarray,
    space: str,
    valid: np.ndarray | None,
    *,
    weigh: bool,
) -> Prediction:
    """Unmix a prediction.

    Parameters
    ----------
    network : PlacedNetwork
        What weighs.
    config : ColorConfig
        Decides what `space` is.
    prediction : Prediction
        It is left as it is.
    plate, clean, space, valid
        As for `Engine.evaluate`.
    weigh : bool
        Let the network weigh what the light says.

    Returns
    -------
    Prediction
        With another alpha and doubt; where the network weighs the light, another foreground too.
    """
    alpha, exposure = prediction.alpha, prediction.exposure
    cells = unmixing_cells(alpha, prediction.doubted, (plate, clean) if weigh else None)
    if valid is not None:
        cells &= halved(valid) >= 1
    if not cells.any():
        return prediction
    where = pixels_of(cells, *alpha.shape)
    own = at_cells(prediction.encoded, where).mean(1)
    found = unmix(
        plate,
        clean,
        alpha,
        prediction.doubted,
        cells,
        light_of(own, exposure, config, space),
        evidence=weigh,
    )
    doubt = None if prediction.doubt is None else doubt_of_light(prediction.doubt, found.deviation)
    alpha, seen = found.alpha, prediction.encoded
    if found.evidence is not None:
        inputs = cell_inputs(
            plate,
            clean,
            prediction.alpha,
            prediction.doubted,
            cells,
            where,
            found.evidence,
            own,
            prediction.features,
            lambda colors: encoded_colors(colors, exposure, config, space),
        )
        light = network.model.light
        assert light is not None
        weighed = network.with_memory(lambda: judged(light, inputs, cells, network.device))
        alpha[where] = weighed.alpha.clamp(0, 1).numpy()
        if doubt is not None:
            doubt[where] = weighed.doubt.clamp(0, 1).numpy()
        seen = seen.copy()
        seen[where] = weighed.foreground.clamp(0, 1).numpy()[:, None]
    if prediction.limit is not None:
        np.minimum(alpha, prediction.limit, out=alpha)
    return replace(prediction, alpha=alpha, encoded=seen, doubt=doubt)
