"""Slurm: an array of tasks for each step, through `sbatch`, `squeue` and `scancel`.

A job's folder, its plates and its output must lie at the same place on every node, as must this Python.
Slurm itself starts a task again only where its node failed or somebody came before it: a task that fails
puts itself back into the queue, so that its next attempt may run on another node.
"""

from __future__ import annotations

import math
import os
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from howard_nodes.atomic import write_file
from howard_nodes.errors import FarmError, InputError
from howard_nodes.farm.bundle import FarmStep, task_command
from howard_nodes.farm.scheduler import Options, State
from howard_nodes.farm.share import share_command, share_log, state_in_share
from howard_nodes.farm.submission import ATTEMPT_MARK, EXIT_MARK, Submission

__all__ = ["Slurm"]

_SCRIPT_NAME = "task.sh"
# Arguments: number of the array's first task, retries, and a command that lacks only the task's number.
#
# Slurm signals every process of a task that it ends: one that is cancelled, preempted or out of time. Bash
# has to outlive that, or Slurm would kill what is left at once; whether the task comes back is Slurm's affair
# then. A task that fails by itself comes back as long as its log has no more failures than retries: attempts
# that Slurm ended do not count. A log that cannot be read shows none, which ends it, lest it go on for ever.
# One of an array's tasks has the array's own id, which would bring all of them back: hence its index too.
_SCRIPT = rf"""#!/bin/bash
number=$(($1 + ${{SLURM_ARRAY_TASK_ID:-0}})) retries=$2
shift 2
echo "{ATTEMPT_MARK} $((${{SLURM_RESTART_COUNT:-0}} + 1)) on $SLURMD_NODENAME at $(date -u +%FT%T+00:00)"
ended=
trap 'ended=yes' TERM
trap 'echo "howard-farm: out of time"; kill -TERM "$child"' USR1
"$@" "$number" &
child=$!
while kill -0 "$child" 2>/dev/null; do wait "$child"; done
wait "$child"
code=$?
# Slurm ends one process after another: its word to this shell may still be on its way.
[ "$code" -eq 143 ] && [ -z "$ended" ] && sleep 1
if [ "$code" -ne 0 ] && [ -n "$ended" ]; then
    echo "howard-farm: ended by Slurm"
    exit "$code"
fi
echo "{EXIT_MARK} $code"
[ "$code" -eq 0 ] && exit 0
failures=$(grep -c '^{EXIT_MARK}' "$(readlink "/proc/$$/fd/1")")
if [ "${{failures:-0}}" -ge 1 ] && [ "$failures" -le "$retries" ]; then
    scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID"
fi
exit "$code"
"""

_TIMEOUT_SECONDS = 120
_CANCEL_SECONDS = 20
# A task is told this long before Slurm would end it; Slurm looks once a minute only.
_NOTICE_SECONDS = 60
# For the start of the task's own engine, for the check of the node, and for that notice.
_MARGIN_SECONDS = 300

# What of this terminal's environment goes along: what finds this installation, and no secrets.
_VARIABLES = {
    *("HOME", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "LOGNAME", "OCIO", "PATH", "PYTHONPATH", "SHELL"),
    *("TZ", "USER", "VIRTUAL_ENV"),
}
_PREFIXES = ("HOWARD_", "LC_", "SBATCH_", "SLURM_")

_STATES: dict[str, State] = {
    "CANCELLED": "cancelled",
    "COMPLETED": "done",
    "COMPLETING": "running",
    "RESIZING": "running",
    "RUNNING": "running",
    "SIGNALING": "running",
    "STAGE_OUT": "running",
    "STOPPED": "running",
    "SUSPENDED": "running",
    "BOOT_FAIL": "failed",
    "DEADLINE": "failed",
    "FAILED": "failed",
    "NODE_FAIL": "failed",
    "OUT_OF_MEMORY": "failed",
    "PREEMPTED": "failed",
    "REVOKED": "failed",
    "TIMEOUT": "failed",
}
# Reasons for which a task that waits will never run.
_NEVER: dict[str, State] = {"DependencyNeverSatisfied": "cancelled", "JobHoldMaxRequeue": "failed"}

# What to do, by a part of Slurm's own words; the first that fits.
_ADVICE = {
    "account": "name one with --option=--account=NAME",
    "partition": "sinfo --summarize lists the partitions",
    "node configuration": "make the job with --cores and --memory that a machine of that partition has",
    "generic resource": (
        "Slurm has no such GPUs; choose another --partition, or make the job with --device cpu"
    ),
    "time limit": "make the job with a smaller --chunk or less --seconds-a-frame",
    "ermission denied": "only operators may set a --priority; leave it out",
}


