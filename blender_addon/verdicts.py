# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shot at a glance: a strip of its frames' verdicts, and ways to those that want a look."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import bpy
from bpy.props import EnumProperty, IntProperty, StringProperty

from . import description, folders, group, images, results
from .errors import AddonError

__all__ = ["Glance", "GoToFrame", "NextToLookAt", "glance", "register", "unregister"]

_FAILED = "not made"
_WORST_FIRST = (_FAILED, *results.BAD, "good", "")
_KEPT: dict[tuple[Path, str], results.Kept] = {}


@dataclass(frozen=True)
class Glance:
    """What is known of a shot's frames.

    Attributes
    ----------
    said : dict of int to (str, str)
        By the scene's frame, sorted: the verdict (`good`, `doubtful`, `failed`, `not made`, or empty where
        the clean plate was used as it is), and why.
    others : dict of str to list of int
        Frames that another version of Howard made, by its name; empty for one that the file does not name.
    is_whole : bool
        Whether all files have been looked at.
    """

    said: dict[int, tuple[str, str]]
    others: dict[str, list[int]]
    is_whole: bool = True

    def worst(self, frames: list[int]) -> int | None:
        """Choose of some frames the first of those that are worst; None where nothing is known of them."""
        known = [frame for frame in frames if frame in self.said]
        return min(known, key=lambda frame: (_WORST_FIRST.index(self.said[frame][0]), frame), default=None)

    def to_look_at(self) -> list[int]:
        """List the frames that want a look."""
        return [frame for frame, (verdict, _) in self.said.items() if verdict in (_FAILED, *results.BAD)]

    def cells(self, most: int) -> list[list[int]]:
        """Split the frames, gaps included, into cells of equal length, at most so many."""
        if not self.said:
            return []
        first, last = min(self.said), max(self.said)
        length = -(-(last - first + 1) // max(most, 1))
        return [list(range(start, min(start + length, last + 1))) for start in range(first, last + 1, length)]


def glance(tree: bpy.types.NodeTree) -> Glance:
    """Look at the results of a Howard Matte, and at what failed when it was pulled last.

    Files are read for a twentieth of a second at most: where `is_whole` is false, look again.
    """
    try:
        folder = folders.folder(tree)
    except AddonError:  # the blend file was not saved yet
        return Glance({}, {})
    kept = _KEPT.setdefault((folder, folder.name), results.Kept(folder, folder.name))
    timing = group.timing(tree)
    said: dict[int, tuple[str, str]] = {}
    others: dict[str, list[int]] = {}
    ours = description.load()["howard"]
    for number, found in kept.look().items():
        frame = images.frame_of(timing, number)
        verdict = found.verdict if found.verdict in _WORST_FIRST else ""
        said[frame] = verdict, found.message
        if found.version != ours:
            others.setdefault(found.version, []).append(frame)
    said |= {
        int(frame): (verdict, why) for frame, (verdict, why) in json.loads(tree.howard.fitted or "{}").items()
    }
    said |= {int(frame): (_FAILED, why) for frame, why in json.loads(tree.howard.failures or "{}").items()}
    return Glance(dict(sorted(said.items())), others, kept.is_whole)


class GoToFrame(bpy.types.Operator):
    """Go to a frame."""

    bl_idname = "howard.go_to_frame"
    bl_label = "Go to Frame"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012
    __annotations__ = {
        "frame": IntProperty(name="Frame"),
        "about": StringProperty(name="About", options={"HIDDEN", "SKIP_SAVE"}),
    }

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        """Say what is known of it."""
        return properties.about or f"Go to frame {properties.frame}"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Make it the current one."""
        context.scene.frame_set(self.frame)
        return {"FINISHED"}


class NextToLookAt(bpy.types.Operator):
    """Go to the next frame that wants a look."""

    bl_idname = "howard.next_to_look_at"
    bl_label = "Next to Look At"
    bl_description = (
        "Go to the next frame whose clean plate is doubtful or does not fit, or that was not made"
    )
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012
    __annotations__ = {
        "group": StringProperty(options={"HIDDEN", "SKIP_SAVE"}),
        "direction": EnumProperty(
            name="Direction", items=(("NEXT", "Next", "Forwards"), ("PREVIOUS", "Previous", "Backwards"))
        ),
    }

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Go there; from the last one to the first."""
        here = context.scene.frame_current
        try:
            frames = glance(group.find(self.group, context).node_tree).to_look_at()
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if not frames:
            self.report({"INFO"}, "No frame wants a look: all clean plates fit well.")
            return {"CANCELLED"}
        if self.direction == "NEXT":
            context.scene.frame_set(next((frame for frame in frames if frame > here), frames[0]))
        else:
            context.scene.frame_set(next((frame for frame in reversed(frames) if frame < here), frames[-1]))
        return {"FINISHED"}


def register() -> None:
    """Register the operators."""
    bpy.utils.register_class(GoToFrame)
    bpy.utils.register_class(NextToLookAt)


def unregister() -> None:
    """Take them back."""
    bpy.utils.unregister_class(NextToLookAt)
    bpy.utils.unregister_class(GoToFrame)
    _KEPT.clear()
