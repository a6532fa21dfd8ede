from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shots import disc_over_gradient, gradient

from howard_nodes.color import ColorConfig
from howard_nodes.description import KNOBS, STAGES, MatteSettings
from howard_nodes.description.job import Job
from howard_nodes.engine.runtime import Warm
from howard_nodes.errors import FrameError, InputError
from howard_nodes.frames import Frame, Window, read_frame, write_image
from howard_nodes.node import HowardMatte
from howard_nodes.shot.events import Event, FrameFitted, Step
from howard_nodes.shot.run import run

AS_IT_IS = {"align": "off", "match_exposure": "off"}
HEIGHT, WIDTH = 72, 104


@pytest.fixture
def node(random_weights) -> HowardMatte:
    config = ColorConfig.load("howard")
    return HowardMatte(config=config, weights=str(random_weights), device="cpu", **AS_IT_IS)


@pytest.fixture
def inputs() -> dict[str, np.ndarray]:
    plate, _ = disc_over_gradient(0)
    return {"plate": plate, "clean_plate": gradient()}


def _matte(value: float = 1.0) -> np.ndarray:
    matte = np.zeros((HEIGHT, WIDTH), np.float32)
    matte[10:30, 20:60] = value
    return matte


def test_every_output_has_the_shape_it_is_described_with(node, inputs):
    outputs = node.evaluate(1001, inputs)
    assert list(outputs) == [socket.name for socket in node.outputs]
    for socket in node.outputs:
        pixels = outputs[socket.name]
        assert pixels.shape == ((HEIGHT, WIDTH) if socket.channels == 1 else (HEIGHT, WIDTH, socket.channels))
        assert pixels.dtype == np.float32
        assert not pixels.flags.writeable
        if socket.role == "data":
            assert pixels.min() >= 0
            assert pixels.max() <= 1
    straight = outputs["foreground"] * outputs["alpha"][..., None]
    np.testing.assert_allclose(outputs["image"][..., :3], straight, rtol=1e-6)
    np.testing.assert_array_equal(outputs["image"][..., 3], outputs["alpha"])


def test_arrays_frames_and_files_give_the_same_bits(node, inputs, tmp_path):
    for name, pixels in inputs.items():
        write_image(tmp_path / f"{name}.exr", pixels, "RGB", depth="float", colorspace="lin_ap1_scene")
    files = {name: str(tmp_path / f"{name}.exr") for name in inputs}
    frames = {name: read_frame(path) for name, path in files.items()}
    results = [node.evaluate(1001, given) for given in (inputs, files, frames)]
    for name in results[0]:
        for other in results[1:]:
            np.testing.assert_array_equal(results[0][name], other[name], err_msg=name)
    assert {result.space for result in results} == {node.config.space("lin_ap1_scene")}


@pytest.mark.parametrize("steadiness", [0, 1])
def test_a_job_on_files_gives_the_nodes_bits(make_shot, steadiness):
    shot = make_shot(3)
    output = str(shot.folder / "out" / "s.####.exr")
    layers = ("rgba", "foreground", "alpha", "coarse", "error", "doubt", "region", "clean")
    run(
        Job(
            plate=shot.plate,
            clean_plate=shot.clean,
            output=output,
            layers=layers,
            depth="float",
            settings=MatteSettings(steadiness=steadiness),
            frames="1001",
        )
    )
    node = HowardMatte(steadiness=steadiness)
    outputs = node.evaluate(1001, {"plate": shot.plate, "clean_plate": shot.clean})
    for socket in node.outputs:
        layer = None if socket.layer == "rgba" else socket.layer
        written = read_frame(shot.folder / "out" / "s.1001.exr", layer=layer).pixels
        np.testing.assert_array_equal(np.squeeze(written), outputs[socket.name], err_msg=socket.name)


