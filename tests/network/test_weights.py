from __future__ import annotations

import os
import pickle
import stat
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from howard_nodes.errors import WeightsError, WriteError
from howard_nodes.network import (
    MattingNetwork,
    describe_weights,
    import_checkpoint,
    list_weights,
    load_weights,
    save_weights,
    user_weights_folder,
)
from howard_nodes.network import weights as weights_module


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder of our own, and no shipped weights but what a test puts there."""
    monkeypatch.setenv("HOWARD_WEIGHTS", str(tmp_path / "user"))
    monkeypatch.setattr(weights_module, "shipped_weights_folder", lambda: tmp_path / "shipped")
    return tmp_path


@pytest.fixture(scope="module")
def lite0() -> MattingNetwork:
    torch.manual_seed(4)
    return MattingNetwork("lite0", backbone_scale=0.125, refiner_widths=(8, 12, 4)).eval()


def same_state(found: nn.Module, expected: dict[str, Tensor]) -> None:
    state = found.state_dict()
    assert state.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(state[name], value.to(state[name].dtype)), name


def test_save_and_load(lite0: MattingNetwork, tmp_path: Path) -> None:
    path = tmp_path / "folder" / "größe 1.safetensors"
    lite0.quiet_error = 0.03
    save_weights(lite0, path, {"commit": "abc"})
    network = load_weights(path, fused=False)
    same_state(network, lite0.state_dict())
    assert network.backbone_scale == 0.125
    assert network.quiet_error == network.prepared().quiet_error == 0.03
    assert not network.training
    assert all(parameter.requires_grad for parameter in network.parameters())
    info = describe_weights(path)
    assert (info.backbone, info.features, info.refiner_widths) == ("lite0", 16, (8, 12, 4))
    assert info.metadata["commit"] == "abc"
    assert info.parameters > 1_000_000
    assert info.size == path.stat().st_size
    assert [child.name for child in path.parent.iterdir()] == [path.name]
    assert stat.S_IMODE(path.stat().st_mode) & 0o044 == 0o044 & ~umask()


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_loaded_for_inference_by_default(lite0: MattingNetwork, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_weights(lite0, path)
    network = load_weights(str(path))
    assert network.folded
    plate, clean = torch.rand(2, 1, 3, 32, 48)
    torch.testing.assert_close(
        network.coarse(plate, clean).alpha, lite0.coarse(plate, clean).alpha, rtol=0, atol=1e-5
    )
    with pytest.raises(WeightsError, match="fused=False"):
        save_weights(network, tmp_path / "again.safetensors")


def test_names(lite0: MattingNetwork, folders: Path) -> None:
    assert list_weights() == []
    with pytest.raises(WeightsError, match=r"default weights are missing.*reinstall Howard"):
        load_weights()
    save_weights(lite0, folders / "shipped" / "howard-lite0.safetensors")
    save_weights(lite0, folders / "user" / "mine.safetensors")
    (folders / "user" / "broken.safetensors").write_bytes(b"not weights")
    listed = {info.name: info for info in list_weights()}
    assert list(listed) == ["default", "broken", "mine"]
    assert listed["broken"].backbone is None
    assert "damaged" in str(listed["broken"].problem)
    assert listed["mine"].problem is None
    for name in (None, "default", "howard-lite0", "mine"):
        assert load_weights(name).backbone_name == "lite0"
    assert describe_weights().name == "default"
    assert describe_weights(folders / "user" / "mine.safetensors").name == "mine"
    with pytest.raises(
        WeightsError, match=r"no weights named 'mime'\. Did you mean 'mine'\?.*default, broken"
    ):
        load_weights("mime")


def test_the_users_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert user_weights_folder() == tmp_path / "user"
    monkeypatch.delenv("HOWARD_WEIGHTS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert user_weights_folder() == tmp_path / "data" / "howard" / "weights"


@pytest.mark.parametrize("content", [b"", b"garbage" * 100, None])
def test_unreadable_files_are_named(content: bytes | None, lite0: MattingNetwork, tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    if content is None:
        save_weights(lite0, path)
        content = path.read_bytes()[:-1000]
    path.write_bytes(content)
    for function in (load_weights, describe_weights):
        with pytest.raises(WeightsError, match=r"bad\.safetensors: cannot be read as weights .*damaged"):
            function(path)


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.safetensors: no such weights file"):
        load_weights(tmp_path / "none.safetensors")
    other = tmp_path / "other.safetensors"
    save_file({"layer.weight": torch.zeros(2)}, other)
    with pytest.raises(WeightsError, match=r"other\.safetensors: not weights .* 1 tensors: layer\.w"):
        load_weights(other)
    pth = tmp_path / "net.pth"
    torch.save({"a": torch.zeros(2)}, pth)
    with pytest.raises(WeightsError, match="howard weights import"):
        load_weights(pth)


def changed(state: dict[str, Tensor], kind: str) -> dict[str, Tensor]:
    state = {name: value.clone() for name, value in state.items()}
    if kind == "lacks":
        del state["lite0.head.bias"]
    elif kind == "unknown":
        state["lite0.more"] = torch.zeros(1)
    elif kind == "shapes":
        state["lite0.head.bias"] = torch.zeros(3)
    elif kind == "NaN":
        state["lite0.head.bias"][0] = float("nan")
    else:
        state = {name: value for name, value in state.items() if not name.startswith("refiner")}
    return state


@pytest.mark.parametrize("kind", ["lacks", "unknown", "shapes", "NaN", "without a refiner"])
def test_weights_that_do_not_fit(kind: str, lite0: MattingNetwork, tmp_path: Path) -> None:
    path = tmp_path / "odd.safetensors"
    save_file(changed(lite0.state_dict(), kind), path)
    with pytest.raises(WeightsError, match=rf"odd\.safetensors: .*{kind}"):
        load_weights(path)


def test_a_folder_that_cannot_be_written(lite0: MattingNetwork, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WriteError, match=r"w\.safetensors: cannot be written"):
        save_weights(lite0, tmp_path / "file" / "w.safetensors")


@pytest.mark.parametrize("kind", ["plain", "legacy", "data-parallel", "nested", "no counters", "half"])
def test_import_of_the_authors_pth(
    kind: str, reference_network: Callable[[str], nn.Module], tmp_path: Path
) -> None:
    state = reference_network("mobilenetv2").state_dict()
    content: Any = dict(state)
    if kind == "data-parallel":
        content = {f"module.{name}": value for name, value in state.items()}
    elif kind == "nested":
        content = {"epoch": 3, "state_dict": state}
    elif kind == "no counters":
        content = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    elif kind == "half":
        content = {
            name: value.half() if value.is_floating_point() else value for name, value in state.items()
        }
    source = tmp_path / "pytorch_mobilenetv2.pth"
    torch.save(content, source, _use_new_zipfile_serialization=kind != "legacy")
    info = import_checkpoint(source)
    assert info.name == "pytorch_mobilenetv2"
    assert info.path == tmp_path / "user" / "pytorch_mobilenetv2.safetensors"
    assert (info.backbone, info.features, info.refiner_widths) == ("mobilenetv2", 32, (24, 16, 12))
    assert info.metadata["imported_from"] == source.name
    assert info.metadata["imported_precision"] == ("float16" if kind == "half" else "float32")
    expected = dict(state)
    if kind in ("no counters", "half"):
        for name, value in state.items():
            if name.endswith("num_batches_tracked"):
                expected[name] = torch.zeros_like(value) if kind == "no counters" else value
            elif kind == "half":
                expected[name] = value.half()
    same_state(load_weights("pytorch_mobilenetv2", fused=False), expected)


@pytest.mark.parametrize("backbone", ["resnet50", "resnet101"])
def test_import_tells_the_backbone(backbone: str, reference: Any, tmp_path: Path) -> None:
    source = tmp_path / "model.pth"
    network = reference.MattingRefine(backbone)
    torch.save(network.state_dict(), source)
    assert import_checkpoint(source, tmp_path / "out.safetensors").backbone == backbone
    same_state(load_weights(tmp_path / "out.safetensors", fused=False), network.state_dict())


@pytest.fixture(scope="module")
def scripted(
    reference_network: Callable[[str], nn.Module],
    torchvision_operators: torch.library.Library,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    # Named in a branch of the reference that is compiled, never taken.
    torchvision_operators.define(
        "roi_align(Tensor input, Tensor rois, float spatial_scale, int pooled_height, int pooled_width, "
        "int sampling_ratio, bool aligned) -> Tensor"
    )
    path = tmp_path_factory.mktemp("script") / "torchscript_mobilenetv2_fp32.pth"
    with warnings.catch_warnings():
        # The authors' files are TorchScript, deprecated or not.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.script(reference_network("mobilenetv2")).save(str(path))
    return path


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_import_of_the_authors_torchscript(
    precision: str, scripted: Path, reference_network: Callable[[str], nn.Module], tmp_path: Path
) -> None:
    expected = reference_network("mobilenetv2").state_dict()
    source = scripted
    if precision == "fp16":
        source = tmp_path / "half.pth"
        torch.jit.load(str(scripted)).half().save(str(source))
        expected = {n: v.half() if v.is_floating_point() else v for n, v in expected.items()}
    info = import_checkpoint(source, tmp_path / "out.safetensors")
    assert info.backbone == "mobilenetv2"
    assert info.metadata["imported_precision"] == ("float16" if precision == "fp16" else "float32")
    same_state(load_weights(info.path, fused=False), expected)
    assert load_file(info.path)["refiner.conv1.weight"].dtype == torch.float32


class Touch:
    """Pickles to a call that leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol:UserWarning")
