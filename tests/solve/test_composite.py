from __future__ import annotations

import numpy as np
import pytest

from howard_nodes.errors import InputError
from howard_nodes.solve import comp_error, composite, solve_foreground


def image(*colour):
    return np.full((4, 6, 3), colour, np.float32)


def matte(value):
    return np.full((4, 6), value, np.float32)


def to_srgb(light):
    """IEC 61966-2-1, for light above 0.0031308."""
    return 1.055 * light ** (1 / 2.4) - 0.055


def test_known_answers():
    bright, place = image(40.0, 1.0, 0.0), image(0.0, 2.0, 8.0)
    assert np.allclose(composite(bright, matte(0.25), place), image(10.0, 1.75, 6.0))
    assert np.array_equal(composite(bright, matte(1.0), place), bright)
    assert np.array_equal(composite(bright, matte(0.0), place), place)


def test_comp_error_is_the_worst_channel():
    error = comp_error(image(0.5, 0.5, 0.2), image(0.0, 0.0, 0.0), matte(0.5), image(1.0, 0.9, 0.6))
    assert error.shape == (4, 6)
    assert np.allclose(error, 0.1)


def test_alpha_is_coverage_in_linear_light_not_what_is_right_in_srgb():
    white, black, half = image(1.0, 1.0, 1.0), image(0.0, 0.0, 0.0), 0.5
    # White covers half of each pixel of a black background: half the light arrives.
    plate = composite(white, matte(half), black)
    assert np.allclose(plate, 0.5)
    # A matte pulled from the sRGB picture explains its code value: 0.735 = a * 1 + (1 - a) * 0.
    in_srgb = float(to_srgb(plate)[0, 0, 0])
    assert in_srgb == pytest.approx(0.7354, abs=1e-4)

    # Comped in linear light over the clean plate, coverage gives the plate back; the other adds 0.235.
    assert comp_error(plate, black, matte(half), white).max() < 1e-6
    assert comp_error(plate, black, matte(in_srgb), white).max() == pytest.approx(0.2354, abs=1e-4)
    # Over a new background of mid grey the truth is 0.59; the other alpha hides too much of the grey.
    grey = image(0.18, 0.18, 0.18)
    assert composite(white, matte(half), grey)[0, 0, 0] == pytest.approx(0.59)
    assert composite(white, matte(in_srgb), grey)[0, 0, 0] == pytest.approx(0.783, abs=1e-3)


def test_a_wrong_alpha_is_paid_for_in_colour():
    white, black = image(1.0, 1.0, 1.0), image(0.0, 0.0, 0.0)
    plate = composite(white, matte(0.5), black)
    right = solve_foreground(plate, black, matte(0.5), white * 0.7)
    wrong = solve_foreground(plate, black, matte(0.7354), white * 0.7)
    # Both comp back over the clean plate; only coverage leaves the foreground white.
    assert np.allclose(right, 1.0, atol=0.01)
    assert np.allclose(wrong, 0.68, atol=0.01)


def test_sizes_that_do_not_fit_are_an_input_error():
    with pytest.raises(InputError, match="same size"):
        composite(image(1, 1, 1), matte(1)[1:], image(1, 1, 1))
    with pytest.raises(InputError, match="same size"):
        composite(image(1, 1, 1), matte(1), image(1, 1, 1)[1:])
