"""`howard weights`: list, show and import weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from howard_nodes.cli.console import print_json, print_pairs, print_table

if TYPE_CHECKING:
    from howard_nodes.network import WeightsInfo

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="List, show and import weights.")

_Json = Annotated[bool, typer.Option("--json", help="Print JSON lines on stdout.")]


@app.command("list")
def list_command(as_json: _Json = False) -> None:
    """List installed weights, by the names that --weights takes."""
    from howard_nodes.network import list_weights, user_weights_folder

    found = list_weights()
    if as_json:
        for weights in found:
            print_json(_plain(weights))
        return
    if not found:
        print("No weights are installed: import or train some.")
        return
    print_table(
        ("name", "network", "parameters", "size", "file"),
        [
            (
                weights.name,
                weights.backbone or "unusable",
                _millions(weights.parameters),
                f"{weights.size / 1e6:.1f} MB",
                weights.problem or str(weights.path),
            )
            for weights in found
        ],
    )
    print(f"Imported weights are kept in {user_weights_folder()}")


@app.command()
def show(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME|FILE]",
            help="Name or file, as for --weights. By default the weights that ship with Howard.",
        ),
    ] = None,
    as_json: _Json = False,
) -> None:
    """Show details of weights: network, size, origin."""
    from howard_nodes.network import describe_weights

    _show(describe_weights(name), as_json)


@app.command("import")
def import_command(
    source: Annotated[
        str, typer.Argument(metavar="FILE", help="A .pth or TorchScript file of BackgroundMattingV2.")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Write this .safetensors file instead of installing under a name.",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name to install it under. By default the file's name.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing weights.")] = False,
    as_json: _Json = False,
) -> None:
    """Import a BackgroundMattingV2 checkpoint, for use with --weights.

    Only its numbers are read; no code in the file is run.

    [bold]Example:[/bold]  howard weights import pytorch_resnet50.pth --name resnet50
    """
    from howard_nodes.errors import InputError
    from howard_nodes.network import import_checkpoint, user_weights_folder

    if name is not None:
        if output is not None:
            raise InputError("give either --name or --output")
        if not name or Path(name).name != name:
            raise InputError(f"{name!r} cannot name weights; choose a name without folders")
        output = user_weights_folder() / f"{name.removesuffix('.safetensors')}.safetensors"
    _show(import_checkpoint(source, output, overwrite=overwrite), as_json)


def _show(weights: WeightsInfo, as_json: bool) -> None:
    if as_json:
        print_json(_plain(weights))
        return
    print(weights.name)
    print_pairs(
        [
            ("file", f"{weights.path}, {weights.size / 1e6:.1f} MB"),
            ("network", f"{weights.backbone}, {_millions(weights.parameters)} parameters"),
            ("refiner", f"{weights.features} features, widths {' '.join(map(str, weights.refiner_widths))}"),
            *(
                (key, _text(value))
                for key, value in sorted(weights.metadata.items())
                if key not in ("backbone", "features", "refiner_widths", "format")
            ),
        ]
    )


def _plain(weights: WeightsInfo) -> dict[str, Any]:
    return {
        "name": weights.name,
        "path": str(weights.path),
        "backbone": weights.backbone,
        "features": weights.features,
        "refiner_widths": list(weights.refiner_widths),
        "parameters": weights.parameters,
        "size": weights.size,
        "metadata": dict(weights.metadata),
        "problem": weights.problem,
    }


def _millions(parameters: int) -> str:
    return f"{parameters / 1e6:.2f} M"


def _text(value: str) -> str:
    """Write settings kept as JSON as people do."""
    try:
        settings = json.loads(value)
    except (ValueError, RecursionError):
        return value
    if not isinstance(settings, dict):
        return value
    return ", ".join(f"{key} {setting}" for key, setting in settings.items())
