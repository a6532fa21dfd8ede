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

__all__ = ["ExposureMatch", "match_exposure"]

Array = NDArray[Any]

_FINE = 480  # longest side that the measurement works at, in pixels
_CELL = 4  # pixels of that a side of a cell
_WINDOW = 9  # pixels of that a side of the window in which the pictures' structure is compared
_SAME = 0.004  # gains that far from 1 are none
_RANGE = 3.5  # stops, either way, in which a gain is looked for
_BIN = 0.05  # stops a bin of the histograms
_AGREE = 0.15  # stops within which cells agree with a match, beside their own uncertainty
_SCALES = (0.6, 0.4, 0.25, 0.15, 0.1)  # stops: from where many matches are possible to where one is left
_FIELD_LIMIT = 1.0  # stops, either way
_FIELD_WORTH = 0.88  # a field must lower the residual of cells it was not fitted to below this part
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
        matched = np.multiply(clean, np.asarray(self.gain, np.float32), dtype=np.float32)
        if self.field is not None:
            matched *= np.exp2(_field_stops(self.field, clean.shape[0], clean.shape[1]))[..., None]
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
    if cells.light < 0.01:
        return _untrusted("the pictures share too little background that is neither clipped nor black")
    if cells.count < 40:
        return _untrusted("too little of the background is lit well enough to compare the exposures")
    start = _best_start(cells, field)
    flat = _fit(cells, start, with_field=False)
    chosen = flat
    if field:
        bent = _fit(cells, start, with_field=True)
        if _worth(cells, flat, bent):
            chosen = bent
    return _judge(cells, chosen)


@dataclass(frozen=True)
class _Cells:
    """The cells that count: log ratios in stops, how sure each is, and where it lies."""

    ratio: Array  # N 3, log2 of plate over clean
    weight: Array  # N, how much it shows background, by how alike the structure is
    sigma: Array  # N, its own uncertainty in stops
    basis: Array  # N 7: 1, x, y, x^2, xy, y^2, r^4
    alike: Array  # N, correlation of the structure, -1 to 1
    texture: Array  # N, 0 to 1: how much structure there is
    part: Array  # N, 0 or 1: which half in cross validation
    near_border: Array  # N, bool
    light: float  # share of the picture that could count

    @property
    def count(self) -> int:
        return len(self.ratio)

    def take(self, chosen: Any) -> _Cells:
        return _Cells(
            self.ratio[chosen],
            self.weight[chosen],
            self.sigma[chosen],
            self.basis[chosen],
            self.alike[chosen],
            self.texture[chosen],
            self.part[chosen],
            self.near_border[chosen],
            self.light,
        )


@dataclass(frozen=True)
class _Fit:
    gain: Array  # 3, stops
    field: Array | None  # 6
    residual: Array  # N 3, stops


def _untrusted(reason: str, cells: int = 0, spread: float = 0.0) -> ExposureMatch:
    return ExposureMatch((1.0, 1.0, 1.0), None, cells, spread, False, reason)


