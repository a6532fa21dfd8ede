"""`howard worker`: a process that hosts talk to."""

from __future__ import annotations

import sys

import typer

__all__ = ["worker"]


def worker() -> None:
    """Serve a host over stdin and stdout, with the network kept warm: see docs/worker-protocol.md.

    Exit codes: 0 the host has hung up or asked for the end, 130 or 143 interrupted.
    """
    from howard_nodes.worker.supervisor import serve

    if sys.stdin is not None and sys.stdin.isatty():
        print("howard worker: waiting for JSON-RPC on stdin, a message a line; Ctrl-D ends.", file=sys.stderr)
    raise typer.Exit(serve())
