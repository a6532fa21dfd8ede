"""What is asked of Howard's node for a ComfyUI batch, and the node's answer.

Frames of a batch are numbered from 1 in messages and reports.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from howard_nodes.description import OUTPUTS
from howard_nodes.hosts.comfyui.host import NodeProgress, say
from howard_nodes.hosts.comfyui.pictures import Batch, Stack, color_config, space_named, to_graph
from howard_nodes.node import HowardMatte
from howard_nodes.plates.fit import ShotFit
from howard_nodes.shot.events import Event, FrameFitted, PlatesFitted

__all__ = ["Matted", "Painted", "evaluated", "fitted_batch"]

_LOG = logging.getLogger(__name__)
_NAMES = tuple(socket.name for socket in OUTPUTS)


@dataclass(frozen=True)
class Painted:
    """A matte made by hand, and where it counts (1) and where it does not (0); None for everywhere."""

    values: Batch
    where: Batch | None = None

    def frame(self, index: int) -> np.ndarray:
        """Give one frame as the node takes it: H W, or H W 2 with coverage, premultiplied."""
        pixels = self.values.frame(index)
        if self.where is None:
            return pixels
        coverage = np.clip(self.where.frame(index), 0.0, 1.0)
        return np.dstack([pixels * coverage, coverage])


@dataclass(frozen=True)
class Matted:
    """What a matte was made of, for Howard Refine to go on from.

    Attributes
    ----------
    plate, clean : Batch
        The pictures.
    space : str
        Their colour space, as the widget says it.
    knobs : dict
        Values of all knobs.
    mattes : dict of str to Painted
        By name of input.
    fit : ShotFit, optional
        How the clean plate fits; None before it was found out, and where it is used as it is.
    """

    plate: Batch
    clean: Batch
    space: str
    knobs: dict[str, Any]
    mattes: dict[str, Painted] = field(default_factory=dict)
    fit: ShotFit | None = None


def evaluated(asked: Matted, unique_id: str | None) -> tuple[Any, ...]:
    """Evaluate a batch, frame by frame.

    Parameters
    ----------
    asked : Matted
        What is wanted of it.
    unique_id : str or None
        The ComfyUI node's number.

    Returns
    -------
    tuple
        A Tensor for each output of the node, then what was asked, with its fit.

    Raises
    ------
    InputError
        What is connected does not fit together.
    """
    count = len(asked.plate)
    for painted in asked.mattes.values():
        for batch in (painted.values, painted.where):
            if batch is not None:
                batch.must_go_with(asked.plate)
    progress = NodeProgress(2 * count)
    fit = asked.fit or fitted_batch(asked, progress, unique_id)
    node = _configured(asked)
    space = space_named(node.config, asked.space)
    stacks = {name: Stack(count) for name in _NAMES}
    reach = node.values["steadiness"]
    for number in range(1, count + 1):
        near = range(max(1, number - reach), min(count, number + reach) + 1)
        inputs: dict[str, Any] = {
            name: {one: painted.frame(one - 1) for one in near} for name, painted in asked.mattes.items()
        }
        inputs["plate"] = {one: asked.plate.frame(one - 1) for one in near}
        sources = (
            near if fit is None else {source.frame for one in near for source in fit.frames[one].sources}
        )
        inputs["clean_plate"] = _clean(asked, sources)
        outputs = node.evaluate(number, inputs, space=space, fit=fit, on_stage=lambda _: progress.heed())
        for name, pixels in outputs.items():
            if pixels.ndim == 3:
                color = np.ascontiguousarray(pixels[..., :3])
                pixels = np.dstack(
                    [to_graph(node.config, color, outputs.space, asked.space), pixels[..., 3:]]
                )
            stacks[name].add(pixels)
        progress.reach(count + number)
    return *(stacks[name].tensor() for name in _NAMES), replace(asked, fit=fit)


def fitted_batch(asked: Matted, progress: NodeProgress, unique_id: str | None) -> ShotFit | None:
    """Fit the clean plate to the batch as a shot, and say how well it fits.

    Parameters
    ----------
    asked : Matted
        The plates and the knobs.
    progress : NodeProgress
        Goes on with each frame.
    unique_id : str or None
        The ComfyUI node's number.

    Returns
    -------
    ShotFit or None
        None where nothing is to be fitted.

    Raises
    ------
    InputError
        What is connected does not fit together.
    """
    plate, clean = asked.plate, asked.clean
    if asked.knobs["align"] == "off":
        clean.must_go_with(plate)
    else:
        clean.must_have_size_of(plate)
    node = _configured(asked)

    def on_event(event: Event) -> None:
        if isinstance(event, FrameFitted):
            progress.step()
        else:
            progress.heed()

    numbers = tuple(range(1, len(plate) + 1))
    pictures = {
        "plate": {number: plate.frame(number - 1) for number in numbers},
        "clean_plate": _clean(asked, range(1, len(clean) + 1)),
    }
    space = space_named(node.config, asked.space)
    fit = node.fit(numbers, pictures, space=space, on_event=on_event)
    progress.reach(len(plate))
    if fit is not None:
        say(fit.summary, unique_id)
        for number, message in PlatesFitted.of(fit).messages.items():
            _LOG.warning("Howard: frame %d: %s", number, message)
    return fit


@lru_cache(maxsize=1)
def _node() -> HowardMatte:
    """Give the one node of this process: its cache serves all workflows, which ComfyUI runs one by one."""
    return HowardMatte(config=color_config())


def _configured(asked: Matted) -> HowardMatte:
    node = _node()
    node.configure(**asked.knobs)
    return node


def _clean(asked: Matted, numbers: Iterable[int]) -> np.ndarray | dict[int, np.ndarray]:
    """Give frames of the clean plate; one that is alone stands for all."""
    if len(asked.clean) == 1:
        return asked.clean.frame(0)
    return {number: asked.clean.frame(number - 1) for number in numbers}
