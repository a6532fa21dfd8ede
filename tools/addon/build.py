"""Build the Blender add-on: the package, the worker's client and the node's description in one zip.

    python tools/addon/build.py --bpy-python .venv-bpy/bin/python --output dist

The zip is made and checked by Blender's own tool, which comes with the wheel bpy and with Blender;
`--repository` also writes a static extension repository, to be put on any web server.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from howard_nodes import __version__
from howard_nodes import client as worker_client
from howard_nodes.description import describe

__all__ = ["build", "extension_tool", "write_source"]

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
    (folder / "node.json").write_text(json.dumps(describe(), indent=1) + "\n", encoding="utf-8")
    shutil.copyfile(ROOT / "LICENSES" / "GPL-3.0-or-later.txt", folder / "LICENSE-GPL-3.0-or-later.txt")
    shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE-Apache-2.0.txt")
    return folder


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
