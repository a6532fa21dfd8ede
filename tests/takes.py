"""Takes with known motion: a place bigger than the picture, a camera that moves over it, a subject in front.

Everything is scene-linear light in Rec.709. Coordinates: x right, y down, pixel centres at integers. A take
knows the homography of each of its frames: a registration or a built clean plate can be measured exactly.

    big = place(rng, 240, 136)
    shot = make_take(rng, big, width=240, height=136, frames=16, motion="handheld", drift_px=8,
                     subject=Subject(rng, 240, 136, cover=0.4))
    empty = make_take(rng, big, width=240, height=136, frames=16, motion="handheld", drift_px=8, noise=0.01)
    shot.plate(3), empty.clean(5), shot.between(empty, 3, 5)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
import torch

__all__ = [
    "SCALE",
    "Subject",
    "Take",
    "between",
    "make_take",
    "place",
    "place_from",
    "psnr",
    "sample",
    "subject",
]

SCALE = 2.0
"""Pixels of the place for one of the frame."""
_KEPT = 64  # drawn frames that a take remembers

Path = Callable[[float], tuple[float, float]]


# ---- the place


def place(
    rng: np.random.Generator,
    width: int,
    height: int,
    *,
    kind: str = "textured",
    margin: float = 0.3,
    scale: float = SCALE,
) -> np.ndarray:
    """A procedural place for frames of width x height: `scale` times finer, `margin` wider on every side.

    kind: "textured" (a room with windows, shelves, signs), "plain" (a wall with one soft gradient),
    "repeating" (tiles that are all the same), "dark" (the room four stops down).
    Returns H W 3 float32, median 0.18 (dark: 0.01), highlights to 5.
    """
    w, h = (round(side * scale * (1 + 2 * margin)) for side in (width, height))
    if kind == "plain":
        y, x = np.mgrid[0:h, 0:w] / max(w, h)
        slope = rng.uniform(-0.3, 0.3, 2)
        light = np.exp2(slope[0] * x + slope[1] * y)[..., None] * rng.uniform(0.8, 1.2, 3)
    elif kind == "repeating":
        light = _tiles(rng, w, h, round(24 * scale))
    elif kind in ("textured", "dark"):
        light = _room(rng, w, h)
    else:
        raise ValueError(f"no place of kind {kind!r}")
    median = 0.01 if kind == "dark" else 0.18
    light = light * (median / np.median(light))
    return np.clip(light, 5e-4, 5.0).astype(np.float32)


def place_from(
    picture: np.ndarray, width: int, height: int, *, scale: float = SCALE, margin: float = 0.3
) -> np.ndarray:
    """A place made of a picture in linear light: scaled to what frames need, cut in the middle."""
    w, h = (round(side * scale * (1 + 2 * margin)) for side in (width, height))
    factor = max(w / picture.shape[1], h / picture.shape[0])
    size = (max(w, round(picture.shape[1] * factor)), max(h, round(picture.shape[0] * factor)))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    big = cv2.resize(np.ascontiguousarray(picture[..., :3], np.float32), size, interpolation=how)
    x, y = (size[0] - w) // 2, (size[1] - h) // 2
    return np.maximum(big[y : y + h, x : x + w], 0).astype(np.float32)


def _noise(rng: np.random.Generator, w: int, h: int, coarsest: float, fall: float = 0.6) -> np.ndarray:
    """Fractal noise, H W, about -1..1, from `coarsest` pixels down to one."""
    out = np.zeros((h, w), np.float32)
    cell, weight, total = coarsest, 1.0, 0.0
    while cell >= 1:
        grid = rng.standard_normal((int(h / cell) + 4, int(w / cell) + 4)).astype(np.float32)
        up = cv2.resize(grid, None, fx=cell, fy=cell, interpolation=cv2.INTER_CUBIC)
        out += weight * up[:h, :w]
        total += weight * weight
        cell, weight = cell / 2, weight * fall
    return np.tanh(out / np.sqrt(total) / 1.5)


def _colour(rng: np.random.Generator, low: float = 0.03, high: float = 0.7) -> np.ndarray:
    return np.exp(rng.uniform(np.log(low), np.log(high))) * np.exp2(rng.uniform(-0.5, 0.5, 3))


def _room(rng: np.random.Generator, w: int, h: int) -> np.ndarray:
    side = float(np.hypot(w, h))
    light = np.ones((h, w, 3), np.float32) * _colour(rng, 0.12, 0.4).astype(np.float32)
    grain = _noise(rng, w, h, 4)
    cloud = _noise(rng, w, h, side / 6)

    def paint(mask: np.ndarray, colour: np.ndarray, texture: float) -> None:
        drawn = mask > 0
        light[drawn] = (colour * np.exp2(texture * grain[drawn])[:, None]).astype(np.float32)

    def rectangle(size: float, colour: np.ndarray, texture: float, tilt: float = 0.0) -> None:
        mask = np.zeros((h, w), np.uint8)
        centre = rng.uniform([0, 0], [w, h])
        box = (
            tuple(centre),
            (size * rng.uniform(0.4, 1.6), size * rng.uniform(0.4, 1.6)),
            rng.normal(0, tilt),
        )
        cv2.fillConvexPoly(mask, np.round(cv2.boxPoints(box)).astype(np.int32), 255)
        paint(mask, colour, texture)

    floor = int(h * rng.uniform(0.6, 0.8))
    light[floor:] = _colour(rng) * np.exp2(0.8 * grain[floor:, :, None])
    for size, count in ((0.25, 8), (0.12, 24), (0.05, 90), (0.02, 200)):
        for _ in range(count):
            rectangle(side * size, _colour(rng), rng.uniform(0, 1.0), 4.0 if rng.random() < 0.7 else 45.0)
        for _ in range(count // 3):
            mask = np.zeros((h, w), np.uint8)
            centre = tuple(int(v) for v in rng.uniform([0, 0], [w, h]))
            axes = tuple(int(v) for v in 1 + side * size * rng.uniform(0.15, 0.6, 2))
            cv2.ellipse(mask, centre, axes, rng.uniform(0, 180), 0, 360, 255, -1)
            paint(mask, _colour(rng), rng.uniform(0, 1.0))
    for _ in range(50):
        ends = rng.uniform([0, 0, 0, 0], [w, h, w, h]).astype(int)
        ends[2:] = ends[:2] + (ends[2:] - ends[:2]) // 3
        colour = _colour(rng, 0.02, 0.9)
        thick = int(rng.integers(1, 6))
        cv2.line(
            light, tuple(map(int, ends[:2])), tuple(map(int, ends[2:])), tuple(map(float, colour)), thick
        )
    letters = np.array(list("ABCDEFGHKLMNPRSTUVXYZ0123456789"))
    for _ in range(30):
        text = "".join(rng.choice(letters, rng.integers(2, 9)))
        where = tuple(int(v) for v in rng.uniform([0, 0], [w * 0.95, h]))
        mask = np.zeros((h, w), np.uint8)
        size, thick = rng.uniform(0.4, 2.2), int(rng.integers(1, 5))
        cv2.putText(mask, text, where, cv2.FONT_HERSHEY_SIMPLEX, size, 255, thick)
        paint(mask, _colour(rng, 0.02, 0.9), 0.0)
    for _ in range(3):
        rectangle(side * 0.06, _colour(rng, 2.5, 5.0), 0.1)
    for _ in range(12):
        centre = tuple(int(v) for v in rng.uniform([0, 0], [w, h]))
        cv2.circle(light, centre, int(rng.integers(2, 8)), tuple(map(float, _colour(rng, 2.0, 8.0))), -1)
    return light * np.exp2(0.7 * cloud[..., None] + 0.15 * grain[..., None])


def _tiles(rng: np.random.Generator, w: int, h: int, cell: int) -> np.ndarray:
    tile = np.full((cell, cell, 3), 0.25, np.float32)
    tile[: cell // 12 + 1] = tile[:, : cell // 12 + 1] = 0.05
    cv2.circle(tile, (cell * 5 // 8, cell // 2), cell // 5, tuple(map(float, _colour(rng))), -1)
    cv2.rectangle(
        tile, (cell // 5, cell // 4), (cell // 3, cell * 3 // 4), tuple(map(float, _colour(rng))), -1
    )
    return np.tile(tile, (h // cell + 1, w // cell + 1, 1))[:h, :w]


def sample(picture: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The picture (H W C) at points x, y (h w, in its pixels): cubic, at exact positions, mirrored outside.

    Keys' kernel with a = -0.5: it keeps a ramp a ramp. (OpenCV's and torch's -0.75 moves things by up to 0.05
    pixels, and OpenCV rounds positions to 1/32.)
    """
    h, w, channels = picture.shape
    rows = torch.from_numpy(np.ascontiguousarray(picture, np.float32)).reshape(-1, channels)
    columns, fx = _taps(x, w)
    lines, fy = _taps(y, h)
    out = torch.zeros((x.size, channels))
    for line, weight_y in zip(lines, fy):
        for column, weight_x in zip(columns, fx):
            out += rows[line * w + column] * (weight_y * weight_x)[:, None]
    return out.reshape(*x.shape, channels).numpy()


