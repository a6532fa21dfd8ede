# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What went wrong in an install, in words an artist can act on. No bpy here."""

from __future__ import annotations

import errno
import re
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path

from .installation import cannot_write

__all__ = ["hidden", "meaning", "trouble", "unreachable"]

_FULL = "The disk is full: make room, or choose another Install Folder, and press the button again."

_MEANINGS = (
    (
        r"No space left on device|\[Errno 28\]|WinError 112|not enough space|[Dd]isk quota exceeded",
        _FULL,
    ),
    (
        r"WinError 32|used by another process|Text file busy",
        "Another program holds a file open, perhaps a virus scanner: wait a minute and press the button "
        "again. If it stays so, have the scanner leave the install folder alone.",
    ),
    (
        r"Read-only file system|Permission denied|WinError 5\b|\[Errno 13\]|\[Errno 30\]",
        "Howard may not write there: choose another Install Folder in the preferences.",
    ),
    (
        r"File name too long|WinError 206|Windows Long Path",
        "The path of the install folder is too long for Windows: choose a shorter one, such as C:\\Howard.",
    ),
    (
        r"requires a different Python|Requires-Python",
        "A package does not fit this Python: choose another one under Network and Studio, Python.",
    ),
    (
        r"[Nn]o matching distribution found for (?P<what>\S+)",
        "There is no {what} for this system and this Python in the place where it was looked for: check the "
        "package index, the torch index or the folder of wheels under Network and Studio.",
    ),
    (
        r"Max retries exceeded|ConnectionError|ConnectionFailedError|timed out|Connection broken|ProxyError",
        "The connection broke: check the network, or the addresses under Network and Studio, and press the "
        "button again; what was fetched is kept.",
    ),
    (
        r"[Uu]nknown option: -I|Unknown option: -X",
        "This Python is too old: Howard needs 3.11 or later.",
    ),
    (
        r"ResolutionImpossible",
        "The package index, or the folder of wheels, has no set of packages that fit together.",
    ),
    (
        r"No module named '?(?:venv|ensurepip)",
        "This Python cannot make environments. On Debian and Ubuntu: sudo apt install python3-venv. Or "
        "choose another one under Network and Studio, Python.",
    ),
    (
        r"is not a supported wheel on this platform",
        "A wheel was made for another system or another Python than this.",
    ),
)


def meaning(lines: Sequence[str], doing: str) -> str:
    """Say what a program's messages mean.

    Parameters
    ----------
    lines : sequence of str
        What it printed.
    doing : str
        What failed, for the artist.
    """
    text = "\n".join(lines)
    for pattern, words in _MEANINGS:
        found = re.search(pattern, text)
        if found is not None:
            return f"{doing} failed. {words.format(**found.groupdict())}"
    last = next((hidden(line) for line in reversed(lines) if line.strip()), "it says nothing")
    return f"{doing} failed: {last}. Open Log shows all of it."


def hidden(text: str) -> str:
    """Take user names and passwords out of addresses."""
    return re.sub(r"(\w+://)[^/@\s]+@", r"\1***@", text)


def unreachable(failed: Mapping[str, str], proxy: str) -> str:
    """Say why something could not be fetched.

    Parameters
    ----------
    failed : mapping of str to str
        What fetching.py told: `kind`, `url`, `detail`.
    proxy : str
        The one that the artist set, or empty.
    """
    host = urllib.parse.urlsplit(failed["url"]).netloc.rpartition("@")[2]
    again = "What was fetched is kept: press the button again to go on."
    said = {
        "proxy": f"The proxy {hidden(proxy) or 'of this machine'} does not let Howard through to {host}: "
        "check Proxy under Network and Studio.",
        "certificate": f"The certificate of {host} is not trusted here. A studio that reads its traffic has "
        "one of its own: set it in pip's settings (cert), or take the packages from a folder of wheels.",
        "connection": f"{host} does not answer: check the network, or the addresses under Network and "
        f"Studio. {again}",
        "space": _FULL,
        "disk": f"The file could not be written ({failed['detail']}): a virus scanner may hold it. {again}",
        "hash": f"A file from {host} was not what the index says it is, damaged or changed on its way: press "
        "the button again; if it stays so, ask who runs the network.",
    }
    if failed["kind"] == "status":
        code = failed["detail"]
        if code in ("401", "403", "407"):
            return (
                f"{host} wants a name and a password (status {code}): put them into the address, as in "
                "https://name:password@host, or into pip's settings."
            )
        if code == "404":
            where = hidden(failed["url"])
            return f"There is no package index at {where}: check the address under Network and Studio."
        return f"{host} has trouble (status {code}). {again}"
    return said[failed["kind"]]


def trouble(error: OSError, folder: Path) -> str:
    """Say what it means that a file cannot be written."""
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return _FULL
    return cannot_write(folder, error)
