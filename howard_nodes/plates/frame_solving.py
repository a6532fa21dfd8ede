"""Fitting one frame: once by robustness alone, then without the subject that was found with it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.description import FitSettings
from howard_nodes.errors import FrameError
from howard_nodes.plates.alignment import Agreement, agreement
from howard_nodes.plates.carried import Carried
from howard_nodes.plates.corners import farthest, no_motion, one_motion
from howard_nodes.plates.fit import FrameFit, Source
from howard_nodes.plates.flow import residual_flow
from howard_nodes.plates.light_left import find_light_left
from howard_nodes.plates.measures import ceiling_of, coverage_of, difference_of
from howard_nodes.plates.photometric import ExposureMatch, match_exposure
from howard_nodes.plates.plain import FLAT, first_exposure, is_plain, judged_unaligned, left_over
from howard_nodes.plates.registration import IDENTITY, Registration, refine, register
from howard_nodes.plates.takes import Reduced, ReducedTakes, resized
from howard_nodes.plates.verdicts import HOLE, darkness, judged

__all__ = ["Found", "FrameSolver"]

Array = NDArray[Any]

_LOG = logging.getLogger(__name__)

_SUBJECT = 0.15  # of the coarse matte, from which a pixel is kept out of the fit
_LEAST_BACKGROUND = 0.03
_MUCH_BACKGROUND = 0.2  # that a clean plate shows as it lies though it could not be registered
_AGREES = 0.5  # of the parts of a background that was guessed
_NEIGHBOURS = (1, 2, 4, 8, 16, 32, 64)
_MOST_SOURCES = 4
_MOST_TRIES = 6
_PATIENCE = 2  # frames on which nothing was found, until no more is looked for
_MORE = 1.5  # times what they lacked, from which it is looked for again
_AGAIN = 16  # frames after which it is looked for again in any case


@dataclass(frozen=True, eq=False)
class Found:
    """What one frame taught.

    Attributes
    ----------
    fit : FrameFit
        Of this frame alone: what the whole shot says of it comes later.
    homography : ndarray or None
        None where nothing was found.
    exposure : ExposureMatch or None
        None where none was asked for, or none is worth keeping.
    size : tuple of int, optional
        Width and height of what was compared, in full.
    """

    fit: FrameFit
    homography: Array | None
    exposure: ExposureMatch | None
    size: tuple[int, int] | None = None


class FrameSolver:
    """Fits the clean plate to frames of a shot, one after the other: each learns from those before it.

    Parameters
    ----------
    pictures : ReducedTakes
        The two takes.
    settings : FitSettings
        What is wanted.

    Attributes
    ----------
    carried : Carried
        What the frames before taught; to be set where another frame is next.
    matte : ndarray or None
        h w, the coarse matte of the frame that was fitted last; None before.
    """

    def __init__(self, pictures: ReducedTakes, settings: FitSettings) -> None:
        self._pictures, self._settings = pictures, settings
        self.matte: Array | None = None
        self.carried = Carried()

    def solve(self, frame: int, look: Reduced, clean_frame: int, still: FrameFit | None) -> Found:
        """Fit one frame.

        Parameters
        ----------
        frame : int
            Its number.
        look : Reduced
            The frame.
        clean_frame : int
            The clean frame that it is compared with first.
        still : FrameFit, optional
            The one fit of a camera that stands still.

        Returns
        -------
        Found
            What cannot be fitted is failed, not raised.
        """
        try:
            found = self._compared(frame, look, clean_frame, still)
        except Exception as error:
            # Matting this frame fails with the same words, and the others go on; what is no error of ours
            # is one frame's as well.
            if not isinstance(error, FrameError):
                _LOG.debug("fitting frame %d", frame, exc_info=True)
                error = FrameError(f"{type(error).__name__}: {error}", frame=frame)
            fit = FrameFit(
                frame, (Source(clean_frame),), motion="unknown", verdict="failed", message=f"failed: {error}"
            )
            return Found(fit, None, None)
        self.carry(found)
        return replace(found, size=look.view.size)

    def carry(self, found: Found) -> None:
        """Start the next frame from the motion of this one."""
        if found.homography is not None:
            motion = tuple(float(value) for value in found.homography.ravel())
            self._carry(homography=motion)

    def _carry(self, **changed: Any) -> None:
        self.carried = replace(self.carried, **changed)

    def _compared(self, frame: int, look: Reduced, clean_frame: int, still: FrameFit | None) -> Found:
        clean = self._pictures.clean(clean_frame)
        if look.view.size != clean.view.size:
            ours, plates = ("{}x{}".format(*one.view.size) for one in (clean, look))
            raise FrameError(
                f"the clean plate is {ours}, the plate {plates}; give both the same size.", frame=frame
            )
        self._pictures.size = look.view.size  # a first frame of another size does not speak for the shot
        if self._settings.align == "off":
            return self._measured(frame, look, clean_frame, None, IDENTITY, None, "off")
        own = look
        if self.carried.ratio is not None:
            # The subject changes the plate's own key.
            look = replace(look, view=look.view.keyed(clean.view.key * self.carried.ratio))
        initial = self.carried.matrix
        if still is not None:
            initial = still.sources[0].matrix
            seen = agreement(look.view, clean.view, initial, look.valid, flow=still.flow)
            if self._stands(seen):
                known = Registration(initial, int(seen.alike.sum()), seen.residual, 1.0, 0.0, True, "", seen)
                return self._measured(frame, look, clean_frame, known, initial, still.flow, still.motion)
        first = register(look.view, clean.view, background=look.valid, initial=initial)
        if not first.trusted and look is not own:
            # The light may have changed since, as after a black leader.
            look = own
            self._carry(ratio=None)
            first = register(look.view, clean.view, background=look.valid, initial=initial)
        if not first.trusted:
            hidden = self._subject_hid_it(look, clean)
            if hidden is None:
                return self._failed(frame, look, clean_frame, first)
            first = hidden
        background = self._background(look, clean, first.homography)
        # Compared as they were found to be alike: blurred to one focus.
        views = first.views or (look.view, clean.view)
        refocused = views[0] is not look.view or views[1] is not clean.view
        self._carry(ratio=float(views[0].key / views[1].key), refocused=refocused)
        second = refine(*views, first.homography, background)
        best = second if second.trusted else first
        if farthest(best.homography, self._pictures.size) < no_motion(self._pictures.size):
            best = replace(best, homography=IDENTITY)
        flow = None
        if self._settings.align in ("auto", "flow"):
            eager = self._settings.align == "flow"
            bent = residual_flow(*views, best.homography, background, eager=eager)
            if bent is not None:
                flow, _, within = bent
                best = replace(best, residual=min(best.residual, within))
        motion = "flow" if flow is not None else "none" if best.homography is IDENTITY else "homography"
        return self._measured(
            frame, look, clean_frame, best, best.homography, flow, motion, background=background
        )

    def _subject_hid_it(self, look: Reduced, clean: Reduced) -> Registration | None:
        """Register without the subject, from no motion: it may be most of the picture's texture."""
        fitted, valid = _on(look, clean, IDENTITY)
        background = self._beside_subject(look, fitted, valid, first_exposure(look.small, fitted, valid))
        if background is None:
            return None
        found = register(look.view, clean.view, background=background, initial=IDENTITY)
        # The subject was looked for at no motion: where there was one, all of the background agrees on it.
        return found if found.trusted and found.spread > _AGREES else None

    def _stands(self, seen: Agreement) -> bool:
        """Whether a frame, compared under the shot's one motion, keeps to it."""
        if seen.alike.sum() < 12:
            return False
        # The shot's own residual (parallax, noise) is no motion: only what all parts share is.
        rows, cols = np.nonzero(seen.alike)
        shift = seen.shift[rows, cols]
        height, width = seen.alike.shape
        basis = np.stack([np.ones(len(rows)), cols / width * 2 - 1, rows / height * 2 - 1], axis=1)
        weight = np.ones(len(rows))
        for _ in range(4):
            weighted = basis * weight[:, None]
            ridge = np.diag([0.0, 2.0, 2.0])
            motion = np.linalg.solve(basis.T @ weighted + ridge, weighted.T @ shift)
            off = np.hypot(*(shift - basis @ motion).T)
            weight = 1 / np.maximum(off, max(1e-6, float(np.median(off))))
        corners = np.array([[1, x, y] for x in (-1, 1) for y in (-1, 1)]) @ motion
        return bool(np.hypot(*corners.T).max() < 2 * one_motion(self._pictures.size))

    def _background(self, look: Reduced, clean: Reduced, homography: Array) -> Array | None:
        """Where the plate shows background, by the coarse matte of a first fit."""
        fitted, valid = _on(look, clean, homography)
        return self._beside_subject(look, fitted, valid, match_exposure(look.small, fitted, valid))

    def _beside_subject(
        self, look: Reduced, fitted: Array, valid: Array, exposure: ExposureMatch
    ) -> Array | None:
        """Where no subject is, by the coarse matte; None where that is next to nowhere."""
        matte = self.matte = resized(
            self._pictures.takes.subject(look.small, exposure.apply(fitted)), valid.shape
        )
        side = max(3, valid.shape[1] // 60) | 1
        subject = cv2.dilate((matte > _SUBJECT).astype(np.uint8), np.ones((side, side), np.uint8))
        background = (valid * (1 - subject)).astype(np.float32)
        return background if background.mean() > _LEAST_BACKGROUND else None

    def _measured(
        self,
        frame: int,
        look: Reduced,
        clean_frame: int,
        known: Registration | None,
        homography: Array,
        flow: Array | None,
        motion: str,
        *,
        background: Array | None = None,
    ) -> Found:
        """Exposure, difference, coverage and verdict of a motion."""
        clean = self._pictures.clean(clean_frame)
        fitted, valid = _on(look, clean, homography, flow)
        if background is None and known is not None and known.agreement is not None:
            # Parts that are alike are background, whoever stands beside them.
            alike = known.agreement.alike.astype(np.float32)
            if alike.mean() > 0.1:
                background = cv2.resize(alike, valid.shape[::-1], interpolation=cv2.INTER_NEAREST)
        trusted_area = valid if background is None else valid * background
        exposure = None
        if self._settings.match_exposure == "auto":
            exposure = match_exposure(look.small, fitted, trusted_area)
            fitted = exposure.apply(fitted)
        ceiling = ceiling_of(look.small) if exposure is not None and max(exposure.gain) > 1.0 else None
        if ceiling is not None:
            fitted = np.minimum(fitted, np.array(ceiling, np.float32))
        left = None if exposure is None else find_light_left(look.small, fitted, valid)
        difference = difference_of(look.small, fitted, trusted_area)
        sources: tuple[Source, ...] = (Source.of(clean_frame, homography),)
        if look.valid is not None:
            valid = np.maximum(valid, 1 - look.valid)  # where there is no picture, none is missing
        coverage = coverage_of(look, valid)
        if (
            coverage < 1 - HOLE
            and len(self._pictures.takes.clean_frames) > 1
            and self._settings.align != "off"
        ):
            sources, coverage = self._filled(look, clean_frame, sources, valid, background)
        fit = FrameFit(
            frame=frame,
            sources=sources,
            flow=flow,
            gain=exposure.gain if exposure is not None else (1.0, 1.0, 1.0),
            gain_field=exposure.field if exposure is not None else None,
            gain_rows=exposure.rows if exposure is not None else None,
            ceiling=ceiling,
            motion=motion,
            inliers=known.inliers if known is not None else 0,
            residual=round(known.residual, 4) if known is not None and np.isfinite(known.residual) else None,
            difference=round(difference, 6),
            coverage=round(coverage, 6),
        )
        fit = judged(fit, exposure, self._pictures.size, left, refocused=self.carried.refocused)
        return Found(fit, homography if known is not None else None, exposure)

    def _failed(self, frame: int, look: Reduced, clean_frame: int, why: Registration) -> Found:
        """Keep a frame whose motion was not found as it is, until something better turns up."""
        clean = self._pictures.clean(clean_frame)
        plain = why.reason.startswith("too little texture") or is_plain(clean)
        fitted, valid = _on(look, clean, IDENTITY)
        first = first_exposure(look.small, fitted, valid)
        background = self._beside_subject(look, fitted, valid, first)
        if not plain and background is not None and background.mean() < _MUCH_BACKGROUND:
            background = None  # whatever the two show, some of it is alike
        one = self._measured(frame, look, clean_frame, None, IDENTITY, None, "none", background=background)
        left = float("inf")
        if background is not None:
            left = left_over(
                look.small, one.exposure.apply(clean.small) if one.exposure else clean.small, background
            )
        flat = left < FLAT
        # An exposure measured between pictures that do not fit means nothing.
        keep = flat and one.exposure is not None and one.exposure.trusted
        fit = replace(
            one.fit,
            gain=one.fit.gain if keep else (1.0, 1.0, 1.0),
            gain_field=one.fit.gain_field if keep else None,
            gain_rows=one.fit.gain_rows if keep else None,
            ceiling=one.fit.ceiling if keep else None,
        )
        reason = darkness(look.small, clean.small) or why.reason
        fit = judged_unaligned(fit, one.exposure, reason, left, plain=plain)
        return Found(fit, None, one.exposure if keep else None)

    def _filled(
        self,
        look: Reduced,
        clean_frame: int,
        sources: tuple[Source, ...],
        valid: Array,
        background: Array | None,
    ) -> tuple[tuple[Source, ...], float]:
        """Find clean frames that show what the first one lacks."""
        frames = self._pictures.takes.clean_frames
        here = frames.index(clean_frame)
        offsets = [*self.carried.fills, *(s * step for step in _NEIGHBOURS for s in (1, -1))]
        lacking = float(1 - valid.mean())
        if self._is_vain(lacking):
            offsets = [*self.carried.fills]
        tries = 0
        matrix = sources[0].matrix
        for offset in dict.fromkeys(offsets):
            if not 0 <= here + offset < len(frames):
                continue
            missing = float(1 - valid.mean())
            if missing < HOLE or len(sources) >= _MOST_SOURCES or tries >= _MOST_TRIES:
                break
            tries += 1
            try:
                other = self._pictures.clean(frames[here + offset])
            except FrameError:
                continue
            if other.view.size != look.view.size:
                continue
            there = register(look.view, other.view, background=background, initial=matrix)
            if not there.trusted:
                continue
            _, also = other.moved(there.homography, None)
            if float((also * (1 - valid)).mean()) < 0.2 * missing:
                continue
            sources = (*sources, Source.of(frames[here + offset], there.homography))
            valid = np.maximum(valid, also)
            fills = (offset, *(known for known in self.carried.fills if known != offset))
            self._carry(fills=fills[:3])
        if tries:
            self._carry(
                vain=0 if len(sources) > 1 else self.carried.vain + 1,
                lacked=max(self.carried.lacked, lacking),
            )
        return sources, coverage_of(look, valid)

    def _is_vain(self, lacking: float) -> bool:
        """Whether other clean frames need not be tried: on the frames before, none had what this one lacks.

        A clean plate whose camera stands as the plate's does never has.
        """
        if self.carried.vain < _PATIENCE or lacking > _MORE * self.carried.lacked:
            return False
        self._carry(vain=self.carried.vain + 1)
        return self.carried.vain % _AGAIN != 0


def _on(look: Reduced, clean: Reduced, homography: Array, flow: Array | None = None) -> tuple[Array, Array]:
    """Put a clean plate on its plate; valid is where both are pictures."""
    fitted, valid = clean.moved(homography, flow)
    return fitted, valid if look.valid is None else valid * look.valid