def _measure(plate: Array, clean: Array, background: Array) -> _Cells:
    height, width = background.shape
    step = max(1, -(-max(height, width) // _FINE))
    fine = (max(1, round(width / step)), max(1, round(height / step)))
    small = (max(1, round(fine[0] / _CELL)), max(1, round(fine[1] / _CELL)))
    pictures = [np.ascontiguousarray(picture, np.float32) for picture in (plate, clean)]
    weight = _shrink(np.ascontiguousarray(background, np.float32), fine)
    weight = cv2.erode(weight, np.ones((3, 3), np.uint8))  # no light of the subject leaks in
    reduced = [_shrink(picture, fine) for picture in pictures]
    unusable: Array = np.zeros(weight.shape, np.uint8)
    for picture, less in zip(pictures, reduced):
        unusable |= _clipped(picture[::step, ::step], less)
    unusable = cv2.dilate(unusable, np.ones((3, 3), np.uint8))
    covered = _shrink(weight, small)
    sums = [_shrink(less * weight[..., None], small) for less in reduced]
    alike, texture = (_shrink(value, small) for value in _structure(*reduced))

    light = [np.maximum(total, 0) / np.maximum(covered, 1e-6)[..., None] for total in sums]
    counts = (covered > 0.3) & (_shrink(unusable.astype(np.float32), small) < 0.02)
    variance = np.zeros(counts.shape, np.float32)
    edges = np.zeros(counts.shape, np.float32)
    for less, mean in zip(reduced, light):
        grain = _grain(less, mean, counts)
        usual = float(np.median(mean[counts])) if counts.any() else 0.0
        counts &= mean.min(axis=2) > max(9 * grain, 0.01 * usual, 1e-7)
        luminance = np.maximum(mean.mean(axis=2), 1e-9)
        variance += grain / (luminance * _CELL * _CELL * np.log(2) ** 2)
        edges += 0.5 * _steps(np.log2(luminance))
    counts &= np.isfinite(variance)
    shift = min(0.5, 1.5 / (_CELL * step))  # a misregistration of 1.5 pixels, in cells
    sigma = np.sqrt(0.03**2 + np.minimum(variance, 1.0) + (shift * edges) ** 2)
    rows, columns = np.nonzero(counts)
    ratio = np.log2(light[0][counts] / light[1][counts])
    evidence = texture * np.maximum(alike, 0) ** 2 + (1 - texture) * 0.15
    return _Cells(
        ratio=ratio,
        weight=(covered * (evidence + 0.01))[counts],
        sigma=sigma[counts],
        basis=_basis(rows, columns, small[1], small[0], height / width),
        alike=alike[counts],
        texture=texture[counts],
        part=(rows // 6 + columns // 6) % 2,
        near_border=(columns < small[0] // 10) | (columns >= small[0] - small[0] // 10),
        light=float(covered[counts].sum() / covered.size),
    )


def _shrink(picture: Array, size: tuple[int, int]) -> Array:
    if (picture.shape[1], picture.shape[0]) == size:
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _clipped(sample: Array, reduced: Array) -> Array:
    """Where a channel is at the level that the picture clips at, if it does: uint8."""
    clipped = np.zeros(reduced.shape[:2], np.uint8)
    for channel in range(3):
        values = sample[..., channel].ravel()
        values = values[np.isfinite(values)]
        level = (
            float(np.partition(values, -1 - values.size // 1000)[-1 - values.size // 1000])
            if values.size
            else 0
        )
        if level < 0.5:  # no format clips that low; a plain wall may look like it
            continue
        piled = np.count_nonzero(values >= 0.98 * level)
        below = np.count_nonzero(values >= 0.94 * level) - piled
        if piled > 3 * below + 0.002 * values.size:
            clipped |= (reduced[..., channel] >= 0.9 * level).view(np.uint8)
    return clipped


def _structure(plate: Array, clean: Array) -> tuple[Array, Array]:
    """Tell how alike the fine structure is around each pixel (-1 to 1), and how much there is (0 to 1)."""
    logs = []
    for picture in (plate, clean):
        luminance = np.maximum(cv2.transform(picture, np.full((1, 3), 1 / 3, np.float32)), 0)
        floor = 0.03 * float(np.mean(luminance[::4, ::4])) + 1e-6
        logs.append(cv2.log(luminance + floor))
    window = (_WINDOW, _WINDOW)
    first, second = logs
    mean1, mean2 = cv2.blur(first, window), cv2.blur(second, window)
    variance1 = cv2.blur(first * first, window) - mean1 * mean1
    variance2 = cv2.blur(second * second, window) - mean2 * mean2
    both = cv2.blur(first * second, window) - mean1 * mean2
    least = np.float32(0.01**2)
    alike = both / np.sqrt((np.maximum(variance1, 0) + least) * (np.maximum(variance2, 0) + least))
    most = np.maximum(np.maximum(variance1, variance2), 0)
    return alike, most / (most + np.float32(0.04**2))


def _grain(reduced: Array, light: Array, counts: Array) -> float:
    """Variance of the grain as a part of the light: from the quietest cells, as texture adds to it."""
    green = reduced[..., 1]
    detail = cv2.filter2D(green, -1, np.outer([1, -2, 1], [1, -2, 1]).astype(np.float32) / 6)
    power = _shrink(detail * detail, (light.shape[1], light.shape[0]))
    found = counts & (light[..., 1] > 0)
    return float(np.quantile(power[found] / light[..., 1][found], 0.1)) if found.any() else 0.0


def _steps(stops: Array) -> Array:
    """Largest difference to one of the four neighbours."""
    grown = np.pad(stops, 1, mode="edge")
    across = np.maximum(np.abs(stops - grown[1:-1, :-2]), np.abs(stops - grown[1:-1, 2:]))
    down = np.maximum(np.abs(stops - grown[:-2, 1:-1]), np.abs(stops - grown[2:, 1:-1]))
    return np.maximum(across, down)


def _basis(rows: Array, columns: Array, height: int, width: int, aspect: float) -> Array:
    # centres of cells, on the scale of the picture's first and last pixel centres (near enough: half a pixel)
    x = (2 * columns + 1) / width - 1
    y = (2 * rows + 1) / height - 1
    radius = (x * x + (aspect * y) ** 2) / (1 + aspect**2)
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y, radius * radius], axis=1)


def _field_stops(field: tuple[float, ...], height: int, width: int) -> Array:
    """Evaluate the field at every pixel, H W: powers of y times factors times powers of x."""
    x, y = (np.linspace(-1, 1, size) if size > 1 else np.zeros(1) for size in (width, height))
    a, b = 1 / (1 + (height / width) ** 2), (height / width) ** 2 / (1 + (height / width) ** 2)
    fx, fy, fxx, fxy, fyy, fr = field
    factors = np.zeros((5, 5))  # of y^i x^j
    factors[0, 1], factors[1, 0], factors[0, 2], factors[1, 1], factors[2, 0] = fx, fy, fxx, fxy, fyy
    factors[0, 4], factors[2, 2], factors[4, 0] = fr * a * a, fr * 2 * a * b, fr * b * b
    down = np.stack([y**power for power in range(5)], axis=1) @ factors
    across = np.stack([x**power for power in range(5)])
    stops = down.astype(np.float32) @ across.astype(np.float32)
    return np.clip(stops, -_FIELD_LIMIT, _FIELD_LIMIT, out=stops)


def _best_start(cells: _Cells, with_field: bool) -> Array:
    """Gains in stops, 3, of the densest cluster that fits best when its scale shrinks."""
    few = cells.take(slice(None, None, max(1, cells.count // 2000)))
    best, highest = np.zeros(3), -1.0
    for gain in _clusters(few):
        fit = _shrinking(few, gain, _SCALES, with_field)
        near = np.abs(fit.residual).max(axis=1) < _AGREE + 2 * few.sigma
        mass = few.weight[near]
        if mass.size == 0:
            continue
        x, y = few.basis[near, 1], few.basis[near, 2]
        middle = [float(np.average(value, weights=mass)) for value in (x, y)]
        size = np.sqrt(np.average((x - middle[0]) ** 2 + (y - middle[1]) ** 2, weights=mass))
        score = float(mass.sum()) * (0.2 + size)  # background surrounds, a subject stands in one place
        if score > highest:
            best, highest = fit.gain, score
    return best


def _clusters(cells: _Cells) -> list[Array]:
    """Gains, in stops, where many cells agree: densest colour ratios first, then densest light ratios."""
    light = cells.ratio.mean(axis=1)
    red, blue = cells.ratio[:, 0] - light, cells.ratio[:, 2] - light
    edges = np.arange(-2.5, 2.5 + _BIN, _BIN)
    colors = np.histogram2d(red, blue, bins=(edges, edges), weights=cells.weight)[0]
    colors = cv2.GaussianBlur(colors, (0, 0), 1.2)
    found = []
    for row, column in _peaks(colors, 2, 6):
        at_red, at_blue = edges[row] + _BIN / 2, edges[column] + _BIN / 2
        near = np.hypot(red - at_red, blue - at_blue) < 0.25
        lights, steps = np.histogram(
            light[near], bins=np.arange(-_RANGE, _RANGE + _BIN, _BIN), weights=cells.weight[near]
        )
        smooth = cv2.GaussianBlur(lights[:, None], (0, 0), 3.0)
        for place, _ in _peaks(smooth, 2, 12):
            level = steps[place] + _BIN / 2
            found.append(np.array([level + at_red, level - at_red - at_blue, level + at_blue]))
    return found


def _peaks(density: Array, most: int, apart: int) -> list[tuple[int, int]]:
    """Places of the highest values, each at least that far from the others and half as high as the first."""
    density = density.copy()
    highest = float(density.max())
    found: list[tuple[int, int]] = []
    while len(found) < most and highest > 0:
        row, column = np.unravel_index(int(density.argmax()), density.shape)
        if density[row, column] < 0.5 * highest:
            break
        found.append((int(row), int(column)))
        density[max(0, row - apart) : row + apart + 1, max(0, column - apart) : column + apart + 1] = 0
    return found


def _shrinking(cells: _Cells, gain: Array, scales: tuple[float, ...], with_field: bool) -> _Fit:
    """Fit from a start, believing ever fewer cells (Geman and McClure's weights)."""
    columns = 7 if with_field else 1
    basis = cells.basis[:, :columns]
    prior = cells.weight / cells.sigma**2
    ridge = 1e-3 * float(prior.sum()) * np.eye(columns)
    ridge[0, 0] = 0.0
    gain = gain.copy()
    field = np.zeros(columns)
    residual = cells.ratio - gain
    for scale in scales:
        for _ in range(2):
            width = scale**2 + 4 * cells.sigma**2
            trust = prior * (width / (width + (residual * residual).sum(axis=1))) ** 2
            weighted = basis * trust[:, None]
            normal = basis.T @ weighted + ridge * (float(trust.sum()) / float(prior.sum()))
            step = np.linalg.solve(normal + 1e-9 * np.eye(columns), weighted.T @ (cells.ratio - gain))
            common = step.mean(axis=1)
            gain = gain + step[0]
            field = common.copy()
            field[0] = 0.0
            residual = cells.ratio - gain - (basis @ field)[:, None]
    return _Fit(gain, field[1:] if with_field else None, residual)


def _fit(cells: _Cells, start: Array, *, with_field: bool) -> _Fit:
    """Fit all cells at the scale they turn out to have."""
    coarse = _shrinking(cells, start, _SCALES[1:], with_field)
    scale = float(np.clip(2.5 * _spread(cells, coarse.residual), 0.03, 0.3))
    return _polish(cells, coarse, scale)


def _polish(cells: _Cells, fit: _Fit, scale: float) -> _Fit:
    return _shrinking(cells, fit.gain, (scale, scale), fit.field is not None)


def _agreeing(cells: _Cells, residual: Array) -> Array:
    return np.abs(residual).max(axis=1) < _AGREE + 2 * cells.sigma


def _spread(cells: _Cells, residual: Array) -> float:
    """Robust standard deviation, in stops, of the cells that agree."""
    near = _agreeing(cells, residual)
    if not near.any():
        return 1.0
    return 1.4826 * float(np.median(np.abs(residual[near])))


def _worth(cells: _Cells, flat: _Fit, bent: _Fit) -> bool:
    """Whether the field fits cells it was not fitted to clearly better than one gain does."""
    assert bent.field is not None
    stops = cells.basis[:, 1:] @ bent.field
    near = _agreeing(cells, bent.residual)
    if not near.any() or np.ptp(stops[near]) < _FIELD_LEAST:
        return False
    weight = cells.weight / cells.sigma**2 * near
    missed = {False: 0.0, True: 0.0}
    for half in (0, 1):
        learn, check = cells.part == half, (cells.part != half) & near
        if np.count_nonzero(learn & near) < 40 or np.count_nonzero(check) < 40:
            return False
        for fit in (flat, bent):
            again = _polish(cells.take(learn), fit, 0.2)
            predicted = again.gain
            if again.field is not None:
                predicted = predicted + (cells.basis[check, 1:] @ again.field)[:, None]
            missed[fit is bent] += float(
                np.sum(weight[check, None] * np.minimum(np.abs(cells.ratio[check] - predicted), 0.5))
            )
    return missed[True] < _FIELD_WORTH * missed[False]


def _judge(cells: _Cells, fit: _Fit) -> ExposureMatch:
    near = _agreeing(cells, fit.residual)
    count = int(np.count_nonzero(near))
    spread = _spread(cells, fit.residual)
    share = count / cells.count
    textured = near & (cells.texture > 0.5)
    if count < 40 or share < 0.1:
        return _untrusted("the plate and the clean plate agree on no common exposure", count, spread)
    if np.count_nonzero(textured) > 0.2 * count:
        if float(np.median(cells.alike[textured])) < 0.3:
            return _untrusted("the plate and the clean plate show different things", count, spread)
    elif share < 0.4:
        return _untrusted("too little of the background agrees on one exposure", count, spread)
    if np.abs(fit.gain).max() > _RANGE:
        return _untrusted("the exposures differ by more than three and a half stops", count, spread)
    gain = np.exp2(fit.gain)
    if fit.field is None and np.abs(gain - 1).max() < _SAME:
        gain = np.ones(3)
    red, green, blue = (float(value) for value in gain)
    field = None if fit.field is None else tuple(float(value) for value in fit.field)
    return ExposureMatch((red, green, blue), field, count, spread, True)
