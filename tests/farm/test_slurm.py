"""Slurm, the real one: arrays, dependencies, retries, cancelling, and what a night on a farm brings."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
from farm.slurm_cluster import Cluster

from howard_nodes.description import FitSettings
from howard_nodes.description.job import Job
from howard_nodes.errors import FarmError, InputError
from howard_nodes.farm import Bundle, Farming, FarmStep, Requirements, Task, make_bundle
from howard_nodes.farm.scheduler import Options
from howard_nodes.farm.slurm import Slurm
from howard_nodes.farm.status import Status, status
from howard_nodes.farm.submission import ATTEMPT_MARK, EXIT_MARK, Submission
from howard_nodes.farm.submitting import submit
from howard_nodes.frames import verify_file

ODD = 'Bär\'s "100%a" $HOME `x` & *'
"""A folder's name that shells, Slurm's file names and others that read too much into a name get wrong."""

ENGINE = Slurm()


# Slurm with tasks that are a shell script's: what the adapter and Slurm make of each other.


def step(name: str, count: int, *needs: str, memory: int = 100) -> FarmStep:
    tasks = tuple(Task(name, number, (), {}) for number in range(count))
    return FarmStep(name, needs, tasks, Requirements(1, memory), 60)


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Submission]:
    """Make a submission whose tasks run a script that knows its $step, $task and $attempt; one retry."""

    def make(script: str, *steps: FarmStep) -> Submission:
        folder = tmp_path / ODD
        folder.mkdir()
        program = folder / "program"
        program.write_text(
            '#!/bin/bash\nstep=$7 task=$9 mark="$5/$7.$9"\n'
            'printf "%s\\n" "$@" > "$mark.arguments"\necho >> "$mark.attempts"\n'
            f'attempt=$(wc -l < "$mark.attempts")\n{script}\n'
        )
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))
        bundle = Bundle(folder, "größe 'x' %j", steps, "", (), {})
        submission = Submission(folder / "submissions/0001", "slurm", bundle, 1, "now")
        (submission.folder / "logs").mkdir(parents=True)
        return submission

    return make


def hand_over(submission: Submission, *extra: str, **more: object) -> dict[str, int]:
    """Submit; give the ids of the arrays by step and first number."""
    options = Options(submission.retries, extra=extra, **more)
    submission.known.update(ENGINE.submit(submission, options))
    return {f"{step}.{first}": job for step, first, _, job, _ in submission.known["arrays"]}


def wait_for(reached: Callable[[], bool], seconds: float = 40) -> None:
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "took too long"
        time.sleep(0.02)


def is_over(submission: Submission) -> bool:
    return not {"waiting", "running"} & set(ENGINE.states(submission).values())


def marks(submission: Submission, task: Task) -> list[str]:
    """What the log of a task says of its attempts, without times."""
    log = submission.log(task).read_text()
    return [line.split(" on ")[0] for line in log.splitlines() if line.startswith("howard-farm: ")]


def test_what_brings_a_task_back_and_what_does_not(slurm, scripted):
    submission = scripted(
        """
        case $step.$task.$attempt in
            First.0.*) exit 3 ;;
            First.1.*) kill -KILL $PPID; sleep 60 ;;
            First.2.1) kill -USR1 $PPID; sleep 60 ;;
            First.3.1) sleep 60 ;;
            First.4.*) sleep 4 ;;
            First.5.1) exit 1 ;;
        esac
        """,
        step("First", 6),
        step("Second", 2, "First"),
        step("Third", 1, "Second"),
    )
    job = hand_over(submission)["First.0"]
    first = submission.bundle.steps[0].tasks
    began = {task.number: submission.bundle.folder / f"First.{task.number}.attempts" for task in first}
    wait_for(began[3].exists)
    slurm.ask("scontrol", "requeue", f"{job}_3")
    wait_for(began[4].exists)
    wait_for(lambda: "COMPLETING" not in slurm.ask("squeue", "--format=%T"))
    slurm.restart_node()
    assert ENGINE.states(submission)["First", 4] == "running"
    wait_for(lambda: is_over(submission))
    states = ENGINE.states(submission)
    one, two, ended = f"{ATTEMPT_MARK} 1", f"{ATTEMPT_MARK} 2", "howard-farm: ended by Slurm"
    # It fails by itself: tried again, but not for ever.
    assert marks(submission, first[0]) == [one, f"{EXIT_MARK} 3", two, f"{EXIT_MARK} 3"]
    assert states["First", 0] == "failed"
    # Nothing of it is left that could bring it back.
    assert marks(submission, first[1]) == [one]
    assert states["First", 1] == "failed"
    # Its shell was warned, as Slurm does, that the time is up.
    assert marks(submission, first[2]) == [
        one,
        "howard-farm: out of time",
        f"{EXIT_MARK} 143",
        two,
        f"{EXIT_MARK} 0",
    ]
    # Slurm took its place away and gave it another one.
    assert marks(submission, first[3]) == [one, ended, two, f"{EXIT_MARK} 0"]
    # The node's slurmd was away meanwhile.
    assert marks(submission, first[4]) == [one, f"{EXIT_MARK} 0"]
    # Slurm calls an array's last task by the array's own id: no other may come back with it.
    assert marks(submission, first[5]) == [one, f"{EXIT_MARK} 1", two, f"{EXIT_MARK} 0"]
    assert [states["First", number] for number in (2, 3, 4, 5)] == ["done"] * 4
    # What can never begin does not wait for ever.
    assert states["Second", 0] == states["Second", 1] == states["Third", 0] == "cancelled"
    arguments = (submission.bundle.folder / "First.2.arguments").read_text().splitlines()
    folder = str(submission.bundle.folder)
    assert arguments == ["-m", "howard_nodes", "farm", "run", folder, "--step", "First", "--task", "2"]
    host = slurm.ask("sinfo", "--noheader", "--format=%N").strip()
    begun = re.search(
        rf"^{ATTEMPT_MARK} 1 on {host} at (\S+)$", submission.log(first[0]).read_text(), re.MULTILINE
    )
    assert begun is not None
    assert datetime.fromisoformat(begun[1]).tzinfo is not None


def test_cancelled_tasks_do_not_come_back_and_others_run_on(slurm, scripted, tmp_path):
    """Not even where the task puts itself back into the queue at that very moment."""
    submission = scripted(
        """
        trap 'scontrol requeue $SLURM_JOB_ID; exit 1' TERM
        touch "$mark.begun"
        while true; do sleep 0.1; done
        """,
        step("First", 3),
        step("Second", 12, "First"),
    )
    hand_over(submission)
    other = slurm.ask("sbatch", "--parsable", "--hold", "--output=/dev/null", "--wrap=true").strip()
    wait_for((submission.bundle.folder / "First.0.begun").exists)
    assert ENGINE.states(submission)["Second", 11] == "waiting"
    ENGINE.cancel(submission)
    log = submission.log(submission.bundle.tasks[0])
    wait_for(lambda: "Requested operation is presently disabled" in log.read_text())
    wait_for(lambda: slurm.ask("squeue", "--noheader", "--format=%i").split() == [other])
    assert set(ENGINE.states(submission).values()) == {"cancelled"}
    ENGINE.cancel(submission)


def test_refused_jobs_leave_nothing_behind(slurm, scripted):
    submission = scripted("exit 0", step("First", 2), step("Second", 1, "First", memory=10**6))
    later = "--begin=now+60"
    with pytest.raises(FarmError, match=r"step Second: .*node configuration is not available.*--memory"):
        hand_over(submission, later)
    with pytest.raises(FarmError, match=r"step First: .*invalid partition.*nowhere.*sinfo"):
        hand_over(submission, later, partition="nowhere")
    assert slurm.ask("squeue", "--noheader") == ""


def test_more_tasks_than_slurm_holds_are_refused(slurm, scripted):
    with pytest.raises(InputError, match=r"1001 tasks .*MaxJobCount 1000.*--chunk"):
        hand_over(scripted("exit 0", step("First", 1001)))


def test_what_a_task_needs_reaches_slurm(slurm, scripted, monkeypatch):
    monkeypatch.setenv("A_SECRET", "xyzzy")
    submission = scripted('env > "$mark.environment"', step("First", 1))
    job = hand_over(submission, "--nice=7", "--comment=night's", partition="farm", priority=5)["First.0"]
    said = slurm.ask("scontrol", "show", "job", str(job))
    for part in ("NumCPUs=1 ", "MinMemoryNode=100M ", "TimeLimit=00:06:00 ", "Partition=farm "):
        assert part in said
    assert "Comment=night's" in said
    assert re.search(r"JobName=First größe 'x' %j$", said, re.MULTILINE)
    wait_for(lambda: is_over(submission))
    environment = (submission.bundle.folder / "First.0.environment").read_text()
    assert f"PATH={os.environ['PATH']}\n" in environment
    assert "xyzzy" not in environment


def test_where_there_is_no_slurm(tmp_path, monkeypatch):
    conf = tmp_path / "slurm.conf"
    lines = (
        "ClusterName=c",
        "SlurmctldHost=c(127.0.0.1)",
        "SlurmctldPort=1",
        "MessageTimeout=1",
        "NodeName=n",
    )
    conf.write_text("\n".join([*lines, "PartitionName=p Nodes=n", ""]))
    monkeypatch.setenv("SLURM_CONF", str(conf))
    if shutil.which("scontrol") is not None:
        with pytest.raises(InputError, match="Slurm does not answer: .*Unable to contact"):
            ENGINE.check()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"scontrol was not found: .*slurm-client.*--scheduler"):
        ENGINE.check()


# Slurm with shots.


@pytest.fixture
def make_job(make_shot, random_weights, tmp_path) -> Callable[..., Bundle]:
    """Make a job of a shot of small pictures."""

    def make(count: int, fitting: FitSettings, farming: Farming) -> Bundle:
        folder = tmp_path / ODD
        folder.mkdir()
        shot = make_shot(count, folder=folder)
        job = Job(
            plate=shot.plate,
            clean_plate=shot.clean,
            output=str(folder / "out put/shot.####.exr"),
            weights=str(random_weights),
            device="cpu",
            fitting=fitting,
        )
        return make_bundle(job, folder / "job", farming)

    return make


def wait_for_end(submission: Submission, seconds: float = 60) -> Status:
    end = time.monotonic() + seconds
    while not (found := status(submission)).is_over:
        assert time.monotonic() < end, found
        time.sleep(0.2)
    return found


def frames_of(bundle: Bundle) -> dict[int, Path]:
    """Files of frames that are there, by number; all of them whole."""
    folder = Path(bundle.output).parent
    found = {int(path.suffixes[-2][1:]): path for path in folder.glob("shot.*.exr")}
    for path in found.values():
        verify_file(path)
    return found


def times_of(bundle: Bundle) -> dict[int, int]:
    return {frame: path.stat().st_mtime_ns for frame, path in frames_of(bundle).items()}


def partial_files(bundle: Bundle) -> list[str]:
    return [path.name for path in Path(bundle.output).parent.iterdir() if path.name.startswith(".howard")]


def test_cancelled_in_the_middle_and_taken_up_again(slurm, make_job):
    """The second time there is a frame missing: it fails alone, and its chunk is tried again."""
    fits = FitSettings(align="off", match_exposure="off")
    bundle = make_job(161, fits, Farming(chunk=80, cores=1, memory=1024))
    first = submit(bundle, ENGINE, Options())
    with pytest.raises(InputError, match="is already running on slurm"):
        submit(bundle, ENGINE, Options())
    output = Path(bundle.output).parent
    wait_for(lambda: len(list(output.glob("shot.*.exr"))) > 3)
    ENGINE.cancel(first)
    wait_for(lambda: slurm.ask("squeue", "--noheader") == "", 20)
    made = times_of(bundle)
    assert 3 < len(made) < 160
    assert partial_files(bundle) == []
    found = status(first)
    assert (found.state, found.failed) == ("cancelled", 0), found
    # Of either task, the last frame may be there and not told.
    assert len(made) - 2 <= found.done <= len(made)

    mattes = bundle.step("Matte").tasks
    missing = mattes[1].frames[20]
    gone = bundle.folder.parent / f"plate.{missing}.exr"
    gone.unlink()
    second = submit(bundle, ENGINE, Options(retries=1))
    found = wait_for_end(second)
    assert (found.state, found.done, found.failed) == ("failed", 160, 1), found
    *others, verify = found.tasks
    assert [one.state for one in others] == ["done", "failed", "done"]
    assert [one.attempts for one in others] == [1, 2, 1]
    assert str(gone) in others[1].message
    assert f"frame {missing}" in others[1].message
    # There is nothing to verify then.
    assert (verify.task.step, verify.state) == ("Verify", "cancelled")
    there = times_of(bundle)
    assert sorted(there) == [frame for frame in bundle.frames if frame != missing]
    assert made.items() <= there.items()


def test_a_night_on_the_farm(slurm, make_job):
    """24 chunks of ten: one is killed, one lacks a plate at first, the output's disk goes and comes back."""
    fitting = FitSettings(align="off", match_exposure="auto")
    bundle = make_job(240, fitting, Farming(chunk=10, cores=1, memory=1024))
    output = Path(bundle.output).parent
    away = output.with_name("away")
    late = bundle.step("Matte").tasks[15]
    plate = bundle.folder.parent / f"plate.{late.frames[4]}.exr"
    hidden = plate.with_suffix(".hidden")
    submission = submit(bundle, ENGINE, Options())
    log = submission.log(late)
    killed: Task | None = None
    lost: Task | None = None
    back = 0.0
    end = time.monotonic() + 300
    while not (found := status(submission)).is_over:
        assert time.monotonic() < end, found
        if found.running and plate.exists() and not log.exists():
            plate.rename(hidden)
        elif hidden.exists() and EXIT_MARK in read(log):
            hidden.rename(plate)
        if found.running and killed is None:
            killed = kill_in_the_middle(submission)
        elif found.done > 60 and lost is None:
            lost = lose_in_the_middle(submission, away)
            back = time.monotonic() + 3
        elif away.exists() and time.monotonic() > back:
            assert not output.exists(), "a task made the folder that its machine lost"
            away.rename(output)
        time.sleep(0.2)
    assert (found.state, found.total, found.done, found.failed) == ("done", 240, 240, 0), found
    failed = {one.task.number for one in found.tasks if one.attempts > 1}
    assert {task.number for task in (killed, late, lost)} <= failed
    for one in found.tasks:
        *failures, success = marks(submission, one.task)[1::2]
        assert (success, f"{EXIT_MARK} 0" in failures) == (f"{EXIT_MARK} 0", False)
    assert sorted(frames_of(bundle)) == list(bundle.frames)
    assert partial_files(bundle) == []
    fit, *mattes, verify = [one.began for one in found.tasks]
    assert fit < min(mattes) <= max(mattes) < verify
    report = json.loads((output / "shot.report.json").read_text())
    assert (report["total"], report["well"], report["problems"]) == (240, 240, {})


