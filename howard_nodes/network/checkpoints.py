"""Checkpoints of other programs, read without running anything in them."""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from howard_nodes.errors import WeightsError

__all__ = ["read_checkpoint"]

_MOST_UNPACKED = 4  # times its size on disk
_SMALL = 64 << 20  # bytes of code and of names, which are packed well


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Read a state dict or a TorchScript archive without running anything in it."""
    if not path.is_file():
        raise WeightsError(f"{path}: no such file.")
    try:
        script = _is_torchscript(path)
        content = (
            _read_torchscript(path) if script else torch.load(path, map_location="cpu", weights_only=True)
        )
    except WeightsError:
        raise
    except pickle.UnpicklingError as error:
        reason = str(error).strip().splitlines()[0]
        raise WeightsError(
            f"{path}: refused: it is damaged, or holds more than tensors and would run code ({reason})."
        ) from error
    except Exception as error:  # whatever a damaged pickle or archive leads to
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise WeightsError(f"{path}: cannot be read as a checkpoint ({reason}); copy it again.") from error
    for key in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content:
        raise WeightsError(f"{path}: holds a {type(content).__name__}, not a state dict.")
    state = {str(name).removeprefix("module."): value for name, value in content.items()}
    for name, value in state.items():
        if not isinstance(value, Tensor) or value.layout != torch.strided:
            raise WeightsError(f"{path}: {name} is not a plain tensor; a state dict is needed.")
    return state


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        # torch keeps tensors as they are, and packs little else: what unpacks to more is no checkpoint.
        unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > _MOST_UNPACKED * path.stat().st_size + _SMALL:
            raise WeightsError(
                f"{path}: refused: it unpacks to {unpacked >> 20} MB, it is damaged or made to do harm."
            )
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


class _Module:
    """Stands for any class of a TorchScript archive: a bag of attributes."""

    def __init__(self, *_: Any) -> None:
        self.attributes: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        self.attributes = dict(state) if isinstance(state, Mapping) else {}


_STORAGES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


def _rebuild_tensor(
    storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any
) -> Tensor:
    return storage.as_strided(size, stride, offset)


def _rebuild_parameter(tensor: Tensor, *_: Any) -> Tensor:
    return tensor


def _as_list(items: Any, *_: Any) -> list[Any]:
    return list(items)


class _ScriptUnpickler(pickle.Unpickler):
    """Reads the attributes of a TorchScript module; knows these few names, and refuses all others."""

    def __init__(self, archive: zipfile.ZipFile, folder: str) -> None:
        self.archive, self.folder = archive, folder
        self.storages: dict[str, Tensor] = {}
        self.member = archive.open(f"{folder}/data.pkl")
        super().__init__(self.member)

    def find_class(self, module: str, name: str) -> Any:
        if module == "__torch__" or module.startswith("__torch__."):
            return _Module
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        if module == "torch.jit._pickle" and name.startswith(("build_", "restore_type_tag")):
            return _as_list
        known = {
            ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
            ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
            ("collections", "OrderedDict"): OrderedDict,
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return known[module, name]

    def persistent_load(self, pid: Any) -> Tensor:
        kind, dtype, key, _, count = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype):
            raise pickle.UnpicklingError(f"it asks for {kind!r}")
        if key not in self.storages:
            data = bytearray(self.archive.read(f"{self.folder}/data/{key}"))
            size = count * torch.empty((), dtype=dtype).element_size()
            if len(data) < size:
                raise pickle.UnpicklingError(f"tensor data {key} is cut off")
            self.storages[key] = torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)
        return self.storages[key]


def _read_torchscript(path: Path) -> dict[str, Tensor]:
    with zipfile.ZipFile(path) as archive:
        folder = next(name for name in archive.namelist() if name.endswith("/constants.pkl")).rpartition("/")[
            0
        ]
        root = _ScriptUnpickler(archive, folder).load()
    if not isinstance(root, _Module):
        raise WeightsError(f"{path}: a TorchScript file without a module.")
    state: dict[str, Tensor] = {}
    waiting = [("", root)]
    seen = set()
    while waiting:
        prefix, module = waiting.pop()
        # A module that holds itself, or one in many places, must not keep this loop going.
        if id(module) in seen:
            continue
        seen.add(id(module))
        for name, value in module.attributes.items():
            if isinstance(value, Tensor):
                state[prefix + name] = value
            elif isinstance(value, _Module):
                waiting.append((f"{prefix}{name}.", value))
    return state
