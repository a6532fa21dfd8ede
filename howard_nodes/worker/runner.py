"""What the supervisor has done: one evaluation after the other, in a compute process that stays."""

from __future__ import annotations

import queue
import sys
import tempfile
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from howard_nodes.worker.process import ComputeProcess, Inbox
from howard_nodes.worker.protocol import Code, RequestError, error_reply, notification, reply
from howard_nodes.worker.ranges import Crashed, RangeRun
from howard_nodes.worker.requests import FileRequest, PixelRequest

__all__ = ["QUEUE_LIMIT", "QueuedTask", "Runner", "WarmRequest"]

QUEUE_LIMIT = 64
"""Requests that may wait."""

_CANCEL_SECONDS = 10.0  # a frame in work is finished; one that takes longer is not waited for
_CLOSE_SECONDS = 3.0
_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class WarmRequest:
    """Load the network.

    Attributes
    ----------
    knobs : dict
        All of them, by name.
    ocio : str or None
        The OpenColorIO configuration, as the option says.
    result : dict
        The answer when that is done.
    """

    knobs: dict[str, Any]
    ocio: str | None
    result: dict[str, Any]


@dataclass(eq=False)
class QueuedTask:
    """A request that takes a while.

    Attributes
    ----------
    id : int or str
        Of the request.
    request : FileRequest, PixelRequest or WarmRequest
        What is wanted.
    began, cancelled : float or None
        When, by `time.monotonic`.
    run : RangeRun or None
        How far it is.
    """

    id: int | str
    request: FileRequest | PixelRequest | WarmRequest
    began: float | None = None
    cancelled: float | None = None
    run: RangeRun | None = None

    @property
    def method(self) -> str:
        """What was called."""
        return "configure" if isinstance(self.request, WarmRequest) else "evaluate"

    @property
    def folder(self) -> Path | None:
        """Where its files are written."""
        return Path(self.request.output).parent if isinstance(self.request, FileRequest) else None


class _Gone(Exception):  # noqa: N818
    """The compute process has ended."""


