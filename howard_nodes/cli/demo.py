"""`howard demo`: the main job on the shot that ships."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from howard_nodes.cli.console import print_json
from howard_nodes.cli.matte import Device, run_job

__all__ = ["demo"]


def demo(
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="The result goes here.")
    ] = Path("out/demo"),
    frames: Annotated[str | None, typer.Option(metavar="RANGE", help="Of 1001-1008; else all.")] = None,
    weights: Annotated[str | None, typer.Option(metavar="NAME|FILE", help="See howard weights list.")] = None,
    device: Annotated[Device, typer.Option(help="auto takes a GPU where there is one.")] = Device.AUTO,
    as_json: Annotated[bool, typer.Option("--json", help="Events as JSON lines on stdout.")] = False,
) -> None:
    """Matte the demo shot that ships, and put the layers and a comp on a contact sheet to look at."""
    from howard_nodes.demo import demo_job, demo_sheet

    run_job(demo_job(output, weights=weights, device=device.value, frames=frames), as_json=as_json)
    sheet = demo_sheet(output)
    if as_json:
        print_json({"event": "contact_sheet", "path": sheet})
    else:
        print(f"look at {sheet}")
