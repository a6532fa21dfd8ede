"""How well clean plates are made to fit, against takes whose motion, light and matte are known exactly.

    python benchmarks/plates.py                                   # all parts, about half an hour
    python benchmarks/plates.py --only registration --cases 20    # or: steadiness, gain, built, matting, cost
    python benchmarks/plates.py --only matting --pictures FOLDER --foregrounds FOLDER
    python benchmarks/plates.py --only registration --case 17 --look FOLDER    # one case, and its pictures

Places and subjects are procedural (`tests/takes.py`); with folders they are photographs, and people as EXR
with straight linear colour and alpha. Pictures are 960 x 540 pixels or, with `--size 1080p`, 1920 x 1080.
Drifts and errors are in pixels of a picture 1920 wide, whatever the size: an error of 0.25 px is 0.12 pixels
at 960. Blur is in the picture's own pixels, noise is a pixel's: at 960 both weigh more than in HD.

`registration`: a plate and a clean plate of one frame each, in 200 random cases: a third from a tripod, the
others up to 60 px apart and turned, zoomed and tilted a little; subject over 0 to 60 %, gains of up to two
stops and a colour cast, noise 0, 0.005 or 0.02, one of the takes blurred by up to 2 pixels. `fit_shot` is
what the product does, with the network keeping the subject out; `register` is the robust fit alone. Errors
are those of the visible background's pixels, of all cases for which a motion is given. A failure is a case
in which 5 % of these are off by more than 2 px; it is unreported where the verdict is good. Then 60 cases
that must be refused.
`steadiness`: how the error changes from frame to frame. `gain`: exposure and white balance, with vignetting
in the plate's take only; an error is what 95 % of the visible background keep below. `built`: plates built
from the take. `matting`: alpha with a perfect clean plate and with others. `cost`: time a frame of fitting
beside the network's, in pairs, at 1080p.
"""

from __future__ import annotations

import argparse
import functools
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# As the command line sets it, before torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import cv2
import numpy as np
import torch

from howard_nodes.color import ColorConfig
from howard_nodes.color.encoding import encode
from howard_nodes.description import ComputeSettings, FitSettings
from howard_nodes.engine.engine import Engine
from howard_nodes.evaluation.metrics import mad
from howard_nodes.frames import Window, read_frame
from howard_nodes.network import load_weights
from howard_nodes.plates.building import build_plate
from howard_nodes.plates.fit import FrameFit, ShotFit
from howard_nodes.plates.fitted import fitted_clean
from howard_nodes.plates.photometric import ExposureMatch
from howard_nodes.plates.registration import prepare, register
from howard_nodes.plates.solving import fit_shot
from howard_nodes.plates.takes import Takes

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from takes import SCALE, Subject, Take, make_take, place, place_from, psnr

SIZES = {"540p": (960, 540), "1080p": (1920, 1080)}
SPACE = "lin_rec709_scene"
SEED = 3
FAR = 2.0  # px: an error that must not go unreported
GRID = 6  # pixels between the points that errors are measured at
WORST = 6  # cases that are listed


# ---- what is seen


