"""A TorchScript model for Nuke's Inference node, and the script that makes a .cat file of it."""

from __future__ import annotations

import io
import json
import warnings
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from howard_nodes import __version__
from howard_nodes.atomic import write_file
from howard_nodes.color import ColorConfig
from howard_nodes.description import KNOBS, ComputeSettings, Knob, MatteSettings
from howard_nodes.engine.engine import Engine
from howard_nodes.errors import InputError, WriteError
from howard_nodes.hosts.nuke.inference import CHANNELS_IN, CHANNELS_OUT, InferenceModel, Quality
from howard_nodes.network import describe_weights, load_weights

__all__ = ["Exported", "export_model", "largest_difference", "nuke_script"]

_LINEAR_REC709 = "lin_rec709_scene"
# How far the exported model may be from the node: mattes of 0 to 1; light, as a part of itself above 1.
_ALLOWED = 1e-4
_ALLOWED_LIGHT = 1e-3
# Sizes and settings that are compared before the file gets its name; odd sizes, and smaller than a patch.
_SIZES = ((1, 1), (7, 45), (90, 121))
_SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"quality": "high", "refine_mode": "full", "exposure": 1.5},
    {"quality": "draft", "sample_pixels": 1600},
    {"refine_mode": "thresholding", "threshold": 0.02, "backbone_scale": 0.4},
)
# Brighter than what the exposure leaves alone, in parts of the plate.
_LIGHT = 6.0


@dataclass(frozen=True)
class Exported:
    """What `export_model` wrote."""

    model: Path
    """The TorchScript file."""
    script: Path
    """The Nuke script with its CatFileCreator."""
    difference: float
    """The largest difference of any matte from the node's, of those compared."""


def export_model(
    path: str | Path,
    *,
    weights: str | Path | None = None,
    colorspace: str | None = None,
    ocio: str | Path | None = None,
    overwrite: bool = False,
) -> Exported:
    """Write the node as a TorchScript model, compare it with the node, and write its Nuke script beside it.

    Parameters
    ----------
    path : str or Path
        Ends in .pt. The script goes beside it as NAME.cat.nk.
    weights : str or Path, optional
        As for `howard_nodes.network.load_weights`.
    colorspace : str, optional
        The working space of Nuke scripts: scene-linear. By default linear Rec.709, as Nuke's own
        configuration has it.
    ocio : str or Path, optional
        OpenColorIO configuration that knows the space, as for `ColorConfig.load`.
    overwrite : bool
        Replace files that are there.

    Returns
    -------
    Exported
        Where the two files are.

    Raises
    ------
    InputError
        A name, weights or a colour space that will not do, or a file that is there already.
    WriteError
        The model does not agree with the node, or a file cannot be written; nothing is left then.
    """
    path = Path(path)
    script = path.with_suffix(".cat.nk")
    if path.suffix != ".pt":
        raise InputError(f"{path}: Nuke's CatFileCreator takes .pt files; use a name that ends in .pt.")
    for file in (path, script):
        if file.exists() and not overwrite:
            raise InputError(f"{file}: already exists; choose another name, or use --overwrite.")
    config = ColorConfig.load(ocio)
    space = config.space(_LINEAR_REC709 if colorspace is None else colorspace)
    info = describe_weights(weights)
    network = load_weights(weights, fused=False)
    model = InferenceModel(network, *_matrices(config, space), _qualities()).eval()
    about = {"howard": __version__, "weights": info.name, "backbone": info.backbone, "colorspace": space}
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # TorchScript is deprecated, and the only format that Nuke reads.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(_scripted(model), buffer, _extra_files={"howard.json": json.dumps(about)})
        buffer.seek(0)
        loaded = torch.jit.load(buffer, map_location="cpu")
    difference = largest_difference(loaded, weights, config, space)
    if not difference <= _ALLOWED:
        raise WriteError(
            f"the model differs from the node by {difference:g} (at most {_ALLOWED:g} is allowed); "
            "nothing was written. Please report it, with the weights' name.",
            path=path,
        )
    write_file(path, buffer.getvalue())
    write_file(script, nuke_script(path, Path(info.name).stem, model).encode())
    return Exported(path, script, difference)


