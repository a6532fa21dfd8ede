"""OpenCue: a layer for each step with a frame for each task, made with OpenCue's own pyoutline.

OpenCue's show is the option partition, else SHOW in the environment; its shot is SHOT there. Where cuebot is,
pycue's configuration says, or CUEBOT_HOSTS.
"""

from __future__ import annotations

import math
import re
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from howard_nodes.atomic import write_file
from howard_nodes.errors import FarmError, HowardError, InputError
from howard_nodes.farm.bundle import Bundle, FarmStep, task_command
from howard_nodes.farm.scheduler import Options, State
from howard_nodes.farm.submission import ATTEMPT_MARK, EXIT_MARK, Submission

__all__ = ["OpenCue", "make_spec"]

_MOST_TASKS = 100_000  # of a job; cuebot refuses more
_PAGE = 1000  # frames that cuebot tells at a time
_MOST_NAME = 64

_STATES: dict[str, State] = {
    "WAITING": "waiting",
    "SETUP": "waiting",
    "DEPEND": "waiting",
    "RUNNING": "running",
    "CHECKPOINT": "running",
    "SUCCEEDED": "done",
    "DEAD": "failed",
    "EATEN": "cancelled",
}

# What is said goes to the task's log and on to RQD's, and the command's exit code past them.
_ATTEMPT = f"""\
log=$1
shift
attempt=$(($(grep -c '^{ATTEMPT_MARK}' "$log" 2>/dev/null) + 1))
echo "{ATTEMPT_MARK} $attempt on $(uname -n) at $(date -u +%Y-%m-%dT%H:%M:%S+00:00)" | tee -a "$log"
exec 4>&1
code=$({{ {{ "$@" 2>&1 3>&-; echo $? >&3; }} | tee -a "$log" >&4; }} 3>&1)
echo "{EXIT_MARK} ${{code:-1}}" | tee -a "$log"
exit "${{code:-1}}"
"""


class OpenCue:
    """Submits to the cuebot that pycue is configured for."""

    name = "opencue"

    def check(self) -> None:
        """See whether a job could be submitted now.

        Raises
        ------
        InputError
            OpenCue's libraries are not installed, or no cuebot answers.
        """
        with _answers(InputError) as opencue:
            opencue.Cuebot.init()

    def submit(self, submission: Submission, options: Options) -> dict[str, Any]:
        """Submit a bundle; see `Scheduler.submit`.

        Raises
        ------
        InputError
            OpenCue's libraries are not installed, or the job is more than OpenCue takes.
        FarmError
            Cuebot did not take the job.
        """
        spec = make_spec(submission, options)
        write_file(submission.folder / "opencue.sh", _ATTEMPT)
        write_file(submission.folder / "opencue.xml", spec)
        with _answers(FarmError) as opencue:
            (job,) = opencue.api.launchSpecAndWait(spec)
        return {"job": job.data.id, "name": job.data.name}

    def states(self, submission: Submission) -> dict[tuple[str, int], State]:
        """Ask cuebot for the states; see `Scheduler.states`."""
        steps = {step.name.lower(): step.name for step in submission.bundle.steps}  # cuebot has no capitals
        states: dict[tuple[str, int], State] = {}
        with _answers(FarmError) as opencue:
            job = opencue.api.getJob(submission.known["job"])
            is_over = job.data.state == opencue.api.job_pb2.FINISHED
            page, frames = 0, [None] * _PAGE
            while len(frames) == _PAGE:
                page += 1
                frames = job.getFrames(page=page, limit=_PAGE)
                for frame in frames:
                    told = opencue.api.job_pb2.FrameState.Name(frame.data.state)
                    state = _STATES.get(told, "waiting")
                    # A job that was killed leaves what had not begun as it was.
                    state = "cancelled" if is_over and state == "waiting" else state
                    states[steps[frame.data.layer_name], frame.data.number] = state
        return states

    def cancel(self, submission: Submission) -> None:
        """Kill the job; see `Scheduler.cancel`."""
        with _answers(FarmError) as opencue:
            opencue.api.getJob(submission.known["job"]).kill(reason="howard farm cancel")


