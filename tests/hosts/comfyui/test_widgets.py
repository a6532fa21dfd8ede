"""What ComfyUI is told of knobs and sockets is what the description says, and comes back as that."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howard_nodes.description import INPUTS, KNOBS, OUTPUTS, Knob
from howard_nodes.errors import InputError
from howard_nodes.hosts.comfyui.widgets import inputs_of, knob_values, outputs_of, widgets_of

WIDGETS = widgets_of(KNOBS)


def accepts(widget: tuple[Any, dict[str, Any]], value: Any) -> bool:
    """Whether ComfyUI passes a value of a widget on to the node."""
    kind, options = widget
    if isinstance(kind, list):
        return value in kind
    return options.get("min", value) <= value <= options.get("max", value)


def test_every_knob_is_a_widget_in_order() -> None:
    assert [name for name in WIDGETS if not name.endswith("_automatic")] == [knob.name for knob in KNOBS]


def test_widgets_at_their_defaults_are_knobs_at_theirs() -> None:
    shown = {name: options["default"] for name, (_, options) in WIDGETS.items()}
    assert knob_values(shown, KNOBS) == {knob.name: knob.default for knob in KNOBS}
    assert knob_values({}, KNOBS) == {knob.name: knob.default for knob in KNOBS}


@pytest.mark.parametrize("name", WIDGETS)
def test_defaults_are_values_that_comfyui_accepts(name: str) -> None:
    assert accepts(WIDGETS[name], WIDGETS[name][1]["default"])


@pytest.mark.parametrize("name", WIDGETS)
def test_every_widget_has_a_tooltip(name: str) -> None:
    assert WIDGETS[name][1]["tooltip"]


def numbers(knob: Knob) -> st.SearchStrategy[float]:
    _, options = WIDGETS[knob.name]
    if knob.type == "int":
        return st.integers(options["min"], options["max"])
    return st.floats(options["min"], options["max"])


@given(st.data())
def test_what_comfyui_accepts_the_knob_accepts(data: st.DataObject) -> None:
    knob = data.draw(st.sampled_from([knob for knob in KNOBS if knob.type in ("int", "float", "choice")]))
    value = data.draw(
        st.sampled_from(WIDGETS[knob.name][0]) if knob.type == "choice" else numbers(knob), label=knob.name
    )
    set_by_hand = {f"{knob.name}_automatic": False, knob.name: value}
    assert knob_values(set_by_hand, [knob]) == {knob.name: value}


def test_a_switch_makes_a_number_automatic() -> None:
    automatic = {"exposure_automatic": True, "exposure": 2.0}
    assert knob_values(automatic, KNOBS)["exposure"] is None
    assert knob_values({"exposure": 2.0}, KNOBS)["exposure"] == 2.0


def test_an_empty_text_is_automatic() -> None:
    assert knob_values({"weights": " "}, KNOBS)["weights"] is None
    assert knob_values({"weights": "mine"}, KNOBS)["weights"] == "mine"


def test_a_value_out_of_range_names_its_knob() -> None:
    with pytest.raises(InputError, match="threshold 2"):
        knob_values({"threshold": 2.0}, KNOBS)


def test_numbers_finer_than_a_step_can_be_set() -> None:
    grid = WIDGETS["backbone_scale"][1]["round"]
    assert (1 / 16) / grid == pytest.approx(round((1 / 16) / grid))


def test_sockets_have_comfyuis_types() -> None:
    assert {name: kind for name, (kind, _) in inputs_of(INPUTS).items()} == {
        "plate": "IMAGE",
        "clean_plate": "IMAGE",
        "coarse_override": "MASK",
        "error_override": "MASK",
        "inside": "MASK",
        "outside": "MASK",
    }
    types, names, tooltips = outputs_of(OUTPUTS)
    assert dict(zip(names, types, strict=True)) == {
        "image": "IMAGE",
        "foreground": "IMAGE",
        "alpha": "MASK",
        "coarse_matte": "MASK",
        "error_map": "MASK",
        "doubt": "MASK",
        "refine_region": "MASK",
        "fitted_clean_plate": "IMAGE",
    }
    assert all(tooltips)
