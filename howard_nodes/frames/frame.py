"""What one frame is: pixels, channel names, windows and the metadata that travels with them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from howard_nodes.errors import FrameError, InputError

__all__ = ["HALF_MAX", "Frame", "Window", "carried_over", "check_size", "fit_window", "sanitize"]

HALF_MAX = 65504.0
"""Largest finite half-float value."""


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels: origin (may be negative) and size, y down, as in OpenEXR.

    Parameters
    ----------
    x, y : int
        First column and first row.
    width, height : int
        Size in pixels.
    """

    x: int
    y: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}{self.x:+d}{self.y:+d}"


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture as it lies in its file: no colour conversion, no premultiplication, no cropping.

    Parameters
    ----------
    pixels : numpy.ndarray
        H W C, float32, C-contiguous; covers `data_window`. Integer files are scaled to 0..1.
    channels : tuple of str
        Name of each channel, the layer's prefix taken off; R, G, B, A come first.
    colorspace : str or None
        What the file's own tags say, see `read_frame`; None where it says nothing.
    data_window : Window
        Where `pixels` lie.
    display_window : Window
        The picture as it is meant to be seen; smaller than the data window with overscan.
    pixel_aspect : float
        Width of a pixel divided by its height.
    metadata : dict
        All other attributes to carry to the output: plain values, or `TypedValue` where the type
        matters (timecode, matrices ...). `write_image` takes it as it is.
    path : Path or None
        The file it came from.
    frame : int or None
        Its number in its sequence.
    layer : str
        The layer that was read, empty where the file has but the one picture.
    is_float : bool
        True where the file holds floating-point numbers.
    straight_alpha : bool
        True where the file keeps colour and alpha apart (PNG, some TIFF); colour is premultiplied otherwise.
    """

    pixels: np.ndarray
    channels: tuple[str, ...]
    colorspace: str | None
    data_window: Window
    display_window: Window
    pixel_aspect: float = 1.0
    metadata: dict[str, Any] = field(default_factory=dict)
    path: Path | None = None
    frame: int | None = None
    layer: str = ""
    is_float: bool = False
    straight_alpha: bool = False

    @property
    def rgb(self) -> np.ndarray:
        """Colour, H W 3 float32, contiguous; one-channel pictures are repeated three times.

        Raises
        ------
        FrameError
            If the channels are no colour, for example motion vectors.
        """
        if self.channels[:3] == ("R", "G", "B"):
            return self.pixels if len(self.channels) == 3 else np.ascontiguousarray(self.pixels[..., :3])
        colour = [name for name in self.channels if name != "A"] or list(self.channels)
        if len(colour) == 1:
            single = self.pixels[..., self.channels.index(colour[0])]
            return np.ascontiguousarray(np.broadcast_to(single[..., None], (*single.shape, 3)))
        raise FrameError(
            f"channels {', '.join(self.channels)} are not a colour image; choose another layer",
            path=self.path,
            frame=self.frame,
        )

    @property
    def alpha(self) -> np.ndarray | None:
        """The A channel, H W float32, or None where there is none."""
        if "A" not in self.channels:
            return None
        return np.ascontiguousarray(self.pixels[..., self.channels.index("A")])


def sanitize(pixels: np.ndarray) -> tuple[np.ndarray, int]:
    """Replace what is no number: NaN and -Inf become 0, +Inf becomes 65504 (the largest half).

    Parameters
    ----------
    pixels : numpy.ndarray
        H W C (or H W), floating point.

    Returns
    -------
    pixels : numpy.ndarray
        The same array where there was nothing to do, else a repaired copy.
    count : int
        Number of pixels (not channels) that were repaired.
    """
    if np.isfinite(pixels).all():
        return pixels, 0
    bad = ~np.isfinite(pixels)
    count = int(np.count_nonzero(bad.any(axis=-1) if pixels.ndim == 3 else bad))
    return np.nan_to_num(pixels, copy=True, nan=0.0, posinf=HALF_MAX, neginf=0.0), count


def fit_window(pixels: np.ndarray, source: Window, target: Window, *, fill: float = 0.0) -> np.ndarray:
    """Place pixels that cover one window in another: cut what lies outside, fill what is missing.

    Parameters
    ----------
    pixels : numpy.ndarray
        H W C (or H W), covers `source`.
    source, target : Window
        Where the pixels lie, and what the result covers.
    fill : float
        Value where `source` has no pixel. OpenEXR defines it as 0.

    Returns
    -------
    numpy.ndarray
        The same array where the windows are equal, else a new one.
    """
    if pixels.shape[:2] != (source.height, source.width):
        raise InputError(f"pixels {pixels.shape[1]}x{pixels.shape[0]} do not cover the window {source}")
    if source == target:
        return pixels
    out = np.full((target.height, target.width, *pixels.shape[2:]), fill, pixels.dtype)
    x0, x1 = max(source.x, target.x), min(source.x + source.width, target.x + target.width)
    y0, y1 = max(source.y, target.y), min(source.y + source.height, target.y + target.height)
    if x0 < x1 and y0 < y1:
        out[y0 - target.y : y1 - target.y, x0 - target.x : x1 - target.x] = pixels[
            y0 - source.y : y1 - source.y, x0 - source.x : x1 - source.x
        ]
    return out


def carried_over(window: Window, display: Window, to: Window) -> Window:
    """Give where a window lies when its display window is laid on another one.

    Parameters
    ----------
    window, display : Window
        Of one picture.
    to : Window
        The other's display window, of the same size; pixels that lie at its origin are those that lie at the
        origin of `display`.
    """
    return Window(window.x - display.x + to.x, window.y - display.y + to.y, window.width, window.height)


def check_size(what: str, picture: Frame, plate: Frame, frame: int) -> None:
    """Make sure that a picture is as large as its plate, by their display windows.

    Parameters
    ----------
    what : str
        What it is, for the message.
    picture, plate : Frame
        Their headers are enough.
    frame : int
        Number of the plate's frame, for the message.

    Raises
    ------
    FrameError
        It is not.
    """
    ours, plates = picture.display_window, plate.display_window
    if (ours.width, ours.height) != (plates.width, plates.height):
        raise FrameError(
            f"the {what} is {ours.width}x{ours.height}, the plate {plates.width}x{plates.height}; "
            "give both the same size.",
            path=picture.path,
            frame=frame,
        )
