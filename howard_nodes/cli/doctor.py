"""`howard doctor`: what to send with a question, and whether this Howard works."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from howard_nodes.cli.console import on_terminal, print_json

__all__ = ["doctor"]


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")] = False,
) -> None:
    """Check this installation, and show what to send with a question.

    Versions, device, weights, colour configuration, Blenders and their add-on, folders, environment, and a
    matte with a known answer. The home folder is shown as ~, addresses of proxies and package indexes are not
    shown. Where howard does not start, python -m howard_nodes.doctor does the same.

    Exit codes: 0 all is well, 1 there are problems (listed last, with what to do).
    """
    from howard_nodes.doctor.examination import examine, printed

    if on_terminal() and not as_json:
        print("howard doctor: looking, some seconds ...", file=sys.stderr)
    examination = examine()
    if as_json:
        print_json(examination.document())
    else:
        # Not as a table: a terminal would break its lines, and a question is pasted.
        print("\n".join(printed(examination)), flush=True)
    raise typer.Exit(1 if examination.problems else 0)
