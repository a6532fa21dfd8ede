"""The client of `howard worker`, for hosts: one file, Python 3.7 or later, nothing but the standard library.

Copy it into a plug-in, or import it as `howard_nodes.client`. docs/worker-protocol.md says what it speaks.

    with Worker() as worker:
        worker.configure(knobs={"quality": "draft"}, warm=True)
        inputs = {"plate": "plate.####.exr", "clean_plate": "clean.exr"}
        result = worker.evaluate(inputs, "out/shot.####.exr", frames="1001-1010")
        print(result["done"], result["failed"])
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import json
import mmap
import os
import queue
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = [
    "CANCELLED",
    "GONE",
    "INVALID_PARAMS",
    "NOT_STARTED",
    "PROTOCOL",
    "TIMEOUT",
    "VERSION_DIFFERS",
    "Request",
    "Worker",
    "WorkerError",
    "command_words",
    "start",
    "usual_places",
]

PROTOCOL = 1
"""Version of the protocol that this client speaks."""

INVALID_PARAMS = -32602
VERSION_DIFFERS = -32001
CANCELLED = -32003
NOT_STARTED = -32050
GONE = -32051
TIMEOUT = -32052
"""Codes that a host may want to tell apart. The last three come from this side of the line."""

_HELLO_SECONDS = 60.0
_CLOSE_SECONDS = 10.0
_END_SECONDS = 1.0
_LAST_WORDS = 40
_SHOWN_WORDS = 6
_ALIGNMENT = 64


class WorkerError(Exception):
    """What went wrong, in words for an artist.

    Parameters
    ----------
    code : int
        For programs: see the table in docs/worker-protocol.md.
    message : str
        What is wrong.
    remedy : str
        What to do about it.
    data : mapping, optional
        What else the worker told; with the code `CANCELLED` what was done until then.

    Attributes
    ----------
    code, message, remedy, data
        As given.
    """

    def __init__(self, code: int, message: str, remedy: str = "", data: Mapping[str, Any] | None = None):
        super().__init__(message if not remedy else message + "\n" + remedy)
        self.code, self.message, self.remedy = code, message, remedy
        self.data = dict(data or {})


class Request:
    """A request on its way. Made by `Worker`.

    Attributes
    ----------
    id : int
        Its number.
    """

    def __init__(self, worker: Worker, number: int, on_progress: Callable[[dict], None] | None) -> None:
        self.id = number
        self._worker, self._on_progress = worker, on_progress
        self._settled = threading.Event()
        self._result: dict[str, Any] = {}
        self._error: WorkerError | None = None

    @property
    def done(self) -> bool:
        """Whether the answer, or an error, is there."""
        return self._settled.is_set()

    def cancel(self) -> None:
        """Ask for an end: frames in work are finished, `result` then raises with the code `CANCELLED`."""
        if not self.done:
            with contextlib.suppress(WorkerError):  # `result` tells of a worker that is gone
                self._worker._tell("cancel", {"request": self.id})

    def result(self, timeout: float | None = None) -> dict:
        """Wait for the answer.

        Parameters
        ----------
        timeout : float, optional
            Seconds. By default as long as it takes: no longer than the worker lives.

        Returns
        -------
        dict
            See docs/worker-protocol.md.

        Raises
        ------
        WorkerError
            The request failed, the worker is gone, or (code `TIMEOUT`) the answer is not there yet.
        """
        if self._on_progress is not None and not self.done and self._worker._is_telling():
            raise RuntimeError("result() waits for the progress callback that calls it.")
        if not self._settled.wait(timeout):
            raise WorkerError(TIMEOUT, f"No answer after {timeout or 0:g} s.")
        if self._error is not None:
            raise self._error
        return self._result

    def _settle(self, result: dict[str, Any], error: WorkerError | None) -> None:
        if not self.done:
            self._result, self._error = result, error
            self._settled.set()


class Worker:
    """A worker process, started and spoken to. A context manager; may be used from several threads.

    Parameters
    ----------
    command : sequence of str, optional
        How to call howard, as `["/opt/howard/bin/howard"]`. By default the environment variable HOWARD, the
        command's path; else `howard` on PATH; else the first of `usual_places`.
    env : mapping of str to str or None, optional
        Variables to add to the worker's environment, or with None to remove from it. It is that of this
        process, less PYTHONHOME and PYTHONPATH: those belong to the host's Python.
    on_log : callable, optional
        Told each line of the worker's log, from a thread of this object's.

    Raises
    ------
    WorkerError
        It cannot be started, or is of another version.
    """

    def __init__(
        self,
        command: Sequence[str] | None = None,
        env: Mapping[str, str | None] | None = None,
        on_log: Callable[[str], None] | None = None,
    ) -> None:
        self._command = [*_found(command), "worker"]
        self._on_log = on_log
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._numbers = itertools.count(1)
        self._requests: dict[int, Request] = {}
        self._words: collections.deque[str] = collections.deque(maxlen=_LAST_WORDS)
        self._gone: WorkerError | None = None
        self._is_greeted = self._is_closed = False
        self._sockets: dict[str, int] | None = None
        self._progress: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self._process = start(self._command, env)
        self._threads = [
            threading.Thread(target=target, name="howard-" + name, daemon=True)
            for name, target in (("log", self._keep_log), ("answers", self._read), ("progress", self._call))
        ]
        for thread in self._threads:
            thread.start()
        try:
            self._greet()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked for something."""
        return self._gone is None and self._process.poll() is None

    def describe(self) -> dict:
        """Give the node's description: sockets, knobs and options (`howard node describe --json`)."""
        return self._ask("describe", {})["description"]

    def configure(
        self,
        knobs: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        warm: bool = False,
    ) -> dict:
        """Set knobs and options for evaluations to come.

        Parameters
        ----------
        knobs, options : mapping of str to object, optional
            By name; what they leave out has its default. None leaves all as they are.
        warm : bool
            Load the network too, and wait for it.

        Returns
        -------
        dict
            `knobs` and `options`: all that now hold.

        Raises
        ------
        WorkerError
            A name or value that will not do; nothing is changed then.
        """
        params: dict[str, Any] = {"warm": warm}
        if knobs is not None:
            params["knobs"] = dict(knobs)
        if options is not None:
            params["options"] = dict(options)
        return self._ask("configure", params)

    def start_evaluate(
        self,
        inputs: Mapping[str, Any],
        output: Any,
        frames: str | int | None = None,
        knobs: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        on_progress: Callable[[dict], None] | None = None,
    ) -> Request:
        """Start an evaluation from files to files. It takes its turn behind others.

        Parameters
        ----------
        inputs : mapping of str to str or path
            Patterns of files by name of input: `plate` and `clean_plate` at least. Best absolute.
        output : str or path
            Pattern of the result.
        frames : str or int, optional
            `1001-1010`, or one; by default all of the plate's.
        knobs, options : mapping of str to object, optional
            By name, for this evaluation alone.
        on_progress : callable, optional
            Told each event, a dict with `event`, from a thread of this object's; all of them before the
            answer.

        Returns
        -------
        Request
            To wait for or to cancel.

        Raises
        ------
        WorkerError
            The worker is gone.
        """
        params = {
            "inputs": dict(inputs),
            "output": output,
            "frames": frames,
            "knobs": dict(knobs or {}),
            "options": dict(options or {}),
        }
        return self._start("evaluate", params, on_progress)

    def evaluate(
        self,
        inputs: Mapping[str, Any],
        output: Any,
        frames: str | int | None = None,
        knobs: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        on_progress: Callable[[dict], None] | None = None,
        timeout: float | None = None,
    ) -> dict:
        """Evaluate from files to files, and wait for it. Takes what `start_evaluate` takes.

        Parameters
        ----------
        timeout : float, optional
            Seconds after which it is cancelled.

        Returns
        -------
        dict
            `done` and `skipped` (as `1001-1010`), `failed` (messages by frame), `files`, `seconds`, `fit`.

        Raises
        ------
        WorkerError
            Nothing could be done as asked. Frames that fail raise nothing: they are listed.
        """
        return _waited(self.start_evaluate(inputs, output, frames, knobs, options, on_progress), timeout)

    def evaluate_pixels(
        self,
        inputs: Mapping[str, Any],
        outputs: Iterable[str] = ("image",),
        frame: int = 1,
        space: str | None = None,
        knobs: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        on_progress: Callable[[dict], None] | None = None,
        timeout: float | None = None,
    ) -> dict:
        """Evaluate one frame through shared memory, without files. Python 3.8 or later.

        Parameters
        ----------
        inputs : mapping of str to buffer
            By name of input: what has the buffer protocol, as an array of NumPy: float32 or float16,
            C-contiguous, height x width or height x width x channels.
        outputs : iterable of str
            Which outputs are wanted.
        frame : int
            Its number, for messages.
        space : str, optional
            Colour space of plate and clean plate; by default the configuration's scene-linear.
        knobs, options : mapping of str to object, optional
            By name, for this evaluation alone; of the options, `ocio` counts.
        on_progress : callable, optional
            As for `start_evaluate`.
        timeout : float, optional
            Seconds after which it is cancelled.

        Returns
        -------
        dict
            `outputs`: by name, memoryviews of float32, height x width (x channels), as `numpy.asarray` takes
            them; and `space`, `fit`, `ran`, `seconds`.

        Raises
        ------
        WorkerError
            The frame could not be evaluated.
        """
        if self._sockets is None:
            self._sockets = {one["name"]: one["channels"] for one in self.describe()["outputs"]}
        views = {name: _view(name, buffer) for name, buffer in inputs.items()}
        if "plate" not in views:
            raise WorkerError(INVALID_PARAMS, "There is no plate.", "Give one as the input 'plate'.")
        size = _shape(views["plate"])[:2]
        shapes: dict[str, tuple[int, ...]] = {}
        for name in outputs:
            if name not in self._sockets:
                there = ", ".join(self._sockets)
                raise WorkerError(INVALID_PARAMS, f"There is no output '{name}'.", "Ask for " + there)
            channels = self._sockets[name]
            shapes[name] = size if channels == 1 else (*size, channels)
        taken = _Layout()
        params: dict[str, Any] = {
            "frame": frame,
            "space": space,
            "inputs": {name: taken.place(_shape(view), view.itemsize) for name, view in views.items()},
            "outputs": {name: taken.place(shape, 4) for name, shape in shapes.items()},
            "knobs": dict(knobs or {}),
            "options": dict(options or {}),
        }
        memory = _shared_memory(taken.name, taken.size)
        try:
            for name, view in views.items():
                start = params["inputs"][name]["offset"]
                memory[start : start + view.nbytes] = view.cast("B")
            result = _waited(self._start("evaluate", params, on_progress), timeout)
            result["outputs"] = {}
            for name, shape in shapes.items():
                start = params["outputs"][name]["offset"]
                pixels = bytearray(memory[start : start + _nbytes(shape, 4)])
                result["outputs"][name] = memoryview(pixels).cast("f", shape)
        finally:
            memory.close()
            _unlink(taken.name)
        return result

    def status(self) -> dict:
        """Say what the worker does: answered at once, while it works too."""
        return self._ask("status", {})

    def close(self) -> None:
        """End the worker: what is running is cancelled. Takes some seconds at most."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        process = self._process
        assert process.stdin is not None
        with contextlib.suppress(OSError, ValueError, WorkerError):
            self._tell("shutdown", {})
        with contextlib.suppress(OSError, ValueError), self._writing:
            process.stdin.close()
        try:
            process.wait(_CLOSE_SECONDS if self._is_greeted else 1.0)
        except subprocess.TimeoutExpired:
            _kill(process)
            process.wait()
        self._end(WorkerError(GONE, "The worker was closed."))
        self._progress.put(None)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(1.0)

    # Sending.

    def _greet(self) -> None:
        try:
            answer = self._ask(
                "hello", {"protocol": PROTOCOL, "client": sys.executable or "Python"}, _HELLO_SECONDS
            )
        except WorkerError as error:
            if error.code != TIMEOUT:
                raise
            raise WorkerError(
                NOT_STARTED,
                f"{self._command[0]} does not answer like a Howard worker.",
                _POINT,
            ) from None
        if answer.get("protocol") != PROTOCOL:
            raise WorkerError(
                VERSION_DIFFERS,
                "This plug-in speaks protocol {}, Howard {} ({}) speaks protocol {}.".format(
                    PROTOCOL, answer.get("howard"), self._command[0], answer.get("protocol")
                ),
                "Install the same version of plug-in and Howard.",
                answer,
            )
        self._is_greeted = True

    def _ask(self, method: str, params: dict[str, Any], timeout: float | None = None) -> dict:
        return self._start(method, params, None).result(timeout)

    def _start(
        self, method: str, params: dict[str, Any], on_progress: Callable[[dict], None] | None
    ) -> Request:
        request = Request(self, next(self._numbers), on_progress)
        with self._lock:
            if self._gone is not None:
                raise self._gone
            self._requests[request.id] = request
        try:
            self._send({"jsonrpc": "2.0", "id": request.id, "method": method, "params": params})
        except BaseException:
            with self._lock:
                self._requests.pop(request.id, None)
            raise
        return request

    def _tell(self, method: str, params: dict[str, Any]) -> None:
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        try:
            line = json.dumps(message, allow_nan=False, default=os.fspath).encode("ascii") + b"\n"
        except (TypeError, ValueError) as error:
            raise WorkerError(
                INVALID_PARAMS,
                f"A value cannot be sent: {error}.",
                "Give finite numbers, text and paths.",
            ) from None
        assert self._process.stdin is not None
        try:
            with self._writing:
                self._process.stdin.write(line)
                self._process.stdin.flush()
        except (OSError, ValueError):
            # It is going; who reads its answers knows more in a moment.
            self._threads[1].join(_CLOSE_SECONDS)
            raise self._gone or WorkerError(GONE, "The Howard worker no longer takes requests.") from None

    # What comes back; each in a thread of its own.

    def _keep_log(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            text = line.decode("utf-8", "replace").rstrip()
            self._words.append(text)
            if self._on_log is not None:
                try:
                    self._on_log(text)
                except Exception as error:
                    self._words.append(f"on_log: {error!r}")

    def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            for line in self._process.stdout:
                try:
                    message = json.loads(line.decode("utf-8"))
                    self._take(message)
                except (ValueError, TypeError, KeyError, AttributeError):
                    _kill(self._process)
                    said = line[:200].decode("utf-8", "replace").strip()
                    what = f"{self._command[0]} is not a Howard worker: it says '{said}'."
                    self._end(WorkerError(GONE if self._is_greeted else NOT_STARTED, what, _POINT))
                    return
        except (OSError, ValueError):
            pass
        self._end(self._why())

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("method") == "progress":
            event = message["params"]
            request = self._requests.get(event["request"])
            if request is not None and request._on_progress is not None:
                on_progress = request._on_progress
                self._progress.put(lambda: on_progress(event))
            return
        error = message.get("error")
        if error is None and "result" not in message:
            raise ValueError("no answer")
        with self._lock:
            request = self._requests.pop(message["id"], None)
        if request is None:
            return
        failure = None
        if error is not None:
            data = error.get("data", {})
            failure = WorkerError(error["code"], error["message"], data.get("remedy", ""), data)
        result = message.get("result") or {}
        settled = request
        if request._on_progress is None:
            request._settle(result, failure)
        else:
            self._progress.put(lambda: settled._settle(result, failure))

    def _call(self) -> None:
        while True:
            call = self._progress.get()
            if call is None:
                return
            try:
                call()
            except Exception as error:
                self._words.append(f"on_progress: {error!r}")

    def _is_telling(self) -> bool:
        return threading.current_thread() is self._threads[2]

    def _end(self, why: WorkerError) -> None:
        """Have nobody wait any longer."""
        with self._lock:
            self._gone = self._gone or why
            why = self._gone
            waiting = list(self._requests.values())
            self._requests.clear()
        for request in waiting:
            request._settle({}, why)

    def _why(self) -> WorkerError:
        """Say how it ended."""
        if self._is_closed:
            return WorkerError(GONE, "The worker was closed.")
        try:
            code = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:  # it has closed its stdout, and lives on
            _kill(self._process)
            code = self._process.wait()
        self._threads[0].join(1.0)
        how = _ending(code)
        words = list(self._words)
        said = "".join("\n  " + line for line in words[-_SHOWN_WORDS:])
        said = said and "\nIts last output:" + said
        if not self._is_greeted:
            message = f"{self._command[0]} did not start a Howard worker ({how}).{said}"
            return WorkerError(NOT_STARTED, message, _POINT, {"log": words})
        message = f"The Howard worker has ended ({how}).{said}"
        return WorkerError(GONE, message, "Start it again; finished frames are kept.", {"log": words})


_POINT = "Set the environment variable HOWARD to the path of a howard command that speaks protocol {}."
_POINT = _POINT.format(PROTOCOL)


def command_words(text: str) -> list[str]:
    """Split a command as an artist enters it into its words.

    Parameters
    ----------
    text : str
        The path of howard, blanks and all, or a command with arguments.

    Returns
    -------
    list of str
        On Windows a backslash is a part of a path, and quotes are all that holds blanks.
    """
    if Path(text).exists():
        return [text]
    if sys.platform == "win32":
        return [word.strip('"') for word in shlex.split(text, posix=False)]
    return shlex.split(text)


def start(command: list[str], env: Mapping[str, str | None] | None = None) -> subprocess.Popen[bytes]:
    """Start a howard command, apart from the host and from its Python, with three pipes.

    Parameters
    ----------
    command : list of str
        Its words.
    env : mapping, optional
        Variables to set, or with None to unset.

    Returns
    -------
    subprocess.Popen
        Running.

    Raises
    ------
    WorkerError
        It cannot be started.
    """
    wanted: dict[str, str | None] = dict(os.environ)
    wanted.update({"PYTHONHOME": None, "PYTHONPATH": None})
    wanted.update(env or {})
    # Apart from the host: Ctrl-C in its terminal is not meant for the worker, and it is ended as one.
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        # No console opens beside a host that has none.
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={name: value for name, value in wanted.items() if value is not None},
            **apart,
        )
    except (OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or str(error)
        raise WorkerError(NOT_STARTED, f"{command[0]} cannot be started: {what}.", _POINT) from None


def usual_places() -> list[Path]:
    """Name the files that the howard command usually is, best first: a desktop's PATH has few of the folders.

    Returns
    -------
    list of Path
        Whether they are there or not: those of `uv tool install` and pipx, of a checkout, of pip.
    """
    home = Path.home()
    if sys.platform == "win32":
        folders = [home / ".local" / "bin", home / "howard" / ".venv" / "Scripts"]
        for folder in (
            Path(os.environ.get("APPDATA") or home / "AppData" / "Roaming") / "Python",
            Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "Programs" / "Python",
        ):
            folders += [version / "Scripts" for version in _newest_first(folder)]
        return [folder / "howard.exe" for folder in folders]
    folders = [
        home / ".local" / "bin",
        home / "howard" / ".venv" / "bin",
        Path("/opt/howard/bin"),
        Path("/usr/local/bin"),
    ]
    if sys.platform == "darwin":
        folders.append(Path("/opt/homebrew/bin"))
        for folder in (home / "Library" / "Python", Path("/Library/Frameworks/Python.framework/Versions")):
            folders += [version / "bin" for version in _newest_first(folder)]
    return [folder / "howard" for folder in folders]


def _newest_first(folder: Path) -> list[Path]:
    """List versions of Python by their folders' names: `3.13`, `Python313`."""
    try:
        found = list(folder.iterdir())
    except OSError:
        return []
    return sorted(found, key=lambda one: [int(part) for part in re.findall(r"\d+", one.name)], reverse=True)


