"""All that is said to Nuke. Nothing else of the plug-in calls it.

Only functions of the Python API that Nuke 13 to 16 document are called. Where it says so, a function may be
called from any thread; the others are for Nuke's main thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import nuke  # type: ignore[import-not-found]

from .graph import Node
from .panel import NukeKnob

__all__ = [
    "ProgressBar",
    "add_menu",
    "add_preference",
    "colour_management",
    "connected",
    "create_group",
    "current_frame",
    "declare_layers",
    "folder",
    "frame_range",
    "full_name",
    "has_interface",
    "in_main_thread",
    "is_proxy",
    "message",
    "preference",
    "render",
    "set_enabled",
    "set_inside",
    "set_values",
    "show_result",
    "values",
]


def has_interface() -> bool:
    """Tell whether somebody sits in front of Nuke. From any thread."""
    return bool(nuke.GUI)


def folder() -> str:
    """Give the folder that Nuke is installed in. From any thread."""
    return str(Path(str(nuke.env["ExecutablePath"])).parent)


def message(text: str) -> None:
    """Show a message, and wait until it is read."""
    nuke.message(text)


def in_main_thread(call: Callable[..., None], *arguments: Any) -> None:
    """Call something in the main thread, and wait for it. From any other thread."""
    nuke.executeInMainThreadWithResult(call, args=arguments)


class ProgressBar:
    """A bar of progress that can be cancelled. From any thread."""

    def __init__(self, title: str) -> None:
        self._task = nuke.ProgressTask(title)

    def show(self, percent: float, text: str) -> None:
        """Show how far it is."""
        self._task.setProgress(int(percent))
        self._task.setMessage(text)

    def is_cancelled(self) -> bool:
        """Tell whether somebody wants it to end."""
        return bool(self._task.isCancelled())

    def close(self) -> None:
        """Take it away: Nuke does so when nothing refers to it."""
        del self._task


def declare_layers(layers: Mapping[str, Sequence[str]]) -> None:
    """Make layers known, where they are not yet."""
    for name, channels in layers.items():
        nuke.Layer(name, [f"{name}.{channel}" for channel in channels])


def add_menu(path: str, command: str) -> None:
    """Add an entry to the menu of nodes."""
    nuke.menu("Nodes").addCommand(path, command)


def add_preference(name: str, label: str, tooltip: str) -> None:
    """Add a file to Nuke's preferences, on a tab of its own, unless it is there."""
    preferences = nuke.toNode("preferences")
    if preferences.knob(name) is None:
        preferences.addKnob(nuke.Tab_Knob("howard", "Howard"))
        knob = nuke.File_Knob(name, label)
        knob.setTooltip(tooltip)
        preferences.addKnob(knob)


def preference(name: str) -> str:
    """Read it; empty where there are no preferences, as in terminals."""
    preferences = nuke.toNode("preferences")
    knob = None if preferences is None else preferences.knob(name)
    return "" if knob is None else str(knob.value() or "")


def create_group(name: str, knobs: Iterable[NukeKnob], nodes: Iterable[Node]) -> Any:
    """Make a group, its plate connected to what is selected.

    Parameters
    ----------
    name : str
        Followed by a number.
    knobs, nodes
        Of `panel` and `graph`.

    Returns
    -------
    nuke.Group
        Its panel is open where there is an interface.
    """
    selected = nuke.selectedNodes()
    group = nuke.nodes.Group()
    group.setName(f"{name}1")
    for knob in knobs:
        _add_knob(group, knob)
    root = nuke.root()
    group["first"].setValue(int(root["first_frame"].value()))
    group["last"].setValue(int(root["last_frame"].value()))
    group.begin()
    try:
        made = {}
        for node in nodes:
            one = made[node.name] = getattr(nuke.nodes, node.kind)()
            one.setName(node.name)
            for i, source in enumerate(node.inputs):
                one.setInput(i, made[source])
            for knob_name, value in node.knobs:
                one[knob_name].setValue(value)
            for knob_name, expression in node.expressions:
                one[knob_name].setExpression(expression)
    finally:
        group.end()
    if len(selected) == 1:
        group.setInput(0, selected[0])
        group.setXYpos(selected[0].xpos(), selected[0].ypos() + 80)
    if nuke.GUI:
        group.showControlPanel()
    return group


