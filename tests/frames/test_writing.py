from __future__ import annotations

import os
import struct
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from howard_nodes.errors import InputError, WriteError
from howard_nodes.frames import (
    EXR_COMPRESSIONS,
    HALF_MAX,
    Window,
    inspect_file,
    read_frame,
    validate_compression,
    verify_file,
    write_image,
)

PlainExr = Callable[[Path], tuple[dict[str, tuple[str, bytes]], dict[str, np.ndarray]]]

LAYERS = (
    "R",
    "G",
    "B",
    "A",
    "foreground.R",
    "foreground.G",
    "foreground.B",
    "alpha.A",
    "coarse.A",
    "error.A",
)


def _random(channels: int, height: int = 37, width: int = 53) -> np.ndarray:
    return np.random.default_rng(channels).normal(1, 20, (height, width, channels)).astype(np.float32)


# --- what lies in the file, by a second reader


@pytest.mark.parametrize("depth", ["half", "float"])
@pytest.mark.parametrize("compression", ["none", "zip", "zips"])
def test_exr_by_another_reader(tmp_path: Path, plain_exr: PlainExr, depth: str, compression: str) -> None:
    pixels = _random(10)
    path = tmp_path / "layers.exr"
    write_image(
        path,
        pixels,
        LAYERS,
        depth=depth,
        compression=compression,
        data_window=Window(-11, 4, 53, 37),
        display_window=Window(0, 0, 40, 30),
        pixel_aspect=2.0,
        colorspace="ACEScg",
    )
    attributes, channels = plain_exr(path)
    assert set(channels) == set(LAYERS)
    dtype = {"half": np.float16, "float": np.float32}[depth]
    for position, name in enumerate(LAYERS):
        assert channels[name].dtype == dtype
        np.testing.assert_array_equal(channels[name], pixels[..., position].astype(dtype))
    assert struct.unpack("<4i", attributes["dataWindow"][1]) == (-11, 4, 41, 40)
    assert struct.unpack("<4i", attributes["displayWindow"][1]) == (0, 0, 39, 29)
    assert struct.unpack("<f", attributes["pixelAspectRatio"][1]) == (2.0,)
    assert attributes["howard:colorspace"] == ("string", b"ACEScg")
    assert attributes["colorInteropID"] == ("string", b"lin_ap1_scene")


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_by_another_reader(tmp_path: Path, channels: int) -> None:
    pixels = np.random.default_rng(9).uniform(-0.1, 1.1, (21, 34, channels)).astype(np.float32)
    names = {1: ["alpha"], 2: ["Y", "A"], 3: "RGB", 4: "RGBA"}[channels]
    write_image(tmp_path / "p.png", pixels, names, colorspace="sRGB Encoded Rec.709 (sRGB)")
    expected = np.rint(np.clip(pixels, 0, 1) * 65535)
    again = cv2.imread(str(tmp_path / "p.png"), cv2.IMREAD_UNCHANGED)
    assert again.dtype == np.uint16
    if channels == 2:  # OpenCV spreads grey with alpha to four channels
        again, expected = again[..., [0, 3]], expected
    elif channels > 2:
        again = again[..., [2, 1, 0, 3][:channels]]
    np.testing.assert_array_equal(again.reshape(expected.shape), expected)
    frame = read_frame(tmp_path / "p.png")
    np.testing.assert_array_equal(np.rint(frame.pixels * 65535), expected)
    assert frame.colorspace == "sRGB Encoded Rec.709 (sRGB)"


