"""A warm process for the tasks of a session: it works one after another as if each ran alone.

A task hands over its arguments, its folder and its own stdout and stderr, waits, and ends with the code that
it is told; its signals are passed on. The two meet at a Unix socket in a folder of this user's alone, which
lies in the session's. The process ends when it is asked to, when its session or whoever runs that is gone, or
when nobody has asked for anything for a while.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import chdir, suppress
from pathlib import Path
from typing import Any

from howard_nodes.atomic import remove_unfinished
from howard_nodes.errors import InputError, Terminated
from howard_nodes.system.processes import watch

__all__ = ["COMMAND", "environment", "run", "serve", "start", "stop"]

_SESSION = "{{Session.WorkingDirectory}}"
COMMAND = ("farm", "daemon", "run", _SESSION)
"""In a template: has howard work the arguments that follow in the session's process."""

_FOLDER, _SOCKET, _LOG = "howard", "socket", "log"
_LOOK_SECONDS = 0.5
_IDLE_SECONDS = 60.0  # whoever comes later starts another
_GRACE_SECONDS = 40.0  # a little more than a task's own
_LONGEST_REQUEST = 1 << 20
_START_SECONDS = 120
_GONE_SECONDS = 10.0
_ENDINGS = (signal.SIGTERM, signal.SIGINT)


def environment(howard: str) -> dict[str, Any]:
    """Give the environment of a step whose tasks use `COMMAND`.

    Parameters
    ----------
    howard : str
        The howard command on the workers.
    """
    actions = {
        when: {"command": howard, "args": ["farm", "daemon", what, _SESSION], "timeout": _START_SECONDS}
        for when, what in (("onEnter", "start"), ("onExit", "stop"))
    }
    return {
        "name": "Warm",
        "description": "A process that stays for the tasks of a session: torch and weights load once.",
        "script": {"actions": actions},
    }


def start(session: Path) -> None:
    """Start the process of a session, where there is none; do not wait until it is warm.

    Parameters
    ----------
    session : Path
        The session's folder.

    Raises
    ------
    InputError
        There can be none here; each task then runs by itself.
    """
    with suppress(OSError), _connected(session):
        return
    if sys.platform == "win32":
        raise InputError("Windows keeps no warm process: each task starts its own.")
    folder = session / _FOLDER
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        _check_ours(folder)
        (folder / _SOCKET).unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listening, (folder / _LOG).open("ab") as log:
            with chdir(folder):  # the path of a socket may have a hundred characters, a session's has more
                listening.bind(_SOCKET)
            listening.listen()
            command = [sys.executable, "-m", "howard_nodes", "farm", "daemon", "serve", str(session)]
            command += [str(listening.fileno()), str(os.getppid())]
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[listening.fileno()],
                start_new_session=True,
            )
    except OSError as error:
        raise InputError(f"{folder}: no warm process can be started there ({error.strerror}).") from error


def stop(session: Path) -> None:
    """End the process of a session, where there is one, and wait until it has ended."""
    with suppress(OSError), _connected(session) as connection:
        connection.sendall(b"\n")
        while connection.recv(1):  # to its end
            pass


def run(session: Path, arguments: Sequence[str]) -> int:
    """Have the process of a session do a task; where it is gone, start another.

    Parameters
    ----------
    session : Path
        The session's folder.
    arguments : sequence of str
        Of `howard`.

    Returns
    -------
    int
        The exit code.

    Raises
    ------
    InputError
        There can be no such process here: run the task by itself.
    """
    for is_last in (False, True):
        try:
            connection = _connected(session)
        except OSError:
            start(session)
            connection = _connected(session)
        with connection:
            code = _hand_over(connection, arguments)
        if code is not None:
            return code
        if not is_last:
            print(
                "howard: warning: the warm process was killed; the task begins again in another", flush=True
            )
            _wait_until_gone(session)
    why = "the warm process was killed twice; out of memory? Make the job with more --memory"
    print(f"openjd_fail: {why}", flush=True)
    return 1


def _connected(session: Path) -> socket.socket:
    """Connect to the process of a session. Raises `OSError` where there is none."""
    if sys.platform == "win32":
        raise OSError("no such sockets")
    folder = session / _FOLDER
    _check_ours(folder)
    connection = socket.socket(socket.AF_UNIX)
    try:
        with chdir(folder):
            connection.connect(_SOCKET)
    except BaseException:
        connection.close()
        raise
    return connection


def _wait_until_gone(session: Path) -> None:
    """Wait until the process of a session takes no more tasks: one that is killed does so for a moment."""
    end = time.monotonic() + _GONE_SECONDS
    with suppress(OSError):
        while time.monotonic() < end:
            _connected(session).close()
            time.sleep(_GONE_SECONDS / 200)


def _check_ours(folder: Path) -> None:
    if sys.platform != "win32":
        found = folder.lstat()
        if found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise InputError(f"{folder}: belongs to another user, or others may write there.")


