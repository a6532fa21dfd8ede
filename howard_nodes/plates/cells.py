"""What two pictures say of their gain, cell by cell: ratios of light, how sure each is, where it lies.

Sums of light over cells are compared, so grain and light clipped at 0 do not bias the ratio. Cells count by
how alike the two pictures' structure is there, and less near edges, where a misregistration shows; clipped
and nearly black ones do not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.plates.gain_field import field_basis

__all__ = ["Cells", "measure_cells"]

Array = NDArray[Any]

_FINE = 480  # longest side that the measurement works at, in pixels
_CELL = 6  # pixels of that a side of a cell
_PLAIN = 0.15  # how much a cell without structure counts, where 1 is one whose structure is the same
_DETAIL = np.outer([1, -2, 1], [1, -2, 1]).astype(np.float32) / 6  # keeps the variance of grain


@dataclass(frozen=True)
class Cells:
    """The cells that count: log ratios in stops, how sure each is, and where it lies."""

    ratio: Array  # 3 N, log2 of plate over clean
    weight: Array  # N, how much it shows background, by how alike the structure is
    sigma: Array  # N, its own uncertainty in stops
    basis: Array  # 7 N: 1, x, y, x^2, xy, y^2, r^4
    alike: Array  # N, correlation of the structure, -1 to 1
    texture: Array  # N, 0 to 1: how much structure there is
    level: Array  # N, log2 of the clean plate's light
    part: Array  # N, 0 or 1: which half in cross validation
    light: float  # share of the picture that counts

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.weight)

    def take(self, chosen: Any) -> Cells:
        """Take some, by a mask or a slice."""
        parts = {name: column[..., chosen] for name, column in vars(self).items() if name != "light"}
        return Cells(**{name: np.ascontiguousarray(part) for name, part in parts.items()}, light=self.light)

    def few(self, most: int) -> Cells:
        """Take at most so many, evenly spread."""
        return self if self.count <= most else self.take(slice(None, None, -(-self.count // most)))


def measure_cells(plate: Array, clean: Array, background: Array) -> Cells:
    """Measure the cells of two pictures.

    Parameters
    ----------
    plate, clean : ndarray
        H W 3, scene-linear, aligned to a few pixels. Any resolution.
    background : ndarray
        H W, 0 to 1: 1 where both pictures may show the same background.

    Returns
    -------
    Cells
        Those that count; none where the pictures are smaller than one.
    """
    height, width = background.shape
    step = max(1, -(-max(height, width) // _FINE))
    down, across = height // (step * _CELL), width // (step * _CELL)
    if down == 0 or across == 0:
        return _no_cells()
    block = (slice(0, down * step * _CELL), slice(0, across * step * _CELL))  # whole cells: much faster
    pictures = [np.asarray(picture, np.float32)[block] for picture in (plate, clean)]
    reduced = [_shrink(picture, step) for picture in pictures]
    weight = _shrink(np.asarray(background, np.float32)[block], step)
    for place, less in enumerate(reduced):
        if not np.isfinite(cv2.sumElems(less)).all():
            finite = np.isfinite(less)
            weight = weight * finite.all(axis=2)
            reduced[place] = np.where(finite, less, np.float32(0))
    weight = cv2.erode(weight, np.ones((3, 3), np.uint8))  # no light of the subject leaks in
    clipped = [_clipped(picture[:: 4 * step, :: 4 * step], less) for picture, less in zip(pictures, reduced)]
    covered = _shrink(weight, _CELL)
    counts = covered > 0.3
    if any(found is not None for found in clipped):
        anywhere = np.maximum.reduce([found for found in clipped if found is not None])
        counts &= _shrink(cv2.dilate(anywhere, np.ones((3, 3), np.uint8)), _CELL) < 0.02
    weights = cv2.merge([weight] * 3)
    sums = [_shrink(less * weights, _CELL) for less in reduced]
    light = [np.maximum(total, 0) / np.maximum(covered, 1e-6)[..., None] for total in sums]
    variance = np.zeros(counts.shape, np.float32)
    edges = np.zeros(counts.shape, np.float32)
    for less, mean in zip(reduced, light):
        grain = _grain(less, mean, counts)
        usual = float(np.median(mean[counts])) if counts.any() else 0.0
        darkest = np.minimum(np.minimum(mean[..., 0], mean[..., 1]), mean[..., 2])
        counts &= darkest > max(9 * grain, 0.01 * usual, 1e-7)
        luminance = np.maximum(mean @ np.full(3, 1 / 3, np.float32), 1e-9)
        variance += grain / (luminance * (_CELL * _CELL * np.log(2) ** 2))
        edges += 0.5 * _steps(np.log2(luminance))
    counts &= np.isfinite(variance)
    rows, columns = np.nonzero(counts)
    if rows.size == 0:
        return _no_cells()
    alike, texture = (value[counts] for value in _structure(*reduced))
    shift = min(0.5, 1.5 / (_CELL * step))  # a misregistration of 1.5 pixels, in cells
    variance = 0.03**2 + np.minimum(variance[counts], 1.0) + (shift * edges[counts]) ** 2
    evidence = texture * np.maximum(alike, 0) ** 2 + (1 - texture) * _PLAIN
    size = step * _CELL
    return Cells(
        ratio=np.ascontiguousarray(np.log2(light[0][counts] / light[1][counts]).T, np.float64),
        weight=(covered[counts] * (evidence + 0.01)).astype(np.float64),
        sigma=np.sqrt(variance).astype(np.float64),
        basis=field_basis(_coordinate(columns, size, width), _coordinate(rows, size, height), height / width),
        alike=alike,
        texture=texture,
        level=np.log2(np.maximum(light[1][counts].mean(axis=1), 1e-9)).astype(np.float64),
        part=(rows // 4 + columns // 4) % 2,
        light=float(covered[counts].sum() / covered.size),
    )


def _no_cells() -> Cells:
    none = np.zeros(0)
    return Cells(np.zeros((3, 0)), none, none, np.zeros((7, 0)), none, none, none, none, 0.0)


def _shrink(picture: Array, step: int) -> Array:
    if step == 1:
        return picture
    size = (picture.shape[1] // step, picture.shape[0] // step)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _clipped(sample: Array, reduced: Array) -> Array | None:
    """Find where a channel is at the level that the picture clips at: 0 or 1. None where it does not clip."""
    clipped = None
    for channel in range(3):
        values = np.nan_to_num(sample[..., channel].ravel(), posinf=0)
        if not values.max(initial=0.0) >= 0.5:  # no format clips that low; a plain wall may look like it
            continue
        last = values.size - 1 - values.size // 1000
        level = float(np.partition(values, last)[last])
        below, piled = (np.count_nonzero(values >= part * level) for part in (0.94, 0.98))
        if level >= 0.5 and piled > 3 * (below - piled) + 0.002 * values.size:
            found = (reduced[..., channel] >= 0.9 * level).astype(np.float32)
            clipped = found if clipped is None else np.maximum(clipped, found)
    return clipped


def _structure(plate: Array, clean: Array) -> tuple[Array, Array]:
    """Tell how alike the fine structure is around each cell (-1 to 1), and how much there is (0 to 1)."""
    logs = []
    for picture in (plate, clean):
        luminance = np.maximum(cv2.transform(picture, np.full((1, 3), 1 / 3, np.float32)), 0)
        floor = 0.03 * float(np.mean(luminance[::4, ::4])) + 1e-6
        logs.append(cv2.log(luminance + np.float32(floor)))
    first, second = logs
    mean1, mean2, square1, square2, product = (
        cv2.blur(_shrink(values, _CELL), (3, 3))
        for values in (first, second, first * first, second * second, first * second)
    )
    variance1 = np.maximum(square1 - mean1 * mean1, 0)
    variance2 = np.maximum(square2 - mean2 * mean2, 0)
    least = np.float32(0.01**2)
    alike = (product - mean1 * mean2) / np.sqrt((variance1 + least) * (variance2 + least))
    most = np.maximum(variance1, variance2)
    return alike, most / (most + np.float32(0.04**2))


def _grain(reduced: Array, light: Array, counts: Array) -> float:
    """Estimate the grain's variance as a part of the light, from the quietest cells: texture adds to it."""
    detail = cv2.filter2D(np.ascontiguousarray(reduced[..., 1]), -1, _DETAIL)
    power = _shrink(detail * detail, _CELL)
    found = counts & (light[..., 1] > 0)
    return float(np.quantile(power[found] / light[..., 1][found], 0.1)) if found.any() else 0.0


def _steps(stops: Array) -> Array:
    """Largest difference to one of the four neighbours."""
    grown = np.pad(stops, 1, mode="edge")
    across = np.maximum(np.abs(stops - grown[1:-1, :-2]), np.abs(stops - grown[1:-1, 2:]))
    down = np.maximum(np.abs(stops - grown[:-2, 1:-1]), np.abs(stops - grown[2:, 1:-1]))
    return np.maximum(across, down)


def _coordinate(cells: Array, size: int, length: int) -> Array:
    """Place the centres of cells on the scale from -1 to 1 of the picture's first and last pixel centres."""
    return ((cells + 0.5) * size - 0.5) / max(1, length - 1) * 2 - 1