class Runner:
    """A queue of tasks, and the thread that has them done.

    Parameters
    ----------
    send : callable
        Takes answers and progress, from several threads.
    """

    def __init__(self, send: Callable[[Mapping[str, Any]], None]) -> None:
        self._send = send
        self._tasks: deque[QueuedTask] = deque()
        self._running: QueuedTask | None = None
        self._changed = threading.Condition()
        self._closed: float | None = None
        self._inbox: Inbox = queue.SimpleQueue()
        self._numbers = count(1)
        self._compute: ComputeProcess | None = None
        self._is_warm = False
        self._crashes = 0
        self._thread = threading.Thread(target=self._run, name="howard-runner", daemon=True)
        self._thread.start()

    def submit(self, task: QueuedTask) -> None:
        """Take in a task; its answer comes when it is done.

        Raises
        ------
        RequestError
            The queue is full.
        """
        with self._changed:
            if len(self._tasks) >= QUEUE_LIMIT:
                raise RequestError(Code.BUSY, f"{QUEUE_LIMIT} requests are already waiting")
            self._tasks.append(task)
            self._changed.notify()

    def knows(self, id: int | str | None) -> bool:
        """Whether a request of this id is not answered yet."""
        with self._changed:
            return any(task.id == id for task in (self._running, *self._tasks) if task is not None)

    def cancel(self, id: int | str) -> str:
        """Have a request answered with an error, soon.

        Returns
        -------
        str
            What it was: `running`, `queued`, or `unknown`, as one that is done.
        """
        with self._changed:
            task = self._running
            if task is not None and task.id == id:
                task.cancelled = task.cancelled or time.monotonic()
                self._inbox.put((None, None))
                return "running"
            task = next((task for task in self._tasks if task.id == id), None)
            if task is None:
                return "unknown"
            self._tasks.remove(task)
        self._send(error_reply(task.id, _cancelled()))
        return "queued"

    def status(self) -> dict[str, Any]:
        """Say what is going on: the result of `status`."""
        with self._changed:
            task, compute = self._running, self._compute
            if compute is not None and compute.is_gone:
                compute = None
            running: dict[str, Any] | None = None
            if task is not None:
                run = task.run
                running = {
                    "request": task.id,
                    "method": task.method,
                    "seconds": round(time.monotonic() - (task.began or 0.0), 3),
                    "total": run.total if run else 1,
                    "done": len(run.done) + len(run.skipped) if run else 0,
                    "failed": len(run.failed) if run else 0,
                    "cancelled": task.cancelled is not None,
                }
            return {
                "state": "idle" if running is None else "busy",
                "running": running,
                "queued": [task.id for task in self._tasks],
                "queue_limit": QUEUE_LIMIT,
                "warm": self._is_warm and compute is not None,
                "compute": None if compute is None else compute.pid,
                "crashes": self._crashes,
            }

    def close(self) -> None:
        """Cancel everything, and end the compute process."""
        with self._changed:
            self._closed = now = time.monotonic()
            waiting = list(self._tasks)
            self._tasks.clear()
            if self._running is not None:
                self._running.cancelled = self._running.cancelled or now
            self._inbox.put((None, None))
            self._changed.notify()
        for task in waiting:
            self._send(error_reply(task.id, _cancelled()))
        self._thread.join(3 * _CLOSE_SECONDS)

    # All from here on runs in the runner's own thread.

    def _run(self) -> None:
        while (task := self._next()) is not None:
            answer = self._answer(task)
            with self._changed:
                self._running = None
            self._send(answer)
        self._bury(_CLOSE_SECONDS)

    def _next(self) -> QueuedTask | None:
        with self._changed:
            while not self._tasks and self._closed is None:
                self._changed.wait()
            if self._closed is not None:
                return None
            task = self._running = self._tasks.popleft()
            task.began = time.monotonic()
            return task

    def _answer(self, task: QueuedTask) -> dict[str, Any]:
        try:
            return reply(task.id, self._done(task, task.request))
        except RequestError as error:
            return error_reply(task.id, error)
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            message = f"{type(error).__name__}: {error}"
            return error_reply(task.id, RequestError(Code.INTERNAL, message, type=type(error).__name__))

    def _done(self, task: QueuedTask, request: FileRequest | PixelRequest | WarmRequest) -> dict[str, Any]:
        def attempt(
            method: str, params: dict[str, Any], see: Callable[[dict[str, Any]], None]
        ) -> dict[str, Any]:
            return self._attempt(task, method, params, see)

        def tell(event: dict[str, Any]) -> None:
            self._send(notification("progress", {"request": task.id} | event))

        if isinstance(request, FileRequest):
            with tempfile.TemporaryDirectory(prefix="howard-", ignore_cleanup_errors=True) as scratch:
                task.run = RangeRun(request, attempt, tell, Path(scratch))
                return task.run.run()
        if isinstance(request, WarmRequest):
            params = {"knobs": request.knobs, "ocio": request.ocio}
            return request.result | self._twice(attempt, "warm", params, tell, "loading the network")
        return self._twice(attempt, "pixels", request.params(), tell, f"frame {request.frame}")

    def _twice(
        self,
        attempt: Callable[..., dict[str, Any]],
        method: str,
        params: dict[str, Any],
        tell: Callable[[dict[str, Any]], None],
        what: str,
    ) -> dict[str, Any]:
        """Try again what the compute process died of: it may have been killed for another reason."""
        try:
            return attempt(method, params, tell)
        except Crashed as first:
            message = f"the compute process crashed ({first}) on {what}; retrying"
            tell({"event": "note", "message": message, "warning": True, "frame": None})
        try:
            return attempt(method, params, tell)
        except Crashed as second:
            message = f"the compute process crashed twice ({second}) on {what}"
            raise RequestError(Code.CRASHED, message) from None

    def _attempt(
        self, task: QueuedTask, method: str, params: dict[str, Any], see: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any]:
        """Have the compute process do something; an `Attempt` of `ranges`, with the task in front."""
        compute = self._started(task)
        number = next(self._numbers)
        compute.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        is_told = False
        while True:
            if task.cancelled is not None:
                if not is_told:
                    compute.send(notification("cancel", {}))
                    is_told = True
                if time.monotonic() >= self._deadline(task):
                    self._bury(0.0, task.folder)
                    raise _cancelled()
            try:
                message = self._heard(compute)
            except _Gone:
                how = self._bury(_LOOK_SECONDS, task.folder)
                if task.cancelled is not None:
                    raise _cancelled() from None
                self._crashes += 1
                raise Crashed(how) from None
            if message.get("method") == "progress":
                see(message["params"])
            elif message.get("id") == number:
                if "error" in message:
                    error = message["error"]
                    raise RequestError(Code(error["code"]), error["message"], **error["data"])
                self._is_warm = True
                return dict(message["result"])

    def _started(self, task: QueuedTask) -> ComputeProcess:
        if task.cancelled is not None:
            raise _cancelled()
        if self._compute is not None:
            if not self._compute.is_gone:
                return self._compute
            self._bury(0.0)
        compute = ComputeProcess(self._inbox)
        with self._changed:
            self._compute = compute
        try:
            while not compute.mark:
                message = self._heard(compute)
                if message.get("method") == "ready":
                    compute.mark = message["params"]["mark"]
                if task.cancelled is not None:
                    self._bury(0.0)
                    raise _cancelled()
        except _Gone:
            how = self._bury(_LOOK_SECONDS)
            raise RequestError(
                Code.CRASHED,
                f"the compute process does not start ({how})",
                remedy="See the worker's log; Howard may not be fully installed.",
            ) from None
        return compute

    def _heard(self, compute: ComputeProcess) -> dict[str, Any]:
        """Give the next message, or an empty one where it is worth looking round. Raises `_Gone`."""
        try:
            sender, message = self._inbox.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            # A process of its own may hold on to its pipe.
            if compute.is_gone:
                raise _Gone from None
            return {}
        if sender is not compute:
            return {}
        if message is None:
            raise _Gone
        return message

    def _deadline(self, task: QueuedTask) -> float:
        assert task.cancelled is not None
        deadline = task.cancelled + _CANCEL_SECONDS
        return deadline if self._closed is None else min(deadline, self._closed + _CLOSE_SECONDS)

    def _bury(self, seconds: float, folder: Path | None = None) -> str:
        """End the compute process; say how it ended."""
        compute = self._compute
        if compute is None:
            return ""
        how = compute.end(seconds)
        with self._changed:
            self._compute, self._is_warm = None, False
        if folder is not None:
            compute.remove_unfinished(folder)
        return how


def _cancelled() -> RequestError:
    return RequestError(Code.CANCELLED, "cancelled")
