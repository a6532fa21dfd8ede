"""Training samples: a subject over a place, and the clean plate that somebody would have shot of it.

Everything is composited in linear light, so alpha means coverage. The clean plate differs from the place
behind the subject in the ways real ones do: it drifted, its exposure and white balance moved, its grain is
another, leaves moved, the subject's shadow and bounce are missing, both were compressed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from howard_nodes.color.encoding import encode
from howard_nodes.training.banks import ForegroundBank, TextureBank, smooth_noise
from howard_nodes.training.shapes import draw_silhouette

__all__ = ["HELD_OUT", "TRAINING", "Sample", "SampleSource", "Style"]


@dataclass(frozen=True)
class Style:
    """How hard the samples are.

    Attributes
    ----------
    people : float
        Share of subjects that are rendered people, when there are some; the rest are drawn silhouettes.
    other_material : float
        Share of rendered people made of any texture instead of their own skin and clothes.
    camouflage : float
        Share of subjects made of what is behind them, and share of subjects brought to its mean colour.
    blur : float
        Share of subjects out of focus or in motion.
    most_blur : float
        Largest standard deviation of the defocus, a quarter of the longest motion: a share of the side.
    translucent : float
        Share of subjects seen through all over.
    drift : float
        Standard deviation of the clean plate's shift, as a share of the picture's side.
    strong_drift : float
        Share of clean plates that drift four times as much.
    exposure, white_balance : float
        Standard deviations of the clean plate's gain in stops, overall and per channel.
    moving : float
        Share of clean plates in which parts moved: leaves, curtains, water.
    """

    people: float = 0.65
    other_material: float = 0.15
    camouflage: float = 0.05
    blur: float = 0.35
    most_blur: float = 0.015
    translucent: float = 0.03
    drift: float = 0.0022
    strong_drift: float = 0.1
    exposure: float = 0.08
    white_balance: float = 0.03
    moving: float = 0.12


TRAINING = Style()
"""Harder than life, so that life is easy."""

HELD_OUT = Style(
    people=0.85,
    other_material=0.0,
    camouflage=0.0,
    blur=0.25,
    most_blur=0.006,
    translucent=0.0,
    drift=0.0008,
    strong_drift=0.0,
    exposure=0.03,
    white_balance=0.01,
    moving=0.08,
)
"""Shots as they reach the network from a tripod or after registration and exposure match: half a pixel
and a few hundredths of a stop off at 640 pixels, shadow, bounce, grain, compression, moving parts left in."""


@dataclass(frozen=True)
class Sample:
    """One training sample, float32, channels first.

    Attributes
    ----------
    plate, clean : ndarray
        3 S S, the network's encoding.
    alpha : ndarray
        1 S S, coverage in linear light, 0 to 1.
    foreground : ndarray
        3 S S, straight, the network's encoding.
    """

    plate: np.ndarray
    clean: np.ndarray
    alpha: np.ndarray
    foreground: np.ndarray


class SampleSource:
    """Draws sample number i, the same for the same seed however the numbers are split over processes.

    Parameters
    ----------
    textures : TextureBank
        Places and materials.
    people : ForegroundBank
        Rendered subjects; an empty bank leaves drawn silhouettes only.
    size : int
        Pixels of a side.
    seed : int
        Start of all randomness.
    style : Style
        How hard the samples are.
    """

    def __init__(
        self,
        textures: TextureBank,
        people: ForegroundBank,
        *,
        size: int,
        seed: int,
        style: Style = TRAINING,
    ) -> None:
        self.textures, self.people, self.size, self.seed = textures, people, size, seed
        self.style = style

    def draw(self, number: int) -> Sample:
        """Draw sample `number`, 0 or more."""
        rng = np.random.default_rng((self.seed, number))
        size = self.size
        place = self.textures.draw(rng, size)
        if rng.random() < 0.97:
            color, alpha = self._subject(rng, place)
            if rng.random() < 0.12:
                color2, alpha2 = self._subject(rng, place)
                total = alpha2 + alpha * (1 - alpha2)
                share = (alpha2 / np.maximum(total, 1e-4))[..., None]
                color, alpha = color2 * share + color * (1 - share), total
        else:
            color, alpha = place.copy(), np.zeros((size, size), np.float32)
        color, alpha = _blur(rng, color, alpha, self.style)
        if rng.random() < self.style.translucent:
            alpha = alpha * np.float32(rng.uniform(0.3, 0.95))

        exposure = np.float32(2.0 ** rng.normal(0.0, 0.6))
        color, place = color * exposure, place * exposure
        behind = _shadow_and_bounce(rng, place, color, alpha)
        plate = alpha[..., None] * color + (1 - alpha[..., None]) * behind
        clean = _another_take(rng, place, self.style)
        if rng.random() < 0.75:
            amount = rng.uniform(0.0, 0.02)
            plate = _grain(rng, plate, amount)
            clean = _grain(rng, clean, amount * rng.uniform(0.0, 1.0))
        plate, clean, color = (_encoded(picture) for picture in (plate, clean, color))
        if rng.random() < 0.25:
            quality = int(rng.integers(40, 96))
            plate, clean = _compressed(plate, quality), _compressed(clean, quality)
        return Sample(_planes(plate), _planes(clean), np.ascontiguousarray(alpha[None]), _planes(color))

    def _subject(self, rng: np.random.Generator, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if self.people.people and rng.random() < self.style.people:
            color, alpha = self.people.draw(rng, self.size)
            color = color * np.float32(2.0 ** rng.normal(0.0, 0.6))
            kind = rng.random()
            if kind < self.style.other_material:
                color = self.textures.draw(rng, self.size)
            elif kind < 0.5:  # other clothes, other hair
                color = color * (0.3 + 1.4 * smooth_noise(rng, self.size))
        else:
            color, alpha = self.textures.draw(rng, self.size), draw_silhouette(rng, self.size)
        if rng.random() < self.style.camouflage:  # camouflage: made of what is behind it
            shift = np.eye(2, 3)
            shift[:, 2] = rng.uniform(-0.2, 0.2, 2) * self.size
            color = _warp(place, shift) * np.float32(rng.uniform(0.85, 1.15))
        elif rng.random() < self.style.camouflage:  # brightness and tint of the place, other detail
            ratio = (place.mean((0, 1)) + 0.01) / (color.mean((0, 1)) + 0.01)
            color = color * ratio.astype(np.float32)
        return color, alpha


def _warp(picture: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    size = (picture.shape[1], picture.shape[0])
    return cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def _blur(
    rng: np.random.Generator, color: np.ndarray, alpha: np.ndarray, style: Style
) -> tuple[np.ndarray, np.ndarray]:
    """Defocus or move the subject; its colour, straight, reaches beyond its edge anyway."""
    kind, most = rng.random(), style.most_blur * alpha.shape[0]
    if kind < style.blur * 0.65:
        alpha = cv2.GaussianBlur(alpha, (0, 0), rng.uniform(0.3, max(0.4, most)))
    elif kind < style.blur:
        taps = 2 * int(rng.integers(1, max(2, round(2 * most)) + 1)) + 1
        kernel = np.zeros((taps, taps), np.float32)
        angle, half = rng.uniform(0, np.pi), taps // 2
        reach = np.array([half * np.cos(angle), half * np.sin(angle)])
        start, end = (half - reach).round().astype(int), (half + reach).round().astype(int)
        cv2.line(kernel, start.tolist(), end.tolist(), 1.0, 1, cv2.LINE_AA)
        kernel /= kernel.sum()
        alpha, color = cv2.filter2D(alpha, -1, kernel), cv2.filter2D(color, -1, kernel)
    return color, np.clip(alpha, 0.0, 1.0)


def _shadow_and_bounce(
    rng: np.random.Generator, place: np.ndarray, color: np.ndarray, alpha: np.ndarray
) -> np.ndarray:
    size = alpha.shape[0]
    behind = place
    if rng.random() < 0.4:
        small = cv2.resize(alpha, (size // 4, size // 4), interpolation=cv2.INTER_AREA)
        shadow = np.roll(small, tuple(rng.integers(-size // 20, size // 20 + 1, 2)), (0, 1))
        shadow = cv2.GaussianBlur(shadow, (0, 0), rng.uniform(0.004, 0.03) * size) * rng.uniform(0.1, 0.6)
        behind = behind * (1 - cv2.resize(shadow.astype(np.float32), (size, size))[..., None])
        if rng.random() < 0.5:
            tint = (color * alpha[..., None]).sum((0, 1)) / (alpha.sum() + 1.0)
            glow = cv2.GaussianBlur(small, (0, 0), 0.05 * size) * rng.uniform(0.0, 0.15)
            behind = behind * (1 + cv2.resize(glow, (size, size))[..., None] * tint.astype(np.float32))
    return behind


def _another_take(rng: np.random.Generator, place: np.ndarray, style: Style) -> np.ndarray:
    """Shoot the empty place at another time."""
    size = place.shape[0]
    if rng.random() < 0.7:
        spread = style.drift * (4.0 if rng.random() < style.strong_drift else 1.0)
        angle, zoom = rng.normal(0, 15 * spread), 1 + rng.normal(0, 0.25 * spread)
        matrix = cv2.getRotationMatrix2D((size / 2, size / 2), angle, zoom)
        matrix[:, 2] = matrix[:, 2] + rng.normal(0, spread * size, 2)
        place = _warp(place, matrix)
    if rng.random() < style.moving:  # leaves, curtains, water: parts of the place moved
        field = rng.normal(0, 1, (2, 9, 9)).astype(np.float32) * (rng.random((9, 9)) < 0.3)
        field = np.stack([cv2.resize(f, (size, size), interpolation=cv2.INTER_CUBIC) for f in field])
        field *= rng.uniform(0.002, 0.012) * size
        y, x = np.mgrid[0:size, 0:size].astype(np.float32)
        place = cv2.remap(place, x + field[0], y + field[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    if rng.random() < 0.7:
        stops = rng.normal(0, style.exposure) + rng.normal(0, style.white_balance, 3)
        place = place * (2.0**stops).astype(np.float32)
    if rng.random() < 0.1:  # light that drifts over the picture
        corners = (2.0 ** rng.normal(0, style.exposure, (2, 2))).astype(np.float32)
        place = place * cv2.resize(corners, (size, size))[..., None]
    if rng.random() < 0.3:
        place = cv2.GaussianBlur(place, (0, 0), rng.uniform(0.3, 1.2))
    return place


def _grain(rng: np.random.Generator, picture: np.ndarray, amount: float) -> np.ndarray:
    noise = rng.standard_normal(picture.shape, dtype=np.float32)
    if rng.random() < 0.3:
        noise = cv2.GaussianBlur(noise, (0, 0), 0.6) * 2.0
    return picture + noise * np.float32(amount) * np.sqrt(np.maximum(picture, 0.0) + 0.01)


def _encoded(picture: np.ndarray) -> np.ndarray:
    return encode(torch.from_numpy(np.ascontiguousarray(picture, np.float32))).numpy()


def _compressed(encoded: np.ndarray, quality: int) -> np.ndarray:
    picture = (encoded * 255).round().astype(np.uint8)
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.float32) / 255.0


def _planes(picture: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(picture.transpose(2, 0, 1))
