"""The two pipes of a process that speaks the protocol, kept safe from everything else in it."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from howard_nodes.worker.protocol import LineBuffer, encode

__all__ = ["Incoming", "Outbox", "claim_pipes", "write_all"]

_MOST_WAITING = 10_000
_LOOK_SECONDS = 0.5
_PIECE = 1 << 16
_MOST_PIECES = 8


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
    if sys.platform == "win32":
        import msvcrt

        for descriptor in (reading, writing):
            msvcrt.setmode(descriptor, os.O_BINARY)  # no line end is changed, and Ctrl-Z ends nothing
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

    Threads read and this waits for them, since Windows has no waiting for two pipes at once.

    Parameters
    ----------
    descriptor : int
        Where they come from.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pieces: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        # Bounded: who sends faster than is worked off is slowed down.
        self._room = threading.Semaphore(_MOST_PIECES)
        self._stopped = False
        self._wake: int | None = None

    def __iter__(self) -> Iterator[bytes | None]:
        """Give the lines, as `LineBuffer.feed` does."""
        lines = LineBuffer()
        threading.Thread(target=self._read, name="howard-incoming", daemon=True).start()
        while (data := self._pieces.get()) and not self._stopped:
            self._room.release()
            yield from lines.feed(data)

    def stop_at_signals(self) -> None:
        """Have every signal that Python handles end it; to be called in the main thread.

        A handler alone would not do: it waits for the main thread, which may be computing, or waiting.
        """
        woken, self._wake = os.pipe()
        if sys.platform != "win32":
            os.set_blocking(self._wake, False)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        threading.Thread(target=self._watch, args=(woken,), name="howard-signals", daemon=True).start()

    def stop(self) -> None:
        """End it; from any thread."""
        self._stopped = True
        self._pieces.put(b"")

    def _read(self) -> None:
        data = b"-"
        while data:
            self._room.acquire()
            data = b""
            with suppress(OSError):
                data = os.read(self._descriptor, _PIECE)
            self._pieces.put(data)

    def _watch(self, woken: int) -> None:
        with suppress(OSError):
            os.read(woken, 1)
        self.stop()


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
