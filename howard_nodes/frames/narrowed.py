"""Some frames of a take, used as if there were no others."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from howard_nodes.errors import FrameError, InputError
from howard_nodes.frames.frame import Frame
from howard_nodes.frames.sequence import format_frames, parse_frames

if TYPE_CHECKING:
    from howard_nodes.frames.footage import Footage

__all__ = ["Narrowed"]


class Narrowed:
    """A `Footage` of which only some frames are there; a single one stands for every frame.

    Parameters
    ----------
    footage : Footage
        A sequence or a movie.
    wanted : str
        Frames of it, as `parse_frames` takes them; those it does not have are left out.

    Attributes
    ----------
    pattern, frames, is_still
        As of any `Footage`.

    Raises
    ------
    InputError
        It has none of them, or is a single image.
    """

    def __init__(self, footage: Footage, wanted: str) -> None:
        if footage.is_still:
            raise InputError(
                f"{footage.pattern}: is a single image; leave out the choice of frames {wanted}."
            )
        self._footage = footage
        self.pattern = footage.pattern
        self.frames = footage.select(parse_frames(wanted))
        if not self.frames:
            have = format_frames(footage.frames)
            raise InputError(f"{footage.pattern}: has none of the frames {wanted}, only {have}.")
        self.is_still = len(self.frames) == 1

    @property
    def key(self) -> str:
        """Key of the whole, and which frames of it."""
        return f"{self._footage.key} {format_frames(self.frames)}"

    def path(self, frame: int) -> Path:
        """File of a frame, whether it is there or not."""
        return self._footage.path(self._number(frame))

    def missing(self, frames: Iterable[int]) -> tuple[int, ...]:
        """Which of these frames are not there, sorted; a single one misses none."""
        return () if self.is_still else tuple(sorted(set(frames) - set(self.frames)))

    def select(self, frames: Iterable[int] | None = None) -> tuple[int, ...]:
        """Which of these frames are there, sorted; None asks for all."""
        if frames is None:
            return self.frames
        wanted = set(frames)
        return tuple(sorted(wanted if self.is_still else wanted & set(self.frames)))

    def exists(self, frame: int) -> bool:
        """Whether a frame is there now."""
        number = self._number(frame)
        return number in self.frames and self._footage.exists(number)

    def check(self, frame: int, *, layer: str | None = None) -> None:
        """Make sure that a frame can be read. Raises `FrameError`."""
        self._footage.check(self._there(frame), layer=layer)

    def read(self, frame: int, *, layer: str | None = None) -> Frame:
        """Read one frame. Raises `FrameError`."""
        return self._footage.read(self._there(frame), layer=layer)

    def display_size(self, frame: int) -> tuple[int, int]:
        """Width and height of the picture as it is meant to be seen. Raises `FrameError`."""
        return self._footage.display_size(self._there(frame))

    def layers(self, frame: int) -> tuple[str, ...]:
        """Names of layers. Raises `FrameError`."""
        return self._footage.layers(self._there(frame))

    def has_layer(self, frame: int, layer: str) -> bool:
        """Whether `read` would find a layer. Raises `FrameError`."""
        return self._footage.has_layer(self._there(frame), layer)

    def digest(self, frame: int) -> str:
        """Hash what a frame is made of. Raises `FrameError`."""
        return self._footage.digest(self._there(frame))

    def notes(self) -> tuple[str, ...]:
        """Tell what is worth telling of the whole."""
        return self._footage.notes()

    def _number(self, frame: int) -> int:
        return self.frames[0] if self.is_still else frame

    def _there(self, frame: int) -> int:
        number = self._number(frame)
        if number not in self.frames:
            have = format_frames(self.frames)
            raise FrameError(f"is not among the frames {have}", path=self.path(frame), frame=frame)
        return number
