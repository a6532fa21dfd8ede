"""Which of the things seen at one place over time is the background.

The pictures of a take, registered and matched, are stacked. In small cells the pictures that agree form
clusters: one is the background, others are a subject that lingers. The background is not simply the largest.
It is the one with which the places next to it make sense in every single picture: where in some picture the
background ends and the subject begins, that picture has an edge; where it has none, both sides are the same
thing. And a subject's plain parts do not seem to move, but they are near what does. One labelling of all
cells that disagrees least with this is found by belief propagation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.plates.labelling import disagreement, hidden_parts, propagated

__all__ = ["Background", "find_background", "stabilise"]

Array = NDArray[Any]

_CELL = 4  # pixels a side
_CLUSTERS = 4  # kept for each cell, besides "never seen"
_SHADOW = 0.01  # light under which noise no longer falls
_LEAST_NOISE = 0.003  # of stabilised light
_SHIFT = 0.15  # pixels that registration may be off
_NEVER = 10.0  # cost of what is no label
_CHANGED = 0.5  # of what two pictures of a cell may be apart, from which the cell has moved
_UNUSUAL = 4.0  # times what most of the picture changes by
_STRAY = 0.5  # cost of a cluster that only one picture shows
_LARGER = 0.01  # cost of a small cluster against a large one
_UNSEEN = 0.03  # cost of saying that a cell was never seen
_MOVING = 1.0  # cost of a cluster of moving pictures
_QUIET = 0.25  # share of the pictures of a cluster, the stillest, that tell whether it moves
_PLAIN = 0.3  # cost of a cluster without texture where things move, beside one with texture
_LOOKS = 4  # for parts that never change and are never uncovered


@dataclass(frozen=True)
class Background:
    """What `find_background` found.

    Attributes
    ----------
    light : ndarray
        h w 3 float32, linear. Where it was never seen: some picture's light.
    shows : ndarray
        N h w float32, 0 to 1: how surely each picture shows the background there.
    seen : ndarray
        h w float32: 1 where the background was seen in at least two pictures.
    noise : float
        Standard deviation of stabilised light (`stabilise`).
    moves : ndarray
        h w float32, 0 to 1: in which share of the pictures that show it what is taken for background moves.
    """

    light: Array
    shows: Array
    seen: Array
    noise: float
    moves: Array


def stabilise(light: Array) -> Array:
    """Bring light to a scale on which a camera's noise is about even: ``sqrt(light + 0.01)``."""
    return np.sqrt(np.maximum(light, 0.0) + np.float32(_SHADOW)).astype(np.float32)


