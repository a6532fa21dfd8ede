# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an install's packages come from: looked up by pip, fetched by fetching.py, or in a folder."""

from __future__ import annotations

import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import complaints, installing, pip_calls
from .errors import AddonError, CancelledError
from .installation import Installation, python_of
from .installing import Plan, size

__all__ = ["Supply"]

_UNPACKED, _MORE_UNPACKED, _MOST_UNPACKED = 1.8, 6e8, 3.5
"""How much larger packages are unpacked: the 360 MB of the CPU build 3.4 times, the 2.9 GB for CUDA 1.8."""


class Supply:
    """Finds and fetches what an environment needs.

    Parameters
    ----------
    plan : Plan
        What is installed.
    environment : Path
        Made already, with pip; what is in it is not fetched again.
    caller : Caller
        Runs pip.
    environ : mapping of str to str
        The environment as it came.
    patience : float
        Seconds that a connection may be gone.
    tell : callable
        Takes how far it is, 0 to 1, and what is done.
    """

    def __init__(
        self,
        plan: Plan,
        environment: Path,
        caller: pip_calls.Caller,
        environ: Mapping[str, str],
        patience: float,
        tell: Callable[[float, str], None],
    ) -> None:
        self._plan, self._environment, self._caller = plan, environment, caller
        self._environ, self._patience, self._tell = environ, patience, tell
        self._installation = Installation(plan.choices.folder)
        self._downloads = self._installation.downloads
        self._part = 0.0

    def files(self) -> list[str]:
        """Give the wheels to install, all of them here.

        Raises
        ------
        AddonError
            There are none that fit, or they cannot be fetched.
        """
        self._installation.begin_downloads()
        return self._offline() if self._plan.choices.wheels else self._online()

    def _offline(self) -> list[str]:
        """Choose wheels of a folder."""
        self._tell(0.1, "looking up packages")
        folder = str(Path(self._plan.choices.wheels).absolute())
        settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": _as_address(folder)}
        return [_path(one["url"]) for one in self._resolve([], settings)]

    def _online(self) -> list[str]:
        """Look up and fetch packages; give their files."""
        choices, build = self._plan.choices, self._plan.build
        found = pip_calls.studio_settings(self._caller, python_of(self._environment), self._environ)
        if choices.proxy:
            found["proxy"] = choices.proxy
        if choices.index:
            found["index-url"] = choices.index
            found.pop("extra-index-url", None)
            found.pop("no-index", None)
        usual = {f"PIP_{name.upper().replace('-', '_')}": value for name, value in found.items()}
        index = found.get("index-url", "")
        wheels: list[str] = []
        if build.index and "no-index" not in found:
            settings = {key: value for key, value in usual.items() if key != "PIP_EXTRA_INDEX_URL"}
            settings["PIP_INDEX_URL"] = build.index
            self._tell(0.08, "looking up PyTorch")
            self._probe(settings, build.index, "torch")
            listed = self._resolve(["torch"], settings, with_howard=False)
            wheels = self._fetch(settings, listed, 0.1, 0.7)
        elif "no-index" not in found:
            self._probe(usual, index, "torch")
        self._tell(0.7 if wheels else 0.1, "looking up packages")
        listed = self._resolve(wheels, usual)
        return self._fetch(usual, listed, 0.72 if wheels else 0.12, 0.8)

    def _probe(self, settings: Mapping[str, str], index: str, name: str) -> None:
        """Raise `AddonError`, in plain words, where an index, by default pip's own, cannot be reached."""
        for address in index.split() or [""]:
            if not address or address.lower().startswith("http"):
                page = f"{address.rstrip('/')}/{name}/" if address else f"{name}/"
                self._helper(settings, {"probe": [page], "folder": str(self._downloads)})

    def _resolve(
        self, wanted: list[str], settings: Mapping[str, str], *, with_howard: bool = True
    ) -> list[dict[str, Any]]:
        """Ask pip what is to be installed: `url` and `sha256` of each, with what they need."""
        report = self._environment / "report.json"
        package = self._plan.package
        command = ["install", "--dry-run", "--quiet", "--only-binary=:all:", "--report", str(report)]
        command += [*wanted, *([str(package.wheel)] if with_howard else [])]
        if not self._plan.choices.wheels:
            # Of large packages only what they say of themselves is read, where a server lets that be done.
            command.append("--use-feature=fast-deps")
        cache = {"PIP_CACHE_DIR": str(self._downloads / "cache")}
        known = ["--constraint", str(package.constraints)] if package.constraints.exists() else []
        for limits in (known, []):
            code, lines = self._pip([*command, *limits], {**settings, **cache})
            if code == 0:
                break
            if not known or not any(word in "\n".join(lines) for word in ("matching dist", "Impossible")):
                raise AddonError(complaints.meaning(lines, "Looking up packages"))
            self._caller.note("not in the versions that Howard was tested with: the newest that fit")
            known = []
        else:
            raise AddonError(complaints.meaning(lines, "Looking up packages"))
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
        self,
        settings: Mapping[str, str],
        listed: list[dict[str, Any]],
        start: float,
        end: float,
    ) -> list[str]:
        """Fetch files that are not here yet; give the paths of all."""
        folder = self._downloads
        remote = [one for one in listed if not one["url"].startswith("file:")]
        known = {"total": 0, "done": 0}
        begun = time.monotonic()

        def follow(event: dict[str, Any]) -> None:
            if event["event"] == "total":
                known["total"] = event["bytes"]
                missing = max(event["bytes"] - known["done"], 0)
                unpacked = min(_UNPACKED * event["bytes"] + _MORE_UNPACKED, _MOST_UNPACKED * event["bytes"])
                installing.require_space(folder, missing + unpacked)
            elif event["event"] == "bytes":
                known["done"] = event["done"]
            if event["event"] == "waiting":
                self._tell(self._part, "the connection is gone, trying again")
            elif known["total"]:
                part = start + (end - start) * min(known["done"] / known["total"], 1)
                said = f"fetching {size(known['done'])} of {size(known['total'])}"
                self._part = part
                self._tell(part, f"{said}, {installing.since(begun)}")

        if remote:
            self._part = start
            self._tell(start, "fetching packages")
            job = {"files": remote, "folder": str(folder), "patience": self._patience}
            self._helper(settings, job, follow)
        return [
            _path(one["url"]) if one["url"].startswith("file:") else str(folder / _file_name(one["url"]))
            for one in listed
        ]

    def _helper(self, settings: Mapping[str, str], job: dict[str, Any], follow: Any = None) -> None:
        """Run fetching.py."""
        path = self._environment / "job.json"
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
                [python_of(self._environment), "-I", "-X", "utf8", script, path], extra=settings, on_line=read
            )
        except CancelledError:
            if problem:
                raise problem[0] from None
            raise
        path.unlink()
        if failed:
            self._caller.note(json.dumps(failed[0]))
            raise AddonError(complaints.unreachable(failed[0], self._plan.choices.proxy))
        if code:
            raise AddonError(complaints.meaning(lines, "Fetching"))

    def _pip(self, words: list[str], settings: Mapping[str, str]) -> tuple[int, list[str]]:
        return self._caller.run(
            [python_of(self._environment), "-I", "-X", "utf8", "-m", "pip", *words], extra=settings
        )


def _path(address: str) -> str:
    """Give the path of a `file:` address, of a Windows share too."""
    path = address.removeprefix("file:")
    return urllib.request.url2pathname(path[2:] if path.startswith("///") else path)


def _as_address(folder: str) -> str:
    return Path(folder).as_uri() if " " in folder else folder  # pip splits it at blanks


def _file_name(address: str) -> str:
    return urllib.parse.unquote(urllib.parse.urlsplit(address).path.rpartition("/")[2])
