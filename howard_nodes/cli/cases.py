"""`howard cases`: compose held-out cases to measure weights on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from howard_nodes.cli.console import on_terminal

__all__ = ["cases"]


def cases(
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="SET", help="Folder of the set; each case is a folder in it."),
    ],
    foregrounds: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Rendered foregrounds not used in training. By default procedural."
        ),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Backgrounds not used in training. By default procedural."),
    ] = None,
    count: Annotated[
        int, typer.Option(min=1, metavar="N", help="Cases per kind; sequences get half as many.")
    ] = 4,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND",
            help="Only this kind; may be repeated. Extra kinds: defocus, translucent, close-up, own light.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed of the set.")] = 20_261_123,
    size: Annotated[int, typer.Option(min=180, metavar="PIXELS", help="Image height; 16:9.")] = 1080,
) -> None:
    """Make a held-out test set: plates, clean plates and ground truth, as EXRs that any tool reads.

    The same command continues where it stopped; a larger --count adds cases.

    [bold]Example:[/bold]  howard cases -o held-out --foregrounds bank --pictures places --count 4

    [bold]Hair:[/bold]  howard cases -o hair --foregrounds heads --pictures places --kind close-up --count 12
    """
    from howard_nodes.evaluation.cases import USUAL_KINDS
    from howard_nodes.evaluation.composing import compose_cases
    from howard_nodes.evaluation.stock import read_stock

    stock = read_stock(foregrounds, pictures)
    made = there = 0
    for folder, is_new in compose_cases(
        output, stock, count=count, seed=seed, height=size, kinds=tuple(kind or USUAL_KINDS)
    ):
        made, there = made + is_new, there + (not is_new)
        if is_new and on_terminal():
            print(folder.name)
    print(f"{output}: {made} cases made, {there} already there")
