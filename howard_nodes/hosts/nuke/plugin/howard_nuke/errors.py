"""What can go wrong on Nuke's side, in words an artist can act on."""

from __future__ import annotations

__all__ = ["PluginError"]


class PluginError(Exception):
    """It cannot be done as asked; the message says what to do."""
