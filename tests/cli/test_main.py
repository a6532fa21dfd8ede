from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from howard_nodes import __version__

COMMANDS = (
    "matte",
    "plate",
    "node",
    "worker",
    "nuke",
    "comfyui",
    "info",
    "verify",
    "weights",
    "train",
    "cases",
    "evaluate",
    "demo",
)


def test_version(howard):
    assert howard("--version").out == f"howard {__version__}\n"


def test_help_lists_every_command(howard):
    ended = howard("--help")
    assert ended.code == 0
    for command in COMMANDS:
        assert f" {command} " in ended.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(howard, command):
    ended = howard(command, "--help")
    assert ended.code == 0
    assert "Usage: howard" in ended.out


def test_matte_help_names_every_option(howard):
    text = howard("matte", "--help").out
    options = """clean output frames layers layer clean-layer clean-offset colorspace clean-colorspace
        output-colorspace ocio override-error override-coarse inside outside weights device precision refine
        refine-pixels threshold backbone-scale exposure depth compression resume json"""
    for option in options.split():
        assert f"--{option} " in text


def test_wrong_usage_exits_with_2(howard):
    assert howard("mate").code == 2
    assert howard("matte", "plate.####.exr").code == 2
    ended = howard("matte", "p.exr", "--clean", "c.exr", "-o", "o.exr", "--device", "abacus")
    assert ended.code == 2
    assert "abacus" in ended.err


def test_help_and_info_do_without_torch(shot):
    code = f"""
import sys
from howard_nodes.cli import main
for arguments in (["--help"], ["matte", "--help"], ["info", {str(Path(shot.plate))!r}]):
    try:
        main(arguments)
    except SystemExit as ended:
        assert ended.code == 0, arguments
assert "torch" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
