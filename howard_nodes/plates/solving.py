"""Fitting a whole shot: which clean frame, which motion, which exposure, and how well, for every frame.

A first fit by robustness alone, the subject found with it, a second fit without the subject. A camera that
stands still gets one motion for the whole shot, so that not a pixel trembles; every frame is checked against
it all the same. What cannot be fitted borrows from its neighbours, is counted, and stops nothing.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Container, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.description import FitSettings
from howard_nodes.errors import FrameError
from howard_nodes.frames import format_frames
from howard_nodes.plates.alignment import Agreement, agreement
from howard_nodes.plates.fit import FrameFit, ShotFit, Source, Verdict
from howard_nodes.plates.flow import residual_flow
from howard_nodes.plates.leftover import find_leftovers, is_copy
from howard_nodes.plates.pairing import best_path, interpolated, likeness, thumbnail
from howard_nodes.plates.photometric import ExposureMatch, match_exposure
from howard_nodes.plates.registration import IDENTITY, Registration, refine, register
from howard_nodes.plates.views import FINE, View, prepare, reduced_size
from howard_nodes.plates.warp import warp

__all__ = ["Takes", "fit_shot"]

Array = NDArray[Any]

_SCOUTS = 5  # frames looked at first, to see whether the camera moves
_STILL = 0.00008  # of the longer side: 0.15 px in HD; motions closer than that are one
_NONE = 0.00006  # of the longer side: 0.12 px; a motion smaller than that is none
_GOOD = 0.0003  # of the longer side: a residual of 0.6 px in HD is still good
_COVERED = 0.95
_SUBJECT = 0.15  # of the coarse matte, from which a pixel is kept out of the fit
_LEAST_BACKGROUND = 0.03
_STEADY = 0.015  # stops: gains of a shot that differ less are one gain
_NEIGHBOURS = (1, 2, 4, 8, 16, 32, 64)
_MOST_SOURCES = 4
_MOST_TRIES = 6
_HOLE = 0.0005  # share of the picture that is worth another clean frame
_LOOKS = 12  # clean frames kept
_MOST_ANCHORS = 160
_BY_NUMBER = 0.97  # of what the best pairing reaches, from which frame numbers are believed
_CLIPPED = 0.004  # share of a picture that is equally bright, and nothing brighter: clipped
_FLAT = 0.06  # relative difference of plate and clean plate up to which flat pictures fit as they are


@dataclass(frozen=True)
class Takes:
    """The two takes, and how to look at them.

    Attributes
    ----------
    frames : tuple of int
        Frames of the plate to fit, in order.
    plate : callable
        Gives a frame of the plate, H W 3 float32, scene-linear.
    clean_frames : tuple of int
        Frames of the clean plate, in order; one for a still.
    clean : callable
        Gives a frame of the clean plate and where it is valid (H W or None), of the same size.
    same_number : callable
        Gives the clean frame of the same number as a frame of the plate, whether it is there or not.
    space : str
        Name of the colour space of both.
    to_rec709 : callable
        Takes pictures to linear Rec.709.
    subject : callable
        Says where a plate differs from a clean plate that fits it: two pictures H W 3 to a matte H W, 0 to 1,
        of any size. The network's coarse matte.
    """

    frames: tuple[int, ...]
    plate: Callable[[int], Array]
    clean_frames: tuple[int, ...]
    clean: Callable[[int], tuple[Array, Array | None]]
    same_number: Callable[[int], int]
    space: str
    to_rec709: Callable[[Array], Array]
    subject: Callable[[Array, Array], Array]


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


@dataclass(frozen=True, eq=False)
class _Look:
    """A picture at the size that is compared."""

    small: Array
    valid: Array | None
    view: View


@dataclass(frozen=True, eq=False)
class _Found:
    """What one frame taught."""

    fit: FrameFit
    homography: Array | None  # None where nothing was found
    exposure: ExposureMatch | None


class _Solver:
    def __init__(
        self,
        takes: Takes,
        settings: FitSettings,
        on_fit: Callable[[FrameFit], None],
        on_note: Callable[[str, bool], None],
    ) -> None:
        self.takes, self.settings = takes, settings
        self.on_fit, self.on_note = on_fit, on_note
        self.size = (0, 0)
        self.notes: list[str] = []
        self._cleans: OrderedDict[int, _Look] = OrderedDict()
        self._fills: list[int] = []  # offsets of clean frames that filled holes before
        self._matte: Array | None = None  # of the frame looked at last
        self._ratio: float | None = None  # light of the plate beside the clean plate's, as last seen

    # --- the shot

    def solve(self) -> ShotFit:
        pairs = self._pairs()
        scouts = self._scout(pairs)
        still = self._standing(scouts)
        found: dict[int, _Found] = {}
        last: Array | None = None
        for frame, look in self._looks(self.takes.frames, known=scouts if still is None else ()):
            one = scouts[frame] if look is None else self._tried(frame, look, pairs[frame], still, last)
            if one.homography is not None:
                last = one.homography
            found[frame] = one
            self.on_fit(one.fit)
        # A match that was left alone says nothing of the others.
        unsure = {f for f, one in found.items() if one.exposure is not None and not one.exposure.trusted}
        fits = self._exposures(self._borrowed(found, still), unsure)
        return ShotFit(self.size, self.takes.space, fits, still is not None, tuple(self.notes))

    def _note(self, message: str, *, warning: bool = True) -> None:
        self.notes.append(message)
        self.on_note(message, warning)

    def _pairs(self) -> dict[int, int]:
        """Which clean frame is compared with each frame of the plate."""
        takes = self.takes
        if len(takes.clean_frames) == 1:
            return dict.fromkeys(takes.frames, takes.clean_frames[0])
        if self.settings.align == "off":
            # A missing number is no clean plate: it is not this take's business to choose another.
            return {frame: takes.same_number(frame) for frame in takes.frames}
        readable, thumbnails = [], []
        for frame in takes.clean_frames:
            try:
                thumbnails.append(thumbnail(self._clean(frame).view))
            except FrameError as error:
                self._note(f"clean frame {frame} is left out: {error}")
                continue
            readable.append(frame)
        if not readable:
            return {frame: takes.same_number(frame) for frame in takes.frames}
        index = {frame: position for position, frame in enumerate(readable)}
        cleans = np.stack(thumbnails)
        anchors = _spread_out(takes.frames, _MOST_ANCHORS)
        seen = {frame: likeness(thumbnail(look.view), cleans) for frame, look in self._read(anchors)}
        if not seen:
            return {frame: takes.same_number(frame) for frame in takes.frames}
        anchors, scores = tuple(seen), np.stack(list(seen.values()))
        path = best_path(scores)
        numbered = [row for row, frame in enumerate(anchors) if takes.same_number(frame) in index]
        if 2 * len(numbered) >= len(anchors):
            own = scores[numbered, [index[takes.same_number(anchors[row])] for row in numbered]]
            best = scores[numbered, [path[row] for row in numbered]]
            if np.mean(own / np.maximum(best, 1e-6)) >= _BY_NUMBER:
                return self._by_number(readable)
        chosen = interpolated(anchors, path, takes.frames)
        self._note(
            "the takes move differently in time: plate frames "
            f"{takes.frames[0]} to {takes.frames[-1]} were paired with clean frames "
            f"{readable[chosen[0]]} to {readable[chosen[-1]]} by what they show",
            warning=False,
        )
        return {frame: readable[i] for frame, i in zip(takes.frames, chosen)}

    def _by_number(self, readable: list[int]) -> dict[int, int]:
        there = np.array(readable)
        pairs, missing = {}, []
        for frame in self.takes.frames:
            same = self.takes.same_number(frame)
            pairs[frame] = int(there[np.abs(there - same).argmin()])
            if pairs[frame] != same:
                missing.append(same)
        if missing:
            self._note(f"missing in the clean plate: {format_frames(missing)}; neighbours stand in")
        return pairs

    def _scout(self, pairs: dict[int, int]) -> dict[int, _Found]:
        """Look at some frames all over the shot."""
        scouts: dict[int, _Found] = {}
        copies, leftovers = [], []
        last: Array | None = None
        for frame, look in self._read(_spread_out(self.takes.frames, _SCOUTS)):
            one = self._tried(frame, look, pairs[frame], None, last)
            last = one.homography if one.homography is not None else last
            scouts[frame] = one
            if one.fit.motion == "unknown":
                continue
            clean = self._clean(pairs[frame])
            if one.homography is not None and one.exposure is not None and self._matte is not None:
                fitted, valid = self._moved(clean, one.homography, one.fit.flow)
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

    def _leftovers(self, frame: int, look: _Look, fitted: Array, valid: Array) -> list[str]:
        """Say what the clean plate shows and the plate does not: nothing, or the largest such thing."""
        assert self._matte is not None
        scale = self.size[0] / valid.shape[1]
        return [
            f"the clean plate shows something that plate frame {frame} does not, "
            f"{round(found.width * scale)}x{round(found.height * scale)} pixels at {round(found.x * scale)}, "
            f"{round(found.y * scale)}: is somebody still in it?"
            for found in find_leftovers(look.small, fitted, self._matte, valid)[:1]
        ]

    def _standing(self, scouts: dict[int, _Found]) -> FrameFit | None:
        """Give the one fit of a camera that stands still; None where it moves."""
        trusted = [one for one in scouts.values() if one.homography is not None]
        if self.settings.align == "off" or not trusted or len(trusted) < (len(scouts) + 1) // 2:
            return None
        corners = np.stack([_displaced(one.homography, self.size) for one in trusted])
        off = np.abs(corners - np.median(corners, axis=0)).max(axis=(1, 2))
        keeps = off <= self._part(_STILL) + 1e-9
        # A kick is one frame's business: it does not make the rest of the shot handheld.
        if not keeps.all() and (len(trusted) < 4 or keeps.sum() < len(trusted) - 1):
            return None
        trusted = [one for one, kept in zip(trusted, keeps) if kept]
        middle = np.median(corners[keeps], axis=0)
        if len(trusted) == 1 and len(self.takes.frames) > 1:
            return None
        flows = [one.fit.flow for one in trusted if one.fit.flow is not None]
        flow = np.mean(flows, axis=0).astype(np.float32) if 2 * len(flows) > len(trusted) else None
        best = min(trusted, key=lambda one: one.fit.residual or 0.0).fit
        homography = _from_displaced(middle, self.size)
        if np.abs(middle).max() < self._part(_NONE) and flow is None:
            homography = IDENTITY
        source = replace(best.sources[0], homography=_numbers(homography))
        motion = "flow" if flow is not None else "none" if homography is IDENTITY else "homography"
        return replace(best, sources=(source,), flow=flow, motion=motion)

    def _part(self, share: float) -> float:
        """Give a share of the longer side in pixels; a small picture's own pixels tell no finer."""
        return share * max(FINE, *self.size)

    # --- one frame

    def _tried(
        self,
        frame: int,
        look: _Look,
        clean_frame: int,
        still: FrameFit | None,
        last: Array | None,
    ) -> _Found:
        try:
            return self._frame(frame, look, clean_frame, still, last)
        except FrameError as error:
            # Matting this frame fails with the same words, and the others go on.
            fit = FrameFit(
                frame, (Source(clean_frame),), motion="unknown", verdict="failed", message=f"failed: {error}"
            )
            return _Found(fit, None, None)

    def _frame(
        self,
        frame: int,
        look: _Look,
        clean_frame: int,
        still: FrameFit | None,
        last: Array | None,
    ) -> _Found:
        clean = self._clean(clean_frame)
        if look.view.size != clean.view.size:
            ours, plates = ("{}x{}".format(*one.view.size) for one in (clean, look))
            raise FrameError(
                f"the clean plate is {ours}, the plate {plates}; give both the same size.", frame=frame
            )
        self.size = look.view.size  # a first frame of another size does not speak for the shot
        if self.settings.align == "off":
            return self._measured(frame, look, clean_frame, None, IDENTITY, None, "off")
        if self._ratio is not None:
            # The subject changes the plate's own key.
            look = replace(look, view=look.view.keyed(clean.view.key * self._ratio))
        initial = last
        if still is not None:
            initial = still.sources[0].matrix
            seen = agreement(look.view, clean.view, initial, flow=still.flow)
            if self._stands(seen):
                known = Registration(initial, int(seen.alike.sum()), seen.residual, 1.0, 0.0, True, "", seen)
                return self._measured(frame, look, clean_frame, known, initial, still.flow, still.motion)
        first = register(look.view, clean.view, initial=initial)
        if not first.trusted:
            return self._failed(frame, look, clean_frame, first)
        background = self._background(look, clean, first.homography)
        # Compared as they were found to be alike: blurred to one focus.
        views = first.views or (look.view, clean.view)
        self._ratio = views[0].key / views[1].key
        second = refine(*views, first.homography, background)
        best = second if second.trusted else first
        if np.abs(_displaced(best.homography, self.size)).max() < self._part(_NONE):
            best = replace(best, homography=IDENTITY)
        flow = None
        if self.settings.align in ("auto", "flow"):
            eager = self.settings.align == "flow"
            bent = residual_flow(*views, best.homography, background, eager=eager)
            if bent is not None:
                flow, _, within = bent
                best = replace(best, residual=min(best.residual, within))
        motion = "flow" if flow is not None else "none" if best.homography is IDENTITY else "homography"
        return self._measured(
            frame, look, clean_frame, best, best.homography, flow, motion, background=background
        )

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
        return bool(np.hypot(*corners.T).max() < 2 * self._part(_STILL))

    def _background(self, look: _Look, clean: _Look, homography: Array) -> Array | None:
        """Where the plate shows background, by the coarse matte of a first fit."""
        fitted, valid = self._moved(clean, homography, None)
        exposure = match_exposure(look.small, fitted, valid)
        matte = self._matte = _as(self.takes.subject(look.small, exposure.apply(fitted)), valid.shape)
        side = max(3, valid.shape[1] // 60) | 1
        subject = cv2.dilate((matte > _SUBJECT).astype(np.uint8), np.ones((side, side), np.uint8))
        background = (valid * (1 - subject)).astype(np.float32)
        return background if background.mean() > _LEAST_BACKGROUND else None

    def _measured(
        self,
        frame: int,
        look: _Look,
        clean_frame: int,
        known: Registration | None,
        homography: Array,
        flow: Array | None,
        motion: str,
        *,
        background: Array | None = None,
    ) -> _Found:
        """Exposure, difference, coverage and verdict of a motion."""
        clean = self._clean(clean_frame)
        fitted, valid = self._moved(clean, homography, flow)
        if background is None and known is not None and known.agreement is not None:
            # Parts that are alike are background, whoever stands beside them.
            alike = known.agreement.alike.astype(np.float32)
            if alike.mean() > 0.1:
                background = cv2.resize(alike, valid.shape[::-1], interpolation=cv2.INTER_NEAREST)
        trusted_area = valid if background is None else valid * background
        exposure = None
        if self.settings.match_exposure == "auto":
            exposure = match_exposure(look.small, fitted, trusted_area)
            fitted = exposure.apply(fitted)
        ceiling = _ceiling(look.small) if exposure is not None and max(exposure.gain) > 1.0 else None
        if ceiling is not None:
            fitted = np.minimum(fitted, np.array(ceiling, np.float32))
        difference, _ = _difference(look.small, fitted, trusted_area)
        sources: tuple[Source, ...] = (Source(clean_frame, _numbers(homography)),)
        coverage = float(valid.mean())
        if coverage < 1 - _HOLE and len(self.takes.clean_frames) > 1 and self.settings.align != "off":
            sources, coverage = self._filled(look, clean_frame, sources, valid, background)
        fit = FrameFit(
            frame=frame,
            sources=sources,
            flow=flow,
            gain=exposure.gain if exposure is not None else (1.0, 1.0, 1.0),
            gain_field=exposure.field if exposure is not None else None,
            ceiling=ceiling,
            motion=motion,
            inliers=known.inliers if known is not None else 0,
            residual=round(known.residual, 4) if known is not None and np.isfinite(known.residual) else None,
            difference=round(difference, 6),
            coverage=round(coverage, 6),
        )
        fit = self._judged(fit, exposure)
        return _Found(fit, homography if known is not None else None, exposure)

    def _failed(self, frame: int, look: _Look, clean_frame: int, why: Registration) -> _Found:
        """Keep a frame whose motion was not found as it is, until something better turns up."""
        one = self._measured(frame, look, clean_frame, None, IDENTITY, None, "none")
        clean = self._clean(clean_frame)
        _, relative = _difference(
            look.small, one.exposure.apply(clean.small) if one.exposure else clean.small, None
        )
        flat = why.reason.startswith("too little texture") and relative < _FLAT
        verdict: Verdict = "doubtful" if flat else "failed"
        word = "the clean plate is used as it is" if flat else "the clean plate is not aligned"
        # An exposure measured between pictures that do not fit means nothing.
        keep = flat and one.exposure is not None and one.exposure.trusted
        fit = replace(
            one.fit,
            gain=one.fit.gain if keep else (1.0, 1.0, 1.0),
            gain_field=one.fit.gain_field if keep else None,
            ceiling=one.fit.ceiling if keep else None,
            verdict=verdict,
            message=f"{verdict}: {why.reason}; {word}",
        )
        return _Found(fit, None, one.exposure if keep else None)

    def _judged(self, fit: FrameFit, exposure: ExposureMatch | None) -> FrameFit:
        """Put the verdict into words."""
        longest = max(self.size)
        doubts = []
        said = {"none": "fits as it is", "off": "not aligned, as asked"}.get(fit.motion)
        if said is None:
            moved = np.abs(_displaced(fit.sources[0].matrix, self.size))
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
                doubts.append(f"exposure left alone: {exposure.reason}")
            elif fit.gain != (1.0, 1.0, 1.0):
                facts.append("exposure " + "/".join(f"{np.log2(gain):+.2f}" for gain in fit.gain) + " stops")
            if fit.gain_field is not None:
                facts.append("uneven light evened")
        if len(fit.sources) > 1:
            facts.append(f"{len(fit.sources)} clean frames")
        if fit.coverage < 1 - _HOLE:
            facts.append(f"{100 * fit.coverage:.1f} % covered")
            if fit.coverage < _COVERED:
                doubts.append(f"{100 * (1 - fit.coverage):.0f} % of the picture has no clean plate")
        verdict: Verdict = "doubtful" if doubts else "good"
        return replace(fit, verdict=verdict, message=f"{verdict}: {'; '.join(doubts + facts)}")

    def _filled(
        self,
        look: _Look,
        clean_frame: int,
        sources: tuple[Source, ...],
        valid: Array,
        background: Array | None,
    ) -> tuple[tuple[Source, ...], float]:
        """Find clean frames that show what the first one lacks."""
        frames = self.takes.clean_frames
        here = frames.index(clean_frame)
        offsets = [*self._fills, *(s * step for step in _NEIGHBOURS for s in (1, -1))]
        tries = 0
        matrix = sources[0].matrix
        for offset in dict.fromkeys(offsets):
            if not 0 <= here + offset < len(frames):
                continue
            missing = float(1 - valid.mean())
            if missing < _HOLE or len(sources) >= _MOST_SOURCES or tries >= _MOST_TRIES:
                break
            tries += 1
            try:
                other = self._clean(frames[here + offset])
            except FrameError:
                continue
            if other.view.size != look.view.size:
                continue
            there = register(look.view, other.view, background=background, initial=matrix)
            if not there.trusted:
                continue
            _, also = self._moved(other, there.homography, None)
            if float((also * (1 - valid)).mean()) < 0.2 * missing:
                continue
            sources = (*sources, Source(frames[here + offset], _numbers(there.homography)))
            valid = np.maximum(valid, also)
            self._fills = [offset, *(known for known in self._fills if known != offset)][:3]
        return sources, float(valid.mean())

    # --- afterwards, with the whole shot known

    def _borrowed(self, found: dict[int, _Found], still: FrameFit | None) -> dict[int, FrameFit]:
        """Give frames without a motion that of their neighbours."""
        fits = {frame: one.fit for frame, one in found.items()}
        if self.settings.align == "off":
            return fits
        good = [frame for frame, one in found.items() if one.homography is not None]
        for frame, one in found.items():
            if one.homography is not None:
                continue
            if still is not None:
                whose = "the rest of the shot"
                source, flow = replace(still.sources[0], frame=one.fit.sources[0].frame), still.flow
            elif good:
                before = max((known for known in good if known < frame), default=None)
                after = min((known for known in good if known > frame), default=None)
                lender = min(
                    (known for known in (before, after) if known is not None),
                    key=lambda known: abs(known - frame),
                )
                whose = f"frame {lender}"
                source, flow = fits[lender].sources[0], fits[lender].flow
                if before is not None and after is not None:
                    whose = f"the frames {before} and {after}"
                    source = _between(
                        fits[before].sources[0], fits[after].sources[0], before, after, frame, self.size
                    )
            else:
                continue
            reason = one.fit.message.partition(": ")[2].partition(";")[0]
            _, valid = warp(np.empty((*self.size[::-1], 1), np.float32), source.matrix, self.size)
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

    def _exposures(self, fits: dict[int, FrameFit], unsure: Container[int]) -> dict[int, FrameFit]:
        """One exposure for a shot whose exposure holds; the neighbours' where none was found."""
        if self.settings.match_exposure == "off":
            return fits
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
        ceiling = _numbers(np.median(ceilings, axis=0)) if 2 * len(ceilings) > len(sure) else None
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
        out = {}
        for frame, fit in fits.items():
            if frame in known or fit.verdict == "failed":
                out[frame] = replace(fit, gain_field=field) if frame in known else fit
                continue
            nearest = known[min(known, key=lambda other: abs(other - frame))]
            out[frame] = replace(fit, gain=nearest.gain, gain_field=field)
        return out

    # --- looking

    def _read(self, frames: Sequence[int]) -> Iterator[tuple[int, _Look]]:
        """Read frames of the plate, one ahead."""
        yield from ((frame, look) for frame, look in self._looks(frames) if look is not None)

    def _looks(self, frames: Sequence[int], known: Container[int] = ()) -> Iterator[tuple[int, _Look | None]]:
        """Read frames of the plate, one ahead; those that are known are not read, and come as None.

        Those that cannot be read fail later, where they are matted.
        """
        with ThreadPoolExecutor(1, "howard-fit") as pool:
            ahead: deque[tuple[int, Future[_Look | None]]] = deque()
            for frame in frames:
                ahead.append((frame, pool.submit(self._plate_unless, frame, frame in known)))
                if len(ahead) > 1:
                    yield from _arrived(ahead.popleft())
            while ahead:
                yield from _arrived(ahead.popleft())

    def _plate_unless(self, frame: int, known: bool) -> _Look | None:
        return None if known else self._plate(frame)

    def _plate(self, frame: int) -> _Look:
        picture = self.takes.plate(frame)
        self.size = self.size if self.size != (0, 0) else (picture.shape[1], picture.shape[0])
        return self._look(picture, None)

    def _clean(self, frame: int) -> _Look:
        if frame not in self._cleans:
            self._cleans[frame] = self._look(*self.takes.clean(frame))
            while len(self._cleans) > _LOOKS:
                self._cleans.popitem(last=False)
        self._cleans.move_to_end(frame)
        return self._cleans[frame]

    def _look(self, picture: Array, valid: Array | None) -> _Look:
        height, width = picture.shape[:2]
        size = reduced_size(width, height)
        small = (
            picture if size == (width, height) else cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        )
        if valid is not None:
            valid = (_as(valid, small.shape[:2]) > 0.99).astype(np.float32)
        return _Look(small, valid, prepare(self.takes.to_rec709(small), (width, height)))

    def _moved(self, clean: _Look, homography: Array, flow: Array | None) -> tuple[Array, Array]:
        """Put the clean plate, small, on the plate; and say where it is."""
        to_full = clean.view.levels[0].to_full
        matrix = np.linalg.inv(to_full) @ homography @ to_full
        size = clean.small.shape[1::-1]
        small_flow = None if flow is None else flow / np.float32(to_full[0, 0])
        if homography is IDENTITY and flow is None:
            moved, valid = clean.small, np.ones(clean.small.shape[:2], np.float32)
            matrix = IDENTITY
        else:
            moved, valid = warp(clean.small, matrix, size, flow=small_flow)
        if clean.valid is not None:
            share, _ = warp(clean.valid[..., None], matrix, size, flow=small_flow)
            valid = valid * (share.reshape(valid.shape) > 0.99)
        return moved, valid.astype(np.float32)


def _arrived(reading: tuple[int, Future[_Look | None]]) -> Iterator[tuple[int, _Look | None]]:
    frame, future = reading
    with suppress(FrameError):
        yield frame, future.result()


def _spread_out(frames: Sequence[int], count: int) -> tuple[int, ...]:
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int))
    return tuple(frames[i] for i in chosen)


