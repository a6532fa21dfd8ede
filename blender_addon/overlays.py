# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups for looking at a matte, of Blender's own nodes: they render where the add-on is not installed."""

from __future__ import annotations

from array import array

import bpy

from . import versions

__all__ = ["CHECKERBOARD", "ERROR_HEAT", "add", "checkerboard", "error_heat"]

ERROR_HEAT = "Howard Error Heat"
CHECKERBOARD = "Howard Checkerboard"

_MARK = "howard_overlay"
_WIDTH = 180
_OPACITY = 0.8

_RAMP = ((0.02, (1.0, 0.02, 0.0, 0.0)), (0.3, (1.0, 0.08, 0.0, 1.0)), (1.0, (1.0, 0.8, 0.0, 1.0)))
"""Error, and its colour: scene-linear, its alpha is how much of it is seen. Below the first, nothing is."""

_GREYS = (34, 82)
"""Of 255, scene-linear: dark and light cells."""


def add(tree: bpy.types.NodeTree, group: bpy.types.NodeTree) -> bpy.types.Node:
    """Add a node that shows one of these groups to a compositor."""
    made = tree.nodes.new("CompositorNodeGroup")
    made.node_tree, made.name, made.width = group, group.name, _WIDTH
    return made


def error_heat() -> bpy.types.NodeTree:
    """Give the group that lays an error map over a plate as colours; make it where there is none.

    Its inputs are Plate, Error Map (0 to 1) and Opacity. Where the error is next to nothing, the plate is
    left as it is.
    """
    tree = _known(ERROR_HEAT)
    if tree is not None:
        return tree
    tree, given, shown = _new(ERROR_HEAT)
    _input(tree, "Plate", "NodeSocketColor", "The error map's plate")
    for name, default, about in (
        ("Error Map", 0.0, "Error Map of a Howard Matte"),
        ("Opacity", _OPACITY, "Opacity of the colours where the error is 1"),
    ):
        made = _input(tree, name, "NodeSocketFloat", about)
        made.default_value, made.min_value, made.max_value, made.subtype = default, 0.0, 1.0, "FACTOR"
    strength, ramp, mix = (versions.add_twin(tree, kind) for kind in ("Math", "ValToRGB", "MixRGB"))
    strength.operation = "MULTIPLY"
    ramp.color_ramp.elements.new(0.5)  # to the two that are there
    for element, (position, colour) in zip(ramp.color_ramp.elements, _RAMP, strict=True):
        element.position, element.color = position, colour
    for node, place in (
        (given, (-420, 0)),
        (ramp, (-200, -140)),
        (strength, (100, -140)),
        (mix, (280, 0)),
        (shown, (460, 0)),
    ):
        node.location = place
    plate, error, opacity = given.outputs[:3]
    for source, target in (
        (error, ramp.inputs[0]),
        (ramp.outputs["Alpha"], strength.inputs[0]),
        (opacity, strength.inputs[1]),
        (strength.outputs[0], mix.inputs[0]),
        (plate, mix.inputs[1]),
        (ramp.outputs[0], mix.inputs[2]),
        (mix.outputs[0], shown.inputs["Image"]),
    ):
        tree.links.new(source, target)
    return tree


def checkerboard(size: tuple[int, int]) -> bpy.types.NodeTree:
    """Give the group that puts a premultiplied image over a checkerboard; make it where there is none.

    Parameters
    ----------
    size : tuple of int
        Width and height of the board, and so of what comes out: each size has a group of its own.

    Returns
    -------
    NodeTree
        Its one input is Image.
    """
    name = f"{CHECKERBOARD} {size[0]} x {size[1]}"
    tree = _known(name)
    if tree is not None:
        return tree
    tree, given, shown = _new(name)
    _input(tree, "Image", "NodeSocketColor", "Image of a Howard Matte, or any premultiplied image")
    board, over = tree.nodes.new("CompositorNodeImage"), tree.nodes.new("CompositorNodeAlphaOver")
    board.image = _board(size)
    for node, place in ((given, (-240, 0)), (board, (-240, -140)), (over, (60, 0)), (shown, (300, 0))):
        node.location = place
    below, above = versions.over_inputs(over)
    tree.links.new(board.outputs["Image"], below)
    tree.links.new(given.outputs["Image"], above)
    tree.links.new(over.outputs[0], shown.inputs["Image"])
    return tree


def _board(size: tuple[int, int]) -> bpy.types.Image:
    """Paint the checkerboard, and pack it: it is in no file."""
    width, height = size
    cell = max(8, width // 60)
    cells = ([*(grey / 255 for _ in range(3)), 1.0] for grey in _GREYS)
    dark, light = (array("f", one) * cell for one in cells)
    rows = [(pair * (width // (2 * cell) + 1))[: 4 * width] for pair in (dark + light, light + dark)]
    pixels = array("f")
    for row in range(height):
        pixels += rows[row // cell % 2]
    image = bpy.data.images.new(CHECKERBOARD, width, height, is_data=True)
    image.pixels.foreach_set(pixels)
    image.update()
    image.pack()
    return image


def _known(name: str) -> bpy.types.NodeTree | None:
    return next((tree for tree in bpy.data.node_groups if tree.get(_MARK) == name), None)


def _new(name: str) -> tuple[bpy.types.NodeTree, bpy.types.Node, bpy.types.Node]:
    tree = bpy.data.node_groups.new(name, "CompositorNodeTree")
    tree[_MARK] = name
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    return tree, tree.nodes.new("NodeGroupInput"), tree.nodes.new("NodeGroupOutput")


def _input(tree: bpy.types.NodeTree, name: str, kind: str, about: str) -> bpy.types.NodeTreeInterfaceSocket:
    return tree.interface.new_socket(name, description=about, in_out="INPUT", socket_type=kind)
