"""Movies: known values, frame numbers, seeking, tags, damage. All are made here, with PyAV."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from howard_nodes.errors import FrameError, InputError
from howard_nodes.frames import Movie
from howard_nodes.frames.orientation import Orientation
from howard_nodes.frames.planes import PixelFormat, enlarge, to_pixels, yuv_to_rgb
from howard_nodes.frames.tags import TAGGED_SPACES
from howard_nodes.frames.timecode import timecode_at

BT601, BT709, BT2020 = (0.299, 0.114), (0.2126, 0.0722), (0.2627, 0.0593)


def fill(frame: av.VideoFrame, planes: Iterable[np.ndarray]) -> None:
    """Put rows of samples into a frame, whatever its line sizes."""
    for plane, rows in zip(frame.planes, planes, strict=True):
        data = np.zeros((plane.buffer_size // plane.line_size, plane.line_size), np.uint8)
        raw = np.ascontiguousarray(rows).view(np.uint8).reshape(rows.shape[0], -1)
        data[: raw.shape[0], : raw.shape[1]] = raw
        plane.update(data.tobytes())


def noise(name: str, size: tuple[int, int], seed: int) -> list[np.ndarray]:
    """Random planes of a format, all codes."""
    rng = np.random.default_rng(seed)
    made = av.VideoFrame(*size, name)
    known = PixelFormat.named(name)
    top = 2 ** (8 * np.dtype(known._dtype).itemsize if known._shift else known.bits)
    widths = [1] * len(made.planes)
    for component in known._components:
        widths[component.plane] = max(widths[component.plane], component.step)
    planes = []
    for index, (plane, samples) in enumerate(zip(made.planes, widths, strict=True)):
        chroma = known.family == "yuv" and index in (1, 2)
        across, down = known.subsampling if chroma else (1, 1)
        shape = (-(-size[1] // down), -(-size[0] // across) * samples)
        assert plane.height == shape[0]
        planes.append(rng.integers(0, top, shape).astype(known._dtype))
    return planes


def write(
    path: Path,
    frames: Iterable[list[np.ndarray]],
    *,
    codec: str = "ffv1",
    pixels: str = "yuv420p",
    size: tuple[int, int] = (24, 16),
    rate: Fraction = Fraction(24),
    options: dict[str, str] | None = None,
    tags: tuple[int, int, int, int] | None = None,
    pts: list[int] | None = None,
    timecode: str = "",
    rotation: int = 0,
    aspect: Fraction | None = None,
    container: dict[str, str] | None = None,
) -> Path:
    """Encode frames; `tags` are range, matrix, primaries and transfer."""
    with av.open(str(path), "w", options=container or {}) as output:
        stream = output.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        stream.time_base = 1 / rate
        context = stream.codec_context
        if tags is not None:
            context.color_range, context.colorspace, context.color_primaries, context.color_trc = tags
        if aspect is not None:
            context.sample_aspect_ratio = aspect
        if timecode:
            stream.metadata["timecode"] = timecode
        if rotation:
            stream.set_display_rotation(rotation)
        for index, planes in enumerate(frames):
            frame = av.VideoFrame(*size, pixels)
            fill(frame, planes)
            frame.pts = index if pts is None else pts[index]
            frame.time_base = 1 / rate
            if tags is not None:
                for name, tag in zip(("color_range", "colorspace", "color_primaries", "color_trc"), tags):
                    if hasattr(frame, name):  # older PyAV has the first two
                        setattr(frame, name, tag)
            output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


def moving(count: int, size: tuple[int, int] = (64, 48), bits: int = 8, chroma: int = 2) -> list[Any]:
    """Frames that differ: a ramp that moves, with a little noise."""
    rng = np.random.default_rng(3)
    kind, scale = (np.uint8, 1) if bits == 8 else (np.uint16, 2 ** (bits - 8))
    across, down = (1 if chroma == 1 else 2), (2 if chroma == 2 else 1)
    frames = []
    for index in range(count):
        planes = []
        for width, height in (size, *[(size[0] // across, size[1] // down)] * 2):
            x = np.arange(width)[None] * 2 + np.arange(height)[:, None]
            base = 40 + (x + 7 * index) % 150 + rng.integers(0, 8, (height, width))
            planes.append((base * scale).astype(kind))
        frames.append(planes)
    return frames


def expected(
    planes: list[np.ndarray],
    known: PixelFormat,
    size: tuple[int, int],
    weights: tuple[float, float],
    full: bool,
    siting: tuple[float, float],
) -> np.ndarray:
    """The formula of BT.601, BT.709 and BT.2020 in float64, chroma by linear interpolation."""
    width, height = size
    luma, blue, red = (plane.astype(np.float64) for plane in planes[:3])
    across, down = known.subsampling

    def at_luma(chroma: np.ndarray) -> np.ndarray:
        columns = np.arange(chroma.shape[1]) * across + siting[0] * (across - 1)
        rows = np.arange(chroma.shape[0]) * down + siting[1] * (down - 1)
        wide = np.stack([np.interp(np.arange(width), columns, row) for row in chroma])
        return np.stack([np.interp(np.arange(height), rows, column) for column in wide.T], axis=1)

    step, most = 2.0 ** (known.bits - 8), 2.0**known.bits - 1
    y = luma / most if full else (luma - 16 * step) / (219 * step)
    cb, cr = ((at_luma(c) - 128 * step) / (most if full else 224 * step) for c in (blue, red))
    kr, kb = weights
    r, b = y + 2 * (1 - kr) * cr, y + 2 * (1 - kb) * cb
    return np.stack([r, (y - kr * r - kb * b) / (1 - kr - kb), b], axis=-1)


# --- values


@pytest.mark.parametrize(
    ("pixels", "tags", "weights", "full"),
    [
        ("yuv420p", (1, 1, 1, 1), BT709, False),
        ("yuv420p", (2, 1, 1, 1), BT709, True),
        ("yuv422p", (1, 5, 5, 6), BT601, False),
        ("yuv444p", (1, 6, 6, 6), BT601, False),
        ("yuv420p10le", (1, 9, 9, 14), BT2020, False),
        ("yuv420p10le", (2, 9, 9, 18), BT2020, True),
        ("yuv422p10le", (1, 1, 1, 1), BT709, False),
        ("yuv444p12le", (1, 1, 1, 1), BT709, False),
        ("yuv420p16le", (1, 1, 1, 1), BT709, False),
        ("yuv440p", (1, 1, 1, 1), BT709, False),
        ("yuv411p", (1, 6, 6, 6), BT601, False),
        ("yuv420p", None, BT709, False),
    ],
)
def test_values_equal_the_standards(
    tmp_path: Path,
    pixels: str,
    tags: tuple[int, int, int, int] | None,
    weights: tuple[float, float],
    full: bool,
) -> None:
    size = (23, 17)  # odd: the last chroma sample has one neighbour
    planes = noise(pixels, size, 1)
    movie = Movie(write(tmp_path / "a.mkv", [planes, planes], pixels=pixels, size=size, tags=tags))
    frame = movie.read(2)
    known = PixelFormat.named(pixels)
    want = expected(planes, known, size, weights, full, (0.0, 0.5))
    assert frame.channels == ("R", "G", "B")
    assert frame.pixels.dtype == np.float32
    assert frame.pixels.flags.c_contiguous
    np.testing.assert_allclose(frame.pixels, want, atol=1e-6)
    assert frame.pixels.min() < -0.1  # noise goes beyond; nothing is clipped
    assert frame.pixels.max() > 1.1
    warned = any("matrix" in note for note in movie.notes())
    assert warned == (tags is None)


@pytest.mark.parametrize("location", ["left", "center", "topleft", "top", "bottomleft", "bottom"])
def test_chroma_is_taken_from_where_it_lies(tmp_path: Path, location: str) -> None:
    size = (20, 14)
    planes = noise("yuv420p", size, 2)
    place = ["left", "center", "topleft", "top", "bottomleft", "bottom"].index(location)
    path = write(
        tmp_path / "a.mp4",
        [planes] * 2,
        codec="libx264",
        size=size,
        options={"qp": "0", "preset": "ultrafast", "x264-params": f"chromaloc={place}"},
        tags=(1, 1, 1, 1),
    )
    movie = Movie(path)
    assert movie.inspect().chroma == location
    siting = {"left": 0.0, "center": 0.5, "topleft": 0.0, "top": 0.5, "bottomleft": 0.0, "bottom": 0.5}
    down = {"top": 0.0, "topleft": 0.0, "left": 0.5, "center": 0.5}.get(location, 1.0)
    want = expected(planes, PixelFormat.named("yuv420p"), size, BT709, False, (siting[location], down))
    np.testing.assert_allclose(movie.read(1).pixels, want, atol=1e-6)


def test_nominal_black_and_white_are_exact() -> None:
    for bits in (8, 10, 12, 16):
        step = 2 ** (bits - 8)
        for full, black, white in ((False, 16 * step, 235 * step), (True, 0, 2**bits - 1)):
            matrix = yuv_to_rgb(1, bits, full=full)
            np.testing.assert_allclose(matrix @ [black, 128 * step, 128 * step, 1], 0, atol=1e-12)
            np.testing.assert_allclose(matrix @ [white, 128 * step, 128 * step, 1], 1, atol=1e-12)


@pytest.mark.parametrize(
    ("pixels", "order"),
    [
        ("gbrp", "gbr"),
        ("gbrp12le", "gbr"),
        ("gbrap", "gbra"),
        ("rgb24", "rgb"),
        ("bgr24", "bgr"),
        ("rgba", "rgba"),
        ("bgra", "bgra"),
        ("argb", "argb"),
        ("bgr0", "bgr0"),
        ("rgb48le", "rgb"),
        ("rgb48be", "rgb"),
        ("rgba64le", "rgba"),
        ("gray", "y"),
        ("gray16le", "y"),
        ("ya8", "ya"),
    ],
)
def test_rgb_and_gray(tmp_path: Path, pixels: str, order: str) -> None:
    size = (22, 10)
    planes = noise(pixels, size, 4)
    frame = Movie(write(tmp_path / "a.nut", [planes], codec="rawvideo", pixels=pixels, size=size)).read(1)
    most = 2.0 ** PixelFormat.named(pixels).bits - 1
    samples = planes if len(planes) > 1 else [planes[0][:, i :: len(order)] for i in range(len(order))]
    by_name = {name.upper(): part / most for name, part in zip(order, samples, strict=True)}
    assert frame.channels == tuple(c for c in "RGBYA" if c in by_name)
    for index, channel in enumerate(frame.channels):
        np.testing.assert_allclose(frame.pixels[..., index], by_name[channel], atol=1e-6)
    assert frame.straight_alpha
    assert frame.colorspace is None


@pytest.mark.parametrize("pixels", ["nv12", "nv21", "nv16", "nv24", "p010le", "p210le", "p016le", "p416be"])
def test_semi_planar(pixels: str) -> None:
    size = (22, 10)
    planes = noise(pixels, size, 5)
    known = PixelFormat.named(pixels)
    rows = [plane.view(np.uint8) for plane in planes]
    found, channels = to_pixels(rows, size, known, matrix=1, full=False, siting="left")
    first, second = planes[1][:, ::2], planes[1][:, 1::2]
    apart = [planes[0], *((second, first) if pixels == "nv21" else (first, second))]
    apart = [plane >> known._shift for plane in apart]
    assert channels == ("R", "G", "B")
    np.testing.assert_allclose(found, expected(apart, known, size, BT709, False, (0.0, 0.5)), atol=1e-6)


@pytest.mark.parametrize(("pixels", "order"), [("yuyv422", "yuyv"), ("uyvy422", "uyvy")])
def test_packed_422(tmp_path: Path, pixels: str, order: str) -> None:
    size = (22, 10)
    planes = [np.random.default_rng(6).integers(0, 256, (10, 44), np.uint8)]
    frame = Movie(write(tmp_path / "a.nut", [planes], codec="rawvideo", pixels=pixels, size=size)).read(1)
    u, v, y = (planes[0][:, order.index(c) :: 2 if c == "y" else 4] for c in "uvy")
    known = PixelFormat.named(pixels)
    np.testing.assert_allclose(
        frame.pixels, expected([y, u, v], known, size, BT709, False, (0.0, 0.5)), atol=1e-6
    )


def test_limited_rgb_and_gray(tmp_path: Path) -> None:
    for pixels in ("gbrp10le", "gray10le"):
        planes = noise(pixels, (24, 16), 7)
        path = write(tmp_path / f"{pixels}.mkv", [planes], pixels=pixels, tags=(1, 2, 1, 1))
        frame = Movie(path).read(1)
        green = frame.pixels[..., frame.channels.index("G" if pixels == "gbrp10le" else "Y")]
        np.testing.assert_allclose(green, (planes[0] - 64.0) / 876, atol=1e-6)


def test_other_pixel_formats_are_named(tmp_path: Path) -> None:
    planes = [np.zeros((16, 48), np.uint8)]
    path = write(tmp_path / "a.nut", [planes], codec="rawvideo", pixels="rgb565le")
    with pytest.raises(
        InputError, match=r"a\.nut: pixel format rgb565le is not supported \(rawvideo\); convert"
    ):
        Movie(path)
    for name in ("pal8", "bayer_rggb8", "monob", "gbrpf32le", "x2rgb10le", "yuv444p10msble", "xyz12le"):
        with pytest.raises(ValueError, match=name):
            PixelFormat.named(name)


def test_constant_luminance_is_refused(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.mkv", [noise("yuv420p10le", (24, 16), 1)], pixels="yuv420p10le", tags=(1, 10, 9, 14)
    )
    with pytest.raises(InputError, match="matrix BT.2020 constant luminance is not supported"):
        Movie(path)


def test_enlarge_keeps_a_ramp_straight() -> None:
    ramp = np.arange(8, dtype=np.float32)[None].repeat(3, 0)
    for factor in (2, 4):
        for siting in (0.0, 0.5, 1.0):
            inside = enlarge(ramp, factor, siting, 1)[:, factor:-factor]
            np.testing.assert_allclose(np.diff(inside), 1 / factor, atol=1e-6)
            np.testing.assert_array_equal(
                enlarge(ramp.T.copy(), factor, siting, 0), enlarge(ramp, factor, siting, 1).T
            )


def test_alpha_is_straight_and_full_range(tmp_path: Path) -> None:
    planes = noise("yuva444p10le", (24, 16), 8)
    path = write(tmp_path / "a.mkv", [planes], pixels="yuva444p10le", tags=(1, 1, 1, 1))
    frame = Movie(path).read(1)
    assert frame.channels == ("R", "G", "B", "A")
    assert frame.straight_alpha
    assert frame.alpha is not None
    np.testing.assert_allclose(frame.alpha, planes[3] / 1023, atol=1e-6)
    alone = Movie(path).read(1, layer="A")
    assert alone.channels == ("A",)
    np.testing.assert_array_equal(alone.pixels[..., 0], frame.alpha)
    with pytest.raises(FrameError, match=r"frame 1: has no layer 'matte'; it has R, G, B, A"):
        Movie(path).read(1, layer="matte")


# --- codecs and seeking


def codec_case(name: str) -> dict[str, Any]:
    return {
        "h264": {"codec": "libx264", "options": {"g": "7", "bf": "3", "sc_threshold": "0"}},
        "open": {"codec": "libx264", "options": {"x264-params": "keyint=7:bframes=3:open-gop=1"}},
        "refresh": {"codec": "libx264", "options": {"x264-params": "keyint=8:intra-refresh=1:bframes=0"}},
        "hevc": {
            "codec": "libx265",
            "pixels": "yuv420p10le",
            "options": {"preset": "ultrafast", "x265-params": "log-level=none:keyint=8:bframes=3:pools=1"},
        },
        "prores": {"codec": "prores_ks", "pixels": "yuv422p10le", "options": {"profile": "3"}},
        "mpeg4": {"codec": "mpeg4", "options": {"bf": "2", "g": "6"}},
        "dnxhr": {"codec": "dnxhd", "pixels": "yuv422p", "options": {"profile": "dnxhr_sq"}},
        "ffv1": {"codec": "ffv1", "pixels": "yuv422p10le"},
        "vp9": {"codec": "libvpx-vp9", "options": {"deadline": "realtime", "cpu-used": "8", "g": "8"}},
    }[name]


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("h264", ".mp4"),
        ("h264", ".mkv"),
        ("open", ".mov"),
        ("refresh", ".mp4"),
        ("hevc", ".mov"),
        ("prores", ".mov"),
        ("prores", ".mxf"),
        ("mpeg4", ".avi"),
        ("mpeg4", ".mov"),
        ("dnxhr", ".mov"),
        ("ffv1", ".mkv"),
        ("ffv1", ".avi"),
        ("h264", ".avi"),
        ("h264", ".ts"),
        ("vp9", ".webm"),
    ],
)
def test_any_order_gives_the_same_bits(tmp_path: Path, name: str, suffix: str) -> None:
    case = codec_case(name)
    deep = case.get("pixels", "yuv420p") in ("yuv420p10le", "yuv422p10le")
    size = (256, 128) if name == "dnxhr" else (64, 48)
    frames = moving(30, size, 10 if deep else 8, 3 if "422" in case.get("pixels", "") else 2)
    path = write(tmp_path / f"a{suffix}", frames, size=size, tags=(1, 1, 1, 1), **case)
    movie = Movie(path)
    assert movie.frames == tuple(range(1, 31))
    seeks = count_seeks(movie)
    in_order = {frame: movie.read(frame).pixels for frame in movie.frames}
    assert len(seeks) <= 1
    for frame, planes in zip((1, 9, 30), (frames[0], frames[8], frames[29]), strict=True):
        coded = PixelFormat.named(case.get("pixels", "yuv420p"))
        want = expected(planes, coded, size, BT709, False, (0.0, 0.5))
        assert np.abs(in_order[frame] - want).mean() < 0.1  # the right one: its neighbours are farther
    other = Movie(path)
    order = np.random.default_rng(1).permutation(30)[:14] + 1
    for frame in [*order, 30, 1, 29, 2, 8, 7]:
        np.testing.assert_array_equal(other.read(int(frame)).pixels, in_order[int(frame)])
        assert other.digest(int(frame)) == movie.digest(int(frame))
    assert len({pixels.tobytes() for pixels in in_order.values()}) == 30


def count_seeks(movie: Movie) -> list[int]:
    """Note each seek from now on."""
    seeks: list[int] = []
    real = movie._decoder._seek

    def noted(start: int) -> None:
        seeks.append(start)
        real(start)

    movie._decoder._seek = noted  # type: ignore[method-assign]
    return seeks


def test_a_late_frame_is_decoded_from_the_nearest_key_frame(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", moving(40), size=(64, 48), **codec_case("h264"))
    movie = Movie(path)
    seeks = count_seeks(movie)
    movie.read(37)
    assert seeks == [35]
    movie.read(38)
    movie.digest(38)
    assert seeks == [35]


def test_frames_that_an_edit_cuts_off_do_not_count(tmp_path: Path) -> None:
    """MP4 keeps frames before time 0, which decoders need and players do not show."""
    frames, case = moving(20), codec_case("h264")
    movie = Movie(write(tmp_path / "a.mp4", frames, size=(64, 48), pts=list(range(-5, 15)), **case))
    assert len(movie.frames) == 15
    assert not any("cut short" in note for note in movie.notes())
    known = PixelFormat.named("yuv420p")
    for frame in (15, 1, 8):
        want = expected(frames[frame + 4], known, (64, 48), BT709, False, (0.0, 0.5))
        assert np.abs(movie.read(frame).pixels - want).mean() < 0.1


def test_sound_beside_the_pictures(tmp_path: Path) -> None:
    path, alone = tmp_path / "a.mp4", tmp_path / "b.mp4"
    for target, with_sound in ((path, True), (alone, False)):
        with av.open(str(target), "w") as output:
            video = output.add_stream("libx264", rate=25, options={"g": "12", "bf": "2"})
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            sound = output.add_stream("aac", rate=48000, layout="mono") if with_sound else None
            for index, planes in enumerate(moving(30)):
                frame = av.VideoFrame(64, 48, "yuv420p")
                fill(frame, planes)
                frame.pts, frame.time_base = index, Fraction(1, 25)
                output.mux(video.encode(frame))
                if sound is not None:
                    samples = av.AudioFrame.from_ndarray(np.zeros((1, 1920), np.float32), "fltp", "mono")
                    samples.sample_rate, samples.pts = 48000, index * 1920
                    samples.time_base = Fraction(1, 48000)
                    output.mux(sound.encode(samples))
            for stream in filter(None, (video, sound)):
                output.mux(stream.encode())
    heard, silent = Movie(path), Movie(alone)
    for frame in (30, 1, 17, 16, 25):
        assert heard.digest(frame) == silent.digest(frame)


def test_prores_4444_keeps_alpha(tmp_path: Path) -> None:
    ramp = (np.arange(64)[None].repeat(48, 0) * 16).astype(np.uint16)
    planes = [*moving(1, bits=10, chroma=1)[0], ramp]
    path = write(
        tmp_path / "a.mov",
        [planes] * 2,
        codec="prores_ks",
        pixels="yuva444p10le",
        size=(64, 48),
        options={"profile": "4", "alpha_bits": "16"},
        tags=(1, 1, 1, 1),
    )
    movie = Movie(path)
    assert movie.inspect().has_alpha
    frame = movie.read(2)
    assert frame.alpha is not None
    np.testing.assert_allclose(frame.alpha, ramp / 1023, atol=1 / 4095)
    assert frame.colorspace == "g24_rec709_display"


def test_another_container_is_the_same_input(tmp_path: Path) -> None:
    frames = moving(12)
    path = write(tmp_path / "a.mp4", frames, size=(64, 48), tags=(1, 1, 1, 1), **codec_case("h264"))
    copy = tmp_path / "b.mkv"
    with av.open(str(path)) as source, av.open(str(copy), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    one, two = Movie(path), Movie(copy)
    assert [one.digest(f) for f in one.frames] == [two.digest(f) for f in two.frames]
    retagged = write(tmp_path / "c.mp4", frames, size=(64, 48), tags=(1, 5, 1, 1), **codec_case("h264"))
    assert Movie(retagged).digest(3) != one.digest(3)


def test_threads_take_turns(tmp_path: Path) -> None:
    movie = Movie(write(tmp_path / "a.mp4", moving(24), size=(64, 48), **codec_case("h264")))
    want = [movie.digest(frame) for frame in movie.frames]
    found: dict[int, list[str]] = {}

    def read(step: int) -> None:
        found[step] = [movie.digest(frame) for frame in movie.frames[::step]]

    threads = [threading.Thread(target=read, args=(step,)) for step in (1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {1: want, -1: want[::-1]}


# --- header


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_is_applied(tmp_path: Path, degrees: int) -> None:
    planes = [np.full((8, 12), 16, np.uint8), *[np.full((4, 6), 128, np.uint8)] * 2]
    planes[0][0, 0] = 235  # coded top left
    planes[0][0, 1:] = 126
    path = write(
        tmp_path / "a.mov",
        [planes],
        size=(12, 8),
        codec="libx264",
        options={"qp": "0", "preset": "ultrafast"},
        rotation=degrees,  # counter-clockwise
        aspect=Fraction(2, 1),
    )
    movie = Movie(path)
    frame = movie.read(1)
    info = movie.inspect()
    luma = frame.pixels[..., 1]
    # Where the coded top left corner goes when the picture is turned counter-clockwise.
    corner, edge = {90: ((-1, 0), luma[:, 0]), 180: ((-1, -1), luma[-1]), 270: ((0, -1), luma[:, -1])}[
        degrees
    ]
    assert luma[corner] == pytest.approx(1.0, abs=1e-6)
    assert (edge > 0.4).all()
    assert movie.display_size(1) == (luma.shape[1], luma.shape[0]) == ((12, 8) if degrees == 180 else (8, 12))
    assert info.rotation == 360 - degrees
    assert frame.pixel_aspect == (2.0 if degrees == 180 else 0.5)
    assert any(f"rotated by {360 - degrees} degrees" in note for note in movie.notes())


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_orientation_puts_each_pixel_in_its_place(rotation: int, mirrored: bool) -> None:
    """Against the display matrix's own words: coded (x, y) goes to (a x + c y, b x + d y)."""
    cos, sin = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[rotation]
    flip = -1 if mirrored else 1
    turn = Orientation(cos * flip, sin * flip, -sin, cos)
    assert (turn.rotation, turn.mirrored) == (rotation, mirrored)
    height, width = 3, 5
    pixels = np.arange(15.0).reshape(height, width, 1)
    places = {}
    for y in range(height):
        for x in range(width):
            places[turn.a * x + turn.c * y, turn.b * x + turn.d * y] = pixels[y, x, 0]
    left, top = min(x for x, _ in places), min(y for _, y in places)
    turned = turn.turn(pixels)
    assert turned.shape[:2] == ((width, height) if turn.swaps else (height, width))
    assert {(x + left, y + top): turned[y, x, 0] for y, x in np.ndindex(turned.shape[:2])} == places