def test_png_covers_the_display_window(tmp_path: Path) -> None:
    pixels = np.full((4, 6, 1), 0.5, np.float32)
    write_image(
        tmp_path / "p.png",
        pixels,
        ["A"],
        data_window=Window(-2, 1, 6, 4),
        display_window=Window(0, 0, 5, 4),
        pixel_aspect=2.0,
    )
    frame = read_frame(tmp_path / "p.png")
    assert frame.data_window == frame.display_window == Window(0, 0, 5, 4)
    assert frame.pixel_aspect == 2.0
    expected = np.zeros((4, 5))
    expected[1:, :4] = 0.5
    np.testing.assert_allclose(frame.pixels[..., 0], expected, atol=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    pixels=hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(1, 5)),
        elements=st.floats(width=32, allow_nan=True, allow_infinity=True),
    ),
    origin=st.tuples(st.integers(-5000, 5000), st.integers(-5000, 5000)),
    display=st.tuples(st.integers(-9, 9), st.integers(-9, 9), st.integers(1, 4096), st.integers(1, 4096)),
    depth=st.sampled_from(["half", "float"]),
    compression=st.sampled_from(["none", "rle", "zips", "zip", "piz"]),
    aspect=st.floats(0.25, 4.0, width=32),
)
def test_exr_round_trip(
    pixels: np.ndarray,
    origin: tuple[int, int],
    display: tuple[int, int, int, int],
    depth: str,
    compression: str,
    aspect: float,
) -> None:
    height, width, count = pixels.shape
    before = pixels.copy()
    data = Window(*origin, width, height)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "r.exr")
        write_image(
            path,
            pixels,
            [f"layer.{'RGBAZ'[c]}" for c in range(count)],
            depth=depth,
            compression=compression,
            data_window=data,
            display_window=Window(*display),
            pixel_aspect=aspect,
        )
        parts = [read_frame(path, layer=f"layer.{'RGBAZ'[c]}") for c in range(count)]
        assert list(Path(folder).iterdir()) == [path]
    np.testing.assert_array_equal(pixels, before)  # the caller's pixels are left alone
    expected = np.nan_to_num(pixels, nan=0.0, posinf=HALF_MAX, neginf=0.0)
    if depth == "half":
        expected = np.clip(expected, -HALF_MAX, HALF_MAX).astype(np.float16)
    np.testing.assert_array_equal(np.concatenate([p.pixels for p in parts], axis=2), expected)
    assert parts[0].data_window == data
    assert parts[0].display_window == Window(*display)
    assert parts[0].pixel_aspect == pytest.approx(aspect)


@pytest.mark.parametrize("compression", EXR_COMPRESSIONS)
def test_every_compression_is_the_one_in_the_file(
    tmp_path: Path, picture: np.ndarray, compression: str
) -> None:
    write_image(tmp_path / "c.exr", picture, "RGB", compression=compression)
    assert inspect_file(tmp_path / "c.exr").parts[0].compression == compression
    np.testing.assert_allclose(read_frame(tmp_path / "c.exr").pixels, picture, rtol=0.05, atol=0.05)
    verify_file(tmp_path / "c.exr")


def test_compression_names_are_validated(tmp_path: Path) -> None:
    assert validate_compression("ZIPS") == "zips"
    for name in ("zipp", "", "jpeg", "dwa"):
        with pytest.raises(InputError, match="use one of none, rle"):
            validate_compression(name)
    with pytest.raises(InputError, match="unknown compression 'lz4'"):
        write_image(tmp_path / "c.exr", _random(3), "RGB", compression="lz4")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("compression", EXR_COMPRESSIONS)
@pytest.mark.parametrize("depth", ["half", "float"])
def test_nan_and_inf_never_reach_a_file(tmp_path: Path, compression: str, depth: str) -> None:
    pixels = _random(4, 64, 64)
    pixels[3, 4], pixels[10:20, 7, 1], pixels[5, 5, 3], pixels[8, 8, 0] = np.nan, np.inf, -np.inf, 1e9
    write_image(tmp_path / "n.exr", pixels, "RGBA", compression=compression, depth=depth)
    assert np.isfinite(read_frame(tmp_path / "n.exr").pixels).all()
    # Extremes in every pattern: lossy codecs overshoot.
    rng = np.random.default_rng(2)
    for wild in (
        rng.choice([3e38, -3e38, 0.0, 1.0], (64, 64, 3)),
        rng.choice([HALF_MAX, HALF_MAX * 0.9, 0.0], (64, 64, 3)),
        np.kron(rng.choice([HALF_MAX, -HALF_MAX], (8, 8, 3)), np.ones((8, 8, 1))),
        HALF_MAX * rng.random((64, 64, 3)) ** 0.01,
    ):
        write_image(tmp_path / "w.exr", wild.astype(np.float32), "RGB", compression=compression, depth=depth)
        assert np.isfinite(read_frame(tmp_path / "w.exr").pixels).all()
    if compression == "zip":
        again = read_frame(tmp_path / "n.exr").pixels
        assert again[8, 8, 0] == (HALF_MAX if depth == "half" else np.float32(1e9))
        assert again[10, 7, 1] == HALF_MAX


