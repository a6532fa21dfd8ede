"""The matting network: a coarse stage, a refiner, and the weights of both."""

from __future__ import annotations

from howard_nodes.network.model import (
    BACKBONES,
    REFINE_MODES,
    Coarse,
    MattingNetwork,
    Refined,
    from_coarse,
    to_coarse,
)
from howard_nodes.network.weights import (
    DEFAULT_WEIGHTS,
    WeightsInfo,
    describe_weights,
    import_checkpoint,
    list_weights,
    load_weights,
    save_weights,
    user_weights_folder,
)

__all__ = [
    "BACKBONES",
    "DEFAULT_WEIGHTS",
    "REFINE_MODES",
    "Coarse",
    "MattingNetwork",
    "Refined",
    "WeightsInfo",
    "describe_weights",
    "from_coarse",
    "import_checkpoint",
    "list_weights",
    "load_weights",
    "save_weights",
    "to_coarse",
    "user_weights_folder",
]
