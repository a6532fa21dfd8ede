"""Alpha from light: where the network is in doubt, the plates say how much of the foreground covers a pixel.

With the foreground's colour F and the clean plate B known, ``plate = a F + (1 - a) B`` gives alpha by a
division. B is known here; of F there are candidates nearby. Each explains a pixel more or less well, and what
they say is weighed by that, by the noise of the plates, and by what the network believes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.errors import InputError
from howard_nodes.solve.candidates import _GRAIN, BUFFERS, weighed
from howard_nodes.solve.foreground import TRUSTED
from howard_nodes.solve.spread import STRIP, enlarged, in_parts, plate_noise, spread_colors, squared

__all__ = ["Evidence", "Unmixed", "halved", "unmix", "unmixing_cells"]

Array = NDArray[Any]

_DOUBTED = 0.2  # error from which a pixel is unmixed wherever it is
_PARTIAL = 0.01  # alpha this far from 0 and 1 counts as partial coverage
_BESIDE = 2  # cells beside partial coverage that are unmixed too
_STRAY, _STRAND = 20, 1.5  # cells from the subject that a strand may be, and how much more than noise it is
_GAP = 5  # cells to the next of it, unless it is more than a clean plate a little out of place could tell too
_SURE = 0.97  # mean alpha from which a cell shows the foreground alone
_AROUND = 8  # candidates around the nearest sure foreground
_NEAREST, _FARTHEST = 5.0, 44.0  # pixels between that and them
_TURN = math.pi * (3 - math.sqrt(5))  # golden angle between one and the next
_DISTRUST = np.float32(4.0)  # how much less a colour spreads for each error of its alpha
_UNKNOWN = 1e9  # texture of a foreground of which nothing is sure
_CHUNK = 2048  # cells computed at a time: some 6 MB a thread, whatever the frame's size


@dataclass(frozen=True)
class Evidence:
    """What an answer rests on, for whoever weighs it again: N cells in reading order, four pixels each.

    Attributes
    ----------
    pixels : ndarray
        N 4 8 float32: alpha, its deviation, alpha by the light alone, how likely it is exactly 0, exactly 1,
        and as decimal logarithms of squared noise, over 4: how far the plates are apart, how far the
        foreground's colour is from the clean plate, and how far the plate is from what the answer explains.
    color : ndarray
        N 3 float32, scene-linear: mean of the candidates, each as it weighed.
    texture : ndarray
        N float32, 0 to 1: how much the sure foreground nearby varies, as a part of its brightness.
    least : ndarray
        N 4 float32, 0 to 1: where the plate has more light than the clean plate, alpha that the brightest
        foreground nearby needs to give it. No alpha below explains the pixel, whoever weighs.
    """

    pixels: Array
    color: Array
    texture: Array
    least: Array


@dataclass(frozen=True)
class Unmixed:
    """What the light says.

    Attributes
    ----------
    alpha : ndarray
        H W float32, 0 to 1: as it was but in the cells.
    deviation : ndarray
        H W float32, 0 to 1: standard deviation of each answer; 0 where nothing was unmixed.
    evidence : Evidence or None
        Of each cell, where it was asked for.
    """

    alpha: Array
    deviation: Array
    evidence: Evidence | None = None


def unmixing_cells(alpha: Array, error: Array, strands: tuple[Array, Array] | None = None) -> Array:
    """Find where light is worth asking: near partial coverage, and where the error map asks for it.

    Parameters
    ----------
    alpha : ndarray
        H W, 0 to 1.
    error : ndarray
        H W, 0 to 1: how far alpha is expected to be wrong. A cell with a pixel of exactly 0 is protected.
    strands : tuple of ndarray, optional
        Plate and clean plate, H W 3 scene-linear: where they differ by more than noise not far from the
        subject counts too. There are strands there that the network did not see; or shadows, so that whoever
        asks must tell them apart.

    Returns
    -------
    ndarray
        ceil(H/2) ceil(W/2), bool: cells of 2x2 pixels.
    """
    covered, wrong = halved(alpha), halved(error)
    partial = ((covered > _PARTIAL) & (covered < 1 - _PARTIAL)).astype(np.uint8)
    near = cv2.dilate(partial, np.ones((2 * _BESIDE + 1,) * 2, np.uint8)) > 0
    cells = near.reshape(covered.shape) | (wrong > _DOUBTED)
    if strands is not None and (covered > _PARTIAL).any():
        box = _box(covered > _PARTIAL, _STRAY)
        cells[box] |= _strands(*strands, alpha, covered[box] <= _PARTIAL, cells[box], box)
    free = error > 0
    if not free.all():
        odd = [(0, length % 2) for length in free.shape]
        free = np.pad(free, odd, mode="edge")
        cells &= free[::2, ::2] & free[1::2, ::2] & free[::2, 1::2] & free[1::2, 1::2]
    return np.asarray(cells)


def unmix(
    plate: Array,
    clean: Array,
    alpha: Array,
    error: Array,
    cells: Array | None = None,
    estimate: Array | None = None,
    *,
    trusted: float = TRUSTED,
    look_first: bool = True,
    evidence: bool = False,
) -> Unmixed:
    """Unmix light: alpha from the plate, the clean plate and candidates for the foreground's colour.

    Candidates are the sure foreground nearest to a pixel, places around that, the network's own estimate, and
    colours spread outwards. Candidate k gives ``a = (I - B).(F - B) / |F - B|^2``, with a variance
    ``T / |F - B|^2``, ``T = n + a^2 v + (1 - a)^2 c |B|^2``: n is the squared noise of the plates where
    nobody is nearby, which a clean plate that is off makes larger too; v is how much the foreground's colours
    vary nearby, and c how far off a clean plate is at least. The network's belief is a normal distribution
    about its alpha, as wide as its error map says, what lies beyond 0 and 1 counted as exactly that. The
    answer is the mean of what follows from all candidates, each weighed by how likely it makes the pixel.

    Which foreground is sure, and where nobody is, the network's alpha tells badly near edges. So the light
    may be asked about cells first, as if they were pixels: candidates and noise are found by what it says.

    Parameters
    ----------
    plate, clean : ndarray
        H W 3 float32, scene-linear, unbounded, finite.
    alpha : ndarray
        H W float32, 0 to 1: the network's.
    error : ndarray
        H W float32, 0 to 1: how far that is expected to be wrong. 0 protects alpha; 1 leaves it to the light.
    cells : ndarray, optional
        ceil(H/2) ceil(W/2), bool: where to unmix. By default `unmixing_cells`.
    estimate : ndarray, optional
        N 3, scene-linear: the network's straight foreground in each of the cells, in reading order.
    trusted : float
        Scene-linear light up to which the estimate is believed: where foreground is sure, it counts as no
        brighter than this and that nearby. As for `solve_foreground`.
    look_first : bool
        Ask about cells before pixels: better where the foreground's colours change, for a third of the time.
    evidence : bool
        Tell too what the answers rest on.

    Returns
    -------
    Unmixed
        The same bits on however many threads.

    Raises
    ------
    InputError
        Shapes that do not fit together.

    Notes
    -----
    Candidates are those of sampling-based matting (Wang and Cohen, "Optimized Color Sampling for Robust
    Matting", CVPR 2007), with the background known; mixing them by likelihood is Bayesian matting's (Chuang
    et al., CVPR 2001).
    """
    height, width = alpha.shape
    for name, array, shape in (
        ("plate", plate, (height, width, 3)),
        ("clean plate", clean, (height, width, 3)),
        ("error map", error, (height, width)),
    ):
        if array.shape != shape:
            raise InputError(f"the {name} has shape {array.shape}, but the alpha needs {shape}")
    cells = unmixing_cells(alpha, error) if cells is None else cells
    told = None
    if evidence:
        shapes = (4, 8), (3,), (), (4,)
        told = Evidence(*(np.zeros((int(cells.sum()), *shape), np.float32) for shape in shapes))
    result = Unmixed(np.array(alpha, np.float32), np.zeros(alpha.shape, np.float32), told)
    if not cells.any():
        return result
    box = _box(cells)
    part = tuple(slice(2 * side.start, 2 * side.stop) for side in box)
    inner = Unmixed(result.alpha[part], result.deviation[part], result.evidence)
    inside = plate[part], clean[part], alpha[part], error[part], cells[box]
    _unmix_box(inner, *inside, estimate, trusted, look_first=look_first)
    return result


def _strands(
    plate: Array, clean: Array, alpha: Array, empty: Array, asked: Array, box: tuple[slice, slice]
) -> Array:
    """Find cells of a box in which the plates differ by more than noise, near those that are `asked` about.

    Farther off that may be what moved a little in the place: a lamp, a leaf. So a strand begins where they
    differ by more than what is next to each other in the clean plate does.
    """
    part = tuple(slice(2 * side.start, 2 * side.stop) for side in box)
    around = cv2.distanceTransform(empty.astype(np.uint8), cv2.DIST_L2, 3) <= _STRAY
    behind = halved(clean[part])
    apart = cv2.subtract(halved(plate[part]), behind)
    off = squared(apart, apart)
    off -= _STRAND * enlarged(plate_noise(plate[part], clean[part], alpha[part])[::2], off.shape[1])
    strands = around & empty & (off > 0)
    contrast = cv2.morphologyEx(behind, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).reshape(behind.shape)
    begun = asked | strands & (off > squared(contrast, contrast))
    near = cv2.dilate(begun.astype(np.uint8), np.ones((2 * _GAP + 1,) * 2, np.uint8))
    return np.asarray(strands & (near.reshape(begun.shape) > 0))


def _box(cells: Array, reach: int = int(_FARTHEST)) -> tuple[slice, slice]:
    """Find the part of a picture that matters: cells, and what is near enough to tell something of them."""
    found = []
    for axis in (1, 0):
        there = np.flatnonzero(cells.any(axis))
        # Beginning on a strip of rows, so that all that is summed up in strips stays where it was, and so
        # after one more halving.
        first = max(0, int(there[0]) - reach) & ~(2 * STRIP - 1)
        found.append(slice(first, int(there[-1]) + 1 + reach))
    return found[0], found[1]


def _unmix_box(
    result: Unmixed,
    plate: Array,
    clean: Array,
    alpha: Array,
    error: Array,
    cells: Array,
    estimate: Array | None,
    trusted: float,
    *,
    look_first: bool,
) -> None:
    """Unmix into a result that has the alpha already."""
    height, width = alpha.shape
    rows, columns = (axis.astype(np.int32) for axis in np.nonzero(cells))
    before, behind, covered, wrong = (halved(plane) for plane in (plate, clean, alpha, error))
    shown = None
    if look_first:
        covered = _looked(before, behind, covered, wrong, cells)
        # Noise is measured where neither says that somebody is: strands are none.
        shown = np.where(cells, covered, 0)
    with ThreadPoolExecutor(1) as pool:
        noise = pool.submit(plate_noise, plate, clean, alpha, shown)
        sure = pool.submit(_sampled, before, covered, rows, columns)
        # What is in doubt spreads little: a matte too solid would lend background to the foreground.
        kept = covered * np.clip(1 - _DISTRUST * wrong, 0.01, 1.0)
        spread = spread_colors(before, behind, covered, kept, plate_noise(before, behind, covered))
        colors = sure.result()
    sampled = len(colors)
    colors.append(spread[rows // 2, columns // 2])
    if estimate is not None:
        believed = np.asarray(estimate, np.float32)
        if sampled:
            brightest = np.full_like(believed, trusted)
            for color in colors[:sampled]:
                np.maximum(brightest, color, out=brightest)
            believed = np.minimum(believed, brightest)
        colors.insert(sampled, believed)
    grain = enlarged(noise.result()[::2], cells.shape[1])[rows, columns]
    grain = grain * np.float32(1 / 3) + np.float32(_GRAIN)

    def work(part: slice, own: list[Array]) -> None:
        # A cell's pixels: 2x2, at the border of an odd picture some twice.
        down = np.minimum(2 * rows[part] + np.array([[0], [0], [1], [1]], np.int32), height - 1)
        across = np.minimum(2 * columns[part] + np.array([[0], [1], [0], [1]], np.int32), width - 1)
        light, place = (
            np.ascontiguousarray(picture[down, across].transpose(2, 0, 1)) for picture in (plate, clean)
        )
        candidates = np.ascontiguousarray(np.stack([color[part] for color in colors]).transpose(0, 2, 1))
        candidates = candidates[:, :, None]
        texture = candidates[:sampled].var(0).mean(0)[0] if sampled else np.full_like(grain[part], _UNKNOWN)
        found = weighed(
            light, place, candidates, texture, alpha[down, across], error[down, across], grain[part], own
        )
        mean, deviation = found.answer()
        result.alpha[down, across] = mean
        result.deviation[down, across] = deviation
        if result.evidence is not None:
            said = found.evidence(mean, deviation)
            for kept, values in zip(vars(result.evidence).values(), said, strict=True):
                kept[part] = values

    in_parts(len(rows), _CHUNK, work, (BUFFERS, 4 * (len(colors) + 1)))


def _looked(before: Array, behind: Array, covered: Array, wrong: Array, cells: Array) -> Array:
    """Ask the light about cells as if they were pixels: alpha by which noise is measured and colours chosen.

    More is sure after that, nearer to an edge. It may add but not take away: a subject may have the colours
    of what is behind it.
    """
    if not _sure(halved(covered)).any():
        return covered
    larger = halved(cells.astype(np.float32)) > 0
    found = unmix(before, behind, covered, wrong, larger, look_first=False).alpha
    # What nobody asked about stays, though others in its larger cell were.
    return np.where(cells, np.maximum(found, covered), covered)


def halved(plane: Array) -> Array:
    """Mean of each 2x2 pixels, of H W or H W C, rounded up; an odd border is repeated."""
    height, width = plane.shape[:2]
    if height % 2 or width % 2:
        plane = cv2.copyMakeBorder(plane, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    size = ((width + 1) // 2, (height + 1) // 2)
    half = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    return np.asarray(half).reshape(size[1], size[0], *plane.shape[2:])


def _sampled(plate: Array, alpha: Array, rows: Array, columns: Array) -> list[Array]:
    """Colours of sure foreground for each cell: the nearest, and those around it; N 3 each, or none.

    `plate` and `alpha` are those of cells, h w 3 and h w.
    """
    height, width = alpha.shape
    found: list[Array] = []
    sure = _sure(alpha)
    places = np.flatnonzero(sure)
    if len(places):
        pixels = plate.reshape(-1, 3)
        _, labels = cv2.distanceTransformWithLabels(1 - sure, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
        labels = labels.reshape(-1)
        place = np.zeros(int(labels.max()) + 1, np.int32)
        place[labels.take(places)] = places
        nearest = place.take(labels.take(rows * width + columns))
        found.append(pixels.take(nearest, 0))
        down, across = np.divmod(nearest, width)
        for y, x in _places_around():
            there = np.clip(down + y, 0, height - 1) * width + np.clip(across + x, 0, width - 1)
            found.append(pixels.take(place.take(labels.take(there)), 0))
    return found


def _sure(alpha: Array) -> Array:
    """Find cells within what shows the foreground alone: h w, 1 there."""
    covered = cv2.erode((alpha > _SURE).astype(np.uint8), np.ones((3, 3), np.uint8))
    return np.asarray(covered.reshape(alpha.shape))


def _places_around() -> Iterable[tuple[int, int]]:
    """Cells down and across, on a spiral: always the same, so that neighbours get candidates alike."""
    for i in range(_AROUND):
        far = _NEAREST * (_FARTHEST / _NEAREST) ** (i / (_AROUND - 1)) / 2
        yield round(far * math.sin(i * _TURN)), round(far * math.cos(i * _TURN))
