"""Registration: the homography that takes a clean plate to its plate.

A plane, or a camera that only turns, moves the picture by a homography. Features find it from nothing,
however far apart the takes are; direct alignment makes it exact; tiles that show the same in both pictures
prove it. Pictures that cannot be registered are refused with a reason, never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from howard_nodes.plates.alignment import Agreement, agreement, align
from howard_nodes.plates.views import View, prepare, slopes

__all__ = ["IDENTITY", "Registration", "View", "prepare", "refine", "register"]

Array = NDArray[Any]

IDENTITY = np.eye(3)

_RATIO = 0.85  # of the distances to the best and the second-best descriptor
_LEAST_MATCHES = 8
_TOLERANCE = 0.0016  # of the longer side: 3 px in HD, of which most is what a plane cannot explain
_LEAST_INLIERS = 10
_LEAST_TILES = 8
_LEAST_SHARE = (
    0.14  # of the textured tiles; the subject may have 60 % of the picture, parallax some of the rest
)
_MOST_DEVIATION = 0.0004  # of the longer side: 0.77 px in HD
_FAR = 0.004  # residual of an alignment that has not found its place, of the longer side
_MOST_ZOOM = 2.5
_SAME_KEY = 0.15  # stops by which keys may differ
_SHARPER = 1.35  # ratio of fine detail from which two pictures are not equally sharp
_BLURS = (0.5, 0.8, 1.2, 1.7, 2.4, 3.4)  # pixels of the finest level


@dataclass(frozen=True)
class Registration:
    """How a moving picture (clean plate) lies on a fixed one (plate).

    Attributes
    ----------
    homography : ndarray
        3 3 float64, moving to fixed coordinates; full-resolution pixels, centres at integers. The identity
        where it is not trusted.
    inliers : int
        Tiles of the picture that show the same in both.
    residual : float
        Median displacement that is left in them, pixels.
    spread : float
        Share of the tiles with texture that agree, 0 to 1.
    deviation : float
        Standard deviation of the motion itself, pixels.
    trusted : bool
        Whether it may be used.
    reason : str
        Why not; empty when trusted.
    agreement : Agreement or None
        The tiles.
    views : tuple of View, optional
        The pictures as they were compared, fixed and moving: the sharper one blurred to the other's focus.
        None where it is not trusted.
    """

    homography: Array
    inliers: int
    residual: float
    spread: float
    deviation: float
    trusted: bool
    reason: str
    agreement: Agreement | None = None
    views: tuple[View, View] | None = None


def register(
    fixed: View,
    moving: View,
    *,
    background: Array | None = None,
    initial: Array | None = None,
) -> Registration:
    """Find how `moving` lies on `fixed`.

    Parameters
    ----------
    fixed, moving : View
        Plate and clean plate, from `prepare`; the sizes may differ.
    background : ndarray, optional
        H W, 0 to 1, of the fixed picture: what may be compared. By default all, and the subject is kept out
        by robustness alone.
    initial : ndarray, optional
        3 3, a guess to begin with; where it leads to nothing, features are searched all the same.

    Returns
    -------
    Registration
        Untrusted, with a reason, for pictures without texture and for unrelated ones.

    References
    ----------
    Barath et al., "MAGSAC++, a Fast, Reliable and Accurate Robust Estimator", CVPR 2020.
    """
    best = _found(fixed, moving, background, initial)
    if not best.trusted:
        return best
    pair = _made_alike(fixed, moving, best, background)
    if pair is not None:
        again = _judged(*pair, *align(*pair, best.homography, background, levels=2), background)
        if again.trusted:
            return replace(again, views=pair)
    return replace(best, views=(fixed, moving))


def refine(fixed: View, moving: View, homography: Array, background: Array | None = None) -> Registration:
    """Make a motion that is known to a pixel exact, and judge it: `register` without the search.

    Parameters
    ----------
    fixed, moving, background
        As for `register`.
    homography : ndarray
        3 3, moving to fixed.

    Returns
    -------
    Registration
        Untrusted, with a reason, where the pictures do not agree.
    """
    return _judged(fixed, moving, *align(fixed, moving, homography, background, levels=1), background)


def _found(fixed: View, moving: View, background: Array | None, initial: Array | None) -> Registration:
    best: Registration | None = None
    if initial is not None:
        best = _judged(fixed, moving, *align(fixed, moving, initial, background), background)
        if best.trusted and best.residual < _FAR / 8 * max(fixed.size):
            return best
    found = _from_features(fixed, moving, background)
    if isinstance(found, str):
        return best if best is not None and best.trusted else _refused(found)
    for guess in found:
        other = _judged(fixed, moving, *align(fixed, moving, guess, background, levels=2), background)
        if best is None or (other.trusted, other.inliers) > (best.trusted, best.inliers):
            best = other
    assert best is not None
    return best


def _from_features(fixed: View, moving: View, background: Array | None) -> list[Array] | str:
    """Give the motions that matched features agree on, or why there are none.

    A homography from features on one side of the picture says little of the other: the similarity counts too.
    """
    points, descriptors = fixed.features
    if background is not None and len(points):
        height, width = background.shape
        x = np.clip((points[:, 0] + 0.5) * width / fixed.size[0], 0, width - 1).astype(int)
        y = np.clip((points[:, 1] + 0.5) * height / fixed.size[1], 0, height - 1).astype(int)
        kept = background[y, x] > 0.5
        points, descriptors = points[kept], descriptors[kept]
    others, other_descriptors = moving.features
    few = min(len(points), len(others))
    if few < _LEAST_MATCHES:
        return f"too little texture: {few} features in plate or clean plate"
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(descriptors, other_descriptors, k=2)
    near = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < _RATIO * pair[1].distance]
    if len(near) < _LEAST_MATCHES:
        return f"plate and clean plate have too little in common: {len(near)} features match"
    source = others[[match.trainIdx for match in near]]
    target = points[[match.queryIdx for match in near]]
    tolerance = max(1.0, _TOLERANCE * max(fixed.size))
    homography, inliers = cv2.findHomography(
        source, target, cv2.USAC_MAGSAC, tolerance, maxIters=10_000, confidence=0.9999
    )
    count = 0 if inliers is None else int(inliers.sum())
    if homography is None or count < _LEAST_INLIERS:
        agree = f"{count} of {len(near)} features agree on a motion"
        return f"plate and clean plate have too little in common: {agree}"
    chosen = inliers.ravel().astype(bool)
    similarity, _ = cv2.estimateAffinePartial2D(
        source[chosen], target[chosen], method=cv2.RANSAC, ransacReprojThreshold=2 * tolerance
    )
    guesses = [np.asarray(homography, np.float64)]
    if similarity is not None:
        guesses.append(np.vstack([similarity, [0.0, 0.0, 1.0]]))
    guesses = [guess for guess in guesses if _plausible(guess, moving.size)]
    return guesses or "plate and clean plate differ by no plausible camera motion"


def _plausible(homography: Array, size: tuple[int, int]) -> bool:
    """Whether the picture stays a picture: not mirrored, not folded, not stretched out of all proportion."""
    width, height = size
    corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float64)
    homogeneous = np.c_[corners[0], np.ones(4)] @ homography.T
    if (homogeneous[:, 2] <= 0.2).any() or (homogeneous[:, 2] >= 5).any():
        return False
    moved = homogeneous[:, :2] / homogeneous[:, 2:]
    if not cv2.isContourConvex(moved.astype(np.float32)[:, None]):
        return False
    area = cv2.contourArea(moved.astype(np.float32)[:, None], oriented=True)
    return bool(_MOST_ZOOM**-2 < area / (width * height) < _MOST_ZOOM**2)


def _judged(
    fixed: View, moving: View, homography: Array, deviation: float, background: Array | None
) -> Registration:
    if not np.isfinite(homography).all() or not _plausible(homography, moving.size):
        return _refused("plate and clean plate differ by no plausible camera motion")
    seen = agreement(fixed, moving, homography, background)
    textured, alike = int(seen.textured.sum()), int(seen.alike.sum())
    share = alike / max(1, textured)
    longest = max(fixed.size)
    reason = ""
    if textured < _LEAST_TILES:
        reason = f"too little texture: only {textured} parts of the background can be compared"
    elif alike < _LEAST_TILES or share < _LEAST_SHARE:
        reason = f"plate and clean plate do not show the same place: {alike} of {textured} parts match"
    elif seen.residual > _FAR * longest:
        reason = f"parts are still {seen.residual:.1f} pixels apart"
    elif deviation > _MOST_DEVIATION * longest:
        reason = f"too little texture to pin down the motion: it may be {deviation:.1f} pixels off"
    if reason:
        return _refused(reason, alike, seen.residual, share, deviation, seen)
    return Registration(homography, alike, seen.residual, share, deviation, True, "", seen)


def _made_alike(
    fixed: View, moving: View, found: Registration, background: Array | None
) -> tuple[View, View] | None:
    """Bring two pictures to one key and one focus; None where they are alike enough.

    An edge beside a highlight seems to move when it is blurred, in linear light, and then encoded: the more,
    the brighter it is. The subject changes a picture's own key.
    """
    assert found.agreement is not None
    tiles = found.agreement.alike
    inverse = np.linalg.inv(found.homography)
    pair = (fixed, moving)
    key = fixed.key / _light_ratio(fixed, moving, inverse, tiles)
    if abs(np.log2(key / moving.key)) > _SAME_KEY:
        pair = (fixed, moving.keyed(key))
    detail = _detail(fixed, None, tiles), _detail(moving, inverse, tiles)
    if max(detail) < _SHARPER * min(detail):
        return None if pair[1] is moving else pair
    likeness = _likeness(found.agreement, tiles)
    sharper = 0 if detail[0] > detail[1] else 1
    best = pair
    for sigma in _BLURS:
        tried = (pair[0].blurred(sigma), pair[1]) if sharper == 0 else (pair[0], pair[1].blurred(sigma))
        alike = _likeness(agreement(*tried, found.homography, background), tiles)
        if alike < likeness:
            break
        likeness, best = alike, tried
    return None if best == (fixed, moving) else best


def _light_ratio(fixed: View, moving: View, inverse: Array, tiles: Array) -> float:
    """Light of the fixed picture beside the moving one's, in tiles that show the same."""
    to_full = fixed.levels[0].to_full
    matrix = np.linalg.inv(moving.levels[0].to_full) @ inverse @ to_full
    height, width = fixed.luminance.shape
    size = tiles.shape[::-1]
    moved = cv2.warpPerspective(
        moving.luminance, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    own, other = (
        cv2.resize(light, size, interpolation=cv2.INTER_AREA)[tiles] for light in (fixed.luminance, moved)
    )
    lit = (own > 1e-5) & (other > 1e-5)
    return float(np.median(own[lit] / other[lit])) if lit.any() else fixed.key / moving.key


def _likeness(seen: Agreement, tiles: Array) -> float:
    return float(seen.correlation[tiles].mean())


def _detail(view: View, inverse: Array | None, tiles: Array) -> float:
    """Energy of the finest detail beside that of coarser detail, in the fixed picture's tiles."""
    energies = []
    for level in view.levels[:2]:
        picture: Array = level.normal
        if inverse is not None:
            matrix = np.linalg.inv(level.to_full) @ inverse @ level.to_full
            picture = cv2.warpPerspective(
                picture, matrix, picture.shape[::-1], flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
            )
        gx, gy = slopes(picture)
        energy = cv2.resize(gx * gx + gy * gy, tiles.shape[::-1], interpolation=cv2.INTER_AREA)
        energies.append(float(energy[tiles].mean()))
    return energies[0] / max(energies[-1], 1e-9)


def _refused(
    reason: str,
    inliers: int = 0,
    residual: float = float("inf"),
    spread: float = 0.0,
    deviation: float = float("inf"),
    seen: Agreement | None = None,
) -> Registration:
    return Registration(IDENTITY.copy(), inliers, residual, spread, deviation, False, reason, seen)
