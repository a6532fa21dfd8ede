"""Contact sheets: pictures side by side with titles, ready for a screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.atomic import write_file
from howard_nodes.color import ColorConfig
from howard_nodes.errors import InputError
from howard_nodes.frames import Frame

__all__ = ["Tile", "contact_sheet", "for_display", "linear_light", "write_sheet"]

Array = NDArray[Any]

_PAPER = (27, 27, 29)
_TITLE = (236, 236, 238)
_NOTE = (150, 150, 156)
_MARGIN = 28
_GAP = 18
_TITLE_SIZE = 19
_STRIP = 34  # a title's height above its picture


@dataclass(frozen=True)
class Tile:
    """One picture of a sheet.

    Attributes
    ----------
    title : str
        What it is.
    pixels : ndarray
        H W 3 or H W, 0 to 1, as a display wants it.
    note : str
        Said in grey beside the title.
    """

    title: str
    pixels: Array
    note: str = ""


def linear_light(frame: Frame, config: ColorConfig) -> Array:
    """Convert a picture's colour to the configuration's scene_linear.

    Parameters
    ----------
    frame : Frame
        With three channels of colour.
    config : ColorConfig
        Finds out what space it is in.

    Returns
    -------
    ndarray
        H W 3 float32.

    Raises
    ------
    ColorError
        A space that the configuration does not know.
    """
    resolved = config.resolve(
        str(frame.path),
        frame.colorspace,
        None,
        chromaticities=frame.metadata.get("chromaticities"),
        is_float=frame.is_float,
    )
    light: Array = config.convert(frame.rgb, resolved.space, config.scene_linear)
    return light


def for_display(pixels: Array, space: str, config: ColorConfig) -> Array:
    """Tone-map scene-linear light for an sRGB display, highlights rolled off instead of clipped.

    Parameters
    ----------
    pixels : ndarray
        H W 3 float32.
    space : str
        Their colour space.
    config : ColorConfig
        Knows it.

    Returns
    -------
    ndarray
        H W 3 float32, 0 to 1.

    Raises
    ------
    ColorError
        An unknown space.
    """
    import torch

    from howard_nodes.color.encoding import encode

    encoded: Array = encode(torch.from_numpy(config.to_linear_rec709(pixels, space))).numpy()
    return encoded


def contact_sheet(tiles: Sequence[Tile], *, columns: int = 3, tile_width: int = 620) -> Array:
    """Lay pictures out in a grid.

    Parameters
    ----------
    tiles : sequence of Tile
        Row by row. They are fitted to the first one's shape.
    columns : int
        Pictures a row.
    tile_width : int
        Pixels of a picture on the sheet.

    Returns
    -------
    ndarray
        H W 3, uint8, RGB, sRGB.

    Raises
    ------
    InputError
        No pictures.
    """
    if not tiles:
        raise InputError("a contact sheet needs at least one image")
    height, width = tiles[0].pixels.shape[:2]
    tile_height = round(tile_width * height / width)
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    cell_width, cell_height = tile_width + _GAP, tile_height + _STRIP + _GAP
    sheet: Array = np.empty(
        (rows * cell_height - _GAP + 2 * _MARGIN - _STRIP // 3, columns * cell_width - _GAP + 2 * _MARGIN, 3),
        np.uint8,
    )
    sheet[:] = _PAPER
    for number, tile in enumerate(tiles):
        row, column = divmod(number, columns)
        x, y = _MARGIN + column * cell_width, _MARGIN + row * cell_height - _STRIP // 3
        end = _write_text(sheet, tile.title, x, y + _STRIP - 12, _TITLE_SIZE, _TITLE)
        _write_text(sheet, tile.note, end + 10, y + _STRIP - 12, _TITLE_SIZE - 3, _NOTE)
        y += _STRIP
        sheet[y : y + tile_height, x : x + tile_width] = _fitted(tile.pixels, tile_width, tile_height)
    return sheet


def write_sheet(path: Path, sheet: Array) -> None:
    """Write a sheet as an 8-bit PNG, whole or not at all.

    Raises
    ------
    WriteError
        It cannot be written.
    """
    done, encoded = cv2.imencode(".png", cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    write_file(path, encoded.tobytes() if done else b"")


def _fitted(pixels: Array, width: int, height: int) -> Array:
    picture: Array = np.ascontiguousarray(pixels, np.float32)
    if picture.shape[:2] != (height, width):
        shrinks = picture.shape[0] > height
        picture = cv2.resize(
            picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        )
    levels = (np.clip(picture, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    return levels[..., None] if levels.ndim == 2 else levels


def _write_text(sheet: Array, text: str, x: int, y: int, size: int, color: tuple[int, int, int]) -> int:
    """Write text with its baseline at y; give the x where it ends."""
    if not text:
        return x
    if hasattr(cv2, "FontFace"):  # OpenCV 5 brings a real typeface
        face: Any = cv2.FontFace("sans")
        put: Any = cv2.putText  # two functions of one name
        (end, _), _ = put(sheet, text, (x, y), color, face, size, 400)
        return int(end)
    scale = size / 30
    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    cv2.putText(sheet, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, color, 1, cv2.LINE_AA)
    return int(x + width)
