"""All cores of this machine as a farm, from the command line: the whole way, failures, an early end."""

from __future__ import annotations

import json
import os
import re
import shlex
import time
from pathlib import Path
from typing import Any

import numpy as np
from farm.conftest import PLAIN

from howard_nodes import __version__
from howard_nodes.frames import read_attributes, read_frame, verify_file, write_image
from howard_nodes.network import describe_weights


def status(howard: Any, job: Path) -> dict[str, Any]:
    ended = howard("farm", "status", job, "--json")
    found: dict[str, Any] = json.loads(ended.said.splitlines()[-1])
    return {**found, "code": ended.code}


def test_a_task_that_fails_is_tried_again_and_told(howard, make_job):
    shot, job = make_job(4, *PLAIN, "--chunk", 2)
    plate = shot.folder / "plate.1004.exr"
    whole = plate.read_bytes()
    plate.write_bytes(whole[:2000])
    ended = howard("farm", "submit", job, "--scheduler", "local", "--retries", 1, "--wait")
    assert ended.code == 1
    assert "3 of 4 frames done, 1 failed" in ended.said
    assert "plate.1004.exr, frame 1004" in ended.said
    found = status(howard, job)
    assert (found["code"], found["state"]) == (1, "failed")
    assert (found["total"], found["done"], found["failed"], found["running"]) == (4, 3, 1, 0)
    states = {(task["step"], task["number"]): task for task in found["tasks"]}
    assert [states["Matte", 0]["state"], states["Matte", 1]["state"]] == ["done", "failed"]
    assert [states["Matte", 0]["attempts"], states["Matte", 1]["attempts"]] == [1, 2]
    assert states["Verify", 0]["state"] == "cancelled"  # it never began
    assert "frame 1004" in states["Matte", 1]["message"]
    said = howard("farm", "status", job).said
    assert f"1 frame is not in {shot.folder / 'out'}: 1004" in said
    assert f"next: howard farm submit {shlex.quote(str(job))} --scheduler local makes the frames" in said
    packed = howard("farm", "submit", job, "--scheduler", "local", "--pack", 2)
    assert (packed.code, "--pack 2: only Slurm takes it" in packed.said) == (2, True)
    # The same job once more: what is there stays.
    times = {path: path.stat().st_mtime_ns for path in (shot.folder / "out").glob("shot.*.exr")}
    plate.write_bytes(whole)
    ended = howard("farm", "submit", job, "--scheduler", "local", "--wait")
    assert ended.code == 0, ended.said
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert json.loads((shot.folder / "out/shot.report.json").read_text())["well"] == 4
    found = status(howard, job)
    assert (found["state"], found["done"], found["seconds_left"]) == ("done", 4, None)
    ended = howard("farm", "cancel", job)
    assert (ended.code, "had ended already, nothing to cancel; done: 4 of 4" in ended.said) == (0, True)
    assert status(howard, job)["state"] == "done"