def _numbers(matrix: Array) -> tuple[float, ...]:
    return tuple(float(value) for value in matrix.ravel())


def _corners(size: tuple[int, int]) -> Array:
    right, bottom = size[0] - 1.0, size[1] - 1.0
    return np.array([[0.0, 0.0], [right, 0.0], [right, bottom], [0.0, bottom]])


def _displaced(homography: Array | None, size: tuple[int, int]) -> Array:
    """How far a homography moves the corners of the picture, 4 2 pixels."""
    assert homography is not None
    corners = _corners(size)
    moved: Array = cv2.perspectiveTransform(corners[None], homography)[0] - corners
    return moved


def _from_displaced(displaced: Array, size: tuple[int, int]) -> Array:
    corners = _corners(size).astype(np.float32)
    target = (_corners(size) + displaced).astype(np.float32)
    return np.asarray(cv2.getPerspectiveTransform(corners, target), np.float64)


def _between(
    one: Source, other: Source, before: int, after: int, frame: int, size: tuple[int, int]
) -> Source:
    """Interpolate two motions of the same clean frame; else take the nearer one."""
    share = (frame - before) / (after - before)
    if one.frame != other.frame:
        return one if share < 0.5 else other
    mixed = (1 - share) * _displaced(one.matrix, size) + share * _displaced(other.matrix, size)
    return Source(one.frame, _numbers(_from_displaced(mixed, size)))


