"""Howard as a custom node folder of ComfyUI: what `howard comfyui install` writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from howard_nodes import __version__
from howard_nodes.atomic import write_file
from howard_nodes.description import INPUTS, KNOBS, OUTPUTS
from howard_nodes.errors import InputError
from howard_nodes.hosts.comfyui import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS
from howard_nodes.hosts.comfyui.matting import WHERE
from howard_nodes.hosts.comfyui.widgets import AUTOMATIC
from howard_nodes.hosts.comfyui.workflows import api_workflow, declared, examples, menu_workflow
from howard_nodes.sheets.demo import shot_folder

__all__ = ["FOLDER", "install"]

FOLDER = "howard"
"""Name of the folder among ComfyUI's custom nodes."""

_MARK = "# Written by `howard comfyui install`: run that again after an update; changes made here are lost."

_OWN_LABELS = {"space": "Colour space", "to": "To colour space", "colorspace": "Colour space of the file"}

_INIT = f'''{_MARK}
"""Howard's nodes for ComfyUI; they are in the package howard_nodes."""

import sys

try:
    from howard_nodes.hosts.comfyui import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS
except ImportError as error:
    raise ImportError(
        f"Howard's nodes cannot be loaded ({{error}}). Install Howard into the Python that runs ComfyUI: "
        f"{{sys.executable}} -m pip install WHEEL, where WHEEL is the file that 'make dist' wrote into dist/."
    ) from error

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]
'''

_PROJECT = f'''{_MARK}
[project]
name = "howard-matting"
description = "Background matting for compositors: plate and clean plate in, layered scene-linear EXR out."
version = "{__version__}"
license = {{ text = "Apache-2.0" }}
requires-python = ">=3.11"
dependencies = ["howard-matting=={__version__}"]

[tool.comfy]
PublisherId = ""
DisplayName = "Howard Matting"
'''


def install(folder: Path) -> tuple[Path, ...]:
    """Write Howard's custom node folder.

    Parameters
    ----------
    folder : Path
        ComfyUI's folder `custom_nodes`, or the one that it is in.

    Returns
    -------
    tuple of Path
        The files written.

    Raises
    ------
    InputError
        The folder is not there, something else has the name, or it cannot be written.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give ComfyUI's custom_nodes folder.")
    inside = folder / "custom_nodes"
    target = (inside if inside.is_dir() else folder) / FOLDER
    if target.is_symlink() or (target.exists() and not _may_be_filled(target)):
        raise InputError(
            f"{target}: already exists and was not written by howard comfyui install; move it "
            "away, then install again."
        )
    written = []
    for name, text in _contents().items():
        path = target / name
        write_file(path, text)
        written.append(path)
    return tuple(written)


def _contents() -> dict[str, str]:
    """Give the text of every file, by its place in the folder; what marks the folder as ours comes first."""
    files = {
        "__init__.py": _INIT,
        "pyproject.toml": _PROJECT,
        "locales/en/nodeDefs.json": _json(_labels()),
    }
    for name, steps in examples(shot_folder()).items():
        files[f"example_workflows/{name}.json"] = _json(menu_workflow(steps, NODE_CLASS_MAPPINGS))
        files[f"api_workflows/{name}.json"] = _json(api_workflow(steps, NODE_CLASS_MAPPINGS))
    return files


def _labels() -> dict[str, Any]:
    """Give what ComfyUI shows for names, as it wants translations."""
    labels = dict(_OWN_LABELS)
    labels |= {socket.name: socket.label for socket in (*INPUTS, *OUTPUTS)}
    labels |= {knob.name: knob.label for knob in KNOBS}

    def label(name: str) -> str:
        for ending in (WHERE, AUTOMATIC):
            if name.endswith(ending):
                return f"{label(name.removesuffix(ending))}: {ending.strip('_')}"
        return labels.get(name, name.replace("_", " ").capitalize())

    return {
        kind: {
            "display_name": NODE_DISPLAY_NAME_MAPPINGS[kind],
            "inputs": {name: {"name": label(name)} for name in declared(node)},
            "outputs": {
                str(slot): {"name": label(name)}
                for slot, name in enumerate(getattr(node, "RETURN_NAMES", ()))
            },
        }
        for kind, node in NODE_CLASS_MAPPINGS.items()
    }


def _json(document: Any) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _may_be_filled(folder: Path) -> bool:
    try:
        ours = (folder / "__init__.py").read_text(encoding="utf-8").startswith(_MARK)
        return ours or not any(folder.iterdir())
    except FileNotFoundError:
        return not any(folder.iterdir())
    except (OSError, ValueError):
        return False
