from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from howard_nodes.network import LightRefiner, features_at, load_weights, save_weights
from howard_nodes.network.light import _Level

WIDTHS = (8, 8, 8)


@pytest.fixture
def light() -> LightRefiner:
    torch.manual_seed(3)
    network = LightRefiner(4, WIDTHS)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network


def some_cells(*shape: int, seed: int = 1, share: float = 0.4) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < share


def some_inputs(light: LightRefiner, cells: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.rand((int(cells.sum()), light.inputs.in_features), generator=generator)


@torch.enable_grad()
def test_a_sparse_convolution_is_a_dense_one_with_zeros_where_no_cell_is_and_so_are_its_gradients():
    cells = some_cells(2, 17, 30)
    level = _Level(cells)
    conv = torch.nn.Conv2d(5, 7, 3, padding=1)
    x = torch.randn((level.count, 5), requires_grad=True)
    sparse = level.convolved(conv, x)
    dense = x.new_zeros((*cells.shape, 5)).index_put(level.where, x)
    dense = conv(dense.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)[level.where]
    torch.testing.assert_close(sparse, dense, atol=1e-5, rtol=1e-5)
    toward = torch.randn_like(sparse)
    parts = [x, conv.weight, conv.bias]
    for ours, theirs in zip(
        torch.autograd.grad(sparse, parts, toward), torch.autograd.grad(dense, parts, toward), strict=True
    ):
        torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-4)


def test_a_wider_network_says_the_same_and_learns_with_all_of_it(light):
    wide = light.widened(2)
    assert wide.widths == (16, 16, 16)
    cells = some_cells(1, 20, 20)
    inputs = some_inputs(light, cells)
    said = wide(inputs, cells)
    for ours, theirs in zip(vars(said).values(), vars(light(inputs, cells)).values(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
    with torch.enable_grad():
        wide.requires_grad_(True)
        said = wide(inputs, cells)
        (said.alpha.sum() + said.doubt.sum() + said.foreground.sum()).backward()
    assert wide.out.weight.grad[:, 8:].abs().max() > 0


def test_larger_cells_hold_the_mean_of_theirs():
    cells = some_cells(1, 9, 7)
    level = _Level(cells)
    larger = level.coarser()
    padded = F.pad(cells, (0, 1, 0, 1))[:, None].float()
    assert torch.equal(larger.cells, F.max_pool2d(padded, 2)[:, 0] > 0)
    values = torch.randn((level.count, 3))
    dense = F.pad(values.new_zeros((*cells.shape, 3)).index_put(level.where, values), (0, 0, 0, 1, 0, 1))
    means = F.avg_pool2d(dense.permute(0, 3, 1, 2), 2) / F.avg_pool2d(padded, 2).clamp_min(0.25)
    torch.testing.assert_close(level.gathered(values), means.permute(0, 2, 3, 1)[larger.where])


def test_what_is_far_away_does_not_matter(light):
    cells = torch.zeros((1, 64, 160), dtype=torch.bool)
    cells[0, 8:24, 8:24] = True
    alone = cells.clone()
    cells[0, 40:60, 100:150] = True
    inputs = some_inputs(light, cells)
    here = alone[cells]
    with torch.inference_mode():
        together, apart = light(inputs, cells), light(inputs[here], alone)
    for name in ("alpha", "doubt", "foreground"):
        torch.testing.assert_close(getattr(together, name)[here], getattr(apart, name))


def test_several_pictures_are_judged_as_each_alone(light):
    cells = some_cells(2, 12, 20)
    inputs = some_inputs(light, cells)
    first = int(cells[0].sum())
    with torch.inference_mode():
        both = light(inputs, cells).alpha
        each = light(inputs[:first], cells[:1]).alpha, light(inputs[first:], cells[1:]).alpha
    torch.testing.assert_close(both, torch.cat(each))


@torch.enable_grad()
def test_with_and_without_gradients_the_numbers_are_the_same(light):
    cells = some_cells(1, 21, 34)
    inputs = some_inputs(light, cells)
    learning = light(inputs, cells).alpha
    with torch.inference_mode():
        torch.testing.assert_close(light(inputs, cells).alpha, learning)


def test_alpha_moves_only_as_far_as_it_is_in_doubt(light):
    cells = some_cells(1, 12, 20)
    pixels = some_inputs(light, cells)[:, :64].unflatten(1, (4, 16))
    pixels[..., 7] = 0.0  # error
    pixels[..., 9] = 0.0  # deviation
    pixels[..., 10] = pixels[..., 8]  # the light alone says nothing else
    inputs = torch.cat([pixels.flatten(1), some_inputs(light, cells)[:, 64:]], 1)
    with torch.inference_mode():
        judged = light(inputs, cells)
    assert torch.equal(judged.alpha, pixels[..., 8])
    assert not judged.doubt.any()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_no_cell_and_every_cell(light, share):
    cells = some_cells(1, 5, 6, share=share)
    with torch.inference_mode():
        judged = light(some_inputs(light, cells), cells)
    assert judged.alpha.shape == (int(cells.sum()), 4)
    assert bool(torch.isfinite(judged.alpha).all())


def test_features_are_those_of_the_enlarged_coarse_picture():
    features = torch.rand((1, 3, 6, 9))
    height, width = 4 * 6 - 2, 4 * 9 - 1  # rounded up to whole coarse pixels, as the coarse stage does
    enlarged = F.interpolate(features, (12, 18), mode="bilinear", align_corners=False)
    rows, columns = (
        axis.reshape(-1) for axis in torch.meshgrid(torch.arange(11), torch.arange(18), indexing="ij")
    )
    found = features_at(features, rows, columns, height, width)
    torch.testing.assert_close(found, enlarged[0][:, rows, columns].T)


def test_weights_with_and_without_it_are_told_apart(tmp_path):
    network = load_weights(fused=False)
    network.light = None
    save_weights(network, tmp_path / "without.safetensors")
    assert load_weights(tmp_path / "without.safetensors").light is None
    network.light = LightRefiner(network.refiner.features, (8, 12, 16))
    save_weights(network, tmp_path / "with.safetensors")
    read = load_weights(tmp_path / "with.safetensors", fused=False)
    assert read.light is not None
    assert read.light.widths == (8, 12, 16)
    for name, value in network.light.state_dict().items():
        assert torch.equal(read.light.state_dict()[name], value), name
