"""Evaluations by a real worker: from files to files, through shared memory, one after the other."""

from __future__ import annotations

import time
from multiprocessing.shared_memory import SharedMemory

import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pytest
from shots import gradient

from howard_nodes.frames import read_frame, write_image

AS_IT_IS = {"align": "off", "match_exposure": "off"}


def _request(shot, **more):
    inputs = {"plate": shot.plate, "clean_plate": shot.clean}
    return {"inputs": inputs, "output": str(shot.folder / "out" / "shot.####.exr")} | more


def _names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def _bits(folder):
    found = {}
    for path in sorted(folder.iterdir()):
        source = oiio.ImageInput.open(str(path))
        found[path.name] = source.read_image(0, 0, 0, source.spec().nchannels, "float").tobytes()
        source.close()
    return found


def test_a_range_becomes_files_and_says_how_it_went(worker, make_shot):
    shot = make_shot(3)
    number = worker.start("evaluate", **_request(shot, frames="1001-1002"))
    result = worker.result(number)
    files = [str(shot.folder / "out" / f"shot.{frame}.exr") for frame in (1001, 1002)]
    assert (result["done"], result["skipped"], result["failed"]) == ("1001-1002", "", {})
    assert result["files"] == files
    assert _names(shot.folder / "out") == ["shot.1001.exr", "shot.1002.exr"]
    assert result["fit"].keys() == {"summary", "good", "doubtful", "failed", "messages"}
    events = worker.told(number)
    kinds = [event["event"] for event in events]
    assert (kinds[0], kinds[-1]) == ("started", "finished")
    assert kinds.count("frame_started") == kinds.count("frame_done") == 2
    assert events[0]["frames"] == "1001-1002"
    assert events[0]["device"] == "cpu"
    assert [event["paths"] for event in events if event["event"] == "frame_done"] == [
        [file] for file in files
    ]


def test_frames_may_be_a_number_or_all(worker, make_shot):
    shot = make_shot(2)
    assert worker.call("evaluate", **_request(shot, frames=1002, knobs=AS_IT_IS))["done"] == "1002"
    again = worker.call("evaluate", **_request(shot, frames=None, knobs=AS_IT_IS, options={"resume": True}))
    assert (again["done"], again["skipped"], again["fit"]) == ("1001", "1002", None)


def test_a_frame_that_fails_stops_no_other_and_is_listed(worker, make_shot):
    shot = make_shot(3)
    (shot.folder / "plate.1002.exr").write_bytes(b"no picture")
    result = worker.call("evaluate", **_request(shot))
    assert result["done"] == "1001,1003"
    assert list(result["failed"]) == ["1002"]
    assert "plate.1002.exr" in result["failed"]["1002"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"inputs": {"plate": "/nowhere/plate.####.exr", "clean_plate": "/nowhere/c.exr"}}, ["/nowhere"]),
        ({"frames": "7-9"}, ["7-9", "1001"]),
        ({"frames": "7-"}, ["7-"]),
        ({"output": "/proc/nowhere/out.####.exr"}, ["/proc/nowhere"]),
        ({"output": "/tmp/out.####.tif"}, [".exr"]),
        ({"knobs": {"weights": "no such weights"}}, ["no such weights"]),
        ({"options": {"colorspace": "klingon"}}, ["klingon"]),
        ({"options": {"layers": "rgba,beta"}}, ["beta"]),
        ({"options": {"fit": "/nowhere/fit.json"}}, ["fit.json"]),
        ({"inputs": {"plate": "a" * 300, "clean_plate": "b"}}, ["name"]),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_remedy_and_nothing_is_written(
    worker, make_shot, change, words
):
    shot = make_shot(1)
    error = worker.refused("evaluate", **_request(shot) | change)
    assert error["code"] == -32000, error
    assert all(word in error["message"] for word in words), error
    assert error["data"]["remedy"]
    assert _names(shot.folder / "out") == []


def test_configured_knobs_hold_for_later_evaluations_only(worker, make_shot):
    shot = make_shot(3)
    first = worker.start("evaluate", **_request(shot, output=str(shot.folder / "a" / "s.####.exr")))
    worker.call("configure", options={"layers": "alpha"}, knobs={"weights": "none"})
    assert worker.result(first)["done"] == "1001-1003"
    with pytest.raises(AssertionError, match="none"):
        worker.call("evaluate", **_request(shot))
    channels = read_frame(shot.folder / "a" / "s.1003.exr").channels
    assert channels == ("R", "G", "B", "A")


