"""What becomes of 100,000 frames on 1,000 workers: a simulation that replays measured times.

    python benchmarks/farm_scale.py                                  # all of it, two minutes
    python benchmarks/farm_scale.py --only chunks --storage 40       # or: adaptive, storage, workers, shots
    python benchmarks/farm_scale.py --size 2160p --workers 200 --frames 20000

Starts and frames take what benchmarks/farm_chunks.py measured (farm_times.json, or --times), drawn at random;
a frame's next one is like it, since shots have hard and easy stretches. Each worker is a little faster or
slower, some are stragglers. A task that fails has done its frames up to there, and comes back for the others.
All share one storage: what a worker reads for its first start (Python, libraries, weights), each task's clean
plate, each frame's plate and result. The scheduler starts so many tasks a second and no more.

Efficiency is the time that the frames alone need, over that of all workers until the last frame.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import random
import statistics
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

TIMES = Path(__file__).with_name("farm_times.json")
MEASURED = ("starts", "frames", "fit", "verify", "scout", "join", "report", "loading")
BLOCK = 16  # frames of a fit that belong together: a chunk does half of one again, on average
ALIKE = 25  # frames of a stretch that take about the same


@dataclass(frozen=True)
class Times:
    """What was measured: seconds and bytes.

    Attributes
    ----------
    starts, frames : tuple of float
        Of tasks beside their frames, and of frames.
    fit, verify : tuple of float
        Of those steps: once, and for each frame.
    scout, join, report : tuple of float
        Of the steps that a long shot has besides: the same.
    loading : tuple of float
        Of the shot's fit, by each task of Matte: seconds and bytes for each frame of the shot.
    plate, clean_plate, result, installation : float
        Bytes of a frame, of a task, of a frame, and of a worker's first start.
    """

    starts: tuple[float, ...]
    frames: tuple[float, ...]
    fit: tuple[float, float]
    verify: tuple[float, float]
    scout: tuple[float, float]
    join: tuple[float, float]
    report: tuple[float, float]
    loading: tuple[float, float]
    plate: float
    clean_plate: float
    result: float
    installation: float

    @classmethod
    def load(cls, path: Path, size: str) -> Times:
        document = json.loads(path.read_text(encoding="utf-8"))
        kept = document[size] | document["long"]
        lists: dict[str, tuple[float, ...]] = {name: tuple(kept[name]) for name in MEASURED}
        return cls(**lists, **kept["bytes"])


@dataclass(frozen=True)
class Farm:
    """A farm and a job on it.

    Attributes
    ----------
    workers : int
        Tasks at a time.
    frames, shot : int
        Of the job; in shots of so many.
    chunk : int
        Frames a task; with `target`, of the first tasks.
    target : float
        Seconds that a task is to take, where the scheduler adapts the chunk; 0 keeps it.
    storage, link : float
        Bytes a second, of the storage and of one worker.
    dispatch : float
        Tasks that the scheduler starts in a second.
    failures : float
        In an hour of a worker.
    requeue : float
        Seconds until a failed task may run again.
    stragglers, slower : float
        Part of the workers that are slower, and how much.
    is_installed : bool
        Python, libraries and weights lie on each worker's own disk.
    with_fit : bool
        Fit before a shot's frames, and Verify after them.
    fit_chunk : int
        Frames a task of those; a shot with more has Scout, Join and Report too.
    """

    workers: int = 1000
    frames: int = 100_000
    shot: int = 250
    chunk: int = 25
    target: float = 0.0
    storage: float = 20e9
    link: float = 1.25e9
    dispatch: float = 50.0
    failures: float = 0.05
    requeue: float = 30.0
    stragglers: float = 0.02
    slower: float = 3.0
    is_installed: bool = False
    with_fit: bool = False
    fit_chunk: int = 400


@dataclass
class Result:
    """How it went.

    Attributes
    ----------
    seconds : float
        Until the last frame, or the last Verify.
    tasks, failed : int
        Attempts, and those that failed.
    computed, starting : float
        Seconds of all workers with frames, and with starts.
    moved : float
        Bytes from and to the storage.
    busiest : float
        Part of the time in which the storage gave all it has.
    """

    seconds: float = 0.0
    tasks: int = 0
    failed: int = 0
    computed: float = 0.0
    starting: float = 0.0
    moved: float = 0.0
    busiest: float = 0.0

    def efficiency(self, farm: Farm) -> float:
        return self.computed / (farm.workers * self.seconds)


@dataclass(order=True)
class _Flow:
    """Bytes that come through the storage: done when every flow of its time got `until`."""

    until: float
    number: int
    then: Callable[[], None] = field(compare=False)


class Storage:
    """A storage that all flows share alike, none faster than its worker's link."""

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._flows: list[_Flow] = []
        self._given = 0.0  # bytes that a flow got that has been there from the beginning
        self._at = 0.0
        self._number = 0
        self.saturated = 0.0

    def _rate(self) -> float:
        return min(self._farm.link, self._farm.storage / max(1, len(self._flows)))

    def advance(self, now: float) -> None:
        rate = self._rate()
        self._given += rate * (now - self._at)
        if rate < self._farm.link:
            self.saturated += now - self._at
        self._at = now

    def begin(self, now: float, size: float, then: Callable[[], None]) -> None:
        self.advance(now)
        self._number += 1
        heapq.heappush(self._flows, _Flow(self._given + size, self._number, then))

    def next_end(self) -> float:
        if not self._flows:
            return math.inf
        return self._at + max(0.0, self._flows[0].until - self._given) / self._rate()

    def end_first(self, now: float) -> None:
        self.advance(now)
        heapq.heappop(self._flows).then()


