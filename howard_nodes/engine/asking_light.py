"""The stage unmix: asking the light where the network is in doubt, and letting a small network weigh it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import cv2
import numpy as np
from torch import Tensor

from howard_nodes.color import ColorConfig
from howard_nodes.engine.devices import PlacedNetwork
from howard_nodes.engine.encoded import encoded_colors, light_of
from howard_nodes.engine.results import Prediction
from howard_nodes.engine.weighing import EdgeLight, at_cells, judged
from howard_nodes.network import Judged
from howard_nodes.solve import TRUSTED, doubt_of_light, halved, unmixing_cells

__all__ = ["unmixed"]

_WITHIN = 4  # cells all around that are ...
_SOLID = 0.9, 0.96  # ... at least this solid: there a cell begins to be well within a subject, and is
_FADE = 3  # cells from a subject that nobody asked about to where an answer counts in full


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
    cells = unmixing_cells(prediction.alpha, prediction.doubted, (plate, clean) if weigh else None)
    if valid is not None:
        cells &= halved(valid) >= 1
    if not cells.any():
        return prediction
    exposure = prediction.exposure
    light = EdgeLight(
        plate,
        clean,
        cells,
        prediction.encoded,
        prediction.features,
        encoded=lambda colors: encoded_colors(colors, exposure, config, space),
        decoded=lambda colors: light_of(colors, exposure, config, space),
        trusted=TRUSTED / 2.0**exposure,
    )
    where, believed, covered = light.where, prediction.alpha[light.where], halved(prediction.alpha)
    doubt, seen = prediction.doubt, prediction.encoded
    if weigh:
        answer, expected, color = light.weighed(
            prediction.alpha, prediction.doubted, partial(_judged, network, cells)
        )
        seen = seen.copy()
        seen[where] = color[:, None]
        if doubt is not None:
            doubt = doubt.copy()
            doubt[where] = expected
    else:
        found = light.unmixed(prediction.alpha, prediction.doubted)
        answer = found.alpha[where]
        doubt = None if doubt is None else doubt_of_light(doubt, found.deviation)
    # A subject may have the colours of what is behind it: well within, the light may add but not take away.
    within = _share_within(cells, covered)
    inner = np.flatnonzero(within)
    handed_over = at_cells(prediction.doubted, (where[0][inner], where[1][inner]))
    kept = within[inner, None] * np.minimum(2 - 2 * handed_over, 1)
    answer[inner] += kept * np.maximum(believed[inner] - answer[inner], 0)
    alpha = prediction.alpha.copy()
    alpha[where] = believed + _share_asked(cells, covered)[:, None] * (answer - believed)
    if prediction.limit is not None:
        np.minimum(alpha, prediction.limit, out=alpha)
    return replace(prediction, alpha=alpha, encoded=seen, doubt=doubt)


def _judged(network: PlacedNetwork, cells: np.ndarray, inputs: Tensor) -> Judged:
    light = network.model.light
    assert light is not None
    return network.with_memory(lambda: judged(light, inputs, cells, network.device))


def _share_asked(cells: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Tell how much an answer counts beside the subject that nobody asked about, so that no step shows.

    Parameters
    ----------
    cells : ndarray
        ceil(H/2) ceil(W/2), bool: the N cells that were asked about.
    covered : ndarray
        ceil(H/2) ceil(W/2), 0 to 1: how much of each cell was believed to be covered.

    Returns
    -------
    ndarray
        N float32: 1/3 in cells beside such, 2/3 in those behind, else 1.
    """
    solid = (~cells & (covered > 0.5)).astype(np.uint8)
    share = np.ones(cells.shape, np.float32)
    for far in range(_FADE - 1, 0, -1):
        near = cv2.dilate(solid, np.ones((2 * far + 1,) * 2, np.uint8)).reshape(cells.shape)
        share[near > 0] = far / _FADE
    return np.asarray(share[cells])


def _share_within(cells: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Tell how far the cells that were asked about are well within a subject, as `_share_asked` does."""
    least = cv2.erode(covered, np.ones((2 * _WITHIN + 1,) * 2, np.uint8)).reshape(cells.shape)
    low, high = _SOLID
    return np.asarray(np.clip((least[cells] - low) * (1 / (high - low)), 0.0, 1.0), np.float32)
