"""A knob is one declaration and its use: all else follows from that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "howard_nodes"

_DECLARATION = """\
    generosity: float = knob(
        0.0,
        label="Generosity",
        help="Lowers the threshold.",
        group=_REFINEMENT,
        minimum=0.0,
        maximum=1.0,
        step=0.1,
        stage="refine",
        only_with=("refine_mode", "thresholding"),
        metavar="G",
    )
"""
_BEFORE = '    unmix: str = knob(\n        "auto",'
_READ, _USED = "threshold=settings.threshold,", "threshold=settings.threshold - settings.generosity,"

_LOOK = """
import json
import numpy as np
from howard_nodes import HowardMatte
from howard_nodes.description import KNOBS, describe
from howard_nodes.description.job import Job
from howard_nodes.hosts.comfyui.widgets import widgets_of
from howard_nodes.hosts.nuke.plugin.howard_nuke import panel
from howard_nodes.worker.requests import Session, evaluation

rng = np.random.default_rng(1)
clean = rng.random((96, 128, 3), np.float32)
plate = clean.copy()
plate[30:70, 40:90] = 0.5
given = {"plate": plate, "clean_plate": clean}
node = HowardMatte(align="off", match_exposure="off")
node.evaluate(1, given)
node.configure(generosity=0.05)
where_it_does_not_count = node.evaluate(1, given).ran
node.configure(refine_mode="thresholding", generosity=0.0)
node.evaluate(1, given)
node.configure(generosity=0.05)
where_it_counts = node.evaluate(1, given).ran
plates = {"plate": "p.exr", "clean_plate": "c.exr"}
asked = {"inputs": plates, "output": "o.exr", "knobs": {"generosity": 0.5}}
request = evaluation(asked, Session())
job = Job.of(request.inputs, request.output, request.knobs, request.options)
print(json.dumps({
    "described": [knob for knob in describe()["knobs"] if knob["name"] == "generosity"],
    "ran": [where_it_does_not_count, where_it_counts],
    "job": job.settings.generosity,
    "comfyui": [name for name in widgets_of(KNOBS) if "generosity" in name],
    "nuke": [(knob.name, knob.disabled) for knob in panel.knobs(describe()) if knob.name == "generosity"],
}))
"""


@pytest.fixture(scope="module")
def howard(tmp_path_factory):
    """Run Python in a copy of Howard that has one more knob."""
    folder = tmp_path_factory.mktemp("with a knob")
    package = folder / "howard_nodes"
    for path in PACKAGE.rglob("*"):
        inside = path.relative_to(PACKAGE)
        if path.is_file() and path.suffix != ".pyc":
            (package / inside).parent.mkdir(parents=True, exist_ok=True)
            (package / inside).symlink_to(path)
    for name, old, new in (
        ("description/settings.py", _BEFORE, _DECLARATION + _BEFORE),
        ("engine/refining.py", _READ, _USED),
    ):
        text = (PACKAGE / name).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{name} has another text now: let this test follow"
        (package / name).unlink()
        (package / name).write_text(text.replace(old, new), encoding="utf-8")

    def run(*arguments: str) -> str:
        ended = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(folder)},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    return run


@pytest.fixture(scope="module")
def seen(howard):
    return json.loads(howard("-c", _LOOK))


def test_hosts_show_it_and_grey_it_out_where_it_does_not_count(seen):
    (described,) = seen["described"]
    assert described["only_with"] == {"knob": "refine_mode", "value": "thresholding"}
    assert seen["comfyui"] == ["generosity"]
    assert seen["nuke"] == [["generosity", True]]


def test_worker_and_job_take_it(seen):
    assert seen["job"] == 0.5


def test_only_its_stage_and_those_after_it_run_again_where_it_counts(seen):
    assert seen["ran"] == [[], ["refine", "unmix", "solve"]]


def test_the_command_line_takes_it_and_frames_are_made_anew(howard, make_shot, tmp_path):
    made = make_shot(2)

    def matte(*more: str) -> list[bool]:
        told = howard(
            "-m", "howard_nodes", "matte", made.plate, "--clean", made.clean, "-o", f"{tmp_path}/o.####.exr",
            "--refine", "thresholding", "--resume", "--json",
            *more,
        )  # fmt: skip
        events = [json.loads(line) for line in told.splitlines()]
        return [event["skipped"] for event in events if event["event"] == "frame_done"]

    assert set(matte()) == {False}
    assert set(matte()) == {True}
    assert set(matte("--generosity", "0.05")) == {False}


def test_a_farm_job_passes_it_on(howard, make_shot, tmp_path):
    made = make_shot(2)
    howard(
        "-m", "howard_nodes", "farm", "bundle", made.plate, "--clean", made.clean,
        "-o", f"{tmp_path}/o.####.exr", "-b", f"{tmp_path}/job", "--generosity", "0.05",
    )  # fmt: skip
    template = (tmp_path / "job" / "template.yaml").read_text(encoding="utf-8")
    assert "--generosity" in template
