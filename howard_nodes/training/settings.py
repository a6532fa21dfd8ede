"""What a training run is, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Progress", "TrainSettings"]


@dataclass(frozen=True)
class TrainSettings:
    """What a training run is.

    Attributes
    ----------
    output : Path
        Folder of the checkpoint, the log and the exported weights.
    stage : str
        `coarse`, `joint` or `light`.
    backbone : str
        Network to train.
    pictures, foregrounds : tuple of Path
        Folders of textures and of rendered subjects; without any, both are drawn.
    samples : int
        Samples in the whole run. A run that is gone on with may be given more.
    decay : float
        Share of the run at its end over which the learning rate falls to nothing.
    size : int
        Pixels of a sample's side.
    batch : int
        Samples a step.
    trunk_rate, rate : float
        Peak learning rates of the pretrained trunk and of all else.
    life : float
        Share of samples as gentle as life; the others are harder (`howard_nodes.samples.source`).
    seed : int
        Of the samples; evaluation uses seeds of its own.
    device : str
        `cpu` or `cuda`.
    workers : int
        Processes that draw samples.
    init : Path or None
        Weights (.safetensors) to begin from; without, the trunk begins from ImageNet.
    wider : int
        How many times as many channels as in `init` what weighs light begins with, saying the same.
    """

    output: Path
    stage: str = "coarse"
    backbone: str = "lite0"
    pictures: tuple[Path, ...] = ()
    foregrounds: tuple[Path, ...] = ()
    samples: int = 30_000
    decay: float = 0.3
    size: int = 192
    batch: int = 8
    trunk_rate: float = 3e-4
    rate: float = 1.2e-3
    life: float = 0.0
    seed: int = 1
    device: str = "cpu"
    workers: int = 1
    init: Path | None = None
    wider: int = 1


@dataclass(frozen=True)
class Progress:
    """One line of progress: samples done and their mean losses since the last one."""

    samples: int
    total: int
    rate: float
    seconds: float
    losses: dict[str, float] = field(default_factory=dict)
