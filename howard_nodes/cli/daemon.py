"""`howard farm daemon start|run|stop SESSION`: the warm process of a farm's session.

Not for people: a job's template calls it. Every task waits for this to start, so it does without the
libraries of the other commands.
"""

from __future__ import annotations

import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from howard_nodes.atomic import remove_unfinished
from howard_nodes.errors import InputError
from howard_nodes.worker import daemon as warm

__all__ = ["daemon"]


def daemon(arguments: Sequence[str], main: Callable[[Sequence[str]], NoReturn]) -> int:
    """Do what a template asks for.

    Parameters
    ----------
    arguments : sequence of str
        `start`, `run` or `stop`, the session's folder, and for `run` the arguments of howard.

    main : callable
        The command line itself, which ends in `SystemExit`.

    Returns
    -------
    int
        Exit code; of `run` the command's.
    """
    match arguments:
        case ["start", session]:
            try:
                warm.start(Path(session))
            except InputError as error:  # tasks run by themselves
                print(f"howard: {error}", flush=True)
        case ["run", session, *command]:
            return _run(Path(session), command)
        case ["stop", session]:
            warm.stop(Path(session))
        case ["serve", session, listening, owner]:
            _serve(Path(session), int(listening), int(owner), main)
        case _:
            print("howard: error: use farm daemon start|run|stop SESSION [ARGUMENTS]", file=sys.stderr)
            return 2
    return 0


def _run(session: Path, arguments: list[str]) -> int:
    try:
        return warm.run(session, arguments)
    except InputError as error:
        print(f"howard: {error} The task runs by itself.", flush=True)
    command = [sys.executable, "-m", "howard_nodes", *arguments]
    if sys.platform == "win32":
        from howard_nodes.system.processes import hold_children

        hold_children()
        return subprocess.run(command, check=False).returncode
    os.execv(command[0], command)


def _serve(session: Path, listening: int, owner: int, main: Callable[[Sequence[str]], NoReturn]) -> None:
    import howard_nodes.shot.shot  # noqa: F401  what a task would load
    from howard_nodes.cli.matte import WARM
    from howard_nodes.engine.runtime import Warm

    WARM.set(Warm(0))

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

    warm.serve(session, listening, owner, work)
