"""The supervisor: reads requests, answers at once what it can, and queues the rest. It never computes."""

from __future__ import annotations

import os
import reprlib
import signal
import sys
import traceback
from functools import cache
from types import FrameType
from typing import Any

from howard_nodes import __version__
from howard_nodes.description import describe
from howard_nodes.system.processes import END_SIGNALS, hold_children
from howard_nodes.worker.pipes import Incoming, Outbox, claim_pipes
from howard_nodes.worker.protocol import (
    LONGEST_LINE,
    PROTOCOL,
    Code,
    RequestError,
    RpcRequest,
    decode,
    error_reply,
    id_of,
    reply,
    request_of,
)
from howard_nodes.worker.requests import Session, evaluation, members
from howard_nodes.worker.runner import QueuedTask, Runner, WarmRequest

__all__ = ["serve"]

_FLUSH_SECONDS = 0.5


def serve() -> int:
    """Answer requests on stdin until it ends, `shutdown` is called, or a signal comes.

    Returns
    -------
    int
        Exit code: 0, or 128 and the number of the signal.
    """
    hold_children()
    reading, writing = claim_pipes()
    incoming = Incoming(reading)
    supervisor = _Supervisor(incoming, writing)
    incoming.stop_at_signals()
    for number in END_SIGNALS:
        signal.signal(number, supervisor.on_signal)
    return supervisor.serve()


class _Supervisor:
    def __init__(self, incoming: Incoming, writing: int) -> None:
        self._incoming = incoming
        self._exit_code = 0
        self._ending = False
        self._greeted = False
        self._session = Session()
        self._outbox = Outbox(writing, on_broken=self._end)
        self._runner = Runner(self._outbox.put)
        self._methods = {
            "hello": self._hello,
            "describe": self._describe,
            "configure": self._configure,
            "evaluate": self._evaluate,
            "cancel": self._cancel,
            "status": self._status,
            "shutdown": self._shutdown,
        }

    def serve(self) -> int:
        for line in self._incoming:
            self._take(line)
            if self._ending:
                break
        self._outbox.leave()
        self._runner.close()
        self._outbox.close(_FLUSH_SECONDS)
        return self._exit_code

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._exit_code = 128 + number
        self._ending = True
        self._outbox.leave()

    def _end(self) -> None:
        """Come to an end soon; may be called from any thread."""
        self._ending = True
        self._outbox.leave()
        self._incoming.stop()

    def _take(self, line: bytes | None) -> None:
        value: Any = None
        try:
            if line is None:
                raise RequestError(
                    Code.PARSE, f"the line is longer than {LONGEST_LINE} bytes; it was skipped"
                )
            value = decode(line)
            request = request_of(value)
            if self._runner.knows(request.id):
                raise RequestError(
                    Code.INVALID_REQUEST,
                    f"request {request.id!r} is still open: give each request its own id",
                )
        except RequestError as error:
            # Nobody waits for the answer to a notification.
            if error.code != Code.INVALID_PARAMS or "id" in value:
                id = id_of(value)
                self._outbox.put(error_reply(None if self._runner.knows(id) else id, error))
            return
        # All others are called for their answers.
        if request.id is not None or request.method in ("cancel", "shutdown"):
            answer = self._answer(request)
            if request.id is not None and answer is not None:
                self._outbox.put(answer)

    def _answer(self, request: RpcRequest) -> dict[str, Any] | None:
        """Do what is asked for; give the answer, or None where that comes later."""
        try:
            method = self._methods.get(request.method)
            if method is None:
                named = reprlib.repr(request.method)
                raise RequestError(
                    Code.UNKNOWN_METHOD, f"no method {named}; choose from {', '.join(self._methods)}"
                )
            if not self._greeted and request.id is not None and request.method != "hello":
                raise RequestError(
                    Code.PROTOCOL,
                    f"call hello first, with the protocol you speak; Howard {__version__} speaks {PROTOCOL}",
                    protocol=PROTOCOL,
                    howard=__version__,
                )
            result = method(request)
        except RequestError as error:
            return error_reply(request.id, error)
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            message = f"{type(error).__name__}: {error}"
            return error_reply(request.id, RequestError(Code.INTERNAL, message, type=type(error).__name__))
        return None if result is None else reply(request.id, result)

    # The methods.

    def _hello(self, request: RpcRequest) -> dict[str, Any]:
        members(request.params, "protocol", "client")
        asked, client = request.params.get("protocol"), request.params.get("client", "")
        if isinstance(asked, bool) or not isinstance(asked, int):
            raise RequestError(
                Code.INVALID_PARAMS, f'"protocol" {reprlib.repr(asked)}: must be a number, as {PROTOCOL}'
            )
        if not isinstance(client, str):
            raise RequestError(Code.INVALID_PARAMS, f'"client" {reprlib.repr(client)}: must be text')
        if asked != PROTOCOL:
            older = "this Howard" if asked > PROTOCOL else "the plug-in"
            raise RequestError(
                Code.PROTOCOL,
                f"the plug-in speaks protocol {reprlib.repr(asked)}, Howard {__version__} speaks protocol "
                f"{PROTOCOL}",
                remedy=f"Update {older}: plug-in and Howard must be the same version.",
                protocol=PROTOCOL,
                howard=__version__,
            )
        self._greeted = True
        print(f"howard worker: {reprlib.repr(client or 'a host')} connected", file=sys.stderr, flush=True)
        return {"protocol": PROTOCOL, "howard": __version__, "pid": os.getpid()}

    def _describe(self, request: RpcRequest) -> dict[str, Any]:
        members(request.params)
        return {"protocol": PROTOCOL, "howard": __version__, "description": _description()}

    def _configure(self, request: RpcRequest) -> dict[str, Any] | None:
        members(request.params, "knobs", "options", "warm")
        warm = request.params.get("warm", False)
        if not isinstance(warm, bool):
            raise RequestError(Code.INVALID_PARAMS, f'"warm" {reprlib.repr(warm)}: must be true or false')
        session = self._session.configured(request.params)
        result = {"knobs": session.knobs, "options": session.options}
        if warm:
            assert request.id is not None
            wanted = WarmRequest(session.knobs, session.options["ocio"], result)
            self._runner.submit(QueuedTask(request.id, wanted))
        self._session = session
        return None if warm else result

    def _evaluate(self, request: RpcRequest) -> None:
        assert request.id is not None
        self._runner.submit(QueuedTask(request.id, evaluation(request.params, self._session)))

    def _cancel(self, request: RpcRequest) -> dict[str, Any]:
        members(request.params, "request")
        id = id_of({"id": request.params.get("request")})
        if id is None:
            raise RequestError(
                Code.INVALID_PARAMS,
                f'"request" {reprlib.repr(request.params.get("request"))}: must be the id of a request',
            )
        return {"request": id, "was": self._runner.cancel(id)}

    def _status(self, request: RpcRequest) -> dict[str, Any]:
        members(request.params)
        return self._runner.status()

    def _shutdown(self, request: RpcRequest) -> dict[str, Any]:
        members(request.params)
        self._end()
        return {}


@cache
def _description() -> dict[str, Any]:
    return describe()
