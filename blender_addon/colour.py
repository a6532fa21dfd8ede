# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender knows of colour, in the worker's words."""

from __future__ import annotations

import os
from pathlib import Path

import bpy

__all__ = ["SCENE_LINEAR", "configuration"]

SCENE_LINEAR = "scene_linear"
"""The role of an OpenColorIO configuration that results come in."""


def configuration() -> str:
    """Give the OpenColorIO configuration that Blender itself uses: its names mean the same to both then.

    Returns
    -------
    str
        A file, or a name as OCIO has it.
    """
    outer = os.environ.get("OCIO", "").strip()
    if outer:
        return outer
    folder = bpy.utils.system_resource("DATAFILES", path="colormanagement")
    return str(Path(folder) / "config.ocio")
