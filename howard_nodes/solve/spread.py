"""What is known nearby, spread over a picture: colours of the foreground, noise of the plates.

Both go through a pyramid (push-pull: Gortler et al., "The Lumigraph", SIGGRAPH 1996), so that what is near
counts where there is any, and what is far where there is none.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "STRIP",
    "buffer",
    "columns",
    "enlarged",
    "grey3",
    "in_parts",
    "in_strips",
    "plate_noise",
    "push_pull",
    "spread_colors",
    "squared",
    "uncovered",
]

Array = NDArray[Any]

_BACKGROUND = 0.004  # alpha up to which a pixel shows the background alone, to 8 bits
_SPREAD = 0.02  # weight of the next coarser level in the pyramid: lets the noise of thin coverage average out
_SPREAD_NOISE = 0.1  # the same in the pyramid of the plates' difference
_FLOOR = 1e-4  # squared light (0.01) under which dark plates count as equally dark
STRIP = 16  # rows worked on at a time: what they need fits a core's cache


def in_strips(height: int, width: int, work: Callable[[slice, list[Array]], Any], buffers: int) -> list[Any]:
    """Call ``work`` for each strip of rows on a few threads, with that many H W 3 buffers of its thread."""
    return in_parts(height, STRIP, work, (buffers, 3 * width))


def in_parts(
    count: int, size: int, work: Callable[[slice, list[Array]], Any], buffers: tuple[int, int]
) -> list[Any]:
    """Call ``work`` for `size` of `count` at a time on a few threads; gives what it returns, in any order.

    Each thread has flat buffers of its own, so many of so many numbers for each of `size`: fresh memory costs
    as much as what is done in it. The parts do not depend on the number of threads, and neither does the
    result.
    """
    parts = [slice(first, min(first + size, count)) for first in range(0, count, size)]
    threads = max(1, min(cv2.getNumThreads(), len(parts)))

    def run(first: int) -> list[Any]:
        own = [np.empty(buffers[1] * min(size, count), np.float32) for _ in range(buffers[0])]
        return [work(part, own) for part in parts[first::threads]]

    if threads == 1:
        return run(0)
    with ThreadPoolExecutor(threads) as pool:
        return [result for results in pool.map(run, range(threads)) for result in results]


def columns(wanted: NDArray[np.bool_]) -> slice | None:
    """Columns from the first to the last where something is wanted, beginning and ending on even ones."""
    found = np.flatnonzero(wanted.any(axis=0))
    return None if found.size == 0 else slice(int(found[0]) & ~1, int(found[-1] + 2) & ~1)


def buffer(flat: Array, shape: tuple[int, ...]) -> Array:
    """Give the beginning of a thread's buffer another shape."""
    return flat[: int(np.prod(shape))].reshape(shape)


def grey3(values: Array, out: Array) -> Array:
    """H W as H W 3: a product of equal shapes is several times faster than a broadcast one."""
    cv2.cvtColor(values, cv2.COLOR_GRAY2BGR, dst=out)
    return out


def uncovered(plate: Array, clean: Array, alpha3: Array, out: Array) -> Array:
    """``plate - (1 - alpha) clean`` in the order that is the plate to the bit where alpha is 1."""
    np.multiply(alpha3, clean, out=out)
    out -= clean
    out += plate
    return out


