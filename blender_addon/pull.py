# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pulling a matte: from what is plugged in to a result that the node shows."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Iterable
from typing import Any

import bpy
from bpy.props import EnumProperty, StringProperty

from . import baking, colour, description, folders, group, images, preferences, strokes, waiting, worker
from .errors import AddonError
from .threads import ThreadWork

__all__ = ["CancelPull", "PullMatte", "is_any_running", "is_running", "register", "unregister"]

_RUNNING: dict[str, worker.Work] = {}
_SHOWN_SECONDS = 1.0
_MOST_REASONS = 3


def is_running(tree: bpy.types.NodeTree) -> bool:
    """Tell whether a group's matte is being pulled."""
    return tree.name in _RUNNING and not _RUNNING[tree.name].is_over


def is_any_running() -> bool:
    """Tell whether any matte is being pulled."""
    return any(not work.is_over for work in _RUNNING.values())


@dataclasses.dataclass
class _Pull:
    """One pull.

    Attributes
    ----------
    group : str
        Name of its tree: trees themselves do not outlive an undo.
    request : dict
        What the worker is asked for.
    timing : Timing or None
        Of the plate, so of the result; None for a single image.
    numbers : frozenset of int
        Of the plate's pictures that are pulled.
    total, over : int
        How many, and how many of them are done or have failed.
    doing : str
        For the artist.
    warnings : list of str
        What may not be as it was meant.
    newest : str
        A file that was written since the node was brought up to date, or empty.
    shown_at : float
        When that was.
    """

    group: str
    request: dict[str, Any]
    timing: images.Timing | None
    numbers: frozenset[int]
    total: int = 1
    over: int = 0
    doing: str = "starting Howard"
    warnings: list[str] = dataclasses.field(default_factory=list)
    newest: str = ""
    shown_at: float = 0.0

    def take(self, event: dict[str, Any]) -> None:
        """Take in an event of the worker's."""
        kind = event["event"]
        if kind == "started":
            self.total = max(int(event["total"]), 1)
        elif kind == "step":
            self.doing = f"{event['task']} {event['done']}/{event['total']}"
        elif kind == "note" and event["warning"]:
            self.warnings.append(str(event["message"]))
        elif kind in ("frame_done", "frame_failed"):
            self.over += 1
            self.doing = f"frame {event['frame']}, {self.over} of {self.total}"
            if kind == "frame_done" and event["paths"]:
                self.newest = str(event["paths"][0])

    def show(self, *, at_once: bool) -> None:
        """Have the node show what is new on disk. Raises `AddonError`."""
        if not self.newest or not (at_once or time.monotonic() - self.shown_at > _SHOWN_SECONDS):
            return
        tree = bpy.data.node_groups.get(self.group)
        if tree is None:
            raise AddonError(f"{self.group} was deleted; its result is {self.newest}.")
        group.show(tree, self.newest, self.timing)
        self.newest, self.shown_at = "", time.monotonic()

    def remember(self, failed: dict[int, str]) -> None:
        """Keep with the node which frames could not be made; what is known of others stays."""
        tree = bpy.data.node_groups.get(self.group)
        if tree is None:
            return
        pulled = {images.frame_of(self.timing, number) for number in self.numbers}
        for name, new in (("failures", failed), ("fitted", {})):
            known = json.loads(getattr(tree.howard, name) or "{}")
            known = {frame: said for frame, said in known.items() if int(frame) not in pulled}
            known |= {str(images.frame_of(self.timing, number)): why for number, why in new.items()}
            setattr(tree.howard, name, json.dumps(known) if known else "")


