"""A clean plate made of the take itself: what the subject uncovers in some frame is known in all of them.

The frames are read three times, one at a time: to register them and keep small copies; to put together a
first plate of the frames that show background (see `howard_nodes.plates.background`); and to average every
frame into it where the subject's matte and the first plate both say background. Memory does not grow with the
number of frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.errors import FrameError, InputError
from howard_nodes.plates.background import Background, find_background, stabilise
from howard_nodes.plates.fill import fill_holes
from howard_nodes.plates.photometric import match_exposure
from howard_nodes.plates.registration import Registration, View, prepare, refine, register

__all__ = ["LEAST_FRAMES", "BuiltPlate", "build_plate"]

Array = NDArray[Any]
Read = Callable[[int], Array]
Matte = Callable[[Array, Array, Array], Array]
Progress = Callable[[str, int, int], None]

LEAST_FRAMES = 3
"""Fewer frames cannot say what is background."""

_SMALL = 480  # longer side of the copies in which the background is found
_MOST = 48  # of these copies
_BYTES_A_PIXEL = 72  # of the canvas, while frames are averaged
_KEYS = 8  # frames that others are registered to
_OVERLAP = 0.87  # with its key frame, under which a frame is registered to a nearer one
_RIM = 0.2  # of width and height: where background is more likely than in the middle
_RIM_FITS = 0.9  # mean over its parts, 0 to 1, from which nothing else is tried
_RIM_TOLERANCE = 0.0008  # of the longer side: how far parts of the rim may be apart
_STATIC = 0.1  # pixels: a camera that moves less stands
_SETTLED = 0.05  # pixels, or stops, of a round that changes nothing
_MOST_STEP = 0.08  # of the longer side, of a fit to the plate found so far
_MOST_CORRECTION = 3.0  # pixels, of a registration to the first plate
_DILATION = 0.006  # of the frame's longer side: soft edges that the coarse matte misses


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
                f"frame {frame} is none of the {len(self.homographies)} the plate was built from"
            )
        clean, valid = _seen_from(self.canvas, self.seen, self.homographies[frame], self.size)
        gain = self.gains[frame]
        return (clean if np.all(gain == 1.0) else clean * gain.astype(np.float32)), valid

    def still(self) -> tuple[Array, Array]:
        """Return the clean plate as `view` gives it for the reference frame."""
        return self.view(self.reference)

    def __str__(self) -> str:
        used = len(self.homographies) - len(self.untrusted)
        words = [f"clean plate of {used} frames, camera {'still' if self.static else 'moving'}"]
        if self.unseen_box is not None:
            x, y, width, height = self.unseen_box
            words.append(
                f"{100 * self.share_unseen:.1f} % was never uncovered, within {width}x{height} pixels "
                f"at {x}, {y} of frame {self.reference}"
            )
        if self.untrusted:
            words.append(f"{len(self.untrusted)} frames could not be used")
        if self.cut:
            words.append("the camera saw more than fits in memory: the rest is left out")
        return "; ".join(words)


@dataclass(frozen=True)
class _Small:
    """A small copy of a frame: its light in half precision."""

    frame: int
    light: Array


@dataclass(frozen=True)
class _Canvas:
    """A rectangle in the reference frame's pixels."""

    x: int
    y: int
    width: int
    height: int
    cut: bool

    @property
    def from_reference(self) -> Array:
        return np.array([[1.0, 0, -self.x], [0, 1.0, -self.y], [0, 0, 1.0]])


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
    motion, small, untrusted, size = _register_all(frames, read, to_rec709, tell)
    if len(motion) < LEAST_FRAMES:
        reason = next(iter(untrusted.values()), "")
        raise InputError(f"only {len(motion)} of {len(frames)} frames can be registered ({reason})")
    moves = [_moves(homography, size) for homography in motion.values()]
    static = bool(np.quantile(moves, 0.5) < _STATIC and np.quantile(moves, 0.9) < 3 * _STATIC)
    if static:
        motion = dict.fromkeys(motion, np.eye(3))
    reference = _most_central(motion, size)
    to_reference = np.linalg.inv(motion[reference])
    motion = {frame: _unit(to_reference @ homography) for frame, homography in motion.items()}
    canvas = _outline(motion, size, memory)
    homographies = {
        frame: _unit(np.linalg.inv(canvas.from_reference @ homography))
        for frame, homography in motion.items()
    }
    small = [one for one in small if one.frame in motion]
    gains = _small_gains(small, motion, reference, size)
    first, weight, seen = _first_plate(
        small, homographies, gains, read, canvas, size, to_rec709, static, memory, tell
    )
    plate, homographies, gains = _average(
        [frame for frame in frames if frame in motion],
        read, subject, to_rec709, first, weight, seen, homographies, gains, static, size, tell,
    )  # fmt: skip
    for frame in frames:
        if frame not in homographies:
            nearest = min(motion, key=lambda other: abs(other - frame))
            homographies[frame], gains[frame] = homographies[nearest], gains[nearest]
            untrusted.setdefault(frame, "it could not be read a second time")
    looked_at = _looked_at(homographies, canvas, size)
    unseen = looked_at & (seen < 0.5)
    share = float(unseen.sum() / max(1, looked_at.sum()))
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
    )


