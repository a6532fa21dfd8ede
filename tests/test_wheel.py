"""The wheel is all a machine needs: built here, unpacked elsewhere, run without the checkout."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent
_MOST_MEGABYTES = 20


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # From a copy: nothing that lies about in the checkout is packed, nothing new lies about in it.
    root = tmp_path_factory.mktemp("checkout")
    listed = subprocess.run(["git", "ls-files"], cwd=_ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        source = _ROOT / name
        if source.exists():
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(root)], check=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_the_wheel_holds_weights_config_demo_and_licence(wheel):
    with zipfile.ZipFile(wheel) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
    data = "howard_nodes/data/"
    assert 0 < sizes[data + "howard-lite0.safetensors"] <= 10_000_000
    assert sizes[data + "howard-lite0.md"] > 1000
    assert sizes[data + "howard.ocio"] > 1000
    assert sizes[data + "demo/clean.exr"] > 0
    assert all(sizes[f"howard_nodes/sheets/page.{kind}"] > 500 for kind in ("html", "css", "js"))
    assert any(name.endswith("licenses/LICENSE") for name in sizes)
    assert not [name for name in sizes if name.startswith(("tests", "tools", "benchmarks"))]
    assert wheel.stat().st_size < _MOST_MEGABYTES * 1_000_000


def test_the_wheel_says_what_it_is_made_of(wheel, installed):
    """PEP 770: a bill of materials in .dist-info/sboms, with the hashes of the files beside it."""
    (bill,) = installed.glob("*.dist-info/sboms/*.cdx.json")
    told = json.loads(bill.read_text(encoding="utf-8"))
    assert told["metadata"]["component"]["version"] == wheel.name.split("-")[1]
    carried = {part["name"]: part["hashes"] for part in told["components"] if "hashes" in part}
    assert len(carried) > 10
    for name, hashes in carried.items():
        digest = hashlib.sha256((installed / name).read_bytes()).hexdigest()
        assert hashes == [{"alg": "SHA-256", "content": digest}], name


def test_the_wheel_installs_hosts_and_describes_the_node(installed, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(installed)}

    def howard(*arguments: str) -> str:
        script = "from howard_nodes.cli import main; main()"
        command = [sys.executable, "-c", script, *arguments]
        ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    assert json.loads(howard("node", "describe", "--schema"))["title"] == "The Howard node"
    howard("nuke", "install", str(tmp_path))
    assert (tmp_path / "howard" / "howard_nuke" / "host.py").is_file()
    (tmp_path / "custom_nodes").mkdir()
    howard("comfyui", "install", str(tmp_path / "custom_nodes"))
    assert (tmp_path / "custom_nodes" / "howard" / "__init__.py").is_file()


def test_the_wheel_runs_the_demo_outside_the_checkout_without_a_network(installed, tmp_path):
    script = (
        "import socket\n"
        "def refuse(*a, **k): raise OSError('no network in this test')\n"
        "socket.socket.connect = refuse\n"
        "from howard_nodes.cli import main\n"
        "import sys, howard_nodes\n"
        f"assert howard_nodes.__file__.startswith({str(installed)!r}), howard_nodes.__file__\n"
        "sys.argv = ['howard', 'demo', '--output', 'made', '--frames', '1001']\n"
        "main()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "made" / "contact_sheet.png").stat().st_size > 10_000
    assert list((tmp_path / "made").glob("*.1001.exr"))
