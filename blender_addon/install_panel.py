# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installing Howard from the preferences: what is there, what a button would do, and how far it is."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import platform
import sys
import textwrap
from pathlib import Path
from typing import Any

import bpy
from bpy.props import EnumProperty, StringProperty

from . import devices, install_steps, installing, pull, waiting, worker
from .errors import AddonError
from .installation import BROKEN, HALF, NONE, READY, Installation, default_folder

__all__ = ["PROPERTIES", "command", "draw", "folder", "is_running", "register", "unregister", "words"]

_LINE = 88
"""Letters in a line of the preferences."""

_ACTIONS = (
    (installing.INSTALL, "Install Howard", "Install the Howard that this add-on carries"),
    (installing.UPDATE, "Update", "Bring the installed Howard to what this add-on carries"),
    (installing.REPAIR, "Repair", "Check all packages, and fetch those anew that are damaged"),
    (installing.REMOVE, "Remove", "Remove Howard from the install folder"),
)

PROPERTIES: dict[str, Any] = {
    "folder": StringProperty(
        name="Install Folder",
        description="Where Howard is installed. Empty: a folder that Blender keeps for this add-on",
        subtype="DIR_PATH",
    ),
    "device": EnumProperty(
        name="Compute Device",
        description="For what PyTorch is built: decides the size of the download",
        items=(
            (devices.AUTOMATIC, "Automatic", "The GPU, where there is one that Howard can use, else the CPU"),
            *((name, label, "") for name, label in devices.LABELS.items()),
        ),
    ),
    "index": StringProperty(
        name="Package Index",
        description="Address of a studio's package index. Empty: as pip is set up, else pip's own index",
    ),
    "torch_index": StringProperty(
        name="Torch Index",
        description="Address of the index of PyTorch. Empty: as the device needs, or Package Index",
    ),
    "proxy": StringProperty(
        name="Proxy", description="Such as http://proxy:3128. Empty: the environment's and the system's"
    ),
    "wheels": StringProperty(
        name="Folder of Wheels",
        description="Everything is taken from this folder, and no network is used",
        subtype="DIR_PATH",
    ),
    "python": StringProperty(
        name="Python",
        description="The Python to install with, 3.11 or later. Empty: Blender's own",
        subtype="FILE_PATH",
    ),
    "installed": StringProperty(options={"SKIP_SAVE", "HIDDEN"}),
}
"""Of the preferences."""

_SECONDS = 0.2
_END_SECONDS = 10.0
_RUNNING: list[install_steps.Work] = []
_FAR: list[tuple[float, str]] = [(0.0, "")]


def is_running() -> bool:
    """Tell whether an install is under way."""
    return any(not work.is_over for work in _RUNNING)


def command(preferences: Any) -> list[str]:
    """Give the words that start the Howard installed from here; none where none is.

    Raises
    ------
    AddonError
        It is broken.
    """
    return Installation(folder(preferences)).command()


def words(preferences: Any) -> str:
    """Say what an artist should know: how the last install went, else what is there."""
    if preferences.installed:
        return str(preferences.installed)
    state = Installation(folder(preferences)).state()
    if state.kind == READY:
        said = _ready_words(state.facts)
        with contextlib.suppress(AddonError):  # the add-on carries no Howard
            if installing.is_outdated(Installation(folder(preferences)), _carried()):
                said += f" This add-on carries another Howard, {_carried().version}: press Update."
        return said
    if state.kind in (HALF, BROKEN):
        return state.reason
    return (
        "Howard, the program that computes mattes, is not installed yet. Install Howard fetches what it "
        "needs, and asks before. If it is installed elsewhere, enter its path below."
    )