def largest_difference(
    model: torch.jit.ScriptModule, weights: str | Path | None, config: ColorConfig, space: str
) -> float:
    """Compare an exported model with the node, at several sizes and settings.

    Parameters
    ----------
    model : ScriptModule
        As loaded from its file; its attributes are changed.
    weights : str or Path, optional
        Those it was made of.
    config : ColorConfig
        Knows the space.
    space : str
        The model's working space.

    Returns
    -------
    float
        The largest difference of alpha, coarse matte and error map, and a tenth of the largest relative one
        of the foreground: pixels that only one of the two refined are left out, one in a hundred at most,
        else it is infinite. Infinite too where anything is not a number, or half precision breaks it.
    """
    network = load_weights(weights)
    worst = 0.0
    for settings in _SETTINGS:
        engine = Engine(
            network,
            config,
            MatteSettings(unmix="off", **settings),
            ComputeSettings(device="cpu", precision="float32"),
        )
        _set_knobs(model, engine.settings)
        for size in _SIZES:
            plate, clean = _pictures(*size)
            expected = engine.evaluate(plate, clean, space)
            with torch.no_grad():
                found = model(_stacked(plate, clean))[0].numpy()
            assert expected.region is not None
            refined_alike = found[9] == expected.region
            if refined_alike.mean() < 0.99:
                return float("inf")
            pairs = [(found[3], expected.alpha), (found[7], expected.coarse), (found[8], expected.error)]
            apart = [np.abs(one - other)[refined_alike] for one, other in pairs]
            light = np.abs(found[4:7] - expected.foreground.transpose(2, 0, 1))
            light /= np.maximum(1.0, np.abs(expected.foreground).transpose(2, 0, 1))
            apart.append(light[:, refined_alike] * (_ALLOWED / _ALLOWED_LIGHT))
            apart.append(np.abs(found[:3] - found[4:7] * found[3]) / np.maximum(1.0, np.abs(found[:3])))
            worst = max([worst, *(float(one.max(initial=0.0)) for one in apart)])
            if not np.isfinite(found).all():
                return float("inf")
    with torch.no_grad():
        half = model.half()(_stacked(plate, clean).half())
    return worst if half.dtype == torch.float16 and bool(half.isfinite().all()) else float("inf")


