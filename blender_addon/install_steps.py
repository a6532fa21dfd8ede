# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An install under way: its steps, in a thread of its own. No bpy here.

All that is fetched is kept until the install has ended, so that the next one goes on from there. Packages go
into a new environment beside one that is there, and a marker, written last, says which of the two counts:
whatever happens, there is a whole Howard, or the one of before.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import complaints, installing, keeping, pip_calls
from .errors import AddonError, CancelledError
from .installation import Installation, python_of, site_of
from .installing import REMOVE, Plan
from .package_supply import Supply
from .threads import ThreadWork

__all__ = ["Work"]

_OLDEST_PYTHON = (3, 11)

_CANCELLED = "Cancelled. What was fetched is kept: the next install goes on from there."
_PATIENCE_SECONDS = 600.0

_ASK_PYTHON = """
import json, sys
import venv
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


class Work(ThreadWork):
    """An install, an update, a repair or a removal. Its progress is `part`, 0 to 1, and `doing`.

    `result` gives what the marker says, empty after a removal, or raises `AddonError`: `CancelledError` where
    the artist stopped it.

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
        super().__init__("howard-install")

    def cancel(self) -> None:
        """Stop; what was fetched is kept."""
        super().cancel()
        self._caller.stop()

    def _run(self) -> None:
        try:
            with self._installation.locked():
                if self._plan.action == REMOVE:
                    self._tell(0.5, "removing")
                    self._installation.remove()
                else:
                    self._result = self._install()
        except CancelledError:
            self._error = CancelledError(_CANCELLED)
        except AddonError as error:
            self._error = error
        except OSError as error:
            self._error = AddonError(complaints.trouble(error, self._plan.choices.folder))
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
            supply = Supply(plan, environment, self._caller, self._environ, self._patience, self._tell)
            wheels = supply.files()
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
            raise AddonError(complaints.meaning(lines, f"Starting {python}"))
        told = json.loads(lines[-1])
        if tuple(told["version"]) < _OLDEST_PYTHON:
            version = ".".join(map(str, told["version"]))
            raise AddonError(
                f"{python} is Python {version}; Howard needs 3.11 or later. Leave Python, under Network and "
                "Studio, empty for Blender's own, or choose a newer one."
            )
        return python

    def _make(self, python: str, environment: Path) -> None:
        # With the pip that the add-on carries: others lack what is asked of it, or lose a broken download.
        pip = self._plan.package.pip
        words: list[str | Path] = [
            "install",
            "--no-index",
            "--no-deps",
            "--no-cache-dir",
            "--no-compile",
            pip,
        ]
        commands: list[list[str | Path]] = [
            [python, "-I", "-X", "utf8", "-m", "venv", "--without-pip", environment],
            [python_of(environment), "-I", "-X", "utf8", pip / "pip", *words],
        ]
        for command in commands:
            code, lines = self._caller.run(command)
            if code:
                raise AddonError(complaints.meaning(lines, "Making the environment"))
            if not python_of(environment).exists():
                raise AddonError(
                    f"{python} makes environments without a Python in them: choose another Python, 3.11 or "
                    "later, under Network and Studio."
                )
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

    def _unpack(self, environment: Path, wheels: list[str]) -> None:
        site = site_of(environment)
        assert site is not None
        before = len(list(site.glob("*.dist-info")))

        def count() -> None:
            done = min(len(list(site.glob("*.dist-info"))) - before, len(wheels))
            self._tell(0.8 + 0.15 * done / max(len(wheels), 1), f"unpacking package {done} of {len(wheels)}")

        count()
        command = ["install", "--no-index", "--no-deps", "--no-cache-dir", "--no-compile", *wheels]
        pip: list[str | Path] = [python_of(environment), "-I", "-X", "utf8", "-m", "pip"]
        code, lines = self._caller.run([*pip, *command], meanwhile=count)
        if code:
            raise AddonError(complaints.meaning(lines, "Unpacking"))

    def _try(self, environment: Path) -> dict[str, Any]:
        """Start what was installed; give what the marker will say."""
        self._tell(0.95, "trying Howard")
        code, lines = self._caller.run([python_of(environment), "-I", "-X", "utf8", "-c", _TRY])
        told = next((line[1:] for line in lines if line.startswith("@")), "")
        if code or not told:
            raise AddonError(complaints.meaning(lines, "Trying the installed Howard"))
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

    def _tell(self, part: float, doing: str) -> None:
        self._caller.check()
        self._events.put({"part": part, "doing": doing})
