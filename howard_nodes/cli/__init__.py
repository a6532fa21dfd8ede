"""The command line, `howard`: one module a subcommand.

Nothing heavy is imported here, nor by any module of this folder before its command runs: `howard --help` and
`howard info` do without torch.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from howard_nodes.atomic import remove_unfinished
from howard_nodes.errors import Terminated
from howard_nodes.system.machine import keep_memory, speak_utf8

__all__ = ["main", "run"]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; by default those of the process.

    Raises
    ------
    SystemExit
        Always. 0: all done; 1: some frames or their clean plate fit failed, or a check found something;
        2: wrong input or usage; 130: interrupted (143 by SIGTERM).
    """
    # Reader, network and writer share the cores: a thread of torch's that waits must not spin on one.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    speak_utf8()
    keep_memory()
    with suppress(ValueError):  # outside the main thread, whoever called handles signals
        signal.signal(signal.SIGTERM, _terminate)
        if sys.platform == "win32":
            signal.signal(signal.SIGBREAK, _terminate)  # its console's window is closed
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if words[:2] == ["farm", "daemon"]:
            from howard_nodes.cli.daemon import daemon

            sys.exit(daemon(words[2:], main))
        from howard_nodes.cli.app import app

        app(args=words, prog_name="howard")
    except KeyboardInterrupt as asked:
        print("howard: interrupted", file=sys.stderr)
        sys.exit(143 if isinstance(asked, Terminated) else 130)
    except ImportError as error:
        traceback.print_exc()
        print(
            f"howard: error: {error.name or 'a library'} cannot be loaded. Install Howard again; "
            "python -m howard_nodes.doctor says what is missing or broken.",
            file=sys.stderr,
        )
        sys.exit(2)
    sys.exit(0)


def run() -> NoReturn:
    """Run the command line as a process of its own: `main`, and an end without Python's own tidying up.

    With torch loaded that takes 0.4 s, for nothing: a farm's task would pay it every time.
    """
    code: object = 1
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
    finally:
        remove_unfinished()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):  # nobody reads any more, or ever did
                stream.flush()
        os._exit(code if isinstance(code, int) else 1)


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    # Schedulers signal a task and what runs it: the second must not cut the tidying up short.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated
