"""A shot, frame by frame: read ahead, compute, write behind.

One thread reads, this one runs the network, another solves and writes, so that disk, colour conversion and
compression overlap with the network. At most a few frames are in memory, however long the shot. Each frame is
computed from its own inputs alone: how a shot is split into runs changes no bit of it.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from howard_nodes import __version__
from howard_nodes.color import ColorConfig
from howard_nodes.errors import FrameError, HowardError, InputError
from howard_nodes.events import Event, Finished, FrameDone, FrameFailed, Note, Started
from howard_nodes.frames import (
    Depth,
    Frame,
    Sequence,
    fit_window,
    format_frames,
    has_layer,
    inspect_file,
    parse_frames,
    read_attributes,
    read_frame,
    sanitize,
    validate_compression,
    verify_file,
    write_image,
)
from howard_nodes.layers import DEFAULT_LAYERS, layer_path, validate_layers
from howard_nodes.network import describe_weights, load_weights
from howard_nodes.node import HowardMatte, MatteSettings, Prediction

__all__ = [
    "FINGERPRINT_ATTRIBUTE",
    "SETTINGS_ATTRIBUTE",
    "Inputs",
    "MatteJob",
    "Report",
    "Shot",
    "output_paths",
    "run",
]

FINGERPRINT_ATTRIBUTE = "howard:fingerprint"
"""Header attribute with the hash of all inputs and settings of a frame."""

SETTINGS_ATTRIBUTE = "howard:settings"
"""Header attribute with the hash of all settings: the same for all frames of a run."""

# Raised when the same inputs give other pixels than before, so that --resume makes frames anew.
_NUMERICS = 1
_AHEAD = 1
_BEHIND = 1
_SUFFIXES = (".exr", ".png")
_DISPLAY_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")


@dataclass(frozen=True)
class MatteJob:
    """All that a run is asked for; patterns as `howard_nodes.frames.Sequence.find` takes them.

    Attributes
    ----------
    plate, clean : str
        Sequences or stills. A clean plate that is a sequence is paired by frame number.
    output : str
        Pattern of the result, `.exr` or `.png`.
    frames : str, optional
        `1001-1240`, `1001-1240x2`, `1001,1005`; by default all of the plate's.
    layers : tuple of str
        Names from `howard_nodes.layers.LAYERS`.
    layer, clean_layer : str, optional
        Layer of the plate's and the clean plate's EXR to read.
    clean_offset : int
        Frame n of the plate takes frame n + offset of the clean plate.
    colorspace, clean_colorspace : str, optional
        In place of what the files say.
    output_colorspace : str, optional
        Of colour layers. By default an EXR keeps the plate's space where that is scene-linear, else it is the
        configuration's scene_linear; a PNG keeps the plate's where that is display-like, else it is sRGB.
    ocio : str, optional
        Another OpenColorIO configuration: a file or a built-in name.
    override_coarse, override_error, inside, outside : str, optional
        Mattes painted by hand, paired by frame number.
    weights : str, optional
        A name or a file; by default those that ship.
    settings : MatteSettings
        The node's knobs.
    device, precision : str
        See `HowardMatte`.
    depth : str
        `half` or `float`, of an EXR.
    compression : str
        Of an EXR.
    resume : bool
        Leave frames alone that are complete and were made from the same inputs with the same settings.
    """

    plate: str
    clean: str
    output: str
    frames: str | None = None
    layers: tuple[str, ...] = DEFAULT_LAYERS
    layer: str | None = None
    clean_layer: str | None = None
    clean_offset: int = 0
    colorspace: str | None = None
    clean_colorspace: str | None = None
    output_colorspace: str | None = None
    ocio: str | None = None
    override_coarse: str | None = None
    override_error: str | None = None
    inside: str | None = None
    outside: str | None = None
    weights: str | None = None
    settings: MatteSettings = field(default_factory=MatteSettings)
    device: str = "auto"
    precision: str = "auto"
    depth: Depth = "half"
    compression: str = "zip"
    resume: bool = False


@dataclass(frozen=True)
class Report:
    """What became of each frame."""

    done: tuple[int, ...]
    skipped: tuple[int, ...]
    failed: dict[int, str]
    seconds: float


@dataclass(frozen=True)
class Inputs:
    """One frame, read.

    Attributes
    ----------
    frame : int
        Its number.
    fingerprint : str
        Hash of all inputs and settings.
    complete : bool
        Its output is there already, made of the same; then all else is empty.
    plate : Frame or None
        The plate's header; its pixels are gone.
    plate_space, space : str
        Colour space of the plate's file, and the scene-linear one that the arrays are in.
    linear, clean : ndarray or None
        Plate and clean plate, H W 3 float32, on the plate's data window.
    mattes : dict
        `override_coarse`, `override_error` (H W C) and `inside`, `outside` (H W), where given.
    """

    frame: int
    fingerprint: str
    complete: bool = False
    plate: Frame | None = None
    plate_space: str = ""
    space: str = ""
    linear: np.ndarray | None = None
    clean: np.ndarray | None = None
    mattes: dict[str, np.ndarray] = field(default_factory=dict)


def run(job: MatteJob, on_event: Callable[[Event], None] = lambda _: None) -> Report:
    """Matte a shot.

    Parameters
    ----------
    job : MatteJob
        What to do.
    on_event : callable
        Told of everything that happens, from several threads but one call at a time.

    Returns
    -------
    Report
        Frames done, skipped and failed; a failed frame does not stop the others.

    Raises
    ------
    InputError
        Nothing can be done as asked; nothing was written.
    KeyboardInterrupt
        After the frames in work are written or given up; no partial file stays.
    """
    began = time.monotonic()
    lock = threading.Lock()

    def tell(event: Event) -> None:
        with lock:
            on_event(event)

    shot = Shot(job, tell)
    frames = shot.frames
    tell(
        Started(
            format_frames(frames),
            len(frames),
            str(shot.node.device),
            shot.node.precision,
            shot.weights_name,
            job.output,
        )
    )
    done: list[int] = []
    skipped: list[int] = []
    failed: dict[int, str] = {}

    def fail(frame: int, error: BaseException) -> None:
        message = str(error) if isinstance(error, HowardError) else f"{type(error).__name__}: {error}"
        failed[frame] = message if f"frame {frame}" in message else f"frame {frame}: {message}"
        tell(FrameFailed(frame, failed[frame]))

    last = time.monotonic()

    def settle(frame: int, future: Future[tuple[Path, ...]]) -> None:
        nonlocal last
        try:
            paths = future.result()
        except Exception as error:
            fail(frame, error)
        else:
            done.append(frame)
            # Frames overlap: what one more frame costs is the time since the one before.
            last, before = time.monotonic(), last
            tell(FrameDone(frame, paths, last - before))

    writer = ThreadPoolExecutor(1, "howard-write")
    behind: OrderedDict[int, Future[tuple[Path, ...]]] = OrderedDict()
    try:
        for frame, reading in _ahead(shot.read, frames):
            try:
                inputs = reading.result()
                if inputs.complete:
                    skipped.append(frame)
                    tell(FrameDone(frame, shot.paths(frame), 0.0, skipped=True))
                    continue
                prediction = shot.predict(inputs)
            except Exception as error:
                fail(frame, error)
                continue
            while len(behind) >= _BEHIND:
                settle(*behind.popitem(last=False))
            behind[frame] = writer.submit(shot.write, inputs, prediction)
            del inputs, prediction
    finally:
        # An interrupt too waits for frames that are being written.
        for earlier, future in behind.items():
            settle(earlier, future)
        writer.shutdown(wait=True)
        seconds = time.monotonic() - began
        tell(Finished(format_frames(done), format_frames(skipped), format_frames(failed), seconds))
    return Report(tuple(sorted(done)), tuple(skipped), failed, seconds)


def output_paths(output: str, layers: tuple[str, ...], frame: int) -> tuple[Path, ...]:
    """Name the files of one frame: one for an EXR, one a layer for PNG.

    Parameters
    ----------
    output : str
        Pattern of the result, as in `MatteJob`.
    layers : tuple of str
        Names of layers, validated.
    frame : int
        Its number.

    Returns
    -------
    tuple of Path
        In the order of the layers.
    """
    if Path(output).suffix.lower() == ".exr":
        return (Sequence.output(output).path(frame),)
    return tuple(Sequence.output(layer_path(output, layer)).path(frame) for layer in layers)


def _ahead(read: Callable[[int], Inputs], frames: tuple[int, ...]) -> Iterator[tuple[int, Future[Inputs]]]:
    """Read a few frames ahead, in order."""
    reader = ThreadPoolExecutor(1, "howard-read")
    waiting: OrderedDict[int, Future[Inputs]] = OrderedDict()
    try:
        for frame in frames:
            waiting[frame] = reader.submit(read, frame)
            if len(waiting) > _AHEAD:
                yield waiting.popitem(last=False)
        while waiting:
            yield waiting.popitem(last=False)
    finally:
        reader.shutdown(wait=True, cancel_futures=True)


class Shot:
    """A job with everything found, checked and loaded; a frame is `read`, then `predict`, then `write`.

    Parameters
    ----------
    job : MatteJob
        What to do.
    tell : callable
        Told what is worth knowing; may be called from any thread.

    Attributes
    ----------
    frames : tuple of int
        Frames to make, missing ones included.
    node : HowardMatte
        What computes them.
    weights_name : str
        Name of its weights.

    Raises
    ------
    InputError
        The job cannot be done as asked.
    """

    def __init__(self, job: MatteJob, tell: Callable[[Event], None]) -> None:
        self.job = replace(
            job, layers=validate_layers(job.layers), compression=validate_compression(job.compression)
        )
        self._tell = tell
        self._config = ColorConfig.load(job.ocio)
        self._check_spaces()
        self._plates = Sequence.find(job.plate)
        self._cleans = Sequence.find(job.clean)
        self._mattes = {
            name: Sequence.find(pattern)
            for name in ("override_coarse", "override_error", "inside", "outside")
            if (pattern := getattr(job, name)) is not None
        }
        self.frames = self._choose_frames()
        self._still: tuple[Path, str, Frame, np.ndarray] | None = None
        self._told: set[str] = set()
        self._hashes: dict[Path, str] = {}
        self._check_output()
        self._check_headers()
        network = load_weights(job.weights, fused=False)
        info = describe_weights(job.weights)
        # A name, or a file's name without its folder: headers are no place for a machine's paths.
        self.weights_name = Path(info.name).stem
        self.node = HowardMatte(
            network,
            self._config,
            job.settings,
            device=job.device,
            precision=job.precision,
            on_note=lambda message: tell(Note(message, warning=True)),
        )
        self._settings_text = json.dumps(
            {
                "numerics": _NUMERICS,
                "weights": _hash_file(info.path),
                "config": self._config.fingerprint,
                "settings": asdict(job.settings),
                "precision": self.node.precision,
                "layers": self.job.layers,
                "layer": [job.layer, job.clean_layer],
                "colorspaces": [job.colorspace, job.clean_colorspace, job.output_colorspace],
                "depth": job.depth,
                "compression": self.job.compression,
                "format": Path(job.output).suffix.lower(),
            },
            sort_keys=True,
        )

    def paths(self, frame: int) -> tuple[Path, ...]:
        """Name the files of a frame."""
        return output_paths(self.job.output, self.job.layers, frame)

    # Checks, before anything is computed.

    def _choose_frames(self) -> tuple[int, ...]:
        job = self.job
        frames = self._plates.frames if job.frames is None else parse_frames(job.frames)
        if not self._plates.select(frames):
            have = format_frames(self._plates.frames)
            raise InputError(f"{job.plate}: none of the frames {job.frames} is there, only {have}.")
        return frames

    def _check_spaces(self) -> None:
        job, config = self.job, self._config
        for name in (job.colorspace, job.clean_colorspace, job.output_colorspace):
            if name is not None:
                config.space(name)
        is_exr = Path(job.output).suffix.lower() == ".exr"
        if is_exr and job.output_colorspace and not config.is_scene_linear(job.output_colorspace):
            raise InputError(
                f"output colour space '{job.output_colorspace}': an EXR's layers must be scene-linear; "
                f"use {config.scene_linear}, or write PNG."
            )

    def _check_output(self) -> None:
        job, output = self.job, Path(self.job.output)
        if output.suffix.lower() not in _SUFFIXES:
            raise InputError(f"{output}: write to a name that ends in .exr or .png.")
        if job.depth not in ("half", "float"):
            raise InputError(f"depth '{job.depth}': use half or float.")
        if len(self.frames) > 1 and Sequence.output(job.output).is_still:
            better = output.with_name(f"{output.stem}.####{output.suffix}")
            raise InputError(f"{output}: {len(self.frames)} frames need a number in the name, as {better}.")
        inputs = {path.resolve() for frame in self.frames for path in self._input_paths(frame).values()}
        for frame in self.frames:
            for path in self.paths(frame):
                if path.resolve() in inputs:
                    raise InputError(f"{path}: would overwrite an input; choose another output.")
        folder = output.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise InputError(
                f"{folder}: cannot write there ({error.strerror}); choose another folder."
            ) from error

    def _check_headers(self) -> None:
        """Look at the first frame's headers: a wrong clean plate or layer is not found 2,000 times."""
        first = next(frame for frame in self.frames if not self._plates.missing([frame]))
        paths = self._input_paths(first)
        if not paths["clean"].is_file():
            return
        windows = []
        for name, layer in (("plate", self.job.layer), ("clean", self.job.clean_layer)):
            try:
                info = inspect_file(paths[name])
                found = layer is None or has_layer(paths[name], layer)
            except FrameError:
                return
            if not found:
                layers = {name or "(main)" for part in info.parts for name in part.layers}
                there = ", ".join(sorted(layers))
                raise InputError(f"{paths[name]}: has no layer '{layer}'; there is {there}.")
            windows.append(info.parts[0].display_window)
        if (windows[0].width, windows[0].height) != (windows[1].width, windows[1].height):
            raise InputError(
                f"{paths['clean']}: the clean plate is {windows[1].width}x{windows[1].height}, "
                f"the plate {paths['plate']} {windows[0].width}x{windows[0].height}; give both the same size."
            )

    def _input_paths(self, frame: int) -> dict[str, Path]:
        paths = {
            "plate": self._plates.path(frame),
            "clean": self._cleans.path(frame + self.job.clean_offset),
        }
        return paths | {name: sequence.path(frame) for name, sequence in self._mattes.items()}

    # The three steps of a frame.

    def read(self, frame: int) -> Inputs:
        """Read all that one frame needs, convert it to scene-linear, repair NaN and Inf.

        Raises
        ------
        FrameError
            A file is missing, damaged or of another size.
        """
        paths = self._input_paths(frame)
        for name, path in paths.items():
            if not path.is_file():
                what = {"plate": "plate", "clean": "clean plate"}.get(name, name.replace("_", " "))
                raise FrameError(f"no such file: this frame has no {what}.", path=path, frame=frame)
        fingerprint = self._fingerprint(paths)
        if self.job.resume and self._complete(frame, fingerprint):
            return Inputs(frame, fingerprint, complete=True)
        plate, plate_space = self._picture(paths["plate"], self.job.layer, self.job.colorspace, frame)
        space = plate_space if self._config.is_scene_linear(plate_space) else self._config.scene_linear
        linear = self._config.convert(plate.rgb, plate_space, space)
        clean = self._clean(paths["clean"], space, plate, frame)
        mattes = {name: self._matte(name, paths[name], plate, frame) for name in self._mattes}
        # The header is all that is still needed of the file.
        header = replace(plate, pixels=np.empty((0, 0, len(plate.channels)), np.float32))
        return Inputs(frame, fingerprint, False, header, plate_space, space, linear, clean, mattes)

    def predict(self, inputs: Inputs) -> Prediction:
        """Run the network on what `read` gave: not on `Inputs` that are `complete`."""
        assert inputs.linear is not None
        assert inputs.clean is not None
        return self.node.predict(
            inputs.linear,
            inputs.clean,
            inputs.space,
            override_coarse=inputs.mattes.get("override_coarse"),
            override_error=inputs.mattes.get("override_error"),
        )

    def write(self, inputs: Inputs, prediction: Prediction) -> tuple[Path, ...]:
        """Solve the foreground and write all layers; give the files' names.

        Raises
        ------
        WriteError
            A file cannot be written; no partial one is left.
        """
        assert inputs.plate is not None
        assert inputs.linear is not None
        assert inputs.clean is not None
        job, plate = self.job, inputs.plate
        result = self.node.solve(
            prediction,
            inputs.linear,
            inputs.clean,
            inside=inputs.mattes.get("inside"),
            outside=inputs.mattes.get("outside"),
        )
        paths = self.paths(inputs.frame)
        is_exr = paths[0].suffix.lower() == ".exr"
        space = self._output_space(inputs, is_exr)
        metadata: dict[str, Any] = dict(plate.metadata)
        if space != inputs.plate_space:
            metadata.pop("chromaticities", None)
        metadata |= {
            FINGERPRINT_ATTRIBUTE: inputs.fingerprint,
            SETTINGS_ATTRIBUTE: hashlib.blake2b(self._settings_text.encode(), digest_size=8).hexdigest(),
            "howard:version": __version__,
            "howard:weights": self.weights_name,
            "howard:exposure": float(prediction.exposure),
        }
        common: dict[str, Any] = {
            "data_window": plate.data_window,
            "display_window": plate.display_window,
            "pixel_aspect": plate.pixel_aspect,
            "metadata": metadata,
        }
        tag = self._config.interop_id(space) or space
        if is_exr:
            if space != inputs.space:
                foreground, clean = (
                    None if color is None else self._config.convert(color, inputs.space, space)
                    for color in (result.foreground, result.clean if "clean" in job.layers else None)
                )
                assert foreground is not None
                result = replace(result, foreground=foreground, clean=clean)
            pixels, channels = result.exr_channels(job.layers)
            del result
            write_image(
                paths[0],
                pixels,
                channels,
                depth=job.depth,
                compression=job.compression,
                colorspace=tag,
                **common,
            )
            return paths
        for layer, path in zip(job.layers, paths, strict=True):
            pixels, channels = result.layer(layer)
            if pixels.shape[2] >= 3:
                color = self._config.convert(np.ascontiguousarray(pixels[..., :3]), inputs.space, space)
                pixels = np.dstack([color, pixels[..., 3:]]) if pixels.shape[2] > 3 else color
            colorspace = tag if pixels.shape[2] >= 3 else None
            write_image(path, pixels, channels, depth="uint16", colorspace=colorspace, **common)
        return paths

    # Parts of reading.

    def _picture(self, path: Path, layer: str | None, requested: str | None, frame: int) -> tuple[Frame, str]:
        picture = read_frame(path, layer=layer, frame=frame)
        pixels, bad = sanitize(picture.pixels)
        if bad:
            self._note(f"{path}: {bad} pixels are NaN or Inf; replaced by 0 or 65504.", frame, warning=True)
            picture = replace(picture, pixels=pixels)
        resolved = self._config.resolve(
            str(path), picture.colorspace, requested, chromaticities=picture.metadata.get("chromaticities")
        )
        # Once for every way a space is found, not once a frame.
        how = resolved.reason.replace(path.name, "")
        if how not in self._told:
            self._told.add(how)
            self._note(resolved.reason, None, warning=resolved.guessed)
        return picture, resolved.space

    def _clean(self, path: Path, space: str, plate: Frame, frame: int) -> np.ndarray:
        if self._still is not None and self._still[:2] == (path, space):
            picture, linear = self._still[2:]
        else:
            picture, clean_space = self._picture(path, self.job.clean_layer, self.job.clean_colorspace, frame)
            linear = self._config.convert(picture.rgb, clean_space, space)
            if self._cleans.is_still:
                header = replace(picture, pixels=np.empty((0, 0, len(picture.channels)), np.float32))
                self._still = (path, space, header, linear)
        _check_size("clean plate", picture, plate, frame)
        window, wanted = picture.data_window, plate.data_window
        if not (
            window.x <= wanted.x
            and window.y <= wanted.y
            and window.x + window.width >= wanted.x + wanted.width
            and window.y + window.height >= wanted.y + wanted.height
        ):
            raise FrameError(
                f"its data window {window} does not cover the plate's, {wanted}; crop the plate's overscan.",
                path=path,
                frame=frame,
            )
        return fit_window(linear, window, wanted)

    def _matte(self, name: str, path: Path, plate: Frame, frame: int) -> np.ndarray:
        picture = read_frame(path, frame=frame)
        pixels, bad = sanitize(picture.pixels)
        if bad:
            self._note(f"{path}: {bad} pixels are NaN or Inf; taken as 0.", frame, warning=True)
        _check_size(name.replace("_", " "), picture, plate, frame)
        pixels = fit_window(pixels, picture.data_window, plate.data_window)
        if name in ("inside", "outside"):
            # A garbage matte is its alpha where it has one, else its first channel.
            index = picture.channels.index("A") if "A" in picture.channels else 0
            return np.ascontiguousarray(pixels[..., index])
        if picture.straight_alpha and "A" in picture.channels:
            pixels = np.concatenate([pixels[..., :-1] * pixels[..., -1:], pixels[..., -1:]], axis=2)
        return pixels

    def _output_space(self, inputs: Inputs, is_exr: bool) -> str:
        requested = self.job.output_colorspace
        if requested is not None:
            return self._config.space(requested)
        if is_exr:
            return inputs.space
        suffix = Path(self.job.plate).suffix.lower()
        if suffix in _DISPLAY_SUFFIXES and not self._config.is_scene_linear(inputs.plate_space):
            return inputs.plate_space
        return self._config.resolve("layer.png", None, None).space

    def _note(self, message: str, frame: int | None, *, warning: bool) -> None:
        self._tell(Note(message, warning, frame))

    # Resuming.

    def _fingerprint(self, paths: dict[str, Path]) -> str:
        digest = hashlib.blake2b(self._settings_text.encode(), digest_size=16)
        for name in sorted(paths):
            digest.update(f"{name}:{self._hash(name, paths[name])}".encode())
        return digest.hexdigest()

    def _hash(self, name: str, path: Path) -> str:
        sequence = {"plate": self._plates, "clean": self._cleans}.get(name) or self._mattes[name]
        if not sequence.is_still:
            return _hash_file(path)
        if path not in self._hashes:
            self._hashes[path] = _hash_file(path)
        return self._hashes[path]

    def _complete(self, frame: int, fingerprint: str) -> bool:
        for path in self.paths(frame):
            try:
                if not path.is_file() or read_attributes(path).get(FINGERPRINT_ATTRIBUTE) != fingerprint:
                    return False
                verify_file(path)
            except FrameError:
                return False
        return True


def _check_size(what: str, picture: Frame, plate: Frame, frame: int) -> None:
    ours, plates = picture.display_window, plate.display_window
    if (ours.width, ours.height) != (plates.width, plates.height):
        raise FrameError(
            f"the {what} is {ours.width}x{ours.height}, the plate {plates.width}x{plates.height}; "
            "give both the same size.",
            path=picture.path,
            frame=frame,
        )


def _hash_file(path: Path) -> str:
    """Hash a file's content: a copied or touched file is still the same input."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise FrameError(f"cannot be read ({os.strerror(error.errno or 0)}).", path=path) from error