def test_layouts_of_memory_do_not_matter(tmp_path: Path) -> None:
    pixels = _random(3, 30, 40)
    for number, view in enumerate(
        (
            np.asfortranarray(pixels),
            np.ascontiguousarray(pixels.transpose(2, 0, 1)).transpose(1, 2, 0),
            np.repeat(pixels, 2, axis=1)[:, ::2],
            pixels.astype(np.float64),
        )
    ):
        write_image(tmp_path / f"{number}.exr", view, "RGB", depth="float")
        np.testing.assert_array_equal(read_frame(tmp_path / f"{number}.exr").pixels, pixels)
    write_image(tmp_path / "flat.exr", pixels[..., 0], ["A"], depth="float")
    np.testing.assert_array_equal(read_frame(tmp_path / "flat.exr").pixels[..., 0], pixels[..., 0])


@pytest.mark.parametrize(
    ("name", "channels", "options", "message"),
    [
        ("a.tif", "RGB", {}, r"cannot write \.tif; use \.exr or \.png"),
        ("a", "RGB", {}, "without suffix"),
        ("a.exr", "RG", {}, "do not fit channels R, G"),
        ("a.exr", "RRG", {}, "named twice"),
        ("a.exr", "RGB", {"depth": "uint16"}, "use half or float"),
        ("a.exr", "RGB", {"data_window": Window(0, 0, 5, 5)}, "do not cover data window 5x5"),
        ("a.png", "BGR", {}, "a PNG holds R, G, B, A or one channel"),
    ],
)
def test_wrong_arguments(
    tmp_path: Path, name: str, channels: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        write_image(tmp_path / name, _random(3), channels, **options)
    assert not list(tmp_path.iterdir())


# --- a file is whole or not there


def test_replaces_whole_files(tmp_path: Path) -> None:
    path = tmp_path / "a folder" / "ö.0001.exr"
    path.parent.mkdir()
    for value in (0.25, 0.75):
        write_image(path, np.full((8, 8, 3), value, np.float32), "RGB")
        assert read_frame(path).pixels.max() == value
    assert [p.name for p in path.parent.iterdir()] == ["ö.0001.exr"]
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def test_a_folder_that_is_gone_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match=r"f.0001.exr: cannot be written: its folder is gone; is the disk"):
        write_image(tmp_path / "lost" / "f.0001.exr", _random(3), "RGB")
    assert list(tmp_path.iterdir()) == []


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_longest_name_there_can_be(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 125 + ".exr")  # 254 bytes of 255
    write_image(path, _random(3), "RGB")
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(WriteError, match="cannot be written"):
        write_image(tmp_path / ("é" * 150 + ".exr"), _random(3), "RGB")
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "shot.exr").mkdir()
    with pytest.raises(WriteError, match=r"shot\.exr: cannot be written: a folder has this name"):
        write_image(tmp_path / "shot.exr", _random(3), "RGB")
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match="cannot be written"):
        write_image(tmp_path / "file" / "shot.exr", _random(3), "RGB")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "shot.exr"]


def test_read_only_folder(tmp_path: Path) -> None:
    # Its own folder: pytest's are closed to other users, and root must become one to be refused anything.
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made, "locked")
        folder.mkdir()
        write_image(folder / "before.exr", _random(3), "RGB")
        before = (folder / "before.exr").read_bytes()
        Path(made).chmod(0o755)
        folder.chmod(0o555)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        try:
            for name in ("before.exr", "after.exr", "after.png"):
                with pytest.raises(
                    WriteError, match=rf"{name}: cannot be written: the folder .* is read-only"
                ):
                    write_image(folder / name, _random(3), "RGB")
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o755)
        assert [p.name for p in folder.iterdir()] == ["before.exr"]
        assert (folder / "before.exr").read_bytes() == before


