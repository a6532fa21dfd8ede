"""Training of the part that weighs light: many edges of each drawing, all else as it is.

The coarse network and the refiner stay frozen, so that what they make of a sample is computed once, where it
is drawn. That takes longest: so a drawing is shot several times, each take seen at another scale and cut into
windows with edges in them, and each window learnt from some times, among others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from howard_nodes.color.encoding import decode, encode_halves
from howard_nodes.description import WORTH_REFINING
from howard_nodes.engine.weighing import EdgeLight, at_cells
from howard_nodes.network import MattingNetwork, calibrated, feathered, from_coarse
from howard_nodes.samples.source import Sample, SampleSource
from howard_nodes.solve import unmixing_cells
from howard_nodes.training.losses import error_loss

__all__ = ["TAKES", "EdgeDrawings", "Edges", "edges_of", "light_losses"]

Array = np.ndarray

TAKES = 3
"""How often a drawing is shot."""

# How much smaller the coarse stage's picture is; no multiple of the takes.
_FACTORS = (4, 2, 4, 8)
# The largest share of a picture that is refined.
_MOST = 0.12
# Cells of a window's side, the fewest that make one worth while, and how many of a take are kept: those with
# much fine detail, and those that the rules get most wrong. Without the latter, blur and fur are hardly seen.
_WINDOW, _FEWEST, _FINE, _WRONG = 64, 150, 5, 3
# Steps from one drawing to the next, windows a step, and how many are remembered.
_STEPS, _BATCH, _REMEMBERED = 3, 24, 600
# Alpha this far off is lost, and no window is kept with more than this share of it: where a body is missing,
# or a place is taken for one, nothing is to be learnt of edges.
_LOST, _MOST_LOST = 0.7, 0.2
_SEEN = 0.01


@dataclass(frozen=True)
class Edges:
    """A window of one take.

    Attributes
    ----------
    inputs : Tensor
        N C, see `howard_nodes.network.light_inputs`.
    cells : Tensor
        64 64, bool: where the N cells lie.
    alpha : Tensor
        N 4, true coverage.
    color : Tensor
        N 3, true straight foreground, encoded; NaN where none of it shows.
    """

    inputs: Tensor
    cells: Tensor
    alpha: Tensor
    color: Tensor

    def to(self, device: torch.device) -> Edges:
        """Bring them to a device."""
        return Edges(*(value.to(device) for value in vars(self).values()))


class EdgeDrawings(Dataset[list[Edges]]):
    """Windows for the steps `first` to `first + count`, of drawings of the same numbers, every third of them.

    Which are remembered from one step to the next is up to the process that draws: a run that was stopped
    goes on with others.

    Parameters
    ----------
    open_source : callable
        Makes the source of samples in that process.
    network : MattingNetwork
        Frozen.
    first, count : int
        Numbers of steps.
    """

    def __init__(
        self, open_source: Callable[[], SampleSource], network: MattingNetwork, first: int, count: int
    ) -> None:
        self.open_source, self.network, self.first, self.count = open_source, network, first, count
        self.source: SampleSource | None = None
        self.remembered: list[Edges] = []
        self.asked = 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> list[Edges]:
        if self.source is None:
            self.source = self.open_source()
        number = self.first + index
        rng = np.random.default_rng((self.source.seed, number, 1))
        if self.asked % _STEPS == 0:
            for i, sample in enumerate(self.source.takes(number, TAKES)):
                factor = _FACTORS[(number + i) % len(_FACTORS)]
                self.remembered += edges_of(self.network, sample, factor, rng)
        self.asked += 1
        for _ in range(len(self.remembered) - _REMEMBERED):
            self.remembered.pop(int(rng.integers(len(self.remembered))))
        count = len(self.remembered)
        return [self.remembered[i] for i in rng.choice(count, min(count, _BATCH), replace=False)]


@torch.inference_mode()
def edges_of(network: MattingNetwork, sample: Sample, factor: int, rng: np.random.Generator) -> list[Edges]:
    """Matte a sample as the engine would, up to where the light is weighed.

    Parameters
    ----------
    network : MattingNetwork
        In eval mode.
    sample : Sample
        With truth.
    factor : int
        How much smaller the coarse stage's picture is.
    rng : Generator
        Chooses among windows where there are many.

    Returns
    -------
    list of Edges
        Eight windows at most, those with much fine detail or much error rather than others.
    """
    plate, clean = (torch.from_numpy(picture)[None] for picture in (sample.plate, sample.clean))
    height, width = sample.alpha.shape[1:]
    coarse = network.coarse(plate, clean, backbone_scale=1 / factor)
    worth = calibrated(torch.tensor(WORTH_REFINING), network.quiet_error)
    share = float((coarse.error > worth).float().mean())
    pixels = round(min(share, _MOST * rng.uniform(0.5, 1.5)) * height * width)
    refined = network.refine(plate, clean, coarse, sample_pixels=pixels)
    alpha = feathered(refined, from_coarse(coarse.alpha, height, width))[0, 0].numpy()
    error = from_coarse(coarse.error, height, width)[0, 0].numpy()

    light, behind = (decode(picture[0]).permute(1, 2, 0).contiguous().numpy() for picture in (plate, clean))
    cells = unmixing_cells(alpha, error, (light, behind))
    if not cells.any():
        return []
    frame = EdgeLight(
        light,
        behind,
        cells,
        refined.foreground[0].permute(1, 2, 0).numpy(),
        coarse.features[0].numpy(),
        encoded=lambda colors: encode_halves(torch.from_numpy(colors)).numpy(),
        decoded=lambda colors: decode(torch.from_numpy(colors)).numpy(),
    )
    found = frame.unmixed(alpha, error, evidence=True)
    assert found.evidence is not None
    inputs, where = frame.inputs(alpha, error, found.evidence), frame.where
    truth = at_cells(sample.alpha[0], where)
    color = at_cells(np.ascontiguousarray(sample.foreground.transpose(1, 2, 0)), where)
    weight = np.where(truth > _SEEN, truth, 0.0)[..., None]
    with np.errstate(invalid="ignore"):
        color = (color * weight).sum(1) / weight.sum(1)
    number = np.full(cells.shape, -1)
    number[cells] = np.arange(len(inputs))
    found_windows = []
    for part in _windows(cells, alpha, found.alpha, sample.alpha[0], rng):
        kept = torch.from_numpy(number[part][cells[part]])
        there = np.zeros((_WINDOW, _WINDOW), bool)
        there[: cells[part].shape[0], : cells[part].shape[1]] = cells[part]
        edges = (
            inputs[kept],
            torch.from_numpy(there),
            torch.from_numpy(truth)[kept],
            torch.from_numpy(color)[kept],
        )
        found_windows.append(Edges(*edges))
    return found_windows


def _windows(
    cells: Array, alpha: Array, unmixed: Array, truth: Array, rng: np.random.Generator
) -> list[tuple[slice, slice]]:
    """Choose windows of cells, on a grid that begins anywhere."""
    fine, wrong = np.abs(cv2.Laplacian(truth, cv2.CV_32F)), np.abs(unmixed - truth)
    lost = np.abs(alpha - truth) > _LOST
    top, left = -rng.integers(0, _WINDOW // 2, 2)
    parts, scores = [], []
    for row in range(top, cells.shape[0], _WINDOW):
        for column in range(left, cells.shape[1], _WINDOW):
            part = np.s_[max(0, row) : row + _WINDOW, max(0, column) : column + _WINDOW]
            pixels = np.s_[2 * part[0].start : 2 * part[0].stop, 2 * part[1].start : 2 * part[1].stop]
            count = int(cells[part].sum())
            if count >= _FEWEST and lost[pixels].sum() < _MOST_LOST * 4 * count:
                share = rng.random() / (count + 64)
                parts.append(part)
                scores.append((share * float(fine[pixels].sum()), share * float(wrong[pixels].sum())))
    places = range(len(parts))
    chosen = sorted(places, key=lambda place: -scores[place][0])[:_FINE]
    others = [place for place in places if place not in chosen]
    chosen += sorted(others, key=lambda place: -scores[place][1])[:_WRONG]
    return [parts[place] for place in chosen]


def light_losses(network: MattingNetwork, batch: list[Edges]) -> dict[str, Tensor]:
    """Losses of the part that weighs light.

    Parameters
    ----------
    network : MattingNetwork
        With one.
    batch : list of Edges
        At least one; of pictures of one size.

    Returns
    -------
    dict of str to Tensor
        To be added up: alpha and its fine structure, the doubt about it, the foreground.
    """
    assert network.light is not None
    inputs, alpha, color = (
        torch.cat([getattr(edges, name) for edges in batch]).float() for name in ("inputs", "alpha", "color")
    )
    cells = torch.stack([edges.cells for edges in batch])
    judged = network.light(inputs, cells)
    # What is clamped later may go beyond 0 and 1 freely: cores and backgrounds become clean.
    matte = torch.where(
        alpha < 0.001,
        judged.alpha.clamp_min(0),
        torch.where(alpha > 0.999, judged.alpha.clamp_max(1), judged.alpha),
    )
    wrong = matte - alpha
    partial = ((alpha > _SEEN) & (alpha < 1 - _SEEN)).float()
    weight = 0.6 + partial
    weight = weight / weight.mean()
    shown = ~color.isnan()
    tint = torch.where(shown, judged.foreground - torch.where(shown, color, 0.0), 0.0)
    off = (judged.alpha.detach().clamp(0, 1) - alpha).abs()
    return {
        "alpha": (weight * wrong.abs()).mean(),
        "fine": _fine(wrong, cells),
        "doubt": error_loss(judged.doubt, off),
        "foreground": 0.15 * tint.abs().mean(),
    }


def _fine(wrong: Tensor, cells: Tensor) -> Tensor:
    """Tell how rough an error is, at three sizes: mean absolute difference of neighbours."""
    picture, row, column = cells.nonzero(as_tuple=True)
    planes = wrong.new_zeros((*cells.shape, 4)).index_put((picture, row, column), wrong)
    dense = F.pixel_shuffle(planes.permute(0, 3, 1, 2), 2)
    share = dense.numel() / wrong.numel()
    total: Any = 0.0
    for _ in range(3):
        across, down = dense[..., :, 1:] - dense[..., :, :-1], dense[..., 1:, :] - dense[..., :-1, :]
        total = total + (across.abs().mean() + down.abs().mean()) * share
        dense = F.avg_pool2d(dense, 2)
    return 0.5 * total
