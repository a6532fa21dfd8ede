"""A picture made ready for registration: normalised, at a few sizes, with features when they are asked for.

Two takes of one place differ in exposure, white balance, vignetting and noise. What is compared is therefore
the network's encoding of the light, brought to a common key, and then freed of its local mean and contrast.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from howard_nodes.color import LUMINANCE
from howard_nodes.color.encoding import encode

__all__ = ["FINE", "KEY", "LEAST_LIGHT", "LEVELS", "Level", "View", "prepare", "reduced_size", "slopes"]

Array = NDArray[Any]

FINE = 960
"""Longer side, in pixels, of the finest level that is compared."""

LEVELS = 3
"""Levels of half the size each: 960, 480 and 240 pixels for HD."""

KEY = 0.18
"""Middle grey: where the median of a picture's light is brought."""

LEAST_LIGHT = 1e-5
"""Scene-linear light under which there is none to measure."""

_MOST_FEATURES = 2000
_CONTRAST = 0.012  # of SIFT; its default of 0.04 finds too little on soft or hazy backgrounds
_NEIGHBOURHOOD = 21  # pixels over which the mean and the contrast are taken
_LEAST_CONTRAST = 0.025  # of the encoded picture, 0 to 1: keeps flat areas from becoming all noise


@dataclass(frozen=True)
class Level:
    """One size of a picture.

    Attributes
    ----------
    normal : ndarray
        h w float32: mean 0 and contrast of at most about 1 in every neighbourhood.
    to_full : ndarray
        3 3, takes its pixel coordinates to the full picture's.
    """

    normal: Array
    to_full: Array

    @cached_property
    def gradient(self) -> tuple[Array, Array]:
        """Derivatives in x and y, h w each."""
        return slopes(self.normal)


@dataclass(frozen=True, eq=False)
class View:
    """One picture prepared for `howard_nodes.plates.registration.register`.

    Attributes
    ----------
    size : tuple of int
        Width and height of the full picture.
    luminance : ndarray
        h w float32, scene-linear, at the finest level.
    key : float
        Light that is taken for middle grey. By default the picture's median.
    """

    size: tuple[int, int]
    luminance: Array
    key: float

    @cached_property
    def encoded(self) -> Array:
        """Luminance at the finest level in the network's encoding, h w, 0 to 1."""
        return encode(torch.from_numpy(self.luminance * np.float32(KEY / self.key))).numpy()

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """Normalised pictures, finest first, each half the size of the one before."""
        encoded, (width, height) = self.encoded, self.size
        to_full = _scaling(width / encoded.shape[1], height / encoded.shape[0])
        levels = [Level(_normalised(encoded), to_full)]
        while len(levels) < LEVELS and min(encoded.shape) >= 32:
            before = encoded.shape
            smaller = (before[1] // 2, before[0] // 2)
            encoded = cv2.resize(encoded, smaller, interpolation=cv2.INTER_AREA)
            to_full = to_full @ _scaling(before[1] / smaller[0], before[0] / smaller[1])
            levels.append(Level(_normalised(encoded), to_full))
        return tuple(levels)

    def blurred(self, sigma: float) -> View:
        """Put the picture out of focus: blurred in linear light, by pixels of the finest level."""
        return View(self.size, cv2.GaussianBlur(self.luminance, (0, 0), sigma), self.key)

    def keyed(self, key: float) -> View:
        """Take another light for middle grey."""
        return View(self.size, self.luminance, key)

    @cached_property
    def features(self) -> tuple[Array, Array]:
        """SIFT features: their positions in the full picture, N 2, and descriptors (RootSIFT), N 128.

        Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 2004; Arandjelovic and
        Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012.
        """
        found, descriptors = cv2.SIFT.create(
            _MOST_FEATURES, contrastThreshold=_CONTRAST, enable_precise_upscale=True
        ).detectAndCompute(cv2.convertScaleAbs(self.encoded, alpha=255), None)
        if not found or descriptors is None:
            return np.empty((0, 2), np.float32), np.empty((0, 128), np.float32)
        points = np.asarray([point.pt for point in found], np.float32)
        scale, offset = self.levels[0].to_full[0, 0], self.levels[0].to_full[0, 2]
        total = np.maximum(descriptors.sum(1, keepdims=True), 1.0)
        return (points * scale + offset).astype(np.float32), np.sqrt(descriptors / total)


def slopes(picture: Array) -> tuple[Array, Array]:
    """Give the derivatives of a picture, slightly smoothed (Scharr's operator).

    Parameters
    ----------
    picture : ndarray
        h w float32.

    Returns
    -------
    tuple of two ndarrays
        In x and in y, h w float32, change a pixel.
    """
    return (
        cv2.Scharr(picture, cv2.CV_32F, 1, 0, scale=1 / 32),
        cv2.Scharr(picture, cv2.CV_32F, 0, 1, scale=1 / 32),
    )


def prepare(linear: Array, size: tuple[int, int] | None = None) -> View:
    """Prepare a picture for registration.

    Parameters
    ----------
    linear : ndarray
        H W 3 float32, linear Rec.709, unbounded, finite; full size, or reduced to not less than `FINE`.
    size : tuple of int, optional
        Width and height of the full picture, where it was reduced.

    Returns
    -------
    View
        A few megabytes, whatever the picture's size.
    """
    height, width = linear.shape[:2]
    reduced = reduced_size(width, height)
    luminance = cv2.transform(linear, np.array([LUMINANCE], np.float32))
    if reduced != (width, height):
        luminance = cv2.resize(luminance, reduced, interpolation=cv2.INTER_AREA)
    lit = luminance[luminance > LEAST_LIGHT]
    key = float(np.median(lit)) if lit.size else 1.0
    return View(size or (width, height), np.maximum(luminance, 0.0), key)


def reduced_size(width: int, height: int) -> tuple[int, int]:
    """Size of a picture at the finest level that is compared.

    Parameters
    ----------
    width, height : int
        Pixels of the full picture.

    Returns
    -------
    tuple of int
        Width and height, pixels: the longer at most `FINE`, neither below 8.
    """
    factor = min(1.0, FINE / max(height, width))
    return max(8, round(width * factor)), max(8, round(height * factor))


def _scaling(x: float, y: float) -> Array:
    """Enlarge coordinates; pixel centres are at integers, so corners at halves."""
    return np.array([[x, 0.0, (x - 1) / 2], [0.0, y, (y - 1) / 2], [0.0, 0.0, 1.0]])


def _normalised(encoded: Array) -> Array:
    window = (_NEIGHBOURHOOD, _NEIGHBOURHOOD)
    high: Array = encoded - cv2.blur(encoded, window)
    contrast = np.sqrt(np.maximum(cv2.sqrBoxFilter(high, cv2.CV_32F, window), np.float32(0.0)))
    return high / (contrast + np.float32(_LEAST_CONTRAST))
