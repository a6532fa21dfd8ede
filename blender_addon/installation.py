# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of an installed Howard: what is in it, whether it is whole, who works in it. No bpy here.

What is in it:

    howard-installed.json   written last: which environment counts, and what is in it
    env-1                   an environment as `python -m venv` makes them; an update makes env-2 beside it
    howard-downloads        what was fetched of an install that has not ended yet
    howard-install.log      what was done
    howard-install.lock     held while somebody works in the folder

An artist may choose a folder that has other things in it: what does not carry our stamp is left alone.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from .errors import AddonError

if sys.platform == "win32":
    import msvcrt
    import winreg
else:
    import fcntl

__all__ = [
    "Installation",
    "State",
    "cannot_write",
    "default_folder",
    "home_of",
    "is_too_long",
    "python_of",
    "site_of",
]

NONE, HALF, BROKEN, READY = "none", "half", "broken", "ready"

_MARKER, _LOCK, _STAMP = "howard-installed.json", "howard-install.lock", "made-by-howard"
_NEEDED = ("howard_nodes", "torch")
_LONGEST_INSIDE = 150
"""Of a file's path inside the folder, in torch 2.13; Windows takes 260 together."""


@dataclass(frozen=True)
class State:
    """How an installed Howard is.

    Attributes
    ----------
    kind : str
        `none`, `half` (begun and not ended), `broken` or `ready`.
    reason : str
        What is wrong, for the artist.
    facts : mapping
        From the marker: `version`, `wheel` (its SHA-256), `device`, `torch`, `python`, `packages`, `bytes`.
    """

    kind: str
    reason: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


class Installation:
    """A folder, and the Howard in it.

    Parameters
    ----------
    folder : Path
        Need not be there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.downloads = folder / "howard-downloads"
        self.log = folder / "howard-install.log"
        self._marker = folder / _MARKER

    def facts(self) -> dict[str, Any]:
        """Give what the marker says; empty where there is none, or one that cannot be read."""
        try:
            read = json.loads(self._marker.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return read if isinstance(read, dict) and isinstance(read.get("environment"), str) else {}

    def environment(self) -> Path | None:
        """Give the environment that counts, whole or not."""
        named = self.facts().get("environment")
        return None if named is None else self.folder / Path(named).name

    def state(self) -> State:
        """Look how it is, without running anything."""
        facts, environment = self.facts(), self.environment()
        if environment is None:
            begun = self._marker.exists() or self._environments() or self.downloads.exists()
            reason = "An install was begun here and has not ended: Install Howard goes on from there."
            return State(HALF, reason) if begun else State(NONE)
        site = site_of(environment)
        home = home_of(environment)
        wrong = ""
        if not environment.is_dir():
            wrong = f"its folder {environment.name} is gone"
        elif not os.access(python_of(environment), os.X_OK):
            # A link to a Python that is gone is not there either.
            wrong = f"the Python it was made with is gone (it was in {home or 'an unknown place'})"
        elif home is None or not home.is_dir():
            wrong = "its Python does not know any more where it came from"
        elif site is None or not all(
            (site / name / "__init__.py").exists() for name in ("howard_nodes", "torch")
        ):
            wrong = "packages are missing in it"
        if wrong:
            return State(BROKEN, f"The Howard in {self.folder} is broken: {wrong}. Press Repair.", facts)
        return State(READY, "", facts)

    def command(self) -> list[str]:
        """Give the words that start this Howard; none where none was installed.

        Raises
        ------
        AddonError
            It is broken.
        """
        state, environment = self.state(), self.environment()
        if state.kind == BROKEN:
            raise AddonError(f"{state.reason[:-1]} in the preferences: Add-ons, Howard Matte.")
        if state.kind != READY or environment is None:
            return []
        # Not its script `howard`: that has the folder's path written into it, and folders are moved.
        return [str(python_of(environment)), "-I", "-m", "howard_nodes"]

    def demo(self) -> Path | None:
        """Give the folder of the demo shot; None where none is installed."""
        environment = self.environment()
        site = None if environment is None else site_of(environment)
        folder = None if site is None else site / "howard_nodes" / "data" / "demo"
        return folder if folder is not None and folder.is_dir() else None

    def begin(self) -> Path:
        """Give the folder of a new environment, which is not there yet."""
        taken = [int(path.name[4:]) for path in self._environments()]
        environment = self.folder / f"env-{max(taken, default=0) + 1}"
        environment.mkdir()
        (environment / _STAMP).touch()
        return environment

    def complete(self, environment: Path, facts: Mapping[str, Any]) -> None:
        """Have an environment count from now on: it is whole."""
        written = {"environment": environment.name, **facts}
        new = self.folder / f"{_MARKER}.new"
        with new.open("w", encoding="utf-8") as file:
            json.dump(written, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._marker)

    def tidy(self) -> list[str]:
        """Take away environments that do not count; give what could not be taken away, and why."""
        kept = self.environment()
        told = []
        for path in self._environments():
            if path != kept:
                told += _removed(path)
        for left in self.folder.glob(f"{_MARKER}?*"):
            told += _removed(left)
        return told

    def begin_downloads(self) -> None:
        """Make the folder of what is fetched, where it is not there yet."""
        self.downloads.mkdir(exist_ok=True)
        (self.downloads / _STAMP).touch()

    def drop_downloads(self) -> None:
        """Take away what was fetched."""
        _removed(self.downloads)

    def remove(self) -> None:
        """Take it all away, and nothing that is not ours.

        Raises
        ------
        AddonError
            Something is held open; what is left is taken away when it is tried again.
        """
        told = _removed(self._marker)  # first: what is half gone must not count
        told = told or [line for path in self._environments() for line in _removed(path)]
        told += _removed(self.downloads)
        if told:
            raise AddonError(
                f"Not all of Howard could be removed: {told[0]}. Another program holds it open, perhaps "
                "another Blender, or a virus scanner: close it, wait a minute, and press Remove again."
            )
        for path in (self.log, *self.folder.glob(f"{_MARKER}*")):
            _removed(path)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Work in the folder, alone; it is made.

        Raises
        ------
        AddonError
            Another Blender does, or nobody can write there.
        """
        path = self.folder / _LOCK
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = path.open("a+", encoding="utf-8")
        except OSError as error:
            raise AddonError(cannot_write(self.folder, error)) from error
        try:
            if not _take(file):
                file.seek(0)
                who = file.read().strip() or "another Blender"
                raise AddonError(
                    f"Howard is being installed into {self.folder} already, by {who}: wait until that is "
                    "done."
                )
            with contextlib.suppress(OSError):
                file.truncate(0)
                file.write(f"process {os.getpid()} on {platform.node()} since {time.strftime('%H:%M')}")
                file.flush()
            yield
            is_empty = self.state().kind == NONE and not self.log.exists()
            if is_empty and sys.platform != "win32":
                path.unlink()  # while it is held: nobody else can have taken it
        finally:
            file.close()  # which gives it back; so does the end of this process, however it ends
            with contextlib.suppress(OSError):
                self.folder.rmdir()  # where nothing was made in it

    def _environments(self) -> list[Path]:
        found = self.folder.glob("env-*") if self.folder.is_dir() else ()
        ours = [path for path in found if path.name[4:].isdecimal() and (path / _STAMP).exists()]
        return sorted(ours, key=lambda path: int(path.name[4:]))


