"""Measure weights on a held-out synthetic set, beside a difference key.

The held-out set is drawn like the training samples, but from other pictures, other people and another seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from howard_nodes.description import MatteSettings
from howard_nodes.network import MattingNetwork
from howard_nodes.training.banks import ForegroundBank, TextureBank
from howard_nodes.training.metrics import difference_key, grad, mad, mse, unknown_band
from howard_nodes.training.samples import HELD_OUT, Sample, SampleSource, Style
from howard_nodes.training.trainer import list_pictures

__all__ = ["HELD_OUT_SEED", "Evaluation", "evaluate", "held_out_samples", "score"]

HELD_OUT_SEED = 20_261_122
Matte = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]
_THRESHOLDS = np.linspace(0.0, 0.3, 31)


@dataclass(frozen=True)
class Evaluation:
    """Means over the held-out set; everything x 1000 but Grad.

    Attributes
    ----------
    samples : int
        Number of samples.
    mad, mad_unknown, mse, grad : float
        Of the refined alpha; `mad_unknown` within 10 pixels of partial coverage.
    mad_coarse : float
        Of the coarse matte, enlarged.
    foreground_mse : float
        Of the straight foreground where it is seen, in the network's encoding.
    key_mad, key_mad_unknown, key_threshold : float
        Of the difference key at the threshold that is best for the whole set.
    """

    samples: int
    mad: float
    mad_unknown: float
    mse: float
    grad: float
    mad_coarse: float
    foreground_mse: float
    key_mad: float
    key_mad_unknown: float
    key_threshold: float


def held_out_samples(
    pictures: Path | None, foregrounds: Path | None, *, count: int, size: int, style: Style = HELD_OUT
) -> list[Sample]:
    """Draw the held-out set.

    Parameters
    ----------
    pictures, foregrounds : Path or None
        Folders that training did not see.
    count, size : int
        Number of samples and pixels of a side.
    style : Style
        How hard they are.
    """
    source = SampleSource(
        TextureBank.load(list_pictures(pictures)),
        ForegroundBank.load(list_pictures(foregrounds)),
        size=size,
        seed=HELD_OUT_SEED,
        style=style,
    )
    return [source.draw(number) for number in range(count)]


def evaluate(
    network: MattingNetwork, samples: list[Sample], settings: MatteSettings | None = None
) -> Evaluation:
    """Run a network over samples as the node would.

    Parameters
    ----------
    network : MattingNetwork
        In evaluation mode.
    samples : list of Sample
        From `held_out_samples`.
    settings : MatteSettings, optional
        The node's knobs; by default its own choice for the samples' size.
    """
    knobs = settings or MatteSettings()

    @torch.no_grad()
    def matte(plate: np.ndarray, clean: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        size = plate.shape[1:]
        pictures = torch.from_numpy(plate)[None], torch.from_numpy(clean)[None]
        coarse = network.coarse(*pictures, backbone_scale=knobs.scale_for(*size))
        refined = network.refine(
            *pictures,
            coarse,
            mode=knobs.refine_mode,
            sample_pixels=knobs.pixels_for(*size),
            threshold=knobs.threshold,
        )
        return refined.alpha[0, 0].numpy(), coarse.alpha[0, 0].numpy(), refined.foreground[0].numpy()

    return score(matte, samples)


def score(matte: Matte, samples: list[Sample]) -> Evaluation:
    """Score any function from encoded plate and clean plate (3 H W) to alpha, coarse matte and foreground.

    Parameters
    ----------
    matte : callable
        Gives alpha H W, coarse matte h w, encoded straight foreground 3 H W.
    samples : list of Sample
        What to score it on.
    """
    rows, key_rows = [], []
    for sample in samples:
        alpha, coarse, foreground = matte(sample.plate, sample.clean)
        truth = sample.alpha[0]
        band = unknown_band(truth)
        large = cv2.resize(coarse, truth.shape[::-1], interpolation=cv2.INTER_LINEAR)
        seen = truth > 0.05
        rows.append(
            [
                mad(alpha, truth),
                mad(alpha, truth, band) if band.any() else np.nan,
                mse(alpha, truth),
                grad(alpha, truth),
                mad(large, truth),
                mse(foreground[:, seen], sample.foreground[:, seen]) if seen.any() else np.nan,
            ]
        )
        plate, clean = sample.plate.transpose(1, 2, 0), sample.clean.transpose(1, 2, 0)
        keys = [difference_key(plate, clean, threshold) for threshold in _THRESHOLDS]
        key_rows.append([[mad(key, truth), mad(key, truth, band) if band.any() else np.nan] for key in keys])
    means = np.nanmean(rows, axis=0)
    key_means = np.nanmean(key_rows, axis=0)
    best = int(key_means[:, 0].argmin())
    return Evaluation(
        samples=len(samples),
        mad=float(means[0]),
        mad_unknown=float(means[1]),
        mse=float(means[2]),
        grad=float(means[3]),
        mad_coarse=float(means[4]),
        foreground_mse=float(means[5]),
        key_mad=float(key_means[best, 0]),
        key_mad_unknown=float(key_means[best, 1]),
        key_threshold=float(_THRESHOLDS[best]),
    )
