# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Something done in a thread of its own, while Blender goes on. Nothing here touches Blender."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Iterator
from typing import Any

__all__ = ["ThreadWork"]


class ThreadWork:
    """Work that is under way; ask it how far it is from Blender's thread.

    A class of it does it in `_run`, puts progress into `_events`, and leaves `_result` or `_error`.

    Parameters
    ----------
    name : str
        Of the thread, which is started: what `_run` needs must be there before.
    """

    def __init__(self, name: str) -> None:
        self._events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._result: dict[str, Any] = {}
        self._error: Exception | None = None
        self._is_cancelled = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether there is a result, or an error."""
        return not self._thread.is_alive()

    @property
    def is_cancelled(self) -> bool:
        """Whether it was asked to stop."""
        return self._is_cancelled

    def cancel(self) -> None:
        """Ask for an end."""
        self._is_cancelled = True

    def events(self) -> Iterator[dict[str, Any]]:
        """Give the progress that came since, without waiting."""
        with contextlib.suppress(queue.Empty):
            while True:
                yield self._events.get_nowait()

    def wait(self, seconds: float) -> None:
        """Wait for the end, some time."""
        self._thread.join(seconds)

    def result(self) -> dict[str, Any]:
        """Give what came of it, when it is over.

        Raises
        ------
        Exception
            What went wrong, as the class says.
        """
        if self._error is not None:
            raise self._error
        return self._result

    def _run(self) -> None:
        raise NotImplementedError
