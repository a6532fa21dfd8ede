"""Bars around a picture: letterbox, pillarbox, blanking. They are no picture, whatever the camera does.

A bar is rows or columns at the border of one colour over their whole length, in all frames, that end where
the picture begins: at once, along most of its length. A night sky, a black studio and a plain wall do not:
their darkness ends here and there, or by and by, or has grain as the rest of the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from howard_nodes.plates.background import stabilise

__all__ = ["Bars", "find_bars"]

Array = NDArray[Any]

_SIDES = ("top", "bottom", "left", "right")
_LEAST = 5e-4  # stabilised light by which pixels of one colour may differ, however well they are stored
_MOST = 0.02  # ... and however badly
_NOISE = 3.0  # times what the outermost line differs by within itself
_LINE = 0.99  # share of a line that must be of the bar's colour
_MIXED = 0.03  # stabilised light that a codec mixes into a bar beside the picture
_MOSTLY = 0.85  # share of such a line that must be of the bar's colour
_DEEP = 12  # such lines at most
_LARGER = 4.0  # times the step where they begin, from which the one behind them is the picture's edge
_BEGINS = 3  # lines in which a picture begins
_SURE = 3.0  # times what a bar may differ by, from which a pixel is picture
_ALONG = 0.5  # share of the bar's length along which a picture begins, in some frame
_EACH = 0.2  # ... and in each
_WIDEST = 0.45  # share of the picture
_ALIKE = 0.1  # share of a bar in which the other take shows the same colour: then it is part of the place
_COLOR = 0.04  # stabilised light by which two takes of one colour may differ


@dataclass(frozen=True)
class Bars:
    """How many lines of a picture are bars, from each side, and of what colour they are.

    Attributes
    ----------
    counts : tuple of four ints
        Pixels: top, bottom, left, right.
    colors : tuple of four tuples of three floats
        Stabilised light of each, in that order.
    tolerance : float
        How far, in stabilised light, a pixel may be from it.
    soft : bool
        Whether a codec has mixed bars and picture where they meet.
    """

    counts: tuple[int, ...]
    colors: tuple[tuple[float, ...], ...]
    tolerance: float
    soft: bool

    def __str__(self) -> str:
        return ", ".join(f"{name} {count}" for name, count in zip(_SIDES, self.counts) if count)

    def picture(self, height: int, width: int, *, margin: int = 0) -> tuple[slice, slice]:
        """Rows and columns that are picture; `margin` pixels beside a bar, where a codec mixes both, not."""
        top, bottom, left, right = (count + margin * bool(count) for count in self.counts)
        return slice(top, height - bottom), slice(left, width - right)

    def around(self, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Pixels before and behind the picture, down and across, as `numpy.pad` takes them."""
        rows, columns = self.picture(height, width)
        return (rows.start, height - rows.stop), (columns.start, width - columns.stop)

    def mask(self, height: int, width: int, *, margin: int = 0) -> Array:
        """Mark what is picture: H W float32."""
        out = np.zeros((height, width), np.float32)
        out[self.picture(height, width, margin=margin)] = 1.0
        return out

    def needed(self, valid: Array | None) -> Array | None:
        """Say of bars that nothing is missing there, unless it is missing in the picture beside, too.

        Parameters
        ----------
        valid : ndarray or None
            H W, where there is clean plate; None for everywhere.
        """
        if valid is None:
            return None
        needed = np.pad(valid[self.picture(*valid.shape)], self.around(*valid.shape), mode="edge")
        return None if needed.all() else needed

    def still_there(self, picture: Array) -> bool:
        """Whether a frame, H W 3, has nothing but bars where they are."""
        return all(
            float(_near(stabilise(strip), color, _mixed(np.array(color), self.tolerance)).mean()) >= _LINE
            for strip, color in zip(_strips(picture, self), self.colors)
            if strip.size
        )

    def without_what(self, pictures: Sequence[Array], others: Bars | None = None) -> Bars | None:
        """Leave out bars whose colour another take, H W 3 each, shows there: a wall, a night sky.

        Where that take has bars itself, `others`, they are bars.
        """
        counts = list(self.counts)
        known = (0, 0, 0, 0) if others is None else others.counts
        for side, color in enumerate(self.colors):
            if known[side]:
                continue
            shown = [
                float(_near(stabilise(_strips(picture, self)[side]), color, _COLOR).mean())
                for picture in pictures
                if counts[side]
            ]
            if shown and max(shown) > _ALIKE:
                counts[side] = 0
        return replace(self, counts=tuple(counts)) if any(counts) else None


