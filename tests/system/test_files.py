"""Files that others hold, long paths and names, as they are on Windows."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path, PurePath, PureWindowsPath

import pytest

from howard_nodes import atomic
from howard_nodes.atomic import check_folder, write_file
from howard_nodes.errors import FrameError, InputError, WriteError
from howard_nodes.frames import Sequence
from howard_nodes.system import files


def refused(winerror: int) -> PermissionError:
    error = PermissionError(
        13, "The process cannot access the file because it is being used by another process"
    )
    error.winerror = winerror  # type: ignore[attr-defined]
    return error


@pytest.fixture
def hold(monkeypatch: pytest.MonkeyPatch, on_windows: None) -> Callable[..., list[float]]:
    """Have the next attempts to replace a file refused; gives the pauses that are made."""

    def held(times: int, winerror: int = 32) -> list[float]:
        real, left, now, pauses = Path.replace, [times], [0.0], []

        def replace(self: Path, target: Path) -> Path:
            if left[0]:
                left[0] -= 1
                raise refused(winerror)
            return real(self, target)

        def sleep(seconds: float) -> None:
            pauses.append(seconds)
            now[0] += seconds

        monkeypatch.setattr(Path, "replace", replace)
        monkeypatch.setattr(files.time, "sleep", sleep)
        monkeypatch.setattr(files.time, "monotonic", lambda: now[0])
        return pauses

    return held


@pytest.mark.parametrize("winerror", [5, 32, 33])
def test_a_file_that_is_held_for_a_moment_is_replaced(tmp_path, hold, winerror):
    (tmp_path / "shot.json").write_text("old")
    pauses = hold(6, winerror)
    write_file(tmp_path / "shot.json", "new")
    assert (tmp_path / "shot.json").read_text() == "new"
    assert len(pauses) == 6
    assert sum(pauses) < 1


def test_a_file_that_stays_open_is_said_and_stays_whole(tmp_path, hold):
    (tmp_path / "shot.json").write_text("old")
    pauses = hold(1000)
    with pytest.raises(
        WriteError, match=r"shot\.json: cannot be written: another program has it open, .*close"
    ):
        write_file(tmp_path / "shot.json", "new")
    assert sum(pauses) < 4
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_a_read_only_file_is_said_as_such(tmp_path, hold, monkeypatch):
    (tmp_path / "shot.json").write_text("old")
    monkeypatch.setattr(atomic.os, "access", lambda *_: False)
    hold(1000, 5)
    with pytest.raises(WriteError, match="read-only"):
        write_file(tmp_path / "shot.json", "new")


@pytest.mark.parametrize("winerror", [2, 112])
def test_what_waiting_does_not_help_is_said_at_once(tmp_path, hold, winerror):
    pauses = hold(1, winerror)
    with pytest.raises(WriteError):
        write_file(tmp_path / "shot.json", "new")
    assert not pauses


def test_elsewhere_nobody_waits(tmp_path, monkeypatch):
    monkeypatch.setattr(files.time, "sleep", lambda _: pytest.fail("waits"))
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(refused(32)))
    with pytest.raises(WriteError):
        write_file(tmp_path / "shot.json", "new")


DEEP = "\\".join(["a folder of a shot"] * 15)


@pytest.mark.parametrize(
    ("path", "long"),
    [
        (f"C:\\{DEEP}\\p.exr", f"\\\\?\\C:\\{DEEP}\\p.exr"),
        (f"C:/{DEEP}/x/../p.exr", f"\\\\?\\C:\\{DEEP}\\p.exr"),
        (f"\\\\server\\shots\\{DEEP}\\p.exr", f"\\\\?\\UNC\\server\\shots\\{DEEP}\\p.exr"),
        (f"\\\\?\\C:\\{DEEP}\\p.exr", f"\\\\?\\C:\\{DEEP}\\p.exr"),
        ("C:\\shots\\p.exr", "C:\\shots\\p.exr"),
        ("\\\\server\\shots\\p.exr", "\\\\server\\shots\\p.exr"),
        ("p.exr", "p.exr"),
    ],
)
def test_long_paths_are_spelt_such_that_windows_takes_them(on_windows, path, long):
    made = files.long_path(Path(path))
    assert str(made) == long
    assert files.shown(made) == long.replace("?\\UNC\\", "").replace("\\\\?\\", "")


def test_long_paths_are_left_alone_elsewhere():
    path = Path("/" + "a/" * 300)
    assert files.long_path(path) is path


def test_messages_show_a_path_as_people_write_it():
    assert (
        str(FrameError("is damaged", path="\\\\?\\UNC\\server\\x\\p.exr"))
        == "\\\\server\\x\\p.exr: is damaged"
    )


@pytest.mark.parametrize(
    ("pattern", "file", "stem"),
    [
        (r"C:\shots\plate.####.exr", r"C:\shots\plate.1001.exr", "plate"),
        (r"C:\take ##\plate.####.exr", r"C:\take ##\plate.1001.exr", "plate"),
        (r"C:\take.%04d\plate.exr", r"C:\take.%04d\plate.exr", "plate"),
        (r"C:\take_@@/plate_$F4.exr", r"C:\take_@@/plate_1001.exr", "plate"),
        (r"\\server\shots\plate.1001-1010####.exr", r"\\server\shots\plate.1001.exr", "plate"),
        (r"\\?\C:\shots\plate.@@@@.exr", r"\\?\C:\shots\plate.1001.exr", "plate"),
        ("C:plate.####.exr", "C:plate.1001.exr", "plate"),
        ("C:####.exr", "C:1001.exr", ""),
    ],
)
def test_patterns_have_drives_shares_and_both_separators(on_windows, monkeypatch, pattern, file, stem):
    monkeypatch.setattr("howard_nodes.frames.sequence.Path", PureWindowsPath)
    made = Sequence.output(pattern)
    assert made.path(1001) == PureWindowsPath(file)
    assert made.stem == stem


def test_a_backslash_is_a_letter_elsewhere():
    assert str(Sequence.output(r"take ##\plate.exr").path(7)) == r"take 07\plate.exr"


def test_windows_finds_a_sequence_whatever_its_case(tmp_path, on_windows):
    for number in (1001, 1002):
        (tmp_path / f"Plate.{number}.EXR").touch()
    (tmp_path / "plates.1003.exr").touch()
    assert Sequence.find(f"{tmp_path}/plate.####.exr").frames == (1001, 1002)


def test_case_matters_elsewhere(tmp_path):
    (tmp_path / "Plate.1001.EXR").touch()
    with pytest.raises(InputError, match="no file matches"):
        Sequence.find(tmp_path / "plate.####.exr")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (r"C:\out\con.####.exr", "device"),
        (r"C:\out\LPT1", "device"),
        (r"C:\nul\shot.exr", "device"),
        (r"C:\out\shot:a.exr", "':'"),
        (r"C:\out\shot?.exr", r"'\?'"),
        (r"C:\out \shot.exr", "blank or dot"),
        (r"C:\out\shot.exr.", "blank or dot"),
    ],
)
def test_names_that_windows_takes_for_something_else_are_refused(on_windows, name, said):
    path: PurePath = PureWindowsPath(name)
    with pytest.raises(InputError, match=f"cannot be written, Windows .*{said}.*; choose another name"):
        check_folder(path)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name",
    [
        r"C:\out\shot.####.exr",
        r"\\server\share\console\s.exr",
        r"..\out\.hidden",
        r"\\?\C:\x\common.exr",
        "C:s.exr",
    ],
)
def test_other_names_are_not(on_windows, name):
    assert files.name_problem(PureWindowsPath(name)) is None


def test_elsewhere_all_names_will_do(tmp_path):
    check_folder(tmp_path / "con: shot?.exr")


def test_a_drive_that_is_not_there_is_said(monkeypatch, tmp_path):
    from howard_nodes.shot.output import check_output

    monkeypatch.setattr(os.path, "lexists", lambda _: False)
    with pytest.raises(InputError, match="is the drive or share connected"):
        check_output(str(tmp_path / "shot.####.exr"), (1001,), ())
