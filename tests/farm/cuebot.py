"""A loopback stand-in for OpenCue's cuebot: takes job specifications over gRPC, and runs nothing.

It looks at a specification as cuebot does: the order of elements, and the names, that its document type and
its reader of specifications ask for.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
from opencue_proto import cue_pb2, cue_pb2_grpc, job_pb2, job_pb2_grpc

# What each element may hold, in this order, in version 1.15 of OpenCue's document type; others hold text.
CHILDREN = {
    "spec": "facility? dept? show shot user email? uid? job* depends*",
    "job": "paused? priority? maxretries? maxcores? maxgpus? autoeat? localbook? os? env* layers?",
    "layers": "layer+",
    "layer": "cmd range chunk cores? threadable? memory? gpus? gpu? gpu_memory? timeout? timeout_llu? tags? "
    "limits? env* services? outputs*",
    "env": "key*",
    "limits": "limit+",
    "services": "service+",
    "outputs": "output*",
    "depends": "depend*",
    "depend": "depjob deplayer? depframe? onjob onlayer? onframe?",
}
ATTRIBUTES = {
    "job": {"name": r"[\w.\-:]+"},
    "layer": {"name": r"[\w.\-:]+", "type": "Render|Util|Post"},
    "key": {"name": r"[\w.\-:]+"},
    "output": {"name": r"[\w.\-:]+"},
    "depend": {"type": "LAYER_ON_LAYER|FRAME_BY_FRAME|JOB_ON_JOB", "anyframe": r"\w+"},
}


def check_spec(spec: str) -> ET.Element:
    """Read a specification. Raises `ValueError` where cuebot would refuse it."""
    root = ET.fromstring(spec)
    if root.tag != "spec":
        raise ValueError(f"begins with {root.tag}")
    for element in root.iter():
        _check(element)
    # Cuebot makes names small, and dashes underscores.
    for element in (*root.iter("job"), *root.iter("layer")):
        if re.fullmatch(r"[A-Za-z0-9_.]{3,}", element.get("name", "").replace("-", "_")) is None:
            raise ValueError(f"{element.tag} cannot be called {element.get('name')}")
    names = [layer.get("name", "").lower() for layer in root.iter("layer")]
    if len(set(names)) < len(names):
        raise ValueError("two layers of one name")
    return root


def _check(element: ET.Element) -> None:
    asked = CHILDREN.get(element.tag, "").split()
    pattern = "".join(re.sub(r"(\w+)([?*+]?)", r"(?:\1 )\2", word) for word in asked)
    found = "".join(f"{child.tag} " for child in element)
    if re.fullmatch(pattern, found) is None:
        raise ValueError(f"{element.tag} holds {found}, not {' '.join(asked) or 'text alone'}")
    attributes = ATTRIBUTES.get(element.tag, {})
    for name, value in element.attrib.items():
        if re.fullmatch(attributes.get(name, "(?!)"), value) is None:
            raise ValueError(f"{element.tag} cannot have {name}={value}")


@dataclass
class Cuebot:
    """The stand-in.

    Attributes
    ----------
    address : str
        Where it answers, as in CUEBOT_HOSTS.
    specs : list of Element
        What it took.
    frames : list of Frame
        Of the last job; tests say how they stand.
    is_killed : bool
        Whether the last job was killed.
    refusal : str
        Why it refuses jobs; empty: it takes them.
    """

    address: str = ""
    specs: list[ET.Element] = field(default_factory=list)
    frames: list[job_pb2.Frame] = field(default_factory=list)
    is_killed: bool = False
    refusal: str = ""

    def frame(self, name: str) -> job_pb2.Frame:
        """Give a frame by its name, such as `0003-matte`."""
        return next(frame for frame in self.frames if frame.name == name)

    def take(self, spec: str) -> job_pb2.Job:
        """Take a job. Raises `ValueError`."""
        if self.refusal:
            raise ValueError(self.refusal)
        root = check_spec(spec)
        self.is_killed = False
        self.frames = []
        for layer in root.iter("layer"):
            first, _, last = layer.findtext("range", "").partition("-")
            for number in range(int(first), int(last or first) + 1):
                name = layer.get("name", "").lower()
                frame = job_pb2.Frame(name=f"{number:04d}-{name}", layer_name=name, number=number)
                self.frames.append(frame)
        self.specs.append(root)
        return self.job

    @property
    def job(self) -> job_pb2.Job:
        root = self.specs[-1]
        names = [root.findtext(tag, "") for tag in ("show", "shot", "user")]
        (job,) = root.iter("job")
        name = f"{'-'.join(names)}_{job.get('name')}".lower()
        state = job_pb2.FINISHED if self.is_killed else job_pb2.PENDING
        return job_pb2.Job(id=f"id-{len(self.specs)}", name=name, state=state)


class _Jobs(job_pb2_grpc.JobInterfaceServicer):
    def __init__(self, cuebot: Cuebot) -> None:
        self._cuebot = cuebot

    def LaunchSpecAndWait(self, request, context):  # noqa: N802
        try:
            job = self._cuebot.take(request.spec)
        except ValueError as error:
            context.abort(grpc.StatusCode.INTERNAL, f"Failed to launch job: {error}")
        return job_pb2.JobLaunchSpecAndWaitResponse(jobs=job_pb2.JobSeq(jobs=[job]))

    def GetJob(self, request, context):  # noqa: N802
        if request.id != self._cuebot.job.id:
            context.abort(grpc.StatusCode.NOT_FOUND, request.id)
        return job_pb2.JobGetJobResponse(job=self._cuebot.job)

    def GetFrames(self, request, context):  # noqa: N802
        first = (request.req.page - 1) * request.req.limit
        frames = self._cuebot.frames[first : first + request.req.limit]
        return job_pb2.JobGetFramesResponse(frames=job_pb2.FrameSeq(frames=frames))

    def Kill(self, request, context):  # noqa: N802
        self._cuebot.is_killed = request.job.id == self._cuebot.job.id
        return job_pb2.JobKillResponse()


class _Cue(cue_pb2_grpc.CueInterfaceServicer):
    def GetSystemStats(self, request, context):  # noqa: N802
        return cue_pb2.CueGetSystemStatsResponse()


@contextmanager
def cuebot() -> Iterator[Cuebot]:
    """Serve on a free port of this machine until the context is left."""
    made = Cuebot()
    server = grpc.server(ThreadPoolExecutor(2))
    job_pb2_grpc.add_JobInterfaceServicer_to_server(_Jobs(made), server)
    cue_pb2_grpc.add_CueInterfaceServicer_to_server(_Cue(), server)
    made.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield made
    finally:
        server.stop(0).wait()
