# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a node's files lie: results, what the last pull replaced, what was painted, what was rendered."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import bpy

from . import group
from .errors import AddonError

__all__ = ["folder", "keep_replaced", "numbered", "replaced", "unwritable"]

_BEFORE = "before"


def folder(tree: bpy.types.NodeTree) -> Path:
    """Give the folder of all files of a group. Raises `AddonError` where it cannot be known."""
    named = tree.howard.folder.strip()
    if named.startswith("//") and not bpy.data.filepath:
        raise AddonError(
            "Save the blend file first, or choose a folder for the results in the sidebar (Howard)."
        )
    path = Path(bpy.path.abspath(named))
    if not path.is_absolute():
        raise AddonError(
            f"The folder for the results, {named or 'empty'}, is not an absolute path: choose another one."
        )
    return path / bpy.path.clean_name(tree.name)


def numbered(pattern: Path, number: int) -> Path:
    """Give a file of a sequence."""
    return pattern.with_name(pattern.name.replace("####", f"{number:04d}"))


def keep_replaced(output: Path, numbers: Iterable[int]) -> None:
    """Keep what a pull will replace, to compare with; of earlier pulls nothing is kept for these frames.

    Howard writes a new file and puts it in place of the old one, so that a second name of that one is enough.

    Parameters
    ----------
    output : Path
        Pattern of the result.
    numbers : iterable of int
        Of the frames that will be pulled.

    Raises
    ------
    AddonError
        The folder cannot be written to.
    """
    before = output.parent / _BEFORE
    try:
        for number in numbers:
            result = numbered(output, number)
            kept = before / result.name
            kept.unlink(missing_ok=True)
            if not result.is_file():
                continue
            before.mkdir(exist_ok=True)
            try:
                os.link(result, kept)
            except OSError:  # a disk without hard links
                shutil.copyfile(result, kept)
    except OSError as error:
        raise unwritable(error) from error


def replaced(tree: bpy.types.NodeTree) -> Path | None:
    """Give a file of what the last pull replaced, the shown frame's if possible; None for none."""
    before = folder(tree) / _BEFORE
    shown = group.shown_file(tree)
    if shown is None or not before.is_dir():
        return None
    namesake = before / shown.name
    return namesake if namesake.is_file() else next(iter(sorted(before.glob("*.exr"))), None)


def unwritable(error: OSError) -> AddonError:
    """Say that a folder for results cannot be written to."""
    return AddonError(
        f"{error.filename}: cannot write there ({error.strerror}); choose another folder for the results "
        "in the sidebar (Howard)."
    )
