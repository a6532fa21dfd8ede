"""Real Blenders: the wheels `bpy` that `make blenders` put into .venv-bpy, each in a process of its own.

HOWARD_BLENDERS names other Pythons with a bpy, or folders of virtual environments, as in a PATH. Where CI is
set, every Blender that Howard supports has to be there, but for one whose Python this machine lacks.
HOWARD_BLENDER names the program itself, which then renders the saved file too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from blender.wheels import WHEELS, find_python, installed_blenders

REQUIRED = os.environ.get("CI", "").lower() not in ("", "0", "false")
FOUND = installed_blenders(os.environ.get("HOWARD_BLENDERS"))
PROGRAM = os.environ.get("HOWARD_BLENDER") or shutil.which("blender")
"""Blender itself, where there is one."""
MAKE = "make blenders BLENDERS=all"


def _blenders() -> list[object]:
    """Parameters of the fixture: what is found, and in CI also what is not."""
    if not FOUND and not REQUIRED:
        reason = f"no Blender in .venv-bpy, nor in HOWARD_BLENDERS: {MAKE}"
        return [pytest.param("none", marks=pytest.mark.skip(reason=reason))]
    return sorted({*FOUND, *WHEELS} if REQUIRED else FOUND)


def _without_python() -> list[str]:
    """Blenders that cannot be had on this machine."""
    missing = [blender for blender in WHEELS if blender not in FOUND]
    return [blender for blender in missing if FOUND and find_python(WHEELS[blender].python) is None]


@pytest.fixture(scope="session", params=_blenders())
def blender_version(request: pytest.FixtureRequest) -> str:
    """Blender's version, such as `4.2`: a test that takes this runs once in each."""
    version = request.param
    if version not in FOUND:
        if version in _without_python():
            pytest.skip(f"Blender {version} needs Python {WHEELS[version].python}, which is not here")
        pytest.fail(f"Blender {version} is not here: {MAKE}", pytrace=False)
    return version


@pytest.fixture(scope="session")
def bpy_python(blender_version: str) -> Path:
    """A Python that has a real `bpy`; a test that takes this runs once in each Blender."""
    return FOUND[blender_version]


@pytest.fixture
def run_bpy(bpy_python: Path, tmp_path: Path) -> Callable[..., str]:
    """Run a script in a Blender that knows no user: `run_bpy(source, *arguments)` gives what it printed."""

    def run(source: str | Path, *arguments: object, timeout: float = 120, **environment: str) -> str:
        script = source if isinstance(source, Path) else tmp_path / "script.py"
        if isinstance(source, str):
            script.write_text(source, encoding="utf-8")
        foreign = ("PYTHONPATH", "PYTHONHOME", "OCIO")
        inherited = {name: value for name, value in os.environ.items() if name not in foreign}
        own = {"BLENDER_USER_RESOURCES": str(tmp_path / "blender-user"), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [bpy_python, script, *map(str, arguments)],
            env={**inherited, **own, **environment},
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}"
        return done.stdout

    return run


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say aloud which Blenders were not tested in, and why."""
    missing = [blender for blender in WHEELS if blender not in FOUND]
    if not missing and PROGRAM is not None:
        return
    terminalreporter.section("Blender", yellow=True)
    for blender in missing:
        python = WHEELS[blender].python
        remedy = f"there is no Python {python} here" if find_python(python) is None else MAKE
        terminalreporter.line(f"NOT TESTED in Blender {blender}: {remedy}", yellow=True)
    if PROGRAM is None:
        remedy = "none on the PATH nor in HOWARD_BLENDER; blender -a was tested through the modules"
        terminalreporter.line(f"NOT TESTED in the program blender: {remedy}", yellow=True)
