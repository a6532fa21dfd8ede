"""The template of a job for Open Job Description: its parameters, steps and commands."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from howard_nodes import __version__
from howard_nodes.description import INPUTS, KNOBS, OPTIONS, Knob, Socket
from howard_nodes.description.job import FIT_NAMES, Job
from howard_nodes.errors import InputError
from howard_nodes.farm.bundle import EXTENSIONS, FRAMES, openjd_model
from howard_nodes.farm.claim import claim_name, stem
from howard_nodes.farm.sharing import Sharing
from howard_nodes.frames import Footage
from howard_nodes.worker import daemon

__all__ = ["Farming", "Making"]

# Options that are the farm's own affair, or have parameters of their own.
_OWN = ("frames", "fit", "report", "resume")
_OF_THE_PLATE = ("start_frame", "layer", "colorspace", "ocio")
_START_SECONDS = 300  # for what comes before the first frame: a slow disk, a cold cache
_FIT_SECONDS, _VERIFY_SECONDS = 20, 2  # a frame: twenty times what they take
_ADAPT_SECONDS = 2400  # a shot: the same
_GRACE_SECONDS = 30
_FIT_STEPS = ("Scout", "Fit", "Join")
_LONGEST_NAME = 128
_LONGEST_VALUE = 1024
_KINDS = {"float": "FLOAT", "int": "INT"}


@dataclass(frozen=True)
class Farming:
    """How a job is cut up and what its tasks need.

    Attributes
    ----------
    name : str
        For people; empty: the output's.
    chunk : int
        Frames per task.
    fit_chunk : int
        Frames per task of Fit and Verify; a shot with no more is one task of each.
    chunk_seconds : int
        Engines that can adapt the size of a chunk aim for tasks of this length; 0 keeps `chunk`.
    cores : int
        Of a machine, for each task.
    memory : int
        MiB for each task.
    seconds_a_frame : int
        A task that takes longer than this for each of its frames is given up.
    howard : str
        The howard command on the workers.
    adapt : int
        Steps in which the weights learn the shot first, 0 for none; where that does not help, they are used
        as they are.
    overwrite : bool
        Take over an output folder that holds another job's frames.

    Raises
    ------
    InputError
        A value that makes no sense.
    """

    name: str = ""
    chunk: int = 25
    fit_chunk: int = 400
    chunk_seconds: int = 0
    cores: int = 2
    memory: int = 4096
    seconds_a_frame: int = 120
    howard: str = "howard"
    adapt: int = 0
    overwrite: bool = False

    def __post_init__(self) -> None:
        least = {"chunk": 1, "fit_chunk": 1, "chunk_seconds": 0, "cores": 1, "memory": 512}
        least |= {"seconds_a_frame": 1, "adapt": 0}
        for field, smallest in least.items():
            if getattr(self, field) < smallest:
                name = field.replace("_", " ")
                raise InputError(f"{name} {getattr(self, field)}: must be at least {smallest}.")


class Making:
    """One job as documents.

    Parameters are gathered while the command lines are made: what a command takes is a parameter.
    """

    def __init__(
        self, job: Job, frames: tuple[int, ...], farming: Farming, footage: Mapping[str, Footage]
    ) -> None:
        self.job, self.frames, self.farming, self._footage = job, frames, farming, footage
        self.fits = job.fit is None and not job.fitting.does_nothing
        made_of = [
            __version__,
            _plain(replace(job, frames=None)),
            *([f"adapt {farming.adapt}"] if farming.adapt else []),
        ]
        identity = json.dumps(made_of, sort_keys=True, default=str)
        self.job_id = hashlib.blake2b(identity.encode(), digest_size=8).hexdigest()
        self._definitions: dict[str, dict[str, Any]] = {}
        self._values: dict[str, Any] = {}
        self._files: list[str] = []
        self._basics()
        self._inputs = {socket.name: self._input(socket) for socket in INPUTS if job.pattern(socket.name)}
        self._flags = {knob.name: self._flag(knob) for knob in (*OPTIONS, *KNOBS) if knob.name not in _OWN}
        self._given_fit = None
        if job.fit is not None:
            self._given_fit = self._path("Fit", "Fit", job.fit, "Clean plate fit, made earlier.")

    # Parameters.

    def _define(self, name: str, kind: str, value: Any, about: str = "", **more: Any) -> str:
        """Add a parameter; give what stands for its value in a template.

        Its value is its default too, unless it is a path: Open Job Description allows only default paths that
        lie in the bundle.
        """
        self._definitions[name] = {"name": name, "type": kind, **more}
        if kind != "PATH":
            self._definitions[name]["default"] = value
        if about:
            self._definitions[name]["description"] = about
        self._values[name] = value
        return f"{{{{Param.{name}}}}}"

    def _path(self, name: str, label: str, value: str, about: str) -> str:
        self._files.append(value)
        return self._define(
            name,
            "PATH",
            value,
            about,
            objectType="FILE",
            dataFlow="IN",
            userInterface={"control": "CHOOSE_INPUT_FILE", "label": label},
        )

    def _basics(self) -> None:
        job, farming = self.job, self.farming
        self._define("JobName", "STRING", (farming.name or f"{stem(job.output)} matte")[:_LONGEST_NAME])
        output = Path(job.output)
        folder = self._define(
            "OutputFolder",
            "PATH",
            str(output.parent),
            "Folder of the output.",
            objectType="DIRECTORY",
            dataFlow="OUT",
            userInterface={"control": "CHOOSE_DIRECTORY", "label": "Output folder"},
        )
        name = self._define(
            "OutputName", "STRING", output.name, "Name of the output files; #### is the frame number."
        )
        beside = self._define(
            "OutputStem", "STRING", stem(job.output), "Base name of the files beside the output: fit, report."
        )
        self._adapted = f"{folder}/{beside}.adapted.safetensors"
        self._output, self._beside = f"{folder}/{name}", f"{folder}/{beside}"
        self._all = self._define(
            FRAMES, "STRING", _expression(self.frames), "Frames, as 1001-1240 or 1001-1100:2,1150."
        )
        self._chunk = self._define("ChunkSize", "INT", farming.chunk, "Frames per task.", minValue=1)
        size = self._define("FitChunkSize", "INT", farming.fit_chunk, "The same for Fit, Verify.", minValue=1)
        self._sharing = Sharing(len(self.frames), farming.fit_chunk, self._all, size, self._script)
        self._chunk_seconds = self._define(
            "ChunkSeconds",
            "INT",
            farming.chunk_seconds,
            "Target task length in seconds, for schedulers that adapt the chunk size; 0 keeps the size.",
            minValue=0,
        )
        self._howard = self._define(
            "HowardCommand", "STRING", farming.howard, "The howard command on the workers."
        )
        self._id = self._define(
            "JobId", "STRING", self.job_id, "The same for jobs that make the same frames."
        )

    def _input(self, socket: Socket) -> str:
        pattern = self.job.pattern(socket.name)
        assert pattern is not None
        name = _camel(socket.name)
        footage = self._footage[socket.name]
        if Path(pattern).is_file():
            return self._path(name, socket.label, pattern, socket.help)
        self._files += [str(footage.path(frame)) for frame in self._read(socket, footage)]
        # Not IN, which would carry the folder's every file: the frames are listed one by one.
        folder = self._define(
            f"{name}Folder",
            "PATH",
            str(Path(pattern).parent),
            f"Folder of the {socket.label.lower()}.",
            objectType="DIRECTORY",
            dataFlow="NONE",
            userInterface={"control": "CHOOSE_DIRECTORY", "label": f"{socket.label}, folder"},
        )
        file = self._define(
            f"{name}Name",
            "STRING",
            Path(pattern).name,
            f"{socket.label}. {socket.help} #### is the frame number.",
        )
        return f"{folder}/{file}"

    def _read(self, socket: Socket, footage: Footage) -> Iterable[int]:
        """Tell which frames of an input may be read: of a clean plate all, whichever the fit takes."""
        return footage.frames if socket.name == "clean_plate" else footage.select(self.frames)

    def _flag(self, knob: Knob) -> list[str]:
        value = _value(self.job, knob.name)
        if value is None:
            return []
        if isinstance(value, str) and Path(value).is_file():
            return [knob.flag, self._path(_camel(knob.name), knob.label, value, knob.help)]
        interface: dict[str, Any] = {"control": "LINE_EDIT"}
        more: dict[str, Any] = {}
        kind = _KINDS.get(knob.type, "STRING")
        if knob.choices:
            interface["control"] = "DROPDOWN_LIST"
            more["allowedValues"] = [choice.value for choice in knob.choices]
        elif kind != "STRING":
            interface["control"] = "SPIN_BOX"
            more |= {"minValue": knob.minimum, "maxValue": knob.maximum}
        interface |= {"label": knob.label, "groupLabel": knob.group}
        more = {name: limit for name, limit in more.items() if limit is not None}
        parameter = self._define(_camel(knob.name), kind, value, knob.help, userInterface=interface, **more)
        return [knob.flag, parameter]

    # Documents.

    def template(self) -> dict[str, Any]:
        """Give the template."""
        steps = [
            *(self._fit_steps() if self.fits else []),
            *([self._adapt_step()] if self.farming.adapt else []),
            self._matte_step(),
            *self._verify_steps(),
        ]
        return {
            "specificationVersion": "jobtemplate-2023-09",
            "extensions": list(EXTENSIONS),
            "name": "{{Param.JobName}}",
            "description": f"Made by howard {__version__}: background matting of a shot.",
            "parameterDefinitions": list(self._definitions.values()),
            "jobEnvironments": [self._environment()],
            "steps": steps,
        }

    def parameter_values(self) -> list[dict[str, Any]]:
        """Give the parameters' values."""
        return [{"name": name, "value": value} for name, value in self._values.items()]

    def paths(self) -> dict[str, str]:
        """Give the values that a template can have no defaults for, by name, as `openjd run` takes them."""
        kinds = {name: definition["type"] for name, definition in self._definitions.items()}
        return {name: value for name, value in self._values.items() if kinds[name] == "PATH"}

    def assets(self) -> dict[str, Any]:
        """List what is read and written."""
        output = Path(self.job.output)
        # The claim goes along: a worker that has no such folder yet gets it with the claim in it.
        read = [*dict.fromkeys(self._files), str(output.with_name(claim_name(self.job.output)))]
        return {
            "inputs": {"filenames": read, "directories": []},
            "outputs": {"directories": [str(output.parent)]},
            "referencedPaths": [],
        }

    def _environment(self) -> dict[str, Any]:
        check = ["farm", "check", self._output, "--job-id", self._id, "--version", __version__]
        return {
            "name": "Howard",
            "description": "Checks howard's version and the output folder on the worker.",
            # Readers, the network and writers keep to the cores that were asked for.
            "variables": {"OMP_NUM_THREADS": str(self.farming.cores)},
            "script": {"actions": {"onEnter": {"command": self._howard, "args": check, "timeout": 120}}},
        }

    def _fit_steps(self) -> list[dict[str, Any]]:
        args = ["plate", "fit", *self._plates(), "-o", f"{self._beside}.fit.json", "--frames", self._all]
        args += [part for name, flags in self._flags.items() if name in FIT_NAMES for part in flags]
        args.append("--openjd")
        about = "Fits the clean plate, for the whole shot."
        return self._sharing.steps(_FIT_STEPS, about, args, _FIT_SECONDS, needs=None, host=self._host())

    def _adapt_step(self) -> dict[str, Any]:
        about = "Training steps to adapt the weights to the shot."
        steps = self._define("AdaptSteps", "INT", self.farming.adapt, about, minValue=1)
        args = ["adapt", *self._plates(), "-o", self._adapted, "--frames", self._all]
        wanted = (*FIT_NAMES, "quality", "backbone_scale")
        args += [part for name, flags in self._flags.items() if name in wanted for part in flags]
        args += [*self._fitted(), "--steps", steps, "--resume", "--always", "--openjd"]
        step = {
            "name": "Adapt",
            "description": "Adapts the weights to the shot; if that does not help, keeps them as they are.",
            "hostRequirements": self._host(),
            "script": self._script(args, _ADAPT_SECONDS),
        }
        return step | ({"dependencies": [{"dependsOn": self._sharing.end(*_FIT_STEPS)}]} if self.fits else {})

    def _fitted(self) -> list[str]:
        fit = f"{self._beside}.fit.json" if self.fits else self._given_fit
        return [] if fit is None else ["--fit", fit]

    def _matte_step(self) -> dict[str, Any]:
        farming = self.farming
        args = [*daemon.COMMAND, "matte", *self._plates()]
        for socket in INPUTS:
            if socket.name in self._inputs and not socket.required:
                args += [socket.flag, self._inputs[socket.name]]
        args += ["-o", self._output, "--frames", f"{{{{Task.Param.{FRAMES}}}}}"]
        own = {"weights": ["--weights", self._adapted]} if farming.adapt else {}
        args += [part for flags in (self._flags | own).values() for part in flags]
        args += [*self._fitted(), "--resume", "--openjd"]
        chunk = {
            "name": FRAMES,
            "type": "CHUNK[INT]",
            "range": self._all,
            "chunks": {
                "defaultTaskCount": self._chunk,
                "targetRuntimeSeconds": self._chunk_seconds,
                "rangeConstraint": "NONCONTIGUOUS",
            },
        }
        step = {
            "name": "Matte",
            "description": (
                "Mattes the frames, in chunks. A retry renders only the frames that are missing."
            ),
            "hostRequirements": self._host(),
            "parameterSpace": {"taskParameterDefinitions": [chunk]},
            "stepEnvironments": [daemon.environment(self._howard)],
            "script": self._script(args, farming.chunk * farming.seconds_a_frame),
        }
        before = "Adapt" if farming.adapt else self._sharing.end(*_FIT_STEPS) if self.fits else None
        return step | ({"dependencies": [{"dependsOn": before}]} if before else {})

    def _verify_steps(self) -> list[dict[str, Any]]:
        args = ["verify", self._output, "--frames", self._all, "--report", f"{self._beside}.report.json"]
        args += ["--contact-sheet", f"{self._beside}.contact_sheet.png", "--page", f"{self._beside}.html"]
        args += ["--plate", self._inputs["plate"]]
        args += [part for name in _OF_THE_PLATE for part in self._flags.get(name, ())] + ["--openjd"]
        about = "Checks that all frames are there, complete and alike; writes a page about them."
        names, host = ("", "Verify", "Report"), self._host(gpu=False)
        return self._sharing.steps(names, about, args, _VERIFY_SECONDS, needs="Matte", host=host)

    def _plates(self) -> list[str]:
        return [self._inputs["plate"], "--clean", self._inputs["clean_plate"]]

    def _host(self, *, gpu: bool = True) -> dict[str, Any]:
        amounts: list[dict[str, Any]] = [
            {"name": "amount.worker.vcpu", "min": self.farming.cores},
            {"name": "amount.worker.memory", "min": self.farming.memory},
        ]
        if gpu and self.job.device == "cuda":
            amounts.append({"name": "amount.worker.gpu", "min": 1})
        return {"amounts": amounts}

    def _script(self, args: list[str], seconds: int) -> dict[str, Any]:
        run = {
            "command": self._howard,
            "args": args,
            "timeout": _START_SECONDS + seconds,
            "cancelation": {
                "mode": "NOTIFY_THEN_TERMINATE",
                "notifyPeriodInSeconds": _GRACE_SECONDS,
            },
        }
        return {"actions": {"onRun": run}}


def _plain(job: Job) -> dict[str, Any]:
    parts = vars(job) | {"fitting": vars(job.fitting), "settings": vars(job.settings)}
    return {name: value for name, value in parts.items() if not name.startswith("_")}


def _value(job: Job, name: str) -> Any:
    for part in (job, job.fitting, job.settings):
        if hasattr(part, name):
            return getattr(part, name)
    raise AssertionError(name)


def _expression(frames: tuple[int, ...]) -> str:
    """Write frames as Open Job Description reads them: 1001-1240, 1001-1019:3,1150."""
    return str(openjd_model().IntRangeExpr.from_list(list(frames)))


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
