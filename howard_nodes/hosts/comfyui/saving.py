"""Save EXR: a batch and its layers as scene-linear files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from howard_nodes.atomic import check_folder
from howard_nodes.description import OPTIONS, OUTPUTS
from howard_nodes.errors import InputError
from howard_nodes.frames import MAX_FRAMES, Sequence, parse_frames, write_image
from howard_nodes.hosts.comfyui.host import NodeProgress, output_path
from howard_nodes.hosts.comfyui.pictures import (
    SCENE_LINEAR,
    Batch,
    color_config,
    images,
    linear_spaces,
    masks,
    space_named,
    space_widget,
)
from howard_nodes.hosts.comfyui.widgets import inputs_of, knob_values, socket_type, widgets_of
from howard_nodes.layers import LAYERS

__all__ = ["SaveEXR"]

_WRITING = tuple(option for option in OPTIONS if option.name in ("depth", "compression"))
_MAIN, *_LAYERS = OUTPUTS
_LAYER_OF = {socket.name: socket.layer for socket in OUTPUTS}


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
        main = {"tooltip": "The image: R G B, or premultiplied R G B A with four channels."}
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
                        "placeholder": "counted from first",
                        "tooltip": "Frame numbers, from Load EXR. Empty: counted from first.",
                    },
                ),
                "first_frame": (
                    "INT",
                    {
                        "default": 1001,
                        "min": -MAX_FRAMES,
                        "max": MAX_FRAMES,
                        "tooltip": "Number of the first frame, if frames is empty.",
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
                f"{pattern}: is one file for {len(main)} frames; use a sequence, such as shot.####.exr."
            )
        target = space_named(config, colorspace)
        if not config.is_scene_linear(target):
            raise InputError(
                f"colour space '{colorspace}': an EXR is scene-linear; use {config.scene_linear}."
            )
        check_folder(output.path(numbers[0]))
        source, options = space_named(config, space), knob_values(more, _WRITING)
        progress = NodeProgress(len(main))
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
            f"frames {frames}: {len(numbers)} numbers for {count} frames; give one number per frame."
        )
    return numbers