@pytest.mark.parametrize(
    ("change", "ran"),
    [
        ({}, ()),
        ({"coarse_override": _matte()}, ("refine", "unmix", "solve")),
        ({"error_override": _matte()}, ("refine", "unmix", "solve")),
        ({"inside": _matte()}, ("solve",)),
        ({"outside": _matte()}, ("solve",)),
        ({"quality": "draft"}, ("coarse", "refine", "unmix", "solve")),
        ({"backbone_scale": 0.25}, ("coarse", "refine", "unmix", "solve")),
        ({"exposure": 1.0}, ("coarse", "refine", "unmix", "solve")),
        ({"sample_pixels": 64}, ("refine", "unmix", "solve")),
        ({"refine_mode": "full"}, ("refine", "unmix", "solve")),
        ({"threshold": 0.7}, ()),
        # The exposure fits: what follows sees no change.
        ({"match_exposure": "auto"}, ("fit",)),
        ({"plate": disc_over_gradient(3)[0]}, STAGES),
        ({"clean_plate": gradient() * 1.5}, STAGES),
    ],
    ids=lambda value: "-".join(value),
)
def test_only_what_depends_on_a_change_runs_again(node, inputs, change, ran):
    first = node.evaluate(1001, inputs)
    assert first.ran == ("read", "coarse", "refine", "unmix", "solve")
    knobs = {name: value for name, value in change.items() if not isinstance(value, np.ndarray)}
    node.configure(**knobs)
    pictures = {name: value for name, value in change.items() if name not in knobs}
    outputs = node.evaluate(1001, inputs | pictures)
    # As it is, without a fit, there is no stage fit to run.
    assert outputs.ran == tuple(stage for stage in ran if stage != "fit" or "match_exposure" in change)
    fresh = HowardMatte(config=node.config, warm=Warm(0), **node.values)
    for name, pixels in fresh.evaluate(1001, inputs | pictures).items():
        np.testing.assert_array_equal(outputs[name], pixels, err_msg=name)
    node.configure(**{knob.name: knob.default for knob in KNOBS if knob.name in knobs} | AS_IT_IS)
    assert node.evaluate(1001, inputs).ran == ()


def test_no_knob_runs_less_than_it_is_described_to(node, inputs):
    """A host that trusts a knob's stage shows a result that is out of date nowhere."""
    stages = {knob.name: STAGES.index(knob.stage) for knob in KNOBS}
    for name, value in {"quality": "draft", "sample_pixels": 32, "exposure": 2.0}.items():
        node.evaluate(1001, inputs)
        node.configure(**{name: value})
        assert STAGES.index(node.evaluate(1001, inputs).ran[0]) >= stages[name]


def test_a_fit_runs_once_for_the_same_plates(random_weights, inputs):
    node = HowardMatte(weights=str(random_weights))
    assert node.evaluate(1001, inputs).ran == STAGES
    assert node.evaluate(1001, inputs | {"error_override": _matte()}).ran == ("refine", "unmix", "solve")
    node.configure(backbone_scale=0.25)
    assert node.evaluate(1001, inputs).ran == ("coarse", "refine", "unmix", "solve")


def test_a_host_may_change_its_arrays_afterwards(node, inputs):
    first = {name: pixels.copy() for name, pixels in node.evaluate(1001, inputs).items()}
    kept = {name: pixels.copy() for name, pixels in inputs.items()}
    for pixels in inputs.values():
        pixels[:] = 7
    again = node.evaluate(1001, kept | {"inside": 0 * _matte()})
    assert again.ran == ("solve",)
    for name, pixels in first.items():
        np.testing.assert_array_equal(again[name], pixels, err_msg=name)


def test_memory_is_bounded(random_weights):
    size = HEIGHT * WIDTH * 3 * 4
    node = HowardMatte(warm=Warm(30 * size), weights=str(random_weights), **AS_IT_IS)
    for number in range(12):
        plate, _ = disc_over_gradient(number)
        node.evaluate(number, {"plate": plate, "clean_plate": gradient()})
        assert node._warm.cache.bytes <= 30 * size
    assert len(node._warm.cache) > 4


def test_memory_can_be_set_for_hosts(monkeypatch):
    assert Warm().cache.limit == 1 << 30
    monkeypatch.setenv("HOWARD_CACHE_MB", "256")
    assert Warm().cache.limit == 256 << 20
    monkeypatch.setenv("HOWARD_CACHE_MB", "lots")
    with pytest.raises(InputError, match="HOWARD_CACHE_MB=lots"):
        HowardMatte()


def test_a_display_space_is_converted(node, inputs):
    linear = {name: np.clip(pixels, 0, 1) for name, pixels in inputs.items()}
    rec709, srgb = "lin_rec709_scene", "srgb_rec709_scene"
    coded = {name: node.config.convert(pixels, rec709, srgb) for name, pixels in linear.items()}
    one = node.evaluate(1001, linear, space=rec709)
    other = node.evaluate(1001, coded, space=srgb)
    assert other.space == node.config.scene_linear
    np.testing.assert_allclose(one["alpha"], other["alpha"], atol=0.02)
    np.testing.assert_allclose(
        node.config.convert(one["image"][..., :3].copy(), one.space, other.space),
        other["image"][..., :3],
        atol=0.02,
    )


