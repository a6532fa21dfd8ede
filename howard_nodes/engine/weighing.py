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
from howard_nodes.solve import TRUSTED, Evidence, Unmixed, unmix

__all__ = ["EdgeLight", "at_cells", "judged", "pixels_of"]

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


class EdgeLight:
    """The light at edges of one frame.

    Parameters
    ----------
    plate, clean : ndarray
        H W 3, scene-linear.
    cells : ndarray
        ceil(H/2) ceil(W/2), bool: N cells.
    seen : ndarray
        H W 3, the network's straight foreground in its own encoding.
    features : ndarray
        F h w, the coarse stage's.
    encoded, decoded : callable
        Take colours, M 3, from scene-linear to the network's encoding and back.
    trusted : float
        As for `howard_nodes.solve.unmix`.

    Attributes
    ----------
    where : tuple of ndarray
        The cells' pixels, from `pixels_of`.
    """

    def __init__(
        self,
        plate: Array,
        clean: Array,
        cells: Array,
        seen: Array,
        features: Array,
        *,
        encoded: Callable[[Array], Array],
        decoded: Callable[[Array], Array],
        trusted: float = TRUSTED,
    ) -> None:
        self.plate, self.clean, self.cells, self.features = plate, clean, cells, features
        self.encoded, self.trusted = encoded, trusted
        self.where = pixels_of(cells, *plate.shape[:2])
        self.own = at_cells(seen, self.where).mean(1)
        self.estimate = decoded(self.own)

    def unmixed(self, alpha: Array, error: Array, *, evidence: bool = False) -> Unmixed:
        """Ask it, with `howard_nodes.solve.unmix`; a draft, which needs no evidence, is to be fast."""
        return unmix(
            self.plate,
            self.clean,
            alpha,
            error,
            self.cells,
            self.estimate,
            trusted=self.trusted,
            look_first=evidence,
            evidence=evidence,
        )

    def inputs(self, alpha: Array, error: Array, evidence: Evidence) -> Tensor:
        """Put together what a `LightRefiner` sees: N C float32, on the CPU.

        Parameters
        ----------
        alpha, error : ndarray
            H W, 0 to 1: what went into the unmixing.
        evidence : Evidence
            What came out.
        """
        rows, columns = (torch.from_numpy(axis) for axis in np.nonzero(self.cells))

        def seen(picture: Array) -> Tensor:
            return torch.from_numpy(self.encoded(at_cells(picture, self.where).reshape(-1, 3))).view(-1, 4, 3)

        return light_inputs(
            seen(self.plate),
            seen(self.clean),
            torch.from_numpy(at_cells(alpha, self.where)),
            torch.from_numpy(at_cells(error, self.where)),
            torch.from_numpy(evidence.pixels),
            torch.from_numpy(self.encoded(np.ascontiguousarray(evidence.color))),
            torch.from_numpy(self.own),
            torch.from_numpy(evidence.texture),
            features_at(torch.from_numpy(self.features)[None], rows, columns, *alpha.shape),
        )

    def weighed(
        self, alpha: Array, error: Array, judge: Callable[[Tensor], Judged]
    ) -> tuple[Array, Array, Array]:
        """Ask it, and let the network weigh what it says.

        Parameters
        ----------
        alpha, error : ndarray
            H W, 0 to 1.
        judge : callable
            The network: makes of `inputs` what it says of the cells.

        Returns
        -------
        tuple of ndarray
            Of the cells: alpha and the error to be expected of it, N 4 each, and straight foreground, N 3,
            encoded.
        """
        evidence = self.unmixed(alpha, error, evidence=True).evidence
        assert evidence is not None
        said = judge(self.inputs(alpha, error, evidence))
        alpha, doubt, color = (value.clamp(0, 1).numpy() for value in vars(said).values())
        # What explains the light is not up to anybody.
        return np.maximum(alpha, evidence.least), doubt, color


@torch.inference_mode()
def judged(light: LightRefiner, inputs: Tensor, cells: Array, device: torch.device) -> Judged:
    """Let the network weigh what the light said of a picture's cells.

    Parameters
    ----------
    light : LightRefiner
        On the device.
    inputs : Tensor
        N C, from `EdgeLight`.
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
