"""Frames of a video stream by position: when each is shown, and how to get at it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np

from howard_nodes.errors import InputError
from howard_nodes.frames.limits import MAX_FRAMES

__all__ = [
    "FFMPEG_ERRORS",
    "MovieDecoder",
    "Timing",
    "TimingNote",
    "UndecodableError",
    "find_timing",
    "planes_of",
    "reason",
    "rewind",
]

FFMPEG_ERRORS = (av.error.FFmpegError, OSError, ValueError)
"""What PyAV raises."""


def reason(error: BaseException) -> str:
    """Say what FFmpeg says, as a part of a sentence."""
    if isinstance(error, av.error.PermissionError):
        return "FFmpeg does not say why"  # its code for that is the system's for a lack of permission
    text = getattr(error, "strerror", None) or str(error)
    return text[:1].lower() + text[1:]


TimingNote = Callable[[int], str]
"""Something worth telling, in words once the number of the first frame is known."""


class Timing:
    """Time stamps of all frames in display order, and the key frames to begin decoding at."""

    def __init__(
        self,
        pts: np.ndarray,
        keys: np.ndarray,
        time_base: Fraction,
        nominal: Fraction | None,
        *,
        counts: bool = False,
        lost: int = 0,
        notes: tuple[TimingNote, ...] = (),
    ) -> None:
        self.pts = pts
        self.keys = keys  # positions in pts, ascending
        self.counts = counts  # no usable time stamps: frames are counted from the first
        self.lost = lost  # frames at the end that the header promises and the file does not hold
        self.notes = notes  # each made into words with the number of the first frame
        self._base = time_base
        self._set_rate(nominal)

    def __len__(self) -> int:
        return len(self.pts) + self.lost

    def _set_rate(self, nominal: Fraction | None) -> None:
        self.is_variable, self.rate = False, nominal
        self.slowest = self.fastest = float(nominal or 0)
        if self.counts or len(self.pts) < 2:
            self.duration = float(len(self) / nominal) if nominal else 0.0
            return
        gaps = np.diff(self.pts)
        mean = (self.pts[-1] - self.pts[0]) / len(gaps)
        measured = 1 / (float(self._base) * mean)
        # Time stamps are rounded to the time base, at either end of a gap.
        self.is_variable = bool(np.abs(gaps - mean).max() > max(2.0, 0.02 * mean))
        self.slowest, self.fastest = (float(1 / (self._base * int(gap))) for gap in (gaps.max(), gaps.min()))
        if nominal is None or self.is_variable or abs(float(nominal) / measured - 1) > 0.01:
            self.rate = _likely_rate(measured)
        self.duration = float(self._base * int(self.pts[-1] - self.pts[0])) + 1 / measured

    def index(self, pts: int | None) -> int | None:
        """Position of a frame by its time stamp; None where there is none like it."""
        if pts is None:
            return None
        place = int(np.searchsorted(self.pts, pts))
        return place if place < len(self.pts) and self.pts[place] == pts else None

    def key_before(self, index: int, back: int = 0) -> int:
        """Last key frame at or before a frame, or `back` key frames before that one."""
        place = int(np.searchsorted(self.keys, index, side="right")) - 1 - back
        return int(self.keys[place]) if place >= 0 else 0

    def tick(self, index: int) -> int:
        """Frames from the first one to this one at the mean rate: timecode runs with time."""
        if not self.is_variable or self.rate is None or index >= len(self.pts):
            return index
        return round(float((int(self.pts[index]) - int(self.pts[0])) * self._base * self.rate))


def _likely_rate(measured: float) -> Fraction:
    for whole in (24, 25, 30, 48, 50, 60, 120):
        for rate in (Fraction(whole), Fraction(whole * 1000, 1001)):
            if abs(float(rate) / measured - 1) < 2e-4:
                return rate
    return Fraction(measured).limit_denominator(1001)


def find_timing(container: Any, stream: Any, path: Path) -> Timing:
    """Find out when each frame is shown, from the container's index or by going through all packets once.

    Raises
    ------
    InputError
        The stream has no frames.
    """
    nominal = stream.average_rate or stream.guessed_rate or stream.base_rate
    nominal = Fraction(nominal) if nominal else None
    quick = _timing_from_index(container, stream, path, nominal)
    return quick or _timing_from_packets(container, stream, path, nominal)


def rewind(container: Any, stream: Any) -> None:
    """Go back to the first packet."""
    begin = stream.start_time if stream.start_time is not None else 0
    try:
        container.seek(min(begin, 0), stream=stream)
    except FFMPEG_ERRORS:
        container.seek(begin, stream=stream, any_frame=True)


def _timing_from_index(container: Any, stream: Any, path: Path, nominal: Fraction | None) -> Timing | None:
    """Use the container's own index, where it lists every frame and none waits for a later one."""
    if not getattr(stream.codec_context.codec, "intra_only", False):
        return None
    if container.format.name == "mxf":
        # Edit units of an MXF are its time base; its index is not shown to us.
        count = stream.duration or 0
        if count <= 0 or nominal is None or stream.time_base * nominal != 1:
            return None
        if count > MAX_FRAMES:
            raise _too_long(path)
        pts = np.arange(count, dtype=np.int64) + (stream.start_time or 0)
        return Timing(pts, np.arange(count), stream.time_base, nominal)
    listed = getattr(stream, "index_entries", None) or ()
    if not listed or len(listed) != stream.frames:
        return None
    if len(listed) > MAX_FRAMES:
        raise _too_long(path)
    entries = list(listed)
    if any(entry.is_discard or not entry.is_keyframe for entry in entries):
        return None
    pts = np.array([entry.timestamp for entry in entries], np.int64)
    first = next(iter(container.demux(stream)), None)
    rewind(container, stream)
    if first is None or first.pts != pts[0] or (np.diff(pts) <= 0).any():
        return None
    size = path.stat().st_size
    cut = sum(entry.pos + entry.size > size for entry in entries)
    return Timing(pts, np.arange(len(pts)), stream.time_base, nominal, notes=_cut_short(len(pts), cut))


