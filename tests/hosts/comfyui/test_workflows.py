"""The example workflows fit the nodes, and say the same to the menu and to the API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from howard_nodes.hosts.comfyui import NODE_CLASS_MAPPINGS
from howard_nodes.hosts.comfyui.workflows import api_workflow, examples, menu_workflow

SHOT = Path("shot")
NAMES = list(examples(SHOT))


def widgets(kind: str) -> list[str]:
    """Names of a node's widgets, in the order that ComfyUI's page makes them."""
    if kind not in NODE_CLASS_MAPPINGS:
        return []
    declared = NODE_CLASS_MAPPINGS[kind].INPUT_TYPES()
    listed = declared["required"] | declared.get("optional", {})
    return [
        name
        for name, (type_, *_) in listed.items()
        if isinstance(type_, list) or type_ in ("INT", "FLOAT", "STRING", "BOOLEAN")
    ]


def as_queued(workflow: dict[str, Any]) -> dict[str, Any]:
    """What ComfyUI's page sends when it queues a workflow that it has loaded."""
    links = {link[0]: link for link in workflow["links"]}
    queued = {}
    for node in workflow["nodes"]:
        inputs = dict(zip(widgets(node["type"]), node["widgets_values"], strict=True))
        for place in node["inputs"]:
            if place["link"] is not None:
                _, origin, slot, _, _, _ = links[place["link"]]
                inputs[place["name"]] = [str(origin), slot]
        queued[str(node["id"])] = {
            "class_type": node["type"],
            "inputs": inputs,
            "_meta": {"title": node["title"]},
        }
    return queued


@pytest.mark.parametrize("name", NAMES)
def test_menu_and_api_say_the_same(name: str) -> None:
    steps = examples(SHOT)[name]
    menu = menu_workflow(steps, NODE_CLASS_MAPPINGS)
    assert as_queued(menu) == api_workflow(steps, NODE_CLASS_MAPPINGS)


@pytest.mark.parametrize("name", NAMES)
def test_links_have_two_ends_of_one_type(name: str) -> None:
    menu = menu_workflow(examples(SHOT)[name], NODE_CLASS_MAPPINGS)
    nodes = {node["id"]: node for node in menu["nodes"]}
    assert menu["last_node_id"] == max(nodes)
    assert menu["last_link_id"] == len(menu["links"])
    for number, origin, output, target, place, kind in menu["links"]:
        assert number in nodes[origin]["outputs"][output]["links"]
        assert nodes[target]["inputs"][place]["link"] == number
        assert nodes[origin]["outputs"][output]["type"] == nodes[target]["inputs"][place]["type"] == kind


@pytest.mark.parametrize("name", NAMES)
def test_nodes_do_not_lie_on_one_another(name: str) -> None:
    boxes = [
        (*node["pos"], *node["size"])
        for node in menu_workflow(examples(SHOT)[name], NODE_CLASS_MAPPINGS)["nodes"]
    ]
    for index, (x, y, width, height) in enumerate(boxes):
        for other_x, other_y, other_width, other_height in boxes[:index]:
            beside = x + width <= other_x or other_x + other_width <= x
            above = y + height <= other_y - 30 or other_y + other_height <= y - 30  # a title is 30 high
            assert beside or above
