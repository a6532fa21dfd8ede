from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from howard_nodes.sheets.remarks import KINDS, STATES, advice_on_fit, high_errors, jumps, state_of


def changes(values, first=1002):
    return dict(zip(range(first, first + len(values)), values))


def test_one_odd_frame_is_told_alone():
    # There and back again: two large differences, one odd frame.
    assert list(jumps(changes([0.002] * 10 + [0.2, 0.2] + [0.002] * 10))) == [1012]


def test_a_jump_that_stays_is_told_once():
    assert list(jumps(changes([0.002] * 10 + [0.2] + [0.002] * 10))) == [1012]


def test_a_fast_move_is_no_jump():
    ramp = np.concatenate([np.linspace(0.002, 0.06, 12), np.linspace(0.06, 0.002, 12)])
    assert jumps(changes(list(ramp))) == {}


def test_small_changes_in_a_still_shot_are_no_jump():
    assert jumps(changes([0.00001] * 10 + [0.005] + [0.00001] * 10)) == {}


def test_both_ends_of_a_shot():
    assert list(jumps(changes([0.3] + [0.002] * 8))) == [1002]
    assert list(jumps(changes([0.002] * 8 + [0.3]))) == [1010]


def test_gaps_are_no_way_back():
    values = changes([0.002] * 6 + [0.2]) | changes([0.2] + [0.002] * 6, first=1010)
    assert list(jumps(values)) == [1008, 1010]


def test_errors_far_above_the_median_are_high():
    errors = {frame: 0.01 + 0.001 * (frame % 3) for frame in range(1001, 1101)}
    assert high_errors(errors) == {}
    told = high_errors(errors | {1050: 0.03})
    assert list(told) == [1050]
    assert told[1050] == "expected error 3.00 %, the shot's median is 1.10 %"


def test_an_error_that_is_high_in_all_frames_is_told():
    assert len(high_errors(dict.fromkeys(range(1, 11), 0.3))) == 10


def test_tiny_errors_are_not_high():
    assert high_errors(dict.fromkeys(range(1, 11), 0.0001) | {11: 0.001}) == {}


@given(st.dictionaries(st.integers(-5, 10_000), st.floats(0, 1), max_size=30))
def test_whatever_is_measured(measured):
    assert set(jumps(measured)) <= set(measured)
    assert set(high_errors(measured)) <= set(measured)


def test_states():
    assert state_of([]) == "good"
    assert state_of(["jump", "failed", "doubtful"]) == "failed"
    assert {kind.state for kind in KINDS.values()} | {"good"} == set(STATES)


def test_reasons_of_fits_have_advice():
    """As `howard_nodes.plates.verdicts` words them."""
    for message in (
        "parts are still 3.0 px apart (parallax? a moving background?)",
        "the background is still 0.3 stops off (is the clean plate in another colour space?)",
        "the background is still 0.3 stops off (has the light changed?)",
        "the background is still 0.3 stops off (flicker?)",
        "12 % of the frame has no clean plate",
        "exposure not matched: too little in common",
        "1.2 stops brighter than the frames around it (a flash?)",
    ):
        assert advice_on_fit(message)
