"""A shot's fit in parts, as files: each whole or not there, and put together where all belong to one shot.

Beside ``shot.fit.json`` lies the folder ``shot.fit.parts``: ``scout.json``, which all parts begin with, and a
file a part, named by its first frame and how many it has.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from howard_nodes import __version__
from howard_nodes.atomic import read_json, write_file
from howard_nodes.errors import InputError
from howard_nodes.frames import format_frames, parse_frames
from howard_nodes.plates.carried import Carried
from howard_nodes.plates.fit import fit_from_json, fit_to_json
from howard_nodes.plates.frame_solving import Found
from howard_nodes.plates.photometric import ExposureMatch
from howard_nodes.plates.scouting import Scouted

__all__ = ["FitPart", "ScoutFile", "fit_parts", "part_path", "scout_path"]

_SCOUT, _PART, _VERSION = "howard-fit-scout", "howard-fit-part", 1
_DAMAGED = (InputError, KeyError, TypeError, ValueError, OverflowError, AttributeError, zlib.error)


def scout_path(fit: Path) -> Path:
    """Name the file with what is known of the shot, of a fit that comes to lie at a path."""
    return fit.with_suffix(".parts") / "scout.json"


def part_path(fit: Path, frames: tuple[int, ...]) -> Path:
    """Name the file of a part: two parts of one shot never have one name."""
    return fit.with_suffix(".parts") / f"{frames[0]}+{len(frames)}.json"


def fit_parts(fit: Path) -> list[Path]:
    """List the files of all parts that are there."""
    return sorted(fit.with_suffix(".parts").glob("*+*.json"))


@dataclass(frozen=True, eq=False)
class ScoutFile:
    """What is known of a shot, and what it was made of.

    Attributes
    ----------
    scouted : Scouted
        What is known.
    made_of : str
        Hash of Howard's version, the settings and the plates' names.
    howard : str
        The version.
    mark : str
        Hash of the file: parts say with which they were made. Empty before it is saved.
    """

    scouted: Scouted
    made_of: str
    howard: str = __version__
    mark: str = ""

    def save(self, path: Path) -> None:
        """Write it. Raises `WriteError`."""
        one = self.scouted
        document = {
            "format": _SCOUT,
            "version": _VERSION,
            "howard": self.howard,
            "made_of": self.made_of,
            "frames": format_frames(one.frames),
            "pairs": [one.pairs[frame] for frame in one.frames],
            "size": one.size,
            "space": one.space,
            "still": None if one.still is None else fit_to_json(one.still),
            "starts": {str(frame): carried.to_json() for frame, carried in one.starts.items()},
            "known": [_found_to_json(found) for found in one.known.values()],
            "notes": one.notes,
        }
        write_file(path, json.dumps(document, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: Path, advice: str) -> ScoutFile:
        """Read it. Raises `InputError` that ends with the advice where it is missing or damaged."""
        kept = _read(path, _SCOUT, advice)
        try:
            frames = parse_frames(kept["frames"])
            known = [_found_from_json(one) for one in kept["known"]]
            width, height = kept["size"]
            scouted = Scouted(
                frames=frames,
                pairs=dict(zip(frames, map(int, kept["pairs"]), strict=True)),
                size=(int(width), int(height)),
                space=str(kept["space"]),
                still=None if kept["still"] is None else fit_from_json(kept["still"]),
                starts={int(frame): Carried.from_json(one) for frame, one in kept["starts"].items()},
                known={one.fit.frame: one for one in known},
                notes=tuple(map(str, kept["notes"])),
            )
            return cls(scouted, str(kept["made_of"]), str(kept["howard"]), _mark(path))
        except _DAMAGED as error:
            raise InputError(f"{path}: is damaged ({type(error).__name__}: {error}); {advice}.") from error


@dataclass(frozen=True, eq=False)
class FitPart:
    """Fits of some frames of a shot.

    Attributes
    ----------
    frames : tuple of int
        All that it was made for; those that could not be read have no fit.
    found : dict of int to Found
        By frame.
    scout : str
        `ScoutFile.mark` of what it began with.
    files : str
        Hash of names, sizes and times of the files that were read.
    howard : str
        The version that made it.
    """

    frames: tuple[int, ...]
    found: dict[int, Found]
    scout: str
    files: str
    howard: str = __version__

    def save(self, path: Path) -> None:
        """Write it. Raises `WriteError`."""
        document = {
            "format": _PART,
            "version": _VERSION,
            "howard": self.howard,
            "scout": self.scout,
            "files": self.files,
            "frames": format_frames(self.frames),
            "found": [_found_to_json(one) for one in self.found.values()],
        }
        write_file(path, json.dumps(document, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: Path) -> FitPart:
        """Read it. Raises `InputError` where it is missing or damaged."""
        kept = _read(path, _PART, "it has to be made again")
        try:
            found = [_found_from_json(one) for one in kept["found"]]
            return cls(
                frames=parse_frames(kept["frames"]),
                found={one.fit.frame: one for one in found},
                scout=str(kept["scout"]),
                files=str(kept["files"]),
                howard=str(kept["howard"]),
            )
        except _DAMAGED as error:
            raise InputError(f"{path}: is damaged ({type(error).__name__}: {error}).") from error


def _read(path: Path, kind: str, advice: str) -> dict[str, Any]:
    kept = read_json(path, advice)
    if not isinstance(kept, dict) or kept.get("format") != kind or kept.get("version") != _VERSION:
        raise InputError(f"{path}: is not what this Howard writes there; {advice}.")
    return kept


def _mark(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


def _found_to_json(found: Found) -> dict[str, Any]:
    return {
        "fit": fit_to_json(found.fit),
        "homography": None if found.homography is None else _floats(found.homography.ravel()),
        "exposure": None if found.exposure is None else asdict(found.exposure),
        "size": found.size,
    }


def _found_from_json(kept: dict[str, Any]) -> Found:
    homography, exposure, size = kept["homography"], kept["exposure"], kept["size"]
    if exposure is not None:
        lists = {name: tuple(value) for name, value in exposure.items() if isinstance(value, list)}
        exposure = ExposureMatch(**exposure | lists)
    return Found(
        fit_from_json(kept["fit"]),
        None if homography is None else np.array(homography, np.float64).reshape(3, 3),
        exposure,
        None if size is None else (int(size[0]), int(size[1])),
    )


def _floats(values: Iterable[Any]) -> list[float]:
    return [float(value) for value in values]
