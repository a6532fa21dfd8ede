"""The client, with real workers, and with what is none."""

from __future__ import annotations

import ast
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from shots import gradient

from howard_nodes import client
from howard_nodes.client import CANCELLED, GONE, NOT_STARTED, TIMEOUT, VERSION_DIFFERS, Worker, WorkerError
from howard_nodes.frames import read_frame

HOWARD = str(Path(sys.executable).with_name("howard"))


@pytest.fixture(scope="module")
def warm(random_weights):
    with Worker([HOWARD], env={"OMP_NUM_THREADS": "1"}) as worker:
        worker.configure(knobs={"device": "cpu", "weights": str(random_weights)}, warm=True)
        yield worker


@pytest.fixture
def worker(warm, random_weights):
    warm.configure(knobs={"device": "cpu", "weights": str(random_weights)}, options={})
    return warm


@pytest.fixture
def program(tmp_path):
    """Write a program that stands for howard."""

    def write(text: str) -> list[str]:
        path = tmp_path / "howard"
        path.write_text(f"#!{sys.executable}\nimport json, os, sys, time\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return [str(path)]

    return write


def _is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _inputs(shot):
    return {"plate": Path(shot.plate), "clean_plate": shot.clean}


def test_it_is_python_3_7_and_needs_the_standard_library_only():
    source = Path(client.__file__).read_text()
    tree = ast.parse(source, feature_version=(3, 7))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module)
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names
    # Python 3.7 does not know the names either that annotations alone may use.
    assert "from __future__ import annotations" in source


def test_a_range_is_evaluated_with_progress(worker, make_shot):
    shot, events = make_shot(2), []
    result = worker.evaluate(
        _inputs(shot), shot.folder / "out" / "s.####.exr", frames="1001-1002", on_progress=events.append
    )
    assert (result["done"], result["failed"]) == ("1001-1002", {})
    assert [event["event"] for event in events][:: len(events) - 1] == ["started", "finished"]
    assert (shot.folder / "out" / "s.1002.exr").is_file()


def test_requests_run_in_the_background_and_are_cancelled(worker, make_shot):
    shot = make_shot(30)
    begun = threading.Event()
    running = worker.start_evaluate(
        _inputs(shot),
        shot.folder / "out" / "s.####.exr",
        knobs={"align": "off", "match_exposure": "off"},
        on_progress=lambda event: event["event"] == "frame_done" and begun.set(),
    )
    queued = worker.start_evaluate(_inputs(shot), shot.folder / "out" / "t.####.exr")
    assert begun.wait(30)
    assert worker.status()["running"]["request"] == running.id
    assert not running.done
    with pytest.raises(WorkerError) as caught:
        queued.result(timeout=0.01)
    assert caught.value.code == TIMEOUT
    for request in (queued, running):
        request.cancel()
        with pytest.raises(WorkerError) as caught:
            request.result(30)
        assert caught.value.code == CANCELLED
        assert request.done
    assert caught.value.data["done"].startswith("1001")
    running.cancel()  # too late, and no harm


def test_a_timeout_cancels(worker, make_shot):
    shot = make_shot(30)
    with pytest.raises(WorkerError) as caught:
        worker.evaluate(_inputs(shot), shot.folder / "out" / "s.####.exr", timeout=0.1)
    assert caught.value.code == TIMEOUT
    assert worker.evaluate(_inputs(shot), shot.folder / "out" / "s.####.exr", frames=1001)["done"] == "1001"


def test_a_callback_may_ask_the_worker_and_may_fail(worker, make_shot):
    shot, seen = make_shot(1), []

    def ask(event):
        seen.append(worker.status()["state"])
        raise ValueError("a host's own mistake")

    assert worker.evaluate(_inputs(shot), shot.folder / "s.####.exr", on_progress=ask)["done"] == "1001"
    assert "busy" in seen


def test_a_callback_that_waits_for_itself_is_told_so(worker, make_shot):
    shot, caught = make_shot(1), []

    def wait(event):
        try:
            request.result()
        except RuntimeError as error:
            caught.append(error)

    request = worker.start_evaluate(_inputs(shot), shot.folder / "s.####.exr", on_progress=wait)
    assert request.result(30)["done"] == "1001"
    assert caught


