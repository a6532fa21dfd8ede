"""A seal in an EXR's header: a hash of all its bytes, so that whatever changes later is found.

Compressions notice a changed pixel at best, and nothing notices one in the header or in a table of offsets.
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import BinaryIO

from howard_nodes.errors import FrameError

__all__ = ["SEAL_ATTRIBUTE", "UNSEALED", "check_seal", "seal"]

SEAL_ATTRIBUTE = "howard:seal"
"""SHA-256 of the file, in hexadecimal, with zeros in its own place."""

UNSEALED = "0" * 64

_MARK = SEAL_ATTRIBUTE.encode() + b"\0string\0" + struct.pack("<i", len(UNSEALED))
_SEARCHED = 1 << 20  # bytes in which a header's seal is looked for


def seal(file: BinaryIO) -> None:
    """Seal an EXR that was written with `SEAL_ATTRIBUTE` of `UNSEALED`; others stay as they are.

    Parameters
    ----------
    file : BinaryIO
        Open for reading and writing.
    """
    place = _place(file)
    if place is None:
        return
    digest = _digest(file, place)
    file.seek(place)
    file.write(digest)


def check_seal(path: Path) -> bool:
    """Make sure that a file is as it was sealed.

    Parameters
    ----------
    path : Path
        Any file.

    Returns
    -------
    bool
        False where it has no seal: an older version's, or no EXR.

    Raises
    ------
    FrameError
        A byte of it has changed, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            place = _place(file)
            if place is None:
                return False
            file.seek(place)
            is_whole = file.read(len(UNSEALED)) == _digest(file, place)
    except OSError as error:
        raise FrameError(f"cannot be read ({error.strerror})", path=path) from error
    if not is_whole:
        raise FrameError("has changed since it was written: damaged, or saved by another program", path=path)
    return True


def _place(file: BinaryIO) -> int | None:
    """Find where the seal of a file is."""
    file.seek(0)
    begin = file.read(_SEARCHED)
    at = begin.find(_MARK)
    return None if at < 0 else at + len(_MARK)


def _digest(file: BinaryIO, place: int) -> bytes:
    """Hash a file with zeros in the place of its seal."""
    file.seek(0)
    found = hashlib.sha256(file.read(place))
    found.update(UNSEALED.encode())
    file.seek(place + len(UNSEALED))
    while part := file.read(1 << 20):
        found.update(part)
    return found.hexdigest().encode()
