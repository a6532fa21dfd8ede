"""What a HowardMatte group is made of, as plain data: `host` makes knobs and nodes of it.

The knobs are those of the node's description; none is written down here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = [
    "AUTOMATIC",
    "CHANNEL",
    "LAYERS",
    "MORE_LAYERS",
    "PAINTED",
    "READ",
    "SHOWN",
    "Knob",
    "Node",
    "knobs",
    "nodes",
    "own_names",
    "picking",
    "showing",
    "stored_names",
    "write_node",
]

AUTOMATIC = "_automatic"
"""Ends the name of the box beside a knob that the node can choose a value for."""

CHANNEL = "_channel"
"""Ends the name of the knob that says which channel of an input is the matte."""

PAINTED = "_painted"
"""Ends the name of the box that lets an override act only where its alpha is."""

LAYERS = {
    "foreground": ("red", "green", "blue"),
    "coarse": ("alpha",),
    "error": ("alpha",),
    "doubt": ("alpha",),
    "region": ("alpha",),
    "clean": ("red", "green", "blue"),
}
"""Layers of the result in Nuke's names. Alpha is Nuke's own `rgba.alpha`: a layer named alpha is built in."""

MORE_LAYERS = ("doubt", "region", "clean")
"""Those that are written on request."""

READ = "Result"
"""Name of the Read in the group."""

SHOWN = (("result", ""), ("alpha", "rgba"), ("coarse matte", "coarse"), ("error map", "error"))
"""What can be looked at, and the layer that is copied over red, green and blue for it."""

# Options of jobs on files that make sense here; the others follow from the script.
_OPTIONS = ("depth", "compression", "resume", "ocio")
_CALL = "import howard_nuke; howard_nuke.{}"
_CHANGED = """\
try:
    import howard_nuke
except ImportError:
    pass
else:
    howard_nuke.knob_changed(nuke.thisNode(), nuke.thisKnob().name())
