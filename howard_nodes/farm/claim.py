"""Whose frames lie in an output folder: a small file beside them, `shot.job.json`.

It also tells a machine that its output folder is the one that was meant: where a disk is not mounted, the
claim is missing.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from howard_nodes.atomic import read_json, write_file
from howard_nodes.errors import InputError
from howard_nodes.farm.bundle import Bundle
from howard_nodes.frames import Sequence, name_frames
from howard_nodes.layers import file_patterns
from howard_nodes.system.machine import host_name

__all__ = ["check_claim", "check_free", "claim", "claim_name", "missing_frames", "stem"]


def stem(output: str) -> str:
    """Give the name of a result without its frame number and ending: `shot` of `out/shot.####.exr`."""
    return Sequence.output(output).stem or "shot"


def claim_name(output: str) -> str:
    """Give the name of the claim to a result."""
    return f"{stem(output)}.job.json"


def check_free(output: str, layers: tuple[str, ...], job_id: str) -> None:
    """Make sure that no frames of another job lie where a job's are to go.

    Parameters
    ----------
    output : str
        Pattern of the result, absolute.
    layers : tuple of str
        Names of the layers that are written.
    job_id : str
        Equal for jobs that make the same frames.

    Raises
    ------
    InputError
        There are some; the message says whose.
    """
    known = _read(_path(output))
    there = _frames(output, layers)
    if there and known.get("job") != job_id:
        whose = f"of the job {known['name']} ({known['made']})" if known else "not made by a farm job"
        raise InputError(
            f"{output}: already holds frames {name_frames(there)}, {whose}; choose another "
            "output, or use --overwrite: matching frames are kept, the rest are rendered again."
        )


def claim(output: str, job_id: str, name: str) -> None:
    """Claim an output folder for a job; it is made.

    Parameters
    ----------
    output : str
        Pattern of the result, absolute.
    job_id : str
        Equal for jobs that make the same frames.
    name : str
        The job's, for people.

    Raises
    ------
    WriteError
        The folder cannot be written.
    """
    document = {
        "format": "howard-farm-claim",
        "version": 1,
        "job": job_id,
        "name": name,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_file(_path(output), json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def check_claim(output: str, job_id: str) -> None:
    """Make sure, on a worker, that an output folder is there and is this job's.

    Parameters
    ----------
    output : str
        Pattern of the result, as this machine sees it.
    job_id : str
        The job's.

    Raises
    ------
    InputError
        It is not.
    """
    path = _path(output)
    if not path.parent.is_dir():
        raise InputError(f"{path.parent}: does not exist; is its disk mounted on {host_name()}?")
    known = _read(path)
    if not known:
        raise InputError(
            f"{path}: is missing or damaged; is the right disk mounted on {host_name()}? "
            "howard farm bundle writes it again."
        )
    if known.get("job") != job_id:
        raise InputError(
            f"{path}: the folder belongs to the job {known.get('name')} now; "
            "choose another output for one of the two."
        )


def missing_frames(bundle: Bundle) -> tuple[int, ...]:
    """Name the frames of a job that lack a file now, without a look into those that are there."""
    layers = str(bundle.values.get("Layers", "")).split(",")
    left: set[int] = set()
    for pattern in file_patterns(bundle.output, layers):
        there: tuple[int, ...] = ()
        with suppress(InputError):
            there = Sequence.find(pattern).frames
        left |= set(bundle.frames) - set(there)
    return tuple(sorted(left))


def _path(output: str) -> Path:
    return Path(output).with_name(claim_name(output))


def _read(path: Path) -> dict[str, Any]:
    try:
        document = read_json(path)
    except InputError:
        return {}
    return document if isinstance(document, dict) and {"job", "name", "made"} <= document.keys() else {}


def _frames(output: str, layers: tuple[str, ...]) -> set[int]:
    found: set[int] = set()
    for pattern in file_patterns(output, layers):
        with suppress(InputError):
            found |= set(Sequence.find(pattern).frames)
    return found
