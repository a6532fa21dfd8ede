"""OpenCue: the job that pyoutline makes, its command as RQD runs it, and a stand-in for cuebot."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from farm.cuebot import cuebot
from opencue_proto import job_pb2

from howard_nodes.description import FitSettings
from howard_nodes.description.job import Job
from howard_nodes.errors import FarmError, InputError
from howard_nodes.farm import Farming, make_bundle
from howard_nodes.farm.opencue import OpenCue
from howard_nodes.farm.scheduler import Options
from howard_nodes.farm.submission import Submission

ENGINE = OpenCue()
HOWARD = str(Path(sys.executable).with_name("howard"))
AS_IT_IS = FitSettings("off", "off")


@pytest.fixture(scope="module")
def served():
    with cuebot() as made:
        yield made


@pytest.fixture
def cue(served, monkeypatch):
    monkeypatch.setenv("CUEBOT_HOSTS", served.address)
    monkeypatch.setenv("SHOW", "testing")
    monkeypatch.setenv("SHOT", "sh010")
    served.refusal = ""
    served.specs.clear()
    return served


@pytest.fixture
def make(make_shot, tmp_path, random_weights):
    """Make a bundle in folders with a space, quotes and letters beyond ASCII, and a submission of it."""

    def made(count=6, *, fitting=FitSettings(), **farming):  # noqa: B008
        folder = tmp_path / 'Bär\'s "shot" 1'
        folder.mkdir()
        shot = make_shot(count, folder=folder)
        job = Job(
            plate=shot.plate,
            clean_plate=shot.clean,
            output=str(folder / "out put/s.####.exr"),
            fitting=fitting,
            weights=str(random_weights),
        )
        bundle = make_bundle(job, folder / "job", Farming(name="Bär", howard=HOWARD, **farming))
        submission = Submission(bundle.folder / "submissions/0001", "opencue", bundle, 2, "now")
        (submission.folder / "logs").mkdir(parents=True)
        return submission

    return made


def _submit(submission, options=Options()):  # noqa: B008
    submission.known.update(ENGINE.submit(submission, options))
    return submission


def _layers(spec):
    return {layer.get("name"): layer for layer in spec.iter("layer")}


def test_steps_are_layers_and_tasks_their_frames(cue, make):
    ENGINE.check()
    submission = _submit(make(chunk=2, cores=3, memory=2048, seconds_a_frame=60), Options(2, priority=7))
    (spec,) = cue.specs
    assert [spec.findtext(tag) for tag in ("show", "shot", "job/priority", "job/maxretries")] == [
        *("testing", "sh010", "7", "2")
    ]
    layers = _layers(spec)
    assert {name: layer.findtext("range") for name, layer in layers.items()} == {
        "Fit": "0-0",
        "Matte": "0-2",
        "Verify": "0-0",
    }
    matte = layers["Matte"]
    seconds = submission.bundle.step("Matte").seconds
    assert [matte.findtext(tag) for tag in ("chunk", "cores", "memory", "timeout")] == [
        *("1", "3.0", "2048m", str(-(-seconds // 60)))
    ]
    depends = [[one.findtext("deplayer"), one.findtext("onlayer")] for one in spec.iter("depend")]
    assert depends == [["Matte", "Fit"], ["Verify", "Matte"]]
    assert {one.get("type") for one in spec.iter("depend")} == {"LAYER_ON_LAYER"}
    assert submission.known["job"] == "id-1"
    assert submission.known["name"].startswith("testing-sh010-")


def test_partition_is_a_show(cue, make):
    _submit(make(fitting=AS_IT_IS), Options(partition="feature"))
    assert cue.specs[0].findtext("show") == "feature"


def test_two_jobs_of_one_name_do_not_meet(cue, make):
    submission = make(fitting=AS_IT_IS)
    first, second = (_submit(submission).known["name"] for _ in range(2))
    assert first != second


def test_commands_run_as_rqd_runs_them(cue, make, tmp_path):
    """They become files without a first line for an interpreter, with little in their environment."""
    submission = _submit(make(4, fitting=AS_IT_IS, chunk=2))
    command = _layers(cue.specs[0])["Matte"].findtext("cmd")

    def run(number):
        file = tmp_path / "rqd-cmd"
        text = command.replace("#ZFRAME#", f"{number:04d}").replace("#IFRAME#", str(number))
        file.write_text(text, encoding="utf-8")
        file.chmod(0o755)
        environment = {"PATH": "/bin:/usr/bin"}
        return subprocess.run(
            ["/usr/bin/env", file], env=environment, cwd="/", capture_output=True, text=True, timeout=120
        )

    first, second = submission.bundle.step("Matte").tasks
    made = Path(submission.bundle.output).parent
    hidden = made.rename(made.with_name("not mounted"))
    assert run(1).returncode == 1
    hidden.rename(made)
    done = run(1)
    assert done.returncode == 0, done.stdout + done.stderr
    log = submission.log(second).read_text(encoding="utf-8")
    marks = re.findall("^howard-farm: (attempt .) on|^howard-farm: (exit .)$", log, re.MULTILINE)
    assert [attempt or code for attempt, code in marks] == ["attempt 1", "exit 1", "attempt 2", "exit 0"]
    # RQD's own log has it all too.
    assert log.endswith(done.stdout)
    assert sorted(path.name for path in made.glob("s.*.exr")) == ["s.1003.exr", "s.1004.exr"]
    assert not submission.log(first).exists()


def test_states_are_cuebot_s(cue, make):
    submission = _submit(make(fitting=AS_IT_IS, chunk=2))
    assert set(ENGINE.states(submission).values()) == {"waiting"}
    cue.frame("0000-matte").state = job_pb2.SUCCEEDED
    cue.frame("0001-matte").state = job_pb2.RUNNING
    cue.frame("0002-matte").state = job_pb2.DEAD
    cue.frame("0000-verify").state = job_pb2.DEPEND
    assert ENGINE.states(submission) == {
        ("Matte", 0): "done",
        ("Matte", 1): "running",
        ("Matte", 2): "failed",
        ("Verify", 0): "waiting",
    }
    ENGINE.cancel(submission)
    assert cue.is_killed
    assert ENGINE.states(submission)["Verify", 0] == "cancelled"


def test_states_of_more_tasks_than_cuebot_tells_at_a_time(cue, make):
    submission = _submit(make(fitting=AS_IT_IS, chunk=2))
    cue.frames = [job_pb2.Frame(layer_name="matte", number=number) for number in range(2500)]
    assert len(ENGINE.states(submission)) == 2500


def test_says_what_cuebot_says(cue, make):
    submission = make(fitting=AS_IT_IS)
    cue.refusal = "Cannot launch jobs as root."
    with pytest.raises(FarmError, match="Cannot launch jobs as root"):
        _submit(submission)


def test_says_where_it_looked_for_cuebot(cue, monkeypatch):
    monkeypatch.setenv("CUEBOT_HOSTS", "127.0.0.1:1")
    with pytest.raises(InputError, match="cuebot at 127.0.0.1:1: .*set CUEBOT_HOSTS"):
        ENGINE.check()


def test_says_how_to_install_its_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "outline", None)
    with pytest.raises(InputError, match="pip install opencue-pyoutline packaging"):
        ENGINE.check()


def test_refuses_arguments_it_has_no_place_for(cue, make):
    with pytest.raises(InputError, match="--nice 5: OpenCue takes no extra arguments"):
        _submit(make(fitting=AS_IT_IS), Options(extra=("--nice", "5")))
    assert not cue.specs
