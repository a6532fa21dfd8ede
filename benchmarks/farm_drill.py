"""The drill: a real Slurm, a shot, and what a bad night brings, by random; is every frame right, or named?

    python benchmarks/farm_drill.py                        # 20 seeds of 240 frames: an hour and more; as root
    python benchmarks/farm_drill.py --seeds 1 --first 7    # one of them again
    python benchmarks/farm_drill.py --seeds 2 --frames 24 --faults howard,script,plate
    python benchmarks/farm_drill.py --keep                 # leave the folders of seeds that fail

Frames lie on a small ext4 of their own, reached as it is or through sshfs (SFTP: a network file system with a
cache and its own rename); NFS needs a kernel that has it. Per seed three to five faults strike a job of Slurm
with two slots. When it is over, each frame has the bits of a quiet run, or is named: one that is missing by
`howard farm status` and on the page of `howard verify`, another on the page; and nothing has a frame's name
that is none. Then the faults are gone, the job is submitted again as status says, and all frames must be
right. The same seed gives the same faults in the same order; what they hit depends on the machine. Exit code
1: something was wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from farm.slurm_cluster import Cluster, obstacle
from shots import disc_over_gradient, gradient

from howard_nodes.errors import InputError
from howard_nodes.frames import parse_frames, write_image

HOWARD = [sys.executable, "-m", "howard_nodes"]
FIRST, SIZE = 1001, (72, 128)
SFTP = "/usr/lib/openssh/sftp-server"
PROGRAMS = ("mount", "umount", "mkfs.ext4", "sshfs", SFTP)
LONGEST = 600.0

# The howard of the machines: now and then one is odd.
_WRAPPER = """#!/bin/bash
faults={faults}
one_of() {{ [ -e "$faults/$1" ] && [ $((RANDOM % 3)) -eq 0 ]; }}
if one_of version; then
    exec {python} -c 'import sys, howard_nodes; howard_nodes.__version__ = "0.0.9"
