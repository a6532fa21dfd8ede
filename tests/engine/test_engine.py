from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from shots import disc_over_gradient, gradient

from howard_nodes.color import ColorConfig
from howard_nodes.description import ComputeSettings, MatteSettings
from howard_nodes.engine.engine import Engine
from howard_nodes.engine.runtime import Warm
from howard_nodes.errors import InputError
from howard_nodes.network import LightRefiner, load_weights


@pytest.fixture(scope="module")
def config() -> ColorConfig:
    return ColorConfig.load("howard")


@pytest.fixture
def engine(random_weights, config) -> Engine:
    return Engine(load_weights(random_weights, fused=False), config)


def test_any_size_comes_back_as_it_came(engine):
    for height, width in ((1, 1), (7, 5), (33, 66), (72, 104)):
        plate, _ = disc_over_gradient(0, height, width)
        result = engine.evaluate(plate, gradient(height, width), "lin_rec709")
        assert result.alpha.shape == (height, width)
        assert result.foreground.shape == (height, width, 3)
        assert result.alpha.min() >= 0
        assert result.alpha.max() <= 1
        assert np.isfinite(result.foreground).all()


def test_foreground_over_clean_plate_gives_the_plate_back_where_alpha_is_one(engine):
    plate, _ = disc_over_gradient(0)
    result = engine.evaluate(plate, gradient(), "lin_rec709", inside=np.ones((72, 104), np.float32))
    np.testing.assert_array_equal(result.foreground, plate)
    np.testing.assert_array_equal(result.alpha, 1)


def test_a_plate_and_a_clean_plate_of_other_sizes_are_refused(engine):
    plate, _ = disc_over_gradient(0)
    with pytest.raises(InputError, match="104x72"):
        engine.evaluate(plate, gradient(50, 104), "lin_rec709")


def test_the_usual_scale_sees_hd_at_a_quarter_and_uhd_at_an_eighth():
    settings = MatteSettings()
    assert settings.scales_for(1080, 1920) == (1 / 4,)
    assert settings.scales_for(2160, 3840) == (1 / 8,)
    assert settings.scales_for(720, 1280) == (1 / 2,)
    assert MatteSettings(quality="high").scales_for(1080, 1920) == (1 / 2, 1 / 4, 1 / 8)
    assert MatteSettings(quality="draft").scales_for(1080, 1920) == (1 / 8,)
    assert MatteSettings(quality="high", backbone_scale=0.4).scales_for(1080, 1920) == (0.4, 0.2, 0.1)
    assert settings.pixels_for(1080, 1920) == 120_000
    assert settings.pixels_for(2160, 3840) == 480_000
    assert settings.pixels_for(540, 960) == 60_000
    assert settings.pixels_for(8, 8) == 64


@pytest.mark.parametrize(
    "wrong",
    [
        {"refine_mode": "some"},
        {"backbone_scale": 0.0},
        {"backbone_scale": 1.5},
        {"sample_pixels": -1},
        {"threshold": 2.0},
        {"exposure": 99.0},
    ],
)
def test_knobs_out_of_range_are_refused_with_their_value(wrong):
    with pytest.raises(InputError, match=str(next(iter(wrong.values())))):
        MatteSettings(**wrong)


def test_exposure_is_the_same_for_every_plate_over_one_clean_plate(engine, config):
    dark = gradient() * 2.0**-9
    exposures = set()
    for level in (0.1, 1.0, 10.0):
        plate = dark.copy()
        plate[20:50, 20:50] = level
        exposures.add(engine.coarse(plate, dark, "lin_rec709").exposure)
    assert len(exposures) == 1
    assert exposures.pop() > 1


def test_an_exposure_given_is_the_exposure_used(random_weights, config):
    engine = Engine(load_weights(random_weights, fused=False), config, MatteSettings(exposure=1.5))
    plate, _ = disc_over_gradient(0)
    assert engine.coarse(plate, gradient(), "lin_rec709").exposure == 1.5


