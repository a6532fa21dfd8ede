"""Cases of a held-out set: folders of EXRs that any tool can read.

`SET/NAME/` holds `plate.0001.exr`, `clean.0001.exr`, `truth.0001.exr` and so on, half float, scene-linear
Rec.709. The truth is R G B straight foreground and A linear coverage. A shot from a tripod may have one clean
frame. `still.0001.exr` and on, where they are, show the first frame again and again, each with grain of its
own: what grain alone does to a matte is measured on them. `case.json` says what the case is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from howard_nodes.atomic import read_json, write_file
from howard_nodes.errors import FrameError, InputError
from howard_nodes.frames import Sequence, inspect_file, read_frame, write_image

__all__ = ["KINDS", "MADE", "SPACE", "USUAL_KINDS", "Case", "Truth", "find_cases", "read_case", "write_case"]

MADE = ("rendered", "scene", "drawn")
"""How a case was made: a rendered foreground over a place, a whole rendered scene, all of it drawn."""

KINDS = (
    "plain",
    "hair",
    "motion blur",
    "camouflage",
    "shadow",
    "misregistered",
    "exposure drift",
    "no subject",
    "two subjects",
    "moving background",
    "static sequence",
    "handheld sequence",
    "defocus",
    "translucent",
    "close-up",
    "own light",
)
"""What makes a case hard, in the order of tables."""

USUAL_KINDS = KINDS[:12]
"""What a set has unless told: the others measure one thing each, on sets of their own."""

SPACE = "lin_rec709_scene"
"""Colour space of all colour in a case."""

_FIRST = 1


@dataclass(frozen=True)
class Truth:
    """What is true of a frame: straight `foreground`, H W 3 scene-linear, and `alpha`, H W 0 to 1."""

    foreground: np.ndarray
    alpha: np.ndarray


@dataclass(frozen=True)
class Case:
    """One case.

    Attributes
    ----------
    folder : Path
        Its files.
    name : str
        That of its folder.
    kind, made : str
        As `case.json` says; one of `KINDS`, one of `MADE`.
    frames : tuple of int
        Frames of the plate.
    clean : str
        Pattern of the clean plate's frames, or its one file.
    seed : int or None
        It was made from.
    ingredients : dict
        What it was made of.
    """

    folder: Path
    name: str
    kind: str
    made: str
    frames: tuple[int, ...]
    clean: str
    seed: int | None = None
    ingredients: dict[str, Any] = field(default_factory=dict)

    @property
    def plate(self) -> str:
        """Pattern of the plate's frames."""
        return str(self.folder / "plate.####.exr")

    @property
    def still_frames(self) -> tuple[int, ...]:
        """Frames of the first picture under other grain; none where that was not made."""
        return _frames(self.folder, "still")

    @property
    def still(self) -> str:
        """Pattern of those."""
        return str(self.folder / "still.####.exr")

    def truth(self, frame: int) -> Truth:
        """Read what is true of a frame.

        Raises
        ------
        FrameError
            The file is missing or damaged, has other channels, another size than the plate or not a number
            in it.
        """
        path = self.folder / f"truth.{frame:04d}.exr"
        picture = read_frame(path, frame=frame)
        if picture.channels[:4] != ("R", "G", "B", "A"):
            raise FrameError(
                f"a ground truth needs the channels R G B A, this has {' '.join(picture.channels)}.",
                path=path,
                frame=frame,
            )
        bad = int((~np.isfinite(picture.pixels)).sum())
        if bad:
            raise FrameError(f"{bad} values are NaN or Inf; make the case again.", path=path, frame=frame)
        height, width = picture.pixels.shape[:2]
        plate = inspect_file(self.folder / f"plate.{frame:04d}.exr").parts[0].data_window
        if (plate.width, plate.height) != (width, height):
            raise FrameError(
                f"the ground truth is {width}x{height}, the plate {plate.width}x{plate.height}; "
                "give both the same size.",
                path=path,
                frame=frame,
            )
        return Truth(np.ascontiguousarray(picture.pixels[..., :3]), np.clip(picture.pixels[..., 3], 0.0, 1.0))


