"""How a worker ends, and that nothing is left of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest


def _gone(alive, *pids, seconds=10.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any(map(alive, pids)):
            return True
        time.sleep(0.02)
    return False


def test_nothing_is_left_when_the_host_is_killed_in_the_middle(howard, make_shot, random_weights, alive):
    shot = make_shot(60)
    host = f"""
import sys, time
from howard_nodes.client import Worker
def told(event):
    if event["event"] == "frame_done":
        print(worker.pid, worker.status()["compute"], flush=True)
worker = Worker([{howard!r}])
worker.configure(knobs={{"device": "cpu", "weights": {str(random_weights)!r}, "align": "off"}})
worker.start_evaluate(
    {{"plate": {shot.plate!r}, "clean_plate": {shot.clean!r}}},
    {str(shot.folder / "out" / "s.####.exr")!r}, on_progress=told, knobs={{"match_exposure": "off"}})
time.sleep(100)
"""
    with subprocess.Popen([sys.executable, "-c", host], stdout=subprocess.PIPE, text=True) as process:
        pids = [int(pid) for pid in process.stdout.readline().split()]
        assert all(map(alive, pids))
        process.kill()
    assert _gone(alive, *pids)
    names = os.listdir(shot.folder / "out")
    assert 0 < len(names) < 60
    assert all(name.startswith("s.1") for name in names)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_it(start_worker, number, code):
    line = start_worker().hello()
    line.process.send_signal(number)
    assert line.ended() == code


def test_shutdown_is_answered_before_the_end(start_worker):
    line = start_worker().hello()
    assert line.call("shutdown") == {}
    assert line.ended() == 0


def test_the_end_of_stdin_cancels_what_waits_and_says_so(start_worker, make_shot):
    shot = make_shot(2)
    line = start_worker().hello()
    request = {
        "inputs": {"plate": shot.plate, "clean_plate": shot.clean},
        "output": str(shot.folder / "o.####.exr"),
    }
    numbers = [line.start("evaluate", **request) for _ in range(3)]
    assert line.hang_up() == 0
    for number in numbers:
        assert line.answer(number)["error"]["code"] == -32003


@pytest.fixture
def deaf(howard):
    """A worker, and the end of its stdout, which nobody reads."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [howard, "worker"], stdin=subprocess.PIPE, stdout=writing, stderr=subprocess.DEVNULL
    )
    os.close(writing)
    process.stdin.write(b'{"jsonrpc": "2.0", "id": 1, "method": "hello", "params": {"protocol": 1}}\n')
    process.stdin.flush()
    yield process, reading
    process.kill()
    process.wait()


def test_a_host_that_stops_listening_ends_it(deaf):
    process, reading = deaf
    os.read(reading, 1)
    os.close(reading)
    process.stdin.write(b'{"jsonrpc": "2.0", "id": 2, "method": "status"}\n')
    process.stdin.flush()
    assert process.wait(20) == 0


@pytest.mark.parametrize("how", ["hang up", "signal"])
def test_a_host_that_never_reads_is_no_reason_to_stay(deaf, how):
    process, reading = deaf
    # Some 280 kB that wait to be read: more than a pipe holds.
    process.stdin.write(b'{"jsonrpc": "2.0", "id": 2, "method": "describe"}\n' * 20)
    process.stdin.flush()
    os.read(reading, 1)
    if how == "signal":
        process.terminate()
    else:
        process.stdin.close()
    assert process.wait(20) == (143 if how == "signal" else 0)
    os.close(reading)


def test_a_worker_without_any_pipes_ends_at_once(howard):
    done = subprocess.run(["sh", "-c", f"exec '{howard}' worker <&- >&- 2>&-"], timeout=20, check=False)
    assert done.returncode == 0


def test_what_is_printed_goes_to_the_log_and_never_into_the_protocol(worker):
    end = time.monotonic() + 20
    for words in ("printed", "written", "from a child"):
        # Once in the supervisor, once in the compute process.
        while sum(words in said for said in worker.log) < 2:
            assert time.monotonic() < end
            time.sleep(0.02)
    assert worker.call("status")["warm"]
    assert all(json.loads(said)["jsonrpc"] == "2.0" for said in worker.raw)
