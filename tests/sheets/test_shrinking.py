from __future__ import annotations

import numpy as np
import pytest

from howard_nodes.frames import Window, inspect_file, read_frame, verify_file, write_image
from howard_nodes.layers import layer_channels
from howard_nodes.sheets.shrinking import Shrinking, small_size


def shrunk(path, side, layer=""):
    made = Shrinking(layer, inspect_file(path), side)
    verify_file(path, seen=made)
    return made


def picture(height=600, width=400, channels=4):
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    waves = [0.5 + 0.5 * np.sin(x / (9 + one) + y / 30) for one in range(channels)]
    return np.dstack(waves).astype(np.float32)


def test_a_check_shows_every_pixel_once(tmp_path):
    pixels = picture()
    write_image(tmp_path / "a.exr", pixels, "RGBA", depth="float")
    seen = np.full_like(pixels, np.nan)

    def look(part, top, band):
        assert part == 0
        assert np.isnan(seen[top : top + len(band)]).all()
        seen[top : top + len(band)] = band

    verify_file(tmp_path / "a.exr", seen=look)
    assert np.array_equal(seen, read_frame(tmp_path / "a.exr").pixels)


def test_small_pictures_are_averages(tmp_path):
    pixels = picture()
    write_image(tmp_path / "a.exr", pixels, "RGBA", depth="float")
    small = shrunk(tmp_path / "a.exr", 150).layers()["rgba"]
    assert np.allclose(small, pixels.reshape(150, 4, 100, 4, 4).mean(axis=(1, 3)), atol=1e-5)


def test_what_is_shown_already_is_not_read_again(tmp_path):
    names = ("rgba", "foreground", "alpha", "coarse", "error", "doubt")
    write_image(tmp_path / "a.exr", picture(60, 40, 11), layer_channels(names))
    assert set(shrunk(tmp_path / "a.exr", 20).layers()) == {"rgba", "doubt"}
    write_image(tmp_path / "b.exr", picture(60, 40, 4), layer_channels(("foreground", "alpha")))
    assert set(shrunk(tmp_path / "b.exr", 20).layers()) == {"foreground", "alpha"}


@pytest.mark.parametrize(
    "data",
    [Window(0, 0, 400, 600), Window(-40, -60, 480, 720), Window(100, 200, 40, 60), Window(900, 0, 40, 40)],
)
def test_the_display_window_is_shown(tmp_path, data):
    display = Window(0, 0, 400, 600)
    pixels = np.ones((data.height, data.width, 4), np.float32)
    write_image(tmp_path / "a.exr", pixels, "RGBA", data_window=data, display_window=display)
    small = shrunk(tmp_path / "a.exr", 60).layers()["rgba"]
    assert small.shape == (60, 40, 4)
    inside = max(0, min(data.x + data.width, 400) - max(data.x, 0)) * max(
        0, min(data.y + data.height, 600) - max(data.y, 0)
    )
    assert abs(small.mean() - inside / (400 * 600)) < 0.01


def test_odd_values_and_shapes(tmp_path):
    pixels = picture(3, 5000)
    pixels[1, 100] = np.nan, np.inf, -np.inf, 1.0
    write_image(tmp_path / "a.exr", pixels, "RGBA", depth="float")
    small = shrunk(tmp_path / "a.exr", 100).layers()["rgba"]
    assert small.shape[:2] == (1, 100)
    assert np.isfinite(small).all()
    assert small_size(Window(0, 0, 1920, 1080), 2.0, 480) == (480, 135)
    assert small_size(Window(0, 0, 96, 54), 1.0, 480) == (96, 54)
