"""What the methods are asked for, checked as far as is possible without looking at files."""

from __future__ import annotations

import difflib
import math
import os
import re
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NoReturn

from howard_nodes.description import (
    INPUTS,
    KNOBS,
    OPTIONS,
    OUTPUTS,
    Socket,
    checked,
    inputs_checked,
    knobs_checked,
)
from howard_nodes.description.job import Job
from howard_nodes.errors import InputError
from howard_nodes.worker.protocol import Code, RequestError

__all__ = ["Block", "FileRequest", "PixelRequest", "Session", "evaluation", "members"]

_ITEM_SIZES = {"float32": 4, "float16": 2}
_LARGEST_SIDE = 65_536
_LONGEST_NAME = 4096  # bytes that a system takes
_LARGEST_FRAME = 2**31
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,200}")


@dataclass(frozen=True)
class Session:
    """Knobs and options that hold for evaluations to come, where they do not say otherwise.

    Attributes
    ----------
    knobs, options : dict
        All of them, by name.
    """

    knobs: dict[str, Any] = field(default_factory=lambda: {one.name: one.default for one in KNOBS})
    options: dict[str, Any] = field(default_factory=lambda: {one.name: one.default for one in OPTIONS})

    def configured(self, params: Mapping[str, Any]) -> Session:
        """Give the session that `configure` asks for.

        Parameters
        ----------
        params : mapping
            `knobs` and `options`: what they leave out has its default. One that is left out itself stays.

        Raises
        ------
        RequestError
            A name or value that will not do.
        """
        fresh = Session()
        knobs, options = _settings(params)
        return Session(
            fresh.knobs | knobs if "knobs" in params else self.knobs,
            fresh.options | options if "options" in params else self.options,
        )


@dataclass(frozen=True)
class Block:
    """Pixels in shared memory.

    Attributes
    ----------
    memory : str
        Name of the block, as `multiprocessing.shared_memory` has it.
    offset : int
        Bytes in front of the first pixel.
    shape : tuple of int
        Height, width and channels; without channels for one.
    dtype : str
        `float32` or `float16`, in the machine's byte order, rows from top to bottom.
    """

    memory: str
    offset: int
    shape: tuple[int, ...]
    dtype: str

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return math.prod(self.shape) * _ITEM_SIZES[self.dtype]

    def params(self) -> dict[str, Any]:
        """Write it as a request has it."""
        return {
            "memory": self.memory,
            "offset": self.offset,
            "shape": list(self.shape),
            "dtype": self.dtype,
        }


@dataclass(frozen=True)
class FileRequest:
    """Evaluate frames, from files to files.

    Attributes
    ----------
    inputs : dict of str to str
        Patterns by input.
    output : str
        Pattern of the result.
    knobs, options : dict
        All of them, by name.
    """

    inputs: dict[str, str]
    output: str
    knobs: dict[str, Any]
    options: dict[str, Any]

    def job(self) -> Job:
        """Give the job. Raises `InputError`."""
        return Job.of(self.inputs, self.output, self.knobs, self.options)

    def params(self) -> dict[str, Any]:
        """Write it as a request has it."""
        return {
            "inputs": self.inputs,
            "output": self.output,
            "knobs": self.knobs,
            "options": self.options,
        }


@dataclass(frozen=True)
class PixelRequest:
    """Evaluate one frame, from shared memory to shared memory.

    Attributes
    ----------
    frame : int
        Its number.
    space : str or None
        Colour space of plate and clean plate; None for the configuration's scene-linear.
    inputs, outputs : dict of str to Block
        Pixels by socket.
    knobs : dict
        All of them, by name.
    ocio : str or None
        The OpenColorIO configuration, as the option says.
    """

    frame: int
    space: str | None
    inputs: dict[str, Block]
    outputs: dict[str, Block]
    knobs: dict[str, Any]
    ocio: str | None

    def params(self) -> dict[str, Any]:
        """Write it as a request has it."""
        return {
            "frame": self.frame,
            "space": self.space,
            "inputs": {name: block.params() for name, block in self.inputs.items()},
            "outputs": {name: block.params() for name, block in self.outputs.items()},
            "knobs": self.knobs,
            "options": {"ocio": self.ocio},
        }


def members(params: Mapping[str, Any], *names: str) -> None:
    """Make sure that params have no other members than these.

    Raises
    ------
    RequestError
        They have; the message says what is meant or what there is.
    """
    for name in params:
        if name not in names:
            near = difflib.get_close_matches(name[:64], names, n=1)
            hint = f"did you mean '{near[0]}'? " if near else ""
            there = f"choose from {', '.join(names)}" if names else "there are no parameters"
            _refuse(f"unknown parameter {reprlib.repr(name)}: {hint}{there}.")


