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
from howard_nodes.color.encoding import encode_halves
from howard_nodes.description.job import Job
from howard_nodes.engine.cache import key_of
from howard_nodes.engine.runtime import Warm
from howard_nodes.errors import HowardError, InputError
from howard_nodes.frames import format_frames
from howard_nodes.frames.digests import file_digest
from howard_nodes.network import MattingNetwork, describe_weights, load_weights, save_weights
from howard_nodes.samples import conditions
from howard_nodes.samples.source import Sample, Style, another_take, touched_by_light
from howard_nodes.shot.clean_plates import plates_of
from howard_nodes.shot.events import Event, Note, Started, Step
from howard_nodes.shot.inputs import Connected, Content
from howard_nodes.training.losses import joint_losses

__all__ = ["Adapted", "NotBetterError", "ShotPicture", "ShotSamples", "adapt"]

_STYLE = Style(
    drift=(0.15, 0.3, 0.6),
    exposure=0.02,
    white_balance=0.005,
    moving=0.0,
    shadow=0.4,
    hard_shadow=0.1,
)
"""What a clean plate that was registered and matched still differs by."""

SIZE = 512  # of a sample's side
_BATCH = 4
_RATE = 2e-4
_JUDGED = 16  # compositions of those that decide
_HELPS = 0.98  # share of the error before, below which adapting has helped
_SURE, _NOBODY = 0.98, 0.02


class NotBetterError(HowardError):
    """Weights that learnt a shot are no better on it."""


@dataclass(frozen=True)
class ShotPicture:
    """One frame of the shot: linear Rec.709, float32.

    Attributes
    ----------
    foreground : ndarray
        H W 3, straight.
    alpha : ndarray
        H W, 0 to 1.
    clean : ndarray
        H W 3: the fitted clean plate.
    grain : float
        Standard deviation of what plate and clean plate differ by where nobody is and the light is 1.
    exposure : float
        Stops that the network's encoding has.
    """

    foreground: np.ndarray
    alpha: np.ndarray
    clean: np.ndarray
    grain: float
    exposure: float


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