def test_requests_queue_and_all_else_is_answered_meanwhile(worker, make_shot):
    shot = make_shot(10)
    requests = [
        worker.start("evaluate", **_request(shot, output=str(shot.folder / name / "s.####.exr")))
        for name in ("a", "b", "c")
    ]
    assert worker.call("configure", knobs={})["knobs"]["weights"] is None
    assert worker.call("describe")["protocol"] == 1
    status = worker.call("status")
    assert status["state"] == "busy"
    assert status["running"]["request"] == requests[0]
    assert status["queued"] == requests[1:]
    twin = {"jsonrpc": "2.0", "id": requests[2], "method": "status"}
    worker.send(twin)
    assert worker.answer(None)["error"]["code"] == -32600
    assert worker.call("cancel", request=requests[1])["was"] == "queued"
    assert worker.answer(requests[1])["error"]["code"] == -32003
    assert worker.call("cancel", request=requests[1])["was"] == "unknown"
    assert worker.call("cancel", request="no such")["was"] == "unknown"
    for number in (requests[0], requests[2]):
        assert worker.result(number)["done"] == "1001-1010"
    assert _names(shot.folder / "b") == []
    assert worker.call("status")["state"] == "idle"


def test_a_running_evaluation_stops_between_frames_and_leaves_nothing_partial(worker, make_shot):
    shot = make_shot(40)
    number = worker.start("evaluate", **_request(shot, knobs=AS_IT_IS))
    worker.progress(number, "frame_done", frame=1002)
    assert worker.call("cancel", request=number)["was"] == "running"
    error = worker.answer(number)["error"]
    assert error["code"] == -32003
    data = error["data"]
    assert data["done"].startswith("1001-")
    assert data["failed"] == {}
    assert len(data["files"]) < 40
    assert _names(shot.folder / "out") == [file.rpartition("/")[2] for file in data["files"]]
    again = worker.call("evaluate", **_request(shot, frames=1001, knobs=AS_IT_IS, options={"resume": True}))
    assert again["skipped"] == "1001"


def test_a_fit_in_progress_can_be_cancelled(worker, make_shot):
    shot = make_shot(40)
    number = worker.start("evaluate", **_request(shot))
    worker.progress(number, "frame_fitted")
    worker.send({"jsonrpc": "2.0", "method": "cancel", "params": {"request": number}})
    error = worker.answer(number)["error"]
    assert (error["code"], error["data"]["files"]) == (-32003, [])
    assert _names(shot.folder / "out") == []


def test_the_queue_is_bounded(worker, make_shot):
    shot = make_shot(40)
    limit = worker.call("status")["queue_limit"]
    requests = [worker.start("evaluate", **_request(shot))]
    while worker.call("status")["running"] is None:
        time.sleep(0.01)
    requests += [worker.start("evaluate", **_request(shot)) for _ in range(limit + 1)]
    assert worker.answer(requests[-1])["error"]["code"] == -32002
    for number in reversed(requests[:-1]):
        worker.call("cancel", request=number)
    for number in requests[:-1]:
        assert worker.answer(number)["error"]["code"] == -32003
    assert worker.call("status")["queued"] == []


# --- shared memory


@pytest.fixture
def memory():
    made = SharedMemory(create=True, size=1 << 20)
    made.buf[:] = b"\xa5" * len(made.buf)
    yield made
    made.close()
    made.unlink()


class _Blocks:
    """Puts pictures into shared memory one after the other, with gaps between."""

    def __init__(self, memory):
        self.memory, self.end, self.used = memory, 0, np.zeros(len(memory.buf), bool)

    def block(self, shape, dtype="float32", pixels=None, *, used=True):
        offset, size = self.end + 100, int(np.prod(shape)) * np.dtype(dtype).itemsize
        self.end = offset + size
        self.used[offset : self.end] = used
        if pixels is not None:
            self.memory.buf[offset : self.end] = pixels.astype(dtype).tobytes()
        return {"memory": self.memory.name, "offset": offset, "shape": list(shape), "dtype": dtype}

    def read(self, block):
        count = int(np.prod(block["shape"]))
        pixels = np.frombuffer(self.memory.buf, block["dtype"], count, block["offset"])
        return pixels.reshape(block["shape"]).copy()


