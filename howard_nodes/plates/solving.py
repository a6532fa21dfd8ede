"""Fitting a whole shot: which clean frame, which motion, which exposure, and how well, for every frame.

A first fit by robustness alone, the subject found with it, a second fit without the subject. A camera that
stands still gets one motion for the whole shot, so that not a pixel trembles; every frame is checked against
it all the same. What cannot be fitted borrows from its neighbours, is counted, and stops nothing.

Three parts, so that a farm can share the work: `scout_shot` looks at some frames all over the shot,
`solve_frames` fits any of its frames, `joined` says what only the whole shot can say. Whoever fits a frame,
and whichever others with it, it gets the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from howard_nodes.description import FitSettings
from howard_nodes.plates.borrowing import borrowed, one_exposure
from howard_nodes.plates.fit import FrameFit, ShotFit
from howard_nodes.plates.frame_solving import Found, FrameSolver
from howard_nodes.plates.scouting import Scouted, scout_shot
from howard_nodes.plates.takes import ReducedTakes, Takes
from howard_nodes.plates.verdicts import with_flashes

__all__ = ["BLOCK", "fit_shot", "joined", "solve_frames"]

BLOCK = 16
"""Frames of a shot that are fitted one after the other, each from the one before: a chunk that begins within
a block does the frames before it again."""


def fit_shot(
    takes: Takes,
    settings: FitSettings,
    *,
    on_fit: Callable[[FrameFit], None] = lambda _: None,
    on_note: Callable[[str, bool], None] = lambda _message, _warning: None,
    on_look: Callable[[int, int], None] = lambda _done, _total: None,
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
    on_look : callable
        Told how many of how many frames have been looked at to know the shot, before any is fitted.

    Returns
    -------
    ShotFit
        Of all frames that could be read. What cannot be fitted is failed, not raised.
    """
    scouted = scout_shot(takes, settings, on_note, on_look)
    return joined(scouted, solve_frames(takes, settings, scouted, takes.frames, on_fit), settings)


def solve_frames(
    takes: Takes,
    settings: FitSettings,
    scouted: Scouted,
    frames: Collection[int],
    on_fit: Callable[[FrameFit], None] = lambda _: None,
) -> dict[int, Found]:
    """Fit the clean plate to some frames of a shot.

    Parameters
    ----------
    takes, settings, on_fit
        As for `fit_shot`.
    scouted : Scouted
        What is known of the shot.
    frames : collection of int
        Those wanted. Whichever they are, each gets the same bits.

    Returns
    -------
    dict of int to Found
        In order; of those that could be read.
    """
    wanted = set(frames)
    pictures = ReducedTakes(takes)
    solver = FrameSolver(pictures, settings)
    going = {frame: block for block in _blocks(scouted.frames, wanted) for frame in block}
    found: dict[int, Found] = {}
    block: tuple[int, ...] = ()
    for frame, look in pictures.plates_unless(tuple(going), scouted.known):
        if going[frame] is not block:
            block = going[frame]
            solver.carried = scouted.start(block[0])
        if look is None:
            one = scouted.known[frame]
            solver.carry(one)
        else:
            one = solver.solve(frame, look, scouted.pairs[frame], scouted.still)
        if frame in wanted:
            found[frame] = one
            on_fit(one.fit)
    return found


def joined(scouted: Scouted, found: Mapping[int, Found], settings: FitSettings) -> ShotFit:
    """Say what only the whole shot can say: who borrows of whom, one exposure where it holds, flashes.

    Parameters
    ----------
    scouted : Scouted
        What is known of the shot.
    found : mapping of int to Found
        All of its frames that could be read, in any order.
    settings : FitSettings
        What is wanted.
    """
    found = {frame: found[frame] for frame in scouted.frames if frame in found}
    size = next((one.size for one in reversed(found.values()) if one.size is not None), scouted.size)
    fits = {frame: one.fit for frame, one in found.items()}
    if settings.align != "off":
        fits = borrowed(found, scouted.still, size)
    if settings.align in ("auto", "flow"):
        fits = {frame: replace(fit, moved=True) for frame, fit in fits.items()}
    if settings.match_exposure != "off":
        # A match that was left alone says nothing of the others.
        unsure = {f for f, one in found.items() if one.exposure is not None and not one.exposure.trusted}
        fits = with_flashes(one_exposure(fits, unsure))
    return ShotFit(size, scouted.space, fits, scouted.still is not None, scouted.notes)


def _blocks(frames: tuple[int, ...], wanted: Collection[int]) -> list[tuple[int, ...]]:
    """Cut a shot into blocks; give of each what must be fitted for the frames wanted of it."""
    blocks = []
    for first in range(0, len(frames), BLOCK):
        block = frames[first : first + BLOCK]
        last = max((place for place, frame in enumerate(block) if frame in wanted), default=-1)
        if last >= 0:
            blocks.append(block[: last + 1])
    return blocks
