"""A shot, frame by frame: fit the clean plate, then read ahead, compute, write behind.

One thread reads, this one runs the network, another solves and writes, so that disk, colour conversion and
compression overlap with the network. At most a few frames are in memory, however long the shot. Once the fit
of the clean plate is known, each frame is computed from its own inputs alone: how a shot is split into runs
then changes no bit of it.
"""

from __future__ import annotations

import hashlib
import json
import os
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
from howard_nodes.fitting import Plates, check_folder, check_size, choose_frames
from howard_nodes.frames import (
    Depth,
    Footage,
    Frame,
    Sequence,
    fit_window,
    format_frames,
    open_footage,
    read_attributes,
    sanitize,
    validate_compression,
    verify_file,
    write_image,
)
from howard_nodes.layers import DEFAULT_LAYERS, layer_path, validate_layers
from howard_nodes.network import describe_weights, load_weights
from howard_nodes.node import HowardMatte, MatteSettings, Prediction
from howard_nodes.plates.fit import ShotFit
from howard_nodes.plates.solving import FitSettings
from howard_nodes.takes import Take

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
_NUMERICS = 2
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
        Sequences, movies or stills. A clean plate that is a sequence or movie is paired by frame number where
        that fits, else by what the frames show.
    output : str
        Pattern of the result, `.exr` or `.png`.
    frames : str, optional
        `1001-1240`, `1001-1240x2`, `1001,1005`; by default all of the plate's.
    layers : tuple of str
        Names from `howard_nodes.layers.LAYERS`.
    layer, clean_layer : str, optional
        Layer of the plate's and the clean plate's EXR to read.
    clean_offset : int
        Frame n of the plate takes frame n + offset of the clean plate, where the takes are paired by number.
    fitting : FitSettings
        How the clean plate is made to fit.
    fit : str, optional
        A fit made before, as `report` writes it: no new one is made.
    report : str, optional
        Where to write the fit, as JSON.
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
    fitting: FitSettings = field(default_factory=FitSettings)
    fit: str | None = None
    report: str | None = None
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
    """What became of each frame, and how the clean plate fits (None where it was used as it is)."""

    done: tuple[int, ...]
    skipped: tuple[int, ...]
    failed: dict[int, str]
    seconds: float
    fit: ShotFit | None = None


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
    valid : ndarray or None
        H W, 1 where there is clean plate, 0 where it was filled; None where there is everywhere.
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
    valid: np.ndarray | None = None
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
    shot.fit_plates()
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
    return Report(tuple(sorted(done)), tuple(skipped), failed, seconds, shot.fit)


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
    """A job with everything found, checked and loaded.

    The clean plate is fitted with `fit_plates`; then a frame is `read`, then `predict`, then `write`.

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
        plate = Take(job.plate, self._config, tell, layer=job.layer, colorspace=job.colorspace)
        clean = Take(
            job.clean,
            self._config,
            tell,
            what="clean plate",
            layer=job.clean_layer,
            colorspace=job.clean_colorspace,
        )
        self._mattes = {
            name: open_footage(pattern)
            for name in ("override_coarse", "override_error", "inside", "outside")
            if (pattern := getattr(job, name)) is not None
        }
        self.frames = choose_frames(plate.footage, job.frames)
        self._plates = Plates(plate, clean, self.frames, job.fitting, tell, offset=job.clean_offset)
        self._check_output()
        self._plates.check_headers()
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
                "weights": _hash_weights(info.path),
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

    def _check_spaces(self) -> None:
        job, config = self.job, self._config
        if job.output_colorspace is not None:
            config.space(job.output_colorspace)
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
        inputs = {path.resolve() for frame in self.frames for path in self._input_paths(frame)}
        made = [path for frame in self.frames for path in self.paths(frame)]
        if job.report is not None:
            made.append(Path(job.report))
        for path in made:
            if path.resolve() in inputs:
                raise InputError(f"{path}: would overwrite an input; choose another output.")
        check_folder(output)
        if job.report is not None:
            check_folder(Path(job.report))

    def _input_paths(self, frame: int) -> list[Path]:
        """Name the files that a frame is made of, its clean frame by number."""
        return [*self._plates.paths(frame), *(matte.path(frame) for matte in self._mattes.values())]

    @property
    def fit(self) -> ShotFit | None:
        """How the clean plate fits; None before `fit_plates`, and where it is used as it is."""
        return self._plates.fit

    def fit_plates(self) -> None:
        """Find out how the clean plate fits each frame, and write the report where one is asked for.

        Raises
        ------
        InputError
            A fit that was given does not belong to this shot, or the report cannot be written.
        """
        self._plates.solve(self.node, self.job.fit, self.job.report)

    # The three steps of a frame.

    def read(self, frame: int) -> Inputs:
        """Read all that one frame needs, convert it to scene-linear, repair NaN and Inf.

        Raises
        ------
        FrameError
            A file is missing, damaged or of another size.
        """
        self._plates.frame_fit(frame)
        for name, footage in self._mattes.items():
            if not footage.exists(frame):
                what = name.replace("_", " ")
                raise FrameError(
                    f"no such file: this frame has no {what}.", path=footage.path(frame), frame=frame
                )
        fingerprint = self._fingerprint(frame)
        if self.job.resume and self._complete(frame, fingerprint):
            return Inputs(frame, fingerprint, complete=True)
        light, fitted = self._plates.fitted(frame)
        plate = light.header
        mattes = {name: self._matte(name, footage, plate, frame) for name, footage in self._mattes.items()}
        return Inputs(
            frame,
            fingerprint,
            False,
            plate,
            light.file_space,
            light.space,
            light.pixels,
            fitted.clean,
            fitted.valid,
            mattes,
        )

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
            valid=inputs.valid,
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
            valid=inputs.valid,
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
                apart = "difference" in job.layers
                wanted: dict[str, np.ndarray | None] = {
                    "foreground": result.foreground,
                    "clean": result.clean if apart or "clean" in job.layers else None,
                    "plate": result.plate if apart else None,
                }
                converted: dict[str, Any] = {
                    name: None if color is None else self._config.convert(color, inputs.space, space)
                    for name, color in wanted.items()
                }
                result = replace(result, **converted)
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

    def _matte(self, name: str, footage: Footage, plate: Frame, frame: int) -> np.ndarray:
        picture = footage.read(frame)
        pixels, bad = sanitize(picture.pixels)
        if bad:
            path = footage.path(frame)
            self._tell(Note(f"{path}: {bad} pixels are NaN or Inf; taken as 0.", True, frame))
        check_size(name.replace("_", " "), picture, plate, frame)
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

    # Resuming.

    def _fingerprint(self, frame: int) -> str:
        digest = hashlib.blake2b(self._settings_text.encode(), digest_size=16)
        parts = self._plates.digests(frame)
        parts |= {name: footage.digest(frame) for name, footage in self._mattes.items()}
        for name in sorted(parts):
            digest.update(f"{name}:{parts[name]}".encode())
        return digest.hexdigest()

    def _complete(self, frame: int, fingerprint: str) -> bool:
        for path in self.paths(frame):
            try:
                if not path.is_file() or read_attributes(path).get(FINGERPRINT_ATTRIBUTE) != fingerprint:
                    return False
                verify_file(path)
            except FrameError:
                return False
        return True


def _hash_weights(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({os.strerror(error.errno or 0)}).") from error