class Person:
    """A rendered person as `takes.Subject` is one: covers a share of the picture, moves along a path."""

    def __init__(
        self,
        file: Path,
        width: int,
        height: int,
        *,
        cover: float,
        path: Callable[[float], tuple[float, float]],
    ) -> None:
        self.width, self.height, self.path = width, height, path
        frame = read_frame(file)
        self.pixels = np.dstack(
            [np.maximum(frame.rgb, 0), frame.pixels[..., frame.channels.index("A")]]
        ).astype(np.float32)
        alpha = self.pixels[..., 3]
        light = self.pixels[..., :3][alpha > 0.5]
        self.pixels[..., :3] *= 0.2 / max(float(np.median(light.mean(axis=1))), 1e-3)
        y, x = np.nonzero(alpha > 0.5)
        self.middle = float(x.mean()), float(y.mean())
        self.scale = float(np.sqrt(max(cover, 1e-4) * width * height / alpha.sum()))

    def at(self, position: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
        x = self.width / 2 + position[0] - self.scale * self.middle[0]
        y = self.height / 2 + position[1] - self.scale * self.middle[1]
        if self.pixels[-1, :, 3].max() > 0.5:
            # Cut off by the picture's edge, so the frame's edge has to cut it off too.
            y = max(y, self.height - self.scale * len(self.pixels))
        matrix = np.array([[self.scale, 0, x], [0, self.scale, y]])
        # Colour goes on beyond the silhouette: straight colour may be resampled as it is.
        color = cv2.warpAffine(
            self.pixels[..., :3], matrix, (self.width, self.height), borderMode=cv2.BORDER_REPLICATE
        )
        alpha = cv2.warpAffine(np.ascontiguousarray(self.pixels[..., 3]), matrix, (self.width, self.height))
        return color, np.clip(alpha, 0, 1)


class World:
    """Where places and subjects come from."""

    def __init__(
        self, width: int, height: int, pictures: Path | None = None, foregrounds: Path | None = None
    ) -> None:
        self.width, self.height = width, height
        self.hd = 1920 / width
        """Pixels of a picture 1920 wide for one of these."""
        self.pictures = _files(pictures, (".jpg", ".jpeg", ".png"))
        self.people = _files(foregrounds, (".exr",))
        self.scale = 1.0 if self.pictures else SCALE
        self.place = functools.lru_cache(3)(self._place)

    def _place(self, number: int, kind: str = "textured") -> np.ndarray:
        if self.pictures and kind == "textured":
            file = self.pictures[number % len(self.pictures)]
            stored = cv2.imread(str(file), cv2.IMREAD_COLOR_RGB)
            if stored is None:
                raise SystemExit(f"{file}: is not an image")
            light = _linear(stored.astype(np.float32) / 255)
            light *= 0.18 / max(float(np.median(light)), 1e-3)
            big = place_from(light, self.width, self.height, scale=self.scale, margin=0.1)
            return np.maximum(big, 5e-4)
        rng = np.random.default_rng([SEED, 1, number])
        return place(rng, self.width, self.height, kind=kind, scale=self.scale)

    def subject(
        self,
        rng: np.random.Generator,
        cover: float,
        path: Callable[[float], tuple[float, float]] | str = "sway",
        plain: float = 0.0,
    ) -> Any:
        if self.people:
            file = self.people[int(rng.integers(len(self.people)))]
            where = Subject(rng, 8, 8, path=path).path
            return Person(file, self.width, self.height, cover=cover, path=where)
        return Subject(rng, self.width, self.height, cover=cover, path=path, plain=plain)

    def take(self, rng: np.random.Generator, big: np.ndarray, *, drift: float = 0.0, **how: Any) -> Take:
        """Make a take; drift in pixels of a picture 1920 wide."""
        size = {"width": self.width, "height": self.height, "scale": self.scale}
        return make_take(rng, big, drift_px=drift / self.hd, **size, **how)


def _files(folder: Path | None, suffixes: tuple[str, ...]) -> list[Path]:
    if folder is None:
        return []
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)
    if not found:
        raise SystemExit(f"{folder}: has no {' or '.join(suffixes)}")
    return found


