"""Files that came with Howard: current hashes, damage that is told, and the bill of materials."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from howard_nodes.network.weights import shipped_weights_folder
from howard_nodes.shipped import DATA, damage, shipped_files

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tools"))

from bill import BILL, LICENCES, TABLE, addon_bill, bill, hashes  # noqa: E402

_ADVICE = "run: python tools/bill.py"


def test_hashes_and_bill_are_current() -> None:
    assert TABLE.read_text(encoding="utf-8") == hashes(), _ADVICE
    assert BILL.read_text(encoding="utf-8") == bill(), _ADVICE


def test_all_weights_and_the_configuration_are_checked() -> None:
    wanted = {*shipped_weights_folder().glob("*.safetensors"), *DATA.glob("*.ocio")}
    assert set(shipped_files()) == wanted
    assert not any(map(damage, wanted))


def test_files_of_the_user_are_not_looked_at(tmp_path: Path) -> None:
    own = tmp_path / "howard-lite0.safetensors"
    own.write_bytes(b"my own")
    assert damage(own) == ""


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """An installation of which a byte in the middle of each shipped file has changed."""
    shutil.copytree(ROOT / "howard_nodes", tmp_path / "howard_nodes", symlinks=False)
    for file in shipped_files():
        copy = tmp_path / "howard_nodes" / "data" / file.name
        content = bytearray(copy.read_bytes())
        content[len(content) // 2] ^= 1
        copy.write_bytes(content)
    return tmp_path


def _howard(installed: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "OCIO"}
    return subprocess.run(
        [sys.executable, "-m", "howard_nodes", *words],
        cwd=installed, env={**environment, "PYTHONPATH": str(installed)}, capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("info howard_nodes/data/demo/clean.exr", "howard.ocio"),
        (
            "matte howard_nodes/data/demo/plate.####.exr --clean howard_nodes/data/demo/clean.exr "
            "-o out/shot.####.exr --frames 1001 --ocio ocio://default",
            "howard-lite0.safetensors",
        ),
    ],
)
def test_damage_is_told_and_nothing_is_computed(damaged: Path, words: str, named: str) -> None:
    done = _howard(damaged, *words.split())
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    assert re.search(rf"{named}: is not the file that came with Howard .*install Howard again", said), said
    assert not list(damaged.glob("out/*"))


def test_the_doctor_finds_damage(damaged: Path) -> None:
    done = _howard(damaged, "doctor", "--json")
    assert done.returncode == 1
    problems = [found["problem"] or "" for found in json.loads(done.stdout)["findings"]]
    for file in shipped_files():
        assert any(f"{file.name}: is not the file that came with Howard" in problem for problem in problems)


# The bill of materials.


def _valid(document: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_7).validate_str(document) is None


def test_the_bill_is_valid_and_names_all_that_is_asked_for() -> None:
    _valid(bill())
    parts = {part["name"]: part for part in json.loads(bill())["components"]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["farm"]]
    for text in wanted:
        name, least = re.match(r"([\w.-]+)>=([\w.]+)", text).groups()
        assert f">={least}" in parts[name]["versionRange"]
        assert parts[name]["licenses"]
    weights = parts["howard_nodes/data/howard-lite0.safetensors"]
    assert weights["hashes"][0]["content"] == json.loads(hashes())["howard-lite0.safetensors"]
    assert weights["licenses"] == [{"license": {"id": "Apache-2.0"}}]


@pytest.mark.parametrize("package", sorted(LICENCES))
def test_a_licence_is_the_one_that_the_package_declares(package: str) -> None:
    """As far as it declares one in so many words."""
    about = metadata.metadata(package)
    declared = about["License-Expression"] or about["License"] or ""
    if len(declared) > 200 or declared in ("", "UNKNOWN") or "Copyright" in declared:
        declared = " ".join(one for one in about.get_all("Classifier") or [] if one.startswith("License"))
    if declared:
        words = LICENCES[package][0].replace("-", " ").split()
        assert words[0] in declared.replace("-", " "), declared


def test_the_bill_of_the_add_on_names_the_wheels_that_it_carries(tmp_path: Path) -> None:
    for name in ("howard_matting-0.1.0-py3-none-any.whl", "pip-26.3-py3-none-any.whl"):
        (tmp_path / name).write_bytes(name.encode())
    document = addon_bill(tmp_path)
    _valid(document)
    parts = json.loads(document)["components"]
    assert [part["purl"] for part in parts] == ["pkg:pypi/howard-matting@0.1.0", "pkg:pypi/pip@26.3"]
    assert all(len(part["hashes"][0]["content"]) == 64 for part in parts)
