from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from howard_nodes.samples.banks import ForegroundBank, TextureBank
from howard_nodes.samples.source import HARD, SampleSource


@pytest.fixture(scope="module")
def banks() -> tuple[TextureBank, ForegroundBank]:
    rng = np.random.default_rng(1)
    picture = cv2.GaussianBlur(rng.random((200, 300, 3), np.float32), (0, 0), 3)
    subject = np.zeros((128, 128, 4), np.float32)
    subject[..., :3] = picture[:128, :128]
    cv2.ellipse(subject, (64, 128), (30, 90), 0, 0, 360, (0.4, 0.3, 0.2, 1.0), -1)
    return TextureBank([(picture * 5).astype(np.float16)]), ForegroundBank([subject])


def test_samples_are_what_they_say(banks):
    source = SampleSource(*banks, size=96, seed=1)
    samples = [source.draw(number) for number in range(24)]
    for sample in samples:
        assert sample.plate.shape == sample.clean.shape == sample.foreground.shape == (3, 96, 96)
        assert sample.alpha.shape == (1, 96, 96)
        for array in (sample.plate, sample.clean, sample.alpha, sample.foreground):
            assert array.dtype == np.float32
            assert array.min() >= 0
            assert array.max() <= 1
    means = [sample.alpha.mean() for sample in samples]
    assert min(means) < 0.1
    assert max(means) > 0.3


def test_a_sample_depends_on_its_number_alone(banks):
    one, other = (SampleSource(*banks, size=64, seed=5) for _ in range(2))
    one.draw(0)
    first, again = one.draw(1), other.draw(1)
    for name in ("plate", "clean", "alpha", "foreground"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert np.abs(first.plate - one.draw(2).plate).max() > 0.05
    assert np.abs(first.plate - SampleSource(*banks, size=64, seed=6).draw(1).plate).max() > 0.05


def test_samples_are_drawn_without_any_picture():
    source = SampleSource(TextureBank([]), ForegroundBank([]), size=64, seed=1)
    assert all(np.isfinite(source.draw(number).plate).all() for number in range(4))


def test_where_the_subject_is_the_plate_shows_it_and_elsewhere_the_clean_plate(banks):
    gentle = replace(HARD, camouflage=0.0, drift=(0.0, 0.0, 0.0), moving=0.0, exposure=0.0)
    gentle = replace(gentle, white_balance=0.0, shadow=0.0, short=0.0, never_seen=0.0)
    source = SampleSource(*banks, size=96, seed=1, style=gentle)
    for number in range(12):
        sample = source.draw(number)
        inside, outside = sample.alpha[0] == 1, sample.alpha[0] == 0
        if inside.sum() > 100:
            assert np.median(np.abs(sample.plate - sample.foreground)[:, inside]) < 0.05
        if outside.sum() > 100:
            assert np.median(np.abs(sample.plate - sample.clean)[:, outside]) < 0.05


def test_hard_shadows_are_no_subject(banks):
    gentle = replace(HARD, nobody=0.0, blur=0.0, translucent=0.0)
    hard, soft = (
        SampleSource(*banks, size=96, seed=3, style=replace(gentle, hard_shadow=share)) for share in (1, 0)
    )
    darkest = []
    for source in (hard, soft):
        samples = [source.draw(number) for number in range(24)]
        behind = [(s.plate - s.clean)[:, s.alpha[0] == 0] for s in samples]
        darkest.append(np.mean([np.percentile(x, 2) for x in behind if x.size]))
    assert darkest[0] < 1.5 * darkest[1] < 0


def test_subjects_in_a_light_of_their_own_are_much_brighter_and_darker(banks):
    spans = {}
    for share in (0.0, 1.0):
        source = SampleSource(*banks, size=64, seed=2, style=replace(HARD, nobody=0.0, own_light=share))
        # Of each shot: how bright its subject is beside its place.
        samples = [source.draw(number) for number in range(40)]
        shown = [s for s in samples if (s.alpha == 1).any()]
        ratios = [np.log2(s.foreground[:, s.alpha[0] == 1].mean() / max(s.clean.mean(), 0.01)) for s in shown]
        spans[share] = np.subtract(*np.percentile(ratios, [90, 10]))
    assert spans[1.0] > 1.3 * spans[0.0]


def test_subjects_in_veils_are_seen_through_in_parts(banks):
    bare = replace(HARD, nobody=0.0, blur=0.0, translucent=0.0, veiled=0.0)
    between = []
    for style in (bare, replace(bare, veiled=1.0)):
        source = SampleSource(*banks, size=96, seed=4, style=style)
        alphas = np.stack([source.draw(number).alpha for number in range(24)])
        between.append(((alphas > 0.2) & (alphas < 0.96)).mean())
        assert (alphas == 1).mean() > 0.02
    assert between[1] > 2 * between[0]


def test_a_style_without_subjects_gives_none(banks):
    source = SampleSource(*banks, size=64, seed=1, style=replace(HARD, nobody=1.0))
    assert not any(source.draw(number).alpha.any() for number in range(3))


def test_life_is_a_share_of_the_samples(banks):
    empty = replace(HARD, nobody=1.0)
    for life, fewest, most in ((0.0, 0, 0), (0.5, 6, 18), (1.0, 20, 24)):
        source = SampleSource(*banks, size=64, seed=2, life=life, style=empty)
        assert fewest <= sum(source.draw(number).alpha.any() for number in range(24)) <= most


def test_whom_the_picture_cuts_off_below_stands_at_the_edge(banks):
    _, bank = banks
    draws = [bank.draw(np.random.default_rng(seed), 96)[1] for seed in range(60)]
    seen = [alpha for alpha in draws if alpha.max() > 0.5]
    cut = [alpha[-1].max() > 0.5 or alpha[:, 0].max() > 0.5 or alpha[:, -1].max() > 0.5 for alpha in seen]
    assert len(seen) > 40
    assert np.mean(cut) > 0.7