def default_folder(extension: str, system: str, environ: Mapping[str, str]) -> Path:
    """Give the folder that is used where none is chosen.

    Parameters
    ----------
    extension : str
        A folder that Blender keeps for the add-on.
    system : str
        As `platform.system` names it.
    environ : mapping of str to str
        The environment.
    """
    local = environ.get("LOCALAPPDATA", "")
    if local and is_too_long(Path(extension), system):
        return Path(local) / "Howard"
    return Path(extension)


def is_too_long(folder: Path, system: str) -> bool:
    """Tell whether Windows would refuse the paths of what is installed into a folder."""
    return system == "Windows" and len(str(folder)) + _LONGEST_INSIDE > 259 and not _takes_long_paths()


def python_of(environment: Path) -> Path:
    """Give the Python of an environment."""
    return environment / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def site_of(environment: Path) -> Path | None:
    """Give the folder of an environment's packages; None where there is none."""
    found = [environment / "Lib" / "site-packages", *environment.glob("lib/python3*/site-packages")]
    return next((path for path in found if path.is_dir()), None)


def home_of(environment: Path) -> Path | None:
    """Give the folder of the Python that an environment was made with; None where it does not say."""
    home = configuration_of(environment).get("home")
    return Path(home) if home else None


def configuration_of(environment: Path) -> dict[str, str]:
    """Read what Python wrote about an environment."""
    try:
        lines = (environment / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = (line.partition("=") for line in lines)
    return {key.strip(): value.strip() for key, _, value in pairs}


def cannot_write(folder: Path, error: OSError) -> str:
    """Say that nobody can write to a folder."""
    why = error.strerror or str(error)
    return (
        f"Howard cannot be installed into {folder}: {why}. Choose another Install Folder in the preferences."
    )


def _removed(path: Path) -> list[str]:
    """Remove a file or a folder; give what is in the way."""
    if not path.is_dir() or path.is_symlink():
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            return [f"{path} ({error.strerror or error})"]
        return []
    if not (path / _STAMP).exists():
        return []
    # By a new name first: where a file is held open Windows refuses that, and all of it stays as it was.
    try:
        aside = path.rename(path.with_name(f"env-{_next(path.parent)}"))
    except OSError as error:
        return [f"{path} ({error.strerror or error})"]
    shutil.rmtree(aside, ignore_errors=True)
    if not aside.is_dir():
        return []
    with contextlib.suppress(OSError):
        (aside / _STAMP).touch()  # so that it is still known to be ours
    left = next((file for file in aside.rglob("*") if file.is_file() and file.name != _STAMP), aside)
    return [str(left)]


def _next(folder: Path) -> int:
    return (
        max((int(path.name[4:]) for path in folder.glob("env-*") if path.name[4:].isdecimal()), default=0) + 1
    )


def _takes_long_paths() -> bool:
    """Tell whether this Windows was set to take paths of any length."""
    if sys.platform == "win32":
        where = r"SYSTEM\CurrentControlSet\Control\FileSystem"
        with contextlib.suppress(OSError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, where) as key:
            return bool(winreg.QueryValueEx(key, "LongPathsEnabled")[0])
    return False


def _take(file: IO[str]) -> bool:
    """Take a file's lock, without waiting; where a disk knows no locks, that counts as taken."""
    try:
        if sys.platform == "win32":
            file.seek(1 << 20)  # a byte that nobody reads
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
    return True
