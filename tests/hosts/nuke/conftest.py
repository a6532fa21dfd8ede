"""The plug-in, installed as `howard nuke install` does it, and a double of Nuke around it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from howard_nodes.hosts.nuke.install import install_plugin


def _load_double() -> ModuleType:
    spec = importlib.util.spec_from_file_location("nuke_double", Path(__file__).with_name("nuke_double.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["nuke_double"] = module
    spec.loader.exec_module(module)
    return module


double = _load_double()


@pytest.fixture(scope="package")
def plugin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder howard, as the command writes it."""
    return install_plugin(tmp_path_factory.mktemp("dot-nuke"))


@pytest.fixture(scope="package")
def plugin(plugin_folder: Path) -> Iterator[ModuleType]:
    """The package `howard_nuke`, imported from the installed folder; its worker ends with the tests."""
    sys.path.insert(0, str(plugin_folder))
    sys.modules["nuke"] = double.FakeNuke("")
    package = importlib.import_module("howard_nuke")
    for name in (
        "colour",
        "command",
        "description",
        "errors",
        "files",
        "graph",
        "host",
        "panel",
        "pulling",
        "session",
    ):
        importlib.import_module(f"howard_nuke.{name}")
    yield package
    package.session.close()
    sys.path.remove(str(plugin_folder))
    for name in [name for name in sys.modules if name == "nuke" or name.startswith("howard_nuke")]:
        del sys.modules[name]


@pytest.fixture
def document(plugin: Any) -> dict[str, Any]:
    """The node's description, as it was installed."""
    found: dict[str, Any] = plugin.description.load()
    return found


@pytest.fixture
def make_nuke(plugin: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Make a double of Nuke that the plug-in speaks to from then on."""
    monkeypatch.delenv("HOWARD", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")

    def make(**settings: Any) -> Any:
        nuke = double.FakeNuke(f"{tmp_path.as_posix()}/shot.nk", **settings)
        monkeypatch.setattr(plugin.host, "nuke", nuke)
        return nuke

    return make


@pytest.fixture
def nuke(make_nuke: Callable[..., Any]) -> Any:
    """A double of Nuke with an interface, its script saved in a folder of its own."""
    return make_nuke()
