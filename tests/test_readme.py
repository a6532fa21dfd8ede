"""The README's example in Python, as a reader would run it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from howard_nodes.sheets.demo import shot_folder

README = Path(__file__).resolve().parents[1] / "README.md"


def test_the_example_runs_on_the_shot_that_ships(monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(shot_folder())
    names: dict[str, object] = {}
    exec(code, names)
    assert names["again"].ran == ("refine", "unmix", "solve")
    assert names["again"].fit.verdict == "good"
    assert not np.array_equal(names["again"]["refine_region"], names["first"]["refine_region"])


def test_every_page_it_points_to_is_there():
    text = README.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
        assert (README.parent / target).exists(), target
