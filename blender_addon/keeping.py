# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages that are still whole, taken over into a new environment: an update fetches what is new alone."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import re
import shutil
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from .installation import configuration_of, site_of

__all__ = ["keep"]


def keep(old: Path, new: Path, *, without: Collection[str] = ()) -> list[str]:
    """Take over packages whose files are all there, as they were installed.

    They are linked where that can be, else copied: what pip replaces in the new environment stays in the old.

    Parameters
    ----------
    old, new : Path
        Environments; the new one has none of these packages.
    without : collection of str
        Names of packages to leave, in lower case.

    Returns
    -------
    list of str
        Names of those that were taken over; none where the two are of different Pythons.

    Raises
    ------
    OSError
        The disk is full.
    """
    source, target = site_of(old), site_of(new)
    if source is None or target is None or _python(old) != _python(new):
        return []
    kept = []
    for record in sorted(source.glob("*.dist-info/RECORD")):
        name = record.parent.name.split("-")[0].lower().replace("_", "-")
        if name in ("pip", *without) or (target / record.parent.name).exists():
            continue
        files = _whole(record, source)
        if files is not None:
            for file in [*files, *_compiled(files, source, _python(old))]:
                _take_over(source / file, target / file)
            kept.append(name)
    return kept


def _whole(record: Path, site: Path) -> list[str] | None:
    """Give the files of a package; None where one is missing or is not what it was."""
    files = []
    try:
        rows = list(csv.reader(record.read_text(encoding="utf-8").splitlines()))
        for name, digest, _ in rows:
            if name.startswith(("..", "/")):
                continue  # commands, which Howard does not use
            if not digest:
                if (site / name).exists():  # compiled files, and the record
                    files.append(name)
            elif _digest(site / name, digest.partition("=")[0]) == digest:
                files.append(name)
            else:
                return None
    except (OSError, ValueError, csv.Error):
        return None
    return files


def _compiled(files: list[str], site: Path, python: str) -> list[str]:
    """Give what Python has compiled of a package since, which is not listed."""
    ending = f".cpython-{python.replace('.', '')}.pyc"
    paths = [PurePosixPath(name) for name in files if name.endswith(".py")]
    found = [str(path.parent / "__pycache__" / (path.stem + ending)) for path in paths]
    return [name for name in found if name not in files and (site / name).exists()]


def _digest(path: Path, kind: str) -> str:
    digest = hashlib.new(kind)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return f"{kind}={base64.urlsafe_b64encode(digest.digest()).rstrip(b'=').decode()}"


def _take_over(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:
        pass
    except OSError:  # another kind of disk
        shutil.copy2(source, target)


def _python(environment: Path) -> str:
    """Give the version of an environment's Python, such as `3.11`."""
    told = configuration_of(environment)
    found = re.match(r"\d+\.\d+", told.get("version", told.get("version_info", "")))
    return found.group() if found else ""
