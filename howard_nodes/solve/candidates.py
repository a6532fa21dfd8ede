"""Candidates for the foreground's colour, weighed: how likely each makes a pixel, and what alpha it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from howard_nodes.solve.spread import buffer

__all__ = ["BUFFERS", "Weighed", "weighed"]

Array = NDArray[Any]

BUFFERS = 9
"""How many flat buffers `weighed` works in."""

_OWN = 0.03  # how much a foreground's colour varies at least, as a part of it
_TEXTURE = 0.3  # and how much of the variance of the sure colours nearby one of them has
_WIDEST = 0.24  # but at most, as a part of it
_ANY = 0.6  # the same for a colour that nobody has seen
_CLEAN = 0.02  # how far off a clean plate is at least, as a part of it
_GRAIN = 1e-7  # least squared noise of a channel
_BELIEF = 0.02, 1.0  # standard deviation of the network's alpha: at error 0, and for each error
_ENDS = 0.3  # how far its belief in alphas of exactly 0 and 1 is trusted
_BRIGHTEST = 1.3  # light of the foreground at most, as a part of the brightest candidate's
_CERTAIN = 6.0, 0.05  # light is more than the clean plate's: by how much noise, and as a part of that


@dataclass(frozen=True)
class Weighed:
    """What each of K candidates says of the pixels of n cells, and how much that counts.

    `mean` and `spread`, K 4 n, are alpha and its variance; `weight`, `solid` and `empty`, K 4 n, K 4 n and
    4 n, not normalised, are what they count, and what alphas of exactly 1 and 0 do; `light`, 4 n, is alpha
    by the light alone. The others are what went in.
    """

    mean: Array
    spread: Array
    weight: Array
    solid: Array
    empty: Array
    light: Array
    colors: Array
    off: Array
    behind: Array
    texture: Array
    grain: Array

    def answer(self) -> tuple[Array, Array]:
        """Mean and standard deviation of alpha, 4 n each."""
        certain = self.solid.sum(0)
        weight = self.weight.sum(0) + self.empty + certain
        result = ((self.weight * self.mean).sum(0) + certain) / weight
        squares = ((self.weight * (self.spread + self.mean * self.mean)).sum(0) + certain) / weight
        deviation = np.sqrt(np.maximum(squares - result * result, 0.0))
        return np.clip(result, 0.0, 1.0), np.minimum(deviation, 1.0)

    def evidence(self, alpha: Array, deviation: Array) -> tuple[Array, Array, Array, Array]:
        """Give what `Evidence` holds: n 4 8, n 3, n and n 4."""
        certain = self.solid.sum(0)
        weight = self.weight.sum(0) + self.empty + certain
        counts = (self.weight + self.solid).sum(1)
        counts /= np.maximum(counts.sum(0), 1e-30)
        color = (counts[:, None] * self.colors[:, :, 0]).sum(0)
        way = color[:, None] - self.behind
        left = self.off - alpha * way
        pixels = (
            alpha,
            deviation,
            self.light,
            self.empty / weight,
            certain / weight,
            *(self._magnitude(difference) for difference in (self.off, way, left)),
        )
        varies = np.sqrt(self.texture / (np.square(color).sum(0) * np.float32(1 / 3) + np.float32(_GRAIN)))
        return np.stack(pixels, 2).transpose(1, 0, 2), color.T, np.minimum(varies, 1.0), self._least().T

    def _least(self) -> Array:
        """Alpha with which the brightest foreground gives a pixel's light: less of it cannot, 4 n."""
        noises, share = _CERTAIN
        more = self.off - np.float32(share) * self.behind
        more -= np.float32(noises) * np.sqrt(self.grain)
        room = np.float32(_BRIGHTEST) * self.colors.max(0) - self.behind
        more[room <= 0] = 0.0
        more /= np.maximum(room, np.float32(1e-6), out=room)
        return np.clip(more.max(0), 0.0, 1.0)

    def _magnitude(self, difference: Array) -> Array:
        ratio = np.square(difference).sum(0) / (3 * self.grain)
        return np.log10(np.clip(ratio, 1e-3, 1e6)) * np.float32(0.25)