def test_values_above_one_are_kept(node, inputs):
    inputs["plate"][20:30, 20:30] = 40.0
    outputs = node.evaluate(1001, inputs | {"inside": np.ones((HEIGHT, WIDTH), np.float32)})
    np.testing.assert_array_equal(outputs["foreground"], inputs["plate"])


def test_a_fit_of_many_frames_serves_each(random_weights):
    plates = {number: disc_over_gradient(number)[0] for number in (1, 2, 3)}
    node = HowardMatte(weights=str(random_weights))
    given = {"plate": plates, "clean_plate": gradient()}
    shot = node.fit((1, 2, 3), given)
    assert sorted(shot.frames) == [1, 2, 3]
    for number in plates:
        outputs = node.evaluate(number, given, fit=shot)
        assert outputs.fit is shot.frames[number]
    with pytest.raises(FrameError, match="frame 9"):
        node.evaluate(9, given, fit=shot)


def test_a_fit_says_how_far_it_is_from_the_first_look_on(random_weights):
    node = HowardMatte(config=ColorConfig.load("howard"), weights=str(random_weights), device="cpu")
    given = {"plate": {n: disc_over_gradient(n)[0] for n in (1, 2, 3)}, "clean_plate": gradient()}
    events: list[Event] = []
    node.fit((1, 2, 3), given, on_event=events.append)
    looks = [event for event in events if isinstance(event, Step)]
    assert looks == [Step("scout", number, 3) for number in (1, 2, 3)]
    assert events.index(looks[-1]) < next(
        i for i, event in enumerate(events) if isinstance(event, FrameFitted)
    )


def test_whoever_hears_of_a_stage_may_end_the_evaluation(node, inputs):
    heard: list[str] = []

    def stop(stage: str) -> None:
        heard.append(stage)
        if stage == "refine":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        node.evaluate(1, inputs, on_stage=stop)
    assert heard[-1] == "refine"
    assert set(heard) <= set(STAGES)
    assert node.evaluate(1, inputs)["alpha"].shape == (HEIGHT, WIDTH)


def test_a_frame_that_was_fitted_among_others_keeps_that_fit(random_weights):
    plates = {number: disc_over_gradient(number)[0] for number in (1, 2, 3)}
    node = HowardMatte(weights=str(random_weights))
    given = {"plate": plates, "clean_plate": gradient()}
    shot = node.fit((1, 2, 3), given)
    for number in plates:
        assert node.evaluate(number, given).fit is shot.frames[number]


def test_neighbours_steady_a_frame_where_they_are_connected():
    plates = {number: disc_over_gradient(number)[0] for number in (1, 2, 3)}
    node = HowardMatte(steadiness=1, **AS_IT_IS)
    alone = node.evaluate(2, {"plate": plates[2], "clean_plate": gradient()})
    node.configure(steadiness=0)
    given = {"plate": plates, "clean_plate": gradient()}
    np.testing.assert_array_equal(node.evaluate(2, given)["alpha"], alone["alpha"])
    node.configure(steadiness=1)
    steadied = node.evaluate(2, given)
    assert np.any(steadied["alpha"] != alone["alpha"])
    np.testing.assert_array_equal(steadied["coarse_matte"], alone["coarse_matte"])
    node.evaluate(3, given)
    assert node.evaluate(2, given).ran == ()


def test_a_frame_gets_neighbours_though_it_was_fitted_alone():
    plates = {number: disc_over_gradient(number)[0] for number in (1, 2, 3)}
    given = {"plate": plates, "clean_plate": gradient()}
    node = HowardMatte()
    before = node.evaluate(2, given)
    node.configure(steadiness=1)
    after = node.evaluate(2, given)
    assert "fit" in after.ran
    assert np.any(after["alpha"] != before["alpha"])
    # The ends of a shot that was fitted as a whole keep that fit, though there are more frames.
    shot = node.fit((1, 2), given)
    assert node.evaluate(2, given).fit is shot.frames[2]


