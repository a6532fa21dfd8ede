"""Weighing the light's evidence with the network: what the engine and the trainer do alike.

The light is asked by `howard_nodes.solve.unmix`, pixel by pixel; a `howard_nodes.network.LightRefiner` sees
what it said over a neighbourhood. This puts the one's answers together for the other.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from howard_nodes.network import Judged, LightRefiner, features_at, light_inputs
from howard_nodes.solve import Evidence

__all__ = ["at_cells", "cell_inputs", "judged", "pixels_of"]

Array = np.ndarray


def pixels_of(cells: Array, height: int, width: int) -> tuple[Array, Array]:
    """Find the pixels of each cell of 2x2.

    Parameters
    ----------
    cells : ndarray
        ceil(height/2) ceil(width/2), bool.
    height, width : int
        Of the picture. At an odd border a cell has the last pixels twice.

    Returns
    -------
    tuple of ndarray
        Rows and columns, N 4 each, of the N cells in reading order.
    """
    rows, columns = np.nonzero(cells)
    down = np.minimum(2 * rows[:, None] + np.array([0, 0, 1, 1]), height - 1)
    across = np.minimum(2 * columns[:, None] + np.array([0, 1, 0, 1]), width - 1)
    return down, across


def at_cells(picture: Array, where: tuple[Array, Array]) -> Array:
    """Take the pixels of cells out of a picture, H W or H W C: N 4 or N 4 C."""
    flat = torch.from_numpy(where[0] * picture.shape[1] + where[1]).view(-1)
    pixels = torch.from_numpy(np.ascontiguousarray(picture)).view(picture.shape[0] * picture.shape[1], -1)
    # torch takes rows several times as fast as numpy.
    return pixels.index_select(0, flat).view(*where[0].shape, *picture.shape[2:]).numpy()


def cell_inputs(
    plate: Array,
    clean: Array,
    alpha: Array,
    error: Array,
    cells: Array,
    where: tuple[Array, Array],
    evidence: Evidence,
    estimate: Array,
    features: Array,
    encoded: Callable[[Array], Array],
) -> Tensor:
    """Put together what a `LightRefiner` sees of a picture's cells.

    Parameters
    ----------
    plate, clean : ndarray
        H W 3, scene-linear.
    alpha, error : ndarray
        H W, 0 to 1: what went into the unmixing.
    cells : ndarray
        ceil(H/2) ceil(W/2), bool: N cells.
    where : tuple of ndarray
        Their pixels, from `pixels_of`.
    evidence : Evidence
        Of these.
    estimate : ndarray
        N 3, the network's straight foreground in its own encoding.
    features : ndarray
        F h w, the coarse stage's.
    encoded : callable
        Takes colours, M 3 scene-linear, to the network's encoding.

    Returns
    -------
    Tensor
        N C float32, on the CPU.
    """
    height, width = alpha.shape
    rows, columns = (torch.from_numpy(axis) for axis in np.nonzero(cells))

    def seen(picture: Array) -> Tensor:
        return torch.from_numpy(encoded(at_cells(picture, where).reshape(-1, 3))).view(-1, 4, 3)

    return light_inputs(
        seen(plate),
        seen(clean),
        torch.from_numpy(at_cells(alpha, where)),
        torch.from_numpy(at_cells(error, where)),
        torch.from_numpy(evidence.pixels),
        torch.from_numpy(encoded(np.ascontiguousarray(evidence.color))),
        torch.from_numpy(estimate),
        torch.from_numpy(evidence.texture),
        features_at(torch.from_numpy(features)[None], rows, columns, height, width),
    )


@torch.inference_mode()
def judged(light: LightRefiner, inputs: Tensor, cells: Array, device: torch.device) -> Judged:
    """Let the network weigh what the light said of a picture's cells.

    Parameters
    ----------
    light : LightRefiner
        On the device.
    inputs : Tensor
        N C, from `cell_inputs`.
    cells : ndarray
        ceil(H/2) ceil(W/2), bool: N cells.
    device : torch.device
        What computes.

    Returns
    -------
    Judged
        On the CPU, float32.
    """
    numbers = light.out.weight.dtype
    found = light(inputs.to(device, numbers), torch.from_numpy(cells)[None].to(device))
    return Judged(*(value.float().cpu() for value in vars(found).values()))