def _found(command: Sequence[str] | None) -> list[str]:
    """Find howard."""
    if command is not None:
        return [os.fspath(part) for part in command]
    named = os.environ.get("HOWARD")
    if named:
        return [named]
    found = shutil.which("howard")
    if found is None:
        found = next((str(path) for path in usual_places() if os.access(path, os.X_OK)), None)
    if found is None:
        raise WorkerError(NOT_STARTED, "The command howard is not on the PATH, nor in a usual place.", _POINT)
    return [found]


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it started."""
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            # Windows ends what it started with it: the worker is in a job, and so is what howard.exe starts.
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


def _ending(code: int) -> str:
    """Say how a process ended; Windows has large codes for what it ended it for, as 0xC0000005."""
    if code < 0:
        return f"signal {-code}"
    return f"exit code {code}" if code <= 0xFFFF else f"exit code 0x{code:08X}"


def _waited(request: Request, timeout: float | None) -> dict:
    """Wait; whoever does not wait to the end does not want it any more."""
    try:
        return request.result(timeout)
    except BaseException:
        request.cancel()
        raise


class _Layout:
    """Where pictures lie in one block of shared memory."""

    def __init__(self) -> None:
        self.name = "howard-" + uuid.uuid4().hex[:20]
        self.size = 0

    def place(self, shape: Sequence[int], itemsize: int) -> dict[str, Any]:
        """Take room; give the block as the protocol has it."""
        offset = self.size
        self.size += -(-_nbytes(shape, itemsize) // _ALIGNMENT) * _ALIGNMENT
        dtype = "float32" if itemsize == 4 else "float16"
        return {"memory": self.name, "offset": offset, "shape": list(shape), "dtype": dtype}


def _nbytes(shape: Sequence[int], itemsize: int) -> int:
    for side in shape:
        itemsize *= side
    return itemsize


def _shape(view: memoryview) -> tuple[int, ...]:
    return tuple(view.shape or ())


def _view(name: str, buffer: Any) -> memoryview:
    try:
        view = memoryview(buffer)
    except TypeError:
        view = memoryview(b"")
    if view.format.lstrip("@=") not in ("f", "e") or view.ndim not in (2, 3) or not view.c_contiguous:
        raise WorkerError(
            INVALID_PARAMS,
            f"The input '{name}' is not an image.",
            "Give float32 or float16, height x width x channels, C-contiguous.",
        )
    return view


def _shared_memory(name: str, size: int) -> mmap.mmap:
    """Make a block of shared memory.

    Not with `multiprocessing.shared_memory`: that starts `sys.executable` beside it, which may be the host.
    """
    try:
        if sys.platform == "win32":
            return mmap.mmap(-1, size, tagname=name)
        import _posixshmem  # type: ignore[import-not-found]

        descriptor = _posixshmem.shm_open("/" + name, os.O_CREAT | os.O_EXCL | os.O_RDWR, mode=0o600)
        try:
            os.ftruncate(descriptor, size)
            return mmap.mmap(descriptor, size)
        finally:
            os.close(descriptor)
    except ImportError:
        raise WorkerError(
            NOT_STARTED, "This Python has no shared memory.", "Evaluate files instead."
        ) from None
    except OSError as error:
        _unlink(name)
        raise WorkerError(
            NOT_STARTED,
            f"Cannot get {size} bytes of shared memory: {error.strerror}.",
            "Evaluate files instead.",
        ) from None


def _unlink(name: str) -> None:
    if sys.platform == "win32":
        return  # it is gone with the last that has it mapped
    import _posixshmem

    with contextlib.suppress(OSError):
        _posixshmem.shm_unlink("/" + name)
