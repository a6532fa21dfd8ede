"""A bundle as it lies on disk: steps, tasks and what they need.

Open Job Description's own library reads it.
"""

from __future__ import annotations

import hashlib
import json
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from howard_nodes import __version__
from howard_nodes.atomic import absolute, read_json, write_file
from howard_nodes.errors import InputError, WriteError
from howard_nodes.frames import parse_frames

__all__ = [
    "EXTENSIONS",
    "PARAMETERS",
    "TEMPLATE",
    "Bundle",
    "FarmStep",
    "Requirements",
    "Task",
    "openjd_command",
    "openjd_model",
    "read_yaml",
    "task_command",
]

TEMPLATE, PARAMETERS = "template.yaml", "parameter_values.yaml"
"""Names of a bundle's files."""

_TASKS, _VERSION = "tasks.json", 1

EXTENSIONS = ("TASK_CHUNKING",)
"""Extensions of Open Job Description that a bundle uses."""

FRAMES = "Frames"
"""The parameter of a job, and of a task, with frames."""


@dataclass(frozen=True)
class Requirements:
    """What a task needs of its machine.

    Attributes
    ----------
    cores : int
        Processors.
    memory : int
        MiB.
    gpus : int
        0 for none.
    """

    cores: int = 1
    memory: int = 1024
    gpus: int = 0


@dataclass(frozen=True)
class Task:
    """A part of a step that runs on one machine.

    Attributes
    ----------
    step : str
        Its step's name.
    number : int
        In its step, from 0.
    frames : tuple of int
        What it makes; empty where it looks at frames, or is about the whole shot.
    values : dict
        Of the task's parameters.
    """

    step: str
    number: int
    frames: tuple[int, ...]
    values: dict[str, str]


@dataclass(frozen=True)
class FarmStep:
    """A step of a job.

    Attributes
    ----------
    name : str
        Its name.
    needs : tuple of str
        Steps that must be done before it begins.
    tasks : tuple of Task
        In order.
    requirements : Requirements
        Of each task.
    seconds : int or None
        After which a task is given up.
    """

    name: str
    needs: tuple[str, ...]
    tasks: tuple[Task, ...]
    requirements: Requirements
    seconds: int | None


@dataclass(frozen=True)
class Bundle:
    """A job.

    Attributes
    ----------
    folder : Path
        Where it lies, absolute.
    name : str
        For people.
    steps : tuple of FarmStep
        Each after those it needs.
    output : str
        Pattern of the result.
    frames : tuple of int
        All of the job's.
    values : dict
        Of the job's parameters.
    """

    folder: Path
    name: str
    steps: tuple[FarmStep, ...]
    output: str
    frames: tuple[int, ...]
    values: dict[str, Any]

    @classmethod
    def load(cls, folder: Path | str) -> Bundle:
        """Read a bundle.

        Parameters
        ----------
        folder : Path or str
            As `howard farm bundle` made it.

        Raises
        ------
        InputError
            It is none, or Open Job Description's library refuses it.
        """
        folder = absolute(folder)
        mark = _mark(folder)
        known = _remembered(folder, mark)
        if known is not None:
            return cls(folder, **known)
        template = read_yaml(folder / TEMPLATE)
        model = openjd_model()
        values = _values(folder / PARAMETERS)
        try:
            decoded = model.decode_job_template(template=template, supported_extensions=EXTENSIONS)
            parameters = model.preprocess_job_parameters(
                job_template=decoded,
                job_parameter_values={name: str(value) for name, value in values.items()},
                job_template_dir=folder,
                current_working_dir=folder,
            )
            job = model.create_job(job_template=decoded, job_parameter_values=parameters)
            steps = model.StepDependencyGraph(job=job).topo_sorted()
            made = tuple(_step(model, step) for step in steps)
            frames = parse_frames(str(values[FRAMES]))
            output = f"{values['OutputFolder']}/{values['OutputName']}"
        except (ValueError, KeyError) as error:
            raise InputError(f"{folder}: is not a Howard job that can be run: {error}") from error
        read = cls(folder, str(job.name), made, output, frames, values)
        with suppress(WriteError):  # a folder that may only be read is read anew each time
            _remember(read, mark)
        return read

    def step(self, name: str) -> FarmStep:
        """Give a step. Raises `InputError` where there is none of that name."""
        for step in self.steps:
            if step.name == name:
                return step
        there = ", ".join(step.name for step in self.steps)
        raise InputError(f"{self.folder}: has no step {name}; it has {there}.")

    @property
    def tasks(self) -> tuple[Task, ...]:
        """All tasks, step by step."""
        return tuple(task for step in self.steps for task in step.tasks)


def task_command(bundle: Bundle, task: Task) -> list[str]:
    """Give the command line that runs a task on whatever machine: what adapters hand to schedulers.

    Parameters
    ----------
    bundle : Bundle
        The job.
    task : Task
        One of its tasks.

    Returns
    -------
    list of str
        Nothing in it is quoted for a shell. The task's number comes last: where an array's index goes.
    """
    return [
        *(sys.executable, "-m", "howard_nodes", "farm", "run", str(bundle.folder)),
        *("--step", task.step, "--task", str(task.number)),
    ]


