"""Build the Blender add-on: the package, the worker's client, the node's description and Howard in one zip.

    python tools/addon/build.py --bpy-python .venv-bpy/bin/python --output dist

The zip is made and checked by Blender's own tool, which comes with the wheel bpy and with Blender;
`--repository` also writes a static extension repository, to be put on any web server.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from bill import addon_bill

from howard_nodes import __version__
from howard_nodes import client as worker_client
from howard_nodes.description import describe

__all__ = ["build", "build_wheel", "extension_tool", "pip_wheel", "write_source"]

ROOT = Path(__file__).resolve().parents[2]
ADDON = ROOT / "blender_addon"


def write_source(folder: Path) -> Path:
    """Write the add-on's source: what the zip holds.

    Parameters
    ----------
    folder : Path
        Is made; must not be there yet.

    Returns
    -------
    Path
        The folder.
    """
    shutil.copytree(ADDON, folder, ignore=shutil.ignore_patterns("__pycache__"))
    client = Path(worker_client.__file__).read_text(encoding="utf-8")
    (folder / "client.py").write_text("# SPDX-License-Identifier: Apache-2.0\n" + client, encoding="utf-8")
    carried = folder / "howard"
    build_wheel(carried)
    pip_wheel(carried)
    (carried / "constraints.txt").write_text(_tested_versions(), encoding="utf-8")
    (folder / "sbom.cdx.json").write_text(addon_bill(carried), encoding="utf-8")
    (folder / "node.json").write_text(json.dumps(describe(), indent=1) + "\n", encoding="utf-8")
    shutil.copyfile(ROOT / "LICENSES" / "GPL-3.0-or-later.txt", folder / "LICENSE-GPL-3.0-or-later.txt")
    shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE-Apache-2.0.txt")
    return folder


def build_wheel(folder: Path) -> Path:
    """Build Howard's wheel, weights and all; the same source gives the same bytes.

    Parameters
    ----------
    folder : Path
        Where it goes.

    Returns
    -------
    Path
        The wheel.
    """
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(folder)]
    if importlib.util.find_spec("setuptools") is not None and _setuptools() >= 77:
        command.append("--no-build-isolation")  # then nothing is fetched
    with tempfile.TemporaryDirectory() as scratch:
        # From a copy: what older builds left in the checkout is not packed, and nothing new is left in it.
        source = Path(scratch)
        for name in ("pyproject.toml", "setup.py", "sbom.cdx.json", "README.md", "LICENSE"):
            shutil.copyfile(ROOT / name, source / name)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "howard_nodes", source / "howard_nodes", ignore=ignored)
        environment = {"SOURCE_DATE_EPOCH": "1767225600", **os.environ}
        subprocess.run([*command, scratch], check=True, env=environment)
    return next(folder.glob("howard_matting-*.whl"))


def pip_wheel(folder: Path) -> Path:
    """Put pip's wheel into a folder: the one that `make` has fetched, else it is fetched now.

    Parameters
    ----------
    folder : Path
        Where it goes; is made.

    Returns
    -------
    Path
        The wheel.
    """
    versions = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    wanted = next(one for one in versions if one.startswith("pip=="))
    folder.mkdir(parents=True, exist_ok=True)
    name = f"pip-{wanted.partition('==')[2]}-py3-none-any.whl"
    kept = Path(sys.prefix) / "carried" / name
    if kept.exists():
        return Path(shutil.copyfile(kept, folder / name))
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), wanted]
    subprocess.run(command, check=True)
    return folder / name


def extension_tool(python: str) -> Path:
    """Find Blender's tool for extensions in the bpy of a Python."""
    find = "import importlib.util as u; print(*u.find_spec('bpy').submodule_search_locations)"
    folder = subprocess.run([python, "-c", find], capture_output=True, text=True, check=True).stdout.strip()
    found = sorted(Path(folder).glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    if not found:
        raise SystemExit(f"No blender_ext.py under {folder}.")
    return found[-1]


def build(python: str, output: Path, *, repository: bool = False) -> Path:
    """Build the zip.

    Parameters
    ----------
    python : str
        A Python that has bpy.
    output : Path
        Output folder of the zip.
    repository : bool
        Write the listing of a static repository beside it.

    Returns
    -------
    Path
        The zip.
    """
    manifest = tomllib.loads((ADDON / "blender_manifest.toml").read_text(encoding="utf-8"))
    if manifest["version"] != __version__:
        raise SystemExit(
            f"blender_manifest.toml says version {manifest['version']}, Howard is {__version__}."
        )
    tool = str(extension_tool(python))
    output = output.absolute()
    output.mkdir(parents=True, exist_ok=True)
    made = output / f"{manifest['id']}-{manifest['version']}.zip"
    with tempfile.TemporaryDirectory() as scratch:
        source = write_source(Path(scratch) / manifest["id"])
        _run(python, tool, "validate", source)
        _run(python, tool, "build", "--source-dir", source, "--output-filepath", made)
    _run(python, tool, "validate", made)
    if repository:
        _run(python, tool, "server-generate", "--repo-dir", output)
    return made


def _tested_versions() -> str:
    """Give the versions of what the wheel needs that the tests are run with."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.split(r"[^A-Za-z0-9._-]", one)[0].lower() for one in project["dependencies"]}
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return "".join(f"{line}\n" for line in lines if line.partition("==")[0].lower() in needed)


def _setuptools() -> int:
    return int(importlib.metadata.version("setuptools").split(".")[0])


def _run(*command: object) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command[2]} failed:\n{done.stdout}{done.stderr}")


def main() -> None:
    """Build what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--bpy-python", default=sys.executable, help="A Python that has bpy. By default this one."
    )
    parser.add_argument("--output", type=Path, default=Path("dist"), help="Output folder of the zip.")
    parser.add_argument(
        "--repository", action="store_true", help="Also write the listing of a static repository."
    )
    arguments = parser.parse_args()
    print(build(arguments.bpy_python, arguments.output, repository=arguments.repository))


if __name__ == "__main__":
    main()
