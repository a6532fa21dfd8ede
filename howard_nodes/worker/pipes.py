"""The two pipes of a process that speaks the protocol, kept safe from everything else in it."""

from __future__ import annotations

import ctypes
import os
import queue
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from howard_nodes.worker.protocol import LineBuffer, encode

__all__ = ["Incoming", "Outbox", "claim_pipes", "die_with_parent", "write_all"]

_MOST_WAITING = 10_000
_LOOK_SECONDS = 0.5
_PIECE = 1 << 16
_PR_SET_PDEATHSIG = 1


def claim_pipes() -> tuple[int, int]:
    """Take stdin and stdout for the protocol alone.

    From then on whoever prints, a library in C too, prints on stderr, and whoever reads stdin finds it empty.

    Returns
    -------
    int, int
        File descriptors to read from and to write to. Children do not inherit them.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:  # started with it closed
            os.dup2(nowhere, descriptor)
    reading, writing = os.dup(0), os.dup(1)
    os.dup2(nowhere, 0)
    os.dup2(2, 1)
    os.close(nowhere)
    if sys.stdout is not None:
        sys.stdout.flush()
    sys.stdout = sys.stderr
    return reading, writing


def write_all(descriptor: int, data: bytes) -> None:
    """Write everything. Raises `OSError` where the other side is gone."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


class Incoming:
    """Lines that come in, until the other side hangs up, a signal is handled, or `stop` is called.

    Parameters
    ----------
    descriptor : int
        Where they come from.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)

    def __iter__(self) -> Iterator[bytes | None]:
        """Give the lines, as `LineBuffer.feed` does."""
        lines = LineBuffer()
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        while True:
            ready = [descriptor for descriptor, _ in poll.poll()]
            if self._woken in ready:
                return
            data = b""
            with suppress(OSError):
                data = os.read(self._descriptor, _PIECE)
            if not data:
                return
            yield from lines.feed(data)

    def stop_at_signals(self) -> None:
        """Have every signal that Python handles end it; to be called in the main thread.

        A handler alone would not do: a signal just before a wait for lines would be noticed after it.
        """
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)

    def stop(self) -> None:
        """End it; from any thread."""
        with suppress(BlockingIOError):
            os.write(self._wake, b"\0")


class Outbox:
    """Messages on their way out. Whoever puts one in does not wait for the other side to read it.

    Parameters
    ----------
    descriptor : int
        Where they go.
    on_broken : callable
        Called once, from another thread, when the other side is gone.
    """

    def __init__(self, descriptor: int, on_broken: Callable[[], None]) -> None:
        self._descriptor, self._on_broken = descriptor, on_broken
        # Bounded: who floods the worker with requests and never reads is slowed down.
        self._waiting: queue.Queue[bytes | None] = queue.Queue(_MOST_WAITING)
        self._leaving = False
        self._thread = threading.Thread(target=self._write, name="howard-outbox", daemon=True)
        self._thread.start()

    def put(self, message: Mapping[str, Any]) -> None:
        """Send a message after those before it."""
        line = encode(message)
        while True:
            with suppress(queue.Full):
                return self._waiting.put(line, timeout=_LOOK_SECONDS)
            if self._leaving:
                return None

    def leave(self) -> None:
        """From now on, give up messages that there is no room for."""
        self._leaving = True

    def close(self, seconds: float) -> None:
        """Send what is waiting, but take no longer than this."""
        with suppress(queue.Full):
            self._waiting.put(None, timeout=seconds)
            self._thread.join(seconds)

    def _write(self) -> None:
        broken = False
        while (line := self._waiting.get()) is not None:
            if broken:
                continue
            try:
                write_all(self._descriptor, line)
            except OSError:
                broken = True
                self._on_broken()


def die_with_parent() -> None:
    """Have the kernel end this process with a SIGTERM when the thread that started it is gone; Linux only."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
