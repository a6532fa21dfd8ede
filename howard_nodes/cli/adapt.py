"""`howard adapt`: adapt weights to a shot."""

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
        int, typer.Option(min=1, metavar="N", help="Training steps; 80 take a minute or two.")
    ] = 80,
    most_frames: Annotated[
        int, typer.Option(min=1, metavar="N", help="Learn from at most N frames, spread over the shot.")
    ] = 6,
    seed: Annotated[int, typer.Option(help="Random seed of the training comps.")] = 1,
    always: Annotated[
        bool,
        typer.Option("--always", help="If adapting does not help, write the original weights."),
    ] = False,
    as_json: Json = False,
    as_openjd: OpenJD = False,
    **values: Any,
) -> None:
    """Adapt weights to a shot, by training on its foreground comped elsewhere over its clean plate.

    They are tested on comps held out of the training, and written only if they are better. Use them with
    howard matte --weights, or the weights knob of any host.

    [bold]Example:[/bold]  howard adapt plate.####.exr --clean clean.exr -o shot.safetensors

    Exit codes: 0 written, 1 no improvement or a frame could not be read, 2 wrong input.
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
            f"{found.path}: MAD x 1000 on held-out comps of the shot {found.after:.2f}, was "
            f"{found.before:.2f}; {found.seconds:.0f} s"
        )
