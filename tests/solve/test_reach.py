from __future__ import annotations

import numpy as np
import pytest

from howard_nodes.solve import alpha_limit

H, W = 120, 160


def picture(subject: np.ndarray, seed: int = 0) -> np.ndarray:
    """An encoded plate: a place with blocks of several greys, and a subject of one colour, with grain."""
    rng = np.random.default_rng(seed)
    blocks = np.kron(rng.uniform(0.2, 0.5, (H // 20, W // 20)), np.ones((20, 20)))
    light = np.where(subject[..., None] > 0, [0.8, 0.3, 0.5], blocks[..., None])
    return (light + rng.normal(0, 0.01, light.shape)).astype(np.float32)


def strip(side: str, deep: int) -> np.ndarray:
    missing = np.zeros((H, W), bool)
    where = {
        "left": np.s_[:, :deep],
        "right": np.s_[:, -deep:],
        "top": np.s_[:deep],
        "bottom": np.s_[-deep:],
        "middle": np.s_[H // 2 - deep // 2 : H // 2 + deep // 2, W // 2 - deep // 2 : W // 2 + deep // 2],
    }
    missing[where[side]] = True
    return missing


def deceived(subject: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """What a network says that compares with a fill: all of it is subject."""
    return np.where(missing, 1.0, subject).astype(np.float32)


@pytest.mark.parametrize("deep", [4, 30, 80])
@pytest.mark.parametrize("side", ["left", "right", "top", "bottom", "middle"])
def test_where_no_subject_is_beside_there_is_none_however_deep(side: str, deep: int) -> None:
    missing = strip(side, deep)
    subject = np.zeros((H, W), np.float32)
    subject[:20, W // 2 - 8 : W // 2 + 8] = 1  # it is in the picture, near maybe, but does not touch
    subject[missing] = 0
    subject[strip(side, deep + 12)] = 0
    limit = alpha_limit(deceived(subject, missing), missing, picture(subject))
    assert not limit[missing].any()


@pytest.mark.parametrize("deep", [4, 24, 60])
@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_a_subject_goes_on_to_its_outline_where_the_clean_plate_ends(side: str, deep: int) -> None:
    missing = strip(side, deep)
    subject = np.zeros((H, W), np.float32)
    if side in ("left", "right"):
        subject[40:80] = 1
    else:
        subject[:, 60:100] = 1
    far = strip(side, deep // 2) if deep > 4 else np.zeros_like(missing)
    subject[far] = 0  # it ends half way
    found = np.minimum(
        deceived(subject, missing), alpha_limit(deceived(subject, missing), missing, picture(subject))
    )
    assert np.abs(found - subject)[missing].mean() < 0.05


def test_a_hole_within_the_subject_is_subject() -> None:
    missing = strip("middle", 40)
    subject = np.zeros((H, W), np.float32)
    subject[20:100, 40:120] = 1
    assert (alpha_limit(deceived(subject, missing), missing, picture(subject))[missing] == 1).all()


def test_a_thin_veil_goes_on_for_a_little() -> None:
    missing = strip("bottom", 30)
    alpha = np.zeros((H, W), np.float32)
    alpha[:, 50:60] = 0.3
    limit = alpha_limit(alpha, missing, picture(np.zeros((H, W))))
    assert limit[91, 55] == pytest.approx(0.3)
    assert not limit[95:].any()


def test_a_known_matte_is_never_limited_below_itself() -> None:
    alpha, missing = np.random.default_rng(1).random((H, W), np.float32), strip("bottom", 6)
    assert (alpha_limit(alpha, missing, picture(alpha > 2))[:-6] >= alpha[:-6]).all()


def test_where_nothing_is_known_nothing_is_limited() -> None:
    alpha = np.ones((H, W), np.float32)
    assert (alpha_limit(alpha, np.ones((H, W), bool), picture(alpha)) == 1).all()
