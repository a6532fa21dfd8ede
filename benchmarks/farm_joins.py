"""What it costs to put together the parts of a long shot: Join and Report of 100,000 frames.

    python benchmarks/farm_joins.py                       # some minutes, 2 GB of disk
    python benchmarks/farm_joins.py --frames 20000

The shot is one frame of 640x360 under 100,000 names. A look at the shot and one chunk of each step are made
as a worker makes them; the other chunks are copies of them under other frame numbers. Processor time is
printed beside the time on the clock: on a machine that is busy with other things it says more.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from howard_nodes.frames import write_image

HOWARD = [sys.executable, "-m", "howard_nodes"]
CHUNK = 400
LINKS = 20_000  # names that one file may have, on any file system


def timed(folder: Path, *arguments: str) -> tuple[float, float]:
    """Run a command; give seconds of the clock and of the processor."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*HOWARD, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - began, spent


def name_it(folder: Path, name: str, frames: range) -> None:
    """Give the first frame's file the names of all others."""
    for frame in frames[1:]:
        place = (frame - frames[0]) // LINKS * LINKS + frames[0]
        path = folder / f"{name}.{frame}.exr"
        if place == frame:
            shutil.copyfile(folder / f"{name}.{frames[0]}.exr", path)
        else:
            os.link(folder / f"{name}.{place}.exr", path)


def copy_fit(part: Path, frames: range) -> None:
    """Write other chunks of a fit like a first one."""
    text = part.read_text(encoding="utf-8")
    kept = json.loads(text)
    for first in frames[CHUNK::CHUNK]:
        count = min(CHUNK, frames[-1] + 1 - first)
        for place, one in enumerate(kept["found"]):
            one["fit"]["frame"] = first + place
        more = {"frames": f"{first}-{first + count - 1}", "found": kept["found"][:count]}
        part.with_name(f"{first}+{count}.json").write_text(json.dumps(kept | more))


def copy_check(part: Path, frames: range) -> None:
    """Write other chunks of a check like a first one, with as many pictures."""
    with safe_open(part, "np") as file:
        head = json.loads(file.metadata()["howard"])
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    for first in frames[CHUNK::CHUNK]:
        count = min(CHUNK, frames[-1] + 1 - first)
        shift = first - frames[0]
        moved = {}
        for name, array in arrays.items():
            frame, _, rest = name.partition(".")
            moved[f"{int(frame) + shift}.{rest}"] = array
        rows = [[frame + shift, told, about] for frame, told, about in head["checked"][:count]]
        more = {"frames": f"{first}-{first + count - 1}", "checked": rows}
        path = part.with_name(f"{first}+{count}.safetensors")
        save_file(moved, path, {"howard": json.dumps(head | more)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--frames", type=int, default=100_000)
    count = parser.parse_args().frames
    frames = range(100_001, 100_001 + count)
    span, chunk = f"{frames[0]}-{frames[-1]}", f"{frames[0]}-{frames[0] + CHUNK - 1}"
    with tempfile.TemporaryDirectory(prefix="howard-joins-") as made:
        folder = Path(made)
        (folder / "out").mkdir()
        rng = np.random.default_rng(1)
        place = np.kron(rng.random((30, 40, 3), np.float32), np.ones((12, 16, 1), np.float32)) / 2
        plate = place.copy()
        plate[100:, 200:300] = (1.0, 0.2, 0.1)
        write_image(folder / "clean.exr", place, "RGB", colorspace="lin_rec709_scene")
        write_image(folder / f"plate.{frames[0]}.exr", plate, "RGB", colorspace="lin_rec709_scene")
        name_it(folder, "plate", frames)
        shot = ("plate.######.exr", "--clean", "clean.exr")
        fit = ("plate", "fit", *shot, "-o", "out/shot.fit.json", "--frames", span, "--part")
        print(f"{count:,} frames in chunks of {CHUNK}: seconds of the clock, of the processor", flush=True)

        def told(name: str, *arguments: str) -> None:
            print(f"{name:8}", *(f"{one:8.1f}" for one in timed(folder, *arguments)), flush=True)

        told("Scout", *fit, "scout")
        told("Fit", *fit, chunk)
        copy_fit(folder / f"out/shot.fit.parts/{frames[0]}+{CHUNK}.json", frames)
        told("Join", *fit, "join")
        size = (folder / "out/shot.fit.json").stat().st_size / 1e6
        print(f"the fit has {size:.0f} MB")
        one = ("--fit", "out/shot.fit.json", "--frames", str(frames[0]))
        told("Matte", "matte", *shot, "-o", "out/shot.######.exr", *one)
        name_it(folder / "out", "shot", frames)
        check = ("verify", "out/shot.######.exr", "--frames", span, "--plate", shot[0], "--part")
        told("Verify", *check, chunk)
        copy_check(folder / f"out/shot.verify.parts/{frames[0]}+{CHUNK}.safetensors", frames)
        files = ("--report", "out/shot.report.json", "--page", "out/shot.html")
        told("Report", *check, "join", *files, "--contact-sheet", "out/shot.png")


if __name__ == "__main__":
    main()
