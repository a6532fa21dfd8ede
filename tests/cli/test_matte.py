from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from howard_nodes.frames import inspect_file, read_frame, write_image

RESULTS = [f"shot.{frame}.exr" for frame in (1001, 1002, 1003, 1004)]


def events(ended):
    return [json.loads(line) for line in ended.out.splitlines()]


def test_mattes_a_shot_a_line_a_frame(matte, shot):
    ended = matte(shot)
    assert ended.code == 0, ended.err
    # The shot is a smooth gradient: nothing in it shows whether it moved, but the plate is what is behind it.
    assert ended.err == ""
    assert "fit good: too little texture" in ended.out
    assert shot.results() == RESULTS
    for frame in range(1001, 1005):
        path = shot.output.replace("####", str(frame))
        assert any(line.startswith(f"{frame}  ") and line.endswith(path) for line in ended.out.splitlines())
    assert "4 frames (1001-1004)" in ended.out
    assert "4 frames done in" in ended.out
    assert "ACEScg, from the file's own tag" in ended.out
    layers = inspect_file(shot.output.replace("####", "1001")).parts[0].layers
    assert set(layers) == {"", "foreground", "alpha", "coarse", "error"}


def test_json_has_events_and_nothing_else(matte, shot):
    ended = matte(shot, "--json", "--frames", "1001-1003x2")
    assert ended.code == 0, ended.err
    told = events(ended)
    kinds = [event["event"] for event in told]
    assert kinds[-1] == "finished"
    assert kinds.count("frame_done") == 2
    started = next(event for event in told if event["event"] == "started")
    assert (started["total"], started["device"], started["precision"]) == (2, "cpu", "float32")
    done = [event for event in told if event["event"] == "frame_done"]
    assert [event["frame"] for event in done] == [1001, 1003]
    assert all(Path(path).is_file() for event in done for path in event["paths"])
    assert told[-1]["done"] == "1001,1003"


def test_options_reach_the_result(matte, shot):
    height, width = 48, 64
    for name, value in (("inside", 1.0), ("outside", 1.0), ("coarse", 0.5), ("error", 1.0)):
        picture = np.zeros((height, width), np.float32)
        picture[:10, (0 if name == "inside" else 32) : (32 if name == "inside" else 64)] = value
        write_image(shot.folder / f"{name}.exr", picture, ("A",))
    ended = matte(
        shot,
        *("--frames", "1002", "--layers", "alpha,foreground,clean,region"),
        *("--align", "off", "--match-exposure", "off"),  # in that space the clean plate is another place
        *("--inside", str(shot.folder / "inside.exr"), "--outside", str(shot.folder / "outside.exr")),
        *("--override-coarse", str(shot.folder / "coarse.exr")),
        *("--override-error", str(shot.folder / "error.exr")),
        *("--depth", "float", "--compression", "zips", "--output-colorspace", "lin_rec709_scene"),
        *("--refine", "thresholding", "--threshold", "0.2", "--backbone-scale", "0.5", "--exposure", "0.5"),
        *(
            "--precision",
            "float32",
            "--unmix",
            "off",
            "--colorspace",
            "ACEScg",
            "--clean-colorspace",
            "lin_rec709_scene",
        ),
    )
    assert ended.code == 0, ended.err
    path = shot.output.replace("####", "1002")
    part = inspect_file(path).parts[0]
    assert set(part.layers) == {"alpha", "foreground", "clean", "region"}
    assert set(part.channels.values()) == {"float"}
    assert part.compression == "zips"
    assert part.colorspace == "lin_rec709_scene"
    alpha = read_frame(path, layer="alpha").pixels[..., 0]
    assert (alpha[:10, :32] == 1).all()
    assert (alpha[:10, 32:] == 0).all()
    np.testing.assert_allclose(read_frame(path, layer="clean").rgb, read_frame(shot.clean).rgb, atol=1e-6)


def test_png_has_a_sequence_a_layer(matte, png_shot):
    ended = matte(png_shot, "--layers", "alpha,foreground", "--frames", "1001")
    assert ended.code == 0, ended.err
    assert png_shot.results() == ["shot_alpha.1001.png", "shot_foreground.1001.png"]


def test_clean_offset(matte, shot):
    for frame in (1, 2, 3, 4):
        write_image(shot.folder / f"bg.{frame:04d}.exr", read_frame(shot.clean).pixels, "RGB")
    assert matte(shot, "--clean-offset", "-1000", clean=str(shot.folder / "bg.####.exr")).code == 0
    assert shot.results() == RESULTS


