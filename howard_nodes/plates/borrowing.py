"""What frames take from the rest of the shot: a motion where they have none, and one exposure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Container, Mapping
from dataclasses import replace

import numpy as np

from howard_nodes.plates.corners import displaced, from_displaced
from howard_nodes.plates.fit import FrameFit, Source
from howard_nodes.plates.frame_solving import Found
from howard_nodes.plates.warp import warp

__all__ = ["borrowed", "one_exposure"]

_STEADY = 0.015  # stops: gains of a shot that differ less are one gain


def borrowed(
    found: Mapping[int, Found], still: FrameFit | None, size: tuple[int, int]
) -> dict[int, FrameFit]:
    """Give frames without a motion that of their neighbours.

    Parameters
    ----------
    found : mapping of int to Found
        What each frame of the shot taught.
    still : FrameFit, optional
        The one fit of a camera that stands still.
    size : tuple of int
        Width and height of the pictures.

    Returns
    -------
    dict of int to FrameFit
        Of all frames; those that borrow are doubtful, and say of whom.
    """
    fits = {frame: one.fit for frame, one in found.items()}
    good = sorted(frame for frame, one in found.items() if one.homography is not None)
    for frame, one in found.items():
        if one.homography is not None or (still is None and one.fit.verdict == "good"):
            continue  # a plain background shows no motion, and needs none
        if still is not None:
            whose = "the rest of the shot"
            source, flow = replace(still.sources[0], frame=one.fit.sources[0].frame), still.flow
        elif good:
            before, after = _around(good, frame)
            lender = _nearest(good, frame)
            whose = f"frame {lender}"
            source, flow = fits[lender].sources[0], fits[lender].flow
            if before is not None and after is not None:
                whose = f"the frames {before} and {after}"
                source = _between(fits[before].sources[0], fits[after].sources[0], before, after, frame, size)
        else:
            continue
        reason = one.fit.message.partition(": ")[2].partition(";")[0]
        _, valid = warp(np.empty((*size[::-1], 1), np.float32), source.matrix, size)
        fits[frame] = replace(
            one.fit,
            sources=(source,),
            flow=flow,
            motion="borrowed",
            verdict="doubtful",
            coverage=round(float(valid.mean()), 6),
            message=f"doubtful: motion taken from {whose}, because {reason}",
        )
    return fits


def one_exposure(fits: dict[int, FrameFit], unsure: Container[int]) -> dict[int, FrameFit]:
    """Give one exposure to a shot whose exposure holds; the neighbours' where none was found.

    Parameters
    ----------
    fits : dict of int to FrameFit
        Of all frames.
    unsure : container of int
        Frames whose exposure was not found: they say nothing of the others.

    Returns
    -------
    dict of int to FrameFit
        The same frames.
    """
    sure = [
        fit
        for fit in fits.values()
        if fit.frame not in unsure and fit.motion != "borrowed" and fit.verdict != "failed"
    ]
    if not sure:
        return fits
    stops = np.log2([fit.gain for fit in sure])
    fields = [fit.gain_field for fit in sure if fit.gain_field is not None]
    field = tuple(float(v) for v in np.median(fields, axis=0)) if 2 * len(fields) > len(sure) else None
    ceilings = [fit.ceiling for fit in sure if fit.ceiling is not None]
    ceiling = tuple(float(v) for v in np.median(ceilings, axis=0)) if 2 * len(ceilings) > len(sure) else None
    fits = {
        frame: fit if fit.verdict == "failed" else replace(fit, ceiling=ceiling)  # type: ignore[arg-type]
        for frame, fit in fits.items()
    }
    sure = [fits[fit.frame] for fit in sure]
    middle = np.median(stops, axis=0)
    spread = float(np.quantile(np.abs(stops - middle).max(axis=1), 0.9))
    if spread < _STEADY:
        # Exactly none where there is none: then the clean plate keeps its bits.
        gain = tuple(float(g) for g in np.exp2(middle))
        if np.abs(middle).max() < 0.006 and field is None:
            gain = (1.0, 1.0, 1.0)
            fits = {frame: replace(fit, ceiling=None) for frame, fit in fits.items()}
        return {
            frame: fit if fit.verdict == "failed" else replace(fit, gain=gain, gain_field=field)  # type: ignore[arg-type]
            for frame, fit in fits.items()
        }
    known = {fit.frame: fit for fit in sure}
    numbers = sorted(known)
    out = {}
    for frame, fit in fits.items():
        if frame in known or fit.verdict == "failed":
            out[frame] = replace(fit, gain_field=field) if frame in known else fit
            continue
        nearest = known[_nearest(numbers, frame)]
        out[frame] = replace(fit, gain=nearest.gain, gain_field=field)
    return out


def _around(frames: list[int], frame: int) -> tuple[int | None, int | None]:
    """Give those of sorted frames that come before and after one that is not among them."""
    place = bisect_left(frames, frame)
    return frames[place - 1] if place else None, frames[place] if place < len(frames) else None


def _nearest(frames: list[int], frame: int) -> int:
    """Give the nearest of sorted frames, the earlier of two."""
    there = [one for one in _around(frames, frame) if one is not None]
    return min(there, key=lambda one: abs(one - frame))


def _between(
    one: Source, other: Source, before: int, after: int, frame: int, size: tuple[int, int]
) -> Source:
    """Interpolate two motions of the same clean frame; else take the nearer one."""
    share = (frame - before) / (after - before)
    if one.frame != other.frame:
        return one if share < 0.5 else other
    mixed = (1 - share) * displaced(one.matrix, size) + share * displaced(other.matrix, size)
    return Source.of(one.frame, from_displaced(mixed, size))