class _Array(NamedTuple):
    """Shares of a step that Slurm holds as one job, in order; the first has the number `first`.

    A share is a task, or `pack` of them.
    """

    step: str
    first: int
    size: int
    job: int
    pack: int = 1


class Slurm:
    """The cluster that `sbatch` on this machine belongs to."""

    name = "slurm"

    def check(self) -> None:
        """See whether a job could be submitted now.

        Raises
        ------
        InputError
            Slurm's programs are not here, or its controller does not answer.
        """
        _limits()

    def submit(self, submission: Submission, options: Options) -> dict[str, Any]:
        """Submit a bundle: one array a step, more where Slurm's MaxArraySize asks for it.

        Parameters
        ----------
        submission : Submission
            Its folder takes the script and the logs.
        options : Options
            Extra arguments are those of `sbatch`.

        Returns
        -------
        dict
            Arrays, each as its step's name, its first share's number, how many shares it has, Slurm's id, and
            how many tasks a share has.

        Raises
        ------
        InputError
            As of `check`, there are more tasks than Slurm holds, or it cannot write logs there.
        FarmError
            Slurm refused a step; those before it are cancelled again.
        """
        bundle = submission.bundle
        array_size, most = _limits()
        count = sum(math.ceil(len(step.tasks) / options.pack) for step in bundle.steps)
        if count > most:
            raise InputError(
                f"{bundle.folder}: {count} tasks are more than this Slurm allows (MaxJobCount "
                f"{most}): make the job with a larger --chunk."
            )
        # A power of ten: then a log's name is the array's, with the last digits from Slurm.
        digits = len(str(array_size)) - 1
        script = submission.folder / _SCRIPT_NAME
        write_file(script, _SCRIPT)
        arrays: list[_Array] = []
        try:
            for step in bundle.steps:
                needs = [array.job for array in arrays if array.step in step.needs]
                pack = min(options.pack, len(step.tasks))
                shares = math.ceil(len(step.tasks) / pack)
                for first in range(0, shares, 10**digits):
                    size = min(shares - first, 10**digits)
                    task = step.tasks[first * pack]
                    log = submission.log(task) if pack == 1 else share_log(submission, step, first)
                    log_pattern = _log_pattern(log, digits if first else 4)
                    command = ["sbatch", "--parsable", *_resources(step, pack), *_dependency(needs)]
                    command += [
                        f"--job-name={step.name} {bundle.name}",
                        f"--array=0-{size - 1}",
                        f"--chdir={submission.folder}",
                        f"--output={log_pattern}",
                        "--open-mode=append",
                        "--requeue",
                        f"--signal=B:USR1@{_NOTICE_SECONDS}",
                        "--export=ALL",
                    ]
                    if options.partition is not None:
                        command.append(f"--partition={options.partition}")
                    if options.priority is not None:
                        command.append(f"--priority={options.priority}")
                    command += [*options.extra, str(script), str(first), str(options.retries)]
                    # Its number comes last, and the script knows it.
                    command += (
                        task_command(bundle, task)[:-1]
                        if pack == 1
                        else share_command(submission, step, pack)
                    )
                    job = _ask(command, f"Slurm refused the step {step.name}").partition(";")[0]
                    arrays.append(_Array(step.name, first, size, int(job), pack))
        except BaseException:
            if arrays:
                _end([array.job for array in arrays])
            raise
        return {"arrays": arrays}

    def states(self, submission: Submission) -> dict[tuple[str, int], State]:
        """Ask `squeue`; see `Scheduler.states`. Slurm forgets a task some minutes after its end (MinJobAge).

        Raises
        ------
        InputError
            Slurm's programs are not here.
        FarmError
            Slurm does not answer.
        """
        arrays = {array.job: array for array in _arrays(submission)}
        states: dict[tuple[str, int], State] = {}
        for job, index, state, reason in _queue(list(arrays), "--states=all"):
            array = arrays[job]
            found = _NEVER.get(reason) or _STATES.get(state, "waiting")
            at = (array.first + index) * array.pack
            for task in submission.bundle.step(array.step).tasks[at : at + array.pack]:
                is_one_of_many = array.pack > 1 and found == "running"
                states[task.step, task.number] = state_in_share(submission, task) if is_one_of_many else found
        return states

    def cancel(self, submission: Submission) -> None:
        """End all tasks that are not over; see `Scheduler.cancel`.

        Frames in work are finished or given up: a task may take Slurm's KillWait to end.

        Raises
        ------
        InputError
            Slurm's programs are not here.
        FarmError
            Slurm does not answer, or does not let this user do it.
        """
        _end([array.job for array in _arrays(submission)])


