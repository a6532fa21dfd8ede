"""`howard matte`: mattes for a shot, with progress for people and machines."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from howard_nodes.cli.progress import reporter

if TYPE_CHECKING:
    from howard_nodes.pipeline import MatteJob

__all__ = ["Align", "Device", "Match", "matte", "run_job"]

_FIT, _COLOUR, _OVERRIDES, _NETWORK, _FILES = "Clean plate", "Colour", "Overrides", "Network", "Output"


class Device(StrEnum):
    """What computes."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


class Align(StrEnum):
    """How the clean plate is registered."""

    AUTO = "auto"
    OFF = "off"
    HOMOGRAPHY = "homography"
    FLOW = "flow"


class Match(StrEnum):
    """Whether the clean plate's exposure is matched."""

    AUTO = "auto"
    OFF = "off"


class Precision(StrEnum):
    """Of the network's numbers."""

    AUTO = "auto"
    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"


class Refine(StrEnum):
    """Which pixels the refiner works on."""

    SAMPLING = "sampling"
    THRESHOLDING = "thresholding"
    FULL = "full"


class Depth(StrEnum):
    """Of an EXR's numbers."""

    HALF = "half"
    FLOAT = "float"


def matte(
    plate: Annotated[
        str, typer.Argument(metavar="PLATE", help="plate.####.exr, plate.%04d.png, take.mov or one file.")
    ],
    clean: Annotated[
        str, typer.Option(metavar="CLEAN", help="The clean plate: a still, a sequence or a movie.")
    ],
    output: Annotated[str, typer.Option("-o", "--output", metavar="OUT", help="out/shot.####.exr, or .png.")],
    frames: Annotated[
        str | None, typer.Option(metavar="RANGE", help="1001-1240, 1001-1240x10, 1001,1005; else all.")
    ] = None,
    layer: Annotated[str | None, typer.Option(metavar="NAME", help="Layer of the plate to read.")] = None,
    clean_layer: Annotated[
        str | None, typer.Option(metavar="NAME", help="Layer of the clean plate to read.")
    ] = None,
    clean_offset: Annotated[
        int, typer.Option(metavar="N", help="Frame n takes frame n + N of the clean plate.")
    ] = 0,
    align: Annotated[
        Align,
        typer.Option(help="Register the clean plate: by a homography, by a flow too.", rich_help_panel=_FIT),
    ] = Align.AUTO,
    match_exposure: Annotated[
        Match, typer.Option(help="Bring the clean plate to the plate's exposure.", rich_help_panel=_FIT)
    ] = Match.AUTO,
    report: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write the fit there, as JSON.", rich_help_panel=_FIT),
    ] = None,
    fit: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Use a fit that --report wrote.", rich_help_panel=_FIT),
    ] = None,
    colorspace: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Of the plate; else its own tags, else the file rules.",
            rich_help_panel=_COLOUR,
        ),
    ] = None,
    clean_colorspace: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of the clean plate.", rich_help_panel=_COLOUR)
    ] = None,
    output_colorspace: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Of colour layers; else the plate's, scene-linear.", rich_help_panel=_COLOUR
        ),
    ] = None,
    ocio: Annotated[
        str | None,
        typer.Option(
            metavar="CONFIG",
            help="OpenColorIO file or built-in, as ocio://studio-config-latest; else $OCIO, else Howard's.",
            rich_help_panel=_COLOUR,
        ),
    ] = None,
    exposure: Annotated[
        float | None,
        typer.Option(
            metavar="STOPS", help="For the network's eyes only; else automatic.", rich_help_panel=_COLOUR
        ),
    ] = None,
    override_coarse: Annotated[
        str | None,
        typer.Option(
            metavar="MATTE",
            help="Replaces the coarse matte where its alpha says.",
            rich_help_panel=_OVERRIDES,
        ),
    ] = None,
    override_error: Annotated[
        str | None,
        typer.Option(
            metavar="MATTE", help="Replaces the error map: 1 refines, 0 protects.", rich_help_panel=_OVERRIDES
        ),
    ] = None,
    inside: Annotated[
        str | None, typer.Option(metavar="MATTE", help="Core: alpha is 1 there.", rich_help_panel=_OVERRIDES)
    ] = None,
    outside: Annotated[
        str | None,
        typer.Option(metavar="MATTE", help="Garbage: alpha is 0 there; it wins.", rich_help_panel=_OVERRIDES),
    ] = None,
    layers: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Of rgba,foreground,alpha,coarse,error (the default), region, clean, difference, valid.",
            rich_help_panel=_FILES,
        ),
    ] = None,
    depth: Annotated[Depth, typer.Option(help="Of an EXR.", rich_help_panel=_FILES)] = Depth.HALF,
    compression: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Of an EXR: none, rle, zips, zip, piz, pxr24, b44, b44a, dwaa, dwab.",
            rich_help_panel=_FILES,
        ),
    ] = "zip",
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Skip frames that are complete, from the same inputs and settings.",
            rich_help_panel=_FILES,
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Events as JSON lines on stdout.", rich_help_panel=_FILES)
    ] = False,
    weights: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="See howard weights list.", rich_help_panel=_NETWORK),
    ] = None,
    device: Annotated[
        Device, typer.Option(help="auto takes a GPU where there is one.", rich_help_panel=_NETWORK)
    ] = Device.AUTO,
    precision: Annotated[
        Precision, typer.Option(help="auto is float16 on CUDA, else float32.", rich_help_panel=_NETWORK)
    ] = Precision.AUTO,
    refine: Annotated[
        Refine,
        typer.Option(help="A number of pixels, those above a threshold, or all.", rich_help_panel=_NETWORK),
    ] = Refine.SAMPLING,
    refine_pixels: Annotated[
        int | None,
        typer.Option(metavar="N", help="For sampling; else 80000 at 1920 x 1080.", rich_help_panel=_NETWORK),
    ] = None,
    threshold: Annotated[
        float, typer.Option(metavar="T", help="For thresholding: the least error.", rich_help_panel=_NETWORK)
    ] = 0.1,
    backbone_scale: Annotated[
        float | None,
        typer.Option(
            metavar="S", help="Resolution of the coarse stage; else by size.", rich_help_panel=_NETWORK
        ),
    ] = None,
) -> None:
    """Matte a shot: plate and clean plate in, alpha, straight foreground, coarse matte and error map out.

    [bold]Examples:[/bold]

    howard matte plate.####.exr --clean clean.exr -o out/shot.####.exr --frames 1001-1240

    howard matte plate.####.png --clean clean.####.png -o out/shot.####.png --layers alpha,foreground

    Exit codes: 0 all done, 1 some frames failed (the others are there), 2 wrong input, 130 interrupted.
    """
    from howard_nodes.layers import DEFAULT_LAYERS, validate_layers
    from howard_nodes.pipeline import MatteJob, MatteSettings
    from howard_nodes.plates.solving import FitSettings

    run_job(
        MatteJob(
            plate=plate,
            clean=clean,
            output=output,
            frames=frames,
            layers=DEFAULT_LAYERS if layers is None else validate_layers(layers),
            layer=layer,
            clean_layer=clean_layer,
            clean_offset=clean_offset,
            fitting=FitSettings(align=align.value, match_exposure=match_exposure.value),
            fit=fit,
            report=report,
            colorspace=colorspace,
            clean_colorspace=clean_colorspace,
            output_colorspace=output_colorspace,
            ocio=ocio,
            override_coarse=override_coarse,
            override_error=override_error,
            inside=inside,
            outside=outside,
            weights=weights,
            settings=MatteSettings(
                refine_mode=refine.value,
                backbone_scale=backbone_scale,
                sample_pixels=refine_pixels,
                threshold=threshold,
                exposure=exposure,
            ),
            device=device.value,
            precision=precision.value,
            depth=depth.value,
            compression=compression,
            resume=resume,
        ),
        as_json=as_json,
    )


def run_job(job: MatteJob, *, as_json: bool) -> None:
    """Run a job, show its progress, and list what failed.

    Parameters
    ----------
    job : MatteJob
        The shot.
    as_json : bool
        Events as JSON lines on stdout instead of progress for people.

    Raises
    ------
    typer.Exit
        With 1 when frames failed.
    KeyboardInterrupt
        With a message that says which frames are done.
    HowardError
        As `howard_nodes.pipeline.run`.
    """
    from howard_nodes.pipeline import run

    with reporter(as_json) as report:
        try:
            result = run(job, report)
        except KeyboardInterrupt as interrupt:
            raise type(interrupt)(report.so_far()) from None
    if result.failed:
        raise typer.Exit(1)
