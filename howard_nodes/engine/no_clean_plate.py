"""Where there is no clean plate: nobody knows the background there, whatever fills it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from howard_nodes.network import Coarse, to_coarse
from howard_nodes.solve import alpha_limit

__all__ = ["without_clean_plate"]


def without_clean_plate(coarse: Coarse, valid: np.ndarray, plate: Tensor) -> tuple[Coarse, Tensor]:
    """Keep a coarse matte from what it says where there is no clean plate.

    Parameters
    ----------
    coarse : Coarse
        It is left as it is.
    valid : ndarray
        H W, 1 where there is clean plate, 0 where it is a fill.
    plate : Tensor
        1 3 H W, encoded.

    Returns
    -------
    Coarse
        Alpha is limited and the error is 1 where there is none: whatever the network thinks of the fill, it
        may be wrong.
    Tensor
        1 1 h w, of the coarse stage's size: what alpha may be at most.
    """
    missing = to_coarse(torch.from_numpy(1 - valid)[None, None], coarse).to(coarse.error) > 0
    known = coarse.alpha[0, 0].float().cpu().numpy()
    picture = to_coarse(plate, coarse)[0].permute(1, 2, 0).float().cpu().numpy()
    most = torch.from_numpy(alpha_limit(known, missing[0, 0].cpu().numpy(), picture))[None, None]
    limited = replace(
        coarse,
        alpha=torch.where(missing, torch.minimum(coarse.alpha, most.to(coarse.alpha)), coarse.alpha),
        error=torch.where(missing, 1.0, coarse.error),
    )
    return limited, most
