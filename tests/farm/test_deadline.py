"""Deadline Cloud: the real `deadline bundle submit`, with a stand-in for the service on this machine."""

from __future__ import annotations

import sys

import pytest
import yaml
from farm.deadline_service import FARM, QUEUE, deadline_service

from howard_nodes.description.job import Job
from howard_nodes.errors import FarmError, InputError
from howard_nodes.farm import Farming, make_bundle
from howard_nodes.farm.deadline import DeadlineCloud
from howard_nodes.farm.scheduler import Options
from howard_nodes.farm.submission import Submission

ENGINE = DeadlineCloud()


@pytest.fixture(scope="module")
def served():
    with deadline_service() as service:
        yield service


@pytest.fixture
def service(served, monkeypatch, tmp_path):
    """The service, with a farm and a queue chosen and no job yet."""
    for name, value in served.environment(tmp_path / "home").items():
        monkeypatch.setenv(name, value)
    served.jobs.clear()
    served.objects.clear()
    served.attachments = False
    _choose(farm_id=FARM, queue_id=QUEUE)
    return served


@pytest.fixture
def bundle(make_shot, tmp_path):
    """Six frames in chunks of four, in folders with a space, quotes and letters beyond ASCII."""
    folder = tmp_path / 'Bär\'s "shot" 1'
    folder.mkdir()
    shot = make_shot(6, folder=folder)
    job = Job(plate=shot.plate, clean_plate=shot.clean, output=str(folder / "out put/s.####.exr"))
    return make_bundle(job, folder / "job", Farming(name="Bär matte", chunk=4, cores=3, memory=2048))


def _choose(**settings):
    from deadline.client.config import set_setting

    for name, value in settings.items():
        set_setting(f"defaults.{name}", value)


def _submit(bundle, options=Options()):  # noqa: B008
    folder = bundle.folder / "submissions/0001"
    folder.mkdir(parents=True, exist_ok=True)
    submission = Submission(folder, "deadline-cloud", bundle, options.retries, "now")
    submission.known.update(ENGINE.submit(submission, options))
    return submission


def test_service_gets_template_parameters_priority_and_retries(service, bundle):
    ENGINE.check()
    submission = _submit(bundle, Options(retries=3, priority=70, extra=("--max-worker-count", "8")))
    (job_id, job), *more = service.jobs.items()
    assert submission.known == {"farm": FARM, "queue": QUEUE, "job": job_id}
    assert not more
    assert job.asked["template"] == (bundle.folder / "template.yaml").read_text(encoding="utf-8")
    sent = {name: next(iter(value.values())) for name, value in job.asked["parameters"].items()}
    assert sent == {name: str(value) for name, value in bundle.values.items()}
    assert (job.asked["priority"], job.asked["maxRetriesPerTask"]) == (70, 3)
    assert job.asked["maxWorkerCount"] == 8
    # The queue takes no attachments: files stay where they are.
    assert "attachments" not in job.asked
    assert not service.objects
    # What the service makes of it is what the bundle says.
    assert job.made.name == "Bär matte"
    assert [step.name for step in job.made.steps] == ["Fit", "Matte", "Verify"]
    frames = [task["parameters"]["Frames"]["chunkInt"] for task in job.tasks["Matte"]]
    assert frames == ["1001-1003", "1004-1006"]


def test_files_go_along_where_the_queue_takes_attachments(service, bundle):
    service.attachments = True
    # Another take in the same folder stays at home.
    plate = next(bundle.folder.parent.glob("plate.1001.exr"))
    plate.with_name("secret.1001.exr").write_bytes(plate.read_bytes() + b"another take")
    _submit(bundle)
    (job,) = service.jobs.values()
    listed = service.manifest(job)["paths"]
    assert {file["path"].rpartition("/")[2] for file in listed} == {
        *(f"plate.{frame}.exr" for frame in bundle.frames),
        "clean.exr",
        "s.job.json",
    }
    stored = {key.rpartition("/")[2].partition(".")[0]: content for key, content in service.objects.items()}
    for file in listed:
        assert len(stored[file["hash"]]) == file["size"]
    (manifest,) = job.asked["attachments"]["manifests"]
    assert [path.rpartition("/")[2] for path in manifest["outputRelativeDirectories"]] == ["out put"]


