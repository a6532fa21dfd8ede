# SPDX-License-Identifier: Apache-2.0
"""Make a bank of rendered foregrounds: people, and a fifth of what is none, to train on.

    python training/render/bank.py --count 600 --output FOLDER --seed 1 \
        --bpy-python .venv-bpy/4.5/bin/python --anny-python .venv-anny/bin/python

FOLDER gets ``foreground.00000.exr`` and so on: straight linear Rec.709, coverage, and in the metadata what
each shows. A second start goes on where the first was stopped; a larger ``--count`` makes the bank grow. A
deleted file is made again, and looks the same as long as recipe.VERSION is. One start at a time for a folder.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finish import finish
from recipe import VERSION, draw_recipe, shows

from howard_nodes.errors import HowardError

__all__ = ["BankError", "claim", "file_of", "make_bank", "missing"]

HERE = Path(__file__).parent

# Blender gives memory back only when it ends: so few foregrounds does one process render.
BATCH = 20

SCRATCH = ".making-"


class BankError(Exception):
    """A bank cannot be made; the message says what to do."""


def file_of(folder: Path, number: int) -> Path:
    """Where a foreground of a bank lies."""
    return folder / f"foreground.{number:05d}.exr"


def claim(folder: Path, seed: int, size: int) -> None:
    """Make a folder a bank of a seed and size, or check that it is one.

    Raises
    ------
    BankError
        The folder holds a bank of another seed or size.
    """
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / "bank.json"
    wanted = {"seed": seed, "size": size}
    if not note.exists():
        note.write_text(json.dumps(wanted) + "\n", encoding="utf-8")
        return
    found = json.loads(note.read_text(encoding="utf-8"))
    if found != wanted:
        raise BankError(
            f"{folder} holds a bank of seed {found['seed']} and size {found['size']}: "
            "give these, or another --output."
        )


def missing(folder: Path, count: int) -> list[int]:
    """Which foregrounds of a bank of `count` are not there yet."""
    return [number for number in range(count) if not file_of(folder, number).exists()]


def _environment() -> dict[str, str]:
    """Leave out of the environment what would lead another Python to this one's packages."""
    return {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "OCIO")}


class _Run:
    """The processes of one start, so that they can be ended together."""

    def __init__(self) -> None:
        self.stopped = False
        self.proven = False  # it has rendered, so what fails later is one foreground's fault
        self._lock = threading.Lock()
        self._processes: set[subprocess.Popen[str]] = set()

    def lines(self, command: list[object], log: Path) -> Iterator[str]:
        """Run a program; yields what it says, line by line. Its errors go to `log`."""
        with log.open("w", encoding="utf-8") as errors:
            with self._lock:
                if self.stopped:
                    return
                process = subprocess.Popen(
                    list(map(str, command)),
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                )
                self._processes.add(process)
            assert process.stdout is not None
            try:
                yield from process.stdout
            finally:
                process.terminate()
                process.wait()
                with self._lock:
                    self._processes.discard(process)

    def stop(self) -> None:
        """End all processes, and start no more."""
        with self._lock:
            self.stopped = True
            for process in self._processes:
                process.terminate()


