from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from howard_nodes.errors import FrameError
from howard_nodes.frames import EXR_COMPRESSIONS, check_seal, read_attributes, write_image
from howard_nodes.frames.seal import SEAL_ATTRIBUTE, UNSEALED


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).random((12, 16, 4), np.float32)


@pytest.mark.parametrize("compression", EXR_COMPRESSIONS)
def test_what_was_written_is_sealed(pixels, compression, tmp_path):
    write_image(tmp_path / "a.exr", pixels, "RGBA", compression=compression, metadata={"camera": "Ä"})
    assert check_seal(tmp_path / "a.exr")


def test_every_bit_that_flips_is_found(pixels, tmp_path):
    path = tmp_path / "a.exr"
    write_image(path, pixels[:2, :3], "RGBA", compression="none", metadata={"camera": "A", "fps": 24.0})
    content = path.read_bytes()
    mark = content.index(SEAL_ATTRIBUTE.encode())
    known = range(mark, mark + len(SEAL_ATTRIBUTE) + len("\0string\0") + 4)
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << (place % 8)
        path.write_bytes(changed)
        if place in known:  # the seal is not known as one: other frames have one
            assert not check_seal(path)
            continue
        with pytest.raises(FrameError, match=r"a\.exr.*has changed since it was written"):
            check_seal(path)


@pytest.mark.parametrize("length", [0, 10, 200, -1])
def test_a_file_that_is_cut_is_no_whole_one(pixels, length, tmp_path):
    path = tmp_path / "a.exr"
    write_image(path, pixels, "RGBA")
    path.write_bytes(path.read_bytes()[:length])
    with suppress(FrameError):
        assert not check_seal(path)


def test_files_of_others_have_none_and_another_files_seal_is_not_taken_over(pixels, tmp_path):
    path = tmp_path / "a.exr"
    write_image(path, pixels, "RGBA", metadata={SEAL_ATTRIBUTE: "f" * 64})
    assert check_seal(path)
    assert read_attributes(path)[SEAL_ATTRIBUTE] not in ("f" * 64, UNSEALED)
    write_image(tmp_path / "a.png", pixels, "RGBA", metadata=read_attributes(path))
    assert not check_seal(tmp_path / "a.png")
    assert SEAL_ATTRIBUTE not in read_attributes(tmp_path / "a.png")
    tool = Path(sys.executable).with_name("oiiotool")
    subprocess.run([tool, path, "--compression", "piz", "-o", tmp_path / "again.exr"], check=True)
    with pytest.raises(FrameError, match="saved by another program"):
        check_seal(tmp_path / "again.exr")
