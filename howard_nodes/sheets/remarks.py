"""What is worth a look in a result, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

__all__ = ["KINDS", "STATES", "Kind", "Remark", "advice_on_fit", "high_errors", "jumps", "state_of"]

STATES = ("missing", "corrupt", "failed", "different", "doubtful", "good")
"""What a frame can be, the worst first."""


@dataclass(frozen=True)
class Kind:
    """A kind of remark.

    Attributes
    ----------
    state : str
        What a frame with it is, one of `STATES`.
    title : str
        Its name.
    advice : str
        What to do.
    """

    state: str
    title: str
    advice: str


_AGAIN = (
    "Submit the farm job again, or run the same howard matte with --resume: whole frames are kept, "
    "the others rendered."
)

KINDS: dict[str, Kind] = {
    "missing": Kind("missing", "Missing", _AGAIN),
    "corrupt": Kind("corrupt", "Corrupt", f"{_AGAIN} If it comes back, look at the disk."),
    "failed": Kind(
        "failed",
        "Clean plate not fitted",
        "The clean plate was used as it is: look at the alpha there. Give a clean plate that shows the same "
        "background, more clean frames, or paint an inside and an outside matte for these frames.",
    ),
    "different": Kind(
        "different",
        "Made differently",
        "These frames come from another run. Render them again with the settings of the others: --resume "
        "does that where settings or weights differ; for another version of Howard remove the files first.",
    ),
    "doubtful": Kind(
        "doubtful",
        "Clean plate fit doubtful",
        "Compare plate and alpha along the subject's edge; the message says what did not fit.",
    ),
    "error": Kind(
        "doubtful",
        "Expected error high",
        "Look at the error picture: where it is bright, check the alpha. --quality high or more "
        "--refine-pixels helps at edges, an inside or outside matte where whole areas are wrong.",
    ),
    "jump": Kind(
        "doubtful",
        "Alpha jumps",
        "Play the frames around it. Where nothing in the plate explains the jump, look at the fit of these "
        "frames, or paint a matte for them. A cut or a fast move is fine.",
    ),
}
"""By name, the worst first."""

# What the reason of a doubtful fit calls for, by words in it.
_FIT_ADVICE = {
    "colour space": "Say in which colour space the clean plate is: --clean-colorspace.",
    "parallax": "Use a clean plate shot from the same place, or --clean-frames nearer to this frame.",
    "focus": "A clean plate with the same focus fits better.",
    "flash": "A flash: if the alpha is wrong, paint it for this frame or take it from the neighbours.",
    "flicker": "Check the alpha for bands; a clean plate of the same take flickers less.",
    "light changed": "Use a clean plate taken under the same light.",
    "has no clean plate": "Add clean frames that show the rest: howard plate build.",
    "exposure not matched": "Compare plate and clean plate; too little background may be in sight.",
    "black": "Leave black frames out of --frames.",
}

_AROUND = 4  # frames either side
_ERROR_TIMES = 1.6  # of the median
_ERROR_SPREAD = 4.0  # robust deviations above it
_ERROR_LEAST = 0.002  # of alpha, on average over the picture
_ERROR_ALWAYS = 0.1
_JUMP_TIMES = 4.0  # of what is usual around it
_JUMP_LEAST = 0.01  # of alpha, on average over the picture


@dataclass(frozen=True)
class Remark:
    """Something about a frame.

    Attributes
    ----------
    frame : int
        Its number.
    kind : str
        One of `KINDS`.
    text : str
        In words.
    """

    frame: int
    kind: str
    text: str


def state_of(kinds: Iterable[str]) -> str:
    """Give the worst of what a frame's remarks make of it."""
    found = {KINDS[kind].state for kind in kinds}
    return next((state for state in STATES if state in found), "good")


def advice_on_fit(message: str) -> str:
    """Say what a doubtful or failed fit calls for; empty where its kind's advice is all there is to say."""
    return " ".join(advice for words, advice in _FIT_ADVICE.items() if words in message)


def high_errors(errors: Mapping[int, float]) -> dict[int, str]:
    """Tell frames whose expected error is unusually high for the shot.

    Parameters
    ----------
    errors : mapping of int to float
        Expected error of alpha by frame, 0 to 1, averaged over the picture.

    Returns
    -------
    dict of int to str
        Which, and how high.
    """
    if not errors:
        return {}
    values = np.array(list(errors.values()))
    median = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - median)))
    limit = max(_ERROR_LEAST, median * _ERROR_TIMES, median + _ERROR_SPREAD * spread)
    return {
        frame: f"expected error {100 * error:.2f} %, the shot's median is {100 * median:.2f} %"
        for frame, error in errors.items()
        if error > min(limit, _ERROR_ALWAYS)
    }


def jumps(changes: Mapping[int, float]) -> dict[int, str]:
    """Tell frames where alpha changes abruptly.

    Parameters
    ----------
    changes : mapping of int to float
        Mean absolute difference of alpha to the frame before, by frame; frames without one are left out.

    Returns
    -------
    dict of int to str
        Which, and how far. Of one odd frame among others, that frame alone; of a jump that stays, the first.
    """
    frames = sorted(changes)
    high = {}
    for place, frame in enumerate(frames):
        around = [
            changes[other]
            for other in frames[max(0, place - _AROUND) : place + _AROUND + 1]
            if other != frame
        ]
        # Of two in a row that are high, one is not usual for the other.
        usual = float(np.median(sorted(around)[: max(1, len(around) - 1)])) if around else 0.0
        if len(around) > 1 and changes[frame] > max(_JUMP_LEAST, _JUMP_TIMES * usual):
            high[frame] = usual
    told = {}
    followed = dict(pairwise(frames))
    step = min((after - before for before, after in followed.items()), default=1)
    for frame in sorted(high):
        if frame - step in told and followed.get(frame - step) == frame:
            continue  # the way back from an odd frame
        told[frame] = (
            f"alpha differs from the frame before by {100 * changes[frame]:.1f} % of the picture, "
            f"around it by {100 * high[frame]:.1f} %"
        )
    return told
