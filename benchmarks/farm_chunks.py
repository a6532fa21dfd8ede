"""What a task of a farm costs before its first frame, and what two slots gain over one process.

    python benchmarks/farm_chunks.py                      # a chunk's overhead, in parts: some minutes
    python benchmarks/farm_chunks.py --save benchmarks/farm_times.json    # what farm_scale.py replays
    python benchmarks/farm_chunks.py --slots              # 240 frames on two Slurm slots, beside one process
    python benchmarks/farm_chunks.py --slots --frames 24  # the same, as a try
    python benchmarks/farm_chunks.py --warm               # a further task, alone and in a session

The shot is the demo's, enlarged to 1080p, with grain; the clean plate is used as it is, or with --fit fitted.
Every task runs as a scheduler would run it, on the CPU. --slots starts a Slurm of its own with two slots of
one core (Debian's slurm-wlm and munge) and compares the frames of both bit by bit. A process reads, computes
and writes at the same time, so that even one of a single thread takes more than one core.
"""

from __future__ import annotations

import argparse
import ctypes
import filecmp
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from pipeline_speed import SIZES, make_shot

from howard_nodes.description import FitSettings
from howard_nodes.description.job import Job
from howard_nodes.farm import Bundle, Farming, make_bundle, task_command
from howard_nodes.farm.bundle import Task, openjd_command

_PR_SET_CHILD_SUBREAPER = 36
HOWARD = [sys.executable, "-m", "howard_nodes"]
PARTS = (
    "open job description",
    "check of the worker",
    "howard's start",
    "first frame",
    "further frames",
    "end",
)

