"""What computes, in which numbers, and what is done where its memory does not suffice."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from howard_nodes.description import ComputeSettings
from howard_nodes.errors import InputError
from howard_nodes.network import MattingNetwork

__all__ = ["PRECISIONS", "PlacedNetwork", "chosen_device", "chosen_precision"]

T = TypeVar("T")

PRECISIONS: dict[str, torch.dtype] = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}
"""Types of the network's numbers, by name."""


def chosen_device(name: str) -> torch.device:
    """Give the device of a name, or for `auto` the best. Raises `InputError` where it is not there."""
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(kind for kind, there in available.items() if there)
    if not available[name]:
        raise InputError(f"device '{name}' is not available in this torch; use --device cpu.")
    return torch.device(name)


def chosen_precision(name: str, device: torch.device) -> str:
    """Give the precision of a name, or for `auto` what suits the device. Raises `InputError`."""
    if name == "auto":
        return "float16" if device.type == "cuda" else "float32"
    if name == "float16" and device.type == "cpu":
        raise InputError("precision 'float16' needs a GPU; use float32 or bfloat16 on the CPU.")
    return name


class PlacedNetwork:
    """A network on the device that computes it; where memory does not suffice, it steps down and says so.

    Parameters
    ----------
    network : MattingNetwork
        With its weights.
    computing : ComputeSettings
        The device and precision wanted.
    on_note : callable
        Told when it steps down.

    Attributes
    ----------
    model : MattingNetwork
        Prepared, on the device.
    device : torch.device
        What computes.
    precision : str
        Of the network's numbers: `float32`, `float16` or `bfloat16`.
    on_note : callable
        The same; may be replaced.
    free_memory : callable
        Asked, where the device's memory does not suffice, to free what others keep there; says whether it
        did. May be replaced.

    Raises
    ------
    InputError
        A device or precision that is not there.
    """

    def __init__(
        self, network: MattingNetwork, computing: ComputeSettings, on_note: Callable[[str], None]
    ) -> None:
        self.device = chosen_device(computing.device)
        self.precision = chosen_precision(computing.precision, self.device)
        self.on_note = on_note
        self.free_memory: Callable[[], bool] = lambda: False
        self.model = network.prepared()
        self._place()

    def picture(self, picture: Tensor) -> Tensor:
        """Take a picture to the device, in the numbers of the network's refiner."""
        return picture.to(self.device, self.model.refiner.conv4.weight.dtype)

    def with_memory(self, compute: Callable[[], T]) -> T:
        """Compute; where the device's memory does not suffice, step down and say so."""
        while True:
            try:
                return compute()
            except torch.OutOfMemoryError as error:
                if self.device.type == "cpu":
                    raise
                is_freed = self.free_memory()
                if self.device.type == "cuda":
                    torch.cuda.empty_cache()
                if is_freed:
                    continue
                if self.precision == "float32":
                    self.precision = "float16"
                    self.on_note(f"{self.device} is out of memory: continuing in float16.")
                else:
                    self.device, self.precision = torch.device("cpu"), "float32"
                    self.on_note(f"the GPU is out of memory ({error}): continuing on the CPU, slower.")
                self._place()

    def _place(self) -> None:
        network, dtype = self.model, PRECISIONS[self.precision]
        if self.device.type == "cpu" and network.backbone_name == "lite0":
            # On a CPU only the coarse stage gains by a shorter type; the refiner keeps its accuracy.
            network.to(self.device, torch.float32)
            network.lite0.to(dtype)
        else:
            network.to(self.device, dtype)
