"""Frames that really kill the compute process."""

from __future__ import annotations

import os
import signal
import time
from multiprocessing.shared_memory import SharedMemory

import cv2
import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pytest

from howard_nodes.frames import write_image

SIZE = 200_001

# Runs in every Python that finds it on its path before anything else does.
_MURDERER = """
import os, signal, sys

def once(what):
    try:
        os.mkdir(os.path.join({folder!r}, what))
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)

def look(event, arguments):
    if event == "mmap.__new__" and arguments[1] == {size}:
        once("attached")
    if event != "open" or not isinstance(arguments[0], (str, bytes)):
        return
    folder, name = os.path.split(os.fsdecode(arguments[0]))
    if name in ("inside.2004.exr", "plate.3001.exr"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if folder.endswith("mortal") and name.startswith(".howard-") and arguments[1] == "r+":
        once("written")

if "howard_nodes.worker.compute" in sys.orig_argv:
    sys.addaudithook(look)
"""


@pytest.fixture(scope="module")
def deadly(start_line, tmp_path_factory, random_weights):
    """A worker whose compute process dies of opening some files, and once of checking what it wrote."""
    folder = tmp_path_factory.mktemp("deadly")
    (folder / "sitecustomize.py").write_text(_MURDERER.format(folder=str(folder), size=SIZE))
    line = start_line(folder, PYTHONPATH=str(folder)).hello()
    line.call("configure", knobs={"device": "cpu", "weights": str(random_weights)})
    yield line
    line.process.kill()


def _request(shot, folder="out"):
    inputs = {"plate": shot.plate, "clean_plate": shot.clean}
    return {"inputs": inputs, "output": str(shot.folder / folder / "s.####.exr")}


def _bits(folder, leave_out=""):
    found = {}
    for path in sorted(folder.iterdir()):
        source = oiio.ImageInput.open(str(path))
        found[path.name] = source.read_image(0, 0, 0, source.spec().nchannels, "float").tobytes()
        source.close()
    found.pop(leave_out, None)
    return found


def test_frames_that_kill_are_failed_and_all_others_keep_the_fit_of_the_range(deadly, worker, make_shot):
    shot = make_shot(4, first=2001)
    # Brighter than its clean plate, with grain: a frame's own exposure is not quite that of the shot.
    random = np.random.default_rng(3)
    place = cv2.GaussianBlur(random.random((72, 104, 3), np.float32), (0, 0), 1.5)
    write_image(shot.clean, place, "RGB", depth="float")
    for frame in shot.frames:
        grain = 0.05 * random.standard_normal(place.shape).astype(np.float32)
        write_image(shot.plate.replace("####", str(frame)), 1.2 * place + grain, "RGB", depth="float")
        write_image(shot.folder / f"inside.{frame}.exr", np.zeros((72, 104, 1), np.float32), "A")
    request = _request(shot, folder="well")
    request |= {"knobs": {"align": "off"}, "options": {"layers": "rgba,clean", "depth": "float"}}
    request["inputs"]["inside"] = str(shot.folder / "inside.####.exr")
    assert worker.call("evaluate", **request)["failed"] == {}
    before = deadly.call("status")["crashes"]
    number = deadly.start("evaluate", **request | {"output": str(shot.folder / "mortal" / "s.####.exr")})
    result = deadly.result(number)
    assert result["done"] == "2001-2003"
    assert list(result["failed"]) == ["2004"]
    assert "SIGSEGV" in result["failed"]["2004"]
    assert "frame 2004" in result["failed"]["2004"]
    notes = [event["message"] for event in deadly.told(number) if event.get("warning")]
    assert any("SIGKILL" in note and "2001" in note for note in notes)
    assert any("SIGSEGV" in note and "2004" in note for note in notes)
    events = [event["event"] for event in deadly.told(number)]
    assert events.count("started") == events.count("plates_fitted") == events.count("finished") == 1
    assert deadly.call("status")["crashes"] == before + 3
    # What the first one was writing when it died is gone too.
    assert sorted(os.listdir(shot.folder / "mortal")) == [f"s.{frame}.exr" for frame in shot.frames[:3]]
    assert _bits(shot.folder / "mortal") == _bits(shot.folder / "well", leave_out="s.2004.exr")
    assert any("Segmentation fault" in said for said in deadly.log)


def test_a_plate_that_kills_its_reader_is_found_before_the_fit(deadly, make_shot):
    shot = make_shot(2, first=3001)
    number = deadly.start("evaluate", **_request(shot))
    result = deadly.result(number)
    assert (result["done"], list(result["failed"])) == ("3002", ["3001"])
    assert "reads this frame" in result["failed"]["3001"]
    (ended,) = [event for event in deadly.told(number) if event["event"] == "finished"]
    assert (ended["done"], ended["failed"]) == ("3002", "3001")
    (started,) = [event for event in deadly.told(number) if event["event"] == "started"]
    assert (started["frames"], started["total"]) == ("3001-3002", 2)


def test_pixels_are_tried_again(deadly):
    memory = SharedMemory(create=True, size=SIZE)
    try:
        block = {"memory": memory.name, "shape": [72, 104, 3]}
        outputs = {"alpha": {"memory": memory.name, "shape": [72, 104], "offset": 100_000}}
        before = deadly.call("status")["crashes"]
        inputs = {"plate": block, "clean_plate": block}
        number = deadly.start("evaluate", frame=7, inputs=inputs, outputs=outputs)
        assert deadly.result(number)["frame"] == 7
        assert deadly.call("status")["crashes"] == before + 1
        (note,) = [event["message"] for event in deadly.told(number) if event.get("warning")]
        assert "SIGKILL" in note
        assert "frame 7" in note
    finally:
        memory.close()
        memory.unlink()


def test_a_process_that_is_killed_between_two_evaluations_is_replaced(worker, make_shot):
    shot = make_shot(1)
    before = worker.call("status")["compute"]
    os.kill(before, signal.SIGKILL)
    assert worker.call("evaluate", **_request(shot))["done"] == "1001"
    assert worker.call("status")["compute"] != before


def test_the_compute_process_does_not_outlive_the_supervisor(deadly, alive):
    deadly.call("configure", warm=True)
    compute = deadly.call("status")["compute"]
    deadly.process.kill()
    end = time.monotonic() + 20
    while alive(compute):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_compute_process_that_cannot_start_is_said_with_a_remedy(start_worker, tmp_path, make_shot):
    (tmp_path / "broken" / "torch").mkdir(parents=True)
    (tmp_path / "broken" / "torch" / "__init__.py").write_text("raise ImportError('this torch is broken')")
    line = start_worker(PYTHONPATH=str(tmp_path / "broken")).hello()
    error = line.refused("evaluate", **_request(make_shot(1)))
    assert error["code"] == -32004
    assert "does not start" in error["message"]
    assert "installed" in error["data"]["remedy"]
    assert any("this torch is broken" in said for said in line.log)
    assert line.call("status")["compute"] is None
