"""One way to write frames, for every command that does."""

from __future__ import annotations

import os

import pytest

from howard_nodes.atomic import MARK
from howard_nodes.errors import InputError, WriteError
from howard_nodes.shot.output import check_output, output_paths, prepare_output, reason_of


def test_a_name_without_a_number_is_for_one_frame(tmp_path):
    one = str(tmp_path / "shot.exr")
    check_output(one, (7,), [])
    check_output(one, (7, 8), [], one_file=True)
    with pytest.raises(
        InputError, match=r"shot\.exr: 2 frames need a frame number in the name, such as .*shot\.####\.exr"
    ):
        check_output(one, (7, 8), [])


@pytest.mark.parametrize("suffix", ["exr", "png"])
def test_no_input_is_written_over_by_a_frame_or_a_report(tmp_path, suffix):
    output = str(tmp_path / f"shot.####.{suffix}")
    layers = ("rgba", "alpha")
    for path in output_paths(output, layers, 7):
        with pytest.raises(InputError, match=f"{path.name}: would overwrite an input"):
            check_output(output, (6, 7), [path], layers=layers)
    report = tmp_path / "clean.json"
    with pytest.raises(InputError, match=r"clean\.json: would overwrite an input"):
        check_output(
            output, (7,), [tmp_path / "sub" / ".." / "clean.json"], layers=layers, report=str(report)
        )


def test_a_check_leaves_no_trace(tmp_path):
    check_output(str(tmp_path / "new" / "shot.####.exr"), (1, 2), [])
    assert not (tmp_path / "new").exists()


def test_what_a_killed_process_left_is_removed_and_what_lives_stays(tmp_path):
    dead = 2**22 + 17  # above the largest process number there is
    left, living = (
        tmp_path / f".howard-{mark}-{'0' * 32}.tmp"
        for mark in (MARK.replace(f"-{os.getpid()}-", f"-{dead}-"), MARK)
    )
    for path in (left, living):
        path.touch()
    prepare_output(str(tmp_path / "shot.####.exr"))
    assert not left.exists()
    assert living.exists()


def test_a_folder_that_is_not_there_is_made_or_named(tmp_path):
    output = str(tmp_path / "new" / "shot.####.exr")
    with pytest.raises(InputError, match="new: cannot write there"):
        prepare_output(output, make_folder=False)
    prepare_output(output, str(tmp_path / "reports" / "fit.json"))
    assert (tmp_path / "reports").is_dir()
    assert (tmp_path / "new").is_dir()


def test_why_a_frame_failed_names_it_once():
    assert reason_of(7, WriteError("cannot be written: the disk is full", path="a.exr")).count("frame 7") == 1
    assert reason_of(7, InputError("a.exr: frame 7: is damaged")) == "a.exr: frame 7: is damaged"
    assert reason_of(7, ValueError("odd")) == "frame 7: ValueError: odd"
