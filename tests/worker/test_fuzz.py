"""Whatever comes down the line: one worker answers on, and writes nowhere but where it is told."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from howard_nodes.description import INPUTS, KNOBS, OPTIONS, OUTPUTS

METHODS = ("hello", "describe", "configure", "evaluate", "cancel", "status")
fuzzed = settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))

numbers = st.integers(-3, 2000) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.none() | st.booleans() | numbers | st.text(max_size=20)
names = st.sampled_from(
    [
        "protocol",
        "inputs",
        "output",
        "outputs",
        "frames",
        "frame",
        "knobs",
        "options",
        "warm",
        "request",
        "memory",
    ]
    + [one.name for part in (INPUTS, OUTPUTS, KNOBS, OPTIONS) for one in part]
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(names | st.text(max_size=8), inner, max_size=5)
    ),
    max_leaves=12,
)


@pytest.fixture
def home(worker, make_shot):
    """A worker and its shot; what is around the output folder must stay as it is."""
    shot = make_shot(1)
    (shot.folder / "out").mkdir()
    folders = (worker.folder, shot.folder)

    def files():
        return {
            path: path.stat().st_mtime_ns
            for folder in folders
            for path in folder.rglob("*")
            if path.parent.name != "out" and path.name != "out"
        }

    before, said = files(), len(worker.log)
    crashes = worker.call("status")["crashes"]
    yield worker, shot
    assert files() == before
    assert worker.call("status")["crashes"] == crashes
    assert not any("Traceback" in line for line in worker.log[said:])


def _still_there(line):
    """It answers."""
    line.send({"jsonrpc": "2.0", "id": "still there?", "method": "status"})
    assert "result" in line.answer("still there?")


def _answered(line, message):
    """Wait for the answer to a message, if it gets one."""
    number = message.get("id") if isinstance(message, dict) else None
    if isinstance(number, str) and len(number) <= 200:
        answer = line.answer(number)
        assert ("result" in answer) != ("error" in answer)


@fuzzed
@given(data=st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes(home, data):
    if b"shutdown" not in data:
        home[0].send_bytes(data + b"\n")
        _still_there(home[0])


@fuzzed
@given(message=values)
def test_any_json(home, message):
    home[0].send(message)
    _answered(home[0], message)
    _still_there(home[0])


@fuzzed
@given(method=st.sampled_from(METHODS) | st.text(max_size=10), params=values | st.dictionaries(names, values))
def test_any_parameters(home, method, params):
    message = {"jsonrpc": "2.0", "id": "any", "method": method, "params": params}
    home[0].send(message)
    _answered(home[0], message)
    _still_there(home[0])


def _paths(value, path=()):
    yield path
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, inner in children:
        yield from _paths(inner, (*path, key))


def _changed(value, path, new):
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _changed(value[path[0]], path[1:], new)
    return copy


@settings(fuzzed, max_examples=60)
@given(data=st.data())
def test_requests_that_are_almost_right(home, data):
    line, shot = home
    block = {"memory": "howard-fuzz", "offset": 0, "shape": [8, 8, 3], "dtype": "float32"}
    options = {
        option.name: option.default for option in OPTIONS if option.name not in ("fit", "report", "frames")
    }
    files = {
        "inputs": {"plate": shot.plate, "clean_plate": shot.clean, "inside": None},
        "output": str(shot.folder / "out" / "s.####.exr"),
        "frames": "1001",
        "knobs": {knob.name: knob.default for knob in KNOBS if knob.name not in ("weights", "device")},
        "options": options,
    }
    pixels = {
        "frame": 1,
        "space": None,
        "inputs": {"plate": block, "clean_plate": block},
        "outputs": {"alpha": block | {"shape": [8, 8], "offset": 768}},
        "knobs": files["knobs"],
        "options": {"ocio": None},
    }
    params = data.draw(st.sampled_from([files, pixels]))
    path = data.draw(st.sampled_from(list(_paths(params))))
    # A name of its own to write to is no mistake of the worker's.
    new = data.draw(
        scalars.filter(lambda value: not isinstance(value, str)) if path[-1:] == ("output",) else values
    )
    message = {"jsonrpc": "2.0", "id": "almost", "method": "evaluate", "params": _changed(params, path, new)}
    line.send(message)
    _answered(line, message)
    _still_there(line)
    left = [name for name in (shot.folder / "out").iterdir() if not name.name.startswith("s.")]
    assert left == []


def test_nothing_of_all_that_reached_stdout_but_messages(worker):
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in worker.raw)
    assert all(line.isascii() and line.count(b"\n") == 1 for line in worker.raw)
