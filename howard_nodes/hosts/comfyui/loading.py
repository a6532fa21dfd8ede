"""Load EXR: pictures from files, with their colour space, into the graph."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from howard_nodes.errors import FrameError, HowardError, InputError
from howard_nodes.frames import (
    Footage,
    Frame,
    fit_window,
    format_frames,
    name_frames,
    open_footage,
    parse_frames,
    sanitize,
)
from howard_nodes.hosts.comfyui.host import NodeProgress, input_path
from howard_nodes.hosts.comfyui.pictures import Stack, color_config, file_spaces, space_widget, to_graph

__all__ = ["LoadEXR"]

_FROM_FILE = "from the file"


class LoadEXR:
    """Load EXR: a picture, a sequence or a movie, with its colour space, as a batch."""

    CATEGORY = "Howard"
    DESCRIPTION = "Loads EXR, PNG, TIFF, DPX, JPEG and movies; a sequence becomes a batch."
    RETURN_TYPES = ("IMAGE", "MASK", "STRING")
    RETURN_NAMES = ("image", "mask", "frames")
    OUTPUT_TOOLTIPS = (
        "Red, green, blue; those of an EXR with an alpha are premultiplied, as in the file.",
        "The file's alpha, or its one channel; 1 everywhere where there is neither. 1 is the subject: "
        "ComfyUI's Load Image has it the other way round.",
        "Frame numbers, for Save EXR.",
    )
    FUNCTION = "load"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Declare inputs and widgets."""
        return {
            "required": {
                "pattern": (
                    "STRING",
                    {
                        "default": "plate.####.exr",
                        "tooltip": "A file, or a sequence as plate.####.exr or plate.%04d.exr; relative to "
                        "ComfyUI's input folder, or absolute.",
                    },
                ),
                **space_widget(),
            },
            "optional": {
                "frames": (
                    "STRING",
                    {
                        "default": "",
                        "placeholder": "all",
                        "tooltip": "1001-1024, 1001-1024x2 or 1001,1005. Empty: all. All stay in memory.",
                    },
                ),
                "layer": (
                    "STRING",
                    {
                        "default": "",
                        "placeholder": "the main one",
                        "tooltip": "Layer of an EXR, such as foreground or alpha. Empty: the main one.",
                    },
                ),
                "colorspace": (
                    [_FROM_FILE, *file_spaces()],
                    {
                        "default": _FROM_FILE,
                        "tooltip": "Colour space of the file. Overrides the file's own tag.",
                    },
                ),
            },
        }

    @classmethod
    def VALIDATE_INPUTS(cls, pattern: str | None = None, frames: str | None = None) -> bool | str:  # noqa: N802
        """Look for the files before the workflow is queued; an input that is linked is None until it runs."""
        try:
            if pattern is not None:
                footage = open_footage(input_path(pattern))
                if frames is not None:
                    _chosen(footage, frames)
        except HowardError as error:
            return str(error)
        return True

    @classmethod
    def IS_CHANGED(cls, pattern: str | None, frames: str | None = "", **_: Any) -> Any:  # noqa: N802
        """Give what changes when a file does, so that ComfyUI reads it again.

        What is linked is not known before it runs; not a number equals nothing, and has it read every time.
        """
        if pattern is None or frames is None:
            return math.nan
        footage = open_footage(input_path(pattern))
        stats = (footage.path(frame).stat() for frame in _chosen(footage, frames))
        return [(stat.st_mtime_ns, stat.st_size) for stat in stats]

    def load(
        self, pattern: str, space: str, frames: str = "", layer: str = "", colorspace: str = _FROM_FILE
    ) -> tuple[Any, Any, str]:
        """Read a batch.

        Parameters
        ----------
        pattern : str
            As `howard_nodes.frames.open_footage` takes it.
        space : str
            Colour space wanted, one of `spaces`.
        frames, layer : str
            Which frames and which layer; empty for all, and for the main one.
        colorspace : str
            Colour space of the file, where it does not say so itself.

        Returns
        -------
        image : Tensor
            B H W 3, the display window.
        mask : Tensor
            B H W.
        frames : str
            Their numbers.

        Raises
        ------
        InputError
            There is nothing to read as asked.
        FrameError
            A frame is missing, damaged, or of another size.
        """
        footage = open_footage(input_path(pattern))
        numbers = _chosen(footage, frames)
        requested = None if colorspace == _FROM_FILE else colorspace
        progress = NodeProgress(len(numbers))
        pictures, coverage = Stack(len(numbers)), Stack(len(numbers))
        size: tuple[int, int] | None = None
        for number in numbers:
            picture = _cleaned(footage.read(number, layer=layer.strip() or None))
            color, mask = _for_graph(picture, space, requested)
            height, width = mask.shape
            size = size or (width, height)
            if (width, height) != size:
                raise FrameError(
                    f"is {width}x{height}, frame {numbers[0]} {size[0]}x{size[1]}: a batch needs one size; "
                    "load them apart.",
                    path=picture.path,
                    frame=number,
                )
            pictures.add(color)
            coverage.add(mask)
            progress.step()
        return pictures.tensor(), coverage.tensor(), format_frames(numbers)


def _chosen(footage: Footage, frames: str) -> tuple[int, ...]:
    """List the frames to read: a batch has no place for one that is missing."""
    numbers = parse_frames(frames) if frames.strip() else footage.frames
    missing = footage.missing(numbers)
    if missing:
        raise InputError(
            f"{footage.pattern}: there is no frame {name_frames(missing)}, only "
            f"{name_frames(footage.frames)}."
        )
    return numbers


def _cleaned(picture: Frame) -> Frame:
    """Place a picture in its display window; not a number becomes 0."""
    pixels, _ = sanitize(picture.pixels)
    pixels = fit_window(pixels, picture.data_window, picture.display_window)
    return replace(picture, pixels=pixels, data_window=picture.display_window)


def _for_graph(picture: Frame, space: str, requested: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Give colour in a space of the graph, H W 3, and the mask, H W."""
    color, mask = picture.rgb, picture.alpha
    if len(picture.channels) == 1:
        mask = picture.pixels[..., 0]
    elif mask is None:
        mask = np.ones(color.shape[:2], np.float32)
    if picture.channels == ("A",):  # coverage: data, in every colour space the same
        return color, mask
    config, about = color_config(), picture.metadata.get("chromaticities")
    found = config.resolve(
        str(picture.path), picture.colorspace, requested, chromaticities=about, is_float=picture.is_float
    )
    return to_graph(config, color, found.space, space), mask
