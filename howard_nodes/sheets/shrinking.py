"""A result's layers as small pictures, made of the bands that a check of its file decodes."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.frames import FileInfo, PartInfo, Window
from howard_nodes.layers import LAYERS

__all__ = ["Shrinking", "small_size"]

Array = NDArray[Any]

_SHOWN = ("rgba", "foreground", "alpha", "error", "doubt")
_PLAIN = {"rgba": ("R", "G", "B")}
_STRAIGHT = ("PNG", "WebP")


def small_size(window: Window, aspect: float, side: int) -> tuple[int, int]:
    """Give width and height of a small picture with square pixels, its longer side so long at most."""
    width, height = window.width * aspect, float(window.height)
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


class Shrinking:
    """Is shown the bands of one file, see `howard_nodes.frames.verify_file`.

    Parameters
    ----------
    layer : str
        The one layer that the file holds; empty where channels are told by name.
    file : FileInfo
        Its header.
    side : int
        Pixels of the longer side of what is made.
    """

    def __init__(self, layer: str, file: FileInfo, side: int) -> None:
        self.file = file
        self.straight = file.format in _STRAIGHT
        self.parts: dict[str, PartInfo] = {}
        self._side = side
        self._channels: dict[str, list[int]] = {}
        self._rows: dict[str, Array] = {}
        for part in file.parts:
            for name, indices in _found(layer, tuple(part.channels)).items():
                if name not in self.parts:
                    self.parts[name], self._channels[name] = part, indices
        # What another layer shows as well is left out: this is done for every pixel.
        if len(self._channels.get("rgba", ())) == 4:
            self._leave_out("alpha")
        for better, other in (("rgba", "foreground"), ("doubt", "error")):
            if better in self.parts:
                self._leave_out(other)

    def __call__(self, index: int, top: int, pixels: Array) -> None:
        """Take a band: number of its part, first row, H W C float32."""
        for name, part in self.parts.items():
            if part.index != index:
                continue
            first, *rest = self._channels[name]
            together = rest == list(range(first + 1, first + 1 + len(rest)))
            chosen = pixels[..., first : first + 1 + len(rest)] if together else pixels[..., [first, *rest]]
            chosen = np.ascontiguousarray(chosen)
            if self.straight and chosen.shape[2] == 4:
                chosen[..., :3] *= chosen[..., 3:]
            display, data = part.display_window, part.data_window
            width, _ = small_size(display, part.pixel_aspect, self._side)
            width = max(1, round(data.width * width / display.width))
            rows = self._rows.get(name)
            if rows is None:
                rows = self._rows[name] = np.zeros((data.height, width, chosen.shape[2]), np.float32)
            narrow = cv2.resize(chosen, (width, chosen.shape[0]), interpolation=cv2.INTER_AREA)
            rows[top : top + chosen.shape[0]] = narrow.reshape(chosen.shape[0], width, -1)

    def _leave_out(self, name: str) -> None:
        self.parts.pop(name, None)
        self._channels.pop(name, None)

    def layers(self) -> dict[str, Array]:
        """Give what was seen: h w c float32 over the display window, finite; colour is premultiplied."""
        return {name: self._placed(rows, self.parts[name]) for name, rows in self._rows.items()}

    def _placed(self, rows: Array, part: PartInfo) -> Array:
        display, data = part.display_window, part.data_window
        width, height = small_size(display, part.pixel_aspect, self._side)
        across, down = width / display.width, height / display.height
        size = rows.shape[1], max(1, round(data.height * down))
        small = cv2.resize(rows, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], -1)
        small = np.nan_to_num(small, posinf=65504.0, neginf=0.0)
        x, y = round((data.x - display.x) * across), round((data.y - display.y) * down)
        if (x, y, *size) == (0, 0, width, height):
            return small
        placed: Array = np.zeros((height, width, small.shape[2]), np.float32)
        left, right = max(x, 0), min(x + size[0], width)
        top, bottom = max(y, 0), min(y + size[1], height)
        if left < right and top < bottom:
            placed[top:bottom, left:right] = small[top - y : bottom - y, left - x : right - x]
        return placed


def _found(layer: str, channels: tuple[str, ...]) -> dict[str, list[int]]:
    """Which layers a part holds, and at which indices."""
    if layer:
        names: list[str] = [name for name in ("R", "G", "B", "A") if name in channels] or list(channels)
        return {layer: [channels.index(name) for name in names]} if layer in _SHOWN else {}
    found = {}
    for name in _SHOWN:
        for wanted in (LAYERS[name], _PLAIN.get(name, ())):
            if wanted and set(wanted) <= set(channels):
                found[name] = [channels.index(channel) for channel in wanted]
                break
    return found
