"""What needs Howard's libraries: a process of its own, since a broken one may end it.

    python -m howard_nodes.doctor.inside

On stdout, a line of JSON before each thing that it looks at, `{"at": name}`, and one for each finding.
"""

from __future__ import annotations

import importlib
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from importlib import metadata
from pathlib import Path

from howard_nodes.doctor.findings import Finding, examined
from howard_nodes.system.machine import speak_utf8

__all__ = ["LIBRARIES", "main"]

LIBRARIES = {
    "torch": "torch",
    "numpy": "numpy",
    "openimageio": "OpenImageIO",
    "opencolorio": "PyOpenColorIO",
    "opencv-python-headless": "cv2",
    "av": "av",
    "safetensors": "safetensors",
    "pi-heif": "pi_heif",
    "fileseq": "fileseq",
    "xxhash": "xxhash",
    "typer": "typer",
    "rich": "rich",
}
"""What Howard needs: the module of each package."""

_ALLOWED = 0.01  # mean error of alpha: on every device that was tried it is below 0.002
_AGAIN = "install Howard again"
_RUNTIME = "install Microsoft's Visual C++ Redistributable, or " + _AGAIN


def main() -> None:
    """Look at everything, one after the other."""
    speak_utf8()
    for package, module in LIBRARIES.items():
        _look(package, partial(_library, package, module))
    for name, look in (
        ("device", _device),
        ("shipped files", _shipped),
        ("weights", _weights),
        ("colour", _colour),
        ("files", _files),
        ("self-test", _self_test),
    ):
        _look(name, look)


def _look(name: str, look: Callable[[], list[Finding]]) -> None:
    print(json.dumps({"at": name}), flush=True)
    for finding in examined(name, look):
        print(json.dumps(asdict(finding)), flush=True)


def _library(package: str, module: str) -> list[Finding]:
    try:
        version = metadata.version(package)
    except metadata.PackageNotFoundError:
        version = ""
    try:
        loaded = importlib.import_module(module)
    except ImportError as error:
        if isinstance(error, ModuleNotFoundError) and error.name == module:
            return [Finding(package, "not installed", f"{package} is not installed: {_AGAIN}.")]
        said = " ".join(str(error).split())
        remedy = _RUNTIME if sys.platform == "win32" and "DLL" in said else _AGAIN
        problem = f"{package} cannot be loaded ({said}): {remedy}."
        return [Finding(package, f"{version} cannot be loaded".strip(), problem)]
    version = version or str(getattr(loaded, "__version__", "of no version"))
    if package == "torch":
        version = str(loaded.__version__)  # with the build, as 2.13.0+cpu
    if package == "av":
        ffmpeg = loaded.library_versions.get("libavcodec", ())
        version += f" (FFmpeg's libavcodec {'.'.join(map(str, ffmpeg))})"
    return [Finding(package, version)]


def _device() -> list[Finding]:
    import torch

    from howard_nodes.engine.devices import chosen_device, chosen_precision

    device = chosen_device("auto")
    value = f"{device.type}, {chosen_precision('auto', device)}"
    if device.type == "cuda":
        about = torch.cuda.get_device_properties(device)
        value += f", {about.name}, {about.total_memory / 1e9:.0f} GB"
    elif torch.version.cuda or torch.version.hip:
        value += "; this torch could use a GPU, but sees none: is its driver installed?"
    elif device.type == "cpu":
        value += f", {torch.get_num_threads()} threads; this torch is built for the CPU alone"
    return [Finding("device", value)]


def _shipped() -> list[Finding]:
    from howard_nodes.shipped import damage, shipped_files

    files = shipped_files()
    problems = [problem for file in files if (problem := damage(file))]
    names = ", ".join(file.name for file in files)
    value = f"{names}: {'not all are' if problems else 'all are'} as they were made"
    return [Finding("shipped files", value, " ".join(problems))]


def _weights() -> list[Finding]:
    import hashlib

    from howard_nodes.network.weights import describe_weights, list_weights, load_weights

    path = describe_weights().path
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    load_weights()
    others = [weights for weights in list_weights() if weights.path != path]
    found = [Finding("weights", f"{path.stem}, SHA-256 {digest[:16]}")]
    for weights in others:
        problem = f"weights {weights.name}: {weights.problem}" if weights.problem else ""
        found.append(Finding("", f"{weights.name}, {weights.path}", problem))
    return found


def _colour() -> list[Finding]:
    from howard_nodes.color import ColorConfig

    config = ColorConfig.load()
    return [Finding("colour", f"{config.description}; works in {config.scene_linear}")]


def _files() -> list[Finding]:
    """Write a frame and read it back."""
    import numpy as np

    from howard_nodes.frames import read_frame, write_image

    pixels = np.linspace(0, 2, 48, dtype=np.float32).reshape(4, 4, 3)
    with tempfile.TemporaryDirectory(prefix="howard-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "frame.0001.exr"
        write_image(path, pixels, "RGB", depth="float", colorspace="lin_rec709_scene")
        same = np.array_equal(read_frame(path).rgb, pixels)
    problem = "" if same else f"files: an EXR does not read back as it was written: {_AGAIN}."
    return [Finding("files", f"an EXR is {'' if same else 'not '}read back as it was written", problem)]


def _self_test() -> list[Finding]:
    """Matte a picture whose alpha is known: a disc with a soft edge before blocks of colour."""
    import numpy as np

    from howard_nodes.node import HowardMatte

    height, width = 192, 256
    y, x = np.mgrid[:height, :width].astype(np.float32)
    blocks = np.random.default_rng(7).random((height // 8, width // 8, 3), np.float32)
    clean = np.float32(0.05) + np.float32(0.35) * np.kron(blocks, np.ones((8, 8, 1), np.float32))
    alpha = np.clip((60 - np.hypot(x - width / 2, y - height / 2)) / 3 + 0.5, 0, 1)[..., None]
    disc = np.stack([0.7 + 0.1 * np.sin(x / 9), 0.15 + 0.05 * np.cos(y / 7), np.full_like(x, 0.1)], -1)
    node, began = HowardMatte(), time.monotonic()
    result = node.evaluate(1, {"plate": alpha * disc + (1 - alpha) * clean, "clean_plate": clean})
    seconds = time.monotonic() - began
    error = float(np.abs(result["alpha"] - alpha[..., 0]).mean())
    value = f"alpha is off by {error:.4f} on average ({_ALLOWED} allowed), after {seconds:.1f} s"
    if error <= _ALLOWED:  # false for NaN
        return [Finding("self-test", value)]
    return [Finding("self-test", value, f"self-test: the matte is wrong, {value}. Try --device cpu.")]


if __name__ == "__main__":
    main()