def _too_long(path: Path) -> InputError:
    return InputError(
        f"{path}: has more than {MAX_FRAMES} frames: it is damaged, or made to do harm; cut it into shots."
    )


def _cut_short(count: int, lost: int) -> tuple[TimingNote, ...]:
    if not lost:
        return ()

    def note(first: int) -> str:
        last = first + count - 1
        which = f"frame {last} is" if lost == 1 else f"frames {last - lost + 1}-{last} are"
        return f"the file is cut short: {which} lost; copy it again"

    return (note,)


def _timing_from_packets(container: Any, stream: Any, path: Path, nominal: Fraction | None) -> Timing:
    """Go through all packets once, decoding none."""
    pts: list[int | None] = []
    keys: list[bool] = []
    broken = ""
    try:
        for packet in container.demux(stream):
            if packet.size == 0 or getattr(packet, "is_discard", False):
                continue
            if len(pts) == MAX_FRAMES:
                raise _too_long(path)
            pts.append(packet.pts)
            keys.append(bool(packet.is_keyframe))
    except FFMPEG_ERRORS as error:
        broken = reason(error)
    if not pts:
        raise InputError(f"{path}: its video stream has no frames.")
    rewind(container, stream)
    # An index that lists every frame shows how many there were; others list some of them.
    promised = sum(not entry.is_discard for entry in getattr(stream, "index_entries", None) or ())
    lost = max(0, promised - len(pts))
    notes = _cut_short(len(pts) + lost, lost)
    if broken and not lost:
        notes = (
            lambda first: f"cannot be read beyond frame {first + len(pts) - 1} ({broken}); copy it again",
        )
    elif not lost:
        notes = _ends_early(stream, pts)
    # AVI knows no display times, and what is made up for these codecs is wrong.
    made_up = container.format.name == "avi" and stream.codec_context.name in ("h264", "hevc", "vc1")
    counts = made_up or None in pts or len(set(pts)) != len(pts)
    if counts:
        slow = "has no usable time stamps; frames are counted from the first, seeking is slow"
        notes = (*notes, lambda _: slow)
        places = np.arange(len(pts), dtype=np.int64)
        return Timing(
            places, np.zeros(1, np.int64), stream.time_base, nominal, counts=True, lost=lost, notes=notes
        )
    stamps = np.array(pts, np.int64)
    order = np.argsort(stamps, kind="stable")
    key_places = np.flatnonzero(np.array(keys)[order])
    return Timing(stamps[order], key_places, stream.time_base, nominal, lost=lost, notes=notes)


def _ends_early(stream: Any, pts: list[int | None]) -> tuple[TimingNote, ...]:
    """Say so where the header promises much more time than there are frames for."""
    known = [stamp for stamp in pts if stamp is not None]
    promised = float(stream.duration * stream.time_base) if stream.duration else 0.0
    for key, text in stream.metadata.items():
        match = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", str(text))
        if key.lower().startswith("duration") and match:
            promised = int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3])
    there = float((max(known) - min(known)) * stream.time_base) if known else 0.0
    if there and promised - there > 1.0 + 0.02 * promised:
        early = f"should last {promised:.1f} s, but its frames end at {there:.1f} s; is it cut short?"
        return (lambda _: early,)
    return ()


