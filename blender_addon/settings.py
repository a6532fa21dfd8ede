# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an artist sets on a Howard Matte node: kept on the group's tree, made from the node's description."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from . import description, strokes

__all__ = ["register", "unregister"]

_REGISTERED: list[type] = []


def register() -> None:
    """Give every compositor tree settings."""
    painted = _registered(
        "HowardPainted", strokes.PROPERTIES, "A painted image, and the frames that it is for"
    )
    properties = _properties() | {"painted": CollectionProperty(type=painted)}
    made = _registered("HowardMatteSettings", properties, "Settings of a Howard Matte node")
    bpy.types.CompositorNodeTree.howard = PointerProperty(type=made)


def unregister() -> None:
    """Take them away; what a file holds of them stays in it."""
    del bpy.types.CompositorNodeTree.howard
    while _REGISTERED:
        bpy.utils.unregister_class(_REGISTERED.pop())


def _registered(name: str, properties: dict[str, Any], about: str) -> type:
    """Make a property group: 4.2 crashes at its end where one is a class of a module."""
    made = type(name, (bpy.types.PropertyGroup,), {"__annotations__": properties, "__doc__": about})
    bpy.utils.register_class(made)
    _REGISTERED.append(made)
    return made


def _properties() -> dict[str, Any]:
    made: dict[str, Any] = {}
    for knob in description.shown():
        made[knob["name"]] = _property(knob)
        if knob["automatic"]:
            made[knob["name"] + description.AUTOMATIC] = BoolProperty(
                name=f"Automatic {knob['label']}",
                description=f"Automatic: {knob['automatic']}",
                default=knob["default"] is None,
            )
    made["folder"] = StringProperty(
        name="Folder",
        description="Folder for the results, with a subfolder per node; // is the blend file's folder",
        subtype="DIR_PATH",
        default="//howard/",
    )
    more = [
        one["label"]
        for one in description.outputs().values()
        if one["layer"] not in description.usual_layers()
    ]
    made["more_layers"] = BoolProperty(
        name="More Layers", description=f"Also write: {', '.join(more)}", default=False
    )
    made["failures"] = StringProperty(name="Failures", description="Frames that could not be made, and why")
    made["fitted"] = StringProperty(name="Fitted", description="Verdicts of the last Fit, by frame")
    made["clean_status"] = StringProperty(name="Clean Plate", description="Result of the last Fit or Build")
    made["status"] = StringProperty(name="Status", description="Result of the last pull")
    return made


def _property(knob: dict[str, Any]) -> Any:
    kind, common = knob["type"], {"name": knob["label"], "description": knob["help"].rstrip(".")}
    default = knob["manual"] if knob["default"] is None else knob["default"]
    if kind == "choice":
        choices = [(one["value"], one["label"], one["help"].rstrip(".")) for one in knob["choices"]]
        return EnumProperty(items=choices, default=default, **common)
    if kind == "bool":
        return BoolProperty(default=default, **common)
    if kind == "file":
        return StringProperty(default=default, subtype="FILE_PATH", **common)
    if kind not in ("float", "int"):
        return StringProperty(default=default, **common)
    limits = {
        name: knob[key] for name, key in (("min", "minimum"), ("max", "maximum")) if knob[key] is not None
    }
    if kind == "int":
        return IntProperty(default=default, step=knob["step"] or 1, **limits, **common)
    # Blender counts the steps of floats in hundredths.
    step = max(1, round((knob["step"] or 0.1) * 100))
    return FloatProperty(default=default, step=step, precision=3, **limits, **common)