def test_without_memory_it_steps_down_and_says_so(random_weights, config):
    """No GPU here: a meta device stands for one, and the network's own call runs out of memory twice."""
    notes: list[str] = []
    engine = Engine(load_weights(random_weights, fused=False), config, on_note=notes.append)
    engine.network.device = torch.device("meta")
    attempts = []

    def compute() -> str:
        attempts.append((engine.network.device.type, engine.network.precision))
        if len(attempts) < 3:
            raise torch.OutOfMemoryError("2 GiB wanted")
        return "done"

    engine.network._place = lambda: None
    assert engine.network.with_memory(compute) == "done"
    assert attempts == [("meta", "float32"), ("meta", "float16"), ("cpu", "float32")]
    assert len(notes) == 2
    assert "float16" in notes[0]
    assert "CPU" in notes[1]


def test_without_memory_others_are_asked_first(random_weights, config):
    notes: list[str] = []
    warm = Warm()
    computing = ComputeSettings(weights=str(random_weights))
    engine = warm.engine(config, MatteSettings(), computing, notes.append).engine
    engine.network.device = torch.device("meta")
    warm.cache.get("a", lambda: np.zeros(8))
    attempts = []

    def compute() -> str:
        attempts.append(engine.network.precision)
        if len(attempts) < 2:
            raise torch.OutOfMemoryError("2 GiB wanted")
        return "done"

    assert engine.network.with_memory(compute) == "done"
    assert attempts == ["float32", "float32"]
    assert (len(warm.cache), notes) == (0, [])


def test_bfloat16_gives_about_the_same_matte(random_weights, config):
    plate, _ = disc_over_gradient(0)
    mattes = []
    for precision in ("float32", "bfloat16"):
        engine = Engine(
            load_weights(random_weights, fused=False), config, computing=ComputeSettings(precision=precision)
        )
        mattes.append(engine.coarse(plate, gradient(), "lin_rec709").alpha)
    assert np.abs(mattes[0] - mattes[1]).max() < 0.05


@pytest.fixture(scope="module", params=["rules", "network", "several looks"])
def shipped(config, request) -> Engine:
    """The shipped network; the light's evidence is weighed by rules alone, or by a network as well.

    Or by rules, for each of several looks.
    """
    network = load_weights(fused=False)
    network.light = None
    if request.param == "network":
        torch.manual_seed(1)
        network.light = LightRefiner(network.refiner.features, (8, 8, 8))
        torch.nn.init.normal_(network.light.out.weight, std=0.02)
    settings = MatteSettings(quality="high" if request.param == "several looks" else "standard")
    return Engine(network, config, settings, ComputeSettings(device="cpu"))


def test_unmixing_is_what_the_light_says_of_the_refined_alpha(shipped):
    plate, alpha = disc_over_gradient(0, 180, 260)
    clean = gradient(180, 260)
    results = {}
    for unmix in ("auto", "off"):
        shipped.settings = MatteSettings(unmix=unmix)
        results[unmix] = shipped.evaluate(plate, clean, "lin_rec709")
    shipped.settings = MatteSettings()
    edge = (alpha > 0) & (alpha < 1)
    assert (
        np.abs(results["auto"].alpha - alpha)[edge].mean() < np.abs(results["off"].alpha - alpha)[edge].mean()
    )
    for layer in ("coarse", "error", "region"):
        np.testing.assert_array_equal(getattr(results["auto"], layer), getattr(results["off"], layer))


def test_a_coarse_matte_painted_against_the_network_is_not_undone_by_the_light(shipped):
    plate, _ = disc_over_gradient(0, 180, 260)
    clean = gradient(180, 260)
    painted = np.zeros((180, 260, 2), np.float32)
    painted[20:40, 20:60] = 1.0  # a subject that looks like the place
    stage = shipped.coarse(plate, clean, "lin_rec709")
    refined = shipped.refine(stage, coarse_override=painted)
    there = (slice(24, 36), slice(24, 56))
    np.testing.assert_array_equal(
        shipped.unmix(refined, plate, clean, "lin_rec709").alpha[there], refined.alpha[there]
    )