# ---- registration


def _register_all(
    frames: Sequence[int], read: Read, to_rec709: Callable[[Array], Array], tell: Progress
) -> tuple[dict[int, Array], list[_Small], dict[int, str], tuple[int, int]]:
    """Motion of each frame to the first one's coordinates, small copies, what failed and why, the size."""
    motion: dict[int, Array] = {}
    untrusted: dict[int, str] = {}
    small: list[_Small] = []
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
            small.append(_Small(frame, _shrink(pixels).astype(np.float16)))
    tell("register", len(frames), len(frames))
    return motion, small, untrusted, size


def _follow(view: View, keys: list[tuple[View, Array]], last: tuple[View, Array]) -> Array | str:
    """Find a frame's motion to the first one: by the key frame it shares most with, or by the last."""
    overlaps = [_overlap(np.linalg.inv(homography) @ last[1], view.size) for _, homography in keys]
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
            return _unit(homography @ found.homography)
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


def _unit(homography: Array) -> Array:
    return homography / homography[2, 2]


def _corners(homography: Array, size: tuple[int, int]) -> Array:
    width, height = size
    corners = np.array([[[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]], np.float64)
    return np.asarray(cv2.perspectiveTransform(corners, homography)[0])


def _moves(homography: Array, size: tuple[int, int]) -> float:
    """How far, in pixels, it moves a corner at most."""
    return float(np.abs(_corners(homography, size) - _corners(np.eye(3), size)).max())


def _overlap(homography: Array, size: tuple[int, int]) -> float:
    moved, still = (_corners(h, size).astype(np.float32) for h in (homography, np.eye(3)))
    area, _ = cv2.intersectConvexConvex(moved, still)
    return float(area) / (size[0] * size[1])


def _most_central(motion: dict[int, Array], size: tuple[int, int]) -> int:
    """Find the frame that is nearest to all: the canvas then keeps its sharpness where most is seen."""
    frames = list(motion)
    centres = np.array([_corners(motion[frame], size).mean(0) for frame in frames])
    distance = np.hypot(*(centres - (centres.min(0) + centres.max(0)) / 2).T)
    # Of frames that are as good, the middle one.
    middle = np.abs(np.arange(len(frames)) - (len(frames) - 1) / 2) / len(frames)
    return frames[int(np.argmin(distance + middle))]


def _outline(motion: dict[int, Array], size: tuple[int, int], memory: float) -> _Canvas:
    corners = np.concatenate([_corners(homography, size) for homography in motion.values()])
    low, high = np.floor(corners.min(0) + 1e-6).astype(int), np.ceil(corners.max(0) - 1e-6).astype(int)
    most = max(1.5 * size[0] * size[1], memory / _BYTES_A_PIXEL)
    cut = False
    while (high[0] - low[0] + 1) * (high[1] - low[1] + 1) > most:
        # From the side that reaches farthest out of the reference frame.
        out = np.concatenate([-low, high - np.array(size) + 1])
        side = int(np.argmax(out))
        step = max(1, int(0.05 * out[side]))
        if side < 2:
            low[side] += step
        else:
            high[side - 2] -= step
        cut = True
    return _Canvas(int(low[0]), int(low[1]), int(high[0] - low[0] + 1), int(high[1] - low[1] + 1), cut)


# ---- the small copies


def _scale(size: tuple[int, int]) -> tuple[Array, tuple[int, int]]:
    """From a picture's pixels to its small copy's, and the copy's size."""
    factor = min(1.0, _SMALL / max(size))
    small = (max(1, round(size[0] * factor)), max(1, round(size[1] * factor)))
    fx, fy = small[0] / size[0], small[1] / size[1]
    return np.array([[fx, 0, (fx - 1) / 2], [0, fy, (fy - 1) / 2], [0, 0, 1.0]]), small


def _shrink(pixels: Array) -> Array:
    size = (pixels.shape[1], pixels.shape[0])
    _, small = _scale(size)
    light = np.clip(pixels, -60000, 60000)
    return np.asarray(light if small == size else cv2.resize(light, small, interpolation=cv2.INTER_AREA))


def _small_gains(
    small: list[_Small], motion: dict[int, Array], reference: int, size: tuple[int, int]
) -> dict[int, Array]:
    """Gain of each small copy's frame against the reference, found outwards from it."""
    scale, small_size = _scale(size)
    frames = [one.frame for one in small]
    start = min(range(len(frames)), key=lambda i: abs(frames[i] - reference))
    gains: dict[int, Array] = {frames[start]: np.ones(3)}
    for order in (range(start + 1, len(small)), range(start - 1, -1, -1)):
        before = start
        for i in order:
            for other in (start, before):
                between = (
                    scale @ np.linalg.inv(motion[frames[other]]) @ motion[frames[i]] @ np.linalg.inv(scale)
                )
                moved, valid = _move(small[i].light.astype(np.float32), between, small_size)
                if other == start and before != start and valid.mean() < 0.5:
                    continue
                match = match_exposure(moved, small[other].light.astype(np.float32), valid, field=False)
                if match.trusted:
                    gains[frames[i]] = gains[frames[other]] * np.asarray(match.gain)
                    break
            gains.setdefault(frames[i], gains[frames[before]])
            before = i
    return gains


def _first_plate(
    small: list[_Small],
    homographies: dict[int, Array],
    gains: dict[int, Array],
    read: Read,
    canvas: _Canvas,
    size: tuple[int, int],
    to_rec709: Callable[[Array], Array],
    static: bool,
    memory: float,
    tell: Progress,
) -> tuple[Array, Array, Array]:
    """Put together a plate of the frames with small copies: light, weight and seen, on the canvas."""
    full = (canvas.width, canvas.height)
    scale, _ = _scale(size)
    factor = float(scale[0, 0])
    pixels = full[0] * full[1] * factor**2
    factor *= min(1.0, (memory / 200 / len(small) / pixels) ** 0.5)
    shape = (max(8, round(full[0] * factor)), max(8, round(full[1] * factor)))
    to_small = np.diag([shape[0] / full[0], shape[1] / full[1], 1.0])
    to_small[:2, 2] = (to_small[0, 0] - 1) / 2, (to_small[1, 1] - 1) / 2
    for last in (False, False, True):
        stack, valid = [], []
        for one in small:
            moved = to_small @ np.linalg.inv(homographies[one.frame]) @ np.linalg.inv(scale)
            light, covers = _move(one.light / gains[one.frame].astype(np.float32), moved, shape)
            stack.append(light)
            valid.append(covers)
        found = find_background(np.stack(stack), np.stack(valid))
        del stack, valid
        if (
            last
            or _fit_small(small, found, homographies, gains, scale, to_small, to_rec709, static) < _SETTLED
        ):
            break
    total = np.zeros((full[1], full[0], 3), np.float32)
    weight = np.zeros((full[1], full[0]), np.float32)
    for number, one in enumerate(small):
        tell("compare", number, len(small))
        light, covers = _move(read(one.frame), np.linalg.inv(homographies[one.frame]), full)
        shows = cv2.resize(cv2.erode(found.shows[number], np.ones((3, 3), np.uint8)), full)
        covers = covers * np.maximum(shows, 0.02 * cv2.resize(found.shows[number], full))
        total += light * (covers[..., None] / gains[one.frame].astype(np.float32))
        weight += covers
    tell("compare", len(small), len(small))
    rough = cv2.resize(found.light, full, interpolation=cv2.INTER_CUBIC)
    plate = np.where((weight > 1e-3)[..., None], total / np.maximum(weight, 1e-3)[..., None], rough)
    seen = cv2.resize(found.seen, full, interpolation=cv2.INTER_LINEAR) > 0.5
    seen &= weight > 1e-3
    return plate.astype(np.float32), weight, seen.astype(np.float32)


def _fit_small(
    small: list[_Small],
    found: Background,
    homographies: dict[int, Array],
    gains: dict[int, Array],
    scale: Array,
    to_small: Array,
    to_rec709: Callable[[Array], Array],
    static: bool,
) -> float:
    """Fit the plate found so far to each small copy; motion and gain are updated.

    A plate without the subject says more about a frame's motion than another frame with the subject. Returns
    how far, in pixels of the small copies, the farthest but a few moved.
    """
    plate = fill_holes(found.light, found.seen)
    steps = []
    for number, one in enumerate(small):
        light = one.light.astype(np.float32)
        size = (light.shape[1], light.shape[0])
        to_frame = scale @ homographies[one.frame] @ np.linalg.inv(to_small)
        gain = gains[one.frame].astype(np.float32)
        clean, valid = _seen_from(plate, found.seen, to_frame, size)
        shows = np.clip(_move(found.shows[number], to_frame, size)[0], 0, 1) * valid
        clean = clean * gain
        if not static:
            correction = register(
                prepare(to_rec709(light)), prepare(to_rec709(clean)), background=valid, initial=np.eye(3)
            )
            step = _moves(correction.homography, size)
            if correction.trusted and step < _MOST_STEP * max(size):
                full = np.linalg.inv(scale) @ correction.homography @ scale
                homographies[one.frame] = _unit(full @ homographies[one.frame])
                steps.append(step)
                clean, _ = _move(clean, correction.homography, size)
        match = match_exposure(light, clean, shows, field=False)
        if match.trusted:
            gains[one.frame] = gains[one.frame] * np.asarray(match.gain)
            steps.append(float(np.abs(np.log2(match.gain)).max()))
    return float(np.quantile(steps, 0.9)) if steps else 0.0


# ---- averaging


def _move(picture: Array, homography: Array, size: tuple[int, int]) -> tuple[Array, Array]:
    """Move a picture as `howard_nodes.plates.warp.warp` does, but sharper, and say where it has pixels.

    Every pixel of the plate is resampled twice, to the canvas and to a frame. With cubic interpolation that
    costs 6 dB more than with Lanczos.
    """
    rows, cols = picture.shape[:2]
    inverse = np.linalg.inv(homography)
    if np.array_equal(homography, np.eye(3)) and (cols, rows) == size:
        return picture, np.ones((rows, cols), np.float32)
    moved = cv2.warpPerspective(
        np.ascontiguousarray(picture, np.float32),
        inverse,
        size,
        flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    if moved.min() < 0.0 <= picture.min():
        np.maximum(moved, 0.0, out=moved)
    x = np.arange(size[0], dtype=np.float32)[None]
    y = np.arange(size[1], dtype=np.float32)[:, None]
    a = _unit(inverse).astype(np.float32)
    depth = a[2, 0] * x + a[2, 1] * y + 1.0
    u, v = a[0, 0] * x + a[0, 1] * y + a[0, 2], a[1, 0] * x + a[1, 1] * y + a[1, 2]
    inside = (
        (u >= -0.5 * depth) & (u <= (cols - 0.5) * depth) & (v >= -0.5 * depth) & (v <= (rows - 0.5) * depth)
    )
    return moved, inside.astype(np.float32)


def _seen_from(canvas: Array, seen: Array, homography: Array, size: tuple[int, int]) -> tuple[Array, Array]:
    both, covers = _move(np.dstack([canvas, seen]), homography, size)
    if both.shape[:2] == canvas.shape[:2] and np.array_equal(homography, np.eye(3)):
        return np.ascontiguousarray(both[..., :3]), seen * covers
    return np.ascontiguousarray(both[..., :3]), covers * (both[..., 3] > 0.98).astype(np.float32)


def _average(
    frames: list[int],
    read: Read,
    subject: Matte | None,
    to_rec709: Callable[[Array], Array],
    first: Array,
    first_weight: Array,
    seen: Array,
    homographies: dict[int, Array],
    gains: dict[int, Array],
    static: bool,
    size: tuple[int, int],
    tell: Progress,
) -> tuple[Array, dict[int, Array], dict[int, Array]]:
    """Average all frames into the first plate where they show background; make motion and gain exact."""
    full = (first.shape[1], first.shape[0])
    filled = fill_holes(first, seen)
    reference = stabilise(filled)
    tolerance = _tolerance(reference)
    total, weight = np.zeros_like(first), np.zeros_like(seen)
    exact: dict[int, Array] = {}
    exact_gains: dict[int, Array] = {}
    gain = np.ones(3)
    radius = 2 * max(1, round(_DILATION * max(size))) + 1
    for number, frame in enumerate(frames):
        tell("average", number, len(frames))
        try:
            pixels = read(frame)
        except FrameError:
            continue
        gain = gains.get(frame, gain)
        clean, valid = _seen_from(filled, seen, homographies[frame], size)
        clean = clean * gain.astype(np.float32)
        matte = np.zeros_like(valid) if subject is None else subject(pixels, clean, valid)
        if matte.shape != valid.shape:
            matte = cv2.resize(matte, size, interpolation=cv2.INTER_LINEAR)
        background = (1 - cv2.dilate(matte, np.ones((radius, radius), np.uint8))) * valid
        homography = homographies[frame]
        if not static:
            correction = refine(prepare(to_rec709(pixels)), prepare(to_rec709(clean)), np.eye(3), background)
            if correction.trusted and _moves(correction.homography, size) < _MOST_CORRECTION:
                homography = _unit(correction.homography @ homography)
                clean, valid = _seen_from(filled, seen, homography, size)
                clean = clean * gain.astype(np.float32)
        match = match_exposure(_shrink(pixels), _shrink(clean), _shrink(background), field=False)
        if match.trusted:
            gain = gain * np.asarray(match.gain)
        exact[frame], exact_gains[frame] = homography, gain
        back = np.linalg.inv(homography)
        light, covers = _move(np.dstack([pixels / gain.astype(np.float32), background]), back, full)
        distance = cv2.blur(np.square(stabilise(light[..., :3]) - reference).mean(-1), (3, 3))
        share = np.clip(light[..., 3], 0, 1) ** 2 * covers * np.exp(-0.5 * distance / tolerance)
        total += light[..., :3] * share[..., None]
        weight += share
    tell("average", len(frames), len(frames))
    # Where no frame agrees with the first plate, the first plate stands.
    least = 0.05
    prior = least * np.minimum(first_weight, 1) + 1e-6
    plate = (total + first * prior[..., None]) / (weight + prior)[..., None]
    return plate.astype(np.float32), exact, exact_gains


def _tolerance(reference: Array) -> Array:
    """How far, mean square, stabilised light may be from the first plate and still be background."""
    gx = cv2.Sobel(reference, cv2.CV_32F, 1, 0, scale=1 / 8)
    gy = cv2.Sobel(reference, cv2.CV_32F, 0, 1, scale=1 / 8)
    slope = cv2.blur(np.square(gx).mean(-1) + np.square(gy).mean(-1), (3, 3))
    return np.asarray(0.015**2 + 0.15**2 * slope, np.float32)


def _looked_at(homographies: dict[int, Array], canvas: _Canvas, size: tuple[int, int]) -> Array:
    """Mark what any frame covers, h w bool."""
    out = np.zeros((canvas.height, canvas.width), np.uint8)
    for homography in homographies.values():
        corners = _corners(np.linalg.inv(homography), size)
        cv2.fillConvexPoly(out, np.round(corners).astype(np.int32), 1)
    return out > 0
