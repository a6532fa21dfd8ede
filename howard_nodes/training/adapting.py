"""Weights that learn the shot at hand.

What the network says of a shot is enough to make samples of it: its own foreground, laid elsewhere over
its own clean plate, is a plate whose alpha is known. A minute or two of such samples teach the network these
colours, this hair and this place. Compositions that it did not learn from decide whether it helped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from howard_nodes.atomic import check_folder
from howard_nodes.color import ColorConfig, auto_exposure
from howard_nodes.description import ComputeSettings, MatteSettings
from howard_nodes.description.job import Job
from howard_nodes.engine.cache import key_of
from howard_nodes.engine.engine import Engine
from howard_nodes.engine.runtime import Warm
from howard_nodes.errors import HowardError, InputError
from howard_nodes.frames import format_frames
from howard_nodes.frames.digests import file_digest
from howard_nodes.network import MattingNetwork, describe_weights, load_weights, save_weights
from howard_nodes.samples.source import Sample
from howard_nodes.shot.clean_plates import plates_of
from howard_nodes.shot.events import Event, Note, Started, Step
from howard_nodes.shot.inputs import Connected, Content
from howard_nodes.training.losses import joint_losses
from howard_nodes.training.shot_samples import NOBODY, SURE, Comp, ShotPicture, ShotSamples

__all__ = ["Adapted", "NotBetterError", "adapt"]

SIZE = 512  # of a sample's side
_BATCH = 4
_RATE = 2e-4
_JUDGED = 16  # compositions of those that decide
# Share of the error before, below which adapting has helped. The shot's own matte as the truth flatters
# whoever learnt it: of six shots, 8 and 13 % less error on comps were 4 and 5 % more in truth, 17 to 26 %
# from 2 % more to 15 % less.
_HELPS = 0.85
_SPACE = "lin_rec709_scene"  # of comps


class NotBetterError(HowardError):
    """Weights that learnt a shot are no better on it."""


@dataclass(frozen=True)
class Adapted:
    """What came of adapting.

    Attributes
    ----------
    path : Path
        The weights that were written.
    before, after : float
        MAD x 1000 of alpha on held-out compositions of the shot.
    steps : int
        Steps that were learnt.
    seconds : float
        How long it took.
    """

    path: Path
    before: float
    after: float
    steps: int
    seconds: float


def adapt(
    job: Job,
    *,
    steps: int = 80,
    most_frames: int = 6,
    seed: int = 1,
    always: bool = False,
    on_event: Callable[[Event], None] = lambda _: None,
) -> Adapted:
    """Let weights learn a shot, and write them if that helps.

    Parameters
    ----------
    job : Job
        Plate, clean plate, frames and weights to begin from; its output is the file of the weights.
    steps : int
        Steps to learn, of four samples each.
    most_frames : int
        Frames to look at, spread over the shot; of several the last is kept for judging.
    seed : int
        Of the samples.
    always : bool
        Write the weights it begins from where learning does not help, so that what follows finds a file.
    on_event : callable
        Told of everything that happens.

    Returns
    -------
    Adapted
        The weights hold where they come from, and both errors, in their header. With `resume` in the job a
        file that was made of the same, by its header, stays as it is.

    Raises
    ------
    InputError
        Nothing can be done as asked.
    FrameError
        A frame cannot be read.
    NotBetterError
        They are no better on held-out compositions of the shot, or nobody is in its frames; nothing was
        written.
    """
    began = time.monotonic()
    output = Path(job.output)
    if output.suffix != ".safetensors":
        raise InputError(f"{output}: the name of weights must end in .safetensors.")
    check_folder(output)
    base = describe_weights(job.weights)
    if output.exists() and output.samefile(base.path):
        raise InputError(f"{output}: would overwrite the weights it starts from; choose another name.")
    config = ColorConfig.load(job.ocio)
    shot, contents = _open(job, config, most_frames, on_event)
    made_of = key_of(
        "adapt",
        [file_digest(base.path), config.fingerprint],
        {str(frame): content.hashes(frame) for frame, content in contents.items()},
        [job.layer, job.clean_layer, job.colorspace, job.clean_colorspace],
        vars(job.settings),
        [steps, seed],
    )
    if job.resume and output.is_file() and (known := _made_before(output, made_of)):
        on_event(Note(f"{output}: was made from the same inputs and settings; kept."))
        return known
    pictures, factor = _look(job, shot, contents, config, on_event)
    network = load_weights(job.weights, fused=False)
    before = after = 0.0
    if pictures:
        learnt = pictures[:-1] if len(pictures) > 1 else pictures
        judged = ShotSamples(pictures[-1:], seed=seed + 1, size=SIZE)
        trial = [judged.comp(number) for number in range(_JUDGED)]
        settings = replace(job.settings, backbone_scale=1 / factor)
        before = _error(network, trial, settings)
        _learn(network, ShotSamples(learnt, seed=seed, size=SIZE), steps, factor, on_event)
        after = _error(network, trial, settings)
        trouble = (
            f"{base.name}: adapting to this shot does not help (MAD x 1000 on held-out comps of "
            f"it: {after:.2f} after, {before:.2f} before)"
        )
    else:
        trouble = f"{job.plate}: no subject found in the frames that were checked"
    if not pictures or after > _HELPS * before:
        if not always:
            raise NotBetterError(f"{trouble}; nothing was written. Use the weights as they are.")
        on_event(Note(f"{trouble}; {output} holds the original weights.", warning=True))
        network, after = load_weights(job.weights, fused=False), before
    save_weights(
        network,
        output,
        {
            **{key: value for key, value in base.metadata.items() if not key.startswith("adapted_")},
            "adapted_from": base.name,
            "adapted_steps": str(steps),
            "adapted_seed": str(seed),
            "adapted_error": f"{before:.4f} {after:.4f}",
            "adapted_key": made_of,
        },
    )
    return Adapted(output, before, after, steps, time.monotonic() - began)


def _made_before(path: Path, made_of: str) -> Adapted | None:
    about = describe_weights(path).metadata
    if about.get("adapted_key") != made_of:
        return None
    before, after = (float(value) for value in about["adapted_error"].split())
    return Adapted(path, before, after, int(about["adapted_steps"]), 0.0)


def _open(
    job: Job, config: ColorConfig, most: int, tell: Callable[[Event], None]
) -> tuple[Connected, dict[int, Content]]:
    """Open the shot at some of its frames, and fit its clean plate; tell what each frame is made of."""
    frames = plates_of(job, config, tell).frames
    picked = tuple(frames[i] for i in np.unique(np.linspace(0, len(frames) - 1, most).round().astype(int)))
    plates = plates_of(replace(job, frames=format_frames(picked)), config, tell)
    warm = Warm(0)
    engine = warm.engine(config, job.settings, job, lambda message: tell(Note(message, warning=True)))
    tell(
        Started(
            format_frames(picked),
            len(picked),
            str(engine.engine.network.device),
            engine.engine.network.precision,
            engine.weights,
            job.output,
        )
    )
    shot = Connected(plates, {}, engine, warm, tell)
    shot.solve_fit(job.fit)
    return shot, {frame: shot.content(frame) for frame in picked}


def _look(
    job: Job,
    shot: Connected,
    contents: Mapping[int, Content],
    config: ColorConfig,
    tell: Callable[[Event], None],
) -> tuple[list[ShotPicture], int]:
    """Matte the frames; say too by how much the coarse stage's picture is smaller."""
    pictures, factor = [], 4
    for done, (frame, content) in enumerate(contents.items(), 1):
        read = shot.read(frame, content)
        result = shot.solved(read)
        space = read.pictures.space
        light = [
            config.to_linear_rec709(np.ascontiguousarray(x), space)
            for x in (result.foreground, read.pictures.clean, read.pictures.plate)
        ]
        tell(Step("look", done, len(contents)))
        factor = round(1 / job.settings.scales_for(*result.alpha.shape)[0])
        if not (result.alpha > SURE).any():
            continue
        exposure = job.settings.exposure
        if exposure is None:
            exposure = auto_exposure(light[1], light[1])
        grain = _grain(light[2], light[1], result.alpha)
        pictures.append(ShotPicture(np.maximum(light[0], 0), result.alpha, light[1], grain, exposure))
    return pictures, min(8, max(1, factor))


