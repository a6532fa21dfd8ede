"""How far a matte is from the truth: the measures of the literature, and where the error sits.

MAD, MSE, Grad and Conn as in Rhemann et al., "A Perceptually Motivated Online Benchmark for Image Matting"
(CVPR 2009), over the whole picture; dtSSD as in Erofeev et al., "Perceptually Motivated Benchmark for Video
Matting" (BMVC 2015). All are 0 for a perfect matte. Factors are those that matting papers print: MAD and MSE
x 1000, dtSSD x 100, Grad and Conn / 1000.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

__all__ = [
    "FRINGE_COLORS",
    "SEEN",
    "change",
    "conn",
    "dtssd",
    "foreground_mse",
    "fringe",
    "grad",
    "mad",
    "mad_by_place",
    "mad_partial",
    "mse",
    "unknown_band",
]

SEEN = 0.05
"""True coverage above which a foreground's colour counts."""

FRINGE_COLORS = ((0, 0, 0), (0.18, 0.18, 0.18), (1, 1, 1), (0.8, 0, 0), (0, 0.6, 0), (0, 0, 1))
"""Scene-linear Rec.709, over which a comp shows dark, light and coloured fringes."""

_PARTIAL = 0.02
_SIGMA = 1.4
_STEPS = 10
_LEAST_DISTANCE = 0.15


def mad(alpha: np.ndarray, truth: np.ndarray, where: np.ndarray | None = None) -> float:
    """Mean absolute difference x 1000 of two mattes (H W, 0 to 1), over all pixels or a boolean mask."""
    difference = np.abs(alpha - truth)
    return 1000.0 * float(difference.mean() if where is None else difference[where].mean())


def mad_partial(alpha: np.ndarray, truth: np.ndarray) -> float:
    """Mean absolute difference x 1000 where true coverage is partial, 0.02 to 0.98: edges alone.

    Not a number where nothing is partial.
    """
    partial = (truth > _PARTIAL) & (truth < 1 - _PARTIAL)
    return mad(alpha, truth, partial) if partial.any() else math.nan


def mse(alpha: np.ndarray, truth: np.ndarray, where: np.ndarray | None = None) -> float:
    """Mean squared difference x 1000 of two mattes (H W, 0 to 1), over all pixels or a boolean mask."""
    difference = np.square(alpha - truth)
    return 1000.0 * float(difference.mean() if where is None else difference[where].mean())


def mad_by_place(alpha: np.ndarray, truth: np.ndarray, band: np.ndarray) -> tuple[float, float, float]:
    """Split the MAD by where the error sits: the three parts add up to `mad`.

    Parameters
    ----------
    alpha, truth : ndarray
        H W, 0 to 1.
    band : ndarray
        H W bool, from `unknown_band`.

    Returns
    -------
    tuple of float
        x 1000: error in the band, holes (outside the band, where truth is above a half), ghosts (the rest).
    """
    difference = np.abs(alpha - truth)
    inside = (truth > 0.5) & ~band
    sums = [float(difference[part].sum(dtype=np.float64)) for part in (band, inside, ~band & ~inside)]
    in_band, holes, ghosts = (1000.0 * part / truth.size for part in sums)
    return in_band, holes, ghosts


def grad(alpha: np.ndarray, truth: np.ndarray) -> float:
    """Gradient error / 1000 of two mattes (H W, 0 to 1).

    The summed squared difference of gradient magnitudes, by derivatives of a Gaussian of 1.4 pixels whose
    kernels have an L2 norm of 1, as the benchmark's own filters have. Mattes are not stretched to 0 to 1
    before: one that is empty stays so.
    """
    difference = _gradient(alpha) - _gradient(truth)
    return float(np.square(difference).sum(dtype=np.float64)) / 1000.0


def conn(alpha: np.ndarray, truth: np.ndarray) -> float:
    """Sum up the connectivity error / 1000 of two mattes (H W, 0 to 1).

    At levels of 0.1, 0.2 ... 1 the source is the largest 4-connected region where both mattes reach the
    level. A pixel's own level is the last one at which it belonged to the source. What its alpha is above
    that, where it is 0.15 or more, is taken off its connectivity of 1; the absolute differences of both
    mattes' connectivity are summed.
    """
    both = np.minimum(alpha, truth)
    level = np.ones(truth.shape, np.float32)
    undecided = np.ones(truth.shape, bool)
    for step in range(1, _STEPS + 1):
        outside = ~_largest_region(both >= np.float32(step / _STEPS))
        left = undecided & outside
        level[left] = (step - 1) / _STEPS
        undecided &= ~outside
        if not undecided.any():
            break
    connected = []
    for matte in (alpha, truth):
        distance = matte - level
        connected.append(1.0 - np.where(distance >= _LEAST_DISTANCE, distance, 0.0))
    return float(np.abs(connected[0] - connected[1]).sum(dtype=np.float64)) / 1000.0


