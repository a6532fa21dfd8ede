"""Pictures that samples are made of: textures for places, rendered people and things for subjects.

Everything is kept as scene-linear Rec.709. Photographs come in tone-mapped and display-encoded; their
highlights are expanded again when a texture is drawn, so that light above 1 occurs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch

from howard_nodes.errors import InputError
from howard_nodes.frames import read_frame
from howard_nodes.samples.conditions import placed

__all__ = ["PICTURES", "ForegroundBank", "TextureBank", "list_pictures", "read_foreground"]

PICTURES = frozenset({".exr", ".jpg", ".jpeg", ".png", ".tif", ".tiff"})
"""Endings of the files that are read: EXR is scene-linear, all else a photograph in sRGB."""


class TextureBank:
    """Square textures, cut from pictures or made of smooth noise.

    Parameters
    ----------
    pictures : list of ndarray
        H W 3 float16, linear Rec.709, 0 or more. May be empty: then all textures are noise.
    """

    def __init__(self, pictures: list[np.ndarray]) -> None:
        self.pictures = pictures

    @classmethod
    def load(cls, files: list[Path], *, limit: int = 2048) -> TextureBank:
        """Read photographs (sRGB) and EXRs (linear); the longer side is reduced to `limit` pixels.

        Raises
        ------
        InputError
            A file cannot be read.
        """
        pictures = []
        for file in files:
            if file.suffix.lower() == ".exr":
                picture = read_frame(file).rgb
            else:
                # A file's own bytes, because OpenCV opens no non-ASCII names on some systems.
                decoded = cv2.imdecode(np.frombuffer(file.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
                if decoded is None:
                    raise InputError(f"{file}: not an image that OpenCV reads; remove it from the folder.")
                picture = _srgb_to_linear(decoded[:, :, ::-1].astype(np.float32) / 255.0)
            longest = max(picture.shape[:2])
            if longest > limit:
                size = (picture.shape[1] * limit // longest, picture.shape[0] * limit // longest)
                picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
            pictures.append(np.clip(picture, 0.0, 100.0).astype(np.float16))
        return cls(pictures)

    def draw(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """Draw one texture: size size 3 float32, linear, its median at about 0.18, highlights to about 20."""
        if not self.pictures or rng.random() < 0.08:
            return smooth_noise(rng, size)
        picture = self.pictures[rng.integers(len(self.pictures))]
        height, width = picture.shape[:2]
        # Small cuts are enlarged a lot and look like a backdrop out of focus: wanted, but not too often.
        side = int(min(height, width) * rng.uniform(0.35, 1.0))
        y, x = rng.integers(height - side + 1), rng.integers(width - side + 1)
        cut = _single(picture[y : y + side, x : x + side])
        texture = cv2.resize(
            cut, (size, size), interpolation=cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
        )
        if rng.random() < 0.5:
            texture = texture[:, ::-1]
        if rng.random() < 0.15:
            texture = texture[::-1]
        if rng.random() < 0.15:
            texture = texture.transpose(1, 0, 2)
        texture = texture * rng.uniform(0.75, 1.3, 3).astype(np.float32)
        texture = texture * np.float32(0.18 / (float(np.median(texture[::8, ::8])) + 0.01))
        if rng.random() < 0.3:
            texture = cv2.GaussianBlur(texture, (0, 0), rng.uniform(0.5, 0.012 * size))
        if rng.random() < 0.4:
            texture = texture * (1.0 + rng.uniform(0.0, 1.5) * np.maximum(texture - 0.6, 0.0))
        return np.ascontiguousarray(np.clip(texture, 0.0, 20.0), np.float32)


@dataclass(frozen=True)
class _Foreground:
    """A rendered subject, cut to what there is of it: H W 4 float16, and how large its picture was."""

    pixels: np.ndarray
    canvas: int
    cut_below: bool


class ForegroundBank:
    """Rendered subjects: straight linear colour and coverage, with room around them.

    Parameters
    ----------
    pictures : iterable of ndarray
        H W 4: linear Rec.709 R G B straight, 0 to 100, and alpha 0 to 1.
    """

    def __init__(self, pictures: Iterable[np.ndarray]) -> None:
        self._subjects = [_trimmed(picture) for picture in pictures]

    def __len__(self) -> int:
        return len(self._subjects)

    @classmethod
    def load(cls, files: list[Path]) -> ForegroundBank:
        """Read EXRs with R G B A.

        Raises
        ------
        InputError
            A file has no alpha, or shows nothing.
        """
        return cls(_read(file) for file in files)

    def draw(self, rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Place one subject in a square. Whom its own picture cut off below is mostly cut off below here.

        Returns
        -------
        tuple of ndarray
            Straight colour, size size 3, its mean about 0.2; alpha, size size. float32.
        """
        subject = self._subjects[rng.integers(len(self._subjects))]
        pixels = _single(subject.pixels)
        height, width = pixels.shape[:2]
        scale = size / subject.canvas * float(np.exp(rng.uniform(np.log(0.6), np.log(2.0))))
        angle = rng.uniform(-12, 12) if rng.random() < 0.8 else rng.uniform(-90, 90)
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, scale)
        if rng.random() < 0.5:
            matrix[:, 0] *= -1
            matrix[:, 2] += -matrix[:, 0] * width
        # Narrower or wider, and slanted: few subjects are made many.
        shape = np.array([[np.exp(rng.normal(0, 0.12)), rng.normal(0, 0.12)], [0.0, 1.0]])
        middle = np.array([width, height]) / 2
        matrix[:, 2] = matrix[:, 2] + matrix[:, :2] @ (middle - shape @ middle)
        matrix[:, :2] = matrix[:, :2] @ shape
        center = np.array([size - width, size - height]) / 2
        matrix[:, 2] = matrix[:, 2] + center + rng.uniform(-0.35, 0.35, 2) * size
        if subject.cut_below and abs(angle) < 12 and rng.random() < 0.85:
            lowest = min(float(matrix[1] @ (x, height, 1)) for x in (0, width))
            matrix[1, 2] += max(0.0, size - lowest) + (rng.random() < 0.5) * rng.uniform(0.0, 0.2) * size
        color, alpha = placed(pixels[..., :3], pixels[..., 3], matrix, size, size)
        few, fewer = color[::2, ::2], alpha[::2, ::2]
        mean = float((few.mean(2) * fewer).sum() / (fewer.sum() + 1.0))
        return np.clip(color * np.float32(0.2 / (mean + 0.02)), 0.0, 30.0), alpha


