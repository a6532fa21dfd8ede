# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The node: a plain group of Blender's own nodes, so that a file renders where the add-on is not installed.

Its inputs are read by the add-on when a matte is pulled; its outputs are the layers of the result. Until
there is one, Image is the plate.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bpy

from . import description, images, versions
from .errors import AddonError

__all__ = ["add", "find", "is_matte", "show", "shown_file", "shown_size", "timing", "trees"]

_MARK = "howard_matte"
_RESULT = "Result"
_READ = "Inputs"
_COMBINED = "rgba"
_WIDTH = 220
_SOCKETS = {"color": "NodeSocketColor", "image": "NodeSocketColor", "matte": "NodeSocketFloat"}


def add(tree: bpy.types.NodeTree) -> bpy.types.Node:
    """Add a node with a group of its own to a compositor."""
    made = tree.nodes.new("CompositorNodeGroup")
    made.node_tree = _create()
    made.name, made.width = description.load()["label"], _WIDTH
    made.outputs[_READ].hide = True
    return made


def is_matte(tree: bpy.types.ID | None) -> bool:
    """Tell whether a tree is the group of a Howard Matte."""
    return isinstance(tree, bpy.types.NodeTree) and _MARK in tree


def trees() -> Iterator[bpy.types.NodeTree]:
    """Give every compositor tree of the file, those of its scenes first."""
    seen = set()
    of_scenes = (versions.compositor_tree(scene) for scene in bpy.data.scenes)
    for tree in (*of_scenes, *bpy.data.node_groups):
        if tree is not None and tree.bl_idname == "CompositorNodeTree" and tree not in seen:
            seen.add(tree)
            yield tree


def find(name: str, context: bpy.types.Context) -> bpy.types.Node:
    """Find a Howard Matte.

    Parameters
    ----------
    name : str
        Of its group, as in `bpy.data.node_groups`. Empty: the active node, else the only one there is.
    context : Context
        Says which node is active.

    Returns
    -------
    Node
        Its `node_tree` is the group.

    Raises
    ------
    AddonError
        There is none.
    """
    nodes = [node for tree in trees() for node in tree.nodes if is_matte(getattr(node, "node_tree", None))]
    if name:
        nodes = [node for node in nodes if node.node_tree.name == name]
        if not nodes:
            raise AddonError(f"There is no Howard Matte {name} in a compositor.")
        return nodes[0]
    active = getattr(context, "active_node", None)
    if active in nodes:
        return active
    if not nodes:
        raise AddonError("There is no Howard Matte in a compositor: add one (Add, Keying).")
    if len({node.node_tree for node in nodes}) > 1:
        raise AddonError("There are several Howard Mattes: choose one in the compositor.")
    return nodes[0]


def show(tree: bpy.types.NodeTree, path: str, timing: images.Timing | None) -> None:
    """Have a group show a result.

    Parameters
    ----------
    tree : NodeTree
        Of a Howard Matte.
    path : str
        A file of the result, that is there.
    timing : Timing or None
        When which frame is shown; None for a single image.

    Raises
    ------
    AddonError
        The nodes in the group were changed.
    """
    result = tree.nodes.get(_RESULT)
    shown = next((node for node in tree.nodes if node.bl_idname == "NodeGroupOutput"), None)
    if result is None or result.bl_idname != "CompositorNodeImage" or shown is None:
        raise AddonError(f"Nodes inside {tree.name} are missing: add a new Howard Matte.")
    images.result(result, path, f"{tree.name} Result", timing)
    there = {output.name: output for output in result.outputs if output.enabled}
    for socket in description.outputs().values():
        found = there.get("Combined" if socket["layer"] == _COMBINED else socket["layer"])
        if found is None:
            continue
        if socket["label"] not in shown.inputs:
            _socket(tree, socket, "OUTPUT")
        tree.links.new(found, shown.inputs[socket["label"]])


def shown_size(tree: bpy.types.NodeTree) -> tuple[int, int] | None:
    """Give width and height of the result that a group shows; None where there is none."""
    image = getattr(tree.nodes.get(_RESULT), "image", None)
    return None if image is None else tuple(image.size)


def shown_file(tree: bpy.types.NodeTree) -> Path | None:
    """Give a file of the result that a group shows; None where there is none."""
    image = getattr(tree.nodes.get(_RESULT), "image", None)
    return None if image is None else Path(bpy.path.abspath(image.filepath, library=image.library))


def timing(tree: bpy.types.NodeTree) -> images.Timing | None:
    """Tell when which picture of its result a group shows; None for a single image, and for none."""
    node = tree.nodes.get(_RESULT)
    image = getattr(node, "image", None)
    return None if image is None or image.source == "FILE" else images.timing_of(node)


def _create() -> bpy.types.NodeTree:
    document = description.load()
    tree = bpy.data.node_groups.new(document["label"], "CompositorNodeTree")
    tree[_MARK] = document["version"]
    for socket in document["inputs"]:
        made = _socket(tree, socket, "INPUT")
        made.hide_value = True
    for socket in document["outputs"]:
        if socket["layer"] in description.usual_layers():
            _socket(tree, socket, "OUTPUT")
    plates, result, shown = (
        tree.nodes.new(kind) for kind in ("NodeGroupInput", "CompositorNodeImage", "NodeGroupOutput")
    )
    result.name = result.label = _RESULT
    plates.location, result.location, shown.location = (-300, 0), (-40, -160), (300, 0)
    tree.links.new(plates.outputs["Plate"], shown.inputs["Image"])
    _keep_inputs_lit(tree, plates, shown)
    return tree


def _keep_inputs_lit(tree: bpy.types.NodeTree, given: bpy.types.Node, shown: bpy.types.Node) -> None:
    """Join all inputs in an output that is hidden: Blender greys out inputs that reach none.

    Nothing is computed for it while nothing is plugged into it.
    """
    tree.interface.new_socket(
        _READ,
        description="What Howard reads; it is here so that Blender does not grey out the inputs",
        in_out="OUTPUT",
        socket_type="NodeSocketColor",
    )
    joined, *others = (output for output in given.outputs if output.name)
    for place, output in enumerate(others):
        mix = versions.add_twin(tree, "MixRGB")
        mix.hide, mix.location = True, (place * 40 - 160, 160)
        tree.links.new(joined, mix.inputs[1])
        tree.links.new(output, mix.inputs[2])
        joined = mix.outputs[0]
    tree.links.new(joined, shown.inputs[_READ])


def _socket(tree: bpy.types.NodeTree, socket: dict, direction: str) -> bpy.types.NodeTreeInterfaceSocket:
    return tree.interface.new_socket(
        socket["label"],
        description=socket["help"],
        in_out=direction,
        socket_type=_SOCKETS[socket["type"]],
    )