def foreground_mse(foreground: np.ndarray, true_foreground: np.ndarray, truth: np.ndarray) -> float:
    """Mean squared difference x 1000 of the foreground's light as it is seen.

    Both straight foregrounds (H W 3, scene-linear) are weighted with the true alpha (H W), so that colour
    counts as much as it shows, and the matte's own error not again. Mean over the pixels whose true alpha is
    above `SEEN`, and channels; not a number where there are none.
    """
    seen = truth > SEEN
    if not seen.any():
        return math.nan
    difference = (foreground[seen] - true_foreground[seen]) * truth[seen][:, None]
    return 1000.0 * float(np.square(difference).mean(dtype=np.float64))


def fringe(
    alpha: np.ndarray,
    foreground: np.ndarray,
    truth: np.ndarray,
    true_foreground: np.ndarray,
    band: np.ndarray,
) -> tuple[float, float]:
    """Compare comps over `FRINGE_COLORS` with the true ones, where an edge may show.

    Parameters
    ----------
    alpha, truth : ndarray
        H W, 0 to 1.
    foreground, true_foreground : ndarray
        H W 3, straight, scene-linear Rec.709.
    band : ndarray
        H W bool, from `unknown_band`.

    Returns
    -------
    tuple of float
        Mean absolute difference x 1000 in linear light; mean colour difference of what a display shows (light
        of 0 to 1 through sRGB's curve, CIE 1976 delta E of L*a*b*). Not a number where the band is empty.
    """
    if not band.any():
        return math.nan, math.nan
    pairs = [
        (a[band][:, None].astype(np.float32), f[band].astype(np.float32))
        for a, f in ((alpha, foreground), (truth, true_foreground))
    ]
    light, shown = [], []
    for color in np.array(FRINGE_COLORS, np.float32):
        found, true = (a * f + (1 - a) * color for a, f in pairs)
        light.append(float(np.abs(found - true).mean(dtype=np.float64)))
        one, other = (cv2.cvtColor(np.clip(x, 0, 1)[None], cv2.COLOR_LRGB2Lab)[0] for x in (found, true))
        shown.append(float(np.sqrt(np.square(one - other).sum(1)).mean(dtype=np.float64)))
    return 1000.0 * float(np.mean(light)), float(np.mean(shown))


def dtssd(alphas: np.ndarray, truths: np.ndarray) -> float:
    """Flicker x 100: root mean square of the difference of temporal differences (T H W, 0 to 1)."""
    return _rms_change(np.diff(alphas, axis=0) - np.diff(truths, axis=0))


def change(alphas: np.ndarray) -> float:
    """Change x 100 from frame to frame: root mean square of temporal differences (T H W, 0 to 1)."""
    return _rms_change(np.diff(alphas, axis=0))


def unknown_band(truth: np.ndarray, radius: int = 10) -> np.ndarray:
    """Where a trimap would say unknown: within `radius` pixels of coverage of 0.02 to 0.98; H W bool."""
    partial = ((truth > _PARTIAL) & (truth < 1 - _PARTIAL)).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.dilate(partial, kernel) > 0


def _rms_change(difference: np.ndarray) -> float:
    return 100.0 * float(np.sqrt(np.square(difference).mean(axis=(1, 2), dtype=np.float64)).mean())


def _gradient(matte: np.ndarray) -> np.ndarray:
    reach = math.ceil(_SIGMA * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * _SIGMA * 1e-2)))
    x = np.arange(-reach, reach + 1)
    smooth = np.exp(-(x**2) / (2 * _SIGMA**2))
    slope = x * smooth
    smooth, slope = (kernel / np.sqrt(np.square(kernel).sum()) for kernel in (smooth, slope))
    picture = np.ascontiguousarray(matte, np.float32)
    across = cv2.sepFilter2D(picture, cv2.CV_32F, slope, smooth, borderType=cv2.BORDER_REPLICATE)
    down = cv2.sepFilter2D(picture, cv2.CV_32F, smooth, slope, borderType=cv2.BORDER_REPLICATE)
    return np.hypot(across, down)


def _largest_region(mask: np.ndarray) -> np.ndarray:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if count == 1:
        return np.zeros(mask.shape, bool)
    return labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
