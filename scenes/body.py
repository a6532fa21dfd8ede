# SPDX-License-Identifier: GPL-3.0-or-later
"""A body of the bank in Blender, as poses.py posed it."""

from __future__ import annotations

import sys
from pathlib import Path

import bpy
import numpy as np

sys.path.append(str(Path(__file__).parent / "demo_shot"))

from person import Figure, normals

__all__ = ["Body"]

_MASKS: dict[Path, np.ndarray] = {}


class Body(Figure):
    """A posed body as poses.py made it, its feet on the ground and its hips over the origin; metres.

    Parameters
    ----------
    folder : Path
        Where poses.py wrote.
    name : str
        Of the person's file, without suffix.
    """

    def __init__(self, folder: Path, name: str) -> None:
        topology = np.load(folder / "topology.npz")
        data = np.load(folder / f"{name}.npz")
        self.uv = topology["uv"]
        self.groups = {k[6:]: topology[k] for k in topology.files if k.startswith("group_")}
        self.bones = [str(b) for b in topology["bones"]]
        self.owner = np.array(self.bones)[topology["owner"]]
        self.textures = Path(str(topology["textures"]))
        self.holds = str(data["holds"])
        self.rest = data["rest"].astype(float)
        self.middle, self.close = data["middle"].astype(float), data["close"].astype(float)
        self.body = self.groups["body"]
        self.on_body = np.zeros(len(self.rest), bool)
        self.on_body[np.unique(self.body[:, :4])] = True
        hips = data["bones"][self.bones.index("root")][:2, 3]
        shift = np.array([-hips[0], -hips[1], -self.middle[self.on_body][:, 2].min()])
        self.middle, self.close = self.middle + shift, self.close + shift
        move = np.eye(4)
        move[:3, 3] = shift
        self.posed = {b: move @ data["bones"][k] for k, b in enumerate(self.bones)}
        self.still = {b: data["bones_rest"][k] for k, b in enumerate(self.bones)}
        self.head = [self.carried("head")] * 3
        self.eyes = tuple(np.unique(self.groups[f"helper-{s}-eye"][:, :4]) for s in "lr")
        self.on_head = self.on_body & self.owned("head", "neck", "eye")
        center = (self.rest[self.eyes[0]].mean(0) + self.rest[self.eyes[1]].mean(0)) / 2
        skull = self.rest[self.on_head & (self.rest[:, 2] > center[2] - 0.01)]
        self.center = np.array([0, (skull[:, 1].min() + skull[:, 1].max()) / 2, center[2]])
        self.crown = skull[:, 2].max() - center[2]
        self.normal = normals(self.middle, self.body[:, :4])
        self.eye = (self.middle[self.eyes[0]].mean(0) + self.middle[self.eyes[1]].mean(0)) / 2

    def carried(self, bone: str) -> np.ndarray:
        """Give the matrix that carries points at rest along with a posed bone."""
        return self.posed[bone] @ np.linalg.inv(self.still[bone])

    def joint(self, bone: str) -> np.ndarray:
        """Where a bone begins at rest."""
        return self.still[bone][:3, 3]

    def mask(self, name: str) -> np.ndarray:
        """One of the body's grey texture masks, H W, kept for the next body."""
        path = self.textures / name
        if path not in _MASKS:
            image = bpy.data.images.load(str(path), check_existing=True)
            pixels = np.empty(len(image.pixels), np.float32)
            image.pixels.foreach_get(pixels)
            _MASKS[path] = pixels.reshape(image.size[1], image.size[0], -1)[..., 0].copy()
        return _MASKS[path]
