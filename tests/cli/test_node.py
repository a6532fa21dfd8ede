from __future__ import annotations

import json

import jsonschema
import pytest

from howard_nodes.cli.app import app
from howard_nodes.description import INPUTS, KNOBS, OPTIONS, OUTPUTS, describe, schema


def test_describe_prints_the_document_and_its_schema(howard):
    document = howard("node", "describe", "--json")
    assert document.code == 0
    assert json.loads(document.out) == json.loads(json.dumps(describe()))
    printed = howard("node", "describe", "--schema")
    assert json.loads(printed.out) == schema()
    jsonschema.validate(json.loads(document.out), json.loads(printed.out))


def test_describe_tells_people_every_name(howard):
    ended = howard("node", "describe")
    assert ended.code == 0
    for one in (*INPUTS, *OUTPUTS, *KNOBS, *OPTIONS):
        assert one.name in ended.out, one.name


def test_every_input_knob_and_option_is_a_flag_of_matte(howard):
    ended = howard("matte", "--help")
    for one in (*INPUTS, *KNOBS, *OPTIONS):
        assert one.flag in ended.out, one.name


@pytest.mark.parametrize("command", ["align", "build"])
def test_plate_commands_have_described_flags_only(command):
    import typer

    group = typer.main.get_command(app)
    flags = {
        flag
        for parameter in group.commands["plate"].commands[command].params
        for flag in parameter.opts
        if flag.startswith("--")
    }
    described = {one.flag for one in (*INPUTS, *KNOBS, *OPTIONS)}
    assert flags - described == {"--output", "--json"}
