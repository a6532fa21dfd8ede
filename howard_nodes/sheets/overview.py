"""A result at a glance: comps, alphas and error maps of some of its frames on a contact sheet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from howard_nodes.color import ColorConfig
from howard_nodes.errors import FrameError, InputError
from howard_nodes.frames import Frame, Sequence, read_frame
from howard_nodes.layers import file_patterns
from howard_nodes.sheets.contact_sheet import Tile, contact_sheet, for_display, linear_light, write_sheet

__all__ = ["over_checks", "overview"]

Array = NDArray[Any]

_FRAMES = 6
_SQUARES = 24  # on the longer side
_DARK, _LIGHT = 0.12, 0.24  # linear


def overview(pattern: str, frames: tuple[int, ...], sheet: Path, ocio: str | None = None) -> None:
    """Write a contact sheet of a result.

    Parameters
    ----------
    pattern : str
        As `howard matte` was given it for its output.
    frames : tuple of int
        Those there are; a few, spread evenly, are shown.
    sheet : Path
        A PNG.
    ocio : str, optional
        Configuration, as `ColorConfig.load` takes it.

    Raises
    ------
    InputError
        None of the frames has a layer that can be shown.
    WriteError
        The sheet cannot be written.
    """
    config = ColorConfig.load(ocio)
    count = min(_FRAMES, len(frames))
    chosen = [frames[round(index * (len(frames) - 1) / max(count - 1, 1))] for index in range(count)]
    rows = [list(_tiles(pattern, frame, config)) for frame in dict.fromkeys(chosen)]
    rows = [row for row in rows if row]
    if not rows:
        raise InputError(f"{pattern}: has no rgba or alpha layer to show.")
    columns = max(map(len, rows))
    # A row that lacks a layer keeps its place.
    tiles = [tile for row in rows for tile in row + [row[-1]] * (columns - len(row))]
    write_sheet(sheet, contact_sheet(tiles, columns=columns))


def over_checks(light: Array, alpha: Array) -> Array:
    """Lay a premultiplied foreground over grey checks.

    Parameters
    ----------
    light : ndarray
        H W 3, scene-linear.
    alpha : ndarray
        H W, 0 to 1.

    Returns
    -------
    ndarray
        H W 3 float32, scene-linear.
    """
    height, width = alpha.shape
    y, x = np.mgrid[:height, :width] * _SQUARES // max(height, width)
    checks = np.where((x + y) % 2, _LIGHT, _DARK).astype(np.float32)
    over: Array = light + (1 - alpha[..., None]) * checks[..., None]
    return over


def _tiles(pattern: str, frame: int, config: ColorConfig) -> Iterator[Tile]:
    picture = _layer(pattern, "rgba", frame)
    if picture is not None and picture.pixels.shape[2] == 4:
        light = linear_light(picture, config)
        alpha = picture.pixels[..., 3]
        over = over_checks(light, alpha)
        yield Tile("Comp", for_display(over, config.scene_linear, config), f"frame {frame}")
    for layer, title in (("alpha", "Alpha"), ("error", "Error map")):
        matte = _layer(pattern, layer, frame)
        if matte is not None:
            yield Tile(title, matte.pixels[..., 0], f"frame {frame}")


def _layer(pattern: str, layer: str, frame: int) -> Frame | None:
    is_exr = Path(pattern).suffix.lower() == ".exr"
    try:
        path = Sequence.output(file_patterns(pattern, [layer])[0]).path(frame)
        return read_frame(path, layer=layer if is_exr and layer != "rgba" else None, frame=frame)
    except FrameError:
        return None
