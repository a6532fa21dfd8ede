"""Pixels in shared memory that a host made: attached to for a moment, never unlinked."""

from __future__ import annotations

import mmap
import os
import sys
from multiprocessing.shared_memory import SharedMemory

import numpy as np

from howard_nodes.frames.frame import HALF_MAX
from howard_nodes.worker.protocol import Code, RequestError
from howard_nodes.worker.requests import Block

__all__ = ["attach", "put"]


def attach(name: str, block: Block) -> np.ndarray:
    """Give the pixels of a block as they lie in memory.

    Parameters
    ----------
    name : str
        Of the socket, for messages.
    block : Block
        Where they are.

    Returns
    -------
    ndarray
        Of the block's shape and type. The memory stays attached while something looks at it.

    Raises
    ------
    RequestError
        It is not there, or too small.
    """
    name = name.replace("_", " ")
    try:
        memory = _opened(block.memory)
    except OSError as error:
        raise RequestError(
            Code.REFUSED,
            f"{name}: the shared memory {block.memory} cannot be opened ({error.strerror})",
            remedy="Keep the memory until the answer has come.",
        ) from None
    size = len(memory)
    if block.offset + block.nbytes > size:
        raise RequestError(
            Code.REFUSED,
            f"{name}: {block.nbytes} bytes from {block.offset} on do not fit into the shared memory "
            f"{block.memory} of {size}",
        )
    items = block.nbytes // np.dtype(block.dtype).itemsize
    return np.frombuffer(memory, block.dtype, items, block.offset).reshape(block.shape)


def _opened(name: str) -> mmap.mmap:
    """Map a shared memory that is there, all of it. Raises `OSError`."""
    if sys.platform == "win32":
        # mmap alone would make one that is not there. Nobody unlinks: Windows drops what nobody has mapped.
        there = SharedMemory(name)
        try:
            return mmap.mmap(-1, there.size, tagname=name)
        finally:
            there.close()
    # Up to Python 3.12, SharedMemory unlinks what a process only attached to when that ends.
    # The call beneath it does not.
    import _posixshmem  # type: ignore[import-not-found]

    descriptor = _posixshmem.shm_open(f"/{name}", os.O_RDWR, mode=0o600)
    try:
        return mmap.mmap(descriptor, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def put(pixels: np.ndarray, into: np.ndarray) -> None:
    """Copy pixels into a block.

    Parameters
    ----------
    pixels : ndarray
        H W C or H W, float32. Values beyond the range of float16 become its ends there.
    into : ndarray
        From `attach`, of as many pixels.
    """
    if into.dtype == np.float16:
        pixels = np.clip(pixels, -HALF_MAX, HALF_MAX)
    into[...] = pixels.reshape(into.shape)