def find_bars(pictures: Sequence[Array]) -> Bars | None:
    """Find bars that all pictures of a take have.

    Parameters
    ----------
    pictures : sequence of ndarray
        H W 3 each, scene-linear, of one size; the more, the surer. Those of one colour all over say nothing.

    Returns
    -------
    Bars or None
        None where there are none.
    """
    told = [picture for picture in pictures if not _is_blank(picture)]
    if not told:
        return None
    found = [_side(told, side) for side in range(len(_SIDES))]
    sides = [one for one in found if one.count]
    if not sides:
        return None
    return Bars(
        tuple(one.count for one in found),
        tuple(one.color for one in found),
        max(one.tolerance for one in sides),
        any(one.soft for one in sides),
    )


@dataclass(frozen=True)
class _Side:
    count: int = 0
    color: tuple[float, ...] = (0.0, 0.0, 0.0)
    tolerance: float = 0.0
    soft: bool = False


def _side(pictures: Sequence[Array], side: int) -> _Side:
    """Find the lines of a bar at one side, its colour and how far that may differ."""
    lines = [_from(picture, side) for picture in pictures]
    outermost = np.concatenate([stabilise(one[:1]).reshape(-1, 3) for one in lines])
    color = np.median(outermost, axis=0)
    apart = float(np.quantile(np.abs(outermost - color).max(-1), _LINE))
    if _NOISE * apart > 2 * _MOST:
        return _Side()
    tolerance = min(max(_NOISE * apart, _LEAST), _MOST)
    most = int(_WIDEST * lines[0].shape[0])
    light = [stabilise(one[: most + _BEGINS]) for one in lines]
    strict = np.min([_near(one, color, tolerance).mean(1) for one in light], axis=0)
    count = _leading(strict >= _LINE)
    if count == 0:
        return _Side()
    # A codec mixes a bar with the picture beside it, some lines deep; then the step is the larger, behind.
    mixed = _mixed(color, tolerance)
    loose = np.min([_near(one, color, mixed).mean(1) for one in light], axis=0)
    deeper = min(_leading(loose >= _MOSTLY), count + _DEEP)
    soft = deeper > count and _step(light, deeper) > max(_LARGER * _step(light, count), mixed)
    if soft:
        count = deeper
    edge = mixed if soft else _SURE * tolerance
    if count > most or not _begins(light, count, color, edge):
        return _Side()
    return _Side(count, tuple(float(value) for value in color), tolerance, soft or tolerance > _LEAST)


def _step(light: Sequence[Array], count: int) -> float:
    """How far the lines before and behind are apart, in the middle, in the frame where that is most."""
    if not 0 < count < len(light[0]):
        return 0.0
    return max(float(np.median(np.abs(one[count] - one[count - 1]).max(-1))) for one in light)


def _leading(lines: Array) -> int:
    """How many lines are so, from the first one on."""
    return len(lines) if lines.all() else int(np.argmin(lines))


def _begins(light: Sequence[Array], count: int, color: Array, tolerance: float) -> bool:
    """Whether the picture begins after so many lines, along most of their length."""
    picture = [~_near(one[count : count + _BEGINS], color, tolerance).all(axis=0) for one in light]
    along = float(np.any(picture, axis=0).mean())
    return along >= _ALONG and min(float(one.mean()) for one in picture) >= _EACH


def _from(picture: Array, side: int) -> Array:
    """Turn a picture, as a view, so that its lines count from a side."""
    if side >= 2:
        picture = picture.swapaxes(0, 1)
    return picture[::-1] if side % 2 else picture


def _strips(picture: Array, bars: Bars) -> list[Array]:
    return [_from(picture, side)[:count] for side, count in enumerate(bars.counts)]


def _near(light: Array, color: Any, tolerance: float) -> Array:
    return np.asarray((np.abs(light - np.asarray(color, np.float32)) <= tolerance).all(axis=-1))


def _mixed(color: Array, tolerance: float) -> float:
    """How far a pixel of a bar may be from its colour beside the picture, where a codec mixes both."""
    return max(_MIXED * (1 + 2 * float(color.max())), 2 * tolerance)


def _is_blank(picture: Array) -> bool:
    sample = stabilise(picture[::8, ::8].reshape(-1, 3))
    return bool(np.abs(sample - np.median(sample, axis=0)).max() < _MOST)
