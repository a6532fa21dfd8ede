from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from howard_nodes.network import LEAST_ERROR, calibrated


@given(st.floats(0.001, 0.2), st.lists(st.floats(-1, 2), min_size=2, max_size=20))
def test_a_calibrated_error_says_nothing_up_to_a_value_and_the_same_from_five_times_that(quiet, values):
    error = torch.tensor(sorted(values), dtype=torch.float64)
    found = calibrated(error, quiet)
    assert (found[error <= quiet] == LEAST_ERROR).all()
    assert torch.equal(found[error >= 5 * quiet], error[error >= 5 * quiet].clamp(0, 1))
    assert (found <= error.clamp(LEAST_ERROR, 1)).all()
    # No step, and what is more in doubt stays so.
    assert (found.diff() >= 0).all()
    assert (found.diff() <= 1.26 * error.diff() + 1e-9).all()


def test_without_such_a_value_an_error_is_what_it_was():
    error = torch.linspace(-0.5, 1.5, 41)
    assert torch.equal(calibrated(error, 0.0), error.clamp(0, 1))
