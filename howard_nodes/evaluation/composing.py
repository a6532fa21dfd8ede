"""Compose held-out cases: a subject over a place, as a compositor would be sent it, with its truth.

Everything happens in linear light at the case's size. A subject is 20 to 90 % of the picture's height, stands
in it, or is cut by it where its own picture cuts it. The place is larger than the picture: a camera can move.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from howard_nodes.errors import InputError
from howard_nodes.evaluation.cameras import after, drawn_camera, drawn_way, view
from howard_nodes.evaluation.cases import KINDS, USUAL_KINDS, Truth, write_case
from howard_nodes.evaluation.stock import Foreground, Stock
from howard_nodes.samples.banks import smooth_noise
from howard_nodes.samples.conditions import (
    bounce,
    cast_shadow,
    defocus,
    grain,
    light_drift,
    motion_blur,
    moved_parts,
    over,
    placed,
)
from howard_nodes.samples.places import draw_place
from howard_nodes.samples.shapes import draw_silhouette

__all__ = ["compose_cases"]

Array = np.ndarray

_FRAMES = 8
_STILLS = 4
_MARGIN = 0.06  # of the height, around the picture: room for the camera
_TRIES = 60
_SHARES = {"hair": (0.5, 0.9), "close-up": (0.85, 1.0)}  # of the height that a subject fills
# Close-ups take turns: what is behind hair, and how bright its middle is.
_BEHIND = tuple((smooth, level) for level in (0.6, 0.03) for smooth in (True, False))
_SMOOTH = ("plaster", "screen", "curtain")
_AHEAD = 6  # kinds between a subject and a second one
_DRAWN_PLACES = 4
_CLIPPED = 0.7  # light from which a photograph's highlights were rolled off


@dataclass
class _Shot:
    """A shot that is being made: who is in it, how it moves, and what goes wrong.

    Each of `layers` comes with the matrix that puts it into the first frame. `sway` and `handheld` are how
    far subject and camera move, as shares of the height; `blur` is a subject's way while the shutter is open,
    in pixels, `defocus` the radius of its circle of confusion; `shadow` its shift in pixels and its depth. Of
    the clean plate: `off` is where its camera stood, `stops` its gain by channel, `drift` how many stops its
    light drifts over the picture, `moving` by how many pixels parts of its place moved.
    """

    place: Array
    off: Array
    stops: Array
    layers: list[tuple[Foreground, Array]] = field(default_factory=list)
    frames: int = 1
    sway: float = 0.0
    handheld: float = 0.0
    blur: tuple[float, float] = (0.0, 0.0)
    defocus: float = 0.0
    shadow: tuple[float, float, float] | None = None
    drift: float = 0.0
    moving: float = 0.0


def compose_cases(
    output: Path,
    stock: Stock,
    *,
    count: int,
    seed: int,
    height: int = 1080,
    kinds: tuple[str, ...] = USUAL_KINDS,
) -> Iterator[tuple[Path, bool]]:
    """Compose cases that are not there yet.

    Parameters
    ----------
    output : Path
        The set's folder.
    stock : Stock
        What they are made of: of every kind `count` with foregrounds where there are some, and `count` drawn.
    count : int
        Cases of each kind; half as many, but one at least, of those that are sequences.
    seed : int
        Of the set. Each case has a seed of its own, made of it and the case's name: of the same stock, a name
        is the same case, however many there are and whichever were there before.
    height : int
        Of the pictures, 16:9.
    kinds : tuple of str
        Which.

    Yields
    ------
    tuple of Path and bool
        Folder of each case, and whether it was made now.

    Raises
    ------
    InputError
        A kind that there is not, no foreground that suits one, or one that cannot be used.
    WriteError
        A case cannot be written.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise InputError(f"kind {kind!r}: use one of {', '.join(KINDS)}.")
    for made in ("rendered", "drawn") if stock.foregrounds else ("drawn",):
        for kind in kinds:
            if kind == "close-up" and made == "drawn":
                continue  # no drawn silhouette has hair that bears a close look
            is_sequence = kind.endswith("sequence")
            for number in range(1, (max(1, count // 2) if is_sequence else count) + 1):
                name = f"{made}_{kind.replace(' ', '_')}_{number:02d}"
                folder = output / name
                is_new = not (folder / "case.json").exists()
                if is_new:
                    _compose(folder, stock, kind, made, number, seed, height)
                yield folder, is_new


@dataclass(frozen=True)
class _Turn:
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


def _compose(folder: Path, stock: Stock, kind: str, made: str, number: int, seed: int, height: int) -> None:
    turn = _Turn(seed, number, kind)
    case_seed = zlib.crc32(f"{seed} {folder.name}".encode())
    rng = np.random.default_rng(case_seed)
    width = height * 16 // 9
    place_name, place = _place(rng, stock, made, turn, height, width)
    # Any two takes from a tripod are a third of a pixel and some hundredths of a stop apart.
    off = drawn_camera(rng, height, shift=0.0003, turn=0.01)
    shot = _Shot(place, off, rng.normal(0, 0.02) + rng.normal(0, 0.008, 3))
    _make_hard(rng, shot, kind, height)
    if kind != "no subject":
        share = _SHARES.get(kind, (0.35, 0.9))
        many = 2 if kind == "two subjects" else 1
        shot.layers += [
            _subject(rng, stock, made, turn, height, width, share, (index, many)) for index in range(many)
        ]
    amount, size = rng.uniform(0.006, 0.018), float(rng.choice([0.0, 0.5, 0.7]))
    ingredients: dict[str, Any] = {
        "place": place_name,
        "foregrounds": [layer.name for layer, _ in shot.layers],
        "shows": [layer.shows for layer, _ in shot.layers],
        "grain": round(amount, 5),
        "clean plate": {
            "shift": np.round(shot.off[:, 2], 2).tolist(),
            "turn": round(float(np.degrees(np.arcsin(shot.off[1, 0]))), 3),
            "stops": np.round(shot.stops, 3).tolist(),
        },
    }
    pictures, truths, cleans = _shoot(rng, shot, kind, height, width)

    def with_grain(picture: Array) -> Array:
        return grain(rng, picture, amount, size=size)

    write_case(
        folder,
        kind=kind,
        made=made,
        plates=[with_grain(picture) for picture in pictures],
        cleans=[with_grain(picture) for picture in cleans],
        truths=truths,
        stills=[with_grain(pictures[0]) for _ in range(_STILLS)] if len(pictures) > 1 else None,
        seed=case_seed,
        ingredients=ingredients,
    )


def _shoot(
    rng: np.random.Generator, shot: _Shot, kind: str, height: int, width: int
) -> tuple[list[Array], list[Truth], list[Array]]:
    """Shoot both takes, without grain: plates, their truths, clean plates."""
    if kind == "camouflage":
        shot.layers = [(_camouflaged(layer, matrix, shot.place), matrix) for layer, matrix in shot.layers]
    pictures, truths = [], []
    cameras = drawn_way(rng, height, shot.handheld, shot.frames)
    sways = drawn_way(rng, height, shot.sway, shot.frames)
    margin = round(_MARGIN * height)
    for camera, sway in zip(cameras, sways, strict=True):
        color, alpha = np.zeros((height, width, 3), np.float32), np.zeros((height, width), np.float32)
        for layer, matrix in shot.layers:
            one, covers = placed(layer.color, layer.alpha, after(camera, after(sway, matrix)), height, width)
            if shot.blur != (0.0, 0.0):
                one, covers = motion_blur(one, covers, *shot.blur)
            if shot.defocus:
                one, covers = defocus(one, covers, shot.defocus)
            color, alpha = over(one, covers, color, alpha)
        place = shot.place
        if shot.shadow is not None:
            dx, dy, depth = shot.shadow
            falls = cv2.copyMakeBorder(alpha, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
            place = cast_shadow(
                place, falls, np.array([[1, 0, dx], [0, 1, dy]]), softness=0.012 * height, depth=depth
            )
        behind = view(place, camera, height, width)
        if shot.shadow is not None:
            behind = bounce(behind, color, alpha, reach=0.05 * height, amount=0.08)
        pictures.append(color * alpha[..., None] + (1 - alpha[..., None]) * behind)
        truths.append(Truth(color, alpha))
    place = shot.place
    if shot.moving:
        place = moved_parts(rng, place, share=0.35, reach=shot.moving)
    if shot.drift:
        place = light_drift(rng, place, stops=shot.drift)
    place = place * (2.0**shot.stops).astype(np.float32)
    ways = drawn_way(rng, height, shot.handheld, shot.frames) if shot.handheld else [np.eye(2, 3)]
    cleans = [view(place, after(shot.off, way), height, width) for way in ways]
    return pictures, truths, cleans


def _make_hard(rng: np.random.Generator, shot: _Shot, kind: str, height: int) -> None:
    """Give a shot what its kind is about; camouflage and hair are in who is chosen."""
    if kind == "motion blur":
        length, angle = rng.uniform(0.012, 0.05) * height, rng.normal(0, 0.5)
        shot.blur = (float(length * np.cos(angle)), float(length * np.sin(angle)))
    elif kind == "defocus":
        shot.defocus = float(rng.uniform(0.003, 0.015)) * height
    elif kind == "shadow":
        side = rng.choice([-1, 1]) * rng.uniform(0.04, 0.16)
        shot.shadow = (side * height, rng.uniform(0.0, 0.08) * height, rng.uniform(0.35, 0.65))
    elif kind == "misregistered":
        shot.off = drawn_camera(rng, height, shift=0.008, turn=0.25)
    elif kind == "exposure drift":
        shot.stops = rng.choice([-1, 1]) * rng.uniform(0.15, 0.7) + rng.normal(0, 0.06, 3)
        shot.drift = 0.08
    elif kind == "moving background":
        shot.moving = rng.uniform(0.004, 0.012) * height
    elif kind == "static sequence":
        shot.frames, shot.sway = _FRAMES, 0.006
    elif kind == "handheld sequence":
        shot.frames, shot.sway, shot.handheld = _FRAMES, 0.005, 0.006
    elif kind in ("plain", "two subjects") and rng.random() < 0.5:
        shot.shadow = (rng.uniform(-0.05, 0.05) * height, 0.02 * height, rng.uniform(0.05, 0.25))


def _place(
    rng: np.random.Generator, stock: Stock, made: str, turn: _Turn, height: int, width: int
) -> tuple[str, Array]:
    margin = round(_MARGIN * height)
    rows, columns = height + 2 * margin, width + 2 * margin
    if turn.kind == "close-up":
        smooth, level = _BEHIND[(turn.number - 1) % len(_BEHIND)]
        usual = _Turn(turn.seed, turn.number, "plain")
        found, place = (
            draw_place(rng, rows, columns, str(rng.choice(_SMOOTH)))
            if smooth
            else _place(rng, stock, made, usual, height, width)
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


def _subject(
    rng: np.random.Generator,
    stock: Stock,
    made: str,
    turn: _Turn,
    height: int,
    width: int,
    share: tuple[float, float],
    which: tuple[int, int],
) -> tuple[Foreground, Array]:
    """Choose a subject that can be placed, and the matrix that puts it into the picture."""
    kind = turn.kind
    paths = stock.hairy() if kind in ("hair", "close-up") else list(stock.foregrounds)
    if made == "rendered" and not paths:
        raise InputError(
            "no foreground shows hair, by their metadata (howard:shows): give others to --foregrounds."
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
        color = found.color * np.float32(rng.uniform(0.1, 0.25) / (mean + 0.01))
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


def _camouflaged(layer: Foreground, matrix: Array, place: Array) -> Foreground:
    """Bring a subject to the mean colour of what is behind it."""
    margin = round(_MARGIN * place.shape[0] / (1 + 2 * _MARGIN))
    inner = place[margin:-margin, margin:-margin]
    _, covers = placed(layer.color, layer.alpha, matrix, *inner.shape[:2])
    solid = covers > 0.5
    if not solid.any():
        return layer
    own = layer.alpha > 0.5
    ratio = (np.median(inner[solid], axis=0) + 0.005) / (np.median(layer.color[own], axis=0) + 0.005)
    return Foreground(layer.color * ratio.astype(np.float32), layer.alpha, layer.name, layer.shows)
