"""Between ComfyUI's tensors and Howard's arrays: shapes, batches, colour.

An `IMAGE` is B H W C float32, a `MASK` B H W. ComfyUI's nodes take an `IMAGE` to be sRGB, 0 to 1; one that
carries scene-linear light is the same tensor, read otherwise, and only nodes that know may touch it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from howard_nodes.color import ColorConfig, Space
from howard_nodes.errors import ColorError, InputError
from howard_nodes.frames import sanitize

__all__ = [
    "SCENE_LINEAR",
    "SRGB",
    "Batch",
    "Stack",
    "color_config",
    "file_spaces",
    "images",
    "linear_spaces",
    "masks",
    "space_named",
    "space_widget",
    "spaces",
    "to_graph",
]

SRGB = "sRGB"
"""The space that ComfyUI's nodes take an `IMAGE` to be in, whatever the configuration calls it."""

SCENE_LINEAR = "scene-linear"
"""The working space of the configuration: values are light, and go above 1."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Batch:
    """Frames of one input, B H W C or B H W.

    Attributes
    ----------
    name : str
        Of the input, for messages.
    tensor : Tensor
        As ComfyUI gave it.
    """

    name: str
    tensor: Tensor

    def __len__(self) -> int:
        return int(self.tensor.shape[0])

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return int(self.tensor.shape[2]), int(self.tensor.shape[1])

    def frame(self, number: int) -> np.ndarray:
        """Give one frame; a batch of one gives that for every number.

        Parameters
        ----------
        number : int
            From 0.

        Returns
        -------
        ndarray
            H W C or H W float32, contiguous, finite.
        """
        picture = self.tensor[number if len(self) > 1 else 0]
        pixels = np.ascontiguousarray(picture.detach().to("cpu", torch.float32).numpy())
        return sanitize(pixels)[0]

    def must_have_size_of(self, other: Batch) -> None:
        """Make sure that this batch has another's size.

        Raises
        ------
        InputError
            It has not.
        """
        if self.size != other.size:
            (width, height), (w, h) = self.size, other.size
            raise InputError(
                f"{self.name} is {width}x{height}, {other.name} {w}x{h}: scale one to the size of the other."
            )

    def must_go_with(self, other: Batch) -> None:
        """Make sure that this batch has another's size, and one frame or as many.

        Raises
        ------
        InputError
            It has not.
        """
        self.must_have_size_of(other)
        if len(self) not in (1, len(other)):
            raise InputError(
                f"{self.name} has {len(self)} frames, {other.name} {len(other)}: it needs one "
                "frame, or the same number."
            )


def images(name: str, value: Any) -> Batch:
    """Take an `IMAGE` with its alpha, if any.

    Parameters
    ----------
    name : str
        Of the input, for messages.
    value : Tensor
        B H W C or H W C.

    Returns
    -------
    Batch
        B H W 3, or B H W 4.

    Raises
    ------
    InputError
        It is no IMAGE, empty, or has other than three or four channels.
    """
    tensor = _tensor(name, value, "an IMAGE")
    tensor = tensor[None] if tensor.ndim == 3 else tensor
    if tensor.ndim != 4:
        raise InputError(f"{name} has shape {_shape(tensor)}: connect an IMAGE (B H W C).")
    if tensor.shape[3] not in (3, 4):
        raise InputError(
            f"{name} has {tensor.shape[3]} channels: connect an IMAGE with three, red green blue, or four."
        )
    return Batch(name, tensor)


def masks(name: str, value: Any) -> Batch:
    """Take a `MASK`.

    Parameters
    ----------
    name : str
        Of the input, for messages.
    value : Tensor
        B H W or H W.

    Returns
    -------
    Batch
        B H W.

    Raises
    ------
    InputError
        It is no MASK, or empty.
    """
    tensor = _tensor(name, value, "a MASK")
    tensor = tensor[None] if tensor.ndim == 2 else tensor
    if tensor.ndim != 3:
        raise InputError(
            f"{name} has shape {_shape(tensor)}: connect a MASK (B H W); Convert Image to Mask makes one."
        )
    return Batch(name, tensor)


class Stack:
    """Frames put together for the graph; memory is taken once, when the first is there.

    Parameters
    ----------
    count : int
        How many there will be.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._frames: list[Tensor] = []
        self._filled = 0

    def add(self, frame: np.ndarray) -> None:
        """Add a frame: float32, of the first one's shape."""
        pixels = torch.from_numpy(np.array(frame, np.float32))
        if not self._frames:
            self._frames.append(torch.empty((self._count, *pixels.shape), dtype=torch.float32))
        self._frames[0][self._filled] = pixels
        self._filled += 1

    def tensor(self) -> Tensor:
        """Give the batch, B H W C or B H W, on the CPU: after the last frame was added."""
        return self._frames[0]


