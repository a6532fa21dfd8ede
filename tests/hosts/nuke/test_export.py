from __future__ import annotations

import json
import re
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from shots import disc_over_gradient, gradient
from typer.testing import CliRunner

from howard_nodes.cli.nuke import app
from howard_nodes.color import ColorConfig
from howard_nodes.description import KNOBS, ComputeSettings, MatteSettings
from howard_nodes.engine.engine import Engine
from howard_nodes.errors import InputError, WriteError
from howard_nodes.hosts.nuke import export
from howard_nodes.hosts.nuke.export import export_model
from howard_nodes.hosts.nuke.inference import CHANNELS_IN, CHANNELS_OUT
from howard_nodes.hosts.nuke.inference.coarse import CoarseNetwork
from howard_nodes.network import MattingNetwork, load_weights, save_weights

# The channels that the .cat File Creation Reference allows.
CHANNELS = """
rgba.red rgba.green rgba.blue rgba.alpha depth.Z forward.u forward.v backward.u backward.v
deep.front deep.back disparityL.x disparityL.y disparityR.x disparityR.y
mask.a rotopaint_mask.a mask_planartrack.a mask_splinewarp.a
"""

# Operators of the exported code. A file made of these was loaded and run by torch 1.6.0, 1.12.1 and 2.1.2:
# before one is added here, do that again.
OPERATORS = """
__and__ __derive_index __not__ __or__ __range_length abs adaptive_avg_pool2d add append arange avg_pool2d cat
clamp constant_pad_nd conv2d copy_ cpu cumsum div eq expand expand_as floor_divide floordiv ge gt index
index_copy_ index_select item le len log2 lt matmul max max_pool2d mean min mul ne neg nonzero ones permute
pow relu remainder replication_pad2d reshape round select size slice sort sub sum t to topk unsqueeze
upsample_bilinear2d upsample_nearest2d where zeros zeros_like
"""

