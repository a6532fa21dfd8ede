"""Two moving takes: which frames of the clean plate show what a frame of the plate shows.

The same move is never done twice in the same time. Small pictures of both takes are compared by phase
correlation, which finds the place in spite of the subject, of exposure, and of a shift; the path through all
comparisons that never goes back in time is the pairing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from howard_nodes.errors import FrameError
from howard_nodes.frames import name_frames
from howard_nodes.plates.takes import ReducedTakes, Takes, spread_out
from howard_nodes.plates.views import View

__all__ = ["best_path", "interpolated", "likeness", "paired", "thumbnail"]

Array = NDArray[Any]

_WIDTH, _HEIGHT = 96, 64
_SHIFT_COST = 0.6  # of the peak, for a shift by half the picture
_PAUSE_COST = 1e-4  # a tie is broken towards even progress
_MOST_ANCHORS = 160
_BY_NUMBER = 0.97  # of what the best pairing reaches, from which frame numbers are believed


def paired(pictures: ReducedTakes, align: str, note: Callable[[str, bool], None]) -> dict[int, int]:
    """Choose the clean frame that each frame of the plate is compared with.

    Parameters
    ----------
    pictures : ReducedTakes
        The two takes; frames that cannot be read are passed over.
    align : str
        How the clean plate is aligned: where it is not, numbers alone decide.
    note : callable
        Told what is worth knowing, and whether it is a warning.

    Returns
    -------
    dict of int to int
        Clean frame by frame of the plate; of the same number where no pairing was found.
    """
    takes = pictures.takes
    if len(takes.clean_frames) == 1:
        return dict.fromkeys(takes.frames, takes.clean_frames[0])
    if align == "off":
        # A missing number is no clean plate: it is not this take's business to choose another.
        return {frame: takes.same_number(frame) for frame in takes.frames}
    if takes.by_number:
        return _by_number(takes, list(takes.clean_frames), note)
    readable, thumbnails = [], []
    for frame in takes.clean_frames:
        try:
            thumbnails.append(thumbnail(pictures.clean(frame).view))
        except FrameError as error:
            note(f"clean frame {frame} is left out: {error}", True)
            continue
        readable.append(frame)
    if not readable:
        return {frame: takes.same_number(frame) for frame in takes.frames}
    index = {frame: position for position, frame in enumerate(readable)}
    cleans = np.stack(thumbnails)
    anchors = spread_out(takes.frames, _MOST_ANCHORS)
    seen = {frame: likeness(thumbnail(look.view), cleans) for frame, look in pictures.plates(anchors)}
    if not seen:
        return {frame: takes.same_number(frame) for frame in takes.frames}
    anchors, scores = tuple(seen), np.stack(list(seen.values()))
    path = best_path(scores)
    numbered = [row for row, frame in enumerate(anchors) if takes.same_number(frame) in index]
    if 2 * len(numbered) >= len(anchors):
        own = scores[numbered, [index[takes.same_number(anchors[row])] for row in numbered]]
        best = scores[numbered, [path[row] for row in numbered]]
        if np.mean(own / np.maximum(best, 1e-6)) >= _BY_NUMBER:
            return _by_number(takes, readable, note)
    chosen = interpolated(anchors, path, takes.frames)
    note(
        "the takes move differently in time: plate frames "
        f"{takes.frames[0]} to {takes.frames[-1]} were paired with clean frames "
        f"{readable[chosen[0]]} to {readable[chosen[-1]]} by what they show",
        False,
    )
    return {frame: readable[i] for frame, i in zip(takes.frames, chosen)}


def thumbnail(view: View) -> Array:
    """Reduce a picture to what pairing compares: its spectrum's phases.

    Parameters
    ----------
    view : View
        From `howard_nodes.plates.views.prepare`.

    Returns
    -------
    ndarray
        64 49 complex64.
    """
    encoded = cv2.resize(view.encoded, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA)
    high = encoded - cv2.GaussianBlur(encoded, (0, 0), 6)
    high /= np.sqrt(cv2.GaussianBlur(high * high, (0, 0), 6)) + 0.02
    window = np.outer(np.hanning(_HEIGHT + 2)[1:-1], np.hanning(_WIDTH + 2)[1:-1]).astype(np.float32)
    spectrum = torch.fft.rfft2(torch.from_numpy(high * np.sqrt(window))).numpy()
    return np.asarray(spectrum / (np.abs(spectrum) + 1.0), np.complex64)


def likeness(plate: Array, cleans: Array) -> Array:
    """Compare a frame with many.

    Parameters
    ----------
    plate : ndarray
        A `thumbnail`.
    cleans : ndarray
        N thumbnails.

    Returns
    -------
    ndarray
        N float32: the height of each comparison's peak, about 0 to 1, less the farther the picture has moved.
    """
    spectra = torch.from_numpy(cleans) * torch.from_numpy(plate).conj()
    # Fine detail does not survive a small turn or zoom.
    fy = torch.fft.fftfreq(_HEIGHT)[:, None]
    fx = torch.fft.rfftfreq(_WIDTH)[None]
    low = torch.exp(-0.5 * (fx * fx + fy * fy) / 0.15**2)
    surface = torch.fft.irfft2(spectra * low, s=(_HEIGHT, _WIDTH))
    surface = surface * (_HEIGHT * _WIDTH / float(low.sum() * 2))
    peaks, where = surface.flatten(1).max(dim=1)
    y, x = np.divmod(where.numpy(), _WIDTH)
    far = np.hypot(np.minimum(x, _WIDTH - x) / (_WIDTH / 2), np.minimum(y, _HEIGHT - y) / (_HEIGHT / 2))
    return np.asarray(peaks.numpy() * (1 - _SHIFT_COST * np.minimum(far, 1.0)), np.float32)


def best_path(scores: Array) -> tuple[int, ...]:
    """Find the pairing with the greatest sum that never goes back in time.

    Parameters
    ----------
    scores : ndarray
        P C: how well each clean frame fits each plate frame, both in order of time.

    Returns
    -------
    tuple of int
        For each plate frame the index of its clean frame; it may stay or jump ahead, never back.
    """
    plates, cleans = scores.shape
    total = np.zeros((plates, cleans), np.float64)
    came = np.zeros((plates, cleans), np.int64)
    slope = np.arange(cleans) / max(1, cleans - 1)
    for p in range(plates):
        even = -_PAUSE_COST * np.abs(slope - (p / (plates - 1) if plates > 1 else 0.5))
        total[p] = scores[p] + even
        if p:
            before = np.maximum.accumulate(total[p - 1])
            # Index of the first clean frame that reaches each running maximum.
            reached = np.where(total[p - 1] == before, np.arange(cleans), 0)
            came[p] = np.maximum.accumulate(reached)
            total[p] += before
    path = [int(np.argmax(total[-1]))]
    for p in range(plates - 1, 0, -1):
        path.append(int(came[p][path[-1]]))
    return tuple(reversed(path))


def interpolated(anchors: Sequence[int], path: Sequence[int], frames: Sequence[int]) -> tuple[int, ...]:
    """Spread a pairing of some plate frames over all of them, evenly in between.

    Parameters
    ----------
    anchors : sequence of int
        Plate frames that are paired, rising.
    path : sequence of int
        Index of each one's clean frame, from `best_path`.
    frames : sequence of int
        Plate frames to pair.

    Returns
    -------
    tuple of int
        Index of the clean frame for each of `frames`; beyond the anchors that of the nearest.
    """
    return tuple(round(value) for value in np.interp(frames, anchors, path))


def _by_number(takes: Takes, readable: list[int], note: Callable[[str, bool], None]) -> dict[int, int]:
    there = np.array(readable)
    pairs, missing = {}, []
    for frame in takes.frames:
        same = takes.same_number(frame)
        pairs[frame] = int(there[np.abs(there - same).argmin()])
        if pairs[frame] != same:
            missing.append(same)
    if missing:
        note(f"missing in the clean plate: {name_frames(missing)}; neighbouring frames are used", True)
    return pairs
