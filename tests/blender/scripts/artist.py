"""What an artist does, in a real Blender; the scripts beside this one say in which order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy

MODULE = "bl_ext.user_default.howard_matte"


@contextmanager
def addon(zip_file: str, howard: str) -> Iterator[None]:
    """Install the zip and name the command; disable and remove it in the end."""
    assert bpy.ops.extensions.package_install_files(
        filepath=zip_file, repo="user_default", enable_on_install=True
    ) == {"FINISHED"}
    preferences().command = howard
    try:
        yield
    finally:
        bpy.ops.preferences.addon_disable(module=MODULE)
    assert not hasattr(bpy.types.CompositorNodeTree, "howard")
    assert bpy.ops.extensions.package_uninstall(repo_index=user_repository(), pkg_id="howard_matte") == {
        "FINISHED"
    }


def preferences() -> Any:
    return bpy.context.preferences.addons[MODULE].preferences


def user_repository() -> int:
    return [repo.module for repo in bpy.context.preferences.extensions.repos].index("user_default")


def start_scene(folder: Path, frames: tuple[int, int], size: tuple[int, int] = (104, 72)) -> None:
    """Begin a blend file for a tiny shot; what is rendered are exact floats."""
    bpy.ops.wm.read_homefile(use_empty=True)
    folder.mkdir(parents=True, exist_ok=True)
    assert bpy.ops.wm.save_as_mainfile(filepath=str(folder / "shot.blend")) == {"FINISHED"}
    prepare_scene(bpy.context.scene, frames, size)


def prepare_scene(scene: Any, frames: tuple[int, int], size: tuple[int, int]) -> None:
    scene.frame_start, scene.frame_end = frames
    scene.frame_current = frames[0]
    render = scene.render
    render.resolution_x, render.resolution_y = size
    render.resolution_percentage = 100
    render.use_compositing = True
    if hasattr(render, "compositor_device"):
        render.compositor_device = "CPU"
    output = render.image_settings
    output.file_format, output.color_mode, output.color_depth = "OPEN_EXR", "RGBA", "32"


def compositor() -> Any:
    scene = bpy.context.scene
    return scene.compositing_node_group if bpy.app.version >= (5, 0, 0) else scene.node_tree


def add_matte(plate: str, clean: str) -> Any:
    """Add a Howard Matte, choose its files, and set it to compute exactly and quickly."""
    assert bpy.ops.howard.add_matte() == {"FINISHED"}
    node = next(node for node in compositor().nodes if node.bl_idname == "CompositorNodeGroup")
    for socket, file in (("plate", plate), ("clean_plate", clean)):
        if file:
            done = bpy.ops.howard.open_input(group=node.node_tree.name, socket=socket, filepath=file)
            assert done == {"FINISHED"}
    knobs = node.node_tree.howard
    knobs.device, knobs.precision, knobs.depth = "cpu", "float32", "float"
    knobs.align = knobs.match_exposure = "off"
    return node


def final_output() -> Any:
    """Give the socket that is rendered."""
    tree = compositor()
    if bpy.app.version < (5, 0, 0):
        found = [node for node in tree.nodes if node.bl_idname == "CompositorNodeComposite"]
        return (found or [tree.nodes.new("CompositorNodeComposite")])[0].inputs["Image"]
    if not any(item.in_out == "OUTPUT" for item in tree.interface.items_tree):
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    found = [node for node in tree.nodes if node.bl_idname == "NodeGroupOutput"]
    return (found or [tree.nodes.new("NodeGroupOutput")])[0].inputs[0]


def render(socket: Any, frame: int, file: Path) -> None:
    """Render what a socket gives at a frame."""
    tree, scene = compositor(), bpy.context.scene
    for node in [node for node in tree.nodes if node.bl_idname == "CompositorNodeRLayers"]:
        tree.nodes.remove(node)
    tree.links.new(socket, final_output())
    scene.frame_set(frame)
    scene.render.filepath = str(file)
    assert bpy.ops.render.render(write_still=True) == {"FINISHED"}


class Drawn:
    """A layout that takes all that panels draw, and keeps what it is: each call, and the texts."""

    def __init__(self, texts: list[str] | None = None) -> None:
        self.texts: list[str] = [] if texts is None else texts

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def draw(*words: Any, text: str = "", **_: Any) -> Any:
            self.texts.append(" ".join([name, *(word for word in words if isinstance(word, str))]))
            self.texts.extend([text] if text else [])
            inside = Drawn(self.texts)
            return (inside, inside) if name == "panel" else inside

        return draw


def drawn(panel: Any) -> list[str]:
    """Draw a panel of the sidebar, and give its texts; a window would draw it by itself."""
    context = SimpleNamespace(
        scene=bpy.context.scene,
        # Without a window nothing has a scale.
        preferences=SimpleNamespace(
            system=SimpleNamespace(ui_scale=1.0), ui_styles=bpy.context.preferences.ui_styles
        ),
        region=SimpleNamespace(width=2000),
        space_data=SimpleNamespace(tree_type="CompositorNodeTree"),
        active_node=None,
    )
    layout = Drawn()
    if panel.poll(context):
        draw_matte = partial(panel.draw_matte, None)
        panel.draw(SimpleNamespace(layout=layout, draw_matte=draw_matte), context)
    return layout.texts


def refused(operator: Any, **settings: Any) -> str:
    """Call an operator that cannot do it; give what it says."""
    try:
        done = operator(**settings)
    except RuntimeError as error:
        return str(error)
    raise AssertionError(f"it was done: {done}")


def say(name: str, value: Any) -> None:
    """Tell the test something."""
    print("@" + json.dumps([name, value]), flush=True)
