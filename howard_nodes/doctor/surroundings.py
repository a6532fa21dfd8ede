"""What is around Howard: the system, the folders, other programs, the environment. Standard library alone."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

import howard_nodes
from howard_nodes.doctor.findings import Finding
from howard_nodes.system.machine import cores, memory_bytes, takes_long_paths

__all__ = ["environment", "folders", "howard", "system"]

_LEAST_FREE = 2e9  # bytes: some dozens of frames in 4K
_TOLD = (
    *("OCIO", "OPENIMAGEIO_OPTIONS", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH"),
    *("LD_PRELOAD", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX", "XDG_DATA_HOME"),
)
_TOLD_PREFIXES = ("HOWARD", "PYTORCH_", "TORCH_", "OPENIMAGEIO", "DYLD_")
# Addresses in a company, and passwords in them, are nobody's business: that they are set may be the answer.
_NAMED = (
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX"),
)


def howard() -> list[Finding]:
    """Tell which Howard this is, and whether hosts find it."""
    folder = Path(howard_nodes.__file__).parent
    try:
        metadata.version("howard-matting")
    except metadata.PackageNotFoundError:
        how = "not installed, run from its folder"
    else:
        how = "installed" if "site-packages" in folder.parts else "installed from a checkout"
    found = [Finding("howard", f"{howard_nodes.__version__}, {how}, {folder}")]
    own = Path(sys.executable).with_name("howard.exe" if os.name == "nt" else "howard")
    command = shutil.which("howard")
    if command is None:
        value = f"not on the PATH; hosts need its path: {own}" if own.exists() else "not on the PATH"
    else:
        value = command
    found.append(Finding("command", value))
    return found


def system() -> list[Finding]:
    """Tell the system, the machine and its Python."""
    release = platform.platform(terse=True)
    if sys.platform == "linux":
        with suppress(OSError, KeyError):  # a small container has none
            release = f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {release}"
    memory = memory_bytes()
    machine = f"{platform.machine()}, {cores()} cores"
    if memory:
        machine += f", {memory / 1e9:.0f} GB of memory"
    if takes_long_paths() is not None:
        machine += f", long paths {'on' if takes_long_paths() else 'off'}"
    return [
        Finding("system", f"{release}, {machine}"),
        Finding(
            "python", f"{platform.python_version()} ({platform.python_implementation()}), {sys.executable}"
        ),
    ]


def folders() -> list[Finding]:
    """Tell whether there is room for temporary files, and for results in the current folder."""
    found = []
    for name, folder in (("temp folder", Path(tempfile.gettempdir())), ("current folder", Path.cwd())):
        free = shutil.disk_usage(folder).free
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            problem = f"{name}: {folder} cannot be written to ({error.strerror})."
            # Only the first is needed: a question may be asked from any folder.
            problem = f"{problem} Set TMPDIR to one that can." if name == "temp folder" else ""
            found.append(Finding(name, f"{folder}, read-only", problem))
            continue
        problem = (
            f"{name}: {folder} has {free / 1e9:.1f} GB left; free some space." if free < _LEAST_FREE else ""
        )
        found.append(Finding(name, f"{folder}, {free / 1e9:.0f} GB free", problem))
    return found


def environment() -> list[Finding]:
    """Tell the variables that change what Howard does."""
    found: list[Finding] = []
    for name, value in sorted(os.environ.items()):
        upper = name.upper()
        if upper in _NAMED:
            found.append(Finding("", f"{name} is set (not shown)"))
        elif upper in _TOLD or upper.startswith(_TOLD_PREFIXES):
            found.append(Finding("", f"{name}={_without_password(value)}"))
    if not found:
        return [Finding("environment", "nothing that matters is set")]
    return [Finding("environment", found[0].value), *found[1:]]


def _without_password(value: str) -> str:
    try:
        parts = urlsplit(value)
        return value.replace(f"{parts.netloc.rpartition('@')[0]}@", "***@") if "@" in parts.netloc else value
    except ValueError:
        return value
