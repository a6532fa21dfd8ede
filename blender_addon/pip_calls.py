# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that an install runs: what they inherit, how they are logged and stopped. No bpy here."""

from __future__ import annotations

import ast
import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from .complaints import hidden
from .errors import AddonError, CancelledError

__all__ = ["Caller", "clean", "studio_settings"]

HEEDED = (
    "index-url",
    "extra-index-url",
    "find-links",
    "no-index",
    "cert",
    "client-cert",
    "proxy",
    "trusted-host",
    "timeout",
    "default-timeout",
    "retries",
    "keyring-provider",
)
"""Settings of pip that say where packages come from. All others are left out: `target`, `user`, `prefix` and
`require-virtualenv` put packages where they do not belong, or nowhere."""

_FOREIGN = ("PYTHON", "PIP_", "VIRTUAL_ENV", "CONDA_", "__PYVENV_LAUNCHER__", "UV_")

_ENDS_SECONDS = 3.0
_LONGEST_LOG = 2_000_000


class Caller:
    """Runs programs one after another, with a log, and can be stopped.

    Parameters
    ----------
    log : Path
        Is added to.
    environ : mapping of str to str
        What programs inherit; from `clean`.
    """

    def __init__(self, log: Path, environ: Mapping[str, str]) -> None:
        self.log, self.environ = log, dict(environ)
        self._lock = threading.Lock()
        self._running: subprocess.Popen[str] | None = None
        self._is_stopped = False
        with contextlib.suppress(OSError):
            if log.stat().st_size > _LONGEST_LOG:
                log.unlink()

    def stop(self) -> None:
        """End what runs, and run nothing more."""
        with self._lock:
            self._is_stopped = True
            if self._running is not None:
                _end(self._running)

    def note(self, line: str) -> None:
        """Write a line into the log."""
        with contextlib.suppress(OSError), self.log.open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {hidden(line.rstrip())}\n")

    def check(self) -> None:
        """Raise `CancelledError` where it was stopped."""
        if self._is_stopped:
            raise CancelledError("Cancelled")

    def run(
        self,
        command: Sequence[str | Path],
        *,
        on_line: Callable[[str], None] | None = None,
        meanwhile: Callable[[], None] | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> tuple[int, list[str]]:
        """Run a program to its end.

        Parameters
        ----------
        command : sequence
            Its words.
        on_line : callable, optional
            Given each line that it prints; then the log is not.
        meanwhile : callable, optional
            Called now and then.
        extra : mapping of str to str, optional
            Added to what it inherits.

        Returns
        -------
        int
            Its exit code.
        list of str
            What it printed.

        Raises
        ------
        CancelledError
            It was stopped.
        AddonError
            It cannot be started.
        """
        words = [str(word) for word in command]
        self.note("$ " + " ".join(words))
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        with self._lock:
            self.check()
            self._running = running = _start(words, {**self.environ, **(extra or {})})

        def read() -> None:
            assert running.stdout is not None
            for line in running.stdout:
                lines.put(line.rstrip("\n"))
            lines.put(None)

        threading.Thread(target=read, name="howard-install-output", daemon=True).start()
        printed: list[str] = []
        while True:
            try:
                line = lines.get(timeout=0.5)
            except queue.Empty:
                if meanwhile is not None:
                    meanwhile()
                continue
            if line is None:
                break
            printed.append(line)
            if on_line is None:
                self.note(line)
            else:
                on_line(line)
        code = running.wait()
        with self._lock:
            self._running = None
        self.check()
        self.note(f"exit code {code}")
        return code, printed


def clean(environ: Mapping[str, str]) -> dict[str, str]:
    """Give an environment without what belongs to Blender's Python, or says where pip puts packages."""
    kept = {name: value for name, value in environ.items() if not name.upper().startswith(_FOREIGN)}
    # With no file of settings pip heeds what it is given alone.
    return {**kept, "PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}


def studio_settings(caller: Caller, python: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Read from pip's own files and variables where a studio says its packages come from.

    Parameters
    ----------
    caller : Caller
        Runs pip.
    python : Path
        Of an environment that has pip.
    environ : mapping of str to str
        The environment as it came.

    Returns
    -------
    dict of str to str
        By pip's names, such as `index-url`.
    """
    theirs = {name: value for name, value in environ.items() if name.upper().startswith("PIP_")}
    if "PIP_CONFIG_FILE" not in theirs:
        theirs["PIP_CONFIG_FILE"] = ""  # the usual files
    code, lines = caller.run(
        [python, "-I", "-m", "pip", "config", "list"], extra=theirs, on_line=lambda _: None
    )
    found: dict[str, str] = {}
    if code:
        return found
    order = ("global.", "site.", "download.", "install.", ":env:.")
    for section in order:  # later ones win
        for line in lines:
            key, _, value = line.partition("=")
            name = key.removeprefix(section)
            if key.startswith(section) and name in HEEDED:
                with contextlib.suppress(ValueError, SyntaxError):
                    found[name] = " ".join(str(ast.literal_eval(value)).split())
    return found


def _start(words: list[str], environ: Mapping[str, str]) -> subprocess.Popen[str]:
    try:
        if sys.platform == "win32":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        else:
            flags = 0
        return subprocess.Popen(
            words,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            creationflags=flags,
            start_new_session=sys.platform != "win32",
        )
    except OSError as error:
        raise AddonError(f"{words[0]} cannot be started: {error.strerror or error}.") from error


def _end(running: subprocess.Popen[str]) -> None:
    """End a program, and what it has started."""
    if running.poll() is not None:
        return
    if sys.platform == "win32":
        taskkill = ["taskkill", "/T", "/F", "/PID", str(running.pid)]
        subprocess.run(taskkill, capture_output=True, creationflags=subprocess.CREATE_NO_WINDOW, check=False)
        return
    for what in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(running.pid, what)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(_ENDS_SECONDS)
            return
