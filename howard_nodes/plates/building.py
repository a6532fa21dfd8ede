"""A clean plate made of the take itself: what the subject uncovers in some frame is known in all of them.

The frames are read three times, one at a time: to register them and keep small copies; to put together a
first plate of the frames that show background (see `howard_nodes.plates.background`); and to average every
frame into it where the subject's matte and the first plate both say background. Memory does not grow with the
number of frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.errors import InputError
from howard_nodes.plates.averaging import average
from howard_nodes.plates.canvas import looked_at, most_central, outline, seen_from
from howard_nodes.plates.corners import farthest, unit
from howard_nodes.plates.fill import fill_holes
from howard_nodes.plates.first_plate import first_plate
from howard_nodes.plates.fit import Verdict
from howard_nodes.plates.following import follow_camera
from howard_nodes.plates.small_copies import small_gains, without_repeats

__all__ = ["LEAST_FRAMES", "BuiltPlate", "build_plate"]

Array = NDArray[Any]
Read = Callable[[int], Array]
Matte = Callable[[Array, Array, Array], Array]
Progress = Callable[[str, int, int], None]

LEAST_FRAMES = 3
"""Fewer frames cannot say what is background."""

_STATIC = 0.1  # pixels: a camera that moves less stands


@dataclass(frozen=True)
class BuiltPlate:
    """A clean plate for every frame of the take it was built from.

    Attributes
    ----------
    canvas : ndarray
        h w 3 float32, the frames' linear light, in the reference frame's exposure; all that the camera saw.
        Where the background was never seen it is filled from around.
    seen : ndarray
        h w float32: 1 where the background was seen, else 0.
    origin : tuple of int
        Where the canvas' first pixel lies in the reference frame: x, y.
    size : tuple of int
        Width and height of a frame.
    homographies : dict
        3 3 float64 for each frame, canvas to frame.
    gains : dict
        Three floats for each frame: its light divided by the reference frame's.
    reference : int
        The frame whose geometry and exposure the canvas has.
    untrusted : dict
        Frames that took no part, and why. They are seen like the frame next to them.
    share_unseen : float
        Share of what the camera saw in which the background was never seen.
    unseen_box : tuple of int, or None
        The part concerned, in pixels of the reference frame: x, y, width, height.
    static : bool
        Whether the camera stood still.
    cut : bool
        Whether the camera saw more than memory allowed to keep.
    stays : bool
        Whether what moves never moves away: it hides most of what it ever hid in all frames.
    unmoving : bool
        Whether nothing moves: whoever stands there is in the clean plate.
    """

    canvas: Array
    seen: Array
    origin: tuple[int, int]
    size: tuple[int, int]
    homographies: dict[int, Array]
    gains: dict[int, Array]
    reference: int
    untrusted: dict[int, str]
    share_unseen: float
    unseen_box: tuple[int, int, int, int] | None
    static: bool
    cut: bool
    stays: bool = False
    unmoving: bool = False

    @property
    def verdict(self) -> Verdict:
        """What is thought of it: as of a fit."""
        if self.stays:
            return "failed"
        doubtful = self.unseen_box is not None or self.unmoving or self.cut or self.untrusted
        return "doubtful" if doubtful else "good"

    def view(self, frame: int) -> tuple[Array, Array]:
        """Return the clean plate as the camera saw it in a frame, in that frame's exposure.

        Parameters
        ----------
        frame : int
            One of the frames it was built from.

        Returns
        -------
        clean : ndarray
            H W 3 float32, linear.
        valid : ndarray
            H W float32: 1 where it is background that was seen.

        Raises
        ------
        InputError
            For another frame.
        """
        if frame not in self.homographies:
            raise InputError(
                f"frame {frame} is not one of the {len(self.homographies)} the clean plate was built from"
            )
        clean, valid = seen_from(self.canvas, self.seen, self.homographies[frame], self.size)
        gain = self.gains[frame]
        return (clean if np.all(gain == 1.0) else clean * gain.astype(np.float32)), valid

    def still(self) -> tuple[Array, Array]:
        """Return the clean plate as `view` gives it for the reference frame."""
        return self.view(self.reference)

    def beside(self, down: tuple[int, int], across: tuple[int, int]) -> BuiltPlate:
        """Put the frames back into larger ones that they were cut out of.

        Parameters
        ----------
        down, across : tuple of two ints
            Pixels before and behind them: bars. What other frames show there is clean plate.

        Returns
        -------
        BuiltPlate
            Its views and boxes are of the larger frames.
        """
        (x, y), (width, height) = (across[0], down[0]), self.size
        size = (width + sum(across), height + sum(down))
        shift = np.array([[1.0, 0, x], [0, 1.0, y], [0, 0, 1.0]])
        box = self.unseen_box
        return replace(
            self,
            size=size,
            origin=(self.origin[0] + x, self.origin[1] + y),
            homographies={frame: unit(shift @ known) for frame, known in self.homographies.items()},
            unseen_box=None if box is None else (box[0] + x, box[1] + y, *box[2:]),
        )

    def __str__(self) -> str:
        used = len(self.homographies) - len(self.untrusted)
        words = [f"clean plate of {used} frames, camera {'still' if self.static else 'moving'}"]
        if self.stays:
            words.insert(0, "failed: the subject never moves away, or something else moves all the time")
        if self.unmoving:
            words.append("nothing moves in these frames: whoever stands there is in the clean plate")
        if self.unseen_box is not None:
            x, y, width, height = self.unseen_box
            words.append(
                f"{100 * self.share_unseen:.1f} % was never uncovered, within {width}x{height} pixels "
                f"at {x}, {y} of frame {self.reference}"
            )
        if self.untrusted:
            words.append(f"{len(self.untrusted)} frames could not be used")
        if self.cut:
            words.append("the camera move is too large for memory: the rest is left out")
        return "; ".join(words)


def build_plate(
    frames: Sequence[int],
    read: Read,
    subject: Matte | None = None,
    *,
    to_rec709: Callable[[Array], Array] = lambda pixels: pixels,
    on_progress: Progress | None = None,
    memory: float = 1.5e9,
) -> BuiltPlate:
    """Build a clean plate from a take.

    Parameters
    ----------
    frames : sequence of int
        Their numbers, in the order of time.
    read : callable
        Frame number to H W 3 float32, scene-linear. Each frame is read two or three times, in order. It may
        raise `FrameError`: the frame is then left out.
    subject : callable, optional
        Plate, clean plate (H W 3 linear both) and the clean plate's validity (H W) to the subject's coarse
        matte, 0 to 1, of the same or a lower resolution. Without it, only differences tell what is subject.
    to_rec709 : callable
        The frames' light to linear Rec.709, for registration.
    on_progress : callable, optional
        Called with what is done ("register", "compare", "average"), how many frames of how many.
    memory : float
        Bytes to use at most, apart from `read` and `subject`; it bounds the canvas and the pictures compared.

    Returns
    -------
    BuiltPlate
        With what was never seen marked.

    Raises
    ------
    InputError
        With fewer than three frames, or where fewer than three can be registered.
    """
    if len(frames) < LEAST_FRAMES:
        raise InputError(
            f"a clean plate cannot be built from {len(frames)} frame{'s' * (len(frames) != 1)}: "
            f"at least {LEAST_FRAMES} are needed, in which the subject moves"
        )
    tell = on_progress or (lambda _what, _done, _total: None)
    motion, small, untrusted, size = follow_camera(frames, read, to_rec709, tell)
    if len(motion) < LEAST_FRAMES:
        reason = next(iter(untrusted.values()), "")
        raise InputError(f"only {len(motion)} of {len(frames)} frames can be registered ({reason})")
    moves = [farthest(homography, size) for homography in motion.values()]
    static = bool(np.quantile(moves, 0.5) < _STATIC and np.quantile(moves, 0.9) < 3 * _STATIC)
    if static:
        motion = dict.fromkeys(motion, np.eye(3))
    reference = most_central(motion, size)
    to_reference = np.linalg.inv(motion[reference])
    motion = {frame: unit(to_reference @ homography) for frame, homography in motion.items()}
    canvas = outline(motion, size, memory)
    homographies = {
        frame: unit(np.linalg.inv(canvas.from_reference @ homography)) for frame, homography in motion.items()
    }
    small = without_repeats([one for one in small if one.frame in motion])
    if len(small) < LEAST_FRAMES:
        raise InputError(
            f"of {len(frames)} frames only {len(small)} differ{'s' * (len(small) == 1)}, the others repeat: "
            f"at least {LEAST_FRAMES} are needed, in which the subject moves"
        )
    gains = small_gains(small, motion, reference, size)
    first, weight, seen, stays = first_plate(
        small, homographies, gains, read, canvas, size, to_rec709, static, memory, tell
    )
    plate, homographies, gains = average(
        [frame for frame in frames if frame in motion],
        read, subject, to_rec709, first, weight, seen, homographies, gains, static, size, tell,
    )  # fmt: skip
    for frame in frames:
        if frame not in homographies:
            nearest = min(motion, key=lambda other: abs(other - frame))
            homographies[frame], gains[frame] = homographies[nearest], gains[nearest]
            untrusted.setdefault(frame, "it could not be read a second time")
    covered = looked_at(homographies, canvas, size)
    unseen = covered & (seen < 0.5)
    share = float(unseen.sum() / max(1, covered.sum()))
    x, y, width, height = cv2.boundingRect(unseen.astype(np.uint8))
    return BuiltPlate(
        canvas=fill_holes(plate, seen),
        seen=seen,
        origin=(canvas.x, canvas.y),
        size=size,
        homographies=homographies,
        gains=gains,
        reference=reference,
        untrusted=untrusted,
        share_unseen=share,
        unseen_box=(x + canvas.x, y + canvas.y, width, height) if unseen.any() else None,
        static=static,
        cut=canvas.cut,
        stays=stays.area is not None,
        unmoving=stays.unmoving,
    )
