# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What results on disk say of themselves: the verdict of each frame's clean plate, and which Howard made it.

Nothing here touches Blender: headers are read from the files, so a matte from a farm says it too.
"""

from __future__ import annotations

import contextlib
import re
import struct
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["BAD", "Kept", "Result", "read_header"]

BAD = ("failed", "doubtful")
"""Verdicts that an artist should look at, the worse one first."""

_MAGIC = 20000630
_LONGEST = 1 << 16  # bytes of a header
_SECONDS = 0.05  # of a redraw


@dataclass(frozen=True)
class Result:
    """What a frame says.

    Attributes
    ----------
    verdict : str
        `good`, `doubtful` or `failed`; empty where the clean plate was used as it is.
    message : str
        Of the fit.
    version : str
        Of the Howard that made it; empty where the file does not say.
    """

    verdict: str
    message: str
    version: str

    @classmethod
    def of(cls, header: dict[str, str]) -> Result:
        """Take it from a header."""
        verdict, _, message = header.get("howard:fit", "").partition(": ")
        return cls(verdict, message, header.get("howard:version", ""))


class Kept:
    """What the results in a folder say, by number; read again only where a file has changed.

    Parameters
    ----------
    folder : Path
        Of the results.
    stem : str
        Their name before the number.
    """

    def __init__(self, folder: Path, stem: str) -> None:
        self._folder = folder
        self._name = re.compile(re.escape(stem) + r"(?:\.(-?\d+))?\.exr")
        self._seen: dict[int, tuple[int, Result]] = {}
        self._looked: float | None = None
        self._is_whole = False

    @property
    def is_whole(self) -> bool:
        """Whether all files have been read."""
        return self._is_whole

    def look(self, seconds: float = _SECONDS) -> dict[int, Result]:
        """Look again, for so long at most; call it again until `is_whole`."""
        try:
            changed = self._folder.stat().st_mtime_ns
        except OSError:
            self._seen.clear()
            self._is_whole = True
            return {}
        if changed != self._looked or not self._is_whole:
            self._is_whole = self._read(time.monotonic() + seconds)
            self._looked = changed
        return {number: result for number, (_, result) in sorted(self._seen.items())}

    def _read(self, until: float) -> bool:
        there = {}
        for entry in self._folder.iterdir():
            match = self._name.fullmatch(entry.name)
            if match:
                there[int(match.group(1) or 1)] = entry
        for number in self._seen.keys() - there.keys():
            del self._seen[number]
        for number, path in sorted(there.items()):
            with contextlib.suppress(OSError):
                stamp = path.stat().st_mtime_ns
                if number in self._seen and self._seen[number][0] == stamp:
                    continue
                if time.monotonic() > until:
                    return False
                self._seen[number] = stamp, Result.of(read_header(path))
        return True


def read_header(path: Path) -> dict[str, str]:
    """Read the texts of an OpenEXR file's first header.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    dict of str to str
        By name; empty where it is no such file, or is damaged.

    Raises
    ------
    OSError
        It cannot be read.

    Notes
    -----
    After magic number and version: name, type, size and value of each attribute, a zero byte at the end
    (OpenEXR, "File Layout").
    """
    with path.open("rb") as file:
        data = file.read(_LONGEST)
    found: dict[str, str] = {}
    if len(data) < 8 or struct.unpack("<i", data[:4])[0] != _MAGIC:
        return found
    at = 8
    with contextlib.suppress(ValueError, struct.error):
        while data[at] if at < len(data) else 0:
            name, at = _text(data, at)
            kind, at = _text(data, at)
            (size,) = struct.unpack_from("<i", data, at)
            at += 4
            if size < 0:
                break
            if kind == "string":
                found[name] = data[at : at + size].decode("utf-8", "replace")
            at += size
    return found


def _text(data: bytes, at: int) -> tuple[str, int]:
    end = data.index(0, at)
    return data[at:end].decode("utf-8", "replace"), end + 1
