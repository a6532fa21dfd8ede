"""What a run opens, starts and writes, as Python's audit hook sees it: no more than SECURITY.md says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from shots import Shot

ROOT = Path(__file__).parents[2]

_WATCHED = """
import json, os, sys

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
PLACES = {"os.rename": 2, "os.link": 2, "os.symlink": 2, "os.mkdir": 1, "os.remove": 1, "os.rmdir": 1,
          "os.truncate": 1, "os.chmod": 1, "shutil.rmtree": 1}
STARTS = ("subprocess.", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.system", "os.startfile")
CALLS = ("socket.", "urllib.", "http.", "ftplib.", "smtplib.")
log = open(sys.argv.pop(1), "a", buffering=1)

def note(kind, what):
    log.write(json.dumps([kind, str(what)]) + "\\n")

def hook(event, arguments):
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES:
        if isinstance(arguments[0], (str, bytes)):
            note("write", os.path.abspath(os.fsdecode(arguments[0])))
    elif event in PLACES:
        for path in arguments[:PLACES[event]]:
            if isinstance(path, (str, bytes)) or hasattr(path, "__fspath__"):
                note("write", os.path.abspath(os.fsdecode(path)))
    elif event.startswith(STARTS):
        note("start", arguments[:1])
    elif event.startswith(CALLS) and event != "socket.gethostname":
        note("call", event)
    elif event == "pickle.find_class":
        note("pickle", arguments)

sys.addaudithook(hook)
from howard_nodes.cli import run
run()
"""


@pytest.fixture
def seen(tmp_path: Path) -> Callable[..., set[tuple[str, str]]]:
    """Run `howard` in a folder of its own; give kind and object of all that the hook saw."""

    def run(*arguments: str) -> set[tuple[str, str]]:
        log = tmp_path / "log"
        environment = {
            **{name: value for name, value in os.environ.items() if name != "OCIO"},
            "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(tmp_path / "home"),
            "TMPDIR": str(tmp_path / "tmp"), "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        for name in ("home", "tmp"):
            (tmp_path / name).mkdir(exist_ok=True)
        done = subprocess.run(
            [sys.executable, "-c", _WATCHED, str(log), *arguments],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert not list((tmp_path / "home").iterdir())
        assert not list((tmp_path / "tmp").iterdir())
        return {(kind, what) for kind, what in map(json.loads, log.read_text().splitlines())}

    return run


def _beside(found: set[tuple[str, str]], *places: Path) -> set[tuple[str, str]]:
    """What was done elsewhere."""
    inside = (os.devnull, *(f"{place}{os.sep}" for place in places), *map(str, places))
    return {one for one in found if one[0] != "write" or not one[1].startswith(inside)}


def test_a_run_writes_into_its_output_folder_alone_and_starts_and_calls_nothing(
    seen: Callable[..., set[tuple[str, str]]], make_shot: Callable[..., Shot], tmp_path: Path
) -> None:
    shot = make_shot(2)
    found = seen("matte", shot.plate, "--clean", shot.clean, "-o", "out/shot.####.exr")
    assert len(list((tmp_path / "out").glob("*.exr"))) == 2
    assert ("write", str(tmp_path / "out" / "shot.1001.exr")) in found  # the hook sees what there is to see
    assert _beside(found, tmp_path / "out") == set()


def test_looking_at_files_writes_nothing(
    seen: Callable[..., set[tuple[str, str]]], make_shot: Callable[..., Shot]
) -> None:
    shot = make_shot(1)
    assert _beside(seen("info", shot.plate)) == set()