class UndecodableError(Exception):
    """One frame cannot be had; the message says why."""


class MovieDecoder:
    """Frames of a stream by position: goes on where it is, or seeks where that is shorter."""

    def __init__(self, container: Any, stream: Any, timing: Timing) -> None:
        self._container, self._stream, self._timing = container, stream, timing
        self._packets: Iterator[Any] | None = None
        self._waiting: list[av.VideoFrame] = []
        self._counted = 0
        self._began = -1  # where decoding was begun
        self._held: tuple[int, av.VideoFrame] | None = None
        self._bad_packets: set[int] = set()
        self._damaged: set[int] = set()
        self._hopeless: dict[int, str] = {}
        self._error = ""

    def frame(self, index: int) -> av.VideoFrame:
        """Decode one frame; `UndecodableError` where it cannot be."""
        if self._held is not None and self._held[0] == index:
            return _checked(self._held[1], self._bad_packets)
        if index in self._hopeless:
            raise UndecodableError(self._hopeless[index])
        if index >= len(self._timing.pts):
            raise UndecodableError("the file ends before it; copy it again")
        found = None
        if self._can_go_on(index):
            found = self._forward(index)
        else:
            # Mostly the nearest key frame will do; some movies claim key frames that are none.
            starts = dict.fromkeys(self._timing.key_before(index, back) for back in (0, 1, 4))
            for start in starts:
                self._seek(start)
                found = self._forward(index)
                if found is not None and not found.is_corrupt:
                    break
        if found is None:
            why = self._error or "its data is missing"
            self._hopeless[index] = f"{why}; copy or export the movie again"
            raise UndecodableError(self._hopeless[index])
        return _checked(found, self._bad_packets)

    def damaged(self) -> list[int]:
        """Frames found damaged since this was last asked, of codecs in which that spreads."""
        found = sorted(self._damaged)
        self._damaged.clear()
        return [] if getattr(self._stream.codec_context.codec, "intra_only", False) else found

    def _can_go_on(self, index: int) -> bool:
        if self._packets is None or self._held is None:
            return False
        return self._held[0] < index and self._timing.key_before(index) <= self._held[0] + 1

    def _seek(self, start: int) -> None:
        """Begin again at a key frame, or before it where the container cannot do better."""
        self._held, self._waiting, self._counted, self._error = None, [], 0, ""
        if start == 0 or self._timing.counts:
            rewind(self._container, self._stream)
        else:
            try:
                self._container.seek(int(self._timing.pts[start]), stream=self._stream)
            except FFMPEG_ERRORS:
                rewind(self._container, self._stream)
        self._packets = self._container.demux(self._stream)

    def _forward(self, index: int) -> av.VideoFrame | None:
        """Decode up to a frame; None where another comes in its place, which is kept for the next call."""
        if self._held is not None and self._held[0] > index:
            return None
        while True:
            picture = self._next()
            if picture is None:
                return None
            if self._timing.counts:
                place: int | None = self._counted
                self._counted += 1
            else:
                place = self._timing.index(picture.pts)
            if place is None:
                continue
            if picture.is_corrupt:
                self._damaged.add(place)
            if place >= index:
                self._held = (place, picture)
                return picture if place == index else None

    def _next(self) -> av.VideoFrame | None:
        """Give the next decoded frame, None at the end."""
        while not self._waiting:
            packet = None
            if self._packets is None:
                return None
            try:
                packet = next(self._packets, None)
            except FFMPEG_ERRORS as error:
                self._error = reason(error)
            if packet is None:
                self._packets = None
                return None
            if packet.is_corrupt and packet.pts is not None:
                self._bad_packets.add(packet.pts)
            try:
                self._waiting = list(self._stream.codec_context.decode(packet))
            except FFMPEG_ERRORS as error:
                self._error = reason(error)
        return self._waiting.pop(0)


def _checked(picture: av.VideoFrame, bad_packets: set[int]) -> av.VideoFrame:
    if picture.is_corrupt or picture.pts in bad_packets:
        raise UndecodableError("it is damaged; copy or export the movie again")
    return picture


def planes_of(picture: av.VideoFrame) -> list[np.ndarray]:
    """Give the planes of a frame as rows of bytes, top row first."""
    found = []
    for plane in picture.planes:
        stride = plane.line_size
        rows = np.frombuffer(memoryview(plane), np.uint8)
        rows = rows[: rows.size // abs(stride) * abs(stride)].reshape(-1, abs(stride))
        found.append(rows[::-1] if stride < 0 else rows)
    return found
