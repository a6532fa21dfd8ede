"""`howard comfyui`: Howard among ComfyUI's nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Howard as nodes of ComfyUI.")


@app.callback()
def comfyui() -> None:
    """Howard as nodes of ComfyUI."""


@app.command()
def install(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="ComfyUI's folder custom_nodes, or the one that it is in.")
    ],
) -> None:
    """Write the custom node folder howard, with example workflows on the demo shot.

    Howard itself must be installed in the Python that runs ComfyUI. Run it again after an update.

    [bold]Example:[/bold]  howard comfyui install ComfyUI/custom_nodes

    Exit codes: 0 done, 2 wrong input.
    """
    from howard_nodes.hosts.comfyui.install import install as write

    files = write(folder)
    print(f"wrote {len(files)} files into {files[0].parent}; start ComfyUI again.")
