"""The result for one frame, and its pixels as files want them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.errors import InputError
from howard_nodes.frames import halves
from howard_nodes.layers.names import DEFAULT_LAYERS, LAYERS, layer_channels

__all__ = ["MatteResult"]

Array = NDArray[Any]

_ROWS = 16


@dataclass(frozen=True)
class MatteResult:
    """One frame's result, everything at the plate's resolution, float32.

    Parameters
    ----------
    foreground : ndarray
        H W 3, straight (not premultiplied), scene-linear, unbounded.
    alpha : ndarray
        H W, 0 to 1, coverage in linear light.
    coarse : ndarray
        H W, 0 to 1, the coarse matte, enlarged.
    error : ndarray
        H W, 0 to 1, the error map, enlarged.
    doubt : ndarray, optional
        H W, 0 to 1, the error to be expected of the alpha.
    region : ndarray, optional
        H W, 1 where the refiner worked.
    clean : ndarray, optional
        H W 3, the clean plate as it was used, scene-linear.
    plate : ndarray, optional
        H W 3, scene-linear: the layer ``difference`` is how far it is from the clean plate.
    valid : ndarray, optional
        H W, 1 where there was clean plate, 0 where it was filled; None for everywhere.

    Raises
    ------
    InputError
        When an array's shape does not fit the alpha's.
    """

    foreground: Array
    alpha: Array
    coarse: Array
    error: Array
    doubt: Array | None = None
    region: Array | None = None
    clean: Array | None = None
    plate: Array | None = None
    valid: Array | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            array = getattr(self, field.name)
            shape = (
                (*self.alpha.shape, 3) if field.name in ("foreground", "clean", "plate") else self.alpha.shape
            )
            if array is not None and array.shape != shape:
                raise InputError(
                    f"the layer '{field.name}' has shape {array.shape}, but the alpha needs {shape}"
                )

    def exr_channels(
        self, layers: Iterable[str] = DEFAULT_LAYERS, *, half: bool = False
    ) -> tuple[Array, tuple[str, ...]]:
        """Put layers side by side for one single-part EXR.

        Parameters
        ----------
        layers : iterable of str
            From `validate_layers`. ``rgba`` is the premultiplied foreground (straight times alpha) and alpha.
        half : bool
            Round them to half floats, see `howard_nodes.frames.halves`.

        Returns
        -------
        pixels : ndarray
            H W C, float32 or float16, C-contiguous.
        channels : tuple of str
            The C names, for example ``("R", "G", "B", "A", "foreground.R", ...)``.

        Raises
        ------
        InputError
            When a layer was not computed.
        """
        layers = tuple(layers)
        channels = layer_channels(layers)
        height, width = self.alpha.shape
        pixels = np.empty((height, width, len(channels)), np.float16 if half else np.float32)
        buffer = np.empty((_ROWS, width, len(channels)), np.float32) if half else pixels
        arrays = {name: self._get(name) for name in layers if name != "rgba"}
        # Rows of all layers together: each line of memory is written once.
        for y in range(0, height, _ROWS):
            rows = slice(y, y + _ROWS)
            into = buffer[: len(pixels[rows])] if half else pixels[rows]
            first = 0
            for name in layers:
                if name == "rgba":
                    covered = _premultiplied(self.foreground[rows], self.alpha[rows])
                    _copy(covered, into, first)
                    _copy(self.alpha[rows], into, first + 3)
                else:
                    _copy(arrays[name][rows], into, first)
                first += len(LAYERS[name])
            if half:
                halves(into, out=pixels[rows])
        return pixels, channels

    def layer(self, name: str) -> tuple[Array, tuple[str, ...]]:
        """One layer's pixels for a file of its own, as PNG has them.

        Parameters
        ----------
        name : str
            From `LAYERS`. ``rgba`` is the straight foreground and alpha: a PNG is never premultiplied.

        Returns
        -------
        pixels : ndarray
            H W C, float32; colour is scene-linear, still to be encoded for display.
        channels : tuple of str
            ``("R", "G", "B")``, ``("R", "G", "B", "A")`` or ``("Y",)``.

        Raises
        ------
        InputError
            When the layer was not computed.
        """
        if name == "rgba":
            return np.dstack((self.foreground, self.alpha)), ("R", "G", "B", "A")
        array = self._get(name)
        return (array, ("R", "G", "B")) if array.ndim == 3 else (array[..., None], ("Y",))

    def _get(self, name: str) -> Array:
        if name == "valid" and self.valid is None:
            return np.ones_like(self.alpha)
        if name == "difference":
            array = None if self.plate is None or self.clean is None else np.abs(self.plate - self.clean)
        else:
            array = getattr(self, name)
        if array is None:
            raise InputError(f"the layer '{name}' was not computed for this frame: ask for it before")
        return array


def _premultiplied(foreground: Array, alpha: Array) -> Array:
    alpha3: Array = cv2.cvtColor(np.ascontiguousarray(alpha, np.float32), cv2.COLOR_GRAY2BGR)
    return np.multiply(foreground, alpha3, out=alpha3)


def _copy(layer: Array, pixels: Array, first: int) -> None:
    """Copy a layer's channels into those of ``pixels`` from ``first`` on."""
    count = 1 if layer.ndim == 2 else layer.shape[2]
    pairs = [channel for k in range(count) for channel in (k, first + k)]
    cv2.mixChannels([np.ascontiguousarray(layer, np.float32)], [pixels], pairs)
