"""Is a result on disk there, whole, and of one piece."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

import numpy as np

from howard_nodes.errors import FrameError, InputError
from howard_nodes.frames import FileInfo, Sequence, check_seal, inspect_file, read_attributes, verify_file
from howard_nodes.layers import LAYERS, file_patterns

__all__ = ["CheckedFile", "CheckedFrame", "Watching", "check_frames", "differences", "find_result"]

_THREADS = 8
_AHEAD = 2  # frames a thread that may wait to be taken

Seen = Callable[[int, int, np.ndarray], None]
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True)
class CheckedFile:
    """One file: what is wrong with it, and what must be the same in all files of its sequence.

    Attributes
    ----------
    sequence : int
        Which of the result's sequences it belongs to.
    frame : int
        Its number.
    path : Path
        Its name.
    kind : str
        `missing` or `corrupt`; empty where it can be read.
    problem : str or None
        The same in words, with the file's name.
    facts : dict of str to str
        By what they are called; empty where there is a problem.
    fit : str
        What is said of the clean plate's fit: a verdict, a colon, a message.
    """

    sequence: int
    frame: int
    path: Path
    kind: Literal["missing", "corrupt", ""] = ""
    problem: str | None = None
    facts: dict[str, str] = field(default_factory=dict)
    fit: str = ""

    @property
    def misfit(self) -> str:
        """That the clean plate could not be fitted, in words; else empty."""
        is_failed = self.fit.startswith("failed")
        return f"{self.path}: frame {self.frame}: clean plate fit {self.fit}" if is_failed else ""


@dataclass(frozen=True)
class CheckedFrame(Generic[T_co]):
    """One frame: its files, and what somebody who watched made of them."""

    frame: int
    files: tuple[CheckedFile, ...]
    seen: T_co | None = None


class Watching(Protocol[T_co]):
    """Sees the pixels that are checked, so that no file is read twice; called from several threads."""

    def begin(self, layer: str, file: FileInfo) -> Seen:
        """Give what a file's bands are shown to, see `verify_file`; `layer` is empty where it holds all."""
        ...

    def end(self, seen: list[Seen]) -> T_co:
        """Make something of one frame's files that are whole."""
        ...


def find_result(pattern: str) -> dict[str, Sequence]:
    """Find the sequences of a result by layer: one without a name for EXR, one a layer for PNG.

    Raises
    ------
    InputError
        There is none; the message says what lies there instead.
    """
    found = {}
    names = file_patterns(pattern, LAYERS)
    for layer, name in zip(LAYERS if len(names) > 1 else [""], names):
        try:
            found[layer] = Sequence.find(name)
        except InputError:
            continue
    return found or {"": Sequence.find(pattern)}


def check_frames(
    result: dict[str, Sequence], wanted: Iterable[int], watching: Watching[T] | None = None
) -> Iterator[CheckedFrame[T]]:
    """Check frames in parallel, and give them in order.

    Parameters
    ----------
    result : dict of str to Sequence
        From `find_result`.
    wanted : iterable of int
        Frames that must be there.
    watching : Watching, optional
        Is shown the pixels.
    """
    threads = min(_THREADS, os.cpu_count() or 1)
    pool = ThreadPoolExecutor(threads, "howard-verify")
    waiting: deque[Future[CheckedFrame[T]]] = deque()
    try:
        for frame in wanted:
            waiting.append(pool.submit(_check_frame, result, frame, watching))
            if len(waiting) > _AHEAD * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _check_frame(result: dict[str, Sequence], frame: int, watching: Watching[T] | None) -> CheckedFrame[T]:
    files, seen = [], []
    for number, (layer, sequence) in enumerate(result.items()):
        file, shown = _check(number, layer, frame, sequence.path(frame), watching)
        files.append(file)
        if shown is not None and not file.kind:
            seen.append(shown)
    made = watching.end(seen) if watching is not None and seen else None
    return CheckedFrame(frame, tuple(files), made)


def _check(
    sequence: int, layer: str, frame: int, path: Path, watching: Watching[Any] | None
) -> tuple[CheckedFile, Seen | None]:
    if not path.exists():
        missing = f"{path}: frame {frame} is missing"
        return CheckedFile(sequence, frame, path, "missing", missing), None
    seen: Seen | None = None
    try:
        info = inspect_file(path)
        if watching is not None:
            seen = watching.begin(layer, info)
        verify_file(path, seen=seen)
        is_sealed = check_seal(path)
        attributes = read_attributes(path)
    except FrameError as error:
        return CheckedFile(sequence, frame, path, "corrupt", str(error)), None
    facts = {
        "layers": " ".join(f"{name}:{kind}" for part in info.parts for name, kind in part.channels.items()),
        "size": " ".join(str(part.display_window) for part in info.parts),
        "compression": " ".join(part.compression for part in info.parts),
        "colour space": " ".join(str(part.colorspace) for part in info.parts),
        "Howard's version": _attribute(attributes, "howard:version"),
        "weights": _attribute(attributes, "howard:weights"),
        "settings": _attribute(attributes, "howard:settings"),
        "seal": "there" if is_sealed else "not there",
    }
    fit = str(attributes.get("howard:fit", ""))
    return CheckedFile(sequence, frame, path, facts=facts, fit=fit), seen


def _attribute(attributes: dict[str, Any], name: str) -> str:
    return str(attributes.get(name, "not said"))


def differences(checked: Iterable[CheckedFile]) -> Iterator[tuple[int, str]]:
    """Tell which files differ from what most files of their sequence have, with their frame."""
    sequences: dict[int, list[CheckedFile]] = {}
    for file in checked:
        sequences.setdefault(file.sequence, []).append(file)
    for files in sequences.values():
        for name in files[0].facts:
            counts = Counter(file.facts[name] for file in files)
            usual = counts.most_common(1)[0][0]
            for file in files:
                if file.facts[name] != usual:
                    yield file.frame, f"{file.path}: {name} {file.facts[name]}, most frames have {usual}"
