from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from howard_nodes.errors import InputError
from howard_nodes.frames import MAX_FRAMES, Sequence, format_frames, parse_frames


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("1001", (1001,)),
        ("1001-1004", (1001, 1002, 1003, 1004)),
        ("1001-1010x3,1150", (1001, 1004, 1007, 1010, 1150)),
        ("1001-1010:4", (1001, 1005, 1009)),
        ("3-1", (1, 2, 3)),
        ("-3--1,1", (-3, -2, -1, 1)),
        (" 1 - 3 , 2-4 ", (1, 2, 3, 4)),
        ("0007", (7,)),
    ],
)
def test_parse_frames(text: str, frames: tuple[int, ...]) -> None:
    assert parse_frames(text) == frames


@pytest.mark.parametrize(
    "text", ["", " ", ",", "1,,2", "a", "1-", "1.5", "1-3x0", "1-2-3", "1-3x-1", "1_000", "٣"]
)
def test_parse_frames_refuses(text: str) -> None:
    with pytest.raises(InputError, match="frame list"):
        parse_frames(text)


def test_parse_frames_refuses_a_slip_without_filling_memory() -> None:
    with pytest.raises(InputError, match="more than"):
        parse_frames("1-99999999999999")
    with pytest.raises(InputError, match="more than"):
        parse_frames(f"1-{MAX_FRAMES},{MAX_FRAMES + 1}-{MAX_FRAMES + 9}")


@given(st.sets(st.integers(-2000, 200_000), min_size=1, max_size=60))
def test_format_and_parse_are_inverse(frames: set[int]) -> None:
    text = format_frames(frames)
    assert parse_frames(text) == tuple(sorted(frames))
    assert " " not in text


@given(st.integers(-500, 500), st.integers(0, 400), st.integers(1, 50), st.sampled_from("x:"))
def test_step_counts_from_the_first(first: int, length: int, step: int, sign: str) -> None:
    assert parse_frames(f"{first}-{first + length}{sign}{step}") == tuple(
        range(first, first + length + 1, step)
    )


def test_format_frames_is_short() -> None:
    assert format_frames([1003, 1001, 1002, 1010, 1002]) == "1001-1003,1010"
    assert format_frames([]) == ""


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).touch()


@pytest.mark.parametrize("pattern", ["plate.####.exr", "plate.%04d.exr", "plate.@@@@.exr", "plate.$F4.exr"])
def test_find_takes_only_names_with_the_padding(tmp_path: Path, pattern: str) -> None:
    _touch(
        tmp_path,
        "plate.0007.exr",
        "plate.7.exr",  # frame 7 again: another spelling is another file
        "plate.00008.exr",
        "plate.0009.exr",
        "plate.10000.exr",
        "plate.0010.png",
        ".plate.0011.exr",
        "plate.0012.exr.tmp",
        "plate.-001.exr",
        "plates.0013.exr",
        "plate.001e.exr",
    )
    found = Sequence.find(tmp_path / pattern)
    assert found.frames == (-1, 7, 9, 10000)
    assert not found.is_still
    assert len(found) == 4
    assert [found.path(frame).name for frame in found.frames] == [
        "plate.-001.exr",
        "plate.0007.exr",
        "plate.0009.exr",
        "plate.10000.exr",
    ]
    assert all(found.path(frame).is_file() for frame in found.frames)
    assert found.missing(range(7, 11)) == (8, 10)
    assert found.select(range(7, 11)) == (7, 9)
    assert found.select() == found.frames


def test_single_hash_is_the_plain_number(tmp_path: Path) -> None:
    _touch(tmp_path, "plate.7.exr", "plate.0008.exr", "plate.12.exr")
    assert Sequence.find(tmp_path / "plate.#.exr").frames == (7, 12)


def test_a_file_name_is_a_still_not_its_sequence(tmp_path: Path) -> None:
    _touch(tmp_path, "clean.1001.exr", "clean.1002.exr", "clean_v003.exr")
    still = Sequence.find(tmp_path / "clean.1002.exr")
    assert still.is_still
    assert still.frames == (1002,)
    assert still.path(5) == tmp_path / "clean.1002.exr"
    assert still.missing([1, 2]) == ()
    assert still.select([2, 1]) == (1, 2)
    assert Sequence.find(str(tmp_path / "clean_v003.exr")).frames == (1,)  # a version is no frame


@pytest.mark.parametrize(
    "name",
    [
        "Blendenfüllung 東京 ####.exr",
        "shot-010-####.exr",
        "a[1]*?.####.exr",
        "plate_####_v2.exr",
        "pl#ate.%04d.exr",
        "####.exr",
        "plate####",
        "it's (1), 100% & more; ~.####.tif",
    ],
)
def test_find_and_output_agree_on_odd_names(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "höfe & #1 %d [x]"
    folder.mkdir()
    named = Sequence.output(folder / name)
    assert named.frames == ()
    for frame in (3, 12345):
        named.path(frame).touch()
    found = Sequence.find(folder / name)
    assert found.frames == (3, 12345)
    assert found.path(3) == named.path(3)


def test_an_existing_file_wins_over_a_pattern(tmp_path: Path) -> None:
    _touch(tmp_path, "plate.####.exr", "plate.0001.exr")
    assert Sequence.find(tmp_path / "plate.####.exr").is_still


def test_range_inside_the_pattern(tmp_path: Path) -> None:
    _touch(tmp_path, *(f"plate.{frame:04d}.exr" for frame in range(1, 10)))
    assert Sequence.find(tmp_path / "plate.3-5####.exr").frames == (3, 4, 5)
    assert Sequence.find(tmp_path / "plate.1-9x4####.exr").frames == (1, 5, 9)
    assert Sequence.output("out/plate.3-5####.exr").path(4) == Path("out/plate.0004.exr")
    with pytest.raises(InputError, match="20-30"):
        Sequence.find(tmp_path / "plate.20-30####.exr")


def test_output_names_need_no_disk() -> None:
    out = Sequence.output("no/such folder/shot.%05d.exr")
    assert out.path(7) == Path("no/such folder/shot.00007.exr")
    assert out.path(123456) == Path("no/such folder/shot.123456.exr")
    assert out.path(-7) == Path("no/such folder/shot.-0007.exr")
    single = Sequence.output("one.exr")
    assert single.is_still
    assert single.path(1) == single.path(2) == Path("one.exr")
    assert Sequence.output("shot.####.exr").path(1) == Path("shot.0001.exr")


def test_nothing_found_says_what_is_there(tmp_path: Path) -> None:
    _touch(tmp_path, "plate.0001.exr", "plate.0002.exr")
    with pytest.raises(InputError, match=r"plat\.####\.exr: no file matches; found: plate\.####\.exr"):
        Sequence.find(tmp_path / "plat.####.exr")
    with pytest.raises(InputError, match="no such file"):
        Sequence.find(tmp_path / "plate.exr")
    with pytest.raises(InputError, match="is a folder"):
        Sequence.find(tmp_path)
    with pytest.raises(InputError, match=r"folder .*nowhere does not exist"):
        Sequence.find(tmp_path / "nowhere" / "plate.####.exr")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="the folder is empty"):
        Sequence.find(tmp_path / "empty" / "plate.####.exr")


@settings(max_examples=50, deadline=None)
@given(st.integers(-9999, 10**7), st.integers(1, 8))
def test_output_names_are_unique_and_padded(frame: int, width: int) -> None:
    out = Sequence.output(f"shot.{'#' * width}.exr")
    number = out.path(frame).name.split(".")[1]
    assert int(number) == frame
    assert len(number) >= width
    assert out.path(frame) != out.path(frame + 1)
