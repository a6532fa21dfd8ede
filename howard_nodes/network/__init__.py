"""The matting network: a coarse stage, a refiner, and the weights of both."""

from __future__ import annotations

from howard_nodes.network.model import (
    AGREED,
    BACKBONES,
    REFINE_MODES,
    Coarse,
    MattingNetwork,
    Refined,
    consensus,
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
    "AGREED",
    "BACKBONES",
    "DEFAULT_WEIGHTS",
    "REFINE_MODES",
    "Coarse",
    "MattingNetwork",
    "Refined",
    "WeightsInfo",
    "consensus",
    "describe_weights",
    "from_coarse",
    "import_checkpoint",
    "list_weights",
    "load_weights",
    "save_weights",
    "to_coarse",
    "user_weights_folder",
]
