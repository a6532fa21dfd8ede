"""The command `howard` itself: its subcommands, `--version`, and how errors end it."""

from __future__ import annotations

import logging
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from howard_nodes import __version__
from howard_nodes.cli import (
    adapt,
    cases,
    comfyui,
    demo,
    doctor,
    evaluate,
    farm,
    info,
    matte,
    node,
    nuke,
    plate,
    train,
    verify,
    weights,
    worker,
)
from howard_nodes.cli.console import StderrHandler
from howard_nodes.errors import HowardError, InputError, Terminated

__all__ = ["app", "exit_code"]


def exit_code(error: BaseException) -> int:
    """Give the exit code that an error ends the process with."""
    if isinstance(error, KeyboardInterrupt):
        return 143 if isinstance(error, Terminated) else 130
    return 2 if isinstance(error, InputError) else 1


class _Group(TyperGroup):
    """Ends in a line on stderr and an exit code, not in a traceback, for what is no bug."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except HowardError as error:
            print(f"howard: error: {error}", file=sys.stderr)
            raise typer.Exit(exit_code(error)) from error
        except KeyboardInterrupt as error:
            # A command that knows more, such as which frames are done, puts it into the exception.
            print(f"howard: interrupted{''.join(f': {note}' for note in error.args)}", file=sys.stderr)
            raise typer.Exit(exit_code(error)) from error


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"howard {__version__}")
        raise typer.Exit


@app.callback()
def howard(
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Background matting: a plate and a clean plate in, a layered scene-linear EXR out.

    Exit codes: 0 all done, 1 some frames or their clean plate fit failed, 2 wrong input, 130 interrupted.
    """
    logger = logging.getLogger("howard_nodes")
    for handler in list(logger.handlers):  # of an earlier call in this process
        if isinstance(handler, StderrHandler):
            logger.removeHandler(handler)
    logger.addHandler(StderrHandler())


app.command("matte")(matte.matte)
app.add_typer(plate.app, name="plate")
app.add_typer(farm.app, name="farm")
app.add_typer(node.app, name="node")
app.command("worker")(worker.worker)
app.add_typer(nuke.app, name="nuke")
app.add_typer(comfyui.app, name="comfyui")
app.command("info")(info.info)
app.command("doctor")(doctor.doctor)
app.command("verify")(verify.verify)
app.add_typer(weights.app, name="weights")
app.command("adapt")(adapt.adapt)
app.command("train")(train.train)
app.command("cases")(cases.cases)
app.command("evaluate")(evaluate.evaluate)
app.command("demo")(demo.demo)
