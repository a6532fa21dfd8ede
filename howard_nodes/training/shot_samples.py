"""Samples of the shot at hand: its own subject, laid elsewhere over its own clean plate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from howard_nodes.color.encoding import encode_halves
from howard_nodes.samples import conditions
from howard_nodes.samples.source import Sample, Style, another_take, touched_by_light

__all__ = ["NOBODY", "SURE", "Comp", "ShotPicture", "ShotSamples"]

SURE, NOBODY = 0.98, 0.02
"""Alpha from which a pixel shows the subject alone, and up to which the place."""

_STYLE = Style(
    drift=(0.15, 0.3, 0.6),
    exposure=0.02,
    white_balance=0.005,
    moving=0.0,
    shadow=0.4,
    hard_shadow=0.1,
)
"""What a clean plate that was registered and matched still differs by."""


@dataclass(frozen=True)
class ShotPicture:
    """One frame of the shot: linear Rec.709, float32.

    Attributes
    ----------
    foreground : ndarray
        H W 3, straight.
    alpha : ndarray
        H W, 0 to 1.
    clean : ndarray
        H W 3: the fitted clean plate.
    grain : float
        Standard deviation of what plate and clean plate differ by where nobody is and the light is 1.
    exposure : float
        Stops that the network's encoding has.
    """

    foreground: np.ndarray
    alpha: np.ndarray
    clean: np.ndarray
    grain: float
    exposure: float


@dataclass(frozen=True)
class Comp:
    """A subject of the shot laid over its clean plate: linear Rec.709, float32.

    Attributes
    ----------
    plate, clean : ndarray
        H W 3: what was shot, and another take of the place alone.
    foreground : ndarray
        H W 3, straight.
    alpha : ndarray
        H W, 0 to 1.
    exposure : float
        Stops that the network's encoding has.
    """

    plate: np.ndarray
    clean: np.ndarray
    foreground: np.ndarray
    alpha: np.ndarray
    exposure: float


class ShotSamples:
    """Draws samples from frames of a shot: sample number i is the same for the same seed.

    Parameters
    ----------
    pictures : sequence of ShotPicture
        At least one, with somebody in it.
    seed : int
        Start of all randomness.
    size : int
        Pixels of a sample's side.
    """

    def __init__(self, pictures: Sequence[ShotPicture], *, seed: int, size: int) -> None:
        self.pictures, self.seed, self.size = pictures, seed, size
        self._edges = [_edges(picture.alpha) for picture in pictures]

    def draw(self, number: int) -> Sample:
        """Draw sample `number`, 0 or more, as the network sees it."""
        comp = self.comp(number)
        light = comp.plate, comp.clean, comp.foreground
        encoded = (encode_halves(torch.from_numpy(x), comp.exposure).numpy() for x in light)
        planes = [np.ascontiguousarray(x.transpose(2, 0, 1)) for x in encoded]
        return Sample(planes[0], planes[1], np.ascontiguousarray(comp.alpha[None], np.float32), planes[2])

    def comp(self, number: int) -> Comp:
        """Lay the shot's own subject elsewhere over its own clean plate, for sample `number`."""
        rng = np.random.default_rng((self.seed, number))
        which = int(rng.integers(len(self.pictures)))
        subject, edges = self.pictures[which], self._edges[which]
        scene = self.pictures[int(rng.integers(len(self.pictures)))]
        matrix = self._placement(rng, edges[int(rng.integers(len(edges)))], subject.alpha)
        color, alpha = conditions.placed(subject.foreground, subject.alpha, matrix, self.size, self.size)
        color = color * np.float32(2.0 ** rng.normal(0.0, 0.15))
        place = self._place(rng, scene.clean)
        behind = touched_by_light(rng, place, color, alpha, _STYLE)
        plate = behind + alpha[..., None] * (color - behind)
        # What was shot has its grain already: the clean plate's counts for both.
        clean = conditions.grain(rng, another_take(rng, place, _STYLE), scene.grain)
        plate, clean, color, alpha = (
            np.ascontiguousarray(x, np.float32) for x in (plate, clean, color, alpha)
        )
        return Comp(plate, clean, color, alpha, scene.exposure)

    def _placement(self, rng: np.random.Generator, edge: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """Lay an edge of the subject somewhere into a window: an affine map, 2 3."""
        scale = float(np.exp(rng.uniform(np.log(0.8), np.log(1.25))))
        angle = np.deg2rad(rng.normal(0.0, 6.0))
        turn = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        if rng.random() < 0.5:
            turn[:, 0] *= -1
        target = rng.uniform(0.2, 0.8, 2) * self.size
        matrix = np.column_stack([turn, target - turn @ edge])
        # Where the frame's lower border cuts the subject, there is no more of it to show.
        height, width = alpha.shape
        if (alpha[-1] > 0.5).any():
            lowest = min(float(matrix[1] @ (x, height, 1)) for x in (0, width))
            matrix[1, 2] += max(0.0, self.size - lowest)
        return matrix

    def _place(self, rng: np.random.Generator, clean: np.ndarray) -> np.ndarray:
        size = self.size
        height, width = clean.shape[:2]
        row, column = (int(rng.integers(max(1, length - size + 1))) for length in (height, width))
        place = clean[row : row + size, column : column + size]
        short = size - place.shape[0], size - place.shape[1]
        if any(part > 0 for part in short):
            place = np.pad(place, ((0, max(0, short[0])), (0, max(0, short[1])), (0, 0)), mode="symmetric")
        return np.ascontiguousarray(place[:, ::-1] if rng.random() < 0.5 else place)


def _edges(alpha: np.ndarray) -> np.ndarray:
    """Find pixels of partial coverage, some thousand: N 2, across and down; of none, any of the subject."""
    down, across = np.nonzero((alpha > NOBODY) & (alpha < SURE))
    if not len(down):
        down, across = np.nonzero(alpha > 0)
    step = max(1, len(down) // 5000)
    return np.stack([across, down], 1)[::step].astype(np.float64)
