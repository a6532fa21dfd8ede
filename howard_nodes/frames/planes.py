"""From a video decoder's planes to float pixels: range, matrix and chroma siting, nothing rounded.

Codes are those of ITU-T H.273 (ISO/IEC 23091-2), which containers and codecs share.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

__all__ = ["MATRICES", "SITINGS", "PixelFormat", "enlarge", "to_pixels", "yuv_to_rgb"]

MATRICES = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
"""Weights of red and blue in luma by H.273 matrix code: BT.709, FCC, BT.601 (twice), SMPTE 240M, BT.2020."""

SITINGS = {
    "left": (0.0, 0.5),
    "center": (0.5, 0.5),
    "topleft": (0.0, 0.0),
    "top": (0.5, 0.0),
    "bottomleft": (0.0, 1.0),
    "bottom": (0.5, 1.0),
}
"""Where chroma lies between the first and the last luma sample it stands for: across and down."""

_SUBSAMPLING = {"420": (2, 2), "422": (2, 1), "444": (1, 1), "440": (1, 2), "411": (4, 1), "410": (4, 4)}
_PLANAR = re.compile(r"(?P<kind>yuvj?|yuva|gbr|gbra)(?P<sub>\d{3})?p(?P<bits>\d+)?(?P<end>le|be)?")
_GRAY = re.compile(r"gray(?P<bits>\d+)?(?P<end>le|be)?")
_SEMI_PLANAR = re.compile(r"(?:nv(?P<nv>12|21|16|24|42|20)|p(?P<p>[024])(?P<bits>10|12|16))(?P<end>le|be)?")
_NV = {"12": "420", "21": "420", "16": "422", "20": "422", "24": "444", "42": "444"}
_P = {"0": "420", "2": "422", "4": "444"}
_PACKED = re.compile(
    r"(?P<letters>[rgba0]{3,4}|ya|ayuv|vuya|vuyx|uyva)(?P<bits>8|16|24|48|64)?(?P<end>le|be)?"
)
_PACKED_422 = {"yuyv422": "yuyv", "uyvy422": "uyvy", "yvyu422": "yvyu", "y210": "yuyv", "y212": "yuyv"}


@dataclass(frozen=True)
class _Component:
    """Samples of one component: its plane, and its place and step there, counted in samples."""

    plane: int
    offset: int = 0
    step: int = 1


@dataclass(frozen=True)
class PixelFormat:
    """How a decoder lays out its samples. Make one with `named`.

    Attributes
    ----------
    name : str
        FFmpeg's name, for example ``yuv422p10le``.
    family : str
        ``yuv``, ``rgb`` or ``gray``.
    bits : int
        Bits a sample.
    has_alpha : bool
        Whether there is alpha; it is always full range and never premultiplied.
    subsampling : tuple of int
        Luma samples to one chroma sample, across and down.
    """

    name: str
    family: str
    bits: int
    has_alpha: bool
    subsampling: tuple[int, int]
    _dtype: str
    _shift: int
    _components: tuple[_Component, ...]

    @classmethod
    def named(cls, name: str) -> PixelFormat:
        """Look up a pixel format by FFmpeg's name.

        Raises
        ------
        ValueError
            If it is one that is not supported (palettes, Bayer, floats, samples that share bytes).
        """
        made = _planar(name) or _semi_planar(name) or _packed(name)
        if made is None:
            raise ValueError(f"pixel format {name} is not supported")
        return made

    @property
    def is_full_by_name(self) -> bool:
        """Whether the name alone says full range (``yuvj420p``, and RGB unless tagged otherwise)."""
        return self.family != "yuv" or self.name.startswith("yuvj")

    def samples(self, planes: Sequence[np.ndarray], size: tuple[int, int]) -> list[np.ndarray]:
        """Pick each component's samples from the planes.

        Parameters
        ----------
        planes : sequence of ndarray
            Rows of bytes, H x line size, uint8.
        size : tuple of int
            Width and height of the picture.

        Returns
        -------
        list of ndarray
            H W, unsigned integers: Y U V, R G B or Y, then A. Chroma is as small as it is.
        """
        width, height = size
        found = []
        for position, component in enumerate(self._components):
            across, down = self.subsampling if self.family == "yuv" and position in (1, 2) else (1, 1)
            columns, rows = -(-width // across), -(-height // down)
            view = planes[component.plane].view(self._dtype)[:rows, component.offset :: component.step]
            view = view[:, :columns]
            found.append(view >> self._shift if self._shift else view)
        return found


def _dtype(bits: int, end: str | None) -> str:
    return "u1" if bits <= 8 else ">u2" if end == "be" else "<u2"


def _planar(name: str) -> PixelFormat | None:
    gray = _GRAY.fullmatch(name)
    if gray is not None:
        bits = int(gray["bits"] or 8)
        return PixelFormat(name, "gray", bits, False, (1, 1), _dtype(bits, gray["end"]), 0, (_Component(0),))
    match = _PLANAR.fullmatch(name)
    if match is None or (match["sub"] is None) != match["kind"].startswith("gbr"):
        return None
    bits, alpha = int(match["bits"] or 8), match["kind"].endswith("a")
    if bits > 16 or (match["sub"] or "444") not in _SUBSAMPLING:
        return None
    is_rgb = match["kind"].startswith("gbr")
    order = (2, 0, 1, 3) if is_rgb else (0, 1, 2, 3)
    return PixelFormat(
        name,
        "rgb" if is_rgb else "yuv",
        bits,
        alpha,
        _SUBSAMPLING[match["sub"] or "444"],
        _dtype(bits, match["end"]),
        0,
        tuple(_Component(plane) for plane in order[: 4 if alpha else 3]),
    )


def _semi_planar(name: str) -> PixelFormat | None:
    match = _SEMI_PLANAR.fullmatch(name)
    if match is None:
        return None
    bits = int(match["bits"]) if match["bits"] else 10 if match["nv"] == "20" else 8
    # p010 and its like keep samples in the upper bits, nv20 in the lower.
    shift = 16 - bits if match["p"] else 0
    first, second = (1, 0) if match["nv"] in ("21", "42") else (0, 1)
    subsampling = _SUBSAMPLING[_P[match["p"]] if match["p"] else _NV[match["nv"]]]
    components = (_Component(0), _Component(1, first, 2), _Component(1, second, 2))
    return PixelFormat(name, "yuv", bits, False, subsampling, _dtype(bits, match["end"]), shift, components)


def _packed(name: str) -> PixelFormat | None:
    base = re.sub(r"(le|be)$", "", name)
    end = name[len(base) :]
    if base in _PACKED_422:
        letters, bits = _PACKED_422[base], int(base[2:]) if base in ("y210", "y212") else 8
        shift, depth, subsampling = (16 - bits if bits > 8 else 0), bits, (2, 1)
    else:
        match = _PACKED.fullmatch(name)
        if match is None:
            return None
        letters, whole = match["letters"].replace("x", "0"), int(match["bits"] or 0)
        # rgb24, rgb48, rgba64 and ayuv64 count the bits of a pixel, ya8 and ya16 those of a sample.
        depth = (whole or 8) if letters == "ya" else (whole // len(letters) or 8)
        shift, subsampling = 0, (1, 1)
        if depth not in (8, 16):
            return None
    family = "rgb" if "r" in letters else "yuv" if "u" in letters else "gray"
    wanted = {"rgb": "rgb", "yuv": "yuv", "gray": "y"}[family] + ("a" if "a" in letters else "")
    if not set(wanted) <= set(letters):
        return None
    components = tuple(
        _Component(0, letters.index(letter), len(letters) // letters.count(letter)) for letter in wanted
    )
    return PixelFormat(
        name, family, depth, "a" in letters, subsampling, _dtype(depth, end), shift, components
    )


def enlarge(samples: np.ndarray, factor: int, siting: float, axis: int) -> np.ndarray:
    """Enlarge samples along one axis, linearly and from where they lie; edges are repeated.

    Parameters
    ----------
    samples : numpy.ndarray
        H W, float32.
    factor : int
        Samples to make of each.
    siting : float
        Where a sample lies among those made of it: 0 with the first, 0.5 in the middle, 1 with the last.
    axis : int
        0 down, 1 across.

    Returns
    -------
    numpy.ndarray
        H W, float32, `factor` times as long along `axis`.
    """
    if factor == 1:
        return samples
    shape = list(samples.shape)
    shape[axis] *= factor
    out = np.empty(shape, np.float32)
    into, source = np.swapaxes(out, 0, axis), np.swapaxes(samples, 0, axis)
    for phase in range(factor):
        away = (phase - siting * (factor - 1)) / factor
        target = into[phase::factor]
        if away == 0:
            target[...] = source
            continue
        near, far = np.float32(1 - abs(away)), np.float32(abs(away))
        # All but one row or column at an edge has a neighbour on that side.
        inner, outer, edge = (
            (slice(0, -1), slice(1, None), -1) if away > 0 else (slice(1, None), slice(0, -1), 0)
        )
        np.multiply(source[inner], near, out=target[inner])
        target[inner] += source[outer] * far
        target[edge] = source[edge]
    return out


def yuv_to_rgb(matrix: int, bits: int, *, full: bool) -> np.ndarray:
    """Give the matrix from code values to R'G'B'.

    Parameters
    ----------
    matrix : int
        A key of `MATRICES`.
    bits : int
        Bits a sample.
    full : bool
        Full range: 0 to 2^bits - 1; else luma 16 to 235, chroma 16 to 240, scaled by 2^(bits - 8).

    Returns
    -------
    numpy.ndarray
        3 x 4, float64, for (Y, Cb, Cr, 1). Nominal black is 0 and white 1.

    Notes
    -----
    ITU-R BT.709-6, 3.3 to 3.5; ITU-R BT.601-7, 2.5; ITU-R BT.2020-2, table 4 (non-constant luminance);
    ITU-T H.273, 8.3, for full range.
    """
    red, blue = MATRICES[matrix]
    green = 1 - red - blue
    step, middle, most = 2.0 ** (bits - 8), 2.0 ** (bits - 1), 2.0**bits - 1
    black, luma, chroma = (0.0, most, most) if full else (16 * step, 219 * step, 224 * step)
    difference = np.array(
        [
            [1, 0, 2 * (1 - red)],
            [1, -2 * (1 - blue) * blue / green, -2 * (1 - red) * red / green],
            [1, 2 * (1 - blue), 0],
        ]
    )
    scaled = difference / [luma, chroma, chroma]
    return np.column_stack([scaled, -scaled @ [black, middle, middle]])


def to_pixels(
    planes: Sequence[np.ndarray],
    size: tuple[int, int],
    pixel_format: PixelFormat,
    *,
    matrix: int,
    full: bool,
    siting: str,
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Convert a decoder's planes to float.

    Parameters
    ----------
    planes : sequence of ndarray
        Rows of bytes, H x line size, uint8.
    size : tuple of int
        Width and height of the picture.
    pixel_format : PixelFormat
        How samples lie in the planes.
    matrix : int
        A key of `MATRICES`; not looked at for RGB and gray.
    full : bool
        Range of colour; alpha is always full.
    siting : str
        A key of `SITINGS`.

    Returns
    -------
    pixels : numpy.ndarray
        H W C, float32: non-linear as it was coded, below 0 and above 1 where codes lie beyond the nominal
        range.
    channels : tuple of str
        R, G, B or Y, then A.
    """
    width, height = size
    samples = pixel_format.samples(planes, size)
    alpha = samples.pop() if pixel_format.has_alpha else None
    if pixel_format.family == "yuv":
        across, down = pixel_format.subsampling
        # Chroma of 4:2:2 lies level with its row, whatever is said about going down.
        x, y = SITINGS[siting]
        chroma = [
            enlarge(enlarge(part.astype(np.float32), across, x, 1), down, y, 0)[:height, :width]
            for part in samples[1:]
        ]
        merged = cv2.merge([samples[0].astype(np.float32), *chroma])
        colour = cv2.transform(merged, yuv_to_rgb(matrix, pixel_format.bits, full=full))
        channels: tuple[str, ...] = ("R", "G", "B")
    else:
        step = 2.0 ** (pixel_format.bits - 8)
        black, scale = (0.0, 2.0**pixel_format.bits - 1) if full else (16 * step, 219 * step)
        parts = [(part.astype(np.float32) - np.float32(black)) / np.float32(scale) for part in samples]
        colour = cv2.merge(parts) if len(parts) > 1 else parts[0]
        channels = ("R", "G", "B") if pixel_format.family == "rgb" else ("Y",)
    colour = colour.reshape(height, width, len(channels))
    if alpha is None:
        return colour, channels
    pixels = np.empty((height, width, len(channels) + 1), np.float32)
    pixels[..., :-1] = colour
    pixels[..., -1] = alpha.astype(np.float32) / np.float32(2.0**pixel_format.bits - 1)
    return pixels, (*channels, "A")
