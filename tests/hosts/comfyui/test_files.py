"""Load EXR and Save EXR keep light, colour space, layers and frame numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from shots import Shot, disc_over_gradient

from howard_nodes.color import ColorConfig
from howard_nodes.errors import ColorError, FrameError, InputError
from howard_nodes.frames import Window, inspect_file, read_frame, write_image
from howard_nodes.hosts.comfyui.converting import ConvertColor
from howard_nodes.hosts.comfyui.loading import LoadEXR
from howard_nodes.hosts.comfyui.saving import SaveEXR

CONFIG = ColorConfig.load("howard")
LIGHT = "Linear Rec.709 (sRGB)"
MakeShot = Callable[..., Shot]


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Outside of ComfyUI, the working directory stands for its folders."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def picture(count: int = 1, channels: int = 3) -> torch.Tensor:
    pixels = np.random.default_rng(3).random((count, 6, 8, channels), np.float32)
    return torch.from_numpy(pixels)


# Load EXR


def test_a_sequence_is_a_batch_with_its_light(make_shot: MakeShot) -> None:
    shot = make_shot(3)
    image, mask, frames = LoadEXR().load(shot.plate, LIGHT)
    assert image.shape == (3, 72, 104, 3)
    assert image.dtype == torch.float32
    assert image.max() == pytest.approx(4.0)
    for number in shot.frames:
        np.testing.assert_allclose(image[number - 1001], shot.light(number), atol=1e-6)
    assert mask.shape == (3, 72, 104)
    assert bool((mask == 1).all())
    assert frames == "1001-1003"


def test_scene_linear_is_the_configurations_working_space(make_shot: MakeShot) -> None:
    shot = make_shot(1)
    image, _, _ = LoadEXR().load(shot.plate, "scene-linear")
    wanted = CONFIG.convert(shot.light(1001), LIGHT, CONFIG.scene_linear)
    np.testing.assert_allclose(image[0], wanted, atol=1e-5)
    assert image.max() > 1


def test_srgb_is_what_comfyuis_nodes_expect(make_shot: MakeShot) -> None:
    shot = make_shot(1)
    image, _, _ = LoadEXR().load(shot.plate, "sRGB")
    light = np.clip(shot.light(1001), 0, 1)
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(image[0], curve, atol=1e-4)


def test_a_png_comes_through_as_it_is(tmp_path: Path) -> None:
    pixels = picture()[0].numpy()
    write_image(tmp_path / "still.png", pixels, "RGB")
    image, _, frames = LoadEXR().load("still.png", "sRGB")
    np.testing.assert_allclose(image[0], pixels, atol=1e-4)
    assert frames == "1"


def test_the_space_of_a_file_can_be_said(tmp_path: Path) -> None:
    write_image(tmp_path / "log.exr", np.full((4, 4, 3), 0.391, np.float32), "RGB", depth="float")
    image, _, _ = LoadEXR().load("log.exr", "scene-linear", colorspace="ARRI LogC3 (EI800)")
    assert float(image.mean()) == pytest.approx(0.18, abs=0.002)  # the code value of mid-grey


def test_chosen_frames_and_layers(make_shot: MakeShot, tmp_path: Path) -> None:
    shot = make_shot(4)
    image, _, frames = LoadEXR().load(shot.plate, LIGHT, frames="1002,1004")
    assert frames == "1002,1004"
    np.testing.assert_allclose(image[1], shot.light(1004), atol=1e-6)
    layered = np.dstack([np.zeros((4, 4, 3), np.float32), np.full((4, 4), 0.25, np.float32)])
    write_image(tmp_path / "layers.exr", layered, ("R", "G", "B", "alpha.A"))
    image, mask, _ = LoadEXR().load("layers.exr", "sRGB", layer="alpha")
    assert bool((mask == 0.25).all())
    assert bool((image == 0.25).all()), "coverage is data: no colour space touches it"


def test_the_alpha_of_a_file_is_the_mask(tmp_path: Path) -> None:
    pixels = picture(channels=4)[0].numpy()
    write_image(tmp_path / "rgba.exr", pixels, "RGBA", depth="float", colorspace="lin_rec709_scene")
    image, mask, _ = LoadEXR().load("rgba.exr", LIGHT)
    np.testing.assert_array_equal(mask[0], pixels[..., 3])
    np.testing.assert_array_equal(image[0], pixels[..., :3])


def test_the_display_window_is_the_picture(tmp_path: Path) -> None:
    write_image(
        tmp_path / "window.exr",
        np.ones((4, 6, 3), np.float32),
        "RGB",
        data_window=Window(2, 1, 6, 4),
        display_window=Window(0, 0, 10, 8),
    )
    image, _, _ = LoadEXR().load("window.exr", "scene-linear")
    assert image.shape == (1, 8, 10, 3)
    assert float(image[0, 0, 0, 0]) == 0.0
    assert float(image[0, 1, 2, 0]) > 0.9


def test_what_is_missing_is_named(make_shot: MakeShot) -> None:
    shot = make_shot(3)
    with pytest.raises(InputError, match="no frame 1007-1008, only 1001-1003"):
        LoadEXR().load(shot.plate, "sRGB", frames="1002,1007-1008")
    with pytest.raises(InputError, match="enter one, or a sequence"):
        LoadEXR().load(" ", "sRGB")
    with pytest.raises(ColorError, match="no colour space 'logc9'"):
        LoadEXR().load(shot.plate, "sRGB", colorspace="logc9")


def test_frames_of_two_sizes_are_no_batch(make_shot: MakeShot) -> None:
    shot = make_shot(2)
    small, _ = disc_over_gradient(0, 36, 52)
    write_image(shot.folder / "plate.1002.exr", small, "RGB")
    with pytest.raises(FrameError, match=r"frame 1002: is 52x36, frame 1001 104x72"):
        LoadEXR().load(shot.plate, "sRGB")


def test_missing_files_are_told_before_the_workflow_is_queued(make_shot: MakeShot) -> None:
    shot = make_shot(2)
    assert LoadEXR.VALIDATE_INPUTS(pattern=shot.plate, frames="") is True
    assert "no file matches" in str(LoadEXR.VALIDATE_INPUTS(pattern="nothing.####.exr", frames=""))
    assert "no frame 7" in str(LoadEXR.VALIDATE_INPUTS(pattern=shot.plate, frames="7"))
    assert LoadEXR.VALIDATE_INPUTS(pattern=None, frames=None) is True, "linked: known when it runs"


def test_a_file_that_changed_is_read_again(make_shot: MakeShot) -> None:
    shot = make_shot(2)
    before = LoadEXR.IS_CHANGED(shot.plate)
    assert LoadEXR.IS_CHANGED(shot.plate) == before
    write_image(shot.folder / "plate.1002.exr", disc_over_gradient(9)[0], "RGB")
    assert LoadEXR.IS_CHANGED(shot.plate) != before
    assert LoadEXR.IS_CHANGED(shot.plate, frames="1001") == before[:1]
    linked = LoadEXR.IS_CHANGED(None)
    assert linked != linked, "what is linked is read every time"


# Save EXR


def test_what_is_saved_is_loaded_again(tmp_path: Path) -> None:
    light = picture(2) * 50
    SaveEXR().save(light, "out/shot.####.exr", "scene-linear", frames="1004,1010", depth="float")
    image, _, frames = LoadEXR().load("out/shot.####.exr", "scene-linear")
    assert frames == "1004,1010"
    assert bool((image == light).all())
    file = read_frame(tmp_path / "out/shot.1004.exr")
    assert file.colorspace == "lin_ap1_scene"


def test_srgb_becomes_light(tmp_path: Path) -> None:
    SaveEXR().save(torch.full((1, 4, 4, 3), 0.5), "grey.exr", "sRGB", colorspace=LIGHT, depth="float")
    file = read_frame(tmp_path / "grey.exr")
    assert file.colorspace == "lin_rec709_scene"
    np.testing.assert_allclose(file.pixels, 0.2140, atol=1e-4)


def test_layers_are_named_as_howard_matte_names_them(tmp_path: Path) -> None:
    matte = picture(2)[..., 0]
    answer = SaveEXR().save(
        picture(2, 4),
        "shot.####.exr",
        "scene-linear",
        first_frame=7,
        foreground=picture(2, 4),
        alpha=matte,
        coarse_matte=matte[:1],
        compression="piz",
        depth="float",
    )
    files = [tmp_path / "shot.0007.exr", tmp_path / "shot.0008.exr"]
    assert answer["ui"]["text"] == [str(file) for file in files]
    part = inspect_file(files[1]).parts[0]
    assert part.channels == dict.fromkeys(
        ("R", "G", "B", "A", "foreground.R", "foreground.G", "foreground.B", "alpha.A", "coarse.A"), "float"
    )
    assert part.compression == "piz"
    second = read_frame(files[1], layer="alpha").pixels[..., 0]
    np.testing.assert_array_equal(second, matte[1])
    coarse = read_frame(files[1], layer="coarse").pixels[..., 0]
    np.testing.assert_array_equal(coarse, matte[0])  # one frame serves all


def test_nothing_is_written_outside_the_output_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside = tmp_path / "output"
    inside.mkdir()
    monkeypatch.chdir(inside)
    for pattern in ("../out.exr", str(tmp_path / "out.exr"), "a/../../out.exr", "..", "."):
        with pytest.raises(InputError, match="outside ComfyUI's output folder"):
            SaveEXR().save(picture(), pattern, "sRGB")
    assert list(tmp_path.iterdir()) == [inside]
    SaveEXR().save(picture(), str(inside / "sub" / "out.exr"), "sRGB")
    assert (inside / "sub" / "out.exr").is_file()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"frames": "1001-1003"}, "frames 1001-1003: 3 numbers for 2 frames"),
        ({"frames": "x"}, "cannot read 'x' in the frame list"),
        ({"pattern": "one.exr"}, "one file for 2 frames"),
        ({"pattern": ""}, "no file: enter one"),
        ({"colorspace": "sRGB Encoded Rec.709 (sRGB)"}, "an EXR is scene-linear"),
        ({"alpha": torch.zeros(2, 5, 8)}, "alpha is 8x5, image 8x6"),
        ({"alpha": torch.zeros(3, 6, 8)}, "alpha has 3 frames, image 2"),
        ({"alpha": torch.zeros(2, 6, 8, 3)}, "alpha has shape 2 x 6 x 8 x 3: connect a MASK"),
        ({"foreground": torch.zeros(2, 6, 8)}, "foreground has 8 channels"),
        ({"image": torch.zeros(2, 6, 8, 1)}, "image has 1 channels"),
        ({"image": torch.zeros(0, 6, 8, 3)}, "image is empty"),
        ({"image": None}, "image is not an image but NoneType"),
        ({"compression": "jpeg"}, "compression 'jpeg'"),
    ],
)
def test_what_does_not_fit_is_named(more: dict[str, object], message: str, tmp_path: Path) -> None:
    given = {"image": picture(2), "pattern": "shot.####.exr", "space": "sRGB"} | more
    with pytest.raises(InputError, match=message):
        SaveEXR().save(**given)
    assert not any(tmp_path.iterdir())


# Convert Colour


def test_colour_goes_there_and_back() -> None:
    srgb = picture(2, 4)
    (light,) = ConvertColor().convert(srgb, "sRGB", "scene-linear")
    (back,) = ConvertColor().convert(light, "scene-linear", "sRGB")
    np.testing.assert_allclose(back, srgb, atol=1e-4)
    assert bool((light[..., 3] == srgb[..., 3]).all()), "alpha has no colour space"
    assert not torch.allclose(light[..., :3], srgb[..., :3], atol=0.01)


def test_light_above_one_is_kept_in_scene_linear_only() -> None:
    (light,) = ConvertColor().convert(picture() * 9, LIGHT, "scene-linear")
    assert float(light.max()) > 5
    (shown,) = ConvertColor().convert(light, "scene-linear", "sRGB")
    assert float(shown.max()) == 1.0