# What `howard matte` does from its first line on, one after another: it begins when this process does.
_INSIDE = """
import json, os, sys, time
began, job = float(sys.argv[1]), json.loads(sys.argv[2])
taken = {}
def lap(name):
    global began
    now = time.time()
    taken[name] = now - began
    began = now
lap("python")
import torch
lap("torch")
from howard_nodes.description import FitSettings
from howard_nodes.description.job import Job
from howard_nodes.engine.runtime import Warm
from howard_nodes.shot.plan import plan
from howard_nodes.shot.shot import Shot
lap("howard and its libraries")
shot = Shot(plan(Job(fitting=FitSettings("off", "off"), **job)), Warm(0), lambda _: None)
lap("weights, colour, headers")
inputs = shot.read(shot.frames[0])
lap("first frame: read")
prediction = shot.predict(inputs)
lap("first frame: network")
paths = shot.write(inputs, prediction)
lap("first frame: solve and write")
with open("/proc/self/io") as io:
    read = int(io.readline().split()[1])
mapped, of_file = {}, None
with open("/proc/self/smaps") as maps:
    for line in maps:
        words = line.split()
        if "-" in words[0] and not words[0].endswith(":"):
            of_file = words[5] if len(words) > 5 and words[5].startswith("/") else None
        elif words[0] == "Rss:" and of_file:
            mapped[of_file] = mapped.get(of_file, 0) + 1024 * int(words[1])
print(json.dumps({"taken": taken, "read": read, "mapped": sum(mapped.values())}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--slots", action="store_true", help="two Slurm slots beside one process")
    parser.add_argument("--warm", action="store_true", help="a further task, alone and in a session")
    parser.add_argument("--frames", type=int, help="by default 240 with --slots, else 10")
    parser.add_argument("--size", choices=SIZES, default="1080p")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chunk", type=int, default=40, help="frames per task, with --slots")
    parser.add_argument("--fit", action="store_true", help="fit the clean plate")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the times")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="howard-farm-") as name:
        folder = Path(name)
        count = options.frames or (240 if options.slots else 10)
        job = make_shot(folder, *SIZES[options.size], count)
        if not options.fit:
            job = replace(job, fitting=FitSettings("off", "off"))
        if options.warm:
            warm(job, folder, options.frames or 12, options.rounds)
        elif options.slots:
            slots(job, folder, count, options.chunk)
        else:
            times = overhead(job, folder, count, options.rounds)
            if options.save:
                known = json.loads(options.save.read_text()) if options.save.exists() else {}
                options.save.write_text(json.dumps({**known, options.size: _rounded(times)}, indent=1) + "\n")


def overhead(job: Job, folder: Path, count: int, rounds: int) -> dict[str, Any]:
    """Print what a chunk of `count` frames costs, in parts.

    Returns
    -------
    dict
        Seconds of each start, of each frame after a chunk's first, and of the steps that are one task; bytes.
    """
    bundle = make_bundle(job, folder / "job", _farming(count))
    (task,) = bundle.step("Matte").tasks
    starts, frames, parts = [], [], {part: [] for part in PARTS}
    _chunk(bundle, task)  # files come from the page cache from now on
    for _ in range(rounds):
        found, between = _chunk(bundle, task)
        frames += between
        for part, seconds in found.items():
            parts[part].append(seconds)
        starts.append(sum(found.values()) - found["further frames"] - statistics.median(between))
    print(f"one task of {count} frames, {_threads()} threads, medians of {rounds}:")
    for part, seconds in parts.items():
        print(f"  {part:30} {statistics.median(seconds):6.2f} s")
    print(f"  {'all':30} {statistics.median(map(sum, zip(*parts.values(), strict=True))):6.2f} s")
    frame = statistics.median(frames)
    start = statistics.median(starts)
    print(f"  a further frame {frame:.2f} s; what the task costs beside its frames: {start:.2f} s")
    for size in (1, 10, 30, 100):
        print(f"    chunks of {size:3}: {start / (start + size * frame):5.1%} of the time")
    inside = [_inside(job, folder) for _ in range(rounds)]
    print("howard's start and first frame, one step after another:")
    for part in inside[0]["taken"]:
        print(f"  {part:30} {statistics.median(one['taken'][part] for one in inside):6.2f} s")
    fitted = replace(job, fitting=FitSettings(), output=str(folder / "fitted/s.####.exr"))
    fit = _whole_shot(make_bundle(fitted, folder / "fit", _farming(count)), "Fit")
    verify = _whole_shot(bundle, "Verify")
    print("steps that are one task for the whole shot:")
    for name, (once, each) in {"Fit": fit, "Verify": verify}.items():
        print(f"  {name:30} {once:6.2f} s and {each:.2f} s a frame")
    sizes = _sizes(job, bundle)
    installation = inside[0]["mapped"] + inside[0]["read"] - sizes["plate"] - sizes["clean_plate"]
    print("bytes: " + ", ".join(f"{what.replace('_', ' ')} {_mb(size)}" for what, size in sizes.items()))
    print(f"bytes of Python, libraries and weights that a start reads: {_mb(installation)}")
    return {
        "starts": starts,
        "frames": frames,
        "fit": fit,
        "verify": verify,
        "bytes": {**sizes, "installation": installation},
    }


def warm(job: Job, folder: Path, count: int, rounds: int) -> None:
    """Print what a further task costs beside its frames, in seconds and in seconds of CPU.

    The frames are worked as one task, and as four: in sessions of their own, and in one session. What the
    four take more is what three tasks cost.
    """
    whole = make_bundle(job, folder / "whole", _farming(count))
    parts = make_bundle(job, folder / "parts", _farming(count // 4))
    ways: dict[str, tuple[list[Task], ...]] = {
        "as one task": ([*whole.step("Matte").tasks],),
        "as four tasks, each in a session of its own": tuple([task] for task in parts.step("Matte").tasks),
        "as four tasks of one session": ([*parts.step("Matte").tasks],),
    }
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    # The warm process is to be counted with its session: it becomes a child of this process.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    for number in range(rounds + 1):
        for way, sessions in ways.items():
            taken = _sessions(whole if len(sessions[0]) == 1 and len(sessions) == 1 else parts, sessions)
            if number:  # the first has files come from the page cache
                found[way].append(taken)
    one = found["as one task"]
    print(f"{count} frames, {_threads()} threads, medians of {rounds}:")
    for way, taken in found.items():
        wall, cpu = (statistics.median(column) for column in zip(*taken, strict=True))
        print(f"  {way:46} {wall:6.2f} s, {cpu:6.2f} s of CPU", end="")
        more = [
            [(here - there) / 3 for here, there in zip(*both, strict=True)]
            for both in zip(taken, one, strict=True)
        ]
        wall, cpu = (statistics.median(column) for column in zip(*more, strict=True))
        print("" if way == "as one task" else f"; a further task {wall:.2f} s, {cpu:.2f} s of CPU")


def _sessions(bundle: Bundle, sessions: tuple[list[Task], ...]) -> tuple[float, float]:
    """Run sessions of tasks, one after another; give their seconds, and their seconds of CPU."""
    for path in Path(bundle.output).parent.glob("*.exr"):
        path.unlink()
    step = bundle.step("Matte")
    environment = {**os.environ, "OMP_NUM_THREADS": _threads()}
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    for tasks in sessions:
        command = openjd_command(bundle, step, tuple(tasks))
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    seconds = time.monotonic() - began
    with suppress(ChildProcessError):
        while True:
            os.wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def slots(job: Job, folder: Path, count: int, chunk: int) -> None:
    """Print what two slots of a Slurm gain over one process, and whether the frames are the same."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from farm.slurm_cluster import Cluster, obstacle

    missing = obstacle()
    if missing is not None:
        sys.exit(missing)
    print(f"{count} frames in chunks of {chunk}, {os.cpu_count()} cores here")
    cluster = Cluster(slots=2)
    try:
        environment = {**os.environ, **cluster.environment}
        farm, whole = _on_slurm(job, folder, chunk, environment)
    finally:
        cluster.stop()
    print(
        f"two slots of one core, OMP_NUM_THREADS=1: last frame after {farm:.1f} s, Verify after {whole:.1f} s"
    )
    one, cores = {min(os.sched_getaffinity(0))}, os.sched_getaffinity(0)
    for what, threads, pinned in (
        ("on one core, as a slot has", 1, one),
        ("on all cores", 1, cores),
        ("on all cores", len(cores), cores),
    ):
        output = folder / "plain"
        plain = _plain(job, output, threads, pinned)
        names = _names(folder / "out")
        same, _, _ = filecmp.cmpfiles(folder / "out", output, names, shallow=False)
        said = (
            f"one process {what}, OMP_NUM_THREADS={threads}: {plain:.1f} s, {plain / farm:.2f} x the slots'"
        )
        print(f"{said}, same bits: {len(same)} of {count}")
        shutil.rmtree(output)


