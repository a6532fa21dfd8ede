"""The node's description as a document: what hosts in other languages and processes read."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from howard_nodes import __version__
from howard_nodes.description.options import OPTIONS
from howard_nodes.description.settings import KNOBS, STAGES
from howard_nodes.description.sockets import INPUTS, OUTPUTS

__all__ = ["FORMAT_VERSION", "describe", "schema"]

FORMAT_VERSION = 1
"""Raised when a reader of the document would have to change; new knobs, sockets and fields do not count."""


def describe() -> dict[str, Any]:
    """Describe the node: sockets, knobs, and options of jobs on files.

    Returns
    -------
    dict
        Valid against `schema`, ready for JSON.
    """
    return {
        "format": "howard-node",
        "version": FORMAT_VERSION,
        "name": "HowardMatte",
        "label": "Howard Matte",
        "help": "Background matting: plate and clean plate in; alpha, straight foreground, coarse matte and "
        "error map out.",
        "howard": __version__,
        "stages": list(STAGES),
        "inputs": [socket.document() for socket in INPUTS],
        "outputs": [socket.document() for socket in OUTPUTS],
        "knobs": [one.document() for one in KNOBS],
        "options": [one.document() for one in OPTIONS],
    }


def schema() -> dict[str, Any]:
    """Give the JSON schema (draft 2020-12) that `describe` is valid against.

    Returns
    -------
    dict
        The schema.
    """
    text = (files("howard_nodes.description") / "schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded
