"""Pulling a matte: render the inputs, have the worker evaluate them, read the result back."""

from __future__ import annotations

import threading
import time
from typing import Any

from . import colour, description, files, graph, host, panel, session
from .client import CANCELLED, Request, WorkerError  # type: ignore[import-not-found]
from .errors import PluginError

__all__ = ["cancel", "pull"]

_LAYERS = ("rgba", "foreground", "coarse", "error")
_PAUSE = 0.1
_RUNNING: dict[str, _Pull] = {}


def pull(node: Any, what: str) -> None:
    """Pull the matte of some frames; see `howard_nuke.pull`.

    Raises
    ------
    PluginError, WorkerError, RuntimeError
        It cannot be done, in a terminal; with an interface that is shown.
    """
    try:
        prepared = _prepare(node, what)
        if host.has_interface():
            threading.Thread(target=prepared.run, name="howard-pull", daemon=True).start()
    except (PluginError, WorkerError, RuntimeError) as error:
        if not host.has_interface():
            raise
        host.message(str(error))
    else:
        if not host.has_interface():
            prepared.run()


def cancel(node: Any) -> None:
    """Stop what is being pulled for a group, between frames."""
    running = _RUNNING.get(host.full_name(node))
    if running is not None:
        running.cancelled.set()


def _prepare(node: Any, what: str) -> _Pull:
    """Render the inputs; raises where that, or anything else before the worker's turn, is not possible."""
    document = description.load()
    name = host.full_name(node)
    if name in _RUNNING:
        raise PluginError(f"{name} is already being pulled: wait for it, or press Cancel.")
    if host.is_proxy():
        raise PluginError("The script is in proxy mode: switch it off to get full-size mattes.")
    values = host.values(node, panel.stored_names(document))
    missing = panel.own_names(document) - set(values)
    if missing:
        raise PluginError(f"{name} was made by another version of the plug-in: make a new one.")
    first = last = host.current_frame()
    if what == "range":
        first, last = int(values["first"]), int(values["last"])
        if last < first:
            raise PluginError(f"The range {first} to {last} has no frames.")
    connected = host.connected(node, len(document["inputs"]))
    for socket, is_connected in zip(document["inputs"], connected):
        if socket["required"] and not is_connected:
            raise PluginError(f"Connect something to the input {socket['name']}: {socket['help']}")
    knobs = description.settings(document["knobs"], values, panel.AUTOMATIC)
    options = description.settings(document["options"], values, panel.AUTOMATIC)
    space = colour.working_space(values["working_space"], *host.colour_management())
    layers = _LAYERS + (graph.MORE_LAYERS if values["more_layers"] else ())
    options.update(colorspace=space, clean_colorspace=space, layers=",".join(layers))

    command_line = session.command_line()
    work_folder = files.work_folder(values["folder"], name)
    inputs = {}
    for i, socket in enumerate(document["inputs"]):
        if connected[i]:
            pattern = _rendered(node, i, socket, values, work_folder, (first, last))
            inputs[socket["name"]] = pattern.of_howard()
    result = files.result_pattern(work_folder, name)
    return _Pull(node, name, (first, last), command_line, inputs, result, knobs, options)


def _rendered(
    node: Any,
    i: int,
    socket: dict[str, Any],
    values: dict[str, Any],
    folder: str,
    frames: tuple[int, int],
) -> files.Pattern:
    """Render an input, unless it is there and may be used again."""
    first, last = frames
    still = False
    if socket["type"] == "color" and i > 0:
        begin, end = host.frame_range(node, i)
        still = begin == end
        if still:
            first = last = begin
    pattern = files.input_pattern(folder, socket["name"], still)
    if socket["type"] == "matte":
        host.set_inside(node, graph.picking(socket["name"], values))
    elif values["reuse_plates"] and files.are_there(pattern, range(first, last + 1)):
        return pattern
    host.render(node, graph.write_node(socket["name"]), pattern.of_nuke(), first, last)
    return pattern


class _Pull:
    """One pull, from rendered inputs to a result that is shown."""

    def __init__(
        self,
        node: Any,
        name: str,
        frames: tuple[int, int],
        command_line: tuple[list[str], dict[str, str]],
        inputs: dict[str, str],
        result: files.Pattern,
        knobs: dict[str, Any],
        options: dict[str, Any],
    ) -> None:
        self.cancelled = threading.Event()
        self._node, self._name, self._frames = node, name, frames
        self._command_line = command_line
        self._inputs, self._result, self._knobs, self._options = inputs, result, knobs, options
        self._told = (0.0, "starting Howard")
        self._over = 0
        _RUNNING[name] = self

    def run(self) -> None:
        """Have the worker do it, and show what it did: with an interface in a thread of its own."""
        progress = host.ProgressBar(f"Howard: {self._name}")
        outcome: dict[str, Any] = {}
        problem = ""
        try:
            first, last = self._frames
            request = session.worker(*self._command_line).start_evaluate(
                self._inputs,
                self._result.of_howard(),
                frames=first if first == last else f"{first}-{last}",
                knobs=self._knobs,
                options=self._options,
                on_progress=self._tell,
            )
            outcome = self._waited(request, progress)
        except WorkerError as error:
            outcome = error.data
            problem = "Cancelled; finished frames are kept." if error.code == CANCELLED else str(error)
        except PluginError as error:
            problem = str(error)
        finally:
            progress.close()
            del _RUNNING[self._name]
        if host.has_interface():
            host.in_main_thread(self._show, outcome, problem)
        else:
            self._show(outcome, problem)

    def _waited(self, request: Request, progress: host.ProgressBar) -> dict[str, Any]:
        told = None
        asked = False
        while not request.done:
            if not asked and (progress.is_cancelled() or self.cancelled.is_set()):
                asked = True
                self._told = (self._told[0], "cancelling")
                request.cancel()
            if told != self._told:
                told = self._told
                progress.show(*told)
            time.sleep(_PAUSE)
        found: dict[str, Any] = request.result()
        return found

    def _tell(self, event: dict[str, Any]) -> None:
        """Take progress, from the client's thread."""
        first, last = self._frames
        kind = event["event"]
        if kind in ("frame_done", "frame_failed"):
            self._over += 1
            self._told = (100.0 * self._over / (last - first + 1), f"frame {event['frame']}")
        elif kind == "step":
            self._told = (self._told[0], f"{event['task']} {event['done']}/{event['total']}")

    def _show(self, outcome: dict[str, Any], problem: str) -> None:
        """Show what is on disk now, and say how it went: in the main thread."""
        there = files.frames_there(self._result)
        if there:
            pattern = self._result.of_nuke()
            channels = host.show_result(self._node, graph.READ, pattern, there[0], there[-1])
            host.set_inside(self._node, graph.showing(channels))
            host.set_values(self._node, {"has_result": True})
        failed = dict(outcome.get("failed") or {})
        done = ", ".join(frames for frames in (outcome.get("done"), outcome.get("skipped")) if frames)
        said = [f"done: {done or 'nothing'}"]
        said += [f"frame {frame}: {why}" for frame, why in failed.items()]
        said += [problem] if problem else []
        fit = outcome.get("fit") or {}
        said += [fit["summary"]] if fit.get("summary") else []
        misfits = fit.get("failed")
        if misfits:
            said.append(f"the clean plate could not be fitted to {misfits}: it is used as it is there")
        host.set_values(self._node, {"status": "\n".join(said)})
        if problem or failed or misfits:
            if not host.has_interface():
                raise PluginError("\n".join(said))
            host.message("\n".join(said))
