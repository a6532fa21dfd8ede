"""Load EXR, Save EXR, Convert Colour: pictures with their colour spaces, in and out of the graph."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from howard_nodes.atomic import check_folder
from howard_nodes.description import OPTIONS, OUTPUTS
from howard_nodes.errors import FrameError, HowardError, InputError
from howard_nodes.frames import (
    MAX_FRAMES,
    Footage,
    Frame,
    Sequence,
    fit_window,
    format_frames,
    open_footage,
    parse_frames,
    sanitize,
    write_image,
)
from howard_nodes.hosts.comfyui.host import Progress, input_path, output_path
from howard_nodes.hosts.comfyui.pictures import (
    SCENE_LINEAR,
    SRGB,
    Batch,
    Stack,
    color_config,
    file_spaces,
    images,
    linear_spaces,
    masks,
    space_named,
    space_widget,
    spaces,
    to_graph,
)
from howard_nodes.hosts.comfyui.widgets import inputs_of, knob_values, socket_type, widgets_of
from howard_nodes.layers import LAYERS

__all__ = ["ConvertColor", "LoadEXR", "SaveEXR"]

_FROM_FILE = "from the file"
_WRITING = tuple(option for option in OPTIONS if option.name in ("depth", "compression"))
_MAIN, *_LAYERS = OUTPUTS
_LAYER_OF = {socket.name: socket.layer for socket in OUTPUTS}


class LoadEXR:
    """Load EXR: a picture, a sequence or a movie, with its colour space, as a batch."""

    CATEGORY = "Howard"
    DESCRIPTION = (
        "Reads EXR and what else Howard reads (PNG, TIFF, DPX, JPEG, movies); a sequence becomes a batch."
    )
    RETURN_TYPES = ("IMAGE", "MASK", "STRING")
    RETURN_NAMES = ("image", "mask", "frames")
    OUTPUT_TOOLTIPS = (
        "Red, green, blue; those of an EXR with an alpha are premultiplied, as in the file.",
        "The file's alpha, or its one channel; 1 everywhere where there is neither. 1 is the subject: "
        "ComfyUI's Load Image has it the other way round.",
        "Numbers of the frames, for Save EXR.",
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
                        "tooltip": "1001-1024, 1001-1024x2 or 1001,1005. Empty: all; all are in memory.",
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
                        "tooltip": "Colour space of the file, in place of what it says itself.",
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
        progress = Progress(len(numbers))
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


class SaveEXR:
    """Save EXR: a batch as scene-linear EXRs, with Howard's layers where they are connected."""

    CATEGORY = "Howard"
    DESCRIPTION = (
        "Writes one scene-linear EXR a frame, into ComfyUI's output folder; layers are named as howard matte "
        "names them. A file that is there is replaced."
    )
    RETURN_TYPES = ()
    FUNCTION = "save"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Declare inputs and widgets."""
        main = {
            "tooltip": "The picture: R G B, and A where it has four channels, which are premultiplied then."
        }
        return {
            "required": {
                _MAIN.name: (socket_type(_MAIN), main),
                "pattern": (
                    "STRING",
                    {
                        "default": "howard/shot.####.exr",
                        "tooltip": "A file, or a sequence as shot.####.exr, in ComfyUI's output folder.",
                    },
                ),
                **space_widget(),
            },
            "optional": {
                **inputs_of(_LAYERS),
                "frames": (
                    "STRING",
                    {
                        "default": "",
                        "placeholder": "from the first on",
                        "tooltip": "Numbers of the frames, as Load EXR gives them. Empty: from the first on.",
                    },
                ),
                "first_frame": (
                    "INT",
                    {
                        "default": 1001,
                        "min": -MAX_FRAMES,
                        "max": MAX_FRAMES,
                        "tooltip": "Number of the first frame, where frames is empty.",
                    },
                ),
                "colorspace": (
                    linear_spaces(),
                    {"default": SCENE_LINEAR, "tooltip": "Colour space of the file; an EXR is scene-linear."},
                ),
                **widgets_of(_WRITING),
            },
        }

    def save(
        self,
        image: Any,
        pattern: str,
        space: str,
        frames: str = "",
        first_frame: int = 1001,
        colorspace: str = SCENE_LINEAR,
        **more: Any,
    ) -> dict[str, Any]:
        """Write a batch.

        Parameters
        ----------
        image : Tensor
            B H W 3 or B H W 4.
        pattern : str
            Where to.
        space : str
            Colour space of the IMAGEs.
        frames : str
            Numbers of the frames, as many as there are; empty for `first_frame` and those after it.
        first_frame : int
            See `frames`.
        colorspace : str
            Scene-linear colour space of the file.
        **more
            Other layers, by the names of the node's outputs, and the options `depth` and `compression`.

        Returns
        -------
        dict
            The files, for ComfyUI's history.

        Raises
        ------
        InputError
            What is connected does not fit together, or cannot be written there.
        WriteError
            A file cannot be written.
        """
        config = color_config()
        batches = _layers({_MAIN.name: image} | more)
        main = batches[_MAIN.name]
        output = Sequence.output(output_path(pattern))
        numbers = _numbered(frames, first_frame, len(main))
        if output.is_still and len(main) > 1:
            raise InputError(
                f"{pattern}: is one file for {len(main)} frames; name a sequence, as shot.####.exr."
            )
        target = space_named(config, colorspace)
        if not config.is_scene_linear(target):
            raise InputError(
                f"colour space '{colorspace}': an EXR is scene-linear; use {config.scene_linear}."
            )
        check_folder(output.path(numbers[0]))
        source, options = space_named(config, space), knob_values(more, _WRITING)
        progress = Progress(len(main))
        files = []
        for index, number in enumerate(numbers):
            planes: list[np.ndarray] = []
            channels: list[str] = []
            for name, batch in batches.items():
                pixels = batch.frame(index)
                if pixels.ndim == 3:
                    color = config.convert(np.ascontiguousarray(pixels[..., :3]), source, target)
                    pixels = np.dstack([color, pixels[..., 3:]])
                planes.append(pixels)
                channels += LAYERS[_LAYER_OF[name]][: 1 if pixels.ndim == 2 else pixels.shape[2]]
            files.append(str(output.path(number)))
            tag = config.interop_id(target) or target
            write_image(output.path(number), np.dstack(planes), channels, colorspace=tag, **options)
            progress.step()
        return {"ui": {"text": files}, "result": ()}


class ConvertColor:
    """Convert Colour: an IMAGE from one colour space to another."""

    CATEGORY = "Howard"
    DESCRIPTION = (
        "Takes an IMAGE from one colour space to another, so that ComfyUI's own nodes can show scene-linear "
        "pictures, and Howard's can work on sRGB ones."
    )
    RETURN_TYPES = ("IMAGE",)
    RETURN_NAMES = ("image",)
    FUNCTION = "convert"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802
        """Declare inputs and widgets."""
        return {
            "required": {
                "image": ("IMAGE", {"tooltip": "The picture. An alpha stays as it is."}),
                "space": (spaces(), {"default": SCENE_LINEAR, "tooltip": "Colour space that it is in."}),
                "to": (
                    spaces(),
                    {"default": SRGB, "tooltip": "Colour space wanted. Other than scene-linear is 0 to 1."},
                ),
            }
        }

    def convert(self, image: Any, space: str, to: str) -> tuple[Any]:
        """Convert a batch.

        Parameters
        ----------
        image : Tensor
            B H W 3 or B H W 4.
        space, to : str
            Colour spaces, of `spaces`.

        Returns
        -------
        image : Tensor
            Of the same shape.

        Raises
        ------
        InputError
            What is connected is no IMAGE.
        ColorError
            The configuration has no such space.
        """
        config, batch = color_config(), images("image", image)
        source, stack = space_named(config, space), Stack(len(batch))
        for index in range(len(batch)):
            pixels = batch.frame(index)
            color = to_graph(config, np.ascontiguousarray(pixels[..., :3]), source, to)
            stack.add(np.dstack([color, pixels[..., 3:]]))
        return (stack.tensor(),)


def _chosen(footage: Footage, frames: str) -> tuple[int, ...]:
    """List the frames to read: a batch has no place for one that is missing."""
    numbers = parse_frames(frames) if frames.strip() else footage.frames
    missing = footage.missing(numbers)
    if missing:
        raise InputError(
            f"{footage.pattern}: there is no frame {format_frames(missing)}, only "
            f"{format_frames(footage.frames)}."
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
    found = config.resolve(str(picture.path), picture.colorspace, requested, chromaticities=about)
    return to_graph(config, color, found.space, space), mask


def _layers(given: Mapping[str, Any]) -> dict[str, Batch]:
    """Take what is connected, by name of socket, in the order layers are written; all must fit."""
    batches: dict[str, Batch] = {}
    for socket in OUTPUTS:
        value = given.get(socket.name)
        if value is None and socket is not _MAIN:
            continue
        batch = (masks if socket.type == "matte" else images)(socket.name, value)
        if socket.type == "color":
            batch = replace(batch, tensor=batch.tensor[..., :3])
        batches[socket.name] = batch
        batch.must_go_with(batches[_MAIN.name])
    return batches


def _numbered(frames: str, first: int, count: int) -> tuple[int, ...]:
    if not frames.strip():
        return tuple(range(first, first + count))
    numbers = parse_frames(frames)
    if len(numbers) != count:
        raise InputError(
            f"frames {frames}: are {len(numbers)}, image has {count}; give as many numbers as frames."
        )
    return numbers
