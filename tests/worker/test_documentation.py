"""The page about the protocol holds what it says: its examples are run, its tables compared."""

from __future__ import annotations

import dataclasses
import json
import re
import typing
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import pytest

from howard_nodes.shot import events
from howard_nodes.worker.protocol import Code

PAGE = (Path(__file__).parents[2] / "docs" / "worker-protocol.md").read_text()


def _example():
    """All lines of all examples, in order: whether it is sent, and the message."""
    for line in PAGE.splitlines():
        if match := re.fullmatch(r" {4}(->|<-) (.*)", line):
            yield match[1] == "->", json.loads(match[2])


def _like(seen, shown):
    """Whether a message is as the page shows it; "..." stands for anything."""
    if shown == "...":
        return True
    if isinstance(shown, dict):
        return (
            isinstance(seen, dict)
            and shown.keys() == seen.keys()
            and all(_like(seen[k], shown[k]) for k in shown)
        )
    return seen == shown


def test_every_example_is_answered_as_the_page_shows(start_worker, make_shot):
    shot = make_shot(2, colorspace="lin_ap1_scene")
    line = start_worker(shot.folder)
    memory = SharedMemory("howard-example", create=True, size=1 << 18)
    try:
        steps = list(_example())
        assert len(steps) > 25
        for sent, message in steps:
            if sent:
                line.send(message)
            elif "id" in message:
                answer = line.answer(message["id"])
                assert _like(answer, message), f"{answer}\n{message}"
            else:
                about = message["params"]
                of_frame = {"frame": about["frame"]} if "frame" in about else {}
                seen = line.progress(about["request"], about["event"], **of_frame)
                assert _like(seen, about), f"{seen}\n{about}"
        assert line.ended() == 0
        # The worker is gone; the memory is its host's and still there.
        assert (Path("/dev/shm") / memory.name).stat().st_size == memory.size
    finally:
        memory.close()
        memory.unlink()


def _table(heading):
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return {row[0]: row[1] for row in re.findall(r"^\| (\S+) \| (.*) \|$", section, re.MULTILINE)}


def test_the_page_lists_every_event_with_its_members():
    told = {
        kind.strip("`"): set(re.findall(r"`(\w+)`", members)) for kind, members in _table("Progress").items()
    }
    for event in typing.get_args(events.Event):
        kind = re.sub(r"(?<!^)(?=[A-Z])", "_", event.__name__).lower()
        assert {field.name for field in dataclasses.fields(event)} <= told[kind], kind


def test_the_page_lists_every_code():
    codes = {int(code) for code in _table("Errors") if code.startswith("-")}
    assert {int(code) for code in Code} <= codes


@pytest.mark.parametrize(
    "method", ["hello", "describe", "configure", "evaluate", "cancel", "status", "shutdown"]
)
def test_the_page_has_every_method(light, method):
    assert re.search(rf"^### {method}\b", PAGE, re.MULTILINE)
    assert method in light.refused("no such method")["message"]
