"""The options of a job on files: which frames are read and how, what is written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from howard_nodes.description.knob import Knob, check_fields, knob, knobs_of
from howard_nodes.errors import InputError

__all__ = ["OPTIONS", "FileOptions"]

_FRAMES, _CLEAN, _COLOUR, _OUTPUT = "Frames", "Clean plate", "Colour", "Output"
_COMPRESSIONS = {
    "none": ("None", "Large."),
    "rle": ("RLE", "Lossless; for flat mattes."),
    "zips": ("ZIP, 1 line", "Lossless; fast to read a few scanlines."),
    "zip": ("ZIP, 16 lines", "Lossless."),
    "piz": ("PIZ", "Lossless; best for grainy footage."),
    "pxr24": ("PXR24", "Lossless for half, lossy for float."),
    "b44": ("B44", "Lossy."),
    "b44a": ("B44A", "Lossy; small where the image is flat."),
    "dwaa": ("DWAA", "Lossy, small."),
    "dwab": ("DWAB", "Lossy, small; in larger blocks."),
}


@dataclass(frozen=True, kw_only=True)
class FileOptions:
    """Options of a job on files. Each field is described as a knob is; see `OPTIONS`."""

    frames: str | None = knob(
        None,
        type="text",
        label="Frames",
        help="Frame range: 1001-1240, 1001-1240x10 or 1001,1005.",
        group=_FRAMES,
        automatic="all frames of the source",
        manual="",
        metavar="RANGE",
    )
    start_frame: str | None = knob(
        None,
        type="text",
        label="Start frame",
        help="Number of a source movie's first frame, such as 1001, or timecode for its timecode in frames.",
        group=_FRAMES,
        automatic="1",
        manual="1",
        metavar="N|timecode",
    )
    layer: str | None = knob(
        None,
        type="text",
        label="Plate layer",
        help="Layer to read from the source's EXR.",
        group=_FRAMES,
        automatic="the main layer",
        manual="",
        metavar="NAME",
    )
    clean_layer: str | None = knob(
        None,
        type="text",
        label="Clean plate layer",
        help="Layer to read from the clean plate's EXR.",
        group=_FRAMES,
        automatic="the main layer",
        manual="",
        metavar="NAME",
    )
    clean_offset: int = knob(
        0,
        label="Clean plate offset",
        help="Source frame n uses clean plate frame n + N, where frames are paired by number.",
        group=_FRAMES,
        unit="frames",
        minimum=-10_000_000,
        maximum=10_000_000,
        step=1,
        metavar="N",
    )
    clean_start_frame: str | None = knob(
        None,
        type="text",
        label="Clean plate start frame",
        help="Number of a clean plate movie's first frame, or timecode for its timecode in frames.",
        group=_FRAMES,
        automatic="that of the source if it is a movie too, else 1",
        manual="1",
        metavar="N|timecode",
    )
    clean_frames: str | None = knob(
        None,
        type="text",
        label="Clean plate frames",
        help="Frames of the sequence or movie that show the clean plate, such as 1-40; no others are used.",
        group=_FRAMES,
        automatic="all",
        manual="",
        metavar="RANGE",
    )
    fit: str | None = knob(
        None,
        type="file",
        label="Fit",
        help="Reuse a clean plate fit saved earlier.",
        group=_CLEAN,
        automatic="a new fit is made",
        manual="",
        metavar="FILE",
    )
    report: str | None = knob(
        None,
        type="file",
        label="Report",
        help="Save how the clean plate fits, as JSON.",
        group=_CLEAN,
        automatic="no report is saved",
        manual="",
        metavar="FILE",
    )
    colorspace: str | None = knob(
        None,
        type="text",
        label="Plate colour space",
        help="Colour space of the source files.",
        group=_COLOUR,
        automatic="the files' tags, else the OCIO configuration's file rules",
        manual="",
        metavar="NAME",
    )
    clean_colorspace: str | None = knob(
        None,
        type="text",
        label="Clean plate colour space",
        help="Colour space of the clean plate files.",
        group=_COLOUR,
        automatic="the files' tags, else the OCIO configuration's file rules",
        manual="",
        metavar="NAME",
    )
    output_colorspace: str | None = knob(
        None,
        type="text",
        label="Output colour space",
        help="Colour space of the output's colour layers; scene-linear for EXR.",
        group=_COLOUR,
        automatic="the source's if it is scene-linear, else the configuration's scene_linear; "
        "for PNG the source's if it is display-referred, else sRGB",
        manual="",
        metavar="NAME",
    )
    ocio: str | None = knob(
        None,
        type="text",
        label="OCIO configuration",
        help="OpenColorIO file or built-in name, such as ocio://studio-config-latest.",
        group=_COLOUR,
        automatic="$OCIO, else Howard's own",
        manual="",
        metavar="CONFIG",
    )
    layers: str | tuple[str, ...] = knob(
        "rgba,foreground,alpha,coarse,error",
        type="text",
        label="Layers",
        help="Layers to write: rgba, foreground, alpha, coarse, error, doubt, region, clean, difference, "
        "valid.",
        group=_OUTPUT,
        metavar="NAMES",
    )
    depth: Literal["half", "float"] = knob(
        "half",
        label="Depth",
        help="EXR bit depth.",
        group=_OUTPUT,
        choices={"half": ("Half", "16-bit float."), "float": ("Float", "32-bit float.")},
    )
    compression: str = knob(
        "zip",
        label="Compression",
        help="EXR compression.",
        group=_OUTPUT,
        choices=_COMPRESSIONS,
    )
    resume: bool = knob(
        False,
        label="Resume",
        help="Keep frames that are complete and match the inputs and settings; render the rest.",
        group=_OUTPUT,
    )

    def __post_init__(self) -> None:
        if isinstance(self.layers, list | tuple):
            object.__setattr__(self, "layers", ",".join(self.layers))
        check_fields(self)
        for name in ("start_frame", "clean_start_frame"):
            object.__setattr__(self, name, _start(name, getattr(self, name)))


def _start(name: str, value: str | None) -> str | None:
    """Make sure of a start frame; a text without anything in it is none."""
    if value is None or not value.strip():
        return None
    value = value.strip().lower()
    if value != "timecode" and not re.fullmatch(r"-?[0-9]{1,8}", value):
        raise InputError(f"{name.replace('_', ' ')} '{value[:20]}': must be a frame number, or timecode.")
    return value


OPTIONS: tuple[Knob, ...] = knobs_of(FileOptions)
"""All options, in the order they are shown."""
