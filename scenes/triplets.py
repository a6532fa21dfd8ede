# SPDX-License-Identifier: Apache-2.0
"""Make whole rendered scenes to measure mattes with: plate, clean plate, exact coverage and foreground.

    python scenes/triplets.py --count 18 --output SET --seed 20261123 \
        --bpy-python .venv-bpy/4.5/bin/python --anny-python .venv-anny/bin/python

SET gets ``scene-00000-plain/`` and so on: cases as ``howard evaluate`` reads them. A second start goes on, as
bank.py does. The plate is ``F a + (1 - a) B`` before grain, B being the place with the shadows, bounce and
reflections of who stands in it; the clean plate is another take: other grain, in a part a camera that drifted
and another exposure.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from batches import Work, command_line
from finish import alpha_of, straighten
from places import expose
from triplet_recipe import TRIPLET_VERSION, draw_triplet, shows_triplet

from howard_nodes.evaluation.cases import Truth, write_case
from howard_nodes.frames import read_frame

sys.path.append(str(Path(__file__).parent / "demo_shot"))

from compose import grain

__all__ = ["TRIPLETS", "finish_triplet", "read_passes"]

_BRIGHTEST = 1000.0


def read_passes(passes: Path, number: int) -> tuple[Truth, np.ndarray, np.ndarray]:
    """Read what triplet_scene.py rendered.

    Parameters
    ----------
    passes : Path
        Its folder.
    number : int

    Returns
    -------
    tuple
        What is true of the subject, the place behind it, the place of the clean plate; H W 3 linear.
    """
    name = f"{number:05d}"
    behind, clean = (
        np.clip(read_frame(passes / f"{name}.{take}.exr").rgb, 0.0, _BRIGHTEST)
        for take in ("behind", "clean")
    )
    if not (passes / f"{name}.cover.exr").exists():
        return Truth(np.zeros_like(behind), np.zeros(behind.shape[:2], np.float32)), behind, clean
    color = read_frame(passes / f"{name}.color.exr")
    assert color.alpha is not None
    left, top, right, bottom = json.loads((passes / f"{name}.box.json").read_text(encoding="utf-8"))
    alpha = np.zeros(behind.shape[:2], np.float32)
    seen = read_frame(passes / f"{name}.cover.exr").pixels[..., 0]
    alpha[top:bottom, left:right] = alpha_of(seen[top:bottom, left:right])
    return Truth(np.minimum(straighten(color.rgb, color.alpha), _BRIGHTEST), alpha), behind, clean


def _compose(truth: Truth, behind: np.ndarray) -> np.ndarray:
    """Lay a straight foreground over what is behind it, H W 3 linear."""
    alpha = truth.alpha[..., None]
    return truth.foreground * alpha + (1.0 - alpha) * behind


def finish_triplet(recipe: dict[str, Any], passes: Path, target: Path) -> str:
    """Write a case, whole or not at all, and remove its passes.

    Parameters
    ----------
    recipe : dict
        From `draw_triplet`.
    passes : Path
        Folder that triplet_scene.py rendered to.
    target : Path
        Folder of the case.

    Returns
    -------
    str
        How much the subject covers, and how far off the clean plate is.
    """
    number, seed = recipe["number"], recipe["seed"]
    truth, behind, clean = read_passes(passes, number)
    plate = _compose(truth, behind)
    gain = np.float32(_expose(recipe, truth, plate))
    truth = Truth(np.minimum(truth.foreground * gain, _BRIGHTEST), truth.alpha)
    takes = (plate * gain, clean * gain * np.array(recipe["gain"], np.float32))
    if recipe["grain"]:
        takes = tuple(grain(take, _seed_of(seed, number, k), recipe["grain"]) for k, take in enumerate(takes))
    takes = tuple(np.clip(take, 0.0, _BRIGHTEST).astype(np.float32) for take in takes)
    drift = float(np.hypot(*recipe["drift"]) + recipe["travel"])
    made = passes / target.name
    write_case(
        made,
        kind=recipe["kind"],
        made="scene",
        plates=[takes[0]],
        cleans=[takes[1]],
        truths=[truth],
        seed=seed,
        ingredients={
            "shows": shows_triplet(recipe),
            "drift in pixels at 1080": round(drift, 3),
            "gain of the clean plate": recipe["gain"],
            "grain": recipe["grain"],
            "version": TRIPLET_VERSION,
            "recipe": recipe,
        },
    )
    made.rename(target)
    for file in passes.glob(f"{number:05d}.*"):
        file.unlink()
    return f"covers {float(truth.alpha.mean()):.2f}, drift {drift:.1f}, gain {float(gain):.2f}"


def _expose(recipe: dict[str, Any], truth: Truth, plate: np.ndarray) -> float:
    """Find the gain for the middle of the plate, but no more than the subject bears."""
    gain = expose(plate, recipe["exposure"])
    solid = truth.foreground.mean(2)[truth.alpha > 0.9]
    return min(gain, 0.45 / float(np.median(solid))) if solid.size else gain


def _seed_of(*numbers: int) -> int:
    """Make one seed of several."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def _place(folder: Path, recipe: dict[str, Any]) -> Path:
    return folder / f"scene-{recipe['number']:05d}-{recipe['kind'].replace(' ', '-')}"


TRIPLETS = Work(
    noun="triplets",
    size=1920,
    aspect=(16, 9),
    script="triplet_scene.py",
    draw=draw_triplet,
    place=_place,
    finish=finish_triplet,
    shows=shows_triplet,
)


if __name__ == "__main__":
    command_line(TRIPLETS, __doc__.splitlines()[0])
