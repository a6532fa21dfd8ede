# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Image Editors of the window in which an artist pressed a button; without a window there are none."""

from __future__ import annotations

from collections.abc import Callable

import bpy

__all__ = ["VIEWER", "best", "opened_beside", "show_all", "shows_viewer"]

VIEWER = "Viewer Node"
"""The image that viewers are computed into."""


def best(
    context: bpy.types.Context, rank: Callable[[bpy.types.SpaceImageEditor], int]
) -> bpy.types.Area | None:
    """Give the open Image Editor that ranks highest; None where all rank 0 or there is none."""
    areas = context.screen.areas if context.screen is not None else ()
    editors = [area for area in areas if area.ui_type == "IMAGE_EDITOR"]
    found = max(editors, key=lambda area: rank(area.spaces.active), default=None)
    return found if found is not None and rank(found.spaces.active) else None


def opened_beside(context: bpy.types.Context) -> bpy.types.Area:
    """Open an Image Editor in half of the editor in which the button was pressed."""
    area = context.area
    before = set(context.screen.areas)
    direction = "VERTICAL" if area.width > area.height else "HORIZONTAL"
    bpy.ops.screen.area_split(direction=direction, factor=0.5)
    made = next(one for one in context.screen.areas if one not in before)
    made.ui_type = "IMAGE_EDITOR"
    return made


def shows_viewer(space: bpy.types.SpaceImageEditor) -> bool:
    """Tell whether an Image Editor shows what viewers compute."""
    return space.image is not None and space.image.name == VIEWER


def show_all(name: str, rank: Callable[[bpy.types.SpaceImageEditor], int]) -> None:
    """Show the whole of an image in the Image Editor that ranks highest.

    It is for a timer: how large image and editor are is known once Blender has computed and drawn them.
    """
    for window in bpy.context.window_manager.windows:
        with bpy.context.temp_override(window=window):
            area = best(bpy.context, rank)
        if area is None:
            continue
        area.spaces.active.image = bpy.data.images.get(name)
        region = next(one for one in area.regions if one.type == "WINDOW")
        with bpy.context.temp_override(window=window, area=area, region=region):
            bpy.ops.image.view_all(fit_view=True)
        return