@pytest.mark.parametrize("kind", ["zip", "legacy", "bare pickle"])
def test_a_pickle_that_would_run_code_is_refused(kind: str, tmp_path: Path) -> None:
    source, trace = tmp_path / "evil.pth", tmp_path / "trace"
    content = {"backbone.features.0.0.weight": Touch(trace)}
    if kind == "bare pickle":
        source.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, source, _use_new_zipfile_serialization=kind == "zip")
    with pytest.raises(WeightsError, match=r"evil\.pth: refused"):
        import_checkpoint(source, tmp_path / "out.safetensors")
    assert not trace.exists()
    assert not (tmp_path / "out.safetensors").exists()


def test_a_torchscript_file_that_would_run_code_is_refused(scripted: Path, tmp_path: Path) -> None:
    source, trace = tmp_path / "evil.pth", tmp_path / "trace"
    with zipfile.ZipFile(scripted) as good, zipfile.ZipFile(source, "w") as evil:
        for name in good.namelist():
            content = pickle.dumps(Touch(trace), 2) if name.endswith("/data.pkl") else good.read(name)
            evil.writestr(name, content)
    with pytest.raises(WeightsError, match=r"evil\.pth: refused: .*would run code \(it asks for"):
        import_checkpoint(source, tmp_path / "out.safetensors")
    assert not trace.exists()


