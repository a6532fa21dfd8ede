"""`howard train`: train weights from samples drawn here."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from howard_nodes.cli.console import on_terminal, print_json, progress_bar, say_seconds

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
            help="The coarse network alone, it with the refiner, or what weighs the light at edges, alone."
        ),
    ] = Stage.COARSE,
    backbone: Annotated[Backbone, typer.Option(help="The network.")] = Backbone.LITE0,
    init: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Weights to begin from (.safetensors).")
    ] = None,
    pictures: Annotated[
        list[Path] | None,
        typer.Option(metavar="FOLDER", help="Places and materials; may be repeated. Without, all are drawn."),
    ] = None,
    foregrounds: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER", help="Rendered subjects, straight RGBA EXR; may be repeated. Without, drawn."
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option(min=1, metavar="N", help="Samples in the whole run; it may be made longer later.")
    ] = 30_000,
    decay: Annotated[
        float,
        typer.Option(
            min=0.0, max=1.0, help="Share at the end over which the learning rate falls to nothing."
        ),
    ] = 0.3,
    size: Annotated[int, typer.Option(metavar="PIXELS", help="Side of a sample.")] = 192,
    batch: Annotated[int, typer.Option(metavar="N", help="Samples a step.")] = 8,
    rate: Annotated[float, typer.Option(min=0.0, help="Peak learning rate.")] = 1.2e-3,
    trunk_rate: Annotated[float, typer.Option(min=0.0, help="That of the pretrained trunk.")] = 3e-4,
    life: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Share of samples as gentle as life; the others are harder."),
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Of the samples.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    workers: Annotated[int, typer.Option(min=0, metavar="N", help="Processes that draw samples.")] = 1,
    minutes: Annotated[
        float | None, typer.Option(min=0.0, help="Stop after this long; the same command goes on.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Progress as JSON lines on stdout.")] = False,
) -> None:
    """Train weights, or go on with the run that --output holds.

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
    )
    try:
        path = _run(trainer.train, settings, minutes, as_json)
    except KeyboardInterrupt as interrupt:
        raise type(interrupt)(
            f"the checkpoint in {output} is at most two minutes old; the same command goes on from it"
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
        return run(settings, minutes=minutes, on_progress=_line)
    with progress_bar("samples") as bar:
        task = bar.add_task(settings.stage, total=settings.samples, note="")

        def show(progress: Progress) -> None:
            bar.update(task, total=progress.total, completed=progress.samples, note=_losses(progress))

        return run(settings, minutes=minutes, on_progress=show)


def _line(progress: Progress) -> None:
    left = (progress.total - progress.samples) / max(progress.rate, 1e-9)
    print(
        f"{progress.samples}/{progress.total} samples  {progress.rate:.1f} samples/s  "
        f"{say_seconds(left)} left  {_losses(progress)}",
        flush=True,
    )


def _losses(progress: Progress) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in progress.losses.items())
