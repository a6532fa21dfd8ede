"""Clean plates built from the take itself, measured on takes whose background is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from takes import Subject, Take, make_take, place, psnr

from howard_nodes.errors import FrameError, InputError
from howard_nodes.plates.background import find_background
from howard_nodes.plates.building import BuiltPlate, build_plate

W, H, FRAMES = 240, 136, 12


def difference(plate: np.ndarray, clean: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """A matte as a network would give it: high where the plate differs from the clean plate."""
    apart = np.abs(np.sqrt(np.maximum(plate, 0) + 0.01) - np.sqrt(np.maximum(clean, 0) + 0.01)).max(-1)
    return np.clip(cv2.GaussianBlur(apart * (valid > 0.5), (0, 0), 1.5) / 0.06 - 0.5, 0, 1).astype(np.float32)


def shot(
    seed: int = 0, *, cover: float, path: str, plain: float = 0.5, kind: str = "textured", **how: object
) -> Take:
    rng = np.random.default_rng(0)
    frames = int(how.pop("frames", FRAMES))
    big = place(rng, W, H, kind=kind, margin=0.6)
    who = Subject(rng, W, H, cover=cover, path=path, plain=plain)
    return make_take(rng, big, width=W, height=H, frames=frames, subject=who, noise=0.01, **how)


def encoded(light: np.ndarray) -> np.ndarray:
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-6) ** (1 / 2.4) - 0.055)


def uncovered(take: Take, frame: int) -> np.ndarray:
    """Share of the frames in which each pixel of this one is background."""
    out = np.zeros((H, W))
    for other in range(len(take)):
        between = take.between(take, frame, other)
        out += cv2.warpPerspective(np.float32(take.alpha(other) < 0.02), between, (W, H)) > 0.99
    return out / len(take)


def quality(built: BuiltPlate, take: Take, frame: int) -> tuple[float, float]:
    """PSNR where the background was uncovered in a fifth of the frames, and what share of it is missing."""
    clean, valid = built.view(frame)
    should = uncovered(take, frame) >= 0.2
    found = psnr(encoded(clean), encoded(take.truth(frame)), should * valid)
    return found, float((should & (valid < 0.5)).mean())


def test_a_standing_camera() -> None:
    take = shot(cover=0.5, path="across")
    built = build_plate(range(FRAMES), take.plate, difference)
    found, missing = quality(built, take, 5)
    assert built.static
    assert found > 50
    assert missing < 0.01
    assert built.share_unseen < 0.01
    still, valid = built.still()
    assert still.shape == (H, W, 3)
    assert valid.shape == (H, W)


def test_a_camera_in_a_hand_with_changing_exposure() -> None:
    stops = np.linspace(-0.4, 0.5, FRAMES)[:, None] * np.array([1.0, 0.9, 1.1])
    take = shot(cover=0.4, path="across", motion="handheld", drift_px=8, gain=np.exp2(stops))
    built = build_plate(range(FRAMES), take.plate, difference)
    assert not built.static
    assert not built.untrusted
    for frame in (1, 6, 10):
        found, missing = quality(built, take, frame)
        assert found > 40, frame
        assert missing < 0.06
        expected = take.gains[frame] / take.gains[built.reference]
        np.testing.assert_allclose(built.gains[frame], expected, rtol=0.015)


def test_a_pan_that_follows_its_subject() -> None:
    """The subject is at the same place in all frames: registration must not hold on to it."""
    take = shot(cover=0.3, path="sway", motion="pan", drift_px=110)
    built = build_plate([1001 + i for i in range(FRAMES)], lambda frame: take.plate(frame - 1001), difference)
    assert built.canvas.shape[1] > W + 90
    clean, valid = built.view(1005)
    should = uncovered(take, 4) >= 0.2
    assert psnr(encoded(clean), encoded(take.truth(4)), should * valid) > 38
    assert (should & (valid < 0.5)).mean() < 0.08


@pytest.mark.parametrize(
    ("cover", "plain", "kind"), [(0.3, 0.5, "textured"), (0.5, 1.0, "textured"), (0.5, 0.5, "plain")]
)
def test_a_subject_that_lingers_is_no_background(cover: float, plain: float, kind: str) -> None:
    """It is there for 70 % of the time: the commonest colour is the subject's."""
    take = shot(cover=cover, path="linger", plain=plain, kind=kind, frames=24)
    stack = np.stack([take.plate(i) for i in range(24)])
    found = find_background(stack, np.ones(stack.shape[:3]))
    should = uncovered(take, 0) >= 0.2
    assert psnr(encoded(found.light), encoded(take.truth(0)), should * found.seen) > 45
    assert (should & (found.seen < 0.5)).mean() < 0.05


def test_what_was_never_uncovered_is_said() -> None:
    take = shot(cover=0.4, path="sway", plain=0.0)
    built = build_plate(range(FRAMES), take.plate, difference)
    never = uncovered(take, built.reference) == 0
    assert built.unseen_box is not None
    assert built.share_unseen > 0.4 * never.mean()
    assert "never uncovered" in str(built)
    assert np.isfinite(built.canvas).all()


def test_a_frame_that_cannot_be_read_is_left_out() -> None:
    take = shot(cover=0.2, path="across", frames=6)

    def read(frame: int) -> np.ndarray:
        if frame == 2:
            raise FrameError("broken", frame=2)
        return take.plate(frame)[: H - 8] if frame == 4 else take.plate(frame)

    told: list[tuple[str, int, int]] = []
    built = build_plate(range(6), read, on_progress=lambda *step: told.append(step))
    assert set(built.untrusted) == {2, 4}
    assert "broken" in built.untrusted[2]
    assert "240x128" in built.untrusted[4]
    assert built.view(2)[0].shape == (H, W, 3)
    assert {what for what, _, _ in told} == {"register", "compare", "average"}


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_frames(count: int) -> None:
    with pytest.raises(InputError, match=f"from {count} frame"):
        build_plate(range(count), lambda frame: np.zeros((H, W, 3), np.float32))


def test_frames_that_cannot_be_registered() -> None:
    rng = np.random.default_rng(1)
    noise = rng.uniform(0.1, 0.2, (4, H, W, 3)).astype(np.float32)
    with pytest.raises(InputError, match="only 1 of 4 frames"):
        build_plate(range(4), lambda frame: noise[frame])


def test_a_frame_it_was_not_built_from() -> None:
    take = shot(cover=0.2, path="across", frames=4)
    with pytest.raises(InputError, match="frame 9"):
        build_plate(range(4), take.plate).view(9)
