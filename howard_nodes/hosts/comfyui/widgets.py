"""Sockets and widgets as ComfyUI declares them, from the node's description: none is repeated by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from howard_nodes.description import Knob, Socket, checked

__all__ = ["AUTOMATIC", "inputs_of", "knob_values", "outputs_of", "socket_type", "widgets_of"]

AUTOMATIC = "_automatic"
"""End of the name of the switch that makes a number automatic."""

_TYPES = {"color": "IMAGE", "image": "IMAGE", "matte": "MASK"}
# Where a knob is open-ended: past what ComfyUI allows when nothing is said.
_MOST = 2**31 - 1


def socket_type(socket: Socket) -> str:
    """Give ComfyUI's type of a socket: `IMAGE` or `MASK`."""
    return _TYPES[socket.type]


def inputs_of(sockets: Iterable[Socket]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Declare inputs.

    Parameters
    ----------
    sockets : iterable of Socket
        The node's.

    Returns
    -------
    dict
        A part of what `INPUT_TYPES` gives.
    """
    return {socket.name: (socket_type(socket), {"tooltip": socket.help}) for socket in sockets}


def outputs_of(sockets: Iterable[Socket]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Declare outputs.

    Parameters
    ----------
    sockets : iterable of Socket
        The node's.

    Returns
    -------
    types, names, tooltips : tuple of str
        `RETURN_TYPES`, `RETURN_NAMES` and `OUTPUT_TOOLTIPS`.
    """
    listed = tuple(sockets)
    return (
        tuple(socket_type(socket) for socket in listed),
        tuple(socket.name for socket in listed),
        tuple(socket.help for socket in listed),
    )


def widgets_of(knobs: Iterable[Knob]) -> dict[str, tuple[Any, dict[str, Any]]]:
    """Declare widgets.

    A number that may be automatic has a switch in front of it, named as the knob with `_automatic` behind; a
    text is automatic where it is empty.

    Parameters
    ----------
    knobs : iterable of Knob
        In the order they are shown.

    Returns
    -------
    dict
        A part of what `INPUT_TYPES` gives.
    """
    widgets: dict[str, tuple[Any, dict[str, Any]]] = {}
    for knob in knobs:
        if _has_switch(knob):
            switch = {"default": knob.default is None, "label_on": "automatic", "label_off": "as set"}
            switch["tooltip"] = f"{knob.label}: automatic is {knob.automatic}."
            widgets[knob.name + AUTOMATIC] = ("BOOLEAN", switch)
        widgets[knob.name] = _widget(knob)
    return widgets


def knob_values(given: Mapping[str, Any], knobs: Iterable[Knob]) -> dict[str, Any]:
    """Take the values of knobs from those of widgets.

    Parameters
    ----------
    given : mapping of str to object
        What ComfyUI passes to a node; a widget that is missing leaves its knob at the default.
    knobs : iterable of Knob
        Those that the node has.

    Returns
    -------
    dict
        All of `knobs`, checked.

    Raises
    ------
    InputError
        A value that will not do.
    """
    listed = tuple(knobs)
    values: dict[str, Any] = {}
    for knob in listed:
        value = given.get(knob.name, knob.default)
        by_switch = _has_switch(knob) and given.get(knob.name + AUTOMATIC, False)
        by_blank = knob.type in ("text", "file") and isinstance(value, str) and not value.strip()
        values[knob.name] = None if knob.automatic and (by_switch or by_blank) else value
    return checked(values, listed)


def _has_switch(knob: Knob) -> bool:
    return bool(knob.automatic) and knob.type in ("float", "int")


def _widget(knob: Knob) -> tuple[Any, dict[str, Any]]:
    unit = f" In {knob.unit}." if knob.unit else ""
    tooltip = f"{knob.help}{unit}"
    if knob.type == "choice":
        lines = (f"{choice.value}: {choice.help}" for choice in knob.choices)
        options = {"default": knob.default, "tooltip": "\n".join((tooltip, *lines))}
        return [choice.value for choice in knob.choices], options
    if knob.type == "bool":
        return "BOOLEAN", {"default": knob.default, "tooltip": tooltip}
    if knob.type in ("text", "file"):
        if knob.automatic:
            tooltip = f"{tooltip} Empty: {knob.automatic}."
        options = {"default": knob.default or "", "placeholder": knob.automatic, "tooltip": tooltip}
        return "STRING", options
    low = -_MOST if knob.minimum is None else knob.minimum
    high = _MOST if knob.maximum is None else knob.maximum
    value = knob.manual if knob.default is None else knob.default
    options = {"default": value, "min": low, "max": high, "tooltip": tooltip}
    # ComfyUI keeps whole numbers on a grid of the step, and rounds others to its digits unless told
    # otherwise: finer ones than a step must be possible.
    step = knob.step or (1 if knob.type == "int" else 0.1)
    if knob.type == "int":
        return "INT", options | {"step": max(1, int(step) // 100)}
    return "FLOAT", options | {"step": step, "round": step / 100}
