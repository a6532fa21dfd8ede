"""Howard Matte, Howard Fit Clean Plate, Howard Refine: the node on ComfyUI's batches.

Frames of a batch are numbered from 1 in messages and reports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from howard_nodes.description import INPUTS, KNOBS, OUTPUTS, STAGES, ComputeSettings, FitSettings, knobs_of
from howard_nodes.errors import InputError
from howard_nodes.frames import Window
from howard_nodes.hosts.comfyui.evaluating import Matted, Painted, evaluated, fitted_batch
from howard_nodes.hosts.comfyui.host import NodeProgress
from howard_nodes.hosts.comfyui.pictures import (
    Batch,
    Stack,
    color_config,
    images,
    masks,
    space_named,
    space_widget,
    to_graph,
)
from howard_nodes.hosts.comfyui.widgets import inputs_of, knob_values, outputs_of, widgets_of
from howard_nodes.plates.fit import FrameFit, ShotFit, Source
from howard_nodes.plates.fitted import fitted_clean
from howard_nodes.plates.moved import follow_moved_parts
from howard_nodes.shot.events import PlatesFitted

__all__ = ["MATTED", "WHERE", "FitCleanPlate", "Matte", "Refine"]

MATTED = "HOWARD_MATTE"
"""ComfyUI's name for the type `Matted`."""

WHERE = "_where"
"""End of the name of an input that says where the override before it counts."""

_PLATES = tuple(socket for socket in INPUTS if socket.required)
_MATTES = tuple(socket for socket in INPUTS if not socket.required)
_FITTING = (*knobs_of(FitSettings), *knobs_of(ComputeSettings))
_REFINING = tuple(knob for knob in KNOBS if knob.stage in STAGES[STAGES.index("refine") :])
_TYPES, _NAMES, _TOOLTIPS = outputs_of(OUTPUTS)


class _GivesAll:
    """What Howard Matte and Howard Refine have in common."""

    CATEGORY = "Howard"
    RETURN_TYPES = (*_TYPES, MATTED)
    RETURN_NAMES = (*_NAMES, "matte")
    OUTPUT_TOOLTIPS = (*_TOOLTIPS, "For Howard Refine.")


class Matte(_GivesAll):
    """Howard Matte: plate and clean plate in; alpha, straight foreground, coarse matte and error map out."""

    DESCRIPTION = (
        "Pulls a matte from a plate and a clean plate. A batch is a shot: the clean plate is "
        "fitted to all of it. In masks 1 is the subject; masks from ComfyUI's Load Image are "
        "inverted."
    )
    FUNCTION = "matte"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Declare inputs and widgets."""
        return {
            "required": {**inputs_of(_PLATES), **space_widget()},
            "optional": {**_matte_inputs(), **widgets_of(KNOBS)},
            "hidden": {"unique_id": "UNIQUE_ID"},
        }

    def matte(
        self, plate: Any, clean_plate: Any, space: str, unique_id: str | None = None, **given: Any
    ) -> tuple[Any, ...]:
        """Matte a batch.

        Parameters
        ----------
        plate : Tensor
            IMAGE, B H W 3; an alpha is left out.
        clean_plate : Tensor
            IMAGE of the same size: one frame, as many as the plate, or another take's, which is paired by
            what it shows.
        space : str
            Their colour space, one of `spaces`; colour comes back in it.
        unique_id : str, optional
            The node's number.
        **given
            Mattes, and values of widgets.

        Returns
        -------
        tuple
            The node's outputs in order, then a `Matted`.

        Raises
        ------
        InputError
            What is connected does not fit together.
        """
        asked = Matted(
            _color("plate", plate),
            _color("clean_plate", clean_plate),
            space,
            knob_values(given, KNOBS),
            _painted(given),
        )
        return evaluated(asked, unique_id)


class Refine(_GivesAll):
    """Howard Refine: overrides on a matte that was made before; only refine and solve run again."""

    DESCRIPTION = (
        "Refines a Howard Matte again, with other overrides, inside and outside mattes and "
        "refine settings; the rest stays. The coarse stage and the clean plate fit are reused."
    )
    FUNCTION = "refine"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Declare inputs and widgets."""
        return {
            "required": {"matte": (MATTED, {"tooltip": "From Howard Matte or another Howard Refine."})},
            "optional": {**_matte_inputs(), **widgets_of(_REFINING)},
            "hidden": {"unique_id": "UNIQUE_ID"},
        }

    def refine(self, matte: Matted, unique_id: str | None = None, **given: Any) -> tuple[Any, ...]:
        """Refine a batch again.

        Parameters
        ----------
        matte : Matted
            From `Matte.matte` or from here.
        unique_id : str, optional
            The node's number.
        **given
            Mattes, and values of widgets.

        Returns
        -------
        tuple
            As of `Matte.matte`.

        Raises
        ------
        InputError
            What is connected does not fit together.
        """
        if not isinstance(matte, Matted):
            raise InputError("matte: connect the output matte of Howard Matte.")
        knobs = matte.knobs | knob_values(given, _REFINING)
        return evaluated(replace(matte, knobs=knobs, mattes=matte.mattes | _painted(given)), unique_id)


