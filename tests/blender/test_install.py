"""Installing Howard from the add-on: real environments, a real pip, small wheels from an index here."""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from blender.conftest import FOUND, REQUIRED
from blender.installs import Index, build_tool, pip_wheel, room, serving, write_howard, write_packages
from blender.wheels import WHEELS
from pip._internal.models.index import PyPI

from howard_nodes.sheets.demo import shot_folder

devices, installing, steps, supply = (
    room(name) for name in ("devices", "installing", "install_steps", "package_supply")
)
installation, complaints, errors = (room(name) for name in ("installation", "complaints", "errors"))
pip_calls = room("pip_calls")

SCRIPTS = Path(__file__).with_name("scripts")
ALONE = SCRIPTS / "install_without_bpy.py"
ENVIRON = dict(os.environ)
"""With this machine's settings of pip."""
NOBODY = "http://127.0.0.1:9"
"""Where nobody listens."""


@pytest.fixture(autouse=True)
def a_machine_as_any(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Linux machine without a GPU, and without settings of pip."""
    for name in list(os.environ):
        if name.startswith("PIP_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setattr(devices, "find", lambda machine: devices.Found("cpu", "a processor"))


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages")
    write_packages(folder)
    pip_wheel()  # while this machine's settings of pip still hold
    return folder


@pytest.fixture
def index(packages: Path) -> Iterator[Index]:
    with serving(packages) as made:
        yield made


@pytest.fixture
def carried(tmp_path: Path) -> Any:
    return write_howard(tmp_path / "addon", "0.1.0")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with pip alone: where how it is made is not the question, it is copied."""
    folder = tmp_path_factory.mktemp("bare") / "env"
    subprocess.run([sys.executable, "-I", "-m", "venv", "--without-pip", folder], check=True)
    pip = pip_wheel()
    install = ["install", "-q", "--no-index", "--no-deps", pip]
    subprocess.run([folder / "bin/python", "-I", pip / "pip", *install], check=True)
    return folder


@pytest.fixture
def quick(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(self: Any, python: str, environment: Path) -> None:
        shutil.copytree(bare, environment, symlinks=True, dirs_exist_ok=True)

    monkeypatch.setattr(steps.Work, "_make", make)


@pytest.fixture
def choose(tmp_path: Path, index: Index) -> Callable[..., Any]:
    """Choices of an artist whose studio has an index."""

    def made(folder: Path = tmp_path / "howard", **others: Any) -> Any:
        address = index.address
        given = {"index": address, "torch_index": address, "device": "cpu", **others}
        return installing.Choices(folder=folder, python=given.pop("python", sys.executable), **given)

    return made


def finished(action: str, choices: Any, carried: Any, **how: Any) -> dict[str, Any]:
    """Do it, to the end."""
    work = steps.Work(installing.plan(action, choices, carried), **{"patience": 3.0, **how})
    work.wait(120)
    done: dict[str, Any] = work.result()
    return done


def refused(action: str, choices: Any, carried: Any, **how: Any) -> str:
    """Try it, in vain; what is said. Nothing half done is left that counts."""
    with pytest.raises(errors.AddonError) as caught:
        finished(action, choices, carried, **how)
    return str(caught.value)


def says(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def tree(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


def test_install_move_update_repair_and_remove(
    index: Index, choose: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A studio's index with a password, in pip's settings, among settings that put packages elsewhere.
    index.password = "secret"
    settings = tmp_path / "pip.conf"
    settings.write_text(
        f"[global]\nindex-url = {index.address}\ntarget = {tmp_path / 'target'}\nuser = true\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    hostile = {
        "PIP_TARGET": tmp_path / "target",
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PIP_PREFIX": tmp_path / "prefix",
    }
    hostile |= {"PYTHONHOME": "/nowhere", "PYTHONPATH": tmp_path / "addon", "PYTHONSTARTUP": "/nowhere"}
    # This machine's own settings of pip stay out of it.
    hostile |= {"PIP_EXTRA_INDEX_URL": index.address, "PIP_FIND_LINKS": tmp_path / "addon"}
    environ = {**os.environ, **{name: str(value) for name, value in hostile.items()}}
    mine = tree(Path(sys.prefix) / "lib")
    folder = tmp_path / "in a folder" / "howard"
    choices = choose(folder, index="", torch_index=index.address)
    carried = write_howard(tmp_path / "addon", "0.1.0")
    home = installation.Installation(folder)
    assert home.state().kind == "none"

    done = finished("INSTALL", choices, carried, environ=environ)
    assert (done["version"], done["torch"], done["device"]) == ("0.1.0", "2.13.0+cpu", "cpu")
    assert home.state().kind == "ready"
    assert says(home.command()) == "howard 0.1.0"
    assert not (tmp_path / "target").exists()
    assert not (tmp_path / "prefix").exists()
    assert tree(Path(sys.prefix) / "lib") == mine
    assert sorted(path.name for path in folder.iterdir()) == [
        "env-1",
        "howard-install.lock",
        "howard-install.log",
        "howard-installed.json",
    ]
    log = home.log.read_text(encoding="utf-8")
    assert "needed: torch 2.13.0+cpu" in log
    assert "secret" not in log
    assert not installing.is_outdated(home, carried)

    # Moved: it works where it lies now.
    moved = folder.with_name("moved")
    folder.rename(moved)
    assert home.state().kind == "none"
    home, choices = installation.Installation(moved), choose(moved, index="")
    assert home.state().kind == "ready"
    assert says(home.command()) == "howard 0.1.0"

    # Updated: torch stays where it is, on the disk too; then the next one, over that.
    index.asked.clear()
    site = next(moved.glob("env-1/lib/python3*/site-packages"))
    torch = (site / "torch/payload.bin").stat().st_ino
    newer = write_howard(tmp_path / "addon", "0.2.0")
    assert installing.is_outdated(home, newer)
    assert finished("UPDATE", choices, newer, environ=environ)["version"] == "0.2.0"
    assert says(home.command()) == "howard 0.2.0"
    assert next(moved.glob("env-2/lib/python3*/site-packages/torch/payload.bin")).stat().st_ino == torch
    assert not (moved / "env-1").exists()
    assert index.asked == []

    # The Blender it was made with is gone, and a file was damaged: seen; mended with what is whole.
    site = next(moved.glob("env-2/lib/python3*/site-packages"))
    (moved / "env-2/bin/python").unlink()
    (moved / "env-2/bin/python").symlink_to("/nowhere/python")
    (site / "cv2.py").write_text("damaged")
    state = home.state()
    assert state.kind == "broken"
    assert "the Python it was made with is gone" in state.reason
    with pytest.raises(errors.AddonError, match="Press Repair in the preferences"):
        home.command()
    finished("REPAIR", choices, newer, environ=environ)
    assert says(home.command()) == "howard 0.2.0"
    assert {name for name, _ in index.asked} == {"numpy-2.4.6-py3-none-any.whl"}

    # Removed, and nothing else.
    (moved / "shot.blend").touch()
    (moved / "env-of-mine").mkdir()
    assert finished("REMOVE", choices, newer) == {}
    assert sorted(path.name for path in moved.iterdir()) == ["env-of-mine", "shot.blend"]
    assert "There is no Howard in" in refused("REMOVE", choices, newer)


@pytest.mark.usefixtures("quick")
def test_a_broken_connection_is_taken_up_where_it_broke(
    index: Index, choose: Callable[..., Any], carried: Any
) -> None:
    index.breaks["torch"] = 3

    assert finished("INSTALL", choose(), carried)["torch"] == "2.13.0+cpu"

    starts = [start for start in index.fetched("torch") if start is None or start.endswith("-")]
    firsts = [0 if start is None else int(start[len("bytes=") : -1]) for start in starts]
    assert firsts[-1] > 1_000_000
    assert index.breaks["torch"] == 0


def test_killed_while_it_fetches_it_goes_on_from_there(
    index: Index, choose: Callable[..., Any], carried: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "howard"
    index.seconds = 0.1
    command = [sys.executable, ALONE, carried.wheel.parents[1], folder, index.address]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    part = folder / "howard-downloads" / "torch-2.13.0+cpu-py3-none-any.whl.part"
    for _ in running.stdout:
        if part.exists() and part.stat().st_size > 500_000:
            break
    # The second Blender that installs at the same time says so.
    said = refused("INSTALL", choose(), carried)
    assert "is being installed into" in said
    assert f"process {running.pid}" in said
    running.kill()
    running.wait()
    have = part.stat().st_size
    home = installation.Installation(folder)
    assert home.state().kind == "half"
    assert "goes on from there" in home.state().reason
    assert home.command() == []

    index.seconds = 0.0
    time.sleep(0.5)  # what it had started ends by itself: nobody reads what it prints
    plan = installing.plan("INSTALL", choose(), carried)
    assert "It goes on from where an earlier install stopped." in plan.lines
    index.asked.clear()
    assert finished("INSTALL", choose(), carried)["version"] == "0.1.0"
    (start,) = [start for start in index.fetched("torch") if start is not None and start.endswith("-")]
    assert int(start[len("bytes=") : -1]) >= have > 500_000
    assert sorted(path.name for path in folder.glob("env-*")) == [home.facts()["environment"]]


@pytest.mark.usefixtures("quick")
def test_cancelled_it_keeps_what_was_fetched(index: Index, choose: Callable[..., Any], carried: Any) -> None:
    index.seconds = 0.1
    choices = choose()
    work = steps.Work(installing.plan("INSTALL", choices, carried))
    part = choices.folder / "howard-downloads" / "torch-2.13.0+cpu-py3-none-any.whl.part"
    for _ in range(300):
        time.sleep(0.05)
        if part.exists() and part.stat().st_size > 300_000:
            break
    start = time.monotonic()
    work.cancel()
    work.wait(30)
    assert time.monotonic() - start < 5
    with pytest.raises(errors.CancelledError, match="What was fetched is kept"):
        work.result()
    assert part.stat().st_size > 300_000
    assert list(choices.folder.glob("env-*")) == []
    assert installation.Installation(choices.folder).state().kind == "half"
    events = list(work.events())
    assert any(event["doing"].startswith("fetching 0 MB of 3 MB") for event in events)
    assert [event["part"] for event in events] == sorted(event["part"] for event in events)


@pytest.mark.usefixtures("quick")
def test_what_an_index_can_do_wrong(index: Index, choose: Callable[..., Any], carried: Any) -> None:
    said = functools.partial(refused, "INSTALL", carried=carried)
    short = {"patience": 0.5}
    host = index.address.split("/")[2]
    assert f"The proxy {NOBODY} does not let Howard through to {host}" in said(choose(proxy=NOBODY), **short)
    text = said(choose(index=NOBODY, torch_index=NOBODY), **short)
    assert "127.0.0.1:9 does not answer: check the network" in text
    nowhere = index.address.replace("/simple", "/none")
    text = said(choose(index=nowhere, torch_index=nowhere), **short)
    assert f"There is no package index at {nowhere}/torch/" in text
    index.damaged = "torch"
    assert "was not what the index says it is" in said(choose(), **short)
    index.damaged, index.password = "", "secret"
    open_address = index.address.replace("artist:secret@", "")
    text = said(choose(index=open_address, torch_index=open_address), **short)
    assert "wants a name and a password (status 401)" in text
    home = installation.Installation(choose().folder)
    assert home.state().kind == "half"
    assert list(home.folder.glob("env-*")) == []


@pytest.mark.usefixtures("quick")
def test_from_a_folder_of_wheels_without_any_network(
    packages: Path, choose: Callable[..., Any], carried: Any, tmp_path: Path
) -> None:
    wheels = tmp_path / "wheels of the studio"
    shutil.copytree(packages, wheels)
    dead = {**os.environ, "HTTP_PROXY": NOBODY, "HTTPS_PROXY": NOBODY, "PIP_INDEX_URL": NOBODY}
    choices = choose(wheels=str(wheels), index="", torch_index="", online=False)
    lines = installing.plan("INSTALL", choices, carried).lines
    assert f"Everything is taken from the folder {wheels}; no network is used." in lines
    (wheels / "numpy-2.4.6-py3-none-any.whl").rename(tmp_path / "numpy-2.4.6-py3-none-any.whl")
    said = refused("INSTALL", choices, carried, environ=dead)
    assert "There is no numpy" in said
    assert "the folder of wheels" in said

    (tmp_path / "numpy-2.4.6-py3-none-any.whl").rename(wheels / "numpy-2.4.6-py3-none-any.whl")
    assert finished("INSTALL", choices, carried, environ=dead)["version"] == "0.1.0"
    assert len(list(wheels.iterdir())) == 2


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int, *options: str) -> Iterator[Path]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", ",".join((f"size={megabytes}m", *options)), "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.usefixtures("quick")
def test_a_disk_that_fills(
    choose: Callable[..., Any], carried: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bare: Path
) -> None:
    taken = sum(path.stat().st_size for path in bare.rglob("*") if path.is_file()) / 1e6
    with small_disk(tmp_path / "small", round(taken * 1.25) + 2) as disk:
        choices = choose(disk / "howard")
        said = refused("INSTALL", choices, carried)
        assert "free, Howard needs 1.6 GB while it is installed: make room" in said
        assert not choices.folder.exists()
        # It was enough when it was looked at.
        monkeypatch.setattr(installing, "require_space", lambda folder, needed: None)
        said = refused("INSTALL", choices, carried)
        assert "The disk is full: make room" in said
        assert list(choices.folder.glob("env-*")) == []
        assert installation.Installation(choices.folder).command() == []


def test_folders_nobody_can_write_to(
    choose: Callable[..., Any], carried: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installing, "require_space", lambda folder, needed: None)
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        said = refused("INSTALL", choose(folder), carried)
        assert f"Howard cannot be installed into {folder}:" in said
        assert said.endswith("Choose another Install Folder in the preferences.")
    with small_disk(tmp_path / "locked", 1, "ro") as disk:
        assert "Read-only file system" in refused("INSTALL", choose(disk / "howard"), carried)
    assert "is not an absolute path" in refused("INSTALL", choose(Path("somewhere")), carried)


@pytest.mark.skipif(sys.platform == "win32", reason="its Python is a shell script")
def test_a_python_that_does_not_fit(choose: Callable[..., Any], carried: Any, tmp_path: Path) -> None:
    old = tmp_path / "python3.10"
    old.write_text('#!/bin/sh\necho \'{"version": [3, 10, 4], "executable": "python"}\'\n')
    old.chmod(0o755)
    said = refused("INSTALL", choose(python=str(old)), carried)
    assert f"{old} is Python 3.10.4; Howard needs 3.11 or later" in said
    assert "cannot be started" in refused("INSTALL", choose(python=str(tmp_path / "none")), carried)
    old.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'ensurepip'\" >&2\nexit 1\n")
    assert "cannot make environments" in refused("INSTALL", choose(python=str(old)), carried)
    assert installation.Installation(choose().folder).state().kind == "none"


@pytest.mark.usefixtures("quick")
def test_files_that_another_program_holds_open(
    choose: Callable[..., Any], carried: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Windows does it: a folder in which a file is open cannot be renamed, nor the file be removed."""
    choices, home = choose(), installation.Installation(choose().folder)
    finished("INSTALL", choices, carried)
    rename, held = Path.rename, home.folder / "env-1"

    def refuse(self: Path, target: Path) -> Path:
        if self == held:
            raise PermissionError(errno.EACCES, "The process cannot access the file")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    newer = write_howard(tmp_path / "addon", "0.2.0")
    assert finished("UPDATE", choices, newer)["version"] == "0.2.0"
    assert says(home.command()) == "howard 0.2.0"
    assert held.is_dir(), "what is held stays as it was, and does not count"
    said = refused("REMOVE", choices, newer)
    assert "Another program holds it open, perhaps another Blender, or a virus scanner" in said
    assert home.state().kind == "half"
    monkeypatch.undo()
    finished("REMOVE", choices, newer)
    assert not home.folder.exists()


def test_what_is_said_before() -> None:
    linux, windows = devices.Machine("Linux", "x86_64"), devices.Machine("Windows", "AMD64")
    apple, intel = devices.Machine("Darwin", "arm64"), devices.Machine("Darwin", "x86_64")
    torch = "https://download.pytorch.org/whl/"
    assert devices.build(linux, "cpu").index == torch + "cpu"
    assert devices.build(linux, "cuda").index == ""
    assert devices.build(linux, "rocm").index == torch + "rocm7.2"
    assert devices.build(windows, "cpu").index == ""
    assert devices.build(windows, "cuda").index == torch + "cu130"
    assert devices.build(apple, "mps").index == ""
    with pytest.raises(errors.AddonError, match="Intel"):
        devices.choices(intel)
    with pytest.raises(
        errors.AddonError, match=r"There is no AMD GPU \(ROCm\) build .*: choose CPU or NVIDIA"
    ):
        devices.build(windows, "rocm")


@pytest.mark.parametrize(
    ("told", "device", "index"),
    [
        ("NVIDIA GeForce RTX 4090, 581.29, 8.9", "cuda", "cu130"),
        ("NVIDIA GeForce RTX 4090, 560.94, 8.9", "cuda", "cu126"),
        ("NVIDIA GeForce GTX 1080, 581.29, 6.1", "cuda", "cu126"),
        ("", "cpu", ""),
    ],
)
def test_a_gpu_is_found(told: str, device: str, index: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    windows = devices.Machine("Windows", "AMD64")
    found = devices.find(windows, lambda command: told)
    assert found.device == device
    assert devices.build(windows, device, found).index.endswith(index)


def test_the_question_names_what_where_from_how_much_and_where_to(tmp_path: Path, carried: Any) -> None:
    linux = devices.Machine("Linux", "x86_64")
    gpu = devices.Found("cuda", "NVIDIA GeForce RTX 4090", 13)
    choices = installing.Choices(tmp_path)
    lines = "\n".join(installing.plan("INSTALL", choices, carried, machine=linux, found=gpu).lines)
    assert "Howard 0.1.0 for NVIDIA GPU (CUDA) (found: NVIDIA GeForce RTX 4090)" in lines
    assert f"Into {tmp_path}" in lines
    assert "PyTorch and the other packages from the Python package index." in lines
    assert "About 2.9 GB to fetch, 5.2 GB on the disk afterwards." in lines
    choices = installing.Choices(tmp_path, device="cpu")
    lines = "\n".join(installing.plan("INSTALL", choices, carried, machine=linux, found=gpu).lines)
    assert "This machine has NVIDIA GeForce RTX 4090, which is not used then." in lines
    assert "PyTorch from download.pytorch.org, the other packages from the Python package index." in lines
    with pytest.raises(errors.AddonError, match="tick Allow Online Access"):
        installing.plan(
            "INSTALL", installing.Choices(tmp_path, online=False), carried, machine=linux, found=gpu
        )
    with pytest.raises(errors.AddonError, match="has no wheel of torch"):
        installing.plan("INSTALL", installing.Choices(tmp_path, wheels=str(tmp_path)), carried)


def test_a_path_that_windows_would_refuse(carried: Any) -> None:
    long = "C:\\Users\\somebody.with.a.name\\AppData\\Roaming\\Blender Foundation\\Blender\\4.5"
    long += "\\extensions\\.user\\user_default\\howard_matte\\howard"
    environ = {"LOCALAPPDATA": "C:\\Users\\x\\AppData\\Local"}
    assert installation.default_folder(long, "Windows", environ) == Path(environ["LOCALAPPDATA"]) / "Howard"
    windows = devices.Machine("Windows", "AMD64")
    with pytest.raises(errors.AddonError, match="too long for Windows"):
        installing.plan("INSTALL", installing.Choices(Path("/" + long)), carried, machine=windows)
    assert installation.default_folder("C:\\Howard", "Windows", environ) == Path("C:\\Howard")
    assert installation.default_folder(long, "Linux", environ) == Path(long)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            "disk is full",
        ),
        ("OSError: [WinError 112] There is not enough space on the disk", "The disk is full: make room"),
        ("PermissionError: [WinError 32] ... is being used by another process: 'torch.dll'", "virus scanner"),
        ("PermissionError: [WinError 5] Access is denied: 'torch.dll'", "choose another Install Folder"),
        ("HINT: ... does not have Windows Long Path support enabled", "such as C:\\Howard"),
        (
            "ERROR: No matching distribution found for torch==2.13.0",
            "There is no torch==2.13.0 for this system",
        ),
        ("HTTPSConnectionPool(host='x', port=443): Max retries exceeded with url", "The connection broke"),
        (
            "ImportError: libGL.so.1: cannot open shared object file",
            "libGL.so.1: cannot open shared object file",
        ),
    ],
)
def test_messages_of_programs_in_plain_words(line: str, said: str) -> None:
    assert said in complaints.meaning(["Collecting torch", line, ""], "Unpacking")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_what_a_program_started_ends_with_it(tmp_path: Path) -> None:
    caller = pip_calls.Caller(tmp_path / "log", os.environ)
    started: list[int] = []

    def stop(line: str) -> None:
        started.append(int(line))
        caller.stop()

    with pytest.raises(errors.CancelledError):
        caller.run(["sh", "-c", "sleep 60 & echo $!; wait"], on_line=stop)
    for _ in range(50):
        try:
            os.kill(started[0], 0)
            state = Path(f"/proc/{started[0]}/stat").read_text().rpartition(")")[2].split()[0]
        except (ProcessLookupError, FileNotFoundError):
            return
        if state == "Z":
            return
        time.sleep(0.1)
    os.kill(started[0], signal.SIGKILL)
    pytest.fail("it runs on")


@pytest.fixture(scope="module")
def addon_zip(bpy_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip, with Howard's own wheel in it."""
    return Path(build_tool().build(str(bpy_python), tmp_path_factory.mktemp("addon")))


def said_by(printed: str) -> dict[str, Any]:
    return dict(json.loads(line[1:]) for line in printed.splitlines() if line.startswith("@"))


def test_what_blender_says(run_bpy: Callable[..., str], addon_zip: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(addon_zip) as archive:
        names = {Path(name).name for name in archive.namelist() if "/howard/" in f"/{name}"}
    assert {name.split("-")[0] for name in names} == {"howard_matting", "pip", "constraints.txt"}

    with_retries = {"PIP_RETRIES": "0", "PIP_CONFIG_FILE": os.devnull}
    printed = run_bpy(SCRIPTS / "install_refused.py", addon_zip, tmp_path / "project", **with_retries)
    said = said_by(printed)
    folder, there = said["folder"]
    assert Path(folder).is_relative_to(tmp_path / "blender-user" / "extensions")
    assert not there
    assert "operator howard.install" in said["drawn"]
    assert "Network and Studio" in said["drawn"]
    assert f"label {folder}" not in said["drawn"]
    assert folder in said["drawn"]
    for error in said["offline"]:
        assert "tick Allow Online Access in Preferences, System, Network" in error
    assert "There is no folder of wheels" in said["no wheels"]
    assert "There is no Apple GPU (MPS) build for this system: choose CPU or NVIDIA" in said["no such build"]
    assert "Choose another Install Folder" in said["a file"]
    assert "cannot be started: No such file or directory" in said["no python"]
    assert "127.0.0.1:9 does not answer" in said["no index"]
    assert "Open Log" in said["drawn after"]
    assert [name for name in said["left"] if name.startswith("env")] == []
    assert "Press Install Howard in the preferences" in said["nothing to repair"]
    assert "is being installed into" in said["two at once"]
    assert said["removed"] == ["Howard is removed.", False]


def _blender_of_this_python() -> Path | None:
    """A Blender for which the registry has the PyTorch that these tests run with."""
    running = "{}.{}".format(*sys.version_info)
    fitting = [FOUND[one] for one, wheel in WHEELS.items() if one in FOUND and wheel.python == running]
    return fitting[-1] if fitting else None


def _answers(host: str) -> bool:
    try:
        with socket.create_connection((host, 443), timeout=5):
            return True
    except OSError:
        return False


@pytest.mark.skipif(
    not REQUIRED and not _answers(PyPI.netloc), reason=f"no network: {PyPI.netloc} does not answer"
)
@pytest.mark.skipif(_blender_of_this_python() is None, reason="no Blender for this Python: make blenders")
def test_for_real(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Fetches some 350 MB, where no cache and no folder of pip's settings has them."""
    python = _blender_of_this_python()
    assert python is not None
    made = build_tool().build(str(python), tmp_path)
    # Elsewhere PyTorch's CPU build comes from its own index; a mirror may have it among the others.
    index = "" if _answers("download.pytorch.org") else PyPI.simple_url
    environ = {name: value for name, value in ENVIRON.items() if not name.startswith("PYTHON")}
    environ["BLENDER_USER_RESOURCES"] = str(tmp_path / "user")
    command = [python, SCRIPTS / "install_for_real.py", made, index, shot_folder(), tmp_path / "project"]
    ended = subprocess.run(
        command, env=environ, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert ended.returncode == 0, ended.stdout
    said = said_by(ended.stdout)
    assert "Howard 0.1.0 is installed, for CPU: PyTorch 2." in said["installed"]
    assert said["command"][1:] == ["-I", "-m", "howard_nodes"]
    assert said["tested"] == "Howard 0.1.0 runs on cpu, float32"
    assert said["pulled"][0].startswith("Done: frames 1001-1008\nClean plate fit: 8 good")
    assert len(list((tmp_path / "project/howard/Howard_Matte").glob("*.exr"))) == 8
    shown, refusal = said["broken"]
    assert "is broken: packages are missing in it. Press Repair" in shown
    assert "Press Repair" in refusal
    assert "is installed, for CPU" in said["repaired"][0]
    assert said["removed"][1] is False