def openjd_command(bundle: Bundle, step: FarmStep, tasks: tuple[Task, ...]) -> list[str]:
    """Give the command line of Open Job Description's own engine for some tasks of a step, one after another.

    Parameters
    ----------
    bundle : Bundle
        The job.
    step : FarmStep
        One of its steps.
    tasks : tuple of Task
        Of that step.
    """
    # -u: a log tells at once how far a task is.
    command = [
        sys.executable,
        "-u",
        "-m",
        "openjd",
        "run",
        str(bundle.folder / TEMPLATE),
        "--step",
        step.name,
    ]
    command += ["--no-run-dependencies", "--extensions", ",".join(EXTENSIONS), "--timestamp-format", "utc"]
    command += ["--job-param", json.dumps({name: str(value) for name, value in bundle.values.items()})]
    if any(task.values for task in tasks):
        command += ["--tasks", json.dumps([task.values for task in tasks])]
    return command


def read_yaml(path: Path) -> Any:
    """Read a YAML file of a bundle. Raises `InputError` where it is missing or damaged."""
    if not path.exists():
        raise _no_job(path)
    openjd_model()
    import yaml

    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error


def openjd_model() -> Any:
    """Give Open Job Description's library. Raises `InputError` where it is not installed."""
    try:
        import openjd.model as model
    except ImportError as error:
        raise InputError(
            "jobs need Open Job Description's library: pip install 'howard-matting[farm]'."
        ) from error
    return model


def _no_job(path: Path) -> InputError:
    if not path.parent.exists():
        return InputError(
            f"{path.parent}: is not there; if the job folder was moved, submit the job from its new place: "
            "howard farm submit NEW. Its frames are kept."
        )
    return InputError(
        f"{path.parent}: is not a Howard job, {path.name} is missing; make one with howard farm bundle."
    )


def _mark(folder: Path) -> str:
    """Hash the files that decide what a bundle's tasks are."""
    digest = hashlib.blake2b(f"{_VERSION} {__version__}".encode(), digest_size=16)
    for name in (TEMPLATE, PARAMETERS):
        try:
            digest.update((folder / name).read_bytes())
        except FileNotFoundError as error:
            raise _no_job(folder / name) from error
        except OSError as error:
            raise InputError(f"{folder / name}: cannot be read: {error}") from error
    return digest.hexdigest()


def _remember(bundle: Bundle, mark: str) -> None:
    """Keep what Open Job Description's library made of a bundle: who looks at a job need not have it."""
    kept = asdict(bundle) | {"format": "howard-farm-tasks", "mark": mark}
    del kept["folder"]
    write_file(bundle.folder / _TASKS, json.dumps(kept, ensure_ascii=False) + "\n")


def _remembered(folder: Path, mark: str) -> dict[str, Any] | None:
    try:
        kept = read_json(folder / _TASKS)
        if kept.pop("format") != "howard-farm-tasks" or kept.pop("mark") != mark:
            return None
        kept["steps"] = tuple(_step_of(step) for step in kept["steps"])
        kept["frames"] = tuple(kept["frames"])
        return dict(kept)
    except (InputError, KeyError, TypeError, AttributeError):
        return None


def _step_of(kept: dict[str, Any]) -> FarmStep:
    tasks = tuple(Task(**task | {"frames": tuple(task["frames"])}) for task in kept["tasks"])
    changed = {
        "needs": tuple(kept["needs"]),
        "tasks": tasks,
        "requirements": Requirements(**kept["requirements"]),
    }
    return FarmStep(**kept | changed)


def _values(path: Path) -> dict[str, Any]:
    document = read_yaml(path)
    try:
        # Names with a colon are an engine's own: deadline:priority.
        return {one["name"]: one["value"] for one in document["parameterValues"] if ":" not in one["name"]}
    except (TypeError, KeyError) as error:
        raise InputError(f"{path}: is not a list of parameter values: {error}") from error


def _step(model: Any, step: Any) -> FarmStep:
    space = step.parameterSpace
    count = None
    if space is not None:
        chunked = next(iter(space.taskParameterDefinitions.values())).chunks
        # Engines that adapt a chunk to the time it takes begin with this size; others keep it.
        count = None if chunked is None else int(chunked.defaultTaskCount)
    tasks = []
    found = model.StepParameterSpaceIterator(space=space, chunks_task_count_override=count)
    for number, parameters in enumerate(found):
        values = {name: str(value.value) for name, value in parameters.items()}
        frames = parse_frames(values[FRAMES]) if FRAMES in values else ()
        tasks.append(Task(step.name, number, frames, values))
    amounts = step.hostRequirements.amounts if step.hostRequirements is not None else None
    least = {str(one.name): int(one.min) for one in amounts or () if one.min is not None}
    timeout = step.script.actions.onRun.timeout
    return FarmStep(
        name=step.name,
        needs=tuple(one.dependsOn for one in step.dependencies or ()),
        tasks=tuple(tasks),
        requirements=Requirements(
            cores=least.get("amount.worker.vcpu", 1),
            memory=least.get("amount.worker.memory", 1024),
            gpus=least.get("amount.worker.gpu", 0),
        ),
        seconds=None if timeout is None else int(timeout),
    )