def _arrays(submission: Submission) -> list[_Array]:
    return [_Array(*array) for array in submission.known["arrays"]]


def _resources(step: FarmStep, pack: int) -> list[str]:
    needs = step.requirements
    flags = ["--nodes=1", "--ntasks=1", f"--cpus-per-task={needs.cores}", f"--mem={needs.memory}M"]
    if needs.gpus:
        flags.append(f"--gpus={needs.gpus}")
    if step.seconds is not None:
        flags.append(f"--time={math.ceil((step.seconds * pack + _MARGIN_SECONDS) / 60)}")
    return flags


def _dependency(jobs: Sequence[int]) -> list[str]:
    if not jobs:
        return []
    return [f"--dependency=afterok:{':'.join(map(str, jobs))}", "--kill-on-invalid-dep=yes"]


def _log_pattern(first: Path, digits: int) -> str:
    """Name the logs of an array by its first task's: of `Matte.0120.log`, `Matte.012%1a.log`."""
    if "\\" in str(first):
        raise InputError(f"{first.parent}: Slurm allows no backslash in a log's path; rename that folder.")
    stem = str(first.with_suffix("")).replace("%", "%%")
    return f"{stem[:-digits]}%{digits}a{first.suffix}"


def _limits() -> tuple[int, int]:
    """Give MaxArraySize and MaxJobCount. Raises `InputError` where there is no Slurm."""
    try:
        said = _ask(["scontrol", "show", "config"], "Slurm does not answer")
    except FarmError as error:
        raise InputError(str(error)) from error
    found = {
        name: re.search(rf"^{name}\s*= (\d+)", said, re.MULTILINE) for name in ("MaxArraySize", "MaxJobCount")
    }
    array_size, jobs = (int(one[1]) if one is not None else 0 for one in found.values())
    if array_size < 10:
        raise InputError(
            f"this Slurm allows no job arrays (MaxArraySize {array_size}): ask its administrator to set 1001."
        )
    return array_size, jobs


def _queue(jobs: Sequence[int], *flags: str) -> Iterator[tuple[int, int, str, str]]:
    """Give id, index, state and reason of the tasks that Slurm knows of some arrays."""
    ids = ",".join(map(str, jobs))
    command = ["squeue", "--noheader", "--array", "--format=%F|%K|%T|%r", f"--jobs={ids}", *flags]
    try:
        said = _ask(command, "Slurm does not report the job's status")
    except FarmError as error:
        # Of a single job that it forgot; of several it says nothing then.
        if "Invalid job id" in str(error):
            return
        raise
    for line in said.splitlines():
        job, index, state, reason = line.split("|", 3)
        yield int(job), int(index), state, reason


def _end(jobs: Sequence[int]) -> None:
    """Cancel some arrays, and see that nothing of them comes back."""
    ids = ",".join(map(str, jobs))
    # A task that failed this moment could put itself back into the queue after it was cancelled.
    _run(["scontrol", "update", f"JobId={ids}", "Requeue=0"])
    said = _run(["scancel", *map(str, jobs)]).stderr.strip()
    end = time.monotonic() + _CANCEL_SECONDS
    while left := sum(state != "COMPLETING" for *_, state, _ in _queue(jobs)):
        if time.monotonic() > end:
            raise FarmError(
                f"Slurm did not cancel {left} tasks: {said or 'it printed nothing'}; list them "
                f"with squeue --jobs={ids}, end them with scancel {ids.replace(',', ' ')}."
            )
        time.sleep(0.2)


def _ask(command: Sequence[str], failure: str) -> str:
    """Run one of Slurm's commands; give what it printed. Raises `FarmError` with its own words."""
    done = _run(command)
    if done.returncode == 0:
        return done.stdout
    words = "; ".join(done.stderr.split("\n")).strip("; ")
    advice = next((advice for sign, advice in _ADVICE.items() if sign in words), None)
    raise FarmError(f"{failure}: {words}" + (f". {advice}" if advice else ""))


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    environment = {
        name: value for name, value in os.environ.items() if name in _VARIABLES or name.startswith(_PREFIXES)
    }
    try:
        return subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_TIMEOUT_SECONDS,
        )
    except FileNotFoundError as error:
        raise InputError(
            f"{command[0]} was not found: submit from a machine of a Slurm cluster (Debian: "
            "apt-get install slurm-client, and the cluster's slurm.conf), or choose another "
            "--scheduler."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise FarmError(
            f"Slurm does not answer: {command[0]} took {_TIMEOUT_SECONDS} s; try again later."
        ) from error
