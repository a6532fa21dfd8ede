"""What is thought of a frame's fit, in words that an artist can use."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from howard_nodes.plates.corners import displaced
from howard_nodes.plates.fit import FrameFit, Verdict
from howard_nodes.plates.light_left import LightLeft
from howard_nodes.plates.photometric import ExposureMatch

__all__ = ["HOLE", "judged"]

HOLE = 0.0005
"""Share of the picture that is worth another clean frame."""

_GOOD = 0.0003  # of the longer side: a residual of 0.6 px in HD is still good
_COVERED = 0.95
_LIGHT = 0.1  # stops: what a network sees as something in front of the clean plate
_CAUSES = {
    "curve": "is the clean plate in another colour space? see --clean-colorspace",
    "bands": "flicker?",
    "light": "has the light changed?",
}


def judged(
    fit: FrameFit, exposure: ExposureMatch | None, size: tuple[int, int], left: LightLeft | None = None
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
            doubts.append(f"parts are still {fit.residual:.1f} px apart (parallax? a moving background?)")
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
            doubts.append(f"the background is still {left.stops:.2f} stops off ({_CAUSES[left.cause]})")
    if len(fit.sources) > 1:
        facts.append(f"{len(fit.sources)} clean frames")
    if fit.coverage < 1 - HOLE:
        facts.append(f"{100 * fit.coverage:.1f} % covered")
        if fit.coverage < _COVERED:
            doubts.append(f"{100 * (1 - fit.coverage):.0f} % of the frame has no clean plate")
    verdict: Verdict = "doubtful" if doubts else "good"
    return replace(fit, verdict=verdict, message=f"{verdict}: {'; '.join(doubts + facts)}")
