from __future__ import annotations

import numpy as np
import pytest

from howard_nodes.training.metrics import difference_key, dtssd, grad, mad, mse, unknown_band


@pytest.fixture
def matte() -> np.ndarray:
    alpha = np.zeros((40, 60), np.float32)
    alpha[:, 30:] = 1
    alpha[:, 29] = 0.5
    return alpha


def test_a_perfect_matte_has_no_error(matte):
    assert mad(matte, matte) == mse(matte, matte) == grad(matte, matte) == 0


def test_known_answers(matte):
    assert mad(matte + 0.1, matte) == pytest.approx(100, rel=1e-5)
    assert mse(matte + 0.1, matte) == pytest.approx(10, rel=1e-5)
    where = np.zeros(matte.shape, bool)
    where[0] = True
    assert mad(np.where(where, matte + 0.2, matte), matte, where) == pytest.approx(200, rel=1e-5)


def test_grad_sees_a_lost_edge_but_no_constant(matte):
    assert grad(matte + 0.1, matte) == pytest.approx(0, abs=1e-6)
    assert grad(np.zeros_like(matte), matte) > 0.005


def test_flicker_is_seen_and_constant_error_is_not(matte):
    truths = np.stack([matte] * 4)
    assert dtssd(truths + 0.1, truths) == pytest.approx(0, abs=1e-4)
    flicker = truths + np.array([0, 0.1, 0, 0.1], np.float32)[:, None, None]
    assert dtssd(flicker, truths) == pytest.approx(10, rel=1e-4)


def test_the_unknown_band_is_around_partial_coverage(matte):
    band = unknown_band(matte, radius=5)
    assert band[:, 29].all()
    assert band[:, 24].all()
    assert not band[:, 23].any()


def test_the_key_rises_over_its_softness():
    plate = np.zeros((1, 5, 3), np.float32)
    plate[0, :, 1] = (0.0, 0.1, 0.125, 0.15, 0.5)
    key = difference_key(plate, np.zeros_like(plate), 0.1, 0.05)
    np.testing.assert_allclose(key[0], (0, 0, 0.5, 1, 1), atol=1e-6)