def draw(layout: bpy.types.UILayout, preferences: Any) -> None:
    """Draw it into the preferences."""
    box = layout.box()
    installation = Installation(folder(preferences))
    state = installation.state()
    column = box.column(align=True)
    for line in _lines(words(preferences)):
        column.label(text=line)
    if is_running():
        part, doing = _FAR[0]
        row = box.split(factor=0.85)
        row.progress(factor=part, text=doing[:1].upper() + doing[1:])
        row.operator(CancelInstall.bl_idname, icon="CANCEL")
        return
    _buttons(box, state.kind, installation)
    column = box.column()
    column.use_property_split = True
    column.prop(preferences, "device")
    column.prop(preferences, "folder")
    if not preferences.folder:
        column.label(text=str(installation.folder))
    header, body = box.panel("howard_network", default_closed=True)
    header.label(text="Network and Studio")
    if body is not None:
        body.use_property_split = True
        for name in ("index", "torch_index", "proxy", "wheels", "python"):
            body.prop(preferences, name)


def _buttons(box: bpy.types.UILayout, kind: str, installation: Installation) -> None:
    row = box.row()
    row.scale_y = 1.3
    if kind in (NONE, HALF):
        row.operator(Install.bl_idname, icon="IMPORT").action = installing.INSTALL
    else:
        update = row.row()
        update.enabled = False
        with contextlib.suppress(AddonError):  # the add-on carries no Howard
            update.enabled = kind == READY and installing.is_outdated(installation, _carried())
        update.operator(Install.bl_idname, text="Update").action = installing.UPDATE
        row.operator(Install.bl_idname, text="Repair").action = installing.REPAIR
    if kind != NONE:
        row.operator(Install.bl_idname, text="Remove").action = installing.REMOVE
    if demo := installation.demo():
        row.operator("wm.path_open", text="Demo Shot", icon="FILE_FOLDER").filepath = str(demo)
    if installation.log.exists():
        row.operator("wm.path_open", text="Open Log", icon="TEXT").filepath = str(installation.log)


class Install(bpy.types.Operator):
    """Ask, then install, update, repair or remove Howard."""

    bl_idname = "howard.install"
    bl_label = "Install Howard"
    __annotations__ = {"action": EnumProperty(name="Action", items=_ACTIONS, options={"SKIP_SAVE"})}

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: Any) -> str:
        """Give what the button would do."""
        return next(about for name, _, about in _ACTIONS if name == properties.action)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Say what will be done, and ask."""
        try:
            self._plan = _plan(context, self.action)
        except AddonError as error:
            _ours(context).installed = str(error)
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        label = next(label for name, label, _ in _ACTIONS if name == self.action)
        done: set[str] = context.window_manager.invoke_props_dialog(
            self, width=560, title=f"{label}?", confirm_text=label
        )
        return done

    def draw(self, _context: bpy.types.Context) -> None:
        """Draw the question."""
        column = self.layout.column(align=True)
        for line in _lines("\n".join(self._plan.lines)):
            column.label(text=line)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Do it; in a window Blender stays usable meanwhile."""
        ours = _ours(context)
        try:
            work = _begin(context, self.action)
        except AddonError as error:
            ours.installed = str(error)
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if not bpy.app.background:
            # Not a modal operator: that ends with the preferences' window, or when another file is opened.
            bpy.app.timers.register(_look, first_interval=_SECONDS, persistent=True)
            return {"FINISHED"}
        try:
            while not work.is_over:
                work.wait(_SECONDS)
        except BaseException:  # Ctrl-C in a terminal
            work.cancel()
            raise
        problem = _end(context, work)
        self.report({"ERROR" if problem else "INFO"}, ours.installed)
        return {"CANCELLED" if problem else "FINISHED"}


