from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import fields

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from howard_nodes.description import (
    INPUTS,
    KNOBS,
    OPTIONS,
    OUTPUTS,
    STAGES,
    ComputeSettings,
    FileOptions,
    FitSettings,
    MatteSettings,
    checked,
    describe,
    inputs_checked,
    knobs_checked,
    schema,
)
from howard_nodes.engine.devices import PRECISIONS
from howard_nodes.errors import InputError
from howard_nodes.frames import EXR_COMPRESSIONS
from howard_nodes.layers import DEFAULT_LAYERS, LAYERS
from howard_nodes.network import REFINE_MODES


def _choices(name: str) -> list[str]:
    knob = next(one for one in (*KNOBS, *OPTIONS) if one.name == name)
    return [choice.value for choice in knob.choices]


def test_the_document_is_valid_against_its_schema_and_survives_json():
    document = json.loads(json.dumps(describe(), allow_nan=False))
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(document, schema(), cls=jsonschema.Draft202012Validator)
    assert document["format"] == "howard-node"


def test_the_schema_refuses_what_a_host_could_not_show():
    for spoil in (
        lambda d: d["knobs"][0].pop("choices"),
        lambda d: d["knobs"][0].update(type="colour"),
        lambda d: d["knobs"][0].update(choices=[]),
        lambda d: d["inputs"][0].update(role="rgb"),
        lambda d: d["outputs"][0].pop("layer"),
        lambda d: d.update(version=2),
    ):
        document = describe()
        spoil(document)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(document, schema())


def test_the_issues_sockets_are_there():
    assert [socket.name for socket in INPUTS] == [
        "plate",
        "clean_plate",
        "coarse_override",
        "error_override",
        "inside",
        "outside",
    ]
    assert [socket.name for socket in OUTPUTS] == [
        "image",
        "foreground",
        "alpha",
        "coarse_matte",
        "error_map",
        "doubt",
        "refine_region",
        "fitted_clean_plate",
    ]
    assert [socket.name for socket in INPUTS if socket.required] == ["plate", "clean_plate"]
    assert {socket.role for socket in (*INPUTS, *OUTPUTS) if socket.type == "matte"} == {"data"}


def test_every_name_and_flag_is_there_once():
    everything = (*INPUTS, *OUTPUTS, *KNOBS, *OPTIONS)
    names = [one.name for one in (*INPUTS, *KNOBS, *OPTIONS)]
    assert len(set(names)) == len(names)
    flags = [one.flag for one in (*INPUTS, *KNOBS, *OPTIONS) if one.flag]
    assert len(set(flags)) == len(flags)
    for one in everything:
        assert one.label, one.name
        assert one.help.endswith("."), one.name


def test_what_the_description_lists_is_what_the_parts_know():
    assert tuple(_choices("refine_mode")) == REFINE_MODES
    assert set(_choices("precision")) == {"auto", *PRECISIONS}
    assert tuple(_choices("compression")) == EXR_COMPRESSIONS
    assert FileOptions().layers == ",".join(DEFAULT_LAYERS)
    assert {socket.layer for socket in OUTPUTS} <= set(LAYERS)
    assert {knob.stage for knob in KNOBS} <= set(STAGES)


def test_every_field_of_the_settings_is_a_knob():
    for settings, knobs in (
        ((MatteSettings, FitSettings, ComputeSettings), KNOBS),
        ((FileOptions,), OPTIONS),
    ):
        assert sorted(one.name for kind in settings for one in fields(kind)) == sorted(k.name for k in knobs)


def test_defaults_are_values_that_knobs_take():
    for knob in (*KNOBS, *OPTIONS):
        assert knob.check(knob.default) == knob.default
        if knob.automatic:
            assert knob.manual is not None
            assert knob.check(knob.manual) == knob.manual


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"treshold": 0.1}, ["treshold", "did you mean 'threshold'"]),
        ({"threshold": 2}, ["threshold 2", "between 0 and 1"]),
        ({"threshold": math.nan}, ["threshold nan", "between 0 and 1"]),
        ({"threshold": True}, ["threshold True", "number"]),
        ({"threshold": "0.1"}, ["threshold '0.1'", "number"]),
        ({"threshold": None}, ["threshold None", "needs a value"]),
        ({"sample_pixels": 1.5}, ["sample pixels 1.5", "whole number"]),
        ({"sample_pixels": -1}, ["sample pixels -1", "0 pixels or more"]),
        ({"backbone_scale": 0}, ["backbone scale 0", "between 0.01 and 1"]),
        ({"exposure": 10**400}, ["exposure", "between -20 and 20 stops"]),
        ({"refine_mode": "sampled"}, ["sampled", "did you mean 'sampling'"]),
        ({"device": ["cpu"]}, ["device", "auto, cpu, cuda or mps"]),
        ({"weights": "a\nb"}, ["weights", "control characters"]),
        ({3: 1}, ["unknown knob '3'"]),
    ],
)
def test_a_wrong_knob_is_named_with_its_value_and_what_would_do(knobs, said):
    with pytest.raises(InputError) as error:
        knobs_checked(knobs)
    for part in said:
        assert part in str(error.value)


def test_values_come_as_their_types():
    values = knobs_checked({"threshold": 1, "sample_pixels": 5.0, "device": "CPU", "exposure": None})
    assert values == {"threshold": 1.0, "sample_pixels": 5, "device": "cpu", "exposure": None}
    assert isinstance(values["threshold"], float)
    assert isinstance(values["sample_pixels"], int)


def _outcome(check):
    """What a check gives, and what it says where it refuses."""
    try:
        return check(), ""
    except InputError as error:
        return None, str(error)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(), some, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from((*KNOBS, *OPTIONS)), _JSON)
def test_any_value_is_taken_or_refused_in_one_short_line(knob, value):
    taken, said = _outcome(lambda: checked({knob.name: value}, (knob,))[knob.name])
    assert len(said.splitlines()) <= 1
    assert len(said) < 400
    if not said:
        assert knob.check(taken) == taken


@given(st.dictionaries(st.text(), _JSON, max_size=3))
def test_any_names_are_taken_or_refused(values):
    taken, said = _outcome(lambda: knobs_checked(values))
    assert len(said.splitlines()) <= 1
    if not said:
        assert set(taken) == set(values)


def test_missing_and_unknown_inputs_are_named():
    with pytest.raises(InputError, match="no clean plate: connect one to the input 'clean_plate'"):
        inputs_checked({"plate": 1, "clean_plate": None})
    with pytest.raises(InputError, match="'clean': did you mean 'clean_plate'"):
        inputs_checked({"plate": 1, "clean": 2})
    assert inputs_checked({"clean_plate": 2, "plate": 1, "inside": None}) == {"plate": 1, "clean_plate": 2}


def test_it_needs_neither_torch_nor_numpy():
    code = (
        "import sys, howard_nodes.description as d; d.describe(); d.schema(); "
        "print({'torch', 'numpy'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "set()"


def test_what_a_knob_counts_only_with_is_a_value_of_another():
    known = {knob.name: knob for knob in KNOBS}
    told = [knob for knob in KNOBS if knob.only_with is not None]
    assert {knob.name for knob in told} == {"sample_pixels", "threshold"}
    for knob in told:
        other, value = knob.only_with
        assert value in [choice.value for choice in known[other].choices]
