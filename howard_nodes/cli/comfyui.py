"""`howard comfyui`: Howard among ComfyUI's nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Howard nodes for ComfyUI.")


@app.callback()
def comfyui() -> None:
    """Howard nodes for ComfyUI."""


@app.command()
def install(
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="ComfyUI's custom_nodes folder, or the folder that holds it."),
    ],
) -> None:
    """Install Howard's custom nodes, with example workflows on the demo shot.

    Howard itself must be installed in the Python that runs ComfyUI. Run this again after updating Howard.

    [bold]Example:[/bold]  howard comfyui install ComfyUI/custom_nodes

    Exit codes: 0 done, 2 wrong input.
    """
    from howard_nodes.hosts.comfyui.install import install as write

    files = write(folder)
    print(f"wrote {len(files)} files into {files[0].parent}; restart ComfyUI.")