def test_errors_come_with_a_remedy(worker, make_shot):
    with pytest.raises(WorkerError, match="did you mean 'threshold'") as caught:
        worker.configure(knobs={"treshold": 0.5})
    assert caught.value.remedy
    assert caught.value.remedy in str(caught.value)
    with pytest.raises(WorkerError, match="no such file|does not exist"):
        worker.evaluate({"plate": "/nowhere/p.####.exr", "clean_plate": "c.exr"}, "/nowhere/o.####.exr")
    for value in (float("nan"), object()):
        with pytest.raises(WorkerError, match="cannot be sent"):
            worker.configure(knobs={"threshold": value})
    assert worker.status()["state"] == "idle"


def test_pixels_go_through_shared_memory_and_leave_none_behind(worker, make_shot):
    shot = make_shot(1, colorspace="lin_ap1_scene")
    before = set(os.listdir("/dev/shm"))
    plate, clean = shot.light(1001), gradient()
    assert plate.dtype != np.float32 or plate.flags.c_contiguous
    plate, clean = (np.ascontiguousarray(one, np.float32) for one in (plate, clean))
    result = worker.evaluate_pixels(
        {"plate": plate, "clean_plate": clean}, ["foreground", "alpha"], frame=1001
    )
    assert set(os.listdir("/dev/shm")) == before
    assert result["space"] == "ACEScg"
    worker.evaluate(_inputs(shot), shot.folder / "s.####.exr", options={"depth": "float"})
    file = shot.folder / "s.1001.exr"
    foreground = np.asarray(result["outputs"]["foreground"])
    np.testing.assert_array_equal(foreground, read_frame(file, layer="foreground").rgb)
    assert np.asarray(result["outputs"]["alpha"]).shape == (72, 104)


@pytest.mark.parametrize(
    ("inputs", "outputs", "words"),
    [
        ({"clean_plate": np.zeros((4, 4, 3), "f")}, ["alpha"], "plate"),
        ({"plate": np.zeros((4, 4, 3))}, ["alpha"], "float32"),
        ({"plate": np.zeros((3, 4, 4), "f").transpose(1, 2, 0)}, ["alpha"], "contiguous"),
        ({"plate": "plate.exr"}, ["alpha"], "float32"),
        ({"plate": np.zeros((4, 4, 3), "f")}, ["alfa"], "alfa"),
        ({"plate": np.zeros((4, 4, 3), "f")}, ["alpha"], "clean plate"),
        (
            {"plate": np.zeros((4, 4, 2), "f"), "clean_plate": np.zeros((4, 4, 3), "f")},
            ["alpha"],
            "2 channels",
        ),
    ],
)
def test_pictures_that_will_not_do_are_named(worker, inputs, outputs, words):
    before = set(os.listdir("/dev/shm"))
    with pytest.raises(WorkerError, match=words):
        worker.evaluate_pixels(inputs, outputs)
    assert set(os.listdir("/dev/shm")) == before


# --- workers that are not there


def test_howard_is_found_by_variable_then_by_path(monkeypatch, tmp_path, program):
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setattr(client, "usual_places", list)
    monkeypatch.delenv("HOWARD", raising=False)
    with pytest.raises(WorkerError, match="not on the PATH") as caught:
        Worker()
    assert "HOWARD" in caught.value.remedy
    monkeypatch.setenv("HOWARD", str(tmp_path / "howard"))
    with pytest.raises(WorkerError, match="No such file") as caught:
        Worker()
    assert caught.value.code == NOT_STARTED
    (tmp_path / "howard").write_text("not executable")
    with pytest.raises(WorkerError, match="ermission denied"):
        Worker()
    monkeypatch.setenv("HOWARD", HOWARD)
    with Worker() as worker:
        assert worker.is_alive
    assert not worker.is_alive
    monkeypatch.delenv("HOWARD")
    monkeypatch.setenv("PATH", str(Path(HOWARD).parent))
    Worker().close()


