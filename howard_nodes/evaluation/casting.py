"""Who stands before what in a case: places and subjects chosen from the stock, or drawn.

A subject is 20 to 90 % of the picture's height, stands in it, or is cut by it where its own picture cuts it.
The place is larger than the picture: a camera can move.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from howard_nodes.errors import InputError
from howard_nodes.evaluation.cases import KINDS
from howard_nodes.evaluation.stock import Foreground, Stock
from howard_nodes.samples.banks import smooth_noise
from howard_nodes.samples.conditions import placed
from howard_nodes.samples.places import draw_place
from howard_nodes.samples.shapes import draw_silhouette

__all__ = ["MARGIN", "Turn", "camouflaged", "choose_place", "choose_subject"]

Array = np.ndarray

MARGIN = 0.06
"""Of the height, around the picture: room for the camera."""

_TRIES = 60
_SHARES = {"hair": (0.5, 0.9), "close-up": (0.85, 1.0)}  # of the height that a subject fills
# Close-ups take turns: what is behind hair, and how bright its middle is.
_BEHIND = tuple((smooth, level) for level in (0.6, 0.03) for smooth in (True, False))
_SMOOTH = ("plaster", "screen", "curtain")
_AHEAD = 6  # kinds between a subject and a second one
_DRAWN_PLACES = 4
_MEAN = 0.1, 0.25  # light of a subject
_OWN_LIGHT = 10.0, 0.1  # times that, in turn: a lamp on it alone, or the light behind it
_CLIPPED = 0.7  # light from which a photograph's highlights were rolled off


@dataclass(frozen=True)
class Turn:
    """Whose turn it is: each round of kinds goes through the stock in an order of its own.

    So none of a small stock is seen in every other case, or with one kind alone.
    """

    seed: int
    number: int
    kind: str

    def order(self, count: int, ahead: int = 0) -> list[int]:
        """Give the numbers 0 to `count`, first that of this kind, or of one `ahead` of it."""
        order = np.random.default_rng((self.seed, self.number)).permutation(count)
        return np.roll(order, -(KINDS.index(self.kind) + ahead)).tolist()


def choose_place(
    rng: np.random.Generator, stock: Stock, made: str, turn: Turn, height: int, width: int
) -> tuple[str, Array]:
    """Choose what is behind the subject.

    Parameters
    ----------
    rng : Generator
        Of the case.
    stock : Stock
        Its places.
    made : str
        `drawn` or `rendered`: a drawn case has a drawn place.
    turn : Turn
        Whose turn it is.
    height, width : int
        Of the picture.

    Returns
    -------
    name : str
        Of the place.
    place : ndarray
        H W 3, linear, larger than the picture by `MARGIN` around it.
    """
    margin = round(MARGIN * height)
    rows, columns = height + 2 * margin, width + 2 * margin
    if turn.kind == "close-up":
        smooth, level = _BEHIND[(turn.number - 1) % len(_BEHIND)]
        usual = Turn(turn.seed, turn.number, "plain")
        found, place = (
            draw_place(rng, rows, columns, str(rng.choice(_SMOOTH)))
            if smooth
            else choose_place(rng, stock, made, usual, height, width)
        )
        return found, place * np.float32(level / float(np.median(place[::8, ::8].max(axis=2))))
    # Few pictures would be seen again and again: the fewer there are, the more places are drawn.
    pictures = len(stock.places)
    if made == "drawn" or rng.random() * (pictures + _DRAWN_PLACES) >= pictures:
        name = str(rng.choice(["leaves", "curtain"])) if turn.kind == "moving background" else None
        return draw_place(rng, rows, columns, name)
    chosen = stock.places[turn.order(pictures)[0]]
    picture = np.asarray(chosen.picture, np.float32)
    if rng.random() < 0.5:
        picture = picture[:, ::-1]
    # The largest cut of the picture's shape, somewhere in it.
    high, wide = picture.shape[:2]
    cut = min(high, wide * rows / columns) * rng.uniform(0.8, 1.0)
    y, x = rng.uniform(0, high - cut), rng.uniform(0, wide - cut * columns / rows)
    scale = rows / cut
    if scale < 1:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.4 / scale), np.float32)
    matrix = np.array([[scale, 0, -x * scale], [0, scale, -y * scale]])
    place = cv2.warpAffine(
        np.ascontiguousarray(picture),
        matrix,
        (columns, rows),
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )
    if not chosen.is_linear:
        place = place * (1 + 4 * np.square(np.clip((place - _CLIPPED) / (1 - _CLIPPED), 0, 1)))
    place = np.clip(place, 0.0, 20.0)
    median = float(np.median(place[::8, ::8].max(axis=2)))
    gain = np.clip(rng.uniform(0.08, 0.3) / (median + 0.01), 0.25, 2.0)
    return chosen.name, place * np.float32(gain)


def choose_subject(
    rng: np.random.Generator,
    stock: Stock,
    made: str,
    turn: Turn,
    height: int,
    width: int,
    which: tuple[int, int],
) -> tuple[Foreground, Array]:
    """Choose a subject that can be placed, and the matrix that puts it into the picture.

    Parameters
    ----------
    rng : Generator
        Of the case.
    stock : Stock
        Its foregrounds.
    made : str
        `drawn` or `rendered`.
    turn : Turn
        Whose turn it is.
    height, width : int
        Of the picture.
    which : tuple of int
        The subject's number from 0, and how many there are.

    Returns
    -------
    Foreground
        In linear light.
    ndarray
        2 3, its own picture's coordinates to those of the case.

    Raises
    ------
    InputError
        None of the foregrounds suits the case.
    """
    kind = turn.kind
    share = _SHARES.get(kind, (0.35, 0.9))
    paths = stock.hairy() if kind in ("hair", "close-up") else list(stock.foregrounds)
    if made == "rendered" and not paths:
        raise InputError(
            "no foreground shows hair, by its metadata (howard:shows): give others to --foregrounds."
        )
    order = turn.order(len(paths), ahead=which[0] * _AHEAD)
    for attempt in range(_TRIES):
        if made == "drawn":
            found = _drawn(rng, height)
        else:
            found = stock.foreground(paths[order[attempt % len(order)]])
        if kind == "hair" and not _is_close(found.alpha, made):
            continue
        matrix = _placed(rng, found.alpha, height, width, share, which)
        if matrix is None:
            continue
        mean = float((found.color.mean(2) * found.alpha).sum() / found.alpha.sum())
        color = found.color * np.float32(rng.uniform(*_MEAN) / (mean + 0.01))
        if kind == "own light":
            color = color * np.float32(_OWN_LIGHT[(turn.number + 1) % len(_OWN_LIGHT)])
        alpha = found.alpha
        if kind == "translucent":  # a veil, here thicker than there
            alpha = alpha * (
                0.25 + 0.6 * smooth_noise(rng, max(alpha.shape))[: len(alpha), : alpha.shape[1], 0]
            )
        return Foreground(np.clip(color, 0.0, 20.0), alpha, found.name, found.shows), matrix
    raise InputError(
        f"no foreground suits a case of {kind} after {_TRIES} tries: their own pictures cut them at the top "
        "or on two sides; give others to --foregrounds."
    )


def camouflaged(layer: Foreground, matrix: Array, place: Array) -> Foreground:
    """Bring a subject to the mean colour of what is behind it."""
    margin = round(MARGIN * place.shape[0] / (1 + 2 * MARGIN))
    inner = place[margin:-margin, margin:-margin]
    _, covers = placed(layer.color, layer.alpha, matrix, *inner.shape[:2])
    solid = covers > 0.5
    if not solid.any():
        return layer
    own = layer.alpha > 0.5
    ratio = (np.median(inner[solid], axis=0) + 0.005) / (np.median(layer.color[own], axis=0) + 0.005)
    return Foreground(layer.color * ratio.astype(np.float32), layer.alpha, layer.name, layer.shows)


def _is_close(alpha: Array, made: str) -> bool:
    """Whether hair is large: a rendered head and shoulders, or a drawn silhouette with many strands."""
    if made == "rendered":
        return bool((alpha[-1] > 0.5).mean() > 0.3)
    partial = (alpha > 0.05) & (alpha < 0.95)
    return bool(partial.sum() > 0.12 * (alpha >= 0.95).sum())


def _drawn(rng: np.random.Generator, height: int) -> Foreground:
    alpha = draw_silhouette(rng, height)
    name, color = draw_place(rng, height, height)
    hue = np.exp(rng.normal(0, 0.3, 3)).astype(np.float32)
    return Foreground(color * hue, alpha, f"silhouette of {name}")


def _placed(
    rng: np.random.Generator,
    alpha: Array,
    height: int,
    width: int,
    share: tuple[float, float],
    which: tuple[int, int],
) -> Array | None:
    """Put a subject into the picture; None for one that its own picture cuts where it cannot be hidden."""
    solid = alpha > 0.1
    if not 0.01 < solid.mean() < 0.75:
        return None
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    cut_left, cut_right = left == 0, right == alpha.shape[1]
    if top == 0 or (cut_left and cut_right):
        return None
    scale = rng.uniform(*share) * height / (bottom - top)
    scale = min(scale, 0.95 * width / (right - left), 2.4 * height / alpha.shape[0])
    if (bottom - top) * scale < 0.2 * height:
        return None
    flip = -1.0 if rng.random() < 0.5 else 1.0
    if flip < 0:
        left, right = alpha.shape[1] - right, alpha.shape[1] - left
        cut_left, cut_right = cut_right, cut_left
    # A cut edge goes a little beyond the picture's: nobody sees it, even when the subject sways.
    hidden = 0.03 * height
    y = (
        height + hidden - bottom * scale
        if bottom == alpha.shape[0]
        else height * rng.uniform(0.86, 1.03) - bottom * scale
    )
    index, many = which
    center = width * (rng.uniform(0.22, 0.78) if many == 1 else (index + rng.uniform(0.35, 0.65)) / many)
    x = center - scale * (left + right) / 2
    if cut_left:
        x = -hidden - left * scale
    if cut_right:
        x = width + hidden - right * scale
    matrix = np.array([[flip * scale, 0, x], [0, scale, y]])
    if flip < 0:
        matrix[0, 2] += scale * alpha.shape[1]
    return matrix