def find_cases(sets: Iterable[Path]) -> list[Case]:
    """Read all cases below some folders, by name.

    Parameters
    ----------
    sets : iterable of Path
        Each a set, or a single case.

    Returns
    -------
    list of Case
        At least one.

    Raises
    ------
    InputError
        A folder without cases, a case that lacks something, or two of one name.
    """
    cases: list[Case] = []
    for folder in sets:
        notes = [folder / "case.json"] if (folder / "case.json").is_file() else folder.glob("*/case.json")
        found = sorted(note.parent for note in notes if not note.parent.name.startswith("."))
        if not found:
            raise InputError(f"{folder}: holds no cases (NAME/case.json); make some with 'howard cases'.")
        cases += [read_case(one) for one in found]
    names = [case.name for case in cases]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{twice[0]}: two cases have this name; rename one.")
    return cases


def read_case(folder: Path) -> Case:
    """Read what a case is; its pictures stay where they are.

    Raises
    ------
    InputError
        `case.json` is missing or says something else, or there is no plate or clean plate.
    FrameError
        A frame of the plate has no truth.
    """
    note = folder / "case.json"
    about = read_json(note, "make the case again")
    try:
        kind, made = about["kind"], about["made"]
    except (KeyError, TypeError) as error:
        raise InputError(f"{note}: is not a valid case file ({error}); make the case again.") from error
    for word, known in ((kind, KINDS), (made, MADE)):
        if word not in known:
            raise InputError(f"{note}: {word!r} is unknown; choose from {', '.join(known)}.")
    plates, cleans, truths = (_frames(folder, what) for what in ("plate", "clean", "truth"))
    if not plates or not cleans:
        raise InputError(f"{folder}: has no {'clean' if plates else 'plate'}.0001.exr; make the case again.")
    for frame in plates:
        if frame not in truths:
            raise FrameError(
                "no such file: this frame of the plate has no ground truth.",
                path=folder / f"truth.{frame:04d}.exr",
                frame=frame,
            )
    if len(cleans) > 1 and cleans != plates:
        raise InputError(
            f"{folder}: has {len(plates)} plates and {len(cleans)} clean plates: give one or all."
        )
    clean = folder / (f"clean.{cleans[0]:04d}.exr" if len(cleans) == 1 else "clean.####.exr")
    return Case(
        folder,
        folder.name,
        kind,
        made,
        plates,
        str(clean),
        about.get("seed"),
        about.get("ingredients", {}),
    )


def write_case(
    folder: Path,
    *,
    kind: str,
    made: str,
    plates: list[np.ndarray],
    cleans: list[np.ndarray],
    truths: list[Truth],
    stills: list[np.ndarray] | None = None,
    seed: int | None = None,
    ingredients: dict[str, Any] | None = None,
) -> None:
    """Write a case; its note comes last, so that a case that has one is whole.

    Parameters
    ----------
    folder : Path
        Of the case, its name; made where it is not there.
    kind, made : str
        Of `KINDS` and `MADE`.
    plates, cleans, stills : list of ndarray
        H W 3, scene-linear Rec.709; one clean plate, or one for each plate.
    truths : list of Truth
        One for each plate.
    seed : int, optional
        It was made from.
    ingredients : dict, optional
        What it was made of, for JSON.

    Raises
    ------
    WriteError
        A file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    colors = {"plate": plates, "clean": cleans, "still": stills or []}
    for what, pictures in colors.items():
        for number, pixels in enumerate(pictures, _FIRST):
            write_image(folder / f"{what}.{number:04d}.exr", pixels, "RGB", colorspace=SPACE)
    for number, truth in enumerate(truths, _FIRST):
        pixels = np.dstack([truth.foreground, truth.alpha])
        write_image(folder / f"truth.{number:04d}.exr", pixels, "RGBA", colorspace=SPACE)
    about = {"name": folder.name, "kind": kind, "made": made, "seed": seed, "ingredients": ingredients or {}}
    write_file(folder / "case.json", json.dumps(about, indent=2) + "\n")


def _frames(folder: Path, what: str) -> tuple[int, ...]:
    if not any(folder.glob(f"{what}.*.exr")):
        return ()
    return Sequence.find(str(folder / f"{what}.####.exr")).frames
