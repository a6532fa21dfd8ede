"""How far a matte is from the truth, and the simplest rival to beat.

MAD, MSE and Grad on alpha as in Rhemann et al., "A Perceptually Motivated Online Benchmark for Image Matting"
(CVPR 2009); dtSSD as in Erofeev et al., "Perceptually Motivated Benchmark for Video Matting" (BMVC 2015).
"""

from __future__ import annotations

import cv2
import numpy as np

__all__ = ["difference_key", "dtssd", "grad", "mad", "mse", "unknown_band"]


def mad(alpha: np.ndarray, truth: np.ndarray, where: np.ndarray | None = None) -> float:
    """Mean absolute difference x 1000 of two mattes (H W, 0 to 1), over all pixels or a boolean mask."""
    difference = np.abs(alpha - truth)
    return 1000.0 * float(difference.mean() if where is None else difference[where].mean())


def mse(alpha: np.ndarray, truth: np.ndarray, where: np.ndarray | None = None) -> float:
    """Mean squared difference x 1000 of two mattes (H W, 0 to 1) or colours (H W 3)."""
    difference = np.square(alpha - truth)
    return 1000.0 * float(difference.mean() if where is None else difference[where].mean())


def grad(alpha: np.ndarray, truth: np.ndarray) -> float:
    """Gradient error / 1000: summed squared difference of gradient magnitudes, after a Gaussian of 1.4."""
    magnitudes = []
    for matte in (alpha, truth):
        soft = cv2.GaussianBlur(matte.astype(np.float32), (0, 0), 1.4)
        magnitudes.append(
            np.hypot(cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)) / 8.0
        )
    return float(np.square(magnitudes[0] - magnitudes[1]).sum()) / 1000.0


def dtssd(alphas: np.ndarray, truths: np.ndarray) -> float:
    """Flicker x 100: root mean square of the difference of temporal differences (T H W, 0 to 1)."""
    change = np.diff(alphas, axis=0) - np.diff(truths, axis=0)
    return 100.0 * float(np.sqrt(np.square(change).mean(axis=(1, 2))).mean())


def unknown_band(truth: np.ndarray, radius: int = 10) -> np.ndarray:
    """Where a trimap would say unknown: within `radius` pixels of coverage of 0.02 to 0.98; H W bool."""
    partial = ((truth > 0.02) & (truth < 0.98)).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.dilate(partial, kernel).astype(bool)


def difference_key(
    plate: np.ndarray, clean: np.ndarray, threshold: float, softness: float = 0.05
) -> np.ndarray:
    """Key by the largest channel's difference, as a compositor's difference keyer does.

    Parameters
    ----------
    plate, clean : ndarray
        H W 3, the network's encoding.
    threshold, softness : float
        The key rises from 0 at `threshold` to 1 at `threshold + softness`.

    Returns
    -------
    ndarray
        H W float32, 0 to 1.
    """
    difference = np.abs(plate - clean).max(axis=2)
    return np.clip((difference - threshold) / softness, 0.0, 1.0).astype(np.float32)