from howard_nodes.cli import run
sys.argv[0] = "howard"; run()' "$@"
fi
one_of memory && ulimit -v 1100000
one_of clock && exec faketime -f "$(cat "$faults/clock")" {python} -m howard_nodes "$@"
exec {python} -m howard_nodes "$@"
"""


class Disk:
    """A small ext4, and the folder where machines see it: as it is, or through sshfs.

    Parameters
    ----------
    folder : Path
        For both.
    kind : str
        `ext4` or `sshfs`; `folder` for none, where only root may mount.
    """

    def __init__(self, folder: Path, kind: str) -> None:
        self._image, self._disk, self.mount = folder / "image", folder / "disk", folder / "mnt"
        self._kind = kind
        self._servers: list[subprocess.Popen[bytes]] = []
        for made in (self._disk, self.mount):
            made.mkdir()
        if kind == "folder":
            return
        with self._image.open("wb") as image:
            image.truncate(96 << 20)
        _call("mkfs.ext4", "-q", "-O", "^has_journal", str(self._image))
        _call("mount", "-o", "loop", str(self._image), str(self._disk))
        self.come()

    def come(self) -> None:
        """Mount it."""
        if self._kind == "ext4":
            _call("mount", "--bind", str(self._disk), str(self.mount))
            return
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self._servers = [
                subprocess.Popen([SFTP], stdin=ours, stdout=ours),
                subprocess.Popen(
                    ["sshfs", "-f", f":{self._disk}", str(self.mount), "-o", "passive,allow_other"],
                    stdin=theirs,
                    stdout=theirs,
                ),
            ]
        end = time.monotonic() + 10
        while not os.path.ismount(self.mount):
            assert time.monotonic() < end, "sshfs does not mount"
            time.sleep(0.05)

    def go(self) -> None:
        """Take it away, with what is open there; of a network, the server dies first."""
        for server in self._servers:
            server.kill()
            server.wait()
        self._servers = []
        _call("umount", "-l", str(self.mount))

    def fill(self) -> None:
        """Leave no room."""
        with (self._disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(bytes(1 << 16))

    def empty(self) -> None:
        (self._disk / "filler").unlink(missing_ok=True)

    def write_protect(self, protected: bool) -> None:
        """Have it read-only, or not; not while a file is being written."""
        how = "ro" if protected else "rw"
        command = ["mount", "-o", f"remount,{how}", str(self._disk)]
        if self._kind == "ext4":
            command = ["mount", "-o", f"remount,bind,{how}", str(self.mount)]
        for _ in range(200):
            if subprocess.run(command, capture_output=True, check=False).returncode == 0:
                return
            time.sleep(0.02)

    def remove(self) -> None:
        if self._kind == "folder":
            return
        with suppress(subprocess.CalledProcessError):
            self.go()
        _call("umount", "-l", str(self._disk))


class Night:
    """A job and what strikes it."""

    def __init__(self, folder: Path, shot: Path, cluster: Cluster, disk: Disk, seed: int) -> None:
        self.folder, self.shot, self.cluster, self.disk = folder, shot, cluster, disk
        self.random = random.Random(seed)
        self.job, self.other = folder / "job", folder / "other"
        self.output = disk.mount / "out"
        self.faults = folder / "faults"
        self.faults.mkdir()
        self.wrapper = folder / "howard"
        self.wrapper.write_text(_WRAPPER.format(faults=self.faults, python=sys.executable))
        self.wrapper.chmod(0o755)
        self.said: list[str] = []

    # What strikes: each does it, says what, and gives what undoes it.

    def howard(self) -> Callable[[], None]:
        self._kill("howard_nodes", "matte", "serve", "farm")
        return _nothing

    def script(self) -> Callable[[], None]:
        self._kill("slurm_script")
        return _nothing

    def slurmd(self) -> Callable[[], None]:
        self.cluster.kill_node()
        self._say("slurmd killed")
        return self.cluster.start_node

    def full(self) -> Callable[[], None]:
        self.disk.fill()
        self._say("disk full")
        return self.disk.empty

    def readonly(self) -> Callable[[], None]:
        self.disk.write_protect(True)
        self._say("disk read-only")
        return lambda: self.disk.write_protect(False)

    def mount(self) -> Callable[[], None]:
        self.disk.go()
        self._say("disk away")
        return self.disk.come

    def plate(self) -> Callable[[], None]:
        frame = self.random.choice(self._frames())
        path = self.shot / f"plate.{frame}.exr"
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        self._say(f"plate {frame} cut")
        return lambda: _nothing(path.write_bytes(whole))

    def rot(self) -> Callable[[], None]:
        with suppress(OSError):
            there = sorted(self.output.glob("shot.*.exr"))
            if there:
                path = self.random.choice(there)
                self._say(f"{path.name} rots")
                rot(path, self.random)
        return _nothing

    def second(self) -> Callable[[], None]:
        """Another job of the same frames, made by somebody else, in the same folder."""
        self._say("a second job")
        self.make(self.other)
        self.ask("farm", "submit", self.other, "--scheduler", "slurm")
        return _nothing

    def clock(self) -> Callable[[], None]:
        off = self.random.choice(("+1h", "-1h"))
        return self._odd("clock", off)

    def version(self) -> Callable[[], None]:
        return self._odd("version", "")

    def memory(self) -> Callable[[], None]:
        return self._odd("memory", "")

    def _odd(self, name: str, content: str) -> Callable[[], None]:
        (self.faults / name).write_text(content)
        self._say(f"{name} {content} of some machines".replace("  ", " "))
        return (self.faults / name).unlink

    def _kill(self, *words: str) -> None:
        ours = [process for process in self._processes() if any(word in process[1] for word in words)]
        if ours:
            number, command = self.random.choice(ours)
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
            self._say(f"killed {' '.join(command.split()[:7])[-70:]}")

    def _processes(self) -> Iterator[tuple[int, str]]:
        mark = f"SLURM_CONF={self.cluster.conf}".encode()
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                environment = (process / "environ").read_bytes().split(b"\0")
                if mark in environment and any(word.startswith(b"SLURM_JOB_ID=") for word in environment):
                    command = (process / "cmdline").read_bytes().replace(b"\0", b" ")
                    yield int(process.name), command.decode(errors="replace")

    def _say(self, what: str) -> None:
        self.said.append(f"{time.monotonic() - self.began:.0f} s {what}")

    # The night.

    def make(self, job: Path) -> None:
        count = len(self._frames())
        self.ask(
            *("farm", "bundle", self.shot / "plate.####.exr", "--clean", self.shot / "clean.exr"),
            *("-o", self.output / "shot.####.exr", "-b", job, "--chunk", max(4, count // 24)),
            *("--align", "off", "--match-exposure", "off", "--device", "cpu"),
            *("--cores", 1, "--memory", 1024, "--howard", self.wrapper),
        )

    def ask(self, *words: object, code: int | None = 0) -> str:
        environment = {**os.environ, **self.cluster.environment, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
        environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
        done = subprocess.run(
            [*HOWARD, *map(str, words)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if code is not None and done.returncode != code:
            raise RuntimeError(f"howard {' '.join(map(str, words))}: {done.returncode}\n{done.stdout}")
        return done.stdout

    def run(self, faults: list[str]) -> None:
        """Submit the job, have the faults strike, and wait until all is over."""
        self.began = time.monotonic()
        self.make(self.job)
        pack = self.random.choice((1, 3))
        self.said.append(f"pack {pack}")
        self.ask("farm", "submit", self.job, "--scheduler", "slurm", "--retries", 3, "--pack", pack)
        # One after the other, so that what undoes one does not undo another.
        span = 40.0 * len(self._frames()) / 240
        for name in faults:
            time.sleep(self.random.uniform(0.1, span / len(faults)))
            undo = getattr(self, name)()
            time.sleep(self.random.uniform(1.0, 4.0))
            undo()
        self.wait()

    def wait(self) -> str:
        """Wait for the queue to be empty; give the status."""
        end = time.monotonic() + LONGEST
        while self.cluster.ask("squeue", "--noheader", check=False):
            if time.monotonic() > end:
                raise RuntimeError(f"hangs: {self.cluster.ask('squeue')}")
            time.sleep(0.5)
        return self.ask("farm", "status", self.job, code=None)

    def _frames(self) -> list[int]:
        return sorted(int(path.suffixes[-2][1:]) for path in self.shot.glob("plate.*.exr"))

    def judge(self, quiet: dict[str, bytes]) -> list[str]:
        """Name what is wrong, and not told."""
        said = self.ask("farm", "status", self.job, code=None)
        listed = _listed(said)
        frames = f"{FIRST}-{FIRST + len(quiet) - 1}"
        page = self.folder / "page.html"
        self.ask("verify", self.output / "shot.####.exr", "--frames", frames, "--page", page, code=None)
        named = _on_page(page.read_text(encoding="utf-8"))
        wrong = []
        there = {path.name: path.read_bytes() for path in self.output.glob("shot.*.exr")}
        for name, bits in quiet.items():
            frame = int(name.split(".")[1])
            if there.get(name) != bits and frame not in named:
                wrong.append(f"{name}: {'other bits' if name in there else 'missing'}, not on the page")
            if name not in there and frame not in listed:
                wrong.append(f"{name}: missing, and status does not say so:\n{said}")
        wrong += [f"{name}: is no frame of the shot" for name in there.keys() - quiet.keys()]
        left = [command for _, command in self._processes()]
        wrong += [f"left behind: {command}" for command in left]
        return wrong


def rot(path: Path, chance: random.Random) -> None:
    """Flip a bit, as a disk does: nothing else of the file changes."""
    found = path.stat()
    with path.open("r+b") as file:
        at = chance.randrange(found.st_size)
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1 << chance.randrange(8)]))
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


FAULTS = (
    *("howard", "script", "slurmd", "full", "readonly", "mount", "plate", "rot", "second", "clock"),
    *("version", "memory"),
)


_OF_A_DISK = ("full", "readonly", "mount")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--faults", default=",".join(FAULTS), help="to choose from")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    if problem := obstacle():
        sys.exit(problem)
    choice = options.faults.split(",")
    kinds: tuple[str, ...] = ("ext4", "ext4", "ext4", "sshfs", "sshfs")
    absent = _absent(PROGRAMS)
    if os.geteuid() or absent:
        kinds = ("folder",)
        choice = [fault for fault in choice if fault not in _OF_A_DISK]
        why = "only root mounts" if os.geteuid() else f"{', '.join(absent)} not found"
        print(f"no faults of disks: {why}")
    if "clock" in choice and _absent(("faketime",)):
        choice.remove("clock")
        print("no clock that is off: faketime not found")
    failed = 0
    with tempfile.TemporaryDirectory(prefix="howard-drill-") as name:
        folder = Path(name)
        shot = make_shot(folder / "shot", options.frames)
        quiet = quiet_run(folder / "quiet", shot)
        for seed in range(options.first, options.first + options.seeds):
            began = time.monotonic()
            own = folder / f"seed{seed}"
            said, wrong = drill(own, shot, quiet, seed, choice, kinds, options.keep)
            failed += bool(wrong)
            print(f"seed {seed}, {time.monotonic() - began:.0f} s: {'; '.join(said)}")
            print("".join(f"  WRONG {line}\n" for line in wrong) or "  right", flush=True)
    print(f"{options.seeds - failed} of {options.seeds} seeds right")
    sys.exit(1 if failed else 0)


def drill(
    folder: Path,
    shot: Path,
    quiet: dict[str, bytes],
    seed: int,
    choice: list[str],
    kinds: tuple[str, ...],
    keep: bool,
) -> tuple[list[str], list[str]]:
    """Have one night; give what happened, and what was wrong."""
    chance = random.Random(seed)
    faults = chance.sample(choice, min(len(choice), chance.randint(3, 5)))
    folder.mkdir()
    own = folder / "shot"
    shutil.copytree(shot, own)
    kind = chance.choice(kinds)
    disk = Disk(folder, kind)
    wrong: list[str] = []
    night = None
    try:
        cluster = Cluster(slots=2)
        try:
            night = Night(folder, own, cluster, disk, seed)
            night.said.append(kind)
            night.run(faults)
            wrong += night.judge(quiet)
            wrong += _mended(night, quiet)
            rot(night.output / chance.choice(sorted(quiet)), chance)
            wrong += [f"after the end: {line}" for line in night.judge(quiet)]
        except (RuntimeError, OSError, InputError, subprocess.SubprocessError) as error:
            wrong.append(str(error))
        finally:
            if keep and wrong:
                shutil.copytree(
                    folder / "job", f"{tempfile.gettempdir()}/howard-drill-seed{seed}", dirs_exist_ok=True
                )
            cluster.stop()
    finally:
        disk.remove()
        shutil.rmtree(folder, ignore_errors=True)
    return (night.said if night else []), wrong


def _mended(night: Night, quiet: dict[str, bytes]) -> list[str]:
    """Do what status says, now that all is well; everything must be right then."""
    said = night.ask("farm", "status", night.job, code=None)
    if "next: howard farm submit" in said:
        night.ask("farm", "submit", night.job, "--scheduler", "slurm")
        said = night.wait()
        night.said.append("submitted again")
    there = {path.name: path.read_bytes() for path in night.output.glob("shot.*.exr")}
    wrong = [name for name, bits in quiet.items() if there.get(name) != bits]
    return [f"in the end not right: {', '.join(wrong)}\n{said}"] if wrong else []


def make_shot(folder: Path, count: int) -> Path:
    folder.mkdir()
    how = {"depth": "half", "colorspace": "lin_rec709_scene"}
    write_image(folder / "clean.exr", gradient(*SIZE), "RGB", **how)
    for number in range(count):
        picture, _ = disc_over_gradient(number % 40, *SIZE)
        noise = np.random.default_rng(number).normal(0, 0.002, picture.shape)
        write_image(
            folder / f"plate.{FIRST + number}.exr", (picture + noise).astype(np.float32), "RGB", **how
        )
    return folder


def quiet_run(output: Path, shot: Path) -> dict[str, bytes]:
    """Make the frames as `howard matte` does; give the bits of each."""
    command = [*HOWARD, "matte", f"{shot}/plate.####.exr", "--clean", f"{shot}/clean.exr"]
    command += [
        "-o",
        f"{output}/shot.####.exr",
        "--align",
        "off",
        "--match-exposure",
        "off",
        "--device",
        "cpu",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return {path.name: path.read_bytes() for path in sorted(output.glob("shot.*.exr"))}


def _listed(said: str) -> set[int]:
    """Frames that status lists as not there."""
    named: set[int] = set()
    for line in said.splitlines():
        if " not in " in line:
            named |= set(parse_frames(line.rpartition(": ")[2]))
    return named


def _on_page(page: str) -> set[int]:
    """Frames that the page says are not as they should be; a doubtful look alone does not count."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    kinds = json.loads(found[1])["kinds"] if found else []
    told = [kind["frames"] for kind in kinds if kind["kind"] in ("missing", "corrupt", "different")]
    return {frame for frames in told for frame in parse_frames(frames)}


def _absent(programs: tuple[str, ...]) -> list[str]:
    path = os.pathsep.join([os.environ["PATH"], "/sbin", "/usr/sbin"])
    return [name for name in programs if shutil.which(name, path=path) is None]


def _call(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def _nothing(*_: object) -> None:
    pass


if __name__ == "__main__":
    main()
