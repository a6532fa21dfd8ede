from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from howard_nodes.network import Coarse, MattingNetwork, consensus, from_coarse, to_coarse

KEYS = {"mobilenetv2": 382, "resnet50": 394, "resnet101": 700}


def pictures(*size: int, seed: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    clean = torch.rand(1, 3, *size, generator=generator)
    return (clean + 0.3 * torch.rand(1, 3, *size, generator=generator)).clamp(0, 1), clean


@pytest.fixture(scope="module")
def lite0() -> MattingNetwork:
    torch.manual_seed(2)
    network = MattingNetwork("lite0").eval()
    head = network.lite0.head
    with torch.no_grad():
        head.bias[4] = 0.3
    return network


@pytest.mark.parametrize("backbone", list(KEYS))
def test_same_numbers_as_the_reference(reference_network: Callable[[str], nn.Module], backbone: str) -> None:
    theirs = reference_network(backbone)
    ours = MattingNetwork(backbone).eval()
    ours.load_state_dict(theirs.state_dict())
    assert len(ours.state_dict()) == KEYS[backbone]
    prepared = ours.prepared()
    sizes = [(132, 100, 0.25), (160, 256, 0.125), (96, 148, 0.5)]
    for height, width, scale in sizes if backbone == "mobilenetv2" else sizes[:1]:
        plate, clean = pictures(height, width)
        theirs.backbone_scale = scale
        for mode in ("sampling", "thresholding", "full"):
            theirs.refiner.mode = mode
            theirs.refiner.sample_pixels = 1600
            theirs.refiner.threshold = 0.35
            alpha, foreground, coarse_alpha, _, error, region = theirs(plate.clone(), clean.clone())
            # Folding rounds otherwise, and a hundred random layers make more of it: in float32 the reference
            # is as far from itself in float64.
            folded = 1e-5 if backbone == "mobilenetv2" else 1e-4
            for network, allowed in ((ours, 1e-5), (prepared, folded)):
                coarse = network.coarse(plate, clean, backbone_scale=scale)
                refined = network.refine(plate, clean, coarse, mode=mode, sample_pixels=1600, threshold=0.35)
                close(coarse.alpha, coarse_alpha, allowed)
                close(coarse.error, error, allowed)
                # Such a difference can move a patch over the line; where it does not, all must agree.
                same = refined.region == region
                assert same.float().mean() > 0.99
                assert region.mean() > 0
                same = same.repeat_interleave(4, 2).repeat_interleave(4, 3)
                close(refined.alpha * same, alpha * same, allowed)
                close(refined.foreground * same, foreground * same, allowed)


def close(found: Tensor, expected: Tensor, allowed: float = 1e-5) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=allowed)