class PullMatte(waiting.Waiting, bpy.types.Operator):
    """Pull a matte."""

    bl_idname = "howard.pull_matte"
    bl_label = "Pull Matte"
    bl_description = "Pull the matte: Howard writes it to files, and the node shows them. ESC cancels"
    __annotations__ = {
        "group": StringProperty(
            name="Group",
            description="Name of the node's group; empty: the active node",
            options={"SKIP_SAVE"},
        ),
        "frames": EnumProperty(
            name="Frames",
            items=(
                ("CURRENT", "This Frame", "The current frame"),
                ("RANGE", "Frame Range", "The scene's frame range, or its preview range"),
            ),
            default="CURRENT",
        ),
    }

    def begin(self, context: bpy.types.Context) -> worker.Work:
        """Find out what is wanted, and hand it over."""
        self._name = self.group
        node = group.find(self.group, context)
        self._name = node.node_tree.name
        if is_running(node.node_tree):
            raise AddonError(f"{self._name} is already being pulled: wait for it, or cancel it.")
        howard = preferences.command(context)  # before mattes are rendered, which takes its time
        self._pull = _prepared(node, _wanted(context.scene, self.frames))
        request = self._pull.request
        work = worker.Work(
            howard,
            lambda running, on_progress: running.start_evaluate(**request, on_progress=on_progress),
        )
        _RUNNING[self._name] = work
        return work

    def follow(self, _context: bpy.types.Context, work: ThreadWork) -> tuple[float, str]:
        """Show results as they come in."""
        for event in work.events():
            self._pull.take(event)
        with contextlib.suppress(AddonError):  # told in the end, if it still holds
            self._pull.show(at_once=False)
        return self._pull.over / self._pull.total, self._pull.doing

    def show(self, context: bpy.types.Context, work: ThreadWork) -> str:
        """Show all there is, and say how it went."""
        self._pull.show(at_once=True)
        outcome = work.result()
        said = [f"Done: {self._frames(outcome) or 'nothing'}"]
        failed = {int(frame): why for frame, why in (outcome.get("failed") or {}).items()}
        self._pull.remember(failed)
        if failed:
            reasons = list(dict.fromkeys(failed.values()))
            said += [f"Failed: {self._in_words(_listed(sorted(failed)))}", *reasons[:_MOST_REASONS]]
            said += [f"and {len(reasons) - _MOST_REASONS} more"] * (len(reasons) > _MOST_REASONS)
            said += ["Fix that and pull them again; the others are kept."]
        said += dict.fromkeys(self._pull.warnings)
        fit = outcome.get("fit") or {}
        said += [str(fit["summary"]).capitalize()] if fit.get("summary") else []
        misfits = fit.get("failed")
        if misfits:
            where = self._in_words(misfits)
            said.append(f"The clean plate could not be fitted to {where}: it is used as it is there.")
        self.tell(context, "\n".join(said))
        return "\n".join(said) if failed or misfits else ""

    def cancelled(self, done: dict[str, Any]) -> str:
        """Say which frames are there."""
        frames = self._frames(done)
        return f"Cancelled; finished before: {frames}" if frames else "Cancelled; no frame was finished"

    def tell(self, _context: bpy.types.Context, problem: str) -> None:
        """Keep how it went with the node."""
        tree = bpy.data.node_groups.get(self._name)
        if tree is not None and group.is_matte(tree):
            tree.howard.status = problem

    def _frames(self, outcome: dict[str, Any]) -> str:
        """Name the frames that are there: those that were done, and those that were left alone."""
        numbers = ",".join(part for part in (outcome.get("done"), outcome.get("skipped")) if part)
        return self._in_words(numbers) if numbers else ""

    def _in_words(self, numbers: str) -> str:
        if self._pull.timing is None:
            return "the image"
        return f"frame{'' if numbers.isdigit() else 's'} {numbers.replace(',', ', ')}"


