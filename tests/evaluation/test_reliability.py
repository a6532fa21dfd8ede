from __future__ import annotations

import math

import numpy as np
import pytest

from howard_nodes.evaluation.reliability import Calibration, Refining


def test_an_honest_map_is_on_the_diagonal():
    error = np.random.default_rng(1).random((40, 50))
    calibration = Calibration()
    calibration.add(error, error)
    found = calibration.result()
    assert found.calibration_error == pytest.approx(0, abs=1e-9)
    assert found.rank_correlation == pytest.approx(1)
    assert sum(found.count) == error.size
    np.testing.assert_allclose(found.predicted, found.true)


def test_a_map_that_says_too_much_is_off_by_that():
    calibration = Calibration()
    calibration.add(np.array([0.3, 0.3]), np.array([0.0, 0.2]))
    calibration.add(np.array([0.8, 0.8]), np.array([0.8, 0.8]))
    found = calibration.result()
    assert found.calibration_error == pytest.approx(1000 * 0.2 / 2)
    assert [count for count in found.count if count] == [2, 2]
    assert sum(math.isnan(value) for value in found.true) == 18


def test_ranks_do_not_care_how_much_and_share_ties():
    predicted = np.linspace(0, 0.5, 100)
    calibration = Calibration()
    calibration.add(predicted, predicted**3)
    assert calibration.result().rank_correlation == pytest.approx(1)
    calibration = Calibration()
    calibration.add(np.array([0.1, 0.1, 0.2, 0.3]), np.array([0.1, 0.2, 0.3, 0.4]))
    # Ranks 1.5 1.5 3 4 and 1 2 3 4, by hand.
    assert calibration.result().rank_correlation == pytest.approx(4.5 / math.sqrt(4.5 * 5))
    calibration.add(np.full(4, 0.2), np.full(4, 0.3))
    constant = Calibration()
    constant.add(np.zeros(5), np.arange(5) / 5)
    assert math.isnan(constant.result().rank_correlation)


def test_what_a_tenth_wins():
    assert Refining(10.0, 5.0, 6.0, 9.0, 5.5).won == pytest.approx(0.8)
    assert math.isnan(Refining(10.0, 10.0, 9.0, 10.0, 10.0).won)
