from __future__ import annotations

import copy
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from howard_nodes.description import INPUTS, KNOBS, OPTIONS, Knob, checked, knobs_checked

CLASSES = {
    "float": "Double_Knob",
    "int": "Int_Knob",
    "bool": "Boolean_Knob",
    "choice": "Enumeration_Knob",
    "text": "String_Knob",
    "file": "File_Knob",
}


def group_values(plugin: Any, group: Any, document: dict[str, Any]) -> dict[str, Any]:
    values = plugin.host.values(group, plugin.panel.stored_names(document))
    found: dict[str, Any] = plugin.description.settings(document["knobs"], values, plugin.panel.AUTOMATIC)
    return found


def test_every_knob_of_the_node_is_there(plugin: Any, nuke: Any) -> None:
    group = plugin.create()
    for knob in KNOBS:
        made = group[knob.name]
        assert made.Class() == CLASSES[knob.type]
        assert knob.help in made.tooltip_text
        if knob.choices:
            assert made.values() == [choice.value for choice in knob.choices]
            assert all(choice.help in made.tooltip_text for choice in knob.choices)
        if knob.type == "float":
            assert made.limits == (knob.minimum, knob.maximum)
        if knob.automatic and knob.type != "text":
            assert group[f"{knob.name}_automatic"].value() is (knob.default is None)
            assert made.enabled_now is (knob.default is not None)


def test_an_untouched_group_has_the_nodes_defaults(plugin: Any, nuke: Any, document: dict[str, Any]) -> None:
    values = group_values(plugin, plugin.create(), document)
    assert values == {knob.name: knob.default for knob in KNOBS}
    assert knobs_checked(values) == values


def test_the_options_that_a_group_has_are_the_jobs(plugin: Any, nuke: Any, document: dict[str, Any]) -> None:
    group = plugin.create()
    values = plugin.host.values(group, plugin.panel.stored_names(document))
    options = plugin.description.settings(document["options"], values, plugin.panel.AUTOMATIC)
    defaults = {one.name: one.default for one in OPTIONS}
    assert set(options) == {"depth", "compression", "resume", "ocio"}
    assert options == {name: defaults[name] for name in options}
    assert checked(options, OPTIONS) == options


def values_of(knob: Knob) -> st.SearchStrategy[Any]:
    if knob.choices:
        kinds: st.SearchStrategy[Any] = st.sampled_from([choice.value for choice in knob.choices])
    elif knob.type == "float":
        kinds = st.floats(knob.minimum, knob.maximum)
    elif knob.type == "int":
        kinds = st.integers(int(knob.minimum or 0), int(knob.maximum or 10_000_000))
    else:
        kinds = st.text("abc/._- ", min_size=1).map(str.strip).filter(bool)
    return st.none() | kinds if knob.automatic else kinds


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.fixed_dictionaries({knob.name: values_of(knob) for knob in KNOBS}))
def test_what_is_set_in_nuke_is_what_the_node_gets(
    plugin: Any, nuke: Any, document: dict[str, Any], wanted: dict[str, Any]
) -> None:
    group = plugin.create()
    for name, value in wanted.items():
        box = group.knob(f"{name}_automatic")
        if box is not None:
            box.setValue(value is None)
        if value is not None:
            group[name].setValue(value)
        elif box is None:
            group[name].setValue("")
    values = group_values(plugin, group, document)
    assert knobs_checked(values) == wanted


def test_a_knob_that_the_node_gets_later_appears_by_itself(plugin: Any, document: dict[str, Any]) -> None:
    newer = copy.deepcopy(document)
    knob = dict(
        newer["knobs"][0], name="softness", type="float", choices=[], default=0.5, minimum=0, maximum=2
    )
    newer["knobs"].append(knob | {"group": "Look", "automatic": "by the plate"})
    made = {one.name: one for one in plugin.panel.knobs(newer)}
    assert (made["softness"].kind, made["softness"].value) == ("Double_Knob", 0.5)
    assert made["softness_automatic"].value is False
    assert made["group_look"].kind == "group"


def test_inputs_in_the_nodes_order(plugin: Any, nuke: Any) -> None:
    group = plugin.create()
    inputs = [node for node in group.members if node.Class() == "Input"]
    assert [node.name() for node in inputs] == [socket.name for socket in INPUTS]
    assert [node["number"].value() for node in inputs] == list(range(len(INPUTS)))


