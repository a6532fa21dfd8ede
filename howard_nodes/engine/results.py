"""What the engine's stages hand to each other."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from howard_nodes.network import Coarse

__all__ = ["ON_REQUEST", "CleanSeen", "CoarseLook", "CoarseStage", "Prediction"]

ON_REQUEST = ("doubt", "region")
"""Layers that are computed where they are wanted: they take time."""


@dataclass(frozen=True)
class CleanSeen:
    """What the network sees of a clean plate.

    Attributes
    ----------
    picture : Tensor
        1 3 H W, encoded, on the CPU.
    exposure : float
        Stops the encoding had.
    """

    picture: Tensor
    exposure: float


@dataclass(frozen=True)
class CoarseStage:
    """What the coarse stage saw of a frame, and the pictures it saw.

    Attributes
    ----------
    plate, clean : Tensor
        1 3 H W, encoded, on the device.
    looks : tuple of Coarse
        On the device, one or an odd number; the error is 1 where there is no clean plate.
    alpha, error : ndarray
        H W float32, 0 to 1: coarse matte and error map that they agree on, enlarged.
    exposure : float
        Stops the encoding had.
    limit : ndarray or None
        H W float32: what alpha may be at most, which is less than 1 only where there is no clean plate. None
        where there is everywhere.
    """

    plate: Tensor
    clean: Tensor
    looks: tuple[Coarse, ...]
    alpha: np.ndarray
    error: np.ndarray
    exposure: float
    limit: np.ndarray | None


@dataclass(frozen=True)
class CoarseLook:
    """One of the coarse stage's looks at a frame, with what was painted: all that refining needs.

    Attributes
    ----------
    stage : CoarseStage
        What it is one of.
    coarse : Coarse
        What it saw.
    coarse_override, error_override : ndarray or None
        H W or H W C, see `howard_nodes.solve.merge_override`.
    layers : collection of str
        Those of the result.
    """

    stage: CoarseStage
    coarse: Coarse
    coarse_override: np.ndarray | None
    error_override: np.ndarray | None
    layers: Collection[str]


@dataclass(frozen=True)
class Prediction:
    """What the network says of one frame, float32, at the plate's size.

    Attributes
    ----------
    alpha : ndarray
        H W, 0 to 1, refined; after `unmix`, what the light makes of it.
    encoded : ndarray
        H W 3, the straight foreground as the network estimates it, in its own encoding.
    coarse, error : ndarray
        H W, 0 to 1, of the coarse stage, before any override.
    doubted : ndarray
        H W, 0 to 1: how far alpha may be wrong: the error map with what was painted, 0 where a coarse matte
        was painted against the network's.
    doubt : ndarray or None
        H W, 0 to 1: the error to be expected of `alpha`; None where nobody asked.
    region : ndarray or None
        H W, 1 where the refiner worked; None where nobody asked.
    features : ndarray
        F h w, of the coarse stage: for `unmix`.
    exposure : float
        Stops the network's encoding had.
    limit : ndarray or None
        H W: what alpha may be at most, see `CoarseStage`; with what was painted into the coarse matte.
    looks : tuple of CoarseLook
        Those it was made of, where there are several and `unmix` is to follow each; they hold the stage.
    """

    alpha: np.ndarray
    encoded: np.ndarray
    coarse: np.ndarray
    error: np.ndarray
    doubted: np.ndarray
    doubt: np.ndarray | None
    region: np.ndarray | None
    features: np.ndarray
    exposure: float
    limit: np.ndarray | None
    looks: tuple[CoarseLook, ...] = ()
