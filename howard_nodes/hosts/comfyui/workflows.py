"""Example workflows, made from the nodes themselves: as ComfyUI's menu loads them, and as its API takes them.

A saved workflow lists widgets by position, so one that is kept by hand is wrong as soon as the node gets a
knob. These are written when the nodes are installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Link", "WorkflowNode", "api_workflow", "declared", "examples", "menu_workflow"]

_WIDGETS = ("BOOLEAN", "FLOAT", "INT", "STRING")
_FORMAT = 0.4  # of a saved workflow
_WIDTH, _SLOT, _WIDGET, _TITLE, _PICTURE = 380, 20, 26, 60, 260  # pixels of the page


@dataclass(frozen=True)
class Link:
    """An output of a step: number of the step, name of the output."""

    step: int
    output: str


@dataclass(frozen=True)
class WorkflowNode:
    """A node of a workflow.

    Attributes
    ----------
    kind : str
        Its type, a key of `NODE_CLASS_MAPPINGS`.
    title : str
        What stands on it.
    column : int
        Where it lies, from left to right; below those before it.
    inputs : mapping of str to object
        Values of widgets that are not at their default, and links.
    """

    kind: str
    title: str
    column: int
    inputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Own:
    """As much of a node of ComfyUI's own as a workflow has to know."""

    inputs: dict[str, tuple[str]]
    RETURN_TYPES: tuple[str, ...]

    def INPUT_TYPES(self) -> dict[str, Any]:  # noqa: N802
        return {"required": self.inputs}


_COMFYUI = {
    "PreviewImage": _Own({"images": ("IMAGE",)}, ()),
    "MaskToImage": _Own({"mask": ("MASK",)}, ("IMAGE",)),
    "SplitImageWithAlpha": _Own({"image": ("IMAGE",)}, ("IMAGE", "MASK")),
}


def examples(shot: Path) -> dict[str, dict[int, WorkflowNode]]:
    """Give the example workflows.

    Parameters
    ----------
    shot : Path
        Folder of the demo shot, from `howard_nodes.sheets.demo.shot_folder`.

    Returns
    -------
    dict
        Steps by number, by name of the workflow.
    """
    light = {"space": "scene-linear"}
    plates = {
        1: WorkflowNode("HowardLoadEXR", "Plate", 0, {"pattern": str(shot / "plate.####.exr"), **light}),
        2: WorkflowNode("HowardLoadEXR", "Clean Plate", 0, {"pattern": str(shot / "clean.exr"), **light}),
        3: WorkflowNode(
            "HowardMatte",
            "Howard Matte",
            1,
            {"plate": Link(1, "image"), "clean_plate": Link(2, "image"), **light},
        ),
    }
    layers = ("image", "foreground", "alpha", "coarse_matte", "error_map")
    matte = plates | {
        4: WorkflowNode(
            "HowardSaveEXR",
            "Save EXR",
            2,
            {"pattern": "howard/shot.####.exr", "frames": Link(1, "frames"), **light}
            | {layer: Link(3, layer) for layer in layers},
        ),
        5: WorkflowNode("HowardConvertColor", "For display", 2, {"image": Link(3, "image")}),
        6: WorkflowNode("SplitImageWithAlpha", "Over black", 2, {"image": Link(5, "image")}),
        7: WorkflowNode("PreviewImage", "Image", 3, {"images": Link(6, "IMAGE")}),
        8: WorkflowNode("MaskToImage", "Alpha as image", 2, {"mask": Link(3, "alpha")}),
        9: WorkflowNode("PreviewImage", "Alpha", 3, {"images": Link(8, "IMAGE")}),
    }
    refine = plates | {
        4: WorkflowNode(
            "HowardRefine",
            "Refine again",
            2,
            {"matte": Link(3, "matte"), "refine_mode": "thresholding", "threshold": 0.05},
        ),
        5: WorkflowNode("MaskToImage", "Before", 2, {"mask": Link(3, "alpha")}),
        6: WorkflowNode("PreviewImage", "Alpha before", 3, {"images": Link(5, "IMAGE")}),
        7: WorkflowNode("MaskToImage", "After", 2, {"mask": Link(4, "alpha")}),
        8: WorkflowNode("PreviewImage", "Alpha after", 3, {"images": Link(7, "IMAGE")}),
    }
    return {"howard_matte": matte, "howard_refine": refine}