def _as(matte: Array, shape: tuple[int, ...]) -> Array:
    """Bring a matte to another size, float32."""
    matte = np.asarray(matte, np.float32)
    if matte.shape == tuple(shape):
        return matte
    method = cv2.INTER_AREA if matte.shape[0] > shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(matte, (shape[1], shape[0]), interpolation=method))


def _ceiling(plate: Array) -> tuple[float, float, float] | None:
    """Light at which a plate is clipped, per channel; None where it is not."""
    sample = plate[::2, ::2].reshape(-1, 3)
    # Video overshoots where it is clipped: the very highest value says little.
    top = np.quantile(sample, 1 - 0.75 * _CLIPPED, axis=0)
    clipped = (np.abs(sample - top) < 0.03 * top).all(axis=1)
    brighter = (sample > 1.1 * top).any(axis=1)
    if top.min() <= 0 or clipped.mean() < _CLIPPED or brighter.mean() > _CLIPPED / 8:
        return None
    red, green, blue = (float(value) for value in np.median(sample[clipped], axis=0))
    return red, green, blue


def _difference(plate: Array, fitted: Array, weight: Array | None) -> tuple[float, float]:
    """Median difference over the background: in light, and as a share of the light."""
    # A median over every third row and column is as good.
    plate, fitted = plate[::3, ::3], fitted[::3, ::3]
    apart = np.abs(plate - fitted).mean(axis=2)
    light = np.maximum(plate, 0).mean(axis=2)
    inside = None if weight is None else weight[::3, ::3] > 0.5
    if inside is not None and inside.any():
        apart, light = apart[inside], light[inside]
    return float(np.median(apart)), float(np.median(apart) / max(float(np.median(light)), 1e-6))
