"""A real worker, spoken to line by line."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HOWARD = str(Path(sys.executable).with_name("howard"))
SECONDS = 60.0

# Runs in every Python that finds it on its path: libraries print when they like to.
_LOUD = """
import os, sys, threading, time

def shout():
    while sys.stdout is not sys.stderr:  # as long as the pipes are not claimed
        time.sleep(0.01)
    print("printed")
    os.write(1, b"written\\n")
    os.system("echo from a child; cat")

threading.Thread(target=shout, daemon=True).start()
"""


class Line:
    """Both ends of `howard worker`: what is sent, and all that came back."""

    def __init__(self, folder: Path, **env: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [HOWARD, "worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=os.environ | {"OMP_NUM_THREADS": "1"} | env,
        )
        self.log: list[str] = []
        self.raw: list[bytes] = []
        self._number = 0
        self._kept: list[dict[str, Any]] = []
        self._messages: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._threads = [threading.Thread(target=read, daemon=True) for read in (self._read, self._read_log)]
        for thread in self._threads:
            thread.start()

    def send_bytes(self, data: bytes) -> None:
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, message: Any) -> None:
        self.send_bytes(json.dumps(message).encode() + b"\n")

    def start(self, method: str, **params: Any) -> int:
        """Send a request; give its id."""
        self._number += 1
        self.send({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params})
        return self._number

    def receive(self, wanted: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        """Give the next message that is wanted; others are kept for later."""
        for index, message in enumerate(self._kept):
            if wanted(message):
                return self._kept.pop(index)
        while (message := self._messages.get(timeout=SECONDS)) is not None:
            if wanted(message):
                return message
            self._kept.append(message)
        raise EOFError("\n".join(self.log))

    def answer(self, number: int | str | None) -> dict[str, Any]:
        """Give the answer to a request, an error as well."""
        return self.receive(lambda message: "method" not in message and message["id"] == number)

    def result(self, number: int) -> dict[str, Any]:
        """Give the result of a request that was started."""
        answer = self.answer(number)
        assert "error" not in answer, answer
        return answer["result"]

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Give the result of a request."""
        return self.result(self.start(method, **params))

    def refused(self, method: str, **params: Any) -> dict[str, Any]:
        """Give the error that a request is answered with."""
        return self.answer(self.start(method, **params))["error"]

    def progress(self, request: int, event: str, **members: Any) -> dict[str, Any]:
        """Wait for progress."""
        wanted = {"request": request, "event": event, **members}
        return self.receive(
            lambda message: (
                message.get("method") == "progress" and message["params"].items() >= wanted.items()
            )
        )["params"]

    def told(self, request: int) -> list[dict[str, Any]]:
        """Give all progress of a request that came until now."""
        messages = (json.loads(line) for line in self.raw)
        return [m["params"] for m in messages if "params" in m and m["params"]["request"] == request]

    def hello(self) -> Line:
        self.call("hello", protocol=1)
        return self

    def hang_up(self) -> int:
        """End its stdin; give its exit code when all that it said was read."""
        self.process.stdin.close()
        return self.ended()

    def ended(self) -> int:
        """Wait for its end; give its exit code when all that it said was read."""
        code = self.process.wait(SECONDS)
        for thread in self._threads:
            thread.join(SECONDS)
        return code

    def _read(self) -> None:
        for line in self.process.stdout:
            self.raw.append(line)
            self._messages.put(json.loads(line))
        self._messages.put(None)

    def _read_log(self) -> None:
        for line in self.process.stderr:
            self.log.append(line.decode().rstrip())


@pytest.fixture(scope="session")
def howard() -> str:
    """The command."""
    return HOWARD


@pytest.fixture(scope="session")
def start_line() -> Callable[..., Line]:
    """Start a worker, for fixtures that end it themselves."""
    return Line


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[Callable[..., Line]]:
    """Start workers of one's own; whatever is left of them at the end is killed."""
    started: list[Line] = []

    def start(folder: Path = tmp_path, **env: str) -> Line:
        started.append(Line(folder, **env))
        return started[-1]

    yield start
    for line in started:
        if line.process.poll() is None:
            line.process.kill()
            line.process.wait()


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """A worker that nothing is evaluated with."""
    line = Line(tmp_path_factory.mktemp("light")).hello()
    yield line
    assert line.call("status")["compute"] is None
    assert line.hang_up() == 0


@pytest.fixture(scope="session")
def one_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    folder = tmp_path_factory.mktemp("worker")
    (folder / "sitecustomize.py").write_text(_LOUD)
    line = Line(folder, PYTHONPATH=str(folder)).hello()
    yield line
    assert line.hang_up() == 0


@pytest.fixture
def worker(one_worker: Line, random_weights: Path) -> Line:
    """The one warm worker of most of these tests, with weights that learnt nothing; a loud one."""
    knobs = {"device": "cpu", "weights": str(random_weights)}
    one_worker.call("configure", knobs=knobs, options={}, warm=True)
    return one_worker


@pytest.fixture
def alive() -> Callable[[int], bool]:
    """Say whether a process is there and no zombie."""

    def look(pid: int) -> bool:
        try:
            status = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return False
        return status.rpartition(")")[2].split()[0] != "Z"

    return look