def read_foreground(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a rendered foreground.

    Returns
    -------
    tuple of ndarray
        Straight colour, H W 3, scene-linear Rec.709, 0 to 100; coverage, H W, 0 to 1. float32.

    Raises
    ------
    FrameError
        It cannot be read.
    InputError
        It has no alpha.
    """
    frame = read_frame(file)
    if frame.alpha is None:
        raise InputError(f"{file}: a foreground needs channels R G B A (straight colour and coverage).")
    alpha = np.ascontiguousarray(np.clip(frame.alpha, 0.0, 1.0))
    return np.clip(frame.rgb, 0.0, 100.0), alpha


def _read(file: Path) -> np.ndarray:
    color, alpha = read_foreground(file)
    if not alpha.any():
        raise InputError(f"{file}: its alpha is 0 everywhere; remove it from the folder.")
    return np.dstack([color, alpha])


def _trimmed(picture: np.ndarray) -> _Foreground:
    alpha = picture[..., 3]
    rows, columns = (np.flatnonzero((alpha > 0).any(axis)) for axis in (1, 0))
    top, left = max(0, rows[0] - 4), max(0, columns[0] - 4)
    pixels = picture[top : rows[-1] + 5, left : columns[-1] + 5]
    cut_below = bool((alpha[-1] > 0.5).mean() > 0.05)
    return _Foreground(pixels.astype(np.float16), picture.shape[1], cut_below)


def smooth_noise(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draw coloured noise of a few octaves: size size 3 float32, linear, 0 to 1."""
    noise = np.zeros((size, size, 3), np.float32)
    for octave in range(int(rng.integers(2, 6))):
        n = 2 ** (octave + 1) + 1
        grid = rng.random((n, n, 3), dtype=np.float32)
        layer = np.asarray(cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC), np.float32)
        noise += layer / np.float32(1.6**octave)
    noise -= noise.min()
    noise /= noise.max() + 1e-6
    low, high = rng.random((2, 3), dtype=np.float32) ** 2.2
    return np.clip(low + (high - low) * noise, 0.0, 1.0)


def _single(half: np.ndarray) -> np.ndarray:
    # torch does this three times as fast as numpy.
    return torch.from_numpy(half).float().numpy()


def _srgb_to_linear(encoded: np.ndarray) -> np.ndarray:
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4).astype(
        np.float32
    )


def list_pictures(*folders: Path) -> list[Path]:
    """List the pictures (EXR and photographs) below some folders, each folder's sorted.

    Raises
    ------
    InputError
        A folder does not exist, or holds no picture.
    """
    found = []
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder.")
        inside = (path.relative_to(folder) for path in folder.rglob("*") if path.suffix.lower() in PICTURES)
        # Hidden folders are unfinished work.
        seen = sorted(path for path in inside if not any(part.startswith(".") for part in path.parts))
        if not seen:
            raise InputError(f"{folder}: has no images ({', '.join(sorted(PICTURES))}).")
        found += [folder / path for path in seen]
    return found
