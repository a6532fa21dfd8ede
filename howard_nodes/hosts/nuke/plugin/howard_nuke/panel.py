"""The knobs of a HowardMatte group, as plain data: `host` makes them.

Those that say how to matte are of the node's description; none is written down here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["AUTOMATIC", "CHANNEL", "PAINTED", "SHOWN", "NukeKnob", "knobs", "own_names", "stored_names"]

AUTOMATIC = "_automatic"
"""Ends the name of the box beside a knob that the node can choose a value for."""

CHANNEL = "_channel"
"""Ends the name of the knob that says which channel of an input is the matte."""

PAINTED = "_painted"
"""Ends the name of the box that lets an override act only where its alpha is."""

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
_FOLDER = "[file dirname [value root.name]]/howard"


class NukeKnob(NamedTuple):
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


def knobs(document: dict[str, Any]) -> list[NukeKnob]:
    """List a group's knobs.

    Parameters
    ----------
    document : dict
        The node's description.

    Returns
    -------
    list of NukeKnob
        In order.
    """
    made = [
        NukeKnob("Tab_Knob", "howard", document["label"]),
        NukeKnob(
            "PyScript_Knob",
            "pull_frame",
            "Pull Matte: this frame",
            "Renders the inputs at the current frame and pulls the matte.",
            _CALL.format("pull(nuke.thisNode(), 'frame')"),
        ),
        NukeKnob(
            "PyScript_Knob",
            "pull_range",
            "Pull Matte: range",
            "Pulls the matte for all frames of the range below.",
            _CALL.format("pull(nuke.thisNode(), 'range')"),
            beside=True,
        ),
        NukeKnob(
            "PyScript_Knob",
            "cancel",
            "Cancel",
            "Stops between frames; finished frames are kept.",
            _CALL.format("cancel(nuke.thisNode())"),
            beside=True,
        ),
        NukeKnob("Int_Knob", "first", "range", "First frame to pull.", 1),
        NukeKnob("Int_Knob", "last", "to", "Last frame to pull.", 1, beside=True),
        NukeKnob(
            "Enumeration_Knob",
            "show",
            "show",
            "What the group shows in red, green and blue. All layers stay available.",
            items=tuple(name for name, _ in SHOWN),
        ),
        NukeKnob(
            "Text_Knob", "status", "status", "Result of the last pull, and how the clean plate fits.", " "
        ),
    ]
    groups: dict[str, list[NukeKnob]] = {}
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
        NukeKnob("Tab_Knob", "howard_files", "Files"),
        NukeKnob(
            "File_Knob",
            "folder",
            "folder",
            "Folder for results and rendered inputs, with a subfolder per node.",
            _FOLDER,
        ),
        NukeKnob(
            "Boolean_Knob",
            "reuse_plates",
            "reuse rendered plates",
            "Plate and clean plate are not rendered again where their files are there already: tick it while "
            "only overrides, mattes and knobs change.",
            False,
        ),
        NukeKnob(
            "Boolean_Knob",
            "more_layers",
            "refine region and fitted clean plate",
            "Also writes the layers region and clean.",
            False,
        ),
        NukeKnob(
            "String_Knob",
            "working_space",
            "working space",
            "Colour space of the script, as lin_rec709_scene or lin_ap1_scene; empty: as the project settings"
            " say.",
            "",
        ),
        *(made_of for name in _OPTIONS for made_of in _node_knobs(options[name], {})),
        NukeKnob("Boolean_Knob", "has_result", "has result", "", False, hidden=True),
        NukeKnob("knobChanged", "knobChanged", value=_CHANGED),
    ]
    return made


def stored_names(document: dict[str, Any]) -> list[str]:
    """List the names of a group's knobs that hold a value."""
    without = ("Tab_Knob", "PyScript_Knob", "Text_Knob", "knobChanged", "group", "end")
    return [knob.name for knob in knobs(document) if knob.kind not in without]


def own_names(document: dict[str, Any]) -> set[str]:
    """List those that are not of the description: a group without one of them is of another version."""
    described = {knob["name"] for kind in ("knobs", "options") for knob in document[kind]}
    names = set(stored_names(document))
    return {name for name in names if name not in described and name[: -len(AUTOMATIC)] not in described}


def _group(title: str, members: list[NukeKnob]) -> list[NukeKnob]:
    name = "group_" + "".join(c if c.isalnum() else "_" for c in title.lower())
    return [NukeKnob("group", name, title), *members, NukeKnob("end", f"{name}_end")]


def _node_knobs(knob: dict[str, Any], defaults: dict[str, Any]) -> list[NukeKnob]:
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
        return [NukeKnob("String_Knob" if kind == "text" else "File_Knob", name, label, tooltip, value or "")]
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
        NukeKnob(
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
        made.append(NukeKnob("Boolean_Knob", name + AUTOMATIC, "automatic", tooltip, chosen, beside=True))
    return made


def _matte_knobs(socket: dict[str, Any]) -> list[NukeKnob]:
    override = socket["stage"] == "refine"
    made = [
        NukeKnob(
            "Channel_Knob",
            socket["name"] + CHANNEL,
            "channel",
            socket["help"] + "\nChannel of this input to use.",
            "rgba.red" if override else "rgba.alpha",
        )
    ]
    if override:
        tooltip = "Applies only where the input has alpha (premultiplied paint); else everywhere."
        made.append(
            NukeKnob(
                "Boolean_Knob", socket["name"] + PAINTED, "only where painted", tooltip, False, beside=True
            )
        )
    return made
