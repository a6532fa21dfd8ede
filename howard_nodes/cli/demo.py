"""`howard demo`: the main job on the shot that ships."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from howard_nodes.cli.console import print_json
from howard_nodes.cli.matte import run_job
from howard_nodes.cli.options import Json, described

__all__ = ["demo"]


@described(only=("frames", "weights", "device"))
def demo(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FOLDER", help="Output folder.")] = Path(
        "out/demo"
    ),
    as_json: Json = False,
    **values: Any,
) -> None:
    """Matte the demo shot that ships with Howard, and make a contact sheet of its layers and a comp."""
    from howard_nodes.sheets.demo import demo_job, demo_sheet

    run_job(demo_job(output, **values), as_json=as_json)
    sheet = demo_sheet(output)
    if as_json:
        print_json({"event": "contact_sheet", "path": sheet})
    else:
        print(f"contact sheet: {sheet}")
