"""The plug-in's folder: what is copied, and what is written for this installation."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from howard_nodes import __version__
from howard_nodes.description import describe
from howard_nodes.errors import InputError, WriteError

__all__ = ["PLUGIN_FOLDER", "howard_command", "install_plugin"]

PLUGIN_FOLDER = "howard"
"""Name of the folder that is written."""

_HERE = Path(__file__).parent
_CLIENT = _HERE.parents[1] / "client.py"
# In the folder of the plug-in's package: what was installed, and that it is ours.
_MARK = "installed.json"
_PACKAGE = "howard_nuke"


def install_plugin(folder: str | Path, *, command: Sequence[str] | None = None, force: bool = False) -> Path:
    """Write the plug-in's folder for Nuke; an older one is replaced at once, or not at all.

    Parameters
    ----------
    folder : str or Path
        Where the folder howard goes, for example ``~/.nuke``. It is made where it is missing.
    command : sequence of str, optional
        What starts howard; by default `howard_command`.
    force : bool
        Replace a folder howard that this did not write.

    Returns
    -------
    Path
        The folder: the one that Nuke's plug-in path needs.

    Raises
    ------
    InputError
        There is something that is not ours.
    WriteError
        It cannot be written; what was there stays.
    """
    folder = Path(folder).expanduser().absolute()
    target = folder / PLUGIN_FOLDER
    if target.exists() and not (target / _PACKAGE / _MARK).is_file() and not force:
        raise InputError(
            f"{target}: already exists and was not written by howard nuke install; choose another "
            "folder, or use --force to replace it."
        )
    installed = {
        "version": 1,
        "howard": __version__,
        "command": list(howard_command() if command is None else command),
    }
    fresh: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{PLUGIN_FOLDER}.", suffix=".tmp", dir=folder))
        written = fresh / PLUGIN_FOLDER
        shutil.copytree(_HERE / "plugin", written, ignore=shutil.ignore_patterns("__pycache__"))
        package = written / _PACKAGE
        shutil.copyfile(_CLIENT, package / _CLIENT.name)
        _write_json(package / "node.json", describe())
        _write_json(package / _MARK, installed)
        if os.path.lexists(target):
            target.rename(fresh / "before")
        try:
            written.rename(target)
        except OSError:
            if (fresh / "before").exists():
                (fresh / "before").rename(target)
            raise
    except OSError as error:
        raise WriteError(f"the plug-in cannot be written: {error}", path=target) from error
    finally:
        if fresh is not None:
            shutil.rmtree(fresh, ignore_errors=True)
    return target


def howard_command() -> list[str]:
    """Find the command howard that belongs to this Python.

    Returns
    -------
    list of str
        Its words.
    """
    name = "howard.exe" if sys.platform == "win32" else "howard"
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.is_file() else shutil.which("howard")
    return [found] if found else [sys.executable, "-c", "from howard_nodes.cli import main; main()"]


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
