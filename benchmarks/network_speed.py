"""Speed and memory of the network alone, beside the reference implementation.

    python benchmarks/network_speed.py                                # speed at 1080p and 2160p, then memory
    python benchmarks/network_speed.py --size 1080p --repeats 15
    python benchmarks/network_speed.py --device cuda --precision fp16
    python benchmarks/network_speed.py --weights mine.safetensors     # in place of the default weights

Speed: coarse plus refine, from encoded pictures that are in memory, in one process, in turns A B A B; a
ratio is the median over its pairs. `reference` is the authors' MobileNetV2 (package `backgroundmattingv2`)
at its settings: backbone scale 1/4 and 80,000 pixels at 1080p, 1/8 and 320,000 at 2160p. `mobilenetv2` is
ours with the same, random, weights: its error map is noise, so its patches are scattered, which is its worst
case. `default` is Howard's own network; before its weights are there, a random one; also with its coarse
stage in bfloat16. `steps` says where its time goes.

Qualities: network and unmixing together, from encoded pictures and light in memory to alpha, at draft,
standard and high, beside the reference.

Modes: thresholding beside sampling and full refinement with the default network; memory is the peak of a
process of its own above what it held before, on a GPU the peak of what torch allocated. `reference` there is
the reference's full refinement, its coarse stage included.

The pictures are the demo shot's, enlarged. Memory that is freed is kept, as `howard` and its worker keep it;
`--fresh-memory` leaves it to the C library, as a program does that sets nothing.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from howard_nodes.color.encoding import decode, encode, encode_halves
from howard_nodes.description import MatteSettings
from howard_nodes.engine.weighing import EdgeLight, judged
from howard_nodes.errors import HowardError
from howard_nodes.frames import read_frame
from howard_nodes.network import Coarse, MattingNetwork, from_coarse, load_weights
from howard_nodes.sheets.demo import shot_folder
from howard_nodes.solve import unmixing_cells
from howard_nodes.system.machine import keep_memory

SIZES = {"1080p": (1080, 1920), "2160p": (2160, 3840)}
SETTINGS = {"1080p": (1 / 4, 80_000), "2160p": (1 / 8, 320_000)}
MODES = ("thresholding", "sampling", "full")
PRECISIONS = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def pictures(size: str, device: torch.device) -> list[Tensor]:
    """Plate and clean plate, encoded, as a frame read from a file lies in memory: H W 3."""
    return [encode(torch.from_numpy(x)).permute(2, 0, 1)[None].to(device) for x in light(size)]


def encoded(colors: np.ndarray) -> np.ndarray:
    return encode_halves(torch.from_numpy(colors)).numpy()


def light(size: str) -> list[np.ndarray]:
    """Plate and clean plate, scene-linear, H W 3."""
    height, width = SIZES[size]
    found = (read_frame(shot_folder() / name).rgb for name in ("plate.1001.exr", "clean.exr"))
    return [
        np.ascontiguousarray(cv2.resize(x, (width, height), interpolation=cv2.INTER_CUBIC)) for x in found
    ]


def default_network(weights: str | None) -> MattingNetwork:
    try:
        return load_weights(weights, fused=False)
    except HowardError as error:
        if weights is not None:
            raise
        print(f"random weights for the default network: {error}", file=sys.stderr)
        torch.manual_seed(1)
        network = MattingNetwork("lite0").eval()
        with torch.no_grad():
            network.lite0.head.bias[4] += 0.5
        return network


def make_reference() -> torch.nn.Module:
    # torchvision registers fakes for these on import; its compiled part need not load, nothing of it is used.
    global _operators
    _operators = torch.library.Library("torchvision", "FRAGMENT")
    _operators.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _operators.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    from BackgroundMattingV2.model import MattingRefine

    torch.manual_seed(0)
    network = MattingRefine("mobilenetv2").eval()
    with torch.no_grad():
        # An error above 0 everywhere: as many patches are refined as are asked for.
        network.decoder.conv4.bias[4] += 0.5
    return network


def runner(
    network: MattingNetwork, plate: Tensor, clean: Tensor, size: str, mode: str = "sampling"
) -> Callable[[], Any]:
    scale, pixels = SETTINGS[size]

    def run() -> Any:
        coarse = network.coarse(plate, clean, backbone_scale=scale)
        return network.refine(plate, clean, coarse, mode=mode, sample_pixels=pixels)

    return run


def seconds(run: Callable[[], Any], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def paired(runs: dict[str, Callable[[], Any]], repeats: int, device: torch.device) -> dict[str, list[float]]:
    """Times of all, in turns. A turn runs twice and counts once: with memory as its own kind leaves it."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            run()
            times[name].append(seconds(run, device))
    return times


