from __future__ import annotations

import numpy as np

from howard_nodes.solve import doubt_of_light, doubt_of_network, unmix, unmixing_cells


def test_what_is_painted_is_not_in_doubt_and_what_nobody_knows_is() -> None:
    error = np.zeros((9, 11), np.float32)
    error[:, 5:] = 1.0
    found = doubt_of_network(error, np.zeros((5, 6), bool))
    assert not found[:, :5].any()
    assert (found[:, 5:] == 1.0).all()


def test_partial_coverage_is_in_more_doubt_than_solid() -> None:
    error = np.full((8, 8), 0.1, np.float32)
    cells = np.zeros((4, 4), bool)
    cells[:, :2] = True
    found = doubt_of_network(error, cells)
    assert (found[:, :4] > 3 * found[:, 4:]).all()


def test_the_light_lessens_doubt_where_it_is_sure(shot) -> None:
    shot.foreground[...] = (0.9, 0.2, 1.4)
    rng = np.random.default_rng(3)
    error = np.where(shot.partial, 0.2, 0.001).astype(np.float32)
    alpha = np.where(shot.partial, 0.5, shot.alpha).astype(np.float32)
    network = doubt_of_network(error, unmixing_cells(alpha, error))
    expected, true = [], []
    for grain in (0.003, 0.05, 0.2):
        noise = rng.normal(0, grain, (2, *shot.clean.shape)).astype(np.float32)
        plate, clean = shot.plate + noise[0], shot.clean + noise[1]
        found = unmix(plate, clean, alpha, error)
        expected.append(float(doubt_of_light(network, found.deviation)[shot.partial].mean()))
        true.append(float(np.abs(found.alpha - shot.alpha)[shot.partial].mean()))
    assert expected == sorted(expected)
    assert expected[0] < 0.5 * network[shot.partial].mean()
    assert all(one < 4 * other + 0.01 for one, other in zip(expected, true, strict=True))


def test_doubt_is_between_0_and_1_for_all_there_is() -> None:
    plane = np.linspace(0, 1, 101, dtype=np.float32)[None]
    for found in (
        doubt_of_network(plane, np.ones((1, 51), bool)),
        doubt_of_light(plane, plane),
    ):
        assert found.dtype == np.float32
        assert found.min() >= 0
        assert found.max() <= 1
        assert (np.diff(found[0, 1:]) >= 0).all()
