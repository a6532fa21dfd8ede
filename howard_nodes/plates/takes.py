"""The two takes of a shot, read at the size that is compared: plates one ahead, clean frames kept."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Container, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.errors import FrameError
from howard_nodes.plates.registration import IDENTITY
from howard_nodes.plates.views import View, prepare, reduced_size
from howard_nodes.plates.warp import warp

__all__ = ["Reduced", "ReducedTakes", "Takes", "resized", "spread_out"]

Array = NDArray[Any]

_LOOKS = 12  # clean frames kept


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
    covers : callable
        Gives where a frame of the plate is picture, H W, 1 or 0; None for everywhere.
    by_number : bool
        The clean frame of the same number was asked for, whatever the frames show.
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
    by_number: bool = False
    covers: Callable[[int], Array | None] = lambda _: None


@dataclass(frozen=True, eq=False)
class Reduced:
    """A picture at the size that is compared.

    Attributes
    ----------
    small : ndarray
        h w 3 float32, scene-linear.
    valid : ndarray, optional
        h w, 1 where there is a picture, else 0; None for everywhere.
    view : View
        As registration sees it.
    """

    small: Array
    valid: Array | None
    view: View

    def moved(self, homography: Array, flow: Array | None) -> tuple[Array, Array]:
        """Put a clean plate, small, on its plate by a motion in full pixels; and say where it is."""
        to_full = self.view.levels[0].to_full
        matrix = np.linalg.inv(to_full) @ homography @ to_full
        size = self.small.shape[1::-1]
        small_flow = None if flow is None else flow / np.float32(to_full[0, 0])
        if homography is IDENTITY and flow is None:
            moved, valid = self.small, np.ones(self.small.shape[:2], np.float32)
            matrix = IDENTITY
        else:
            moved, valid = warp(self.small, matrix, size, flow=small_flow)
        if self.valid is not None:
            share, _ = warp(self.valid[..., None], matrix, size, flow=small_flow)
            valid = valid * (share.reshape(valid.shape) > 0.99)
        return moved, valid.astype(np.float32)


class ReducedTakes:
    """Both takes at the size that is compared. At most a few frames of each are in memory.

    Parameters
    ----------
    takes : Takes
        Where they are read from.

    Attributes
    ----------
    takes : Takes
        The same.
    size : tuple of int
        Width and height of the shot's pictures, in full: of the first plate, until one is fitted.
    """

    def __init__(self, takes: Takes) -> None:
        self.takes = takes
        self.size = (0, 0)
        self._cleans: OrderedDict[int, Reduced] = OrderedDict()

    def plates(self, frames: Sequence[int]) -> Iterator[tuple[int, Reduced]]:
        """Read frames of the plate, one ahead."""
        yield from ((frame, look) for frame, look in self.plates_unless(frames, ()) if look is not None)

    def plates_unless(
        self, frames: Sequence[int], known: Container[int]
    ) -> Iterator[tuple[int, Reduced | None]]:
        """Read frames of the plate, one ahead; those that are known are not read, and come as None.

        Those that cannot be read fail later, where they are matted.
        """
        with ThreadPoolExecutor(1, "howard-fit") as pool:
            ahead: deque[tuple[int, Future[Reduced | None]]] = deque()
            for frame in frames:
                ahead.append((frame, pool.submit(self._plate_unless, frame, frame in known)))
                if len(ahead) > 1:
                    yield from _arrived(ahead.popleft())
            while ahead:
                yield from _arrived(ahead.popleft())

    def clean(self, frame: int) -> Reduced:
        """Read a frame of the clean plate; those asked for last are kept."""
        if frame not in self._cleans:
            self._cleans[frame] = self._look(*self.takes.clean(frame))
            while len(self._cleans) > _LOOKS:
                self._cleans.popitem(last=False)
        self._cleans.move_to_end(frame)
        return self._cleans[frame]

    def _plate_unless(self, frame: int, known: bool) -> Reduced | None:
        return None if known else self._plate(frame)

    def _plate(self, frame: int) -> Reduced:
        picture = self.takes.plate(frame)
        if self.size == (0, 0):
            self.size = (picture.shape[1], picture.shape[0])
        return self._look(picture, self.takes.covers(frame))

    def _look(self, picture: Array, valid: Array | None) -> Reduced:
        height, width = picture.shape[:2]
        size = reduced_size(width, height)
        small = (
            picture if size == (width, height) else cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        )
        if valid is not None:
            valid = (resized(valid, small.shape[:2]) > 0.99).astype(np.float32)
        return Reduced(small, valid, prepare(self.takes.to_rec709(small), (width, height)))


def spread_out(frames: Sequence[int], count: int) -> tuple[int, ...]:
    """Choose so many of the frames, evenly."""
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int))
    return tuple(frames[i] for i in chosen)


def resized(matte: Array, shape: tuple[int, ...]) -> Array:
    """Bring a matte to another size, float32."""
    matte = np.asarray(matte, np.float32)
    if matte.shape == tuple(shape):
        return matte
    method = cv2.INTER_AREA if matte.shape[0] > shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(matte, (shape[1], shape[0]), interpolation=method))


def _arrived(reading: tuple[int, Future[Reduced | None]]) -> Iterator[tuple[int, Reduced | None]]:
    frame, future = reading
    with suppress(FrameError):
        yield frame, future.result()
