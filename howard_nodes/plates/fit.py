"""What was found out about a shot's clean plate: motion and exposure of every frame, and how well they fit.

A fit is small, is saved as JSON and given back: a farm's chunks then use one solve, and a frame gets the same
bits in any split.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Collection, Container, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from howard_nodes.atomic import read_json, write_file
from howard_nodes.errors import InputError
from howard_nodes.frames import format_frames, name_frames

__all__ = ["FrameFit", "ShotFit", "Source", "Verdict", "fit_from_json", "fit_to_json"]

Array = NDArray[Any]
Verdict = Literal["good", "doubtful", "failed"]

_VERDICTS: tuple[Verdict, ...] = ("good", "doubtful", "failed")
_FORMAT = "howard-fit"
_COMMA = ",\n"
_LINE = re.compile(r'\s*\{"frame": (-?\d+),')
_VERSION = 1
_IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True)
class Source:
    """A frame of the clean plate, and where it lies on the plate.

    Attributes
    ----------
    frame : int
        Its number in the clean plate's sequence.
    homography : tuple of nine floats
        Row by row, takes the clean frame's pixel coordinates to the plate's; full resolution, pixel centres
        at integers, (0, 0) at the first pixel of the display window.
    """

    frame: int
    homography: tuple[float, ...] = _IDENTITY

    @classmethod
    def of(cls, frame: int, matrix: Array) -> Source:
        """Give a clean frame with a homography, 3 3."""
        return cls(frame, tuple(float(value) for value in matrix.ravel()))

    @property
    def matrix(self) -> Array:
        """The homography, 3 3 float64."""
        return np.array(self.homography, np.float64).reshape(3, 3)


@dataclass(frozen=True, eq=False)
class FrameFit:
    """How the clean plate fits one frame of the plate.

    Attributes
    ----------
    frame : int
        Number of the plate's frame.
    sources : tuple of Source
        Clean frames, the best first; the others fill its holes.
    flow : ndarray, optional
        h w 2 float32, what the first source moves beyond its homography, pixels; see
        `howard_nodes.plates.warp.warp`.
    gain : tuple of three floats
        Factor on the clean plate, scene-linear, per channel.
    gain_field : tuple of floats, optional
        See `howard_nodes.plates.photometric.ExposureMatch`.
    gain_rows : tuple of floats, optional
        A gain that changes from row to row, see `howard_nodes.plates.gain_rows`.
    ceiling : tuple of three floats, optional
        Light at which the plate is clipped, per channel: the clean plate, made brighter, is clipped there
        too.
    moved : bool
        Whether the clean plate follows parts of the place that moved, see `howard_nodes.plates.moved`.
    motion : str
        `none` (used as it is), `homography`, `flow`, `borrowed` (from another frame) or `off`.
    verdict : str
        `good`, `doubtful` or `failed`.
    message : str
        The verdict in words.
    inliers : int
        Parts of the picture that show the same in both.
    residual : float, optional
        Median displacement that is left, pixels.
    difference : float, optional
        Median difference of plate and fitted clean plate over the background, scene-linear light.
    coverage : float
        Share of the plate for which there is clean plate, 0 to 1.
    """

    frame: int
    sources: tuple[Source, ...]
    flow: Array | None = None
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gain_field: tuple[float, ...] | None = None
    gain_rows: tuple[float, ...] | None = None
    ceiling: tuple[float, float, float] | None = None
    moved: bool = False
    motion: str = "none"
    verdict: Verdict = "good"
    message: str = ""
    inliers: int = 0
    residual: float | None = None
    difference: float | None = None
    coverage: float = 1.0

    @property
    def changes_nothing(self) -> bool:
        """Whether the clean plate is used as is, to the bit, but for parts that moved."""
        return (
            len(self.sources) == 1
            and self.sources[0].homography == _IDENTITY
            and self.flow is None
            and self.gain == (1.0, 1.0, 1.0)
            and self.gain_field is None
            and self.gain_rows is None
            and self.ceiling is None
        )

    @property
    def fingerprint(self) -> str:
        """A hash of what the fit does to the pixels; what it says about them is left out."""
        known = fit_to_json(self)
        does = {key: known[key] for key in ("sources", "flow", "gain", "gain_field", "ceiling")}
        if self.gain_rows is not None:
            does["gain_rows"] = known["gain_rows"]
        if self.moved:
            does["moved"] = True
        return hashlib.blake2b(json.dumps(does, sort_keys=True).encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, eq=False)
class ShotFit:
    """The fits of a shot's frames.

    Attributes
    ----------
    size : tuple of int
        Width and height of the pictures, the display window.
    space : str
        Colour space that gains are in.
    frames : dict of int to FrameFit
        By number.
    static : bool
        Whether camera and clean plate stand still: one motion for all frames.
    notes : tuple of str
        What else is worth knowing, about the whole shot.
    """

    size: tuple[int, int]
    space: str
    frames: dict[int, FrameFit]
    static: bool = False
    notes: tuple[str, ...] = field(default=())

    def count(self, verdict: Verdict) -> int:
        """Count the frames of a verdict."""
        return sum(fit.verdict == verdict for fit in self.frames.values())

    def numbers(self, verdict: Verdict) -> str:
        """List the frames of a verdict, as `howard_nodes.frames.format_frames` writes them."""
        return format_frames(number for number, fit in self.frames.items() if fit.verdict == verdict)

    @property
    def summary(self) -> str:
        """One line: how many frames are good, doubtful, failed."""
        counts = [f"{self.count(name)} {name}" for name in _VERDICTS if self.count(name)]
        how = ", one motion for all" if self.static and len(self.frames) > 1 else ""
        return f"clean plate fit: {', '.join(counts) or 'no frames'}{how}"

    def covering(self, frames: Iterable[int], size: tuple[int, int], space: str, where: str) -> ShotFit:
        """Make sure that the fit belongs to a shot.

        Parameters
        ----------
        frames : iterable of int
            Frames that are needed.
        size, space
            The shot's.
        where : str
            The fit's file, for messages.

        Raises
        ------
        InputError
            It is of another size or colour space, or lacks frames.
        """
        missing = set(frames) - set(self.frames)
        if missing:
            raise InputError(
                f"{where}: has no fit for the frames {name_frames(missing)}; make it again over all "
                "frames, with --report."
            )
        if self.size != size:
            raise InputError(
                f"{where}: was made for {self.size[0]}x{self.size[1]}, the plate is {size[0]}x{size[1]}."
            )
        if self.space != space:
            raise InputError(
                f"{where}: its gains are for {self.space}, the plate is worked on in {space}; use the colour "
                "space and OpenColorIO configuration of the fit."
            )
        return self

    def save(self, path: Path) -> None:
        """Write the fit as JSON, whole or not at all.

        Raises
        ------
        WriteError
            The file cannot be written.
        """
        verdicts: dict[str, Any] = {name: self.numbers(name) for name in _VERDICTS}
        document = {
            "format": _FORMAT,
            "version": _VERSION,
            "summary": self.summary,
            "size": list(self.size),
            "space": self.space,
            "static": self.static,
            "notes": list(self.notes),
            **verdicts,
            "uncovered": _mean(1.0 - fit.coverage for fit in self.frames.values()),
        }
        # A line a frame: to be read, searched and compared.
        head = json.dumps(document, indent=1, ensure_ascii=False).removesuffix("\n}")
        entries = (
            json.dumps(fit_to_json(self.frames[number]), ensure_ascii=False) for number in sorted(self.frames)
        )
        lines = head + ',\n "frames": [\n  ' + ",\n  ".join(entries) + "\n ]\n}"
        write_file(path, lines + "\n")

    @classmethod
    def load(cls, path: Path, frames: Collection[int] | None = None) -> ShotFit:
        """Read a fit.

        Parameters
        ----------
        path : Path
            The file.
        frames : collection of int, optional
            Those that are needed, of a shot that may have 100,000; by default all.

        Raises
        ------
        InputError
            The file is missing, damaged, or no fit.
        """
        advice = "make it with howard plate fit"
        if frames is None:
            document = read_json(path, advice)
        else:
            document = read_json(path, advice, lambda text: _narrowed(text, set(frames)))
        if not isinstance(document, dict) or document.get("format") != _FORMAT:
            raise InputError(f"{path}: is not a clean plate fit; make one with howard plate fit.")
        if document.get("version") != _VERSION:
            raise InputError(
                f"{path}: is of version {document.get('version')}, this Howard reads version {_VERSION}; "
                "make it again."
            )
        try:
            fits = [fit_from_json(entry) for entry in document["frames"]]
            width, height = (_whole(side) for side in document["size"])
            return cls(
                (width, height),
                str(document["space"]),
                {fit.frame: fit for fit in fits},
                bool(document["static"]),
                tuple(map(str, document["notes"])),
            )
        except (KeyError, TypeError, ValueError, OverflowError, zlib.error) as error:
            raise InputError(
                f"{path}: is damaged ({type(error).__name__}: {error}); make it again."
            ) from error


def _narrowed(text: str, frames: Container[int]) -> str:
    """Leave out the lines of other frames."""
    head, begins, rest = text.partition('\n "frames": [\n')
    lines, ends, tail = rest.rpartition("\n ]\n")
    if not begins or not ends:
        return text
    kept = [
        line
        for line in lines.split(_COMMA)
        if (found := _LINE.match(line)) is None or int(found[1]) in frames
    ]
    return f"{head}{begins}{_COMMA.join(kept)}{ends}{tail}"


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return round(sum(listed) / len(listed), 6) if listed else 0.0


def fit_to_json(fit: FrameFit) -> dict[str, Any]:
    """Give a frame's fit as JSON has it; numbers keep their bits."""
    known = {key: value for key, value in asdict(fit).items() if key != "flow"}
    if fit.flow is not None:
        packed = zlib.compress(np.ascontiguousarray(fit.flow, "<f4").tobytes(), 6)
        rows, cols = fit.flow.shape[:2]
        known["flow"] = {"rows": rows, "cols": cols, "float32": base64.b64encode(packed).decode()}
    else:
        known["flow"] = None
    return known


