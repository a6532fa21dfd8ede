"""Howard: background matting for compositors, in scene-linear light."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from howard_nodes.node import HowardMatte as HowardMatte

__all__ = ["HowardMatte", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # The node loads torch: only who asks for it waits for that.
    if name == "HowardMatte":
        from howard_nodes.node import HowardMatte

        return HowardMatte
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