def _hand_over(connection: socket.socket, arguments: Sequence[str]) -> int | None:
    """Have a task done; give its exit code, None where the process ended in the middle of it."""
    if sys.platform == "win32":
        return None  # nobody is connected there
    parent, ending = os.getppid(), 0
    request = json.dumps({"arguments": list(arguments), "folder": str(Path.cwd())}).encode() + b"\n"
    answer = b""
    connection.settimeout(_LOOK_SECONDS)
    is_sent = False
    while True:
        try:
            if not is_sent:
                sys.stdout.flush()
                is_sent = True
                socket.send_fds(connection, [request[:1]], [1, 2])
                connection.sendall(request[1:])
            while data := connection.recv(64):
                answer += data
            break
        except KeyboardInterrupt as asked:
            ending = signal.SIGTERM if isinstance(asked, Terminated) else signal.SIGINT
        except TimeoutError:
            if ending or os.getppid() == parent:
                continue
            ending = signal.SIGTERM  # nobody waits for this task any more
        except OSError:
            break
        with suppress(OSError):
            connection.sendall(bytes([ending]))
    if answer.endswith(b"\n"):
        return int(answer)
    return 128 + ending if ending else None


def serve(session: Path, listening: int, owner: int, work: Callable[[list[str]], int]) -> None:
    """Be the process of a session: do what tasks ask for, in this thread, until nobody wants it any more.

    Parameters
    ----------
    session : Path
        The session's folder.
    listening : int
        Descriptor of the socket.
    owner : int
        The process that runs the session, if it outlives its start.
    work : callable
        Takes the arguments of `howard` and gives an exit code; may be interrupted.
    """
    with socket.socket(fileno=listening) as server:
        _Daemon(session, server, owner, work).serve()


class _Daemon:
    def __init__(
        self, session: Path, server: socket.socket, owner: int, work: Callable[[list[str]], int]
    ) -> None:
        self._session, self._server, self._work = session, server, work
        self._owner_ended = watch(owner)
        # By now, with torch loaded, a mere wrapper of the start has ended: it says nothing of the session.
        self._is_owned = not self._owner_ended()
        self._is_leaving = False
        self._lock = threading.Lock()

    def serve(self) -> None:
        self._quiet()
        asked = time.monotonic()
        self._server.settimeout(_LOOK_SECONDS)
        while not self._is_leaving and not self._is_forsaken():
            try:
                connection, _ = self._server.accept()
            except TimeoutError:
                if time.monotonic() - asked > _IDLE_SECONDS:
                    return
                continue
            with connection, suppress(OSError, ValueError, KeyError):
                self._serve(connection)
            asked = time.monotonic()

    def _is_forsaken(self) -> bool:
        """Whether the session is over."""
        return (self._is_owned and self._owner_ended()) or not self._session.is_dir()

    def _serve(self, connection: socket.socket) -> None:
        if sys.platform == "win32":
            return
        first, descriptors, _, _ = socket.recv_fds(connection, 1, 2)
        if first == b"\n":
            self._is_leaving = True
            return
        with connection.makefile("rb") as lines:
            request = json.loads(first + lines.readline(_LONGEST_REQUEST))
        with _Streams(descriptors):
            code = self._task(connection, request)
        connection.sendall(b"%d\n" % code)

    def _task(self, connection: socket.socket, request: dict[str, Any]) -> int:
        done = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(connection, done), daemon=True)
        watcher.start()
        try:
            try:
                os.chdir(request["folder"])
                code = self._work([str(part) for part in request["arguments"]])
            finally:
                self._quiet()
        except KeyboardInterrupt:  # as it was over
            self._quiet()
            code = 128 + signal.SIGTERM
        with self._lock:
            done.set()
        watcher.join()
        os.chdir("/")
        return code

    def _watch(self, connection: socket.socket, done: threading.Event) -> None:
        """Have the task interrupted when that is asked for, or when nobody waits for it any more."""
        number = 0
        while not number:
            if done.is_set():
                return
            if select.select([connection], [], [], 0.05)[0]:
                with suppress(OSError):
                    number = (connection.recv(1) or bytes([signal.SIGTERM]))[0]
            elif self._is_forsaken():
                number = signal.SIGTERM
        with self._lock:
            if done.is_set():
                return
            main = threading.main_thread().ident
            assert main is not None
            if sys.platform != "win32":
                signal.pthread_kill(main, number if number in _ENDINGS else signal.SIGTERM)
        if not done.wait(_GRACE_SECONDS):
            remove_unfinished()
            os._exit(1)

    def _quiet(self) -> None:
        """Between tasks a signal ends the process; in a task it ends the task, as the command line has it."""

        def leave(*_: object) -> None:
            self._is_leaving = True

        for number in _ENDINGS:
            signal.signal(number, leave)


class _Streams:
    """A task's stdout and stderr in the place of this process's, closed before its exit code is told."""

    def __init__(self, descriptors: Sequence[int]) -> None:
        self._own = os.dup(1), os.dup(2)
        for number, descriptor in enumerate(descriptors, 1):
            os.dup2(descriptor, number)
            os.close(descriptor)

    def __enter__(self) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def __exit__(self, *_: object) -> None:
        for number, (descriptor, stream) in enumerate(
            zip(self._own, (sys.stdout, sys.stderr), strict=True), 1
        ):
            with suppress(OSError, ValueError):  # nobody reads any more
                stream.flush()
            os.dup2(descriptor, number)
            os.close(descriptor)
