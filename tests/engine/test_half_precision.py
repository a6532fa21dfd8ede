"""A network in half numbers throughout, as a GPU has it by default, gives the matte of one in full."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from shots import disc_over_gradient, gradient

from howard_nodes.engine.runtime import Warm
from howard_nodes.node import HowardMatte

ALLOWED = {"float16": 0.05, "bfloat16": 0.2}


def _evaluated(half: str | None, more: dict[str, Any], **knobs: Any) -> np.ndarray:
    warm = Warm(0)
    node = HowardMatte(warm=warm, device="cpu", align="off", match_exposure="off", **knobs)
    inputs = {"plate": disc_over_gradient(0)[0], "clean_plate": gradient()}
    if half:  # as `PlacedNetwork` places it on a GPU; on a CPU it leaves the refiner in float32
        node.evaluate(1, inputs)
        (engine,) = warm._engines.values()
        engine.engine.network.model.to(getattr(torch, half))
    return node.evaluate(1, inputs | more)["alpha"]


@pytest.mark.parametrize("half", ALLOWED)
@pytest.mark.parametrize("mode", ["sampling", "thresholding", "full"])
def test_the_matte_is_the_same(half: str, mode: str) -> None:
    apart = np.abs(_evaluated(half, {}, refine_mode=mode) - _evaluated(None, {}, refine_mode=mode))
    assert apart.max() < ALLOWED[half]
    assert apart.mean() < 0.002


def test_overrides_are_heeded() -> None:
    paint = np.zeros((72, 104), np.float32)
    paint[10:40, 20:60] = 1
    more = {"error_override": paint, "coarse_override": np.dstack([1 - paint, paint])}
    apart = np.abs(_evaluated("float16", more) - _evaluated(None, more))
    assert apart.mean() < 0.002
