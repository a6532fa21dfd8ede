# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a socket gives, as files: the worker cannot see into Blender."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import bpy

from . import folders, versions
from .errors import AddonError

__all__ = ["bake"]

_OUTPUTS = ("CompositorNodeComposite", "CompositorNodeOutputFile", "CompositorNodeViewer")


def bake(
    socket: bpy.types.NodeSocket,
    frames: Iterable[tuple[int, Path]],
    size: tuple[int, int],
    *,
    with_alpha: bool = False,
) -> None:
    """Render what an output of a node gives, to EXR files of 32 bits.

    It is done in a copy of the scene: nothing of the artist's changes, and none of his files is written.

    Parameters
    ----------
    socket : NodeSocket
        An output of a node in a scene's compositor.
    frames : iterable of (int, Path)
        Frames of the scene, and the file of each, which ends in .exr.
    size : tuple of int
        Width and height.
    with_alpha : bool
        Write colour and alpha; else a grey, of colour its luminance as in Blender's own sockets.

    Raises
    ------
    AddonError
        It is inside another group, or cannot be rendered or written.
    """
    tree, node, name = socket.node.id_data, socket.node.name, socket.identifier
    scene = next((one for one in bpy.data.scenes if versions.compositor_tree(one) == tree), None)
    if scene is None:
        raise AddonError(
            f"{node} is inside a group: Howard Matte and its inputs must be in the compositor's own tree."
        )
    copied, copied_tree = versions.copy_scene(scene)
    try:
        _strip(copied, copied_tree, size)
        # Not BW: 4.2 writes that with an alpha of 1, which the worker would take for the matte.
        copied.render.image_settings.color_mode = "RGBA" if with_alpha else "RGB"
        outputs = copied_tree.nodes[node].outputs
        source = next(output for output in outputs if output.identifier == name)
        if source.type == "RGBA" and not with_alpha:
            grey = copied_tree.nodes.new("CompositorNodeRGBToBW")
            copied_tree.links.new(source, grey.inputs[0])
            source = grey.outputs[0]
        copied_tree.links.new(source, versions.final_output(copied_tree))
        _spare_the_renderer(copied_tree, source.node)
        for frame, path in frames:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)  # so that an old file is not taken for one that was written
            copied.frame_set(frame)
            copied.render.filepath = str(path)
            bpy.ops.render.render(scene=copied.name, write_still=True)
            if not path.is_file():
                raise AddonError(f"{path} could not be written: choose another folder for the results.")
    except OSError as error:
        raise folders.unwritable(error) from error
    except RuntimeError as error:
        raise AddonError(f"{node} could not be rendered for Howard: {error}") from error
    finally:
        versions.remove_scene(copied)


def _spare_the_renderer(tree: bpy.types.NodeTree, node: bpy.types.Node) -> None:
    """Take out Render Layers nodes that do not lead to a node: Blender renders their scenes all the same."""
    leading, looked = {node.name}, [node]
    while looked:
        for socket in looked.pop().inputs:
            before = [link.from_node for link in socket.links if link.from_node.name not in leading]
            leading.update(one.name for one in before)
            looked.extend(before)
    for other in [one for one in tree.nodes if one.bl_idname == "CompositorNodeRLayers"]:
        if other.name not in leading:
            tree.nodes.remove(other)


def _strip(scene: bpy.types.Scene, tree: bpy.types.NodeTree, size: tuple[int, int]) -> None:
    """Leave nothing that writes or changes pixels."""
    for node in [node for node in tree.nodes if node.bl_idname in _OUTPUTS]:
        tree.nodes.remove(node)
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = *size, 100
    render.use_compositing, render.use_sequencer = True, False
    render.use_border = render.use_multiview = render.use_stamp = False
    render.use_file_extension = False
    render.use_overwrite, render.use_placeholder = True, False
    output = render.image_settings
    if hasattr(output, "media_type"):
        output.media_type = "IMAGE"
    output.file_format, output.color_depth = "OPEN_EXR", "32"
    output.exr_codec = "ZIP"
