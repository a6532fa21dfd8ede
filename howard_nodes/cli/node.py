"""`howard node`: what the node is, for hosts and for people."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from howard_nodes.cli.console import print_pairs, print_table

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="The node's sockets and knobs.")


@app.callback()
def _node() -> None:
    """Keep `describe` a subcommand, though it is the only one."""


@app.command()
def describe(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the JSON document that hosts build their nodes from.")
    ] = False,
    as_schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema of that document.")
    ] = False,
) -> None:
    """List the node's inputs, outputs and knobs, and the options for files."""
    from howard_nodes.description import INPUTS, KNOBS, OPTIONS, OUTPUTS, Knob, schema
    from howard_nodes.description import describe as document

    if as_json or as_schema:
        print(json.dumps(schema() if as_schema else document(), indent=1))
        return

    def default(knob: Knob) -> str:
        return "automatic" if knob.default is None else f"{knob.default} {knob.unit}".strip()

    def values(knob: Knob) -> str:
        if knob.choices:
            return ", ".join(choice.value for choice in knob.choices)
        if knob.minimum is None and knob.maximum is None:
            return knob.type
        low, high = ("" if limit is None else f"{limit:.10g}" for limit in (knob.minimum, knob.maximum))
        return f"{low} to {high}" if high else f"{low} or more"

    for title, sockets in (("Inputs", INPUTS), ("Outputs", OUTPUTS)):
        print(title)
        print_pairs((socket.name, f"{socket.help}{' Required.' * socket.required}") for socket in sockets)
    for title, knobs in (("Knobs", KNOBS), ("Options for files", OPTIONS)):
        print(title)
        print_table(
            ("name", "group", "default", "values"),
            [(knob.name, knob.group, default(knob), values(knob)) for knob in knobs],
        )
