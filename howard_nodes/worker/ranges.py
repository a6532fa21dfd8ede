"""A range of frames that is evaluated to its end, whatever some of its frames do to the compute process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from howard_nodes.description import FitSettings
from howard_nodes.errors import InputError
from howard_nodes.worker.protocol import Code, RequestError
from howard_nodes.worker.requests import FileRequest

__all__ = ["Attempt", "Crashed", "RangeRun"]

Attempt = Callable[[str, dict[str, Any], Callable[[dict[str, Any]], None]], dict[str, Any]]
"""Sends a request to the compute process; tells its events; gives its result or raises.

The arguments are method, params, and whom to tell. It raises `Crashed`, or `RequestError`.
"""


_MOST_IN_A_ROW = 8  # frames that it dies of reading: then it is something else that it dies of


class Crashed(Exception):  # noqa: N818
    """The compute process died of what it was doing; the argument says how: `signal SIGSEGV`."""


class RangeRun:
    """Evaluate files, with as many compute processes as it takes.

    When one dies, the frames that it had in work are tried again one at a time. Those that it dies of alone
    are failed; all others get done, with the fit of the whole range. When it dies before any frame was in
    work, all is tried once more; then each frame is read alone, to find out which it dies of.

    Parameters
    ----------
    request : FileRequest
        What is wanted.
    attempt : Attempt
        Has it done.
    tell : callable
        Told events, as dicts: those of one run, even where it took several.
    scratch : Path
        A folder for the fit.

    Attributes
    ----------
    total : int
        How many frames are wanted; 0 while that is not known.
    done, skipped : dict of int to list of str
        Frames that are there, and their files.
    failed : dict of int to str
        What is said of the others.
    """

    def __init__(
        self,
        request: FileRequest,
        attempt: Attempt,
        tell: Callable[[dict[str, Any]], None],
        scratch: Path,
    ) -> None:
        self._request, self._attempt, self._tell = request, attempt, tell
        self.total = 0
        self.done: dict[int, list[str]] = {}
        self.skipped: dict[int, list[str]] = {}
        self.failed: dict[int, str] = {}
        self._began = time.monotonic()
        self._frames: str | None = None  # all of them, once it is known which
        self._working: list[int] = []
        self._fitted: set[int] = set()
        self._deadly: set[int] = set()
        self._is_started = False
        self._plates: dict[str, Any] | None = None
        self._finished: dict[str, Any] | None = None
        self._crashes = 0
        self._without_progress = 0
        self._is_read = False
        options, knobs = request.options, request.knobs
        settings = FitSettings(align=knobs["align"], match_exposure=knobs["match_exposure"])
        self._is_fitted = options["fit"] is None and not settings.does_nothing
        self._report = Path(options["report"] or scratch / "fit.json")
        self._before = _stamp(self._report)

    def run(self) -> dict[str, Any]:
        """Evaluate.

        Returns
        -------
        dict
            The result of `evaluate`, see docs/worker-protocol.md.

        Raises
        ------
        RequestError
            Nothing can be done as asked, or it was cancelled.
        """
        options = {"report": str(self._report)} if self._is_fitted else {}
        try:
            while True:
                try:
                    self._evaluate(options)
                    return self._result()
                except Crashed as crash:
                    self._crashes += 1
                    self._after(crash)
                if self._frames is None:
                    options = self._again(None)
                elif left := self._left():
                    options = self._again(left)
                else:
                    return self._result()
        except RequestError as error:
            if error.code in (Code.CANCELLED, Code.CRASHED):
                error.data |= {key: value for key, value in self._result().items() if key != "fit"}
            raise

    def _evaluate(self, options: dict[str, Any]) -> None:
        params = self._request.params()
        params["options"] = params["options"] | options
        params |= self._spared()
        try:
            self._attempt("evaluate", params, self._see)
        except RequestError as error:
            # What is left of a range may be nothing but frames that are not there.
            if not self._crashes or error.code != Code.REFUSED or self._frames is None:
                raise
            for frame in self._left():
                self._fail(frame, error.message)

    def _again(self, frames: Iterable[int] | None) -> dict[str, Any]:
        """Options to evaluate what is left, with the fit of the whole range."""
        options: dict[str, Any] = {}
        if frames is not None:
            from howard_nodes.frames import format_frames

            options["frames"] = format_frames(frames)
        if _stamp(self._report) in (None, self._before):  # not written yet
            return options | ({"report": str(self._report)} if self._is_fitted else {})
        return options | {"report": None} | ({"fit": str(self._report)} if self._is_fitted else {})

    def _after(self, crash: Crashed) -> None:
        """Find out what it died of."""
        working, self._working = self._working, []
        if working:
            self._without_progress = 0
            some = f"frame{'s' if len(working) > 1 else ''} {', '.join(map(str, working))}"
            self._note(f"the compute process crashed ({crash}) on {some}; retrying one frame at a time")
            for frame in working:
                self._alone(frame)
            return
        self._without_progress += 1
        if self._without_progress == 1:
            self._note(f"the compute process crashed ({crash}) before any frame was started; retrying")
        elif self._is_read:
            raise RequestError(
                Code.CRASHED,
                f"the compute process crashed ({crash}), each time before any frame was started",
                remedy="Check the worker's log. Set align and match exposure to off, or use a "
                "fit saved earlier.",
            )
        else:
            self._note(f"the compute process crashed again ({crash}); reading each frame alone")
            self._is_read = True
            self._read_each()

    def _alone(self, frame: int) -> None:
        params = self._request.params()
        params["options"] = params["options"] | self._again([frame])
        params |= self._spared()
        try:
            self._attempt("evaluate", params, self._see)
        except Crashed as crash:
            self._crashes += 1
            self._working = []
            self._deadly.add(frame)
            self._fail(frame, f"the compute process crashed twice on this frame ({crash}); check its files")
        except RequestError as error:
            if error.code != Code.REFUSED:
                raise
            self._fail(frame, error.message)

    def _read_each(self) -> None:
        """Find the frames that it dies of reading."""
        from howard_nodes.frames import format_frames

        try:
            knobs, ocio = self._request.knobs, self._request.options["ocio"]
            self._attempt("warm", {"knobs": knobs, "ocio": ocio}, self._see)
        except Crashed as crash:
            raise RequestError(
                Code.CRASHED, f"the compute process crashes when it loads the network ({crash})"
            ) from None
        if self._frames is None:
            self._frames = self._listed()
            self.total = len(self._left())
        left = [frame for frame in self._left() if frame not in self._fitted]
        in_a_row = 0
        while left:
            reading: list[dict[str, Any]] = []
            params = {"of": self._request.params(), "frames": format_frames(left)}
            try:
                self._attempt("read", params, reading.append)
                return
            except Crashed as crash:
                self._crashes += 1
                in_a_row = in_a_row + 1 if len(reading) == 1 else 1
                if not reading or in_a_row == _MOST_IN_A_ROW:
                    raise RequestError(
                        Code.CRASHED,
                        f"the compute process crashes when it reads any frame ({crash})",
                        remedy="Check the clean plate's files and the worker's log.",
                    ) from None
                frame = reading[-1]["frame"]
                self._deadly.add(frame)
                self._fail(
                    frame, f"the compute process crashes when it reads this frame ({crash}); check its files"
                )
                left = left[left.index(frame) + 1 :]

    def _spared(self) -> dict[str, str]:
        """Name the frames that end the process which reads them, where there are any."""
        from howard_nodes.frames import format_frames

        return {"spared": format_frames(self._deadly)} if self._deadly else {}

    def _fail(self, frame: int, message: str) -> None:
        self.failed[frame] = message if f"frame {frame}" in message else f"frame {frame}: {message}"
        self._tell({"event": "frame_failed", "frame": frame, "message": self.failed[frame]})

    def _note(self, message: str) -> None:
        self._tell({"event": "note", "message": message, "warning": True, "frame": None})

    def _listed(self) -> str:
        """List the frames by the names of files alone."""
        from howard_nodes.frames import Sequence, expected_frames, format_frames, parse_frames

        wanted = self._request.options["frames"]
        try:
            if wanted is not None:
                return format_frames(parse_frames(wanted))
            return format_frames(expected_frames(Sequence.find(self._request.inputs["plate"]).frames))
        except InputError as error:
            raise RequestError(Code.REFUSED, str(error), type=type(error).__name__) from None

    def _left(self) -> list[int]:
        from howard_nodes.frames import parse_frames

        settled = self.done.keys() | self.skipped.keys() | self.failed.keys()
        return [frame for frame in parse_frames(self._frames or "") if frame not in settled]

    def _see(self, event: dict[str, Any]) -> None:
        kind, frame = event["event"], event.get("frame")
        if kind == "started":
            if self._is_started:
                return
            self._is_started = True
            if self._frames is None:
                self._frames, self.total = event["frames"], event["total"]
            event = event | {"frames": self._frames, "total": self.total}
        elif kind == "plates_fitted":
            if self._plates is not None:
                return
            self._plates = {key: value for key, value in event.items() if key != "event"}
        elif kind == "frame_fitted":
            self._fitted.add(event["frame"])
        elif kind == "frame_started":
            self._working.append(event["frame"])
        elif kind == "frame_done" and frame is not None:
            (self.skipped if event["skipped"] else self.done)[frame] = event["paths"]
            self._settled(frame)
        elif kind == "frame_failed" and frame is not None:
            self.failed[frame] = event["message"]
            self._settled(frame)
        elif kind == "finished":
            if self._crashes:
                return  # it speaks of a part; `_result` tells of the whole
            self._finished = event
        self._tell(event)

    def _settled(self, frame: int) -> None:
        if frame in self._working:
            self._working.remove(frame)

    def _result(self) -> dict[str, Any]:
        finished = self._finished
        if finished is None:
            from howard_nodes.frames import format_frames

            finished = {
                "event": "finished",
                "done": format_frames(self.done),
                "skipped": format_frames(self.skipped),
                "failed": format_frames(self.failed),
                "seconds": time.monotonic() - self._began,
            }
            self._tell(finished)
        files = {**self.done, **self.skipped}
        return {
            "done": finished["done"],
            "skipped": finished["skipped"],
            "failed": {str(frame): self.failed[frame] for frame in sorted(self.failed)},
            "files": [path for frame in sorted(files) for path in files[frame]],
            "seconds": finished["seconds"],
            "fit": self._plates,
        }


def _stamp(path: Path) -> tuple[int, int] | None:
    """Give what changes when a file is replaced; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
