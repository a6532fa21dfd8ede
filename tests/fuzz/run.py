"""Feed Howard damaged files: nothing but its own errors may come of them.

    python tests/fuzz/run.py --count 100000 --seed 1
    python tests/fuzz/run.py --kind exr --first 1234 --count 1

Inputs are used in a process of their own, one after the other; each kind's first are whole files. A fault is:
an exception that is not Howard's, a whole file that is refused, a process that dies, 20 s without a result,
more than 2 GB of memory, a program started, a file written outside the output, or one left behind. Each is
reported once for its place, with an input that shows it, kept in --keep; the rest goes on. Exit code 1 where
there was any.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from fuzz.mutations import mutated  # noqa: E402
from fuzz.seeds import KINDS, make_seeds  # noqa: E402

HANG_SECONDS = 20.0
ADDRESS_SPACE = 4 << 30  # bytes beyond what libraries take
MEMORY = 2 << 30  # bytes that one small file may cost: FFmpeg may ask for as much at once

# How many of a hundred inputs each kind gets: as many as it has ways to go wrong, and as it is fast.
SHARES = {
    "exr": 18, "dpx": 7, "png": 9, "tiff": 12, "jpeg": 6, "webp": 4, "heic": 4,
    "mov": 8, "mp4": 7, "video": 4, "fit": 6, "report": 3, "ocio": 6, "message": 5.5, "weights": 0.5,
}  # fmt: skip


@dataclass
class Tally:
    """What came of the inputs of a kind."""

    inputs: int = 0
    refused: int = 0
    accepted: int = 0
    faults: Counter[tuple[str, str]] = field(default_factory=Counter)
    kept: dict[tuple[str, str], str] = field(default_factory=dict)


# In the process that uses the inputs.


class _Watch:
    """Notes what a Python process writes, removes or starts outside a folder."""

    def __init__(self, inside: Path) -> None:
        self._inside = str(inside)
        self.found: list[str] = []
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if not isinstance(flags, int) or not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
                return
            paths: tuple[Any, ...] = (path,)
        elif event in (
            "os.rename",
            "os.link",
            "os.symlink",
            "os.mkdir",
            "os.remove",
            "os.rmdir",
            "os.truncate",
        ):
            paths = arguments[:2] if event in ("os.rename", "os.link", "os.symlink") else arguments[:1]
        elif event in (
            "subprocess.Popen",
            "os.system",
            "os.exec",
            "os.posix_spawn",
            "os.fork",
            "socket.connect",
        ):
            self.found.append(f"{event} {arguments[:1]}")
            return
        else:
            return
        for path in paths:
            if isinstance(path, str | bytes | os.PathLike):
                where = os.path.abspath(os.fsdecode(path))  # noqa: PTH100
                if not where.startswith((self._inside, "/dev/null")):
                    self.found.append(f"{event} {where}")


def _child(kind: str, seed: int, first: int, last: int, folder: Path, tell: int) -> None:
    """Use inputs one after the other; say of each, on a pipe, that it begins and what came of it."""
    faulthandler.enable()
    folders = {name: folder / name for name in ("in", "out", "tmp", "home", "cwd")}
    for path in folders.values():
        path.mkdir(exist_ok=True)
    os.environ.update(
        HOME=str(folders["home"]), TMPDIR=str(folders["tmp"]), HOWARD_WEIGHTS=str(folders["home"])
    )
    tempfile.tempdir = str(folders["tmp"])
    os.chdir(folders["cwd"])
    sys.dont_write_bytecode = True
    from fuzz.targets import TARGETS

    target, seeds = (
        TARGETS[kind],
        {path.name: path.read_bytes() for path in (folder.parent / "seeds").iterdir()},
    )
    for name in seeds:  # what is imported and allocated once
        _use(target, folders, name, seeds[name])
    limit = _status("VmSize") + ADDRESS_SPACE
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    watch = _Watch(folder)
    most = _status("VmHWM") + MEMORY

    def say(**what: Any) -> None:
        os.write(tell, json.dumps(what).encode() + b"\n")

    for number in range(first, last):
        name, content = mutated(kind, seed, number, seeds)
        say(begin=number)
        outcome, fault = _use(target, folders, name, content)
        if fault is None and watch.found:
            fault = ("wrote outside", "; ".join(dict.fromkeys(watch.found)), "")
        watch.found.clear()
        if number < len(seeds) and outcome == "refused" and not name.startswith("refused-"):
            fault = ("refused", f"a whole file, {name}", "")
        if fault is None:
            left = [
                str(path.relative_to(folder))
                for part in ("out", "tmp", "home", "cwd")
                for path in folders[part].iterdir()
            ]
            if left and kind != "weights":
                fault = (
                    "left behind",
                    ", ".join(sorted({name.partition("/")[0] for name in left})),
                    str(left),
                )
        if fault is None and _status("VmHWM") > most:
            fault = ("memory", f"more than {MEMORY >> 20} MB", str(_status("VmHWM")))
            Path("/proc/self/clear_refs").write_text("5")
        say(end=number, outcome=outcome, fault=fault)


def _use(
    target: Any, folders: dict[str, Path], name: str, content: bytes
) -> tuple[str, tuple[str, str, str] | None]:
    from howard_nodes.errors import HowardError

    for path in folders.values():
        for old in path.iterdir():
            if old.is_dir() and not old.is_symlink():
                shutil.rmtree(old)
            else:
                old.unlink()
    path = folders["in"] / name
    path.write_bytes(content)
    try:
        target(path, folders["out"])
    except HowardError as error:
        if type(error.__cause__) is MemoryError:  # FFmpeg's own is about numbers that make no sense
            return "fault", (
                "memory",
                f"asked for more than {ADDRESS_SPACE >> 30} GB",
                traceback.format_exc(),
            )
        return "refused", None
    except BaseException as error:
        return "fault", (type(error).__name__, _place(error), traceback.format_exc())
    return "accepted", None


def _place(error: BaseException) -> str:
    """Name the innermost line of Howard's that an exception came through."""
    ours = [one for one in traceback.extract_tb(error.__traceback__) if "howard_nodes" in one.filename]
    if not ours:
        return "the target itself"
    return f"{ours[-1].filename.rpartition('howard_nodes/')[2]}:{ours[-1].lineno} {ours[-1].name}"


