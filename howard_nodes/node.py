"""HowardMatte, the node: what every host puts a skin on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from howard_nodes.color import ColorConfig
from howard_nodes.description import (
    INPUTS,
    KNOBS,
    OUTPUTS,
    STAGES,
    ComputeSettings,
    FitSettings,
    Knob,
    MatteSettings,
    Socket,
    describe,
    inputs_checked,
    knobs_checked,
    taken,
)
from howard_nodes.engine.runtime import Warm, WarmEngine
from howard_nodes.errors import FrameError, InputError
from howard_nodes.frames import Footage, Frame, Held, Window, open_footage
from howard_nodes.layers import MatteResult
from howard_nodes.plates.fit import FrameFit, ShotFit
from howard_nodes.shot.events import Event, Note
from howard_nodes.shot.inputs import Connected
from howard_nodes.shot.pair import Plates
from howard_nodes.shot.take import Take

__all__ = ["HowardMatte", "Outputs", "Picture"]

_LOG = logging.getLogger(__name__)

Picture = np.ndarray | Frame | str | Path | Mapping[int, np.ndarray] | Mapping[int, Frame]
"""What an input takes: an array, a frame that was read, a pattern of files, or arrays or frames by number.

Arrays are H W C (H W for a matte), float16, float32 or float64: scene-linear light, unbounded, for colour; 0
to 1 for a matte.
"""

_LAYERS = {socket.name: socket.layer for socket in OUTPUTS}
_CHANNELS = {1: ("Y",), 2: ("Y", "A"), 3: ("R", "G", "B"), 4: ("R", "G", "B", "A")}


class Outputs(Mapping[str, np.ndarray]):
    """What the node gives for one frame: arrays by name of output.

    Colour is H W 3, `image` H W 4, a matte H W; all float32 and read-only, at the size of the plate's data
    window.

    Attributes
    ----------
    frame : int
        Its number.
    space : str
        Scene-linear colour space of the colour outputs.
    fit : FrameFit
        How the clean plate fits: its `verdict` and `message`.
    window : Window
        The plate's data window, which the arrays cover.
    valid : ndarray or None
        H W, 1 where there was clean plate, 0 where it was filled; None for everywhere.
    ran : tuple of str
        Stages that ran, in order; what the others gave was known.
    """

    def __init__(
        self,
        frame: int,
        result: MatteResult,
        space: str,
        fit: FrameFit,
        window: Window,
        ran: tuple[str, ...],
    ) -> None:
        self.frame, self.space, self.fit, self.window, self.ran = frame, space, fit, window, ran
        self.valid = None if result.valid is None else _locked(result.valid)
        self._result = result

    def __getitem__(self, name: str) -> np.ndarray:
        layer = _LAYERS[name]
        if layer == "rgba":
            return _locked(self._result.exr_channels((layer,))[0])
        pixels = self._result.layer(layer)[0]
        return _locked(pixels if pixels.shape[2] > 1 else pixels[..., 0])

    def __iter__(self) -> Iterator[str]:
        return iter(_LAYERS)

    def __len__(self) -> int:
        return len(_LAYERS)


class HowardMatte:
    """The node: sockets, knobs, and the evaluation of a frame.

    Only what depends on a change runs again: each of the stages read, fit, coarse, refine, unmix and solve
    keeps what it gave, by the content of what it was given.

    Parameters
    ----------
    config : ColorConfig, optional
        Decides what colour spaces are; by default `$OCIO`, else Howard's own.
    warm : Warm, optional
        What is known from before, and its bounded memory; by default nothing, and 1 GB.
    on_note : callable
        Told what a user should know, in words.
    **knobs
        Values of `KNOBS`, by name.

    Raises
    ------
    InputError
        An unknown knob, or a value that will not do.
    """

    inputs: ClassVar[tuple[Socket, ...]] = INPUTS
    outputs: ClassVar[tuple[Socket, ...]] = OUTPUTS
    knobs: ClassVar[tuple[Knob, ...]] = KNOBS

    def __init__(
        self,
        *,
        config: ColorConfig | None = None,
        warm: Warm | None = None,
        on_note: Callable[[str], None] = _LOG.warning,
        **knobs: Any,
    ) -> None:
        self.config = config or ColorConfig.load()
        self._warm = warm or Warm()
        self._on_note = on_note
        self._fitting, self._matting, self._computing = FitSettings(), MatteSettings(), ComputeSettings()
        self._engine: WarmEngine | None = None
        self.configure(**knobs)

    @staticmethod
    def describe() -> dict[str, Any]:
        """Describe the node, as `howard node describe --json` does."""
        return describe()

    @property
    def values(self) -> dict[str, Any]:
        """Values of all knobs, by name."""
        return asdict(self._matting) | asdict(self._fitting) | asdict(self._computing)

    def configure(self, **knobs: Any) -> None:
        """Change some knobs; the others stay as they are.

        Parameters
        ----------
        **knobs
            Values of `KNOBS`, by name.

        Raises
        ------
        InputError
            An unknown knob or a value that will not do; nothing is changed then.
        """
        values = self.values | knobs_checked(knobs)
        computing = taken(ComputeSettings, values)
        self._matting, self._fitting = taken(MatteSettings, values), taken(FitSettings, values)
        if computing != self._computing:
            self._computing, self._engine = computing, None

    def evaluate(
        self,
        frame: int,
        inputs: Mapping[str, Picture | None],
        *,
        space: str | None = None,
        fit: ShotFit | None = None,
        on_stage: Callable[[str], None] = lambda _: None,
    ) -> Outputs:
        """Evaluate one frame.

        Parameters
        ----------
        frame : int
            Its number: what is read of files, and what messages name.
        inputs : mapping of str to Picture
            By name of input (`INPUTS`); None where nothing is connected.
        space : str, optional
            Colour space of colour inputs, in place of what they say; display spaces are converted. By default
            arrays are in the configuration's scene_linear, files and frames in what their tags or the file
            rules say.
        fit : ShotFit, optional
            From `fit`; by default the clean plate is fitted to this frame alone, or to it and its neighbours
            where those steady it.
        on_stage : callable
            Told of each stage that runs, of `STAGES`; what it raises ends the evaluation.

        Returns
        -------
        Outputs
            In the plate's colour space where that is scene-linear, else the configuration's scene_linear.

        Raises
        ------
        InputError
            An unknown or missing input, a size, number of channels or type that will not do.
        FrameError
            A file is missing or damaged, or a picture of another size.
        """
        connected: dict[str, Picture] = inputs_checked(inputs)
        ran: set[str] = set()

        def told(stage: str) -> None:
            ran.add(stage)
            on_stage(stage)

        shot = self._connect(connected, (frame,), space, told)
        if fit is not None:
            shot.plates.fit = fit
        else:
            shot.solve_fit()
        content = shot.content(frame)
        read = shot.read(frame, content)
        result = shot.solved(read, around=shot.around(frame, read, content))
        return Outputs(
            frame,
            result,
            read.pictures.space,
            shot.plates.frame_fit(frame),
            read.header.data_window,
            tuple(stage for stage in STAGES if stage in ran),
        )

    def fit(
        self,
        frames: tuple[int, ...],
        inputs: Mapping[str, Picture | None],
        *,
        space: str | None = None,
        on_event: Callable[[Event], None] = lambda _: None,
    ) -> ShotFit | None:
        """Fit the clean plate to a whole shot: a camera that stands still gets one motion for all frames.

        Parameters
        ----------
        frames : tuple of int
            Frames of the plate.
        inputs : mapping of str to Picture
            `plate` and `clean_plate`, by number or as patterns of files.
        space : str, optional
            As for `evaluate`.
        on_event : callable
            Told of each frame.

        Returns
        -------
        ShotFit or None
            For `evaluate`; None where the knobs say that the clean plate is used as is.

        Raises
        ------
        InputError
            As for `evaluate`.
        """
        connected: dict[str, Picture] = inputs_checked(inputs)
        shot = self._connect(connected, frames, space, lambda _: None, on_event)
        shot.solve_fit()
        for frame in shot.fit.frames if shot.fit is not None else ():
            shot.content(frame)  # a frame that is evaluated alone then keeps this fit
        return shot.fit

    def _connect(
        self,
        connected: Mapping[str, Picture],
        frames: tuple[int, ...],
        space: str | None,
        on_stage: Callable[[str], None],
        on_event: Callable[[Event], None] = lambda _: None,
    ) -> Connected:
        def tell(event: Event) -> None:
            if isinstance(event, Note) and event.warning:
                self._on_note(event.message)
            on_event(event)

        if self._engine is None:
            self._engine = self._warm.engine(self.config, self._matting, self._computing, self._on_note)
        # Somebody else who shares what is warm may have used it since.
        engine = self._engine.engine
        engine.settings, engine.network.on_note = self._matting, self._on_note
        footage = {
            socket.name: self._footage(socket, connected[socket.name], space)
            for socket in INPUTS
            if socket.name in connected
        }
        takes = [
            Take(
                footage.pop(name),
                self.config,
                tell,
                what=what,
                colorspace=space,
                cache=self._warm.cache,
                on_stage=on_stage,
            )
            for name, what in (("plate", "plate"), ("clean_plate", "clean plate"))
        ]
        plate = takes[0].footage
        if not plate.select(frames):
            raise FrameError("the plate has no such frame.", path=plate.path(frames[0]), frame=frames[0])
        reach = self._matting.steadiness
        plates = Plates(takes[0], takes[1], frames, self._fitting, tell, reach=reach)
        plates.check_headers()
        return Connected(plates, footage, self._engine, self._warm, tell, on_stage)

    def _footage(self, socket: Socket, picture: Picture, space: str | None) -> Footage:
        if isinstance(picture, str | Path):
            return open_footage(picture)
        if isinstance(picture, Mapping):
            if not picture:
                raise InputError(f"the input '{socket.name}' holds no frames.")
            return Held(
                socket.label.lower(),
                {number: self._frame(socket, one, space) for number, one in picture.items()},
            )
        return Held(socket.label.lower(), self._frame(socket, picture, space))

    def _frame(self, socket: Socket, picture: np.ndarray | Frame, space: str | None) -> Frame:
        if isinstance(picture, Frame):
            return picture
        if not isinstance(picture, np.ndarray):
            raise InputError(
                f"the input '{socket.name}' is a {type(picture).__name__}: "
                "give an array, a Frame or a pattern of files."
            )
        if picture.dtype not in (np.float16, np.float32, np.float64):
            raise InputError(
                f"the input '{socket.name}' holds {picture.dtype}: give floating point, "
                + ("0 to 1." if socket.type == "matte" else "scene-linear or with its colour space.")
            )
        shape = picture.shape
        channels = 1 if picture.ndim == 2 else shape[2] if picture.ndim == 3 else 0
        allowed = (1, 2, 3, 4) if socket.type == "matte" else (3, 4)
        if channels not in allowed or 0 in shape:
            raise InputError(
                f"the input '{socket.name}' has shape {shape}: give height x width"
                + (", or that x 1 to 4 channels." if socket.type == "matte" else " x 3 (red, green, blue).")
            )
        window = Window(0, 0, shape[1], shape[0])
        pixels = picture.reshape(*shape[:2], channels)
        return Frame(pixels, _CHANNELS[channels], space or self.config.scene_linear, window, window)


def _locked(pixels: np.ndarray) -> np.ndarray:
    """Make a view that cannot be written to: what is behind it is kept for the next evaluation."""
    view = pixels.view()
    view.flags.writeable = False
    return view
