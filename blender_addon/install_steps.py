# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An install under way: its steps in a thread of its own, which Blender asks how far it is. No Blender here."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import queue
import re
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from . import installing, keeping, pip_calls
from .errors import AddonError, Cancelled
from .installation import Installation, cannot_write, python_of, site_of
from .installing import REMOVE, Plan, size

__all__ = ["Work"]

_OLDEST_PYTHON = (3, 11)
_OLDEST_PIP = (25, 1)
_PIP = "pip>=25.1,<27"
"""What fetching.py asks of pip is not promised by it: only pips it was tried with."""

_PATIENCE_SECONDS = 600.0
_UNPACKED = 3.5
"""How much larger packages are when they are unpacked, all together; torch's CPU build alone is 3.9."""

_ASK_PYTHON = """
import json, sys
import ensurepip, venv
print(json.dumps({"version": list(sys.version_info[:3]), "executable": sys.executable}))
"""

_TRY = """
import json, sys
import av, cv2, numpy, OpenImageIO, PyOpenColorIO, torch
import howard_nodes.cli
device, name = "cpu", ""
if torch.cuda.is_available():
    device = "rocm" if getattr(torch.version, "hip", None) else "cuda"
    name = torch.cuda.get_device_name(0)
elif torch.backends.mps.is_available():
    device = "mps"
print("@" + json.dumps({"howard": howard_nodes.__version__, "torch": torch.__version__, "device": device,
    "gpu": name, "python": "%d.%d.%d" % sys.version_info[:3]}))
"""


