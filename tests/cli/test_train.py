from __future__ import annotations

import json

from howard_nodes.network import describe_weights


def _train(howard, output, weights, *more):
    small = ("--samples", "4", "--batch", "2", "--size", "64", "--workers", "0", "--device", "cpu")
    return howard("train", "-o", output, "--init", weights, *small, *more)


def test_trains_and_exports(howard, weights, tmp_path):
    ended = _train(howard, tmp_path / "run", weights)
    assert ended.code == 0, ended.err
    path = tmp_path / "run" / "weights.safetensors"
    assert describe_weights(path).backbone == "lite0"
    assert "coarse training of lite0 on cpu" in ended.out
    assert "4/4 samples" in ended.out
    assert "coarse_alpha" in ended.out
    assert ended.out.endswith(f"weights: {path}\n")


def test_json_and_a_checkpoint_of_another_run(howard, weights, tmp_path):
    ended = _train(howard, tmp_path / "run", weights, "--json", "--stage", "joint")
    assert ended.code == 0, ended.err
    told = [json.loads(line) for line in ended.out.splitlines()]
    assert [event["event"] for event in told] == ["progress", "exported"]
    assert told[0]["samples"] == told[0]["total"] == 4
    assert "refined_alpha" in told[0]["losses"]
    ended = _train(howard, tmp_path / "run", weights, "--seed", "7")
    assert ended.code == 2
    assert "belongs to a run with other settings" in ended.err


def test_wrong_input(howard, weights, tmp_path):
    assert "no such folder" in _train(howard, tmp_path, weights, "--pictures", tmp_path / "none").err
    assert _train(howard, tmp_path, weights, "--size", "66").code == 2
    assert _train(howard, tmp_path, weights, "--stage", "fine").code == 2
    assert _train(howard, tmp_path, tmp_path / "none.safetensors").code == 2
