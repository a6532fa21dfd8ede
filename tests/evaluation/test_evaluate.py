from __future__ import annotations

import json
import math
import re
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from howard_nodes.errors import InputError
from howard_nodes.evaluation.cases import Truth, find_cases, write_case
from howard_nodes.evaluation.evaluate import evaluate, label
from howard_nodes.evaluation.limit import LIMIT
from howard_nodes.evaluation.metrics import mad
from howard_nodes.evaluation.report import ReportPage
from howard_nodes.evaluation.rivals import RIVALS
from howard_nodes.evaluation.scores import Evaluation, Score
from howard_nodes.network import MattingNetwork, save_weights
from howard_nodes.node import HowardMatte

_HEIGHT, _WIDTH = 72, 128


def _picture(step: int) -> tuple[np.ndarray, np.ndarray, Truth]:
    """A white square over a textured place: plate, clean plate and truth."""
    rng = np.random.default_rng(8)
    clean = (0.15 + 0.1 * rng.random((9, 16, 3), np.float32)).repeat(8, 0).repeat(8, 1)
    alpha = np.zeros((_HEIGHT, _WIDTH), np.float32)
    alpha[24:56, 40 + 4 * step : 72 + 4 * step] = 1
    white = np.full_like(clean, 0.9)
    return alpha[..., None] * white + (1 - alpha[..., None]) * clean, clean, Truth(white, alpha)


@pytest.fixture(scope="module")
def cases(tmp_path_factory) -> Path:
    """A set of three: a still, an empty place and a sequence."""
    root = tmp_path_factory.mktemp("set")
    plate, clean, truth = _picture(0)
    write_case(root / "square", kind="plain", made="rendered", plates=[plate], cleans=[clean], truths=[truth])
    nobody = Truth(clean, np.zeros_like(truth.alpha))
    write_case(
        root / "nobody", kind="no subject", made="scene", plates=[clean], cleans=[clean], truths=[nobody]
    )
    shot = [_picture(step) for step in range(3)]
    write_case(
        root / "moves",
        kind="static sequence",
        made="drawn",
        plates=[plate for plate, _, _ in shot],
        cleans=[clean],
        truths=[truth for _, _, truth in shot],
        stills=[plate, plate],
    )
    return root


@pytest.fixture(scope="module")
def measured(cases, tmp_path_factory):
    page = ReportPage(tmp_path_factory.mktemp("report") / "page")
    steps: list[str] = []
    result = evaluate(find_cases([cases]), device="cpu", on_step=steps.append, on_pictures=page.add)
    page.write(result)
    return result, page.folder, steps


def _score(result, case: str, method: str):
    return next(score for score in result.scores if score.case == case and score.method == method)


def test_weights_get_what_the_node_gives(measured, cases):
    result, _, _ = measured
    node = HowardMatte(device="cpu")
    inputs = {
        "plate": str(cases / "square/plate.####.exr"),
        "clean_plate": str(cases / "square/clean.0001.exr"),
    }
    outputs = node.evaluate(1, inputs, fit=node.fit((1,), inputs))
    truth = _picture(0)[2]
    values = _score(result, "square", "howard-lite0").values
    assert values["mad"] == pytest.approx(1000 * np.abs(outputs["alpha"] - truth.alpha).mean(), rel=1e-5)
    assert values["mad_coarse"] == pytest.approx(mad(outputs["coarse_matte"], truth.alpha), rel=1e-5)
    seen = truth.alpha > 0.05
    white = np.float32(np.float16(0.9))  # as its file holds it
    light = np.square((outputs["foreground"][seen] - white) * truth.alpha[seen][:, None]).mean()
    assert values["foreground_mse"] == pytest.approx(1000 * light, rel=1e-2)
    parts = [values[name] for name in ("mad_in_band", "mad_holes", "mad_ghosts")]
    assert sum(parts) == pytest.approx(values["mad"], rel=1e-5)
    assert math.isnan(values["dtssd"])
    assert values["seconds"] > 0


def test_a_perfect_matte_scores_0(measured):
    # White over a dull place is no puzzle for a difference key at its best.
    result, _, _ = measured
    for case in ("square", "nobody", "moves"):
        values = _score(result, case, "difference key").values
        for measure in ("mad", "mse", "grad", "conn", "mad_in_band", "mad_holes", "mad_ghosts"):
            assert values[measure] == 0, (case, measure)
    assert _score(result, "moves", "difference key").values["dtssd"] == 0


def test_sequences_are_measured_over_time(measured):
    result, _, _ = measured
    values = _score(result, "moves", "howard-lite0").values
    truths = np.stack([_picture(step)[2].alpha for step in range(3)])
    expected = 100 * np.sqrt(np.square(np.diff(truths, axis=0)).mean(axis=(1, 2))).mean()
    assert values["true_change"] == pytest.approx(expected, rel=1e-5)
    # The same picture twice, without grain: nothing changes.
    assert values["floor"] == pytest.approx(0, abs=1e-4)
    assert values["dtssd"] >= 0


