"""Pictures that are in memory already, used as footage from files is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import xxhash

from howard_nodes.errors import FrameError
from howard_nodes.frames.frame import Frame

__all__ = ["Held"]


class Held:
    """Frames in memory, by number.

    Parameters
    ----------
    name : str
        What messages call them.
    pictures : Frame or mapping of int to Frame
        One that stands for every frame, or those there are.
    """

    def __init__(self, name: str, pictures: Frame | Mapping[int, Frame]) -> None:
        self._name = name
        self.is_still = isinstance(pictures, Frame)
        self._pictures = {0: pictures} if isinstance(pictures, Frame) else dict(pictures)
        self.frames = tuple(sorted(self._pictures))
        self._digests: dict[int, str] = {}

    @property
    def pattern(self) -> str:
        """What they are, by content: equal pictures have equal patterns."""
        return f"{self._name}:{','.join(f'{frame}={self.digest(frame)}' for frame in self.frames)}"

    @property
    def key(self) -> str:
        """The same: it names each frame."""
        return self.pattern

    def path(self, frame: int) -> Path:
        """Where a frame came from, or the name they are called by."""
        picture = self._pictures.get(self._number(frame))
        return Path(self._name) if picture is None or picture.path is None else picture.path

    def missing(self, frames: Iterable[int]) -> tuple[int, ...]:
        """Which of these frames are not there, sorted."""
        return tuple(sorted(frame for frame in set(frames) if not self.exists(frame)))

    def select(self, frames: Iterable[int] | None = None) -> tuple[int, ...]:
        """Which of these frames are there, sorted; None asks for all."""
        wanted = self.frames if frames is None else set(frames)
        return tuple(sorted(frame for frame in wanted if self.exists(frame)))

    def exists(self, frame: int) -> bool:
        """Whether a frame is there."""
        return self._number(frame) in self._pictures

    def check(self, frame: int, *, layer: str | None = None) -> None:
        """Make sure that there is a frame, and no layer asked for."""
        self._held(frame)
        if layer is not None:
            raise FrameError(f"an image in memory has no layer '{layer}'.", path=self._name, frame=frame)

    def read(self, frame: int, *, layer: str | None = None) -> Frame:
        """Give a copy of one frame: who holds the original may go on to change it."""
        self.check(frame, layer=layer)
        picture = self._held(frame)
        return replace(picture, pixels=np.array(picture.pixels, np.float32, order="C"))

    def display_size(self, frame: int) -> tuple[int, int]:
        """Width and height of the picture as it is meant to be seen."""
        window = self._held(frame).display_window
        return window.width, window.height

    def layers(self, frame: int) -> tuple[str, ...]:
        """Only the main picture."""
        self._held(frame)
        return ("",)

    def has_layer(self, frame: int, layer: str) -> bool:
        """Whether `read` would find a layer."""
        return layer in self.layers(frame)

    def digest(self, frame: int) -> str:
        """Hash what a frame is made of: its pixels (128 bits of XXH3), channels, windows and colour space."""
        number = self._number(frame)
        if number not in self._digests:
            picture = self._held(frame)
            pixels = np.ascontiguousarray(picture.pixels)
            about = [
                xxhash.xxh3_128_hexdigest(pixels.reshape(-1).view(np.uint8).data),
                [*pixels.shape, str(pixels.dtype)],
                picture.channels,
                picture.colorspace,
                [str(picture.data_window), str(picture.display_window)],
            ]
            self._digests[number] = hashlib.blake2b(json.dumps(about).encode(), digest_size=16).hexdigest()
        return self._digests[number]

    def notes(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def _number(self, frame: int) -> int:
        return 0 if self.is_still else frame

    def _held(self, frame: int) -> Frame:
        if not self.exists(frame):
            raise FrameError("no such frame.", path=self._name, frame=frame)
        return self._pictures[self._number(frame)]
