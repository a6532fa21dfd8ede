# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Howard can compute on here, and the build of torch for it: where it comes from and how large it is."""

from __future__ import annotations

import contextlib
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .errors import AddonError

__all__ = ["AUTOMATIC", "LABELS", "Build", "Found", "Machine", "build", "choices", "find", "this_machine"]

AUTOMATIC = "auto"
LABELS = {
    "cpu": "CPU",
    "cuda": "NVIDIA GPU (CUDA)",
    "rocm": "AMD GPU (ROCm)",
    "mps": "Apple GPU (MPS)",
}

if sys.platform == "win32":
    _FLAGS = subprocess.CREATE_NO_WINDOW  # else a console flashes up
else:
    _FLAGS = 0

_TORCH_INDEX = "https://download.pytorch.org/whl/"
_CUDA_13_DRIVER, _CUDA_13_CAPABILITY = 580, 7.5
"""CUDA 13 wants this driver, and has left GPUs before Turing (GTX 16, RTX 20) behind."""

# MB to fetch, with what Howard needs beside torch (165), and MB on the disk afterwards. Of torch 2.13.0,
# November 2026: Linux/cpu and Linux/cuda by an install; other downloads by sizes that indexes list, cuda12
# and the other disks by a guess.
_SIZES = {
    ("Linux", "cpu"): (360, 1200),
    ("Linux", "cuda"): (2900, 5200),
    ("Linux", "cuda12"): (3200, 5800),
    ("Linux", "rocm"): (6700, 20000),
    ("Windows", "cpu"): (290, 1100),
    ("Windows", "cuda"): (2100, 4000),
    ("Windows", "cuda12"): (2700, 5000),
    ("Darwin", "mps"): (280, 1000),
}


@dataclass(frozen=True)
class Machine:
    """A kind of machine.

    Attributes
    ----------
    system : str
        `Linux`, `Windows` or `Darwin`.
    processor : str
        As `platform.machine` names it.
    """

    system: str
    processor: str

    @property
    def is_arm(self) -> bool:
        """Whether its processor is an ARM."""
        return self.processor.lower() in ("arm64", "aarch64")


@dataclass(frozen=True)
class Found:
    """What a machine has to compute on.

    Attributes
    ----------
    device : str
        `cpu`, `cuda`, `rocm` or `mps`.
    name : str
        For the artist.
    generation : int
        Of CUDA, that its driver and GPU take; 0 where there is none.
    """

    device: str
    name: str
    generation: int = 0


@dataclass(frozen=True)
class Build:
    """A build of torch.

    Attributes
    ----------
    device : str
        What it computes on.
    index : str
        Where it comes from; empty for the usual package index.
    download, disk : int
        Sizes in bytes, of all that Howard needs: to fetch, and when it is installed. Roughly.
    """

    device: str
    index: str
    download: int
    disk: int


def this_machine() -> Machine:
    """Give the kind of this machine."""
    return Machine(platform.system(), platform.machine())


def choices(machine: Machine) -> tuple[str, ...]:
    """Give the devices for which torch is built.

    Raises
    ------
    AddonError
        There is none.
    """
    if machine.system == "Darwin":
        if not machine.is_arm:
            raise AddonError(
                "PyTorch, which Howard computes with, is no longer made for Macs with an Intel processor: "
                "Howard needs a Mac with Apple silicon, Linux or Windows."
            )
        return ("mps",)
    if machine.system == "Windows":
        return ("cpu", "cuda")
    return ("cpu", "cuda") if machine.is_arm else ("cpu", "cuda", "rocm")


def find(machine: Machine, ask: Callable[[list[str]], str] | None = None) -> Found:
    """Find what a machine has to compute on.

    Parameters
    ----------
    machine : Machine
        Its kind.
    ask : callable, optional
        Runs a command and gives what it prints, empty where it cannot be run.

    Returns
    -------
    Found
        The fastest; the CPU where there is nothing else.
    """
    possible = choices(machine)
    if "mps" in possible:
        return Found("mps", "Apple silicon")
    query = ["nvidia-smi", "--query-gpu=name,driver_version,compute_cap", "--format=csv,noheader"]
    if "cuda" in possible and (told := (ask or _ask)(query)):
        name, driver, capability = [*told.splitlines()[0].split(","), "", ""][:3]
        is_new = _number(driver) >= _CUDA_13_DRIVER and _number(capability) >= _CUDA_13_CAPABILITY
        return Found("cuda", name.strip(), 13 if is_new else 12)
    if "rocm" in possible and Path("/dev/kfd").exists():
        return Found("rocm", "AMD GPU")
    return Found("cpu", platform.processor() or machine.processor)


def build(machine: Machine, device: str, found: Found | None = None) -> Build:
    """Choose the build of torch.

    Parameters
    ----------
    machine : Machine
        For which.
    device : str
        One of `choices`.
    found : Found, optional
        What the machine has: an older NVIDIA driver or GPU takes an older CUDA.

    Raises
    ------
    AddonError
        There is no such build.
    """
    if device not in choices(machine):
        named = " or ".join(LABELS[one] for one in choices(machine))
        raise AddonError(f"There is no {LABELS.get(device, device)} build for this system: choose {named}.")
    is_old = device == "cuda" and found is not None and found.generation == 12
    index = ""
    if is_old:
        index = _TORCH_INDEX + "cu126"
    elif device == "cuda" and machine.system == "Windows":
        index = _TORCH_INDEX + "cu130"
    elif device == "rocm":
        index = _TORCH_INDEX + "rocm7.2"
    elif device == "cpu" and machine.system == "Linux":
        index = _TORCH_INDEX + "cpu"  # the package index's own build for Linux is the one for CUDA
    download, disk = _SIZES.get((machine.system, "cuda12" if is_old else device), (3000, 8000))
    return Build(device, index, download * 10**6, disk * 10**6)


def _number(text: str) -> float:
    with contextlib.suppress(ValueError):
        return float(".".join(text.strip().split(".")[:2]))
    return 0.0


def _ask(command: list[str]) -> str:
    program = shutil.which(command[0])
    if program is None:
        return ""
    try:
        done = subprocess.run(
            [program, *command[1:]],
            capture_output=True,
            text=True,
            timeout=10,
            stdin=subprocess.DEVNULL,
            creationflags=_FLAGS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