def test_pixels_equal_files_to_the_bit_and_nothing_else_is_touched(worker, make_shot, memory):
    shot = make_shot(1, colorspace="lin_ap1_scene")
    inside = np.zeros((72, 104, 1), np.float32)
    inside[20:40, 30:60] = 1
    write_image(shot.folder / "inside.exr", inside, "A", depth="float")
    worker.call(
        "configure", options={"depth": "float", "layers": "rgba,foreground,alpha,coarse,error,region,clean"}
    )
    files = _request(shot)
    files["inputs"]["inside"] = str(shot.folder / "inside.exr")
    assert worker.call("evaluate", **files)["done"] == "1001"
    blocks = _Blocks(memory)
    inputs = {
        "plate": blocks.block((72, 104, 3), pixels=shot.light(1001), used=False),
        "clean_plate": blocks.block((72, 104, 3), pixels=gradient(), used=False),
        "inside": blocks.block((72, 104), pixels=inside[..., 0], used=False),
    }
    colors = {"image": "", "foreground": "foreground", "fitted_clean_plate": "clean"}
    mattes = {"alpha": "alpha", "coarse_matte": "coarse", "error_map": "error", "refine_region": "region"}
    outputs = {name: blocks.block((72, 104, 4 if name == "image" else 3)) for name in colors}
    outputs |= {name: blocks.block((72, 104)) for name in mattes}
    before = bytes(memory.buf)
    number = worker.start("evaluate", frame=1001, inputs=inputs, outputs=outputs)
    result = worker.result(number)
    assert result["space"] == "ACEScg"
    assert result["fit"]["verdict"] in ("good", "doubtful", "failed")
    for name, layer in (colors | mattes).items():
        wanted = read_frame(shot.folder / "out" / "shot.1001.exr", layer=layer or None).pixels
        np.testing.assert_array_equal(
            blocks.read(outputs[name]), wanted if name in colors else wanted[..., 0], name
        )
    untouched = np.frombuffer(before, np.uint8) == np.frombuffer(memory.buf, np.uint8)
    assert untouched[~blocks.used].all()


def test_only_what_depends_on_a_new_override_runs_again(worker, make_shot, memory):
    shot, blocks = make_shot(1), _Blocks(memory)
    inputs = {
        "plate": blocks.block((72, 104, 3), "float16", shot.light(1001)),
        "clean_plate": blocks.block((72, 104, 3), "float16", gradient()),
    }
    outputs = {"refine_region": blocks.block((72, 104, 1), "float16")}
    request = {"frame": 1001, "inputs": inputs, "outputs": outputs}
    assert worker.call("evaluate", **request)["ran"] == ["read", "fit", "coarse", "refine", "unmix", "solve"]
    before = blocks.read(outputs["refine_region"])
    inputs["error_override"] = blocks.block((72, 104), pixels=np.ones((72, 104)))
    assert worker.call("evaluate", **request)["ran"] == ["refine", "unmix", "solve"]
    assert (blocks.read(outputs["refine_region"]) != before).any()
    assert worker.call("evaluate", **request)["ran"] == []


def test_display_pixels_are_converted(worker, make_shot, memory):
    shot, blocks = make_shot(1), _Blocks(memory)
    inputs = {
        "plate": blocks.block((72, 104, 3), pixels=np.clip(shot.light(1001), 0, 1)),
        "clean_plate": blocks.block((72, 104, 3), pixels=gradient()),
    }
    outputs = {"fitted_clean_plate": blocks.block((72, 104, 3))}
    request = {"frame": 1, "inputs": inputs, "outputs": outputs, "knobs": AS_IT_IS}
    worker.call("evaluate", space="srgb_rec709_scene", **request)
    encoded = gradient()
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    # The sum of a row of the matrix to ACEScg is 1: grey stays grey.
    seen = blocks.read(outputs["fitted_clean_plate"])
    np.testing.assert_allclose(seen.sum(axis=2), linear.sum(axis=2), rtol=0.2)
    assert worker.refused("evaluate", space="klingon", **request)["code"] == -32000


@pytest.mark.parametrize("socket", ["plate", "clean_plate", "alpha"])
def test_memory_that_is_not_there_or_too_small_is_refused(worker, make_shot, memory, socket):
    shape = [72, 104, 3]
    for wrong in ({"memory": "howard-not-there"}, {"offset": len(memory.buf) - 100}):
        blocks = {name: {"memory": memory.name, "shape": shape} for name in ("plate", "clean_plate")}
        blocks["alpha"] = {"memory": memory.name, "shape": shape[:2]}
        blocks[socket] |= wrong
        outputs = {"alpha": blocks.pop("alpha")}
        error = worker.refused("evaluate", frame=1, inputs=blocks, outputs=outputs)
        assert error["code"] == -32000
        assert socket.replace("_", " ") in error["message"]


def test_sizes_that_do_not_fit_are_refused_by_frame_or_name(worker, memory):
    block = {"memory": memory.name, "shape": [72, 104, 3]}
    inputs = {"plate": block, "clean_plate": block | {"shape": [104, 72, 3]}}
    outputs = {"alpha": block | {"shape": [72, 104], "offset": 500_000}}
    error = worker.refused("evaluate", frame=5, inputs=inputs, outputs=outputs)
    assert error["code"] in (-32000, -32006)
    assert "72x104" in error["message"]
    assert "clean plate" in error["message"]
