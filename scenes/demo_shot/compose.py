# SPDX-License-Identifier: Apache-2.0
"""Compose the demo shot from rendered passes: plate, clean plate, new background and the true alpha.

The plate is ``F * alpha + (1 - alpha) * background`` in scene-linear light, so that the alpha is exact; then
both pictures go through a camera: a lens that is a little soft, and grain. The clean plate is another
take: other grain, a slightly other exposure and colour, and a camera that was nudged by part of a pixel.

    python scenes/demo_shot/compose.py PASSES howard_nodes/data/demo
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio  # noqa: N813

FIRST = 1001
FRAMES_PER_SECOND = 24
RIGHTS = "CC0-1.0. Made by the Howard project."


def read(path: Path) -> np.ndarray:
    """Read all channels of an image as float32, H W C."""
    source = oiio.ImageInput.open(str(path))
    if source is None:
        raise FileNotFoundError(f"{path}: {oiio.geterror()}")
    spec = source.spec()
    pixels = source.read_image(0, 0, 0, spec.nchannels, "float")
    source.close()
    return np.asarray(pixels, np.float32).reshape(spec.height, spec.width, spec.nchannels)


def timecode(frame: int) -> tuple[int, int]:
    """SMPTE 12M time and user words for a frame number, 24 frames a second, no drop frames."""
    seconds, frames = divmod(frame, FRAMES_PER_SECOND)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    digits = [v for pair in (frames, seconds, minutes, hours) for v in (pair % 10, pair // 10)]
    return sum(digit << (4 * place) for place, digit in enumerate(digits)), 0


def write(
    path: Path,
    pixels: np.ndarray,
    channels: tuple[str, ...],
    compression: str,
    description: str,
    frame: int | None = None,
) -> None:
    """Write a half-float EXR with colour space, rate and timecode."""
    height, width, count = pixels.shape
    spec = oiio.ImageSpec(width, height, count, "half")
    spec.channelnames = channels
    spec.attribute("compression", compression)
    spec.attribute("oiio:ColorSpace", "lin_rec709_scene" if count == 3 else "data")
    spec.attribute("ImageDescription", description)
    spec.attribute("Copyright", RIGHTS)
    spec.attribute("framesPerSecond", oiio.TypeDesc("rational2i"), (FRAMES_PER_SECOND, 1))
    if frame is not None:
        spec.attribute("smpte:TimeCode", oiio.TypeTimeCode, timecode(frame))
    path.parent.mkdir(parents=True, exist_ok=True)
    target = oiio.ImageOutput.create("openexr")
    pixels = np.ascontiguousarray(np.clip(pixels, 0.0, 65504.0), np.float32)
    if not (target.open(str(path), spec) and target.write_image(pixels) and target.close()):
        raise OSError(f"{path}: {target.geterror()}")


def straight(premultiplied: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Straight foreground from a noisy premultiplied one.

    Thin coverage takes its colour from a ratio of blurs: the ratio of two noisy pixels is biased.
    """
    sure = np.clip((alpha - 0.5) / 0.45, 0, 1)
    result = premultiplied / np.maximum(alpha, 1e-4) * sure
    need = 1 - sure
    for sigma, least in ((1.0, 0.25), (2.0, 0.12), (4.0, 0.05), (10.0, 0.01), (30.0, 0.001)):
        color = cv2.GaussianBlur(premultiplied, (0, 0), sigma)
        weight = cv2.GaussianBlur(alpha, (0, 0), sigma)[..., None]
        part = np.clip((weight - least) / least, 0, 1) * need
        result += part * color / np.maximum(weight, 1e-5)
        need = need - part
    return result


def soften(pixels: np.ndarray, sigma: float) -> np.ndarray:
    """Blur as a lens and a sensor do, keeping H W C."""
    return cv2.GaussianBlur(pixels, (0, 0), sigma).reshape(pixels.shape)


