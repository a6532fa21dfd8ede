"""Weights: where they are, what they are, reading and writing them.

Howard's own files are safetensors, which hold numbers and text and nothing that runs. Checkpoints of other
programs are pickles, which can run anything when opened the usual way; `import_checkpoint` reads their
tensors without.
"""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from howard_nodes.atomic import write_file
from howard_nodes.errors import WeightsError
from howard_nodes.network.checkpoints import read_checkpoint
from howard_nodes.network.model import MattingNetwork
from howard_nodes.shipped import DATA, damage
from howard_nodes.system.machine import data_folder

__all__ = [
    "DEFAULT_WEIGHTS",
    "WeightsInfo",
    "describe_weights",
    "import_checkpoint",
    "list_weights",
    "load_weights",
    "save_weights",
    "shipped_weights_folder",
    "user_weights_folder",
]

DEFAULT_WEIGHTS = "default"
_DEFAULT_FILE = "howard-lite0"
_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class WeightsInfo:
    """What a weights file says of itself, read from its header alone."""

    name: str
    """What `load_weights` takes; a path for files outside the two folders."""
    path: Path
    backbone: str | None
    """None where the file is unusable, see `problem`."""
    features: int = 0
    refiner_widths: tuple[int, ...] = ()
    parameters: int = 0
    """Numbers in all tensors."""
    size: int = 0
    """Bytes on disk."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None
    """Why the file cannot be used, where it cannot."""


def shipped_weights_folder() -> Path:
    """Where the weights that come with Howard are.

    Returns
    -------
    Path
        A folder of the package.
    """
    return DATA


def user_weights_folder() -> Path:
    """Where imported weights go and are looked for.

    Returns
    -------
    Path
        ``$HOWARD_WEIGHTS``, else ``howard/weights`` in the user's data folder. It need not exist.
    """
    if folder := os.environ.get("HOWARD_WEIGHTS"):
        return Path(folder)
    return data_folder() / "howard" / "weights"


def load_weights(name_or_path: str | Path | None = None, *, fused: bool = True) -> MattingNetwork:
    """Load a network with its weights.

    Parameters
    ----------
    name_or_path : str or Path, optional
        A name of `list_weights`, or a safetensors file. None and "default" are the weights that ship.
    fused : bool
        Fold the normalisations in (`MattingNetwork.prepared`): faster, for inference only. Without, the
        network can be trained and saved.

    Returns
    -------
    MattingNetwork
        On the CPU, in eval mode.

    Raises
    ------
    WeightsError
        Where there is no such file, or it is damaged or not of one of Howard's networks. Weights that came
        with Howard are checked by their hash.
    """
    path = _find(name_or_path)
    if damaged := damage(path):
        raise WeightsError(damaged)
    state, metadata = _read_safetensors(path)
    network = _build(state, path)
    network.backbone_scale = _share(metadata, "backbone_scale", network.backbone_scale)
    network.quiet_error = _share(metadata, "quiet_error", network.quiet_error)
    network.eval()
    return network.prepared() if fused else network


def save_weights(
    network: MattingNetwork, path: str | Path, metadata: Mapping[str, str] | None = None
) -> None:
    """Write a network's weights as safetensors, atomically.

    Parameters
    ----------
    network : MattingNetwork
        Not a `prepared` one: its normalisations are gone.
    path : str or Path
        Ends in .safetensors. The folder is made where it is missing.
    metadata : mapping of str to str, optional
        Kept in the header, besides backbone, features, refiner widths, backbone scale and quiet
        error.

    Raises
    ------
    WeightsError
        Where the network is a prepared one.
    WriteError
        Where the file cannot be written; what was there before stays.
    """
    path = Path(path)
    if network.folded:
        raise WeightsError(
            f"{path}: a network prepared for inference cannot be saved; load it with fused=False."
        )
    header = {str(key): str(value) for key, value in (metadata or {}).items()} | {
        "format": "howard-matting",
        "backbone": network.backbone_name,
        "backbone_scale": repr(network.backbone_scale),
        "quiet_error": repr(network.quiet_error),
        "features": str(network.refiner.features),
        "refiner_widths": json.dumps(network.refiner.widths),
    }
    state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    # Bytes first: safetensors makes files that nobody else may read.
    write_file(path, save(state, header))


def list_weights() -> list[WeightsInfo]:
    """List the weights that can be named: those that ship and those of the user.

    Returns
    -------
    list of WeightsInfo
        The shipped ones first. Files that cannot be used are listed with their `problem`.
    """
    found = []
    for name, path in _named().items():
        try:
            found.append(_describe(name, path))
        except WeightsError as error:
            found.append(WeightsInfo(name, path, None, problem=str(error)))
    return found


def describe_weights(name_or_path: str | Path | None = None) -> WeightsInfo:
    """Tell what a weights file is, without loading it.

    Parameters
    ----------
    name_or_path : str or Path, optional
        As for `load_weights`.

    Returns
    -------
    WeightsInfo
        With the metadata of its header.

    Raises
    ------
    WeightsError
        As for `load_weights`.
    """
    path = _find(name_or_path)
    names = {known: name for name, known in _named().items()}
    return _describe(names.get(path, str(path)), path)


def import_checkpoint(
    source: str | Path, target: str | Path | None = None, *, overwrite: bool = False
) -> WeightsInfo:
    """Turn a BackgroundMattingV2 checkpoint into a weights file; nothing in it is executed.

    Parameters
    ----------
    source : str or Path
        A .pth file as the authors publish them (a state dict, also with the ``module.`` of data-parallel
        training), or one of their TorchScript files, of float32 or float16. The content decides, not the
        suffix.
    target : str or Path, optional
        The safetensors file to write; in the user's folder, under the source's name, by default.
    overwrite : bool
        Replace a file that is there.

    Returns
    -------
    WeightsInfo
        Of the file written.

    Raises
    ------
    WeightsError
        Where the source cannot be read, holds anything but tensors and names, or is not of a known network;
        or the target is there already.
    WriteError
        Where the target cannot be written.
    """
    source = Path(source)
    target = user_weights_folder() / f"{source.stem}{_SUFFIX}" if target is None else Path(target)
    if target.suffix != _SUFFIX:
        raise WeightsError(f"{target}: the name of weights must end in {_SUFFIX}.")
    if target.exists() and not overwrite:
        raise WeightsError(f"{target}: already exists; remove it, choose another name, or overwrite it.")
    state = read_checkpoint(source)
    kinds = sorted(
        {str(value.dtype).removeprefix("torch.") for value in state.values() if value.is_floating_point()}
    )
    network = _build(state, source)
    save_weights(network, target, {"imported_from": source.name, "imported_precision": ", ".join(kinds)})
    return describe_weights(target)


def _named() -> dict[str, Path]:
    named = {}
    for folder in (user_weights_folder(), shipped_weights_folder()):
        with suppress(OSError):  # a folder that may not be looked into has none
            named.update({path.stem: path for path in sorted(folder.glob(f"*{_SUFFIX}"))})
    if _DEFAULT_FILE in named:
        named = {DEFAULT_WEIGHTS: named.pop(_DEFAULT_FILE)} | named
    return named


def _find(name_or_path: str | Path | None) -> Path:
    named = _named()
    name = DEFAULT_WEIGHTS if name_or_path is None else str(name_or_path)
    if name == _DEFAULT_FILE:
        name = DEFAULT_WEIGHTS
    if not isinstance(name_or_path, Path) and name in named:
        return named[name]
    path = Path(name)
    if path.suffix == _SUFFIX or path.exists():
        if not path.is_file():
            raise WeightsError(f"{path}: no such weights file.")
        return path
    if name == DEFAULT_WEIGHTS:
        raise WeightsError(
            f"{shipped_weights_folder() / (_DEFAULT_FILE + _SUFFIX)}: the default weights are "
            "missing; reinstall Howard, or name a weights file."
        )
    near = difflib.get_close_matches(name, named, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise WeightsError(
        f"no weights named {name!r}.{hint} Installed: {', '.join(named) or 'none'}. Give one of "
        "these names or a .safetensors file; import other checkpoints with howard weights import."
    )


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            return {name: file.get_tensor(name) for name in names}, dict(file.metadata() or {})
    except (OSError, SafetensorError, ValueError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> WeightsError:
    hint = "import checkpoints of other programs with howard weights import" if path.suffix != _SUFFIX else ""
    hint = hint or "it is damaged or not a safetensors file; copy it again"
    return WeightsError(f"{path}: cannot be read as weights ({error}); {hint}.")


def _describe(name: str, path: Path) -> WeightsInfo:
    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            shapes = {key: tuple(file.get_slice(key).get_shape()) for key in names}
            metadata = dict(file.metadata() or {})
    except (OSError, SafetensorError, ValueError) as error:
        raise _unreadable(path, error) from error
    backbone, features, widths = _recognise(shapes, path)
    parameters = sum(
        torch.Size(shape).numel() for key, shape in shapes.items() if not key.endswith("num_batches_tracked")
    )
    return WeightsInfo(name, path, backbone, features, widths, parameters, path.stat().st_size, metadata)


def _share(metadata: Mapping[str, str], name: str, usual: float) -> float:
    """Read a number above 0, at most 1; where there is none such, the usual one."""
    try:
        share = float(metadata.get(name, usual))
    except ValueError:
        return usual
    return share if 0 < share <= 1 else usual


def _recognise(shapes: Mapping[str, tuple[int, ...]], path: Path) -> tuple[str, int, tuple[int, ...]]:
    """Tell backbone, features and refiner widths from the names and shapes of tensors."""
    if any(name.startswith("lite0.") for name in shapes):
        backbone = "lite0"
    elif "backbone.features.0.0.weight" in shapes:
        backbone = "mobilenetv2"
    elif "backbone.layer3.22.conv1.weight" in shapes:
        backbone = "resnet101"
    elif "backbone.layer3.5.conv1.weight" in shapes:
        backbone = "resnet50"
    else:
        raise WeightsError(
            f"{path}: not weights of lite0 or of BackgroundMattingV2's mobilenetv2, resnet50, "
            f"resnet101; it holds {len(shapes)} tensors: {', '.join(list(shapes)[:3]) or 'none'} "
            "..."
        )
    try:
        widths = tuple(shapes[f"refiner.conv{i}.weight"][0] for i in (1, 2, 3))
        features = shapes["refiner.conv1.weight"][1] - 10
    except (KeyError, IndexError) as error:
        raise WeightsError(
            f"{path}: weights of {backbone} without a refiner (of the coarse stage alone?); "
            "a file of the whole network is needed."
        ) from error
    return backbone, features, widths


def _build(state: Mapping[str, Tensor], path: Path) -> MattingNetwork:
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    backbone, features, widths = _recognise(shapes, path)
    if features < 1 or features > 1024 or max(widths) > 1024:
        raise WeightsError(f"{path}: {features} features and refiner widths {widths} are not valid.")
    signed = shapes.get("lite0.trunk.stem.0.weight", (0, 9))[1:2] != (6,)
    # Every number is replaced: drawing first ones takes longer than all the rest.
    with torch.device("meta"):
        network = MattingNetwork(
            backbone,
            features=features,
            refiner_widths=widths,
            signed=signed,
            light_widths=_light_widths(shapes),
        )
    wanted = network.state_dict()
    missing, extra = wanted.keys() - shapes.keys(), shapes.keys() - wanted.keys()
    # Old checkpoints have no such counters, and inference no use for them.
    missing = {name for name in missing if not name.endswith("num_batches_tracked")}
    wrong = [name for name in wanted if name in shapes and shapes[name] != tuple(wanted[name].shape)]
    for names, trouble in ((missing, "lacks"), (extra, "has unknown"), (wrong, "has other shapes for")):
        if names:
            some = ", ".join(sorted(names)[:3])
            raise WeightsError(
                f"{path}: a {backbone} network, but it {trouble} {len(names)} tensors: {some} ..."
            )
    loaded = {}
    for name, like in wanted.items():
        value = state.get(name, torch.zeros((), dtype=like.dtype)).to(like.dtype)
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise WeightsError(
                f"{path}: {name} holds NaN or Inf; the file is damaged or its training failed."
            )
        loaded[name] = value.clone()
    network.load_state_dict(loaded, assign=True)
    for parameter in network.parameters():
        parameter.requires_grad_(True)
    return network


def _light_widths(shapes: Mapping[str, tuple[int, ...]]) -> tuple[int, ...] | None:
    """Tell the widths of the part that weighs light, None where there is none."""
    found = [shapes.get(f"light.before.{i}.conv1.bias", ()) for i in range(3)]
    return tuple(shape[0] for shape in found) if all(len(shape) == 1 for shape in found) else None
