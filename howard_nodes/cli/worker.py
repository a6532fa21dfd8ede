"""`howard worker`: a process that hosts talk to."""

from __future__ import annotations

import sys

import typer

__all__ = ["worker"]


def worker() -> None:
    """Serve a host over stdin and stdout, with the network kept loaded; see docs/worker-protocol.md.

    Exit codes: 0 the host disconnected or asked for shutdown, 130 or 143 interrupted.
    """
    from howard_nodes.worker.supervisor import serve

    if sys.stdin is not None and sys.stdin.isatty():
        end = "Ctrl-Z and Enter" if sys.platform == "win32" else "Ctrl-D"
        print(
            f"howard worker: waiting for JSON-RPC on stdin, one message per line; {end} quits.",
            file=sys.stderr,
        )
    raise typer.Exit(serve())
