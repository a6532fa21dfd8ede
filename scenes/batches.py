# SPDX-License-Identifier: Apache-2.0
"""Make numbered pictures with Blender, in batches, whole or not at all; a second start goes on.

bank.py, places.py and triplets.py are this with what they make; each is a `Work`.
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
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from howard_nodes.errors import HowardError

__all__ = ["BatchError", "Work", "claim", "command_line", "make", "missing", "wanted"]

HERE = Path(__file__).parent

# Blender gives memory back only when it ends: so few pictures does one process render.
BATCH = 20

SCRATCH = ".making-"

Recipe = dict[str, Any]


class BatchError(Exception):
    """Nothing can be made; the message says what to do."""


@dataclass(frozen=True)
class Work:
    """What a command makes of numbers.

    Parameters
    ----------
    noun : str
        What one is called, in the plural.
    size : int
        How many pixels wide it is unless told.
    aspect : tuple of int
        Width to height.
    script : str
        Of this folder: renders recipes in Blender, and says so as scene.py does.
    draw : callable
        Draws a recipe from a seed and a number.
    place : callable
        Where the one of a recipe lies in a folder: a file or folder that is there once it is whole.
    finish : callable
        Makes it of a recipe and the folder of passes, at its place; returns what is worth saying.
    shows : callable
        Says in a few words what a recipe shows.
    """

    noun: str
    size: int
    aspect: tuple[int, int]
    script: str
    draw: Callable[[int, int], Recipe]
    place: Callable[[Path, Recipe], Path]
    finish: Callable[[Recipe, Path, Path], str]
    shows: Callable[[Recipe], str]


def claim(folder: Path, seed: int, size: int) -> None:
    """Give a folder to a seed and size, or check that it is theirs.

    Raises
    ------
    BatchError
        The folder holds pictures of another seed or size.
    """
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / "bank.json"
    theirs = {"seed": seed, "size": size}
    if not note.exists():
        note.write_text(json.dumps(theirs) + "\n", encoding="utf-8")
        return
    found = json.loads(note.read_text(encoding="utf-8"))
    if found != theirs:
        raise BatchError(
            f"{folder} holds a bank of seed {found['seed']} and size {found['size']}: use these, "
            "or another --output."
        )


def wanted(work: Work, count: int, seed: int, only: Sequence[str] = ()) -> list[Recipe]:
    """Draw the recipes below `count`; with `only`, those that show one of these words."""
    drawn = [work.draw(seed, number) for number in range(count)]
    return [recipe for recipe in drawn if not only or any(word in work.shows(recipe) for word in only)]


def missing(work: Work, folder: Path, count: int, seed: int, only: Sequence[str] = ()) -> list[int]:
    """Which numbers of those wanted are not there yet."""
    recipes = wanted(work, count, seed, only)
    return [recipe["number"] for recipe in recipes if not work.place(folder, recipe).exists()]


def _environment() -> dict[str, str]:
    """Leave out of the environment what would lead another Python to this one's packages."""
    return {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "OCIO")}


