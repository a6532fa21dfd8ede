"""Blender as a Python module (the wheel `bpy`), one virtual environment a version.

    python tests/blender/wheels.py              the newest Blender that this Python can import
    python tests/blender/wheels.py all          every one for which there is a Python on this machine
    python tests/blender/wheels.py 4.2 5.2      these

They go to .venv-bpy/4.2 and so on, about 16 s and 1 GB each; what is there already is left alone. They stay
apart from each other and from Howard's own packages: each wheel wants its own numpy, and one Python only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["FOLDER", "WHEELS", "Wheel", "find_python", "install", "installed_blenders", "newest_for"]

FOLDER = Path(__file__).parents[2] / ".venv-bpy"


@dataclass(frozen=True)
class Wheel:
    """The wheel that stands for a Blender: its version, and the one Python that can import it."""

    version: str
    python: str


WHEELS = {
    "4.2": Wheel("4.2.23", "3.11"),
    "4.5": Wheel("4.5.15", "3.11"),
    "5.0": Wheel("5.0.1", "3.11"),
    "5.2": Wheel("5.2.3", "3.13"),
}

# What bpy links against and a server lacks, by Debian's names.
SYSTEM_PACKAGES = (
    *("libx11-6", "libxrender1", "libxfixes3", "libxi6", "libxkbcommon0", "libsm6", "libice6", "libxext6"),
    *("libgl1", "libegl1", "libxxf86vm1", "libgomp1"),
)

VERSION = "from importlib.metadata import version; print(version('bpy'))"


def newest_for(python: str) -> str | None:
    """The newest Blender that a Python such as `3.11` can import; none where none fits."""
    return next((blender for blender in reversed(WHEELS) if WHEELS[blender].python == python), None)


def find_python(version: str) -> Path | None:
    """Find a Python of a version such as `3.13`: this one, one on the path, or one that pyenv or uv keep."""
    if version == "{}.{}".format(*sys.version_info):
        return Path(sys.executable)
    candidates = [f"python{version}"]
    if pyenv := shutil.which("pyenv"):
        root = Path(_output(pyenv, "root") or "/nowhere")
        candidates += map(str, sorted(root.glob(f"versions/{version}.*/bin/python"), reverse=True))
    if uv := shutil.which("uv"):
        candidates.append(_output(uv, "python", "find", "--no-python-downloads", version))
    # A pyenv shim is on the path for Pythons that do not start: only one that answers counts.
    answers = (_output(one, "-c", "import sys; print(sys.executable)") for one in candidates if one)
    return next((Path(answer) for answer in answers if answer), None)


def installed_blenders(places: str | None = None) -> dict[str, Path]:
    """The Pythons that have a bpy, by Blender's version such as `4.2`.

    Parameters
    ----------
    places
        Pythons, or folders of virtual environments, as in a PATH; else what `install` made.
    """
    pythons: list[Path] = []
    for place in map(Path, places.split(os.pathsep)) if places else [FOLDER]:
        pythons += sorted(place.glob("*/bin/python")) if place.is_dir() else [place]
    versions = {python: _output(str(python), "-c", VERSION) for python in pythons}
    return {".".join(version.split(".")[:2]): python for python, version in versions.items() if version}


def install(blender: str, python: Path) -> Path:
    """Make the virtual environment of one Blender and return its Python, once `import bpy` works in it."""
    folder = FOLDER / blender
    own = folder / "bin" / "python"
    version = WHEELS[blender].version
    if _output(str(own), "-c", VERSION) != version:  # not there, another one, or half made
        start = time.monotonic()
        subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
        pip = [own, "-m", "pip", "--disable-pip-version-check", "-q", "install"]
        subprocess.run([*pip, f"bpy=={version}"], check=True)
        print(f"Blender {blender}: bpy {version} in {folder}, {time.monotonic() - start:.0f} s", flush=True)
    _require_system_libraries(own)
    return own


def _require_system_libraries(python: Path) -> None:
    options = ("-y", "-qq", "--no-upgrade", "--no-install-recommends")
    command = ["apt-get", "install", *options, *SYSTEM_PACKAGES]
    if _output(str(python), "-c", "import bpy; print(bpy.app.version)"):
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    if subprocess.run([python, "-c", "import bpy"]).returncode:
        packages = " ".join(SYSTEM_PACKAGES)
        raise SystemExit(f"{python} cannot import bpy. On Debian and Ubuntu: sudo apt-get install {packages}")


def _output(*command: str) -> str:
    """What a command prints, stripped; nothing where it fails or is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def main(arguments: Sequence[str]) -> None:
    """Install what the command line asks for; a Blender without its Python is named and left out."""
    running = "{}.{}".format(*sys.version_info)
    wanted = list(WHEELS) if "all" in arguments else list(arguments) or [newest_for(running)]
    if unknown := [one for one in wanted if one is not None and one not in WHEELS]:
        raise SystemExit(f"There is no Blender {', '.join(unknown)} here: {', '.join(WHEELS)} or all.")
    for blender in wanted:
        if blender is None:
            print(f"No Blender fits Python {running}: its tests are left out.")
        elif python := find_python(WHEELS[blender].python):
            install(blender, python)
        else:
            print(f"Blender {blender} needs Python {WHEELS[blender].python}, which is not here: left out.")


if __name__ == "__main__":
    main(sys.argv[1:])
