# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on's preferences: Howard installed from here, or another one, and whether it works."""

from __future__ import annotations

import os
from typing import Any

import bpy
from bpy.props import StringProperty

from . import install_panel, waiting, worker
from .client import Worker
from .threads import ThreadWork

__all__ = ["command", "register", "unregister"]


def command(context: bpy.types.Context) -> list[str]:
    """Choose the howard command.

    Raises
    ------
    AddonError
        It is not there.
    """
    ours = _ours(context)
    return worker.command(bpy.path.abspath(ours.command), os.environ, lambda: install_panel.command(ours))


class HowardPreferences(bpy.types.AddonPreferences):
    """What is installed, and where howard is."""

    bl_idname = __package__
    __annotations__ = {
        "command": StringProperty(
            name="Howard",
            description="Another howard command. Empty: the environment variable HOWARD, else the Howard "
            "installed above, else the usual places",
            subtype="FILE_PATH",
        ),
        "tested": StringProperty(options={"SKIP_SAVE", "HIDDEN"}),
        **install_panel.PROPERTIES,
    }

    def draw(self, _context: bpy.types.Context) -> None:
        """Show them, and how the last test went."""
        install_panel.draw(self.layout, self)
        column = self.layout.column()
        column.prop(self, "command")
        column.operator(TestWorker.bl_idname)
        for line in self.tested.splitlines():
            column.label(text=line)


class TestWorker(waiting.Waiting, bpy.types.Operator):
    """Try whether the worker works."""

    bl_idname = "howard.test"
    bl_label = "Test"
    bl_description = "Start Howard's worker, and show its version and compute device"

    def begin(self, context: bpy.types.Context) -> worker.Work:
        """Start the worker and load the network."""
        _ours(context).tested = "Starting Howard"
        return worker.Work(command(context), _introduce)

    def show(self, context: bpy.types.Context, work: ThreadWork) -> str:
        """Say what it is."""
        found = work.result()
        said = f"Howard {found['howard']} runs on {found['device']}, {found['precision']}"
        _ours(context).tested = said
        self.report({"INFO"}, said)
        return ""

    def tell(self, context: bpy.types.Context, problem: str) -> None:
        """Keep what is wrong beside the button."""
        _ours(context).tested = problem


def register() -> None:
    """Register the preferences."""
    install_panel.register()
    bpy.utils.register_class(TestWorker)
    bpy.utils.register_class(HowardPreferences)


def unregister() -> None:
    """Take them back."""
    bpy.utils.unregister_class(HowardPreferences)
    bpy.utils.unregister_class(TestWorker)
    install_panel.unregister()


def _ours(context: bpy.types.Context) -> HowardPreferences:
    return context.preferences.addons[__package__].preferences


def _introduce(running: Worker, _on_progress: Any) -> dict[str, Any]:
    return {"howard": running.describe()["howard"], **running.configure(warm=True)}
