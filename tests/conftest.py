"""Small shots and weights made for the tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

# As the command line and the worker set it, before torch is loaded: tests that run side by side would else
# wait for cores that threads with nothing to do keep busy.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pytest
import torch
from shots import Shot, disc_over_gradient, gradient

from howard_nodes.frames import Window, write_image
from howard_nodes.network import MattingNetwork, save_weights


@pytest.fixture(autouse=True)
def no_outer_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OCIO", raising=False)
    monkeypatch.setenv("HOWARD_WEIGHTS", str(tmp_path / "no-weights"))


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lite0 that learnt nothing: enough wherever the matte's quality is not the question."""
    torch.manual_seed(5)
    network = MattingNetwork("lite0").eval()
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_weights(network, path, {})
    return path


@pytest.fixture
def make_shot(tmp_path: Path) -> Callable[..., Shot]:
    """Write a shot of some frames; colour space, suffix and windows may be chosen."""

    def make(
        count: int = 4,
        *,
        first: int = 1001,
        suffix: str = ".exr",
        colorspace: str | None = "lin_rec709_scene",
        folder: Path = tmp_path,
        clean_sequence: bool = False,
        data_window: Window | None = None,
        display_window: Window | None = None,
        metadata: dict[str, object] | None = None,
    ) -> Shot:
        folder.mkdir(parents=True, exist_ok=True)
        windows = {"data_window": data_window, "display_window": display_window}
        common = {"depth": "float", "colorspace": colorspace, "metadata": metadata, **windows}
        frames = tuple(range(first, first + count))
        for frame in frames:
            pixels, _ = disc_over_gradient(frame - first)
            write_image(folder / f"plate.{frame}{suffix}", pixels, "RGB", **common)
            if clean_sequence:
                write_image(folder / f"clean.{frame}{suffix}", gradient(), "RGB", **common)
        if not clean_sequence:
            write_image(folder / f"clean{suffix}", gradient(), "RGB", **common)
        clean = f"clean.####{suffix}" if clean_sequence else f"clean{suffix}"
        return Shot(folder, str(folder / f"plate.####{suffix}"), str(folder / clean), frames)

    return make