def test_pixel_aspect(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mov", moving(1), size=(64, 48), codec="mpeg4", aspect=Fraction(64, 45))
    assert Movie(path).read(1).pixel_aspect == pytest.approx(64 / 45)


@pytest.mark.parametrize(
    ("tags", "space", "note"),
    [
        ((1, 1, 1, 1), "g24_rec709_display", ""),
        ((1, 6, 6, 6), "g24_rec709_display", "BT.601 525 lines, are treated as BT.709"),
        ((1, 5, 5, 6), "g24_rec709_display", "BT.601 625 lines, are treated as BT.709"),
        ((1, 9, 9, 14), "g24_rec2020_display", ""),
        ((1, 1, 12, 1), "g24_p3d65_display", ""),
        ((1, 1, 1, 13), "srgb_rec709_scene", ""),
        ((1, 1, 12, 13), "srgb_p3d65_scene", ""),
        ((1, 1, 1, 8), "lin_rec709_scene", ""),
        ((1, 9, 9, 16), "pq_rec2020_display", ""),
        ((1, 9, 9, 18), "hlg_rec2020_display", ""),
        ((1, 1, 2, 2), None, ""),
        ((1, 9, 9, 2), None, "if it is a camera log, set --colorspace"),
        ((1, 1, 11, 1), None, "no colour space is known for its tags (primaries DCI-P3, transfer BT.709)"),
    ],
)
def test_tags_name_a_space(
    tmp_path: Path, tags: tuple[int, int, int, int], space: str | None, note: str
) -> None:
    movie = Movie(write(tmp_path / "a.mkv", [noise("yuv420p", (24, 16), 1)], tags=tags))
    assert movie.read(1).colorspace == space
    assert movie.inspect().colorspace == space
    notes = [n for n in movie.notes() if "varies" not in n]
    assert (len(notes) == 1 and note in notes[0]) if note else not notes


def test_every_space_is_one_of_the_shipped_configuration() -> None:
    from howard_nodes.color import ColorConfig

    config = ColorConfig.load("howard")
    for name in TAGGED_SPACES.values():
        assert config.knows(name), name


def test_mjpeg_is_full_range_with_centred_chroma(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.avi", moving(3), size=(64, 48), codec="mjpeg", pixels="yuvj420p", tags=(2, 5, 2, 2)
    )
    info = Movie(path).inspect()
    assert (info.range, info.chroma, info.matrix) == ("full", "center", "BT.601")


def test_interlaced_is_told(tmp_path: Path) -> None:
    options = {"x264-params": "interlaced=1", "preset": "ultrafast"}
    path = write(tmp_path / "a.mp4", moving(4), size=(64, 48), codec="libx264", options=options)
    movie = Movie(path)
    assert movie.inspect().interlaced
    assert any("interlaced" in note for note in movie.notes())


@pytest.mark.parametrize("suffix", [".mkv", ".mov"])
def test_variable_rate_is_told(tmp_path: Path, suffix: str) -> None:
    stamps = [0, 10, 20, 60, 70, 80, 120]
    path = write(
        tmp_path / f"a{suffix}",
        moving(7),
        size=(64, 48),
        rate=Fraction(240),
        pts=stamps,
        timecode="01:00:00:00",
        codec="libx264",
        options={"bf": "2", "preset": "ultrafast"},
    )
    movie = Movie(path)
    assert movie.frames == (1, 2, 3, 4, 5, 6, 7)
    assert movie.inspect().variable_rate
    (note,) = [note for note in movie.notes() if "varies" in note]
    assert "the frame rate varies (6" in note.replace("5.988", "6")  # mkv counts milliseconds
    assert len({movie.digest(frame) for frame in movie.frames}) == 7


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60)])
@pytest.mark.parametrize("suffix", [".mkv", ".mov"])
def test_rounded_time_stamps_are_a_constant_rate(tmp_path: Path, suffix: str, rate: Fraction) -> None:
    codec = {"codec": "mjpeg", "pixels": "yuvj420p"}
    movie = Movie(write(tmp_path / f"a{suffix}", moving(25, (24, 16)), size=(24, 16), rate=rate, **codec))
    info = movie.inspect()
    assert not info.variable_rate
    assert info.rate == rate
    fps = movie.read(3).metadata["framesPerSecond"]
    assert (tuple(fps), fps.type) == (rate.as_integer_ratio(), "rational")
    assert info.duration == pytest.approx(25 / rate, abs=2e-3)


