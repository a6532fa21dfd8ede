"""`howard farm daemon`: the warm process of a farm's session, for its environment and its tasks."""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Keep a process warm for the tasks of a session.")

_SESSION = Annotated[Path, typer.Argument(metavar="SESSION", help="Folder of the session.")]


@app.command()
def start(session: _SESSION) -> None:
    """Start the process, where there is none.

    Exit codes: 0, also where there can be none and tasks run by themselves.
    """
    from howard_nodes.errors import InputError
    from howard_nodes.worker import daemon

    try:
        daemon.start(session)
    except InputError as error:
        print(f"howard: {error}", flush=True)


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def run(
    session: _SESSION,
    arguments: Annotated[list[str], typer.Argument(metavar="ARGUMENTS", help="Of howard.")],
) -> None:
    """Have the process run a command of howard, as if it ran by itself.

    Exit codes: the command's.
    """
    from howard_nodes.errors import InputError
    from howard_nodes.worker import daemon

    try:
        raise typer.Exit(daemon.run(session, arguments))
    except InputError as error:
        print(f"howard: {error} The task runs by itself.", flush=True)
    command = [sys.executable, "-m", "howard_nodes", *arguments]
    if sys.platform == "win32":
        from howard_nodes.system.processes import hold_children

        hold_children()
        raise typer.Exit(subprocess.run(command, check=False).returncode)
    os.execv(command[0], command)


@app.command()
def stop(session: _SESSION) -> None:
    """End the process, where there is one.

    Exit codes: 0.
    """
    from howard_nodes.worker import daemon

    daemon.stop(session)


@app.command(hidden=True)
def serve(
    session: _SESSION,
    socket: Annotated[int, typer.Option(metavar="FD", help="Descriptor of its socket.")],
    owner: Annotated[int, typer.Option(metavar="PID", help="Process that runs the session.")],
) -> None:
    """Be the process."""
    from howard_nodes.atomic import remove_unfinished
    from howard_nodes.cli import main
    from howard_nodes.cli.matte import WARM
    from howard_nodes.engine.runtime import Warm
    from howard_nodes.worker import daemon

    WARM.set(Warm(0))
    import howard_nodes.shot.shot  # noqa: F401  what a task would load

    def work(arguments: list[str]) -> int:
        try:
            main(arguments)
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else 1
        except Exception:
            traceback.print_exc()
            return 1
        finally:
            remove_unfinished()

    daemon.serve(session, socket, owner, work)
