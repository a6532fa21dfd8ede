"""A result, and perhaps the version before it, checked and looked at for the page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from howard_nodes.color import ColorConfig
from howard_nodes.description.options import FileOptions
from howard_nodes.errors import HowardError
from howard_nodes.frames import Footage, Sequence, open_footage
from howard_nodes.sheets.album import Album, FrameView
from howard_nodes.sheets.page import Review, write_page
from howard_nodes.sheets.remarks import Remark
from howard_nodes.shot.checking import CheckedFile, CheckedFrame, check_frames, differences, find_result

__all__ = ["PlateSource", "Reviewed", "Reviewing"]

_LONGEST = 600  # characters of a message on the page


@dataclass(frozen=True)
class PlateSource:
    """Where the plate is; the rest as `howard matte` takes it.

    Attributes
    ----------
    plate : str or None
        A sequence, a movie or a file; None where it is not shown.
    start_frame, layer, colorspace : str or None
        Of the plate.
    """

    plate: str | None = None
    start_frame: str | None = None
    layer: str | None = None
    colorspace: str | None = None

    def open(self) -> Footage | None:
        """Find it. Raises `InputError`."""
        start = FileOptions(start_frame=self.start_frame).start_frame
        return None if self.plate is None else open_footage(self.plate, start)


class Reviewing:
    """Checks frames as `check_frames` does, and keeps what the page says of them.

    Parameters
    ----------
    pattern : str
        The result.
    frames : tuple of int
        All that must be there.
    before : str, optional
        Pattern of another version.
    source : PlateSource
        The plate.
    ocio : str, optional
        Configuration, as `ColorConfig.load` takes it.

    Raises
    ------
    InputError, ColorError
        The other version or the configuration is not there.
    """

    def __init__(
        self,
        pattern: str,
        frames: tuple[int, ...],
        *,
        before: str | None = None,
        source: PlateSource | None = None,
        ocio: str | None = None,
    ) -> None:
        config = ColorConfig.load(ocio, threads=1)
        self._notes: list[str] = []
        self._source = source or PlateSource()
        self._plate: Footage | None = None
        try:
            self._plate = self._source.open()
        except HowardError as error:
            self._notes.append(f"The plate is not shown. {error}")
        self._after = Reviewed(Review(pattern, frames, Album(frames, config)))
        self._before: Reviewed | None = None
        self._before_files: dict[str, Sequence] = {}
        if before is not None:
            self._before_files = find_result(before)
            self._before = Reviewed(Review(before, frames, Album(frames, config)))

    def check(self, result: dict[str, Sequence]) -> Iterator[CheckedFrame[FrameView]]:
        """Check the result's frames, and those of the version before along with them."""
        review = self._after.review
        return self.take(check_frames(result, review.frames, review.album))

    def take(self, checked: Iterator[CheckedFrame[FrameView]]) -> Iterator[CheckedFrame[FrameView]]:
        """Take frames that are checked, in the shot's order, and those of the version before along."""
        after, before = self._after, self._before
        frames = after.review.frames
        if before is None:
            for frame in checked:
                after.take(frame)
                yield frame
            return
        for frame, other in zip(checked, check_frames(self._before_files, frames, before.review.album)):
            apart = _apart(frame.seen, other.seen)
            if apart is not None:
                after.review.apart[frame.frame] = apart
            after.take(frame, apart or 0.0)
            before.take(other, 1.0)
            before.review.album.follow(after.review.album)
            yield frame

    def write(self, path: Path) -> list[str]:
        """Write the page; give what could not be shown, in words.

        Raises
        ------
        WriteError
            It cannot be written.
        """
        album = self._after.review.album
        album.finish()
        self._after.finish()
        if self._before is not None:
            self._before.review.album.follow(album)
            self._before.finish()
        notes = list(self._notes)
        if self._plate is not None and album.large:
            told = album.add_plates(self._plate, self._source.colorspace, self._source.layer)
            notes += [f"Not all of the plate is shown. {one}" for one in told]
        review = self._before.review if self._before is not None else None
        write_page(path, self._after.review, review, notes=notes)
        return notes


class Reviewed:
    """Takes a version's frames as they are checked, in the shot's order, and makes its review of them.

    Parameters
    ----------
    review : Review
        Of no frames yet.
    """

    def __init__(self, review: Review) -> None:
        self.review = review
        self._files: list[CheckedFile] = []

    def take(self, checked: CheckedFrame[FrameView], weight: float = 0.0) -> None:
        """Take a frame; the weight says how much it should be shown, by what else is known."""
        verdicts = {"failed": 2.0, "doubtful": 1.0}
        fits = {file.fit for file in checked.files if file.fit}
        for file in checked.files:
            if file.problem is None:
                self._files.append(file)
            else:
                self._found(file.frame, file.kind, file.path, file.problem)
        for fit in sorted(fits)[:1]:
            self.review.fits[checked.frame] = fit
            verdict, _, message = fit.partition(": ")
            if verdict in verdicts:
                self._found(checked.frame, verdict, None, message or fit)
                weight += verdicts[verdict]
        self.review.album.keep(checked.frame, checked.seen, weight)

    def finish(self) -> None:
        """Say what only all frames together say."""
        paths = {file.frame: file.path for file in self._files}
        for frame, problem in differences(self._files):
            self._found(frame, "different", paths[frame], problem)

    def _found(self, frame: int, kind: str, path: Path | None, text: str) -> None:
        """Keep a remark; the folder is the page's own affair, and said once."""
        short = text if path is None else text.removeprefix(f"{path.parent}{os.sep}")
        cut = short if len(short) <= _LONGEST else f"{short[:_LONGEST]} ..."
        self.review.remarks.append(Remark(frame, kind, cut))


def _apart(one: FrameView | None, other: FrameView | None) -> float | None:
    if one is None or other is None or one.alpha is None or other.alpha is None:
        return None
    if one.alpha.shape != other.alpha.shape:
        return None
    return float(np.abs(one.alpha - other.alpha).mean())
