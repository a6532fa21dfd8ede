# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clean plates: how well one fits, before any matte is pulled, and building one from the take."""

from __future__ import annotations

import json
from pathlib import Path

import bpy
from bpy.props import EnumProperty, StringProperty

from . import colour, description, folders, group, images, preferences, waiting
from .errors import AddonError
from .program import Program
from .threads import ThreadWork

__all__ = ["BuildCleanPlate", "FitCleanPlate", "register", "unregister"]

_BUILT = "Built Clean Plate"


class _Working(waiting.Waiting):
    """An operator that runs a howard command about the clean plate of a node."""

    def follow(self, _context: bpy.types.Context, work: ThreadWork) -> tuple[float, str]:
        """Take in how far it is."""
        for event in work.events():
            kind = event["event"]
            if kind == "started":
                self._total = max(int(event["total"]), 1)
            elif kind == "step":
                self._doing = f"{event['task']} {event['done']}/{event['total']}"
                self._part = event["done"] / max(event["total"], 1)
            elif kind == "frame_fitted":
                verdict = event["verdict"]
                self._said[int(event["frame"])] = verdict, event["message"].removeprefix(f"{verdict}: ")
                self._part = len(self._said) / self._total
                self._doing = f"frame {event['frame']}, {len(self._said)} of {self._total}"
            elif kind == "note" and event["warning"]:
                self._warnings.append(str(event["message"]))
        return self._part, self._doing

    def tell(self, _context: bpy.types.Context, problem: str) -> None:
        """Keep how it went with the node."""
        tree = bpy.data.node_groups.get(self._name)
        if tree is not None and group.is_matte(tree):
            tree.howard.clean_status = problem

    def _begun(self, context: bpy.types.Context, name: str) -> bpy.types.Node:
        self._name = name
        node = group.find(name, context)
        self._name, self._total, self._part, self._doing = node.node_tree.name, 1, 0.0, "starting Howard"
        self._said: dict[int, tuple[str, str]] = {}
        self._warnings: list[str] = []
        return node


class FitCleanPlate(_Working, bpy.types.Operator):
    """Find out how well the clean plate fits."""

    bl_idname = "howard.fit_clean_plate"
    bl_label = "Fit"
    bl_description = (
        "Find out how well the clean plate fits each frame of the scene's range, without pulling a matte"
    )
    __annotations__ = {"group": StringProperty(options={"SKIP_SAVE"})}

    def begin(self, context: bpy.types.Context) -> Program:
        """Start `howard plate fit`."""
        node = self._begun(context, self.group)
        plate, clean = (images.required(node, name) for name in ("plate", "clean_plate"))
        self._timing = plate.timing
        knobs = description.settings(description.load()["knobs"], node.node_tree.howard)
        words = [
            *(preferences.command(context)),
            *("plate", "fit", plate.pattern, "--clean", clean.pattern, "--json"),
            *("-o", str(_folder(node) / "fit.json")),
            *_colours(plate),
            *("--clean-colorspace", clean.colorspace or colour.SCENE_LINEAR),
            *("--align", knobs["align"], "--match-exposure", knobs["match_exposure"]),
        ]
        if plate.timing is not None:
            scene = context.scene
            shown = {plate.timing.number(frame) for frame in range(scene.frame_start, scene.frame_end + 1)}
            numbers = sorted(number for number in shown if number is not None)
            if not numbers:
                raise AddonError(f"The plate starts at frame {plate.timing.start}: nothing comes before.")
            words += ["--frames", f"{numbers[0]}-{numbers[-1]}"]
            if clean.timing is not None:
                words += ["--clean-offset", str(clean.timing.shift - plate.timing.shift)]
        return Program(words)

    def show(self, context: bpy.types.Context, work: ThreadWork) -> str:
        """Keep the verdicts with the node."""
        result = work.result()
        tree = bpy.data.node_groups.get(self._name)
        if tree is None:
            raise AddonError(f"{self._name} was deleted.")
        said_by_frame = {images.frame_of(self._timing, number): said for number, said in self._said.items()}
        tree.howard.fitted = json.dumps(said_by_frame)
        fitted = result.get("plates_fitted") or {}
        said = [str(fitted.get("summary", "")).capitalize(), *dict.fromkeys(self._warnings)]
        text = "\n".join(part for part in said if part) or "The clean plate is used as it is."
        self.tell(context, text)
        return text if fitted.get("failed") else ""


class BuildCleanPlate(_Working, bpy.types.Operator):
    """Build a clean plate from the take."""

    bl_idname = "howard.build_clean_plate"
    bl_label = "Build Clean Plate"
    bl_description = (
        "Build a clean plate from the take itself, where none was shot: each part of the background must be "
        "uncovered in some frame"
    )
    __annotations__ = {
        "group": StringProperty(options={"SKIP_SAVE"}),
        "camera": EnumProperty(
            name="Camera",
            items=(
                ("STILL", "Camera Still", "One image, for a locked-off shot"),
                ("MOVING", "Camera Moves", "An image a frame, for a pan or a handheld shot"),
            ),
        ),
    }

    def begin(self, context: bpy.types.Context) -> Program:
        """Start `howard plate build`."""
        node = self._begun(context, self.group)
        plate = images.required(node, "plate")
        if plate.timing is None:
            raise AddonError("The plate is a single image: build a clean plate from a sequence or a movie.")
        self._timing = plate.timing
        numbering = ".####" if self.camera == "MOVING" else ""
        self._output = _folder(node) / "clean" / f"clean{numbering}.exr"
        return Program(
            [
                *(preferences.command(context)),
                *("plate", "build", plate.pattern, "-o", str(self._output), "--json"),
                *_colours(plate),
            ]
        )

    def show(self, context: bpy.types.Context, work: ThreadWork) -> str:
        """Plug it in, unless it is none."""
        finished = work.result()["finished"]
        said = "\n".join(dict.fromkeys(self._warnings))
        if finished["failed"]:
            last = str(work.result().get("frame_failed", {}).get("message", ""))
            raise AddonError(said or last or "No clean plate could be built.")
        node = group.find(self._name, context)
        first = str(finished["done"]).split("-")[0].split(",")[0]
        path = folders.numbered(self._output, int(first))
        label = description.inputs()["clean_plate"]["label"]
        image = bpy.data.images.load(str(path))
        if bpy.data.filepath:
            image.filepath = bpy.path.relpath(str(path))
        shown = images.plug(node, label, image, _BUILT)
        if self.camera == "MOVING":
            image.source = "SEQUENCE"
            images.time(shown, self._timing)
        self.tell(context, said or "Built: it is plugged in as the clean plate.")
        return ""


def register() -> None:
    """Register the operators."""
    bpy.utils.register_class(FitCleanPlate)
    bpy.utils.register_class(BuildCleanPlate)


def unregister() -> None:
    """Take them back."""
    bpy.utils.unregister_class(BuildCleanPlate)
    bpy.utils.unregister_class(FitCleanPlate)


def _folder(node: bpy.types.Node) -> Path:
    folder = folders.folder(node.node_tree)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise folders.unwritable(error) from error
    return folder


def _colours(plate: images.Footage) -> list[str]:
    words = ["--colorspace", plate.colorspace or colour.SCENE_LINEAR]
    configuration = colour.configuration()
    return words + (["--ocio", configuration] if configuration else [])
