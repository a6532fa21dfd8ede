from __future__ import annotations

import json

import pytest


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """A set made as a user makes it, cut down to two cases."""
    from howard_nodes.evaluation.composing import compose_cases
    from howard_nodes.evaluation.stock import read_stock

    folder = tmp_path_factory.mktemp("cases")
    kinds = ("plain", "no subject")
    list(compose_cases(folder, read_stock(None, None), count=1, seed=1, height=180, kinds=kinds))
    return folder


def test_evaluate_prints_tables(howard, weights, cases, tmp_path):
    ended = howard("evaluate", cases, "--weights", weights, "--device", "cpu", "--report", tmp_path / "page")
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    assert lines[0] == "drawn: 2 cases"
    assert any(line.startswith("difference key") for line in lines)
    assert any(line.startswith("no subject (1)") for line in lines)
    assert any("calibration error" in line for line in lines)
    assert lines[-1] == f"report: {tmp_path / 'page' / 'index.html'}"
    assert (tmp_path / "page" / "index.html").is_file()


def test_evaluate_prints_json(howard, weights, cases):
    ended = howard("evaluate", cases, "--weights", weights, "--no-rivals", "--device", "cpu", "--json")
    assert ended.code == 0, ended.err
    measured = json.loads(ended.out)
    assert measured["cases"] == 2
    (summary,) = measured["summary"].values()
    assert summary["drawn"]["mad"] > 0


def test_evaluate_wrong_input(howard, weights, cases, tmp_path):
    ended = howard("evaluate", tmp_path)
    assert ended.code == 2
    assert "howard cases" in ended.err
    assert howard("evaluate", cases, "--weights", tmp_path / "none.safetensors").code == 2
    (cases / "drawn_plain_01" / "truth.0001.exr").rename(tmp_path / "kept.exr")
    ended = howard("evaluate", cases, "--weights", weights)
    (tmp_path / "kept.exr").rename(cases / "drawn_plain_01" / "truth.0001.exr")
    assert ended.code == 1
    assert "truth.0001.exr, frame 1" in ended.err


def test_cases_are_made_once(howard, tmp_path):
    for told in ("12 cases made, 0 already there", "0 cases made, 12 already there"):
        ended = howard("cases", "-o", tmp_path / "set", "--count", "1", "--size", "180")
        assert ended.code == 0, ended.err
        assert told in ended.out
    assert howard("cases", "-o", tmp_path / "set", "--pictures", tmp_path / "none").code == 2