class CancelPull(bpy.types.Operator):
    """Stop a pull."""

    bl_idname = "howard.cancel_pull"
    bl_label = "Cancel"
    bl_description = "Stop after the frames in progress; finished frames are kept"
    __annotations__ = {"group": StringProperty(options={"SKIP_SAVE"})}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """There is something to stop."""
        return is_any_running()

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Ask for an end, of all where no group is named."""
        for name, work in _RUNNING.items():
            if self.group in ("", name):
                work.cancel()
        return {"FINISHED"}


def register() -> None:
    """Register the operators."""
    bpy.utils.register_class(PullMatte)
    bpy.utils.register_class(CancelPull)


def unregister() -> None:
    """Stop everything, and take the operators back."""
    for work in _RUNNING.values():
        work.cancel()
    _RUNNING.clear()
    bpy.utils.unregister_class(CancelPull)
    bpy.utils.unregister_class(PullMatte)


def _wanted(scene: bpy.types.Scene, frames: str) -> range:
    if frames == "CURRENT":
        return range(scene.frame_current, scene.frame_current + 1)
    if scene.use_preview_range:
        return range(scene.frame_preview_start, scene.frame_preview_end + 1)
    return range(scene.frame_start, scene.frame_end + 1)


def _prepared(node: bpy.types.Node, wanted: range) -> _Pull:
    tree = node.node_tree
    plates = {name: images.required(node, name) for name in ("plate", "clean_plate")}
    plate, clean = plates["plate"], plates["clean_plate"]
    shown = _shown(plate, wanted)
    here = folders.folder(tree)
    numbering = "" if plate.timing is None else ".####"
    output = here / f"{here.name}{numbering}.exr"
    options = description.settings(description.load()["options"], tree.howard)
    options.update(
        ocio=colour.configuration(),
        colorspace=plate.colorspace or colour.SCENE_LINEAR,
        clean_colorspace=clean.colorspace or colour.SCENE_LINEAR,
        output_colorspace=colour.SCENE_LINEAR,
        clean_offset=clean.timing.shift - plate.timing.shift if plate.timing and clean.timing else 0,
        layers=",".join(_layers(all_of_them=tree.howard.more_layers)),
    )
    knobs = description.settings(description.load()["knobs"], tree.howard)
    patterns = {name: footage.pattern for name, footage in plates.items()}
    # Mattes are used as Blender has them, whatever nodes they come through.
    for name, socket in description.inputs().items():
        if socket["required"]:
            continue
        plugged, has_strokes = images.source(node, socket), strokes.is_for(tree, name, shown.values())
        if plugged is None and not has_strokes:
            continue
        pattern = here / "inputs" / f"{name}{numbering}.exr"
        files = {number: folders.numbered(pattern, number) for number in shown}
        if plugged is not None:
            with_alpha = has_strokes or _may_be_partial(plugged, name)
            to_bake = ((frame, files[number]) for number, frame in shown.items())
            baking.bake(plugged, to_bake, plate.size, with_alpha=with_alpha)
        if has_strokes:
            strokes.write(files, shown, tree, name, plate.size, is_baked=plugged is not None)
        patterns[name] = str(pattern)
    request = {
        "inputs": patterns,
        "output": str(output),
        "frames": None if plate.timing is None else _listed(sorted(shown)),
        "knobs": knobs,
        "options": options,
    }
    folders.keep_replaced(output, shown)
    return _Pull(tree.name, request, plate.timing, frozenset(shown), total=len(shown))


def _may_be_partial(plugged: bpy.types.NodeSocket, name: str) -> bool:
    """Tell whether an override's alpha says where it counts: a picture has one, a value has none."""
    return plugged.type == "RGBA" and name.endswith("_override")


def _shown(plate: images.Footage, wanted: range) -> dict[int, int]:
    """Give the plate's pictures, by number, and for each a frame of the scene at which it is shown."""
    if plate.timing is None:
        return {1: wanted[0]}
    shown: dict[int, int] = {}
    for frame in wanted:
        number = plate.timing.number(frame)
        if number is not None:
            shown.setdefault(number, frame)
    if not shown:
        raise AddonError(
            f"The plate starts at frame {plate.timing.start}: nothing comes before. Change the "
            "start frame in its node, or go to a frame in its range."
        )
    return shown


def _layers(*, all_of_them: bool) -> Iterable[str]:
    if all_of_them:
        return [one["layer"] for one in description.outputs().values()]
    return description.usual_layers()


def _listed(numbers: list[int]) -> str:
    """Write numbers, sorted, as the worker reads them: 1001-1003,1005."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
