from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from howard_nodes.cli.nuke import app
from howard_nodes.description import describe
from howard_nodes.errors import InputError, WriteError
from howard_nodes.hosts.nuke import install
from howard_nodes.hosts.nuke.install import howard_command, install_plugin


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written(plugin_folder: Path) -> None:
    assert plugin_folder.name == "howard"
    assert names(plugin_folder.parent) == ["howard"]
    assert {"init.py", "menu.py", "howard_nuke"} <= set(names(plugin_folder))
    package = plugin_folder / "howard_nuke"
    assert json.loads((package / "node.json").read_text()) == describe()
    client = Path(install.__file__).parents[2] / "client.py"
    assert (package / "client.py").read_bytes() == client.read_bytes()
    assert not list(plugin_folder.rglob("__pycache__"))


def test_the_command_that_installed_it_is_kept(plugin_folder: Path) -> None:
    command = json.loads((plugin_folder / "howard_nuke" / "installed.json").read_text())["command"]
    said = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.startswith("howard ")


def test_the_plug_in_is_python_3_7_and_needs_nothing(plugin_folder: Path) -> None:
    for path in plugin_folder.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 7))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                modules = [str(node.module)]
            else:
                continue
            for module in modules:
                top = module.split(".")[0]
                assert top in sys.stdlib_module_names or top in ("nuke", "howard_nuke", "_posixshmem"), path


def test_the_line_to_add_is_said(tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["install", str(tmp_path / "dot nuke")])
    assert said.exit_code == 0
    assert f"nuke.pluginAddPath('{tmp_path.as_posix()}/dot nuke/howard')" in said.stdout


def test_a_newer_one_replaces_an_older(tmp_path: Path) -> None:
    folder = install_plugin(tmp_path, command=["old"])
    (folder / "left.py").write_text("")
    install_plugin(tmp_path, command=["new"])
    assert json.loads((folder / "howard_nuke" / "installed.json").read_text())["command"] == ["new"]
    assert not (folder / "left.py").exists()
    assert names(tmp_path) == ["howard"]


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    theirs = tmp_path / "howard"
    theirs.mkdir()
    (theirs / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="was not written by howard nuke install"):
        install_plugin(tmp_path)
    assert (theirs / "notes.txt").read_text() == "mine"
    install_plugin(tmp_path, force=True)
    assert not (theirs / "notes.txt").exists()


@pytest.mark.parametrize("step", ["copyfile", "rename"])
def test_what_was_there_stays_when_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    folder = install_plugin(tmp_path, command=["old"])

    def fail(*_: object, **__: object) -> None:
        raise OSError("the disk is full")

    if step == "copyfile":
        monkeypatch.setattr(shutil, "copyfile", fail)
    else:
        real = Path.rename
        monkeypatch.setattr(
            Path,
            "rename",
            lambda self, to: fail() if self.name == "howard" and to == folder else real(self, to),
        )
    with pytest.raises(WriteError, match="the disk is full"):
        install_plugin(tmp_path, command=["new"])
    assert json.loads((folder / "howard_nuke" / "installed.json").read_text())["command"] == ["old"]
    assert names(tmp_path) == ["howard"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot be written"):
        install_plugin(tmp_path / "file")


def test_a_description_of_another_version_is_refused(plugin: Any, document: dict[str, Any]) -> None:
    path = Path(plugin.description.__file__).with_name("node.json")
    before = path.read_text()
    try:
        for content in (json.dumps(document | {"version": 2}), "{", "[]"):
            path.write_text(content)
            with pytest.raises(plugin.errors.PluginError, match="howard nuke install again"):
                plugin.description.load()
    finally:
        path.write_text(before)


def test_howard_command_is_one_that_exists() -> None:
    assert Path(howard_command()[0]).is_file()


def test_howard_command_without_a_script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", "")
    assert howard_command()[:2] == [str(tmp_path / "python"), "-c"]