# Colour


@lru_cache(maxsize=1)
def color_config() -> ColorConfig:
    """Load the OpenColorIO configuration, `$OCIO` or else the one that ships, once.

    Raises
    ------
    ColorError
        It cannot be used.
    """
    return ColorConfig.load()


def spaces() -> list[str]:
    """List the colour spaces that a widget offers: `SRGB`, `SCENE_LINEAR`, the configuration's."""
    return [SRGB, SCENE_LINEAR, *(space.name for space in _listed() if space.encoding != "data")]


def space_widget() -> dict[str, tuple[list[str], dict[str, Any]]]:
    """Declare the widget that says what the IMAGEs of a node are in: a part of what `INPUT_TYPES` gives."""
    tooltip = (
        "Colour space of the IMAGEs. sRGB, 0 to 1: what ComfyUI's own nodes expect. "
        "scene-linear: unclamped linear light; only for nodes that expect it."
    )
    return {"space": (spaces(), {"default": SRGB, "tooltip": tooltip})}


def linear_spaces() -> list[str]:
    """List those in which an EXR may be written: `SCENE_LINEAR`, then the configuration's by name."""
    return [SCENE_LINEAR, *(space.name for space in _listed() if space.encoding == "scene-linear")]


def file_spaces() -> list[str]:
    """List those that a file may be in, by name: the configuration's, data included."""
    return [space.name for space in _listed()]


def space_named(config: ColorConfig, choice: str) -> str:
    """Give the configuration's name of what a widget offers.

    Raises
    ------
    ColorError
        It has no such space.
    """
    return config.scene_linear if choice == SCENE_LINEAR else config.space(choice)


def to_graph(config: ColorConfig, pixels: np.ndarray, space: str, choice: str) -> np.ndarray:
    """Convert colour for an `IMAGE`.

    Parameters
    ----------
    config : ColorConfig
        Knows the spaces.
    pixels : ndarray
        H W 3 float32.
    space : str
        Their colour space.
    choice : str
        What the widget says that the `IMAGE` is in.

    Returns
    -------
    ndarray
        H W 3 float32: light as it is where the choice is scene-linear, else 0 to 1, as ComfyUI's nodes
        expect.

    Raises
    ------
    ColorError
        The configuration cannot do it.
    """
    target = space_named(config, choice)
    converted = config.convert(pixels, space, target)
    return converted if config.is_scene_linear(target) else np.clip(converted, 0.0, 1.0)


def _listed() -> tuple[Space, ...]:
    try:
        return color_config().spaces()
    except ColorError as error:
        # A menu is no place to fail: the node says it when it runs.
        _LOG.warning("%s", error)
        return ()


def _tensor(name: str, value: Any, wanted: str) -> Tensor:
    if not isinstance(value, Tensor):
        raise InputError(f"{name} is not an image but {type(value).__name__}: connect {wanted}.")
    if value.numel() == 0:
        raise InputError(f"{name} is empty (its shape is {_shape(value)}): connect {wanted} with pixels.")
    return value


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape))
