"""What the preferences show of an installed Howard."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import artist
import bpy


def panel() -> Any:
    return importlib.import_module(f"{artist.MODULE}.install_panel")


def shown() -> str:
    """The lines that are drawn, once the last message is gone."""
    artist.preferences().installed = ""
    return str(panel().words(artist.preferences()))


def folder() -> Path:
    return Path(panel().folder(artist.preferences()))


def command() -> list[str]:
    preferences = importlib.import_module(f"{artist.MODULE}.preferences")
    return list(preferences.command(bpy.context))
