"""What to type where a part of a farm's job is missing or does not belong to it."""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from howard_nodes import __version__
from howard_nodes.frames import name_frames

__all__ = ["JOB_VARIABLE", "files_mark", "mended_by", "other_version", "what_is_missing"]

JOB_VARIABLE = "HOWARD_JOB"
"""Environment variable with the job's folder, for the tasks of a farm's job."""


def mended_by(step: str, part: str) -> str:
    """Say what makes a part again: the job's step, or this very command with another `--part`."""
    job = os.environ.get(JOB_VARIABLE)
    if not job:
        return f"the same command with --part {part}"
    return f"howard farm run {shlex.quote(job)} --step {step}, then submit the job again"


def what_is_missing(what: str, missing: Iterable[int], refused: Mapping[str, str], step: str) -> str:
    """Say once what of a shot is missing, why, and what makes it.

    Parameters
    ----------
    what : str
        What is made of frames: `fit`.
    missing : iterable of int
        Frames.
    refused : mapping of str to str
        Parts that are there and do not belong to the shot, by name, and why.
    step : str
        The job's step that makes them.
    """
    numbers = name_frames(missing)
    why = "".join(f"; {name} {reason}" for name, reason in list(refused.items())[:3])
    more = f"; and {len(refused) - 3} more like these" if len(refused) > 3 else ""
    return f"no {what} of the frames {numbers}{why}{more}: make them with {mended_by(step, numbers)}"


def other_version(howard: str) -> str:
    """Say that something was made by another Howard."""
    return f"was made by howard {howard}, this is {__version__}"


def files_mark(paths: Iterable[Path]) -> str:
    """Hash names, sizes and times of files, to see later whether they are the same; none is read."""
    digest = hashlib.blake2b(digest_size=16)
    for path in paths:
        try:
            about = path.stat()
        except OSError:
            digest.update(f"{path.name} missing\n".encode())
            continue
        digest.update(f"{path.name} {about.st_size} {about.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