@pytest.mark.parametrize("keep", [0, 10, 5000, 0.5, 0.99])
@pytest.mark.parametrize("script", [True, False])
def test_damaged_checkpoints_are_named(
    keep: float, script: bool, scripted: Path, reference_network: Callable[[str], nn.Module], tmp_path: Path
) -> None:
    whole = scripted
    if not script:
        whole = tmp_path / "whole.pth"
        torch.save(reference_network("mobilenetv2").state_dict(), whole)
    content = whole.read_bytes()
    source = tmp_path / "cut.pth"
    source.write_bytes(content[: int(keep * len(content)) if 0 < keep < 1 else int(keep)])
    with pytest.raises(WeightsError, match=r"cut\.pth: (cannot be read|refused)"):
        import_checkpoint(source, tmp_path / "out.safetensors")


def test_a_torchscript_file_with_missing_numbers(scripted: Path, tmp_path: Path) -> None:
    source = tmp_path / "short.pth"
    with zipfile.ZipFile(scripted) as good, zipfile.ZipFile(source, "w") as short:
        for name in good.namelist():
            content = good.read(name)
            short.writestr(name, content[: len(content) // 2] if "/data/" in name else content)
    with pytest.raises(WeightsError, match=r"short\.pth: .*cut off"):
        import_checkpoint(source, tmp_path / "out.safetensors")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "holds a list, not a state dict"),
        ({}, "holds a dict, not a state dict"),
        ({"a": 1}, "a is not a plain tensor"),
        ({"a": torch.zeros(1)}, "not weights of lite0"),
    ],
)
def test_checkpoints_of_something_else(content: Any, message: str, tmp_path: Path) -> None:
    source = tmp_path / "else.pth"
    torch.save(content, source)
    with pytest.raises(WeightsError, match=rf"else\.pth: .*{message}"):
        import_checkpoint(source, tmp_path / "out.safetensors")


def test_import_keeps_what_is_there(lite0: MattingNetwork, tmp_path: Path) -> None:
    source, target = tmp_path / "a.pth", tmp_path / "a.safetensors"
    torch.save(lite0.state_dict(), source)
    assert import_checkpoint(source, target).backbone == "lite0"
    with pytest.raises(WeightsError, match="already exists"):
        import_checkpoint(source, target)
    import_checkpoint(source, target, overwrite=True)
    with pytest.raises(WeightsError, match=r"must end in \.safetensors"):
        import_checkpoint(source, tmp_path / "a.pt")
    with pytest.raises(WeightsError, match="no such file"):
        import_checkpoint(tmp_path / "none.pth", tmp_path / "b.safetensors")
