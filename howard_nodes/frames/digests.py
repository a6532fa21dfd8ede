"""Hashes of files, kept while the files stay as they are."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import OrderedDict
from pathlib import Path

__all__ = ["file_digest"]

# A file that was touched so lately may change again without its times telling.
_SETTLED = 2.0
_MOST = 8192
_known: OrderedDict[tuple[object, ...], str] = OrderedDict()
_lock = threading.Lock()


def file_digest(path: Path) -> str:
    """Hash a file's content: a copied or touched file has the same hash.

    Parameters
    ----------
    path : Path
        The file. It is read once, until its times, size or inode change.

    Returns
    -------
    str
        BLAKE2b, 128 bits, in hexadecimal.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        key = (
            str(path.absolute()),
            status.st_dev,
            status.st_ino,
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
        )
        with _lock:
            if key in _known:
                _known.move_to_end(key)
                return _known[key]
        digest = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    if time.time() - max(status.st_mtime, status.st_ctime) > _SETTLED:
        with _lock:
            _known[key] = digest
            if len(_known) > _MOST:
                _known.popitem(last=False)
    return digest
