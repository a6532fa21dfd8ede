"""A real Slurm of this machine's own: munge, controller and one node of two slots, in a temporary folder.

Nothing outside the folder is touched: ports are free ones, the key is new, and the daemons end with the
process that started them, even where that is killed.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

__all__ = ["PACKAGES", "Cluster", "obstacle"]

PACKAGES = "apt-get install --no-install-recommends slurm-wlm munge"

_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "setpriv")
_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
_CONF = """\
ClusterName=howard
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire={requeue_seconds}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={controller_port}
SlurmdPort={node_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1,sched_min_interval=0
KillWait=20
MaxArraySize={max_array}
MaxJobCount={max_jobs}
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 Sockets=1 CoresPerSocket={slots} ThreadsPerCore=1 RealMemory=8192
PartitionName=farm Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def obstacle() -> str | None:
    """Say why no Slurm can be started here, and what to do; None where it can."""
    if not sys.platform.startswith("linux"):
        return "Slurm runs on Linux only"
    missing = [name for name in _PROGRAMS if shutil.which(name, path=_PATH) is None]
    if missing:
        return f"{', '.join(missing)} not found: {PACKAGES}"
    return None


class Cluster:
    """One controller and one node, until `stop`.

    Parameters
    ----------
    slots : int
        Tasks of one core that run at the same time, however many cores the machine has.
    max_array : int
        MaxArraySize: one more than the most tasks in an array.
    max_jobs : int
        MaxJobCount: the most tasks that the controller holds.
    requeue_seconds : int
        How long a requeued task waits at least.
    """

    def __init__(
        self, *, slots: int = 2, max_array: int = 1001, max_jobs: int = 10000, requeue_seconds: int = 5
    ) -> None:
        # Short, since a socket's path may have 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="howard-slurm-", dir="/tmp"))
        self.conf = self.folder / "slurm.conf"
        self._daemons: list[subprocess.Popen[bytes]] = []
        self.environment = {"PATH": _PATH, "SLURM_CONF": str(self.conf)}
        atexit.register(self.stop)
        try:
            # Clients of any user must reach munge's socket.
            self.folder.chmod(0o711)
            for name in ("state", "spool"):
                (self.folder / name).mkdir()
            controller_port, node_port = _free_ports(2)
            self.conf.write_text(
                _CONF.format(
                    host=socket.gethostname().split(".")[0],
                    user=_user(),
                    folder=self.folder,
                    controller_port=controller_port,
                    node_port=node_port,
                    slots=slots,
                    max_array=max_array,
                    max_jobs=max_jobs,
                    requeue_seconds=requeue_seconds,
                )
            )
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        key = self.folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        munge = self.folder / "munge.socket"
        files = {"key-file": key, "socket": munge, "pid-file": self.folder / "munged.pid"}
        files |= {"log-file": self.folder / "munged.log", "seed-file": self.folder / "munged.seed"}
        # By force: munge would refuse a folder that its group may write.
        self._daemon(
            "munged", "--foreground", "--force", *(f"--{name}={file}" for name, file in files.items())
        )
        self._wait(munge.exists, "munge's socket")
        self._daemon("slurmctld", "-D", "-c", "-i")
        self._daemon("slurmd", "-D", "-c")
        self._wait(lambda: self.ask("sinfo", "-h", "-o", "%T", check=False).strip() == "idle", "an idle node")

    def ask(self, *command: str, check: bool = True) -> str:
        """Run one of Slurm's commands; what it printed."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
        return done.stdout

    def clear(self) -> None:
        """Cancel all tasks and wait until they are gone."""
        self.ask("scancel", f"--user={_user()}", check=False)
        self._wait(lambda: not self.ask("squeue", "--noheader"), "empty queue", 40)

    def restart_node(self) -> None:
        """End the node's slurmd and start it again; tasks that run go on."""
        node = self._daemons.pop()
        node.terminate()
        node.wait(30)
        self._daemon("slurmd", "-D")

    def kill_node(self) -> None:
        """Kill the node's slurmd; tasks that run go on."""
        node = self._daemons.pop()
        node.kill()
        node.wait()

    def start_node(self) -> None:
        """Start the slurmd that was killed."""
        self._daemon("slurmd", "-D")

    def stop(self) -> None:
        """End all tasks and daemons and remove the folder."""
        atexit.unregister(self.stop)
        for daemon in reversed(self._daemons):
            daemon.terminate()
        for daemon in reversed(self._daemons):
            try:
                daemon.wait(5)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        self._daemons.clear()
        while left := self._left():
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _left(self) -> list[int]:
        """Processes that outlive the daemons, those of tasks: known by their Slurm's configuration."""
        mark = f"SLURM_CONF={self.conf}".encode()
        left = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                environment = (process / "environ").read_bytes()
            except OSError:
                continue
            if mark in environment.split(b"\0"):
                left.append(int(process.name))
        return left

    def _daemon(self, name: str, *arguments: str) -> None:
        program = shutil.which(name, path=_PATH)
        assert program is not None, f"{name} not found"
        with (self.folder / f"{name}.out").open("ab") as out:
            self._daemons.append(
                subprocess.Popen(
                    ["setpriv", "--pdeathsig", "KILL", program, *arguments],
                    env=self.environment,
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                )
            )

    def _wait(self, ready: Callable[[], bool], what: str, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while not ready():
            dead = [daemon.args for daemon in self._daemons if daemon.poll() is not None]
            if dead or time.monotonic() > end:
                logs = sorted({*self.folder.glob("*.out"), *self.folder.glob("*.log")})
                said = "\n".join(f"{log.name}:\n{log.read_text(errors='replace')[-2000:]}" for log in logs)
                raise RuntimeError(f"no {what} after {seconds:g} s; ended: {dead}\n{said}")
            time.sleep(0.02)


def _free_ports(count: int) -> list[int]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports


def _user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name
