# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that differs between the versions of Blender."""

from __future__ import annotations

import math
from collections.abc import Iterator

import bpy

__all__ = [
    "add_twin",
    "compositor_tree",
    "copy_scene",
    "final_output",
    "hide_uvs",
    "over_inputs",
    "remove_scene",
    "split_at",
    "split_inputs",
    "twin",
]

_IS_5 = bpy.app.version >= (5, 0, 0)


def twin(kind: str) -> str:
    """Name the type of a node of the compositor that 5.0 replaced by its twin of the shaders.

    Parameters
    ----------
    kind : str
        `Math`, `MixRGB` or `ValToRGB`; sockets have the same order in both.
    """
    return ("ShaderNode" if _IS_5 else "CompositorNode") + kind


def add_twin(tree: bpy.types.NodeTree, kind: str) -> bpy.types.Node:
    """Add such a node to a compositor, see `twin`."""
    return tree.nodes.new(twin(kind))


def compositor_tree(scene: bpy.types.Scene, *, create: bool = False) -> bpy.types.NodeTree | None:
    """Give a scene's compositor tree.

    Parameters
    ----------
    scene : Scene
        Any.
    create : bool
        Make one where there is none.

    Returns
    -------
    NodeTree or None
        None where there is none.
    """
    if hasattr(scene, "compositing_node_group"):  # 5.0 on: a node group like any other
        if scene.compositing_node_group is None and create:
            made = bpy.data.node_groups.new("Compositor Nodes", "CompositorNodeTree")
            scene.compositing_node_group = made
        return scene.compositing_node_group
    if create:
        scene.use_nodes = True
    return scene.node_tree


def copy_scene(scene: bpy.types.Scene) -> tuple[bpy.types.Scene, bpy.types.NodeTree]:
    """Copy a scene and its compositor tree, which it must have; `remove_scene` removes both."""
    copied = scene.copy()
    if hasattr(copied, "compositing_node_group"):
        copied.compositing_node_group = scene.compositing_node_group.copy()
    return copied, compositor_tree(copied)


def remove_scene(scene: bpy.types.Scene) -> None:
    """Remove what `copy_scene` made."""
    tree = getattr(scene, "compositing_node_group", None)
    bpy.data.scenes.remove(scene)
    if tree is not None:
        bpy.data.node_groups.remove(tree)


def final_output(tree: bpy.types.NodeTree) -> bpy.types.NodeSocket:
    """Give the socket of a compositor that is rendered; make one where there is none."""
    kind = "NodeGroupOutput" if _IS_5 else "CompositorNodeComposite"
    node = next((node for node in tree.nodes if node.bl_idname == kind), None)
    if kind == "NodeGroupOutput" and not any(item.in_out == "OUTPUT" for item in _sockets(tree)):
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    return (node or tree.nodes.new(kind)).inputs[0]


def hide_uvs(space: bpy.types.SpaceImageEditor) -> None:
    """Have an Image Editor that paints not draw the UVs of the active object over the image."""
    settings = space.uv_editor
    setattr(settings, "show_uv" if hasattr(settings, "show_uv") else "show_texpaint", False)  # 4.5 on; 4.2


def over_inputs(node: bpy.types.Node) -> tuple[bpy.types.NodeSocket, bpy.types.NodeSocket]:
    """Give background and foreground of an Alpha Over node: names and places differ, their order does not."""
    below, above = (socket for socket in node.inputs if socket.type == "RGBA")
    return below, above


def split_inputs(node: bpy.types.Node) -> tuple[bpy.types.NodeSocket, bpy.types.NodeSocket]:
    """Give what a Split node shows at the left and at the right."""
    first, second = (socket for socket in node.inputs if socket.type == "RGBA")
    return (first, second) if _IS_5 else (second, first)


def split_at(node: bpy.types.Node, place: float) -> None:
    """Have a Split node split upright at a part of the width, 0 to 1."""
    if _IS_5:
        node.inputs["Position"].default_value = place, 0.5
        node.inputs["Rotation"].default_value = math.pi / 2
    elif "Factor" in node.inputs:  # 4.5
        node.inputs["Factor"].default_value = place
    else:
        node.factor = round(100 * place)


def _sockets(tree: bpy.types.NodeTree) -> Iterator[bpy.types.NodeTreeInterfaceSocket]:
    return (item for item in tree.interface.items_tree if item.item_type == "SOCKET")