class Work:
    """An install, an update, a repair or a removal, in a thread of its own.

    Parameters
    ----------
    plan : Plan
        From `installing.plan`.
    environ : mapping of str to str, optional
        The environment; by default this process's.
    patience : float
        Seconds that a connection may be gone.
    """

    def __init__(
        self, plan: Plan, environ: Mapping[str, str] | None = None, patience: float = _PATIENCE_SECONDS
    ) -> None:
        self._plan, self._patience = plan, patience
        self._environ = dict(os.environ if environ is None else environ)
        self._installation = Installation(plan.choices.folder)
        self._caller = pip_calls.Caller(self._installation.log, pip_calls.clean(self._environ))
        self._events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._part = 0.0
        self._result: dict[str, Any] = {}
        self._error: AddonError | None = None
        self._is_cancelled = False
        self._thread = threading.Thread(target=self._run, name="howard-install", daemon=True)
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
        """Stop; what was fetched is kept."""
        self._is_cancelled = True
        self._caller.stop()

    def events(self) -> Iterator[dict[str, Any]]:
        """Give the progress that came since, without waiting: `part`, 0 to 1, and `doing`."""
        with contextlib.suppress(queue.Empty):
            while True:
                yield self._events.get_nowait()

    def wait(self, seconds: float) -> None:
        """Wait for the end, some time."""
        self._thread.join(seconds)

    def result(self) -> dict[str, Any]:
        """Give what is installed now, when it is over: what the marker says; empty after a removal.

        Raises
        ------
        AddonError
            It failed; `Cancelled` where the artist stopped it.
        """
        if self._error is not None:
            raise self._error
        return self._result

    def _run(self) -> None:
        try:
            with self._installation.locked():
                if self._plan.action == REMOVE:
                    self._tell(0.5, "removing")
                    self._installation.remove()
                else:
                    self._result = self._install()
        except Cancelled:
            self._error = Cancelled("Cancelled. What was fetched is kept: the next install goes on from there.")
        except AddonError as error:
            self._error = error
        except OSError as error:
            self._error = AddonError(_trouble(error, self._plan.choices.folder))
        except Exception as error:  # whatever it is, an artist who waits is told
            self._error = AddonError(f"{error!r}. Open Log shows what was done.")
        if self._error is not None and self._installation.folder.is_dir():
            self._caller.note(f"ended: {self._error}")

    def _install(self) -> dict[str, Any]:
        start = time.monotonic()
        plan, home = self._plan, self._installation
        self._caller.note(f"{plan.action} Howard {plan.package.version}, {plan.build}")
        self._tell(0.01, "making the environment")
        for line in home.tidy():
            self._caller.note(f"still in use: {line}")
        python = self._own_python()
        before = home.environment()
        environment = home.begin()
        try:
            self._make(python, environment)
            if before is not None:
                self._keep(before, environment)
            wheels = self._offline(environment) if plan.choices.wheels else self._online(environment)
            self._unpack(environment, wheels)
            facts = self._try(environment)
            home.complete(environment, facts)
        except BaseException:
            home.tidy()
            raise
        self._caller.note(f"complete after {installing.since(start)}")
        home.drop_downloads()
        for line in home.tidy():
            self._caller.note(f"still in use: {line}")
        return {**facts, "environment": environment.name, "seconds": round(time.monotonic() - start, 1)}

    def _own_python(self) -> str:
        """Give the Python to use. Raises `AddonError` where it does not fit."""
        python = self._plan.choices.python
        code, lines = self._caller.run([python, "-I", "-c", _ASK_PYTHON])
        if code:
            old = any("SyntaxError" in line or "unknown option -I" in line.lower() for line in lines)
            said = "This Python is too old for Howard" if old else ""
            raise AddonError(said or pip_calls.meaning(lines, f"Starting {python}"))
        told = json.loads(lines[-1])
        if tuple(told["version"]) < _OLDEST_PYTHON:
            version = ".".join(map(str, told["version"]))
            raise AddonError(
                f"{python} is Python {version}; Howard needs 3.11 or later. Leave Python, under Network and Studio, "
                "empty for Blender's own, or choose a newer one."
            )
        return python

    def _make(self, python: str, environment: Path) -> None:
        code, lines = self._caller.run([python, "-I", "-X", "utf8", "-m", "venv", environment])
        if code:
            raise AddonError(pip_calls.meaning(lines, "Making the environment"))
        self._tell(0.05, "making the environment")

    def _keep(self, before: Path, environment: Path) -> None:
        """Take over what is whole and meant for the same device."""
        self._tell(0.06, "checking packages that are there")
        without = {"howard-matting"}
        if self._installation.facts().get("device") != self._plan.build.device:
            without.add("torch")
        kept = keeping.keep(before, environment, without=without)
        self._caller.note(f"kept of {before.name}: {', '.join(kept) or 'nothing'}")
        self._caller.check()

    def _offline(self, environment: Path) -> list[str]:
        """Choose wheels of a folder."""
        self._tell(0.1, "looking up packages")
        folder = str(Path(self._plan.choices.wheels).absolute())
        settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": _as_address(folder)}
        return [_path(one["url"]) for one in self._resolve(environment, [], settings)]

    def _online(self, environment: Path) -> list[str]:
        """Look up and fetch packages; give their files."""
        choices, build = self._plan.choices, self._plan.build
        found = pip_calls.studio_settings(self._caller, python_of(environment), self._environ)
        if choices.proxy:
            found["proxy"] = choices.proxy
        if choices.index:
            found["index-url"] = choices.index
            found.pop("extra-index-url", None)
            found.pop("no-index", None)
        usual = {f"PIP_{name.upper().replace('-', '_')}": value for name, value in found.items()}
        index = found.get("index-url", installing.PACKAGE_INDEX)
        self._renew_pip(environment, usual)
        wheels: list[str] = []
        if build.index:
            settings = {key: value for key, value in usual.items() if key != "PIP_EXTRA_INDEX_URL"}
            settings["PIP_INDEX_URL"] = build.index
            self._tell(0.08, "looking up PyTorch")
            self._probe(environment, settings, build.index, "torch")
            listed = self._resolve(environment, ["torch"], settings, with_howard=False)
            wheels = self._fetch(environment, settings, listed, 0.1, 0.7)
        elif "PIP_NO_INDEX" not in usual:
            self._probe(environment, usual, index, "torch")
        self._tell(0.7 if wheels else 0.1, "looking up packages")
        listed = self._resolve(environment, wheels, usual)
        return self._fetch(environment, usual, listed, 0.72 if wheels else 0.12, 0.8)

    def _renew_pip(self, environment: Path, settings: Mapping[str, str]) -> None:
        python = python_of(environment)
        code, lines = self._caller.run([python, "-I", "-m", "pip", "--version"])
        numbers = re.search(r"pip (\d+)\.(\d+)", "\n".join(lines))
        if code == 0 and numbers is not None and tuple(map(int, numbers.groups())) >= _OLDEST_PIP:
            return
        self._tell(0.06, "making the environment")
        # Where there is no newer one, the old one has to do.
        self._pip(environment, ["install", "--no-cache-dir", "--upgrade", _PIP], settings)

    def _probe(self, environment: Path, settings: Mapping[str, str], index: str, name: str) -> None:
        """Raise `AddonError`, in plain words, where an index cannot be reached."""
        for address in index.split():
            if address.lower().startswith("http"):
                page = f"{address.rstrip('/')}/{name}/"
                self._helper(environment, settings, {"probe": [page], "folder": str(self._installation.folder)})

    def _resolve(
        self, environment: Path, wanted: list[str], settings: Mapping[str, str], *, with_howard: bool = True
    ) -> list[dict[str, Any]]:
        """Ask pip what is to be installed: `url` and `sha256` of each, with what they need."""
        report = self._installation.folder / environment.name / "report.json"
        package = self._plan.package
        command = ["install", "--dry-run", "--quiet", "--only-binary=:all:", "--report", str(report)]
        # Of large packages only what they say of themselves is read, where a server lets that be done.
        command += ["--use-feature=fast-deps", *wanted, *([str(package.wheel)] if with_howard else [])]
        cache = {"PIP_CACHE_DIR": str(self._installation.downloads / "cache")}
        known = ["--constraint", str(package.constraints)] if package.constraints.exists() else []
        for limits in (known, []):
            code, lines = self._pip(environment, [*command, *limits], {**settings, **cache})
            if code == 0:
                break
            if not known or not any(word in "\n".join(lines) for word in ("matching dist", "Impossible")):
                raise AddonError(pip_calls.meaning(lines, "Looking up packages"))
            self._caller.note("not in the versions that Howard was tested with: the newest that fit")
            known = []
        else:
            raise AddonError(pip_calls.meaning(lines, "Looking up packages"))
        listed = json.loads(report.read_text(encoding="utf-8"))["install"]
        report.unlink()
        found = []
        for one in listed:
            told = one["download_info"]
            hashes = told.get("archive_info", {}).get("hashes", {})
            found.append({"url": told["url"], "sha256": hashes.get("sha256", "")})
            self._caller.note(f"needed: {one['metadata']['name']} {one['metadata']['version']}")
        return found

    def _fetch(
        self, environment: Path, settings: Mapping[str, str], listed: list[dict[str, Any]], start: float, end: float
    ) -> list[str]:
        """Fetch files that are not here yet; give the paths of all."""
        folder = self._installation.downloads
        folder.mkdir(exist_ok=True)
        remote = [one for one in listed if not one["url"].startswith("file:")]
        known = {"total": 0, "done": 0}
        begun = time.monotonic()

        def follow(event: dict[str, Any]) -> None:
            if event["event"] == "total":
                known["total"] = event["bytes"]
                missing = max(event["bytes"] - known["done"], 0)
                installing.require_space(folder, missing + _UNPACKED * event["bytes"])
            elif event["event"] == "bytes":
                known["done"] = event["done"]
            if event["event"] == "waiting":
                self._tell(self._part, "the connection is gone, trying again")
            elif known["total"]:
                part = start + (end - start) * min(known["done"] / known["total"], 1)
                said = f"fetching {size(known['done'])} of {size(known['total'])}"
                self._tell(part, f"{said}, {installing.since(begun)}")

        if remote:
            self._tell(start, "fetching packages")
            job = {"files": remote, "folder": str(folder), "patience": self._patience}
            self._helper(environment, settings, job, follow)
        return [
            _path(one["url"]) if one["url"].startswith("file:") else str(folder / _file_name(one["url"]))
            for one in listed
        ]

    def _unpack(self, environment: Path, wheels: list[str]) -> None:
        site = site_of(environment)
        assert site is not None
        before = len(list(site.glob("*.dist-info")))

        def count() -> None:
            done = min(len(list(site.glob("*.dist-info"))) - before, len(wheels))
            self._tell(0.8 + 0.15 * done / max(len(wheels), 1), f"unpacking package {done} of {len(wheels)}")

        count()
        command = ["install", "--no-index", "--no-deps", "--no-cache-dir", "--no-compile", *wheels]
        code, lines = self._pip(environment, command, {}, meanwhile=count)
        if code:
            raise AddonError(pip_calls.meaning(lines, "Unpacking"))

    def _try(self, environment: Path) -> dict[str, Any]:
        """Start what was installed; give what the marker will say."""
        self._tell(0.95, "trying Howard")
        code, lines = self._caller.run([python_of(environment), "-I", "-X", "utf8", "-c", _TRY])
        told = next((line[1:] for line in lines if line.startswith("@")), "")
        if code or not told:
            raise AddonError(pip_calls.meaning(lines, "Trying the installed Howard"))
        tried = json.loads(told)
        site = site_of(environment)
        assert site is not None
        packages = sorted(path.name.removesuffix(".dist-info") for path in site.glob("*.dist-info"))
        return {
            "version": tried["howard"],
            "wheel": self._plan.package.sha256,
            "device": self._plan.build.device,
            "computes_on": tried["device"],
            "gpu": tried["gpu"],
            "torch": tried["torch"],
            "python": tried["python"],
            "packages": packages,
            "bytes": sum(path.stat().st_size for path in environment.rglob("*") if path.is_file()),
            "when": time.strftime("%Y-%m-%d %H:%M"),
        }

    def _pip(
        self, environment: Path, words: list[str], settings: Mapping[str, str], **how: Any
    ) -> tuple[int, list[str]]:
        return self._caller.run(
            [python_of(environment), "-I", "-X", "utf8", "-m", "pip", *words], extra=settings, **how
        )

    def _helper(
        self, environment: Path, settings: Mapping[str, str], job: dict[str, Any], follow: Any = None
    ) -> None:
        """Run fetching.py."""
        path = environment / "job.json"
        path.write_text(json.dumps(job), encoding="utf-8")
        failed: list[dict[str, Any]] = []
        problem: list[AddonError] = []

        def read(line: str) -> None:
            try:
                event = json.loads(line)
            except ValueError:
                self._caller.note(line)
                return
            if event["event"] == "failed":
                failed.append(event)
            elif follow is not None and not problem:
                try:
                    follow(event)
                except AddonError as error:
                    problem.append(error)
                    self._caller.stop()

        script = Path(__file__).with_name("fetching.py")
        try:
            code, lines = self._caller.run(
                [python_of(environment), "-I", "-X", "utf8", script, path], extra=settings, on_line=read
            )
        except Cancelled:
            if problem:
                raise problem[0] from None
            raise
        path.unlink()
        if failed:
            self._caller.note(json.dumps(failed[0]))
            raise AddonError(_unreachable(failed[0], self._plan))
        if code:
            raise AddonError(pip_calls.meaning(lines, "Fetching"))

    def _tell(self, part: float, doing: str) -> None:
        self._caller.check()
        self._part = part
        self._events.put({"part": part, "doing": doing})


