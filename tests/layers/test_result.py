from __future__ import annotations

import numpy as np
import pytest

from howard_nodes.errors import InputError
from howard_nodes.layers import DEFAULT_LAYERS, LAYERS, MatteResult


def make(height=37, width=23, **changes):
    rng = np.random.default_rng(3)
    colours = (rng.uniform(-0.1, 50.0, (height, width, 3)).astype(np.float32) for _ in range(3))
    mattes = (rng.uniform(0.0, 1.0, (height, width)).astype(np.float32) for _ in range(6))
    names = ("foreground", "clean", "plate"), ("alpha", "coarse", "error", "doubt", "region", "valid")
    arrays = dict(zip(names[0], colours, strict=True)) | dict(zip(names[1], mattes, strict=True))
    return MatteResult(**(arrays | changes))


@pytest.mark.parametrize("layers", [DEFAULT_LAYERS, tuple(LAYERS), ("alpha",), ("clean", "rgba")])
def test_every_channel_of_the_exr_is_the_layer_it_is_named_after(layers):
    result = make()
    pixels, channels = result.exr_channels(layers)
    assert pixels.dtype == np.float32
    assert pixels.flags.c_contiguous
    assert pixels.shape == (37, 23, len(channels))
    assert channels == tuple(channel for layer in layers for channel in LAYERS[layer])
    for index, channel in enumerate(channels):
        layer, _, suffix = channel.rpartition(".")
        if not layer and suffix != "A":
            expected = result.foreground[..., "RGB".index(suffix)] * result.alpha
        elif layer == "difference":
            expected = np.abs(result.plate - result.clean)[..., "RGB".index(suffix)]
        elif suffix == "A":
            expected = getattr(result, layer or "alpha")
        else:
            expected = getattr(result, layer)[..., "RGB".index(suffix)]
        assert np.array_equal(pixels[..., index], expected), channel


def test_rgba_is_premultiplied_in_an_exr_and_straight_in_a_file_of_its_own():
    result = make()
    premultiplied = result.exr_channels(("rgba",))[0]
    straight, channels = result.layer("rgba")
    assert channels == ("R", "G", "B", "A")
    assert np.array_equal(straight[..., :3], result.foreground)
    assert np.array_equal(straight[..., :3] * straight[..., 3:], premultiplied[..., :3])


def test_a_layer_of_its_own():
    result = make()
    pixels, channels = result.layer("foreground")
    assert channels == ("R", "G", "B")
    assert np.array_equal(pixels, result.foreground)
    pixels, channels = result.layer("error")
    assert channels == ("Y",)
    assert pixels.shape == (37, 23, 1)
    assert np.array_equal(pixels[..., 0], result.error)


def test_arrays_that_are_views_are_fine():
    result = make()
    turned = MatteResult(
        **{name: np.flip(getattr(result, name), 1) for name in ("foreground", "alpha", "coarse", "error")}
    )
    assert np.array_equal(turned.exr_channels()[0], np.flip(result.exr_channels()[0], 1))


@pytest.mark.parametrize("name", ["doubt", "region", "clean"])
def test_a_layer_that_was_not_computed_is_an_input_error(name):
    result = make(**{name: None})
    with pytest.raises(InputError, match=f"'{name}' was not computed"):
        result.exr_channels(("alpha", name))
    with pytest.raises(InputError, match=f"'{name}' was not computed"):
        result.layer(name)


def test_a_layer_of_another_size_is_an_input_error():
    with pytest.raises(InputError, match=r"'coarse' has shape \(9, 5\)"):
        make(coarse=np.zeros((9, 5), np.float32))
    with pytest.raises(InputError, match="'clean' has shape"):
        make(clean=np.zeros((37, 23), np.float32))