@dataclass(frozen=True)
class _Maker:
    """What all batches of one start share."""

    output: Path
    seed: int
    size: int
    threads: int
    bpy: Path
    anny: Path
    run: _Run

    def make(self, numbers: list[int]) -> dict[int, str]:
        """Make some foregrounds; returns why others failed, by number."""
        drawn = {number: draw_recipe(self.seed, number) for number in numbers}
        failed: dict[int, str] = {}
        with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=self.output) as scratch:
            folder = Path(scratch)
            recipes, bodies, passes = folder / "recipes.json", folder / "bodies", folder / "passes"
            if any(recipe["people"] for recipe in drawn.values()):
                self._pose(list(drawn.values()), recipes, bodies)
            left = list(numbers)
            while left and not self.run.stopped:
                recipes.write_text(json.dumps([drawn[number] for number in left]), encoding="utf-8")
                said = self._render(drawn, recipes, bodies, passes)
                failed.update({number: why for number, why in said.items() if why})
                left = [number for number in left if number not in said]
                if left and not self.run.stopped:
                    why = (folder / "render.log").read_text(encoding="utf-8")[-2000:]
                    if not self.run.proven:
                        raise BankError(f"{self.bpy} renders nothing (has it bpy 4.5?):\n{why}")
                    # Blender died: the one it was at is left out, the rest go on in a new one.
                    failed[left.pop(0)] = f"Blender died while it rendered this:\n{why}"
        return failed

    def _pose(self, drawn: list[dict[str, Any]], recipes: Path, bodies: Path) -> None:
        recipes.write_text(json.dumps(drawn), encoding="utf-8")
        log = bodies.with_suffix(".log")
        for _ in self.run.lines([self.anny, HERE / "poses.py", recipes, bodies], log):
            pass
        if not self.run.stopped and not (bodies / "topology.npz").exists():
            why = log.read_text(encoding="utf-8")[-2000:]
            raise BankError(f"{self.anny} poses no bodies (has it anny, roma and torch?):\n{why}")

    def _render(
        self, drawn: dict[int, dict[str, Any]], recipes: Path, bodies: Path, passes: Path
    ) -> dict[int, str]:
        """Render recipes in one Blender; returns those it is done with, and why it could not make one."""
        done: dict[int, str] = {}
        command = [self.bpy, HERE / "scene.py", recipes, bodies, passes]
        command += ["--size", self.size, "--threads", self.threads]
        for line in self.run.lines(command, passes.with_name("render.log")):
            word, _, rest = line.strip().partition(" ")
            if word not in ("rendered", "failed"):
                continue
            name, _, said = rest.partition(" ")
            number = int(name)
            self.run.proven = True
            done[number] = said if word == "failed" else ""
            if word == "rendered":
                cover = finish(drawn[number], passes, file_of(self.output, number))
                print(f"{name} {shows(drawn[number])} | {said} | covers {cover:.2f}", flush=True)
        return done


def make_bank(
    output: Path,
    *,
    count: int,
    seed: int,
    bpy: Path,
    anny: Path,
    size: int = 512,
    jobs: int = 1,
    threads: int = 2,
) -> dict[int, str]:
    """Make what is missing of a bank.

    Parameters
    ----------
    output : Path
        Folder of the bank.
    count, seed
        How many foregrounds it shall hold; what they are drawn from.
    bpy, anny : Path
        Pythons that have bpy 4.5, and torch with anny and roma.
    size : int
        Width and height in pixels.
    jobs, threads : int
        How many renders run at a time, and on how many threads each.

    Returns
    -------
    dict
        Why some failed, by number.

    Raises
    ------
    BankError
        Bodies cannot be posed, or the folder holds another bank.
    """
    claim(output, seed, size)
    for left in output.glob(f"{SCRATCH}*"):  # of a start that was killed
        shutil.rmtree(left)
    numbers = missing(output, count)
    run = _Run()
    maker = _Maker(output, seed, size, threads, bpy, anny, run)
    failed: dict[int, str] = {}
    with ThreadPoolExecutor(jobs) as pool:
        batches = [pool.submit(maker.make, numbers[k : k + BATCH]) for k in range(0, len(numbers), BATCH)]
        try:
            for batch in batches:
                failed.update(batch.result())
        except BaseException:
            run.stop()
            pool.shutdown(cancel_futures=True)
            raise
    return failed


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, required=True, help="foregrounds the bank shall hold")
    parser.add_argument("--output", type=Path, required=True, help="folder of the bank")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=int, default=512, help="pixels wide and high (512)")
    parser.add_argument("--jobs", type=int, default=1, help="renders at a time (1)")
    parser.add_argument("--threads", type=int, default=2, help="threads of each render (2)")
    parser.add_argument("--bpy-python", type=Path, default=Path(".venv-bpy/4.5/bin/python"))
    parser.add_argument("--anny-python", type=Path, default=Path(".venv-anny/bin/python"))
    arguments = parser.parse_args()
    for option in ("bpy_python", "anny_python"):
        if not getattr(arguments, option).exists():
            parser.error(
                f"--{option.replace('_', '-')}: no {getattr(arguments, option)}; training/README.md says how"
            )
    began = time.monotonic()
    signal.signal(
        signal.SIGTERM, signal.default_int_handler
    )  # an end by a scheduler is as orderly as by Ctrl+C
    try:
        failed = make_bank(
            arguments.output,
            count=arguments.count,
            seed=arguments.seed,
            bpy=arguments.bpy_python.absolute(),
            anny=arguments.anny_python.absolute(),
            size=arguments.size,
            jobs=arguments.jobs,
            threads=arguments.threads,
        )
    except (BankError, HowardError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Stopped; the same command goes on from here.")
    for number, why in failed.items():
        print(f"{number:05d} failed: {why}", file=sys.stderr)
    made = arguments.count - len(missing(arguments.output, arguments.count))
    print(
        f"{made} of {arguments.count} are there, recipe version {VERSION}; {time.monotonic() - began:.0f} s"
    )
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
