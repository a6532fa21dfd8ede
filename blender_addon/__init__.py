# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Howard Matte in Blender's compositor: the node, and the worker that pulls its mattes."""

from __future__ import annotations

from . import menu, nodes, paint, panel, plates, preferences, preview, pull, settings, verdicts, worker

__all__ = ["register", "unregister"]

_ROOMS = (settings, preferences, nodes, pull, plates, verdicts, paint, preview, panel, menu)


def register() -> None:
    """Make the add-on known to Blender."""
    for room in _ROOMS:
        room.register()


def unregister() -> None:
    """Take it all back; what is being pulled is cancelled, and the worker ends."""
    for room in reversed(_ROOMS):
        room.unregister()
    worker.close()
