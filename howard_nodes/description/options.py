"""The options of a job on files: which frames are read and how, what is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from howard_nodes.description.knob import Knob, check_fields, knob, knobs_of

__all__ = ["OPTIONS", "FileOptions"]

_FRAMES, _CLEAN, _COLOUR, _OUTPUT = "Frames", "Clean plate", "Colour", "Output"
_COMPRESSIONS = {
    "none": ("None", "Large."),
    "rle": ("RLE", "Lossless; for flat mattes."),
    "zips": ("ZIP, 1 line", "Lossless; quick to read a few lines of."),
    "zip": ("ZIP, 16 lines", "Lossless."),
    "piz": ("PIZ", "Lossless; small where there is grain."),
    "pxr24": ("PXR24", "Lossless for half, lossy for float."),
    "b44": ("B44", "Lossy."),
    "b44a": ("B44A", "Lossy; small where a picture is flat."),
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
        help="Which frames: 1001-1240, 1001-1240x10 or 1001,1005.",
        group=_FRAMES,
        automatic="all of the plate's",
        manual="",
        metavar="RANGE",
    )
    layer: str | None = knob(
        None,
        type="text",
        label="Plate layer",
        help="Layer of the plate's EXR to read.",
        group=_FRAMES,
        automatic="the main one",
        manual="",
        metavar="NAME",
    )
    clean_layer: str | None = knob(
        None,
        type="text",
        label="Clean plate layer",
        help="Layer of the clean plate's EXR to read.",
        group=_FRAMES,
        automatic="the main one",
        manual="",
        metavar="NAME",
    )
    clean_offset: int = knob(
        0,
        label="Clean plate offset",
        help="Frame n of the plate takes frame n + N of the clean plate, where they are paired by number.",
        group=_FRAMES,
        unit="frames",
        minimum=-10_000_000,
        maximum=10_000_000,
        step=1,
        metavar="N",
    )
    fit: str | None = knob(
        None,
        type="file",
        label="Fit",
        help="Use a fit of the clean plate that was written before.",
        group=_CLEAN,
        automatic="a new one is made",
        manual="",
        metavar="FILE",
    )
    report: str | None = knob(
        None,
        type="file",
        label="Report",
        help="Write there, as JSON, how the clean plate fits.",
        group=_CLEAN,
        automatic="none is written",
        manual="",
        metavar="FILE",
    )
    colorspace: str | None = knob(
        None,
        type="text",
        label="Plate colour space",
        help="Colour space of the plate's files.",
        group=_COLOUR,
        automatic="the files' own tags, else the configuration's file rules",
        manual="",
        metavar="NAME",
    )
    clean_colorspace: str | None = knob(
        None,
        type="text",
        label="Clean plate colour space",
        help="Colour space of the clean plate's files.",
        group=_COLOUR,
        automatic="the files' own tags, else the configuration's file rules",
        manual="",
        metavar="NAME",
    )
    output_colorspace: str | None = knob(
        None,
        type="text",
        label="Output colour space",
        help="Colour space of the result's colour layers; scene-linear for EXR.",
        group=_COLOUR,
        automatic="the plate's where that is scene-linear, else the configuration's scene_linear; "
        "for PNG the plate's where that is display-like, else sRGB",
        manual="",
        metavar="NAME",
    )
    ocio: str | None = knob(
        None,
        type="text",
        label="OCIO configuration",
        help="OpenColorIO file or built-in name, as ocio://studio-config-latest.",
        group=_COLOUR,
        automatic="$OCIO, else Howard's own",
        manual="",
        metavar="CONFIG",
    )
    layers: str | tuple[str, ...] = knob(
        "rgba,foreground,alpha,coarse,error",
        type="text",
        label="Layers",
        help="What is written: of rgba, foreground, alpha, coarse, error, region, clean, difference, valid.",
        group=_OUTPUT,
        metavar="NAMES",
    )
    depth: Literal["half", "float"] = knob(
        "half",
        label="Depth",
        help="Of an EXR's numbers.",
        group=_OUTPUT,
        choices={"half": ("Half", "16 bit float."), "float": ("Float", "32 bit float.")},
    )
    compression: str = knob(
        "zip",
        label="Compression",
        help="Of an EXR.",
        group=_OUTPUT,
        choices=_COMPRESSIONS,
    )
    resume: bool = knob(
        False,
        label="Resume",
        help="Leave frames alone that are complete, from the same inputs and settings.",
        group=_OUTPUT,
    )

    def __post_init__(self) -> None:
        if isinstance(self.layers, list | tuple):
            object.__setattr__(self, "layers", ",".join(self.layers))
        check_fields(self)


OPTIONS: tuple[Knob, ...] = knobs_of(FileOptions)
"""All options, in the order they are shown."""
