"""Training samples: a subject over a place, and the clean plate that somebody would have shot of it.

Everything is composited in linear light, so alpha means coverage. The clean plate differs from the place
behind the subject in the ways real ones do: it is not quite registered, its exposure and white balance moved,
its grain is another, leaves moved, the subject's shadow, bounce and reflection are missing, both were
clipped, sharpened and compressed, and where it does not reach it was filled.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch

from howard_nodes.color.encoding import encode_halves
from howard_nodes.plates.fill import cover_holes
from howard_nodes.samples import conditions
from howard_nodes.samples.banks import ForegroundBank, TextureBank, smooth_noise
from howard_nodes.samples.places import draw_place
from howard_nodes.samples.shapes import draw_silhouette

__all__ = ["FITTED", "HARD", "LIFE", "Sample", "SampleSource", "Style", "another_take", "touched_by_light"]

Array = np.ndarray

_OWN_STOPS = -2.5, 3.5  # a subject's light above the place's, where it has one of its own


@dataclass(frozen=True)
class Style:
    """How hard the samples are: shares from 0 to 1, lengths as shares of the picture's side.

    Attributes
    ----------
    rendered : float
        Share of subjects that are rendered, when there are some; the rest are drawn silhouettes.
    drawn_place : float
        Share of places that are drawn: walls without much on them, screens, curtains, leaves.
    nobody, second : float
        Shares of samples without a subject, and with two.
    other_material : float
        Share of rendered subjects made of any texture instead of their own skin and clothes.
    recoloured : float
        Share of rendered subjects of other colours, smoothly changing over them.
    tinted : float
        Share of rendered subjects of another tint, paler or stronger, all over.
    own_light : float
        Share of subjects in a light of their own, much brighter or darker than the place's: a lamp or the sun
        on them alone, or behind them.
    camouflage : float
        Share of subjects made of what is behind them, and share of subjects brought to its mean colour.
    bystander : float
        Share of places in which somebody stands who belongs to the place: in both plates.
    blur : float
        Share of subjects out of focus or in motion.
    most_blur, most_motion : float
        Largest radius of the defocus, and longest motion.
    translucent, veiled : float
        Share of subjects seen through all over, and of those seen through in parts: cloth, nets, glass.
    drift : tuple of float
        Standard deviation of what registration leaves, pixels: in most samples, in some, in few.
    exposure, white_balance : float
        Standard deviations of the clean plate's gain in stops, overall and per channel.
    moving : float
        Share of clean plates in which parts moved: leaves, curtains, water.
    shadow : float
        Share of samples in which the subject throws one shadow or two.
    hard_shadow : float
        Share of shadows that take most of the light away, as the sun's or a single lamp's do.
    short : float
        Share of clean plates that end before the frame does, since registration moved them.
    never_seen : float
        Share of clean plates with a hole behind the subject: built from takes that never showed it.
    """

    rendered: float = 0.8
    drawn_place: float = 0.15
    nobody: float = 0.04
    second: float = 0.12
    other_material: float = 0.1
    recoloured: float = 0.3
    tinted: float = 0.3
    own_light: float = 0.15
    camouflage: float = 0.08
    bystander: float = 0.1
    blur: float = 0.4
    most_blur: float = 0.03
    most_motion: float = 0.1
    translucent: float = 0.02
    veiled: float = 0.03
    drift: tuple[float, float, float] = (0.25, 1.0, 3.5)
    exposure: float = 0.06
    white_balance: float = 0.02
    moving: float = 0.12
    shadow: float = 0.5
    hard_shadow: float = 0.35
    short: float = 0.3
    never_seen: float = 0.02


HARD = Style()
"""Harder than life: much of it cannot be told from the place, so what is learnt is not to be fooled."""

LIFE = Style(
    rendered=0.9,
    drawn_place=0.22,
    second=0.1,
    other_material=0.0,
    recoloured=0.1,
    camouflage=0.05,
    bystander=0.05,
    translucent=0.0,
    veiled=0.01,
    drift=(0.15, 0.5, 2.0),
    moving=0.06,
    short=0.2,
    never_seen=0.01,
)
"""As shots are: what the plate tells of partial coverage is learnt here."""

FITTED = replace(
    LIFE,
    nobody=0.0,
    recoloured=0.1,
    tinted=0.6,
    own_light=0.3,
    camouflage=0.01,
    blur=0.3,
    most_blur=0.015,
    most_motion=0.04,
    drift=(0.1, 0.25, 1.0),
    exposure=0.02,
    white_balance=0.008,
    moving=0.06,
    short=0.1,
)
"""As shots are once their clean plate is registered and matched, and less blurred: for edges."""


@dataclass(frozen=True)
class Sample:
    """One training sample, float32, channels first.

    Attributes
    ----------
    plate, clean : ndarray
        3 S S, the network's encoding.
    alpha : ndarray
        1 S S, coverage in linear light, 0 to 1.
    foreground : ndarray
        3 S S, straight, the network's encoding.
    """

    plate: Array
    clean: Array
    alpha: Array
    foreground: Array


class SampleSource:
    """Draws sample number i, the same for the same seed however the numbers are split over processes.

    Parameters
    ----------
    textures : TextureBank
        Places and materials.
    foregrounds : ForegroundBank
        Rendered subjects; an empty bank leaves drawn silhouettes only.
    size : int
        Pixels of a side.
    seed : int
        Start of all randomness.
    life : float
        Share of samples in the style `gentle`; the others are in `style`.
    style, gentle : Style
        How hard they are.
    """

    def __init__(
        self,
        textures: TextureBank,
        foregrounds: ForegroundBank,
        *,
        size: int,
        seed: int,
        life: float = 0.0,
        style: Style = HARD,
        gentle: Style = LIFE,
    ) -> None:
        self.textures, self.foregrounds, self.size, self.seed = textures, foregrounds, size, seed
        self.life, self.style, self.gentle = life, style, gentle

    def draw(self, number: int) -> Sample:
        """Draw sample `number`, 0 or more."""
        return self.takes(number, 1)[0]

    def takes(self, number: int, count: int) -> list[Sample]:
        """Draw sample `number` and shoot it `count` times: other light, grain and clean plates.

        The first is the same for any count. A place and its subjects take longest to draw.
        """
        rng = np.random.default_rng((self.seed, number))
        # The draw is made either way, so that a number is the same sample but for its style.
        style = self.gentle if rng.random() < self.life else self.style
        place = self._place(rng, style)
        color, alpha = self._subjects(rng, place, style)
        return [_shot(rng, place, color, alpha, style) for _ in range(count)]

    def _place(self, rng: np.random.Generator, style: Style) -> Array:
        """Draw a place; things, walls or people that belong to it may stand in it."""
        if rng.random() < style.drawn_place:
            place = draw_place(rng, self.size, self.size)[1]
        else:
            place = self.textures.draw(rng, self.size)
        if rng.random() < 0.15:
            part = draw_silhouette(rng, self.size)[..., None]
            place = place + part * (self.textures.draw(rng, self.size) - place)
        if self.foregrounds and rng.random() < style.bystander:
            color, alpha = self.foregrounds.draw(rng, self.size)
            place = place + alpha[..., None] * (color * np.float32(2.0 ** rng.normal(0.0, 0.6)) - place)
        return place

    def _subjects(self, rng: np.random.Generator, place: Array, style: Style) -> tuple[Array, Array]:
        if rng.random() < style.nobody:
            return place, np.zeros((self.size, self.size), np.float32)
        color, alpha = self._subject(rng, place, style)
        if rng.random() < style.second:
            color, alpha = conditions.over(*self._subject(rng, place, style), color, alpha)
        return color, alpha

    def _subject(self, rng: np.random.Generator, place: Array, style: Style) -> tuple[Array, Array]:
        size = self.size
        if self.foregrounds and rng.random() < style.rendered:
            color, alpha = self.foregrounds.draw(rng, size)
            color = color * np.float32(2.0 ** rng.normal(0.0, 0.6))
            kind = rng.random()
            if kind < style.other_material:
                color = self.textures.draw(rng, size)
            elif kind < style.other_material + style.recoloured:  # other clothes, other hair
                color = color * (0.3 + 1.4 * smooth_noise(rng, size))
            if rng.random() < style.tinted:
                color = conditions.tinted(rng, color)
        else:
            color, alpha = self.textures.draw(rng, size), draw_silhouette(rng, size)
        if rng.random() < style.own_light:
            color = color * np.float32(2.0 ** rng.uniform(*_OWN_STOPS))
        if rng.random() < style.camouflage:  # made of what is behind it
            shift = np.eye(2, 3)
            shift[:, 2] = rng.uniform(-0.2, 0.2, 2) * size
            color = conditions.warped(place, shift) * np.float32(rng.uniform(0.85, 1.15))
        elif rng.random() < style.camouflage:  # brightness and tint of the place, other detail
            ratio = (place.mean((0, 1)) + 0.01) / (color.mean((0, 1)) + 0.01)
            color = color * ratio.astype(np.float32)
        blur, most = rng.random(), style.most_blur * size
        if blur < style.blur * 0.6:
            color, alpha = conditions.defocus(color, alpha, rng.uniform(0.4, max(0.5, most)) ** 2 / most)
        elif blur < style.blur:
            # At full size a fast arm's way is long, and a crop sees it at that length.
            length, angle = style.most_motion * size * rng.random() ** 1.3, rng.uniform(0, np.pi)
            color, alpha = conditions.motion_blur(
                color, alpha, length * np.cos(angle), length * np.sin(angle)
            )
        if rng.random() < style.translucent:
            alpha = alpha * np.float32(rng.uniform(0.3, 0.95))
        elif rng.random() < style.veiled:
            alpha = alpha * conditions.veil(rng, draw_silhouette(rng, size))
        return color, alpha


def _shot(rng: np.random.Generator, place: Array, color: Array, alpha: Array, style: Style) -> Sample:
    """Shoot a subject in front of a place, and the place without it."""
    exposure = np.float32(2.0 ** (rng.normal(0.0, 0.5) + (rng.random() < 0.15) * rng.uniform(-3.5, 1.5)))
    color, place = color * exposure, place * exposure
    behind = touched_by_light(rng, place, color, alpha, style)
    plate = behind + alpha[..., None] * (color - behind)
    clean = another_take(rng, place, style)
    if rng.random() < 0.15:  # a sensor's or a file's ceiling; the foreground cannot know more than the plate
        ceiling = np.float32(rng.uniform(0.5, 3.0))
        plate, clean, color = (np.minimum(x, ceiling) for x in (plate, clean, color))
    if rng.random() < 0.1:
        amount, radius = rng.uniform(0.2, 0.8), rng.uniform(0.6, 1.5)
        plate, clean = (conditions.sharpened(x, amount, radius) for x in (plate, clean))
    if rng.random() < 0.8:
        amount, size = rng.uniform(0.0, 0.02), rng.uniform(0.4, 0.9) * (rng.random() < 0.4)
        plate = conditions.grain(rng, plate, amount, size=size)
        # A clean plate may be a single frame of the same take, a mean of many, or another one's.
        clean = conditions.grain(rng, clean, amount * rng.choice([1.0, rng.random()]), size=size)
    if rng.random() < 0.06:
        bits = 10 if rng.random() < 0.7 else 8
        plate, clean = (conditions.logged(x, bits) for x in (plate, clean))
    clean = _filled(rng, clean, alpha, style)
    plate, clean, color = (encode_halves(torch.from_numpy(x)).numpy() for x in (plate, clean, color))
    if rng.random() < 0.2:
        quality = int(rng.integers(40, 97))
        plate, clean = (conditions.compressed(x, quality) for x in (plate, clean))
    return Sample(_planes(plate), _planes(clean), np.ascontiguousarray(alpha[None]), _planes(color))


def touched_by_light(
    rng: np.random.Generator, place: Array, color: Array, alpha: Array, style: Style
) -> Array:
    """Let the subject's shadows, bounce and reflection fall on the place.

    Parameters
    ----------
    rng : Generator
        Decides which, how dark and where.
    place, color : ndarray
        S S 3, linear: what is behind the subject, and its straight colour.
    alpha : ndarray
        S S, 0 to 1: its coverage.
    style : Style
        How often.

    Returns
    -------
    ndarray
        S S 3, the place.
    """
    size = alpha.shape[0]
    behind = place
    shares = [1 - style.shadow, 0.72 * style.shadow, 0.28 * style.shadow]
    for _ in range(int(rng.choice([0, 1, 2], p=shares))):
        behind = _shadowed(rng, behind, alpha, hard=rng.random() < style.hard_shadow)
    if rng.random() < 0.25:
        reach, amount = rng.uniform(0.02, 0.08) * size, rng.uniform(0.0, 0.15)
        behind = conditions.bounce(behind, color, alpha, reach=reach, amount=amount)
    if rng.random() < 0.06:
        row, amount, blur = int(rng.uniform(0.6, 0.95) * size), rng.uniform(0.03, 0.25), rng.uniform(0.5, 6.0)
        behind = conditions.reflection(behind, color, alpha, row=row, amount=amount, blur=blur)
    return behind


def _shadowed(rng: np.random.Generator, place: Array, alpha: Array, *, hard: bool) -> Array:
    """Let the subject throw one shadow: on a wall behind, or on a floor or a wall beside."""
    size = alpha.shape[0]
    matrix = np.eye(2, 3)
    if rng.random() < 0.4:
        matrix[0, 1], matrix[1, 1] = rng.normal(0, 0.5), rng.uniform(0.3, 1.1)
        matrix[:, 2] = -matrix[:, :2] @ [size / 2, size] + [size / 2, size]
    softness = size * 0.03 * rng.random() ** 1.5
    if hard:
        near = rng.uniform(0.9, 1.4)  # a lamp that is near enlarges, about the picture's middle
        matrix *= near
        matrix[:, 2] += (1 - near) * size / 2 + rng.normal(0, 0.12, 2) * size
        depth: float | Array = np.clip(rng.uniform(0.5, 0.95) + rng.normal(0, 0.05, 3), 0.0, 0.97)
        softness *= 0.3
    else:
        matrix[:, 2] += rng.normal(0, 0.04, 2) * size
        depth = rng.uniform(0.08, 0.65)
    if rng.random() < 0.3:  # on what is not flat
        alpha = conditions.parallax(rng, alpha, reach=rng.uniform(0.005, 0.04) * size)
    return conditions.cast_shadow(place, alpha, matrix, softness=softness, depth=depth)


def another_take(rng: np.random.Generator, place: Array, style: Style) -> Array:
    """Shoot the empty place (S S 3, linear) at another time, and register it as well as `style` says."""
    size = place.shape[0]
    if rng.random() < 0.85:
        left = rng.choice(style.drift, p=[0.6, 0.3, 0.1])
        angle, zoom = rng.normal(0, 40 * left / size), 1 + rng.normal(0, 0.5 * left / size)
        matrix = cv2.getRotationMatrix2D((size / 2, size / 2), angle, zoom)
        matrix[:, 2] = matrix[:, 2] + rng.normal(0, left, 2)
        place = conditions.warped(place, matrix)
        if rng.random() < 0.3:
            place = conditions.parallax(rng, place, reach=left)
    if rng.random() < style.moving:
        reach = 0.002 * 12 ** rng.random() * size
        place = conditions.moved_parts(rng, place, share=0.3, reach=reach)
    if rng.random() < 0.7:
        stops = rng.normal(0, style.exposure) + rng.normal(0, style.white_balance, 3)
        place = place * (2.0**stops).astype(np.float32)
    if rng.random() < 0.25:
        place = conditions.light_drift(rng, place, stops=style.exposure)
    if rng.random() < 0.3:  # another focus, or a moved camera's resampling
        place = cv2.GaussianBlur(place, (0, 0), rng.uniform(0.3, 1.2))
    return place


def _filled(rng: np.random.Generator, clean: Array, alpha: Array, style: Style) -> Array:
    """Leave parts of a clean plate out, and fill them smoothly as the node does."""
    size = alpha.shape[0]
    known = np.ones((size, size), np.float32)
    if rng.random() < style.short:
        known = conditions.covered(rng, known, reach=0.08 * size)
    if rng.random() < style.never_seen:
        margin = 2 * int(rng.integers(0, size // 20)) + 1
        hidden = cv2.erode(alpha, np.ones((margin, margin), np.uint8)) > 0.99
        known[hidden] = 0.0
    if known.all():
        return clean
    clean = np.array(clean)
    cover_holes(clean, known)
    return clean


def _planes(picture: Array) -> Array:
    return np.ascontiguousarray(picture.transpose(2, 0, 1))
