"""The node's sockets: what goes in and what comes out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from howard_nodes.description.knob import named
from howard_nodes.errors import InputError

__all__ = ["INPUTS", "OUTPUTS", "Socket", "inputs_checked"]

T = TypeVar("T")

SocketType = Literal["color", "matte", "image"]


@dataclass(frozen=True)
class Socket:
    """One input or output.

    Attributes
    ----------
    name : str
        Its name everywhere: in JSON, in Python, in hosts' scripts.
    label : str
        What a host shows.
    type : str
        `color` (three channels, red green blue), `matte` (one channel) or `image` (red, green, blue and
        alpha, premultiplied).
    help : str
        Tooltip.
    stage : str
        Stage of the node that takes it in, or that it comes from.
    required : bool
        Of an input: whether the node works without it.
    layer : str
        Of an output: its layer in an EXR, a name from `howard_nodes.layers.LAYERS`.
    flag : str
        Of an input: on the command line; empty for the argument itself.
    """

    name: str
    label: str
    type: SocketType
    help: str
    stage: str
    required: bool = False
    layer: str = ""
    flag: str = ""

    @property
    def channels(self) -> int:
        """How many channels it has."""
        return {"color": 3, "matte": 1, "image": 4}[self.type]

    @property
    def role(self) -> str:
        """`color` where colour management applies, `data` where it must not."""
        return "data" if self.type == "matte" else "color"

    def document(self) -> dict[str, Any]:
        """Write it as the node's description has it."""
        about: dict[str, Any] = {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "channels": self.channels,
            "role": self.role,
            "help": self.help,
            "stage": self.stage,
        }
        if self.layer:
            return about | {"layer": self.layer}
        return about | {"required": self.required, "default": None, "flag": self.flag}


INPUTS: tuple[Socket, ...] = (
    Socket(
        "plate",
        "Plate",
        "color",
        "Source footage: the subject in front of the background.",
        "read",
        required=True,
    ),
    Socket(
        "clean_plate",
        "Clean Plate",
        "color",
        "The same background without the subject. It need not line up: it is registered, and its exposure "
        "matched.",
        "read",
        required=True,
        flag="--clean",
    ),
    Socket(
        "coarse_override",
        "Coarse Matte Override",
        "matte",
        "Replaces the coarse matte before refinement. With an alpha channel (premultiplied), only where "
        "alpha is above 0.",
        "refine",
        flag="--override-coarse",
    ),
    Socket(
        "error_override",
        "Error Map Override",
        "matte",
        "Replaces the error map: 1 refines, 0 protects the coarse matte. With an alpha channel "
        "(premultiplied), only where alpha is above 0.",
        "refine",
        flag="--override-error",
    ),
    Socket("inside", "Inside", "matte", "Core matte: forces alpha to 1.", "solve", flag="--inside"),
    Socket(
        "outside",
        "Outside",
        "matte",
        "Garbage matte: forces alpha to 0; wins over inside.",
        "solve",
        flag="--outside",
    ),
)
"""What goes in, in the order hosts show it."""

OUTPUTS: tuple[Socket, ...] = (
    Socket(
        "image",
        "Image",
        "image",
        "Premultiplied foreground with alpha, scene-linear: ready to comp over a background.",
        "solve",
        layer="rgba",
    ),
    Socket(
        "foreground",
        "Foreground",
        "color",
        "Unpremultiplied (straight) foreground, scene-linear, extended beyond the edge.",
        "solve",
        layer="foreground",
    ),
    Socket("alpha", "Alpha", "matte", "Refined alpha: coverage in linear light.", "solve", layer="alpha"),
    Socket(
        "coarse_matte",
        "Coarse Matte",
        "matte",
        "The coarse stage's matte, before any override.",
        "coarse",
        layer="coarse",
    ),
    Socket(
        "error_map",
        "Error Map",
        "matte",
        "How wrong the coarse stage expects its matte to be, before any override.",
        "coarse",
        layer="error",
    ),
    Socket(
        "doubt",
        "Doubt",
        "matte",
        "How wrong the final alpha is expected to be: where to look.",
        "solve",
        layer="doubt",
    ),
    Socket(
        "refine_region", "Refine Region", "matte", "1 where pixels were refined.", "refine", layer="region"
    ),
    Socket(
        "fitted_clean_plate",
        "Fitted Clean Plate",
        "color",
        "The clean plate as used: registered, with its exposure matched.",
        "fit",
        layer="clean",
    ),
)
"""What comes out, in the order hosts show it."""


def inputs_checked(
    given: Mapping[str, T | None], required: Collection[str] = ("plate", "clean_plate")
) -> dict[str, T]:
    """Make sure that inputs are the node's, and that none is missing.

    Parameters
    ----------
    given : mapping of str to object
        By name of socket; None where nothing is connected.
    required : collection of str
        What must be there; by default what the node needs.

    Returns
    -------
    dict
        Those that are connected, in the sockets' order.

    Raises
    ------
    InputError
        An unknown input, or a required one that is missing.
    """
    known = {socket.name: socket for socket in INPUTS}
    for name in given:
        named(name, known, "input")
    connected: dict[str, T] = {}
    for name in known:
        value = given.get(name)
        if value is not None:
            connected[name] = value
    for socket in INPUTS:
        if socket.name in required and socket.name not in connected:
            raise InputError(f"no {socket.label.lower()}: connect one to the input '{socket.name}'.")
    return connected
