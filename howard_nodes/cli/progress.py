"""What a run shows of itself: a bar on a terminal, a line a frame elsewhere, or JSON."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from howard_nodes.cli.console import on_terminal, progress_bar, say_seconds, warn
from howard_nodes.shot.events import (
    Event,
    Finished,
    FrameDone,
    FrameFailed,
    FrameFitted,
    Note,
    PlatesFitted,
    Started,
    Step,
    to_json,
)

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Reporter", "reporter"]


_MOST_DOUBTS = 5


class Reporter:
    """Takes the events of a run and remembers how far it is. This one prints a line a frame."""

    task = "matte"
    """What is done to a frame, for a bar."""

    def __init__(self) -> None:
        self.total = 0
        self.complete: list[int] = []
        self.failed: dict[int, str] = {}
        self._failure = ""

    def __call__(self, event: Event) -> None:
        """Take an event; `howard_nodes.shot.run.run` gives one at a time."""
        if isinstance(event, Started):
            self.total = event.total
        elif isinstance(event, FrameDone):
            self.complete.append(event.frame)
        elif isinstance(event, FrameFailed):
            self.failed[event.frame] = event.message
        self.show(event)

    def show(self, event: Event) -> None:
        """Print an event."""
        if isinstance(event, Started):
            print(_started(event), flush=True)
        elif isinstance(event, Note):
            self.note(event)
        elif isinstance(event, FrameFitted):
            print(f"{event.frame}  fit {event.message}", flush=True)
        elif isinstance(event, PlatesFitted):
            self.fitted(event)
        elif isinstance(event, FrameDone):
            self.frame(event)
        elif isinstance(event, FrameFailed):
            self.failure(event)
        elif isinstance(event, Finished):
            self.finish(event)

    def note(self, note: Note) -> None:
        """Print what is worth knowing; warnings on stderr."""
        message = note.message
        if note.frame is not None and f"frame {note.frame}" not in message:
            message = f"frame {note.frame}: {message}"
        if note.warning:
            warn(message)
        else:
            print(message, flush=True)

    def failure(self, event: FrameFailed) -> None:
        """Print why a frame failed; of a row of alike failures the first, the end lists them all."""
        kind = _kind_of(event.message)
        if kind != self._failure:
            print(f"howard: error: {event.message}", file=sys.stderr, flush=True)
        self._failure = kind

    def fitted(self, fit: PlatesFitted) -> None:
        """Print how the clean plate fits; what is not good as warnings, the worst first."""
        from howard_nodes.frames import name_frames

        print(fit.summary, flush=True)
        # Frames with the same complaint share a line; figures differ from frame to frame.
        alike: dict[str, list[int]] = {}
        for frame, message in fit.messages.items():
            alike.setdefault(_kind_of(message.partition(";")[0]), []).append(frame)
        worst = sorted(alike.values(), key=lambda frames: not fit.messages[frames[0]].startswith("failed"))
        for frames in worst[:_MOST_DOUBTS]:
            which = f"frame{'s' if len(frames) > 1 else ''} {name_frames(frames)}"
            warn(f"{which}: clean plate fit {fit.messages[frames[0]]}")
        if len(worst) > _MOST_DOUBTS:
            rest = sum(map(len, worst[_MOST_DOUBTS:]))
            warn(f"{rest} more frames do not fit well; see them all with --report")

    def frame(self, done: FrameDone) -> None:
        """Print a frame that is on disk."""
        what = "already there" if done.skipped else say_seconds(done.seconds)
        print(f"{done.frame}  {what}  {' '.join(map(str, done.paths))}", flush=True)

    def finish(self, finished: Finished) -> None:
        """Print the end of a run; what failed is said again, as it may be hours above."""
        print(self._summary(finished), flush=True)
        if self.failed and self.total > 1:
            lines = map("  {}".format, _grouped(self.failed))
            print(
                f"howard: {len(self.failed)} of {self.total} frames failed:",
                *lines,
                sep="\n",
                file=sys.stderr,
            )

    def close(self) -> None:
        """Leave the terminal in order."""

    def misfits(self, frames: Iterable[int]) -> None:
        """Say at the end which frames the clean plate could not be fitted to."""
        from howard_nodes.frames import format_frames

        listed = format_frames(frames)
        many = "," in listed or "-" in listed.lstrip("-")
        print(
            f"howard: error: the clean plate could not be fitted to frame{'s' if many else ''} {listed}; "
            "it is used as is there",
            file=sys.stderr,
            flush=True,
        )

    def so_far(self) -> str:
        """Say what is done, for an interrupt."""
        from howard_nodes.frames import format_frames

        if not self.total:
            return "nothing was written"
        if not self.complete:
            return f"none of {self.total} frames is done; no partial files are left"
        on = "; to continue, run the same command with --resume" if self.task == "matte" else ""
        return (
            f"{len(self.complete)} of {self.total} frames are done "
            f"({format_frames(self.complete)}), no partial files are left{on}"
        )

    def _summary(self, finished: Finished) -> str:
        from howard_nodes.frames import parse_frames

        done, skipped, failed = (
            len(parse_frames(frames)) if frames else 0
            for frames in (finished.done, finished.skipped, finished.failed)
        )
        rate = f", {done / finished.seconds:.3g} frames/s" if done and finished.seconds else ""
        text = f"{done} {'frame' if done == 1 else 'frames'} done in {say_seconds(finished.seconds)}{rate}"
        if skipped:
            text += f"; {skipped} already there"
        if failed:
            text += f"; {failed} failed: {finished.failed}"
        return text


class _JsonReporter(Reporter):
    def show(self, event: Event) -> None:
        print(to_json(event), flush=True)


class _BarReporter(Reporter):
    def __init__(self) -> None:
        super().__init__()
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def show(self, event: Event) -> None:
        if isinstance(event, Started):
            super().show(event)
            self._bar = progress_bar("frames")
            self._bar.start()
            return
        if isinstance(event, FrameFitted):
            self._advance("fit", event.frame)
            return
        if isinstance(event, Step):
            self._step(event)
            return
        if isinstance(event, FrameFailed):
            self._advance(self.task, event.frame)
        super().show(event)

    def frame(self, done: FrameDone) -> None:
        self._advance(self.task, done.frame, kept=int(done.skipped))

    def finish(self, finished: Finished) -> None:
        self.close()
        super().finish(finished)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _step(self, step: Step) -> None:
        if self._bar is None:
            return
        if step.task not in self._tasks:
            self._tasks[step.task] = self._bar.add_task(step.task, total=step.total, note="")
        self._bar.update(self._tasks[step.task], completed=step.done, total=step.total)

    def _advance(self, task: str, frame: int, kept: int = 0) -> None:
        if self._bar is None:
            return
        if task not in self._tasks:
            self._tasks[task] = self._bar.add_task(task, total=self.total, note="", kept=0)
        number = self._tasks[task]
        kept += next(one.fields["kept"] for one in self._bar.tasks if one.id == number)
        self._bar.update(number, advance=1, note=str(frame), kept=kept)


class _OpenJDReporter(Reporter):
    """Lines for people, and among them those that an engine of Open Job Description reads."""

    def __init__(self) -> None:
        super().__init__()
        self._fitted = 0

    def show(self, event: Event) -> None:
        super().show(event)
        if isinstance(event, FrameFitted):
            # A fit is all of its own task, and the smaller part of one that mattes.
            self._fitted += 1
            self._say(self._fitted, "compared" if self.task == "fit" else "fitted")
        elif isinstance(event, FrameDone | FrameFailed):
            self._say(len(self.complete) + len(self.failed), "done")
        if isinstance(event, Finished) and self.failed:
            first = self.failed[min(self.failed)]
            more = f" (and {len(self.failed) - 1} more)" if len(self.failed) > 1 else ""
            print(f"openjd_fail: {first}{more}".replace("\n", " "), flush=True)

    def _say(self, over: int, what: str) -> None:
        if self.total:
            print(f"openjd_progress: {min(100.0, 100.0 * over / self.total):.1f}", flush=True)
        failed = f", {len(self.failed)} failed" if self.failed else ""
        count = len(self.complete) if what == "done" else over
        print(f"openjd_status: {count} of {self.total} frames {what}{failed}", flush=True)


@contextmanager
def reporter(as_json: bool, task: str = "matte", *, as_openjd: bool = False) -> Iterator[Reporter]:
    """Give the reporter that fits: what is asked for, else a bar on a terminal, else lines.

    Parameters
    ----------
    as_json : bool
        Print events as `howard_nodes.shot.events.to_json` writes them, and nothing else, on stdout.
    task : str
        What is done to a frame, for the bar.
    as_openjd : bool
        Print `openjd_progress`, `openjd_status` and `openjd_fail` lines among those for people.
    """
    report: Reporter
    if as_json:
        report = _JsonReporter()
    elif as_openjd:
        report = _OpenJDReporter()
    else:
        report = _BarReporter() if on_terminal() else Reporter()
    report.task = task
    try:
        yield report
    finally:
        report.close()


def _kind_of(message: str) -> str:
    """Give what alike messages share: figures differ from frame to frame."""
    return re.sub(r"[\d.]+", "#", message)


def _grouped(failed: Mapping[int, str]) -> list[str]:
    """List failures, a line for those that are alike."""
    from howard_nodes.frames import name_frames

    alike: dict[str, list[int]] = {}
    for frame in sorted(failed):
        alike.setdefault(_kind_of(failed[frame]), []).append(frame)
    return [
        failed[frames[0]] if len(frames) == 1 else f"frames {name_frames(frames)}: {failed[frames[0]]}"
        for frames in alike.values()
    ]


def _started(event: Started) -> str:
    count = f"{event.total} {'frame' if event.total == 1 else 'frames'}"
    how = f"weights {event.weights}, {event.device}, {event.precision}"
    return f"{count} ({event.frames}) to {event.output}, {how}"