def test_resume_skips_what_is_complete(matte, shot):
    assert matte(shot, "--frames", "1001-1002").code == 0
    Path(shot.output.replace("####", "1002")).write_bytes(b"cut short")
    ended = matte(shot, "--resume", "--json")
    assert ended.code == 0
    skipped = {event["frame"]: event["skipped"] for event in events(ended) if event["event"] == "frame_done"}
    assert skipped == {1001: True, 1002: False, 1003: False, 1004: False}
    ended = matte(shot, "--resume")
    assert "1001  already there" in ended.out
    assert "; 4 already there" in ended.out


@pytest.mark.parametrize(
    ("more", "patterns", "said"),
    [
        ([], {"plate": "{}/plate.%05d.exr"}, ["plate.%05d.exr", "no file matches", "plate.####.exr"]),
        ([], {"plate": "{}/nowhere/plate.####.exr"}, ["nowhere", "does not exist"]),
        ([], {"clean": "{}/claen.exr"}, ["claen.exr", "no such file"]),
        ([], {"output": "{}/plate.####.exr"}, ["plate.1001.exr", "overwrite an input"]),
        ([], {"output": "{}/out/shot.exr"}, ["shot.####.exr"]),
        ([], {"output": "{}/out/shot.####.jpg"}, ["shot.####.jpg", ".exr or .png"]),
        (["--frames", "2001-2004"], {}, ["2001-2004", "1001-1004"]),
        (["--frames", "1001..1004"], {}, ["1001..1004", "1001-1240"]),
        (["--layers", "alpha,foregruond"], {}, ["foregruond", "did you mean 'foreground'"]),
        (["--colorspace", "ACEScq"], {}, ["ACEScq", "ACEScg"]),
        (["--output-colorspace", "ACEScq"], {}, ["ACEScq", "ACEScg"]),
        (["--ocio", "{}/none.ocio"], {}, ["none.ocio", "does not exist"]),
        (["--compression", "zpi"], {}, ["zpi", "zip"]),
        (["--threshold", "7"], {}, ["threshold", "7"]),
        (["--backbone-scale", "0"], {}, ["backbone scale"]),
        ([], {"using": "{}/none.safetensors"}, ["none.safetensors", "no such weights file"]),
        ([], {"using": "resnet51"}, ["resnet51"]),
        ([], {"using": "{}/clean.exr"}, ["clean.exr", "cannot be read as weights"]),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list | dict) else None,
)
def test_wrong_input_ends_with_2_and_a_reason(matte, shot, more, patterns, said):
    ended = matte(
        shot,
        *(text.replace("{}", str(shot.folder)) for text in more),
        **{name: text.replace("{}", str(shot.folder)) for name, text in patterns.items()},
    )
    assert ended.err.startswith("howard: error: ")
    assert "Traceback" not in ended.err
    for words in said:
        assert words in ended.err
    assert ended.code == 2
    assert shot.results() == []


def test_unknown_layer_of_the_plate(matte, shot):
    ended = matte(shot, "--layer", "diffuse", "--frames", "1001")
    assert ended.code == 2
    assert "plate.1001.exr" in ended.err
    assert "has no layer 'diffuse'; it has (main)" in ended.err
    assert shot.results() == []


def test_frames_that_fail_are_listed_and_the_others_are_there(matte, shot):
    corrupt = Path(shot.plate.replace("####", "1003"))
    corrupt.write_bytes(corrupt.read_bytes()[:-900])
    ended = matte(shot, "--frames", "1001-1006")
    assert ended.code == 1
    assert shot.results() == ["shot.1001.exr", "shot.1002.exr", "shot.1004.exr"]
    last = ended.err.splitlines()[-3:]
    assert last[0] == "howard: 3 of 6 frames failed:"
    assert "plate.1003.exr" in last[1]
    # Those that fail alike share a line, here and where it happened.
    assert last[2].startswith("  frames 1005-1006: ")
    assert "plate.1005.exr" in last[2]
    assert ended.err.count("no such file") == 2
    assert "3 failed: 1003,1005-1006" in ended.out


def test_clean_plate_without_that_frame(matte, shot):
    for frame in (1001, 1002, 1004):
        write_image(shot.folder / f"bg.{frame}.exr", read_frame(shot.clean).pixels, "RGB")
    ended = matte(shot, "--json", "--align", "off", clean=str(shot.folder / "bg.####.exr"))
    assert ended.code == 1
    failed = [event for event in events(ended) if event["event"] == "frame_failed"]
    assert [event["frame"] for event in failed] == [1003]
    assert "bg.1003.exr" in failed[0]["message"]
    assert "clean plate" in failed[0]["message"]
    assert "shot.1003.exr" not in shot.results()


