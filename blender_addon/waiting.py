# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators share that wait for the worker: in a window Blender stays usable, without one they block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

from . import worker
from .client import CANCELLED, WorkerError
from .errors import AddonError
from .threads import ThreadWork

__all__ = ["Waiting", "progress", "redraw"]

_SECONDS = 0.2
_AREAS = ("NODE_EDITOR", "PREFERENCES")
_PROGRESS: list[tuple[float, str]] = []


def progress() -> tuple[float, str] | None:
    """Give how far the latest work is, 0 to 1, and what it does; None while there is none."""
    return _PROGRESS[-1] if _PROGRESS else None


class Waiting:
    """An operator that has `begin`, `show`, and perhaps `follow`, `tell` and `cancelled`."""

    _timer = None

    if TYPE_CHECKING:

        def report(self, kind: set[str], message: str) -> None:
            """Blender's operators have it."""

    def begin(self, context: bpy.types.Context) -> ThreadWork:
        """Start it. Raises `AddonError`."""
        raise NotImplementedError

    def follow(self, context: bpy.types.Context, work: ThreadWork) -> tuple[float, str]:  # noqa: ARG002
        """Take in progress, and say how far it is."""
        return 0.0, "Howard"

    def show(self, context: bpy.types.Context, work: ThreadWork) -> str:
        """Show what came of it; give what is wrong. Raises `AddonError` and `WorkerError`."""
        raise NotImplementedError

    def tell(self, context: bpy.types.Context, problem: str) -> None:
        """Keep what is wrong somewhere."""

    def cancelled(self, done: dict[str, Any]) -> str:  # noqa: ARG002
        """Say what is there although it was cancelled; `done` is what the worker told of it."""
        return "Cancelled"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Do it all, and return then."""
        if not self._start(context):
            return {"CANCELLED"}
        try:
            while not self._work.is_over:
                self._work.wait(0.05)
                self.follow(context, self._work)
        except BaseException:  # Ctrl-C in a terminal
            self._work.cancel()
            raise
        return self._end(context)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Start it, and let the artist go on."""
        if not self._start(context):
            return {"CANCELLED"}
        manager = context.window_manager
        self._timer = manager.event_timer_add(_SECONDS, window=context.window)
        manager.progress_begin(0, 100)
        manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Look how far it is; ESC cancels."""
        if event.type == "ESC" and event.value == "PRESS" and not self._work.is_cancelled:
            self._work.cancel()
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        if self._work.is_over:
            return self._end(context)
        part, doing = self.follow(context, self._work)
        if self._work.is_cancelled:
            doing = "cancelling"
        _PROGRESS[:] = [(part, doing)]
        context.window_manager.progress_update(round(100 * part))
        if context.workspace is not None:
            context.workspace.status_text_set(f"Howard: {doing} (ESC cancels)")
        redraw()
        return {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Stop: another file is opened, or Blender ends."""
        self._work.cancel()
        self._clear(context)

    def _start(self, context: bpy.types.Context) -> bool:
        try:
            self._work = self.begin(context)
        except AddonError as error:
            self._complain(context, str(error))
            return False
        _PROGRESS[:] = [(0.0, "starting Howard")]
        return True

    def _end(self, context: bpy.types.Context) -> set[str]:
        self._clear(context)
        try:
            self.follow(context, self._work)
            problem = self.show(context, self._work)
        except (AddonError, WorkerError) as error:
            problem = worker.words(error)
            if isinstance(error, WorkerError) and error.code == CANCELLED and self._work.is_cancelled:
                said = self.cancelled(error.data)
                self.tell(context, said)
                self.report({"WARNING"}, said)
                return {"CANCELLED"}
        if problem:
            self._complain(context, problem)
            return {"CANCELLED"}
        return {"FINISHED"}

    def _complain(self, context: bpy.types.Context, problem: str) -> None:
        self.tell(context, problem)
        self.report({"ERROR"}, problem)

    def _clear(self, context: bpy.types.Context) -> None:
        _PROGRESS.clear()
        if self._timer is None:
            return
        context.window_manager.event_timer_remove(self._timer)
        context.window_manager.progress_end()
        self._timer = None
        if context.workspace is not None:
            context.workspace.status_text_set(None)
        redraw()


def redraw() -> None:
    """Have what shows Howard drawn again."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in _AREAS:
                area.tag_redraw()
