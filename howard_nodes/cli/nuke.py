"""`howard nuke`: the plug-in for Nuke, and the model for its Inference node."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from howard_nodes.cli.console import print_json

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Howard in Nuke.")


@app.command()
def install(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder to install into, for example ~/.nuke.")
    ],
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace an existing howard folder that this command did not write."),
    ] = False,
) -> None:
    """Install the Nuke plug-in: the HowardMatte node, which runs howard worker.

    Run it again after updating Howard.

    [bold]Example:[/bold]  howard nuke install ~/.nuke

    Exit codes: 0 done, 2 wrong input.
    """
    from howard_nodes.hosts.nuke.install import install_plugin

    written = install_plugin(folder, force=force)
    print(f"wrote {written}")
    print("Add this line to init.py in your .nuke folder, and restart Nuke:")
    print(f"  nuke.pluginAddPath({written.as_posix()!r})")
    print("or add that folder to NUKE_PATH. The node is in the Keyer menu.")


@app.command()
def export(
    model: Annotated[Path, typer.Argument(metavar="FILE.pt", help="The TorchScript file to write.")],
    weights: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE", help="Weights to export: a name from howard weights list, or a file."
        ),
    ] = None,
    colorspace: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Working space of your scripts; by default linear Rec.709."),
    ] = None,
    ocio: Annotated[
        str | None, typer.Option(metavar="CONFIG", help="OpenColorIO configuration that has that space.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line on stdout.")] = False,
) -> None:
    """Export a TorchScript model for Nuke's Inference node, and a script that makes a .cat file of it.

    The model is compared with the node; if their mattes differ, nothing is written.

    [bold]Example:[/bold]  howard nuke export howard.pt --colorspace acescg

    Exit codes: 0 done, 1 the model differs from the node or cannot be written, 2 wrong input.
    """
    from howard_nodes.hosts.nuke.export import export_model

    exported = export_model(model, weights=weights, colorspace=colorspace, ocio=ocio, overwrite=overwrite)
    if as_json:
        print_json(vars(exported))
        return
    print(f"wrote {exported.model}: it matches the node within {exported.difference:.1g}")
    print(f"wrote {exported.script}; paste this into NukeX, and press Create .cat file:")
    print()
    print(exported.script.read_text(encoding="utf-8"), end="")
