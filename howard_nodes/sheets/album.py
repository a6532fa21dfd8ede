"""Small pictures of a result, made while it is checked, and as many as a page has room for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.color import ColorConfig
from howard_nodes.errors import HowardError
from howard_nodes.frames import FileInfo, Footage
from howard_nodes.sheets.contact_sheet import for_display, linear_light
from howard_nodes.sheets.overview import over_checks
from howard_nodes.sheets.shrinking import Shrinking, small_size

__all__ = ["Album", "FrameView", "Sizes", "choose_pictures", "spread"]

Array = NDArray[Any]

_COMPARED = 128  # pixels of the longer side on which alphas are compared
_MOST_SMALL = 2000  # frames with a small picture, flagged ones apart
_MOST_LARGE = 150  # frames with large ones that are kept while a shot is read
_SPREAD_LARGE = 24
_MOST_PLATES, _FEW = 60, 10
_THREADS = 4
_SMALL_QUALITY, _LARGE_QUALITY = 60, 78
_DOUBT_GAIN = 4.0  # expected errors are small: a quarter is shown as the brightest


@dataclass(frozen=True)
class Sizes:
    """Longer sides of the pictures, in pixels.

    Attributes
    ----------
    small : int
        Of those that as many frames as possible have: comp and alpha.
    large : int
        Of those of the worst frames.
    """

    small: int
    large: int

    @classmethod
    def of(cls, count: int) -> Sizes:
        """Choose them for so many frames."""
        if count <= 60:
            return cls(320, 960)
        if count <= 300:
            return cls(256, 720)
        return cls(192, 560) if count <= 1200 else cls(160, 480)


@dataclass(frozen=True)
class FrameView:
    """What was seen of one frame.

    Attributes
    ----------
    small, large : dict of str to bytes
        Pictures by what they show: `comp`, `alpha`, and `error` among the large; WebP and JPEG.
    alpha : ndarray or None
        H W float32, small, to compare with others.
    error : float or None
        Expected error of alpha, averaged over the picture.
    error_layer : str
        What says so: `doubt` or `error`; empty where nothing does.
    change : float or None
        How much alpha differs from the frame before, where that was measured already.
    """

    small: dict[str, bytes]
    large: dict[str, bytes]
    alpha: Array | None = None
    error: float | None = None
    error_layer: str = ""
    change: float | None = None


@dataclass
class Album:
    """Makes views of frames (it is a `Watching`), and keeps what is worth it in bounded memory.

    Parameters
    ----------
    frames : tuple of int
        All of the shot.
    config : ColorConfig
        Knows the colour spaces.
    kept : frozenset of int
        Frames whose large pictures are kept whatever others show.
    """

    frames: tuple[int, ...]
    config: ColorConfig
    kept: frozenset[int] = frozenset()
    small: dict[int, dict[str, bytes]] = field(default_factory=dict)
    large: dict[int, dict[str, bytes]] = field(default_factory=dict)
    errors: dict[int, float] = field(default_factory=dict)
    changes: dict[int, float] = field(default_factory=dict)
    error_layer: str = ""

    def __post_init__(self) -> None:
        self.sizes = Sizes.of(len(self.frames))
        order = spread(self.frames)
        self._with_small = frozenset(order[:_MOST_SMALL])
        self._with_large = frozenset(order[:_SPREAD_LARGE])
        self._place = {frame: place for place, frame in enumerate(self.frames)}
        self._weights: dict[int, tuple[tuple[float, ...], ...]] = {}
        self._last: tuple[int, Array] | None = None

    # While a shot is checked, from several threads.

    def begin(self, layer: str, file: FileInfo) -> Shrinking:
        """Give what a file's bands are shown to."""
        return Shrinking(layer, file, self.sizes.large)

    def end(self, seen: Iterable[Callable[[int, int, Array], None]]) -> FrameView:
        """Make pictures of a frame."""
        layers: dict[str, tuple[Array, Shrinking]] = {}
        for one in seen:
            assert isinstance(one, Shrinking)
            layers |= {name: (pixels, one) for name, pixels in one.layers().items()}
        shown: dict[str, Array] = {}
        alpha = _alpha(layers)
        comp = self._comp(layers, alpha)
        if comp is not None:
            shown["comp"] = comp
        if alpha is not None:
            shown["alpha"] = _levels(alpha)
        said = next((name for name in ("doubt", "error") if name in layers), "")
        error = None
        if said:
            doubt = np.clip(layers[said][0][..., 0], 0.0, 1.0)
            error = float(doubt.mean())
            shown["error"] = _heat(doubt * (_DOUBT_GAIN if said == "doubt" else 1.0))
        small: dict[str, bytes] = {
            name: _webp(shown[name], self.sizes.small) for name in ("comp", "alpha") if name in shown
        }
        large = {name: _jpeg(picture) for name, picture in shown.items()}
        compared = None if alpha is None else _fitted(np.clip(alpha, 0.0, 1.0), _COMPARED)
        return FrameView(small, large, compared, error, said)

    def _comp(self, layers: Mapping[str, tuple[Array, Shrinking]], alpha: Array | None) -> Array | None:
        name = next((name for name in ("rgba", "foreground") if name in layers), None)
        if name is None:
            return None
        pixels, file = layers[name]
        light = self._light(pixels, name, file)
        if light is None:
            return None
        if name == "foreground" and alpha is not None:
            light = light * alpha[..., None]
        over = over_checks(light, np.clip(alpha, 0.0, 1.0)) if alpha is not None else light
        return self._shown(np.asarray(over, np.float32))

    def _shown(self, light: Array) -> Array:
        try:
            return _levels(for_display(light, self.config.scene_linear, self.config))
        except HowardError:
            return _levels(np.clip(light, 0.0, 1.0) ** (1 / 2.4))

    def _light(self, pixels: Array, name: str, shrunk: Shrinking) -> Array | None:
        """Colour in the configuration's scene_linear, premultiplied where it came so."""
        part = shrunk.parts[name]
        color = np.ascontiguousarray(pixels[..., :3])
        if color.shape[2] != 3:
            return None
        coverage = pixels[..., 3:] if shrunk.straight and pixels.shape[2] == 4 else None
        if coverage is not None:
            color = color / np.maximum(coverage, 1e-4)
        try:
            resolved = self.config.resolve(
                str(shrunk.file.path),
                part.colorspace,
                None,
                chromaticities=part.metadata.get("chromaticities"),
                is_float=part.is_float,
            )
            light = self.config.convert(color, resolved.space, self.config.scene_linear)
        except HowardError:
            light = color  # a picture in odd colours says more than none
        return light if coverage is None else light * coverage

    # In the order of the frames, from one thread.

    def keep(self, frame: int, view: FrameView | None, weight: float = 0.0) -> None:
        """Take a frame, in the shot's order.

        Parameters
        ----------
        frame : int
            Its number.
        view : FrameView or None
            None where the frame cannot be seen.
        weight : float
            How much it should be shown, by what is known already.
        """
        if view is None:
            self._last = None
            return
        change = self._change(frame, view.alpha)
        change = change if view.change is None else view.change
        if change is not None:
            self.changes[frame] = change
        if view.error is not None:
            self.errors[frame] = view.error
            self.error_layer = view.error_layer
        if frame in self._with_small or weight:
            self.small[frame] = view.small
        self.large[frame] = view.large
        error, change = view.error or 0.0, change or 0.0
        # As the page ranks them: by verdict, then by what was measured.
        self._weights[frame] = (weight, error + change), (error,), (change,)
        if len(self.large) > 2 * _MOST_LARGE:
            self._forget()

    def finish(self) -> None:
        """Keep of a long shot what is worth it, whichever frames came last."""
        if len(self.frames) > 2 * _MOST_LARGE:
            self._forget()

    def follow(self, other: Album) -> None:
        """Forget large pictures of frames that another version has none of."""
        self.large = {frame: pictures for frame, pictures in self.large.items() if frame in other.large}

    def _change(self, frame: int, alpha: Array | None) -> float | None:
        last, self._last = self._last, None if alpha is None else (frame, alpha)
        if alpha is None or last is None or last[1].shape != alpha.shape:
            return None
        if self._place[frame] != self._place[last[0]] + 1:
            return None
        return float(np.abs(alpha - last[1]).mean())

    def _forget(self) -> None:
        kept = {*self._with_large, *self.kept}
        for measure in range(3):
            kept.update(self._ranked(measure)[: _MOST_LARGE // 3])
        self.large = {frame: pictures for frame, pictures in self.large.items() if frame in kept}

    def _ranked(self, measure: int) -> list[int]:
        return sorted(self.large, key=lambda frame: self._weights[frame][measure], reverse=True)

    def add_plates(self, plate: Footage, colorspace: str | None, layer: str | None) -> list[str]:
        """Add pictures of the plate to the frames that matter most; say what went wrong, once a reason."""
        ranked = self._ranked(0)[:_MOST_PLATES] + self._ranked(1)[:_FEW] + self._ranked(2)[:_FEW]
        wanted = {*ranked, *self._with_large} & self.large.keys()
        chosen = [frame for frame in sorted(wanted) if plate.exists(frame)]

        def read(frame: int) -> bytes | str:
            try:
                picture = plate.read(frame, layer=layer)
                width, height = small_size(picture.display_window, picture.pixel_aspect, self.sizes.large)
                if colorspace:
                    light = self.config.convert(picture.rgb, colorspace, self.config.scene_linear)
                else:
                    light = linear_light(picture, self.config)
                light = np.asarray(cv2.resize(light, (width, height), interpolation=cv2.INTER_AREA))
            except HowardError as error:
                return str(error)
            return _jpeg(self._shown(light))

        with ThreadPoolExecutor(_THREADS, "howard-plate") as pool:
            made = list(pool.map(read, chosen))
        problems = [one for one in made if isinstance(one, str)]
        for frame, picture in zip(chosen, made):
            if isinstance(picture, bytes):
                self.large[frame] = {**self.large[frame], "plate": picture}
        if not chosen:
            return [f"{plate.pattern}: has none of the frames shown."]
        return list(dict.fromkeys(problems))[:3]


def spread(frames: tuple[int, ...]) -> list[int]:
    """Order frames so that the first so many always lie evenly over the shot."""
    count = len(frames)
    bits = max(1, (count - 1).bit_length())
    order = (int(f"{number:0{bits}b}"[::-1], 2) for number in range(1 << bits))
    return [frames[place] for place in order if place < count]


def choose_pictures(wanted: Iterable[tuple[int, str, bytes]], budget: int) -> dict[int, dict[str, bytes]]:
    """Take pictures, the most wanted first, until the budget is spent.

    Parameters
    ----------
    wanted : iterable of (int, str, bytes)
        Frame, name and file, in order; what was taken before is passed over.
    budget : int
        Bytes of all, as they are written into a page.
    """
    chosen: dict[int, dict[str, bytes]] = {}
    left = budget
    for frame, name, picture in wanted:
        mine = chosen.setdefault(frame, {})
        cost = 4 * -(-len(picture) // 3) + len(name) + 8  # base64, quotes
        if name in mine or cost > left:
            continue
        mine[name] = picture
        left -= cost
    return {frame: pictures for frame, pictures in chosen.items() if pictures}


def _alpha(layers: Mapping[str, tuple[Array, Shrinking]]) -> Array | None:
    if "alpha" in layers:
        return np.asarray(layers["alpha"][0][..., 0], np.float32)
    if "rgba" in layers and layers["rgba"][0].shape[2] == 4:
        return np.asarray(layers["rgba"][0][..., 3], np.float32)
    return None


def _levels(picture: Array) -> Array:
    return (np.clip(picture, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def _heat(values: Array) -> Array:
    colored = cv2.applyColorMap(_levels(values), cv2.COLORMAP_INFERNO)
    return np.asarray(cv2.cvtColor(colored, cv2.COLOR_BGR2RGB), np.uint8)


def _fitted(picture: Array, side: int) -> Array:
    height, width = picture.shape[:2]
    scale = side / max(width, height)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _encoded(suffix: str, picture: Array, options: list[int]) -> bytes:
    turned = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR) if picture.ndim == 3 else picture
    _, made = cv2.imencode(suffix, turned, options)
    return bytes(made)


def _webp(picture: Array, side: int) -> bytes:
    return _encoded(".webp", _fitted(picture, side), [cv2.IMWRITE_WEBP_QUALITY, _SMALL_QUALITY])


def _jpeg(picture: Array) -> bytes:
    return _encoded(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _LARGE_QUALITY])