def values(node: Any, names: Iterable[str]) -> dict[str, Any]:
    """Read knobs. Of files, what their expressions come to; those that are not there are left out."""
    found = {}
    for name in names:
        knob = node.knob(name)
        if knob is not None:
            found[name] = knob.evaluate() if knob.Class() == "File_Knob" else knob.value()
    return found


def set_values(node: Any, settings: Mapping[str, Any]) -> None:
    """Set knobs."""
    for name, value in settings.items():
        node[name].setValue(value)


def set_enabled(node: Any, name: str, enabled: bool) -> None:
    """Grey a knob out, or not."""
    node[name].setEnabled(enabled)


def set_inside(node: Any, settings: Mapping[str, Mapping[str, Any]]) -> None:
    """Set knobs of nodes inside a group, by their names."""
    for name, of_one in settings.items():
        set_values(node.node(name), of_one)


def full_name(node: Any) -> str:
    """Name a node, with the groups it is in."""
    return str(node.fullName())


def connected(node: Any, count: int) -> list[bool]:
    """Tell which of the first inputs are connected."""
    return [node.input(i) is not None for i in range(count)]


def frame_range(node: Any, i: int) -> tuple[int, int]:
    """Give the first and the last frame of what is connected to an input."""
    frames = node.input(i).frameRange()
    return int(frames.first()), int(frames.last())


def current_frame() -> int:
    """Give the frame that is looked at."""
    return int(nuke.frame())


def is_proxy() -> bool:
    """Tell whether the script is in proxy mode."""
    return bool(nuke.root().proxy())


def colour_management() -> tuple[str, str]:
    """Give the project's colour management, `Nuke` or `OCIO`, and its working space as shown."""
    root = nuke.root()
    return str(root["colorManagement"].value()), str(root["workingSpaceLUT"].value())


def render(node: Any, name: str, file: str, first: int, last: int) -> None:
    """Render a Write inside a group, of the first view.

    Raises
    ------
    RuntimeError
        It failed, or was cancelled.
    """
    write = node.node(name)
    write["file"].setValue(file)
    # Disabled at all other times: who renders the whole script does not mean these.
    write["disable"].setValue(False)
    try:
        nuke.execute(write, first, last, 1, [nuke.views()[0]])
    finally:
        write["disable"].setValue(True)


def show_result(node: Any, name: str, file: str, first: int, last: int) -> list[str]:
    """Have a Read inside a group read a sequence anew; give its channels."""
    read = node.node(name)
    # Typed like this, Nuke opens the file and takes its format.
    read["file"].fromUserText(f"{file} {first}-{last}")
    read["reload"].execute()
    return [str(channel) for channel in read.channels()]


def _add_knob(node: Any, knob: NukeKnob) -> None:
    if knob.kind == "knobChanged":
        node["knobChanged"].setValue(knob.value)
        return
    if knob.kind in ("group", "end"):
        flag = nuke.TABBEGINGROUP if knob.kind == "group" else nuke.TABENDGROUP
        node.addKnob(nuke.Tab_Knob(knob.name, knob.label or None, flag))
        return
    arguments: list[Any] = [knob.name, knob.label]
    if knob.kind == "Enumeration_Knob":
        arguments.append(list(knob.items))
    elif knob.kind == "Channel_Knob":
        arguments.append(1)
    elif knob.kind in ("PyScript_Knob", "Text_Knob"):
        arguments.append(knob.value)
    made = getattr(nuke, knob.kind)(*arguments)
    if knob.tooltip:
        made.setTooltip(knob.tooltip)
    if knob.limits:
        made.setRange(*knob.limits)
    if knob.beside:
        made.clearFlag(nuke.STARTLINE)
    elif knob.kind != "Tab_Knob":
        made.setFlag(nuke.STARTLINE)
    if knob.hidden:
        made.setFlag(nuke.INVISIBLE)
    node.addKnob(made)
    if knob.kind not in ("Tab_Knob", "PyScript_Knob", "Text_Knob") and knob.value is not None:
        made.setValue(knob.value)
    if knob.disabled:
        made.setEnabled(False)