def test_a_hosts_python_settings_do_not_reach_the_worker(monkeypatch, tmp_path):
    (tmp_path / "typer.py").write_text("raise SystemExit('the host has its own typer')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))
    with Worker([HOWARD]) as worker:
        assert worker.describe()["format"] == "howard-node"


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("print('Welcome to Bash'); time.sleep(60)", NOT_STARTED, "Welcome to Bash"),
        ("print(json.dumps([1])); time.sleep(60)", NOT_STARTED, r"\[1\]"),
        ("os.write(1, bytes(range(128, 256)) + b'\\n'); time.sleep(60)", NOT_STARTED, "says"),
        ("os.write(1, sys.stdin.buffer.readline()); time.sleep(60)", NOT_STARTED, "hello"),
        ("sys.exit('no licence for this')", NOT_STARTED, "(?s)exit code 1.*no licence for this"),
        ("os.kill(os.getpid(), 11)", NOT_STARTED, "signal 11"),
        ("os.close(1); time.sleep(60)", NOT_STARTED, "signal 9"),
    ],
)
def test_what_is_no_worker_is_said_and_ended(program, text, code, words):
    began = time.monotonic()
    with pytest.raises(WorkerError, match=words) as caught:
        Worker(program(text))
    assert caught.value.code == code
    assert "HOWARD" in caught.value.remedy
    assert time.monotonic() - began < 20


def test_what_never_answers_is_not_waited_for(program, monkeypatch):
    monkeypatch.setattr(client, "_HELLO_SECONDS", 0.3)
    with pytest.raises(WorkerError, match="does not answer") as caught:
        Worker(program("time.sleep(60)"))
    assert caught.value.code == NOT_STARTED


def test_a_worker_of_another_version_is_refused_by_the_client_too(program):
    answer = "{'jsonrpc': '2.0', 'id': 1, 'result': {'protocol': 2, 'howard': '9.0', 'pid': 1}}"
    with pytest.raises(WorkerError, match="Howard 9.0.*protocol 2") as caught:
        Worker(program(f"sys.stdin.readline(); print(json.dumps({answer}), flush=True); sys.stdin.read()"))
    assert caught.value.code == VERSION_DIFFERS
    assert "same version" in caught.value.remedy


def test_a_worker_refuses_a_client_of_another_version(monkeypatch):
    monkeypatch.setattr(client, "PROTOCOL", 2)
    with pytest.raises(WorkerError, match="protocol 2.*protocol 1") as caught:
        Worker([HOWARD])
    assert caught.value.code == VERSION_DIFFERS


def test_all_that_wait_are_told_when_the_worker_is_killed(make_shot):
    shot, log = make_shot(1), []
    with Worker([HOWARD], on_log=log.append) as worker:
        request = worker.start_evaluate(_inputs(shot), shot.folder / "s.####.exr", on_progress=lambda _: None)
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(WorkerError, match="signal 9") as caught:
            request.result(30)
        assert caught.value.code == GONE
        assert "Start it again" in caught.value.remedy
        assert "connected" in str(caught.value)
        for ask in (worker.status, worker.describe, lambda: worker.evaluate({}, "o.exr")):
            with pytest.raises(WorkerError, match="signal 9"):
                ask()
        assert not worker.is_alive
        request.cancel()
    assert log == caught.value.data["log"]


def test_close_ends_what_runs_and_comes_twice(make_shot):
    shot = make_shot(30)
    worker = Worker([HOWARD])
    request = worker.start_evaluate(_inputs(shot), shot.folder / "s.####.exr")
    worker.close()
    worker.close()
    with pytest.raises(WorkerError) as caught:
        request.result(0)
    assert caught.value.code in (CANCELLED, GONE)
    with pytest.raises(WorkerError, match="closed"):
        worker.status()


def test_a_host_that_just_ends_leaves_no_worker(tmp_path):
    code = f"from howard_nodes.client import Worker; print(Worker([{HOWARD!r}]).pid)"
    pid = int(
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60).stdout
    )
    end = time.monotonic() + 10
    while _is_alive(pid):
        assert time.monotonic() < end
        time.sleep(0.02)


# --- Windows and macOS, as far as they can be had here


@pytest.fixture
def on_windows(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0x200, raising=False)
    monkeypatch.setattr(subprocess, "CREATE_NO_WINDOW", 0x08000000, raising=False)


