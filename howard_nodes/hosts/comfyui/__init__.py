"""Howard as nodes of ComfyUI: `howard comfyui install` puts them among its custom nodes."""

from __future__ import annotations

from typing import Any

from howard_nodes.hosts.comfyui.converting import ConvertColor
from howard_nodes.hosts.comfyui.loading import LoadEXR
from howard_nodes.hosts.comfyui.matting import FitCleanPlate, Matte, Refine
from howard_nodes.hosts.comfyui.saving import SaveEXR

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]

NODE_CLASS_MAPPINGS: dict[str, Any] = {
    "HowardMatte": Matte,
    "HowardFitCleanPlate": FitCleanPlate,
    "HowardRefine": Refine,
    "HowardLoadEXR": LoadEXR,
    "HowardSaveEXR": SaveEXR,
    "HowardConvertColor": ConvertColor,
}
"""Nodes by the name that workflows save: these never change."""

NODE_DISPLAY_NAME_MAPPINGS = {
    "HowardMatte": "Howard Matte",
    "HowardFitCleanPlate": "Howard Fit Clean Plate",
    "HowardRefine": "Howard Refine",
    "HowardLoadEXR": "Howard Load EXR",
    "HowardSaveEXR": "Howard Save EXR",
    "HowardConvertColor": "Howard Convert Colour",
}
"""What is shown."""
