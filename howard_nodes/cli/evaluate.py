"""`howard evaluate`: measure weights on held-out cases, beside what else one could key with."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from howard_nodes.cli.console import on_terminal, print_json, print_pairs, print_table, progress_bar

if TYPE_CHECKING:
    from howard_nodes.evaluation.scores import Evaluation

__all__ = ["evaluate"]

_COLUMNS = (
    ("MAD", "mad"),
    ("unknown", "mad_unknown"),
    ("MSE", "mse"),
    ("Grad", "grad"),
    ("Conn", "conn"),
    ("foreground", "foreground_mse"),
    ("partial", "mad_partial"),
    ("fringe", "fringe"),
    ("ΔE", "fringe_shown"),
    ("dtSSD", "dtssd"),
    ("coarse", "mad_coarse"),
    ("s/frame", "seconds"),
)


def evaluate(
    sets: Annotated[
        list[Path], typer.Argument(metavar="SET...", help="Test set folders, made by howard cases.")
    ],
    weights: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Weights to measure; may be repeated. By default the weights that ship with Howard.",
        ),
    ] = None,
    rivals: Annotated[
        bool, typer.Option("--rivals/--no-rivals", help="Also measure a difference key and IBK-style keyers.")
    ] = True,
    limit: Annotated[
        bool,
        typer.Option("--limit", help="Also show what the light would give if the foreground were known."),
    ] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write an HTML report with tables and images.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    steadiness: Annotated[
        int,
        typer.Option(
            min=0, max=3, help="Temporal smoothing of sequences: frames either side to blend alpha with."
        ),
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Measure weights on a held-out test set, with the node's default settings, from files.

    [bold]Example:[/bold]  howard evaluate held-out --weights runs/joint/weights.safetensors --report page
    """
    from howard_nodes.evaluation import evaluate as evaluation
    from howard_nodes.evaluation.cases import find_cases
    from howard_nodes.evaluation.report import ReportPage
    from howard_nodes.evaluation.rivals import RIVALS

    cases = find_cases(sets)
    chosen = tuple(weights) if weights else (None,)
    page = None if report is None else ReportPage(report)
    run = functools.partial(
        evaluation.evaluate,
        cases,
        chosen,
        rivals=rivals,
        device=device,
        steadiness=steadiness,
        limit=limit,
        on_pictures=(lambda *_: None) if page is None else page.add,
    )
    if as_json or not on_terminal():
        result = run()
    else:
        with progress_bar("cases") as bar:
            steps = len(cases) * (len(chosen) + (len(RIVALS) if rivals else 0))
            task = bar.add_task("evaluate", total=steps, note="")
            result = run(on_step=lambda note: bar.update(task, advance=1, note=note))
    if page is not None:
        page.write(result)
    if as_json:
        print_json(result.document())
        return
    _print(result)
    if report is not None:
        print(f"report: {report / 'index.html'}")


def _print(result: Evaluation) -> None:
    for group in result.groups():
        print(f"{group}: {result.count(group=group)} cases")
        rows = [
            (method, *(_number(result.average(method, name, group=group)) for _, name in _COLUMNS))
            for method in result.methods
        ]
        print_table(("", *(title for title, _ in _COLUMNS)), rows, numbers=True)
        print()
    for title, measure in (("MAD by kind", "mad"), ("\nMAD of partial coverage by kind", "mad_partial")):
        print(title)
        print_table(
            ("", *result.methods),
            [
                (
                    f"{kind} ({result.count(kind=kind)})",
                    *(_number(result.average(method, measure, kind=kind)) for method in result.methods),
                )
                for kind in result.kinds()
            ],
            numbers=True,
        )
    for method, found in result.error_maps.items():
        print(f"\nerror map of {method}")
        refining = found.refining
        print_pairs(
            [
                ("calibration error", f"{found.coarse.calibration_error:.2f} on the coarse grid, x 1000"),
                ("rank correlation", f"{found.coarse.rank_correlation:.2f}"),
                (
                    "doubt",
                    f"calibration error {found.doubt.calibration_error:.2f}, "
                    f"rank correlation {found.doubt.rank_correlation:.2f}, of the final alpha",
                ),
                (
                    "MAD",
                    f"coarse {refining.nothing:.2f}, all refined {refining.everything:.2f}, a tenth "
                    f"{refining.tenth:.2f} (at random {refining.random:.2f}, best {refining.best:.2f})",
                ),
                ("gain from a tenth", _percent(refining.won)),
            ]
        )
    if result.knobs:
        print("\nbest knobs of the rivals on this set")
        print_pairs(result.knobs.items())


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"


def _percent(share: float) -> str:
    return "refining everything gains nothing" if math.isnan(share) else f"{100 * share:.0f} %"
