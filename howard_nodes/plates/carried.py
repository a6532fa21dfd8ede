"""What a frame's fit takes from the frames before it: it saves time, and finds the hard ones."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

__all__ = ["Carried"]


@dataclass(frozen=True)
class Carried:
    """What frames before taught.

    Attributes
    ----------
    homography : tuple of nine floats, optional
        The motion found last, to start from; row by row.
    ratio : float, optional
        Light of the plate beside the clean plate's, as last seen.
    refocused : bool
        One of the pictures compared last is softer than the other.
    fills : tuple of int
        Offsets of clean frames that filled holes, the last one first.
    vain : int
        Frames in a row whose holes no clean frame filled.
    lacked : float
        The largest share of the picture that those lacked.
    """

    homography: tuple[float, ...] | None = None
    ratio: float | None = None
    refocused: bool = False
    fills: tuple[int, ...] = ()
    vain: int = 0
    lacked: float = 0.0

    @property
    def matrix(self) -> np.ndarray | None:
        """The motion found last, 3 3 float64."""
        return None if self.homography is None else np.array(self.homography, np.float64).reshape(3, 3)

    def to_json(self) -> dict[str, Any]:
        """Give it as JSON has it; numbers keep their bits."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Carried:
        """Read it. Raises `KeyError`, `TypeError` or `ValueError` where it is damaged."""
        homography, ratio = kept["homography"], kept["ratio"]
        if homography is not None and len(homography) != 9:
            raise ValueError(f"expected nine numbers, not {homography}")
        return cls(
            None if homography is None else tuple(map(float, homography)),
            None if ratio is None else float(ratio),
            bool(kept["refocused"]),
            tuple(map(int, kept["fills"])),
            int(kept["vain"]),
            float(kept["lacked"]),
        )