class ShotSamples:
    """Draws samples from frames of a shot: sample number i is the same for the same seed.

    Parameters
    ----------
    pictures : sequence of ShotPicture
        At least one, with somebody in it.
    seed : int
        Start of all randomness.
    size : int
        Pixels of a sample's side.
    """

    def __init__(self, pictures: Sequence[ShotPicture], *, seed: int, size: int) -> None:
        self.pictures, self.seed, self.size = pictures, seed, size
        self._edges = [_edges(picture.alpha) for picture in pictures]

    def draw(self, number: int) -> Sample:
        """Draw sample `number`, 0 or more: the shot's own subject elsewhere over its own clean plate."""
        rng = np.random.default_rng((self.seed, number))
        which = int(rng.integers(len(self.pictures)))
        subject, edges = self.pictures[which], self._edges[which]
        scene = self.pictures[int(rng.integers(len(self.pictures)))]
        matrix = self._placement(rng, edges[int(rng.integers(len(edges)))], subject.alpha)
        color, alpha = conditions.placed(subject.foreground, subject.alpha, matrix, self.size, self.size)
        color = color * np.float32(2.0 ** rng.normal(0.0, 0.15))
        place = self._place(rng, scene.clean)
        behind = touched_by_light(rng, place, color, alpha, _STYLE)
        plate = behind + alpha[..., None] * (color - behind)
        # What was shot has its grain already: the clean plate's counts for both.
        clean = conditions.grain(rng, another_take(rng, place, _STYLE), scene.grain)
        encoded = (encode_halves(torch.from_numpy(x), scene.exposure).numpy() for x in (plate, clean, color))
        planes = [np.ascontiguousarray(x.transpose(2, 0, 1)) for x in encoded]
        return Sample(planes[0], planes[1], np.ascontiguousarray(alpha[None], np.float32), planes[2])

    def _placement(self, rng: np.random.Generator, edge: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """Lay an edge of the subject somewhere into a window: an affine map, 2 3."""
        scale = float(np.exp(rng.uniform(np.log(0.8), np.log(1.25))))
        angle = np.deg2rad(rng.normal(0.0, 6.0))
        turn = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        if rng.random() < 0.5:
            turn[:, 0] *= -1
        target = rng.uniform(0.2, 0.8, 2) * self.size
        matrix = np.column_stack([turn, target - turn @ edge])
        # Where the frame's lower border cuts the subject, there is no more of it to show.
        height, width = alpha.shape
        if (alpha[-1] > 0.5).any():
            lowest = min(float(matrix[1] @ (x, height, 1)) for x in (0, width))
            matrix[1, 2] += max(0.0, self.size - lowest)
        return matrix

    def _place(self, rng: np.random.Generator, clean: np.ndarray) -> np.ndarray:
        size = self.size
        height, width = clean.shape[:2]
        row, column = (int(rng.integers(max(1, length - size + 1))) for length in (height, width))
        place = clean[row : row + size, column : column + size]
        short = size - place.shape[0], size - place.shape[1]
        if any(part > 0 for part in short):
            place = np.pad(place, ((0, max(0, short[0])), (0, max(0, short[1])), (0, 0)), mode="symmetric")
        return np.ascontiguousarray(place[:, ::-1] if rng.random() < 0.5 else place)


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
        trial = [judged.draw(number) for number in range(_JUDGED)]
        before = _error(network, trial, factor)
        _learn(network, ShotSamples(learnt, seed=seed, size=SIZE), steps, factor, on_event)
        after = _error(network, trial, factor)
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
            **{
                key: value for key, value in base.metadata.items() if key in ("training", "samples", "commit")
            },
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
        if not (result.alpha > _SURE).any():
            continue
        exposure = job.settings.exposure
        if exposure is None:
            exposure = auto_exposure(light[1], light[1])
        grain = _grain(light[2], light[1], result.alpha)
        pictures.append(ShotPicture(np.maximum(light[0], 0), result.alpha, light[1], grain, exposure))
    return pictures, min(8, max(1, factor))


def _grain(plate: np.ndarray, clean: np.ndarray, alpha: np.ndarray) -> float:
    """Measure what the plates differ by where nobody is, as `conditions.grain` counts it."""
    nobody = alpha < _NOBODY
    if not nobody.any():
        return 0.0
    difference = np.abs(plate[nobody] - clean[nobody]) / np.sqrt(np.maximum(clean[nobody], 0.0) + 0.01)
    return float(np.median(difference) / 0.6745)


def _edges(alpha: np.ndarray) -> np.ndarray:
    """Find pixels of partial coverage, some thousand: N 2, across and down; of none, any of the subject."""
    down, across = np.nonzero((alpha > _NOBODY) & (alpha < _SURE))
    if not len(down):
        down, across = np.nonzero(alpha > 0)
    step = max(1, len(down) // 5000)
    return np.stack([across, down], 1)[::step].astype(np.float64)


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


@torch.inference_mode()
def _error(network: MattingNetwork, trial: Sequence[Sample], factor: int) -> float:
    network.eval()
    wrong = []
    for sample in trial:
        plate, clean, alpha, _ = _stacked([sample])
        coarse = network.coarse(plate, clean, backbone_scale=1 / factor)
        refined = network.refine(plate, clean, coarse, mode="full")
        wrong.append(float((refined.alpha - alpha).abs().mean()))
    return 1000.0 * float(np.mean(wrong))


def _stacked(samples: Sequence[Sample]) -> list[Tensor]:
    fields = ("plate", "clean", "alpha", "foreground")
    return [
        torch.from_numpy(np.stack([getattr(sample, name) for sample in samples])).contiguous(
            memory_format=torch.channels_last
        )
        for name in fields
    ]
