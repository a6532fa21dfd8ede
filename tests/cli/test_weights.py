from __future__ import annotations

import json

import pytest
import torch

from howard_nodes.network import MattingNetwork


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A folder of weights of one's own."""
    monkeypatch.setenv("HOWARD_WEIGHTS", str(tmp_path / "mine"))
    return tmp_path / "mine"


@pytest.fixture
def checkpoint(tmp_path):
    """A checkpoint as the authors publish them: a pickled state dict."""
    path = tmp_path / "pytorch_mobilenetv2.pth"
    torch.save(MattingNetwork("mobilenetv2").state_dict(), path)
    return path


def test_import_list_show(howard, checkpoint, folder):
    ended = howard("weights", "import", checkpoint, "--name", "mobile")
    assert ended.code == 0, ended.err
    assert (folder / "mobile.safetensors").is_file()
    assert "mobilenetv2, 5." in ended.out
    listed = howard("weights", "list")
    assert listed.code == 0
    assert any(line.startswith("mobile ") and "mobilenetv2" in line for line in listed.out.splitlines())
    assert str(folder) in listed.out
    shown = json.loads(howard("weights", "show", "mobile", "--json").out)
    assert (shown["name"], shown["backbone"]) == ("mobile", "mobilenetv2")
    assert shown["metadata"]["imported_from"] == "pytorch_mobilenetv2.pth"
    names = [json.loads(line)["name"] for line in howard("weights", "list", "--json").out.splitlines()]
    assert "mobile" in names
    # A second time it would replace what is there.
    ended = howard("weights", "import", checkpoint, "--name", "mobile")
    assert ended.code == 2
    assert "already exists" in ended.err
    assert howard("weights", "import", checkpoint, "--name", "mobile", "--overwrite").code == 0


def test_import_to_a_file(howard, checkpoint, tmp_path):
    assert howard("weights", "import", checkpoint, "-o", tmp_path / "here.safetensors").code == 0
    assert (tmp_path / "here.safetensors").is_file()


def test_show_a_file(howard, weights):
    ended = howard("weights", "show", weights)
    assert ended.code == 0
    assert "lite0" in ended.out
    assert "never trained" in ended.out


def test_a_damaged_file_is_listed_as_unusable(howard, folder):
    folder.mkdir()
    (folder / "damaged.safetensors").write_bytes(b"not weights")
    ended = howard("weights", "list")
    assert ended.code == 0
    assert "unusable" in ended.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "resnet52"), "resnet52"),
        (("import", "none.pth"), "none.pth: no such file"),
        (("import", "none.pth", "--name", "a/b"), "without folders"),
        (("import", "none.pth", "--name", "a", "-o", "b.safetensors"), "either --name or --output"),
    ],
)
def test_wrong_input(howard, arguments, said):
    ended = howard("weights", *arguments)
    assert ended.code == 2
    assert said in ended.err