def test_data_windows_are_minded(node, inputs):
    window = Window(-2, -3, WIDTH, HEIGHT)
    display = Window(0, 0, WIDTH - 4, HEIGHT - 6)
    plate = Frame(inputs["plate"], ("R", "G", "B"), None, window, display)
    clean = replace(plate, pixels=inputs["clean_plate"])
    outputs = node.evaluate(1001, {"plate": plate, "clean_plate": clean}, space="ACEScg")
    np.testing.assert_array_equal(outputs["alpha"], node.evaluate(1001, inputs)["alpha"])
    assert outputs.window == window


def _without(inputs, name):
    return {key: value for key, value in inputs.items() if key != name}


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda i: _without(i, "plate"), "no plate: connect"),
        (lambda i: i | {"clean_plate": None}, "no clean plate: connect"),
        (lambda i: i | {"holdout": _matte()}, "unknown input 'holdout'"),
        (lambda i: i | {"clean_plate": gradient(50, 104)}, "104x50"),
        (lambda i: i | {"inside": np.zeros((5, 6), np.float32)}, "6x5"),
        (lambda i: i | {"error_override": np.zeros((5, 6, 1), np.float32)}, "6x5"),
        (lambda i: i | {"plate": i["plate"][..., 0]}, "'plate' has shape (72, 104)"),
        (lambda i: i | {"plate": np.zeros((72, 104, 5), np.float32)}, "'plate' has shape"),
        (lambda i: i | {"plate": np.zeros((0, 104, 3), np.float32)}, "'plate' has shape"),
        (lambda i: i | {"plate": np.zeros((72, 104, 3), np.uint8)}, "'plate' holds uint8"),
        (lambda i: i | {"plate": [[1.0]]}, "'plate' is a list"),
        (lambda i: i | {"plate": {}}, "'plate' holds no frames"),
        (lambda i: i | {"inside": np.zeros((72, 104, 1, 1), np.float32)}, "'inside' has shape"),
        (lambda i: i | {"plate": "nowhere.####.exr"}, "nowhere"),
    ],
)
def test_what_cannot_be_used_is_named(node, inputs, spoil, said):
    with pytest.raises((InputError, FrameError)) as error:
        node.evaluate(1001, spoil(inputs))
    assert said in str(error.value)


def test_a_wrong_knob_changes_nothing(node):
    before = node.values
    with pytest.raises(InputError, match="threshold 3"):
        node.configure(refine_mode="full", threshold=3)
    assert node.values == before
    with pytest.raises(InputError, match="unknown knob"):
        HowardMatte(treshold=0.2)


def test_nan_is_repaired_and_said(random_weights, inputs):
    notes: list[str] = []
    node = HowardMatte(weights=str(random_weights), on_note=notes.append, **AS_IT_IS)
    inputs["plate"][3, 3] = np.nan
    outputs = node.evaluate(1001, inputs)
    assert any("1 pixels are NaN" in note for note in notes)
    assert all(np.isfinite(pixels).all() for pixels in outputs.values())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(["inside", "outside", "error_override", "coarse_override", "knob"]), max_size=6)
)
def test_any_order_of_changes_gives_what_a_fresh_node_gives(node, changes):
    plate, _ = disc_over_gradient(0)
    given = {"plate": plate, "clean_plate": gradient()}
    for number, change in enumerate(changes):
        if change == "knob":
            node.configure(refine_mode="thresholding", threshold=0.1 * (number + 1))
        else:
            given[change] = _matte(0.2 * (number % 5))
        outputs = node.evaluate(1001, given)
    if changes:
        fresh = HowardMatte(config=node.config, warm=Warm(0), **node.values).evaluate(1001, given)
        for name, pixels in fresh.items():
            np.testing.assert_array_equal(outputs[name], pixels)


def test_a_file_that_changed_is_read_again(random_weights, make_shot):
    shot = make_shot(2)
    warm = Warm()
    job = Job(
        plate=shot.plate,
        clean_plate=shot.clean,
        output=str(shot.folder / "out" / "s.####.exr"),
        layers=("difference",),
        weights=str(random_weights),
    )
    run(job, warm=warm)
    before = read_frame(shot.folder / "out" / "s.1001.exr", layer="difference").pixels
    other = disc_over_gradient(9)[0]
    write_image(shot.folder / "plate.1001.exr", other, "RGB", colorspace="lin_rec709_scene")
    run(job, warm=warm)
    after = read_frame(shot.folder / "out" / "s.1001.exr", layer="difference").pixels
    assert not np.array_equal(after, before)
