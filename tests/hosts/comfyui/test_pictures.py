"""Tensors of any shape become a batch, or an error that names their input."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from howard_nodes.errors import InputError
from howard_nodes.hosts.comfyui.pictures import Stack, images, masks

SHAPES = st.lists(st.integers(0, 5), max_size=5)


@given(SHAPES)
def test_an_image_has_frames_of_three_or_four_channels(shape: list[int]) -> None:
    right = len(shape) in (3, 4) and 0 not in shape and shape[-1] in (3, 4)
    if not right:
        with pytest.raises(InputError, match="plate"):
            images("plate", torch.zeros(shape))
        return
    batch = images("plate", torch.zeros(shape))
    height, width, channels = shape[-3:]
    assert batch.frame(0).shape == (height, width, channels)
    assert batch.size == (width, height)
    assert len(batch) == (shape[0] if len(shape) == 4 else 1)


@given(SHAPES)
def test_a_mask_has_frames_of_one_value(shape: list[int]) -> None:
    if len(shape) not in (2, 3) or 0 in shape:
        with pytest.raises(InputError, match="inside"):
            masks("inside", torch.zeros(shape))
        return
    batch = masks("inside", torch.zeros(shape))
    assert batch.frame(0).shape == tuple(shape[-2:])


def test_a_batch_of_one_gives_that_for_every_number() -> None:
    batch = masks("inside", torch.rand(1, 2, 3))
    np.testing.assert_array_equal(batch.frame(0), batch.frame(7))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_numbers_become_float32(dtype: torch.dtype) -> None:
    frame = images("plate", torch.full((1, 2, 3, 3), 0.5, dtype=dtype)).frame(0)
    assert frame.dtype == np.float32
    assert bool((frame == 0.5).all())


def test_frames_are_put_together_in_order() -> None:
    frames = np.random.default_rng(1).random((3, 4, 5, 3), np.float32)
    stack = Stack(3)
    for frame in frames:
        stack.add(frame)
    np.testing.assert_array_equal(stack.tensor(), frames)
