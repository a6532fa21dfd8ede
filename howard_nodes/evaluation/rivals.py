"""What a compositor could key with instead, given the same fitted clean plate, each at its best knobs.

The difference key, and a keyer in the manner of Nuke's IBKGizmo with a clean plate on its `c` input. That one
was made for blue and green screens: with `k` the screen's channel and `i`, `j` the others, it takes

    s(x) = x_k - w_i x_i - w_j x_j        alpha = clamp(1 - s(plate) / s(clean plate))

in linear light, pixel by pixel. The difference s(clean plate) - s(plate) is divided by `darkest` where a
screen is darker than that, because its grain would key. Here the clean plate may have any colour, so
`screen_key` knows two ways to take that:

- `strongest`: `k` is the strongest channel of the clean plate at each pixel, both weights are equal.
- `all`: each channel is a screen of its own without weights. One that is darker than the clean plate is
  covered by at least 1 - plate / clean plate; one that is brighter, which a screen subtraction never sees, by
  at least (plate - clean plate) / (top - clean plate), where `top` is `white`, or twice the clean plate where
  that is more. Alpha is the largest of the three: the least that a foreground from black to `top` needs.

Then comes the grade of black point and white point that every such key gets. Knobs are chosen for the whole
set, by its truth, which favours the rivals; the better of the two is the one to beat.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from howard_nodes.color.encoding import encode

__all__ = ["RIVALS", "Keyer", "Rival", "Tuner", "difference_key", "screen_key"]

Picture = np.ndarray
Keyer = Callable[[Picture, Picture], np.ndarray]
"""Takes plate and fitted clean plate, H W 3 scene-linear Rec.709; gives alpha, H W float32."""


def difference_key(
    plate: np.ndarray, clean: np.ndarray, threshold: float, softness: float = 0.05
) -> np.ndarray:
    """Key by the largest channel's difference, as a compositor's difference keyer does.

    Parameters
    ----------
    plate, clean : ndarray
        H W 3, the network's encoding.
    threshold, softness : float
        The key rises from 0 at `threshold` to 1 at `threshold + softness`.

    Returns
    -------
    ndarray
        H W float32, 0 to 1.
    """
    return _graded(_difference(plate, clean), threshold, threshold + softness)


def screen_key(
    plate: np.ndarray,
    clean: np.ndarray,
    *,
    weight: float | None,
    white: float = 1.0,
    darkest: float = 1e-3,
    low: float = 0.0,
    high: float = 1.0,
) -> np.ndarray:
    """Key by screen subtraction with the clean plate.

    Parameters
    ----------
    plate, clean : ndarray
        H W 3, scene-linear.
    weight : float or None
        Of the two channels that are not the screen's, in the variant `strongest`; None for `all`.
    white : float
        Brightest foreground, for `all`.
    darkest : float
        Least light that is divided by, above 0.
    low, high : float
        Black point and white point of the grade.

    Returns
    -------
    ndarray
        H W float32, 0 to 1.
    """
    return _graded(_coverage(plate, clean, weight, white, darkest), low, high)


@dataclass(frozen=True)
class Rival:
    """A keyer with knobs.

    Attributes
    ----------
    name : str
        As tables say it.
    raw : callable
        Takes plate, clean plate and one of `settings` by name, gives a key before its grade.
    settings : tuple of mapping
        Knobs that change the raw key.
    grades : tuple of pair of float
        Black points and white points to try on each.
    """

    name: str
    raw: Callable[..., np.ndarray]
    settings: tuple[Mapping[str, float], ...]
    grades: tuple[tuple[float, float], ...]

    def options(self) -> Iterator[tuple[Mapping[str, float], tuple[float, float]]]:
        """All settings with all grades, in the order that `Tuner` scores them."""
        return itertools.product(self.settings, self.grades)


class Tuner:
    """Finds the knobs of a rival that give the least MAD, every picture counting alike.

    Parameters
    ----------
    rival : Rival
        Whose knobs.
    """

    def __init__(self, rival: Rival) -> None:
        self.rival = rival
        self._scores: list[np.ndarray] = []

    def add(self, plate: np.ndarray, clean: np.ndarray, truth: np.ndarray) -> None:
        """Score all knobs on a picture, by every fourth pixel of every fourth row.

        Parameters
        ----------
        plate, clean : ndarray
            H W 3, scene-linear.
        truth : ndarray
            H W, 0 to 1.
        """
        plate, clean, truth = (np.ascontiguousarray(picture[::4, ::4]) for picture in (plate, clean, truth))
        scores = []
        for setting in self.rival.settings:
            raw = self.rival.raw(plate, clean, **setting)
            scores += [float(np.abs(_graded(raw, *grade) - truth).mean()) for grade in self.rival.grades]
        self._scores.append(np.array(scores))

    def best(self) -> tuple[Keyer, str]:
        """Give the keyer with the best knobs of those pictures, and its knobs in words."""
        index = int(np.mean(self._scores, axis=0).argmin())
        setting, grade = next(itertools.islice(self.rival.options(), index, None))
        raw = self.rival.raw

        def key(plate: np.ndarray, clean: np.ndarray) -> np.ndarray:
            return _graded(raw(plate, clean, **setting), *grade)

        knobs = {**setting, "black point": grade[0], "white point": grade[1]}
        return key, ", ".join(f"{name} {value:.3g}" for name, value in knobs.items())


def _graded(raw: np.ndarray, low: float, high: float) -> np.ndarray:
    scale = np.float32(1.0 / (high - low))
    return np.clip((raw - np.float32(low)) * scale, 0.0, 1.0).astype(np.float32, copy=False)


def _difference(plate: np.ndarray, clean: np.ndarray) -> np.ndarray:
    return np.abs(plate - clean).max(axis=2)


def _encoded_difference(plate: np.ndarray, clean: np.ndarray) -> np.ndarray:
    seen = (encode(torch.from_numpy(np.ascontiguousarray(light, np.float32))) for light in (plate, clean))
    return _difference(*(picture.numpy() for picture in seen))


def _coverage(
    plate: np.ndarray,
    clean: np.ndarray,
    weight: float | None = None,
    white: float = 1.0,
    darkest: float = 1e-3,
) -> np.ndarray:
    plate, clean = np.asarray(plate, np.float32), np.asarray(clean, np.float32)
    if weight is None:
        darker = (clean - plate) / np.maximum(clean, darkest)
        brighter = (plate - clean) / np.maximum(np.maximum(white - clean, clean), darkest)
        return np.where(plate < clean, darker, brighter).max(axis=2)
    screen = clean.argmax(axis=2)[..., None]
    of_plate, of_clean = (
        (1 + weight) * np.take_along_axis(light, screen, 2)[..., 0] - weight * light.sum(axis=2)
        for light in (plate, clean)
    )
    return (of_clean - of_plate) / np.maximum(of_clean, darkest)


def _grades(lows: Iterable[float], spans: Iterable[float]) -> tuple[tuple[float, float], ...]:
    return tuple((round(low, 4), round(low + span, 4)) for low, span in itertools.product(lows, spans))


_DARKEST = (0.001, 0.01, 0.03, 0.1, 0.3)
_SCREEN_GRADES = _grades(
    (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6), (0.05, 0.1, 0.15, 0.2, 0.4, 0.7, 1.0)
)

RIVALS = (
    Rival(
        "difference key",
        _encoded_difference,
        ({},),
        _grades(np.linspace(0.0, 0.3, 31).tolist(), (0.02, 0.05, 0.1, 0.2)),
    ),
    Rival(
        "IBK, strongest channel",
        _coverage,
        tuple({"weight": weight, "darkest": darkest} for weight in (0.0, 0.25, 0.5) for darkest in _DARKEST),
        _SCREEN_GRADES,
    ),
    Rival(
        "IBK-style, all channels",
        _coverage,
        tuple(
            {"white": white, "darkest": darkest} for white in (0.0, 0.25, 0.5, 1.0) for darkest in _DARKEST
        ),
        _SCREEN_GRADES,
    ),
)
"""The rivals of the benchmark."""
