"""The nodes inside a HowardMatte group, as plain data, and how they are set: `host` makes them."""

from __future__ import annotations

from typing import Any, NamedTuple

from .panel import CHANNEL, PAINTED, SHOWN

__all__ = ["LAYERS", "MORE_LAYERS", "READ", "Node", "nodes", "picking", "showing", "write_node"]

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


def _over_rgb(channel: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for i, color in enumerate(("red", "green", "blue")):
        pairs += [(f"from{i}", channel), (f"to{i}", f"rgba.{color}")]
    return tuple(pairs)
