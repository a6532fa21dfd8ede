"""The bars of a take and of its clean plate, looked for in the pictures themselves."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from howard_nodes.errors import FrameError
from howard_nodes.plates.bars import Bars, find_bars
from howard_nodes.plates.fill import cover_holes
from howard_nodes.shot.events import Event, Note
from howard_nodes.shot.take import Light, Take

__all__ = ["FIT_MARGIN", "Barred", "bars_of", "tell_of_bars", "without_bars"]

FIT_MARGIN = 4
"""Pixels beside a bar that are not compared."""

_LOOKS = 9  # frames looked at, all over a take, where the first has bars
_CLEAN_MARGIN = 2  # pixels beside a clean plate's bar that are no clean plate: a codec mixes both


@dataclass(frozen=True)
class Barred:
    """Bars of the plate and of the clean plate; None where there are none."""

    plate: Bars | None = None
    clean: Bars | None = None

    @classmethod
    def of(
        cls,
        plate: Take,
        clean: Take,
        tell: Callable[[Event], None],
        *,
        spared: Collection[int] = (),
        offset: int = 0,
    ) -> Barred:
        """Look for the bars of both, in other frames than those spared (of the clean plate less the offset).

        What only the clean plate has, and the plate shows in the same colour, is a wall or a night sky.
        """
        ours = bars_of(plate, spared)
        theirs = bars_of(clean, () if clean.footage.is_still else [frame + offset for frame in spared])
        if theirs is not None:
            theirs = theirs.without_what(_pictures(plate, 3, spared), ours)
        for take, bars in ((plate, ours), (clean, theirs)):
            tell_of_bars(take, bars, tell)
        return cls(ours, theirs)

    def covers(self, light: Light, *, margin: int = 0) -> np.ndarray | None:
        """Mark where a frame of the plate is picture, H W; None where it has no bars."""
        bars = self.plate
        if bars is None or not _is_whole(light) or not bars.still_there(light.pixels):
            return None
        return bars.mask(*light.pixels.shape[:2], margin=margin)

    def clean_valid(self, pixels: np.ndarray, valid: np.ndarray | None) -> np.ndarray | None:
        """Add a clean plate's bars to where there is none, H W or None for everywhere."""
        if self.clean is None:
            return valid
        mask = self.clean.mask(*pixels.shape[:2], margin=_CLEAN_MARGIN * self.clean.soft)
        return mask if valid is None else mask * valid


def without_bars(bars: Bars | None, pixels: np.ndarray) -> np.ndarray:
    """Fill a picture's bars smoothly, so that nothing is compared there: a new one, or itself."""
    if bars is None:
        return pixels
    filled = np.array(pixels, np.float32)
    cover_holes(filled, bars.mask(*pixels.shape[:2], margin=FIT_MARGIN))
    return filled


def bars_of(take: Take, spared: Collection[int] = ()) -> Bars | None:
    """Look for the bars of a take, in its first frame, and then all over it, but for the frames spared."""
    first = _pictures(take, 1, spared)
    if not first or find_bars(first) is None:
        return None
    return find_bars(_pictures(take, _LOOKS, spared))


def tell_of_bars(take: Take, bars: Bars | None, tell: Callable[[Event], None]) -> None:
    """Say which bars are left out, where there are any."""
    if bars is not None:
        tell(Note(f"{take.footage.pattern}: bars around the picture are left out ({bars})"))


def _pictures(take: Take, count: int, spared: Collection[int]) -> list[np.ndarray]:
    """Read some frames, evenly spread, that show something and have no border of their own."""
    frames = take.footage.frames
    looks = _LOOKS if count == 1 else count  # the first may show nothing
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(looks, len(frames))).round().astype(int))
    found: list[np.ndarray] = []
    for place in chosen:
        if frames[place] in spared:
            continue
        try:
            light = take.light(frames[place])
        except FrameError:
            continue  # said when it is that frame's turn
        if not _is_whole(light) or float(np.ptp(light.pixels[::8, ::8])) == 0.0:
            continue
        if not found or light.pixels.shape == found[0].shape:
            found.append(light.pixels)
        if len(found) == count:
            break
    return found


def _is_whole(light: Light) -> bool:
    header = light.header
    return light.valid is None and header.data_window == header.display_window