def _grain(plate: np.ndarray, clean: np.ndarray, alpha: np.ndarray) -> float:
    """Measure what the plates differ by where nobody is, as `conditions.grain` counts it."""
    nobody = alpha < NOBODY
    if not nobody.any():
        return 0.0
    difference = np.abs(plate[nobody] - clean[nobody]) / np.sqrt(np.maximum(clean[nobody], 0.0) + 0.01)
    return float(np.median(difference) / 0.6745)


def _learn(
    network: MattingNetwork,
    samples: ShotSamples,
    steps: int,
    factor: int,
    tell: Callable[[Event], None],
) -> None:
    network.eval()  # normalisation stays: a shot's few pictures say nothing of all others
    network.requires_grad_(True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=0.0)
    for step in range(steps):
        left = 1 - step / steps
        for group in optimizer.param_groups:
            group["lr"] = _RATE * min(1.0, (step + 1) / 5) * min(1.0, 2 * left)
        batch = _stacked([samples.draw(step * _BATCH + i) for i in range(_BATCH)])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            losses = joint_losses(network, factor, *batch)
        optimizer.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        tell(Step("learn", step + 1, steps))


def _error(network: MattingNetwork, trial: Sequence[Comp], settings: MatteSettings) -> float:
    """Matte comps as a user would, light and all; MAD x 1000 of alpha."""
    engine = Engine(network, ColorConfig.load("howard"), settings, ComputeSettings(device="cpu"))
    wrong = []
    for comp in trial:
        engine.settings = replace(settings, exposure=comp.exposure)
        result = engine.evaluate(comp.plate, comp.clean, _SPACE)
        wrong.append(float(np.abs(result.alpha - comp.alpha).mean()))
    return 1000.0 * float(np.mean(wrong))


def _stacked(samples: Sequence[Sample]) -> list[Tensor]:
    fields = ("plate", "clean", "alpha", "foreground")
    return [
        torch.from_numpy(np.stack([getattr(sample, name) for sample in samples])).contiguous(
            memory_format=torch.channels_last
        )
        for name in fields
    ]