def test_one_case_with_the_sun_does_not_outweigh_all_others():
    lights = (0.5, 2.0, 9000.0)
    scores = tuple(
        Score(str(number), "plain", "scene", "a key", {"mad": light, "foreground_mse": light})
        for number, light in enumerate(lights)
    )
    found = Evaluation(("a key",), scores, {}, {})
    assert found.average("a key", "foreground_mse") == 2.0
    assert found.average("a key", "mad") == pytest.approx(np.mean(lights))


def test_means_are_over_cases_of_a_kind_or_group(measured):
    result, _, steps = measured
    method = result.methods[0]
    one, other = (_score(result, case, method).values["mad"] for case in ("square", "nobody"))
    assert result.average(method, "mad", group="rendered") == pytest.approx((one + other) / 2)
    assert result.average(method, "mad", kind="no subject") == pytest.approx(other)
    assert math.isnan(result.average(method, "mad_unknown", kind="no subject"))
    assert result.kinds() == ("plain", "no subject", "static sequence")
    assert result.groups() == ("rendered", "drawn")
    assert result.count(group="rendered") == 2
    assert result.methods[1:] == tuple(rival.name for rival in RIVALS)
    assert len(steps) == 3 * (1 + len(RIVALS))


def test_the_error_map_is_looked_at_on_first_frames(measured, cases):
    result, _, _ = measured
    (found,) = result.error_maps.values()
    assert sum(found.full.count) == 3 * _HEIGHT * _WIDTH
    assert sum(found.coarse.count) == 3 * (_HEIGHT // 2) * (_WIDTH // 2)
    inputs = {name: str(cases / f"moves/{name[:5]}.0001.exr") for name in ("plate", "clean_plate")}
    first = mad(HowardMatte(device="cpu").evaluate(1, inputs)["coarse_matte"], _picture(0)[2].alpha)
    square, nobody = (
        _score(result, case, "howard-lite0").values["mad_coarse"] for case in ("square", "nobody")
    )
    refining = found.refining
    assert refining.nothing == pytest.approx((square + nobody + first) / 3, rel=0.05)
    assert len({refining.everything, refining.tenth, refining.random, refining.best}) == 4


def test_the_document_is_json(measured):
    document = json.loads(json.dumps(measured[0].document(), allow_nan=False))
    assert document["cases"] == 3
    assert document["summary"]["difference key"]["plain"]["mad"] == 0
    assert document["summary"]["difference key"]["no subject"]["mad_unknown"] is None
    assert set(document["rivals"]) == {rival.name for rival in RIVALS}


def test_the_page_needs_nothing_from_elsewhere_and_shows_the_worst_first(measured):
    result, folder, _ = measured
    page = (folder / "index.html").read_text()
    assert not re.search(r"https?://|<script|<link", page)
    pictures = re.findall(r'<img src="([^"]+)"', page)
    assert len(pictures) >= 3 * (3 + 5 + 2 * len(RIVALS))
    for picture in pictures:
        assert (folder / unquote(unescape(picture))).is_file()
    order = sorted(
        ("square", "nobody", "moves"), key=lambda case: -_score(result, case, result.methods[0]).values["mad"]
    )
    places = [page.index(f"<h3>{case}:") for case in order]
    assert places == sorted(places)
    assert json.loads((folder / "results.json").read_text())["cases"] == 3


def test_the_authors_architecture_runs_and_is_named(cases, random_weights, tmp_path):
    file = tmp_path / "same-budget.safetensors"
    save_weights(MattingNetwork("mobilenetv2").eval(), file, {})
    both = (str(random_weights), str(file))
    result = evaluate(find_cases([cases / "square"]), both, rivals=False, device="cpu")
    assert result.methods == ("random (lite0)", "same-budget (mobilenetv2)")
    assert set(result.error_maps) == set(result.methods)
    assert not result.knobs


def test_weights_of_one_name_are_told_apart_by_their_folder(random_weights, tmp_path):
    (tmp_path / "joint").mkdir()
    other = tmp_path / "joint" / random_weights.name
    other.write_bytes(random_weights.read_bytes())
    assert label(str(other), (str(random_weights), str(other))) == "joint/random (lite0)"
    assert label(None) == "howard-lite0"


def test_the_same_weights_twice_are_refused(cases):
    with pytest.raises(InputError, match="howard-lite0: these weights are named twice"):
        evaluate(find_cases([cases]), (None, None), rivals=False)


def test_the_limit_stands_beside_the_first_weights(cases, tmp_path):
    page = ReportPage(tmp_path / "page")
    found = evaluate(find_cases([cases]), rivals=False, limit=True, on_pictures=page.add)
    page.write(found)
    pictures = re.findall(r'<img src="([^"]+)"', (page.folder / "index.html").read_text())
    assert any("limit" in picture for picture in pictures)
    assert all((page.folder / unquote(unescape(picture))).is_file() for picture in pictures)
    assert found.methods == (label(None), LIMIT)
    assert found.average(LIMIT, "mad") <= found.average(label(None), "mad")
    assert found.average(LIMIT, "dtssd") >= 0
    assert math.isnan(found.average(LIMIT, "fringe"))
