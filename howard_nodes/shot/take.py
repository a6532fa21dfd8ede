"""A take, frame by frame, as scene-linear light: what a shot's plate and its clean plate are read through.

Whether it is a sequence, a still or a movie, and whatever colour space it comes in, ends here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from howard_nodes.color import ColorConfig, Resolved
from howard_nodes.engine.cache import StageCache, key_of
from howard_nodes.errors import FrameError, HowardError
from howard_nodes.frames import (
    Footage,
    Frame,
    Window,
    absent,
    carried_over,
    fit_window,
    open_footage,
    sanitize,
)
from howard_nodes.shot.events import Event, Note

__all__ = ["VALID_LAYER", "Light", "Take"]

VALID_LAYER = "valid"
"""Layer of a clean plate that says where it is one; 0 where it was filled."""


_LOG = logging.getLogger(__name__)

_COVERED = 0.5  # alpha from which a pixel's colour is the picture's, once alpha is divided out


@dataclass(frozen=True)
class Light:
    """One frame of a take.

    Attributes
    ----------
    header : Frame
        The file's, without its pixels.
    file_space : str
        Colour space of the file.
    guessed : bool
        Nobody said so: a rule for files of its kind did.
    space : str
        Scene-linear colour space of the pixels.
    pixels : ndarray
        H W 3 float32, covers the header's data window.
    valid : ndarray or None
        H W float32, 0 to 1: where there is a picture, as the file's layer `valid` or its alpha says; None for
        everywhere.
    """

    header: Frame
    file_space: str
    guessed: bool
    space: str
    pixels: np.ndarray
    valid: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        picture: Frame,
        resolved: Resolved,
        config: ColorConfig,
        space: str | None = None,
        *,
        valid: np.ndarray | None = None,
    ) -> Light:
        """Convert a picture to scene-linear.

        Parameters
        ----------
        picture : Frame
            With three channels of colour, finite.
        resolved : Resolved
            Its colour space, from `config`.
        config : ColorConfig
            Knows it.
        space : str, optional
            Scene-linear space to convert to; by default its own where that is scene-linear, else the
            configuration's.
        valid : ndarray, optional
            H W, where it is one.
        """
        file_space = resolved.space
        if space is None:
            space = file_space if config.is_scene_linear(file_space) else config.scene_linear
        header = replace(picture, pixels=np.empty((0, 0, len(picture.channels)), np.float32))
        pixels = config.convert(picture.rgb, file_space, space)
        return cls(header, file_space, resolved.guessed, space, pixels, valid)

    def on(self, window: Window, display: Window | None = None) -> tuple[np.ndarray, np.ndarray | None]:
        """Place the pixels in another window, 0 where there are none.

        Parameters
        ----------
        window : Window
            Where to.
        display : Window, optional
            The display window that it belongs to: one that begins elsewhere shows the same.

        Returns
        -------
        pixels : ndarray
            H W 3; the very array where the windows are equal.
        valid : ndarray or None
            H W, 1 where there are pixels and they are valid; None for everywhere.
        """
        own = self.header.data_window
        if display is not None:
            own = carried_over(own, self.header.display_window, display)
        pixels = fit_window(self.pixels, own, window)
        covers = (
            own.x <= window.x
            and own.y <= window.y
            and own.x + own.width >= window.x + window.width
            and own.y + own.height >= window.y + window.height
        )
        if self.valid is None and covers:
            return pixels, None
        valid = np.ones(self.pixels.shape[:2], np.float32) if self.valid is None else self.valid
        return pixels, fit_window(valid, own, window)


class Take:
    """Footage with its colour decided.

    Parameters
    ----------
    footage : str or Footage
        A pattern as `howard_nodes.frames.open_footage` takes it, or what it gave.
    config : ColorConfig
        Decides what colour spaces are.
    tell : callable
        Told what is worth knowing, once.
    what : str
        What it is, for messages: `plate`, `clean plate`.
    layer, colorspace : str, optional
        Layer to read; colour space in place of what the files say.
    cache : StageCache, optional
        Keeps frames that were read; by default none but a still.
    on_stage : callable
        Told `read` where a frame is read that the cache does not have.
    beside : Take, optional
        The plate that this is a clean plate of: where nothing says what colour space this is in, it is that
        one's.

    Attributes
    ----------
    footage : Footage
        The files.
    layer, requested : str or None
        Layer that is read, and colour space in place of the files' own, as they were given.

    Raises
    ------
    InputError
        There is nothing to read, or the colour space does not exist.
    """

    def __init__(
        self,
        footage: str | Footage,
        config: ColorConfig,
        tell: Callable[[Event], None],
        *,
        what: str = "plate",
        layer: str | None = None,
        colorspace: str | None = None,
        cache: StageCache | None = None,
        on_stage: Callable[[str], None] = lambda _: None,
        beside: Take | None = None,
    ) -> None:
        if colorspace is not None:
            config.space(colorspace)
        self.footage: Footage = open_footage(footage) if isinstance(footage, str) else footage
        self.layer = layer
        self.requested = colorspace
        self._config, self._tell, self._what = config, tell, what
        self._told: set[str] = set()
        self._beside = beside
        self._space: tuple[Resolved, bool] | None = None
        self._still: Light | None = None
        self._digests: dict[int, str] = {}
        self._cache = StageCache(0) if cache is None else cache
        self._on_stage = on_stage
        for note in self.footage.notes():
            tell(Note(note, warning=True))

    def light(self, frame: int, space: str | None = None) -> Light:
        """Read a frame, repair NaN and Inf, and convert it to scene-linear.

        Parameters
        ----------
        frame : int
            Its number.
        space : str, optional
            Scene-linear space to convert to; by default the file's own where that is scene-linear, else the
            configuration's.

        Raises
        ------
        FrameError
            It is missing, damaged, or has no such layer.
        """
        if self._still is not None and space in (None, self._still.space):
            return self._still
        footage = self.footage
        if not footage.exists(frame):
            raise absent(footage, frame, self._what, frame)
        light = self._known(frame, space) if self._cache.limit else self._read(frame, space)
        if footage.is_still:
            self._still = light
        return light

    def _known(self, frame: int, space: str | None) -> Light:
        # The path too: it may decide the colour space.
        path = str(self.footage.path(frame))
        key = key_of(self.digest(frame), path, self.layer, self.requested, self._config.fingerprint)
        light = self._cache.get(key_of("read", key), lambda: self._read(frame, None))
        if space in (None, light.space):
            return light
        return self._cache.get(key_of("read", key, space), lambda: self._read(frame, space))

    def _read(self, frame: int, space: str | None) -> Light:
        self._on_stage("read")
        try:
            return self._read_now(frame, space)
        except HowardError:
            raise
        except Exception as error:
            # Whatever a library raises is this frame's error: the others go on.
            _LOG.debug("reading frame %d", frame, exc_info=True)
            path = self.footage.path(frame)
            raise FrameError(
                f"cannot be read ({type(error).__name__}: {error}).", path=path, frame=frame
            ) from error

    def _read_now(self, frame: int, space: str | None) -> Light:
        footage = self.footage
        picture = footage.read(frame, layer=self.layer)
        pixels, bad = sanitize(picture.pixels)
        if bad:
            name = footage.path(frame)
            self._say(f"{name}: {bad} pixels are NaN or Inf; replaced by 0 or 65504.", frame)
            picture = replace(picture, pixels=pixels)
        if self.layer is None and picture.layer:
            self._say(f"{footage.pattern}: the layer '{picture.layer}' is read", warning=False)
        resolved = self._resolved(picture, frame)
        picture, valid = self._covered(picture, frame)
        return Light.of(picture, resolved, self._config, space, valid=valid)

    def digest(self, frame: int) -> str:
        """Hash what a frame is made of, once.

        Raises
        ------
        FrameError
            It cannot be read.
        """
        number = 0 if self.footage.is_still else frame
        if number not in self._digests:
            self._digests[number] = self.footage.digest(frame)
        return self._digests[number]

    def _covered(self, picture: Frame, frame: int) -> tuple[Frame, np.ndarray | None]:
        """Find out where a picture is one: by its layer `valid`, else by its alpha; that is then divided out.

        What is not from a file has an alpha of its host's, which says nothing.
        """
        footage, alpha = self.footage, picture.alpha
        if footage.path(frame).suffix.lower() == ".exr" and footage.has_layer(frame, VALID_LAYER):
            layer = footage.read(frame, layer=VALID_LAYER).pixels[..., 0]
            return picture, np.ascontiguousarray(layer)
        if alpha is None or picture.path is None or alpha.min() >= 0.99:
            return picture, None
        if alpha.max() < _COVERED:
            self._say(f"{footage.pattern}: its alpha is 0 everywhere and is ignored.")
            return picture, None
        share = float((alpha < _COVERED).mean())
        if share:
            self._say(
                f"{picture.path.name}: {share:.0%} of it has no {self._what}, as its alpha says.",
                warning=False,
                key=f"alpha of {footage.pattern}",
            )
        if not picture.straight_alpha:
            color = picture.rgb / np.maximum(alpha, _COVERED)[..., None]
            pixels = np.dstack([np.where(alpha[..., None] >= _COVERED, color, picture.rgb), alpha])
            picture = replace(picture, pixels=pixels.astype(np.float32), channels=("R", "G", "B", "A"))
        if self._what == "plate":
            return picture, np.clip(alpha, 0.0, 1.0)
        # Half a clean plate, its alpha divided out, is a whole one.
        whole = alpha >= _COVERED
        return picture, None if whole.all() else whole.astype(np.float32)

    def _resolved(self, picture: Frame, frame: int) -> Resolved:
        path = self.footage.path(frame)
        resolved = self._config.resolve(
            str(path),
            picture.colorspace,
            self.requested,
            chromaticities=picture.metadata.get("chromaticities"),
            is_float=picture.is_float,
            like=None if self._beside is None else self._beside.space_for(picture),
        )
        self._space = resolved, picture.is_float
        reason = resolved.reason
        if self._beside is not None and resolved.guessed:
            reason = reason.replace("--colorspace", "--clean-colorspace")
            plate = self._beside.space
            if plate not in (None, resolved.space):
                reason += f"; the plate is {plate}"
        # Once for every way a space is found, not once a frame.
        self._say(reason, warning=resolved.guessed, key=reason.replace(path.name, ""))
        return resolved

    @property
    def space(self) -> str | None:
        """Colour space of the files; None before one was read."""
        return None if self._space is None else self._space[0].space

    def space_for(self, other: Frame) -> str | None:
        """Give the colour space that a frame of another take is in, where nothing else says what it is.

        Parameters
        ----------
        other : Frame
            Of a clean plate of this take, say.

        Returns
        -------
        str or None
            This take's own, where both are kept alike: as floating-point numbers, or as code values. None
            where they are not, or this one cannot be read; nor is a guess that this is log passed on.
        """
        if self._space is None:
            with suppress(FrameError):
                self.light(self.footage.frames[0])
        if self._space is None:
            return None
        resolved, is_float = self._space
        if is_float != other.is_float or (resolved.guessed and self._config.is_log(resolved.space)):
            return None
        return resolved.space

    def _say(
        self, message: str, frame: int | None = None, *, warning: bool = True, key: str | None = None
    ) -> None:
        """Tell something once, however often a frame is read."""
        key = message if key is None else key
        if key not in self._told:
            self._told.add(key)
            self._tell(Note(message, warning, frame))