"""
# The file type comes first: the next two knobs are there for EXR only. Raw: the script's own numbers.
_WRITTEN: tuple[tuple[str, Any], ...] = (
    ("file_type", "exr"),
    ("datatype", "32 bit float"),
    ("compression", "Zip (1 scanline)"),
    ("raw", True),
    ("create_directories", True),
    ("channels", "rgb"),
    ("disable", True),
)
_FOLDER = "[file dirname [value root.name]]/howard"


class Knob(NamedTuple):
    """A knob to be made.

    Attributes
    ----------
    kind : str
        Class of `nuke`, as `Double_Knob`; `group` and `end` for a group of knobs and its end.
    name, label, tooltip : str
        As shown.
    value : object
        What it is set to; the script of a button.
    items : tuple of str
        Of an enumeration.
    limits : tuple of float
        Of a slider.
    beside : bool
        On the line of the knob before.
    hidden, disabled : bool
        Not shown; greyed out.
    """

    kind: str
    name: str
    label: str = ""
    tooltip: str = ""
    value: Any = None
    items: tuple[str, ...] = ()
    limits: tuple[float, ...] = ()
    beside: bool = False
    hidden: bool = False
    disabled: bool = False


class Node(NamedTuple):
    """A node to be made inside the group.

    Attributes
    ----------
    kind, name : str
        Class and name.
    inputs : tuple of str
        Names of the nodes it is connected to.
    knobs : tuple of pairs
        Names and values, in the order they are set.
    expressions : tuple of pairs
        Names of knobs and what drives them.
    """

    kind: str
    name: str
    inputs: tuple[str, ...] = ()
    knobs: tuple[tuple[str, Any], ...] = ()
    expressions: tuple[tuple[str, str], ...] = ()


def knobs(document: dict[str, Any]) -> list[Knob]:
    """List a group's knobs.

    Parameters
    ----------
    document : dict
        The node's description.

    Returns
    -------
    list of Knob
        In order.
    """
    made = [
        Knob("Tab_Knob", "howard", document["label"]),
        Knob(
            "PyScript_Knob",
            "pull_frame",
            "Pull Matte: this frame",
            "Renders the inputs of the current frame and has Howard pull its matte.",
            _CALL.format("pull(nuke.thisNode(), 'frame')"),
        ),
        Knob(
            "PyScript_Knob",
            "pull_range",
            "Pull Matte: range",
            "The same for all frames of the range below.",
            _CALL.format("pull(nuke.thisNode(), 'range')"),
            beside=True,
        ),
        Knob(
            "PyScript_Knob",
            "cancel",
            "Cancel",
            "Stops between frames; those that are done stay.",
            _CALL.format("cancel(nuke.thisNode())"),
            beside=True,
        ),
        Knob("Int_Knob", "first", "range", "First frame to pull.", 1),
        Knob("Int_Knob", "last", "to", "Last frame to pull.", 1, beside=True),
        Knob(
            "Enumeration_Knob",
            "show",
            "show",
            "What the group shows in red, green and blue. All layers are there whatever it shows.",
            items=tuple(name for name, _ in SHOWN),
        ),
        Knob("Text_Knob", "status", "status", "What was pulled last, and how the clean plate fits.", " "),
    ]
    groups: dict[str, list[Knob]] = {}
    defaults = {knob["name"]: knob["default"] for knob in document["knobs"]}
    for knob in document["knobs"]:
        groups.setdefault(knob["group"], []).extend(_node_knobs(knob, defaults))
    for title, members in groups.items():
        made += _group(title, members)
    for socket in document["inputs"]:
        if socket["type"] == "matte":
            made += _group(socket["label"], _matte_knobs(socket))
    options = {knob["name"]: knob for knob in document["options"]}
    made += [
        Knob("Tab_Knob", "howard_files", "Files"),
        Knob(
            "File_Knob",
            "folder",
            "folder",
            "Results and rendered inputs go into a folder of the node's name in here.",
            _FOLDER,
        ),
        Knob(
            "Boolean_Knob",
            "reuse_plates",
            "reuse rendered plates",
            "Plate and clean plate are not rendered again where their files are there already: tick it while "
            "only overrides, mattes and knobs change.",
            False,
        ),
        Knob(
            "Boolean_Knob",
            "more_layers",
            "refine region and fitted clean plate",
            "Writes the layers region and clean too.",
            False,
        ),
        Knob(
            "String_Knob",
            "working_space",
            "working space",
            "Colour space of the script, as lin_rec709_scene or lin_ap1_scene; empty: as the project settings"
            " say.",
            "",
        ),
        *(made_of for name in _OPTIONS for made_of in _node_knobs(options[name], {})),
        Knob("Boolean_Knob", "has_result", "has result", "", False, hidden=True),
        Knob("knobChanged", "knobChanged", value=_CHANGED),
    ]
    return made


def nodes(document: dict[str, Any]) -> list[Node]:
    """List the nodes inside a group.

    Parameters
    ----------
    document : dict
        The node's description.

    Returns
    -------
    list of Node
        Each after those it is connected to. The first are the inputs, in order.
    """
    made = [
        Node("Input", socket["name"], knobs=(("number", i),)) for i, socket in enumerate(document["inputs"])
    ]
    for socket in document["inputs"]:
        source = socket["name"]
        if socket["type"] == "matte":
            source = f"Pick_{socket['name']}"
            made.append(Node("Copy", source, (socket["name"], socket["name"])))
        made.append(Node("Write", write_node(socket["name"]), (source,), _WRITTEN))
    outside = (("before", "black"), ("after", "black"), ("on_error", "black"))
    made.append(Node("Read", READ, knobs=(("raw", True), *outside)))
    shown = []
    for title, layer in SHOWN:
        if layer:
            shown.append(f"Show_{title.replace(' ', '_')}")
            made.append(Node("Copy", shown[-1], (READ, READ), _over_rgb(f"{layer}.alpha")))
    plate = document["inputs"][0]["name"]
    driven = (("which", "parent.has_result ? parent.show + 1 : 0"),)
    made.append(Node("Switch", "Shown", (plate, READ, *shown), expressions=driven))
    made.append(Node("Output", "Output", ("Shown",)))
    return made


def write_node(name: str) -> str:
    """Name the Write of an input."""
    return f"Write_{name}"


def picking(name: str, values: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Tell how the nodes of a matte input are to be set before it is rendered.

    Parameters
    ----------
    name : str
        Of the input.
    values : dict
        Of the group's knobs.

    Returns
    -------
    dict of str to dict
        Knobs and values by name of node: the channel in red, green and blue, and alpha where it counts.
    """
    painted = bool(values.get(name + PAINTED))
    return {
        f"Pick_{name}": dict(_over_rgb(values[name + CHANNEL])),
        write_node(name): {"channels": "rgba" if painted else "rgb"},
    }