def test_a_long_shot_is_fitted_and_checked_in_chunks(slurm, make_job):
    """Each step waits for all chunks of the one before; submitted again, it keeps the chunks it has."""
    bundle = make_job(6, FitSettings(), Farming(chunk=6, fit_chunk=2, cores=1, memory=1024))
    found = wait_for_end(submit(bundle, ENGINE, Options()), 400)
    assert (found.state, found.total, found.done) == ("done", 6, 6), found
    steps: dict[str, list[datetime]] = {}
    for one in found.tasks:
        assert one.began is not None
        steps.setdefault(one.task.step, []).append(one.began)
    counts = [(name, len(began)) for name, began in steps.items()]
    assert counts == [("Scout", 1), ("Fit", 3), ("Join", 1), ("Matte", 1), ("Verify", 3), ("Report", 1)]
    assert all(max(one) < min(other) for one, other in pairwise(steps.values()))
    parts = sorted(Path(bundle.output).parent.glob("shot.*.parts/*+*"))
    times = {path: path.stat().st_mtime_ns for path in parts}
    assert len(times) == 6
    parts[0].unlink()
    again = wait_for_end(submit(bundle, ENGINE, Options()), 400)
    assert again.state == "done", again
    assert {path for path in parts if path.stat().st_mtime_ns != times[path]} == {parts[0]}


