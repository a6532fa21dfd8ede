from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from howard_nodes.frames import halves

_SHAPES = hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=40)


@given(
    hnp.arrays(
        np.float32,
        _SHAPES,
        elements=st.floats(width=32, allow_nan=True, allow_infinity=True),
        fill=st.just(0.5),
    ),
    st.sampled_from([65504.0, 32752.0, 49152.0]),
)
def test_the_nearest_half_is_kept_and_nothing_else_gets_through(pixels: np.ndarray, most: float) -> None:
    before = pixels.copy()
    made = halves(pixels, most=most)
    assert np.array_equal(pixels, before, equal_nan=True)
    assert np.isfinite(made).all()
    usual = np.abs(pixels) <= most
    np.testing.assert_array_equal(made[usual], pixels[usual].astype(np.float16))
    np.testing.assert_array_equal(made[pixels > most], most)
    np.testing.assert_array_equal(made[(pixels < -most) & np.isfinite(pixels)], -most)
    np.testing.assert_array_equal(made[np.isnan(pixels) | (pixels == -np.inf)], 0.0)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_views_that_may_not_be_written_and_are_not_in_order(dtype: type) -> None:
    pixels = np.random.default_rng(1).normal(size=(50, 7, 3)).astype(dtype)[::-1, ::2]
    pixels.flags.writeable = False
    np.testing.assert_array_equal(halves(pixels), pixels.astype(np.float16))
