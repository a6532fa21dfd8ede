"""Sequences of numbered files, and lists of frames as people write them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from math import gcd
from pathlib import Path

import fileseq

from howard_nodes.errors import FrameError, InputError
from howard_nodes.frames.digests import file_digest
from howard_nodes.frames.frame import Frame
from howard_nodes.frames.limits import MAX_FRAMES
from howard_nodes.frames.reading import check_picture, has_layer, inspect_file, read_frame, verify_file
from howard_nodes.system.files import long_path, same_name, split_folder

__all__ = ["Sequence", "expected_frames", "format_frames", "name_frames", "parse_frames"]

_RANGE = re.compile(r"(-?\d+)(?:-(-?\d+)(?:[x:](\d+))?)?", re.ASCII)
_PADDING = re.compile(r"#+|@+|%0?\d*d|\$F\d*")
# A range in front of the padding, fileseq's own spelling: plate.1001-1240####.exr
_INLINE_RANGE = re.compile(r"(?<=[._])-?\d+--?\d+(?:[x:]\d+)?(?:,-?\d+(?:--?\d+(?:[x:]\d+)?)?)*$")


def parse_frames(text: str) -> tuple[int, ...]:
    """Read a list of frames: ``1001-1240``, ``1001-1019x3,1150``, ``1001-1019:3``.

    Parameters
    ----------
    text : str
        Frames and ranges, separated by commas; ``x3`` or ``:3`` takes every third frame.

    Returns
    -------
    tuple of int
        Sorted, each frame once.

    Raises
    ------
    InputError
        If the text is no such list, is empty, or holds more than `MAX_FRAMES` frames.
    """
    hint = "write frames like 1001-1240 or 1001-1019x3,1150"
    frames: set[int] = set()
    for part in text.split(","):
        match = _RANGE.fullmatch(re.sub(r"\s+", "", part))
        if match is None:
            raise InputError(f"cannot read {part.strip()!r} in the frame list {text!r}; {hint}")
        first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
        if step == 0:
            raise InputError(f"a step of 0 in the frame list {text!r}; {hint}")
        if len(frames) + abs(last - first) // step >= MAX_FRAMES:
            raise InputError(f"the frame list {text!r} holds more than {MAX_FRAMES} frames; is it a typo?")
        direction = 1 if last >= first else -1
        frames.update(range(first, last + direction, step * direction))
    return tuple(sorted(frames))


def expected_frames(found: Iterable[int]) -> tuple[int, ...]:
    """List first to last frame in the steps they have: every third is no gap, one that is not there is."""
    frames = sorted(set(found))
    step = reduce(gcd, (after - before for before, after in pairwise(frames)), 0)
    return tuple(range(frames[0], frames[-1] + 1, step or 1))


def format_frames(frames: Iterable[int]) -> str:
    """Write a list of frames shortly: 1001, 1002, 1003, 1010 becomes ``1001-1003,1010``.

    `parse_frames` reads it back. No frames give an empty text.
    """
    return str(fileseq.framesToFrameRange(sorted(set(frames)), sort=False, compress=False))


def name_frames(frames: Iterable[int], most: int = 8) -> str:
    """Name frames in a message: as `format_frames`, but a list that goes on and on ends with their number."""
    numbers = sorted(set(frames))
    parts = format_frames(numbers).split(",")
    if len(parts) <= most:
        return ",".join(parts)
    return f"{','.join(parts[:most])} and more, {len(numbers)} in all"


def _pad(frame: int, width: int) -> str:
    return str(frame).zfill(width)


@dataclass(frozen=True)
class Sequence:
    """Numbered files, or one still that stands for any frame, a `Footage`.

    Make one with `find` (files that are there) or `output` (names only).

    Parameters
    ----------
    pattern : str
        As it was asked for.
    frames : tuple of int
        Frames on disk, sorted. A still has one: the number in its name, else 1. Empty for outputs.
    is_still : bool
        True where every frame has the same file.
    """

    pattern: str
    frames: tuple[int, ...]
    is_still: bool
    _prefix: str
    _suffix: str
    _width: int

    @classmethod
    def find(cls, pattern: str | Path) -> Sequence:
        """Find the files of a pattern.

        Parameters
        ----------
        pattern : str or Path
            ``plate.####.exr``, ``plate.@@@@.exr``, ``plate.%04d.exr``, ``plate.$F4.exr``, each with as many
            digits as it says (longer numbers where needed); ``plate.1001-1240####.exr`` keeps only these
            frames. The name of an existing file is that one file, a still, not its sequence.

        Raises
        ------
        InputError
            If there is nothing; the message says what lies beside it.
        """
        text = str(pattern)
        path = long_path(Path(text))
        if path.is_file():
            number = re.search(r"(?:^|[._])(-?\d+)$", path.stem)
            return cls(text, (int(number[1]) if number else 1,), True, text, "", 0)
        if path.is_dir():
            example = Path(text) / "plate.####.exr"
            raise InputError(f"{text} is a folder; name the files in it, like {example}{_what_lies_in(path)}")
        made = cls.output(text)
        if not path.parent.is_dir():
            raise InputError(f"{text}: the folder {Path(text).parent} does not exist")
        if made.is_still:
            raise InputError(f"{text}: no such file" + _what_lies_in(path.parent))
        prefix, suffix = Path(made._prefix + "\0").name[:-1], made._suffix
        frames = set()
        with os.scandir(path.parent) as entries:
            for entry in entries:
                middle = entry.name[len(prefix) : len(entry.name) - len(suffix)]
                if not re.fullmatch(r"-?[0-9]+", middle):
                    continue
                # 7 and 0007 are both frame 7: only the one spelt with the pattern's padding belongs to it.
                # A link to nowhere is no frame.
                spelt = f"{prefix}{_pad(int(middle), made._width)}{suffix}"
                if same_name(entry.name, spelt) and entry.is_file():
                    frames.add(int(middle))
        if not frames:
            raise InputError(f"{text}: no file matches" + _what_lies_in(path.parent))
        inline = _inline_range(text)
        if inline:
            frames &= set(parse_frames(inline))
            if not frames:
                raise InputError(f"{text}: has none of the frames {inline}")
        return cls(text, tuple(sorted(frames)), False, made._prefix, suffix, made._width)

    @classmethod
    def output(cls, pattern: str | Path) -> Sequence:
        """Name files that are to be made, without looking on disk.

        A pattern without padding gives one name for all frames (`is_still`).
        """
        text = str(pattern)
        folder, name = split_folder(text)
        tokens = list(_PADDING.finditer(name))
        if not tokens:
            return cls(text, (), True, text, "", 0)
        token = tokens[-1]
        stem = name[: token.start()]
        inline = _inline_range(text)
        if inline:
            stem = stem[: -len(inline)]
        # fileseq knows the width of each spelling, but takes whole names apart too strictly
        # (it refuses shot-010-####.exr), so it only sees the padding.
        width = fileseq.FileSequence.getPaddingNum(token[0], pad_style=fileseq.PAD_STYLE_HASH1)
        return cls(text, (), False, f"{folder}{stem}", name[token.end() :], width)

    @property
    def key(self) -> str:
        """Its pattern: names number their frames."""
        return self.pattern

    @property
    def stem(self) -> str:
        """Name without folder, frame number and ending: `plate` of `plate.####.exr`; may be empty."""
        return Path(self._prefix).stem if self.is_still else split_folder(self._prefix)[1].rstrip("._-")

    def path(self, frame: int) -> Path:
        """File of a frame, whether it exists or not; a still gives its one file."""
        if self.is_still:
            return long_path(Path(self._prefix))
        return long_path(Path(f"{self._prefix}{_pad(frame, self._width)}{self._suffix}"))

    def missing(self, frames: Iterable[int]) -> tuple[int, ...]:
        """Which of these frames are not on disk; a still misses none."""
        return () if self.is_still else tuple(sorted(set(frames) - set(self.frames)))

    def select(self, frames: Iterable[int] | None = None) -> tuple[int, ...]:
        """Which of these frames are there, sorted; None asks for all. A still has every frame asked for."""
        if frames is None:
            return self.frames
        wanted = set(frames)
        return tuple(sorted(wanted if self.is_still else wanted & set(self.frames)))

    def exists(self, frame: int) -> bool:
        """Whether a frame's file is there now."""
        return self.path(frame).is_file()

    def check(self, frame: int, *, layer: str | None = None) -> None:
        """Make sure that a frame can be read, see `check_picture`; a still to its last pixel."""
        check_picture(self.path(frame), layer=layer, frame=None if self.is_still else frame)
        if self.is_still:
            verify_file(self.path(frame))

    def read(self, frame: int, *, layer: str | None = None) -> Frame:
        """Read one frame, see `read_frame`."""
        return read_frame(self.path(frame), layer=layer, frame=frame)

    def display_size(self, frame: int) -> tuple[int, int]:
        """Width and height of a frame's display window, from its header. Raises `FrameError`."""
        window = inspect_file(self.path(frame)).parts[0].display_window
        return window.width, window.height

    def layers(self, frame: int) -> tuple[str, ...]:
        """Names of a frame's layers in all parts, the main picture's is empty. Raises `FrameError`."""
        parts = inspect_file(self.path(frame)).parts
        return tuple(dict.fromkeys(layer for part in parts for layer in part.layers))

    def has_layer(self, frame: int, layer: str) -> bool:
        """Whether `read` would find a layer, from the header. Raises `FrameError`."""
        return has_layer(self.path(frame), layer)

    def digest(self, frame: int) -> str:
        """Hash a frame's file: a copied or touched file is still the same input.

        Raises
        ------
        FrameError
            The file cannot be read.
        """
        path = self.path(frame)
        try:
            return file_digest(path)
        except OSError as error:
            raise FrameError(
                f"cannot be read ({os.strerror(error.errno or 0)}).", path=path, frame=frame
            ) from error

    def notes(self) -> tuple[str, ...]:
        """Nothing: what files say is told frame by frame."""
        return ()

    def __len__(self) -> int:
        return len(self.frames)


def _inline_range(text: str) -> str:
    name = split_folder(text)[1]
    tokens = list(_PADDING.finditer(name))
    match = _INLINE_RANGE.search(name[: tokens[-1].start()]) if tokens else None
    return match[0] if match else ""


def _what_lies_in(folder: Path, most: int = 5) -> str:
    """End of a message: the sequences of pictures in a folder."""
    try:
        found = fileseq.findSequencesOnDisk(
            str(folder), strictPadding=True, pad_style=fileseq.PAD_STYLE_HASH1
        )
    except (OSError, ValueError):
        return ""
    names = sorted(
        f"{s.basename()}{s.padding()}{s.extension()} {s.frameRange()}".replace("  ", " ").strip()
        for s in found
    )
    if not names:
        return "; the folder is empty"
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"; found: {', '.join(names[:most])}{more}"