def report(times: dict[str, list[float]], over: str) -> None:
    for name, spent in times.items():
        ratios = [a / b for a, b in zip(times[over], spent, strict=True)]
        print(
            f"  {name:24s} {statistics.median(spent) * 1e3:9.1f} ms, best {min(spent) * 1e3:9.1f} ms,"
            f" {1 / statistics.median(spent):6.2f} frames/s, {statistics.median(ratios):6.2f} x {over}"
        )


def speed(size: str, args: argparse.Namespace, device: torch.device) -> None:
    dtype = PRECISIONS[args.precision]
    plate, clean = pictures(size, device)
    scale, pixels = SETTINGS[size]
    theirs = make_reference()
    ours = MattingNetwork("mobilenetv2").eval()
    ours.load_state_dict(theirs.state_dict())
    theirs.backbone_scale, theirs.refiner.sample_pixels = scale, pixels
    theirs = theirs.to(device, dtype)
    ours = ours.prepared().to(device, dtype)
    default = default_network(args.weights).prepared().to(device, dtype)
    # To the reference in the layout and precision that suit it.
    given = [x.contiguous().to(dtype) for x in (plate, clean)]
    if device.type == "cuda":
        plate, clean = plate.to(dtype), clean.to(dtype)
    runs = {
        "reference": lambda: theirs(*given),
        "mobilenetv2": runner(ours, plate, clean, size),
        "default": runner(default, plate, clean, size),
    }
    if default.backbone_name == "lite0" and dtype == torch.float32:
        mixed = default_network(args.weights).prepared().to(device)
        mixed.lite0.to(torch.bfloat16)
        runs["default, coarse in bf16"] = runner(mixed, plate, clean, size)
    patches = [int(runs["reference"]()[5].sum())]
    patches += [int(runs[name]().region.sum()) for name in ("mobilenetv2", "default")]
    print(f"{size}, {args.precision} on {args.device}, patches refined {patches}")
    times = paired(runs, args.repeats, device)
    report(times, "reference")
    ratios = [a / b for a, b in zip(times["mobilenetv2"], times["default"], strict=True)]
    print(f"  default: {statistics.median(ratios):.2f} x mobilenetv2")

    small = [default.downsample(x, scale).to(dtype) for x in (plate, clean)]
    coarse = default.coarse(plate, clean, backbone_scale=scale)
    steps = {
        "downsample": lambda: [default.downsample(x, scale) for x in (plate, clean)],
        "coarse network": lambda: default.raw_coarse(*small),
        "refine": lambda: default.refine(plate, clean, coarse, sample_pixels=pixels),
    }
    print("  steps of default:")
    for name, spent in paired(steps, args.repeats, device).items():
        print(f"    {name:22s} {statistics.median(spent) * 1e3:9.1f} ms, best {min(spent) * 1e3:9.1f} ms")