def test_a_warning_of_the_colour_room_reaches_stderr(matte, shot):
    # Camera log has no code value of 4: its curve leads to the stars.
    ended = matte(shot, "--colorspace", "logc3", "--frames", "1001", "--align", "off")
    assert ended.code == 0, ended.err
    assert "howard: warning: " in ended.err
    assert "is the picture really in that space?" in ended.err


def test_non_ascii_names(matte, shot):
    folder = shot.folder / "größe und 空間"
    folder.mkdir()
    plate = folder / "plåte.0007.exr"
    plate.write_bytes(Path(shot.plate.replace("####", "1001")).read_bytes())
    output = folder / "ergebnis é.####.exr"
    ended = matte(shot, "--json", plate=str(folder / "plåte.####.exr"), output=str(output))
    assert ended.code == 0, ended.err
    assert (folder / "ergebnis é.0007.exr").is_file()
    assert "ergebnis é.0007.exr" in ended.out


def test_read_only_folder(matte, shot):
    assert matte(shot).code == 0  # loads what nobody may read
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made, "locked")
        folder.mkdir()
        for name in ("plate.1001.exr", "clean.exr"):
            (folder / name).write_bytes((shot.folder / name).read_bytes())
        Path(made).chmod(0o755)
        folder.chmod(0o555)
        root = os.geteuid() == 0
        if root:  # nothing is read-only for root
            os.seteuid(65534)
        try:
            ended = matte(
                shot,
                plate=str(folder / "plate.####.exr"),
                clean=str(folder / "clean.exr"),
                output=str(folder / "shot.####.exr"),
            )
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o755)
        assert ended.code == 2
        assert str(folder) in ended.err
        assert "cannot write" in ended.err
        assert sorted(path.name for path in folder.iterdir()) == ["clean.exr", "plate.1001.exr"]


def test_a_file_system_that_takes_no_more(matte, shot):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, hard))
    try:
        ended = matte(shot, "--frames", "1001-1002", "--compression", "none")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert ended.code == 1
    assert "shot.1001.exr" in ended.err
    assert "cannot be written" in ended.err or "was not written completely" in ended.err
    assert "2 of 2 frames failed" in ended.err
    assert shot.results() == []


def test_interrupt_leaves_whole_frames_and_resume_goes_on(matte, larger_shot, weights):
    shot = larger_shot
    command = [sys.executable, "-c", "from howard_nodes.cli import main; main()", "matte", shot.plate]
    command += ["--clean", shot.clean, "-o", shot.output, "--weights", weights, "--device", "cpu", "--json"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    try:
        for line in process.stdout:
            if json.loads(line)["event"] == "frame_done":
                process.send_signal(signal.SIGINT)
                break
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert err.startswith("howard: interrupted: ")
    assert "--resume" in err
    told = [json.loads(line) for line in out.splitlines()]
    there = shot.results()
    assert 0 < len(there) < 40
    assert all(name.startswith("shot.") for name in there)  # none hidden, none partial
    assert f"{1 + sum(event['event'] == 'frame_done' for event in told)} of 40 frames are done" in err

    ended = matte(shot, "--resume", "--json", "--frames", f"1001-{1000 + len(there) + 2}")
    assert ended.code == 0, ended.err
    frames = [event for event in events(ended) if event["event"] == "frame_done"]
    assert sum(event["skipped"] for event in frames) == len(there)
    assert len(shot.results()) == len(there) + 2


def test_a_request_to_end_is_an_interrupt(matte, larger_shot):
    def ask() -> None:
        for _ in range(3000):
            if larger_shot.results():
                os.kill(os.getpid(), signal.SIGTERM)
                return
            time.sleep(0.01)

    asking = threading.Thread(target=ask)
    asking.start()
    ended = matte(larger_shot)
    asking.join()
    assert ended.code == 143
    assert "howard: interrupted: " in ended.err
    there = larger_shot.results()
    assert 0 < len(there) < 40
    assert all(name.startswith("shot.") for name in there)


def _write_tiff(path, pixels):
    import OpenImageIO as oiio  # noqa: N813

    height, width, channels = pixels.shape
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), oiio.ImageSpec(width, height, channels, "float"))
    assert output.write_image(np.ascontiguousarray(pixels))
    assert output.close()
