"""What a frame of the result holds, and how its layers are named in files."""

from howard_nodes.layers.names import (
    DEFAULT_LAYERS,
    LAYERS,
    file_patterns,
    layer_channels,
    layer_path,
    validate_layers,
)
from howard_nodes.layers.result import MatteResult

__all__ = [
    "DEFAULT_LAYERS",
    "LAYERS",
    "MatteResult",
    "file_patterns",
    "layer_channels",
    "layer_path",
    "validate_layers",
]
