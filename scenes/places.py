# SPDX-License-Identifier: Apache-2.0
"""Make rendered places: rooms and places under the sky, to train and measure before.

    python scenes/places.py --count 80 --output FOLDER --seed 1 --bpy-python .venv-bpy/4.5/bin/python

FOLDER gets ``place.00000.exr`` and so on: R G B, scene-linear Rec.709, half float, its metadata says what it
shows. It goes on, grows and mends itself as bank.py does, and needs no anny.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from batches import Work, command_line
from place_recipe import draw_place_recipe, shows_place
from recipe import note

from howard_nodes.frames import read_frame, write_image

__all__ = ["PLACES", "expose"]


def expose(picture: np.ndarray, stops: float) -> float:
    """Find the gain that brings a picture, H W 3 linear, to a middle of 0.18, give or take stops."""
    return 0.18 * 2.0**stops / max(float(np.median(picture.mean(2))), 1e-3)


def _place(folder: Path, recipe: dict[str, Any]) -> Path:
    return folder / f"place.{recipe['number']:05d}.exr"


def _finish(recipe: dict[str, Any], passes: Path, target: Path) -> str:
    file = passes / f"{recipe['number']:05d}.place.exr"
    picture = np.maximum(read_frame(file).rgb, 0.0)
    gain = expose(picture, recipe["exposure"])
    metadata = note(recipe, shows_place(recipe["place"]))
    write_image(target, np.minimum(picture * gain, 1000.0), "RGB", compression="zip", metadata=metadata)
    file.unlink()
    return f"gain {gain:.2f}"


PLACES = Work(
    noun="places",
    size=1280,
    aspect=(16, 9),
    script="place_scene.py",
    draw=draw_place_recipe,
    place=_place,
    finish=_finish,
    shows=lambda recipe: shows_place(recipe["place"]),
)


if __name__ == "__main__":
    command_line(PLACES, __doc__.splitlines()[0])
