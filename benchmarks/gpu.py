"""What a GPU gives: accuracy, speed, memory, what happens where memory runs out, and the cache on the device.

    python benchmarks/gpu.py                                         # CUDA, 1080p and 2160p: some minutes
    python benchmarks/gpu.py --device cpu --size 288p --repeats 1    # the same course without a GPU
    python benchmarks/gpu.py --only precision --json figures.json    # or another part

`precision`: alpha and foreground of the node in float16 and bfloat16 beside float32 on the same device, and
float32 beside the CPU: largest and mean difference. `speed`: coarse and refine, pictures in the device's
memory, beside the authors' MobileNetV2 in the same precision, in turns as `network_speed.py` has them; and
the node. `runs`: frames a second of whole runs, EXR to EXR, clean plate as it is. `memory`: peak of an
evaluation once the network is loaded. `fallback`: an evaluation with less memory than it takes: it steps down
to float16 and to the CPU, says so, and its alpha is compared with the CPU's. `cache`: an override after a
full evaluation, and what the cache keeps on the device; then with a cache too small for it.

The pictures are the demo shot's, enlarged, with grain. Peaks are what torch allocated on CUDA, resident
memory elsewhere.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

# As the command line sets it, before torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import network_speed
import numpy as np
import torch
from pipeline_speed import make_shot

from howard_nodes.description import ComputeSettings, FitSettings
from howard_nodes.engine.devices import PlacedNetwork
from howard_nodes.engine.runtime import Warm
from howard_nodes.node import HowardMatte, Outputs
from howard_nodes.shot.run import run

SIZES = {"144p": (256, 144), "288p": (512, 288), "1080p": (1920, 1080), "2160p": (3840, 2160)}
NAMES = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}
AS_IT_IS = {"align": "off", "match_exposure": "off"}

Figures = dict[str, Any]


class Bench:
    """A shot of one size, and the device that mattes it."""

    def __init__(self, size: str, device: str, repeats: int, frames: int, folder: Path) -> None:
        self.size, self.device, self.repeats, self.frames = size, torch.device(device), repeats, frames
        self.job = make_shot(folder, *SIZES[size], frames)
        self.inputs = {"plate": self.job.plate, "clean_plate": self.job.clean_plate}
        # A CPU has no float16: it is refused there.
        self.precisions = [name for name in NAMES if self.device.type != "cpu" or name != "float16"]
        network_speed.SIZES[size] = SIZES[size][::-1]
        network_speed.SETTINGS.setdefault(size, (1 / 2, 5_000))

    def node(
        self, precision: str, *, device: str = "", cache: int = 0, notes: list[str] | None = None
    ) -> HowardMatte:
        told = [] if notes is None else notes
        kind = device or self.device.type
        return HowardMatte(
            warm=Warm(cache), device=kind, precision=precision, on_note=told.append, **AS_IT_IS
        )

    def evaluated(self, node: HowardMatte, **more: Any) -> tuple[Outputs, float]:
        """Evaluate a frame; give it and the seconds until its pixels are there."""
        self.wait()
        began = time.perf_counter()
        outputs = node.evaluate(1001, self.inputs | more)
        outputs["alpha"], outputs["foreground"]
        self.wait()
        return outputs, time.perf_counter() - began

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        elif self.device.type == "mps":
            torch.mps.synchronize()

    def memory(self) -> int:
        """Bytes that are taken now."""
        return (
            torch.cuda.memory_allocated() if self.device.type == "cuda" else network_speed.resident("VmRSS")
        )

    def peak(self, work: Callable[[], Any]) -> int:
        """Bytes that work takes at most, beyond what is taken before."""
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        else:
            Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
        before = self.memory()
        work()
        most = (
            torch.cuda.max_memory_allocated()
            if self.device.type == "cuda"
            else network_speed.resident("VmHWM")
        )
        return most - before


def precision(bench: Bench) -> Figures:
    """Differences of alpha and foreground from float32."""
    exact, _ = bench.evaluated(bench.node("float32"))
    others = {name: bench.evaluated(bench.node(name))[0] for name in bench.precisions[1:]}
    if bench.device.type != "cpu":
        others["float32 on the CPU"] = bench.evaluated(bench.node("float32", device="cpu"))[0]
    found = {}
    for name, outputs in others.items():
        for layer in ("alpha", "foreground"):
            apart = np.abs(outputs[layer].astype(np.float64) - exact[layer])
            found[f"{name}, {layer}"] = {
                "largest": float(apart.max()),
                "mean": float(apart.mean()),
                "above 1/255": float((apart > 1 / 255).mean()),
            }
    return found


def speed(bench: Bench) -> Figures:
    """Frames a second of the network beside the reference's, and of the node."""
    found = {}
    for name in bench.precisions:
        # Placed as in a run: on a CPU the refiner stays in float32.
        computing = ComputeSettings(device=bench.device.type, precision=name)
        placed = PlacedNetwork(network_speed.default_network(None), computing, print)
        pictures = network_speed.pictures(bench.size, bench.device)
        dtype = network_speed.PRECISIONS[NAMES[name]]
        theirs = network_speed.make_reference()
        theirs.backbone_scale, theirs.refiner.sample_pixels = network_speed.SETTINGS[bench.size]
        theirs = theirs.to(bench.device, dtype)
        given = [picture.contiguous().to(dtype) for picture in pictures]
        ours = [placed.picture(picture) for picture in pictures]
        runs = {
            "reference": lambda theirs=theirs, given=given: theirs(*given),
            "howard": network_speed.runner(placed.model, *ours, bench.size),
        }
        with torch.inference_mode():
            times = network_speed.paired(runs, bench.repeats, bench.device)
        node = bench.node(name)
        bench.evaluated(node)
        whole = [bench.evaluated(node)[1] for _ in range(bench.repeats)]
        ratios = [a / b for a, b in zip(times["reference"], times["howard"], strict=True)]
        found[name] = {
            **{f"{who}, frames/s": 1 / statistics.median(spent) for who, spent in times.items()},
            "times the reference": statistics.median(ratios),
            "node, files to arrays, frames/s": 1 / statistics.median(whole),
        }
    return found


