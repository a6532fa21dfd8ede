# SPDX-License-Identifier: Apache-2.0
"""Make a bank of rendered foregrounds: people, and a fifth of what is none, to train on.

    python scenes/bank.py --count 600 --output FOLDER --seed 1 \
        --bpy-python .venv-bpy/4.5/bin/python --anny-python .venv-anny/bin/python

FOLDER gets ``foreground.00000.exr`` and so on: straight linear Rec.709, coverage, and in the metadata what
each shows. A second start goes on where the first was stopped; a larger ``--count`` makes the bank grow. A
deleted file is made again, and looks the same as long as recipe.VERSION is. One start at a time for a folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from batches import Work, command_line
from finish import finish
from recipe import draw_recipe, shows

__all__ = ["FOREGROUNDS"]


def _place(folder: Path, recipe: dict[str, Any]) -> Path:
    return folder / f"foreground.{recipe['number']:05d}.exr"


def _finish(recipe: dict[str, Any], passes: Path, target: Path) -> str:
    return f"covers {finish(recipe, passes, target):.2f}"


FOREGROUNDS = Work(
    noun="foregrounds",
    size=512,
    aspect=(1, 1),
    script="scene.py",
    draw=draw_recipe,
    place=_place,
    finish=_finish,
    shows=shows,
)


if __name__ == "__main__":
    command_line(FOREGROUNDS, __doc__.splitlines()[0])
