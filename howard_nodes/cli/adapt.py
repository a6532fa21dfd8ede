"""`howard adapt`: let the weights learn a shot."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from howard_nodes.cli.console import print_json
from howard_nodes.cli.options import Json, OpenJD, as_job, described
from howard_nodes.cli.progress import reporter
from howard_nodes.description.job import FIT_NAMES

__all__ = ["adapt"]


@described(only=(*FIT_NAMES, "output", "fit", "resume", "quality", "backbone_scale"))
def adapt(
    steps: Annotated[
        int, typer.Option(min=1, metavar="N", help="Steps to learn; 80 take a minute or two.")
    ] = 80,
    most_frames: Annotated[
        int, typer.Option(min=1, metavar="N", help="Frames to learn from, spread over the shot.")
    ] = 6,
    seed: Annotated[int, typer.Option(help="Of the compositions it learns from.")] = 1,
    always: Annotated[
        bool,
        typer.Option("--always", help="Write the weights it begins from where learning does not help."),
    ] = False,
    as_json: Json = False,
    as_openjd: OpenJD = False,
    **values: Any,
) -> None:
    """Let the weights learn a shot: its own foreground, composed elsewhere over its own clean plate.

    They are judged on compositions they did not learn from, and written only where that helped. howard matte
    --weights takes them, as every host's weights knob does.

    [bold]Example:[/bold]  howard adapt plate.####.exr --clean clean.exr -o shot.safetensors

    Exit codes: 0 written, 1 it did not help or a frame could not be read, 2 wrong input.
    """
    from howard_nodes.training.adapting import adapt as run

    job = as_job(values)
    with reporter(as_json, "look", as_openjd=as_openjd) as report:
        found = run(job, steps=steps, most_frames=most_frames, seed=seed, always=always, on_event=report)
    if as_json:
        print_json(
            {"event": "adapted", "path": found.path, "before": found.before, "after": found.after}
            | {"steps": found.steps, "seconds": found.seconds}
        )
    else:
        print(
            f"{found.path}: held-out compositions of the shot {found.after:.2f}, before {found.before:.2f} "
            f"(MAD x 1000); {found.seconds:.0f} s"
        )