def runs(bench: Bench) -> Figures:
    """Frames a second of whole runs."""
    found = {}
    for name in bench.precisions:
        as_it_is = FitSettings("off", "off")
        job = replace(bench.job, fitting=as_it_is, device=bench.device.type, precision=name)
        spent = [run(job).seconds for _ in range(bench.repeats)]
        found[name] = {"frames/s": bench.frames / statistics.median(spent)}
    return found


def memory(bench: Bench) -> Figures:
    """Peak of an evaluation."""
    found = {}
    for name in bench.precisions:
        node = bench.node(name)
        bench.evaluated(node)
        found[name] = {"peak MB": bench.peak(lambda node=node: bench.evaluated(node)) / 1e6}
    return found


def fallback(bench: Bench) -> Figures:
    """What an evaluation does with less memory than it takes."""
    if bench.device.type != "cuda":
        return {"left out": {"why": "needs CUDA, whose memory can be limited"}}
    wanted, _ = bench.evaluated(bench.node("float32", device="cpu"))
    notes: list[str] = []
    node = bench.node("float32", notes=notes)
    bench.evaluated(node)
    gc.collect()
    torch.cuda.empty_cache()
    whole = torch.cuda.get_device_properties(bench.device).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + (8 << 20)) / whole)
    try:
        outputs, seconds = bench.evaluated(node)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    apart = float(np.abs(outputs["alpha"] - wanted["alpha"]).max())
    assert notes, "memory was short, and nothing was said"
    return {"stepped down": {"said": notes, "seconds": seconds, "largest difference from the CPU": apart}}


def cache(bench: Bench) -> Figures:
    """What an override costs after a full evaluation, and what is kept for it."""
    found = {}
    for what, size in (("2 GB", 2 << 30), ("1 MB", 1 << 20)):
        warm = Warm(size)
        node = HowardMatte(warm=warm, device=bench.device.type, on_note=lambda _: None, **AS_IT_IS)
        bench.evaluated(node)  # loads the network
        warm.cache.clear()
        gc.collect()
        before = bench.memory()
        first, full = bench.evaluated(node)
        paint = (first["error_map"] > 0.02).astype(np.float32)
        again, changed = bench.evaluated(node, error_override=paint)
        del first
        gc.collect()
        found[what] = {
            "full evaluation, ms": 1000 * full,
            "after an override, ms": 1000 * changed,
            "ran": list(again.ran),
            "kept, MB": warm.cache.bytes / 1e6,
            "more on the device, MB": (bench.memory() - before) / 1e6,
        }
        assert warm.cache.bytes <= size
    return found


PARTS = {one.__name__: one for one in (precision, speed, runs, memory, fallback, cache)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=["cuda", "mps", "cpu"], default="cuda")
    parser.add_argument("--size", choices=SIZES, action="append", help="default: 1080p and 2160p")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--frames", type=int, default=12, help="frames of a run")
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--json", type=Path, help="file for the figures")
    args = parser.parse_args()
    known: Figures = {"device": args.device, "torch": torch.__version__}
    if args.device == "cuda":
        if not torch.cuda.is_available():
            raise SystemExit(
                "This torch sees no GPU: install a build for it, or try the course with --device cpu."
            )
        about = torch.cuda.get_device_properties(0)
        known |= {
            "name": about.name,
            "GB": about.total_memory / 1e9,
            "cuda": torch.version.cuda or torch.version.hip,
        }
    print("  ".join(f"{name} {value}" for name, value in known.items()))
    for size in args.size or ("1080p", "2160p"):
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(size, args.device, args.repeats, args.frames, Path(folder))
            for name, part in PARTS.items():
                if args.only not in (None, name):
                    continue
                known[f"{size} {name}"] = found = part(bench)
                print(f"{size}, {name}")
                for what, figures in found.items():
                    told = ", ".join(
                        f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
                        for key, value in figures.items()
                    )
                    print(f"  {what:24} {told}", flush=True)
                if args.json:
                    args.json.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