# --- timecode


def test_timecode_of_each_frame(tmp_path: Path) -> None:
    frames = [noise("yuv420p", (24, 16), 1)] * 4
    path = write(
        tmp_path / "a.mov",
        frames,
        codec="mjpeg",
        pixels="yuvj420p",
        rate=Fraction(30000, 1001),
        timecode="00:00:59;28",
    )
    movie = Movie(path)
    assert movie.inspect().timecode == "00:00:59;28"
    read = [movie.read(frame).metadata["smpte:TimeCode"] for frame in movie.frames]
    assert [tuple(value) for value in read] == [
        (0x00005968, 0),
        (0x00005969, 0),
        (0x00010042, 0),  # ;00 and ;01 of this minute are left out
        (0x00010043, 0),
    ]
    assert read[0].type == "timecode"


@pytest.mark.parametrize(
    ("start", "rate", "count", "packed"),
    [
        ("01:02:03:04", Fraction(24), 0, 0x01020304),
        ("01:00:00:23", Fraction(24000, 1001), 1, 0x01000100),
        ("23:59:59:24", Fraction(25), 1, 0x00000000),
        ("00:09:59;29", Fraction(30000, 1001), 1, 0x00100040),  # a tenth minute leaves none out
        ("23:59:59;29", Fraction(30000, 1001), 1, 0x00000040),
        ("00:00:59.59", Fraction(60000, 1001), 1, 0x00010042),  # 00:01:00;04, the first of a pair
        ("00:00:00:01", Fraction(50), 0, 0x80000000),
        ("00:00:00:59", Fraction(60), 0, 0x00008029),
        ("00:00:00:30", Fraction(24), 0, None),
        ("noon", Fraction(24), 0, None),
    ],
)
def test_packed_timecode(start: str, rate: Fraction, count: int, packed: int | None) -> None:
    assert timecode_at(start, rate, count) == packed


