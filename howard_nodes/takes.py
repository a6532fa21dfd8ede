"""A take, frame by frame, as scene-linear light: what a shot's plate and its clean plate are read through.

Whether it is a sequence, a still or a movie, and whatever colour space it comes in, ends here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from howard_nodes.color import ColorConfig
from howard_nodes.errors import FrameError
from howard_nodes.events import Event, Note
from howard_nodes.frames import Frame, Window, fit_window, open_footage, sanitize

__all__ = ["VALID_LAYER", "Light", "Take"]

VALID_LAYER = "valid"
"""Layer of a clean plate that says where it is one; 0 where it was filled."""


@dataclass(frozen=True)
class Light:
    """One frame of a take.

    Attributes
    ----------
    header : Frame
        The file's, without its pixels.
    file_space : str
        Colour space of the file.
    space : str
        Scene-linear colour space of the pixels.
    pixels : ndarray
        H W 3 float32, covers the header's data window.
    valid : ndarray or None
        H W float32, 0 to 1, where the file has a layer that says so.
    """

    header: Frame
    file_space: str
    space: str
    pixels: np.ndarray
    valid: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        picture: Frame,
        file_space: str,
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
        file_space : str
            Its colour space.
        config : ColorConfig
            Knows it.
        space : str, optional
            Scene-linear space to convert to; by default its own where that is scene-linear, else the
            configuration's.
        valid : ndarray, optional
            H W, where it is one.
        """
        if space is None:
            space = file_space if config.is_scene_linear(file_space) else config.scene_linear
        header = replace(picture, pixels=np.empty((0, 0, len(picture.channels)), np.float32))
        return cls(header, file_space, space, config.convert(picture.rgb, file_space, space), valid)

    def on(self, window: Window) -> tuple[np.ndarray, np.ndarray | None]:
        """Place the pixels in another window, 0 where there are none.

        Returns
        -------
        pixels : ndarray
            H W 3; the very array where the windows are equal.
        valid : ndarray or None
            H W, 1 where there are pixels and they are valid; None for everywhere.
        """
        own = self.header.data_window
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
    pattern : str
        As `howard_nodes.frames.open_footage` takes it.
    config : ColorConfig
        Decides what colour spaces are.
    tell : callable
        Told what is worth knowing, once.
    what : str
        What it is, for messages: `plate`, `clean plate`.
    layer, colorspace : str, optional
        Layer to read; colour space in place of what the files say.

    Attributes
    ----------
    footage : Footage
        The files.

    Raises
    ------
    InputError
        There is nothing to read, or the colour space does not exist.
    """

    def __init__(
        self,
        pattern: str,
        config: ColorConfig,
        tell: Callable[[Event], None],
        *,
        what: str = "plate",
        layer: str | None = None,
        colorspace: str | None = None,
    ) -> None:
        if colorspace is not None:
            config.space(colorspace)
        self.footage = open_footage(pattern)
        self.layer = layer
        self._config, self._tell, self._what, self._requested = config, tell, what, colorspace
        self._told: set[str] = set()
        self._still: Light | None = None
        self._digest: str | None = None
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
            raise FrameError(
                f"no such file: this frame has no {self._what}.", path=footage.path(frame), frame=frame
            )
        picture = footage.read(frame, layer=self.layer)
        pixels, bad = sanitize(picture.pixels)
        if bad:
            name = footage.path(frame)
            self._tell(Note(f"{name}: {bad} pixels are NaN or Inf; replaced by 0 or 65504.", True, frame))
            picture = replace(picture, pixels=pixels)
        file_space = self._space(picture, frame)
        light = Light.of(picture, file_space, self._config, space, valid=self._valid(frame))
        if footage.is_still:
            self._still = light
        return light

    def digest(self, frame: int) -> str:
        """Hash what a frame is made of.

        Raises
        ------
        FrameError
            It cannot be read.
        """
        if not self.footage.is_still:
            return self.footage.digest(frame)
        if self._digest is None:
            self._digest = self.footage.digest(frame)
        return self._digest

    def _valid(self, frame: int) -> np.ndarray | None:
        footage = self.footage
        if footage.path(frame).suffix.lower() != ".exr" or not footage.has_layer(frame, VALID_LAYER):
            return None
        return np.ascontiguousarray(footage.read(frame, layer=VALID_LAYER).pixels[..., 0])

    def _space(self, picture: Frame, frame: int) -> str:
        path = self.footage.path(frame)
        resolved = self._config.resolve(
            str(path),
            picture.colorspace,
            self._requested,
            chromaticities=picture.metadata.get("chromaticities"),
        )
        # Once for every way a space is found, not once a frame.
        how = resolved.reason.replace(path.name, "")
        if how not in self._told:
            self._told.add(how)
            self._tell(Note(resolved.reason, resolved.guessed))
        return resolved.space
