"""The clean plate's exposure and white balance, matched to the plate's in scene-linear light.

Two takes of one place differ by a gain per channel, and by a smooth field where the lens darkens its corners
or the daylight drifts. Both are measured where the two pictures show the same background, and neither knows
beforehand where that is: the subject may cover most of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.errors import InputError

__all__ = ["ExposureMatch", "field_stops", "match_exposure"]

Array = NDArray[Any]

_FINE = 480  # longest side that the measurement works at, in pixels
_CELL = 6  # pixels of that a side of a cell
_FEWEST = 40  # cells from which a match is tried
_PLAIN = 0.15  # how much a cell without structure counts, where 1 is one whose structure is the same
_SAME = 0.004  # gains that far from 1 are none
_RANGE = 3.5  # stops, either way, in which a gain is looked for
_COLORS = 2.5  # stops, either way, in which a colour cast is looked for
_BIN = 0.05  # stops a bin of the histograms
_RIVAL = 0.6  # score of a second match, as a part of the first, from which neither is believed
_AGREE = 0.15  # stops within which cells agree with a match, beside their own uncertainty
_SCALES = (0.6, 0.4, 0.25, 0.15, 0.1)  # stops: from where many matches are possible to where one is left
_TINT = 0.15  # stops: a field does not tint, so colours are held to that from the beginning
_FIELD_LIMIT = 1.0  # stops, either way
_FIELD_WORTH = 0.88  # a field must lower the residual of cells it was not fitted to below this part
_DETAIL = np.outer([1, -2, 1], [1, -2, 1]).astype(np.float32) / 6  # keeps the variance of grain
_FIELD_LEAST = 0.02  # stops between its lowest and highest value under which a field is none


@dataclass(frozen=True)
class ExposureMatch:
    """What takes the clean plate's light to the plate's: ``clean * gain * 2**field = plate``.

    Parameters
    ----------
    gain : tuple of three floats
        Factor per channel, in scene-linear light, at the centre of the picture. Exactly 1 where nothing needs
        to be done and where the match is not trusted.
    field : tuple of six floats, or None
        A smooth gain in stops, common to the channels: the factors of x, y, x^2, xy, y^2 and r^4, with x and
        y from -1 at the centres of the first column and row to 1 at those of the last, and r the distance
        from the centre, 1 in the corners of the picture. Bounded to one stop either way. None where one gain
        for the whole picture does as well.
    cells : int
        How many cells of the picture agreed on this match.
    spread : float
        Robust standard deviation of their logarithmic ratios around it, in stops.
    trusted : bool
        Whether the match is to be believed.
    reason : str
        Why not; empty when it is trusted.
    """

    gain: tuple[float, float, float]
    field: tuple[float, ...] | None
    cells: int
    spread: float
    trusted: bool
    reason: str = ""

    def apply(self, clean: Array) -> Array:
        """Return the clean plate with the plate's exposure.

        Parameters
        ----------
        clean : ndarray
            H W 3, float32, scene-linear, at any resolution of the picture that was measured.

        Returns
        -------
        ndarray
            H W 3, float32, new; ``clean`` itself where gain is exactly 1 and there is no field.

        Raises
        ------
        InputError
            When the picture does not have three channels.
        """
        if clean.ndim != 3 or clean.shape[2] != 3:
            raise InputError(f"the clean plate has shape {clean.shape}, but height, width, 3 is needed")
        if self.gain == (1.0, 1.0, 1.0) and self.field is None:
            return clean
        height, width, _ = clean.shape
        gains = np.tile(
            np.asarray(self.gain, np.float32), width
        )  # whole rows: many times faster than by pixel
        matched = np.multiply(clean.reshape(height, width * 3), gains, dtype=np.float32).reshape(clean.shape)
        if self.field is not None:
            factor = cv2.exp(field_stops(self.field, height, width) * np.float32(np.log(2)))
            matched *= cv2.merge([factor] * 3)
        return matched


def match_exposure(plate: Array, clean: Array, background: Array, *, field: bool = True) -> ExposureMatch:
    """Measure the gain per channel, and the field where it helps, that takes the clean plate to the plate.

    Sums of light over cells are compared, so grain and light clipped at 0 do not bias the ratio. Cells count
    by how alike the two pictures' structure is there, and less near edges, where a misregistration shows;
    clipped and nearly black ones do not count. The densest cluster of their colour ratios, then of their
    light ratios, starts a robust fit whose scale shrinks (graduated non-convexity), so that a subject in more
    than half of the picture, known or not, takes no part. The field is kept only where it fits cells it was
    not fitted to clearly better.

    Parameters
    ----------
    plate, clean : ndarray
        H W 3, float32, scene-linear, the clean plate aligned to the plate to a few pixels. Any resolution.
    background : ndarray
        H W, 0 to 1: 1 where both pictures are valid and may show the same background, 0 at the subject and
        outside. All 1 when nothing is known.
    field : bool
        Whether a gain field may be used.

    Returns
    -------
    ExposureMatch
        Not trusted, with gain 1, where too little background is left or it does not agree.

    Raises
    ------
    InputError
        When the arrays' shapes do not fit together.

    Notes
    -----
    Measured on 300 made pairs of 480 by 270 pixels (photographs and drawn places, gains of up to two stops,
    a factor of up to two between channels, fields of up to 0.7 stop in most, up to 60 % subject): where the
    subject is known and the pictures are 0.4 pixels off, 0.1 % in the median and 0.4 % in the 95th
    percentile; where it is not known and they are up to 2 pixels off, 0.2 % and 1 %, three pairs above 2 %
    and one refused. A shadow on much of the background moves the match by 1 to 4 %.

    A plain wall and a plain subject that hides half of it cannot be told apart: then neither is believed. Two
    plain walls look like one wall.

    References
    ----------
    Yang et al., "Graduated Non-Convexity for Robust Spatial Perception", RA-L 2020 (the shrinking scale).
    """
    if plate.ndim != 3 or plate.shape[2] != 3 or clean.shape != plate.shape:
        raise InputError(
            f"the plate has shape {plate.shape} and the clean plate {clean.shape}: both need H W 3"
        )
    if background.shape != plate.shape[:2]:
        raise InputError(f"the background has shape {background.shape}, but the plate {plate.shape}")
    cells = _measure(plate, clean, background)
    if cells.count < _FEWEST or cells.light < 0.01:
        return _untrusted("the pictures share too little background that is neither clipped nor black")
    start, rival = _best_start(cells, field)
    flat = _polish(cells, _Fit(start.gain, None, start.residual), 3)
    chosen = flat
    if field:
        bent = _polish(cells, start, 3)
        if _worth(cells, flat, bent):
            chosen = bent
    return _judge(cells, chosen, rival)


@dataclass(frozen=True)
class _Cells:
    """The cells that count: log ratios in stops, how sure each is, and where it lies."""

    ratio: Array  # 3 N, log2 of plate over clean
    weight: Array  # N, how much it shows background, by how alike the structure is
    sigma: Array  # N, its own uncertainty in stops
    basis: Array  # 7 N: 1, x, y, x^2, xy, y^2, r^4
    alike: Array  # N, correlation of the structure, -1 to 1
    texture: Array  # N, 0 to 1: how much structure there is
    part: Array  # N, 0 or 1: which half in cross validation
    light: float  # share of the picture that counts

    @property
    def count(self) -> int:
        return len(self.weight)

    def take(self, chosen: Any) -> _Cells:
        parts = {name: column[..., chosen] for name, column in vars(self).items() if name != "light"}
        return _Cells(**{name: np.ascontiguousarray(part) for name, part in parts.items()}, light=self.light)

    def few(self, most: int) -> _Cells:
        return self if self.count <= most else self.take(slice(None, None, -(-self.count // most)))


@dataclass(frozen=True)
class _Fit:
    gain: Array  # 3, stops
    field: Array | None  # 6
    residual: Array  # 3 N, stops


def _untrusted(reason: str, cells: int = 0, spread: float = 0.0) -> ExposureMatch:
    return ExposureMatch((1.0, 1.0, 1.0), None, cells, spread, False, reason)


def _measure(plate: Array, clean: Array, background: Array) -> _Cells:
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
    return _Cells(
        ratio=np.ascontiguousarray(np.log2(light[0][counts] / light[1][counts]).T, np.float64),
        weight=(covered[counts] * (evidence + 0.01)).astype(np.float64),
        sigma=np.sqrt(variance).astype(np.float64),
        basis=_basis(_coordinate(columns, size, width), _coordinate(rows, size, height), height / width),
        alike=alike,
        texture=texture,
        part=(rows // 4 + columns // 4) % 2,
        light=float(covered[counts].sum() / covered.size),
    )


def _no_cells() -> _Cells:
    none = np.zeros(0)
    return _Cells(np.zeros((3, 0)), none, none, np.zeros((7, 0)), none, none, none, 0.0)


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


def _basis(x: Array, y: Array, aspect: float) -> Array:
    radius = (x * x + (aspect * y) ** 2) / (1 + aspect**2)
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y, radius * radius])


def field_stops(
    field: tuple[float, ...],
    height: int,
    width: int,
    *,
    rows: Array | None = None,
    columns: Array | None = None,
) -> Array:
    """Evaluate a gain field.

    Parameters
    ----------
    field : tuple of six floats
        As of `ExposureMatch`.
    height, width : int
        Size of the picture.
    rows, columns : ndarray, optional
        Indices of the rows and columns that are wanted; by default all.

    Returns
    -------
    ndarray
        H W float32, stops.
    """
    x, y = (np.linspace(-1, 1, size) if size > 1 else np.zeros(1) for size in (width, height))
    # Powers of y times factors times powers of x.
    x, y = x if columns is None else x[columns], y if rows is None else y[rows]
    a, b = 1 / (1 + (height / width) ** 2), (height / width) ** 2 / (1 + (height / width) ** 2)
    fx, fy, fxx, fxy, fyy, fr = field
    factors = np.zeros((5, 5))  # of y^i x^j
    factors[0, 1], factors[1, 0], factors[0, 2], factors[1, 1], factors[2, 0] = fx, fy, fxx, fxy, fyy
    factors[0, 4], factors[2, 2], factors[4, 0] = fr * a * a, fr * 2 * a * b, fr * b * b
    down = np.stack([y**power for power in range(5)], axis=1) @ factors
    across = np.stack([x**power for power in range(5)])
    stops = down.astype(np.float32) @ across.astype(np.float32)
    return np.clip(stops, -_FIELD_LIMIT, _FIELD_LIMIT, out=stops)


def _best_start(cells: _Cells, with_field: bool) -> tuple[_Fit, float]:
    """Fit some of the cells from each dense cluster, with a shrinking scale.

    Returns the best one, and the best score among the cells that it leaves out as a part of its own.
    """
    few = cells.few(1000)
    clusters = _clusters(cells.few(3000))
    best = max(
        (_closing_in(few, gain, _SCALES, with_field) for gain in clusters), key=lambda fit: _score(few, fit)
    )
    rest = few.take(~_agreeing(few, best.residual))
    highest = max(_score(few, best), 1e-12)
    rival = 0.0
    if rest.weight.sum() > _RIVAL * highest:  # or it cannot be one
        rival = max(_score(rest, _closing_in(rest, gain, _SCALES[1:], with_field)) for gain in clusters)
    start = _Fit(best.gain, best.field, _residual(cells, best.gain, best.field))
    return start, rival / highest


def _closing_in(cells: _Cells, gain: Array, scales: tuple[float, ...], with_field: bool) -> _Fit:
    fit = _Fit(gain, np.zeros(6) if with_field else None, cells.ratio - gain[:, None])
    for scale in scales:
        fit = _improve(cells, fit, scale, 2)
    return fit


def _score(cells: _Cells, fit: _Fit) -> float:
    """Weigh the cells that agree by how far apart they lie: background surrounds, a subject does not."""
    mass = cells.weight * _agreeing(cells, fit.residual)
    total = float(mass.sum())
    if total <= 0:
        return 0.0
    x, y = cells.basis[1], cells.basis[2]
    variance = mass @ (x * x + y * y) / total - (mass @ x / total) ** 2 - (mass @ y / total) ** 2
    return total * (0.2 + float(np.sqrt(max(variance, 0.0))))


def _clusters(cells: _Cells) -> list[Array]:
    """Gains, in stops, where many cells agree: densest colour ratios first, then densest light ratios."""
    light = cells.ratio.mean(axis=0)
    red, blue = cells.ratio[0] - light, cells.ratio[2] - light
    size = round(2 * _COLORS / _BIN)
    colors = _histogram([red, blue], cells.weight, _COLORS, size)
    found = []
    for row, column in _peaks(cv2.GaussianBlur(colors, (0, 0), 1.2), 2, 6):
        at_red, at_blue = (_BIN * (place + 0.5) - _COLORS for place in (row, column))
        near = (red - at_red) ** 2 + (blue - at_blue) ** 2 < 0.25**2
        lights = _histogram([light], cells.weight * near, _RANGE, round(2 * _RANGE / _BIN))
        for place, _ in _peaks(cv2.GaussianBlur(lights[:, None], (0, 0), 3.0), 2, 12):
            level = _BIN * (place + 0.5) - _RANGE
            found.append(np.array([level + at_red, level - at_red - at_blue, level + at_blue]))
    return found or [np.median(cells.ratio, axis=1)]


def _histogram(values: list[Array], weight: Array, limit: float, bins: int) -> Array:
    """Count in bins from -limit to limit, as many dimensions as there are values."""
    index = np.zeros(weight.shape, np.int64)
    inside = np.ones(weight.shape, bool)
    for value in values:
        place = np.floor((value + limit) / _BIN).astype(np.int64)
        inside &= (place >= 0) & (place < bins)
        index = index * bins + place
    counts = np.bincount(index[inside], weight[inside], bins ** len(values))
    return counts.reshape([bins] * len(values))


def _peaks(density: Array, most: int, apart: int) -> list[tuple[int, int]]:
    """Places of the highest values, each at least that far from the others and half as high as the first."""
    density = density.copy()
    highest = float(density.max())
    found: list[tuple[int, int]] = []
    while len(found) < most and highest > 0:
        row, column = (int(place) for place in np.unravel_index(int(density.argmax()), density.shape))
        if density[row, column] < 0.5 * highest:
            break
        found.append((row, column))
        density[max(0, row - apart) : row + apart + 1, max(0, column - apart) : column + apart + 1] = 0
    return found


def _improve(cells: _Cells, fit: _Fit, scale: float, times: int) -> _Fit:
    """Fit again, the less believing cells the further off they are (Geman and McClure's weights)."""
    columns = 1 if fit.field is None else 7
    basis = cells.basis[:columns]
    prior = cells.weight / cells.sigma**2
    light_scale = scale**2 + 4 * cells.sigma**2
    color_scale = min(scale, _TINT) ** 2 + 4 * cells.sigma**2
    mean = cells.ratio.mean(axis=0)
    tints = cells.ratio - mean
    gain, field, residual = fit.gain, fit.field, fit.residual
    for _ in range(times):
        red, green, blue = residual
        light = (red + green + blue) / 3
        color = (red - light) ** 2 + (green - light) ** 2 + (blue - light) ** 2
        trust = prior / (1 + 3 * light * light / light_scale + color / color_scale) ** 2
        weighted = basis * trust
        normal = weighted @ basis.T
        normal[np.diag_indices(columns)] += 1e-3 * normal[0, 0]
        normal[0, 0] /= 1.001  # the gain itself is not held back
        common = np.linalg.solve(normal, weighted @ mean)  # the channels share the field and differ in gain
        gain = common[0] + tints @ trust / trust.sum()
        field = None if fit.field is None else common[1:]
        residual = _residual(cells, gain, field)
    return _Fit(gain, field, residual)


def _residual(cells: _Cells, gain: Array, field: Array | None) -> Array:
    if field is None:
        return cells.ratio - gain[:, None]
    return cells.ratio - gain[:, None] - field @ cells.basis[1:]


def _polish(cells: _Cells, fit: _Fit, times: int) -> _Fit:
    """Fit all cells, at the scale that they turn out to have."""
    scale = float(np.clip(2.5 * _spread(cells, fit.residual), 0.03, 0.3))
    return _improve(cells, fit, scale, times)


def _agreeing(cells: _Cells, residual: Array) -> Array:
    red, green, blue = np.abs(residual)
    return np.maximum(np.maximum(red, green), blue) < _AGREE + 2 * cells.sigma


def _spread(cells: _Cells, residual: Array) -> float:
    """Robust standard deviation, in stops, of the cells that agree."""
    near = _agreeing(cells, residual)
    return 1.4826 * float(np.median(np.abs(residual[:, near]))) if near.any() else 1.0


def _worth(cells: _Cells, flat: _Fit, bent: _Fit) -> bool:
    """Whether the field fits cells it was not fitted to clearly better than one gain does."""
    assert bent.field is not None
    near = _agreeing(cells, bent.residual)
    if not near.any() or np.ptp(bent.field @ cells.basis[1:, near]) < _FIELD_LEAST:
        return False
    missed = {False: 0.0, True: 0.0}
    for half in (0, 1):
        learn, check = cells.take(cells.part == half), cells.take((cells.part != half) & near)
        if learn.count < _FEWEST or check.count < _FEWEST:
            return False
        for fit in (flat, bent):
            again = _improve(learn, _Fit(fit.gain, fit.field, _residual(learn, fit.gain, fit.field)), 0.2, 2)
            residual = np.minimum(np.abs(_residual(check, again.gain, again.field)), 0.5)
            missed[fit is bent] += float((residual @ (check.weight / check.sigma**2)).sum())
    return missed[True] < _FIELD_WORTH * missed[False]


def _judge(cells: _Cells, fit: _Fit, rival: float) -> ExposureMatch:
    near = _agreeing(cells, fit.residual)
    count = int(np.count_nonzero(near))
    spread = _spread(cells, fit.residual)
    share = count / cells.count
    textured = near & (cells.texture > 0.5)
    if count < _FEWEST or share < 0.1:
        return _untrusted("the plate and the clean plate agree on no common exposure", count, spread)
    if np.count_nonzero(textured) > 0.2 * count:
        if spread > 0.05 and float(np.median(cells.alike[textured])) < 0.3:
            return _untrusted("the plate and the clean plate show different things", count, spread)
    elif share < 0.4:
        return _untrusted("too little of the background agrees on one exposure", count, spread)
    if rival > _RIVAL:
        return _untrusted("two large parts of the picture ask for different exposures", count, spread)
    if np.abs(fit.gain).max() > _RANGE:
        return _untrusted("the exposures differ by more than three and a half stops", count, spread)
    gain = np.exp2(fit.gain)
    if fit.field is None and np.abs(gain - 1).max() < _SAME:
        gain = np.ones(3)
    red, green, blue = (float(value) for value in gain)
    field = None if fit.field is None else tuple(float(value) for value in fit.field)
    return ExposureMatch((red, green, blue), field, count, spread, True)
