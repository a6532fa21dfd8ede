"""A loopback stand-in for AWS: what `deadline bundle submit` asks Deadline Cloud, STS and S3.

It takes jobs as the service does: Open Job Description's own library reads the template, and parameters may
be no longer than Amazon's model of the service says. Nothing runs; tests say how tasks end.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import botocore.loaders
import openjd.model
import yaml

FARM, QUEUE = f"farm-{'0' * 32}", f"queue-{'1' * 32}"
BUCKET = "attachments"
EXTENSIONS = ["TASK_CHUNKING"]
NOW = datetime.now(UTC)


class RefusedError(Exception):
    """The service's answer to a request that it does not like."""


@dataclass
class Job:
    """A job that was taken.

    Attributes
    ----------
    asked : dict
        The body of CreateJob.
    made : openjd.model.Job
        What the template and the parameters make.
    tasks : dict
        Of each step, the parameters and the status of each of its tasks.
    target : str
        What it was told to become.
    """

    asked: dict[str, Any]
    made: Any
    tasks: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    target: str = "READY"


@dataclass
class DeadlineService:
    """The service, with one farm and one queue.

    Attributes
    ----------
    url : str
        Where it answers.
    attachments : bool
        Whether the queue has a bucket for job attachments.
    jobs : dict
        By id, in the order in which they came.
    objects : dict
        The bucket: key to content.
    """

    url: str = ""
    attachments: bool = False
    jobs: dict[str, Job] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)

    def environment(self, home: Path) -> dict[str, str]:
        """Give the environment in which AWS's clients come here and nowhere else."""
        home.mkdir(exist_ok=True)
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "AWS_DEFAULT_REGION": "us-west-2",
            "AWS_CONFIG_FILE": str(home / "aws-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(home / "aws-credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
            "DEADLINE_CLOUD_TELEMETRY_OPT_OUT": "true",
            "DEADLINE_CONFIG_FILE_PATH": str(home / "deadline-config"),
            "HOME": str(home),
            "NO_PROXY": "127.0.0.1",
        }

    def manifest(self, job: Job) -> dict[str, Any]:
        """Give the list of files that a job brings along, from the bucket."""
        path = job.asked["attachments"]["manifests"][0]["inputManifestPath"]
        return next(json.loads(content) for key, content in self.objects.items() if key.endswith(path))

    @cached_property
    def _longest(self) -> dict[str, int]:
        shapes = botocore.loaders.Loader().load_service_model("deadline", "service-2")["shapes"]
        names = {"string": "ParameterString", "path": "PathString", "int": "IntString"}
        return {kind: shapes[name]["max"] for kind, name in names.items()}

    def create_job(self, asked: dict[str, Any]) -> dict[str, Any]:
        for name, value in asked.get("parameters", {}).items():
            (kind, text), *_ = value.items()
            if len(text) > self._longest.get(kind, 1024):
                raise RefusedError(f"parameter {name} is longer than {self._longest[kind]} characters")
        try:
            template = openjd.model.decode_job_template(
                template=yaml.safe_load(asked["template"]), supported_extensions=EXTENSIONS
            )
            values = openjd.model.preprocess_job_parameters(
                job_template=template,
                job_parameter_values={
                    name: next(iter(value.values())) for name, value in asked.get("parameters", {}).items()
                },
                job_template_dir=Path("/"),
                current_working_dir=Path("/"),
            )
            made = openjd.model.create_job(job_template=template, job_parameter_values=values)
        except ValueError as error:
            raise RefusedError(str(error)) from error
        job = Job(asked, made)
        for step in made.steps:
            job.tasks[step.name] = [
                {"parameters": {name: _parameter(value) for name, value in task.items()}, "status": "READY"}
                for task in openjd.model.StepParameterSpaceIterator(space=step.parameterSpace)
            ]
        job_id = f"job-{len(self.jobs):032x}"
        self.jobs[job_id] = job
        return {"jobId": job_id}

    def get_job(self, job_id: str) -> dict[str, Any]:
        job = self._job(job_id)
        return {
            "jobId": job_id,
            "name": str(job.made.name),
            "lifecycleStatus": "CREATE_COMPLETE",
            "lifecycleStatusMessage": "Job creation completed successfully",
            "priority": job.asked["priority"],
            **_made_by(),
        }

    def update_job(self, job_id: str, asked: dict[str, Any]) -> dict[str, Any]:
        self._job(job_id).target = asked["targetTaskRunStatus"]
        return {}

    def list_steps(self, job_id: str) -> dict[str, Any]:
        steps = [
            {
                "stepId": f"step-{number:032x}",
                "name": name,
                "lifecycleStatus": "CREATE_COMPLETE",
                "taskRunStatus": "READY",
                "taskRunStatusCounts": {},
                **_made_by(),
            }
            for number, name in enumerate(self._job(job_id).tasks)
        ]
        return {"steps": steps}

    def list_tasks(self, job_id: str, step_id: str) -> dict[str, Any]:
        tasks = list(self._job(job_id).tasks.values())[int(step_id.removeprefix("step-"), 16)]
        listed = [
            {
                "taskId": f"task-{number:032x}-0",
                "runStatus": task["status"],
                "parameters": task["parameters"],
                **_made_by(),
            }
            for number, task in enumerate(tasks)
        ]
        return {"tasks": listed}

    def get_queue(self) -> dict[str, Any]:
        bucket = {"jobAttachmentSettings": {"s3BucketName": BUCKET, "rootPrefix": "root"}}
        return {
            "farmId": FARM,
            "queueId": QUEUE,
            "displayName": "mattes",
            "status": "IDLE",
            "defaultBudgetAction": "NONE",
            **_made_by(),
            **(bucket if self.attachments else {}),
        }

    def _job(self, job_id: str) -> Job:
        if job_id not in self.jobs:
            raise RefusedError(f"job {job_id} not found")
        return self.jobs[job_id]


