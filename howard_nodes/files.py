"""Paths that travel, and small files, whole or not at all."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from pathlib import Path

from howard_nodes.errors import WriteError

__all__ = ["absolute", "write_file"]


def absolute(path: Path | str) -> Path:
    """Make a path absolute; links in it stay, since other machines may have them point elsewhere."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def write_file(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all, whoever else writes it at the same time; its folder is made.

    Parameters
    ----------
    path : Path
        The file; an older one is replaced.
    content : str or bytes
        Text is written as UTF-8.

    Raises
    ------
    WriteError
        It cannot be written.
    """
    data = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".howard-{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(data)
        temporary.replace(path)
    except OSError as error:
        raise WriteError(f"cannot be written ({error.strerror}).", path=path) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
