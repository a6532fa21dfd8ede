"""Several looks at one frame: what most of them say holds, and nobody else's colours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from howard_nodes.engine.agreement import agreed
from howard_nodes.engine.results import Prediction

_SIZE = (4, 6)


def prediction(
    alpha: float, color: float, doubt: float | None = 0.1, region: float | None = 0.0
) -> Prediction:
    def filled(value: float) -> np.ndarray:
        return np.full(_SIZE, value, np.float32)

    return Prediction(
        alpha=filled(alpha),
        encoded=np.full((*_SIZE, 3), color, np.float32),
        coarse=filled(alpha),
        error=filled(0.0),
        doubted=filled(0.0),
        doubt=None if doubt is None else filled(doubt),
        region=None if region is None else filled(region),
        features=np.zeros((1, 2, 3), np.float32),
        exposure=0.0,
        limit=None,
    )


def together(predictions: list[Prediction]) -> Prediction:
    return agreed(predictions, lambda one: one)


def test_one_look_is_all_there_is():
    one = prediction(0.3, 0.5)
    assert together([one]) is one


def test_most_looks_are_right_and_the_others_tell_nothing_of_the_foreground():
    found = together(
        [prediction(0.9, 0.7, 0.2), prediction(0.1, 0.0, 0.9, region=1.0), prediction(0.9, 0.5, 0.4)]
    )
    np.testing.assert_allclose(found.alpha, 0.9)
    np.testing.assert_allclose(found.encoded, 0.6, atol=1e-5)
    np.testing.assert_allclose(found.doubt, 0.3, atol=1e-6)
    np.testing.assert_array_equal(found.region, 1)


@given(
    st.lists(st.floats(0, 1), min_size=3, max_size=5).filter(lambda x: len(x) % 2 == 1),
    st.floats(-1e-3, 1e-3),
)
def test_a_little_more_of_one_look_changes_the_result_a_little(alphas, more):
    """No frame of a shot jumps because another look is in the middle now."""
    colors = np.linspace(0, 1, len(alphas))
    first = together([prediction(a, c) for a, c in zip(alphas, colors, strict=True)])
    moved = [alphas[0] + more, *alphas[1:]]
    second = together([prediction(a, c) for a, c in zip(moved, colors, strict=True)])
    assert np.abs(first.alpha - second.alpha).max() <= 1.1e-3
    assert np.abs(first.encoded - second.encoded).max() < 0.05
    assert 0 <= first.encoded.min() <= first.encoded.max() <= 1


@pytest.mark.parametrize("missing", ["doubt", "region"])
def test_a_layer_that_nobody_asked_for_stays_away(missing):
    found = together([prediction(a, 0.5, **{missing: None}) for a in (0.1, 0.2, 0.3)])
    assert getattr(found, missing) is None
