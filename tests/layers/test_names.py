from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howard_nodes.errors import InputError
from howard_nodes.layers import DEFAULT_LAYERS, LAYERS, layer_channels, layer_path, validate_layers


def test_the_layers_and_channels_of_an_exr():
    assert layer_channels(LAYERS) == (
        *("R", "G", "B", "A"),
        *("foreground.R", "foreground.G", "foreground.B"),
        *("alpha.A", "coarse.A", "error.A", "doubt.A", "region.A"),
        *("clean.R", "clean.G", "clean.B"),
        *("difference.R", "difference.G", "difference.B"),
        "valid.A",
    )
    assert DEFAULT_LAYERS == ("rgba", "foreground", "alpha", "coarse", "error")


def test_no_pass_is_named_alpha_with_a_capital_and_no_name_is_reserved():
    names = {channel.partition(".")[0] for channel in layer_channels(LAYERS) if "." in channel}
    assert "Alpha" not in names
    assert not names & {"mask", "depth", "forward", "motion"}
    assert not any(name[0].isdigit() for name in names)


def test_layers_are_written_in_one_order_each_once():
    assert validate_layers("error, Alpha,foreground,alpha,") == ("foreground", "alpha", "error")
    assert validate_layers(["clean", "rgba"]) == ("rgba", "clean")
    assert validate_layers(DEFAULT_LAYERS) == DEFAULT_LAYERS


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            "alpha,forground",
            "unknown layer 'forground': did you mean 'foreground'\\? choose from",
        ),
        (
            "beauty",
            "unknown layer 'beauty': choose from rgba, foreground, alpha, coarse, error, doubt, region",
        ),
        ("", "no layers to write: choose from rgba"),
        (" , ", "no layers to write"),
    ],
)
def test_a_name_that_is_no_layer_is_told_which_there_are(names, message):
    with pytest.raises(InputError, match=message):
        validate_layers(names)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("out/shot.####.png", "out/shot_alpha.####.png"),
        ("out/shot.%04d.png", "out/shot_alpha.%04d.png"),
        ("out/shot.@@@@.png", "out/shot_alpha.@@@@.png"),
        ("shot_####.png", "shot_alpha_####.png"),
        ("shot####.png", "shot_alpha####.png"),
        ("sc010.shot_v002.#.png", "sc010.shot_v002_alpha.#.png"),
        ("####.png", "alpha.####.png"),
        ("out/shot.1001.png", "out/shot_alpha.1001.png"),
        ("shot.-0005.png", "shot_alpha.-0005.png"),
        ("1001.png", "alpha.1001.png"),
        ("still.png", "still_alpha.png"),
        ("still_v002.png", "still_v002_alpha.png"),
        ("mein Bild ü/größe.####.png", "mein Bild ü/größe_alpha.####.png"),
    ],
)
def test_the_frame_number_stays_last(pattern, expected):
    assert layer_path(pattern, "alpha") == Path(expected)
    assert layer_path(Path(pattern), "rgba") == Path(pattern)


@given(
    st.text("abc_v.é ", min_size=1, max_size=8).filter(lambda name: name.strip(". ")), st.integers(0, 99999)
)
def test_a_frame_of_the_layers_sequence_is_the_layer_of_the_frame(name, frame):
    pattern = f"out/{name}.####.png"
    padded = f"{frame:04d}"
    paths = {layer_path(pattern.replace("####", padded), layer) for layer in LAYERS}
    assert len(paths) == len(LAYERS)
    for layer in LAYERS:
        assert str(layer_path(pattern, layer)).replace("####", padded) == str(
            layer_path(pattern.replace("####", padded), layer)
        )