def test_light_that_is_not_the_places_is_never_taken_for_nothing(shipped, monkeypatch):
    clean = gradient(180, 260)
    _, alpha = disc_over_gradient(0, 180, 260)
    if (light := shipped.network.model.light) is not None:
        # A network that says of everything that it is not there.
        monkeypatch.setattr(light.out.bias, "data", torch.full_like(light.out.bias.data, -5.0))
    for brightness in (1.0, 4.0, 16.0):
        color = brightness * np.array([1.0, 0.4, 0.1], np.float32)
        plate = (alpha[..., None] * color + (1 - alpha[..., None]) * clean).astype(np.float32)
        found = shipped.evaluate(plate, clean, "lin_rec709")
        assert (found.alpha > 0.5 * alpha - 0.05).all()


def test_the_light_makes_no_hole_well_within_a_subject_unless_it_is_told_to(shipped):
    """Where a subject has the colours of what is behind it the light says that there is none."""
    plate, alpha = disc_over_gradient(0, 180, 260)
    clean = gradient(180, 260)
    stage = shipped.coarse(plate, clean, "lin_rec709")
    y, x = np.argwhere(alpha == 1).mean(0).astype(int)
    spot = np.s_[y - 6 : y + 6, x - 6 : x + 6]
    plate[spot] = clean[spot]
    holes = {}
    for error in (0.5, 1.0):
        painted = np.zeros((180, 260, 2), np.float32)
        painted[spot] = (error, 1.0)
        whole = np.stack([alpha, np.ones_like(alpha)], 2)
        refined = shipped.refine(stage, coarse_override=whole, error_override=painted)
        doubted = np.where(painted[..., 1] > 0, painted[..., 0], refined.doubted).astype(np.float32)
        solid = replace(refined, alpha=alpha.copy(), doubted=doubted)
        holes[error] = (1 - shipped.unmix(solid, plate, clean, "lin_rec709").alpha)[spot]
    assert holes[0.5].max() < 0.01
    assert holes[1.0].mean() > 0.3


def test_painted_error_rules_the_unmixing(shipped):
    plate, alpha = disc_over_gradient(0, 180, 260)
    clean = gradient(180, 260)
    stage = shipped.coarse(plate, clean, "lin_rec709")
    protected = shipped.refine(stage, error_override=np.zeros((180, 260), np.float32))
    np.testing.assert_array_equal(shipped.unmix(protected, plate, clean, "lin_rec709").alpha, protected.alpha)
    handed = shipped.refine(stage, error_override=np.ones((180, 260), np.float32))
    edge = (alpha > 0) & (alpha < 1)
    found = shipped.unmix(handed, plate, clean, "lin_rec709").alpha
    assert np.abs(found - alpha)[edge].mean() < 0.05


def test_no_content_makes_anything_else_than_a_matte(shipped):
    """One pixel, odd sizes, light of -10 to 1e8, plates that are equal: finite, alpha and doubt in 0..1."""
    rng = np.random.default_rng(3)
    for height, width in ((1, 1), (2, 3), (7, 90), (41, 33)):
        pictures = rng.normal(0.3, 0.5, (2, height, width, 3)).astype(np.float32)
        wild = pictures.copy()
        wild[0, 0, 0], wild[1, -1, -1] = 1e8, -10.0
        for plate, clean in (pictures, wild, (pictures[0], pictures[0])):
            result = shipped.evaluate(plate, clean, "lin_rec709", error_override=np.ones((height, width)))
            for layer in (result.alpha, result.doubt):
                assert layer.shape == (height, width)
                assert np.isfinite(layer).all()
                assert 0 <= layer.min() <= layer.max() <= 1
            assert np.isfinite(result.foreground).all()


def test_where_no_clean_plate_is_alpha_is_not_unmixed(shipped):
    plate, _ = disc_over_gradient(0, 180, 260)
    clean = gradient(180, 260)
    valid = np.ones((180, 260), np.float32)
    valid[:, 130:] = 0.0
    refined = shipped.refine(shipped.coarse(plate, clean, "lin_rec709", valid=valid))
    found = shipped.unmix(refined, plate, clean, "lin_rec709", valid=valid).alpha
    np.testing.assert_array_equal(found[:, 130:], refined.alpha[:, 130:])
    assert not np.array_equal(found, refined.alpha)