def test_cancelled_and_submitted_again(howard, make_job):
    shot, job = make_job(30, *PLAIN, "--chunk", 6)
    assert "has not been submitted yet" in howard("farm", "status", job).said
    assert howard("farm", "submit", job, "--scheduler", "local").code == 0
    again = howard("farm", "submit", job, "--scheduler", "local")
    assert (again.code, "is already running on local" in again.said) == (2, True)
    made = ("-b", job, "-o", shot.folder / "out/shot.####.exr", "--frames", "1001")
    changed = howard("farm", "bundle", shot.plate, "--clean", shot.clean, *made)
    assert (changed.code, "is already running on local" in changed.said) == (2, True)
    out = shot.folder / "out"
    deadline = time.monotonic() + 60
    while not list(out.glob("shot.*.exr")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    found = status(howard, job)
    assert found["state"] == "running"
    ended = howard("farm", "cancel", job)
    assert ended.code == 0, ended.said
    there = list(out.glob("shot.*.exr"))
    assert 0 < len(there) < 30
    for path in there:
        verify_file(path)
    assert not list(out.glob(".howard-*"))
    assert status(howard, job)["state"] in ("failed", "cancelled")
    assert howard("farm", "submit", job, "--scheduler", "local", "--wait").code == 0
    assert len(list(out.glob("shot.*.exr"))) == 30


def test_a_job_with_a_failed_fit_is_not_done(howard, make_shot, random_weights, tmp_path):
    shot, job = make_shot(2), tmp_path / "job"
    black = np.zeros((72, 104, 3), np.float32)
    write_image(tmp_path / "clean.exr", black, "RGB", colorspace="lin_rec709_scene")
    places = (shot.plate, "--clean", shot.clean, "-o", tmp_path / "out/shot.####.exr", "-b", job)
    few = ("--weights", random_weights, "--device", "cpu", "--cores", 1, "--memory", 1024)
    assert howard("farm", "bundle", *places, *few).code == 0
    ended = howard("farm", "submit", job, "--scheduler", "local", "--retries", 0, "--wait")
    assert ended.code == 1
    found = status(howard, job)
    assert (found["state"], found["done"], found["code"]) == ("failed", 2, 1)
    states = {task["step"]: task for task in found["tasks"]}
    assert [states[step]["state"] for step in ("Fit", "Matte", "Verify")] == ["done", "done", "failed"]
    assert "frame 1001: clean plate fit failed" in states["Verify"]["message"]
    # It has ended: there is nothing to cancel, and it does not count as cancelled.
    ended = howard("farm", "cancel", job)
    assert ended.code == 0
    assert "had ended already, nothing to cancel; failed: 2 of 2 frames done" in ended.said
    assert ": cancelled" not in ended.said
    assert status(howard, job)["state"] == "failed"


def test_engines_that_are_not_there(howard, make_job, tmp_path):
    _, job = make_job(1, *PLAIN)
    nothing = str(tmp_path / "no programs")
    for engine, hint in (
        ("slurm", "slurm-client"),
        ("deadline-cloud", "deadline"),
        ("opencue", "cuebot"),
        ("tractor", "unknown scheduler 'tractor'; choose from local, slurm"),
    ):
        ended = howard("farm", "submit", job, "--scheduler", engine, PATH=nothing, HOME=nothing)
        assert ended.code == 2, ended.said
        assert hint in ended.said.lower()
    assert not (job / "submissions").exists()
    ended = howard("farm", "submit", tmp_path, "--scheduler", "local")
    assert (ended.code, "make one with howard farm bundle" in ended.said) == (2, True)


def test_the_weights_learn_the_shot_before_its_frames_are_made(howard, make_job):
    shot, job = make_job(2, *PLAIN, "--chunk", 1, "--adapt", 1)
    ended = howard("farm", "submit", job, "--scheduler", "local", "--wait")
    assert ended.code == 0, ended.said
    weights = shot.folder / "out/shot.adapted.safetensors"
    about = describe_weights(weights).metadata
    assert about["adapted_steps"] == "1"
    frames = sorted((shot.folder / "out").glob("shot.*.exr"))
    assert len(frames) == 2
    assert {read_attributes(path)["howard:weights"] for path in frames} == {"shot.adapted"}
    # Once more: neither weights nor frames are made again.
    times = {path: path.stat().st_mtime_ns for path in (weights, *frames)}
    ended = howard("farm", "submit", job, "--scheduler", "local", "--wait")
    assert ended.code == 0, ended.said
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_a_long_shot_is_fitted_and_checked_in_chunks_with_the_same_result(howard, make_job, tmp_path):
    whole, one = make_job(6, "--chunk", 3, folder=tmp_path / "whole")
    shared, many = make_job(6, "--chunk", 3, "--fit-chunk", 2, folder=tmp_path / "shared")
    for job in (one, many):
        ended = howard("farm", "submit", job, "--scheduler", "local", "--wait", timeout=400)
        assert ended.code == 0, ended.said
    counts = {name: len(list(tasks)) for name, tasks in steps(status(howard, many)).items()}
    assert counts == {"Scout": 1, "Fit": 3, "Join": 1, "Matte": 2, "Verify": 3, "Report": 1}
    assert set(steps(status(howard, one))) == {"Fit", "Matte", "Verify"}
    assert status(howard, many)["total"] == status(howard, many)["done"] == 6
    fits = [(folder / "out/shot.fit.json").read_bytes() for folder in (shared.folder, whole.folder)]
    assert fits[0] == fits[1]
    for frame in range(1001, 1007):
        one, other = (read_frame(shot.folder / f"out/shot.{frame}.exr").pixels for shot in (shared, whole))
        np.testing.assert_array_equal(one, other)
    for name in ("out/shot.report.json", "out/shot.html"):
        pages = [
            re.sub(r'"made": ?"[^"]*"', "", (folder / name).read_text()).replace(str(folder), "")
            for folder in (shared.folder, whole.folder)
        ]
        assert pages[0] == pages[1], name
    assert (shared.folder / "out/shot.contact_sheet.png").exists()


def test_half_a_fit_and_one_of_another_version_are_told_with_what_mends_it(howard, make_job):
    shot, job = make_job(4, "--fit-chunk", 2)
    for step in ("Scout", "Fit"):
        assert howard("farm", "run", job, "--step", step).code == 0
    parts = shot.folder / "out/shot.fit.parts"
    kept, other = parts / "1001+2.json", parts / "1003+2.json"
    made = kept.stat().st_mtime_ns
    mend = f"howard farm run {shlex.quote(str(job))} --step Fit, then submit the job again"

    def refused() -> str:
        ended = howard("farm", "run", job, "--step", "Join")
        assert ended.code != 0
        assert ended.said.count("howard: error:") == 1
        assert mend in ended.said
        return ended.said

    other.write_text(other.read_text().replace(f'"howard": "{__version__}"', '"howard": "0.0.9"'))
    assert "no fit of the frames 1003-1004; 1003+2.json was made by howard 0.0.9" in refused()
    other.write_text(other.read_text()[:100])
    assert "1003+2.json is damaged" in refused()
    other.unlink()
    assert "no fit of the frames 1003-1004:" in refused()
    ended = howard("farm", "run", job, "--step", "Fit")
    assert ended.code == 0, ended.said
    assert "1001+2.json: was made before" in ended.said
    assert kept.stat().st_mtime_ns == made
    assert howard("farm", "run", job, "--step", "Join").code == 0
    assert (shot.folder / "out/shot.fit.json").exists()
    # Another plate under the same name is another fit.
    os.utime(shot.folder / "plate.1001.exr")
    ended = howard("farm", "run", job, "--step", "Fit", "--task", 0)
    assert ended.code == 0, ended.said
    assert "was made before" not in ended.said


def test_half_a_check_is_told_and_a_frame_that_is_made_again_is_checked_again(howard, make_job):
    shot, job = make_job(4, "--fit-chunk", 2, *PLAIN)
    for step in ("Matte", "Verify"):
        assert howard("farm", "run", job, "--step", step).code == 0
    parts = shot.folder / "out/shot.verify.parts"
    (parts / "1003+2.safetensors").write_bytes(b"half")
    ended = howard("farm", "run", job, "--step", "Report")
    assert ended.code != 0
    assert "no check of the frames 1003-1004; 1003+2.safetensors is damaged" in ended.said
    assert f"howard farm run {shlex.quote(str(job))} --step Verify" in ended.said
    frame = shot.folder / "out/shot.1002.exr"
    frame.write_bytes(frame.read_bytes()[:-100])
    assert howard("farm", "run", job, "--step", "Verify").code == 0  # it says what it found when all is known
    ended = howard("farm", "run", job, "--step", "Report")
    assert ended.code != 0
    assert "3 of 4 frames passed; failed: 1002" in ended.said
    assert json.loads((shot.folder / "out/shot.report.json").read_text())["well"] == 3


def test_a_job_folder_that_moved_is_told(howard, make_job):
    _, job = make_job(2, *PLAIN)
    there = job.rename(job.with_name("moved"))
    ended = howard("farm", "run", job, "--step", "Matte")
    assert ended.code == 2
    assert "if the job folder was moved, submit the job from its new place" in ended.said
    ended = howard("farm", "submit", there, "--scheduler", "local", "--wait")
    assert ended.code == 0, ended.said


def steps(said: dict[str, Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for task in said["tasks"]:
        found.setdefault(task["step"], []).append(task)
    return found