def showing(channels: list[str]) -> dict[str, dict[str, Any]]:
    """Tell how the nodes that show a layer are to be set, now that the result's channels are known.

    Parameters
    ----------
    channels : list of str
        Of the Read, in Nuke's names.

    Returns
    -------
    dict of str to dict
        Knobs and values by name of node; nothing for layers that are not there.
    """
    settings = {}
    for title, layer in SHOWN:
        inside = [channel for channel in channels if channel.split(".")[0] == layer]
        if inside:
            # Alpha of rgba, the only channel of the others.
            settings[f"Show_{title.replace(' ', '_')}"] = dict(_over_rgb(inside[-1]))
    return settings


def stored_names(document: dict[str, Any]) -> list[str]:
    """List the names of a group's knobs that hold a value."""
    without = ("Tab_Knob", "PyScript_Knob", "Text_Knob", "knobChanged", "group", "end")
    return [knob.name for knob in knobs(document) if knob.kind not in without]


def own_names(document: dict[str, Any]) -> set[str]:
    """List those that are not of the description: a group without one of them is of another version."""
    described = {knob["name"] for kind in ("knobs", "options") for knob in document[kind]}
    names = set(stored_names(document))
    return {name for name in names if name not in described and name[: -len(AUTOMATIC)] not in described}


def _over_rgb(channel: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for i, color in enumerate(("red", "green", "blue")):
        pairs += [(f"from{i}", channel), (f"to{i}", f"rgba.{color}")]
    return tuple(pairs)


def _group(title: str, members: list[Knob]) -> list[Knob]:
    name = "group_" + "".join(c if c.isalnum() else "_" for c in title.lower())
    return [Knob("group", name, title), *members, Knob("end", f"{name}_end")]


def _node_knobs(knob: dict[str, Any], defaults: dict[str, Any]) -> list[Knob]:
    """Make the knob of one of the description's: itself, and its box where it has one."""
    only = knob["only_with"]
    counts = not only or defaults[only["knob"]] == only["value"]
    name, kind, value = knob["name"], knob["type"], knob["default"]
    label = knob["label"].lower() + (f" ({knob['unit']})" if knob["unit"] else "")
    tooltip = knob["help"]
    for choice in knob["choices"]:
        tooltip += f"\n<b>{choice['value']}</b>: {choice['help']}"
    if kind in ("text", "file"):
        if knob["automatic"]:
            tooltip += f"\nEmpty: {knob['automatic']}."
        return [Knob("String_Knob" if kind == "text" else "File_Knob", name, label, tooltip, value or "")]
    chosen = value is None
    if chosen:
        value = knob["manual"]
    classes = {
        "float": "Double_Knob",
        "int": "Int_Knob",
        "bool": "Boolean_Knob",
        "choice": "Enumeration_Knob",
    }
    limits = (knob["minimum"], knob["maximum"])
    made = [
        Knob(
            classes[kind],
            name,
            label,
            tooltip,
            value,
            items=tuple(choice["value"] for choice in knob["choices"]),
            limits=limits if kind == "float" and None not in limits else (),
            disabled=chosen or not counts,
        )
    ]
    if knob["automatic"]:
        tooltip = f"Automatic: {knob['automatic']}."
        made.append(Knob("Boolean_Knob", name + AUTOMATIC, "automatic", tooltip, chosen, beside=True))
    return made


def _matte_knobs(socket: dict[str, Any]) -> list[Knob]:
    override = socket["stage"] == "refine"
    made = [
        Knob(
            "Channel_Knob",
            socket["name"] + CHANNEL,
            "channel",
            socket["help"] + "\nThe channel of this input that is taken.",
            "rgba.red" if override else "rgba.alpha",
        )
    ]
    if override:
        tooltip = "Acts only where the input's alpha is (premultiplied paint); else everywhere."
        made.append(
            Knob("Boolean_Knob", socket["name"] + PAINTED, "only where painted", tooltip, False, beside=True)
        )
    return made
