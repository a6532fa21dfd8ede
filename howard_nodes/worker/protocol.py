"""The protocol's words: JSON-RPC 2.0, one message a line, and the errors that a host may get."""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NoReturn

from howard_nodes.errors import HowardError

__all__ = [
    "LONGEST_LINE",
    "PROTOCOL",
    "Code",
    "LineBuffer",
    "RequestError",
    "RpcRequest",
    "decode",
    "encode",
    "error_reply",
    "id_of",
    "notification",
    "reply",
    "request_of",
]

PROTOCOL = 1
"""Version of the protocol. What may be added without raising it is written in docs/worker-protocol.md."""

LONGEST_LINE = 8 << 20
"""Bytes of the longest message, without its line end."""

_LONGEST_ID = 200
_LARGEST_ID = 2**53


class Code(IntEnum):
    """What is wrong, for programs."""

    PARSE = -32700
    INVALID_REQUEST = -32600
    UNKNOWN_METHOD = -32601
    INVALID_PARAMS = -32602
    INTERNAL = -32603
    REFUSED = -32000
    PROTOCOL = -32001
    BUSY = -32002
    CANCELLED = -32003
    CRASHED = -32004
    FRAME = -32006


_REMEDIES = {
    Code.PARSE: "Send one JSON object per line, in UTF-8.",
    Code.INVALID_REQUEST: 'Send {"jsonrpc": "2.0", "id": 1, "method": "status", "params": {}}.',
    Code.UNKNOWN_METHOD: "Compare with docs/worker-protocol.md; is the plug-in newer than this Howard?",
    Code.INVALID_PARAMS: "Correct the value named in the message.",
    Code.INTERNAL: "This is a bug in Howard: please report it, with the worker's log.",
    Code.REFUSED: "Correct the file or setting named in the message, then evaluate again.",
    Code.PROTOCOL: "Install the same version of plug-in and Howard.",
    Code.BUSY: "Wait for an evaluation to end, or cancel one.",
    Code.CANCELLED: "Evaluate again; the option resume keeps finished frames.",
    Code.CRASHED: "Evaluate again; if it happens again, check the worker's log, or choose a lower quality.",
    Code.FRAME: "Check the inputs of this frame.",
}


class RequestError(HowardError):
    """A request that is answered with an error.

    Parameters
    ----------
    code : Code
        What is wrong, for programs.
    message : str
        What is wrong, in words.
    remedy : str
        What to do about it; by default what helps against most errors of this code.
    type : str
        Name of the exception behind it.
    **more
        Further members of the error's `data`.
    """

    def __init__(
        self, code: Code, message: str, *, remedy: str = "", type: str = "RequestError", **more: Any
    ) -> None:
        super().__init__(message)
        self.code, self.message = code, message
        self.data: dict[str, Any] = {"remedy": remedy or _REMEDIES[code], "type": type} | more


@dataclass(frozen=True)
class RpcRequest:
    """A request, or a notification where `id` is None."""

    method: str
    params: dict[str, Any] = field(default_factory=dict)
    id: int | str | None = None


class LineBuffer:
    """Lines out of pieces of bytes.

    Parameters
    ----------
    longest : int
        A longer line is given up; so much is in memory at most.
    """

    def __init__(self, longest: int = LONGEST_LINE) -> None:
        self._longest = longest
        self._pieces: list[bytes] = []
        self._size = 0
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes | None]:
        """Take in what was read.

        Parameters
        ----------
        data : bytes
            Any part of the stream.

        Returns
        -------
        list of bytes or None
            The lines that are complete now, without line ends; None for one that was too long. Empty ones are
            left out.
        """
        lines: list[bytes | None] = []
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            self._add(data[start:end], lines)
            line = b"".join(self._pieces).strip()
            if line and not self._skipping:
                lines.append(line)
            self._pieces, self._size, self._skipping = [], 0, False
            start = end + 1
        self._add(data[start:], lines)
        return lines

    def _add(self, piece: bytes, lines: list[bytes | None]) -> None:
        if self._skipping or not piece:
            return
        self._size += len(piece)
        if self._size > self._longest:
            self._pieces, self._skipping = [], True
            lines.append(None)
        else:
            self._pieces.append(piece)


def decode(line: bytes) -> Any:
    """Read one message.

    Parameters
    ----------
    line : bytes
        UTF-8.

    Returns
    -------
    object
        What JSON says. All numbers are finite.

    Raises
    ------
    RequestError
        It is no JSON.
    """
    try:
        return json.loads(line.decode("utf-8"), parse_constant=_not_finite, parse_float=_finite)
    except RecursionError:
        raise RequestError(Code.PARSE, "the message is nested too deeply.") from None
    except UnicodeDecodeError as error:
        message = f"the message is not UTF-8, at byte {error.start}."
        raise RequestError(Code.PARSE, message) from None
    except ValueError as error:
        raise RequestError(Code.PARSE, f"the message is not JSON: {error}.") from None


def request_of(value: Any) -> RpcRequest:
    """Make sure that a message is a request.

    Parameters
    ----------
    value : object
        As `decode` gives it.

    Returns
    -------
    RpcRequest
        Its params are not looked at.

    Raises
    ------
    RequestError
        It is none; batches (arrays) and params by position are not taken.
    """

    def refuse(why: str) -> NoReturn:
        raise RequestError(Code.INVALID_REQUEST, why)

    if isinstance(value, list):
        refuse("batches are not supported: send one message per line.")
    if not isinstance(value, dict):
        refuse("a request must be an object.")
    if value.get("jsonrpc") != "2.0":
        refuse('"jsonrpc" must be "2.0".')
    if "id" in value and id_of(value) is None:
        refuse(
            f'"id" must be text of up to {_LONGEST_ID} characters or a whole number of up to 53 bits, '
            f"not {reprlib.repr(value['id'])}."
        )
    method = value.get("method")
    if not isinstance(method, str):
        refuse('"method" must be text.')
    params = value.get("params", {})
    if not isinstance(params, dict):
        raise RequestError(Code.INVALID_PARAMS, '"params" must be an object: parameters go by name.')
    return RpcRequest(method, params, id_of(value))


def id_of(value: Any) -> int | str | None:
    """Give the id of a message, as far as it has one that can be repeated in a reply."""
    found = value.get("id") if isinstance(value, dict) else None
    if isinstance(found, str) and len(found) <= _LONGEST_ID:
        return found
    if isinstance(found, int) and not isinstance(found, bool) and abs(found) <= _LARGEST_ID:
        return found
    return None


def reply(to: int | str | None, result: Mapping[str, Any]) -> dict[str, Any]:
    """Answer a request."""
    return {"jsonrpc": "2.0", "id": to, "result": result}


def error_reply(to: int | str | None, error: RequestError) -> dict[str, Any]:
    """Answer a request with an error."""
    told = {"code": int(error.code), "message": error.message, "data": error.data}
    return {"jsonrpc": "2.0", "id": to, "error": told}


def notification(method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Tell something that nobody answers."""
    return {"jsonrpc": "2.0", "method": method, "params": params}


def encode(message: Mapping[str, Any]) -> bytes:
    """Write one message as one line of ASCII."""
    return json.dumps(message, ensure_ascii=True, allow_nan=False, default=str).encode("ascii") + b"\n"


def _not_finite(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is too large")
    return number
