"""The command line as a process of its own, a shot that is a job, and a Slurm to hand it to.

Where CI is set, Slurm has to be there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from farm.slurm_cluster import Cluster, obstacle
from shots import Shot, disc_over_gradient, gradient

from howard_nodes.frames import write_image

REQUIRED = os.environ.get("CI", "").lower() not in ("", "0", "false")
HOWARD = [sys.executable, "-m", "howard_nodes"]
PLAIN = ("--align", "off", "--match-exposure", "off")
"""For jobs whose clean plate fits: without a Fit step."""


SLOW_FRAMES = range(1001, 1025)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    said: str


def surroundings(**more: str) -> dict[str, str]:
    """Give the environment of a process: one thread, and `howard` on its path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", "PATH": path, **more}


@pytest.fixture
def howard(tmp_path: Path) -> Callable[..., Ended]:
    """Call `howard` as a user does, in the test's folder."""

    def call(*arguments: object, timeout: float = 120, **environment: str) -> Ended:
        done = subprocess.run(
            [*HOWARD, *map(str, arguments)],
            env=surroundings(**environment),
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )
        return Ended(done.returncode, done.stdout)

    return call


@pytest.fixture
def make_job(
    make_shot: Callable[..., Shot], howard: Callable[..., Ended], random_weights: Path, tmp_path: Path
) -> Callable[..., tuple[Shot, Path]]:
    """Make a shot, and a job of it: `make_job(4, "--chunk", 2)` gives the shot and the job's folder."""

    def make(count: int = 4, *more: object, folder: Path | None = None) -> tuple[Shot, Path]:
        folder = folder or tmp_path / "it's a shot, größer"
        shot = make_shot(count, folder=folder)
        job = folder / "job"
        ended = howard(
            *("farm", "bundle", shot.plate, "--clean", shot.clean, "-o", folder / "out/shot.####.exr"),
            *("-b", job, "--weights", random_weights, "--device", "cpu", "--cores", 1, "--memory", 1024),
            *more,
        )
        assert ended.code == 0, ended.said
        return shot, job

    return make


@pytest.fixture(scope="session")
def slow_shot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Frames that take a moment each."""
    folder = tmp_path_factory.mktemp("slow")
    exact = {"depth": "float", "colorspace": "lin_rec709_scene"}
    write_image(folder / "clean.exr", gradient(480, 640), "RGB", **exact)
    write_image(folder / "plate.1001.exr", disc_over_gradient(0, 480, 640)[0], "RGB", **exact)
    for frame in SLOW_FRAMES[1:]:
        (folder / f"plate.{frame}.exr").hardlink_to(folder / "plate.1001.exr")
    return folder


@pytest.fixture
def command(slow_shot: Path, random_weights: Path, tmp_path: Path) -> list[str]:
    (tmp_path / "out").mkdir()
    return [
        *(*HOWARD, "matte", f"{slow_shot}/plate.####.exr", "--clean", f"{slow_shot}/clean.exr"),
        *("-o", f"{tmp_path}/out/shot.####.exr", "--weights", str(random_weights), "--device", "cpu"),
        *(*PLAIN, "--resume", "--openjd"),
    ]


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A Slurm of one node with two slots, for the whole session; arrays of ten tasks at most."""
    missing = obstacle()
    if missing is not None and REQUIRED:
        pytest.fail(missing, pytrace=False)
    if missing is not None:
        pytest.skip(missing)
    cluster = Cluster(max_array=10, max_jobs=1000)
    yield cluster
    cluster.stop()


@pytest.fixture
def slurm(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """The Slurm that `sbatch` belongs to while a test runs; nothing of the test's stays there."""
    for name in os.environ.copy():
        if name.startswith(("SBATCH_", "SCANCEL_", "SLURM_", "SQUEUE_")):
            monkeypatch.delenv(name)
    for name, value in cluster.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield cluster
    cluster.clear()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say aloud where no Slurm was tested with, and why."""
    missing = obstacle()
    if missing is not None:
        terminalreporter.section("Slurm", yellow=True)
        terminalreporter.line(f"NOT TESTED with Slurm: {missing}", yellow=True)
