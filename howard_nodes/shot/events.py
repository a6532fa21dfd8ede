"""What a run tells while it works: the same events for a progress bar, a log and a machine."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from howard_nodes.plates.fit import FrameFit, ShotFit

__all__ = [
    "Event",
    "Finished",
    "FrameDone",
    "FrameFailed",
    "FrameFitted",
    "FrameStarted",
    "Note",
    "PlatesFitted",
    "Started",
    "Step",
    "to_json",
]


@dataclass(frozen=True)
class Started:
    """A run begins.

    Attributes
    ----------
    frames : str
        Frames asked for, as `howard_nodes.frames.format_frames` writes them.
    total : int
        How many.
    device, precision, weights : str
        What computes them.
    output : str
        Where they go: a pattern.
    """

    frames: str
    total: int
    device: str
    precision: str
    weights: str
    output: str


@dataclass(frozen=True)
class Note:
    """Something worth knowing. `warning` is True where the result may not be what was meant."""

    message: str
    warning: bool = False
    frame: int | None = None


@dataclass(frozen=True)
class Step:
    """Part of the work that comes before any frame is written: how many frames of how many."""

    task: str
    done: int
    total: int


@dataclass(frozen=True)
class FrameFitted:
    """The clean plate was compared with one frame.

    Attributes
    ----------
    frame : int
        Its number.
    verdict : str
        `good`, `doubtful` or `failed`; what the neighbours lend may still better it.
    message : str
        The verdict in words.
    """

    frame: int
    verdict: str
    message: str

    @classmethod
    def of(cls, fit: FrameFit) -> FrameFitted:
        """Tell of a fit."""
        return cls(fit.frame, fit.verdict, fit.message)


@dataclass(frozen=True)
class PlatesFitted:
    """How the clean plate fits the shot.

    Attributes
    ----------
    summary : str
        One line.
    good, doubtful, failed : str
        Frames, as `howard_nodes.frames.format_frames` writes them.
    messages : dict of int to str
        What is said of the frames that are not good.
    """

    summary: str
    good: str
    doubtful: str
    failed: str
    messages: dict[int, str]

    @classmethod
    def of(cls, fit: ShotFit) -> PlatesFitted:
        """Tell of a shot's fits."""
        return cls(
            fit.summary,
            fit.numbers("good"),
            fit.numbers("doubtful"),
            fit.numbers("failed"),
            {number: one.message for number, one in fit.frames.items() if one.verdict != "good"},
        )


@dataclass(frozen=True)
class FrameStarted:
    """A frame is being read; two or three are in work at a time."""

    frame: int


@dataclass(frozen=True)
class FrameDone:
    """One frame is on disk, complete.

    Attributes
    ----------
    frame : int
        Its number.
    paths : tuple of Path
        Its files.
    seconds : float
        Wall time since the frame before was done.
    skipped : bool
        It was there already, made of the same inputs with the same settings.
    """

    frame: int
    paths: tuple[Path, ...]
    seconds: float
    skipped: bool = False


@dataclass(frozen=True)
class FrameFailed:
    """One frame could not be made; the others go on."""

    frame: int
    message: str


@dataclass(frozen=True)
class Finished:
    """The run is over.

    Attributes
    ----------
    done, skipped, failed : str
        Frames, as `howard_nodes.frames.format_frames` writes them; empty for none.
    seconds : float
        Wall time.
    """

    done: str
    skipped: str
    failed: str
    seconds: float


Event = Started | Note | Step | FrameFitted | PlatesFitted | FrameStarted | FrameDone | FrameFailed | Finished


def to_json(event: Event) -> str:
    """One line of JSON: the fields, and `event` with the kind in snake case: `frame_done`."""
    kind = "".join(f"_{c.lower()}" if c.isupper() else c for c in type(event).__name__).lstrip("_")
    return json.dumps({"event": kind} | asdict(event), default=str, ensure_ascii=False)