def test_states_are_the_service_s(service, bundle):
    submission = _submit(bundle)
    (job,) = service.jobs.values()
    waiting = {("Fit", 0), ("Matte", 0), ("Matte", 1), ("Verify", 0)}
    assert ENGINE.states(submission) == dict.fromkeys(waiting, "waiting")
    job.tasks["Fit"][0]["status"] = "SUCCEEDED"
    job.tasks["Matte"][0]["status"] = "RUNNING"
    job.tasks["Matte"][1]["status"] = "FAILED"
    job.tasks["Verify"][0]["status"] = "CANCELED"
    assert ENGINE.states(submission) == {
        ("Fit", 0): "done",
        ("Matte", 0): "running",
        ("Matte", 1): "failed",
        ("Verify", 0): "cancelled",
    }
    # The service may adapt the chunks.
    job.tasks["Matte"] = [
        {"parameters": {"Frames": {"chunkInt": frames}}, "status": status}
        for frames, status in (("1001-1002", "SUCCEEDED"), ("1003-1005", "RUNNING"), ("1006", "READY"))
    ]
    states = ENGINE.states(submission)
    assert (states["Matte", 0], states["Matte", 1]) == ("running", "running")
    job.tasks["Matte"][1]["status"] = "SUCCEEDED"
    states = ENGINE.states(submission)
    assert (states["Matte", 0], states["Matte", 1]) == ("done", "waiting")


def test_cancel_reaches_the_service(service, bundle):
    submission = _submit(bundle)
    # Also after another queue was chosen.
    _choose(queue_id=f"queue-{'9' * 32}")
    ENGINE.cancel(submission)
    (job,) = service.jobs.values()
    assert job.target == "CANCELED"


def test_partition_is_a_queue(service, bundle):
    _choose(queue_id="")
    ENGINE.check()
    assert _submit(bundle, Options(partition=QUEUE)).known["queue"] == QUEUE


def test_says_how_to_install_the_client(monkeypatch):
    monkeypatch.setitem(sys.modules, "deadline.client.api", None)
    with pytest.raises(InputError, match="pip install deadline"):
        ENGINE.check()


def test_says_how_to_choose_a_farm_and_a_queue(service, bundle):
    _choose(queue_id="")
    with pytest.raises(InputError, match="deadline config set defaults.queue_id queue-"):
        _submit(bundle)
    _choose(farm_id="")
    with pytest.raises(InputError, match="deadline config set defaults.farm_id farm-"):
        ENGINE.check()


def test_says_what_to_look_at_where_the_service_knows_no_such_farm_or_queue(service, bundle):
    with pytest.raises(InputError, match="not known here.*deadline auth status"):
        _submit(bundle, Options(partition=f"queue-{'9' * 32}"))
    _choose(farm_id=f"farm-{'9' * 32}")
    with pytest.raises(InputError, match="not known here.*deadline auth status"):
        ENGINE.check()


def test_priority_that_the_service_does_not_know(service, bundle):
    with pytest.raises(InputError, match="priority 101: Deadline Cloud takes 0 to 100"):
        _submit(bundle, Options(priority=101))
    assert not service.jobs


def test_what_the_service_refuses_is_said_in_its_words(service, bundle):
    path = bundle.folder / "template.yaml"
    template = yaml.safe_load(path.read_text(encoding="utf-8"))
    template["extensions"].append("FROM_THE_FUTURE")
    path.write_text(yaml.safe_dump(template), encoding="utf-8")
    with pytest.raises(FarmError, match="(?s)refused the job.*FROM_THE_FUTURE"):
        _submit(bundle)
    assert not service.jobs
