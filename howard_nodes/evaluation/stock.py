"""What held-out cases are composed of."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from howard_nodes.errors import InputError
from howard_nodes.frames import read_attributes
from howard_nodes.samples.banks import TextureBank, list_pictures, read_foreground

__all__ = ["Foreground", "Place", "Stock", "read_stock"]

Array = np.ndarray

_HAIR = {"straight", "wavy", "curly", "afro", "locs", "bob", "tousled", "ponytail"}
_COVER = {"hood", "coat"}


@dataclass(frozen=True)
class Foreground:
    """A subject: straight colour (H W 3, scene-linear), coverage (H W), and what it is."""

    color: Array
    alpha: Array
    name: str
    shows: str = ""


@dataclass(frozen=True)
class Place:
    """A place to stand in: H W 3 scene-linear, its name, and whether its highlights are whole."""

    picture: Array
    name: str
    is_linear: bool


@dataclass(frozen=True)
class Stock:
    """What cases are composed of.

    Attributes
    ----------
    foregrounds : dict of Path to str
        EXRs with R G B straight and A, and what their metadata (`howard:shows`) say; empty for drawn cases
        alone.
    places : tuple of Place
        Pictures of places; may be empty: then all are drawn.
    """

    foregrounds: dict[Path, str] = field(default_factory=dict)
    places: tuple[Place, ...] = ()

    def hairy(self) -> list[Path]:
        """Those whose metadata say that much hair is to be seen."""
        found = []
        for path, shows in self.foregrounds.items():
            words = set(re.split(r"[^\w-]+", shows))
            if words & _HAIR and not words & _COVER:
                found.append(path)
        return found

    def foreground(self, path: Path) -> Foreground:
        """Read one.

        Raises
        ------
        FrameError
            It cannot be read.
        InputError
            It has no alpha.
        """
        return Foreground(*read_foreground(path), path.name, self.foregrounds[path])


def read_stock(foregrounds: Path | None, pictures: Path | None) -> Stock:
    """Find foregrounds and read places.

    Parameters
    ----------
    foregrounds, pictures : Path or None
        Folders: EXRs with R G B A; photographs (sRGB) and EXRs (scene-linear Rec.709).

    Raises
    ------
    InputError
        A folder is not there, or a picture cannot be read.
    """
    places = []
    for file in list_pictures(*() if pictures is None else (pictures,)):
        is_linear = file.suffix.lower() == ".exr"
        places += [Place(picture, file.name, is_linear) for picture in TextureBank.load([file]).pictures]
    found = {
        path: str(read_attributes(path).get("howard:shows", ""))
        for path in list_pictures(*() if foregrounds is None else (foregrounds,))
        if path.suffix.lower() == ".exr"
    }
    if foregrounds is not None and not found:
        raise InputError(f"{foregrounds}: has no EXR; give a folder of rendered foregrounds.")
    return Stock(found, tuple(places))