class FitCleanPlate:
    """Howard Fit Clean Plate: a clean plate registered to its plate, its exposure matched."""

    CATEGORY = "Howard"
    DESCRIPTION = (
        "Fits a clean plate to every frame of a plate, as Howard Matte does by itself: to check "
        "it, repair it or use it in other nodes. To use it in Howard Matte, set align and "
        "match_exposure to off."
    )
    RETURN_TYPES = ("IMAGE", "MASK", "STRING")
    RETURN_NAMES = ("fitted_clean_plate", "valid", "report")
    OUTPUT_TOOLTIPS = (
        next(socket.help for socket in OUTPUTS if socket.name == "fitted_clean_plate"),
        "1 where there is clean plate, 0 where it was filled.",
        "How well it fits, as text.",
    )
    FUNCTION = "fit"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Declare inputs and widgets."""
        return {
            "required": {**inputs_of(_PLATES), **space_widget()},
            "optional": widgets_of(_FITTING),
            "hidden": {"unique_id": "UNIQUE_ID"},
        }

    def fit(
        self, plate: Any, clean_plate: Any, space: str, unique_id: str | None = None, **given: Any
    ) -> tuple[Any, Any, str]:
        """Fit a clean plate to a batch.

        Parameters
        ----------
        plate, clean_plate, space, unique_id
            As for `Matte.matte`.
        **given
            Values of widgets.

        Returns
        -------
        fitted_clean_plate : Tensor
            B H W 3.
        valid : Tensor
            B H W, 1 where there is clean plate, 0 where it was filled.
        report : str
            A line on the shot, then one on each frame that does not fit well.

        Raises
        ------
        InputError
            What is connected does not fit together.
        """
        knobs = {knob.name: knob.default for knob in KNOBS} | knob_values(given, _FITTING)
        asked = Matted(_color("plate", plate), _color("clean_plate", clean_plate), space, knobs)
        count = len(asked.plate)
        progress = NodeProgress(2 * count)
        fit = fitted_batch(asked, progress, unique_id)
        config, source = color_config(), space_named(color_config(), space)
        light = fit.space if fit is not None else config.scene_linear

        def clean(number: int) -> tuple[np.ndarray, None]:
            return config.convert(asked.clean.frame(number - 1), source, light), None

        width, height = asked.plate.size
        window = Window(0, 0, width, height)
        fitted, valid = Stack(count), Stack(count)
        for number in range(1, count + 1):
            one = FrameFit(number, (Source(number),)) if fit is None else fit.frames[number]
            made = fitted_clean(one, clean, window, window)
            if one.moved:
                frame = config.convert(asked.plate.frame(number - 1), source, light)
                made = follow_moved_parts(frame, made)
            fitted.add(to_graph(config, made.clean, light, space))
            valid.add(np.ones((height, width), np.float32) if made.valid is None else made.valid)
            progress.reach(count + number)
        return fitted.tensor(), valid.tensor(), _report(fit)


def _color(name: str, value: Any) -> Batch:
    batch = images(name, value)
    return replace(batch, tensor=batch.tensor[..., :3])


def _matte_inputs() -> dict[str, tuple[str, dict[str, Any]]]:
    """Declare mattes made by hand; what replaces the network's has a mask of where it does."""
    declared: dict[str, tuple[str, dict[str, Any]]] = {}
    for socket in _MATTES:
        declared |= inputs_of([socket])
        if socket.stage == "refine":
            tooltip = (
                f"1 where {socket.name} applies, 0 where the network's result stays. Not "
                "connected: applies everywhere."
            )
            declared[socket.name + WHERE] = ("MASK", {"tooltip": tooltip})
    return declared


def _painted(given: Mapping[str, Any]) -> dict[str, Painted]:
    """Take the mattes that are connected, by name of input."""
    painted: dict[str, Painted] = {}
    for socket in _MATTES:
        values, where = given.get(socket.name), given.get(socket.name + WHERE)
        if values is not None:
            place = None if where is None else masks(socket.name + WHERE, where)
            painted[socket.name] = Painted(masks(socket.name, values), place)
        elif where is not None:
            raise InputError(
                f"{socket.name}{WHERE}: says where {socket.name} applies, but that is not "
                "connected; connect it too."
            )
    return painted


def _report(fit: ShotFit | None) -> str:
    if fit is None:
        return "clean plate: used as is"
    told = PlatesFitted.of(fit)
    frames = (f"frame {number}: {message}" for number, message in told.messages.items())
    return "\n".join((told.summary, *fit.notes, *frames))
