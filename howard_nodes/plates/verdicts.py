"""What is thought of a frame's fit, in words that an artist can use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from howard_nodes.plates.corners import displaced
from howard_nodes.plates.fit import FrameFit, Verdict
from howard_nodes.plates.light_left import LightLeft
from howard_nodes.plates.photometric import ExposureMatch

__all__ = ["HOLE", "darkness", "judged", "with_flashes"]

Array = NDArray[Any]

HOLE = 0.0005
"""Share of the picture that is worth another clean frame."""

_GOOD = 0.0003  # of the longer side: a residual of 0.6 px in HD is still good
_COVERED = 0.95
_LIGHT = 0.1  # stops: what a network sees as something in front of the clean plate
_FLASH = 0.7  # stops that a frame differs by from those around it
_AROUND = 4  # frames either side
_BLACK = 0.02  # of the other's light: a leader
_CAUSES = {
    "curve": "is the clean plate in another colour space? see --clean-colorspace",
    "bands": "flicker?",
    "light": "has the light changed?",
}


def judged(
    fit: FrameFit,
    exposure: ExposureMatch | None,
    size: tuple[int, int],
    left: LightLeft | None = None,
    *,
    refocused: bool = False,
) -> FrameFit:
    """Give a fit its verdict, and the verdict in words.

    Parameters
    ----------
    fit : FrameFit
        As it was measured.
    exposure : ExposureMatch, optional
        The match that its gains are of; None where none was asked for.
    size : tuple of int
        Width and height of the picture.
    left : LightLeft, optional
        What is left of light in the background.
    refocused : bool
        One of the two pictures is clearly softer than the other.

    Returns
    -------
    FrameFit
        Good, or doubtful with the reasons first.
    """
    longest = max(size)
    doubts = []
    said = {"none": "fits as is", "off": "not aligned, as asked"}.get(fit.motion)
    if said is None:
        moved = np.abs(displaced(fit.sources[0].matrix, size))
        said = f"moved by up to {np.hypot(*moved.T).max():.1f} px"
        if fit.flow is not None:
            said += f", bent by up to {np.hypot(fit.flow[..., 0], fit.flow[..., 1]).max():.1f} px"
    facts = [said]
    if fit.residual is not None:
        facts.append(f"{fit.residual:.2f} px left, {fit.inliers} parts agree")
        if fit.residual > _GOOD * longest:
            why = "a different focus?" if refocused else "parallax? a moving background?"
            doubts.append(f"parts are still {fit.residual:.1f} px apart ({why})")
    if refocused:
        facts.append("focus differs")
    if exposure is not None:
        if not exposure.trusted:
            doubts.append(f"exposure not matched: {exposure.reason}")
        elif fit.gain != (1.0, 1.0, 1.0):
            facts.append("exposure " + "/".join(f"{np.log2(gain):+.2f}" for gain in fit.gain) + " stops")
        if fit.gain_field is not None:
            facts.append("uneven light corrected")
        if fit.gain_rows is not None:
            facts.append("flicker in bands corrected")
        if left is not None and left.stops > _LIGHT:
            why = "a different focus?" if refocused and left.cause == "light" else _CAUSES[left.cause]
            doubts.append(f"the background is still {left.stops:.2f} stops off ({why})")
    if len(fit.sources) > 1:
        facts.append(f"{len(fit.sources)} clean frames")
    if fit.coverage < 1 - HOLE:
        facts.append(f"{100 * fit.coverage:.1f} % covered")
        if fit.coverage < _COVERED:
            doubts.append(f"{100 * (1 - fit.coverage):.0f} % of the frame has no clean plate")
    verdict: Verdict = "doubtful" if doubts else "good"
    return replace(fit, verdict=verdict, message=f"{verdict}: {'; '.join(doubts + facts)}")


def darkness(plate: Array, clean: Array) -> str:
    """Say that a frame, or its clean plate, is black where that is why it shows nothing; else empty.

    Parameters
    ----------
    plate, clean : ndarray
        H W 3, scene-linear.
    """
    light, other = (float(np.quantile(picture, 0.98)) for picture in (plate, clean))
    if max(light, other) <= 0:
        return "both are black"
    return (
        "the frame is black"
        if light < _BLACK * other
        else ("the clean plate is black" if other < _BLACK * light else "")
    )


def with_flashes(fits: Mapping[int, FrameFit]) -> dict[int, FrameFit]:
    """Say which frames are much brighter or darker than those around them.

    Parameters
    ----------
    fits : mapping of int to FrameFit
        Of all frames, in order, with their own exposures.

    Returns
    -------
    dict of int to FrameFit
        The same; a flash is doubtful.
    """
    frames = [frame for frame, fit in fits.items() if fit.verdict != "failed"]
    stops = np.array([float(np.mean(np.log2(fits[frame].gain))) for frame in frames])
    said = dict(fits)
    for place, frame in enumerate(frames):
        around = np.delete(stops[max(0, place - _AROUND) : place + _AROUND + 1], min(place, _AROUND))
        if len(around) < 2:
            continue
        off = float(stops[place] - np.median(around))
        if abs(off) > _FLASH:
            how = "brighter" if off > 0 else "darker"
            more = f"{abs(off):.1f} stops {how} than the frames around it (a flash?)"
            rest = fits[frame].message.partition(": ")[2]
            said[frame] = replace(fits[frame], verdict="doubtful", message=f"doubtful: {more}; {rest}")
    return said
