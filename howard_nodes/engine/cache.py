"""What the stages of a node gave, kept in bounded memory: the least recently used goes first."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Generic, TypeVar

import numpy as np

__all__ = ["KeptWhileSame", "StageCache", "key_of"]

T = TypeVar("T")

_MOST_KEPT = 256 << 20  # bytes: a clean plate of 4K has 100 MB, of 8K 400


def key_of(*parts: object) -> str:
    """Make a key of what a stage depends on.

    Parameters
    ----------
    *parts : object
        Anything that JSON holds: other keys, numbers, dicts of settings.

    Returns
    -------
    str
        Equal for equal parts.
    """
    text = json.dumps(parts, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass
class _Entry:
    value: Any
    buffers: dict[int, int]


class StageCache:
    """Values by key, of which at most a number of bytes is kept.

    Arrays and tensors inside values (dataclasses, tuples, dicts) are counted, each once, however many values
    share it. May be used from several threads.

    Parameters
    ----------
    limit : int
        Bytes; 0 keeps nothing.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._users: dict[int, int] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def bytes(self) -> int:
        """How much is kept now."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str, make: Callable[[], T]) -> T:
        """Give what was kept under a key, or make it and keep it.

        Parameters
        ----------
        key : str
            From `key_of`.
        make : callable
            Gives the value; what it raises goes on to the caller, and nothing is kept.

        Returns
        -------
        object
            The very value that was kept: leave it as it is.
        """
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
                return entry.value
        value = make()
        if self.limit > 0:
            self._keep(key, value)
        return value

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._users.clear()
            self._bytes = 0

    def _keep(self, key: str, value: object) -> None:
        buffers = dict(_buffers(value))
        if sum(buffers.values()) > self.limit:
            return
        with self._lock:
            if key in self._entries:  # another thread made it meanwhile
                return
            self._entries[key] = _Entry(value, buffers)
            for buffer, size in buffers.items():
                if not self._users.get(buffer):
                    self._bytes += size
                self._users[buffer] = self._users.get(buffer, 0) + 1
            while self._bytes > self.limit:
                self._drop(*self._entries.popitem(last=False))

    def _drop(self, _key: str, entry: _Entry) -> None:
        for buffer, size in entry.buffers.items():
            self._users[buffer] -= 1
            if not self._users[buffer]:
                del self._users[buffer]
                self._bytes -= size


class KeptWhileSame(Generic[T]):
    """One value, for as long as the same one is asked for: kept from the second time on.

    What changes with every frame costs no memory, and what is very large is not kept. May be used from
    several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._key: object = None
        self._value: T | None = None

    def get(self, key: object, make: Callable[[], T]) -> T:
        """Give what was kept under a key, or make it.

        Parameters
        ----------
        key : object
            Never None.
        make : callable
            Gives the value, never None.

        Returns
        -------
        object
            Leave it as it is.
        """
        with self._lock:
            if key != self._key:
                self._key, self._value = key, None
                keeps = False
            elif self._value is not None:
                return self._value
            else:
                keeps = True
        value = make()
        keeps = keeps and sum(dict(_buffers(value)).values()) <= _MOST_KEPT
        with self._lock:
            if keeps and key == self._key:
                self._value = value
        return value


def _buffers(value: object) -> Iterator[tuple[int, int]]:
    """Addresses and sizes of the memory that arrays and tensors in a value hold on to."""
    if hasattr(value, "untyped_storage"):  # a tensor: torch need not be there to know one
        storage = value.untyped_storage()
        yield storage.data_ptr(), storage.nbytes()
    elif isinstance(value, np.ndarray):
        while isinstance(value.base, np.ndarray):
            value = value.base
        yield value.__array_interface__["data"][0], value.nbytes
    elif is_dataclass(value):
        for one in fields(value):
            yield from _buffers(getattr(value, one.name))
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _buffers(one)
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _buffers(one)
