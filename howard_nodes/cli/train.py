"""`howard train`: train weights from samples drawn here."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from howard_nodes.cli.console import on_terminal, print_json, progress_bar, say_seconds
from howard_nodes.cli.pace import TimeLeft

if TYPE_CHECKING:
    from collections.abc import Callable

    from howard_nodes.training.settings import Progress, TrainSettings

__all__ = ["train"]


class Stage(StrEnum):
    """What is trained."""

    COARSE = "coarse"
    JOINT = "joint"
    LIGHT = "light"


class Backbone(StrEnum):
    """Which network."""

    LITE0 = "lite0"
    MOBILENETV2 = "mobilenetv2"
    RESNET50 = "resnet50"
    RESNET101 = "resnet101"


def train(
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FOLDER", help="Checkpoint, log and weights.safetensors go here."
        ),
    ],
    stage: Annotated[
        Stage,
        typer.Option(
            help=(
                "coarse: the coarse network. joint: coarse network and refiner. light: only the "
                "network that weighs light at edges."
            )
        ),
    ] = Stage.COARSE,
    backbone: Annotated[Backbone, typer.Option(help="Backbone of the coarse network.")] = Backbone.LITE0,
    init: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Weights to start from (.safetensors).")
    ] = None,
    pictures: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER", help="Backgrounds and textures; may be repeated. By default procedural."
        ),
    ] = None,
    foregrounds: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER",
            help="Rendered foregrounds, straight RGBA EXR; may be repeated. By default procedural.",
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option(min=1, metavar="N", help="Samples in the whole run; may be raised later.")
    ] = 30_000,
    decay: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Last part of the run, as a share, over which the learning rate falls to 0.",
        ),
    ] = 0.3,
    size: Annotated[int, typer.Option(metavar="PIXELS", help="Width and height of a sample.")] = 192,
    batch: Annotated[int, typer.Option(metavar="N", help="Samples per step.")] = 8,
    rate: Annotated[float, typer.Option(min=0.0, help="Peak learning rate.")] = 1.2e-3,
    trunk_rate: Annotated[
        float, typer.Option(min=0.0, help="Peak learning rate of the pretrained trunk.")
    ] = 3e-4,
    life: Annotated[
        float,
        typer.Option(
            min=0.0, max=1.0, help="Share of samples no harder than real shots; the rest are harder."
        ),
    ] = 0.0,
    wider: Annotated[
        int,
        typer.Option(
            min=1, metavar="TIMES", help="Stage light: begin with TIMES as many channels, saying the same."
        ),
    ] = 1,
    seed: Annotated[int, typer.Option(help="Random seed of the samples.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    workers: Annotated[int, typer.Option(min=0, metavar="N", help="Processes that make samples.")] = 1,
    minutes: Annotated[
        float | None, typer.Option(min=0.0, help="Stop after N minutes; the same command continues.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print progress as JSON lines on stdout.")] = False,
) -> None:
    """Train weights, or continue the run in --output.

    [bold]Example:[/bold]  howard train -o runs/coarse --pictures textures --samples 200000

    [bold]Then:[/bold]  howard train -o runs/joint --stage joint --init runs/coarse/weights.safetensors

    [bold]And:[/bold]  howard train -o runs/light --stage light --init runs/joint/weights.safetensors
    """
    import torch

    from howard_nodes.training import trainer

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    settings = trainer.TrainSettings(
        output=output,
        stage=stage.value,
        backbone=backbone.value,
        pictures=tuple(pictures or ()),
        foregrounds=tuple(foregrounds or ()),
        samples=samples,
        decay=decay,
        size=size,
        batch=batch,
        trunk_rate=trunk_rate,
        rate=rate,
        life=life,
        seed=seed,
        device=device,
        workers=workers,
        init=init,
        wider=wider,
    )
    try:
        path = _run(trainer.train, settings, minutes, as_json)
    except KeyboardInterrupt as interrupt:
        raise type(interrupt)(
            f"the checkpoint in {output} is at most two minutes old; run the same command to continue from it"
        ) from None
    if as_json:
        print_json({"event": "exported", "path": path})
    else:
        print(f"weights: {path}")


def _run(run: Callable[..., Path], settings: TrainSettings, minutes: float | None, as_json: bool) -> Path:
    if as_json:
        return run(
            settings,
            minutes=minutes,
            on_progress=lambda progress: print_json({"event": "progress"} | asdict(progress)),
        )
    print(f"{settings.stage} training of {settings.backbone} on {settings.device}, in {settings.output}")
    if not on_terminal():
        left = TimeLeft()
        return run(settings, minutes=minutes, on_progress=lambda progress: _line(progress, left))
    with progress_bar("samples") as bar:
        task = bar.add_task(settings.stage, total=settings.samples, note="")

        def show(progress: Progress) -> None:
            bar.update(task, total=progress.total, completed=progress.samples, note=_losses(progress))

        return run(settings, minutes=minutes, on_progress=show)


def _line(progress: Progress, left: TimeLeft) -> None:
    seconds = left.update(progress.samples, progress.total)
    said = "" if seconds is None else f"{say_seconds(seconds)} left  "
    print(
        f"{progress.samples}/{progress.total} samples  {progress.rate:.1f} samples/s  "
        f"{said}{_losses(progress)}",
        flush=True,
    )


def _losses(progress: Progress) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in progress.losses.items())