def evaluation(params: Mapping[str, Any], session: Session) -> FileRequest | PixelRequest:
    """Read what `evaluate` is asked for.

    Parameters
    ----------
    params : mapping
        With `output`, files; with `outputs`, shared memory.
    session : Session
        What holds where they say nothing.

    Returns
    -------
    FileRequest or PixelRequest
        Checked.

    Raises
    ------
    RequestError
        They will not do; the message says which and why.
    """
    if "outputs" in params:
        return _pixels(params, session)
    members(params, "inputs", "output", "frames", "knobs", "options")
    knobs, options = _settings(params)
    knobs, options = session.knobs | knobs, session.options | options
    frames = params.get("frames")
    if isinstance(frames, int) and not isinstance(frames, bool):
        frames = str(_frame(frames))
    if frames is not None:
        if not isinstance(frames, str):
            _refuse(f'"frames" {reprlib.repr(frames)}: must be a number, or text like 1001-1240.')
        options = options | {"frames": frames}
    inputs = _object(params, "inputs")
    output = params.get("output")
    for name, pattern in (*inputs.items(), ("output", output)):
        if pattern is None and name != "output":
            continue
        if not isinstance(pattern, str):
            _refuse(f"{name.replace('_', ' ')} {reprlib.repr(pattern)}: name a file or a pattern of files.")
        try:
            is_name = len(os.fsencode(pattern)) <= _LONGEST_NAME
        except UnicodeEncodeError:
            is_name = False
        if not is_name:
            _refuse(f"{name.replace('_', ' ')} {reprlib.repr(pattern)}: cannot be a file name.")
    try:
        request = FileRequest(inputs_checked(inputs), str(output), knobs, options)
        request.job()
    except InputError as error:
        _refuse(str(error), type(error).__name__)
    return request


def _pixels(params: Mapping[str, Any], session: Session) -> PixelRequest:
    members(params, "frame", "space", "inputs", "outputs", "knobs", "options")
    knobs, options = _settings(params)
    frame, space = params.get("frame"), params.get("space")
    if not isinstance(frame, int) or isinstance(frame, bool):
        _refuse(f'"frame" {reprlib.repr(frame)}: must be a whole number.')
    if space is not None and not isinstance(space, str):
        _refuse(f'"space" {reprlib.repr(space)}: must be the name of a colour space.')
    sockets = {socket.name: socket for socket in INPUTS}
    try:
        blocks = inputs_checked(_object(params, "inputs"))
    except InputError as error:
        _refuse(str(error), type(error).__name__)
    inputs = {name: _block(name, block, sockets[name], read=True) for name, block in blocks.items()}
    made = {socket.name: socket for socket in OUTPUTS}
    wanted = _object(params, "outputs")
    for name in wanted:
        if name not in made:
            _refuse(f"unknown output {reprlib.repr(name)}: choose from {', '.join(made)}.")
    outputs = {name: _block(name, block, made[name], read=False) for name, block in wanted.items()}
    if not outputs:
        _refuse(f'"outputs" names none of {", ".join(made)}.')
    size = inputs["plate"].shape[:2]
    for name, block in outputs.items():
        if block.shape[:2] != size:
            _refuse(
                f"{name.replace('_', ' ')}: shape {list(block.shape)} does not fit the plate's {list(size)}."
            )
    _check_apart(outputs)
    return PixelRequest(
        _frame(frame),
        space,
        inputs,
        outputs,
        session.knobs | knobs,
        (session.options | options)["ocio"],
    )


def _settings(params: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        return (
            knobs_checked(_object(params, "knobs")),
            checked(_object(params, "options"), OPTIONS, "option"),
        )
    except InputError as error:
        _refuse(str(error), type(error).__name__)


def _block(name: str, value: Any, socket: Socket, *, read: bool) -> Block:
    def refuse(why: str) -> NoReturn:
        _refuse(f"{name.replace('_', ' ')}: {why}")

    if not isinstance(value, dict):
        refuse(f"{reprlib.repr(value)} is not a block of shared memory.")
    members(value, "memory", "offset", "shape", "dtype")
    memory, offset = value.get("memory"), value.get("offset", 0)
    shape, dtype = value.get("shape"), value.get("dtype", "float32")
    if not isinstance(memory, str) or not _NAME.fullmatch(memory) or memory in (".", ".."):
        refuse(f"memory {reprlib.repr(memory)}: name a block of shared memory, without a slash.")
    if not _is_count(offset, 0, 2**53):
        refuse(f"offset {reprlib.repr(offset)}: must be a whole number of bytes, 0 or more.")
    if not isinstance(dtype, str) or dtype not in _ITEM_SIZES:
        refuse(f"dtype {reprlib.repr(dtype)}: use {' or '.join(_ITEM_SIZES)}.")
    if (
        not isinstance(shape, list)
        or len(shape) not in (2, 3)
        or not all(_is_count(side, 1, _LARGEST_SIDE) for side in shape)
    ):
        refuse(f"shape {reprlib.repr(shape)}: must be [height, width] or [height, width, channels].")
    channels = shape[2] if len(shape) == 3 else 1
    # An override may come with an alpha, and a picture with one that is left alone.
    fits = (1, 2, 3, 4) if read and socket.type == "matte" else (3, 4) if read else (socket.channels,)
    if channels not in fits:
        some = " or ".join(map(str, fits))
        refuse(f"shape {shape}: has {channels} channel{'s' * (channels != 1)}, not {some}.")
    return Block(memory, offset, tuple(shape), dtype)


def _check_apart(outputs: Mapping[str, Block]) -> None:
    parts = sorted((block.memory, block.offset, block.nbytes, name) for name, block in outputs.items())
    for (memory, offset, size, one), (other_memory, other_offset, _, other) in pairwise(parts):
        if memory == other_memory and other_offset < offset + size:
            _refuse(f"outputs {one} and {other} overlap in the block {memory}.")


def _object(params: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = params.get(name, {})
    if not isinstance(value, dict):
        _refuse(f'"{name}" {reprlib.repr(value)}: must be an object.')
    return value


def _frame(number: int) -> int:
    if abs(number) >= _LARGEST_FRAME:
        _refuse(f"frame {reprlib.repr(number)}: no such frame.")
    return number


def _is_count(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _refuse(why: str, type: str = "RequestError") -> NoReturn:
    raise RequestError(Code.INVALID_PARAMS, why, type=type)