def read(log: Path) -> str:
    return log.read_text() if log.exists() else ""


def in_the_middle(submission: Submission, seconds: float = 1) -> Task | None:
    """Give a task that makes its frames just now, with some done and some not; None where there was none."""
    output = Path(submission.bundle.output).parent
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        there = set(os.listdir(output))
        for task in submission.bundle.step("Matte").tasks:
            made = len(there & {f"shot.{frame}.exr" for frame in task.frames})
            if 0 < made < 5 and EXIT_MARK not in read(submission.log(task)):
                return task
        time.sleep(0.01)
    return None


def kill_in_the_middle(submission: Submission) -> Task | None:
    """Kill a task's howard; None where there was none, or it was done before."""
    task = in_the_middle(submission)
    if task is None:
        return None
    for process in processes("matte", submission.bundle.output, task.values["Frames"]):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    return task if ended_badly(submission, task) else None


def lose_in_the_middle(submission: Submission, away: Path) -> Task | None:
    """Take a task's output folder away; None where there was none, or it was done before."""
    task = in_the_middle(submission)
    if task is None:
        return None
    output = Path(submission.bundle.output).parent
    output.rename(away)
    if ended_badly(submission, task):
        return task
    away.rename(output)
    return None


def ended_badly(submission: Submission, task: Task) -> bool:
    wait_for(lambda: EXIT_MARK in read(submission.log(task)))
    return marks(submission, task)[1] != f"{EXIT_MARK} 0"


