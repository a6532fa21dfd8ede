"""What happens to a subject, a place and two takes of it on a real set.

Pure functions on scene-linear pictures, H W 3 float32, and mattes, H W float32, 0 to 1: samples to train on
and cases to measure on are both made with them. Lengths are in pixels.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np
import PyOpenColorIO as ocio  # noqa: N813

from howard_nodes.color import LUMINANCE

__all__ = [
    "bounce",
    "cast_shadow",
    "compressed",
    "covered",
    "defocus",
    "grain",
    "light_drift",
    "logged",
    "motion_blur",
    "moved_parts",
    "over",
    "parallax",
    "placed",
    "reflection",
    "sharpened",
    "tinted",
    "veil",
    "warped",
]

Array = np.ndarray


def warped(picture: Array, matrix: Array) -> Array:
    """Move a picture by an affine `matrix` (2 3, from where it is to where it goes); borders are mirrored."""
    size = (picture.shape[1], picture.shape[0])
    return cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def placed(color: Array, alpha: Array, matrix: Array, height: int, width: int) -> tuple[Array, Array]:
    """Put a subject's picture into a frame by an affine `matrix` (2 3), without aliasing.

    Colour is replicated over the picture's border, coverage is not: outside it there is nobody.
    """
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if scale < 1:
        color, alpha = (cv2.GaussianBlur(plane, (0, 0), 0.4 / scale) for plane in (color, alpha))
    flags = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR
    color = cv2.warpAffine(color, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    alpha = cv2.warpAffine(alpha, matrix, (width, height), flags=flags)
    return np.maximum(color, 0.0), np.clip(alpha, 0.0, 1.0)


def over(front: Array, covers: Array, color: Array, alpha: Array) -> tuple[Array, Array]:
    """Lay one subject over another, both straight: the colour and coverage of the two."""
    total = covers + alpha * (1 - covers)
    share = np.divide(covers, total, out=np.ones_like(total), where=total > 0)[..., None]
    return color + share * (front - color), total


def tinted(rng: np.random.Generator, color: Array) -> Array:
    """Give a subject other colours: paler or stronger, in another tint, as bright as before."""
    weights = np.array(LUMINANCE, np.float32)
    gains = np.exp(rng.normal(0.0, 0.4, 3)).astype(np.float32)
    gray = (color @ weights)[..., None]
    tinted = np.maximum(gray + np.float32(rng.uniform(0.0, 1.8)) * (color - gray), 0.0) * gains
    return np.asarray(tinted * (gray / np.maximum((tinted @ weights)[..., None], np.float32(1e-6))))


def defocus(color: Array, alpha: Array, radius: float) -> tuple[Array, Array]:
    """Put a subject out of focus: a disc of `radius`, above 0, over its coverage and its straight colour."""
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0.0, 1.0).astype(np.float32)
    return _blurred(color, alpha, disc / disc.sum())


def motion_blur(color: Array, alpha: Array, dx: float, dy: float) -> tuple[Array, Array]:
    """Let a subject move by `dx`, `dy` while the shutter is open."""
    reach = int(np.ceil(max(abs(dx), abs(dy)) / 2)) + 1
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    ends = (np.array([[-dx, -dy], [dx, dy]]) / 2 + reach) * 16
    start, end = ends.round().astype(int).tolist()
    cv2.line(kernel, start, end, 1.0, 1, cv2.LINE_AA, 4)
    return _blurred(color, alpha, kernel / kernel.sum())


def _blurred(color: Array, alpha: Array, kernel: Array) -> tuple[Array, Array]:
    # The straight colour reaches beyond the edge, so it is blurred as it is.
    color = cv2.filter2D(color, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    alpha = cv2.filter2D(alpha, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    return color, np.clip(alpha, 0.0, 1.0)


def cast_shadow(place: Array, alpha: Array, matrix: Array, *, softness: float, depth: float | Array) -> Array:
    """Darken the place where the subject keeps light away.

    Parameters
    ----------
    place : ndarray
        H W 3.
    alpha : ndarray
        H W: the subject's coverage.
    matrix : ndarray
        2 3: where the coverage falls on the place, as an affine map.
    softness : float
        Standard deviation of the penumbra.
    depth : float or ndarray
        Share of the light taken away in the umbra, 0 to 1; three for a lamp of another colour than the rest.
    """
    height, width = alpha.shape
    small = matrix.copy()
    small[:, 2] = small[:, 2] / 4
    size = (max(1, width // 4), max(1, height // 4))
    shadow = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    shadow = cv2.warpAffine(shadow, small, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    shadow = cv2.GaussianBlur(shadow, (0, 0), max(softness / 4, 0.3))
    shadow = cv2.resize(shadow, (width, height), interpolation=cv2.INTER_LINEAR)[..., None]
    return place * (1.0 - np.asarray(depth, np.float32) * shadow)


def bounce(place: Array, color: Array, alpha: Array, *, reach: float, amount: float) -> Array:
    """Add the light that the subject throws on the place: `amount` of its mean colour, over about `reach`."""
    height, width = alpha.shape
    tint = (color[::4, ::4] * alpha[::4, ::4, None]).sum((0, 1)) / (alpha[::4, ::4].sum() + 1.0)
    small = cv2.resize(alpha, (max(1, width // 8), max(1, height // 8)), interpolation=cv2.INTER_AREA)
    glow = cv2.GaussianBlur(small, (0, 0), max(reach / 8, 0.5))
    glow = cv2.resize(glow, (width, height), interpolation=cv2.INTER_LINEAR) * np.float32(amount)
    return place * (1.0 + glow[..., None] * tint.astype(np.float32))


def reflection(place: Array, color: Array, alpha: Array, *, row: int, amount: float, blur: float) -> Array:
    """Mirror the subject in a floor that begins at `row`; `amount` of it shows, blurred by `blur`."""
    height = alpha.shape[0]
    rows = min(row, height - row)
    if rows < 2:
        return place
    above = slice(row - rows, row)
    seen = (color[above] * alpha[above, :, None])[::-1]
    matte = np.ascontiguousarray(alpha[above][::-1])
    if blur > 0:
        seen, matte = (cv2.GaussianBlur(x, (0, 0), blur) for x in (seen, matte))
    fade = np.float32(amount) * np.linspace(1.0, 0.2, rows, dtype=np.float32)[:, None, None]
    out = place.copy()
    out[row : row + rows] += fade * (seen - matte[..., None] * out[row : row + rows])
    return out


def moved_parts(rng: np.random.Generator, place: Array, *, share: float, reach: float) -> Array:
    """Move parts of a place as leaves, curtains and water do: about `share` of it, by some `reach`."""
    field = rng.normal(0, reach, (2, 9, 9)) * (rng.random((9, 9)) < share)
    return _displaced(place, field.astype(np.float32))


def parallax(rng: np.random.Generator, place: Array, *, reach: float) -> Array:
    """Shift a place, or a shadow on one, smoothly and differently everywhere: H W 3 or H W.

    What registration leaves looks like this, and a shadow on what is not flat.
    """
    return _displaced(place, rng.normal(0, reach, (2, 4, 4)).astype(np.float32))


def _displaced(place: Array, field: Array) -> Array:
    height, width = place.shape[:2]
    dx, dy = (cv2.resize(f, (width, height), interpolation=cv2.INTER_CUBIC) for f in field)
    dx += np.arange(width, dtype=np.float32)
    dy += np.arange(height, dtype=np.float32)[:, None]
    return cv2.remap(place, dx, dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def covered(rng: np.random.Generator, known: Array, *, reach: float) -> Array:
    """Move where a picture is known (H W, 0 or 1) by up to `reach` each way, and turn it: what is left."""
    height, width = known.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), rng.normal(0, 0.5), 1.0)
    matrix[:, 2] = matrix[:, 2] + rng.choice([-1, 1], 2) * reach * rng.random(2) ** 2
    return cv2.warpAffine(known, matrix, (width, height), flags=cv2.INTER_NEAREST)


def veil(rng: np.random.Generator, part: Array) -> Array:
    """Draw what is left of coverage, H W, where a `part` (H W, 0 to 1) is thin cloth in folds, or glass."""
    height, width = part.shape
    knots = rng.random(rng.integers(3, 12, 2), dtype=np.float32)
    folds = cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC)
    thin = np.clip(rng.uniform(0.25, 0.85) + rng.uniform(0.0, 0.4) * (folds - 0.5), 0.05, 0.95)
    return 1 - cv2.GaussianBlur(part, (0, 0), rng.uniform(0.4, 3.0)) * (1 - thin)


def light_drift(rng: np.random.Generator, place: Array, *, stops: float) -> Array:
    """Let the light drift over the picture: gains of some `stops` that differ from part to part."""
    height, width = place.shape[:2]
    parts = (2.0 ** rng.normal(0, stops, rng.integers(2, 6, 2))).astype(np.float32)
    return place * cv2.resize(parts, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]


def grain(rng: np.random.Generator, picture: Array, amount: float, *, size: float = 0.0) -> Array:
    """Add grain that grows with the square root of the light.

    Parameters
    ----------
    rng : Generator
        Draws the grain: a piece of one large tile, so it is cheap.
    picture : ndarray
        H W 3.
    amount : float
        Standard deviation where the light is 1.
    size : float
        Standard deviation of a blur over the grain, which keeps its strength: 0 for a sensor's, 0.6 for
        film's or a debayered one.
    """
    noise = _noise_tile() if size <= 0 else _coarse_noise_tile(round(size, 1))
    height, width = picture.shape[:2]
    across, down = -(-width // noise.shape[1]) + 1, -(-height // noise.shape[0]) + 1
    if across > 2 or down > 2:
        noise = np.tile(noise, (down - 1, across - 1, 1))
    y, x = rng.integers(noise.shape[0] - height + 1), rng.integers(noise.shape[1] - width + 1)
    cut = noise[y : y + height, x : x + width]
    if rng.random() < 0.5:
        cut = cut[:, ::-1]
    if rng.random() < 0.5:
        cut = cut[::-1]
    strength = np.sqrt(np.maximum(picture, 0.0) + np.float32(0.01))
    strength *= cut
    strength *= np.float32(amount)
    strength += picture
    return strength


@functools.cache
def _noise_tile() -> Array:
    return np.random.default_rng(7).standard_normal((1536, 1536, 3), dtype=np.float32)


@functools.cache
def _coarse_noise_tile(size: float) -> Array:
    soft = cv2.GaussianBlur(_noise_tile(), (0, 0), size, borderType=cv2.BORDER_REFLECT)
    return np.asarray(soft / soft.std(), np.float32)


def sharpened(picture: Array, amount: float, radius: float) -> Array:
    """Sharpen as a camera does: the picture less its blur of `radius` is added, times `amount`."""
    soft = cv2.GaussianBlur(picture, (0, 0), radius)
    return np.maximum(picture + np.float32(amount) * (picture - soft), 0.0)


def compressed(display: Array, quality: int) -> Array:
    """Compress an encoded picture (H W 3, 0 to 1) as JPEG of `quality`, 1 to 100, and open it again."""
    picture = (display * 255).round().astype(np.uint8)
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.float32) / 255.0


def logged(picture: Array, bits: int) -> Array:
    """Keep a picture as a log-encoded file of `bits` would, and linearise it again.

    The curve is ACEScct's (Academy S-2016-001), as good as any camera's for what is lost: 58 steps a stop at
    10 bits, 15 at 8, light beyond 223 clipped.
    """
    code, linear = _log_curve()
    kept = np.array(picture, np.float32, order="C")
    code.applyRGB(kept)
    most = np.float32(2**bits - 1)
    kept = np.clip((kept * most).round(), 0.0, most) / most
    linear.applyRGB(kept)
    return kept


@functools.cache
def _log_curve() -> tuple[ocio.CPUProcessor, ocio.CPUProcessor]:
    """Give the curve from linear to log, and back."""
    curve = ocio.BuiltinTransform("CURVE - ACEScct-LOG_to_LINEAR")
    config = ocio.Config.CreateRaw()
    ways = (ocio.TRANSFORM_DIR_INVERSE, ocio.TRANSFORM_DIR_FORWARD)
    code, linear = (config.getProcessor(curve, way).getDefaultCPUProcessor() for way in ways)
    return code, linear