def _taps(at: np.ndarray, size: int) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Indices (mirrored at the borders) and weights of the four taps around each position."""
    position = torch.from_numpy(np.ascontiguousarray(at, np.float64)).reshape(-1)
    first = torch.floor(position)
    t = (position - first).float()
    weights = [
        ((-0.5 * t + 1.0) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1.0,
        ((-1.5 * t + 2.0) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    ]
    indices = []
    for step in range(-1, 3):
        index = torch.remainder(first.long() + step, 2 * size - 2)
        indices.append(torch.where(index >= size, 2 * size - 2 - index, index))
    return indices, weights


# ---- the subject


def across(t: float) -> tuple[float, float]:
    """From beyond the left edge to beyond the right."""
    return 2.2 * t - 1.1, 0.0


def linger(t: float) -> tuple[float, float]:
    """In the middle, swaying a little, for 70 % of the time; then away to the right."""
    sway = 0.012 * np.sin(9 * t), 0.006 * np.sin(13 * t)
    return (sway[0] + max(0.0, t - 0.7) / 0.3 * 1.3, sway[1])


def sway(t: float) -> tuple[float, float]:
    """Always in the middle, moving a little."""
    return 0.03 * np.sin(7 * t), 0.015 * np.sin(11 * t)


def still(t: float) -> tuple[float, float]:
    """In the middle, without any motion."""
    return 0.0, 0.0


PATHS: dict[str, Path] = {"across": across, "linger": linger, "sway": sway, "still": still}


class Subject:
    """A textured silhouette with a soft edge that covers a share of the picture when it stands in the middle.

    path: a name of `PATHS` or a function of time 0..1 -> offset from the middle, in frame widths and heights.
    plain: the share of the body that is of one plain colour (a T-shirt), 0..1.
    softness: sigma of the edge in pixels.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        width: int,
        height: int,
        *,
        cover: float = 0.3,
        path: str | Path = "sway",
        plain: float = 0.0,
        softness: float = 0.8,
    ) -> None:
        self.width, self.height = width, height
        self.path = PATHS[path] if isinstance(path, str) else path
        w, h = 2 * width, 2 * height
        y, x = np.mgrid[0:h, 0:w].astype(np.float32)
        u, v = (x - w / 2) / height, (y - h / 2) / height
        torso = np.hypot(u / 1.1, (v - 0.25) / 1.2)
        head = np.hypot(u, (v + 0.32) / 1.2) + 0.12
        arm = np.hypot((u - 0.3 - 0.4 * v) * 1.6, (v - 0.1) / 1.4) + 0.08
        shape = np.minimum(np.minimum(torso, head), arm) + 0.05 * _noise(rng, w, h, height / 4)
        inner = shape[h // 4 : h // 4 + height, w // 4 : w // 4 + width]
        level = np.quantile(inner, min(max(cover, 0.0), 1.0))
        hard = (shape < level).astype(np.float32) if cover > 0 else np.zeros((h, w), np.float32)
        self.alpha = cv2.GaussianBlur(hard, (0, 0), softness) if softness > 0 else hard
        checks = np.sign(np.sin(u * rng.uniform(25, 45)) * np.sin(v * rng.uniform(25, 45)))
        shirt, other = _colour(rng, 0.08, 0.5), _colour(rng, 0.08, 0.5)
        pattern = 0.5 * checks + 0.5 * _noise(rng, w, h, height / 8)
        texture = np.where(v < (2 * plain - 1) * 0.6, 0.0, 1.0) * pattern
        shade = np.exp2(0.8 * texture + 0.15 * _noise(rng, w, h, height / 2, 0.3))
        mix = (0.5 + 0.5 * texture)[..., None]
        self.color = (shade[..., None] * (mix * shirt + (1 - mix) * other)).astype(np.float32)

    def at(self, position: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
        """Straight colour (H W 3) and alpha (H W) with the middle offset by `position` pixels."""
        y, x = np.mgrid[0 : self.height, 0 : self.width].astype(np.float64)
        x = x + self.width / 2 - position[0]
        y = y + self.height / 2 - position[1]
        h, w = self.alpha.shape
        inside = (x >= 0) & (x <= w - 1) & (y >= 0) & (y <= h - 1)
        both = sample(np.dstack([self.color, self.alpha]), np.clip(x, 0, w - 1), np.clip(y, 0, h - 1))
        return np.maximum(both[..., :3], 0), np.clip(both[..., 3], 0, 1) * inside


def subject(
    rng: np.random.Generator, width: int, height: int, *, cover: float, position: tuple[float, float] = (0, 0)
) -> tuple[np.ndarray, np.ndarray]:
    """One silhouette: straight colour H W 3 and alpha H W. position: offset from the middle in pixels."""
    return Subject(rng, width, height, cover=cover).at(position)


# ---- the take


@dataclass
class Take:
    """Frames of one take; make it with `make_take`. Frames are 0, 1, 2 ... and rendered when asked for.

    homographies: for each frame, from pixels of the place to pixels of the frame.
    """

    big: np.ndarray
    near: np.ndarray | None
    width: int
    height: int
    homographies: list[np.ndarray]
    near_homographies: list[np.ndarray]
    gains: np.ndarray
    subject: Subject | None
    positions: list[tuple[float, float]]
    vignette: float
    noise: float
    blur: float
    lens: float
    seed: int
    _drawn: dict[tuple[str, int], np.ndarray] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.homographies)

    def true_homography(self, i: int) -> np.ndarray:
        """From pixels of the place to pixels of frame i (without the lens)."""
        return self.homographies[i]

    def between(self, other: Take, i: int, j: int) -> np.ndarray:
        """The homography that takes frame j of `other` (clean) to frame i of this one."""
        return between(self.homographies[i], other.homographies[j])

    def truth(self, i: int) -> np.ndarray:
        """Frame i without subject and without noise."""
        return self._developed(self._remembered("background", i, self._background), i)

    def clean(self, i: int) -> np.ndarray:
        """Frame i without subject, as recorded."""
        return self._recorded(self.truth(i), i, 1)

    def plate(self, i: int) -> np.ndarray:
        """Frame i with the subject, as recorded."""
        return self._recorded(self._developed(self._remembered("shown", i, self._shown), i), i, 0)

    def alpha(self, i: int) -> np.ndarray:
        """The subject's coverage in frame i, H W."""
        if self.subject is None:
            return np.zeros((self.height, self.width), np.float32)
        return self.subject.at(self.positions[i])[1].astype(np.float32)

    def _remembered(self, what: str, i: int, draw: Callable[[int], np.ndarray]) -> np.ndarray:
        """What a frame shows, as it was drawn the first time, which takes long; the last ones are kept."""
        if (what, i) not in self._drawn:
            self._drawn[what, i] = draw(i)
            if len(self._drawn) > _KEPT:
                del self._drawn[next(iter(self._drawn))]
        return self._drawn[what, i]

    def _shown(self, i: int) -> np.ndarray:
        light = self._remembered("background", i, self._background)
        if self.subject is not None:
            color, alpha = self.subject.at(self.positions[i])
            light = light + alpha[..., None] * (color - light)
        return light

    def _background(self, i: int) -> np.ndarray:
        light = self._view(self.big, self.homographies[i])
        if self.near is not None:
            near = self._view(self.near, self.near_homographies[i])
            cover = np.clip(near[..., 3:], 0, 1)
            light = light + cover * (near[..., :3] - light)
        return np.maximum(light, 1e-4)

    def _view(self, picture: np.ndarray, homography: np.ndarray) -> np.ndarray:
        y, x = np.mgrid[0 : self.height, 0 : self.width].astype(np.float64)
        if self.lens:
            cx, cy = (self.width - 1) / 2, (self.height - 1) / 2
            bend = 1 + self.lens * ((x - cx) ** 2 + (y - cy) ** 2) / (cx**2 + cy**2)
            x, y = cx + (x - cx) * bend, cy + (y - cy) * bend
        points = np.linalg.inv(homography) @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
        return sample(
            picture, (points[0] / points[2]).reshape(x.shape), (points[1] / points[2]).reshape(y.shape)
        )

    def _developed(self, light: np.ndarray, i: int) -> np.ndarray:
        if self.blur > 0:
            light = cv2.GaussianBlur(light, (0, 0), self.blur)
        if self.vignette:
            y, x = np.mgrid[0 : self.height, 0 : self.width].astype(np.float32)
            cx, cy = (self.width - 1) / 2, (self.height - 1) / 2
            light = light * (1 - self.vignette * ((x - cx) ** 2 + (y - cy) ** 2) / (cx**2 + cy**2))[..., None]
        return (light * self.gains[i]).astype(np.float32)

    def _recorded(self, light: np.ndarray, i: int, which: int) -> np.ndarray:
        if not self.noise:
            return light
        grain = np.random.default_rng([self.seed, i, which]).standard_normal(light.shape, np.float32)
        return light + self.noise * np.sqrt(np.maximum(light, 0) + 0.01) * grain


def make_take(
    rng: np.random.Generator,
    big: np.ndarray,
    *,
    width: int,
    height: int,
    frames: int,
    motion: str = "static",
    drift_px: float = 8.0,
    subject: Subject | None = None,
    gain: tuple[float, float, float] | np.ndarray = (1.0, 1.0, 1.0),
    vignette: float = 0.0,
    noise: float = 0.0,
    blur: float = 0.0,
    parallax: float = 0.0,
    lens: float = 0.0,
    scale: float = SCALE,
    start: tuple[float, float] = (0.0, 0.0),
    timing: Callable[[float], float] | None = None,
) -> Take:
    """A take over `big` (from `place` or `place_from`).

    motion: "static" (one pose), "handheld" (a walk that gets `drift_px` away from its start, shake, some
    rotation, zoom and perspective), "pan" (drift_px to the right over the take, little shake).
    start: where the camera begins, pixels of the frame.
    timing: time 0..1 -> where in the pan, for the same move at another pace.
    gain: 3, or frames x 3. vignette: loss of light in the corners. noise: sigma * sqrt(light + 0.01).
    blur: sigma in pixels. parallax: things nearer than the place move that much further (0.3: 30 %).
    lens: barrel distortion, shift of the corners relative to the half diagonal; not in the homographies.
    """
    t = np.linspace(0, 1, frames) if frames > 1 else np.zeros(1)
    poses = np.zeros((frames, 6))  # x, y in pixels, angle, log zoom, perspective x, y
    if motion == "handheld":
        poses = _walk(rng, t, drift_px, width)
    elif motion == "pan":
        poses = _walk(rng, t, min(2.0, 0.1 * drift_px), width)
        along = t if timing is None else np.array([timing(v) for v in t])
        poses[:, 0] -= drift_px * (along - 0.5)
    elif motion != "static":
        raise ValueError(f"no motion {motion!r}")
    poses[:, :2] += start
    centre = ((big.shape[1] - 1) / 2, (big.shape[0] - 1) / 2)
    nearer = poses * np.array([1 + parallax, 1 + parallax, 1, 1, 1, 1])
    # As sharp as a good camera (half its contrast at 0.3 cycles a pixel); without it fine detail would alias.
    fine = cv2.GaussianBlur(big, (0, 0), 0.6 * scale)
    follow = motion == "pan"
    return Take(
        big=fine,
        near=_near_layer(big, scale) if parallax else None,
        width=width,
        height=height,
        homographies=[_homography(pose, centre, width, height, scale) for pose in poses],
        near_homographies=[_homography(pose, centre, width, height, scale) for pose in nearer],
        gains=np.broadcast_to(np.asarray(gain, np.float32), (frames, 3)),
        subject=subject,
        positions=[_position(subject, v, pose, follow) for v, pose in zip(t, poses)],
        vignette=vignette,
        noise=noise,
        blur=blur,
        lens=lens,
        seed=int(rng.integers(2**31)),
    )


def _walk(rng: np.random.Generator, t: np.ndarray, drift_px: float, width: int) -> np.ndarray:
    """Poses of a camera in a hand: slow waves and little shake, at most about drift_px from the start."""
    waves = np.zeros((len(t), 6))
    for frequency, weight in ((0.5, 1.0), (1.1, 0.6), (2.3, 0.3), (5.0, 0.12)):
        phase = rng.uniform(0, 2 * np.pi, 6)
        waves += weight * rng.uniform(0.5, 1, 6) * np.sin(2 * np.pi * frequency * t[:, None] + phase)
    waves += 0.03 * rng.standard_normal(waves.shape)
    waves -= waves[0]
    reach = np.hypot(waves[:, 0], waves[:, 1]).max()
    waves[:, :2] *= drift_px / max(reach, 1e-9)
    # Rotation, zoom and perspective each move the frame's edge by about a quarter of the drift.
    unit = 0.25 * drift_px / (width / 2) / max(np.abs(waves[:, 2:]).max(), 1e-9)
    waves[:, 2:] *= unit
    waves[:, 4:] /= width / 2
    return waves


def _homography(
    pose: np.ndarray, centre: tuple[float, float], width: int, height: int, scale: float
) -> np.ndarray:
    x, y, angle, zoom, px, py = pose
    size = np.exp(zoom) / scale
    cos, sin = size * np.cos(angle), size * np.sin(angle)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    tilt = np.array([[1, 0, 0], [0, 1, 0], [px, py, 1]])
    back = np.array([[1, 0, -centre[0]], [0, 1, -centre[1]], [0, 0, 1]])
    out = np.array([[1, 0, (width - 1) / 2 + x], [0, 1, (height - 1) / 2 + y], [0, 0, 1]])
    found = out @ tilt @ turn @ back
    return found / found[2, 2]


def _position(subject: Subject | None, t: float, pose: np.ndarray, follow: bool) -> tuple[float, float]:
    """The subject stands in the place and moves with it; in a pan the camera follows it."""
    if subject is None:
        return 0.0, 0.0
    u, v = subject.path(t)
    moved = np.zeros(2) if follow else pose[:2]
    return float(u * subject.width + moved[0]), float(v * subject.height + moved[1])


def _near_layer(big: np.ndarray, scale: float) -> np.ndarray:
    """Posts and boxes nearer than the place, H W 4 (colour, alpha): the same ones for the same place."""
    h, w = big.shape[:2]
    rng = np.random.default_rng(int(abs(float(big[::7, ::7].sum(dtype=np.float64))) * 1000) % 2**31)
    layer = np.zeros((h, w, 4), np.float32)
    grain = _noise(rng, w, h, 8 * scale)
    for _ in range(7):
        x, y = rng.uniform(0, w), rng.uniform(0.2 * h, h)
        half_w, half_h = rng.uniform(0.02, 0.07) * w, rng.uniform(0.1, 0.3) * h
        box = slice(max(0, int(y - half_h)), int(y + half_h)), slice(max(0, int(x - half_w)), int(x + half_w))
        layer[box][..., :3] = _colour(rng, 0.05, 0.6) * np.exp2(grain[box])[..., None]
        layer[box][..., 3] = 1
    cover = cv2.GaussianBlur(layer[..., 3], (0, 0), 0.6 * scale)
    soft = (
        cv2.GaussianBlur(layer[..., :3] * layer[..., 3:], (0, 0), 0.6 * scale)
        / np.maximum(cover, 1e-3)[..., None]
    )
    return np.dstack([soft, cover])


def between(fixed: np.ndarray, moving: np.ndarray) -> np.ndarray:
    """From two homographies place -> frame: the one from the moving frame to the fixed frame, [2, 2] is 1."""
    found = fixed @ np.linalg.inv(moving)
    return found / found[2, 2]


def psnr(found: np.ndarray, truth: np.ndarray, mask: np.ndarray | None = None) -> float:
    """Peak signal to noise of two pictures in decibel, peak 1; mask: H W, counts where above 0.5."""
    wrong = np.square(np.asarray(found, np.float64) - truth)
    wrong = wrong if mask is None else wrong[mask > 0.5]
    return float(-10 * np.log10(max(float(wrong.mean()), 1e-12))) if wrong.size else float("nan")
