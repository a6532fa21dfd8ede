"""Mattes that are painted or computed: never saved, and through other nodes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import artist
import bpy
import numpy as np


def painted(name: str, *, alpha_right: float = 1.0) -> Any:
    """Paint the left half white, in an image that is in no file."""
    image = bpy.data.images.new(name, 104, 72, alpha=True, float_buffer=True, is_data=True)
    pixels = np.zeros((72, 104, 4), np.float32)
    pixels[:, :52, :3] = 1
    pixels[:, :52, 3], pixels[:, 52:, 3] = 1, alpha_right
    image.pixels.foreach_set(pixels.ravel())
    image.update()
    node = artist.compositor().nodes.new("CompositorNodeImage")
    node.image = image
    return node.outputs["Image"]


def black() -> Any:
    """Paint nothing."""
    socket = painted("Black")
    socket.node.image.pixels.foreach_set(np.tile(np.float32([0, 0, 0, 1]), 72 * 104))
    socket.node.image.update()
    return socket


def paint(entry: Any, where: Any, value: float) -> None:
    """Paint with a hard brush, over the part of an image that numpy would take."""
    image = entry.image
    pixels = np.empty(72 * 104 * 4, np.float32)
    image.pixels.foreach_get(pixels)
    pixels = pixels.reshape(72, 104, 4)
    pixels[where] = [value, value, value, 1]
    image.pixels.foreach_set(pixels.ravel())
    image.update()


def flipped(socket: Any) -> Any:
    """Turn left and right round."""
    tree = artist.compositor()
    node = tree.nodes.new("CompositorNodeFlip")
    tree.links.new(socket, node.inputs[0])
    if "Flip X" in node.inputs:  # 4.5 on
        node.inputs["Flip X"].default_value, node.inputs["Flip Y"].default_value = True, False
    else:
        node.axis = "X"
    return node.outputs[0]


def main(zip_file: str, howard: str, shot: Path, project: Path) -> None:
    rendered = []
    with artist.addon(zip_file, howard):
        artist.start_scene(project, (1, 2))
        node = artist.add_matte(str(shot / "plate.1001.exr"), str(shot / "clean.exr"))
        links = artist.compositor().links

        def pull(name: str, frame: int = 2) -> None:
            bpy.context.scene.frame_set(frame)
            assert bpy.ops.howard.pull_matte(frames="CURRENT") == {"FINISHED"}
            artist.render(node.outputs["Alpha"], frame, project / f"{name}.exr")
            rendered.append(name)

        pull("none")
        artist.render(node.outputs["Coarse Matte"], 2, project / "coarse.exr")
        links.new(flipped(painted("Garbage")), node.inputs["Outside"])
        pull("outside")
        links.new(painted("Core"), node.inputs["Inside"])
        pull("inside")
        for label in ("Inside", "Outside"):
            links.remove(node.inputs[label].links[0])
        links.new(painted("Coarse"), node.inputs["Coarse Matte Override"])
        links.new(black(), node.inputs["Error Map Override"])
        pull("overrides")
        links.new(painted("Part", alpha_right=0), node.inputs["Coarse Matte Override"])
        pull("partial")

        for label in ("Coarse Matte Override", "Error Map Override"):
            links.remove(node.inputs[label].links[0])
        pull("again")
        pull("first frame", 1)
        bpy.context.scene.frame_set(2)
        for output in ("error_map", "coarse_matte"):
            assert bpy.ops.howard.paint_override(output=output) == {"FINISHED"}
        error, coarse = node.node_tree.howard.painted
        artist.say(
            "to paint",
            {
                one.name: [
                    one.image.filepath,
                    one.image.colorspace_settings.is_data,
                    one.image.is_float,
                    one.used,
                ]
                for one in (error, coarse)
            },
        )
        pull("unpainted")
        paint(coarse, np.s_[:], 1)
        paint(error, np.s_[:], 0)
        pull("painted over")
        # It is for its own frame, whether others are pulled with it or not.
        pull("first frame beside", 1)
        assert bpy.ops.howard.pull_matte(frames="RANGE") == {"FINISHED"}
        artist.render(node.outputs["Alpha"], 1, project / "first frame in a range.exr")
        rendered.append("first frame in a range")
        coarse.used, coarse.first, coarse.last, error.used = "RANGE", 1, 1, "ALL"
        pull("first frame painted", 1)
        coarse.used = "FRAME"

        # Painted again on its frame it is the same image, elsewhere another one.
        bpy.context.scene.frame_set(2)
        assert bpy.ops.howard.paint_override(output="coarse_matte") == {"FINISHED"}
        assert bpy.ops.howard.remove_painted(place=0) == {"FINISHED"}
        assert bpy.ops.howard.remove_painted(place=0) == {"FINISHED"}
        artist.say("removed", len(node.node_tree.howard.painted))
        pull("removed")
        bpy.context.scene.frame_set(2)
        assert bpy.ops.howard.paint_override(output="coarse_matte") == {"FINISHED"}
        artist.say("files", sorted(path.name for path in (project / "howard/Howard_Matte/painted").iterdir()))
        half = node.node_tree.howard.painted[0]
        paint(half, np.s_[:, :52], 1)
        half.used = "ALL"
        links.new(black(), node.inputs["Error Map Override"])
        pull("protected first frame", 1)
        artist.render(node.outputs["Coarse Matte"], 1, project / "coarse first frame.exr")
        # What is plugged in is for all frames, what is painted lies over it.
        links.new(painted("Nothing", alpha_right=1), node.inputs["Coarse Matte Override"])
        paint(half, np.s_[:, 52:], 1)
        pull("over what is plugged in", 1)
        for path in (project / "howard/Howard_Matte/painted").glob("coarse_matte.0002_2*.exr"):
            path.unlink()
        half.image.reload()
        bpy.context.scene.frame_set(1)
        artist.say("missing", artist.refused(bpy.ops.howard.pull_matte))
        scene = bpy.context.scene
        size = scene.render.resolution_x, scene.render.resolution_y
        artist.say("scene", [*size, scene.frame_start, scene.frame_end])
        artist.say("scenes", len(bpy.data.scenes))
        artist.say("rendered", rendered)


main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