class _Run:
    """The processes of one start, so that they can be ended together."""

    def __init__(self) -> None:
        self.stopped = False
        self.proven = False  # it has rendered, so what fails later is one picture's fault
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

    work: Work
    output: Path
    seed: int
    size: int
    threads: int
    bpy: Path
    anny: Path
    run: _Run

    def make(self, numbers: list[int]) -> dict[int, str]:
        """Make some; returns why others failed, by number."""
        drawn = {number: self.work.draw(self.seed, number) for number in numbers}
        failed: dict[int, str] = {}
        with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=self.output) as scratch:
            folder = Path(scratch)
            recipes, bodies, passes = folder / "recipes.json", folder / "bodies", folder / "passes"
            if any(recipe.get("people") for recipe in drawn.values()):
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
                        raise BatchError(f"{self.bpy} cannot render (does it have bpy 4.5?):\n{why}")
                    # Blender died: the one it was at is left out, the rest go on in a new one.
                    failed[left.pop(0)] = f"Blender crashed while rendering this:\n{why}"
        return failed

    def _pose(self, drawn: list[Recipe], recipes: Path, bodies: Path) -> None:
        recipes.write_text(json.dumps(drawn), encoding="utf-8")
        log = bodies.with_suffix(".log")
        for _ in self.run.lines([self.anny, HERE / "poses.py", recipes, bodies], log):
            pass
        if not self.run.stopped and not (bodies / "topology.npz").exists():
            why = log.read_text(encoding="utf-8")[-2000:]
            raise BatchError(f"{self.anny} cannot pose bodies (does it have anny, roma and torch?):\n{why}")

    def _render(self, drawn: dict[int, Recipe], recipes: Path, bodies: Path, passes: Path) -> dict[int, str]:
        """Render recipes in one Blender; returns those it is done with, and why it could not make one."""
        done: dict[int, str] = {}
        wide, tall = self.work.aspect
        command = [self.bpy, HERE / self.work.script, recipes, bodies, passes]
        command += ["--size", self.size, self.size * tall // wide, "--threads", self.threads]
        for line in self.run.lines(command, passes.with_name("render.log")):
            word, _, rest = line.strip().partition(" ")
            if word not in ("rendered", "failed"):
                continue
            name, _, said = rest.partition(" ")
            number = int(name)
            self.run.proven = True
            done[number] = said if word == "failed" else ""
            if word == "rendered":
                recipe = drawn[number]
                found = self.work.finish(recipe, passes, self.work.place(self.output, recipe))
                print(f"{name} {self.work.shows(recipe)} | {said} | {found}", flush=True)
        return done


def make(
    work: Work,
    output: Path,
    *,
    count: int,
    seed: int,
    bpy: Path,
    anny: Path,
    size: int,
    only: Sequence[str] = (),
    jobs: int = 1,
    threads: int = 2,
) -> dict[int, str]:
    """Make what is missing.

    Parameters
    ----------
    work : Work
    output : Path
        Folder they go to.
    count, seed
        How many it shall hold; what they are drawn from.
    bpy, anny : Path
        Pythons that have bpy 4.5, and torch with anny and roma.
    size : int
        Width in pixels.
    only : sequence of str
        Make those alone that show one of these words; all by default.
    jobs, threads : int
        How many renders run at a time, and on how many threads each.

    Returns
    -------
    dict
        Why some failed, by number.

    Raises
    ------
    BatchError
        Nothing can be rendered, bodies cannot be posed, or the folder is another's.
    """
    claim(output, seed, size)
    for left in output.glob(f"{SCRATCH}*"):  # of a start that was killed
        shutil.rmtree(left)
    numbers = missing(work, output, count, seed, only)
    run = _Run()
    maker = _Maker(work, output, seed, size, threads, bpy, anny, run)
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


def command_line(work: Work, description: str) -> None:
    """Make pictures as the command line asks for; ends the program."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--count", type=int, required=True, help=f"total number of {work.noun} in the folder")
    parser.add_argument("--output", type=Path, required=True, help="output folder")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=int, default=work.size, help=f"width in pixels ({work.size})")
    parser.add_argument(
        "--only", action="append", default=[], metavar="WORD", help="those alone that show this, like animal"
    )
    parser.add_argument("--jobs", type=int, default=1, help="renders in parallel (1)")
    parser.add_argument("--threads", type=int, default=2, help="threads per render (2)")
    parser.add_argument("--bpy-python", type=Path, default=Path(".venv-bpy/4.5/bin/python"))
    parser.add_argument("--anny-python", type=Path, default=Path(".venv-anny/bin/python"))
    arguments = parser.parse_args()
    drawn = wanted(work, arguments.count, arguments.seed, arguments.only)
    if not drawn:
        parser.error(f"--only: none of {arguments.count} {work.noun} shows {' or '.join(arguments.only)}")
    people = any(recipe.get("people") for recipe in drawn)
    for option in ("bpy_python", "anny_python") if people else ("bpy_python",):
        if not getattr(arguments, option).exists():
            parser.error(
                f"--{option.replace('_', '-')}: no {getattr(arguments, option)}; see scenes/README.md"
            )
    began = time.monotonic()
    # An end by a scheduler is as orderly as by Ctrl+C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        failed = make(
            work,
            arguments.output,
            count=arguments.count,
            seed=arguments.seed,
            bpy=arguments.bpy_python.absolute(),
            anny=arguments.anny_python.absolute(),
            size=arguments.size,
            only=arguments.only,
            jobs=arguments.jobs,
            threads=arguments.threads,
        )
    except (BatchError, HowardError) as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Stopped; run the same command to continue.")
    for number, why in failed.items():
        print(f"{number:05d} failed: {why}", file=sys.stderr)
    left = missing(work, arguments.output, arguments.count, arguments.seed, arguments.only)
    print(f"{len(drawn) - len(left)} of {len(drawn)} {work.noun} made; {time.monotonic() - began:.0f} s")
    sys.exit(1 if failed else 0)
