# SPDX-FileCopyrightText: 2026 Howard Matting contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong on Blender's side, in words an artist can act on."""

from __future__ import annotations

__all__ = ["AddonError", "CancelledError"]


class AddonError(Exception):
    """It cannot be done as asked; the message says what to do."""


class CancelledError(AddonError):
    """The artist stopped it; the message says what is there."""
