"""The example of docs/adding-a-host.md, as a reader would run it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from howard_nodes.frames import inspect_file, write_image

PAGE = Path(__file__).resolve().parents[1] / "docs" / "adding-a-host.md"


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(code.strip().splitlines()) <= 60
    path = tmp_path_factory.mktemp("host") / "host.py"
    path.write_text(code, encoding="utf-8")
    return path


@pytest.fixture
def host(example: Path):
    def run(*arguments: str, howard: str | None = None) -> subprocess.CompletedProcess[str]:
        command = howard or str(Path(sys.executable).with_name("howard"))
        environment = os.environ | {"HOWARD": command, "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            [sys.executable, str(example), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


def test_it_mattes_a_shot_with_an_override(host, make_shot, random_weights):
    shot = make_shot(2)
    write_image(shot.folder / "paint.exr", np.ones((72, 104, 1), np.float32), "A")
    ended = host(
        *(
            "--plate",
            shot.plate,
            "--clean_plate",
            shot.clean,
            "--output",
            str(shot.folder / "out/s.####.exr"),
        ),
        *("--error_override", str(shot.folder / "paint.exr"), "--weights", str(random_weights)),
        *("--refine_mode", "thresholding", "--threshold", "0.2", "--frames", "1001-1002"),
    )
    assert ended.returncode == 0, ended.stderr
    assert "frame 1002 is there" in ended.stdout
    assert "Error Map is the layer error" in ended.stdout
    assert sorted(path.name for path in (shot.folder / "out").iterdir()) == ["s.1001.exr", "s.1002.exr"]
    layers = set(inspect_file(shot.folder / "out" / "s.1001.exr").parts[0].layers)
    assert layers == {"", "foreground", "alpha", "coarse", "error"}


def test_what_is_wrong_is_said_and_what_to_do(host, make_shot, random_weights):
    shot = make_shot(1)
    output = str(shot.folder / "out/s.####.exr")
    paths = ("--plate", shot.plate, "--clean_plate", str(shot.folder / "nothing.exr"), "--output", output)
    ended = host(*paths)
    assert ended.returncode == 1
    assert "nothing.exr" in ended.stderr
    assert "Traceback" not in ended.stderr
    ended = host(*paths, howard=str(shot.folder / "no" / "howard"))
    assert "cannot be started" in ended.stderr
    assert "Set the environment variable HOWARD" in ended.stderr


def test_its_help_is_the_nodes_description(host):
    ended = host("--help")
    assert ended.returncode == 0
    for word in ("--clean_plate", "--refine_mode", "{auto,off,homography,flow}", "Refinement"):
        assert word in ended.stdout
