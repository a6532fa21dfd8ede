from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from howard_nodes.color.encoding import SHOULDER, decode, encode, encode_halves

stops = st.floats(-8.0, 8.0, width=32)


def test_is_srgb_below_the_shoulder() -> None:
    linear = torch.tensor([0.0, 0.0031308, 0.18, 0.5, SHOULDER])
    expected = torch.tensor([0.0, 0.04045, 0.461356, 0.735357, 0.906332])
    torch.testing.assert_close(encode(linear), expected, atol=1e-5, rtol=0.0)


def test_keeps_highlights_apart_and_below_one() -> None:
    encoded = encode(torch.tensor([1.0, 5.0, 50.0, 1000.0, 65504.0]))
    assert bool((encoded.diff() > 0).all())
    assert float(encoded[-1]) < 1.0


def test_light_below_zero_becomes_black() -> None:
    assert encode(torch.tensor([-1.0, -0.0, -65504.0])).tolist() == [0.0, 0.0, 0.0]


@given(light=st.lists(st.floats(0.0, 65504.0, width=32), min_size=2, max_size=50))
def test_is_monotonic(light: list[float]) -> None:
    encoded = encode(torch.tensor(light).sort().values)
    assert bool((encoded.diff() >= 0).all())
    assert bool(((encoded >= 0) & (encoded < 1)).all())


@given(light=st.floats(0.0, 50.0, width=32), exposure=stops)
def test_decode_inverts(light: float, exposure: float) -> None:
    linear = torch.tensor([light * 2.0**-exposure])
    torch.testing.assert_close(
        decode(encode(linear, exposure), exposure), linear, rtol=1e-3, atol=1e-6 * 2.0**-exposure
    )


@given(light=st.floats(50.0, 1000.0, width=32))
def test_decode_inverts_up_to_1000(light: float) -> None:
    linear = torch.tensor([light])
    torch.testing.assert_close(decode(encode(linear)), linear, rtol=0.02, atol=0.0)


@given(encoded=st.floats(0.0, 1.0, width=32), exposure=stops)
def test_encode_inverts_decode(encoded: float, exposure: float) -> None:
    there = torch.tensor([encoded])
    torch.testing.assert_close(encode(decode(there, exposure), exposure), there, rtol=0.0, atol=2e-5)


@given(light=st.floats(-1.0, 100.0, width=32), exposure=stops)
def test_equal_light_stays_equal(light: float, exposure: float) -> None:
    """Plate and clean plate: to the bit in the same place, to rounding anywhere else."""
    plate = torch.full((1, 3, 5, 7), light)
    assert torch.equal(encode(plate, exposure), encode(plate.clone(), exposure))
    elsewhere = encode(torch.tensor([light]), exposure)
    torch.testing.assert_close(encode(plate, exposure), elsewhere.expand(1, 3, 5, 7), rtol=0.0, atol=2e-7)


@settings(max_examples=20)
@given(exposure=stops)
def test_exposure_is_a_gain_in_stops(exposure: float) -> None:
    linear = torch.linspace(0.0, 4.0, 100)
    torch.testing.assert_close(encode(linear, exposure), encode(linear * 2.0**exposure))
    torch.testing.assert_close(encode(linear, torch.tensor(exposure)), encode(linear, exposure))


def test_gradient_flows_through_highlights() -> None:
    linear = torch.tensor([0.001, 0.18, 0.8, 3.0, 50.0], requires_grad=True)
    encode(linear).sum().backward()
    assert linear.grad is not None
    assert bool((linear.grad > 0).all())


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 4, 5)])
def test_any_shape(shape: tuple[int, ...]) -> None:
    assert encode(torch.rand(shape)).shape == decode(torch.rand(shape)).shape == shape


@given(light=st.lists(st.floats(-10.0, 1e5, width=32), min_size=1, max_size=50), exposure=stops)
def test_the_encoding_of_halves_is_the_same_to_a_fifteenth_of_an_8_bit_step(
    light: list[float], exposure: float
) -> None:
    linear = torch.tensor([light, [-0.0] * len(light)])
    exact = encode(linear.clamp(max=65504.0), exposure)
    torch.testing.assert_close(encode_halves(linear, exposure), exact, rtol=0.0, atol=3e-4)


def test_the_encoding_of_halves_is_the_same_to_the_bit_for_what_a_half_exr_holds() -> None:
    linear = torch.arange(0x7C00, dtype=torch.int16).view(torch.float16).float()
    assert torch.equal(encode_halves(linear, 1.5), encode(linear, 1.5))
    turned = linear.reshape(-1, 2).T
    assert torch.equal(encode_halves(turned), encode(turned))
