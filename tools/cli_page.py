"""Write docs/cli.md: every command of `howard` with its flags, as `--help` has them.

    python tools/cli_page.py > docs/cli.md

The flags come from the description and from the commands; a test holds that the page is what this writes.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from enum import Enum
from typing import Any, get_args

import typer

from howard_nodes.cli.app import app

__all__ = ["page"]


def page() -> str:
    """Give the page, Markdown."""
    root = typer.main.get_command(app)
    lines = [
        "# The command line",
        "",
        "Made by `tools/cli_page.py` from what the commands themselves declare: change it there. "
        "`howard COMMAND --help` shows the same.",
        "",
        "Exit codes: **0** all done, **1** some frames failed (listed; the others are there) or a check "
        "found something, **2** wrong input, nothing was done, **130** interrupted (143 by SIGTERM); "
        "`--resume` goes on.",
    ]
    for path, command in _commands(root, ("howard",)):
        lines += ["", f"## {' '.join(path)}", "", *_about(path, command)]
    return "\n".join(lines) + "\n"


def _commands(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Find the commands below one, in the order of the help; groups are not told, but what is in them."""
    inside = getattr(command, "commands", None)
    if inside is None:
        yield path, command
        return
    for name, below in inside.items():
        if not below.hidden:
            yield from _commands(below, (*path, name))


def _about(path: tuple[str, ...], command: Any) -> Iterator[str]:
    told = [part for part in command.params if not part.hidden and part.name != "help"]
    arguments = [part for part in told if part.param_type_name == "argument"]
    options = [part for part in told if part.param_type_name == "option"]
    usage = [*path, *(_value(part) for part in arguments), "[FLAGS]" if options else ""]
    yield f"    {' '.join(usage).strip()}"
    for paragraph in re.split(r"\n\s*\n", _plain(command.help or "")):
        yield ""
        lines = [" ".join(line.split()) for line in paragraph.splitlines()]
        examples = [re.fullmatch(r"(?:(\w+:) )?(howard .*)", line) for line in lines]
        if all(examples):
            yield "<br>".join(f"{found[1] or ''} `{found[2]}`".strip() for found in examples if found)
        else:
            yield " ".join(lines)
    for parts, kind in ((arguments, "argument"), (options, "flag")):
        if parts:
            yield from ("", f"| {kind} | |", "|---|---|")
            yield from (f"| {_named(part)} | {_says(part)} |" for part in parts)


def _value(part: Any) -> str:
    """Name what a parameter takes: its choices, or as its help does."""
    kind = part.type_descriptor.annotation
    for found in (kind, *get_args(kind)):
        if isinstance(found, type) and issubclass(found, Enum):
            return "|".join(str(choice.value) for choice in found)
    return str(part.metavar or part.name.upper())


def _named(part: Any) -> str:
    if part.param_type_name == "argument":
        return f"`{_value(part)}`"
    names = ", ".join(f"`{name}`" for name in [*part.opts, *part.secondary_opts])
    return names if part.is_flag else f"{names} `{_value(part)}`".replace("|", "\\|")


def _says(part: Any) -> str:
    said = " ".join(_plain(part.help or "").split()).replace("|", "\\|")
    default = getattr(part.default, "value", part.default)
    if part.required or callable(default) or default in (None, "", False):
        return said
    if isinstance(default, list | tuple):
        default = ",".join(str(getattr(value, "value", value)) for value in default)
    return f"{said} Default: `{default}`."


def _plain(text: str) -> str:
    """Leave out the markup that rich reads."""
    return re.sub(r"\[/?(?:bold|dim|italic|cyan|green|yellow)\]", "", text)


if __name__ == "__main__":
    sys.stdout.write(page())
