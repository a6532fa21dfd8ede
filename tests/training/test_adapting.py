from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from shots import Shot, disc_over_gradient, gradient
from typer.testing import CliRunner

from howard_nodes.cli.app import app
from howard_nodes.description.job import Job
from howard_nodes.errors import InputError
from howard_nodes.frames import write_image
from howard_nodes.network import describe_weights, load_weights
from howard_nodes.node import HowardMatte
from howard_nodes.training import adapting
from howard_nodes.training.adapting import NotBetterError, adapt
from howard_nodes.training.shot_samples import ShotPicture, ShotSamples


@pytest.fixture
def shot(tmp_path: Path) -> Shot:
    """A disc over a gradient, with grain: three frames of 200x300."""
    rng = np.random.default_rng(5)

    def grainy(picture: np.ndarray) -> np.ndarray:
        return picture + rng.normal(0, 0.01, picture.shape).astype(np.float32)

    clean = gradient(200, 300)
    write_image(tmp_path / "clean.exr", grainy(clean), "RGB", depth="float", colorspace="lin_rec709_scene")
    for frame in (1001, 1002, 1003):
        plate, _ = disc_over_gradient(frame - 1001, 200, 300)
        path = tmp_path / f"plate.{frame}.exr"
        write_image(path, grainy(plate), "RGB", depth="float", colorspace="lin_rec709_scene")
    return Shot(tmp_path, str(tmp_path / "plate.####.exr"), str(tmp_path / "clean.exr"), (1001, 1002, 1003))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples of a size that makes a step quick."""
    monkeypatch.setattr(adapting, "SIZE", 192)
    monkeypatch.setattr(adapting, "_JUDGED", 6)


def job(shot: Shot, output: str = "shot.safetensors", **more: Any) -> Job:
    return Job(
        plate=shot.plate, clean_plate=shot.clean, output=str(shot.folder / output), device="cpu", **more
    )


def picture(alpha: np.ndarray | None = None) -> ShotPicture:
    _, true = disc_over_gradient(0, 200, 300)
    color = np.broadcast_to(np.array([0.9, 0.5, 0.2], np.float32), (200, 300, 3)).copy()
    return ShotPicture(color, true if alpha is None else alpha, gradient(200, 300), 0.01, 0.0)


def test_samples_are_the_shots_own_subject_over_its_own_clean_plate() -> None:
    samples = ShotSamples([picture()], seed=3, size=128)
    partial = 0
    for number in range(6):
        sample, again = samples.draw(number), samples.draw(number)
        np.testing.assert_array_equal(sample.plate, again.plate)
        assert sample.plate.shape == sample.clean.shape == sample.foreground.shape == (3, 128, 128)
        assert sample.alpha.shape == (1, 128, 128)
        for plane in (sample.plate, sample.clean, sample.alpha, sample.foreground):
            assert np.isfinite(plane).all()
            assert plane.min() >= 0
            assert plane.max() <= 1
        solid = np.broadcast_to(sample.alpha == 1, sample.plate.shape)
        np.testing.assert_allclose(sample.plate[solid], sample.foreground[solid], atol=1e-5)
        partial += int(((sample.alpha > 0.05) & (sample.alpha < 0.95)).sum())
    assert partial > 500
    assert not np.array_equal(samples.draw(0).plate, ShotSamples([picture()], seed=4, size=128).draw(0).plate)


def test_a_subject_that_the_frame_cuts_off_is_not_cut_off_inside_a_sample() -> None:
    alpha = np.zeros((200, 300), np.float32)
    alpha[60:, 100:200] = 1.0
    samples = ShotSamples([picture(alpha)], seed=3, size=96)
    for number in range(20):
        below = samples.draw(number).alpha[0]
        columns = below.max(0) > 0.99
        rows = np.flatnonzero((below > 0.5).any(1))
        assert not columns.any() or rows[-1] == 95


def test_weights_learn_a_shot_and_say_so(shot: Shot) -> None:
    said: list[Any] = []
    found = adapt(job(shot), steps=80, most_frames=3, on_event=said.append)
    assert found.after < 0.85 * found.before
    with safe_open(found.path, framework="pt") as file:
        about = file.metadata()
    assert about["adapted_from"] == "default"
    assert describe_weights(None).metadata.items() <= about.items()
    assert [float(value) for value in about["adapted_error"].split()] == pytest.approx(
        [found.before, found.after], abs=1e-3
    )
    assert load_weights(found.path).backbone_name == "lite0"
    plate, alpha = disc_over_gradient(1, 200, 300)
    wrong = []
    for weights in (None, str(found.path)):
        node = HowardMatte(weights=weights, align="off", match_exposure="off", unmix="off", device="cpu")
        matte = node.evaluate(
            1, {"plate": plate, "clean_plate": gradient(200, 300)}, space="lin_rec709_scene"
        )
        wrong.append(float(np.abs(matte["alpha"] - alpha).mean()))
    assert wrong[1] < wrong[0]
    assert any(getattr(event, "task", None) == "learn" for event in said)


def test_what_does_not_help_is_not_written(shot: Shot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapting, "_RATE", 0.0)
    with pytest.raises(NotBetterError, match="does not help .* nothing was written"):
        adapt(job(shot), steps=1, most_frames=1)
    assert not (shot.folder / "shot.safetensors").exists()
    found = adapt(job(shot), steps=1, most_frames=1, always=True)
    assert found.after == found.before
    same_weights(found.path)
    # Asked again to go on, it is not made again; of other steps it is.
    written = found.path.stat().st_mtime_ns
    adapt(job(shot, resume=True), steps=1, most_frames=1, always=True)
    assert found.path.stat().st_mtime_ns == written
    adapt(job(shot, resume=True), steps=2, most_frames=1, always=True)
    assert found.path.stat().st_mtime_ns != written
    # Nor where a file has other pixels under the same name.
    written = found.path.stat().st_mtime_ns
    clean = gradient(200, 300) * np.float32(1.01)
    write_image(Path(shot.clean), clean, "RGB", depth="float", colorspace="lin_rec709_scene")
    adapt(job(shot, resume=True), steps=2, most_frames=1, always=True)
    assert found.path.stat().st_mtime_ns != written


def test_a_shot_without_anybody_is_told(shot: Shot) -> None:
    job_of_nobody = empty(shot)
    with pytest.raises(NotBetterError, match="no subject found in the frames"):
        adapt(job_of_nobody, steps=1)
    said: list[Any] = []
    found = adapt(job_of_nobody, steps=1, always=True, on_event=said.append)
    same_weights(found.path)
    assert any("holds the original weights" in getattr(event, "message", "") for event in said)


def same_weights(path: Path) -> None:
    one, other = load_weights(path, fused=False).state_dict(), load_weights(fused=False).state_dict()
    assert all(torch.equal(one[name], value) for name, value in other.items())


def empty(shot: Shot) -> Job:
    clean = gradient(200, 300)
    for frame in shot.frames:
        path = shot.folder / f"plate.{frame}.exr"
        write_image(path, clean, "RGB", depth="float", colorspace="lin_rec709_scene")
    return job(shot)


@pytest.mark.parametrize(
    ("output", "said"),
    [("shot.exr", "must end in .safetensors"), ("nowhere/deep/../x", "must end in .safetensors")],
)
def test_a_name_that_is_none_of_weights(shot: Shot, output: str, said: str) -> None:
    ended = CliRunner().invoke(app, ["adapt", shot.plate, "--clean", shot.clean, "-o", output])
    assert ended.exit_code == 2
    assert said in ended.output


def test_weights_are_not_written_over_those_it_begins_from(shot: Shot) -> None:
    begin = shot.folder / "begin.safetensors"
    begin.write_bytes((Path(adapting.__file__).parents[1] / "data" / "howard-lite0.safetensors").read_bytes())
    before = begin.read_bytes()
    with pytest.raises(InputError, match="would overwrite the weights"):
        adapt(job(shot, "begin.safetensors", weights=str(begin)), steps=1)
    assert begin.read_bytes() == before


def test_the_command_tells_machines(shot: Shot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapting, "_HELPS", 2.0)
    arguments = ["adapt", shot.plate, "--clean", shot.clean, "-o", str(shot.folder / "w.safetensors")]
    ended = CliRunner().invoke(app, [*arguments, "--steps", "1", "--most-frames", "1", "--json"])
    assert ended.exit_code == 0, ended.output
    told = [json.loads(line) for line in ended.stdout.splitlines()]
    assert told[-1]["event"] == "adapted"
    assert Path(told[-1]["path"]).is_file()
    assert {event["event"] for event in told} >= {"started", "step"}
