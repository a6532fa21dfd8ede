"""Which number a picture has: movies from a start, and a part of a take alone."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from frames.test_movie import codec_case, moving, noise, write

from howard_nodes.errors import FrameError, InputError
from howard_nodes.frames import TIMECODE, Footage, Movie, Narrowed, open_footage, write_image
from howard_nodes.frames.timecode import frame_count


@pytest.fixture
def take(tmp_path: Path) -> Path:
    """Five frames, 24 a second, from 01:00:00:00."""
    frames = [noise("yuvj420p", (24, 16), seed) for seed in range(5)]
    return write(tmp_path / "take.mov", frames, codec="mjpeg", pixels="yuvj420p", timecode="01:00:00:00")


@pytest.fixture
def pattern(tmp_path: Path) -> str:
    for frame in (1, 2, 4, 7):
        pixels = np.full((16, 24, 3), frame / 8, np.float32)
        write_image(tmp_path / f"clean.{frame}.exr", pixels, "RGB", colorspace="lin_rec709_scene")
    return str(tmp_path / "clean.#.exr")


@pytest.mark.parametrize(
    ("start", "first"), [(1001, 1001), ("1001", 1001), (0, 0), (-3, -3), (TIMECODE, 86400)]
)
def test_a_movie_is_numbered_from_its_start(take: Path, start: int | str, first: int) -> None:
    plain, movie = Movie(take), open_footage(take, start)
    assert movie.frames == tuple(range(first, first + 5))
    assert [movie.exists(first + step) for step in (-1, 0, 4, 5)] == [False, True, True, False]
    assert movie.missing([first - 1, first]) == (first - 1,)
    for number, same in zip(movie.frames, plain.frames):
        picture = movie.read(number)
        assert picture.frame == number
        np.testing.assert_array_equal(picture.pixels, plain.read(same).pixels)
        # The number alone is another: pixels, timecode and content are not.
        assert movie.digest(number) == plain.digest(same)
        assert picture.metadata == plain.read(same).metadata
    with pytest.raises(FrameError, match=f"has no such frame, only {first}-{first + 4}"):
        movie.read(first + 5)


def test_what_numbers_the_frames_is_in_the_key(take: Path, pattern: str) -> None:
    footage = [
        open_footage(take),
        open_footage(take, 1001),
        open_footage(take, TIMECODE),
        open_footage(pattern),
    ]
    footage += [Narrowed(one, "1-4,1001-1002,86400-86401") for one in footage]
    assert len({one.key for one in footage}) == len(footage)
    assert open_footage(take, 1).key == open_footage(take).key


@pytest.mark.parametrize(
    ("timecode", "rate", "count"),
    [
        ("00:00:00:00", Fraction(24), 0),
        ("01:00:00:00", Fraction(24000, 1001), 86400),
        ("10:20:30:24", Fraction(25), 930774),
        ("01:00:00:00", Fraction(30000, 1001), 108000),
        ("01:00:00;00", Fraction(30000, 1001), 107892),
        ("00:01:00;02", Fraction(30000, 1001), 1800),
        ("00:00:00:24", Fraction(24), None),
        ("", Fraction(24), None),
    ],
)
def test_frames_of_a_timecode(timecode: str, rate: Fraction, count: int | None) -> None:
    assert frame_count(timecode, rate) == count


def test_a_start_that_cannot_be(tmp_path: Path, take: Path, pattern: str) -> None:
    bare = write(tmp_path / "bare.mkv", [noise("yuv420p", (24, 16), 1)] * 2)
    with pytest.raises(InputError, match=r"bare\.mkv: has no timecode; give .* such as 1001"):
        open_footage(bare, TIMECODE)
    with pytest.raises(InputError, match=r"clean\.#\.exr: is not a movie.*leave out the start frame"):
        open_footage(pattern, 1001)


def test_what_is_told_of_a_movie_names_its_own_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    write(
        path,
        moving(12, bits=10, chroma=3),
        size=(64, 48),
        container={"movflags": "faststart"},
        **codec_case("prores"),
    )
    data = path.read_bytes()
    path.write_bytes(data[:-100])
    (note,) = (note for note in Movie(path, 1001).notes() if "cut short" in note)
    assert "frame 1012 is lost" in note


def test_a_part_of_a_take_is_all_there_is(take: Path, pattern: str) -> None:
    for footage, wanted, frames in (
        (open_footage(take, 1001), "1002-1003,1009", (1002, 1003)),
        (open_footage(pattern), "2-6", (2, 4)),
    ):
        part = Narrowed(footage, wanted)
        assert isinstance(part, Footage)
        assert (part.pattern, part.frames, part.is_still) == (footage.pattern, frames, False)
        assert part.select() == frames
        assert part.select(footage.frames) == frames
        assert part.missing(footage.frames) == tuple(sorted(set(footage.frames) - set(frames)))
        assert [one for one in footage.frames if part.exists(one)] == list(frames)
        for frame in frames:
            np.testing.assert_array_equal(part.read(frame).pixels, footage.read(frame).pixels)
            assert part.digest(frame) == footage.digest(frame)
            assert part.path(frame) == footage.path(frame)
        other = next(frame for frame in footage.frames if frame not in frames)
        for use in (part.read, part.digest, part.check, part.display_size, part.layers):
            with pytest.raises(FrameError, match=f"frame {other}: is not among the frames"):
                use(other)


def test_a_single_frame_of_a_take_stands_for_every_frame(pattern: str) -> None:
    part = Narrowed(open_footage(pattern), "4")
    assert (part.frames, part.is_still) == ((4,), True)
    assert part.missing([1, 1001]) == ()
    assert part.exists(1001)
    assert part.select([1001]) == (1001,)
    assert part.digest(1001) == open_footage(pattern).digest(4)
    assert part.path(1001) == open_footage(pattern).path(4)


def test_a_part_that_is_not_there(pattern: str) -> None:
    with pytest.raises(InputError, match=r"clean\.#\.exr: has none of the frames 10-40, only 1-2,4,7\."):
        Narrowed(open_footage(pattern), "10-40")
    with pytest.raises(InputError, match=r"clean\.4\.exr: is a single image"):
        Narrowed(open_footage(pattern.replace("#", "4")), "1-40")
