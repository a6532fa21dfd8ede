"""Other programs that Howard works with: Blenders, and the add-on in them; Howard's own worker."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from howard_nodes.client import Worker, WorkerError
from howard_nodes.doctor.findings import Finding

__all__ = ["blenders", "worker"]

_ANSWER_SECONDS = 20.0
_MOST_BLENDERS = 8
_ADDON = "*/howard_matte/blender_manifest.toml"


def blenders() -> list[Finding]:
    """Find Blenders in the usual places, and Howard's add-on in their folders."""
    found = [Finding("", f"{_version(path)}, {path}") for path in _installed()]
    for folder in _user_folders():
        for manifest in sorted(folder.glob(f"*/extensions/{_ADDON}")):
            said = re.search(r'^version\s*=\s*"([^"]+)"', manifest.read_text("utf-8"), re.MULTILINE)
            version = said[1] if said else "of no version"
            blender = manifest.relative_to(folder).parts[0]
            found.append(Finding("", f"add-on {version} in Blender {blender}, {manifest.parent}"))
    if not found:
        return [Finding("blender", "none in the usual places")]
    return [Finding("blender", found[0].value), *found[1:]]


def worker() -> list[Finding]:
    """Start a worker, as hosts do, and have it answer."""
    began = time.monotonic()
    try:
        with Worker([sys.executable, "-m", "howard_nodes"]) as started:
            started.status()
            seconds = time.monotonic() - began
    except WorkerError as error:
        return [Finding("worker", "does not answer", f"worker: {' '.join(str(error).split())}")]
    return [Finding("worker", f"answers after {seconds:.1f} s")]


def _installed() -> list[Path]:
    """List Blenders, each once, the newest folder first."""
    listed = [Path(found)] if (found := shutil.which("blender")) else []
    listed += sorted(_usual_places(), reverse=True)
    return list({path.resolve(): path for path in reversed(listed) if path.is_file()}.values())[::-1][
        :_MOST_BLENDERS
    ]


def _usual_places() -> Iterator[Path]:
    home = Path.home()
    if sys.platform == "win32":
        for variable in ("PROGRAMFILES", "PROGRAMFILES(X86)"):
            programs = Path(os.environ.get(variable, "C:\\Program Files"))
            yield from programs.glob("Blender Foundation/*/blender.exe")
            yield from programs.glob("Steam/steamapps/common/Blender/blender.exe")
        return
    if sys.platform == "darwin":
        for folder in (Path("/Applications"), home / "Applications"):
            yield from folder.glob("Blender*.app/Contents/MacOS/Blender")
        yield from home.glob(
            "Library/Application Support/Steam/steamapps/common/Blender/Blender.app/Contents/MacOS/Blender"
        )
        return
    yield from (Path("/usr/bin/blender"), Path("/usr/local/bin/blender"), Path("/snap/bin/blender"))
    for folder in (Path("/opt"), home, home / "Applications", home / "Downloads", home / ".local"):
        yield from folder.glob("blender*/blender")
    yield home / ".steam/steam/steamapps/common/Blender/blender"


def _user_folders() -> Iterator[Path]:
    """Where Blender keeps what a user installs, a folder a version."""
    home = Path.home()
    if sys.platform == "win32":
        roaming = os.environ.get("APPDATA")
        yield (Path(roaming) if roaming else home / "AppData" / "Roaming") / "Blender Foundation" / "Blender"
    elif sys.platform == "darwin":
        yield home / "Library" / "Application Support" / "Blender"
    else:
        yield Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "blender"
        yield home / ".var/app/org.blender.Blender/config/blender"  # Flatpak


def _version(path: Path) -> str:
    """Ask a Blender for its version."""
    try:
        said = subprocess.run(
            [str(path), "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_ANSWER_SECONDS,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return "a Blender that does not answer"
    first = re.search(r"^Blender \S+.*$", said, re.MULTILINE)
    return first[0].strip() if first else "a Blender that does not say its version"
