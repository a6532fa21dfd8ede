"""A small shot, weights that were never trained, and the command line called as a user calls it."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from howard_nodes.cli import main
from howard_nodes.frames import write_image
from howard_nodes.network import MattingNetwork, save_weights

FRAMES = (1001, 1002, 1003, 1004)


@dataclass(frozen=True)
class Shot:
    """Where the files of a shot are, as patterns."""

    folder: Path
    plate: str
    clean: str
    output: str

    def results(self) -> list[str]:
        """Names of all files in the output folder, hidden ones too."""
        folder = Path(self.output).parent
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def make_plates(frame: int, *, height: int = 48, width: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """A gradient for a place, a bright disc for a subject that moves a little, light up to 4."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    clean = np.stack([x / width, y / height, 0.3 + 0 * x], axis=2) * 0.5
    distance = np.hypot(y - height / 2, x - width / 2 - (frame - 1001))
    alpha = np.clip((height / 4 - distance) / 3 + 0.5, 0.0, 1.0)[..., None]
    plate = alpha * np.array([4.0, 0.6, 0.1], np.float32) + (1 - alpha) * clean
    return plate.astype(np.float32), clean.astype(np.float32)


def make_shot(folder: Path, *, suffix: str = ".exr", height: int = 48, width: int = 64) -> Shot:
    folder.mkdir(exist_ok=True)
    colorspace = "lin_ap1_scene" if suffix == ".exr" else "srgb_rec709_scene"
    for frame in FRAMES:
        plate, clean = make_plates(frame, height=height, width=width)
        path = folder / f"plate.{frame}{suffix}"
        write_image(path, plate, "RGB", colorspace=colorspace, metadata={"framesPerSecond": 24.0})
    write_image(folder / f"clean{suffix}", clean, "RGB", colorspace=colorspace)
    return Shot(
        folder,
        str(folder / f"plate.####{suffix}"),
        str(folder / f"clean{suffix}"),
        str(folder / "out" / f"shot.####{suffix}"),
    )


@pytest.fixture
def shot(tmp_path: Path) -> Shot:
    """Four frames of EXR, ACEScg, and a still clean plate."""
    return make_shot(tmp_path)


@pytest.fixture
def png_shot(tmp_path: Path) -> Shot:
    """Four frames of PNG, sRGB, and a still clean plate."""
    return make_shot(tmp_path / "png", suffix=".png")


@pytest.fixture
def larger_shot(tmp_path: Path) -> Shot:
    """Frames that take a moment each, forty of them."""
    shot = make_shot(tmp_path / "larger", height=180, width=320)
    for frame in range(1005, 1041):
        Path(shot.plate.replace("####", str(frame))).hardlink_to(shot.plate.replace("####", "1001"))
    return shot


@pytest.fixture
def matte(howard: Howard, weights: str) -> Callable[..., Ended]:
    """Call `howard matte` on a shot; patterns can be given in place of the shot's."""

    def call(
        shot: Shot, *more: str, plate: str = "", clean: str = "", output: str = "", using: str = weights
    ) -> Ended:
        return howard(
            "matte",
            plate or shot.plate,
            *("--clean", clean or shot.clean),
            *("-o", output or shot.output),
            *("--weights", using, "--device", "cpu"),
            *more,
        )

    return call


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file of weights as they are before training."""
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    save_weights(MattingNetwork("lite0"), path, {"note": "never trained"})
    path.parent.chmod(0o755)
    return str(path)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Howard = Callable[..., Ended]


@pytest.fixture(autouse=True)
def _leave_the_process_as_it_was() -> Iterator[None]:
    logger = logging.getLogger("howard_nodes")
    handlers, before = list(logger.handlers), signal.getsignal(signal.SIGTERM)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small pictures: threads would only wait for each other
    yield
    torch.set_num_threads(threads)
    signal.signal(signal.SIGTERM, before)
    logger.handlers = handlers


@pytest.fixture
def howard(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Howard:
    """Call the command line in this process."""
    monkeypatch.delenv("OCIO", raising=False)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str | Path) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Ended(int(ended.value.code or 0), captured.out, captured.err)

    return call