def qualities(size: str, args: argparse.Namespace, device: torch.device) -> None:
    (plate, clean), (before, behind) = pictures(size, device), light(size)
    height, width = SIZES[size]
    network = default_network(args.weights).prepared().to(device)
    theirs = make_reference().to(device)
    theirs.backbone_scale, theirs.refiner.sample_pixels = SETTINGS[size]
    given = [x.contiguous() for x in (plate, clean)]

    def whole(quality: str) -> Callable[[], int]:
        settings = MatteSettings(quality=quality)
        scales, pixels = settings.scales_for(height, width), settings.pixels_for(height, width)

        def run() -> int:
            looks = network.looks(plate, clean, scales, settings.mirrored)
            return sum(matted(look) for look in looks)

        def matted(coarse: Coarse) -> int:
            refined = network.refine(plate, clean, coarse, sample_pixels=pixels)
            alpha = refined.alpha[0, 0].cpu().numpy()
            error = from_coarse(coarse.error, height, width)[0, 0].cpu().numpy()
            weigh = network.light is not None and settings.weighs_light
            cells = unmixing_cells(alpha, error, (before, behind) if weigh else None)
            edges = EdgeLight(
                before,
                behind,
                cells,
                refined.foreground[0].permute(1, 2, 0).cpu().numpy(),
                coarse.features[0].float().cpu().numpy(),
                encoded=encoded,
                decoded=lambda colors: decode(torch.from_numpy(colors)).numpy(),
            )
            if network.light is not None and weigh:
                judge = partial(judged, network.light, cells=cells, device=device)
                edges.weighed(alpha, error, judge)
            else:
                edges.unmixed(alpha, error)
            return 4 * int(cells.sum())

        return run

    runs = {quality: whole(quality) for quality in ("draft", "standard", "high")}
    print(f"{size}, network and unmixing, pixels unmixed {[run() for run in runs.values()]}")
    report(paired({"reference": lambda: theirs(*given), **runs}, args.repeats, device), "reference")


def modes(size: str, args: argparse.Namespace, device: torch.device) -> None:
    dtype = PRECISIONS[args.precision]
    plate, clean = pictures(size, device)
    network = default_network(args.weights).prepared().to(device, dtype)
    scale, pixels = SETTINGS[size]
    coarse = network.coarse(plate, clean, backbone_scale=scale)

    def refine(mode: str) -> Callable[[], Any]:
        return lambda: network.refine(plate, clean, coarse, mode=mode, sample_pixels=pixels)

    print(f"{size}, refinement alone:")
    report(paired({mode: refine(mode) for mode in MODES}, args.repeats, device), "full")
    for mode in (*MODES, "reference"):
        command = [sys.executable, __file__, "--size", size, "--device", args.device]
        command += ["--precision", args.precision, "--memory-of", mode]
        command += ["--weights", args.weights] if args.weights else []
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        found = json.loads(out)
        print(f"  {mode:24s} peak {found['mb']:7.0f} MB, {found['refined']:.1%} of the picture refined")


def resident(kind: str) -> int:
    """Bytes of memory of this process: VmRSS now, VmHWM at most so far."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith(kind)).split()[1]) * 1024


def memory_of(mode: str, size: str, args: argparse.Namespace, device: torch.device) -> None:
    dtype = PRECISIONS[args.precision]
    scale, pixels = SETTINGS[size]
    plate, clean = pictures(size, device)
    if mode == "reference":
        theirs = make_reference().to(device, dtype)
        theirs.backbone_scale, theirs.refiner.mode = scale, "full"
        plate, clean = (x.contiguous().to(dtype) for x in (plate, clean))
    else:
        network = default_network(args.weights).prepared().to(device, dtype)
        coarse = network.coarse(plate, clean, backbone_scale=scale)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
    else:
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
        before = resident("VmRSS")
    if mode == "reference":
        region = float(theirs(plate, clean)[5].mean())
    else:
        refined = network.refine(plate, clean, coarse, mode=mode, sample_pixels=pixels)
        region = float(refined.region.mean())
    peak = torch.cuda.max_memory_allocated() if device.type == "cuda" else resident("VmHWM")
    print(json.dumps({"mb": (peak - before) / 1e6, "refined": region}))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", choices=[*SIZES, "both"], default="both")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=list(PRECISIONS), default="fp32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--weights")
    parser.add_argument("--only", choices=["speed", "qualities", "modes"])
    parser.add_argument("--fresh-memory", action="store_true")
    parser.add_argument("--memory-of", choices=[*MODES, "reference"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if not args.fresh_memory:
        keep_memory()
    device = torch.device(args.device)
    with torch.inference_mode():
        for size in SIZES if args.size == "both" else (args.size,):
            if args.memory_of:
                memory_of(args.memory_of, size, args, device)
                continue
            if args.only in (None, "speed"):
                speed(size, args, device)
            if args.only in (None, "qualities"):
                qualities(size, args, device)
            if args.only in (None, "modes"):
                modes(size, args, device)


if __name__ == "__main__":
    main()
