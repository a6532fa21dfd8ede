"""Most that a file may ask for: a hostile or damaged header must not take a machine down.

Headers are believed only up to these; what is beyond is refused before memory is taken for it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from howard_nodes.errors import InputError
from howard_nodes.system.machine import memory_bytes

__all__ = [
    "CHANNELS",
    "FRAME_MB",
    "HEADER_MB",
    "MAX_ATTRIBUTES",
    "MAX_CONFIG_MB",
    "MAX_FRAMES",
    "MAX_LUT_MB",
    "MAX_SCANS",
    "MAX_TRACKS",
    "PARTS",
    "Limit",
    "picture_bytes",
    "picture_limit",
]

MAX_FRAMES = 1_000_000
"""More frames than this, in a list or a movie, are taken for a slip or damage (11 hours at 24 a second)."""

MAX_TRACKS = 1000
"""Of a movie. FFmpeg gives up there too."""

MAX_SCANS = 100
"""Of a progressive JPEG, which is decoded once for each: cameras and programs write 10 or so."""

MAX_ATTRIBUTES = 4096
"""Of one part of an EXR."""

MAX_CONFIG_MB = 16
"""Of an OpenColorIO configuration without its look-up tables: the largest that are published have 1."""

MAX_LUT_MB = 256
"""Of a look-up table; also of all that an archive (.ocioz) unpacks to."""


@dataclass(frozen=True)
class Limit:
    """One limit, and how it is raised.

    Parameters
    ----------
    variable : str
        The environment variable that sets another.
    usual : int
        What holds without it.
    """

    variable: str
    usual: int

    @property
    def most(self) -> int:
        """What holds now.

        Raises
        ------
        InputError
            The environment variable is no number.
        """
        text = os.environ.get(self.variable, "").strip()
        if not text:
            return self.usual
        if not text.isdecimal() or not int(text):
            raise InputError(f"{self.variable}={text}: must be a whole number, such as {self.usual}.")
        return int(text)

    @property
    def is_set(self) -> bool:
        """Whether the user chose it."""
        return bool(os.environ.get(self.variable, "").strip())

    def advice(self, needed: int | None = None) -> str:
        """End of a message: what to do where a file is sound."""
        return f"render or copy it again; if it is sound, set {self.variable}={needed or 2 * self.most}"


FRAME_MB = Limit("HOWARD_MAX_FRAME_MB", 16384)
"""Memory for the layer of a picture that is read, as float32, in MB: 8192 x 8192 with 64 channels."""

CHANNELS = Limit("HOWARD_MAX_CHANNELS", 1024)
"""Channels of one part."""

PARTS = Limit("HOWARD_MAX_PARTS", 1024)
"""Parts of an EXR, pages of a TIFF."""

HEADER_MB = Limit("HOWARD_MAX_HEADER_MB", 64)
"""Of an EXR, in MB: manifests of Cryptomatte are its largest attributes."""


def picture_bytes(width: int, height: int, channels: int) -> int:
    """Give the memory that a picture takes as float32, in bytes."""
    return width * height * channels * 4


def picture_limit() -> int:
    """Give the most bytes that one picture may take: half of what the machine has, unless more is set."""
    most = FRAME_MB.most << 20
    half = 0 if FRAME_MB.is_set else memory_bytes() // 2  # what comes of a picture takes as much again
    return min(most, half) if half else most
