"""Which `howard` is started, and in what environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from .client import command_words  # type: ignore[import-not-found]
from .errors import PluginError

__all__ = ["PREFERENCE", "PREFERENCE_HELP", "environment", "howard"]

PREFERENCE = "howard_command"
"""Name of the knob among Nuke's preferences."""

PREFERENCE_HELP = (
    "The howard command that pulls mattes. Empty: $HOWARD, else the one that installed this plug-in."
)


def howard(preference: str, environ: Mapping[str, str], installed: list[str]) -> list[str]:
    """Choose the command.

    Parameters
    ----------
    preference : str
        From Nuke's preferences; may be empty.
    environ : mapping of str to str
        Its `HOWARD` comes next.
    installed : list of str
        The command that installed the plug-in.

    Returns
    -------
    list of str
        Words of the command howard.

    Raises
    ------
    PluginError
        The file is not there.
    """
    said = [("the preference Howard command", preference), ("$HOWARD", environ.get("HOWARD", ""))]
    chosen = [(origin, text.strip()) for origin, text in said if text.strip()]
    if chosen:
        origin, text = chosen[0]
        words = command_words(text)
    else:
        origin, words = "the Howard that installed this plug-in", list(installed)
    if Path(words[0]).is_absolute() and not Path(words[0]).exists():
        raise PluginError(
            f"{origin} is {words[0]}, which is not there. Set the howard command in Nuke's "
            "preferences (tab Howard), or in the environment variable HOWARD."
        )
    return words


def environment(environ: Mapping[str, str], host_folder: str) -> dict[str, str]:
    """Tell what differs in the worker's environment: nothing of it leads to Nuke's own libraries.

    Parameters
    ----------
    environ : mapping of str to str
        Nuke's.
    host_folder : str
        Where Nuke is installed.

    Returns
    -------
    dict
        Variables to set.
    """
    changed = {}
    for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FRAMEWORK_PATH", "LD_PRELOAD"):
        parts = environ.get(name, "").split(os.pathsep)
        kept = [part for part in parts if part and not _within(part, host_folder)]
        if kept != [part for part in parts if part]:
            changed[name] = os.pathsep.join(kept)
    return changed


def _within(path: str, folder: str) -> bool:
    inside, outer = Path(path).resolve(), Path(folder).resolve()
    return inside == outer or outer in inside.parents
