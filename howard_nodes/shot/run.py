"""A shot, frame by frame: fit the clean plate, then read ahead, compute, write behind.

One thread reads, this one runs the network, another solves and writes, so that disk, colour conversion and
compression overlap with the network. At most a few frames are in memory, however long the shot, and one at a
time of very large ones. Once the fit of the clean plate is known, each frame is computed from its own inputs
alone, or with a fixed number of neighbours where those steady it: how a shot is split into runs then changes
no bit of it.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from howard_nodes.frames import format_frames
from howard_nodes.shot.events import (
    Event,
    Finished,
    FrameDone,
    FrameFailed,
    FrameFitted,
    FrameStarted,
    Started,
)
from howard_nodes.shot.output import reason_of
from howard_nodes.shot.plan import plan
from howard_nodes.system.machine import return_memory

if TYPE_CHECKING:
    from howard_nodes.description.job import Job
    from howard_nodes.engine.results import Prediction
    from howard_nodes.engine.runtime import Warm
    from howard_nodes.plates.fit import ShotFit
    from howard_nodes.shot.shot import Inputs

__all__ = ["Report", "run"]

_AHEAD = 1
_BEHIND = 1


@dataclass(frozen=True)
class Report:
    """What became of each frame, and how the clean plate fits (None where it was used as it is).

    Frames that are none of done, skipped and failed were not begun, since the run was cancelled. Those whose
    clean plate could not be fitted are matted all the same, and `misfits` too.
    """

    done: tuple[int, ...]
    skipped: tuple[int, ...]
    failed: dict[int, str]
    seconds: float
    fit: ShotFit | None = None
    cancelled: bool = False

    @property
    def misfits(self) -> tuple[int, ...]:
        """Frames that are there, and whose clean plate could not be fitted."""
        fits = {} if self.fit is None else self.fit.frames
        there = sorted((*self.done, *self.skipped))
        return tuple(frame for frame in there if frame in fits and fits[frame].verdict == "failed")


class _Cancelled(Exception):  # noqa: N818
    """Somebody does not want the rest."""


def run(
    job: Job,
    on_event: Callable[[Event], None] = lambda _: None,
    *,
    warm: Warm | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    make_folder: bool = True,
    spared: Collection[int] = (),
) -> Report:
    """Matte a shot.

    Parameters
    ----------
    job : Job
        What to do.
    on_event : callable
        Told of everything that happens, from several threads but one call at a time.
    warm : Warm, optional
        What is left of earlier runs, and takes what this one leaves; by default nothing.
    cancelled : callable
        Asked between frames whether to stop. Frames in work are finished first.
    make_folder : bool
        Make the output's folder where it is not there. A farm's task must not: its disk may be missing.
    spared : collection of int
        Frames that are not asked for and not to be read either: they would end the process.

    Returns
    -------
    Report
        Frames done, skipped and failed; a failed frame does not stop the others.

    Raises
    ------
    InputError
        Nothing can be done as asked; nothing was written.
    KeyboardInterrupt
        After the frames in work are written or given up; no partial file stays.
    """
    began = time.monotonic()
    lock = threading.Lock()

    def tell(event: Event) -> None:
        with lock:
            on_event(event)

    def tell_unless_cancelled(event: Event) -> None:
        tell(event)
        if isinstance(event, FrameFitted) and cancelled():
            raise _Cancelled

    made = plan(job, tell_unless_cancelled, None if warm is None else warm.cache, spared=spared)
    # Torch is loaded here: what is wrong with a job is told before that.
    from howard_nodes.engine.runtime import Warm
    from howard_nodes.shot.shot import Shot

    shot = Shot(made, warm or Warm(0), tell_unless_cancelled, make_folder=make_folder)
    frames = shot.frames
    engine = shot.engine
    tell(
        Started(
            format_frames(frames),
            len(frames),
            str(engine.network.device),
            engine.network.precision,
            shot.weights_name,
            job.output,
        )
    )
    done: list[int] = []
    skipped: list[int] = []
    failed: dict[int, str] = {}
    stopped = cancelled()
    try:
        if not stopped:
            shot.fit_plates()
    except _Cancelled:
        stopped = True

    def fail(frame: int, error: BaseException) -> None:
        failed[frame] = reason_of(frame, error)
        tell(FrameFailed(frame, failed[frame]))

    last = time.monotonic()

    def settle(frame: int, future: Future[tuple[Path, ...]]) -> None:
        nonlocal last
        try:
            paths = future.result()
        except Exception as error:
            fail(frame, error)
        else:
            done.append(frame)
            # Frames overlap: what one more frame costs is the time since the one before.
            last, before = time.monotonic(), last
            tell(FrameDone(frame, paths, last - before))

    def begin(frame: int) -> Inputs:
        tell(FrameStarted(frame))
        if shot.is_large:
            return_memory()
        return shot.read(frame)

    reader, writer = ThreadPoolExecutor(1, "howard-read"), ThreadPoolExecutor(1, "howard-write")
    predicted: deque[tuple[Inputs, Prediction]] = deque()
    behind: OrderedDict[int, Future[tuple[Path, ...]]] = OrderedDict()

    def finish(inputs: Inputs, prediction: Prediction) -> None:
        try:
            around = shot.around(inputs, reader)
        except Exception as error:
            fail(inputs.frame, error)
            return
        while len(behind) >= _BEHIND:
            settle(*behind.popitem(last=False))
        if shot.is_large:
            return_memory()  # glibc keeps up to 0.4 GB of what the network took at 8K
        behind[inputs.frame] = writer.submit(shot.write, inputs, prediction, around)
        if shot.is_large:
            settle(*behind.popitem(last=False))

    try:
        ahead = 0 if shot.is_large else _AHEAD
        for frame, reading in _ahead(reader, begin, () if stopped else frames, ahead):
            if stopped := cancelled():
                break
            try:
                inputs = reading.result()
                if inputs.complete:
                    skipped.append(frame)
                    tell(FrameDone(frame, shot.paths(frame), 0.0, skipped=True))
                    continue
                predicted.append((inputs, shot.predict(inputs)))
            except Exception as error:
                fail(frame, error)
                continue
            # A frame waits for the neighbours after it.
            while predicted and predicted[0][0].frame + shot.reach <= frame:
                finish(*predicted.popleft())
            del inputs
        while predicted:
            finish(*predicted.popleft())
    finally:
        reader.shutdown(wait=True, cancel_futures=True)
        # An interrupt too waits for frames that are being written.
        for earlier, future in behind.items():
            settle(earlier, future)
        writer.shutdown(wait=True)
        seconds = time.monotonic() - began
        tell(Finished(format_frames(done), format_frames(skipped), format_frames(failed), seconds))
    return Report(tuple(sorted(done)), tuple(skipped), failed, seconds, shot.fit, stopped)


def _ahead(
    reader: Executor, read: Callable[[int], Inputs], frames: tuple[int, ...], count: int
) -> Iterator[tuple[int, Future[Inputs]]]:
    """Read a few frames ahead, in order."""
    waiting: OrderedDict[int, Future[Inputs]] = OrderedDict()
    for frame in frames:
        waiting[frame] = reader.submit(read, frame)
        if len(waiting) > count:
            yield waiting.popitem(last=False)
    while waiting:
        yield waiting.popitem(last=False)