def spread_colors(plate: Array, clean: Array, alpha: Array, kept: Array, noise: Array) -> Array:
    """Colours of the foreground, spread over the whole picture, at half the resolution (rounded up)."""
    height, width = alpha.shape
    size = ((height + 1) // 2, (width + 1) // 2)
    sums = np.zeros((*size, 3), np.float32)
    weights = np.zeros(size, np.float32)

    def push(rows: slice, own: list[Array]) -> float:
        across = columns(kept[rows] > 0.0)
        if across is None:
            return 0.0
        here = (rows, slice(across.start, min(across.stop, width)))
        covered = alpha[here].copy()
        shape = (*covered.shape, 3)
        light = buffer(own[1], shape)
        # What thin coverage says is worth less the further off the clean plate is.
        doubt: Array = 1.0 - covered
        doubt *= doubt
        doubt *= enlarged(noise[rows], alpha.shape[1])[:, here[1]]
        doubt /= 0.01 * squared(clean[here], light) + _FLOOR
        doubt += 1.0
        part = kept[here] / doubt
        alpha3 = grey3(covered, buffer(own[0], shape))
        uncovered(plate[here], clean[here], alpha3, light)
        light *= grey3(part, alpha3)
        weight: Array = part * covered
        odd = (0, part.shape[0] % 2, 0, part.shape[1] % 2)
        if any(odd):
            light = cv2.copyMakeBorder(light, *odd, cv2.BORDER_REPLICATE)
            weight = cv2.copyMakeBorder(weight, *odd, cv2.BORDER_REPLICATE)
        half = (weight.shape[1] // 2, weight.shape[0] // 2)
        there = (
            slice(rows.start // 2, rows.start // 2 + half[1]),
            slice(across.start // 2, across.start // 2 + half[0]),
        )
        sums[there] = cv2.resize(light, half, interpolation=cv2.INTER_AREA).reshape(half[1], half[0], 3)
        weights[there] = cv2.resize(weight, half, interpolation=cv2.INTER_AREA).reshape(half[1], half[0])
        return min(float(plate[here].min()), float(clean[here].min()))

    darkest = min(0.0, *in_strips(height, width, push, buffers=2))

    colors = push_pull(sums, weights, _SPREAD)
    # Noise in thin coverage may leave less light than none.
    return np.maximum(colors, darkest, out=colors)


def push_pull(total: Array, weight: Array, coarser: float) -> Array:
    """Weighted mean of the neighbourhood: small where there is weight nearby, wide where there is not.

    ``total`` (H W C, values times weights) and ``weight`` (H W) are used up. ``coarser`` is the weight of the
    next level of the pyramid in each.
    """
    levels = [(total, weight)]
    while max(weight.shape) > 1:
        half = tuple((length + 1) // 2 for length in weight.shape)
        total, weight = (
            cv2.resize(level, half[::-1], interpolation=cv2.INTER_AREA).reshape(half + level.shape[2:])
            for level in levels[-1]
        )
        levels.append((total, weight))
    total, weight = levels.pop()
    values = total / max(float(weight.item()), 1e-30)
    while levels:
        total, weight = levels.pop()
        finer = np.empty_like(total)
        cv2.resize(values, weight.shape[::-1], dst=finer, interpolation=cv2.INTER_LINEAR)
        finer *= coarser
        finer += total
        weight += coarser
        finer /= grey3(weight, total) if finer.shape[2] == 3 else weight[..., None]
        values = finer
    return values


def plate_noise(plate: Array, clean: Array, alpha: Array, cells: Array | None = None) -> Array:
    """Squared difference of the plates in the background nearby, H ceil(W/16), of every fourth row.

    Background is where alpha says so and, if given, `cells` does too: alpha of 2x2 pixels each.
    """
    height, width = alpha.shape
    size = (-(-height // STRIP), -(-width // STRIP))
    noise = np.zeros(size, np.float32)
    weight = np.zeros(size, np.float32)

    def measure(rows: slice, own: list[Array]) -> None:
        some = slice(rows.start, rows.stop, 4)
        background = (alpha[some] <= _BACKGROUND).astype(np.float32)
        if cells is not None:
            behind = cells[rows.start // 2 : -(-rows.stop // 2) : 2] <= _BACKGROUND
            background *= behind.repeat(2, axis=1)[:, :width]
        if not background.any():
            return
        difference = np.subtract(plate[some], clean[some], out=buffer(own[0], (*background.shape, 3)))
        apart = squared(difference, difference)
        apart *= background
        at = rows.start // STRIP
        for values, means in ((apart, noise), (background, weight)):
            means[at] = cv2.resize(values, (size[1], 1), interpolation=cv2.INTER_AREA).reshape(size[1])

    in_strips(height, width, measure, buffers=1)
    noise = push_pull(noise[..., None], weight, _SPREAD_NOISE)[..., 0]
    return cv2.resize(noise, (size[1], height), interpolation=cv2.INTER_LINEAR).reshape(height, size[1])


def enlarged(rows: Array, width: int) -> Array:
    """Bring rows of another width, R w, to `width` columns."""
    return cv2.resize(rows, (width, rows.shape[0]), interpolation=cv2.INTER_LINEAR).reshape(-1, width)


def squared(colors: Array, out: Array) -> Array:
    """Sum of the squared channels, H W; `out` (H W 3) is used for the squares."""
    np.multiply(colors, colors, out=out)
    return cv2.transform(out, np.ones((1, 3), np.float32)).reshape(colors.shape[:2])