def _status(name: str) -> int:
    """Give a size from /proc/self/status in bytes."""
    text = Path("/proc/self/status").read_text()
    return int(text.split(f"{name}:")[1].split()[0]) << 10


# In the process that watches.


def run(kind: str, seed: int, first: int, count: int, keep: Path) -> Tally:
    """Use inputs of one kind.

    Parameters
    ----------
    kind : str
        One of `fuzz.seeds.KINDS`.
    seed : int
        Of all inputs.
    first, count : int
        Which of them.
    keep : Path
        Folder for inputs that show a fault.
    """
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        folder = Path(scratch)
        (folder / "seeds").mkdir()
        (folder / "making").mkdir()
        for name, content in make_seeds(kind, folder / "making").items():
            (folder / "seeds" / name).write_bytes(content)
        at = first
        while at < first + count:
            at = _run_child(kind, seed, at, first + count, folder, keep, tally)
    return tally


def _run_child(kind: str, seed: int, first: int, last: int, folder: Path, keep: Path, tally: Tally) -> int:
    """Run one process until it is done, dies or hangs; give the number to go on with."""
    reading, writing = os.pipe()
    home = folder / "child"
    home.mkdir(exist_ok=True)
    errors = folder / "errors.txt"
    command = [sys.executable, __file__, "--child", json.dumps([kind, seed, first, last, str(home), writing])]
    quiet = {"OMP_NUM_THREADS": "1", "OPENIMAGEIO_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    environment = {name: value for name, value in os.environ.items() if name != "OCIO"} | quiet
    with errors.open("wb") as log:
        child = subprocess.Popen(
            command, pass_fds=[writing], stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
        )
    os.close(writing)
    number, hung, begun = first, False, False
    try:
        for message in _messages(reading):
            if message is None:
                hung = True
                child.send_signal(signal.SIGABRT)  # says where it is
                with suppress(subprocess.TimeoutExpired):
                    child.wait(10)
                break
            if "begin" in message:
                number, begun = message["begin"], True
                continue
            begun = False
            _count(tally, kind, seed, message["end"], message["outcome"], message["fault"], folder, keep)
            number = message["end"] + 1
    finally:
        child.kill()
        child.wait()
        os.close(reading)
    if number >= last:
        return last
    said = errors.read_text(errors="replace")
    if not begun:
        raise RuntimeError(f"{kind}: the process did not start:\n{said[-3000:]}")
    what = (
        "hang"
        if hung
        else f"died of {signal.Signals(-child.returncode).name if child.returncode < 0 else child.returncode}"
    )
    _count(tally, kind, seed, number, "fault", (what, _place_of_death(said), said[-6000:]), folder, keep)
    return number + 1


def _messages(pipe: int) -> Iterator[dict[str, Any] | None]:
    """Give what a process says, None where it is silent for too long; its start may take a while."""
    waiting, patience = b"", 6 * HANG_SECONDS
    while True:
        ready, _, _ = select.select([pipe], [], [], patience)
        patience = HANG_SECONDS
        if not ready:
            yield None
            return
        data = os.read(pipe, 1 << 16)
        if not data:
            return
        *lines, waiting = (waiting + data).split(b"\n")
        yield from map(json.loads, lines)


def _place_of_death(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip().startswith('File "')]
    ours = [line for line in lines if "/howard_nodes/" in line]
    place = (ours or lines or ["unknown"])[0].partition("howard_nodes/")[2] or (lines or ["unknown"])[0]
    return place.replace('", line ', ":").replace(" in ", " ")


def _count(
    tally: Tally, kind: str, seed: int, number: int, outcome: str, fault: Any, folder: Path, keep: Path
) -> None:
    tally.inputs += 1
    if fault is None:
        tally.refused += outcome == "refused"
        tally.accepted += outcome == "accepted"
        return
    what, place, details = fault
    tally.faults[what, place] += 1
    if (what, place) in tally.kept:
        return
    seeds = {path.name: path.read_bytes() for path in (folder / "seeds").iterdir()}
    name, content = mutated(kind, seed, number, seeds)
    keep.mkdir(parents=True, exist_ok=True)
    kept = keep / f"{kind}-{seed}-{number}-{name}"
    kept.write_bytes(content)
    kept.with_name(f"{kept.name}.txt").write_text(f"{what}\n{place}\n{details}\n")
    tally.kept[what, place] = str(kept)
    print(f"{kind} {number}: {what}, {place}; {kept}", flush=True)


def shares(count: int, kind: str | None) -> dict[str, int]:
    """Tell how many inputs each kind gets."""
    if kind is not None:
        return {kind: count}
    return {name: max(1, round(count * share / sum(SHARES.values()))) for name, share in SHARES.items()}


def main() -> int:
    """Read the command line, run, print a table; give the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=10_000, help="inputs, of all kinds together")
    parser.add_argument("--seed", type=int, default=1, help="other inputs for another seed")
    parser.add_argument("--kind", choices=sorted(KINDS), help="only this kind")
    parser.add_argument("--first", type=int, default=0, help="number of each kind's first input")
    parser.add_argument(
        "--keep", type=Path, default=ROOT / "out" / "fuzz", help="folder for inputs that show a fault"
    )
    parser.add_argument("--child", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        kind, seed, first, last, folder, tell = json.loads(asked.child)
        _child(kind, seed, first, last, Path(folder), tell)
        return 0
    tallies = {}
    for kind, count in shares(asked.count, asked.kind).items():
        began = time.monotonic()
        tallies[kind] = tally = run(kind, asked.seed, asked.first, count, asked.keep)
        seconds = time.monotonic() - began
        print(
            f"{kind:8} {tally.inputs:7} inputs {tally.refused:7} refused {tally.accepted:7} accepted "
            f"{tally.faults.total():5} faults {seconds:7.1f} s",
            flush=True,
        )
    total = sum(tally.inputs for tally in tallies.values())
    faults = sum(tally.faults.total() for tally in tallies.values())
    print(f"\n{total} inputs, {faults} faults")
    for kind, tally in tallies.items():
        for (what, place), times in tally.faults.most_common():
            print(f"{times:6} x {kind}: {what}, {place}; {tally.kept[what, place]}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