@dataclass
class _Task:
    """Frames of one shot that one worker makes or looks at; `kind` is the step."""

    shot: int
    frames: list[float]
    kind: str = "Matte"


class Simulation:
    """One job on one farm."""

    def __init__(self, times: Times, farm: Farm, seed: int = 1) -> None:
        self._times, self._farm = times, farm
        self._random = random.Random(seed)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self._now = 0.0
        self._storage = Storage(farm)
        self.result = Result()
        self._speed = [self._slowness() for _ in range(farm.workers)]
        self._is_warm = [farm.is_installed] * farm.workers
        self._idle = list(range(farm.workers))
        self._random.shuffle(self._idle)
        self._dispatched = 0.0
        self._ready: deque[_Task] = deque()
        self._shots = list(self._frames())
        self._parts: dict[int, int] = {}
        self._left = [len(frames) for frames in self._shots]
        # What the scheduler knows of the time a frame takes, its task's start included.
        self._seen = [farm.target / farm.chunk] if farm.target else []
        for shot in range(len(self._shots)):
            if farm.with_fit and self._is_long(shot):
                self._ready.append(_Task(shot, self._shots[shot], "Scout"))
            elif farm.with_fit:
                self._share(shot, "Fit")
            else:
                self._open(shot)

    def run(self) -> Result:
        """Run until nothing is left."""
        self._assign()
        while self._events or self._storage.next_end() < math.inf:
            flowed = self._storage.next_end()
            if self._events and self._events[0][0] <= flowed:
                self._now, _, then = heapq.heappop(self._events)
                then()
            else:
                self._now = flowed
                self._storage.end_first(flowed)
            self._assign()
        assert not any(self._left), "frames are left"
        self.result.busiest = self._storage.saturated / self.result.seconds
        return self.result

    # What there is to do.

    def _slowness(self) -> float:
        slow = self._random.random() < self._farm.stragglers
        return self._random.lognormvariate(0, 0.1) * (self._farm.slower if slow else 1)

    def _frames(self) -> Iterator[list[float]]:
        """Give the seconds of each frame, shot by shot."""
        for first in range(0, self._farm.frames, self._farm.shot):
            count = min(self._farm.shot, self._farm.frames - first)
            seconds: list[float] = []
            while len(seconds) < count:
                level = self._random.choice(self._times.frames)
                near = sorted(self._times.frames, key=lambda one: abs(one - level))
                near = near[: max(1, len(near) // 3)]
                seconds += self._random.choices(near, k=min(ALIKE, count - len(seconds)))
            yield seconds

    def _is_long(self, shot: int) -> bool:
        return len(self._shots[shot]) > self._farm.fit_chunk

    def _share(self, shot: int, kind: str) -> None:
        """Make Fit or Verify of a shot ready."""
        frames, size = self._shots[shot], self._farm.fit_chunk
        chunks = [frames[first : first + size] for first in range(0, len(frames), size)]
        self._parts[shot] = len(chunks)
        self._ready.extend(_Task(shot, chunk, kind) for chunk in chunks)

    def _next(self, task: _Task) -> None:
        """Make ready what waited for a task of another kind than Matte."""
        shot = task.shot
        if task.kind == "Scout":
            self._share(shot, "Fit")
        elif task.kind in ("Fit", "Verify"):
            self._parts[shot] -= 1
            if self._parts[shot]:
                return
            if self._is_long(shot):
                joins = {"Fit": "Join", "Verify": "Report"}[task.kind]
                self._ready.append(_Task(shot, self._shots[shot], joins))
            elif task.kind == "Fit":
                self._open(shot)
            else:
                self.result.seconds = self._now
        elif task.kind == "Join":
            self._open(shot)
        else:
            self.result.seconds = self._now

    def _open(self, shot: int) -> None:
        """Make a shot's frames ready: cut up now, or left whole for a scheduler that adapts."""
        frames = self._shots[shot]
        size = len(frames) if self._farm.target else self._farm.chunk
        for first in range(0, len(frames), size):
            self._ready.append(_Task(shot, frames[first : first + size]))

    def _cut(self, task: _Task) -> _Task:
        """Take a chunk off what is left of a shot, as large as a task of the wanted length."""
        if not self._farm.target or task.kind != "Matte":
            return task
        size = max(1, round(self._farm.target / statistics.mean(self._seen[-50:])))
        if size < len(task.frames):
            self._ready.appendleft(_Task(task.shot, task.frames[size:]))
        return _Task(task.shot, task.frames[:size])

    # Who does it.

    def _after(self, seconds: float, then: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (self._now + seconds, self._number, then))

    def _assign(self) -> None:
        while self._idle and self._ready:
            worker, task = self._idle.pop(), self._cut(self._ready.popleft())
            self._dispatched = max(self._now, self._dispatched) + 1 / self._farm.dispatch
            self._after(self._dispatched - self._now, lambda one=worker, what=task: self._start(one, what))

    def _start(self, worker: int, task: _Task) -> None:
        began = self._now
        self.result.tasks += 1
        seconds = self._random.choice(self._times.starts) * self._speed[worker]
        if task.kind != "Matte":
            seconds = getattr(self._times, task.kind.lower())[0] * self._speed[worker]
        long = len(self._shots[task.shot]) if self._farm.with_fit and task.kind == "Matte" else 0
        seconds += long * self._times.loading[0]
        size = self._times.clean_plate + long * self._times.loading[1]
        size += 0 if self._is_warm[worker] else self._times.installation
        self._is_warm[worker] = True

        def ready() -> None:
            self.result.starting += self._now - began
            self._work(worker, task)

        self._both(seconds, size, ready)

    def _work(self, worker: int, task: _Task) -> None:
        began = self._now
        speed, count = self._speed[worker], len(task.frames)
        if task.kind == "Matte":
            each, size = task.frames, self._times.plate + self._times.result
        else:
            each = [getattr(self._times, task.kind.lower())[1]] * count
            if task.kind == "Fit" and self._is_long(task.shot):
                each[0] *= 1 + BLOCK / 2
            size = {"Fit": self._times.plate, "Verify": self._times.result}.get(task.kind, 0.0)
        until = self._random.expovariate(self._farm.failures / 3600) if self._farm.failures else math.inf
        done, seconds = 0, 0.0
        while done < count and seconds + each[done] * speed <= until:
            seconds += each[done] * speed
            done += 1

        def ended() -> None:
            self._idle.append(worker)
            if task.kind == "Matte":
                self._seen.append((self._now - began + statistics.mean(self._times.starts)) / max(1, done))
                self.result.computed += sum(task.frames[:done])
                self._left[task.shot] -= done
                self.result.seconds = self._now
            if done < count:
                self.result.failed += 1
                again = replace(task, frames=task.frames[done:] if task.kind == "Matte" else task.frames)
                self._after(self._farm.requeue, lambda: self._ready.appendleft(again))
            elif task.kind != "Matte":
                self._next(task)
            elif self._farm.with_fit and not self._left[task.shot]:
                self._share(task.shot, "Verify")

        # Reading ahead and writing behind go on while a frame is computed.
        self._both(min(seconds, until), done * size, ended)

    def _both(self, seconds: float, size: float, then: Callable[[], None]) -> None:
        """Go on when the time is over and the bytes have come."""
        open_ends = [2]

        def one() -> None:
            open_ends[0] -= 1
            if not open_ends[0]:
                then()

        self._after(seconds, one)
        self.result.moved += size
        self._storage.begin(self._now, size, one)


def simulate(times: Times, farm: Farm, rounds: int = 3) -> Result:
    """Give the round whose time is the median."""
    results = [Simulation(times, farm, seed).run() for seed in range(rounds)]
    return sorted(results, key=lambda one: one.seconds)[rounds // 2]


COLUMNS = ("tasks", "failed", "until done", "efficiency", "starts", "moved", "full")
WIDTHS = (7, 6, 10, 10, 7, 8, 5)


def line(name: str, farm: Farm, result: Result) -> None:
    minutes = f"{result.seconds / 60:.1f} min" if result.seconds < 36000 else f"{result.seconds / 3600:.1f} h"
    cells = (
        f"{result.tasks:,}",
        f"{result.failed:,}",
        minutes,
        f"{result.efficiency(farm):.0%}",
        f"{result.starting / (farm.workers * result.seconds):.0%}",
        f"{result.moved / 1e12:.2f} TB",
        f"{result.busiest:.0%}",
    )
    print(f"{name:26}", *(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=True)))


def chunks(times: Times, farm: Farm) -> None:
    """Print fixed chunks of several sizes."""
    for size in (1, 2, 5, 10, 25, 50, 125, 250):
        if size <= farm.shot:
            case = replace(farm, chunk=size)
            line(f"chunks of {size}", case, simulate(times, case))


def adaptive(times: Times, farm: Farm) -> None:
    """Print a scheduler that adapts the chunk beside the best that is fixed."""
    for target in (15, 30, 60, 120, 300):
        case = replace(farm, chunk=10, target=float(target))
        line(f"tasks of {target} s, adapted", case, simulate(times, case))


def storage(times: Times, farm: Farm) -> None:
    """Print storages, with the installation on them and on each worker."""
    for gigabytes in (2, 5, 10, 20, 40, 100):
        for is_installed in (False, True):
            case = replace(farm, storage=gigabytes * 1e9, is_installed=is_installed)
            name = f"{gigabytes} GB/s{', installed' if is_installed else ''}"
            line(name, case, simulate(times, case))


def workers(times: Times, farm: Farm) -> None:
    """Print farms of several sizes."""
    for count in (10, 50, 100, 250, 500, 1000, 2000):
        case = replace(farm, workers=count)
        line(f"{count:,} workers", case, simulate(times, case))


def shots(times: Times, farm: Farm) -> None:
    """Print jobs of several lengths with Fit before and Verify after; those as one task, and in chunks."""
    for length in (100, 250, 1000, 10_000, farm.frames):
        for size in (
            (farm.frames, farm.fit_chunk) if farm.fit_chunk < length <= farm.frames else (farm.frames,)
        ):
            case = replace(farm, shot=length, with_fit=True, fit_chunk=size)
            how = ", chunks" if size < length else ""
            line(f"shots of {length:,}{how}", case, simulate(times, case))


PARTS = {
    "chunks": chunks,
    "adaptive": adaptive,
    "storage": storage,
    "workers": workers,
    "shots": shots,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", choices=PARTS, help="one part")
    parser.add_argument(
        "--times", type=Path, default=TIMES, metavar="FILE", help="times, from farm_chunks.py --save"
    )
    parser.add_argument("--size", default="1080p", help="1080p or 2160p")
    usual = Farm()
    parser.add_argument("--frames", type=int, default=usual.frames)
    parser.add_argument("--workers", type=int, default=usual.workers)
    parser.add_argument("--shot", type=int, default=usual.shot, help="frames per shot")
    parser.add_argument("--chunk", type=int, default=usual.chunk, help="frames per task, where not varied")
    parser.add_argument("--fit-chunk", type=int, default=usual.fit_chunk, help="the same of Fit and Verify")
    parser.add_argument("--storage", type=float, default=usual.storage / 1e9, metavar="GB/s")
    parser.add_argument("--dispatch", type=float, default=usual.dispatch, metavar="TASKS/s")
    parser.add_argument("--failures", type=float, default=usual.failures, help="failures per worker and hour")
    options = parser.parse_args()
    times = Times.load(options.times, options.size)
    farm = Farm(
        workers=options.workers,
        frames=options.frames,
        shot=options.shot,
        chunk=options.chunk,
        fit_chunk=options.fit_chunk,
        storage=options.storage * 1e9,
        dispatch=options.dispatch,
        failures=options.failures,
    )
    print(
        f"{farm.frames:,} frames of {options.size} in shots of {farm.shot}, {farm.workers:,} workers, ",
        end="",
    )
    print(f"storage {options.storage:g} GB/s, {farm.dispatch:g} tasks a second, ", end="")
    print(f"{farm.failures:g} failures an hour of a worker")
    start, frame = statistics.median(times.starts), statistics.median(times.frames)
    each, first = (times.plate + times.result) / 1e6, times.installation / 1e6
    print(f"measured: a start {start:.2f} s, a frame {frame:.2f} s; ", end="")
    print(f"{each:.1f} MB a frame, {first:.0f} MB a worker's first start")
    print(" " * 26, *(f"{name:>{width}}" for name, width in zip(COLUMNS, WIDTHS, strict=True)))
    for name, part in PARTS.items():
        if options.only in (None, name):
            print(f"-- {name}")
            part(times, farm)


if __name__ == "__main__":
    main()
