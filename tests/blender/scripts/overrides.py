"""Mattes that are painted or computed: never saved, and through other nodes."""

from __future__ import annotations

import importlib
import shutil
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
        paint: Any = importlib.import_module(f"{artist.MODULE}.paint")
        artist.start_scene(project, (1, 2))
        node = artist.add_matte(str(shot / "plate.1001.exr"), str(shot / "clean.exr"))
        links = artist.compositor().links

        def pull(name: str) -> None:
            bpy.context.scene.frame_set(2)
            assert bpy.ops.howard.pull_matte(frames="CURRENT") == {"FINISHED"}
            artist.render(node.outputs["Alpha"], 2, project / f"{name}.exr")
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
        for output in ("error_map", "coarse_matte"):
            assert bpy.ops.howard.paint_override(output=output) == {"FINISHED"}
        images = {n.label: n.image for n in artist.compositor().nodes if n.label.startswith("Painted")}
        artist.say(
            "to paint",
            {name: [i.filepath, i.colorspace_settings.is_data, i.is_float] for name, i in images.items()},
        )
        pull("unpainted")
        shutil.copytree(project / "howard/Howard_Matte", project / "unpainted")
        white = images["Painted Coarse Matte"]
        white.pixels.foreach_set(np.ones(72 * 104 * 4, np.float32))
        white.update()
        images["Painted Error Map"].pixels.foreach_set(np.tile(np.float32([0, 0, 0, 1]), 72 * 104))
        images["Painted Error Map"].update()
        artist.say("painted", [paint.painted(node, output) for output in paint.PAINTED])
        pull("painted over")
        # Another take does not overwrite what was painted, and saves it.
        assert bpy.ops.howard.paint_override(output="coarse_matte") == {"FINISHED"}
        artist.say("takes", sorted(path.name for path in (project / "howard/Howard_Matte/painted").iterdir()))
        for output in paint.PAINTED:
            assert bpy.ops.howard.unplug_override(output=output) == {"FINISHED"}
        pull("unplugged")
        scene = bpy.context.scene
        size = scene.render.resolution_x, scene.render.resolution_y
        artist.say("scene", [*size, scene.frame_start, scene.frame_end])
        artist.say("scenes", len(bpy.data.scenes))
        artist.say("rendered", rendered)


main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