def make_spec(submission: Submission, options: Options) -> str:
    """Describe a bundle as OpenCue's job specification.

    Parameters
    ----------
    submission : Submission
        Where logs go.
    options : Options
        Show, priority and retries; OpenCue has nothing to take extra arguments.

    Returns
    -------
    str
        XML of the version that pyoutline is configured for.

    Raises
    ------
    InputError
        pyoutline is not installed, there are extra arguments, or more tasks than cuebot takes.
    """
    outline, bundle = _pyoutline(), submission.bundle
    if options.extra:
        raise InputError(f"{shlex.join(options.extra)}: OpenCue takes no extra arguments.")
    count = len(bundle.tasks)
    if count > _MOST_TASKS:
        raise InputError(
            f"{bundle.folder}: has {count} tasks, OpenCue takes {_MOST_TASKS}: use larger chunks."
        )
    made = outline.Outline(_job_name(bundle.name), name_unique=True, show=options.partition)
    layers: dict[str, Any] = {}
    for step in bundle.steps:
        layers[step.name] = layer = _layer(outline, bundle, submission, step)
        made.add_layer(layer)
        for name in step.needs:
            layer.depend_all(layers[name])
    flags = {} if options.priority is None else {"priority": options.priority}
    launcher = outline.cuerun.OutlineLauncher(
        made, backend="cue", maxretries=options.retries, nomail=True, **flags
    )
    kept = outline.config.get("outline", "session_dir", raw=True)
    with tempfile.TemporaryDirectory(prefix="howard-outline-") as folder:
        # pyoutline keeps a copy of every outline; only its own wrapper of commands would read it.
        outline.config.set("outline", "session_dir", folder)
        try:
            return str(launcher.serialize(use_pycuerun=False))
        finally:
            outline.config.set("outline", "session_dir", kept)


def _layer(outline: Any, bundle: Bundle, submission: Submission, step: FarmStep) -> Any:
    needed = step.requirements
    log = submission.log(step.tasks[0]).with_name(f"{step.name}.#ZFRAME#.log")
    script = submission.folder / "opencue.sh"
    *command, _ = task_command(bundle, step.tasks[0])
    layer = outline.modules.shell.Shell(
        step.name,
        # RQD gives it to a shell, in one line.
        command=shlex.join(["/bin/sh", str(script), str(log), *command]) + " #IFRAME#",
        range=f"0-{len(step.tasks) - 1}",
        chunk=1,
        cores=needed.cores,
        memory=f"{needed.memory}m",
    )
    if needed.gpus:
        layer.set_arg("gpus", needed.gpus)
    if step.seconds is not None:
        layer.set_arg("timeout", math.ceil(step.seconds / 60))  # cuebot counts minutes
    return layer


def _job_name(name: str) -> str:
    """Give the name without what cuebot refuses."""
    return f"howard_{re.sub(r'[^A-Za-z0-9.]+', '_', name)}"[:_MOST_NAME].rstrip("_")


def _pyoutline() -> Any:
    try:
        import outline
        import outline.cuerun
        import outline.modules.shell
    except ImportError as error:
        raise InputError(
            f"OpenCue needs its Python library ({error}): pip install opencue-pyoutline "
            "packaging, or choose another --scheduler."
        ) from error
    return outline


@contextmanager
def _answers(kind: type[HowardError]) -> Iterator[Any]:
    """Give pycue; raise what it raises as an error of ours."""
    _pyoutline()
    import opencue

    try:
        yield opencue
    except opencue.exception.CueException as error:
        raise kind(
            f"OpenCue's cuebot at {', '.join(opencue.Cuebot.Hosts)}: {str(error).rstrip('. ')}. If that is "
            "the wrong one, set CUEBOT_HOSTS=machine:8443, or cuebot.facility in opencue.yaml."
        ) from error
