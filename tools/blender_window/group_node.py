# SPDX-License-Identifier: GPL-3.0-or-later
"""A compositor with a Group node, and its picture: shows that the window works.

tools/blender_window/window.sh ROOM OUT tools/blender_window/group_node.py
"""

from __future__ import annotations

import bpy
from window import Steps, compositor, override, picture, play


def steps() -> Steps:
    """Make a group of two sockets, put it into the compositor, look at all of it."""
    area = yield from compositor()
    tree = area.spaces.active.node_tree
    group = bpy.data.node_groups.new("Keep Alpha", "CompositorNodeTree")
    group.interface.new_socket("Image", in_out="INPUT", socket_type="NodeSocketColor")
    group.interface.new_socket("Alpha", in_out="OUTPUT", socket_type="NodeSocketFloat")
    node = tree.nodes.new("CompositorNodeGroup")
    node.node_tree = group
    node.width = 240
    viewer = tree.nodes.new("CompositorNodeViewer")
    viewer.location = (400, 0)
    tree.links.new(node.outputs["Alpha"], viewer.inputs[0])
    yield 1.0
    with override(area):
        bpy.ops.node.view_all()
    yield 2.0
    picture("group_node")


play(steps)
