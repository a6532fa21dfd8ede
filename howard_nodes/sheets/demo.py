"""The demo: the shot that ships, matted, and a contact sheet to look at."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np

from howard_nodes.color import ColorConfig
from howard_nodes.description.job import Job
from howard_nodes.errors import InputError
from howard_nodes.frames import Sequence, read_frame
from howard_nodes.sheets.contact_sheet import Tile, contact_sheet, for_display, linear_light, write_sheet
from howard_nodes.solve import composite

__all__ = ["SHEET", "demo_job", "demo_sheet", "shot_folder"]

SHEET = "contact_sheet.png"
"""Name of the contact sheet."""

_PLATE, _CLEAN, _BACKGROUND = "plate.####.exr", "clean.exr", "new_background.exr"
_RESULT = "shot.####.exr"
_CLOSER = 3  # how many times larger the close-ups are


def shot_folder() -> Path:
    """Where the demo shot is: in the package.

    Raises
    ------
    InputError
        It is missing from this installation.
    """
    folder = Path(str(files("howard_nodes") / "data" / "demo"))
    if not (folder / _CLEAN).is_file():
        raise InputError(f"{folder}: the demo shot is missing from this installation; reinstall Howard.")
    return folder


def demo_job(
    output: Path, *, weights: str | None = None, device: str = "auto", frames: str | None = None
) -> Job:
    """Make the job that mattes the demo shot.

    Parameters
    ----------
    output : Path
        Folder of the result.
    weights, device, frames
        As of `Job`.
    """
    folder = shot_folder()
    return Job(
        plate=str(folder / _PLATE),
        clean_plate=str(folder / _CLEAN),
        output=str(output / _RESULT),
        frames=frames,
        weights=weights,
        device=device,
        ocio="howard",
    )


def demo_sheet(output: Path, *, frame: int | None = None) -> Path:
    """Lay plate, clean plate, layers and a comp of a frame out on a contact sheet, from the files on disk.

    Parameters
    ----------
    output : Path
        Folder with the result of `demo_job`; the sheet goes there.
    frame : int, optional
        By default the middle one.

    Returns
    -------
    Path
        The sheet, a PNG.

    Raises
    ------
    InputError
        There is no result.
    FrameError
        A file cannot be read.
    """
    shot, config = shot_folder(), ColorConfig.load("howard")
    result = Sequence.find(output / _RESULT)
    number = result.frames[len(result.frames) // 2] if frame is None else frame
    path = result.path(number)
    foreground = read_frame(path, layer="foreground", frame=number)
    alpha, coarse, error = (
        read_frame(path, layer=name, frame=number).pixels[..., 0] for name in ("alpha", "coarse", "error")
    )
    plate = linear_light(read_frame(Sequence.find(shot / _PLATE).path(number)), config)
    clean = linear_light(read_frame(shot / _CLEAN), config)
    background = linear_light(read_frame(shot / _BACKGROUND), config)
    if background.shape != plate.shape:
        background = cv2.resize(background, plate.shape[1::-1], interpolation=cv2.INTER_AREA)
    comp = composite(linear_light(foreground, config), alpha, background)

    seen = {
        name: for_display(pixels, config.scene_linear, config)
        for name, pixels in (("plate", plate), ("clean", clean), ("comp", comp))
    }
    close = _edge(alpha)
    tiles = [
        Tile("Plate", seen["plate"], f"frame {number}"),
        Tile("Clean plate", seen["clean"], "another take"),
        Tile("Comp", seen["comp"], "foreground over a new background"),
        Tile("Coarse matte", coarse),
        Tile("Error map", error, "where the refiner works"),
        Tile("Alpha", alpha, "coverage, linear"),
        Tile("Plate", seen["plate"][close], f"x {_CLOSER}"),
        Tile("Alpha", alpha[close], f"x {_CLOSER}"),
        Tile("Comp", seen["comp"][close], f"x {_CLOSER}"),
    ]
    sheet = output / SHEET
    write_sheet(sheet, contact_sheet(tiles))
    return sheet


def _edge(alpha: np.ndarray) -> tuple[slice, slice]:
    """Find the part of the picture, a third of its sides, with most partial coverage."""
    height, width = (side // _CLOSER for side in alpha.shape)
    soft = cv2.blur(alpha * (1.0 - alpha), (width, height), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
    inside = soft[: alpha.shape[0] - height + 1, : alpha.shape[1] - width + 1]
    y, x = np.unravel_index(int(inside.argmax()), inside.shape)
    return slice(int(y), int(y) + height), slice(int(x), int(x) + width)
