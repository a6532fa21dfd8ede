"""AWS Deadline Cloud: takes the bundle as it is, through Amazon's own `deadline bundle submit`.

Farm, queue and credentials are those of `deadline config`; what a worker needs there is what any job needs:
`howard` on its path, and the files, either on a shared disk or as job attachments.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from howard_nodes.errors import FarmError, HowardError, InputError
from howard_nodes.farm.bundle import Bundle, read_yaml
from howard_nodes.farm.making import ASSETS
from howard_nodes.farm.scheduler import Options, State
from howard_nodes.farm.submission import Submission
from howard_nodes.frames import parse_frames

__all__ = ["DeadlineCloud"]

_STATES: dict[str, State] = {
    "RUNNING": "running",
    "INTERRUPTING": "running",
    "SUCCEEDED": "done",
    "FAILED": "failed",
    "CANCELED": "cancelled",
}
# A task of ours whose frames the service put into several chunks is as far as the first of these.
_FIRST: tuple[State, ...] = ("running", "failed", "cancelled", "waiting", "done")

_LAST = 6  # lines of what deadline said that say what went wrong


class DeadlineCloud:
    """Submits to the farm and queue that `deadline config` names; a partition is a queue's id."""

    name = "deadline-cloud"

    def check(self) -> None:
        """See whether a job could be submitted now.

        Raises
        ------
        InputError
            Deadline's client is not installed, no farm is chosen, or the service does not answer.
        """
        farm = _setting("farm_id")
        with _answers(InputError):
            _client().get_farm(farmId=farm)

    def submit(self, submission: Submission, options: Options) -> dict[str, Any]:
        """Submit a bundle with `deadline bundle submit`.

        Parameters
        ----------
        submission : Submission
            Where `deadline.log` goes: what it said.
        options : Options
            Priority is 0 to 100, 50 if not said; extra flags are those of `deadline bundle submit`.

        Returns
        -------
        dict
            The ids of farm, queue and job.

        Raises
        ------
        InputError
            As of `check`, or a priority or queue that the service does not know.
        FarmError
            The service did not take the job.
        """
        bundle = submission.bundle
        priority = 50 if options.priority is None else options.priority
        if not 0 <= priority <= 100:
            raise InputError(f"priority {priority}: Deadline Cloud takes 0 to 100.")
        farm, queue = _setting("farm_id"), options.partition or _setting("queue_id")
        with _answers(InputError):
            _client().get_queue(farmId=farm, queueId=queue)
        command = [sys.executable, "-m", "deadline", "bundle", "submit", str(bundle.folder), "--yes"]
        command += ["--farm-id", farm, "--queue-id", queue, "--submitter-name", "Howard"]
        command += ["--priority", str(priority), "--max-retries-per-task", str(options.retries)]
        # With --yes, files in folders that are not known to it are refused.
        for folder in sorted(_folders(bundle)):
            command += ["--known-asset-path", folder]
        done = subprocess.run(
            [*command, *options.extra],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        log = submission.folder / "deadline.log"
        log.write_text(done.stdout, encoding="utf-8")
        job = re.search(r"^job-\w+$", done.stdout, re.MULTILINE)
        if done.returncode or job is None:
            why = "\n".join(done.stdout.strip().splitlines()[-_LAST:])
            raise FarmError(f"{bundle.folder}: Deadline Cloud refused the job (full output in {log}):\n{why}")
        return {"farm": farm, "queue": queue, "job": job[0]}

    def states(self, submission: Submission) -> dict[tuple[str, int], State]:
        """Ask the service how far each task is.

        Raises
        ------
        FarmError
            It does not answer.
        """
        job = _job(submission)
        told: dict[str, dict[int | None, State]] = {}
        with _answers(FarmError):
            client = _client()
            for step in _pages(client, "list_steps", "steps", **job):
                of_step = told.setdefault(step["name"], {})
                for one in _pages(client, "list_tasks", "tasks", **job, stepId=step["stepId"]):
                    of_step |= dict.fromkeys(_frames(one), _STATES.get(one["runStatus"], "waiting"))
        states: dict[tuple[str, int], State] = {}
        for task in submission.bundle.tasks:
            of_step = told.get(task.step, {})
            found = {of_step[frame] for frame in task.frames or (None,) if frame in of_step}
            if found:
                states[task.step, task.number] = min(found, key=_FIRST.index)
        return states

    def cancel(self, submission: Submission) -> None:
        """Cancel the job.

        Raises
        ------
        FarmError
            It does not answer.
        """
        with _answers(FarmError):
            _client().update_job(**_job(submission), targetTaskRunStatus="CANCELED")


def _deadline() -> Any:
    try:
        import deadline.client.api
        import deadline.client.config
    except ImportError as error:
        raise InputError(
            "Deadline Cloud needs Amazon's client: pip install deadline, or choose another --scheduler."
        ) from error
    return deadline.client


def _client() -> Any:
    return _deadline().api.get_boto3_client("deadline")


def _setting(name: str) -> str:
    value = str(_deadline().config.get_setting(f"defaults.{name}"))
    if not value:
        what = name.removesuffix("_id")
        raise InputError(
            f"no {what} is set for Deadline Cloud: list them with deadline {what} list, set one "
            f"with deadline config set defaults.{name} {what}-..."
        )
    return value


@contextmanager
def _answers(kind: type[HowardError]) -> Iterator[None]:
    """Raise what Amazon's client raises as an error of ours."""
    _deadline()
    from botocore.exceptions import BotoCoreError, ClientError  # comes with deadline

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise kind(
            f"Deadline Cloud does not answer: {error} Check deadline auth status, and farm, queue "
            "and profile in deadline config show."
        ) from error


def _job(submission: Submission) -> dict[str, str]:
    return {f"{name}Id": submission.known[name] for name in ("farm", "queue", "job")}


def _pages(client: Any, operation: str, key: str, **asked: str) -> Iterator[dict[str, Any]]:
    for page in client.get_paginator(operation).paginate(**asked):
        yield from page[key]


def _frames(task: dict[str, Any]) -> tuple[int | None, ...]:
    """Give the frames of one of the service's tasks; None stands for a task about the whole shot."""
    texts = [next(iter(value.values())) for value in task.get("parameters", {}).values()]
    return parse_frames(texts[0]) if texts else (None,)


def _folders(bundle: Bundle) -> set[str]:
    """Give the folders that a job reads files of, or writes to."""
    listed = read_yaml(bundle.folder / ASSETS)["assetReferences"]
    read = {str(Path(path).parent) for path in listed["inputs"]["filenames"]}
    return read | {*listed["inputs"]["directories"], *listed["outputs"]["directories"]}
