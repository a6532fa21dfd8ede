"""Paths that travel, and files that are whole or not there."""

from __future__ import annotations

import atexit
import errno
import json
import os
import re
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from howard_nodes.errors import InputError, WriteError
from howard_nodes.system.files import HELD, is_held, long_path, name_problem, remove, replace
from howard_nodes.system.machine import host_name
from howard_nodes.system.processes import lives

__all__ = [
    "MARK",
    "absolute",
    "check_folder",
    "read_json",
    "reason",
    "remove_abandoned",
    "remove_unfinished",
    "replacing",
    "write_file",
]

_HOST = re.sub(r"[^\w.]", "_", host_name())
MARK = f"{_HOST}-{os.getpid()}-{uuid.uuid4().hex[:12]}"
"""In the names of this process's unfinished files, `.howard-MARK-*.tmp`: what outlives it can remove them."""

_NAME = re.compile(r"\.howard-(.+)-(\d+)-[0-9a-f]{12}-[0-9a-f]{32}\.tmp")
_ABANDONED_SECONDS = 24 * 3600.0

_unfinished: set[Path] = set()


def absolute(path: Path | str) -> Path:
    """Make a path absolute; links in it stay, since other machines may have them point elsewhere."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def write_file(path: Path, content: str | bytes) -> None:
    r"""Write a small file whole or not at all, whoever else writes it at the same time; its folder is made.

    Parameters
    ----------
    path : Path
        The file; an older one is replaced.
    content : str or bytes
        Text is written as UTF-8. What cannot be (names of files that are no UTF-8) is written as JSON has it,
        like ``\udce9``, and `read_json` gives it back.

    Raises
    ------
    WriteError
        It cannot be written.
    """
    with suppress(OSError):  # said again, with the file, when it is written
        long_path(path.parent).mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_bytes(
            content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
        )


def read_json(
    path: Path, advice: str = "copy it again", narrow: Callable[[str], str] = lambda text: text
) -> Any:
    """Read a small JSON document.

    Parameters
    ----------
    path : Path
        The file.
    advice : str
        End of the message where it will not do.
    narrow : callable
        Leaves out what need not be looked at.

    Returns
    -------
    object
        What JSON says.

    Raises
    ------
    InputError
        The file is missing, damaged or no JSON.
    """
    try:
        return json.loads(narrow(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {advice}.") from error
    except RecursionError as error:
        raise InputError(f"{path}: is damaged, it is nested too deeply; {advice}.") from error
    except ValueError as error:
        raise InputError(f"{path}: is damaged or not JSON ({error}); {advice}.") from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a hidden file beside `path` that takes its place when all went well, and is gone otherwise.

    The folder is not made: one that is lost in the middle of a run is a disk that is not mounted any more.

    Raises
    ------
    WriteError
        An `OSError` within, or the place cannot be taken.
    """
    temporary = long_path(path.absolute().parent / f".howard-{MARK}-{uuid.uuid4().hex}.tmp")
    _unfinished.add(temporary)
    try:
        if long_path(path).is_dir():
            raise WriteError("cannot be written: a folder has this name", path=path)
        # OpenImageIO cannot say why it fails to open a file; this can.
        temporary.open("xb").close()
        yield temporary
        _take_place(temporary, path)
    except OSError as error:
        raise WriteError(f"cannot be written: {reason(error)}", path=path) from error
    finally:
        with suppress(OSError):
            remove(temporary)
        _unfinished.discard(temporary)


def _take_place(temporary: Path, path: Path) -> None:
    try:
        replace(temporary, long_path(path))
    except OSError as error:
        # That the folder can be written is known by now. What is read-only stays so, and is told as such.
        if is_held(error) and (not path.exists() or os.access(path, os.W_OK)):
            raise WriteError(f"cannot be written: {HELD}", path=path) from error
        raise


def reason(error: OSError) -> str:
    """Say why a file cannot be written, and what to do."""
    if error.errno == errno.ENOENT:
        return "its folder is gone; is the disk still mounted?"
    if error.errno == errno.ENOSPC:
        return "the disk is full; free some space or write elsewhere"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "the folder or file is read-only; change its permissions or write elsewhere"
    if error.errno == errno.EFBIG:
        return "it exceeds the file size limit here (ulimit -f, or the file system's)"
    if error.errno == errno.EDQUOT:
        return "the disk quota is used up; free some space or write elsewhere"
    return error.strerror or str(error)


@atexit.register
def remove_unfinished() -> None:
    """Remove what is being written: for a process that ends in the middle of it."""
    for temporary in tuple(_unfinished):
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def remove_abandoned(folder: Path) -> None:
    """Remove unfinished files of processes that were killed: on this machine, or a day ago on another.

    Parameters
    ----------
    folder : Path
        Where they lie. What living processes write there stays.
    """
    with suppress(OSError):
        for path in long_path(folder).glob(".howard-*.tmp"):
            found = _NAME.fullmatch(path.name)
            if found is None:
                continue
            with suppress(OSError):
                here = found[1] == _HOST
                if (here and not lives(int(found[2]))) or (
                    time.time() - path.stat().st_mtime > _ABANDONED_SECONDS
                ):
                    path.unlink()


def check_folder(path: Path, *, make: bool = True) -> None:
    """Make sure that a file can be written, before hours are spent.

    Parameters
    ----------
    path : Path
        The file.
    make : bool
        Make its folder where it is not there.

    Raises
    ------
    InputError
        It cannot.
    """
    if problem := name_problem(path):
        raise InputError(f"{path}: cannot be written, {problem}; choose another name.")
    folder = path.parent
    try:
        if make:
            long_path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=long_path(folder)):
            pass
    except OSError as error:
        raise InputError(
            f"{folder}: cannot write there ({error.strerror}); choose another folder."
        ) from error
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file in it.")
