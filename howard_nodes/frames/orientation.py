"""Pictures that lie on their side: how they are turned to stand upright."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from howard_nodes.frames.frame import Window

__all__ = ["Orientation"]


@dataclass(frozen=True)
class Orientation:
    """Quarter turns and mirroring: where columns and rows of the coded picture go.

    Its entries a, b, c, d place coded (x, y) at (a x + c y, b x + d y), y down.
    """

    a: int = 1
    b: int = 0
    c: int = 0
    d: int = 1

    @classmethod
    def of_exif(cls, code: int) -> Orientation:
        """Give what Exif and TIFF call orientation 1 to 8; anything else turns nothing."""
        return cls(*_EXIF.get(code, (1, 0, 0, 1)))

    @property
    def swaps(self) -> bool:
        """Whether width and height change places."""
        return self.a == 0

    @property
    def mirrored(self) -> bool:
        """Whether text reads backwards as coded."""
        return self.a * self.d - self.b * self.c < 0

    @property
    def rotation(self) -> int:
        """Degrees clockwise, after mirroring left to right where it is mirrored."""
        x, y = (-self.a, -self.b) if self.mirrored else (self.a, self.b)
        return {(1, 0): 0, (0, 1): 90, (-1, 0): 180, (0, -1): 270}[x, y]

    def turn(self, pixels: np.ndarray) -> np.ndarray:
        """Turn H W C; the same array where there is nothing to do."""
        across, down = (self.a, self.d)
        if self.swaps:
            pixels, across, down = pixels.swapaxes(0, 1), self.c, self.b
        return np.ascontiguousarray(pixels[:: 1 if down > 0 else -1, :: 1 if across > 0 else -1])

    def place(self, window: Window, within: Window) -> Window:
        """Give where a window lies once what it lies in is turned; that begins at 0, 0."""
        x, y = window.x - within.x, window.y - within.y
        width, height, full, tall = window.width, window.height, within.width, within.height
        if self.swaps:
            x, y, width, height, full, tall = y, x, height, width, tall, full
        across, down = (self.c, self.b) if self.swaps else (self.a, self.d)
        return Window(
            x if across > 0 else full - x - width, y if down > 0 else tall - y - height, width, height
        )


# By the code of Exif 2.3, 4.6.4, and TIFF 6.0.
_EXIF = {
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, 1, -1, 0),
    7: (0, -1, -1, 0),
    8: (0, -1, 1, 0),
}
