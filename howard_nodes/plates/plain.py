"""A plain background, such as a green screen: nothing to register by, but light to match and compare.

The subject may be most of such a picture. So nothing is measured over all of it: the network says where
background is, once the exposure is about right, and what is left is measured there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.plates.alignment import agreement
from howard_nodes.plates.cells import measure_cells
from howard_nodes.plates.fit import FrameFit, Verdict
from howard_nodes.plates.gain import FEWEST_CELLS, best_start
from howard_nodes.plates.photometric import ExposureMatch, match_exposure
from howard_nodes.plates.registration import IDENTITY
from howard_nodes.plates.takes import Reduced

__all__ = ["FLAT", "first_exposure", "is_plain", "judged_unaligned", "left_over"]

Array = NDArray[Any]

FLAT = 0.06
"""Difference, as a share of the light, up to which a plain clean plate is used as it lies."""

_FITS = 0.02  # ... and up to which it fits
_PLAIN = 0.2  # share of a picture's parts that have texture, up to which it is plain
_TINT = 1.0  # stops between channels from which it is another wall that was matched, maybe
_CELL = 8  # pixels a side: over that grain is averaged


def is_plain(clean: Reduced) -> bool:
    """Tell whether a clean plate shows so little that no motion can be seen by it."""
    seen = agreement(clean.view, clean.view, IDENTITY, clean.valid)
    return float(seen.textured.mean()) < _PLAIN


def first_exposure(plate: Array, clean: Array, valid: Array) -> ExposureMatch:
    """Match the exposure while nobody knows where the subject is: good enough to look for it.

    Parameters
    ----------
    plate, clean : ndarray
        H W 3, scene-linear.
    valid : ndarray
        H W, 1 where there is clean plate.

    Returns
    -------
    ExposureMatch
        Where none is to be trusted, the one that most cells agree on.
    """
    match = match_exposure(plate, clean, valid)
    if match.trusted:
        return match
    cells = measure_cells(plate, clean, valid)
    if cells.count < FEWEST_CELLS:
        return match
    start, _ = best_start(cells, with_field=False)
    red, green, blue = (float(value) for value in np.exp2(start.gain))
    return ExposureMatch((red, green, blue), None, cells.count, 0.0, False, match.reason)


def left_over(plate: Array, fitted: Array, background: Array) -> float:
    """Median difference of plate and fitted clean plate over the background, as a share of the light.

    Over cells: grain, which no fit can lower, does not count.
    """
    height, width = background.shape
    size = (max(1, width // _CELL), max(1, height // _CELL))
    one, other = (cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in (plate, fitted))
    inside = cv2.resize(np.asarray(background, np.float32), size, interpolation=cv2.INTER_AREA) > 0.9
    if not inside.any():
        return float("inf")
    apart = np.abs(one - other).mean(axis=2)[inside]
    light = np.maximum(one, 0).mean(axis=2)[inside]
    return float(np.median(apart)) / max(float(np.median(light)), 1e-6)


def judged_unaligned(
    fit: FrameFit, exposure: ExposureMatch | None, reason: str, left: float, *, plain: bool
) -> FrameFit:
    """Give a fit without registration its verdict.

    Parameters
    ----------
    fit : FrameFit
        As it was measured.
    exposure : ExposureMatch, optional
        What its gains are of; None where none was asked for.
    reason : str
        Why nothing could be registered.
    left : float
        From `left_over`; infinite where there is no background to measure.
    plain : bool
        Whether the clean plate is so plain that a motion would not show.

    Returns
    -------
    FrameFit
        Good where it is plain, and next to nothing is left.
    """
    verdict: Verdict = "failed"
    words = ["the clean plate is not aligned"]
    if left < FLAT:
        unsure = exposure is not None and not exposure.trusted
        tinted = float(np.ptp(np.log2(fit.gain))) > _TINT
        verdict = "good" if plain and not unsure and not tinted and left < _FITS else "doubtful"
        words = ["the clean plate is used as is", f"{100 * left:.1f} % of the light left"]
        if exposure is not None and unsure:
            words.insert(0, f"exposure not matched: {exposure.reason}")
        elif fit.gain != (1.0, 1.0, 1.0):
            words += ["the colour differs"] * tinted
            words.append("exposure " + "/".join(f"{np.log2(gain):+.2f}" for gain in fit.gain) + " stops")
    return replace(fit, verdict=verdict, message=f"{verdict}: {'; '.join([reason, *words])}")
