"""A result checked in parts, as a farm does it: each a file with all that the report and the page need.

Beside ``shot.####.exr`` lies the folder ``shot.verify.parts`` with a file a part: what is said of its frames,
and of their pictures as many as the page of the whole shot may show. Put together they come to what one check
of all frames comes to, and no frame is read again.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from howard_nodes import __version__
from howard_nodes.atomic import write_file
from howard_nodes.color import ColorConfig
from howard_nodes.engine.cache import key_of
from howard_nodes.errors import InputError
from howard_nodes.frames import Sequence, format_frames, name_frames, parse_frames
from howard_nodes.sheets.album import Album, FrameView
from howard_nodes.sheets.page import Review
from howard_nodes.sheets.reviewing import Reviewed
from howard_nodes.shot.checking import CheckedFile, CheckedFrame, check_frames
from howard_nodes.shot.mending import files_mark, other_version, what_is_missing

__all__ = ["CheckParts"]

_FORMAT, _VERSION, _KEY = "howard-verify-part", 1, "howard"
_DAMAGED = (InputError, KeyError, TypeError, ValueError, IndexError, AttributeError, SafetensorError)
Checked = CheckedFrame[FrameView]


@dataclass(frozen=True)
class _Part:
    """What a file says of itself, and where its pictures are."""

    path: Path
    head: dict[str, Any]

    @property
    def frames(self) -> tuple[int, ...]:
        return parse_frames(self.head["frames"])

    @property
    def changes(self) -> dict[int, float]:
        """How much alpha differs from the frame before, where that was in the part too."""
        return {frame: about[2] for frame, _, about in self.head["checked"] if about and about[2] is not None}


class CheckParts:
    """The parts of one result's check.

    Parameters
    ----------
    pattern : str
        The result.
    result : dict of str to Sequence
        From `find_result`.
    frames : tuple of int
        All that must be there.
    ocio : str, optional
        Configuration, as `ColorConfig.load` takes it.
    """

    def __init__(
        self, pattern: str, result: dict[str, Sequence], frames: tuple[int, ...], ocio: str | None = None
    ) -> None:
        self._pattern, self._result, self._all = pattern, result, frames
        self._config = ColorConfig.load(ocio, threads=1)
        self._made_of = key_of(
            __version__, Path(pattern).name, list(result), format_frames(frames), self._config.fingerprint
        )
        name = Sequence.output(pattern).stem or "shot"
        self._folder = Path(pattern).with_name(f"{name}.verify.parts")

    def check(self, frames: tuple[int, ...]) -> Iterator[Checked]:
        """Check some frames, and write their part at the end; one that was written before is kept.

        A part with a problem is not kept: what was wrong may have been the disk.

        Raises
        ------
        InputError
            The shot has no such frames.
        WriteError
            The part cannot be written.
        """
        beyond = set(frames) - set(self._all)
        if beyond:
            raise InputError(f"--part: the shot has no frames {name_frames(beyond)}.")
        path = self._folder / f"{frames[0]}+{len(frames)}.safetensors"
        files = files_mark(sequence.path(frame) for sequence in self._result.values() for frame in frames)
        known = self._known(path, frames, files)
        if known is not None:
            yield from known
            return
        place = {frame: index for index, frame in enumerate(self._all)}
        there = {place[frame] for frame in frames}
        # Whether their alphas jump is seen when the frames before them are there.
        first = frozenset(frame for frame in frames if place[frame] and place[frame] - 1 not in there)
        last = frozenset(frame for frame in frames if place[frame] + 1 not in there)
        album = Album(self._all, self._config, kept=first)
        reviewed = Reviewed(Review(self._pattern, self._all, album))
        seen: list[Checked] = []
        for checked in check_frames(self._result, frames, album):
            reviewed.take(checked)
            view = checked.seen
            if view is not None:
                alpha = view.alpha if checked.frame in first | last else None
                view = FrameView(
                    {}, {}, alpha, view.error, view.error_layer, album.changes.get(checked.frame)
                )
            seen.append(CheckedFrame(checked.frame, checked.files, view))
            yield checked
        album.finish()
        write_file(path, self._document(frames, files, seen, album))

    def joined(self) -> Iterator[Checked]:
        """Give all frames as they were checked, in the shot's order, with the pictures that were kept.

        Raises
        ------
        InputError
            Parts are missing, damaged, or of another shot or version.
        """
        parts: dict[int, _Part] = {}
        changes: dict[int, float] = {}
        refused: dict[str, str] = {}
        for path in sorted(self._folder.glob("*+*.safetensors")):
            try:
                part = _open(path)
                frames = part.frames
            except _DAMAGED as error:
                refused[path.name] = f"is damaged ({error})"
                continue
            if part.head["howard"] != __version__:
                refused[path.name] = other_version(part.head["howard"])
            elif part.head["made_of"] != self._made_of:
                refused[path.name] = "is of another check"
            else:
                parts |= dict.fromkeys(frames, part)
                # Of parts that overlap one may know what the other could not see.
                changes |= part.changes
        missing = set(self._all) - set(parts)
        if missing:
            raise InputError(f"{self._folder}: {what_is_missing('check', missing, refused, 'Verify')}.")
        readers = {part.path: self._read(part) for part in parts.values()}
        last = {part.path: frame for frame, part in sorted(parts.items())}
        for frame in self._all:
            path = parts[frame].path
            one = next(one for one in readers[path] if one.frame == frame)
            if one.seen is not None:
                one = replace(one, seen=replace(one.seen, change=changes.get(frame)))
            yield one
            if last[path] == frame:
                readers.pop(path).close()  # thousands of files are not open at a time

    def _known(self, path: Path, frames: tuple[int, ...], files: str) -> list[Checked] | None:
        try:
            part = _open(path)
            if (part.head["made_of"], part.head["files"], part.frames) != (self._made_of, files, frames):
                return None
            checked = list(self._read(part))
        except _DAMAGED:
            return None
        return None if any(file.problem for one in checked for file in one.files) else checked

    def _document(self, frames: tuple[int, ...], files: str, seen: list[Checked], album: Album) -> bytes:
        facts: dict[str, int] = {}
        arrays: dict[str, np.ndarray] = {}
        rows = []
        for checked in seen:
            told = [
                (
                    file.sequence,
                    file.kind,
                    file.problem,
                    facts.setdefault(json.dumps(file.facts), len(facts)),
                    file.fit,
                )
                for file in checked.files
            ]
            view, frame, about = checked.seen, checked.frame, None
            if view is not None:
                kinds = {"small": album.small.get(frame, {}), "large": album.large.get(frame, {})}
                for kind, pictures in kinds.items():
                    for name, picture in pictures.items():
                        arrays[f"{frame}.{kind}.{name}"] = np.frombuffer(picture, np.uint8)
                if view.alpha is not None:
                    arrays[f"{frame}.alpha"] = np.ascontiguousarray(view.alpha)
                names = {kind: list(pictures) for kind, pictures in kinds.items()}
                about = [view.error, view.error_layer, view.change, names, view.alpha is not None]
            rows.append([frame, told, about])
        head = {
            "format": _FORMAT,
            "version": _VERSION,
            "howard": __version__,
            "made_of": self._made_of,
            "files": files,
            "frames": format_frames(frames),
            "facts": list(facts),
            "checked": rows,
        }
        return save(arrays, {_KEY: json.dumps(head)})

    def _read(self, part: _Part) -> Generator[Checked]:
        """Give a part's frames, in order; its pictures are read one frame at a time."""
        facts = [json.loads(one) for one in part.head["facts"]]
        sequences = list(self._result.values())
        with safe_open(part.path, "np") as pictures:
            for frame, told, about in part.head["checked"]:
                files = tuple(
                    CheckedFile(
                        number, frame, sequences[number].path(frame), kind, problem, dict(facts[which]), fit
                    )
                    for number, kind, problem, which, fit in told
                )
                view = None
                if about is not None:
                    error, layer, change, names, has_alpha = about
                    shown = {
                        kind: {
                            name: pictures.get_tensor(f"{frame}.{kind}.{name}").tobytes() for name in listed
                        }
                        for kind, listed in names.items()
                    }
                    alpha = pictures.get_tensor(f"{frame}.alpha") if has_alpha else None
                    view = FrameView(shown["small"], shown["large"], alpha, error, layer, change)
                yield CheckedFrame(frame, files, view)


def _open(path: Path) -> _Part:
    try:
        with safe_open(path, "np") as file:
            head = json.loads((file.metadata() or {})[_KEY])
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}") from error
    if head["format"] != _FORMAT or head["version"] != _VERSION:
        raise InputError("is not what this Howard writes there")
    return _Part(path, head)
