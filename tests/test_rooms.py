"""The house: each room knows those to its left alone, and no module leads back to itself."""

from __future__ import annotations

import ast
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = "howard_nodes"

# From left to right; `__init__` holds the version, and shows the node to who asks for it.
ROOMS = (
    "__init__",
    "system",
    "errors",
    "atomic",
    "shipped",
    "description",
    "frames",
    "color",
    "plates",
    "network",
    "solve",
    "layers",
    "engine",
    "shot",
    "sheets",
    "samples",
    "training",
    "node",
    "evaluation",
    "client",
    "worker",
    "farm",
    "hosts",
    "doctor",
    "cli",
    "__main__",
)


def modules(folder: Path, prefix: str = "") -> dict[str, Path]:
    found = {}
    for path in sorted(folder.rglob("*.py")):
        name = ".".join(path.relative_to(folder).with_suffix("").parts)
        found[(prefix + name).removesuffix(".__init__")] = path
    return found


def imported(path: Path, known: dict[str, Path]) -> set[str]:
    """Modules of `known` that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else node.module for name in inside}
    return {name for name in found if name in known}


def room(module: str) -> str:
    return [*module.split("."), "__init__"][1]


OURS = modules(ROOT / PACKAGE, f"{PACKAGE}.")
SCENES = modules(ROOT / "scenes") | modules(ROOT / "scenes" / "demo_shot")


def test_every_room_is_on_the_plan():
    assert {room(name) for name in OURS} == set(ROOMS)


@pytest.mark.parametrize("module", sorted(OURS))
def test_a_module_imports_from_rooms_to_its_left_alone(module):
    if module == PACKAGE:
        return
    own = ROOMS.index(room(module))
    above = {name for name in imported(OURS[module], OURS) if ROOMS.index(room(name)) > own}
    assert not above


@pytest.mark.parametrize("known", [OURS, SCENES], ids=["package", "scenes"])
def test_no_module_leads_back_to_itself(known):
    arrows = {name: imported(path, known) - {name} for name, path in known.items()}
    # A room's door may show what is inside: who comes in through it meets only that.
    doors = {name for name in arrows if known[name].name == "__init__.py"}
    try:
        TopologicalSorter({name: to - doors for name, to in arrows.items()}).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("module", sorted(OURS))
def test_inside_a_room_nobody_goes_through_its_door(module):
    door = f"{PACKAGE}.{room(module)}"
    if OURS[module].name != "__init__.py" and door in OURS:
        assert door not in imported(OURS[module], OURS)


def test_no_two_public_classes_have_one_name():
    owners = defaultdict(list)
    for module, path in OURS.items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                owners[node.name].append(module)
    assert not {name: modules for name, modules in owners.items() if len(modules) > 1}


def test_a_file_is_of_one_concern_and_short():
    """`client.py` is one file because hosts are given it alone; `data` is no code."""
    lines = {
        path.relative_to(ROOT / PACKAGE): len(path.read_text(encoding="utf-8").splitlines())
        for path in OURS.values()
    }
    assert not {
        str(path): count
        for path, count in lines.items()
        if count > 400 and path.parts[0] not in ("client.py", "data")
    }
