"""Whole pulls: a double of Nuke, which renders real files, and a real worker."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from nuke_double import Source
from shots import disc_over_gradient, gradient

from howard_nodes.frames import read_frame
from howard_nodes.node import HowardMatte

Planes = dict[str, np.ndarray]
HEIGHT, WIDTH = 72, 104


def colors(pixels: np.ndarray, alpha: float = 0.0) -> Planes:
    """A stream of RGBA, as Nuke has it."""
    planes = {f"rgba.{name}": pixels[..., i] for i, name in enumerate(("red", "green", "blue"))}
    return planes | {"rgba.alpha": np.full(pixels.shape[:2], alpha, np.float32)}


def plate(frame: int) -> Planes:
    return colors(disc_over_gradient(frame - 1001)[0])


def left_half(frame: int) -> Planes:
    """A garbage matte in alpha; its colours mean nothing."""
    planes = colors(np.full((HEIGHT, WIDTH, 3), 0.5, np.float32))
    planes["rgba.alpha"][:, : WIDTH // 2] = 1.0
    return planes


@pytest.fixture
def make_group(plugin: Any, random_weights: Path) -> Callable[..., Any]:
    """Make a group in a script, its plates connected; more inputs by name."""

    def make(nuke: Any, *, still: bool = True, **more: Callable[[int], Planes]) -> Any:
        group = plugin.create()
        clean = Source(nuke, lambda _: colors(gradient()), (1, 1) if still else (1001, 1002))
        group.setInput(0, Source(nuke, plate, (1001, 1002)))
        group.setInput(1, clean)
        for i, node in enumerate(node for node in group.members if node.Class() == "Input"):
            if node.name() in more:
                group.setInput(i, Source(nuke, more[node.name()], (1001, 1002)))
        for name, value in (("weights", str(random_weights)), ("device", "cpu"), ("precision", "float32")):
            group[name].setValue(value)
        for name in ("align", "match_exposure"):
            group[name].setValue("off")
        group["depth"].setValue("float")
        return group

    return make


def press(nuke: Any, group: Any, button: str) -> None:
    exec(group[button].value(), {"nuke": SimpleNamespace(thisNode=lambda: group)})


@pytest.fixture
def pull(plugin: Any) -> Callable[..., None]:
    """Press a button and wait until it is over, as an artist does."""

    def call(nuke: Any, group: Any, button: str = "pull_range") -> None:
        press(nuke, group, button)
        nuke.pump(lambda: not plugin.pulling._RUNNING)

    return call


def evaluated(random_weights: Path, frame: int, **inputs: np.ndarray) -> Any:
    """What the node itself says of a frame."""
    node = HowardMatte(
        weights=str(random_weights), device="cpu", precision="float32", align="off", match_exposure="off"
    )
    plates = {"plate": disc_over_gradient(frame - 1001)[0].astype(np.float32), "clean_plate": gradient()}
    return node.evaluate(frame, plates | inputs, space="lin_rec709_scene")


def test_pull_a_range(
    nuke: Any, make_group: Any, pull: Any, tmp_path: Path, random_weights: Path, plugin: Any
) -> None:
    group = make_group(nuke)
    # Until something is pulled it passes the plate.
    np.testing.assert_array_equal(group.pixels(1001)["rgba.red"], plate(1001)["rgba.red"])
    pull(nuke, group)
    assert nuke.messages == []
    assert nuke.rendered == [("Write_plate", 1001, 1002), ("Write_clean_plate", 1, 1)]
    folder = tmp_path / "howard" / "HowardMatte1"
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*")) == [
        "HowardMatte1.1001.exr",
        "HowardMatte1.1002.exr",
        "inputs/clean_plate.exr",
        "inputs/plate.1001.exr",
        "inputs/plate.1002.exr",
    ]
    assert "done: 1001-1002" in group["status"].value()
    # What comes out of the group is what the node says, under Nuke's names.
    expected = evaluated(random_weights, 1002)
    found = group.pixels(1002)
    for i, color in enumerate(("red", "green", "blue")):
        np.testing.assert_allclose(found[f"rgba.{color}"], expected["image"][..., i], atol=1e-5)
        np.testing.assert_allclose(found[f"foreground.{color}"], expected["foreground"][..., i], atol=1e-5)
    np.testing.assert_allclose(found["rgba.alpha"], expected["alpha"], atol=1e-5)
    np.testing.assert_allclose(found["coarse.alpha"], expected["coarse_matte"], atol=1e-5)
    np.testing.assert_allclose(found["error.alpha"], expected["error_map"], atol=1e-5)
    assert set(found) - {"rgba.red", "rgba.green", "rgba.blue", "rgba.alpha"} == {
        *(f"foreground.{color}" for color in ("red", "green", "blue")),
        "coarse.alpha",
        "error.alpha",
    }
    assert nuke.tasks[0] == "Howard: HowardMatte1"
    assert all(node["disable"].value() for node in group.members if node.Class() == "Write")


def test_show_another_layer_without_pulling_again(nuke: Any, make_group: Any, pull: Any) -> None:
    group = make_group(nuke)
    pull(nuke, group, "pull_frame")
    rendered = list(nuke.rendered)
    for shown, channel in (
        ("alpha", "rgba.alpha"),
        ("coarse matte", "coarse.alpha"),
        ("error map", "error.alpha"),
    ):
        group["show"].setValue(shown)
        found = group.pixels(1001)
        np.testing.assert_array_equal(found["rgba.green"], found[channel])
    assert nuke.rendered == rendered


def test_pull_this_frame_beside_others(nuke: Any, make_group: Any, pull: Any) -> None:
    group = make_group(nuke)
    pull(nuke, group, "pull_frame")
    result = group.node("Result")
    assert result.loaded[1:] == (1001, 1001)
    nuke.frame_now = 1002
    pull(nuke, group, "pull_frame")
    assert result.loaded[1:] == (1001, 1002)
    assert result["reload"].executed == 2


def test_a_clean_plate_that_moves_is_rendered_frame_by_frame(nuke: Any, make_group: Any, pull: Any) -> None:
    pull(nuke, make_group(nuke, still=False))
    assert nuke.rendered[1] == ("Write_clean_plate", 1001, 1002)
    assert nuke.messages == []


def test_mattes_come_from_the_channel_that_is_chosen(nuke: Any, make_group: Any, pull: Any) -> None:
    group = make_group(nuke, inside=left_half, outside=left_half)
    pull(nuke, group, "pull_frame")
    assert group.pixels(1001)["rgba.alpha"][:, : WIDTH // 2].max() == 0  # outside wins
    group["outside_channel"].setValue("rgba.red")
    pull(nuke, group, "pull_frame")
    alpha = group.pixels(1001)["rgba.alpha"]
    assert alpha.max() <= 0.5
    np.testing.assert_array_equal(alpha[:, : WIDTH // 2], 0.5)


def test_an_override_acts_everywhere_or_only_where_painted(
    nuke: Any, make_group: Any, pull: Any, random_weights: Path
) -> None:
    def paint(frame: int) -> Planes:
        left = left_half(frame)["rgba.alpha"]
        return {f"rgba.{name}": left for name in ("red", "green", "blue")} | {"rgba.alpha": 1 - left}

    group = make_group(nuke, coarse_override=paint, error_override=lambda _: colors(gradient() * 0))
    pull(nuke, group, "pull_frame")
    # An error of 0 protects the coarse matte, and that is painted: 1 at the left, 0 at the right.
    alpha = group.pixels(1001)["rgba.alpha"]
    left, right = np.s_[:, : WIDTH // 2 - 4], np.s_[:, WIDTH // 2 + 4 :]
    assert (alpha[left] == 1).all()
    assert (alpha[right] == 0).all()
    group["coarse_override_painted"].setValue(True)
    pull(nuke, group, "pull_frame")
    # Now the left is not covered, whatever colour is there.
    alpha, untouched = group.pixels(1001)["rgba.alpha"], evaluated(random_weights, 1001)["coarse_matte"]
    assert untouched[left].max() < 1
    np.testing.assert_allclose(alpha[left], np.clip((untouched[left] - 0.006) / 0.988, 0, 1), atol=1e-5)
    assert (alpha[right] == 0).all()


def test_plates_are_rendered_again_unless_told_otherwise(nuke: Any, make_group: Any, pull: Any) -> None:
    group = make_group(nuke, inside=left_half)
    pull(nuke, group)
    nuke.rendered.clear()
    pull(nuke, group)
    assert [name for name, *_ in nuke.rendered] == ["Write_plate", "Write_clean_plate", "Write_inside"]
    group["reuse_plates"].setValue(True)
    nuke.rendered.clear()
    pull(nuke, group)
    assert [name for name, *_ in nuke.rendered] == ["Write_inside"]
    group["last"].setValue(1003)  # not all frames are there
    nuke.rendered.clear()
    pull(nuke, group)
    assert [name for name, *_ in nuke.rendered] == ["Write_plate", "Write_inside"]


def test_more_layers(nuke: Any, make_group: Any, pull: Any) -> None:
    group = make_group(nuke)
    group["more_layers"].setValue(True)
    pull(nuke, group, "pull_frame")
    found = group.pixels(1001)
    assert {"region.alpha", "clean.red", "clean.green", "clean.blue"} <= set(found)
    np.testing.assert_allclose(found["clean.red"], gradient()[..., 0], atol=1e-6)


def test_the_scripts_colour_space_is_told(
    nuke: Any, make_group: Any, pull: Any, tmp_path: Path, random_weights: Path
) -> None:
    group = make_group(nuke)
    nuke.root()["colorManagement"].setValue("OCIO")
    nuke.root()["workingSpaceLUT"].setValue("scene_linear (ACES - ACEScg)")
    pull(nuke, group, "pull_frame")
    assert nuke.messages == []
    written = read_frame(tmp_path / "howard" / "HowardMatte1" / "HowardMatte1.1001.exr")
    assert written.colorspace == "lin_ap1_scene"


def test_two_groups_and_one_worker(nuke: Any, make_group: Any, plugin: Any, tmp_path: Path) -> None:
    first, second = make_group(nuke), make_group(nuke)
    press(nuke, first, "pull_range")
    press(nuke, second, "pull_range")
    press(nuke, second, "pull_range")
    nuke.pump(lambda: not plugin.pulling._RUNNING)
    (said,) = nuke.messages
    assert "HowardMatte2 is already being pulled" in said
    assert all("done: 1001-1002" in group["status"].value() for group in (first, second))


def test_cancel(nuke: Any, make_group: Any, plugin: Any) -> None:
    group = make_group(nuke)
    group["last"].setValue(1040)
    press(nuke, group, "pull_range")
    press(nuke, group, "cancel")
    nuke.pump(lambda: not plugin.pulling._RUNNING)
    assert "Cancelled" in nuke.messages[0]
    press(nuke, group, "cancel")  # nothing is running: nothing happens
    # The progress bar's button does the same.
    nuke.cancel_tasks = True
    press(nuke, group, "pull_range")
    nuke.pump(lambda: not plugin.pulling._RUNNING)
    assert "Cancelled" in nuke.messages[1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda nuke, group: group.setInput(1, None), "input clean_plate"),
        (lambda nuke, group: group["last"].setValue(1000), "1001 to 1000 has no frames"),
        (lambda nuke, group: group["folder"].setValue("./here"), "Save the script first"),
        (lambda nuke, group: setattr(nuke, "proxy_mode", True), "proxy mode"),
        (lambda nuke, group: setattr(nuke, "fail_render", "Cancelled"), "Cancelled"),
        (lambda nuke, group: nuke.root()["colorManagement"].setValue("OCIO"), None),
        (lambda nuke, group: group["weights"].setValue("wieghts"), "no weights named 'wieghts'"),
        (lambda nuke, group: group["threshold"].setValue(3.0), "between 0 and 1"),
        (lambda nuke, group: group["working_space"].setValue("acesgc"), "ACEScg"),
    ],
)
def test_what_is_wrong_is_said(nuke: Any, make_group: Any, pull: Any, change: Any, said: str | None) -> None:
    group = make_group(nuke)
    change(nuke, group)
    pull(nuke, group)
    if said is None:  # "linear" is Nuke's own name, whatever manages the colours
        assert nuke.messages == []
    else:
        assert said in nuke.messages[0]
        assert not group["has_result"].value()


def test_frames_that_fail_are_named_and_the_others_shown(nuke: Any, make_group: Any, pull: Any) -> None:
    group = make_group(
        nuke,
        inside=lambda frame: left_half(frame) if frame == 1001 else colors(np.zeros((8, 8, 3), np.float32)),
    )
    pull(nuke, group)
    assert "frame 1002:" in nuke.messages[0]
    assert group.node("Result").loaded[1:] == (1001, 1001)


@pytest.mark.parametrize("has_interface", [True, False])
def test_a_clean_plate_that_does_not_fit_is_no_success(
    make_nuke: Any, make_group: Any, plugin: Any, pull: Any, has_interface: bool
) -> None:
    nuke = make_nuke(gui=has_interface)
    group = make_group(nuke)
    another_place = colors(np.random.default_rng(1).random((HEIGHT, WIDTH, 3), np.float32))
    group.setInput(1, Source(nuke, lambda _: another_place, (1, 1)))
    group["align"].setValue("auto")
    said = "the clean plate could not be fitted to 1001-1002: it is used as it is there"
    if has_interface:
        pull(nuke, group)
        assert said in nuke.messages[-1]
    else:
        with pytest.raises(plugin.errors.PluginError, match=said):
            plugin.pull(group, "range")
    assert said in group["status"].value()


def test_without_an_interface_it_waits_and_raises(make_nuke: Any, make_group: Any, plugin: Any) -> None:
    nuke = make_nuke(gui=False)
    group = make_group(nuke)
    plugin.pull(group, "range")
    assert group.node("Result").loaded[1:] == (1001, 1002)
    group["weights"].setValue("wieghts")
    with pytest.raises(plugin.errors.PluginError, match="wieghts"):
        plugin.pull(group, "range")
    group.setInput(0, None)
    with pytest.raises(plugin.errors.PluginError, match="input plate"):
        plugin.pull(group, "frame")


def test_a_group_of_another_version(nuke: Any, make_group: Any, pull: Any) -> None:
    group = make_group(nuke)
    del group._knobs["sample_pixels"]  # the node chooses for it
    pull(nuke, group, "pull_frame")
    assert nuke.messages == []
    del group._knobs["reuse_plates"]
    pull(nuke, group, "pull_frame")
    assert "another version" in nuke.messages[0]


def test_a_worker_that_is_gone_is_started_again(nuke: Any, make_group: Any, pull: Any, plugin: Any) -> None:
    group = make_group(nuke)
    pull(nuke, group, "pull_frame")
    (worker,) = plugin.session._STARTED
    os.kill(worker.pid, 9)
    worker._process.wait(10)
    pull(nuke, group, "pull_frame")
    assert nuke.messages == []


def test_a_command_that_is_not_there(
    nuke: Any, make_group: Any, pull: Any, plugin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOWARD", "/nowhere/howard")
    pull(nuke, make_group(nuke), "pull_frame")
    assert "$HOWARD is /nowhere/howard, which is not there" in nuke.messages[0]
