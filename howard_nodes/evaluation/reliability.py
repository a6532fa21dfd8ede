"""Is the error map honest? Predicted error against true error, and what refining by it wins."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["Calibration", "Refining", "Reliability"]

_BINS = 20
_MOST_RANKED = 20_000


@dataclass(frozen=True)
class Reliability:
    """Predicted error against true error.

    Attributes
    ----------
    count : tuple of int
        Pixels in each bin of predicted error; the bins are equally wide, from 0 to 1.
    predicted, true : tuple of float
        Mean predicted and mean true error in each bin; not a number in one without pixels.
    calibration_error : float
        Expected calibration error x 1000: the mean over all pixels of how far their bin's mean predicted
        error is from its mean true error.
    rank_correlation : float
        Spearman's, -1 to 1, on a regular sample of the pixels; not a number where an error is constant.
    """

    count: tuple[int, ...]
    predicted: tuple[float, ...]
    true: tuple[float, ...]
    calibration_error: float
    rank_correlation: float


@dataclass(frozen=True)
class Refining:
    """MAD x 1000 of the refined matte, by what was refined.

    Attributes
    ----------
    nothing, everything : float
        The coarse matte, enlarged; all of the picture refined.
    tenth : float
        The tenth of the picture with the highest predicted error.
    random, best : float
        A tenth at random, and the tenth with the highest true error of the coarse matte.
    """

    nothing: float
    everything: float
    tenth: float
    random: float
    best: float

    @property
    def won(self) -> float:
        """Share of the gain of refining everything that the predicted tenth wins; above 1 where it is better.

        Not a number where refining everything gains nothing.
        """
        gain = self.nothing - self.everything
        return (self.nothing - self.tenth) / gain if gain > 0 else math.nan


class Calibration:
    """Gathers predicted and true errors, picture by picture."""

    def __init__(self) -> None:
        self._count = np.zeros(_BINS, np.int64)
        self._predicted = np.zeros(_BINS)
        self._true = np.zeros(_BINS)
        self._sample: list[np.ndarray] = []

    def add(self, predicted: np.ndarray, true: np.ndarray) -> None:
        """Take the errors of a picture, both of one shape, 0 to 1."""
        predicted, true = predicted.ravel(), true.ravel()
        bins = np.minimum((predicted * _BINS).astype(int), _BINS - 1)
        self._count += np.bincount(bins, minlength=_BINS)
        self._predicted += np.bincount(bins, predicted, minlength=_BINS)
        self._true += np.bincount(bins, true, minlength=_BINS)
        step = -(-predicted.size // _MOST_RANKED)
        self._sample.append(np.stack([predicted[::step], true[::step]]))

    def result(self) -> Reliability:
        """Sum up what was taken; at least one picture."""
        some = np.maximum(self._count, 1)
        empty = self._count == 0
        predicted, true = (np.where(empty, np.nan, sums / some) for sums in (self._predicted, self._true))
        distance = np.abs(self._predicted - self._true).sum() / self._count.sum()
        return Reliability(
            tuple(self._count.tolist()),
            tuple(predicted.tolist()),
            tuple(true.tolist()),
            1000.0 * float(distance),
            _rank_correlation(*np.concatenate(self._sample, axis=1)),
        )


def _rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    ranks = []
    for values in (one, other):
        _, place, count = np.unique(values, return_inverse=True, return_counts=True)
        # Equal values share the mean of their ranks.
        ranks.append((np.cumsum(count) - (count - 1) / 2)[place])
    if ranks[0].std() == 0 or ranks[1].std() == 0:
        return math.nan
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])
