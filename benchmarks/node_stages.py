"""What a change costs: an evaluation of the node after it, as a part of a full one, in turn in one process.

    python benchmarks/node_stages.py                    # 1080p; a minute or two
    python benchmarks/node_stages.py --size 2160p --rounds 5

The demo shot enlarged, with grain, from EXR files. Full evaluations begin with an empty cache but loaded
weights; each is followed by the changes, each against the frame as it was. Medians of rounds and of their
ratios, with the clean plate as it is and fitted: a fit makes a full evaluation longer.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

# As the command line sets it, before torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from pipeline_speed import make_shot

from howard_nodes.engine.runtime import Warm
from howard_nodes.node import HowardMatte

SIZES = {"540p": (960, 540), "1080p": (1920, 1080), "2160p": (3840, 2160)}
AS_IT_IS = {"align": "off", "match_exposure": "off"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="1080p")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    width, height = SIZES[options.size]
    with tempfile.TemporaryDirectory() as name:
        shot = make_shot(Path(name), width, height, 1)
        inputs = {"plate": shot.plate, "clean_plate": shot.clean_plate}
        for what, knobs in (("clean plate as it is", AS_IT_IS), ("clean plate fitted", {})):
            print(f"{options.size}, {what}, {options.rounds} rounds")
            for change, (milliseconds, ratio, ran) in measure(inputs, knobs, options.rounds).items():
                print(f"  {change:22} {milliseconds:7.0f} ms  {ratio:5.2f}  {', '.join(ran)}")


def measure(
    inputs: dict[str, Any], knobs: dict[str, Any], rounds: int
) -> dict[str, tuple[float, float, tuple[str, ...]]]:
    """Median milliseconds, median part of a full evaluation, and the stages that ran, by change."""
    node = HowardMatte(warm=Warm(2 << 30), device="cpu", **knobs)
    first = node.evaluate(1001, inputs)
    taken: dict[str, list[float]] = {}
    ran: dict[str, tuple[str, ...]] = {}

    def timed(change: str, **more: Any) -> None:
        began = time.perf_counter()
        outputs = node.evaluate(1001, inputs | more)
        outputs["image"], outputs["foreground"]
        taken.setdefault(change, []).append(1000 * (time.perf_counter() - began))
        ran[change] = outputs.ran

    for turn in range(rounds):
        paint = strokes(first["alpha"].shape, turn)
        forget(node)
        timed("everything")
        timed("error override", error_override=paint)
        timed("coarse override", coarse_override=np.dstack([paint, paint]))
        timed("inside", inside=paint)
        timed("outside", outside=paint)
        node.configure(refine_mode="thresholding", threshold=0.05 + 0.01 * turn)
        timed("threshold")
        node.configure(refine_mode="sampling")
        timed("nothing")
    full = taken["everything"]
    return {
        change: (
            statistics.median(times),
            statistics.median(one / whole for one, whole in zip(times, full, strict=True)),
            ran[change],
        )
        for change, times in taken.items()
    }


def forget(node: HowardMatte) -> None:
    """Empty what the node knows of pictures; its weights stay loaded."""
    node._warm.cache.clear()
    node._warm._fits.clear()


def strokes(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """A matte as it is painted: a few soft strokes."""
    random = np.random.default_rng(seed)
    matte = np.zeros(shape, np.float32)
    for _ in range(6):
        start, end = (random.uniform(0, 1, 2) * shape[::-1] for _ in range(2))
        cv2.line(matte, start.astype(int).tolist(), end.astype(int).tolist(), 1.0, shape[0] // 30)
    return cv2.GaussianBlur(matte, (0, 0), shape[0] / 200)


if __name__ == "__main__":
    main()
