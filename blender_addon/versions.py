# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that differs between the versions of Blender."""

from __future__ import annotations

from collections.abc import Iterator

import bpy

__all__ = ["compositor_tree", "copy_scene", "final_output", "remove_scene"]


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
    kind = "NodeGroupOutput" if bpy.app.version >= (5, 0, 0) else "CompositorNodeComposite"
    node = next((node for node in tree.nodes if node.bl_idname == kind), None)
    if kind == "NodeGroupOutput" and not any(item.in_out == "OUTPUT" for item in _sockets(tree)):
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    return (node or tree.nodes.new(kind)).inputs[0]


def _sockets(tree: bpy.types.NodeTree) -> Iterator[bpy.types.NodeTreeInterfaceSocket]:
    return (item for item in tree.interface.items_tree if item.item_type == "SOCKET")
