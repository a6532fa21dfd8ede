"""How a movie's samples are to be read: range, matrix, siting, colour space and orientation, by its tags."""

from __future__ import annotations

import re
from dataclasses import dataclass
from threading import Lock
from typing import Any

import av
import av.logging
import numpy as np

from howard_nodes.frames.orientation import Orientation
from howard_nodes.frames.planes import MATRICES, SITINGS, PixelFormat

__all__ = [
    "MATRIX_NAMES",
    "PRIMARIES",
    "TAGGED_SPACES",
    "TRANSFERS",
    "Look",
    "chroma_location",
    "in_words",
    "space_of",
]

_UNSPECIFIED = 2  # of matrix, primaries and transfer, in H.273
_LIMITED, _FULL = 1, 2  # as FFmpeg counts ranges

# H.273 codes in words; the second is for colour.
PRIMARIES = {
    1: ("BT.709", "rec709"),
    4: ("BT.470 M", None),
    5: ("BT.601 625 lines", "rec709"),
    6: ("BT.601 525 lines", "rec709"),
    7: ("SMPTE 240M", "rec709"),
    8: ("film", None),
    9: ("BT.2020", "rec2020"),
    10: ("CIE XYZ", None),
    11: ("DCI-P3", None),
    12: ("P3-D65", "p3d65"),
    22: ("EBU 3213", None),
}
TRANSFERS = {
    1: ("BT.709", "g24"),
    4: ("gamma 2.2", "g22"),
    5: ("gamma 2.8", None),
    6: ("BT.601", "g24"),
    7: ("SMPTE 240M", None),
    8: ("linear", "lin"),
    11: ("xvYCC", None),
    13: ("sRGB", "srgb"),
    14: ("BT.2020 10 bit", "g24"),
    15: ("BT.2020 12 bit", "g24"),
    16: ("PQ", "pq"),
    17: ("SMPTE 428", None),
    18: ("HLG", "hlg"),
}
MATRIX_NAMES = {
    0: "RGB",
    1: "BT.709",
    4: "FCC",
    5: "BT.601",
    6: "BT.601",
    7: "SMPTE 240M",
    8: "YCgCo",
    9: "BT.2020",
    10: "BT.2020 constant luminance",
    14: "ICtCp",
}
# Video is made to be looked at on a display; sRGB and light as in still pictures.
TAGGED_SPACES = {
    ("g24", "rec709"): "g24_rec709_display",
    ("g24", "rec2020"): "g24_rec2020_display",
    ("g24", "p3d65"): "g24_p3d65_display",
    ("g22", "rec709"): "g22_rec709_scene",
    ("srgb", "rec709"): "srgb_rec709_scene",
    ("srgb", "p3d65"): "srgb_p3d65_scene",
    ("lin", "rec709"): "lin_rec709_scene",
    ("lin", "rec2020"): "lin_rec2020_scene",
    ("lin", "p3d65"): "lin_p3d65_scene",
    ("pq", "rec2020"): "pq_rec2020_display",
    ("pq", "p3d65"): "pq_p3d65_display",
    ("hlg", "rec2020"): "hlg_rec2020_display",
}


def _orientation(picture: av.VideoFrame) -> Orientation:
    sides: Any = picture.side_data
    for side in sides:
        if side.type.name == "DISPLAYMATRIX":
            matrix = np.frombuffer(bytes(side), np.int32)[:9].reshape(3, 3) / 65536.0
            a, b, c, d = (int(v) for v in np.rint(matrix[:2, :2].ravel()))
            if sorted((abs(a), abs(b), abs(c), abs(d))) == [0, 0, 1, 1] and abs(a) == abs(d):
                return Orientation(a, b, c, d)
    return Orientation()


