"""What the compute process does: its methods, and what stays warm between them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from howard_nodes.atomic import MARK, remove_unfinished
from howard_nodes.color import ColorConfig
from howard_nodes.description import ComputeSettings, FitSettings, MatteSettings, taken
from howard_nodes.engine.runtime import Warm
from howard_nodes.errors import HowardError
from howard_nodes.frames import parse_frames
from howard_nodes.node import HowardMatte
from howard_nodes.shot.events import Event, Note, to_json
from howard_nodes.shot.plan import open_mattes, open_plates
from howard_nodes.shot.run import run
from howard_nodes.worker.memory import attach, put
from howard_nodes.worker.protocol import Code, RequestError
from howard_nodes.worker.requests import FileRequest, PixelRequest, Session, evaluation

__all__ = ["Computing", "Tell"]

Tell = Callable[[dict[str, Any]], None]
"""Takes progress: an event, as `howard_nodes.shot.events.to_json` writes it, as a dict."""


class Computing:
    """The methods of the compute process.

    Each takes params, whom to tell of progress, and whom to ask whether it is cancelled; it gives its result,
    as docs/worker-protocol.md says, or raises.

    Attributes
    ----------
    mark : str
        In the names of this process's unfinished files.
    """

    def __init__(self) -> None:
        self.mark = MARK
        self._warm = Warm()
        self._nodes: dict[str | None, HowardMatte] = {}
        self._on_note: Callable[[str], None] = lambda _: None

    def warm(self, params: dict[str, Any], tell: Tell, _cancelled: Callable[[], bool]) -> dict[str, Any]:
        """Load a network: `knobs` (all of them) and `ocio`."""
        knobs = params["knobs"]
        warm = self._warm.engine(
            ColorConfig.load(params["ocio"]),
            taken(MatteSettings, knobs),
            taken(ComputeSettings, knobs),
            lambda message: tell(_event(Note(message, warning=True))),
        )
        return {
            "device": str(warm.engine.network.device),
            "precision": warm.engine.network.precision,
            "weights": warm.weights,
        }

    def evaluate(self, params: dict[str, Any], tell: Tell, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """Evaluate frames from files to files; what became of them is told, the result is empty."""
        spared = parse_frames(params["spared"]) if "spared" in params else ()
        request = evaluation({name: value for name, value in params.items() if name != "spared"}, Session())
        assert isinstance(request, FileRequest)
        report = run(
            request.job(),
            lambda event: tell(_event(event)),
            warm=self._warm,
            cancelled=cancelled,
            spared=spared,
        )
        if report.cancelled:
            raise RequestError(Code.CANCELLED, "cancelled")
        return {}

    def pixels(self, params: dict[str, Any], tell: Tell, _cancelled: Callable[[], bool]) -> dict[str, Any]:
        """Evaluate one frame from shared memory to shared memory."""
        request = evaluation(params, Session())
        assert isinstance(request, PixelRequest)
        began = time.monotonic()
        # The outputs too before anything is computed: what is not there shall not be found out then.
        wanted = {name: attach(name, block) for name, block in request.outputs.items()}
        inputs = {name: attach(name, block).astype(np.float32) for name, block in request.inputs.items()}
        node = self._node(request.ocio)
        node.configure(**request.knobs)
        self._on_note = lambda message: tell(_event(Note(message, True, request.frame)))
        outputs = node.evaluate(request.frame, inputs, space=request.space)
        for name, into in wanted.items():
            put(outputs[name], into)
        return {
            "frame": request.frame,
            "space": outputs.space,
            "ran": list(outputs.ran),
            "fit": {"verdict": outputs.fit.verdict, "message": outputs.fit.message},
            "seconds": time.monotonic() - began,
        }

    def read(self, params: dict[str, Any], tell: Tell, cancelled: Callable[[], bool]) -> dict[str, Any]:
        """Read `frames` of the request `of` and leave it at that; each is told before it is read."""
        request = evaluation(params["of"], Session())
        assert isinstance(request, FileRequest)
        job = replace(request.job(), fitting=FitSettings(align="off", match_exposure="off"))
        plates = open_plates(job, ColorConfig.load(job.ocio), lambda _: None, cache=self._warm.cache)
        mattes = open_mattes(job, plates.plate.footage)
        for frame in parse_frames(params["frames"]):
            if cancelled():
                raise RequestError(Code.CANCELLED, "cancelled")
            tell({"event": "reading", "frame": frame})
            with suppress(HowardError):  # said when it is evaluated
                plates.read(frame)
                for matte in mattes.values():
                    matte.read(frame)
        return {}

    @staticmethod
    def remove_unfinished() -> None:
        """Remove what is being written: this process ends in the middle of it."""
        remove_unfinished()

    def _node(self, ocio: str | None) -> HowardMatte:
        if ocio not in self._nodes:
            config = ColorConfig.load(ocio)
            self._nodes = {
                ocio: HowardMatte(
                    config=config, warm=self._warm, on_note=lambda message: self._on_note(message)
                )
            }
        return self._nodes[ocio]


def _event(event: Event) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(to_json(event))
    return told
