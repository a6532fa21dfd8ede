"""The node's description, as `howard nuke install` wrote it beside this file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .errors import PluginError

__all__ = ["load", "settings"]

_FOLDER = Path(__file__).resolve().parent
_VERSION = 1


def load(name: str = "node.json") -> dict[str, Any]:
    """Read a document that was written at installation.

    Parameters
    ----------
    name : str
        Of the file: the node's description by default.

    Returns
    -------
    dict
        As JSON has it.

    Raises
    ------
    PluginError
        It is not there, or of another version.
    """
    path = _FOLDER / name
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PluginError(f"{path} cannot be read ({error}): run howard nuke install again.") from error
    if not isinstance(document, dict) or document.get("version") != _VERSION:
        raise PluginError(f"{path} and the plug-in are of different versions: run howard nuke install again.")
    return document


def settings(described: list[dict[str, Any]], values: dict[str, Any], automatic: str) -> dict[str, Any]:
    """Turn the values of a group's knobs into those of the node.

    Parameters
    ----------
    described : list of dict
        Knobs or options of the description; those that have no value are left out.
    values : dict
        By name of knob, as Nuke has them.
    automatic : str
        What the name of the box beside a knob ends in.

    Returns
    -------
    dict
        None where the node is to choose.
    """
    found = {}
    for knob in described:
        name = knob["name"]
        if name not in values:
            continue
        value = values[name]
        if values.get(name + automatic):
            value = None
        elif knob["type"] == "int":
            value = int(value)
        elif knob["type"] in ("text", "file"):
            value = str(value).strip() or (None if knob["automatic"] else "")
        found[name] = value
    return found
