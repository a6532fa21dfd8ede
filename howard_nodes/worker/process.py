"""The compute process, seen from the supervisor: started, talked to, and buried."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from howard_nodes.system.files import remove
from howard_nodes.system.processes import ending, window_flags
from howard_nodes.worker.pipes import write_all
from howard_nodes.worker.protocol import LineBuffer, RequestError, decode, encode

__all__ = ["ComputeProcess", "Inbox"]

Inbox = queue.SimpleQueue[tuple["ComputeProcess | None", dict[str, Any] | None]]
"""Messages and whom they are from. No message: that process is gone. From nobody: look round."""

_PIECE = 1 << 16


class ComputeProcess:
    """A process that computes.

    Start it from a thread that lives as long as the supervisor: the kernel ends it with that thread.

    Parameters
    ----------
    inbox : Inbox
        Where its messages go, and its end.

    Attributes
    ----------
    pid : int
        Its number.
    mark : str
        In the names of its unfinished files; empty until it has told.
    """

    def __init__(self, inbox: Inbox) -> None:
        self.mark = ""
        # -P: files that lie in the host's working folder must not pass for modules.
        command = [sys.executable, "-P", "-m", "howard_nodes.worker.compute"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            creationflags=window_flags(),
        )
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read, args=(inbox,), name="howard-compute", daemon=True)
        self._reader.start()

    def send(self, message: dict[str, Any]) -> None:
        """Send a message. One that is gone is not told of here, but in the inbox."""
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):
            write_all(self._process.stdin.fileno(), encode(message))

    @property
    def is_gone(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def hang_up(self) -> None:
        """Tell it, by the end of its stdin, that nobody wants anything any more."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()

    def end(self, seconds: float) -> str:
        """Wait for its end, then enforce it.

        Parameters
        ----------
        seconds : float
            How long it may take by itself.

        Returns
        -------
        str
            How it ended: `signal SIGSEGV`, `exit code 1`.
        """
        self.hang_up()
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        return ending(code)

    def remove_unfinished(self, folder: Path) -> None:
        """Remove what it did not finish writing in a folder, once it is gone."""
        if self.mark:
            with suppress(OSError):
                for path in folder.glob(f".howard-{self.mark}-*.tmp"):
                    remove(path)

    def _read(self, inbox: Inbox) -> None:
        assert self._process.stdout is not None
        lines = LineBuffer()
        with suppress(OSError):
            while data := self._process.stdout.read(_PIECE):
                for line in lines.feed(data):
                    # A line cut short by its end is no message; all others are.
                    with suppress(RequestError):
                        inbox.put((self, decode(line or b"")))
        inbox.put((self, None))
