"""Fitting a whole shot: which clean frame, which motion, which exposure, and how well, for every frame.

A first fit by robustness alone, the subject found with it, a second fit without the subject. A camera that
stands still gets one motion for the whole shot, so that not a pixel trembles; every frame is checked against
it all the same. What cannot be fitted borrows from its neighbours, is counted, and stops nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from howard_nodes.description import FitSettings
from howard_nodes.plates.borrowing import borrowed, one_exposure
from howard_nodes.plates.corners import displaced, from_displaced, no_motion, one_motion
from howard_nodes.plates.fit import FrameFit, ShotFit, Source
from howard_nodes.plates.frame_solving import Found, FrameSolver
from howard_nodes.plates.leftover import find_leftovers, is_copy
from howard_nodes.plates.pairing import paired
from howard_nodes.plates.registration import IDENTITY
from howard_nodes.plates.takes import Reduced, ReducedTakes, Takes, spread_out
from howard_nodes.plates.verdicts import with_flashes

__all__ = ["fit_shot"]

Array = NDArray[Any]

_SCOUTS = 5  # frames looked at first, to see whether the camera moves


def fit_shot(
    takes: Takes,
    settings: FitSettings,
    *,
    on_fit: Callable[[FrameFit], None] = lambda _: None,
    on_note: Callable[[str, bool], None] = lambda _message, _warning: None,
) -> ShotFit:
    """Fit the clean plate to every frame of a shot.

    Parameters
    ----------
    takes : Takes
        Plate and clean plate. At most a few frames of each are in memory.
    settings : FitSettings
        What is wanted.
    on_fit : callable
        Told of every frame when it has been looked at; the fit may still change a little afterwards, when the
        whole shot is known.
    on_note : callable
        Told what is worth knowing about the whole shot, and whether it is a warning.

    Returns
    -------
    ShotFit
        Of all frames that could be read. What cannot be fitted is failed, not raised.
    """
    return _Solver(takes, settings, on_fit, on_note).solve()


class _Solver:
    def __init__(
        self,
        takes: Takes,
        settings: FitSettings,
        on_fit: Callable[[FrameFit], None],
        on_note: Callable[[str, bool], None],
    ) -> None:
        self._takes, self._settings = takes, settings
        self._on_fit, self._on_note = on_fit, on_note
        self._pictures = ReducedTakes(takes)
        self._solver = FrameSolver(self._pictures, settings)
        self._notes: list[str] = []

    def solve(self) -> ShotFit:
        pairs = paired(self._pictures, self._settings.align, self._note)
        scouts = self._scout(pairs)
        still = self._standing(scouts)
        found: dict[int, Found] = {}
        last: Array | None = None
        for frame, look in self._pictures.plates_unless(self._takes.frames, scouts if still is None else ()):
            one = (
                scouts[frame] if look is None else self._solver.solve(frame, look, pairs[frame], still, last)
            )
            if one.homography is not None:
                last = one.homography
            found[frame] = one
            self._on_fit(one.fit)
        fits = {frame: one.fit for frame, one in found.items()}
        if self._settings.align != "off":
            fits = borrowed(found, still, self._pictures.size)
        if self._settings.match_exposure != "off":
            # A match that was left alone says nothing of the others.
            unsure = {f for f, one in found.items() if one.exposure is not None and not one.exposure.trusted}
            fits = with_flashes(one_exposure(fits, unsure))
        return ShotFit(self._pictures.size, self._takes.space, fits, still is not None, tuple(self._notes))

    def _note(self, message: str, warning: bool = True) -> None:
        self._notes.append(message)
        self._on_note(message, warning)

    def _scout(self, pairs: dict[int, int]) -> dict[int, Found]:
        """Look at some frames all over the shot."""
        scouts: dict[int, Found] = {}
        copies, leftovers = [], []
        last: Array | None = None
        for frame, look in self._pictures.plates(spread_out(self._takes.frames, _SCOUTS)):
            one = self._solver.solve(frame, look, pairs[frame], None, last)
            last = one.homography if one.homography is not None else last
            scouts[frame] = one
            if one.fit.motion == "unknown":
                continue
            clean = self._pictures.clean(pairs[frame])
            if one.homography is not None and one.exposure is not None and self._solver.matte is not None:
                fitted, valid = clean.moved(one.homography, one.fit.flow)
                leftovers += self._leftovers(frame, look, one.exposure.apply(fitted), valid)
            if clean.small.shape == look.small.shape and is_copy(look.small, clean.small):
                copies.append(frame)
        # One frame may be mistaken: a lamp that is off, a door.
        if leftovers and 3 * len(leftovers) > len(scouts):
            self._note(leftovers[0])
        if copies:
            self._note(
                f"the clean plate is frame {copies[0]} of the plate itself: whoever is in that frame is in "
                "the clean plate too. Is that frame empty?"
            )
        return scouts

    def _leftovers(self, frame: int, look: Reduced, fitted: Array, valid: Array) -> list[str]:
        """Say what the clean plate shows and the plate does not: nothing, or the largest such thing."""
        assert self._solver.matte is not None
        scale = self._pictures.size[0] / valid.shape[1]
        return [
            f"the clean plate shows something that plate frame {frame} does not, "
            f"{round(found.width * scale)}x{round(found.height * scale)} pixels at {round(found.x * scale)}, "
            f"{round(found.y * scale)}: is the subject still in it?"
            for found in find_leftovers(look.small, fitted, self._solver.matte, valid)[:1]
        ]

    def _standing(self, scouts: dict[int, Found]) -> FrameFit | None:
        """Give the one fit of a camera that stands still; None where it moves."""
        trusted = [one for one in scouts.values() if one.homography is not None]
        if self._settings.align == "off" or not trusted or len(trusted) < (len(scouts) + 1) // 2:
            return None
        corners = np.stack(
            [displaced(one.homography, self._pictures.size) for one in trusted if one.homography is not None]
        )
        off = np.abs(corners - np.median(corners, axis=0)).max(axis=(1, 2))
        keeps = off <= one_motion(self._pictures.size) + 1e-9
        # A kick is one frame's business: it does not make the rest of the shot handheld.
        if not keeps.all() and (len(trusted) < 4 or keeps.sum() < len(trusted) - 1):
            return None
        trusted = [one for one, kept in zip(trusted, keeps) if kept]
        middle = np.median(corners[keeps], axis=0)
        if len(trusted) == 1 and len(self._takes.frames) > 1:
            return None
        flows = [one.fit.flow for one in trusted if one.fit.flow is not None]
        flow = np.mean(flows, axis=0).astype(np.float32) if 2 * len(flows) > len(trusted) else None
        best = min(trusted, key=lambda one: one.fit.residual or 0.0).fit
        homography = from_displaced(middle, self._pictures.size)
        if np.abs(middle).max() < no_motion(self._pictures.size) and flow is None:
            homography = IDENTITY
        source = Source.of(best.sources[0].frame, homography)
        motion = "flow" if flow is not None else "none" if homography is IDENTITY else "homography"
        return replace(best, sources=(source,), flow=flow, motion=motion)