def processes(*arguments: str) -> Iterator[int]:
    """Processes that have all these arguments."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            given = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if set(arguments) <= set(given):
                yield int(process.name)


def test_tasks_that_share_a_slot_are_told_and_tried_again_each_by_itself(slurm, make_job):
    """Three a slot, in one warm process: one lacks a plate at first, a process is killed in another."""
    fits = FitSettings(align="off", match_exposure="off")
    bundle = make_job(84, fits, Farming(chunk=12, cores=1, memory=1024))
    late = bundle.step("Matte").tasks[1]
    plate = bundle.folder.parent / f"plate.{late.frames[4]}.exr"
    hidden = plate.with_suffix(".hidden")
    plate.rename(hidden)
    submission = submit(bundle, ENGINE, Options(pack=3))
    assert [array[2] for array in submission.known["arrays"]] == [3, 1]
    end = time.monotonic() + 200
    killed = False
    waited = False
    while not (found := status(submission)).is_over:
        assert time.monotonic() < end, found
        states = {one.task.number: one.state for one in found.tasks if one.task.frames}
        waited = waited or (states[0], states[2]) == ("running", "waiting")
        if hidden.exists() and EXIT_MARK in read(submission.log(late)):
            hidden.rename(plate)
        if found.done > 20 and not killed:
            (process, *_) = [*warm_processes(slurm), 0]
            if process:
                os.kill(process, signal.SIGKILL)
                killed = True
        time.sleep(0.1)
    assert (found.state, found.done, found.failed) == ("done", 84, 0), found
    assert killed
    assert waited
    assert [one.attempts for one in found.tasks] == [1, 2, 1, 1, 1, 1, 1, 1]
    assert sorted(frames_of(bundle)) == list(bundle.frames)
    assert partial_files(bundle) == []
    assert not list(warm_processes(slurm))


def warm_processes(slurm: Cluster) -> Iterator[int]:
    """Warm processes of this Slurm's tasks: others may run on this machine."""
    mark = f"SLURM_CONF={slurm.conf}".encode()
    for process in processes("daemon", "serve"):
        with suppress(OSError):
            if mark in Path(f"/proc/{process}/environ").read_bytes().split(b"\0"):
                yield process