def fit_from_json(entry: dict[str, Any]) -> FrameFit:
    """Read a frame's fit. Raises `KeyError`, `TypeError`, `ValueError`, `zlib.error`: it is damaged."""
    known = dict(entry)
    known["frame"] = _whole(known["frame"])
    known["sources"] = tuple(
        Source(_whole(source["frame"]), _numbers(source["homography"], 9)) for source in known["sources"]
    )
    if not known["sources"]:
        raise ValueError(f"frame {entry.get('frame')} has no sources")
    flow = known["flow"]
    if flow is not None:
        rows, cols = _whole(flow["rows"]), _whole(flow["cols"])
        # No more than it says: a little that was zipped can become more than fits into memory.
        unpacker = zlib.decompressobj()
        unpacked = unpacker.decompress(base64.b64decode(flow["float32"]), rows * cols * 8 + 1)
        values = np.frombuffer(unpacked, "<f4").reshape(rows, cols, 2).astype(np.float32)
        if not unpacker.eof or not np.isfinite(values).all():
            raise ValueError(f"frame {known['frame']} has a flow that is cut short or not finite")
        known["flow"] = values
    known["gain"] = _numbers(known["gain"], 3)
    if known["ceiling"] is not None:
        known["ceiling"] = _numbers(known["ceiling"], 3)
    if known["gain_field"] is not None:
        known["gain_field"] = _numbers(known["gain_field"], 6)
    if known.get("gain_rows") is not None:
        known["gain_rows"] = _numbers(known["gain_rows"], len(known["gain_rows"]))
    if not isinstance(known.setdefault("moved", False), bool):
        raise ValueError(f"moved is {known['moved']!r}, not true or false")
    if known["verdict"] not in _VERDICTS:
        raise ValueError(f"the verdict {known['verdict']!r} is none of {', '.join(_VERDICTS)}")
    known["motion"], known["message"] = str(known["motion"]), str(known["message"])
    known["inliers"] = _whole(known["inliers"])
    for name in ("residual", "difference", "coverage"):
        if known[name] is not None or name == "coverage":
            (known[name],) = _numbers([known[name]], 1)
    return FrameFit(**known)


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"expected a whole number, not {value!r}")
    return value


def _numbers(values: Any, count: int) -> tuple[Any, ...]:
    numbers = tuple(float(value) for value in values)
    if len(numbers) != count or not all(np.isfinite(numbers)):
        raise ValueError(f"expected {count} finite numbers, not {values}")
    return numbers