@given(st.integers(0, 2_589_407))
def test_drop_frame_counts_like_a_clock(count: int) -> None:
    """Against going through the minutes one by one."""
    minute, rest = 0, count
    while True:
        length = 1800 if minute % 10 == 0 else 1798
        if rest < length:
            break
        minute, rest = minute + 1, rest - length
    number = rest if minute % 10 == 0 else rest + 2
    digits = (minute // 60, minute % 60, number // 30, number % 30)
    want = int("".join(f"{value:02d}" for value in digits), 16) | 0x40
    assert timecode_at("00:00:00;00", Fraction(30000, 1001), count) == want


# --- bad input


def test_frames_that_are_not_there(tmp_path: Path) -> None:
    movie = Movie(write(tmp_path / "a.mkv", [noise("yuv420p", (24, 16), i) for i in range(5)]))
    assert (movie.missing([0, 1, 5, 6]), movie.select([0, 4, 2]), movie.select()) == (
        (0, 6),
        (2, 4),
        movie.frames,
    )
    assert (movie.exists(5), movie.exists(6), movie.is_still) == (True, False, False)
    with pytest.raises(FrameError, match=r"a\.mkv, frame 6: has no such frame, only 1-5"):
        movie.read(6)
    assert movie.path(77) == tmp_path / "a.mkv"


def test_a_movie_of_one_frame_is_a_still(tmp_path: Path) -> None:
    movie = Movie(write(tmp_path / "a.mkv", [noise("yuv420p", (24, 16), 1)]))
    assert movie.is_still
    assert movie.missing([1, 1001]) == ()
    assert movie.read(1001).frame == 1001
    assert movie.digest(1001) == movie.digest(1)


def test_broken_files(tmp_path: Path) -> None:
    def refused(name: str, content: bytes) -> str:
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(InputError) as caught:
            Movie(path)
        assert str(path) in str(caught.value)
        return str(caught.value)

    with pytest.raises(InputError, match=r"none\.mov: no such file"):
        Movie(tmp_path / "none.mov")
    with pytest.raises(InputError, match="is not a file"):
        Movie(tmp_path)
    assert "empty (0 bytes)" in refused("empty.mov", b"")
    rng = np.random.default_rng(1)
    assert "cannot be read as a movie" in refused("garbage.mov", rng.bytes(5000))
    assert "cannot be read as a movie" in refused("garbage.mkv", rng.bytes(5000))
    path = write(tmp_path / "whole.mov", moving(12), size=(64, 48), **codec_case("h264"))
    assert "moov atom) is missing" in refused("cut.mov", path.read_bytes()[:1000])
    assert "moov atom) is incomplete" in refused("cut.mov", path.read_bytes()[:-900])
    tape = write(tmp_path / "tape.mxf", moving(3), size=(64, 48), codec="mpeg2video").read_bytes()
    told = refused("head.mxf", tape[:4] + bytes(4) + tape[8:])
    assert "it is damaged, copy it again" in told
    assert "permitted" not in told
    still = tmp_path / "still.png"
    write(still, [[np.zeros((16, 72), np.uint8)]], codec="png", pixels="rgb24", container={"update": "1"})
    assert "is not a movie but png" in refused("still.mov", still.read_bytes())


def test_a_frame_that_memory_cannot_hold_fails_with_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from howard_nodes.frames import movie

    def full(*_: object, **__: object) -> None:
        raise MemoryError

    path = write(tmp_path / "x.mov", moving(2), size=(64, 48), **codec_case("h264"))
    monkeypatch.setattr(movie, "to_pixels", full)
    with pytest.raises(FrameError, match=r"x\.mov, frame 2: needs more memory .* 64x48 pixels"):
        Movie(path).read(2)


def test_no_pictures(tmp_path: Path) -> None:
    path = tmp_path / "sound.mov"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 480), np.int16), "s16", "mono")
        frame.sample_rate = 48000
        output.mux(stream.encode(frame))
    with pytest.raises(InputError, match=r"sound\.mov: has no video, only audio"):
        Movie(path)