def test_it_is_connected_to_what_is_selected_and_its_panel_opens(plugin: Any, make_nuke: Any) -> None:
    nuke = make_nuke()
    plate = plugin.create()
    nuke.selection = [plate]
    group = plugin.create()
    assert group.input(0) is plate
    assert group.panels == 1
    assert (plate.name(), group.name()) == ("HowardMatte1", "HowardMatte2")
    make_nuke(gui=False)
    assert plugin.create().panels == 0


def test_range_of_the_script(plugin: Any, nuke: Any) -> None:
    group = plugin.create()
    assert (group["first"].value(), group["last"].value()) == (1001, 1002)


def test_ticking_automatic_greys_the_knob_out(plugin: Any, nuke: Any) -> None:
    group = plugin.create()
    changed = group["knobChanged"].value()

    def change(name: str, value: object) -> None:
        group[name].setValue(value)
        here = SimpleNamespace(thisNode=lambda: group, thisKnob=lambda: group[name])
        exec(changed, {"nuke": here})

    change("exposure_automatic", False)
    assert group["exposure"].enabled_now
    change("exposure_automatic", True)
    assert not group["exposure"].enabled_now
    change("quality", "high")
    assert group["quality"].enabled_now


def test_a_knob_that_counts_only_with_another_is_greyed_out_without_it(plugin: Any, nuke: Any) -> None:
    group = plugin.create()
    changed = group["knobChanged"].value()

    def change(name: str, value: object) -> None:
        group[name].setValue(value)
        exec(changed, {"nuke": SimpleNamespace(thisNode=lambda: group, thisKnob=lambda: group[name])})

    change("sample_pixels_automatic", False)
    assert group["sample_pixels"].enabled_now
    change("refine_mode", "thresholding")
    assert group["threshold"].enabled_now
    assert not group["sample_pixels"].enabled_now
    change("sample_pixels_automatic", True)
    change("refine_mode", "sampling")
    assert not group["threshold"].enabled_now
    assert not group["sample_pixels"].enabled_now


def test_callbacks_do_nothing_where_the_plug_in_is_not_installed(
    plugin: Any, nuke: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = plugin.create()["knobChanged"].value()
    monkeypatch.setitem(__import__("sys").modules, "howard_nuke", None)
    exec(changed, {"nuke": SimpleNamespace()})


def test_start_up(plugin: Any, nuke: Any, plugin_folder: Any) -> None:
    for name in ("init.py", "menu.py"):
        exec(compile((plugin_folder / name).read_text(), name, "exec"), {})
    assert nuke.added_layers == {}  # a script without the node stays as it is
    (command,) = nuke.menu("Nodes").commands.values()
    exec(command, {})
    assert nuke.added_layers["foreground"] == ["foreground.red", "foreground.green", "foreground.blue"]
    assert nuke.added_layers["coarse"] == ["coarse.alpha"]
    assert [node.name() for node in nuke.script] == ["HowardMatte1"]
    preference = nuke.toNode("preferences")["howard_command"]
    preference.setValue("/opt/howard/bin/howard")
    assert plugin.host.preference("howard_command") == "/opt/howard/bin/howard"
    plugin.start_interface()  # a second time, it leaves the preference alone
    assert plugin.host.preference("howard_command") == "/opt/howard/bin/howard"


def test_without_an_interface_there_is_no_preference(plugin: Any, make_nuke: Any) -> None:
    make_nuke(gui=False)
    assert plugin.host.preference("howard_command") == ""


def test_writes_inside_do_not_render_with_the_script(plugin: Any, nuke: Any) -> None:
    writes = [node for node in plugin.create().members if node.Class() == "Write"]
    assert len(writes) == len(INPUTS)
    assert all(node["disable"].value() for node in writes)


def test_the_double_refuses_what_it_does_not_know(nuke: Any, plugin: Any) -> None:
    group = plugin.create()
    with pytest.raises(NameError, match="sharpness"):
        group["sharpness"]
    with pytest.raises(AttributeError, match="Blur"):
        nuke.nodes.Blur()
    with pytest.raises(AttributeError):
        nuke.createNode("Group")
    with pytest.raises(AssertionError, match="none of"):
        group["quality"].setValue("best")


def test_only_one_module_speaks_to_nuke(plugin_folder: Any) -> None:
    files = [*plugin_folder.rglob("*.py")]
    speaking = {path.name for path in files if "\nimport nuke" in path.read_text(encoding="utf-8")}
    assert speaking == {"host.py"}
    assert len(files) > 8


def test_importing_touches_nothing_of_nuke(plugin: ModuleType) -> None:
    assert set(plugin.__all__) == {"cancel", "create", "knob_changed", "pull", "start_interface"}