def _linear(display: np.ndarray) -> np.ndarray:
    low = display <= 0.04045
    return np.where(low, display / 12.92, ((display + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _display(light: np.ndarray) -> np.ndarray:
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


# ---- what is measured


@functools.cache
def node() -> Engine:
    computing = ComputeSettings(device="cpu")
    return Engine(load_weights(None, fused=False), ColorConfig.load(), computing=computing)


def fitted(
    plates: Sequence[np.ndarray], cleans: Sequence[np.ndarray], align: str = "auto", exposure: str = "auto"
) -> ShotFit:
    """Fit as `howard matte` does, from pictures in memory."""
    howard = node()
    takes = Takes(
        frames=tuple(range(len(plates))),
        plate=lambda frame: plates[frame],
        clean_frames=tuple(range(len(cleans))),
        clean=lambda frame: (cleans[frame], None),
        same_number=lambda frame: frame,
        space=SPACE,
        to_rec709=lambda pixels: howard.config.to_linear_rec709(pixels, SPACE),
        subject=lambda one, other: howard.coarse_matte(one, other, SPACE),
    )
    return fit_shot(takes, FitSettings(align, exposure))


def errors(
    homography: np.ndarray, flow: np.ndarray | None, truth: np.ndarray, alpha: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where the clean plate is looked up minus where it should be, at points of a grid: h w 2, own pixels.

    Also which of the points show background that the clean plate has: h w bool.
    """
    height, width = alpha.shape
    y, x = np.mgrid[GRID // 2 : height : GRID, GRID // 2 : width : GRID]
    points = np.stack([x, y], axis=-1).astype(np.float64)
    bent = points
    if flow is not None:
        bent = points - cv2.resize(flow, (width, height), interpolation=cv2.INTER_CUBIC)[y, x]
    right = cv2.perspectiveTransform(points.reshape(1, -1, 2), np.linalg.inv(truth)).reshape(points.shape)
    found = cv2.perspectiveTransform(bent.reshape(1, -1, 2), np.linalg.inv(homography)).reshape(points.shape)
    inside = (right >= 0).all(axis=-1) & (right <= (width - 1, height - 1)).all(axis=-1)
    return found - right, (alpha[y, x] < 0.01) & inside


def against(value: float, limit: float, *, least: bool = False) -> str:
    """Put a target beside a value, and say when it is missed."""
    met = value >= limit if least else value <= limit
    return f"(target {'>=' if least else '<='} {limit:g}{'' if met else ', MISSED'})"


# ---- the parts


@dataclass
class Case:
    """A plate and a clean plate of one frame each."""

    number: int
    plate: np.ndarray
    clean: np.ndarray
    truth: np.ndarray
    alpha: np.ndarray
    what: str
    static: bool
    blur: float
    noise: float


def random_case(world: World, number: int) -> Case:
    """One of the cases with texture; every fourth has a new place."""
    rng = np.random.default_rng([SEED, 2, number])
    big = world.place(number // 4)
    static = number % 3 == 0
    drift = 0.0 if static else float(rng.uniform(2, 60))
    cover = float(rng.uniform(0, 0.6))
    where = float(rng.uniform(-0.15, 0.15)), float(rng.uniform(-0.05, 0.1))
    plain = float(rng.uniform(0, 1))
    gain = np.exp2(rng.uniform(-2, 2) + rng.uniform(-0.5, 0.5, 3))
    noise = float(rng.choice([0.0, 0.005, 0.02]))
    blur, blurred = float(rng.uniform(0, 2)), int(rng.integers(2))
    plates = world.take(
        rng,
        big,
        frames=2,
        motion="static" if static else "handheld",
        drift=drift,
        subject=world.subject(rng, cover, lambda _: where, plain),
        noise=noise,
        blur=blur if blurred == 0 else 0.0,
    )
    cleans = world.take(rng, big, frames=1, gain=gain, noise=noise, blur=blur if blurred == 1 else 0.0)
    alpha = plates.alpha(1)
    what = (
        f"drift {drift:4.1f}  covered {100 * (alpha > 0.5).mean():2.0f} %  "
        f"gain {'/'.join(f'{v:+.1f}' for v in np.log2(gain))}  noise {noise:g}  "
        f"{'plate' if blurred == 0 else 'clean'} blurred {blur:.1f}"
    )
    truth = plates.between(cleans, 1, 0)
    return Case(number, plates.plate(1), cleans.clean(0), truth, alpha, what, static, blur, noise)


def hopeless_case(world: World, number: int) -> tuple[str, np.ndarray, np.ndarray]:
    """A plate and a clean plate that nobody can register."""
    rng = np.random.default_rng([SEED, 3, number])
    kind = ("plain wall", "black", "unrelated")[number % 3]
    subject = world.subject(rng, float(rng.uniform(0, 0.5))) if number % 2 else None
    first = world.place(1000 + number // 6, "plain" if kind == "plain wall" else "textured")
    second = world.place(1001 + number // 6) if kind == "unrelated" else first
    noise = float(rng.choice([0.005, 0.02]))
    plates = world.take(
        rng, first, frames=2, motion="handheld", drift=float(rng.uniform(2, 60)), subject=subject, noise=noise
    )
    cleans = world.take(rng, second, frames=1, gain=np.exp2(rng.uniform(-1, 1, 3)), noise=noise)
    plate, clean = plates.plate(1), cleans.clean(0)
    if kind == "black":
        dark = (0.1 * noise * rng.standard_normal(clean.shape)).astype(np.float32)
        plate, clean = (plate, dark) if number % 2 else (dark, dark[::-1].copy())
    return kind, plate, clean


@dataclass
class Outcome:
    """What one way of registering made of a case: errors in px, their median and 95th percentile."""

    case: Case
    given: bool  # a motion was found
    good: bool  # and nothing said against it
    said: str
    errors: np.ndarray
    middle: float
    high: float


def outcome(case: Case, hd: float, homography: np.ndarray, flow: np.ndarray | None, **said: Any) -> Outcome:
    vectors, background = errors(homography, flow, case.truth, case.alpha)
    off = hd * np.hypot(vectors[..., 0], vectors[..., 1])[background]
    off = off if off.size else np.zeros(1)
    return Outcome(case, errors=off, middle=float(np.median(off)), high=float(np.quantile(off, 0.95)), **said)


def tried(case: Case, hd: float) -> dict[str, Outcome]:
    """Register a case in both ways."""
    fit = fitted([case.plate], [case.clean]).frames[0]
    alone = register(prepare(case.plate), prepare(case.clean))
    return {
        "fit_shot": outcome(
            case,
            hd,
            fit.sources[0].matrix,
            fit.flow,
            given=fit.inliers > 0,
            good=fit.verdict == "good",
            said=fit.message,
        ),
        "register": outcome(
            case,
            hd,
            alone.homography,
            None,
            given=alone.trusted,
            good=alone.trusted,
            said=alone.reason or f"{alone.inliers} tiles alike, {alone.residual:.2f} px left",
        ),
    }


def registration(world: World, args: argparse.Namespace) -> None:
    """Print errors over random cases, failures, refusals; then the hopeless cases."""
    numbers = range(args.cases or 200) if args.case is None else (args.case,)
    results: dict[str, list[Outcome]] = {"fit_shot": [], "register": []}
    for number in numbers:
        case = random_case(world, number)
        for way, one in tried(case, world.hd).items():
            results[way].append(one)
        if args.look is not None:
            look(args.look, case)
        # The rest is small: pictures of 200 cases are not.
        case.plate = case.clean = case.alpha = np.empty(0)
    for way, everything in results.items():
        print(f"{way}:")
        groups = {
            "all": everything,
            "tripod": [one for one in everything if one.case.static],
            "handheld": [one for one in everything if not one.case.static],
            "noise 0.02": [one for one in everything if one.case.noise > 0.01],
            "blur above 1": [one for one in everything if one.case.blur > 1],
        }
        for name, group in groups.items():
            if group:
                print(f"  {name:12s} {summary(group, targets=name == 'all')}")
        refused = [one for one in everything if not one.given]
        worst = sorted((one for one in everything if one.given), key=lambda one: -one.high)
        for one in worst[:WORST] + refused[: 2 * WORST]:
            print(f"    case {one.case.number}: {one.case.what}")
            print(f"      median {one.middle:.2f}, 95 % {one.high:.2f} px; {one.said}")
    if args.case is None:
        hopeless(world, max(3, round(0.3 * len(numbers))))


def summary(group: list[Outcome], targets: bool) -> str:
    given = [one for one in group if one.given]
    if not given:
        return f"{len(group)} cases, all refused"
    failed = [one for one in given if one.high > FAR]
    unreported = [one.case.number for one in failed if one.good]
    off = np.concatenate([one.errors for one in given])
    middle, high = float(np.median(off)), float(np.quantile(off, 0.95))
    parts = [
        f"{len(group)} cases, {len(group) - len(given)} refused, {sum(one.good for one in given)} good",
        f"median {middle:.3f} px {against(middle, 0.25) if targets else ''}",
        f"95 % {high:.3f} px {against(high, 0.75) if targets else ''}",
        f"unreported failures {len(unreported)} {against(len(unreported), 0) if targets else ''}",
    ]
    text = ", ".join(part.strip() for part in parts)
    return text + f"; failures reported {len(failed) - len(unreported)}, not reported {unreported}" * bool(
        failed
    )


def hopeless(world: World, count: int) -> None:
    """Print how many of the cases that must be refused were not."""
    wrong: dict[str, list[str]] = {"fit_shot": [], "register": []}
    for number in range(count):
        kind, plate, clean = hopeless_case(world, number)
        fit = fitted([plate], [clean]).frames[0]
        alone = register(prepare(plate), prepare(clean))
        if fit.verdict == "good":
            wrong["fit_shot"].append(f"{number} ({kind}): {fit.message}")
        if alone.trusted:
            wrong["register"].append(f"{number} ({kind}): {alone.inliers} tiles alike")
    for way, listed in wrong.items():
        print(f"{way}: {len(listed)} of {count} hopeless cases accepted {against(len(listed), 0)}")
        for line in listed:
            print(f"    {line}")


def look(folder: Path, case: Case) -> None:
    """Write plate, clean plate and the difference that is left, one above the other."""
    folder.mkdir(parents=True, exist_ok=True)
    fit = fitted([case.plate], [case.clean]).frames[0]
    window = Window(0, 0, *case.plate.shape[1::-1])
    clean = fitted_clean(fit, lambda _: (case.clean, None), window, window).clean
    difference = 0.5 + 2 * (_display(clean) - _display(case.plate))
    stacked = np.vstack([_display(case.plate), _display(case.clean), difference])
    path = folder / f"case.{case.number:04d}.png"
    cv2.imwrite(str(path), np.clip(255 * stacked[..., ::-1], 0, 255).astype(np.uint8))
    print(f"{path}: {fit.message}")


def steadiness(world: World, args: argparse.Namespace) -> None:
    """Print how much the error changes from frame to frame."""
    count, frames = args.cases or 4, 24
    for noise in (0.0, 0.01):
        for align in ("homography", "auto"):
            changes, verdicts = [], []
            for number in range(count):
                rng = np.random.default_rng([SEED, 4, number])
                big = world.place(2000 + number)
                plates = world.take(
                    rng, big, frames=frames, motion="handheld", drift=20, noise=noise,
                    subject=world.subject(rng, 0.3),
                )  # fmt: skip
                cleans = world.take(rng, big, frames=1, gain=(1.4, 1.4, 1.4), noise=noise)
                shot = fitted([plates.plate(i) for i in range(frames)], [cleans.clean(0)], align)
                before = None
                for i, fit in shot.frames.items():
                    vectors, shown = errors(
                        fit.sources[0].matrix, fit.flow, plates.between(cleans, i, 0), plates.alpha(i)
                    )
                    if before is not None:
                        change = (vectors - before[0])[shown & before[1]]
                        changes.append(world.hd * np.hypot(change[:, 0], change[:, 1]))
                    before = vectors, shown
                    verdicts.append(fit.verdict)
            all_of_them = np.concatenate(changes)
            print(
                f"  handheld 20 px, noise {noise:g}, {align:10s}: frame to frame "
                f"median {np.median(all_of_them):.4f} px, 95 % {np.quantile(all_of_them, 0.95):.4f}, "
                f"worst frame's median {max(float(np.median(one)) for one in changes):.4f}; "
                f"{verdicts.count('good')} of {len(verdicts)} good"
            )
    for noise in (0.0, 0.01):
        moved = 0.0
        off = []
        for number in range(count):
            rng = np.random.default_rng([SEED, 5, number])
            big = world.place(2000 + number)
            plates = world.take(rng, big, frames=frames, noise=noise, subject=world.subject(rng, 0.3))
            # Half of the clean plates stand elsewhere: the camera was moved between the takes.
            cleans = world.take(
                rng, big, frames=1, noise=noise, gain=(1.4, 1.4, 1.4), start=(4.3 * (number % 2), 0.0)
            )
            shot = fitted([plates.plate(i) for i in range(frames)], [cleans.clean(0)])
            found = [
                errors(fit.sources[0].matrix, fit.flow, plates.between(cleans, i, 0), plates.alpha(i))[0]
                for i, fit in shot.frames.items()
            ]
            moved = max(moved, max(float(np.abs(one - found[0]).max()) for one in found))
            off.append(float(np.hypot(found[0][..., 0], found[0][..., 1]).max()) * world.hd)
        print(
            f"  tripod, noise {noise:g}: frame to frame at most {moved:g} px {against(moved, 0)}, "
            f"error at most {max(off):.3f} px"
        )


def gain(world: World, args: argparse.Namespace) -> None:
    """Print the error of gains per channel, over the visible background."""
    count = args.cases or 16
    for vignette in (0.0, 0.3):
        for noise in (0.0, 0.005, 0.02):
            wrong, doubtful = [], 0
            for number in range(count):
                rng = np.random.default_rng([SEED, 6, number])
                big = world.place(3000 + number)
                truth = np.exp2(rng.uniform(-2, 2) + rng.uniform(-0.5, 0.5, 3))
                plates = world.take(
                    rng, big, frames=2, motion="handheld", drift=20, noise=noise, vignette=vignette,
                    subject=world.subject(rng, float(rng.uniform(0, 0.6))), gain=truth,
                )  # fmt: skip
                cleans = world.take(rng, big, frames=1, noise=noise)
                fit = fitted([plates.plate(1)], [cleans.clean(0)]).frames[0]
                doubtful += fit.verdict != "good"
                wrong.append((gain_error(fit, plates, vignette), number, fit))
            each = np.array([error for error, _, _ in wrong])
            limit = 0.01 if noise == 0 else 0.02
            print(
                f"  vignette {vignette:g}, noise {noise:g}: median {100 * np.median(each):.2f} %, "
                f"95 % {100 * np.quantile(each, 0.95):.2f} %, worst {100 * each.max():.2f} % "
                f"{against(float(100 * each.max()), 100 * limit)}, {doubtful} of {count} not good"
            )
            for error, number, fit in sorted(wrong, key=lambda one: -one[0].max())[:2]:
                if error.max() > limit:
                    print(
                        f"    case {number}: {'/'.join(f'{100 * e:.1f}' for e in error)} % off; {fit.message}"
                    )


def gain_error(fit: FrameFit, plates: Take, vignette: float) -> np.ndarray:
    """Relative error of the factor on the clean plate, that 95 % of the visible background keep below: 3."""
    ones = np.ones((plates.height, plates.width, 3), np.float32)
    factor = ExposureMatch(fit.gain, fit.gain_field, 0, 0.0, True).apply(ones)
    y, x = np.mgrid[-1 : 1 : 1j * plates.height, -1 : 1 : 1j * plates.width]
    aspect = (plates.height - 1) / (plates.width - 1)
    lens = 1 - vignette * (x**2 + (aspect * y) ** 2) / (1 + aspect**2)
    right = lens[..., None] * plates.gains[1]
    off = np.abs(factor / right - 1)[plates.alpha(1) < 0.01]
    return np.asarray(np.quantile(off, 0.95, axis=0))


def built(world: World, args: argparse.Namespace) -> None:
    """Print how good plates are that are built from the take itself."""
    howard = node()

    def subject(picture: np.ndarray, other: np.ndarray, valid: np.ndarray) -> np.ndarray:
        matte = howard.coarse_matte(picture, other, SPACE)
        return np.asarray(cv2.resize(matte, valid.shape[::-1], interpolation=cv2.INTER_LINEAR))

    frames = 24
    kinds: dict[str, dict[str, Any]] = {
        "static": {"motion": "static", "path": "across"},
        "handheld": {"motion": "handheld", "drift": 30.0, "path": "across"},
        "pan": {"motion": "pan", "drift": 600.0, "path": "across"},
        "lingering": {"motion": "static", "path": "linger"},
    }
    for kind, how in kinds.items():
        for number in range(args.cases or 3):
            rng = np.random.default_rng([SEED, 7, number])
            take = world.take(
                rng, world.place(4000 + number), frames=frames, motion=how["motion"],
                drift=how.get("drift", 0.0), noise=0.005, subject=world.subject(rng, 0.25, how["path"]),
            )  # fmt: skip
            plate = build_plate(range(frames), take.plate, subject)
            scores, reliable, marked = [], [], []
            for i in sorted({0, frames // 2, frames - 1, plate.reference}):
                picture, valid = plate.view(i)
                seen = shown_in(take, i) >= 0.2
                truth, found = _display(take.truth(i)), _display(picture)
                scores.append(psnr(found, truth, seen))
                reliable.append(psnr(found, truth, seen * (valid > 0.5)))
                marked.append(float((valid < 0.5)[seen].mean()))
            print(
                f"  {kind:10s} place {number}: {min(scores):.1f} dB where it was seen in 20 % "
                f"{against(min(scores), 40, least=True)}, {min(reliable):.1f} dB where it is not marked "
                f"unseen, {100 * max(marked):.2f} % of it marked; {plate}"
            )


def shown_in(take: Take, i: int) -> np.ndarray:
    """In which share of the frames each pixel of frame i shows background: H W."""
    size = (take.width, take.height)
    seen = np.zeros((take.height, take.width), np.float32)
    for j in range(len(take)):
        background = (take.alpha(j) < 0.01).astype(np.float32)
        seen += cv2.warpPerspective(background, take.between(take, i, j), size) > 0.999
    return seen / len(take)


def matting(world: World, args: argparse.Namespace) -> None:
    """Print how wrong alpha is with a perfect clean plate, with a fitted one, with one that is not."""
    howard, frames = node(), 5
    window = Window(0, 0, world.width, world.height)
    ways: dict[str, tuple[str, str] | None] = {
        "perfect": None,
        "automatic": ("auto", "auto"),
        "homography": ("homography", "auto"),
        "exposure off": ("auto", "off"),
        "alignment off": ("off", "auto"),
        "both off": ("off", "off"),
    }
    found: dict[str, list[float]] = {way: [] for way in ways}
    for number in range(args.cases or 12):
        rng = np.random.default_rng([SEED, 8, number])
        big = world.place(5000 + number)
        plates = world.take(
            rng, big, frames=frames, motion="handheld", drift=20, noise=0.005,
            subject=world.subject(rng, float(rng.uniform(0.15, 0.35))),
        )  # fmt: skip
        half_a_stop = 2.0 ** float(rng.choice([-0.5, 0.5]))
        cleans = world.take(rng, big, frames=1, noise=0.005, gain=(half_a_stop,) * 3)
        pictures, clean = [plates.plate(i) for i in range(frames)], cleans.clean(0)
        for way, how in ways.items():
            shot = None if how is None else fitted(pictures, [clean], *how)
            each = []
            for i in range(1, frames):
                if shot is None:
                    other, valid = plates.clean(i), None
                else:
                    fit = fitted_clean(shot.frames[i], lambda _: (clean, None), window, window)  # noqa: B023
                    other, valid = fit.clean, fit.valid
                alpha = howard.evaluate(pictures[i], other, SPACE, valid=valid).alpha
                each.append(mad(alpha, plates.alpha(i)))
            found[way].append(statistics.mean(each))
    perfect = statistics.mean(found["perfect"])
    print(f"  handheld 20 px, half a stop, {len(found['perfect'])} takes; MAD x 1000:")
    for way, each in found.items():
        ratio = statistics.mean(each) / perfect
        ratios = [a / b for a, b in zip(each, found["perfect"])]
        print(
            f"  {way:14s} {statistics.mean(each):7.2f}, {ratio:5.2f} x perfect "
            f"{against(ratio, 1.3) if way == 'automatic' else '':24s} "
            f"take by take: median {statistics.median(ratios):.2f}, worst {max(ratios):.2f} "
            f"(take {int(np.argmax(ratios))})"
        )


def cost(world: World, args: argparse.Namespace) -> None:  # noqa: ARG001
    """Print the time of fitting beside the network's, at 1080p."""
    large, frames = World(*SIZES["1080p"]), 12
    large.scale = 1.0
    rng = np.random.default_rng([SEED, 9])
    big, howard = large.place(6000), node()
    window = Window(0, 0, large.width, large.height)
    who = large.subject(rng, 0.3)
    both = {
        "static": large.take(rng, big, frames=frames, noise=0.005, subject=who),
        "handheld": large.take(
            rng, big, frames=frames, motion="handheld", drift=20, noise=0.005, subject=who
        ),
    }
    clean = large.take(rng, big, frames=1, noise=0.005, gain=(1.4, 1.4, 1.4)).clean(0)
    network = load_weights(None, fused=False).prepared()
    scale = howard.settings.scales_for(large.height, large.width)[0]
    pixels = howard.settings.pixels_for(large.height, large.width)
    repeats = args.cases or 5
    print(f"  {torch.get_num_threads()} threads, pictures in memory, median of {repeats} pairs")
    for motion, align in (("handheld", "homography"), ("handheld", "auto"), ("static", "auto")):
        plates = [both[motion].plate(i) for i in range(frames)]
        plates += plates[::-1]  # and back again
        encoded = [encode(torch.from_numpy(one)).permute(2, 0, 1)[None] for one in (plates[1], clean)]
        spent: dict[str, list[float]] = {"fit": [], "further": [], "apply": [], "network": []}
        for turn in range(repeats + 1):
            began = time.perf_counter()
            fitted(plates[:frames], [clean], align)
            half = time.perf_counter() - began
            began = time.perf_counter()
            shot = fitted(plates, [clean], align)
            whole = time.perf_counter() - began
            began = time.perf_counter()
            for one in shot.frames.values():
                fitted_clean(one, lambda _: (clean, None), window, window)
            apply = time.perf_counter() - began
            began = time.perf_counter()
            for _ in range(frames):
                with torch.inference_mode():
                    coarse = network.coarse(*encoded, backbone_scale=scale)
                    network.refine(encoded[0], encoded[1], coarse, mode="sampling", sample_pixels=pixels)
            if turn:  # the first warms up
                spent["network"].append((time.perf_counter() - began) / frames)
                spent["fit"].append(whole / len(plates))
                spent["further"].append((whole - half) / frames)
                spent["apply"].append(apply / len(plates))
        times = ", ".join(f"{name} {1e3 * statistics.median(each):.0f} ms" for name, each in spent.items())
        print(f"  {motion}, --align {align}: {times} a frame; {shot.summary}")
        for name, what in (("fit", f"a shot of {len(plates)} frames"), ("further", "each further frame")):
            ratios = [
                (fit + apply) / alone
                for fit, apply, alone in zip(spent[name], spent["apply"], spent["network"])
            ]
            ratio = statistics.median(ratios)
            target = against(ratio, 2.0) if align == "homography" else ""
            print(f"    {what}: {ratio:.2f} x the network ({min(ratios):.2f} to {max(ratios):.2f}) {target}")


if __name__ == "__main__":
    parts: dict[str, Callable[[World, argparse.Namespace], None]] = {
        "registration": registration,
        "steadiness": steadiness,
        "gain": gain,
        "built": built,
        "matting": matting,
        "cost": cost,
    }
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=parts, help="one part")
    parser.add_argument(
        "--cases", type=int, help="number of cases, takes or rounds, instead of each part's default"
    )
    parser.add_argument("--case", type=int, help="one random registration case")
    parser.add_argument("--look", type=Path, help="output folder for images of the registration cases")
    parser.add_argument(
        "--pictures", type=Path, help="folder of photographs, instead of procedural backgrounds"
    )
    parser.add_argument("--foregrounds", type=Path, help="folder of people, EXR with straight RGB and A")
    parser.add_argument("--size", choices=SIZES, default="540p", help="image size; cost is always at 1080p")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(arguments.threads)
    everything = World(*SIZES[arguments.size], arguments.pictures, arguments.foregrounds)
    for name, part in parts.items():
        if arguments.only in (None, name):
            print(f"-- {name}")
            part(everything, arguments)