@pytest.mark.parametrize(
    ("name", "suffix", "container"),
    [
        ("h264", ".mp4", {"movflags": "faststart"}),
        ("prores", ".mov", {"movflags": "faststart"}),
        ("h264", ".mkv", {}),
        ("ffv1", ".avi", {}),
    ],
)
def test_what_is_left_of_a_truncated_movie(
    tmp_path: Path, name: str, suffix: str, container: dict[str, str]
) -> None:
    case = codec_case(name)
    deep, chroma = (10, 3) if "pixels" in case else (8, 2)
    frames = moving(24, bits=deep, chroma=chroma)
    path = write(tmp_path / f"a{suffix}", frames, size=(64, 48), container=container, **case)
    whole = Movie(path)
    want = [whole.digest(frame) for frame in whole.frames]
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    movie = Movie(path)
    good, bad = [], []
    for frame in movie.frames:
        try:
            good.append((frame, movie.digest(frame)))
        except FrameError as error:
            bad.append((frame, str(error)))
    assert all(f"{path}, frame {frame}: cannot be decoded" in message for frame, message in bad)
    assert len(good) > 6
    assert all(digest == want[frame - 1] for frame, digest in good)
    if suffix in (".mp4", ".mov"):
        assert movie.frames == whole.frames
        assert bad
        assert any("cut short" in note for note in movie.notes())