def test_no_step_shows_where_the_light_is_asked_within_a_subject(shipped):
    clean = gradient(180, 260)
    solid, error = np.zeros((2, 180, 260), np.float32)
    solid[40:140, 60:200] = 1.0
    error[80:100, 100:140] = 1.0  # the light finds nothing here: the plate is the clean plate
    stage = shipped.coarse(clean, clean, "lin_rec709")
    refined = shipped.refine(stage, coarse_override=solid, error_override=error)
    across = shipped.unmix(refined, clean, clean, "lin_rec709").alpha[90, 98:121]
    assert (across[:2] == 1).all()
    assert across[-1] < 0.7
    assert np.abs(np.diff(across)).max() < 0.3


def test_no_step_shows_where_the_refined_region_begins(engine):
    plate, _ = disc_over_gradient(0, 96, 128)
    painted = np.zeros((96, 128), np.float32)
    painted[32:64, 40:88] = 1.0
    engine.settings = MatteSettings(refine_mode="thresholding", threshold=0.9, backbone_scale=1.0)
    stage = engine.coarse(plate, gradient(96, 128), "lin_rec709")
    found = engine.refine(stage, error_override=painted)
    engine.settings = MatteSettings(refine_mode="full", backbone_scale=1.0)
    whole = engine.refine(stage, error_override=painted).alpha
    inside = found.region > 0
    assert inside.sum() == 32 * 48
    apart = whole - stage.alpha
    share = np.divide(
        found.alpha - stage.alpha, apart, where=np.abs(apart) > 1e-3, out=np.full_like(apart, -1)
    )
    for row, expected in ((31, 0.0), (32, 0.25), (33, 0.75), (34, 1.0)):
        seen = share[row, 48:80]
        np.testing.assert_allclose(seen[seen >= 0], expected, atol=0.02)
    assert (share[40:56, 48:80] >= 0).any()


def test_what_is_refined_follows_the_error_map_up_to_a_ceiling(engine):
    plate, _ = disc_over_gradient(0, 96, 128)
    refined = []
    for share in (0.0, 0.1, 0.4, 1.0):
        stage = engine.coarse(plate, gradient(96, 128), "lin_rec709")
        (look,) = stage.looks
        error = torch.full_like(look.error, 0.01)
        error[..., : round(share * error.shape[-1])] = 0.1
        found = engine.refine(replace(stage, looks=(replace(look, error=error),)))
        refined.append(float(found.region.mean()))
    assert refined[0] == 0
    assert refined[1] == pytest.approx(0.1, abs=0.03)
    assert refined[2] == pytest.approx(0.4, abs=0.03)
    assert refined[3] == pytest.approx(MatteSettings().pixels_for(96, 128) / (96 * 128), abs=0.01)


def test_what_is_given_to_paint_on_changes_nothing_until_it_is_painted_on(shipped):
    plate, _ = disc_over_gradient(0, 180, 260)
    stage = shipped.coarse(plate, gradient(180, 260), "lin_rec709")
    given = {
        "coarse_override": stage.alpha.astype(np.float16).astype(np.float32),
        "error_override": stage.error.astype(np.float16).astype(np.float32),
    }
    plain, unpainted = shipped.refine(stage), shipped.refine(stage, **given)
    for name in ("alpha", "encoded", "region", "doubted", "doubt"):
        np.testing.assert_allclose(getattr(unpainted, name), getattr(plain, name), atol=1e-3, err_msg=name)
    np.testing.assert_array_equal(unpainted.alpha, plain.alpha)
    given["error_override"][:90] = 0.0
    painted = shipped.refine(stage, **given)
    np.testing.assert_allclose(painted.alpha[100:], plain.alpha[100:], atol=0.1)
    assert not painted.doubted[:90].any()
