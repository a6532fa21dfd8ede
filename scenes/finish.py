# SPDX-License-Identifier: Apache-2.0
"""Make a foreground of what scene.py rendered: straight colour that reaches beyond the edge, and coverage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import recipe as recipes

from howard_nodes.frames import read_frame, write_image

__all__ = ["alpha_of", "finish", "straighten"]

# Sigma in pixels that a blur is made smaller to; the blurs of foregrounds up to 1024 wide are left whole.
_WIDE = 110


def straighten(premultiplied: np.ndarray, coverage: np.ndarray) -> np.ndarray:
    """Divide colour by coverage, by ratios of blurs where coverage is thin, and spread it beyond the edge.

    A ratio of single pixels is noise where coverage is thin; a ratio of blurs of both is not, and reaches
    pixels that nothing covers, so that a foreground can be resized and blurred.

    Parameters
    ----------
    premultiplied : numpy.ndarray
        H W 3, linear.
    coverage : numpy.ndarray
        H W, 0 to 1, rendered with the colour.

    Returns
    -------
    numpy.ndarray
        H W 3 float32.
    """
    color = np.maximum(premultiplied, 0).astype(np.float32)
    coverage = coverage.astype(np.float32)
    trust = np.clip((coverage - 0.5) / 0.45, 0, 1)[..., None]
    result = color / np.maximum(coverage, 1e-4)[..., None] * trust
    missing = 1 - trust
    size = max(coverage.shape)
    for sigma, least in ((1.0, 0.25), (2.0, 0.12), (4.0, 0.05), (10.0, 0.01), (30.0, 1e-3), (size / 5, 1e-7)):
        top = _blur(color, sigma)
        bottom = _blur(coverage, sigma)[..., None]
        share = np.clip((bottom - least) / least, 0, 1) * missing
        result += share * top / np.maximum(bottom, 1e-9)
        missing = missing - share
    return result


def _blur(picture: np.ndarray, sigma: float) -> np.ndarray:
    """Blur a picture; by a very wide sigma, whose kernel would take minutes, one made smaller."""
    smaller = int(sigma / _WIDE)
    if smaller < 2:
        return cv2.GaussianBlur(picture, (0, 0), sigma)
    height, width = picture.shape[:2]
    small = cv2.resize(picture, (width // smaller, height // smaller), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), sigma / smaller)
    return np.asarray(cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR))


def alpha_of(seen: np.ndarray) -> np.ndarray:
    """Turn what is seen of a white world, H W, into coverage 0 to 1, without the last of its noise."""
    alpha = np.clip(1.0 - seen, 0.0, 1.0)
    return np.where(alpha < 5e-4, 0.0, np.where(alpha > 1 - 5e-4, 1.0, alpha)).astype(np.float32)


def finish(recipe: Mapping[str, Any], passes: Path, target: Path) -> float:
    """Write a foreground, whole or not at all, and remove its passes.

    Parameters
    ----------
    recipe : mapping
    passes : Path
        Folder that scene.py rendered to.
    target : Path
        EXR with R G B (straight, linear Rec.709) and A; its metadata holds the recipe.

    Returns
    -------
    float
        Mean coverage.
    """
    name = f"{recipe['number']:05d}"
    color_file, cover_file = (passes / f"{name}.{kind}.exr" for kind in ("color", "cover"))
    color = read_frame(color_file)
    alpha = alpha_of(read_frame(cover_file).pixels[..., 0])
    assert color.alpha is not None
    straight = straighten(color.rgb, color.alpha)
    metadata = recipes.note(recipe, recipes.shows(recipe)) | {"howard:subject": recipe["subject"]}
    write_image(target, np.dstack([straight, alpha]), "RGBA", compression="zip", metadata=metadata)
    color_file.unlink()
    cover_file.unlink()
    return float(alpha.mean())
