# SPDX-License-Identifier: Apache-2.0
"""Make a bank of rendered heads of hair, close and sharp: what edges are learnt and measured on.

    python scenes/heads.py --count 12 --output FOLDER --seed 1 \
        --bpy-python .venv-bpy/4.5/bin/python --anny-python .venv-anny/bin/python

As bank.py does, but for what is seen. FOLDER gets ``head.00000.exr`` and so on.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from bank import FOREGROUNDS
from batches import command_line
from recipe import draw_head

__all__ = ["HEADS"]


def _place(folder: Path, recipe: dict[str, Any]) -> Path:
    return folder / f"head.{recipe['number']:05d}.exr"


HEADS = replace(FOREGROUNDS, noun="heads", size=1080, draw=draw_head, place=_place)


if __name__ == "__main__":
    command_line(HEADS, __doc__.splitlines()[0])
