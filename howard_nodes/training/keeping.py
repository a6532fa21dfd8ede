"""What is kept of a training run: checkpoints to go on from, and weights."""

from __future__ import annotations

import copy
import json
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from howard_nodes.atomic import replacing
from howard_nodes.errors import InputError
from howard_nodes.network import MattingNetwork, save_weights
from howard_nodes.training.settings import TrainSettings

__all__ = ["export", "identity_of", "resume", "save_checkpoint"]


def identity_of(settings: TrainSettings) -> dict[str, Any]:
    """Give the settings that a resumed run must share; it may be longer, and its banks may have grown."""
    identity = asdict(settings)
    for name in ("output", "device", "workers", "init", "pictures", "foregrounds", "samples", "decay"):
        del identity[name]
    return identity


def resume(
    checkpoint: Path,
    settings: TrainSettings,
    network: nn.Module,
    average: dict[str, Tensor],
    optimizer: torch.optim.Optimizer,
) -> int:
    """Go on from a checkpoint, if there is one; give its step. Raises `InputError` for one of another run."""
    if not checkpoint.exists():
        return 0
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    # A checkpoint from before there was a setting had its default.
    before = identity_of(TrainSettings(settings.output)) | state["settings"]
    if before != identity_of(settings):
        raise InputError(
            f"{checkpoint}: belongs to a run with other settings ({state['settings']}); "
            "choose another --output."
        )
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    with torch.no_grad():
        for name, value in state["average"].items():
            average[name].copy_(value)
    return int(state["step"])


def save_checkpoint(
    checkpoint: Path,
    settings: TrainSettings,
    step: int,
    network: nn.Module,
    average: dict[str, Tensor],
    optimizer: torch.optim.Optimizer,
) -> None:
    """Write a checkpoint, whole or not at all."""
    state = {
        "settings": identity_of(settings),
        "step": step,
        "commit": _commit(),
        "network": network.state_dict(),
        "average": average,
        "optimizer": optimizer.state_dict(),
    }
    with replacing(checkpoint) as temporary:
        torch.save(state, temporary)


def export(settings: TrainSettings, step: int, network: MattingNetwork, average: dict[str, Tensor]) -> Path:
    """Write the averaged weights, `weights.safetensors` in the run's folder; give its path."""
    network = copy.deepcopy(network).to("cpu")
    network.load_state_dict({name: value.cpu().contiguous() for name, value in average.items()})
    path = settings.output / "weights.safetensors"
    save_weights(
        network.eval(),
        path,
        {
            "training": json.dumps(identity_of(settings), sort_keys=True),
            "samples": str(step * settings.batch),
            "commit": _commit(),
        },
    )
    return path


def _commit() -> str:
    """Name the commit this code is at, or `unknown` outside a checkout."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