def weighed(
    before: Array,
    behind: Array,
    colors: Array,
    texture: Array,
    believed: Array,
    error: Array,
    grain: Array,
    own: Sequence[Array],
) -> Weighed:
    """Weigh candidates for the pixels of n cells.

    `before` and `behind` are plate and clean plate, 3 4 n, `colors` candidates, K 3 1 n, `texture` how
    much those of the sure foreground vary, n, `believed` and `error` what the network says, 4 n, `grain` the
    squared noise of a channel, n; `own` are `BUFFERS` flat buffers of at least 4 n (K + 1), which the result
    lies in.
    """
    # The last colour that was spread counts once more as one that says little: any colour may be hidden.
    colors = np.concatenate([colors, colors[-1:]])
    brightness = np.square(colors).sum(1) * np.float32(1 / 3)
    varies = np.minimum(brightness * _OWN**2 + _TEXTURE * texture, brightness * _WIDEST**2)
    varies[-1] = brightness[-1] * _ANY**2
    varies += np.float32(_GRAIN)
    clean_varies = np.square(behind).sum(0) * np.float32(_CLEAN**2 / 3)
    off = before - behind
    changed = np.square(off).sum(0)

    # Into memory that is there: fresh pages cost as much as the numbers.
    shape = (len(colors), *believed.shape)
    long, along, alpha, total, both, mean, spread, score, some = (buffer(flat, shape) for flat in own)
    long.fill(1e-9)
    along.fill(0.0)
    for channel in range(3):
        way = np.subtract(colors[:, channel], behind[channel], out=score)
        along += np.multiply(way, off[channel], out=some)
        way *= way
        long += way
    np.divide(along, long, out=alpha)
    np.clip(alpha, 0.0, 1.0, out=alpha)
    along *= 2
    # |off - alpha way|^2: what the candidate leaves unexplained.
    left = np.multiply(alpha, long, out=score)
    left -= along
    left *= alpha
    left += changed
    np.maximum(left, 0.0, out=left)
    np.subtract(1, alpha, out=total)
    total *= total
    total *= clean_varies
    np.multiply(alpha, alpha, out=some)
    some *= varies
    total += some
    total += grain

    width = np.square(_BELIEF[0] + _BELIEF[1] * error)
    prior = np.multiply(width, long, out=spread)
    np.add(total, prior, out=both)
    np.multiply(alpha, prior, out=mean)
    mean += np.multiply(believed, total, out=some)
    mean /= both
    np.multiply(width, total, out=spread)
    spread /= both
    # Twice the logarithm of the likelihood, but for what all have in common.
    left /= total
    np.log(total, out=some)
    some *= -2
    np.subtract(some, left, out=score)
    alone = np.subtract(score, np.log(long, out=some), out=some)
    alone -= alone.max(0)
    alone *= 0.5
    np.exp(alone, out=alone)
    light = np.multiply(alone, alpha, out=total).sum(0) / alone.sum(0)
    score -= np.log(both, out=some)
    alpha -= believed
    alpha *= alpha
    alpha *= long
    alpha /= both
    score -= alpha

    # Alphas of exactly 0 and 1, which a normal distribution limited to 0..1 gives some weight of its own.
    steep = np.float32(-1.702) / np.sqrt(width)
    none, whole = (1 / (1 + np.exp(np.minimum(steep * at, 60.0))) for at in (-believed, believed - 1))
    between = np.maximum(1 - none - whole, 1e-3) / _ENDS
    empty = grain + clean_varies
    score_none = -changed / empty + 2 * np.log(len(colors) * none / between) - 3 * np.log(empty)
    solid = grain + varies
    score_whole = np.subtract(long, along, out=long)
    score_whole += changed
    np.negative(score_whole, out=score_whole)
    score_whole /= solid
    score_whole -= 3 * np.log(solid)
    score_whole += 2 * np.log(whole / between)

    best = np.maximum(np.maximum(score.max(0), score_whole.max(0)), score_none)
    for one in (score, score_whole, score_none):
        one -= best
        one *= 0.5
        np.exp(one, out=one)
    return Weighed(mean, spread, score, score_whole, score_none, light, colors, off, behind, texture, grain)
