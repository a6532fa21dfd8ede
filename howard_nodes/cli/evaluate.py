"""`howard evaluate`: measure weights beside a difference key."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from howard_nodes.cli.console import on_terminal, print_json, print_table

if TYPE_CHECKING:
    from howard_nodes.training.evaluate import Evaluation

__all__ = ["evaluate"]


def evaluate(
    weights: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="What to measure; else the default weights.")
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Textures that training did not see.")
    ] = None,
    foregrounds: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="People that training did not see.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, metavar="N", help="Samples.")] = 96,
    size: Annotated[int, typer.Option(min=64, metavar="PIXELS", help="Side of a sample.")] = 640,
    scale: Annotated[
        float | None,
        typer.Option(
            "--backbone-scale", metavar="S", help="Of the coarse stage; else the node's own choice."
        ),
    ] = None,
    hard: Annotated[bool, typer.Option("--hard", help="As hard as in training, not as held out.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Measure weights on a held-out synthetic set, beside the best-threshold difference key.

    [bold]Example:[/bold]  howard evaluate --weights runs/joint/weights.safetensors --pictures held_out
    """
    from howard_nodes.description import MatteSettings
    from howard_nodes.network import load_weights
    from howard_nodes.training import evaluate as evaluation
    from howard_nodes.training.samples import HELD_OUT, TRAINING

    settings = MatteSettings(backbone_scale=scale)

    network = load_weights(weights)
    with _waiting(f"drawing and matting {count} samples of {size} x {size}", as_json):
        style = TRAINING if hard else HELD_OUT
        samples = evaluation.held_out_samples(pictures, foregrounds, count=count, size=size, style=style)
        result = evaluation.evaluate(network, samples, settings)
    if as_json:
        print_json({"weights": weights or "default", "size": size} | asdict(result))
        return
    _print(result, weights or "default")


def _waiting(what: str, as_json: bool) -> AbstractContextManager[object]:
    if as_json or not on_terminal():
        return nullcontext()
    from rich.console import Console

    return Console().status(what)


def _print(result: Evaluation, weights: str) -> None:
    print(f"{weights}: {result.samples} samples; all x 1000 but Grad; smaller is better")
    print_table(
        ("", weights, "difference key", "ratio"),
        [
            ("MAD", _number(result.mad), _number(result.key_mad), _ratio(result.key_mad, result.mad)),
            (
                "MAD, unknown band",
                _number(result.mad_unknown),
                _number(result.key_mad_unknown),
                _ratio(result.key_mad_unknown, result.mad_unknown),
            ),
            ("MAD, coarse", _number(result.mad_coarse), "", ""),
            ("MSE", _number(result.mse), "", ""),
            ("Grad", _number(result.grad), "", ""),
            ("foreground MSE", _number(result.foreground_mse), "", ""),
            ("threshold", "", f"{result.key_threshold:.2f}", ""),
        ],
        numbers=True,
    )


def _number(value: float) -> str:
    return f"{value:.2f}"


def _ratio(key: float, value: float) -> str:
    return f"{key / value:.1f}" if value else ""
