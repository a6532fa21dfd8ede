"""How colour is decided, and what the network sees of it.

`encode` and `decode` need torch and are in `howard_nodes.color.encoding`; the names here do without it.
"""

from __future__ import annotations

from howard_nodes.color.config import ColorConfig
from howard_nodes.color.exposure import BRIGHTEST_KEY, DARKEST_KEY, auto_exposure
from howard_nodes.color.gamuts import LUMINANCE
from howard_nodes.color.loading import SHIPPED_CONFIG
from howard_nodes.color.spaces import Resolved, Space

__all__ = [
    "BRIGHTEST_KEY",
    "DARKEST_KEY",
    "LUMINANCE",
    "SHIPPED_CONFIG",
    "ColorConfig",
    "Resolved",
    "Space",
    "auto_exposure",
]