def api_workflow(steps: Mapping[int, WorkflowNode], nodes: Mapping[str, Any]) -> dict[str, Any]:
    """Write a workflow as ComfyUI's API takes it.

    Parameters
    ----------
    steps : mapping of int to WorkflowNode
        By number.
    nodes : mapping of str to class
        Howard's nodes.

    Returns
    -------
    dict
        The `prompt` of a request.
    """
    return {
        str(number): {
            "class_type": step.kind,
            "inputs": _defaults(_class(step.kind, nodes))
            | {name: _linked(value, steps, nodes) for name, value in step.inputs.items()},
            "_meta": {"title": step.title},
        }
        for number, step in steps.items()
    }


def menu_workflow(steps: Mapping[int, WorkflowNode], nodes: Mapping[str, Any]) -> dict[str, Any]:
    """Write a workflow as ComfyUI's menu loads and saves it.

    Parameters
    ----------
    steps, nodes
        As for `api_workflow`.

    Returns
    -------
    dict
        Of version 0.4 of that format.
    """
    links: list[list[Any]] = []
    boxes: dict[int, dict[str, Any]] = {}
    below: dict[int, int] = {}
    for number, step in steps.items():
        box = boxes[number] = _box(number, step, _class(step.kind, nodes))
        box["pos"] = [step.column * (_WIDTH + _TITLE), below.get(step.column, 0)]
        below[step.column] = box["pos"][1] + box["size"][1] + _TITLE
    for number, step in steps.items():
        for slot, place in enumerate(boxes[number]["inputs"]):
            source = step.inputs.get(place["name"])
            if not isinstance(source, Link):
                continue
            origin, output = _linked(source, steps, nodes)
            place["link"] = len(links) + 1
            given = boxes[int(origin)]["outputs"][output]
            given["links"].append(place["link"])
            links.append([place["link"], int(origin), output, number, slot, given["type"]])
    return {
        "last_node_id": max(steps),
        "last_link_id": len(links),
        "nodes": list(boxes.values()),
        "links": links,
        "groups": [],
        "config": {},
        "extra": {},
        "version": _FORMAT,
    }


def declared(node: Any) -> dict[str, Any]:
    """Name the inputs of a node, and their types, in ComfyUI's order.

    Parameters
    ----------
    node : class
        One of Howard's nodes.

    Returns
    -------
    dict
        Types by name, sockets and widgets; hidden inputs are left out.
    """
    given = node.INPUT_TYPES()
    return {
        name: about[0] for part in ("required", "optional") for name, about in given.get(part, {}).items()
    }


def _box(number: int, step: WorkflowNode, node: Any) -> dict[str, Any]:
    values = _defaults(node)
    places: list[dict[str, Any]] = [
        {"name": name, "type": kind, "link": None}
        for name, kind in declared(node).items()
        if name not in values
    ]
    for name, value in step.inputs.items():
        if name not in values:
            continue
        if isinstance(value, Link):
            places.append(
                {"name": name, "type": declared(node)[name], "link": None, "widget": {"name": name}}
            )
        else:
            values[name] = value
    outputs = [
        {"name": name, "type": kind, "links": [], "slot_index": slot}
        for slot, (name, kind) in enumerate(zip(_output_names(node), node.RETURN_TYPES, strict=True))
    ]
    height = _SLOT * max(len(places), len(outputs)) + _WIDGET * len(values)
    height += _PICTURE if step.kind == "PreviewImage" else _SLOT
    return {
        "id": number,
        "type": step.kind,
        "title": step.title,
        "pos": [0, 0],
        "size": [_WIDTH, height],
        "flags": {},
        "order": number - 1,
        "mode": 0,
        "inputs": places,
        "outputs": outputs,
        "properties": {"Node name for S&R": step.kind},
        "widgets_values": list(values.values()),
    }


def _class(kind: str, nodes: Mapping[str, Any]) -> Any:
    return nodes[kind] if kind in nodes else _COMFYUI[kind]


def _defaults(node: Any) -> dict[str, Any]:
    """Give the widgets of a node, in ComfyUI's order, at their defaults."""
    given = node.INPUT_TYPES()
    return {
        name: about[1]["default"]
        for part in ("required", "optional")
        for name, about in given.get(part, {}).items()
        if isinstance(about[0], list) or about[0] in _WIDGETS
    }


def _output_names(node: Any) -> tuple[str, ...]:
    names: tuple[str, ...] = getattr(node, "RETURN_NAMES", node.RETURN_TYPES)
    return names


def _linked(value: Any, steps: Mapping[int, WorkflowNode], nodes: Mapping[str, Any]) -> Any:
    """Turn a link into ComfyUI's: number of the node, number of its output."""
    if not isinstance(value, Link):
        return value
    return [str(value.step), _output_names(_class(steps[value.step].kind, nodes)).index(value.output)]
