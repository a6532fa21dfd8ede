from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from howard_nodes.network import blocks
from howard_nodes.network.blocks import refine_blocks
from howard_nodes.network.refiner import Refiner, inside_window, sample_enlarged, select_region

MODES = ("sampling", "thresholding", "full")


def coarse_maps(height: int, width: int, features: int = 32, count: int = 2) -> tuple[Tensor, ...]:
    error = torch.rand(count, 1, height, width) * (torch.rand(count, 1, height, width) < 0.4)
    shapes = [(count, c, height, width) for c in (1, 3, features)]
    return torch.rand(shapes[0]), torch.randn(shapes[1]) * 0.3, error, torch.rand(shapes[2])


def lively(refiner: nn.Module) -> nn.Module:
    for module in refiner.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
    return refiner.eval()


@pytest.fixture
def pair(reference: Any) -> tuple[nn.Module, Refiner]:
    torch.manual_seed(0)
    theirs = lively(reference.model.Refiner("full", 1600, 0.1))
    ours = Refiner().eval()
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("size", "scale"),
    [((132, 100), 1 / 4), ((64, 256), 1 / 4), ((132, 100), 1 / 8), ((64, 128), 1 / 2), ((68, 60), 1.0)],
)
def test_same_numbers_as_the_reference(
    pair: tuple[nn.Module, Refiner], mode: str, scale: float, size: tuple[int, int]
) -> None:
    theirs, ours = pair
    theirs.mode = mode
    height, width = size
    alpha, residual, error, features = coarse_maps(int(height * scale), int(width * scale))
    plate, clean = torch.rand(2, 3, *size), torch.rand(2, 3, *size)
    expected = theirs(plate, clean, alpha, residual, error, features)
    found = ours(plate, clean, alpha, residual, error, features, mode=mode, sample_pixels=1600)
    torch.testing.assert_close(found[2], expected[2], rtol=0, atol=0)
    torch.testing.assert_close(found[:2], expected[:2], rtol=0, atol=1e-5)

    region = found[2][:, 0].bool()
    fast = refine_blocks(ours, plate, clean, alpha, residual, features, region)
    torch.testing.assert_close(fast[0], expected[0].clamp(0, 1), rtol=0, atol=1e-5)
    torch.testing.assert_close(fast[1], (expected[1] + plate).clamp(0, 1), rtol=0, atol=1e-5)


@pytest.mark.parametrize("edge", [1, 2, 4, 8, 16])
def test_every_block_size_gives_the_same(
    pair: tuple[nn.Module, Refiner], edge: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, ours = pair
    alpha, residual, error, features = coarse_maps(30, 23)
    plate, clean = torch.rand(2, 3, 120, 92), torch.rand(2, 3, 120, 92)
    region = select_region(error, 30, 23, sample_pixels=2000)
    expected = ours(plate, clean, alpha, residual, error, features, sample_pixels=2000)
    monkeypatch.setattr(blocks, "_EDGES", (edge,))
    monkeypatch.setattr(blocks, "_CELLS_CPU", 900)
    found = refine_blocks(ours, plate, clean, alpha, residual, features, region)
    torch.testing.assert_close(found[0], expected[0].clamp(0, 1), rtol=0, atol=1e-5)
    torch.testing.assert_close(found[1], (expected[1] + plate).clamp(0, 1), rtol=0, atol=1e-5)


def test_large_blocks_for_crowds_and_small_ones_for_single_patches() -> None:
    refiner = Refiner()
    crowd = torch.zeros(1, 64, 64, dtype=torch.bool)
    crowd[:, 16:48, 16:48] = True
    lonely = torch.zeros(1, 64, 64, dtype=torch.bool)
    lonely[:, ::16, ::16] = True
    assert blocks._best_edge(crowd, refiner) == 16
    assert blocks._best_edge(lonely, refiner) == 1
    assert blocks._best_edge(lonely & False, refiner) is None


@torch.enable_grad()
@pytest.mark.parametrize("mode", MODES)
def test_gradients_are_those_of_the_reference(pair: tuple[nn.Module, Refiner], mode: str) -> None:
    theirs, ours = pair
    theirs.mode = mode
    # The reference scatters in place and does not learn from a batch in which a picture has no patch.
    maps = coarse_maps(16, 20)
    plate, clean = torch.rand(2, 3, 64, 80), torch.rand(2, 3, 64, 80)
    gradients = []
    for refiner, options in ((theirs, {}), (ours, {"mode": mode, "sample_pixels": 1600})):
        given = [value.clone().requires_grad_() for value in maps]
        alpha, residual, _ = refiner(plate, clean, *given, **options)
        (alpha.square().mean() + residual.square().mean()).backward()
        gradients.append([given[i].grad for i in (0, 1, 3)] + [refiner.conv1.weight.grad])
    for found, expected in zip(gradients[1], gradients[0], strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)


def test_sampling_takes_the_highest_errors_and_the_first_of_equals() -> None:
    error = torch.tensor([[0.5, 0.9, 0.5, 0.0], [0.5, 0.1, 0.5, 0.5]])[None, None]
    region = select_region(error, 2, 4, sample_pixels=3 * 16)
    assert region.tolist() == [[[True, True, True, False], [False, False, False, False]]]
    assert select_region(error, 2, 4, sample_pixels=0).sum() == 0


def test_an_error_of_zero_protects_in_every_mode_but_full() -> None:
    error = torch.zeros(1, 1, 8, 8)
    error[..., 2, 3] = 1e-6
    assert select_region(error, 8, 8, sample_pixels=64 * 16).nonzero().tolist() == [[0, 2, 3]]
    assert select_region(error, 8, 8, mode="thresholding", threshold=0.0).nonzero().tolist() == [[0, 2, 3]]
    assert select_region(error, 8, 8, mode="thresholding", threshold=-1.0).sum() == 1
    assert bool(select_region(error, 8, 8, mode="full").all())


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="use sampling, thresholding or full"):
        select_region(torch.zeros(1, 1, 2, 2), 2, 2, mode="some")


@pytest.mark.parametrize(
    ("small", "large"),
    [((7, 9), (14, 18)), ((7, 5), (29, 33)), ((1, 1), (6, 4)), ((12, 10), (5, 7)), ((1, 6), (8, 6))],
)
def test_windows_of_an_enlarged_picture(small: tuple[int, int], large: tuple[int, int]) -> None:
    image = torch.rand(2, 5, *small)
    expected = F.pad(F.interpolate(image, large, mode="bilinear", align_corners=False), (3, 3, 3, 3))
    rows = torch.arange(-3, large[0] + 3).expand(2, -1)
    columns = torch.arange(-3, large[1] + 3).expand(2, -1)
    found = sample_enlarged(image.permute(0, 2, 3, 1), torch.arange(2), rows, columns, large)
    found = found * inside_window(rows, columns, *large)
    torch.testing.assert_close(found.permute(0, 3, 1, 2), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 8])
def test_enlarging_rows_last(factor: int) -> None:
    image = torch.rand(2, 3, 9, 7)
    expected = F.interpolate(image, (9 * factor, 7 * factor), mode="bilinear", align_corners=False)
    found = blocks._enlarge(image, 9 * factor, 7 * factor)
    torch.testing.assert_close(found.contiguous(), expected, rtol=0, atol=1e-6)
