"""Processes: who has ended is told, whether or not somebody asked how."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from howard_nodes.system.processes import watch


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process is there until it is waited for")
def test_a_process_that_ended_is_told_before_anybody_waits_for_it():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    ended = watch(process.pid)
    assert not ended()
    process.kill()
    deadline = time.monotonic() + 10
    while not ended():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.wait()
    assert ended()
    assert watch(process.pid)()
