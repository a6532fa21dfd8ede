"""Speed and memory of whole runs, EXR to EXR; all speeds as ratios of runs in one process.

    python benchmarks/pipeline_speed.py                 # all of it, some minutes
    python benchmarks/pipeline_speed.py --only rate     # or: fit, large, high, length, refine, steadiness

`rate`: seconds a frame of a run at 1080p with the clean plate as it is, beside its three stages run alone,
in turn; and of a run that fits it. Beside these what others need for the same frames: OpenImageIO and its
oiiotool, which only read the plate and write as many channels (the limit), and the authors' network from PNGs
to PNGs. `--size 2160p` for that size. `fit`: whole runs that fit the clean plate beside those that do not, by
length. `large`: peak memory at 2160p and 8K. `high`: the same at high quality. `length`: peak memory of 1,000
frames beside 20. `refine`: time and memory of thresholding beside full refinement, at both sizes.
`steadiness`: time and memory of runs at 1080p in which neighbours steady each frame, beside one without. The
shot is the demo's, enlarged, with grain, so that compression has its usual work.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenImageIO as oiio  # noqa: N813

# As the command line sets it, before torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch
from network_speed import SETTINGS, make_reference

from howard_nodes.description import FitSettings, MatteSettings
from howard_nodes.description.job import Job
from howard_nodes.engine.runtime import Warm
from howard_nodes.frames import Sequence, read_frame, write_image
from howard_nodes.sheets.demo import shot_folder
from howard_nodes.shot.events import Event, FrameDone
from howard_nodes.shot.plan import plan
from howard_nodes.shot.run import run
from howard_nodes.shot.shot import Shot
from howard_nodes.system.machine import keep_memory

SIZES = {"1080p": (1920, 1080), "2160p": (3840, 2160)}


def make_shot(folder: Path, width: int, height: int, count: int) -> Job:
    """Write `count` frames of the demo shot at another size, and give the job that mattes them."""
    rng = np.random.default_rng(0)
    plates = Sequence.find(shot_folder() / "plate.####.exr")

    def enlarged(path: Path) -> np.ndarray:
        large = cv2.resize(read_frame(path).rgb, (width, height), interpolation=cv2.INTER_CUBIC)
        return np.maximum(large, 0) * (1 + 0.02 * rng.standard_normal((height, width, 1), np.float32))

    different = min(count, 4)
    for i in range(different):
        pixels = enlarged(plates.path(plates.frames[i % len(plates)]))
        write_image(folder / f"plate.{1001 + i}.exr", pixels, "RGB", colorspace="lin_rec709_scene")
    for i in range(different, count):
        (folder / f"plate.{1001 + i}.exr").hardlink_to(folder / f"plate.{1001 + i % different}.exr")
    clean = enlarged(shot_folder() / "clean.exr")
    write_image(folder / "clean.exr", clean, "RGB", colorspace="lin_rec709_scene")
    return Job(
        plate=str(folder / "plate.####.exr"),
        clean_plate=str(folder / "clean.exr"),
        output=str(folder / "out/s.####.exr"),
    )


def rate(size: str, count: int = 8) -> None:
    """Print the rate of a run beside those of its stages alone, and of others."""
    count = count if size == "1080p" else count // 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        job = make_shot(folder, *SIZES[size], count)
        # The stages of a frame; fitting the clean plate is a pass of its own.
        as_it_is = replace(job, fitting=FitSettings("off", "off"))
        shot = Shot(plan(as_it_is), Warm(0), lambda _: None)
        first = shot.read(shot.frames[0])
        prediction = shot.predict(first)
        shot.write(first, prediction)
        stages: dict[str, Callable[[int], object]] = {
            "read": shot.read,
            "network": lambda _: shot.predict(first),
            "solve and write": lambda _: shot.write(first, prediction),
        }
        others = {
            "OpenImageIO": plain_copies(folder),
            "oiiotool": oiiotool_copies(folder),
            "authors on PNGs": authors_frames(folder, size),
        }
        found: list[dict[str, float]] = []
        for _ in range(3):
            seconds = {}
            for stage, work in (stages | others).items():
                began = time.perf_counter()
                for frame in shot.frames:
                    work(frame)
                seconds[stage] = (time.perf_counter() - began) / count
            seconds["run"] = further(as_it_is)
            seconds["run with fitting"] = further(job)
            print("  ".join(f"{stage} {value:.3f} s" for stage, value in seconds.items()), "a frame")
            found.append(seconds)

        def ratio(one: str, *of: str) -> float:
            return statistics.median(each[one] / max(each[name] for name in of) for each in found)

        print("medians of 3:")
        print(f"run / slowest stage alone, as rates: {1 / ratio('run', *stages):.2f}")
        print(f"further frame / OpenImageIO alone: {ratio('run', 'OpenImageIO'):.2f}")
        print(f"further frame / the authors' on PNGs: {ratio('run', 'authors on PNGs'):.2f}")
        print(f"further fitted frame / as it is: {ratio('run with fitting', 'run'):.2f}")


def fit() -> None:
    """Print what a fitted clean plate costs whole runs of several lengths, the fit's pass included."""
    for count in (8, 24, 72):
        with tempfile.TemporaryDirectory() as name:
            job = make_shot(Path(name), *SIZES["1080p"], count)
            as_it_is = replace(job, fitting=FitSettings("off", "off"))
            pairs = [(run(as_it_is).seconds / count, run(job).seconds / count) for _ in range(3)]
        plain, fitted = (statistics.median(each) for each in zip(*pairs, strict=True))
        ratio = statistics.median(two / one for one, two in pairs)
        print(f"{count} frames: {plain:.3f} s a frame as it is, {fitted:.3f} fitted: {ratio:.2f} times")


