"""Where a group's files are, and which are there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from .errors import PluginError

__all__ = ["Pattern", "are_there", "frames_there", "input_pattern", "result_pattern", "work_folder"]


class Pattern(NamedTuple):
    """Files of a sequence, or a still.

    Attributes
    ----------
    folder, stem : str
        The files are FOLDER/STEM.NNNN.exr, or FOLDER/STEM.exr.
    still : bool
        Whether it is one file.
    """

    folder: str
    stem: str
    still: bool = False

    def of_nuke(self) -> str:
        """Write it as Nuke does."""
        return self._written("%04d")

    def of_howard(self) -> str:
        """Write it as Howard does."""
        return self._written("####")

    def path(self, frame: int) -> str:
        """Name the file of a frame."""
        return self._written(f"{frame:04d}")

    def _written(self, number: str) -> str:
        name = f"{self.stem}.exr" if self.still else f"{self.stem}.{number}.exr"
        return f"{self.folder}/{name}"


def work_folder(folder: str, node: str) -> str:
    """Name the folder of a group's files.

    Parameters
    ----------
    folder : str
        What the knob says, evaluated.
    node : str
        The group's full name.

    Returns
    -------
    str
        Absolute, with slashes.

    Raises
    ------
    PluginError
        The knob's path is not absolute: the script was never saved.
    """
    folder = folder.strip().replace("\\", "/")
    if not Path(folder).is_absolute():
        raise PluginError("Save the script first, or choose a folder for the results (tab Files).")
    return f"{folder.rstrip('/')}/{node}"


def result_pattern(folder: str, node: str) -> Pattern:
    """Name the result's files; `folder` is from `work_folder`."""
    return Pattern(folder, node)


def input_pattern(folder: str, name: str, still: bool) -> Pattern:
    """Name the files an input is rendered to; `folder` is from `work_folder`."""
    return Pattern(f"{folder}/inputs", name, still)


def are_there(pattern: Pattern, frames: Iterable[int]) -> bool:
    """Tell whether all files of some frames are on disk."""
    return all(Path(pattern.path(frame)).is_file() for frame in frames)


def frames_there(pattern: Pattern) -> list[int]:
    """List the frames of a sequence that are on disk.

    Parameters
    ----------
    pattern : Pattern
        Not a still.

    Returns
    -------
    list of int
        Sorted.
    """
    name = re.compile(re.escape(pattern.stem) + r"\.(-?\d+)\.exr")
    try:
        found = [name.fullmatch(entry.name) for entry in Path(pattern.folder).iterdir()]
    except OSError:
        return []
    return sorted(int(match.group(1)) for match in found if match)
