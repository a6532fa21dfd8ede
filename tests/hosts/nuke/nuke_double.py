"""A double of the `nuke` module: the functions, nodes and knobs that the plug-in uses, and nothing else.

Written from Foundry's Python API reference and from scripts that Nuke saved: names and order of parameters,
names of nodes' knobs and what enumerations hold. What is not written down here is refused, so that a call of
something unknown fails. It records what is called, minds which thread calls, and renders: a Write writes real
EXR files of what is connected to it, a Read tells the channels of real ones under Nuke's names.
"""

from __future__ import annotations

import queue
import threading
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO

from howard_nodes.frames import write_image

TABBEGINGROUP, TABENDGROUP = 1, -1
INVISIBLE, STARTLINE = 1024, 4096
# Layers that are there in every script; no channel can be added to them.
BUILT_IN = ("rgb", "rgba", "alpha", "depth", "motion", "forward", "backward", "mask", "rotopaint_mask")
_SUFFIXES = {"R": "red", "G": "green", "B": "blue", "A": "alpha"}


class DoubleError(AssertionError):
    """Nuke would refuse it, or does not have it."""


class FakeKnob:
    """A knob: a value, and checks of what it is set to."""

    start: Any = None

    def __init__(self, name: str, label: str | None = None) -> None:
        if not name.isidentifier():
            raise DoubleError(f"knob {name!r}: not a name")
        self._name, self._label = name, label
        self._value = self.start
        self.flags, self.tooltip_text, self.enabled_now = STARTLINE, "", True
        self.expression = ""
        self.node: FakeNode | None = None

    def Class(self) -> str:  # noqa: N802
        return type(self).__name__

    def name(self) -> str:
        return self._name

    def label(self) -> str | None:
        return self._label

    def value(self) -> Any:
        return self._value

    def setValue(self, value: Any) -> None:  # noqa: N802
        self._value = self.check(value)

    def setTooltip(self, text: str) -> None:  # noqa: N802
        self.tooltip_text = text

    def setFlag(self, flag: int) -> None:  # noqa: N802
        self.flags |= flag

    def clearFlag(self, flag: int) -> None:  # noqa: N802
        self.flags &= ~flag

    def setEnabled(self, enabled: bool) -> None:  # noqa: N802
        self.enabled_now = enabled

    def check(self, value: Any) -> Any:
        raise DoubleError(f"{self._name}: a {self.Class()} cannot be set")


class Tab_Knob(FakeKnob):  # noqa: N801
    def __init__(self, name: str, label: str | None = None, flag: int = 0) -> None:
        super().__init__(name, label)
        self.group = flag


