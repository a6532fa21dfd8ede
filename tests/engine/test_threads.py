"""The same bits on two threads or more, so that a farm may give its tasks what cores it has.

On one thread alone torch's convolutions of small pictures add up in another order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import cv2
import numpy as np
import pytest
import torch

from howard_nodes.color import ColorConfig
from howard_nodes.description import MatteSettings
from howard_nodes.engine.engine import Engine
from howard_nodes.frames import Sequence, read_frame
from howard_nodes.network import load_weights
from howard_nodes.sheets.demo import shot_folder


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads(), cv2.getNumThreads()
    yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


@pytest.mark.parametrize(
    ("quality", "size"),
    [
        ("draft", (1920, 1080)),
        ("standard", (1920, 1080)),
        ("standard", (853, 479)),
        ("high", (853, 479)),
    ],
)
def test_a_frame_has_the_same_bits_on_two_threads_or_more(quality: str, size: tuple[int, int]) -> None:
    folder = shot_folder()
    plates = Sequence.find(folder / "plate.####.exr")
    plate, clean = (
        cv2.resize(read_frame(path).rgb, size, interpolation=cv2.INTER_CUBIC)
        for path in (plates.path(plates.frames[3]), folder / "clean.exr")
    )
    valid = np.ones(plate.shape[:2], np.float32)
    valid[:, : size[0] // 5] = 0
    results = []
    for threads in (2, 3, 5):
        torch.set_num_threads(threads)
        cv2.setNumThreads(threads)
        engine = Engine(load_weights(fused=False), ColorConfig.load("howard"), MatteSettings(quality=quality))
        results.append(engine.evaluate(plate, clean, "lin_rec709", valid=valid))
    for field in fields(results[0]):
        first, *others = (getattr(result, field.name) for result in results)
        for other in others:
            np.testing.assert_array_equal(first, other, err_msg=field.name)
