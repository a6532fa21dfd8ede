"""What computes, and in which numbers."""

from __future__ import annotations

import torch

from howard_nodes.errors import InputError

__all__ = ["PRECISIONS", "chosen_device", "chosen_precision"]

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
        raise InputError(f"device '{name}' is not there for this torch; use --device cpu.")
    return torch.device(name)


def chosen_precision(name: str, device: torch.device) -> str:
    """Give the precision of a name, or for `auto` what suits the device. Raises `InputError`."""
    if name == "auto":
        return "float16" if device.type == "cuda" else "float32"
    if name == "float16" and device.type == "cpu":
        raise InputError("precision 'float16' is for GPUs; use float32 or bfloat16 on the CPU.")
    return name
