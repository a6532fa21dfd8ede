"""What the add-on reads of results, which needs no Blender."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from blender.installs import room
from hypothesis import given
from hypothesis import strategies as st

from howard_nodes.frames import write_image

results = room("results")


def write(path: Path, **about: str) -> None:
    pixels = np.zeros((4, 5, 3), np.float32)
    write_image(path, pixels, "RGB", metadata={f"howard:{name}": value for name, value in about.items()})


def test_texts_of_a_header(tmp_path: Path) -> None:
    write(tmp_path / "one.exr", fit="doubtful: 3 px left; light differs", version="0.1.0")
    header = results.read_header(tmp_path / "one.exr")
    assert header["howard:version"] == "0.1.0"
    assert results.Result.of(header) == results.Result("doubtful", "3 px left; light differs", "0.1.0")
    (tmp_path / "none.exr").write_bytes(b"no picture")
    assert results.read_header(tmp_path / "none.exr") == {}
    assert results.Result.of({}) == results.Result("", "", "")


@given(data=st.data())
def test_a_damaged_header_is_no_trouble(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "one.exr"
    write(path, fit="good: fits", version="0.1.0")
    whole = path.read_bytes()
    where = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:where] + data.draw(st.binary(max_size=40)) + whole[where + 8 :])
    results.read_header(path)


def test_only_what_changed_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    once = results.read_header
    monkeypatch.setattr(results, "read_header", lambda path: read.append(path.name) or once(path))
    kept = results.Kept(tmp_path / "there", "shot")
    assert kept.look() == {}
    (tmp_path / "there").mkdir()
    for frame in (-1, 1001, 1002):
        write(tmp_path / f"there/shot.{frame:04d}.exr", fit="good: fits")
    write(tmp_path / "there/other.1001.exr")
    assert list(kept.look()) == [-1, 1001, 1002]
    assert len(read) == 3
    kept.look()
    assert len(read) == 3
    write(tmp_path / "there/shot.1002.exr", fit="failed: far off")
    assert kept.look()[1002].verdict == "failed"
    assert read[3:] == ["shot.1002.exr"]
    (tmp_path / "there/shot.1001.exr").unlink()
    assert list(kept.look()) == [-1, 1002]


def test_a_long_shot_is_read_little_by_little(tmp_path: Path) -> None:
    for frame in range(30):
        write(tmp_path / f"shot.{frame:04d}.exr", fit="good: fits")
    kept, looks = results.Kept(tmp_path, "shot"), 0
    while not kept.is_whole:
        found = kept.look(seconds=0.0 if looks == 0 else 0.002)
        looks += 1
    assert looks > 1
    assert len(found) == 30
