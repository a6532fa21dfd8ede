"""The Blenders themselves: what the other tests here stand on."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from blender.wheels import WHEELS, newest_for

from howard_nodes.frames import read_frame, write_image

MANIFEST = Path(__file__).parents[2] / "blender_addon" / "blender_manifest.toml"
SIZE = 16

# From an Image node to the scene's output, rendered on the CPU and written as a float EXR.
COMPOSITE = """
import sys
import bpy

source, target, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
scene = bpy.data.scenes.new("Composite")
if bpy.app.version < (5, 0, 0):
    scene.use_nodes = True
    tree = scene.node_tree
    tree.nodes.clear()
    output = tree.nodes.new("CompositorNodeComposite")
else:
    tree = bpy.data.node_groups.new("Composite", "CompositorNodeTree")
    scene.compositing_node_group = tree
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    output = tree.nodes.new("NodeGroupOutput")
image = tree.nodes.new("CompositorNodeImage")
image.image = bpy.data.images.load(source)
tree.links.new(image.outputs["Image"], output.inputs[0])
render = scene.render
render.resolution_x = render.resolution_y = size
render.resolution_percentage = 100
render.compositor_device = "CPU"
render.filepath = target
if bpy.app.version >= (5, 0, 0):
    render.image_settings.media_type = "IMAGE"
render.image_settings.file_format = "OPEN_EXR"
render.image_settings.color_mode = "RGBA"
render.image_settings.color_depth = "32"
bpy.ops.render.render(write_still=True, scene=scene.name)
"""


def test_is_the_version_it_stands_for(run_bpy: Callable[..., str], blender_version: str) -> None:
    printed = run_bpy("import bpy; print('%d.%d' % bpy.app.version[:2])")

    assert printed.split()[-1] == blender_version


def test_composites_an_exr_to_the_last_bit(run_bpy: Callable[..., str], tmp_path: Path) -> None:
    pixels = np.random.default_rng(5).normal(0.5, 2.0, (SIZE, SIZE, 4)).astype(np.float32)
    pixels[..., 3] = np.linspace(0.0, 1.0, SIZE, dtype=np.float32)
    write_image(tmp_path / "source.exr", pixels, "RGBA", depth="float", colorspace="lin_rec709_scene")

    run_bpy(COMPOSITE, tmp_path / "source.exr", tmp_path / "target.exr", SIZE)

    frame = read_frame(tmp_path / "target.exr")
    assert {"R", "G", "B", "A"} <= set(frame.channels)
    np.testing.assert_array_equal(frame.pixels[..., [frame.channels.index(c) for c in "RGBA"]], pixels)


def test_knows_no_settings_of_a_user(run_bpy: Callable[..., str], tmp_path: Path) -> None:
    printed = run_bpy("import bpy; print(bpy.utils.resource_path('USER'))")

    assert Path(printed.split()[-1]).is_relative_to(tmp_path)


def test_the_oldest_is_the_one_that_the_addon_asks_for() -> None:
    manifest = tomllib.loads(MANIFEST.read_text(encoding="utf-8"))

    assert manifest["blender_version_min"] == f"{next(iter(WHEELS))}.0"


def test_the_newest_that_fits_a_python() -> None:
    assert newest_for("3.11") == "5.0"
    assert newest_for("3.13") == "5.2"
    assert newest_for("3.12") is None
