"""What a shot comes in: numbered files, a still, or a movie, all used in one way."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol, runtime_checkable

from howard_nodes.errors import FrameError, InputError, UnsupportedError
from howard_nodes.frames.containers import is_movie
from howard_nodes.frames.frame import Frame
from howard_nodes.frames.movie import Movie
from howard_nodes.frames.sequence import Sequence, expected_frames, name_frames, parse_frames
from howard_nodes.system.files import long_path

__all__ = ["Footage", "absent", "check_readable", "choose_frames", "open_footage", "with_neighbours"]


@runtime_checkable
class Footage(Protocol):
    """Pictures by frame number. `Sequence`, `Movie` and `Narrowed` are such.

    Attributes
    ----------
    pattern : str
        As it was asked for.
    key : str
        All that decides which picture has which number, as far as it does not lie in the files.
    frames : tuple of int
        Frames that are there, sorted.
    is_still : bool
        True where one picture stands for every frame.
    """

    @property
    def pattern(self) -> str: ...  # noqa: D102

    @property
    def key(self) -> str: ...  # noqa: D102

    @property
    def frames(self) -> tuple[int, ...]: ...  # noqa: D102

    @property
    def is_still(self) -> bool: ...  # noqa: D102

    def path(self, frame: int) -> Path:
        """File of a frame, whether it is there or not."""
        ...

    def missing(self, frames: Iterable[int]) -> tuple[int, ...]:
        """Which of these frames are not there, sorted; a still misses none."""
        ...

    def select(self, frames: Iterable[int] | None = None) -> tuple[int, ...]:
        """Which of these frames are there, sorted; None asks for all."""
        ...

    def exists(self, frame: int) -> bool:
        """Whether a frame is there now."""
        ...

    def check(self, frame: int, *, layer: str | None = None) -> None:
        """Make sure without reading pixels that a frame can be read; a still is read. Raises `FrameError`."""
        ...

    def read(self, frame: int, *, layer: str | None = None) -> Frame:
        """Read one frame, its colour as it was stored. Raises `FrameError`."""
        ...

    def display_size(self, frame: int) -> tuple[int, int]:
        """Width and height of the picture as it is meant to be seen. Raises `FrameError`."""
        ...

    def layers(self, frame: int) -> tuple[str, ...]:
        """Names of layers, the main picture's is empty. Raises `FrameError`."""
        ...

    def has_layer(self, frame: int, layer: str) -> bool:
        """Whether `read` would find a layer. Raises `FrameError`."""
        ...

    def digest(self, frame: int) -> str:
        """Hash what a frame is made of: equal where its pixels, tags and header are. Raises `FrameError`."""
        ...

    def notes(self) -> tuple[str, ...]:
        """Tell what is worth telling once, in sentences that begin with the file's name."""
        ...


def open_footage(pattern: str | Path, start: int | str | None = None) -> Footage:
    """Find a shot: a sequence, a still or a movie.

    Parameters
    ----------
    pattern : str or Path
        As `Sequence.find` takes it, or a movie (`MOVIE_SUFFIXES`, or a file that begins as a movie does).
    start : int or str, optional
        Number of a movie's first frame, as `Movie` takes it; by default 1.

    Returns
    -------
    Sequence or Movie
        Frames of files have the numbers in their names.

    Raises
    ------
    InputError
        There is nothing, it cannot be read as a movie, or a start was given for what is none.
    """
    path = long_path(Path(pattern))
    if path.is_file() and is_movie(path):
        return Movie(pattern, 1 if start is None else start)
    found = Sequence.find(pattern)
    if start is not None:
        raise InputError(
            f"{pattern}: is not a movie: its frames are numbered by their names, leave out the start frame."
        )
    return found


def absent(footage: Footage, number: int, what: str, frame: int) -> FrameError:
    """Say that a frame is not there.

    Parameters
    ----------
    footage : Footage
        A take.
    number : int
        A frame of it for which `Footage.exists` is false.
    what : str
        What the take is: "plate", "clean plate".
    frame : int
        Frame of the plate that needs it.

    Returns
    -------
    FrameError
        Where the file itself is there, as of a movie or of a choice of frames, with the frames that it has.
    """
    path = footage.path(number)
    reason = f"only frames {name_frames(footage.frames)} are used" if path.exists() else "no such file"
    return FrameError(f"{reason}: this frame has no {what}.", path=path, frame=frame)


def check_readable(footage: Footage, frame: int, *, layer: str | None = None) -> None:
    """Make sure of one frame of a take before the others are computed with.

    Parameters
    ----------
    footage : Footage
        The take.
    frame : int
        One of its frames.
    layer : str, optional
        Layer that is to be read.

    Raises
    ------
    InputError
        A still cannot be read, or a frame is of a kind that is not read: then no frame can be computed.
        A frame that is damaged, or is not there, is told when it is its turn.
    """
    if not footage.exists(frame):
        return
    try:
        footage.check(frame, layer=layer)
    except UnsupportedError as error:
        raise InputError(str(error)) from error
    except FrameError as error:
        if footage.is_still:
            raise InputError(str(error)) from error


def choose_frames(footage: Footage, wanted: str | None) -> tuple[int, ...]:
    """List the frames asked for.

    Parameters
    ----------
    footage : Footage
        What there is.
    wanted : str or None
        As `howard_nodes.frames.parse_frames` takes it; None for all, those that a gap leaves out included.

    Returns
    -------
    tuple of int
        Rising, missing ones included.

    Raises
    ------
    InputError
        None of them is there.
    """
    frames = expected_frames(footage.frames) if wanted is None else parse_frames(wanted)
    if not footage.select(frames):
        have = name_frames(footage.frames)
        raise InputError(f"{footage.pattern}: has none of the frames {wanted}, only {have}.")
    return frames


def with_neighbours(footage: Footage, frames: tuple[int, ...], reach: int) -> tuple[int, ...]:
    """Add the frames before and after each, as far as they are there.

    Parameters
    ----------
    footage : Footage
        What there is. A still has no neighbours.
    frames : tuple of int
        Frames of it, missing ones included.
    reach : int
        How many before and after.

    Returns
    -------
    tuple of int
        Rising, those given included.
    """
    if not reach or footage.is_still:
        return frames
    near = {frame + step for frame in frames for step in range(-reach, reach + 1)}
    return tuple(sorted({*frames, *footage.select(near)}))