# There is no other format that Nuke reads.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.* is deprecated:DeprecationWarning")


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default weights, exported by the command, which prints the script too."""
    path = tmp_path_factory.mktemp("model") / "howard.pt"
    said = CliRunner().invoke(app, ["export", str(path)])
    assert said.exit_code == 0, said.output
    assert path.with_suffix(".cat.nk").read_text() in said.stdout
    return path


@pytest.fixture(scope="module")
def loaded(exported: Path) -> Any:
    return torch.jit.load(exported)


@pytest.fixture
def model(loaded: Any) -> Any:
    """It, as a host loads it: with its defaults."""
    attributes = [
        name for one in KNOBS for name in (one.name, f"{one.name}_automatic") if hasattr(loaded, name)
    ]
    before = {name: getattr(loaded, name) for name in attributes}
    yield loaded
    for name, value in before.items():
        setattr(loaded, name, value)


def stacked(plate: np.ndarray, clean: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.dstack([plate, clean]).astype(np.float32)).permute(2, 0, 1)[None].contiguous()


@cache
def network() -> MattingNetwork:
    return load_weights()


def node(plate: np.ndarray, clean: np.ndarray, space: str = "lin_rec709_scene", **settings: Any) -> Any:
    compute = ComputeSettings(device="cpu", precision="float32")
    engine = Engine(network(), ColorConfig.load(), MatteSettings(unmix="off", **settings), compute)
    return engine.evaluate(plate.astype(np.float32), clean.astype(np.float32), space)


@torch.no_grad()
def close(model: Any, expected: Any, plate: np.ndarray, clean: np.ndarray) -> None:
    found = model(stacked(plate, clean))[0].numpy()
    assert found.shape == (len(CHANNELS_OUT), *plate.shape[:2])
    same = found[9] == expected.region
    assert same.mean() > 0.99
    for index, matte in ((3, expected.alpha), (7, expected.coarse), (8, expected.error)):
        np.testing.assert_allclose(found[index][same], matte[same], atol=1e-4)
    foreground = found[4:7].transpose(1, 2, 0)
    np.testing.assert_allclose(foreground[same], expected.foreground[same], atol=1e-3, rtol=1e-3)
    np.testing.assert_allclose(found[:3], found[4:7] * found[3], atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 4), (33, 61), (72, 104), (101, 67)])
@pytest.mark.parametrize("mode", ["sampling", "thresholding", "full"])
def test_it_gives_what_the_node_gives(model: Any, size: tuple[int, int], mode: str) -> None:
    model.refine_mode = ["sampling", "thresholding", "full"].index(mode)
    plate, clean = disc_over_gradient(1, *size)[0], gradient(*size)
    close(model, node(plate, clean, refine_mode=mode), plate, clean)


@pytest.mark.parametrize(
    "settings",
    [
        {"quality": "draft"},
        {"quality": "high"},
        {"backbone_scale": 1.0},
        {"backbone_scale": 0.3},
        {"sample_pixels": 0},
        {"sample_pixels": 320},
        {"refine_mode": "thresholding", "threshold": 0.5},
        {"exposure": -3.0},
    ],
)
def test_its_attributes_are_the_nodes_knobs(model: Any, settings: dict[str, Any]) -> None:
    for name, value in settings.items():
        knob = next(knob for knob in KNOBS if knob.name == name)
        choices = [choice.value for choice in knob.choices]
        setattr(model, name, choices.index(value) if choices else value)
        if knob.automatic:
            setattr(model, f"{name}_automatic", False)
    plate, clean = disc_over_gradient(2, 180, 260)[0], gradient(180, 260)
    close(model, node(plate, clean, **settings), plate, clean)


@pytest.mark.parametrize("light", [0.001, 60.0])
def test_it_finds_the_exposure(model: Any, light: float) -> None:
    plate, clean = disc_over_gradient(0)[0] * light, gradient() * light
    close(model, node(plate, clean), plate, clean)


def test_black_bars_do_not_count_for_the_exposure(model: Any) -> None:
    plate, clean = disc_over_gradient(0)[0] * 0.02, gradient() * 0.02
    for picture in (plate, clean):
        picture[:20] = picture[-20:] = 0.0
    close(model, node(plate, clean), plate, clean)


def test_light_that_is_no_number_hurts_nobody_else(model: Any) -> None:
    plate, clean = disc_over_gradient(0)[0], gradient()
    plate[3, 3] = np.nan
    plate[3, 5] = np.inf
    with torch.no_grad():
        assert bool(model(stacked(plate, clean)).isfinite().all())


@torch.no_grad()
def test_half_precision(exported: Path) -> None:
    model = torch.jit.load(exported)
    plate, clean = disc_over_gradient(1)[0], gradient()
    expected = model(stacked(plate, clean))
    found = model.half()(stacked(plate, clean).half())
    assert found.dtype == torch.float16
    for channel, allowed in ((3, 0.02), (7, 0.01), (8, 0.01)):
        assert float((found[:, channel].float() - expected[:, channel]).abs().max()) < allowed
    assert bool(model(stacked(plate * 1e5, clean).half()).isfinite().all())


def test_black_plates(model: Any) -> None:
    black = np.zeros((40, 52, 3))
    with torch.no_grad():
        found = model(stacked(black, black))[0].numpy()
    assert np.isfinite(found).all()
    assert (found[:3] == 0).all()


def test_a_working_space_of_other_primaries(tmp_path: Path) -> None:
    path = tmp_path / "acescg.pt"
    said = CliRunner().invoke(app, ["export", str(path), "--colorspace", "acescg", "--json"])
    assert said.exit_code == 0, said.output
    assert json.loads(said.stdout)["difference"] < 1e-4
    plate, clean = disc_over_gradient(1)[0], gradient()
    close(torch.jit.load(path), node(plate, clean, "lin_ap1_scene"), plate, clean)


@pytest.mark.parametrize("backbone", ["lite0", "mobilenetv2", "resnet50"])
@torch.no_grad()
def test_every_backbone(backbone: str) -> None:
    torch.manual_seed(4)
    network = MattingNetwork(backbone).eval()
    scripted = torch.jit.script(CoarseNetwork(network).eval())
    plate, clean = torch.rand(1, 3, 45, 70), torch.rand(1, 3, 45, 70)
    expected = network.raw_coarse(plate, clean)
    scale = float(expected.abs().max())
    torch.testing.assert_close(scripted(plate, clean), expected, rtol=0, atol=1e-4 * max(1.0, scale))


def test_weights_of_another_backbone(tmp_path: Path) -> None:
    torch.manual_seed(6)
    weights = tmp_path / "mobile.safetensors"
    save_weights(MattingNetwork("mobilenetv2").eval(), weights)
    result = export_model(tmp_path / "mobile.pt", weights=weights)
    assert result.difference < 1e-4
    assert 'modelId "Howard mobile"' in result.script.read_text()


def test_the_script_makes_a_cat_file_of_it(exported: Path) -> None:
    text = exported.with_suffix(".cat.nk").read_text()
    assert f"torchScriptFile {exported}\n" in text
    assert f"catFile {exported.with_suffix('.cat')}\n" in text
    channels_in, channels_out = (
        re.search(rf" {name} (\S+)", text)[1].split(",") for name in ("channelsIn", "channelsOut")
    )
    assert (len(channels_in), len(channels_out)) == (6, 10)
    for channels in (channels_in, channels_out):
        assert len(set(channels)) == len(channels)
        assert set(channels) <= set(CHANNELS.split())
    # Braces and quotes are balanced, as Tcl wants them.
    bare = re.sub(r'"(\\.|[^"\\])*"', "", text)
    assert bare.count("{") == bare.count("}")
    assert '"' not in bare


def test_the_scripts_knobs_are_the_models_attributes(exported: Path, model: Any) -> None:
    text = exported.with_suffix(".cat.nk").read_text()
    kinds = {name: int(kind) for kind, name in re.findall(r"addUserKnob \{(\d+) (\w+) l ", text)}
    types = {3: int, 4: int, 6: bool, 7: float}
    for name, kind in kinds.items():
        assert type(getattr(model, name)) is types[kind]
    # All of the node's knobs that mean something without files, other frames and a second network.
    without = {"align", "match_exposure", "weights", "device", "precision", "steadiness", "unmix"}
    assert {name for name in kinds if not name.endswith("_automatic")} == {
        one.name for one in KNOBS
    } - without
    for knob in KNOBS:
        if knob.name in kinds and knob.choices:
            assert knob.choices[getattr(model, knob.name)].value == knob.default


def test_a_path_with_blanks_and_brackets(tmp_path: Path) -> None:
    path = tmp_path / "my [new] $shot" / "howard.pt"
    path.parent.mkdir()
    text = export.nuke_script(
        path, "a b", export.InferenceModel(load_weights(fused=False), [1.0] * 9, [1.0] * 9, [])
    )
    assert f'"{path.parent.parent.as_posix()}/my \\[new\\] \\$shot/howard.pt"' in text


def test_old_hosts_know_what_it_is_made_of(exported: Path) -> None:
    with zipfile.ZipFile(exported) as archive:
        code = {n: archive.read(n).decode() for n in archive.namelist() if n.endswith(".py")}
        version = next(archive.read(n) for n in archive.namelist() if n.endswith("/version"))
    text = "\n".join(code.values())
    assert int(version) <= 4  # torch 1.6 reads up to 5
    assert set(re.findall(r"\btorch\.(\w+)\(", text)) <= set(OPERATORS.split())
    assert "NoneType" not in text
    assert not re.search(r"torch\.slice\([^()]*None", text)
    assert not any("torch/nn/functional" in name for name in code)


def test_where_it_comes_from_is_in_the_file(exported: Path) -> None:
    files = {"howard.json": ""}
    torch.jit.load(exported, _extra_files=files)
    about = json.loads(files["howard.json"])
    assert about["weights"] == "default"
    assert about["colorspace"] == ColorConfig.load().space("lin_rec709_scene")


def test_a_model_that_differs_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = export._scripted

    def spoilt(model: Any) -> Any:
        model.refiner.conv4.bias[0] += 0.01
        return real(model)

    monkeypatch.setattr(export, "_scripted", spoilt)
    with pytest.raises(
        WriteError,
        match=r"differs from the node by \d+\.\d+ \(at most 0\.0001 is allowed\); nothing was written",
    ):
        export_model(tmp_path / "howard.pt")
    assert list(tmp_path.iterdir()) == []


def test_files_that_are_there_stay(tmp_path: Path) -> None:
    (tmp_path / "howard.cat.nk").write_text("mine")
    with pytest.raises(InputError, match="already exists"):
        export_model(tmp_path / "howard.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["howard.cat.nk"]


def test_files_that_are_there_are_replaced_where_asked(tmp_path: Path) -> None:
    for name in ("howard.cat.nk", "howard.pt"):
        (tmp_path / name).write_text("old")
    export_model(tmp_path / "howard.pt", overwrite=True)
    assert "CatFileCreator" in (tmp_path / "howard.cat.nk").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["howard.cat.nk", "howard.pt"]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"path": "howard.onnx"}, ".pt"),
        ({"weights": "wieghts"}, "no weights named"),
        ({"colorspace": "logc3"}, "not scene-linear"),
        ({"colorspace": "acescgg"}, "did you mean|Did you mean"),
    ],
)
def test_wrong_arguments(tmp_path: Path, arguments: dict[str, Any], match: str) -> None:
    path = tmp_path / arguments.pop("path", "howard.pt")
    with pytest.raises(InputError, match=match):
        export_model(path, **arguments)
    assert list(tmp_path.iterdir()) == []


def test_channels_of_the_input_are_plate_then_clean_plate(model: Any) -> None:
    assert CHANNELS_IN[:3] == ("rgba.red", "rgba.green", "rgba.blue")
    plate, clean = disc_over_gradient(1)[0], gradient()
    with torch.no_grad():
        assert float(model(stacked(plate, clean))[:, 3].max()) == 1.0
        assert float(model(stacked(clean, clean))[:, 3].max()) < 0.1
