# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installing Howard beside Blender: what was chosen, and what will be done. No bpy here."""

from __future__ import annotations

import hashlib
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from . import devices
from .errors import AddonError
from .installation import BROKEN, HALF, NONE, READY, Installation, is_too_long

__all__ = [
    "INSTALL",
    "REMOVE",
    "REPAIR",
    "UPDATE",
    "Choices",
    "Package",
    "Plan",
    "is_outdated",
    "package",
    "plan",
]

INSTALL, UPDATE, REPAIR, REMOVE = "INSTALL", "UPDATE", "REPAIR", "REMOVE"


@dataclass(frozen=True)
class Choices:
    """What an artist, or a studio, has chosen.

    Attributes
    ----------
    folder : Path
        Where Howard goes.
    python : str
        The Python to make the environment with.
    device : str
        `auto`, or one of `devices.LABELS`.
    index, torch_index : str
        Addresses of package indexes; empty for pip's own settings and what the device needs.
    proxy : str
        Address of a proxy; empty for the environment's.
    wheels : str
        A folder of wheels to take everything from, without a network; or empty.
    online : bool
        Whether Blender may use the network.
    """

    folder: Path
    python: str = sys.executable
    device: str = devices.AUTOMATIC
    index: str = ""
    torch_index: str = ""
    proxy: str = ""
    wheels: str = ""
    online: bool = True


@dataclass(frozen=True)
class Package:
    """The Howard that the add-on carries: its wheel, the versions it was tested with, and pip's wheel."""

    wheel: Path
    constraints: Path
    pip: Path
    version: str
    sha256: str


@dataclass(frozen=True)
class Plan:
    """What will be done.

    Attributes
    ----------
    action : str
        `INSTALL`, `UPDATE`, `REPAIR` or `REMOVE`.
    choices : Choices
        As they were made.
    package : Package
        What is installed.
    build : Build
        Of torch; its `index` is the one that is used.
    lines : tuple of str
        Said to the artist before anything is done.
    """

    action: str
    choices: Choices
    package: Package
    build: devices.Build
    lines: tuple[str, ...]


def package(addon: Path) -> Package:
    """Find the Howard that the add-on carries.

    Raises
    ------
    AddonError
        It carries none.
    """
    found = sorted((addon / "howard").glob("howard_matting-*.whl"))
    pips = sorted((addon / "howard").glob("pip-*.whl"))
    if not found or not pips:
        raise AddonError(
            "This add-on carries no Howard: install the zip that make addon builds, or enter the path of a "
            "howard that is installed already."
        )
    digest = hashlib.sha256(found[-1].read_bytes()).hexdigest()
    constraints = addon / "howard" / "constraints.txt"
    return Package(found[-1], constraints, pips[-1], found[-1].name.split("-")[1], digest)


def is_outdated(installation: Installation, carried: Package) -> bool:
    """Tell whether the Howard that is installed is another one than the add-on carries."""
    facts = installation.facts()
    return bool(facts) and facts.get("wheel") != carried.sha256


def plan(
    action: str,
    choices: Choices,
    carried: Package,
    *,
    machine: devices.Machine | None = None,
    found: devices.Found | None = None,
) -> Plan:
    """Say what will be done, and check all that can be checked before: nothing is fetched, nothing written.

    Parameters
    ----------
    action : str
        What is wanted.
    choices : Choices
        With what.
    carried : Package
        From `package`.
    machine : Machine, optional
        By default this one.
    found : Found, optional
        By default it is looked for.

    Raises
    ------
    AddonError
        It cannot be done; what to do instead.
    """
    installation = Installation(choices.folder)
    if action == REMOVE:
        if installation.state().kind == NONE:
            raise AddonError(f"There is no Howard in {choices.folder}.")
        lines = (
            f"Howard, and all that was fetched for it, is removed from {choices.folder}.",
            "The add-on, your files and mattes stay.",
        )
        return Plan(action, choices, carried, devices.Build("cpu", "", 0, 0), lines)
    if not choices.folder.is_absolute():
        raise AddonError(
            f"The install folder, {choices.folder}, is not an absolute path: choose another one."
        )
    machine = machine or devices.this_machine()
    if is_too_long(choices.folder, machine.system):
        raise AddonError(
            f"The path of the install folder is too long for Windows, {choices.folder}: choose a shorter "
            "one, such as C:\\Howard."
        )
    found = found or devices.find(machine)
    device = found.device if choices.device == devices.AUTOMATIC else choices.device
    build = devices.build(machine, device, found)
    if choices.wheels:
        _require_wheels(Path(choices.wheels))
    elif not choices.online:
        raise AddonError(
            "Blender may not use the network: tick Allow Online Access in Preferences, System, Network; or "
            "choose a folder of wheels under Network and Studio."
        )
    index = choices.torch_index or ("" if choices.index or choices.wheels else build.index)
    build = devices.Build(device, index, build.download, build.disk)
    installation_state = installation.state()
    if installation_state.kind in (NONE, HALF):
        require_space(choices.folder, build.download + build.disk)
    return Plan(action, choices, carried, build, tuple(_said(action, choices, carried, build, found)))