def test_on_windows_no_console_opens_and_ctrl_c_in_the_hosts_does_not_come(monkeypatch, on_windows):
    started = []

    def refuse(command, **how):
        started.append(how)
        raise FileNotFoundError(2, "The system cannot find the file specified")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(WorkerError, match="cannot find the file"):
        Worker([r"C:\howard\howard.exe"])
    assert started[0]["creationflags"] == 0x08000200
    assert "start_new_session" not in started[0]
    assert {started[0][name] for name in ("stdin", "stdout", "stderr")} == {subprocess.PIPE}
    assert not {"text", "encoding", "universal_newlines"} & started[0].keys()


def test_on_windows_memory_is_a_named_mapping_that_needs_no_unlinking(monkeypatch, on_windows):
    made = []
    monkeypatch.setattr(client.mmap, "mmap", lambda *place, **name: made.append((place, name)))
    client._shared_memory("howard-1", 64)
    client._unlink("howard-1")
    assert made == [((-1, 64), {"tagname": "howard-1"})]


def test_on_windows_a_worker_attaches_to_what_is_there_and_makes_none(monkeypatch, on_windows):
    from howard_nodes.worker import memory

    class There:
        size = 4096

        def __init__(self, name):
            if name != "howard-1":
                raise FileNotFoundError(2, "The system cannot find the file specified")

        def close(self):
            made.append("closed")

    made = []
    monkeypatch.setattr(memory, "SharedMemory", There)
    monkeypatch.setattr(memory.mmap, "mmap", lambda *place, **name: made.append((place, name)))
    memory._opened("howard-1")
    assert made == [((-1, 4096), {"tagname": "howard-1"}), "closed"]
    with pytest.raises(OSError, match="cannot find"):
        memory._opened("howard-2")


@pytest.mark.parametrize(
    ("code", "said"), [(0, "exit code 0"), (-9, "signal 9"), (0xC0000005, "exit code 0xC0000005")]
)
def test_how_a_worker_ended_is_said(code, said):
    assert client._ending(code) == said


@pytest.mark.parametrize(
    ("platform", "folders", "best"),
    [
        ("linux", [".local/bin", "howard/.venv/bin"], ".local/bin/howard"),
        ("linux", ["howard/.venv/bin"], "howard/.venv/bin/howard"),
        ("darwin", ["Library/Python/3.9/bin", "Library/Python/3.13/bin"], "Library/Python/3.13/bin/howard"),
        ("win32", [".local/bin", "roaming/Python/Python313/Scripts"], ".local/bin/howard.exe"),
        (
            "win32",
            ["roaming/Python/Python39/Scripts", "roaming/Python/Python313/Scripts"],
            "roaming/Python/Python313/Scripts/howard.exe",
        ),
        (
            "win32",
            ["local/Programs/Python/Python312/Scripts"],
            "local/Programs/Python/Python312/Scripts/howard.exe",
        ),
    ],
)
def test_howard_is_found_off_the_path_where_it_usually_is(monkeypatch, tmp_path, platform, folders, best):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(client.shutil, "which", lambda _: None)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.delenv("HOWARD", raising=False)
    monkeypatch.setenv("APPDATA", str(tmp_path / "roaming"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
        for name in ("howard", "howard.exe"):
            (tmp_path / folder / name).touch(0o755)
    assert client._found(None) == [str(tmp_path / best)]


@pytest.mark.parametrize(
    ("platform", "text", "words"),
    [
        ("linux", "/opt/howard/bin/howard --verbose", ["/opt/howard/bin/howard", "--verbose"]),
        ("linux", "'/opt/my howard/howard' worker", ["/opt/my howard/howard", "worker"]),
        ("win32", r"C:\howard\howard.exe --verbose", [r"C:\howard\howard.exe", "--verbose"]),
        ("win32", r'"C:\my howard\howard.exe" worker', [r"C:\my howard\howard.exe", "worker"]),
    ],
)
def test_a_command_is_split_as_its_system_writes_it(
    monkeypatch: pytest.MonkeyPatch, platform: str, text: str, words: list[str]
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert client.command_words(text) == words


def test_a_path_with_blanks_is_one_word(tmp_path: Path) -> None:
    (tmp_path / "my howard").touch()
    assert client.command_words(str(tmp_path / "my howard")) == [str(tmp_path / "my howard")]