def _on_slurm(job: Job, folder: Path, chunk: int, environment: dict[str, str]) -> tuple[float, float]:
    """Give the seconds to the last frame, and to the end of the job."""
    bundle = make_bundle(job, folder / "job", replace(_farming(chunk), cores=1, memory=3000))
    began = time.time()
    command = ["farm", "submit", str(bundle.folder), "--scheduler", "slurm", "--wait"]
    subprocess.run([*HOWARD, *command], env=environment, check=True, stdout=subprocess.DEVNULL)
    whole = time.time() - began
    last = max((folder / "out" / name).stat().st_mtime for name in _names(folder / "out"))
    return last - began, whole


def _plain(job: Job, output: Path, threads: int, cores: set[int]) -> float:
    """Give the seconds of `howard matte`, from its start to its end."""
    arguments = ["matte", job.plate, "--clean", job.required_clean, "-o", str(output / "s.####.exr")]
    fitting = asdict(job.fitting)
    arguments += ["--align", fitting["align"], "--match-exposure", fitting["match_exposure"]]
    began = time.time()
    subprocess.run(
        [*HOWARD, *arguments, "--device", "cpu"],
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.time() - began


def _chunk(bundle: Bundle, task: Task) -> tuple[dict[str, float], list[float]]:
    """Run a task; give the seconds of each part, and those between one frame and the next."""
    for path in Path(bundle.output).parent.glob("*.exr"):
        path.unlink()
    began, lines, ended = _run(bundle, task)
    check, step = _at(lines, "Entering Environment")[0], _at(lines, "Running step")[0]
    # The first line of howard's own, after its libraries and weights are loaded.
    ready = next(when for when in _at(lines, " to ") if when > step)
    folder = Path(bundle.output).parent
    written = sorted((folder / name).stat().st_mtime for name in _names(folder))
    marks = [began, check, step, ready, written[0], written[-1], ended]
    return dict(zip(PARTS, _between(marks), strict=True)), _between(written)


def _between(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


def _whole_shot(bundle: Bundle, step: str) -> tuple[float, float]:
    """Run a step that is one task: seconds that are there once, and those of each frame."""
    (task,) = bundle.step(step).tasks
    began, lines, ended = _run(bundle, task)
    steps = _between(_at(lines, "openjd_progress"))
    each = statistics.mean(steps)
    return ended - began - each * (len(steps) + 1), each


def _run(bundle: Bundle, task: Task) -> tuple[float, list[list[str]], float]:
    """Run a task as a scheduler does: its begin, its lines with their times, its end."""
    began = time.time()
    done = subprocess.run(task_command(bundle, task), capture_output=True, text=True, check=True)
    ended = time.time()
    lines = done.stdout.splitlines()
    return began, [line.split("\t", 1) for line in lines if re.match(r"\d{4}-\d\d-\d\dT", line)], ended


def _at(lines: list[list[str]], text: str) -> list[float]:
    return [datetime.fromisoformat(stamp).timestamp() for stamp, said in lines if text in said]


def _inside(job: Job, folder: Path) -> dict[str, Any]:
    asked = {"plate": job.plate, "clean_plate": job.clean_plate, "output": str(folder / "inside/s.####.exr")}
    asked |= {"device": "cpu"}
    command = [sys.executable, "-c", _INSIDE, str(time.time()), json.dumps(asked)]
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": _threads()}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def _sizes(job: Job, bundle: Bundle) -> dict[str, int]:
    folder = Path(bundle.output).parent
    result = (folder / name for name in _names(folder))
    return {
        "plate": Path(job.plate.replace("####", "1001")).stat().st_size,
        "clean_plate": Path(job.required_clean).stat().st_size,
        "result": round(statistics.mean(path.stat().st_size for path in result)),
    }


def _rounded(times: Any) -> Any:
    """Round seconds to a millisecond, however deep they lie."""
    if isinstance(times, dict):
        return {name: _rounded(value) for name, value in times.items()}
    return [round(value, 3) for value in times] if isinstance(times, list | tuple) else times


def _farming(chunk: int) -> Farming:
    return Farming(chunk=chunk, cores=int(_threads()), howard=str(Path(sys.executable).with_name("howard")))


def _threads() -> str:
    return os.environ.get("OMP_NUM_THREADS", "1")


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("s.*.exr"))


def _mb(size: float) -> str:
    return f"{size / 1e6:.1f} MB"


if __name__ == "__main__":
    main()
