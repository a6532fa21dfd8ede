"""What is known of a shot before its frames are fitted: a look at some of them, all over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from howard_nodes.description import FitSettings
from howard_nodes.plates.carried import Carried
from howard_nodes.plates.corners import displaced, from_displaced, no_motion, one_motion
from howard_nodes.plates.fit import FrameFit, Source
from howard_nodes.plates.frame_solving import Found, FrameSolver
from howard_nodes.plates.leftover import find_leftovers, is_copy
from howard_nodes.plates.pairing import paired
from howard_nodes.plates.registration import IDENTITY
from howard_nodes.plates.takes import Reduced, ReducedTakes, Takes, spread_out

__all__ = ["Scouted", "scout_shot"]

Array = NDArray[Any]

_SCOUTS = 5  # frames looked at first, to see whether the camera moves


@dataclass(frozen=True, eq=False)
class Scouted:
    """What a look at some frames says of a shot.

    Attributes
    ----------
    frames : tuple of int
        All of the shot, in order.
    pairs : dict of int to int
        The clean frame that each of them is compared with first.
    size : tuple of int
        Width and height of the pictures.
    space : str
        Colour space of both takes.
    still : FrameFit or None
        The one fit of a camera that stands still.
    starts : dict of int to Carried
        By frame that was looked at: what teaches the frames around it.
    known : dict of int to Found
        Frames that are fitted by this already.
    notes : tuple of str
        What is worth knowing.
    """

    frames: tuple[int, ...]
    pairs: dict[int, int]
    size: tuple[int, int]
    space: str
    still: FrameFit | None
    starts: dict[int, Carried] = field(default_factory=dict)
    known: dict[int, Found] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def start(self, frame: int) -> Carried:
        """Give what a frame starts with that has none before it: what the nearest frame taught."""
        nearest = min(self.starts, key=lambda one: (abs(one - frame), one), default=None)
        return Carried() if nearest is None else self.starts[nearest]


def scout_shot(
    takes: Takes,
    settings: FitSettings,
    on_note: Callable[[str, bool], None] = lambda _message, _warning: None,
    on_look: Callable[[int, int], None] = lambda _done, _total: None,
) -> Scouted:
    """Look at a shot: which clean frames belong to which, whether the camera moves, what is amiss.

    Parameters
    ----------
    takes : Takes
        Plate and clean plate, all of the shot.
    settings : FitSettings
        What is wanted.
    on_note : callable
        Told what is worth knowing about the whole shot, and whether it is a warning.
    on_look : callable
        Told how many of how many frames have been looked at.
    """
    return _Scout(takes, settings, on_note, on_look).scouted()


class _Scout:
    def __init__(
        self,
        takes: Takes,
        settings: FitSettings,
        on_note: Callable[[str, bool], None],
        on_look: Callable[[int, int], None],
    ) -> None:
        self._takes, self._settings, self._on_note, self._on_look = takes, settings, on_note, on_look
        self._pictures = ReducedTakes(takes)
        self._solver = FrameSolver(self._pictures, settings)
        self._notes: list[str] = []

    def scouted(self) -> Scouted:
        pairs = paired(self._pictures, self._settings.align, self._note)
        found, starts = self._look(pairs)
        still = self._standing(found)
        # How holes are filled is the whole shot's affair; the rest is that of the frames around.
        last = self._solver.carried
        starts = {
            frame: replace(one, fills=last.fills, vain=last.vain, lacked=last.lacked)
            for frame, one in starts.items()
        }
        return Scouted(
            frames=self._takes.frames,
            pairs=pairs,
            size=self._pictures.size,
            space=self._takes.space,
            still=still,
            starts=starts,
            known=found if still is None else {},
            notes=tuple(self._notes),
        )

    def _note(self, message: str, warning: bool = True) -> None:
        self._notes.append(message)
        self._on_note(message, warning)

    def _look(self, pairs: dict[int, int]) -> tuple[dict[int, Found], dict[int, Carried]]:
        """Fit some frames all over the shot."""
        found: dict[int, Found] = {}
        starts: dict[int, Carried] = {}
        copies, leftovers = [], []
        looks = spread_out(self._takes.frames, _SCOUTS)
        for frame, look in self._pictures.plates(looks):
            one = found[frame] = self._solver.solve(frame, look, pairs[frame], None)
            self._on_look(len(found), len(looks))
            starts[frame] = self._solver.carried
            if one.fit.motion == "unknown":
                continue
            clean = self._pictures.clean(pairs[frame])
            if one.homography is not None and one.exposure is not None and self._solver.matte is not None:
                fitted, valid = clean.moved(one.homography, one.fit.flow)
                leftovers += self._leftovers(frame, look, one.exposure.apply(fitted), valid)
            if clean.small.shape == look.small.shape and is_copy(look.small, clean.small):
                copies.append(frame)
        # One frame may be mistaken: a lamp that is off, a door.
        if leftovers and 3 * len(leftovers) > len(found):
            self._note(leftovers[0])
        if copies:
            self._note(
                f"the clean plate is frame {copies[0]} of the plate itself: whoever is in that frame is in "
                "the clean plate too. Is that frame empty?"
            )
        return found, starts

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
