"""A result of twelve frames with one of everything that can be wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nights import FRAMES, PARALLAX, Made, plate_and_alpha, verify, write_result

from howard_nodes.frames import write_image


@pytest.fixture(scope="session")
def result(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """1003 missing, 1005 corrupt, 1006 not fitted, 1007 doubtful, 1009 a jump, 1011 doubt, 1012 another."""
    folder = tmp_path_factory.mktemp("night")
    made = Made(folder, str(folder / "out/shot.####.exr"), str(folder / "plate.####.exr"))
    for frame in FRAMES:
        plate, _ = plate_and_alpha(frame - 1001)
        write_image(folder / f"plate.{frame}.exr", plate, "RGB", colorspace="lin_rec709_scene")
        write_result(
            made.file(frame),
            frame - 1001,
            fit={1006: "failed: too little agrees", 1007: PARALLAX}.get(frame, "good: fits as is"),
            error=0.2 if frame == 1011 else 0.02,
            empty=frame == 1009,
            settings="two" if frame == 1012 else "one",
        )
    made.file(1003).unlink()
    made.file(1005).write_bytes(made.file(1005).read_bytes()[:-300])
    return made


@pytest.fixture(scope="session")
def version_before(result: Made) -> str:
    """Of the same frames: 1001 was not fitted, all others were good, and 1002 jumped."""
    for frame in FRAMES:
        fit = "failed: too little agrees" if frame == 1001 else "good: fits as is"
        path = result.folder / f"out_v1/shot.{frame}.exr"
        write_result(path, frame - 1001 + (6 if frame == 1002 else 0), fit=fit)
    return str(result.folder / "out_v1/shot.####.exr")


@pytest.fixture(scope="session")
def page(result: Made) -> Path:
    path = result.folder / "page/shot.html"
    assert verify(result.output, "--frames", "1001-1012", "--page", path, "--plate", result.plate) == 1
    return path


@pytest.fixture(scope="session")
def page_of_two(result: Made, version_before: str) -> Path:
    path = result.folder / "page/two.html"
    more = ("--plate", result.plate, "--before", version_before)
    assert verify(result.output, "--frames", "1001-1012", "--page", path, *more) == 1
    return path


@pytest.fixture(scope="session")
def document() -> Callable[[Path], dict[str, Any]]:
    """Take what a page says out of it."""

    def taken(path: Path) -> dict[str, Any]:
        text = path.read_text(encoding="utf-8")
        found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
        assert found is not None
        return json.loads(found[1])

    return taken
