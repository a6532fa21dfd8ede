"""What can go wrong, in words an artist can act on.

Every error Howard raises on purpose is a `HowardError`. Its message names the file, the frame and the value
concerned, and says what to do.
"""

from __future__ import annotations

from pathlib import Path

from howard_nodes.system.files import shown

__all__ = [
    "ColorError",
    "FarmError",
    "FrameError",
    "HowardError",
    "InputError",
    "Terminated",
    "UnsupportedError",
    "WeightsError",
    "WriteError",
]


class HowardError(Exception):
    """Base of all errors raised on purpose."""


class InputError(HowardError):
    """What was asked for cannot be done: a wrong path, pattern, range or setting. Nothing was computed."""


class ColorError(InputError):
    """An OpenColorIO configuration or colour space cannot be used."""


class WeightsError(InputError):
    """Weights cannot be found, read or matched to a network."""


class FarmError(HowardError):
    """A scheduler refused what it was asked, or cannot be reached; the message has its own words."""


class FrameError(HowardError):
    """One frame cannot be read or computed; other frames are not concerned.

    Parameters
    ----------
    message : str
        What is wrong and what to do.
    path : Path, optional
        The file concerned; put in front of the message.
    frame : int, optional
        The frame number concerned; put in front of the message.
    """

    def __init__(self, message: str, *, path: Path | str | None = None, frame: int | None = None) -> None:
        self.path = Path(path) if path is not None else None
        self.frame = frame
        where = [] if path is None else [shown(path)]
        if frame is not None:
            where.append(f"frame {frame}")
        super().__init__(f"{', '.join(where)}: {message}" if where else message)


class UnsupportedError(FrameError):
    """A file is of a kind that is not read, or has no such layer; its whole sequence will be."""


class WriteError(FrameError):
    """An output file cannot be written; no partial file is left."""


class Terminated(KeyboardInterrupt):
    """A request to end (SIGTERM), handled like Ctrl-C: nothing partial stays on disk."""
