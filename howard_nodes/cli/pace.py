"""How long a run will still take, told so that it can be relied on."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

__all__ = ["Steady", "TimeLeft"]

_WINDOW_SECONDS = 60.0
_WINDOW_SHARE = 1 / 3  # of the run so far, where that is longer: a long run is not judged by its last minute
_LEAST_SECONDS = 1.0
_JUMP_SHARE, _JUMP_SECONDS = 1.25, 10.0


class Steady:
    """Estimates as they are shown: they fall, and rise only where they were plainly wrong.

    Frames take unequal time, so that estimates waver. One that is a little higher than what is shown is not
    told. One that is higher by a quarter and ten seconds is: once, and whole.
    """

    def __init__(self) -> None:
        self._shown: float | None = None

    def __call__(self, estimate: float | None) -> float | None:
        """Take the newest estimate, in seconds; give what to show. None is for none, and shows none."""
        shown = self._shown
        if estimate is None or shown is None or not shown <= estimate <= _JUMP_SHARE * shown + _JUMP_SECONDS:
            self._shown = estimate
        return self._shown


class TimeLeft:
    """Time that a run still takes, from what is done of it; it changes only when more is done.

    Parameters
    ----------
    clock : callable
        Seconds that go by.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._points: deque[tuple[float, float]] = deque()
        self._began: float | None = None
        self._steady = Steady()
        self.seconds: float | None = None

    def update(self, done: float, total: float) -> float | None:
        """Say how much is done; give the seconds left, None while that is not known.

        Parameters
        ----------
        done, total : float
            Of what takes its time: not what was there already.
        """
        points = self._points
        # The first that is done is where counting begins: it loads what the others need.
        if done <= (points[-1][1] if points else 0):
            return self.seconds
        now = self._clock()
        if self._began is None:
            self._began = now
        points.append((now, done))
        window = max(_WINDOW_SECONDS, _WINDOW_SHARE * (now - self._began))
        while len(points) > 2 and points[1][0] <= now - window:
            points.popleft()
        first, before = points[0]
        if now - first >= _LEAST_SECONDS:
            self.seconds = self._steady(max(0.0, total - done) * (now - first) / (done - before))
        return self.seconds