@dataclass(frozen=True)
class Look:
    """How one frame's samples are to be read."""

    pixel_format: PixelFormat
    size: tuple[int, int]
    pixel_aspect: float
    tags: tuple[int, int, int, int]  # range, matrix, primaries, transfer, as tagged
    full: bool
    matrix: int
    siting: str
    colorspace: str | None
    orientation: Orientation
    interlaced: bool
    notes: tuple[str, ...]

    @classmethod
    def of(cls, picture: av.VideoFrame, stream: Any, chroma: str | None) -> Look:
        """Read a frame's tags; ValueError where its samples cannot be read."""
        context, notes = stream.codec_context, list[str]()
        pixel_format = PixelFormat.named(picture.format.name)
        tags = tuple(
            _tag(picture, context, name, silent)
            for name, silent in (
                ("color_range", (0,)),
                ("colorspace", (3, _UNSPECIFIED)),
                ("color_primaries", (0, 3, _UNSPECIFIED)),
                ("color_trc", (0, 3, _UNSPECIFIED)),
            )
        )
        assert len(tags) == 4
        coded_range, coded_matrix, primaries, transfer = tags
        full = coded_range == _FULL or pixel_format.name.startswith("yuvj")
        untagged = {}
        if coded_range not in (_LIMITED, _FULL) and not full:
            full = pixel_format.is_full_by_name
            if pixel_format.family != "rgb":
                untagged["range"] = "full range" if full else "limited range"
        matrix = coded_matrix if pixel_format.family == "yuv" else 1
        if matrix == _UNSPECIFIED:
            matrix = 1
            untagged["matrix"] = "BT.709"
        elif matrix not in MATRICES:
            raise ValueError(f"the matrix {in_words(MATRIX_NAMES, matrix)} is not supported")
        if untagged:
            verb = "are" if len(untagged) > 1 else "is"
            what, taken = " and ".join(untagged), ", ".join(reversed(untagged.values()))
            notes.append(f"its {what} {verb} not tagged; assumed {taken}")
        colorspace, colour_note = _tagged(primaries, transfer)
        notes += [colour_note] if colour_note else []
        orientation = _orientation(picture)
        aspect = float(stream.sample_aspect_ratio or context.sample_aspect_ratio or 1)
        aspect = aspect if np.isfinite(aspect) and aspect > 0 else 1.0
        width, height = picture.width, picture.height
        return cls(
            pixel_format=pixel_format,
            size=(height, width) if orientation.swaps else (width, height),
            pixel_aspect=1 / aspect if orientation.swaps else aspect,
            tags=tags,
            full=full,
            matrix=matrix,
            siting=chroma if chroma in SITINGS else "left",
            colorspace=colorspace,
            orientation=orientation,
            interlaced=bool(picture.interlaced_frame),
            notes=tuple(notes),
        )

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels that come of the samples."""
        colour = ("Y",) if self.pixel_format.family == "gray" else ("R", "G", "B")
        return (*colour, "A") if self.pixel_format.has_alpha else colour

    def describe(self) -> str:
        """All that decides values beside the samples."""
        turn = self.orientation
        parts = (
            *(self.pixel_format.name, self.size, self.full, self.matrix, self.siting, self.tags[2:]),
            *(turn.a, turn.b, turn.c, turn.d, f"{self.pixel_aspect:.6g}"),
        )
        return " ".join(str(part) for part in parts)


def _tag(picture: av.VideoFrame, context: Any, name: str, silent: tuple[int, ...]) -> int:
    """Take a frame's own tag, else its stream's; older PyAV gives frames no primaries and transfer."""
    for holder in (picture, context):
        code = getattr(holder, name, None)
        if code is not None and int(code) not in silent:
            return int(code)
    return silent[-1]


def in_words(names: dict[int, Any], code: int) -> str:
    """Name a code of H.273 by one of the tables here."""
    if code in (0, 3, _UNSPECIFIED) and code not in names:
        return "not tagged"
    known = names.get(code)
    return f"code {code}" if known is None else known if isinstance(known, str) else str(known[0])


def space_of(primaries: int, transfer: int) -> str | None:
    """Name the colour space of a pair of codes of H.273; None where they name none."""
    return _tagged(primaries, transfer)[0]


def _tagged(primaries: int, transfer: int) -> tuple[str | None, str]:
    """Name the space of a pair of tags, and say what is worth telling of it."""
    curve = TRANSFERS.get(transfer, ("", None))[1]
    gamut = "rec709" if primaries == _UNSPECIFIED else PRIMARIES.get(primaries, ("", None))[1]
    names = f"primaries {in_words(PRIMARIES, primaries)}, transfer {in_words(TRANSFERS, transfer)}"
    if transfer == _UNSPECIFIED:
        if gamut == "rec709":
            return None, ""
        return None, f"its transfer is not tagged ({names}); if it is a camera log, set --colorspace"
    if curve in ("pq", "hlg") and primaries == _UNSPECIFIED:
        gamut = "rec2020"  # what BT.2100 defines them with
    space = TAGGED_SPACES.get((curve or "", gamut or ""))
    if space is None:
        return None, f"no colour space is known for its tags ({names}); set --colorspace"
    if primaries in (5, 6, 7):
        return space, f"its primaries, {in_words(PRIMARIES, primaries)}, are treated as BT.709"
    return space, ""


_LOGGING = Lock()


def chroma_location(container: Any, stream: Any) -> str | None:
    """Where chroma lies, by FFmpeg's own description of the stream: PyAV has no other way to tell.

    FFmpeg only says it in verbose logs, so the log level, which belongs to the process, is raised meanwhile.
    """
    with _LOGGING:
        level = av.logging.get_level()
        av.logging.set_level(av.logging.VERBOSE)
        av.logging.set_libav_level(av.logging.VERBOSE)
        try:
            text = container.dumps_format()
        finally:
            av.logging.set_level(level)
            av.logging.set_libav_level(av.logging.INFO)
    for line in text.splitlines():
        if re.match(rf"\s*Stream #\d+:{stream.index}\b.*Video:", line):
            for words in re.findall(r"\(([^()]*)\)", line.partition("Video:")[2]):
                for word in words.split(", "):
                    if word in SITINGS:
                        return word
    return None
