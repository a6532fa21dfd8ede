# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Previews: one click has the viewer show a pass, or the matte over something.

They share one Viewer node, and a node or two before it; the next preview takes the place of the last.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable

import bpy
from bpy.props import EnumProperty, FloatProperty, PointerProperty, StringProperty

from . import description, editors, folders, group, images, overlays, versions
from .errors import AddonError

__all__ = ["BACKGROUND", "PREVIEWS", "WIPE", "Preview", "current", "register", "unregister"]

BACKGROUND = "BACKGROUND"
WIPE = "WIPE"

_VIEWER = "Howard Preview"
_HEAT = "Howard Preview Heat"
_BOARD = "Howard Preview Checkerboard"
_OVER = "Howard Preview Over"
_BEHIND = "Howard Preview Background"
_BEFORE = "Howard Preview Before"
_WIPE = "Howard Preview Wipe"
_CHANGE = "Howard Preview Change"
_HELPERS = (_HEAT, _BOARD, _OVER, _BEHIND, _WIPE, _CHANGE, _BEFORE)

_AFTER: list[Callable[[], None]] = []
"""To be done when the viewer has been computed."""

_AS_NUMBERS = " Shown as is: 0 is black and 1 is white, whatever the scene's view transform."
_AS_PICTURE = " Shown through the scene's view transform, like a render."


@dataclasses.dataclass(frozen=True)
class _Kind:
    """A preview: its button, its tooltip, the output or helper that it comes from, and what makes it."""

    label: str
    help: str
    source: str
    make: Callable[[bpy.types.Node, bpy.types.Scene], bpy.types.NodeSocket]
    is_picture: bool = True


def current(node: bpy.types.Node) -> str | None:
    """Tell which of `PREVIEWS` of a Howard Matte the viewer shows; None for none."""
    viewer = node.id_data.nodes.get(_VIEWER)
    if viewer is None or not viewer.inputs[0].links:
        return None
    fed = viewer.inputs[0].links[0].from_socket
    if fed.node == node:
        return next((name for name, kind in PREVIEWS.items() if kind.source == fed.name), None)
    if node not in {link.from_node for socket in fed.node.inputs for link in socket.links}:
        return None
    return next((name for name, kind in PREVIEWS.items() if kind.source == fed.node.name), None)


def _pass(name: str) -> Callable[[bpy.types.Node, bpy.types.Scene], bpy.types.NodeSocket]:
    label = description.outputs()[name]["label"]
    return lambda node, _scene: node.outputs[label]


def _heat(node: bpy.types.Node, _scene: bpy.types.Scene) -> bpy.types.NodeSocket:
    tree = node.id_data
    heat = _helper(node, _HEAT, "CompositorNodeGroup", (60, -260))
    heat.node_tree = overlays.error_heat()
    tree.links.new(_plugged(node, "plate"), heat.inputs["Plate"])
    tree.links.new(_pass("error_map")(node, _scene), heat.inputs["Error Map"])
    return heat.outputs["Image"]


def _checkerboard(node: bpy.types.Node, _scene: bpy.types.Scene) -> bpy.types.NodeSocket:
    board = _helper(node, _BOARD, "CompositorNodeGroup", (60, -260))
    board.node_tree = overlays.checkerboard(_size(node))
    node.id_data.links.new(_pass("image")(node, _scene), board.inputs["Image"])
    return board.outputs["Image"]


def _over_background(node: bpy.types.Node, scene: bpy.types.Scene) -> bpy.types.NodeSocket:
    tree, chosen = node.id_data, node.node_tree.howard_background
    if chosen is None:
        behind = _plugged(node, "clean_plate")
    else:
        shown = _helper(node, _BEHIND, "CompositorNodeImage", (60, -460))
        shown.image = chosen
        images.play(shown, scene)
        behind = images.picture(shown)
    over = _helper(node, _OVER, "CompositorNodeAlphaOver", (60, -260))
    below, above = versions.over_inputs(over)
    tree.links.new(behind, below)
    tree.links.new(_pass("image")(node, scene), above)
    return over.outputs[0]


def _before(node: bpy.types.Node) -> bpy.types.NodeSocket:
    """Give the alpha that the last pull replaced."""
    path = folders.replaced(node.node_tree)
    if path is None:
        raise AddonError("Nothing to compare with yet: change something, and pull this frame again.")
    shown = _helper(node, _BEFORE, "CompositorNodeImage", (60, -460))
    images.result(shown, str(path), f"{node.node_tree.name} Before", group.timing(node.node_tree))
    layer = description.outputs()["alpha"]["layer"]
    return next(output for output in shown.outputs if output.enabled and output.name == layer)