def grain(pixels: np.ndarray, seed: int, amount: float) -> np.ndarray:
    """Add sensor noise: a floor and a part that grows with the square root of light, barely correlated."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1, pixels.shape).astype(np.float32)
    shared = rng.normal(0, 1, (*pixels.shape[:2], 1)).astype(np.float32)
    noise = soften(0.85 * noise + 0.5 * shared, 0.55)
    noise /= noise.std()
    sigma = (
        amount * np.sqrt(0.0012**2 + 0.00022 * np.maximum(pixels, 0)) * np.array([1.1, 0.9, 1.3], np.float32)
    )
    return pixels + noise * sigma


def nudge(pixels: np.ndarray, dx: float, dy: float, degrees: float) -> np.ndarray:
    """Move and turn a picture by part of a pixel."""
    height, width = pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    matrix[:, 2] += (dx, dy)
    return cv2.warpAffine(
        pixels, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )


def sway(pixels: np.ndarray, time: float) -> np.ndarray:
    """Move the person of a single rendered frame: she leans, her head turns a little, her curls follow.

    A smooth warp for premultiplied colour and coverage alike, so that both stay exact; time in 0..1.
    Distances are in heights of the picture, from its top left.
    """
    height, width = pixels.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32) / height
    ease = time * time * (3 - 2 * time)
    above = np.clip((0.62 - y) / 0.2, 0, 1)  # 0 on the shoulders, 1 from the chin up
    above = above * above * (3 - 2 * above)
    lean = np.radians(0.7 * (ease - 0.5))
    tilt = np.radians(3.2 * (ease - 0.5)) * above
    # The curls hang behind the head, the farther from its middle the more.
    from_middle = np.hypot((x - 0.78) / 1.0, (y - 0.36) / 1.1)
    loose = np.clip((from_middle - 0.17) / 0.2, 0, 1) ** 1.5 * above
    lag = np.radians(2.2) * np.sin(np.pi * time) * loose
    move_x = np.zeros_like(x)
    move_y = np.zeros_like(y)
    for angle, px, py in ((lean, 0.76, 1.25), (tilt, 0.77, 0.58), (-lag, 0.78, 0.36)):
        move_x += -(np.cos(angle) - 1) * (x - px) - np.sin(angle) * (y - py)
        move_y += np.sin(angle) * (x - px) - (np.cos(angle) - 1) * (y - py)
    flutter = 0.0022 * loose
    move_x += flutter * np.sin(17 * y + 9 * x + 5.0 * time)
    move_y += flutter * np.cos(15 * x - 8 * y + 4.0 * time)
    move_x -= 0.018 * (ease - 0.5)
    source_x, source_y = (x + move_x) * height, (y + move_y) * height
    moved = cv2.remap(pixels, source_x, source_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.maximum(moved.reshape(pixels.shape), 0)


def night_street(width: int, height: int, seed: int = 3) -> np.ndarray:
    """Draw the new background: a street at night far out of focus, lights up to about 20 times white."""
    rng = np.random.default_rng(seed)
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :, None]
    sky = np.array([0.012, 0.022, 0.055], np.float32)
    glow = np.array([0.16, 0.07, 0.045], np.float32)
    picture = sky + glow * np.exp(-(((y - 0.62) / 0.2) ** 2) - (x / 0.8) ** 2)
    for side in (-1, 1):
        edge = 0.95
        while edge > 0.12:
            wide = rng.uniform(0.08, 0.2)
            top = np.clip(0.62 - edge * rng.uniform(0.35, 0.75), 0.02, 0.6)
            inside = (np.abs(side * x - edge) < wide / 2) & (y > top) & (y < 0.72)
            facade = np.array([0.03, 0.024, 0.03], np.float32) * rng.uniform(0.5, 1.6)
            picture = np.where(inside, facade, picture)
            edge -= wide * 0.9
    road = np.array([0.035, 0.03, 0.035], np.float32) + glow * 0.7 * np.exp(-((x / 0.35) ** 2))
    picture = np.where(y > 0.72, road * (0.6 + 0.8 * (1 - y)), picture)
    picture = soften(np.ascontiguousarray(picture, np.float32), height / 90)

    palette = np.array(
        [[1, 0.5, 0.16], [1, 0.66, 0.34], [1, 0.85, 0.65], [1, 0.14, 0.07], [0.25, 0.55, 1], [0.2, 1, 0.55]]
    )
    lights = np.zeros_like(picture)
    for _ in range(130):
        depth = rng.random() ** 0.7
        cx = (0.5 + 0.5 * rng.choice([-1, 1]) * (0.05 + depth * rng.uniform(0.25, 1.0))) * width
        cy = (0.62 - depth * rng.uniform(-0.08, 0.55)) * height
        radius = height * (0.012 + 0.026 * depth * rng.uniform(0.7, 1.3))
        color = palette[rng.choice(len(palette), p=[0.36, 0.24, 0.14, 0.12, 0.09, 0.05])]
        power = np.exp(rng.uniform(np.log(0.15), np.log(5.0)))
        disc = np.zeros(picture.shape[:2], np.float32)
        cv2.circle(disc, (int(cx * 16), int(cy * 16)), int(radius * 16), 1.0, -1, cv2.LINE_AA, 4)
        rim = disc - cv2.erode(disc, np.ones((5, 5)))
        lights += (disc + 0.35 * rim)[..., None] * (color * power).astype(np.float32)
        if cy < 0.7 * height:  # the wet road mirrors it
            streak = np.zeros_like(disc)
            center = (int(cx), int((1.42 - cy / height) * height + 0.02 * height))
            cv2.ellipse(streak, center, (int(radius), int(radius * 4)), 0, 0, 360, 0.12, -1, cv2.LINE_AA)
            streak[: int(0.72 * height)] = 0
            lights += cv2.GaussianBlur(streak, (0, 0), radius / 2)[..., None] * (color * power).astype(
                np.float32
            )
    return picture + soften(lights, 1.0)


def shading(shades: dict[int, np.ndarray], frame: int, size: tuple[int, int]) -> np.ndarray:
    """Shadow and bounce of a frame, between the frames they were rendered for."""
    known = sorted(shades)
    before = max((k for k in known if k <= frame), default=known[0])
    after = min((k for k in known if k >= frame), default=known[-1])
    part = (frame - before) / max(after - before, 1)
    return cv2.resize(shades[before] * (1 - part) + shades[after] * part, size, interpolation=cv2.INTER_CUBIC)


def compose(passes: Path, output: Path, gain: float, softness: float, compression: str, count: int) -> None:
    """Read the passes, write the shot; a single rendered frame is moved by a warp for count frames."""
    clean = read(passes / "clean.exr")[..., :3]
    height, width = clean.shape[:2]
    shades = {int(p.stem.split(".")[-1]): read(p)[..., :3] for p in sorted(passes.glob("shade.*.exr"))}
    frames = sorted(int(p.stem.split(".")[-1]) for p in passes.glob("fg.*.exr"))
    still = len(frames) == 1
    for index in range(count if still else len(frames)):
        number = frames[0 if still else index]
        alpha = read(passes / f"alpha.{number:04d}.exr")[..., -1:]
        front = straight(read(passes / f"fg.{number:04d}.exr")[..., :3], alpha) * alpha
        if still:
            time = index / max(count - 1, 1)
            front, alpha = sway(front, time), np.minimum(sway(alpha, time), 1)
        behind = clean * shading(shades, number, (width, height)) if shades else clean
        plate = soften((front + (1 - alpha) * behind) * gain, softness)
        frame = FIRST + index
        described = "Howard demo shot: plate"
        write(
            output / f"plate.{frame}.exr",
            grain(plate, frame, 1.0),
            ("R", "G", "B"),
            compression,
            described,
            frame,
        )
        truth = np.round(np.clip(soften(alpha, softness), 0, 1) * 1023) / 1023
        write(
            output / f"truth/alpha.{frame}.exr", truth, ("A",), "zip", "Howard demo shot: true alpha", frame
        )
    other = nudge(soften(clean * gain, softness), 0.7, -0.4, 0.015) * np.float32([1.014, 1.009, 1.004])
    described = "Howard demo shot: clean plate"
    write(output / "clean.exr", grain(other, 17, 0.8), ("R", "G", "B"), compression, described)
    street = grain(night_street(width, height), 18, 0.6)
    write(
        output / "new_background.exr",
        street,
        ("R", "G", "B"),
        compression,
        "Howard demo shot: new background",
    )


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "passes", type=Path, help="folder with clean.exr and the fg, alpha and shade sequences"
    )
    parser.add_argument("output", type=Path)
    parser.add_argument("--gain", type=float, default=1.3, help="exposure factor")
    parser.add_argument("--softness", type=float, default=0.5, help="sigma of the lens blur, in pixels")
    parser.add_argument("--compression", default="dwaa:130")
    parser.add_argument("--count", type=int, default=8, help="frames to make from a single rendered frame")
    arguments = parser.parse_args()
    compose(
        arguments.passes,
        arguments.output,
        arguments.gain,
        arguments.softness,
        arguments.compression,
        arguments.count,
    )


if __name__ == "__main__":
    main()
