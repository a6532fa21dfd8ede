"""Howard Matte, Fit Clean Plate and Refine on ComfyUI's tensors do what the node does on arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from shots import disc_over_gradient, gradient

from howard_nodes.color import ColorConfig
from howard_nodes.description import OUTPUTS
from howard_nodes.engine.engine import Engine
from howard_nodes.errors import HowardError, InputError
from howard_nodes.hosts.comfyui.matting import FitCleanPlate, Matte, Refine
from howard_nodes.node import HowardMatte

CONFIG = ColorConfig.load("howard")
LIGHT = "Linear Rec.709 (sRGB)"
NAMES = (*(socket.name for socket in OUTPUTS), "matte")
OFF = {"align": "off", "match_exposure": "off"}


def plates(count: int = 1) -> torch.Tensor:
    return torch.from_numpy(np.stack([disc_over_gradient(step)[0] for step in range(count)]))


def clean() -> torch.Tensor:
    return torch.from_numpy(gradient())[None]


@pytest.fixture
def knobs(random_weights: Path) -> dict[str, Any]:
    return {"weights": str(random_weights), "device": "cpu", "refine_mode": "full"}


def named(outputs: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip(NAMES, outputs, strict=True))


def matted(plate: torch.Tensor, back: torch.Tensor, space: str = LIGHT, **given: Any) -> dict[str, Any]:
    return named(Matte().matte(plate, back, space, **given))


def test_a_frame_is_what_the_node_gives(knobs: dict[str, Any]) -> None:
    given = matted(plates(), clean(), **knobs)
    node = HowardMatte(config=CONFIG, **knobs)
    inputs = {"plate": disc_over_gradient(0)[0], "clean_plate": gradient()}
    wanted = node.evaluate(1, inputs, space=LIGHT)
    for name, pixels in wanted.items():
        assert given[name].dtype == torch.float32
        np.testing.assert_array_equal(given[name][0], pixels, err_msg=name)


def test_a_batch_is_fitted_as_a_shot_and_matted_frame_by_frame(knobs: dict[str, Any]) -> None:
    given = matted(plates(3), clean(), **knobs)
    node = HowardMatte(config=CONFIG, **knobs)
    frames = {number: disc_over_gradient(number - 1)[0] for number in (1, 2, 3)}
    inputs = {"plate": frames, "clean_plate": gradient()}
    fit = node.fit((1, 2, 3), inputs, space=LIGHT)
    for number in frames:
        wanted = node.evaluate(number, inputs, space=LIGHT, fit=fit)
        for name, pixels in wanted.items():
            np.testing.assert_array_equal(given[name][number - 1], pixels, err_msg=name)
    assert given["alpha"].shape == (3, 72, 104)
    assert given["image"].shape == (3, 72, 104, 4)


def test_neighbours_in_a_batch_steady_each_other() -> None:
    knobs = OFF | {"device": "cpu"}
    plain, steadied = (matted(plates(3), clean(), steadiness=reach, **knobs) for reach in (0, 1))
    node = HowardMatte(config=CONFIG, steadiness=1, **knobs)
    frames = {number: disc_over_gradient(number - 1)[0] for number in (1, 2, 3)}
    for number in frames:
        wanted = node.evaluate(number, {"plate": frames, "clean_plate": gradient()}, space=LIGHT)
        np.testing.assert_array_equal(steadied["alpha"][number - 1], wanted["alpha"])
        assert np.any(plain["alpha"][number - 1].numpy() != wanted["alpha"])


def test_an_srgb_graph_gets_srgb_back(knobs: dict[str, Any]) -> None:
    light = np.clip(disc_over_gradient(0)[0], 0, 1)
    shown = torch.from_numpy(CONFIG.convert(light, LIGHT, "sRGB"))[None].clamp(0, 1)
    back = torch.from_numpy(CONFIG.convert(gradient(), LIGHT, "sRGB"))[None]
    given = matted(shown, back, "sRGB", **knobs, **OFF)
    for name, pixels in given.items():
        if name != "matte":
            assert float(pixels.min()) >= 0, name
            assert float(pixels.max()) <= 1, name
    np.testing.assert_allclose(given["fitted_clean_plate"], back, atol=1e-4)
    np.testing.assert_allclose(given["image"][..., 3], given["alpha"], atol=0)
    whole = given["alpha"] == 1
    np.testing.assert_allclose(given["foreground"][whole], shown[whole], atol=1e-4)


def test_mattes_by_hand_act(knobs: dict[str, Any]) -> None:
    left, right = torch.zeros(1, 72, 104), torch.zeros(1, 72, 104)
    left[..., :30], right[..., 70:] = 1, 1
    given = matted(plates(2), clean(), inside=left, outside=right, **knobs, **OFF)
    assert bool((given["alpha"][..., :30] == 1).all())
    assert bool((given["alpha"][..., 70:] == 0).all())
    free = matted(plates(2), clean(), **knobs, **OFF)
    assert bool((given["alpha"][..., 30:70] == free["alpha"][..., 30:70]).all())


def test_an_override_counts_where_it_is_said_to(knobs: dict[str, Any]) -> None:
    thresholding = knobs | OFF | {"refine_mode": "thresholding", "threshold": 0.9}
    nowhere = matted(plates(), clean(), error_override=torch.zeros(1, 72, 104), **thresholding)
    assert bool((nowhere["refine_region"] == 0).all()), "an error of 0 everywhere protects everything"
    where = torch.zeros(1, 72, 104)
    where[:, 20:40, 30:60] = 1
    given = matted(
        plates(), clean(), error_override=torch.ones(1, 72, 104), error_override_where=where, **thresholding
    )
    assert bool((given["refine_region"][:, 24:36, 36:54] == 1).all())  # coarser than a pixel at its edge
    plain = matted(plates(), clean(), **thresholding)
    assert bool((given["refine_region"][:, 52:] == plain["refine_region"][:, 52:]).all())
    assert bool((given["error_map"] == nowhere["error_map"]).all()), "what comes out is the network's own"


def test_a_clean_plate_of_as_many_frames_goes_frame_by_frame(knobs: dict[str, Any]) -> None:
    several = torch.cat([clean(), clean() * 1.5])
    given = matted(plates(2), several, **knobs, **OFF)
    assert bool((given["fitted_clean_plate"] == several).all())
    fitted, _, _ = FitCleanPlate().fit(plates(2), several, LIGHT, device="cpu", **OFF)
    np.testing.assert_allclose(fitted, several, atol=1e-6)


def test_another_take_need_not_be_as_long(knobs: dict[str, Any]) -> None:
    take = clean().expand(5, -1, -1, -1)
    given = matted(plates(2), take, **knobs)
    assert given["alpha"].shape == (2, 72, 104)
    np.testing.assert_allclose(given["fitted_clean_plate"], clean().expand(2, -1, -1, -1), rtol=0.02)


def test_an_alpha_of_the_plate_is_left_out(knobs: dict[str, Any]) -> None:
    with_alpha = torch.cat([plates(), torch.zeros(1, 72, 104, 1)], 3)
    given, wanted = (matted(plate, clean(), **knobs, **OFF) for plate in (with_alpha, plates()))
    assert bool((given["alpha"] == wanted["alpha"]).all())


def test_light_above_one_is_kept(knobs: dict[str, Any]) -> None:
    given = matted(plates(), clean(), inside=torch.ones(1, 72, 104), **knobs, **OFF)
    for name in ("image", "foreground"):
        assert bool((given[name][..., :3] == plates()).all()), name
    assert float(given["image"].max()) == 4.0


# Howard Refine


def test_refine_runs_neither_fit_nor_coarse_stage(
    knobs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = matted(plates(2), clean(), **knobs)
    ran: list[str] = []
    for stage in ("coarse", "coarse_matte", "refine", "unmix", "solve"):
        real = getattr(Engine, stage)

        def counted(self: Engine, *args: Any, _stage: str = stage, _real: Any = real, **more: Any) -> Any:
            ran.append(_stage)
            return _real(self, *args, **more)

        monkeypatch.setattr(Engine, stage, counted)
    where = torch.ones(1, 72, 104)
    second = named(Refine().refine(first["matte"], refine_mode="full", coarse_override=where))
    assert sorted(ran) == ["refine", "refine", "solve", "solve", "unmix", "unmix"]
    del ran[:]
    third = named(Refine().refine(second["matte"], refine_mode="full", inside=where))
    assert ran == ["solve", "solve"]
    assert bool((third["alpha"] == 1).all())
    fresh = matted(plates(2), clean(), **knobs, coarse_override=where)
    for name in NAMES[:-1]:
        assert bool((second[name] == fresh[name]).all()), name


def test_refine_keeps_what_it_does_not_replace(knobs: dict[str, Any]) -> None:
    half = torch.zeros(1, 72, 104)
    half[..., :50] = 1
    first = matted(plates(), clean(), inside=half, **knobs, **OFF)
    kept = named(Refine().refine(first["matte"], refine_mode="full"))
    assert bool((kept["alpha"] == first["alpha"]).all())
    replaced = named(Refine().refine(first["matte"], refine_mode="full", inside=1 - half))
    assert bool((replaced["alpha"][..., 50:] == 1).all())
    assert not bool((replaced["alpha"][..., :50] == 1).all())


def test_refine_takes_nothing_but_a_matte() -> None:
    with pytest.raises(InputError, match="connect the output matte of Howard Matte"):
        Refine().refine(plates())  # type: ignore[arg-type]


# Howard Fit Clean Plate


def test_a_fitted_clean_plate_is_the_one_howard_matte_uses(knobs: dict[str, Any]) -> None:
    fitting = {name: knobs[name] for name in ("weights", "device")}
    darker = clean() * 0.5
    fitted, valid, report = FitCleanPlate().fit(plates(2), darker, LIGHT, **fitting)
    assert fitted.shape == (2, 72, 104, 3)
    assert valid.shape == (2, 72, 104)
    assert report.startswith("clean plate fit:")
    given = matted(plates(2), darker, **knobs)
    assert bool((fitted == given["fitted_clean_plate"]).all())
    # An earlier matte's knobs leave no trace.
    again = FitCleanPlate().fit(plates(2), darker, LIGHT, **fitting)
    assert bool((again[0] == fitted).all())


def test_a_clean_plate_used_as_it_is_stays_as_it_is(knobs: dict[str, Any]) -> None:
    fitted, valid, report = FitCleanPlate().fit(plates(2), clean(), LIGHT, device="cpu", **OFF)
    np.testing.assert_allclose(fitted, clean().expand(2, -1, -1, -1), atol=1e-6)
    assert bool((valid == 1).all())
    assert report == "clean plate: used as is"


# What does not fit


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"plate": torch.zeros(1, 72, 104)}, "plate has 104 channels|plate has shape"),
        ({"plate": torch.zeros(1, 72, 104, 2)}, "plate has 2 channels"),
        ({"plate": torch.zeros(0, 72, 104, 3)}, "plate is empty"),
        ({"plate": "plate"}, "plate is not an image but str: connect an IMAGE"),
        ({"clean_plate": torch.zeros(1, 36, 52, 3)}, "clean_plate is 52x36, plate 104x72"),
        ({"clean_plate": torch.zeros(3, 72, 104, 3)} | OFF, "clean_plate has 3 frames, plate 2"),
        ({"inside": torch.zeros(1, 64, 64)}, "inside is 64x64, plate 104x72"),
        ({"outside": torch.zeros(5, 72, 104)}, "outside has 5 frames, plate 2"),
        ({"coarse_override": torch.zeros(1, 72, 104, 3)}, "coarse_override has shape .* MASK"),
        (
            {"error_override_where": torch.zeros(1, 72, 104)},
            "error_override applies, but that is not connected",
        ),
        ({"threshold": 7.0}, "threshold 7"),
        ({"space": "logc9"}, "no colour space 'logc9'"),
        ({"weights": "nobody"}, "nobody"),
    ],
)
def test_what_does_not_fit_is_named(more: dict[str, Any], message: str, knobs: dict[str, Any]) -> None:
    given = {"plate": plates(2), "clean_plate": clean(), "space": LIGHT} | knobs | more
    with pytest.raises(HowardError, match=message):
        Matte().matte(**given)


def test_not_a_number_is_no_light(knobs: dict[str, Any]) -> None:
    broken = plates()
    broken[0, 5, 5] = torch.nan
    given = matted(broken, clean(), **knobs, **OFF)
    assert all(bool(torch.isfinite(given[name]).all()) for name in NAMES[:-1])
