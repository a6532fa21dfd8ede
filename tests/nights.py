"""Small results made for the tests of the page, and `howard verify` called on them."""

from __future__ import annotations

import logging
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from howard_nodes.cli import main
from howard_nodes.frames import write_image
from howard_nodes.layers import layer_channels

HEIGHT, WIDTH = 54, 96
FRAMES = range(1001, 1013)
PARALLAX = "doubtful: parts are still 3.0 px apart (parallax? a moving background?); moved by up to 9.1 px"
ABOUT = {"howard:version": "0.1.0", "howard:weights": "default", "howard:settings": "one"}


def plate_and_alpha(step: float) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    alpha = np.clip((HEIGHT / 3.5 - np.hypot(y - HEIGHT / 2, x - WIDTH / 3 - step)) / 3 + 0.5, 0, 1)
    place = np.dstack([0.05 + 0.3 * x / WIDTH, 0.1 + 0.2 * y / HEIGHT, np.full_like(x, 0.25)])
    plate = alpha[..., None] * np.array([1.2, 0.6, 0.2], np.float32) + (1 - alpha[..., None]) * place
    return plate.astype(np.float32), alpha.astype(np.float32)


def write_result(
    path: Path, step: float, *, fit: str = "", error: float = 0.02, empty: bool = False, settings: str = "one"
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    plate, alpha = plate_and_alpha(step)
    alpha = alpha * 0 if empty else alpha
    layers = [alpha[..., None] * plate, alpha, alpha, np.full_like(alpha, error)]
    channels = layer_channels(("rgba", "alpha", "error"))
    metadata = {**ABOUT, "howard:settings": settings} | ({"howard:fit": fit} if fit else {})
    write_image(path, np.dstack(layers), channels, colorspace="lin_rec709_scene", metadata=metadata)


@dataclass(frozen=True)
class Made:
    """A result on disk."""

    folder: Path
    output: str
    plate: str

    def file(self, frame: int) -> Path:
        return Path(self.output.replace("####", str(frame)))


def verify(*arguments: object) -> int:
    logger = logging.getLogger("howard_nodes")
    handlers, before = list(logger.handlers), signal.getsignal(signal.SIGTERM)
    threads = torch.get_num_threads()
    try:
        with pytest.raises(SystemExit) as ended:
            main(["verify", *map(str, arguments)])
    finally:
        torch.set_num_threads(threads)
        signal.signal(signal.SIGTERM, before)
        logger.handlers = handlers
    return int(ended.value.code or 0)
