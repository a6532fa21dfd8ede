from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from howard_nodes.evaluation.metrics import (
    change,
    conn,
    dtssd,
    foreground_mse,
    fringe,
    grad,
    mad,
    mad_by_place,
    mad_partial,
    mse,
    unknown_band,
)

_MATTES = arrays(np.float32, (12, 16), elements=st.floats(0, 1, width=16))


@pytest.fixture
def matte() -> np.ndarray:
    alpha = np.zeros((40, 60), np.float32)
    alpha[:, 30:] = 1
    alpha[:, 29] = 0.5
    return alpha


@pytest.mark.parametrize("measure", [mad, mse, grad, conn])
@given(one=_MATTES, other=_MATTES)
@settings(max_examples=25, deadline=None)
def test_a_measure_is_0_for_the_truth_and_takes_sides_with_nobody(measure, one, other):
    assert measure(one, one) == 0
    assert measure(one, other) >= 0
    assert measure(one, other) == pytest.approx(measure(other, one), rel=1e-5, abs=1e-7)


def test_known_answers(matte):
    assert mad(matte + 0.1, matte) == pytest.approx(100, rel=1e-5)
    assert mse(matte + 0.1, matte) == pytest.approx(10, rel=1e-5)
    where = np.zeros(matte.shape, bool)
    where[0] = True
    assert mad(np.where(where, matte + 0.2, matte), matte, where) == pytest.approx(200, rel=1e-5)


def test_grad_of_a_lost_step_is_that_of_a_gaussians_derivative():
    height, width, sigma = 50, 41, 1.4
    step = np.zeros((height, width), np.float32)
    step[:, 20:] = 1
    x = np.arange(-4, 5)
    gaussian = np.exp(-(x**2) / (2 * sigma**2)) / (np.sqrt(2 * np.pi) * sigma)
    derivative = -x * gaussian / sigma**2
    kernel = np.outer(gaussian, derivative)
    kernel /= np.sqrt((kernel**2).sum())
    profile = np.convolve(np.pad(step[0], 4, mode="edge"), kernel.sum(0), mode="valid")
    assert grad(np.zeros_like(step), step) == pytest.approx(height * (profile**2).sum() / 1000, rel=1e-5)
    assert grad(step - 0.3, step) == pytest.approx(0, abs=1e-6)


def test_conn_counts_what_an_island_is_above_its_source():
    truth = np.zeros((30, 40), np.float32)
    truth[5:25, 5:20] = 1
    island = truth.copy()
    island[10:14, 30:35] = 0.5
    assert conn(island, truth) == pytest.approx(0.5 * 20 / 1000)
    # Less than 0.15 above its level still counts as connected.
    island[10:14, 30:35] = 0.14
    assert conn(island, truth) == 0


def test_conn_counts_a_lost_bridge_once():
    truth = np.zeros((30, 60), np.float32)
    truth[5:25, 5:25] = truth[10:20, 40:50] = truth[14:16, 25:40] = 1
    cut = truth.copy()
    cut[14:16, 30:35] = 0
    # Beyond the cut both mattes hang equally loose: only the bridge itself differs.
    assert conn(cut, truth) == pytest.approx(10 / 1000)


def test_flicker_is_seen_and_constant_error_is_not(matte):
    truths = np.stack([matte] * 4)
    assert dtssd(truths + 0.1, truths) == pytest.approx(0, abs=1e-4)
    flicker = truths + np.array([0, 0.1, 0, 0.1], np.float32)[:, None, None]
    assert dtssd(flicker, truths) == pytest.approx(10, rel=1e-4)
    assert change(flicker) == pytest.approx(10, rel=1e-4)
    assert change(truths) == 0


def test_the_unknown_band_is_around_partial_coverage(matte):
    band = unknown_band(matte, radius=5)
    assert band[:, 29].all()
    assert band[:, 24].all()
    assert not band[:, 23].any()


def test_the_places_of_the_error_add_up(matte):
    alpha = matte.copy()
    alpha[:10, 50:55] = 0.2  # a hole
    alpha[20:25, 2:6] = 0.5  # a ghost
    alpha[:, 29] = 0.7  # in the band
    in_band, holes, ghosts = mad_by_place(alpha, matte, unknown_band(matte))
    assert holes == pytest.approx(1000 * 50 * 0.8 / 2400, rel=1e-5)
    assert ghosts == pytest.approx(1000 * 20 * 0.5 / 2400, rel=1e-5)
    assert in_band == pytest.approx(1000 * 40 * 0.2 / 2400, rel=1e-5)
    assert in_band + holes + ghosts == pytest.approx(mad(alpha, matte), rel=1e-5)


def test_a_foreground_counts_as_much_as_it_is_seen():
    truth = np.array([[1.0, 0.5, 0.04, 0.0]], np.float32)
    true = np.ones((1, 4, 3), np.float32)
    assert foreground_mse(true, true, truth) == 0
    # 0.2 of light too much: whole where it covers, half of it at half coverage, unseen beyond.
    assert foreground_mse(true + 0.2, true, truth) == pytest.approx(1000 * (0.2**2 + 0.1**2) / 2, rel=1e-4)
    assert math.isnan(foreground_mse(true, true, np.zeros_like(truth)))


def test_partial_coverage_is_measured_alone(matte):
    wrong = matte.copy()
    wrong[:, 29] = 0.7
    wrong[:, :20] = 0.5
    assert mad_partial(wrong, matte) == pytest.approx(200)
    assert math.isnan(mad_partial(wrong, (matte > 0.5).astype(np.float32)))


def test_a_fringe_is_what_a_comp_shows_of_a_wrong_edge(matte):
    truth = np.full((40, 60, 3), 0.5, np.float32)
    band = unknown_band(matte)
    assert fringe(matte, truth, matte, truth, band) == (0, 0)
    # The foreground's colour is wrong by 0.1 where a half of it shows: in one of 21 columns, in all colours.
    wrong = truth.copy()
    wrong[:, 29] += 0.1
    light, shown = fringe(matte, wrong, matte, truth, band)
    assert light == pytest.approx(1000 * 0.05 / 21, rel=1e-4)
    assert shown > 0
    # What is beyond the edge of alpha does not show.
    wrong = truth.copy()
    wrong[:, :29] = 7.0
    assert fringe(matte, wrong, matte, truth, band) == (0, 0)
    assert all(math.isnan(value) for value in fringe(matte, truth, matte, truth, np.zeros_like(band)))
