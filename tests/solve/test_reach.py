from __future__ import annotations

import numpy as np
import pytest

from howard_nodes.solve import alpha_limit


@pytest.fixture
def missing() -> np.ndarray:
    mask = np.zeros((60, 80), bool)
    mask[54:] = True
    return mask


def test_what_is_seen_nowhere_else_is_not_there(missing):
    assert not alpha_limit(missing.astype(np.float32), missing).any()


def test_a_subject_goes_on_where_the_clean_plate_ends(missing):
    alpha = np.zeros((60, 80), np.float32)
    alpha[20:, 30:40] = 0.8
    limit = alpha_limit(alpha, missing)
    assert (limit[54:, 30:40] >= 0.8).all()
    # It may spread out below, by twice the way or so, and no farther.
    assert limit[59, 22] == pytest.approx(0.8)
    assert not limit[54:, :14].any()
    assert not limit[54:, 56:].any()


def test_a_known_matte_is_never_limited_below_itself(missing):
    alpha = np.random.default_rng(1).random((60, 80), np.float32)
    assert (alpha_limit(alpha, missing)[:54] >= alpha[:54]).all()


def test_far_from_what_is_known_nothing_is_said():
    missing = np.zeros((60, 80), bool)
    missing[:, 20:] = True
    limit = alpha_limit(np.zeros((60, 80), np.float32), missing)
    assert not limit[:, 20:40].any()
    assert (limit[:, 50:] == 1).all()
    assert (alpha_limit(np.ones((9, 9), np.float32), np.ones((9, 9), bool)) == 1).all()
