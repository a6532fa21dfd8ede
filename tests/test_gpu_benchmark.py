"""The script for a GPU goes its whole course without one, so that it is ready where one is at hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
SCRIPT = str(ROOT / "benchmarks" / "gpu.py")


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run([sys.executable, SCRIPT, *words], env=environment, capture_output=True, text=True)


def test_the_whole_course_on_the_cpu(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    words = "--device cpu --size 144p --repeats 1 --frames 2 --json"
    done = _run(*words.split(), str(figures))
    assert done.returncode == 0, done.stderr
    found = json.loads(figures.read_text(encoding="utf-8"))
    assert found["device"] == "cpu"
    assert set(found["144p precision"]) == {"bfloat16, alpha", "bfloat16, foreground"}
    assert found["144p precision"]["bfloat16, alpha"]["mean"] < 0.01
    for part in ("speed", "runs", "memory"):
        assert set(found[f"144p {part}"]) == {"float32", "bfloat16"}, part
    assert found["144p speed"]["float32"]["times the reference"] > 0
    assert found["144p cache"]["2 GB"]["ran"] == ["refine", "unmix", "solve"]
    assert found["144p cache"]["1 MB"]["kept, MB"] <= 1.05
    assert "needs CUDA" in done.stdout


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_says_what_to_do() -> None:
    done = _run()
    assert done.returncode == 1
    assert "--device cpu" in done.stderr