def further(job: Job) -> float:
    """Seconds that one more frame of a run takes: from the second that is done to the last."""
    done: list[float] = []

    def note(event: Event) -> None:
        if isinstance(event, FrameDone):
            done.append(time.perf_counter())

    run(job, note)
    return (done[-1] - done[1]) / (len(done) - 2)


def plain_copies(folder: Path) -> Callable[[int], object]:
    """Read a plate and write what a frame of the result has, with nothing between."""
    with closing(oiio.ImageInput.open(str(folder / "out/s.1001.exr"))) as result:
        spec, pixels = result.spec(), result.read_image("half")

    def copy(frame: int) -> None:
        with closing(oiio.ImageInput.open(str(folder / f"plate.{frame}.exr"))) as plate:
            plate.read_image("half")
        with closing(oiio.ImageOutput.create("openexr")) as output:
            output.open(str(folder / "copy.exr"), spec)
            output.write_image(pixels)

    return copy


def oiiotool_copies(folder: Path) -> Callable[[int], object]:
    """The same by oiiotool: each frame a process, as farms call it."""
    tool = Path(sys.executable).with_name("oiiotool")

    def copy(frame: int) -> None:
        plate, result = str(folder / f"plate.{frame}.exr"), str(folder / "out/s.1001.exr")
        subprocess.run([tool, plate, result, "-o", str(folder / "copy.exr")], check=True)

    return copy


def authors_frames(folder: Path, size: str) -> Callable[[int], object]:
    """The authors' network, its weights random, from PNG to the three PNGs that their script writes."""
    scale, pixels = SETTINGS[size]
    network = make_reference()
    network.backbone_scale, network.refiner.sample_pixels = scale, pixels
    as_png = {}
    for name in ("plate.1001", "clean"):
        eight = np.rint(np.clip(read_frame(folder / f"{name}.exr").rgb, 0, 1) ** (1 / 2.2) * 255)
        as_png[name] = str(folder / f"{name}.png")
        cv2.imwrite(as_png[name], eight.astype(np.uint8)[..., ::-1])

    def seen(name: str) -> torch.Tensor:
        picture = cv2.cvtColor(cv2.imread(as_png[name]), cv2.COLOR_BGR2RGB)
        return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255

    @torch.inference_mode()
    def matte(_: int) -> None:
        alpha, foreground = network(seen("plate.1001"), seen("clean"))[:2]
        for name, picture in (("pha", alpha), ("fgr", foreground), ("com", foreground * alpha)):
            eight = picture[0].mul(255).byte().permute(1, 2, 0).numpy()
            cv2.imwrite(str(folder / f"{name}.png"), np.ascontiguousarray(eight[..., ::-1]))

    return matte