def find_background(stack: Array, valid: Array) -> Background:
    """Tell the background from what stands or moves in front of it.

    Parameters
    ----------
    stack : ndarray
        N h w 3, linear, registered, in one exposure, in the order of time. A few hundred pixels wide: time
        grows with N * N * h * w.
    valid : ndarray
        N h w, 1 where the picture covers the pixel.

    Returns
    -------
    Background
        Of the same size.

    References
    ----------
    Cohen, "Background Estimation as a Labeling Problem", ICCV 2005; Reddy, Sanderson and Lovell, "A
    Low-Complexity Algorithm for Static Background Estimation from Cluttered Image Sequences", EURASIP 2011.
    """
    samples = stabilise(np.asarray(stack, np.float32))
    covered = np.asarray(valid, np.float32) > 0.5
    noise = _noise(samples, covered)
    shows, moves = _label(samples, covered, noise)
    height, width = samples.shape[1:3]
    prior = np.stack([cv2.resize(one, (width, height), interpolation=cv2.INTER_LINEAR) for one in shows])
    prior *= covered
    estimate = _weighted_median(samples, prior)
    tolerance = _tolerance(estimate, noise)
    for _ in range(2):
        weight = prior * _closeness(samples, estimate, tolerance)
        total = weight.sum(0)
        mean = np.einsum("nhw,nhwc->hwc", weight, samples) / np.maximum(total, 1e-6)[..., None]
        estimate = np.where((total > 0.5)[..., None], mean, estimate).astype(np.float32)
    near = np.stack([cv2.dilate(one, np.ones((3, 3), np.uint8)) for one in prior]) * covered
    final = np.where(near > 0.25, _closeness(samples, estimate, tolerance), 0.0).astype(np.float32)
    least = np.minimum(2, covered.sum(0)) * 0.6
    seen = (final.sum(0) >= np.maximum(least, 0.5)).astype(np.float32)
    seen = cv2.morphologyEx(seen, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    light = np.square(estimate) - np.float32(_SHADOW)
    large = cv2.resize(moves, None, fx=_CELL, fy=_CELL, interpolation=cv2.INTER_NEAREST)[:height, :width]
    return Background(light.astype(np.float32), final, seen, noise, large)


def _noise(samples: Array, covered: Array) -> float:
    """Deviation of one sample, from what changes least between neighbours in time."""
    if len(samples) < 2:
        return _LEAST_NOISE
    change = np.abs(np.diff(samples[:, ::2, ::2], axis=0))[covered[1:, ::2, ::2] & covered[:-1, ::2, ::2]]
    if change.size < 100:
        return _LEAST_NOISE
    return max(
        _LEAST_NOISE, float(np.quantile(change[:: max(1, len(change) // 100_000)], 0.25)) / 0.3186 / 2**0.5
    )


def _tolerance(picture: Array, noise: float) -> Array:
    """How far, mean square, a sample may be from the picture and still be the same: h w."""
    gx = cv2.Sobel(picture, cv2.CV_32F, 1, 0, scale=1 / 8)
    gy = cv2.Sobel(picture, cv2.CV_32F, 0, 1, scale=1 / 8)
    slope = cv2.blur(np.square(gx).mean(-1) + np.square(gy).mean(-1), (3, 3))
    return np.asarray(4 * noise**2 + 1e-5 + _SHIFT**2 * slope, np.float32)


def _closeness(samples: Array, estimate: Array, tolerance: Array) -> Array:
    out = np.empty(samples.shape[:3], np.float32)
    for number, sample in enumerate(samples):
        distance = cv2.blur(np.square(sample - estimate).mean(-1), (3, 3))
        out[number] = np.exp(-0.5 * distance / tolerance)
    return out


def _weighted_median(samples: Array, weight: Array) -> Array:
    """Median over time of the samples with weight; of all where there is none."""
    out = np.empty(samples.shape[1:], np.float32)
    for row in range(samples.shape[1]):
        weights = weight[:, row] + 1e-4
        for channel in range(3):
            values = samples[:, row, :, channel]
            order = np.argsort(values, axis=0)
            total = np.cumsum(np.take_along_axis(weights, order, 0), axis=0)
            middle = (total < total[-1] / 2).sum(0)
            out[row, :, channel] = np.take_along_axis(values, np.take_along_axis(order, middle[None], 0), 0)[
                0
            ]
    return out


# ---- the labelling of cells


def _label(samples: Array, covered: Array, noise: float) -> tuple[Array, Array]:
    """Which pictures show the background in each cell, and how often what is so moves.

    N rows cols, 0 to 1, all 0 where none does; and rows cols, 0 to 1.
    """
    features, valid = _cells(samples, covered)
    slopes = _slopes(samples)
    tolerance = _cell_tolerance(slopes, noise)
    shows, candidates = _clusters(features, valid, tolerance)
    moving, around = _moving(features, valid, noise)
    unary = _unary(shows, candidates, valid, around)
    unary += _plainness(features, shows, unary, noise) * moving.mean(0)
    across, down = _edges(slopes, noise)
    horizontal = disagreement(shows[..., :-1], shows[..., 1:], valid[..., :-1] * valid[..., 1:], across)
    vertical = disagreement(shows[..., :-1, :], shows[..., 1:, :], valid[:, :-1] * valid[:, 1:], down)
    label = propagated(unary, horizontal, vertical)
    for _ in range(_LOOKS):
        hidden = hidden_parts(label, shows, unary, horizontal, vertical)
        if not hidden.any():
            break
        unary[:-1, hidden] = _NEVER
        label = propagated(unary, horizontal, vertical)
    chosen = np.asarray(np.take_along_axis(shows, label[None, None], 0)[0], np.float32)
    return chosen, _restless(features, valid, tolerance, chosen)


def _restless(features: Array, valid: Array, tolerance: Array, chosen: Array) -> Array:
    """Share of the pictures that show background in which that has changed since the one before.

    A codec changes all that has texture a little, so what most of the picture changes by is no motion.
    """
    change = np.square(np.diff(features, axis=0)).mean(-1) * valid[1:] * valid[:-1]
    both = np.minimum(chosen[1:], chosen[:-1])
    usual = float(np.median(np.median(change, axis=0) / tolerance)) if len(change) else 0.0
    moved = both * (change > max(_CHANGED, _UNUSUAL * usual) * tolerance)
    return np.asarray(moved.sum(0) / np.maximum(both.sum(0), 1.0), np.float32)


def _cells(samples: Array, covered: Array) -> tuple[Array, Array]:
    """Each cell as 2 x 2 means of 2 x 2 pixels: N rows cols 12, and where the picture covers all of it."""
    n, height, width = covered.shape
    rows, cols = -(-height // _CELL), -(-width // _CELL)
    pad = ((0, 0), (0, rows * _CELL - height), (0, cols * _CELL - width))
    whole = np.pad(samples, (*pad, (0, 0)), mode="edge")
    half = whole.reshape(n, rows, 2, 2, cols, 2, 2, 3).mean((3, 6))
    features = half.transpose(0, 1, 3, 2, 4, 5).reshape(n, rows, cols, 12)
    inside = np.pad(covered, pad, mode="edge").reshape(n, rows, _CELL, cols, _CELL)
    return np.ascontiguousarray(features), np.asarray(inside.all((2, 4)), np.float32)


def _slopes(samples: Array) -> Array:
    """Squared slopes in x and y of every picture, lightly smoothed, padded to whole cells: N H W 2."""
    n, height, width = samples.shape[:3]
    rows, cols = -(-height // _CELL) * _CELL, -(-width // _CELL) * _CELL
    out = np.zeros((n, rows, cols, 2), np.float32)
    for number, sample in enumerate(samples):
        gx = np.square(cv2.Sobel(sample, cv2.CV_32F, 1, 0, scale=1 / 8)).mean(-1)
        gy = np.square(cv2.Sobel(sample, cv2.CV_32F, 0, 1, scale=1 / 8)).mean(-1)
        out[number] = np.pad(
            np.dstack([gx, gy]), ((0, rows - height), (0, cols - width), (0, 0)), mode="edge"
        )
    return out


def _cell_tolerance(slopes: Array, noise: float) -> Array:
    """How far, mean square, two pictures of one cell may be apart: rows cols."""
    n, height, width = slopes.shape[:3]
    each = slopes.sum(-1).reshape(n, height // _CELL, _CELL, width // _CELL, _CELL).mean((2, 4))
    return np.asarray(2.0 * noise**2 + 2e-5 + 2 * _SHIFT**2 * np.median(each, axis=0), np.float32)


def _clusters(features: Array, valid: Array, tolerance: Array) -> tuple[Array, Array]:
    """Find the densest clusters over time, greedily; the last one is empty.

    Returns membership, K+1 N rows cols, 0 to 1, and which exist, K+1 rows cols.
    """
    n, rows, cols, _ = features.shape
    shows = np.zeros((_CLUSTERS + 1, n, rows, cols), np.float32)
    exists = np.zeros((_CLUSTERS + 1, rows, cols), bool)
    exists[-1] = True
    for row in range(rows):
        feature = features[:, row].transpose(1, 0, 2)  # cols N 12
        feature = feature - feature.mean(1, keepdims=True)
        square = np.square(feature).sum(-1)
        product = feature @ feature.transpose(0, 2, 1)
        distance = np.maximum(square[:, :, None] + square[:, None] - 2 * product, 0) / feature.shape[-1]
        limit = tolerance[row][:, None]
        close = np.exp(-0.5 * distance / limit[..., None])
        alive = valid[:, row].T.copy()  # cols N
        for cluster in range(_CLUSTERS):
            density = (close @ alive[..., None])[..., 0] * alive
            centre = density.argmax(1)
            exists[cluster, row] = density.max(1) > 0.3
            member = np.take_along_axis(close, centre[:, None, None], 1)[:, 0] * alive
            mean = (member[:, None] @ feature)[:, 0] / np.maximum(member.sum(1), 1e-6)[:, None]
            distance = np.square(feature - mean[:, None]).mean(-1)
            member = np.exp(-0.5 * distance / limit) * valid[:, row].T
            shows[cluster, :, row] = (member * exists[cluster, row][:, None]).T
            alive *= 1 - np.minimum(1, 1.5 * member)
    return shows, exists


def _moving(features: Array, valid: Array, noise: float) -> tuple[Array, Array]:
    """Mark what differs from the pictures before and after, and what lies near it: N rows cols, 0 to 1."""
    if len(features) < 3:
        return np.zeros_like(valid), np.zeros_like(valid)
    change = np.square(np.diff(features, axis=0)).mean(-1) - 2 * noise**2  # grain is no motion
    change = np.maximum(change, 0.0) * valid[1:] * valid[:-1]
    change = 1 - np.exp(-0.5 * change / (4 * noise**2 + 1e-4))
    moving = np.zeros_like(valid)
    moving[1:-1] = np.minimum(change[1:], change[:-1])
    moving[0], moving[-1] = change[0], change[-1]
    # A subject's plain parts do not seem to move, but they are never far from what does.
    wide = max(moving.shape[1:]) / 8
    around = np.stack(
        [
            np.maximum.reduce([one, *(cv2.GaussianBlur(one, (0, 0), wide / 2**k) for k in range(3))])
            for one in moving
        ]
    )
    return moving, around


def _plainness(features: Array, shows: Array, unary: Array, noise: float) -> Array:
    """Cost of clusters that have less texture than another of their cell: K+1 rows cols, 0 to 1.

    Texture that comes back at the very same place stands still. What is plain may slide along.
    """
    total = np.maximum(shows[:-1].sum(1), 1e-3)
    mean = np.einsum("knrc,nrcd->krcd", shows[:-1], features) / total[..., None]
    spread = mean.reshape(*mean.shape[:-1], 4, 3).var(-2).mean(-1)
    texture = spread / (spread + noise**2 + 1e-4)
    texture = np.where(unary[:-1] < _STRAY, texture, 0.0)
    less = texture.max(0) - texture
    return _PLAIN * np.concatenate([less, np.zeros_like(less[:1])])


def _unary(shows: Array, exists: Array, valid: Array, moving: Array) -> Array:
    count = np.maximum(valid.sum(0), 1.0)
    support = shows.sum(1)
    stray = support < np.minimum(1.6, 0.8 * count)
    motion = _stillest(shows, moving)
    # Only against other clusters of the same cell: background beside a subject that moves is background.
    motion -= np.where(stray, np.inf, motion).min(0)
    cost = _LARGER * (1 - support / count) + _MOVING * np.clip(motion, 0.0, 1.0) + _STRAY * stray
    cost[~exists] = _NEVER
    cost[-1] = _UNSEEN
    return np.asarray(cost, np.float32)


def _stillest(shows: Array, moving: Array) -> Array:
    """Mean motion in the stillest quarter of the pictures of each cluster: K+1 rows cols.

    Somebody who passes makes background seem to move, and whoever stays for a while stands still now and
    then: the mean of all would take the one for the other.
    """
    order = np.argsort(moving, axis=0)
    ranked = np.take_along_axis(moving, order, 0)
    out = np.empty((len(shows), *moving.shape[1:]), np.float32)
    for number, cluster in enumerate(shows):
        weight = np.take_along_axis(cluster, order, 0)
        before = np.cumsum(weight, axis=0) - weight
        weight = np.clip(_QUIET * cluster.sum(0) - before, 0.0, weight)
        out[number] = (weight * ranked).sum(0) / np.maximum(weight.sum(0), 1e-6)
    return out


def _edges(slopes: Array, noise: float) -> tuple[Array, Array]:
    """How little of an edge lies between neighbouring cells, in x and in y: N rows cols-1 and N rows-1 cols.

    Near 1 where the picture is smooth there, near 0 where its slope is far above what is usual around it.
    """
    n, height, width = slopes.shape[:3]
    rows, cols = height // _CELL, width // _CELL
    gx = slopes[..., 0].reshape(n, rows, _CELL, cols, _CELL).mean(2).max(-1)
    gy = slopes[..., 1].reshape(n, rows, _CELL, cols, _CELL).mean(4).max(2)
    # The outline may cross either cell anywhere: a cell that is covered in part shows no background.
    gx, gy = np.maximum(gx[..., 1:], gx[..., :-1]), np.maximum(gy[:, 1:], gy[:, :-1])
    floor = 2 * noise**2 / 8 + 2e-5
    out = []
    for strength in (gx, gy):
        # Against what is least at this very place over time: the background may have an edge of its own here.
        usual = np.quantile(strength, 0.2, axis=0)
        usual = np.minimum(usual, cv2.blur(usual, (9, 9)))
        out.append(np.asarray(0.05 + 0.95 / (1 + strength / (4 * floor + 2 * usual)), np.float32))
    return out[0], out[1]