def nuke_script(path: Path, name: str, model: InferenceModel) -> str:
    """Write the Nuke script that makes a .cat file of a model.

    Parameters
    ----------
    path : Path
        The TorchScript file.
    name : str
        What the model is called in the .cat file.
    model : InferenceModel
        Its attributes become the knobs of the Inference node, with their values as defaults.

    Returns
    -------
    str
        To be pasted into Nuke or opened with it: a CatFileCreator, and the Copy that packs a plate and a
        clean plate into the channels the model takes.
    """
    knobs = [line for knob in KNOBS if hasattr(model, knob.name) for line in _knob_lines(knob, model)]
    packed = zip(CHANNELS_IN[:3], CHANNELS_IN[3:], strict=True)
    lines = [
        "push 0",
        "push 0",
        "Copy {",
        " inputs 2",
        *(f" from{i} {color}\n to{i} {channel}" for i, (color, channel) in enumerate(packed)),
        " name HowardPack",
        ' label "A: clean plate, B: plate"',
        "}",
        "CatFileCreator {",
        " inputs 0",
        f" torchScriptFile {_quoted(path.resolve().as_posix())}",
        f" catFile {_quoted(path.resolve().with_suffix('.cat').as_posix())}",
        f" channelsIn {','.join(CHANNELS_IN)}",
        f" channelsOut {','.join(CHANNELS_OUT)}",
        f" modelId {_quoted(f'Howard {name}')}",
        " name HowardCatFileCreator",
        " postage_stamp false",
        *(f" {line}" for line in ("addUserKnob {20 Howard}", *knobs)),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _knob_lines(knob: Knob, model: InferenceModel) -> list[str]:
    """Write one of the node's knobs as CatFileCreator's user knobs: itself, and its box where it has one."""
    value, about = getattr(model, knob.name), f"l {_quoted(knob.label)} t {_quoted(knob.help)}"
    if knob.type == "choice":
        labels = [_quoted(choice.label) for choice in knob.choices]
        lines = [
            f"addUserKnob {{4 {knob.name} {about} M {{{' '.join(labels)}}}}}",
            f"{knob.name} {labels[value]}",
        ]
    else:
        limits = "" if knob.maximum is None else f" R {knob.minimum:g} {knob.maximum:g}"
        kind = 3 if knob.type == "int" else 7
        lines = [f"addUserKnob {{{kind} {knob.name} {about}{limits}}}", f"{knob.name} {value:g}"]
    if knob.automatic:
        name, tip = f"{knob.name}_automatic", _quoted(knob.automatic)
        lines += [f"addUserKnob {{6 {name} l automatic t {tip} -STARTLINE}}", f"{name} true"]
    return lines


def _quoted(text: str) -> str:
    """Quote text for Nuke's script language, which is Tcl's."""
    for special in '\\"[]{}$':
        text = text.replace(special, f"\\{special}")
    return f'"{text}"' if not text or " " in text or "\\" in text else text


def _set_knobs(model: torch.jit.ScriptModule, settings: MatteSettings) -> None:
    for knob in KNOBS:
        if not hasattr(model, knob.name):
            continue
        value = getattr(settings, knob.name)
        if knob.automatic:
            setattr(model, f"{knob.name}_automatic", value is None)
        if knob.type == "choice":
            value = [choice.value for choice in knob.choices].index(value)
        if value is not None:
            setattr(model, knob.name, value)


def _scripted(model: InferenceModel) -> torch.jit.ScriptModule:
    for module in model.modules():
        # Left None, it would get a type that torch 1.6 cannot read.
        module._is_full_backward_hook = False
    scripted: torch.jit.ScriptModule = torch.jit.script(model)
    return scripted


def _matrices(config: ColorConfig, space: str) -> tuple[list[float], list[float]]:
    """Give the matrices from a space to linear Rec.709 and back, row by row."""
    if not config.is_scene_linear(space):
        raise InputError(
            f"{space} is not scene-linear: name the working space of the scripts, such as acescg."
        )
    units = np.eye(3, dtype=np.float32)[None]
    # A pixel is a column; the rows that come back are the matrix's columns.
    matrix = config.to_linear_rec709(units, space)[0].astype(np.float64).T
    probe = np.array([[[0.2, 3.0, -0.1], [0.0, 0.0, 0.0], [40.0, 8.0, 0.5]]], np.float32)
    if not np.allclose(config.to_linear_rec709(probe, space), probe @ matrix.T, rtol=1e-5, atol=1e-5):
        raise InputError(f"{space} is not a matrix transform of linear Rec.709: choose another space.")
    return matrix.reshape(-1).tolist(), np.linalg.inv(matrix).reshape(-1).tolist()


def _qualities() -> list[Quality]:
    """Find out what each quality chooses, from what it chooses."""
    found = []
    for choice in next(knob for knob in KNOBS if knob.name == "quality").choices:
        settings = MatteSettings(quality=choice.value)
        scales = settings.scales_for(1, 1)
        first, least = scales[0], settings.scales_for(1, 1 << 24)[0]

        def smaller(side: int, settings: MatteSettings = settings, first: float = first) -> bool:
            return settings.scales_for(1, side)[0] < first

        longest = bisect_left(range(1, 1 << 20), True, key=smaller)
        pixels = float(settings.pixels_for(1080, 1920))
        found.append(Quality(first, least, longest * first, len(scales), settings.mirrored, pixels))
    return found


def _pictures(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Make a plate with a bright round subject, and its clean plate, H W 3."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    grain = np.random.default_rng(7).normal(0.0, 0.004, (2, height, width, 3)).astype(np.float32)
    clean = np.dstack([0.1 + 0.4 * x / width, 0.15 + 0.3 * y / height, np.full_like(x, 0.3)])
    distance = np.hypot(x - width / 2, y - height / 2)
    alpha = np.clip((min(height, width) / 3 - distance) / 3 + 0.5, 0.0, 1.0)[..., None]
    plate = alpha * np.array([_LIGHT, 0.6, 0.1], np.float32) + (1 - alpha) * clean
    pair: tuple[np.ndarray, np.ndarray] = (np.abs(plate + grain[0]), np.abs(clean + grain[1]))
    return pair


def _stacked(plate: np.ndarray, clean: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.dstack([plate, clean])).permute(2, 0, 1)[None].contiguous()
