"""Files that came with Howard and are loaded as data: whether they still are what they were.

A disk or a copy that damages weights shows as a wrong matte, not as an error. `tools/bill.py` writes the
hashes. Against somebody who can write here they are no guard: they could change the code as well.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

__all__ = ["DATA", "damage", "shipped_files"]

DATA = Path(__file__).resolve().parent / "data"
"""The folder of these files."""

_TABLE = DATA / "sha256.json"


def shipped_files() -> tuple[Path, ...]:
    """List the files whose hashes are known."""
    return tuple(DATA / name for name in _hashes())


@cache
def damage(path: Path) -> str:
    """Say what is wrong with a file that came with Howard.

    Parameters
    ----------
    path : Path
        Any file; it is read once in a process.

    Returns
    -------
    str
        A message; empty where the file is as it was, or did not come with Howard.
    """
    expected = _hashes().get(path.name) if path.parent == DATA else None
    if expected is None:
        return ""
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror}); install Howard again."
    if found == expected:
        return ""
    return (
        f"{path}: is not the file that came with Howard (SHA-256 {found[:16]}, not {expected[:16]}): it is "
        "damaged or was changed; install Howard again."
    )


@cache
def _hashes() -> dict[str, str]:
    table: dict[str, str] = json.loads(_TABLE.read_text(encoding="utf-8"))
    return table