class CancelInstall(bpy.types.Operator):
    """Stop an install."""

    bl_idname = "howard.cancel_install"
    bl_label = "Cancel"
    bl_description = "Stop; what was fetched is kept, and the next install goes on from there"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Ask for an end."""
        for work in _RUNNING:
            work.cancel()
        return {"FINISHED"}


def register() -> None:
    """Register the operators."""
    bpy.utils.register_class(Install)
    bpy.utils.register_class(CancelInstall)


def unregister() -> None:
    """Stop an install, and take the operators back."""
    _stop()
    bpy.utils.unregister_class(CancelInstall)
    bpy.utils.unregister_class(Install)


def _begin(context: bpy.types.Context, action: str) -> install_steps.Work:
    """Start it. Raises `AddonError`."""
    if is_running():
        raise AddonError("Howard is being installed: wait for it, or cancel it.")
    if action != installing.INSTALL and pull.is_any_running():
        raise AddonError("A matte is being pulled: wait for it, or cancel it, then press the button again.")
    plan = _plan(context, action)
    worker.close()  # it holds files of what is replaced
    _ours(context).installed = "\n".join(plan.lines)
    _FAR[:] = [(0.0, "starting")]
    work = install_steps.Work(plan)
    _RUNNING[:] = [work]
    return work


def _look() -> float | None:
    """Take in progress, and show it; Blender calls it again after as many seconds as it gives."""
    for work in _RUNNING:
        for event in work.events():
            _FAR[:] = [(event["part"], event["doing"])]
        if work.is_over:
            _RUNNING.clear()
            _end(bpy.context, work)
    waiting.redraw()
    return _SECONDS if _RUNNING else None


def _end(context: bpy.types.Context, work: install_steps.Work) -> bool:
    """Say what is there now; tell whether something went wrong."""
    _RUNNING.clear()
    ours = _ours(context)
    try:
        facts = work.result()
    except AddonError as error:
        ours.installed = str(error)
        return True
    ours.installed = (
        f"{_ready_words(facts)} It took {facts['seconds']:.0f} s." if facts else "Howard is removed."
    )
    return False


def _cancel() -> None:
    for work in _RUNNING:
        work.cancel()
        work.wait(_END_SECONDS)
    _RUNNING.clear()


def _stop() -> None:
    _cancel()
    if bpy.app.timers.is_registered(_look):
        bpy.app.timers.unregister(_look)


atexit.register(_cancel)


def _plan(context: bpy.types.Context, action: str) -> installing.Plan:
    ours = _ours(context)
    choices = installing.Choices(
        folder=folder(ours),
        python=bpy.path.abspath(ours.python) or sys.executable,
        device=ours.device,
        index=ours.index.strip(),
        torch_index=ours.torch_index.strip(),
        proxy=ours.proxy.strip(),
        wheels=bpy.path.abspath(ours.wheels),
        online=bpy.app.online_access,
    )
    return installing.plan(action, choices, _carried())


@functools.cache
def _carried() -> installing.Package:
    return installing.package(Path(__file__).parent)


def folder(preferences: Any) -> Path:
    """Give the install folder, chosen or not."""
    chosen = bpy.path.abspath(preferences.folder.strip())
    if chosen:
        return Path(chosen)
    kept = bpy.utils.extension_path_user(__package__, path="howard", create=False)
    return default_folder(kept, platform.system(), os.environ)


def _ready_words(facts: Any) -> str:
    device = facts["device"]
    said = f"Howard {facts['version']} is installed, for {devices.LABELS.get(device, device)}: PyTorch "
    said += f"{facts['torch']}, {installing.size(facts['bytes'])}."
    if facts["computes_on"] != device:
        said += (
            " PyTorch finds no such GPU here, so Howard computes on the CPU: bring the GPU's driver up to "
            "date, or choose another Compute Device and press Repair."
        )
    elif facts["gpu"]:
        said += f" It computes on {facts['gpu']}."
    return said


def _lines(text: str) -> list[str]:
    return [
        part
        for line in text.splitlines()
        for part in textwrap.wrap(line, _LINE, break_on_hyphens=False) or [""]
    ]


def _ours(context: bpy.types.Context) -> Any:
    return context.preferences.addons[__package__].preferences