def test_a_damaged_frame_fails_alone(tmp_path: Path) -> None:
    frames = moving(12, bits=10, chroma=3)
    path = write(tmp_path / "a.mov", frames, size=(64, 48), **codec_case("prores"))
    whole = Movie(path)
    want = [whole.digest(frame) for frame in whole.frames]
    entry = list(whole._stream.index_entries)[4]
    data = bytearray(path.read_bytes())
    data[entry.pos + 8 : entry.pos + entry.size] = bytes(entry.size - 8)
    path.write_bytes(data)
    movie = Movie(path)
    for _ in range(2):
        for frame in movie.frames:
            if frame == 5:
                with pytest.raises(FrameError, match=r"a\.mov, frame 5: cannot be decoded"):
                    movie.read(frame)
            else:
                assert movie.digest(frame) == want[frame - 1]


def test_damage_in_a_group_of_frames_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", moving(24), size=(64, 48), **codec_case("h264"))
    whole = Movie(path)
    want = [whole.digest(frame) for frame in whole.frames]
    entry = list(whole._stream.index_entries)[9]
    data = bytearray(path.read_bytes())
    data[entry.pos + 6 : entry.pos + entry.size] = np.random.default_rng(1).bytes(entry.size - 6)
    path.write_bytes(data)
    movie = Movie(path)
    failed = []
    for frame in movie.frames:
        try:
            digest = movie.digest(frame)
        except FrameError:
            failed.append(frame)
        else:
            if not 8 <= frame <= 14:
                assert digest == want[frame - 1]
    assert failed
    assert set(failed) <= set(range(8, 15))


def test_planes_upside_down() -> None:
    """A bottom-up bitmap: rows are turned before they come here, so a reversed view must do."""
    rows = np.arange(48, dtype=np.uint8).reshape(4, 12)[::-1]
    pixels, channels = to_pixels(
        [rows], (4, 4), PixelFormat.named("rgb24"), matrix=1, full=True, siting="left"
    )
    assert channels == ("R", "G", "B")
    np.testing.assert_allclose(pixels.reshape(4, 12), rows / 255, atol=1e-6)
