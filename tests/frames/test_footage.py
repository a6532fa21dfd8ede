"""Sequences, stills and movies are used in one way."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from howard_nodes.errors import FrameError, InputError
from howard_nodes.frames import Footage, Movie, Sequence, is_movie, open_footage, read_frame, write_image


@pytest.fixture
def movie_file(tmp_path: Path) -> Path:
    """Three frames of another grey each, 24 x 16."""
    path = tmp_path / "take.MOV"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mjpeg", rate=24)
        stream.width, stream.height, stream.pix_fmt = 24, 16, "yuvj420p"
        for index in range(3):
            grey = np.full((16, 24, 3), 60 * (index + 1), np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(grey, "rgb24").reformat(format="yuvj420p")))
        output.mux(stream.encode())
    return path


@pytest.fixture
def pattern(tmp_path: Path) -> str:
    """Frames 1, 2 and 4 of 24 x 16, with a layer."""
    for frame in (1, 2, 4):
        pixels = np.full((16, 24, 4), frame / 8, np.float32)
        channels = ("R", "G", "B", "matte.A")
        write_image(tmp_path / f"plate.{frame:04d}.exr", pixels, channels, colorspace="lin_rec709_scene")
    return str(tmp_path / "plate.####.exr")


def test_one_way_to_all(movie_file: Path, pattern: str) -> None:
    movie, sequence = open_footage(movie_file), open_footage(pattern)
    still = open_footage(pattern.replace("####", "0004"))
    assert (type(movie), type(sequence), type(still)) == (Movie, Sequence, Sequence)
    assert (movie.frames, sequence.frames, still.frames) == ((1, 2, 3), (1, 2, 4), (4,))
    assert (movie.is_still, sequence.is_still, still.is_still) == (False, False, True)
    for footage in (movie, sequence, still):
        assert isinstance(footage, Footage)
        frame = footage.read(footage.frames[0])
        assert frame.channels == ("R", "G", "B")
        assert frame.frame == footage.frames[0]
        assert frame.path == footage.path(footage.frames[0])
        assert footage.display_size(footage.frames[0]) == (24, 16)
        assert footage.layers(footage.frames[0])[0] == ""
        assert footage.has_layer(footage.frames[0], "")
        assert not footage.has_layer(footage.frames[0], "foreground")
        assert all(footage.exists(frame) for frame in footage.frames)
        digests = [footage.digest(frame) for frame in footage.frames]
        assert len(set(digests)) == len(digests)
        assert digests == [footage.digest(frame) for frame in footage.frames]
    assert (movie.exists(4), sequence.exists(3), still.exists(3)) == (False, False, True)
    assert (movie.missing([3, 4]), sequence.missing([3, 4]), still.missing([3])) == ((4,), (3,), ())
    assert (movie.select([3, 4]), sequence.select([3, 4]), still.select([3])) == ((3,), (4,), (3,))


def test_layers_of_files(pattern: str) -> None:
    sequence = open_footage(pattern)
    assert sequence.layers(1) == ("", "matte")
    assert sequence.has_layer(1, "matte")
    np.testing.assert_array_equal(sequence.read(2, layer="matte").pixels, np.float32(0.25))
    np.testing.assert_array_equal(sequence.read(4).pixels, read_frame(sequence.path(4)).pixels)


def test_a_copied_file_is_the_same_input(pattern: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy.exr"
    copy.write_bytes(Path(pattern.replace("####", "0002")).read_bytes())
    assert open_footage(copy).digest(1) == open_footage(pattern).digest(2)


def test_what_is_not_there(movie_file: Path, pattern: str, tmp_path: Path) -> None:
    with pytest.raises(FrameError, match=r"plate\.0003\.exr, frame 3: cannot be read \(No such file"):
        open_footage(pattern).digest(3)
    with pytest.raises(FrameError, match=r"take\.MOV, frame 9: has no such frame"):
        open_footage(movie_file).digest(9)
    with pytest.raises(InputError, match=r"gone\.mov: no such file; found: .*take\.MOV"):
        open_footage(tmp_path / "gone.mov")


def test_a_movie_is_known_by_name_or_content(movie_file: Path, pattern: str, tmp_path: Path) -> None:
    odd = tmp_path / "take"
    odd.write_bytes(movie_file.read_bytes())
    assert isinstance(open_footage(odd), Movie)
    assert [is_movie(name) for name in ("a.mov", "A.MP4", "a.webm", "a.exr", "a")] == [
        True,
        True,
        True,
        False,
        False,
    ]
    assert not is_movie(pattern.replace("####", "0001"))


def test_notes(movie_file: Path, pattern: str) -> None:
    assert open_footage(pattern).notes() == ()
    assert all(note.startswith("take.MOV: ") for note in open_footage(movie_file).notes())
