"""Clean plates built from the take itself, measured on takes whose background is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from takes import Subject, Take, make_take, place, psnr

from howard_nodes.errors import FrameError, InputError
from howard_nodes.plates.background import find_background
from howard_nodes.plates.building import BuiltPlate, build_plate
from howard_nodes.plates.small_copies import SmallCopy, shrink, without_repeats

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
    assert built.verdict == "good"
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


def comes(t: float) -> tuple[float, float]:
    """Away for 60 % of the time; then it walks in from the left, and stands in the middle at the end."""
    return min(0.0, 1.2 * (min(t, 0.8) - 0.8) / 0.2), 0.0


def goes(t: float) -> tuple[float, float]:
    """In the middle in the first frame; then it walks away."""
    return comes(1 - t)


def wrong(built: BuiltPlate, take: Take, frame: int) -> float:
    """Share of the picture that is marked valid and is not the background."""
    clean, valid = built.view(frame)
    stops = np.abs(np.log2((clean.mean(-1) + 0.02) / (take.truth(frame).mean(-1) + 0.02)))
    return float(((stops > 0.3) & (valid > 0.5)).mean())


def again(picture: np.ndarray, frame: int) -> np.ndarray:
    """The same picture with what coding it once more leaves: much less than its grain."""
    grain = np.random.default_rng(frame).normal(0, 0.0025, picture.shape)
    return (picture + grain * np.sqrt(np.maximum(picture, 0) + 0.01)).astype(np.float32)


@pytest.mark.parametrize("coded_again", [False, True])
@pytest.mark.parametrize(
    ("path", "first", "held"), [(comes, 0, 3), (comes, 0, 14), (goes, 10, 0)], ids=["end", "long", "start"]
)
def test_held_frames_count_once(path, first: int, held: int, coded_again: bool) -> None:
    take = shot(cover=0.35, path=path, frames=18)
    # The last frame before the subject stands still, or the first, is held.
    shown = [0] * first + list(range(15 if held else 18)) + [14] * held

    def read(frame: int) -> np.ndarray:
        repeats = frame > 0 and shown[frame - 1] == shown[frame]
        picture = take.plate(shown[frame])
        return again(picture, frame) if repeats and coded_again else picture

    built = build_plate(range(len(shown)), read, difference)
    assert wrong(built, take, 0) < 0.002
    assert built.share_unseen < 0.02
    assert not built.stays


def test_who_stands_still_at_the_end_is_no_background() -> None:
    take = shot(cover=0.35, path=comes, frames=24)
    built = build_plate(range(24), take.plate, difference)
    assert wrong(built, take, 0) < 0.002
    assert built.share_unseen < 0.02


def test_frames_that_repeat_are_found() -> None:
    take = shot(cover=0.3, path="still", frames=8)
    pictures = [
        take.plate(0),
        take.plate(1),
        take.plate(1),
        again(take.plate(1), 3),
        *map(take.plate, range(2, 8)),
    ]
    copies = [
        SmallCopy(number, shrink(picture).astype(np.float16)) for number, picture in enumerate(pictures)
    ]
    # Nothing moves in the others, but they have grain of their own.
    assert [one.frame for one in without_repeats(copies)] == [0, 1, 4, 5, 6, 7, 8, 9]


def test_one_picture_held_is_no_take() -> None:
    picture = shot(cover=0.3, path="still").plate(0)
    with pytest.raises(InputError, match="of 12 frames only 1 differs"):
        build_plate(range(FRAMES), lambda frame: picture)


@pytest.mark.parametrize("far", [0.004, 0.01, 0.03])
def test_one_who_never_moves_away_is_said_and_marked(far: float) -> None:
    take = shot(cover=0.4, path=lambda t: (far * np.sin(17 * t), far / 2 * np.sin(23 * t)), plain=0.0)
    built = build_plate(range(FRAMES), take.plate, difference)
    never = uncovered(take, built.reference) == 0
    assert built.verdict == "failed"
    assert built.unseen_box is not None
    assert (built.view(0)[1][never] < 0.5).mean() > 0.7
    assert "never moves away" in str(built)
    assert "never uncovered" in str(built)
    assert np.isfinite(built.canvas).all()


def test_what_a_codec_leaves_is_no_motion() -> None:
    """It changes all that has texture, in every frame, by much more than grain."""
    take = shot(cover=0.2, path="across", frames=8)

    def read(frame: int) -> np.ndarray:
        code = np.round(255 * encoded(take.plate(frame))).astype(np.uint8)
        _, stored = cv2.imencode(".jpg", code, [cv2.IMWRITE_JPEG_QUALITY, 12 + 3 * (frame % 4)])
        seen = cv2.imdecode(stored, cv2.IMREAD_COLOR) / np.float32(255)
        return np.where(seen < 0.04045, seen / 12.92, ((seen + 0.055) / 1.055) ** 2.4).astype(np.float32)

    built = build_plate(range(8), read, difference)
    assert not built.stays
    assert built.share_unseen < 0.1


def test_where_nothing_moves_nobody_can_be_told_from_background() -> None:
    built = build_plate(range(FRAMES), shot(cover=0.3, path="still").plate, difference)
    assert built.verdict == "doubtful"
    assert "nothing moves" in str(built)


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