_MEASURE = """
import json, resource, sys
from howard_nodes.description import MatteSettings
from howard_nodes.description.job import Job
from howard_nodes.shot.run import run
from howard_nodes.system.machine import keep_memory
keep_memory()
plate, clean, output, knobs = sys.argv[1:]
settings = MatteSettings(**json.loads(knobs))
report = run(Job(plate=plate, clean_plate=clean, output=output, settings=settings))
assert not report.failed, report.failed
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2, report.seconds)
"""


def measured(job: Job, **knobs: Any) -> tuple[float, float]:
    """Run a job in a process of its own: peak memory in GiB, seconds."""
    command = [sys.executable, "-c", _MEASURE, job.plate, job.clean_plate, job.output, json.dumps(knobs)]
    words = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(words[-2]), float(words[-1])


def large(quality: str = "standard") -> None:
    """Print the peak memory of runs at 2160p and at 8K, with the clean plate fitted."""
    for label, size, count in (("2160p", SIZES["2160p"], 6), ("8K", (7680, 4320), 4)):
        with tempfile.TemporaryDirectory() as name:
            memory, seconds = measured(make_shot(Path(name), *size, count), quality=quality)
            gigabytes = memory * 1.073741824
            each = f"peak {gigabytes:.2f} GB, {seconds / count:.2f} s a frame"
            print(f"{label}, {quality}, {count} frames: {each}")


def length() -> None:
    """Print the peak memory of a long run beside a short one."""
    peaks = {}
    for count in (20, 1000):
        with tempfile.TemporaryDirectory() as name:
            peaks[count], _ = measured(make_shot(Path(name), 320, 180, count))
    print(f"320x180: peak {peaks[20]:.3f} GiB for 20 frames, {peaks[1000]:.3f} for 1,000: ", end="")
    print(f"ratio {peaks[1000] / peaks[20]:.3f}")


def refine() -> None:
    """Print time and memory of thresholding beside full refinement, network alone and in pairs."""
    for label, size in SIZES.items():
        with tempfile.TemporaryDirectory() as name:
            job = make_shot(Path(name), *size, 2)
            shots = {
                mode: Shot(
                    plan(replace(job, settings=MatteSettings(refine_mode=mode))),
                    Warm(0),
                    lambda _: None,
                )
                for mode in ("thresholding", "full")
            }
            inputs = shots["full"].read(1001)
            pairs = []
            share = 0.0
            for _ in range(4):
                seconds = {}
                for mode, shot in shots.items():
                    began = time.perf_counter()
                    prediction = shot.predict(inputs)
                    seconds[mode] = time.perf_counter() - began
                    share = share if mode == "full" else float(prediction.region.mean())
                pairs.append(seconds["thresholding"] / seconds["full"])
            memory = {mode: measured(job, refine_mode=mode)[0] for mode in shots}
        print(
            f"{label}: thresholding refines {share:.1%}; time of the network step "
            f"{statistics.median(pairs[1:]):.2f} of full refinement's; peak memory of a run "
            f"{memory['thresholding']:.2f} GiB, {memory['full']:.2f} GiB full"
        )


def steadiness(count: int = 16) -> None:
    """Print time and memory of runs in which neighbours steady each frame, in turn with one without."""
    with tempfile.TemporaryDirectory() as name:
        job = replace(make_shot(Path(name), *SIZES["1080p"], count), fitting=FitSettings("off", "off"))
        ratios: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(3):
            plain = run(job).seconds
            for reach, found in ratios.items():
                found.append(run(replace(job, settings=MatteSettings(steadiness=reach))).seconds / plain)
        plain_memory = measured(job)[0]
        for reach, found in ratios.items():
            memory = measured(job, steadiness=reach)[0]
            print(
                f"steadiness {reach}: {statistics.median(found):.2f} times the time of none (median of 3); "
                f"peak memory {memory:.2f} GiB, {plain_memory:.2f} GiB without"
            )


if __name__ == "__main__":
    parts = {
        "rate": lambda: rate(given.size),
        "fit": fit,
        "large": large,
        "high": lambda: large("high"),
        "length": length,
        "refine": refine,
        "steadiness": steadiness,
    }
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=parts, help="one part")
    parser.add_argument("--size", choices=SIZES, default="1080p", help="of the part rate")
    given = parser.parse_args()
    keep_memory()
    for name, part in parts.items():
        if given.only in (None, name):
            print(f"-- {name}")
            part()
