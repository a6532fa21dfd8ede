"""`howard comfyui install` writes a folder that ComfyUI loads, and harms nothing that is there."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from howard_nodes import __version__
from howard_nodes.cli.comfyui import app
from howard_nodes.errors import InputError
from howard_nodes.hosts.comfyui import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS
from howard_nodes.hosts.comfyui.install import install
from howard_nodes.sheets.demo import shot_folder


def everything(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_the_folder_is_a_python_package_of_nodes(tmp_path: Path) -> None:
    install(tmp_path)
    code = "import howard; print(*howard.NODE_CLASS_MAPPINGS, sep=',')"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.strip().split(",") == list(NODE_CLASS_MAPPINGS), done.stderr


def test_a_python_without_howard_is_told_what_to_do(tmp_path: Path) -> None:
    install(tmp_path)
    done = subprocess.run(
        [sys.executable, "-S", "-c", "import howard"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert f"Install Howard into the Python that runs ComfyUI: {sys.executable} -m pip install" in done.stderr


def test_comfyuis_own_folder_will_do(tmp_path: Path) -> None:
    (tmp_path / "custom_nodes").mkdir()
    files = install(tmp_path)
    assert all(path.is_relative_to(tmp_path / "custom_nodes" / "howard") for path in files)


def test_installing_again_brings_it_up_to_date(tmp_path: Path) -> None:
    install(tmp_path)
    before = everything(tmp_path)
    (tmp_path / "howard" / "pyproject.toml").write_text("old")
    (tmp_path / "howard" / "notes.txt").write_text("mine")
    install(tmp_path)
    assert everything(tmp_path) == before | {"howard/notes.txt": "mine"}


@pytest.mark.parametrize("name", ["__init__.py", "nodes.py"])
def test_another_folder_of_that_name_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / "howard").mkdir()
    (tmp_path / "howard" / name).write_text("NODE_CLASS_MAPPINGS = {}\n")
    before = everything(tmp_path)
    with pytest.raises(InputError, match="was not written by howard comfyui install"):
        install(tmp_path)
    assert everything(tmp_path) == before


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "nodes").mkdir()
    (tmp_path / "nodes" / "howard").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="move it away"):
        install(tmp_path / "nodes")
    assert not any((tmp_path / "elsewhere").iterdir())


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        install(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="no such folder"):
        install(tmp_path / "file")
    assert not (tmp_path / "nowhere").exists()


def test_the_registry_finds_what_it_wants(tmp_path: Path) -> None:
    install(tmp_path)
    document = tomllib.loads((tmp_path / "howard" / "pyproject.toml").read_text())
    assert document["project"]["name"] == "howard-matting"
    assert document["project"]["version"] == __version__
    assert document["project"]["license"] == {"text": "Apache-2.0"}
    assert document["tool"]["comfy"]["DisplayName"] == "Howard Matting"


def test_labels_are_there_for_every_input_and_output(tmp_path: Path) -> None:
    install(tmp_path)
    labels = json.loads((tmp_path / "howard" / "locales" / "en" / "nodeDefs.json").read_text())
    assert {kind: about["display_name"] for kind, about in labels.items()} == NODE_DISPLAY_NAME_MAPPINGS
    assert labels["HowardMatte"]["inputs"]["clean_plate"] == {"name": "Clean Plate"}
    assert labels["HowardMatte"]["inputs"]["exposure_automatic"] == {"name": "Exposure: automatic"}
    assert labels["HowardRefine"]["inputs"]["error_override_where"] == {"name": "Error Map Override: where"}
    assert labels["HowardMatte"]["outputs"]["4"] == {"name": "Error Map"}
    for kind, node in NODE_CLASS_MAPPINGS.items():
        assert len(labels[kind]["outputs"]) == len(node.RETURN_TYPES)


def test_workflows_are_about_the_shot_that_ships(tmp_path: Path) -> None:
    install(tmp_path)
    workflow = json.loads((tmp_path / "howard" / "api_workflows" / "howard_matte.json").read_text())
    assert workflow["1"]["inputs"]["pattern"] == str(shot_folder() / "plate.####.exr")


def test_the_command_says_what_it_did(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["install", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert str(tmp_path / "howard") in done.output.replace("\n", "")
    assert (tmp_path / "howard" / "__init__.py").is_file()
