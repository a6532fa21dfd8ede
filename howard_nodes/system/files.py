"""Files and names where systems differ: files that are open elsewhere, long paths, names that cannot be."""

from __future__ import annotations

import ntpath
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

__all__ = [
    "HELD",
    "is_held",
    "long_path",
    "name_problem",
    "real_path",
    "remove",
    "replace",
    "same_name",
    "shown",
    "split_folder",
]

HELD = (
    "another program has it open, such as a viewer, Blender, Nuke, a virus scanner or a backup; close it "
    "there, or write elsewhere"
)
"""What to say of a file that `is_held`."""

_ACCESS_DENIED, _SHARING_VIOLATION, _LOCK_VIOLATION = 5, 32, 33
_PATIENCE_SECONDS = 3.0  # a virus scanner looks at a new file for about a second
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.25

_LONGEST_PATH = 247  # a folder's, with which MAX_PATH leaves room for a name of eight letters and three
_EXTENDED, _EXTENDED_SHARE = "\\\\?\\", "\\\\?\\UNC\\"
_DEVICES = re.compile(r"(con|conin\$|conout\$|prn|aux|nul|com[1-9¹²³]|lpt[1-9¹²³])", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f]')


def replace(source: Path, target: Path) -> None:
    """Let a file take another's place, in one step.

    Windows refuses while anybody has either of them open, if only for a moment: so it is tried for a while.

    Raises
    ------
    OSError
        It cannot; see `is_held`.
    """
    _tried(lambda: source.replace(target))


def remove(path: Path) -> None:
    """Remove a file that may be gone already; as patient as `replace`. Raises `OSError`."""
    _tried(lambda: path.unlink(missing_ok=True))


def is_held(error: OSError) -> bool:
    """Tell whether Windows refused because another program has the file open, as far as it says."""
    if sys.platform == "win32":
        return error.winerror in (_ACCESS_DENIED, _SHARING_VIOLATION, _LOCK_VIOLATION)
    return False


def long_path(path: Path) -> Path:
    r"""Spell a path such that Windows takes it however long it is.

    Without this, Windows refuses more than 260 characters, unless it was set up to take them. What is short
    stays as people write it.

    Parameters
    ----------
    path : Path
        Any. On other systems it is given back.

    Returns
    -------
    Path
        ``\\?\C:\...`` or ``\\?\UNC\server\share\...`` where it is long.
    """
    if sys.platform == "win32":
        whole = ntpath.abspath(path)
        if len(whole) > _LONGEST_PATH and not whole.startswith((_EXTENDED, "\\\\.\\")):
            share = whole.startswith("\\\\")
            return Path(_EXTENDED_SHARE + whole[2:] if share else _EXTENDED + whole)
    return path


def real_path(path: Path) -> Path:
    """Follow the links in a path, as far as the system tells: drives and shares of Windows do not always."""
    try:
        return path.resolve()
    except OSError:
        return path.absolute()


def shown(path: Path | str) -> str:
    """Write a path for people: without what `long_path` put in front."""
    text = str(path)
    if text.startswith(_EXTENDED_SHARE):
        return "\\\\" + text.removeprefix(_EXTENDED_SHARE)
    return text.removeprefix(_EXTENDED)


def split_folder(text: str) -> tuple[str, str]:
    """Split a path or pattern as it was typed into its folder, with the last separator, and its name.

    Windows has two separators, and a drive with none behind it (``C:plate.exr``).
    """
    marks = "/\\:" if sys.platform == "win32" else "/"
    end = max(text.rfind(mark) for mark in marks) + 1
    return text[:end], text[end:]


def same_name(first: str, second: str) -> bool:
    """Tell whether two names mean one file where names are looked up: Windows takes no notice of case."""
    return first.casefold() == second.casefold() if sys.platform == "win32" else first == second


def name_problem(path: Path) -> str | None:
    """Say why a file cannot have a name on this system; None where it can.

    Windows takes some of these without a word, and writes to a device, a hidden stream or another name.
    """
    if sys.platform != "win32":
        return None
    for name in path.parts[1:] if path.anchor else path.parts:
        if _DEVICES.fullmatch(name.partition(".")[0].rstrip(" ")):
            return f"Windows keeps the name '{name}' for a device"
        if found := _FORBIDDEN.search(name):
            return f"Windows allows no {found[0]!r} in a name"
        if name not in (".", "..") and name != name.rstrip(". "):
            return f"Windows drops the blank or dot at the end of '{name}'"
    return None


def _tried(action: Callable[[], object]) -> None:
    """Do something until nobody has the file open, or for as long as that is bearable."""
    deadline, pause = time.monotonic() + _PATIENCE_SECONDS, _FIRST_PAUSE
    while True:
        try:
            action()
        except OSError as error:
            if not is_held(error) or time.monotonic() + pause > deadline:
                raise
        else:
            return
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