def _wipe(node: bpy.types.Node, scene: bpy.types.Scene) -> bpy.types.NodeSocket:
    before, tree = _before(node), node.id_data
    split = _helper(node, _WIPE, "CompositorNodeSplit", (60, -260))
    left, right = versions.split_inputs(split)
    tree.links.new(before, left)
    tree.links.new(_pass("alpha")(node, scene), right)
    versions.split_at(split, node.node_tree.howard_wipe)
    return split.outputs[0]


def _change(node: bpy.types.Node, scene: bpy.types.Scene) -> bpy.types.NodeSocket:
    before, tree = _before(node), node.id_data
    change = _helper(node, _CHANGE, versions.twin("MixRGB"), (60, -260))
    change.blend_type = "DIFFERENCE"
    change.inputs[0].default_value = 1.0
    tree.links.new(before, change.inputs[1])
    tree.links.new(_pass("alpha")(node, scene), change.inputs[2])
    return change.outputs[0]


def _of_pass(name: str, about: str) -> _Kind:
    label = description.outputs()[name]["label"]
    return _Kind(label, about, label, _pass(name), is_picture=False)


PREVIEWS = {
    "ALPHA": _of_pass("alpha", "The refined alpha."),
    "CHECKERBOARD": _Kind("Checkerboard", "The matte over a checkerboard.", _BOARD, _checkerboard),
    "COARSE_MATTE": _of_pass("coarse_matte", "The matte before refinement."),
    BACKGROUND: _Kind(
        "Background",
        "The matte over the background below, else over the clean plate.",
        _OVER,
        _over_background,
    ),
    "ERROR_MAP": _of_pass("error_map", "How wrong the coarse matte is expected to be."),
    "ERROR_HEAT": _Kind("Error Heat", "The plate, red to yellow where the error map is high.", _HEAT, _heat),
    WIPE: _Kind(
        "Before | After",
        "At the left the alpha before the last pull, at the right as it is now.",
        _WIPE,
        _wipe,
        is_picture=False,
    ),
    "CHANGE": _Kind(
        "Change",
        "By how much the last pull changed the alpha.",
        _CHANGE,
        _change,
        is_picture=False,
    ),
}
"""By name, in the order of their buttons."""


