"""Convert Colour: an IMAGE of the graph from one colour space to another."""

from __future__ import annotations

from typing import Any

import numpy as np

from howard_nodes.hosts.comfyui.pictures import (
    SCENE_LINEAR,
    SRGB,
    Stack,
    color_config,
    images,
    space_named,
    spaces,
    to_graph,
)

__all__ = ["ConvertColor"]


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
                "image": ("IMAGE", {"tooltip": "The image. Alpha is not changed."}),
                "space": (spaces(), {"default": SCENE_LINEAR, "tooltip": "Its current colour space."}),
                "to": (
                    spaces(),
                    {
                        "default": SRGB,
                        "tooltip": "Colour space to convert to. All except scene-linear are 0 to 1.",
                    },
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
