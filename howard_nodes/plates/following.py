"""A camera followed through a take: each frame registered to a key frame, or to the one before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from howard_nodes.errors import FrameError
from howard_nodes.plates.corners import overlap, unit
from howard_nodes.plates.registration import Registration, View, prepare, register
from howard_nodes.plates.small_copies import SmallCopy, shrink

__all__ = ["follow_camera"]

Array = NDArray[Any]

_MOST = 48  # of these copies
_KEYS = 8  # frames that others are registered to
_OVERLAP = 0.87  # with its key frame, under which a frame is registered to a nearer one
_RIM = 0.2  # of width and height: where background is more likely than in the middle
_RIM_FITS = 0.9  # mean over its parts, 0 to 1, from which nothing else is tried
_RIM_TOLERANCE = 0.0008  # of the longer side: how far parts of the rim may be apart


def follow_camera(
    frames: Sequence[int],
    read: Callable[[int], Array],
    to_rec709: Callable[[Array], Array],
    tell: Callable[[str, int, int], None],
) -> tuple[dict[int, Array], list[SmallCopy], dict[int, str], tuple[int, int]]:
    """Find the motion of each frame, and keep small copies of some.

    Parameters
    ----------
    frames : sequence of int
        In the order of time.
    read : callable
        Frame number to H W 3, scene-linear; may raise `FrameError`.
    to_rec709 : callable
        The frames' light to linear Rec.709.
    tell : callable
        Told what is done, how many frames of how many.

    Returns
    -------
    motion : dict of int to ndarray
        3 3 for each frame that was registered: its coordinates to the first one's.
    small : list of SmallCopy
        Copies of some of these.
    untrusted : dict of int to str
        What failed, and why.
    size : tuple of int
        Width and height of a frame.
    """
    motion: dict[int, Array] = {}
    untrusted: dict[int, str] = {}
    small: list[SmallCopy] = []
    keys: list[tuple[View, Array]] = []
    last: tuple[View, Array] | None = None
    size = (0, 0)
    kept = {frames[int(i)] for i in np.linspace(0, len(frames) - 1, min(_MOST, len(frames))).round()}
    for number, frame in enumerate(frames):
        tell("register", number, len(frames))
        try:
            pixels = read(frame)
        except FrameError as error:
            untrusted[frame] = str(error)
            continue
        if last is None:
            size = (pixels.shape[1], pixels.shape[0])
        elif pixels.shape[1::-1] != size:
            untrusted[frame] = (
                f"it has {pixels.shape[1]}x{pixels.shape[0]} pixels, the others {size[0]}x{size[1]}"
            )
            continue
        view = prepare(to_rec709(pixels))
        if last is None:
            found: Array | str = np.eye(3)
            keys.append((view, np.eye(3)))
        else:
            found = _follow(view, keys, last)
        if isinstance(found, str):
            untrusted[frame] = found
            continue
        motion[frame] = found
        last = (view, found)
        if frame in kept:
            small.append(SmallCopy(frame, shrink(pixels).astype(np.float16)))
    tell("register", len(frames), len(frames))
    return motion, small, untrusted, size


def _follow(view: View, keys: list[tuple[View, Array]], last: tuple[View, Array]) -> Array | str:
    """Find a frame's motion to the first one: by the key frame it shares most with, or by the last."""
    overlaps = [overlap(np.linalg.inv(homography) @ last[1], view.size) for _, homography in keys]
    best = int(np.argmax(overlaps))
    if overlaps[best] < _OVERLAP:
        keys.append(last)
        if len(keys) > _KEYS:
            del keys[1]
        best = len(keys) - 1
    reason = ""
    for key, homography in [keys[best], last]:
        found = _registered(key, view, np.linalg.inv(homography) @ last[1])
        if found.trusted:
            return unit(homography @ found.homography)
        reason = reason or found.reason
    return reason


def _registered(key: View, view: View, initial: Array) -> Registration:
    """Register two frames, and not by their subject: of two motions, the one that fits the picture's rim.

    A camera that follows its subject has it in the same place in every frame, as most of the texture maybe.
    """
    found = register(key, view, initial=initial)
    score = _rim_score(found, key.size)
    if score > _RIM_FITS:
        return found
    width, height = key.size
    rim = np.ones((height, width), np.float32)
    rim[round(_RIM * height) :, round(_RIM * width) : round((1 - _RIM) * width)] = 0
    other = register(key, view, background=rim, initial=initial)
    return other if _rim_score(other, key.size) > score else found


def _rim_score(found: Registration, size: tuple[int, int]) -> float:
    """How well the textured tiles at the sides and the top fit, 0 to 1."""
    seen = found.agreement
    if seen is None or not found.trusted:
        return 0.0
    rows, cols = seen.textured.shape
    left, top = max(1, round(_RIM * cols)), max(1, round(_RIM * rows))
    rim = np.ones((rows, cols), bool)
    rim[top:, left : cols - left] = False
    fits = seen.alike * np.exp(-0.5 * np.square(seen.shift).sum(-1) / (_RIM_TOLERANCE * max(size)) ** 2)
    textured = seen.textured & rim
    return float(fits[textured].mean()) if textured.sum() >= 4 else 0.0
