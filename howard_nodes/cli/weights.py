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

_Json = Annotated[bool, typer.Option("--json", help="JSON lines on stdout.")]


@app.command("list")
def list_command(as_json: _Json = False) -> None:
    """List the weights that --weights knows by name."""
    from howard_nodes.network import list_weights, user_weights_folder

    found = list_weights()
    if as_json:
        for weights in found:
            print_json(_plain(weights))
        return
    if not found:
        print("There are no weights: import some, or train them.")
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
        str | None, typer.Argument(metavar="[NAME|FILE]", help="As --weights takes it; without, the default.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Show what weights are: network, size, where they come from."""
    from howard_nodes.network import describe_weights

    _show(describe_weights(name), as_json)


@app.command("import")
def import_command(
    source: Annotated[
        str, typer.Argument(metavar="FILE", help="A .pth or TorchScript file of BackgroundMattingV2.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="A .safetensors file to write, instead."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The name it gets; else that of the file.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
    as_json: _Json = False,
) -> None:
    """Turn a checkpoint of BackgroundMattingV2 into weights for --weights.

    Only numbers are read; nothing in the file is run.

    [bold]Example:[/bold]  howard weights import pytorch_resnet50.pth --name resnet50
    """
    from howard_nodes.errors import InputError
    from howard_nodes.network import import_checkpoint, user_weights_folder

    if name is not None:
        if output is not None:
            raise InputError("give either --name or --output")
        if not name or Path(name).name != name:
            raise InputError(f"{name!r} is no name for weights; choose one without folders")
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
    except ValueError:
        return value
    if not isinstance(settings, dict):
        return value
    return ", ".join(f"{key} {setting}" for key, setting in settings.items())