def _unreachable(failed: dict[str, Any], plan: Plan) -> str:
    """Say why something could not be fetched."""
    host = urllib.parse.urlsplit(failed["url"]).netloc.rpartition("@")[2]
    again = "What was fetched is kept: press the button again to go on."
    said = {
        "proxy": f"The proxy {pip_calls.hidden(plan.choices.proxy) or 'of this machine'} does not let Howard through "
        f"to {host}: check Proxy under Network and Studio.",
        "certificate": f"The certificate of {host} is not trusted here. A studio that reads its traffic has one of "
        "its own: set it in pip's settings (cert), or take the packages from a folder of wheels.",
        "connection": f"{host} does not answer: check the network, or the addresses under Network and Studio. {again}",
        "space": "The disk is full: make room, or choose another Install Folder, and press the button again.",
        "disk": f"The file could not be written ({failed['detail']}): a virus scanner may hold it. {again}",
        "hash": f"A file from {host} was not what the index says it is, damaged or changed on its way: press the "
        "button again; if it stays so, ask who runs the network.",
    }
    if failed["kind"] == "status":
        code = failed["detail"]
        if code in ("401", "403", "407"):
            return f"{host} wants a name and a password (status {code}): put them into the address, or pip's settings."
        if code == "404":
            return f"There is no package index at {pip_calls.hidden(failed['url'])}: check it under Network and Studio."
        return f"{host} has trouble (status {code}). {again}"
    return said[failed["kind"]]


def _trouble(error: OSError, folder: Path) -> str:
    if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return "The disk is full: make room, or choose another Install Folder, and press the button again."
    return cannot_write(folder, error)


def _path(address: str) -> str:
    return urllib.request.url2pathname(urllib.parse.urlsplit(address).path)


def _as_address(folder: str) -> str:
    return Path(folder).as_uri() if " " in folder else folder  # pip splits it at blanks


def _file_name(address: str) -> str:
    return urllib.parse.unquote(urllib.parse.urlsplit(address).path.rpartition("/")[2])