def require_space(folder: Path, needed: float) -> None:
    """Raise `AddonError` where a disk has not enough room."""
    there = next((path for path in (folder, *folder.parents) if path.exists()), None)
    if there is None:
        raise AddonError(f"There is no such disk as that of {folder}: choose another Install Folder.")
    free = shutil.disk_usage(there).free
    if free < needed:
        raise AddonError(
            f"The disk of {folder} has {size(free)} free, Howard needs {size(needed)} while it is installed: "
            "make room, or choose another Install Folder."
        )


def size(count: float) -> str:
    """Write a number of bytes."""
    return f"{count / 1e9:.1f} GB" if count >= 0.95e9 else f"{count / 1e6:.0f} MB"


def _require_wheels(folder: Path) -> None:
    if not folder.is_dir():
        raise AddonError(
            f"There is no folder of wheels {folder}: choose another one under Network and Studio."
        )
    if not any(folder.glob("torch-*.whl")):
        raise AddonError(
            f"The folder {folder} has no wheel of torch. On a machine with a network: pip download "
            f"howard_matting-*.whl -d {folder.name}"
        )


def _said(
    action: str, choices: Choices, carried: Package, build: devices.Build, found: devices.Found
) -> list[str]:
    state = Installation(choices.folder).state()
    where = (
        "the folder " + choices.wheels
        if choices.wheels
        else _host(choices.index) or "the Python package index"
    )
    torch = _host(build.index) or where
    said = [f"Howard {carried.version} for {devices.LABELS[build.device]}"]
    if choices.device == devices.AUTOMATIC:
        said[0] += f" (found: {found.name})"
    elif found.device not in ("cpu", build.device):
        said.append(f"This machine has {found.name}, which is not used then.")
    if build.device == "cuda" and found.device != "cuda":
        said.append("No NVIDIA driver was found here: without one, Howard will compute on the CPU.")
    said.append(f"Into {choices.folder}")
    if action != INSTALL and state.kind in (READY, BROKEN):
        said.append("Packages that are whole and up to date are kept; the others are fetched again.")
    if choices.wheels:
        said.append(f"Everything is taken from {where}; no network is used.")
        said.append(f"On the disk about {size(build.disk)}.")
    else:
        same = torch == where
        said.append(
            f"PyTorch and the other packages from {where}."
            if same
            else f"PyTorch from {torch}, the other packages from {where}."
        )
        if choices.index and not build.index:
            said.append(
                "Which build of PyTorch that index has, and how large it is, is seen when it is fetched."
            )
        few = "At most about" if action != INSTALL and state.kind in (READY, BROKEN) else "About"
        said.append(f"{few} {size(build.download)} to fetch, {size(build.disk)} on the disk afterwards.")
    if state.kind == HALF:
        said.append("It goes on from where an earlier install stopped.")
    return said


def _host(address: str) -> str:
    parts = urlsplit(address)
    return parts.hostname or parts.path if address else ""


def since(start: float, now: Callable[[], float] = time.monotonic) -> str:
    """Write how long something has taken."""
    seconds = round(now() - start)
    return f"{seconds // 60}:{seconds % 60:02d} min" if seconds >= 60 else f"{seconds} s"
