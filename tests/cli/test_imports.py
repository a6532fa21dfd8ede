"""What computes nothing does not load torch, and a wrong argument is told before it is loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

_SAY = """
import atexit, sys
atexit.register(lambda: print("loaded:", *{"torch", "openjd"} & sys.modules.keys(), file=sys.stderr))
from howard_nodes.cli import main
main(sys.argv[1:])
"""


def loaded(*arguments: str) -> tuple[set[str], str]:
    ended = subprocess.run(
        [sys.executable, "-c", _SAY, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    said, _, modules = ended.stderr.rpartition("loaded:")
    return set(modules.split()), said


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("matte", "--help"),
        ("node", "describe", "--json"),
        ("info", "nowhere.exr"),
        ("verify", "nowhere.####.exr"),
        ("farm", "status", "nowhere"),
        ("farm", "cancel", "nowhere"),
        ("farm", "bundle", "nowhere.####.exr", "--clean", "c.exr", "-o", "o.####.exr", "-b", "job"),
        ("matte", "nowhere.####.exr", "--clean", "c.exr", "-o", "o.####.exr"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_torch_is_not_loaded(arguments):
    assert "torch" not in loaded(*arguments)[0]


@pytest.mark.parametrize("what", ["status", "cancel"])
def test_a_job_is_looked_at_and_ended_without_what_makes_one(what):
    modules, said = loaded("farm", what, "nowhere")
    assert "openjd" not in modules
    assert "nowhere: is not there" in said
