"""What is answered without computing."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howard_nodes import __version__
from howard_nodes.description import KNOBS, OPTIONS, describe
from howard_nodes.worker.protocol import LONGEST_LINE, LineBuffer

PLATES = {"plate": "plate.####.exr", "clean_plate": "clean.exr"}
BLOCK = {"memory": "howard-none", "shape": [4, 6, 3]}


def test_a_worker_describes_the_node_at_once(start_worker):
    line = start_worker()
    assert line.hello().call("describe")["description"] == json.loads(json.dumps(describe()))
    process = Path("/proc") / str(line.process.pid)
    # Time of the processor, so that a busy machine does not matter.
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    assert (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") < 0.5
    loaded = (process / "maps").read_text()
    assert not any(library in loaded for library in ("torch", "numpy", "OpenImageIO"))


def test_hello_names_protocol_and_version(light):
    hello = light.call("hello", protocol=1, client="test \n\ud800")
    assert hello == {"protocol": 1, "howard": __version__, "pid": light.process.pid}


@pytest.mark.parametrize("version", [0, 2, 10**300])
def test_another_protocol_is_refused_and_both_are_named(light, version):
    error = light.refused("hello", protocol=version)
    assert error["code"] == -32001
    assert __version__ in error["message"]
    assert "protocol 1" in error["message"]
    assert "pdate" in error["data"]["remedy"]
    assert error["data"]["protocol"] == 1


def test_nothing_is_done_before_hello(start_worker):
    line = start_worker()
    for method in ("describe", "configure", "evaluate", "cancel", "status", "shutdown"):
        assert line.refused(method)["code"] == -32001
    assert line.hello().call("status")["state"] == "idle"


def test_configure_answers_with_all_that_holds_from_then_on(light):
    defaults = {"knobs": {knob.name: knob.default for knob in KNOBS}}
    defaults["options"] = {option.name: option.default for option in OPTIONS}
    assert light.call("configure", knobs={}, options={}) == defaults
    changed = light.call("configure", knobs={"quality": "high", "threshold": 1}, options={"depth": "float"})
    assert changed["knobs"] == defaults["knobs"] | {"quality": "high", "threshold": 1.0}
    assert light.call("configure", knobs={"exposure": 2})["options"]["depth"] == "float"
    assert light.call("configure")["knobs"] == defaults["knobs"] | {"exposure": 2.0}
    light.refused("configure", knobs={"exposure": 0}, options={"depth": "quarter"})
    assert light.call("configure")["knobs"]["exposure"] == 2.0
    assert light.call("configure", knobs={}, options={}) == defaults


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"knobs": {"treshold": 1}}, ["treshold", "threshold"]),
        ({"knobs": {"threshold": 1.5}}, ["threshold", "1.5", "between 0 and 1"]),
        ({"knobs": {"quality": None}}, ["quality", "draft"]),
        ({"knobs": {"threshold": 10**400}}, ["threshold"]),
        ({"knobs": {"sample_pixels": True}}, ["sample pixels", "True"]),
        ({"knobs": [1]}, ["knobs", "object"]),
        ({"knobs": None}, ["knobs", "object"]),
        ({"options": {"depht": "half"}}, ["depht", "depth"]),
        ({"options": {"layer": "\0"}}, ["layer"]),
        ({"warm": 1}, ["warm", "true or false"]),
        ({"knob": {}}, ["knob", "knobs"]),
    ],
)
def test_a_wrong_setting_is_named(light, params, words):
    error = light.refused("configure", **params)
    assert error["code"] == -32602
    assert all(word in error["message"] for word in words), error
    assert error["data"]["remedy"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"inputs": {"plate": "p.exr"}}, ["clean plate"]),
        ({"inputs": PLATES | {"insid": "m.exr"}}, ["insid", "inside"]),
        ({"inputs": PLATES | {"plate": 7}}, ["plate", "7"]),
        ({"inputs": PLATES | {"plate": ""}}, ["plate"]),
        ({"inputs": PLATES | {"plate": "a\0b"}}, ["plate"]),
        ({"inputs": PLATES | {"plate": "\ud800"}}, ["plate"]),
        ({"output": "a" * 5000}, ["output", "name"]),
        ({"inputs": "plate.exr"}, ["inputs", "object"]),
        ({"output": None}, ["output"]),
        ({"output": ["a"]}, ["output"]),
        ({"frames": 1.5}, ["frames", "1.5"]),
        ({"frames": 2**40}, [str(2**40)]),
        ({"frames": True}, ["frames", "True"]),
        ({"knobs": {"device": "abacus"}}, ["device", "abacus"]),
        ({"options": {"compression": 5}}, ["compression"]),
        ({"frame": 1}, ["frame", "frames"]),
    ],
)
def test_a_wrong_evaluation_is_refused_before_it_is_queued(light, change, words):
    params = {"inputs": PLATES, "output": "out.####.exr"} | change
    error = light.refused("evaluate", **params)
    assert error["code"] == -32602
    assert all(word in error["message"] for word in words), error


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"frame": "1"}, ["frame"]),
        ({"frame": 10**30}, ["frame"]),
        ({"space": 3}, ["space"]),
        ({"inputs": {"plate": BLOCK}}, ["clean plate"]),
        ({"inputs": {"plate": "p.exr", "clean_plate": BLOCK}}, ["plate", "p.exr"]),
        ({"plate": {"memory": "a/b"}}, ["memory", "a/b"]),
        ({"plate": {"memory": ".."}}, ["memory"]),
        ({"plate": {"memory": 3}}, ["memory"]),
        ({"plate": {"offset": -1}}, ["offset", "-1"]),
        ({"plate": {"offset": 10**30}}, ["offset"]),
        ({"plate": {"shape": [4, 6, 2]}}, ["plate", "2 channels"]),
        ({"plate": {"shape": [0, 6, 3]}}, ["shape"]),
        ({"plate": {"shape": [4]}}, ["shape"]),
        ({"plate": {"shape": [10**9, 10**9, 3]}}, ["shape"]),
        ({"plate": {"shape": [[4], 6, 3]}}, ["shape"]),
        ({"plate": {"dtype": "float64"}}, ["dtype", "float64"]),
        ({"plate": {"dtype": [1]}}, ["dtype"]),
        ({"plate": {"strides": [1]}}, ["strides"]),
        ({"alpha": {"shape": [4, 6, 3]}}, ["alpha", "3 channels"]),
        ({"alpha": {"shape": [6, 4]}}, ["alpha", "[6, 4]"]),
        ({"outputs": {}}, ["outputs", "alpha"]),
        ({"outputs": {"alfa": BLOCK}}, ["alfa", "alpha"]),
        (
            {"outputs": {"alpha": BLOCK | {"shape": [4, 6]}, "foreground": BLOCK | {"offset": 92}}},
            ["overlap"],
        ),
        ({"output": "out.exr"}, ["output"]),
    ],
)
def test_a_wrong_block_is_refused(light, change, words):
    params = {
        "frame": 1,
        "inputs": {"plate": BLOCK | change.get("plate", {}), "clean_plate": BLOCK},
        "outputs": {"alpha": BLOCK | {"shape": [4, 6]} | change.get("alpha", {})},
    }
    params |= {name: value for name, value in change.items() if name not in ("plate", "alpha")}
    error = light.refused("evaluate", **params)
    assert error["code"] == -32602
    assert all(word in error["message"] for word in words), error


REQUEST = '{"jsonrpc": "2.0", "id": 5, "method": "status"'


@pytest.mark.parametrize(
    ("data", "code", "number"),
    [
        (b"hello?", -32700, None),
        (b'{"jsonrpc": "2.0", "id": 5', -32700, None),
        (b'\xff\xfe{"id": 1}', -32700, None),
        (b"[" * 100_000, -32700, None),
        (b'{"a":' * 100_000, -32700, None),
        (b"9" * 5000, -32700, None),
        (f'{REQUEST}, "params": {{"a": NaN}}}}'.encode(), -32700, None),
        (f'{REQUEST}, "params": {{"a": -Infinity}}}}'.encode(), -32700, None),
        (f'{REQUEST}, "params": {{"a": 1e999}}}}'.encode(), -32700, None),
        (b"x" * (LONGEST_LINE + 1), -32700, None),
        (b"null", -32600, None),
        (b"3", -32600, None),
        (b"[]", -32600, None),
        (f"[{REQUEST}}}]".encode(), -32600, None),
        (b'{"id": 5, "method": "status"}', -32600, 5),
        (b'{"jsonrpc": 2.0, "id": 5, "method": "status"}', -32600, 5),
        (b'{"jsonrpc": "2.0", "id": 5}', -32600, 5),
        (b'{"jsonrpc": "2.0", "id": 5, "result": {}}', -32600, 5),
        (b'{"jsonrpc": "2.0", "id": 5, "method": ["status"]}', -32600, 5),
        (b'{"jsonrpc": "2.0", "id": null, "method": "status"}', -32600, None),
        (b'{"jsonrpc": "2.0", "id": true, "method": "status"}', -32600, None),
        (b'{"jsonrpc": "2.0", "id": 1.5, "method": "status"}', -32600, None),
        (b'{"jsonrpc": "2.0", "id": [1], "method": "status"}', -32600, None),
        (b'{"jsonrpc": "2.0", "id": 1' + b"0" * 40 + b', "method": "status"}', -32600, None),
        (b'{"jsonrpc": "2.0", "id": "' + b"a" * 500 + b'", "method": "status"}', -32600, None),
        (b'{"jsonrpc": "2.0", "id": 5, "method": "statsu"}', -32601, 5),
        (b'{"jsonrpc": "2.0", "id": "\\ud800", "method": "__class__"}', -32601, "\ud800"),
        (f'{REQUEST}, "params": [1]}}'.encode(), -32602, 5),
        (f'{REQUEST}, "params": {{"a": 1}}}}'.encode(), -32602, 5),
        (b'{"jsonrpc": "2.0", "id": 5, "method": "cancel"}', -32602, 5),
        (b'{"jsonrpc": "2.0", "id": 5, "method": "cancel", "params": {"request": 1.5}}', -32602, 5),
    ],
    ids=lambda value: value[:40].decode("latin-1") if isinstance(value, bytes) else "",
)
def test_a_bad_line_is_answered_and_does_no_harm(light, data, code, number):
    light.send_bytes(data + b"\n")
    error = light.answer(number)["error"]
    assert error["code"] == code
    assert error["message"]
    assert error["data"]["remedy"]
    assert len(error["message"]) < 1000
    assert light.call("status")["state"] == "idle"


@pytest.mark.parametrize(
    "data",
    [
        b"\n  \r\n\n",
        b'{"jsonrpc": "2.0", "method": "status"}\n',
        b'{"jsonrpc": "2.0", "method": "nonsense", "params": {}}\n',
        b'{"jsonrpc": "2.0", "method": "status", "params": [1]}\n',
        b'{"jsonrpc": "2.0", "method": "cancel", "params": {"request": 99}}\n',
        b'{"jsonrpc": "2.0", "method": "evaluate", "params": {}}\n',
    ],
)
def test_notifications_and_empty_lines_get_no_answer(light, data):
    said = len(light.raw)
    light.send_bytes(data)
    light.call("status")
    assert len(light.raw) == said + 1


def test_text_and_numbers_are_ids(light):
    for number in (0, -7, 2**53, "", "7", "ünï\n", "a" * 200):
        light.send({"jsonrpc": "2.0", "id": number, "method": "status", "params": {}})
        assert light.answer(number)["result"]["state"] == "idle"


def test_a_line_may_come_in_pieces_and_lines_together(light):
    line = b'{"jsonrpc": "2.0", "id": "piece", "method": "status"}\r\n'
    for start in range(0, len(line), 20):
        light.send_bytes(line[start : start + 20])
        time.sleep(0.01)
    assert light.answer("piece")["result"]
    light.send_bytes(line * 3)
    for _ in range(3):
        assert light.answer("piece")["result"]


@given(st.lists(st.binary(max_size=30)), st.data())
def test_lines_come_out_as_they_went_in_however_they_are_cut(pieces, data):
    stream = b"\n".join(pieces) + b"\n"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    buffer, out = LineBuffer(longest=20), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)]):
        out += buffer.feed(stream[start:end])
    wanted = [None if len(line) > 20 else line.strip() for line in stream.split(b"\n")]
    assert out == [line for line in wanted if line != b""]
