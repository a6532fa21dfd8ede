from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from howard_nodes.errors import InputError
from howard_nodes.frames import write_image
from howard_nodes.network import LightRefiner, describe_weights, load_weights
from howard_nodes.samples.banks import ForegroundBank, TextureBank, list_pictures
from howard_nodes.samples.source import SampleSource
from howard_nodes.training.edges import edges_of, light_losses
from howard_nodes.training.losses import error_loss
from howard_nodes.training.settings import TrainSettings
from howard_nodes.training.trainer import train


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A photograph, an HDR picture and a person, made up."""
    root = tmp_path_factory.mktemp("banks")
    rng = np.random.default_rng(1)
    pictures, people = root / "pictures", root / "people"
    pictures.mkdir()
    people.mkdir()
    noise = cv2.GaussianBlur(rng.random((200, 300, 3), np.float32), (0, 0), 3)
    cv2.imwrite(str(pictures / "photo.jpg"), (noise * 255).astype(np.uint8))
    write_image(pictures / "sky.exr", noise * 12, "RGB", colorspace="lin_rec709_scene")
    person = np.zeros((128, 128, 4), np.float32)
    person[..., :3] = noise[:128, :128]
    cv2.circle(person, (64, 70), 40, (0.4, 0.3, 0.2, 1.0), -1)
    write_image(people / "person.exr", person, "RGBA", colorspace="lin_rec709_scene")
    return pictures, people


@pytest.fixture
def settings(folders, tmp_path) -> TrainSettings:
    pictures, people = folders
    return TrainSettings(
        output=tmp_path / "run",
        pictures=(pictures,),
        foregrounds=(people,),
        samples=8,
        size=64,
        batch=2,
        workers=0,
    )


def begun_from(stage: str) -> Path | None:
    return describe_weights().path if stage == "light" else None


@pytest.mark.parametrize("stage", ["coarse", "joint", "light"])
def test_training_writes_weights_that_load(settings, stage):
    seen = []
    size = 192 if stage == "light" else 64
    path = train(replace(settings, stage=stage, init=begun_from(stage), size=size), on_progress=seen.append)
    network = load_weights(path, fused=False)
    assert network.backbone_name == "lite0"
    info = describe_weights(path)
    assert info.metadata["samples"] == "8"
    assert set(info.metadata) >= {"commit", "training"}
    assert seen[-1].samples == 8
    assert all(np.isfinite(value) for value in seen[-1].losses.values())


def test_a_stopped_run_goes_on_to_the_same_weights(settings):
    once = train(settings)
    stopped = replace(settings, output=settings.output.with_name("stopped"))
    train(stopped, minutes=0.0)
    again = train(stopped)
    a, b = (load_weights(path, fused=False).state_dict() for path in (once, again))
    for name, value in a.items():
        torch.testing.assert_close(value, b[name], rtol=1e-4, atol=1e-5, msg=name)


def test_a_checkpoint_of_other_settings_is_refused(settings):
    train(settings)
    with pytest.raises(InputError, match="other settings"):
        train(replace(settings, batch=4))


def test_a_finished_run_can_be_made_longer(settings):
    train(settings)
    seen = []
    train(replace(settings, samples=12), on_progress=seen.append)
    assert [progress.samples for progress in seen] == [12]


def test_a_checkpoint_from_before_there_was_a_setting_had_its_default(settings):
    train(settings, minutes=0.0)
    path = settings.output / "checkpoint.pt"
    state = torch.load(path, weights_only=True)
    del state["settings"]["wider"]
    torch.save(state, path)
    assert train(settings).exists()


def test_two_runs_do_not_share_a_folder(settings):
    def second(_: object) -> None:
        with pytest.raises(InputError, match="another training run"):
            train(settings)
        seen.append(1)

    seen: list[int] = []
    train(settings, on_progress=second)
    assert seen


def test_a_folder_without_pictures_is_named_before_training(settings, tmp_path):
    (tmp_path / "empty" / ".making").mkdir(parents=True)
    (tmp_path / "empty" / ".making" / "half.exr").write_bytes(b"")
    with pytest.raises(InputError, match=r"empty: has no images"):
        train(replace(settings, foregrounds=(tmp_path / "empty",)))


def test_the_joint_stage_begins_from_the_coarse_one(settings):
    coarse = train(settings)
    joint = replace(settings, stage="joint", init=coarse, output=settings.output.with_name("joint"))
    train(joint, minutes=0.0)
    begun = load_weights(joint.output / "weights.safetensors", fused=False).state_dict()
    for name, value in load_weights(coarse, fused=False).state_dict().items():
        torch.testing.assert_close(value, begun[name], msg=name)


def test_the_light_stage_leaves_all_else_to_the_bit(settings):
    shipped = load_weights(fused=False).state_dict()
    path = train(replace(settings, stage="light", init=describe_weights().path, size=192))
    learnt = load_weights(path, fused=False).state_dict()
    for name, value in shipped.items():
        if not name.startswith("light."):
            assert torch.equal(value, learnt[name]), name
    assert any(name.startswith("light.") for name in learnt)


def test_the_light_stage_may_begin_with_more_channels(settings):
    begun = load_weights(fused=False)
    wide = replace(settings, stage="light", init=describe_weights().path, size=192, wider=2)
    found = load_weights(train(wide), fused=False)
    assert found.light.widths == tuple(2 * width for width in begun.light.widths)
    assert found.quiet_error == begun.quiet_error


def test_the_light_stage_learns(folders):
    """On one sample, over and over."""
    pictures, people = folders
    source = SampleSource(
        TextureBank.load(list_pictures(pictures)),
        ForegroundBank.load(list_pictures(people)),
        size=128,
        seed=5,
    )
    network = load_weights(fused=False)
    torch.manual_seed(1)
    network.light = LightRefiner(network.refiner.features, (16, 16, 16))
    rng = np.random.default_rng(1)
    frozen = network.prepared()
    samples = [sample for number in range(20) for sample in source.takes(number, 1)]
    batch = [edges for sample in samples for edges in edges_of(frozen, sample, 4, rng)][:4]
    assert batch
    optimizer = torch.optim.AdamW(network.light.parameters(), lr=2e-3)
    totals = []
    for _ in range(100):
        losses = light_losses(network, batch)
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
        totals.append(losses["alpha"].item())
    assert totals[-1] < 0.7 * totals[0], totals[::20]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"stage": "final"}, "final"),
        ({"stage": "light"}, "--init"),
        ({"size": 50}, "50"),
        ({"batch": 1}, "batch"),
        ({"wider": 2}, "wider 2"),
        ({"pictures": (Path("nowhere"),)}, "nowhere"),
    ],
)
def test_settings_that_cannot_be_used_are_named(settings, change, word):
    with pytest.raises(InputError, match=word):
        train(replace(settings, **change))


def test_what_is_learnt_of_errors_is_their_mean():
    """Where most errors are 0 and a few are large, however small the mean."""
    for share in (0.01, 0.2):
        errors = (torch.arange(1000) < 1000 * share).float() * 0.5
        predicted = torch.tensor(0.3, requires_grad=True)
        optimizer = torch.optim.SGD([predicted], lr=0.05)
        for _ in range(400):
            optimizer.zero_grad()
            error_loss(predicted.expand(1000), errors).backward()
            optimizer.step()
        assert predicted.item() == pytest.approx(0.5 * share, rel=0.02)