def _run(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_full_disk(tmp_path: Path) -> None:
    """Every way a write can run out of room, by a limit on file size that the kernel enforces."""
    out = _run(
        """
        import os, resource, sys
        from pathlib import Path
        import numpy as np
        from howard_nodes.errors import WriteError
        from howard_nodes.frames import verify_file, write_image

        folder = Path(sys.argv[1])
        pixels = np.random.default_rng(0).random((64, 64, 3), np.float32)
        refused = 0
        for name, compression in (("x.exr", "zip"), ("x.exr", "none"), ("x.exr", "piz"), ("x.png", "zip")):
            path = folder / name
            write_image(path, pixels, "RGB", compression=compression)
            whole = path.read_bytes()
            for room in (0, 1, 99, len(whole) // 3, len(whole) - 4096, len(whole) - 64, len(whole) - 1):
                for there in (True, False):
                    if there:
                        path.write_bytes(whole)
                    else:
                        path.unlink(missing_ok=True)
                    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
                    try:
                        write_image(path, pixels, "RGB", compression=compression)
                    except WriteError as error:
                        refused += 1
                        assert str(path) in str(error) and "exceeds the file size limit" in str(error), error
                    else:
                        raise AssertionError(f"{name} {compression} written into {room} bytes")
                    finally:
                        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
                    assert os.listdir(folder) == ([name] if there else []), os.listdir(folder)
                    assert not there or path.read_bytes() == whole
            path.unlink(missing_ok=True)
        print(refused)
        """,
        str(tmp_path),
    )
    assert int(out) == 4 * 7 * 2


def test_no_space_left_names_the_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteError, match=r"x\.exr: cannot be written: the disk is full; free some space"):
        write_image(tmp_path / "x.exr", _random(3), "RGB")
    assert not list(tmp_path.iterdir())


def test_interrupts_leave_whole_files_only(tmp_path: Path) -> None:
    """Ctrl-C at any moment, many times."""
    out = _run(
        """
        import os, random, signal, sys, threading, time
        from pathlib import Path
        import numpy as np
        from howard_nodes.frames import verify_file, write_image

        folder = Path(sys.argv[1])
        pixels = np.random.default_rng(0).random((96, 512, 3), np.float32)
        write_image(folder / "0.exr", pixels, "RGB")  # loads what converts
        begun = time.perf_counter()
        write_image(folder / "0.exr", pixels, "RGB")
        once = time.perf_counter() - begun
        interrupted = 0
        random.seed(1)
        for number in range(1, 30):
            timer = threading.Timer(random.uniform(0, once), os.kill, (os.getpid(), signal.SIGINT))
            try:
                timer.start()
                write_image(folder / f"{number}.exr", pixels, "RGB")
                timer.join()
                time.sleep(0.001)
            except KeyboardInterrupt:
                interrupted += 1
            timer.join()
            for left in os.listdir(folder):
                if left.startswith("."):
                    # only the atexit hook can get at this one
                    continue
                verify_file(folder / left)
                (folder / left).unlink()
        print(interrupted)
        """,
        str(tmp_path),
    )
    assert int(out) >= 15
    assert not list(tmp_path.iterdir())


def test_exit_removes_what_a_thread_was_writing(tmp_path: Path) -> None:
    # Leaves without finalizing: a thread cut off inside OpenImageIO can abort the process there.
    _run(
        """
        import atexit, os, sys, threading, time
        from pathlib import Path
        import numpy as np
        from howard_nodes.frames import write_image

        folder = Path(sys.argv[1])
        pixels = np.random.default_rng(0).random((1200, 1600, 3), np.float32)
        write = lambda: write_image(folder / "x.exr", pixels, "RGB", compression="zips")
        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        while not any(path.stat().st_size for path in folder.iterdir()):
            time.sleep(0.001)
        assert thread.is_alive()
        atexit._run_exitfuncs()
        os._exit(0)
        """,
        str(tmp_path),
    )
    assert not list(tmp_path.iterdir())


def test_many_threads_write_at_once(tmp_path: Path) -> None:
    def work(number: int) -> None:
        for turn in range(4):
            write_image(tmp_path / f"{number}.exr", np.full((16, 16, 3), number, np.float32), "RGB")
            write_image(tmp_path / "same.exr", np.full((16, 16, 3), turn, np.float32), "RGB")

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(p.name for p in tmp_path.iterdir()) == [*(f"{n}.exr" for n in range(6)), "same.exr"]
    for number in range(6):
        assert (read_frame(tmp_path / f"{number}.exr").pixels == number).all()
