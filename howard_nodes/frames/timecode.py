"""Timecode of a frame, counted from that of the first."""

from __future__ import annotations

import re
from fractions import Fraction

__all__ = ["frame_count", "timecode_at"]


def frame_count(timecode: str, rate: Fraction) -> int | None:
    """Count the frames from 00:00:00:00 to a timecode.

    Parameters
    ----------
    timecode : str
        ``01:00:00:00``, with ``;`` or ``.`` before the frames for drop-frame.
    rate : Fraction
        Frames a second.

    Returns
    -------
    int or None
        Frames: numbers that drop-frame leaves out are not counted. None where the text is no timecode.
    """
    match = re.fullmatch(r"(\d\d):(\d\d):(\d\d)([:;.])(\d\d\d?)", timecode.strip())
    if match is None:
        return None
    base, drop = round(rate), _dropped(match[4], rate)
    hours, minutes, seconds, frames = (int(match[i]) for i in (1, 2, 3, 5))
    if base <= 0 or minutes > 59 or seconds > 59 or frames >= base:
        return None
    total_minutes = hours * 60 + minutes
    number = (total_minutes * 60 + seconds) * base + frames
    return number - drop * (total_minutes - total_minutes // 10)


def timecode_at(start: str, rate: Fraction, count: int) -> int | None:
    """Pack the timecode of a frame as SMPTE ST 12-1 and OpenEXR do.

    Parameters
    ----------
    start : str
        Timecode of the first frame, as `frame_count` takes it.
    rate : Fraction
        Frames a second.
    count : int
        Frames from the first one.

    Returns
    -------
    int or None
        Binary coded decimals, hours in the highest byte, bit 6 set for drop-frame. Above 30 frames a second
        two frames share a number and the second carries the field mark (bit 15; bit 31 at 50), because there
        are no digits for more. None where the text is no timecode.
    """
    begin = frame_count(start, rate)
    if begin is None:
        return None
    base, drop = round(rate), _dropped(start.strip()[8], rate)
    number = (begin + count) % (24 * 3600 * base - drop * (24 * 60 - 24 * 6))
    if drop:
        ten = 600 * base - 9 * drop
        tens, rest = divmod(number, ten)
        number += tens * 9 * drop
        if rest >= 60 * base:
            number += drop * (1 + (rest - 60 * base) // (60 * base - drop))
    seconds, frames = divmod(number, base)
    mark = 0
    if base > 30:
        pairs = -(-base // 30)
        frames, second = divmod(frames, pairs)
        mark = (1 << 31 if base == 50 else 1 << 15) if second else 0
    packed = 0
    for value in (seconds // 3600, seconds // 60 % 60, seconds % 60, frames):
        packed = packed << 8 | (value // 10 << 4 | value % 10)
    return packed | (1 << 6 if drop else 0) | mark


def _dropped(separator: str, rate: Fraction) -> int:
    """Give how many numbers drop-frame leaves out each minute, but for every tenth."""
    base = round(rate)
    return base // 15 if separator != ":" and base % 30 == 0 and rate.denominator == 1001 else 0