class Preview(bpy.types.Operator):
    """Show something in the viewer."""

    bl_idname = "howard.preview"
    bl_label = "Preview"
    bl_options = {"REGISTER", "UNDO"}  # noqa: RUF012
    __annotations__ = {
        "group": StringProperty(options={"HIDDEN", "SKIP_SAVE"}),
        "what": EnumProperty(
            name="Preview", items=[(name, kind.label, kind.help) for name, kind in PREVIEWS.items()]
        ),
    }

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        """Say what this button shows, and how."""
        kind = PREVIEWS[properties.what]
        return kind.help + (_AS_PICTURE if kind.is_picture else _AS_NUMBERS)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Feed the viewer, and have somebody look at it."""
        try:
            node = group.find(self.group, context)
            is_first = current(node) is None
            _feed(node, self.what, context.scene)
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        _look(context, all_of_it=is_first)
        return {"FINISHED"}


def register() -> None:
    """Register the operator, and give every compositor tree a background."""
    bpy.utils.register_class(Preview)
    bpy.app.handlers.composite_post.append(_on_computed)
    bpy.types.CompositorNodeTree.howard_background = PointerProperty(
        type=bpy.types.Image,
        name="Background",
        description="Background for the Background preview. Empty: the clean plate",
        poll=lambda _tree, image: image.source in ("FILE", "SEQUENCE", "MOVIE", "GENERATED"),
        update=_on_background,
    )
    bpy.types.CompositorNodeTree.howard_wipe = FloatProperty(
        name="Wipe",
        description="Where Before ends and After begins",
        default=0.5,
        min=0.0,
        max=1.0,
        subtype="FACTOR",
        update=_on_wipe,
    )


def unregister() -> None:
    """Take them back."""
    bpy.app.handlers.composite_post.remove(_on_computed)
    del bpy.types.CompositorNodeTree.howard_background
    del bpy.types.CompositorNodeTree.howard_wipe
    bpy.utils.unregister_class(Preview)


def _feed(node: bpy.types.Node, what: str, scene: bpy.types.Scene) -> None:
    """Plug a preview into the viewer, and remove what the last one needed."""
    tree = node.id_data
    _size(node)
    active = tree.nodes.active
    shown = PREVIEWS[what].make(node, scene)
    viewer = _helper(node, _VIEWER, "CompositorNodeViewer", (320, 0))
    tree.links.new(shown, viewer.inputs[0])
    # Of several viewers, Blender computes the one that was active last.
    tree.nodes.active = viewer
    tree.nodes.active = active
    used = {viewer.name, shown.node.name} | {
        link.from_node.name for one in shown.node.inputs for link in one.links
    }
    for name in _HELPERS:
        left = tree.nodes.get(name)
        if left is not None and name not in used and not any(output.is_linked for output in left.outputs):
            tree.nodes.remove(left)


def _size(node: bpy.types.Node) -> tuple[int, int]:
    size = group.shown_size(node.node_tree)
    if size is None:
        raise AddonError("Nothing to preview yet: pull the matte of this frame first.")
    return size


def _helper(node: bpy.types.Node, name: str, kind: str, place: tuple[int, int]) -> bpy.types.Node:
    """Give one of the nodes of previews, made beside a Howard Matte where it is not there."""
    tree = node.id_data
    helper = tree.nodes.get(name)
    if helper is None or helper.bl_idname != kind:
        helper = tree.nodes.new(kind)
        helper.name = helper.label = name
        helper.location = (node.location.x + node.width + place[0], node.location.y + place[1])
        helper.select = False
    return helper


def _plugged(node: bpy.types.Node, name: str) -> bpy.types.NodeSocket:
    socket = description.inputs()[name]
    plugged = images.source(node, socket)
    if plugged is None:
        raise AddonError(f"Nothing is plugged into {socket['label']}: plug in an Image or a Movie Clip node.")
    return plugged


def _on_background(tree: bpy.types.NodeTree, context: bpy.types.Context) -> None:
    """Show the new background where the old one is seen."""
    with contextlib.suppress(AddonError):  # it is in no compositor, or its files are unplugged
        node = group.find(tree.name, context)
        if current(node) == BACKGROUND:
            _feed(node, BACKGROUND, context.scene)


def _on_wipe(tree: bpy.types.NodeTree, context: bpy.types.Context) -> None:
    """Move the wipe."""
    with contextlib.suppress(AddonError):
        split = group.find(tree.name, context).id_data.nodes.get(_WIPE)
        if split is not None:
            versions.split_at(split, tree.howard_wipe)


def _look(context: bpy.types.Context, *, all_of_it: bool) -> None:
    """Have an Image Editor show the viewer: Blender computes it only where somebody looks.

    Of the ones that are open, one that shows the viewer already, else one in which nobody paints; else one
    is opened beside the compositor. Without a window nothing is done.
    """
    if context.area is None or context.area.type != "NODE_EDITOR":
        return
    area = editors.best(context, _rank)
    if area is None:
        area, all_of_it = editors.opened_beside(context), True
    space, image = area.spaces.active, bpy.data.images.get(editors.VIEWER)
    if not editors.shows_viewer(space):
        # It was fed while nobody looked.
        bpy.app.timers.register(_compute, first_interval=0.2)
    if image is not None:
        space.image = image
    else:  # 5.0 makes it when it first computes one, for the backdrop
        context.space_data.show_backdrop = all_of_it = True
    if all_of_it:
        _AFTER.append(functools.partial(editors.show_all, editors.VIEWER, _rank))


def _compute() -> None:
    """Have Blender compute the viewer."""
    for tree in group.trees():
        if _VIEWER in tree.nodes:
            tree.update_tag()


def _rank(space: bpy.types.SpaceImageEditor) -> int:
    return 2 if editors.shows_viewer(space) else int(space.ui_mode == "VIEW")


@bpy.app.handlers.persistent
def _on_computed(scene: bpy.types.Scene, *_: object) -> None:
    """Show mattes as they are: Blender has just set the viewer to go through the scene's view transform."""
    if bpy.app.is_job_running("RENDER"):  # it computes no viewer, and this is its thread
        return
    tree, image = versions.compositor_tree(scene), bpy.data.images.get(editors.VIEWER)
    if tree is None or image is None or _VIEWER not in tree.nodes:
        return
    mattes = (node for node in tree.nodes if group.is_matte(getattr(node, "node_tree", None)))
    kind = next(filter(None, map(current, mattes)), None)
    if kind is not None:
        image.use_view_as_render = PREVIEWS[kind].is_picture
    while _AFTER:
        bpy.app.timers.register(_AFTER.pop())
