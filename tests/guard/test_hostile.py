"""A file that asks for more than a machine has is refused, at once and in words; one of the field is not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from guard.hostile import CONFIGS, MOVIES, PICTURES, exr, multipart_exr, weights

from howard_nodes.errors import FrameError, InputError
from howard_nodes.frames import inspect_file, read_frame
from howard_nodes.frames.claims import check_picture_claims, check_size_claim
from howard_nodes.frames.reading import check_picture

ROOT = Path(__file__).parents[2]
SECONDS = 8.0  # of a core, for one file, libraries loaded with the first; most take a hundredth

WEIGHTS = {
    "header.safetensors": (lambda _: weights({}, 10 << 30), "cannot be read as weights"),
    "shape.safetensors": (
        lambda _: weights({"a": {"dtype": "F32", "shape": [10**6, 10**6], "data_offsets": [0, 4 * 10**12]}}),
        "cannot be read as weights",
    ),
    "bomb.pth": (lambda path: _bomb(path), r"unpacks to \d+ MB"),
}
FITS = {
    "deep.json": (lambda _: b"[" * 2_000_000, "nested too deeply"),
    "deeper.json": (lambda _: b'{"frames": ' * 2_000_000, "nested too deeply"),
}
KINDS: dict[str, Mapping[str, tuple[Any, str]]] = {
    "picture": PICTURES, "movie": MOVIES, "config": CONFIGS, "weights": WEIGHTS, "fit": FITS,
}  # fmt: skip


def _bomb(path: Path) -> bytes:
    """A checkpoint whose numbers are packed a thousand times smaller than they are."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("a/constants.pkl", b"")
        with archive.open("a/data/0", "w") as member:
            for _ in range(400):
                member.write(bytes(1 << 20))
    return path.read_bytes()


_KNOWN: dict[str, dict[str, tuple[float, str, str]]] = {}


@pytest.fixture
def said(kind: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[float, str, str]]:
    """What came of all files of a kind, opened in a process with 4 GB of memory."""
    if kind not in _KNOWN:
        folder, scratch = tmp_path_factory.mktemp(kind), tmp_path_factory.mktemp("scratch")
        for name, (make, _) in KINDS[kind].items():
            (folder / name).write_bytes(make((folder if kind == "config" else scratch) / name))
        paths = [str(folder / name) for name in KINDS[kind]]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HOWARD_MAX")}
        environment |= {"PYTHONPATH": str(ROOT), "OPENIMAGEIO_THREADS": "1", "OMP_NUM_THREADS": "1"}
        command = [sys.executable, str(ROOT / "tests/guard/opening.py"), kind, *paths]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        _KNOWN[kind] = {name: (seconds, read, error) for name, seconds, read, error in lines}
        assert done.returncode == 0, (done.stdout[-500:], done.stderr[-2000:])
    return _KNOWN[kind]


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, files in KINDS.items() for name in files], ids=str
)
def test_a_file_that_asks_for_too_much_is_refused(
    kind: str, name: str, said: dict[str, tuple[float, str, str]]
) -> None:
    seconds, read, error = said[name]
    wanted = KINDS[kind][name][1]
    assert seconds < SECONDS
    if not wanted:
        assert read, error
        return
    assert re.search(wanted, error, re.DOTALL), (read, error)
    assert name in error or "OpenColorIO" in error or kind == "config"


def test_the_command_line_ends_with_2_and_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "plate.1001.exr").write_bytes(exr((8, 8), display=(1_000_000, 1_000_000)))
    (tmp_path / "clean.exr").write_bytes(exr((1_000_000, 1_000_000)))
    command = "matte plate.####.exr --clean clean.exr -o out/shot.####.exr"
    done = subprocess.run(
        [sys.executable, "-m", "howard_nodes", *command.split()],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "1000000x1000000" in done.stderr
    assert ".exr" in done.stderr
    assert "HOWARD_MAX_FRAME_MB" in done.stderr
    assert not list(tmp_path.glob("out/*"))


# What must pass.


@pytest.mark.parametrize(
    ("width", "height", "channels"), [(8192, 8192, 32), (16384, 8192, 4), (16384, 16384, 4)]
)
def test_sizes_of_the_field_pass(
    width: int, height: int, channels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOWARD_MAX_FRAME_MB", "16384")  # as on a machine that has as much
    path = tmp_path / "large.exr"
    path.write_bytes(exr((width, height), channels=channels))
    os.truncate(path, 512 << 20)  # as large as such a file, on paper
    check_picture_claims(path, None)
    check_size_claim(width, height, channels, path, None)
    check_picture(path, layer="c000001")
    assert inspect_file(path).parts[0].data_window.width == width


def test_files_of_many_parts_and_channels_pass(tmp_path: Path) -> None:
    path = tmp_path / "aovs.exr"
    path.write_bytes(exr((8, 8), channels=1000))
    assert len(inspect_file(path).parts[0].channels) == 1000
    path.write_bytes(multipart_exr(500))
    assert len(inspect_file(path).parts) == 500


def test_a_limit_is_raised_as_its_message_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "aovs.exr"
    path.write_bytes(exr((8, 8), channels=1200))
    with pytest.raises(FrameError, match="HOWARD_MAX_CHANNELS=2048"):
        inspect_file(path)
    monkeypatch.setenv("HOWARD_MAX_CHANNELS", "2048")
    assert len(inspect_file(path).parts[0].channels) == 1200
    monkeypatch.setenv("HOWARD_MAX_CHANNELS", "many")
    with pytest.raises(InputError, match="HOWARD_MAX_CHANNELS=many: must be a whole number"):
        inspect_file(path)


def test_memory_is_not_taken_before_a_header_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOWARD_MAX_FRAME_MB", "1")
    path = tmp_path / "a.exr"
    path.write_bytes(exr((400, 400)))
    with pytest.raises(
        FrameError, match=r"400x400, 3 channels: 1 MB, more than the 1 MB.*HOWARD_MAX_FRAME_MB=2"
    ):
        read_frame(path)


def test_a_thumbnail_is_not_taken_for_the_picture(tmp_path: Path) -> None:
    """A camera's JPEG carries another one in its header."""
    import io

    from PIL import Image

    inner = io.BytesIO()
    Image.new("RGB", (160, 120)).save(inner, "jpeg", progressive=True)
    outer = io.BytesIO()
    Image.new("RGB", (64, 48)).save(outer, "jpeg")
    content, small = outer.getvalue(), inner.getvalue()
    segment = b"\xff\xe2" + (len(small) + 2).to_bytes(2, "big") + small
    path = tmp_path / "camera.jpg"
    path.write_bytes(content[:2] + segment * 30 + content[2:])
    assert read_frame(path).pixels.shape == (48, 64, 3)
