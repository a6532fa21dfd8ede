"""`howard plate`: make a clean plate fit its plate, or build one from the take itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from howard_nodes.cli.matte import Align, Depth, Device, Match
from howard_nodes.cli.progress import reporter

if TYPE_CHECKING:
    from collections.abc import Callable

    from howard_nodes.events import Event
    from howard_nodes.plate_jobs import PlateReport

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Make a clean plate fit, or build one from the take.")

_Plate = Annotated[str, typer.Argument(metavar="PLATE", help="plate.####.exr, take.mov or one file.")]
_Frames = Annotated[str | None, typer.Option(metavar="RANGE", help="1001-1240, 1001,1005; else all.")]
_Layer = Annotated[str | None, typer.Option(metavar="NAME", help="Layer of the plate to read.")]
_Space = Annotated[str | None, typer.Option(metavar="NAME", help="Of the plate, as for matte.")]
_Ocio = Annotated[str | None, typer.Option(metavar="CONFIG", help="OpenColorIO configuration, as for matte.")]
_Weights = Annotated[
    str | None, typer.Option(metavar="NAME|FILE", help="Of the network that finds the subject.")
]
_Device = Annotated[Device, typer.Option(help="auto takes a GPU where there is one.")]
_Depth = Annotated[Depth, typer.Option(help="Of the EXR.")]
_Compression = Annotated[str, typer.Option(metavar="NAME", help="Of the EXR: none, zips, zip, piz, dwaa ...")]
_Json = Annotated[bool, typer.Option("--json", help="Events as JSON lines on stdout.")]


@app.command()
def align(
    plate: _Plate,
    clean: Annotated[
        str, typer.Option(metavar="CLEAN", help="The clean plate: a still, a sequence or a movie.")
    ],
    output: Annotated[str, typer.Option("-o", "--output", metavar="OUT", help="fitted.####.exr")],
    frames: _Frames = None,
    align: Annotated[
        Align, typer.Option("--align", help="A homography, and a flow where it helps; or one of them.")
    ] = Align.AUTO,
    match_exposure: Annotated[Match, typer.Option(help="Bring it to the plate's exposure.")] = Match.AUTO,
    report: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the fit there, as JSON, for --fit.")
    ] = None,
    fit: Annotated[str | None, typer.Option(metavar="FILE", help="Use a fit that --report wrote.")] = None,
    layer: _Layer = None,
    clean_layer: Annotated[str | None, typer.Option(metavar="NAME", help="Layer of the clean plate.")] = None,
    clean_offset: Annotated[
        int, typer.Option(metavar="N", help="Frame n takes frame n + N of the clean plate.")
    ] = 0,
    colorspace: _Space = None,
    clean_colorspace: Annotated[str | None, typer.Option(metavar="NAME", help="Of the clean plate.")] = None,
    ocio: _Ocio = None,
    weights: _Weights = None,
    device: _Device = Device.AUTO,
    depth: _Depth = Depth.HALF,
    compression: _Compression = "zip",
    as_json: _Json = False,
) -> None:
    """Fit a clean plate to every frame of its plate: motion, exposure, and how well it worked.

    Writes R G B (the fitted clean plate), valid.A (1 where there is clean plate) and difference.R/G/B (what
    still differs, to look at). howard matte --align off takes them as they are.

    [bold]Example:[/bold]  howard plate align plate.####.exr --clean clean.mov -o fit.####.exr

    Exit codes: 0 all fitted, 1 some frames failed, 2 wrong input.
    """
    from howard_nodes.plate_jobs import AlignJob, align_plates
    from howard_nodes.plates.solving import FitSettings

    job = AlignJob(
        plate=plate,
        clean=clean,
        output=output,
        frames=frames,
        layer=layer,
        clean_layer=clean_layer,
        clean_offset=clean_offset,
        fitting=FitSettings(align=align.value, match_exposure=match_exposure.value),
        fit=fit,
        report=report,
        colorspace=colorspace,
        clean_colorspace=clean_colorspace,
        ocio=ocio,
        weights=weights,
        device=device.value,
        depth=depth.value,
        compression=compression,
    )
    _run(lambda tell: align_plates(job, tell), as_json)


@app.command()
def build(
    plate: _Plate,
    output: Annotated[
        str,
        typer.Option(
            "-o", "--output", metavar="OUT", help="clean.exr, or clean.####.exr for a moving camera."
        ),
    ],
    frames: _Frames = None,
    report: Annotated[
        str | None, typer.Option(metavar="FILE", help="What was seen and what never, as JSON.")
    ] = None,
    layer: _Layer = None,
    colorspace: _Space = None,
    ocio: _Ocio = None,
    weights: _Weights = None,
    device: _Device = Device.AUTO,
    depth: _Depth = Depth.HALF,
    compression: _Compression = "zip",
    as_json: _Json = False,
) -> None:
    """Build a clean plate from the take itself, where none was shot.

    Works as far as the subject uncovers each place in some frame; what it never uncovers is filled, marked 0
    in valid.A, and said.

    [bold]Example:[/bold]  howard plate build plate.####.exr -o clean.####.exr

    Exit codes: 0 done, 1 some frames failed, 2 wrong input.
    """
    from howard_nodes.plate_jobs import BuildJob, build_plates

    job = BuildJob(
        plate=plate,
        output=output,
        frames=frames,
        layer=layer,
        report=report,
        colorspace=colorspace,
        ocio=ocio,
        weights=weights,
        device=device.value,
        depth=depth.value,
        compression=compression,
    )
    _run(lambda tell: build_plates(job, tell), as_json)


def _run(work: Callable[[Callable[[Event], None]], PlateReport], as_json: bool) -> None:
    with reporter(as_json, "write") as report:
        try:
            result = work(report)
        except KeyboardInterrupt as interrupt:
            raise type(interrupt)(report.so_far()) from None
    if result.failed:
        raise typer.Exit(1)