def test_features_and_residual_as_in_the_reference(reference_network: Callable[[str], nn.Module]) -> None:
    theirs = reference_network("mobilenetv2")
    ours = MattingNetwork("mobilenetv2").eval()
    ours.load_state_dict(theirs.state_dict())
    plate, clean = pictures(64, 96)
    coarse = ours.coarse(plate, clean, backbone_scale=1.0)
    x, *shortcuts = theirs.backbone(torch.cat([plate, clean], 1))
    raw = theirs.decoder(theirs.aspp(x), *shortcuts)
    close(coarse.foreground_residual, raw[:, 1:4])
    close(coarse.features, raw[:, 5:].relu())


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (37, 51), (62, 130)])
@pytest.mark.parametrize("backbone", ["lite0", "mobilenetv2"])
def test_any_size(backbone: str, size: tuple[int, int]) -> None:
    torch.manual_seed(3)
    network = MattingNetwork(backbone).eval()
    plate, clean = pictures(*size)
    coarse = network.coarse(plate, clean)
    refined = network.refine(plate, clean, coarse, mode="full")
    rows, columns = (-(-length // 4) for length in size)
    assert coarse.alpha.shape == coarse.error.shape == (1, 1, rows, columns)
    assert refined.alpha.shape == (1, 1, *size)
    assert refined.foreground.shape == (1, 3, *size)
    assert refined.region.shape == (1, 1, rows, columns)
    assert bool(refined.alpha.isfinite().all())


def test_padding_repeats_the_border_and_is_cropped_again(lite0: MattingNetwork) -> None:
    plate, clean = pictures(62, 83)
    padded = [torch.nn.functional.pad(x, (0, 1, 0, 2), mode="replicate") for x in (plate, clean)]
    expected_coarse, expected = lite0(*padded)
    coarse, refined = lite0(plate, clean)
    close(coarse.alpha, expected_coarse.alpha)
    close(refined.alpha, expected.alpha[:, :, :62, :83])
    close(refined.foreground, expected.foreground[:, :, :62, :83])


def test_folding_keeps_the_numbers(lite0: MattingNetwork) -> None:
    prepared = lite0.prepared()
    plate, clean = pictures(68, 72)
    expected, found = lite0.coarse(plate, clean), prepared.coarse(plate, clean)
    close(found.alpha, expected.alpha)
    close(found.error, expected.error)
    close(found.foreground_residual, expected.foreground_residual)
    kept = [
        m for name, m in prepared.named_modules() if isinstance(m, nn.BatchNorm2d) and "refiner" not in name
    ]
    assert not kept
    assert not any(parameter.requires_grad for parameter in prepared.parameters())
    assert not lite0.folded


@torch.enable_grad()
def test_the_differentiable_path_gives_the_same(lite0: MattingNetwork) -> None:
    plate, clean = pictures(60, 84)
    coarse, slow = lite0(plate, clean)
    assert slow.alpha.requires_grad
    with torch.no_grad():
        fast = lite0.refine(plate, clean, coarse)
    close(fast.alpha, slow.alpha.detach())
    close(fast.foreground, slow.foreground.detach())
    assert torch.equal(fast.region, slow.region)


def test_the_same_frame_gives_the_same_bits(lite0: MattingNetwork) -> None:
    network = lite0.prepared()
    plate, clean = pictures(120, 172)
    first = network.refine(plate, clean, network.coarse(plate, clean), sample_pixels=4000)
    other = pictures(64, 64, seed=7)
    network(*other)
    again = network.refine(plate, clean, network.coarse(plate, clean), sample_pixels=4000)
    for name in ("alpha", "foreground", "region"):
        assert torch.equal(getattr(first, name), getattr(again, name))


def test_memory_layout_and_batch_do_not_matter(lite0: MattingNetwork) -> None:
    plate, clean = pictures(72, 100)
    other_plate, other_clean = pictures(72, 100, seed=9)
    expected = lite0(plate, clean)[1]
    last = [x.contiguous(memory_format=torch.channels_last) for x in (plate, clean)]
    close(lite0(*last)[1].alpha, expected.alpha)
    both = lite0(torch.cat([other_plate, plate]), torch.cat([other_clean, clean]))[1]
    close(both.alpha[1:], expected.alpha)
    close(both.foreground[1:], expected.foreground)


@pytest.mark.parametrize("size", [(96, 128), (100, 132)])
@pytest.mark.parametrize("scale", [0.125, 0.25, 0.5])
def test_lite0_sees_means_of_areas(scale: float, size: tuple[int, int], lite0: MattingNetwork) -> None:
    plate, _ = pictures(*size)
    expected = torch.nn.functional.avg_pool2d(plate, round(1 / scale))
    close(lite0.downsample(plate, scale), expected, 1e-6)
    close(lite0.downsample(plate.contiguous(memory_format=torch.channels_last), scale), expected, 1e-6)


def test_inputs_are_left_alone(lite0: MattingNetwork) -> None:
    plate, clean = pictures(40, 44)
    before = plate.clone(), clean.clone()
    coarse = lite0.coarse(plate, clean)
    kept = coarse.alpha.clone()
    lite0.refine(plate, clean, coarse)
    assert torch.equal(plate, before[0])
    assert torch.equal(clean, before[1])
    assert torch.equal(coarse.alpha, kept)


def test_an_error_of_one_forces_and_of_zero_protects(lite0: MattingNetwork) -> None:
    plate, clean = pictures(96, 128)
    coarse = lite0.coarse(plate, clean)
    paint = torch.zeros(1, 1, 96, 128)
    paint[..., :32, :64] = 1
    painted = replace(coarse, error=to_coarse(paint, coarse))
    for mode in ("sampling", "thresholding"):
        refined = lite0.refine(plate, clean, painted, mode=mode)
        assert bool((refined.region[..., :8, :16] == 1).all())
        assert refined.region.sum() == 8 * 16
        protected = from_coarse(coarse.alpha, 96, 128)
        close(refined.alpha[..., 32:, :], protected[..., 32:, :])
        assert not torch.allclose(refined.alpha[..., :32, :64], protected[..., :32, :64], atol=1e-3)


def test_a_replaced_alpha_comes_through_where_protected(lite0: MattingNetwork) -> None:
    plate, clean = pictures(64, 64)
    coarse = lite0.coarse(plate, clean)
    one = replace(coarse, alpha=torch.ones_like(coarse.alpha), error=torch.zeros_like(coarse.error))
    refined = lite0.refine(plate, clean, one)
    assert bool((refined.alpha == 1).all())
    assert refined.region.sum() == 0


@pytest.mark.parametrize("size", [(64, 96), (61, 95)])
def test_to_coarse_and_back(size: tuple[int, int], lite0: MattingNetwork) -> None:
    coarse = lite0.coarse(*pictures(*size))
    flat = torch.full((1, 1, *size), 0.25)
    small = to_coarse(flat, coarse)
    assert small.shape == coarse.alpha.shape
    close(from_coarse(small, *size), flat)
    checks = torch.arange(size[1]).remainder(2).float().expand(1, 1, *size)
    close(to_coarse(checks, coarse)[..., :-1], torch.full_like(small, 0.5)[..., :-1])


@pytest.mark.parametrize("scale", [1 / 8, 1 / 4, 1 / 2, 1.0])
def test_backbone_scale(scale: float, lite0: MattingNetwork) -> None:
    plate, clean = pictures(72, 104)
    coarse = lite0.coarse(plate, clean, backbone_scale=scale)
    assert coarse.alpha.shape[2:] == (int(72 * scale), int(104 * scale))
    refined = lite0.refine(plate, clean, coarse)
    assert refined.alpha.shape == (1, 1, 72, 104)
    assert refined.region.mean() > 0


def test_half_precision_weights(lite0: MattingNetwork) -> None:
    plate, clean = pictures(64, 96)
    expected_coarse, expected = lite0(plate, clean)
    network = lite0.prepared().to(torch.bfloat16)
    coarse = network.coarse(plate, clean)
    assert coarse.alpha.dtype == torch.float32
    torch.testing.assert_close(coarse.alpha, expected_coarse.alpha, rtol=0, atol=0.05)
    refined = network.refine(plate, clean, expected_coarse)
    assert refined.alpha.dtype == torch.float32
    torch.testing.assert_close(refined.alpha, expected.alpha, rtol=0, atol=0.02)


def test_a_coarse_stage_in_half_precision_beside_a_refiner_in_full(lite0: MattingNetwork) -> None:
    plate, clean = pictures(64, 96)
    expected_coarse, expected = lite0(plate, clean)
    network = lite0.prepared()
    network.lite0.to(torch.bfloat16)
    coarse = network.coarse(plate, clean)
    torch.testing.assert_close(coarse.alpha, expected_coarse.alpha, rtol=0, atol=0.05)
    close(network.refine(plate, clean, expected_coarse).alpha, expected.alpha)


def test_wrong_arguments(lite0: MattingNetwork) -> None:
    plate, clean = pictures(32, 32)
    with pytest.raises(ValueError, match="lite0, mobilenetv2"):
        MattingNetwork("vgg")
    with pytest.raises(ValueError, match="differ in size"):
        lite0.coarse(plate, clean[..., :16])
    with pytest.raises(ValueError, match="backbone scale 0"):
        lite0.coarse(plate, clean, backbone_scale=0)


def look(alpha: float, error: float, size: int) -> Coarse:
    maps = (
        torch.full((1, channels, size, size), value) for channels, value in ((1, alpha), (3, 0.1), (1, error))
    )
    return Coarse(*maps, torch.full((1, 16, size, size), alpha))


def test_a_consensus_is_what_most_scales_say_and_doubts_where_they_differ() -> None:
    finest, *others = look(0.9, 0.1, 8), look(0.8, 0.1, 4), look(0.2, 0.1, 2)
    alpha, error = consensus([finest, *others])
    torch.testing.assert_close(alpha, torch.full((1, 1, 8, 8), 0.8))
    spread = float(torch.tensor([0.9, 0.8, 0.2]).std(unbiased=False))
    torch.testing.assert_close(error, torch.full((1, 1, 8, 8), 0.7 * (0.1 + spread)))
    _, alike = consensus([look(0.9, 0.1, 8)] * 3)
    assert float(alike.max()) < 0.1
    assert consensus([finest]) == (finest.alpha, finest.error)


def test_a_look_into_the_mirror_lies_over_the_picture(lite0: MattingNetwork) -> None:
    plate, clean = pictures(40, 54)  # 54 is padded to 56, on the right
    straight, mirrored = lite0.looks(plate, clean, [0.5], 1)
    assert straight.alpha.shape == mirrored.alpha.shape
    turned = [F.pad(x, (0, 2, 0, 0), mode="replicate").flip(3) for x in (plate, clean)]
    found = lite0.coarse(*turned, backbone_scale=0.5)
    for name, there in vars(found).items():
        torch.testing.assert_close(getattr(mirrored, name), there.flip(3))
    assert float((straight.alpha - mirrored.alpha).abs().max()) > 0
