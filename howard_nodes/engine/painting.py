"""Where a map that was given to paint on has been painted on.

What a host shows of a map comes back through half floats: what was not painted on is not quite what it was.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from howard_nodes.engine.encoded import plane
from howard_nodes.engine.results import CoarseLook
from howard_nodes.network import Coarse, from_coarse, to_coarse
from howard_nodes.solve import merge_override

__all__ = ["doubted_with_paint", "with_paint"]

# Less than this is no paint but the rounding of a half float.
_PAINTED = 0.002


def with_paint(value: Tensor, shown: np.ndarray, override: np.ndarray, coarse: Coarse) -> Tensor:
    """Merge an override into a coarse map; what was not painted on, of the map as it was shown, stays."""
    change = _was_painted(shown, merge_override(shown, override))
    changed = to_coarse(torch.from_numpy(change.astype(np.float32))[None, None], coarse) > 0
    planes = override[..., None] if override.ndim == 2 else override
    small = to_coarse(torch.from_numpy(np.ascontiguousarray(planes)).permute(2, 0, 1)[None], coarse)
    merged = merge_override(value[0, 0].float().cpu().numpy(), small[0].permute(1, 2, 0).numpy())
    return torch.where(changed.to(value.device), torch.from_numpy(merged)[None, None].to(value), value)


def doubted_with_paint(look: CoarseLook) -> np.ndarray:
    """Tell how far the alpha of a look may be wrong, once somebody has painted.

    Parameters
    ----------
    look : CoarseLook
        One of those whose coarse matte and error map were shown.

    Returns
    -------
    ndarray
        H W, 0 to 1.
    """
    stage, coarse_override, error_override = look.stage, look.coarse_override, look.error_override
    alpha, doubted = stage.alpha, stage.error
    if len(stage.looks) > 1:
        alpha, doubted = (plane(from_coarse(x, *alpha.shape)) for x in (look.coarse.alpha, look.coarse.error))
        # There is no clean plate.
        doubted[stage.error == 1] = 1.0
    if coarse_override is not None:
        # What is painted against the network's own word is not doubted by its error map.
        against = np.abs(merge_override(alpha, coarse_override) - alpha)
        doubted = doubted * np.clip(1 - 2 * against, 0.0, 1.0)
    if error_override is not None:
        painted = merge_override(stage.error, error_override)
        doubted = np.where(_was_painted(stage.error, painted), painted, doubted)
    return doubted


def _was_painted(shown: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Tell where a map that was given to paint on has been: H W bool. A 0 or 1 is always meant."""
    to_0, to_1 = (found == 0) & (shown > 1e-6), (found == 1) & (shown < 0.9997)
    return (np.abs(found - shown) > _PAINTED) | to_0 | to_1