class _Number(FakeKnob):
    start = 0

    def check(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise DoubleError(f"{self._name}: {value!r} is no number")
        return value

    def setExpression(self, expression: str, channel: int = -1, view: Any = None) -> bool:  # noqa: N802
        self.expression = expression
        return True


class Int_Knob(_Number):  # noqa: N801
    def check(self, value: Any) -> int:
        number = super().check(value)
        if number != int(number):
            raise DoubleError(f"{self._name}: {value!r} is no whole number")
        return int(number)


class Double_Knob(_Number):  # noqa: N801
    start = 0.0
    limits: tuple[float, float] | None = None

    def setRange(self, f1: float, f2: float) -> None:  # noqa: N802
        self.limits = (f1, f2)


class Boolean_Knob(FakeKnob):  # noqa: N801
    start = False

    def __init__(self, name: str, label: str | None = None, value: bool = False) -> None:
        super().__init__(name, label)
        self._value = value
        self.flags &= ~STARTLINE

    def check(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise DoubleError(f"{self._name}: {value!r} is not true or false")
        return value


class Enumeration_Knob(FakeKnob):  # noqa: N801
    def __init__(self, name: str, label: str | None, items: list[str]) -> None:
        super().__init__(name, label)
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise DoubleError(f"{name}: items must be a list of strings")
        self.items = items
        self._value = items[0]

    def values(self) -> list[str]:
        return self.items

    def check(self, value: Any) -> str:
        if isinstance(value, int) and 0 <= value < len(self.items):
            return self.items[value]
        if value not in self.items:
            raise DoubleError(f"{self._name}: {value!r} is none of {self.items}")
        return str(value)


class String_Knob(FakeKnob):  # noqa: N801
    start = ""

    def check(self, value: Any) -> str:
        if not isinstance(value, str):
            raise DoubleError(f"{self._name}: {value!r} is no text")
        return value


class Text_Knob(String_Knob):  # noqa: N801
    def __init__(self, name: str, label: str | None = None, value: str = "") -> None:
        super().__init__(name, label)
        self._value = value


class File_Knob(String_Knob):  # noqa: N801
    def evaluate(self) -> str:
        # The only expression that the plug-in writes. An unsaved script has no name; its folder is "." then.
        assert self.node is not None
        script = Path(self.node.nuke.root()["name"].value()).parent.as_posix()
        return self._value.replace("[file dirname [value root.name]]", script)

    def fromUserText(self, text: str) -> None:  # noqa: N802
        file, _, frames = text.rpartition(" ")
        first, _, last = frames.partition("-")
        int(first), int(last)
        assert self.node is not None
        self.node.loaded = (file, int(first), int(last))
        self._value = file


class Channel_Knob(FakeKnob):  # noqa: N801
    start = "none"

    def __init__(self, name: str, label: str | None = None, depth: int = 0) -> None:
        super().__init__(name, label)
        self.depth = depth

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or value.count(".") > 1:
            raise DoubleError(f"{self._name}: {value!r} is no channel")
        return value


class Script_Knob(FakeKnob):  # noqa: N801
    executed = 0

    def execute(self) -> None:
        self.executed += 1


class PyScript_Knob(FakeKnob):  # noqa: N801
    def __init__(self, name: str, label: str | None = None, command: str | None = None) -> None:
        super().__init__(name, label)
        self._value = command
        compile(command or "", name, "exec")


class FakeFrameRange:
    def __init__(self, first: int, last: int) -> None:
        self._first, self._last = first, last

    def first(self) -> int:
        return self._first

    def last(self) -> int:
        return self._last


class FakeNode:
    """A node of one of the classes written down here."""

    inputs_allowed = 1

    def __init__(self, nuke: FakeNuke, group: FakeGroup | None) -> None:
        self.nuke, self.group = nuke, group
        self._knobs: dict[str, FakeKnob] = {}
        self._inputs: dict[int, FakeNode | None] = {}
        self._name = type(self).__name__
        self.loaded: tuple[str, int, int] | None = None
        for knob in self.make_knobs():
            self.addKnob(knob)
        if group is not None:
            group.members.append(self)

    def make_knobs(self) -> Iterator[FakeKnob]:
        yield from ()

    def Class(self) -> str:  # noqa: N802
        return type(self).__name__

    def addKnob(self, knob: FakeKnob) -> None:  # noqa: N802
        self.nuke.in_main()
        if knob.name() in self._knobs:
            raise DoubleError(f"{self._name} has a knob {knob.name()} already")
        knob.node = self
        self._knobs[knob.name()] = knob

    def knob(self, name: str) -> FakeKnob | None:
        self.nuke.in_main()
        return self._knobs.get(name)

    def __getitem__(self, name: str) -> FakeKnob:
        found = self.knob(name)
        if found is None:
            raise NameError(f"knob {name} does not exist")
        return found

    def setName(self, name: str, uncollide: bool = True, updateExpressions: bool = False) -> None:  # noqa: N802, N803
        self.nuke.in_main()
        others = self.group.members if self.group else self.nuke.script
        taken = {node._name for node in others if node is not self}
        stem = name.rstrip("0123456789")
        number = int(name[len(stem) :] or 0)
        while name in taken:
            number += 1
            name = f"{stem}{number}"
        self._name = name

    def name(self) -> str:
        return self._name

    def fullName(self) -> str:  # noqa: N802
        return self._name if self.group is None else f"{self.group.fullName()}.{self._name}"

    def setInput(self, i: int, node: FakeNode | None) -> bool:  # noqa: N802
        self.nuke.in_main()
        if i >= self.inputs_allowed:
            raise DoubleError(f"{self._name} has no input {i}")
        self._inputs[i] = node
        return True

    def input(self, i: int) -> FakeNode | None:
        self.nuke.in_main()
        return self._inputs.get(i)

    def frameRange(self) -> FakeFrameRange:  # noqa: N802
        root = self.nuke.root()
        return FakeFrameRange(root["first_frame"].value(), root["last_frame"].value())

    def xpos(self) -> int:
        return 0

    def ypos(self) -> int:
        return 0

    def setXYpos(self, x: int, y: int) -> None:  # noqa: N802
        self.nuke.in_main()

    def pixels(self, frame: int) -> dict[str, np.ndarray]:
        """What it gives, by channel."""
        source = self._inputs.get(0)
        if source is None:
            raise RuntimeError(f"{self._name}: missing input")
        return source.pixels(frame)


class Source(FakeNode):
    """Not of Nuke: pictures made by a test."""

    inputs_allowed = 0

    def __init__(
        self, nuke: FakeNuke, picture: Callable[[int], dict[str, np.ndarray]], frames: tuple[int, int]
    ) -> None:
        super().__init__(nuke, None)
        self._picture, self._frames = picture, frames

    def pixels(self, frame: int) -> dict[str, np.ndarray]:
        return self._picture(frame)

    def frameRange(self) -> FakeFrameRange:  # noqa: N802
        return FakeFrameRange(*self._frames)


class Input(FakeNode):
    inputs_allowed = 0

    def make_knobs(self) -> Iterator[FakeKnob]:
        yield Int_Knob("number")

    def pixels(self, frame: int) -> dict[str, np.ndarray]:
        assert self.group is not None
        source = self.group._inputs.get(self._knobs["number"].value())
        if source is None:
            raise RuntimeError(f"{self._name}: nothing is connected")
        return source.pixels(frame)


class Output(FakeNode):
    pass


class Copy(FakeNode):
    inputs_allowed = 2

    def make_knobs(self) -> Iterator[FakeKnob]:
        for i in range(4):
            yield Channel_Knob(f"from{i}", "", 1)
            yield Channel_Knob(f"to{i}", "", 1)

    def pixels(self, frame: int) -> dict[str, np.ndarray]:
        target, source = self._inputs[0], self._inputs[1]
        assert target is not None
        assert source is not None
        found, other = dict(target.pixels(frame)), source.pixels(frame)
        for i in range(4):
            origin, to = self._knobs[f"from{i}"].value(), self._knobs[f"to{i}"].value()
            if to != "none":
                found[to] = other.get(origin, np.zeros_like(next(iter(other.values()))))
        return found


class Switch(FakeNode):
    inputs_allowed = 100

    def make_knobs(self) -> Iterator[FakeKnob]:
        yield Int_Knob("which")

    def chosen(self) -> int:
        """Evaluate the expression that drives it: C's, with the group's knobs as `parent`."""
        assert self.group is not None
        condition, _, values = self._knobs["which"].expression.partition("?")
        yes, _, no = values.partition(":")
        knobs = {}
        for name, knob in self.group._knobs.items():
            value = knob.value()
            knobs[name] = knob.items.index(value) if isinstance(knob, Enumeration_Knob) else value
        parent = types.SimpleNamespace(**knobs)
        return int(eval(f"({yes}) if ({condition}) else ({no})", {"parent": parent}))

    def pixels(self, frame: int) -> dict[str, np.ndarray]:
        source = self._inputs[self.chosen()]
        assert source is not None
        return source.pixels(frame)


class Write(FakeNode):
    _OF_EXR = (
        ("datatype", ["16 bit half", "32 bit float"]),
        ("compression", ["none", "Zip (1 scanline)", "Zip (16 scanlines)", "PIZ Wavelet (32 scanlines)"]),
    )

    def make_knobs(self) -> Iterator[FakeKnob]:
        yield File_Knob("file")
        yield Enumeration_Knob("file_type", "file type", [" ", "dpx", "exr", "jpeg", "png", "tiff"])
        yield Boolean_Knob("raw", "raw data")
        yield Boolean_Knob("create_directories", "create directories")
        yield Channel_Knob("channels")
        yield Boolean_Knob("disable")

    def knob(self, name: str) -> FakeKnob | None:
        # The file type's own knobs appear when it is chosen.
        if self._knobs["file_type"].value() == "exr":
            for one, items in self._OF_EXR:
                if one not in self._knobs:
                    self._knobs[one] = Enumeration_Knob(one, one, list(items))
        return super().knob(name)

    def render(self, frame: int) -> None:
        if not self._knobs["raw"].value() or self._knobs["datatype"].value() != "32 bit float":
            raise DoubleError(f"{self._name} would change the script's numbers")
        channels = {"rgb": "RGB", "rgba": "RGBA"}[self._knobs["channels"].value()]
        found = self.pixels(frame)
        planes = [found[f"rgba.{_SUFFIXES[one]}"] for one in channels]
        path = Path(self._knobs["file"].value().replace("%04d", f"{frame:04d}"))
        if self._knobs["create_directories"].value():
            path.parent.mkdir(parents=True, exist_ok=True)
        # Nuke says nothing of the colour space in the file.
        write_image(path, np.dstack(planes), channels, depth="float")


class Read(FakeNode):
    inputs_allowed = 0

    def make_knobs(self) -> Iterator[FakeKnob]:
        yield File_Knob("file")
        yield Boolean_Knob("raw", "raw data")
        for name in ("before", "after"):
            yield Enumeration_Knob(name, name, ["hold", "loop", "bounce", "black"])
        yield Enumeration_Knob(
            "on_error", "missing frames", ["error", "black", "checkerboard", "nearest frame"]
        )
        yield Script_Knob("reload", "reload")

    def channels(self) -> list[str]:
        self.nuke.in_main()
        assert self.loaded is not None
        return list(self.pixels(self.loaded[1]))

    def pixels(self, frame: int) -> dict[str, np.ndarray]:
        if self.loaded is None or not self._knobs["raw"].value():
            raise RuntimeError(f"{self._name}: no file")
        picture = OpenImageIO.ImageInput.open(self.loaded[0].replace("%04d", f"{frame:04d}"))
        names, pixels = picture.spec().channelnames, picture.read_image()
        picture.close()
        found = {}
        for i, name in enumerate(names):
            layer, _, channel = name.rpartition(".")
            found[f"{layer or 'rgba'}.{_SUFFIXES.get(channel, channel)}"] = pixels[..., i]
        return found


class FakeGroup(FakeNode):
    inputs_allowed = 10
    # Knobs that every group has; a new one of such a name would take its place.
    _OWN = (
        "label",
        "tile_color",
        "hide_input",
        "cached",
        "disable",
        "dope_sheet",
        "bookmark",
        "postage_stamp",
    )
    _OWN += ("onCreate", "onDestroy", "updateUI", "autolabel", "icon", "indicators", "help", "xpos", "ypos")
    _OWN += ("selected", "note_font", "note_font_size", "note_font_color", "gl_color", "lifetimeStart")
    _OWN += ("lifetimeEnd", "useLifetime", "lock_connections", "mapsize", "window", "panel", "name")

    def __init__(self, nuke: FakeNuke) -> None:
        self.members: list[FakeNode] = []
        super().__init__(nuke, None)
        self.panels = 0

    def make_knobs(self) -> Iterator[FakeKnob]:
        for name in self._OWN:
            yield String_Knob(name)
        yield String_Knob("knobChanged")

    def Class(self) -> str:  # noqa: N802
        return "Group"

    def begin(self) -> FakeGroup:
        self.nuke.context.append(self)
        return self

    def end(self) -> None:
        assert self.nuke.context.pop() is self

    def node(self, name: str) -> FakeNode | None:
        self.nuke.in_main()
        return next((node for node in self.members if node.name() == name), None)

    def showControlPanel(self, forceFloat: bool = False) -> None:  # noqa: N802, N803
        self.panels += 1

    def pixels(self, frame: int) -> dict[str, np.ndarray]:
        return next(node for node in self.members if isinstance(node, Output)).pixels(frame)


class _Root(FakeNode):
    def make_knobs(self) -> Iterator[FakeKnob]:
        for name in ("first_frame", "last_frame"):
            yield Int_Knob(name)
        for name in ("name", "colorManagement", "workingSpaceLUT"):
            yield String_Knob(name)

    def proxy(self) -> bool:
        self.nuke.in_main()
        return self.nuke.proxy_mode


class _Preferences(FakeNode):
    pass


class _Nodes:
    def __init__(self, nuke: FakeNuke) -> None:
        self._nuke = nuke

    def __getattr__(self, name: str) -> Callable[[], FakeNode]:
        classes = {
            "Input": Input,
            "Output": Output,
            "Copy": Copy,
            "Switch": Switch,
            "Write": Write,
            "Read": Read,
        }

        def make() -> FakeNode:
            self._nuke.in_main()
            if name == "Group":
                group = FakeGroup(self._nuke)
                self._nuke.script.append(group)
                return group
            if name not in classes:
                raise AttributeError(f"nuke.nodes has no {name}")
            if not self._nuke.context:
                raise DoubleError(f"a {name} outside of a group")
            return classes[name](self._nuke, self._nuke.context[-1])

        return make


class _Menu:
    def __init__(self) -> None:
        self.commands: dict[str, str] = {}

    def addCommand(  # noqa: N802
        self, name: str, command: str = "", shortcut: str = "", icon: str = "", tooltip: str = ""
    ) -> None:
        compile(command, name, "exec")
        self.commands[name] = command


class FakeNuke(types.ModuleType):
    """The module; one a test."""

    TABBEGINGROUP, TABENDGROUP = TABBEGINGROUP, TABENDGROUP
    INVISIBLE, STARTLINE = INVISIBLE, STARTLINE

    def __init__(self, script: str, gui: bool = True) -> None:
        super().__init__("nuke")
        self.GUI = gui
        self.env = {"ExecutablePath": "/opt/Nuke15.1v3/Nuke15.1"}
        self._main = threading.get_ident()
        self._asked: queue.Queue[tuple[Callable[..., None], tuple[Any, ...], threading.Event]] = queue.Queue()
        self.script: list[FakeNode] = []
        self.context: list[FakeGroup] = []
        self.selection: list[FakeNode] = []
        self.proxy_mode = False
        self.messages: list[str] = []
        self.rendered: list[tuple[str, int, int]] = []
        self.added_layers: dict[str, list[str]] = {}
        self.cancel_tasks = False
        self.tasks: list[str] = []
        self.frame_now = 1001
        self.fail_render = ""
        self.nodes = _Nodes(self)
        self._menu = _Menu()
        self._preferences = _Preferences(self, None) if gui else None
        self._root = _Root(self, None)
        for name, value in (("first_frame", 1001), ("last_frame", 1002)):
            self._root[name].setValue(value)
        settings = (("name", script), ("colorManagement", "Nuke"), ("workingSpaceLUT", "linear"))
        for name, text in settings:
            self._root[name].setValue(text)
        for kind in (Tab_Knob, Int_Knob, Double_Knob, Boolean_Knob, Enumeration_Knob, String_Knob, Text_Knob):
            setattr(self, kind.__name__, kind)
        for kind in (File_Knob, Channel_Knob, PyScript_Knob):
            setattr(self, kind.__name__, kind)
        double = self

        class ProgressTask:
            def __init__(self, title: str) -> None:
                double.tasks.append(title)

            def setProgress(self, i: int) -> None:  # noqa: N802
                assert isinstance(i, int)
                assert 0 <= i <= 100

            def setMessage(self, s: str) -> None:  # noqa: N802
                double.tasks.append(s)

            def isCancelled(self) -> bool:  # noqa: N802
                return double.cancel_tasks

        self.ProgressTask = ProgressTask

    def in_main(self) -> None:
        """Fail where another thread than the main one calls."""
        if threading.get_ident() != self._main:
            raise DoubleError("called outside of Nuke's main thread")

    def pump(self, until: Callable[[], bool], seconds: float = 60.0) -> None:
        """Be the main thread's event loop for a while."""
        end = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < end, "it takes too long"
            try:
                call, arguments, done = self._asked.get(timeout=0.02)
            except queue.Empty:
                continue
            try:
                call(*arguments)
            finally:
                done.set()

    # The functions.

    def executeInMainThreadWithResult(  # noqa: N802
        self, call: Callable[..., None], args: Any = (), kwargs: Any = None
    ) -> None:
        if threading.get_ident() == self._main:
            raise DoubleError("it would wait for itself")
        done = threading.Event()
        self._asked.put((call, args if isinstance(args, tuple) else (args,), done))
        done.wait(60)

    def root(self) -> FakeNode:
        self.in_main()
        return self._root

    def frame(self) -> int:
        self.in_main()
        return self.frame_now

    def views(self) -> list[str]:
        self.in_main()
        return ["main", "right"]

    def menu(self, name: str) -> _Menu:
        self.in_main()
        assert name == "Nodes"
        return self._menu

    def toNode(self, name: str) -> FakeNode | None:  # noqa: N802
        self.in_main()
        assert name == "preferences"
        return self._preferences

    def selectedNodes(self) -> list[FakeNode]:  # noqa: N802
        self.in_main()
        return self.selection

    def message(self, prompt: str) -> None:
        self.in_main()
        self.messages.append(prompt)

    def Layer(self, name: str, channels: list[str]) -> None:  # noqa: N802
        self.in_main()
        if name in BUILT_IN or not all(channel.startswith(f"{name}.") for channel in channels):
            raise DoubleError(f"the layer {name} is built in, or its channels are not its own: {channels}")
        self.added_layers[name] = channels

    def execute(
        self,
        nameOrNode: FakeNode,  # noqa: N803
        start: int,
        end: int,
        incr: int,
        views: list[str],
        continueOnError: bool = False,  # noqa: N803
    ) -> None:
        self.in_main()
        assert isinstance(nameOrNode, Write)
        assert (incr, views) == (1, ["main"])
        if self.fail_render:
            raise RuntimeError(self.fail_render)
        if nameOrNode["disable"].value():
            raise RuntimeError(f"{nameOrNode.name()} is disabled")
        self.rendered.append((nameOrNode.name(), start, end))
        for frame in range(start, end + 1):
            nameOrNode.render(frame)
