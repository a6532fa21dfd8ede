# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node's description, as it was put beside this file when the add-on was built."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

__all__ = ["AUTOMATIC", "OWN_OPTIONS", "inputs", "load", "outputs", "settings", "shown", "usual_layers"]

AUTOMATIC = "_automatic"
"""What the name of the check box beside a knob ends in."""

OWN_OPTIONS = frozenset(
    (
        "frames",
        "start_frame",
        "clean_offset",
        "clean_start_frame",
        "fit",
        "report",
        "colorspace",
        "clean_colorspace",
        "output_colorspace",
        "ocio",
        "layers",
    )
)
"""Options that the add-on sets by itself, from what Blender knows."""


@functools.cache
def load() -> dict[str, Any]:
    """Give the document that `howard node describe --json` prints."""
    document: dict[str, Any] = json.loads(Path(__file__).with_name("node.json").read_text(encoding="utf-8"))
    return document


def inputs() -> dict[str, dict[str, Any]]:
    """Give the inputs by name, in their order."""
    return {one["name"]: one for one in load()["inputs"]}


def outputs() -> dict[str, dict[str, Any]]:
    """Give the outputs by name, in their order."""
    return {one["name"]: one for one in load()["outputs"]}


def usual_layers() -> list[str]:
    """Give the layers that are written where no others are asked for."""
    layers = next(one for one in load()["options"] if one["name"] == "layers")
    return str(layers["default"]).split(",")


def shown() -> list[dict[str, Any]]:
    """Give the knobs and options that an artist sets."""
    return load()["knobs"] + [one for one in load()["options"] if one["name"] not in OWN_OPTIONS]


def settings(described: list[dict[str, Any]], values: Any) -> dict[str, Any]:
    """Turn an artist's settings into those of the node.

    Parameters
    ----------
    described : list of dict
        Knobs or options of the description; the add-on's own are left out.
    values : object
        Has an attribute for each, as `bpy.types.NodeTree.howard` does.

    Returns
    -------
    dict
        By name; None where the node is to choose.
    """
    found: dict[str, Any] = {}
    for knob in described:
        name = knob["name"]
        if name in OWN_OPTIONS:
            continue
        value = getattr(values, name)
        if knob["automatic"] and getattr(values, name + AUTOMATIC):
            value = None
        elif isinstance(value, str):
            value = value.strip() or (None if knob["automatic"] else "")
        found[name] = value
    return found