@contextmanager
def deadline_service() -> Iterator[DeadlineService]:
    """Serve on a free port of this machine until the context is left."""
    service = DeadlineService()
    handler = type("Handler", (_Handler,), {"service": service})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        service.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()


_FARM = rf"/2023-10-12/farms/{FARM}"
_QUEUE = rf"{_FARM}/queues/{QUEUE}"
_JOB = rf"{_QUEUE}/jobs/(job-\w+)"
_ROUTES: list[tuple[str, str, Callable[..., dict[str, Any]]]] = [
    ("GET", _FARM, lambda service, asked: {"farmId": FARM, "displayName": "night", **_made_by()}),
    ("GET", _QUEUE, lambda service, asked: service.get_queue()),
    ("GET", f"{_QUEUE}/environments", lambda service, asked: {"environments": []}),
    ("GET", f"{_QUEUE}/user-roles", lambda service, asked: {"credentials": _credentials()}),
    ("POST", f"{_QUEUE}/jobs", lambda service, asked: service.create_job(asked)),
    ("GET", _JOB, lambda service, asked, job: service.get_job(job)),
    ("PATCH", _JOB, lambda service, asked, job: service.update_job(job, asked)),
    ("GET", f"{_JOB}/steps", lambda service, asked, job: service.list_steps(job)),
    (
        "GET",
        rf"{_JOB}/steps/(step-\w+)/tasks",
        lambda service, asked, job, step: service.list_tasks(job, step),
    ),
]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: DeadlineService

    def _answer(self, status: int, body: bytes = b"", kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Type": kind, "Content-Length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _serve(self) -> None:
        body = self._body()
        path = unquote(urlsplit(self.path).path)
        for method, pattern, answer in _ROUTES:
            match = re.fullmatch(pattern, path)
            if match is not None and method == self.command:
                try:
                    answered = answer(self.service, json.loads(body or b"{}"), *match.groups())
                except RefusedError as error:
                    refusal = {"message": str(error), "reason": "OTHER"}
                    self._answer(400, json.dumps(refusal).encode(), x_amzn_ErrorType="ValidationException")
                else:
                    self._answer(200, json.dumps(answered).encode())
                return
        if path.startswith(f"/{BUCKET}"):
            self._bucket(path.removeprefix(f"/{BUCKET}").lstrip("/"), body)
        elif b"Action=GetCallerIdentity" in body:
            who = "<GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult>"
            self._answer(200, f"<R>{who}</R>".encode(), kind="text/xml")
        else:
            refusal = {"message": f"{self.command} {path}: not known here"}
            self._answer(404, json.dumps(refusal).encode(), x_amzn_ErrorType="ResourceNotFoundException")

    def _bucket(self, key: str, body: bytes) -> None:
        if self.command == "PUT":
            self.service.objects[key] = body
            self._answer(200, ETag='"made"')
        elif not key and self.command == "GET":
            listed = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
            self._answer(200, listed.encode(), kind="application/xml")
        else:
            self._answer(200 if not key or key in self.service.objects else 404)

    do_GET = do_POST = do_PATCH = do_PUT = do_HEAD = _serve  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _parameter(value: Any) -> dict[str, str]:
    kind = {"CHUNK_INT": "chunkInt", "INT": "int"}.get(value.type.name, "string")
    return {kind: str(value.value)}


def _made_by() -> dict[str, str]:
    return {"createdAt": NOW.isoformat(), "createdBy": "nobody"}


def _credentials() -> dict[str, str]:
    return {
        "accessKeyId": "queue",
        "secretAccessKey": "nothing",
        "sessionToken": "none",
        "expiration": (NOW + timedelta(hours=1)).isoformat(),
    }
