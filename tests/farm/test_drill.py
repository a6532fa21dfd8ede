"""A short form of the drill: benchmarks/farm_drill.py has twenty nights of 240 frames."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from farm.conftest import REQUIRED, surroundings
from farm.slurm_cluster import obstacle

DRILL = Path(__file__).parents[2] / "benchmarks" / "farm_drill.py"


def test_every_frame_of_a_bad_night_is_right_or_named(tmp_path):
    missing = obstacle()
    if missing is not None and REQUIRED:
        pytest.fail(missing, pytrace=False)
    if missing is not None:
        pytest.skip(missing)
    disk = os.geteuid() == 0 and shutil.which("mkfs.ext4", path="/sbin:/usr/sbin:/usr/bin") is not None
    faults = ["howard", "script", "plate", "rot", "version"] + (["full", "mount"] if disk else [])
    command = [sys.executable, str(DRILL), "--seeds", "1", "--first", "3", "--frames", "24"]
    done = subprocess.run(
        [*command, "--faults", ",".join(faults)],
        env=surroundings(TMPDIR=str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("1 of 1 seeds right\n")
