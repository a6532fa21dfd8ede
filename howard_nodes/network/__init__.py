"""The matting network: a coarse stage, a refiner, and the weights of both."""

from __future__ import annotations

from howard_nodes.network.light import Judged, LightRefiner, features_at, light_inputs
from howard_nodes.network.looks import (
    AGREED,
    CLOSE,
    KNEE,
    LEAST_ERROR,
    Coarse,
    Refined,
    calibrated,
    consensus,
    feathered,
    from_coarse,
    to_coarse,
)
from howard_nodes.network.model import BACKBONES, REFINE_MODES, MattingNetwork
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
    "CLOSE",
    "DEFAULT_WEIGHTS",
    "KNEE",
    "LEAST_ERROR",
    "REFINE_MODES",
    "Coarse",
    "Judged",
    "LightRefiner",
    "MattingNetwork",
    "Refined",
    "WeightsInfo",
    "calibrated",
    "consensus",
    "describe_weights",
    "feathered",
    "features_at",
    "from_coarse",
    "import_checkpoint",
    "light_inputs",
    "list_weights",
    "load_weights",
    "save_weights",
    "to_coarse",
    "user_weights_folder",
]
