"""The compute process: keeps the network warm and evaluates, one request after the other.

It speaks the protocol's lines with the supervisor alone. Methods: those of `computing.Computing`, and the
notification `cancel` for what is running. When its stdin ends, so does it.
"""

from __future__ import annotations

import faulthandler
import logging
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from howard_nodes.errors import FrameError, HowardError
from howard_nodes.system.machine import keep_memory, speak_utf8
from howard_nodes.system.processes import die_with_parent
from howard_nodes.worker.pipes import Incoming, claim_pipes, write_all
from howard_nodes.worker.protocol import (
    Code,
    RequestError,
    RpcRequest,
    decode,
    encode,
    error_reply,
    notification,
    reply,
    request_of,
)

if TYPE_CHECKING:
    from howard_nodes.worker.computing import Computing

__all__ = ["main"]

_END_SECONDS = 5.0  # longer than the supervisor waits: while that is there, it decides


def main() -> None:
    """Compute until stdin ends."""
    reading, writing = claim_pipes()
    speak_utf8()
    keep_memory()
    incoming = Incoming(reading)
    process = _Process(incoming, writing)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's business
    incoming.stop_at_signals()
    signal.signal(signal.SIGTERM, lambda _number, _frame: None)
    die_with_parent()
    faulthandler.enable()
    logging.basicConfig(format="howard worker: %(message)s", level=logging.WARNING)
    # From here on stdin is watched: while torch is imported too.
    threading.Thread(target=process.listen, name="howard-requests", daemon=True).start()
    from howard_nodes.worker.computing import Computing

    try:
        computing = Computing()
    except HowardError as error:
        print(f"howard worker: {error}", file=sys.stderr)
        sys.exit(2)
    process.serve(computing)


class _Process:
    def __init__(self, incoming: Incoming, writing: int) -> None:
        self._incoming, self._writing = incoming, writing
        self._writes = threading.Lock()
        self._requests: queue.SimpleQueue[RpcRequest | None] = queue.SimpleQueue()
        self._cancelled = threading.Event()
        self._ending = threading.Event()
        self._computing: Computing | None = None

    def listen(self) -> None:
        """Take in requests until there are no more."""
        try:
            for line in self._incoming:
                request = request_of(decode(line or b""))
                if request.id is None:
                    self._cancelled.set()
                else:
                    # The supervisor asks for one thing at a time: an earlier cancel meant another.
                    self._cancelled.clear()
                    self._requests.put(request)
        finally:
            self._end()

    def serve(self, computing: Computing) -> None:
        """Do what is asked for, until there is no more."""
        self._computing = computing
        self._send(notification("ready", {"mark": computing.mark}))
        while (request := self._requests.get()) is not None and not self._ending.is_set():
            self._send(self._answer(computing, request))

    def _answer(self, computing: Computing, request: RpcRequest) -> dict[str, Any]:
        method = getattr(computing, request.method)
        try:
            return reply(request.id, method(request.params, self._tell, self._cancelled.is_set))
        except Exception as error:
            return error_reply(request.id, _told(error))

    def _tell(self, event: Mapping[str, Any]) -> None:
        self._send(notification("progress", event))

    def _send(self, message: Mapping[str, Any]) -> None:
        line = encode(message)
        with self._writes:
            try:
                write_all(self._writing, line)
            except OSError:
                self._end()

    def _end(self) -> None:
        """Stop between frames and end; before long, whatever is going on."""
        if not self._ending.is_set():
            self._ending.set()
            self._cancelled.set()
            self._requests.put(None)
            timer = threading.Timer(_END_SECONDS, self._end_now)
            timer.daemon = True
            timer.start()

    def _end_now(self) -> None:
        if self._computing is not None:
            self._computing.remove_unfinished()
        os._exit(1)


def _told(error: Exception) -> RequestError:
    """Put an error into words for the host."""
    if isinstance(error, RequestError):
        return error
    name, message = type(error).__name__, str(error)
    if isinstance(error, HowardError):
        code = Code.FRAME if isinstance(error, FrameError) else Code.REFUSED
        return RequestError(code, message, type=name)
    traceback.print_exc(file=sys.stderr)
    if isinstance(error, MemoryError):
        return RequestError(
            Code.FRAME,
            "out of memory",
            remedy="Choose a lower quality, or close other programs.",
            type=name,
        )
    if isinstance(error, OSError):
        return RequestError(Code.REFUSED, message, type=name)
    return RequestError(Code.INTERNAL, f"{name}: {message}", type=name)


if __name__ == "__main__":
    main()
